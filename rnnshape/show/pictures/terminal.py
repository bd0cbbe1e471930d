"""The pictures of a network: folded beside unrolled for one layer, a grid for a stack.

Layers go upwards and time to the right; a state goes from cell to cell along its layer, and what
a layer leaves goes up to the next.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ...analysis.trace import Selection, Trace
from ...engine.walk import HEAD
from ...errors import UsageError
from ...network.dims import write_shape
from ...network.spec import Spec
from ..canvas import Canvas
from ..notation import short_name
from ..screen import Line, Piece, plain_lines, text
from .captions import Captions
from .grid import Grid
from .spacing import LANE, Layout, Products, Weighed, choose
from .unrolled import packed_words

_MOST_LAYERS = {1: 6, 2: 4}  # in one direction and in two; what lies between is folded
_APART = 7  # between the folded form and the unrolled one


def picture_lines(trace: Trace, width: int) -> list[Line]:
    """A picture of `trace` in at most `width` columns, and below it what it leaves unsaid.

    Raises UsageError where a picture needs more columns.
    """
    trace = replace(trace, feed=None)
    captions = Captions(trace)
    one = trace.spec.num_layers == trace.spec.num_directions == 1 and not trace.spec.single
    products = {layer: _products(trace, layer) for layer in _distinct(trace.spec)}
    drawn, layout = (_both_forms if one else _stack)(captions, width, products)
    rows = [] if layout.edge is not None else _layer_rows(trace.spec, products)
    rows += _head_rows(trace)
    needed = max(drawn.width, _longest(_product_lines(rows, 1)))
    if needed > width:
        raise UsageError(
            f"--picture: expected at least {needed} columns for these shapes",
            got=str(width),
            fix=f"widen the window, or set COLUMNS={needed}",
        )
    legend = list(_product_lines(rows, width))
    for note in _notes(trace, layout):
        legend += _wrapped(note, width, "note")
    title = f"{trace.spec}{packed_words(trace)}"
    return [*_wrapped(title, width, "title"), [], *drawn.lines(), [], *legend]


def opening_lines(trace: Trace, width: int, height: int) -> list[Line]:
    """The unrolled network alone, in at most `width` columns and `height` lines.

    Framed where there is room for that, else flat; nothing where neither fits.
    """
    captions = Captions(replace(trace, feed=None))
    for flat in (False, True):
        layout = choose(captions, width, shift=0 if flat else LANE)
        drawn = Grid(captions, layout, _layers(captions.trace.spec), {}, flat=flat).drawn()
        if drawn.width <= width and drawn.height < height:
            note = next(_notes(captions.trace, layout))
            fold = [n for n in _notes(captions.trace, layout) if n.startswith("┄")]
            below = [part for words in (note, *fold) for part in _wrapped(words, width, "note")]
            return [*drawn.lines(), *below]
    return []


def _longest(lines: Iterable[Line]) -> int:
    return max(map(len, plain_lines(lines)), default=0)


def _stack(captions: Captions, width: int, products: Products) -> tuple[Canvas, Layout]:
    """The grid of layers and times."""
    layout = choose(captions, width, _edge(products))
    return Grid(captions, layout, _layers(captions.trace.spec), products).drawn(), layout


def _edge(products: Products) -> int:
    """The width of the margin for products."""
    rows = (row for rows in products.values() for row in rows)
    return max((len(f"{name} {words}") for name, words in rows), default=0)


def _both_forms(captions: Captions, width: int, products: Products) -> tuple[Canvas, Layout]:
    """The loop, and the same unrolled: side by side, or below each other where that is too wide."""
    loop = _loop(captions)
    whole = Canvas()
    x = loop.width + _APART
    layout = choose(captions, width - x, _edge(products))
    beside = layout.total <= width - x and (layout.fold is None or len(layout.times) > 2)
    if not beside:
        layout = choose(captions, width, _edge(products))
    unrolled = Grid(captions, layout, [0], products, tall=True).drawn()
    whole.put(0, 0, "folded", "note")
    if beside:
        whole.paste(loop, 0, 2 + unrolled.height - loop.height)  # both end with the input
        whole.put(x, 0, "unrolled", "note")
        whole.put(loop.width + 2, 2 + unrolled.height - 5, "═══", "note")
        whole.paste(unrolled, x, 2)
    else:
        whole.paste(loop, 0, 2)
        y = loop.height + 3
        whole.put(0, y, "unrolled", "note")
        whole.paste(unrolled, 0, y + 2)
    return whole, layout


def _loop(captions: Captions) -> Canvas:
    """One cell whose state goes back into it."""
    trace, canvas = captions.trace, Canvas()
    inner = captions.cell(0)
    ends = {name: write_shape(trace.tensors[name]) for name in ("output", "input")}
    parameters = {p.kind: write_shape(p.shape) for p in trace.spec.layer_parameters(0, "forward")}
    width = max(map(len, inner)) + 4
    middle = max((max(map(len, [*ends.values(), "output"])) - 1) // 2, (width - 1) // 2)
    x, top = middle - (width - 1) // 2, 4
    bottom, loop = top + len(inner) + 1, x + width + 2
    for y, name in ((0, "output"), (bottom + 2, "input")):
        canvas.centred(middle, y, name, name)
        canvas.centred(middle, y + 1, ends[name], name)
    canvas.put(middle, 2, "↑", "output")
    canvas.put(middle, 3, "├" + "─" * (loop - middle - 1) + "┐", "state")
    canvas.box(x, top, inner)
    canvas.put(middle, top, "┴")
    canvas.put(loop, top, "│", "state")
    for y in range(top + 1, bottom):
        canvas.put(x + width, y, "←─" + ("┘" if y == bottom - 1 else "┤"), "state")
    canvas.put(middle, bottom, "┬")
    canvas.put(middle, bottom + 1, "↑", "input")
    if "weight_ih" in parameters:  # of a written cell the products below tell the weights
        canvas.put(middle + 2, bottom + 1, f"W_ih {parameters['weight_ih']}", "weight")
    for y, kind in enumerate(("weight_hh", "weight_hr"), top):
        if kind in parameters:
            canvas.put(loop + 2, y, f"{short_name(kind)} {parameters[kind]}", "weight")
    return canvas


def _layers(spec: Spec) -> list[int | None]:
    """The layers from the top down; None stands for those that are left out."""
    count, most = spec.num_layers, _MOST_LAYERS[spec.num_directions]
    if count <= most:
        return list(reversed(range(count)))
    above = (most - 1) // 2
    below = most - 1 - above
    return [*reversed(range(count - above, count)), None, *reversed(range(below))]


def _distinct(spec: Spec) -> range:
    """The layers whose weights differ in shape: above layer 1 all are like it."""
    return range(min(2, spec.num_layers))


def _products(trace: Trace, layer: int) -> list[tuple[str, str]]:
    """The matrix products of a layer's first step: the weight's short name and the shapes."""
    step = next(trace.steps(Selection(layer=layer, direction="forward", folded=True)))
    return [
        (short_name(performed.inputs[1].role.of), performed.expression)
        for performed in step.ops
        if performed.op == "linear"
    ]


def _layer_rows(spec: Spec, products: Products) -> list[tuple[str, Weighed]]:
    last = spec.num_layers - 1
    names = [f"layers 1–{last}" if layer and last > 1 else f"layer {layer}" for layer in products]
    if spec.single:
        names = [spec.class_name]
    return list(zip(names, products.values()))


def _head_rows(trace: Trace) -> list[tuple[str, Weighed]]:
    """What the head computes, where there is one."""
    if trace.head is None:
        return []
    step = next(trace.steps(Selection(direction=HEAD, folded=True)))
    named = {"linear": "head.weight", "concat": f"{', '.join(t.name for t in step.ops[0].inputs)}"}
    return [("head", [(named.get(done.op, "o"), done.expression) for done in step.ops])]


def _product_lines(rows: list[tuple[str, Weighed]], width: int) -> Iterator[Line]:
    """Products by the layer: a line a layer, or where that is too wide as many as they need."""
    indent = max((len(name) for name, _ in rows), default=0) + 2
    for name, products in rows:
        pieces: list[Line] = [[(weight, "weight"), (f" {words}", "")] for weight, words in products]
        lengths = [len(f"{weight} {words}") for weight, words in products]
        if indent + sum(lengths) + 3 * (len(lengths) - 1) <= width:
            yield [(name.ljust(indent), "note"), *_between(pieces, ("   ", ""))]
        elif indent + max(lengths) <= width:
            for number, piece in enumerate(pieces):
                yield [(("" if number else name).ljust(indent), "note"), *piece]
        else:
            yield text(name, "note")
            for weight, words in products:
                first, *rest = _cut(words, width - len(weight) - 3)
                yield [("  ", ""), (weight, "weight"), (f" {first}", "")]
                yield from (text(" " * (len(weight) + 3) + part) for part in rest)


def _between(lines: list[Line], mark: Piece) -> Line:
    """Lines one after the other, with `mark` between them."""
    joined = list(lines[0])
    for line in lines[1:]:
        joined += [mark, *line]
    return joined


def _cut(words: str, width: int) -> list[str]:
    """An expression in parts of at most `width`, cut before its signs."""
    parts = [""]
    for piece in words.replace("·", "\0·").replace("+", "\0+").replace("→", "\0→").split("\0"):
        if len(parts[-1] + piece) > width and parts[-1]:
            parts.append("")
        parts[-1] += piece
    return parts


def _notes(trace: Trace, layout: Layout) -> Iterator[str]:
    spec, batch = trace.spec, trace.batch
    if spec.single:
        yield "→ state, ↑ input: one step, and its state is all that it leaves"
        return
    yield "→ state of the next step, ↑ input of the next layer" + (
        ", ← the reverse direction" if spec.bidirectional else ""
    )
    signs = {"⋯": "┄", "c": "┴ c"}
    for words in Captions(trace).about(layout.times, layout.fold):
        yield signs[words[0]] + words[1:]
    if batch.packed:
        yield "rows: the sequences longer than t; hn has each sequence's own last step" + (
            ", where reverse begins" if spec.bidirectional else ""
        )
    yield from Captions(trace).notes()


def _wrapped(words: str, width: int, kind: str) -> list[Line]:
    return [text(line, kind) for line in textwrap.wrap(words, width, subsequent_indent="  ")]
