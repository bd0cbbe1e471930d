"""What stands around a recurrent layer: losses, the graph, attention, and where it runs."""

from __future__ import annotations

from .base import NUMBER, SIZES, Facts, Finding, rule, says

# ------------------------------------------------------------------------------------------ losses


@rule(
    "loss-classes",
    rf"Expected target size {SIZES}, got {SIZES}",
    example="RuntimeError: Expected target size [5, 20], got [5, 3]",
)
def classes_last(facts: Facts) -> Finding | None:
    """(N, T, C) against (N, T)."""
    expected = facts.sizes(1)
    why = f"The output's axis of {expected[-1]} was taken for one of positions." if expected else ""
    return Finding(0.93, why)


@rule(
    "all-steps-for-one-target",
    rf"Expected input batch_size \({NUMBER}\) to match target batch_size \({NUMBER}\)",
    example="ValueError: Expected input batch_size (35) to match target batch_size (7).",
)
def one_target(facts: Facts) -> Finding | None:
    """T·N against N."""
    have, want = facts.number(1), facts.number(2)
    if not want or have % want or have == want:
        return None
    return Finding(
        0.8,
        f"{have} = {have // want} × {want}: the outputs of {have // want} steps were flattened, but "
        f"there is one target for each of the {want} sequences.",
    )


@rule(
    "padded-shorter",
    rf"Expected input batch_size \({NUMBER}\) to match target batch_size \({NUMBER}\)",
    example="ValueError: Expected input batch_size (36) to match target batch_size (48).",
)
def other_steps(facts: Facts) -> Finding | None:
    """N·T and N·T' of two numbers of steps."""
    have, want = facts.number(1), facts.number(2)
    if not want or have % want == 0 or facts.stated.get("packs") is False:
        return None
    return Finding(0.5, f"{have} rows of scores meet {want} targets.")


broadcast = says(
    "loss-broadcast",
    r"Using a target size \(torch\.Size\(.{1,80}\)\) that is different to the input size",
    r"Target size \(torch\.Size\(.{1,80}\)\) must be the same as input size",
    example="ValueError: Target size (torch.Size([4])) must be the same as input size (torch.Size([4, 1]))",
)
probabilities = says(
    "scores-for-probabilities",
    r"all elements of (?:input|target) should be between 0 and 1",
    r"Assertion `input_val >= zero && input_val <= one` failed",
    example="RuntimeError: all elements of input should be between 0 and 1",
)
targets = says(
    "loss-classes",
    r"multi-target not supported",
    r"0D or 1D target tensor expected",
    r"only batches of spatial targets supported",
    r"Target \d{1,100} is out of bounds",
    r"t >= 0 && t < n_classes",
    r"Expected input batch_size \(1\) to match target batch_size \(0\)",
    example="RuntimeError: 0D or 1D target tensor expected, multi-target not supported",
    confidence=0.8,
)
one_row = says(
    "loss-classes",
    r"size mismatch \(got input: \[(\d{1,9})\], target: \[1\]\)",
    example="RuntimeError: size mismatch (got input: [4], target: [1])",
    confidence=0.8,
    why="The scores are {1} classes without an axis of samples: a squeeze took that of a batch of one.",
    fix="squeeze the one axis that is meant, squeeze(1), or none.",
)
called_dtype = says(
    "dtype",
    r"'torch\.dtype' object is not callable",
    example="TypeError: 'torch.dtype' object is not callable",
    confidence=0.9,
    why="torch.long and its like name a dtype; they make no tensor.",
    fix="torch.tensor(values, dtype=torch.long); of a tensor: x.long().",
)
without_classes = says(
    "loss-classes",
    r"Expected floating point type for target with class probabilities",
    example="RuntimeError: Expected floating point type for target with class probabilities, got Long",
    confidence=0.8,
    why="Scores and target have one shape: the axis of the classes is missing in the scores, or "
    "the target is one-hot.",
)
ctc_lengths = says(
    "lengths",
    r"Expected input_lengths to have value at most (\d{1,9}), but got value (\d{1,9})",
    example="RuntimeError: Expected input_lengths to have value at most 25, but got value 50 (while "
    "checking arguments for ctc_loss_allocate_outputs)",
    why="The scores have {1} steps, a length says {2}: pooling and strides shorten the lengths too.",
    fix="Divide input_lengths as the layers before divide the steps.",
)
ctc_targets = says(
    "lengths",
    r"size at least (\d{1,9}) at dimension \d, but got size (\d{1,9}) for argument #\d 'targets'",
    example="RuntimeError: Expected tensor to have size at least 6 at dimension 1, but got size 4 for "
    "argument #2 'targets' (while checking arguments for ctc_loss_allocate_outputs)",
    why="The targets hold {2} labels, target_lengths says {1}.",
    fix="Give in target_lengths how many labels each target has.",
)
ctc = says(
    "loss-classes",
    r"(?:input|target)_lengths must be of size batch_size",
    r"while checking arguments for ctc_loss",
    example="RuntimeError: input_lengths must be of size batch_size",
    confidence=0.7,
)

