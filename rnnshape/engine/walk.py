"""The walk: layer by layer, direction by direction, step by step, as torch's loops run.

It knows no output format and no equation: the loops are here, the cells in `cells`, the meaning
of an operation in the interpreter. Names are written for any step: `{t}` stands for the step's
own time and `{p}` for the time before it in walking order, so that equal steps share one record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from ..network.batch import Batch
from ..network.dims import Dim, Shape, Symbol, write_shape
from ..network.head import Head
from ..network.spec import Spec
from .cells import (
    INPUT,
    NUMBER,
    OUTPUT,
    TARGET,
    VALUE,
    Cell,
    Equations,
    Parameters,
    Role,
    cell_of,
    output,
    role_of,
)
from .ops import OPERATIONS


class Tensor(NamedTuple):
    """A named tensor: its shape, in a walk with numbers its array, and what it is."""

    name: str
    shape: Shape
    value: Any = None
    role: Role = VALUE


class Performed(NamedTuple):
    """One operation as it was performed."""

    op: str
    inputs: tuple[Tensor, ...]
    output: Tensor
    attributes: tuple[Any, ...] = ()

    @property
    def expression(self) -> str:
        """Over shapes: `(7×10)·(10×20)+20→7×20`."""
        left = OPERATIONS[self.op].shapes([i.shape for i in self.inputs], self.attributes)
        return f"{left}→{write_shape(self.output.shape)}"

    @property
    def macs(self) -> Dim:
        """Multiply-accumulates of the matrix product; 0 for everything else."""
        return OPERATIONS[self.op].macs([i.shape for i in self.inputs])


class Shapes:
    """The interpreter of shapes: performs nothing, records every operation."""

    def __init__(self) -> None:
        self.performed: list[Performed] = []

    def apply(
        self,
        op: str,
        name: str,
        inputs: tuple[Tensor, ...],
        attributes: tuple[Any, ...],
        role: Role = VALUE,
    ) -> Tensor:
        """Record `op`; the result has the shape that the table's rule gives."""
        shape = OPERATIONS[op].shape([i.shape for i in inputs], attributes)
        output = Tensor(name, shape, self.value(op, inputs, attributes), role)
        self.performed.append(Performed(op, inputs, output, attributes))
        return output

    def value(self, op: str, inputs: tuple[Tensor, ...], attributes: tuple[Any, ...]) -> Any:
        """The value of the result; shapes have none."""
        return None

    def quiet(self) -> AbstractContextManager[Any]:
        """What a step is performed in; shapes have nothing to say."""
        return nullcontext()

    def number(self, name: str, value: float | None) -> Tensor:
        """A number of the equations."""
        return Tensor(name, (), value, NUMBER)


@dataclass(frozen=True)
class Record:
    """What one step does, written for any time; equal steps share it.

    state: what the step leaves, under `names`: h, and c of an lstm; o of a head; backward, what
    it passes on. arrives: the gradients that a backward step begins with. output: what the layer
    puts out, of torch's networks h.
    """

    performed: tuple[Performed, ...]
    state: tuple[Tensor, ...]
    names: tuple[str, ...]
    arrives: tuple[Tensor, ...] = ()
    output: Tensor | None = None

    @cached_property
    def macs(self) -> Dim:
        """Multiply-accumulates of the whole step."""
        macs: Dim = 0
        for performed in self.performed:
            macs = macs + performed.macs
        return macs


class Step(NamedTuple):  # a tuple, since a long walk makes one a step
    """One cell at one time: its place in the walk and what it does there.

    The head of a network is a layer above the last, in the direction `head`. `t` is a letter where
    the sequence length is a symbol; `previous` is the time that this direction read before, or
    None at its first step.
    """

    index: int  # type: ignore[assignment]  # the name that the documents use
    layer: int
    direction: str
    t: int | str
    previous: int | str | None
    record: Record
    repeat: Dim = 1

    def name(self, text: str) -> str:
        """A name of the record as it is called at this step."""
        return text.replace("{t}", str(self.t)).replace("{p}", str(self.previous))

    def tensor(self, tensor: Tensor) -> Tensor:
        """A tensor of the record under its name at this step."""
        return tensor._replace(name=self.name(tensor.name))

    @property
    def ops(self) -> list[Performed]:
        """The step's operations in the order in which they are computed, under their names."""
        return [
            performed._replace(
                inputs=tuple(map(self.tensor, performed.inputs)),
                output=self.tensor(performed.output),
            )
            for performed in self.record.performed
        ]

    @property
    def state(self) -> dict[str, Tensor]:
        """What the step leaves: h, and for an lstm c; o of a head; backward, what it passes on."""
        return dict(zip(self.record.names, map(self.tensor, self.record.state), strict=False))

    @property
    def arrives(self) -> list[Tensor]:
        """The gradients that a backward step begins with."""
        return list(map(self.tensor, self.record.arrives))


HEAD = "head"  # the direction of a head's steps


class Pass(NamedTuple):
    """One layer in one direction; `row` is its place in h0, c0, hn and cn."""

    layer: int
    direction: str
    row: int


