"""trace, check and draw of a program: the document, the text, the exit status, short refusals."""

import json
import shlex

import jsonschema
import pytest
from conftest import ROOT

from rnnshape.show.schema import schema

PROGRAMS = sorted((ROOT / "fixtures/programs").glob("*.py"))
CLASSIFIER = str(ROOT / "fixtures/programs/classifier.py")


@pytest.mark.parametrize("path", PROGRAMS, ids=[p.stem for p in PROGRAMS])
def test_the_document_keeps_its_schema(rnnshape, path):
    for command in ("trace", "check"):
        ended = rnnshape(command, str(path), "--json")
        jsonschema.validate(ended.json, schema("program"))
        assert ended.status == (ended.json["verdict"] == "does not fit")
        assert ended.json["layers"] and ended.json["lines"]


def test_the_document_of_a_class_has_names_for_open_sizes(rnnshape):
    told = rnnshape("trace", f"{CLASSIFIER}:Classifier", "--set", "hidden=H", "--json").json
    assert told["set"] == {"hidden": "H"}
    assert told["input"] == {"x": {"shape": ["N", "T"], "dtype": "int64", "given": False}}
    assert told["output"] == [["N", 5]]
    (layer,) = told["layers"]
    assert (layer["name"], layer["kind"], layer["line"], layer["calls"]) == (
        "self.lstm",
        "LSTM",
        9,
        [14],
    )
    assert layer["spec"]["hidden_size"] == "H"
    line = next(one for one in told["lines"] if one["line"] == 14)
    assert line["calls"][0]["outputs"] == [["N", "T", "2*H"], [4, "N", "H"], [4, "N", "H"]]
    assert line["names"]["out"] == ["N", "T", "2*H"]


@pytest.mark.parametrize("columns", ["80", "200"])
@pytest.mark.parametrize("path", PROGRAMS, ids=[p.stem for p in PROGRAMS])
def test_shapes_stay_within_the_line(rnnshape, path, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    text = path.read_text(encoding="utf-8").splitlines()
    longest = max(len(line) for line in text)
    told = rnnshape("trace", str(path)).out.splitlines()
    assert max(map(len, told)) <= max(int(columns), longest + 12)
    assert told[-1].startswith(("fits", "does not fit"))


def test_no_recurrent_layer_is_said_and_is_no_error(rnnshape):
    ended = rnnshape("check", "-", stdin="import torch\nx = torch.zeros(3)\n")
    assert (ended.status, ended.out.strip()) == (0, "no recurrent layer found")


def test_a_layer_is_walked_as_the_program_calls_it(rnnshape):
    ended = rnnshape("trace", f"{CLASSIFIER}:Classifier", "--layer", "self.lstm", "--json")
    assert ended.json["tensors"]["input"] == ["N", "T", 64]
    assert rnnshape("draw", CLASSIFIER, "--layer", "9").out.startswith("<svg")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([f"{CLASSIFIER}:Nope"], "expected a class or function of this file: Classifier"),
        ([f"{CLASSIFIER}:Classifier", "--set", "hid=3"], "vocab, emb, hidden, got hid"),
        ([f"{CLASSIFIER}:Classifier", "--shape", "y=N,T"], "expected an argument of forward: x"),
        ([f"{CLASSIFIER}:Classifier", "--shape", "x=N;T"], "expected sizes such as N,T,10"),
        ([CLASSIFIER, "--layer", "self.gru"], "expected a recurrent layer of the program: self.lstm"),
        ([CLASSIFIER, "--hidden-size", "3"], "--hidden-size: expected without a program"),
        (["missing.py"], "No such file or directory"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_one_short_message(rnnshape, words, said):
    ended = rnnshape("trace", *words)
    assert (ended.status, ended.out) == (2, "")
    assert said in ended.err and len(ended.err.splitlines()) <= 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('print "hello"\n', "expected Python 3, got Python 2 in line 1"),
        ("x = 1\ndef f(:\n    pass\n", "line 2: def f(:"),
        ("(" * 5000, "expected Python"),
        ("\0", "expected Python"),
    ],
)
def test_what_is_no_python_is_said_with_its_line(rnnshape, text, said):
    ended = rnnshape("trace", "-", stdin=text)
    assert ended.status == 2 and said in ended.err and len(ended.err.splitlines()) <= 3


