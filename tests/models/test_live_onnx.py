"""ONNX files beside the onnx package's node tests, onnxruntime, and torch's exporter."""

import os
import sys

import numpy as np
import pytest
from conftest import ROOT

from rnnshape import Spec, run
from rnnshape.numeric.random import drawn_weights

pytestmark = [pytest.mark.live, pytest.mark.filterwarnings("ignore")]
onnx = pytest.importorskip("onnx")
RNNS = ("RNN", "LSTM", "GRU")


@pytest.fixture(scope="module")
def node_tests():
    """The onnx package's own tests of the three operators, all of them."""
    from onnx.backend.test.case.node import collect_testcases

    return [c for c in collect_testcases() if any(n.op_type in RNNS for n in c.model.graph.node)]


def held(model, inputs):
    """The model with everything but X in the file, as exporters write it."""
    named = dict(zip([value.name for value in model.graph.input], inputs))
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.input[1:]
    for name, array in list(named.items())[1:]:
        copy.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    return copy, inputs[0]


def test_every_node_test_is_computed(rnnshape, tmp_path, node_tests):
    assert len(node_tests) >= 18
    for case in node_tests:
        for inputs, outputs in case.data_sets:
            model, x = held(case.model, inputs)
            onnx.save(model, tmp_path / "m.onnx")
            np.save(tmp_path / "x.npy", x)
            ended = rnnshape("run", "--weights", "m.onnx", "--input", "x.npy", "-o", "r.npz")
            assert (ended.status, ended.err) == (0, ""), case.name
            result = np.load(tmp_path / "r.npz")
            names = [n for n, own in zip(("Y", "Y_h", "Y_c"), model.graph.node[0].output) if own]
            for name, wanted in zip(names, outputs):
                assert result[name].shape == wanted.shape
                assert abs(result[name] - wanted).max() <= 1e-6, (case.name, name)


