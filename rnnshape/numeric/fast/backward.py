"""Backpropagation through time as fast as NumPy gives it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ...engine.backward import Back, backward, differentiate
from ...engine.cells import Equations
from ...engine.cells import output as equation
from ...engine.walk import Tensor
from ...network.spec import Spec
from ..feed import SILENT, Array, Arrays, Feed, Result, begun, feed, with_grad_output
from ..world import BackArrays
from .backplan import Backplan, backplan
from .forward import Stretch, Sweep, as_slice, head_output, layer_weights, sweep
from .plan import Plan, UnplannedError, plan

_NUMBERS_AT_ONCE = 250_000  # of the factors of some steps: they stay in the cache


def run_backward(
    spec: Spec,
    weights: Mapping[str, Any],
    input: Any,
    h0: Any = None,
    c0: Any = None,
    *,
    grad_output: Any = None,
    lengths: Iterable[int] | None = None,
    tbptt: int | None = None,
    states: Mapping[str, Any] | None = None,
) -> tuple[Result, dict[str, Array]]:
    """What `run` gives, and the gradients of sum(output·G) as torch's autograd has them.

    grad_output is G, in output's shape, ones unless given (of a cell module in that of h'); tbptt
    K cuts the graph between t = K·m - 1 and K·m. The gradients are grad.input, grad.h0 (grad.c0)
    and grad.<parameter>, each in the shape of what it is the gradient by. Raises UsageError.
    """
    given = None if lengths is None else tuple(lengths)
    source = feed(spec, weights, input, h0, c0, given, states=states)
    return compute_backward(with_grad_output(source, grad_output), Back(tbptt).tbptt)


@SILENT
def compute_backward(source: Feed, tbptt: int | None = None) -> tuple[Result, dict[str, Array]]:
    """The result of `source`, and grad.input, grad.h0 (grad.c0) and grad.<parameter>.

    All in the caller's layout; the gradients of the head's loss, or of sum(output·grad_output).
    """
    source = begun(source)
    try:
        saved = Saved(source)
    except UnplannedError:
        world = BackArrays(source, Back(tbptt))
        deque(backward(world), maxlen=0)
        return world.result, world.gradients
    found = saved.backward(tbptt=tbptt)
    states = tuple(found.pop(f"{name}0") for name in source.spec.state_names)
    return saved.result, source.gradients(found.pop("input"), states, found)


class Saved:
    """A forward pass that keeps what its backward reads.

    result: what it computed, as `compute` gives it. In the walk's layout: output (T, N, D·R),
    final_states (D·L, N, ·), and o of a head, (T, N, K), or (1, N, K) from the final states. swept:
    by layer and direction, what is kept.
    """

    def __init__(self, source: Feed) -> None:
        self._source = source
        self.output, self.final_states, self.swept = sweep(
            source, lambda width: backplan(source.spec, width).keep
        )
        self.o = head_output(source, self.output, self.final_states[0])
        self.result: Result = source.finish(self.output, self.final_states, self.o)

    def backward(
        self,
        output: Array | None = None,
        hn: Array | None = None,
        cn: Array | None = None,
        tbptt: int | None = None,
        o: Array | None = None,
    ) -> dict[str, Array]:
        """The gradients of a loss, from its gradients for output, hn, cn and o of a head.

        output (T, N, D·R), hn (D·L, N, R), cn (D·L, N, H) and o as the head has it, all in the
        walk's layout (sorted by length where packed). Unless given, that of output is the call's
        own grad_output, that of o follows from the head's loss, and others are 0. `tbptt` K passes
        no gradient of the state between the steps K·m - 1 and K·m. Gives, by name, those of input
        (T, N, I), h0, c0, every parameter of the network, and of the head where o has one.
        """
        source, spec = self._source, self._source.spec
        dtype, directions = source.input.dtype, spec.num_directions
        states = [
            np.zeros_like(state) if given is None else np.array(given, dtype)
            for state, given in zip(self.final_states, (hn, cn))
        ]
        given = source.grad_output if output is None else output
        above = np.zeros(self.output.shape, dtype) if given is None else np.asarray(given, dtype)
        found: dict[str, Array] = {}
        if o is not None or (source.head is not None and source.head.loss is not None):
            above = above.copy()
            found = self._head(o, above, states[0])
        above = np.ascontiguousarray(above.transpose(0, 2, 1))
        below: Array | None = None
        for swept in reversed(self.swept):
            place = swept.place
            side = place.row % directions * swept.out.shape[1]
            arriving = above[:, side : side + swept.out.shape[1]]
            kinds = _Backward(source, swept, tbptt).run(
                arriving, [state[place.row] for state in states]
            )
            x = kinds.pop("x")
            below = x if below is None else below + x
            for parameter in spec.layer_parameters(place.layer, place.direction):
                found[parameter.name] = kinds[parameter.kind]
            if place.direction == "forward":
                above, below = below, None
                if place.layer and source.masks:
                    above *= source.masks[place.layer - 1].transpose(0, 2, 1)
        begun = {f"{name}0": state for name, state in zip(spec.state_names, states)}
        parameters = {name: found[name] for name in source.weights if name in found}
        return {"input": above.transpose(0, 2, 1), **begun, **parameters}

    def _head(self, do: Array | None, above: Array, hn: Array) -> dict[str, Array]:
        """The gradients of a head's parameters; those of output and hn are added to.

        By the operations themselves, on the rows of all steps at once; padding is left out.
        """
        source, spec, head = self._source, self._source.spec, self._source.head
        assert head is not None and self.o is not None
        real = np.ones(self.o.shape[:2], bool)
        if head.at == "every":
            for times, rows in source.batch.segments("forward"):
                real[times.start : times.stop, rows:] = False
            read = self.output[real]
        else:
            read = np.concatenate(self.final_states[0][-spec.num_directions :], axis=-1)

        def tensor(name: str, array: Array) -> Tensor:
            return Tensor(name, array.shape, array)

        weight, bias = (
            tensor(parameter.name, source.weights[parameter.name])
            for parameter in head.parameters(spec)
        )
        forward = Arrays()
        equations = Equations(forward)
        end = equation(equations, tensor("h", read), weight, bias, head.activation)
        if do is None:
            assert head.loss is not None
            target = (self.o if source.target is None else source.target)[real]
            count = head.compared(source.batch)
            end = equations.loss(head.loss, end, tensor("target", target), count)
            arriving = np.ones((), read.dtype)
        else:
            arriving = np.asarray(do, read.dtype)[real]
        ended = differentiate(
            tuple(forward.performed), Arrays(), {end.name: [tensor("do", arriving)]}, {}, {"target"}
        )
        dh = ended["h"].value
        if head.at == "every":
            above[real] += dh
        else:
            hn[-spec.num_directions :] += np.split(dh, spec.num_directions, axis=-1)
        return {name: ended[name].value for name in (bias.name, weight.name)}


class _Backward:
    """The backward of one layer and direction."""

    def __init__(self, source: Feed, sweep: Sweep, tbptt: int | None) -> None:
        self._sweep, self._tbptt = sweep, tbptt
        self._width = sweep.below.shape[1]
        self._back: Backplan = backplan(source.spec, self._width)
        self._spec = source.spec
        self._weights = layer_weights(source, sweep.place)
        self._dtype = source.input.dtype

    def run(self, arriving: Array, states: list[Array]) -> dict[str, Array]:
        """The gradients of the parameters by kind, and of x (T, I, N).

        arriving (T, R, N) is what comes to the layer's output. states (N, ·) come as the gradients
        of the final states and leave as those of the initial ones.
        """
        found: dict[str, Array] = {}
        packed = len(self._sweep.stretches) > 1
        if packed:
            below = np.zeros(self._sweep.below.shape, arriving.dtype)
        later: Stretch | None = None
        for stretch in reversed(self._sweep.stretches):
            rows, cut = stretch.rows, as_slice(stretch.times)
            if later is not None and self._parted(stretch.times[-1], later.times[0]):
                for state in states:
                    state[: min(rows, later.rows)] = 0
            run = _Run(self._back, self._plan(rows), self._sweep, stretch, self._weights)
            kinds = run.run(arriving[cut, :, :rows], states, self._parts(stretch.times))
            if packed:
                below[cut, :, :rows] = kinds.pop("x")
            for kind, gradient in kinds.items():
                found[kind] = found[kind] + gradient if kind in found else gradient
            later = stretch
        if packed:
            found["x"] = below
        elif self._sweep.place.direction == "reverse":
            found["x"] = found["x"][::-1]
        return found

    def _plan(self, rows: int) -> Plan:
        return plan(self._spec, self._width, rows, self._back.keep)

    def _parted(self, one: int, other: int) -> bool:
        """Whether no gradient of the state is passed between two neighbours in time."""
        return self._tbptt is not None and max(one, other) % self._tbptt == 0

    def _parts(self, times: range) -> list[int]:
        """The positions at which a new part of the graph begins."""
        return [i for i in range(1, len(times)) if self._parted(times[i - 1], times[i])]


class _Run:
    """The backward of one stretch: steps of one layer and direction on equal rows."""

    def __init__(
        self, back: Backplan, plan: Plan, sweep: Sweep, stretch: Stretch, weights: dict[str, Array]
    ) -> None:
        self._back, self._plan, self._sweep, self._stretch = back, plan, sweep, stretch
        self._weights = weights
        self._whole: dict[str, Array] = {}  # what follows the loop, by name
        self._flat: dict[str, Array] = {}  # the same, features before steps and rows
        self._stores: list[Array] = []

    def run(self, arriving: Array, states: list[Array], parts: list[int]) -> dict[str, Array]:
        """The gradients of x (steps, I, rows) and of the parameters, by kind."""
        steps, rows, dtype = len(arriving), self._stretch.rows, arriving.dtype
        back = self._back
        self._stores = [np.empty((steps, width, rows), dtype) for width in back.stores]
        constants = tuple(
            np.empty((detail, rows), dtype)
            if kind == "buffer"
            else np.asarray(self._weights[detail].T, order="A" if rows == 1 else "C").dot
            for kind, detail in back.constants.values()
        )
        now = [np.ascontiguousarray(state[:rows].T) for state in states]
        spare = [np.empty_like(state) for state in now]
        numbers = rows * sum(len(group.factors) * group.width for group in back.groups)
        most = min(steps, max(1, _NUMBERS_AT_ONCE // max(1, numbers)))
        groups = [
            np.empty((most, len(group.factors), group.width, rows), dtype) for group in back.groups
        ]
        scratch = [np.empty((most, width, rows), dtype) for width in back.scratch]
        one, zero = np.asarray(1, dtype), np.asarray(0, dtype)
        last = steps
        for first in reversed([0, *parts]):
            for stop in range(last, first, -most):
                start = max(first, stop - most)
                count = stop - start
                leaves = [self._read(name, start, stop) for name in back.leaves]
                filled = [
                    group[:count] if group.shape[1] > 1 else group[:count, 0] for group in groups
                ]
                back.factors(leaves, filled, [w[:count] for w in scratch], one, zero)
                walked = [
                    self._walked(kind, detail, filled, start, stop)[::-1]
                    for kind, detail in back.walked
                ]
                ahead = zip(*walked, arriving[start:stop][::-1])
                back.loop(ahead, now[0], spare[0], now[-1], spare[-1], constants)
                if count % 2:
                    now, spare = spare, now
            last = first
            if first:
                for state in now:
                    state[...] = 0
        for state, gradient in zip(states, now):
            state[:rows] = gradient.T
        return self._after()

    def _walked(self, kind: str, detail: Any, groups: list[Array], a: int, b: int) -> Array:
        """What the loop walks over in the steps a … b - 1."""
        if kind == "leaf":
            return self._read(detail, a, b)
        if kind == "group":
            group: Array = groups[detail]
            return group
        store, start, count, width = detail
        found: Array = self._stores[store][a:b, start : start + count * width]
        return found if count == 1 else found.reshape(b - a, count, width, found.shape[2])

    def _read(self, name: str, a: int, b: int) -> Array:
        """A tensor of the forward in the steps a … b - 1: (steps, width, rows)."""
        stretch = self._stretch
        if name in self._back.new:  # a state as the steps find it: what those before them left
            left = self._read(self._back.new[name], max(a - 1, 0), b - 1)
            return left if a else np.concatenate([self._before(name)[None], left])
        if name in self._plan.tensors:
            store, inner = self._plan.tensors[name]
            values: Array = stretch.stored[store][a:b, inner]
            return values
        whole = self._sweep.below if name == "x" else self._sweep.out
        read: Array = whole[as_slice(stretch.times[a:b]), :, : stretch.rows]
        return read

    def _after(self) -> dict[str, Array]:
        """What nothing in the loop reads, for all steps at once."""
        steps_rows = (len(self._stretch.times), self._stretch.rows)
        for op, inputs, output, _ in self._back.after:
            name, first = output.name, inputs[0].name
            if op == "concat":
                whole = np.concatenate([self._find(i.name) for i in inputs], axis=1)
            elif op == "matmul":
                product = self._weights[inputs[1].name].T @ self._rows(first)
                whole = product.reshape(len(product), *steps_rows).transpose(1, 0, 2)
            elif op == "outer":
                whole = self._rows(first) @ self._rows(inputs[1].name).T
            else:
                flat = self._rows(first)
                whole = flat @ np.ones(flat.shape[1], flat.dtype)
            self._whole[name] = whole
        return {name: self._whole[gradient] for name, gradient in self._back.gradients.items()}

    def _find(self, name: str) -> Array:
        """A tensor of all steps: (steps, width, rows)."""
        if name in self._whole:
            return self._whole[name]
        if name not in self._back.places:
            return self._read(name, 0, len(self._stretch.times))
        store, start, width = self._back.places[name]
        return self._stores[store][:, start : start + width]

    def _rows(self, name: str) -> Array:
        """A tensor of all steps: (width, steps·rows)."""
        if name not in self._flat:
            steps, rows = len(self._stretch.times), self._stretch.rows
            if rows == 1:  # a view, which a matrix product takes as it is
                flat = self._find(name)[:, :, 0].T
            elif name in self._back.new:
                before, left = self._before(name), self._find(self._back.new[name])
                flat = np.empty((len(before), steps, rows), left.dtype)
                flat[:, 0], flat[:, 1:] = before, left[:-1].transpose(1, 0, 2)
            else:
                flat = self._find(name).transpose(1, 0, 2)
            self._flat[name] = flat.reshape(len(flat), steps * rows)
        return self._flat[name]

    def _before(self, name: str) -> Array:
        """A state as the first step finds it."""
        return self._stretch.states[list(self._back.new).index(name)]
