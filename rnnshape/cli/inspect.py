"""rnnshape inspect."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .options import Json, Network, Pair, network_options
from .output import waiting, write_json, write_text


@network_options
def inspect(
    network: Network,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help=".safetensors, .npz, .pt, .pth, .bin, .ckpt, .onnx, .keras, .h5, .tflite, "
            "saved_model.pb, a checkpoint's .index, TensorFlow.js's model.json, or .index.json.",
        ),
    ],
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help="A second file: would the first load into what this was saved from?",
        ),
    ] = None,
    module: Annotated[
        str | None, typer.Option(metavar="NAME", help="One network of the file.")
    ] = None,
    json: Json = False,
) -> None:
    """Say which recurrent networks a file of weights holds, without torch and without running it.

    With a second file, or with options that describe a network, compare: what differs, and what
    load_state_dict says. What no option says is taken from the file. Ends with 1 where they
    differ, or where a network of the file is not whole.

    Example: rnnshape inspect model.safetensors --module encoder.rnn
    """
    from ..models.files import open_file
    from ..models.networks.find import chosen, contents
    from ..show.document import inspect_document

    option = network.first("batch_size", "seq_len", "unbatched", "lengths")
    if option is not None:
        words = f"{option}: expected options of the network alone: no file of weights holds a batch"
        raise Pair(words, option, got=option)
    with waiting("reading"):
        held = contents(open_file(file))
    stated = network.arguments
    modules = held.modules if module is None else (chosen(held, module),)
    if model is None and not stated:
        _tell(inspect_document(held, modules), json)
        if not all(found.whole for found in modules):
            raise typer.Exit(1)
        return
    from ..models.compare import beside_file, beside_spec

    known: dict[str, Any] = {}
    if model is not None:
        if stated:
            words = "inspect: expected a second file or options that describe a network"
            raise Pair(words, network.first(*network.options) or "", model)
        with waiting("comparing"):
            comparison = beside_file(held, contents(open_file(model)), module)
    else:
        modules = (chosen(held, module),)
        comparison = beside_spec(modules[0], stated, file)
        known = {**modules[0].spec.to_dict(), **stated}
    _tell(inspect_document(held, modules, comparison, known), json)
    if not comparison.equal:
        raise typer.Exit(1)


def _tell(document: dict[str, Any], json: bool) -> None:
    if json:
        write_json(document)
        return
    from ..show.text.models import comparison_text, inspect_text

    write_text(comparison_text(document) if "comparison" in document else inspect_text(document))
