"""The table of operations: each row holds all that is known of one operation.

A row gives the shape of the result, the NumPy rule, the cost in MACs (multiply-accumulates of
matrix products; biases and elementwise work are none), and how the operation is written: over
names (`x_0·W_ihᵀ + b_ih`) and over shapes (`(7×10)·(10×20)+20→7×20`). Nothing here imports
NumPy: an array rule receives the module as its first argument.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .dims import Dim, Shape, product, total, write_shape
from .errors import ShapeError

Attributes = tuple[Any, ...]  # integers; numbers of an activation


@dataclass(frozen=True)
class Operation:
    """One row of the table.

    shape:   input shapes and attributes to the output's shape; raises ShapeError
    array:   (numpy, arrays, attributes) to the output array
    equation: input names and attributes to the text over names
    shapes:  input shapes and attributes to the left side of the text over shapes
    macs:    input shapes to the number of multiply-accumulates
    """

    shape: Callable[[Sequence[Shape], Attributes], Shape]
    array: Callable[[Any, Sequence[Any], Attributes], Any]
    equation: Callable[[Sequence[str], Attributes], str]
    shapes: Callable[[Sequence[Shape], Attributes], str]
    macs: Callable[[Sequence[Shape]], Dim] = lambda shapes: 0


def _need(fits: bool, what: str, shapes: Sequence[Shape]) -> None:
    if not fits:
        raise ShapeError(what, got=" and ".join(write_shape(shape) for shape in shapes))


def _linear_shape(shapes: Sequence[Shape], _: Attributes) -> Shape:
    x, weight = shapes[0], shapes[1]
    _need(x[-1] == weight[1], "linear: expected x's last size to be the weight's last", shapes)
    _need(len(shapes) < 3 or shapes[2] == weight[:1], "linear: expected a bias per row", shapes)
    return (*x[:-1], weight[0])


def _linear_array(np: Any, arrays: Sequence[Any], _: Attributes) -> Any:
    y = np.matmul(arrays[0], arrays[1].T)
    return y + arrays[2] if len(arrays) > 2 else y


def _linear_shapes(shapes: Sequence[Shape], _: Attributes) -> str:
    transposed = shapes[1][::-1]
    bias = f"+{write_shape(shapes[2])}" if len(shapes) > 2 else ""
    return f"({write_shape(shapes[0])})·({write_shape(transposed)}){bias}"


def _same(shapes: Sequence[Shape], _: Attributes) -> Shape:
    _need(len(set(shapes)) == 1, "expected equal shapes", shapes)
    return shapes[0]


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
    _need(len(rest) == 1, "concat: expected equal shapes but for the joined axis", shapes)
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


def _scale_shape(shapes: Sequence[Shape], _: Attributes) -> Shape:
    _need(shapes[1] == shapes[0][-1:], "scale: expected a number for each column", shapes)
    return shapes[0]


def _blocks_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    first, last, parts = attributes
    return (shapes[0][0] // parts * (last - first), *shapes[0][1:])


def _blocks_array(np: Any, arrays: Sequence[Any], attributes: Attributes) -> Any:
    first, last, parts = attributes
    width = len(arrays[0]) // parts
    return arrays[0][first * width : last * width]


def _function(name: str, array: Callable[..., Any]) -> Operation:
    """A row for ONNX's activation `name`: array(numpy, x, *numbers)."""

    def call(words: str, numbers: Attributes) -> str:
        return f"{name}({', '.join([words, *(f'{number:g}' for number in numbers)])})"

    return Operation(
        shape=_same,
        array=lambda np, arrays, numbers: array(np, arrays[0], *map(arrays[0].dtype.type, numbers)),
        equation=lambda names, numbers: call(names[0], numbers),
        shapes=lambda shapes, numbers: call(write_shape(shapes[0]), numbers),
    )


