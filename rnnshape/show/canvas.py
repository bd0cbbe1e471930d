"""A field of signs for pictures of boxes and wires; what is drawn later covers what was before."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from .notation import Line


class Canvas:
    """Signs at places (x, y), each with its kind; x to the right and y downwards, both from 0."""

    def __init__(self) -> None:
        self._signs: dict[int, dict[int, tuple[str, str]]] = {}

    @property
    def width(self) -> int:
        """The number of signs in the longest row."""
        return max((max(row) + 1 for row in self._signs.values() if row), default=0)

    @property
    def height(self) -> int:
        """The number of rows."""
        return max(self._signs, default=-1) + 1

    def put(self, x: int, y: int, words: str, kind: str = "") -> None:
        """Write `words` from (x, y) on."""
        row = self._signs.setdefault(y, {})
        for position, sign in enumerate(words, x):
            row[position] = (sign, kind)

    def centred(self, x: int, y: int, words: str, kind: str = "") -> None:
        """Write `words` with their middle at x; of two middle signs the left one."""
        self.put(x - (len(words) - 1) // 2, y, words, kind)

    def column(self, x: int, rows: range, sign: str = "│", kind: str = "") -> None:
        """Write one sign a row."""
        for y in rows:
            self.put(x, y, sign, kind)

    def box(self, x: int, y: int, inner: Sequence[str], kind: str = "state") -> None:
        """A frame around lines, as wide as the longest; its words have `kind`."""
        width = max(map(len, inner)) + 2
        self.put(x, y, "┌" + "─" * width + "┐")
        for words in inner:
            y += 1
            self.put(x, y, "│ ")
            self.put(x + 2, y, words, kind)
            self.put(x + width, y, " │")
        self.put(x, y + 1, "└" + "─" * width + "┘")

    def fits(self, x: int, y: int, words: str) -> bool:
        """Whether `words` at (x, y) would touch nothing."""
        row = self._signs.get(y, {})
        return not any(position in row for position in range(x, x + len(words) + 1))

    def paste(self, other: Canvas, x: int, y: int) -> None:
        """Copy another canvas with its corner at (x, y)."""
        for row, signs in other._signs.items():
            for column, (sign, kind) in signs.items():
                self.put(x + column, y + row, sign, kind)

    def lines(self) -> list[Line]:
        """The rows as lines of pieces."""
        return [self._line(y) for y in range(self.height)]

    def _line(self, y: int) -> Line:
        row = self._signs.get(y, {})
        signs = [row.get(x, (" ", "")) for x in range(max(row, default=-1) + 1)]
        return [
            ("".join(sign for sign, _ in group), kind)
            for kind, group in groupby(signs, key=lambda sign: sign[1])
        ]
