"""The steps of a walk as a person reads them: names first, shapes below, then values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import groupby

from ...analysis.trace import Selection, Trace
from ...engine.walk import HEAD, Performed, Step, Tensor
from ...network.dims import write_shape
from ...network.spec import Spec
from ..notation import GATES_IN_WORDS, equation_pieces, kind_of, shape_pieces, short_name
from ..screen import Line, length, prose, text, value_lines


def step_lines(trace: Trace, selection: Selection, width: int = 80) -> Iterator[Line]:
    """The steps, grouped by layer and direction, equal ones folded."""
    single = trace.spec.single
    yield text("the step" if single else "steps", "title")
    then = "then direction, " if trace.spec.bidirectional else ""
    if not single:
        yield prose(f"loop order: layer first, {then}time inside")
    yield prose(f"{_linear_remark(trace.spec)}")
    for (layer, direction), steps in groupby(
        trace.steps(selection), key=lambda step: (step.layer, step.direction)
    ):
        yield []
        if direction == HEAD:
            yield from _head_heading(trace)
        else:
            yield from _pass_heading(trace, layer, direction)
        before: Step | None = None
        for step in steps:
            yield from skipped(before, step, selection)
            yield from step_text(step, named=not single, width=width)
            before = step


def _linear_remark(spec: Spec) -> str:
    """How the first matrix of a layer stands in the equations."""
    matrices = [p for p in spec.layer_parameters(0, "forward") if len(p.shape) == 2]
    if not matrices:
        return "equations of the cell, each result under the time of its step"
    shape = matrices[0].shape
    return (
        f"F.linear(x, W, b) computes x·Wᵀ + b: {short_name(matrices[0].kind)} of "
        f"{write_shape(shape)} appears as ({write_shape(shape[::-1])})"
    )


def _pass_heading(trace: Trace, layer: int, direction: str) -> Iterator[Line]:
    spec, length = trace.spec, trace.batch.seq_len
    if spec.single:
        yield [("  x", "input"), (" = input", "")]
        yield from _short_names(spec, layer, direction)
        return
    last = length - 1 if isinstance(length, int) else f"{length}-1"
    times = f"t = {last} → 0" if direction == "reverse" else f"t = 0 → {last}"
    if length == 1:
        times = "t = 0"
    yield [(f"layer {layer} {direction}", "title"), (f"   {times}", "note")]
    if layer == 0:
        cut = "input[:, t]" if trace.cuts_batch_first else "input[t]"
        yield [("  x_t", "input"), (f" = {cut}", "")]
    else:
        name = spec.output_state or "output"
        below = [f"layer {layer - 1} {d} {name}_t" for d in spec.directions]
        source = f"concat({', '.join(below)})" if spec.bidirectional else below[0]
        dropout = f", through dropout(p={spec.dropout}) in training" if spec.dropout else ""
        yield [("  x_t", "input"), (f" = {source}{dropout}", "")]
    yield from _short_names(spec, layer, direction)
    if isinstance(length, int):
        return
    after = "t+1" if direction == "reverse" else "t-1"
    edge = f"{length}-1" if direction == "reverse" else "0"
    row = spec.num_directions * layer + spec.directions.index(direction)
    states = " and ".join(f"{name}_({after}) is {name}0[{row}]" for name in spec.state_names)
    yield prose("told once: only the names change from t to t")
    yield prose(f"at t={edge} {states}")


def _short_names(spec: Spec, layer: int, direction: str) -> Iterator[Line]:
    """What the parameters are called in the equations."""
    parameters = spec.layer_parameters(layer, direction)
    yield prose(", ".join(f"{short_name(p.kind)} = {p.name}" for p in parameters), "weight")


def _head_heading(trace: Trace) -> Iterator[Line]:
    spec, head = trace.spec, trace.head
    assert head is not None
    g = "" if head.activation == "none" else head.activation
    final = f"{spec.output_state}n"
    name, read = ("o_t", "output[t]") if head.at == "every" else ("o", f"{final}[-1]")
    if head.at == "last" and spec.bidirectional:
        read = f"concat({final}[-2], {final}[-1])"
    equation = f"{read}·Wᵀ + b"
    yield [("head", "title"), (f"   {name} = {f'{g}({equation})' if g else equation}", "note")]
    yield [("  ", ""), ("W = head.weight, b = head.bias", "weight"), (", a torch.nn.Linear", "")]
    if spec.cell == "lstm":
        yield prose("o is the head's here; in the cell o is the output gate")
    width = "P" if spec.proj_size else "H"
    both = f"2 directions of {width}=" if spec.bidirectional else f"{width}="
    yield prose(f"it reads {write_shape((spec.output_size,))}: {both}{spec.state_size}")


def skipped(before: Step | None, step: Step, selection: Selection) -> Iterator[Line]:
    """The line that stands for steps which were folded away."""
    if before is None or not selection.folded or selection.step is not None:
        return
    assert isinstance(step.t, int) and isinstance(before.t, int)
    stride = 1 if step.t > before.t else -1
    first, last = before.t + stride, step.t - stride
    count = abs(step.t - before.t) - 1
    if count > 0:
        span = f"t={first}" if count == 1 else f"t={first} … {last}"
        noun = "step" if count == 1 else "steps"
        same = f"{count:,} {noun} of the same shapes as t={before.t} (--all unfolds)"
        yield prose(f"{span}: {same}")


def step_text(step: Step, named: bool = True, width: int = 80) -> Iterator[Line]:
    """One step: each operation over names and over shapes, and its values where it has any.

    Names and shapes stand in one line where all of them have room in `width`, else one below the
    other. named: whether its time stands above it.
    """
    if named:
        yield text(f"  t={step.t}" if isinstance(step.t, int) else f"  every {step.t}", "title")
    yield from operation_lines(step.ops, width)


def operation_lines(
    ops: Iterable[Performed], width: int, margin: int = 4, hanging: int = 0,
    values: Callable[[Tensor, str], Iterable[Line]] = value_lines,
) -> Iterator[Line]:  # fmt: skip
    """Each operation over names and over shapes; below both its values, set in.

    hanging: where shapes begin below their names, where the names are equal to unless told.
    """
    rows = operation_rows(ops)
    names = max(length(name) for name, _, _ in rows)
    beside = margin + names + 3 + max(length(shapes) for _, shapes, _ in rows) <= width
    for name, shapes, tensors in rows:
        line = [(" " * margin, ""), *name]
        if beside:
            indent = " " * 2 * margin
            yield [*line, (" " * (names - length(name) + 3), ""), *shapes]
        else:
            equals = sum(len(words) for words, _ in name[:2])
            indent = " " * (hanging or margin + (equals if equals < 36 else 3))
            yield line
            yield [(indent, ""), *shapes]
        for tensor in tensors:
            yield from values(tensor, indent)


def operation_rows(ops: Iterable[Performed]) -> list[tuple[Line, Line, list[Tensor]]]:
    """Each operation as its equation over names, the same over shapes, and what it computes.

    The parts of one split are one row.
    """
    rows: list[tuple[Line, Line, list[Tensor]]] = []
    for (op, source), group in groupby(ops, key=lambda one: (one.op, one.inputs[0].name)):
        performed = list(group)
        if op == "split":
            outs = [part.output for part in performed]
            named = ", ".join(out.name for out in outs)
            whole, part = (write_shape(t.shape) for t in (performed[0].inputs[0], outs[0]))
            rows.append(([(named, ""), (" = ", ""), (f"split({source}, {len(outs)})", "")],
                         [(f"{whole}→{len(outs)} of {part}", "")], outs))  # fmt: skip
            continue
        for one in performed:
            out = one.output
            name: Line = [(out.name, kind_of(out)), (" = ", ""), *equation_pieces(one)]
            rows.append((name, shape_pieces(one), [out]))
    return rows


def lane_lines(trace: Trace, width: int) -> Iterator[Line]:
    """One step of each lane that differs from those before, and how the others go.

    Layers above the first read alike, and a direction has the shapes of the other.
    """
    spec = trace.spec
    shown: list[tuple[Step, list[str]]] = []
    for layer in range(min(2, spec.num_layers)):
        step = _first_step(trace, layer)
        shapes = [performed.expression for performed in step.ops]
        if not shown or shown[0][1] != shapes:
            shown.append((step, shapes))
    yield text("the step" if spec.single else "one step of each kind", "title")
    if not spec.single:
        then = "then direction, " if spec.bidirectional else ""
        yield prose(f"loop order: layer first, {then}time inside")
    yield prose(f"{_linear_remark(spec)}")
    yield from _key_lines(trace, [step for step, _ in shown])
    for number, (step, _) in enumerate(shown):
        yield []
        yield from _pass_heading(trace, step.layer, step.direction)
        if number:
            yield from _differing(step, shown[0], width)
        else:
            yield from step_text(step, named=False, width=width)
        last = spec.num_layers if number == len(shown) - 1 else shown[number + 1][0].layer
        yield from _alike(trace, step, last)
    if trace.head is not None:
        yield []
        yield from _head_heading(trace)
        head = next(trace.steps(Selection(direction=HEAD, folded=True)))
        yield from step_text(head, named=False, width=width)


def _differing(step: Step, before: tuple[Step, list[str]], width: int) -> Iterator[Line]:
    """The operations whose shapes are not those of another lane's step."""
    first, shapes = before
    performed = step.record.performed
    differing = tuple(one for one, known in zip(performed, shapes) if one.expression != known)
    if len(performed) != len(shapes) or not differing:
        differing = performed
    part = step._replace(record=replace(step.record, performed=differing))
    yield from step_text(part, named=False, width=width)
    if differing != performed:
        yield prose(f"and on as in layer {first.layer}, with the weights and the state of its own")


