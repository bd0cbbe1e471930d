"""What the constructors of torch's recurrent modules raise first, to the letter.

Each check is one line of torch's own, and stands in torch's order: of nn.RNN, nn.LSTM and nn.GRU
in `LAYER` (__init__ of RNN and GRU, then Python's binding of arguments, then RNNBase.__init__), of
nn.RNNCell, nn.LSTMCell and nn.GRUCell in `SINGLE` (torch/nn/modules/rnn.py).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Number
from typing import Any, NamedTuple

from ..errors import Fault, TorchError
from .dims import LARGEST, Symbol

NONLINEARITIES = ("tanh", "relu")
GATES = {"rnn": 1, "lstm": 4, "gru": 3}


class Kind(NamedTuple):
    """A class of torch: its name, whose equation it computes, and whether it is a single step."""

    class_name: str
    family: str
    single: bool

    @property
    def gates(self) -> int:
        """G: 1 for an rnn, 4 for an lstm, 3 for a gru."""
        return GATES[self.family]

    @property
    def init(self) -> str:
        """The function whose arguments Python binds, as its messages name it."""
        return f"{self.class_name if self.single else 'RNNBase'}.__init__()"


KINDS = {
    **{family: Kind(family.upper(), family, single=False) for family in GATES},
    **{f"{family}-cell": Kind(f"{family.upper()}Cell", family, single=True) for family in GATES},
}
MOST_LAYERS = 10_000  # each layer's parameters are listed by name


class Argument(NamedTuple):
    """What describes a network: the cell, and one argument of its constructor each.

    default: torch's own; of the sizes, which torch has none for, this package's.
    expected, example: what a wrong value is answered with.
    meaning: one line for a person. symbol: its letter in shapes.
    family: the only one that takes another value than the default; "" for all.
    single: whether the cell modules take it. choices: all values that there are.
    """

    name: str
    default: Any
    expected: str
    example: Any
    meaning: str
    symbol: str = ""
    family: str = ""
    single: bool = False
    choices: tuple[str, ...] = ()

    @property
    def option(self) -> str:
        """The option of the command line."""
        return "--" + _SHORT.get(self.name, self.name).replace("_", "-")

    @property
    def negated(self) -> str:
        """The option that says no, of a flag."""
        return self.option.replace("--", "--no-", 1)

    @property
    def fix(self) -> str:
        """What to write on the command line."""
        flag = isinstance(self.default, bool)
        return f"{self.option} or {self.negated}" if flag else f"{self.option} {self.example}"


def option_of(name: str, value: Any = None) -> str:
    """The option that a person types for an argument, or for a size of the batch."""
    row = ARGUMENTS.get(name)
    if row is not None:
        return row.negated if value is False else row.option
    return "--batched" if (name, value) == ("unbatched", False) else "--" + name.replace("_", "-")


_SHORT = {"num_layers": "layers"}
_WORD = "true or false"
ARGUMENTS: dict[str, Argument] = {
    row.name: row
    for row in (
        Argument("cell", "rnn", f"one of {', '.join(KINDS)}", "lstm",
                 "rnn, lstm or gru; a single step is rnn-cell, lstm-cell or gru-cell; a file of "
                 "equations, FILE.cell, or one that rnnshape cells lists.",
                 symbol="CELL", single=True, choices=tuple(KINDS)),
        Argument("nonlinearity", "tanh", "tanh or relu, for the cell rnn alone", "tanh",
                 "tanh or relu; rnn only.", symbol="NAME", family="rnn", single=True,
                 choices=NONLINEARITIES),
        Argument("input_size", 10, "an integer greater than zero, or a name", 10,
                 "A number or a name.", symbol="I", single=True),
        Argument("hidden_size", 20, "an integer greater than zero, or a name", 20,
                 "A number or a name.", symbol="H", single=True),
        Argument("num_layers", 1, f"an integer from 1 to {MOST_LAYERS:,}", 1,
                 "Layers on top of each other.", symbol="L"),
        Argument("bias", True, _WORD, True, "With the two biases, or without.", single=True),
        Argument("batch_first", False, _WORD, False, "input and output as (N, T, ·)."),
        Argument("dropout", 0.0, "a number from 0 to 1", 0.5, "Between layers, in training.",
                 symbol="P"),
        Argument("bidirectional", False, _WORD, False, "Two directions."),
        Argument("proj_size", 0, "0, or an integer smaller than hidden_size, for the lstm alone",
                 0, "lstm only.", symbol="P", family="lstm"),
    )
}  # fmt: skip
DEFAULTS: dict[str, Any] = {row.name: row.default for row in ARGUMENTS.values()}
SILENT = ("nonlinearity", "dropout", "batch_first")  # of which the parameters' shapes say nothing
SHAPING = tuple(name for name in ARGUMENTS if name not in SILENT)
_SIZES = ("input_size", "hidden_size")
_FLOAT_BYTES = 4
_PLACES = ("device", "dtype")
_DEVICES = (
    "cpu", "cuda", "ipu", "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve", "fpga", "maia",
    "xla", "lazy", "vulkan", "mps", "meta", "hpu", "mtia", "privateuseone",
)  # fmt: skip
_BASE = (*(name for name in ARGUMENTS if name not in ("cell", "nonlinearity")), *_PLACES)


def positional_names(cell: str) -> tuple[str, ...]:
    """The arguments in the order in which they may stand without a name.

    An rnn takes its nonlinearity fourth, where an lstm and a gru take bias; a cell module takes
    sizes and bias, and of the three nn.RNNCell its nonlinearity after them.
    """
    kind = KINDS[cell]
    extra = ("nonlinearity",) if kind.family == "rnn" else ()
    if kind.single:
        return (
            *(name for name in _BASE if name in ARGUMENTS and ARGUMENTS[name].single),
            *extra,
            *_PLACES,
        )
    return (*_BASE[:3], *extra, *_BASE[3:])


def takes(cell: str, name: str) -> bool:
    """Whether the constructor has the argument `name`, and it may be other than its default."""
    family = ARGUMENTS[name].family if name in ARGUMENTS else ""
    return name in positional_names(cell) and family in ("", KINDS[cell].family)


@dataclass(frozen=True)
class Construction:
    """A call of a constructor: its cell, the arguments without a name, and those with one.

    Values are raw, as a program would pass them. A Symbol passes where torch wants an integer.
    """

    cell: str
    keywords: Mapping[str, Any]
    positional: tuple[Any, ...] = field(default=())

    @property
    def kind(self) -> Kind:
        """The class that is called."""
        return KINDS[self.cell]

    @cached_property
    def named(self) -> list[str]:
        """The names that the positional arguments fall on."""
        return list(positional_names(self.cell)[: len(self.positional)])

    @cached_property
    def arguments(self) -> dict[str, Any]:
        """Every argument that was given, by its name."""
        return {**dict(zip(self.named, self.positional)), **self.keywords}

    def __getitem__(self, name: str) -> Any:
        """The value of an argument; torch's default where it was not given."""
        return self.arguments[name] if name in self.arguments else DEFAULTS.get(name)

    def mended(self, name: str) -> Construction:
        """The call without its argument `name`; a size that torch needs becomes a symbol."""
        fresh: Any = Symbol([((name[0].upper(),), 1)]) if name in _SIZES else DEFAULTS.get(name)
        keywords = {key: value for key, value in self.keywords.items() if key != name}
        positional = self.positional[: len(positional_names(self.cell))]
        if name in self.named and name not in self.keywords:
            at = self.named.index(name)
            positional = (*positional[:at], fresh, *positional[at + 1 :])
        elif name in _SIZES and name not in self.named:
            keywords[name] = fresh
        return Construction(self.cell, keywords, positional)


