"""What a layer puts out, and what a pair, a list or a packed batch is taken for."""

from __future__ import annotations

from .base import Facts, Finding, N, T, rule, says

PAIR = "The state is a pair, (h, c), as an LSTM leaves it; an RNN or a GRU takes h alone."
_TENSOR_NOT = r"argument '\w{1,60}' \(position \d{1,3}\) must be Tensor, not "


@rule(
    "lstm-needs-pair",
    r"index ([01]) is out of bounds for dimension 0 with size \1",
    r"tuple index out of range",
    r"lstm(?:_cell)? expects two hidden states",
    r"lstm(?:_cell)?\(\): argument 'hx' (?:\(position \d\) )?must be tuple of Tensors, not Tensor",
    r"lstm(?:_cell)?\(\) received an invalid combination of arguments - got "
    r"\(Tensor, (?:Tensor, )?Tensor, (?:list|tuple)",
    r"For (?:un)?batched [23]-D input, hx and cx should also be [23]-D but got \(([0-2])-D, \1-D\) tensors",
    r"[Ee]xpected a value of type '?Optional\[Tuple\[Tensor, Tensor\]\]'? for argument 'hx'",
    r"\b(?:LSTM\.)?forward\(\) takes from 2 to 3 positional arguments but 4 were given",
    example="IndexError: index 1 is out of bounds for dimension 0 with size 1",
)
def lstm_needs_pair(facts: Facts) -> Finding | None:
    """hx is one tensor, or a tuple of another length than two."""
    message, raised = facts.error.message, facts.reading.raised_in
    sure = 0.95
    if "should also be" in message:
        sure = 0.6 if "unbatched" in message or "0-D" in message else 0.45
    elif "positional" in message:
        sure = 0.95 if "LSTM." in message else 0.5
    elif "out of" in message:
        away = raised is not None and (raised.own or "rnn" not in raised.file)
        sure = 0.3 if away else 0.92 if "hx" in facts.raised_by or facts.cell == "lstm" else 0.75
    spec = facts.network(cell="lstm")
    rows = spec.num_layers * spec.num_directions
    x, h0, c0 = (T, N, spec.input_size), (rows, N, spec.state_size), (rows, N, spec.hidden_size)
    if spec.batch_first:
        x = (N, T, spec.input_size)
    proof = facts.checked(({"cell": "lstm"}, [x, h0]), ({"cell": "lstm"}, [x, h0, c0]))
    if proof is not None:
        proof["before"]["fits"] = False
    return Finding(sure, "", proof)


@rule(
    "tuple-passed-on",
    _TENSOR_NOT + "tuple",
    r"'tuple' object has no attribute '(\w{1,60})'",
    r"tuple indices must be integers or slices, not tuple",
    r"can only concatenate tuple \(not \"Tensor\"\) to tuple",
    r"unsupported operand type\(s\) for [^:\n]{1,20}: '(?:tuple|Tensor)' and '(?:tuple|Tensor)'",
    r"expected Tensor as element \d{1,3} in argument 0, but got tuple",
    r"\(\) received an invalid combination of arguments - got \(tuple,",
    r"expected np\.ndarray \(got tuple\)",
    example="TypeError: linear(): argument 'input' (position 1) must be Tensor, not tuple",
)
def tuple_passed_on(facts: Facts) -> Finding | None:
    """The tuple is the layer's result, or an LSTM's (hn, cn)."""
    if "hx.dim" in facts.raised_by or "hx.size" in facts.raised_by:
        return Finding(0.92, PAIR)
    return Finding(0.93)


packed_passed_on = says(
    "packed-passed-on",
    _TENSOR_NOT + "PackedSequence",
    r"'PackedSequence' object has no attribute '(\w{1,60})'",
    r"'(Tensor|tuple)' object has no attribute 'batch_sizes'",
    example="TypeError: linear(): argument 'input' (position 1) must be Tensor, not PackedSequence",
)


@rule(
    "unpacking",
    r"(?:not enough|too many) values to unpack \(expected (\d{1,3})(?:, got (\d{1,3}))?\)",
    r"need more than \d{1,3} values? to unpack",
    example="ValueError: not enough values to unpack (expected 3, got 2)",
)
def unpacking(facts: Facts) -> Finding | None:
    """The left side does not have the form of the result."""
    return Finding(0.4) if facts.match.group(0).endswith("(expected 3, got 2)") else None


not_a_tensor = says(
    "not-a-tensor",
    r"'(list|ndarray|numpy\.ndarray)' object has no attribute '(?:dim|size)'",
    r"argument 'input' \(position 1\) must be Tensor, not (list|numpy\.ndarray|ndarray)",
    r"expected Tensor as element \d{1,3} in argument 0, but got (list|int|float|ndarray)",
    r"only one element tensors can be converted to Python scalars",
    example="AttributeError: 'numpy.ndarray' object has no attribute 'dim'",
)
tensor_for_list = says(
    "tensor-for-list",
    r"(?:cat|stack|vstack|hstack)\(\): argument 'tensors' \(position 1\) must be tuple of Tensors, not Tensor",
    example="TypeError: cat(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor",
)
tensor_iterated = says(
    "tensor-iterated",
    r"iteration over a 0-d tensor",
    example="TypeError: iteration over a 0-d tensor",
)
truth_of_tensor = says(
    "truth-of-tensor",
    r"(?:Boolean|bool) value of Tensor with (?:more than one|no) values? is ambiguous",
    example="RuntimeError: Boolean value of Tensor with more than one value is ambiguous",
)
