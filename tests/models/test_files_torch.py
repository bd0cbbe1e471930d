"""Files that torch, Keras and ONNX's exporter wrote are read without them, and computed with."""

import importlib.util
import json
import sys
import zipfile

import numpy as np
import pytest
from conftest import ROOT

from rnnshape import run
from rnnshape.errors import UsageError
from rnnshape.models.files import open_file, read_weights
from rnnshape.models.networks.find import completed, contents

FOLDER = ROOT / "fixtures" / "checkpoints"
OTHERS = ROOT / "fixtures" / "frameworks"


def cases(folder, name):
    document = json.loads((folder / name).read_text(encoding="utf-8"))
    return [
        (row["file"], row["format"], module)
        for row in document["files"]
        for module in row["modules"]
    ]


TORCH = cases(FOLDER, "checkpoints.json")
NAMES = [f"{file}:{module['name']}" for file, _, module in TORCH]
FRAMEWORKS = cases(OTHERS, "frameworks.json")


def module_of(folder, file, name):
    return next(m for m in contents(open_file(str(folder / file))).modules if m.name == name)


@pytest.mark.parametrize("file, form, saved", TORCH, ids=NAMES)
def test_the_saved_network_is_found(file, form, saved):
    assert open_file(str(FOLDER / file)).format == form
    found = module_of(FOLDER, file, saved["name"])
    open_arguments = set(found.undetermined)
    plain = found.spec.to_dict()
    assert {n: v for n, v in plain.items() if n not in open_arguments} == {
        n: v for n, v in saved["spec"].items() if n not in open_arguments
    }
    assert found.whole and not found.guessed
    assert {tensor.dtype for tensor in found.parameters.values()} == {saved["dtype"]}


@pytest.mark.parametrize("file, form, saved", TORCH, ids=NAMES)
def test_its_weights_give_torchs_outputs(file, form, saved):
    weights = read_weights(str(FOLDER / file), saved["name"])
    spec = completed(weights, {n: saved["spec"][n] for n in ("batch_first", "nonlinearity")})
    arrays = {name: array.astype("float32") for name, array in weights.items()}
    result = run(spec, arrays, np.array(saved["input"], "float32"))
    for name, array in result.to_dict().items():
        assert abs(array - np.array(saved[name])).max() <= 1e-6, name


@pytest.mark.parametrize("file, form, saved", TORCH, ids=NAMES)
def test_every_network_of_a_file_is_one_that_was_saved(file, form, saved):
    found = [m.name for m in contents(open_file(str(FOLDER / file))).modules]
    assert found == [module["name"] for other, _, module in TORCH if other == file]


def test_what_a_module_pickled_whole_or_a_script_says_is_determined():
    for file in ("whole.pt", "script.pt"):
        assert all(not m.undetermined for m in contents(open_file(str(FOLDER / file))).modules)
    (whole,) = contents(open_file(str(FOLDER / "whole.pt"))).modules
    assert whole.constructor == (
        "nn.RNN(3, 4, num_layers=2, nonlinearity='relu', batch_first=True, dropout=0.25)"
    )


def test_an_optimisers_moments_and_attention_are_no_networks():
    held = contents(open_file(str(FOLDER / "lightning.ckpt")))
    others = {tensor.name for tensor in held.other}
    assert {"optimizer_states.0.state.0.exp_avg", "state_dict.attention.in_proj_weight"} <= others
    assert any("optimiser" in note for note in held.notes)


def test_classes_of_other_packages_are_named_and_left_alone():
    notes = contents(open_file(str(FOLDER / "lightning.ckpt"))).notes
    assert any("argparse.Namespace" in note and "nothing of it was run" in note for note in notes)


@pytest.mark.parametrize("file", ["zip.pt", "script.pt"])
def test_inspecting_reads_no_numbers(rnnshape, tmp_path, file):
    whole = bytearray((FOLDER / file).read_bytes())
    with zipfile.ZipFile(FOLDER / file) as archive:
        for entry in archive.infolist():
            if "/data/" in entry.filename:
                lengths = whole[entry.header_offset + 26 : entry.header_offset + 30]
                begin = entry.header_offset + 30 + sum(memoryview(lengths).cast("H"))
                whole[begin] ^= 1  # no checksum fits any longer
    (tmp_path / "a.pt").write_bytes(whole)
    held = contents(open_file(str(tmp_path / "a.pt")))
    assert held.modules and rnnshape("inspect", "a.pt").status == 0
    ended = rnnshape("run", "--weights", "a.pt", "--module", held.modules[0].name)
    assert ended.status == 2 and "Bad CRC-32" in ended.err


def test_tied_tensors_are_one_storage_under_two_names():
    left, right = (read_weights(str(FOLDER / "tied.pt"), name) for name in ("left", "right"))
    assert all((left[name] == right[name]).all() for name in left)


def needed(file):
    package = "onnx" if file.endswith(".onnx") else "h5py"
    return pytest.mark.skipif(importlib.util.find_spec(package) is None, reason=f"no {package}")


@pytest.mark.parametrize(
    "file, form, saved",
    [pytest.param(*case, marks=needed(case[0])) for case in FRAMEWORKS],
    ids=[f"{file}:{module['name']}" for file, _, module in FRAMEWORKS],
)
def test_other_frameworks_layers_give_their_outputs(file, form, saved):
    path = str(OTHERS / file)
    held = contents(open_file(path))
    assert held.file.format == form
    name = saved["name"] if saved["name"] is not None else held.modules[0].name
    found = next(m for m in held.modules if m.name == name)
    known = {"nonlinearity": "relu"} if "nonlinearity" in found.undetermined else {}
    weights = read_weights(path, name)
    result = run(completed(weights, known), weights, np.array(saved["input"], "float32"))
    assert abs(result.output - np.array(saved["output"])).max() <= 1e-6
    if "constructor" in saved:  # torch's repr leaves the nonlinearity out
        assert str(found.spec) == saved["constructor"]


