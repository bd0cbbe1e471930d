"""The walk in reverse: backpropagation through time, step by step.

Last layer first, in each direction from the step that it read last to the one that it read first;
a head comes before all. What arrives at a step (from output or the layer above, and from the step
after) is added up and taken back through the operations of the forward step by `tape`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import UsageError
from ..network.batch import Batch
from ..network.dims import Dim, Shape, Symbol
from ..network.head import Head
from ..network.spec import Spec
from .tape import differentiate
from .walk import (
    HEAD,
    Pass,
    Record,
    Shapes,
    Step,
    Tensor,
    World,
    every_step,
    head_pass,
    passes,
    walk_pass,
)

Forward = Callable[[range, int], Record]  # the record of a forward step: its run, its position


@dataclass(frozen=True)
class Back:
    """That the walk goes on in reverse; `tbptt` K cuts the graph between t = K·m - 1 and K·m.

    Raises UsageError.
    """

    tbptt: int | None = None

    def __post_init__(self) -> None:
        if self.tbptt is not None and self.tbptt < 1:
            raise UsageError(
                "--tbptt: expected the steps of a window, at least 1",
                got=str(self.tbptt),
                fix="--tbptt 2, or leave it out to go back to the first step",
            )

    def cut(self, earlier: int, later: int) -> bool:
        """Whether nothing is passed back from one time to another next to it."""
        return self.tbptt is not None and earlier // self.tbptt != later // self.tbptt


WHOLE = Back()


class BackWorld:
    """What the walk goes over: the forward steps, and the gradients that arrive and are left.

    This one has shapes alone; `backnumbers.BackArrays` has the same with numbers.
    """

    repeats = True  # equal steps leave equal records

    def __init__(
        self, spec: Spec, batch: Batch, head: Head | None = None, back: Back = WHOLE
    ) -> None:
        self.spec, self.batch, self.head, self.back = spec, batch, head, back
        self._ahead = World(spec, batch, head)
        self._reached: dict[int, set[int]] = {}  # times at which a layer's x gets a gradient

    def interpreter(self) -> Shapes:
        """A fresh interpreter for one step."""
        return Shapes()

    def forward(self, place: Pass) -> Forward:
        """The records of the forward steps of a pass."""
        runs = walk_pass(self._ahead, place, told=lambda times: range(min(2, len(times))))
        found = {step.t: step.record for step in runs}
        return lambda times, position: found[times[min(position, 1)]]

    def told_once(self, place: Pass) -> Step:
        """The one forward step of a pass where T is a symbol."""
        return next(walk_pass(self._ahead, place))

    def above(self, place: Pass, t: int | str, rows: Dim) -> list[Tensor]:
        """What comes to a layer's output at t: (rows, D·R), from output or the layer above."""
        spec = self.spec
        shape: Shape = (rows, spec.output_size)
        if place.layer + 1 < spec.num_layers:
            if self.cuts_last and t not in self._reached.get(place.layer + 1, ()):
                return []
            layer = f"layer {place.layer + 1}"
            if not spec.bidirectional:
                return [Tensor(f"dx_{{t}}({layer})", shape)]
            return [Tensor(f"dx_{{t}}({layer} {name})", shape) for name in spec.directions]
        if self.head is not None and self.head.at == "last":
            return []
        return [Tensor("dhn" if spec.single else "doutput[{t}]", shape)]

    def read(self, place: Pass) -> str:
        """What a step calls its input."""
        return self._ahead.x(place, "t", self.batch.size).name

    def begun(self, place: Pass) -> list[str]:
        """What the first step of a pass calls the states that it finds."""
        return [tensor.name for tensor in self._ahead.initial(place)]

    @property
    def shares(self) -> bool:
        """Whether equal steps share a record, so that not every one need be walked."""
        return self.repeats and not self.cuts_last

    @property
    def cuts_last(self) -> bool:
        """Whether the loss is on the last states alone and some windows never hear of it."""
        return self.back.tbptt is not None and self.head is not None and self.head.at == "last"

    def final(self, place: Pass, rows: Dim) -> tuple[Tensor, ...]:
        """What comes to the final states of a pass, where the head reads them: (N, R)."""
        spec = self.spec
        top = place.layer == spec.num_layers - 1
        if not top or self.head is None or self.head.at == "every":
            return ()
        row = place.row - spec.num_directions * spec.num_layers
        return (Tensor(f"dhn[{row}]", (rows, spec.state_size)),)

    def after(self, place: Pass, rows: Dim) -> tuple[Tensor, ...]:
        """What the step after passed on."""
        return tuple(
            Tensor(f"d{name}_{{t}}(after)", (rows, self.spec.state_width(name)))
            for name in self.spec.state_names
        )

    def mask(self, place: Pass, t: int | str, rows: Dim) -> Tensor | None:
        """What dropout multiplied a layer's output with."""
        return None

    def so_far(self, place: Pass) -> Mapping[str, Tensor]:
        """The gradients of a pass's parameters, to which every step adds its own."""
        head = self.head.parameters(self.spec) if self.head and place.direction == HEAD else ()
        own = head or self.spec.layer_parameters(place.layer, place.direction)
        return {p.name: Tensor(f"d{p.name}", p.shape) for p in own}

    def arrive(self, place: Pass, t: int | str, h: list[Tensor]) -> None:
        """Take the gradients that come to h of a step, whose sum is dh; none where nothing does."""

    def keep(self, place: Pass, t: int | str, gradients: Mapping[str, Tensor]) -> None:
        """Take the gradients of what a step read."""
        if self.cuts_last and place.direction != HEAD and isinstance(t, int):
            self._reached.setdefault(place.layer, set()).add(t)

    def cut(self, earlier: int | None, later: int | None) -> bool:
        """Whether nothing is passed back between two times that are read one after the other."""
        return earlier is not None and later is not None and self.back.cut(earlier, later)


