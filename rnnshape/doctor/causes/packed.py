"""A packed batch in an nn.LSTM: nothing is checked before, so products and sums complain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...checks.padded import Given
from ...network.batch import Batch
from ...network.dims import Dim, Shape
from ...network.spec import Spec
from ..code import Mend
from .base import Facts, Finding, Proof, attempt, prove, rule
from .products import PRODUCT, factors

LENGTHS = (5, 3, 2)  # the batch that proofs are made with, since no message tells the lengths
_SUPPOSED = {"hidden_size": 20, "num_layers": 1, "bidirectional": False}  # where nothing tells


def _proof(facts: Facts, spoil: Callable[[str, Shape], Shape], **certain: Any) -> Proof | None:
    """A packed batch with a state that `spoil` makes of the fitting one (name, shape), mended."""

    def build() -> Proof:
        known = {name: facts.known.get(name) or value for name, value in _SUPPOSED.items()}
        spec = facts.network(**{"cell": "lstm", **known, **certain})
        fitting = Batch(lengths=LENGTHS).tensors(spec)
        good = Given(fitting["input"], fitting["h0"], fitting["c0"], lengths=LENGTHS)
        bad = [spoil(name, fitting[name]) for name in ("h0", "c0")]
        return prove((spec, good._replace(h0=bad[0], c0=bad[1])), (spec, good))

    return attempt(build)


def _padded(spec: Spec, width: Dim) -> Shape:
    """The shape of the padded batch."""
    steps, size = max(LENGTHS), len(LENGTHS)
    return (size, steps, width) if spec.batch_first else (steps, size, width)


def _several_rows(facts: Facts) -> dict[str, Any]:
    """A state of one row can lack none."""
    one = facts.known.get("num_layers", 1) == 1 and not facts.known.get("bidirectional")
    return {"num_layers": 2} if one else {}


@rule(
    "wrong-num-layers",
    r"Expected more hidden states in stacked_rnn",
    r"select\(\): index \d{1,9} out of range for tensor of size "
    r"\[\d{1,100}, \d{1,100}, \d{1,100}\] at dimension 0",
    meaning="a packed LSTM's state has the wrong number of rows (it is not checked beforehand)",
    example="RuntimeError: Expected more hidden states in stacked_rnn",
)
def rows(facts: Facts) -> Finding | None:
    """h0 has rows for another number of layers."""
    call = facts.stateful_call(True)
    form = f"{{0}}.new_zeros({facts.rows(call)}, *{{0}}.shape[1:])"
    return Finding(
        0.55,
        "With a packed input an LSTM's state is not checked beforehand; h0 and c0 do not have one "
        "row for each of the layers (times 2 where bidirectional).",
        "Make h0 and c0 (num_layers * directions, N, H).",
        call.with_states(form, True),
        _proof(facts, lambda name, shape: (1, *shape[1:]), **_several_rows(facts)),
    )


@rule(
    "missing-direction",
    r"Odd number of params or hiddens given to a bidirectional RNN|"
    r"Expected more hidden states in stacked_rnn",
    meaning="a packed bidirectional LSTM's state has rows for one direction",
    example="RuntimeError: Odd number of params or hiddens given to a bidirectional RNN",
)
def odd_rows(facts: Facts) -> Finding | None:
    """h0 has one row for each layer, not two."""
    odd = facts.match.group(0).startswith("Odd")
    both = facts.known.get("bidirectional")
    if not odd and both is False:
        return None
    return Finding(
        0.85 if odd else 0.7 if both else 0.4,
        "A bidirectional layer wants two rows for each of its layers, in h0 and in c0.",
        "Make h0 and c0 with num_layers * 2 rows.",
        facts.stateful_call(True).with_states("{0}.repeat_interleave(2, dim=0)", True),
        _proof(facts, lambda name, shape: (shape[0] // 2, *shape[1:]), bidirectional=True),
    )


@rule(
    "last-batch-smaller",
    r"The size of tensor a \((\d{1,100})\) must match the size of tensor b \((\d{1,100})\) at "
    r"non-singleton dimension 0",
    r"INDICES element is out of DATA bounds, id=(\d{1,100}) axis_dim=(\d{1,100})",
    r"output with shape \[(\d{1,100}), \d{1,100}\] doesn't match the broadcast shape "
    r"\[(\d{1,100}), \d{1,100}\]",
    meaning="a packed LSTM's state is of another batch size (it is not checked beforehand)",
    example="RuntimeError: The size of tensor a (7) must match the size of tensor b (3) at "
    "non-singleton dimension 0",
)
def batch(facts: Facts) -> Finding | None:
    """N of the state and the number of lengths."""
    frame = facts.reading.raised_in
    if frame is not None and not facts.inside:
        return None
    call = facts.stateful_call(True)
    pair = not (call.own and facts.cell in ("rnn", "gru"))
    x = call.text(call.input)
    form = f"{{0}}.new_zeros({{0}}.size(0), {x}.batch_sizes[0], {{0}}.size(2))"
    a, b = facts.number(1), facts.number(2)
    return Finding(
        0.85 if facts.inside else 0.4,
        f"Two batch sizes met, {a} and {b}. With a packed input the state is not checked "
        "beforehand: it was made for another number of sequences.",
        "Make h0 and c0 for the number of sequences that were packed, or leave them out (zeros).",
        call.with_states(form, pair),
        _proof(facts, lambda name, shape: (shape[0], len(LENGTHS) + 1, shape[2])),
    )


@rule(
    "feature-size", PRODUCT,
    meaning="a packed LSTM's data is not input_size wide (found only in the product)",
    example="RuntimeError: mat1 and mat2 shapes cannot be multiplied (14x9 and 10x80)",
)  # fmt: skip
def features(facts: Facts) -> Finding | None:
    """The second factor is weight_ih, (I, 4·H)."""
    _, inner, needed, columns = factors(facts)
    if not facts.inside or _is_recurrent_weight(facts, needed, columns):
        return None
    layer = facts.layer
    mend = Mend(f"lstm = nn.LSTM({inner}, hidden_size)")
    if layer is not None:
        mend = facts.rebuilt(layer, {"input_size": inner})

    def build() -> Proof:
        told = {width: facts.network(cell="lstm", input_size=width) for width in (needed, inner)}
        given = Given(_padded(told[needed], inner), lengths=LENGTHS)
        return prove((told[needed], given), (told[inner], given))

    return Finding(
        0.85,
        f"With a packed input nothing is checked beforehand; the layer's weights want {needed} "
        f"features a step, the packed data has {inner}.",
        f"Build the layer with input_size={inner}, or pack data that is {needed} wide.",
        mend,
        attempt(build),
    )


def _is_recurrent_weight(facts: Facts, needed: int, columns: int | None) -> bool:
    """Whether the second factor is weight_hh, (R, 4·H), rather than weight_ih, (I, 4·H)."""
    known = facts.known
    if known.get("input_size") == needed:
        return False
    return columns == 4 * needed or needed in (known.get("proj_size"), known.get("hidden_size"))


@rule(
    "hidden-size", PRODUCT,
    meaning="a packed LSTM's state is not hidden_size wide (found only in the product)",
    example="RuntimeError: mat1 and mat2 shapes cannot be multiplied (3x21 and 20x80)",
)  # fmt: skip
def width(facts: Facts) -> Finding | None:
    """The second factor is weight_hh, (R, 4·H)."""
    _, inner, needed, columns = factors(facts)
    if not _is_recurrent_weight(facts, needed, columns) or (
        facts.reading.frames and not facts.inside
    ):
        return None
    call = facts.stateful_call(True)
    projected = bool(facts.known.get("proj_size"))
    certain = {"proj_size": needed} if projected else {"hidden_size": needed, "proj_size": 0}
    return Finding(
        0.85 if facts.inside else 0.6,
        f"The second factor is {needed}×{columns}: an LSTM's weight_hh. h0 should be {needed} wide "
        f"and is {inner} wide.",
        f"Make h0 {needed} wide"
        + (" (proj_size), and c0 hidden_size wide." if projected else ", and c0 too."),
        call.with_states(
            f"{{0}}.new_zeros(*{{0}}.shape[:-1], {needed})", True, 0 if projected else None
        ),
        _proof(
            facts,
            lambda name, shape: shape if projected and name == "c0" else (*shape[:2], inner),
            **certain,
        ),
    )


@rule(
    "hidden-size",
    r"got an incorrect number of RNN parameters",
    r"MatrixRef: ArrayRef size \d{1,100} not divisible by stride \d{1,100}",
    r"The size of tensor a \((\d{1,100})\) must match the size of tensor b \((\d{1,100})\) at "
    r"non-singleton dimension 1",
    meaning="a packed LSTM's c0 is not hidden_size wide (it is not checked beforehand)",
    example="RuntimeError: got an incorrect number of RNN parameters",
)
def cell_width(facts: Facts) -> Finding | None:
    """Where h and c are of different widths torch takes the layer for one with a projection."""
    if facts.reading.frames and not facts.inside:
        return None
    call = facts.stateful_call(True)
    hidden = facts.known.get("hidden_size")
    width = str(hidden) if isinstance(hidden, int) else f"{call.callee or 'lstm'}.hidden_size"
    sized = facts.match.groups() and facts.match.group(1)
    like = call.text(call.states[0]) if call.own and len(call.states) == 2 else "{0}"
    mend = call.with_states(f"{{0}}.new_zeros(*{like}.shape[:-1], {width})", True, 1)
    return Finding(
        0.75 if facts.inside else 0.35 if sized else 0.6,
        "h0 and c0 are of different widths. c is always hidden_size wide; h too, unless the LSTM "
        "has a proj_size. With a packed input neither is checked beforehand.",
        "Make c0 (num_layers * directions, N, hidden_size).",
        mend,
        _proof(
            facts,
            lambda name, shape: shape if name == "h0" else (*shape[:2], shape[2] + 1),
        ),
    )
