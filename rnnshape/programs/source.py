"""The text of a program: a file, a notebook's code cells, or stdin, as a syntax tree."""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import stat
import sys
import warnings
from bisect import bisect_right
from dataclasses import dataclass
from errno import EINVAL, ENXIO
from pathlib import Path
from threading import current_thread, main_thread
from typing import IO, Any, Literal

from ..errors import UsageError, quoted

LARGEST = 8_000_000  # signs
LARGEST_NOTEBOOK = 40_000_000  # the pictures that it shows are in it
MOST_PARTS = 200_000  # names, numbers, strings, brackets: Python's tree takes 1 to 2 kB for each

_PATIENCE = 3.0  # seconds


@dataclass(frozen=True)
class Source:
    """A file's name, its text as Python (a notebook's cells put together), and its tree."""

    name: str
    text: str
    tree: ast.Module
    path: str = ""  # where it lies, for what it imports from beside it
    cells: tuple[int, ...] = ()  # of a notebook: the line at which each code cell begins

    @property
    def lines(self) -> list[str]:
        """The lines, the first at 0."""
        return self.text.split("\n")

    def place(self, line: int) -> str:
        """`model.py:12`; of a notebook with the code cell, and the line in it."""
        cell = bisect_right(self.cells, line)
        within = f" (code cell {cell}, line {line - self.cells[cell - 1] + 1})" if cell else ""
        return f"{self.name}:{line}{within}"


def opened(path: str, mode: Literal["rb", "wb"] = "rb") -> IO[bytes]:
    """A file, or a pipe at whose other end is somebody within some seconds. Raises OSError, also
    for a device to read from: it may never end.
    """

    def give_up(*_: Any) -> None:
        raise OSError(ENXIO, "a pipe that nobody " + ("writes to" if mode == "rb" else "reads"))

    named_pipe = os.path.exists(path) and stat.S_ISFIFO(os.stat(path).st_mode)
    timed = named_pipe and hasattr(signal, "setitimer") and current_thread() is main_thread()
    before = signal.signal(signal.SIGALRM, give_up) if timed else None
    try:
        if timed:
            signal.setitimer(signal.ITIMER_REAL, _PATIENCE)
        file = open(path, mode)  # noqa: SIM115
    finally:
        if timed:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
    kind = os.fstat(file.fileno())
    endless = stat.S_ISCHR(kind.st_mode) and not os.path.samestat(kind, os.stat(os.devnull))
    if mode == "rb" and endless and not file.isatty():
        file.close()
        raise OSError(EINVAL, "a device, which may never end")
    return file


def split(program: str) -> tuple[str, str]:
    """The file and the entry of FILE.py:Class."""
    match = re.fullmatch(r"(.*\.(?:py|ipynb|md)|-)(?::([\w.]+))?", program, re.S)
    return (match[1], match[2] or "") if match else (program, "")


def read(path: str) -> str:
    """The text of a file; of stdin for `-`. Raises UsageError."""
    if path == "-":
        if sys.stdin is None:
            raise UsageError(
                "program: expected something on standard input", got="a closed input",
                fix="give the name of a file",
            )  # fmt: skip
        return sys.stdin.read(LARGEST)
    try:
        with opened(path) as file:
            largest = LARGEST_NOTEBOOK if path.endswith(".ipynb") else LARGEST
            data = file.read(largest + 1)
    except (OSError, ValueError) as error:
        raise UsageError(
            "program: expected a Python file or a notebook that can be read",
            got=f"{_shown(path)} ({getattr(error, 'strerror', None) or 'no such file'})",
            fix=f"rnnshape check {quoted(path)} follows the programs of a folder"
            if os.path.isdir(path)
            else "give the path of a .py or .ipynb file, or - to read from stdin",
        ) from None
    if len(data) > largest:
        raise UsageError(
            f"program: expected a file of at most {largest:,} bytes", got="more",
            fix="give the file that defines the network",
        )  # fmt: skip
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        if b"\0" in data[:4096]:
            raise UsageError(
                "program: expected a text file of Python", got=f"{_shown(path)}, which is binary",
                fix="for a checkpoint: rnnshape inspect FILE",
            ) from None  # fmt: skip
        return data.decode("latin-1")


