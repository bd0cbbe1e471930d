"""Rows that show how one is written: views, joining, products, Linear and Embedding."""

from __future__ import annotations

from typing import Any

from ..sizes import product
from ..tensor import (
    Tensor,
    axis_index,
    broadcast,
    features,
    permuted,
    promoted,
    reshaped,
    resized,
    viewed,
)
from ..values import DType, parameter
from . import index_error, module, row, runtime_error, tensor_argument, type_error, type_name


def sizes_of(shape: tuple[Any, ...]) -> tuple[int, ...]:
    """`view(2, 3)` and `view((2, 3))` are one."""
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        return tuple(shape[0])
    return shape


def type_of(x: Tensor) -> str:
    """torch.FloatTensor and the like, as messages name a tensor."""
    names = {"float32": "Float", "int64": "Long", "float64": "Double", "int32": "Int",
             "bool": "Bool", "float16": "Half", "bfloat16": "BFloat16", "uint8": "Byte",
             "int8": "Char", "int16": "Short"}  # fmt: skip
    return f"torch.{names.get(x.dtype, x.dtype)}Tensor"


@row("Tensor.view")
def view(self: Tensor, *shape: Any) -> Tensor:
    if len(shape) == 1 and isinstance(shape[0], DType):
        return self.view_of(dtype=shape[0].plain)
    return viewed(self, sizes_of(shape))


@row("Tensor.reshape")
def reshape(self: Tensor, *shape: Any) -> Tensor:
    return reshaped(self, sizes_of(shape))


@row("torch.reshape")
def reshape_function(input: Tensor, shape: Any) -> Tensor:
    return reshaped(input, tuple(shape))


@row("torch.transpose", "Tensor.transpose", "torch.swapaxes", "Tensor.swapaxes")
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    a, b = axis_index(dim0, input.rank), axis_index(dim1, input.rank)
    order = list(range(input.rank))
    if order:
        order[a], order[b] = order[b], order[a]
    return permuted(input, order)


@row("torch.cat", "torch.concat", "torch.concatenate")
def cat(tensors: Any, dim: int = 0, *, out: Any = None) -> Tensor:
    parts = list(tensors)
    if not parts:
        raise runtime_error("torch.cat(): expected a non-empty list of Tensors")
    for i, part in enumerate(parts):
        if not isinstance(part, Tensor):
            raise type_error(
                f"expected Tensor as element {i} in argument 0, but got {type_name(part)}",
                argument=part,
            )
    kept = [p for p in parts if p.shape != (0,)] or parts[:1]  # torch passes over old empty ones
    first = kept[0]
    if first.rank == 0:
        raise runtime_error("zero-dimensional tensor (at position 0) cannot be concatenated")
    at = axis_index(dim, first.rank)
    total: int = 0
    for part in kept:
        if part.rank != first.rank:
            raise runtime_error(
                f"Tensors must have same number of dimensions: got {first.rank} and {part.rank}"
            )
        for d in range(first.rank):
            if d != at and part.shape[d] != first.shape[d]:
                raise runtime_error(
                    f"Sizes of tensors must match except in dimension {at}. Expected size "
                    f"{first.shape[d]} but got size {part.shape[d]} for tensor number "
                    f"{parts.index(part)} in the list.", sizes=[(first.shape[d], part.shape[d])],
                )  # fmt: skip
        total = total + part.shape[at]
    _, axes = broadcast(*(p.view_of(shape=(*p.shape[:at], 1, *p.shape[at + 1 :])) for p in kept))
    return first.like(
        shape=(*first.shape[:at], total, *first.shape[at + 1 :]),
        axes=(*axes[:at], resized(first.axes[at], total), *axes[at + 1 :]), dtype=promoted(*kept),
    )  # fmt: skip


