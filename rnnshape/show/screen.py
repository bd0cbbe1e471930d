"""Lines of styled text, and how they reach a terminal, a pipe or a file."""

from __future__ import annotations

import codecs
import io
import os
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from ..engine.walk import Tensor
from .notation import COLOURS, STYLES, number_piece
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


def counted(count: int, noun: str) -> str:
    """`1 layer`, `1,200 layers`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


class Prose(list[Piece]):
    """A line of any length that whoever shows it breaks between words, hanging under its words.
    Words that a no-break space joins stay side by side.

    margin: where these begin, behind the first of several pieces unless told.
    """

    def __init__(self, pieces: Line, margin: int | None = None) -> None:
        super().__init__(pieces)
        first = pieces[0][0]
        plain = len(first) - len(first.lstrip()) if len(pieces) == 1 else len(first)
        self.margin = plain if margin is None else margin


def prose(words: str, kind: str = "note", indent: int = 2) -> Line:
    """A remark of any length, set in by `indent`."""
    return Prose([(" " * indent, ""), (words, kind)])


def labelled(label: str, words: str, kind: str = "", width: int = 10) -> Line:
    """Words of any length beside a label in a margin of `width`."""
    return Prose([(f"{label:{width}}", "note"), (words, kind)])


def length(line: Line) -> int:
    """The number of signs in a line."""
    return sum(len(words) for words, _ in line)


def wrapped(line: Line, width: int, indent: int = 0, cut: bool = True) -> list[Line]:
    """A line in lines of at most `width`, broken at spaces and before the signs of an equation.

    cut: whether a word that is longer is broken too.
    """
    if length(line) <= width:
        return [line]
    rows: list[Line] = [[]]
    room = width
    for words, kind in _tokens(line):
        rest = words
        if len(rest.rstrip()) > room and rows[-1]:
            rows.append([(" " * indent, "")])
            room = width - indent
            rest = rest.lstrip()
        while cut and len(rest.rstrip()) > room > 0:
            rows[-1].append((rest[:room], kind))
            rows.append([(" " * indent, "")])
            rest, room = rest[room:], width - indent
        rows[-1].append((rest, kind))
        room -= len(rest)
    return rows


def _tokens(line: Line) -> Iterator[Piece]:
    for words, kind in line:
        parts = (
            re.findall(r" +|[^ ]+", words)
            if isinstance(line, Prose)
            else re.findall(r"\s+|[·+→⊙−]?(?:e\+\d|[^\s·+→⊙−])+|[·+→⊙−]", words)
        )
        for part in parts:
            yield part, kind


_CODE = {"good", "negative", "code"}  # kinds of lines that are copied, and never broken


def _folded(line: Line, width: int, terminal: bool) -> list[Line]:
    """A line as a stream of `width` shows it; a pipe and a file leave all but prose whole."""
    if isinstance(line, Prose):
        hanging = line.margin
    elif terminal and not (len(line) < 3 and any(kind in _CODE for _, kind in line)):
        hanging = Prose(line).margin + 2 if line else 0
    else:
        return [line]
    rows = wrapped(line, width, hanging if hanging < width // 2 else 2, cut=terminal)
    return [[(words.replace("\xa0", " "), kind) for words, kind in row] for row in rows]


def colours(stream: TextIO) -> bool:
    """Whether `stream` takes colour: a terminal that is not dumb, unless the environment says so.

    NO_COLOR and CLICOLOR=0 forbid it, FORCE_COLOR and CLICOLOR_FORCE ask for it in a pipe too.
    """
    variable = os.environ.get
    if variable("NO_COLOR"):
        return False
    if any(variable(name, "0") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    plain = variable("TERM") == "dumb" or variable("CLICOLOR") == "0"
    legacy = os.name == "nt" and "WT_SESSION" not in os.environ  # a console that shows the codes
    return not plain and not legacy and hasattr(stream, "isatty") and stream.isatty()


def columns_of(stream: TextIO | None) -> int:
    """How many signs a line holds: what COLUMNS says, a terminal's width, or 80 elsewhere."""
    return _size("COLUMNS", stream, 80)