Check = Callable[[Construction], Fault | None]


def constructor_fault(call: Construction) -> Fault | None:
    """What torch raises first for `call` and the argument at fault, or None."""
    checks = SINGLE if call.kind.single else LAYER
    return next(filter(None, (check(call) for check in checks)), None)


def constructor_warning(call: Construction) -> TorchError | None:
    """The UserWarning of a dropout that has no layer to come after, or None."""
    dropout, layers = call["dropout"], call["num_layers"]
    if call.kind.single or _dropout_number(call) or _dropout_range(call):
        return None
    if not dropout > 0 or layers != 1:
        return None
    message = (
        "dropout option adds dropout after all but last recurrent layer, so non-zero dropout "
        f"expects num_layers greater than 1, but got dropout={dropout} and num_layers={layers}"
    )
    return TorchError("UserWarning", message)


def _fault(about: str, type: str, message: str) -> Fault:
    return Fault(about, TorchError(type, message))


def _raised(about: str, error: Exception) -> Fault:
    """What Python itself says where torch leaves the check to it."""
    return _fault(about, type(error).__name__, str(error))


def _projection_of_another_cell(call: Construction) -> Fault | None:
    if call.cell == "lstm" or "proj_size" not in call.keywords:
        return None
    message = "proj_size argument is only supported for LSTM, not RNN or GRU"
    return _fault("proj_size", "ValueError", message)


