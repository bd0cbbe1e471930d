"""Files of TensorFlow: SavedModels, checkpoints, frozen graphs, TensorFlow Lite, TensorFlow.js."""

import json
import random
import shutil

import numpy as np
import pytest
from conftest import ROOT
from mutations import look, mutated

LITE, SCRIPT = ROOT / "fixtures" / "tf", ROOT / "fixtures" / "tfjs"
ROWS = [(LITE, row) for row in json.loads((LITE / "tensorflow.json").read_text())]
ROWS += [(SCRIPT, row | {"file": "model.json"})
         for row in json.loads((SCRIPT / "layers.json").read_text())]  # fmt: skip


@pytest.mark.parametrize("folder, row", ROWS, ids=[f"{r['file']}-{r['name']}" for _, r in ROWS])
def test_a_layer_gives_what_its_own_program_gives(rnnshape, tmp_path, folder, row):
    if row["file"].endswith(".tflite"):
        pytest.importorskip("tflite")
    np.save(tmp_path / "x.npy", np.array(row["input"], "float32"))
    module = ["--module", row["name"]] if row["name"] else []
    options = ["--weights", folder / row["file"], *module, "--input", "x.npy", "-o", "r.npz"]
    ended = rnnshape("run", *options)
    assert ended.status == 0, ended.err
    assert abs(np.load(tmp_path / "r.npz")["output"] - np.array(row["output"])).max() <= 1e-6


@pytest.fixture
def saved(tmp_path):
    """A SavedModel that a test may change."""
    return shutil.copytree(LITE / "saved", tmp_path / "saved")


def test_the_parts_of_a_saved_model_tell_the_same(rnnshape, saved):
    parts = ("saved_model.pb", "variables/variables.index",
             "variables/variables.data-00000-of-00001")  # fmt: skip
    told = [rnnshape("inspect", saved / part, "--json").json["modules"] for part in parts]
    assert told[0] == told[1] == told[2]
    names = [module["name"] for module in told[0]]
    assert names == ["reader", "both", "hard", "plain", "stack"]
    assert told[0][-1]["spec"]["num_layers"] == 2


def test_without_its_configuration_a_layer_keeps_the_name_in_its_variables(rnnshape, saved):
    for name in ("keras_metadata.pb", "saved_model.pb"):
        (saved / name).unlink()
    told = rnnshape("inspect", saved / "variables" / "variables.index", "--json").json["modules"]
    assert [module["name"] for module in told if "both" in module["name"]] == ["both"]
    assert all("has by default sigmoid, tanh" in module["readings"][-1] or module["cannot"]
               or module["spec"]["cell"] == "rnn" for module in told)  # fmt: skip


@pytest.mark.parametrize("gone, words", [
    ("variables/variables.index", "a SavedModel without its variables"),
    ("variables/variables.data-00000-of-00001", "is not beside it"),
])  # fmt: skip
def test_a_part_that_is_missing_is_named(rnnshape, saved, gone, words):
    (saved / gone).unlink()
    ended = rnnshape("inspect", saved / "saved_model.pb")
    assert (ended.status, ended.out) == (2, "") and words in ended.err


def test_of_a_folder_of_tensorflow_the_file_to_name_is_told(rnnshape, saved):
    told = rnnshape("inspect", saved).err
    assert "saved_model.pb" in told.split("fix: ")[1]


def test_what_a_checkpoint_of_older_cells_does_not_say_is_told(rnnshape):
    told = rnnshape("inspect", LITE / "older.index", "--json").json["modules"]
    said = {module["name"]: module for module in told}
    assert "forget_bias" in " ".join(said["own0/basic_lstm_cell"]["readings"])
    assert said["own1"]["cannot"].startswith("reset_after=False") and said["own1"]["runs"]
    assert said["both"]["spec"]["bidirectional"]


def test_the_numbers_of_a_script_model_are_missed(rnnshape, tmp_path):
    shutil.copy(SCRIPT / "model.json", tmp_path)
    assert "'weights.bin' is not beside it" in rnnshape("inspect", "model.json").err
    (tmp_path / "weights.bin").write_bytes(b"\0" * 100)
    assert "past the end of weights.bin" in rnnshape("inspect", "model.json").err


