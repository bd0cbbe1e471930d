"""Keras's layers that torch lacks: run as they are, refused with every reason elsewhere."""

import json
import os

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


@pytest.mark.slow
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


def test_a_configuration_in_yaml_is_read_too(rnnshape, tmp_path):
    pytest.importorskip("yaml")
    weights_alone(tmp_path / "w.h5", "2.2.4")
    (tmp_path / "w.yaml").write_text("""class_name: Sequential
config:
- class_name: LSTM
  config: {name: lstm_1, recurrent_activation: sigmoid, activation: relu, units: &u 4,
           batch_input_shape: !!python/tuple [null, 3], own: !!python/object/apply:os.system [id]}
""")
    (told,) = rnnshape("inspect", "w.h5", "--json").json["modules"]
    assert told["cannot"] == "its activation is 'relu', torch's lstm has tanh"


def test_layers_stand_in_the_order_of_their_model(rnnshape, tmp_path):
    import h5py

    names = ["g_1", "g_2", "g_10", "g_3"]
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["layer_names"] = names
        for name in names:
            for part, shape in (("kernel", (3, 12)), ("recurrent_kernel", (4, 12))):
                file[f"{name}/{name}/gru_cell/{part}:0"] = np.ones(shape, "f4")
    told = [own["name"] for own in rnnshape("inspect", "w.h5", "--json").json["modules"]]
    assert told == [f"{name}/{name}" for name in names]
    with h5py.File(tmp_path / "w.h5", "r+") as file:
        del file.attrs["layer_names"]
    told = [own["name"][:4] for own in rnnshape("inspect", "w.h5", "--json").json["modules"]]
    assert told == ["g_1/", "g_2/", "g_3/", "g_10"]


def test_cells_that_step_together_are_one_network_where_torch_has_it(rnnshape, tmp_path):
    import h5py

    with h5py.File(tmp_path / "w.weights.h5", "w") as file:
        for stack, sizes in (("rnn", (3, 4, 4)), ("rnn_1", (3, 4, 2))):
            file.create_group(f"layers/{stack}/vars").attrs["name"] = stack
            for place, (wide, size) in enumerate(zip(sizes, sizes[1:])):
                cell = f"layers/{stack}/cell/cells/c{place}/vars"
                file.create_group(cell).attrs["name"] = f"c{place}"
                file[f"{cell}/0"] = np.ones((wide, 4 * size), "f4")
                file[f"{cell}/1"] = np.ones((size, 4 * size), "f4")
            file.create_group(f"layers/{stack}/cell/vars").attrs["name"] = "stacked_rnn_cells"
    told = rnnshape("inspect", "w.weights.h5", "--json").json["modules"]
    assert [(own["name"], own["spec"]["num_layers"]) for own in told] == [
        ("rnn", 2), ("rnn_1/c0", 1), ("rnn_1/c1", 1)]  # fmt: skip


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


def test_layers_that_a_file_calls_by_class_and_number_have_their_own_configuration(
    rnnshape, tmp_path
):
    import io
    import zipfile

    import h5py

    layers = [{"class_name": "LSTM", "config": {"name": name, "activation": activation}}
              for name, activation in (("lstm_1", "relu"), ("lstm", "tanh"))]  # fmt: skip
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:  # as Keras 2.15 writes it
        for place in ("lstm", "lstm_1"):
            for number, shape in enumerate(((3, 16), (4, 16), (16,))):
                file[f"layers/{place}/cell/vars/{number}"] = np.ones(shape, "f4")
    with zipfile.ZipFile(tmp_path / "own.keras", "w") as archive:
        archive.writestr("config.json", json.dumps({"config": {"layers": layers}}))
        archive.writestr("metadata.json", json.dumps({"keras_version": "2.15.0"}))
        archive.writestr("model.weights.h5", weights.getvalue())
    told = rnnshape("inspect", "own.keras", "--json").json["modules"]
    assert [own["name"] for own in told] == ["lstm_1", "lstm"]
    assert "'relu'" in told[0]["cannot"] and told[1]["cannot"] is None


@pytest.mark.live
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ending", [".keras", ".h5", ".weights.h5"])
def test_both_directions_of_every_bidirectional_are_one_network(rnnshape, tmp_path, ending):
    """The layers of a Sequential in the older .h5, whose groups are called as the layers are."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    keras.utils.clear_session()  # so that names are those of the classes
    layers = keras.layers
    model = keras.Sequential([
        keras.Input((4, 5)),
        layers.Bidirectional(layers.LSTM(6, return_sequences=True)),
        layers.Bidirectional(layers.GRU(3)),
    ])  # fmt: skip
    (model.save_weights if "weights" in ending else model.save)(tmp_path / f"m{ending}")
    told = rnnshape("inspect", f"m{ending}", "--json").json["modules"]
    assert [m["constructor"] for m in told] == [
        "nn.LSTM(5, 6, batch_first=True, bidirectional=True)",
        "nn.GRU(12, 3, batch_first=True, bidirectional=True)",
    ]
