"""What torch raises first for a packed batch: in packing, then in the layer.

Source: torch/nn/utils/rnn.py, aten/src/ATen/native/PackedSequence.cpp and RNN.cpp. nn.RNN and
nn.GRU check their sizes before they begin. nn.LSTM does not: what it says is what its first product
or sum says, and where all lengths are equal oneDNN takes over and says nothing at all, whatever it
reads. On a GPU another library answers.
"""

from __future__ import annotations

from itertools import pairwise

from ..errors import Fault, TorchError
from ..network.dims import Dim, Shape, product
from .call import (
    CRASH,
    ONEDNN_READS,
    ONEDNN_TYPES,
    Call,
    Check,
    argument_types,
    blamed,
    broadcast_differs,
    differ,
    dtype,
    fault,
    features,
    listed,
    lstm_states,
    no_axis,
    onednn_refuses,
    parameters_each,
    product_differs,
    product_fault,
    state_sizes,
    state_types,
)


def packed_fault(call: Call) -> Fault | None:
    """What packing and then the layer raise first, and the tensor at fault."""
    checks = PACKING + (_lstm_checks(call) if call.spec.has_cell_state else RNN_AND_GRU)
    return next(filter(None, (check(call) for check in checks)), None)


def _lengths(call: Call) -> tuple[int, ...]:
    """The lengths as they are packed: longest first unless torch was told that they are."""
    lengths = call.inputs.lengths or ()
    return lengths if call.sorted else tuple(sorted(lengths, reverse=True))


def _order(call: Call) -> list[int]:
    """sorted_indices."""
    lengths = call.inputs.lengths or ()
    return sorted(range(len(lengths)), key=lambda i: -lengths[i])


def data_shape(call: Call) -> Shape:
    """The shape of PackedSequence.data; steps beyond T are not in it."""
    lengths, length = _lengths(call), call.sizes[1]
    rows = sum(min(n, length) if isinstance(length, int) else n for n in lengths)
    return (rows, *call.inputs.input[2:])


# ----------------------------------------------------------------------------- pack_padded_sequence


def _rows_missing(call: Call) -> Fault | None:
    """index_select of the batch by sorted_indices."""
    if call.sorted:
        return None
    return _selected("lengths", call.inputs.input, 0 if call.spec.batch_first else 1, call)


def _selected(about: str, shape: Shape, axis: int, call: Call) -> Fault | None:
    """index_select of a tensor along an axis by sorted_indices."""
    rank, count = len(shape), len(call.inputs.lengths or ())
    if axis >= max(rank, 1):
        tensor = "input" if about == "lengths" else about
        return fault(tensor, "IndexError", no_axis(rank, axis))
    if not rank:
        if count == 1:
            return None
        message = f"index_select(): Index to scalar can have only 1 value, got {count} value(s)"
        return fault("input", "RuntimeError", message)
    size = shape[axis]
    beyond = [i for i in _order(call) if isinstance(size, int) and i >= size]
    if not beyond:
        return None
    if rank == 1 or (axis == 0 and 0 not in shape):
        return fault(about, "IndexError", "index out of range in self")
    message = f"INDICES element is out of DATA bounds, id={beyond[0]} axis_dim={size}"
    if size == 0:
        message = "index_select(): self indexing axis dim should be positive"
    return fault(about, "RuntimeError", message)


def _empty(call: Call) -> Fault | None:
    if 0 not in call.inputs.input and (call.sorted or call.inputs.lengths):
        return None
    return fault("input", "RuntimeError", "Cannot pack empty tensors.")


def _axis_missing(call: Call) -> Fault | None:
    if call.rank >= 2:
        return None
    size = call.rank == 0 and not call.spec.batch_first
    return fault("input", "IndexError", no_axis(call.rank, 1, size))


def _one_length_each(call: Call) -> Fault | None:
    # torch reads as many sequences as there are lengths where it sorts them itself
    count, size = len(call.inputs.lengths or ()), call.sizes[0]
    if not call.sorted or not differ(count, size):
        return None
    message = (
        f"Expected `len(lengths)` to be equal to batch_size, but got {count} (batch_size={size})"
    )
    return fault("lengths", "RuntimeError", message)


def _positive(call: Call) -> Fault | None:
    if min(_lengths(call)[-1:], default=1) > 0:
        return None
    message = (
        "Length of all samples has to be greater than 0, "
        "but found an element in 'lengths' that is <= 0"
    )
    return fault("lengths", "RuntimeError", message)


