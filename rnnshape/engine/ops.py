"""The table of operations: each row holds all that is known of one operation.

A row gives the shape of the result, the NumPy rule, the cost in MACs (multiply-accumulates of
matrix products; biases and elementwise work are none), how the operation is written, over names
(`x_0·W_ihᵀ + b_ih`) and over shapes (`(7×10)·(10×20)+20→7×20`), and its gradient, written in
operations of the same table. NumPy is not imported at the top: an array rule receives it as its
first argument.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple, Protocol

from ..errors import ShapeError
from ..network.dims import Dim, Shape, product, total, write_dim, write_shape

Attributes = tuple[Any, ...]  # integers; numbers of an activation


class Perform(Protocol):
    """Performs an operation of the table on tensors, and gives its result."""

    def __call__(self, op: str, *inputs: Any, attributes: Attributes = ()) -> Any:
        """The result of `op`."""


class Use(NamedTuple):
    """An operation's use of its input number `number`, whose gradient is asked for.

    so_far: what the gradient is added to, where the input is a parameter that every step uses.
    """

    number: int
    inputs: Sequence[Any]
    output: Any
    attributes: Attributes
    so_far: tuple[Any, ...] = ()


Gradient = Callable[[Perform, Any, Use], Any]


def need(fits: bool, what: str, shapes: Sequence[Shape]) -> None:
    """Raise ShapeError where shapes do not fit; `what` says what was expected."""
    if not fits:
        raise ShapeError(what, got=" and ".join(write_shape(shape) for shape in shapes))


def same(shapes: Sequence[Shape], _: Attributes) -> Shape:
    """The shape rule of what works element by element."""
    need(len(set(shapes)) == 1, "expected equal shapes", shapes)
    return shapes[0]


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One row of the table.

    shape:   input shapes and attributes to the output's shape, that of all unless said; raises
             ShapeError
    array:   (numpy, arrays, attributes) to the output array
    equation: input names and attributes to the text over names
    shapes:  input shapes and attributes to the left side of the text over shapes
    macs:    input shapes to the number of multiply-accumulates
    gradient: the gradient of the output and a use of an input to what that use adds to the
             input's gradient; None where nothing is differentiated through the operation
    accumulates: whether that gradient is added to `so_far` by the rule itself
    reads_shape: whether the shapes of the inputs are read alone, and not their values
    functions: how equations of a file call it, where it works on each number or row alone
    torch, jax: such a function as code, {0} for what it is of
    """

    shape: Callable[[Sequence[Shape], Attributes], Shape] = same
    array: Callable[[Any, Sequence[Any], Attributes], Any]
    equation: Callable[[Sequence[str], Attributes], str]
    shapes: Callable[[Sequence[Shape], Attributes], str]
    macs: Callable[[Sequence[Shape]], Dim] = lambda shapes: 0
    gradient: Gradient | None = None
    accumulates: bool = False
    reads_shape: bool = False
    functions: tuple[str, ...] = ()
    torch: str = ""
    jax: str = ""

    def of_numbers(self, numbers: Sequence[float], attributes: Attributes = ()) -> float:
        """The result of numbers alone; NumPy is loaded where the array rule needs arrays."""
        try:
            return float(self.array(_MATH, numbers, attributes))
        except AttributeError:
            import numpy as np

            with np.errstate(all="ignore"):
                return float(self.array(np, [np.float64(n) for n in numbers], attributes))


# what array rules ask of NumPy, for numbers
_MATH = SimpleNamespace(**{**vars(math), "maximum": max, "minimum": min, "abs": abs})


def elementwise(mark: str) -> Callable[[Sequence[Shape], Attributes], str]:
    """How an operation between shapes is written: `7×20+7×20`."""
    return lambda shapes, _: mark.join(write_shape(shape) for shape in shapes)


def call(name: str) -> Callable[[Sequence[Shape], Attributes], str]:
    """How a function of shapes is written: `tanh(7×20)`."""
    return lambda shapes, _: f"{name}({', '.join(write_shape(shape) for shape in shapes)})"


def written(equation: str, shapes: str) -> dict[str, Any]:
    """How an operation is written over names and over shapes: {0} is its first input."""
    return {
        "equation": lambda names, _: equation.format(*names),
        "shapes": lambda of, _: shapes.format(*map(write_shape, of)),
    }


