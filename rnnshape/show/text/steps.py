"""The steps of a walk as a person reads them: names first, shapes below, then values."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from ...analysis.trace import Selection, Trace
from ...engine.walk import HEAD, Performed, Step
from ...network.dims import write_shape
from ...network.spec import Spec
from ..notation import equation_pieces, kind_of, shape_pieces, short_name
from ..screen import Line, text, value_lines


def step_lines(trace: Trace, selection: Selection) -> Iterator[Line]:
    """The steps, grouped by layer and direction, equal ones folded."""
    single = trace.spec.single
    yield text("the step" if single else "steps", "title")
    then = "then direction, " if trace.spec.bidirectional else ""
    if not single:
        yield text(f"  loop order: layer first, {then}time inside", "note")
    yield text(f"  {_linear_remark(trace.spec)}", "note")
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
            yield from step_text(step, named=not single)
            before = step


def _linear_remark(spec: Spec) -> str:
    rows, width = spec.gates * spec.hidden_size, spec.input_size
    return (
        f"F.linear(x, W, b) computes x·Wᵀ + b: W_ih of {write_shape((rows, width))} "
        f"appears as ({write_shape((width, rows))})"
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
        below = [f"layer {layer - 1} {d} h_t" for d in spec.directions]
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
    yield text("  told once: only the names change from t to t", "note")
    yield text(f"  at t={edge} {states}", "note")


def _short_names(spec: Spec, layer: int, direction: str) -> Iterator[Line]:
    """What the parameters are called in the equations."""
    names = [p.name for p in spec.layer_parameters(layer, direction)]
    for start in range(0, len(names), 2):
        pairs = [f"{short_name(name)} = {name}" for name in names[start : start + 2]]
        yield [("  ", ""), (", ".join(pairs), "weight")]


def _head_heading(trace: Trace) -> Iterator[Line]:
    spec, head = trace.spec, trace.head
    assert head is not None
    g = "" if head.activation == "none" else head.activation
    name, read = ("o_t", "output[t]") if head.at == "every" else ("o", "hn[-1]")
    if head.at == "last" and spec.bidirectional:
        read = "concat(hn[-2], hn[-1])"
    equation = f"{read}·Wᵀ + b"
    yield [("head", "title"), (f"   {name} = {f'{g}({equation})' if g else equation}", "note")]
    yield [("  ", ""), ("W = head.weight, b = head.bias", "weight"), (", a torch.nn.Linear", "")]
    if spec.cell == "lstm":
        yield text("  o is the head's here; in the cell o is the output gate", "note")
    width = "P" if spec.proj_size else "H"
    both = f"2 directions of {width}=" if spec.bidirectional else f"{width}="
    yield text(f"  it reads {write_shape((spec.output_size,))}: {both}{spec.state_size}", "note")


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
        yield text(f"  {span}: {same}", "note")


def step_text(step: Step, named: bool = True) -> Iterator[Line]:
    """One step: each operation's names, below them its shapes, and its values where it has any.

    named: whether its time stands above it.
    """
    if named:
        yield text(f"  t={step.t}" if isinstance(step.t, int) else f"  every {step.t}", "title")
    for op, group in groupby(step.ops, key=lambda performed: performed.op):
        performed = list(group)
        if op == "split":
            for _, parts in groupby(performed, key=lambda part: part.inputs[0].name):
                yield from _split_lines(list(parts))
        else:
            for one in performed:
                yield from _operation_lines(one)


def _operation_lines(performed: Performed) -> Iterator[Line]:
    out = performed.output.name
    indent = " " * (len(out) + 7)
    yield [("    ", ""), (out, kind_of(out)), (" = ", ""), *equation_pieces(performed)]
    yield [(indent, ""), *shape_pieces(performed)]
    yield from value_lines(performed.output, indent)


def _split_lines(parts: list[Performed]) -> Iterator[Line]:
    source, outs = parts[0].inputs[0], [part.output for part in parts]
    names = ", ".join(out.name for out in outs)
    yield text(f"    {names} = split({source.name}, {len(outs)})")
    indent = " " * (len(names) + 7)
    shapes = f"{write_shape(source.shape)}→{len(outs)} of {write_shape(outs[0].shape)}"
    yield [(indent if len(indent) < 40 else " " * 7, ""), (shapes, "")]
