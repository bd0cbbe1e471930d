"""What went wrong, as data: expected, got, fix, and torch's own words where it has some."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class TorchError(NamedTuple):
    """What torch raises: the name of the exception's class and its message."""

    type: str
    message: str


class Fault(NamedTuple):
    """What torch raises, and the argument or tensor that it raises it for."""

    about: str
    torch: TorchError


_TORCH_LINES = 12  # of a message of load_state_dict; JSON has it to the letter


class UsageError(Exception):
    """A question that cannot be answered as it was put (exit status 2).

    `expected` is a sentence part that begins with what it is about; `got` and `fix` may be
    empty; `torch` is the (type, message) that torch raises for the same thing, or None. `source`
    are lines of a person's file with what points at their part, as they are to stand.
    """

    def __init__(
        self,
        expected: str,
        got: str = "",
        fix: str = "",
        torch: tuple[str, str] | None = None,
        source: tuple[str, ...] = (),
    ) -> None:
        super().__init__(expected, got, fix, torch, source)
        self.expected, self.got, self.fix, self.torch = expected, got, fix, torch
        self.source = source

    def __str__(self) -> str:
        got = f", got {self.got}" if self.got else ""
        lines = [(self.expected + got).replace("\n", "\\n")]  # a name cannot forge a line of ours
        lines += [line.replace("\n", "\\n") for line in self.source]
        if self.torch:
            first, *more = self.torch[1].split("\n\t")
            more = more[:_TORCH_LINES] + ["…"] * (len(more) > _TORCH_LINES)
            words = "\n\t".join(own.replace("\n", "\\n") for own in (first, *more))
            lines.append(f"torch: {self.torch[0]}: {words}")
        if self.fix:
            lines.append(f"fix: {self.fix}")
        return "\n".join(lines)


class ShapeError(UsageError):
    """Shapes that do not fit together."""


def check_choice(option: str, value: str, known: Iterable[str], usual: str) -> None:
    """Refuse a word that is none of those that an option takes; the fix is the nearest."""
    words = list(known)
    if value not in words:
        from difflib import get_close_matches

        expected = f"{option}: expected {', '.join(words)}"
        close = get_close_matches(value[:40].lower(), words, 1, 0.5)
        raise UsageError(expected, repr(value[:40]), f"{option} {close[0] if close else usual}")


def one_line(words: str, most: int = 400) -> str:
    """Text that came from outside, made harmless: what a terminal would act on is shown as an
    escape, a line break too, and what is longer than `most` is cut with its end shown."""
    if len(words) > most:
        words = f"{words[: most - most // 4 - 1]}…{words[-(most // 4) :]}"
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in words
    )


def quoted(word: str) -> str:
    """A word as a shell takes it, on one line whatever is in it."""
    from shlex import quote

    if word.isprintable():
        return quote(word)
    signs = {"'": "\\'", "\\": "\\\\"}
    each = (char if char.isprintable() else char.encode("unicode_escape").decode() for char in word)
    return f"$'{''.join(signs.get(char, char) for char in each)}'"
