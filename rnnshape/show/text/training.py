"""A training run as a person reads it: each step's state, where it breaks, and the mends."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import unified_diff
from typing import Any

from ...analysis.training import CARRIED, CUT, Plan, Report, Step, training_code
from ...network.batch import Batch
from ...network.dims import Shape, json_dim, json_shape, symbol, write_shape
from ..screen import Line, Piece, Prose, columns, counted, labelled, prose, text

_MANY_STEPS = 14  # longer runs fold in the middle
_NO_AXIS = "one sequence has no batch axis"


def state_text(report: Report) -> Iterator[Line]:
    """The whole answer: the run, its breaks, the mends, the loop, and what is saved."""
    plan = report.plan
    yield text(str(plan.spec), "title")
    begun, ended = _ends(plan)
    carried = f"{ended} carried on" if plan.carry else f"{begun} fresh at every step"
    yield prose(f"{counted(plan.samples, 'sample')} in batches of {plan.batch_size}, {carried}")
    yield []
    yield from _run_lines(plan)
    if any(step.phase == "train" for step in plan.broken):
        yield prose("after a break the table goes on as if that step had begun with zeros")
    for step in plan.broken:
        yield []
        yield from _break_lines(plan, step)
    yield []
    yield from (_carried_lines if plan.carry else _fresh_lines)(report)
    yield []
    yield from _saved_lines(report)


def _ends(plan: Plan) -> tuple[str, str]:
    """What a step begins with and leaves: h0 and hn."""
    name = plan.spec.state_names[0]
    return f"{name}0", f"{name}n"


def _run_lines(plan: Plan) -> Iterator[Line]:
    yield text("the run", "title")
    steps: list[Step | None] = list(plan.steps)
    if len(steps) > _MANY_STEPS:
        steps = [*steps[:4], None, *steps[-4:]]
    rows: list[list[Piece]] = [[("step", "note"), ("input", "note"), ("", "")]]
    for name in plan.steps[0].states:
        rows[0].append((name, "note"))
    rows[0].append(("", ""))
    yield from columns(rows + [_row(plan, step) for step in steps])


def _row(plan: Plan, step: Step | None) -> list[Piece]:
    if step is None:
        return [(f"… {len(plan.steps) - 8:,} more", "note"), ("", ""), ("", "")]
    name = str(step.number) if step.phase == "train" else f"{step.number} test"
    states: list[Piece] = [(write_shape(shape), "state") for shape in step.states.values()]
    mark: Piece = ("✓ fits", "good") if step.fits else ("✗ does not fit", "bad")
    came: Piece = (write_shape(step.input), "input")
    return [(name, ""), came, (_origin(plan, step), ""), *states, mark]


def _origin(plan: Plan, step: Step) -> str:
    names = " and ".join(f"{name}n" for name in plan.spec.state_names)
    if step.origin == CARRIED:
        return f"{names} of step {step.number - 1}"
    if step.origin == CUT:
        return f"{names} of step {step.number - 1}, cut"
    return "zeros"


def _break_lines(plan: Plan, step: Step) -> Iterator[Line]:
    before = plan.steps[step.number - 1]
    yield [(f"step {step.number} breaks", "bad"), (f": {_why(plan, before, step)}", "")]
    if step.error is not None:
        yield [("  torch  ", "note"), (f"{step.error.type}: {step.error.message}", "bad")]
    for name, expected in step.expected.items():
        got = step.states[name]
        yield [("  ", ""), (name, "state"), (f"     {write_shape(got)}, expected ", ""),
               (write_shape(expected), "good")]  # fmt: skip


def _why(plan: Plan, before: Step, step: Step) -> str:
    if step.phase == "test":
        have = f"the test has batches of {step.size}"
    else:
        full = plan.samples // plan.batch_size
        taken = f"{plan.samples} − {full}·{plan.batch_size} = {step.size}"
        have = f"the last batch has {taken} of {plan.batch_size}"
    return f"{have}, the state of step {before.number} has {before.size}"


def _fresh_lines(report: Report) -> Iterator[Line]:
    plan = report.plan
    size = _NO_AXIS if plan.unbatched else "it takes its size from the batch"
    begun, ended = _ends(plan)
    yield text(f"{begun} begins with zeros at every step: {size}", "good")
    yield from _code(training_code(plan))
    broken = report.carried.broken
    if broken:
        first = broken[0]
        where = "the test" if first.phase == "test" else "the last, smaller batch"
        yield prose(
            f"carried on, {ended} would break at step {first.number}, {where}: --stateful shows it"
        )
        return
    why = "all batches have one size (--stateful)"
    if plan.unbatched:
        why = "the state of one sequence has no batch axis"
    yield prose(f"{ended} could be carried on: {why}")


def _carried_lines(report: Report) -> Iterator[Line]:
    plan = report.plan
    if report.ok:
        whatever = _NO_AXIS if plan.unbatched else "all batches have one size"
        begun, ended = _ends(plan)
        yield text(f"{ended} fits as {begun} at every step: {whatever}", "good")
    else:
        yield text("the loop that breaks", "title")
    yield from _code(training_code(plan))
    for mend in report.mends:
        yield []
        yield [(f"mend: {_TITLES[mend.id]}", "title")]
        yield prose(mend.why)
        yield from _changed(training_code(plan), mend.code)
        again = f" run again: all {len(mend.plan.steps):,} steps fit"
        yield [("  ", ""), ("✓", "good"), (again, "")]
    yield []
    yield text("carrying on", "title")
    yield prose(
        "detach() keeps the numbers and ends the graph: backward() goes back through one batch "
        "(truncated backpropagation); without it the second backward() would go into the graph "
        "that the first one has freed"
    )
    yield prose(
        "it is for batches that continue each other: row n goes on where row n of the step before "
        "ended, so the loader must not shuffle"
    )


_TITLES = {
    "drop-last": "drop_last=True",
    "cut": "h[:, :n]",
    "renew": "zeros where the size changes",
    "fresh-test": "zeros for the test",
}


def _changed(before: str, after: str) -> Iterator[Line]:
    """The lines of a loop that another has in their place, each with the one around it."""
    found = unified_diff(before.split("\n"), after.split("\n"), n=1, lineterm="")
    for line in list(found)[3:]:
        if line.startswith("@@"):
            yield text("    …", "note")
        else:
            kind = {"+": "good", "-": "bad"}.get(line[0], "note")
            yield text(f"  {line[0]} {line[1:]}", kind)


def _code(code: str) -> Iterator[Line]:
    for line in code.split("\n"):
        yield text(f"    {line}")


def _saved_lines(report: Report) -> Iterator[Line]:
    spec = report.plan.spec
    unbatched = report.plan.unbatched
    batch = Batch(size=1 if unbatched else symbol("N"), seq_len=symbol("T"), unbatched=unbatched)
    shapes: dict[str, Shape] = batch.tensors(spec)
    yield text("saved", "title")
    names = report.saved
    shown = names if len(names) <= 4 else [*names[:2], "…", names[-1]]
    shapes |= spec.parameters()
    saved, left = (
        ", ".join(
            f"{name}\xa0{write_shape(shapes[name])}" if name in shapes else name for name in row
        )
        for row in (shown, [name for name in report.not_saved if name != "input"])
    )
    label: Piece = ("  state_dict   ", "note")
    yield Prose([label, (f"{counted(len(names), 'tensor')}: ", ""), (saved, "weight")])
    yield labelled("  not saved", left, "state", 15)
    why = "their size has the batch, N, in it: a test may have another"
    if unbatched:
        why = "a state is no parameter: each sequence begins anew"
    yield labelled("", why, "note", 15)


def state_document(report: Report) -> dict[str, Any]:
    """`rnnshape/state/1`."""
    plan = report.plan
    breaks = report.carried.broken
    return {
        "schema": "rnnshape/state/1",
        "ok": report.ok,
        "spec": plan.spec.to_dict(),
        "stateful": plan.carry,
        "samples": plan.samples,
        "batch_size": plan.batch_size,
        "test_batch_size": plan.test_batch_size,
        "seq_len": json_dim(plan.seq_len),
        "steps": [_step(step) for step in plan.steps],
        "code": training_code(plan),
        "carrying_on": {
            "breaks_at": breaks[0].number if breaks else None, "breaks": [*map(_step, breaks)],
        },
        "mends": [
            {"id": mend.id, "why": mend.why, "code": mend.code,
             "proof": {"steps": len(steps), "fit": sum(step.fits for step in steps)}}
            for mend in report.mends for steps in [mend.plan.steps]
        ],
        "saved": report.saved,
        "not_saved": report.not_saved,
    }  # fmt: skip


def _step(step: Step) -> dict[str, Any]:
    return {
        "index": step.number,
        "phase": step.phase,
        "batch_size": step.size,
        "input": json_shape(step.input),
        **{name: json_shape(shape) for name, shape in step.states.items()},
        "origin": step.origin,
        "fits": step.fits,
        "torch": None if step.error is None else step.error._asdict(),
    }
