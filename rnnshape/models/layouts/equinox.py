"""Equinox: weights as torch's, one sample at a time, cells alone, and no plain rnn.

LSTM i, f, g, o, one summed bias. GRU r, z, n: `bias` has what is summed and b_in, `bias_n` b_hn.
Source: equinox/nn/_rnn.py.
"""

from __future__ import annotations

from ...network.spec import Spec
from .layout import Entry, Layout, Piece, entry, every

_WEIGHTS = {
    cell: (
        entry("weight_ih", "weight_ih", every(cell)),
        entry("weight_hh", "weight_hh", every(cell)),
    )
    for cell in ("lstm", "gru")
}


def _prefix(spec: Spec, layer: int, direction: str) -> str:
    side = ".backward" if direction == "reverse" else ".forward"
    return f"layers.{layer}" + (side if spec.bidirectional else "")


EQUINOX = Layout(
    name="equinox",
    title="Equinox",
    cells={
        "lstm": (*_WEIGHTS["lstm"], entry("bias", "bias_ih + bias_hh", every("lstm"))),
        "gru": (
            *_WEIGHTS["gru"],
            Entry("bias", (Piece(("bias_ih", "bias_hh"), (0, 1)), Piece(("bias_ih",), (2,)))),
            entry("bias_n", "bias_hh", (2,)),
        ),
    },
    prefix=_prefix,
    order="T",
    words={
        "input": "one sample; jax.vmap adds a batch",
        "h0": "of each cell, which gets (h, c)",
        "hn": "of each cell",
    },
)
