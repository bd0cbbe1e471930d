"""Where everything of a drawing stands: boxes, wires and words in pixels, in no file format.

Layers go upwards and time to the right. In two directions a column holds two cells, the reverse
one above and a little to the right, so that the ways up pass beside the boxes.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from functools import cached_property
from math import ceil
from typing import Any, NamedTuple

from ...engine.walk import HEAD
from ...network.dims import write_shape
from ..notation import Line
from .unrolled import Edge, Node, Unrolled

SIGN, SMALL_SIGN = 7.9, 6.95  # the width of a sign of a monospace font of 13 and of 11.5 pixels
_NOTE_SIGN = 6.4
_APART = "\N{NO-BREAK SPACE}" * 4
_LINE = 15
_MARGIN = 16
_LABEL = 40  # the height of a box of two lines
_PILL = 22
_RISE = 28  # an arrow from row to row
_GAP = 34  # an arrow from column to column
_FOLD = 34  # what the sign for left-out steps needs beside a gap
_SHIFT = 30  # how far the reverse cell of a column stands to the right
_ASIDE = 18  # a way beside the boxes at the right edge
_LEAST, _FULL = 30, 76  # the height of a packed batch's cell with few rows, and with all


def _whole(width: float) -> int:
    """The next even number of pixels: halves of it are whole."""
    return 2 * ceil(width / 2)


class Box(NamedTuple):
    """A box with its corner at the upper left."""

    x: float
    y: float
    width: float
    height: float
    node: Node

    @property
    def middle(self) -> float:
        """Between left and right."""
        return self.x + self.width / 2


class Wire(NamedTuple):
    """An arrow along its points; the head is at the last."""

    points: tuple[tuple[float, float], ...]
    edge: Edge


class Label(NamedTuple):
    """Words beside the boxes; `anchor` is start, middle or end, `look` small, note or strong."""

    x: float
    y: float
    pieces: Line
    anchor: str = "start"
    look: str = "small"


class Lane(NamedTuple):
    """The band of one layer and direction; `wire` is where the state goes along."""

    layer: int
    direction: str
    top: float
    height: float
    wire: float


class Scene:
    """The drawing of a network: its size, boxes, wires and labels."""

    def __init__(self, unrolled: Unrolled) -> None:
        self._unrolled = unrolled
        self._spec, self._batch = unrolled.trace.spec, unrolled.trace.batch
        self._two = self._spec.bidirectional
        self._cell_lines = len(self._spec.state_names)
        self._measure()
        self._rows()

    @property
    def title(self) -> str:
        """What the drawing is called."""
        return self._unrolled.title

    @property
    def corners(self) -> dict[str, str]:
        """Marks of boxes that hold the same numbers, by the id of the node."""
        return self._unrolled.corners

    @property
    def description(self) -> str:
        """The drawing in sentences."""
        return self._unrolled.description

    @property
    def grid(self) -> dict[str, Any]:
        """Of two layers over two steps: the left and upper ends of columns and layers, and pitches.

        What begins before `x[0]` stands left of the steps, and so on; what begins above `y[0]`
        above the layers.
        """
        ends = [self._lanes[layer, "forward"] for layer in (1, 0)]
        after = [self.x(column) + self._cell - 1 for column in (0, 1)]
        below = [lane.top + lane.height + 1 for lane in ends]
        return {"x": [self.x(0) - 1, *after], "y": [self._y["output"] + _LABEL + 1, *below],
                "dx": self._pitch, "dy": ends[1].top - ends[0].top}  # fmt: skip

    def _measure(self) -> None:
        """The columns and the margins beside them."""
        nodes = self._unrolled.nodes.values()

        def widest(*roles: str, sign: float = SIGN) -> float:
            lines = [line for n in nodes if n.role in roles for line in n.lines]
            return max((_whole(len(line) * sign + 18) for line in lines), default=0)

        self._cell = max(widest("cell"), 56)
        self._shift = _SHIFT if self._two else 0
        self._column = self._cell + self._shift
        if self._two:
            needed = widest("concat", sign=SMALL_SIGN) - self._column
            self._cell += max(0, needed)
            self._column += max(0, needed)
        self._label = widest("input", "output", "o")
        self._pitch = max(self._column + _GAP, self._label + 12)
        tensors = self._unrolled.trace.tensors
        ends = [f"{n} {write_shape(s)}" for n, s in tensors.items() if n[1:] in ("0", "n")]
        self._end = max(widest("first", "last"), *(_whole(len(words) * SIGN + 4) for words in ends))
        weights = [w for found in self._unrolled.weights.values() for w in found]
        words = [len(f"{w.name} {w.shape}") for w in weights] + [len(w.product) for w in weights]
        words += [len(f"{name} {write_shape(shape)}") for name, shape in tensors.items()]
        self._beside = _whole(max(words) * SMALL_SIGN + 20)
        overhang = max(0, (self._label - self._column) / 2)
        self._left = _MARGIN + self._beside + self._end + max(_GAP, overhang + 12)
        last = self.x(len(self._unrolled.times) - 1) + self._column
        if self._unrolled.fold == len(self._unrolled.times) - 1:
            last += _FOLD
        self._right = last + max(_GAP, overhang + 12)
        beyond = _ASIDE if "o" in self._unrolled.nodes and self._two else 0
        self.width = self._right + self._end + beyond + _MARGIN

    def x(self, column: int) -> float:
        """Where a column begins."""
        fold = self._unrolled.fold
        beyond = _FOLD if fold is not None and column > fold else 0
        return self._left + column * self._pitch + beyond

    def _centre(self, column: int) -> float:
        return self.x(column) + self._column / 2

    def _rows(self) -> None:
        """The rows from the top down."""
        self._y: dict[str, float] = {}
        self._lanes: dict[tuple[int, str], Lane] = {}
        self._folded_row = 0.0
        y: float = _MARGIN + 26
        if self._unrolled.trace.head is not None:
            self._y["o"] = y
            y += max(_LABEL, self._block(-1, HEAD)) + _RISE
        if not self._spec.single:
            self._y["output"] = y
            y += _LABEL + _RISE
        for layer in reversed(self._unrolled.layers):
            if layer is None:
                self._folded_row = y - 6
                y += _RISE
                continue
            if f"stack{layer}" in self._unrolled.nodes:
                self._y[f"stack{layer}"] = y
                y += _PILL + 22
            if self._two:
                self._y[f"concat{layer}"] = y
                y += _PILL + 20
            for direction in reversed(self._spec.directions):
                y = self._lane(layer, direction, y) + (14 if direction == "reverse" else 0)
            y += _RISE + (10 if self._two else 0)
        self._y["input"] = y
        y += _LABEL
        self._y["legend"] = y + 34 + 16 * max(0, self._cell_lines - 3)
        self.height = self._y["legend"] + 18 * len(self._legend) + _MARGIN - 12

    def _block(self, layer: int, direction: str) -> float:
        """The height of the words at the edge of a lane."""
        return _LINE * (1 + 2 * len(self._unrolled.weights[layer, direction]))

    def _lane(self, layer: int, direction: str, top: float) -> float:
        block = self._block(layer, direction)
        height = max(block, _FULL if self._batch.packed else 0, self._natural)
        wire = top + (self._least / 2 if self._batch.packed else height / 2)
        self._lanes[layer, direction] = Lane(layer, direction, top, height, wire)
        return top + height

    @property
    def _natural(self) -> float:
        """The height of a cell with all its rows."""
        return 46 + 6 * (self._cell_lines - 1)

    @property
    def _least(self) -> float:
        return _LEAST + 16 * (self._cell_lines - 1)

    @cached_property
    def boxes(self) -> dict[str, Box]:
        """Every box by the id of its node."""
        return {node.id: self._box(node) for node in self._unrolled.nodes.values()}

    def _box(self, node: Node) -> Box:
        if node.role == "cell":
            return self._cell_box(node)
        if node.role in ("first", "last"):
            lane = self._lanes[node.layer, node.direction]
            at_left = (node.role == "first") == (node.direction == "forward")
            x = _MARGIN + self._beside if at_left else self._right
            height = max(_LABEL, 16 * len(node.lines) + 8)
            return Box(x, lane.wire - height / 2, self._end, height, node)
        if node.role == "concat":
            y = self._y[f"concat{node.layer}"]
            return Box(self.x(node.column), y, self._column, _PILL, node)
        if node.role == "stack":
            left, last = self.x(0) - 10, self.x(len(self._unrolled.times) - 1) + self._column + 10
            return Box(left, self._y[node.id], last - left, _PILL, node)
        if node.column < 0:
            return Box(self._right, self._y[node.role], self._end, _LABEL, node)
        x = self._centre(node.column) - self._label / 2
        return Box(x, self._y[node.role], self._label, _LABEL, node)

    def _cell_box(self, node: Node) -> Box:
        lane = self._lanes[node.layer, node.direction]
        x = self.x(node.column) + (self._shift if node.direction == "reverse" else 0)
        if not self._batch.packed:
            return Box(x, lane.wire - self._natural / 2, self._cell, self._natural, node)
        height = max(self._least + (14 if node.turned else 0), lane.height * node.share)
        return Box(x, lane.top, self._cell, height, node)

    @cached_property
    def wires(self) -> list[Wire]:
        """Every arrow, those along time first."""
        return [wire for edge in self._unrolled.edges for wire in self._wires(edge)]

    def _wires(self, edge: Edge) -> Iterator[Wire]:
        source, target = self.boxes[edge.source], self.boxes[edge.target]
        if edge.kind == "state":
            lane = self._lanes[source.node.layer, source.node.direction]
            right = source.x < target.x
            start = source.x + source.width if right else source.x
            end = target.x if right else target.x + target.width
            for number in range(edge.lines):
                y = lane.wire + (number - (edge.lines - 1) / 2) * 16
                yield Wire(((start, y), (end, y)), edge)
        elif target.node.role == "input":  # fed back
            x = (source.x + source.width + target.x) / 2
            high, low = source.y + source.height / 2, target.y + target.height / 2
            start, end = source.x + source.width, target.x
            yield Wire(((start, high), (x, high), (x, low), (end, low)), edge)
        else:
            yield Wire(self._way_up(source, target), edge)

    def _way_up(self, source: Box, target: Box) -> tuple[tuple[float, float], ...]:
        bottom = target.y + target.height
        if target.node.id == "o":
            return self._to_single(source, target)
        if target.node.role == "concat":
            side = self._shift / 2 if source.node.direction == "forward" else self._cell / 2
            return (source.x + side, source.y), (source.x + side, bottom)
        if not self._two or target.node.role != "cell":
            return (source.middle, source.y), (target.middle, bottom)
        # a fork: to the forward cell, and past it to the reverse one
        side = self._cell / 2 if target.node.direction == "forward" else self._cell - _SHIFT / 2
        fork = source.y - 14
        x = target.x + side
        return (source.middle, source.y), (source.middle, fork), (x, fork), (x, bottom)

    def _to_single(self, source: Box, target: Box) -> tuple[tuple[float, float], ...]:
        """From hn of the last layer to the one o at the right."""
        if not self._two:
            return (source.middle, source.y), (target.middle, target.y + target.height)
        y, across = target.y + target.height / 2, source.y + source.height / 2
        if source.x < self._right:
            return (source.middle, source.y), (source.middle, y), (target.x, y)
        right = target.x + target.width
        beside = right + _ASIDE
        return (right, across), (beside, across), (beside, y), (right, y)

    @cached_property
    def labels(self) -> list[Label]:
        """Every word beside the boxes."""
        return [*self._edge_words(), *self._fold_words(), *self._turn_words(), *self._below()]

    def _edge_words(self) -> Iterator[Label]:
        """What stands at the left: the network's tensors, and each layer's weights."""
        tensors = self._unrolled.trace.tensors
        yield Label(_MARGIN, _MARGIN + 10, [(self.title, "")], look="strong")
        for name in () if self._spec.single else ("input", "output"):  # their boxes say all
            pieces: Line = [(name, name), (f" {write_shape(tensors[name])}", "")]
            yield Label(_MARGIN, self._y[name] + 24, pieces, look="strong")
        for end, x in (("0", _MARGIN + self._beside), ("n", self._right)):
            for row, name in enumerate(() if self._spec.single else self._spec.state_names):
                pieces = [(name + end, "state"), (f" {write_shape(tensors[name + end])}", "")]
                y = self._y["input"] + (16 if self._cell_lines > 1 else 24) + 16 * row
                yield Label(x + self._end / 2, y, pieces, "middle", "strong")
        for (layer, direction), weights in self._unrolled.weights.items():
            title = self._unrolled.lane(layer, direction)
            if not self._two:
                title = title.removesuffix(f" {direction}")
            y = self.beside(layer, direction)[1] - self._block(layer, direction) / 2 + 11
            yield Label(_MARGIN, y, [(title, "")], look="strong")
            for weight in weights:
                names: Line = [(weight.name, "weight"), (f" {weight.shape}", "")]
                yield Label(_MARGIN, y + _LINE, names)
                yield Label(_MARGIN, y + 2 * _LINE, weight.pieces)
                y += 2 * _LINE

    def beside(self, layer: int, direction: str) -> tuple[float, float]:
        """The middle of the words at the edge of a layer and direction, or of the head (-1)."""
        x = _MARGIN + self._beside / 2
        if direction == HEAD:
            return x, self._y["o"] + self._block(layer, direction) / 2
        lane = self._lanes[layer, direction]
        return x, lane.top + lane.height / 2

    def _fold_words(self) -> Iterator[Label]:
        """The signs for steps and layers that are left out."""
        fold = self._unrolled.fold
        if fold is not None:
            x = (self.x(fold) + self.x(fold + 1) + self._column) / 2
            y = self._y["input"]
            yield Label(x, y + 24, [("⋯", "note")], "middle", "strong")
            words = self._unrolled.captions.left_out(self._unrolled.times, fold)
            yield Label(x, y + _LABEL + 12, [(f"t = {words}", "note")], "middle")
        if None in self._unrolled.layers:
            first = self._unrolled.layers.index(None)
            words = f"⋮ layers {first} … {self._spec.num_layers - 3}"
            yield Label(_MARGIN, self._folded_row, [(words, "note")], look="small")

    def _turn_words(self) -> Iterator[Label]:
        """Where sequences of a packed batch end, or begin in the reverse direction."""
        for box in self.boxes.values():
            node = box.node
            if node.role == "cell" and node.turned:
                way = "→ hn" if node.direction == "forward" else "← h0"
                words: Line = [(f"{node.turned} {way}", "state")]
                yield Label(box.middle, box.y + box.height - 6, words, "middle")

    def _below(self) -> Iterator[Label]:
        for row, line in enumerate(self._legend):
            yield Label(_MARGIN, self._y["legend"] + 18 * row, line, look="note")

    @cached_property
    def _legend(self) -> list[Line]:
        keys: Line = [
            ("→ state of the next step", "state"), (_APART, ""),
            ("↑ input of the layer above", "input"), (_APART, ""),
            ("↑ output", "output"), (_APART, ""), ("weight", "weight"),
        ]  # fmt: skip
        if self._spec.single:
            keys = [("→ state", "state"), (_APART, ""), ("↑ input", "input"), (_APART, ""),
                    ("weight", "weight")]  # fmt: skip
        columns = int((self.width - 2 * _MARGIN) / _NOTE_SIGN)
        wrapped = [part for note in self._unrolled.notes for part in textwrap.wrap(note, columns)]
        return [keys, *([(line, "note")] for line in wrapped)]
