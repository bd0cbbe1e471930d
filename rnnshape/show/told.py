"""A trace as a person reads it, and the parameters of a network."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from ..dims import Dim, Shape, write_dim, write_shape
from ..ops import OPERATIONS
from ..spec import Parameter, Spec
from ..tracing import Selection, Source, Trace
from ..walk import Performed, Step, Tensor
from .document import ITEM_BYTES
from .screen import Line, Piece, columns, text
from .values import array_lines, value_lines

if TYPE_CHECKING:
    from ..arrays import Result
    from ..live import Comparison

_MANY_ROWS = 48  # longer listings fold in the middle


def kind_of(name: str) -> str:
    """What a tensor is: input, state, weight, output, or an intermediate."""
    if name.startswith(("weight", "bias", "W_", "b_")):
        return "weight"
    if name.startswith(("h0", "c0", "hn", "cn", "h_", "c_")):
        return "state"
    if name.startswith(("x_", "input")):
        return "input"
    return "output" if name.startswith("output") else ""


def trace_text(trace: Trace, selection: Selection) -> Iterator[Line]:
    """The whole trace: network, tensors, parameters, steps, results, batch_first."""
    narrowed = selection != Selection(folded=selection.folded)
    yield text(str(trace.spec), "title")
    if not narrowed:
        yield []
        yield from tensor_lines(trace)
        yield []
        yield from parameter_lines(trace)
    yield []
    yield from _step_lines(trace, selection)
    if not narrowed:
        yield []
        yield from _result_lines(trace)
        yield []
        yield from _batch_first_lines(trace)


def tensor_lines(trace: Trace) -> Iterator[Line]:
    """input, h0 (c0), output and hn (cn), with the rule of each shape."""
    spec, batch = trace.spec, trace.batch
    wide = f"{'2·' if spec.bidirectional else ''}{'P' if spec.proj_size else 'H'}"
    outer = "T" if batch.unbatched else ("N, T" if spec.batch_first else "T, N")
    inner = "" if batch.unbatched else ", N"
    layers = f"{'2·' if spec.bidirectional else ''}L"
    rules = {"input": f"({outer}, I)", "output": f"({outer}, {wide})"}
    for name in spec.state_names:
        width = "P" if name == "h" and spec.proj_size else "H"
        rules[name + "0"] = rules[name + "n"] = f"({layers}{inner}, {width})"
    yield text("tensors", "title")
    yield from columns(
        [
            [(name, kind_of(name)), (write_shape(shape), ""), (rules[name], "note")]
            for name, shape in trace.tensors.items()
        ]
    )
    meanings = [
        ("T", batch.seq_len, "steps"),
        *([] if batch.unbatched else [("N", batch.size, "in a batch")]),
        ("I", spec.input_size, "features"),
        ("H", spec.hidden_size, "hidden"),
        *([("P", spec.proj_size, "out")] if spec.proj_size else []),
        ("L", spec.num_layers, "layers" if spec.num_layers > 1 else "layer"),
    ]
    told = [f"{f'{a}=' if str(b) != a else ''}{write_dim(b)} {what}" for a, b, what in meanings]
    yield text(f"  {', '.join(told)}", "note")
    if spec.bidirectional:
        rows = f"2 directions × {spec.num_layers} layers = {2 * spec.num_layers}"
        yield text(f"  2·L: {rows}", "note")
    if batch.unbatched:
        yield text("  unbatched: torch adds a batch axis of 1, and takes it away again", "note")
    if batch.packed:
        yield from _packed_lines(trace)


def _packed_lines(trace: Trace) -> Iterator[Line]:
    batch, spec = trace.batch, trace.spec
    total = sum(batch.lengths or ())
    yield text(
        f"  packed: lengths {_listed(batch.lengths or ())}, sorted longest first as "
        f"{_listed(batch.order)}", "note",
    )  # fmt: skip
    yield text(
        f"  data {write_shape((total, spec.input_size))} ({total} real steps), "
        f"batch_sizes {_listed(batch.batch_sizes)}; the rest is padding", "note",
    )  # fmt: skip


def _listed(numbers: tuple[int, ...] | list[int]) -> str:
    shown = [str(n) for n in numbers[:12]]
    return "[" + ", ".join(shown) + (f", … {len(numbers)} in all]" if len(numbers) > 12 else "]")


def parameter_lines(trace: Trace, dtype: str = "", fold: bool = True) -> Iterator[Line]:
    """Every parameter with its shape, the rule behind it, and its count."""
    parameters = trace.parameters
    yield text("parameters", "title")
    rows = [_parameter_row(parameter) for parameter in parameters]
    lines = columns(rows)
    if fold and len(lines) > _MANY_ROWS:
        left = len(lines) - _MANY_ROWS
        middle = [text(f"  … {left} more; rnnshape params lists them all", "note")]
        lines = lines[: _MANY_ROWS - 4] + middle + lines[-4:]
    yield from lines
    count: Dim = trace.parameter_count
    weight = f", {write_dim(ITEM_BYTES[dtype] * count)} bytes as {dtype}" if dtype else ""
    yield text(f"  {len(parameters)} tensors, {write_dim(count)} numbers{weight}", "note")
    spec = trace.spec
    if spec.num_layers > 1:
        wide = write_dim(spec.output_size)
        yield text(f"  above layer 0, weight_ih reads {wide}: {_above(spec)} from below", "note")


def params_text(trace: Trace, dtype: str) -> Iterator[Line]:
    """The parameters alone, all of them, with what they weigh."""
    yield text(str(trace.spec), "title")
    yield []
    yield from parameter_lines(trace, dtype, fold=False)
    yield text("  all that a state_dict holds: h0 and hn are not saved, their size has", "note")
    yield text("  the batch in it", "note")


def _above(spec: Spec) -> str:
    width = f"{'P' if spec.proj_size else 'H'}={write_dim(spec.state_size)}"
    return f"2 directions of {width}" if spec.bidirectional else width


def _parameter_row(parameter: Parameter) -> list[Piece]:
    return [
        (parameter.name, "weight"),
        (write_shape(parameter.shape), ""),
        (parameter.rule, "note"),
        (write_dim(parameter.count).rjust(9), "note"),
    ]


def _step_lines(trace: Trace, selection: Selection) -> Iterator[Line]:
    yield text("steps", "title")
    then = "then direction, " if trace.spec.bidirectional else ""
    yield text(f"  loop order: layer first, {then}time inside", "note")
    yield text(f"  {_linear_remark(trace.spec)}", "note")
    for (layer, direction), steps in groupby(
        trace.steps(selection), key=lambda step: (step.layer, step.direction)
    ):
        yield []
        yield from _pass_heading(trace, layer, direction)
        before: Step | None = None
        for step in steps:
            yield from _skipped(before, step, selection)
            yield from step_text(step)
            before = step


def _linear_remark(spec: Spec) -> str:
    rows, width = spec.gates * spec.hidden_size, spec.input_size
    return (
        f"F.linear(x, W, b) computes x·Wᵀ + b: W_ih of {write_shape((rows, width))} "
        f"appears as ({write_shape((width, rows))})"
    )


def _pass_heading(trace: Trace, layer: int, direction: str) -> Iterator[Line]:
    spec, length = trace.spec, trace.batch.seq_len
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
    names = [p.name for p in spec.layer_parameters(layer, direction)]
    for start in range(0, len(names), 2):
        pairs = [f"{short_name(name)} = {name}" for name in names[start : start + 2]]
        yield [("  ", ""), (", ".join(pairs), "weight")]
    if isinstance(length, int):
        return
    after = "t+1" if direction == "reverse" else "t-1"
    edge = f"{length}-1" if direction == "reverse" else "0"
    row = spec.num_directions * layer + spec.directions.index(direction)
    states = " and ".join(f"{name}_({after}) is {name}0[{row}]" for name in spec.state_names)
    yield text(f"  told once for every t: only the names change; at t={edge} {states}", "note")


def _skipped(before: Step | None, step: Step, selection: Selection) -> Iterator[Line]:
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


def short_name(name: str) -> str:
    """A parameter's name in an equation: weight_ih_l0_reverse is W_ih."""
    kind, _, rest = name.partition("_")
    return {"weight": "W_", "bias": "b_"}.get(kind, kind + "_") + rest.split("_l")[0]


