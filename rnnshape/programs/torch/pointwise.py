"""What is done element by element: arithmetic, comparisons, functions, dropout; broadcasting."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any

from ..refusal import NotKnown, Refusal, runtime_error, type_error, value_error
from ..sizes import Size
from ..tensor import Tensor, broadcast, category, elementwise, promoted
from ..values import Unknown
from . import lacks, row, tensor_argument, touch, type_name, warn
from .native import alias, c_name, in_place, listed, native, not_implemented


def known_results(operation: Callable[..., Any], *operands: Any) -> tuple[Any, ...] | None:
    """The values of an elementwise result, where those of all operands are known."""
    tensors = [x for x in operands if isinstance(x, Tensor)]
    if any(x.known is None for x in tensors):
        return None
    shape, _ = broadcast(*tensors)
    if any(x.shape != shape and x.rank for x in tensors):
        return None
    size = 1
    for n in shape:
        size *= int(n)
    columns = []
    for x in operands:
        values = _values(x)
        columns.append(values if isinstance(x, Tensor) and (x.rank or not shape) else values * size)
    try:
        return tuple(operation(*values) for values in zip(*columns))
    except (ArithmeticError, TypeError, ValueError):
        return None


def binary(
    name: str, a: Any, b: Any, operation: Callable[..., Any] | None = None, result: str = ""
) -> Tensor:
    """a ∘ b: `result` is "bool" for comparisons, "float" where whole numbers are divided."""
    dtype = promoted(a, b)
    if result == "float" and category(dtype) < 2:
        dtype = "float32"
    out = elementwise(a, b, dtype=result if result == "bool" else dtype)
    if operation and (category(out.dtype) < 2 or out.numel <= 64):
        values = known_results(operation, a, b)
        if values is not None:
            if category(out.dtype) == 1:
                values = tuple(map(int, values))  # the maximum of whole numbers and a mask
            out = out.like(values=values, strides=out.strides)
    return out


def in_place_shape(x: Tensor, other: Any) -> None:
    """What an operation in place refuses: the result has not x's shape."""
    if not isinstance(other, Tensor):
        return
    shape, _ = broadcast(x, other)
    if shape != x.shape:
        raise runtime_error(
            f"output with shape {listed(x.shape)} doesn't match the broadcast shape "
            f"{listed(shape)}", sizes=zip(x.shape[::-1], shape[::-1])
        )  # fmt: skip


def in_place_dtype(x: Tensor, dtype: str, name: Callable[[str], str] = alias) -> None:
    """What an operation in place refuses: the result's dtype does not go into x's."""
    if category(dtype) > category(x.dtype):
        raise runtime_error(
            f"result type {alias(dtype)} can't be cast to the desired output type {name(x.dtype)}",
            argument=x, wants={"dtype": dtype},
        )  # fmt: skip


