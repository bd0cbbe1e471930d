"""A tensor with too many or too few axes."""

from __future__ import annotations

import re

from ...checks.padded import Given
from ...network.dims import Shape, symbol
from ..code import Call, Mend
from .base import Facts, Finding, H, I, N, Proof, T, attempt, given, prove, rule
from .mismatch import STATE_SIZE
from .results import is_lone

_RANKS = re.compile(
    r"For (un)?batched ([23])-D input, hx (and cx )?should also be [23]-D but got "
    r"(?:\((\d{1,3})-D, (\d{1,3})-D\) tensors|(\d{1,3})-D tensor)"
)
_INPUT = re.compile(
    r"(RNN|LSTM|GRU): Expected input to be 2-?D or 3-?D,? (?:got|but received|but got) "
    r"(\d{1,3})-?D|input must have 3 dimensions, got (\d{1,3})"
)
_OUT_OF_RANGE = re.compile(
    r"[Dd]imension out of range \(expected to be in range of \[-(\d{1,3}), \d{1,3}\], but got"
)


@rule(
    "unbatched-rank", _RANKS,
    meaning="the state has a batch axis and the input has none, or the other way round",
    example="RuntimeError: For batched 3-D input, hx should also be 3-D but got 2-D tensor",
)  # fmt: skip
def state_rank(facts: Facts) -> Finding | None:
    """The ranks of input and state differ."""
    unbatched, pair = bool(facts.match.group(1)), bool(facts.match.group(3))
    ranks = [int(g) for g in facts.match.group(4, 5, 6) if g]
    call = facts.stateful_call(pair)
    if unbatched:
        return _lost_batch(facts, call, pair, ranks)
    sure = 0.9
    if ranks == [2, 2]:
        sure = 0.05 if is_lone(facts, call) else 0.9 if len(call.states) == 2 else 0.5
    wrong = [index for index, rank in enumerate(ranks) if rank != 3]
    if not wrong:
        return None
    rank = ranks[wrong[0]]
    got, form = _completed(facts, rank)
    return Finding(
        sure,
        f"The input has three axes, so h0{' and c0' if pair else ''} should be (D·L, N, H); "
        f"{'one' if len(wrong) < len(ranks) else 'what came'} has {rank}.",
        "Give the state an axis for layers and directions and one for the batch, even where they "
        "are 1.",
        call.with_states(form, pair, wrong[0] if pair and len(wrong) == 1 else None),
        _state_proof(facts, pair, got),
    )


def _completed(facts: Facts, rank: int) -> tuple[Shape, str]:
    """A state of too low or high a rank, and the form that brings it to (D·L, N, H)."""
    rows = facts.known.get("num_layers", 1) * (2 if facts.known.get("bidirectional") else 1)
    if rank == 2 and rows == 1:
        return (N, H), "{0}.unsqueeze(0)"
    if rank == 2:
        return (N, H), f"{{0}}.repeat({rows}, 1, 1)"
    if rank == 4:
        return (1, rows, N, H), "{0}.flatten(0, 1)"
    return (H,), f"{{0}}.repeat({rows}, 1, 1)"


def _state_proof(facts: Facts, pair: bool, got: Shape) -> Proof | None:
    def build() -> Proof:
        spec = facts.network(cell=_cell(facts, pair))
        rows = spec.num_layers * spec.num_directions
        x = (T, N, spec.input_size)
        widths = [spec.state_width(name) for name in spec.state_names]
        before = [tuple(width if size == H else size for size in got) for width in widths]
        after = [(rows, N, width) for width in widths]
        return prove((spec, given(x, before)), (spec, given(x, after)))

    return attempt(build)


def _cell(facts: Facts, pair: bool) -> str:
    return "lstm" if pair else facts.cell.replace("lstm", "") or "rnn"


def _lost_batch(facts: Facts, call: Call, pair: bool, ranks: list[int]) -> Finding:
    rows = facts.known.get("num_layers", 1) * (2 if facts.known.get("bidirectional") else 1)

    def build() -> Proof:
        spec = facts.network(cell=_cell(facts, pair))
        states = [(rows, N, spec.state_width(name)) for name in spec.state_names]
        before = (spec, given((N, spec.input_size), states))
        batched = (1, N) if not spec.batch_first else (N, 1)
        return prove(before, (spec, given((*batched, spec.input_size), states)))

    if 3 not in ranks:
        form = f"{{0}}.reshape({rows}, -1)"
        mend = call.with_states(form, pair)
    else:
        mend = _batched(facts, call)
    return Finding(
        0.85 if max(ranks) > 1 else 0.4,
        "The input has two axes, so torch reads it as one sequence (T, input_size) without a "
        f"batch; the state has {max(ranks)} axes, as for a batch.",
        "Give the input its batch axis: unsqueeze(0) makes (N, input_size) one step of N "
        "sequences, unsqueeze(1) makes (T, input_size) a batch of one (the other way round with "
        "batch_first). Or take the state's batch axis away.",
        mend,
        attempt(build),
    )