def _broadcast(shapes: Sequence[Shape], _: Attributes) -> Shape:
    """Equal sizes, counted from the last; a size of 1, or none, meets any other."""
    if shapes[0] == shapes[-1] and len(shapes) < 3:
        return shapes[0]
    rank = max(map(len, shapes))
    whole: list[Dim] = []
    for axis in range(-rank, 0):
        sizes = {shape[axis] for shape in shapes if len(shape) >= -axis} - {1}
        need(len(sizes) <= 1, "expected equal shapes, or sizes of 1", shapes)
        whole.append(next(iter(sizes), 1))
    return tuple(whole)


def _summed(perform: Perform, gradient: Any, use: Use) -> Any:
    """A gradient in the shape of what it is the gradient of: summed where that was spread out."""
    shape = use.inputs[use.number].shape
    return gradient if gradient.shape == shape else perform("sum_to", gradient, attributes=shape)


def _sum_to(np: Any, arrays: Sequence[Any], shape: Attributes) -> Any:
    array = arrays[0].sum(axis=tuple(range(arrays[0].ndim - len(shape))))
    spread = tuple(i for i, size in enumerate(shape) if size == 1 != array.shape[i])
    return array.sum(axis=spread, keepdims=True) if spread else array


def _mul_gradient(perform: Perform, dy: Any, use: Use) -> Any:
    return _summed(perform, perform("mul", dy, use.inputs[1 - use.number]), use)


def _sub_gradient(perform: Perform, dy: Any, use: Use) -> Any:
    return _summed(perform, perform("neg", dy) if use.number else dy, use)


def _div_gradient(perform: Perform, dy: Any, use: Use) -> Any:
    """Of y = a / b: da = dy / b, db = −dy ⊙ y / b."""
    over = perform("mul", dy, use.output) if use.number else dy
    share = perform("div", over, use.inputs[1])
    return _summed(perform, perform("neg", share) if use.number else share, use)


def _power_gradient(perform: Perform, dy: Any, use: Use) -> Any:
    """Of y = a ^ b: da = b ⊙ a ^ (b − 1) ⊙ dy, db = y ⊙ log(a) ⊙ dy, 0 where y is."""
    base = use.inputs[0]
    if not use.attributes:
        exponent = use.inputs[1]
        if use.number:
            slope = perform("xlogy", use.output, base)
        else:
            slope = perform("mul", exponent, perform("power", base, perform("less_one", exponent)))
        return _summed(perform, perform("mul", dy, slope), use)
    number = use.attributes[0]
    if isinstance(number, str):  # H, where that is a letter
        slope = perform("power", base, attributes=(f"{number} − 1",))
    elif not number:
        return perform("times", dy, attributes=(0, 1))
    else:
        slope = perform("power", base, attributes=(number - 1,))
    return perform("mul", dy, perform("times", slope, attributes=(number, 1)))


def _power_text(names: Sequence[str], attributes: Attributes) -> str:
    exponent = attributes[0] if attributes else names[1]
    text = exponent if isinstance(exponent, str) else f"{exponent:g}"
    return f"{names[0]} ^ {text if text.isalnum() or '.' in text else f'({text})'}"


def _extreme_gradient(first: int) -> Gradient:
    """Of max(a, b), first = 0, or min(a, b): to the one that won, halved where they are equal."""

    def gradient(perform: Perform, dy: Any, use: Use) -> Any:
        number = use.number if first == 0 else 1 - use.number
        won = perform("exceeds", use.inputs[number], use.inputs[1 - number])
        return _summed(perform, perform("mul", dy, won), use)

    return gradient


def _exceeds(np: Any, arrays: Sequence[Any], _: Attributes) -> Any:
    a, b = arrays
    return np.where(a == b, 0.5, a > b).astype((a - b).dtype)


def _silu_gradient(perform: Perform, dy: Any, use: Use) -> Any:
    """σ + y ⊙ (1 − σ), of y = x ⊙ σ(x)."""
    s = perform("sigmoid", use.inputs[0])
    slope = perform("add", s, perform("mul", use.output, perform("one_minus", s)))
    return perform("mul", dy, slope)


def _layer_norm(np: Any, arrays: Sequence[Any], _: Attributes) -> Any:
    a = arrays[0]
    return (a - a.mean(axis=-1, keepdims=True)) / _deviation(np, arrays, _)


def _deviation(np: Any, arrays: Sequence[Any], _: Attributes) -> Any:
    a = arrays[0]
    return np.sqrt(a.var(axis=-1, keepdims=True) + a.dtype.type(1e-5))