_PYTHON: dict[str, Callable[..., Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "pow": operator.pow,
    "floor_divide": operator.floordiv, "remainder": operator.mod, "div": operator.truediv,
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le, "gt": operator.gt,
    "ge": operator.ge, "maximum": max, "minimum": min, "bitwise_and": operator.and_,
    "bitwise_or": operator.or_, "bitwise_xor": operator.xor,
    "logical_and": lambda a, b: bool(a) and bool(b), "logical_or": lambda a, b: bool(a) or bool(b),
}  # fmt: skip
COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
_FLOATING = ("copysign", "xlogy", "div", "true_divide", "divide", "atan2", "arctan2")


def computed(name: str, a: Any, b: Any) -> Tensor:
    """A function of two operands, with what torch refuses of their dtypes."""
    base = {"true_divide": "div", "divide": "div", "subtract": "sub", "multiply": "mul"}.get(
        name, name
    )
    both = [x for x in (a, b) if isinstance(x, Tensor)]
    if base == "sub":
        refuse_bool_subtraction(a, b)
    dtype = promoted(a, b)
    whole, kernel = category(dtype) < 2, ""
    if (base.startswith("bitwise") and not whole) or (base in ("logaddexp", "hypot") and whole):
        kernel = f"{base}_cpu"
    elif dtype == "bool":
        kernel = {"fmod": "fmod_cpu", "remainder": "remainder_cpu", "floor_divide": "div_floor_cpu",
                  "div_trunc": "div_trunc_cpu",
                  "pow": "pow" if len(both) == 2 else ""}.get(base, "")  # fmt: skip
    if kernel:
        broadcast(*both)
        raise not_implemented(kernel, dtype)
    divides = base in ("fmod", "remainder", *_ROUNDED.values())
    if whole and divides and 0 in _values(b) and both[0].numel:
        raise runtime_error("ZeroDivisionError")
    if base == "pow" and isinstance(b, int) and b < 0 and category(both[0].dtype) < 2:
        raise runtime_error("Integers to negative integer powers are not allowed.")
    result = "bool" if base in COMPARISONS or base.startswith("logical") else ""
    result = "float" if base in _FLOATING else result
    out = binary(base, a, b, _PYTHON.get(base), result)
    plain = base == "pow" and len(both) == 1 and a is not both[0]  # 2 ** x has no layout of x's
    return out.like(values=out.known, strides=()) if plain else out


def _values(x: Any) -> Any:
    """What is known of an operand's values."""
    return x.known or () if isinstance(x, Tensor) else (x,)


def _is_bool(x: Any) -> bool:
    return isinstance(x, bool) or (isinstance(x, Tensor) and x.dtype == "bool")


def refuse_bool_subtraction(a: Any, b: Any) -> None:
    """A difference of masks."""
    if not (_is_bool(a) or _is_bool(b)):
        return
    if _is_bool(a) and _is_bool(b):
        raise runtime_error(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
            "`logical_xor()` operator instead."
        )
    raise runtime_error(
        "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to "
        "invert a mask, use the `~` or `logical_not()` operator instead."
    )


# --------------------------------------------------------------------------------- functions of two

_NUMBER_LIKE = ("add", "sub", "mul", "div", "true_divide", "divide", "floor_divide", "remainder",
                "bitwise_and", "bitwise_or", "bitwise_xor", "subtract", "multiply")  # fmt: skip


_ROUNDED = {"floor": "floor_divide", "trunc": "div_trunc"}


def _of_two(name: str) -> Callable[..., Tensor]:
    def rule(input: Any, other: Any, alpha: Any = 1, rounding_mode: Any = None) -> Tensor:
        return computed(_ROUNDED.get(rounding_mode, name), input, other)

    return rule


def _in_place_of_two(name: str) -> Callable[..., Tensor]:
    def rule(input: Tensor, other: Any, alpha: Any = 1, rounding_mode: Any = None) -> Tensor:
        return changed(input, _ROUNDED.get(rounding_mode, name), other)

    return rule


def changed(x: Tensor, name: str, other: Any) -> Tensor:
    """x ∘= other."""
    if name in ("sub", "subtract"):
        refuse_bool_subtraction(x, other)
    in_place_shape(x, other)
    if name.startswith("bitwise"):
        in_place_dtype(x, promoted(x, other))
    out = computed(name, x, other)
    if name not in COMPARISONS:
        in_place_dtype(x, out.dtype)
    return touch(x)


for _name in (*_NUMBER_LIKE, *COMPARISONS, "maximum", "minimum", "fmod", "atan2", "logical_and",
              "logical_or", "logical_xor", "hypot", "logaddexp", "copysign", "xlogy"):  # fmt: skip
    _kind = "number_like" if _name in ("add", "sub", "mul", "subtract", "multiply") else "Tensor"
    _more = ", *, Number alpha=1" if _name in ("add", "sub") else ""
    _more = ", *, str? rounding_mode=None" if _name in ("div", "divide") else _more
    _signatures = [f"{_name}(Tensor input, {_kind} other{_more})"]
    if _kind == "Tensor" and _name in (*_NUMBER_LIKE, *COMPARISONS, "fmod"):
        _signatures.append(f"{_name}(Tensor input, Number other{_more})")
    native(*_signatures)(_of_two(_name))
    if _name not in ("maximum", "minimum", "hypot", "logaddexp"):
        native(*in_place(*_signatures), at="Tensor")(_in_place_of_two(_name))

_POW = ("pow(Tensor input, Tensor exponent)", "pow(Tensor input, Number exponent)")
native(_POW[0], "pow(Number self, Tensor exponent)", _POW[1], at="torch")(
    lambda exponent, input=None, self=None: computed(
        "pow", self if input is None else input, exponent
    )
)
native(*_POW, at="Tensor")(lambda input, exponent: computed("pow", input, exponent))
native(*in_place(*_POW), at="Tensor")(lambda input, exponent: changed(input, "pow", exponent))


@native("copy_(Tensor input, number_like src, bool non_blocking=False)", at="Tensor")
def copy_(input: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    in_place_shape(input, src)
    return touch(input)


for _name in ("addcmul", "addcdiv"):

    @native(f"{_name}(Tensor input, Tensor tensor1, Tensor tensor2, *, Number value=1)")
    def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, value: Any = 1) -> Tensor:
        """input + value · tensor1 · tensor2."""
        return elementwise(input, tensor1, tensor2)


@native(
    "lerp(Tensor input, Tensor end, Tensor weight)", "lerp(Tensor input, Tensor end, Number weight)"
)
def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """input + weight · (end − input)."""
    for what, x in (("end", end), ("weight", weight)):
        if isinstance(x, Tensor) and x.dtype != input.dtype:
            raise runtime_error(
                f"expected dtype {c_name(input.dtype)} for `{what}` but got dtype {c_name(x.dtype)}"
            )
    return elementwise(input, end, *([weight] if isinstance(weight, Tensor) else []))


# --------------------------------------------------------------------------------------- operators

_OPERATORS = {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "floordiv": "floor_divide",
    "mod": "remainder", "pow": "pow", "and": "bitwise_and", "or": "bitwise_or",
    "xor": "bitwise_xor",
}  # fmt: skip
SIGNS = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%",
    "pow": "** or pow()",
    "and": "&", "or": "|", "xor": "^", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
}  # fmt: skip


