"""A state that does not fit: which of its sizes differs tells why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...errors import UsageError
from ...network.dims import Shape, write_shape
from ..case import counted
from .base import SIZES, Facts, Finding, Known, N, Proof, Rule, T, rule, says, shape_text

STATE_SIZE = rf"Expected hidden(?:\[([01])\])? size {SIZES},? got {SIZES}"
_RANKS = (
    r"For (un)?batched ([23])-D input, hx (and cx )?should also be [23]-D but got "
    r"(?:\((\d{1,3})-D, (\d{1,3})-D\) tensors|(\d{1,3})-D tensor)"
)


@dataclass(frozen=True)
class Mismatch:
    """A state, h0 or c0, beside what it should be: rows (layers and directions), samples, width.

    pair: whether it is one of an LSTM's two. Of one sequence, or of a cell module, the axis that
    its state lacks is put in as 1; where the number of axes differs the shapes are as they are.
    """

    known: Known
    name: str
    pair: bool
    expected: Shape
    got: Shape

    @property
    def differs(self) -> tuple[bool, ...]:
        """For rows, batch and width: whether they differ."""
        return tuple(a != b for a, b in zip(self.expected, self.got))

    @property
    def text(self) -> str:
        """What the message is part of."""
        return self.known.reading.text if isinstance(self.known, Facts) else ""

    @property
    def batch(self) -> str:
        """Where the batch size is read."""
        return f"this call has a batch of {self.expected[1]}"

    @property
    def rows(self) -> str:
        """How the number of rows comes about, as far as that is known."""
        layers, both = (self.known.stated.get(name) for name in ("num_layers", "bidirectional"))
        if not isinstance(layers, int) or both is None:
            return f"{self.expected[0]} = directions × layers"
        directions = counted(1 + bool(both), "direction")
        return f"{self.expected[0]} = {directions} × {counted(layers, 'layer')}"

    @property
    def width(self) -> str:
        """Which size of the network the width is."""
        projected = self.known.stated.get("proj_size")
        if self.name == "h0" and projected and projected == self.expected[-1]:
            return f"{projected} = proj_size"
        also = ", which a projection leaves alone" if projected else ""
        return f"{self.expected[-1]} = hidden_size{also}"

    def swapped(self) -> float:
        """How likely T stands where N should, given that only N differs."""
        expected, got, stated = self.expected[1], self.got[1], self.known.stated
        length, batch = stated.get("seq_len"), stated.get("batch_size")
        if isinstance(length, int):
            return 0.93 if length == expected != batch else 0.05
        if not isinstance(expected, int) or not isinstance(got, int):
            return 0.05
        if isinstance(batch, int):
            return 0.05 if batch == expected else 0.7 if got < expected else 0.3
        if stated.get("batch_first"):
            return 0.15
        if got == 1:
            return 0.2
        return (0.4 if _round(expected) and not _round(got) else 0.62) if got < expected else 0.35

    def turned(self) -> str:
        """The line that has the input read in its other order, where the layer is known."""
        return ""

    def proof(self, state: Shape, directions: int = 1, turned: bool = False) -> Proof | None:
        """The call with the state that came, then with `state`; turned: the same state, the layer
        built for the other order of the input's axes."""
        rows, size, width = self.expected
        known = self.known.stated
        assert isinstance(rows, int)
        both = known.get("bidirectional")
        if both is not None and rows % (1 + bool(both)) == 0:
            directions = 1 + bool(both)
        elif rows % directions:
            directions = 1
        sure: dict[str, Any] = {"num_layers": rows // directions, "bidirectional": directions == 2}
        sure["cell"] = "lstm" if self.pair else self.known.cell.replace("lstm", "") or "rnn"
        if not (self.pair and self.name == "h0" and known.get("proj_size") == width):
            sure["hidden_size"] = width
            if self.name == "h0":
                sure["proj_size"] = 0
        try:
            spec = self.known.network(**sure)
        except UsageError:
            return None
        length = self.got[1] if turned else self.known.size("seq_len") or T
        x = (size, length, spec.input_size) if spec.batch_first else (length, size, spec.input_size)

        def states(of: Shape) -> list[Shape]:
            if not self.pair:
                return [of]
            h, c = ((*of[:2], spec.state_width(name)) for name in spec.state_names)
            return [of, c] if self.name == "h0" else [h, of]

        other = sure | {"batch_first": not spec.batch_first} if turned else sure
        after = (other, [x, *states(self.got if turned else state)])
        proof = self.known.checked((sure, [x, *states(self.got)]), after)
        if proof is not None:
            proof["before"] |= {"expected": list(self.expected), "got": list(self.got)}
        return proof


def _round(size: int) -> bool:
    """Whether a size is one that people choose for a batch."""
    return size >= 16 and size & (size - 1) == 0


def _mismatch(facts: Facts) -> Mismatch | None:
    which, expected, got = facts.match.group(1), facts.sizes(2), facts.sizes(3)
    if len(expected) != 3 or expected == got:
        return None
    return Mismatch(facts, "c0" if which == "1" else "h0", which is not None, expected, got)


STATES: list[tuple[str, Callable[[Mismatch], Finding | None]]] = []  # what `check` asks, too


def state(cause: str, example: str) -> Callable[[Callable[[Mismatch], Finding | None]], Rule]:
    """A rule of `Expected hidden size …` that reasons from its numbers, of three axes each."""

    def declare(reason: Callable[[Mismatch], Finding | None]) -> Rule:
        def read(facts: Facts) -> Finding | None:
            found = _mismatch(facts)
            return reason(found) if found and len(found.got) == 3 else None

        STATES.append((cause, reason))
        read.__name__ = reason.__name__
        return rule(cause, STATE_SIZE, example=f"RuntimeError: Expected hidden{example}")(read)

    return declare


def state_finding(m: Mismatch) -> tuple[str, Finding]:
    """The likeliest cause of a state that does not fit, whatever the words of torch."""
    if len(m.got) != len(m.expected):
        return "unbatched-rank", axes(m)
    found = [(cause, finding) for cause, reason in STATES if (finding := reason(m))]
    fallback = "state-shape", Finding(0.0, f"{m.rows}, {m.batch}, {m.width}.")
    return max(found, key=lambda one: one[1].confidence, default=fallback)


@state("last-batch-smaller", " size (2, 4, 256), got [2, 64, 256]")
def last_batch_smaller(m: Mismatch) -> Finding | None:
    """Only N differs, and N is what torch says it is."""
    if m.differs != (False, True, False):
        return None
    return Finding(
        round(0.92 * (1 - m.swapped()), 2),
        f"{m.name} was made for a batch of {m.got[1]}, and {m.batch}; rows and width agree.",
        m.proof((m.got[0], m.expected[1], m.got[2])),
    )


@state("batch-first-confusion", " size (4, 10, 100), got [4, 4, 100]")
def time_where_batch_should_be(m: Mismatch) -> Finding | None:
    """Only N differs, and N is really T."""
    if m.differs != (False, True, False):
        return None
    first = bool(m.known.stated.get("batch_first"))
    why = (
        f"torch took the batch size, {m.expected[1]}, from axis {0 if first else 1} of the input; "
        f"{m.name} was made for a batch of {m.got[1]}. "
    )
    if code := m.turned():
        why += f"{m.got[1]} stands where torch reads T: the input has the other order of axes."
    else:
        why += f"If {m.expected[1]} is the number of steps, the input has the other order of axes."
    return Finding(m.swapped(), why, m.proof(m.got, turned=True), code=code)


@state("batch-first-confusion", " size (2, 8, 256), got [8, 2, 256]")
def state_batch_first(m: Mismatch) -> Finding | None:
    """The first two sizes are the expected ones, swapped."""
    rows, size, width = m.expected
    if m.got != (size, rows, width):
        return None
    why = (
        f"{m.name} is {shape_text(m.got)}: the batch comes first; batch_first moves input and "
        "output, never a state."
    )
    code = f"{m.name} = {m.name}.transpose(0, 1).contiguous()"
    return Finding(0.9, why, m.proof(m.expected), code=code)


@state("missing-direction", " size (6, 7, 20), got [3, 7, 20]")
def missing_direction(m: Mismatch) -> Finding | None:
    """Half or twice as many rows as needed."""
    if m.differs[2] or not m.differs[0]:
        return None
    need, have = m.expected[0], m.got[0]
    both, doubt = m.known.stated.get("bidirectional"), 0.5 if m.differs[1] else 1.0
    if need == 2 * have:
        sure = 0.9 if both else 0.03 if both is False else 0.5 if need == 2 else 0.62
        why = (
            f"{need} = 2 directions × {counted(have, 'layer')}: the layer is bidirectional "
            f"and wants a row for each direction; {m.name} has {have}."
        )
    elif have == 2 * need:
        sure = 0.05 if both else 0.45 if both is None else 0.3
        why = (
            f"{m.name} has {have} = 2 × {need} rows, as for two directions, but the layer runs in "
            "one direction only."
        )
    else:
        return None
    return Finding(
        sure * doubt, why, m.proof((need, m.expected[1], m.got[2]), 2 if need == 2 * have else 1)
    )


@state("wrong-num-layers", " size (3, 7, 20), got [1, 7, 20]")
def wrong_num_layers(m: Mismatch) -> Finding | None:
    """The rows differ by another factor than 2, or by that of directions that are known."""
    if m.differs[2] or not m.differs[0]:
        return None
    need, have = m.expected[0], m.got[0]
    both = m.known.stated.get("bidirectional")
    if need == 2 * have:
        sure = 0.06 if both else 0.9 if both is False else 0.4
    elif have == 2 * need or not (isinstance(need, int) and isinstance(have, int)):
        sure = 0.3
    else:
        sure = (0.55 if have <= 4 else 0.3) if have > need else 0.8
    if have == m.expected[1]:
        sure *= 0.3
    why = f"The layer wants {counted(need, 'row')} ({m.rows}); {m.name} has {have}."
    return Finding(
        sure * (0.5 if m.differs[1] else 1.0), why, m.proof((need, m.expected[1], m.got[2]))
    )


@state("state-shape", " size (2, 8, 32), got [1, 5, 48]")
def state_shape(m: Mismatch) -> Finding | None:
    """More than one size differs."""
    if sum(m.differs) < 2:
        return None
    why = (
        f"{m.name} is {shape_text(m.got)} where this call needs {shape_text(m.expected)}: "
        f"{m.rows}, {m.batch}, {m.width}."
    )
    return Finding(0.25, why, m.proof(m.expected))


@state("data-parallel", " size (2, 4, 20), got [1, 8, 20]")
def divided_by_replicas(m: Mismatch) -> Finding | None:
    """Rows divided by what the batch is multiplied by."""
    rows, size, width = m.expected
    if not isinstance(rows, int) or not isinstance(m.got[0], int) or not m.text:
        return None
    if "replica" in m.text and m.got[0] == rows and m.got[2] == width:
        why = (
            f"A replica's part of {m.name} has a batch of {m.got[1]}, its part of the input {size}."
        )
        return Finding(0.9, why)
    k = rows // m.got[0] if m.got[0] and rows % m.got[0] == 0 else 0
    if k < 2 or m.got[1] != k * size or m.got[2] != width:
        return None
    why = (
        f"{m.name} has {m.got[0]} = {rows} / {k} rows and a batch of {m.got[1]} = {k} × {size}: it "
        f"was split among {k} replicas along its rows, the input along its batch."
    )
    return Finding(0.95 if "replica" in m.text else 0.6, why, m.proof(m.expected))


@state("encoder-decoder-bridge", " size (1, 3, 20), got [1, 3, 40]")
def bridge(m: Mismatch) -> Finding | None:
    """Twice the width, or twice the rows of a state that comes from elsewhere."""
    rows, size, width = m.expected
    if m.differs[1]:
        return None
    if (2 * m.got[0], m.got[2]) == (rows, 2 * width):
        why = (
            f"{m.name} holds both directions side by side, {2 * width} = 2 × {width}, in "
            f"{m.got[0]} rows. A bidirectional layer wants them as rows."
        )
        return Finding(0.8, why, m.proof(m.expected, 2))
    if m.got == (rows, size, 2 * width):
        why = (
            f"{m.name} is {2 * width} = 2 × {width} wide: two directions side by side, as of an "
            f"encoder. The decoder's {m.width.split(',')[0].split(' = ')[1]} is {width}."
        )
        code = f"{m.name} = {m.name}[..., :{width}] + {m.name}[..., {width}:]"
        return Finding(0.78, why, m.proof(m.expected), code=code)
    if m.got == (2 * rows, size, width):
        why = (
            f"{m.name} has {2 * rows} rows: as a bidirectional encoder leaves them. The decoder "
            f"has one direction and wants {rows}."
        )
        code = f"{m.name} = {m.name}[0::2] + {m.name}[1::2]"
        return Finding(0.35, why, m.proof(m.expected), code=code)
    return None


@state("outputs-as-state", " size (1, 3, 20), got [5, 3, 20]")
def outputs_as_state(m: Mismatch) -> Finding | None:
    """T rows, or a batch-first output whose second size is T."""
    rows, size, width = m.expected
    time_first = m.got[1] == size and m.got[0] != rows
    batch_first = m.got[0] == size != rows and m.got[1] not in (size, rows)
    if not (time_first or batch_first) or m.got[2] not in (width, 2 * width):
        return None
    steps = m.got[0] if time_first else m.got[1]
    length = m.known.stated.get("seq_len")
    if isinstance(length, int):
        sure = 0.9 if length == steps else 0.05
    elif not time_first:
        sure = 0.75
    elif not (isinstance(steps, int) and isinstance(rows, int)) or steps < rows:
        sure = 0.05
    elif m.got[2] != width:
        sure = 0.6
    else:
        sure = 0.62 if steps >= 5 else 0.35 if steps >= 3 and rows != 2 else 0.05
        sure = 0.05 if steps == 2 * rows else sure  # as two directions leave it
    why = (
        f"{m.name} is {shape_text(m.got)}, the shape of output: {steps} looks like a number of "
        f"time steps, with one vector a step. A state is {shape_text(m.expected)}."
    )
    code = f"{m.name} = {m.name[0]}n"
    return Finding(sure, why, m.proof(m.expected), code=code)


@state("proj-size", "[0] size (1, 3, 6), got [1, 3, 20]")
def proj_size(m: Mismatch) -> Finding | None:
    """Only the width differs, and only h's or c's own."""
    need, have, projected = m.expected[2], m.got[2], m.known.stated.get("proj_size")
    if not m.pair or m.differs != (False, False, True) or projected == 0:
        return None
    if not isinstance(need, int) or not isinstance(have, int):
        return None
    if (m.name == "h0") != (have > need):
        return None
    sure = 0.92 if projected else 0.25 if have != 2 * need else 0.1
    return Finding(sure, f"{m.name} should be {need} wide and is {have}.", m.proof(m.expected))


@state("hidden-size", " size (1, 3, 20), got [1, 3, 21]")
def hidden_size(m: Mismatch) -> Finding | None:
    """Only the width differs."""
    if m.differs != (False, False, True):
        return None
    need, have = m.expected[2], m.got[2]
    why = f"{m.name} is {have} wide where {m.width} is wanted."
    return Finding(0.2 if have == 2 * need else 0.7, why, m.proof(m.expected))


def axes(m: Mismatch) -> Finding:
    """A state of another number of axes: which one it lacks, or has too many."""
    name, expected, got = m.name, m.expected, m.got
    more, batch = len(got) - len(expected), len(expected) - 2
    why, code = f"the state should be {shape_text(expected)}", ""
    if more == -1 and len(expected) == 3 and expected[0] == 1 and got == expected[1:]:
        why, code = "the axis of layers is missing", f"{name} = {name}.unsqueeze(0)"
    elif more == -1 and batch >= 0 and got == (*expected[:batch], expected[-1]):
        copy = f".expand({expected[0]}, -1)"
        if batch:
            copy = f".unsqueeze(1).expand(-1, {expected[1]}, -1).contiguous()"
        why = "the batch axis is missing: there is one state for each sequence"
        code = f"{name} = {name}{copy}"
    elif more == 1:
        places = reversed(range(len(got) - 1))
        axis = next((i for i in places if got[:i] + got[i + 1 :] == expected), None)
        why = "it has an axis too many"
        if axis is not None:
            why += f", axis {axis} of {got[axis]}"
            if got[axis] == 1:
                code = f"{name} = {name}.squeeze({axis})"
            elif axis == 0 and m.known.stated.get("cell_module") and len(expected) == 2:
                why, code = "a cell's state has no axis of layers", f"{name} = {name}[-1]"
    return Finding(0.95, f"{name} is {write_shape(got)}: {why}.", code=code)


@rule(
    "unbatched-rank",
    STATE_SIZE,
    example="RuntimeError: Expected hidden[0] size (1, 64, 256), got (64, 256)",
)
def state_too_flat(facts: Facts) -> Finding | None:
    """The state printed has not three sizes."""
    found = _mismatch(facts)
    return axes(found) if found and len(found.got) != 3 else None


@rule(
    "unbatched-rank",
    _RANKS,
    example="RuntimeError: For batched 3-D input, hx should also be 3-D but got 2-D tensor",
)
def state_rank(facts: Facts) -> Finding | None:
    """The ranks of input and state differ."""
    unbatched, pair = bool(facts.match.group(1)), bool(facts.match.group(3))
    ranks = [int(g) for g in facts.match.group(4, 5, 6) if g]
    layers = facts.stated.get("num_layers", 1) * (2 if facts.stated.get("bidirectional") else 1)
    spec = facts.network(cell="lstm" if pair else facts.cell.replace("lstm", "") or "rnn")
    states: list[Shape] = [(layers, N, spec.state_width(name)) for name in spec.state_names]
    certain = {"cell": spec.cell}
    if unbatched:
        batch: Shape = (N, 1) if spec.batch_first else (1, N)
        width = spec.input_size
        proof = facts.checked(
            (certain, [(N, width), *states]), (certain, [(*batch, width), *states])
        )
        return Finding(
            0.85 if max(ranks) > 1 else 0.4,
            "The input has two axes, so torch reads it as one sequence (T, input_size) without a batch; "
            f"the state has {max(ranks)} axes, as for a batch.",
            proof,
        )
    wrong = [rank for rank in ranks if rank != 3]
    if not wrong:
        return None
    x: Shape = (T, N, spec.input_size)
    flat = [s[1:] if wrong[0] == 2 else (s[-1],) if wrong[0] == 1 else (1, *s) for s in states]
    return Finding(
        0.5 if ranks == [2, 2] else 0.9,
        f"The input has three axes, so h0{' and c0' if pair else ''} should be (D·L, N, H); "
        f"{'one' if len(wrong) < len(ranks) else 'what came'} has {wrong[0]}.",
        facts.checked((certain, [x, *flat]), (certain, [x, *states])),
    )


# ------------------------------------------------------------------ packed: nothing is checked before


@rule(
    "argument-missing",
    r"forward\(\) missing \d{1,2} required positional arguments?: ('\w{1,60}'(?:,? (?:and )?'\w{1,60}')*)",
    example="TypeError: Decoder.forward() missing 1 required positional argument: 'hidden'",
)
def not_given(facts: Facts) -> Finding | None:
    """A state, or lengths, that the program's own forward asks for."""
    return Finding(0.9, f"The call gives nothing for {facts.match[1]}.")


packed_rows = says(
    "wrong-num-layers",
    r"Expected more hidden states in stacked_rnn",
    r"select\(\): index \d{1,9} out of range for tensor of size \[\d{1,100}, \d{1,100}, \d{1,100}\] at dimension 0",
    example="RuntimeError: Expected more hidden states in stacked_rnn",
    confidence=0.55,
)


@rule(
    "missing-direction",
    r"Odd number of params or hiddens given to a bidirectional RNN|Expected more hidden states",
    example="RuntimeError: Odd number of params or hiddens given to a bidirectional RNN",
)
def odd_rows(facts: Facts) -> Finding | None:
    """h0 has one row for each layer, not two."""
    odd, both = facts.match.group(0).startswith("Odd"), facts.stated.get("bidirectional")
    return None if not odd and both is False else Finding(0.85 if odd else 0.7 if both else 0.4)


@rule(
    "last-batch-smaller",
    r"The size of tensor a \((\d{1,100})\) must match the size of tensor b \((\d{1,100})\) at non-singleton dimension 0",
    r"INDICES element is out of DATA bounds, id=(\d{1,100}) axis_dim=(\d{1,100})",
    r"output with shape \[(\d{1,100}), \d{1,100}\] doesn't match the broadcast shape \[(\d{1,100}), \d{1,100}\]",
    example="RuntimeError: The size of tensor a (7) must match the size of tensor b (3) at non-singleton dimension 0",
)
def packed_batch(facts: Facts) -> Finding | None:
    """N of the state and the number of lengths."""
    if facts.elsewhere:
        return None
    a, b = facts.number(1), facts.number(2)
    why = (
        f"Two batch sizes met, {a} and {b}. With a packed input the state is not checked beforehand: it "
        "was made for another number of sequences."
    )
    return Finding(0.85 if facts.inside else 0.4, why)


@rule(
    "hidden-size",
    r"got an incorrect number of RNN parameters",
    r"MatrixRef: ArrayRef size \d{1,100} not divisible by stride \d{1,100}",
    r"The size of tensor a \((\d{1,100})\) must match the size of tensor b \((\d{1,100})\) at non-singleton dimension 1",
    example="RuntimeError: got an incorrect number of RNN parameters",
)
def packed_width(facts: Facts) -> Finding | None:
    """Where h and c are of different widths torch takes the layer for one with a projection."""
    if facts.elsewhere:
        return None
    sized = facts.match.groups() and facts.match.group(1)
    why = (
        "h0 and c0 are of different widths. c is always hidden_size wide; h too, unless the LSTM has a "
        "proj_size. With a packed input neither is checked beforehand."
    )
    return Finding(0.75 if facts.inside else 0.2 if sized else 0.6, why)


# ------------------------------------------------------------------------------------- cell modules


@rule(
    "unbatched-rank",
    r"(Cell): Expected (?:hidden|hx\[([01])\]) to be 1-?D or 2-?D,? (?:got|but received) (\d{1,3})-?D",
    example="ValueError: GRUCell: Expected hidden to be 1D or 2D, got 3D instead",
)
def state_of_a_layer(facts: Facts) -> Finding | None:
    """hn has an axis of layers."""
    why = "A cell's state is (N, hidden_size), without an axis of layers and directions."
    return Finding(0.93 if facts.number(3) else 0.8, why)


@rule(
    "hidden-size",
    r"hidden\[?([01]?)\]? has inconsistent hidden_size: got (\d{1,400}),? expected (\d{1,400})",
    example="RuntimeError: hidden0 has inconsistent hidden_size: got 21, expected 20",
)
def cell_state_width(facts: Facts) -> Finding | None:
    """The width of h or c."""
    have, need = facts.number(2), facts.number(3)
    return Finding(
        0.85 if have != 2 * need else 0.5,
        f"The state is {have} wide; the cell's hidden_size is {need}.",
    )


cell_batch = says(
    "last-batch-smaller",
    r"Input batch size (\d{1,400}) doesn't match hidden\[?([01]?)\]? batch size (\d{1,400})",
    example="RuntimeError: Input batch size 3 doesn't match hidden0 batch size 5",
    confidence=0.85,
    why="The state was made for a batch of {3}, this step has {1}.",
)


contiguous = says(
    "not-contiguous",
    r"view size is not compatible with input tensor's size and stride",
    r"rnn: (hx|cx) is not contiguous",
    example="RuntimeError: view size is not compatible with input tensor's size and stride (at least one dimension "
    "spans across two contiguous subspaces). Use .reshape(...) instead.",
)
