"""Where in the walk the reader stands, and how one moves there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from ..analysis.trace import Selection, Trace
from ..engine.walk import HEAD, Step
from ..network.dims import Dim, write_shape
from ..show.pictures.captions import Captions
from .settings import Settings


class Lane(NamedTuple):
    """A row of cells: a layer in one direction, or the head above the last layer."""

    layer: int
    direction: str


@dataclass(frozen=True)
class View:
    """A network and the cell that is looked at: a lane, counted from below, and a time.

    A symbolic T has one column, told for every t.
    """

    settings: Settings
    lane: int = 0
    t: int = 0

    @property
    def trace(self) -> Trace:
        """The network over the batch, in shapes."""
        return self.settings.trace

    @cached_property
    def lanes(self) -> tuple[Lane, ...]:
        """Every lane from below."""
        spec = self.trace.spec
        own = [Lane(n, direction) for n in range(spec.num_layers) for direction in spec.directions]
        return (*own, Lane(spec.num_layers, HEAD)) if self.trace.head else tuple(own)

    @property
    def here(self) -> Lane:
        """The lane that is looked at."""
        return self.lanes[self.lane]

    @property
    def symbolic(self) -> bool:
        """Whether T is left open."""
        return not isinstance(self.trace.batch.seq_len, int)

    @property
    def length(self) -> int:
        """The number of columns: T, or 1 where T is left open."""
        length = self.trace.batch.seq_len
        return length if isinstance(length, int) else 1

    @property
    def total(self) -> int:
        """The number of steps in the whole walk."""
        head = self.trace.head
        own = len(self.lanes) - (head is not None)
        return own * self.length + (0 if head is None else len(self._head_times))

    @property
    def _head_times(self) -> range:
        head = self.trace.head
        every = head is not None and head.at == "every"
        return range(0 if every else self.length - 1, self.length)

    def has(self, lane: int, t: int) -> bool:
        """Whether a cell stands there: a head that reads the final states alone has one."""
        return self.lanes[lane].direction != HEAD or t in self._head_times

    def number(self, lane: int, t: int) -> int:
        """A cell's place in the true order of the walk, from 0."""
        direction = self.lanes[lane].direction
        if direction == HEAD:
            return lane * self.length + t - self._head_times.start
        return lane * self.length + (self.length - 1 - t if direction == "reverse" else t)

    @property
    def index(self) -> int:
        """The place in the walk of the cell that is looked at."""
        return self.number(self.lane, self.t)

    def at(self, number: int) -> View:
        """The view of the step with that number; the last one beyond the end."""
        number = min(max(number, 0), self.total - 1)
        lane, position = divmod(number, self.length)
        direction = self.lanes[lane].direction
        if direction == HEAD:
            position += self._head_times.start
        return self.to(lane, self.length - 1 - position if direction == "reverse" else position)

    def to(self, lane: int, t: int) -> View:
        """The view of a cell, or of the nearest that there is."""
        lane = min(max(lane, 0), len(self.lanes) - 1)
        t = min(max(t, 0), self.length - 1)
        return replace(self, lane=lane, t=t if self.has(lane, t) else self.length - 1)

    def moved(self, lanes: int = 0, times: int = 0) -> View:
        """A view so many lanes higher and so many columns to the right."""
        return self.to(self.lane + lanes, self.t + times)

    def of(self, settings: Settings) -> View:
        """The same cell of another network, or the nearest that there is."""
        here, last = self.here, self.t == self.length - 1 and self.length > 1
        new = View(settings)
        names = {lane: index for index, lane in enumerate(new.lanes)}
        lane = names.get(here, names.get(Lane(here.layer, "forward"), len(new.lanes) - 1))
        return new.to(lane, new.length - 1 if last else self.t)

    def find(self, layer: int, direction: str, t: int) -> View:
        """The view of the cell of a layer and direction at t."""
        lane = Lane(layer, direction)
        return self.to(self.lanes.index(lane) if lane in self.lanes else 0, t)

    def step(self) -> Step:
        """What the cell does, in shapes."""
        layer, direction = self.here
        selection = Selection(
            None if direction == HEAD else layer, direction, None if self.symbolic else self.t
        )
        return next(iter(self.trace.steps(selection)))

    def rows(self, t: int) -> Dim:
        """How many sequences a cell reads at t; fewer and fewer of a packed batch."""
        return self.captions.rows(t)

    @cached_property
    def captions(self) -> Captions:
        """What boxes say, as in every picture."""
        return Captions(self.trace)

    def states(self, lane: int, t: int) -> Iterator[tuple[str, str]]:
        """The names and shapes of what a cell leaves: h, and c of an lstm; o of a head."""
        spec, head = self.trace.spec, self.trace.head
        if self.lanes[lane].direction == HEAD:
            assert head is not None
            yield "o", write_shape((self.rows(t), head.size))
            return
        for name in spec.state_names:
            yield name, write_shape((self.rows(t), *spec.state_shape(name)))

    def edge(self, lane: int, end: str, name: str = "") -> str:
        """The row of h0 (`end` 0) or hn (`end` n) that a lane begins or ends with."""
        spec = self.trace.spec
        name = name or spec.output_state or spec.state_names[0]
        return f"{name}{end}" if spec.single else f"{name}{end}[{lane}]"

    def time(self, t: int) -> Any:
        """A column's time: its number, or the letter of a symbolic T."""
        return "t" if self.symbolic else t
