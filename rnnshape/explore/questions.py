"""The quiz: networks drawn with a seed, a question about each, and the answer from its walk."""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ..analysis.trace import Selection, Trace
from ..network.dims import Shape, write_dim, write_shape
from .settings import Settings
from .view import View

ROUND = 10  # questions


@dataclass(frozen=True)
class Question:
    """A question about the network of `view`, which stands at the cell that answers it.

    right: whether what was typed is the answer; None where it cannot be read as one.
    """

    view: View
    text: str
    answer: str
    why: str
    right: Callable[[str], bool | None]
    form: str  # how an answer is written
    begin: int = 0  # the step that is shown while it is asked


def questions(seed: int, count: int = ROUND) -> list[Question]:
    """A round; the same seed asks the same."""
    drawn = random.Random(seed)
    asked: list[Question] = []
    kinds = list(_KINDS)
    while len(asked) < count:
        if len(asked) % len(kinds) == 0:
            drawn.shuffle(kinds)
        asked.append(kinds[len(asked) % len(kinds)](_network(drawn), drawn))
    return asked


def _network(drawn: random.Random) -> View:
    cell = drawn.choice(("rnn", "rnn", "lstm", "gru"))
    hidden = drawn.choice((4, 8, 16, 20, 32))
    return View(
        Settings(
            cell=cell,
            input_size=drawn.choice((3, 5, 10, 12)),
            hidden_size=hidden,
            num_layers=drawn.choice((1, 2, 2, 3)),
            bidirectional=drawn.random() < 0.5,
            batch_first=drawn.random() < 0.5,
            batch_size=drawn.choice((2, 6, 7, 9)),
            seq_len=drawn.choice((4, 5, 8)),
        )
    )


def _of_shape(view: View, text: str, shape: tuple[object, ...], why: str) -> Question:
    def right(typed: str) -> bool | None:
        read = shape_of(typed)
        return None if read is None else read == shape

    return Question(view, text, write_shape(shape), why, right, "a shape, such as 3,7,20")  # type: ignore[arg-type]


def _tensor(name: str) -> Callable[[View, random.Random], Question]:
    def ask(view: View, drawn: random.Random) -> Question:
        trace = view.trace
        where = view.to(len(view.lanes) - 1, view.length - 1)
        why = "\n".join(_WHY[name](trace))
        return _of_shape(where, f"What is the shape of {name}?", trace.tensors[name], why)

    return ask


def _why_first(trace: Trace) -> Iterator[str]:
    rows = trace.spec.num_layers * trace.spec.num_directions
    source = trace.state_sources()[rows - 1]
    layer, direction, _ = source.cells[0]
    yield f"{_lanes(trace, 'has')}, and each begins with a row of h0:"
    yield f"layer {layer} {direction} begins with h0[{rows - 1}]: {write_shape(source.shape)}."
    if trace.spec.batch_first:
        yield "batch_first changes input and output, never the states."


def _lanes(trace: Trace, verb: str) -> str:
    spec = trace.spec
    rows = spec.num_layers * spec.num_directions
    each = f"{spec.num_layers} layer{'s' if spec.num_layers > 1 else ''}"
    if spec.bidirectional:
        each += " × 2 directions"
    return f"The walk {verb} {each} = {rows} lane{'s' if rows > 1 else ''}"


def _why_state(trace: Trace) -> Iterator[str]:
    spec = trace.spec
    rows = spec.num_layers * spec.num_directions
    yield f"{_lanes(trace, 'has')}, and each leaves a row of hn:"
    source = trace.state_sources()[rows - 1]
    layer, direction, time = source.cells[0]
    yield f"{source.piece} is what layer {layer} {direction} leaves at t={time}: " + (
        f"{write_shape(source.shape)}."
    )
    if spec.batch_first:
        yield "batch_first changes input and output, never the states."


def _why_output(trace: Trace) -> Iterator[str]:
    spec = trace.spec
    source = trace.output_source(trace.last_time)
    cells = " and ".join(f"layer {n} {d} at t={t}" for n, d, t in source.cells)
    yield f"{source.piece} comes from {cells}: {write_shape(source.shape)}."
    if spec.bidirectional:
        half = write_dim(spec.state_size)
        yield f"Both directions lie side by side: {half} + {half} = {write_dim(spec.output_size)}."
    order = "N, T" if spec.batch_first else "T, N"
    yield f"batch_first is {spec.batch_first}, so the axes are {order}, features."


