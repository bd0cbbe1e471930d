"""Safetensors: everything but the numbers stands in a JSON header."""

from __future__ import annotations

import json
import math
from functools import partial
from typing import Any

from .source import Damaged, Source
from .stored import DTYPES, Stored, TensorFile, numbers_at, shape_of

_MOST_HEADER = 100_000_000  # the format's own limit
_TYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64",
    "I32": "int32", "I16": "int16", "I8": "int8", "U64": "uint64", "U32": "uint32",
    "U16": "uint16", "U8": "uint8", "BOOL": "bool", "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2",
}  # fmt: skip


def open_safetensors(source: Source) -> TensorFile:
    """Names, types, shapes and places from the header; no number is read. Raises Damaged."""
    size = source.size
    length = int.from_bytes(source.start(8), "little")
    if size < 8 or length > min(size - 8, _MOST_HEADER):
        raise Damaged(f"a header of {length:,} bytes in a file of {size:,}")
    head = source.part(8, length)
    if not head.startswith(b"{"):
        raise Damaged("a header that does not begin with {")
    header = json.loads(head.decode("utf-8"), object_pairs_hook=_object)
    header.pop("__metadata__", None)
    source.budget.entry(len(header))
    begin = 8 + length
    tensors = {}
    places = []
    for name, entry in header.items():
        shape, dtype, first, last = _entry(name, entry)
        places.append((first, last, name))
        read = partial(numbers_at, source, begin + first, last - first, dtype, shape)
        tensors[name] = Stored(name, shape, dtype, read)
    _check_places(places, size - begin)
    return TensorFile(source, "safetensors", tensors)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Damaged("a header that has a name twice")
    return found


def _entry(name: str, entry: Any) -> tuple[tuple[int, ...], str, int, int]:
    if not isinstance(entry, dict) or not {"dtype", "shape", "data_offsets"} <= entry.keys():
        raise Damaged(f"{name}: no dtype, shape and data_offsets")
    shape = shape_of(entry["shape"], name)
    offsets = entry["data_offsets"]
    if (
        not isinstance(offsets, list)
        or len(offsets) != 2
        or any(type(offset) is not int for offset in offsets)
        or not 0 <= offsets[0] <= offsets[1]
    ):
        raise Damaged(f"{name}: data_offsets that are no place")
    dtype = _TYPES.get(entry["dtype"]) if isinstance(entry["dtype"], str) else None
    if dtype is None:  # of a later version: it is listed, not read
        return shape, str(entry["dtype"])[:40], *offsets
    needed = math.prod(shape) * DTYPES[dtype][1]
    if needed != offsets[1] - offsets[0]:
        raise Damaged(f"{name}: {needed:,} bytes by its shape, {offsets[1] - offsets[0]:,} by "
                      "its offsets")  # fmt: skip
    return shape, dtype, *offsets


def _check_places(places: list[tuple[int, int, str]], length: int) -> None:
    """The tensors lie one behind the other and fill the file, as the format wants it."""
    end = 0
    for first, last, name in sorted(places):
        if first != end:
            what = "overlaps the tensor before it" if first < end else "leaves a hole before it"
            raise Damaged(f"{name}: {what}, at byte {first:,} of the data")
        end = last
    if end != length:
        raise Damaged(f"{end:,} bytes of tensors where the file has {length:,}")
