"""Lines of pieces: styled, cut, wrapped, set side by side."""

from __future__ import annotations

import re
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from ..show.notation import STYLES, Line

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