def _nonlinearity(call: Construction) -> Fault | None:
    if call.cell != "rnn":
        return None
    value = dict(zip(call.named, call.positional)).get("nonlinearity", call["nonlinearity"])
    if value in NONLINEARITIES:
        return None
    message = f"Unknown nonlinearity '{value}'. Select from 'tanh' or 'relu'."
    return _fault("nonlinearity", "ValueError", message)


def _keywords(call: Construction) -> Fault | None:
    """A name that RNNBase.__init__ does not have, or that a positional argument has taken."""
    single = call.kind.single
    known = positional_names(call.cell) if single else _BASE
    for name in call.keywords:
        if name == "nonlinearity" and call.cell == "rnn" and name not in call.named:
            continue
        if (single or name != "nonlinearity") and name in [*call.named, *["mode"][single:]]:
            what = f"multiple values for argument '{name}'"
        elif name not in known:
            what = f"an unexpected keyword argument '{name}'"
        else:
            continue
        return _fault(name, "TypeError", f"{call.kind.init} got {what}")
    return None


def _too_many(call: Construction) -> Fault | None:
    names = positional_names(call.cell)
    over = len(call.positional) - len(names)
    if over <= 0:
        return None
    # beside the arguments stands self; a layer passes its mode on, and keeps its nonlinearity
    least, most = (3, len(names) + 1) if call.kind.single else (4, len(_BASE) + 2)
    message = f"takes from {least} to {most} positional arguments but {most + over} were given"
    return _fault("arguments", "TypeError", f"{call.kind.init} {message}")


def _missing(call: Construction) -> Fault | None:
    names = [name for name in _SIZES if name not in call.arguments]
    if not names:
        return None
    words = " and ".join(f"'{name}'" for name in names)
    plural = "s" if len(names) > 1 else ""
    message = f"missing {len(names)} required positional argument{plural}: {words}"
    return _fault(names[0], "TypeError", f"{call.kind.init} {message}")


def _dropout_number(call: Construction) -> Fault | None:
    try:
        float(call["dropout"])
    except (TypeError, ValueError, OverflowError) as error:
        return _raised("dropout", error)
    return None


def _dropout_range(call: Construction) -> Fault | None:
    value = call["dropout"]
    if isinstance(value, Number) and not isinstance(value, bool) and 0 <= value <= 1:  # type: ignore[operator]
        return None
    message = (
        "dropout should be a number in range [0, 1] "
        "representing the probability of an element being zeroed"
    )
    return _fault("dropout", "ValueError", message)


def _bool(name: str) -> Check:
    def check(call: Construction) -> Fault | None:
        if isinstance(call[name], bool):
            return None
        got = type(call[name]).__name__
        return _fault(name, "TypeError", f"{name} should be of type bool, got: {got}")

    return check


def _size(name: str) -> Check:
    def check(call: Construction) -> Fault | None:
        size = call[name]
        if isinstance(size, Symbol):
            return None
        if not isinstance(size, int):
            got = type(size).__name__
            return _fault(name, "TypeError", f"{name} should be of type int, got: {got}")
        if size <= 0:
            return _fault(name, "ValueError", f"{name} must be greater than zero")
        return None

    return check


def _compared(name: str, wrong: Callable[[Any, Any], bool], message: str) -> Check:
    """A check that compares with 0, and so leaves it to Python what can be compared."""

    def check(call: Construction) -> Fault | None:
        try:
            return _fault(name, "ValueError", message) if wrong(call[name], 0) else None
        except TypeError as error:
            return _raised(name, error)

    return check


def _cell_rows(call: Construction) -> Fault | None:
    """G·H as Python multiplies it, and its type: of a size torch looks at the first number only."""
    try:
        rows = _rows_of_cell(call)
    except TypeError as error:
        return _raised("hidden_size", error)
    words = _not_a_size(rows, 1, single=True)
    if words is None or not words.startswith("(position 1)"):
        return None
    return _fault("hidden_size", "TypeError", f"empty(): argument 'size' {words}")


def _rows_of_cell(call: Construction) -> Any:
    hidden = call["hidden_size"]
    return hidden if isinstance(hidden, Symbol) else call.kind.gates * hidden


