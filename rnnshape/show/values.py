"""Arrays as rows of rounded numbers, coloured by sign, elided when large."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..engine.walk import Tensor
from .notation import Line, Piece, number_piece

_ROWS, _COLUMNS = 6, 6  # more is elided in the middle


def value_lines(tensor: Tensor, indent: str) -> Iterator[Line]:
    """The value of a tensor below its shape; nothing where the walk has no numbers."""
    if tensor.value is not None:
        indent = indent if len(indent) < 16 else " " * 8
        yield from array_lines(tensor.value, indent)


def array_lines(array: Any, indent: str = "  ") -> Iterator[Line]:
    """A vector as one row, a matrix as rows, anything higher as matrices one after the other."""
    if array.ndim > 2:
        for index in _kept(len(array), _ROWS):
            if index is None:
                yield [(f"{indent}…", "note")]
                continue
            yield [(f"{indent}[{index}]", "note")]
            yield from array_lines(array[index], indent + "  ")
        return
    matrix = array.reshape(1, -1) if array.ndim < 2 else array
    for row in _kept(len(matrix), _ROWS):
        if row is None:
            yield [(f"{indent}…", "note")]
            continue
        cells: list[Piece] = [(indent, "")]
        for column in _kept(matrix.shape[1], _COLUMNS):
            cells.append(("  …", "note") if column is None else number_piece(matrix[row, column]))
        yield cells


def _kept(count: int, most: int) -> list[int | None]:
    if count <= most:
        return list(range(count))
    half = most // 2
    return [*range(most - half), None, *range(count - half, count)]
