"""NumPy as programs use it to make data: an array is a Tensor whose facts say "numpy".

What an array gives of its numbers alone is a number that is not known. A call that torch's own row
would refuse is unknown here: NumPy has other words, and other rules, for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from .objects import OBJECT, Names, Native, make_class
from .refusal import NotKnown, Refusal
from .sizes import product
from .tensor import Tensor, axis_index, new, permuted, reduced
from .torch import ROWS, row
from .torch.creation import LEGACY, from_data
from .values import DType, TorchSize, Unknown

DTYPES = {
    "float": "float64", "int": "int64", "double": "float64", "float_": "float64", "int_": "int64",
    "bool_": "bool", "long": "int64", "single": "float32", "half": "float16", "intp": "int64",
}  # fmt: skip
TAKES_ARRAYS = {
    "torch.from_numpy", "torch.tensor", "torch.as_tensor", "torch.asarray",
    "torch.nn.utils.rnn.pack_padded_sequence", *(f"torch.{name}" for name in LEGACY),
}  # fmt: skip


def is_array(value: Any) -> bool:
    """Whether a value is an array, or a list of arrays."""
    if isinstance(value, (list, tuple)) and value and not isinstance(value, TorchSize):
        return is_array(value[0])
    return isinstance(value, Tensor) and bool(value.facts.get("numpy"))


def marked(value: Any, dtype: str = "") -> Any:
    """A tensor as an array; one of no axes as the number that it is."""
    if isinstance(value, (list, tuple)):
        return (
            type(value)(marked(v, dtype) for v in value) if type(value) in (list, tuple) else value
        )
    if not isinstance(value, Tensor):
        return value
    if not value.rank:
        return value.known[0] if value.known else Unknown("", kind=_kind(dtype or value.dtype))
    facts = {**value.facts, "numpy": True}
    return replace(
        value, dtype=dtype or value.dtype, facts=facts, parameter=False, graph=frozenset()
    )


def _kind(dtype: str) -> str:
    return "float" if dtype.startswith("float") else "bool" if dtype == "bool" else "int"


def as_tensor(value: Any, name: str) -> Any:
    """What torch's constructor `name` reads of an array, or of a list of arrays."""
    if isinstance(value, (list, tuple)):
        value = ROWS["torch.stack"].rule([array(v) for v in value])
    dtype = LEGACY.get(name.rpartition(".")[2], value.dtype)
    facts = {k: v for k, v in value.facts.items() if k != "numpy"}
    return replace(value, dtype=dtype, facts=facts)


def settled(result: Any, operands: Sequence[Any]) -> Any:
    """The result of an operator: NumPy's float is 64 bits wide where none of the arrays is less."""
    if not isinstance(result, Tensor):
        return result
    floats = [x.dtype for x in operands if isinstance(x, Tensor) and x.floating]
    return marked(result, "float64" if result.floating and not floats else "")


def forward_key(x: Tensor, key: Any) -> Any:
    """An index, its slices that run backwards as ones over as many rows (torch has none)."""
    if isinstance(key, tuple):
        return tuple(forward_key(x, k) if i == 0 else _forward(k) for i, k in enumerate(key))
    back = isinstance(key, slice) and isinstance(key.step, int) and key.step < 0
    if not back or any(isinstance(p, Unknown) for p in (key.start, key.stop)):
        return key
    return slice(0, len(range(*key.indices(int(x.shape[0])))), 1)


def _forward(key: Any) -> Any:
    if isinstance(key, slice) and isinstance(key.step, int) and key.step < 0:
        if key != slice(None, None, -1):
            raise NotKnown("a slice that runs backwards")
        return slice(None)
    return key


def dtype_of(value: Any, default: str = "") -> str:
    """A dtype as NumPy is given it: np.float32, "int64", float."""
    if value is None:
        return default
    name = value.plain if isinstance(value, DType) else getattr(value, "name", value)
    name = DTYPES.get(name, name) if isinstance(name, str) else name
    if name not in _PLAIN:
        raise NotKnown("a dtype of NumPy")
    return str(name)


def array(value: Any, dtype: Any = None) -> Tensor:
    """np.array of nested lists, numbers, arrays."""
    if isinstance(value, Tensor):
        return value if dtype is None else replace(value, dtype=dtype_of(dtype), values=None)
    if isinstance(value, (list, tuple)) and any(isinstance(v, Tensor) for v in value):
        made: Tensor = ROWS["torch.stack"].rule([array(v) for v in value])
    else:
        made = from_data("array", value)
    if made.dtype == "float32" and not is_array(value):
        made = replace(made, dtype="float64")
    return made if dtype is None else replace(made, dtype=dtype_of(dtype), values=None)


