"""What a row of the table of operations is, and how rows are written alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from ..errors import ShapeError
from ..network.dims import Dim, Shape, write_shape

Attributes = tuple[Any, ...]  # integers; numbers of an activation


class Perform(Protocol):
    """Performs an operation of the table on tensors, and gives its result."""

    def __call__(self, op: str, *inputs: Any, attributes: Attributes = ()) -> Any:
        """The result of `op`."""


class Use(NamedTuple):
    """An operation's use of its input number `number`, whose gradient is asked for.

    so_far: what the gradient is added to, where the input is a parameter that every step uses.
    """

    number: int
    inputs: Sequence[Any]
    output: Any
    attributes: Attributes
    so_far: tuple[Any, ...] = ()


Gradient = Callable[[Perform, Any, Use], Any]


@dataclass(frozen=True)
class Operation:
    """One row of the table.

    shape:   input shapes and attributes to the output's shape; raises ShapeError
    array:   (numpy, arrays, attributes) to the output array
    equation: input names and attributes to the text over names
    shapes:  input shapes and attributes to the left side of the text over shapes
    macs:    input shapes to the number of multiply-accumulates
    gradient: the gradient of the output and a use of an input to what that use adds to the
             input's gradient; None where nothing is differentiated through the operation
    """

    shape: Callable[[Sequence[Shape], Attributes], Shape]
    array: Callable[[Any, Sequence[Any], Attributes], Any]
    equation: Callable[[Sequence[str], Attributes], str]
    shapes: Callable[[Sequence[Shape], Attributes], str]
    macs: Callable[[Sequence[Shape]], Dim] = lambda shapes: 0
    gradient: Gradient | None = None


def need(fits: bool, what: str, shapes: Sequence[Shape]) -> None:
    """Raise ShapeError where shapes do not fit; `what` says what was expected."""
    if not fits:
        raise ShapeError(what, got=" and ".join(write_shape(shape) for shape in shapes))


def same(shapes: Sequence[Shape], _: Attributes) -> Shape:
    """The shape rule of what works element by element."""
    need(len(set(shapes)) == 1, "expected equal shapes", shapes)
    return shapes[0]


def elementwise(mark: str) -> Callable[[Sequence[Shape], Attributes], str]:
    """How an operation between shapes is written: `7×20+7×20`."""
    return lambda shapes, _: mark.join(write_shape(shape) for shape in shapes)


def call(name: str) -> Callable[[Sequence[Shape], Attributes], str]:
    """How a function of shapes is written: `tanh(7×20)`."""
    return lambda shapes, _: f"{name}({', '.join(write_shape(shape) for shape in shapes)})"