def _layer_norm_gradient(perform: Perform, dy: Any, use: Use) -> Any:
    """(dy − mean(dy) − y ⊙ mean(dy ⊙ y)) / deviation, the means over the width."""
    y, width = use.output, use.inputs[0].shape[-1]

    def mean(a: Any) -> Any:
        return perform("times", perform("sum_columns", a), attributes=(1, width))

    centred = perform("sub", dy, mean(dy))
    inner = perform("sub", centred, perform("mul", y, mean(perform("mul", dy, y))))
    return perform("div", inner, perform("deviation", use.inputs[0]))


def _outer_product_gradient(perform: Perform, dy: Any, use: Use) -> Any:
    """Of Y = a·bᵀ: da = dY·b, db = dYᵀ·a."""
    whole = perform("transpose", dy) if use.number else dy
    other = use.inputs[1 - use.number]
    return _summed(perform, perform("product", whole, other, attributes=(1,)), use)


def _product_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    a, b = shapes
    vector = attributes[0] == 1
    inner = b[-1] if vector else b[-2]
    need(a[-1] == inner, "product: expected as many columns as what is behind has rows", shapes)
    return (*(a[:-2] or b[: -attributes[0]]), a[-2], *(() if vector else b[-1:]))


def _product_array(np: Any, arrays: Sequence[Any], attributes: Attributes) -> Any:
    a, b = arrays
    return np.matmul(a, b[..., None])[..., 0] if attributes[0] == 1 else np.matmul(a, b)


def _product_macs(shapes: Sequence[Shape]) -> Dim:
    a, b = shapes
    lead = a[:-2] or b[: len(b) - 1]
    if len(a) == 2 and len(b) == 3:
        lead = b[:1]
    elif len(a) == 2:
        lead = ()
    columns = b[-1] if len(b) == len(a) else 1
    return product(lead) * a[-2] * a[-1] * columns


def _product_gradient(perform: Perform, dy: Any, use: Use) -> Any:
    """Of A·b: dA = dy·bᵀ, db = Aᵀ·dy; of A·B: dA = dY·Bᵀ, dB = Aᵀ·dY."""
    a, b = use.inputs
    if use.number:
        gradient = perform("product", perform("transpose", a), dy, attributes=use.attributes)
    elif use.attributes[0] == 1:
        gradient = perform("outer_product", dy, b)
    else:
        gradient = perform("product", dy, perform("transpose", b), attributes=(2,))
    return _summed(perform, gradient, use)


def _erf(np: Any, a: Any) -> Any:
    return np.vectorize(math.erf, otypes=[np.float64])(a) if a.size else a


def _gelu(np: Any, a: Any) -> Any:
    return (a * 0.5 * (1 + _erf(np, a * math.sqrt(0.5)))).astype(a.dtype)


def _gelu_slope(np: Any, a: Any) -> Any:
    density = np.exp(-0.5 * a * a) / math.sqrt(2 * math.pi)
    return (0.5 * (1 + _erf(np, a * math.sqrt(0.5))) + a * density).astype(a.dtype)


def _xlogy(np: Any, arrays: Sequence[Any], _: Attributes) -> Any:
    y, a = arrays
    return y * np.log(np.where(y == 0, 1, a))


def binary(sign: str, array: Callable[..., Any], gradient: Gradient) -> Operation:
    """A row of a + b, written with its sign, or of max(a, b), written with its name."""
    between = f" {sign} " if len(sign) == 1 else ", "
    around = "{}" if len(sign) == 1 else f"{sign}({{}})"
    return Operation(
        shape=_broadcast,
        array=lambda np, arrays, _: array(np, *arrays),
        equation=lambda names, _: around.format(between.join(names)),
        shapes=elementwise(sign) if len(sign) == 1 else call(sign),
        gradient=gradient,
    )


def pointwise(
    name: str,
    array: Callable[..., Any],
    gradient: Gradient | None = None,
    torch: str = "",
    jax: str = "",
    functions: tuple[str, ...] = (),
) -> Operation:
    """A row of a function of each number (or row) alone, which equations call by its name.

    array(numpy, x); torch and jax, where the function is not called so there: `F.silu({0})`.
    """
    return Operation(
        array=lambda np, arrays, _: array(np, arrays[0]),
        equation=lambda names, _: f"{name}({names[0]})",
        shapes=call(name),
        gradient=gradient,
        functions=functions or ((name,) if gradient else ()),
        torch=torch or f"torch.{name}({{0}})",
        jax=jax or f"jnp.{name}({{0}})",
    )


