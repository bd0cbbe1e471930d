"""Reading an error as people have it: a bare message, a traceback, a notebook's, a log's.

Everything here takes time linear in a bounded part of the text, and what it returns holds no
control characters and no escape sequences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

Part = TypeVar("Part", str, bytes)

WINDOW = 120_000  # characters looked at around each place where an error may stand
LONGEST_LINE = 100_000  # the missing keys of a large checkpoint are one line
MOST_FRAMES = 200

_ESCAPE = re.compile(
    r"\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]|\x1b\][^\x07\x1b\n]{0,512}(?:\x07|\x1b\\)?|\x1b.?|"
    r"\x9b[0-?]{0,64}[ -/]{0,8}[@-~]"
)
_MARKS_OF_TEXT = ("Traceback (most recent call last)", "Error: ")
_MARKS_OF_BYTES = tuple(mark.encode() for mark in _MARKS_OF_TEXT)
_KEPT = "\n\t"
_INVISIBLE = {
    code: None
    for code in [
        *range(0x20), *range(0x7F, 0xA0), *range(0x200B, 0x2010), *range(0x2028, 0x202F),
        *range(0x2060, 0x2070), 0xFEFF, *range(0xFFF9, 0xFFFC),
    ]
    if chr(code) not in _KEPT
}  # fmt: skip

# What a log or a tool puts before every line: torchrun's rank, pytest's E, rich's box.
_PREFIX = re.compile(r"(?:\[[a-z]{0,9}\d{1,5}\]:\s?|E(?= {2})|[│┃|](?= ))")

# "Name: text" where the name says that it is an error.
_ERROR = re.compile(
    r"(?:[\w.-]{0,60}:\s{0,3}){0,2}?((?:[A-Za-z_]\w{0,60}\.){0,8}[A-Za-z_]\w{0,60}"
    r"(?:Error|Exception|Warning|Interrupt))\b:\s?(.*)"
)
# The line that ends a traceback names an exception, whatever it is called.
_RAISED = re.compile(r"((?:[A-Za-z_]\w{0,60}\.){0,8}[A-Z]\w{0,60})(?::\s(.*))?\Z")
_BEGUN = "Traceback (most recent call last)"
_WITHIN = re.compile(r"\b([A-Z]\w{0,60}(?:Error|Warning)): (.*)")

_PLAIN = re.compile(r'\s*File "([^"]{1,500})", line (\d{1,9})(?:, in (.{1,200}))?')
_PLACE = re.compile(r"(?:File )?(\S[^\n:]{0,400}(?::\\[^\n:]{0,400})?):(\d{1,9}),? in (.{1,300})")
_CELL = re.compile(r"(?:Cell|Input) In ?\[(\d{1,9})\](?:, line (\d{1,9})|, in .{0,200})?")
_OLD_CELL = re.compile(r"(<ipython-input-[^>]{1,80}>|\S[^\n]{0,400}\.py) in (.{1,300})")
_PYTEST = re.compile(r"(\S[^\n:]{0,400}\.py):(\d{1,9}): ?(?:in (.{1,200})|[\w.]{0,80})\Z")
# [24](vscode-notebook-cell:…) is how one notebook writes the number 24
_NUMBER = r"\[?(\d{1,9})\]?(?:\([^)\s]{0,400}\))?(?: ?│)?( .*|\Z)"
_ARROW = re.compile(rf"\s{{0,4}}(?:-{{1,6}}>|❱|>)\s{{0,4}}(?:{_NUMBER})")
_CONTEXT = re.compile(rf"\s{{0,10}}{_NUMBER}")
_MARKS = re.compile(r"[\s~^]+\Z")
_FOREIGN = re.compile(
    r"site-packages|dist-packages|<frozen|<__array|[/\\]lib[/\\]python\d|[/\\]importlib[/\\]|"
    r"[/\\]torch[/\\](?:nn|_|utils|optim|autograd|functional|serialization|jit|distributed|fx|cuda)|"
    r"\Atorch[/\\]",
    re.IGNORECASE,
)


class Line(NamedTuple):
    """A line of somebody's code as it was shown: its file, its number where known, its text."""

    file: str
    number: int | None
    text: str


