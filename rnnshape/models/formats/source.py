"""The bytes that a reader reads, and what reading may cost.

A source is a file, a part of one, or bytes that were unpacked in memory; a reader asks it and never
opens a path. A file that somebody made to exhaust its reader is met by one budget, which goes with
the source through all that lies in it.
"""

from __future__ import annotations

import os
import stat
import zlib
from io import BytesIO, RawIOBase
from typing import IO, Any

from ...errors import UsageError

_STEPS = 20_000_000  # of half a million tensors in a pickle
_ENTRIES = 2_000_000
_FREE, _TIMES = 32 << 20, 24  # bytes made at opening: 32 MB and as many times the file
_NUMBERS_FREE, _NUMBERS_TIMES = 64 << 20, 100  # bytes of arrays that are read from it
NO_FILE = "expected a file"
DEEPEST = 100  # of what lies in each other


class Damaged(ValueError):
    """What is wrong with a file's contents; `fix` where something else than its end is at fault."""

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(what)
        self.fix = fix


class Budget:
    """What reading one file may cost: steps, bytes made, entries. Raises Damaged beyond it."""

    def __init__(self, size: int) -> None:
        self.size, self._steps, self._entries = size, _STEPS, _ENTRIES
        self._bytes = self._all = _FREE + _TIMES * size

    @property
    def most(self) -> int:
        """The bytes that a process of its own may take, libraries and all."""
        return (1 << 30) + self._all + _NUMBERS_FREE + _NUMBERS_TIMES * self.size

    def step(self, count: int = 1) -> None:
        """Count steps of work."""
        self._steps -= count
        if self._steps < 0:
            raise Damaged(f"a file of more than {_STEPS:,} steps to read")

    def made(self, size: int) -> None:
        """Count bytes that are kept in memory."""
        self._bytes -= size
        if self._bytes < 0:
            raise Damaged(
                f"{self.size:,} bytes that unpack to more than {self._all:,}",
                "do not unpack it; ask for the weights as .safetensors",
            )

    def entry(self, count: int = 1) -> None:
        """Count names."""
        self._entries -= count
        if self._entries < 0:
            raise Damaged(f"a file of more than {_ENTRIES:,} names")

    def numbers(self, size: int) -> None:
        """Refuse arrays of `size` bytes, far more than the file could have filled."""
        if size > _NUMBERS_FREE + _NUMBERS_TIMES * self.size:
            raise UsageError(
                "weights: expected tensors that the file holds in full",
                got=f"{size:,} bytes of numbers out of a file of {self.size:,}",
                fix="save them with .clone(), so that no tensor repeats a few numbers",
            )


class Source:
    """`size` bytes of a file from `begin` on, or `data`; path: the file that a person named.

    inside: what they are called in the archives that they lie in. Raises OSError, and UsageError
    for a path that is no ordinary file.
    """

    def __init__(
        self,
        path: str,
        begin: int = 0,
        size: int | None = None,
        data: bytes | None = None,
        inside: str = "",
        budget: Budget | None = None,
    ) -> None:
        self.path, self.begin, self.data, self.inside = path, begin, data, inside
        if size is None:
            size = len(data) if data is not None else ordinary(path)
        self.size = size
        self.budget = budget or Budget(size)
        self.checksum: int | None = None  # of all its bytes, asked where they are read at once

    @property
    def name(self) -> str:
        """The name whose ending says what it is."""
        return self.inside or self.path

    def part(self, begin: int, count: int) -> bytes:
        """`count` bytes from `begin` on. Raises Damaged where they are not there."""
        data = b""
        if begin >= 0 and count >= 0 and begin + count <= self.size:
            if self.data is not None:
                data = self.data[begin : begin + count]
            else:
                with open(self.path, "rb") as file:
                    file.seek(self.begin + begin)
                    data = file.read(count)
        if len(data) != count:
            raise Damaged(
                f"cut short: {count:,} bytes from {begin:,} on, where it has {self.size:,}"
            )
        if self.checksum is not None and count == self.size and zlib.crc32(data) != self.checksum:
            raise Damaged(f"{self.inside}: Bad CRC-32, its bytes are not those that were packed")
        return data

    def start(self, count: int) -> bytes:
        """The first bytes, at most `count`."""
        return self.part(0, min(count, self.size))

    def window(self, begin: int, size: int, inside: str) -> Source:
        """A part as a source of its own."""
        if not 0 <= begin <= begin + size <= self.size:
            raise Damaged(f"{inside}: past the end of the file")
        if self.data is not None:
            return self.unpacked(self.data[begin : begin + size], inside)
        return Source(self.path, self.begin + begin, size, None, inside, self.budget)

    def unpacked(self, data: bytes, inside: str) -> Source:
        """Bytes that were made of it."""
        return Source(self.path, 0, None, data, inside, self.budget)

    def beside(self, name: Any, count: int) -> Source:
        """One of `count` files beside it, by its name alone. Raises Damaged where there is none."""
        name = name.removeprefix("./") if isinstance(name, str) else name
        plain = isinstance(name, str) and not any(mark in name for mark in "/\\:\0")
        if not plain or name in ("", ".", "..") or name.lower().endswith(".json"):
            raise Damaged(f"an index that names {str(name)[:60]!r}, no file of weights beside it",
                          "do not load what it names")  # fmt: skip
        place = os.path.join(os.path.dirname(self.path), name)
        if self.inside or not os.path.exists(place):
            raise Damaged(f"an index of {count} files, and {name!r} is not beside it",
                          "get all files that the index names")  # fmt: skip
        return Source(place)

    def file(self) -> IO[bytes]:
        """A file to read it from."""
        if self.data is not None:
            return BytesIO(self.data)
        if not self.begin and self.size == os.path.getsize(self.path):
            return open(self.path, "rb")
        return _Window(self)  # type: ignore[return-value]


class _Window(RawIOBase):
    """A part of a file as a file of its own."""

    def __init__(self, source: Source) -> None:
        self._source, self._at = source, 0
        self._file = open(source.path, "rb")  # noqa: SIM115 - it is closed with the window

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._source.size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        self._file.seek(self._source.begin + self._at)
        data = self._file.read(max(0, min(len(buffer), self._source.size - self._at)))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def inflated(packed: bytes, size: int, form: int, budget: Budget, name: str) -> bytes:
    """Deflated bytes unpacked, as many as their archive says.

    form: as zlib's wbits. Raises Damaged where they are more, fewer, or more than a file may make.
    """
    budget.made(size)
    stream = zlib.decompressobj(form)
    try:
        data = stream.decompress(packed, size + 1)
    except zlib.error as error:
        raise Damaged(f"{name}: a damaged archive: {error}") from None
    if len(data) != size:
        raise Damaged(f"{name}: cut short, or of another length than its archive says")
    return data


def ordinary(path: str) -> int:
    """The size of a file. Raises OSError, and UsageError for a folder, a pipe or a device."""
    status = os.stat(path)
    if stat.S_ISREG(status.st_mode):
        return status.st_size
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    raise UsageError(
        NO_FILE,
        got=f"{path!r}, {kinds.get(stat.S_IFMT(status.st_mode), 'a device')}",
        fix="save it first with cat",
    )
