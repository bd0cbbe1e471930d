"""The programs of a project: which files are meant, what its pyproject.toml says of them."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import UsageError

SUFFIXES = (".py", ".ipynb")
SKIPPED = {"node_modules", "__pycache__", "site-packages", "build", "dist"}
LARGEST = 2_000_000  # bytes of one program
FIELDS = ("set", "shape", "ignore", "exclude")
_IGNORED = re.compile(r"#\s*rnnshape:\s*ignore(?:\[([\w\s,-]*)\])?")
_RECURRENT = re.compile(r"\b(?:RNN|LSTM|GRU)(?:Cell)?\b")


@dataclass(frozen=True)
class Settings:
    """The table [tool.rnnshape] of a pyproject.toml.

    set and shape: as --set and --shape have them, NAME=VALUE. ignore: ids that are not told.
    exclude: files and folders that are left out, as globs from the table's folder.
    """

    set: tuple[str, ...] = ()
    shape: tuple[str, ...] = ()
    ignore: frozenset[str] = field(default_factory=frozenset)
    exclude: tuple[str, ...] = ()
    folder: Path = Path()


def settings(start: Path) -> Settings:
    """What the nearest pyproject.toml above `start` says. Raises UsageError."""
    for folder in (start.absolute(), *start.absolute().parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            try:
                table = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
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
        name: tuple(f"{key}={value}" for key, value in plain.get(name, {}).items())
        for name in ("set", "shape")
    }
    ignored, excluded = (tuple(map(str, plain.get(n, ()))) for n in ("ignore", "exclude"))
    return Settings(**pairs, ignore=frozenset(ignored), exclude=excluded, folder=folder)


def sources(paths: Sequence[str], exclude: Sequence[str] = ()) -> Iterator[Path]:
    """The programs among files and folders, in order; in a folder those that git does not ignore.

    A file that is named is always meant. Raises UsageError for a path that is not there.
    """
    for name in paths:
        path = Path(name)
        if path.is_dir():
            yield from (p for p in _held(path) if not any(p.match(glob) for glob in exclude))
        elif path.is_file():
            yield path
        else:
            raise UsageError(
                f"{name}: expected a file or a folder",
                got="no such path" if not path.exists() else "something else",
                fix="rnnshape check model.py, or rnnshape check src/",
            )


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
    return [path for path in paths if path.is_file()]


def _walked(folder: Path) -> Iterator[Path]:
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in SKIPPED
            and not Path(here, name, "pyvenv.cfg").exists()
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


def without_ignored(
    document: dict[str, Any], lines: Sequence[str], ignored: frozenset[str]
) -> dict[str, Any]:
    """The document of a program without the findings that its lines or the project leave out."""

    def stays(finding: dict[str, Any]) -> bool:
        at = finding["line"] - 1
        here = ignored_ids(lines[at]) if 0 <= at < len(lines) else None
        left = finding["id"] in ignored or (
            here is not None and (not here or finding["id"] in here)
        )
        return not left

    kept = {name: [f for f in document[name] if stays(f)] for name in ("problems", "warnings")}
    verdict = document["verdict"]
    if verdict == "does not fit" and not kept["problems"]:
        verdict = "unknown"  # what comes behind an ignored problem was not followed
    return {**document, **kept, "verdict": verdict}
