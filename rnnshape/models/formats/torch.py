"""torch's own files: the zip of torch.save, TorchScript, and the older stream of pickles."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from io import BytesIO
from typing import IO, Any

from .known import CALLS, MAGIC, VERSION, NumpyArray, Storage, Tensor, storage_of
from .pickles import Pickle, Stream
from .source import Damaged, Source
from .stored import DTYPES, NUMPY_TYPES, Stored, TensorFile, array_of
from .tree import Found, Tree, nonlinearity_of, tree_of
from .zips import Archive

# a part of a name in a pickle to what is said of the tensors behind it
_UNREAD = {
    "quantized": "the weights of a quantized module are packed, and are not read",
    "torch.ScriptObject": "a torch.ScriptObject holds what is not read, such as packed weights",
    "_rebuild_sparse": "a sparse tensor is not read; save it with .to_dense()",
}
Bytes = Callable[[Storage, int, int], bytes]  # (storage, first byte, count) to those bytes


def _root(archive: Archive) -> str | None:
    """The folder that all entries of an archive of torch lie in."""
    found = [name for name in archive.names if name.endswith("/data.pkl") or name == "data.pkl"]
    return found[0].removesuffix("data.pkl") if found else None


def open_torch_zip(archive: Archive) -> TensorFile:
    """The tensors of a zip that torch wrote. Only its pickle is read. Raises Damaged."""
    root = _root(archive)
    assert root is not None
    pickle = _of_source(archive.entry(f"{root}data.pkl"))
    tree = tree_of(pickle.load(), pickle.steps, pickle.budget)
    scripted = f"{root}constants.pkl" in archive
    order = f"{root}byteorder"
    little = order not in archive or archive.start(order, 16).strip() != b"big"

    def length(storage: Storage) -> int | None:
        entry = f"{root}data/{storage.key}"
        return archive.length(entry) if entry in archive else None

    def data(storage: Storage, begin: int, count: int) -> bytes:
        return archive.entry(f"{root}data/{storage.key}").part(begin, count)

    tensors = _stored(tree, length, data, little)
    if scripted:
        tree.told |= _finals(archive, root, tree)
    return TensorFile(archive.source, "torchscript" if scripted else "torch", tensors, tree.told,
                      notes=_notes(pickle))  # fmt: skip


def open_torch_stream(source: Source) -> TensorFile:
    """The older form: pickles one behind the other, then the storages. Raises Damaged.

    A file that is one pickle and no more (of NumPy's arrays, say) is read as well.
    """
    with source.file() as file:
        first = _pickle(file, source)
        root = first.load()
        if type(root) is int and root == MAGIC:
            return _open_stream(source, file)
    tree = tree_of(root, first.steps, source.budget)
    tensors = _stored(tree, lambda storage: None, _nowhere, True)
    return TensorFile(source, "pickle", tensors, tree.told, notes=_notes(first))


def _open_stream(source: Source, file: IO[bytes]) -> TensorFile:
    """What stands behind the magic number."""
    version = _pickle(file, source).load()
    if type(version) is not int or version != VERSION:
        raise Damaged("a file of torch before 0.2", "load and save it with a torch of its time")
    system = _pickle(file, source).load()
    little = not isinstance(system, dict) or system.get("little_endian") is not False
    pickle = _pickle(file, source)
    storages: dict[str, Storage] = {}
    pickle.persistent = _remembering(storages)
    tree = tree_of(pickle.load(), pickle.steps, source.budget)
    keys = _pickle(file, source).load()
    if not isinstance(keys, list) or any(type(k) is not str or k not in storages for k in keys):
        raise Damaged("a list of storages that names others than the tensors do")
    places = _places(file, source.size, [storages[key] for key in keys])

    def length(storage: Storage) -> int | None:
        return places[storage.key][1] if storage.key in places else None

    def data(storage: Storage, begin: int, count: int) -> bytes:
        return source.part(places[storage.key][0] + begin, count)

    tensors = _stored(tree, length, data, little)
    return TensorFile(source, "torch (older stream)", tensors, tree.told, notes=_notes(pickle))


def _pickle(file: IO[bytes], source: Source) -> Pickle:
    return Pickle(Stream(file, source.size, source.budget), CALLS, storage_of)


def _of_source(source: Source) -> Pickle:
    return _pickle(BytesIO(source.part(0, source.size)), source)


def _remembering(storages: dict[str, Storage]) -> Callable[[Any], Any]:
    def persistent(pid: Any) -> Any:
        storage = storage_of(pid)
        if isinstance(storage, Storage):
            storages.setdefault(storage.key, storage)
        return storage

    return persistent


def _places(file: IO[bytes], size: int, storages: list[Storage]) -> dict[str, tuple[int, int]]:
    """Each storage's key to (where its bytes begin, how many they are), from the lengths that
    stand before them."""
    places = {}
    for storage in storages:
        count = int.from_bytes(file.read(8), "little")
        begin = file.tell()
        length = count * DTYPES.get(storage.dtype, ("", 1))[1]
        if begin + length > size:
            raise Damaged(f"a storage of {length:,} bytes past the end of the file")
        places[storage.key] = (begin, length)
        file.seek(begin + length)
    return places


def _nowhere(storage: Storage, begin: int, count: int) -> bytes:
    raise Damaged("a tensor of torch in a plain pickle, which holds no numbers of it")


def _notes(pickle: Pickle) -> tuple[str, ...]:
    """What else the pickle would have made, and which tensors are not read."""
    notes = [said for word, said in _UNREAD.items() if any(word in name for name in pickle.names)]
    foreign = [name for name in pickle.names if not name.startswith(("torch.", "__torch__."))]
    if not foreign:
        return tuple(notes)
    shown = ", ".join(foreign[:5]) + (f" and {len(foreign) - 5} more" if len(foreign) > 5 else "")
    notes.append(f"the pickle also names {shown}; nothing of it was run or imported")
    return tuple(notes)


def _stored(
    tree: Tree, length: Callable[[Storage], int | None], data: Bytes, little: bool
) -> dict[str, Stored]:
    tensors: dict[str, Stored] = {}
    for found in tree.tensors:
        name = found.name
        if name in tensors:  # {"a.b": …} beside {"a": {"b": …}}
            continue
        if isinstance(found.value, NumpyArray):
            tensors[name] = _numpy(found, found.value)
        else:
            tensors[name] = _torch(found, found.value, length, data, little)
    return tensors


def _torch(
    found: Found, tensor: Tensor, length: Callable[[Storage], int | None], data: Bytes,
    little: bool,
) -> Stored:  # fmt: skip
    storage, name = tensor.storage, found.name
    size = DTYPES.get(tensor.dtype, ("", 0))[1]
    if storage is not None and size:
        held = length(storage) if storage.data is None else len(storage.data)
        if held is None and data is not _nowhere:
            raise Damaged(f"{name}: its numbers (storage {storage.key[:40]}) are not in the file")
        if held is not None and not tensor.fits(held // size):
            raise Damaged(f"{name}: numbers past the end of its storage, which has {held:,} bytes")

    def read() -> Any:
        if storage is None:
            raise Damaged(f"{name}: a tensor on the device meta, which has no numbers")
        if not size or 0 in tensor.shape:
            return array_of(b"", tensor.dtype, tensor.shape)
        reach = 1 + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.strides))
        begin, count = tensor.offset * size, reach * size
        held = storage.data
        part = data(storage, begin, count) if held is None else held[begin : begin + count]
        if len(part) != reach * size:
            raise Damaged(f"{name}: cut short")
        return array_of(part, tensor.dtype, tensor.shape, tensor.strides, 0, little)

    place = "" if storage is None else f"{storage.key}:{tensor.offset}:{tensor.strides}"
    return Stored(
        name, tensor.shape, tensor.dtype, read, found.own, within=found.within, place=place
    )  # fmt: skip


def _numpy(found: Found, array: NumpyArray) -> Stored:
    code = array.dtype.lstrip("<>|=")
    dtype = NUMPY_TYPES.get(code, code[:20] or "?")
    if dtype in DTYPES and len(array.data) != math.prod(array.shape) * DTYPES[dtype][1]:
        raise Damaged(f"{found.name}: {len(array.data):,} bytes for {list(array.shape)} of {dtype}")

    def read() -> Any:
        return array_of(array.data, dtype, array.shape, little=not array.dtype.startswith(">"),
                        columns_first=array.columns_first)  # fmt: skip

    return Stored(found.name, array.shape, dtype, read, found.own)


# ---------------------------------------------------------------------------- TorchScript

_FINAL = re.compile(r"^  (\w+) : Final\[\w+\] = (\S+)$", re.M)
_MOST_CODE = 1 << 20


def _finals(archive: Archive, root: str, tree: Tree) -> dict[str, dict[str, Any]]:
    """A scripted recurrent module's name to the arguments that its code records as constants."""
    told = {}
    for name, kind in tree.scripted.items():
        folder, _, wanted = kind.rpartition(".")
        if wanted not in ("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"):
            continue
        entry = f"{root}code/{folder.replace('.', '/')}.py"
        if entry not in archive:
            continue
        code = archive.start(entry, _MOST_CODE).decode("utf-8", "replace")
        body = code.partition(f"class {wanted}(Module):")[2].partition("\n  def ")[0]
        told[name] = _arguments(dict(_FINAL.findall(body)))
    return {name: arguments for name, arguments in told.items() if arguments}


def _arguments(finals: dict[str, str]) -> dict[str, Any]:
    words: dict[str, Any] = {"True": True, "False": False}
    arguments: dict[str, Any] = {}
    for name in ("batch_first", "dropout"):
        text = finals.get(name, "")
        if text in words:
            arguments[name] = words[text]
        elif re.fullmatch(r"\d{1,3}\.?\d{0,20}", text):
            arguments[name] = float(text)
    said, mode = (finals.get(name, "").strip('"') for name in ("nonlinearity", "mode"))
    return arguments | nonlinearity_of(said, mode)
