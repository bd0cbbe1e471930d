"""ONNX's own RNN, LSTM and GRU in the walk, beside recordings of the onnx package and onnxruntime."""

import json

import numpy as np
import pytest
from conftest import ROOT

from rnnshape import ShapeError, UsageError
from rnnshape.models.onnx.node import Node
from rnnshape.models.onnx.walk import run_node

FOLDER = ROOT / "fixtures" / "onnx"
CASES = json.loads((FOLDER / "cases.json").read_text())["cases"]
ARRAYS = np.load(FOLDER / "cases.npz")


def node_of(case: dict) -> tuple[Node, np.ndarray]:
    inputs = {name: ARRAYS[f"{case['key']}/{name}"] for name in case["inputs"]}
    x = inputs.pop("X")
    return Node(case["operator"], case["name"], case["attributes"], inputs), x


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['name']} {case['operator']}")
def test_the_recorded_outputs(case):
    node, x = node_of(case)
    result = run_node(node, x)._asdict()
    for name in case["outputs"]:
        wanted = ARRAYS[f"{case['key']}/{name}"]
        assert result[name].shape == wanted.shape
        assert abs(result[name] - wanted).max() <= 1e-6 * max(1, abs(wanted).max()), name


def test_all_node_tests_of_the_three_operators_are_recorded():
    names = {case["name"] for case in CASES if case["by"].startswith("onnx ")}
    assert len(names) >= 18
    assert {"test_lstm_with_peepholes", "test_gru_batchwise", "test_rnn_seq_length"} <= names


def test_what_the_recordings_cover():
    told = [case["attributes"] for case in CASES]
    assert {a.get("direction") for a in told} >= {"forward", "reverse", "bidirectional"}
    assert {a.get("layout", 0) for a in told} == {0, 1}
    assert {a.get("linear_before_reset") for a in told} >= {0, 1}
    assert any("clip" in a for a in told) and any(a.get("input_forget") for a in told)
    assert len({name for a in told for name in a.get("activations", ())}) == 11
    assert {"sequence_lens", "initial_h", "initial_c", "P", "B"} <= {
        name for case in CASES for name in case["inputs"]
    }


def lstm(layout: int = 0, **attributes) -> Node:
    generator = np.random.default_rng(0)
    shapes = {"W": (2, 12, 4), "R": (2, 12, 3), "B": (2, 24), "P": (2, 9)}
    inputs = {name: generator.standard_normal(shape) for name, shape in shapes.items()}
    given = {"hidden_size": 3, "direction": "bidirectional", "layout": layout, **attributes}
    return Node("LSTM", "", given, inputs)


X = np.random.default_rng(1).standard_normal((5, 2, 4))


def test_layout_1_is_layout_0_with_the_batch_first():
    states = np.random.default_rng(2).standard_normal((2, 2, 2, 3))
    one = run_node(lstm(0), X, *states, sequence_lens=[5, 3])
    other = run_node(lstm(1), X.transpose(1, 0, 2), *states.transpose(0, 2, 1, 3), [5, 3])
    assert np.array_equal(other.Y, one.Y.transpose(2, 0, 1, 3))
    assert (other.Y_h == one.Y_h.transpose(1, 0, 2)).all()
    assert (other.Y_c == one.Y_c.transpose(1, 0, 2)).all()


def test_behind_the_end_of_a_sequence_y_is_zero_and_its_last_state_is_y_h():
    result = run_node(lstm(), X, sequence_lens=[2, 0])
    assert not result.Y[2:].any() and not result.Y[:, :, 1].any()
    assert (result.Y_h[0, 0] == result.Y[1, 0, 0]).all()
    assert (result.Y_h[1, 0] == result.Y[0, 1, 0]).all()
    assert not result.Y_h[:, 1].any()


def test_names_of_activations_know_no_case_and_take_their_numbers_in_order():
    names = ["sigmoid", "TANH", "Elu", "LeakyRelu", "HardSigmoid", "softsign"]
    node = lstm(activations=names, activation_alpha=[0.5, 0.1], activation_beta=[0.4])
    forward, reverse = node.spec.settings
    assert forward.activations == (("sigmoid", ()), ("tanh", ()), ("elu", (0.5,)))
    assert reverse.activations == (("leaky_relu", (0.1,)), ("hard_sigmoid", (0.2, 0.4)), ("softsign", ()))  # fmt: skip


@pytest.mark.parametrize(
    "attributes, message",
    [
        ({"direction": "sideways"}, "expected direction forward, reverse, bidirectional"),
        ({"layout": 2}, "expected layout 0 or 1"),
        ({"activations": ["Tanh"]}, "expected 6 activations"),
        ({"activations": ["Swish"] * 6}, "an activation that ONNX names"),
        ({"activations": ["Affine"] * 6}, "Affine, which has no defaults"),
        ({"direction": "forward"}, "expected W of 1×12×4"),
        ({"hidden_size": 5}, "expected W of 2×20×4"),
    ],
)
def test_an_operator_that_is_none_is_refused(attributes, message):
    with pytest.raises(UsageError, match=message):
        assert lstm(**attributes).spec


