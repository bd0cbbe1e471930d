"""Keras's layers that torch lacks: run as they are, refused with every reason elsewhere."""

import json

import numpy as np
import pytest
from conftest import ROOT

pytest.importorskip("h5py")
FOLDER = ROOT / "fixtures" / "frameworks"
VARIANTS = {
    row["name"]: row for row in json.loads((FOLDER / "frameworks.json").read_text())["variants"]
}


@pytest.mark.parametrize("name", [name for name in VARIANTS if name != "gelu"])
def test_what_torch_lacks_is_run_as_keras_computes_it(rnnshape, tmp_path, name):
    row = VARIANTS[name]
    np.save(tmp_path / "x.npy", np.array(row["input"], "float32"))
    options = ["--weights", FOLDER / "variants.keras", "--module", name, "--input", "x.npy"]
    ended = rnnshape("run", *options, "-o", "r.npz")
    assert (ended.status, ended.err) == (0, "")
    assert abs(np.load(tmp_path / "r.npz")["output"] - np.array(row["output"])).max() <= 1e-6
    assert rnnshape("run", *options).out.startswith("Keras ")


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("command", [["convert", "{}", "o.npz", "--to", "torch"],
                                     ["trace", "--weights", "{}"], ["code", "--weights", "{}"]],
                         ids=lambda words: words[0])  # fmt: skip
def test_no_other_command_takes_it_for_a_layer_of_torch(rnnshape, name, command):
    path = FOLDER / "variants.keras"
    ended = rnnshape(*(str(word).format(path) for word in command), "--module", name)
    assert ended.status == 2 and "expected a network that torch has" in ended.err


def test_every_reason_is_told(rnnshape):
    told = rnnshape("inspect", FOLDER / "variants.keras", "--json").json["modules"]
    cannot = {module["name"]: module["cannot"] for module in told}
    assert "activation is 'softsign'" in cannot["soft"]
    assert "recurrent_activation is 'linear'" in cannot["soft"]
    assert [module["name"] for module in told if not module["runs"]] == ["gelu"]


def weights_alone(path, version: str) -> None:
    """A file of Keras's save_weights, as versions before 3 wrote it."""
    import h5py

    draw = np.random.default_rng(0).standard_normal
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = version
        for name, shape in (("kernel", (3, 16)), ("recurrent_kernel", (4, 16)), ("bias", (16,))):
            file[f"lstm_1/lstm_1/{name}:0"] = draw(shape).astype("f4")


def test_weights_alone_of_keras_before_2_3_have_its_default_activation(rnnshape, tmp_path):
    weights_alone(tmp_path / "w.h5", "2.2.4")
    (told,) = rnnshape("inspect", "w.h5", "--json").json["modules"]
    assert "recurrent_activation is 'hard_sigmoid'" in told["cannot"] and told["runs"]
    weights_alone(tmp_path / "w.h5", "2.4.0")
    (told,) = rnnshape("inspect", "w.h5", "--json").json["modules"]
    assert told["cannot"] is None and "Keras 2.4.0 has by default sigmoid" in told["readings"][0]


def test_a_configuration_beside_the_weights_is_read(rnnshape, tmp_path):
    weights_alone(tmp_path / "w.h5", "2.2.4")
    config = {"name": "lstm_1", "recurrent_activation": "sigmoid", "activation": "relu"}
    layer = {"class_name": "LSTM", "config": config}
    (tmp_path / "w.json").write_text(json.dumps({"config": {"layers": [layer]}}))
    (told,) = rnnshape("inspect", "w.h5", "--json").json["modules"]
    assert told["cannot"] == "its activation is 'relu', torch's lstm has tanh"


def test_an_optimisers_moments_are_no_networks(rnnshape, tmp_path):
    import h5py

    weights_alone(tmp_path / "w.h5", "2.14.0")
    with h5py.File(tmp_path / "w.h5", "r+") as file:
        for name, tensor in dict(file["lstm_1/lstm_1"]).items():
            for moment in "mv":
                file[f"optimizer_weights/Adam/{moment}/lstm_1/{name}"] = tensor[()]
    told = rnnshape("inspect", "w.h5", "--json").json
    assert [module["name"] for module in told["modules"]] == ["lstm_1/lstm_1"]
    assert "6 tensors are an optimiser's" in told["notes"][-1]
