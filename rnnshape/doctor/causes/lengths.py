"""Packing: lengths and the padded batch they belong to."""

from __future__ import annotations

import ast
from typing import Any

from ...checks.padded import Given
from ..code import Call, Mend, dotted, find_call, with_argument
from .base import NUMBER, Facts, Finding, I, N, Proof, T, attempt, fitting, prove, rule

_PACK = "packed = pack_padded_sequence(x, lengths)"
_PAD = "output, lengths = pad_packed_sequence(packed)"


def _packing(facts: Facts) -> Call:
    """The call that packs: in the failing line, else the one in the code, else a line of ours."""
    for statement in [facts.statement, *facts.program.statements]:
        for node in statement.calls() if statement else ():
            name = dotted(node.func)
            if name.endswith(("pack_padded_sequence", "pack_sequence")):
                assert statement is not None
                return Call(statement, node, True)
    return find_call(None, lambda call: True, lambda name: False, _PACK)


def _with(call: Call, name: str, value: str) -> Mend:
    return call.instead(with_argument(call.statement, call.node, None, name, value))


def _lengths(call: Call, form: str) -> Mend:
    return call.mend((call.state, form.replace("{0}", call.text(call.state, "lengths"))))


def _proof(
    facts: Facts, before: tuple[int, ...], after: tuple[int, ...], size: int, **given: Any
) -> Proof | None:
    """Packing a batch of `size` sequences of 7 steps with the lengths before, then after."""

    def build() -> Proof:
        spec = facts.network()
        first, width = spec.batch_first, spec.input_size
        x, y = ((n, 7, width) if first else (7, n, width) for n in (size, len(after)))
        told = prove((spec, Given(x, lengths=before, **given)), (spec, Given(y, lengths=after)))
        told["before"]["lengths"], told["after"]["lengths"] = list(before), list(after)
        return told

    return attempt(build)


def _batch_first(call: Call) -> bool:
    """Whether the packing itself was told batch_first."""
    return any(
        k.arg == "batch_first" and isinstance(k.value, ast.Constant) and k.value.value is True
        for k in call.node.keywords
    )


@rule(
    "lengths",
    r"Length of all samples has to be greater than 0, but found an element in 'lengths' that is "
    r"<= 0",
    meaning="a sequence of length 0 cannot be packed",
    example="RuntimeError: Length of all samples has to be greater than 0, but found an element in "
    "'lengths' that is <= 0",
)
def zero_length(facts: Facts) -> Finding | None:
    """An empty sequence in the batch."""
    return Finding(
        0.97,
        "At least one of the lengths is 0 or negative: an empty text, or a mask that hides all of "
        "a sequence. A packed batch holds at least one step of each.",
        "Leave empty sequences out of the batch, or let each have one step of padding, as the "
        "line below does (its output means nothing).",
        _lengths(_packing(facts), "torch.as_tensor({0}).clamp(min=1)"),
        _proof(facts, (7, 3, 0), (7, 3, 1), 3),
    )


@rule(
    "lengths",
    rf"Expected `len\(lengths\)` to be equal to batch_size, but got {NUMBER} "
    rf"\(batch_size={NUMBER}\)",
    meaning="there are not as many lengths as sequences; often batch_first is missing",
    example="RuntimeError: Expected `len(lengths)` to be equal to batch_size, but got 3 "
    "(batch_size=7)",
)
def number_of_lengths(facts: Facts) -> Finding | None:
    """batch_first, which packing has to be told as well as the layer."""
    count, size = facts.number(1), facts.number(2)
    call = _packing(facts)
    first = _batch_first(call)
    shape = facts.program.shape(call.input)
    turned = shape is None or len(shape) < 2 or shape[1 if first else 0] == count
    if turned:
        mend = _with(call, "batch_first", str(not first))
        fix = (
            f"Tell pack_padded_sequence batch_first={not first}, as the layer, or give one "
            "length for every sequence."
        )
    else:
        form = f"{{0}}[:{size}]" if count > size else f"(list({{0}}) + [1] * {size - count})"
        mend = _lengths(call, form)
        fix = "Give one length for every sequence of the batch."

    def build() -> Proof:
        spec = facts.network(batch_first=first)
        x = (size, count, I) if first else (count, size, I)
        steps = tuple([1] * (count if turned else size))
        right = facts.network(batch_first=turned != first)
        return prove(
            (spec, Given((*x[:2], spec.input_size), lengths=tuple([1] * count))),
            (right, Given((*x[:2], spec.input_size), lengths=steps)),
        )

    return Finding(
        0.93,
        f"There are {count} lengths and, by the axis that batch_first={first} names, {size} "
        "sequences. pack_padded_sequence has a batch_first of its own.",
        fix,
        mend,
        attempt(build) if 0 < count <= 10_000 and size <= 10_000 else None,
    )