def _linear_shape(shapes: Sequence[Shape], _: Attributes) -> Shape:
    x, weight = shapes[0], shapes[1]
    need(x[-1] == weight[1], "linear: expected x's last size to be the weight's last", shapes)
    need(len(shapes) < 3 or shapes[2] == weight[:1], "linear: expected a bias per row", shapes)
    return (*x[:-1], weight[0])


def _linear_array(np: Any, arrays: Sequence[Any], _: Attributes) -> Any:
    y = np.matmul(arrays[0], arrays[1].T)
    return y + arrays[2] if len(arrays) > 2 else y


def _linear_shapes(shapes: Sequence[Shape], _: Attributes) -> str:
    transposed = shapes[1][::-1]
    bias = f"+{write_shape(shapes[2])}" if len(shapes) > 2 else ""
    return f"({write_shape(shapes[0])})·({write_shape(transposed)}){bias}"


def _linear_gradient(perform: Perform, dy: Any, use: Use) -> Any:
    """Of y = x·Wᵀ + b: dx = dy·W, dW = dyᵀ·x, db = the sum of dy's rows."""
    x, weight = use.inputs[:2]
    if use.number == 0:
        return perform("matmul", dy, weight)
    if use.number == 1:
        return perform("outer", dy, x, *use.so_far)
    return perform("sum_rows", dy, *use.so_far)


def _matmul_shape(shapes: Sequence[Shape], _: Attributes) -> Shape:
    need(shapes[0][-1] == shapes[1][0], "matmul: expected the inner sizes to be equal", shapes)
    return (*shapes[0][:-1], shapes[1][1])


def _outer_shape(shapes: Sequence[Shape], _: Attributes) -> Shape:
    need(shapes[0][:-1] == shapes[1][:-1], "outer: expected as many rows in both", shapes)
    return (shapes[0][-1], shapes[1][-1])


def _outer_array(np: Any, arrays: Sequence[Any], _: Attributes) -> Any:
    gradient = np.matmul(arrays[0].T, arrays[1])
    return gradient + arrays[2] if len(arrays) > 2 else gradient


def _sum_rows_array(np: Any, arrays: Sequence[Any], _: Attributes) -> Any:
    gradient = arrays[0].sum(axis=0)
    return gradient + arrays[1] if len(arrays) > 1 else gradient


def _concat_gradient(perform: Perform, dy: Any, use: Use) -> Any:
    axis = use.attributes[0]
    widths = [part.shape[axis] for part in use.inputs]
    if axis and len(set(widths)) == 1:  # along the features, in equal parts
        return perform("split", dy, attributes=(use.number, len(use.inputs)))
    start = total(widths[: use.number])
    bounds = (start, start + widths[use.number])
    return perform("columns" if axis else "narrow", dy, attributes=bounds)


def _narrow_gradient(perform: Perform, dy: Any, use: Use) -> Any:
    start, stop = use.attributes
    return perform("pad", dy, attributes=(start, use.inputs[0].shape[0] - stop))


def _softmax_gradient(perform: Perform, dy: Any, use: Use) -> Any:
    y = use.output
    weighed = perform("sum_columns", perform("mul", dy, y))
    return perform("mul", y, perform("sub", dy, weighed))


def _pad_array(np: Any, arrays: Sequence[Any], attributes: Attributes) -> Any:
    return np.pad(arrays[0], (attributes, *[(0, 0)] * (arrays[0].ndim - 1)))


def _mean(np: Any, whole: Any, count: int) -> Any:
    """`whole` shared among `count`; among none it is no number, as in torch."""
    return whole / whole.dtype.type(count) if count else whole.dtype.type(np.nan)