def backward(
    world: BackWorld,
    chosen: Callable[[Pass], bool] = lambda place: True,
    told: Callable[[range], Iterable[int]] = every_step,
) -> Iterator[Step]:
    """Every step in the order in which gradients are computed, lazily.

    `chosen` picks the passes, and `told` the positions in a run of steps on equal rows, which it
    is given in this walk's order. A step's `previous` is the time that it passes the state's
    gradient on to; its `state` is what it passes on.
    """
    spec, batch = world.spec, world.batch
    index = 0
    places = list(passes(spec))[::-1]
    if world.head is not None:
        places.insert(0, head_pass(spec))
    for place in places:
        if isinstance(batch.seq_len, Symbol):
            if chosen(place):
                yield _told_once(world, place, index)
            index += 1
            continue
        last = place.direction == HEAD and world.head is not None and world.head.at == "last"
        if chosen(place) or not world.shares:
            for step in _head_last(world, place) if last else _pass(world, place, told):
                if chosen(place):
                    yield step._replace(index=index + step.index)
        index += 1 if last else batch.seq_len


class _Around(NamedTuple):
    """What lies about a step: the rows of the step after, None at the last, and the cuts."""

    rows_after: Dim | None
    cut_after: bool = False
    cut_before: bool = False


def _pass(world: BackWorld, place: Pass, told: Callable[[range], Iterable[int]]) -> Iterator[Step]:
    """One pass from its last step to its first; equal steps of a run share their records."""
    head = place.direction == HEAD
    forward = world.forward(place)
    segments = list(world.batch.segments("forward" if head else place.direction))
    index = 0
    after: tuple[int, Dim] | None = None  # the time that was read next, and its rows
    silent = False  # whether nothing arrived there, so that nothing is passed on
    for number in range(len(segments) - 1, -1, -1):
        times, rows = segments[number]
        run = times[::-1]
        shared: dict[tuple[bool, bool, _Around], Record] = {}
        tell = told(run)
        for position in tell if world.shares else every_step(run):
            t = run[position]
            if position:
                after = (run[position - 1], rows)
            before = run[position + 1] if position + 1 < len(run) else None
            if before is None and number:
                before = segments[number - 1].times[-1]
            around = _Around(None)
            if after is not None:
                around = _Around(after[1], silent or world.cut(t, after[0]))
            around = around._replace(cut_before=world.cut(before, t))
            key = (position == 0, position == len(run) - 1, around)
            record = shared.get(key) if world.shares else None
            if record is None:
                source = forward(times, len(run) - 1 - position)
                if head:
                    record = _head_step(world, place, t, source)
                else:
                    record = _step(world, place, t, rows, source, around)
                shared[key] = record
            silent = not record.performed
            if world.shares or position in tell:
                passed_to = None if head else before
                yield Step(index + position, place.layer, place.direction, t, passed_to, record)
        after = (run[-1], rows)
        index += len(run)


