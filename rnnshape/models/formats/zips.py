"""Zip archives (.npz, .pt, .keras), read with their claims checked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EINVAL
from io import RawIOBase
from typing import IO, Any

from .stored import Damaged, expandable


@contextmanager
def zip_faults() -> Iterator[None]:
    """Turn what zipfile and its decompressors raise into Damaged."""
    import zipfile
    import zlib

    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise Damaged(f"a damaged archive: {error}") from None
    except OSError as error:
        if error.errno != EINVAL:  # a place before the beginning of the file
            raise
        raise Damaged("a damaged archive: an entry that begins nowhere") from None


class Archive:
    """The entries of a zip archive. It stays open for the tensors that are read later."""

    def __init__(self, path: str) -> None:
        import zipfile

        self.path = path
        self.size = os.path.getsize(path)
        with zip_faults():
            self._zip = zipfile.ZipFile(path)
        self._entries: dict[str, Any] = {}
        for entry in self._zip.infolist():
            if entry.filename in self._entries:
                raise Damaged(f"an archive that has {entry.filename} twice")
            if entry.header_offset + entry.compress_size > self.size:
                raise Damaged(f"{entry.filename}: past the end of the file")
            self._entries[entry.filename] = entry

    @property
    def names(self) -> list[str]:
        """The names of the entries, in their order."""
        return list(self._entries)

    def length(self, name: str) -> int:
        """The length of an entry, unpacked; 0 where there is none."""
        return int(self._entries[name].file_size) if name in self._entries else 0

    def packed(self, name: str) -> int:
        """The length of an entry in the file."""
        return int(self._entries[name].compress_size)

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def read(self, name: str) -> bytes:
        """An entry in full. Raises Damaged, and where it claims to grow as no pickle does."""
        entry = self._entries[name]
        if entry.compress_type:
            expandable(entry.file_size, entry.compress_size, name, free=1 << 20, times=20)
        with self.open(name) as file, zip_faults():
            data = file.read()
        if len(data) != entry.file_size:
            raise Damaged(f"{name}: cut short")
        return data

    def part(self, name: str, begin: int, count: int) -> bytes:
        """`count` bytes of an entry from `begin` on."""
        entry = self._entries[name]
        expandable(entry.file_size, entry.compress_size, name)
        with self.open(name) as file, zip_faults():
            file.seek(begin)
            data = file.read(count)
        if len(data) != count:
            raise Damaged(f"{name}: cut short")
        return data

    def start(self, name: str, length: int) -> bytes:
        """The first bytes of an entry, at most `length`."""
        with self.open(name) as file, zip_faults():
            return file.read(length)

    def window(self, name: str) -> tuple[int, int] | None:
        """(where an entry's bytes begin in the file, how many they are); None where packed."""
        entry = self._entries[name]
        if entry.compress_type or entry.compress_size != entry.file_size:
            return None
        with open(self.path, "rb") as file:
            file.seek(entry.header_offset + 26)
            lengths = file.read(4)
        gap = 30 + int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")
        if entry.header_offset + gap + entry.file_size > self.size:
            raise Damaged(f"{name}: past the end of the file")
        return entry.header_offset + gap, entry.file_size

    def open(self, name: str) -> IO[bytes]:
        """An entry as a file."""
        with zip_faults():
            return self._zip.open(self._entries[name])


class Window(RawIOBase):
    """`length` bytes of a file from `begin` on, as a file of its own."""

    def __init__(self, path: str, begin: int, length: int) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 - it is closed with the window
        self._begin, self._length, self._at = begin, length, 0

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def seekable(self) -> bool:
        """At any place."""
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place of the window."""
        self._at = offset + (0, self._at, self._length)[whence]
        return self._at

    def tell(self) -> int:
        """The place in the window."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read what fits the buffer, and no further than the window."""
        self._file.seek(self._begin + self._at)
        data = self._file.read(max(0, min(len(buffer), self._length - self._at)))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        """Close the file behind it."""
        self._file.close()
        super().close()