@rule(
    "lengths",
    r"`lengths` array must be sorted in decreasing order",
    r"'lengths' array has to be sorted in decreasing order",
    meaning="packing wants the longest sequence first unless told otherwise",
    example="RuntimeError: `lengths` array must be sorted in decreasing order when "
    "`enforce_sorted` is True. You can pass `enforce_sorted=False` to pack_padded_sequence and/or "
    "pack_sequence to sidestep this requirement if you do not need ONNX exportability.",
)
def unsorted_lengths(facts: Facts) -> Finding | None:
    """Lengths in the order of the data."""
    return Finding(
        0.97,
        "The lengths are not in decreasing order.",
        "enforce_sorted=False lets torch sort the sequences and put the results back in order.",
        _with(_packing(facts), "enforce_sorted", "False"),
        _proof(facts, (3, 7), (3, 7), 2, enforce_sorted=True),
    )


@rule(
    "lengths",
    r"'lengths' argument should be a 1D CPU int64 tensor, but got (\d)D (\S{1,20}) (\w{1,20}) "
    r"tensor",
    r"lengths? (?:tensor )?(?:should|must|needs to) be on (?:the )?cpu",
    r"too many dimensions 'str'",
    meaning="lengths must be integers: a list, or a one-axis tensor of int64 on the CPU",
    example="RuntimeError: 'lengths' argument should be a 1D CPU int64 tensor, but got 1D cuda:0 "
    "Long tensor",
)
def lengths_tensor(facts: Facts) -> Finding | None:
    """A tensor on the GPU, of another dtype, with more axes, or texts."""
    call = _packing(facts)
    if "str" in facts.match.group(0):
        if not call.own:
            return None
        form, what = "list(map(int, {0}))", "texts"
    else:
        rank, place, kind = facts.match.groups() or ("1", "cuda:0", "Long")
        what = f"a {rank}D {kind} tensor on {place}"
        form = "{0}" + (".flatten()" if rank != "1" else "")
        if isinstance(call.state, ast.Constant):
            form = "[{0}] * " + f"{call.text(call.input)}.size({0 if _batch_first(call) else 1})"
        form += ".cpu()" if place != "cpu" else ""
        form += ".long()" if kind != "Long" else ""
    return Finding(
        0.95,
        f"The lengths came as {what}; packing reads integers on the CPU.",
        "Pass lengths.cpu(), or a plain list of integers.",
        _lengths(call, form),
        fitting({"lengths": what}, {"lengths": "integers on the CPU"}),
    )


@rule(
    "lengths",
    r"start \(\d{1,100}\) \+ length \(\d{1,100}\) exceeds dimension size \((\d{1,100})\)",
    r"shape '\[\d{1,100}, \d{1,100}, \d{1,100}\]' is invalid for input of size 0",
    meaning="a length is greater than the number of steps in the padded batch",
    example="RuntimeError: start (14) + length (1) exceeds dimension size (14).",
)
def length_beyond_steps(facts: Facts) -> Finding | None:
    """Lengths counted before the sequences were cut, or along the wrong axis."""
    call = _packing(facts)
    if "shape" in facts.match.group(0) and not call.own:
        return None
    x, axis = call.text(call.input), 1 if _batch_first(call) else 0
    return Finding(
        0.8,
        "Packing reads each sequence up to its length, and one of them is longer than the padded "
        "batch has steps: counted before the text was cut, or T and N stand the other way round.",
        "Cut the lengths to the number of steps, or tell batch_first as the data is.",
        _lengths(call, f"torch.as_tensor({{0}}).clamp(max={x}.size({axis}))"),
        _proof(facts, (8, 5), (7, 5), 2),
    )