def test_a_shape_that_the_program_refuses_does_not_fit(rnnshape):
    ended = rnnshape("check", f"{CLASSIFIER}:Classifier", "--shape", "x=N,T,10:float", "--json")
    assert (ended.status, ended.json["verdict"]) == (1, "does not fit")
    assert ended.json["problems"][0]["line"] == 13


def test_a_line_of_a_notebook_is_told_by_its_cell_too(rnnshape, tmp_path):
    cells = [
        {"cell_type": "markdown", "source": "# A lesson"},
        {"cell_type": "code", "source": ["import torch\n", "from torch import nn"]},
        {"cell_type": "code", "source": "%%bash\nls"},
        {"cell_type": "code", "source": "rnn = nn.RNN(3, 4)\nrnn(torch.zeros(5, 2, 4))"},
    ]
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": cells}))
    assert "a.ipynb:5 (code cell 3, line 2)" in rnnshape("check", "a.ipynb").out


def test_a_layer_whose_number_of_layers_is_open_says_how_to_set_it(rnnshape, tmp_path):
    (tmp_path / "net.py").write_text(
        "import json\nfrom torch import nn\ncfg = json.load(open('c.json'))\n"
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.rnn = nn.GRU(3, cfg['hidden'], cfg['layers'])\n"
        "    def forward(self, x):\n        return self.rnn(x)[0]\n"
    )
    refused = rnnshape("trace", "net.py", "--layer", "self.rnn")
    _, _, fix = refused.err.strip().rpartition("fix: ")
    assert refused.status == 2 and fix.startswith("--set ")
    traced = rnnshape("trace", "net.py", "--layer", "self.rnn", *shlex.split(fix))
    assert traced.status == 0 and "GRU(3, cfg_hidden, num_layers=2)" in traced.out


def test_the_python_of_an_article_is_followed_at_its_own_lines(rnnshape, tmp_path):
    (tmp_path / "post.md").write_text(
        "# A post\n\n```sh\npip install torch\n```\n\n```python\nimport torch\nfrom torch import nn\n"
        "rnn = nn.RNN(10, 20, 3)\n```\nText.\n```python\nrnn(torch.zeros(5, 7, 10),\n"
        "    torch.zeros(2, 7, 20))\n```\n"
    )
    told = rnnshape("check", "post.md", "--json").json
    (problem,) = told["problems"]
    assert (problem["id"], problem["line"]) == ("wrong-num-layers", 14)
    (edit,) = problem["edits"]
    assert (edit["line"], edit["after"]) == (15, "    torch.zeros(3, 7, 20))")


def test_a_fix_names_the_file_as_it_was_given(rnnshape, tmp_path):
    folder = tmp_path / "a folder"
    folder.mkdir()
    (folder / "no.py").write_text("def f(:\n")
    refused = rnnshape("check", "a folder/no.py").err
    assert "python -m py_compile 'a folder/no.py' shows the same" in refused
    refused = rnnshape("trace", "a folder").err
    assert "rnnshape check 'a folder' follows the programs of a folder" in refused


def test_a_line_is_shown_without_its_comment(rnnshape):
    told = rnnshape(
        "trace", "-", stdin="import torch\nfrom torch import nn\nrnn = nn.RNN(  # a layer\n    4, 5)\n"
        "x, s = torch.zeros(3, 2, 4), '# no comment'  # steps\nrnn(x)\n",
    ).out  # fmt: skip
    assert "  3  rnn = nn.RNN( …\n" in told
    assert "  5  x, s = torch.zeros(3, 2, 4), '# no comment'  3×2×4\n" in told


def test_a_class_that_is_a_layer_itself_stands_at_its_own_line(rnnshape, tmp_path):
    path = tmp_path / "own.py"
    path.write_text("from torch import nn\n\nclass Own(nn.GRU):\n    pass\n")
    words = ("trace", f"{path}:Own", "--set", "input_size=4", "--set", "hidden_size=6")
    assert "\n  3  class Own(nn.GRU):\n" in rnnshape(*words).out
    (layer,) = rnnshape(*words, "--json").json["layers"]
    assert (layer["line"], layer["spec"]["hidden_size"]) == (3, 6)


def test_a_class_whose_constructor_is_torchs_is_not_refused_for_what_it_is_not_given(
    rnnshape, tmp_path
):
    path = tmp_path / "own.py"
    path.write_text("from torch import nn\n\nclass Own(nn.Embedding):\n    pass\n")
    assert rnnshape("check", f"{path}:Own").out.endswith("line 3: what Own is given\nunknown\n")
