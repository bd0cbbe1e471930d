"""What torch's forward call raises first for given shapes, to the letter and in torch's order."""

from __future__ import annotations

from ..errors import Fault, TorchError
from ..network.dims import Shape
from ..network.spec import Spec
from .call import (
    ONEDNN_TYPES,
    Call,
    Check,
    Inputs,
    argument_types,
    blamed,
    differ,
    dtype,
    fault,
    features,
    lstm_states,
    sizes,
    state_sizes,
    state_types,
)
from .cell_modules import checks as single_checks
from .packed import packed_fault

__all__ = ["Inputs", "differ", "forward_error", "forward_fault", "sizes"]


def forward_error(spec: Spec, inputs: Inputs) -> TorchError | None:
    """The error of `module(input, hx)`, or None. Sizes that are symbols fit anything.

    With lengths, the error of packing the input and running it. Source: forward,
    check_forward_args and what they call in torch/nn/modules/rnn.py.
    """
    found = forward_fault(spec, inputs)
    return found.torch if found else None


def forward_fault(spec: Spec, inputs: Inputs) -> Fault | None:
    """The same with what is at fault: input, dtype, h0, c0, state_dtype, lengths or a constructor
    argument."""
    call = Call(spec, inputs)
    if spec.single:
        return next(filter(None, (check(call) for check in single_checks(call))), None)
    if inputs.lengths is not None:
        return packed_fault(call)
    return next(filter(None, (check(call) for check in PADDED)), None)


def _input_rank(call: Call) -> Fault | None:
    if call.rank in (2, 3):
        return None
    name = call.spec.class_name
    word = " tensor" if name == "RNN" else ""
    message = f"{name}: Expected input to be 2D or 3D, got {call.rank}D{word} instead"
    return fault("input", "ValueError", message)


def _state_form(call: Call) -> Fault | None:
    """hx is a tensor, for an lstm a pair."""
    if not call.has_state:
        return None
    if call.spec.has_cell_state:
        states = lstm_states(call)
        return Fault("c0", states) if isinstance(states, TorchError) else None
    if not call.tuple_length:
        return None
    return fault("c0", "AttributeError", "'tuple' object has no attribute 'dim'")


def _states(call: Call) -> dict[str, Shape]:
    if not call.has_state:
        return {}
    if not call.spec.has_cell_state:
        return {"h": call.inputs.h0 or ()}
    pair = lstm_states(call)
    return {} if isinstance(pair, TorchError) else dict(zip("hc", pair))


def _state_rank(call: Call) -> Fault | None:
    wanted, states = call.rank, _states(call)
    wrong = [name for name, shape in states.items() if len(shape) != wanted]
    if not wrong:
        return None
    kind = f"For {'unbatched' if wanted == 2 else 'batched'} {wanted}-D input"
    ranks = [f"{len(shape)}-D" for shape in states.values()]
    if call.spec.has_cell_state:
        what, got = "hx and cx", f"({', '.join(ranks)}) tensors"
    else:
        what, got = "hx", f"{ranks[0]} tensor"
    message = f"{kind}, {what} should also be {wanted}-D but got {got}"
    return fault(blamed(call, wrong[0]), "RuntimeError", message)


def _state_sizes(call: Call) -> Fault | None:
    states = _states(call)
    if call.rank == 2:
        states = {name: (shape[0], 1, shape[1]) for name, shape in states.items()}
    return state_sizes(call, states)


def _pair(call: Call) -> Fault | None:
    pair = call.spec.has_cell_state
    if not call.has_state or not pair or call.tuple_length == 2 or call.rank == 2:
        return None
    return fault("c0", "RuntimeError", "lstm expects two hidden states")


def _no_steps(call: Call) -> Fault | None:
    if call.sizes[1] != 0:
        return None
    message = "Expected sequence length to be larger than 0 in RNN"
    return fault("input", "RuntimeError", message)


def _onednn(call: Call) -> bool:
    """Whether torch gives an lstm on the CPU to oneDNN, which has no projection."""
    lstm = call.spec.has_cell_state and not call.spec.proj_size
    return lstm and call.sizes[0] != 0 and call.inputs.dtype in ONEDNN_TYPES


PADDED: tuple[Check, ...] = (
    _input_rank,
    _state_form,
    _state_rank,
    dtype,
    features,
    _state_sizes,
    argument_types(packed=False),
    _pair,
    _no_steps,
    state_types(_onednn),
)