@rule(
    "lengths",
    r"Expected total_length to be at least the length of the longest sequence in input, but got "
    rf"total_length=(-?\d{{1,18}}) and max sequence length being {NUMBER}",
    meaning="total_length is smaller than the longest sequence",
    example="ValueError: Expected total_length to be at least the length of the longest sequence "
    "in input, but got total_length=5 and max sequence length being 7",
)
def total_length(facts: Facts) -> Finding | None:
    """pad_packed_sequence cannot cut."""
    given, longest = facts.number(1), facts.number(2)
    call = facts.call(_PAD, lambda call: call.callee.endswith("pad_packed_sequence"))
    return Finding(
        0.97,
        f"The longest sequence has {longest} steps and total_length={given} leaves no room for it.",
        f"total_length={longest} or more, or leave it out.",
        _with(call, "total_length", str(longest)),
        fitting({"total_length": given, "longest": longest},
                {"total_length": longest, "longest": longest}),
    )  # fmt: skip


@rule(
    "lengths",
    r"Cannot pack empty tensors",
    meaning="there is nothing to pack: a batch or a sequence of size 0",
    example="RuntimeError: Cannot pack empty tensors.",
)
def nothing_to_pack(facts: Facts) -> Finding | None:
    """An empty batch."""
    call = _packing(facts)
    text = call.statement.text.replace("\n", "\n    ")
    return Finding(
        0.9,
        "The tensor to be packed has no elements: no sequences, or no steps.",
        "Pass over such a batch before packing.",
        call.instead(f"if {call.text(call.input)}.numel():\n    {text}"),
        _proof(facts, (7,), (7,), 0),
    )


@rule(
    "packed-passed-on",
    r"'(Tensor|tuple)' object has no attribute 'batch_sizes'",
    meaning="pad_packed_sequence was given something else than a PackedSequence",
    example="AttributeError: 'tuple' object has no attribute 'batch_sizes'",
)
def not_packed(facts: Facts) -> Finding | None:
    """The layer's whole result, or a tensor that is padded already."""
    call = facts.call(_PAD, lambda call: call.callee.endswith("pad_packed_sequence"))
    if facts.match.group(1) == "tuple":
        return Finding(
            0.95,
            "The layer's whole result, (output, state), was given; the packed output is its first.",
            "output, hn = rnn(packed), then pad_packed_sequence(output).",
            call.with_input("{0}[0]"),
            fitting({}, {}),
        )
    outputs = call.outputs
    target = call.statement.source(outputs[0]) if outputs else "output"
    return Finding(
        0.95,
        "A tensor is padded already; only the output of a layer that was given a PackedSequence "
        "has to be padded again.",
        "Pack the input before the layer, or leave pad_packed_sequence out.",
        call.instead(f"{target} = {call.text(call.input)}"),
        fitting({}, {}),
    )


@rule(
    "empty-sequence",
    r"Expected sequence length to be larger than 0 in RNN",
    meaning="the input has no time step",
    example="RuntimeError: Expected sequence length to be larger than 0 in RNN",
)
def empty_sequence(facts: Facts) -> Finding | None:
    """T is 0."""
    call = facts.call("output, hn = rnn(x)", lambda call: call.input is not None)
    statement = call.statement
    x = call.text(call.input)
    # with batch_first time is the last but one axis, with a batch axis or without
    axis, one_step = 0, f"1, *{x}.shape[1:]"
    if facts.known.get("batch_first"):
        axis, one_step = -2, f"*{x}.shape[:-2], 1, {x}.size(-1)"
    mend = call.with_input(f"{{0}} if {{0}}.size({axis}) else {{0}}.new_zeros({one_step})")
    if call.own and facts.program.in_loop(statement.file, statement.line):
        passed = f"if {x}.size({axis}) == 0:\n    continue  # nothing to read\n"
        mend = call.instead(passed + statement.text)

    def build() -> Proof:
        spec = facts.network()
        first = spec.batch_first
        x = [(N, t, spec.input_size) if first else (t, N, spec.input_size) for t in (0, T)]
        return prove((spec, Given(x[0])), (spec, Given(x[1])))

    return Finding(
        0.97,
        "The time axis of the input has size 0: an empty text, a slice beyond the end, or a window "
        "longer than the series.",
        "Pass over empty sequences before the layer, or read one step of zeros in their place.",
        mend,
        attempt(build),
    )
