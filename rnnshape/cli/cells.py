"""rnnshape cells."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import Json, OutputFile
from .output import write_json, write_lines, write_text


def cells(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Print the file of this cell.")
    ] = None,
    json: Json = False,
    output: OutputFile = None,
) -> None:
    """List the cells that come with the program, or print one as equations, ready to change.

    --cell takes the name of each, or a file like these.

    Example: rnnshape cells mgu
    """
    from ..engine.written import shipped, shipped_cell
    from ..show.text.cells import cells_document, cells_text

    if name is not None:
        cell = shipped_cell(name)
        if json:
            write_json(cells_document([cell]), output)
        else:
            write_lines(cell.text.rstrip("\n").split("\n"), output)
        return
    listed = [shipped_cell(one) for one in shipped()]
    if json:
        write_json(cells_document(listed), output)
    else:
        write_text(cells_text(listed), output)
