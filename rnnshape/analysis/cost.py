"""What a network costs: multiply-accumulates of forward and backward, and what is kept between.

Every figure is a sum along the two walks. Counted are matrix products alone, in MACs (one
multiplication with its addition, 2 FLOPs); biases, sums and activations count nothing. Kept for
the backward is what its operations read of the forward: each tensor once, a state at the step
that makes it. Parameters, input, h0 and c0 are the caller's and not counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from math import isqrt
from typing import NamedTuple

from ..engine.backward import Back
from ..engine.ops import OPERATIONS
from ..engine.walk import Record, Step, Tensor
from ..errors import UsageError
from ..network.batch import Batch
from ..network.dims import Dim, product, symbol, total
from ..network.head import Head
from ..network.spec import Spec
from .trace import Trace

MOST_STEPS = 1_000_000  # walked one by one, some 100,000 a second
MOST_PASSES = 1_000  # each a figure of its own, some 100 a second


class PassCost(NamedTuple):
    """One layer in one direction, or the head; a step stands for the one with most rows.

    MACs of a step and of all steps; kept: the tensors that a step keeps for its backward, and
    their numbers in a step, in all, and those still kept after the backward of this pass.
    """

    layer: int
    direction: str
    steps: Dim
    forward_step: Dim
    forward: Dim
    backward_step: Dim
    backward: Dim
    kept: tuple[Tensor, ...]
    kept_step: Dim
    kept_all: Dim
    left: Dim


class Window(NamedTuple):
    """The same in windows of `steps`: the numbers kept at once, at most, and the MACs."""

    steps: int
    kept: Dim
    forward: Dim
    backward: Dim


@dataclass(frozen=True)
class Cost:
    """The cost of a walk and of its backward.

    truncated: where the backward of each window follows on its forward; checkpointed: where the
    states between the windows are kept alone, and each window is computed again before its
    backward. Both None where T is a letter or the reverse direction begins at the end.
    """

    trace: Trace
    passes: tuple[PassCost, ...]
    truncated: Window | None
    checkpointed: Window | None

    @property
    def forward(self) -> Dim:
        """MACs of the forward."""
        return total(one.forward for one in self.passes)

    @property
    def backward(self) -> Dim:
        """MACs of the backward."""
        return total(one.backward for one in self.passes)

    @property
    def kept(self) -> Dim:
        """The numbers kept at the end of the forward."""
        return total(one.kept_all for one in self.passes)


def cost(trace: Trace, tbptt: int | None = None, checkpoint: int | None = None) -> Cost:
    """What the forward and the backward of `trace` cost, whole and in windows.

    tbptt, checkpoint: the steps of a window, the root of T unless given. Raises UsageError.
    """
    _check(trace, tbptt, checkpoint)
    ahead = {(one.layer, one.direction): one for one in _sums(trace.steps(), trace.spec)}
    kept: dict[int, Dim] = {}
    passes: list[PassCost] = []
    back = list(_sums(replace(trace, back=Back()).backward_steps(), trace.spec, kept))
    left = total(one.kept for one in back)
    for one in back:
        forward, tensors = ahead[one.layer, one.direction], _kept(one.widest)
        left = left + one.kept * -1
        passes.append(
            PassCost(
                one.layer, one.direction, one.steps, forward.widest.macs, forward.macs,
                one.widest.macs, one.macs, tensors, total(product(t.shape) for t in tensors),
                one.kept, left,
            )
        )  # fmt: skip
    whole = Cost(trace, tuple(passes[::-1]), None, None)
    length = trace.batch.seq_len
    if trace.spec.bidirectional or not isinstance(length, int):
        return whole
    window = tbptt or isqrt(length - 1) + 1
    cut = replace(trace, back=Back(window)).backward_steps()
    truncated = Window(
        window, _most(kept, window), whole.forward,
        total(one.macs for one in _sums(cut, trace.spec)),
    )  # fmt: skip
    window = checkpoint or isqrt(length - 1) + 1
    widths = total(product(trace.spec.state_shape(name)) for name in trace.spec.state_names)
    states = trace.batch.size * widths * trace.spec.num_layers * ((length - 1) // window)
    again = Window(window, _most(kept, window) + states, 2 * whole.forward, whole.backward)
    return replace(whole, truncated=truncated, checkpointed=again)


def in_letters(trace: Trace) -> Trace:
    """The same network with letters for its sizes: its cost is the formula of each figure.

    A cell that holds only where I = H has one letter; one that takes H apart keeps its numbers.
    """
    head = trace.head
    batch = Batch(size=1 if trace.batch.unbatched else symbol("N"), seq_len=symbol("T"))
    named = None if head is None else Head(symbol("K"), head.activation, head.at, head.loss)
    for letter in "IH":
        with suppress(UsageError):
            spec = replace(trace.spec, input_size=symbol(letter), hidden_size=symbol("H"))
            return Trace(spec, batch, head=named)
    return Trace(trace.spec, batch, head=named)


class _Sum(NamedTuple):
    layer: int
    direction: str
    steps: Dim
    macs: Dim
    kept: Dim
    widest: Record


def _sums(
    steps: Iterator[Step], spec: Spec, kept_at: dict[int, Dim] | None = None
) -> Iterator[_Sum]:
    """Steps added up by layer and direction, in their order; `kept_at` takes what each t keeps."""
    sums: dict[tuple[int, str], _Sum] = {}
    last: Record | None = None
    macs: Dim = 0
    kept: Dim = 0
    for step in steps:
        record = step.record
        if record is not last:
            last, macs = record, record.macs
            kept = total(product(tensor.shape) for tensor in _kept(record))
        key = (step.layer, step.direction)
        before = sums.get(key) or _Sum(*key, 0, 0, 0, record)
        sums[key] = _Sum(
            *key, before.steps + step.repeat, before.macs + macs * step.repeat,
            before.kept + kept * step.repeat, _wider(before.widest, record),
        )  # fmt: skip
        if kept_at is not None and isinstance(step.t, int):
            kept_at[step.t] = kept_at.get(step.t, 0) + kept
    yield from sums.values()


def _wider(one: Record, other: Record) -> Record:
    both = isinstance(one.macs, int) and isinstance(other.macs, int)
    return other if both and other.macs > one.macs else one  # type: ignore[operator]


def _kept(record: Record) -> tuple[Tensor, ...]:
    """What a backward step reads of its forward step, and the states, which the next one reads."""
    read = {
        i.name: i
        for one in record.performed
        for i in one.inputs
        if i.role.kind in ("state", "value")
        and not i.role.gradient
        and not OPERATIONS[one.op].reads_shape
    }
    found = {}
    for tensor in reversed(read.values()):
        name = f"{tensor.role.of}_{{t}}" if tensor.role.kind == "state" else tensor.name
        found[name] = tensor._replace(name=name)
    return tuple(found.values())


def _most(kept: dict[int, Dim], window: int) -> Dim:
    """The most that any window of steps keeps."""
    windows: dict[int, Dim] = {}
    for t, numbers in kept.items():
        windows[t // window] = windows.get(t // window, 0) + numbers
    if all(isinstance(size, int) for size in windows.values()):
        return max(windows.values())  # type: ignore[type-var]
    return windows[0]


def _check(trace: Trace, tbptt: int | None, checkpoint: int | None) -> None:
    spec, length = trace.spec, trace.batch.seq_len
    spec.check_layer("cost")
    passes = spec.num_layers * spec.num_directions
    if isinstance(length, int) and length * passes > MOST_STEPS:
        raise UsageError(
            f"cost: expected at most {MOST_STEPS:,} steps in all layers and directions",
            got=f"{length * passes:,}",
            fix="--seq-len T gives the formula for any length",
        )
    if passes > MOST_PASSES:
        raise UsageError(
            f"cost: expected at most {MOST_PASSES:,} layers and directions",
            got=f"{passes:,}",
            fix="--layers 3: every layer above the first costs the same",
        )
    for option, window in (("--tbptt", tbptt), ("--checkpoint", checkpoint)):
        if window is None:
            continue
        if window < 1:
            raise UsageError(f"{option}: expected the steps of a window, at least 1",
                             got=str(window), fix=f"{option} 10")  # fmt: skip
        if spec.bidirectional:
            raise UsageError(
                f"{option}: expected one direction: the reverse direction begins at the end, so "
                "all steps are kept",
                got="--bidirectional",
                fix=f"leave out {option} or --bidirectional",
            )
        if not isinstance(length, int):
            raise UsageError(
                f"{option}: expected a number for --seq-len",
                got=f"the symbol {length}",
                fix="--seq-len 100",
            )
