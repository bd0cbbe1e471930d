"""What every rule is made of: the facts it reasons from, the finding it returns, the proof."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from ...checks.padded import Given, forward_error
from ...errors import UsageError
from ...network.dims import Dim, Shape, Symbol, json_shape, parse_dim, symbol
from ...network.spec import Spec
from ..code import (
    RECURRENT,
    Call,
    Mend,
    Statement,
    dotted,
    find_call,
    parse,
    with_arguments,
)
from ..program import Layer, Program
from ..read import Error, Reading

Proof = dict[str, Any]

NUMBER = r"(\d{1,400})"
SIZES = r"(?:torch\.Size\()?[\[(]((?:\d{1,100}(?:, ?\d{1,100}){0,9},?)?)[\])]\)?"
_RECURRENT_CODE = re.compile(r"modules[/\\]rnn\.py\Z")
SHAPING = ("cell", "input_size", "hidden_size", "num_layers", "batch_first", "bidirectional",
           "proj_size")  # fmt: skip


class Finding(NamedTuple):
    """A cause that a rule holds possible: how sure, why, the mend in words and as code, a proof."""

    confidence: float
    why: str
    fix: str
    mend: Mend | None
    proof: Proof | None = None


@dataclass(frozen=True)
class Facts:
    """Everything a rule may reason from.

    match: the rule's pattern, found in the message; stated: what the user said of the network
    (names of the constructor, batch_size, seq_len); program: what the code shown says.
    """

    error: Error
    match: re.Match[str]
    reading: Reading
    program: Program
    stated: Mapping[str, Any]

    def number(self, group: int | str) -> int:
        """A group of the pattern as an integer."""
        return int(self.match.group(group))

    def sizes(self, group: int | str) -> tuple[int, ...]:
        """A group such as `2, 4, 256` as a shape."""
        return tuple(int(part) for part in self.match.group(group).split(",") if part.strip())

    @property
    def statement(self) -> Statement | None:
        """The user's own line that failed."""
        frame = self.reading.failing
        if frame is None:
            return None
        return self.program.at(frame.file, frame.line) or parse(frame.code, frame.file, frame.line)

    @property
    def raised_by(self) -> str:
        """The line of torch's own code that raised, '' where it is not shown."""
        frame = self.reading.raised_in
        return frame.code if frame and not frame.own else ""

    def call(self, otherwise: str, wanted: Callable[[Call], bool] = lambda call: True) -> Call:
        """The layer's call in the failing line; `otherwise` stands in where it is not shown."""
        names = {layer.name for layer in self.program.layers if layer.name}
        return find_call(self.statement, wanted, names.__contains__, otherwise)

    def stateful_call(self, pair: bool) -> Call:
        """The call that was given a state."""
        name = self.cell or ("lstm" if pair else "rnn")
        line = f"output, (hn, cn) = {name}(x, (h0, c0))" if pair else f"output, hn = {name}(x, h0)"
        return self.call(line, lambda call: call.state is not None)

    def is_packed(self, call: Call) -> bool:
        """Whether a call's input was packed."""
        for node in self.program.origins(call.input):
            name = dotted(node.func) if isinstance(node, ast.Call) else ""
            if name.endswith(("pack_padded_sequence", "pack_sequence")):
                return True
        return False

    @cached_property
    def layer(self) -> Layer | None:
        """The recurrent layer that failed, as its constructor stands in the code."""
        call = self.call("rnn(x)")
        return layer_in_place(call) or self.program.layer(call.callee, RECURRENT)

    @property
    def inside(self) -> bool:
        """Whether the code of torch's recurrent layers raised, and not a layer around them."""
        frame = self.reading.raised_in
        return frame is not None and bool(_RECURRENT_CODE.search(frame.file))

    @cached_property
    def known(self) -> dict[str, Any]:
        """What is known of the network: what was stated, then what the code says."""
        from_code = self.program.arguments(self.layer) if self.layer else {}
        return {**from_code, **self.stated}

    def rows(self, call: Call) -> str:
        """The rows that the state of the layer called has, as code."""
        layers, both = self.known.get("num_layers"), self.known.get("bidirectional")
        if isinstance(layers, int) and both is not None:
            return str(layers * (1 + bool(both)))
        name = call.callee or "rnn"
        return f"{name}.num_layers * (1 + {name}.bidirectional)"

    @property
    def cell(self) -> str:
        """rnn, lstm or gru where it is known, else ''."""
        known = self.known.get("cell", "")
        if not known:
            match = re.search(r"\b(RNN|LSTM|GRU)\b: Expected", self.error.message)
            known = match.group(1).lower() if match else ""
        return known if known in ("rnn", "lstm", "gru") else ""

    def size(self, name: str) -> Dim | None:
        """batch_size or seq_len, or a size of the network, where it is known."""
        value = self.known.get(name)
        if isinstance(value, str):
            return parse_dim(value, name)
        if isinstance(value, Symbol):
            return value
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def rebuilt(self, layer: Layer, arguments: Mapping[str, Any], everywhere: bool = False) -> Mend:
        """The layer's constructor with other arguments, or the call of the class around it.

        everywhere: other layers that share an argument are to change with it.
        """
        around = self.program.instance(layer, self.call("model(x)").callee.split(".")[0])
        if around is not None:
            made, _, statement, call = around
            there: dict[str, tuple[int | None, str]] = {}
            for name, value in arguments.items():
                node = layer.argument(name)
                if isinstance(node, ast.Name) and node.id in made.parameters:
                    if not everywhere and self.program.shared(node.id, layer):
                        continue
                    there[node.id] = (made.parameters.index(node.id), str(value))
                elif node is None and made.rest and layer.open_ended:
                    there[name] = (None, str(value))
            if len(there) == len(arguments):
                return statement.mend(with_arguments(statement, call, there))
        here = {name: (layer.position(name), str(v)) for name, v in arguments.items()}
        return layer.statement.mend(with_arguments(layer.statement, layer.call, here))

    def doubled(self, layer: Layer, name: str, size: int) -> str:
        """Twice what an argument is given, in the user's own words where they are more than it."""
        node = layer.argument(name)
        if node is None or isinstance(node, ast.Constant):
            return str(size)
        text = layer.statement.source(node)
        return f"2 * {text}" if isinstance(node, ast.Name | ast.Attribute) else f"2 * ({text})"

    def network(self, **certain: Any) -> Spec:
        """The network as far as it is known, `certain` above all; open sizes are symbols."""
        plain: dict[str, Any] = {"input_size": "I", "hidden_size": "H"}
        plain |= {k: v for k, v in self.known.items() if k in SHAPING and v is not None}
        plain |= {"cell": self.cell or "rnn", **certain}
        if plain.get("cell") != "lstm":
            plain.pop("proj_size", None)
        return Spec(**plain)


