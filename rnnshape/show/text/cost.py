"""The cost of a network as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...analysis.cost import Cost, PassCost, Window
from ...engine.walk import HEAD
from ...network.dims import Dim, json_dim, json_shape, write_dim, write_shape
from ..document import ITEM_BYTES
from ..screen import Line, Piece, columns, prose, text

_MANY_LAYERS = 8  # of which those that cost the same are told once
_CONVENTIONS = {
    "macs": "matrix products alone; biases, sums and activations count 0",
    "kept": "what the backward reads of the forward, each tensor once; parameters, input, "
    "h0 and c0 are not counted",
}


def cost_text(cost: Cost, letters: Cost, dtype: str) -> Iterator[Line]:
    """The figures of each layer and direction, each with its formula, and their sums."""
    each = ITEM_BYTES[dtype]
    yield text(f"{cost.trace.spec}: what forward and backward cost", "title")
    yield prose(f"1 MAC = a multiplication and its addition = 2 FLOPs; {_CONVENTIONS['macs']}")
    yield prose(f"kept: {_CONVENTIONS['kept']}")
    if cost.trace.spec.proj_size:
        yield prose(f"the formulas have P = {cost.trace.spec.proj_size} put in")
    top = cost.trace.spec.num_layers - 1
    for one, formula in zip(cost.passes, letters.passes, strict=True):
        if top >= _MANY_LAYERS and 1 < one.layer < top:
            continue  # costs what layer 1 does
        yield []
        # where lengths differ, all sequences have a step at t=0 alone
        step = "step t=0" if cost.trace.batch.packed else "a step"
        of = (
            f"each of the layers 1 to {top - 1:,}" if top >= _MANY_LAYERS and one.layer == 1 else ""
        )
        yield from _pass_lines(one, formula, each, dtype, step, of)
    yield []
    yield text("in all", "title")
    sums = {
        "forward": cost.forward,
        "backward": cost.backward,
        "both": cost.forward + cost.backward,
    }
    yield from columns(
        [
            [(what, ""), (_figure(macs, "MACs"), ""), (_figure(2 * macs, "FLOPs"), "note")]
            for what, macs in sums.items()
        ]
    )
    yield []
    yield from _memory_lines(cost, each, dtype)


def _figure(size: Dim, unit: str) -> str:
    number = write_dim(size)
    return f"({number}) {unit}" if " + " in number else f"{number} {unit}"


def _pass_lines(
    one: PassCost, formula: PassCost, each: int, dtype: str, step: str, layers: str
) -> Iterator[Line]:
    """The figures of a pass, or of each that stands in `layers`."""
    place = f"{layers or f'layer {one.layer}'} {one.direction}"
    place = HEAD if one.direction == HEAD else place
    steps = f"{write_dim(one.steps)} step{'' if one.steps == 1 else 's'}"
    yield [(place, "title"), (f"   {steps}", "note")]
    rows: list[list[Piece]] = [[("", ""), (step, "note"), ("all steps", "note"), ("", "")]]
    for what, figure, everything, letters, unit in (
        ("forward", one.forward_step, one.forward, formula.forward_step, "MACs"),
        ("backward", one.backward_step, one.backward, formula.backward_step, "MACs"),
        ("kept", each * one.kept_step, each * one.kept_all, each * formula.kept_step, "bytes"),
    ):
        figures: list[Piece] = [(_figure(figure, unit), ""), (write_dim(everything), "")]
        rows.append([(what, ""), *figures, (write_dim(letters), "note")])
    yield from columns(rows)
    if one.kept:
        named = [f"{t.name.removesuffix('_{t}')}\xa0{write_shape(t.shape)}" for t in one.kept]
        yield prose(f"kept of {step}, as {dtype}: {', '.join(named)}")
    if layers:
        return
    left = f"{write_dim(each * one.left)} bytes are" if one.left != 0 else "nothing is"
    yield prose(f"freed step by step in its backward; then {left} left")


def _memory_lines(cost: Cost, each: int, dtype: str) -> Iterator[Line]:
    yield text(f"kept at once, at most, as {dtype}", "title")
    whole = "all steps, until the forward has ended"
    rows: list[list[Piece]] = [[("whole", ""), (_figure(each * cost.kept, "bytes"), ""),
                                (whole, "note")]]  # fmt: skip
    for option, window, words in (
        ("--tbptt", cost.truncated, "a window's backward follows on its forward"),
        ("--checkpoint", cost.checkpointed, "the states between windows, and one window"),
    ):
        if window is not None:
            bytes_kept = _figure(each * window.kept, "bytes")
            rows.append([(f"{option} {window.steps}", ""), (bytes_kept, ""), (words, "note")])
    yield from columns(rows)
    if cost.truncated is not None:
        lost = write_dim(cost.backward + cost.truncated.backward * -1)
        more = write_dim(cost.forward)
        yield prose(
            f"--tbptt passes nothing across its cuts: {lost} MACs less, and other gradients; "
            f"--checkpoint computes the forward twice for the same gradients: {more} MACs more"
        )
    elif cost.trace.spec.bidirectional:
        yield prose("windows keep nothing less: the reverse direction begins at the end")


def cost_document(cost: Cost, letters: Cost, dtype: str) -> dict[str, Any]:
    """`rnnshape/cost/1`."""
    each = ITEM_BYTES[dtype]
    return {
        "schema": "rnnshape/cost/1",
        "spec": cost.trace.spec.to_dict(),
        "tensors": {name: json_shape(shape) for name, shape in cost.trace.tensors.items()},
        "dtype": dtype,
        "conventions": {**_CONVENTIONS, "flops_per_mac": 2},
        "passes": [
            _pass(one, formula, each)
            for one, formula in zip(cost.passes, letters.passes, strict=True)
        ],
        "forward_macs": json_dim(cost.forward),
        "backward_macs": json_dim(cost.backward),
        "kept_bytes": json_dim(each * cost.kept),
        "tbptt": _window(cost.truncated, each),
        "checkpoint": _window(cost.checkpointed, each),
    }


def _pass(one: PassCost, formula: PassCost, each: int) -> dict[str, Any]:
    def figure(step: Dim, everything: Dim, letters: Dim) -> dict[str, Any]:
        return {"step": json_dim(step), "all": json_dim(everything), "formula": str(letters)}

    return {
        "layer": one.layer,
        "direction": one.direction,
        "steps": json_dim(one.steps),
        "forward_macs": figure(one.forward_step, one.forward, formula.forward_step),
        "backward_macs": figure(one.backward_step, one.backward, formula.backward_step),
        "kept_bytes": figure(each * one.kept_step, each * one.kept_all, each * formula.kept_step),
        "kept": [
            {"name": tensor.name.removesuffix("_{t}"), "shape": json_shape(tensor.shape)}
            for tensor in one.kept
        ],
        "bytes_left": json_dim(each * one.left),
    }


def _window(window: Window | None, each: int) -> dict[str, Any] | None:
    if window is None:
        return None
    return {
        "window": window.steps,
        "kept_bytes": json_dim(each * window.kept),
        "forward_macs": json_dim(window.forward),
        "backward_macs": json_dim(window.backward),
    }
