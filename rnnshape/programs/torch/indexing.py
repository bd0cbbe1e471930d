"""x[…], x[…] = …, and what picks elements by position: gather, index_select, where, masks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from ..refusal import NotKnown, Refusal, index_error, runtime_error, type_error, value_error
from ..sizes import named
from ..tensor import (
    Part,
    Tensor,
    axis_index,
    broadcast,
    contiguous_strides,
    elementwise,
    features,
    layout,
    merged_facts,
    ordered_strides,
    promoted,
    selected,
    sliced,
    unsqueezed,
    with_size,
)
from ..values import Unknown
from . import row, touch, type_name, warn
from .creation import from_data
from .forms import diagonal as taken
from .forms import picked
from .native import alias, c_name, listed, native, number, settled, tensor_kind
from .pointwise import in_place_shape

_MASKS = count(1)


def mask_count(mask: Tensor) -> int:
    """How many elements of a mask are true: a number where it is known, else an open size of its
    own, the same for the same mask."""
    if mask.known is not None:
        return sum(bool(v) for v in mask.known)
    kept: dict[int, int] = mask.storage.__dict__.setdefault("_true", {})
    if mask.storage.version not in kept:
        serial = next(_MASKS)
        kept[mask.storage.version] = named(100_003 + 2 * serial, f"K{serial}")
    return kept[mask.storage.version]


# ----------------------------------------------------------------------------------------- x[…]


def _parts(x: Tensor, key: Any) -> list[Any]:
    """The index as a list of numbers, slices, None and tensors, with `...` written out."""
    if isinstance(key, list) and any(
        isinstance(k, slice | type(None) | type(...) | list | tuple | Tensor) for k in key
    ):
        warn(
            "Using a non-tuple sequence for multidimensional indexing is deprecated and will be "
            "changed in pytorch 2.9; use x[tuple(seq)] instead of x[seq]. In pytorch 2.9 this will "
            "be interpreted as tensor index, x[torch.tensor(seq)], which will result either in an "
            "error or a different result"
        )
        key = tuple(key)
    parts = list(key) if isinstance(key, tuple) else [key]
    found: list[Any] = []
    for part in parts:
        if isinstance(part, Unknown) and part.kind != "int":
            raise NotKnown("an unknown index")
        if isinstance(part, range):
            part = list(part)
        if isinstance(part, list | tuple):
            part = _listed_index(part)
        if isinstance(part, Tensor) and part.rank == 0 and part.dtype not in ("bool", "uint8"):
            if part.floating:
                raise index_error("tensors used as indices must be long, int, byte or bool tensors")
            if part.known is not None:
                part = part.known[0]
        if isinstance(part, str):
            raise type_error("new(): invalid data type 'str'")
        if isinstance(part, float | complex):
            raise index_error(
                "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables "
                f"are valid indices (got {type_name(part)})"
            )
        found.append(part)
    used = sum(_width(part) for part in found)
    if not x.rank and len(found) == 1 and isinstance(found[0], int | slice):
        return found
    if used > x.rank:
        raise index_error(f"too many indices for tensor of dimension {x.rank}")
    if any(part is ... for part in found):
        at = next(i for i, part in enumerate(found) if part is ...)
        later = [part for part in found[at + 1 :] if part is not ...]
        found = [*found[:at], *[slice(None)] * (x.rank - used), *later]
    return found


def _width(part: Any) -> int:
    if part is None or part is ... or isinstance(part, bool):
        return 0
    if isinstance(part, Tensor) and part.dtype in ("bool", "uint8"):
        return part.rank
    return 1


def _listed_index(values: Sequence[Any]) -> Tensor:
    """A list in the place of an index: a tensor of it."""
    if any(isinstance(v, Tensor) and v.rank for v in values):
        raise NotKnown("a list of tensors as an index")
    return from_data("tensor", list(values), dtype=None if values else "int64")


def indexed(x: Tensor, key: Any, ranges: bool = True) -> Tensor:
    """x[key], or torch's refusal; without `ranges` the numbers in tensors may be anything."""
    parts = _parts(x, key)
    result, dim = x, 0
    tensors: dict[int, Tensor] = {}
    for place, part in enumerate(parts):
        if part is None:
            result = unsqueezed(result, dim)
            dim += 1
        elif isinstance(part, bool):
            result = unsqueezed(result, dim)
            tensors[dim] = Tensor((1 if part else 0,), "int64")
            dim += 1
        elif isinstance(part, int):
            result = _at(result, dim, part, place)
        elif isinstance(part, Unknown) and part.kind == "int" and result.rank > dim:
            result = _at(result, dim, 0, place).view_of(values=None)  # which one is not known
        elif isinstance(part, slice):
            if not result.rank:
                raise index_error("slice() cannot be applied to a 0-dim tensor.")
            bounds = [None if b is None else _bound(b) for b in (part.start, part.stop, part.step)]
            if bounds[2] is not None and bounds[2] <= 0:
                zero = bounds[2] == 0
                raise value_error(
                    "slice step cannot be zero" if zero else "step must be greater than zero"
                )
            result = sliced(result, dim, slice(*bounds))
            dim += 1
        elif isinstance(part, Tensor):
            if part.floating:
                raise index_error("tensors used as indices must be long, int, byte or bool tensors")
            if part.dtype == "uint8":
                warn(
                    "indexing with dtype torch.uint8 is now deprecated, please use a dtype "
                    "torch.bool instead."
                )
            if part.dtype in ("bool", "uint8"):
                _check_mask(part, result, dim)
                size = mask_count(part)
                for d in range(dim, dim + part.rank):
                    tensors[d] = _positions(part, d - dim, size)
                dim += part.rank
            else:
                tensors[dim] = part
                dim += 1
        else:
            raise NotKnown(f"an index of type {type_name(part)}")
    if tensors:
        return _advanced(result, tensors, ranges)
    return result if parts else result.view_of(values=result.known)