@row("torch.matmul", "Tensor.matmul", "Tensor.__matmul__")
def matmul(input: Tensor, other: Tensor) -> Tensor:
    a, b = input, other
    if not isinstance(b, Tensor):
        raise type_error(
            f"matmul(): argument 'other' (position 1) must be Tensor, not {type_name(b)}",
            argument=b,
        )
    if a.dtype != b.dtype:
        raise runtime_error(
            f"expected m1 and m2 to have the same dtype, but got: {c_type(a)} != {c_type(b)}"
        )
    if a.rank == b.rank == 1:
        if a.shape != b.shape:
            raise runtime_error(
                f"inconsistent tensor size, expected tensor [{a.shape[0]}] and src [{b.shape[0]}] "
                f"to have the same number of elements, but got {a.shape[0]} and {b.shape[0]} "
                "elements respectively",
                sizes=[(a.shape[0], b.shape[0])],
            )
        return a.like(shape=(), axes=())
    if a.rank >= 1 and b.rank == 1:
        if a.rank == 2 and a.shape[1] != b.shape[0]:
            raise runtime_error(
                f"size mismatch, got input ({a.shape[0]}), mat ({a.shape[0]}x{a.shape[1]}), "
                f"vec ({b.shape[0]})",
                sizes=[(a.shape[1], b.shape[0])],
            )
        return a.like(shape=a.shape[:-1], axes=a.axes[:-1])
    rows, inner = (product(a.shape[:-1]), a.shape[-1])
    if a.shape[-1] != b.shape[-2]:
        raise runtime_error(
            f"mat1 and mat2 shapes cannot be multiplied ({rows}x{inner} and "
            f"{b.shape[-2]}x{b.shape[-1]})",
            sizes=[(inner, b.shape[-2])],
        )
    if a.rank == 1:
        return b.like(shape=(*b.shape[:-2], b.shape[-1]), axes=(*b.axes[:-2], b.axes[-1]))
    lead, axes = broadcast(
        a.view_of(shape=a.shape[:-2], axes=a.axes[:-2], strides=a.strides[:-2]),
        b.view_of(shape=b.shape[:-2], axes=b.axes[:-2], strides=b.strides[:-2]),
    )
    return a.like(shape=(*lead, a.shape[-2], b.shape[-1]), axes=(*axes, a.axes[-2], b.axes[-1]))


def c_type(x: Tensor) -> str:
    """A dtype as C++ names it in some messages."""
    names = {"float32": "float", "float64": "double", "int64": "long long", "int32": "int",
             "float16": "c10::Half", "bfloat16": "c10::BFloat16", "bool": "bool"}  # fmt: skip
    return names.get(x.dtype, x.dtype)


@row("torch.nn.functional.linear")
def linear(input: Any, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    x = tensor_argument(input, "linear", "input", 1)
    if x.dtype != weight.dtype:
        raise runtime_error(
            f"mat1 and mat2 must have the same dtype, but got {x.dtype.capitalize()} and "
            f"{weight.dtype.capitalize()}", argument=x, wants={"dtype": weight.dtype},
        )  # fmt: skip
    if x.rank == 0:
        raise runtime_error(
            "both arguments to linear need to be at least 1D, but they are 0D and 2D"
        )
    if x.shape[-1] != weight.shape[1]:
        rows = product(x.shape[:-1])
        raise runtime_error(
            f"mat1 and mat2 shapes cannot be multiplied ({rows}x{x.shape[-1]} and "
            f"{weight.shape[1]}x{weight.shape[0]})",
            sizes=[(x.shape[-1], weight.shape[1])], argument=x,
        )  # fmt: skip
    return x.like(
        shape=(*x.shape[:-1], weight.shape[0]),
        axes=(*x.axes[:-1], features(weight.shape[0], "Linear")),
    )


@module("torch.nn.Linear")
class Linear:
    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self.in_features, self.out_features = in_features, out_features
        self.weight = parameter((out_features, in_features))
        self.bias = parameter((out_features,)) if bias else None

    def forward(self, input: Any) -> Tensor:
        return linear(input, self.weight, self.bias)


@row("torch.nn.functional.embedding")
def embedding(
    input: Any,
    weight: Tensor,
    padding_idx: Any = None,
    max_norm: Any = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    x = tensor_argument(input, "embedding", "indices", 2)
    if x.dtype not in ("int64", "int32"):
        raise runtime_error(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
            f"Long, Int; but got {type_of(x)} instead (while checking arguments for embedding)",
            argument=x, wants={"dtype": "int64"},
        )  # fmt: skip
    if x.known is not None and any(not 0 <= i < weight.shape[0] for i in x.known):
        raise index_error("index out of range in self", argument=x)
    return weight.like(
        shape=(*x.shape, weight.shape[1]), axes=(*x.axes, features(weight.shape[1], "Embedding")),
        strides=(), graph=weight.graph,
    )  # fmt: skip


@module("torch.nn.Embedding")
class Embedding:
    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: Any = None,
        max_norm: Any = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Any = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self.num_embeddings, self.embedding_dim, self.padding_idx = (
            num_embeddings,
            embedding_dim,
            padding_idx,
        )
        self.weight = parameter((num_embeddings, embedding_dim)) if _weight is None else _weight

    def forward(self, input: Any) -> Tensor:
        return embedding(input, self.weight)
