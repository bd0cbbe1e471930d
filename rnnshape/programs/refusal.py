"""What torch and Python raise on the way, type and message to the letter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any


class Refusal(Exception):
    """An exception of the program that is followed, as torch or Python would raise it.

    type: the class's name; message: str() of it. `sizes`: pairs of sizes that would have to be
    equal (an open name among them may be made so). `wants`: what would have been right in the
    place of the argument at fault, where the rule knows it: {"dtype": "int64"}, {"rank": (2, 3)},
    {"shape": …}; `argument` is that value. Python's own exceptions of the program that is followed
    are refusals too; `value` is the exception object of a program that raised its own. `of_torch`:
    a row or module of torch raised it. `place` and `stack`: the statement, and the functions that
    ran; `part`: the expression at fault, False where none is.
    """

    of_torch = False
    place: Any = None
    stack: Sequence[Any] = ()
    part: Any = None

    def __init__(
        self,
        type: str,
        message: str,
        *,
        sizes: Iterable[tuple[int, int]] = (),
        argument: Any = None,
        wants: dict[str, Any] | None = None,
        value: Any = None,
    ) -> None:
        super().__init__(type, message)
        self.type = type
        self.message = message
        self.sizes = [(a, b) for a, b in sizes if a != b]
        self.argument = argument
        self.wants = wants or {}
        self.value = value


class NotKnown(Exception):
    """A row cannot tell what comes of its arguments: the result is an unknown, told with `why`, or
    the unknown `value` that was among them."""

    def __init__(self, why: str = "", value: Any = None) -> None:
        super().__init__(why)
        self.why, self.value = why, value


runtime_error = partial(Refusal, "RuntimeError")  # torch's commonest
value_error = partial(Refusal, "ValueError")  # a check that stands in torch's own Python
type_error = partial(Refusal, "TypeError")  # an argument of another type
index_error = partial(Refusal, "IndexError")  # an axis or a position that is not there
