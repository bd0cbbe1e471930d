"""The cells: each reads like its equation in the documentation of torch.nn.

A cell takes an interpreter (what gives each operation its meaning), the input x (N, I), the
state, and the parameters of one layer and direction, and returns the new state; the first tensor
of a state is what the layer puts out. Names of intermediates: ih and hh are the two linear
products, a is their sum before the activation, and a gate's own letter is its value.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from ...network.spec import Spec

V = TypeVar("V")


class Role(NamedTuple):
    """What a tensor is in the walk, or what it is the gradient of; nothing reads that from names.

    kind is input, parameter, state, value (what a step computes), output, target or number; of is
    the state's name, the parameter's kind (weight_ih) or the value's name in its cell.
    """

    kind: str = "value"
    of: str = ""
    gradient: bool = False


VALUE, INPUT, OUTPUT, TARGET, NUMBER = map(Role, ("value", "input", "output", "target", "number"))
GRADIENT = Role(gradient=True)
role_of = cache(Role)  # a long walk asks for the same ones at every step


class Interpreter(Protocol[V]):
    """What gives an operation its meaning; `name` names the result."""

    def apply(
        self, op: str, name: str, inputs: tuple[V, ...], attributes: tuple[Any, ...], role: Role
    ) -> V:
        """Perform `op` of the table on `inputs`; the result has a name and a role."""

    def number(self, name: str, value: float | None) -> V:
        """A number of the equations; no value where I or H is a letter."""


class Parameters(NamedTuple, Generic[V]):
    """The parameters of one layer and direction; None where the layer has none.

    G gates, H hidden_size, R the width of h: ih (G·H, I), hh (G·H, R), biases (G·H), hr (R, H),
    peephole (3·H) of ONNX's LSTM.
    """

    weight_ih: V
    weight_hh: V
    bias_ih: V | None = None
    bias_hh: V | None = None
    weight_hr: V | None = None
    peephole: V | None = None


class Equations(Generic[V]):
    """The operations as the equations write them; every result is named for its time.

    time: what is added to the names, nothing where there is a single step. states: the names of
    what the step leaves as states.
    """

    def __init__(
        self, interpreter: Interpreter[V], time: str = "_{t}", states: tuple[str, ...] = ()
    ) -> None:
        self._interpreter, self._time, self._states = interpreter, time, states

    def apply(
        self, op: str, name: str, inputs: tuple[V, ...], attributes: tuple[Any, ...] = ()
    ) -> V:
        """An operation of the table."""
        role = role_of("state" if name in self._states else "value", name)
        return self._interpreter.apply(op, name + self._time, inputs, attributes, role)

    def number(self, name: str, value: float | None) -> V:
        """A number."""
        return self._interpreter.number(name, value)

    def linear(self, name: str, x: V, weight: V, bias: V | None) -> V:
        """x·Wᵀ + b, as torch.nn.functional.linear."""
        return self.apply("linear", name, (x, weight) if bias is None else (x, weight, bias), ())

    def add(self, name: str, a: V, b: V) -> V:
        """a + b."""
        return self.apply("add", name, (a, b), ())

    def mul(self, name: str, a: V, b: V) -> V:
        """a ⊙ b, element by element."""
        return self.apply("mul", name, (a, b), ())

    def one_minus(self, name: str, a: V) -> V:
        """1 − a."""
        return self.apply("one_minus", name, (a,), ())

    def activate(self, function: str, name: str, a: V, *numbers: float) -> V:
        """tanh, relu, sigmoid, softmax or another function of the table, with its numbers."""
        return self.apply(function, name, (a,), numbers)

    def concat(self, name: str, parts: tuple[V, ...], axis: int) -> V:
        """The parts one behind the other along an axis."""
        return self.apply("concat", name, parts, (axis,))

    def split(self, names: tuple[str, ...], a: V) -> list[V]:
        """Equal parts of a along its last axis."""
        parts = len(names)
        return [self.apply("split", name, (a,), (i, parts)) for i, name in enumerate(names)]

    def blocks(self, name: str, weight: V, first: int, last: int, of: int) -> V:
        """The rows of gates first … last - 1 of a parameter of `of` gates."""
        return self.apply("blocks", name, (weight,), (first, last, of))

    def loss(self, kind: str, o: V, target: V, count: Any) -> V:
        """What one step adds to a loss: sum, mse or cross-entropy, the means over `count`."""
        if kind == "sum":
            return self.apply("total", "loss", (o,), ())
        return self.apply(kind.replace("-", "_"), "loss", (o, target), (count,))


State = tuple[V, ...]


class Left(NamedTuple, Generic[V]):
    """What a step leaves: its states, and what the layer puts out, in torch's cells h."""

    state: tuple[V, ...]
    output: V


