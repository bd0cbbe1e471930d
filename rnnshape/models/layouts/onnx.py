"""ONNX: one operator a layer, its directions along the first axis of every tensor.

Gates: LSTM i, o, f, c; GRU z, r, h, and only linear_before_reset=1 is torch's GRU. B is Wb and Rb
one behind the other. Source: https://onnx.ai/onnx/operators/onnx__LSTM.html and its siblings.
"""

from __future__ import annotations

from ...network.spec import Spec
from .layout import Entry, Layout, Piece, entry

_ORDER = {"rnn": (0,), "lstm": (0, 3, 1, 2), "gru": (1, 0, 2)}


def _entries(cell: str) -> tuple[Entry, ...]:
    gates = _ORDER[cell]
    return (
        entry("W", "weight_ih", gates, joined=True),
        entry("R", "weight_hh", gates, joined=True),
        Entry("B", (Piece(("bias_ih",), gates), Piece(("bias_hh",), gates)), joined=True),
    )


def _prefix(spec: Spec, layer: int, direction: str) -> str:
    return f"{spec.cell}_{layer}"


ONNX = Layout(
    name="onnx",
    title="ONNX",
    cells={cell: _entries(cell) for cell in _ORDER},
    prefix=_prefix,
    order="TN",
    words={
        "input": "X of the first operator",
        "output": "Y of the last",
        "h0": "initial_h of each",
        "c0": "initial_c of each",
        "hn": "Y_h of each",
        "cn": "Y_c of each",
    },
)
