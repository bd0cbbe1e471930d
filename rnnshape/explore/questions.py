"""The quiz: networks drawn with a seed, a question about each, and the answer from its walk."""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

from ..analysis.trace import Selection, Trace
from ..network.dims import Shape, write_dim, write_shape
from ..show.language import said
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
    hint: str = ""
    apart: Callable[[str], str] = lambda typed: ""  # how a wrong answer differs from the right one


def questions(seed: int, count: int = ROUND) -> list[Question]:
    """A round, the easy ones first; the same seed asks the same."""
    drawn = random.Random(seed)
    asked: list[Question] = []
    while len(asked) < count:
        for kinds in _KINDS:
            asked += [kind(_network(drawn), drawn) for kind in drawn.sample(kinds, len(kinds))]
    return asked[:count]


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


def _of_shape(view: View, text: str, shape: tuple[Any, ...], why: str) -> Question:
    def right(typed: str) -> bool | None:
        read = shape_of(typed)
        return None if read is None else read == shape

    def apart(typed: str) -> str:
        read = shape_of(typed) or ()
        written = write_shape(read)
        if len(read) != len(shape):
            return said("{typed} is no shape of {axes} axes", typed=written, axes=len(shape))
        if sorted(map(str, read)) == sorted(map(str, shape)):
            return said("{typed}: the sizes are right, in another order", typed=written)
        axis = next(n for n, (a, b) in enumerate(zip(read, shape)) if a != b)
        return said("{typed}: axis {axis} differs", typed=written, axis=axis)

    form = said("a shape, such as 3,7,20")
    hint = said("{axes} axes, the last of {size}", axes=len(shape), size=shape[-1])
    return Question(view, text, write_shape(shape), why, right, form, hint=hint, apart=apart)


def _tensor(name: str) -> Callable[[View, random.Random], Question]:
    def ask(view: View, drawn: random.Random) -> Question:
        trace = view.trace
        where = view.to(len(view.lanes) - 1, view.length - 1)
        why = "\n".join(_WHY[name](trace))
        return _of_shape(
            where, said("What is the shape of {name}?", name=name), trace.tensors[name], why
        )

    return ask


def _why_first(trace: Trace) -> Iterator[str]:
    yield said("The walk has {each} = {rows} lanes, and each begins with a row of h0:",
               **_lanes(trace))  # fmt: skip
    rows = trace.spec.num_layers * trace.spec.num_directions
    source = trace.state_sources()[rows - 1]
    layer, direction, _ = source.cells[0]
    yield said("layer {layer} {direction} begins with h0[{row}]: {shape}.", layer=layer,
               direction=direction, row=rows - 1, shape=write_shape(source.shape))  # fmt: skip
    if trace.spec.batch_first:
        yield said("batch_first changes input and output, never the states.")


def _lanes(trace: Trace) -> dict[str, object]:
    """How many rows of cells there are, and why."""
    return {"each": _layers(trace), "rows": trace.spec.num_layers * trace.spec.num_directions}


def _layers(trace: Trace) -> str:
    count = trace.spec.num_layers
    layers = said("1 layer") if count == 1 else said("{count} layers", count=count)
    return said("{layers} × 2 directions", layers=layers) if trace.spec.bidirectional else layers


def _why_state(trace: Trace) -> Iterator[str]:
    yield said("The walk has {each} = {rows} lanes, and each leaves a row of hn:",
               **_lanes(trace))  # fmt: skip
    source = trace.state_sources()[trace.spec.num_layers * trace.spec.num_directions - 1]
    layer, direction, time = source.cells[0]
    yield said("{piece} is what layer {layer} {direction} leaves at t={t}: {shape}.",
               piece=source.piece, layer=layer, direction=direction, t=time,
               shape=write_shape(source.shape))  # fmt: skip
    if trace.spec.batch_first:
        yield said("batch_first changes input and output, never the states.")


def _why_output(trace: Trace) -> Iterator[str]:
    spec = trace.spec
    source = trace.output_source(trace.last_time)
    cells = said(" and ").join(
        said("layer {layer} {direction} at t={t}", layer=n, direction=d, t=t)
        for n, d, t in source.cells
    )
    yield said("{piece} comes from {cells}: {shape}.", piece=source.piece, cells=cells,
               shape=write_shape(source.shape))  # fmt: skip
    if spec.bidirectional:
        yield said("Both directions lie side by side: {half} + {half} = {both}.",
                   half=write_dim(spec.state_size), both=write_dim(spec.output_size))  # fmt: skip
    yield _axes(trace)


def _axes(trace: Trace) -> str:
    first = trace.spec.batch_first
    return said("batch_first is {value}, so the axes are {order}, features.", value=first,
                order="N, T" if first else "T, N")  # fmt: skip


