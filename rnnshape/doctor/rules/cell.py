"""nn.RNNCell, nn.LSTMCell and nn.GRUCell: one step, no time axis, no layers."""

from __future__ import annotations

from .base import Facts, Finding, H, I, N, T, fitting, rule

_EXAMPLE = "ValueError: GRUCell: Expected input to be 1D or 2D, got 3D instead"


@rule(
    "cell-takes-one-step",
    r"(Cell): Expected input to be 1-?D or 2-?D,? (?:got|but received) (\d{1,3})-?D",
    r"matrices expected, got 3D, 2D tensors",
    meaning="a cell reads one step (N, input_size), not a sequence",
    example=_EXAMPLE,
)
def whole_sequence(facts: Facts) -> Finding | None:
    """A sequence given to a cell."""
    if facts.match.groups() and facts.number(2) < 3:
        return None
    call = facts.call("hn = cell(x, hn)", lambda call: call.input is not None)
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
        fitting({"input": [str(T), str(N), str(I)]}, {"input": [str(N), str(I)], "times": str(T)}),
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
    if facts.number(3) < 3:
        return None
    call = facts.call(
        "hn, cn = cell(x, (h0, c0))" if pair else "hn = cell(x, h0)",
        lambda call: call.state is not None,
    )
    return Finding(
        0.93,
        "A cell's state is (N, hidden_size), without an axis of layers and directions.",
        "Take one row of it, such as the last layer's: hn[-1].",
        call.with_states("{0}[-1]", pair, 1 if facts.match.group(2) == "1" else None),
        fitting({"h0": ["L", str(N), str(H)]}, {"h0": [str(N), str(H)]}),
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
        fitting({"h0": [str(N), have]}, {"h0": [str(N), need]}),
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
        fitting({"input": [size, str(I)], "h0": [kept, str(H)]},
                {"input": [size, str(I)], "h0": [size, str(H)]}),
    )  # fmt: skip