def source_of(text: str, name: str, path: str = "") -> Source:
    """The tree of a text. Raises UsageError where it is no Python, with the line."""
    cells: tuple[int, ...] = ()
    if name.endswith(".ipynb"):
        text, cells = _notebook(text, name)
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", " ")
    if name == "-" and text.lstrip()[:1] == "{" and '"cells"' in text:
        text, cells = _notebook(text, name)
    elif name.endswith(".md"):
        text = _fenced(text)
    if len(re.findall(r"\b\w|[\[({]|[\"'](?=\W)", text)) > MOST_PARTS:
        raise UsageError(
            f"{_shown(name)}: expected at most {MOST_PARTS:,} names, numbers and brackets",
            got="more", fix="keep data in a file of its own, such as .json or .npy",
        )  # fmt: skip
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except SyntaxError as error:
        raise _no_python(error, text, relative(path) or name) from None
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        raise UsageError(
            f"{_shown(name)}: expected Python", got=str(error)[:80] or type(error).__name__,
            fix="give a file that python can compile",
        ) from None  # fmt: skip
    return Source(name, text, tree, path, cells)


def relative(path: str) -> str:
    """A path as a person in this folder would write it."""
    return os.path.relpath(path) if Path.cwd() in Path(path).parents else path


def _fenced(text: str) -> str:
    """The blocks of Python in a Markdown text; every line stays where it stands."""
    rows, fence, python = [], "", False
    for row in text.split("\n"):
        bare = row.strip()
        if fence and bare.startswith(fence) and not bare.strip(fence[0]):
            fence = ""
        elif not fence and (opened := re.match(r"(```+|~~~+)\s*(\w*)", bare)):
            fence, python = opened[1], opened[2] in ("python", "py")
        elif fence and python:
            rows.append(row)
            continue
        rows.append("")
    return "\n".join(rows)


def _shown(name: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in name)[:200]


def _no_python(error: SyntaxError, text: str, name: str) -> UsageError:
    lines = text.split("\n")
    at = error.lineno or 1
    line = lines[at - 1].strip() if at <= len(lines) else ""
    shown = _shown(line)[:100]
    old = r"(?m)^\s*print\s+[^(=\s]|^\s*print\s*$|\bexcept\s+\w+\s*,\s*\w+\s*:|\bxrange\s*\(.*`"
    told = re.search("print|except", error.msg or "") or re.match(r"(print|exec)\b", line)
    if told and re.search(old, text):
        return UsageError(
            f"{_shown(name)}: expected Python 3", got=f"Python 2 in line {at}: {shown}",
            fix=f"2to3 -w {quoted(name)}, with Python 3.12 or older",
        )  # fmt: skip
    return UsageError(
        f"{_shown(name)}: expected Python", got=f"line {at}: {shown or '(empty)'} ({error.msg})",
        fix=f"mend line {at}: python -m py_compile {quoted(name)} shows the same",
    )  # fmt: skip


def _notebook(text: str, name: str) -> tuple[str, tuple[int, ...]]:
    """The code cells of a notebook, in order, and the line at which each begins; magics and shell
    lines are left out (empty)."""
    try:
        plain: Any = json.loads(text)
        cells = plain["cells"] if "cells" in plain else plain["worksheets"][0]["cells"]
        parts: list[str] = []
        starts, end = [], 1
        for cell in cells:
            if cell.get("cell_type") != "code":
                continue
            body = cell.get("source", cell.get("input", ""))
            body = "".join(body) if isinstance(body, list) else str(body)
            if body.lstrip().startswith("%%") and not re.match(r"\s*%%(time|timeit|capture)", body):
                starts.append(end)
                continue
            body = body.replace("\r\n", "\n").replace("\r", "\n")
            starts.append(end)
            parts.append("\n".join(_plain(line) for line in body.split("\n")))
            end += parts[-1].count("\n") + 2
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        raise UsageError(
            f"{_shown(name)}: expected a Jupyter notebook", got="no JSON with cells",
            fix="save it anew as .ipynb, or as a .py file",
        ) from None  # fmt: skip
    return "\n\n".join(parts) + "\n", tuple(starts)


def _plain(line: str) -> str:
    bare = line.lstrip()
    if bare.startswith(("%", "!")) or re.match(r"\?|\w[\w.]*\?{1,2}$", bare):
        return line[: len(line) - len(bare)] + "pass"
    return line
