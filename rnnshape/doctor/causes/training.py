"""Errors around a recurrent layer: losses, graphs that are kept, views."""

from __future__ import annotations

from ..code import Call, Mend
from .base import SIZES, UNTOUCHED, Facts, Finding, fitting, rule


@rule(
    "loss-classes",
    rf"Expected target size {SIZES}, got {SIZES}",
    meaning="a cross-entropy wants the classes on axis 1, a layer has them on the last",
    example="RuntimeError: Expected target size [5, 20], got [5, 3]",
)
def loss_axes(facts: Facts) -> Finding | None:
    """(T, N, C) against (T, N)."""
    expected, got = facts.sizes(1), facts.sizes(2)
    call = facts.call("loss = criterion(output, target)", lambda call: call.state is not None)
    classes = expected[-1] if expected else 0
    return Finding(
        0.93,
        f"A cross-entropy reads (N, C, …): the classes on axis 1. The output has them last, so "
        f"its axis of {classes} was taken for one of positions.",
        "Put the classes on axis 1, or flatten steps and batch into one axis.",
        call.with_input("{0}.transpose(1, -1)"),
        fitting({"output": [*got, classes], "target": list(got)},
                {"output": [*got[:1], classes, *got[1:]], "target": list(got)}),
    )  # fmt: skip


@rule(
    "all-steps-for-one-target",
    r"Expected input batch_size \((\d{1,100})\) to match target batch_size \((\d{1,100})\)",
    meaning="outputs of all steps meet one target for each sequence",
    example="ValueError: Expected input batch_size (35) to match target batch_size (7).",
)
def one_target(facts: Facts) -> Finding | None:
    """T·N against N."""
    have, want = facts.number(1), facts.number(2)
    if not want or have % want:
        return None
    call = facts.call("loss = criterion(output, target)", lambda call: call.state is not None)
    first = facts.known.get("batch_first")
    steps = have // want
    form = (
        f"{{0}}.view({want}, {steps}, -1)[:, -1]"
        if first
        else f"{{0}}.view({steps}, {want}, -1)[-1]"
    )
    return Finding(
        0.8,
        f"{have} = {steps} × {want}: the outputs of {steps} steps were flattened, but there is "
        f"one target for each of the {want} sequences.",
        "Take the last step (or hn[-1]) before the Linear, or give a target for every step.",
        call.with_input(form),
        fitting(
            {"output": [have, "C"], "target": [want]}, {"output": [want, "C"], "target": [want]}
        ),
    )


@rule(
    "state-keeps-graph",
    r"Trying to backward through the graph a second time",
    meaning="a state carried from batch to batch still holds the graph of the batch before",
    example="RuntimeError: Trying to backward through the graph a second time (or directly access "
    "saved tensors after they have already been freed).",
)
def kept_graph(facts: Facts) -> Finding | None:
    """hn of the last call is part of this one's graph."""
    found = facts.program.carried()
    if found is None:
        mend = Mend("hn = hn.detach()")
    else:
        statement, call = found
        one = Call(statement, call, True)
        mend = one.with_states("{0}.detach()", facts.cell == "lstm" and len(one.states) == 1)
    return Finding(
        0.8,
        "backward() went into a graph that is gone already: a state that was carried over to this "
        "call is a result of the one before.",
        "Detach the state between calls: hn = hn.detach(), for an LSTM (hn.detach(), cn.detach()).",
        mend,
        UNTOUCHED,
    )


@rule(
    "not-contiguous",
    r"view size is not compatible with input tensor's size and stride",
    r"rnn: (hx|cx) is not contiguous",
    meaning="a transposed or expanded tensor is viewed, or given as a state, as it lies in memory",
    example="RuntimeError: view size is not compatible with input tensor's size and stride (at "
    "least one dimension spans across two contiguous subspaces). Use .reshape(...) instead.",
)
def not_contiguous(facts: Facts) -> Finding | None:
    """transpose and expand move no numbers."""
    if facts.match.groups() and facts.match.group(1):
        call = facts.stateful_call(facts.cell == "lstm" or facts.match.group(1) == "cx")
        return Finding(
            0.95,
            "The state was transposed, cut or expanded and does not lie in one piece; cuDNN wants "
            "it so.",
            "Call .contiguous() on the state.",
            call.with_states("{0}.contiguous()", facts.cell == "lstm" or call.statement.text.count(
                "c0") > 0),
            UNTOUCHED,
        )  # fmt: skip
    statement = facts.statement
    text = statement.text if statement else "x = x.view(n, -1)"
    code = text.replace(".view(", ".reshape(")
    return Finding(
        0.9,
        "view() needs the numbers in one piece; after transpose, permute or expand they are not.",
        "Use reshape(). Mind that neither of them swaps axes: with batch and time, transpose does.",
        statement.mend(code) if statement else Mend(code),
        UNTOUCHED,
    )
