"""Cells as equations: the list of those that come with the program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ...engine.written import Cell
from ..screen import Line, Piece, columns, prose, text


def cells_text(cells: Iterable[Cell]) -> Iterator[Line]:
    """A line a cell: its name, its states, what it is and where it comes from."""
    rows: list[list[Piece]] = [
        [(cell.name, "title"), (" ".join(cell.states), "state"), (cell.about, "note")]
        for cell in cells
    ]
    yield from columns(rows, ends=True)
    yield []
    yield prose(
        "rnnshape cells NAME prints a file, ready to change; --cell takes the name, or a file such "
        "as --cell mine.cell"
    )


def cell_lines(cell: Cell) -> Iterator[Line]:
    """A cell as its equations, each with the shape that it gives, and its parameters."""
    yield text(cell.name, "title")
    yield from columns([[(line, ""), (rule, "note")] for line, rule in cell.lines() if line])
    yield []
    states = {name: f"({cell.rule(name)})" for name in cell.states}
    rules = {name: f"({rule})" for name, rule in cell.rules.items()}
    for kind, rows in (("state", states), ("weight", rules)):
        yield from columns([[(name, kind), (rule, "note")] for name, rule in rows.items()])
    for condition in cell.conditions:
        yield prose(f"wants {condition}")


def cells_document(cells: Iterable[Cell]) -> dict[str, Any]:
    """`rnnshape/cells/1`: every cell with its equations, states and parameters."""
    return {"schema": "rnnshape/cells/1", "cells": [_entry(cell) for cell in cells]}


def _entry(cell: Cell) -> dict[str, Any]:
    return {
        "name": cell.name,
        "about": cell.about,
        "equations": cell.text,
        "states": {name: f"({cell.rule(name)})" for name in cell.states},
        "parameters": {name: f"({rule})" for name, rule in cell.rules.items()},
        "conditions": cell.conditions,
    }
