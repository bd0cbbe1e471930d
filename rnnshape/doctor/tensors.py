"""What is wrong with a tensor of a call, how its sizes come about, and the mend."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..checks.call import Inputs
from ..errors import Fault
from ..network.dims import Dim, Shape, write_shape
from .case import Case, Problem, clash, counted, layer_code, listed
from .causes.base import Known, shape_text
from .causes.input import dtype_words, width_words
from .causes.results import PAIR
from .causes.state import Mismatch, state_finding
from .causes.table import sentences


def problem(cause: str, tensor: str, expected: Any, got: Any, why: str, fix: str) -> Problem:
    """A problem told as its cause is, after the numbers at hand."""
    return Problem(cause, tensor, expected, got, sentences(cause, why), fix)


def call_problem(case: Case, inputs: Inputs, fault: Fault) -> Problem:
    """What is at fault in a call, with what torch raises."""
    about, torch = fault
    if about == "dtype":
        found = dtype_problem(case)
    elif about == "state_dtype":
        found = state_dtype_problem(case)
    elif about == "input":
        found = input_problem(case)
    elif about == "lengths":
        found = lengths_problem(case, inputs.lengths or ())
    else:
        found = state_problem(case, about, getattr(inputs, about))
    return replace(found, torch=torch)


_CAST = {"float32": ".float()", "float64": ".double()", "float16": ".half()",
         "bfloat16": ".bfloat16()"}  # fmt: skip


def dtype_problem(case: Case) -> Problem:
    """An input of another type than the weights."""
    weights, fix = case.weight_dtype, f"input = input{_CAST[case.weight_dtype]}"
    if case.dtype in ("int64", "int32", "bool"):
        fix = f"input = nn.Embedding(vocabulary_size, {case.spec.input_size})(tokens)"
    return problem("dtype", "input", weights, case.dtype, dtype_words(case.dtype, weights), fix)


def state_dtype_problem(case: Case) -> Problem:
    """A state of another type than the weights."""
    weights = case.weight_dtype
    states = [f"{state}0" for state in case.spec.state_names]
    fix = f"{', '.join(states)} = {', '.join(state + _CAST[weights] for state in states)}"
    why = f"The weights are {weights}, and a state is of their type."
    return problem("dtype", "h0", weights, case.state_dtype, why, fix)


# ------------------------------------------------------------------------------------------- input


def input_problem(case: Case) -> Problem:
    """An input of a wrong shape."""
    got, expected = case.shapes["input"], case.expected["input"]
    return problem(*_input_cause(case, got, expected))


def _input_cause(case: Case, got: Shape, expected: Shape) -> tuple[str, str, Any, Any, str, str]:
    def found(cause: str, why: str, fix: str) -> tuple[str, str, Any, Any, str, str]:
        return cause, "input", expected, got, why, fix

    rank = case.spec.rank
    if len(got) in (rank - 1, rank):
        empty = [axis for axis, size in enumerate(got[:-1]) if size == 0]
        if clash(got[-1:], expected[-1:]):
            return found(*_features(case, got, expected[-1]))
        if empty and not case.spec.single:
            cause = "empty-sequence" if case.sizes[1] == 0 else "lengths"
            why, fix = f"Axis {empty[0]} is empty.", f"assert input.size({empty[0]}) > 0"
            return found(cause, why, fix)
        return found(
            "input-rank", f"A batch is {case.order}.", f"input.shape  # ({listed(expected)})"
        )
    why = f"The input has {len(got)} ax{'i' if len(got) == 1 else 'e'}s."
    if case.spec.single:
        result = "h, c = cell(x_t, (h, c))" if case.spec.has_cell_state else "h = cell(x_t, h)"
        fix = f"input = input.reshape(-1, {case.spec.input_size})"
        return found(
            "cell-takes-one-step", why, f"for x_t in input: {result}" if len(got) == 3 else fix
        )
    if len(got) < 2:
        add = "unsqueeze(0)" if len(got) == 1 and len(expected) == 2 else "reshape(1, 1, -1)"
        return found("unbatched-rank", why, f"input = input.{add}")
    if case.input is not None and len(case.input) == 3:
        return found(
            "input-rank", f"{why} One is of length 1.", f"input = input.squeeze({got.index(1)})"
        )
    return found("input-rank", why, "input = input.flatten(2)")


def _features(case: Case, got: Shape, size: Dim) -> tuple[str, str, str]:
    last, why = len(got) - 1, width_words(size, got[-1])
    others = [axis for axis in range(last) if got[axis] == size]
    if others:
        return "feature-axis", f"{why} Axis {others[-1]} has that length.", (
            f"input = input.transpose({others[-1]}, {last})"
        )  # fmt: skip
    if got[-1] == 0:
        return "feature-size", why, "assert input.size(-1) > 0"
    return "feature-size", why, layer_code(case.spec, input_size=got[-1])


def lengths_problem(case: Case, lengths: tuple[int, ...]) -> Problem:
    """Lengths of a packed batch that do not go with its input."""
    size, steps = case.sizes
    first = ", batch_first=True" if case.spec.batch_first else ""
    if clash((len(lengths),), (size,)):
        there = f"There are {counted(len(lengths), 'length')}"
        why = f"{there}; N = {size}, axis {case.batch_axis} of the input."
        fix = "lengths = torch.tensor([len(sequence) for sequence in sequences])"
        if len(lengths) == steps:
            why += f" {steps} is where T is read."
            fix = "input = input.transpose(0, 1)"
            if not case.spec.batch_first:
                fix = "packed = pack_padded_sequence(input, lengths, batch_first=True)"
    elif min(lengths, default=1) < 1:
        why = "A sequence has at least one step; leave the empty ones out before packing."
        rows = "lengths > 0" if case.spec.batch_first else ":, lengths > 0"
        fix = f"input, lengths = input[{rows}], lengths[lengths > 0]"
    else:
        why = f"T = {steps}: no sequence is longer than the batch; packing itself lets it pass."
        fix = f"packed = pack_padded_sequence(input, lengths.clamp(max={steps}){first})"
    expected = f"{counted(size, 'length')} from 1 to {steps or 'T'}"
    return problem("lengths", "lengths", expected, lengths[:50], why, fix)


# ----------------------------------------------------------------------------------- states: h0, c0


@dataclass(frozen=True)
class CallState(Mismatch):
    """A state of a call whose other tensors are known too."""

    case: Case

    @property
    def batch(self) -> str:
        """Where the batch size is read."""
        case, size = self.case, self.case.sizes[0]
        if case.lengths is not None:
            return f"{size} = batch size, the number of lengths"
        if case.input is None:
            return f"{size} = batch size"
        return f"{size} = batch size, axis {case.batch_axis} of the input {write_shape(case.input)}"

    def turned(self) -> str:
        """The line that has the input read in its other order."""
        if self.case.spec.single:
            return ""
        if self.case.spec.batch_first:
            return "input = input.transpose(0, 1)"
        return layer_code(self.case.spec, batch_first=True)

    def proof(self, state: Shape, directions: int = 1, turned: bool = False) -> None:
        """None: what torch says of the call itself is known."""


def state_problem(case: Case, name: str, got: Shape | None) -> Problem:
    """h0 or c0 of a wrong shape, missing, or too much."""
    spec, expected = case.spec, case.expected.get(name)
    call = "cell" if spec.single else "rnn"
    left = ", ".join(f"{state}n" for state in spec.state_names)
    if expected is None:
        taken = f"{call}(input, h0)"
        fix = f"hn = {taken}" if spec.single else f"output, hn = {taken}"
        return problem("tuple-passed-on", name, None, got, PAIR, fix)
    if got is None:
        pair = f"{call}(input, (h0, torch.zeros({listed(expected)})))"
        fix = f"{left} = {pair}" if spec.single else f"output, ({left}) = {pair}"
        return problem("lstm-needs-pair", name, expected, got, "", fix)
    cause, found = state_finding(_call_state(case, name, expected, got))
    return problem(cause, name, expected, got, found.why, found.code or zeros(case, name))


def zeros(case: Case, name: str) -> str:
    """A fresh state of the right shape, N read from the input."""
    sizes = [str(size) for size in case.expected[name]]
    if not case.one_sequence:
        batch = f"input.size({case.batch_axis})"
        sizes[-2] = "len(lengths)" if case.lengths is not None else batch
    return f"{name} = torch.zeros({', '.join(sizes)})"


def _call_state(case: Case, name: str, expected: Shape, got: Shape) -> CallState:
    spec, (size, steps) = case.spec, case.sizes
    other = {"h0": "c0", "c0": "h0"}[name]
    other_fits = other in case.shapes and not clash(
        case.shapes[other], case.expected.get(other, ())
    )
    stated = {
        **spec.to_dict(),
        "cell": spec.family,
        "cell_module": spec.single,
        "batch_size": size,
        "seq_len": steps,
    }
    if len(got) == len(expected):
        rows, sample = (1,) * spec.single, (1,) * case.one_sequence
        expected, got = ((*rows, *s[:-1], *sample, s[-1]) for s in (expected, got))
        swapped = not spec.single and case.lengths is None and not other_fits
        if swapped and got[1] == steps and got[1] != size:
            stated |= {"batch_size": steps, "seq_len": size}
        got = tuple(e if not clash((g,), (e,)) else g for g, e in zip(got, expected))
    return CallState(Known(stated), name, spec.has_cell_state, expected, got, case)


# ----------------------------------------------------------------------- what comes: output, hn, cn


def result_problem(case: Case, name: str, got: Shape) -> Problem:
    """output, hn or cn, taken to have a shape that they do not have."""
    spec, expected = case.spec, case.expected.get(name)
    if expected is None:
        back = ", ".join(f"{state}n" for state in spec.state_names)
        why = f"nn.{spec.class_name} gives back {back} alone."
        fix = f"{back} = cell(input)"
        if not spec.single:
            why = f"nn.{spec.class_name} gives back output and hn; only nn.LSTM has a cn."
            fix = "output, hn = rnn(input)"
        return problem("result-shape", name, None, got, why, fix)
    meant = (_output_meant if name == "output" else _state_meant)(case, name, expected, got)
    why, fix = meant or ("", f"{name}.shape  # ({listed(expected)})")
    numbers = f"{name} is {shape_text(expected)}: {_derived(case, name)}."
    return problem("result-shape", name, expected, got, f"{numbers} {why}".strip(), fix)


def _derived(case: Case, name: str) -> str:
    """How the sizes of a result come about."""
    spec, size = case.spec, case.sizes[0]
    width = "proj_size" if spec.proj_size and name != "cn" else "hidden_size"
    directions = counted(spec.num_directions, "direction")
    if name != "output":
        rows = spec.num_layers * spec.num_directions
        parts = (
            [] if spec.single else [f"{rows} = {directions} × {counted(spec.num_layers, 'layer')}"]
        )
        parts += [] if case.one_sequence else [f"{size} = batch size"]
        return ", ".join([*parts, f"{case.expected[name][-1]} = {width}"])
    parts = [f"T = {case.expected[name][0 if case.one_sequence or not spec.batch_first else 1]}"]
    if not case.one_sequence:
        parts = [f"N = {size}", *parts] if spec.batch_first else [*parts, f"N = {size}"]
        parts[-1] += f" {case.flag} batch_first"
    return ", ".join(
        [*parts, f"{case.expected[name][-1]} = {directions} × {width} {spec.state_size}"]
    )


Meant = tuple[str, str] | None


def _state_meant(case: Case, name: str, expected: Shape, got: Shape) -> Meant:
    """Which piece of hn or cn a shape is that of, and the code that takes it."""
    if case.spec.single or len(expected) != 3:
        return None
    rows, size, width = expected
    if len(got) == 2 and case.spec.bidirectional and not clash(got, (size, 2 * width)):
        both = f"torch.cat([{name}[-2], {name}[-1]], dim=-1)"
        return "Both directions of the last layer have to be joined.", both
    if not clash(got, (size, width)):
        return "This is one row of it: the last layer's.", f"{name}[-1]"
    if not clash(got, (size, rows * width)):
        flat = f"{name}.transpose(0, 1).reshape({size}, -1)"
        return "Its rows are layers; view(N, -1) would mix the samples.", flat
    if not clash(got, (size, rows, width)):
        return (
            "batch_first leaves it alone: layers first, then the batch.",
            f"{name}.transpose(0, 1)",
        )
    if case.spec.bidirectional and not clash(got, (case.spec.num_layers, size, width)):
        return "Both directions have a row, forward first.", f"{name}[0::2]  # the forward rows"
    return None


def _output_meant(case: Case, name: str, expected: Shape, got: Shape) -> Meant:
    """Which piece of output a shape is that of, and the code that takes it."""
    spec, (size, steps), time = case.spec, case.sizes, 1 - case.batch_axis
    if len(expected) == 3 and not clash(got, (size, expected[-1])):
        return "This is one step of it.", "output[:, -1]" if spec.batch_first else "output[-1]"
    if len(got) != len(expected):
        return None
    if len(got) == 3 and not clash(got, (expected[1], expected[0], expected[2])):
        return "Its first two axes are those of the input.", "output.transpose(0, 1)"
    wrong = [i for i, (a, b) in enumerate(zip(got, expected)) if clash((a,), (b,))]
    if case.lengths is not None and wrong == [time] and got[time] == steps:
        longest = f"pad_packed_sequence pads to the longest of the lengths, {max(case.lengths)}."
        code = f"output, _ = pad_packed_sequence(output, {case.packing}total_length={got[time]})"
        return longest, code
    if spec.bidirectional and wrong == [len(got) - 1] and got[-1] == spec.state_size:
        return "This is one direction.", f"output[..., :{got[-1]}]  # the forward half"
    return None
