"""A cell's equations as straight-line NumPy: the fast way to the numbers that the walk gives.

The cell is recorded once over shapes, and the record is rewritten: what does not depend on the
state (x·Wᵀ + b) is computed for many steps at once; the rest runs step by step into buffers that
are allocated once. Inside, a step's tensors lie features first (width, N), so that the gates of
a split are contiguous. A sigmoid is ½·tanh(½a) + ½, and the inner ½ goes into the weights, which
is exact in binary floating point; all gates of a split then share one call of tanh.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple, cast

import numpy as np

from ...engine.cells import Equations, Parameters, cell_of
from ...engine.walk import Performed, Shapes, Tensor
from ...network.dims import Dim
from ...network.spec import Spec

Array = np.ndarray[Any, Any]

_UNARY = {"tanh": "tanh", "sigmoid": "tanh"}


PLANNED = {"linear", "split", "add", "sub", "mul", "div", "tanh", "sigmoid", "relu", "one_minus"}


class UnplannedError(Exception):
    """A cell with an operation that is not compiled here: the walk computes it."""


class Scaling(NamedTuple):
    """Rows of a parameter that are multiplied by a half."""

    parameter: str
    rows: slice


class Part(NamedTuple):
    """Rows of an array over many steps; the loop walks over it."""

    of: str
    rows: slice


@dataclass
class Plan:
    """The rewritten cell for one size: its loop, and what the loop needs.

    loop(ahead, h, c, other_c, constants) runs the steps of one pass and returns h and c. `stored`
    are the buffers that have a place for every step, by width, since a backward reads them; the
    loop walks over `places` in them, and `tensors` says in which part of them a tensor lies.
    """

    source: str = ""
    loop: Callable[..., Any] = field(default=lambda *_: None, repr=False)
    parts: list[Part] = field(default_factory=list)  # in the order of the loop's arguments
    ahead: dict[str, list[str]] = field(default_factory=dict)  # product -> weight, biases
    constants: dict[str, tuple[str, Any]] = field(default_factory=dict)  # name -> how it is made
    scalings: list[Scaling] = field(default_factory=list)
    stored: dict[str, int] = field(default_factory=dict)
    places: list[Part] = field(default_factory=list)  # after the parts in the loop's arguments
    tensors: dict[str, Part] = field(default_factory=dict)
    into: dict[str, str] = field(default_factory=dict)  # product -> the buffer that it is laid in


class Recorded(NamedTuple):
    """One step of a layer over shapes; names without a time are what the step finds."""

    performed: tuple[Performed, ...]
    parameters: dict[str, Tensor]
    states: dict[str, Tensor]  # h, what the layer puts out, and c, as the step finds them
    new: dict[str, Tensor]  # and as it leaves them


def record(spec: Spec, width: int, rows: int) -> Recorded:
    """One step of one layer of `spec` that reads `width` features, on `rows` sequences.

    Raises UnplannedError where the cell is not made of what is compiled here.
    """
    layer = replace(
        spec, input_size=width, num_layers=1, bidirectional=False, batch_first=False, dropout=0.0
    )
    if not layer.output_state or len(layer.state_names) > 2:
        raise UnplannedError("states")
    recorder = Shapes()
    parameters = {p.kind: Tensor(p.kind, p.shape) for p in layer.layer_parameters(0, "forward")}
    states = {name: Tensor(name, (rows, *layer.state_shape(name))) for name in layer.state_names}
    held: Any = parameters if spec.equations is not None else Parameters(**parameters)
    left, output = cell_of(layer)(
        Equations(recorder), Tensor("x", (rows, width)), tuple(states.values()), held
    )
    new = dict(zip(states, left))
    for op, inputs, made, _ in recorder.performed:
        read = inputs[:1] if op == "linear" else inputs
        wide = {i.shape for i in read if i.name not in parameters or i.shape != made.shape[1:]}
        if op not in PLANNED or len(made.shape) != 2 or len(wide) > 1:
            raise UnplannedError(op)
    if output is not new[layer.output_state]:
        raise UnplannedError("output")
    called = dict(zip(("h", "c"), sorted(states, key=lambda name: name != layer.output_state)))
    return Recorded(
        tuple(recorder.performed), parameters,
        {own: states[name] for own, name in called.items()},
        {own: new[name] for own, name in called.items()},
    )  # fmt: skip


@lru_cache(maxsize=256)
def plan(spec: Spec, width: int, rows: int, keep: frozenset[str] = frozenset()) -> Plan:
    """The plan of one layer of `spec` that reads `width` features, for `rows` sequences.

    `keep` names the tensors whose values are kept for every step.
    """
    return _Writer(record(spec, width, rows), keep).write()


@lru_cache(maxsize=64)
def compiled(source: str, name: str = "steps") -> Callable[..., Any]:
    """The function of this name in a generated text."""
    scope: dict[str, Any] = {"np": np}
    exec(compile(source, "<rnnshape plan>", "exec"), scope)  # our own text, from the table's rules
    return cast(Callable[..., Any], scope[name])


class _Writer:
    """Rewrites one recorded step."""

    def __init__(self, recorded: Recorded, keep: frozenset[str]) -> None:
        self.performed, self.keep = recorded.performed, keep
        self.new = {tensor.name: name for name, tensor in recorded.new.items()}
        self.makers = {p.output.name: p for p in self.performed}
        self.uses = Counter(i.name for p in self.performed for i in p.inputs)
        self.uses.update([*self.new, *keep])
        self.fixed = {"x", *recorded.parameters}
        self.short = {name: f"w{i}" for i, name in enumerate(recorded.parameters)}
        self.plan = Plan()
        self.where: dict[str, str] = {t.name: own for own, t in recorded.states.items()}
        self.lines: list[str] = []
        self.done: set[str] = set()
        self.temporary: dict[str, str] = {}  # variable -> shape key, of buffers that may be reused

    def write(self) -> Plan:
        """All operations in order, then the loop around them."""
        for performed in self.performed:
            if performed.output.name not in self.done:
                self._operation(performed)
        if any(self.where.get(n) != ("out" if s == "h" else "c_") for n, s in self.new.items()):
            raise UnplannedError("a state that is a part, or of the input alone")
        plan = self.plan
        for name in sorted(self.keep):
            self._keep(name)
        names = ", ".join([*(f"p{i}" for i in range(len(plan.parts))), *self._places(), "out"])
        after = ["h = out"]
        if "c" in self.new.values():
            after.append("c = c_" if "c_" in plan.stored else "c, c_ = c_, c")
        unpacked = f"({', '.join(plan.constants)},) = constants" if plan.constants else "pass"
        body = "\n        ".join([*self.lines, *after])
        plan.source = (
            "def steps(ahead, h, c, c_, constants):\n"
            "    add, multiply, subtract, divide, tanh, maximum = "
            "np.add, np.multiply, np.subtract, np.divide, np.tanh, np.maximum\n"
            f"    {unpacked}\n    for {names}, in ahead:\n        {body}\n    return h, c\n"
        )
        plan.loop = compiled(plan.source)
        return plan

    def _keep(self, name: str) -> None:
        """Give the buffer in which a tensor lies a place for every step."""
        width: Any = self.makers[name].output.shape[-1]
        part = Part(self.where[name], slice(0, width))
        kind, detail = self.plan.constants.get(part.of, ("", None))
        if kind == "view":
            part = Part(*detail)
            width = self.plan.constants[part.of][1]
        self.plan.stored[part.of] = width
        self.plan.tensors[name] = part

    def _places(self) -> list[str]:
        """The names under which the loop walks over what is stored."""
        places = {name: Part(name, slice(None)) for name in self.plan.stored}
        for name, (kind, detail) in self.plan.constants.items():
            if kind == "view" and detail[0] in self.plan.stored:
                places[name] = Part(*detail)
        for name in places:
            self.plan.constants.pop(name, None)
        self.plan.places = list(places.values())
        return list(places)

    def _operation(self, performed: Performed) -> None:
        op, out = performed.op, performed.output.name
        inputs = [tensor.name for tensor in performed.inputs]
        if all(name in self.fixed for name in inputs) and self._ahead(performed):
            self.fixed.add(out)
        elif op == "add" and self._carried(out, *inputs):
            pass
        elif op == "linear":
            self._linear(performed)
        elif op == "split":
            self._split(performed)
        elif op == "sigmoid":
            scaled = self._halved(performed.inputs[0])
            place = self._target(performed)
            half = self._scalar("half", 0.5)
            if not scaled:
                self.lines.append(f"multiply({self._operand(inputs[0])}, {half}, {place})")
            self.lines.append(f"tanh({self._operand(inputs[0]) if scaled else place}, {place})")
            self.lines += [f"multiply({place}, {half}, {place})", f"add({place}, {half}, {place})"]
            self.where[out] = place
        else:
            operands = [self._operand(name) for name in inputs]
            place = self._target(performed)
            call = {
                "add": "add({0}, {1}, {2})",
                "sub": "subtract({0}, {1}, {2})",
                "mul": "multiply({0}, {1}, {2})",
                "div": "divide({0}, {1}, {2})",
                "tanh": "tanh({0}, {1})",
                "relu": "maximum({0}, zero, out={1})",
                "one_minus": "subtract(one, {0}, {1})",
            }[op]
            for name, number in (("zero", 0.0), ("one", 1.0)):
                if name in call:
                    self._scalar(name, number)
            self.lines.append(call.format(*operands, place))
            self.where[out] = place

    def _ahead(self, performed: Performed) -> bool:
        """Compute for many steps what needs no state: a product, with biases, or a part of one.

        Anything else is done step by step.
        """
        ahead, (first, *others) = self.plan.ahead, [tensor.name for tensor in performed.inputs]
        if performed.op == "linear" and first == "x":
            ahead[performed.output.name] = others
            return True
        if performed.op == "add" and others[0] in self.short and self._alone(first):
            ahead[performed.output.name] = [*ahead.pop(first), others[0]]
            return True
        return performed.op == "split" and first in ahead

    def _alone(self, name: str) -> bool:
        """Whether a tensor is a product ahead that is used once."""
        return name in self.plan.ahead and self.uses[name] == 1

    def _carried(self, out: str, whole: str, bias: str) -> bool:
        """Let a product ahead carry a bias that is added to a sum that it is in."""
        if bias not in self.short or out in self.new or self.uses[whole] != 1:
            return False
        below = whole
        while (maker := self.makers.get(below)) and maker.op == "add" and self.uses[below] == 1:
            for tensor in maker.inputs:
                if self._alone(tensor.name):
                    self.plan.ahead[tensor.name].append(bias)
                    self.where[out] = self.where[whole]
                    return True
            below = maker.inputs[0].name
        return False

    def _operand(self, name: str) -> str:
        """The variable that holds a tensor; what is computed ahead becomes one of the loop's."""
        if name in self.short:
            self.plan.constants[self.short[name]] = ("bias", name)
            return self.short[name]
        if name == "x":
            raise UnplannedError("the input in the loop")
        if name not in self.where:
            maker, rows = self.makers[name], slice(None)
            if maker.op == "split":
                rows = _part_rows(maker)
                maker = self.makers[maker.inputs[0].name]
            self.plan.parts.append(Part(maker.output.name, rows))
            self.where[name] = f"p{len(self.plan.parts) - 1}"
        return self.where[name]

    def _linear(self, performed: Performed) -> None:
        x, weight, *bias = [tensor.name for tensor in performed.inputs]
        place = self._target(performed, reuse=False)
        dot = f"dot_{self.short[weight]}"
        self.plan.constants[dot] = ("dot", weight)
        self.lines.append(f"{dot}({self._operand(x)}, {place})")
        if bias and not self._moved_ahead(performed.output.name, bias[0]):
            self.lines.append(f"add({place}, {self._operand(bias[0])}, {place})")
        self.where[performed.output.name] = place

    def _moved_ahead(self, name: str, bias: str) -> bool:
        """Let a product ahead carry this bias, where the two are added to each other anyway."""
        users = [p for p in self.performed if name in [i.name for i in p.inputs]]
        if len(users) != 1 or users[0].op != "add":
            return False
        for other in users[0].inputs:
            if self._alone(other.name):
                self.plan.ahead[other.name].append(bias)
                return True
        return False

    def _split(self, performed: Performed) -> None:
        """Parts are views; where each feeds one tanh or sigmoid alone, all are done in one."""
        source = performed.inputs[0].name
        whole = self.where[source]
        parts = [p for p in self.performed if p.op == "split" and p.inputs[0].name == source]
        users = [[p for p in self.performed if part.output.name in [i.name for i in p.inputs]]
                 for part in parts]  # fmt: skip
        together = all(len(u) == 1 and u[0].op in _UNARY for u in users)
        views = [self._view(whole, _part_rows(part)) for part in parts]
        for part, view in zip(parts, views):
            self.where[part.output.name] = view
            self.done.add(part.output.name)
        if not together:
            return
        sigmoid = [_part_rows(p) for p, u in zip(parts, users) if u[0].op == "sigmoid"]
        if sigmoid:
            size = parts[0].inputs[0].shape
            self.plan.constants["slope"] = ("slope", (size, sigmoid))
            self.plan.constants["shift"] = ("shift", (size, sigmoid))
            scalings = [self._scale(source, rows) for rows in sigmoid]
            if all(scaling is not None for scaling in scalings):
                self.plan.scalings += [s for scaling in scalings for s in scaling or []]
            else:
                self.lines.append(f"multiply({whole}, slope, {whole})")
        self.lines.append(f"tanh({whole}, {whole})")
        if sigmoid:
            self.lines.append(f"multiply({whole}, slope, {whole})")
            self.lines.append(f"add({whole}, shift, {whole})")
        for (user,), view in zip(users, views):
            self.where[user.output.name] = view
            self.done.add(user.output.name)

    def _halved(self, tensor: Tensor) -> bool:
        """Put a factor of ½ into the weights behind a tensor; false where it cannot go there."""
        width: Any = tensor.shape[-1]
        scaling = self._scale(tensor.name, slice(0, width))
        self.plan.scalings += scaling or []
        return scaling is not None

    def _scale(self, name: str, rows: slice) -> list[Scaling] | None:
        if name in self.short and self.uses[name] == 1:
            return [Scaling(name, rows)]
        maker = self.makers.get(name)
        users = [p.op for p in self.performed if name in [i.name for i in p.inputs]]
        if maker is None or name in self.new or (len(users) != 1 and set(users) != {"split"}):
            return None
        if maker.op == "linear" and all(self.uses[t.name] == 1 for t in maker.inputs[1:]):
            return [Scaling(tensor.name, rows) for tensor in maker.inputs[1:]]
        if maker.op == "add":
            parts = [self._scale(tensor.name, rows) for tensor in maker.inputs]
            return None if None in parts else [s for part in parts for s in part or []]
        if maker.op == "split":
            start = _part_rows(maker).start
            inner = slice(start + rows.start, start + rows.stop)
            return self._scale(maker.inputs[0].name, inner)
        return None

    def _target(self, performed: Performed, reuse: bool = True) -> str:
        """Where a result goes: the new state, an input's buffer that is free, or a new one."""
        out = performed.output
        if self.new.get(out.name) == "h":
            return "out"
        if self.new.get(out.name) == "c":
            return "c_"
        width = out.shape[-1]
        for tensor in performed.inputs if reuse else ():
            if self.keep and tensor.name in self.plan.ahead:  # what is stored begins as the product
                return self.plan.into.setdefault(tensor.name, self._buffer(width))
            variable = self.where.get(tensor.name, "")
            if self.uses[tensor.name] == 1 and self.temporary.get(variable) == str(width):
                return variable
        return self._buffer(width)

    def _buffer(self, width: Dim) -> str:
        name = f"b{sum(constant[0] == 'buffer' for constant in self.plan.constants.values())}"
        self.plan.constants[name] = ("buffer", width)
        self.temporary[name] = str(width)
        return name

    def _view(self, whole: str, rows: slice) -> str:
        name = f"{whole}_{rows.start}"
        self.plan.constants[name] = ("view", (whole, rows))
        self.temporary[name] = str(rows.stop - rows.start)
        return name

    def _scalar(self, name: str, number: float) -> str:
        self.plan.constants[name] = ("scalar", number)
        return name


