"""The bytes of an ONNX model without the numbers of its tensors.

A model is one message of protobuf, which its parser takes into memory whole. Here the message is
walked field by field, and the numbers of large initializers stay in the file: their places are
told. Source: onnx/onnx.proto (ModelProto.graph = 7, GraphProto.initializer = 5,
TensorProto.raw_data = 9).
"""

from __future__ import annotations

from itertools import chain
from typing import NamedTuple

from ..formats.protobuf import Cut, Message
from ..formats.source import Damaged, Source

_LARGE = 1 << 12  # bytes of numbers that are read with the message
_PARSED = 4  # how much more a message takes when it is parsed
_GRAPH, _INITIALIZER, _NAME, _RAW = 7, 5, 8, 9


class Slim(NamedTuple):
    """A model's message without large numbers, and where these lie: (first byte, count)."""

    message: bytes
    places: dict[str, tuple[int, int]]


def slim(source: Source) -> Slim:
    """The message of a model. Raises Damaged where it is none, or more than a file may make."""
    places: dict[str, tuple[int, int]] = {}
    try:
        return Slim(_slimmed(Message.of(source), source, (_GRAPH, _INITIALIZER), places), places)
    except Cut:
        raise Damaged("no ONNX model, or one that is cut short") from None


def _slimmed(
    message: Message, source: Source, way: tuple[int, ...], places: dict[str, tuple[int, int]]
) -> bytes:
    """The fields of a message; those of `way` are walked themselves, down to a TensorProto, whose
    raw_data is left where it is."""
    kept, start, name, place = bytearray(), message.begin, "", None
    for number, value, begin, end in chain(message.fields(), [(0, 0, message.end, message.end)]):
        held = value if isinstance(value, Message) else None
        walked = held if way[:1] == (number,) else None
        large = held if not way and number == _RAW and held and len(held) > _LARGE else None
        if held and not way and number == _NAME:
            name = bytes(held).decode("utf-8", "replace")
        if walked or large or not number:  # what lies before it is read at once
            source.budget.made(_PARSED * (begin - start))
            kept += source.part(start, begin - start)
            start = end
        if walked:
            inner = _slimmed(walked, source, way[1:], places)
            kept += _varint(number << 3 | 2) + _varint(len(inner)) + inner
        elif large:
            place = (large.begin, len(large))
    if place is not None:
        places.setdefault(name, place)
    return bytes(kept)


def _varint(number: int) -> bytes:
    made = bytearray()
    while number > 127:
        made.append(number & 127 | 128)
        number >>= 7
    return bytes([*made, number])
