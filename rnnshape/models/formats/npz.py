"""NumPy's .npz: a zip archive of .npy files, whose headers tell shape and type."""

from __future__ import annotations

import ast
import math
from typing import Any

from .stored import (
    DTYPES,
    NUMPY_TYPES,
    Damaged,
    Stored,
    TensorFile,
    expandable,
    shape_of,
)
from .zips import Archive, zip_faults

_MAGIC = b"\x93NUMPY"
_MOST_HEADER = 65_536


def open_npz(archive: Archive) -> TensorFile:
    """Names, types and shapes from each array's header; no number is read. Raises Damaged."""
    tensors = {}
    for entry in archive.names:
        if not entry.endswith(".npy"):
            continue
        name = entry.removesuffix(".npy")
        shape, dtype = _header(archive.start(entry, _MOST_HEADER), name, archive.length(entry))
        tensors[name] = Stored(name, shape, dtype, _reader(archive, entry))
    return TensorFile(archive.path, "npz", archive.size, tensors)


def _header(start: bytes, name: str, size: int) -> tuple[tuple[int, ...], str]:
    wide = 2 if start[6:7] == b"\x01" else 4
    length = int.from_bytes(start[8 : 8 + wide], "little")
    if not start.startswith(_MAGIC) or 8 + wide + length > len(start):
        raise Damaged(f"{name}: not a .npy file, or one with a header of {length:,} bytes")
    header = start[8 + wide : 8 + wide + length].decode("utf-8" if start[6] > 2 else "latin-1")
    try:
        told = ast.literal_eval(header.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        told = None
    if not isinstance(told, dict) or not {"descr", "shape"} <= told.keys():
        raise Damaged(f"{name}: a header that is no dict of descr and shape")
    code = told["descr"]
    if not isinstance(code, str):
        return shape_of(told["shape"], name), "structured"
    if "O" in code:
        raise Damaged(f"{name}: an array of objects, which is a pickle",
                      "save the weights as arrays of numbers")  # fmt: skip
    shape, dtype = shape_of(told["shape"], name), NUMPY_TYPES.get(code.lstrip("<>|="), code[:20])
    held = size - 8 - wide - length
    if dtype in DTYPES and math.prod(shape) * DTYPES[dtype][1] != held:
        raise Damaged(f"{name}: {list(shape)} of {dtype} by its header, in {held:,} bytes")
    return shape, dtype


def _reader(archive: Archive, entry: str) -> Any:
    def read() -> Any:
        import numpy as np

        expandable(archive.length(entry), archive.packed(entry), entry)
        with archive.open(entry) as file, zip_faults():
            return np.lib.format.read_array(file, allow_pickle=False)

    return read