def rows_of(stream: TextIO | None) -> int:
    """How many lines a screen holds: what LINES says, a terminal's height, or 24 elsewhere."""
    return _size("LINES", stream, 24)


def _size(variable: str, stream: TextIO | None, usual: int) -> int:
    said = os.environ.get(variable, "")
    if said.isdecimal() and 0 < len(said) < 6 and int(said):
        return int(said)
    try:
        size = os.get_terminal_size(stream.fileno()) if stream else None
    except (OSError, ValueError):  # no terminal, or no file behind the stream
        return usual
    return (size[variable == "LINES"] if size else 0) or usual


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


def put(lines: Iterable[Line], stream: TextIO | None = None) -> None:
    """Write lines to a stream (standard output unless told), in colour where it takes colour."""
    stream = stream or sys.stdout
    for line in shown(lines, stream, columns_of(stream)):
        stream.write(line)


def shown(lines: Iterable[Line], stream: TextIO, width: int) -> Iterator[str]:
    """Lines as `stream` shows them in `width` columns, each with its end."""
    terminal, coloured = hasattr(stream, "isatty") and stream.isatty(), colours(stream)
    for part in (part for line in lines for part in _folded(line, width, terminal)):
        words = ""
        for piece, kind in part:
            piece = encodable(piece, stream)
            words += f"\x1b[{_SGR[kind]}m{piece}\x1b[0m" if coloured and _SGR[kind] else piece
        yield (words if coloured else words.rstrip()) + "\n"


# the styles of the kinds as a terminal is told them
_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34",
          "magenta": "35", "cyan": "36"}  # fmt: skip
_SGR = {kind: ";".join(_CODES[word] for word in style.split()) for kind, style in STYLES.items()}


def plain_lines(lines: Iterable[Line]) -> Iterator[str]:
    """Lines without colour, for a file; prose in lines of at most 80 columns."""
    for line in lines:
        for part in _folded(line, 80, terminal=False):
            yield "".join(words for words, _ in part).rstrip()


def html(lines: Iterable[Line]) -> str:
    """Lines as an HTML fragment, for a notebook."""
    from html import escape

    colour = {"dim": "opacity:.6", "bold": "font-weight:bold", "": ""}
    rows = []
    for part in (part for line in lines for part in _folded(line, 80, terminal=False)):
        row = ""
        for words, kind in part:
            style = ";".join(
                colour.get(word, f"color:{_HTML.get(word, word)}") for word in STYLES[kind].split()
            )
            row += f'<span style="{style}">{escape(words)}</span>' if style else escape(words)
        rows.append(row)
    return '<pre style="line-height:1.35">' + "\n".join(rows) + "</pre>"


_HTML = {colour.terminal: colour.light for colour in COLOURS.values()}


def columns(rows: list[list[Piece]], indent: str = "  ", ends: bool = False) -> list[Line]:
    """Rows of pieces as lines, each column as wide as its widest piece.

    ends: the last column is words of any length, broken where there is no room for them.
    """
    widths: dict[int, int] = {}
    for row in rows:
        for i, (words, _) in enumerate(row):
            widths[i] = max(widths.get(i, 0), len(words))
    lines = [
        [(indent, "")]
        + [(words.ljust(widths[i]) + "  ", kind) for i, (words, kind) in enumerate(row)]
        for row in rows
    ]
    if not ends:
        return lines
    return [Prose([*line[:-1], row[-1]], length(line[:-1])) for line, row in zip(lines, rows)]


_ROWS, _COLUMNS = 6, 6  # more is elided in the middle


def value_lines(tensor: Tensor, indent: str) -> Iterator[Line]:
    """The value of a tensor below its shape; nothing where the walk has no numbers."""
    if tensor.value is not None:
        indent = indent if len(indent) < 16 else " " * 8
        yield from array_lines(tensor.value, indent)


def array_lines(array: Any, indent: str = "  ") -> Iterator[Line]:
    """A vector as one row, a matrix as rows, anything higher as matrices one after the other;
    several rows of nothing as one word."""
    if array.ndim > 1 and array.size > array.shape[-1] and not array.any():
        yield [(f"{indent}zeros", "note")]
        return
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