def _elementwise(mark: str) -> Callable[[Sequence[Shape], Attributes], str]:
    return lambda shapes, _: mark.join(write_shape(shape) for shape in shapes)


def _call(name: str) -> Callable[[Sequence[Shape], Attributes], str]:
    return lambda shapes, _: f"{name}({', '.join(write_shape(shape) for shape in shapes)})"


def _bounds(attributes: Attributes) -> str:
    return f"[{attributes[0] or ''}:{attributes[1]}]"


OPERATIONS: dict[str, Operation] = {
    "linear": Operation(
        shape=_linear_shape,
        array=_linear_array,
        equation=lambda names, _: f"{names[0]}·{names[1]}ᵀ" + "".join(f" + {b}" for b in names[2:]),
        shapes=_linear_shapes,
        macs=lambda shapes: product(shapes[0]) * shapes[1][0],
    ),
    "add": Operation(
        shape=_same,
        array=lambda np, arrays, _: arrays[0] + arrays[1],
        equation=lambda names, _: " + ".join(names),
        shapes=_elementwise("+"),
    ),
    "mul": Operation(
        shape=_same,
        array=lambda np, arrays, _: arrays[0] * arrays[1],
        equation=lambda names, _: " ⊙ ".join(names),
        shapes=_elementwise("⊙"),
    ),
    "one_minus": Operation(
        shape=_same,
        array=lambda np, arrays, _: 1 - arrays[0],
        equation=lambda names, _: f"1 − {names[0]}",
        shapes=lambda shapes, _: f"1−{write_shape(shapes[0])}",
    ),
    "tanh": Operation(
        shape=_same,
        array=lambda np, arrays, _: np.tanh(arrays[0]),
        equation=lambda names, _: f"tanh({names[0]})",
        shapes=_call("tanh"),
    ),
    "relu": Operation(
        shape=_same,
        array=lambda np, arrays, _: np.maximum(arrays[0], 0),
        equation=lambda names, _: f"relu({names[0]})",
        shapes=_call("relu"),
    ),
    "sigmoid": Operation(
        shape=_same,
        array=_sigmoid,
        equation=lambda names, _: f"σ({names[0]})",
        shapes=_call("σ"),
    ),
    "softmax": Operation(  # along the last axis
        shape=_same,
        array=_softmax,
        equation=lambda names, _: f"softmax({names[0]})",
        shapes=_call("softmax"),
    ),
    "split": Operation(  # attributes: index of the part, number of parts; along the last axis
        shape=_split_shape,
        array=_split_array,
        equation=lambda names, attributes: f"split({names[0]}, {attributes[1]})[{attributes[0]}]",
        shapes=_call("split"),
    ),
    "narrow": Operation(  # attributes: first and last row; along the batch axis
        shape=_narrow_shape,
        array=lambda np, arrays, attributes: arrays[0][attributes[0] : attributes[1]],
        equation=lambda names, attributes: f"rows {_bounds(attributes)} of {names[0]}",
        shapes=lambda shapes, attributes: f"({write_shape(shapes[0])}){_bounds(attributes)}",
    ),
    "concat": Operation(  # attributes: the axis
        shape=_concat_shape,
        array=lambda np, arrays, attributes: np.concatenate(arrays, axis=attributes[0]),
        equation=lambda names, _: f"concat({', '.join(names)})",
        shapes=_call("concat"),
    ),
    "scale": Operation(  # each row by the same numbers
        shape=_scale_shape,
        array=lambda np, arrays, _: arrays[0] * arrays[1],
        equation=lambda names, _: " ⊙ ".join(names),
        shapes=_elementwise("⊙"),
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
    "elu": _function("elu", lambda np, x, a: np.where(x < 0, a * np.expm1(np.minimum(x, 0)), x)),
    "softsign": _function("softsign", lambda np, x: x / (1 + abs(x))),
    "softplus": _function("softplus", lambda np, x: np.logaddexp(x, x.dtype.type(0))),
}
