"""Where a command's words go: standard output, or a file that is written whole or not at all."""

from __future__ import annotations

import io
import os
import signal
import stat
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from errno import EACCES
from itertools import islice
from shutil import copyfileobj
from time import monotonic
from typing import IO, TYPE_CHECKING, Any, TypeVar

from ..errors import UsageError, one_line
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

    if path is not None:
        write_lines(plain_lines(lines), path)
    elif (pager := _pager()) is None:
        put(lines)
    else:
        _page(lines, pager)


def _pager() -> str | None:
    """The program that a person reads long texts with, where standard output is a terminal."""
    pager = os.environ.get("PAGER", "")
    dumb = os.environ.get("TERM") == "dumb"
    return None if pager.strip() in ("", "cat") or dumb or not sys.stdout.isatty() else pager


def _page(lines: Iterable[Line], pager: str) -> None:
    """Lines on the screen where it holds them all, else through the pager; less keeps colours."""
    import subprocess
    from itertools import chain

    from ..show.screen import columns_of, rows_of, shown

    width, rows = columns_of(sys.stdout), rows_of(sys.stdout)
    rest = iter(shown(lines, sys.stdout, width))
    first = list(islice(rest, rows - 1))
    more = next(rest, None)
    if more is None:
        sys.stdout.write("".join(first))
        return
    sys.stdout.flush()
    environment = {"LESS": "FRX", "LV": "-c", **os.environ}
    with subprocess.Popen(
        pager, shell=True, stdin=subprocess.PIPE, encoding="utf-8", env=environment
    ) as reader:
        assert reader.stdin is not None
        with suppress(BrokenPipeError):
            for line in chain(first, [more], rest):
                reader.stdin.write(line)
        with suppress(BrokenPipeError):
            reader.stdin.close()


def write_notes(notes: Iterable[str]) -> None:
    """What is to be known beside the answer, on standard error."""
    for note in notes:
        sys.stderr.write(encodable(f"note: {one_line(note)}\n", sys.stderr))


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

    The new file has the mode and the owner of the old one. What has other names (hard links) or an
    owner that cannot be given is written in place, once all is there and the disk has room for it;
    what is no ordinary file (a pipe, /dev/stdout), directly. Raises UsageError.
    """
    if path == "-":
        if not hasattr(sys.stdout, "buffer"):  # a text that is kept, as a notebook's
            raise UsageError("-o -: expected a standard output that takes bytes",
                             got=type(sys.stdout).__name__, fix="-o FILE")  # fmt: skip
        write(_Forward(sys.stdout.buffer))
        return
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            from ..programs.source import opened

            with opened(path, "wb") as file:
                write(_Forward(file))
            return
        target = os.path.realpath(path)
        old = os.stat(target) if os.path.exists(target) else None
        if old is not None and not (old.st_mode & 0o222 and os.access(target, os.W_OK)):
            raise PermissionError(EACCES, "it may only be read")
        with _unlinked_at_the_end(target) as (handle, name):
            with os.fdopen(handle, "wb") as file:
                write(file)
            if old is not None and not _takes_place_of(name, old):
                _copied_into(name, target)
                return
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(name, 0o666 & ~umask if old is None else stat.S_IMODE(old.st_mode))
            os.replace(name, target)
    except BrokenPipeError:  # /dev/stdout | head
        raise
    except OSError as error:
        raise UsageError(
            "output: expected a file that can be written",
            got=f"{path!r}: {reason(error)}",
            fix="name a file in a folder that you may write to",
        ) from None


@contextmanager
def _unlinked_at_the_end(target: str) -> Iterator[tuple[int, str]]:
    """A new file beside `target`, gone at the end unless it was renamed, also where a signal comes
    that ends the process.
    """
    name = ""

    def end(number: int, _: Any) -> None:
        with suppress(OSError):
            os.unlink(name)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    ours = threading.current_thread() is threading.main_thread()
    names = [n for n in ("SIGTERM", "SIGHUP", "SIGQUIT") if ours and hasattr(signal, n)]
    numbers = [getattr(signal, n) for n in names]
    held = [number for number in numbers if signal.getsignal(number) == signal.SIG_DFL]
    waits = hasattr(signal, "pthread_sigmask")
    late = [*held, signal.SIGINT]
    if waits:  # none comes between a file and its name
        signal.pthread_sigmask(signal.SIG_BLOCK, late)
    try:
        for number in held:
            signal.signal(number, end)
        handle, name = tempfile.mkstemp(prefix=".rnnshape-", dir=os.path.dirname(target))
        if waits:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, late)
        yield handle, name
    finally:
        if waits:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, late)
        with suppress(FileNotFoundError):
            os.unlink(name)
        for number in held:
            signal.signal(number, signal.SIG_DFL)


def _takes_place_of(name: str, old: os.stat_result) -> bool:
    """Whether a new file can be what the old one is: with no other names, and of the same owner."""
    if old.st_nlink > 1:
        return False
    new = os.stat(name)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        try:
            os.chown(name, old.st_uid, old.st_gid)
        except (OSError, AttributeError):
            return False
    return True


def _copied_into(name: str, target: str) -> None:
    """The bytes of one file in place of another's; there is room before any is written."""
    with open(name, "rb") as source, open(target, "r+b") as file:
        size = os.fstat(source.fileno()).st_size
        if size and hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        copyfileobj(source, file)
        file.truncate(size)


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