def step_text(step: Step) -> Iterator[Line]:
    """One step: each operation's names, below them its shapes, and its values where it has any."""
    yield text(f"  t={step.t}", "title")
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
    names = [_equation_name(tensor) for tensor in performed.inputs]
    equation = OPERATIONS[performed.op].equation(names, performed.attributes)
    indent = " " * (len(out) + 7)
    yield [("    ", ""), (out, kind_of(out)), (" = ", ""), *_coloured(equation, names)]
    yield [(indent, ""), *_coloured_shapes(performed)]
    yield from value_lines(performed.output, indent)


def _split_lines(parts: list[Performed]) -> Iterator[Line]:
    source, outs = parts[0].inputs[0], [part.output for part in parts]
    names = ", ".join(out.name for out in outs)
    yield text(f"    {names} = split({source.name}, {len(outs)})")
    indent = " " * (len(names) + 7)
    yield [(indent if len(indent) < 40 else " " * 7, ""),
           (f"{write_shape(source.shape)}→{len(outs)} of {write_shape(outs[0].shape)}", "")]  # fmt: skip


def _equation_name(tensor: Tensor) -> str:
    name = tensor.name
    return short_name(name) if name.startswith(("weight_", "bias_")) else name


def _coloured(equation: str, names: list[str]) -> Line:
    """An equation in pieces, each name in the colour of what it names."""
    line: Line = []
    rest = equation
    for name in names:
        before, found, rest = rest.partition(name)
        line += [(before, ""), (found, kind_of(found))]
    return [*line, (rest, "")]


