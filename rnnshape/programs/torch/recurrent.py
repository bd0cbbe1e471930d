"""Rows of the recurrent layers, by this package's own spec and checks, and of packing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from ...checks.call import Call, Inputs
from ...checks.packed import PACKING
from ...checks.padded import forward_fault
from ...errors import Fault
from ...network.constructor import (
    KINDS,
    Construction,
    constructor_fault,
    constructor_warning,
    positional_names,
)
from ...network.spec import Spec
from ..refusal import NotKnown, Refusal
from ..sizes import Size, largest, named
from ..tensor import (
    Axis,
    Origin,
    Part,
    Storage,
    Tensor,
    axis_index,
    contiguous_strides,
    fresh_axes,
    merged_graph,
    resized,
    sliced,
)
from ..values import Instance, Packed, Unknown, parameter
from . import (
    lacks,
    plain_module,
    row,
    runtime_error,
    tensor_argument,
    tensor_with,
    type_error,
    type_name,
    value_error,
    warn,
)
from .joining import unbind
from .native import is_whole
from .pointwise import in_place_shape

_SERIAL = count()


@dataclass(frozen=True, eq=False)
class Ran:
    """One call of a recurrent layer: what findings ask of an axis that it made."""

    layer: Instance
    spec: Spec
    input: Tensor
    state: tuple[Tensor, ...]
    packed: Packed | None
    serial: int

    def __repr__(self) -> str:
        return f"call {self.serial} of {self.spec}"


def build(
    interpreter: Any, self: Instance, cell: str, args: tuple[Any, ...], keywords: dict[str, Any]
) -> None:
    """The constructor: torch's refusals, then the parameters, two for a step."""
    call = Construction(cell, keywords, args)
    fault = constructor_fault(call)
    if fault:
        value = call.arguments.get(fault.about)
        raise Refusal(*fault.torch, wants={"argument": fault.about, "size": value})
    arguments = {k: v for k, v in call.arguments.items() if k not in ("device", "dtype")}
    dtype = call.arguments.get("dtype")
    spec = Spec(cell=cell, **arguments)
    names = [n for n in positional_names(cell) if n not in ("device", "dtype")]
    for name in names:
        setattr(self, name, getattr(spec, name))
    if cell in ("rnn", "lstm", "gru"):
        self.proj_size = spec.proj_size
        self.mode = f"RNN_{spec.nonlinearity.upper()}" if cell == "rnn" else cell.upper()
    self._attributes["_spec"] = spec
    self._attributes["_warning"] = warning = constructor_warning(call)
    if warning:
        warn(warning.message, warning.type)
    parameters = spec.parameters()
    interpreter.step(len(parameters) >> 1)
    for name, shape in parameters.items():
        setattr(self, name, parameter(shape, dtype.plain if dtype else "float32"))  # type: ignore[arg-type]
    if not spec.single:
        rows = spec.num_layers * spec.num_directions
        own = list(self.parameters_here.values())
        each = len(own) // rows
        self._attributes["all_weights"] = [own[i * each : (i + 1) * each] for i in range(rows)]


def run(self: Instance, input: Any, hx: Any = None) -> Any:
    """A layer's forward: (output, hn) or (output, (hn, cn))."""
    spec: Spec = self._attributes["_spec"]
    if isinstance(hx, Unknown):
        hx = None  # what it would refuse is not known; what it gives is
    packed = input if isinstance(input, Packed) else None
    x = packed.padded if packed else tensor_with(input)
    layer = _with_batch_first(spec, packed.batch_first) if packed else spec
    state, inputs = _state(layer, x, hx, packed, self)
    fault = forward_fault(layer, inputs)
    if fault:
        raise _refusal(fault, layer, inputs, x, hx)
    return _result(self, spec, x, state, packed)


def _with_batch_first(spec: Spec, batch_first: bool) -> Spec:
    plain = spec.to_dict() | {"input_size": spec.input_size, "hidden_size": spec.hidden_size}
    return Spec(**plain | {"batch_first": batch_first})


