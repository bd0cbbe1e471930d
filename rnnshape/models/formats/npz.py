"""NumPy's .npy and .npz: a header tells shape and type, the numbers follow."""

from __future__ import annotations

import ast
import math
import re
from functools import partial
from typing import Any

from .source import Damaged, Source
from .stored import DTYPES, NUMPY_TYPES, Stored, TensorFile, array_of, shape_of
from .zips import Archive

_MAGIC = b"\x93NUMPY"
_MOST_HEADER = 65_536


def open_npz(archive: Archive) -> TensorFile:
    """Names, types and shapes from each array's header; no number is read. Raises Damaged."""
    tensors = {}
    for entry in archive.names:
        if not entry.endswith(".npy"):
            continue
        name = entry.removesuffix(".npy")
        head = _Header(archive.start(entry, _MOST_HEADER), name, archive.length(entry))
        tensors[name] = Stored(name, head.shape, head.dtype, partial(_read, archive, entry, head))
    return TensorFile(archive.source, "npz", tensors)


def read_npy(source: Source) -> Any:
    """The array of a .npy file. Raises Damaged."""
    head = _Header(source.start(_MOST_HEADER), "the file", source.size)
    return head.array(source)


def _read(archive: Archive, entry: str, head: _Header) -> Any:
    return head.array(archive.entry(entry))


class _Header:
    """What stands before the numbers: shape, type, order; begin: where the numbers do."""

    def __init__(self, start: bytes, name: str, size: int) -> None:
        wide = 2 if start[6:7] == b"\x01" else 4
        length = int.from_bytes(start[8 : 8 + wide], "little")
        self.name, self.begin = name, 8 + wide + length
        if not start.startswith(_MAGIC) or self.begin > len(start):
            raise Damaged(f"{name}: not a .npy file, or one with a header of {length:,} bytes")
        header = start[8 + wide : self.begin].decode("utf-8" if start[6] > 2 else "latin-1")
        told = _literal(header.strip())
        if not isinstance(told, dict) or not {"descr", "shape"} <= told.keys():
            raise Damaged(f"{name}: a header that is no dict of descr and shape")
        code, self.shape = told["descr"], shape_of(told["shape"], name)
        self.columns_first = told.get("fortran_order") is True
        self.little = not (isinstance(code, str) and code.startswith(">"))
        if not isinstance(code, str):
            self.dtype = "structured"
            return
        if "O" in code:
            raise Damaged(f"{name}: an array of objects, which is a pickle",
                          "save the weights as arrays of numbers")  # fmt: skip
        self.dtype = NUMPY_TYPES.get(code.lstrip("<>|="), code[:20])
        held = size - self.begin
        if self.dtype in DTYPES and math.prod(self.shape) * DTYPES[self.dtype][1] != held:
            raise Damaged(
                f"{name}: {list(self.shape)} of {self.dtype} by its header, in {held:,} bytes"
            )

    def array(self, source: Source) -> Any:
        """The numbers, which follow the header."""
        whole = source.part(0, source.size)  # at once, so that an archive's checksum is asked
        data = memoryview(whole)[self.begin :]
        return array_of(data, self.dtype, self.shape, little=self.little,
                        columns_first=self.columns_first)  # fmt: skip


def _literal(header: str) -> Any:
    """The dict of a header; Python 2 wrote its long integers as 3L."""
    for text in (header, re.sub(r"(?<=\d)L\b", "", header)):
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return None
