"""What is wrong with a tensor of a call, how its sizes come about, and the mend."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..checks.call import Given
from ..errors import Fault
from ..network.dims import Shape
from .case import Case, Problem, clash, counted, layer_code, listed
from .states import result_answer, state_answer


def call_problem(case: Case, given: Given, fault: Fault) -> Problem:
    """What is at fault in a call, with what torch raises."""
    about, torch = fault
    if about == "dtype":
        return replace(dtype_problem(case), torch=torch)
    if about == "state_dtype":
        return replace(state_dtype_problem(case), torch=torch)
    if about == "input":
        return replace(input_problem(case), torch=torch)
    if about == "lengths":
        return replace(lengths_problem(case, given.lengths or ()), torch=torch)
    return replace(state_problem(case, about, getattr(given, about)), torch=torch)


def dtype_problem(case: Case) -> Problem:
    """An input of another type than the weights."""
    weights = case.weight_dtype
    why, fix = f"the weights are {weights}", f"input = input{_CAST[weights]}"
    if case.dtype in ("int64", "int32", "bool"):
        why += ": numbers that stand for words go through nn.Embedding first"
        fix = f"input = nn.Embedding(vocabulary_size, {case.spec.input_size})(tokens)"
    return Problem("input", weights, case.dtype, why, fix)


_CAST = {"float32": ".float()", "float64": ".double()", "float16": ".half()",
         "bfloat16": ".bfloat16()"}  # fmt: skip


def state_dtype_problem(case: Case) -> Problem:
    """A state of another type than the weights."""
    weights, pair = case.weight_dtype, case.spec.has_cell_state
    why = f"the weights are {weights}, and a state is of their type"
    fix = f"h0 = h0{_CAST[weights]}"
    if pair:
        fix = f"h0, c0 = h0{_CAST[weights]}, c0{_CAST[weights]}"
    return Problem("h0", weights, case.state_dtype, why, fix)


def input_problem(case: Case) -> Problem:
    """An input of a wrong shape."""
    got, expected = case.shapes["input"], case.expected["input"]
    why, fix = _input_reason(case, got, expected)
    return Problem("input", expected, got, why, fix)


def _input_reason(case: Case, got: Shape, expected: Shape) -> tuple[str, str]:
    spec = case.spec
    if spec.single:
        return _step_reason(case, got, expected)
    if len(got) not in (2, 3):
        axes = f"{len(got)} {'axis' if len(got) == 1 else 'axes'}"
        why = f"a batch is {case.order}, one sequence is (T, features); this has {axes}"
        if len(got) > 3 and case.input is not None and len(case.input) == 3:
            return f"{why}, one of length 1", f"input = input.squeeze({got.index(1)})"
        if len(got) == 1:
            return (
                why,
                f"input = input.{'unsqueeze(0)' if len(expected) == 2 else 'reshape(1, 1, -1)'}",
            )
        return why, "input = input.flatten(2)"
    reasons = [_features(case, got, expected)] if clash(got[-1:], expected[-1:]) else []
    reasons += [_nothing(case, axis) for axis, size in enumerate(got[:-1]) if size == 0]
    if not reasons:
        return f"a batch is {case.order}", f"input.shape  # ({listed(expected)})"
    return "; ".join(why for why, _ in reasons), reasons[0][1]


def _step_reason(case: Case, got: Shape, expected: Shape) -> tuple[str, str]:
    """Why the input of a cell module is not one step."""
    if len(got) not in (1, 2):
        why = "a cell reads one step, (N, features) or (features)"
        if len(got) == 3:
            result = "h, c = cell(x_t, (h, c))" if case.spec.has_cell_state else "h = cell(x_t, h)"
            return f"{why}: a sequence goes through a loop", f"for x_t in input: {result}"
        return why, f"input = input.reshape(-1, {case.spec.input_size})"
    return _features(case, got, expected)


def _features(case: Case, got: Shape, expected: Shape) -> tuple[str, str]:
    last = len(got) - 1
    why = f"the last axis holds the features: {expected[-1]} = input_size"
    others = [axis for axis in range(last) if got[axis] == expected[-1]]
    if others:
        return f"{why}; axis {others[-1]} has that length", (
            f"input = input.transpose({others[-1]}, {last})"
        )
    if got[-1] == 0:
        return why, "assert input.size(-1) > 0"
    return f"{why}; or build the layer for {got[-1]} features", (
        layer_code(case.spec, input_size=got[-1])
    )


def _nothing(case: Case, axis: int) -> tuple[str, str]:
    what = "there is at least one step" if case.sizes[1] == 0 else "there is nothing to pack"
    return f"{what}: axis {axis} is empty", f"assert input.size({axis}) > 0"


def lengths_problem(case: Case, lengths: tuple[int, ...]) -> Problem:
    """Lengths of a packed batch that do not go with its input."""
    size, steps = case.sizes
    expected: Any = f"{counted(size, 'length')} from 1 to {steps or 'T'}"
    got: Any = lengths[:50]
    first = ", batch_first=True" if case.spec.batch_first else ""
    if clash((len(lengths),), (size,)):
        why = f"one length for each sequence: N = {size}, axis {case.batch_axis} of the input"
        if len(lengths) == steps:
            other = "input = input.transpose(0, 1)"
            if not case.spec.batch_first:
                other = "packed = pack_padded_sequence(input, lengths, batch_first=True)"
            return Problem("lengths", expected, got, f"{why}; {steps} is where T is read", other)
        fix = "lengths = torch.tensor([len(sequence) for sequence in sequences])"
        return Problem("lengths", expected, got, why, fix)
    if min(lengths, default=1) < 1:
        why = "a sequence has at least one step; leave the empty ones out before packing"
        fix = "input, lengths = input[:, lengths > 0], lengths[lengths > 0]"
        if case.spec.batch_first:
            fix = "input, lengths = input[lengths > 0], lengths[lengths > 0]"
        return Problem("lengths", expected, got, why, fix)
    why = f"T = {steps}: no sequence is longer than the padded batch; packing itself lets it pass"
    fix = f"packed = pack_padded_sequence(input, lengths.clamp(max={steps}){first})"
    return Problem("lengths", expected, got, why, fix)


def state_problem(case: Case, name: str, got: Shape | None) -> Problem:
    """h0 or c0 of a wrong shape, missing, or too much."""
    expected = case.expected.get(name)
    if expected is None:
        lstm = "LSTMCell" if case.spec.single else "LSTM"
        why = f"nn.{case.spec.class_name} has h alone; the pair (h0, c0) is for nn.{lstm}"
        fix = "hn = cell(input, h0)" if case.spec.single else "output, hn = rnn(input, h0)"
        return Problem(name, None, got, why, fix)
    if got is None:
        why = f"nn.{case.spec.class_name} takes its state as a pair (h0, c0), and one tensor came"
        pair = f"(h0, torch.zeros({listed(expected)}))"
        fix = f"output, (hn, cn) = rnn(input, {pair})"
        if case.spec.single:
            fix = f"hn, cn = cell(input, {pair})"
        return Problem(name, expected, got, why, fix)
    why, fix = state_answer(case, name, expected, got)
    return Problem(name, expected, got, why, fix)


def result_problem(case: Case, name: str, got: Shape) -> Problem:
    """output, hn or cn, taken to have a shape that they do not have."""
    expected = case.expected.get(name)
    if expected is None and case.spec.single:
        both = case.spec.has_cell_state
        what = "h and c after its step" if both else "h after its step, and no more"
        why = f"nn.{case.spec.class_name} gives back {what}"
        return Problem(name, None, got, why, f"{'hn, cn' if both else 'hn'} = cell(input)")
    if expected is None:
        why = f"nn.{case.spec.class_name} gives back output and hn; only nn.LSTM has a cn"
        return Problem(name, None, got, why, "output, hn = rnn(input)")
    why, fix = result_answer(case, name, expected, got)
    return Problem(name, expected, got, why, fix)