def _unsupported(sign: str, a: Any, b: Any) -> Refusal:
    if sign in ("<", "<=", ">", ">="):
        text = f"'{sign}' not supported between instances of '{type_name(a)}' and '{type_name(b)}'"
    else:
        text = f"unsupported operand type(s) for {sign}: '{type_name(a)}' and '{type_name(b)}'"
    return type_error(text, argument=b)


def _is_operand(x: Any) -> bool:
    return isinstance(x, Tensor | int | float | complex)


def _operator(sign: str, name: str) -> Callable[..., Any]:
    def rule(self: Tensor, other: Any) -> Any:
        if not _is_operand(other):
            raise _unsupported(SIGNS[sign], self, other)
        return computed(name, self, other)

    return rule


def _reflected(sign: str, name: str) -> Callable[..., Any]:
    def rule(self: Tensor, other: Any) -> Any:
        if not _is_operand(other):
            if sign == "add" and isinstance(other, list | tuple):
                kind = type_name(other)
                raise type_error(f'can only concatenate {kind} (not "{type_name(self)}") to {kind}')
            if sign == "mul" and isinstance(other, list | tuple | str):
                raise type_error(
                    "only integer tensors of a single element can be converted to an index"
                )
            raise _unsupported(SIGNS[sign], other, self)
        return computed(name, other, self)

    return rule


def _augmented(sign: str, name: str) -> Callable[..., Any]:
    def rule(self: Tensor, other: Any) -> Any:
        if not _is_operand(other):
            raise _unsupported(f"{SIGNS[sign].split()[0]}=", self, other)
        return changed(self, name, other)

    return rule


