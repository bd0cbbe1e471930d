"""What goes over axes: sum, mean, max, sort, softmax and their kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from ..refusal import NotKnown, index_error, runtime_error, type_error
from ..tensor import (
    Tensor,
    axis_index,
    category,
    contiguous_strides,
    elementwise,
    reduced,
    with_size,
)
from ..values import Result
from . import lacks, row, type_name, warn
from .creation import plain_dtype
from .native import alias, native, not_implemented, number, numbers, settled
from .pointwise import computed, declared, unary

_DTYPE = ", *, dtype? dtype=None"


def dims_of(x: Tensor, dim: Any) -> list[int] | None:
    """The axes of a reduction as 0 … rank-1; None for all."""
    if dim is None:
        return None
    given = numbers(dim)
    if not given:
        return None
    places = [axis_index(d, x.rank) for d in given]
    for i, d in enumerate(places):
        if d in places[:i]:
            raise runtime_error(f"dim {d} appears multiple times in the list of dims")
    return places


def over(
    x: Tensor,
    dims: Sequence[int] | None,
    keepdim: bool,
    dtype: str,
    values: Callable[[Sequence[Any]], Any] | None = None,
) -> Tensor:
    """x without the axes `dims`; `values` computes a known result."""
    inner = x if x.rank else x.view_of(values=x.known)
    places = None if dims is None or not x.rank else dims
    out = reduced(inner, places, keepdim, dtype)
    if values is None or x.known is None:
        return out
    return out.like(values=_values(x, places, values), strides=out.strides)


def _values(x: Tensor, dims: Sequence[int] | None, rule: Callable[[Sequence[Any]], Any]) -> Any:
    assert x.known is not None
    if dims is None or x.rank < 2:
        return None if not x.known else (rule(x.known),)
    if x.rank != 2 or len(dims) != 1:
        return None
    rows, columns = (int(n) for n in x.shape)
    if dims[0] == 1:
        groups = [x.known[i * columns : (i + 1) * columns] for i in range(rows)]
    else:
        groups = [x.known[i::columns] for i in range(columns)]
    return None if any(not g for g in groups) else tuple(rule(g) for g in groups)


def _no_elements(name: str, x: Tensor, dims: Sequence[int] | None) -> None:
    """An extreme of nothing."""
    if dims is None:
        if x.numel == 0:
            if name.startswith("arg"):
                raise index_error(
                    f"{name}(): Expected reduction dim to be specified for input.numel() == 0."
                )
            raise runtime_error(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify "
                "the reduction dim with the 'dim' argument."
            )
        return
    for d in dims:
        if x.rank and x.shape[d] == 0:
            raise index_error(f"{name}(): Expected reduction dim {d} to have non-zero size.")


def _summed(dtype: str) -> str:
    return dtype if category(dtype) >= 2 else "int64"


def _sum(name: str) -> Callable[..., Tensor]:
    def rule(input: Tensor, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
        if name == "nanmean" and category(input.dtype) < 2:
            raise runtime_error(
                "nanmean(): expected input to have floating point or complex dtype but got "
                f"{alias(input.dtype)}"
            )
        kind = plain_dtype(dtype, _summed(input.dtype) if "sum" in name else input.dtype)
        if name == "mean" and category(kind) < 2:
            words = "Input dtype" if dtype is None else "Optional dtype"
            raise runtime_error(
                f"mean(): could not infer output dtype. {words} must be either a floating point or "
                f"complex dtype. Got: {alias(kind)}", argument=input, wants={"dtype": "float32"},
            )  # fmt: skip
        places = dims_of(input, dim)
        exact = "sum" in name and category(kind) < 2
        return over(input, places, keepdim, kind, sum if exact else None)

    return rule


for _name in ("sum", "mean"):
    _over_axes = f"{_name}(Tensor input, ints1? dim, bool keepdim=False{_DTYPE})"
    native(f"{_name}(Tensor input{_DTYPE})", _over_axes)(_sum(_name))
for _name in ("nansum", "nanmean"):
    native(f"{_name}(Tensor input, ints1? dim=None, bool keepdim=False{_DTYPE})")(_sum(_name))


@native(
    "prod(Tensor input, *, dtype? dtype=None)",
    "prod(Tensor input, int dim, bool keepdim=False, *, dtype? dtype=None)",
)
def prod(input: Tensor, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    return over(input, dims_of(input, dim), keepdim, plain_dtype(dtype, _summed(input.dtype)))


def _extreme(name: str, choose: Callable[..., Any]) -> Callable[..., Any]:
    def rule(input: Tensor, other: Any = None, dim: Any = None, keepdim: bool = False) -> Any:
        if other is not None:
            return computed(f"{name}imum", input, other)
        dims = dims_of(input, dim)
        _no_elements(name, input, dims)
        values = over(input, dims, keepdim, input.dtype, choose)
        if dim is None:
            return values
        return Result.of(
            name, values=values,
            indices=over(input, dims, keepdim, "int64", lambda v: v.index(choose(v))),
        )  # fmt: skip

    return rule


for _name, _choose in (("max", max), ("min", min)):
    native(
        f"{_name}(Tensor input)", f"{_name}(Tensor input, Tensor other)",
        f"{_name}(Tensor input, int dim, bool keepdim=False)",
    )(_extreme(_name, _choose))  # fmt: skip

    @native(f"arg{_name}(Tensor input, int? dim=None, bool keepdim=False)")
    def position(
        input: Tensor, dim: Any = None, keepdim: bool = False, _name: str = f"arg{_name}",
        _choose: Callable[..., Any] = _choose,
    ) -> Tensor:  # fmt: skip
        if input.dtype == "bool":
            raise runtime_error(f"{_name}(): does not support bool input")
        dims = dims_of(input, dim)
        _no_elements(_name, input, dims)
        return over(input, dims, keepdim, "int64", lambda v: v.index(_choose(v)))

    @native(f"a{_name}(Tensor input, ints1 dim=None, bool keepdim=False)")
    def extreme_over(
        input: Tensor, dim: Any = None, keepdim: bool = False, _name: str = f"a{_name}"
    ) -> Tensor:
        dims = dims_of(input, dim)
        given = [dim] if isinstance(dim, int) else dim
        _no_elements(_name, input, dims and given)  # told as they were given, not counted anew
        return over(input, dims, keepdim, input.dtype)


for _name in ("median", "nanmedian", "mode"):
    _signatures = [f"{_name}(Tensor input)", f"{_name}(Tensor input, int dim, bool keepdim=False)"]
    if _name == "mode":
        _signatures = ["mode(Tensor input, int dim=-1, bool keepdim=False)"]

    @native(*_signatures)
    def middle(input: Tensor, dim: Any = None, keepdim: bool = False, _name: str = _name) -> Any:
        dims = dims_of(input, -1 if dim is None and _name == "mode" else dim)
        if dims is not None:
            _no_elements(_name, input, dims)
        if _name != "mode" and input.dtype == "bool":
            raise not_implemented("median_out" if dims is not None else "median_cpu", "bool", input)
        values = over(input, dims, keepdim, input.dtype)
        if dims is None:
            return values
        return Result.of(_name, values=values, indices=over(input, dims, keepdim, "int64"))


for _name, _logical in (("any", any), ("all", all)):

    @native(
        f"{_name}(Tensor input)", f"{_name}(Tensor input, int dim, bool keepdim=False)",
        f"{_name}(Tensor input, ints? dim=None, bool keepdim=False)",
    )  # fmt: skip
    def holds(
        input: Tensor, dim: Any = None, keepdim: bool = False, _logical: Any = _logical
    ) -> Tensor:
        dtype = "uint8" if input.dtype == "uint8" else "bool"
        return over(input, dims_of(input, dim), keepdim, dtype, lambda v: bool(_logical(v)))


@native("logsumexp(Tensor input, ints1 dim, bool keepdim=False)")
def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """log Σ exp."""
    dims = dims_of(input, dim)
    return over(input, dims, keepdim, input.dtype if category(input.dtype) > 1 else "float32")


@native("count_nonzero(Tensor input, int? dim=None)", "count_nonzero(Tensor input, ints dim)")
def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    return over(input, dims_of(input, dim), False, "int64", lambda v: sum(bool(n) for n in v))


for _name in ("std", "var", "std_mean", "var_mean"):

    @native(
        f"{_name}(Tensor input, bool unbiased=True)",
        f"{_name}(Tensor input, ints1? dim, bool unbiased=True, bool keepdim=False)",
        f"{_name}(Tensor input, ints1? dim=None, *, Number? correction=None, bool keepdim=False)",
        at="torch" if "_" in _name else "torch Tensor",
    )
    def deviation(
        input: Tensor, dim: Any = None, unbiased: bool = True, keepdim: bool = False,
        correction: Any = None, _name: str = _name,
    ) -> Any:  # fmt: skip
        if category(input.dtype) < 2:
            who = "std and var" if "_" not in _name else _name
            raise runtime_error(
                f"{who} only support floating point and complex dtypes", argument=input,
                wants={"dtype": "float32"},
            )  # fmt: skip
        out = over(input, dims_of(input, dim), keepdim, input.dtype)
        lost = 1 if correction is None else correction
        if (unbiased or correction is not None) and input.numel // (out.numel or 1) <= lost:
            warn(
                f"{_name}(): degrees of freedom is <= 0. Correction should be strictly less than "
                "the reduction factor (input numel divided by output numel)."
            )
        return (out, out) if "_" in _name else out


@row("Tensor.norm", "torch.norm")
def norm(
    input: Tensor,
    p: Any = "fro",
    dim: Any = None,
    keepdim: bool = False,
    dtype: Any = None,
    out: Any = None,
) -> Tensor:
    if category(input.dtype) < 2:
        raise runtime_error(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{alias(input.dtype)}"
        )
    kind = plain_dtype(dtype, input.dtype)
    if category(kind) < 2:
        raise runtime_error(
            f"linalg.vector_norm: dtype should be floating point or complex, but got {alias(kind)}"
        )
    return over(input, dims_of(input, dim), keepdim, kind)


_NORM = f"ints1? dim=None, bool keepdim=False{_DTYPE})"
native(f"vector_norm(Tensor x, Number ord=2, {_NORM}", at="linalg")(
    lambda x, ord=2, dim=None, keepdim=False, dtype=None: norm(x, ord, dim, keepdim, dtype)
)
native(f"norm(Tensor A, any ord=None, {_NORM}", at="linalg")(
    lambda A, ord=None, dim=None, keepdim=False, dtype=None: norm(A, 2, dim, keepdim, dtype)
)


# -------------------------------------------------------------------------- along an axis, not over


for _name in ("cumsum", "cumprod", "logcumsumexp", "cummax", "cummin"):

    @native(f"{_name}(Tensor input, int dim{_DTYPE if _name in ('cumsum', 'cumprod') else ''})")
    def along(input: Tensor, dim: Any, dtype: Any = None, _name: str = _name) -> Any:
        extreme = _name in ("cummax", "cummin")
        if extreme and not input.rank and not -1 <= number(dim) <= 0:
            raise index_error(
                f"{_name}(): Expected reduction dim -1 or 0 for scalar but got {number(dim)}"
            )
        at = axis_index(number(dim), input.rank) if input.numel != 0 or not extreme else 0
        if extreme:
            return Result.of(
                _name, values=_dense(input, input.dtype), indices=_dense(input, "int64")
            )
        if _name == "logcumsumexp":
            if category(input.dtype) < 2:
                raise not_implemented("logcumsumexp_out_cpu", input.dtype, input)
            return _dense(input, input.dtype)
        out = _dense(input, plain_dtype(dtype, _summed(input.dtype)))
        if input.known is not None and input.rank == 1 and _name == "cumsum" and at == 0:
            out = out.like(values=tuple(accumulate(input.known)))
        return out


def _dense(x: Tensor, dtype: str) -> Tensor:
    return x.like(dtype=dtype, strides=contiguous_strides(x.shape))


@native(
    "sort(Tensor input, int dim=-1, bool descending=False)",
    "sort(Tensor input, *, bool? stable=None, int dim=-1, bool descending=False)",
)
def sort(input: Tensor, dim: Any = -1, descending: bool = False, stable: Any = None) -> Any:
    axis_index(number(dim), input.rank)
    values, places = _ordered(input, descending)
    return Result.of(
        "sort", values=input.like(values=values), indices=input.like(dtype="int64", values=places)
    )


def _ordered(x: Tensor, descending: bool) -> tuple[Any, Any]:
    if x.known is None or x.rank != 1:
        return None, None
    places = sorted(range(len(x.known)), key=lambda i: x.known[i], reverse=descending)  # type: ignore[index]
    if descending:  # equal ones keep their order
        places = sorted(range(len(x.known)), key=lambda i: -x.known[i])  # type: ignore[index]
    return tuple(x.known[i] for i in places), tuple(places)


@native(
    "argsort(Tensor input, int dim=-1, bool descending=False)",
    "argsort(Tensor input, *, bool stable, int dim=-1, bool descending=False)",
)
def argsort(input: Tensor, dim: Any = -1, descending: bool = False, stable: bool = False) -> Tensor:
    axis_index(number(dim), input.rank)
    return input.like(dtype="int64", values=_ordered(input, descending)[1])


@native("topk(Tensor input, int k, int dim=-1, bool largest=True, bool sorted=True)")
def topk(input: Tensor, k: Any, dim: Any = -1, largest: bool = True, sorted: bool = True) -> Any:
    at, count = axis_index(number(dim), input.rank), number(k)
    size = input.shape[at] if input.rank else 1
    if settled(count, size) and not 0 <= count <= size:
        raise runtime_error("selected index k out of range", sizes=[(count, size)])
    if input.dtype == "bool":
        raise runtime_error("topk does not support bool dtypes on CPU")
    found, places = _ordered(input, largest)
    if found is not None:
        found, places = found[:count], places[:count]
    out = with_size(input, at, count) if input.rank else input.like()
    return Result.of(
        "topk", values=out.like(values=found), indices=out.like(dtype="int64", values=places)
    )


@row("torch.unique", "Tensor.unique")
def unique(input: Tensor, *_: Any, **keywords: Any) -> Any:
    """The different values: how many depends on them."""
    if input.known is None or keywords:
        raise NotKnown("how many values are different")
    values = tuple(sorted(set(input.known)))
    return Tensor((len(values),), input.dtype, values=values)


@native("bincount(Tensor input, Tensor? weights=None, int minlength=0)")
def bincount(input: Tensor, weights: Any = None, minlength: Any = 0) -> Tensor:
    if category(input.dtype) != 1:
        raise not_implemented("bincount_cpu", input.dtype, input)
    if input.rank != 1:
        raise runtime_error("bincount only supports 1-d non-negative integral inputs.")
    if input.known is None:
        raise NotKnown("the largest value")
    return Tensor((max(max(input.known, default=-1) + 1, minlength),), "int64")


# ------------------------------------------------------------------------------------------ softmax


def softmax_of(name: str, x: Any, dim: Any, dtype: Any = None) -> Tensor:
    """softmax and log_softmax of a tensor."""
    at = axis_index(number(dim), x.rank)
    kind = plain_dtype(dtype, x.dtype)
    if category(kind) < 2 and x.numel != 0:
        place = "lastdim_" if at == max(x.rank, 1) - 1 else ""
        raise not_implemented(f"{name}_{place}kernel_impl", kind, x)
    return x.like(dtype=kind, strides=contiguous_strides(x.shape))


for _name in ("softmax", "log_softmax"):

    @native(f"{_name}(Tensor input, int dim, dtype? dtype=None)")
    def softmax(input: Tensor, dim: Any, dtype: Any = None, _name: str = _name) -> Tensor:
        return softmax_of(_name, input, dim, dtype)


def functional_softmax(name: str, x: Any, dim: Any, dtype: Any = None) -> Tensor:
    """F.softmax, F.log_softmax, F.softmin: the axis is chosen where it is not given."""
    if not isinstance(x, Tensor):
        what = "dim" if dim is None else {"softmin": "neg"}.get(name, name)
        if name == "softmin" and dim is not None:
            raise type_error(f"bad operand type for unary -: '{type_name(x)}'", argument=x)
        raise lacks(x, what)
    if dim is None:
        warn(
            f"Implicit dimension choice for {name} has been deprecated. Change the call to include "
            "dim=X as an argument."
        )
        dim = 0 if x.rank in (0, 1, 3) else 1
    if name == "softmin":
        unary("neg", x)
    return softmax_of("softmax" if name == "softmin" else name, x, dim, dtype)


for _name in ("softmax", "log_softmax", "softmin"):
    declared(
        _name,
        lambda input, dim=None, _stacklevel=3, dtype=None, *, _name=_name: functional_softmax(
            _name, input, dim, dtype
        ),
    )


@row("torch.nn.functional.gumbel_softmax")
def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    return softmax_of("softmax", logits, dim)


# ---------------------------------------------------------------------------------------- distances


@row("torch.nn.functional.normalize")
def normalize(
    input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Any = None
) -> Tensor:
    norm(input, p, dim)
    return input.like()


@native("cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08)", at="torch F")
def cosine_similarity(x1: Tensor, x2: Tensor, dim: Any = 1, eps: Any = 1e-8) -> Tensor:
    both = elementwise(x1, x2)
    if category(both.dtype) < 2:
        raise runtime_error(
            f"expected common dtype to be floating point, yet common dtype is {alias(both.dtype)}"
        )
    return over(both, [axis_index(dim, both.rank)], False, both.dtype)


@native(
    "pairwise_distance(Tensor x1, Tensor x2, float p=2, float eps=1e-06, bool keepdim=False)",
    at="F torch",
)
def pairwise_distance(
    x1: Tensor, x2: Tensor, p: Any = 2, eps: Any = 1e-6, keepdim: bool = False
) -> Tensor:
    both = elementwise(x1, x2)
    return over(both, [axis_index(-1, both.rank)], keepdim, both.dtype)
