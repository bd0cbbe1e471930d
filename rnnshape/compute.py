"""Output and final states in numbers, as fast as NumPy gives them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .arrays import Array, Feed, Result, feed
from .ops import OPERATIONS
from .plan import Pass, plan
from .spec import Spec
from .walk import passes

_NUMBERS_AHEAD = 1_000_000  # of what is computed ahead of the steps: it stays in the cache


def run(
    spec: Spec,
    weights: Mapping[str, Any],
    input: Any,
    h0: Any = None,
    c0: Any = None,
    *,
    lengths: Iterable[int] | None = None,
) -> Result:
    """What torch's module computes, with NumPy: `output, hn = run(spec, weights, input)`.

    weights: torch's names to arrays; input (T, N, I), (N, T, I) with batch_first, (T, I)
    unbatched; h0 (D·L, N, R) and c0 (D·L, N, H), zeros unless given. An lstm gives
    `output, (hn, cn)`. With `lengths`, input and output are padded batches, padding 0. Computed in
    the weights' dtype. Raises UsageError.
    """
    return compute(feed(spec, weights, input, h0, c0, None if lengths is None else tuple(lengths)))


def compute(source: Feed) -> Result:
    """The walk over `source`, each layer and direction by its plan; features lie before rows."""
    spec, batch = source.spec, source.batch
    steps, size, _ = source.input.shape
    below = _with_ones(source.input.transpose(0, 2, 1))
    above = below
    finals = tuple(state.copy() for state in source.states)
    for place in passes(spec):
        if place.direction == "forward":
            if place.layer:
                below = above
                if source.masks:
                    below[:, :-1] *= source.masks[place.layer - 1].transpose(0, 2, 1)
            above = np.zeros((steps, spec.output_size + 1, size), below.dtype)
            above[:, -1] = 1
        weights = {
            parameter.kind: source.weights[parameter.name]
            for parameter in spec.layer_parameters(place.layer, place.direction)
        }
        width: Any = spec.state_size
        side = width if place.direction == "reverse" else 0
        out = above[:, side : side + width]
        states = [np.ascontiguousarray(final[place.row].T) for final in finals]
        for times, rows in batch.segments(place.direction):
            _segment(spec, weights, below, out, states, times, rows)  # type: ignore[arg-type]
            for final, state in zip(finals, states):
                final[place.row, :rows] = state[:, :rows].T
    output = above[:, :-1].transpose(0, 2, 1)
    return source.finish(output, finals, head_output(source, output, finals[0]))


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
    spec: Spec,
    weights: dict[str, Array],
    below: Array,
    out: Array,
    states: list[Array],
    times: range,
    rows: int,
) -> None:
    """The steps of `times`, all on the first `rows` sequences; `states` hold what they leave."""
    width = below.shape[1] - 1
    ready = Pass(plan(spec, width, rows), weights, rows, below.dtype)
    whole = rows == below.shape[2]
    now = [state if whole else np.ascontiguousarray(state[:, :rows]) for state in states]
    h, c = now[0], now[-1]
    spare = np.empty_like(c)
    highest = max(1, _NUMBERS_AHEAD // max(1, rows * len(weights["weight_ih"])))
    for start in range(0, len(times), highest):
        part = times[start : start + highest]
        cut = _slice(part)
        inside, outside = below[cut], out[cut]
        if not whole:
            inside = np.ascontiguousarray(inside[:, :, :rows])
            outside = np.empty((len(part), out.shape[1], rows), out.dtype)
        ahead = zip(*ready.products(inside), outside)
        h, c = ready.plan.loop(ahead, h, c, spare, ready.constants)
        if len(part) % 2:
            spare = np.empty_like(c)
        if not whole:
            out[cut, :, :rows] = outside
    states[0][:, :rows] = h
    if len(states) > 1:
        states[1][:, :rows] = c


def _slice(times: range) -> slice:
    stop = times.stop if times.stop >= 0 else None
    return slice(times.start, stop, times.step)


def _with_ones(x: Array) -> Array:
    """(steps, width, rows) with a last feature of ones, which the biases are multiplied with."""
    steps, width, rows = x.shape
    extended = np.empty((steps, width + 1, rows), x.dtype)
    extended[:, :-1] = x
    extended[:, -1] = 1
    return extended
