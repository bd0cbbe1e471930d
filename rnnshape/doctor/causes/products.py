"""Products of two matrices whose inner sizes differ: a Linear behind a recurrent layer."""

from __future__ import annotations

import ast
import re

from ...engine.ops import OPERATIONS
from ...errors import ShapeError
from ...network.dims import Shape, json_shape
from ..code import RECURRENT, Mend
from ..program import Layer
from .base import Facts, Finding, Proof, rule

PRODUCT = re.compile(
    r"mat1 and mat2 shapes cannot be multiplied \((\d{1,100})x(\d{1,100}) and "
    r"(\d{1,100})x(\d{1,100})\)|"
    r"size mismatch, m1: \[(\d{1,100}) x (\d{1,100})\], m2: \[(\d{1,100}) x (\d{1,100})\]|"
    r"size mismatch, got \d{1,100}, (\d{1,100})x(\d{1,100}),\s?(\d{1,100})x?(\d{0,100})"
)


def factors(facts: Facts) -> tuple[int, int, int, int | None]:
    """Rows and columns of the two factors; the last is not printed by every torch."""
    rows, inner, needed, columns = [group for group in facts.match.groups() if group is not None]
    return int(rows), int(inner), int(needed), int(columns) if columns else None


def linear(facts: Facts) -> Layer | None:
    """The Linear that failed, as its constructor stands in the code."""
    callee = facts.call("linear(x)", lambda call: call.input is not None).callee
    return facts.program.layer(callee, ("Linear",))


def _in_features(facts: Facts, size: int, columns: int | None, doubled: bool = False) -> Mend:
    layer = linear(facts)
    if layer is not None:
        value = facts.doubled(layer, "in_features", size) if doubled else size
        return facts.rebuilt(layer, {"in_features": value})
    return Mend(f"linear = nn.Linear({size}, {columns or 'out_features'})")


def _linear_proof(
    before: Shape, after: Shape, needed: int, size: int, columns: int | None
) -> Proof:
    """x·Wᵀ before and after, put to the rule of the operation `linear`."""
    rows = columns or 1
    proof: Proof = {}
    for when, x, weight in (("before", before, (rows, needed)), ("after", after, (rows, size))):
        told = {"input": json_shape(x), "weight": json_shape(weight)}
        try:
            output = OPERATIONS["linear"].shape([x, weight], ())
            proof[when] = {**told, "output": json_shape(output), "fits": True}
        except ShapeError:
            proof[when] = {**told, "fits": False}
    return proof


@rule(
    "missing-direction", PRODUCT,
    meaning="a Linear was sized for one direction and given both, or the other way round",
    example="RuntimeError: mat1 and mat2 shapes cannot be multiplied (15x40 and 20x4)",
)  # fmt: skip
def linear_and_directions(facts: Facts) -> Finding | None:
    """The inner sizes differ by the factor 2."""
    rows, inner, needed, columns = factors(facts)
    if facts.inside or needed in (inner, 4 * inner):
        return None
    if inner == 2 * needed:
        return Finding(
            0.72,
            f"{inner} = 2 × {needed}: the output of a bidirectional layer holds both directions "
            f"side by side. The Linear was built for {needed}.",
            f"Build the Linear with in_features=2 * hidden_size, here {inner}.",
            _in_features(facts, inner, columns, doubled=True),
            _linear_proof((rows, inner), (rows, inner), needed, inner, columns),
        )
    if needed != 2 * inner:
        return None
    call = facts.call("y = linear(hn)", lambda call: call.input is not None)
    node = call.input
    x = call.text(node, "hn")
    if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Tuple | ast.Slice):
        x = call.text(node.value)
    whole = node is not None and (x != call.text(node) or isinstance(node, ast.Name))
    joined = call.mend((node, f"torch.cat([{x}[-2], {x}[-1]], dim=-1)"))
    both = facts.known.get("bidirectional")
    return Finding(
        0.72 if both or both is None else 0.3,
        f"The Linear was built for {needed} = 2 × {inner}, both directions side by side. It was "
        f"given {inner}: one direction, as each row of hn is.",
        "Join the last layer's two rows of hn: torch.cat([hn[-2], hn[-1]], dim=-1). Where there is "
        f"one direction, build the Linear for {inner}.",
        joined if whole and both is not False else _in_features(facts, inner, columns),
        _linear_proof((rows, inner), (rows, needed), needed, needed, columns),
    )


@rule(
    "feature-size", PRODUCT,
    meaning="a Linear's in_features, or a weight's width, is not the last size of what it is given",
    example="RuntimeError: size mismatch, m1: [32 x 20], m2: [40 x 5]",
)  # fmt: skip
def linear_features(facts: Facts) -> Finding | None:
    """The inner sizes differ."""
    rows, inner, needed, columns = factors(facts)
    if facts.inside or inner == needed:
        return None
    proj = facts.known.get("proj_size")
    steps = (
        f" {inner} = {inner // needed} × {needed}: perhaps time steps and features were merged."
        if needed and inner % needed == 0 and inner > 2 * needed
        else f" {inner} is the layer's proj_size."
        if proj == inner
        else ""
    )
    return Finding(
        0.3 if inner in (2 * needed, needed / 2) else 0.4 if columns == 4 * needed else 0.75,
        f"What came has {inner} features in its last axis, the Linear was built for {needed}."
        + steps,
        f"Build the Linear with in_features={inner}, or give it what is {needed} wide, such as "
        "output[:, -1] with batch_first.",
        _in_features(facts, inner, columns),
        _linear_proof((rows, inner), (rows, inner), needed, inner, columns),
    )


@rule(
    "feature-size", r"mat1 dim 1 must match mat2 dim 0",
    meaning="a Linear's in_features is not the last size of what it is given (no numbers shown)",
    example="RuntimeError: mat1 dim 1 must match mat2 dim 0",
)  # fmt: skip
def unnumbered_product(facts: Facts) -> Finding | None:
    """torch 1.7 and 1.8 print no sizes."""
    return Finding(
        0.5,
        "The last size of what came is not the in_features of the layer. This torch does not say "
        "the numbers.",
        "Print the tensor's shape before the layer, and build the layer with that last size.",
        Mend("print(x.shape)"),
    )


@rule(
    "proj-size", PRODUCT,
    meaning="with proj_size the output is proj_size wide, not hidden_size",
    example="lstm = nn.LSTM(10, 20, proj_size=6)\n"
    "RuntimeError: mat1 and mat2 shapes cannot be multiplied (15x6 and 20x4)",
)  # fmt: skip
def linear_after_projection(facts: Facts) -> Finding | None:
    """The network has a projection of just that width."""
    rows, inner, needed, columns = factors(facts)
    proj = facts.known.get("proj_size") or next(
        (p for layer in facts.program.layers if layer.kind in RECURRENT
         if (p := facts.program.arguments(layer).get("proj_size"))), 0,
    )  # fmt: skip
    if not proj or inner not in (proj, 2 * proj):
        return None
    return Finding(
        0.9,
        f"The LSTM has proj_size={proj}, so its output is {inner} wide, not hidden_size.",
        f"Build the Linear with in_features={inner}.",
        _in_features(facts, inner, columns),
        _linear_proof((rows, inner), (rows, inner), needed, inner, columns),
    )
