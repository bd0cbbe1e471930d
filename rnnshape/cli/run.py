"""rnnshape run."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .options import Network, head_options
from .output import write_file, write_lines


@head_options
def run(
    network: Network,
    weights: Annotated[
        str | None, typer.Option(metavar="FILE", help="A .npz or .safetensors file.")
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
    from ..compute import compute
    from .numbers import numeric_trace

    subject = numeric_trace(network, weights, module, input, h0, c0, seed, dtype, train)
    assert subject.feed is not None
    result = compute(subject.feed)
    if output is not None:
        import numpy as np

        arrays: dict[str, Any] = result.to_dict()
        write_file(output, lambda file: np.savez(file, **arrays))
    if json:
        from json import dumps

        from ..show.document import run_document

        write_lines([dumps(run_document(subject, result))])
    elif output is None:
        from ..show.screen import put
        from ..show.told import run_text

        put(run_text(subject, result))
