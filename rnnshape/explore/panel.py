"""What one step reads, computes and leaves, as lines for the side of the screen."""

from __future__ import annotations

from collections.abc import Iterator

from ..engine.walk import HEAD, Step, Tensor
from ..network.dims import write_dim, write_shape
from ..show.notation import Line, kind_of, short_name
from ..show.screen import wrapped
from ..show.text.steps import operation_lines
from .view import View

_HEAT_ROWS = 8


def step_lines(view: View, step: Step, width: int) -> list[Line]:
    """The step of `view`, with values where it has some, in lines of at most `width`."""
    return [part for line in _told(view, step, width) for part in wrapped(line, width, 4)]


def _told(view: View, step: Step, width: int) -> Iterator[Line]:
    time = "every t" if view.symbolic else f"t={step.t}"
    place = "head" if step.direction == HEAD else f"layer {step.layer} {step.direction}"
    single = view.trace.spec.single
    yield [(view.trace.spec.class_name if single else f"{place}, {time}", "title")]

    def values(tensor: Tensor, indent: str) -> Iterator[Line]:
        if tensor.value is not None:
            from .heat import heat_lines

            yield from heat_lines(tensor.value, width, _HEAT_ROWS, len(indent), tensor.name)

    yield from operation_lines(step.ops, width, 2, 4, values)
    yield [("reads", "note")]
    for tensor, source in _read(view, step):
        yield [
            (f"  {tensor.name}", kind_of(tensor)),
            (f" {write_shape(tensor.shape)}", ""),
            (f" {source}", "note"),
        ]
    yield [("leaves", "note")]
    yield from _left(view, step)
    yield [("with", "note")]
    for tensor in _parameters(step):
        yield [
            (f"  {short_name(tensor.role.of)}", "weight"),
            (f" {write_shape(tensor.shape)}", ""),
            (f" {tensor.name}", "note"),
        ]
    macs = step.record.macs
    yield [(f"  {write_dim(macs)} multiply-accumulates", "note")]


def _outside(step: Step) -> Iterator[Tensor]:
    """The tensors that the step does not compute itself."""
    made = {performed.output.name for performed in step.ops}
    seen = set()
    for performed in step.ops:
        for tensor in performed.inputs:
            if tensor.name not in made and tensor.name not in seen:
                seen.add(tensor.name)
                yield tensor


def _parameters(step: Step) -> list[Tensor]:
    return [tensor for tensor in _outside(step) if kind_of(tensor) == "weight"]


def _read(view: View, step: Step) -> Iterator[tuple[Tensor, str]]:
    for tensor in _outside(step):
        if kind_of(tensor) != "weight":
            yield tensor, _source(view, step, tensor)


def _source(view: View, step: Step, tensor: Tensor) -> str:
    trace = view.trace
    spec = trace.spec
    kind, output = tensor.role.kind, spec.output_state or "output"
    if spec.single:
        return "given" if kind == "input" else "given, or zeros"
    if kind == "input":
        if step.layer == 0:
            return f"= input[:, {step.t}]" if trace.cuts_batch_first else f"= input[{step.t}]"
        below, h = f"layer {step.layer - 1}", f"{output}_{step.t}"
        source = f"= {below} {h}"
        if spec.bidirectional:
            source = f"= concat of {below}'s forward and reverse {h}"
        return f"{source}, through dropout in training" if spec.dropout else source
    if kind == "output":
        return "the last state" if tensor.role.of else f"from layer {spec.num_layers - 1}"
    if kind == "state" and step.previous is not None:
        return f"from t={step.previous}"
    return "where the lane begins"


def _left(view: View, step: Step) -> Iterator[Line]:
    """Where what the step leaves goes: on along its lane, and up."""
    spec, trace = view.trace.spec, view.trace
    for name, tensor in step.state.items():
        if step.direction == HEAD:
            yield [
                ("  o", "output"),
                (f" {write_shape(tensor.shape)}", ""),
                (" what the head puts out", "note"),
            ]
            continue
        if spec.single:
            yield [(f"  {tensor.name}", "state"), (" what it returns", "note")]
            continue
        here = view.lane
        end = 0 if step.direction == "reverse" else view.length - 1
        ahead = -1 if step.direction == "reverse" else 1
        if view.symbolic:
            right = f"the state at t{ahead:+d}; at the end {name}n[{here}]"
        elif view.t == end:
            right = f"{name}n[{here}]: the end of this lane"
        else:
            right = f"the state at t={view.t + ahead}"
            stays, goes = view.rows(view.t), view.rows(view.t + ahead)
            if isinstance(goes, int) and isinstance(stays, int) and goes < stays:
                right += f", {goes} of {stays} rows; the others are done: {name}n[{here}]"
        named = (f"  {tensor.name}", "state")
        arrow = "←" if step.direction == "reverse" else "→"
        yield [named, (f" {arrow} {right}", "note")]
        if name != (spec.output_state or next(iter(step.state))):
            continue
        half = ""
        if spec.bidirectional:
            half = "its half of " if step.layer < spec.num_layers - 1 else ""
        if step.layer == spec.num_layers - 1:
            piece = trace.output_source(view.time(view.t)).piece
            up = piece
            if spec.bidirectional:
                width = spec.state_size
                up = f"{piece}, " + (f"columns {width}:" if ahead < 0 else f"columns :{width}")
            yield [named, (f" ↑ {up}", "note")]
        else:
            yield [named, (f" ↑ {half}x_{step.t} of layer {step.layer + 1}", "note")]
    for left, right in trace.equalities():
        if _corner(view, step, right):
            yield [("  ", ""), (left, "output"), (" equals ", "note"), (right, "state")]


def _corner(view: View, step: Step, state: str) -> bool:
    """Whether the step leaves the row of hn that an equality speaks of."""
    spec = view.trace.spec
    if step.direction == HEAD or step.layer != spec.num_layers - 1 or view.trace.batch.packed:
        return False
    end = 0 if step.direction == "reverse" else view.length - 1
    row = -1 if not spec.bidirectional or step.direction == "reverse" else -2
    return (view.t == end or view.symbolic) and state == f"{spec.output_state}n[{row}]"
