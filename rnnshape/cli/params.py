"""rnnshape params."""

from __future__ import annotations

from typing import Annotated

import typer

from ..errors import UsageError
from .options import Network, head_options
from .output import write_lines


@head_options
def params(
    network: Network,
    json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    dtype: Annotated[
        str, typer.Option(help="What a number is stored as: float16, bfloat16, float32, float64.")
    ] = "float32",
    output: Annotated[
        str | None, typer.Option("-o", "--output-file", metavar="FILE", help="Write to a file.")
    ] = None,
) -> None:
    """List the parameters: names, shapes with their rules, counts and bytes, in torch's order.

    Example: rnnshape params --cell lstm --layers 2 --bidirectional
    """
    from ..show.document import ITEM_BYTES, params_document

    if dtype not in ITEM_BYTES:
        raise UsageError(
            f"--dtype: expected {', '.join(ITEM_BYTES)}",
            got=repr(dtype[:40]),
            fix="--dtype float32",
        )
    subject = network.trace()
    if json:
        from json import dumps

        write_lines([dumps(params_document(subject, dtype))], output)
        return
    from ..show.screen import plain_lines, put
    from ..show.told import params_text

    told = params_text(subject, dtype)
    if output is not None:
        write_lines(plain_lines(told), output)
    else:
        put(told)