def _state(
    spec: Spec, x: Tensor, hx: Any, packed: Packed | None, self: Instance
) -> tuple[tuple[Tensor, ...], Inputs]:
    weight = next(iter(self.parameters_here.values()), None)
    shared: Any = {"dtype": x.dtype, "weight_dtype": weight.dtype if weight else "float32"}
    if packed:
        lengths = packed.lengths
        if lengths is None:
            steps = x.shape[1 if packed.batch_first else 0]
            lengths = (int(steps),) * min(int(packed.batch_size), 64)
            if isinstance(packed.batch_size, Size) or int(packed.batch_size) > 64:
                packed = None  # sizes stand for themselves: the padded checks tell of them
        if packed:
            shared |= {"lengths": lengths, "enforce_sorted": packed.enforce_sorted}
    if hx is None:
        return (), Inputs(x.shape, **shared)
    if isinstance(hx, Tensor):
        lone: Any = {"tuple_length": 0} if spec.has_cell_state else {}
        return (hx,), Inputs(x.shape, hx.shape, state_dtype=hx.dtype, **lone, **shared)
    if not spec.has_cell_state and not isinstance(hx, tuple):
        raise lacks(hx, "dim")
    if not isinstance(hx, (tuple, list)):
        raise type_error(f"'{type_name(hx)}' object is not subscriptable", argument=hx)
    tensors = list(hx)
    for one in tensors[: 2 if spec.has_cell_state else 0]:
        tensor_with(one)
    shapes = [one.shape for one in tensors if isinstance(one, Tensor)]
    dtype = tensors[0].dtype if shapes else "float32"
    first, second, *_ = (*shapes, None, None)
    shared |= {"state_dtype": dtype, "tuple_length": len(tensors)}
    inputs = Inputs(x.shape, first, second, **shared)
    return tuple(one for one in tensors if isinstance(one, Tensor)), inputs


def _refusal(fault: Fault, spec: Spec, inputs: Inputs, x: Tensor, hx: Any) -> Refusal:
    """torch's words, with the sizes that differ and what would have been right."""
    pairs: list[tuple[int, int]] = []
    wants: dict[str, Any] = {"about": fault.about}
    argument: Any = x
    ranks = (1, 2) if spec.single else (2, 3)
    if fault.about == "input" and len(inputs.input) in ranks:
        pairs.append((inputs.input[-1], spec.input_size))  # type: ignore[arg-type]
    elif fault.about == "input":
        wants |= {"rank": ranks}
    if fault.about == "dtype":
        wants |= {"dtype": inputs.weight_dtype}
    if fault.about in ("h0", "c0", "state_dtype"):
        argument = hx
        call = Call(spec, inputs)
        if spec.single:
            batch = inputs.input[:-1]
            expected = [(*batch, spec.hidden_size)] * (2 if spec.has_cell_state else 1)
        else:
            batched = inputs.lengths is not None or len(inputs.input) == 3
            expected = [
                e if batched else (e[0], e[2]) for e in map(call.expected, spec.state_names)
            ]
        wants |= {"state": expected, "pair": spec.has_cell_state}
        for want, got in zip(expected, (inputs.h0, inputs.c0)):
            if got is not None and len(want) == len(got):
                pairs += zip(want, got)  # type: ignore[arg-type]
    return Refusal(*fault.torch, sizes=pairs, argument=argument, wants=wants)


def _roles(axis: Axis, kind: str) -> Axis:
    """An axis of the input, of which the layer has told what it is."""
    if len(axis) == 1 and axis[0].kind == "unknown":
        return (axis[0]._replace(kind=kind),)
    return axis


