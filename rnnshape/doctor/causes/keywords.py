"""What the constructors refuse: arguments of another name, in another place, of another type."""

from __future__ import annotations

import difflib

from ...network.constructor import ARGUMENTS
from ..code import CELLS, parse, with_argument, without_argument
from .base import Facts, Finding, rule
from .built import built, constructor_in, given, ours, proof

_SYNONYMS = {
    "layers": "num_layers", "n_layers": "num_layers", "nlayers": "num_layers",
    "hidden_dim": "hidden_size", "units": "hidden_size", "hidden": "hidden_size",
    "input_dim": "input_size", "in_features": "input_size", "embedding_dim": "input_size",
    "bidirection": "bidirectional", "p": "dropout", "activation": "nonlinearity",
    "use_bias": "bias",
}  # fmt: skip
_KEYWORDS = tuple(name for name in ARGUMENTS if name != "cell")


@rule(
    "constructor",
    r"(bias|batch_first|bidirectional) should be of type bool, got: (\w{1,60})",
    meaning="a switch was given a number or a text; often a positional argument one place off",
    example="TypeError: bias should be of type bool, got: int",
)
def not_a_bool(facts: Facts) -> Finding | None:
    """bias and batch_first take True or False."""
    name, kind = facts.match.group(1), facts.match.group(2)
    made = built(facts, f"rnn = nn.LSTM(10, 20, {name}=1)")
    value = given(facts, made, name)
    place = made.layer.position(name)
    code = made.edited(place, f"dropout={value}") if place and isinstance(value, float) else None
    if code:
        mend, meant = made.mend(code), True
    else:
        meant = str(value).lower() in ("true", "yes", "on", "1")
        if value is None:
            meant = name == "bias" and kind != "NoneType"
        mend = made.with_(name, str(meant))
    return Finding(
        0.95,
        f"{name} takes True or False and was given a value of type {kind}. Positional arguments "
        "after num_layers are easily one place off.",
        f"Give {name} and what follows it by name.",
        mend,
        proof(made, **{name: (1 if value is None else value, meant)}),
    )


@rule(
    "constructor",
    r"__init__\(\) got an unexpected keyword argument '(\w{1,60})'",
    meaning="a constructor does not know a keyword",
    example="TypeError: RNNBase.__init__() got an unexpected keyword argument 'layers'",
)
def unknown_keyword(facts: Facts) -> Finding | None:
    """A name from another framework, or one that this class does not have."""
    word = facts.match.group(1)
    made = built(facts, f"rnn = nn.LSTM(10, 20, {word}=2)")
    if all(keyword.arg != word for keyword in made.layer.call.keywords):
        made = ours(f"rnn = nn.{made.layer.kind}(10, 20, {word}=2)")
    if facts.statement is not None and not made.own:
        return None
    kind = made.layer.kind
    close = _SYNONYMS.get(word) or next(iter(difflib.get_close_matches(word, _KEYWORDS, 1)), None)
    known = ("input_size", "hidden_size", "bias", "nonlinearity") if kind in CELLS else _KEYWORDS
    if close in (None, word) or close not in known:
        mend, fix = made.without(word), f"Leave {word} out."
    else:
        keyword = next(k for k in made.layer.call.keywords if k.arg == word)
        value = made.layer.statement.source(keyword.value)
        place = next((a for a in made.layer.call.keywords if a.arg == close), None)
        if place is not None:
            mend, fix = made.without(word), f"Leave {word} out."
        else:
            text = without_argument(made.layer.statement, made.layer.call, (word,))
            again = parse(text)
            layer = constructor_in(again) if again else None
            assert again is not None and layer is not None
            mend = made.mend(with_argument(again, layer.call, None, str(close), value))
            fix = f"torch calls it {close}."
    return Finding(
        0.9,
        f"The constructor has no argument {word}.",
        fix,
        mend,
        proof(made),
    )


