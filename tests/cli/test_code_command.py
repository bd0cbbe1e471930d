"""The code is valid Python that says what the options say; test_live_frameworks.py runs it."""

import ast

import jsonschema
import numpy as np
import pytest
from conftest import ROOT

from rnnshape import Spec
from rnnshape.models.code.write import WRITERS
from rnnshape.numeric.random import drawn_weights
from rnnshape.show.schema import schema

CHECKPOINTS = ROOT / "fixtures" / "checkpoints"


@pytest.mark.parametrize("framework", sorted(WRITERS))
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("more", [[], ["--layers", 3, "--bidirectional", "--no-bias"]], ids=len)
def test_it_is_python(rnnshape, framework, cell, more):
    if (framework, cell) == ("equinox", "rnn"):
        return
    ended = rnnshape("code", "--cell", cell, *more, "--framework", framework)
    assert ended.err == ""
    ast.parse(ended.out)
    assert not ended.out.startswith("\n")


def test_the_constructor_has_what_differs_from_torchs_defaults(rnnshape):
    options = ["--nonlinearity", "relu", "--layers", 2, "--batch-first", "--dropout", 0.5]
    told = rnnshape("code", *options).out
    assert (
        "rnn = nn.RNN(10, 20, num_layers=2, nonlinearity='relu', batch_first=True, dropout=0.5)\n"
        "rnn.eval()  # without dropout\n" in told
    )
    assert "x = torch.randn(7, 5, 10)  # (N, T, I)" in told


def test_a_packed_batch_is_packed(rnnshape):
    told = rnnshape("code", "--cell", "lstm", "--lengths", "5,3,2").out
    assert "packed = pack_padded_sequence(x, lengths, enforce_sorted=False)" in told
    assert "packed, (hn, cn) = lstm(packed)" in told


@pytest.fixture
def gru(tmp_path):
    """A checkpoint of a GRU."""
    spec = Spec(cell="gru", input_size=3, hidden_size=4)
    drawn = drawn_weights(spec, np.random.default_rng(0), "float32")
    np.savez(tmp_path / "w.npz", **{f"enc.{name}": array for name, array in drawn.items()})


def test_the_weights_tell_the_network_and_are_loaded(rnnshape, gru):
    told = rnnshape("code", "--weights", "w.npz").out
    assert "gru = nn.GRU(3, 4)" in told
    assert (
        "gru.load_state_dict({name: weights['enc.' + name] for name in gru.state_dict()})" in told
    )


def test_another_frameworks_code_puts_the_gates_in_its_order(rnnshape, gru):
    told = rnnshape("code", "--weights", "w.npz", "--framework", "keras").out
    assert '"gru/gru_cell/kernel": gates("weight_ih_l0", 1, 0, 2).T,' in told


@pytest.mark.parametrize("framework", ["flax", "flax-linen", "equinox"])
def test_dropout_that_is_left_out_is_said(rnnshape, framework):
    options = ["--cell", "lstm", "--layers", 2, "--framework", framework]
    said = "# dropout=0.5 before each layer but the first, in training: left out"
    assert said in rnnshape("code", *options, "--dropout", 0.5).out
    assert "dropout" not in rnnshape("code", *options).out


@pytest.mark.parametrize(
    "file, module, opened",
    [
        ("zip.pt", "encoder.rnn", ["weights_only=True)\n", "'encoder.rnn.'"]),
        ("lightning.ckpt", "encoder.rnn", ["weights_only=True)['state_dict']\n"]),
        ("script.pt", "gru", ["= torch.jit.load(", ".state_dict()", "'gru.' + name"]),
    ],
)
def test_a_checkpoint_is_opened_by_the_keys_that_it_has(rnnshape, file, module, opened):
    told = rnnshape("code", "--weights", CHECKPOINTS / file, "--module", module).out
    for part in opened:
        assert part in told


def test_what_a_file_records_beside_its_tensors_is_in_the_code(rnnshape):
    told = rnnshape("code", "--weights", CHECKPOINTS / "script.pt", "--module", "gru").out
    assert "gru = nn.GRU(3, 4, batch_first=True, bidirectional=True)" in told


def test_a_pickle_of_whole_modules_is_converted_first(rnnshape):
    ended = rnnshape("code", "--weights", CHECKPOINTS / "whole.pt")
    assert (ended.status, ended.out) == (2, "")
    assert "holds whole objects" in ended.err and "whole.pt weights.npz --to torch" in ended.err


def test_nnx_is_refused_a_bias_that_it_has_no_place_for(rnnshape, gru):
    ended = rnnshape("code", "--weights", "w.npz", "--framework", "flax")
    assert (ended.status, "flax-linen" in ended.err) == (2, True)


def test_json(rnnshape):
    document = rnnshape("code", "--cell", "gru", "--framework", "keras", "--json").json
    jsonschema.validate(document, schema("code"))
    assert document["code"].startswith("import keras\n")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--framework", "onnx"], "rnnshape convert model.safetensors model.onnx --to onnx"),
        (["--framework", "mxnet"], "expected torch, keras"),
        (["--hidden-size", "H"], "--hidden-size: expected a number"),
        (["--framework", "keras", "--lengths", "3,2"], "--lengths: expected for torch alone"),
        (["--framework", "equinox"], "equinox: expected lstm or gru"),
        (["--weights", "w.npz", "--hidden-size", "9"], "expected 4, as the file says"),
    ],
)
def test_what_cannot_be_written(rnnshape, gru, arguments, message):
    ended = rnnshape("code", *arguments)
    assert (ended.status, ended.out) == (2, "")
    assert message in ended.err and "fix:" in ended.err
