"""How a gradient vanishes or explodes on its way back through time.

`flow` gives the norm of the Jacobian ∂h_T/∂h_t of each layer and direction: the identity is walked
back through the steps, by the gradients of the operations, as many rows as h has numbers.
`Arriving` gives the norm of the gradient of a loss at each h. Source: Pascanu, Mikolov, Bengio,
On the difficulty of training recurrent neural networks, 2013, where the factors of the product
∂h_T/∂h_t are bounded by their spectral norm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from ..engine.backward import WHOLE, Back, backward, differentiate
from ..engine.cells import INPUT, NUMBER
from ..engine.walk import Pass, Performed, Record, Tensor, passes
from ..errors import UsageError
from ..network.batch import Batch
from ..network.dims import total
from ..network.spec import Spec
from ..numeric.feed import Array, Arrays, Feed, with_grad_output
from ..numeric.random import drawn_weights
from ..numeric.world import BackArrays, Recording

MOST_TIMES = 200  # at which the norm is taken
_NORMS = 15_000  # rows of all Jacobians whose norm is taken: fewer times of a wide h
_MOST_MACS = 300_000_000_000  # a minute or two
_MOST_STEPS = 100_000  # half a minute


@dataclass(frozen=True)
class Curve:
    """‖∂h_T/∂h_t‖₂ of one layer and direction of a network.

    t: times in their order; norm: at each of them, 1 at the step that is read last (h_T is what it
    leaves), infinite where the numbers end. It is the derivative through all paths of that
    layer's recurrence, an lstm's c too; what layers above make of h does not count.
    """

    name: str
    layer: int
    direction: str
    t: tuple[int, ...]
    norm: tuple[float, ...]

    @property
    def back(self) -> list[tuple[int, float]]:
        """Steps from the last one back, and the norm there; in the order of the way back."""
        pairs = list(zip(self.t, self.norm))
        if self.direction == "forward":
            return [(self.t[-1] - t, norm) for t, norm in reversed(pairs)]
        return [(t - self.t[0], norm) for t, norm in pairs]

    @property
    def reach(self) -> tuple[int, float]:
        """The step furthest back that the gradient comes to as a number above 0, and its norm."""
        return [(n, norm) for n, norm in self.back if 0 < norm < float("inf")][-1]

    @property
    def factor(self) -> float:
        """What a step back multiplies the norm with, the geometric mean over `reach`."""
        steps, norm = self.reach
        return float(norm ** (1 / steps)) if steps else 1.0


def flow(source: Feed, name: str, back: Back = WHOLE) -> Iterator[Curve]:
    """The curve of each layer and direction, for the first sequence of the walk: the first of a
    batch, the longest of a packed one. In float64. Raises UsageError where it would take too long.
    """
    one = first_sequence(source)
    recording = Recording(one)
    with np.errstate(over="ignore", invalid="ignore"):  # what explodes ends as infinite
        recording.run()
    for place in passes(one.spec):
        with np.errstate(over="ignore", invalid="ignore"):
            curve = _curve(recording, place, name, back)
        yield curve


def first_sequence(source: Feed) -> Feed:
    """The first sequence of the walk alone, in float64 and without a head."""
    spec, length = source.spec, len(source.input)
    parameters = [parameter.name for parameter in spec.parameter_list()]
    return Feed(
        spec,
        Batch(size=1, seq_len=length),
        {name: source.weights[name].astype(float) for name in parameters},
        source.input[:, :1].astype(float),
        tuple(state[:, :1].astype(float) for state in source.states),
        tuple(mask[:, :1].astype(float) for mask in source.masks),
    )


def check_work(sources: list[Feed]) -> None:
    """Refuse an empty batch, and what would take minutes. Raises UsageError."""
    steps, macs = 0, 0
    for source in sources:
        if not source.input.shape[1]:
            raise UsageError("--flow: expected a sequence in the batch", got="a batch of 0",
                             fix="--batch-size 1")  # fmt: skip
        spec, length = source.spec, len(source.input)
        width = _width(spec)
        lanes = spec.num_layers * spec.num_directions
        norms = 10 * len(_times(length, width)) * width**3
        steps += lanes * length
        if spec.equations is None:
            weights: Any = spec.gates * spec.hidden_size * width
        else:  # a gradient costs about twice the forward
            weights = 2 * total(p.count for p in spec.layer_parameters(0, "forward"))
        macs += lanes * (length * width * weights + norms)
    for what, limit, got in (("steps", _MOST_STEPS, steps),
                             ("multiply-accumulates", _MOST_MACS, macs)):  # fmt: skip
        if got > limit:
            raise UsageError(
                f"--flow: expected at most {limit:,} {what} over all curves",
                got=f"{got:,}",
                fix="give a smaller --seq-len, --hidden-size or fewer --layers",
            )


def followed(spec: Spec) -> str:
    """The state whose gradient is followed: what the layer puts out, or else the first."""
    return spec.output_state or spec.state_names[0]


def _width(spec: Spec) -> int:
    """How many numbers that state has."""
    shape: Any = spec.state_shape(followed(spec))
    return prod(shape)


def _times(length: int, width: int) -> list[int]:
    """The steps back at which the norm is taken: all, or evenly spread with both ends."""
    most = max(20, min(MOST_TIMES, _NORMS // max(1, width)))
    if length <= most:
        return list(range(length))
    return sorted({round(number * (length - 1) / (most - 1)) for number in range(most)})


def _curve(recording: Recording, place: Pass, name: str, back: Back) -> Curve:
    """Walk the identity back from the step that a pass reads last."""
    spec, length = recording.source.spec, len(recording.source.input)
    width = _width(spec)
    reverse = place.direction == "reverse"
    order = range(length) if reverse else range(length - 1, -1, -1)
    measured = set(_times(length, width))
    jacobian: Array = np.eye(width)
    arriving: dict[str, list[Tensor]] = {}
    found: list[tuple[int, float]] = []
    for steps, t in enumerate(order):
        if steps:
            if back.cut(t, order[steps - 1]):
                jacobian = np.zeros_like(jacobian)
            else:
                arriving = _one_back(recording, place, order[steps - 1], arriving, jacobian)
                jacobian = _followed(spec, arriving, jacobian)
                if not recording.finite(place, order[steps - 1]):
                    jacobian = np.full_like(jacobian, np.inf)
        ended = not jacobian.any() or not np.isfinite(jacobian).all()
        if steps in measured or ended:
            found.append((t, _norm(jacobian)))
        if ended:  # from here back all are the same
            later = (n for n in sorted(measured) if n > steps)
            found += [(order[n], found[-1][1]) for n in later]
            break
    found.sort()
    return Curve(name, place.layer, place.direction,
                 tuple(t for t, _ in found), tuple(norm for _, norm in found))  # fmt: skip


def _one_back(
    recording: Recording, place: Pass, t: int, arriving: dict[str, list[Tensor]], jacobian: Array
) -> dict[str, list[Tensor]]:
    """What the step at t passes back of what arrives at its h, and at its c: (R, R) and (R, H)."""
    spec = recording.source.spec
    parameters = [p.name for p in spec.layer_parameters(place.layer, place.direction)]
    record = _repeated(
        recording.step(place.layer, place.direction, t).record, len(jacobian), parameters
    )
    left = dict(zip(spec.state_names, record.state))
    if not arriving:
        state = left[followed(spec)]
        value = jacobian.reshape(state.shape)  # type: ignore[arg-type]
        arriving = {followed(spec): [Tensor("dh", state.shape, value)]}
    named = {left[name].name: found for name, found in arriving.items()}
    read = {i.name for one in record.performed for i in one.inputs if i.role == INPUT}
    passed = differentiate(record.performed, Arrays(), named, {}, [*read, *parameters])
    return {
        name: [passed[f"{name}_{{p}}"]] for name in spec.state_names if f"{name}_{{p}}" in passed
    }


def _followed(spec: Spec, arriving: dict[str, list[Tensor]], jacobian: Array) -> Array:
    """What arrives at the state that is followed, a row for each of its numbers."""
    if followed(spec) not in arriving:
        return np.zeros_like(jacobian)
    found: Array = arriving[followed(spec)][0].value
    return found.reshape(jacobian.shape)


def _repeated(record: Record, rows: int, parameters: list[str]) -> Record:
    """A step on one sequence as a step on `rows` equal ones, without a copy of its numbers."""
    same = {*parameters}  # what is the same for all samples, and has no axis for them
    for one in record.performed:
        alone = all(i.name in same or i.role == NUMBER for i in one.inputs)
        if alone and one.op != "expand":
            same.add(one.output.name)

    def wide(tensor: Tensor) -> Tensor:
        if tensor.name in same or tensor.role == NUMBER:
            return tensor
        shape: Any = (rows, *tensor.shape[1:])
        return tensor._replace(shape=shape, value=np.broadcast_to(tensor.value, shape))

    performed = tuple(
        Performed(one.op, tuple(map(wide, one.inputs)), wide(one.output), one.attributes)
        for one in record.performed
    )
    return replace(record, performed=performed, state=tuple(map(wide, record.state)))


def _norm(matrix: Array) -> float:
    """The spectral norm ‖J‖₂: the root of the largest eigenvalue of J·Jᵀ."""
    size = float(abs(matrix).max(initial=0))
    if not np.isfinite(size):
        return np.inf
    if size == 0:
        return 0.0
    scaled = matrix / size  # its squares neither vanish nor overflow
    return size * float(np.sqrt(np.linalg.eigvalsh(scaled @ scaled.T)[-1]))


# networks to compare with, and weights of a chosen spectral radius


def label(spec: Spec) -> str:
    """What a network's curve is called: its cell, and which activation an rnn has."""
    if spec.equations is not None:
        return spec.class_name
    return f"{spec.nonlinearity} rnn" if spec.cell == "rnn" else spec.cell