def _cross_entropy(np: Any, arrays: Sequence[Any], attributes: Attributes) -> Any:
    o, target = arrays
    shifted = o - o.max(axis=-1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return _mean(np, -(target * logs).sum(), attributes[0])


def _difference(perform: Perform, use: Use, numerator: int) -> Any:
    """The gradient of a loss: numerator / count times the difference of its two inputs."""
    o, target = use.inputs
    read = perform("softmax", o) if numerator == 1 else o
    factor = (numerator, use.attributes[0])
    return perform("times", perform("sub", read, target), attributes=factor)


def _split_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    return (*shapes[0][:-1], shapes[0][-1] // attributes[1])


def _split_array(np: Any, arrays: Sequence[Any], attributes: Attributes) -> Any:
    index, parts = attributes
    width = arrays[0].shape[-1] // parts
    return arrays[0][..., index * width : (index + 1) * width]


def _narrow_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    return (attributes[1] - attributes[0], *shapes[0][1:])


def _concat_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    axis = attributes[0]
    rest = {shape[:axis] + shape[axis + 1 :] for shape in shapes}
    need(len(rest) == 1, "concat: expected equal shapes but for the joined axis", shapes)
    first = shapes[0]
    return (*first[:axis], total(shape[axis] for shape in shapes), *first[axis + 1 :])


def _sigmoid(np: Any, x: Any) -> Any:
    half = x.dtype.type(0.5)
    return np.tanh(x * half) * half + half  # no overflow on either side, exact to rounding


def _softmax(np: Any, x: Any) -> Any:
    shifted = np.exp(x - x.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def _loss_shape(shapes: Sequence[Shape], _: Attributes) -> Shape:
    same(shapes, _)
    return ()


def _denominator(count: Dim) -> str:
    text = write_dim(count)
    return text if text.isdecimal() or text.isidentifier() else f"({text})"


def _fraction(attributes: Attributes) -> str:
    over, under = attributes
    return f"{over}" if under == 1 else f"{over}/{_denominator(under)}"


def _bounds(attributes: Attributes) -> str:
    return f"[{attributes[0] or ''}:{attributes[1]}]"


def _blocks_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    first, last, parts = attributes
    return (shapes[0][0] // parts * (last - first), *shapes[0][1:])


def _blocks_array(np: Any, arrays: Sequence[Any], attributes: Attributes) -> Any:
    first, last, parts = attributes
    width = len(arrays[0]) // parts
    return arrays[0][first * width : last * width]


def _function(
    name: str, array: Callable[..., Any], gradient: Gradient | None = None, **code: Any
) -> Operation:
    """A row for ONNX's activation `name`: array(numpy, x, *numbers)."""

    def written(words: str, numbers: Attributes) -> str:
        return f"{name}({', '.join([words, *(f'{number:g}' for number in numbers)])})"

    return Operation(
        array=lambda np, arrays, numbers: array(np, arrays[0], *map(arrays[0].dtype.type, numbers)),
        equation=lambda names, numbers: written(names[0], numbers),
        shapes=lambda shapes, numbers: written(write_shape(shapes[0]), numbers),
        gradient=gradient,
        **code,
    )


OPERATIONS: dict[str, Operation] = {
    "linear": Operation(
        shape=_linear_shape,
        array=_linear_array,
        equation=lambda names, _: f"{names[0]}·{names[1]}ᵀ" + "".join(f" + {b}" for b in names[2:]),
        shapes=_linear_shapes,
        macs=lambda shapes: product(shapes[0]) * shapes[1][0],
        gradient=_linear_gradient,
        accumulates=True,
    ),
    "add": binary("+", lambda np, a, b: a + b, _summed),
    "mul": binary("⊙", lambda np, a, b: a * b, _mul_gradient),
    "one_minus": Operation(
        array=lambda np, arrays, _: 1 - arrays[0],
        **written("1 − {0}", "1−{0}"),
        gradient=lambda perform, dy, use: perform("neg", dy),
    ),
    "tanh": pointwise(
        "tanh",
        lambda np, x: np.tanh(x),
        lambda p, dy, use: p("mul", dy, p("one_minus", p("square", use.output))),
    ),
    "relu": pointwise(
        "relu",
        lambda np, x: np.maximum(x, 0),
        lambda p, dy, use: p("mul", dy, p("positive", use.output)),
        jax="jax.nn.relu({0})",
    ),
    "sigmoid": pointwise(
        "σ",
        _sigmoid,
        lambda p, dy, use: p("mul", dy, p("mul", use.output, p("one_minus", use.output))),
        torch="torch.sigmoid({0})",
        jax="jax.nn.sigmoid({0})",
        functions=("σ", "sigmoid"),
    ),
    # what equations of a file have beside these
    "sub": binary("−", lambda np, a, b: a - b, _sub_gradient),
    "div": binary("/", lambda np, a, b: a / b, _div_gradient),
    "max": binary("max", lambda np, a, b: np.maximum(a, b), _extreme_gradient(0)),
    "min": binary("min", lambda np, a, b: np.minimum(a, b), _extreme_gradient(1)),
    "power": Operation(  # attribute: the exponent, where it is a number
        shape=_broadcast,
        array=lambda np, arrays, a: arrays[0] ** (a[0] if a else arrays[1]),
        equation=_power_text,
        shapes=lambda shapes, a: _power_text([write_shape(shape) for shape in shapes], a),
        gradient=_power_gradient,
    ),
    "exp": pointwise("exp", lambda np, x: np.exp(x), lambda p, dy, use: p("mul", dy, use.output)),
    "log": pointwise("log", lambda np, x: np.log(x), lambda p, dy, u: p("div", dy, u.inputs[0])),
    "sqrt": pointwise(
        "sqrt",
        lambda np, x: np.sqrt(x),
        lambda p, dy, use: p("times", p("div", dy, use.output), attributes=(1, 2)),
    ),
    "sin": pointwise(
        "sin", lambda np, x: np.sin(x), lambda p, dy, u: p("mul", dy, p("cos", u.inputs[0]))
    ),
    "cos": pointwise(
        "cos",
        lambda np, x: np.cos(x),
        lambda p, dy, use: p("neg", p("mul", dy, p("sin", use.inputs[0]))),
    ),
    "abs": pointwise(
        "abs", lambda np, x: np.abs(x), lambda p, dy, u: p("mul", dy, p("sign", u.inputs[0]))
    ),
    "softplus": pointwise(
        "softplus",
        lambda np, x: np.logaddexp(x, x.dtype.type(0)),
        lambda p, dy, u: p("mul", dy, p("sigmoid", u.inputs[0])),
        torch="F.softplus({0}, threshold=50.0)",
        jax="jax.nn.softplus({0})",
    ),
    "silu": pointwise(
        "silu", lambda np, x: x * _sigmoid(np, x), _silu_gradient, "F.silu({0})", "jax.nn.silu({0})"
    ),
    "gelu": pointwise(
        "gelu",
        _gelu,
        lambda p, dy, u: p("mul", dy, p("gelu_slope", u.inputs[0])),
        torch="F.gelu({0})",
        jax="jax.nn.gelu({0}, approximate=False)",
    ),
    "layer_norm": Operation(  # over the width, biased variance, 1e-5
        array=_layer_norm,
        equation=lambda names, _: f"layer_norm({names[0]})",
        shapes=call("layer_norm"),
        gradient=_layer_norm_gradient,
    ),
    "product": Operation(  # a matrix and (attribute) 1: a vector, 2: a matrix, for each sample
        shape=_product_shape,
        array=_product_array,
        **written("{0}·{1}", "({0})·({1})"),
        macs=_product_macs,
        gradient=_product_gradient,
    ),
    "outer_product": Operation(  # of two vectors of each sample
        shape=lambda shapes, _: (*max(shapes, key=len)[:-1], shapes[0][-1], shapes[1][-1]),
        array=lambda np, arrays, _: arrays[0][..., :, None] * arrays[1][..., None, :],
        equation=lambda names, _: f"outer({', '.join(names)})",
        shapes=call("outer"),
        gradient=_outer_product_gradient,
    ),
    "transpose": Operation(
        shape=lambda shapes, _: (*shapes[0][:-2], shapes[0][-1], shapes[0][-2]),
        array=lambda np, arrays, _: arrays[0].swapaxes(-1, -2),
        **written("{0}ᵀ", "({0})ᵀ"),
        gradient=lambda perform, dy, use: perform("transpose", dy),
    ),
    "as_matrix": Operation(  # a number for each sample, beside a matrix for each
        shape=lambda shapes, _: (*shapes[0], 1),
        array=lambda np, arrays, _: arrays[0][..., None],
        **written("{0} for a matrix", "{0}"),
        gradient=lambda perform, dy, use: perform("as_vector", dy),
    ),
    "as_vector": Operation(
        shape=lambda shapes, _: shapes[0][:-1],
        array=lambda np, arrays, _: arrays[0][..., 0],
        **written("{0} as a vector", "{0}"),
    ),
    "expand": Operation(  # attribute: how many samples get the same
        shape=lambda shapes, a: (a[0], *shapes[0]),
        array=lambda np, arrays, a: np.repeat(arrays[0][None], a[0], axis=0),
        **written("{0} for each sample", "{0}"),
        gradient=lambda perform, dy, use: _summed(perform, dy, use),
    ),
    "copy": Operation(
        array=lambda np, arrays, _: arrays[0],
        equation=lambda names, _: names[0],
        shapes=lambda shapes, _: write_shape(shapes[0]),
        gradient=lambda perform, dy, use: dy,
    ),
    "softmax": pointwise(  # along the last axis
        "softmax", _softmax, _softmax_gradient, "torch.softmax({0}, -1)", "jax.nn.softmax({0}, -1)"
    ),
    "split": Operation(  # attributes: index of the part, number of parts; along the last axis
        shape=_split_shape,
        array=_split_array,
        equation=lambda names, attributes: f"split({names[0]}, {attributes[1]})[{attributes[0]}]",
        shapes=call("split"),
    ),
    "narrow": Operation(  # attributes: first and last row; along the batch axis
        shape=_narrow_shape,
        array=lambda np, arrays, attributes: arrays[0][attributes[0] : attributes[1]],
        equation=lambda names, attributes: f"rows {_bounds(attributes)} of {names[0]}",
        shapes=lambda shapes, attributes: f"({write_shape(shapes[0])}){_bounds(attributes)}",
        gradient=_narrow_gradient,
    ),
    "concat": Operation(  # attributes: the axis
        shape=_concat_shape,
        array=lambda np, arrays, attributes: np.concatenate(arrays, axis=attributes[0]),
        equation=lambda names, _: f"concat({', '.join(names)})",
        shapes=call("concat"),
        gradient=_concat_gradient,
    ),
    # what gradients are written in
    "sum_to": Operation(  # attributes: the shape
        shape=lambda shapes, a: a, array=_sum_to, **written("Σ {0}", "Σ({0})")
    ),
    "columns": Operation(  # attributes: first and last; along the last axis
        shape=lambda shapes, a: (*shapes[0][:-1], a[1] + a[0] * -1),
        array=lambda np, arrays, a: arrays[0][..., a[0] : a[1]],
        equation=lambda names, a: f"columns {_bounds(a)} of {names[0]}",
        shapes=lambda shapes, a: f"({write_shape(shapes[0])})[:, {_bounds(a)[1:]}",
    ),
    "xlogy": Operation(  # y ⊙ log(a), 0 where y is 0
        shape=_broadcast,
        array=_xlogy,
        equation=lambda names, _: f"{names[0]} ⊙ log({names[1]})",
        shapes=elementwise("⊙"),
    ),
    "less_one": Operation(array=lambda np, arrays, _: arrays[0] - 1, **written("{0} − 1", "{0}−1")),
    "exceeds": Operation(  # 1 where a > b, ½ where they are equal: the slope of max, as in torch
        shape=_broadcast,
        array=_exceeds,
        equation=lambda names, _: f"[{names[0]} > {names[1]}]",
        shapes=elementwise(">"),
    ),
    "sign": pointwise("sign", lambda np, x: np.sign(x)),
    "gelu_slope": pointwise("gelu′", _gelu_slope),
    "deviation": Operation(  # sqrt(variance + 1e-5) of each row
        shape=lambda shapes, _: (*shapes[0][:-1], 1),
        array=_deviation,
        equation=lambda names, _: f"deviation({names[0]})",
        shapes=call("deviation"),
    ),
    "zeros": Operation(
        array=lambda np, arrays, _: np.zeros_like(arrays[0]),
        equation=lambda names, _: f"0 for each of {names[0]}",
        shapes=call("zeros"),
        reads_shape=True,
    ),
    "matmul": Operation(
        shape=_matmul_shape,
        array=lambda np, arrays, _: np.matmul(arrays[0], arrays[1]),
        **written("{0}·{1}", "({0})·({1})"),
        macs=lambda shapes: product(shapes[0]) * shapes[1][1],
    ),
    "outer": Operation(  # added to a third input, where there is one
        shape=_outer_shape,
        array=_outer_array,
        equation=lambda names, _: f"{names[0]}ᵀ·{names[1]}",
        shapes=lambda shapes, _: f"({write_shape(shapes[0][::-1])})·({write_shape(shapes[1])})",
        macs=lambda shapes: product(shapes[0]) * shapes[1][-1],
    ),
    "sum_rows": Operation(  # added to a second input, where there is one
        shape=lambda shapes, _: shapes[0][1:], array=_sum_rows_array, **written("Σₙ {0}", "Σ({0})")
    ),
    "neg": Operation(
        array=lambda np, arrays, _: -arrays[0],
        **written("−{0}", "−{0}"),
        gradient=lambda perform, dy, use: perform("neg", dy),
    ),
    "square": Operation(
        array=lambda np, arrays, _: arrays[0] * arrays[0], **written("{0}²", "({0})²")
    ),
    "positive": Operation(  # the slope of relu, as in torch 0 at 0 and 1 at NaN
        array=lambda np, arrays, _: (~(arrays[0] <= 0)).astype(arrays[0].dtype),
        **written("[{0} > 0]", "[{0} > 0]"),
    ),
    "sum_columns": Operation(  # over the width, which becomes 1
        shape=lambda shapes, _: (*shapes[0][:-1], 1),
        array=lambda np, arrays, _: arrays[0].sum(axis=-1, keepdims=True),
        **written("Σₖ {0}", "Σ({0})"),
        gradient=lambda perform, dy, use: perform("mul", dy, perform("ones", use.inputs[0])),
    ),
    "pad": Operation(  # attributes: rows of zeros before and after
        shape=lambda shapes, a: (shapes[0][0] + a[0] + a[1], *shapes[0][1:]),
        array=_pad_array,
        equation=lambda names, a: f"{names[0]} among rows of 0",
        shapes=call("pad"),
    ),
    "ones": Operation(
        array=lambda np, arrays, _: np.ones_like(arrays[0]),
        equation=lambda names, _: f"1 for each of {names[0]}",
        shapes=call("ones"),
        reads_shape=True,
    ),
    "times": Operation(  # attributes: numerator and denominator
        array=lambda np, arrays, a: arrays[0] * _mean(np, arrays[0].dtype.type(a[0]), a[1]),
        equation=lambda names, a: f"{_fraction(a)}·{names[0]}",
        shapes=lambda shapes, a: f"{_fraction(a)}·{write_shape(shapes[0])}",
    ),
    # losses: a number; attributes of the means: how many numbers the mean is taken over
    "total": Operation(
        shape=lambda shapes, _: (),
        array=lambda np, arrays, _: arrays[0].sum(),
        equation=lambda names, _: f"sum({names[0]})",
        shapes=call("sum"),
        gradient=lambda perform, dy, use: perform("ones", use.inputs[0]),
    ),
    "mse": Operation(
        shape=_loss_shape,
        array=lambda np, arrays, a: _mean(np, ((arrays[0] - arrays[1]) ** 2).sum(), a[0]),
        equation=lambda names, a: f"sum(({names[0]} − {names[1]})²)/{_denominator(a[0])}",
        shapes=call("mse"),
        gradient=lambda perform, dy, use: _difference(perform, use, 2),
    ),
    "cross_entropy": Operation(
        shape=_loss_shape,
        array=_cross_entropy,
        equation=lambda names, a: (
            f"−sum({names[1]} ⊙ log softmax({names[0]}))/{_denominator(a[0])}"
        ),
        shapes=call("cross_entropy"),
        gradient=lambda perform, dy, use: _difference(perform, use, 1),
    ),
    "blocks": Operation(  # attributes: first and last gate, number of gates; along the first axis
        shape=_blocks_shape,
        array=_blocks_array,
        equation=lambda names, a: f"gates [{a[0]}:{a[1]}] of {names[0]}",
        shapes=lambda shapes, a: f"({write_shape(shapes[0])})[{a[0]}:{a[1]} of {a[2]}]",
    ),
    # what ONNX's operators have beside tanh, relu and sigmoid, numbers alpha and beta
    "clip": _function("clip", lambda np, x, most: np.clip(x, -most, most)),
    "affine": _function("affine", lambda np, x, a, b: a * x + b),
    "leaky_relu": _function("leaky_relu", lambda np, x, a: np.where(x < 0, a * x, x)),
    "thresholded_relu": _function(
        "thresholded_relu", lambda np, x, a: np.where(x < a, x.dtype.type(0), x)
    ),
    "scaled_tanh": _function("scaled_tanh", lambda np, x, a, b: a * np.tanh(b * x)),
    "hard_sigmoid": _function("hard_sigmoid", lambda np, x, a, b: np.clip(a * x + b, 0, 1)),
    "elu": _function(
        "elu",
        lambda np, x, a: np.where(x < 0, a * np.expm1(np.minimum(x, 0)), x),
        lambda p, dy, u: p("mul", dy, p("elu_slope", u.inputs[0], attributes=u.attributes)),
        functions=("elu",),
        torch="F.elu({0})",
        jax="jax.nn.elu({0})",
    ),
    "elu_slope": _function(
        "elu′", lambda np, x, a: np.where(x > 0, x.dtype.type(1), a * np.exp(np.minimum(x, 0)))
    ),
    "softsign": _function("softsign", lambda np, x: x / (1 + abs(x))),
}
