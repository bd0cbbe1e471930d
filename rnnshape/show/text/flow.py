"""The norm of ∂h_T/∂h_t over t as a plot of dots, four rows and two columns of them in a sign."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import ceil, floor, inf, log10
from typing import TYPE_CHECKING, NamedTuple

from ...analysis.trace import Trace
from ..canvas import Canvas
from ..screen import Line, Prose, counted, prose

if TYPE_CHECKING:
    from ...analysis.flow import Curve

_ROWS = 12
_DECADES = 12  # shown above and below 1 at most
_KINDS = ("state", "output", "input", "weight", "positive", "negative")
_MOST_CURVES = 8
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a sign, by row and column
_STEADY = 0.9  # a step, as long as all steps together make less than tenfold of it
_LEAST = 1e-290  # what is less than this fades into 0 by rounding


def flow_lines(trace: Trace, curves: list[Curve], columns: int) -> Iterator[Line]:
    """The plot with its legend, at most `columns` wide. The first curves are the trace's own."""
    lanes = trace.spec.num_layers * trace.spec.num_directions
    named = _named(trace, curves, lanes)
    left = len(named) - _MOST_CURVES
    shown = named if left <= 0 else [*named[: _MOST_CURVES // 2], *named[-_MOST_CURVES // 2 :]]
    yield prose(str(trace.spec), "title", 0)
    yield prose(_about(trace), "note", 0)
    yield []
    yield from _plot([curve for _, curve in shown], columns)
    yield []
    for number, (name, curve) in enumerate(shown):
        letter, kind = _letter(number), _KINDS[number % len(_KINDS)]
        words = f"{name}: {_words(trace, curve)}".replace(" %", "\xa0%")
        yield Prose([(f"{letter} ", kind), (words, "")], 4)
    if left > 0:
        yield prose(f"… {left} more layers; --json holds them all", "note", 0)


def _named(trace: Trace, curves: list[Curve], lanes: int) -> list[tuple[str, Curve]]:
    """Each curve with its name; the network's own say which layer and direction they are."""
    named = []
    for number, curve in enumerate(curves):
        name = curve.name
        if number < lanes and lanes > 1:
            name += f", layer {curve.layer}"
            name += f" {curve.direction}" if trace.spec.bidirectional else ""
        if number < lanes < len(curves):
            name += " (this network)"
        named.append((name, curve))
    return named


def _about(trace: Trace) -> str:
    batch = trace.batch
    which = "" if batch.size == 1 else ", sequence 0 of the batch"
    if batch.packed:
        which = f", sequence {batch.order[0]} of the batch, its longest"
    return (
        f"‖∂h_T/∂h_t‖₂, the spectral norm over T = {batch.seq_len} steps{which}: how strongly "
        "the last state of a layer still depends on its state at t"
    )


def _letter(number: int) -> str:
    return "abcdefgh"[number]


def _words(trace: Trace, curve: Curve) -> str:
    """What is seen: the factor of a step, what is left, and what that is called."""
    steps, left = curve.reach
    if len(curve.t) == 1:
        return "one step, nothing to go back to"
    further = next((norm for n, norm in curve.back if n > steps), None)
    end = _ended(trace, left, further)
    if not steps:
        return end.replace("further", "one step")
    kind = "steady"
    if curve.factor < _STEADY or left < 0.1:
        kind = "vanishing"
    elif curve.factor > 1 / _STEADY or left > 10:
        kind = "exploding"
    after = counted(steps, "step")
    words = f"×{_number(curve.factor)} a step: after {after} {_share(left)}, {kind}"
    return f"{words}; {end}" if end else words


def _ended(trace: Trace, left: float, further: float | None) -> str:
    """How a curve ends before the sequence does."""
    if further is None:
        return ""
    if further != 0:
        return "too large for a number further back"
    if left < _LEAST:
        return "too small for a number further back"
    cut = trace.back.tbptt if trace.back else None
    return "0 further back" + (f", where --tbptt {cut} cuts" if cut else "")


def _share(norm: float) -> str:
    """A norm of the 1 at the end: 0.1 %, 100 %, 3.2e-24, ×4100."""
    if norm >= 10:
        return f"×{_number(norm)}"
    if norm < 1e-5:
        return _number(norm)
    return f"{100 * norm:.0f} %" if norm >= 0.1 else f"{100 * norm:.2g} %"


def _number(value: float) -> str:
    """Two or three digits."""
    if 0.001 <= value < 100_000:
        return f"{value:.3g}" if value < 1000 else f"{value:.0f}"
    digits, _, power = f"{value:.1e}".partition("e")
    return f"{digits}e{int(power)}"


class _Point(NamedTuple):
    t: int
    height: float  # log10 of the norm; infinite where that is 0 or too large


def _height(norm: float) -> float:
    if norm == 0:
        return -inf
    return log10(norm) if norm < inf else inf  # nan compares false: it grew beyond all numbers


def _plot(curves: list[Curve], columns: int) -> Iterator[Line]:
    """The field of dots with its axes."""
    points = [[_Point(t, _height(norm)) for t, norm in zip(c.t, c.norm)] for c in curves]
    seen = [p for row in points for p in row if -_DECADES <= p.height <= _DECADES]
    low = min(floor(min(p.height for p in seen) + 1e-9), -1)
    high = max(ceil(max(p.height for p in seen) - 1e-9), 0)
    begin, end = min(p.t for p in seen), max(p.t for p in seen)
    ticks = _ticks(low, high)
    margin = max(len(words) for words in ticks.values()) + 2
    width = max(1, columns - margin - 1)
    field = _Field(width, begin, end, low, high)
    for number in reversed(range(len(points))):  # the first lies on top
        field.curve(points[number], curves[number].direction == "forward",
                    _KINDS[number % len(_KINDS)])  # fmt: skip
    for number, row in enumerate(points):
        field.mark(row, _letter(number), _KINDS[number % len(_KINDS)], number, len(points))
    canvas = Canvas()
    for y in range(_ROWS):
        canvas.put(margin - 1, y, "┤" if y in ticks else "│", "note")
        if y in ticks:
            canvas.put(margin - 2 - len(ticks[y]), y, ticks[y], "note")
    canvas.put(margin - 1, _ROWS, "└" + "─" * width, "note")
    canvas.paste(field.canvas(), margin, 0)
    _times(canvas, margin, width, begin, end)
    yield from canvas.lines()


def _ticks(low: int, high: int) -> dict[int, str]:
    """Rows with the power of ten that stands at each."""
    step = next(s for s in (1, 2, 3, 4, 6, 12, 24) if (high - low) / s <= 4)
    found = {}
    for power in range(high - (high % step), low - 1, -step):
        row = round((high - power) / (high - low) * (_ROWS - 1))
        found[row] = _number(10.0**power) if -3 <= power <= 4 else f"1e{power}"
    return found


def _times(canvas: Canvas, margin: int, width: int, begin: int, end: int) -> None:
    """The times below the axis: both ends, and what has room between."""
    y = _ROWS + 1
    canvas.put(margin, y, f"t={begin}", "note")
    if end == begin:
        return
    last = str(end)
    if width > len(f"t={begin}") + len(last):
        canvas.put(margin + width - len(last), y, last, "note")
    for part in (2, 1, 3):
        words = str(begin + round((end - begin) * part / 4))
        x = margin + round((width - 1) * part / 4) - len(words) // 2
        if width >= 40 and end - begin >= 8 and canvas.fits(x - 1, y, f" {words} "):
            canvas.put(x, y, words, "note")


class _Field:
    """Dots in signs; each sign has the kind of the curve that was drawn there last."""

    def __init__(self, width: int, begin: int, end: int, low: int, high: int) -> None:
        self._width, self._begin, self._end = width, begin, end
        self._low, self._high = low, high
        self._dots: dict[tuple[int, int], int] = {}
        self._kinds: dict[tuple[int, int], str] = {}
        self._letters: dict[tuple[int, int], str] = {}

    def _place(self, point: _Point) -> tuple[int, int]:
        """The dot of a point; what lies outside is at the edge."""
        across = (point.t - self._begin) / max(1, self._end - self._begin)
        height = min(max(point.height, self._low), self._high)
        down = (self._high - height) / (self._high - self._low)
        # in the middle of the first sign and of the last, as the ticks stand
        return round(across * (2 * self._width - 1)), 1 + round(down * 4 * (_ROWS - 1))

    def _inside(self, point: _Point) -> bool:
        return self._low <= point.height <= self._high

    def curve(self, points: list[_Point], forward: bool, kind: str) -> None:
        """A line through the points, from the last state back until it has left the field."""
        way = points[::-1] if forward else points
        for one, other in pairwise(way):
            if not self._inside(one):
                break
            other = other._replace(t=min(max(other.t, self._begin), self._end))
            self._line(self._place(one), self._place(other), kind)
        if len(way) == 1:
            self._line(self._place(way[0]), self._place(way[0]), kind)

    def _line(self, start: tuple[int, int], end: tuple[int, int], kind: str) -> None:
        steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
        for step in range(steps + 1):
            x = round(start[0] + (end[0] - start[0]) * step / steps)
            y = round(start[1] + (end[1] - start[1]) * step / steps)
            sign = (x // 2, y // 4)
            self._dots[sign] = self._dots.get(sign, 0) | _DOTS[y % 4][x % 2]
            self._kinds[sign] = kind

    def mark(self, points: list[_Point], letter: str, kind: str, number: int, count: int) -> None:
        """The curve's letter on it, each curve's at another column."""
        inside = [point for point in points if self._inside(point)]
        wanted = int(len(inside) * (number + 0.5) / count)
        places = [self._place(inside[n]) for n in sorted(range(len(inside)),
                  key=lambda n: abs(n - wanted))]  # fmt: skip
        signs = [(x // 2, y // 4) for x, y in places]
        free = next((sign for sign in signs if sign not in self._letters), signs[0])
        self._letters[free] = letter
        self._kinds[free] = kind

    def canvas(self) -> Canvas:
        """The signs."""
        canvas = Canvas()
        for (x, y), dots in self._dots.items():
            canvas.put(x, y, self._letters.get((x, y), chr(0x2800 + dots)), self._kinds[x, y])
        return canvas