def curves(source: Feed, back: Back, seed: int | None, radius: float | None) -> list[Curve]:
    """The curves of a network, and of the other cells where its weights were drawn with `seed`.

    radius: the spectral radius that drawn weights are scaled to. Raises UsageError.
    """
    sources = [source]
    if seed is not None:
        drawn = others(source, lambda: np.random.default_rng(seed))
        sources += [with_radius(other, radius) for other in drawn]
    check_work(sources)
    return [curve for one in sources for curve in flow(one, label(one.spec), back)]


def others(source: Feed, generator: Callable[[], np.random.Generator]) -> Iterator[Feed]:
    """The other cells of the same sizes over the same first sequence, one layer of random weights.

    tanh rnn, relu rnn, lstm and gru, whichever `source` is not; each from a generator of its own,
    so that tanh and relu have the same weights.
    """
    spec = source.spec
    cells: list[dict[str, Any]] = [
        {"nonlinearity": "tanh"}, {"nonlinearity": "relu"}, {"cell": "lstm"}, {"cell": "gru"},
    ]  # fmt: skip
    for cell in cells:
        other = Spec(**cell, input_size=spec.input_size, hidden_size=spec.hidden_size,
                     bias=spec.bias)  # fmt: skip
        if label(other) == label(spec):
            continue
        x = source.input[:, :1]
        width: Any = spec.hidden_size
        states = tuple(np.zeros((1, 1, width), x.dtype) for _ in other.state_names)
        weights = drawn_weights(other, generator(), x.dtype)
        yield Feed(other, Batch(size=1, seq_len=len(x)), weights, x, states)