class Frame(NamedTuple):
    """One place of a traceback and the code that stood there ('' where none was shown)."""

    file: str
    line: int | None
    function: str
    code: str
    at: int = 0  # the line of the text where it stands

    @property
    def own(self) -> bool:
        """Whether it is the user's own code and not a library's."""
        return not _FOREIGN.search(self.file)


class Error(NamedTuple):
    """An exception as its last lines say it; type is '' for a bare message.

    since and at are lines of the text: that of the error before it, and its own.
    """

    type: str
    message: str
    since: int = 0
    at: int = 0

    def __str__(self) -> str:
        return f"{self.type}: {self.message}" if self.type else self.message


@dataclass(frozen=True)
class Reading:
    """What was read: errors (the last one raised first), frames, and every line of code shown."""

    text: str
    errors: tuple[Error, ...]
    frames: tuple[Frame, ...]
    listing: tuple[Line, ...]

    def about(self, error: Error) -> Reading:
        """The same with the frames of one error, where it can be told which they are."""
        frames = tuple(frame for frame in self.frames if error.since <= frame.at <= error.at)
        return replace(self, frames=frames) if any(frame.own for frame in frames) else self

    @property
    def failing(self) -> Frame | None:
        """The last frame in the user's own code."""
        return next((frame for frame in reversed(self.frames) if frame.own), None)

    @property
    def raised_in(self) -> Frame | None:
        """The innermost frame, whosever it is."""
        return self.frames[-1] if self.frames else None


def decode(data: bytes) -> str:
    """Bytes as text, whatever they are: PowerShell writes UTF-16, the rest is UTF-8."""
    for mark, name in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if data.startswith(mark):
            return data[2:].decode(name, "replace")
    # noise is slow to decode, so that only what will be looked at is
    return "\n".join(part.decode("utf-8", "replace") for part in _parts(data, _MARKS_OF_BYTES))


def clean(text: str) -> str:
    """`text` without escape sequences, control and invisible characters, or odd line ends."""
    text = text.encode("utf-8", "replace").decode("utf-8")  # lone surrogates cannot be printed
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _ESCAPE.sub("", text).translate(_INVISIBLE)


def windows(text: str) -> Iterator[str]:
    """The parts of a text worth reading, the likeliest first: all of a short one."""
    yield from reversed(_parts(text, _MARKS_OF_TEXT))


