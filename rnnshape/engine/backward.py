"""The walk in reverse: backpropagation through time, step by step.

Last layer first, in each direction from the step that it read last to the one that it read first;
a head comes before all. What arrives at a step (from output or the layer above, and from the step
after) is added up and taken back through the operations of the forward step, each by its own rule.
The gradient of a tensor `a_3` is called `da_3`; where several operations used it, what each of
them gives back is named for it, `dc_3(tanh_c_3)`, and their sum is `dc_3`. An intermediate of a
rule has its equation as its name: `da_3 = dh_3 ⊙ (1 − h_3²)`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..errors import UsageError
from ..network.batch import Batch
from ..network.dims import Dim, Shape, Symbol
from ..network.head import Head
from ..network.spec import Spec
from .cells import GRADIENT, INPUT, NUMBER, OUTPUT, TARGET, Role, role_of
from .ops import OPERATIONS, Use
from .walk import (
    HEAD,
    Pass,
    Performed,
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

SoFar = Mapping[str, Tensor]
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
                "--tbptt: expected the steps of a window, at least 1", got=str(self.tbptt),
                fix="--tbptt 2, or leave it out to go back to the first step"
            )  # fmt: skip

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
        runs = walk_pass(self._ahead, place, positions=lambda times: range(min(2, len(times))))
        found = {step.t: step.record for step in runs}
        return lambda times, position: found[times[min(position, 1)]]

    def told_once(self, place: Pass) -> Step:
        """The one forward step of a pass where T is a symbol."""
        return next(walk_pass(self._ahead, place))

    def above(self, place: Pass, t: int | str, rows: Dim) -> dict[str, Tensor]:
        """What comes to a layer's output at t, by where from: (rows, D·R)."""
        spec = self.spec
        shape: Shape = (rows, spec.output_size)
        if self.unheard(place, t):
            return {}
        if place.layer + 1 < spec.num_layers:
            sources = [f"layer {place.layer + 1}"]
            if spec.bidirectional:
                sources = [f"{sources[0]} {name}" for name in spec.directions]
            role = INPUT._replace(gradient=True)
            return {source: Tensor(f"dx_{{t}}({source})", shape, role=role) for source in sources}
        if self.head is not None and self.head.at == "last":
            return {}
        name = "dhn" if spec.single else "doutput[{t}]"
        return {name: Tensor(name, shape, role=OUTPUT._replace(gradient=True))}

    def read(self, place: Pass) -> str:
        """What a step calls its input."""
        return self._ahead.x(place, "t", self.batch.size).name

    def begun(self, place: Pass) -> list[str]:
        """What the first step of a pass calls the states that it finds."""
        return [tensor.name for tensor in self._ahead.initial(place)]

    @property
    def skips(self) -> bool:
        """Whether steps may be left out, since none depends on which others heard of the loss."""
        return self.repeats and not self.cuts_last

    def reach(self, place: Pass, t: int) -> None:
        """Take that a gradient comes to a step."""
        if self.cuts_last:
            self._reached.setdefault(place.layer, set()).add(t)

    def unheard(self, place: Pass, t: int | str) -> bool:
        """Whether no gradient comes from the layer above at t."""
        return (
            self.cuts_last
            and place.layer + 1 < self.spec.num_layers
            and t not in self._reached.get(place.layer + 1, ())
        )

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
        role = role_of("output", spec.output_state, True)
        return (Tensor(f"d{spec.output_state}n[{row}]", (rows, spec.state_size), role=role),)

    def after(self, place: Pass, rows: Dim) -> tuple[Tensor, ...]:
        """What the step after passed on."""
        return tuple(
            Tensor(
                f"d{name}_{{t}}(after)", (rows, *self.spec.state_shape(name)),
                role=role_of("state", name, True),
            )
            for name in self.spec.state_names
        )  # fmt: skip

    def mask(self, place: Pass, t: int | str, rows: Dim) -> Tensor | None:
        """What dropout multiplied a layer's output with."""
        return None

    def so_far(self, place: Pass) -> Mapping[str, Tensor]:
        """The gradients of a pass's parameters, to which every step adds its own."""
        head = self.head.parameters(self.spec) if self.head and place.direction == HEAD else ()
        parameters = head or self.spec.layer_parameters(place.layer, place.direction)
        return {
            p.name: Tensor(f"d{p.name}", p.shape, role=role_of("parameter", p.kind, True))
            for p in parameters
        }

    def arrive(self, place: Pass, t: int | str, h: list[Tensor]) -> None:
        """Take the gradients that come to h of a step, whose sum is dh; none where nothing does."""

    def keep(self, place: Pass, t: int | str, gradients: Mapping[str, Tensor]) -> None:
        """Take the gradients of what a step read."""

    def cut(self, earlier: int | None, later: int | None) -> bool:
        """Whether nothing is passed back between two times that are read one after the other."""
        return earlier is not None and later is not None and self.back.cut(earlier, later)


