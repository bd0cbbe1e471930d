"""A walk in numbers whose states are kept, so that any of its steps can be told again at once.

Kept are the states alone, h and c of every step: what else a step computes is computed again
when that one step is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import copy
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..engine.walk import (
    HEAD,
    Pass,
    Shapes,
    Step,
    Tensor,
    World,
    head_pass,
    layer_passes,
    passes,
    walk,
    walk_pass,
)
from ..errors import UsageError
from ..network.dims import Dim, Shape, needs_numbers
from .feed import Array, Arrays, ArrayWorld, Feed, Result, with_target

MOST_NUMBERS = 500_000_000  # 2 GB as float32


def check_numbers(shapes: Iterable[Shape], **sizes: Dim) -> None:
    """Refuse sizes that are symbols, and shapes too large to be drawn at random."""
    for name, size in sizes.items():
        if not isinstance(size, int):
            raise needs_numbers(name, size)
    known: Any = shapes
    total = sum(prod(shape) for shape in known)
    if total > MOST_NUMBERS:
        raise UsageError(
            f"sizes: expected at most {MOST_NUMBERS:,} numbers to draw at random",
            got=f"{total:,}",
            fix="give smaller sizes; shapes without values need no memory for them",
        )


class _Steps(NamedTuple):
    """What the steps of a layer and direction leave: (T, N, …) of each state, and of the output."""

    states: tuple[Array, ...]
    output: Array  # of torch's networks the first of the states


Store = dict[int, _Steps]  # by row


class _Writing(ArrayWorld):
    """The walk that fills the store."""

    def __init__(self, source: Feed, store: Store) -> None:
        super().__init__(source)
        self._store = store

    def keep(self, place: Pass, t: int | str, state: tuple[Tensor, ...], output: Tensor) -> None:
        """Also lay the state into the store."""
        super().keep(place, t, state, output)
        store = self._store[place.row]
        for whole, tensor in zip(store.states, state, strict=True):
            whole[t, : len(tensor.value)] = tensor.value  # type: ignore[index]
        if not self.spec.output_state:
            store.output[t, : len(output.value)] = output.value  # type: ignore[index]


class _Reading(World):
    """The world of one step: it finds what the walk left in the store."""

    def __init__(self, source: Feed, store: Store) -> None:
        super().__init__(source.spec, source.batch, source.head)
        self._feed, self._store = source, store

    def interpreter(self) -> Shapes:
        """NumPy's arrays."""
        return Arrays()

    def parameter(self, name: str) -> Array:
        """The value of a parameter."""
        return self._feed.weights[name]

    def _output(self, layer: int, t: int | str, rows: Any) -> Array:
        """What a layer left at t: (rows, D·R)."""
        places = layer_passes(self.spec, layer)
        parts = [self._store[place.row].output[t, :rows] for place in places]  # type: ignore[index]
        return np.concatenate(parts, axis=-1)

    def x(self, place: Pass, t: int | str, rows: Dim) -> Tensor:
        """The input, or what the layer below left."""
        if place.layer == 0:
            value = self._feed.input[t, :rows]  # type: ignore[index]
        else:
            value = self._output(place.layer - 1, t, rows)
            if self._feed.masks:
                value = value * self._feed.masks[place.layer - 1][t, :rows]  # type: ignore[index]
        return super().x(place, t, rows)._replace(value=value)

    def initial(self, place: Pass) -> tuple[Tensor, ...]:
        """The rows of h0 (and c0) that belong to a pass."""
        return tuple(
            tensor._replace(value=state[place.row])
            for tensor, state in zip(super().initial(place), self._feed.states, strict=True)
        )

    def found(
        self, place: Pass, previous: int | str | None, state: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        """The state with the values that the step before it left."""
        if previous is None:
            return state
        return tuple(
            tensor._replace(value=whole[previous, : tensor.shape[0]])  # type: ignore[index]
            for tensor, whole in zip(state, self._store[place.row].states, strict=True)
        )

    def top(self, t: int | str, rows: Dim) -> tuple[Tensor, ...]:
        """What the head reads at t, with its values."""
        read = super().top(t, rows)
        last = self.spec.num_layers - 1
        if self.head is None or self.head.at == "every":
            return (read[0]._replace(value=self._output(last, t, rows)),)
        rows_read = layer_passes(self.spec, last)
        return tuple(
            tensor._replace(value=self._final(place))
            for tensor, place in zip(read, rows_read, strict=True)
        )

    def target(self, t: int | str, rows: Dim) -> Tensor:
        """What o is compared with."""
        return with_target(super().target(t, rows), self._feed, t)

    def _final(self, place: Pass) -> Array:
        """The last h of a pass (N, R): of a packed batch each sequence's own."""
        h = self._store[place.row].output
        if place.direction == "reverse":
            first: Array = h[0]
            return first
        lengths = sorted(self.batch.lengths or [len(h)] * h.shape[1], reverse=True)
        final: Array = h[[length - 1 for length in lengths], range(len(lengths))]
        return final


class Kept:
    """The steps of a walk over `source`; `run` walks it, a little at a time where that is wanted.

    Raises UsageError where the states would not fit into memory.
    """

    def __init__(self, source: Feed) -> None:
        self.source = source
        self.done = 0  # steps walked so far
        spec, (length, rows, _) = source.spec, source.input.shape
        shapes: list[Any] = [spec.state_shape(name) for name in spec.state_names]
        outside: list[Any] = [] if spec.output_state else [(spec.state_size,)]
        needed = sum(map(prod, shapes + outside)) * length * rows
        needed *= spec.num_layers * spec.num_directions
        if needed > MOST_NUMBERS:
            raise UsageError(
                f"values: expected at most {MOST_NUMBERS:,} numbers in all states of the walk",
                got=f"{needed:,}",
                fix="give a shorter sequence, a smaller batch or fewer layers",
            )
        dtype = source.input.dtype
        self._store: Store = {}
        for place in passes(spec):
            arrays = [np.zeros((length, rows, *shape), dtype) for shape in shapes + outside]
            output = -1 if outside else spec.state_names.index(spec.output_state)
            self._store[place.row] = _Steps(tuple(arrays[: len(shapes)]), arrays[output])
        self._world = _Writing(source, self._store)
        self._walk: Iterator[Step] = walk(self._world)

    def run(self, most: int | None = None) -> bool:
        """Walk `most` steps further, or all; whether the walk has ended."""
        for _ in range(most) if most is not None else iter(int, 1):
            if next(self._walk, None) is None:
                return True
            self.done += 1
        return False

    @property
    def result(self) -> Result:
        """Output and final states, once the walk has ended."""
        return self._world.result

    def finite(self, place: Pass, t: int) -> bool:
        """Whether the state that a step left has grown to no infinity."""
        return all(bool(np.isfinite(whole[t]).all()) for whole in self._store[place.row].states)

    def told(self, source: Feed) -> Kept:
        """The same walk, whose steps are told with the loss of `source`."""
        other = copy(self)
        other.source = source
        return other

    def step(self, layer: int, direction: str, t: int) -> Step:
        """One step that has been walked, with the values of its intermediates."""
        spec, length = self.source.spec, len(self.source.input)
        row = spec.num_directions * (spec.num_layers if direction == HEAD else layer)
        row += direction == "reverse"
        place = head_pass(spec) if direction == HEAD else Pass(layer, direction, row)
        reading = _Reading(self.source, self._store)
        told = walk_pass(
            reading, place, row * length, lambda run: (run.index(t),) if t in run else ()
        )
        return next(told)