def _sorted(call: Call) -> Fault | None:
    lengths = _lengths(call)
    if all(a >= b for a, b in pairwise(lengths)):
        return None
    message = (
        "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can "
        "pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this "
        "requirement if you do not need ONNX exportability."
    )
    return fault("lengths", "RuntimeError", message)


PACKING: tuple[Check, ...] = (
    _rows_missing, _empty, _axis_missing, _one_length_each, _positive, _sorted,
)  # fmt: skip


# --------------------------------------------------------------------------------------- the state


def _states(call: Call) -> list[tuple[str, Shape]] | TorchError:
    """The tensors of hx that the layer sorts: their names and shapes."""
    if not call.has_state:
        return []
    if call.spec.has_cell_state:
        pair = lstm_states(call)
        return pair if isinstance(pair, TorchError) else list(zip("hc", pair))
    if call.tuple_length:
        attribute = "size" if call.sorted else "index_select"
        return TorchError("AttributeError", f"'tuple' object has no attribute '{attribute}'")
    return [("h", call.inputs.h0 or ())]


def _permuted(call: Call) -> Fault | None:
    """permute_hidden: index_select of each state by sorted_indices."""
    if call.sorted:
        return None
    states = _states(call)
    first = _first_alone(call) if isinstance(states, TorchError) else []
    for name, shape in first if isinstance(states, TorchError) else states:
        about = blamed(call, name)
        wrong = _selected(about, shape, 1, call)
        if wrong:
            return wrong
    return Fault("c0", states) if isinstance(states, TorchError) else None


def _first_alone(call: Call) -> list[tuple[str, Shape]]:
    """hx[0] of an lstm whose hx has no second: torch sorts it before it looks further."""
    h0 = call.inputs.h0
    if not call.spec.has_cell_state or not h0 or (call.tuple_length == 0 and h0[0] == 0):
        return []
    return [("h", h0 if call.tuple_length else h0[1:])]


def _sorted_states(call: Call) -> dict[str, Shape]:
    """The states as the layer gets them."""
    states = _states(call)
    if isinstance(states, TorchError):
        return {}
    if call.sorted:
        return dict(states)
    return {name: (*shape[:1], call.batch_size, *shape[2:]) for name, shape in states}


# --------------------------------------------------------------------------- nn.RNN and nn.GRU


def _data_rank(call: Call) -> Fault | None:
    rank = call.rank - 1
    if rank == 2:
        return None
    return fault("input", "RuntimeError", f"input must have 2 dimensions, got {rank}")


def _state_sizes(call: Call) -> Fault | None:
    states = _states(call)
    if isinstance(states, TorchError):
        return Fault("c0", states)
    return state_sizes(call, _sorted_states(call))


def _too_long(call: Call) -> Fault | None:
    """The first step that the padded batch does not have."""
    length, rows = call.sizes[1], data_shape(call)[0]
    if call.rank == 2:  # a vector, and x·W_ihᵀ is one: torch takes its numbers for rows
        rows, length = 4 * call.spec.hidden_size, 0
        lengths = _lengths(call)
        running = next((n for n in lengths if isinstance(rows, int) and n > rows), 0) and 1
        if len(lengths) > 1:
            running = sum(n > 1 for n in lengths)
    else:
        running = sum(isinstance(length, int) and n > length for n in _lengths(call))
    if not running:
        return None
    message = f"start ({rows}) + length ({running}) exceeds dimension size ({rows})."
    return fault("lengths", "RuntimeError", message)


RNN_AND_GRU: tuple[Check, ...] = (
    _permuted, dtype, _data_rank, features, _state_sizes, argument_types(packed=True),
    state_types(onednn=lambda call: False), _too_long,
)  # fmt: skip


# ----------------------------------------------------------------------------------------- nn.LSTM


def _lstm_checks(call: Call) -> tuple[Check, ...]:
    """Which of its two ways torch goes."""
    if min(map(len, _lstm_state(call))) < 3:
        return LSTM_BEGINS
    if not onednn(call):
        return LSTM_BEGINS + STACKED
    return LSTM_BEGINS + (ONEDNN if not reads_beyond(call) else ONEDNN[: ONEDNN.index(_row)])


def onednn(call: Call) -> bool:
    """Whether oneDNN takes over, for a packed lstm whose states have three axes."""
    if call.inputs.lengths is None or min(map(len, _lstm_state(call))) < 3:
        return False
    equal = len(set(_lengths(call))) == 1
    return equal and call.inputs.dtype in ONEDNN_TYPES and not _projected(call)


