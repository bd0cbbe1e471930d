"""nn.RNNCell, nn.LSTMCell and nn.GRUCell: one step, no time axis, no layers."""

from __future__ import annotations

import re

from ...checks.padded import Given
from ...network.dims import Dim, Shape
from ...network.spec import Spec
from .base import Facts, Finding, H, I, N, Proof, T, attempt, prove, rule

_EXAMPLE = "ValueError: GRUCell: Expected input to be 1D or 2D, got 3D instead"


Step = tuple[Shape, Shape | None]  # an input and a state


def _proof(facts: Facts, before: Step, after: Step, hidden_size: Dim = H) -> Proof | None:
    """The call of the cell module before and after the mend."""

    def build() -> Proof:
        told = re.search(r"\b(RNN|LSTM|GRU)Cell\b", facts.error.message)
        family = told.group(1).lower() if told else facts.cell or "rnn"
        spec = Spec(cell=f"{family}-cell", input_size=I, hidden_size=hidden_size)
        calls = [
            (spec, Given(x, h, h if spec.has_cell_state else None)) for x, h in (before, after)
        ]
        return prove(*calls)

    return attempt(build)


@rule(
    "cell-takes-one-step",
    r"(Cell): Expected input to be 1-?D or 2-?D,? (?:got|but received) (\d{1,3})-?D",
    r"matrices expected, got 3D, 2D tensors",
    meaning="a cell reads one step (N, input_size), not a sequence",
    example=_EXAMPLE,
)
def whole_sequence(facts: Facts) -> Finding | None:
    """A sequence given to a cell."""
    call = facts.call("hn = cell(x, hn)", lambda call: call.input is not None)
    if facts.match.groups() and facts.number(2) == 0:
        return Finding(
            0.9,
            "A cell's input is (N, input_size), or (input_size) for one row; this is a single "
            "number without any axis.",
            "Give it the axes of batch and features: x.reshape(1, 1).",
            call.with_input("{0}.reshape(1, 1)"),
            _proof(facts, ((), None), ((1, I), None)),
        )
    x = call.text(call.input)
    bare = not facts.match.groups()
    code = call.statement.edited((call.input, "x_t")) if call.input else call.statement.text
    loop = f"for x_t in {x}:\n    " + code.replace("\n", "\n    ")
    return Finding(
        0.55 if bare else 0.93,
        "A cell computes a single step: its input is (N, input_size). It was given a tensor with a "
        "time axis.",
        "Loop over time, or use the layer (nn.RNN, nn.LSTM, nn.GRU), which does.",
        call.instead(loop),
        _proof(facts, ((T, N, I), None), ((N, I), None)),
    )


@rule(
    "unbatched-rank",
    r"(Cell): Expected (?:hidden|hx\[([01])\]) to be 1-?D or 2-?D,? "
    r"(?:got|but received) (\d{1,3})-?D",
    meaning="a layer's state (D·L, N, H) was given to a cell, which takes (N, H)",
    example="ValueError: GRUCell: Expected hidden to be 1D or 2D, got 3D instead",
)
def state_of_a_layer(facts: Facts) -> Finding | None:
    """hn has an axis of layers."""
    pair = facts.match.group(2) is not None
    call = facts.call(
        "hn, cn = cell(x, (h0, c0))" if pair else "hn = cell(x, h0)",
        lambda call: call.state is not None,
    )
    if facts.number(3) == 0:
        return Finding(
            0.8,
            "A cell's state is (N, hidden_size); each tensor of it was a single number, as where "
            "one tensor is given in place of the pair (h, c).",
            "Give tensors of the state's own shape, an LSTMCell two of them: (h0, c0).",
            call.with_states("{0}.new_zeros(x.size(0), cell.hidden_size)", pair),
            _proof(facts, ((N, I), ()), ((N, I), (N, H))),
        )
    return Finding(
        0.93,
        "A cell's state is (N, hidden_size), without an axis of layers and directions.",
        "Take one row of it, such as the last layer's: hn[-1].",
        call.with_states("{0}[-1]", pair, 1 if facts.match.group(2) == "1" else None),
        _proof(facts, ((N, I), (1, N, H)), ((N, I), (N, H))),
    )


@rule(
    "hidden-size",
    r"hidden([01]?) has inconsistent hidden_size: got (\d{1,400}),? expected (\d{1,400})",
    meaning="the state given to a cell is not hidden_size wide",
    example="RuntimeError: hidden0 has inconsistent hidden_size: got 21, expected 20",
)
def cell_state_width(facts: Facts) -> Finding | None:
    """The width of h or c."""
    have, need = facts.number(2), facts.number(3)
    call = facts.call("hn = cell(x, h0)", lambda call: call.state is not None)
    pair = len(call.states) == 2 or facts.cell == "lstm"
    return Finding(
        0.85 if have != 2 * need else 0.5,
        f"The state is {have} wide; the cell's hidden_size is {need}.",
        f"Make the state {need} wide, or build the cell with hidden_size={have}.",
        call.with_states(f"{{0}}.new_zeros(*{{0}}.shape[:-1], {need})", pair),
        _proof(facts, ((N, I), (N, have)), ((N, I), (N, need)), hidden_size=need),
    )


@rule(
    "last-batch-smaller",
    r"Input batch size (\d{1,400}) doesn't match hidden([01]?) batch size (\d{1,400})",
    meaning="a cell's state was made for a batch of another size",
    example="RuntimeError: Input batch size 3 doesn't match hidden0 batch size 5",
)
def cell_batch(facts: Facts) -> Finding | None:
    """N of the input and N of the state."""
    size, kept = facts.number(1), facts.number(3)
    call = facts.call("hn = cell(x, h0)", lambda call: call.state is not None)
    pair = len(call.states) == 2 or facts.cell == "lstm"
    x = call.text(call.input)
    form = (f"{{0}}[:{x}.size(0)]" if kept > size else
            f"{{0}}.new_zeros({x}.size(0), {{0}}.size(-1))")  # fmt: skip
    return Finding(
        0.85,
        f"The state was made for a batch of {kept}, this step has {size}."
        + (" The last batch of an epoch is often smaller." if size < kept else ""),
        "Make the state for the batch at hand, or leave it out at the first step.",
        call.with_states(form, pair),
        _proof(facts, ((size, I), (kept, H)), ((size, I), (size, H))),
    )
