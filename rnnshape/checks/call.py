"""A forward call by its shapes, and the checks that padded and packed input have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

from ..errors import Fault, TorchError
from ..network.dims import Dim, Shape, Symbol
from ..network.spec import Spec


class Given(NamedTuple):
    """The shapes of a forward call; None where nothing was given.

    dtype, state_dtype, weight_dtype: of the input, of h0 and c0, and of the parameters.
    lengths: the input is packed by pack_padded_sequence; `input` is the padded batch still.
    enforce_sorted: its argument; None where it is True for sorted lengths and False for others.
    tuple_length: how many tensors the state's tuple holds, 0 for a tensor that stands alone; None
    where the state has the form that the cell wants, as far as its tensors are given.
    raw: constructor arguments of a type that torch refuses in forward alone.
    """

    input: Shape
    h0: Shape | None = None
    c0: Shape | None = None
    dtype: str = "float32"
    lengths: tuple[int, ...] | None = None
    enforce_sorted: bool | None = None
    tuple_length: int | None = None
    raw: Mapping[str, Any] = {}
    state_dtype: str = "float32"
    weight_dtype: str = "float32"


@dataclass(frozen=True)
class Call:
    """A module and what it is given."""

    spec: Spec
    given: Given

    @property
    def rank(self) -> int:
        """The number of the input's axes."""
        return len(self.given.input)

    @cached_property
    def sizes(self) -> tuple[Dim, Dim]:
        """N and T as torch reads them."""
        shape = self.given.input
        # pack_padded_sequence takes the first two axes of whatever it gets
        packed = self.given.lengths is not None
        return sizes(self.spec, (*shape, 1) if packed and len(shape) == 2 else shape)

    @property
    def batch_size(self) -> Dim:
        """N: of a packed batch the number of lengths."""
        return self.sizes[0] if self.given.lengths is None else len(self.given.lengths)

    def expected(self, state: str) -> Shape:
        """(D·L, N, R) for h, (D·L, N, H) for c, as torch compares it: with N where unbatched."""
        rows = self.spec.num_layers * self.spec.num_directions
        return (rows, self.batch_size, self.spec.state_width(state))

    @property
    def has_state(self) -> bool:
        """Whether hx was given."""
        return self.given.h0 is not None or self.given.c0 is not None

    @property
    def tuple_length(self) -> int:
        """The number of tensors in the tuple hx; 0 where hx is a tensor."""
        if self.given.tuple_length is not None:
            return self.given.tuple_length
        return 2 if self.spec.has_cell_state or self.given.c0 is not None else 0

    @property
    def sorted(self) -> bool:
        """What pack_padded_sequence was told of the order of the lengths."""
        if self.given.enforce_sorted is not None:
            return self.given.enforce_sorted
        lengths = self.given.lengths or ()
        return all(a >= b for a, b in pairwise(lengths))

    @property
    def lone(self) -> bool:
        """Whether an lstm's state reaches torch's own code as a tensor, in place of a tuple.

        Taking it apart for one sequence, or to sort a batch, has made a pair of it before.
        """
        apart = not self.sorted if self.given.lengths is not None else self.rank == 2
        lstm = self.spec.has_cell_state and self.has_state
        return lstm and self.tuple_length == 0 and not apart


Check = Callable[[Call], Fault | None]


def fault(about: str, type: str, message: str) -> Fault:
    """A fault in a tensor."""
    return Fault(about, TorchError(type, message))


def sizes(spec: Spec, shape: Shape) -> tuple[Dim, Dim]:
    """N and T of an input of rank 2 or 3; N is 1 where unbatched."""
    if len(shape) == 2:
        return 1, shape[0]
    first, second = shape[0], shape[1]
    return (first, second) if spec.batch_first else (second, first)


def differ(a: Dim, b: Dim) -> bool:
    """Whether two sizes cannot be equal; a symbol may stand for any number."""
    return a != b and not (isinstance(a, Symbol) or isinstance(b, Symbol))


def wrong_size(shape: Shape, expected: Shape) -> bool:
    """Whether two shapes cannot be equal."""
    return len(shape) != len(expected) or any(map(differ, shape, expected))


def listed(shape: Sequence[Dim]) -> str:
    """A shape as torch prints a list."""
    return f"[{', '.join(map(str, shape))}]"


def tupled(shape: Sequence[Dim]) -> str:
    """A shape as Python prints a tuple."""
    return f"({', '.join(map(str, shape))})"


def lstm_states(call: Call) -> list[Shape] | TorchError:
    """hx[0] and hx[1] of an lstm, or what taking hx apart raises.

    Of a pair that is given in part, the other tensor is taken to fit.
    """
    h0, c0 = call.given.h0, call.given.c0
    if call.tuple_length == 0 and h0 is not None:
        if not h0:
            message = (
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or "
                "`tensor.item<T>()` in C++ to convert a 0-dim tensor to a number"
            )
            return TorchError("IndexError", message)
        rows = h0[0]
        if isinstance(rows, int) and rows < 2:
            message = f"index {rows} is out of bounds for dimension 0 with size {rows}"
            return TorchError("IndexError", message)
        return [h0[1:], h0[1:]]
    if call.tuple_length < 2:
        return TorchError("IndexError", "tuple index out of range")
    fitting = [call.expected(state) for state in "hc"]
    if call.given.lengths is None and call.rank == 2:
        fitting = [(rows, width) for rows, _, width in fitting]
    return [fit if shape is None else shape for shape, fit in zip((h0, c0), fitting)]


def blamed(call: Call, state: str) -> str:
    """The tensor at fault where `state` does not fit: what is missing of a pair comes first."""
    return "c0" if call.spec.has_cell_state and call.tuple_length != 2 else f"{state}0"


def dtype(call: Call) -> Fault | None:
    """check_input: the input's type is the weights'."""
    given, weights = call.given.dtype, call.given.weight_dtype
    if given == weights:
        return None
    message = (
        f"RNN input dtype (torch.{given}) does not match weight dtype (torch.{weights}). "
        f"Convert input: input.to(torch.{weights}), or convert model: model.to(torch.{given})"
    )
    return fault("dtype", "ValueError", message)


def features(call: Call) -> Fault | None:
    """check_input: the last axis is input_size long."""
    expected, got = call.spec.input_size, call.given.input[-1]
    if not differ(got, expected):
        return None
    message = f"input.size(-1) must be equal to input_size. Expected {expected}, got {got}"
    return fault("input", "RuntimeError", message)


def state_sizes(call: Call, states: Mapping[str, Shape]) -> Fault | None:
    """check_hidden_size: (D·L, N, R) for h, then (D·L, N, H) for c."""
    for state, shape in states.items():
        expected = call.expected(state)
        if wrong_size(shape, expected):
            label = "hidden" if not call.spec.has_cell_state else f"hidden[{'hc'.index(state)}]"
            message = f"Expected {label} size {tupled(expected)}, got {listed(shape)}"
            return fault(blamed(call, state), "RuntimeError", message)
    return None
