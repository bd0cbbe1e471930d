"""matmul and its kind, einsum, attention by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..refusal import NotKnown, runtime_error, type_error
from ..sizes import product
from ..tensor import (
    Axis,
    Tensor,
    axis_index,
    broadcast,
    contiguous_strides,
    elementwise,
    expanded,
    merged_facts,
    merged_graph,
    permuted,
)
from . import row, type_name
from .native import alias, c_name, listed, native, not_implemented, numbers, times


def result(a: Tensor, b: Tensor, shape: Sequence[int], axes: Sequence[Axis], **more: Any) -> Tensor:
    """The product of two tensors."""
    return Tensor(
        tuple(shape),
        a.dtype,
        tuple(axes),
        graph=merged_graph(a, b),
        facts=merged_facts([a, b]),
        **more,
    )


def matrices(a: Tensor, b: Tensor, argument: Tensor | None = None) -> None:
    """What mm refuses of two matrices: sizes, then dtypes; `argument` is where a came from."""
    given = a if argument is None else argument
    if a.shape[-1] != b.shape[0]:
        raise runtime_error(
            f"mat1 and mat2 shapes cannot be multiplied ({times(a.shape)} and {times(b.shape)})",
            sizes=[(a.shape[-1], b.shape[0])], argument=given,
        )  # fmt: skip
    if a.dtype != b.dtype:
        raise runtime_error(
            f"expected m1 and m2 to have the same dtype, but got: {c_name(a.dtype)} != "
            f"{c_name(b.dtype)}",
            argument=given, wants={"dtype": b.dtype},
        )  # fmt: skip
    if a.dtype == "bool" and a.numel != 0 and b.numel != 0:
        raise not_implemented("addmm_impl_cpu_", "bool", a)


def rows_of(x: Tensor) -> Tensor:
    """(…, k) as the matrix of its rows."""
    return Tensor((product(x.shape[:-1]), x.shape[-1]), x.dtype)


@native("matmul(Tensor input, Tensor other)")
def matmul(input: Tensor, other: Tensor) -> Tensor:
    a, b = input, other
    if not a.rank or not b.rank:
        raise runtime_error(
            f"both arguments to matmul need to be at least 1D, but they are {a.rank}D and {b.rank}D"
        )
    if a.rank == b.rank == 1:
        return dot(a, b)
    if a.rank == 2 and b.rank == 1:
        return mv(a, b)
    if a.rank <= 2 and b.rank == 2:
        matrices(a.view_of(shape=(1, *a.shape)) if a.rank == 1 else a, b)
        return result(a, b, (*a.shape[:-1], b.shape[1]), (*a.axes[:-1], b.axes[1]))
    if _folds(a, b):
        return _folded(a, b)
    left, right = (a if a.rank > 1 else _row(a)), (b if b.rank > 1 else _column(b))
    lead, axes = broadcast(*(_batch(x) for x in (left, right)))
    count = product(lead)
    (n, k), (k2, m) = left.shape[-2:], right.shape[-2:]
    if k != k2:
        raise runtime_error(
            "Expected size for first two dimensions of batch2 "
            f"tensor to be: [{count}, {k}] but got: [{count}, {k2}].", sizes=[(k, k2)], argument=a,
        )  # fmt: skip
    _same_scalar(left, right, count * n * m * k)
    shape, places = (*lead, n, m), (*axes, left.axes[-2], right.axes[-1])
    if a.rank == 1:
        return result(a, b, (*lead, m), (*axes, right.axes[-1]))
    if b.rank == 1:
        return result(a, b, (*lead, n), (*axes, left.axes[-2]))
    return result(a, b, shape, places)


def _batch(x: Tensor) -> Tensor:
    return x.view_of(shape=x.shape[:-2], axes=x.axes[:-2], strides=x.strides[:-2])


def _row(x: Tensor) -> Tensor:
    return x.view_of(
        shape=(1, *x.shape),
        axes=((x.axes[0][0]._replace(size=1, kind="one"),), *x.axes),
        strides=(1, *x.strides),
    )


def _column(x: Tensor) -> Tensor:
    return x.view_of(
        shape=(*x.shape, 1),
        axes=(*x.axes, (x.axes[0][0]._replace(size=1, kind="one"),)),
        strides=(*x.strides, 1),
    )


def _folds(a: Tensor, b: Tensor) -> bool:
    """torch's should_fold: whether the batch becomes rows of one matrix product."""
    larger = a.rank >= b.rank
    big, small = (a, b) if larger else (b, a)
    if not (big.rank >= 3 and small.rank <= 2):
        return False
    if small.storage.requires_grad or small.graph:
        return True
    if a.rank == 2:
        return False
    if big.numel == 0:
        return True
    shape, strides = big.shape, big.strides
    if not larger:
        shape = (*shape[:-2], shape[-1], shape[-2])
        strides = (*strides[:-2], strides[-1], strides[-2])
    return all(strides[i] == strides[i + 1] * shape[i + 1] for i in range(big.rank - 2))


