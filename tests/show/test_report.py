"""Several programs: files and folders, formats, what is left out, and shapes held by a test."""

import json
import shutil
import subprocess

import pytest
from conftest import ROOT

from rnnshape import assert_shapes
from rnnshape.doctor.causes.table import CAUSES

FITS = """\
from torch import nn


class Net(nn.Module):
    def __init__(self, hidden=8):
        super().__init__()
        self.lstm = nn.LSTM(10, hidden, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * hidden, 5)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.fc(out.mean(1))
"""
FAILS = FITS.replace("2 * hidden, 5", "hidden, 5")
WARNS = FITS.replace("out.mean(1)", "out[:, -1]")
LINE = WARNS.splitlines().index("        return self.fc(out[:, -1])") + 1


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A project, and the current folder."""
    monkeypatch.chdir(tmp_path)

    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_py", ".py")
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(text)
        return tmp_path

    return write


def test_a_folder_is_reported_file_by_file(rnnshape, folder):
    folder(src__fits_py=FITS, src__warns_py=WARNS, src__other_py="print(1)\n")
    ended = rnnshape("check", "src", "--output-format", "concise")
    assert ended.status == 0
    assert ended.out.splitlines()[0].startswith(f"src/warns.py:{LINE}: last-step ")
    assert ended.out.splitlines()[-1] == "2 programs with a recurrent layer, 0 problems, 1 warning"


def test_classes_of_files_are_named_among_other_programs(rnnshape, folder):
    folder(a_py=FITS + WARNS.replace("Net", "Other"), b_py=FITS)
    both = rnnshape("check", "a.py:Net", "./b.py", "--output-format", "json").json["programs"]
    assert [(p["file"], p["entry"], p["verdict"]) for p in both] == [
        ("a.py", "Net", "fits"), ("b.py", "Net", "fits"),
    ]  # fmt: skip
    missing = rnnshape("check", "b.py", "c.py", "--output-format", "concise")
    assert (missing.status, missing.out) == (2, "")
    assert "c.py: expected a file or a folder, got no such path" in missing.err


def test_what_does_not_fit_ends_with_1(rnnshape, folder):
    folder(src__fails_py=FAILS, src__fits_py=FITS)
    ended = rnnshape("check", "src", "src/fits.py")
    assert ended.status == 1
    assert "mat1 and mat2 shapes cannot be multiplied" in ended.out


def test_warn_as_error(rnnshape, folder):
    folder(src__warns_py=WARNS)
    assert rnnshape("check", "src/warns.py").status == 0
    assert rnnshape("check", "src/warns.py", "--warn-as-error").status == 1
    assert rnnshape("check", "src", "--warn-as-error").status == 1


def test_a_line_leaves_out_what_it_names(rnnshape, folder):
    ignored = WARNS.replace("out[:, -1])", "out[:, -1])  # rnnshape: ignore[last-step]")
    folder(one_py=ignored, two_py=ignored.replace("last-step", "axes-mixed"))
    assert "last-step" not in rnnshape("check", "one.py").out
    assert "last-step" in rnnshape("check", "two.py").out


def test_a_problem_that_is_left_out_is_no_fit(rnnshape, folder):
    line = "        return self.fc(out.mean(1))"
    folder(one_py=FAILS.replace(line, f"{line}  # rnnshape: ignore"))
    document = json.loads(rnnshape("check", "one.py", "--json").out)
    assert (document["verdict"], document["problems"]) == ("unknown", [])


def test_the_table_of_pyproject_is_heeded(rnnshape, folder):
    folder(src__warns_py=WARNS, src__fails_py=FAILS)
    (folder() / "pyproject.toml").write_text(
        '[tool.rnnshape]\nignore = ["last-step"]\nexclude = ["src/fails.py"]\n'
        'set = {hidden = 80}\nshape = {x = "N,T,10"}\n'
    )
    ended = rnnshape("check", "src", "--output-format", "json")
    (program,) = json.loads(ended.out)["programs"]
    assert program["warnings"] == [] and program["layers"][0]["spec"]["hidden_size"] == 80
    assert program["input"]["x"]["shape"] == ["N", "T", 10]


def test_an_unknown_word_in_the_table_is_refused(rnnshape, folder):
    (folder(a_py=FITS) / "pyproject.toml").write_text("[tool.rnnshape]\nsets = 3\n")
    ended = rnnshape("check", "a.py")
    assert ended.status == 2 and "sets = 3" in ended.err


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_what_git_ignores_is_left_out(rnnshape, folder):
    path = folder(src__fails_py=FAILS, src__fits_py=FITS)
    (path / ".gitignore").write_text("fails.py\n")
    subprocess.run(["git", "init", "-q"], cwd=path, check=True)
    assert rnnshape("check", "src").status == 0


def test_github_reads_its_own_commands(rnnshape, folder):
    folder(src__warns_py=WARNS)
    ended = rnnshape("check", "src", "--output-format", "github")
    assert ended.out.startswith(
        f"::warning file=src/warns.py,line={LINE},title=rnnshape last-step::"
    )


def test_sarif_names_rule_place_and_level(rnnshape, folder):
    folder(src__warns_py=WARNS)
    (run,) = json.loads(rnnshape("check", "src", "--output-format", "sarif").out)["runs"]
    (result,) = run["results"]
    assert (result["ruleId"], result["level"]) == ("last-step", "warning")
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "src/warns.py"
    assert place["region"]["startLine"] == LINE


def test_a_rule_of_sarif_is_told_in_the_table_s_words_whatever_was_found(rnnshape, folder):
    folder(src__warns_py=WARNS)
    (run,) = json.loads(rnnshape("check", "src", "--output-format", "sarif").out)["runs"]
    (rule,), cause = run["tool"]["driver"]["rules"], CAUSES["last-step"]
    assert rule["fullDescription"]["text"] == cause.why and rule["help"]["text"] == cause.fix
    assert cause.why.startswith(rule["shortDescription"]["text"])


def test_a_file_that_is_no_python_is_told_and_the_others_are_read(rnnshape, folder):
    folder(src__bad_py="import torch\nnn.LSTM(\n", src__fits_py=FITS)
    ended = rnnshape("check", "src")
    assert ended.status == 2 and "src/bad.py" in ended.err
    assert "1 program with a recurrent layer" in ended.out


def test_assert_shapes_holds_and_fails_with_the_lines(folder):
    path = folder(model_py=FITS, fails_py=FAILS)
    assert_shapes(f"{path}/model.py:Net", x="N T 10", out="N 5")
    assert_shapes(f"{path}/model.py:Net", x="4 9 10", out=["_ 5"], set={"hidden": 16})
    with pytest.raises(AssertionError, match=r"gives N 6(.|\n)*N×5"):
        assert_shapes(f"{path}/model.py:Net", x="N T 10", out="N 6")
    with pytest.raises(AssertionError, match="mat1 and mat2"):
        assert_shapes(f"{path}/fails.py:Net", x="N T 10", out="N 5")


def test_the_hook_of_pre_commit_calls_a_command_that_works(rnnshape, folder):
    (entry,) = [
        line.partition(":")[2].split()
        for line in (ROOT / ".pre-commit-hooks.yaml").read_text().splitlines()
        if line.strip().startswith("entry:")
    ]
    folder(a_py=FITS)
    assert entry[0] == "rnnshape" and rnnshape(*entry[1:], "a.py").status == 0
