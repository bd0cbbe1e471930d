"""Where the columns of a picture stand: how many steps a width can hold, and which."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from ..dims import Dim, write_shape
from ..tracing import Trace

Time = int | str
Weighed = list[tuple[str, str]]  # a weight's short name and its product over shapes
Products = Mapping[int, Weighed]  # of layer 0 and of the layers above it

FOLD = 3  # what the sign for left-out steps needs beside a gap
LANE = 3  # how far the reverse cell of a column stands to the right of the forward one
_WIDEST_GAP = 6
_MOST_COLUMNS = 400  # no terminal shows more


class Label(NamedTuple):
    """A piece of input or output at the edge of the picture."""

    name: str
    short: str  # the index alone, where the name does not fit
    shape: str


@dataclass(frozen=True)
class Scene:
    """What a picture says of a trace, in words."""

    trace: Trace

    def rows(self, t: Time) -> Dim:
        """How many sequences a cell reads at t; fewer and fewer of a packed batch."""
        batch = self.trace.batch
        if batch.lengths is None or isinstance(t, str):
            return batch.size
        return len(batch.lengths) - bisect_right(self._ascending, t)

    @cached_property
    def _ascending(self) -> list[int]:
        return sorted(self.trace.batch.lengths or ())

    def cell(self, t: Time) -> tuple[str, ...]:
        """What a cell's box holds: the shape of h, of an lstm those of c and h."""
        spec = self.trace.spec
        shapes = {
            name: write_shape((self.rows(t), spec.state_width(name))) for name in spec.state_names
        }
        if len(shapes) == 1:
            return (shapes["h"],)
        return tuple(f"{name} {shapes[name]}" for name in "ch")

    def passed(self, t: Time) -> str:
        """The shape that a layer passes up at t."""
        return write_shape((self.rows(t), self.trace.spec.output_size))

    def input(self, t: Time) -> Label:
        """What the first layer reads at t."""
        batch, width = self.trace.batch, self.trace.spec.input_size
        shape = (width,) if batch.unbatched else (self.rows(t), width)
        return self._label("input", t, write_shape(shape))

    def output(self, t: Time) -> Label | None:
        """What the last layer leaves at t; a cell module leaves its state alone."""
        if self.trace.spec.single:
            return None
        return self._label("output", t, write_shape(self.trace.output_source(t).shape))

    def head(self, t: Time) -> Label | None:
        """What the head makes of output at t, where there is one at every step."""
        batch, head = self.trace.batch, self.trace.head
        if head is None or head.at != "every":
            return None
        shape = (head.size,) if batch.unbatched else (self.rows(t), head.size)
        return self._label("o", t, write_shape(shape))

    def _label(self, name: str, t: Time, shape: str) -> Label:
        index = f"[:, {t}]" if self.trace.cuts_batch_first else f"[{t}]"
        if self.trace.spec.single:
            index = ""
        return Label(name + index, index, shape)

    def state(self, layer: int, direction: int, end: str) -> list[str]:
        """The rows of h0 (c0) or hn (cn) of one cell, in the order of its box; `end` is 0 or n."""
        spec = self.trace.spec
        row = spec.num_directions * layer + direction
        names = "ch" if len(spec.state_names) > 1 else "h"
        return [f"{name}{end}{'' if spec.single else f'[{row}]'}" for name in names]