def _folded(a: Tensor, b: Tensor) -> Tensor:
    if a.rank >= b.rank:
        flat = rows_of(a)
        if b.rank == 1:
            mv(flat, b)
            return result(a, b, a.shape[:-1], a.axes[:-1])
        matrices(flat, b)
        return result(a, b, (*a.shape[:-1], b.shape[-1]), (*a.axes[:-1], b.axes[-1]))
    turned = (*b.shape[:-2], b.shape[-1], b.shape[-2])
    flat = Tensor((product(turned[:-1]), turned[-1]), b.dtype)
    if a.rank == 1:
        mv(flat, a)
        return result(a, b, (*b.shape[:-2], b.shape[-1]), (*b.axes[:-2], b.axes[-1]))
    matrices(flat, Tensor(a.shape[::-1], a.dtype))
    out = result(
        a, b, (*b.shape[:-2], b.shape[-1], a.shape[0]), (*b.axes[:-2], b.axes[-1], a.axes[0])
    )
    order = [*range(out.rank - 2), out.rank - 1, out.rank - 2]
    return permuted(out, order)


def _same_scalar(a: Tensor, b: Tensor, work: int = 1) -> None:
    if not work:
        if a.dtype != b.dtype:
            raise NotKnown("an empty product of two dtypes")
        return
    if a.dtype == "bool":
        raise not_implemented("bmm", "bool", a)
    if a.dtype != b.dtype:
        raise runtime_error(
            f"expected scalar type {alias(a.dtype)} but found {alias(b.dtype)}", argument=b,
            wants={"dtype": a.dtype},
        )  # fmt: skip


@row("Tensor.__matmul__")
def matmul_operator(self: Tensor, other: Any) -> Tensor:
    if not isinstance(other, Tensor):
        raise type_error(
            f"unsupported operand type(s) for @: 'Tensor' and '{type_name(other)}'", argument=other
        )
    return matmul(self, other)


@native("dot(Tensor input, Tensor tensor)", also=("vdot",))
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """Σ a·b of two vectors."""
    a, b = input, tensor
    if a.rank != 1 or b.rank != 1:
        raise runtime_error(f"1D tensors expected, but got {a.rank}D and {b.rank}D tensors")
    if a.dtype != b.dtype:
        raise runtime_error(
            "dot : expected both vectors to have same dtype, but found "
            f"{alias(a.dtype)} and {alias(b.dtype)}"
        )
    if a.shape != b.shape:
        raise runtime_error(
            f"inconsistent tensor size, expected tensor [{a.shape[0]}] and src [{b.shape[0]}] to "
            "have the "
            f"same number of elements, but got {a.shape[0]} and {b.shape[0]} elements respectively",
            sizes=[(a.shape[0], b.shape[0])],
        )  # fmt: skip
    if a.dtype == "bool":
        raise not_implemented("dot", "bool", a)
    return result(a, b, (), ())


