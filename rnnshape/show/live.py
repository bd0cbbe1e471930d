"""A running program, watched, and what is told of it at its end."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from ..doctor.followed import Complaint, diagnose
from ..errors import UsageError
from ..programs.follow import Followed, Request
from ..programs.watch import Watch
from .program import diagnosed
from .screen import columns_of, put
from .text.program import program_text


def watch(model: Any = None) -> Watch:
    """Show the lines that run in a `with` block, with the shapes that really pass, on stderr.

    model: its layers are told by the names that they have in it. An exception goes on as it was,
    after what is known of it. Needs torch: raises UsageError without.
    """
    names = {} if model is None else {m: name for name, m in model.named_modules() if name}
    return Watch(end=lambda followed: _tell(followed, "", sys.stderr), names=names)


def run_script(file: str, arguments: Sequence[str]) -> int:
    """Run a Python file as its own program and tell its lines on stderr; its exit status.

    Raises UsageError for a file that is none, or where torch is missing.
    """
    import runpy

    path = Path(file)
    if not os.path.isfile(path):
        raise UsageError(
            "watch: expected a Python file", got=f"{file}, which is no file",
            fix="rnnshape watch train.py",
        )  # fmt: skip
    seen: list[Followed] = []
    watched = Watch(str(path), end=seen.append)
    sys.argv[:] = [file, *arguments]
    sys.path.insert(0, str(path.resolve().parent))
    lines: list[str] = []
    try:
        with watched:
            runpy.run_path(str(path), run_name="__main__")
    except SystemExit as stop:
        status = _status(stop)
    except BaseException as raised:
        status = 130 if isinstance(raised, KeyboardInterrupt) else 1
        lines = _own_traceback(raised, path)
    else:
        status = 0
    sys.stdout.flush()
    sys.stderr.write("".join(lines))
    _tell(seen[0], file, sys.stderr)
    return status


def _status(stop: SystemExit) -> int:
    """The exit status that Python gives a SystemExit; a text is told on stderr."""
    if stop.code is None or isinstance(stop.code, int):
        return stop.code or 0
    sys.stderr.write(f"{stop.code}\n")
    return 1


def _own_traceback(error: BaseException, path: Path) -> list[str]:
    """The traceback as the program alone would have it: from its own first frame on."""
    step = error.__traceback__
    while step is not None and not _is(step.tb_frame.f_code.co_filename, path):
        step = step.tb_next
    return traceback.format_exception(type(error), error, step or error.__traceback__)


def _is(name: str, path: Path) -> bool:
    try:
        return os.path.samefile(name, path)
    except OSError:
        return False


def _tell(followed: Followed, file: str, stream: TextIO) -> None:
    """The lines, and what is wrong with them; with the mend that was tried on the same mistake
    where the script, followed without running, has it too."""
    found = diagnose(followed)
    if file and followed.source.text and (found.problems or found.warnings):
        read = diagnosed(Request(followed.source))
        mended = {_key(c): c for _, d in read for c in (*d.problems, *d.warnings) if c.edits}
        problems, warnings = (
            [mended.get(_key(c), c) for c in complaints]
            for complaints in (found.problems, found.warnings)
        )
        found = replace(found, problems=problems, warnings=warnings)
    put(program_text([(followed, found)], file, columns_of(stream)), stream)


def _key(complaint: Complaint) -> tuple[Any, ...]:
    return complaint.torch or complaint.id, complaint.place.line
