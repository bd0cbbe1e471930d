"""The constructor of torch's recurrent modules: what a network is, checked as torch checks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from itertools import product as product_of
from typing import Any, NamedTuple, Protocol

from ..errors import TorchError, UsageError, one_line
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
from .dims import LARGEST, Dim, Shape, Symbol, json_dim, parse_dim, product, write_dim, write_shape

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
    number: float | None = None  # its value where a written cell gives one

    @property
    def count(self) -> Dim:
        """The number of elements."""
        return product(self.shape)


def parameter_name(kind: str, layer: int, direction: str) -> str:
    """torch's name of a layer's parameter: weight_ih_l0_reverse."""
    return f"{kind}_l{layer}" + ("_reverse" if direction == "reverse" else "")


class Wanted(NamedTuple):
    """A parameter of a written cell: its name, shape, the rule that gives it, and its number."""

    name: str
    shape: Shape
    rule: str
    number: float | None


class WrittenCell(Protocol):
    """A cell that somebody wrote, as a network needs it (`engine.written.Cell`)."""

    @property
    def text(self) -> str:
        """The equations."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def equations(self) -> Mapping[str, str]:
        """By the name of what it gives, each equation as it is written."""

    @property
    def states(self) -> tuple[str, ...]:
        """The names of its states."""

    @property
    def output_state(self) -> str:
        """The state that the layer puts out, or ""."""

    def state_shape(self, name: str, input_size: Dim, hidden_size: Dim) -> Shape:
        """The shape of a state without the batch."""

    def rule(self, name: str) -> str:
        """The rule of a state's shape, `H, H`; of "" that of what the layer puts out."""

    def output_size(self, input_size: Dim, hidden_size: Dim) -> Dim:
        """The width of what the layer puts out."""

    def parameters(
        self, input_size: Dim, hidden_size: Dim, directions: int = 0
    ) -> Sequence[Wanted]:
        """The parameters of a layer on `directions` of the layer below, 0 for the first."""


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A recurrent network as torch's constructor describes it; immutable and checked.

    cell is rnn, lstm or gru for a layer, rnn-cell, lstm-cell or gru-cell for a single step
    (nn.LSTMCell), which has sizes, bias and nonlinearity alone, or a cell that somebody wrote
    (`Spec(cell=Cell.read("mgu.cell"))`), whose name it then is; input_size and hidden_size are
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
    equations: WrittenCell | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        written: Any = self.cell
        if hasattr(written, "text"):
            object.__setattr__(self, "equations", written)
            object.__setattr__(self, "cell", written.name)
        if self.equations is not None:
            object.__setattr__(self, "cell", one_line(str(self.cell)))
        if self.equations is None and self.cell not in CELLS:
            raise _refuse("cell", {"cell": self.cell})
        if self.equations is not None and not hasattr(self.equations, "text"):
            raise UsageError("equations: expected a cell", got=type(self.equations).__name__,
                             fix="Spec(cell=rnnshape.Cell(text))")  # fmt: skip
        for name in ("input_size", "hidden_size"):
            size = getattr(self, name)
            if isinstance(size, str):
                object.__setattr__(self, name, parse_dim(size, name))
        arguments = {name: getattr(self, name) for name in ARGUMENTS if name != "cell"}
        if self.equations is not None:
            self._check_written(arguments)
        cell = self._constructor
        # torch takes some keywords for some classes only; a default says nothing
        for name in [*arguments]:
            if not takes(cell, name) and arguments[name] == DEFAULTS[name]:
                object.__setattr__(self, name, DEFAULTS[name])  # 0.0 and False are 0 too
                del arguments[name]
        fault = constructor_fault(Construction(cell, arguments))
        if fault and takes(cell, fault.about):
            raise _refuse(fault.about, arguments, fault.torch if cell == self.cell else None)
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
        if self.equations is not None:
            self._check_stacked()

    def _check_written(self, arguments: dict[str, Any]) -> None:
        """Refuse what the equations of a written cell say themselves."""
        for name in ("nonlinearity", "bias", "proj_size"):
            if arguments[name] != DEFAULTS[name]:
                raise said_by_equations(name, self.cell)

    def _check_stacked(self) -> None:
        """Work out every layer, and refuse one above with an output or a state of another width."""
        assert self.equations is not None
        for layer in range(min(2, self.num_layers)):
            self._layer(layer, "forward")
            width = self.equations.output_size(self.layer_input(layer), self.hidden_size)
            if width != self.state_size:
                raise UsageError(
                    f"{self.cell}: expected layers of one width, since output depends on I",
                    got=f"{self.state_size} below and {width} above",
                    fix="--layers 1, or an output that is H wide",
                )
            for name in self.state_names:
                below, sizes = self.state_shape(name), (self.layer_input(layer), self.hidden_size)
                above = self.equations.state_shape(name, *sizes)
                if above != below:
                    raise UsageError(
                        f"{self.cell}: expected states of one width in all layers, since they are "
                        f"given as one array, and {name[:80]} depends on I",
                        got=f"{write_shape(below)} below and {write_shape(above)} above",
                        fix=f"--layers 1, or --input-size {write_dim(self.output_size)}",
                    )

    def _check_single(self, arguments: dict[str, Any]) -> None:
        """What the constructor of a cell module lets pass and forward refuses."""
        if not isinstance(self.bias, bool):
            raise _refuse("bias", arguments)
        if self.nonlinearity not in NONLINEARITIES:
            message = f"Unknown nonlinearity: {self.nonlinearity}"
            raise _refuse("nonlinearity", arguments, TorchError("RuntimeError", message))

    @property
    def _constructor(self) -> str:
        """The cell whose class of torch has the same arguments."""
        return self.cell if self.equations is None else "gru"

    @property
    def kind(self) -> Kind:
        """The class of torch; of a written cell its name, without folder and ending."""
        if self.equations is not None:
            name = self.cell.replace("\\", "/").rpartition("/")[2]
            return Kind(name.removesuffix(".cell") or name, self.cell, single=False)
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
        """R, the width of h: proj_size where there is one, else hidden_size.

        Of a written cell the width of what one direction puts out.
        """
        if self.equations is not None:
            return self.equations.output_size(self.input_size, self.hidden_size)
        return self.proj_size or self.hidden_size

    @property
    def output_size(self) -> Dim:
        """D·R, the width of output and of the input of every layer but the first."""
        return self.num_directions * self.state_size

    @property
    def state_names(self) -> tuple[str, ...]:
        """h, and for an lstm c; of a written cell those that it assigns."""
        if self.equations is not None:
            return self.equations.states
        return ("h", "c") if self.family == "lstm" else ("h",)

    @property
    def has_cell_state(self) -> bool:
        """Whether the state is a pair (h, c)."""
        return self.equations is None and "c" in self.state_names

    @property
    def output_state(self) -> str:
        """The state that the layer puts out: h; of a written cell perhaps another, or none, ""."""
        return "h" if self.equations is None else self.equations.output_state

    def layer_input(self, layer: int) -> Dim:
        """What a layer reads: input_size features, or what both directions below put out."""
        return self.input_size if layer == 0 else self.output_size

    @property
    def symbolic(self) -> bool:
        """Whether a size is left open."""
        return isinstance(self.input_size, Symbol) or isinstance(self.hidden_size, Symbol)

    @property
    def layer(self) -> Spec:
        """The layer that a cell module is one step of; a layer itself as it is."""
        if not self.single:
            return self
        known = {one.name: getattr(self, one.name) for one in fields(Spec)}
        return Spec(**known | {"cell": self.family})

    def check_layer(self, what: str, fix: str = "") -> None:
        """Refuse a cell module where there has to be a sequence. Raises UsageError."""
        if self.single:
            raise UsageError(
                f"{what}: expected a layer, since nn.{self.class_name} is a single step",
                got=self.code,
                fix=f"{fix}{', or ' if fix else ''}--cell {self.family}",
            )

    def check_torchs(self, what: str, why: str, fix: str) -> None:
        """Refuse a cell that torch does not have. Raises UsageError."""
        if self.equations is not None:
            raise UsageError(
                f"{what}: expected a cell of torch, {why}", got=f"--cell {self.cell[:80]}", fix=fix
            )

    def state_width(self, name: str) -> Dim:
        """The width of a state: R for h, H for c."""
        return self.state_shape(name)[-1]

    def state_shape(self, name: str) -> Shape:
        """The shape of a state without layers and batch: (R) for h, (H) for c."""
        if self.equations is not None:
            return self.equations.state_shape(name, self.input_size, self.hidden_size)
        return (self.state_size if name == "h" else self.hidden_size,)

    def rule(self, name: str = "") -> str:
        """The rule of a state's shape, such as P of h or H; of "" that of what a layer puts out."""
        if self.equations is not None:
            return self.equations.rule(name)
        return "P" if name in ("", "h") and self.proj_size else "H"

    def layer_parameters(self, layer: int, direction: str) -> tuple[Parameter, ...]:
        """The parameters of one layer and direction, in torch's order."""
        return self._layers[layer, direction]

    @cached_property
    def _layers(self) -> dict[tuple[int, str], tuple[Parameter, ...]]:
        places = product_of(range(self.num_layers), self.directions)
        return {place: self._layer(*place) for place in places}

    def _layer(self, layer: int, direction: str) -> tuple[Parameter, ...]:
        if self.equations is not None:
            directions = self.num_directions if layer else 0
            wanted = self.equations.parameters(
                self.layer_input(layer), self.hidden_size, directions
            )
            return tuple(
                Parameter(
                    parameter_name(one.name, layer, direction),
                    one.shape,
                    one.rule,
                    one.name,
                    one.number,
                )
                for one in wanted
            )
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
        return tuple(
            Parameter(kind if self.single else parameter_name(kind, layer, direction), shape, rule,
                      kind)
            for kind, shape, rule in rows
        )  # fmt: skip

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
        plain = {name: getattr(self, name) for name in ARGUMENTS}
        if self.equations is not None:
            plain["equations"] = self.equations.text
        return plain | {name: json_dim(plain[name]) for name in ("input_size", "hidden_size")}

    def __str__(self) -> str:
        """As torch prints the module: `RNN(10, 20, num_layers=3)`."""
        return self.written({})

    def written(self, unknown: Mapping[str, str | None]) -> str:
        """The same; the arguments in `unknown` by the name that stands for them, or as `?`."""
        text = f"{self.class_name}({self.input_size}, {self.hidden_size}"
        for name in ("proj_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional"):
            value = getattr(self, name)
            if name in unknown:
                text += f", {name}={unknown[name] or '?'}"
            elif value != DEFAULTS[name]:
                text += f", {name}={value}"
        if self.single and self.nonlinearity != DEFAULTS["nonlinearity"]:
            text += f", nonlinearity={self.nonlinearity}"  # of a layer torch does not print it
        return text + ")"

    @property
    def code(self) -> str:
        """The constructor call in torch, defaults left out: `nn.RNN(10, 20, num_layers=2)`."""
        named = "".join(
            f", {name}={getattr(self, name)!r}"
            for name in positional_names(self._constructor)[2:]
            if name in DEFAULTS and getattr(self, name) != DEFAULTS[name]
        )
        module = "nn." if self.equations is None else ""
        return f"{module}{self.class_name}({self.input_size}, {self.hidden_size}{named})"

    @staticmethod
    def from_dict(plain: Mapping[str, Any]) -> Spec:
        """The spec that `to_dict` wrote; fields that are missing have their default.

        Raises UsageError for a field it does not know or a value torch would refuse.
        """
        known = [*ARGUMENTS, "equations"]
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
        """The spec of a live torch.nn.RNN, LSTM, GRU or one of their cells, without torch.

        Scripted and dynamically quantised modules are read too. Raises UsageError.
        """
        ancestors = {ancestor.__name__ for ancestor in type(module).__mro__}
        scripted = getattr(module, "original_name", "") if "ScriptModule" in ancestors else ""
        mode = getattr(module, "mode", None)
        if mode in ("RNN_TANH", "RNN_RELU", "LSTM", "GRU"):
            cell, _, nonlinearity = mode.lower().partition("_")
        else:
            cells_of = (name for name, kind in KINDS.items() if kind.single)
            classes = {scripted} if scripted else ancestors if "RNNCellBase" in ancestors else set()
            cell = next((name for name in cells_of if KINDS[name].class_name in classes), "")
            if not cell:
                raise UsageError(
                    "module: expected a torch.nn.RNN, LSTM or GRU, or one of their cells",
                    got=scripted or type(module).__name__,
                    fix="pass the recurrent layer itself, such as model.rnn",
                )
            nonlinearity = getattr(module, "nonlinearity", "")
        names = (n for n in ARGUMENTS if n not in ("cell", "nonlinearity") and takes(cell, n))
        # a quantised layer has no proj_size
        arguments = {name: getattr(module, name, DEFAULTS[name]) for name in names}
        return Spec(cell=cell, nonlinearity=nonlinearity or DEFAULTS["nonlinearity"], **arguments)


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


def said_by_equations(name: str, cell: str) -> UsageError:
    """The error for an argument that a written cell says in its equations."""
    row = ARGUMENTS[name]
    option = row.negated if isinstance(row.default, bool) else row.option
    return UsageError(
        f"{option}: expected beside torch's cells alone, since equations say it",
        got=f"--cell {cell[:80]}",
        fix=f"leave out {option}, and change the equations",
    )