@native("mv(Tensor input, Tensor vec)")
def mv(input: Tensor, vec: Tensor) -> Tensor:
    a, b = input, vec
    if a.rank != 2 or b.rank != 1:
        raise runtime_error(f"vector + matrix @ vector expected, got 1, {a.rank}, {b.rank}")
    if a.shape[1] != b.shape[0]:
        raise runtime_error(
            f"size mismatch, got input ({a.shape[0]}), mat ({a.shape[0]}x{a.shape[1]}), vec "
            f"({b.shape[0]})", sizes=[(a.shape[1], b.shape[0])]
        )  # fmt: skip
    if a.dtype != b.dtype:
        raise runtime_error(
            "addmv input tensors must have the same dtype, but got "
            f"{alias(b.dtype)}, {alias(a.dtype)}, and {alias(b.dtype)}"
        )
    if a.dtype == "bool" and a.numel != 0:
        raise not_implemented("addmv_impl_cpu", "bool", a)
    return result(a, b, a.shape[:1], a.axes[:1])


@native("mm(Tensor input, Tensor mat2)", "mm(Tensor input, Tensor mat2, dtype out_dtype)")
def mm(input: Tensor, mat2: Tensor, out_dtype: Any = None) -> Tensor:
    for name, x in (("self", input), ("mat2", mat2)):
        if x.rank != 2:
            raise runtime_error(f"{name} must be a matrix", argument=x, wants={"rank": (2,)})
    matrices(input, mat2)
    return result(input, mat2, (input.shape[0], mat2.shape[1]), (input.axes[0], mat2.axes[1]))


@native("bmm(Tensor input, Tensor mat2)", "bmm(Tensor input, Tensor mat2, dtype out_dtype)")
def bmm(input: Tensor, mat2: Tensor, out_dtype: Any = None) -> Tensor:
    a, b = input, mat2
    for name, x in (("batch1", a), ("batch2", b)):
        if x.rank != 3:
            raise runtime_error(f"{name} must be a 3D tensor", argument=x, wants={"rank": (3,)})
    if a.shape[0] != b.shape[0] or a.shape[2] != b.shape[1]:
        raise runtime_error(
            "Expected size for first two dimensions of batch2 tensor to be: "
            f"[{a.shape[0]}, {a.shape[2]}] but got: [{b.shape[0]}, {b.shape[1]}].",
            sizes=[(a.shape[0], b.shape[0]), (a.shape[2], b.shape[1])], argument=b,
        )  # fmt: skip
    _same_scalar(a, b, a.numel * b.shape[2])
    _, axes = broadcast(
        a.view_of(shape=(a.shape[0],), axes=a.axes[:1], strides=(1,)),
        b.view_of(shape=(b.shape[0],), axes=b.axes[:1], strides=(1,)),
    )
    return result(a, b, (a.shape[0], a.shape[1], b.shape[2]), (*axes, a.axes[1], b.axes[2]))


@native("outer(Tensor input, Tensor vec2)", also=("ger",))
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    for name, x in (("self", input), ("vec2", vec2)):
        if x.rank != 1:
            raise runtime_error(f"outer: Expected 1-D argument {name}, but got {x.rank}-D")
    both = elementwise(input.view_of(shape=(1,), axes=(), strides=(1,)), vec2)
    return result(input, vec2, (*input.shape, *vec2.shape), (*input.axes, *vec2.axes)).like(
        dtype=both.dtype
    )


@native("inner(Tensor input, Tensor other)")
def inner(input: Tensor, other: Tensor) -> Tensor:
    a, b = input, other
    if not a.rank or not b.rank:
        return elementwise(a, b)
    if a.shape[-1] != b.shape[-1]:
        raise runtime_error(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{listed(a.shape)} and {listed(b.shape)}", sizes=[(a.shape[-1], b.shape[-1])],
        )  # fmt: skip
    if a.dtype != b.dtype:
        raise runtime_error("both inputs should have same dtype")
    return result(a, b, (*a.shape[:-1], *b.shape[:-1]), (*a.axes[:-1], *b.axes[:-1]))