T = TypeVar("T")

_PATIENCE = 0.7  # seconds; shorter work says nothing
_LOOK = 256  # items between two looks at the clock


def watched(to_file: bool) -> bool:
    """Whether to show progress: standard error is a terminal and no pipe takes the output.

    to_file: the output goes to a file of its own, or comes only when the work is done; else it
    is written to standard output meanwhile, which then must be a file.
    """
    if os.environ.get("TERM") == "dumb" or not _is_terminal(sys.stderr):
        return False
    try:
        mode = os.fstat(sys.stdout.fileno()).st_mode
    except (AttributeError, OSError, ValueError):
        return False
    return stat.S_ISREG(mode) or (to_file and not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)))


def counted(items: Iterable[T], total: int | None, what: str, to_file: bool) -> Iterator[T]:
    """`items` as they come, with a bar of `total` where that is known."""
    return _counted(items, total, what) if watched(to_file) else iter(items)


def _counted(items: Iterable[T], total: int | None, what: str) -> Iterator[T]:
    begun, bar, task = monotonic(), None, None
    try:
        for number, item in enumerate(items):
            yield item
            if number % _LOOK == 0 and monotonic() - begun > _PATIENCE:
                if bar is None:
                    bar = _bar(counts=True)
                    task = bar.add_task(what, total=total)
                    bar.start()
                bar.update(task, completed=number)
    finally:
        if bar is not None:
            bar.stop()


def patient(lines: Iterable[T], what: str) -> Iterator[T]:
    """`lines` as they come, some at a time, with a sign of life while none does."""
    rest = iter(lines)
    while True:
        with waiting(what):
            some = list(islice(rest, _LINES_A_WRITE))
        if not some:
            return
        yield from some


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """A sign of life while work goes on that nobody can count; its result comes afterwards."""
    if not watched(to_file=True):
        yield
        return
    bars: list[Any] = []
    done = threading.Event()

    def begin() -> None:
        if not done.is_set():
            bars.append(_bar(counts=False))
            bars[0].add_task(what, total=None)
            bars[0].start()

    timer = threading.Timer(_PATIENCE, begin)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        done.set()
        timer.cancel()
        timer.join()
        for bar in bars:
            bar.stop()


def _bar(counts: bool) -> Any:
    """A bar that leaves nothing behind."""
    from rich import progress
    from rich.console import Console

    rest = (
        (progress.MofNCompleteColumn(), progress.TimeRemainingColumn())
        if counts
        else (progress.TimeElapsedColumn(),)
    )
    columns = (progress.TextColumn("{task.description}"), progress.BarColumn(), *rest)
    return progress.Progress(*columns, console=Console(stderr=True), transient=True)


def _is_terminal(stream: Any) -> bool:
    return hasattr(stream, "isatty") and bool(stream.isatty())