def backward(
    world: BackWorld,
    chosen: Callable[[Pass], bool] = lambda place: True,
    positions: Callable[[range], Iterable[int]] = every_step,
) -> Iterator[Step]:
    """Every step in the order in which gradients are computed, lazily.

    `chosen` picks the passes, and `positions` the places in a run of steps on equal rows, which it
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
        if chosen(place) or not world.skips:
            for step in _head_last(world, place) if last else _pass(world, place, positions):
                if chosen(place):
                    yield step._replace(index=index + step.index)
        index += 1 if last else batch.seq_len


class _Around(NamedTuple):
    """What lies about a step: the rows of the step after, None at the last, and the cuts."""

    rows_after: Dim | None
    cut_after: bool = False
    cut_before: bool = False


def _pass(
    world: BackWorld, place: Pass, positions: Callable[[range], Iterable[int]]
) -> Iterator[Step]:
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
        shared: dict[tuple[bool, bool, bool, _Around], Record] = {}
        tell = positions(run)
        for position in tell if world.skips else every_step(run):
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
            key = (position == 0, position == len(run) - 1, world.unheard(place, t), around)
            record = shared.get(key) if world.repeats else None
            if record is None:
                source = forward(times, len(run) - 1 - position)
                if head:
                    record = _head_step(world, place, t, source)
                else:
                    record = _step(world, place, t, rows, source, around)
                shared[key] = record
            silent = not record.state
            if record.arrives:
                world.reach(place, t)
            if world.skips or position in tell:
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
    arrives = (*above.values(), *ended, *passed)
    if not arrives:
        world.arrive(place, t, [])
        return Record((), (), ())
    h = [_own_half(world, interpreter, place, t, rows, *one) for one in above.items()]
    h += [_ended_rows(interpreter, whole, rows, around.rows_after) for whole in ended]
    assert source.output is not None
    arriving = {state.name: [one] for state, one in zip(source.state, passed)}
    arriving[source.output.name] = [*h, *arriving.get(source.output.name, [])]
    world.arrive(place, t, arriving[source.output.name])
    names = {f"{name}_{{p}}": f"d{name}_{{p}}(after)" for name in world.spec.state_names}
    constants = list(names) if around.cut_before else []
    if world.batch.packed and place.direction == "reverse":  # rows of h0 come in at several steps
        for name in world.spec.state_names:
            names[f"{name}0[{place.row}]"] = f"d{name}0[{place.row}](t={{t}})"
    gradients = differentiate(
        source.performed, interpreter, arriving, world.so_far(place), constants, names
    )
    world.keep(place, t, gradients)
    left = {}
    if world.read(place) in gradients:  # a cell may leave its input alone
        left["dx"] = gradients[world.read(place)]
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
    name, role = f"{whole.name}[{start}:{rows}]", whole.role
    part = interpreter.apply("narrow", name, (whole,), (start, rows), role)
    if not start:
        return part
    return interpreter.apply("pad", f"d{role.of}_{{t}}(ended)", (part,), (start, 0), role)


def _own_half(
    world: BackWorld,
    interpreter: Shapes,
    place: Pass,
    t: int | str,
    rows: Dim,
    source: str,
    whole: Tensor,
) -> Tensor:
    """What of a gradient of (rows, D·R) comes to this direction, through dropout's mask."""
    spec, mask = world.spec, world.mask(place, t, rows)
    if mask is not None:
        whole = interpreter.apply("mul", f"{whole.name} kept", (whole, mask), (), whole.role)
    if not spec.bidirectional:
        return whole
    side, state = spec.directions.index(place.direction), spec.output_state
    role = role_of("state", state, True) if state else whole.role
    name = f"d{state or 'output'}_{{t}}({source})"
    return interpreter.apply("split", name, (whole,), (side, 2), role)