@native("addmm(Tensor input, Tensor mat1, Tensor mat2, *, Number beta=1, Number alpha=1)")
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, beta: Any = 1, alpha: Any = 1) -> Tensor:
    for name, x in (("mat1", mat1), ("mat2", mat2)):
        if x.rank != 2:
            raise runtime_error(f"{name} must be a matrix, got {x.rank}-D tensor")
    if mat1.shape[1] == mat2.shape[0]:
        expanded(input, (mat1.shape[0], mat2.shape[1]))
    out = mm(mat1, mat2)
    return out.like(graph=out.graph | input.graph)


@native("baddbmm(Tensor input, Tensor batch1, Tensor batch2, *, Number beta=1, Number alpha=1)")
def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, beta: Any = 1, alpha: Any = 1) -> Tensor:
    sizes = [x.shape[axis_index(d, x.rank)] for d, x in enumerate((batch1, batch1, batch2))]
    expanded(input, tuple(sizes))
    out = bmm(batch1, batch2)
    return out.like(graph=out.graph | input.graph)


# ------------------------------------------------------------------------------------------- einsum


@row("torch.einsum")
def einsum(equation: Any, *operands: Any) -> Tensor:
    if not isinstance(equation, str):
        raise NotKnown("einsum in lists")
    tensors = (
        list(operands[0])
        if len(operands) == 1 and isinstance(operands[0], list | tuple)
        else list(operands)
    )
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    inputs = left.split(",")
    if len(inputs) > len(tensors):
        raise runtime_error("einsum(): fewer operands were provided than specified in the equation")
    if len(inputs) < len(tensors):
        raise runtime_error("einsum(): more operands were provided than specified in the equation")
    sizes: dict[str, int] = {}
    axes: dict[str, Axis] = {}
    dots = 0
    spread: list[tuple[int, list[str]]] = []
    for letters, x in zip(inputs, tensors):
        named = letters.replace("...", "")
        if "..." not in letters and len(named) != x.rank:
            words = "number of dimensions"
            raise runtime_error(
                f"einsum(): the number of subscripts in the equation ({len(named)}) does not "
                f"match the {words} ({x.rank}) for operand {len(spread)} and no ellipsis was given",
                argument=x, wants={"rank": (len(named),)},
            )  # fmt: skip
        if len(named) > x.rank:
            raise runtime_error(
                f"einsum(): the number of subscripts in the equation ({len(named)}) is more than "
                f"the number of dimensions ({x.rank}) for operand {len(spread)}"
            )
        extra = x.rank - len(named)
        dots = max(dots, extra)
        before, _, after = letters.partition("...")
        spread.append((extra, [*before, *([""] * extra), *after]))
    ellipsis = [f"<{i}>" for i in range(dots)]
    for number, ((extra, labels), x) in enumerate(zip(spread, tensors)):
        filled = iter(ellipsis[dots - extra :])
        spread[number] = (extra, [label or next(filled) for label in labels])
        for d, label in enumerate(spread[number][1]):
            size = x.shape[d]
            seen = sizes.get(label)
            if seen is not None and seen != size and 1 not in (seen, size):
                inside = spread[number][1][:d]
                if label in inside:
                    raise runtime_error(
                        f"einsum(): subscript {label} is repeated for operand {number} but the "
                        f"sizes don't match, {size} != {seen}"
                    )
                if label.startswith("<"):
                    raise runtime_error(
                        f"einsum(): dimension {int(label[1:-1]) - dots + extra} covered by "
                        f"ellipsis in operand {number}has size {size} which does not broadcast "
                        f"with previously seen ellipsis with size {seen} for the respective "
                        "dimension"
                    )
                raise runtime_error(
                    f"einsum(): subscript {label} has size {size} for operand {number} which does "
                    "not "
                    f"broadcast with previously seen size {seen}", sizes=[(size, seen)], argument=x,
                )  # fmt: skip
            if seen is None or seen == 1:
                sizes[label], axes[label] = size, x.axes[d]
    every = [label for _, labels in spread for label in labels]
    if arrow:
        before, has, after = right.partition("...")
        output = [*before, *(ellipsis if has else []), *after]
    else:
        output = [
            *ellipsis,
            *sorted(label for label in {*every} - {*ellipsis} if every.count(label) == 1),
        ]
    for label in output:
        if label not in sizes:
            raise runtime_error(
                f"einsum(): output subscript {label} does not appear in the equation for any "
                "input operand"
            )
    if len(tensors) > 1:
        a, *rest = tensors
        for b in rest:
            if a.dtype != b.dtype:
                raise NotKnown("einsum of several dtypes")
    else:
        if len(set(every)) == len(every) == len(output):
            return permuted(tensors[0], [spread[0][1].index(label) for label in output])
        if len(set(every)) != len(every):
            raise NotKnown("a diagonal by einsum")
    shape = tuple(sizes[label] for label in output)
    strides = _paired(tensors, [labels for _, labels in spread], output, shape)
    return Tensor(
        shape, tensors[0].dtype, tuple(axes[label] for label in output), strides,
        graph=merged_graph(*tensors), facts=merged_facts(tensors),
    )  # fmt: skip


