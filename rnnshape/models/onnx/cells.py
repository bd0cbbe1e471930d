"""The cells of ONNX's RNN, LSTM and GRU, with the letters of its operator documentation.

They differ from torch's by their settings (activations, clip, a coupled forget gate, where the
reset gate acts), by peepholes, and by the order of the gates: LSTM i, o, f, c; GRU z, r, h.
Source: https://onnx.ai/onnx/operators/onnx__LSTM.html, onnx__GRU.html and onnx__RNN.html.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from ...engine.cells import Cell, Equations, Left, Parameters, State, V, left


class Activation(NamedTuple):
    """A function of the table of operations, and its numbers alpha and beta."""

    function: str
    numbers: tuple[float, ...] = ()


# ONNX's name in small letters -> the table's name and the defaults of alpha and beta: those of the
# operator of that name, or None where ONNX has no such operator. (onnxruntime takes 0 for the
# alpha of a ThresholdedRelu, where the operator has 1.)
ACTIVATIONS: dict[str, tuple[str, tuple[float | None, ...]]] = {
    "tanh": ("tanh", ()),
    "relu": ("relu", ()),
    "sigmoid": ("sigmoid", ()),
    "affine": ("affine", (None, None)),
    "leakyrelu": ("leaky_relu", (0.01,)),
    "thresholdedrelu": ("thresholded_relu", (1.0,)),
    "scaledtanh": ("scaled_tanh", (None, None)),
    "hardsigmoid": ("hard_sigmoid", (0.2, 0.5)),
    "elu": ("elu", (1.0,)),
    "softsign": ("softsign", ()),
    "softplus": ("softplus", ()),
}
DEFAULTS = {
    "rnn": (Activation("tanh"),),
    "lstm": (Activation("sigmoid"), Activation("tanh"), Activation("tanh")),
    "gru": (Activation("sigmoid"), Activation("tanh")),
}


@dataclass(frozen=True)
class Settings:
    """The attributes of an operator that its equations depend on, for one direction.

    activations: f of an RNN; f, g of a GRU; f, g, h of an LSTM. clip bounds what f and g read to
    ± that number; what h reads, the cell state, it leaves alone, as onnxruntime does.
    """

    activations: tuple[Activation, ...]
    clip: float | None = None
    linear_before_reset: bool = False
    input_forget: bool = False


def node_cell(cell: str, settings: Settings) -> Cell[Any]:
    """The cell of an operator: rnn, lstm or gru."""
    return partial({"rnn": _rnn, "lstm": _lstm, "gru": _gru}[cell], settings)


def _rnn(s: Settings, e: Equations[V], x: V, state: State[V], p: Parameters[V]) -> Left[V]:
    """Ht = f(Xt·Wᵀ + Ht-1·Rᵀ + Wb + Rb)."""
    a = e.add("a", *_products(e, x, state[0], p))
    return left(_activate(s, 0, e, "h", a))


def _lstm(s: Settings, e: Equations[V], x: V, state: State[V], p: Parameters[V]) -> Left[V]:
    """it, ft = f(… + P ⊙ Ct-1), ct = g(…), Ct = ft ⊙ Ct-1 + it ⊙ ct, ot = f(… + Po ⊙ Ct), …

    and Ht = ot ⊙ h(Ct). With input_forget ft = 1 − it.
    """
    h, c = state
    a_i, a_o, a_f, a_c = e.split(("a_i", "a_o", "a_f", "a_c"), e.add("a", *_products(e, x, h, p)))
    if p.peephole is not None:
        p_i, p_o, p_f = e.split(("p_i", "p_o", "p_f"), p.peephole)
        a_i = e.add("ac_i", a_i, e.mul("pc_i", c, p_i))
        a_f = e.add("ac_f", a_f, e.mul("pc_f", c, p_f))
    i = _activate(s, 0, e, "i", a_i)
    f = e.one_minus("f", i) if s.input_forget else _activate(s, 0, e, "f", a_f)
    g = _activate(s, 1, e, "g", a_c)
    c = e.add("c", e.mul("fc", f, c), e.mul("ig", i, g))
    if p.peephole is not None:
        a_o = e.add("ac_o", a_o, e.mul("pc_o", c, p_o))
    o = _activate(s, 0, e, "o", a_o)
    function, numbers = s.activations[2]  # never clipped
    return left(e.mul("h", o, e.activate(function, "h_c", c, *numbers)), c)


def _gru(s: Settings, e: Equations[V], x: V, state: State[V], p: Parameters[V]) -> Left[V]:
    """zt, rt = f(…), Ht = (1 − zt) ⊙ ht + zt ⊙ Ht-1, and by linear_before_reset

    0: ht = g(Xt·Whᵀ + (rt ⊙ Ht-1)·Rhᵀ + Rbh + Wbh); 1: ht = g(… + rt ⊙ (Ht-1·Rhᵀ + Rbh) + Wbh).
    """
    (h,) = state
    x_z, x_r, x_h = e.split(("x_z", "x_r", "x_h"), e.linear("xw", x, p.weight_ih, p.bias_ih))
    if s.linear_before_reset:
        h_z, h_r, h_h = e.split(("h_z", "h_r", "h_h"), e.linear("hr", h, p.weight_hh, p.bias_hh))
        r = _activate(s, 0, e, "r", e.add("a_r", x_r, h_r))
        past = e.mul("r_h_h", r, h_h)
    else:
        gates, own = (
            (
                e.blocks(f"R_{name}", p.weight_hh, first, last, 3),
                None if p.bias_hh is None else e.blocks(f"Rb_{name}", p.bias_hh, first, last, 3),
            )
            for name, first, last in (("zr", 0, 2), ("h", 2, 3))
        )
        h_z, h_r = e.split(("h_z", "h_r"), e.linear("hr", h, *gates))
        r = _activate(s, 0, e, "r", e.add("a_r", x_r, h_r))
        past = e.linear("rh", e.mul("r_h", r, h), *own)
    z = _activate(s, 0, e, "z", e.add("a_z", x_z, h_z))
    n = _activate(s, 1, e, "n", e.add("a_h", x_h, past))
    new, old = e.mul("new_part", e.one_minus("not_z", z), n), e.mul("old_part", z, h)
    return left(e.add("h", new, old))


def _products(e: Equations[V], x: V, h: V, p: Parameters[V]) -> tuple[V, V]:
    """x·Wᵀ + Wb and h·Rᵀ + Rb."""
    return e.linear("xw", x, p.weight_ih, p.bias_ih), e.linear("hr", h, p.weight_hh, p.bias_hh)


def _activate(s: Settings, place: int, e: Equations[V], name: str, a: V) -> V:
    """The activation at `place` among f, g, h, of what is clipped before."""
    function, numbers = s.activations[place]
    if s.clip is not None:
        a = e.activate("clip", f"{name}_clipped", a, s.clip)
    return e.activate(function, name, a, *numbers)