def _parts(text: Part, marks: tuple[Part, ...]) -> list[Part]:
    """All of a short text; else its beginning, what follows the last marks, and its end."""
    if len(text) <= 4 * WINDOW:
        return [text]
    parts: list[Part] = [text[:WINDOW]]
    for mark in reversed(marks):
        at = text.rfind(mark, 0, -WINDOW)
        if at >= 0:
            parts.append(text[max(0, at - WINDOW // 4) : at + WINDOW // 2])
    parts.append(text[-WINDOW:])
    return parts


def read(text: str) -> Reading:
    """Read one window of a text."""
    text = clean(text)
    lines = [_stripped(line[:LONGEST_LINE]) for line in text.split("\n")]
    frames, listing = _Frames().read(lines)
    return Reading(text, tuple(_errors(lines)), tuple(frames), tuple(listing))


def _stripped(line: str) -> str:
    line = line.rstrip()
    prefix = _PREFIX.match(line)
    if prefix:
        boxed, line = line[0] in "│┃|", line[prefix.end() :]
        if boxed:
            line = line.rstrip("│┃|")
        elif prefix.group() == "E":
            line = line.removeprefix(" " * 7) if line.startswith(" " * 7) else line.lstrip(" ")
    return line.rstrip()


def _errors(lines: list[str]) -> list[Error]:
    """Every `Type: message` with the lines that belong to it, the last first, warnings last."""
    found: list[Error] = []
    since = 0
    begun = False  # whether a traceback has begun that no exception has ended
    for index, line in enumerate(lines):
        if not line:
            continue
        if _BEGUN in line:
            begun = True
            continue
        match = _ERROR.match(line.lstrip(" >#`*")) or _WITHIN.search(line[:2000])
        if match is None and begun and not line[0].isspace():
            match = _RAISED.match(line[:2000])
        if match is None:
            continue
        begun = begun and match.group(1).endswith("Warning")
        message = [match.group(2) or ""]
        if not message[0].strip():  # TorchScript's words begin on the next line
            words = [row.strip() for row in lines[index + 1 : index + 60]]
            message = [row for row in words if row]
        for following in lines[index + 1 : index + 400] if match.group(2) else ():
            # what belongs to a message is indented: keys of a checkpoint, signatures tried
            if not following[:1].isspace() or not following.strip() or _PLAIN.match(following):
                break
            message.append(following.strip())
        name = match.group(1).rsplit(".", 1)[-1]
        found.append(Error(name, "\n".join(message).strip(), since, index))
        if not name.endswith("Warning"):
            since = index
    found.reverse()
    return sorted(found[:50], key=lambda error: error.type.endswith("Warning"))


class _Frames:
    """Collects frames and code, line by line, whichever tool printed them.

    A plain traceback shows code below the place; a notebook numbers the lines and points an arrow
    at one; pytest shows a function first, marks a line with `>`, and names the place after it.
    """

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.listing: list[Line] = []
        self.place: tuple[str, int | None, str] | None = None
        self.begun = 0  # the line of the text that named the place
        self.numbered = False  # whether the lines below the place carry numbers
        self.code: list[str] = []
        self.at = 0
        self.block: list[str] = []  # indented lines that belong to no place yet
        self.marked: str | None = None  # the one that pytest marked

    def read(self, lines: list[str]) -> tuple[list[Frame], list[Line]]:
        """The frames in their order and all code shown."""
        for self.at, line in enumerate(lines):
            if line and len(line) <= 1000 and not _MARKS.match(line):
                self.take(line)
        self.close()
        return self.frames[-MOST_FRAMES:], self.listing[-20 * MOST_FRAMES :]

    def take(self, line: str) -> None:
        """Take one line."""
        if place := _place(line):
            self.open(*place)
        elif self.place and self.numbered:
            if match := _ARROW.match(line):
                file, number, function = self.place
                shown = int(match.group(1)) if match.group(1) else number
                self.place, self.code = (file, shown, function), [match.group(2)]
                self.listing.append(Line(file, shown, match.group(2).removeprefix(" ")))
            elif match := _CONTEXT.match(line):
                text = match.group(2).removeprefix(" ")
                self.listing.append(Line(self.place[0], int(match.group(1)), text))
        elif self.place and line.startswith("    "):
            self.code.append(line)
        elif line.startswith((">   ", "    ")):
            if line.startswith(">"):
                self.marked = line[1:]
            self.block.append(" " + line[1:])
        elif line:
            self.close()

    def open(self, numbered: bool, file: str, line: int | None, function: str) -> None:
        """Close the frame before and begin another; pytest's is complete at once."""
        marked, block = self.marked, self.block
        self.close()
        self.place, self.numbered, self.begun = (file, line, function), numbered, self.at
        if marked is not None:
            self.code = [marked]
            at = block.index(" " + marked)
            shown = enumerate(block[: at + 1], (line or 0) - at)
            self.listing += [Line(file, number if line else None, text) for number, text in shown]
            self.close()

    def close(self) -> None:
        """Finish the frame at hand."""
        if self.place:
            self.frames.append(Frame(*self.place, _dedented(self.code), self.begun))
        self.place, self.code, self.block, self.marked = None, [], [], None


def _place(line: str) -> tuple[bool, str, int | None, str] | None:
    """(whether its lines are numbered, file, line, function) where `line` names a place."""
    if match := _PLAIN.match(line):
        return False, match.group(1), int(match.group(2)), match.group(3) or ""
    if match := _PYTEST.match(line):
        return False, match.group(1), int(match.group(2)), match.group(3) or ""
    if match := _CELL.match(line):
        return True, f"cell {match.group(1)}", int(match.group(2)) if match.group(2) else None, ""
    if match := _OLD_CELL.match(line):
        return True, match.group(1), None, match.group(2).removesuffix("()")
    if match := _PLACE.match(line.strip()):
        return True, match.group(1), int(match.group(2)), match.group(3)
    return None


def _dedented(lines: list[str]) -> str:
    shown = [line for line in lines if line.strip()]
    margin = min((len(line) - len(line.lstrip()) for line in shown), default=0)
    return "\n".join(line[margin:].rstrip() for line in shown)
