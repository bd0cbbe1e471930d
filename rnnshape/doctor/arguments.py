"""What is wrong with the arguments of a constructor: every fault in turn, each with its mend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from ..errors import Fault
from ..network.constructor import (
    NONLINEARITIES,
    Construction,
    constructor_fault,
    positional_names,
    takes,
)
from ..network.dims import LARGEST, Symbol
from .case import Problem, plain


class Argument(NamedTuple):
    """What an argument should be, why, and a value that mends a wrong one."""

    expected: str
    why: str
    mend: Callable[[Any], Any]


def _whole(fallback: int) -> Callable[[Any], Any]:
    def mend(value: Any) -> Any:
        try:
            number = abs(int(float(value))) or fallback
        except (TypeError, ValueError, OverflowError):
            return fallback
        return number if number <= LARGEST and not isinstance(value, bool) else fallback

    return mend


def _flag(value: Any) -> bool:
    return value not in (0, None, "", "False", "false", "0", "no")


def _probability(value: Any) -> float:
    try:
        number = abs(float(value))
    except (TypeError, ValueError, OverflowError):
        return 0.5
    if number <= 1 and not isinstance(value, bool):
        return number
    return number / 100 if 1 < number <= 100 and number == int(number) else 0.5


ARGUMENTS: dict[str, Argument] = {
    "input_size": Argument(
        "an int greater than zero", "input_size is the width of the input's last axis", _whole(10)
    ),
    "hidden_size": Argument(
        "an int greater than zero", "hidden_size is the width of h, the state", _whole(20)
    ),
    "num_layers": Argument(
        "an int greater than zero", "layers stand on top of each other; there is at least 1",
        _whole(1),
    ),
    "nonlinearity": Argument(
        "'tanh' or 'relu'", "nonlinearity is what a cell of nn.RNN ends with",
        lambda value: "relu" if "relu" in str(value).lower() else "tanh",
    ),
    "bias": Argument("a bool", "bias says whether there are biases", _flag),
    "batch_first": Argument("a bool", "batch_first says where the batch axis stands", _flag),
    "bidirectional": Argument(
        "a bool", "bidirectional says whether there is a reverse direction", _flag
    ),
    "dropout": Argument(
        "a number from 0 to 1", "dropout is the probability of a number to become zero",
        _probability,
    ),
    "proj_size": Argument(
        "0, or an int smaller than hidden_size", "a projection makes h narrower than hidden_size",
        lambda value: 0,
    ),
}  # fmt: skip


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
    if call.kind.single:
        got = call["nonlinearity"]
        if got not in NONLINEARITIES:
            expected, _, mend = ARGUMENTS["nonlinearity"]
            why = "the constructor of nn.RNNCell takes any, and forward refuses it"
            fix = _code(with_argument(call, "nonlinearity", mend(got)))
            yield Problem("nonlinearity", expected, plain(got), why, fix)
        return
    for name, kind in (("num_layers", int), ("bidirectional", bool)):
        if type(call[name]) is not kind:
            why, got = "the constructor takes it, and forward refuses it", call[name]
            expected = "an int" if kind is int else ARGUMENTS[name].expected
            call = with_argument(call, name, int(got) if kind is int else _flag(got))
            yield Problem(name, expected, plain(got), why, _code(call))
    if not takes(call.cell, "proj_size") and call["proj_size"]:
        why = "only nn.LSTM projects; without its name the constructor lets it pass"
        fix = _code(with_argument(call, "proj_size", 0))
        yield Problem("proj_size", 0, plain(call["proj_size"]), why, fix)


def _problem(call: Construction, fault: Fault) -> tuple[Problem, Construction]:
    """What is wrong with an argument, and the call with a better one."""
    name, torch = fault
    got = call.arguments.get(name)
    known = ARGUMENTS.get(name)
    if name in _PLACES:
        return _displaced(call, fault)
    if known is None or (call.kind.single and name not in positional_names(call.cell)):
        return _unknown(call, fault)
    if name in call.named and name in call.keywords:
        mended = call.mended(name)
        why = f"argument {call.named.index(name) + 1} is {name} already"
        return Problem(name, None, plain(got), why, _code(mended), torch), mended
    if name in call.named and call.positional[call.named.index(name)] is True:
        return _misplaced(call, fault)
    expected, why, mend = known.expected, known.why, known.mend(got)
    if name == "proj_size":
        mend, why = _projection(call, why)
    if not takes(call.cell, name) and name == "nonlinearity":
        why, expected, mend = "only nn.RNN has a nonlinearity to choose", "nothing", None
    if isinstance(got, int) and not isinstance(got, bool) and got > LARGEST // 4:
        expected, why = "a size below 2^63", "torch holds a size in 64 bits, the gates' together"
    if name not in call.arguments:
        why += "; it has no default"
    mended = with_argument(call, name, mend)
    return Problem(name, expected, plain(got), why, _code(mended), torch), mended


_PLACES = ("device", "dtype")


def _displaced(call: Construction, fault: Fault) -> tuple[Problem, Construction]:
    """A flag that falls on device or dtype, since a cell module has no more of them."""
    name = fault.about
    where = "where the parameters are made" if name == "device" else "of what type they are"
    why = f"{name} says {where}"
    if name in call.named:
        why = f"nn.{call.kind.class_name} has no further flag: this falls on {name}"
    named = call.named.index(name) if name in call.named else len(call.positional)
    keywords = {key: value for key, value in call.keywords.items() if key != name}
    mended = replace(call, positional=call.positional[:named], keywords=keywords)
    return Problem(
        name, f"a torch.{name}", plain(call[name]), why, _code(mended), fault.torch
    ), mended


def _misplaced(call: Construction, fault: Fault) -> tuple[Problem, Construction]:
    """A True without a name that falls on another argument than the one that was meant."""
    name = fault.about
    at = call.named.index(name)
    order = ", ".join(positional_names(call.cell)[:8])
    why = f"the order is {order}: this True falls on {name}"
    keywords = call.keywords if at < 2 else {**call.keywords, "bidirectional": True}
    mended = replace(call, positional=call.positional[:at], keywords=keywords)
    if at < 2:
        mended = with_argument(call, name, ARGUMENTS[name].mend(None))
    problem = Problem(name, ARGUMENTS[name].expected, True, why, _code(mended), fault.torch)
    return problem, mended


def _projection(call: Construction, why: str) -> tuple[Any, str]:
    if not takes(call.cell, "proj_size"):
        return None, "only nn.LSTM projects its state"
    hidden, size = call["hidden_size"], call["proj_size"]
    if isinstance(hidden, int) and isinstance(size, int) and size >= hidden > 1:
        return hidden // 2, f"{why}, {hidden}"
    return 0, why


def _unknown(call: Construction, fault: Fault) -> tuple[Problem, Construction]:
    name = fault.about
    got = call.keywords.get(name, len(call.positional))
    why = f"the arguments are {', '.join(positional_names(call.cell)[:-2])}"
    if call.kind.single and name in ARGUMENTS:
        why = f"nn.{call.kind.class_name} is a single step: {why}"
    expected = None if name in call.keywords else f"at most {len(positional_names(call.cell))}"
    mended = call.mended(name)
    return Problem(name, expected, plain(got), why, _code(mended), fault.torch), mended


def with_argument(call: Construction, name: str, value: Any) -> Construction:
    """The call with one argument set, or left out where `value` is None."""
    keywords = {key: given for key, given in call.keywords.items() if key != name}
    if name in call.named and name not in call.keywords:
        positional = list(call.positional)
        positional[call.named.index(name)] = value
        return replace(call, positional=tuple(positional))
    if value is not None:
        keywords[name] = value
    return replace(call, keywords=keywords)


def _code(call: Construction) -> str:
    """The line that builds the layer, its sizes first and without a name where both have one."""
    positional, keywords = list(call.positional), dict(call.keywords)
    if not positional and {"input_size", "hidden_size"} <= set(keywords):
        positional = [keywords.pop("input_size"), keywords.pop("hidden_size")]
    parts = [*map(_spelled, positional), *(f"{k}={_spelled(v)}" for k, v in keywords.items())]
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
