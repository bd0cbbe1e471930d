"""What the constructors of nn.RNN, nn.LSTM and nn.GRU refuse: values out of range."""

from __future__ import annotations

import ast

from .base import Facts, Finding, rule
from .built import built, constructor_in, given, proof


@rule(
    "constructor",
    r"Unknown nonlinearity:? '?([^'\n]{0,60})'?",
    meaning="nonlinearity is neither tanh nor relu; often a positional True that landed there",
    example="ValueError: Unknown nonlinearity 'True'. Select from 'tanh' or 'relu'.",
)
def nonlinearity(facts: Facts) -> Finding | None:
    """nn.RNN's fourth positional argument is nonlinearity, not bias or bidirectional."""
    word = facts.match.group(1)
    if word in ("True", "False"):
        made = built(facts, f"rnn = nn.RNN(10, 20, 2, {word})")
        code = made.edited(3, f"bidirectional={word}")
        return Finding(
            0.95,
            "nn.RNN's arguments stand in the order input_size, hidden_size, num_layers, "
            "nonlinearity, bias, batch_first, dropout, bidirectional: a fourth one, "
            f"{word}, lands on nonlinearity.",
            "Give everything after num_layers by name: bidirectional=True, batch_first=True.",
            made.mend(code) if code else made.with_("nonlinearity", '"tanh"'),
            proof(made, nonlinearity=(word, "tanh")),
        )
    meant = "relu" if "relu" in word.lower() else "tanh"
    at_call = constructor_in(facts.statement) is None
    made = built(facts, f"rnn = nn.RNN(10, 20, nonlinearity={word!r})", called=at_call)
    return Finding(
        0.95,
        f"nn.RNN knows the nonlinearities tanh and relu, and was given {word!r}.",
        "Choose 'tanh' or 'relu'.",
        made.with_("nonlinearity", f'"{meant}"'),
        proof(made, nonlinearity=(word, meant)),
    )


@rule(
    "constructor",
    r"proj_size argument is only supported for LSTM",
    meaning="proj_size was given to an RNN or a GRU",
    example="ValueError: proj_size argument is only supported for LSTM, not RNN or GRU",
)
def projection_elsewhere(facts: Facts) -> Finding | None:
    """Even proj_size=0 is refused."""
    made = built(facts, "rnn = nn.GRU(10, 20, proj_size=5)")
    return Finding(
        0.97,
        "Only nn.LSTM has a projection; nn.RNN and nn.GRU refuse the keyword, even with 0.",
        "Leave proj_size out, or use nn.LSTM.",
        made.without("proj_size"),
        proof(made, proj_size=(5, None)),
    )


@rule(
    "constructor",
    r"dropout should be a number in range \[0, 1\]",
    r"could not convert string to float: ",
    r"float\(\) argument must be a string or a (?:real )?number, not 'NoneType'",
    meaning="dropout is not a probability",
    example="ValueError: dropout should be a number in range [0, 1] representing the probability "
    "of an element being zeroed",
)
def dropout_range(facts: Facts) -> Finding | None:
    """A percentage, a negative number, a bool."""
    about_dropout = "dropout" in facts.match.group(0)
    if not about_dropout and constructor_in(facts.statement) is None:
        return None
    made = built(facts, "rnn = nn.LSTM(10, 20, num_layers=2, dropout=50)")
    value = given(facts, made, "dropout")
    number = isinstance(value, int | float) and not isinstance(value, bool)
    meant = round(value / 100, 6) if number and 1 < value <= 100 else 0.5
    if value is False or (value is None and not about_dropout):
        meant = 0.0
    return Finding(
        0.97,
        "dropout is the probability of zeroing an element, from 0 to 1"
        + (f", and {value} was given." if value is not None else "."),
        f"dropout={meant}, or 0 for none.",
        made.with_("dropout", str(meant)),
        proof(made, dropout=(50 if value is None and about_dropout else value, meant)),
    )


@rule(
    "constructor",
    r"(input_size|hidden_size) should be of type int, got: (\w{1,60})",
    r"'(float)' object cannot be interpreted as an integer",
    meaning="a size is not an integer; a division with / makes a float",
    example="TypeError: hidden_size should be of type int, got: float",
)
def not_an_int(facts: Facts) -> Finding | None:
    """hidden_size / 2 where // was meant."""
    groups = facts.match.groups()
    name = groups[0] if groups[0] in ("input_size", "hidden_size") else "num_layers"
    kind = groups[-1]
    made = built(facts, f"rnn = nn.LSTM({'10.0, 20' if name == 'input_size' else '10, 20 / 2'})")
    if name == "num_layers" and (not made.own or made.layer.argument(name) is None):
        return None
    node = made.layer.argument(name)
    statement = made.layer.statement
    value = "20"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        value = f"{statement.source(node.left)} // {statement.source(node.right)}"
    elif node is not None:
        value = "10" if isinstance(node, ast.Constant) and node.value is None else (
            f"int({statement.source(node)})")  # fmt: skip
    return Finding(
        0.95,
        f"{name} must be an int and was given a {kind}."
        + (" In Python 3, / always gives a float." if kind == "float" else ""),
        f"Use // for a division, or int(…): {name}={value}.",
        made.with_(name, value),
        proof(made, **{name: (10.0 if kind == "float" else "10", 10)}),
    )


