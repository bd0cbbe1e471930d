"""The examples of README.md and docs/ do what these say, and CONTRIBUTING.md leads somewhere."""

import os
import re
import select
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from rnnshape import Spec

README = (ROOT / "README.md").read_text(encoding="utf-8")
RECIPES = (ROOT / "docs/recipes.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXTENDING = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README + RECIPES + EXTENDING, re.M | re.S)
CHANGES = re.findall(r"^```diff\n(.*?)^```\n```console\n(.*?)^```$", EXTENDING, re.M | re.S)
INSTALLING = [
    "pip install . && rnnshape trace --layers 3 --bidirectional",
    "pip install '.[test]' && pytest -n auto",
]
CONTROL_Q = b"\x11"
CELLS = {
    "mine.cell": "# minimal gated unit (Zhou et al. 2016)\nf  = σ(W_f·x + U_f·h + b_f)\n"
    "n  = tanh(W_h·x + U_h·(f ⊙ h) + b_h)\nh' = (1 − f) ⊙ h + f ⊙ n\n",
    "wrong.cell": "f  = σ(W·x + b)\nh' = h + f ⊙ W·h\n",
}


PLAIN = """\
from torch import nn


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(10, 16, batch_first=True, bidirectional=True)

    def forward(self, x):
        out, _ = self.lstm(x)
        return out.mean(1)
"""


def blocks(kind, text=README + RECIPES):
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.M | re.S)


def examples(block):
    """The commands of a console block, each with what it prints."""
    return re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.M)


EXAMPLES = [example for block in blocks("console") for example in examples(block)]
EXPLORED = [line.partition("#")[0].split() for block in blocks("sh") for line in block.splitlines()
            if line not in INSTALLING]  # fmt: skip


def matches(expected: str, told: str) -> bool:
    """Whether `told` is `expected`, where a line of … alone stands for any lines."""
    parts = [re.escape(part) for part in re.split(r"^…\n", expected, flags=re.M)]
    return re.fullmatch(r"(?:.*\n)*?".join(parts), told) is not None


def holds(command, expected, folder, package=ROOT):
    """Run one example in `folder`, with the package that lies in `package`."""
    if "jq" in command and not shutil.which("jq"):
        pytest.skip("jq is not installed")
    script = f'rnnshape() {{ "{sys.executable}" -m rnnshape "$@"; }}\n{command}'
    ended = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, timeout=60, cwd=folder,
        env={**os.environ, "PYTHONPATH": str(package)},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert matches(expected, ended.stdout), ended.stdout


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with the files that the README names."""
    folder, fixtures = tmp_path_factory.mktemp("desk"), ROOT / "fixtures"
    for name, own in (("model.safetensors", "model.safetensors"), ("lightning.ckpt", "model.ckpt"),
                      ("cells.pt", "cells.pt")):  # fmt: skip
        shutil.copy(fixtures / "checkpoints" / name, folder / own)
    shutil.copy(fixtures / "broken" / "missing_feature_axis.py", folder / "train.py")
    shutil.copy(fixtures / "programs" / "classifier.py", folder / "model.py")
    (folder / "models").mkdir()
    (folder / "models" / "plain.py").write_text(PLAIN)
    (folder / "models" / "tagger.py").write_text(PLAIN.replace("out.mean(1)", "out[:, -1]"))
    error = (fixtures / "broken" / "missing_feature_axis.txt").read_text(encoding="utf-8")
    error = error.replace("missing_feature_axis.py", "train.py")
    (folder / "error.txt").write_text(error, encoding="utf-8")
    np.save(folder / "x.npy", np.zeros((5, 7, 3), "float32"))
    shapes = {f"rnn.{name}": shape for name, shape in Spec().parameters().items()}
    shapes |= {"head.weight": (3, 20), "head.bias": (3,)}
    for name, text in CELLS.items():
        (folder / name).write_text(text, encoding="utf-8")
    np.savez(folder / "classifier.npz", **{n: np.zeros(s, "float32") for n, s in shapes.items()})
    return folder


@pytest.mark.parametrize("command, expected", EXAMPLES, ids=[command for command, _ in EXAMPLES])
def test_a_console_example(command, expected, desk):
    holds(command, expected, desk)


@pytest.mark.parametrize("code", blocks("python"))
def test_a_python_example(code):
    exec(compile(code, "README.md", "exec"), {})


@pytest.mark.slow
@pytest.mark.parametrize("words", EXPLORED, ids=" ".join)
def test_an_example_of_a_program_opens_and_ends(words, desk):
    terminal, its = pytest.importorskip("pty").openpty()
    told = {"PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    program = subprocess.Popen(
        [sys.executable, "-m", *words], stdin=its, stdout=its, stderr=its, cwd=desk,
        env={**os.environ, **told}, start_new_session=True,
    )  # fmt: skip
    shown, end = b"", time.monotonic() + 60
    while program.poll() is None and time.monotonic() < end:
        if select.select([terminal], [], [], 0.3)[0]:
            shown += os.read(terminal, 65536)
        elif b"quit" in shown or b"leave" in shown:  # the line of keys is there
            os.write(terminal, CONTROL_Q)
    program.kill()
    os.close(terminal)
    os.close(its)
    assert program.wait() == 0, shown


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A copy of the package, to be changed."""
    return shutil.copytree(ROOT / "rnnshape", tmp_path_factory.mktemp("clone") / "rnnshape").parent


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
@pytest.mark.parametrize(
    "change, block", CHANGES, ids=[re.findall(r"^\+\+\+ b/(.*)", c, re.M)[0] for c, _ in CHANGES]
)
def test_a_change_of_the_examples(change, block, package, tmp_path):
    def apply(*options):
        subprocess.run(
            ["git", "apply", *options], input=change, text=True, check=True, cwd=package,
            env={**os.environ, "GIT_CEILING_DIRECTORIES": str(package.parent)},
        )  # fmt: skip

    apply()
    try:
        for command, expected in examples(block):
            holds(command, expected, tmp_path, package)
    finally:
        apply("--reverse")