@pytest.mark.parametrize(
    "change, message",
    [
        ({"x": X[..., :3]}, r"expected X \(T, N, I\) with I = 4"),
        ({"initial_h": X}, "expected initial_h of 2×2×3"),
        ({"sequence_lens": [6, 1]}, "lengths from 0 to 5"),
        ({"sequence_lens": [1]}, "2 lengths"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(change, message):
    with pytest.raises(ShapeError, match=message):
        run_node(lstm(), **{"x": X, **change})


@pytest.mark.parametrize(
    "attributes, reason",
    [
        ({}, "peepholes"),
        ({"clip": 1.5}, "clip=1.5"),
        ({"input_forget": 1}, "input_forget=1"),
        ({"activations": ["Relu"] * 6}, "activations Relu"),
    ],
)
def test_what_torch_does_not_compute(attributes, reason):
    node = lstm(**attributes)
    if attributes:
        weights = {name: array for name, array in node.inputs.items() if name != "P"}
        node = Node("LSTM", "", node.attributes, weights)
    assert reason in node.unlike_torch


QUANTIZED = json.loads((ROOT / "fixtures" / "frameworks" / "frameworks.json").read_text())


@pytest.mark.parametrize("row", QUANTIZED["quantized"], ids=lambda row: row["file"])
def test_weights_of_8_bits_are_read_as_the_numbers_that_they_stand_for(rnnshape, tmp_path, row):
    pytest.importorskip("onnx")
    path = ROOT / "fixtures" / "frameworks" / row["file"]
    np.save(tmp_path / "x.npy", np.array(row["input"], "float32"))
    ended = rnnshape("run", "--weights", path, "--input", "x.npy", "-o", "r.npz")
    difference = abs(np.load(tmp_path / "r.npz")["Y"] - np.array(row["Y"])).max()
    exact = "qdq" in row["file"]  # the other operator rounds what the weights are multiplied with
    assert difference <= (1e-6 if exact else 1e-2) and ("8 bits" in ended.err) != exact
    assert rnnshape("convert", path, "o.npz", "--to", "torch").status == 0


def test_a_recurrence_that_was_written_out_as_products_is_told_as_such(rnnshape, tmp_path):
    onnx = pytest.importorskip("onnx")
    helper, held = onnx.helper, onnx.numpy_helper.from_array(np.ones((3, 4), "f4"), "lstm.weight")
    node = helper.make_node("MatMul", ["X", "lstm.weight"], ["Y"], name="/lstm/MatMul")
    value = helper.make_tensor_value_info
    graph = helper.make_graph([node], "g", [value("X", 1, None)], [value("Y", 1, None)], [held])
    onnx.save(helper.make_model(graph), tmp_path / "m.onnx")
    (note,) = rnnshape("inspect", "m.onnx", "--json").json["notes"]
    assert "/lstm/MatMul" in note and "the exporter wrote the recurrence out" in note
    assert "wrote the recurrence out" in rnnshape("run", "--weights", "m.onnx").err


def saved(path, inputs, held, **attributes) -> None:
    """A graph of one LSTM that reads X."""
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    node = helper.make_node("LSTM", ["X", *inputs], ["Y"], name="own", **attributes)
    value = helper.make_tensor_value_info
    stored = [onnx.numpy_helper.from_array(np.ones(shape, "f4"), name) for name, shape in held]
    graph = helper.make_graph([node], "g", [value("X", 1, None)], [value("Y", 1, None)], stored)
    onnx.save(helper.make_model(graph), path)


def test_what_torchs_exporter_makes_of_a_projection_is_no_network(rnnshape, tmp_path):
    held = [("W", (1, 8, 3)), ("R", (1, 8, 2)), ("h", (1, 2, 2)), ("c", (1, 2, 4))]
    saved(tmp_path / "m.onnx", ["W", "R", "", "", "h", "c"], held, hidden_size=2)
    told = rnnshape("inspect", "m.onnx", "--json").json
    assert told["modules"] == [] and "initial_c of 1×2×4" in told["notes"][0]


def test_an_alpha_that_readers_disagree_on_is_told(rnnshape, tmp_path):
    three = {"hidden_size": 2, "activations": ["Sigmoid", "ThresholdedRelu", "Tanh"]}
    saved(tmp_path / "m.onnx", ["W", "R"], [("W", (1, 8, 3)), ("R", (1, 8, 2))], **three)
    assert "onnxruntime takes 0" in rnnshape("inspect", "m.onnx").out
    saved(tmp_path / "m.onnx", ["W", "R"], [("W", (1, 8, 3)), ("R", (1, 8, 2))], **three,
          activation_alpha=[0.5])  # fmt: skip
    assert "onnxruntime" not in rnnshape("inspect", "m.onnx").out