def _cell_sizes(call: Construction) -> Fault | None:
    """The sizes of weight_ih and weight_hh, as torch.empty takes them; no other check is made."""
    rows = _rows_of_cell(call)
    for name in _SIZES:
        sizes = (("hidden_size", rows), (name, call[name]))
        for position, (about, size) in enumerate(sizes, 1):
            words = _not_a_size(size, position, single=True)
            if words:
                return _fault(about, "TypeError", f"empty(): argument 'size' {words}")
        numbers = [int(size) for _, size in sizes if isinstance(size, int)]
        for about, size in sizes:
            if isinstance(size, int) and size < 0:
                message = f"Trying to create tensor with negative dimension {size}: {numbers}"
                return _fault(about, "RuntimeError", message)
        if len(numbers) == 2 and numbers[0] * numbers[1] * _FLOAT_BYTES > LARGEST:
            message = f"Storage size calculation overflowed with sizes={numbers}"
            return _fault(max(sizes, key=lambda size: size[1])[0], "RuntimeError", message)
    return None


def _placing(name: str, *read: str) -> Check:
    """A value of Python's that falls on device or dtype, as where an argument is too many.

    read: the types that torch makes something of.
    """

    def check(call: Construction) -> Fault | None:
        got = type(call[name]).__name__
        if got in read or got not in ("bool", "int", "float", "str", "list", "tuple", "dict"):
            return None
        message = f"empty(): argument '{name}' must be torch.{name}, not {got}"
        return _fault(name, "TypeError", message)

    return check


def _device(call: Construction) -> Fault | None:
    """A device by its name or number (c10/core/Device.cpp); which there are, the machine knows."""
    device = call["device"]
    if isinstance(device, int):
        message = "Device index must not be negative" if device < 0 else ""
    elif not isinstance(device, str):
        return None
    elif not device:
        message = "Device string must not be empty"
    elif not (name := re.fullmatch(r"([a-zA-Z_]+)(?::(?:0|[1-9][0-9]*))?", device)):
        message = f"Invalid device string: '{device}'"
    elif name[1] not in _DEVICES:
        message = f"Expected one of {', '.join(_DEVICES)} device type at start of device string: "
        message += name[1]
    else:
        message = ""
    return _fault("device", "RuntimeError", message) if message else None


def _projection_too_wide(call: Construction) -> Fault | None:
    if isinstance(call["hidden_size"], Symbol) or not call["proj_size"] >= call["hidden_size"]:
        return None
    return _fault("proj_size", "ValueError", "proj_size has to be smaller than hidden_size")


def _layer_count(call: Construction) -> Fault | None:
    try:
        operator.index(call["num_layers"])
    except TypeError as error:
        return _raised("num_layers", error)
    return None


def _first_layer(call: Construction) -> Fault | None:
    """The sizes of the first layer's weights, as torch.empty takes them."""
    width, hidden, projection = (call[n] for n in ("input_size", "hidden_size", "proj_size"))
    gates = GATES[call.cell]
    rows = hidden if gates == 1 else gates * hidden
    state = ("proj_size", projection) if projection > 0 else ("hidden_size", hidden)
    tensors = [(("hidden_size", rows), ("input_size", width)), (("hidden_size", rows), state)]
    if projection != 0:
        tensors.append((("proj_size", projection), ("hidden_size", hidden)))
    for sizes in tensors:
        for position, (name, size) in enumerate(sizes, 1):
            words = _not_a_size(size, position)
            if words:
                return _fault(name, "TypeError", f"empty(): argument 'size' {words}")
    return None


def _not_a_size(size: Any, position: int, single: bool = False) -> str | None:
    """Why torch.empty refuses a size; what a layer has not checked itself can be of any type."""
    kind = type(size).__name__
    other = kind == "float" or (single and not isinstance(size, int | Symbol))
    if position == 1 and (kind == "bool" or other):  # only the first element's type is looked at
        return f"(position 1) must be tuple of ints, but found element of type {kind} at pos 0"
    if other:
        reason = f"type must be tuple of ints,but got {kind}"
    elif isinstance(size, int) and size > LARGEST:
        reason = "Overflow when unpacking long long"
    else:
        return None
    return f'failed to unpack the object at pos {position} with error "{reason}"'


SINGLE: tuple[Check, ...] = (
    _keywords,
    _too_many,
    _missing,
    _cell_rows,
    _placing("dtype"),
    _placing("device", "int", "str"),
    _device,
    _cell_sizes,
)

LAYER: tuple[Check, ...] = (
    _projection_of_another_cell,
    _nonlinearity,
    _keywords,
    _too_many,
    _missing,
    _dropout_number,
    _dropout_range,
    _bool("bias"),
    _bool("batch_first"),
    _size("input_size"),
    _size("hidden_size"),
    _compared("num_layers", operator.le, "num_layers must be greater than zero"),
    _compared(
        "proj_size",
        operator.lt,
        "proj_size should be a positive integer or zero to disable projections",
    ),
    _projection_too_wide,
    _layer_count,
    _placing("dtype"),
    _placing("device", "int", "str"),
    _device,
    _first_layer,
)