def _result(
    self: Instance, spec: Spec, x: Tensor, state: tuple[Tensor, ...], packed: Packed | None
) -> Any:
    ran = Ran(self, spec, x, state, packed, next(_SERIAL))
    first = packed.batch_first if packed else spec.batch_first
    batched = x.rank == 3
    if batched:
        n, t = (0, 1) if first else (1, 0)
        batch, batch_axis = x.shape[n], _roles(x.axes[n], "samples")
        lead = [(batch, batch_axis), (x.shape[t], _roles(x.axes[t], "steps"))]
        if not first:
            lead.reverse()
        between = [(batch, batch_axis)]
    else:
        lead, between = [(x.shape[0], _roles(x.axes[0], "steps"))], []
    graph = frozenset().union(x.graph, *(s.graph for s in state), {ran.serial})
    device = x.storage.device

    def made(shape: Sequence[int], axes: Sequence[Axis], what: str) -> Tensor:
        kept = {k: x.facts[k] for k in ("padded", "order") if k in x.facts}
        facts: dict[str, Any] = {what: ran} | kept
        storage = Storage(requires_grad=True, device=device)
        return Tensor(tuple(shape), x.dtype, tuple(axes), graph=graph, facts=facts, storage=storage)

    width = _sized(spec.output_size)
    output = made(
        [*(n for n, _ in lead), width], [*(a for _, a in lead), _width(ran, "output", 2)], "output"
    )
    if batched and first and not packed:
        output = replace(output, strides=_turned(output.shape))
    rows = spec.num_layers * spec.num_directions
    states = []
    for name in spec.state_names:
        what = f"{name}n"
        row_axis = tuple(
            Part(size, kind, Origin(what, 0, ran))
            for size, kind in ((spec.num_layers, "layers"), (spec.num_directions, "directions"))
            if size != 1
        ) or (Part(1, "one", Origin(what, 0, ran)),)
        size = _sized(spec.state_width(name))
        states.append(made(
            [rows, *(n for n, _ in between), size],
            [row_axis, *(a for _, a in between), _width(ran, what, 2)], what,
        ))  # fmt: skip
    hidden = states[0] if len(states) == 1 else tuple(states)
    if packed:
        kept = packed.padded
        data = Tensor(
            (packed.data.shape[0], width), x.dtype, (packed.data.axes[0], output.axes[-1]),
            graph=graph, facts={"output": ran},
        )  # fmt: skip
        assert kept.rank == x.rank
        return replace(packed, data=data, padded=output), hidden
    return output, hidden


def _sized(size: Any) -> int:
    assert isinstance(size, int)
    return size


def _width(ran: Ran, what: str, axis: int) -> Axis:
    """The last axis: for an output, directions × features."""
    spec = ran.spec
    size = _sized(spec.hidden_size if what == "cn" else spec.state_size)
    parts = []
    if what == "output" and spec.num_directions > 1:
        parts.append(Part(spec.num_directions, "directions", Origin(what, axis, ran)))
    if size != 1 or not parts:
        parts.append(Part(size, "features" if size != 1 else "one", Origin(what, axis, ran)))
    return tuple(parts)


def step(self: Instance, input: Any, hx: Any = None) -> Any:
    """A cell module's forward: h, or (h, c)."""
    spec: Spec = self._attributes["_spec"]
    state, inputs = _state(spec, tensor_with(input), hx, None, self)
    fault = forward_fault(spec, inputs)
    if fault:
        raise _refusal(fault, spec, inputs, input, hx)
    ran = Ran(self, spec, input, state, None, next(_SERIAL))
    graph = frozenset().union(input.graph, *(s.graph for s in state), {ran.serial})
    lead = [_roles(axis, "samples") for axis in input.axes[:-1]]
    results = tuple(
        Tensor(
            (*input.shape[:-1], _sized(spec.hidden_size)), input.dtype,
            (*lead, _width(ran, f"{name}n", 1)), graph=graph, facts={"step": ran},
            storage=Storage(requires_grad=True, device=input.storage.device),
        )
        for name in spec.state_names
    )  # fmt: skip
    return results if len(results) > 1 else results[0]


def _built(cell: str) -> Callable[..., None]:
    return lambda interpreter, self, *args, **keywords: build(
        interpreter, self, cell, args, keywords
    )


for _cell, _kind in KINDS.items():
    _nothing = lambda self: None  # noqa: E731
    _more: Any = (
        {} if _kind.single else {"flatten_parameters": _nothing, "reset_parameters": _nothing}
    )
    plain_module(_kind.class_name, _built(_cell), step if _kind.single else run, **_more)


