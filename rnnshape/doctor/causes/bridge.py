"""A state from another layer: encoders into decoders, outputs into states, other widths."""

from __future__ import annotations

from .base import Finding, rule, shape_text
from .mismatch import ONLY_WIDTH, STATE_SIZE, Mismatch, mismatch


@rule(
    "encoder-decoder-bridge", STATE_SIZE, read=mismatch,
    meaning="a bidirectional encoder's state, two directions wide, goes into a one-way decoder",
    example="RuntimeError: Expected hidden size (1, 3, 20), got [1, 3, 40]",
)  # fmt: skip
def bridge(m: Mismatch) -> Finding | None:
    """Twice the width, or twice the rows of a state that comes from elsewhere."""
    if m.differs()[1] or m.from_outputs:
        return None
    rows, size, width = m.expected
    if (2 * m.got[0], m.got[2]) == (rows, 2 * width):
        half = rows // 2
        return m.mended(
            0.8,
            f"{m.name} holds both directions side by side, {2 * width} = 2 × {width}, in {half} "
            f"rows. A bidirectional layer wants them as rows: {rows}, each {width} wide.",
            "Keep the two directions as rows of their own: layer 0 forward, layer 0 reverse, …",
            f"{{0}}.reshape({half}, {size}, 2, {width}).transpose(1, 2)"
            f".reshape({rows}, {size}, {width})",
            (2 * m.got[0], size, m.got[2] // 2),
            directions=2,
        )
    if m.got == (rows, size, 2 * width):
        return m.mended(
            0.78,
            f"{m.name} is {2 * width} = 2 × {width} wide: both directions of an encoder, side by "
            f"side. The decoder's hidden_size is {width}.",
            f"Build the decoder with hidden_size={2 * width}, bring the state down with "
            f"nn.Linear({2 * width}, {width}), or add the two directions.",
            f"({{0}}[..., :{width}] + {{0}}[..., {width}:])",
            (*m.got[:2], width),
        )
    if m.got == (2 * rows, size, width):
        layers = "layer" if rows == 1 else "layers"
        return m.mended(
            0.8 if m.from_another else 0.35,
            f"{m.name} has {2 * rows} rows: {rows} {layers} × 2 directions, as a bidirectional "
            f"encoder leaves them. The decoder has one direction and wants {rows}.",
            "Join the two directions of each layer: add them, or concatenate them and bring them "
            "down with a Linear.",
            f"{{0}}.reshape({rows}, 2, *{{0}}.shape[1:]).sum(dim=1)",
            (m.got[0] // 2, size, width),
        )
    return None


@rule(
    "outputs-as-state", STATE_SIZE, read=mismatch,
    meaning="a layer's outputs, one for every step, are given as a state",
    example="RuntimeError: Expected hidden size (1, 3, 20), got [5, 3, 20]",
)  # fmt: skip
def outputs_as_state(m: Mismatch) -> Finding | None:
    """T rows, or a batch-first output whose second size is T."""
    rows, size, width = m.expected
    time_first = m.got[1] == size and m.got[0] != rows
    batch_first = m.got[0] == size != rows and m.got[1] not in (size, rows)
    if not (time_first or batch_first) or m.got[2] not in (width, 2 * width):
        return None
    steps = m.got[0] if time_first else m.got[1]
    return m.mended(
        _surely_outputs(m, steps, time_first),
        f"{m.name} is {shape_text(m.got)}: {steps} looks like a number of time steps, so this is "
        f"a layer's output, one vector a step. A state is {shape_text(m.expected)}.",
        "Pass the second result of the layer, hn, not the first: output, hn = encoder(x). The "
        "last step of the output is the top layer's hn where it runs in one direction.",
        _last_step(m, time_first),
        m.expected,
    )


def _surely_outputs(m: Mismatch, steps: int, time_first: bool) -> float:
    length = m.facts.stated.get("seq_len")
    if m.from_outputs:
        return 0.92
    if m.from_outputs is False:
        return 0.05
    if isinstance(length, int):
        return 0.9 if length == steps else 0.05
    if not time_first:
        return 0.75
    if steps < m.expected[0]:
        return 0.05
    if m.got[2] != m.expected[2]:
        return 0.6
    return 0.62 if steps >= 5 else 0.35 if steps >= 3 and m.expected[0] != 2 else 0.05


def _last_step(m: Mismatch, time_first: bool) -> str:
    rows, _, width = m.expected
    last, begin = ("{0}[-1:]", "{0}[:1]") if time_first else ("{0}[:, -1:]", "{0}[:, :1]")
    turned = "" if time_first else ".transpose(0, 1)"
    if m.got[2] == 2 * width:
        # forward ends at the last step, reverse at the first
        form = f"({last}[..., :{width}] + {begin}[..., {width}:]){turned}"
    else:
        form = last + turned
    return f"{form}.repeat({rows}, 1, 1)" if rows > 1 else f"{form}.contiguous()"


@rule(
    "proj-size", STATE_SIZE, read=mismatch,
    meaning="an LSTM with proj_size has h of proj_size and c of hidden_size features",
    example="RuntimeError: Expected hidden[0] size (1, 3, 6), got [1, 3, 20]",
)  # fmt: skip
def proj_size(m: Mismatch) -> Finding | None:
    """Only the width differs, and only h's or c's own."""
    need, have = m.expected[2], m.got[2]
    projected = m.facts.known.get("proj_size")
    if not m.pair or m.differs() != ONLY_WIDTH:
        return None
    if (m.which == 0) != (have > need) or projected == 0:
        return None
    sure = 0.92 if projected else 0.25 if have != 2 * need else 0.1
    state, size = ("h", "proj_size") if m.which == 0 else ("c", "hidden_size")
    return m.mended(
        sure,
        f"With proj_size, h is proj_size wide and c is hidden_size wide; {m.name} should be {need} "
        f"wide and is {have}.",
        f"Make {m.name} (num_layers * directions, N, {size}); {state} has a width of its own.",
        m.call.with_states(f"{{0}}.new_zeros(*{{0}}.shape[:2], {need})", True, m.which),
        (*m.got[:2], need),
    )


@rule(
    "hidden-size", STATE_SIZE, read=mismatch,
    meaning="the state's width is not the layer's hidden_size",
    example="RuntimeError: Expected hidden size (1, 3, 20), got [1, 3, 21]",
)  # fmt: skip
def hidden_size(m: Mismatch) -> Finding | None:
    """Only the width differs."""
    if m.differs() != ONLY_WIDTH:
        return None
    need, have = m.expected[2], m.got[2]
    return m.mended(
        0.2 if have == 2 * need else 0.7,
        f"{m.name} is {have} wide; the layer's hidden_size is {need}.",
        f"Make the state {need} wide, or build the layer with hidden_size={have}.",
        f"{{0}}.new_zeros(*{{0}}.shape[:2], {need})",
        (*m.got[:2], need),
    )