def _first_step(trace: Trace, layer: int) -> Step:
    return next(iter(trace.steps(Selection(layer=layer, direction="forward", folded=True))))


def _key_lines(trace: Trace, steps: list[Step]) -> Iterator[Line]:
    """What the signs and letters of these steps mean."""
    used = "".join(
        words
        for step in steps
        for name, shapes, _ in operation_rows(step.ops)
        for words, _ in (*name, *shapes)
    )
    signs = [f"{sign} {meaning}" for sign, meaning in _SIGNS.items() if sign in used]
    yield prose("   ".join(signs))
    gates = GATES_IN_WORDS.get(trace.spec.family)
    if gates:
        yield prose(", ".join(f"{letter} {words}" for letter, words in gates.items()))


_SIGNS = {
    "·": "matrix product",
    "ᵀ": "turned round",
    "σ": "sigmoid, 0 to 1",
    "⊙": "element by element",
}


def _alike(trace: Trace, step: Step, last: int) -> Iterator[Line]:
    """The other steps of a lane, and the lanes up to layer `last` that go like it."""
    spec, length = trace.spec, trace.batch.seq_len
    if spec.single:
        return
    if step.layer == 0 and isinstance(length, int) and length > 1:
        if trace.batch.packed:
            rows = trace.batch.batch_sizes
            counts = ", ".join(map(str, rows[:12])) + (", …" if len(rows) > 12 else "")
            words = f"t=1 … {length - 1}: alike, over fewer and fewer rows ({counts})"
        else:
            found = " and ".join(f"{name}_0" for name in spec.state_names)
            words = f"t=1 … {length - 1}: the same shapes, from {found} on (--all tells each)"
            if length == 2:
                words = words.replace("t=1 … 1", "t=1")
        yield prose(words)
    lanes = [(layer, direction) for layer in range(step.layer, last)
             for direction in spec.directions][1:]  # fmt: skip
    if not lanes:
        return
    top = last - 1
    parts = []
    if spec.bidirectional:
        parts.append(f"layer {step.layer} reverse")
    if top > step.layer:
        span = f"layer {top}" if top == step.layer + 1 else f"layers {step.layer + 1} to {top}"
        parts.append(f"{span}{' forward and reverse' if spec.bidirectional else ''}")
    names = [spec.layer_parameters(*lane)[0].name for lane in (lanes[0], lanes[-1])]
    weights = names[0] if len(lanes) == 1 else f"{names[0]} … {names[-1]}"
    words = f"as layer {step.layer} forward, with {weights}"
    yield prose(f"{', '.join(parts)}: {words}")
