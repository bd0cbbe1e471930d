"""The backward as a person reads it: what arrives at a step, its gradients, what it passes on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from ...analysis.trace import Selection, Trace
from ...engine.cells import GRADIENT
from ...engine.walk import HEAD, Performed, Step, Tensor
from ...network.dims import write_dim, write_shape
from ..notation import equation_name, equation_pieces, kind_of, result_kind, shape_pieces
from ..screen import Line, Piece, columns, prose, text, value_lines
from .steps import skipped


def backward_lines(trace: Trace, selection: Selection) -> Iterator[Line]:
    """The steps in reverse, grouped by layer and direction, then what gradients there are."""
    yield text("backward", "title")
    yield prose(f"L = {loss_words(trace)}")
    if trace.head is not None and trace.head.loss == "cross-entropy":
        yield prose("target has 1 in the column of the class, 0 in the others")
    yield prose("da is the gradient of L by a, and has a's shape")
    both = "the later direction first, " if trace.spec.bidirectional else ""
    if not trace.spec.single:
        yield prose(f"order: last layer first, {both}from the step read last")
    yield prose("through a sum a gradient passes unchanged, and keeps its name")
    after = "" if trace.spec.single else "; after: the step after"
    yield prose(f"in brackets: where a part of a gradient comes from{after}")
    yield from _cut_lines(trace)
    for (layer, direction), steps in groupby(
        trace.backward_steps(selection), key=lambda step: (step.layer, step.direction)
    ):
        yield []
        yield from _heading(trace, layer, direction)
        before: Step | None = None
        for step in steps:
            yield from skipped(before, step, selection)
            yield from _step(trace, step, before)
            before = step
    if selection == Selection(folded=selection.folded):
        yield []
        yield from _gradient_lines(trace)


def loss_words(trace: Trace) -> str:
    """What is differentiated: the right side of L = …."""
    head = trace.head
    if head is None:
        name = "hn" if trace.spec.single else "output"
        return f"sum({name} ⊙ G), G of {write_shape(trace.tensors[name])}, ones unless given"
    if head.loss == "sum":
        return "sum(o)"
    count = write_dim(head.compared(trace.batch))
    if head.loss == "mse":
        return f"mse_loss(o, target), the mean over the {count} numbers of o"
    return f"cross_entropy(o, target), the mean over the {count} rows of o"


def _cut_lines(trace: Trace) -> Iterator[Line]:
    """Where truncation cuts, and what is lost by it."""
    window = trace.back.tbptt if trace.back else None
    length = trace.batch.seq_len
    if window is None:
        return
    if isinstance(length, int) and window >= length:
        yield prose(f"--tbptt {window}: nothing is cut, T = {length} fits into one window")
        return
    times = [window * m for m in range(1, 4)]
    shown = [f"t={t - 1} and {t}" for t in times if not isinstance(length, int) or t < length]
    more = ", …" if not isinstance(length, int) or window * 4 < length else ""
    yield prose(f"--tbptt {window}: cut between {', '.join(shown)}{more}")
    yield prose(
        "across a cut the state is a constant: the forward's numbers stay, no gradient goes back"
    )
    yield prose(
        "lost: what output says to the steps before its window, and to h0 from all windows but "
        "the first"
    )
    kept = "all steps, since the reverse direction begins at the end"
    if not trace.spec.bidirectional:
        kept = f"{window} steps instead of {write_dim(length)} (rnnshape cost)"
    yield prose(f"kept in memory: {kept}")


def _heading(trace: Trace, layer: int, direction: str) -> Iterator[Line]:
    length = trace.batch.seq_len
    last = length - 1 if isinstance(length, int) else f"{length}-1"
    if direction == HEAD:
        yield [("head", "title"), ("   dloss_t = 1, since L is their sum", "note")]
        return
    if trace.spec.single:
        yield text("the step", "title")
        return
    reverse = direction == "reverse"
    span = f"t = 0 → {last}" if reverse else f"t = {last} → 0"
    yield [
        (f"layer {layer} {direction}", "title"),
        (f"   {'t = 0' if length == 1 else span}", "note"),
    ]
    if isinstance(length, int):
        return
    begins, ends = ("t=0", f"t={last}") if reverse else (f"t={last}", "t=0")
    row = trace.spec.num_directions * layer + reverse
    yield prose(f"told once: at {begins} nothing comes from a step after,")
    states = " and ".join(f"d{name}0[{row}]" for name in trace.spec.state_names)
    yield prose(f"at {ends} it passes on {states}")


def _step(trace: Trace, step: Step, before: Step | None) -> Iterator[Line]:
    if not trace.spec.single:
        yield text(f"  t={step.t}" if isinstance(step.t, int) else f"  every {step.t}", "title")
    if not step.record.state:
        yield text("    nothing arrives: a cut lies between here and the loss", "note")
        return
    if step.arrives:
        yield from _listed("arrives", [(one, _from(trace, step, one)) for one in step.arrives])
    for performed in step.ops:
        if performed.output.role != GRADIENT:  # what is written within an equation has no line
            yield from _operation_lines(performed)
    passed = [(one, _to(trace, step, name, one)) for name, one in step.state.items()]
    if passed:
        yield from _listed("passes on", passed)
    if _cuts_before(trace, step):
        states = " and ".join(f"{name}_{step.previous}" for name in trace.spec.state_names)
        verb = "get" if " and " in states else "gets"
        yield text(f"    cut: {states} {verb} nothing from here", "note")


def _cuts_before(trace: Trace, step: Step) -> bool:
    both = isinstance(step.t, int) and isinstance(step.previous, int)
    return bool(both and trace.back and trace.back.cut(step.previous, step.t))  # type: ignore[arg-type]


def _listed(what: str, tensors: list[tuple[Tensor, str]]) -> Iterator[Line]:
    for number, (tensor, where) in enumerate(tensors):
        yield [
            (f"    {what}: " if not number else " " * (len(what) + 6), "note"),
            (equation_name(tensor), kind_of(tensor)),
            (f" {write_shape(tensor.shape)} {where}", "note"),
        ]


def _from(trace: Trace, step: Step, tensor: Tensor) -> str:
    if tensor.role.kind == "output" and trace.spec.single:
        return "from the loss"
    if tensor.role.kind == "output":
        return "from the head" if trace.head else "from output"
    if tensor.role.kind == "input":
        return "from above"
    later = {"forward": 1, "reverse": -1}[step.direction]
    return f"from t={step.t + later}" if isinstance(step.t, int) else "from the step after"


def _to(trace: Trace, step: Step, name: str, tensor: Tensor) -> str:
    if step.direction == HEAD:
        return "to the last layer"
    if trace.spec.single:
        return f"to {'input' if name == 'dx' else name[1:]}"
    if name == "dx":
        cut = "input[:, {}]" if trace.cuts_batch_first else "input[{}]"
        return f"to {cut.format(step.t)}" if step.layer == 0 else f"down to layer {step.layer - 1}"
    if name.endswith("0"):
        row = trace.spec.num_directions * step.layer + trace.spec.directions.index(step.direction)
        return f"to {name[1:]}[{row}]"
    return f"to t={step.previous}" if isinstance(step.previous, int) else "to the step before"


def _operation_lines(performed: Performed) -> Iterator[Line]:
    out = equation_name(performed.output)
    sign = "+=" if performed.output.name in [i.name for i in performed.inputs] else "="
    indent = " " * (len(out) + len(sign) + 6)
    yield [
        ("    ", ""), (out, kind_of(performed.output)), (f" {sign} ", ""),
        *equation_pieces(performed),
    ]  # fmt: skip
    yield [(indent, ""), *shape_pieces(performed)]
    yield from value_lines(performed.output, indent)


def _gradient_lines(trace: Trace) -> Iterator[Line]:
    """Every gradient with its shape, and what it is the sum of."""
    yield text("gradients", "title")
    rows: list[list[Piece]] = []
    states = {f"grad.{name}0" for name in trace.spec.state_names}
    for name, shape in trace.gradient_shapes.items():
        of = name.removeprefix("grad.")
        if trace.spec.single:
            weight = result_kind(of) == "weight"
            source = "added up over the batch" if weight else ""
        elif of == "input":
            source = "dx_t of layer 0" + (
                ", both directions added" if trace.spec.bidirectional else ""
            )
        elif name in states:
            source = f"what each first step passes on as d{of}[row]"
        else:
            source = "added up over all steps and the batch"
        rows.append([(name, result_kind(of)), (write_shape(shape), ""), (source, "note")])
    if len(rows) > 24:
        rows[20:-2] = [[(f"… {len(rows) - 22} more", "note")]]
    yield from columns(rows)
