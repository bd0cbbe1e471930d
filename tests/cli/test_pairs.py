"""Every pair of options of every command: taken or refused, never a traceback, in either order.

The options are the live program's. `python tests/cli/test_pairs.py` prints the pairs of which one
option changes nothing beside the other, to be looked through by hand.
"""

import contextlib
import io
import itertools
import os
import random
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = map(str, Path(__file__).resolve().parents[1:3])

import numpy as np
import pytest
from commands import Command, Option, commands, sample, write_files

COMMANDS = [
    name for name in sorted(commands()) if name not in ("explore", "watch", "lsp")
]  # explore refuses a pipe first
SAMPLED = 40  # pairs of a command in the ordinary suite


def words(command: Command, option: Option) -> list[str]:
    return [option.words[0]] if option.flag else [option.words[0], sample(command.name, option)]


def start(command: Command) -> list[str]:
    """What the command needs to answer at all."""
    needed = [sample(command.name, a) for a in command.arguments if a.required]
    given = [word for o in command.options if o.required for word in words(command, o)]
    return [command.name, *needed, *given]


def pairs(command: Command) -> list[tuple[list[str], list[str]]]:
    """Every two options, and every option beside its opposite."""
    both = itertools.combinations(command.options, 2)
    opposites = [([o.words[0]], [o.words[-1]]) for o in command.options
                 if o.flag and len(o.words) == 2]  # fmt: skip
    return [(words(command, a), words(command, b)) for a, b in both] + opposites


class Program:
    """Runs command lines in a folder that holds the sample files, and nothing else."""

    def __init__(self, folder: Path) -> None:
        write_files(folder)
        self._folder, self._kept = folder, set(os.listdir(folder))
        self._known: dict[tuple[str, ...], tuple] = {}

    def __call__(self, *given: str) -> tuple:
        """The status, what was said, and the files that were written."""
        from rnnshape.cli import run_command

        if given not in self._known:
            out, err = io.StringIO(), io.StringIO()
            sys.stdin = io.StringIO('{"cell": "gru"}')
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                status = run_command(list(given))
            written = {}
            for name in set(os.listdir(self._folder)) - self._kept:
                path = self._folder / name
                written[name] = _content(path)
                path.unlink()
            said = (out.getvalue(), err.getvalue())
            assert status in (0, 1, 2), given
            assert bool(said[1]) == (status == 2), f"{given}: {said[1]}"
            assert not (status == 2 and (written or said[0])), given
            self._known[given] = (status, *said, tuple(sorted(written.items())))
        return self._known[given]


def _content(path: Path) -> object:
    """What a file holds; of an archive its arrays, not when they were written."""
    if path.suffix != ".npz":
        return path.read_bytes()
    with np.load(path) as arrays:
        return [(n, arrays[n].dtype.str, arrays[n].tobytes()) for n in arrays.files]


@pytest.fixture
def program(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", sys.stdin)
    return Program(tmp_path)


def check(program: Program, command: Command, chosen) -> None:
    for a, b in chosen:
        mended(program, *start(command), *a, *b)
        one, other = program(*start(command), *a, *b), program(*start(command), *b, *a)
        if {a[0], b[0]} in opposites(command):
            continue  # the later one wins
        assert one[0] == other[0], f"{command.name} {a} {b}"
        assert one == other or one[0] == 2, f"{command.name} {a} {b}"


def mended(program: Program, *given: str, most: int = 2) -> None:
    """Where the fix is a command it is taken, or refused for another reason with such a fix."""
    status, _, said, _ = program(*given)
    fix = said.partition("fix: ")[2]
    if status == 2 and fix.startswith(f"rnnshape {given[0]}"):
        for line in fix.partition("  #")[0].split(", or "):
            words = shlex.split(line)[1:]
            if words[:1] != [given[0]]:
                continue
            assert words != [*given] and program(*words)[2] != said, f"{given}: {said}"
            if most:
                mended(program, *words, most=most - 1)


def opposites(command: Command) -> list[set[str]]:
    return [set(option.words) for option in command.options if option.flag]


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_two_options_are_taken_or_refused_in_any_order(program, name):
    found = pairs(commands()[name])
    chosen = random.Random(0).sample(found, min(SAMPLED, len(found)))
    check(program, commands()[name], chosen)


@pytest.mark.live
@pytest.mark.parametrize("name", COMMANDS)
def test_every_two_options_are_taken_or_refused_in_any_order(program, name):
    check(program, commands()[name], pairs(commands()[name]))


def ignored(program: Program, command: Command) -> list[tuple[str, str]]:
    """The options that change nothing (beside ''), or nothing beside another where alone they do."""
    base = start(command)
    bare = program(*base)
    alone = {o.name: program(*base, *words(command, o)) for o in command.options}
    found = []
    for option in command.options:
        if alone[option.name] == bare:
            found.append((option.words[0], ""))
    for a, b in itertools.permutations(command.options, 2):
        if alone[a.name][0] == 2 or alone[a.name] == bare or alone[b.name][0] == 2:
            continue
        both = program(*base, *words(command, a), *words(command, b))
        if both[0] != 2 and both == alone[b.name]:
            found.append((a.words[0], b.words[0]))
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        run = Program(Path(folder))
        for name in COMMANDS:
            for option, beside in ignored(run, commands()[name]):
                print(f"{name:8} {option:24} {beside or 'alone'}")
        os.chdir("/")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder, exist_ok=True)
