"""Lines of styled text, and how they reach a terminal, a pipe or a file."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterable, Iterator
from textwrap import wrap
from typing import TextIO

from .colours import COLOURS
from .notation import STYLES
from .notation import Line as Line
from .notation import Piece as Piece

# what a console shows that has no such signs
_PLAIN = {
    "→": "->", "×": "x", "·": "*", "⊙": "(*)", "ᵀ": "^T", "−": "-", "…": "...", "σ": "sigmoid",
    "—": "-", "≤": "<=", "≥": ">=", "✓": "ok", "✗": "x", "²": "^2", "∂": "d", "’": "'",
    "Σₙ": "sum_n", "Σₖ": "sum_k", "Σ": "sum", "‖": "|", "₂": "2",
    "–": "-", "↑": "^", "│": "|", "┊": ":", "─": "-", "┄": ".", "═": "=", "┌": "+", "┐": "+",
    "└": "+", "┘": "+", "├": "+", "┤": "+", "┬": "+", "┴": "+",
}  # fmt: skip
# dots of a plot by where they lie: above, below, or both
_BRAILLE = {
    0x2800 + dots: ":" if dots & 0x1B and dots & 0xE4 else "'" if dots & 0x1B else "."
    for dots in range(1, 256)
}
# an arrow's head with the wire behind it, so that a picture keeps its columns
_WIRES = {"─→": "->", "┄→": ".>", "←─": "<-", "←┄": "<.", "←": "<-"}


def text(words: str, kind: str = "") -> Line:
    """A line of one piece."""
    return [(words, kind)]


def paragraph(words: str, kind: str = "note") -> list[Line]:
    """`words`, set in by two, in lines of at most 80 columns."""
    return [text(f"  {line}", kind) for line in wrap(words, 78, break_on_hyphens=False)]


def note_lines(words: str) -> Iterator[Line]:
    """A remark of any length, in lines of at most 80 columns."""
    from textwrap import wrap

    for row in wrap(words, 78, break_long_words=False, break_on_hyphens=False):
        yield text(f"  {row}", "note")


def colours(stream: TextIO) -> bool:
    """Whether `stream` takes colour: a terminal that is not dumb, and no NO_COLOR."""
    return (
        not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") != "dumb"
        and hasattr(stream, "isatty")
        and stream.isatty()
    )


def columns_of(stream: TextIO | None) -> int:
    """How many signs a line holds: what COLUMNS says, a terminal's width, or 80 elsewhere."""
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and 0 < len(told) < 6 and int(told):
        return int(told)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80 if stream else 80
    except (OSError, ValueError):  # no terminal, or no file behind the stream
        return 80


def encodable(words: str, stream: TextIO) -> str:
    """`words` with signs that the stream's encoding lacks in plain letters.

    Where it lacks the arrow, all signs are plain: no `7x20` stands beside a `7×20`.
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        ("→" + words).encode(encoding)
    except UnicodeEncodeError:
        words = _in_plain(words).encode(encoding, "replace").decode(encoding)
    return words


def fall_back(stream: TextIO) -> None:
    """The same for whoever else writes to `stream`, such as the help."""
    if isinstance(stream, io.TextIOWrapper):
        codecs.register_error("rnnshape", _replaced)
        stream.reconfigure(errors="rnnshape")


def _replaced(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    plain = _in_plain(error.object[error.start : error.end])
    return plain.encode(error.encoding, "replace").decode(error.encoding), error.end


def _in_plain(words: str) -> str:
    for sign, plain in (_WIRES | _PLAIN).items():
        words = words.replace(sign, plain)
    return words.translate(_BRAILLE)


def visible(words: str) -> str:
    """Foreign text made harmless to a terminal: control characters are shown as escapes."""
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()
        for char in words
    )


def visible_line(words: str) -> str:
    """The same on one line: a name with a line break in it cannot pass for a line of ours."""
    return visible(words).replace("\n", "\\n")


def put(lines: Iterable[Line], stream: TextIO | None = None) -> None:
    """Write lines to a stream (standard output unless told), in colour where it takes colour."""
    stream = stream or sys.stdout
    if not colours(stream):
        for plain in plain_lines(lines):
            stream.write(encodable(plain, stream) + "\n")
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, highlight=False, soft_wrap=True)
    for line in lines:
        pieces = [(encodable(words, stream), STYLES[kind]) for words, kind in line]
        console.print(Text.assemble(*pieces))


def plain_lines(lines: Iterable[Line]) -> Iterator[str]:
    """Lines without colour, for a file."""
    for line in lines:
        yield "".join(words for words, _ in line).rstrip()


def html(lines: Iterable[Line]) -> str:
    """Lines as an HTML fragment, for a notebook."""
    from html import escape

    colour = {"dim": "opacity:.6", "bold": "font-weight:bold", "": ""}
    rows = []
    for line in lines:
        row = ""
        for words, kind in line:
            style = ";".join(
                colour.get(part, f"color:{_HTML.get(part, part)}") for part in STYLES[kind].split()
            )
            row += f'<span style="{style}">{escape(words)}</span>' if style else escape(words)
        rows.append(row)
    return '<pre style="line-height:1.35">' + "\n".join(rows) + "</pre>"


_HTML = {colour.terminal: colour.light for colour in COLOURS.values()}


def columns(rows: list[list[Piece]], indent: str = "  ") -> list[Line]:
    """Rows of pieces as lines, each column as wide as its widest piece."""
    widths: dict[int, int] = {}
    for row in rows:
        for i, (words, _) in enumerate(row):
            widths[i] = max(widths.get(i, 0), len(words))
    return [
        [(indent, "")]
        + [(words.ljust(widths[i]) + "  ", kind) for i, (words, kind) in enumerate(row)]
        for row in rows
    ]
