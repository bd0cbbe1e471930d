"""Lines of pieces: styled, cut, wrapped, set side by side."""

from __future__ import annotations

import re
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from ..show.notation import STYLES, Line
from ..show.screen import length

# how a piece is set off beside its kind, written after a bar: "state|current"
_MARKS = {"current": "reverse bold", "strong": "bold", "field": "underline", "edit": "reverse",
          "key": "bold", "far": "dim"}  # fmt: skip


@lru_cache(256)
def style(kind: str) -> Style:
    """The style of a kind; `state|current` is that of state, set off as current."""
    first, *marks = kind.split("|")
    return Style.parse(" ".join([STYLES[first], *(_MARKS[mark] for mark in marks)]) or "none")


def strip(line: Line, width: int) -> Strip:
    """A line cut or filled to `width`."""
    segments = [Segment(words, style(kind)) for words, kind in line if words]
    return Strip(segments).adjust_cell_length(width, Style.null())


def scrolled(lines: list[Line], first: int, height: int) -> list[Line]:
    """`height` lines from `first` on; at the edges it is said how many more there are."""
    shown = lines[first : first + height]
    below = len(lines) - first - height
    if below > 0 and shown:
        shown[-1] = [(f"↓ {below + 1} more lines: PgDn", "note")]
    if first and shown:
        shown[0] = [(f"↑ {first + 1} more lines: PgUp", "note")]
    return shown


def beside(left: list[Line], right: list[Line], at: int, height: int) -> list[Line]:
    """Two columns of `height` lines, the right one from the column `at` on."""
    rows: list[Line] = []
    for number in range(height):
        row = cut(left[number], at) if number < len(left) else []
        if number < len(right):
            row = [*row, (" " * (at - length(row)), ""), *right[number]]
        rows.append(row)
    return rows


def cut(line: Line, width: int) -> Line:
    """The first `width` signs of a line."""
    kept: Line = []
    for words, kind in line:
        if width <= 0:
            break
        kept.append((words[:width], kind))
        width -= len(words)
    return kept


def paragraph(text: str, width: int, kind: str = "") -> list[Line]:
    """A text in lines of at most `width`; its own lines stay apart."""
    import textwrap

    return [
        [(row, kind)]
        for part in text.split("\n")
        for row in ((textwrap.wrap(part, width) if cell_len(part) == len(part)
                     else _by_cells(part, width)) if part else [""])
    ]  # fmt: skip


def _by_cells(text: str, width: int) -> list[str]:
    """Lines of a text with signs two cells wide, between any two of which a line may break."""
    rows, room = [""], width
    for part in re.findall(r"[!-~·ᵀ×⊙−]+|.", text):
        if cell_len(part) > room and rows[-1]:
            rows.append("")
            room = width
            part = part.lstrip()
        rows[-1] += part
        room -= cell_len(part)
    return rows
