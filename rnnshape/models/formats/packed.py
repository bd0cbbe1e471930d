"""What weights are packed in (tar, gzip, zlib), and the names of formats that are not read."""

from __future__ import annotations

import bz2
import lzma
import tarfile
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

from .source import Damaged, Source

_WEIGHTS = (".safetensors", ".npz", ".pt", ".pth", ".bin", ".ckpt", ".th", ".pkl", ".pickle", ".h5",
            ".hdf5", ".keras", ".onnx", ".t7", ".joblib", ".tflite", ".pb")  # fmt: skip
_MOST_MEMBERS = 10_000
_PIECE, _LZMA = 1 << 20, 64 << 20  # bytes unpacked at once, and what xz may hold while it does


def weights_by_name(name: str) -> bool:
    """Whether a name in an archive is that of a file of weights."""
    last = name.replace("\\", "/").rpartition("/")[2].lower()
    return last.endswith(_WEIGHTS) and not last.startswith(".")


def unwrapped(source: Source) -> list[Callable[[], Source]] | None:
    """What the files of weights in a tar or a compressed file are read from, None where it is none.

    Nothing is written to a disk. Raises Damaged.
    """
    start = source.start(265)
    if start[257:262] == b"ustar":
        return _members(source)
    for magic, stream in _STREAMS.items():
        if start.startswith(magic):
            return [partial(_expanded, source, stream)]
    return None


def _gzip() -> Any:
    return zlib.decompressobj(31)


# the first bytes of a compressed stream, and what unpacks it piece by piece
_STREAMS: dict[bytes, Callable[[], Any]] = {
    b"\x1f\x8b\x08": _gzip, b"BZh": bz2.BZ2Decompressor,
    **dict.fromkeys((b"x\x01", b"x^", b"x\x9c", b"x\xda"), zlib.decompressobj),  # of any level
    b"\xfd7zXZ\x00": lambda: lzma.LZMADecompressor(memlimit=_LZMA),
}  # fmt: skip


def _expanded(source: Source, stream: Callable[[], Any]) -> Source:
    name = source.name
    for ending, inside in ((".tgz", ".tar"), (".gz", ""), (".bz2", ""), (".xz", ""),
                           (".nemo", ".tar")):  # fmt: skip
        if name.lower().endswith(ending):
            name = name[: -len(ending)] + inside
    unpacker, packed, pieces = stream(), source.part(0, source.size), []
    try:
        while not unpacker.eof:
            piece = unpacker.decompress(packed, _PIECE)
            packed = getattr(unpacker, "unconsumed_tail", b"")
            if not piece and not packed and getattr(unpacker, "needs_input", True):
                raise Damaged("a compressed file that is cut short")
            source.budget.made(len(piece))
            pieces.append(piece)
    except (zlib.error, lzma.LZMAError, OSError, EOFError) as error:
        raise Damaged(f"a damaged compressed file: {error}") from None
    return source.unpacked(b"".join(pieces), name)


def _members(source: Source) -> list[Callable[[], Source]]:
    """The files of weights of a tar."""
    found: list[Callable[[], Source]] = []
    try:
        with source.file() as file, tarfile.open(fileobj=file, mode="r:") as archive:
            for count, member in enumerate(archive):
                source.budget.step(100)
                if count > _MOST_MEMBERS:
                    raise Damaged(f"a tar of more than {_MOST_MEMBERS:,} files")
                if member.isreg() and not member.issparse() and weights_by_name(member.name):
                    found.append(
                        partial(source.window, member.offset_data, member.size, member.name)
                    )
    except tarfile.TarError as error:
        raise Damaged(f"a damaged tar: {error}") from None
    return found


# the first bytes, where they stand, and what the file is
_KNOWN = (
    (b"GGUF", 0, "GGUF, which llama.cpp reads: its models have no recurrent layers of torch"),
    (b"\x7fELF", 0, "a shared library or program"), (b"MZ", 0, "a library or program of Windows"),
    (b"\xcf\xfa\xed\xfe", 0, "a library or program of macOS"),
    (b"lCRF", 0, "a model of CRFsuite"), (b"#Parameter#", 0, "DyNet's parameters"),
    (b"#LookupParameter#", 0, "DyNet's parameters"),
    (b"7z\xbc\xaf\x27\x1c", 0, "a 7z archive"), (b"Rar!", 0, "a rar archive"),
    (b"\x28\xb5\x2f\xfd", 0, "a zstd archive"), (b"%PDF", 0, "a PDF"),
    (b"\x89PNG", 0, "a PNG picture"), (b"SQLite format 3", 0, "a database of SQLite"),
    (b"PAR1", 0, "a table of Parquet"), (b"\x93NUMPY", 0, "one array of NumPy"),
    (b"\x12\x01\x00", 0, "MXNet's parameters"),
)  # fmt: skip
_BY_NAME = {
    ".mlmodel": "Core ML", ".mlpackage": "Core ML", ".traineddata": "Tesseract's data",
    ".pdiparams": "Paddle's parameters", ".gguf": "GGUF",
    ".params": "MXNet's parameters", ".caffemodel": "Caffe",
    ".msgpack": "Flax's msgpack", ".pmml": "PMML", ".xml": "XML (OpenVINO keeps its graph so)",
    ".ort": "ONNX Runtime's own format", ".mar": "a model archive of TorchServe",
    ".distcp": "torch's distributed files", ".meta": "the graph of a checkpoint of TensorFlow",
}  # fmt: skip


def named(source: Source) -> str:
    """What a file is whose format is not read, or ''."""
    start, lower = source.start(32), source.name.lower()
    for magic, place, what in _KNOWN:
        if start[place:].startswith(magic):
            return what
    return next((what for ending, what in _BY_NAME.items() if lower.endswith(ending)), "")
