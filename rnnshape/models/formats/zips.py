"""Zip archives (.npz, .pt, .keras), read with their claims checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from errno import EINVAL
from typing import Any

from .source import Damaged, Source, inflated

_STORED, _DEFLATED = 0, 8


@contextmanager
def _zip_faults() -> Iterator[None]:
    """Turn what zipfile raises into Damaged."""
    import zipfile

    try:
        yield
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise Damaged(f"a damaged archive: {error}") from None
    except OSError as error:
        if error.errno != EINVAL:  # a place before the beginning of the file
            raise
        raise Damaged("a damaged archive: an entry that begins nowhere") from None


class Archive:
    """The entries of a zip archive, each a source of its own.

    zipfile reads the table of contents alone: its own unpacking believes what an entry says of its
    size, and bzip2 is not bounded at all.
    """

    def __init__(self, source: Source) -> None:
        import zipfile

        self.source = source
        with _zip_faults(), source.file() as file, zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
        source.budget.entry(len(entries))
        self._entries: dict[str, Any] = {}
        for entry in entries:
            if entry.filename in self._entries:
                raise Damaged(f"an archive that has {entry.filename} twice")
            if entry.header_offset + entry.compress_size > source.size:
                raise Damaged(f"{entry.filename}: past the end of the file")
            self._entries[entry.filename] = entry

    @property
    def names(self) -> list[str]:
        """The names of the entries, in their order."""
        return list(self._entries)

    def length(self, name: str) -> int:
        """The length of an entry, unpacked; 0 where there is none."""
        return int(self._entries[name].file_size) if name in self._entries else 0

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def entry(self, name: str) -> Source:
        """An entry: a window of the archive where it is stored, unpacked where it is deflated."""
        entry, source = self._entries[name], self._packed(name)
        if entry.compress_type == _STORED and entry.compress_size != entry.file_size:
            raise Damaged(f"{name}: stored, and of another length than it says")
        if entry.compress_type != _STORED:
            packed = source.part(0, source.size)
            data = inflated(packed, entry.file_size, -15, self.source.budget, name)
            source = source.unpacked(data, name)
        source.checksum = entry.CRC
        return source

    def start(self, name: str, length: int) -> bytes:
        """The first bytes of an entry, at most `length`."""
        import zlib

        packed = self._packed(name)
        if self._entries[name].compress_type == _STORED:
            return packed.start(length)
        try:
            stream = zlib.decompressobj(-15)
            return stream.decompress(packed.start(length + 1024), length)
        except zlib.error as error:
            raise Damaged(f"{name}: a damaged archive: {error}") from None

    def _packed(self, name: str) -> Source:
        """An entry's bytes as they lie in the archive."""
        entry = self._entries[name]
        if entry.compress_type not in (_STORED, _DEFLATED) or entry.flag_bits & 1:
            raise Damaged(f"{name}: encrypted, or packed by another method than deflate",
                          "unpack the archive, and pack it as zip does")  # fmt: skip
        head = self.source.part(entry.header_offset, 30)
        if not head.startswith(b"PK\x03\x04"):
            raise Damaged("a damaged archive: an entry that begins nowhere")
        gap = 30 + int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
        return self.source.window(entry.header_offset + gap, entry.compress_size, name)
