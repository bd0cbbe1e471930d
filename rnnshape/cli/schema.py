"""rnnshape schema."""

from __future__ import annotations

from typing import Annotated

import typer

from ..errors import UsageError
from .output import write_lines


def schema(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The document: trace, params, …")
    ] = None,
) -> None:
    """Print the JSON Schema of a document; without a name, list the documents.

    Example: rnnshape schema trace
    """
    from json import dumps

    from ..show import schema as schemas

    names = schemas.schema_names()
    if name is None:
        write_lines(names)
        return
    if name.startswith("rnnshape/"):  # as a document names its own: rnnshape/trace/1
        name = name.split("/")[1]
    if name not in names:
        raise UsageError(
            f"schema: expected one of {', '.join(names)}", got=repr(name[:40]),
            fix=f"rnnshape schema {names[0]}",
        )  # fmt: skip
    write_lines([dumps(schemas.schema(name), indent=1, ensure_ascii=False)])
