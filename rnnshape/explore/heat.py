"""An array as a heat map that needs no colour: signs for size, their shape and colour for sign."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..show.notation import Line, Piece, number_piece

_MORE, _LESS = "░▒▓█", "-=≡#"  # above and below zero, each from small to large
_DIGITS = 9  # what a number needs


class MapRow(list[Piece]):
    """A line of a map of signs, which knows its numbers; a line as any other else."""

    def __init__(self, pieces: Line, name: str, values: Any, indent: int) -> None:
        super().__init__(pieces)
        self._name, self._values, self._indent = name, values, indent

    def number(self, x: int) -> str:
        """The number whose sign stands at a column, with its name and place; '' where none does."""
        column = x - self._indent
        if not 0 <= column < len(self._values):
            return ""
        return f"{self._name}{column}] = {number_piece(self._values[column])[0].strip()}"


def heat_lines(
    array: Any, width: int, rows: int, indent: int = 2, name: str = ""
) -> Iterator[Line]:
    """A matrix as numbers where they have room, else as a map of signs; a vector is one row.

    At most `rows` rows; a last line says what is left out and how large the largest are.
    """
    if array.ndim > 2:  # a matrix for each sample: that of the first
        if len(array):
            yield from heat_lines(array[0], width, rows, indent, f"{name}[0]")
        if len(array) > 1:
            yield [(" " * indent + f"… the same of {len(array) - 1} more", "note")]
        return
    matrix = array.reshape(1, -1) if array.ndim < 2 else array
    room = width - indent
    shown = matrix[:rows]
    left = len(matrix) - len(shown)
    more = f"… {left} more row{'s' if left > 1 else ''}" if left else ""
    if matrix.shape[1] * _DIGITS <= room:
        for row in shown:
            yield [(" " * indent, ""), *map(number_piece, row)]
        if more:
            yield [(" " * indent + more, "note")]
        return
    most = float(abs(matrix).max(initial=0)) or 1.0
    columns = min(matrix.shape[1], room if matrix.shape[1] <= room else room - 1)
    cut = [("…", "note")] if columns < matrix.shape[1] else []
    for number, row in enumerate(shown):
        signs = _joined(_sign(value, most) for value in row[:columns])
        place = f"{name}[{number}, " if array.ndim > 1 else f"{name}["
        yield MapRow([(" " * indent, ""), *signs, *cut], place, row[:columns], indent)
    low, high = float(matrix.min(initial=0)), float(matrix.max(initial=0))
    ends = f"{low:.2f} {_LESS[::-1]}·{_MORE} {high:.2f}"
    yield [(" " * indent + ends, "note"), *([("  " + more, "note")] if more else [])]


def _sign(value: Any, most: float) -> Piece:
    share = float(value) / most
    if share != share:  # no number
        return "?", "bad"
    level = min(3, int(abs(share) * 4))
    if abs(share) < 0.02:
        return "·", "note"
    kind = ("large " if level == 3 else "") + ("positive" if share > 0 else "negative")
    return (_MORE if share > 0 else _LESS)[level], kind


def _joined(pieces: Iterator[Piece]) -> list[Piece]:
    """Neighbours of one kind as one piece."""
    line: list[Piece] = []
    for words, kind in pieces:
        if line and line[-1][1] == kind:
            line[-1] = (line[-1][0] + words, kind)
        else:
            line.append((words, kind))
    return line