def left(*state: V) -> Left[V]:
    """The states that a step leaves, the first of them its output."""
    return Left(state, state[0])


Cell = Callable[[Equations[V], V, State[V], Any], Left[V]]


def rnn_tanh(e: Equations[V], x: V, state: State[V], p: Parameters[V]) -> Left[V]:
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh)  (torch.nn.RNN)."""
    return left(e.activate("tanh", "h", _pre_activation(e, x, state[0], p)))


def rnn_relu(e: Equations[V], x: V, state: State[V], p: Parameters[V]) -> Left[V]:
    """h' = relu(W_ih x + b_ih + W_hh h + b_hh)  (torch.nn.RNN, nonlinearity='relu')."""
    return left(e.activate("relu", "h", _pre_activation(e, x, state[0], p)))


def lstm(e: Equations[V], x: V, state: State[V], p: Parameters[V]) -> Left[V]:
    """i, f, o = σ(…), g = tanh(…), c' = f ⊙ c + i ⊙ g, h' = o ⊙ tanh(c')  (torch.nn.LSTM).

    With a projection h' = W_hr (o ⊙ tanh(c')), and h is proj_size wide.
    """
    h, c = state
    a_i, a_f, a_g, a_o = e.split(("a_i", "a_f", "a_g", "a_o"), _pre_activation(e, x, h, p))
    i = e.activate("sigmoid", "i", a_i)
    f = e.activate("sigmoid", "f", a_f)
    g = e.activate("tanh", "g", a_g)
    o = e.activate("sigmoid", "o", a_o)
    c = e.add("c", e.mul("fc", f, c), e.mul("ig", i, g))
    tanh_c = e.activate("tanh", "tanh_c", c)
    if p.weight_hr is None:
        return left(e.mul("h", o, tanh_c), c)
    return left(e.linear("h", e.mul("m", o, tanh_c), p.weight_hr, None), c)


def gru(e: Equations[V], x: V, state: State[V], p: Parameters[V]) -> Left[V]:
    """r, z = σ(…), n = tanh(W_in x + b_in + r ⊙ (W_hn h + b_hn)), h' = (1 − z) ⊙ n + z ⊙ h.

    Source: torch.nn.GRU, whose reset gate acts after the matrix product.
    """
    (h,) = state
    ih_r, ih_z, ih_n = e.split(("ih_r", "ih_z", "ih_n"), e.linear("ih", x, p.weight_ih, p.bias_ih))
    hh_r, hh_z, hh_n = e.split(("hh_r", "hh_z", "hh_n"), e.linear("hh", h, p.weight_hh, p.bias_hh))
    r = e.activate("sigmoid", "r", e.add("a_r", ih_r, hh_r))
    z = e.activate("sigmoid", "z", e.add("a_z", ih_z, hh_z))
    n = e.activate("tanh", "n", e.add("a_n", ih_n, e.mul("r_hh_n", r, hh_n)))
    new, old = e.mul("new_part", e.one_minus("not_z", z), n), e.mul("old_part", z, h)
    return left(e.add("h", new, old))


EQUATIONS: dict[str, Cell[Any]] = {
    "rnn_tanh": rnn_tanh,
    "rnn_relu": rnn_relu,
    "lstm": lstm,
    "gru": gru,
}


def cell_of(spec: Spec, layer: int = 0) -> Cell[Any]:
    """The equations of a network's cell, as a layer has them."""
    if spec.equations is None:
        return EQUATIONS[f"rnn_{spec.nonlinearity}" if spec.family == "rnn" else spec.family]
    written: Any = spec.equations
    return partial(written.step, {"I": spec.layer_input(layer), "H": spec.hidden_size})


def output(e: Equations[V], h: V, weight: V, bias: V, activation: str) -> V:
    """o = g(W h + b): the head on top of the last layer."""
    if activation == "none":
        return e.linear("o", h, weight, bias)
    return e.activate(activation, "o", e.linear("y", h, weight, bias))


def _pre_activation(e: Equations[V], x: V, h: V, p: Parameters[V]) -> V:
    """x·W_ihᵀ + b_ih + h·W_hhᵀ + b_hh."""
    ih = e.linear("ih", x, p.weight_ih, p.bias_ih)
    hh = e.linear("hh", h, p.weight_hh, p.bias_hh)
    return e.add("a", ih, hh)
