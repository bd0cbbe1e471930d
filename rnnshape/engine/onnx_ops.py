"""The rows of the table that ONNX's operators have beside those of torch's cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..network.dims import Shape, write_shape
from .rows import Attributes, Operation, elementwise, need, same


def _scale_shape(shapes: Sequence[Shape], _: Attributes) -> Shape:
    need(shapes[1] == shapes[0][-1:], "scale: expected a number for each column", shapes)
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
        shape=same,
        array=lambda np, arrays, numbers: array(np, arrays[0], *map(arrays[0].dtype.type, numbers)),
        equation=lambda names, numbers: call(names[0], numbers),
        shapes=lambda shapes, numbers: call(write_shape(shapes[0]), numbers),
    )


ONNX_ROWS: dict[str, Operation] = {
    "scale": Operation(  # each row by the same numbers
        shape=_scale_shape,
        array=lambda np, arrays, _: arrays[0] * arrays[1],
        equation=lambda names, _: " ⊙ ".join(names),
        shapes=elementwise("⊙"),
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
