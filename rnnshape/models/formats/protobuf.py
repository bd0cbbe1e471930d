"""Messages of protobuf, field by field; a schema is not needed, and what is not asked for stays in
the file.

Source: https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .source import Budget, Damaged, Source

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIRES, _PAGE = (_FIXED64, _BYTES, _FIXED32), 1 << 16


class Cut(Damaged):
    """Bytes that are no message, or one that is cut short."""


class Pages:
    """A source's bytes by number and slice, read a page at a time."""

    def __init__(self, source: Source) -> None:
        self._source, self._first, self._page = source, 0, b""

    def __len__(self) -> int:
        return self._source.size

    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, slice):
            return self._source.part(place.start, place.stop - place.start)
        if not 0 <= place - self._first < len(self._page):
            self._first = place - place % _PAGE
            self._page = self._source.part(self._first, min(_PAGE, len(self) - self._first))
        return self._page[place - self._first]


class Message:
    """The bytes of a message, from `begin` to `end` of a buffer. Raises Damaged where it is cut."""

    def __init__(
        self, buffer: bytes | Pages, budget: Budget, begin: int = 0, end: int = -1
    ) -> None:
        self._buffer, self._budget = buffer, budget
        self.begin, self.end = begin, len(buffer) if end < 0 else end

    @classmethod
    def of(cls, source: Source) -> Message:
        """The message that a file is."""
        return cls(Pages(source), source.budget)

    def __len__(self) -> int:
        return self.end - self.begin

    def __iter__(self) -> Iterator[tuple[int, int | Message]]:
        return ((number, value) for number, value, _, _ in self.fields())

    def fields(self) -> Iterator[tuple[int, int | Message, int, int]]:
        """Each field: its number, its value, and where it begins, tag and all, and ends."""
        at = self.begin
        while at < self.end:
            self._budget.step(5)
            begin = at
            tag, at = varint(self._buffer, at, self.end)
            wire, length = tag & 7, 0
            if wire == _VARINT and tag >> 3:
                number, at = varint(self._buffer, at, self.end)
                yield tag >> 3, number, begin, at
                continue
            if wire == _BYTES:
                length, at = varint(self._buffer, at, self.end)
            elif wire in (_FIXED32, _FIXED64):
                length = 8 if wire == _FIXED64 else 4
            if wire not in _WIRES or not tag >> 3 or at + length > self.end:
                raise Cut("a message of protobuf that is cut short, or none")
            value = Message(self._buffer, self._budget, at, at + length)
            at += length
            yield tag >> 3, value, begin, at

    def all(self, *path: int) -> Iterator[Message]:
        """The messages at the end of a way of field numbers."""
        for number, value in self:
            if number == path[0] and isinstance(value, Message):
                yield from value.all(*path[1:]) if path[1:] else (value,)

    def numbers(self, field: int) -> list[int]:
        """The whole numbers of a field."""
        return [value for number, value in self if number == field and isinstance(value, int)]

    def number(self, field: int) -> int:
        """The whole number of a field, 0 where it is left out."""
        return (self.numbers(field) or [0])[-1]

    def text(self, field: int) -> str:
        """The text of a field, '' where it is left out."""
        return next((bytes(m).decode("utf-8", "replace") for m in self.all(field)), "")

    def __bytes__(self) -> bytes:
        self._budget.made(len(self))
        return bytes(self._buffer[self.begin : self.end])


def varint(buffer: bytes | Pages, at: int, end: int) -> tuple[int, int]:
    """A number of 7 bits a byte, and where the next begins. Raises Damaged."""
    number = shift = 0
    while at < end and shift < 70:
        byte = buffer[at]
        at += 1
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return number, at
    raise Cut("a number that is cut short, or of more than ten bytes")
