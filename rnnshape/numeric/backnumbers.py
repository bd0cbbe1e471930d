"""The walk in reverse with true numbers: every gradient of a step has its value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..engine.backward import WHOLE, Back, BackWorld, Forward
from ..engine.walk import HEAD, Pass, Shapes, Tensor
from ..network.dims import Dim
from .feed import Array, Arrays, Feed, Result
from .kept import Kept
from .loss import begun


class BackArrays(BackWorld):
    """The gradients with their arrays; `gradients` is complete once the walk has ended.

    The forward walk is done first and keeps its states; what else a step computed is computed
    again when its gradient is asked for. `kept` is that walk where it has been done, over the same
    numbers as `source`.
    """

    repeats = False

    def __init__(self, source: Feed, back: Back = WHOLE, kept: Kept | None = None) -> None:
        super().__init__(source.spec, source.batch, source.head, back)
        self._feed = source = begun(source)
        self._kept = kept.told(source) if kept else Kept(source)
        self._kept.run()
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
            self._kept.step(place.layer, place.direction, times[position]).record
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
        return self._kept.result

    @property
    def gradients(self) -> dict[str, Array]:
        """grad.input, grad.h0 (grad.c0) and grad.<parameter>, in the caller's layout."""
        return self._feed.gradients(self._input, self._states, self._weights)
