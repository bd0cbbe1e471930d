"""The gradient of a cell's step as straight-line NumPy: the fast way to what the tape gives.

The step is recorded over shapes and differentiated by the tape, and the record is rewritten. What
does not depend on the gradient of the state (1 − h², o ⊙ (1 − o) ⊙ tanh(c), …) is computed for
many steps at once; every tensor that does is written as a base, which the loop holds, times such a
factor, so that a step is a few products and one matrix product with W_hh. What nothing in the loop
reads (the gradients of the parameters and of the input) is computed for all steps after it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ...engine.backward import differentiate
from ...engine.walk import Performed, Shapes, Tensor
from ...network.spec import Spec
from .plan import Recorded, UnplannedError, compiled, record

Array = np.ndarray[Any, Any]

_CALLS = {
    "mul": "multiply({0}, {1}, {out})",
    "add": "add({0}, {1}, {out})",
    "sub": "subtract({0}, {1}, {out})",
    "neg": "negative({0}, {out})",
    "square": "multiply({0}, {0}, {out})",
    "one_minus": "subtract(one, {0}, {out})",
    "positive": "not_equal({0}, zero, {out})",  # of relu's output, which is 0, more or NaN
    "copy": "copyto({out}, {0})",
}
_UFUNCS = "add, subtract, multiply, negative, not_equal, copyto"
_IMPORTS = f"    {_UFUNCS} = {', '.join('np.' + name for name in _UFUNCS.split(', '))}\n"


class Form(NamedTuple):
    """A gradient as a base of the loop times a factor that is computed ahead, None for 1."""

    base: str
    factor: str | None


class Place(NamedTuple):
    """Features of a store."""

    store: int
    start: int
    width: int


class Group(NamedTuple):
    """Factors of one width that lie one behind the other."""

    factors: list[str]
    width: int


@dataclass
class Backplan:
    """The rewritten gradient: its factors, its loop, and what follows the loop.

    factors(leaves, groups, scratch, one, zero) fills the groups for many steps. loop(ahead, h, h_,
    c, c_, constants) runs steps in reverse, from the gradients of the states in h and c to h_ and
    c_ and back again. `stores` are the gradients that are kept for every step, by width; `after`
    are the operations on them.
    """

    new: dict[str, str]  # h, and c of an lstm, to the name of what the step leaves
    leaves: list[str] = field(default_factory=list)  # what the factors read of the forward
    groups: list[Group] = field(default_factory=list)
    scratch: list[int] = field(default_factory=list)  # widths
    walked: list[tuple[str, Any]] = field(default_factory=list)  # what the loop walks over
    constants: dict[str, tuple[str, Any]] = field(default_factory=dict)  # as in a Plan
    stores: list[int] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)  # where a gradient lies in the stores
    after: list[Performed] = field(default_factory=list)
    gradients: dict[str, str] = field(default_factory=dict)  # x or a parameter to its gradient
    keep: frozenset[str] = frozenset()
    source: str = ""
    factors: Callable[..., Any] = field(default=lambda *_: None, repr=False)
    loop: Callable[..., Any] = field(default=lambda *_: None, repr=False)


@lru_cache(maxsize=256)
def backplan(spec: Spec, width: int) -> Backplan:
    """The gradient of one layer of `spec` that reads `width` features.

    Raises UnplannedError for a written cell.
    """
    if spec.equations is not None:
        raise UnplannedError(spec.cell)
    return _Writer(record(spec, width, 1)).write()


class _Writer:
    """Rewrites the gradient of one recorded step."""

    def __init__(self, recorded: Recorded) -> None:
        self.states = list(recorded.states)
        self.forward = {p.output.name: p for p in recorded.performed}
        self.plan = Backplan({name: tensor.name for name, tensor in recorded.new.items()})
        arriving = {name: Tensor(f"arriving_{name}", t.shape) for name, t in recorded.new.items()}
        interpreter = Shapes()
        ended = differentiate(
            recorded.performed, interpreter,
            {recorded.new[name].name: [tensor] for name, tensor in arriving.items()}, {},
        )  # fmt: skip
        self.performed = interpreter.performed
        self.makers = {p.output.name: p for p in self.performed}
        self.ended = {tensor.name: name for name, tensor in ended.items() if name in self.states}
        self.plan.gradients = {n: t.name for n, t in ended.items() if n not in self.states}
        tensors = [t for p in self.performed for t in (*p.inputs, p.output)]
        self.widths: dict[str, Any] = {tensor.name: tensor.shape[-1] for tensor in tensors}
        self.inside = self._ancestors(list(self.ended))
        self.later = {i.name for p in self.performed if self._is_after(p) for i in p.inputs}
        self.forms = {tensor.name: Form(name, None) for name, tensor in arriving.items()}
        self.nodes: dict[str, tuple[str, tuple[str, ...]]] = {}  # factor -> operation, operands
        self.variables: dict[str, str] = {}  # what the loop holds a factor or a gradient in
        self.lines: list[str] = []

    def _ancestors(self, waiting: list[str]) -> set[str]:
        """All that these gradients are computed from."""
        found: set[str] = set()
        while waiting:
            name = waiting.pop()
            found.add(name)
            if name in self.makers:
                waiting += [i.name for i in self.makers[name].inputs if i.name not in found]
        return found

    def _is_after(self, performed: Performed) -> bool:
        whole = ("matmul", "outer", "sum_rows", "concat")
        return performed.op in whole and performed.output.name not in self.inside

    def write(self) -> Backplan:
        """The loop, the factors that it reads, and what is kept for both."""
        made = self.plan
        for performed in self.performed:
            if self._is_after(performed):
                made.after.append(performed)
            elif self._static(performed.output.name) is None:
                self._operation(performed)
        for name in self.widths:
            if name in self.later and name in self.forms:
                self._value(name)
        for name, state in self.ended.items():
            if self.variables.get(name) != f"{state}_":
                self._write(name, f"{state}_")
        self.lines += [f"{state}, {state}_ = {state}_, {state}" for state in self.states]
        factors = self._factors()
        walked = "".join(f"v{i}, " for i in range(len(made.walked)))
        unpacked = f"({', '.join(made.constants)},) = constants" if made.constants else "pass"
        made.source = (
            f"def steps(ahead, h, h_, c, c_, constants):\n{_IMPORTS}    {unpacked}\n"
            f"    for {walked}arriving in ahead:\n        add(h, arriving, h)\n        "
            + "\n        ".join(self.lines)
            + f"\n\n\n{factors}"
        )
        made.loop, made.factors = compiled(made.source), compiled(made.source, "factors")
        read = {*made.leaves, *self.later} & {*self.forward, *self.states}
        read = {made.new[name] if name in self.states else name for name in read}
        made.keep = frozenset(read - {made.new["h"]})  # h lies in the layer's output
        return made

    def _operation(self, performed: Performed) -> None:
        """One operation on a gradient that depends on the state's."""
        out, names = performed.output.name, [tensor.name for tensor in performed.inputs]
        if performed.op == "concat":
            self._concat(out, names)
        elif performed.op == "matmul":
            x, weight = names
            self.plan.constants[f"dot_{weight}"] = ("dot", weight)
            self._line(out, f"dot_{weight}({self._value(x)}, {{out}})")
        elif performed.op == "mul":
            fixed = [self._static(name) for name in names]
            number = 0 if fixed[1] is not None else 1
            factor = fixed[1 - number]
            base, before = self.forms[names[number]]
            assert factor is not None
            self.forms[out] = Form(
                base, factor if before is None else self._node("mul", before, factor)
            )
        elif performed.op == "neg" and self.forms[names[0]].factor is not None:
            base, factor = self.forms[names[0]]
            self.forms[out] = Form(base, self._node("neg", str(factor)))
        elif performed.op == "add":
            one, other = (self.forms[name] for name in names)
            if one.base == other.base and one.factor and other.factor:
                self.forms[out] = Form(one.base, self._node("add", one.factor, other.factor))
            else:
                self._line(out, f"add({self._value(names[0])}, {self._value(names[1])}, {{out}})")
        else:
            raise UnplannedError(performed.op)

    def _line(self, out: str, call: str) -> None:
        """A call that makes a base: a state's gradient, one that is stored, or an intermediate."""
        if out in self.ended:
            target = f"{self.ended[out]}_"
        elif out in self.later:
            target = self._stored(out, self.widths[out])
        else:
            target = self._buffer(self.widths[out])
        self.lines.append(call.format(out=target))
        self.forms[out] = Form(target, None)
        self.variables[out] = target

    def _value(self, name: str) -> str:
        """The variable that holds a gradient; where it is a product, it is multiplied out."""
        if name not in self.variables:
            base, factor = self.forms[name]
            if factor is None and name not in self.later:
                return base
            stored = name in self.later
            width = self.widths[name]
            self.variables[name] = self._stored(name, width) if stored else self._buffer(width)
            self._write(name, self.variables[name])
        return self.variables[name]

    def _write(self, name: str, target: str) -> None:
        base, factor = self.forms[name]
        if factor is None:
            self.lines.append(f"copyto({target}, {base})")
            return
        if factor not in self.variables:
            leaf = factor not in self.nodes
            self.variables[factor] = (
                self._walk("leaf", factor) if leaf else self._group([factor], self.widths[name])
            )
        self.lines.append(f"multiply({base}, {self.variables[factor]}, {target})")

    def _concat(self, out: str, names: list[str]) -> None:
        """Parts of one base are one product, its factors one behind the other."""
        whole = self._stored(out, self.widths[out])
        store, start, first = len(self.plan.stores) - 1, 0, 0
        while first < len(names):
            base, width = self.forms[names[first]].base, self.widths[names[first]]
            last = first
            while last < len(names) and self.forms[names[last]].base == base:
                self.plan.places[names[last]] = Place(store, start + (last - first) * width, width)
                last += 1
            factors = [str(self.forms[name].factor) for name in names[first:last]]
            target = self._walk("store", (store, start, last - first, width))
            self.lines.append(f"multiply({base}, {self._group(factors, width)}, {target})")
            for name in names[first:last]:
                self.variables[name] = ""  # it lies in the store
            start, first = start + (last - first) * width, last
        self.forms[out] = Form(whole, None)
        self.variables[out] = whole

    def _stored(self, name: str, width: int) -> str:
        self.plan.stores.append(width)
        store = len(self.plan.stores) - 1
        self.plan.places[name] = Place(store, 0, width)
        return self._walk("store", (store, 0, 1, width))

    def _group(self, factors: list[str], width: int) -> str:
        self.plan.groups.append(Group(factors, width))
        return self._walk("group", len(self.plan.groups) - 1)

    def _buffer(self, width: int) -> str:
        name = f"b{sum(kind == 'buffer' for kind, _ in self.plan.constants.values())}"
        self.plan.constants[name] = ("buffer", width)
        return name

    def _walk(self, kind: str, detail: Any) -> str:
        self.plan.walked.append((kind, detail))
        return f"v{len(self.plan.walked) - 1}"

    def _static(self, name: str) -> str | None:
        """The factor that a tensor is; None where it depends on the state's gradient.

        1 − z of the forward is computed again: that is cheaper than to keep it.
        """
        maker = self.makers.get(name) or self.forward.get(name)
        if name in self.makers or (maker is not None and maker.op == "one_minus"):
            assert maker is not None
            operands = [self._static(tensor.name) for tensor in maker.inputs]
            known = [operand for operand in operands if operand is not None]
            return self._node(maker.op, *known) if len(known) == len(operands) else None
        return None if name in self.forms else name

    def _node(self, op: str, *operands: str) -> str:
        if op == "add" and self.nodes.get(operands[1], ("",))[0] == "neg":
            op, operands = "sub", (operands[0], *self.nodes[operands[1]][1])
        name = f"{op}({', '.join(operands)})"
        self.nodes[name] = (op, operands)
        return name

    def _factors(self) -> str:
        """The function that fills the groups; an intermediate's array is used again when free."""
        made = self.plan
        places: dict[str, list[str]] = {}
        width_of: dict[str, int] = {}
        order: list[str] = []

        def visit(name: str, width: int) -> None:
            if name not in width_of:
                width_of[name] = width
                for operand in self.nodes.get(name, ("", ()))[1]:
                    visit(operand, width)
                (order if name in self.nodes else made.leaves).append(name)

        for number, group in enumerate(made.groups):
            for position, factor in enumerate(group.factors):
                place = f"g{number}" + (f"[:, {position}]" if len(group.factors) > 1 else "")
                places.setdefault(factor, []).append(place)
                visit(factor, group.width)
        uses = Counter(operand for name in order for operand in self.nodes[name][1])
        where = {leaf: f"l{number}" for number, leaf in enumerate(made.leaves)}
        free: list[str] = []
        lines: list[str] = []
        for name in order:
            op, operands = self.nodes[name]
            read = [where[operand] for operand in operands]
            uses.subtract(operands)
            free += [where[o] for o in set(operands) if not uses[o] and where[o][0] == "w"]
            if name in places:
                where[name] = places[name].pop(0)
            else:
                fitting = [w for w in free if made.scratch[int(w[1:])] == width_of[name]]
                if not fitting:
                    made.scratch.append(width_of[name])
                    fitting = [f"w{len(made.scratch) - 1}"]
                    free += fitting
                free.remove(fitting[-1])
                where[name] = fitting[-1]
            lines.append(_CALLS[op].format(*read, out=where[name]))
        for name, left in places.items():
            lines += [_CALLS["copy"].format(where[name], out=place) for place in left]
        for letter, count, argument in (("l", len(made.leaves), "leaves"),
                                        ("g", len(made.groups), "groups"),
                                        ("w", len(made.scratch), "scratch")):  # fmt: skip
            if count:
                names = "".join(f"{letter}{number}, " for number in range(count))
                lines.insert(0, f"({names}) = {argument}")
        body = "\n    ".join([*lines, "return"])
        return f"def factors(leaves, groups, scratch, one, zero):\n{_IMPORTS}    {body}\n"
