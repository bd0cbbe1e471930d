"""The programs of a project: which files are meant, what its pyproject.toml says of them."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import UsageError
from .interpreter import Told
from .source import split
from .values import Unknown

if TYPE_CHECKING:
    from .follow import Followed

SUFFIXES = (".py", ".ipynb")
SKIPPED = {"node_modules", "__pycache__", "site-packages", "build", "dist"}
LARGEST = 2_000_000  # bytes of one program
FIELDS = ("set", "shape", "ignore", "exclude")
_IGNORED = re.compile(r"#\s*rnnshape:\s*ignore(?:\[([\w\s,-]*)\])?")
_RECURRENT = re.compile(r"\b(?:RNN|LSTM|GRU)(?:Cell)?\b")


@dataclass(frozen=True)
class Settings:
    """The table [tool.rnnshape] of a pyproject.toml.

    set and shape: name and value as --set and --shape have them. ignore: ids that are not told.
    exclude: files and folders that are left out, as globs from the table's folder.
    """

    set: tuple[tuple[str, str], ...] = ()
    shape: tuple[tuple[str, str], ...] = ()
    ignore: frozenset[str] = field(default_factory=frozenset)
    exclude: tuple[str, ...] = ()
    folder: Path = Path()

    def with_options(
        self, sets: Sequence[tuple[str, str]], shapes: Sequence[tuple[str, str]]
    ) -> Settings:
        """The same with what a command line says, which wins."""
        return replace(self, set=(*self.set, *sets), shape=(*self.shape, *shapes))


def settings(start: Path) -> Settings:
    """What the nearest pyproject.toml above `start` says. Raises UsageError."""
    for folder in (start.absolute(), *start.absolute().parents):
        path = folder / "pyproject.toml"
        if os.path.isfile(path):
            try:
                table = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
            except (
                OSError,
                ValueError,
                RecursionError,
            ) as error:  # a TOMLDecodeError is a ValueError
                raise UsageError(
                    f"{path.name}: expected TOML", got=str(error), fix="mend that line"
                ) from None
            return _settings(table.get("rnnshape", {}) if isinstance(table, dict) else {}, folder)
    return Settings()


def _settings(table: Any, folder: Path) -> Settings:
    plain = table if isinstance(table, dict) else {"rnnshape": table}
    for name, value in plain.items():
        fits = isinstance(value, dict if name in ("set", "shape") else list)
        if name not in FIELDS or not fits:
            raise UsageError(
                "pyproject.toml, [tool.rnnshape]: expected the tables set and shape and the lists "
                "ignore and exclude",
                got=f"{name} = {value!r}"[:80],
                fix='set = {hidden = 80}, shape = {x = "N,T,10"}, ignore = ["last-step"]',
            )
    pairs = {
        name: tuple((key, str(value)) for key, value in plain.get(name, {}).items())
        for name in ("set", "shape")
    }
    ignored, excluded = (tuple(map(str, plain.get(n, ()))) for n in ("ignore", "exclude"))
    return Settings(**pairs, ignore=frozenset(ignored), exclude=excluded, folder=folder)


class Program(NamedTuple):
    """A program to follow."""

    path: Path
    entry: str = ""
    named: bool = True  # on the command line, not found in a folder


def sources(programs: Sequence[str], exclude: Sequence[str] = ()) -> Iterator[Program]:
    """The programs among files and folders, in order; in a folder those that git does not ignore.

    A file that is named is always meant. Raises UsageError at once for a path that is not there.
    """
    parts = [(Path(file), entry) for file, entry in map(split, programs)]
    for path, entry in parts:
        folder = os.path.isdir(path) and not entry
        if not (os.path.isfile(path) or (folder and os.access(path, os.R_OK | os.X_OK))):
            other = "one that may not be read" if folder else "something else"
            raise UsageError(
                f"{path}: expected a file or a folder",
                got=other if os.path.exists(path) else "no such path",
                fix="rnnshape check model.py, or rnnshape check src/",
            )
    for path, entry in parts:
        if os.path.isdir(path):
            held = (p for p in _held(path) if not any(p.match(glob) for glob in exclude))
            yield from (Program(p, named=False) for p in held)
        else:
            yield Program(path, entry)


def _held(folder: Path) -> list[Path]:
    asked = ["git", "-C", str(folder), "ls-files", "-z", "--cached", "--others"]
    try:
        told = subprocess.run(
            [*asked, "--exclude-standard"], capture_output=True, timeout=30, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):  # no git, or no repository
        return sorted(_walked(folder))
    names = {os.fsdecode(name) for name in told.split(b"\0") if name}
    paths = (folder / name for name in sorted(names) if name.endswith(SUFFIXES))
    return [path for path in paths if os.path.isfile(path)]


def _walked(folder: Path) -> Iterator[Path]:
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in SKIPPED
            and not os.path.exists(os.path.join(here, name, "pyvenv.cfg"))
        )
        yield from (Path(here, name) for name in files if name.endswith(SUFFIXES))


def recurrent(text: str) -> bool:
    """Whether a file may hold a recurrent layer of torch: else it need not be followed."""
    return "torch" in text and _RECURRENT.search(text) is not None


def ignored_ids(line: str) -> frozenset[str] | None:
    """What `# rnnshape: ignore[last-step]` on a line leaves out; empty for all, None for none."""
    found = _IGNORED.search(line)
    if found is None:
        return None
    return frozenset(word.strip() for word in (found[1] or "").split(",") if word.strip())


def heeded(followed: Followed, findings: Sequence[Any], ignored: frozenset[str]) -> list[Any]:
    """The problems or warnings of a program that neither the project nor their own line leaves out.

    findings: with an id and a place.
    """

    def stays(finding: Any) -> bool:
        source = followed.sources.get(finding.place.file)
        at = finding.place.line - 1
        lines = source.lines if source else []
        here = ignored_ids(lines[at]) if 0 <= at < len(lines) else None
        return finding.id not in ignored and (
            here is None or (bool(here) and finding.id not in here)
        )

    return [finding for finding in findings if stays(finding)]


def without_problem(followed: Followed) -> Followed:
    """A program whose problem is left out: what comes behind it is not known."""
    problem = followed.problem
    if problem is None:
        return followed
    what = "what comes behind a problem that its line leaves out"
    told = Told(problem.place.file, problem.place.line, what, True)
    return replace(followed, problem=None, result=Unknown(what), unsure=[*followed.unsure, told])
