"""What every rule of a message is made of: the facts it reasons from, the finding it returns."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from ...checks.padded import Inputs, forward_error
from ...errors import UsageError
from ...network.dims import Dim, Shape, Symbol, json_shape, parse_dim, symbol
from ...network.spec import Spec
from .table import CAUSES

if TYPE_CHECKING:
    from ..read import Error, Reading

Proof = dict[str, Any]
Call = tuple[Mapping[str, Any], Sequence[Shape]]

NUMBER = r"(\d{1,400})"
SIZES = r"(?:torch\.Size\()?[\[(]((?:\d{1,100}(?:, ?\d{1,100}){0,9},?)?)[\])]\)?"
_RECURRENT_CODE = re.compile(r"modules[/\\]rnn\.py\Z")
_SHAPING = (
    "cell",
    "input_size",
    "hidden_size",
    "num_layers",
    "batch_first",
    "bidirectional",
    "proj_size",
)

T, N, H, I = map(symbol, "TNHI")  # noqa: E741


class Finding(NamedTuple):
    """A cause that a rule holds possible: how sure, what the numbers at hand say ("" where nothing
    but what the table tells), the layer before and after where it was checked again, a mend in
    words where the table has none for this case, and as a line of code."""

    confidence: float
    why: str = ""
    proof: Proof | None = None
    fix: str = ""
    code: str = ""


@dataclass(frozen=True)
class Known:
    """What is known of a network: names of the constructor, batch_size, seq_len."""

    stated: Mapping[str, Any]

    @property
    def cell(self) -> str:
        """rnn, lstm or gru where it is known, else ''."""
        known = self.stated.get("cell", "")
        return known if known in ("rnn", "lstm", "gru") else ""

    def size(self, name: str) -> Dim | None:
        """batch_size or seq_len, or a size of the network, where it is known."""
        value = self.stated.get(name)
        if isinstance(value, str):
            return parse_dim(value, name)
        if isinstance(value, Symbol):
            return value
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def network(self, **certain: Any) -> Spec:
        """The network as far as it is known, `certain` above all; open sizes are symbols."""
        plain: dict[str, Any] = {"input_size": "I", "hidden_size": "H"}
        plain |= {k: v for k, v in self.stated.items() if k in _SHAPING and v is not None}
        plain |= {"cell": self.cell or "rnn", **certain}
        if plain.get("cell") != "lstm":
            plain.pop("proj_size", None)
        return Spec(**plain)

    def checked(self, before: Call, after: Call) -> Proof | None:
        """Two forward calls, each put to torch's checks: arguments of the network beside what is
        known of it, and the shapes of the input and the states. None where one cannot be built, or
        where the second is refused."""
        try:
            calls = [
                (self.network(**certain), inputs_of(*shapes)) for certain, shapes in (before, after)
            ]
            verdicts = dict(
                zip(("before", "after"), (_verdict(spec, call) for spec, call in calls))
            )
        except UsageError:
            return None
        return verdicts if verdicts["after"]["fits"] else None


@dataclass(frozen=True)
class Facts(Known):
    """Everything a rule of a message may reason from; match: the rule's pattern, found in it."""

    error: Error
    match: re.Match[str]
    reading: Reading

    def number(self, group: int | str) -> int:
        """A group of the pattern as an integer."""
        return int(self.match.group(group))

    def sizes(self, group: int | str) -> tuple[int, ...]:
        """A group such as `2, 4, 256` as a shape."""
        return tuple(int(part) for part in self.match.group(group).split(",") if part.strip())

    @property
    def raised_by(self) -> str:
        """The line of torch's own code that raised, '' where it is not shown."""
        frame = self.reading.raised_in
        return frame.code if frame and not frame.own else ""

    @property
    def inside(self) -> bool:
        """Whether the code of torch's recurrent layers raised, and not a layer around them."""
        frame = self.reading.raised_in
        return frame is not None and bool(_RECURRENT_CODE.search(frame.file))

    @property
    def elsewhere(self) -> bool:
        """Whether other code than that of torch's recurrent layers is known to have raised."""
        return bool(self.reading.frames) and not self.inside

    @property
    def cell(self) -> str:
        """The same, or what the message itself says."""
        match = re.search(r"\b(RNN|LSTM|GRU)\b: Expected", self.error.message)
        return super().cell or (match.group(1).lower() if match else "")


Reason = Callable[[Facts], Finding | None]


@dataclass(frozen=True)
class Rule:
    """One cause of one message: a row of `explain --list`.

    written: patterns, searched in the message, each linear in its length; they are compiled when
    the first message is asked for. reason returns None where the numbers speak against the cause.
    example is a message that the rule explains.
    """

    id: str
    written: tuple[str | re.Pattern[str], ...]
    meaning: str
    example: str
    reason: Reason

    @cached_property
    def patterns(self) -> tuple[re.Pattern[str], ...]:
        """The patterns, compiled."""
        return tuple(map(re.compile, self.written))

    def apply(self, error: Error, reading: Reading, stated: Mapping[str, Any]) -> Finding | None:
        """What the rule finds in an error."""
        for pattern in self.patterns:
            match = pattern.search(error.message)
            if match:
                return self.reason(Facts(stated, error, match, reading))
        return None

    def matches(self, message: str) -> bool:
        """Whether the message is one that the rule knows."""
        return any(pattern.search(message) for pattern in self.patterns)


def rule(cause: str, *patterns: str | re.Pattern[str], example: str) -> Callable[[Reason], Rule]:
    """Make a rule of the function below: its reasoning. What the cause means stands in the table."""
    return lambda reason: Rule(cause, patterns, CAUSES[cause].why, example, reason)


def says(
    cause: str, *patterns: str, example: str, confidence: float = 0.9, why: str = "", fix: str = ""
) -> Rule:
    """A rule of a message that says the cause by itself; {1} in `why` and `fix` is a group of it."""

    def reason(facts: Facts) -> Finding:
        groups = facts.match.group(0), *facts.match.groups()
        return Finding(confidence, why.format(*groups), None, fix.format(*groups))

    return rule(cause, *patterns, example=example)(reason)


def inputs_of(x: Shape, *states: Shape) -> Inputs:
    """A call with the input x and the states h0, or h0 and c0."""
    return Inputs(x, states[0] if states else None, states[1] if len(states) > 1 else None)


def _verdict(spec: Spec, inputs: Inputs) -> dict[str, Any]:
    error = forward_error(spec, inputs)
    verdict: dict[str, Any] = {"network": str(spec), "input": json_shape(inputs.input)}
    for name, shape in (("h0", inputs.h0), ("c0", inputs.c0)):
        if shape is not None:
            verdict[name] = json_shape(shape)
    verdict["fits"] = error is None
    if error:
        verdict["torch"] = error._asdict()
    return verdict


def shape_text(shape: Sequence[Dim]) -> str:
    """A shape as torch's users write it: `(2, 4, 256)`."""
    return f"({', '.join(map(str, shape))})"
