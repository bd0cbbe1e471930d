"""Views and copies under another shape: view, transpose, permute, squeeze, expand, repeat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product as product_of
from typing import Any

from ..refusal import NotKnown, index_error, runtime_error, type_error
from ..sizes import product
from ..tensor import (
    Axis,
    Part,
    Tensor,
    axis_index,
    broadcast,
    contiguous_strides,
    elementwise,
    expanded,
    joined,
    permuted,
    reshaped,
    resized,
    selected,
    sliced,
    squeezed,
    unsqueezed,
    viewed,
    with_size,
)
from ..values import DType
from . import ROWS, row, type_name, warn
from .native import listed, native, number, numbers, sequence_of_ints, settled

ONE: Axis = (Part(1, "one"),)


def picked(x: Tensor, shape: Sequence[int], place: Callable[..., int]) -> tuple[Any, ...] | None:
    """Known values of a result: `place` gives, for each of its positions, the flat one of x."""
    if x.known is None or product(shape) > 4096:
        return None
    known = x.known
    return tuple(known[place(*at)] for at in product_of(*(range(int(n)) for n in shape)))


@row("Tensor.view")
def view(self: Tensor, *shape: Any, **names: Any) -> Tensor:
    if len(shape) == 1 and isinstance(shape[0], DType):
        return self.view_of(dtype=shape[0].plain)
    return viewed(self, _view_sizes("view", shape, names, "size"))


def _view_sizes(name: str, shape: tuple[Any, ...], names: dict[str, Any], key: str) -> list[int]:
    if key in names and not shape:
        shape = (names.pop(key),)
    given = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
    good = (not given or not isinstance(given[0], float | str | type(None))) and not names
    good = good and not (given is shape and shape and isinstance(shape[0], tuple | list))
    if not shape or not good or isinstance(given, str):
        got = ", ".join(
            [*map(type_name, shape), *(f"{k}={type_name(v)}" for k, v in names.items())]
        )
        if names and not shape:
            got += ", "
        if name == "view":
            text = f"view() received an invalid combination of arguments - got ({got})"
            why = "      didn't match because some of the arguments have invalid types: "
            why += f"(!{type_name(shape[0])}!)\n" if len(shape) == 1 else ""
            why = why if len(shape) == 1 else ""
            text += f", but expected one of:\n * (torch.dtype dtype)\n{why}"
            raise type_error(f"{text} * (tuple of ints size)\n{why}")
        if names:
            raise NotKnown("keywords of reshape")
        if not shape:
            raise type_error('reshape() missing 1 required positional arguments: "shape"')
        if given and isinstance(given[0], tuple | list):
            raise NotKnown("arguments of reshape")
        if given is shape and len(shape) == 1:
            raise type_error(
                "reshape(): argument 'shape' (position 1) must be tuple of ints, not "
                f"{type_name(shape[0])}"
            )
        raise type_error(
            "reshape(): argument 'shape' (position 1) must be tuple of ints, but found element of "
            f"type {type_name(given[0])} at pos 0"
        )
    return sequence_of_ints(name, given, key)


row("Tensor.reshape")(
    lambda self, *shape, **names: reshaped(self, _view_sizes("reshape", shape, names, "shape"))
)
native("reshape(Tensor input, ints shape)", at="torch")(
    lambda input, shape: reshaped(input, sequence_of_ints("reshape", shape, "shape", 2))
)
native("view_as(Tensor input, Tensor other)", at="Tensor")(
    lambda input, other: viewed(input, other.shape)
)
native("reshape_as(Tensor input, Tensor other)", at="Tensor")(
    lambda input, other: reshaped(input, other.shape)
)


@native("flatten(Tensor input, int start_dim=0, int end_dim=-1)")
def flatten(input: Tensor, start_dim: Any = 0, end_dim: Any = -1) -> Tensor:
    first, last = axis_index(number(start_dim), input.rank), axis_index(number(end_dim), input.rank)
    if first > last:
        raise runtime_error("flatten() has invalid args: start_dim cannot come after end_dim")
    if input.rank == 0:
        return reshaped(input, (1,))
    if first == last:
        return input
    shape = input.shape
    return reshaped(input, (*shape[:first], product(shape[first : last + 1]), *shape[last + 1 :]))


@native("ravel(Tensor input)")
def ravel(input: Tensor) -> Tensor:
    return contiguous(reshaped(input, (input.numel,)))


@row("Tensor.unflatten", "torch.unflatten")
def unflatten(input: Tensor, dim: Any, sizes: Any) -> Tensor:
    at = axis_index(dim, input.rank)
    size, parts = input.shape[at], numbers(sizes)
    if not parts:
        raise runtime_error("unflatten: sizes must be non-empty")
    whole = product(n for n in parts if n != -1)
    fits = whole == size if -1 not in parts else whole != 0 and int(size) % int(whole) == 0
    if parts.count(-1) > 1:
        raise runtime_error("only one dimension can be inferred")
    if any(n < -1 for n in parts):
        raise NotKnown("a negative size")
    if not fits:
        raise runtime_error(
            f"unflatten: Provided sizes {listed(parts)} don't multiply up to the size of dim "
            f"{at} ({size}) in the input tensor", sizes=[(whole, size)],
        )  # fmt: skip
    parts = [size // whole if n == -1 else n for n in parts]
    shape = (*input.shape[:at], *parts, *input.shape[at + 1 :])
    return viewed(input, shape)


@native("transpose(Tensor input, int dim0, int dim1)", also=("swapdims",))
def transpose(input: Tensor, dim0: Any, dim1: Any) -> Tensor:
    a, b = axis_index(number(dim0), input.rank), axis_index(number(dim1), input.rank)
    order = list(range(input.rank))
    if order:
        order[a], order[b] = order[b], order[a]
    return permuted(input, order)


native("swapaxes(Tensor input, int axis0, int axis1)")(
    lambda input, axis0, axis1: transpose(input, axis0, axis1)
)


@native("permute(Tensor input, ints dims)")
def permute(input: Tensor, dims: Any) -> Tensor:
    order = numbers(dims)
    if len(order) != input.rank:
        raise runtime_error(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the "
            f"length of the desired ordering of dimensions i.e. input.dim() = {input.rank} is not "
            f"equal to len(dims) = {len(order)}",
            wants={"rank": (len(order),)}, argument=input,
        )  # fmt: skip
    places = [axis_index(d, input.rank) for d in order]
    if len(set(places)) != len(places):
        raise runtime_error("permute(): duplicate dims are not allowed.")
    return permuted(input, places)


@native(
    "movedim(Tensor input, int source, int destination)",
    "movedim(Tensor input, ints source, ints destination)", also=("moveaxis",),
)  # fmt: skip
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    froms = [axis_index(d, input.rank) for d in numbers(source)]
    tos = [axis_index(d, input.rank) for d in numbers(destination)]
    if not input.rank:
        return input
    moved = dict(zip(tos, froms))
    rest = iter(d for d in range(input.rank) if d not in froms)
    return permuted(input, [moved[d] if d in moved else next(rest) for d in range(input.rank)])


@native("t(Tensor input)")
def t(input: Tensor) -> Tensor:
    if input.rank > 2:
        raise runtime_error(f"t() expects a tensor with <= 2 dimensions, but self is {input.rank}D")
    return permuted(input, range(input.rank)[::-1])


@row("Tensor.T", attribute=True)
def reversed_axes(self: Tensor) -> Tensor:
    if self.rank == 0:
        warn("Tensor.T is deprecated on 0-D tensors. This function is the identity in these cases.")
    elif self.rank != 2:
        warn(
            "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is "
            "deprecated and it will throw an error in a future release. Consider `x.mT` to "
            "transpose batches of matrices or `x.permute(*torch.arange(x.ndim - 1, -1, -1))` to "
            "reverse the dimensions of a tensor."
        )
    return permuted(self, range(self.rank)[::-1])


@row("Tensor.mT", attribute=True)
def matrix_transposed(self: Tensor) -> Tensor:
    return _last_exchanged("mT", self, "This function is the identity in these cases.")


@row("Tensor.mH", attribute=True)
def adjoint(self: Tensor) -> Tensor:
    return _last_exchanged("mH", self, "Consider using x.conj().")


def _last_exchanged(name: str, x: Tensor, advice: str) -> Tensor:
    if x.rank == 0:
        warn(f"Tensor.{name} is deprecated on 0-D tensors. {advice}")
        return x
    if x.rank == 1:
        raise runtime_error(
            f"tensor.{name} is only supported on matrices or batches of matrices. Got 1-D tensor."
        )
    return transpose(x, -2, -1)


@native(
    "squeeze(Tensor input)", "squeeze(Tensor input, int dim)", "squeeze(Tensor input, ints dim)"
)
def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    dims = range(input.rank) if dim is None else [axis_index(d, input.rank) for d in numbers(dim)]
    if any(int(input.shape[d]) == 1 and str(input.shape[d]) != "1" for d in dims if input.rank):
        raise NotKnown("whether an open size is 1")
    return squeezed(input, list(dims))


@native("unsqueeze(Tensor input, int dim)")
def unsqueeze(input: Tensor, dim: Any) -> Tensor:
    return unsqueezed(input, axis_index(number(dim), input.rank, extra=1))


@native("expand(Tensor input, ints size, *, bool implicit=False)", at="Tensor")
def expand(input: Tensor, size: Any, implicit: bool = False) -> Tensor:
    if not input.rank and -1 in numbers(size):
        raise NotKnown("such an expand of a scalar")
    return expanded(input, numbers(size))


native("broadcast_to(Tensor input, ints size)")(lambda input, size: expanded(input, numbers(size)))
native("expand_as(Tensor input, Tensor other)", at="Tensor")(
    lambda input, other: expanded(input, other.shape)
)


@native("repeat(Tensor input, ints repeats)", at="Tensor")
def repeat(input: Tensor, repeats: Any) -> Tensor:
    counts = numbers(repeats)
    if len(counts) < input.rank:
        raise runtime_error(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            "tensor"
        )
    return repeated(input, counts)


def repeated(x: Tensor, counts: list[int]) -> Tensor:
    """x, counts[d] times along each axis; more counts than axes stand in front."""
    lead = len(counts) - x.rank
    whole = (*[1] * lead, *x.shape)
    if any(n < 0 for n in counts):
        raise runtime_error(
            "Trying to create tensor with negative dimension "
            f"{next(k for n, m in zip(counts, whole) if (k := n * m) < 0)}: "
            f"{listed([n * m for n, m in zip(counts, whole)])}"
        )
    shape = tuple(n * m for n, m in zip(counts, whole))
    axes: list[Axis] = []
    for d, (n, size) in enumerate(zip(counts, shape)):
        own = x.axes[d - lead] if d >= lead else ONE
        if n == 1:
            axes.append(own)
        elif whole[d] == 1:
            axes.append((Part(size, "unknown"),))
        else:
            axes.append(tuple(joined([Part(n, "unknown"), *own])))
    strides = contiguous_strides(whole)
    values = picked(
        x, shape,
        lambda *at: sum((int(i) % int(m)) * s for i, m, s in zip(at, whole, strides)),
    )  # fmt: skip
    return x.like(shape=shape, axes=tuple(axes), values=values)


@native("tile(Tensor input, ints dims)")
def tile(input: Tensor, dims: Any) -> Tensor:
    """repeat, where missing counts are 1."""
    counts = numbers(dims)
    return repeated(input, [*[1] * (input.rank - len(counts)), *counts])


@native(
    "repeat_interleave(Tensor input, Tensor repeats, int? dim=None, *, int? output_size=None)",
    "repeat_interleave(Tensor input, int repeats, int? dim=None, *, int? output_size=None)",
)
def repeat_interleave(
    input: Tensor, repeats: Any, dim: Any = None, output_size: Any = None
) -> Tensor:
    if dim is not None and not input.rank:
        raise NotKnown("repeat_interleave of a scalar along an axis")
    x = input if dim is not None else reshaped(input, (input.numel,))
    at = axis_index(number(dim), x.rank) if dim is not None else 0
    if isinstance(repeats, Tensor):
        if repeats.rank > 1:
            raise runtime_error("repeats must be 0-dim or 1-dim tensor")
        if repeats.dtype not in ("int64", "int32"):
            raise runtime_error("repeats has to be Long or Int tensor")
        if repeats.rank == 1 and repeats.shape[0] not in (1, x.shape[at]):
            raise runtime_error(
                f"repeats must have the same size as input along dim, but got repeats.size(0) = "
                f"{repeats.shape[0]} and input.size({at if dim is None else dim}) = {x.shape[at]}",
                sizes=[(repeats.shape[0], x.shape[at])],
            )
        if repeats.known is None:
            raise NotKnown("repeats that are not known")
        counts = list(repeats.known)
        size = sum(counts) if len(counts) > 1 else counts[0] * x.shape[at]
        each = counts if len(counts) > 1 else None
    else:
        size, each = repeats * x.shape[at], None
        counts = [repeats]
    if any(n < 0 for n in counts):
        known = isinstance(repeats, Tensor)
        raise runtime_error(
            "repeats can not be negative" if known else "Repeats must be non-negative"
        )
    values = None
    if x.rank == 1 and x.known is not None:
        by = each or counts * len(x.known)
        values = tuple(v for v, n in zip(x.known, by) for _ in range(int(n)))
    axis = x.axes[at] if x.rank else ONE
    whole = tuple(joined([*axis, Part(counts[0], "unknown")]))
    return with_size(x, at, size, whole if each is None else resized(axis, size), values=values)


@native("flip(Tensor input, ints dims)")
def flip(input: Tensor, dims: Any) -> Tensor:
    places = [axis_index(d, input.rank) for d in numbers(dims)]
    again = next((d for i, d in enumerate(places) if d in places[:i]), None)
    if again is not None:
        raise runtime_error(f"dim {again} appears multiple times in the list of dims")
    strides = contiguous_strides(input.shape)
    values = picked(
        input, input.shape,
        lambda *at: sum(
            (int(n) - 1 - i if d in places else i) * s
            for d, (i, n, s) in enumerate(zip(at, input.shape, strides))
        ),
    )  # fmt: skip
    return input.like(values=values)


@native("roll(Tensor input, ints1 shifts, ints1 dims=())")
def roll(input: Tensor, shifts: Any, dims: Any = ()) -> Tensor:
    if dims == ():
        if len(numbers(shifts)) != 1:
            raise runtime_error(
                f"shifts and dimensions must align. shifts: {len(numbers(shifts))}, dims:0"
            )
    elif 0 not in input.shape:
        for d in numbers(dims):
            axis_index(d, input.rank)
    return input.like(strides=contiguous_strides(input.shape))


@native(
    "narrow(Tensor input, int dim, int start, int length)",
    "narrow(Tensor input, int dim, Tensor start, int length)",
)
def narrow(input: Tensor, dim: Any, start: Any, length: Any) -> Tensor:
    if not input.rank:
        raise runtime_error("narrow() cannot be applied to a 0-dim tensor.")
    at = axis_index(number(dim), input.rank)
    first, count, size = number(start), number(length), input.shape[at]
    if settled(first, size) and not -size <= first <= size:
        raise index_error(
            f"start out of range (expected to be in range of [-{size}, {size}], but got {first})"
        )
    first = size + first if first < 0 else first
    if settled(first, count, size) and first + count > size:
        raise runtime_error(f"start ({first}) + length ({count}) exceeds dimension size ({size}).")
    return sliced(input, at, slice(first, first + count, None))


@native("select(Tensor input, int dim, int index)")
def select(input: Tensor, dim: Any, index: Any) -> Tensor:
    if not input.rank:
        raise index_error("select() cannot be applied to a 0-dim tensor.")
    at, i = axis_index(number(dim), input.rank), number(index)
    if settled(i, input.shape[at]) and not -input.shape[at] <= i < input.shape[at]:
        raise index_error(
            f"select(): index {i} out of range for tensor of size {listed(input.shape)} at "
            f"dimension {at}"
        )
    return selected(input, at, i)


@native("unfold(Tensor input, int dimension, int size, int step)", at="Tensor")
def unfold(input: Tensor, dimension: Any, size: Any, step: Any) -> Tensor:
    at = axis_index(number(dimension), input.rank)
    width, by = number(size), number(step)
    whole = input.shape[at] if input.rank else 1
    if settled(width, whole) and width > whole:
        raise runtime_error(
            f"maximum size for tensor at dimension {at} is {whole} but size is {width}"
        )
    if by <= 0:
        raise runtime_error(f"step is {by} but must be > 0")
    if not input.rank:
        return input.view_of(shape=(width,), axes=(ONE,), strides=(1,))
    count = (whole - width) // by + 1
    return input.view_of(
        shape=(*input.shape[:at], count, *input.shape[at + 1 :], width),
        axes=(*input.axes[:at], resized(input.axes[at], count), *input.axes[at + 1 :],
              resized(input.axes[at], width)),
        strides=(*input.strides[:at], input.strides[at] * int(by), *input.strides[at + 1 :],
                 input.strides[at]),
    )  # fmt: skip


@native("diagonal(Tensor input, int offset=0, int dim1=0, int dim2=1)")
def diagonal(input: Tensor, offset: Any = 0, dim1: Any = 0, dim2: Any = 1) -> Tensor:
    a, b = axis_index(dim1, input.rank), axis_index(dim2, input.rank)
    if a == b:
        raise runtime_error(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    rows, columns = input.shape[a], input.shape[b]
    rows, columns = (rows + offset, columns) if offset < 0 else (rows, columns - offset)
    size = max(min(rows, columns), 0)
    keep = [d for d in range(input.rank) if d not in (a, b)]
    return input.view_of(
        shape=(*(input.shape[d] for d in keep), size),
        axes=(*(input.axes[d] for d in keep), resized(input.axes[a], size)),
        strides=(*(input.strides[d] for d in keep), input.strides[a] + input.strides[b]),
    )  # fmt: skip


@native("diff(Tensor input, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None)")
def diff(
    input: Tensor, n: Any = 1, dim: Any = -1, prepend: Any = None, append: Any = None
) -> Tensor:
    if prepend is not None or append is not None:
        raise NotKnown("diff with more in front or behind")
    if not input.rank:
        raise runtime_error("diff expects input to be at least one-dimensional")
    at = axis_index(dim, input.rank)
    view = sliced(input, at, slice(min(n, input.shape[at]), None))
    return with_size(input, at, view.shape[at], strides=elementwise(view, view).strides)


@row("torch.meshgrid")
def meshgrid(*tensors: Any, indexing: Any = None) -> tuple[Tensor, ...]:
    nested = len(tensors) == 1 and isinstance(tensors[0], tuple | list)
    parts = list(tensors[0] if nested else tensors)
    if indexing == "xy":
        raise NotKnown("meshgrid in xy order")
    shape = tuple(p.shape[0] if p.rank else 1 for p in parts)
    axes = tuple(p.axes[0] if p.rank else ONE for p in parts)
    steps = [(p.strides or (1,))[0] for p in parts]
    strides = [
        tuple(step if i == d else 0 for d in range(len(parts))) for i, step in enumerate(steps)
    ]
    return tuple(Tensor(shape, p.dtype, axes, each) for p, each in zip(parts, strides))


@row("torch.broadcast_tensors")
def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    shape, _ = broadcast(*tensors)
    return tuple(expanded(x, shape) for x in tensors)


@native("atleast_1d(Tensor input)", at="torch")
def atleast_1d(input: Tensor) -> Tensor:
    return input if input.rank else reshaped(input, (1,))


@native("atleast_2d(Tensor input)", at="torch")
def atleast_2d(input: Tensor) -> Tensor:
    x = atleast_1d(input)
    return x if x.rank > 1 else unsqueezed(x, 0)


@native("atleast_3d(Tensor input)", at="torch")
def atleast_3d(input: Tensor) -> Tensor:
    x = atleast_2d(input)
    return x if x.rank > 2 else unsqueezed(x, x.rank)


for _name in ("squeeze", "unsqueeze", "transpose", "t", "swapaxes"):
    row(f"Tensor.{_name}_")(ROWS[f"Tensor.{_name}"].rule)


@native("contiguous(Tensor input, *, any memory_format=None)", at="Tensor")
def contiguous(input: Tensor, memory_format: Any = None) -> Tensor:
    """The elements in order: the same tensor, or a copy."""
    if memory_format is not None:
        raise NotKnown("a memory format")
    if input.contiguous:
        return input
    return input.like(strides=contiguous_strides(input.shape), values=input.known)