def _why_input(trace: Trace) -> Iterator[str]:
    cut = "input[:, t]" if trace.cuts_batch_first else "input[t]"
    step = next(trace.steps(Selection(layer=0, direction="forward", step=0)))
    x = step.ops[0].inputs[0]
    shape, length = write_shape(x.shape), trace.batch.seq_len
    yield f"Layer 0 reads x_t = {cut} of {shape} at each of {length} steps."
    order = "N, T" if trace.spec.batch_first else "T, N"
    yield f"batch_first is {trace.spec.batch_first}, so the axes are {order}, features."


_WHY: dict[str, Callable[[Trace], Iterator[str]]] = {
    "input": _why_input, "h0": _why_first, "hn": _why_state, "output": _why_output,
}  # fmt: skip


def _weight(kind: str) -> Callable[[View, random.Random], Question]:
    def ask(view: View, drawn: random.Random) -> Question:
        spec = view.trace.spec
        layer = min(1, spec.num_layers - 1)
        direction = drawn.choice(spec.directions)
        found = next(p for p in spec.layer_parameters(layer, direction) if p.kind == kind)
        where = view.find(layer, direction, 0)
        product = next(
            done for done in where.step().ops
            if done.op == "linear" and done.inputs[1].name == found.name
        )  # fmt: skip
        read = product.inputs[0]
        why = [f"At every step it takes {read.name} of {write_shape(read.shape)}: "
               f"{product.expression}."]  # fmt: skip
        if kind == "weight_ih" and layer and spec.bidirectional:
            why.append("The layer below has two directions, laid side by side.")
        if spec.gates > 1:
            rows = f"{spec.gates}·{spec.hidden_size} rows"
            why.append(f"{spec.class_name}: {spec.gates} gates, so {rows}.")
        why.append("torch stores a weight as (out, in) and turns it round.")
        text = f"What is the shape of {found.name}?"
        return _of_shape(where, text, found.shape, "\n".join(why))

    return ask


def _slice(view: View, drawn: random.Random) -> Question:
    trace = view.trace
    left, right = drawn.choice(trace.equalities())
    shape = trace.tensors["output"]
    wanted = index_of(left, "output", shape)
    reverse = trace.spec.bidirectional and right == "hn[-1]"
    where = view.to(len(view.lanes) - (1 if reverse or not trace.spec.bidirectional else 2),
                    0 if reverse else view.length - 1)  # fmt: skip
    layer, direction = where.here
    why = [f"{right} is what the walk leaves at the end of layer {layer} {direction}, t={where.t}."]
    if trace.spec.bidirectional:
        half = write_dim(trace.spec.state_size)
        part = f"from column {half} on" if reverse else f"in the first {half} columns"
        why.append(f"In output that step stands at time {where.t}, {part}: {left}.")
    else:
        why.append(f"In output that step stands at time {where.t}: {left}.")

    def is_right(typed: str) -> bool | None:
        picked = index_of(typed, "output", shape)
        return None if picked is None else picked == wanted

    return Question(where, f"Which part of output equals {right}?", left, "\n".join(why), is_right,
                    "an index, such as output[0]")  # fmt: skip


def _of_number(view: View, text: str, number: int, why: str) -> Question:
    def right(typed: str) -> bool | None:
        read = number_of(typed)
        return None if read is None else read == number

    return Question(view, text, f"{number:,}", why, right, "a number")


def _steps(view: View, drawn: random.Random) -> Question:
    spec, length = view.trace.spec, view.length
    sides = " × 2 directions" if spec.bidirectional else ""
    layers = f"{spec.num_layers} layer{'s' if spec.num_layers > 1 else ''}"
    why = (f"Three nested loops: {layers}{sides} × {length} times = {view.total} steps.\n"
           "The batch is no loop: all its sequences go through a step together.")  # fmt: skip
    text = "How many times is the cell applied in one forward pass?"
    return _of_number(view.at(view.total - 1), text, view.total, why)


