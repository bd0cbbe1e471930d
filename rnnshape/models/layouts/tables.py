"""The layouts by their names: Keras, Flax in its two interfaces, Equinox, ONNX.

Keras: kernels (in, out), the batch first. LSTM i, f, c, o; GRU z, r, h. LSTM and SimpleRNN have one
bias; a GRU with reset_after=True (the default, and torch's) has two rows of it, input's and
state's. Source: keras/src/layers/rnn/lstm.py, gru.py and simple_rnn.py.

Flax: kernels (in, out). nnx.OptimizedLSTMCell: i, f, g, o in one Linear each for x and h, the bias
on h's side; nnx.GRUCell: r, z, n, the bias on x's side alone, so that b_hn has no place. linen has
a Dense a gate, and its GRUCell has b_hn. Source: flax/nnx/nn/recurrent.py, flax/linen/recurrent.py.

Equinox: weights as torch's, one sample at a time, cells alone, and no plain rnn. LSTM i, f, g, o,
one summed bias. GRU r, z, n: `bias` has what is summed and b_in, `bias_n` b_hn. Source:
equinox/nn/_rnn.py.

ONNX: one operator a layer, its directions along the first axis of every tensor. LSTM i, o, f, c;
GRU z, r, h, and only linear_before_reset=1 is torch's GRU. B is Wb and Rb one behind the other.
Source: https://onnx.ai/onnx/operators/onnx__LSTM.html and its siblings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import UsageError, check_choice
from ...network.spec import Spec, parameter_name
from .layout import BIASES, Entry, Layout, Piece, entry, every

# --------------------------------------------------------------------------- Keras

LAYERS = {"rnn": ("SimpleRNN", "simple_rnn"), "lstm": ("LSTM", "lstm"), "gru": ("GRU", "gru")}
_KERAS_GRU = (1, 0, 2)


def _one_bias(gates: tuple[int, ...]) -> tuple[Entry, ...]:
    return (
        entry("kernel", "weight_ih", gates, transposed=True),
        entry("recurrent_kernel", "weight_hh", gates, transposed=True),
        entry("bias", "bias_ih + bias_hh", gates),
    )


def _keras_prefix(spec: Spec, layer: int, direction: str) -> str:
    own = LAYERS[spec.cell][1]
    number = f"_{layer}" if layer else ""
    if not spec.bidirectional:
        return f"{own}{number}/{own}_cell"
    side = "backward" if direction == "reverse" else "forward"
    return f"bidirectional{number}/{side}_{own}/{own}_cell"


RESET_BEFORE = _one_bias(_KERAS_GRU)  # a GRU with reset_after=False, which torch does not have

KERAS = Layout(
    name="keras",
    title="Keras",
    cells={
        "rnn": _one_bias((0,)),
        "lstm": _one_bias((0, 1, 2, 3)),
        "gru": (
            *RESET_BEFORE[:2],
            Entry(
                "bias",
                (Piece(("bias_ih",), _KERAS_GRU), Piece(("bias_hh",), _KERAS_GRU)),
                stacked=True,
            ),
        ),
    },
    prefix=_keras_prefix,
    separator="/",
    words=dict.fromkeys(("h0", "c0", "hn", "cn"), "a state of each layer and direction"),
)

# ---------------------------------------------------------------------------- Flax

_CARRY = {
    "h0": "of each layer and direction; an LSTM's carry is (c, h)",
    "hn": "of each layer and direction",
}
_SUM = "bias_ih + bias_hh"


def _dense(cell: str) -> tuple[Entry, Entry]:
    return (
        entry("dense_i.kernel", "weight_ih", every(cell), transposed=True),
        entry("dense_h.kernel", "weight_hh", every(cell), transposed=True),
    )


def _gates(letters: str, biases: dict[str, str]) -> tuple[Entry, ...]:
    """linen: a Dense for x and one for h of every gate."""
    rows = []
    for side, kind in (("i", "weight_ih"), ("h", "weight_hh")):
        for number, letter in enumerate(letters or ("",)):
            own = f"{side}{letter}"
            rows.append(entry(f"{own}.kernel", kind, (number,), transposed=True))
            if own in biases:
                rows.append(entry(f"{own}.bias", biases[own], (number,)))
    return tuple(rows)


def _flax_cell(spec: Spec, direction: str) -> str:
    side = "backward_rnn" if direction == "reverse" else "forward_rnn"
    return f"{side}.cell" if spec.bidirectional else "cell"


def _nnx_prefix(spec: Spec, layer: int, direction: str) -> str:
    return f"layers.{layer}.{_flax_cell(spec, direction)}"


def _linen_prefix(spec: Spec, layer: int, direction: str) -> str:
    return f"params.layers_{layer}.{_flax_cell(spec, direction)}"


FLAX = Layout(
    name="flax",
    title="flax.nnx",
    cells={
        "rnn": (*_dense("rnn"), entry("dense_i.bias", _SUM, (0,))),
        "lstm": (*_dense("lstm"), entry("dense_h.bias", _SUM, every("lstm"))),
        "gru": (
            *_dense("gru"),
            Entry("dense_i.bias", (Piece(BIASES, (0, 1)), Piece(("bias_ih",), (2,)))),
        ),
    },
    prefix=_nnx_prefix,
    always_biased=True,
    words=_CARRY,
    lacks={"gru": "nnx.GRUCell has no bias on the state's side: torch's b_hn, the last third of "
                  "bias_hh, has no place; flax-linen has one"},
)  # fmt: skip

LINEN = Layout(
    name="flax-linen",
    title="flax.linen",
    cells={
        "rnn": _gates("", {"i": _SUM}),
        "lstm": _gates("ifgo", {f"h{letter}": _SUM for letter in "ifgo"}),
        "gru": _gates("rzn", {"ir": _SUM, "iz": _SUM, "in": "bias_ih", "hn": "bias_hh"}),
    },
    prefix=_linen_prefix,
    always_biased=True,
    words=_CARRY,
)

# ------------------------------------------------------------------------- Equinox

_EQUINOX = {
    cell: (
        entry("weight_ih", "weight_ih", every(cell)),
        entry("weight_hh", "weight_hh", every(cell)),
    )
    for cell in ("lstm", "gru")
}


def _equinox_prefix(spec: Spec, layer: int, direction: str) -> str:
    side = ".backward" if direction == "reverse" else ".forward"
    return f"layers.{layer}" + (side if spec.bidirectional else "")


EQUINOX = Layout(
    name="equinox",
    title="Equinox",
    cells={
        "lstm": (*_EQUINOX["lstm"], entry("bias", "bias_ih + bias_hh", every("lstm"))),
        "gru": (
            *_EQUINOX["gru"],
            Entry("bias", (Piece(("bias_ih", "bias_hh"), (0, 1)), Piece(("bias_ih",), (2,)))),
            entry("bias_n", "bias_hh", (2,)),
        ),
    },
    prefix=_equinox_prefix,
    order="T",
    words={
        "input": "one sample; jax.vmap adds a batch",
        "h0": "of each cell, which gets (h, c)",
        "hn": "of each cell",
    },
)

# ---------------------------------------------------------------------------- ONNX

_ONNX_GATES = {"rnn": (0,), "lstm": (0, 3, 1, 2), "gru": (1, 0, 2)}


def _onnx_entries(cell: str) -> tuple[Entry, ...]:
    gates = _ONNX_GATES[cell]
    return (
        entry("W", "weight_ih", gates, joined=True),
        entry("R", "weight_hh", gates, joined=True),
        Entry("B", (Piece(("bias_ih",), gates), Piece(("bias_hh",), gates)), joined=True),
    )


def _onnx_prefix(spec: Spec, layer: int, direction: str) -> str:
    return f"{spec.cell}_{layer}"


ONNX = Layout(
    name="onnx",
    title="ONNX",
    cells={cell: _onnx_entries(cell) for cell in _ONNX_GATES},
    prefix=_onnx_prefix,
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

# ------------------------------------------------------------------- by their names

LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in (ONNX, KERAS, FLAX, LINEN, EQUINOX)}
FRAMEWORKS = ("torch", *LAYOUTS)


def layout_of(framework: str, option: str = "--framework") -> Layout | None:
    """The layout of a framework, None for torch's own. Raises UsageError."""
    check_choice(option, framework, FRAMEWORKS, "keras")
    return LAYOUTS.get(framework)


def converted(layout: Layout, spec: Spec, weights: Mapping[str, Any]) -> dict[str, Any]:
    """torch's parameters in another layout. Raises UsageError where they have no place there."""
    placed = layout.tensors(spec)
    for kind, gate in layout.missing(spec):
        _nothing_lost(layout, spec, weights, kind, gate)
    return {tensor.name: tensor.build(weights) for tensor in placed}


def _nothing_lost(
    layout: Layout, spec: Spec, weights: Mapping[str, Any], kind: str, gate: int
) -> None:
    hidden: Any = spec.hidden_size
    for layer in range(spec.num_layers):
        for direction in spec.directions:
            own = parameter_name(kind, layer, direction)
            block = weights[own][gate * hidden : (gate + 1) * hidden]
            if block.any():
                raise UsageError(
                    f"{layout.name}: expected zeros in {own}[{gate * hidden}:], since "
                    f"{(layout.lacks or {})[spec.cell]}",
                    got=f"up to {abs(block).max():.3g}",
                    fix="--to flax-linen",
                )
