"""The constructor that a message is about, wherever it stands."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...network.constructor import constructor_error
from ...network.dims import Symbol
from ...network.spec import Spec
from ..code import (
    CELLS,
    RECURRENT,
    Mend,
    Statement,
    dotted,
    parse,
    with_argument,
    without_argument,
)
from ..program import Layer, cell_of
from .base import Facts, Proof, attempt, layer_in_place


class Built(NamedTuple):
    """The constructor in question; own where it is the user's, else a line of ours."""

    layer: Layer
    own: bool

    def mend(self, code: str) -> Mend:
        """Other code in its place."""
        return self.layer.statement.mend(code) if self.own else Mend(code)

    def with_(self, name: str, value: str) -> Mend:
        """The constructor with one argument set."""
        layer = self.layer
        place = layer.position(name)
        return self.mend(with_argument(layer.statement, layer.call, place, name, value))

    def without(self, *names: str) -> Mend:
        """The constructor without some keywords."""
        return self.mend(without_argument(self.layer.statement, self.layer.call, names))

    def edited(self, place: int, text: str) -> str | None:
        """The constructor with another text for a positional argument, where that is Python."""
        if place >= len(self.layer.call.args):
            return None
        code = self.layer.statement.edited((self.layer.call.args[place], text))
        return code if parse(code) else None


def built(facts: Facts, otherwise: str, called: bool = False) -> Built:
    """The constructor in the failing line, else `otherwise`.

    called: the message came from the call of the layer that is to be found, not from building it.
    """
    layer = constructor_in(facts.statement)
    if called:
        call = facts.call("rnn(x)")
        layer = layer_in_place(call) or facts.program.layer(call.callee, (*RECURRENT, *CELLS))
    elif facts.statement is None:
        layer = facts.program.layer("", (*RECURRENT, *CELLS))
    return Built(layer, True) if layer is not None else ours(otherwise)


def ours(line: str) -> Built:
    """The constructor in a line of ours."""
    statement = parse(line)
    made = constructor_in(statement)
    assert made is not None
    return Built(made, False)


def constructor_in(statement: Statement | None) -> Layer | None:
    """The first constructor of a recurrent layer or cell in a statement."""
    for call in statement.calls() if statement else ():
        kind = dotted(call.func).rsplit(".", 1)[-1]
        if kind in (*RECURRENT, *CELLS):
            return Layer("", kind, call, statement)  # type: ignore[arg-type]
    return None


def given(facts: Facts, made: Built, name: str) -> Any:
    """What the user's constructor is given for an argument, where that is known."""
    return facts.program.value(made.layer.argument(name)) if made.own else None


def proof(made: Built, **changed: tuple[Any, Any]) -> Proof | None:
    """Arguments (before, after) put to the checks of the constructor, other sizes being open."""

    def build() -> Proof:
        cell = cell_of(made.layer.kind)
        sizes: dict[str, Any] = {n: Symbol([((n[0].upper(),), 1)]) for n in
                                 ("input_size", "hidden_size")}  # fmt: skip
        before = {**sizes, **{name: pair[0] for name, pair in changed.items()}}
        after = {**sizes, **{name: pair[1] for name, pair in changed.items()}}
        error = constructor_error(cell, {k: v for k, v in before.items() if v is not ...})
        spec = Spec(cell=cell, **{k: v for k, v in after.items() if v not in (None, ...)})
        told = {k: v for k, v in before.items() if k in changed and v is not ...}
        return {
            "before": {"arguments": told, "fits": error is None,
                       **({"torch": error._asdict()} if error else {})},
            "after": {"network": str(spec), "parameters": len(spec.parameters()), "fits": True},
        }  # fmt: skip

    return attempt(build)