def _step(
    world: BackWorld, place: Pass, t: int | str, rows: Dim, source: Record, around: _Around
) -> Record:
    """The backward of one step of a cell."""
    interpreter = world.interpreter()
    above = world.above(place, t, rows)
    linked = around.rows_after is not None and not around.cut_after
    passed = world.after(place, rows) if linked else ()
    ended = world.final(place, world.batch.size) if _ends(place, rows, around.rows_after) else ()
    arrives = (*above, *ended, *passed)
    if not arrives:
        world.arrive(place, t, [])
        return Record((), (), ())
    h = [_own_half(world, interpreter, place, t, rows, whole) for whole in above]
    h += [_ended_rows(interpreter, whole, rows, around.rows_after) for whole in ended]
    arriving = dict(zip([state.name for state in source.state], [[one] for one in passed]))
    arriving[source.state[0].name] = [*h, *passed[:1]]
    world.arrive(place, t, [*h, *passed[:1]])
    names = {f"{name}_{{p}}": f"d{name}_{{p}}(after)" for name in world.spec.state_names}
    constants = list(names) if around.cut_before else []
    if world.batch.packed and place.direction == "reverse":  # rows of h0 come in at several steps
        for name in world.spec.state_names:
            names[f"{name}0[{place.row}]"] = f"d{name}0[{place.row}](t={{t}})"
    gradients = differentiate(
        source.performed, interpreter, arriving, world.so_far(place), constants, names
    )
    world.keep(place, t, gradients)
    left = {"dx": gradients[world.read(place)]}
    for name, begun in zip(world.spec.state_names, world.begun(place)):
        for passed_on, read in ((name, f"{name}_{{p}}"), (f"{name}0", begun)):
            if read in gradients:
                left[f"d{passed_on}"] = gradients[read]
    return Record(tuple(interpreter.performed), tuple(left.values()), tuple(left), arrives)


def _ends(place: Pass, rows: Dim, rows_after: Dim | None) -> bool:
    """Whether sequences end at a step: at the last, or where a packed batch shrinks after it."""
    return rows_after is None or (place.direction == "forward" and rows_after != rows)


def _ended_rows(interpreter: Shapes, whole: Tensor, rows: Dim, rows_after: Dim | None) -> Tensor:
    """The rows of the final states' gradient that belong to sequences which end at a step."""
    start = 0 if rows_after is None else rows_after
    if (start, rows) == (0, whole.shape[0]):
        return whole
    name = f"{whole.name}[{start}:{rows}]"
    own = interpreter.apply("narrow", name, (whole,), (start, rows))
    return interpreter.apply("pad", "dh_{t}(ended)", (own,), (start, 0)) if start else own


def _own_half(
    world: BackWorld, interpreter: Shapes, place: Pass, t: int | str, rows: Dim, whole: Tensor
) -> Tensor:
    """What of a gradient of (rows, D·R) comes to this direction, through dropout's mask."""
    source = whole.name.removeprefix("dx_{t}(").rstrip(")")
    mask = world.mask(place, t, rows)
    if mask is not None:
        whole = interpreter.apply("mul", f"{whole.name} kept", (whole, mask), ())
    if not world.spec.bidirectional:
        return whole
    side = world.spec.directions.index(place.direction)
    return interpreter.apply("split", f"dh_{{t}}({source})", (whole,), (side, 2))


def _head_step(world: BackWorld, place: Pass, t: int | str, source: Record) -> Record:
    """The backward of the loss and of the head."""
    interpreter = world.interpreter()
    loss = source.state[-1]
    targets = [i.name for one in source.performed for i in one.inputs if "target" in i.name]
    gradients = differentiate(
        source.performed, interpreter, {loss.name: [Tensor("dloss", ())]}, world.so_far(place),
        targets,
    )  # fmt: skip
    world.keep(place, t, gradients)
    left = {
        f"d{name.removesuffix('[{t}]')}": gradient
        for name, gradient in gradients.items()
        if not name.startswith("head.")
    }
    return Record(tuple(interpreter.performed), tuple(left.values()), tuple(left))


def _head_last(world: BackWorld, place: Pass) -> Iterator[Step]:
    """The one step of a head on the last states."""
    assert isinstance(world.batch.seq_len, int)
    t = world.batch.seq_len - 1
    record = _head_step(world, place, t, world.forward(place)(range(t, t + 1), 0))
    yield Step(0, place.layer, HEAD, t, None, record)


def _told_once(world: BackWorld, place: Pass, index: int) -> Step:
    """A pass over a symbolic T: one step, with one before it and one after it, for all."""
    source = world.told_once(place)
    if place.direction == HEAD:
        record = _head_step(world, place, source.t, source.record)
    else:
        rows = world.batch.size
        record = _step(world, place, source.t, rows, source.record, _Around(rows))
    return source._replace(index=index, record=record)