def reads_beyond(call: Call) -> bool:
    """Whether oneDNN goes beyond the end of a state that is too small, or of weights for one that
    is too wide.

    What comes of it depends on what lies there in memory: nothing, other numbers, or the end of the
    process.
    """
    if not call.spec.has_cell_state or not onednn(call):
        return False
    state = _lstm_state(call)
    width = state[0][2]
    needed = product((call.batch_size, width))
    small = any(shape[1] != 0 and _fewer(product(shape[1:]), needed) for shape in state)
    return small or _fewer(call.spec.hidden_size, width)


def _fewer(a: Dim, b: Dim) -> bool:
    return isinstance(a, int) and isinstance(b, int) and a < b


def _lstm_state(call: Call) -> tuple[Shape, Shape]:
    """h and c as the layer gets them; zeros of the right size where none are given."""
    states = _sorted_states(call)
    return states.get("h", call.expected("h")), states.get("c", call.expected("c"))


def _projected(call: Call) -> bool:
    """Whether torch takes the weights to have a projection: h and c differ in width."""
    h, c = _lstm_state(call)
    return h[2] != c[2]


def _pair(call: Call) -> Fault | None:
    if not call.has_state or call.tuple_length == 2 or not call.sorted:
        return None
    return fault("c0", "RuntimeError", "lstm expects two hidden states")


def _width_missing(call: Call) -> Fault | None:
    for name, shape in zip("hc", _lstm_state(call)):
        if len(shape) < 3:
            return fault(blamed(call, name), "IndexError", no_axis(len(shape), 2, size=True))
    return None


def _rows_of_cell(call: Call) -> Fault | None:
    """h and c are put together row by row, as many as h has."""
    h, c = _lstm_state(call)
    return Fault(blamed(call, "c"), CRASH) if _fewer(c[0], h[0]) else None


def _parameter_groups(call: Call) -> Fault | None:
    """gather_params: 4 tensors for each layer and direction, 2 without bias, 1 more projected."""
    if not _groups(call)[1]:
        return None
    return _wrong_width(call, "got an incorrect number of RNN parameters")


def _groups(call: Call) -> tuple[int, int]:
    spec = call.spec
    count = parameters_each(call) * spec.num_layers * spec.num_directions
    return divmod(count, (4 if spec.bias else 2) + _projected(call))


def _wrong_width(call: Call, message: str) -> Fault:
    h, _ = _lstm_state(call)
    about = blamed(call, "h") if differ(h[2], call.expected("h")[2]) else "c0"
    return fault(about, "RuntimeError", message)


def _odd_rows(call: Call) -> Fault | None:
    h, _ = _lstm_state(call)
    message = "Odd number of params or hiddens given to a bidirectional RNN"
    if not call.spec.bidirectional:
        return None
    if isinstance(h[0], int) and h[0] % 2:
        return fault(blamed(call, "h"), "RuntimeError", message)
    return _wrong_width(call, message) if _groups(call)[0] % 2 else None


def _rows(call: Call) -> Fault | None:
    h, _ = _lstm_state(call)
    if not differ(h[0], call.expected("h")[0]):
        return None
    message = "Expected more hidden states in stacked_rnn"
    return fault(blamed(call, "h"), "RuntimeError", message)


def _weights(call: Call) -> Fault | None:
    if _groups(call)[0] == call.expected("h")[0]:
        return None
    return _wrong_width(call, "Expected more weights in stacked_rnn")


def _first_product(call: Call) -> Fault | None:
    """linear_ih over the whole of the data."""
    sizes = product_differs(data_shape(call), call.spec.input_size, 4 * call.spec.hidden_size)
    return product_fault(call, call.inputs.dtype, "dtype", sizes, "input")


def _hidden_product(call: Call) -> Fault | None:
    """linear_hh over h of the first layer."""
    h, _ = _lstm_state(call)
    sizes = product_differs(h[1:], call.spec.state_size, 4 * call.spec.hidden_size)
    own = call.inputs.state_dtype if call.has_state else call.inputs.weight_dtype
    return product_fault(call, own, "state_dtype", sizes, blamed(call, "h"))


def _gates(call: Call) -> Fault | None:
    """The two products are added, in place of the second."""
    h, _ = _lstm_state(call)
    width = 4 * call.spec.hidden_size
    trailing: Shape = (*call.inputs.input[2:-1], width) if call.rank > 2 else ()
    error = broadcast_differs((*h[1:-1], width), (call.batch_size, *trailing), in_place=True)
    if not error:
        return None
    return Fault("input" if call.rank != 3 else blamed(call, "h"), error)


def _forget(call: Call) -> Fault | None:
    """f ⊙ c."""
    h, c = _lstm_state(call)
    error = broadcast_differs((*h[1:-1], call.spec.hidden_size), c[1:], in_place=False)
    return Fault("c0", error) if error else None