def _equality(sign: str) -> Callable[..., Any]:
    def rule(self: Tensor, other: Any) -> Any:
        if not _is_operand(other):
            return sign == "ne"
        return computed(sign, self, other)

    return rule


for _sign, _name in _OPERATORS.items():
    row(f"Tensor.__{_sign}__")(_operator(_sign, _name))
    row(f"Tensor.__r{_sign}__")(_reflected(_sign, _name))
    row(f"Tensor.__i{_sign}__")(_augmented(_sign, _name))
for _sign in ("lt", "le", "gt", "ge"):
    row(f"Tensor.__{_sign}__")(_operator(_sign, _sign))
for _sign in ("eq", "ne"):
    row(f"Tensor.__{_sign}__")(_equality(_sign))
for _sign in ("lshift", "rshift"):
    row(f"Tensor.__{_sign}__")(lambda self, other: elementwise(self, other))
row("Tensor.__neg__")(lambda self: unary("neg", self))
row("Tensor.__abs__")(lambda self: unary("abs", self))
row("Tensor.__pos__")(lambda self: self)


@row("Tensor.__invert__")
def inverted(self: Tensor) -> Tensor:
    if category(self.dtype) >= 2:
        raise type_error(
            "~ (operator.invert) is only implemented on integer and Boolean-type tensors"
        )
    return unary("bitwise_not", self)


# ------------------------------------------------------------------------------- functions of one

# whole numbers become float32 under these
_TO_FLOAT = (
    "exp", "log", "sqrt", "rsqrt", "sin", "cos", "tan", "tanh", "sigmoid", "erf", "erfc", "log2",
    "log10", "log1p", "expm1", "reciprocal", "atan", "asin", "acos", "sinh", "cosh", "exp2",
    "erfinv",
    "lgamma", "digamma", "logit", "asinh", "acosh", "atanh", "deg2rad", "rad2deg", "sinc", "i0",
    "arctan", "arcsin", "arccos", "angle",
)  # fmt: skip
_TO_BOOL = ("isnan", "isinf", "isfinite", "logical_not", "isposinf", "isneginf", "signbit")
# what each does to bool: a kernel that is missing, a message, or nothing
_NO_BOOL = {
    "abs": "abs_cpu", "sign": "", "floor": "floor_vml_cpu", "ceil": "ceil_vml_cpu",
    "round": "round_vml_cpu",
    "trunc": "trunc_vml_cpu",
}  # fmt: skip
_KEEPS = ("abs", "neg", "sign", "floor", "ceil", "round", "trunc", "frac", "square", "relu",
          "positive", "nan_to_num", "sgn", "bitwise_not", "absolute", "negative", "fix",
          "real")  # fmt: skip
_KNOWN: dict[str, Callable[..., Any]] = {
    "abs": abs, "neg": operator.neg, "square": lambda v: v * v, "floor": math.floor,
    "ceil": math.ceil,
    "logical_not": lambda v: not v, "relu": lambda v: max(v, 0),
}  # fmt: skip


def unary(name: str, x: Tensor) -> Tensor:
    """A function of each element, with what torch refuses of its dtype."""
    whole = category(x.dtype) < 2
    if name in _TO_FLOAT:
        return x.like(dtype="float32" if whole else x.dtype)
    if name in _TO_BOOL:
        return _with_values(x.like(dtype="bool"), name, x)
    if name in ("neg", "negative") and x.dtype == "bool":
        raise runtime_error(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to "
            "invert a mask, use the `~` or `logical_not()` operator instead."
        )
    if name == "bitwise_not":
        if not whole:
            raise not_implemented("bitwise_not_cpu", x.dtype, x)
        values = (
            None if x.known is None else tuple(not v if x.dtype == "bool" else ~v for v in x.known)
        )
        return x.like(values=values)
    if x.dtype == "bool":
        if name == "relu":
            raise runtime_error("Boolean inputs not supported for relu")
        if name == "positive":
            raise runtime_error("The `+` operator, on a bool tensor is not supported.")
        if name == "square":
            return x.like(dtype="int64")
        if _NO_BOOL.get(name):
            raise not_implemented(_NO_BOOL[name], "bool", x)
    if name == "frac" and whole:
        raise not_implemented("frac_cpu", x.dtype, x)
    if name in ("real", "positive"):
        return x
    return _with_values(x.like(), name, x)