def _positions(mask: Tensor, axis: int, size: int) -> Tensor:
    if mask.known is not None and mask.rank == 1:
        return Tensor((size,), "int64", values=tuple(i for i, v in enumerate(mask.known) if v))
    return Tensor((size,), "int64", ((Part(size, "unknown"),),))


def _bound(value: Any) -> int:
    if isinstance(value, Tensor):
        if value.rank or value.floating:
            raise type_error(
                "only integer tensors of a single element can be converted to an index"
            )
        return int(number(value)) if value.known is not None else number(value)
    if isinstance(value, int):
        return value
    if isinstance(value, Unknown):
        raise NotKnown("an unknown bound of a slice")
    raise type_error(
        "slice indices must be integers or None or have an __index__ method", argument=value
    )


def _at(x: Tensor, dim: int, index: int, place: int) -> Tensor:
    if not x.rank and index:
        raise index_error(f"index {index} is out of bounds for dimension 0 with size 0")
    if not x.rank:
        raise index_error(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` "
            "in C++ to convert a 0-dim tensor to a number"
        )
    size = x.shape[dim]
    if settled(size, index) and not -size <= index < size:
        raise index_error(f"index {index} is out of bounds for dimension {place} with size {size}")
    return selected(x, dim, index)


def _check_mask(mask: Tensor, x: Tensor, dim: int) -> None:
    for d in range(mask.rank):
        if mask.shape[d] != x.shape[dim + d]:
            raise index_error(
                f"The shape of the mask {listed(mask.shape)} at index {d} does not match the "
                f"shape of the indexed tensor {listed(x.shape)} at index {dim + d}",
                sizes=[(mask.shape[d], x.shape[dim + d])],
            )  # fmt: skip


def _advanced(x: Tensor, tensors: dict[int, Tensor], ranges: bool) -> Tensor:
    dims = sorted(tensors)
    given = [tensors[d] for d in dims]
    try:
        shape, axes = broadcast(*given)
    except Refusal as refusal:
        shapes = ", ".join(listed(t.shape) for t in given)
        raise index_error(
            "shape mismatch: indexing tensors could not be broadcast together with shapes "
            f"{shapes}",
            sizes=refusal.sizes,
        ) from None
    together = dims == list(range(dims[0], dims[-1] + 1))
    first = dims[0] if together else 0
    rest = [d for d in range(x.rank) if d not in dims]
    result = (*shape, *(x.shape[d] for d in rest))
    for d in dims:
        others = [n for i, n in enumerate(x.shape) if i not in dims]
        if 0 not in (*shape, *others) and x.shape[d] == 0:
            raise index_error("index is out of bounds for dimension with size 0")
        if ranges and 0 not in result:
            _check_range(tensors[d], x.shape[d], d)
    before = [d for d in rest if together and d < first]
    after = [d for d in rest if d not in before]
    values = None
    if x.rank == 1 and given[0].known is not None:
        known = given[0].known
        size = int(x.shape[0])
        values = picked(x, (len(known),), lambda i: int(known[i]) % size) if known else ()
    axes = tuple(
        (Part(n, "unknown"),) if all(p.kind == "one" for p in axis) and n != 1 else axis
        for n, axis in zip(shape, axes)
    )
    return x.like(
        shape=(*(x.shape[d] for d in before), *shape, *(x.shape[d] for d in after)),
        axes=(*(x.axes[d] for d in before), *axes, *(x.axes[d] for d in after)),
        strides=_picked_strides(x, given, shape, before, after),
        values=values, facts={},
    )  # fmt: skip


def _picked_strides(
    x: Tensor, given: list[Tensor], shape: Sequence[int], before: list[int], after: list[int]
) -> tuple[int, ...]:
    """How TensorIterator lays out what index tensors pick."""
    rows = [[*(x.strides[d] for d in before), *[0] * len(shape), *(x.strides[d] for d in after)]]
    for index in given:
        lead = len(shape) - index.rank
        own = [0 if n == 1 != m else s for n, m, s in zip(index.shape, shape[lead:], index.strides)]
        rows.append([*[0] * (len(before) + lead), *own, *[0] * len(after)])
    sizes = (*(x.shape[d] for d in before), *shape, *(x.shape[d] for d in after))
    return ordered_strides(sizes, [[s if n != 1 else 0 for s, n in zip(r, sizes)] for r in rows])


def _check_range(index: Tensor, size: int, dim: int) -> None:
    for value in index.known or ():
        if settled(size, value) and not -size <= value < size:
            raise index_error(
                f"index {value} is out of bounds for dimension {dim} with size {size}"
            )


row("Tensor.__getitem__")(lambda self, key: indexed(self, key))


@row("Tensor.__setitem__")
def setitem(self: Tensor, key: Any, value: Any) -> None:
    if isinstance(value, str | list | tuple | type(None)):
        raise type_error(
            f"can't assign a {type_name(value)} to a {tensor_kind(self)}", argument=value
        )
    place = indexed(self, key, not isinstance(value, Tensor))
    if isinstance(value, Tensor):
        parts = _parts(self, key)
        basic = not any(isinstance(p, Tensor | bool) for p in parts)
        _check_assigned(place, value, basic)
        masks = all(p.dtype in ("bool", "uint8") for p in parts if isinstance(p, Tensor))
        if not basic and value.dtype != self.dtype and not (masks and value.numel == 1):
            raise runtime_error(
                "Index put requires the source and destination dtypes match, got "
                f"{alias(self.dtype)} for the destination and {alias(value.dtype)} for the source.",
                argument=value, wants={"dtype": self.dtype},
            )  # fmt: skip
        if not masks:
            indexed(self, key)
    if self.parameter or (self.storage.requires_grad and not self.graph):
        raise runtime_error(
            "a view of a leaf Variable that requires grad is being used in an in-place operation."
        )
    touch(self)


def _check_assigned(place: Tensor, value: Tensor, basic: bool) -> None:
    """The value broadcasts to what it is written to; leading axes of 1 are dropped."""
    shape = list(value.shape)
    while shape and shape[0] == 1:
        shape = shape[1:]
    lead = place.rank - len(shape)
    fits = lead >= 0 and all(n in (1, m) for n, m in zip(shape, place.shape[max(lead, 0) :]))
    if fits:
        return
    if not basic:
        raise runtime_error(
            f"shape mismatch: value tensor of shape {listed(shape)} cannot be broadcast to "
            f"indexing result of shape {listed(place.shape)}"
        )
    if lead < 0:
        raise runtime_error(
            f"expand({tensor_kind(value)}{{{listed(shape)}}}, size={listed(place.shape)}): the "
            f"number of sizes provided ({place.rank}) must be greater or equal to the number of "
            f"dimensions in the tensor ({len(shape)})"
        )
    d, n = next(
        (d, n) for d, n in reversed(list(enumerate(shape, lead))) if n not in (1, place.shape[d])
    )
    raise runtime_error(
        f"The expanded size of the tensor ({place.shape[d]}) must match the existing size ({n}) at "
        f"non-singleton dimension {d}.  Target sizes: {listed(place.shape)}.  Tensor sizes: "
        f"{listed(shape)}", sizes=[(place.shape[d], n)],
    )  # fmt: skip


# ------------------------------------------------------------------------ picked by an index tensor


def _whole_index(name: str, index: Tensor) -> None:
    if index.numel != 0 and index.dtype not in ("int64", "int32"):
        words = f"{name}(): Expected dtype int32/int64 for index"
        raise runtime_error(words, argument=index, wants={"dtype": "int64"})


def _same_rank(index: Tensor, other: Tensor, what: str) -> None:
    if max(index.rank, 1) != max(other.rank, 1):
        raise runtime_error(
            f"Index tensor must have the same number of dimensions as {what} tensor",
            wants={"rank": (other.rank,)}, argument=index,
        )  # fmt: skip


@native("gather(Tensor input, int dim, Tensor index, *, bool sparse_grad=False)")
def gather(input: Tensor, dim: Any, index: Tensor, sparse_grad: bool = False) -> Tensor:
    at = axis_index(number(dim), input.rank)
    _whole_index("gather", index)
    if index.numel != 0:
        _same_rank(index, input, "input")
        for d in range(index.rank):
            if d != at and index.shape[d] > input.shape[d]:
                raise runtime_error(
                    f"Size does not match at dimension {d} expected index {listed(index.shape)} "
                    f"to be no larger than self {listed(input.shape)} apart from dimension {at}",
                    sizes=[(index.shape[d], input.shape[d])],
                )  # fmt: skip
        _check_positions(index, input, at)
    axes = tuple(
        a if n == input.shape[d] and d != at else i
        for d, (a, i, n) in enumerate(zip(input.axes, index.axes, index.shape))
    )
    return input.like(shape=index.shape, axes=axes if input.rank else index.axes)


@native("take_along_dim(Tensor input, Tensor indices, int? dim=None)")
def take_along_dim(input: Tensor, indices: Tensor, dim: Any = None) -> Tensor:
    if dim is None:
        return input.like(shape=(indices.numel,))
    if input.rank != indices.rank:
        raise runtime_error(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, "
            f"but got {input.rank} dimensions for input, and {indices.rank} dimensions for indices"
        )
    if indices.dtype != "int64":
        raise runtime_error(
            "torch.take_along_dim(): dtype of indices should be Long but got "
            f"{alias(indices.dtype)}"
        )
    at = axis_index(number(dim), input.rank)
    shape = [n if n != 1 else m for n, m in zip(input.shape, indices.shape)]
    for d, (n, m) in enumerate(zip(input.shape, indices.shape)):
        if d != at and n != m and 1 not in (n, m):
            raise runtime_error(
                f"The size of tensor a ({n}) must match the size of tensor b "
                f"({m}) at non-singleton dimension {d}", sizes=[(n, m)],
            )  # fmt: skip
    shape[at] = indices.shape[at]
    return input.like(
        shape=tuple(shape), axes=(*input.axes[:at], indices.axes[at], *input.axes[at + 1 :])
    )


def _scatter(name: str, input: Tensor, dim: Any, index: Tensor, src: Any) -> Tensor:
    at = axis_index(number(dim), input.rank)
    if index.numel != 0:
        _whole_index("scatter", index)
        of_tensor = isinstance(src, Tensor)
        if of_tensor and src.dtype != input.dtype:
            raise runtime_error(f"{name}(): Expected self.dtype to be equal to src.dtype")
        _same_rank(index, input, "self")
        larger = any(d != at and index.shape[d] > input.shape[d] for d in range(index.rank))
        also = ""
        if of_tensor:
            _same_rank(index, src, "src")
            larger = larger or any(index.shape[d] > src.shape[d] for d in range(index.rank))
            also = f" and to be no larger size than src {listed(src.shape)}"
        if larger:
            raise runtime_error(
                f"Expected index {listed(index.shape)} to be no larger than self "
                f"{listed(input.shape)} apart from dimension {at}{also}"
            )
        _check_positions(index, input, at)
    return input


def _check_positions(index: Tensor, x: Tensor, at: int) -> None:
    size = x.shape[at] if x.rank else 1
    for value in index.known or ():
        if settled(size, value) and not 0 <= value < size:
            words = f"index {value} is out of bounds for dimension {at} with size {size}"
            raise runtime_error(words)


def _scatters(name: str) -> None:
    signatures = [f"{name}(Tensor input, int dim, Tensor index, Tensor src)"]
    if name == "scatter":
        signatures += [
            f"{name}(Tensor input, int dim, Tensor index, Tensor src, *, str reduce)",
            f"{name}(Tensor input, int dim, Tensor index, Number value)",
        ]

    def _with(finish: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
        def scatter(
            input: Tensor, dim: Any, index: Tensor, src: Any = None, value: Any = None,
            reduce: Any = None,
        ) -> Tensor:  # fmt: skip
            return finish(input, _scatter(name, input, dim, index, value if src is None else src))

        return scatter

    native(*signatures)(_with(lambda x, result: result.like(facts=merged_facts([x]))))
    in_place = _with(lambda x, result: touch(result))
    native(*(s.replace(f"{name}(", f"{name}_(", 1) for s in signatures), at="Tensor")(in_place)


for _name in ("scatter", "scatter_add"):
    _scatters(_name)


@native("index_select(Tensor input, int dim, Tensor index)")
def index_select(input: Tensor, dim: Any, index: Tensor) -> Tensor:
    at = axis_index(number(dim), input.rank)
    if index.rank > 1:
        raise index_error("index_select(): Index is supposed to be a vector")
    if index.dtype not in ("int64", "int32"):
        raise runtime_error("index_select(): Expected dtype int32 or int64 for index")
    size = index.numel
    if not input.rank:
        if size != 1:
            raise runtime_error(
                f"index_select(): Index to scalar can have only 1 value, got {size} value(s)"
            )
    elif input.shape[at] == 0 and size and input.rank > 1:
        raise runtime_error("index_select(): self indexing axis dim should be positive")
    length = input.shape[at] if input.rank else 1
    for value in index.known or [0] * size * (not length):
        if settled(value, length) and not 0 <= value < length:
            if input.rank < 2 or (input.numel and at != 1):
                raise index_error("index out of range in self")
            raise runtime_error(
                f"INDICES element is out of DATA bounds, id={value} axis_dim={length}"
            )
    if not input.rank:
        return input.like()
    values = None
    if input.rank == 1 and index.known is not None:
        places = index.known
        values = picked(input, (len(places),), lambda i: int(places[i]))
    axis = index.axes[0] if index.rank else (Part(1, "one"),)
    return with_size(input, at, size, axis, values=values)


@native("masked_select(Tensor input, Tensor mask)")
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    if mask.dtype != "bool":
        raise runtime_error(
            "masked_select: expected BoolTensor for mask", argument=mask, wants={"dtype": "bool"}
        )
    broadcast(mask, input)
    if input.rank != mask.rank or input.shape != mask.shape:
        return input.like(shape=(mask_count(elementwise(mask, input, dtype="bool")),), facts={})
    return input.like(shape=(mask_count(mask),), facts={})


@native("nonzero(Tensor input)", "nonzero(Tensor input, *, bool as_tuple)")
def nonzero(input: Tensor, as_tuple: bool = False) -> Any:
    """The positions of what is not 0: (K, rank)."""
    size = mask_count(input)
    if as_tuple:
        return tuple(_positions(input, d, size) for d in range(max(input.rank, 1)))
    known = input.known if input.rank == 1 else None
    values = tuple(i for i, v in enumerate(known) if v) if known is not None else None
    turned = settled(size) and size > 1  # of each axis its positions, the whole turned round
    return Tensor((size, input.rank), "int64", strides=(1, size) if turned else (), values=values)


# --------------------------------------------------------------------------------------- conditions


_WHERE = ("condition", "input", "other")


@row("torch.where", "Tensor.where")
def where(*args: Any, **keywords: Any) -> Any:
    """torch.where(condition, a, b); of a method the tensor is a."""
    names = dict(enumerate(args)) | keywords
    condition, a, b = (names.pop(k, names.pop(i, None)) for i, k in enumerate(_WHERE))
    if isinstance(condition, Tensor) and len(args) + len(keywords) == 1:
        return nonzero(condition, as_tuple=True)
    if names or not isinstance(condition, Tensor) or a is None or b is None:
        raise NotKnown("torch.where of these arguments")
    return _chosen(condition, a, b)


row("Tensor.where")(lambda self, condition, other: _chosen(condition, self, other))


def _chosen(condition: Tensor, a: Any, b: Any) -> Tensor:
    if condition.dtype not in ("bool", "uint8"):
        raise runtime_error(
            "where expected condition to be a boolean tensor, but got a tensor with dtype "
            f"{alias(condition.dtype)}", argument=condition, wants={"dtype": "bool"},
        )  # fmt: skip
    like = [v if isinstance(v, Tensor) else Tensor((), promoted(v)) for v in (a, b)]
    dtype = promoted(*(v for v in (a, b)))
    try:
        broadcast(like[0], like[1])
    except Refusal:
        broadcast(condition, like[0])
    shape, axes = broadcast(condition, *like)
    return Tensor(
        shape, dtype, axes, layout(shape, (condition, *like)),
        graph=like[0].graph | like[1].graph, facts=merged_facts(like),
    )  # fmt: skip


@native(
    "masked_fill(Tensor input, Tensor mask, Tensor value)",
    "masked_fill(Tensor input, Tensor mask, Number value)",
)
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    _check_fill(input, mask, value)
    shape, axes = broadcast(input, mask)
    return input.like(shape=shape, axes=axes, strides=contiguous_strides(shape))


@native(
    "masked_fill_(Tensor input, Tensor mask, Tensor value)",
    "masked_fill_(Tensor input, Tensor mask, Number value)", at="Tensor",
)  # fmt: skip
def masked_fill_(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    _check_fill(input, mask, value, in_place=True)
    return touch(input)


def _check_fill(input: Tensor, mask: Tensor, value: Any, in_place: bool = False) -> None:
    if isinstance(value, Tensor) and value.rank:
        raise runtime_error(
            "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{value.rank} dimension(s)."
        )
    whole = not input.floating and input.dtype != "bool"
    number_ = isinstance(value, float)
    if (whole and number_ and math.isinf(value)) or (
        input.dtype == "float16" and number_ and 65504 < abs(value) < math.inf
    ):
        broadcast(mask, input)
        if in_place:
            in_place_shape(input, mask)
        words = {"int64": "int64_t", "int32": "int"}.get(input.dtype, c_name(input.dtype))
        raise runtime_error(f"value cannot be converted to type {words} without overflow")
    if not in_place:
        broadcast(mask, input)
    if mask.dtype != "bool":
        words = f"boolean masks, but got mask with dtype {c_name(mask.dtype)}"
        raise runtime_error(
            f"masked_fill_ only supports {words}", argument=mask, wants={"dtype": "bool"}
        )
    if in_place:
        in_place_shape(input, mask)


for _name in ("tril", "triu"):

    @native(f"{_name}(Tensor input, int diagonal=0)")
    def triangle(input: Tensor, diagonal: Any = 0, _name: str = _name) -> Tensor:
        if input.rank < 2:
            raise runtime_error(f"{_name}: input tensor must have at least 2 dimensions")
        return input.like(strides=contiguous_strides(input.shape))


@native("diag(Tensor input, int diagonal=0)")
def diag(input: Tensor, diagonal: Any = 0) -> Tensor:
    if input.rank == 1:
        size = input.shape[0] + abs(diagonal)
        return input.like(shape=(size, size))
    if input.rank != 2:
        raise runtime_error(f"diag(): Supports 1D or 2D tensors. Got {input.rank}D")
    view = taken(input, diagonal)
    return input.like(shape=view.shape, axes=view.axes)


@native("one_hot(Tensor tensor, int num_classes=-1)", at="F")
def one_hot(tensor: Tensor, num_classes: Any = -1) -> Tensor:
    count_ = number(num_classes)
    if tensor.dtype != "int64":
        raise runtime_error(
            "one_hot is only applicable to index tensor of type LongTensor.", argument=tensor,
            wants={"dtype": "int64"},
        )  # fmt: skip
    if tensor.numel == 0:
        if count_ <= 0:
            raise runtime_error("Can not infer total number of classes from empty tensor.")
    elif tensor.known is not None:
        if min(tensor.known) < 0:
            raise runtime_error("Class values must be non-negative.")
        if count_ == -1:
            count_ = max(tensor.known) + 1
        elif count_ < 1:
            raise runtime_error("num_classes should be positive")
        elif settled(count_) and max(tensor.known) >= count_:
            raise runtime_error("Class values must be smaller than num_classes.")
    elif count_ == -1:
        raise NotKnown("the number of classes depends on the values")
    return Tensor(
        (*tensor.shape, count_), "int64", (*tensor.axes, features(count_, "one_hot")),
        facts=tensor.facts,
    )  # fmt: skip