def sizes(shape: Any) -> tuple[int, ...]:
    """A shape as NumPy is given it: a number or a sequence."""
    found = tuple(shape) if isinstance(shape, (list, tuple)) else (shape,)
    if not all(isinstance(n, int) and n >= 0 for n in found):
        raise NotKnown("the shape of an array")
    return found


# --------------------------------------------------------------------- functions, also as methods


def _axes(x: Tensor, axis: Any) -> list[int] | None:
    return None if axis is None else list(axis) if isinstance(axis, (list, tuple)) else [axis]


def _reduction(dtype: str) -> Callable[..., Any]:
    """sum, mean, argmax …: `dtype` what they give, "float" a float, "" what they read."""

    def rule(a: Any, axis: Any = None, dtype_: Any = None, keepdims: Any = False, **_: Any) -> Any:
        x = array(a)
        kind = x.dtype if not dtype or (dtype == "float" and x.floating) else dtype
        return reduced(x, _axes(x, axis), bool(keepdims), "float64" if kind == "float" else kind)

    return rule


def _elementwise(name: str, dtype: str) -> Callable[..., Any]:
    number = getattr(math, name, None)

    def rule(x: Any, *rest: Any, **_: Any) -> Any:
        if isinstance(x, (int, float)) and not rest and number:
            return number(x)
        if isinstance(x, Unknown):
            return Unknown("", kind="float")
        a = array(x)
        return a.like(dtype=dtype if dtype and not a.floating else a.dtype)

    return rule


def _torch(name: str, *, join: bool = False) -> Callable[..., Any]:
    """torch's function under NumPy's names of arguments."""

    def rule(a: Any, *args: Any, axis: Any = None, **_: Any) -> Any:
        first: Any = [array(v) for v in a] if join else array(a)
        if axis is not None:
            args = (*args, axis)
        return ROWS[f"torch.{name}"].rule(first, *args)

    return rule


def _reshape(a: Any, *shape: Any, **_: Any) -> Any:
    if len(shape) == 1 and isinstance(shape[0], (list, tuple)):
        shape = tuple(shape[0])
    return ROWS["Tensor.reshape"].rule(array(a), *shape)


def _transpose(a: Any, *axes: Any) -> Any:
    x = array(a)
    if len(axes) == 1 and isinstance(axes[0], (list, tuple)):
        axes = tuple(axes[0])
    if not axes or axes[0] is None:
        return permuted(x, range(x.rank)[::-1])
    return permuted(x, [axis_index(d, x.rank) for d in axes])


def _astype(a: Any, dtype: Any, **_: Any) -> Any:
    return array(a).like(dtype=dtype_of(dtype))


def _copy(a: Any, *_: Any, **__: Any) -> Any:
    x = array(a)
    return x.like(values=x.known)


def _repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    x = array(a)
    if not isinstance(repeats, int):
        raise NotKnown("np.repeat by an array")
    if axis is None:
        return new((x.numel * repeats,), x.dtype)
    d = axis_index(axis, x.rank)
    return new((*x.shape[:d], x.shape[d] * repeats, *x.shape[d + 1 :]), x.dtype)


def _tile(a: Any, reps: Any) -> Any:
    return ROWS["Tensor.repeat"].rule(array(a), *sizes(reps))


def _split(a: Any, sections: Any, axis: int = 0) -> Any:
    x = array(a)
    if isinstance(sections, int):
        return list(ROWS["torch.chunk"].rule(x, sections, axis))
    return list(ROWS["torch.tensor_split"].rule(x, list(sections), axis))


def _binary(name: str) -> Callable[..., Any]:
    return lambda a, b, *_, **__: ROWS[f"torch.{name}"].rule(array(a), array(b))


def _where(condition: Any, *pair: Any) -> Any:
    if len(pair) != 2:
        raise NotKnown("where an array is true")
    return ROWS["torch.where"].rule(array(condition), *(array(p) for p in pair))


def _prod(a: Any, axis: Any = None, **_: Any) -> Any:
    if isinstance(a, (list, tuple)) and axis is None and all(isinstance(n, int) for n in a):
        return product(tuple(a))
    return _reduction("")(a, axis)


def _arange(*bounds: Any, dtype: Any = None, **_: Any) -> Any:
    made = ROWS["torch.arange"].rule(*bounds)
    return replace(made, dtype=dtype_of(dtype, "float64" if made.floating else made.dtype))


