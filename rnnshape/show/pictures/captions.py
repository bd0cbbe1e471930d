"""What the boxes and margins of a picture say, whether it is made of signs or of pixels."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ...analysis.trace import Trace
from ...network.dims import Dim, write_dim, write_shape

Time = int | str


class Label(NamedTuple):
    """A piece of input or output at the edge of the picture."""

    name: str
    short: str  # the index alone, where the name does not fit
    shape: str
    real: str  # the name with the rows that are no padding, where that can be said


@dataclass(frozen=True)
class Captions:
    """What a picture of a trace says in its boxes and beside them."""

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

    @property
    def states(self) -> tuple[str, ...]:
        """The states in the order of a cell's box: of an lstm c above h."""
        spec = self.trace.spec
        return spec.state_names[::-1] if spec.equations is None else spec.state_names

    def cell(self, t: Time) -> tuple[str, ...]:
        """What a cell's box holds: the shape of h, of an lstm those of c and h."""
        spec = self.trace.spec
        shapes = {
            name: write_shape((self.rows(t), *spec.state_shape(name))) for name in self.states
        }
        if len(shapes) == 1:
            return tuple(shapes.values())
        return tuple(f"{name} {shape}" for name, shape in shapes.items())

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

    def ends(self, t: Time) -> dict[str, Label]:
        """What stands below and above a column: input, output and, where there is a head, o."""
        found = {"input": self.input(t), "output": self.output(t), "o": self.head(t)}
        return {role: label for role, label in found.items() if label is not None}

    def _label(self, name: str, t: Time, shape: str) -> Label:
        rows, batch, first = self.rows(t), self.trace.batch, self.trace.cuts_batch_first
        if self.trace.spec.single:
            return Label(name, "", shape, name)
        index = f"[:, {t}]" if first else f"[{t}]"
        real = index
        if batch.packed and rows != batch.size and batch.order == tuple(range(len(batch.order))):
            # of a sorted batch; of another the real rows lie apart
            real = f"[:{rows}, {t}]" if first else f"[{t}][:{rows}]"
        return Label(name + index, index, shape, name + real)

    def state(self, layer: int, direction: int, end: str) -> list[str]:
        """The rows of h0 (c0) or hn (cn) of one cell, in the order of its box; `end` is 0 or n."""
        spec = self.trace.spec
        row = spec.num_directions * layer + direction
        return [f"{name}{end}{'' if spec.single else f'[{row}]'}" for name in self.states]

    def left_out(self, times: Sequence[Time], fold: int) -> str:
        """The steps that are not drawn after a column: `3`, `3, 4`, `3 … 98`, `1 … T-2`."""
        first, length = times[fold], self.trace.batch.seq_len
        assert isinstance(first, int)
        after = len(times) - 1 - fold  # the last steps, or none
        if not isinstance(length, int):
            return f"{first + 1} … {length}-{1 + after}"
        last = length - 1 - after
        if last - first <= 2:
            return ", ".join(map(str, range(first + 1, last + 1)))
        return f"{first + 1} … {last}"

    def about(self, times: Sequence[Time], fold: int | None) -> Iterator[str]:
        """The remarks on how the steps are drawn: what is left out, what the directions give."""
        spec = self.trace.spec
        if fold is not None:
            same = "fewer and fewer rows" if self.trace.batch.packed else "the same shapes"
            yield f"⋯ t = {self.left_out(times, fold)}: {same}"
        if spec.bidirectional:
            half, both = write_dim(spec.state_size), write_dim(spec.output_size)
            yield f"concat lays both directions side by side: {half} + {half} = {both}"

    def notes(self) -> Iterator[str]:
        """What every picture leaves unsaid: an absent batch, dropout, tensors that are equal."""
        spec = self.trace.spec
        if self.trace.batch.unbatched:
            yield "unbatched: inside torch the batch has 1 row"
        if spec.dropout and spec.num_layers > 1:
            yield f"between layers, in training: dropout(p={spec.dropout})"
        for left, right in self.trace.equalities():
            yield f"{left} equals {right}"