@rule(
    "constructor",
    r"(input_size|hidden_size|num_layers) must be greater than zero",
    r"Trying to create tensor with negative dimension (-\d{1,100})",
    meaning="a size is zero or negative",
    example="ValueError: hidden_size must be greater than zero",
)
def not_positive(facts: Facts) -> Finding | None:
    """An empty vocabulary, a difference that went below one."""
    name = facts.match.group(1)
    if name.startswith("-"):
        name = "hidden_size"
        if facts.statement is None or constructor_in(facts.statement) is None:
            return None
    made = built(facts, f"rnn = nn.LSTM(10, 20, {name}=0)" if name == "num_layers" else
                   f"rnn = nn.LSTM(input_size=10, hidden_size=20, num_layers=1, {name}=0)"
                   .replace(f"{name}=10, ", "").replace(f"{name}=20, ", ""))  # fmt: skip
    value = given(facts, made, name)
    if "negative" in facts.match.group(0):
        values = {n: given(facts, made, n) for n in ("input_size", "hidden_size")}
        name = next((n for n, v in values.items() if isinstance(v, int) and v < 0), name)
        value = values.get(name)
    default = {"input_size": 10, "hidden_size": 20, "num_layers": 1}[name]
    meant = -value if isinstance(value, int) and value < 0 else default
    return Finding(
        0.95,
        f"{name} is {'zero or negative' if value is None else value}; the least it can be is 1.",
        f"Give {name} as 1 or more, and look where the number came from.",
        made.with_(name, str(meant)),
        proof(made, **{name: (value if value is not None else 0, meant)}),
    )


@rule(
    "proj-size",
    r"proj_size should be a positive integer or zero|proj_size has to be smaller than hidden_size",
    meaning="proj_size is negative, or not smaller than hidden_size",
    example="ValueError: proj_size has to be smaller than hidden_size",
)
def projection_range(facts: Facts) -> Finding | None:
    """A projection makes h narrower than c."""
    made = built(facts, "lstm = nn.LSTM(10, 20, proj_size=20)")
    hidden = given(facts, made, "hidden_size")
    meant = hidden // 2 if isinstance(hidden, int) and hidden > 1 else 0
    if "positive" in facts.match.group(0) or not made.own:
        meant = 0
    return Finding(
        0.95,
        "proj_size is the width that h is projected down to: an integer from 1 to hidden_size - 1, "
        "or 0 for no projection.",
        "Choose a smaller proj_size, or 0.",
        made.with_("proj_size", str(meant)),
        proof(made, proj_size=(20, meant if meant < 20 else 0)),
    )


@rule(
    "constructor",
    r"dropout option adds dropout after all but last recurrent layer",
    meaning="dropout between layers does nothing where there is one layer (a warning)",
    example="UserWarning: dropout option adds dropout after all but last recurrent layer, so "
    "non-zero dropout expects num_layers greater than 1, but got dropout=0.5 and num_layers=1",
)
def dropout_of_one_layer(facts: Facts) -> Finding | None:
    """torch only warns."""
    made = built(facts, "rnn = nn.LSTM(10, 20, dropout=0.5)")
    return Finding(
        0.95,
        "The constructor's dropout stands between layers; with one layer there is no such place.",
        "Use num_layers=2 or more, or an nn.Dropout on the output.",
        made.with_("num_layers", "2"),
        proof(made, num_layers=(1, 2), dropout=(0.5, 0.5)),
    )


@rule(
    "constructor",
    r"Overflow when unpacking long|type must be tuple of ints, ?but got (\w{1,40})|"
    r"must be tuple of ints, but found element of type (\w{1,40})|"
    r"'<=?' not supported between instances of '(?:str|NoneType)' and 'int'",
    meaning="a size is no integer that torch can hold",
    example="TypeError: '<=' not supported between instances of 'str' and 'int'",
)
def no_size(facts: Facts) -> Finding | None:
    """Text from a command line, None from a missing setting, a number beyond 2**63."""
    if facts.statement is not None and constructor_in(facts.statement) is None:
        return None
    made = built(facts, 'rnn = nn.LSTM(10, 20, num_layers="2")')
    sizes = ("input_size", "hidden_size", "num_layers", "proj_size")
    for name in sizes:
        node = made.layer.argument(name)
        value = facts.program.value(node) if node is not None else 1
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31:
            continue
        assert node is not None
        text = made.layer.statement.source(node)
        meant = f"int({text})" if isinstance(value, str | float) else (
            {"num_layers": "1", "proj_size": "0"}.get(name, "10"))  # fmt: skip
        return Finding(
            0.85,
            f"{name} is {text}, which is no integer that torch can take as a size.",
            f"Give {name} as an int: {meant}.",
            made.with_(name, meant),
            proof(made, **{name: ("2", 2 if name == "num_layers" else 10)}),
        )
    return None