@needed(".h5")
def test_keras_layers_are_told_with_what_their_configuration_says():
    plain = module_of(OTHERS, "model.keras", "plain")
    assert (
        plain.constructor == "nn.RNN(6, 3, nonlinearity='relu', bias=False, batch_first=True)"
        or (plain.spec.nonlinearity == "relu" and not plain.undetermined)
    )
    silent = module_of(OTHERS, "model.weights.h5", "plain")
    assert silent.undetermined == ("nonlinearity",)


@needed(".h5")
@pytest.mark.parametrize("file", ["model.keras", "model.weights.h5", "model.h5"])
def test_a_gru_that_resets_before_the_product_is_not_torchs(rnnshape, file):
    older = module_of(OTHERS, file, "older")
    assert "reset_after=False" in older.cannot
    ended = rnnshape("convert", OTHERS / file, "o.npz", "--to", "torch", "--module", "older")
    assert ended.status == 2 and "reset_after=False" in ended.err


@needed(".h5")
def test_hdf5_that_takes_for_ever_is_given_up(rnnshape, monkeypatch):
    from rnnshape.models.formats import hdf

    monkeypatch.setattr(hdf, "_SECONDS", 0.001)
    ended = rnnshape("inspect", OTHERS / "model.h5")
    assert ended.status == 2 and "HDF5 that cannot be read in 0 seconds" in ended.err


@needed(".h5")
def test_numbers_in_another_file_are_refused(rnnshape, tmp_path):
    import h5py

    (tmp_path / "secret").write_bytes(bytes(64))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("kernel", (4, 4), "f4", external=[("secret", 0, 64)])
        file["elsewhere"] = h5py.ExternalLink("b.h5", "/kernel")
    ended = rnnshape("inspect", "a.h5")
    assert ended.status == 2 and "numbers that lie in another file" in ended.err


@needed(".onnx")
@pytest.mark.parametrize("place", ["../secret", "/etc/hostname", "missing", ""])
def test_onnx_data_outside_the_models_folder_is_refused(rnnshape, tmp_path, place):
    import onnx

    model = onnx.load(OTHERS / "gru.onnx")
    (node,) = (node for node in model.graph.node if node.op_type == "GRU")
    tensor = next(t for t in model.graph.initializer if t.name == node.input[1])
    tensor.ClearField("raw_data")
    tensor.data_location = 1
    tensor.external_data.add(key="location", value=place)
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
    (tmp_path.parent / "secret").write_bytes(bytes(999))
    held = contents(open_file(str(tmp_path / "a.onnx")))
    assert held.modules[0].spec.cell == "gru"
    with pytest.raises(UsageError, match="no file beside"):
        read_weights(str(tmp_path / "a.onnx"))


def changed_gru(tmp_path, change):
    """A file with the recorded GRU's graph after `change` (of the graph and the operator)."""
    import onnx

    model = onnx.load(OTHERS / "gru.onnx")
    (node,) = (node for node in model.graph.node if node.op_type == "GRU")
    change(model.graph, node)
    onnx.save(model, tmp_path / "a.onnx")
    return str(tmp_path / "a.onnx")


@needed(".onnx")
def test_weights_that_an_onnx_graph_packs_of_constants_are_found(tmp_path):
    from onnx import helper

    def packed(graph, node):
        graph.node.insert(0, helper.make_node("Identity", [node.input[1]], ["packed"]))
        node.input[1] = "packed"

    path = changed_gru(tmp_path, packed)
    (found,) = contents(open_file(path)).modules
    whole, changed = read_weights(str(OTHERS / "gru.onnx")), read_weights(path)
    assert found.whole and all((changed[name] == whole[name]).all() for name in whole)


@needed(".onnx")
@pytest.mark.parametrize("place", [1, 3], ids=["W", "B"])
def test_weights_that_an_onnx_graph_is_fed_are_said_to_be_missing(rnnshape, tmp_path, place):
    def fed(graph, node):
        node.input[place] = "fed"

    held = contents(open_file(changed_gru(tmp_path, fed)))
    assert not held.modules and "weights are computed in the graph" in held.notes[0]
    ended = rnnshape("run", "--weights", "a.onnx")
    assert ended.status == 2 and "weights are computed in the graph" in ended.err


@pytest.mark.parametrize(
    "file, package, extra", [("model.keras", "h5py", "keras"), ("lstm.onnx", "onnx", "onnx")]
)
def test_a_missing_package_is_said_with_the_line_that_installs_it(
    rnnshape, monkeypatch, file, package, extra
):
    monkeypatch.setitem(sys.modules, package, None)
    ended = rnnshape("inspect", OTHERS / file)
    assert ended.status == 2 and f"pip install 'rnnshape[{extra}]'" in ended.err


@pytest.mark.parametrize(
    "name, said",
    [
        ("torch.ao.nn.quantized.dynamic.modules.rnn.LSTM", "a quantized module are packed"),
        ("torch.ScriptObject", "holds what is not read"),
        ("torch._utils._rebuild_sparse_tensor", ".to_dense()"),
    ],
)
def test_tensors_that_are_not_read_are_told(tmp_path, name, said):
    module, _, kind = name.rpartition(".")
    pickled = f"c{module}\n{kind}\n(tR.".encode()  # a call without arguments
    with zipfile.ZipFile(tmp_path / "w.pt", "w") as archive:
        archive.writestr("a/data.pkl", pickled)
    assert any(said in note for note in open_file(str(tmp_path / "w.pt")).notes)
