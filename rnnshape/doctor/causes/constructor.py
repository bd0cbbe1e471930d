"""What the constructors of the recurrent modules refuse."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any, NamedTuple

from ...network.constructor import positional_names
from ...network.dims import LARGEST
from .base import Facts, Finding, rule, says


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


def flag(value: Any) -> bool:
    """What somebody means by a value where a bool is wanted."""
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
    "bias": Argument("a bool", "bias says whether there are biases", flag),
    "batch_first": Argument("a bool", "batch_first says where the batch axis stands", flag),
    "bidirectional": Argument(
        "a bool", "bidirectional says whether there is a reverse direction", flag
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


_SYNONYMS = {
    "layers": "num_layers",
    "n_layers": "num_layers",
    "nlayers": "num_layers",
    "hidden_dim": "hidden_size",
    "units": "hidden_size",
    "hidden": "hidden_size",
    "input_dim": "input_size",
    "in_features": "input_size",
    "embedding_dim": "input_size",
    "bidirection": "bidirectional",
    "p": "dropout",
    "activation": "nonlinearity",
    "use_bias": "bias",
}


def torch_name(word: str) -> str | None:
    """What torch calls an argument that it does not know by this word, where that is near."""
    return _SYNONYMS.get(word) or next(iter(difflib.get_close_matches(word, ARGUMENTS, 1)), None)


def _about(name: str) -> str:
    """What an argument should be, and why."""
    argument = ARGUMENTS[name]
    return f"{name} should be {argument.expected}: {argument.why}."


@rule(
    "constructor",
    r"Unknown nonlinearity:? '?([^'\n]{0,60})'?",
    example="ValueError: Unknown nonlinearity 'True'. Select from 'tanh' or 'relu'.",
)
def nonlinearity(facts: Facts) -> Finding | None:
    """nn.RNN's fourth positional argument is nonlinearity, not bias or bidirectional."""
    why = _about("nonlinearity")
    if facts.match.group(1) in ("True", "False"):
        why += f" The order is {', '.join(positional_names('rnn')[:8])}: a fourth one falls on it."
    return Finding(0.95, why, None, "Give it 'tanh' or 'relu': nn.RNN has no other.")


projection_elsewhere = says(
    "constructor",
    r"proj_size argument is only supported for LSTM",
    example="ValueError: proj_size argument is only supported for LSTM, not RNN or GRU",
    confidence=0.97,
    why="Only nn.LSTM has a projection; nn.RNN and nn.GRU refuse the keyword, even with 0.",
)


projection_range = says(
    "proj-size",
    r"proj_size should be a positive integer or zero|proj_size has to be smaller than hidden_size",
    example="ValueError: proj_size has to be smaller than hidden_size",
    confidence=0.95,
    why=_about("proj_size"),
)


@rule(
    "constructor",
    r"(dropout) should be a number in range \[0, 1\]",
    r"(input_size|hidden_size) should be of type int, got: \w{1,60}",
    r"(bias|batch_first|bidirectional) should be of type bool, got: \w{1,60}",
    r"(input_size|hidden_size|num_layers) must be greater than zero",
    example="TypeError: hidden_size should be of type int, got: float",
)
def value(facts: Facts) -> Finding | None:
    """An argument of another type, or out of range."""
    name = facts.match.group(1)
    why = _about(name)
    if facts.match.group(0).endswith("int, got: float"):
        why += " In Python 3, / always gives a float; // divides whole numbers."
    return Finding(0.95, why, None, f"Give {name} {ARGUMENTS[name].expected}.")


dropout_of_one_layer = says(
    "dropout-one-layer",
    r"dropout option adds dropout after all but last recurrent layer",
    example="UserWarning: dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
    "num_layers greater than 1, but got dropout=0.5 and num_layers=1",
    confidence=0.95,
)


size_below_zero = says(
    "constructor",
    r"Trying to create tensor with negative dimension -\d+|Dimension size must be non-negative",
    example="RuntimeError: Trying to create tensor with negative dimension -3: [100, -3]",
    why="A size is below zero.",
    fix="Give sizes that are not below zero.",
)


no_size = says(
    "constructor",
    r"Overflow when unpacking long|type must be tuple of ints, ?but got (\w{1,40})|"
    r"must be tuple of ints, but found element of type (\w{1,40})|"
    r"'<=?' not supported between instances of '(?:str|NoneType)' and 'int'",
    example="TypeError: '<=' not supported between instances of 'str' and 'int'",
    confidence=0.6,
    why="A size is no integer that torch can take.",
)


@rule(
    "constructor",
    r"__init__\(\) got an unexpected keyword argument '(\w{1,60})'",
    example="TypeError: RNNBase.__init__() got an unexpected keyword argument 'layers'",
)
def unknown_keyword(facts: Facts) -> Finding | None:
    """A name from another framework, or one that this class does not have."""
    word = facts.match.group(1)
    close = torch_name(word)
    hint = f" torch calls it {close}." if close and close != word else ""
    return Finding(0.9, f"The constructor has no argument {word}.{hint}")


before_super = says(
    "super-not-called",
    r"cannot assign (?:module|parameters?|buffer) before Module\.__init__\(\) call",
    r"object has no attribute '_(?:modules|parameters)'",
    example="AttributeError: cannot assign module before Module.__init__() call",
)
cell_arguments = says(
    "constructor",
    r"((?:RNN|LSTM|GRU)Cell)\.__init__\(\) (?:takes from \d{1,3} to \d{1,3} positional|got multiple values for argument)",
    r"__init__\(\) missing \d{1,3} required positional arguments?: ('(?:input|hidden)_size'.{0,60})",
    example="TypeError: LSTMCell.__init__() takes from 3 to 6 positional arguments but 8 were given",
)

_SIGNATURE = (bool, int, float, bool, bool, bool)
_NAMES = ("bias", "num_layers", "dropout", "train", "bidirectional", "batch_first")


@rule(
    "constructor",
    r"(?:rnn_tanh|rnn_relu|lstm|gru)\(\) received an invalid combination of arguments - got "
    r"\(Tensor, (?:Tensor, )?(?:Tensor|tuple), (?:list|tuple), (\w{1,40}), (\w{1,40}), (\w{1,40}), "
    r"(\w{1,40}), (\w{1,40}), (\w{1,40})\)",
    example="TypeError: gru() received an invalid combination of arguments - got (Tensor, Tensor, "
    "list, bool, int, float, bool, int, bool), but expected one of: …",
)
def wrong_type_in_forward(facts: Facts) -> Finding | None:
    """bidirectional and num_layers are not checked by the constructor."""
    types = [kind.__name__ for kind in _SIGNATURE]
    wrong = [n for n, got, want in zip(_NAMES, facts.match.groups(), types) if got != want]
    if not wrong or wrong[0] == "train":
        return None
    return Finding(
        0.9, f"{_about(wrong[0])} The constructor does not check it, and the forward call does."
    )