def _batched(facts: Facts, call: Call) -> Mend:
    """The input with a batch axis: one step of N sequences, or one sequence of T steps."""
    step, sequence = (1, 0) if facts.known.get("batch_first") else (0, 1)
    x = call.text(call.input)
    sizes, state = facts.program.shape(call.input), facts.program.shape(call.states[0])
    if sizes and state and len(state) == 3 and None not in (sizes[0], state[1]):
        return call.with_input(f"{{0}}.unsqueeze({step if sizes[0] == state[1] else sequence})")
    first = call.text(call.states[0])
    if len(call.states) == 1 and (facts.cell == "lstm" or "cx" in facts.error.message):
        first += "[0]"
    return call.with_input(
        f"{{0}}.unsqueeze({step} if {x}.size(0) == {first}.size(1) else {sequence})"
    )


@rule(
    "unbatched-rank", STATE_SIZE,
    meaning="the state lacks the axis of layers and directions, or that of the batch",
    example="RuntimeError: Expected hidden[0] size (1, 64, 256), got (64, 256)",
)  # fmt: skip
def state_too_flat(facts: Facts) -> Finding | None:
    """The state printed has not three sizes."""
    expected, got = facts.sizes(2), facts.sizes(3)
    if len(got) == 3 or len(expected) != 3:
        return None
    pair = facts.match.group(1) is not None
    rows, size, _ = expected
    form = "{0}.unsqueeze(0)" if rows == 1 else f"{{0}}.repeat({rows}, 1, 1)"
    if len(got) == 2 and got[0] == rows != size:
        form = f"{{0}}.unsqueeze(1).repeat(1, {size}, 1)"
    elif len(got) != 2:
        form = f"{{0}}.reshape({', '.join(map(str, expected))})"
    call = facts.stateful_call(pair)
    missing = "fewer" if len(got) < 3 else "more"

    def build() -> Proof:
        layers = {"num_layers": rows, "bidirectional": False}
        spec = facts.network(
            cell=_cell(facts, pair), hidden_size=expected[2], proj_size=0, **layers
        )
        x = (size, T, spec.input_size) if spec.batch_first else (T, size, spec.input_size)
        after = (spec, Given(x, expected, expected if pair else None))
        return prove((spec, Given(x, got, got if pair else None)), after, got=list(got))

    return Finding(
        0.95,
        f"The state has {missing} axes than (D·L, N, H) = ({rows}, {size}, {expected[2]}).",
        "Give the state an axis for layers and directions and one for the batch, even where they "
        "are 1.",
        call.with_states(form, pair, 1 if facts.match.group(1) == "1" else None),
        attempt(build),
    )


@rule(
    "unbatched-rank", _INPUT, r"matrices expected, got (?:[12])D, 2D tensors",
    meaning="the input lacks its batch axis (torch before 1.11 had no unbatched input)",
    example="RuntimeError: input must have 3 dimensions, got 2",
)  # fmt: skip
def input_too_flat(facts: Facts) -> Finding | None:
    """An input of one or two axes."""
    groups = facts.match.groups()
    rank = int(next((g for g in groups[1:] if g), 2)) if groups else 2
    if rank > 2:
        return None
    call = facts.call("output, hn = rnn(x)")
    first = facts.known.get("batch_first")
    if rank == 0:
        return Finding(
            0.8,
            "The input is a single number without any axis.",
            "Give it the axes of time and features: x.reshape(1, 1).",
            call.with_input("{0}.reshape(1, 1)"),
            _input_proof(facts, (), (1, I)),
        )
    if rank == 1:
        single = facts.known.get("input_size") == 1
        form, before = ("{0}.unsqueeze(-1)", (T,)) if single else ("{0}.unsqueeze(0)", (I,))
        return Finding(
            0.9,
            "The input has one axis; a layer reads (T, input_size), (T, N, input_size) or, with "
            "batch_first, (N, T, input_size).",
            "Add the missing axes: unsqueeze(-1) where each step is one number, unsqueeze(0) where "
            "the tensor is a single step.",
            call.with_input(form),
            _input_proof(facts, before, (T, I) if single else (1, I)),
        )
    axis = 0 if first else 1
    mend = _batched(facts, call) if call.state else call.with_input(f"{{0}}.unsqueeze({axis})")
    return Finding(
        0.9,
        "The input has two axes where this torch wants three: (T, N, input_size), or (N, T, "
        "input_size) with batch_first. The batch axis is missing, even if the batch is one.",
        f"Add the batch axis: x.unsqueeze({axis}) for one sequence (T, input_size).",
        mend,
        _input_proof(facts, (T, I), (1, T, I) if first else (T, 1, I)),
    )


