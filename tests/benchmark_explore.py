"""How fast the explorer is, as a person at a terminal finds it: both ends of a pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmark import Figure

EMPTY = """
from textual.app import App
from textual.widgets import Static
class Empty(App):
    def compose(self):
        yield Static("ready")
Empty().run()
"""
_QUIET = 0.06  # seconds without output after which an answer is taken to be complete
_PATIENCE = 30.0


class Terminal:
    """A program that runs on a terminal of its own."""

    def __init__(self, arguments: list[str], rows: int = 24, columns: int = 80) -> None:
        size = struct.pack("HHHH", rows, columns, 0, 0)
        self._process, self._end = pty.fork()
        if self._process == 0:
            os.environ["TERM"] = "xterm-256color"
            fcntl.ioctl(0, termios.TIOCSWINSZ, size)
            os.execv(sys.executable, [sys.executable, *arguments])
        fcntl.ioctl(self._end, termios.TIOCSWINSZ, size)

    def until(self, mark: bytes) -> None:
        """Read until `mark` is on the screen. Raises TimeoutError."""
        seen, end = b"", time.monotonic() + _PATIENCE
        while mark not in seen:
            if not self._ready(end - time.monotonic()):
                raise TimeoutError(f"the terminal never showed {mark!r}")
            seen = seen[-200:] + os.read(self._end, 65536)

    def answer(self, key: bytes) -> float:
        """Milliseconds from a key to the last change that it makes on the screen."""
        begun = last = time.perf_counter()
        os.write(self._end, key)
        wait = 5.0
        while self._ready(wait):
            os.read(self._end, 65536)
            last, wait = time.perf_counter(), _QUIET
        return 1000 * (last - begun)

    def rest(self) -> None:
        """Wait until nothing changes any more."""
        while self._ready(1.0):
            os.read(self._end, 65536)

    def _ready(self, seconds: float) -> bool:
        return bool(select.select([self._end], [], [], max(0.0, seconds))[0])

    def close(self) -> None:
        """End the program."""
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        os.close(self._end)


@contextmanager
def _terminal(arguments: list[str], rows: int = 24, columns: int = 80) -> Iterator[Terminal]:
    terminal = Terminal(arguments, rows, columns)
    try:
        yield terminal
    finally:
        terminal.close()


def first_frame(arguments: list[str], mark: bytes) -> float:
    """Seconds from the start of a process to its first frame."""
    begun = time.perf_counter()
    with _terminal(arguments) as terminal:
        terminal.until(mark)
        return time.perf_counter() - begun


def exploring(rounds: int) -> list[Figure]:
    """The first frame, and a key at T = 1,000 and 8 layers."""
    ours, empty = ["-m", "rnnshape", "explore", "--layers", "3"], ["-c", EMPTY]
    # the picture is the first frame; the line of keys, which Textual composes then, comes after it
    first_frame(ours, b"hn[2]"), first_frame(empty, b"ready")
    frames = [first_frame(ours, b"hn[2]") / first_frame(empty, b"ready") for _ in range(rounds)]
    figures = [Figure("explore: first frame by an empty Textual program",
                      statistics.median(frames), "ratio", 1.4)]  # fmt: skip
    large = ["-m", "rnnshape", "explore", "--layers", "8", "--seq-len", "1000"]
    keys = [b"\x1b[C", b"\x1b[A", b"\x1b[C", b".", b"d", b"c"] * 5  # right, up, next, toggles
    for name, more in (("in shapes", []), ("in numbers", ["--values"])):
        with _terminal([*large, *more], 50, 200) as terminal:
            terminal.until(b"quit")
            terminal.rest()
            taken = [terminal.answer(key) for key in (keys if not more else keys[:3] * 10)]
        figures.append(
            Figure(f"explore: a key at T = 1,000 and 8 layers, {name}, ms",
                   statistics.median(taken), "ms", 50)
        )  # fmt: skip
    with _terminal([*large, "--values"], 50, 200) as terminal:
        terminal.until(b"quit")
        terminal.rest()
        terminal.answer(b"f")  # the size of the gradient at each h
        terminal.rest()
        moves = [terminal.answer(key) for key in (b"\x1b[C", b"\x1b[A", b"\x1b[D") * 6]
    figures.append(Figure("explore: a move with the gradient shown, worst of 18, ms",
                          max(moves), "ms", 50))  # fmt: skip
    return figures
