"""The constructor of nn.RNN, nn.LSTM and nn.GRU: what a network is, checked as torch checks it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import product as product_of
from typing import Any

from . import cells
from .constructor import GATES as GATES
from .constructor import Construction, constructor_fault
from .constructor import constructor_error as constructor_error
from .dims import LARGEST, Dim, Shape, Symbol, json_dim, parse_dim, product
from .errors import TorchError, UsageError

CELLS = ("rnn", "lstm", "gru")
MOST_LAYERS = 10_000  # each layer's parameters are listed by name


@dataclass(frozen=True)
class Parameter:
    """A named parameter, its shape, the rule that gives it, such as (H, D·R), and its kind.

    The kind is the name without layer and direction: weight_ih, weight_hh, bias_ih, …
    """

    name: str
    shape: Shape
    rule: str
    kind: str

    @property
    def count(self) -> Dim:
        """The number of elements."""
        return product(self.shape)


_EXPECTED = {
    "cell": ("one of rnn, lstm, gru", "--cell lstm"),
    "nonlinearity": ("tanh or relu, for the cell rnn alone", "--nonlinearity tanh"),
    "input_size": ("an integer greater than zero, or a name", "--input-size 10"),
    "hidden_size": ("an integer greater than zero, or a name", "--hidden-size 20"),
    "num_layers": (f"an integer from 1 to {MOST_LAYERS:,}", "--layers 1"),
    "bias": ("true or false", "--bias or --no-bias"),
    "batch_first": ("true or false", "--batch-first or --no-batch-first"),
    "bidirectional": ("true or false", "--bidirectional or --no-bidirectional"),
    "dropout": ("a number from 0 to 1", "--dropout 0.5"),
    "proj_size": ("0, or an integer smaller than hidden_size, for the lstm alone", "--proj-size 0"),
}


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A recurrent network as torch's constructor describes it; immutable and checked.

    cell is rnn, lstm or gru; input_size and hidden_size are integers or names of symbolic
    sizes (`Spec(hidden_size="H")`). Raises UsageError with torch's own words where torch
    refuses the same arguments.
    """

    cell: str = "rnn"
    nonlinearity: str = "tanh"
    input_size: Dim = 10
    hidden_size: Dim = 20
    num_layers: int = 1
    bias: bool = True
    batch_first: bool = False
    dropout: float = 0.0
    bidirectional: bool = False
    proj_size: int = 0

    def __post_init__(self) -> None:
        if self.cell not in CELLS:
            raise _refuse("cell", {"cell": self.cell})
        for name in ("input_size", "hidden_size"):
            size = getattr(self, name)
            if isinstance(size, str):
                object.__setattr__(self, name, parse_dim(size, name))
        arguments = {field.name: getattr(self, field.name) for field in fields(Spec)}
        arguments.pop("cell")
        # torch takes these keywords for one class only; a default says nothing
        for name, owner in (("proj_size", "lstm"), ("nonlinearity", "rnn")):
            if self.cell != owner and arguments[name] == _DEFAULTS[name]:
                del arguments[name]
        fault = constructor_fault(Construction(self.cell, arguments))
        if fault:
            raise _refuse(fault.about, arguments, fault.torch)
        if not isinstance(self.bidirectional, bool):
            raise _refuse("bidirectional", arguments)
        if not isinstance(self.proj_size, int):
            raise _refuse("proj_size", arguments)
        for name in ("input_size", "hidden_size", "num_layers"):
            size = getattr(self, name)
            if isinstance(size, int) and size > (MOST_LAYERS if name == "num_layers" else LARGEST):
                raise _refuse(name, arguments)
        object.__setattr__(self, "dropout", float(self.dropout))

    @property
    def num_directions(self) -> int:
        """D: 2 where bidirectional, else 1."""
        return 2 if self.bidirectional else 1

    @property
    def directions(self) -> tuple[str, ...]:
        """The directions in torch's order."""
        return ("forward", "reverse")[: self.num_directions]

    @property
    def gates(self) -> int:
        """G: 1 for rnn, 4 for lstm, 3 for gru."""
        return GATES[self.cell]

    @property
    def state_size(self) -> Dim:
        """R, the width of h: proj_size where there is one, else hidden_size."""
        return self.proj_size or self.hidden_size

    @property
    def output_size(self) -> Dim:
        """D·R, the width of output and of the input of every layer but the first."""
        return self.num_directions * self.state_size

    @property
    def state_names(self) -> tuple[str, ...]:
        """h, and for an lstm c."""
        return ("h", "c") if self.cell == "lstm" else ("h",)

    @property
    def symbolic(self) -> bool:
        """Whether a size is left open."""
        return isinstance(self.input_size, Symbol) or isinstance(self.hidden_size, Symbol)

    @property
    def equation(self) -> cells.Cell[Any]:
        """The cell's function."""
        if self.cell == "rnn":
            return cells.rnn_relu if self.nonlinearity == "relu" else cells.rnn_tanh
        return cells.lstm if self.cell == "lstm" else cells.gru

    def state_width(self, name: str) -> Dim:
        """The width of a state: R for h, H for c."""
        return self.state_size if name == "h" else self.hidden_size

    def layer_parameters(self, layer: int, direction: str) -> tuple[Parameter, ...]:
        """The parameters of one layer and direction, in torch's order."""
        return self._layers[layer, direction]

    @cached_property
    def _layers(self) -> dict[tuple[int, str], tuple[Parameter, ...]]:
        places = product_of(range(self.num_layers), self.directions)
        return {place: self._layer(*place) for place in places}

    def _layer(self, layer: int, direction: str) -> tuple[Parameter, ...]:
        gates, hidden, state = self.gates, self.hidden_size, self.state_size
        g = f"{gates}H" if gates > 1 else "H"
        r = "P" if self.proj_size else "H"
        d = "2" if self.bidirectional else ""
        first = layer == 0
        rows: list[tuple[str, Shape, str]] = [
            ("weight_ih", (gates * hidden, self.input_size if first else self.output_size),
             f"({g}, {'I' if first else d + r})"),
            ("weight_hh", (gates * hidden, state), f"({g}, {r})"),
        ]  # fmt: skip
        if self.bias:
            rows += [(name, (gates * hidden,), f"({g})") for name in ("bias_ih", "bias_hh")]
        if self.proj_size:
            rows.append(("weight_hr", (self.proj_size, hidden), "(P, H)"))
        suffix = f"_l{layer}" + ("_reverse" if direction == "reverse" else "")
        return tuple(Parameter(kind + suffix, shape, rule, kind) for kind, shape, rule in rows)

    def parameter_list(self) -> list[Parameter]:
        """Every parameter with its rule, in the order of torch's state_dict."""
        return [parameter for layer in self._layers.values() for parameter in layer]

    def parameters(self) -> dict[str, Shape]:
        """Name to shape of every parameter, in the order of torch's state_dict."""
        return dict(self._shapes)

    @cached_property
    def _shapes(self) -> dict[str, Shape]:
        return {parameter.name: parameter.shape for parameter in self.parameter_list()}

    def to_dict(self) -> dict[str, Any]:
        """The `spec` object of the JSON documents."""
        plain = {field.name: getattr(self, field.name) for field in fields(Spec)}
        return plain | {name: json_dim(plain[name]) for name in ("input_size", "hidden_size")}

    def __str__(self) -> str:
        """As torch prints the module: `RNN(10, 20, num_layers=3)`."""
        text = f"{self.cell.upper()}({self.input_size}, {self.hidden_size}"
        for name in ("proj_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional"):
            value = getattr(self, name)
            if value != _DEFAULTS[name]:
                text += f", {name}={value}"
        return text + ")"

    @property
    def code(self) -> str:
        """The constructor call in torch: `nn.RNN(10, 20, nonlinearity='relu')`."""
        text = str(self)
        if self.nonlinearity != _DEFAULTS["nonlinearity"]:  # torch prints all but this one
            text = f"{text[:-1]}, nonlinearity={self.nonlinearity!r})"
        return f"nn.{text}"

    @staticmethod
    def from_dict(plain: Mapping[str, Any]) -> Spec:
        """The spec that `to_dict` wrote; fields that are missing have their default.

        Raises UsageError for a field it does not know or a value torch would refuse.
        """
        known = [field.name for field in fields(Spec)]
        for name in plain:
            if name not in known:
                raise UsageError(
                    f"spec: expected the fields {', '.join(known)}",
                    got=repr(str(name)[:60]),
                    fix="remove that field",
                )
        return Spec(**plain)

    @staticmethod
    def from_module(module: Any) -> Spec:
        """The spec of a live torch.nn.RNN, LSTM or GRU, read without importing torch."""
        mode = getattr(module, "mode", None)
        if mode not in ("RNN_TANH", "RNN_RELU", "LSTM", "GRU"):
            raise UsageError(
                "module: expected a torch.nn.RNN, torch.nn.LSTM or torch.nn.GRU",
                got=type(module).__name__,
                fix="pass the recurrent layer itself, such as model.rnn",
            )
        cell, _, nonlinearity = mode.lower().partition("_")
        names = [field.name for field in fields(Spec) if field.name not in ("cell", "nonlinearity")]
        return Spec(
            cell=cell,
            nonlinearity=nonlinearity or "tanh",
            **{name: getattr(module, name) for name in names},
        )


_DEFAULTS: dict[str, Any] = {
    field.name: field.default for field in fields(Spec) if field.name != "cell"
}


def _refuse(name: str, arguments: Mapping[str, Any], torch: TorchError | None = None) -> UsageError:
    expected, fix = _EXPECTED[name]
    value = arguments[name]
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        value = int(value) if name != "dropout" else value
    got = repr(value)
    if len(got) > 40:
        got = f"{got[:20]}… ({len(got)} characters)"
    return UsageError(f"{name}: expected {expected}", got=got, fix=fix, torch=torch)
