"""What the forward call of a cell module raises first: nn.RNNCell, nn.LSTMCell and nn.GRUCell.

Source: their forward in torch/nn/modules/rnn.py, then check_rnn_cell_forward_input and
check_rnn_cell_forward_hidden in aten/src/ATen/native/RNN.cpp, then the products themselves.
"""

from __future__ import annotations

from typing import NamedTuple

from ..errors import Fault
from ..network.constructor import NONLINEARITIES
from ..network.dims import Shape
from .call import (
    CRASH,
    Call,
    Check,
    broadcast_differs,
    differ,
    fault,
    no_axis,
    product_differs,
    product_fault,
)


class State(NamedTuple):
    """A tensor of hx as torch takes it: its label in messages, what it belongs to, its shape."""

    label: str
    about: str
    shape: Shape


def _input_rank(call: Call) -> Fault | None:
    if call.rank in (1, 2):
        return None
    message = f"{call.spec.class_name}: Expected input to be 1D or 2D, got {call.rank}D instead"
    return fault("input", "ValueError", message)


def _state_form(call: Call) -> Fault | None:
    """hx is a tensor, for an lstm-cell something to go through."""
    if not call.has_state:
        return None
    if call.spec.has_cell_state:
        if call.tuple_length or call.inputs.h0 != ():
            return None
        return fault("c0", "TypeError", "iteration over a 0-d tensor")
    if not call.tuple_length:
        return None
    return fault("c0", "AttributeError", "'tuple' object has no attribute 'dim'")


def states(call: Call) -> list[State]:
    """The tensors of hx as they are given. Of a pair given in part, the other is taken to fit.

    A tensor in place of a pair is gone through by its first axis, of which torch takes two.
    """
    h0, c0 = call.inputs.h0, call.inputs.c0
    if not call.has_state:
        return []
    if not call.spec.has_cell_state:
        return [State("hidden", "h0", h0 or ())]
    if call.tuple_length == 0 and h0 is not None:
        rows = h0[0] if isinstance(h0[0], int) else 2
        return [State(f"hx[{i}]", "c0", h0[1:]) for i in range(min(rows, 2))]
    fits = (*call.inputs.input[:-1], call.spec.hidden_size)
    pair = [("h0", fits if h0 is None else h0), ("c0", fits if c0 is None else c0)]
    wrong = call.tuple_length != 2
    return [
        State(f"hx[{i}]", "c0" if wrong else name, shape)
        for i, (name, shape) in enumerate(pair[: call.tuple_length])
    ]


def _state_rank(call: Call) -> Fault | None:
    for label, about, shape in states(call):
        if len(shape) not in (1, 2):
            message = f"{call.spec.class_name}: Expected {label} to be 1D or 2D, "
            return fault(about, "ValueError", f"{message}got {len(shape)}D instead")
    return None


def _pair(call: Call) -> Fault | None:
    """The two tensors of an lstm-cell's hx: Python takes them out where there is no batch axis."""
    if not call.has_state or not call.spec.has_cell_state:
        return None
    count = len(states(call))
    lone = call.tuple_length == 0
    if call.rank == 1 and count < 2:
        message = "tuple index out of range"
        if lone:
            message = f"index {count} is out of bounds for dimension 0 with size {count}"
        return fault("c0", "IndexError", message)
    if call.rank == 2 and lone:
        message = "lstm_cell(): argument 'hx' (position 2) must be tuple of Tensors, not Tensor"
        return fault("c0", "TypeError", message)
    if call.rank == 2 and call.tuple_length != 2:
        return fault("c0", "RuntimeError", "lstm_cell expects two hidden states")
    return None


def _nonlinearity(call: Call) -> Fault | None:
    value = call.inputs.raw.get("nonlinearity", call.spec.nonlinearity)
    if call.spec.family != "rnn" or value in NONLINEARITIES:
        return None
    return fault("nonlinearity", "RuntimeError", f"Unknown nonlinearity: {value}")


def _batched(call: Call, shape: Shape) -> Shape:
    """A tensor with the batch axis that torch adds to one sequence."""
    return (1, *shape) if call.rank == 1 else shape


def _features(call: Call) -> Fault | None:
    got, expected = call.inputs.input[-1], call.spec.input_size
    if not differ(got, expected):
        return None
    message = f"input has inconsistent input_size: got {got} expected {expected}"
    return fault("input", "RuntimeError", message)


def _state_sizes(call: Call) -> Fault | None:
    size, width = _batched(call, call.inputs.input)[0], call.spec.hidden_size
    for number, state in enumerate(states(call)):
        shape = _batched(call, state.shape)
        if differ(size, shape[0]):
            message = f"Input batch size {size} doesn't match hidden{number} batch size {shape[0]}"
            return fault(state.about, "RuntimeError", message)
        if len(shape) < 2:
            return fault(state.about, "IndexError", no_axis(len(shape), 1))
        if differ(shape[1], width):
            message = f"hidden{number} has inconsistent hidden_size: got {shape[1]}"
            return fault(state.about, "RuntimeError", f"{message}, expected {width}")
    return None


def _input_product(call: Call) -> Fault | None:
    return product_fault(call, call.inputs.dtype, "dtype", None, "input")


def _state_product(call: Call) -> Fault | None:
    """h·W_hhᵀ; a state of three axes gets here where its second is hidden_size long."""
    tensors = states(call)
    if not tensors:
        return None
    spec, shape = call.spec, _batched(call, tensors[0].shape)
    sizes = product_differs(shape, spec.hidden_size, spec.gates * spec.hidden_size)
    own = call.inputs.state_dtype
    return product_fault(call, own, "state_dtype", sizes, tensors[0].about)


def _gates(call: Call) -> Fault | None:
    """The first product of a gate, whose axis 1 is cut: of three axes that is not the last."""
    spec, tensors = call.spec, [_batched(call, state.shape) for state in states(call)]
    hidden, gates = spec.hidden_size, spec.gates
    if gates == 1 or not tensors or not isinstance(hidden, int):
        return None
    cut = -(-hidden // gates)
    gate: Shape = (1, cut, gates * hidden) if len(tensors[0]) == 3 else (1, hidden)
    # an axis that is too short is cut into fewer pieces than torch takes
    short = len(tensors[0]) == 3 and hidden and -(-hidden // cut) < gates
    if len(tensors) == 2:
        error = CRASH if short else broadcast_differs(gate, tensors[1], in_place=False)  # f ⊙ c
    else:
        error = broadcast_differs(gate, (1, hidden), in_place=True) or (CRASH if short else None)
    return Fault("c0" if len(tensors[0]) == 2 else "h0", error) if error else None


def checks(call: Call) -> tuple[Check, ...]:
    """torch's order: a gru computes x·W_ihᵀ first, an rnn and an lstm h·W_hhᵀ."""
    products = (_state_product, _input_product)
    return (
        _input_rank, _state_form, _state_rank, _nonlinearity, _pair, _features, _state_sizes,
        *(products[::-1] if call.spec.family == "gru" else products), _gates,
    )  # fmt: skip