def _fill(value: bool = False, like: bool = False) -> Callable[..., Any]:
    """zeros, full; zeros_like where `like`."""

    def rule(shape: Any, *rest: Any, dtype: Any = None, **_: Any) -> Any:
        kind = dtype if dtype is not None else rest[value] if len(rest) > value else None
        x = array(shape) if like else None
        default = x.dtype if x is not None else "float64"
        if value and rest and isinstance(rest[0], int):
            default = "int64"
        return new(x.shape if x is not None else sizes(shape), dtype_of(kind, default))

    return rule


FLOATS = ("sin", "cos", "tan", "exp", "log", "log2", "log10", "log1p", "sqrt", "tanh", "sinh",
          "cosh", "arctan", "expm1", "floor", "ceil", "deg2rad", "radians")  # fmt: skip
SHARED: dict[str, Callable[..., Any]] = {
    **{name: _reduction("") for name in ("sum", "max", "min", "prod", "ptp")},
    **{name: _reduction("float") for name in ("mean", "std", "var")},
    **{name: _reduction("int64") for name in ("argmax", "argmin")},
    **{name: _reduction("bool") for name in ("any", "all")},
    "reshape": _reshape, "transpose": _transpose, "copy": _copy, "repeat": _repeat,
    "ravel": lambda a, *_: _reshape(a, -1), "squeeze": _torch("squeeze"),
    "swapaxes": _torch("transpose"), "clip": _elementwise("", ""), "round": _elementwise("", ""),
    "dot": _binary("matmul"), "cumsum": _elementwise("", ""),
}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **SHARED,
    **{name: _elementwise(name, "float64") for name in FLOATS},
    **{name: _elementwise("", "") for name in ("sign", "square", "negative", "nan_to_num", "sort")},
    "abs": _elementwise("fabs", ""), "absolute": _elementwise("fabs", ""),
    "amax": SHARED["max"], "amin": SHARED["min"], "prod": _prod, "median": _reduction("float"),
    "array": lambda a, dtype=None, *_, **__: array(a, dtype),
    "asarray": lambda a, dtype=None, *_, **__: array(a, dtype),
    "ascontiguousarray": _copy,
    "zeros": _fill(), "ones": _fill(), "empty": _fill(), "full": _fill(True),
    "zeros_like": _fill(like=True), "ones_like": _fill(like=True), "empty_like": _fill(like=True),
    "eye": lambda n, m=None, *_, dtype=None, **__: new(
        sizes((n, n if m is None else m)), dtype_of(dtype, "float64")
    ),
    "identity": lambda n, dtype=None: new(sizes((n, n)), dtype_of(dtype, "float64")),
    "arange": _arange,
    "linspace": lambda a, b, num=50, *_, dtype=None, **__: new(
        sizes(num), dtype_of(dtype, "float64")
    ),
    "concatenate": _torch("cat", join=True), "stack": _torch("stack", join=True),
    "vstack": _torch("vstack", join=True), "hstack": _torch("hstack", join=True),
    "column_stack": _torch("column_stack", join=True), "dstack": _torch("dstack", join=True),
    "append": lambda a, v, axis=None: new((array(a).numel + array(v).numel,), array(a).dtype)
    if axis is None else _torch("cat", join=True)([a, v], axis=axis),
    "expand_dims": _torch("unsqueeze"), "flip": lambda a, axis=None: array(a).like(),
    "roll": lambda a, *_, **__: array(a).like(), "moveaxis": _torch("movedim"),
    "tile": _tile, "split": _split, "where": _where, "matmul": _binary("matmul"),
    "maximum": _binary("maximum"), "minimum": _binary("minimum"), "outer": _binary("outer"),
    "einsum": lambda equation, *a: ROWS["torch.einsum"].rule(equation, *(array(x) for x in a)),
    "argsort": lambda a, axis=-1, **_: array(a).like(dtype="int64"),
    "isnan": lambda a: array(a).like(dtype="bool"), "ndim": lambda a: array(a).rank,
    "shape": lambda a: tuple(array(a).shape),
    "diff": lambda a, n=1: new((array(a).shape[0] - n,), array(a).dtype),
}  # fmt: skip
METHODS: dict[str, Callable[..., Any]] = {
    **SHARED, "flatten": SHARED["ravel"], "astype": _astype, "argsort": FUNCTIONS["argsort"],
    "fill": lambda a, v: None, "item": lambda a, *_: Unknown("", kind=_kind(a.dtype)),
    "view": lambda a, *_: a.like(),
}  # fmt: skip


