"""What Keras, Flax, JAX, Equinox and onnxruntime say of a recurrent layer that does not fit.

Recorded from them by fixtures/record_messages.py. A rule says what the message proves, and has no
code: their programs are not followed.
"""

from __future__ import annotations

import re

from .base import Facts, Finding, rule, says


@rule(
    "keras-rank",
    r"(?:layer '?\"?([\w./-]{1,80})'?\"? is incompatible with the layer|is incompatible with layer "
    r"\w{1,80}): expected ndim=(\d+), "
    r"found ndim=(\d+)(?:\. Full shape received: [\[(]([^)\]]{0,80})[)\]])?",
    example="ValueError: Input 0 with name 'None' of layer 'lstm' is incompatible with the layer: "
    "expected ndim=3, found ndim=2. Full shape received: (2, 3)",
)
def keras_rank(facts: Facts) -> Finding | None:
    """(N, H) of a layer that gives its last step alone, into a layer that reads a sequence."""
    want, have = facts.number(2), facts.number(3)
    got = f"({facts.match[4]}), which has {have}" if facts.match[4] else str(have)
    why = f"The layer reads {want} axes and got {got}."
    if (want, have) == (3, 2):
        return Finding(0.9, why)
    return Finding(0.7, why, None, "Bring the input to (batch, steps, features).")


@rule(
    "keras-rank",
    r"expected \w{1,80} to have (\d) dimensions, but got array with shape \(([\d, ]{1,80})\)",
    example="ValueError: Error when checking input: expected lstm_1_input to have 3 dimensions, but got array with shape (372, 28)",
)
def keras_array(facts: Facts) -> Finding | None:
    """The same in Keras' older words."""
    why = f"The layer reads {facts.number(1)} axes and got {len(facts.sizes(2))}."
    return Finding(0.85, why, None, "Bring the input to (batch, steps, features).")


@rule(
    "keras-shape",
    r"is incompatible with the layer: expected shape=\(([^)]{1,80})\), "
    r"found shape=\(([^)]{1,80})\)",
    r"expected \w{0,80}input\w{0,80} to have shape \(([^)]{1,80})\) but got array with shape "
    r"\(([^)]{1,80})\)",
    example="ValueError: Input 0 with name 'input_layer_1' of layer 'functional' is incompatible "
    "with the layer: expected shape=(None, 5, 10), found shape=(2, 5, 9)",
)
def keras_shape(facts: Facts) -> Finding | None:
    """(N, T, I) against the shape that Input was given."""
    want, have = (
        [part.strip() for part in facts.match[group].split(",") if part.strip()] for group in (1, 2)
    )
    if len(want) != len(have):
        where = f"{len(have)} axes where it was built for {len(want)}"
    else:
        differ = [i for i, (a, b) in enumerate(zip(want, have)) if a not in ("None", b)]
        names = {0: ", the batch,", 1: ", the steps,", len(want) - 1: ", the features,"}
        where = ", ".join(
            f"axis {i}{names.get(i, '')} is {have[i]} where it was built for {want[i]}"
            for i in differ
        )
    return Finding(0.9, f"The model was built for inputs of ({facts.match[1]}): {where}.")


