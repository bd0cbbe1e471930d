"""The cells as far as a window shows them: layers upwards, time to the right.

Nothing outside the window is looked at, however long the sequence and high the stack.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ..engine.walk import HEAD
from ..network.dims import write_dim, write_shape
from ..show.canvas import Canvas
from ..show.notation import Line
from .view import View

if TYPE_CHECKING:
    from .gradient import Shade

Shading = Callable[[int, int], "Shade"]  # by lane and time


class Window(NamedTuple):
    """The first layer and the first time that are drawn."""

    layer: int = 0
    t: int = 0


class Hit(NamedTuple):
    """Where a cell stands: its columns and rows on the widget."""

    lane: int
    t: int
    columns: range
    rows: range


class Drawn(NamedTuple):
    """A picture of the window, and what is at which place."""

    lines: list[Line]
    hits: list[Hit]
    window: Window

    def cell(self, x: int, y: int) -> tuple[int, int] | None:
        """The lane and time of the cell at a place."""
        for hit in self.hits:
            if x in hit.columns and y in hit.rows:
                return hit.lane, hit.t
        return None


def draw(
    view: View,
    width: int,
    height: int,
    window: Window,
    veiled: bool = False,
    shade: Shading | None = None,
) -> Drawn:
    """The cells around the one that is looked at; `veiled` hides every shape.

    shade: what each cell shows in place of its shapes, by lane and time.
    """
    return _Drawing(view, width, height, window, veiled, shade).drawn()


class _Drawing:
    def __init__(
        self,
        view: View,
        width: int,
        height: int,
        window: Window,
        veiled: bool,
        shade: Shading | None,
    ) -> None:
        self.view, self.width, self.height = view, width, height
        self.window, self.veiled = window, veiled
        self.shade = None if veiled else shade
        trace = view.trace
        self.canvas = Canvas()
        self.hits: list[Hit] = []
        self.lanes_each = trace.spec.num_directions
        self.layers = trace.spec.num_layers
        self.topped = trace.head is not None
        # tall cells where all layers have room for them, else cells of one row
        words = len(self._words(0, 0, tall=True))
        self.tall = self._needed(words + 2, self.layers) <= self.height
        self.rows_each = words + 2 if self.tall else 1
        fit = self.layers
        while fit > 1 and self._needed(self.rows_each, fit) > self.height:
            fit = max(1, min(fit - 1, self.height // (self.lanes_each * self.rows_each + 1)))
        self.fit = fit
        self.from_layer = _scrolled(self.window.layer, self._layer, fit, self.layers)
        ends = (0, view.length - 1)
        self.inner = max(len(w) for t in ends for w in self._words(0, t, self.tall))
        self.box = self.inner + 2
        last = len(view.lanes) - 1
        edges = max(len(view.edge(last, end)) for end in "0n")
        self.left = edges + 1 if self.tall else edges + len(self._lane_name(last)) + 1
        self.left = max(self.left, len("output ") if self.tall else 0, len(self._lane_name(last)))
        self.right = edges + 1
        self._columns()

    def _columns(self) -> None:
        room = self.width - self.left - self.right - 1
        labels = max(len(self._input(t)) for t in (0, self.view.length - 1))
        for gap in (6, 4, 3, 2, 1):
            self.gap = max(gap, labels + 1 - self.box)
            self.count = max(1, (room + self.gap) // (self.box + self.gap))
            if self.count >= self.view.length:
                break
        self.count = min(self.count, self.view.length)
        self.from_t = _scrolled(self.window.t, self.view.t, self.count, self.view.length)

    @property
    def _layer(self) -> int:
        return min(self.view.here.layer, self.layers - 1)

    def _needed(self, rows_each: int, layers: int) -> int:
        """The rows of a picture of so many layers, with its labels."""
        top = rows_each + 1 if self.topped else 0
        return layers * (self.lanes_each * rows_each + 1) + 4 + top

    def _words(self, lane: int, t: int, tall: bool) -> list[str]:
        if self.shade is not None and self.view.lanes[lane].direction != HEAD:
            return [self.shade(lane, t).words]
        states = list(self.view.states(lane, t))
        if self.veiled:
            states = [(name, "?") for name, _ in states]
        if len(states) == 1 or not tall:
            return [states[0][1]]
        return [f"{name} {shape}" for name, shape in reversed(states)]

    def _lane_name(self, lane: int) -> str:
        layer, direction = self.view.lanes[lane]
        if direction == HEAD:
            return "head"
        if self.view.trace.spec.single:
            return "cell"
        arrow = {"forward": "→", "reverse": "←"}[direction] if self.lanes_each == 2 else ""
        return f"layer {layer}{arrow}" if self.tall else f"l{layer}{arrow}"

    def _input(self, t: int) -> str:
        return "?" if self.veiled else self.view.captions.input(t).shape

    def _x(self, t: int) -> int:
        """Where a column begins."""
        return self.left + 1 + (t - self.from_t) * (self.box + self.gap)

    def _middle(self, t: int) -> int:
        return self._x(t) + (self.box - 1) // 2

    @property
    def _times(self) -> range:
        return range(self.from_t, self.from_t + self.count)

    def drawn(self) -> Drawn:
        """The picture, from the top down."""
        y = 0
        if self.topped:
            y = self._lane(0, len(self.view.lanes) - 1)
            y = self._wire(y, None, "output")
        above = self.layers - self.from_layer - self.fit
        y = self._output(y) if not above else self._more(y, above, "above")
        for layer in range(self.from_layer + self.fit - 1, self.from_layer - 1, -1):
            lanes = range(layer * self.lanes_each, (layer + 1) * self.lanes_each)
            if not self.view.trace.spec.single:
                y = self._wire(y, lanes[-1], "output" if layer == self.layers - 1 else "input")
            for lane in reversed(lanes):
                y = self._lane(y, lane)
        y = self._wire(y, None, "input")
        y = self._foot(y) if not self.from_layer else self._more(y, self.from_layer, "below")
        spare = max(0, self.height - y) // 2
        lines: list[Line] = [[] for _ in range(spare)] + self.canvas.lines()
        hits = [
            hit._replace(rows=range(hit.rows.start + spare, hit.rows.stop + spare))
            for hit in self.hits
        ]
        return Drawn(lines, hits, Window(self.from_layer, self.from_t))

    def _output(self, y: int) -> int:
        if self.view.trace.spec.single:  # it returns its states alone
            return y
        self.canvas.put(0, y, "output"[: self.left], "output")
        for t in self._times:
            shape = self.view.trace.output_source(self.view.time(t)).shape
            words = "?" if self.veiled else write_shape(shape)
            self.canvas.centred(self._middle(t), y, words, "output")
        return y + 1

    def _foot(self, y: int) -> int:
        """The input and the times."""
        self.canvas.put(0, y, "input"[: self.left], "input")
        for t in self._times:
            here = t == self.view.t
            time = "t" if self.view.symbolic else "" if self.view.trace.spec.single else f"t={t}"
            if len(time) > self.box + self.gap - 1:
                time = time[2:]
            self.canvas.centred(self._middle(t), y, self._input(t), "input")
            self.canvas.centred(self._middle(t), y + 1, time, "note|current" if here else "note")
        return y + 2

    def _more(self, y: int, count: int, where: str) -> int:
        words = f"┊ {count} more layer{'s' if count > 1 else ''} {where}"
        self.canvas.put(max(0, self.left - 1), y, words, "note")
        return y + 1

    def _wire(self, y: int, lane: int | None, kind: str) -> int:
        """The ways up above a layer (`lane`, its upper one), or from the input."""
        joined = ""
        spec = self.view.trace.spec
        if lane is not None and self.lanes_each == 2 and not self.veiled:
            joined = self.view.captions.passed(self.from_t)
            half = write_dim(spec.state_size)
            note = f"{half}+{half}"
            self.canvas.put(0, y, note if len(note) < self.left else "", "note")
        layer = -1 if lane is None else self.view.lanes[lane].layer
        for t in self._times:
            into = t == self.view.t and self.view.here.layer == layer + 1
            out = t == self.view.t and self.view.here.layer == layer
            mark = "strong" if into or out else "far"
            self.canvas.put(self._middle(t), y, "↑", f"{kind}|{mark}")
            if joined and kind == "input" and len(joined) + 1 < self.box + self.gap - 2:
                self.canvas.put(self._middle(t) + 1, y, joined, f"{kind}|{mark}")
        return y + 1

    def _lane(self, y: int, lane: int) -> int:
        view, direction = self.view, self.view.lanes[lane].direction
        words_at = y + (self.rows_each // 2 if self.tall else 0)
        here = lane == view.lane
        self.canvas.put(0, y, self._lane_name(lane), "title" if here else "note")
        names = self._state_names(lane)
        top = words_at if len(names) == 1 else y + 1
        for row, name in enumerate(names, top):
            self._edges(row, lane, direction, name)
        for t in self._times:
            if view.has(lane, t):
                self._cell(y, lane, t)
                for row, _ in enumerate(names, top):
                    self._arrow(row, lane, t, direction)
        return y + self.rows_each

    def _state_names(self, lane: int) -> list[str]:
        """The states that go along a lane, in the order of its boxes; one where boxes are flat."""
        if self.view.lanes[lane].direction == HEAD:
            return []
        names = [name for name, _ in self.view.states(lane, 0)]
        alone = len(names) == 1 or not self.tall or self.shade is not None
        return [self.view.trace.spec.state_names[0]] if alone else names[::-1]

    def _edges(self, y: int, lane: int, direction: str, name: str) -> None:
        """Where a state of a lane begins and ends, or the sign for cells that are further away."""
        reverse = direction == "reverse"
        begins, ends = (self.view.edge(lane, end, name) for end in "0n")
        left, right = (ends, begins) if reverse else (begins, ends)
        last = self.from_t + self.count
        if self.from_t:
            left = "…"
        if last < self.view.length:
            right = "…"
        x = self._x(last - 1) + self.box
        self.canvas.put(self.left - len(left), y, left, "state" if left != "…" else "note")
        self.canvas.put(self.left, y, "←" if reverse else "→", "state|far")
        self.canvas.put(x, y, "←" if reverse else "→", "state|far")
        self.canvas.put(x + 1, y, right, "state" if right != "…" else "note")

    def _arrow(self, y: int, lane: int, t: int, direction: str) -> None:
        """The way to the cell at the right, or from it."""
        if t == self._times[-1]:
            return
        reverse = direction == "reverse"
        wire = "─" * (self.gap - 1)
        near = lane == self.view.lane and self.view.t in (t, t + 1)
        words = f"←{wire}" if reverse else f"{wire}→"
        self.canvas.put(self._x(t) + self.box, y, words, f"state|{'strong' if near else 'far'}")

    def _cell(self, y: int, lane: int, t: int) -> None:
        x, number = self._x(t), self.view.number(lane, t)
        words = [w.center(self.inner) for w in self._words(lane, t, self.tall)]
        now, done = number == self.view.index, number < self.view.index
        head = self.view.lanes[lane].direction == HEAD
        kind = "output" if head else "state"
        if self.shade is not None and not head:
            kind = self.shade(lane, t).kind
            kind = f"{kind}|current" if now else kind
        else:
            kind = f"{kind}|current" if now else kind if done else f"{kind}|far"
        self.hits.append(Hit(lane, t, range(x, x + self.box), range(y, y + self.rows_each)))
        if not self.tall:
            open, close = "»«" if now else "[]" if done else "··"
            self.canvas.put(x, y, f"{open}{words[0]}{close}", kind)
            return
        corners, flat, side = ("╔╗╚╝", "═", "║") if now else ("┌┐└┘", "─", "│")
        frame = "state|far"
        if not (now or done):
            flat, side = "┄", "┊"
        elif done:
            frame = ""
        else:
            frame = "|strong"
        self.canvas.put(x, y, corners[0] + flat * self.inner + corners[1], frame)
        for row, inside in enumerate(words, y + 1):
            self.canvas.put(x, row, side, frame)
            self.canvas.put(x + 1, row, inside, kind)
            self.canvas.put(x + 1 + self.inner, row, side, frame)
        bottom = corners[2] + flat * self.inner + corners[3]
        self.canvas.put(x, y + len(words) + 1, bottom, frame)


def _scrolled(first: int, wanted: int, count: int, total: int) -> int:
    """The first of `count` that shows `wanted` and, where there are more, its neighbours."""
    margin = 1 if count > 2 else 0
    first = min(first, wanted - margin)
    first = max(first, wanted + margin - count + 1)
    return max(0, min(first, total - count))
