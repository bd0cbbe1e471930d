"""The grid of cells: layers upwards, time to the right, wires between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...network.dims import write_dim
from ..canvas import Canvas
from .captions import Captions
from .spacing import FOLD, LANE, Layout, Products

_SKIP = "┄┄┄"


@dataclass(frozen=True)
class Grid:
    """A picture of `layers` from the top down, None for those that are left out.

    products: what stands at the right edge, where the layout has one. tall: the way up from the
    cells to the output is one sign longer, as in the folded form. flat: no frames around the cells,
    and the lanes of two directions one above the other, for a screen of few lines.
    """

    captions: Captions
    layout: Layout
    layers: Sequence[int | None]
    products: Products
    tall: bool = False
    flat: bool = False

    def drawn(self) -> Canvas:
        """The picture."""
        canvas, y = Canvas(), 0
        if self.captions.head(0) is not None:
            y = self._labels(canvas, y, "o")
            self._ups(canvas, y, "output")
            canvas.put(0, y, "head", "title")
            y += 1
        if self.captions.output(0) is not None:
            y = self._labels(canvas, y, "output")
            self._ups(canvas, y, "output")
            y += 1
        if self.tall:
            for index in range(len(self.layout.times)):
                canvas.put(self._middle(index), y, "│", "output")
            y += 1
        for number, layer in enumerate(self.layers):
            y = self._folded(canvas, y, number) if layer is None else self._layer(canvas, y, layer)
            below = self.layers[number + 1 :]
            self._ups(canvas, y, "input")
            y += 1
            if below and below[0] is not None and self.two:
                y = self._passed(canvas, y - 1 if self.flat else y)
        self._labels(canvas, y, "input")
        return canvas

    @property
    def two(self) -> bool:
        """Whether there are two directions."""
        return self.layout.lanes == 2

    def _middle(self, index: int) -> int:
        """Where the way up stands in a column."""
        width = self.layout.column
        return self.layout.x(index) + (width // 2 if self.two else (width - 1) // 2)

    def _labels(self, canvas: Canvas, y: int, name: str) -> int:
        kind = "input" if name == "input" else "output"
        for index, t in enumerate(self.layout.times):
            label = self.captions.ends(t)[name]
            words = label.name if self.layout.full else label.short
            canvas.centred(self._middle(index), y, words, kind)
            canvas.centred(self._middle(index), y + 1, label.shape, kind)
        if not self.layout.full:
            canvas.put(0, y, name, kind)
        return y + 2

    def _ups(self, canvas: Canvas, y: int, kind: str) -> None:
        for index in range(len(self.layout.times)):
            canvas.put(self._middle(index), y, "↑", kind)

    def _folded(self, canvas: Canvas, y: int, number: int) -> int:
        """The sign for layers that are left out."""
        above, below = self.layers[number - 1], self.layers[number + 1]
        assert above is not None and below is not None
        for index in range(len(self.layout.times)):
            canvas.put(self._middle(index), y, "┊", "input")
        first, last = below + 1, above - 1
        for words in (f"layers {first}–{last}", f"{first}–{last}", "┊"):
            if canvas.fits(0, y, words):
                canvas.put(0, y, words, "note")
                break
        return y + 1

    def _passed(self, canvas: Canvas, y: int) -> int:
        """What a layer of two directions gives to the next: the concatenation."""
        for index, t in enumerate(self.layout.times):
            if self.flat:
                canvas.put(self._middle(index) + 2, y, self.captions.passed(t), "input")
            else:
                canvas.centred(self._middle(index), y, self.captions.passed(t), "input")
        if self.flat:
            return y + 1
        half = write_dim(self.captions.trace.spec.state_size)
        words = f"{half}+{half}={write_dim(self.captions.trace.spec.output_size)}"
        if canvas.fits(0, y, words):
            canvas.put(0, y, words, "note")
        return y + 1

    def _layer(self, canvas: Canvas, y: int, layer: int) -> int:
        """One layer with its margins; returns the row below it."""
        height = len(self.captions.cell(self.layout.times[0])) + 2
        spec = self.captions.trace.spec
        name = spec.class_name if spec.single else f"layer {layer}"
        if self.flat:
            for direction in reversed(range(self.layout.lanes)):
                self._lane(canvas, y - 1, layer, direction)
                y += height - 2
            canvas.put(0, y, name, "title")
            return y
        if not self.two:
            self._lane(canvas, y, layer, 0)
            for index in range(len(self.layout.times)):
                canvas.put(self._middle(index), y, "─" if spec.single else "┴")
                canvas.put(self._middle(index), y + height - 1, "┬")
            self._products(canvas, y, layer)
            fits = canvas.fits(0, y, name)
            canvas.put(0, y if fits else y + height, name, "title")
            return y + height
        upper, lower = y + 1, y + 1 + height
        self._lane(canvas, upper, layer, 1)
        self._lane(canvas, lower, layer, 0)
        for index in range(len(self.layout.times)):
            self._rails(canvas, upper, lower, height, index, layer)
        for row, words in ((upper, "reverse"), (lower, "forward")):
            if canvas.fits(0, row, words):
                canvas.put(0, row, words, "note")
            self._products(canvas, row, layer)
        canvas.put(0, lower + height, name, "title")
        return lower + height + 1

    def _products(self, canvas: Canvas, y: int, layer: int) -> None:
        if self.layout.edge is None:
            return
        for row, (name, words) in enumerate(self.products[min(layer, 1)], y):
            canvas.put(self.layout.edge, row, name, "weight")
            canvas.put(self.layout.edge + len(name) + 1, row, words)

    def _lane(self, canvas: Canvas, y: int, layer: int, direction: int) -> None:
        """The cells of one direction and the wires along them."""
        layout = self.layout
        start, end = layout.left - layout.wire, layout.end + layout.wire
        begins = self.captions.state(layer, direction, "n" if direction else "0")
        ends = self.captions.state(layer, direction, "0" if direction else "n")
        for row, (left, right) in enumerate(zip(begins, ends), y + 1):
            canvas.put(start, row, "─" * (end - start), "state")
            canvas.put(start - layout.space - len(left), row, left, "state")
            canvas.put(end + layout.space, row, right, "state")
            canvas.put(start if direction else end - 1, row, "←" if direction else "→", "state")
            self._skip(canvas, row)
        for index, t in enumerate(layout.times):
            if self.flat:
                for row, words in enumerate(self.captions.cell(t), y + 1):
                    x = self._middle(index) - (len(words) - 1) // 2
                    head = x + len(words) + 1 if direction else x - 2
                    canvas.put(x - 1, row, f" {words} ", "state")
                    canvas.put(head, row, "←" if direction else "→", "state")
                continue
            x = layout.x(index) + LANE * direction
            inner = [words.ljust(layout.inner) for words in self.captions.cell(t)]
            canvas.box(x, y, inner)
            head = x + layout.box if direction else x - 1
            for row in range(y + 1, y + 1 + len(inner)):
                canvas.put(head, row, "←" if direction else "→", "state")

    def _skip(self, canvas: Canvas, row: int) -> None:
        """The sign for steps that are left out, on a wire."""
        fold = self.layout.fold
        if fold is None:
            return
        inside = fold < len(self.layout.times) - 1
        room = FOLD + (self.layout.gap if inside else self.layout.wire)
        start = self.layout.x(fold) + self.layout.column
        canvas.put(start + (room - len(_SKIP)) // 2, row, _SKIP, "state")

    def _rails(
        self, canvas: Canvas, upper: int, lower: int, height: int, index: int, layer: int
    ) -> None:
        """The ways up of one column: from the fork below past the cells to the join above."""
        up = "output" if layer == self.layers[0] else "input"
        x, width = self.layout.x(index), self.layout.column
        middle = self._middle(index)
        out = (x + 1, x + width - 3)  # where what the lower and the upper cell leave goes up
        into = (x + 2, x + width - 2)
        bottom = lower + height
        canvas.put(out[0], upper - 1, "┌" + "─" * (out[1] - out[0] - 1) + "┐", up)
        canvas.put(middle, upper - 1, "┴", up)
        canvas.column(out[0], range(upper, lower), "│", up)
        canvas.put(out[0], lower, "┴")
        canvas.put(out[1], upper, "┴")
        canvas.put(into[0], bottom, "└" + "─" * (into[1] - into[0] - 1) + "┘", "input")
        canvas.put(middle, bottom, "┬", "input")
        canvas.column(into[1], range(lower, bottom), "│", "input")
        canvas.put(into[0], bottom - 1, "┬")
        canvas.put(into[1], lower - 1, "┬")