# ------------------------------------------------------------------------------------------ packing


def _lengths_of(lengths: Any) -> tuple[int, ...] | None:
    if isinstance(lengths, Tensor):
        known = lengths.known
        return None if known is None else tuple(int(n) for n in known)
    if isinstance(lengths, (list, tuple)):
        if any(isinstance(n, Tensor) and n.known is None for n in lengths):
            return None
        return tuple(int(n.known[0]) if isinstance(n, Tensor) and n.known else n for n in lengths)
    if is_whole(lengths):
        raise runtime_error(
            "'lengths' argument should be a 1D CPU int64 tensor, but got 0D cpu Long tensor",
            argument=lengths,
        )
    raise NotKnown(f"lengths given as {type_name(lengths)}")


@row("torch.nn.utils.rnn.pack_padded_sequence")
def pack_padded_sequence(
    input: Any, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> Packed:
    if isinstance(lengths, Unknown):
        lengths = Tensor(())
    if not isinstance(input, Tensor):
        if not enforce_sorted:
            raise lacks(input, "index_select")
        tensor_argument(input, "_pack_padded_sequence", "input", 1)
    if isinstance(lengths, Tensor) and lengths.storage.device != "cpu":
        raise runtime_error(
            "'lengths' argument should be a 1D CPU int64 tensor, but got 1D cuda:0 Long tensor",
            argument=lengths, wants={"device": "cpu"},
        )  # fmt: skip
    if isinstance(lengths, Tensor) and lengths.rank != 1 and lengths.shape != ():
        raise runtime_error(
            f"'lengths' argument should be a 1D CPU int64 tensor, but got {lengths.rank}D cpu "
            "Long tensor",
            argument=lengths, wants={"rank": (1,)},
        )  # fmt: skip
    known = _lengths_of(lengths)
    n, t = (0, 1) if batch_first else (1, 0)
    if known is not None:
        spec = Spec(cell="gru", batch_first=bool(batch_first))
        inputs = Inputs(input.shape, lengths=known, enforce_sorted=bool(enforce_sorted))
        for check in PACKING:
            fault = check(Call(spec, inputs))
            if fault:
                sizes = (
                    [(len(known), input.shape[n])]
                    if fault.about == "lengths" and input.rank > n
                    else []
                )
                raise Refusal(
                    *fault.torch, sizes=sizes, argument=lengths, wants={"about": fault.about}
                )
        steps = input.shape[t]
        rows: int = sum(n if isinstance(steps, Size) else min(n, steps) for n in known)
        if not enforce_sorted and len(known) != input.shape[n]:  # torch takes as many as lengths
            input = input.like(
                shape=tuple(len(known) if d == n else size for d, size in enumerate(input.shape)),
                axes=input.axes,
            )
    else:
        if input.rank < 2:
            axis_index(1, input.rank)
        if (
            isinstance(lengths, Tensor)
            and lengths.rank == 1
            and enforce_sorted
            and lengths.shape[0] != input.shape[n]
        ):
            raise runtime_error(
                f"Expected `len(lengths)` to be equal to batch_size, but got {lengths.shape[0]} "
                f"(batch_size={input.shape[n]})", sizes=[(lengths.shape[0], input.shape[n])],
                argument=lengths
            )  # fmt: skip
        rows = _unknown_size("sum(lengths)", input.shape[n] * input.shape[t] - 1)
    lengths_tensor = (
        lengths if isinstance(lengths, Tensor) else Tensor((len(lengths),), "int64", values=known)
    )
    data = Tensor(
        (rows, *input.shape[2:]), input.dtype, (fresh_axes((rows,), "packed")[0], *input.axes[2:]),
        graph=input.graph,
    )  # fmt: skip
    return Packed(data, input, known, lengths_tensor, bool(batch_first), bool(enforce_sorted))


def _unknown_size(name: str, value: int) -> int:
    return named(max(int(value), 1), name)


@row("torch.nn.utils.rnn.pad_packed_sequence")
def pad_packed_sequence(
    sequence: Any, batch_first: bool = False, padding_value: float = 0.0, total_length: Any = None
) -> Any:
    if not isinstance(sequence, Packed):
        raise lacks(sequence, "batch_sizes")
    x = sequence.padded
    n, t = (0, 1) if sequence.batch_first else (1, 0)
    batch, steps = x.shape[n], x.shape[t]
    length: int = max(sequence.lengths) if sequence.lengths else steps
    if sequence.lengths and isinstance(steps, Size) and length == steps:
        length = steps
    if total_length is not None:
        if total_length < length:
            raise value_error(
                "Expected total_length to be at least the length of the longest sequence in input, "
                f"but got total_length={total_length} and max sequence length being {length}"
            )
        length = total_length
    axis = x.axes[t] if length == steps else resized(x.axes[t], length)
    order = [(batch, x.axes[n]), (length, axis)]
    if not batch_first:
        order.reverse()
    facts = dict(x.facts) | {"padded": sequence}
    shape, axes = (
        (*(size for size, _ in order), *x.shape[2:]),
        (*(a for _, a in order), *x.axes[2:]),
    )
    if sequence.lengths and not isinstance(steps, Size) and max(sequence.lengths) > steps:
        raise NotKnown("a length beyond the padded batch")
    out = Tensor(
        shape,
        x.dtype,
        axes,
        _turned(shape) if batch_first and sequence.enforce_sorted else (),
        graph=x.graph,
        facts=facts,
    )
    lengths = Tensor((batch,), "int64", (x.axes[n],), values=sequence.lengths)
    return out, lengths


def _turned(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of a batch-first result: torch computes (T, N, …) and exchanges the axes."""
    inner = contiguous_strides((shape[1], shape[0], *shape[2:]))
    return (inner[1], inner[0], *inner[2:])


@row("torch.nn.utils.rnn.pad_sequence")
def pad_sequence(
    sequences: Any,
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    rows = list(unbind(sequences) if isinstance(sequences, Tensor) else sequences)
    if not rows:
        raise runtime_error("received an empty list of sequences")
    first = rows[0]
    if isinstance(first, (tuple, list)) and not isinstance(sequences, Tensor):
        kind = type(first).__name__
        raise type_error(
            f"expected Tensor as element 0 in argument 0, but got {kind}", argument=first
        )
    if first.rank == 0:
        raise NotKnown("pad_sequence of scalars")
    longest: int = first.shape[0]
    for one in rows[1:]:
        longest = largest(longest, one.shape[0])
        if one.shape[1:] != first.shape[1:]:  # torch copies each into its place
            in_place_shape(Tensor((one.shape[0] if one.rank else 1, *first.shape[1:])), one)
    lead = [
        (len(rows), (Part(len(rows), "samples", Origin("pad_sequence")),)),
        (longest, _roles(first.axes[0], "steps")),
    ]
    if not batch_first:
        lead.reverse()
    lengths = tuple(one.shape[0] for one in rows)
    facts = {"padded": lengths} if len(set(map(int, lengths))) > 1 else {}
    return Tensor(
        (*(n for n, _ in lead), *first.shape[1:]),
        first.dtype,
        (*(a for _, a in lead), *first.axes[1:]),
        graph=merged_graph(*rows),
        facts=facts,
    )


@row("torch.nn.utils.rnn.pack_sequence")
def pack_sequence(sequences: Any, enforce_sorted: bool = True) -> Packed:
    lengths = [one.shape[0] for one in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


@row("torch.nn.utils.rnn.unpad_sequence")
def unpad_sequence(padded_sequences: Tensor, lengths: Any, batch_first: bool = False) -> Any:
    known = _lengths_of(lengths)
    if known is None:
        raise NotKnown("lengths that are not known")
    rows = unbind(padded_sequences, 0 if batch_first else 1)
    return [sliced(x, 0, slice(0, n, None)) for x, n in zip(rows, known)]