def _input_proof(facts: Facts, before: Shape, after: Shape) -> Proof | None:
    def build() -> Proof:
        spec = facts.network()
        sized = [
            tuple(spec.input_size if size == I else size for size in shape)
            for shape in (before, after)
        ]
        proof = prove((spec, Given(sized[0])), (spec, Given(sized[1])))
        if "torch" not in proof["before"]:
            proof["before"]["fits"] = False  # torch of today reads it as one sequence
        return proof

    return attempt(build)


@rule(
    "input-rank", _INPUT, r"input must have 2 dimensions, got (\d{1,3})",
    meaning="the input has more axes than (T, N, input_size)",
    example="ValueError: LSTM: Expected input to be 2D or 3D, got 4D instead",
)  # fmt: skip
def input_rank(facts: Facts) -> Finding | None:
    """An input of four axes or more."""
    rank = int(next((g for g in facts.match.groups()[-2:] if g), 0))
    packed = "2 dimensions" in facts.match.group(0)
    call = facts.call("output, hn = rnn(x)")
    if packed and rank == 1:
        return Finding(
            0.8,
            "A packed sequence holds (steps, input_size); the steps of this one are single numbers "
            "without an axis.",
            "Pack a tensor of three axes: x.unsqueeze(-1) gives each step its feature axis.",
            call.with_input("{0}._replace(data={0}.data.unsqueeze(-1))"),
            _input_proof(facts, (T,), (T, I)),
        )
    if rank < 3:
        return None
    if packed:
        return Finding(
            0.7,
            "A packed sequence holds (steps, input_size), but each step of this one has two axes.",
            "Pack a tensor of three axes, (T, N, input_size), or (N, T, input_size) with "
            "batch_first=True.",
            call.with_input("{0}._replace(data={0}.data.flatten(1))"),
            _input_proof(facts, (T, N, I, 1), (T, N, I)),
        )
    shape = facts.program.shape(call.input)
    first = facts.known.get("batch_first")
    width = facts.known.get("input_size")
    form = f"{{0}}.flatten({1 if first else 0}, {rank - 2 if first else rank - 3})"
    if shape and isinstance(width, int) and shape[-1] != width:
        form = "{0}.flatten(2)"
    elif shape and 1 in shape[:-1]:
        form = f"{{0}}.squeeze({shape.index(1)})"
    extra = tuple(symbol(name) for name in "ABCDE"[: rank - 3])
    return Finding(
        0.9,
        f"The input has {rank} axes; a layer reads (T, N, input_size) or, with batch_first, (N, T, "
        "input_size).",
        "Merge or drop axes before the layer: squeeze one of size 1, flatten(2) to make one "
        "feature vector of all that follows the first two axes.",
        call.with_input(form),
        _input_proof(facts, (*extra, T, N, I), (T, N, I)),
    )


@rule(
    "unbatched-rank", _OUT_OF_RANGE,
    meaning="an axis is read that the tensor does not have: a batch or a layer axis is missing",
    example="IndexError: Dimension out of range (expected to be in range of [-2, 1], but got 2)",
)  # fmt: skip
def axis_out_of_range(facts: Facts) -> Finding | None:
    """Some tensor has fewer axes than are read."""
    rank = facts.number(1)
    if rank > 2:
        return None
    call = facts.call("output, hn = rnn(x, h0)", lambda call: bool(call.input))
    origins = "".join(facts.reading.failing.code) if facts.reading.failing else ""
    if call.state is not None and "pack" in origins + call.text(call.input):
        pair = facts.cell == "lstm" or len(call.states) == 2
        return Finding(
            0.5,
            f"A tensor has {rank} axes and a further one is read. With a packed input the state "
            "is not checked before it is used: it should be (D·L, N, H).",
            "Give the state an axis for layers and directions.",
            call.with_states(
                f"{{0}}.new_zeros({facts.rows(call)}, {call.text(call.input)}.batch_sizes[0], "
                "{0}.size(-1))",
                pair,
            ),
            _state_proof(facts, pair, (N, H)),
        )
    first = facts.known.get("batch_first")
    return Finding(
        0.5,
        f"A tensor has {rank} axes and a further one is read. torch before 1.11 read the batch "
        "size from the second axis of a three-axis input.",
        "Give the input its batch axis, or the state its axis of layers.",
        call.with_input(f"{{0}}.unsqueeze({0 if first else 1})"),
        _input_proof(facts, (T, I), (1, T, I) if first else (T, 1, I)),
    )
