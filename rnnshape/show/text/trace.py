"""A trace as a person reads it, and the parameters of a network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...analysis.trace import Selection, Source, Trace
from ...network.dims import Dim, total, write_dim, write_shape
from ...network.spec import Parameter, Spec
from ..document import ITEM_BYTES
from ..notation import result_kind, short_name
from ..screen import Line, Piece, array_lines, columns, counted, labelled, length, prose, text
from .backsteps import backward_lines
from .steps import lane_lines, step_lines

if TYPE_CHECKING:
    from ...analysis.verify import Comparison
    from ...numeric.feed import Array, Result

_MANY_ROWS = 48  # longer listings fold in the middle


def trace_text(
    trace: Trace, selection: Selection, width: int = 80, height: int = 24
) -> Iterator[Line]:
    """A walk for a person on a screen of `width` columns and `height` lines.

    The answer first: the drawing where it fits, tensors, a row of parameters a layer, one step of
    each kind, results, batch_first. A part of the walk, an unfolded one and one with values tell
    their steps one after the other.
    """
    yield text(str(trace.spec), "title")
    if selection == Selection(folded=True) and trace.feed is None:
        yield from _brief_lines(trace, width, height)
    elif selection != Selection(folded=selection.folded):
        yield []
        yield from step_lines(trace, selection, width)
    else:
        yield []
        yield from tensor_lines(trace)
        yield []
        yield from parameter_lines(trace)
        yield []
        yield from step_lines(trace, selection, width)
        yield []
        yield from _result_lines(trace)
        yield from _batch_first_lines(trace)
    if trace.back is not None:
        yield []
        yield from backward_lines(trace, selection)


def _brief_lines(trace: Trace, width: int, height: int) -> Iterator[Line]:
    from ..pictures.terminal import opening_lines

    drawn = opening_lines(trace, width, height)
    for lines in (
        drawn,
        tensor_lines(trace),
        layer_lines(trace, width),
        lane_lines(trace, width),
        _result_lines(trace),
    ):
        if lines:
            yield []
            yield from lines
    yield from _batch_first_lines(trace)


def layer_lines(trace: Trace, width: int = 80) -> Iterator[Line]:
    """The parameters, a row a layer; above layer 1 all are alike."""
    spec, parameters = trace.spec, trace.parameters
    count = f"{counted(len(parameters), 'tensor')}, {write_dim(trace.parameter_count)} numbers"
    yield [("parameters", "title"), (f"  {count}; rnnshape params lists them", "note")]
    many = spec.num_layers > _MANY_LAYERS
    layers = [0, 1] if many else range(spec.num_layers)
    rows: list[list[Piece]] = []
    for layer in layers:
        held = spec.layer_parameters(layer, "forward")
        name = f"layers 1 to {spec.num_layers - 1}" if many and layer else f"layer {layer}"
        numbers = write_dim(spec.num_directions * total(parameter.count for parameter in held))
        numbers += " in two directions" if spec.bidirectional else ""
        numbers += " each" if many and layer else ""
        rows.append([
            (spec.class_name if spec.single else name, "note"),
            *((f"{short_name(p.kind)} {write_shape(p.shape)}", "weight") for p in held),
            (numbers, "note"),
        ])  # fmt: skip
    if trace.head is not None:
        held = trace.head.parameters(spec)
        pieces = [(f"{short_name(p.kind)} {write_shape(p.shape)}", "weight") for p in held]
        pieces += [("", "")] * (len(rows[0]) - len(pieces) - 2)
        numbers = write_dim(total(parameter.count for parameter in held))
        rows.append([("head", "note"), *pieces, (numbers, "note")])
    lines = columns(rows)
    if max(map(len, rows)) <= _MOST_COLUMNS and max(map(length, lines)) <= width + 2:
        yield from lines
        return
    for (name, _), *pieces, (numbers, _) in rows:
        listed = ", ".join(words for words, _ in pieces if words)
        yield labelled(
            f"  {name}", f"{listed}: {numbers}", width=4 + max(len(r[0][0]) for r in rows)
        )


_MANY_LAYERS, _MOST_COLUMNS = 8, 7


def tensor_lines(trace: Trace) -> Iterator[Line]:
    """input, h0 (c0), output and hn (cn), with the rule of each shape."""
    spec, batch = trace.spec, trace.batch
    rules = tensor_rules(trace)
    yield text("tensors", "title")
    yield from columns(
        [
            [(name, result_kind(name)), (write_shape(shape), ""), (rules[name], "note")]
            for name, shape in trace.tensors.items()
        ]
    )
    meanings = [
        *([] if spec.single else [("T", batch.seq_len, "steps")]),
        *([] if batch.unbatched else [("N", batch.size, "in a batch")]),
        ("I", spec.input_size, "features"),
        ("H", spec.hidden_size, "hidden"),
        *([("P", spec.proj_size, "out")] if spec.proj_size else []),
        ("L", spec.num_layers, "layers" if spec.num_layers > 1 else "layer"),
    ]
    if spec.single:
        meanings.pop()
    sizes = [f"{f'{a}=' if str(b) != a else ''}{write_dim(b)} {what}" for a, b, what in meanings]
    yield prose(f"{', '.join(sizes)}")
    if spec.bidirectional:
        rows = f"2 directions × {spec.num_layers} layers = {2 * spec.num_layers}"
        yield prose(f"2·L: {rows}")
    if batch.unbatched:
        yield prose("unbatched: torch adds a batch axis of 1, and takes it away again")
    if batch.packed:
        yield from _packed_lines(trace)


def tensor_rules(trace: Trace) -> dict[str, str]:
    """By its name the axes of each tensor, in letters: `(2·L, N, H)`."""
    spec, batch = trace.spec, trace.batch
    wide = f"{'2·' if spec.bidirectional else ''}{_factor(spec.rule())}"
    outer = "T" if batch.unbatched else ("N, T" if spec.batch_first else "T, N")
    inner = "" if batch.unbatched else ", N"
    layers = f"{'2·' if spec.bidirectional else ''}L"
    rules = {"input": f"({outer}, I)", "output": f"({outer}, {wide})"}
    for name in spec.state_names:
        rules[name + "0"] = rules[name + "n"] = f"({layers}{inner}, {spec.rule(name)})"
    if spec.single:
        row = "" if batch.unbatched else "N, "
        rules = {name: f"({row}{'I' if name == 'input' else 'H'})" for name in trace.tensors}
    if trace.head is not None:
        rules["o"] = (
            f"({outer}, K)" if trace.head.at == "every" else f"({f'{inner[2:]}, K'.lstrip(', ')})"
        )
    return rules


def _factor(rule: str) -> str:
    """A size that something may be multiplied with: (I + H)."""
    return f"({rule})" if " " in rule else rule


def _packed_lines(trace: Trace) -> Iterator[Line]:
    batch, spec = trace.batch, trace.spec
    total = sum(batch.lengths or ())
    data = (
        f"data {write_shape((total, spec.input_size))}, {total:,} real steps; the rest is padding"
    )
    for line in (
        f"packed: lengths {_listed(batch.lengths or ())}",
        f"longest first: {_listed(batch.order)}, put back in order in output, hn and cn",
        data,
        f"batch_sizes {_listed(batch.batch_sizes)}: how many sequences are longer than t",
    ):
        yield prose(f"{line}")


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
        middle = [prose(f"… {left} more; rnnshape params lists them all")]
        lines = lines[: _MANY_ROWS - 4] + middle + lines[-4:]
    yield from lines
    count: Dim = trace.parameter_count
    weight = f", {write_dim(ITEM_BYTES[dtype] * count)} bytes as {dtype}" if dtype else ""
    yield prose(f"{counted(len(parameters), 'tensor')}, {write_dim(count)} numbers{weight}")
    spec = trace.spec
    if spec.num_layers > 1:
        wide = write_dim(spec.output_size)
        reads = "weight_ih" if spec.equations is None else "a layer"
        yield prose(f"above layer 0, {reads} reads {wide}: {_above(spec)} from below")


def params_text(trace: Trace, dtype: str) -> Iterator[Line]:
    """The parameters alone, all of them, with what they weigh."""
    yield text(str(trace.spec), "title")
    yield []
    yield from parameter_lines(trace, dtype, fold=False)
    *ends, last = [state + end for end in "0n" for state in trace.spec.state_names]
    yield prose(
        f"all that a state_dict holds: {', '.join(ends)} and {last} are not saved, their size has "
        "the batch in it"
    )


def _above(spec: Spec) -> str:
    width = f"{spec.rule()}={write_dim(spec.state_size)}"
    return f"2 directions of {width}" if spec.bidirectional else width


def _parameter_row(parameter: Parameter) -> list[Piece]:
    return [
        (parameter.name, "weight"),
        (write_shape(parameter.shape), ""),
        (parameter.rule, "note"),
        (write_dim(parameter.count).rjust(9), "note"),
    ]


def _source_line(source: Source, single: bool = False) -> Line:
    cells = [
        f"layer {layer} {direction} {'at t' if t == 't' else f't={t}'}"
        for layer, direction, t in source.cells
    ]
    if single:
        cells = [f"{source.piece[0]} after the step"]
    if source.cells[0][2].startswith("each"):
        layer, direction, t = source.cells[0]
        cells = [f"layer {layer} {direction}, {t}"]
    joined = f"concat({', '.join(cells)})" if len(cells) > 1 else cells[0]
    return [
        ("  ", ""),
        (source.piece, result_kind(source.piece)),
        (f" = {joined}: {write_shape(source.shape)}", ""),
    ]


def _result_lines(trace: Trace) -> Iterator[Line]:
    yield text("where the results come from", "title")
    if trace.spec.single:
        for source in trace.state_sources():
            yield _source_line(source, single=True)
        returned = "the pair (hn, cn)" if trace.spec.has_cell_state else "hn"
        yield prose(f"torch returns {returned}, and no output beside it")
        return
    length = trace.batch.seq_len
    if isinstance(length, int) and (trace.batch.packed or length <= 3):
        times = [*range(length)] if length <= 3 else [0, 1, length - 1]
        for t in times:
            if t == length - 1 and length > 3:
                yield prose("…")
            yield _source_line(trace.output_source(t))
    else:
        yield _source_line(trace.output_source("t"))
    states = trace.state_sources()
    if len(states) > 16:
        for source in states[:4]:
            yield _source_line(source)
        yield prose(f"… {len(states) - 6} more rows")
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
        yield prose(f"{last} is padding (0) for every sequence but the longest")
    if spec.bidirectional and spec.output_state:
        half, final = write_dim(spec.state_size), f"{spec.output_state}n[-1]"
        yield prose(f"{last} is not {final}: its reverse half ({half}:) has read one item")
    if spec.proj_size:
        yield text(f"  hn is projected ({write_dim(spec.proj_size)} wide), cn is not "
                   f"({write_dim(spec.hidden_size)})", "note")  # fmt: skip


def _batch_first_lines(trace: Trace) -> Iterator[Line]:
    if trace.spec.single:
        return
    effect = trace.batch_first
    yield []
    yield text("batch_first", "title")
    if trace.batch.unbatched:
        yield prose("changes nothing: an unbatched input has no batch axis")
        return
    rows: list[list[Piece]] = [[("", ""), ("False", "note"), ("True", "note"), ("", "")]]
    for name, shape in effect.false.items():
        changed = "changes" if name in effect.changed else "the same"
        rows.append(
            [
                (name, result_kind(name)),
                (write_shape(shape), ""),
                (write_shape(effect.true[name]), ""),
                (changed, "title" if name in effect.changed else "note"),
            ]
        )
    last: list[Piece] = [("output[-1]", "output"), ("output[:, -1]", "output")]
    rows.append([("last step", ""), *last, ("", "")])
    yield from columns(rows)


def run_text(trace: Trace, result: Result, gradients: dict[str, Array]) -> Iterator[Line]:
    """The computed tensors with their shapes and values."""
    assert trace.feed is not None
    yield text(str(trace.spec), "title")
    arrays = {**trace.feed.inputs, **result.to_dict(), **gradients}
    for name, array in arrays.items():
        yield []
        yield [(name, result_kind(name)), (f"  {write_shape(array.shape)}", "")]
        yield from array_lines(array)
    equal = trace.equalities()
    if equal:
        yield []
    for left, right in equal:
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


def verify_document(comparison: Comparison) -> dict[str, Any]:
    """`rnnshape/verify/1`."""
    from ...analysis.verify import TOLERANCE

    return {
        "schema": "rnnshape/verify/1",
        "ok": comparison.ok,
        "torch": comparison.version,
        "tolerance": TOLERANCE,
        "spec": comparison.spec.to_dict(),
        "compared": [
            {"name": r.name, "torch": r.torch, "walk": r.walk, "difference": r.difference,
             "ok": r.ok}
            for r in comparison.rows
        ],
    }  # fmt: skip
