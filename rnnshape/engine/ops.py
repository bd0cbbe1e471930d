"""The table of operations: each row holds all that is known of one operation.

A row gives the shape of the result, the NumPy rule, the cost in MACs (multiply-accumulates of
matrix products; biases and elementwise work are none), how the operation is written, over names
(`x_0·W_ihᵀ + b_ih`) and over shapes (`(7×10)·(10×20)+20→7×20`), and its gradient, written in
operations of the same table. Nothing here imports NumPy: an array rule receives the module as its
first argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..network.dims import Dim, Shape, product, total, write_dim, write_shape
from .onnx_ops import ONNX_ROWS
from .rows import Attributes, Operation, Perform, Use, call, elementwise, need, same


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
    if use.attributes[0]:  # along the features, in equal parts
        return perform("split", dy, attributes=(use.number, len(use.inputs)))
    start = total(part.shape[0] for part in use.inputs[: use.number])
    rows = use.inputs[use.number].shape[0]
    return perform("narrow", dy, attributes=(start, start + rows))


def _narrow_gradient(perform: Perform, dy: Any, use: Use) -> Any:
    start, stop = use.attributes
    return perform("pad", dy, attributes=(start, use.inputs[0].shape[0] - stop))


def _softmax_gradient(perform: Perform, dy: Any, use: Use) -> Any:
    y = use.output
    weighed = perform("sum_columns", perform("mul", dy, y))
    return perform("mul", y, perform("sub_column", dy, weighed))


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


def _sigmoid(np: Any, arrays: Sequence[Any], _: Attributes) -> Any:
    # by tanh: no overflow on either side, and exact to rounding
    return np.tanh(arrays[0] * arrays[0].dtype.type(0.5)) * arrays[0].dtype.type(0.5) + (
        arrays[0].dtype.type(0.5)
    )


def _softmax(np: Any, arrays: Sequence[Any], _: Attributes) -> Any:
    shifted = np.exp(arrays[0] - arrays[0].max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def _loss_shape(shapes: Sequence[Shape], _: Attributes) -> Shape:
    same(shapes, _)
    return ()


def _denominator(count: Dim) -> str:
    text = write_dim(count)
    return text if text.isdecimal() or text.isidentifier() else f"({text})"


def _bounds(attributes: Attributes) -> str:
    return f"[{attributes[0] or ''}:{attributes[1]}]"


OPERATIONS: dict[str, Operation] = {
    "linear": Operation(
        shape=_linear_shape,
        array=_linear_array,
        equation=lambda names, _: f"{names[0]}·{names[1]}ᵀ" + "".join(f" + {b}" for b in names[2:]),
        shapes=_linear_shapes,
        macs=lambda shapes: product(shapes[0]) * shapes[1][0],
        gradient=_linear_gradient,
    ),
    "add": Operation(
        shape=same,
        array=lambda np, arrays, _: arrays[0] + arrays[1],
        equation=lambda names, _: " + ".join(names),
        shapes=elementwise("+"),
        gradient=lambda perform, dy, use: dy,
    ),
    "mul": Operation(
        shape=same,
        array=lambda np, arrays, _: arrays[0] * arrays[1],
        equation=lambda names, _: " ⊙ ".join(names),
        shapes=elementwise("⊙"),
        gradient=lambda perform, dy, use: perform("mul", dy, use.inputs[1 - use.number]),
    ),
    "one_minus": Operation(
        shape=same,
        array=lambda np, arrays, _: 1 - arrays[0],
        equation=lambda names, _: f"1 − {names[0]}",
        shapes=lambda shapes, _: f"1−{write_shape(shapes[0])}",
        gradient=lambda perform, dy, use: perform("neg", dy),
    ),
    "tanh": Operation(
        shape=same,
        array=lambda np, arrays, _: np.tanh(arrays[0]),
        equation=lambda names, _: f"tanh({names[0]})",
        shapes=call("tanh"),
        gradient=lambda perform, dy, use: perform(
            "mul", dy, perform("one_minus", perform("square", use.output))
        ),
    ),
    "relu": Operation(
        shape=same,
        array=lambda np, arrays, _: np.maximum(arrays[0], 0),
        equation=lambda names, _: f"relu({names[0]})",
        shapes=call("relu"),
        gradient=lambda perform, dy, use: perform("mul", dy, perform("positive", use.output)),
    ),
    "sigmoid": Operation(
        shape=same,
        array=_sigmoid,
        equation=lambda names, _: f"σ({names[0]})",
        shapes=call("σ"),
        gradient=lambda perform, dy, use: perform(
            "mul", dy, perform("mul", use.output, perform("one_minus", use.output))
        ),
    ),
    "softmax": Operation(  # along the last axis
        shape=same,
        array=_softmax,
        equation=lambda names, _: f"softmax({names[0]})",
        shapes=call("softmax"),
        gradient=_softmax_gradient,
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
    "matmul": Operation(
        shape=_matmul_shape,
        array=lambda np, arrays, _: np.matmul(arrays[0], arrays[1]),
        equation=lambda names, _: f"{names[0]}·{names[1]}",
        shapes=lambda shapes, _: f"({write_shape(shapes[0])})·({write_shape(shapes[1])})",
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
        shape=lambda shapes, _: shapes[0][1:],
        array=_sum_rows_array,
        equation=lambda names, _: f"Σₙ {names[0]}",
        shapes=lambda shapes, _: f"Σ({write_shape(shapes[0])})",
    ),
    "neg": Operation(
        shape=same,
        array=lambda np, arrays, _: -arrays[0],
        equation=lambda names, _: f"−{names[0]}",
        shapes=lambda shapes, _: f"−{write_shape(shapes[0])}",
    ),
    "square": Operation(
        shape=same,
        array=lambda np, arrays, _: arrays[0] * arrays[0],
        equation=lambda names, _: f"{names[0]}²",
        shapes=lambda shapes, _: f"({write_shape(shapes[0])})²",
    ),
    "positive": Operation(  # 1 where positive, else 0: the slope of relu, 0 at 0 as in torch
        shape=same,
        array=lambda np, arrays, _: (arrays[0] > 0).astype(arrays[0].dtype),
        equation=lambda names, _: f"[{names[0]} > 0]",
        shapes=lambda shapes, _: f"[{write_shape(shapes[0])} > 0]",
    ),
    "sub": Operation(
        shape=same,
        array=lambda np, arrays, _: arrays[0] - arrays[1],
        equation=lambda names, _: " − ".join(names),
        shapes=elementwise("−"),
    ),
    "sum_columns": Operation(
        shape=lambda shapes, _: (*shapes[0][:-1], 1),
        array=lambda np, arrays, _: arrays[0].sum(axis=-1, keepdims=True),
        equation=lambda names, _: f"Σₖ {names[0]}",
        shapes=lambda shapes, _: f"Σ({write_shape(shapes[0])})",
    ),
    "sub_column": Operation(  # the same number from each of a row
        shape=lambda shapes, _: shapes[0],
        array=lambda np, arrays, _: arrays[0] - arrays[1],
        equation=lambda names, _: " − ".join(names),
        shapes=elementwise("−"),
    ),
    "pad": Operation(  # attributes: rows of zeros before and after
        shape=lambda shapes, a: (shapes[0][0] + a[0] + a[1], *shapes[0][1:]),
        array=_pad_array,
        equation=lambda names, a: f"{names[0]} among rows of 0",
        shapes=call("pad"),
    ),
    "ones": Operation(
        shape=same,
        array=lambda np, arrays, _: np.ones_like(arrays[0]),
        equation=lambda names, _: f"1 for each of {names[0]}",
        shapes=call("ones"),
    ),
    "times": Operation(  # attributes: numerator and denominator
        shape=same,
        array=lambda np, arrays, a: arrays[0] * _mean(np, arrays[0].dtype.type(a[0]), a[1]),
        equation=lambda names, a: f"{a[0]}/{_denominator(a[1])}·{names[0]}",
        shapes=lambda shapes, a: f"{a[0]}/{_denominator(a[1])}·{write_shape(shapes[0])}",
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
    **ONNX_ROWS,
}
