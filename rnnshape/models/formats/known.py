"""The names that tensors need in a pickle, and what this package takes each of them for."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any

from .pickles import Calls, Name, Opaque, Pickle, Stream
from .source import Damaged
from .stored import DTYPES, NUMPY_TYPES, shape_of


@dataclass(frozen=True)
class Storage:
    """Where a tensor's numbers lie: a key, how many there are, and their type; data: the bytes of
    a storage that lies in a plain pickle."""

    key: str
    count: int
    dtype: str
    start: int = 0
    data: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Tensor:
    """A view of a storage; offset and strides count elements. No storage: a tensor of `meta`."""

    storage: Storage | None
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str

    def fits(self, count: int) -> bool:
        """Whether a storage of `count` elements holds all of it."""
        if 0 in self.shape:
            return True
        reach = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides))
        return reach < count


class NumpyArray:
    """An array that was pickled by NumPy; its state arrives after it was made."""

    def __init__(self) -> None:
        self.shape: tuple[int, ...] = ()
        self.dtype, self.data, self.columns_first = "", b"", False

    def build(self, state: Any, p: Pickle) -> None:
        """(version, shape, dtype, whether in Fortran's order, the bytes)."""
        if not isinstance(state, tuple) or len(state) != 5:
            raise Damaged("an array of NumPy with a state that is none")
        _, shape, dtype, self.columns_first, data = state
        self.shape = shape_of(shape, "an array of NumPy")
        self.dtype = dtype.code if isinstance(dtype, NumpyType) else "?"
        if isinstance(data, str):  # Python 2's bytes
            data = data.encode("latin-1", "replace")
        self.data = data if isinstance(data, bytes) else b""


class JoblibArray(NumpyArray):
    """An array whose numbers joblib lays into the pickle behind the object that stands for it."""

    def build(self, state: Any, p: Pickle) -> None:
        """{shape, dtype, order, numpy_array_alignment_bytes}, then the numbers."""
        if not isinstance(state, dict):
            raise Damaged("an array of joblib with a state that is none")
        dtype = state.get("dtype")
        code = dtype.code if isinstance(dtype, NumpyType) else "?"
        self.shape, self.dtype = shape_of(state.get("shape"), "an array of joblib"), code
        self.columns_first = state.get("order") == "F"
        known = NUMPY_TYPES.get(code.lstrip("<>|="))
        if known is None:  # a pickle of its own follows, of objects that are no numbers
            if p.nested:
                raise Damaged("an array of joblib in an array of joblib")
            Pickle(p.source, CALLS, storage_of, True).load()
            self.shape = (0,)
            return
        if state.get("numpy_array_alignment_bytes") is not None:
            p.source.read(p.source.number("B"))
        self.data = p.source.read(math.prod(self.shape) * DTYPES[known][1])


class NumpyType:
    """A dtype of NumPy: its code, such as f4, and its order of bytes."""

    def __init__(self, code: Any) -> None:
        self.code = code if isinstance(code, str) else "?"

    def build(self, state: Any, p: Pickle) -> None:
        """(version, order of bytes, …)."""
        if isinstance(state, tuple) and len(state) > 1 and state[1] == ">":
            self.code = ">" + self.code


MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001  # before the pickle of torch's older stream
_STORAGES = {
    "Float": "float32", "Double": "float64", "Half": "float16", "BFloat16": "bfloat16",
    "Long": "int64", "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8",
    "Bool": "bool", "ComplexFloat": "complex64", "ComplexDouble": "complex128",
    "QInt8": "qint8", "QUInt8": "quint8", "QInt32": "qint32", "Untyped": "uint8",
}  # fmt: skip


def storage_of(pid: Any) -> Any:
    """The storage that torch's persistent id names: ('storage', class, key, place, count, …).

    A sixth part is a view of the storage in the older stream: (key, offset, size).
    """
    if isinstance(pid, tuple) and len(pid) == 4 and pid[0] == "module":
        return pid[1]  # a class whose source the older stream keeps beside its name
    if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
        return Opaque("persistent id")
    kind, key, count = pid[1], pid[2], pid[4]
    if not isinstance(kind, Name) or not isinstance(key, str) or type(count) is not int:
        raise Damaged("a storage without class, key and length")
    word = kind.text.rsplit(".", 1)[-1].removesuffix("Storage")
    if not 0 <= count < 2**63:
        raise Damaged("a storage with a length that is none")
    view = pid[5] if len(pid) > 5 else None
    start = view[1] if isinstance(view, tuple) and len(view) == 3 else 0
    if type(start) is not int or start < 0:
        raise Damaged("a view of a storage that begins nowhere")
    return Storage(key, count, _STORAGES.get(word, word.lower() or "?"), start)


def _of_bytes(p: Pickle, data: Any = b"") -> Any:
    """The storage that a plain pickle of a module holds as bytes, which torch.save wrote."""
    if not isinstance(data, bytes):
        raise Damaged("a storage whose bytes are none")
    if p.nested:
        raise Damaged("a storage in a storage")
    file = BytesIO(data)
    read = [Pickle(Stream(file, len(data), p.budget), CALLS, storage_of, True).load()
            for _ in range(5)]  # fmt: skip
    storage, size = read[3], DTYPES.get(getattr(read[3], "dtype", ""), ("", 1))[1]
    if read[:2] != [MAGIC, VERSION] or not isinstance(storage, Storage):
        raise Damaged("a storage whose bytes are none")
    count = int.from_bytes(file.read(8), "little")
    return replace(storage, start=0, count=count, data=data[file.tell() :][: count * size])


def _tensor(
    p: Pickle, storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any, dtype: str = ""
) -> Tensor:
    if not isinstance(storage, Storage) or type(offset) is not int or offset < 0:
        raise Damaged("a tensor without a storage")
    shape = shape_of(shape, "a tensor")
    if not isinstance(strides, list | tuple) or len(shape) != len(strides) or any(
        type(step) is not int or not 0 <= step < 2**63 for step in strides
    ):  # fmt: skip
        raise Damaged("a tensor with strides that are none")
    return Tensor(storage, offset + storage.start, shape, tuple(strides), dtype or storage.dtype)


def _tensor_v3(
    p: Pickle, storage: Any, offset: Any, shape: Any, strides: Any, grad: Any, hooks: Any,
    dtype: Any, *rest: Any,
) -> Tensor:  # fmt: skip
    """The form for types that have no storage class of their own: the storage counts bytes."""
    return _tensor(p, storage, offset, shape, strides, dtype=_word(dtype))


def _quantized(p: Pickle, storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> Any:
    return _tensor(p, storage, offset, shape, strides)


def _meta(p: Pickle, dtype: Any, shape: Any, strides: Any, *rest: Any) -> Tensor:
    shape = shape_of(shape, "a tensor")
    return Tensor(None, 0, shape, (0,) * len(shape), _word(dtype))


def _word(name: Any) -> str:
    """float32 of the name torch.float32."""
    return name.text.rsplit(".", 1)[-1] if isinstance(name, Name) else "?"


def _first(p: Pickle, value: Any, *rest: Any) -> Any:
    return value


def _from_type(p: Pickle, function: Any, kind: Any, args: Any, *rest: Any) -> Any:
    """A tensor of a subclass: what the subclass adds is left out."""
    return p.call(function, args)


def _dict(p: Pickle, items: Any = (), *rest: Any) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    pairs: list[Any] = []
    if isinstance(items, dict):
        items = list(items.items())
    if isinstance(items, list | tuple):
        p.copied(len(items))
        pairs = [part for pair in items if isinstance(pair, list | tuple) and len(pair) == 2
                 for part in pair]  # fmt: skip
    p.put(made, pairs)
    return made


def _list(p: Pickle, items: Any = (), *rest: Any) -> Any:
    if isinstance(items, list | tuple):
        p.copied(len(items))
        return list(items)
    return []


def _size(p: Pickle, sizes: Any = ()) -> Any:
    return shape_of(sizes, "torch.Size")


def _nothing(p: Pickle, *args: Any) -> None:
    return None


def _encoded(p: Pickle, words: Any, encoding: Any = "latin1") -> bytes:
    """The form in which Python 2's protocol holds bytes."""
    if not isinstance(words, str) or encoding not in ("latin1", "latin-1"):
        raise Damaged("bytes in an encoding that is not latin1")
    p.made(len(words))
    return words.encode("latin-1")


def _bytes_of(p: Pickle, *args: Any) -> bytes:
    return args[0] if args and isinstance(args[0], bytes) else b""


def _array(p: Pickle, *args: Any) -> NumpyArray:
    return NumpyArray()


def _array_of_buffer(p: Pickle, data: Any, dtype: Any, shape: Any, order: Any = "C") -> NumpyArray:
    """The form of protocol 5."""
    array = NumpyArray()
    array.build((1, shape, dtype, order == "F", data), p)
    return array


def _reconstructed(p: Pickle, kind: Any, *rest: Any) -> Any:
    """The form in which protocols 0 and 1 make an object."""
    return p.call(kind, ())


def _calls() -> Calls:
    calls: Calls = {
        "torch._utils._rebuild_tensor_v2": _tensor, "torch._utils._rebuild_tensor": _tensor,
        "torch._utils._rebuild_tensor_v3": _tensor_v3, "torch._utils._rebuild_qtensor": _quantized,
        "torch._utils._rebuild_meta_tensor_no_storage": _meta,
        "torch._utils._rebuild_parameter": _first,
        "torch._utils._rebuild_parameter_with_state": _first,
        "torch.nn.parameter.Parameter": _first, "torch.nn.parameter.Buffer": _first,
        "torch._tensor._rebuild_from_type_v2": _from_type,
        "torch.storage._load_from_bytes": _of_bytes,
        "torch.Size": _size, "torch.device": _nothing, "torch.serialization._get_layout": _nothing,
        "collections.OrderedDict": _dict, "builtins.dict": _dict, "__builtin__.dict": _dict,
        "collections.defaultdict": lambda p, *args: _dict(p, *args[1:]),
        "collections.Counter": _dict, "builtins.list": _list, "__builtin__.list": _list,
        "builtins.set": _list, "__builtin__.set": _list, "builtins.frozenset": _list,
        "builtins.bytearray": _bytes_of, "builtins.bytes": _bytes_of,
        "__builtin__.bytearray": _bytes_of, "__builtin__.bytes": _bytes_of,
        "_codecs.encode": _encoded, "numpy.dtype": lambda p, code, *rest: NumpyType(code),
        "joblib.numpy_pickle.NumpyArrayWrapper": lambda p, *args: JoblibArray(),
        "numpy.ndarray": _array, "copyreg._reconstructor": _reconstructed,
        "copy_reg._reconstructor": _reconstructed,
    }  # fmt: skip
    for core in ("numpy.core", "numpy._core"):
        calls[f"{core}.multiarray._reconstruct"] = _array
        calls[f"{core}.multiarray.scalar"] = _nothing
        calls[f"{core}.numeric._frombuffer"] = _array_of_buffer
    return calls


CALLS = _calls()