def test_numbers_of_8_and_16_bits_are_read_as_what_they_stand_for(rnnshape, tmp_path):
    w = np.random.default_rng(0).normal(size=(3, 4)).astype("f4")
    scale, low = (w.max() - w.min()) / 255, w.min()
    eight = np.round((w - low) / scale).astype("u1")
    parts = [
        (eight.tobytes(), {"dtype": "uint8", "scale": float(scale), "min": float(low)}),
        (np.eye(4, dtype="f2").tobytes(), {"dtype": "float16", "original_dtype": "float32"}),
    ]
    entries = [
        {"name": f"r/{name}", "shape": [int(n), 4], "dtype": "float32", "quantization": q}
        for name, n, (_, q) in zip(("kernel", "recurrent_kernel"), (3, 4), parts)
    ]
    whole = b"".join(data for data, _ in parts)
    for name, data in (("a.bin", whole[:20]), ("b.bin", whole[20:])):  # one tensor in two files
        (tmp_path / name).write_bytes(data)
    group = {"paths": ["a.bin", "./b.bin"], "weights": entries}
    (tmp_path / "model.json").write_text(json.dumps({"weightsManifest": [group]}))
    np.save(tmp_path / "x.npy", np.ones((1, 1, 3), "f4"))
    rnnshape("run", "--weights", "model.json", "--input", "x.npy", "-o", "r.npz")
    wanted = np.tanh((eight * scale + low).sum(0))
    assert abs(np.load(tmp_path / "r.npz")["output"][0, 0] - wanted).max() < 1e-6


def test_a_lite_model_without_its_reader_names_the_extra(rnnshape, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "tflite", None)
    assert "pip install 'rnnshape[tflite]'" in rnnshape("inspect", LITE / "lstm.tflite").err


@pytest.mark.parametrize("name", ["lstm.tflite", "lstm_both.tflite"])
def test_a_number_that_is_changed_anywhere_in_a_lite_model_is_read_or_refused(tmp_path, name):
    pytest.importorskip("tflite")
    data = (LITE / name).read_bytes()
    for place in range(0, len(data), 4):
        (tmp_path / name).write_bytes(data[:place] + b"\xff\xff\xff\x7f" + data[place + 4 :])
        assert look(tmp_path / name) in ("read", "refused")


def test_a_sum_that_stands_in_itself_ends(rnnshape, tmp_path):
    tflite = pytest.importorskip("tflite")
    data = (LITE / "lstm_steps.tflite").read_bytes()
    graph = tflite.Model.GetRootAs(data, 0).Subgraphs(0)
    each = [graph.Operators(place) for place in range(graph.OperatorsLength())]
    cut = {int(own.Inputs(1)) for own in each if own.OutputsLength() == 4}
    for own in each:
        made, read = int(own.Outputs(0)), own.InputsAsNumpy()
        if made in cut:  # what is cut into gates is made of itself twice
            own = np.array([len(read), *[made] * len(read)], "<i4").tobytes()
            data = data.replace(np.array([len(read), *read], "<i4").tobytes(), own)
    (tmp_path / "own.tflite").write_bytes(data)
    ended = rnnshape("inspect", "own.tflite")
    assert ended.status == 0 and "the converter wrote the recurrence out" in ended.out


def test_changed_files_are_read_or_refused(tmp_path):
    pytest.importorskip("tflite")
    choice = random.Random(0)
    for folder in (LITE, SCRIPT):
        shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    names = ("older.index", "frozen.pb", "model.json", "lstm.tflite", "lstm_both.tflite",
             "saved/variables/variables.data-00000-of-00001", "saved/keras_metadata.pb")  # fmt: skip
    for name in names:
        path, data = tmp_path / name, (tmp_path / name).read_bytes()
        for _ in range(40):
            path.write_bytes(mutated(data, choice))
            whole = path.parent / "saved_model.pb" if "keras" in name else path
            assert look(whole) in ("read", "refused")
        path.write_bytes(data)
