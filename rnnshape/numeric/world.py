"""The walks with true numbers: forward, its states kept so that a step can be told, and back.

Kept are the states alone, h and c of every step: what else a step computes is computed again when
that one step is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..engine.backward import WHOLE, Back, BackWorld, Forward
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
from ..network.dims import Dim
from .feed import MOST_NUMBERS, MOST_WALKED, Array, Arrays, Feed, Result, begun, check_steps


class _Numbers(World):
    """What is given to a walk, with its arrays."""

    def __init__(self, source: Feed) -> None:
        super().__init__(source.spec, source.batch, source.head)
        self._feed = source

    def interpreter(self) -> Shapes:
        """NumPy's arrays."""
        return Arrays()

    def parameter(self, name: str) -> Array:
        """The value of a parameter."""
        return self._feed.weights[name]

    def initial(self, place: Pass) -> tuple[Tensor, ...]:
        """The rows of h0 (and c0) that belong to a pass."""
        return tuple(
            tensor._replace(value=state[place.row])
            for tensor, state in zip(super().initial(place), self._feed.states, strict=True)
        )

    def target(self, t: int | str, rows: Dim) -> Tensor:
        """What o is compared with."""
        tensor, value = super().target(t, rows), self._feed.target_at(t)
        return tensor if value is None else tensor._replace(value=value[: tensor.shape[0]])


class ArrayWorld(_Numbers):
    """A walk's tensors with their arrays; `result` is complete once the walk has ended."""

    repeats = False

    def __init__(self, source: Feed) -> None:
        super().__init__(source)
        check_steps(source.spec, len(source.input), MOST_WALKED, "values")
        self._below = source.input
        steps, rows = source.input.shape[:2]
        width: Any = source.spec.output_size
        self._output = np.zeros((steps, rows, width), source.input.dtype)
        self._states = tuple(state.copy() for state in source.states)
        self._layer = 0
        if source.head is not None:
            size: Any = source.head.size
            times = steps if source.head.at == "every" else 1
            self._o = np.zeros((times, rows, size), source.input.dtype)

    def x(self, place: Pass, t: int | str, rows: Dim) -> Tensor:
        """The input, or what the layer below left."""
        if place.layer != self._layer:
            masks = self._feed.masks
            self._below = self._output * masks[self._layer] if masks else self._output
            self._layer = place.layer
            self._output = np.zeros_like(self._output)
        value = self._below[t, :rows]  # type: ignore[index]
        return super().x(place, t, rows)._replace(shape=value.shape, value=value)

    def keep(self, place: Pass, t: int | str, state: tuple[Tensor, ...], output: Tensor) -> None:
        """Lay h into the layer's output, and h and c into hn and cn.

        A shorter sequence of a packed batch is not written again after its own last step.
        """
        rows, width = output.value.shape
        side = place.row % self.spec.num_directions
        self._output[t, :rows, side * width : (side + 1) * width] = output.value  # type: ignore[index]
        for whole, tensor in zip(self._states, state, strict=True):
            whole[place.row, :rows] = tensor.value

    def top(self, t: int | str, rows: Dim) -> tuple[Tensor, ...]:
        """What the head reads at t, with its values."""
        read = super().top(t, rows)
        if self.head is None or self.head.at == "every":
            return (read[0]._replace(value=self._output[t, :rows]),)  # type: ignore[index]
        rows_read = range(-len(read), 0)
        state = self._states[self.spec.state_names.index(self.spec.output_state)]
        return tuple(
            tensor._replace(value=state[row]) for row, tensor in zip(rows_read, read, strict=True)
        )

    def keep_output(self, t: int | str, o: Tensor) -> None:
        """Lay o into its place; behind the end of a packed sequence it is 0, as output is."""
        every = self._feed.head is not None and self._feed.head.at == "every"
        self._o[t if every else 0, : len(o.value)] = o.value  # type: ignore[index]

    @property
    def result(self) -> Result:
        """Output and final states in the caller's layout."""
        o = None if self._feed.head is None else self._o
        return self._feed.finish(self._output, self._states, o)


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


class _Reading(_Numbers):
    """The world of one step: it finds what the walk left in the store."""

    def __init__(self, source: Feed, store: Store) -> None:
        super().__init__(source)
        self._store = store

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

    def _final(self, place: Pass) -> Array:
        """The last h of a pass (N, R): of a packed batch each sequence's own."""
        h = self._store[place.row].output
        if place.direction == "reverse":
            first: Array = h[0]
            return first
        lengths = sorted(self.batch.lengths or [len(h)] * h.shape[1], reverse=True)
        final: Array = h[[length - 1 for length in lengths], range(len(lengths))]
        return final


class Recording:
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

    def with_source(self, source: Feed) -> Recording:
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
        steps = walk_pass(
            reading, place, row * length, lambda run: (run.index(t),) if t in run else ()
        )
        return next(steps)


