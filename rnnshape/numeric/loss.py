"""What a backward begins with: a gradient by output, or a loss of the head's o and its target."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import ShapeError, UsageError
from ..network.dims import write_shape
from .feed import Array, Feed, array_of, inward


def with_grad_output(source: Feed, given: Any = None) -> Feed:
    """The call with the gradient of a loss by output: `given`, of output's shape; ones unless told.

    A cell module has no output: there it is the gradient by h'.

    Raises ShapeError, with torch's words, where the shape does not fit.
    """
    name = "hn" if source.spec.single else "output"
    expected: tuple[int, ...] = source.batch.tensors(source.spec)[name]  # type: ignore[assignment]
    if given is None:
        array = np.ones(expected, source.input.dtype)
    else:
        array = _floats("grad-output", given, source.input.dtype)
        if array.shape != expected:
            raise ShapeError(
                f"--grad-output: expected the shape of {name}, {write_shape(expected)}",
                got=write_shape(array.shape),
                fix="save G with np.save, as large as the output of the same command",
                torch=(
                    "RuntimeError",
                    "Mismatch in shape: grad_output[0] has a shape of "
                    f"torch.Size({list(array.shape)}) and output[0] has a shape of "
                    f"torch.Size({list(expected)}).",
                ),
            )
    return replace(
        source, grad_output=_without_padding(source, inward(source.spec, source.batch, array))
    )


def begun(source: Feed) -> Feed:
    """The call with what a backward begins with: its own, or ones where it has none."""
    own = source.grad_output is not None or (source.head is not None and source.head.loss)
    return source if own else with_grad_output(source)


def with_loss(source: Feed, target: Any = None, generator: Any = None) -> Feed:
    """The call with the target of its head's loss, in torch's layout; drawn unless given.

    mse: target like o, (T, N, K) or (N, K); cross-entropy: classes 0 … K-1, (T, N) or (N), with
    batch_first and unbatched as o. sum has no target. Raises UsageError or ShapeError.
    """
    head = source.head
    assert head is not None
    shape: Any = head.output(source.spec, source.batch)
    classes = head.loss == "cross-entropy"
    if head.loss == "sum":
        if target is not None:
            raise UsageError("--target: expected beside --loss mse or cross-entropy", got="sum",
                             fix="--loss mse --target y.npy")  # fmt: skip
        return source
    if target is None:
        generator = generator or np.random.default_rng(0)
        size = generator.integers(0, head.size, shape[:-1])
        target = size if classes else generator.standard_normal(shape)
    array = array_of("target", target)
    expected = shape[:-1] if classes else shape
    if array.shape != expected:
        raise ShapeError(
            f"--target: expected {'a class for each o' if classes else 'the shape of o'}, "
            f"{write_shape(expected)}",
            got=write_shape(array.shape),
            fix="save the target with np.save in the layout of o",
        )
    if classes:
        array = _one_hot(array, head.size, source.input.dtype)
    array = _floats("target", array, source.input.dtype)
    if head.at == "last":
        array = array.reshape(1, -1, head.size)  # type: ignore[arg-type]
        array = array[:, list(source.batch.order)] if source.batch.packed else array
    else:
        array = _without_padding(source, inward(source.spec, source.batch, array))
    return replace(source, target=array)


def _one_hot(classes: Array, size: Any, dtype: Any) -> Array:
    whole = classes.dtype.kind in "iu"
    if not whole or classes.min(initial=0) < 0 or classes.max(initial=0) >= size:
        raise UsageError(
            f"--target: expected classes, whole numbers from 0 to {size - 1}",
            got=f"{classes.dtype}" + (f" of {classes.min()} … {classes.max()}" if whole else ""),
            fix="cross-entropy compares with the number of the right class",
        )
    columns: Array = np.eye(size, dtype=dtype)[classes]
    return columns


def _floats(name: str, value: Any, dtype: Any) -> Array:
    array = array_of("grad_output", value)
    if array.dtype.kind not in "fiu":
        raise UsageError(f"--{name}: expected an array of numbers", got=f"dtype {array.dtype}",
                         fix=f"save {name} as float32")  # fmt: skip
    return array.astype(dtype)


def _without_padding(source: Feed, array: Array) -> Array:
    """Zeros where a packed batch has no step: what is there does not count."""
    for row, index in enumerate(source.batch.order):
        array[(source.batch.lengths or ())[index] :, row] = 0
    return array
