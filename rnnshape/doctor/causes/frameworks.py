"""What Keras, Flax, JAX, Equinox and onnxruntime say of a recurrent layer that does not fit.

Recorded from them by fixtures/record_messages.py. A rule says what the message proves, and has no
code: their programs are not followed.
"""

from __future__ import annotations

from .base import Facts, Finding, rule


@rule(
    "keras-rank",
    r"layer '?\"?([\w./-]{1,80})'?\"? is incompatible with the layer: expected ndim=(\d+), "
    r"found ndim=(\d+)\. Full shape received: \(([^)]{0,80})\)",
    meaning="a recurrent layer of Keras reads (batch, steps, features)",
    example="ValueError: Input 0 with name 'None' of layer 'lstm' is incompatible with the layer: "
    "expected ndim=3, found ndim=2. Full shape received: (2, 3)",
)
def keras_rank(facts: Facts) -> Finding | None:
    """(N, H) of a layer that gives its last step alone, into a layer that reads a sequence."""
    want, have = facts.number(2), facts.number(3)
    if (want, have) != (3, 2):
        return Finding(
            0.7, f"The layer reads {want} axes and got ({facts.match[4]}), which has {have}.",
            None, "Bring the input to the axes that the layer reads: (batch, steps, features) for a "
            "recurrent one.",
        )  # fmt: skip
    return Finding(
        0.9,
        f"A recurrent layer of Keras reads (batch, steps, features), and ({facts.match[4]}) has "
        "two axes. A recurrent layer before it gives its last step alone unless it has "
        "return_sequences=True.",
        None,
        "Give the layer before it return_sequences=True, or an input with an axis of steps: "
        "x[:, None, :] for sequences of one step.",
    )


