"""rnnshape verify."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import Json, Network, network_options
from .output import waiting, write_json, write_text


@network_options
def verify(
    network: Network,
    seed: Annotated[int, typer.Option(help="Of the numbers that are compared.")] = 0,
    json: Json = False,
) -> None:
    """Compare with the torch that is installed: parameters, shapes and values in float64.

    Example: rnnshape verify --cell lstm --layers 2 --bidirectional
    """
    from .numbers import Numbers, numeric_trace

    spec = network.spec
    spec.check_torchs(
        "verify",
        "since it compares with the layer of torch.nn, and torch has none of these equations",
        f"rnnshape code --cell {spec.cell} prints the module that computes them in torch",
    )
    numbers = Numbers(h0="random", c0=_c0(network), seed=seed, dtype="float64")
    subject = numeric_trace(network, numbers, walked=True)  # torch takes as long
    from ..analysis.verify import compare

    with waiting("comparing"):
        comparison = compare(subject)
    from ..show.text.trace import verify_document, verify_text

    if json:
        write_json(verify_document(comparison))
    else:
        write_text(verify_text(comparison))
    if not comparison.ok:
        raise typer.Exit(1)


def _c0(network: Network) -> str | None:
    return "random" if network.spec.has_cell_state else None