def _why_input(trace: Trace) -> Iterator[str]:
    step = next(trace.steps(Selection(layer=0, direction="forward", step=0)))
    yield said("Layer 0 reads x_t = {cut} of {shape} at each of {length} steps.",
               cut="input[:, t]" if trace.cuts_batch_first else "input[t]",
               shape=write_shape(step.ops[0].inputs[0].shape),
               length=trace.batch.seq_len)  # fmt: skip
    yield _axes(trace)


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
        why = [said("At every step it takes {name} of {shape}: {product}.", name=read.name,
                    shape=write_shape(read.shape), product=product.expression)]  # fmt: skip
        if kind == "weight_ih" and layer and spec.bidirectional:
            why.append(said("The layer below has two directions, laid side by side."))
        if spec.gates > 1:
            why.append(said("{cell}: {gates} gates, so {gates}·{hidden} rows.",
                            cell=spec.class_name, gates=spec.gates,
                            hidden=spec.hidden_size))  # fmt: skip
        why.append(said("torch stores a weight as (out, in) and turns it round."))
        text = said("What is the shape of {name}?", name=found.name)
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
    why = [said("{name} is what the walk leaves at the end of layer {layer} {direction}, t={t}.",
                name=right, layer=layer, direction=direction, t=where.t)]  # fmt: skip
    if trace.spec.bidirectional:
        half = write_dim(trace.spec.state_size)
        why.append(
            said("In output that step stands at time {t}, from column {half} on: {left}.",
                 t=where.t, half=half, left=left)
            if reverse else
            said("In output that step stands at time {t}, in the first {half} columns: {left}.",
                 t=where.t, half=half, left=left)
        )  # fmt: skip
    else:
        why.append(said("In output that step stands at time {t}: {left}.", t=where.t, left=left))

    def is_right(typed: str) -> bool | None:
        picked = index_of(typed, "output", shape)
        return None if picked is None else picked == wanted

    text = said("Which part of output equals {name}?", name=right)
    form = said("an index, such as output[0]")
    return Question(where, text, left, "\n".join(why), is_right, form, hint=why[0])


def _of_number(view: View, text: str, number: int, why: str) -> Question:
    def right(typed: str) -> bool | None:
        read = number_of(typed)
        return None if read is None else read == number

    return Question(view, text, f"{number:,}", why, right, said("a number"))


def _steps(view: View, drawn: random.Random) -> Question:
    why = said("Three nested loops: {layers} × {length} times = {total} steps.\n"
               "The batch is no loop: all its sequences go through a step together.",
               layers=_layers(view.trace), length=view.length, total=view.total)  # fmt: skip
    text = said("How many times is the cell applied in one forward pass?")
    return _of_number(view.at(view.total - 1), text, view.total, why)


def _parameters(view: View, drawn: random.Random) -> Question:
    view = view.of(view.settings.changed(num_layers=1, bidirectional=False))
    trace = view.trace
    count = trace.parameter_count
    assert isinstance(count, int)
    told = " + ".join(f"{write_shape(p.shape)}" for p in trace.parameters)
    why = said("{sum} = {count}.\nNeither T nor N is in it: the same weights serve at every step.",
               sum=told, count=f"{count:,}")  # fmt: skip
    text = said("How many numbers does a state_dict of it hold?")
    return _of_number(view, text, count, why)


def _next_step(view: View, drawn: random.Random) -> Question:
    view = view.of(view.settings.changed(num_layers=max(2, view.trace.spec.num_layers)))
    end = view.number(0, view.length - 1)
    where, after = view.at(end), view.at(end + 1)
    layer, direction = after.here
    text = said("The walk has just done layer 0 forward at t={t}. At which layer and time is its "
                "next step? (layer,t)", t=where.t)  # fmt: skip
    place = {"layer": layer, "direction": direction, "t": after.t}
    if view.trace.spec.bidirectional:
        why = said("The reverse direction of the same layer comes next, and it begins at t={t}: "
                   "layer {layer} {direction}, t={t}.\nLayer first, then direction, time inside.",
                   **place)  # fmt: skip
    else:
        why = said("A whole layer is finished before the one above begins: layer {layer} "
                   "{direction}, t={t}.\nLayer first, then direction, time inside.",
                   **place)  # fmt: skip

    def right(typed: str) -> bool | None:
        read = shape_of(typed)
        return None if read is None or len(read) != 2 else read == (layer, after.t)

    form = said("layer,t, such as 0,3")
    return Question(after, text, f"{layer},{after.t}", why, right, form, end)


_Kind = Callable[[View, random.Random], Question]
_KINDS: tuple[tuple[_Kind, ...], ...] = (  # from the easy to the hard
    (_tensor("input"), _tensor("h0"), _weight("weight_ih")),
    (_tensor("hn"), _tensor("output"), _weight("weight_hh"), _parameters),
    (_steps, _slice, _next_step),
)


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


def index_of(text: str, tensor: str, shape: Shape) -> tuple[Any, list[Any]] | None:
    """What `output[-1, :, :20]` takes of `tensor`, as its shape and its places there.

    None where it is no index of it. Two indices that take the same give the same: output[4] and
    output[-1, :, :] of five steps.
    """
    import numpy as np

    try:
        node = ast.parse(text.strip(), mode="eval").body
        if not isinstance(node, ast.Subscript) or not isinstance(node.value, ast.Name):
            return None
        if node.value.id != tensor:
            return None
        sizes = [size for size in shape if isinstance(size, int)]
        picked = np.arange(prod(sizes)).reshape(sizes)[_index(node.slice)]
    except (SyntaxError, ValueError, TypeError, IndexError, RecursionError, MemoryError):
        return None
    return picked.shape, picked.tolist()


def _index(node: ast.expr | None) -> Any:
    """An index of whole numbers, as Python passes it on. Raises ValueError for any other."""
    if isinstance(node, ast.Tuple):
        return tuple(map(_index, node.elts))
    if isinstance(node, ast.Slice):
        return slice(*map(_index, (node.lower, node.upper, node.step)))
    value = None if node is None else ast.literal_eval(node)
    if type(value) not in (int, type(None), type(Ellipsis)) or (node and value is None):
        raise ValueError(value)
    return value