@pytest.fixture(scope="module")
def recorder():
    """fixtures/record_layouts.py, whose random operators are drawn here with other seeds."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    for package in ("onnxruntime", "keras", "flax", "equinox"):
        pytest.importorskip(package)
    sys.path.insert(0, str(ROOT / "fixtures"))
    try:
        import record_layouts
    finally:
        sys.path.pop(0)
    return record_layouts


@pytest.mark.parametrize("seed", range(300))
def test_random_operators_give_onnxruntimes_numbers(recorder, seed):
    from rnnshape.models.onnx.node import Node
    from rnnshape.models.onnx.walk import run_node

    operator, attributes, inputs = recorder.random_node(np.random.default_rng(1000 + seed))
    wanted = recorder.by_onnxruntime(operator, attributes, inputs)
    x = inputs.pop("X")
    result = run_node(Node(operator, "", attributes, inputs), x)._asdict()
    for name, array in wanted.items():
        largest = abs(array).max()
        scale = max(1, largest)
        if not largest < 1e4:  # NaN is not, either
            pytest.skip("the recurrence diverges: rounding grows without bound")
        assert abs(result[name] - array).max() <= 1e-5 * scale, (name, attributes)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("relu", [False, True])
def test_a_converted_model_computes_the_same_in_onnxruntime(
    rnnshape, tmp_path, cell, both, bias, relu
):
    onnxruntime = pytest.importorskip("onnxruntime")
    if relu and cell != "rnn":
        return
    spec = Spec(cell=cell, input_size=3, hidden_size=4, num_layers=3, bidirectional=both, bias=bias,
                nonlinearity="relu" if relu else "tanh")  # fmt: skip
    weights = drawn_weights(spec, np.random.default_rng(0), "float32")
    np.savez(tmp_path / "w.npz", **weights)
    options = ["--to", "onnx", "--nonlinearity", spec.nonlinearity]
    assert rnnshape("convert", "w.npz", "m.onnx", *options).err == ""
    x = np.random.default_rng(1).standard_normal((5, 2, 3)).astype("float32")
    onnx.checker.check_model(str(tmp_path / "m.onnx"), full_check=True)
    wanted = run(spec, weights, x).to_dict()
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    named = dict(zip([o.name for o in session.get_outputs()], session.run(None, {"input": x})))
    assert named.keys() == wanted.keys()
    np.save(tmp_path / "x.npy", x)
    assert rnnshape("run", "--weights", "m.onnx", "--input", "x.npy", "-o", "r.npz").err == ""
    computed = np.load(tmp_path / "r.npz")
    assert rnnshape("convert", "m.onnx", "back.npz", "--to", "torch").err == ""
    back = run(spec, dict(np.load(tmp_path / "back.npz")), x).to_dict()
    for name, array in wanted.items():
        for other in (named, computed, back):
            assert abs(other[name] - array).max() <= 1e-6, name


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize(
    "name, options",
    [
        ("LSTM", {"num_layers": 2, "bidirectional": True}),
        ("GRU", {"num_layers": 2, "batch_first": True}),
        ("RNN", {"num_layers": 3, "bidirectional": True, "nonlinearity": "relu"}),
        ("LSTM", {"num_layers": 2, "batch_first": True, "bidirectional": True, "bias": False}),
    ],
)
def test_a_model_that_torch_exported_gives_torchs_numbers(
    rnnshape, tmp_path, name, options, dynamic
):
    torch = pytest.importorskip("torch")
    module = getattr(torch.nn, name)(4, 6, **options).eval()
    x = torch.randn(5, 3, 4)
    axes = {"x": {0: "a", 1: "b"}} if dynamic else None
    torch.onnx.export(module, (x,), str(tmp_path / "m.onnx"), dynamo=False, input_names=["x"],
                      dynamic_axes=axes)  # fmt: skip
    np.save(tmp_path / "x.npy", x.numpy())
    ended = rnnshape("run", "--weights", "m.onnx", "--input", "x.npy", "-o", "r.npz")
    assert (ended.status, ended.err) == (0, "")
    with torch.no_grad():
        output, final = module(x)
    states = final if isinstance(final, tuple) else (final,)
    result = np.load(tmp_path / "r.npz")
    for key, wanted in zip(("output", "hn", "cn"), (output, *states)):
        assert abs(result[key] - wanted.numpy()).max() <= 1e-6, key
    document = rnnshape("run", "--weights", "m.onnx", "--input", "x.npy", "--json").json
    told = {key: document["spec"][key] for key in options}
    assert told == options


def model_of(operator: str, attributes: dict, arrays: dict, name: str = "own"):
    from onnx import helper, numpy_helper

    names = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
    given = [own if own == "X" or own in arrays else "" for own in names]
    while not given[-1]:
        given.pop()
    node = helper.make_node(operator, given, ["Y"], name=name, **attributes)
    value = helper.make_tensor_value_info
    graph = helper.make_graph([node], "g", [value("X", 1, None)], [value("Y", 1, None)],
                              [numpy_helper.from_array(a, n) for n, a in arrays.items()])  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)


def gru(**attributes):
    drawn = np.random.default_rng(0).standard_normal
    arrays = {"W": drawn((1, 9, 2)).astype("f4"), "R": drawn((1, 9, 3)).astype("f4")}
    return model_of("GRU", {"hidden_size": 3, **attributes}, arrays)


def test_what_torch_lacks_is_run_and_not_converted(rnnshape, tmp_path):
    onnx.save(gru(), tmp_path / "m.onnx")
    assert rnnshape("run", "--weights", "m.onnx").status == 0
    ended = rnnshape("convert", "m.onnx", "w.npz", "--to", "torch")
    assert (ended.status, "linear_before_reset=0" in ended.err) == (2, True)


def test_the_text_and_the_document_name_the_operators(rnnshape, tmp_path):
    import jsonschema

    from rnnshape.show.schema import schema

    onnx.save(gru(linear_before_reset=1), tmp_path / "m.onnx")
    told = rnnshape("run", "--weights", "m.onnx").out
    assert told.startswith("ONNX GRU  own\n  hidden_size=3, linear_before_reset=1\n")
    document = rnnshape("run", "--weights", "m.onnx", "--json").json
    jsonschema.validate(document, schema("run"))
    assert document["onnx"][0]["operator"] == "GRU"


def test_states_and_lengths_of_the_caller(rnnshape, tmp_path):
    onnx.save(gru(), tmp_path / "m.onnx")
    np.save(tmp_path / "x.npy", np.ones((4, 2, 2), "f4"))
    np.save(tmp_path / "h.npy", np.ones((1, 2, 3), "f4"))
    options = ["--weights", "m.onnx", "--input", "x.npy"]
    rnnshape("run", *options, "--h0", "h.npy", "--lengths", "4,1", "-o", "r.npz")
    result = np.load(tmp_path / "r.npz")
    assert not result["output"][1:, 1].any() and result["output"][0, 1].any()
    assert (result["hn"][0, 1] == result["output"][0, 1]).all()
    ended = rnnshape("run", *options, "--h0", "x.npy")
    assert (ended.status, "--h0: expected 1×2×3" in ended.err) == (2, True)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            ["--weights", "m.onnx", "--hidden-size", 9],
            "--hidden-size: expected 3, as the file says",
        ),
        (
            ["--weights", "m.onnx", "--module", "x"],
            "--module: expected one of the networks of 'm.onnx': 'own'",
        ),
        (["--weights", "m.onnx", "--c0", "random"], "--c0: expected for an LSTM alone"),
        (["--weights", "m.onnx", "--unbatched"], "--unbatched: expected without an .onnx file"),
        (["--weights", "cut.onnx"], "expected a .onnx file that can be read"),
        (["--weights", "none.onnx"], "No such file"),
        (["--weights", "."], "fix:"),
        (["--weights", "pipe.onnx"], "'pipe.onnx', a pipe"),
        (["--weights", "outside.onnx"], "expected a .onnx file that can be read"),
        (["--weights", "linear.onnx"], "expected a recurrent network in 'linear.onnx'"),
    ],
)
def test_files_and_options_that_do_not_fit(rnnshape, tmp_path, arguments, message):
    onnx.save(gru(), tmp_path / "m.onnx")
    whole = (tmp_path / "m.onnx").read_bytes()
    (tmp_path / "cut.onnx").write_bytes(whole[:100])
    model = gru()
    model.graph.node[0].op_type = "Identity"
    onnx.save(model, tmp_path / "linear.onnx")
    model = gru()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../../../../etc/passwd")
    (tmp_path / "outside.onnx").write_bytes(model.SerializeToString())
    os.mkfifo(tmp_path / "pipe.onnx")
    ended = rnnshape("run", *arguments)
    assert (ended.status, ended.out) == (2, "")
    assert message in ended.err
