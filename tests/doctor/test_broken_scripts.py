"""Scripts that are broken in one way each: `explain` names the cause, and its mend makes them run.

The first line of each script in fixtures/broken/ names its cause. Beside it lies what it printed
under torch (fixtures/record_broken.py).
"""

import importlib.util
import json
import subprocess
import sys

import pytest
from conftest import ROOT

from rnnshape.doctor.explain import explain

FOLDER = ROOT / "fixtures" / "broken"
SCRIPTS = sorted(FOLDER.glob("*.py"))


def cause_of(script) -> str:
    return script.read_text(encoding="utf-8").split("\n")[0].removeprefix("# cause: ")


def source(file: str) -> str | None:
    path = FOLDER / file
    return path.read_text(encoding="utf-8") if path.is_file() else None


def mended(script: str, cause: dict) -> str:
    """The script with the lines that the mend replaces taken out, and its code put there.

    The code has no indentation of its own; it takes that of the lines it stands for.
    """
    lines, replaces = script.split("\n"), cause["replaces"]
    first, count = replaces["line"] - 1, replaces["text"].count("\n") + 1
    margin = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
    new = [margin + line if line else line for line in cause["code"].split("\n")]
    return "\n".join([*lines[:first], *new, *lines[first + count :]])


def test_there_are_scripts_of_more_than_ten_kinds():
    assert len({cause_of(script) for script in SCRIPTS}) > 10


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_true_cause_comes_first(script):
    answered = explain(script.with_suffix(".txt").read_text(encoding="utf-8"), sources=source)
    assert answered.causes[0].id == cause_of(script)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_mend_stands_for_the_users_own_lines_and_is_python(script):
    answered = explain(script.with_suffix(".txt").read_text(encoding="utf-8"), sources=source)
    cause = answered.to_dict()["causes"][0]
    text = script.read_text(encoding="utf-8")
    assert cause["replaces"]["file"] == script.name
    first = cause["replaces"]["line"] - 1
    stood = [line.strip() for line in cause["replaces"]["text"].split("\n")]
    assert [line.strip() for line in text.split("\n")[first : first + len(stood)]] == stood
    compile(mended(text, cause), script.name, "exec")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_without_the_script_at_hand_the_cause_is_still_among_the_first_two(script):
    answered = explain(script.with_suffix(".txt").read_text(encoding="utf-8"))
    assert cause_of(script) in [cause.id for cause in answered.causes[:2]]


@pytest.mark.live
@pytest.mark.skipif(
    getattr(importlib.util.find_spec("torch"), "origin", None) is None,
    reason="torch is not installed",
)
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_printed_mend_makes_the_script_run(script, tmp_path, process):
    copy = tmp_path / script.name
    copy.write_text(script.read_text(encoding="utf-8"), encoding="utf-8")

    def run() -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, copy.name], cwd=tmp_path, capture_output=True, text=True, timeout=120
        )

    failed = run()
    assert failed.returncode
    answered = process("explain", "--json", input=failed.stderr, cwd=tmp_path)
    assert answered.returncode == 0, answered.stderr
    cause = json.loads(answered.stdout)["causes"][0]
    assert cause["id"] == cause_of(script)
    copy.write_text(mended(copy.read_text(encoding="utf-8"), cause), encoding="utf-8")
    ended = run()
    assert ended.returncode == 0, f"{cause['code']}\n{ended.stderr}"