def _drawn(dtype: str, before: int) -> Callable[..., Any]:
    """Numbers drawn; `size` stands behind so many arguments, and without it one number comes."""

    def rule(*args: Any, size: Any = None, **_: Any) -> Any:
        size = args[before] if size is None and len(args) > before else size
        arrays = [a for a in args[:before] if isinstance(a, Tensor)]
        if size is None:
            return arrays[0].like(dtype=dtype) if arrays else Unknown("", kind=_kind(dtype))
        return new(sizes(size), dtype)

    return rule


def _choice(a: Any, size: Any = None, *_: Any, **__: Any) -> Any:
    kind = a.dtype if isinstance(a, Tensor) else "int64"
    if size is None:
        return Unknown("", kind=_kind(kind)) if isinstance(a, (int, Tensor)) else a[0] if a else a
    return new(sizes(size), kind if isinstance(a, (int, Tensor)) else array(a).dtype)


def _permutation(a: Any) -> Any:
    return new((a,), "int64") if isinstance(a, int) else array(a).like()


RANDOM: dict[str, Callable[..., Any]] = {
    "rand": lambda *n: new(sizes(n), "float64") if n else Unknown("", kind="float"),
    "randn": lambda *n: new(sizes(n), "float64") if n else Unknown("", kind="float"),
    "random": _drawn("float64", 0), "random_sample": _drawn("float64", 0),
    "standard_normal": _drawn("float64", 0), "uniform": _drawn("float64", 2),
    "normal": _drawn("float64", 2), "randint": _drawn("int64", 2), "integers": _drawn("int64", 2),
    "binomial": _drawn("int64", 2), "poisson": _drawn("int64", 1),
    "exponential": _drawn("float64", 1), "choice": _choice, "permutation": _permutation,
    "seed": lambda *_: None, "shuffle": lambda *_: None,
}  # fmt: skip


_PLAIN = ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")


def _number(dtype: str, value: Any = 0) -> Any:
    """np.float32(x)."""
    if isinstance(value, (int, float)):
        return (
            float(value)
            if "float" in dtype or dtype in ("double", "single", "half")
            else int(value)
        )
    return _astype(value, dtype)


def _attribute(name: str, rule: Callable[[Tensor], Any]) -> None:
    row(f"numpy.ndarray.{name}", attribute=True)(rule)


def _guarded(rule: Callable[..., Any], name: str) -> Callable[..., Any]:
    def guarded(*args: Any, **keywords: Any) -> Any:
        if any(isinstance(v, Unknown) and not v.kind for v in (*args, *keywords.values())):
            raise NotKnown(
                next(v.what for v in (*args, *keywords.values()) if isinstance(v, Unknown))
            )
        try:
            return marked(rule(*args, **keywords))
        except Refusal:
            raise NotKnown(f"a call of {name}, imported from numpy") from None

    return guarded


for _name, _rule in METHODS.items():
    row(f"numpy.ndarray.{_name}", unknowns=True)(_guarded(_rule, _name))
_attribute("shape", lambda x: tuple(x.shape))
_attribute("ndim", lambda x: x.rank)
_attribute("size", lambda x: x.numel)
_attribute("dtype", lambda x: DType(x.dtype))
_attribute("T", lambda x: permuted(x, range(x.rank)[::-1]))


@row("numpy.ndarray.tolist")
def tolist(x: Tensor) -> Any:
    """Nested lists, numbers that are not known as such."""
    return ROWS["Tensor.tolist"].rule(x)


def modules() -> dict[str, Names]:
    """numpy and numpy.random."""

    def natives(rules: dict[str, Callable[..., Any]], start: str) -> dict[str, Any]:
        return {
            name: Native(f"{start}{name}", _guarded(rule, f"{start}{name}"), unknowns=True)
            for name, rule in rules.items()
        }

    drawn = natives(RANDOM, "np.random.")
    generator = Names("numpy.random", drawn, "numpy")
    for name in ("RandomState", "default_rng"):
        drawn[name] = Native(name, lambda *a, **k: generator, unknowns=True)
    names: dict[str, Any] = natives(FUNCTIONS, "np.") | {
        name: Native(name, _guarded(partial(_number, name), name), unknowns=True)
        for name in (*DTYPES, *_PLAIN)
    }
    names |= {
        "pi": math.pi, "e": math.e, "inf": math.inf, "Inf": math.inf, "nan": math.nan,
        "newaxis": None,
        "ndarray": make_class("ndarray", [OBJECT], path="numpy.ndarray",
                              foreign=Unknown("np.ndarray, imported from numpy")),
        "random": generator,
    }  # fmt: skip
    return {"numpy": Names("numpy", names, "numpy"), "numpy.random": generator}
