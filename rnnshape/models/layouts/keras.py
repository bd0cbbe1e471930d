"""Keras: kernels (in, out), the batch first.

Gates: LSTM i, f, c, o; GRU z, r, h. LSTM and SimpleRNN have one bias; a GRU with reset_after=True
(the default, and torch's) has two rows of it, input's and state's.
Source: keras/src/layers/rnn/lstm.py, gru.py and simple_rnn.py; names as Keras gives them.
"""

from __future__ import annotations

from ...network.spec import Spec
from .layout import Entry, Layout, Piece, entry

LAYERS = {"rnn": ("SimpleRNN", "simple_rnn"), "lstm": ("LSTM", "lstm"), "gru": ("GRU", "gru")}
_GRU = (1, 0, 2)


def _one_bias(gates: tuple[int, ...]) -> tuple[Entry, ...]:
    return (
        entry("kernel", "weight_ih", gates, transposed=True),
        entry("recurrent_kernel", "weight_hh", gates, transposed=True),
        entry("bias", "bias_ih + bias_hh", gates),
    )


def _prefix(spec: Spec, layer: int, direction: str) -> str:
    own = LAYERS[spec.cell][1]
    number = f"_{layer}" if layer else ""
    if not spec.bidirectional:
        return f"{own}{number}/{own}_cell"
    side = "backward" if direction == "reverse" else "forward"
    return f"bidirectional{number}/{side}_{own}/{own}_cell"


RESET_BEFORE = _one_bias(_GRU)  # a GRU with reset_after=False, which torch does not have

KERAS = Layout(
    name="keras",
    title="Keras",
    cells={
        "rnn": _one_bias((0,)),
        "lstm": _one_bias((0, 1, 2, 3)),
        "gru": (
            *RESET_BEFORE[:2],
            Entry("bias", (Piece(("bias_ih",), _GRU), Piece(("bias_hh",), _GRU)), stacked=True),
        ),
    },
    prefix=_prefix,
    separator="/",
    words=dict.fromkeys(("h0", "c0", "hn", "cn"), "a state of each layer and direction"),
)
