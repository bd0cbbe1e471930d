"""A training run over several batches, in shapes: each step's state, and whether it fits.

Nothing is saved of a state: its size has the batch in it. A run that begins every step anew fits
whatever the batch; one that carries hn on breaks where the batch changes its size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from ..checks.padded import Inputs, forward_error
from ..errors import TorchError, UsageError
from ..network.batch import Batch
from ..network.dims import Dim, Shape
from ..network.spec import Spec

MOST_STEPS = 100_000  # each is a row of the table

ZEROS, CARRIED, CUT = "zeros", "carried", "cut"  # where a step's state comes from


@dataclass(frozen=True)
class Step:
    """One batch of a run: its size, the state that it is given, and what torch says to it.

    origin: zeros; carried, hn of the step before; or cut, the first rows of that.
    """

    number: int
    phase: str  # train or test
    size: int
    input: Shape
    states: dict[str, Shape]  # h0, and c0 of an lstm, as they are given
    expected: dict[str, Shape]
    origin: str
    error: TorchError | None  # of torch's layers

    @property
    def fits(self) -> bool:
        """Whether the layer takes the state."""
        return self.error is None and self.states == self.expected


@dataclass(frozen=True)
class Plan:
    """How a run goes: its batches, and what becomes of the state from step to step.

    drop_last: the last, smaller batch is left out. carry: the state of a step is hn of the one
    before. cut: only as many of its rows as the batch has samples. renew: zeros instead where the
    batch has another size. fresh_test: the test begins with zeros.
    """

    spec: Spec
    samples: int
    batch_size: int
    test_batch_size: int
    seq_len: Dim
    unbatched: bool = False
    drop_last: bool = False
    carry: bool = False
    cut: bool = False
    renew: bool = False
    fresh_test: bool = False

    @property
    def sizes(self) -> list[int]:
        """The sizes of the training batches."""
        full, rest = divmod(self.samples, self.batch_size)
        return [self.batch_size] * full + ([rest] if rest and not self.drop_last else [])

    @cached_property
    def steps(self) -> list[Step]:
        """The run, step by step, the test at its end.

        After a step that breaks, the run goes on as if that step had begun with zeros.
        """
        return list(self._run())

    def _run(self) -> Iterator[Step]:
        phases = [("train", size) for size in self.sizes] + [("test", self.test_batch_size)]
        before: int | None = None  # the rows of the state that the step before left
        known: dict[tuple[int, int], TorchError | None] = {}
        for number, (phase, size) in enumerate(phases):
            rows, origin = self._given(before, size, phase)
            tensors, carried = self._tensors(size), self._tensors(rows)
            states = {f"{name}0": carried[f"{name}0"] for name in self.spec.state_names}
            if self.spec.equations is None and (size, rows) not in known:
                call = Inputs(tensors["input"], states["h0"], states.get("c0"))
                known[size, rows] = forward_error(self.spec, call)
            expected = {name: tensors[name] for name in states}
            error = known.get((size, rows))
            yield Step(number, phase, size, tensors["input"], states, expected, origin, error)
            before = size

    def _given(self, before: int | None, size: int, phase: str) -> tuple[int, str]:
        """The rows of the state that a step is given, and where it comes from."""
        fresh = before is None or not self.carry or (phase == "test" and self.fresh_test)
        if before is None or fresh or (self.renew and before != size):
            return size, ZEROS
        if self.cut and before > size:
            return size, CUT
        return before, CARRIED

    def _tensors(self, size: int) -> dict[str, Shape]:
        batch = Batch(size=size, seq_len=self.seq_len, unbatched=self.unbatched)
        return batch.tensors(self.spec)

    @property
    def broken(self) -> list[Step]:
        """The steps that torch refuses."""
        return [step for step in self.steps if not step.fits]


@dataclass(frozen=True)
class Mend:
    """A way to carry the state on that fits at every step: run again to prove it."""

    id: str
    why: str
    plan: Plan

    @property
    def code(self) -> str:
        """The loop in torch, given `model`, `data` and `test_data`."""
        return training_code(self.plan)


@dataclass(frozen=True)
class Report:
    """A run as it was asked for, the same with hn carried on, and the ways to mend that."""

    plan: Plan
    carried: Plan
    mends: list[Mend]

    @property
    def ok(self) -> bool:
        """Whether every step of the run fits."""
        return not self.plan.broken

    @property
    def saved(self) -> list[str]:
        """What a state_dict holds."""
        return list(self.plan.spec.parameters())

    @property
    def not_saved(self) -> list[str]:
        """What it does not: the size of these has the batch in it."""
        return list(Batch().tensors(self.plan.spec))


def training_run(
    spec: Spec,
    samples: int = 30,
    batch_size: Dim = 7,
    seq_len: Dim = 5,
    *,
    test_batch_size: int = 1,
    stateful: bool = False,
    unbatched: bool = False,
) -> Report:
    """The states of a training run and of a test after it, over shapes.

    `samples` sequences come in batches of `batch_size`, the last one smaller where they do not
    divide. stateful: hn of a step is the h0 of the next. Raises UsageError.
    """
    spec.check_layer("state")
    _at_least_one(samples, "--samples", 30)
    _at_least_one(batch_size, "--batch-size", 7)
    _at_least_one(test_batch_size, "--test-batch-size", 1)
    assert isinstance(batch_size, int)
    if unbatched and test_batch_size != 1:
        raise UsageError(
            "--test-batch-size: expected 1, as --unbatched says",
            got=str(test_batch_size)[:40],
            fix="leave out --test-batch-size or --unbatched",
        )
    if samples > MOST_STEPS * batch_size:
        raise UsageError(
            f"--samples: expected at most {MOST_STEPS:,} steps",
            got=f"{samples:,} samples in batches of {batch_size}"[:80],
            fix="--samples 30 shows the same",
        )
    Batch(size=batch_size, seq_len=seq_len)  # refuses a sequence length of 0
    plan = Plan(spec, samples, batch_size, test_batch_size, seq_len, unbatched, carry=stateful)
    carried = replace(plan, carry=True)
    return Report(plan, carried, list(_mends(carried)))


def _at_least_one(value: object, option: str, example: int) -> None:
    if isinstance(value, int) and value >= 1:
        return
    raise UsageError(
        f"{option}: expected an integer of at least 1, since a run has batches of known sizes",
        got=str(value)[:40],
        fix=f"{option} {example}",
    )


def _mends(plan: Plan) -> Iterator[Mend]:
    """Those ways to mend a run that fit at every step, the test begun anew where it must be."""
    broken = {step.phase for step in plan.broken}
    if not broken:
        return
    tried: list[tuple[str, str, dict[str, bool]]] = []
    if "train" in broken:
        rest = plan.samples % plan.batch_size
        left = f"{rest} of {plan.samples} samples {'are' if rest > 1 else 'is'} left out"
        tried.append(("drop-last", f"every batch is full; {left}", {"drop_last": True}))
    else:
        tried.append(("fresh-test", "the test begins with zeros of its own size", {}))
    shorter = "the rows that the batch has samples for go on, the others end"
    tried.append(("cut", shorter, {"cut": True}))
    renewed = "where the batch has another size the state begins with zeros"
    tried.append(("renew", renewed, {"renew": True}))
    for id, why, changes in tried:
        mended = replace(plan, **changes)  # type: ignore[arg-type]
        anew = replace(mended, fresh_test=True)
        if not mended.broken:
            yield Mend(id, why, mended)
        elif not anew.broken and ("train" in broken or id == "fresh-test"):
            beside = "" if id == "fresh-test" else ", and the test begins with zeros"
            yield Mend(id, why + beside, anew)


# ------------------------------------------------------------------------------- the loop in torch


def training_code(plan: Plan) -> str:
    """Python that trains `model` on `data` and tests it on `test_data`, both tensors (N, T, I).

    `criterion` and `optimizer` are left out: the code is about the state.
    """
    lines = [
        f"loader = DataLoader(data, batch_size={_size(plan, plan.batch_size)}"
        + (", drop_last=True)" if plan.drop_last else ")"),
        *(["h = None  # zeros"] if plan.carry else []),
        "for x in loader:",
        *_body(plan, plan.cut, plan.carry),
        "    output.sum().backward()  # your loss",
    ]
    if plan.carry:
        lines.append(
            f"    h = {_each(plan, 'h', '.detach()')}  # the numbers go on, the graph ends"
        )
    lines += [
        f"test_loader = DataLoader(test_data, batch_size={_size(plan, plan.test_batch_size)})"
    ]
    if plan.carry and plan.fresh_test:
        lines.append("h = None  # zeros of the test's own size")
    lines += ["for x in test_loader:", *_body(plan, plan.cut and not plan.fresh_test, plan.carry)]
    return "\n".join(lines)


def _size(plan: Plan, size: int) -> str:
    return "None" if plan.unbatched else str(size)


def _body(plan: Plan, cut: bool, carry: bool) -> list[str]:
    """The call, with what is done to x and h before it."""
    swapped = not (plan.spec.batch_first or plan.unbatched)
    lines = ["    x = x.transpose(0, 1)  # (N, T, I) to (T, N, I)"] if swapped else []
    if not carry:
        size = "" if plan.unbatched else " of the batch's own size"
        return [*lines, f"    output, h = model(x)  # h0 is zeros{size}"]
    size = f"x.size({1 if swapped else 0})"
    rows = f"{'h[0]' if len(plan.spec.state_names) > 1 else 'h'}.size(1)"
    if cut:
        lines.append("    if h is not None:")
        lines.append(f"        h = {_each(plan, 'h', f'[:, :{size}].contiguous()')}")
    if plan.renew:
        lines.append(f"    if h is not None and {rows} != {size}:")
        lines.append("        h = None  # zeros of the new size")
    return [*lines, "    output, h = model(x, h)"]


def _each(plan: Plan, name: str, change: str) -> str:
    """The state with a change; of an lstm each of its two tensors."""
    return (
        f"tuple(s{change} for s in {name})" if len(plan.spec.state_names) > 1 else f"{name}{change}"
    )
