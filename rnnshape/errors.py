"""What went wrong, as data: expected, got, fix, and torch's own words where it has some."""

from __future__ import annotations

from typing import NamedTuple


class TorchError(NamedTuple):
    """What torch raises: the name of the exception's class and its message."""

    type: str
    message: str


class Fault(NamedTuple):
    """What torch raises, and the argument or tensor that it raises it for."""

    about: str
    torch: TorchError


class UsageError(Exception):
    """A question that cannot be answered as it was put (exit status 2).

    `expected` is a sentence part that begins with what it is about; `got` and `fix` may be
    empty; `torch` is the (type, message) that torch raises for the same thing, or None.
    """

    def __init__(
        self, expected: str, got: str = "", fix: str = "", torch: tuple[str, str] | None = None
    ) -> None:
        super().__init__(expected, got, fix, torch)
        self.expected, self.got, self.fix, self.torch = expected, got, fix, torch

    def __str__(self) -> str:
        lines = [self.expected + (f", got {self.got}" if self.got else "")]
        if self.torch:
            lines.append(f"torch: {self.torch[0]}: {self.torch[1]}")
        if self.fix:
            lines.append(f"fix: {self.fix}")
        return "\n".join(lines)


class ShapeError(UsageError):
    """Shapes that do not fit together."""