keras_state_batch = says(
    "state-batch",
    r"If an RNN is stateful, the batch size of the input sequences must be the same as the batch "
    r"size of the initial state\.\s+- Expected batch size: (\d+)\s+- Received batch size: (\d+)",
    example="ValueError: If an RNN is stateful, the batch size of the input sequences must be the "
    "same as the batch size of the initial state. \n- Expected batch size: 2\n- Received batch "
    "size: 3",
    confidence=0.95,
    why="stateful=True keeps the state of {1} samples from batch to batch; this batch has {2}.",
    fix="Keep every batch of one size (drop the last, smaller one), or leave out stateful=True. "
    "reset_states() empties the state and does not change its size.",
)
keras_state_open = says(
    "state-batch-open",
    r"When using `stateful=True` in a RNN, the batch size must be static\. Found dynamic batch "
    r"size: sequence\.shape=\(\w{1,20}, ([^)]{1,80})\)",
    example="ValueError: When using `stateful=True` in a RNN, the batch size must be static. Found "
    "dynamic batch size: sequence.shape=(None, 5, 10)",
    confidence=0.95,
    fix="Say it in the input: layers.Input(batch_shape=(32, {1})), with your batch size in the "
    "place of 32.",
)
keras_state_size = says(
    "state-batch-open",
    r"If an? RNN is stateful, (?:a complete input_shape must be provided|it needs to know its batch "
    r"size)",
    example="ValueError: If a RNN is stateful, it needs to know its batch size.",
    fix="Say it in the first layer: batch_input_shape=(batch, steps, features).",
)
keras_last_batch = says(
    "state-batch",
    r"Specified a list with shape \[(\d+),\d+\] from a tensor with shape \[(\d+),\d+\]",
    example="InvalidArgumentError:  Specified a list with shape [32,10] from a tensor with shape [20,10]",
    why="stateful=True keeps the state of {1} samples from batch to batch; this batch has {2}.",
    fix="Keep every batch of one size (drop the last, smaller one), or leave out stateful=True.",
)
keras_state = says(
    "state-shape",
    r"An `initial_state` was passed that is not compatible with `cell\.state_size`.{1,400}"
    r"`cell\.state_size` is (\[[\d, ]{1,40}\]|\d{1,9})",
    example="ValueError: An `initial_state` was passed that is not compatible with `cell.state_size`. "
    "Received `state_spec`=ListWrapper([InputSpec(shape=(None, 512), ndim=2)]); however "
    "`cell.state_size` is [256, 256]",
    why="The layer keeps states of the widths {1}: one of a GRU, two, h and c, of an LSTM.",
    fix="initial_state=[h, c], each (batch, units); behind a Bidirectional encoder join its h, and "
    "its c, and build the decoder twice as wide.",
)
keras_steps = says(
    "all-steps-for-one-target",
    r"logits and labels must have the same shape,? \(?\(\w+, \w+, \w+\) vs \(\w+, \w+\)",
    r"Shapes \(\w+, \w+\) and \(\w+, \w+, \w+\) are incompatible",
    r"target\.shape=\(\w+, \w+\), output\.shape=\(\w+, \w+, \w+\)",
    example="ValueError: logits and labels must have the same shape ((None, 10, 1) vs (None, 1))",
    fix="The last recurrent layer without return_sequences=True; or a target for every step.",
)
keras_weights = says(
    "checkpoint-mismatch",
    r"load a weight file containing (\d+) layers into a model with (\d+) layers",
    r"Layer count mismatch when loading weights from file",
    r"in both shapes must be equal, but are .{1,200} for '\S{0,200}Assign",
    example="ValueError: You are trying to load a weight file containing 3 layers into a model with "
    "2 layers.",
    fix="Build the model with the sizes and layers that it was saved with.",
)
symbolic_array = says(
    "tensorflow-numpy",
    r"Cannot convert a symbolic Tensor \((?:\w{1,80}/)?(?:lstm|gru|simple_rnn|bidirectional|rnn)"
    r"\S{0,200}\) to a numpy array",
    example="NotImplementedError: Cannot convert a symbolic Tensor (lstm/strided_slice:0) to a numpy "
    "array.",
)
jax_product = says(
    "feature-size",
    r"dot_general requires contracting dimensions to have the same shape, got \((\d+),\) and "
    r"\((\d+),\)",
    example="TypeError: dot_general requires contracting dimensions to have the same shape, got "
    "(9,) and (10,).",
    confidence=0.7,
    why="A matrix product met the widths {1} and {2}: of a cell these are the features of x "
    "against its input size, or the width of the carry against its hidden size. Cells of Equinox "
    "read one sample, without a batch axis (jax.vmap adds one).",
    fix="Build the cell with the sizes that the data have, and make its first carry from the cell "
    "itself (initialize_carry, or zeros of hidden_size).",
)


@rule(
    "flax-parameter-shape",
    r'For parameter "(\w{1,60})" in "([^"]{1,200})", the given initializer is expected to generate '
    r"shape \((\d+), (\d+)\), but the existing parameter it received has shape \((\d+), (\d+)\)",
    example='ScopeParamShapeError: For parameter "kernel" in "/ii", the given initializer is '
    "expected to generate shape (9, 4), but the existing parameter it received has shape (10, 4).",
)
def flax_parameter(facts: Facts) -> Finding | None:
    """A kernel (in, out): its rows are what it reads, its columns the cell's features."""
    rows, columns, old_rows, old_columns = map(facts.number, (3, 4, 5, 6))
    parts = []
    if rows != old_rows:
        parts.append(f"it reads {rows} values now and was initialised for {old_rows}")
    if columns != old_columns:
        parts.append(
            f"it gives {columns} now and was initialised for {old_columns}, as a carry of another "
            "width makes it"
        )
    return Finding(
        0.9, f"The {facts.match[1]} of {facts.match[2]} is (in, out): {'; '.join(parts)}"
    )