def passes(spec: Spec) -> Iterator[Pass]:
    """The outer two loops, in torch's order: for each layer, for each direction."""
    for layer in range(spec.num_layers):
        yield from layer_passes(spec, layer)


def layer_passes(spec: Spec, layer: int) -> Iterator[Pass]:
    """The passes of one layer."""
    for number, direction in enumerate(spec.directions):
        yield Pass(layer, direction, spec.num_directions * layer + number)


class World:
    """What a walk goes over: the tensors that a step finds and leaves.

    This one has shapes alone; `arrays.ArrayWorld` has the same with numbers.
    """

    repeats = True  # equal steps leave equal records

    def __init__(self, spec: Spec, batch: Batch, head: Head | None = None) -> None:
        self.spec, self.batch, self.head = spec, batch, head

    def interpreter(self) -> Shapes:
        """A fresh interpreter for one step."""
        return Shapes()

    def parameters(self, place: Pass) -> Parameters[Tensor] | dict[str, Tensor]:
        """The parameters of one layer and direction; of a written cell by their names in it."""
        named = {
            parameter.kind: Tensor(
                parameter.name, parameter.shape, self.parameter(parameter.name),
                role_of("parameter", parameter.kind),
            )
            for parameter in self.spec.layer_parameters(place.layer, place.direction)
        }  # fmt: skip
        return Parameters(**named) if self.spec.equations is None else named

    def parameter(self, name: str) -> Any:
        """The value of a parameter."""
        return None

    def cell(self, place: Pass) -> Cell[Tensor]:
        """The cell of a pass; torch's networks have the same in all."""
        return cell_of(self.spec, place.layer)

    def x(self, place: Pass, t: int | str, rows: Dim) -> Tensor:
        """What the layer reads at t: (rows, I), or (rows, D·R) above the first layer."""
        shape = (rows, self.spec.layer_input(place.layer))
        return Tensor("x" if self.spec.single else "x_{t}", shape, role=INPUT)

    def initial(self, place: Pass) -> tuple[Tensor, ...]:
        """The rows of h0 (and c0) that belong to a pass; all of them where there is one step."""
        row = "" if self.spec.single else f"[{place.row}]"
        return tuple(
            Tensor(
                f"{name}0{row}", (self.batch.size, *self.spec.state_shape(name)),
                role=role_of("state", name),
            )
            for name in self.spec.state_names
        )  # fmt: skip

    def found(
        self, place: Pass, previous: int | str | None, state: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        """The state that a step finds: `state`, what the step at `previous` left."""
        return state

    def keep(self, place: Pass, t: int | str, state: tuple[Tensor, ...], output: Tensor) -> None:
        """Take what a step leaves, and puts out."""

    def top(self, t: int | str, rows: Dim) -> tuple[Tensor, ...]:
        """What the head reads at t: output[t], or the last layer's final states for its one o."""
        spec, head = self.spec, self.head
        if head is None or head.at == "every":
            return (Tensor("output[{t}]", (rows, spec.output_size), role=OUTPUT),)
        names = (f"{spec.output_state}n[{row}]" for row in range(-spec.num_directions, 0))
        return tuple(
            Tensor(name, (rows, spec.state_size), role=role_of("output", name)) for name in names
        )

    def keep_output(self, t: int | str, o: Tensor) -> None:
        """Take what the head puts out."""

    def target(self, t: int | str, rows: Dim) -> Tensor:
        """What o is compared with: (rows, K); of cross_entropy 1 in the column of the class."""
        assert self.head is not None
        one = self.head.at == "last"
        return Tensor("target" if one else "target[{t}]", (rows, self.head.size), role=TARGET)


def every_step(times: range) -> Iterable[int]:
    """Tell all of a run of steps."""
    return range(len(times))


def walk(
    world: World,
    chosen: Callable[[Pass], bool] = lambda place: True,
    positions: Callable[[range], Iterable[int]] = every_step,
) -> Iterator[Step]:
    """Every step in its order: layer, then direction, then time as that direction reads it.

    `chosen` picks the passes and `positions` the places within a run of steps on equal rows; what
    is left out keeps its place in the count of steps. Lazy: with shapes alone nothing is
    computed twice and memory does not grow with T. With a symbolic T each pass is told once, at
    time `t`, as a step that repeats T times.
    """
    spec, batch = world.spec, world.batch
    index = 0
    for place in passes(spec):
        if chosen(place):
            yield from walk_pass(world, place, index, positions)
        elif not world.repeats:
            for _ in walk_pass(world, place, index):
                pass
        index += batch.seq_len if isinstance(batch.seq_len, int) else 1
    place = head_pass(spec)
    if world.head is not None and chosen(place):
        yield from walk_pass(world, place, index, positions)


def head_pass(spec: Spec) -> Pass:
    """Where the head stands: above the last layer, since it reads both its directions."""
    return Pass(spec.num_layers, HEAD, -1)


def walk_pass(
    world: World,
    place: Pass,
    index: int = 0,
    positions: Callable[[range], Iterable[int]] = every_step,
) -> Iterator[Step]:
    """The steps of one layer and direction, or of the head; `index` counts those before."""
    spec, batch = world.spec, world.batch
    layer, direction, _ = place
    if direction == HEAD:
        yield from _head_steps(world, index, positions)
        return
    if isinstance(batch.seq_len, Symbol):
        before = "(t+1)" if direction == "reverse" else "(t-1)"
        record = _step(world, place, "t", batch.size, _carried(spec, world.initial(place)))
        yield Step(index, layer, direction, "t", before, record, batch.seq_len)
        return
    state, previous = world.initial(place), None
    for times, rows in batch.segments(direction):
        shared: Record | None = None
        tell = positions(times)
        for position in tell if world.repeats else every_step(times):
            if position:
                previous = times[position - 1]
            if shared is None:
                if position and world.repeats:
                    state = _carried(spec, state, rows)
                found = world.found(place, previous, state)
                record = _step(world, place, times[position], rows, found)
                if not world.repeats:
                    state = _carried(spec, record.state)
                elif position:
                    shared = record
            if world.repeats or position in tell:
                yield Step(index + position, layer, direction, times[position], previous, record)
        if world.repeats:
            state = _carried(spec, state, rows)
        previous = times[-1]
        index += len(times)


def _head_steps(
    world: World, index: int, positions: Callable[[range], Iterable[int]]
) -> Iterator[Step]:
    """The steps of the head: it reads both directions, so it comes after the last layer."""
    batch, layer = world.batch, world.spec.num_layers
    assert world.head is not None
    if isinstance(batch.seq_len, Symbol) or world.head.at == "last":
        last = batch.seq_len - 1 if isinstance(batch.seq_len, int) else batch.seq_len + -1
        every = world.head.at == "every"
        t: int | str = "t" if every else last if isinstance(last, int) else f"{batch.seq_len}-1"
        record = _head_record(world, t, batch.size)
        yield Step(index, layer, HEAD, t, None, record, batch.seq_len if every else 1)
        return
    for times, rows in batch.segments("forward"):
        shared: Record | None = None
        for position in positions(times) if world.repeats else every_step(times):
            if shared is None or not world.repeats:
                shared = _head_record(world, times[position], rows)
            if world.repeats or position in positions(times):
                yield Step(index + position, layer, HEAD, times[position], None, shared)
        index += len(times)


def _head_record(world: World, t: int | str, rows: Dim) -> Record:
    assert world.head is not None
    interpreter = world.interpreter()
    equations = Equations(interpreter)
    read = world.top(t, rows)
    weight, bias = (
        Tensor(
            parameter.name, parameter.shape, world.parameter(parameter.name),
            role_of("parameter", parameter.kind),
        )
        for parameter in world.head.parameters(world.spec)
    )  # fmt: skip
    with interpreter.quiet():
        h = read[0] if len(read) == 1 else equations.concat("both", read, 1)
        o = output(equations, h, weight, bias, world.head.activation)
        world.keep_output(t, o)
        if world.head.loss is None:
            return Record(tuple(interpreter.performed), (o,), ("o",))
        count = world.head.compared(world.batch)
        loss = equations.loss(world.head.loss, o, world.target(t, rows), count)
    return Record(tuple(interpreter.performed), (o, loss), ("o", "loss"))


def _carried(spec: Spec, state: tuple[Tensor, ...], rows: Dim | None = None) -> tuple[Tensor, ...]:
    """A state as the next step finds it: h_{p}, and c_{p} of an lstm."""
    return tuple(
        Tensor(
            f"{name}_{{p}}",
            tensor.shape if rows is None else (rows, *tensor.shape[1:]),
            tensor.value,
            role_of("state", name),
        )
        for name, tensor in zip(spec.state_names, state, strict=True)
    )


def _step(world: World, place: Pass, t: int | str, rows: Dim, state: tuple[Tensor, ...]) -> Record:
    """One application of the cell, after the state has been cut or grown to `rows`."""
    interpreter = world.interpreter()
    if state[0].shape[0] != rows:
        state = tuple(
            _resized(interpreter, part, whole, rows)._replace(role=part.role)
            for part, whole in zip(state, world.initial(place), strict=True)
        )
    x = world.x(place, t, rows)
    time = "" if world.spec.single else "_{t}"
    equations = Equations(interpreter, time, world.spec.state_names)
    with interpreter.quiet():
        new, output = world.cell(place)(equations, x, state, world.parameters(place))
    world.keep(place, t, new, output)
    return Record(tuple(interpreter.performed), new, world.spec.state_names, output=output)


def _resized(interpreter: Shapes, state: Tensor, whole: Tensor, rows: Any) -> Tensor:
    """The state of a packed batch for `rows` sequences: cut, or grown by rows of h0."""
    have: Any = state.shape[0]
    if have > rows:
        return interpreter.apply("narrow", f"{state.name}[:{rows}]", (state,), (0, rows))
    begun = interpreter.apply("narrow", f"{whole.name}[{have}:{rows}]", (whole,), (have, rows))
    return interpreter.apply("concat", f"{state.name}[+{rows - have}]", (state, begun), (0,))
