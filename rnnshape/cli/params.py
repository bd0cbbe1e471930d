"""rnnshape params."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import typer

from ..analysis.trace import Trace
from .options import Dtype, Json, Network, OutputFile, Pair, check_item_type, head_options
from .output import write_json, write_text


@head_options
def params(
    network: Network,
    framework: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Whose names, shapes and order of gates to show: torch, onnx, keras, flax, "
            "flax-linen or equinox.",
        ),
    ] = "torch",
    json: Json = False,
    dtype: Dtype = "float32",
    output: OutputFile = None,
) -> None:
    """List the parameters: names, shapes with their rules, counts and bytes, in torch's order.

    Example: rnnshape params --cell lstm --layers 2 --bidirectional
    """
    from ..show.document import params_document

    check_item_type(dtype)
    subject = network.trace()
    if framework != "torch":
        document, lines = _elsewhere(subject, framework, dtype)
    else:
        from ..show.text.trace import params_text

        document, lines = partial(params_document, subject, dtype), params_text(subject, dtype)
    if json:
        write_json(document(), output)
        return
    write_text(lines, output)


def _elsewhere(subject: Trace, framework: str, dtype: str) -> tuple[Callable[[], Any], Any]:
    """The document and the text in another framework's layout."""
    from ..models.layouts.tables import layout_of
    from ..show.text.models import layout_document, layout_text

    layout = layout_of(framework)
    assert layout is not None
    if subject.head is not None:
        words = "--output-size: expected for torch alone, elsewhere a head is a layer of its own"
        raise Pair(words, "--output-size", got=f"--framework {framework}")
    spec = subject.spec
    rest = layout.tensors(spec), layout.calls(spec, subject.batch), layout.notes(spec), dtype
    document = partial(layout_document, subject, layout.name, *rest)
    return document, layout_text(subject, layout.title, *rest)
