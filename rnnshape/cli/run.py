"""rnnshape run."""

from __future__ import annotations

from typing import Annotated

import typer

from .forms import (
    DecoderHidden,
    DecoderLayers,
    FormName,
    TargetLength,
    arranged,
    check_form,
    form_numbers,
    run_form,
)
from .options import Network, head_options
from .output import write_arrays, write_lines


@head_options
def run(
    network: Network,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="A checkpoint or weights file of any format that inspect reads."
        ),
    ] = None,
    module: Annotated[
        str | None, typer.Option(metavar="NAME", help="The part of the file to take.")
    ] = None,
    input: Annotated[str | None, typer.Option(metavar="X.npy", help="Drawn unless given.")] = None,
    h0: Annotated[
        str | None, typer.Option(metavar="H.npy|random", help="Zeros unless given.")
    ] = None,
    c0: Annotated[
        str | None, typer.Option(metavar="C.npy|random", help="Zeros unless given; lstm only.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of what is drawn.")] = 0,
    dtype: Annotated[str, typer.Option(help="float32, float64 or float16.")] = "float32",
    train: Annotated[
        bool, typer.Option("--train", help="With dropout between layers, as in training.")
    ] = False,
    form: FormName = None,
    target_len: TargetLength = None,
    decoder_layers: DecoderLayers = None,
    decoder_hidden_size: DecoderHidden = None,
    json: Annotated[bool, typer.Option("--json", help="Shapes and values as JSON.")] = False,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output-file", metavar="FILE.npz", help="Write output, hn and cn."),
    ] = None,
) -> None:
    """Compute output, hn and cn with NumPy, without torch.

    What no file gives is drawn with the seed: parameters uniform in ±1/√H as torch initialises
    them, the input standard normal.

    Example: rnnshape run --input-size 2 --hidden-size 4 --layers 3
    """
    files = {"--weights": weights, "--module": module, "--input": input, "--h0": h0,
             "--c0": c0, "--train": train}  # fmt: skip
    own = {"--target-len": target_len, "--decoder-layers": decoder_layers,
              "--decoder-hidden-size": decoder_hidden_size}  # fmt: skip
    check_form(form, files, own)
    if form is not None:
        a = arranged(network, form, target_len, decoder_layers, decoder_hidden_size)
        run_form(a, form_numbers(a, seed, dtype), json, output)
        return
    if weights is not None and weights.lower().endswith(".onnx"):
        from .onnx import run_onnx

        given = {"input": input, "h0": h0, "c0": c0}
        run_onnx(network, weights, module, given, seed, dtype, json, output)
        return
    from ..compute import compute
    from .numbers import numeric_trace
    from .progress import waiting

    with waiting("computing"):
        subject = numeric_trace(network, weights, module, input, h0, c0, seed, dtype, train)
        assert subject.feed is not None
        result = compute(subject.feed)
    if output is not None:
        write_arrays(output, result.to_dict())
    if json:
        from json import dumps

        from ..show.document import run_document

        write_lines([dumps(run_document(subject, result))])
    elif output is None:
        from ..show.screen import put
        from ..show.told import run_text

        put(run_text(subject, result))
