"""Tensors that lie in a file: their names, shapes and types at once, their numbers when asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...errors import UsageError
from .source import Damaged, Source

Reader = Callable[[], Any]

# torch's name of a type -> (NumPy's code, bytes a number); bfloat16 and float8 are read as float32
DTYPES: dict[str, tuple[str, int]] = {
    "float64": ("f8", 8), "float32": ("f4", 4), "float16": ("f2", 2), "bfloat16": ("u2", 2),
    "int64": ("i8", 8), "int32": ("i4", 4), "int16": ("i2", 2), "int8": ("i1", 1),
    "uint64": ("u8", 8), "uint32": ("u4", 4), "uint16": ("u2", 2), "uint8": ("u1", 1),
    "bool": ("?", 1), "complex64": ("c8", 8), "complex128": ("c16", 16),
    "float8_e5m2": ("u1", 1), "float8_e4m3fn": ("u1", 1),
}  # fmt: skip
# NumPy's code of a type -> torch's name; u1 and u2 are themselves, and not float8 or bfloat16
NUMPY_TYPES = {code: name for name, (code, _) in DTYPES.items()} | {
    "u2": "uint16", "u1": "uint8", "b1": "bool",
}  # fmt: skip
MOST_DIMENSIONS = 64  # NumPy's own limit


@dataclass(frozen=True)
class Stored:
    """A tensor of a file. `read` gives its array; bfloat16 comes as float32.

    name: as the file has it; own: without the names of dicts around the state_dict, such as
    `state_dict` or `model`; sources: the tensors of the file that it is made from; within: the keys
    of the dicts and lists of a pickle around the dict that it lies in, None where it lies in no
    dict, or in an object; place: where its numbers lie, where two tensors may share them.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    read: Reader = field(repr=False, compare=False)
    own: str = ""
    sources: tuple[str, ...] = ()
    within: tuple[str | int, ...] | None = None
    place: str = ""

    @property
    def count(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """What the numbers weigh; 0 where the type is not known."""
        return self.count * DTYPES.get(self.dtype, ("", 0))[1]

    @property
    def path(self) -> str:
        """The name that modules are found by."""
        return self.own or self.name

    @property
    def stored(self) -> tuple[str, ...]:
        """The names in the file that it is made from; none where it is zeros."""
        return self.sources or ((self.name,) if self.name else ())


def concatenated(parts: Sequence[Stored], axis: int = 0) -> Stored:
    """Tensors one behind the other along an axis, read when asked for."""

    def read() -> Any:
        import numpy as np

        return np.concatenate([part.read() for part in parts], axis)

    shape = list(parts[0].shape)
    shape[axis] = sum(part.shape[axis] for part in parts)
    sources = tuple(source for part in parts for source in part.stored)
    return Stored("", tuple(shape), parts[0].dtype, read, sources=sources)


@dataclass(frozen=True)
class Layer:
    """A recurrent layer that the format itself describes (an ONNX node, a layer of Keras).

    arguments: those of torch's constructor; parameters: under torch's names, in torch's layout;
    cannot: why torch has no such layer, or ''; notes: what is to be known besides; framework: whose
    layout the tensors are in; chain: the operators of an ONNX graph that it is.
    """

    name: str
    arguments: Mapping[str, Any]
    parameters: Mapping[str, Stored]
    cannot: str = ""
    notes: tuple[str, ...] = ()
    framework: str = "torch"
    chain: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class TensorFile:
    """An open file: its tensors by name, and what it says of its networks beyond their shapes.

    told: a module's name to those arguments of its constructor that the file records (a whole
    pickled module, TorchScript); layers: those that the format describes; notes: what a reader
    of the file should know.
    """

    source: Source
    format: str
    tensors: Mapping[str, Stored]
    told: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    layers: tuple[Layer, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """The file that a person named."""
        return self.source.path

    def affordable(self, tensors: Iterable[Stored]) -> None:
        """Refuse tensors that would take far more memory than the file could have filled."""
        self.source.budget.numbers(sum(tensor.nbytes for tensor in tensors))


def package_missing(package: str, extra: str, what: str) -> UsageError:
    """The error where an extra is not installed. what: what it does, `reads TensorFlow Lite`."""
    return UsageError(
        f"weights: expected {package}, which {what}",
        got="no such package here",
        fix=f"pip install 'rnnshape[{extra}]'",
    )


def shape_of(sizes: Any, name: str) -> tuple[int, ...]:
    """A checked shape. Raises Damaged."""
    if not isinstance(sizes, list | tuple) or len(sizes) > MOST_DIMENSIONS:
        raise Damaged(f"{name}: a shape that is none")
    if any(type(size) is not int or not 0 <= size < 2**63 for size in sizes):
        raise Damaged(f"{name}: a shape whose sizes are no integers from 0 to 2^63 - 1")
    if math.prod(sizes) >= 2**63:
        raise Damaged(f"{name}: a shape of more than 2^63 numbers")
    return tuple(sizes)


def numbers_at(source: Source, begin: int, count: int, dtype: str, shape: tuple[int, ...]) -> Any:
    """The array of `count` bytes of a file, read and not mapped: a mapping process ends when the
    file is cut short."""
    return array_of(source.part(begin, count), dtype, shape)


def array_of(
    data: bytes | memoryview,
    dtype: str,
    shape: tuple[int, ...],
    strides: tuple[int, ...] | None = None,
    offset: int = 0,
    little: bool = True,
    columns_first: bool = False,
) -> Any:
    """The array in a buffer of numbers.

    strides and offset count elements, as torch's do; without strides the numbers lie in C order,
    or in Fortran's where columns_first.
    The caller has checked that they stay inside the buffer.
    """
    import numpy as np

    if columns_first:
        return array_of(data, dtype, shape[::-1], little=little).T
    if dtype not in DTYPES:
        raise UsageError(
            "weights: expected a tensor of plain numbers", got=dtype,
            fix="save the weights as float32",
        )  # fmt: skip
    code, size = DTYPES[dtype]
    flat = np.frombuffer(data, np.dtype(code).newbyteorder("<" if little else ">"))
    if strides is None:
        array = flat[offset : offset + math.prod(shape)].reshape(shape)
    else:
        steps = tuple(step * size for step in strides)
        array = np.lib.stride_tricks.as_strided(flat[offset:], shape, steps, writeable=False)
    array = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="))).reshape(shape)
    if dtype == "bfloat16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    if dtype == "float8_e5m2":
        return (array.astype(np.uint16) << 8).view(np.float16).astype(np.float32)
    if dtype == "float8_e4m3fn":
        return _e4m3fn(array)
    return array


def _e4m3fn(array: Any) -> Any:
    """One sign, four of exponent (bias 7), three of mantissa; S.1111.111 is NaN, no infinity."""
    import numpy as np

    bits = np.arange(256)
    sign, exponent, mantissa = 1 - 2 * (bits >> 7), bits >> 3 & 15, bits & 7
    values = np.where(exponent > 0, (8 + mantissa) * 2.0 ** (exponent - 10.0), mantissa * 2.0**-9)
    values[(bits & 127) == 127] = np.nan
    return (sign * values).astype(np.float32)[array]
