"""Output and final states in numbers, as fast as NumPy gives them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...engine.ops import OPERATIONS
from ...engine.walk import Pass as Place
from ...engine.walk import passes, walk
from ...network.spec import Spec
from ..feed import MOST_STEPS, SILENT, Array, Feed, Result, check_steps, feed
from ..world import ArrayWorld
from .plan import Pass, UnplannedError, plan

_NUMBERS_AHEAD = 1_000_000  # of what is computed ahead of the steps: it stays in the cache


def run(
    spec: Spec,
    weights: Mapping[str, Any],
    input: Any,
    h0: Any = None,
    c0: Any = None,
    *,
    lengths: Iterable[int] | None = None,
    states: Mapping[str, Any] | None = None,
) -> Result:
    """What torch's module computes, with NumPy: `output, hn = run(spec, weights, input)`.

    weights: torch's names to arrays; input (T, N, I), (N, T, I) with batch_first, (T, I)
    unbatched; h0 (D·L, N, R) and c0 (D·L, N, H), zeros unless given. An lstm gives
    `output, (hn, cn)`. With `lengths`, input and output are padded batches, padding 0. `states`
    are those of a written cell by name. Computed in the weights' dtype. Raises UsageError.
    """
    given = None if lengths is None else tuple(lengths)
    return compute(feed(spec, weights, input, h0, c0, given, states=states))


@dataclass
class Stretch:
    """What a backward reads of a run of steps on equal rows, features before rows.

    states: h (R, rows), and c of an lstm, as the first step finds them; stored: by buffer of the
    plan (steps, width, rows), in the order of `times`.
    """

    times: range
    rows: int
    states: list[Array]
    stored: dict[str, Array] = field(default_factory=dict)


@dataclass
class Sweep:
    """A layer in one direction, with what a backward reads of it.

    below (T, I, N) is what it read and out (T, R, N) what it put out, features before rows.
    """

    place: Place
    below: Array
    out: Array
    stretches: list[Stretch]


Keep = Callable[[int], frozenset[str]]  # a layer's input width to the tensors that it keeps


@SILENT
def compute(source: Feed) -> Result:
    """The walk over `source`, each layer and direction by its plan; features lie before rows.

    A cell that has no plan is walked step by step.
    """
    try:
        output, finals, _ = sweep(source, None)
    except UnplannedError:
        world = ArrayWorld(source)
        deque(walk(world), maxlen=0)
        return world.result
    h = finals[source.spec.state_names.index(source.spec.output_state)]
    return source.finish(output, finals, head_output(source, output, h))


def sweep(source: Feed, keep: Keep | None) -> tuple[Array, tuple[Array, ...], list[Sweep]]:
    """Output (T, N, D·R) and final states (D·L, N, ·); with `keep`, what a backward reads."""
    spec, batch = source.spec, source.batch
    check_steps(spec, len(source.input), MOST_STEPS, "values")
    steps, size, _ = source.input.shape
    below = _with_ones(source.input.transpose(0, 2, 1))
    above = below
    finals = tuple(state.copy() for state in source.states)
    swept: list[Sweep] = []
    for place in passes(spec):
        if place.direction == "forward":
            if place.layer:
                below = above
                if source.masks:
                    below = above if keep is None else above.copy()
                    below[:, :-1] *= source.masks[place.layer - 1].transpose(0, 2, 1)
            above = np.zeros((steps, spec.output_size + 1, size), below.dtype)
            above[:, -1] = 1
        width: Any = spec.state_size
        side = width if place.direction == "reverse" else 0
        sweep = Sweep(place, below, above[:, side : side + width], [])
        states = [np.ascontiguousarray(final[place.row].T) for final in finals]
        for times, rows in batch.segments(place.direction):
            found = [state[:, :rows].copy() for state in states] if keep else []
            stretch = Stretch(times, rows, found)  # type: ignore[arg-type]
            names = keep(below.shape[1] - 1) if keep else frozenset()
            _segment(source, sweep, states, stretch, names)
            sweep.stretches.append(stretch)
            for final, state in zip(finals, states):
                final[place.row, :rows] = state[:, :rows].T
        if keep is not None:
            sweep.below = below[:, :-1]
            swept.append(sweep)
    return above[:, :-1].transpose(0, 2, 1), finals, swept


def layer_weights(source: Feed, place: Place) -> dict[str, Array]:
    """weight_ih, weight_hh, … of one layer and direction."""
    parameters = source.spec.layer_parameters(place.layer, place.direction)
    return {parameter.kind: source.weights[parameter.name] for parameter in parameters}


def head_output(source: Feed, output: Array, h: Array) -> Array | None:
    """What the head makes of output (T, N, D·R), or of the last layer's final h (D·L, N, R)."""
    head, spec = source.head, source.spec
    if head is None:
        return None
    every = head.at == "every"
    read = output if every else np.concatenate(h[-spec.num_directions :], axis=-1)[None]
    parameters = (source.weights["head.weight"], source.weights["head.bias"])
    o: Array = OPERATIONS["linear"].array(np, (read, *parameters), ())
    if head.activation != "none":
        o = OPERATIONS[head.activation].array(np, (o,), ())
    if every and source.batch.packed:
        for row, index in enumerate(source.batch.order):
            o[(source.batch.lengths or ())[index] :, row] = 0
    return o


