"""Flax, in its two interfaces: nnx (`flax`) and linen (`flax-linen`). Kernels (in, out).

nnx.OptimizedLSTMCell: i, f, g, o in one Linear each for x and h, the bias on h's side;
nnx.GRUCell: r, z, n, the bias on x's side alone, so that b_hn has no place. linen has a Dense a
gate, and its GRUCell has b_hn. Source: flax/nnx/nn/recurrent.py, flax/linen/recurrent.py.
"""

from __future__ import annotations

from ...network.spec import Spec
from .layout import BIASES, Entry, Layout, Piece, entry, every

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


def _cell(spec: Spec, direction: str) -> str:
    side = "backward_rnn" if direction == "reverse" else "forward_rnn"
    return f"{side}.cell" if spec.bidirectional else "cell"


def _nnx_prefix(spec: Spec, layer: int, direction: str) -> str:
    return f"layers.{layer}.{_cell(spec, direction)}"


def _linen_prefix(spec: Spec, layer: int, direction: str) -> str:
    return f"params.layers_{layer}.{_cell(spec, direction)}"


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
