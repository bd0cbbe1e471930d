"""Tensors made of a file's tensors: turned over, cut, laid together. Read only when asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..formats.stored import Stored


def _made(
    name: str, shape: tuple[int, ...], parts: list[Stored], read: Callable[[], Any]
) -> Stored:
    sources = tuple(source for part in parts for source in part.stored)
    return Stored(name, shape, parts[0].dtype, read, sources=sources)


def transposed(tensor: Stored, name: str) -> Stored:
    """The tensor turned over."""
    return _made(name, tensor.shape[::-1], [tensor], lambda: tensor.read().T)


def row(tensor: Stored, index: int) -> Stored:
    """One row of a matrix."""
    return _made(tensor.name, tensor.shape[1:], [tensor], lambda: tensor.read()[index])


def zeros(size: int, like: Stored) -> Stored:
    """A bias of zeros, of the type of another."""

    def read() -> Any:
        import numpy as np

        return np.zeros(size, like.read().dtype)

    return Stored("", (size,), like.dtype, read)


def stacked(tensors: list[Stored], name: str) -> Stored:
    """Tensors one behind the other, by rows."""

    def read() -> Any:
        import numpy as np

        return np.concatenate([tensor.read() for tensor in tensors])

    rows = sum(tensor.shape[0] for tensor in tensors)
    return _made(name, (rows, *tensors[0].shape[1:]), tensors, read)


def reordered(tensor: Stored, order: Sequence[int], name: str) -> Stored:
    """The tensor with its blocks of rows (one a gate) in another order."""

    def read() -> Any:
        import numpy as np

        blocks = np.split(tensor.read(), len(order))
        return np.concatenate([blocks[i] for i in order])

    return _made(name, tensor.shape, [tensor], read)
