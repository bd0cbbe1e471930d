"""Where a command's words go: standard output, or a file that is written whole or not at all."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from typing import IO, TYPE_CHECKING, Any

from ..errors import UsageError
from ..show.screen import encodable
from .options import reason

if TYPE_CHECKING:
    from ..show.notation import Line

_LINES_A_WRITE = 512


def write_lines(lines: Iterable[str], path: str | None = None) -> None:
    """Lines of a document, to a file or to standard output as they come.

    A document is UTF-8 wherever it goes, but for a terminal, which shows what it can.
    """
    if path is not None:
        write_file(path, lambda file: _stream(lines, lambda text: file.write(text.encode())))
        return
    stream = sys.stdout
    if stream.isatty() or not hasattr(stream, "buffer"):
        _stream(lines, lambda text: stream.write(encodable(text, stream)))
        return
    stream.flush()
    _stream(lines, lambda text: stream.buffer.write(text.encode()))


def write_json(document: Mapping[str, Any], path: str | None = None) -> None:
    """One JSON document, to a file or to standard output."""
    from json import dumps

    write_lines([dumps(document)], path)


def write_text(lines: Iterable[Line], path: str | None = None) -> None:
    """Lines of text, to a file, or to standard output in colour where it takes colour."""
    from ..show.screen import plain_lines, put

    if path is None:
        put(lines)
    else:
        write_lines(plain_lines(lines), path)


def _stream(lines: Iterable[str], write: Callable[[str], Any]) -> None:
    waiting: list[str] = []
    for line in lines:
        waiting.append(line)
        if len(waiting) == _LINES_A_WRITE:
            write("\n".join(waiting) + "\n")
            waiting.clear()
    if waiting:
        write("\n".join(waiting) + "\n")


def write_file(path: str, write: Callable[[Any], Any]) -> None:
    """Let `write` fill a new file that then takes the place of `path`.

    What is no ordinary file (a pipe, /dev/stdout) is written directly. Raises UsageError.
    """
    if path == "-":
        write(_Forward(sys.stdout.buffer))
        return
    name = None
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            with open(path, "wb") as file:
                write(_Forward(file))
            return
        target = os.path.realpath(path)
        handle, name = tempfile.mkstemp(prefix=".rnnshape-", dir=os.path.dirname(target))
        with os.fdopen(handle, "wb") as file:
            write(file)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, target)
        name = None
    except BrokenPipeError:  # /dev/stdout | head
        raise
    except OSError as error:
        raise UsageError(
            "output: expected a file that can be written",
            got=f"{path!r}: {reason(error)}",
            fix="name a file in a folder that you may write to",
        ) from None
    finally:
        if name is not None:
            os.unlink(name)


class _Forward(io.RawIOBase):
    """A file that is only written on: a device such as /dev/null says falsely that it can seek."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._file.write(data)


def write_arrays(path: str, arrays: Mapping[str, Any]) -> None:
    """Arrays as a .npz file."""
    import numpy as np

    named = dict(arrays)
    write_file(path, lambda file: np.savez(file, **named))
