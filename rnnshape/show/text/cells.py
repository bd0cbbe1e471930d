"""Cells as equations: the list of those that come with the program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ...engine.written import Cell
from ..screen import Line, columns, text


def cells_text(cells: Iterable[Cell]) -> Iterator[Line]:
    """A line a cell: its name, its states, what it is and where it comes from."""
    yield from columns(
        [
            [(cell.name, "title"), (" ".join(cell.states), "state"), (cell.about, "note")]
            for cell in cells
        ]
    )
    yield []
    yield text(
        "  rnnshape cells NAME prints a file, ready to change; --cell takes the name,", "note"
    )
    yield text("  or a file such as --cell mine.cell", "note")


def cells_document(cells: Iterable[Cell]) -> dict[str, Any]:
    """`rnnshape/cells/1`: every cell with its equations, states and parameters."""
    return {"schema": "rnnshape/cells/1", "cells": [_entry(cell) for cell in cells]}


def cell_document(cell: Cell) -> dict[str, Any]:
    """The same with one cell."""
    return cells_document([cell])


def _entry(cell: Cell) -> dict[str, Any]:
    return {
        "name": cell.name,
        "about": cell.about,
        "equations": cell.text,
        "states": {name: f"({cell.rule(name)})" for name in cell.states},
        "parameters": {name: f"({rule})" for name, rule in cell.rules.items()},
        "conditions": cell.conditions,
    }
