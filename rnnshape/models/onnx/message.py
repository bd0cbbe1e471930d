"""The bytes of an ONNX model without the numbers of its tensors.

A model is one message of protobuf, which its parser takes into memory whole. Here the message is
walked field by field, and the numbers of large initializers stay in the file: their places are
told. Source: onnx/onnx.proto (ModelProto.graph = 7, GraphProto.initializer = 5,
TensorProto.raw_data = 9) and https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from typing import IO, NamedTuple

from ..formats.source import Budget, Damaged, Source

_LARGE = 1 << 12  # bytes of numbers that are read with the message
_PARSED = 4  # how much more a message takes when it is parsed
_GRAPH, _INITIALIZER, _NAME, _RAW = 7, 5, 8, 9
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Slim(NamedTuple):
    """A model's message without large numbers, and where these lie: (first byte, count)."""

    message: bytes
    places: dict[str, tuple[int, int]]


def slim(source: Source) -> Slim:
    """The message of a model. Raises Damaged where it is none, or more than a file may make."""
    places: dict[str, tuple[int, int]] = {}
    with source.file() as file:
        walk = _Walk(file, source.budget, places)
        return Slim(walk.message(source.size, (_GRAPH, _INITIALIZER)), places)


class _Walk:
    def __init__(self, file: IO[bytes], budget: Budget, places: dict[str, tuple[int, int]]) -> None:
        self._file, self._budget, self._places = file, budget, places

    def message(self, end: int, way: tuple[int, ...]) -> bytes:
        """The fields up to `end`; those of `way` are walked themselves, down to a TensorProto,
        whose raw_data is left where it is."""
        kept: list[bytes] = []
        name, place = "", None
        while self._file.tell() < end:
            self._budget.step(10)
            tag = self._varint(end)
            field, wire = tag >> 3, tag & 7
            if not field or wire not in (_VARINT, _BYTES, _FIXED64, _FIXED32):
                raise Damaged("no ONNX model: its bytes are no message of protobuf")
            if wire == _VARINT:
                kept += [_varint(tag), _varint(self._varint(end))]
                continue
            length = self._varint(end) if wire == _BYTES else 8 if wire == _FIXED64 else 4
            begin = self._file.tell()
            if begin + length > end:
                raise Damaged("no ONNX model, or one that is cut short")
            if not way and field == _RAW and length > _LARGE:
                place = (begin, length)
                self._file.seek(begin + length)
                continue
            inside = wire == _BYTES and way[:1] == (field,)
            data = self.message(begin + length, way[1:]) if inside else self._bytes(length)
            if not way and field == _NAME:
                name = data.decode("utf-8", "replace")
            kept += [_varint(tag), *([_varint(len(data))] if wire == _BYTES else []), data]
        if place is not None:
            self._places.setdefault(name, place)
        return b"".join(kept)

    def _bytes(self, count: int) -> bytes:
        self._budget.made(_PARSED * count)
        data = self._file.read(count)
        if len(data) != count:
            raise Damaged("no ONNX model, or one that is cut short")
        return data

    def _varint(self, end: int) -> int:
        number = shift = 0
        while True:
            byte = self._file.read(1)
            if not byte or shift > 63 or self._file.tell() > end:
                raise Damaged("no ONNX model, or one that is cut short")
            number |= (byte[0] & 127) << shift
            shift += 7
            if byte[0] < 128:
                return number


def _varint(number: int) -> bytes:
    made = bytearray()
    while number > 127:
        made.append(number & 127 | 128)
        number >>= 7
    return bytes([*made, number])
