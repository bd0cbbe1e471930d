"""What a network costs: multiply-accumulates of forward and backward, and what is kept between.

Every figure is a sum along the two walks. Equal steps and equal layers are walked once and
multiplied with how many they are, so that a longer sequence takes no longer. Counted are matrix
products alone, in MACs (one multiplication with its addition, 2 FLOPs); biases, sums and
activations count nothing. Kept for the backward is what its operations read of the forward: each
tensor once, a state at the step that makes it. Parameters, input, h0 and c0 are the caller's and
not counted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby
from math import isqrt
from typing import Any, NamedTuple

from ..engine.backward import Back, BackWorld, backward
from ..engine.ops import OPERATIONS
from ..engine.walk import Record, Step, Tensor, World, every_step, walk
from ..errors import UsageError
from ..network.batch import Batch
from ..network.dims import Dim, product, symbol, total
from ..network.head import Head
from ..network.spec import Spec
from .trace import Trace

MOST_LENGTHS = 1_000  # of a packed batch: each has steps of its own
MOST_STEPS = 1_000_000  # of windows below a loss on the last states, walked one by one
_LAYERS = 3  # are walked: the first, one for all between, the last


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
    spec, batch, head, length = trace.spec, trace.batch, trace.head, trace.batch.seq_len
    few = replace(spec, num_layers=min(_LAYERS, spec.num_layers))
    runs = _Runs()
    ahead = _sums(runs.counted(walk(World(few, batch, head), positions=runs)))
    back = list(runs.counted(backward(BackWorld(few, batch, head), positions=runs)))
    passes = []
    for place, one in reversed(_sums(back).items()):
        forward, tensors = ahead[place], _kept(one.widest)
        passes.append(
            PassCost(
                *place, one.steps, forward.widest.macs, forward.macs, one.widest.macs, one.macs,
                tensors, _numbers(tensors), one.kept, 0,
            )
        )  # fmt: skip
    whole = Cost(trace, tuple(_in_all_layers(passes, spec)), None, None)
    if spec.bidirectional or not isinstance(length, int):
        return whole
    window = tbptt or isqrt(length - 1) + 1
    runs, last = _Runs(window), head is not None and head.at == "last"
    if last and not batch.packed:
        batch = replace(batch, seq_len=_heard(length, window))
    cut = BackWorld(few, batch, head, Back(window))
    sums = _sums(runs.counted(backward(cut, positions=every_step if last else runs)))
    kept = _Over(back, spec)
    truncated = Window(
        window, kept.most(window), whole.forward,
        total(one.macs * _copies(layer, spec) for (layer, _), one in sums.items()),
    )  # fmt: skip
    window = checkpoint or isqrt(length - 1) + 1
    widths = total(product(spec.state_shape(name)) for name in spec.state_names)
    states = batch.size * widths * spec.num_layers * ((length - 1) // window)
    again = Window(window, kept.most(window) + states, 2 * whole.forward, whole.backward)
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


class _Runs:
    """Tells one of the steps of a run that are alike, and counts them: each end of the run, those
    beside a cut after every `window` steps, and the others.
    """

    def __init__(self, window: int = 0) -> None:
        self._window = window
        self._count: dict[Any, int] = {}  # by the time of the step that is told

    def __call__(self, run: range) -> list[int]:
        self._count = dict.fromkeys((run[0], run[-1]), 1)
        low, high = min(run[0], run[-1]) + 1, max(run[0], run[-1]) - 1
        rest = len(run) - len(self._count)
        for beside in {0, self._window - 1} if self._window else ():
            first = low + (beside - low) % self._window
            if first <= high:
                self._count[first] = (high - first) // self._window + 1
                rest -= self._count[first]
        if rest:
            self._count[next(t for t in range(low, high + 1) if t not in self._count)] = rest
        return sorted(map(run.index, self._count))

    def counted(self, steps: Iterator[Step]) -> Iterator[_Counted]:
        """Steps as they are told, and how many each stands for."""
        return ((step, step.repeat * self._count.get(step.t, 1)) for step in steps)


_Counted = tuple[Step, Dim]


def _heard(length: int, window: int) -> int:
    """The steps of a shorter sequence whose windows cost as much where the last alone hears of
    the loss: that one, and one before it.
    """
    return min(length, (length - 1) % window + 1 + window)


def _copies(layer: int, spec: Spec) -> int:
    """How many layers one of those that are walked stands for."""
    return spec.num_layers - _LAYERS + 1 if layer == 1 and spec.num_layers > _LAYERS else 1


def _in_all_layers(passes: Iterable[PassCost], spec: Spec) -> Iterator[PassCost]:
    """The passes of every layer, from those that were walked."""
    layer, left = 0, total(())
    for number, group in groupby(passes, lambda one: one.layer):
        directions = list(group)
        for _ in range(_copies(number, spec)):
            for one in directions:
                yield one._replace(layer=layer, left=left)
                left = left + one.kept_all
            layer += 1


class _Sum(NamedTuple):
    steps: Dim
    macs: Dim
    kept: Dim
    widest: Record


def _sums(steps: Iterable[_Counted]) -> dict[tuple[int, str], _Sum]:
    """Steps added up by layer and direction, in their order."""
    sums: dict[tuple[int, str], _Sum] = {}
    for step, count in steps:
        record, place = step.record, (step.layer, step.direction)
        before = sums.get(place) or _Sum(0, 0, 0, record)
        sums[place] = _Sum(
            before.steps + count, before.macs + record.macs * count,
            before.kept + _numbers(_kept(record)) * count, _wider(before.widest, record),
        )  # fmt: skip
    return sums


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


def _numbers(tensors: Iterable[Tensor]) -> Dim:
    return total(product(tensor.shape) for tensor in tensors)


class _Over:
    """What the steps keep over time: constant between few times, at which it changes."""

    def __init__(self, back: Iterable[_Counted], spec: Spec) -> None:
        changes: dict[int, Dim] = defaultdict(int)
        for step, count in back:
            first: Any = step.t  # of those that it stands for
            kept = _numbers(_kept(step.record)) * _copies(step.layer, spec)
            changes[first] += kept
            changes[first + count] += kept * -1
        self._times = sorted(changes)
        self._until: list[Dim] = [0]  # what all steps before a time keep
        self._each: list[Dim] = [0]  # and each from then on
        for before, t in zip([0, *self._times], self._times):
            self._until.append(self._until[-1] + self._each[-1] * (t - before))
            self._each.append(self._each[-1] + changes[t])

    def most(self, window: int) -> Dim:
        """The most that any window of steps keeps, of a batch of N the first."""
        near = {(t + more) // window for t in self._times for more in (-1, 0, window)}
        sizes = [self._before((n + 1) * window) + self._before(n * window) * -1
                 for n in sorted(near) if n >= 0]  # fmt: skip
        numbers = [size for size in sizes if isinstance(size, int)]
        return max(numbers) if len(numbers) == len(sizes) else sizes[0]

    def _before(self, t: int) -> Dim:
        i = bisect_right(self._times, t)
        return self._until[i] + self._each[i] * (t - self._times[i - 1] if i else 0)


def _check(trace: Trace, tbptt: int | None, checkpoint: int | None) -> None:
    spec, length = trace.spec, trace.batch.seq_len
    spec.check_layer("cost")
    different = len({*(trace.batch.lengths or ())})
    if different > MOST_LENGTHS:
        raise UsageError(
            f"cost: expected at most {MOST_LENGTHS:,} different lengths, each walked for itself",
            got=f"{different:,}",
            fix="--seq-len T gives the formula for any length",
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
    if trace.head is not None and trace.head.at == "last" and isinstance(length, int):
        window = tbptt or isqrt(length - 1) + 1
        steps = length if trace.batch.packed else _heard(length, window)
        if steps * min(_LAYERS, spec.num_layers) > MOST_STEPS and not spec.bidirectional:
            raise UsageError(
                f"cost: expected at most {MOST_STEPS:,} steps in windows below a loss on the last "
                "states, each walked for itself",
                got=f"{steps:,} in each layer",
                fix="--seq-len T gives the formula for any length",
            )