@rule(
    "state-batch",
    r"(?:add|mul|sub) got incompatible shapes for broadcasting: \((\d+), (\d+)\), \((\d+), (\d+)\)",
    example="TypeError: add got incompatible shapes for broadcasting: (2, 4), (3, 4).",
)
def jax_batch(facts: Facts) -> Finding | None:
    """x of N rows, a carry of M."""
    a, width, b, other = map(facts.number, (1, 2, 3, 4))
    if width != other or a == b:
        return None
    why = (
        f"Two parts of one width, {width}, have {a} and {b} rows: in a cell, what comes of x and "
        "what comes of the carry."
    )
    fix = "Make the carry for the batch at hand: cell.initialize_carry(key, x.shape)."
    return Finding(0.75, why, None, fix)


scan_carry = says(
    "scan-carry",
    r"scan body function carry input and carry output must have "
    r"(?:equal types|the same pytree structure), but they differ:\s+(The input carry [^\n]{1,300})",
    example="TypeError: scan body function carry input and carry output must have equal types, but "
    "they differ:\n\nThe input carry h has type float32[4] but the corresponding output carry "
    "component has type float32[8], so the shapes do not match.",
    confidence=0.95,
    why="{1}",
)


@rule(
    "onnx-shape",
    r"Input (W|R|B|initial_h|initial_c|X) must have shape \{([\d,]{1,80})\}\. "
    r"Actual:\{([\d,]{1,80})\}",
    example="[ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while running GRU node. "
    "Name:'' Status Message: Input initial_h must have shape {1,2,4}. Actual:{1,3,4}",
)
def onnx_shape(facts: Facts) -> Finding | None:
    """initial_h (D, N, H), W (D, G·H, I)."""
    name, want, have = facts.match[1], *(facts.match[g].split(",") for g in (2, 3))
    sizes = "×".join(want)
    if name.startswith("initial") and len(want) == len(have) == 3:
        axes = ("directions", "samples", "hidden size")
        sizes_told = ", ".join(
            f"{a} {y}, expected {x}" for a, x, y in zip(axes, want, have) if x != y
        )
        return Finding(0.9, f"{name}: {sizes_told}.", None, f"Feed {name} as {sizes}.")
    if name == "W" and len(want) == len(have) == 3 and want[:2] == have[:2]:
        why = f"W was exported for {have[2]} features, and the input has {want[2]}."
        return Finding(0.9, why, None, f"Feed an input whose last axis is {have[2]}.")
    why = f"{name} is {'×'.join(have)} where the operator reads {sizes}."
    return Finding(0.8, why, None, f"Feed {name} as {sizes}.")


@rule(
    "onnx-fixed-size",
    r"Got invalid dimensions for input: (\S{1,80}) for the following indices"
    r"((?:\s+index: \d+ Got: \d+ Expected: \d+)+)",
    example="[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Got invalid dimensions for input: input "
    "for the following indices\n index: 1 Got: 3 Expected: 2\n Please fix either the "
    "inputs/outputs or the model.",
)
def onnx_fixed(facts: Facts) -> Finding | None:
    """A batch or length other than the one that was exported."""
    found = re.findall(r"index: (\d+) Got: (\d+) Expected: (\d+)", facts.match[2])
    sizes_told = ", ".join(f"axis {axis} is {got}, fixed at {want}" for axis, got, want in found)
    axes = ", ".join(f"{axis}: 'axis{axis}'" for axis, _, _ in found)
    return Finding(
        0.9, f"{facts.match[1]}: {sizes_told}.", None, f"Feed those sizes, or export anew with open "
        f"ones: dynamic_axes={{'{facts.match[1]}': {{{axes}}}}}.",
    )  # fmt: skip


keras_classes = says(
    "loss-classes",
    r"Shapes \((\w{1,20}), 1\) and \(\w{1,20}, (\d{1,9})\) are incompatible",
    example="ValueError: Shapes (None, 1) and (None, 5) are incompatible",
    why="The targets are numbers of classes, one a sample; categorical_crossentropy wants {2} "
    "numbers a sample.",
    fix="Use sparse_categorical_crossentropy, or make the targets one-hot.",
)
