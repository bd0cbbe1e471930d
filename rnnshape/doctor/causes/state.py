"""A state of the wrong shape: which of its three sizes differs tells why."""

from __future__ import annotations

import ast

from ..code import Mend
from .base import Finding, attempt, prove, rule, shape_text
from .mismatch import ONLY_BATCH, STATE_SIZE, Mismatch, mismatch


@rule(
    "last-batch-smaller", STATE_SIZE, read=mismatch,
    meaning="a state kept for full batches meets a batch of another size, such as the last one",
    example="RuntimeError: Expected hidden[0] size (2, 4, 256), got [2, 64, 256]",
)  # fmt: skip
def last_batch_smaller(m: Mismatch) -> Finding | None:
    """Only N differs, and N is what torch says it is."""
    if m.differs() != ONLY_BATCH:
        return None
    batch, kept = m.expected[1], m.got[1]
    return m.mended(
        round(0.92 * (1 - m.swapped), 2),
        f"{m.name} was made for a batch of {kept}, this call has a batch of {batch}; rows and "
        "width agree. "
        + ("The last batch of an epoch is often smaller." if batch < kept else
           "A state carried over from a smaller batch, or made for fewer sequences, stays small."),
        "Give each call a state of its own batch size: cut or rebuild it, or leave it out (zeros). "
        "DataLoader(..., drop_last=True) keeps every batch equal.",
        _own_batch(m),
        (m.got[0], batch, m.got[2]),
    )  # fmt: skip


def _own_batch(m: Mismatch) -> Mend:
    call, size = m.call, m.batch_axis
    names = [call.statement.source(node) for node in call.outputs[1:]]
    if call.own and call.state is not None and call.statement.source(call.state) in names:
        # a state carried from call to call is kept as long as it fits
        whole = call.statement.source(call.state)
        first = call.text(call.states[0])
        first = f"{first}[0]" if m.pair and len(call.states) == 1 else first
        known = m.facts.program.values.get(whole)
        none = any(isinstance(v, ast.Constant) and v.value is None for v in known or [])
        given = f"{whole} is not None and " if none or not known else ""
        return call.mend((call.state, f"{whole} if {given}{first}.size(1) == {size} else None"))
    if m.got[1] > m.expected[1]:
        form = f"{{0}}[:, :{size}].contiguous()"
    elif m.got[1] == 1:
        form = f"{{0}}.expand(-1, {size}, -1).contiguous()"
    else:
        form = f"{{0}}.new_zeros({{0}}.size(0), {size}, {{0}}.size(2))"
    return call.with_states(form, m.pair, m.only)


@rule(
    "batch-first-confusion", STATE_SIZE, read=mismatch,
    meaning="the input's first two axes are read the other way round: T stands where N should",
    example="RuntimeError: Expected hidden[0] size (4, 10, 100), got [4, 4, 100]",
)  # fmt: skip
def time_where_batch_should_be(m: Mismatch) -> Finding | None:
    """Only N differs, and N is really T."""
    if m.differs() != ONLY_BATCH:
        return None
    length, size = m.expected[1], m.got[1]
    first = bool(m.facts.known.get("batch_first"))
    order = "(N, T, input_size)" if first else "(T, N, input_size)"
    other = "(T, N, input_size)" if first else "(N, T, input_size)"

    def proof() -> dict[str, object]:
        wrong = m.spec(batch_first=first)
        right = m.spec(batch_first=not first)
        state = m.given(right, m.got, (size, length))
        return prove((wrong, state), (right, state), expected=list(m.expected), got=list(m.got))

    return Finding(
        m.swapped,
        f"torch took the batch size, {length}, from axis {0 if first else 1} of the input, since "
        f"batch_first={first} means {order}. {m.name} was made for a batch of {size}: if {length} "
        f"is the number of time steps, the input is {other}.",
        f"Build the layer with batch_first={not first}, or swap the input's first two axes. h0 and "
        "c0 stay (D·L, N, H) either way.",
        _batch_first(m, not first),
        attempt(proof),
    )


def _batch_first(m: Mismatch, value: bool) -> Mend:
    layer = m.facts.layer
    if layer is not None:
        return m.facts.rebuilt(layer, {"batch_first": value})
    if not m.call.own:
        inside = f"input_size, {m.expected[2]}"
        layers = f", num_layers={m.expected[0]}" if m.expected[0] > 1 else ""
        kind = "LSTM" if m.pair else (m.facts.cell.replace("lstm", "") or "rnn").upper()
        return Mend(f"{kind.lower()} = nn.{kind}({inside}{layers}, batch_first={value})")
    outputs = m.call.outputs
    name = m.call.statement.source(outputs[0]) if len(outputs) > 1 else ""
    after = f"{name} = {name}.transpose(0, 1)" if name and name != "_" else ""
    return m.call.with_input("{}.transpose(0, 1)", after=after)


