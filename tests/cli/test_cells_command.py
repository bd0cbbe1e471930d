"""--cell FILE.cell on every command that takes --cell; rnnshape cells."""

import json
import re
from xml.etree import ElementTree

import jsonschema
import numpy as np
import pytest
from commands import commands, sample

from rnnshape import Cell, Spec, run_backward
from rnnshape.engine.written import shipped
from rnnshape.show.schema import schema

OWN = """# a memory S, and a gate of one number a sample
state S: H, H
param k: 1 = 0.5
g  = σ(w·x)
x_h = U·x
S' = g ⊙ S + k ⊙ outer(V·x, x_h)
h' = tanh(W·x + S'·h) ⊙ g
output = h' + S'·x_h
"""
SIZES = ("--input-size", 3, "--hidden-size", 4, "--batch-size", 2, "--seq-len", 3)
NETWORK = ("--cell", "own.cell", *SIZES)


@pytest.fixture
def own(rnnshape, tmp_path):
    (tmp_path / "own.cell").write_text(OWN, encoding="utf-8")
    return lambda command, *words: rnnshape(command, *NETWORK, *words)


@pytest.mark.parametrize("more", [(), ("--layers", 2, "--bidirectional"), ("--unbatched",),
                                  ("--batch-first", "--layers", 2)], ids=str)  # fmt: skip
@pytest.mark.parametrize("command", [
    ("trace",), ("trace", "--backward"), ("trace", "--values", "--backward"), ("trace", "--all"),
    ("trace", "--picture"), ("params",), ("run",), ("run", "--backward"), ("cost",), ("draw",),
    ("state",), ("run", "--output-size", 2, "--loss", "sum", "--backward"),
    ("run", "--backward", "--flow"), ("trace", "--html", "page.html"), ("draw", "-o", "a.svg"),
    ("trace", "--html", "page.html", "--values", "--backward"), ("code",),
], ids=str)  # fmt: skip
def test_every_command_takes_the_file(own, command, more):
    if "--unbatched" in more:
        more = (*more, "--batch-size", 1)
    ended = own(*command, *more)
    assert ended.status == 0, ended.err
    assert not ended.err


@pytest.mark.parametrize("name", ["trace", "params", "run", "cost", "forms", "state"])
def test_the_documents_are_the_schemas(own, name):
    document = own(name, "--json").json
    jsonschema.validate(document, schema(name))
    if "spec" in document:
        assert document["spec"]["equations"] == OWN
    assert "h0" not in document or "S0" in document


def test_a_documents_equations_are_read_again(own, rnnshape, tmp_path):
    told = own("trace", "--json").out
    (tmp_path / "own.cell").unlink()
    again = rnnshape(
        "trace", "--spec", "-", "--batch-size", 2, "--seq-len", 3, "--json", stdin=told
    )
    assert again.json == json.loads(told)


def test_a_stream_is_the_document(own):
    whole = own("trace", "--json", "--backward").json
    lines = [json.loads(line) for line in own("trace", "--ndjson", "--backward").out.splitlines()]
    assert [x for x in lines if x.pop("kind") == "step"] == whole["steps"]


@pytest.mark.parametrize("option", ["--no-bias", "--bias", "--proj-size=2", "--nonlinearity=relu"])
def test_what_equations_say_is_no_option(own, option):
    ended = own("trace", option)
    assert ended.status == 2
    assert re.search(r"expected beside torch's cells alone, since equations say it", ended.err)


@pytest.mark.parametrize("command", [("verify",), ("check", "--input", "3,2,3")], ids=str)
def test_what_compares_with_torch_says_that_torch_has_none(own, command):
    ended = own(*command)
    assert ended.status == 2
    assert "torch has none of these equations" in ended.err


def test_a_picture_has_every_state(own):
    assert ElementTree.fromstring(own("draw").out) is not None
    drawn = own("trace", "--picture").out
    assert "S 2×4×4" in drawn and "h 2×4" in drawn


def test_cells_lists_and_prints(rnnshape):
    listed = rnnshape("cells").out
    assert all(re.search(rf"^  {name} ", listed, re.M) for name in shipped())
    assert "h' = (1 − f) ⊙ h + f ⊙ n" in rnnshape("cells", "mgu").out
    wrong = rnnshape("cells", "mgru")
    assert wrong.status == 2 and "rnnshape cells m" in wrong.err


def test_a_shipped_name_is_a_cell(rnnshape):
    assert rnnshape("trace", "--cell", "mgu").out.startswith("mgu(10, 20)")
    assert rnnshape("trace", "--cell", "lstm").out.startswith("LSTM(10, 20)")