# --------------------------------------------------------------------------------------- the graph

kept_graph = says(
    "state-keeps-graph",
    r"Trying to backward through the graph a second time",
    example="RuntimeError: Trying to backward through the graph a second time (or directly access saved tensors after they "
    "have already been freed).",
    confidence=0.8,
)
no_gradient = says(
    "no-gradient",
    r"element 0 of tensors does not require grad and does not have a grad_fn",
    example="RuntimeError: element 0 of tensors does not require grad and does not have a grad_fn",
    confidence=0.9,
)
in_place = says(
    "changed-in-place",
    r"has been modified by an inplace operation",
    r"leaf Variable that requires grad .{0,40}in-place",
    example="RuntimeError: one of the variables needed for gradient computation has been modified by an inplace operation: "
    "[torch.FloatTensor [3, 8]], which is output 0 of TanhBackward0, is at version 1; expected version 0 instead.",
)
graph_copied = says(
    "graph-copied",
    r"Only Tensors created explicitly by the user \(graph leaves\) support the deepcopy",
    example="RuntimeError: Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment",
)
not_scalar = says(
    "loss-not-scalar",
    r"grad can be implicitly created only for scalar outputs",
    example="RuntimeError: grad can be implicitly created only for scalar outputs",
)
no_leaf = says(
    "not-a-leaf",
    r"can't optimize a non-leaf Tensor",
    example="ValueError: can't optimize a non-leaf Tensor",
)
no_parameters = says(
    "parameters-hidden",
    r"optimizer got an empty parameter list",
    example="ValueError: optimizer got an empty parameter list",
    confidence=0.6,
)
assigned = says(
    "parameter-assigned",
    r"cannot assign '[\w.]{1,60}' as parameter '\w{1,60}'",
    example="TypeError: cannot assign 'torch.FloatTensor' as parameter 'weight_hh_l0' (torch.nn.Parameter or None expected)",
)

# ------------------------------------------------------------------------------- joins and attention

none_to_join = says(
    "missing-direction",
    r"Sizes of tensors must match except in dimension \d.{1,20}Expected size [1-9]\d{0,9} but got size 0 ",
    example="RuntimeError: Sizes of tensors must match except in dimension 2. Expected size 1 but got size 0 for tensor number "
    "1 in the list.",
)
joined = says(
    "attention-axes",
    r"Sizes of tensors must match except in dimension \d",
    r"Tensors must have same number of dimensions",
    r"Expected size for first two dimensions of batch2 tensor to be",
    r"batch[12] must be a 3D tensor",
    r"Expected 3-dimensional tensor, but got \d-dimensional tensor for argument #\d 'batch[12]'",
    r"The expanded size of the tensor \(-?\d{1,100}\) must match the existing size",
    example="RuntimeError: Sizes of tensors must match except in dimension 2. Expected size 1 but got size 4 for tensor number "
    "1 in the list.",
    confidence=0.6,
)


met = says(
    "attention-axes",
    rf"The size of tensor a \({NUMBER}\) must match the size of tensor b \({NUMBER}\)",
    example="RuntimeError: The size of tensor a (9) must match the size of tensor b (4) at non-singleton dimension 1",
    confidence=0.35,
    why="An axis of {1} meets one of {2}.",
)