class BackArrays(BackWorld):
    """The gradients with their arrays; `gradients` is complete once the walk has ended.

    The forward walk is done first and keeps its states; what else a step computed is computed
    again when its gradient is asked for. `recording` is that walk where it has been done, over
    the same numbers as `source`.
    """

    repeats = False

    def __init__(
        self, source: Feed, back: Back = WHOLE, recording: Recording | None = None
    ) -> None:
        super().__init__(source.spec, source.batch, source.head, back)
        self._feed = source = begun(source)
        self._recording = recording.with_source(source) if recording else Recording(source)
        self._recording.run()
        spec, dtype = source.spec, source.input.dtype
        steps, rows = source.input.shape[:2]
        self._weights = {name: np.zeros_like(array) for name, array in source.weights.items()}
        self._states = tuple(np.zeros_like(state) for state in source.states)
        self._input = np.zeros_like(source.input)
        width, final = (int(size) for size in (spec.output_size, spec.state_size))  # type: ignore[arg-type]
        self._dx = {
            direction: np.zeros((spec.num_layers, steps, rows, width), dtype)
            for direction in spec.directions
        }
        self._output = np.zeros((steps, rows, width), dtype)
        names = (f"d{spec.output_state}n[{row}]" for row in (-1, -2))
        self._final = {name: np.zeros((rows, final), dtype) for name in names}
        self._after: dict[str, Array] = {}

    def interpreter(self) -> Shapes:
        """NumPy's arrays."""
        return Arrays()

    def forward(self, place: Pass) -> Forward:
        """The records of the forward steps of a pass, with their values."""
        return lambda times, position: (
            self._recording.step(place.layer, place.direction, times[position]).record
        )

    def above(self, place: Pass, t: int | str, rows: Dim) -> dict[str, Tensor]:
        """What comes to a layer's output at t, with its values."""
        found = super().above(place, t, rows)
        if place.layer + 1 < self.spec.num_layers:
            parts = [self._dx[direction][place.layer + 1] for direction in self.spec.directions]
        else:
            given = self._feed.grad_output
            parts = [self._output if given is None else given]
        return {
            source: tensor._replace(value=part[t, :rows])
            for (source, tensor), part in zip(found.items(), parts)
        }

    def final(self, place: Pass, rows: Dim) -> tuple[Tensor, ...]:
        """What comes to the final states, with its values."""
        found = super().final(place, rows)
        return tuple(tensor._replace(value=self._final[tensor.name]) for tensor in found)

    def after(self, place: Pass, rows: Dim) -> tuple[Tensor, ...]:
        """What the step after passed on, with its values."""
        found = super().after(place, rows)
        return tuple(
            tensor._replace(value=self._after.get(name, self._zeros(tensor)))
            for tensor, name in zip(found, self.spec.state_names, strict=True)
        )

    def _zeros(self, tensor: Tensor) -> Array:
        shape: Any = tensor.shape
        return np.zeros(shape, self._input.dtype)

    def mask(self, place: Pass, t: int | str, rows: Dim) -> Tensor | None:
        """What dropout multiplied a layer's output with."""
        if not self._feed.masks or place.layer + 1 == self.spec.num_layers:
            return None
        value = self._feed.masks[place.layer][t, :rows]  # type: ignore[index]
        return Tensor("mask[{t}]", value.shape, value)

    def so_far(self, place: Pass) -> Mapping[str, Tensor]:
        """The gradients of a pass's parameters up to now."""
        return {
            name: tensor._replace(value=self._weights[name])
            for name, tensor in super().so_far(place).items()
        }

    def keep(self, place: Pass, t: int | str, gradients: Mapping[str, Tensor]) -> None:
        """Lay the gradients of what a step read into their places."""
        super().keep(place, t, gradients)
        for name in self._weights.keys() & gradients.keys():
            self._weights[name] = gradients[name].value
        if place.direction == HEAD:
            for name, gradient in gradients.items():
                if f"d{name}" in self._final:
                    self._final[f"d{name}"] = gradient.value
                elif name not in self._weights:
                    self._output[t, : len(gradient.value)] = gradient.value  # type: ignore[index]
            return
        read = gradients.get(self.read(place))
        if read is not None:  # a cell may leave its input alone
            dx = read.value
            if place.layer:
                self._dx[place.direction][place.layer][t, : len(dx)] = dx
            else:
                self._input[t, : len(dx)] += dx  # type: ignore[index]
        for name, whole in zip(self.begun(place), self._states):
            begun = gradients.get(name)
            if begun is not None:
                whole[place.row] += begun.value
        names = {name: f"{name}_{{p}}" for name in self.spec.state_names}
        self._after = {n: gradients[p].value for n, p in names.items() if p in gradients}

    @property
    def result(self) -> Result:
        """Output and final states of the forward walk."""
        return self._recording.result

    @property
    def gradients(self) -> dict[str, Array]:
        """grad.input, grad.h0 (grad.c0) and grad.<parameter>, in the caller's layout."""
        return self._feed.gradients(self._input, self._states, self._weights)