def _part_rows(split: Performed) -> slice:
    index, _ = split.attributes
    width: Any = split.output.shape[-1]
    return slice(index * width, (index + 1) * width)


class Pass:
    """The plan of one layer and direction with its weights laid out, ready to run."""

    def __init__(self, plan: Plan, weights: dict[str, Array], rows: int, dtype: Any) -> None:
        """`weights`: weight_ih, weight_hh, … of this layer and direction."""
        self.plan = plan
        halves: dict[str, Array] = {}
        for parameter, part in plan.scalings:
            factor = halves.setdefault(parameter, np.ones(len(weights[parameter]), dtype))
            factor[part] = 0.5

        def scaled(name: str, out: Array | None = None) -> Array:
            array = weights[name]
            if name not in halves:
                if out is None:
                    return array
                out[...] = array
                return out
            factor = halves[name].reshape(-1, *[1] * (array.ndim - 1))
            product: Array = np.multiply(array, factor, out, order="F" if rows == 1 else "C")
            return product

        self.ahead = {}
        for product, (weight, *biases) in plan.ahead.items():
            height, width = weights[weight].shape
            matrix = np.empty((height, width + 1), dtype)
            scaled(weight, matrix[:, :-1])
            matrix[:, -1] = sum(scaled(bias) for bias in biases)
            self.ahead[product] = matrix
        constants: dict[str, Any] = {}
        for name, (kind, detail) in plan.constants.items():
            if kind == "dot":
                constants[name] = scaled(detail).dot
            elif kind == "bias":
                constants[name] = np.repeat(scaled(detail)[:, None], rows, axis=1)
            elif kind == "buffer":
                constants[name] = np.empty((detail, rows), dtype)
            elif kind == "view":
                constants[name] = constants[detail[0]][detail[1]]
            elif kind == "scalar":
                constants[name] = np.asarray(detail, dtype)
            else:
                (_, height), parts = detail
                constants[name] = np.full((height, rows), 1.0 if kind == "slope" else 0.0, dtype)
                for part in parts:
                    constants[name][part] = 0.5
        self.constants = tuple(constants.values())

    def products(self, x: Array, stored: dict[str, Array]) -> list[Array]:
        """What the loop reads ahead for the steps of x (steps, width + 1, rows), last row ones.

        `stored` are the plan's buffers for these steps.
        """
        wholes = {}
        for product, matrix in self.ahead.items():
            whole = stored.get(self.plan.into.get(product, ""))
            if whole is None:
                whole = np.empty((len(x), len(matrix), x.shape[2]), x.dtype)
            if x.shape[2] == 1:
                np.matmul(x[:, :, 0], matrix.T, out=whole[:, :, 0])
            else:
                np.matmul(matrix, x, out=whole)
            wholes[product] = whole
        return [wholes[part.of][:, part.rows] for part in self.plan.parts]