def with_radius(source: Feed, radius: float | None) -> Feed:
    """The network with each gate's block (H, H) of every weight_hh scaled to a spectral radius.

    None leaves them. Raises UsageError for a projected lstm, whose blocks are not square.
    """
    if radius is None:
        return source
    spec = source.spec
    if spec.equations is not None:
        raise UsageError("--spectral-radius: expected torch's cells, which have a weight_hh",
                         got=f"--cell {spec.cell}", fix="leave it out")  # fmt: skip
    if spec.proj_size:
        raise UsageError(
            "--spectral-radius: expected square blocks of weight_hh",
            got=f"--proj-size {spec.proj_size}",
            fix="leave out --proj-size",
        )
    weights = dict(source.weights)
    kinds = {p.name: p.kind for p in spec.parameter_list()}
    for name, weight in weights.items():
        if kinds.get(name) == "weight_hh":
            gates = np.split(weight.astype(float), spec.gates)
            scaled = np.concatenate([_scaled(gate, radius) for gate in gates])
            weights[name] = scaled.astype(weight.dtype)
    return replace(source, weights=weights)


def _scaled(block: Array, radius: float) -> Array:
    largest = float(abs(np.linalg.eigvals(block)).max(initial=0))
    return block * (radius / largest) if largest else block


# the gradient of a loss at every h


class Arriving(BackArrays):
    """The norm of the gradient that arrives at each h of a walk, ‖∂L/∂h_t‖ over all its numbers.

    norms: by a pass's row, one for each time; nan where the walk has not come yet. `run` walks a
    little at a time where that is wanted. `recording` spares the forward walk.
    """

    def __init__(
        self, source: Feed, back: Back = WHOLE, recording: Recording | None = None
    ) -> None:
        super().__init__(source, back, recording)
        self.norms = {
            place.row: np.full(len(source.input), np.nan) for place in passes(source.spec)
        }
        self.done = 0
        self.ended = False
        self._walk = backward(self)

    def arrive(self, place: Pass, t: int | str, h: list[Tensor]) -> None:
        """Take the norm of what comes to h at t; 0 where nothing does."""
        total = sum(tensor.value for tensor in h)
        self.norms[place.row][t] = np.sqrt(np.square(total, dtype=float).sum())

    def run(self, most: int | None = None) -> bool:
        """Walk `most` steps further, or all; whether the walk has ended."""
        for _ in range(most) if most is not None else iter(int, 1):
            if next(self._walk, None) is None:
                self.ended = True
                break
            self.done += 1
        return self.ended


def with_sum(source: Feed) -> Feed:
    """The call with a loss where it has none: the sum of output, or of the head's o."""
    if source.head is None:
        return source if source.grad_output is not None else with_grad_output(source)
    if source.head.loss is not None:
        return source
    return replace(source, head=replace(source.head, loss="sum"))
