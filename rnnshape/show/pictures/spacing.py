"""Where the columns of a picture stand: how many steps a width can hold, and which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ...analysis.trace import Trace
from .captions import Captions, Time

Weighed = list[tuple[str, str]]  # a weight's short name and its product over shapes
Products = Mapping[int, Weighed]  # of layer 0 and of the layers above it

FOLD = 3  # what the sign for left-out steps needs beside a gap
LANE = 3  # how far the reverse cell of a column stands to the right of the forward one
_WIDEST_GAP = 6
_MOST_COLUMNS = 400  # no terminal shows more


@dataclass(frozen=True)
class Layout:
    """The columns of a picture and the margins beside them, measured in signs.

    times: the steps that are drawn. fold: the column after which steps are left out, or None.
    space and wire: between a margin's words and the cells. label: the longest that stands above or
    below a column. full: whether input and output are written with their name. edge: where the
    margin for products begins, or None. shift: how far the reverse cell stands to the right.
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
    shift: int = LANE

    @property
    def box(self) -> int:
        """The width of a cell."""
        return self.inner + 4

    @property
    def column(self) -> int:
        """The width of a column: one cell, or two of which the second stands to the right."""
        return self.box + self.shift * (self.lanes - 1)

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


def choose(captions: Captions, width: int, edge: int = 0, shift: int = LANE) -> Layout:
    """The layout that shows most within `width`; where none fits, the narrowest there is.

    `edge` is the width of what would stand at the right, given that it fits beside the rest.
    """
    narrowest = None
    for candidate in _candidates(captions, width):
        layout = replace(candidate, shift=shift)
        if narrowest is None or layout.total < narrowest.total:
            narrowest = layout
        if layout.total <= width:
            break
    assert narrowest is not None
    return _spread(layout, width, edge) if layout.total <= width else narrowest


def _candidates(captions: Captions, width: int) -> Iterator[Layout]:
    """Layouts from the richest to the narrowest."""
    for times, fold in _all_times(captions.trace):
        yield from _levels(captions, times, fold)
    length = captions.trace.batch.seq_len
    if not isinstance(length, int):
        return
    for full in (True, False):
        for level in range(3):
            for count in range(min(length - 1, width // 5, _MOST_COLUMNS), 2, -1):
                yield _measured(captions, *_ends(count, length), level, full)
    for count in range(min(length - 1, 2), 0, -1):
        yield from _levels(captions, *_ends(count, length))


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


def _levels(captions: Captions, times: tuple[Time, ...], fold: int | None) -> Iterator[Layout]:
    for full in (True, False):
        for level in range(3):
            yield _measured(captions, times, fold, level, full)


def _measured(
    captions: Captions, times: tuple[Time, ...], fold: int | None, level: int, full: bool
) -> Layout:
    """The layout of these columns: airy (level 0), tight (1) or as narrow as can be (2)."""
    spec = captions.trace.spec
    lanes = spec.num_directions
    labels = [
        label
        for t in times
        for label in (captions.input(t), captions.output(t), captions.head(t))
        if label
    ]
    words = [
        word for label in labels for word in (label.name if full else label.short, label.shape)
    ]
    widest = max(map(len, [*words, *map(captions.passed, times)]))
    margin = max(len(word) for word in captions.state(spec.num_layers - 1, lanes - 1, "n"))
    layout = Layout(
        times=times,
        fold=fold,
        inner=max(len(word) for t in times for word in captions.cell(t)),
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