def _paired(
    tensors: Sequence[Tensor], labels: Sequence[list[str]], output: list[str], shape: Sequence[int]
) -> tuple[int, ...]:
    """How a product of two leaves bmm: axes of both, of the left alone, of the right alone."""
    if len(tensors) != 2 or not set(labels[0]) & set(labels[1]) - set(output):
        return ()
    wide = [
        {name for name, n in zip(names, x.shape) if n != 1} for names, x in zip(labels, tensors)
    ]
    left, right = wide
    group = {
        name: 0 if name in left & right else 2 if name in right or name not in labels[0] else 1
        for name in output
    }
    order = sorted(range(len(output)), key=lambda d: (group[output[d]], d))
    dense = contiguous_strides([shape[d] for d in order])
    return tuple(dense[order.index(d)] for d in range(len(output)))


@row("torch.tensordot")
def tensordot(a: Tensor, b: Tensor, dims: Any = 2, out: Any = None) -> Tensor:
    if isinstance(dims, int):
        if dims > min(a.rank, b.rank):
            raise NotKnown("tensordot over so many axes")
        left, right = list(range(a.rank - dims, a.rank)), list(range(dims))
        told = [d - a.rank for d in left]
    else:
        left, right = (numbers(d) for d in dims)
        told = left
    for d, e, word in zip(left, right, told):
        if d >= a.rank or e >= b.rank:
            raise NotKnown("tensordot over an axis that is not there")
        if a.shape[d] != b.shape[e] and 1 not in (a.shape[d], b.shape[e]):
            raise runtime_error(
                f"contracted dimensions need to match, but first has size {a.shape[d]} in dim "
                f"{word} and "
                f"second has size {b.shape[e]} in dim {e}", sizes=[(a.shape[d], b.shape[e])],
            )  # fmt: skip
    keep_a = [d for d in range(a.rank) if d not in [x % a.rank for x in left]]
    keep_b = [d for d in range(b.rank) if d not in [x % b.rank for x in right]]
    return result(
        a, b, (*(a.shape[d] for d in keep_a), *(b.shape[d] for d in keep_b)),
        (*(a.axes[d] for d in keep_a), *(b.axes[d] for d in keep_b)),
    )  # fmt: skip


@row("torch.nn.functional.scaled_dot_product_attention")
def attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Any = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: Any = None, enable_gqa: bool = False,
) -> Tensor:  # fmt: skip
    """softmax(q·kᵀ)·v."""
    order = [*range(key.rank - 2), key.rank - 1, key.rank - 2]
    scores = matmul(query, permuted(key, order))
    return matmul(scores, value)
