"""rnnshape cost."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from .options import Dtype, Json, Network, OutputFile, check_item_type, head_options
from .output import waiting, write_json, write_text


@head_options
def cost(
    network: Network,
    tbptt: Annotated[
        int | None,
        typer.Option(
            metavar="K",
            show_default="the root of T",
            help="The steps of a window of truncated backpropagation.",
        ),
    ] = None,
    checkpoint: Annotated[
        int | None,
        typer.Option(
            metavar="K",
            show_default="the root of T",
            help="The steps between the states that checkpointing keeps.",
        ),
    ] = None,
    dtype: Dtype = "float32",
    json: Json = False,
    output: OutputFile = None,
) -> None:
    """Count what forward and backward cost: MACs, and the bytes kept for the backward.

    Each figure stands beside its formula; N, T, I, H as names give the formula alone.

    Example: rnnshape cost --cell lstm --layers 2 --seq-len 100
    """  # fmt: skip
    from ..analysis import cost as costs
    from ..analysis.trace import Trace
    from ..show.text.cost import cost_document, cost_text

    check_item_type(dtype)
    subject = network.trace()
    if subject.head is not None:
        subject = Trace(subject.spec, subject.batch, head=replace(subject.head, loss="sum"))
    with waiting("counting"):
        found = costs.cost(subject, tbptt, checkpoint)
    letters = costs.cost(costs.in_letters(subject))
    if json:
        write_json(cost_document(found, letters, dtype), output)
        return
    write_text(cost_text(found, letters, dtype), output)