@rule(
    "batch-first-confusion", STATE_SIZE, read=mismatch,
    meaning="the state is (N, D·L, H), but batch_first never touches h0 and c0",
    example="RuntimeError: Expected hidden[0] size (2, 8, 256), got [8, 2, 256]",
)  # fmt: skip
def state_batch_first(m: Mismatch) -> Finding | None:
    """The first two sizes are the expected ones, swapped."""
    rows, size, width = m.expected
    if m.got != (size, rows, width):
        return None
    return m.mended(
        0.9,
        f"{m.name} is {shape_text(m.got)}: the batch comes first. batch_first concerns input and "
        "output alone; h0 and c0 are always (D·L, N, H).",
        "Swap the state's first two axes, or build it as (D·L, N, H).",
        "{0}.transpose(0, 1).contiguous()",
        m.expected,
    )


@rule(
    "missing-direction", STATE_SIZE, read=mismatch,
    meaning="the state's rows and the layer's directions differ by the factor 2",
    example="RuntimeError: Expected hidden[0] size (6, 7, 20), got [3, 7, 20]",
)  # fmt: skip
def missing_direction(m: Mismatch) -> Finding | None:
    """Half or twice as many rows as needed."""
    if m.differs()[2] or not m.differs()[0]:
        return None
    need, have = m.expected[0], m.got[0]
    both = m.facts.known.get("bidirectional")
    doubt = 0.5 if m.differs()[1] else 1.0
    if need == 2 * have:
        sure = 0.9 if both else 0.03 if both is False else 0.5 if need == 2 else 0.62
        return m.mended(
            sure * doubt,
            f"{need} = 2 directions × {have} layer{'s' * (have > 1)}: the layer is bidirectional "
            f"and wants a row for each direction; {m.name} has {have}.",
            "Make h0 (and c0) with num_layers * 2 rows, in the order layer 0 forward, layer 0 "
            "reverse, layer 1 forward, …",
            "{0}.repeat_interleave(2, dim=0)",
            (2 * m.got[0], m.expected[1], m.got[2]),
            directions=2,
        )
    if have == 2 * need:
        sure = 0.05 if both else 0.15 if m.from_another or m.from_outputs else 0.45
        return m.mended(
            sure * doubt,
            f"{m.name} has {have} = 2 × {need} rows, as for two directions, but the layer runs in "
            "one direction only.",
            "Build the layer with bidirectional=True if it was meant to be, or keep every second "
            "row: those of the forward direction.",
            "{0}[::2].contiguous()",
            (m.got[0] // 2, m.expected[1], m.got[2]),
        )
    return None


@rule(
    "wrong-num-layers", STATE_SIZE, read=mismatch,
    meaning="the state has rows for another number of layers",
    example="RuntimeError: Expected hidden[0] size (3, 7, 20), got [1, 7, 20]",
)  # fmt: skip
def wrong_num_layers(m: Mismatch) -> Finding | None:
    """The rows differ by another factor than 2, or by that of directions that are known."""
    if m.differs()[2] or not m.differs()[0]:
        return None
    need, have = m.expected[0], m.got[0]
    both = m.facts.known.get("bidirectional")
    if need == 2 * have:
        sure = 0.06 if both else 0.9 if both is False else 0.4
    elif have == 2 * need:
        sure = 0.3
    elif have > need:
        sure = 0.1 if m.from_outputs else 0.55 if have <= 4 else 0.3
    else:
        sure = 0.8
    if m.got[0] == m.expected[1]:
        sure *= 0.3
    doubt = 0.5 if m.differs()[1] else 1.0
    if have > need:
        form, fix = f"{{0}}[-{need}:]", "keep the rows of the top layers"
    elif need % max(have, 1) == 0 and have:
        form, fix = f"{{0}}.repeat({need // have}, 1, 1)", "repeat the row for every layer"
    else:
        form, fix = f"{{0}}.new_zeros({need}, *{{0}}.shape[1:])", "begin with zeros"
    d = " × 2 directions" if both else ""
    return m.mended(
        sure * doubt,
        f"The layer wants {need} row{'s' * (need != 1)}, one for each of its layers{d}; "
        f"{m.name} has {have}.",
        f"Make h0 (and c0) with as many rows as num_layers{' * 2' if both else ''} of the layer it "
        f"is given to, or {fix}.",
        form,
        (need, m.expected[1], m.got[2]),
    )


@rule(
    "state-shape", STATE_SIZE, read=mismatch,
    meaning="several sizes of the state differ: it belongs to another network or another batch",
    example="RuntimeError: Expected hidden[0] size (2, 8, 32), got [1, 5, 48]",
)  # fmt: skip
def state_shape(m: Mismatch) -> Finding | None:
    """More than one size differs."""
    if sum(m.differs()) < 2:
        return None
    rows, size, width = m.expected
    return m.mended(
        0.25,
        f"{m.name} is {shape_text(m.got)} where this call needs {shape_text(m.expected)}: "
        f"{rows} rows (directions × layers), a batch of {size}, a width of {width}.",
        "Make the state of the shape that this call needs, or leave it out: it is then zeros.",
        f"{{0}}.new_zeros({rows}, {m.batch_axis}, {width})",
        (rows, size, width),
    )  # fmt: skip