unlike_ranks = says(
    "cat-axis",
    r"Tensors must have same number of dimensions: got (\d{1,3}) and (\d{1,3})",
    r"(Dimension) \d (in both shapes) must be equal",
    example="RuntimeError: Tensors must have same number of dimensions: got 2 and 3",
    confidence=0.65,
    why="",
    fix="Bring both to one number of axes (unsqueeze), then join along the axis that differs.",
)
axes_counted = says(
    "wrong-rank",
    r"prob_dist must be 1 or 2 dim",
    r"1D tensors expected, but got \dD and \dD tensors",
    r"Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor",
    r"number of dimensions in the tensor input does not match the length of the desired ordering",
    r"Index tensor must have the same number of dimensions as (?:input|self) tensor",
    r"Expected [34]D \(unbatched\) or [45]D \(batched\) input to conv",
    example="RuntimeError: prob_dist must be 1 or 2 dim",
    confidence=0.8,
)
kernel = says(
    "constructor",
    r"expected stride to be a single integer value or a list of (\d) values",
    example="RuntimeError: expected stride to be a single integer value or a list of 3 values to match "
    "the convolution dimensions, but got stride=[1, 1]",
    why="The kernel_size has {1} sizes, the convolution another number of axes.",
)
told = says(
    "attention-axes",
    r"Value is not broadcastable with batch_shape\+event_shape: (.{1,60}) vs (.{1,60})\.",
    example="ValueError: Value is not broadcastable with batch_shape+event_shape: torch.Size([30]) "
    "vs torch.Size([10, 3]).",
    why="Values of {1} meet a distribution of {2}.",
    fix="Give both one shape: flatten steps and batch of both, or of neither.",
)


viewed = says(
    "view-size",
    r"shape '\[[-\d, ]{0,80}\]' is invalid for input of size \d{1,100}",
    r"cannot reshape tensor of 0 elements",
    example="RuntimeError: shape '[4, 63]' is invalid for input of size 315",
    confidence=0.7,
)

# ------------------------------------------------------------------------------------ where it runs

eval_backward = says(
    "cudnn-eval",
    r"cudnn RNN backward can only be called in training mode",
    example="RuntimeError: cudnn RNN backward can only be called in training mode",
    confidence=0.97,
)
second_derivative = says(
    "cudnn-second-derivative",
    r"Double backwards is not supported for CuDNN RNNs",
    r"derivative for '_cudnn_rnn_backward' is not implemented",
    example="NotImplementedError: the derivative for '_cudnn_rnn_backward' is not implemented.",
)
cudnn = says(
    "cudnn",
    r"Failed to call ThenRnn(?:For|Back)ward",
    r"Fail to find the dnn implementation",
    r"CUDNN_STATUS_\w{1,40}",
    r"CUBLAS_STATUS_\w{1,40}",
    example="RuntimeError: cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
    confidence=0.5,
)
device_assert = says(
    "device-assert",
    r"device-side assert triggered",
    example="RuntimeError: CUDA error: device-side assert triggered",
    confidence=0.6,
)
weights_apart = says(
    "weights-apart",
    r"RNN module weights are not part of single contiguous chunk of memory",
    example="UserWarning: RNN module weights are not part of single contiguous chunk of memory. This means they need to be "
    "compacted at every call, possibly greatly increasing memory usage. To compact weights again call flatten_parameters().",
)
replica = says(
    "data-parallel",
    r"Caught \w{1,60} in replica \d{1,5} on device \d{1,5}",
    example="RuntimeError: Caught RuntimeError in replica 0 on device 0.",
    confidence=0.5,
)
wrapped = says(
    "module-wrapped",
    r"'(?:Distributed)?DataParallel' object has no attribute '(\w{1,60})'",
    example="AttributeError: 'DataParallel' object has no attribute 'init_hidden'",
    fix="model.module.{1}",
)
no_operator = says(
    "onnx-operator",
    r"Exporting the operator '?(\S{1,80}?)'? to ONNX opset version \d{1,3} is not supported",
    r"[Cc]ouldn't export operator (\S{1,80})",
    r"ONNX export failed on an operator with unrecognized namespace (\S{1,80}?)\.",
    r"Unsupported: ONNX export of (\S{1,80}) with projections",
    example="RuntimeError: Exporting the operator _thnn_fused_lstm_cell to ONNX opset version 12 is "
    "not supported. Please open a bug to request ONNX export support for the missing operator.",
    confidence=0.95,
    why="It has none for {1}.",
)
exported = says(
    "onnx-fixed-batch",
    r"TracerWarning: Converting a tensor to a Python \w{1,20} might cause the trace to be incorrect",
    r"Exporting a model to ONNX with a batch_size other than 1",
    example="UserWarning: Exporting a model to ONNX with a batch_size other than 1, with a variable length with LSTM can cause "
    "an error when running the ONNX model with a different batch size.",
)
old_pickle = says(
    "old-pickle",
    r"'(?:RNN|LSTM|GRU)' object has no attribute '(?:_flat_weights(?:_names)?|proj_size|_flat_weight_refs)'",
    example="AttributeError: 'LSTM' object has no attribute '_flat_weights'",
    confidence=0.95,
)
