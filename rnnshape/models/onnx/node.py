"""One RNN, LSTM or GRU operator of ONNX, computed by the walk.

Shapes as ONNX names them: X (T, N, I), W (D, G·H, I), R (D, G·H, H), B (D, 2·G·H), P (D, 3·H),
initial_h, initial_c, Y_h, Y_c (D, N, H), Y (T, D, N, H); with layout 1 X (N, T, I), the states
(N, D, H) and Y (N, T, D, H). Source: https://onnx.ai/onnx/operators/onnx__LSTM.html and its
siblings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ...engine.cells import Cell
from ...errors import ShapeError, UsageError
from ...network.dims import Shape, write_shape
from ...network.spec import Parameter, Spec
from .cells import ACTIVATIONS, DEFAULTS, Activation, Settings, node_cell

OPERATORS = {"RNN": "rnn", "LSTM": "lstm", "GRU": "gru"}
DIRECTIONS = ("forward", "reverse", "bidirectional")


@dataclass(frozen=True, kw_only=True)
class NodeSpec(Spec):
    """The network of one operator: one layer, its direction, and the settings of its equations."""

    reverse: bool = False
    settings: tuple[Settings, ...] = ()  # one a direction
    peepholes: bool = False

    @property
    def directions(self) -> tuple[str, ...]:
        """forward, reverse, or both."""
        return ("reverse",) if self.reverse else super().directions

    def _layer(self, layer: int, direction: str) -> tuple[Parameter, ...]:
        gates, hidden = self.gates, self.hidden_size
        g = f"{gates}H" if gates > 1 else "H"
        rows: list[tuple[str, str, Shape, str]] = [
            ("W", "weight_ih", (gates * hidden, self.input_size), f"({g}, I)"),
            ("R", "weight_hh", (gates * hidden, hidden), f"({g}, H)"),
        ]
        if self.bias:
            rows += [
                (name, kind, (gates * hidden,), f"({g})")
                for name, kind in (("Wb", "bias_ih"), ("Rb", "bias_hh"))
            ]
        if self.peepholes:
            rows.append(("P", "peephole", (3 * hidden,), "(3H)"))
        suffix = "_reverse" if direction == "reverse" else ""
        return tuple(
            Parameter(name + suffix, shape, rule, kind) for name, kind, shape, rule in rows
        )


@dataclass(frozen=True)
class Node:
    """An operator with its attributes and the inputs that the file holds.

    inputs: W, R and, where they are given, B, sequence_lens, initial_h, initial_c and P, as arrays
    or as they lie in the file, of which shapes alone are asked until the operator is run.
    Raises UsageError where the attributes or the shapes are not ONNX's.
    """

    operator: str
    name: str
    attributes: Mapping[str, Any]
    inputs: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.operator not in OPERATORS:
            raise _refuse(self, "an RNN, LSTM or GRU", self.operator)
        if self.direction not in DIRECTIONS:
            raise _refuse(self, f"direction {', '.join(DIRECTIONS)}", repr(self.direction))
        if self.layout not in (0, 1):
            raise _refuse(self, "layout 0 or 1", repr(self.layout))
        for name in ("W", "R"):
            if self.inputs.get(name) is None or len(self.inputs[name].shape) != 3:
                raise _refuse(self, f"{name} of three axes in the file", "another or none")
        spec, hidden = self.spec, self.hidden_size
        d, g = spec.num_directions, spec.gates
        shapes: dict[str, Shape] = {
            "W": (d, g * hidden, spec.input_size), "R": (d, g * hidden, hidden),
            "B": (d, 2 * g * hidden), "P": (d, 3 * hidden),
        }  # fmt: skip
        for name, shape in shapes.items():
            array = self.inputs.get(name)
            if array is not None and array.shape != shape:
                raise ShapeError(
                    f"{self.title}: expected {name} of {write_shape(shape)}",
                    got=write_shape(array.shape),
                    fix="check hidden_size and direction against the weights",
                )

    @property
    def title(self) -> str:
        """How messages call the operator."""
        return f"{self.operator} {self.name!r}" if self.name else self.operator

    @property
    def cell(self) -> str:
        """rnn, lstm or gru."""
        return OPERATORS[self.operator]

    @property
    def direction(self) -> str:
        """forward, reverse or bidirectional."""
        return str(self.attributes.get("direction", "forward"))

    @property
    def layout(self) -> int:
        """0: time first; 1: batch first."""
        return int(self.attributes.get("layout", 0))

    @property
    def hidden_size(self) -> int:
        """H: the attribute, or R's last size where it is left out."""
        return int(self.attributes.get("hidden_size", self.inputs["R"].shape[2]))

    @cached_property
    def spec(self) -> NodeSpec:
        """The network. Raises UsageError for an activation that ONNX does not name."""
        return NodeSpec(
            cell=self.cell,
            input_size=self.inputs["W"].shape[2],
            hidden_size=self.hidden_size,
            bias=self.inputs.get("B") is not None,
            bidirectional=self.direction == "bidirectional",
            batch_first=self.layout == 1,
            reverse=self.direction == "reverse",
            settings=tuple(
                Settings(
                    activations=functions,
                    clip=self.attributes.get("clip"),
                    linear_before_reset=bool(self.attributes.get("linear_before_reset", 0)),
                    input_forget=bool(self.attributes.get("input_forget", 0)),
                )
                for functions in self._activations()
            ),
            peepholes=self.inputs.get("P") is not None,
        )

    def _activations(self) -> list[tuple[Activation, ...]]:
        """f, g, h of each direction; alpha and beta go to those that take one, in their order."""
        defaults = DEFAULTS[self.cell]
        directions = 2 if self.direction == "bidirectional" else 1
        names = self.attributes.get("activations")
        if not names:
            return [defaults] * directions
        if len(names) != len(defaults) * directions:
            count = len(defaults) * directions
            raise _refuse(self, f"{count} activations", f"{len(names)}: {', '.join(names)[:60]}")
        given = [
            list(self.attributes.get(f"activation_{which}", ())) for which in ("alpha", "beta")
        ]
        functions = []
        for name in names:
            if name.lower() not in ACTIVATIONS:
                raise _refuse(self, "an activation that ONNX names", repr(name[:40]))
            function, own = ACTIVATIONS[name.lower()]
            numbers = [(queue.pop(0) if queue else number) for number, queue in zip(own, given)]
            known = tuple(float(number) for number in numbers if number is not None)
            if len(known) < len(own):
                missing = f"activation_alpha and activation_beta for {name}, which has no defaults"
                raise _refuse(self, missing, "none")
            functions.append(Activation(function, known))
        each = len(defaults)
        return [tuple(functions[each * d : each * (d + 1)]) for d in range(directions)]

    @cached_property
    def weights(self) -> dict[str, Any]:
        """The walk's names to the arrays of each direction."""
        named = {}
        rows = self.spec.gates * self.hidden_size
        for number, direction in enumerate(self.spec.directions):
            suffix = "_reverse" if direction == "reverse" else ""
            for name in ("W", "R", "P"):
                if self.inputs.get(name) is not None:
                    named[name + suffix] = self.inputs[name][number]
            if self.inputs.get("B") is not None:
                both = self.inputs["B"][number]
                named["Wb" + suffix], named["Rb" + suffix] = both[:rows], both[rows:]
        return named

    @property
    def unlike_torch(self) -> str:
        """Why no layer of torch computes this, or ''."""
        settings, attributes = self.spec.settings, self.attributes
        default = {DEFAULTS[self.cell]} | ({(Activation("relu"),)} if self.cell == "rnn" else set())
        reasons = (
            (self.spec.peepholes, "it has peepholes (P)"),
            (self.spec.reverse, "direction=reverse: torch has it beside a forward one alone"),
            (settings[0].clip is not None, f"clip={settings[0].clip}"),
            (settings[0].input_forget, "input_forget=1 couples two gates"),
            (len({s.activations for s in settings} | default) > len(default)
             or len({s.activations for s in settings}) > 1,
             f"activations {', '.join(attributes.get('activations') or ())}"),
            (self.cell == "gru" and not settings[0].linear_before_reset,
             "linear_before_reset=0 applies the reset gate before the matrix product"),
        )  # fmt: skip
        return next((words for fault, words in reasons if fault), "")

    @property
    def nonlinearity(self) -> str:
        """relu for an RNN of that activation, else tanh."""
        functions = {settings.activations for settings in self.spec.settings}
        relu = self.cell == "rnn" and functions == {(Activation("relu"),)}
        return "relu" if relu else "tanh"

    def at(self, place: str) -> Cell[Any]:
        """The cell of one direction."""
        return node_cell(self.cell, self.spec.settings[self.spec.directions.index(place)])


def _refuse(node: Node, expected: str, got: str) -> UsageError:
    return UsageError(
        f"{node.title}: expected {expected}",
        got=got,
        fix="https://onnx.ai/onnx/operators says what the operator takes",
    )