def _segment(
    source: Feed, sweep: Sweep, states: list[Array], stretch: Stretch, keep: frozenset[str]
) -> None:
    """The steps of a stretch; `states` hold what they leave."""
    below, out, (times, rows) = sweep.below, sweep.out, (stretch.times, stretch.rows)
    weights = layer_weights(source, sweep.place)
    compiled = plan(source.spec, below.shape[1] - 1, rows, keep)
    ready = Pass(compiled, weights, rows, below.dtype)
    stretch.stored = _arrays(compiled.stored, len(times), rows, below.dtype)
    whole = rows == below.shape[2]
    now = [state if whole else np.ascontiguousarray(state[:, :rows]) for state in states]
    place = source.spec.state_names.index(source.spec.output_state)
    h, c = now[place], now[-1 - place]
    spare = np.empty_like(c)
    height = sum(map(len, ready.ahead.values()))
    highest = max(1, _NUMBERS_AHEAD // max(1, rows * height))
    for start in range(0, len(times), highest):
        part = times[start : start + highest]
        cut = as_slice(part)
        inside, outside = below[cut], out[cut]
        if not whole:
            inside = np.ascontiguousarray(inside[:, :, :rows])
            outside = np.empty((len(part), out.shape[1], rows), out.dtype)
        stored = {n: array[start : start + highest] for n, array in stretch.stored.items()}
        places = [stored[name][:, inner] for name, inner in compiled.places]
        ahead = zip(*ready.products(inside, stored), *places, outside)
        h, c = compiled.loop(ahead, h, c, spare, ready.constants)
        if len(part) % 2:
            spare = np.empty_like(c)
        if not whole:
            out[cut, :, :rows] = outside
    states[place][:, :rows] = h
    if len(states) > 1:
        states[-1 - place][:, :rows] = c


def _arrays(widths: dict[str, int], steps: int, rows: int, dtype: Any) -> dict[str, Array]:
    """An array (steps, width, rows) for each, in one piece of memory: it is had faster."""
    whole = np.empty(steps * rows * sum(widths.values()), dtype)
    arrays, end = {}, 0
    for name, width in widths.items():
        start, end = end, end + steps * width * rows
        arrays[name] = whole[start:end].reshape(steps, width, rows)
    return arrays


def as_slice(times: range) -> slice:
    """Times in walking order as a slice of the first axis."""
    stop = times.stop if times.stop >= 0 else None
    return slice(times.start, stop, times.step)


def _with_ones(x: Array) -> Array:
    """(steps, width, rows) with a last feature of ones, which the biases are multiplied with."""
    steps, width, rows = x.shape
    extended = np.empty((steps, width + 1, rows), x.dtype)
    extended[:, :-1] = x
    extended[:, -1] = 1
    return extended
