"""The last axis: input_size, and the in_features of a layer behind the recurrent one."""

from __future__ import annotations

import ast
import re
from typing import Any

from ...checks.padded import Given
from ...network.dims import Shape
from ...network.spec import Spec
from ..code import CELLS, Mend, dotted
from .base import Facts, Finding, N, Proof, T, attempt, prove, rule
from .results import from_recurrent

INPUT_SIZE = re.compile(
    r"input\.size\(-1\) must be equal to input_size\. Expected (?P<need>\d{1,400}),? "
    r"got (?P<have>\d{1,400})|"
    r"has inconsistent input_size: got (?P<got>\d{1,400}),? expected (?P<wanted>\d{1,400})"
)
_EXAMPLE = "RuntimeError: input.size(-1) must be equal to input_size. Expected {}, got {}"


def _sizes(facts: Facts) -> tuple[int, int]:
    """input_size and the size that came."""
    groups = facts.match.groupdict()
    return int(groups["need"] or groups["wanted"]), int(groups["have"] or groups["got"])


def _input_size(facts: Facts, size: int, doubled: bool = False) -> Mend:
    """The layer's constructor with another input_size."""
    layer = facts.layer or facts.program.layer(facts.call("cell(x)").callee, CELLS)
    if layer is not None:
        value = facts.doubled(layer, "input_size", size) if doubled else size
        return facts.rebuilt(layer, {"input_size": value})
    kind = (facts.cell or "rnn").upper() + ("Cell" if _of_a_cell(facts) else "")
    name = facts.call("rnn(x)").callee if facts.statement else kind.lower()
    return Mend(
        f"{name or 'rnn'} = nn.{kind}({size}, {facts.known.get('hidden_size', 'hidden_size')})"
    )


def _features_proof(
    facts: Facts, need: int, before: Shape, after: Shape, size: int
) -> Proof | None:
    """An input of features `before` against input_size `need`, then `after` against `size`."""

    def build() -> Proof:
        family = facts.cell or "rnn"
        if _of_a_cell(facts):
            known: dict[str, Any] = {"cell": f"{family}-cell", "hidden_size": "H"}
            spec, mended = (Spec(input_size=width, **known) for width in (need, size))
        else:
            spec = facts.network(input_size=need)
            mended = facts.network(input_size=size)
        return prove((spec, Given(before)), (mended, Given(after)), expected=need)

    return attempt(build)


def _of_a_cell(facts: Facts) -> bool:
    """Whether it is a cell module's message."""
    return bool(facts.match.groupdict().get("wanted"))


def _sequence(facts: Facts, width: int) -> Shape:
    size, length = facts.size("batch_size") or N, facts.size("seq_len") or T
    if _of_a_cell(facts):
        return (size, width)
    first = facts.known.get("batch_first")
    return (size, length, width) if first else (length, size, width)


@rule(
    "feature-size", INPUT_SIZE,
    meaning="the input's last size is not the layer's input_size",
    example=_EXAMPLE.format(10, 9),
)  # fmt: skip
def feature_size(facts: Facts) -> Finding | None:
    """The plain reading: input_size was set to another number."""
    need, have = _sizes(facts)
    if have == 0:
        call = facts.call("output, hn = rnn(x)")
        return Finding(
            0.6,
            "Each step of the input has no features at all: its last axis is empty.",
            f"Look where the input is made; the layer wants {need} features a step.",
            Mend(f"print({call.text(call.input)}.shape)"),
        )
    return Finding(
        0.6,
        f"Each step of the input has {have} features, the layer was built for {need}.",
        f"Build the layer with input_size={have}, or bring the features to {need} before it, with "
        "an nn.Linear or an nn.Embedding.",
        _input_size(facts, have),
        _features_proof(facts, need, _sequence(facts, have), _sequence(facts, have), have),
    )


@rule(
    "missing-direction", INPUT_SIZE,
    meaning="the input is the output of a bidirectional layer, 2·H wide",
    example=_EXAMPLE.format(20, 40),
)  # fmt: skip
def stacked_on_two_directions(facts: Facts) -> Finding | None:
    """Twice the features expected."""
    need, have = _sizes(facts)
    if have != 2 * need:
        return None
    return Finding(
        0.85 if from_recurrent(facts, facts.call("rnn(x)").input) else 0.5,
        f"{have} = 2 × {need}: the output of a bidirectional layer holds both directions side by "
        f"side, 2·hidden_size wide, and the next layer was built for {need}.",
        f"Build the next layer with input_size=2 * hidden_size, here {have}.",
        _input_size(facts, have, doubled=True),
        _features_proof(facts, need, _sequence(facts, have), _sequence(facts, have), have),
    )


@rule(
    "feature-axis", INPUT_SIZE,
    meaning="the features are not on the last axis, or the axis of one feature is missing",
    example=_EXAMPLE.format(1, 50),
)  # fmt: skip
def feature_axis(facts: Facts) -> Finding | None:
    """One feature a step without an axis of its own, or features before time."""
    need, have = _sizes(facts)
    if _of_a_cell(facts):
        return None
    call = facts.call("output, hn = rnn(x)")
    shape = facts.program.shape(call.input)
    length = facts.stated.get("seq_len")
    if need == 1 and (shape is None or len(shape) == 2):
        sizes: Shape = (have, N) if not facts.known.get("batch_first") else (N, have)
        return Finding(
            0.8,
            f"input_size is 1 and the last axis has {have}: a series of {have} numbers without "
            "an axis for the one feature of each step.",
            "Give the input its feature axis: x.unsqueeze(-1).",
            call.with_input("{0}.unsqueeze(-1)"),
            _features_proof(facts, 1, (N, have), (*sizes, 1), 1),
        )
    known = shape is not None and len(shape) == 3 and need in shape[:2]
    convolved = any(
        isinstance(node, ast.Call) and "conv" in dotted(node.func).lower()
        for node in facts.program.origins(call.input)
    )
    if not (known or convolved or length == have):
        return None
    first = bool(facts.known.get("batch_first"))
    axis = 0 if known and shape is not None and shape[1] != need else 1
    before: Shape = (N, need, have) if axis else (need, N, have)
    form, after = f"{{0}}.transpose({axis}, -1)", (N, have, need) if axis else (have, N, need)
    if axis and not first and convolved:
        form, after = "{0}.permute(2, 0, 1)", (have, N, need)
    return Finding(
        0.88 if known else 0.8 if convolved else 0.65,
        f"The features, {need}, stand on axis {axis} and the time steps, {have}, on the last, as a "
        "convolution leaves them. A recurrent layer reads features from the last axis.",
        "Put the features last: x.transpose(1, 2) makes (N, T, C) of a convolution's (N, C, T), "
        "x.permute(2, 0, 1) makes (T, N, C).",
        call.with_input(form),
        _features_proof(facts, need, before, after, need),
    )