def _grown(call: Call) -> Fault | None:
    """The reverse direction begins with the longest sequences: it puts the others' c behind."""
    c, width = _lstm_state(call)[1], call.spec.hidden_size
    lengths = _lengths(call)
    if not call.spec.bidirectional or lengths[0] == lengths[-1] or not differ(c[-1], width):
        return None
    message = f"Sizes of tensors must match except in dimension 0. Expected size {width} but got "
    message += f"size {c[-1]} for tensor number 1 in the list."
    return fault(blamed(call, "c"), "RuntimeError", message)


def _both_ways(call: Call) -> Fault | None:
    """Of one sequence, a state of no rows or of more than one goes through the first pass; the
    reverse direction takes the first row of it, the next layer as many as there should be.
    """
    h, c = _lstm_state(call)
    rows, length = h[1] if differ(h[1], 1) else c[1], _lengths(call)[0]
    spec, about = call.spec, blamed(call, "h" if differ(h[1], 1) else "c")
    if len(_lengths(call)) > 1 or not differ(rows, 1):
        return None
    if rows == 0 and (spec.bidirectional or spec.num_layers > 1):
        message = "start (0) + length (1) exceeds dimension size (0)."
        return fault(about, "RuntimeError", message)
    if not spec.bidirectional:
        return None
    message = (
        f"Sizes of tensors must match except in dimension 1. Expected size {rows * length} but got "
        f"size {length} for tensor number 1 in the list."
    )
    return fault(about, "RuntimeError", message)


def _block(call: Call) -> Fault | None:
    """oneDNN takes the data for one block (T, N, features)."""
    data = data_shape(call)
    block = (_lengths(call)[0], call.batch_size, data[-1])
    if not differ(product(block), product(data)):
        return None
    about = "input" if call.rank != 3 else "lengths"
    message = f"shape '{listed(block)}' is invalid for input of size {product(data)}"
    return fault(about, "RuntimeError", message)


def _parameter_block(call: Call) -> Fault | None:
    each = 4 if call.spec.bias else 2
    count = parameters_each(call) * call.spec.num_layers * call.spec.num_directions
    if not count % each:
        return None
    return _wrong_width(call, f"MatrixRef: ArrayRef size {count} not divisible by stride {each}")


def _row(call: Call) -> Fault | None:
    """oneDNN takes the rows that it needs, one layer and direction after another."""
    return _missing_row(call, call.expected("h")[0])


def _first_row(call: Call) -> Fault | None:
    return _missing_row(call, 1)


def _no_numbers(call: Call) -> Fault | None:
    """oneDNN takes no width of 0, and has no address of an h without rows; it needs no c."""
    shape = _lstm_state(call)[0]
    if 0 not in shape[1:]:
        return None
    executed = TorchError("RuntimeError", "could not execute a primitive")
    return Fault(blamed(call, "h"), onednn_refuses("float32") if shape[2] == 0 else executed)


def _missing_row(call: Call, needed: Dim) -> Fault | None:
    short = [
        (shape[0], name, shape)
        for name, shape in zip("hc", _lstm_state(call))
        if _fewer(shape[0], needed)
    ]
    if not short:
        return None
    rows, name, shape = min(short, key=lambda row: row[0])  # type: ignore[arg-type, return-value]
    message = f"select(): index {rows} out of range for tensor of size {listed(shape)}"
    return fault(blamed(call, name), "IndexError", f"{message} at dimension 0")


def _onednn_types(call: Call) -> Fault | None:
    input_type, state, weights = (
        call.inputs.dtype,
        call.inputs.state_dtype,
        call.inputs.weight_dtype,
    )
    if input_type == weights:
        return None
    if call.has_state and state not in ONEDNN_READS:
        return Fault("state_dtype", onednn_refuses(state))
    return Fault("dtype", onednn_refuses(input_type if weights in ONEDNN_READS else weights))


LSTM_BEGINS: tuple[Check, ...] = (
    _permuted, argument_types(packed=True), _pair, _width_missing,
)  # fmt: skip
STACKED: tuple[Check, ...] = (
    _parameter_groups, _rows_of_cell, _odd_rows, _rows, _weights, _first_product, _hidden_product,
    _gates, _forget, _too_long, _grown, _both_ways,
)  # fmt: skip
ONEDNN: tuple[Check, ...] = (
    _block, _parameter_block, _first_row, _onednn_types, state_types(onednn=lambda call: True),
    _no_numbers, _row,
)  # fmt: skip
