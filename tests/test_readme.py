"""The README's examples do what it says."""

import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = {
    kind: re.findall(rf"^```{kind}\n(.*?)^```$", README, re.M | re.S)
    for kind in ("console", "python")
}
EXAMPLES = [
    (command, expected)
    for block in BLOCKS["console"]
    for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.M)
]


def matches(expected: str, told: str) -> bool:
    """Whether `told` is `expected`, where a line of … alone stands for any lines."""
    parts = [re.escape(part) for part in re.split(r"^…\n", expected, flags=re.M)]
    return re.fullmatch(r"(?:.*\n)*?".join(parts), told) is not None


@pytest.mark.parametrize("command, expected", EXAMPLES, ids=[command for command, _ in EXAMPLES])
def test_a_console_example(command, expected):
    if "jq" in command and not shutil.which("jq"):
        pytest.skip("jq is not installed")
    script = f'rnnshape() {{ "{sys.executable}" -m rnnshape "$@"; }}\n{command}'
    ended = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=60,
                           cwd=ROOT)  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert matches(expected, ended.stdout), ended.stdout


@pytest.mark.parametrize("code", BLOCKS["python"])
def test_a_python_example(code):
    exec(compile(code, "README.md", "exec"), {})


def test_the_two_lines_stand_in_the_readme():
    assert "pip install . && rnnshape trace --layers 3 --bidirectional" in README
    assert "pip install '.[test]' && pytest" in README


def test_the_reference_is_made_from_the_commands():
    from rnnshape.reference import reference

    assert (ROOT / "REFERENCE.md").read_text(encoding="utf-8") == reference()
