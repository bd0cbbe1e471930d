"""Scripts that are broken in one way each: `explain` names the cause, and its mend makes them run.

The first line of each script in fixtures/broken/ names its cause. Beside it lies what it printed
under torch (fixtures/record_broken.py).
"""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from rnnshape.doctor.explain import explain
from rnnshape.show.document import explain_document

FOLDER = ROOT / "fixtures" / "broken"
SCRIPTS = sorted(FOLDER.glob("*.py"))


def cause_of(script) -> str:
    return script.read_text(encoding="utf-8").split("\n")[0].removeprefix("# cause: ")


def source(file: str) -> str | None:
    path = FOLDER / file
    return path.read_text(encoding="utf-8") if path.is_file() else None


def mended(script: str, cause: dict) -> str:
    """The script with the edits of a cause."""
    lines = script.split("\n")
    for edit in sorted(cause["edits"], key=lambda edit: -edit["line"]):
        at = edit["line"] - 1
        before = edit["before"].split("\n") if edit["before"] else []
        assert lines[at : at + len(before)] == before
        lines[at : at + len(before)] = edit["after"].rstrip("\n").split("\n")
    return "\n".join(lines)


def test_there_are_scripts_of_more_than_ten_kinds():
    assert len({cause_of(script) for script in SCRIPTS}) > 10


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_true_cause_comes_first_and_its_mend_is_python(script):
    answered = explain(script.with_suffix(".txt").read_text(encoding="utf-8"), sources=source)
    cause = explain_document(answered)["causes"][0]
    assert cause["id"] == cause_of(script)
    assert cause["proof"] == "program"
    compile(mended(script.read_text(encoding="utf-8"), cause), script.name, "exec")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_without_the_script_at_hand_no_edit_is_shown(script):
    answered = explain(script.with_suffix(".txt").read_text(encoding="utf-8"))
    assert answered.recognised
    assert all(cause.edits == () and cause.proof != "program" for cause in answered.causes)


@pytest.mark.live
@pytest.mark.skipif(
    getattr(importlib.util.find_spec("torch"), "origin", None) is None,
    reason="torch is not installed",
)
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_edits_make_the_script_run(script, tmp_path, process):
    copy = Path(tmp_path, script.name)
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
    assert ended.returncode == 0, f"{cause['edits']}\n{ended.stderr}"