def _with_values(out: Tensor, name: str, x: Tensor) -> Tensor:
    if name not in _KNOWN or x.known is None:
        return out
    return out.like(strides=out.strides, values=tuple(_KNOWN[name](v) for v in x.known))


def _of_one(name: str) -> Callable[..., Tensor]:
    base = {"absolute": "abs", "negative": "neg", "fix": "trunc"}.get(name, name)
    return lambda input, **_: unary(base, input)


def _in_place_of_one(name: str) -> Callable[..., Tensor]:
    def rule(input: Tensor, **_: Any) -> Tensor:
        if name in _TO_FLOAT and category(input.dtype) < 2:
            in_place_dtype(input, "float32")
        unary(name, input)
        return touch(input)

    return rule


_OPTIONS = {"round": ", *, int decimals=0", "logit": ", float? eps=None",
            "nan_to_num": ", float? nan=None, float? posinf=None, float? neginf=None"}  # fmt: skip
for _name in (*_TO_FLOAT, *_TO_BOOL, *_KEEPS):
    _signatures = [f"{_name}(Tensor input{_OPTIONS.get(_name, '')})"]
    if _name == "round":
        _signatures.insert(0, "round(Tensor input)")
    native(*_signatures, at="torch" if _name == "real" else "torch Tensor")(_of_one(_name))
    if _name in _TO_BOOL or _name in ("positive", "real", "angle"):
        continue
    native(*in_place(*_signatures), at="Tensor")(_in_place_of_one(_name))
    if _name not in ("erfinv", "lgamma", "digamma", "sign", "sgn", "bitwise_not", "absolute"):
        row(f"torch.{_name}_")(_in_place_of_one(_name))


@native(
    "clamp(Tensor input, Tensor? min=None, Tensor? max=None)",
    "clamp(Tensor input, Number? min=None, Number? max=None)", also=("clip",),
)  # fmt: skip
def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    bounds = [b for b in (min, max) if b is not None]
    if not bounds:
        raise runtime_error("torch.clamp: At least one of 'min' or 'max' must not be None")
    if promoted(input, *bounds) == "bool":
        elementwise(input, *bounds)
        kernel = "clamp_cpu" if isinstance(bounds[0], Tensor) else "clamp_scalar_cpu"
        raise not_implemented(kernel, "bool", input)
    out = elementwise(input, *bounds)
    if (
        input.known is not None
        and not any(isinstance(b, Tensor) for b in bounds)
        and category(input.dtype) == 1
    ):
        values = tuple(
            min if min is not None and v < min else max if max is not None and v > max else v
            for v in input.known
        )
        out = out.like(values=values)
    return out