@rule(
    "constructor",
    r"((?:RNN|LSTM|GRU)Cell)\.__init__\(\) (?:takes from \d{1,3} to \d{1,3} positional|"
    r"got multiple values for argument '(\w{1,60})')",
    meaning="a cell was given more arguments than it has; layers, directions and dropout are not "
    "among them",
    example="TypeError: LSTMCell.__init__() takes from 3 to 6 positional arguments but 8 were "
    "given",
)
def too_many_for_a_cell(facts: Facts) -> Finding | None:
    """The arguments of a layer, given to a cell."""
    kind, twice = facts.match.groups()
    made = built(facts, f"cell = nn.{kind}(10, 20, True)")
    order = ["input_size", "hidden_size", "bias", *["nonlinearity"] * (kind == "RNNCell")]
    if twice:
        why = f"{twice} is given by its place and again by its name."
        mend = made.without(twice)
    else:
        kept = ", ".join(map(made.layer.statement.source, made.layer.call.args[:2]))
        why = f"A cell is a single step: its arguments are {', '.join(order)}."
        text = made.layer.statement.edited((made.layer.call, f"nn.{kind}({kept})"))
        mend = made.mend(text)
    return Finding(
        0.93,
        why,
        f"Give what follows hidden_size by name, or use nn.{kind.removesuffix('Cell')}, which has "
        "layers, directions and dropout.",
        mend,
        proof(made),
    )


@rule(
    "constructor",
    r"__init__\(\) missing \d{1,3} required positional arguments?: "
    r"('(?:input|hidden)_size'.{0,60})",
    meaning="input_size or hidden_size is not given",
    example="TypeError: RNNBase.__init__() missing 1 required positional argument: 'hidden_size'",
)
def missing_size(facts: Facts) -> Finding | None:
    """The two sizes have no default."""
    made = built(facts, "rnn = nn.LSTM(input_size=10)")
    code = made.layer.statement.text
    for name, size in (("input_size", "10"), ("hidden_size", "20")):
        statement = parse(code)
        layer = constructor_in(statement) if statement else None
        if f"'{name}'" in facts.match.group(1) and statement and layer:
            code = with_argument(statement, layer.call, None, name, size)
    return Finding(
        0.95,
        "Every recurrent layer is built with input_size, the features of a step, and hidden_size, "
        "the width of its state.",
        "Give both: nn.LSTM(input_size, hidden_size).",
        made.mend(code),
        proof(made),
    )


_SIGNATURE = (bool, int, float, bool, bool, bool)
_NAMES = ("bias", "num_layers", "dropout", "train", "bidirectional", "batch_first")


@rule(
    "constructor",
    r"(?:rnn_tanh|rnn_relu|lstm|gru)\(\) received an invalid combination of arguments - got "
    r"\(Tensor, (?:Tensor, )?(?:Tensor|tuple), (?:list|tuple), (\w{1,40}), (\w{1,40}), (\w{1,40}), "
    r"(\w{1,40}), (\w{1,40}), (\w{1,40})\)",
    meaning="a constructor's argument is of a type that is found out only in the forward call",
    example="TypeError: gru() received an invalid combination of arguments - got (Tensor, Tensor, "
    "list, bool, int, float, bool, int, bool), but expected one of: …",
)
def wrong_type_in_forward(facts: Facts) -> Finding | None:
    """bidirectional and num_layers are not checked by the constructor."""
    types = [kind.__name__ for kind in _SIGNATURE]
    wrong = [n for n, got, want in zip(_NAMES, facts.match.groups(), types) if got != want]
    if not wrong or wrong[0] == "train":
        return None
    name = wrong[0]
    made = built(
        facts,
        f"rnn = nn.GRU(10, 20, {name}={'True' if name == 'num_layers' else '1'})",
        called=True,
    )
    value = given(facts, made, name)
    meant = "1" if name == "num_layers" else str(str(value).lower() in ("1", "true", "yes", "on"))
    return Finding(
        0.9,
        f"{name} was given a value of another type, which the constructor does not check and the "
        "forward call does.",
        f"{name}={meant}.",
        made.with_(name, meant),
        proof(made),
    )