@rule(
    "keras-shape",
    r"is incompatible with the layer: expected shape=\(([^)]{1,80})\), "
    r"found shape=\(([^)]{1,80})\)",
    meaning="a model of Keras was built for other steps or features",
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
    return Finding(
        0.9,
        f"The model was built for inputs of ({facts.match[1]}): {where}.",
        None,
        "Build it with the shape that the data have, layers.Input((steps, features)), None for "
        "steps that vary, or bring the data to that shape.",
    )


@rule(
    "state-batch",
    r"If an RNN is stateful, the batch size of the input sequences must be the same as the batch "
    r"size of the initial state\.\s+- Expected batch size: (\d+)\s+- Received batch size: (\d+)",
    meaning="a stateful layer of Keras keeps the state of one batch size",
    example="ValueError: If an RNN is stateful, the batch size of the input sequences must be the "
    "same as the batch size of the initial state. \n- Expected batch size: 2\n- Received batch "
    "size: 3",
)
def keras_state_batch(facts: Facts) -> Finding | None:
    """A kept state of N rows against another batch."""
    return Finding(
        0.95,
        f"stateful=True keeps the state of {facts.number(1)} samples from batch to batch; this "
        f"batch has {facts.number(2)}.",
        None,
        "Keep every batch of one size (drop the last, smaller one), or leave out stateful=True. "
        "reset_states() empties the state and does not change its size.",
    )


@rule(
    "state-batch-open",
    r"When using `stateful=True` in a RNN, the batch size must be static\. Found dynamic batch "
    r"size: sequence\.shape=\(([^)]{1,80})\)",
    meaning="a stateful layer of Keras has to know its batch size when it is built",
    example="ValueError: When using `stateful=True` in a RNN, the batch size must be static. Found "
    "dynamic batch size: sequence.shape=(None, 5, 10)",
)
def keras_state_open(facts: Facts) -> Finding | None:
    """(None, T, I) into a layer that keeps a state a sample."""
    rest = ", ".join(part.strip() for part in facts.match[1].split(",")[1:])
    return Finding(
        0.95,
        "A stateful layer keeps one state for each sample of a batch, so it has to know how many.",
        None,
        f"Say it in the input: layers.Input(batch_shape=(32, {rest})), with your batch size in the "
        "place of 32.",
    )


@rule(
    "feature-size",
    r"dot_general requires contracting dimensions to have the same shape, got \((\d+),\) and "
    r"\((\d+),\)",
    meaning="a matrix of a cell in JAX meets a vector of another width",
    example="TypeError: dot_general requires contracting dimensions to have the same shape, got "
    "(9,) and (10,).",
)
def jax_product(facts: Facts) -> Finding | None:
    """x or h of a width that the kernel does not have."""
    return Finding(
        0.7,
        f"A matrix product met the widths {facts.number(1)} and {facts.number(2)}: of a cell these "
        "are the features of x against its input size, or the width of the carry against its "
        "hidden size. Cells of Equinox read one sample, without a batch axis (jax.vmap adds one).",
        None,
        "Build the cell with the sizes that the data have, and make its first carry from the cell "
        "itself (initialize_carry, or zeros of hidden_size).",
    )


@rule(
    "flax-parameter-shape",
    r'For parameter "(\w{1,60})" in "([^"]{1,200})", the given initializer is expected to generate '
    r"shape \((\d+), (\d+)\), but the existing parameter it received has shape \((\d+), (\d+)\)",
    meaning="a cell of Flax was initialised for other features or another carry",
    example='ScopeParamShapeError: For parameter "kernel" in "/ii", the given initializer is '
    "expected to generate shape (9, 4), but the existing parameter it received has shape (10, 4).",
)
def flax_parameter(facts: Facts) -> Finding | None:
    """A kernel (in, out): its rows are what it reads, its columns the cell's features."""
    rows, columns, old_rows, old_columns = map(facts.number, (3, 4, 5, 6))
    told = []
    if rows != old_rows:
        told.append(f"it reads {rows} values now and was initialised for {old_rows}")
    if columns != old_columns:
        told.append(
            f"it gives {columns} now and was initialised for {old_columns}, as a carry of another "
            "width makes it"
        )
    return Finding(
        0.9,
        f"The {facts.match[1]} of {facts.match[2]} is (in, out): {'; '.join(told)}.",
        None,
        "Call it with inputs and a carry of the shapes that init saw, or init it anew.",
    )


@rule(
    "state-batch",
    r"(?:add|mul|sub) got incompatible shapes for broadcasting: \((\d+), (\d+)\), \((\d+), (\d+)\)",
    meaning="a carry in JAX has another batch than the input",
    example="TypeError: add got incompatible shapes for broadcasting: (2, 4), (3, 4).",
)
def jax_batch(facts: Facts) -> Finding | None:
    """x of N rows, a carry of M."""
    a, width, b, other = map(facts.number, (1, 2, 3, 4))
    if width != other or a == b:
        return None
    return Finding(
        0.75,
        f"Two parts of one width, {width}, have {a} and {b} rows: in a cell, what comes of x and "
        "what comes of the carry, for batches of different size.",
        None,
        "Make the carry for the batch at hand: cell.initialize_carry(key, x.shape).",
    )


@rule(
    "scan-carry",
    r"scan body function carry input and carry output must have "
    r"(equal types|the same pytree structure), but they differ:\s+(The input carry [^\n]{1,300})",
    meaning="the carry that a step gives is not what the step took",
    example="TypeError: scan body function carry input and carry output must have equal types, but "
    "they differ:\n\nThe input carry h has type float32[4] but the corresponding output carry "
    "component has type float32[8], so the shapes do not match.",
)
def scan_carry(facts: Facts) -> Finding | None:
    """lax.scan wants a carry of one type."""
    structure = facts.match[1] != "equal types"
    return Finding(
        0.95,
        f"lax.scan passes what one step returns to the next, so it must be of one kind. "
        f"{facts.match[2]}",
        None,
        "Return (carry, output) with a carry built as the one that came in"
        + (", an LSTM's as a pair." if structure else ": same shape, same dtype."),
    )


@rule(
    "onnx-shape",
    r"Input (W|R|B|initial_h|initial_c|X) must have shape \{([\d,]{1,80})\}\. "
    r"Actual:\{([\d,]{1,80})\}",
    meaning="a recurrent operator of ONNX got a tensor of another shape",
    example="[ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while running GRU node. "
    "Name:'' Status Message: Input initial_h must have shape {1,2,4}. Actual:{1,3,4}",
)
def onnx_shape(facts: Facts) -> Finding | None:
    """initial_h (D, N, H), W (D, G·H, I)."""
    name, want, have = facts.match[1], *(facts.match[g].split(",") for g in (2, 3))
    if name.startswith("initial") and len(want) == len(have) == 3:
        axes = ("directions", "samples", "hidden size")
        told = ", ".join(f"{a} {y}, expected {x}" for a, x, y in zip(axes, want, have) if x != y)
        return Finding(
            0.9, f"{name} is (directions, batch, hidden_size), also with batch_first: {told}.",
            None, f"Feed {name} as {'×'.join(want)}.",
        )  # fmt: skip
    if name == "W" and len(want) == len(have) == 3 and want[:2] == have[:2]:
        return Finding(
            0.9,
            f"W is (directions, gates·hidden_size, features): it was exported for {have[2]} "
            f"features, and the input has {want[2]}.",
            None,
            f"Feed an input whose last axis is {have[2]}.",
        )
    return Finding(
        0.8, f"{name} is {'×'.join(have)} where the operator reads {'×'.join(want)}.",
        None, f"Feed {name} as {'×'.join(want)}.",
    )  # fmt: skip


@rule(
    "onnx-fixed-size",
    r"Got invalid dimensions for input: (\S{1,80}) for the following indices"
    r"((?:\s+index: \d+ Got: \d+ Expected: \d+)+)",
    meaning="an ONNX file was exported with a fixed size",
    example="[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Got invalid dimensions for input: input "
    "for the following indices\n index: 1 Got: 3 Expected: 2\n Please fix either the "
    "inputs/outputs or the model.",
)
def onnx_fixed(facts: Facts) -> Finding | None:
    """A batch or length other than the one that was exported."""
    import re

    found = re.findall(r"index: (\d+) Got: (\d+) Expected: (\d+)", facts.match[2])
    told = ", ".join(f"axis {axis} is {got}, fixed at {want}" for axis, got, want in found)
    axes = ", ".join(f"{axis}: 'axis{axis}'" for axis, _, _ in found)
    return Finding(
        0.9,
        f"The file was exported with fixed sizes of {facts.match[1]}: {told}.",
        None,
        f"Feed those sizes, or export anew with open ones: "
        f"dynamic_axes={{'{facts.match[1]}': {{{axes}}}}}.",
    )