def _coloured_shapes(performed: Performed) -> Line:
    """A shape expression in pieces, each operand's shape in the colour of the operand."""
    line: Line = []
    rest = performed.expression
    for tensor in (*performed.inputs, performed.output):
        shape: Shape = tensor.shape
        if performed.op == "linear" and tensor is performed.inputs[1]:
            shape = shape[::-1]
        before, found, rest = rest.partition(write_shape(shape))
        line += [(before, ""), (found, kind_of(tensor.name))]
    return [*line, (rest, "")]


def _source_line(source: Source) -> Line:
    cells = [f"layer {layer} {direction} t={t}" for layer, direction, t in source.cells]
    if source.cells[0][2].startswith("each"):
        layer, direction, t = source.cells[0]
        cells = [f"layer {layer} {direction}, {t}"]
    joined = f"concat({', '.join(cells)})" if len(cells) > 1 else cells[0]
    return [
        ("  ", ""),
        (source.piece, kind_of(source.piece)),
        (f" = {joined}: {write_shape(source.shape)}", ""),
    ]


def _result_lines(trace: Trace) -> Iterator[Line]:
    yield text("where the results come from", "title")
    length = trace.batch.seq_len
    if isinstance(length, int):
        times = [*range(length)] if length <= 3 else [0, 1, length - 1]
        for t in times:
            if t == length - 1 and length > 3:
                yield text("  …", "note")
            yield _source_line(trace.output_source(t))
    else:
        yield _source_line(trace.output_source("t"))
    states = trace.state_sources()
    if len(states) > 16:
        for source in states[:4]:
            yield _source_line(source)
        yield text(f"  … {len(states) - 6} more rows", "note")
        states = states[-2:]
    for source in states:
        yield _source_line(source)
    for left, right in trace.equalities():
        yield [("  ", ""), (left, "output"), (" equals ", "note"), (right, "state")]
    yield from _warnings(trace)


def _warnings(trace: Trace) -> Iterator[Line]:
    spec, batch = trace.spec, trace.batch
    last = "output[:, -1]" if trace.cuts_batch_first else "output[-1]"
    if batch.packed:
        yield text(f"  {last} is padding (0) for every sequence but the longest", "note")
    if spec.bidirectional:
        half = write_dim(spec.state_size)
        yield text(f"  {last} is not hn[-1]: its reverse half ({half}:) has read one item", "note")
    if spec.proj_size:
        yield text(f"  hn is projected ({write_dim(spec.proj_size)} wide), cn is not "
                   f"({write_dim(spec.hidden_size)})", "note")  # fmt: skip


def _batch_first_lines(trace: Trace) -> Iterator[Line]:
    effect = trace.batch_first
    yield text("batch_first", "title")
    if trace.batch.unbatched:
        yield text("  changes nothing: an unbatched input has no batch axis", "note")
        return
    rows: list[list[Piece]] = [[("", ""), ("False", "note"), ("True", "note"), ("", "")]]
    for name, shape in effect.false.items():
        changed = "changes" if name in effect.changed else "the same"
        rows.append(
            [
                (name, kind_of(name)),
                (write_shape(shape), ""),
                (write_shape(effect.true[name]), ""),
                (changed, "title" if name in effect.changed else "note"),
            ]
        )
    last: list[Piece] = [("output[-1]", "output"), ("output[:, -1]", "output")]
    rows.append([("last step", ""), *last, ("", "")])
    yield from columns(rows)


def run_text(trace: Trace, result: Result) -> Iterator[Line]:
    """The computed tensors with their shapes and values."""
    assert trace.feed is not None
    yield text(str(trace.spec), "title")
    for name, array in {**trace.feed.given, **result.to_dict()}.items():
        yield []
        yield [(name, kind_of(name)), (f"  {write_shape(array.shape)}", "")]
        yield from array_lines(array)
    yield []
    for left, right in trace.equalities():
        yield [(left, "output"), (" equals ", "note"), (right, "state")]


def verify_text(comparison: Comparison) -> Iterator[Line]:
    """What was compared with torch, a line each, and the verdict."""
    yield text(f"{comparison.spec} beside torch {comparison.version}", "title")
    for row in comparison.rows:
        mark: Piece = ("✓", "good") if row.ok else ("✗", "bad")
        if row.name == "parameters":
            detail = f"{len(row.torch)} names and shapes"
        else:
            detail = f"{write_shape(row.torch)} and {write_shape(row.walk)}"
            if row.difference is not None:
                detail += f", at most {row.difference:.1e} apart"
        yield [("  ", ""), mark, (f" {row.name}: {detail}", "")]
    yield text("equal" if comparison.ok else "not equal", "good" if comparison.ok else "bad")
