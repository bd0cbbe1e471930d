"""The constructor of torch's recurrent modules: what a network is, checked as torch checks it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import product as product_of
from typing import Any

from ..errors import TorchError, UsageError
from .constructor import (
    ARGUMENTS,
    DEFAULTS,
    KINDS,
    MOST_LAYERS,
    NONLINEARITIES,
    Construction,
    Kind,
    constructor_fault,
    positional_names,
    takes,
)
from .dims import LARGEST, Dim, Shape, Symbol, json_dim, parse_dim, product

CELLS = tuple(KINDS)


@dataclass(frozen=True)
class Parameter:
    """A named parameter, its shape, the rule that gives it, such as (H, D·R), and its kind.

    The kind is the name without layer and direction: weight_ih, weight_hh, bias_ih, … A cell
    module's names have neither.
    """

    name: str
    shape: Shape
    rule: str
    kind: str

    @property
    def count(self) -> Dim:
        """The number of elements."""
        return product(self.shape)


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A recurrent network as torch's constructor describes it; immutable and checked.

    cell is rnn, lstm or gru for a layer, rnn-cell, lstm-cell or gru-cell for a single step
    (nn.LSTMCell), which has sizes, bias and nonlinearity alone; input_size and hidden_size are
    integers or names of symbolic sizes (`Spec(hidden_size="H")`). Raises UsageError with torch's
    own words where torch refuses the same arguments.
    """

    cell: str = DEFAULTS["cell"]
    nonlinearity: str = DEFAULTS["nonlinearity"]
    input_size: Dim = DEFAULTS["input_size"]
    hidden_size: Dim = DEFAULTS["hidden_size"]
    num_layers: int = DEFAULTS["num_layers"]
    bias: bool = DEFAULTS["bias"]
    batch_first: bool = DEFAULTS["batch_first"]
    dropout: float = DEFAULTS["dropout"]
    bidirectional: bool = DEFAULTS["bidirectional"]
    proj_size: int = DEFAULTS["proj_size"]

    def __post_init__(self) -> None:
        if self.cell not in CELLS:
            raise _refuse("cell", {"cell": self.cell})
        for name in ("input_size", "hidden_size"):
            size = getattr(self, name)
            if isinstance(size, str):
                object.__setattr__(self, name, parse_dim(size, name))
        arguments = {field.name: getattr(self, field.name) for field in fields(Spec)}
        arguments.pop("cell")
        # torch takes some keywords for some classes only; a default says nothing
        for name in [*arguments]:
            if not takes(self.cell, name) and arguments[name] == DEFAULTS[name]:
                del arguments[name]
        fault = constructor_fault(Construction(self.cell, arguments))
        if fault and takes(self.cell, fault.about):
            raise _refuse(fault.about, arguments, fault.torch)
        if fault:
            raise _refuse_foreign(self, fault.about, fault.torch)
        if self.single:
            self._check_single(arguments)
        if not isinstance(self.bidirectional, bool):
            raise _refuse("bidirectional", arguments)
        if not isinstance(self.proj_size, int):
            raise _refuse("proj_size", arguments)
        for name in ("input_size", "hidden_size", "num_layers"):
            size = getattr(self, name)
            if isinstance(size, int) and size > (MOST_LAYERS if name == "num_layers" else LARGEST):
                raise _refuse(name, arguments)
        object.__setattr__(self, "dropout", float(self.dropout))

    def _check_single(self, arguments: dict[str, Any]) -> None:
        """What the constructor of a cell module lets pass: forward refuses it, or no size is 0."""
        for name in ("input_size", "hidden_size"):
            if not isinstance(arguments[name], Symbol) and not arguments[name] > 0:
                raise _refuse(name, arguments)
        if not isinstance(self.bias, bool):
            raise _refuse("bias", arguments)
        if self.nonlinearity not in NONLINEARITIES:
            message = f"Unknown nonlinearity: {self.nonlinearity}"
            raise _refuse("nonlinearity", arguments, TorchError("RuntimeError", message))

    @property
    def kind(self) -> Kind:
        """The class of torch."""
        return KINDS[self.cell]

    @property
    def family(self) -> str:
        """Whose equation is computed: rnn, lstm or gru."""
        return self.kind.family

    @property
    def single(self) -> bool:
        """Whether it is a cell module: one step, without layers, directions and time."""
        return self.kind.single

    @property
    def rank(self) -> int:
        """The number of axes of a batch: 3 for (T, N, I), 2 for (N, I) of a cell module."""
        return 2 if self.single else 3

    @property
    def class_name(self) -> str:
        """torch's name of it: LSTM, LSTMCell."""
        return self.kind.class_name

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
        return self.kind.gates

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
        return ("h", "c") if self.family == "lstm" else ("h",)

    @property
    def has_cell_state(self) -> bool:
        """Whether the state is a pair (h, c)."""
        return "c" in self.state_names

    @property
    def symbolic(self) -> bool:
        """Whether a size is left open."""
        return isinstance(self.input_size, Symbol) or isinstance(self.hidden_size, Symbol)

    @property
    def layer(self) -> Spec:
        """The layer that a cell module is one step of; a layer itself as it is."""
        known = {field.name: getattr(self, field.name) for field in fields(Spec)}
        return Spec(**known | {"cell": self.family})

    def check_layer(self, what: str, fix: str = "") -> None:
        """Refuse a cell module where there has to be a sequence. Raises UsageError."""
        if self.single:
            raise UsageError(
                f"{what}: expected a layer, since nn.{self.class_name} is a single step",
                got=self.code,
                fix=f"{fix}{', or ' if fix else ''}--cell {self.family}",
            )

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
        if self.single:
            suffix = ""
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
        text = f"{self.class_name}({self.input_size}, {self.hidden_size}"
        for name in ("proj_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional"):
            value = getattr(self, name)
            if value != DEFAULTS[name]:
                text += f", {name}={value}"
        if self.single and self.nonlinearity != DEFAULTS["nonlinearity"]:
            text += f", nonlinearity={self.nonlinearity}"  # of a layer torch does not print it
        return text + ")"

    @property
    def code(self) -> str:
        """The constructor call in torch, defaults left out: `nn.RNN(10, 20, num_layers=2)`."""
        named = "".join(
            f", {name}={getattr(self, name)!r}"
            for name in positional_names(self.cell)[2:]
            if name in DEFAULTS and getattr(self, name) != DEFAULTS[name]
        )
        return f"nn.{self.class_name}({self.input_size}, {self.hidden_size}{named})"

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
        """The spec of a live torch.nn.RNN, LSTM, GRU or one of their cells, without torch."""
        names = [field.name for field in fields(Spec) if field.name not in ("cell", "nonlinearity")]
        mode = getattr(module, "mode", None)
        if mode in ("RNN_TANH", "RNN_RELU", "LSTM", "GRU"):
            cell, _, nonlinearity = mode.lower().partition("_")
        else:
            ancestors = {ancestor.__name__ for ancestor in type(module).__mro__}
            cells_of = (name for name, kind in KINDS.items() if kind.single)
            cell = next((name for name in cells_of if KINDS[name].class_name in ancestors), "")
            if not cell or "RNNCellBase" not in ancestors:
                raise UsageError(
                    "module: expected a torch.nn.RNN, LSTM or GRU, or one of their cells",
                    got=type(module).__name__,
                    fix="pass the recurrent layer itself, such as model.rnn",
                )
            nonlinearity = getattr(module, "nonlinearity", "tanh")
            names = [name for name in names if takes(cell, name)]
        return Spec(
            cell=cell,
            nonlinearity=nonlinearity or "tanh",
            **{name: getattr(module, name) for name in names},
        )


def _refuse_foreign(spec: Spec, name: str, torch: TorchError) -> UsageError:
    """The error for an argument that this class does not have."""
    if not spec.single or name not in ARGUMENTS:
        return _refuse(name, {name: getattr(spec, name)}, torch)
    option = ARGUMENTS[name].option
    owner = {"proj_size": "lstm", "nonlinearity": "rnn-cell"}.get(name, spec.family)
    why = f"a layer alone, since nn.{spec.class_name} is a single step"
    return UsageError(
        f"{name}: expected for {'an rnn alone' if name == 'nonlinearity' else why}",
        got=repr(getattr(spec, name))[:40],
        fix=f"leave out {option}, or --cell {owner}",
        torch=torch,
    )


def _refuse(name: str, arguments: Mapping[str, Any], torch: TorchError | None = None) -> UsageError:
    argument, value = ARGUMENTS[name], arguments[name]
    got = repr(value)
    if len(got) > 40:
        got = f"{got[:20]}… ({len(got)} characters)"
    return UsageError(f"{name}: expected {argument.expected}", got, argument.fix, torch)
