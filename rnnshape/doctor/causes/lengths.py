"""Sequences of several lengths: packing them, padding them, making one batch of them."""

from __future__ import annotations

from .base import NUMBER, Facts, Finding, N, T, rule, says

zero_length = says(
    "lengths",
    r"Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= ?0",
    example="RuntimeError: Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0",
    confidence=0.97,
)


number_of_lengths = says(
    "lengths",
    rf"Expected `len\(lengths\)` to be equal to batch_size, but got {NUMBER} \(batch_size={NUMBER}\)",
    example="RuntimeError: Expected `len(lengths)` to be equal to batch_size, but got 3 (batch_size=7)",
    confidence=0.93,
    why="There are {1} lengths and, by the axis that batch_first names, {2} sequences.",
)


unsorted_lengths = says(
    "lengths",
    r"`lengths` array must be sorted in decreasing order",
    r"'?lengths'? array has to be sorted in decreasing order",
    example="RuntimeError: `lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
    "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you do not need "
    "ONNX exportability.",
    confidence=0.97,
)
lengths_tensor = says(
    "lengths",
    r"'lengths' argument should be a 1D CPU int64 tensor, but got (\d)D (\S{1,20}) (\w{1,20}) tensor",
    r"lengths? (?:tensor )?(?:should|must|needs to) be on (?:the )?cpu",
    r"'Tensor' for argument 'lengths' but instead found type",
    example="RuntimeError: 'lengths' argument should be a 1D CPU int64 tensor, but got 1D cuda:0 Long tensor",
    confidence=0.95,
)
beyond_steps = says(
    "lengths",
    r"start \(\d{1,100}\) \+ length \(1\) exceeds dimension size \((\d{1,100})\)",
    example="RuntimeError: start (14) + length (1) exceeds dimension size (14).",
    confidence=0.8,
)
total_length = says(
    "lengths",
    r"Expected total_length to be at least the length of the longest sequence in input",
    example="ValueError: Expected total_length to be at least the length of the longest sequence in input, but got "
    "total_length=5 and max sequence length being 7",
    confidence=0.97,
)
nothing_to_pack = says(
    "lengths", r"Cannot pack empty tensors", example="RuntimeError: Cannot pack empty tensors."
)
ragged = says(
    "ragged-batch",
    r"stack expects each tensor to be equal size",
    r"expected sequence of length \d{1,100} at dim \d",
    r"setting an array element with a sequence",
    r"can't convert np\.ndarray of type numpy\.object_",
    r"inhomogeneous shape after \d{1,3} dimensions",
    r"each element in list of batch should be of equal size",
    example="RuntimeError: stack expects each tensor to be equal size, but got [9, 6] at entry 0 and [7, 6] at entry 1",
)

uncollated = says(
    "collate",
    r"batch must contain tensors, .{1,60}; found <class '([\w.]{1,80})'>",
    example="TypeError: default_collate: batch must contain tensors, numpy arrays, numbers, dicts or "
    "lists; found <class 'NoneType'>",
    why="An item of the data set holds a {1}.",
)


@rule(
    "empty-sequence",
    r"Expected sequence length to be larger than 0 in RNN",
    example="RuntimeError: Expected sequence length to be larger than 0 in RNN",
)
def empty_sequence(facts: Facts) -> Finding | None:
    """T is 0."""
    spec = facts.network()
    shapes = [
        (N, t, spec.input_size) if spec.batch_first else (t, N, spec.input_size) for t in (0, T)
    ]
    why = "The time axis of the input has size 0: an empty text, a slice beyond the end, or a window longer than the series."
    return Finding(0.97, why, facts.checked(({}, shapes[:1]), ({}, shapes[1:])))
