"""rnnshape trace."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import Network, head_options
from .output import write_lines


@head_options
def trace(
    network: Network,
    json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    ndjson: Annotated[
        bool, typer.Option("--ndjson", help="One JSON object a line, while the walk goes on.")
    ] = False,
    all: Annotated[bool, typer.Option("--all", help="Unfold equal steps.")] = False,
    layer: Annotated[int | None, typer.Option(help="This layer alone.")] = None,
    direction: Annotated[
        str | None, typer.Option(metavar="forward|reverse", help="This direction alone.")
    ] = None,
    step: Annotated[int | None, typer.Option(help="This time t alone.")] = None,
    values: Annotated[
        bool, typer.Option("--values", help="With the value of every intermediate.")
    ] = False,
    weights: Annotated[str | None, typer.Option(metavar="FILE", help="With --values.")] = None,
    module: Annotated[str | None, typer.Option(metavar="NAME", help="With --weights.")] = None,
    input: Annotated[str | None, typer.Option(metavar="X.npy", help="With --values.")] = None,
    h0: Annotated[str | None, typer.Option(metavar="H.npy", help="With --values.")] = None,
    c0: Annotated[str | None, typer.Option(metavar="C.npy", help="With --values.")] = None,
    seed: Annotated[int, typer.Option(help="With --values: of what is drawn.")] = 0,
    dtype: Annotated[str, typer.Option(help="With --values.")] = "float32",
    train: Annotated[
        bool, typer.Option("--train", help="With --values: with dropout, as in training.")
    ] = False,
    output: Annotated[
        str | None, typer.Option("-o", "--output-file", metavar="FILE", help="Write to a file.")
    ] = None,
) -> None:
    """Walk the loops of the layer and show every step with its shapes.

    Example: rnnshape trace --layers 3 --bidirectional
    """
    from ..tracing import Selection

    subject = network.trace()
    if values or weights or input or h0 or c0 or train:
        from .numbers import numeric_trace

        subject = numeric_trace(network, weights, module, input, h0, c0, seed, dtype, train)
    machine = json or ndjson
    selection = Selection(layer, direction, step, folded=not (all or machine))
    selection.check(subject.spec, subject.batch, subject.head)
    if machine:
        from ..show.document import trace_lines, trace_ndjson

        write_lines((trace_ndjson if ndjson else trace_lines)(subject, selection), output)
        return
    from ..show.screen import plain_lines, put
    from ..show.told import trace_text

    told = trace_text(subject, selection)
    if output is not None:
        write_lines(plain_lines(told), output)
    else:
        put(told)
