"""Tensors joined and cut: cat, stack, chunk, split, unbind."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from ..refusal import NotKnown, index_error, runtime_error, type_error, value_error
from ..sizes import smallest
from ..tensor import (
    JOINED,
    Axis,
    Origin,
    Part,
    Tensor,
    axis_index,
    broadcast,
    merged_facts,
    merged_graph,
    promoted,
    resized,
    selected,
    sliced,
    unsqueezed,
)
from . import row, type_name
from .forms import atleast_1d, atleast_2d, atleast_3d
from .native import is_whole, listed, native, number, numbers


@native("cat(Tensors tensors, int dim=0)", at="torch", also=("concat", "concatenate"))
def cat(tensors: Any, dim: Any = 0) -> Tensor:
    parts = list(tensors)
    if not parts:
        raise value_error("torch.cat(): expected a non-empty list of Tensors")
    for i, part in enumerate(parts):
        if not part.rank:
            raise runtime_error(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
    kept = [p for p in parts if p.shape != (0,)]  # torch passes over empty vectors
    if not kept:
        kept = parts[:1]
    first = kept[0]
    at = axis_index(number(dim), first.rank)
    total: int = 0
    for part in kept:
        if part.rank != first.rank:
            raise runtime_error(
                f"Tensors must have same number of dimensions: got {first.rank} and {part.rank}",
                argument=part, wants={"rank": (first.rank,)},
            )  # fmt: skip
        for d in range(first.rank):
            if d != at and part.shape[d] != first.shape[d]:
                raise runtime_error(
                    f"Sizes of tensors must match except in dimension {at}. Expected size "
                    f"{first.shape[d]} but got size {part.shape[d]} for tensor number "
                    f"{next(i for i, p in enumerate(parts) if p is part)} in the list.",
                    sizes=[(first.shape[d], part.shape[d])], argument=part,
                )  # fmt: skip
        total = total + part.shape[at]
    joined = [p.view_of(shape=(*p.shape[:at], 1, *p.shape[at + 1 :])) for p in kept]
    _, axes = broadcast(*joined)
    values: Any = None
    if first.rank == 1 and all(p.known is not None for p in kept):
        values = tuple(v for p in kept for v in p.known or ())
    shape = (*first.shape[:at], total, *first.shape[at + 1 :])
    return Tensor(
        shape, promoted(*parts), (*axes[:at], _joined_axis(kept, at, total), *axes[at + 1 :]),
        values=values, graph=merged_graph(*kept), facts=merged_facts(kept),
    )  # fmt: skip


def _joined_axis(parts: Sequence[Tensor], at: int, size: int) -> Axis:
    kinds = {tuple(p.kind for p in part.axes[at]) for part in parts}
    best = next((p for p in parts if p.axes[at][0].kind != "one"), parts[0])
    axis = resized(best.axes[at], size)
    if len(kinds - {("one",)}) > 1:
        return (Part(size, "unknown"),)
    first = parts[0].axes[at]
    if len(parts) > 1 and all(p.axes[at] == first for p in parts) and len(first) == 1:
        if first[0].kind == "samples" and first[0].origin is not None and parts[0].rank > 1:
            return (
                Part(len(parts), "unknown", Origin(JOINED)),
                first[0],
            )  # a batch, again and again
    if axis[0].kind != "one" or size == 1:
        return axis
    return (Part(size, "unknown", Origin(JOINED) if size == len(parts) else None),)


@native("stack(Tensors tensors, int dim=0)", at="torch")
def stack(tensors: Any, dim: Any = 0) -> Tensor:
    parts = list(tensors)
    if not parts:
        raise runtime_error("stack expects a non-empty TensorList")
    at = axis_index(number(dim), parts[0].rank, extra=1)
    first = parts[0]
    for i, part in enumerate(parts):
        if part.shape != first.shape:
            raise runtime_error(
                f"stack expects each tensor to be equal size, but got {listed(first.shape)} at "
                f"entry 0 and {listed(part.shape)} at entry {i}",
                sizes=zip(first.shape, part.shape), argument=part,
            )  # fmt: skip
    _, axes = broadcast(*parts)
    values = None
    if not first.rank and all(p.known for p in parts):
        values = tuple(v for p in parts for v in p.known or ())
    alone = len(parts) == 1
    new: Axis = (Part(1, "one"),) if alone else (Part(len(parts), "unknown", Origin(JOINED)),)
    return Tensor(
        (*first.shape[:at], len(parts), *first.shape[at:]), promoted(*parts),
        (*axes[:at], new, *axes[at:]), values=values, graph=merged_graph(*parts),
        facts=merged_facts(parts),
    )  # fmt: skip


def _stacks(name: str) -> None:
    @row(f"torch.{name}")
    def rule(tensors: Any) -> Tensor:
        if isinstance(tensors, Tensor) or not isinstance(tensors, list | tuple):
            raise type_error(
                f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not "
                f"{type_name(tensors)}"
            )
        if not tensors:
            raise NotKnown(f"{name} of nothing")
        if name == "hstack":
            parts = [atleast_1d(x) for x in tensors]
            return cat(parts, 0 if parts[0].rank == 1 else 1)
        if name in ("vstack", "row_stack"):
            return cat([atleast_2d(x) for x in tensors], 0)
        if name == "dstack":
            return cat([atleast_3d(x) for x in tensors], 2)
        columns = [x if x.rank > 1 else unsqueezed(atleast_1d(x), 1) for x in tensors]
        return cat(columns, 1)


for _name in ("hstack", "vstack", "row_stack", "dstack", "column_stack"):
    _stacks(_name)


# ------------------------------------------------------------------------------------------- cut


def _pieces(x: Tensor, at: int, sizes: Sequence[int]) -> tuple[Tensor, ...]:
    starts = [0, *accumulate(sizes)]
    return tuple(
        sliced(x, at, slice(start, start + size, None)) for start, size in zip(starts, sizes)
    )


@native("chunk(Tensor input, int chunks, int dim=0)")
def chunk(input: Tensor, chunks: Any, dim: Any = 0) -> tuple[Tensor, ...]:
    """Parts of one size, the last one smaller; there may be fewer than asked for."""
    count = number(chunks)
    if not input.rank:
        raise runtime_error("chunk expects at least a 1-dimensional tensor")
    if count <= 0:
        raise runtime_error(f"chunk expects `chunks` to be greater than 0, got: {count}")
    at = axis_index(number(dim), input.rank)
    size = input.shape[at]
    each = -(-size // count)
    if size == 0:
        return _pieces(input, at, [0] * count)
    return _pieces(input, at, _even(size, each))


def _even(size: int, each: int) -> list[int]:
    sizes: list[int] = []
    left = size
    for _ in range(100_000):
        if left <= 0:
            return sizes
        sizes.append(smallest(each, left) if left < each else each)
        left = left - each
    raise NotKnown("so many parts")


@native(
    "split(Tensor tensor, int split_size, int dim=0)",
    "split(Tensor tensor, ints split_size, int dim=0)",
)
def split(tensor: Tensor, split_size: Any, dim: Any = 0) -> tuple[Tensor, ...]:
    x = tensor
    if isinstance(split_size, list | tuple):
        return split_with_sizes(x, split_size, dim)
    if not x.rank:
        raise runtime_error("split expects at least a 1-dimensional tensor")
    at, each = axis_index(number(dim), x.rank), number(split_size)
    if each < 0:
        raise runtime_error(f"split expects split_size be non-negative, but got split_size={each}")
    size = x.shape[at]
    if each == 0:
        if size != 0:
            raise runtime_error(
                f"split_size can only be 0 if dimension size is 0, but got dimension size of {size}"
            )
        return (x,)
    return _pieces(x, at, _even(size, each) or [0])


@native("split_with_sizes(Tensor input, ints split_sizes, int dim=0)")
def split_with_sizes(input: Tensor, split_sizes: Any, dim: Any = 0) -> tuple[Tensor, ...]:
    if not input.rank:
        raise runtime_error("split expects at least a 1-dimensional tensor")
    at, sizes = axis_index(number(dim), input.rank), numbers(split_sizes)
    if any(n < 0 for n in sizes):
        raise runtime_error(
            "split_with_sizes expects split_sizes have only non-negative entries, but got "
            f"split_sizes={listed(sizes)}"
        )
    total: int = 0
    for n in sizes:
        total = total + n
    if total != input.shape[at]:
        raise runtime_error(
            f"split_with_sizes expects split_sizes to sum exactly to {input.shape[at]} (input "
            f"tensor's size at dimension {number(dim)}), but got split_sizes={listed(sizes)}",
            sizes=[(total, input.shape[at])],
        )  # fmt: skip
    return _pieces(input, at, sizes)


row("torch.functional.split")(
    lambda tensor, split_size_or_sections, dim=0: split(tensor, split_size_or_sections, dim)
)


@row("torch.tensor_split", "Tensor.tensor_split")
def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    if not input.rank:
        raise runtime_error(
            "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )
    at = axis_index(dim, input.rank)
    if not is_whole(indices_or_sections):
        raise NotKnown("tensor_split at positions")
    count, size = number(indices_or_sections), input.shape[at]
    least, rest = size // count, int(size) % int(count)
    return _pieces(input, at, [least + (i < rest) for i in range(count)])


@native("unbind(Tensor input, int dim=0)")
def unbind(input: Tensor, dim: Any = 0) -> tuple[Tensor, ...]:
    if not input.rank:
        raise index_error(f"Dimension specified as {number(dim)} but tensor has no dimensions")
    at = axis_index(number(dim), input.rank)
    if input.shape[at] > 100_000:
        raise NotKnown("so many parts")
    return tuple(selected(input, at, i) for i in range(int(input.shape[at])))
