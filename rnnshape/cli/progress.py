"""How far long work has come, on standard error, where a person watches it in a terminal."""

from __future__ import annotations

import os
import stat
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, TypeVar

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
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    rest = [MofNCompleteColumn(), TimeRemainingColumn()] if counts else [TimeElapsedColumn()]
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *rest,
        console=Console(stderr=True),
        transient=True,
    )


def _is_terminal(stream: Any) -> bool:
    return hasattr(stream, "isatty") and bool(stream.isatty())
