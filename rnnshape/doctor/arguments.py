"""What is wrong with the arguments of a constructor: every fault in turn, each with its mend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ..errors import Fault, TorchError
from ..network.constructor import (
    NONLINEARITIES,
    Construction,
    constructor_fault,
    positional_names,
    takes,
)
from ..network.dims import LARGEST, Symbol
from .case import Problem, plain
from .causes.constructor import ARGUMENTS, flag
from .causes.table import sentences


def constructor_problems(call: Construction) -> tuple[list[Problem], Construction]:
    """Every fault in the order in which torch meets them, and the call without them."""
    problems: list[Problem] = []
    shown = call
    while fault := constructor_fault(call):
        problem, shown = _problem(shown, fault)
        problems.append(problem)
        call = call.mended(fault.about)
    return problems, call


# what mends an argument that the constructor takes and forward refuses
LATE: dict[str, Any] = {"num_layers": 1, "bidirectional": True, "nonlinearity": "tanh"}


def late_problems(call: Construction) -> Iterator[Problem]:
    """What the constructor accepts and forward refuses, whatever it is given."""
    why = "The constructor does not check it, and the forward call does"
    if call.kind.single:
        if (got := call["nonlinearity"]) not in NONLINEARITIES:
            known = ARGUMENTS["nonlinearity"]
            yield _told(call, "nonlinearity", known.expected, why, known.mend(got))
        return
    for name, kind in (("num_layers", int), ("bidirectional", bool)):
        if type(got := call[name]) is not kind:
            expected = "an int" if kind is int else ARGUMENTS[name].expected
            mend = int(got) if kind is int else flag(got)
            yield _told(call, name, expected, why, mend)
            call = _with(call, name, mend)
    if not takes(call.cell, "proj_size") and call["proj_size"]:
        why = "Only nn.LSTM projects; without its name the constructor lets it pass"
        yield _told(call, "proj_size", 0, why, 0)


def _told(
    call: Construction, name: str, expected: Any, why: str, mend: Any,
    torch: TorchError | None = None,
) -> Problem:  # fmt: skip
    """What is wrong with an argument, and the line that builds the layer with `mend` in its place;
    without the argument where that is None."""
    got = plain(call[name]) if name in call.arguments else None
    cause = "proj-size" if "proj_size has" in str(torch) else "constructor"
    fix = _code(_with(call, name, mend))
    return Problem(cause, name, expected, got, sentences(cause, why), fix, torch)


def _problem(call: Construction, fault: Fault) -> tuple[Problem, Construction]:
    """What is wrong with an argument, and the call with a better one."""
    name, torch = fault
    got = call.arguments.get(name)
    names = positional_names(call.cell)
    if name in ("device", "dtype"):
        where = "where the parameters are made" if name == "device" else "of what type they are"
        expected, why, mend = f"a torch.{name}", f"{name} says {where}", None
    elif name not in ARGUMENTS or (call.kind.single and name not in names):
        expected, why, mend = None, f"the arguments are {', '.join(names[:-2])}", None
        if name in ARGUMENTS:
            why = f"nn.{call.kind.class_name} is a single step: {why}"
    elif name == "nonlinearity" and not takes(call.cell, name):
        expected, why, mend = "nothing", "only nn.RNN has a nonlinearity to choose", None
    elif isinstance(got, int) and not isinstance(got, bool) and got > LARGEST // 4:
        expected, why = "a size below 2^63", "torch holds a size in 64 bits, the gates' together"
        mend = ARGUMENTS[name].mend(got)
    else:
        expected, why, mended = ARGUMENTS[name]
        mend = mended(got)
        if name == "proj_size":
            mend, why = _projection(call, why)
        if name not in call.arguments:
            why += "; it has no default"
    return _told(call, name, expected, why, mend, torch), _with(call, name, mend)


def _projection(call: Construction, why: str) -> tuple[Any, str]:
    if not takes(call.cell, "proj_size"):
        return None, "only nn.LSTM projects its state"
    hidden, size = call["hidden_size"], call["proj_size"]
    if isinstance(hidden, int) and isinstance(size, int) and size >= hidden > 1:
        return hidden // 2, f"{why}, {hidden}"
    return 0, why


def _with(call: Construction, name: str, value: Any) -> Construction:
    """The call with one argument set, or left out where `value` is None."""
    keywords = {key: one for key, one in call.keywords.items() if key != name}
    return replace(call, keywords=keywords if value is None else {**keywords, name: value})


def _code(call: Construction) -> str:
    """The line that builds the layer, its sizes first and without a name where both are given."""
    keywords = dict(call.keywords)
    sizes = ("input_size", "hidden_size")
    first = [_spelled(keywords.pop(n)) for n in sizes if {*sizes} <= {*call.keywords}]
    parts = [*first, *(f"{name}={_spelled(value)}" for name, value in keywords.items())]
    variable = "cell" if call.kind.single else "rnn"
    return f"{variable} = nn.{call.kind.class_name}({', '.join(parts)})"


def _spelled(value: Any) -> str:
    text = str(value) if isinstance(value, Symbol) else repr(value)
    return text if len(text) <= 60 else f"{text[:20]}…"


def accepted(call: Construction) -> Construction:
    """The call with the values that forward takes, in place of those that it refuses."""
    keywords = dict(call.arguments)
    if call.kind.single:
        keywords["bias"] = bool(call["bias"])
        if call["nonlinearity"] not in NONLINEARITIES:
            keywords["nonlinearity"] = LATE["nonlinearity"]
    else:
        keywords["bidirectional"] = bool(call["bidirectional"])
        keywords["num_layers"] = int(call["num_layers"])
    if not takes(call.cell, "proj_size"):
        keywords.pop("proj_size", None)
    keywords = {name: value for name, value in keywords.items() if name not in ("device", "dtype")}
    return replace(call, keywords=keywords, positional=())