def _parameters(view: View, drawn: random.Random) -> Question:
    view = view.of(view.settings.changed(num_layers=1, bidirectional=False))
    trace = view.trace
    count = trace.parameter_count
    assert isinstance(count, int)
    told = " + ".join(f"{write_shape(p.shape)}" for p in trace.parameters)
    why = f"{told} = {count:,}.\nNeither T nor N is in it: the same weights serve at every step."
    return _of_number(view, "How many numbers does a state_dict of it hold?", count, why)


def _next_step(view: View, drawn: random.Random) -> Question:
    view = view.of(view.settings.changed(num_layers=max(2, view.trace.spec.num_layers)))
    end = view.number(0, view.length - 1)
    where, after = view.at(end), view.at(end + 1)
    layer, direction = after.here
    text = (f"The walk has just done layer 0 forward at t={where.t}. At which layer and time is "
            "its next step? (layer,t)")  # fmt: skip
    if view.trace.spec.bidirectional:
        first = f"The reverse direction of the same layer comes next, and it begins at t={after.t}:"
    else:
        first = "A whole layer is finished before the one above begins:"
    why = f"{first} layer {layer} {direction}, t={after.t}."
    why += "\nLayer first, then direction, time inside."

    def right(typed: str) -> bool | None:
        read = shape_of(typed)
        return None if read is None or len(read) != 2 else read == (layer, after.t)

    return Question(after, text, f"{layer},{after.t}", why, right, "layer,t, such as 0,3", end)


_KINDS: tuple[Callable[[View, random.Random], Question], ...] = (
    _tensor("hn"), _weight("weight_ih"), _tensor("output"), _slice, _tensor("input"),
    _weight("weight_hh"), _steps, _parameters, _tensor("h0"), _next_step,
)  # fmt: skip


Picked = tuple[int | range, ...]  # for each axis the one place, or those that are kept


def shape_of(text: str) -> tuple[int, ...] | None:
    """A shape in any usual writing: `3,7,20`, `3x7x20`, `(3, 7, 20)`, `3 7 20`."""
    inner = re.sub(r"\A(?:torch\.Size|[a-z_0-9]+\.shape\s*==?)", "", text.strip())
    parts = re.split(r"\s*[,x×*\s]\s*", inner.strip("()[] \t,"))
    if not parts or not all(re.fullmatch(r"[0-9]{1,18}", part) for part in parts):
        return None
    return tuple(map(int, parts))


def number_of(text: str) -> int | None:
    """A whole number: `2320`, `2,320`."""
    digits = text.strip().replace(",", "").replace("_", "")
    return int(digits) if re.fullmatch(r"[0-9]{1,30}", digits) else None


def index_of(text: str, tensor: str, shape: Shape) -> Picked | None:
    """What `output[-1, :, :20]` takes of `tensor`; None where it is no index of it.

    Two indices that take the same give the same: output[4] and output[-1, :, :] of five steps.
    """
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if not isinstance(node, ast.Subscript) or not isinstance(node.value, ast.Name):
        return None
    if node.value.id != tensor:
        return None
    parts = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
    rest = len(shape) - sum(not _ellipsis(part) for part in parts)
    axes: list[ast.expr] = []
    for part in parts:
        axes += [ast.Slice()] * rest if _ellipsis(part) else [part]
    axes += [ast.Slice()] * (len(shape) - len(axes))
    if len(axes) != len(shape):
        return None
    picked = [_axis(part, size) for part, size in zip(axes, shape, strict=True)]
    return None if None in picked else tuple(picked)


def _ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is Ellipsis


def _axis(node: ast.expr, size: Any) -> Any:
    if isinstance(node, ast.Slice):
        ends = [_number(part) if part else None for part in (node.lower, node.upper, node.step)]
        given = (node.lower, node.upper, node.step)
        if any(part and end is None for part, end in zip(given, ends)) or ends[2] == 0:
            return None
        return range(size)[slice(*ends)]
    place = _number(node)
    if place is None or not -size <= place < size:
        return None
    return place % size


def _number(node: ast.expr) -> int | None:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
    return value if type(value) is int else None