def test_every_block_is_run():
    assert {kind for kind, _ in BLOCKS} <= {"console", "python", "sh", "diff", "toml", "lua"}
    assert len(CHANGES) == len(blocks("diff", EXTENDING)) == len(blocks("console", EXTENDING))
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    assert [line for line in lines if not line.startswith("rnnshape explore")] == INSTALLING


def test_the_readme_is_short_and_its_links_lead_somewhere():
    assert README.count("\n") < 250
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            path, _, title = link.partition("#")
            if "://" in path:
                continue
            aim = page.parent / path if path else page
            assert aim.is_file(), link
            titles = re.findall(r"^#+ (.*)", aim.read_text(encoding="utf-8"), re.M)
            anchors = {re.sub(r"[^\w -]", "", t).lower().replace(" ", "-") for t in titles}
            assert not title or title in anchors, link


def test_what_is_new_has_a_place_in_every_folder_and_all_is_one_screen():
    assert CONTRIBUTING.count("\n") < 42
    table = CONTRIBUTING.partition("|---|---|\n")[2].partition("\n\n")[0]
    places = re.findall(r"`([^`]+)`", table.replace("in `rnnshape/`", ""))
    package = ROOT / "rnnshape"
    assert [p for p in places if not any(map(Path.exists, (package / p, *package.rglob(p))))] == []
    folders = {path.parent.name for path in package.glob("*/__init__.py")}
    assert folders <= {place.partition("/")[0] for place in places}


def test_editors_are_told_a_command_that_there_is(rnnshape):
    (helix,) = map(tomllib.loads, blocks("toml"))
    server = helix["language-server"]["rnnshape"]
    (neovim,) = blocks("lua")
    assert re.search(r"cmd = \{ (.*?) \}", neovim)[1] == '"rnnshape", "lsp"'
    assert [server["command"], *server["args"]] == ["rnnshape", "lsp"]
    assert rnnshape("lsp", "--help").status == 0


def test_the_reference_is_made_from_the_commands():
    from reference import man_page, reference

    assert (ROOT / "docs/reference.md").read_text(encoding="utf-8") == reference()
    assert (ROOT / "docs/rnnshape.1").read_text(encoding="utf-8") == man_page()