@pytest.mark.parametrize("text, said", [
    ("h' = tanh(W·x + \x1b[31mU·h)", r"own\.cell:1:17: .*U\+001B"),
    ("# nothing", "nothing but comments"),
    ("h' = x" + " + x" * 300_000, "at most 65,536 characters"),
    ("f = σ(W·x)\nh' = f ⊙ swish(U·x)", r"own\.cell:2:10: .*swish"),
], ids=["escape", "empty", "megabyte", "function"])  # fmt: skip
def test_a_wrong_file_is_a_short_message(rnnshape, tmp_path, text, said):
    (tmp_path / "own.cell").write_text(text, encoding="utf-8")
    ended = rnnshape("trace", "--cell", "own.cell")
    assert ended.status == 2 and not ended.out
    assert re.search(said, ended.err)
    assert "\x1b" not in ended.err and len(ended.err) < 1500


@pytest.mark.parametrize("path, said", [("none.cell", "No such file"), (".", "expected"),
                                        ("latin.cell", "no text in UTF-8")])  # fmt: skip
def test_a_file_that_cannot_be_read_is_told(rnnshape, tmp_path, path, said):
    (tmp_path / "latin.cell").write_bytes("h' = σ".encode("utf-16"))
    ended = rnnshape("trace", "--cell", path)
    assert ended.status == 2 and re.search(said, ended.err)


def test_gradients_by_the_command_are_those_of_python(rnnshape, tmp_path):
    (tmp_path / "own.cell").write_text(OWN, encoding="utf-8")
    spec = Spec(cell=Cell(OWN), input_size=3, hidden_size=4, num_layers=2, bidirectional=True)
    generator = np.random.default_rng(0)
    weights = {n: generator.standard_normal(s) / 2 for n, s in spec.parameters().items()}
    weights = {n: array for n, array in weights.items() if not n.startswith("k_")}
    arrays = {
        "x": generator.standard_normal((3, 2, 3)), "G": generator.standard_normal((3, 2, 8)),
        "S": generator.standard_normal((4, 2, 4, 4)), "h": generator.standard_normal((4, 2, 4)),
    }  # fmt: skip
    np.savez(tmp_path / "w.npz", **{f"net.{n}": array for n, array in weights.items()})
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
    ended = rnnshape("run", "--cell", "own.cell", "--input-size", 3, "--hidden-size", 4, "--layers",
                     2, "--bidirectional", "--weights", "w.npz", "--module", "net", "--input",
                     "x.npy", "--state0", "S=S.npy", "--h0", "h.npy", "--backward", "--grad-output",
                     "G.npy", "--dtype", "float64", "-o", "r.npz")  # fmt: skip
    assert ended.status == 0, ended.err
    found = np.load(tmp_path / "r.npz")
    result, gradients = run_backward(
        spec, weights, arrays["x"], states={"S": arrays["S"], "h": arrays["h"]},
        grad_output=arrays["G"],
    )  # fmt: skip
    expected = {**result.to_dict(), **gradients}
    assert set(found.files) == set(expected)
    assert {"output", "Sn", "hn", "grad.S0", "grad.k_l1_reverse"} <= set(expected)
    assert all(np.array_equal(found[name], array) for name, array in expected.items())


def test_a_weights_file_tells_the_sizes(rnnshape, tmp_path):
    (tmp_path / "own.cell").write_text(OWN, encoding="utf-8")
    spec = Spec(cell=Cell(OWN), input_size=3, hidden_size=5, num_layers=2, bidirectional=True)
    np.savez(tmp_path / "w.npz", **{n: np.ones(s) for n, s in spec.parameters().items()})
    told = rnnshape("run", "--cell", "own.cell", "--weights", "w.npz", "--json").json["spec"]
    assert (told["input_size"], told["hidden_size"], told["num_layers"]) == (3, 5, 2)
    assert told["bidirectional"]
    wrong = rnnshape("run", "--cell", "mgu", "--weights", "w.npz")
    assert wrong.status == 2 and "b_f_l0" in wrong.err and "torch" not in wrong.err


@pytest.mark.parametrize("cell", ["mgu", "mlstm", "peephole"])
@pytest.mark.parametrize("more", [(), ("--json",)], ids=["text", "json"])
def test_every_command_takes_a_cell_or_says_in_words_why_it_does_not(rnnshape, cell, more):
    taking = [c for c in commands().values() if any(o.name == "cell" for o in c.options)]
    for command in taking:
        if command.name in ("explore", "inspect"):  # a terminal, and a file, come first
            continue
        words = [
            command.name,
            *[sample(command.name, a) for a in command.arguments[:1] if a.required],
        ]
        words += ["an error"] if command.name == "explain" else []
        ended = rnnshape(*words, "--cell", cell, *(m for m in more if command.name != "draw"))
        assert ended.status == (1 if command.name == "explain" else 2 if ended.err else 0), words
        assert "Spec(" not in ended.err, words