@native(
    "clamp_(Tensor input, Tensor? min=None, Tensor? max=None)",
    "clamp_(Tensor input, Number? min=None, Number? max=None)", at="Tensor",
)  # fmt: skip
def clamp_(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    in_place_dtype(input, clamp(input, min, max).dtype, c_name)
    return touch(input)


def _one_bound(name: str) -> None:
    signatures = [f"{name}(Tensor input, {kind} {name[6:]})" for kind in ("Tensor", "Number")]

    def in_place_rule(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
        out = clamp(input, min, max)
        bound = max if min is None else min
        in_place_shape(input, bound)
        in_place_dtype(input, out.dtype, alias if isinstance(bound, Tensor) else c_name)
        return touch(input)

    native(*signatures)(clamp)
    native(*in_place(*signatures), at="Tensor")(in_place_rule)


for _name in ("clamp_min", "clamp_max"):
    _one_bound(_name)


# ---------------------------------------------------------------------------- functions of networks

# torch.nn.functional's activations: what each does to whole numbers and to bool
_KERNELS = {
    "gelu": "GeluKernelImpl", "elu": "elu_cpu", "selu": "elu_cpu", "celu": "elu_cpu",
    "leaky_relu": "leaky_relu_cpu", "softplus": "softplus_cpu", "silu": "silu_cpu",
    "mish": "mish_cpu",
    "hardswish": "hardswish_cpu", "hardsigmoid": "hardsigmoid_cpu", "logsigmoid": "log_sigmoid_cpu",
    "softshrink": "softshrink_check", "hardshrink": "hardshrink_cpu",
    "rrelu_training": "rrelu_with_noise_out_cpu",
    "rrelu": "leaky_relu_cpu",
}  # fmt: skip


def activation(name: str, x: Any, function: str = "") -> Any:
    """An activation of torch.nn.functional, by its name there."""
    function = function or name
    if not isinstance(x, Tensor):
        attribute = {"tanh": "tanh", "sigmoid": "sigmoid", "softsign": "abs", "tanhshrink": "tanh"}
        if name in attribute:
            raise lacks(x, attribute[name])
        tensor_argument(x, _C_NAME.get(name, name), "input", 1)
    if name in ("relu", "tanh", "sigmoid"):
        return unary(name, x)
    whole = category(x.dtype) < 2
    if name in ("hardtanh", "relu6", "relu6_module"):
        if x.dtype == "bool":
            raise runtime_error("Bool inputs not supported for hardtanh")
        return x.like()
    if name == "softsign":
        if x.dtype == "bool":
            raise not_implemented("abs_cpu", "bool", x)
        return x.like(dtype="float32" if whole else x.dtype)
    if name == "tanhshrink":
        refuse_bool_subtraction(x, 1)
        return x.like(dtype="float32" if whole else x.dtype)
    if whole:
        raise not_implemented(_KERNELS[name], x.dtype, x)
    return x.like()


_C_NAME = {"relu6_module": "hardtanh", "logsigmoid": "log_sigmoid", "rrelu_training": "rrelu"}


def result_in_place(input: Any, result: Any, inplace: Any) -> Any:
    """What a function gives that writes it into its input where that is asked."""
    if inplace is True and isinstance(input, Tensor) and result is not input:
        touch(input)
    return result


def declared(name: str, rule: Callable[..., Any]) -> None:
    """A function of torch.nn.functional; Python's own messages name it."""
    rule.__qualname__ = name
    names = list(signature(rule).parameters)

    @wraps(rule)
    def function(*args: Any, **keywords: Any) -> Any:
        result, given = rule(*args, **keywords), {**dict(zip(names, args)), **keywords}
        return result_in_place(given["input"], result, given.get("inplace"))

    row(f"torch.nn.functional.{name}")(function if "inplace" in names else rule)


for _name in ("logsigmoid", "softsign", "tanhshrink", "tanh", "sigmoid"):
    declared(_name, lambda input, *, _name=_name: activation(_name, input))
for _name in ("relu", "relu6", "selu", "silu", "mish", "hardswish", "hardsigmoid"):
    declared(_name, lambda input, inplace=False, *, _name=_name: activation(_name, input))
for _name in ("elu", "celu"):
    declared(
        _name, lambda input, alpha=1.0, inplace=False, *, _name=_name: activation(_name, input)
    )
for _name in ("softshrink", "hardshrink"):
    declared(_name, lambda input, lambd=0.5, *, _name=_name: activation(_name, input))
for _name in ("selu", "celu", "rrelu"):
    row(f"torch.{_name}")(lambda input, *_, _name=_name: activation(_name, input))
_ACTIVATIONS: dict[str, Callable[..., Any]] = {
    "gelu": lambda input, approximate="none": activation("gelu", input),
    "softplus": lambda input, beta=1, threshold=20: activation("softplus", input),
    "leaky_relu": lambda input, negative_slope=0.01, inplace=False: activation("leaky_relu", input),
    "hardtanh": lambda input, min_val=-1.0, max_val=1.0, inplace=False:
        activation("hardtanh", input),
    "rrelu": lambda input, lower=0.125, upper=1 / 3, training=False, inplace=False:
        activation("rrelu", input),
    "threshold": lambda input, threshold, value, inplace=False: activation("relu", input),
}  # fmt: skip
for _name, _rule in _ACTIVATIONS.items():
    declared(_name, _rule)


# ------------------------------------------------------------------------------------------ dropout


def check_p(p: Any) -> None:
    """The probability of a dropout."""
    if isinstance(p, Size | Tensor | Unknown):
        return  # an open argument: not known to be out of range
    if not isinstance(p, int | float):
        raise type_error(f"'<' not supported between instances of '{type_name(p)}' and 'int'")
    if not 0 <= p <= 1:
        raise value_error(f"dropout probability has to be between 0 and 1, but got {p}")


def dropped(name: str, x: Any, p: Any, training: bool) -> Any:
    """F.dropout and its kind; a channel dropout wants axes behind the channels."""
    check_p(p)
    if not isinstance(x, Tensor):
        if name[-2:] in ("1d", "2d", "3d"):
            raise lacks(x, "dim")
        tensor_argument(x, name, "input", 1)
    if name == "dropout1d" and x.rank not in (2, 3):
        raise runtime_error(
            f"dropout1d: Expected 2D or 3D input, but received a {x.rank}D input. Note that "
            "dropout1d "
            "exists to provide channel-wise dropout on inputs with 1 spatial dimension, a channel "
            "dimension, and an optional batch dimension (i.e. 2D or 3D inputs).", argument=x,
            wants={"rank": (2, 3)},
        )  # fmt: skip
    if name in ("dropout2d", "dropout3d"):
        _channel_warning(name, x.rank)
    if name not in ("dropout", "alpha_dropout") and training and x.rank < 2:
        raise NotKnown("a channel dropout of no channels")
    if not training or p == 0 or x.numel == 0:
        return x
    kind = "Long" if "alpha" in name and x.dtype == "bool" else alias(x.dtype)
    if category(x.dtype) < 2 and p != 1:
        raise runtime_error(
            f"result type Float can't be cast to the desired output type {kind}", argument=x,
            wants={"dtype": "float32"},
        )  # fmt: skip
    return x.like()


def _channel_warning(name: str, rank: int) -> None:
    spatial = int(name[-2])
    if rank not in (spatial + 1, spatial + 2):
        warn(
            f"{name}: Received a {rank}-D input to {name}, which is deprecated and will result in "
            "an error in a future release. To retain the behavior and silence this warning, "
            f"please use dropout instead. Note that {name} exists to provide channel-wise dropout "
            f"on inputs with {spatial} spatial dimensions, a channel dimension, and an optional "
            f"batch dimension (i.e. {spatial + 1}D or {spatial + 2}D inputs)."
        )
    if name == "dropout2d" and rank == 3:
        warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout "
            "behavior is desired - input is interpreted as shape (N, C, L), where C is the channel "
            "dim. This behavior will change in a future release to interpret the input as one "
            "without a batch dimension, i.e. shape (C, H, W). To maintain the 1D channel-wise "
            "dropout behavior, please switch to using dropout1d instead."
        )


for _name in ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout",
              "feature_alpha_dropout"):  # fmt: skip
    declared(
        _name,
        lambda input, p=0.5, training="alpha" not in _name, inplace=False, *, _name=_name: dropped(
            _name, input, p, training
        ),
    )  # fmt: skip
