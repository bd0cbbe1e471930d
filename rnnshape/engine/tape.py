"""The gradient of one step: the operations of its record in reverse, each by its own rule.

The gradient of a tensor `a_3` is called `da_3`; where several operations used it, what each of
them gives back is named for it, `dc_3(tanh_c_3)`, and their sum is `dc_3`. An intermediate of a
rule has its equation as its name: `da_3 = dh_3 ⊙ (1 − h_3²)`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from ..errors import UsageError
from .ops import OPERATIONS
from .rows import Use
from .walk import Performed, Shapes, Tensor

SoFar = Mapping[str, Tensor]


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
        self._constants = set(constants)
        for one in performed:
            if self._constants.issuperset(tensor.name for tensor in one.inputs):
                self._constants.add(one.output.name)
        self._reached = Counter({name: len(found) for name, found in arriving.items()})
        for one in reversed(performed):
            if self._reached[one.output.name] and not _earlier_part(one):
                self._reached.update(self._differentiable(one))

    def _differentiable(self, performed: Performed) -> list[str]:
        return [i.name for i in performed.inputs if i.name not in self._constants]

    def run(self) -> dict[str, Tensor]:
        parts: list[Tensor] = []
        for one in reversed(self._performed):
            if not self._reached[one.output.name]:
                continue
            dy = self._total(one.output.name)
            if one.op == "split":  # the gradients of all parts, one behind the other
                parts.insert(0, dy)
                if _earlier_part(one):
                    continue
                joined = self._perform("concat", *parts, attributes=(1,))
                self._arrive(one.inputs[0].name, joined, one.output.name)
                parts = []
                continue
            self._operation(one, dy)
        made = {one.output.name for one in self._performed}
        return {name: self._total(name) for name in list(self._waiting) if name not in made}

    def _operation(self, one: Performed, dy: Tensor) -> None:
        rule = OPERATIONS[one.op].gradient
        if rule is None:
            raise UsageError(
                "backward: expected operations of torch's cells, which have a gradient here",
                got=one.op,
                fix="leave out --backward",
            )
        for number, read in enumerate(one.inputs):
            if read.name in self._constants:
                continue
            before = (self._so_far[read.name],) if read.name in self._so_far else ()
            use = Use(number, one.inputs, one.output, one.attributes, before)
            gradient = rule(self._perform, dy, use)
            if gradient is dy:  # a sum passes on what comes to it
                self._waiting.setdefault(read.name, []).append(dy)
            else:
                self._arrive(read.name, gradient, one.output.name)

    def _perform(self, op: str, *inputs: Tensor, attributes: tuple[Any, ...] = ()) -> Tensor:
        equation = OPERATIONS[op].equation([tensor.name for tensor in inputs], attributes)
        name = f"({equation})" if " " in equation else equation
        return self._interpreter.apply(op, name, inputs, attributes)

    def _arrive(self, name: str, gradient: Tensor, by: str) -> None:
        called = self._name(name) if self._reached[name] == 1 else f"d{name}({by})"
        self._waiting.setdefault(name, []).append(self._named(gradient, called))

    def _total(self, name: str) -> Tensor:
        first, *others = self._waiting.pop(name)
        for other in others:
            first = self._perform("add", first, other)
        return self._named(first, self._name(name)) if others else first

    def _name(self, name: str) -> str:
        return self._names.get(name, f"d{name}")

    def _named(self, tensor: Tensor, name: str) -> Tensor:
        """The last result under its name."""
        performed = self._interpreter.performed
        renamed = tensor._replace(name=name)
        performed[-1] = performed[-1]._replace(output=renamed)
        return renamed


def _earlier_part(performed: Performed) -> bool:
    """Whether a split has parts before this one, which come later in reverse."""
    return performed.op == "split" and performed.attributes[0] > 0