@dataclass(frozen=True)
class Layout:
    """The columns of a picture and the margins beside them, measured in signs.

    times: the steps that are drawn. fold: the column after which steps are left out, or None.
    space and wire: between a margin's words and the cells. label: the longest that stands above or
    below a column. full: whether input and output are written with their name. edge: where the
    margin for products begins, or None.
    """

    times: tuple[Time, ...]
    fold: int | None
    inner: int
    lanes: int
    margin: int
    space: int
    wire: int
    gap: int
    label: int
    full: bool = True
    edge: int | None = None

    @property
    def box(self) -> int:
        """The width of a cell."""
        return self.inner + 4

    @property
    def column(self) -> int:
        """The width of a column: one cell, or two of which the second stands to the right."""
        return self.box + LANE * (self.lanes - 1)

    @property
    def left(self) -> int:
        """Where the first column begins."""
        return max(self.margin + self.space + self.wire, (self.label - self.column) // 2 + 1)

    @property
    def end(self) -> int:
        """Where the columns end."""
        beyond = FOLD if self.fold == len(self.times) - 1 else 0
        return self.x(len(self.times) - 1) + self.column + beyond

    @property
    def total(self) -> int:
        """The width of the whole."""
        labels = self.x(len(self.times) - 1) + (self.column + self.label) // 2 + 1
        return max(labels, self.end + self.wire + self.space + self.margin)

    def x(self, index: int) -> int:
        """Where a column begins."""
        beyond = FOLD if self.fold is not None and index > self.fold else 0
        return self.left + index * (self.column + self.gap) + beyond


def choose(scene: Scene, width: int, edge: int = 0) -> Layout:
    """The layout that shows most within `width`; where none fits, the narrowest there is.

    `edge` is the width of what would stand at the right, given that it fits beside the rest.
    """
    narrowest = None
    for layout in _candidates(scene, width):
        if narrowest is None or layout.total < narrowest.total:
            narrowest = layout
        if layout.total <= width:
            break
    assert narrowest is not None
    return _spread(layout, width, edge) if layout.total <= width else narrowest


def _candidates(scene: Scene, width: int) -> Iterator[Layout]:
    """Layouts from the richest to the narrowest."""
    for times, fold in _all_times(scene.trace):
        yield from _levels(scene, times, fold)
    length = scene.trace.batch.seq_len
    if not isinstance(length, int):
        return
    for full in (True, False):
        for level in range(3):
            for count in range(min(length - 1, width // 5, _MOST_COLUMNS), 2, -1):
                yield _measured(scene, *_ends(count, length), level, full)
    for count in range(min(length - 1, 2), 0, -1):
        yield from _levels(scene, *_ends(count, length))


def _ends(count: int, length: int) -> tuple[tuple[Time, ...], int]:
    """The first steps and the last one, `count` of them; alone the first."""
    if count == 1:
        return (0,), 0
    return (*range(count - 1), length - 1), count - 2


def _all_times(trace: Trace) -> Iterator[tuple[tuple[Time, ...], int | None]]:
    length = trace.batch.seq_len
    if not isinstance(length, int):
        yield (0, 1, trace.last_time), 1
        yield (0, trace.last_time), 0
        yield (0,), 0
    elif length <= _MOST_COLUMNS:
        yield tuple(range(length)), None


def _levels(scene: Scene, times: tuple[Time, ...], fold: int | None) -> Iterator[Layout]:
    for full in (True, False):
        for level in range(3):
            yield _measured(scene, times, fold, level, full)


def _measured(
    scene: Scene, times: tuple[Time, ...], fold: int | None, level: int, full: bool
) -> Layout:
    """The layout of these columns: airy (level 0), tight (1) or as narrow as can be (2)."""
    spec = scene.trace.spec
    lanes = spec.num_directions
    labels = [
        label for t in times for label in (scene.input(t), scene.output(t), scene.head(t)) if label
    ]
    words = [
        word for label in labels for word in (label.name if full else label.short, label.shape)
    ]
    widest = max(map(len, [*words, *map(scene.passed, times)]))
    margin = max(len(word) for word in scene.state(spec.num_layers - 1, lanes - 1, "n"))
    layout = Layout(
        times=times,
        fold=fold,
        inner=max(len(word) for t in times for word in scene.cell(t)),
        lanes=lanes,
        margin=margin if full else max(margin, len("output")),
        space=(1, 1, 0)[level],
        wire=(3, 2, 2)[level],
        gap=(3, 2, 2 if lanes == 1 else 1)[level],
        label=widest,
        full=full,
    )
    return replace(layout, gap=max(layout.gap, widest + 1 - layout.column))


def _spread(layout: Layout, width: int, edge: int) -> Layout:
    """The same with what is left of the width put to use."""
    left = width - layout.total
    beside = bool(edge) and left >= edge + 3
    if beside:
        left -= edge + 3
    gaps = len(layout.times) - 1
    if gaps and left > 0 and layout.gap < _WIDEST_GAP:
        layout = replace(layout, gap=min(_WIDEST_GAP, layout.gap + left // gaps))
    return replace(layout, edge=layout.total + 3) if beside else layout
