import sys

import jsonschema
import numpy as np
import pytest
from conftest import ROOT
from safetensors.numpy import load_file

from rnnshape import Spec, UsageError, run
from rnnshape.models.onnx import write
from rnnshape.numeric.random import drawn_weights
from rnnshape.show.schema import schema

FRAMEWORKS = ["onnx", "keras", "flax", "flax-linen", "equinox"]
SPEC = Spec(cell="lstm", input_size=3, hidden_size=4, num_layers=2, bidirectional=True)


@pytest.fixture
def weights(tmp_path):
    """A checkpoint with an LSTM below `encoder.rnn`, and something else."""
    drawn = drawn_weights(SPEC, np.random.default_rng(0), "float32")
    whole = {f"encoder.rnn.{name}": array for name, array in drawn.items()}
    np.savez(tmp_path / "w.npz", **whole, **{"fc.weight": np.ones((2, 8), "float32")})
    return drawn


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_there_and_back(rnnshape, weights, tmp_path, framework, suffix):
    assert rnnshape("convert", "w.npz", f"own.{suffix}", "--to", framework).err == ""
    assert rnnshape("convert", f"own.{suffix}", "back.npz", "--to", "torch").err == ""
    back = dict(np.load(tmp_path / "back.npz"))
    assert list(back) == list(SPEC.parameters())
    x = np.random.default_rng(1).standard_normal((5, 2, 3)).astype("float32")
    assert abs(run(SPEC, back, x).output - run(SPEC, weights, x).output).max() <= 1e-6


def test_the_names_are_those_that_params_shows(rnnshape, weights, tmp_path):
    rnnshape("convert", "w.npz", "k.safetensors", "--to", "keras")
    options = ["--cell", "lstm", "--input-size", 3, "--hidden-size", 4, "--layers", 2]
    shown = rnnshape("params", *options, "--bidirectional", "--framework", "keras", "--json").json
    own = {name: list(array.shape) for name, array in load_file(tmp_path / "k.safetensors").items()}
    assert own == {p["name"]: p["shape"] for p in shown["parameters"]}


def test_what_was_written_is_told(rnnshape, weights):
    told = rnnshape("convert", "w.npz", "k.npz", "--to", "keras").out
    assert told.startswith("LSTM(3, 4, num_layers=2, bidirectional=True): torch → keras\n")
    assert "(weight_ih_l0" not in told and "weight_ih_l0ᵀ" in told
    assert "left out, not part of it: fc.weight (1 in all)" in told
    assert "bias_hh is 0" in told
    document = rnnshape("convert", "w.npz", "k.npz", "--to", "keras", "--json").json
    jsonschema.validate(document, schema("convert"))
    assert document["left_out"] == ["fc.weight"] and document["from"]["framework"] == "torch"


def test_what_the_target_does_not_say_is_told(rnnshape):
    whole = ROOT / "fixtures" / "checkpoints" / "whole.pt"
    notes = rnnshape("convert", whole, "w.npz", "--to", "keras", "--json").json["notes"]
    said = "w.npz does not say nonlinearity='relu', batch_first=True, dropout=0.25: say so where"
    assert notes[-1].startswith(said)


def test_a_nonlinearity_is_refused_where_there_is_none(rnnshape, weights):
    ended = rnnshape("convert", "w.npz", "k.npz", "--to", "keras", "--nonlinearity", "relu")
    assert (ended.status, ended.out) == (2, "")
    assert "nonlinearity: expected tanh or relu, for the cell rnn alone" in ended.err


def test_from_one_framework_to_another(rnnshape, weights):
    rnnshape("convert", "w.npz", "k.npz", "--to", "keras")
    document = rnnshape("convert", "k.npz", "f.npz", "--to", "flax", "--json").json
    assert (document["from"]["framework"], document["to"]["framework"]) == ("keras", "flax")
    assert document["spec"]["bidirectional"] and document["spec"]["num_layers"] == 2


def test_a_checkpoint_of_two_networks_asks_which(rnnshape, tmp_path):
    drawn = drawn_weights(Spec(input_size=2, hidden_size=2), np.random.default_rng(0), "float32")
    both = {f"{own}.{name}": a for own in ("a", "b") for name, a in drawn.items()}
    np.savez(tmp_path / "two.npz", **both)
    ended = rnnshape("convert", "two.npz", "out.npz", "--to", "keras")
    assert (ended.status, ended.out) == (2, "")
    assert "--module: expected one of the networks of 'two.npz': 'a', 'b'" in ended.err
    assert rnnshape("convert", "two.npz", "out.npz", "--to", "keras", "--module", "b").status == 0


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["w.npz", "o.npz", "--to", "mxnet"], "--to: expected torch, onnx, keras"),
        (["w.npz", "o.pt", "--to", "torch"], "OUT: expected a file of .npz, .safetensors"),
        (["w.npz", "o.onnx", "--to", "keras"], "give --to onnx"),
        (["none.npz", "o.npz", "--to", "keras"], "No such file"),
        (["w.npz", "o.npz", "--to", "keras", "--module", "decoder"], "decoder"),
        (["w.npz", "no/such/folder/o.npz", "--to", "keras"], "expected a file that can be written"),
    ],
)
def test_what_cannot_be_done_leaves_no_file(rnnshape, weights, tmp_path, arguments, message):
    ended = rnnshape("convert", *arguments)
    assert (ended.status, ended.out) == (2, "")
    assert message in ended.err and "fix:" in ended.err
    assert [path.name for path in tmp_path.iterdir()] == ["w.npz"]


def test_a_projection_is_refused_with_the_reason(rnnshape, tmp_path):
    spec = Spec(cell="lstm", input_size=3, hidden_size=4, proj_size=2)
    np.savez(tmp_path / "w.npz", **drawn_weights(spec, np.random.default_rng(0), "float32"))
    for framework in FRAMEWORKS:
        ended = rnnshape("convert", "w.npz", "o.npz", "--to", framework)
        assert (ended.status, "expected a network without a projection" in ended.err) == (2, True)


def test_onnx_is_asked_for_by_its_install_line(rnnshape, weights, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    for command in (["convert", "w.npz", "o.onnx", "--to", "onnx"], ["run", "--weights", "o.onnx"]):
        ended = rnnshape(*command)
        assert (ended.status, "pip install 'rnnshape[onnx]'" in ended.err) == (2, True)
        monkeypatch.setitem(sys.modules, "onnx", None)


def test_weights_too_large_for_one_message_of_onnx_are_refused(monkeypatch):
    pytest.importorskip("onnx")
    monkeypatch.setattr(write, "MOST_BYTES", 1000)
    tensors = {"rnn_0.W": np.zeros((1, 20, 10), "float32")}
    tensors["rnn_0.R"] = np.zeros((1, 20, 20), "float32")
    with pytest.raises(UsageError, match="at most 1,000 bytes of weights .* got 2,400"):
        write.onnx_bytes(Spec(bias=False), tensors)