def layer_in_place(call: Call) -> Layer | None:
    """The layer of `nn.RNN(10, 20)(x)`, which is built where it is called."""
    made = call.node.func
    if not call.own or not isinstance(made, ast.Call):
        return None
    kind = dotted(made.func).rsplit(".", 1)[-1]
    return Layer("", kind, made, call.statement) if kind in RECURRENT else None


Reason = Callable[[Any], Finding | None]


@dataclass(frozen=True)
class Rule:
    """One cause of one message: a row of `explain --list`.

    patterns are searched in the message, each linear in its length; read makes of the facts what
    reason takes; reason returns a finding. Either returns None where the numbers speak against the
    cause. example is a message that the rule explains.
    """

    id: str
    patterns: tuple[re.Pattern[str], ...]
    meaning: str
    example: str
    reason: Reason
    read: Callable[[Facts], Any]

    def apply(
        self, error: Error, reading: Reading, program: Program, stated: Mapping[str, Any]
    ) -> Finding | None:
        """What the rule finds in an error."""
        for pattern in self.patterns:
            match = pattern.search(error.message)
            if match:
                told = self.read(Facts(error, match, reading, program, stated))
                return None if told is None else self.reason(told)
        return None

    def matches(self, message: str) -> bool:
        """Whether the message is one that the rule knows."""
        return any(pattern.search(message) for pattern in self.patterns)


def rule(
    cause: str,
    *patterns: str | re.Pattern[str],
    meaning: str,
    example: str,
    read: Callable[[Facts], Any] = lambda facts: facts,
) -> Callable[[Reason], Rule]:
    """Make a rule of the function below: its reasoning and its mend."""
    compiled = tuple(re.compile(p) if isinstance(p, str) else p for p in patterns)
    return lambda reason: Rule(cause, compiled, meaning, example, reason, read)


def prove(before: tuple[Spec, Given], after: tuple[Spec, Given], **shown: Any) -> Proof:
    """The forward call before and after the mend, each put to the checks that torch makes."""
    return {"before": {**_told(*before), **shown}, "after": _told(*after)}


def fitting(before: Mapping[str, Any], after: Mapping[str, Any]) -> Proof:
    """What does not fit and what does, where no check of torch's is put to the proof."""
    return {"before": {**before, "fits": False}, "after": {**after, "fits": True}}


UNTOUCHED = fitting({}, {"note": "shapes are untouched"})


def given(x: Shape, states: Sequence[Shape]) -> Given:
    """A call with the input x and the states h0, or h0 and c0."""
    return Given(x, states[0], states[1] if len(states) > 1 else None)


def attempt(proof: Callable[[], Proof]) -> Proof | None:
    """A proof, or None where its network is beyond what can be built."""
    try:
        return proof()
    except UsageError:
        return None


def _told(spec: Spec, given: Given) -> dict[str, Any]:
    error = forward_error(spec, given)
    told: dict[str, Any] = {"network": str(spec), "input": json_shape(given.input)}
    for name, shape in (("h0", given.h0), ("c0", given.c0)):
        if shape is not None:
            told[name] = json_shape(shape)
    told["fits"] = error is None
    if error:
        told["torch"] = error._asdict()
    return told


T, N, H, I = map(symbol, "TNHI")  # noqa: E741


def shape_text(shape: tuple[Dim, ...] | Shape) -> str:
    """A shape as torch's users write it: `(2, 4, 256)`."""
    return f"({', '.join(map(str, shape))})"