def _head_step(world: BackWorld, place: Pass, t: int | str, source: Record) -> Record:
    """The backward of the loss and of the head."""
    interpreter = world.interpreter()
    loss = source.state[-1]
    arriving = {loss.name: [Tensor("dloss", (), role=loss.role._replace(gradient=True))]}
    gradients = differentiate(source.performed, interpreter, arriving, world.so_far(place))
    world.keep(place, t, gradients)
    read = {i.name: i.role for one in source.performed for i in one.inputs}
    left = {
        f"d{read[name].of or 'output'}": gradient
        for name, gradient in gradients.items()
        if read[name].kind == "output"
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


def differentiate(
    performed: tuple[Performed, ...],
    interpreter: Shapes,
    arriving: Mapping[str, list[Tensor]],
    so_far: SoFar,
    constants: Collection[str] = (),
    names: Mapping[str, str] | None = None,
) -> dict[str, Tensor]:
    """Perform the backward of a step's operations; the gradients of what the step read, by name.

    arriving: for each tensor that the step left, the gradients that come to it. so_far: the
    gradients of parameters, to which this step's are added. constants: tensors that nothing is
    passed back to. names: what a gradient is called where that is not `d` and the tensor's name.
    Raises UsageError for an operation without a gradient.
    """
    with interpreter.quiet():
        return _Tape(performed, interpreter, arriving, so_far, constants, names or {}).run()


class _Tape:
    def __init__(
        self,
        performed: tuple[Performed, ...],
        interpreter: Shapes,
        arriving: Mapping[str, list[Tensor]],
        so_far: SoFar,
        constants: Collection[str],
        names: Mapping[str, str],
    ) -> None:
        self._performed, self._interpreter, self._so_far = performed, interpreter, so_far
        self._names = names
        self._waiting = {name: list(found) for name, found in arriving.items()}
        self._roles: dict[str, Role] = {}
        for one in performed:
            for tensor in one.inputs:
                self._roles[tensor.name] = tensor.role
            self._roles[one.output.name] = one.output.role
        self._constants = {*constants}
        self._constants.update(n for n, role in self._roles.items() if role in (NUMBER, TARGET))
        for one in performed:
            if self._constants.issuperset(tensor.name for tensor in one.inputs):
                self._constants.add(one.output.name)
        self._reached = Counter({name: len(found) for name, found in arriving.items()})
        self._added: set[str] = set()  # parameters that a rule adds to what there is so far
        part = False
        for one in reversed(performed):
            part = part or self._reached[one.output.name] > 0
            if _earlier_part(one):
                continue
            if part:
                self._reached.update(self._differentiable(one))
                if OPERATIONS[one.op].accumulates:
                    self._added.update(self._differentiable(one))
            part = False
        self._added = {name for name in self._added if self._reached[name] == 1}

    def _differentiable(self, performed: Performed) -> list[str]:
        return [i.name for i in performed.inputs if i.name not in self._constants]

    def run(self) -> dict[str, Tensor]:
        parts: list[Tensor | None] = []
        for one in reversed(self._performed):
            reached = self._reached[one.output.name] > 0
            if one.op == "split":
                parts.insert(0, self._total(one.output.name) if reached else None)
                if not _earlier_part(one):
                    self._split(one, parts)
                    parts = []
            elif reached:
                self._operation(one, self._total(one.output.name))
        outputs = {one.output.name for one in self._performed}
        read = [name for name in self._waiting if name not in outputs]
        for name in read:
            if name in self._so_far and name not in self._added:
                self._waiting[name].insert(0, self._so_far[name])
        return {name: self._total(name) for name in read}

    def _split(self, one: Performed, parts: list[Tensor | None]) -> None:
        """The gradients of all parts, one behind the other; 0 for a part that nothing reads."""
        if not any(parts):
            return
        filled = [part or self._perform("zeros", one.output) for part in parts]
        axis = len(one.output.shape) - 1
        joined = self._perform("concat", *filled, attributes=(axis,))
        self._arrive(one.inputs[0].name, joined, one.output.name)

    def _operation(self, one: Performed, dy: Tensor) -> None:
        rule = OPERATIONS[one.op].gradient
        if rule is None:
            raise UsageError(
                "backward: expected operations of torch's cells, which have a gradient here",
                got=one.op, fix="leave out --backward"
            )  # fmt: skip
        for number, read in enumerate(one.inputs):
            if read.name in self._constants:
                continue
            before: tuple[Tensor, ...] = ()
            if read.name in self._so_far and read.name in self._added:
                before = (self._so_far[read.name],)
            use = Use(number, one.inputs, one.output, one.attributes, before)
            gradient = rule(self._perform, dy, use)
            if gradient is dy:  # a sum passes on what comes to it
                self._waiting.setdefault(read.name, []).append(dy)
            else:
                self._arrive(read.name, gradient, one.output.name)

    def _perform(self, op: str, *inputs: Tensor, attributes: tuple[Any, ...] = ()) -> Tensor:
        equation = OPERATIONS[op].equation([tensor.name for tensor in inputs], attributes)
        name = f"({equation})" if " " in equation else equation
        return self._interpreter.apply(op, name, inputs, attributes, GRADIENT)

    def _arrive(self, name: str, gradient: Tensor, by: str) -> None:
        alone = self._reached[name] == 1 and (name in self._added or name not in self._so_far)
        called = self._name(name) if alone else f"d{name}({by})"
        self._waiting.setdefault(name, []).append(self._named(gradient, called, name))

    def _total(self, name: str) -> Tensor:
        first, *others = self._waiting.pop(name)
        for other in others:
            first = self._perform("add", first, other)
        return self._named(first, self._name(name), name) if others else first

    def _name(self, name: str) -> str:
        return self._names.get(name, f"d{name}")

    def _named(self, tensor: Tensor, name: str, of: str) -> Tensor:
        """The last result under its name, as the gradient of a tensor."""
        performed = self._interpreter.performed
        kind, own, _ = self._roles[of]
        whole = name == self._name(of)  # and not what one of several uses gives
        role = role_of(kind, own if whole else "", True)
        renamed = Tensor(name, tensor.shape, tensor.value, role)
        op, inputs, _, attributes = performed[-1]
        performed[-1] = Performed(op, inputs, renamed, attributes)
        return renamed


def _earlier_part(performed: Performed) -> bool:
    """Whether a split has parts before this one, which come later in reverse."""
    return performed.op == "split" and performed.attributes[0] > 0
