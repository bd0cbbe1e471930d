"""Tensors from sizes, numbers and lists: zeros, randn, arange, tensor, zeros_like, new_zeros."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..objects import unfolded
from ..refusal import NotKnown, Refusal, runtime_error, type_error, value_error
from ..sizes import Size, product
from ..tensor import Storage, Tensor, category, elementwise, new, promoted
from ..values import DType, TorchSize, Unknown
from . import row, touch, type_name, warn
from .native import (
    alias,
    is_whole,
    listed,
    native,
    not_implemented,
    number,
    sequence_of_ints,
    settled,
)

DEFAULT = "float32"
LEGACY = {"FloatTensor": "float32", "LongTensor": "int64", "Tensor": "float32",
           "IntTensor": "int32",
           "BoolTensor": "bool", "DoubleTensor": "float64", "ByteTensor": "uint8",
           "HalfTensor": "float16",
           "ShortTensor": "int16", "CharTensor": "int8"}  # fmt: skip


def plain_dtype(dtype: Any, default: str | None = DEFAULT) -> str:
    """A dtype as given: torch.float32, float, None."""
    if isinstance(dtype, DType):
        return dtype.plain
    if isinstance(dtype, Unknown):
        raise NotKnown("an unknown dtype")
    named = {"float": "float64", "int": "int64", "bool": "bool"}
    plain = getattr(dtype, "__name__", "")
    if plain in named and not isinstance(dtype, str):
        return named[plain]
    return default if default is not None else DEFAULT


def _options(name: str, keywords: dict[str, Any], default: str | None) -> tuple[str, bool, str]:
    known = (
        "dtype",
        "device",
        "requires_grad",
        "layout",
        "pin_memory",
        "generator",
        "names",
        "memory_format",
    )
    for key in keywords:
        if key == "out":
            raise NotKnown("out=")
        if key not in known:
            raise type_error(f"{name}() got an unexpected keyword argument '{key}'")
    dtype = keywords.get("dtype")
    python = getattr(dtype, "__name__", "") in ("float", "int", "bool")
    if dtype is not None and not isinstance(dtype, DType) and not python:
        if isinstance(dtype, Unknown):
            raise NotKnown("an unknown dtype")
        raise type_error(f"{name}(): argument 'dtype' must be torch.dtype, not {type_name(dtype)}")
    device = keywords.get("device")
    return (
        plain_dtype(dtype, default),
        bool(keywords.get("requires_grad")),
        getattr(device, "type", "cpu"),
    )


def _check_noise(name: str, dtype: str, sizes: Sequence[int], argument: Any = None) -> None:
    """Whole numbers are not drawn, but for none of them from a normal distribution."""
    if category(dtype) < 2 and name in ("rand", "uniform_"):
        raise not_implemented("check_uniform_bounds", dtype, argument)
    if category(dtype) < 2 and name in ("randn", "normal_") and 0 not in sizes:
        raise not_implemented("normal_kernel_cpu", dtype, argument)


def check_grad(dtype: str, message: str = "Only Tensors of floating point and complex dtype can "
    "require gradients") -> None:  # fmt: skip
    if category(dtype) < 2:
        raise runtime_error(message)


def _made(
    shape: Sequence[int], dtype: str, grad: bool = False, device: str = "cpu", values: Any = None
) -> Tensor:
    if grad:
        check_grad(dtype)
    return new(shape, dtype, values=values, storage=Storage(requires_grad=grad, device=device))


def checked_sizes(sizes: list[int], name: str = "") -> list[int]:
    """A negative size, as every constructor refuses it."""
    for n in sizes:
        if n < 0:
            if name == "zeros":
                words = "zeros: Dimension size must be non-negative."
            else:
                words = f"Trying to create tensor with negative dimension {n}: {listed(sizes)}"
            raise runtime_error(words, wants={"size": n})
    return sizes


def _from_sizes(name: str) -> None:
    """torch.zeros(2, 3), torch.zeros((2, 3)), torch.zeros(size=(2, 3))."""

    def rule(*size: Any, **keywords: Any) -> Tensor:
        keywords = dict(keywords)
        given: Any = keywords.pop("size") if "size" in keywords and not size else size
        dtype, grad, device = _options(name, keywords, DEFAULT)
        if len(given) == 1 and isinstance(given[0], tuple | list):
            given = given[0]
        elif not size and "size" not in keywords and not isinstance(given, list | tuple):
            given = (given,)
        if given is size and (not size or not is_whole(size[0])):
            raise _refused_sizes(name, size)
        if given and not is_whole(given[0]):
            if isinstance(given[0], Unknown):
                raise NotKnown("an unknown size")
            if name == "empty":
                raise NotKnown("torch.empty of no sizes")
            raise _refused_sizes(name, size or (given,))
        sizes = checked_sizes(sequence_of_ints(name, given), name)
        _check_noise(name, dtype, sizes)
        values: Any = None
        if name in ("zeros", "ones") and category(dtype) < 2 and product(sizes) <= 64:
            one = {"zeros": 0, "ones": 1}[name]
            values = ((bool(one) if dtype == "bool" else one),) * int(product(sizes))
        return _made(sizes, dtype, grad, device, values)

    row(f"torch.{name}")(rule)


def _refused_sizes(name: str, size: Sequence[Any]) -> Refusal:
    if (
        name not in ("zeros", "ones")
        or not size
        or (isinstance(size[0], tuple | list) and size[1:])
    ):
        raise NotKnown(f"torch.{name} of these arguments")
    first = size[0]
    if isinstance(first, tuple | list) or len(size) > 1:
        inside = first[0] if isinstance(first, tuple | list) else first
        text = f", but found element of type {type_name(inside)} at pos 0"
    else:
        text = f", not {type_name(first)}"
    words = f"{name}(): argument 'size' (position 1) must be tuple of ints{text}"
    return type_error(words, argument=first)


for _name in ("zeros", "ones", "rand", "randn", "empty"):
    _from_sizes(_name)


def _likes(name: str) -> None:
    """torch.zeros_like(x) and x.new_zeros(2, 3)."""
    signature = {
        "full": "full_like(Tensor input, Number fill_value",
        "randint": "randint_like(Tensor input, int high",
    }.get(name, f"{name}_like(Tensor input")
    signatures = [f"{signature}, *, dtype? dtype=None, bool requires_grad=False)"]
    if name == "randint":
        signatures.append(
            "randint_like(Tensor input, int low, int high, *, dtype? dtype=None, bool "
            "requires_grad=False)"
        )

    @native(*signatures, at="torch")
    def like(input: Tensor, dtype: Any = None, requires_grad: bool = False, **_: Any) -> Tensor:
        kind = plain_dtype(dtype, input.dtype)
        _check_noise(name, kind, input.shape)
        if requires_grad:
            check_grad(kind)
        return input.like(
            dtype=kind, graph=frozenset(), facts={},
            storage=Storage(requires_grad=requires_grad, device=input.storage.device),
        )  # fmt: skip


for _name in ("zeros", "ones", "rand", "randn", "empty", "full", "randint"):
    _likes(_name)


def _news(name: str) -> None:
    more = ", Number fill_value" if name == "full" else ""

    @native(
        f"new_{name}(Tensor input, ints size{more}, *, dtype? dtype=None, bool "
        "requires_grad=False)",
        at="Tensor",
    )
    def made(
        input: Tensor,
        size: Any,
        fill_value: Any = None,
        dtype: Any = None,
        requires_grad: bool = False,
    ) -> Tensor:
        sizes = checked_sizes(
            sequence_of_ints(f"new_{name}", size), "zeros" if name == "zeros" else ""
        )
        return _made(sizes, plain_dtype(dtype, input.dtype), requires_grad, input.storage.device)


for _name in ("zeros", "ones", "empty", "full"):
    _news(_name)


@row("Tensor.new_tensor")
def new_tensor(
    self: Tensor, data: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    return from_data("new_tensor", data, plain_dtype(dtype, self.dtype))


@row("Tensor.new")
def legacy_new(self: Tensor, *sizes: Any) -> Tensor:
    if len(sizes) == 1 and isinstance(sizes[0], list | tuple):
        sizes = tuple(sizes[0])
    if not all(isinstance(n, int) for n in sizes):
        raise NotKnown("x.new of these arguments")
    return _made(checked_sizes(list(sizes)) or [0], self.dtype)


@native(
    "randint(int high, ints size, *, dtype? dtype=None, bool requires_grad=False)",
    "randint(int low, int high, ints size, *, dtype? dtype=None, bool requires_grad=False)",
    at="torch",
)  # fmt: skip
def randint(
    size: Any, high: Any = None, low: Any = 0, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    if settled(high, low) and isinstance(high, int) and isinstance(low, int) and low >= high:
        raise runtime_error(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        )
    made = _made(
        checked_sizes(sequence_of_ints("randint", size)), plain_dtype(dtype, "int64"), requires_grad
    )
    if isinstance(high, int):
        object.__setattr__(made, "facts", {"low": low, "high": high})
    return made


@native("randperm(int n, *, dtype? dtype=None)", at="torch")
def randperm(n: Any, dtype: Any = None) -> Tensor:
    if n < 0:
        raise runtime_error(f"n must be non-negative, got {n}")
    return _made((number(n),), plain_dtype(dtype, "int64"))


@row("torch.arange", "torch.range")
def arange(*bounds: Any, **keywords: Any) -> Tensor:
    names: dict[str, Any] = {k: keywords.pop(k) for k in ("start", "end", "step") if k in keywords}
    given = list(bounds)
    if len(given) == 1 and "end" not in names:
        names["end"] = given[0]
    else:
        names |= dict(zip(("start", "end", "step"), given))
    dtype, grad, device = _options("arange", keywords, "")
    if "end" not in names or len(given) > 3:
        raise NotKnown("arange of these arguments")
    start, end, step = (_plain(names.get(k, d)) for k, d in (("start", 0), ("end", 0), ("step", 1)))
    if step == 0:
        raise runtime_error("step must be nonzero")
    whole = all(isinstance(v, int) for v in (start, end, step))
    if (end - start) * step < 0:
        raise runtime_error("upper bound and lower bound inconsistent with step sign")
    if whole:
        size = (end - start) if step == 1 else -(-(end - start) // step)
    else:
        size = math.ceil((end - start) / step)
    kind = dtype or ("int64" if whole else DEFAULT)
    values = None
    if whole and int(size) <= 4096 and not isinstance(start, Size) and category(kind) == 1:
        values = tuple(int(start) + i * int(step) for i in range(int(size)))
    return _made((size,), kind, grad, device, values)


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        return number(value)
    if not isinstance(value, int | float):
        raise NotKnown("a bound that is no number")
    return value


@native(
    "linspace(Number start, Number end, int steps, *, dtype? dtype=None, bool requires_grad=False)",
    at="torch",
)
def linspace(
    start: Any, end: Any, steps: Any, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    if steps < 0:
        raise runtime_error("number of steps must be non-negative")
    return _made((number(steps),), plain_dtype(dtype), requires_grad)


@native("eye(int n, *, dtype? dtype=None)", "eye(int n, int m, *, dtype? dtype=None)", at="torch")
def eye(n: Any, m: Any = None, dtype: Any = None) -> Tensor:
    for size in (n, m):
        if size is not None and size < 0:
            raise runtime_error(
                f"{'n' if size is n else 'm'} must be greater or equal to 0, got {size}"
            )
    return _made((number(n), number(n if m is None else m)), plain_dtype(dtype))


@native(
    "full(ints size, Number fill_value, *, dtype? dtype=None, bool requires_grad=False)", at="torch"
)
def full(size: Any, fill_value: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    sizes = checked_sizes(sequence_of_ints("full", size))
    kind = plain_dtype(dtype, promoted(fill_value))
    values = None
    if category(kind) < 2 and product(sizes) <= 64 and isinstance(fill_value, int):
        values = ((bool(fill_value) if kind == "bool" else fill_value),) * int(product(sizes))
    return _made(sizes, kind, requires_grad, values=values)


# --------------------------------------------------------------------------------------- from lists


@row("torch.as_tensor", "torch.asarray", unknowns=True)
def as_tensor(data: Any, dtype: Any = None, device: Any = None, **_: Any) -> Tensor:
    from .meta import converted

    if isinstance(data, Tensor):
        return converted(data, plain_dtype(dtype, data.dtype))
    return from_data("tensor", data, plain_dtype(dtype, "") or None)


@row("torch.tensor", unknowns=True)
def tensor(
    *data: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any
) -> Tensor:
    if len(data) != 1:
        raise NotKnown("torch.tensor of these arguments")
    if isinstance(data[0], Tensor):
        warn(
            "To copy construct from a tensor, it is recommended to use "
            "sourceTensor.detach().clone() or sourceTensor.detach().clone().requires_grad_(True), "
            "rather than torch.tensor(sourceTensor)."
        )
    made = from_data("tensor", data[0], plain_dtype(dtype, "") or None)
    if requires_grad:
        check_grad(made.dtype)
        made.storage.requires_grad = True
    return made


MOST_DATA = 200_000  # numbers of nested lists that are gone through


def from_data(name: str, data: Any, dtype: str | None = None) -> Tensor:
    """What torch.tensor makes of `data`, or its refusal."""
    if isinstance(data, Tensor):
        return data.like(dtype=dtype or data.dtype, values=data.known, graph=frozenset())
    if unfolded(data, MOST_DATA) > MOST_DATA:
        raise NotKnown("data of very many numbers")
    if isinstance(data, range | TorchSize):
        if len(data) > MOST_DATA:
            return new((len(data),), dtype or "int64")
        data = list(data)
    shape: list[int] = []
    level = data
    while isinstance(level, list | tuple | range):
        shape.append(len(level))
        if not level:
            break
        level = level[0]
        if isinstance(level, Tensor):
            if level.rank and level.numel != 1:
                shape.extend(level.shape)
            break
    if isinstance(level, str):
        if shape:
            raise value_error(f"too many dimensions '{type_name(level)}'")
        raise type_error(f"new(): invalid data type '{type_name(level)}'")
    if dtype and isinstance(level, Tensor) and level.numel != 1:
        raise NotKnown("tensors as the data of another dtype")
    flat: list[Any] = []
    _flatten(data, shape, 0, flat)
    kind = dtype or _inferred(flat)
    values: Any = None
    if dtype and not all(isinstance(v, int | float | Tensor | Unknown) for v in flat):
        raise NotKnown("data that is no number")
    if dtype and any(isinstance(v, Tensor) for v in flat):
        raise NotKnown("tensors as the data of another dtype")
    numbers_ = [v.known[0] if isinstance(v, Tensor) and v.known else v for v in flat]
    if len(flat) <= 4096 and all(isinstance(v, int | float) for v in numbers_):
        if category(kind) == 1:
            values = tuple(int(v) if not isinstance(v, Size) else v for v in numbers_)
        elif kind == "bool":
            values = tuple(bool(v) for v in numbers_)
        else:
            values = tuple(float(v) for v in numbers_)
    return new(shape, kind, values=values)


def _flatten(data: Any, shape: Sequence[int], depth: int, flat: list[Any]) -> None:
    if isinstance(data, Unknown) and not (
        data.kind in ("int", "float", "bool") and depth == len(shape)
    ):
        raise NotKnown(data.what or "unknown data")
    if depth == len(shape):
        if isinstance(data, list | tuple):
            raise NotKnown("a list among numbers")
        flat.append(data)
        return
    if isinstance(data, Tensor):
        if data.numel != 1:
            raise value_error("only one element tensors can be converted to Python scalars")
        flat.append(data)
        return
    if not isinstance(data, list | tuple | range):
        raise type_error("not a sequence")
    if len(data) != shape[depth]:
        raise value_error(
            f"expected sequence of length {shape[depth]} at dim {depth} (got {len(data)})"
        )
    for part in data:
        _flatten(part, shape, depth + 1, flat)


def _inferred(flat: Sequence[Any]) -> str:
    kinds = set()
    for value in flat:
        kind = value.kind if isinstance(value, Unknown) else ""
        if isinstance(value, Tensor):
            kinds.add(value.dtype)
        elif isinstance(value, bool) or kind == "bool":
            kinds.add("bool")
        elif isinstance(value, int) or kind == "int":
            kinds.add("int64")
        elif isinstance(value, float) or kind:
            kinds.add(DEFAULT)
        elif isinstance(value, str):
            raise type_error(f"new(): invalid data type '{type_name(value)}'")
        else:
            raise runtime_error(f"Could not infer dtype of {type_name(value)}")
    return max(kinds, key=lambda k: (category(k), k)) if kinds else DEFAULT


def _legacy(name: str, dtype: str) -> None:
    """torch.FloatTensor(2, 3), torch.LongTensor([1, 2])."""

    def rule(*data: Any) -> Tensor:
        if not data:
            return new((0,), dtype)
        first = data[0]
        if len(data) == 1 and isinstance(first, TorchSize):
            return new(tuple(first), dtype)
        if len(data) == 1 and isinstance(first, list | tuple):
            return from_data("new", first, dtype)
        if len(data) == 1 and isinstance(first, Tensor):
            if first.dtype != dtype:
                raise NotKnown("a legacy constructor over a tensor of another dtype")
            return first
        if len(data) == 1 and not is_whole(first):
            if isinstance(first, Unknown):
                raise NotKnown("an unknown size")
            if isinstance(first, range | dict | str):
                raise NotKnown("a legacy constructor over this")
            raise type_error(f"new(): data must be a sequence (got {type_name(first)})")
        return new(checked_sizes(sequence_of_ints("new", data)), dtype)

    names = [f"torch.{name}", *([] if name == "Tensor" else [f"torch.cuda.{name}"])]
    row(*names, unknowns=True)(rule)


for _name, _dtype in LEGACY.items():
    _legacy(_name, _dtype)


@row("torch.from_numpy")
def from_numpy(ndarray: Any) -> Tensor:
    if isinstance(ndarray, Tensor):
        return ndarray
    raise NotKnown("an array of NumPy")


# ----------------------------------------------------------------------------------- random numbers


_GENERATOR = ", *, any generator=None"


@native(f"bernoulli(Tensor input{_GENERATOR})", f"bernoulli(Tensor input, float p{_GENERATOR})")
def bernoulli(input: Tensor, p: Any = None, generator: Any = None) -> Tensor:
    if category(input.dtype) < 2:
        raise not_implemented("bernoulli_tensor_cpu_p_", input.dtype, input)
    return input.like()


@row("torch.normal")
def normal(mean: Any = 0.0, std: Any = 1.0, size: Any = None, **_: Any) -> Tensor:
    tensors = [x for x in (mean, std) if isinstance(x, Tensor)]
    if size is not None:
        return new(checked_sizes(sequence_of_ints("normal", size)))
    if not tensors:
        raise NotKnown("normal without a size")
    return elementwise(*tensors)


@native(f"multinomial(Tensor input, int num_samples, bool replacement=False{_GENERATOR})")
def multinomial(
    input: Tensor, num_samples: Any, replacement: bool = False, generator: Any = None
) -> Tensor:
    count = number(num_samples)
    if not 1 <= input.rank <= 2:
        raise runtime_error("prob_dist must be 1 or 2 dim")
    if category(input.dtype) < 2:
        raise runtime_error(
            f"multinomial only supports floating-point dtypes for input, got: {alias(input.dtype)}"
        )
    if count <= 0:
        raise runtime_error("cannot sample n_sample <= 0 samples")
    if not replacement and settled(count, input.shape[-1]) and count > input.shape[-1]:
        raise runtime_error(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
        )
    return Tensor((*input.shape[:-1], count), "int64", (*input.axes[:-1], new((count,)).axes[0]))


def _filled(name: str) -> Callable[..., Tensor]:
    def rule(self: Tensor, *args: Any, **keywords: Any) -> Tensor:
        _check_noise(name, self.dtype, self.shape, self)
        if name == "exponential_" and category(self.dtype) < 2 and self.numel:
            raise runtime_error(
                "Exponential distribution is a continuous probability distribution. dtype must be "
                f"a floating point but you specified {alias(self.dtype)}"
            )
        return touch(self)

    return rule


for _name in ("normal_", "uniform_", "fill_", "zero_", "random_", "bernoulli_", "exponential_"):
    row(f"Tensor.{_name}")(_filled(_name))
