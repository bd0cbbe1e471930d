"""The same network in other frameworks' layouts, beside what those frameworks have and compute."""

import json
import subprocess
import sys

import jsonschema
import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnshape import Spec, UsageError, run
from rnnshape.models.formats.source import Source
from rnnshape.models.formats.stored import Stored, TensorFile
from rnnshape.models.layouts.tables import LAYOUTS, converted
from rnnshape.models.networks.find import Module, contents
from rnnshape.numeric.random import drawn_weights
from rnnshape.show.schema import schema

FOLDER = ROOT / "fixtures" / "layouts"
CASES = json.loads((FOLDER / "cases.json").read_text())["cases"]
ARRAYS = np.load(FOLDER / "cases.npz")


def identity(case: dict) -> str:
    spec = case["spec"]
    return f"{case['framework']} {spec['cell']} {spec['num_layers']}x{1 + spec['bidirectional']}"


def weights_of(case: dict) -> dict:
    return {name: ARRAYS[f"{case['key']}/weights/{name}"] for name in case["weights"]}


def found(weights: dict) -> list[Module]:
    """The networks that a file of these arrays would hold."""
    tensors = {n: Stored(n, a.shape, str(a.dtype), lambda a=a: a) for n, a in weights.items()}
    return list(contents(TensorFile(Source("own", data=bytes(1 << 20)), "npz", tensors)).modules)


def numbers(network: Module) -> dict:
    return {name: tensor.read() for name, tensor in network.parameters.items()}


recorded_cases = pytest.mark.parametrize("case", CASES, ids=identity)


@recorded_cases
def test_names_and_shapes_are_those_of_the_framework(case):
    placed = LAYOUTS[case["framework"]].tensors(Spec.from_dict(case["spec"]))
    own = {name: array.shape for name, array in weights_of(case).items()}
    assert {tensor.name: tensor.shape for tensor in placed} == own


@recorded_cases
def test_the_frameworks_weights_give_its_outputs_when_read_as_torchs(case):
    (read,) = found(weights_of(case))
    assert read.framework == case["framework"]
    spec = Spec.from_dict({**case["spec"], **read.arguments, "batch_first": True})
    result = run(spec, numbers(read), ARRAYS[f"{case['key']}/input"])
    for name, array in result.to_dict().items():
        assert abs(array - ARRAYS[f"{case['key']}/{name}"]).max() <= 1e-6, name


@recorded_cases
def test_there_and_back_gives_the_same_bits(case):
    weights = weights_of(case)
    (read,) = found(weights)
    again = converted(LAYOUTS[read.framework], Spec.from_dict(read.arguments), numbers(read))
    assert all((again[name] == array).all() for name, array in weights.items())


@settings(max_examples=60, deadline=None)
@given(
    framework=st.sampled_from(sorted(LAYOUTS)),
    cell=st.sampled_from(["rnn", "lstm", "gru"]),
    sizes=st.tuples(*[st.integers(1, 5)] * 2),
    layers=st.sampled_from([1, 2, 11]),
    bias=st.booleans(),
    both=st.booleans(),
)
def test_any_network_survives_the_way_there_and_back(framework, cell, sizes, layers, bias, both):
    layout = LAYOUTS[framework]
    if cell not in layout.cells:
        return
    spec = Spec(cell=cell, input_size=sizes[0], hidden_size=sizes[1], num_layers=layers, bias=bias,
                bidirectional=both)  # fmt: skip
    weights = drawn_weights(spec, np.random.default_rng(0), "float64")
    for kind, gate in layout.missing(spec):
        for name in (name for name in weights if name.startswith(kind)):
            weights[name][gate * sizes[1] : (gate + 1) * sizes[1]] = 0
    (read,) = found(converted(layout, spec, weights))
    x = np.random.default_rng(1).standard_normal((4, 2, sizes[0]))
    result = run(Spec.from_dict(read.arguments), numbers(read), x)
    assert abs(result.output - run(spec, weights, x).output).max() <= 1e-12


def test_a_projection_has_no_place_elsewhere():
    for layout in LAYOUTS.values():
        with pytest.raises(UsageError, match="without a projection"):
            layout.tensors(Spec(cell="lstm", proj_size=5))


def test_equinox_has_no_plain_rnn():
    with pytest.raises(UsageError, match="lstm or gru"):
        LAYOUTS["equinox"].tensors(Spec(cell="rnn"))


def test_torchs_b_hn_has_no_place_in_nnx_but_in_linen():
    spec = Spec(cell="gru", input_size=2, hidden_size=3)
    weights = drawn_weights(spec, np.random.default_rng(0), "float32")
    with pytest.raises(
        UsageError, match=r"expected zeros in bias_hh_l0\[6:\].*b_hn.*\n.*flax-linen"
    ):
        converted(LAYOUTS["flax"], spec, weights)
    assert converted(LAYOUTS["flax-linen"], spec, weights)["params.layers_0.cell.hn.bias"].any()


def test_keras_gru_that_resets_before_the_product_is_no_gru_of_torch():
    tensors = {"gru/gru_cell/kernel": np.ones((2, 9)), "gru/gru_cell/bias": np.ones(9),
               "gru/gru_cell/recurrent_kernel": np.ones((3, 9))}  # fmt: skip
    (read,) = found(tensors)
    assert "reset_after=False" in read.cannot


def test_networks_of_one_layout_are_told_apart_by_their_names():
    parts = {"kernel": (2, 12), "recurrent_kernel": (3, 12), "bias": (12,)}
    tensors = {f"{own}/lstm_cell/{name}": np.ones(shape)
               for own in ("reader", "writer") for name, shape in parts.items()}  # fmt: skip
    assert [network.name for network in found(tensors)] == ["reader.lstm_cell", "writer.lstm_cell"]


@pytest.mark.parametrize("framework", sorted(LAYOUTS))
def test_params_shows_the_layout_with_rules_and_origin(rnnshape, framework):
    options = ["--cell", "lstm", "--layers", 2, "--bidirectional", "--framework", framework]
    document = rnnshape("params", *options, "--json").json
    jsonschema.validate(document, schema("params"))
    placed = LAYOUTS[framework].tensors(Spec(cell="lstm", num_layers=2, bidirectional=True))
    assert [(p["name"], p["shape"], p["from"]) for p in document["parameters"]] == [
        (tensor.name, list(tensor.shape), tensor.made) for tensor in placed
    ]
    told = rnnshape("params", *options).out
    assert all(f"{tensor.rule} " in told for tensor in placed)


def test_onnx_orders_the_gates_of_an_lstm_as_i_o_f_c(rnnshape):
    row = rnnshape("params", "--cell", "lstm", "--framework", "onnx", "--json").json["parameters"][
        0
    ]
    assert row == {"name": "lstm_0.W", "shape": [1, 80, 10], "count": 800, "rule": "(D, 4H, I)",
                   "from": "weight_ih_l0 [i o f g]"}  # fmt: skip


@pytest.mark.parametrize(
    "framework, shapes",
    [
        (
            "onnx",
            {"input": [5, 7, 10], "h0": [2, 7, 20], "output": [5, 2, 7, 20], "hn": [2, 7, 20]},
        ),
        ("keras", {"input": [7, 5, 10], "h0": [7, 20], "output": [7, 5, 40], "hn": [7, 20]}),
        ("equinox", {"input": [5, 10], "h0": [20], "output": [5, 40], "hn": [20]}),
    ],
)
def test_what_a_layer_reads_and_gives(rnnshape, framework, shapes):
    options = ["--cell", "gru", "--bidirectional", "--framework", framework]
    assert rnnshape("params", *options, "--json").json["tensors"] == shapes


def test_sizes_may_be_symbols(rnnshape):
    options = ["--cell", "gru", "--input-size", "I", "--hidden-size", "H", "--framework", "keras"]
    document = rnnshape("params", *options, "--json").json
    assert [p["shape"] for p in document["parameters"]] == [["I", "3*H"], ["H", "3*H"], [2, "3*H"]]


def test_torch_remains_the_document_as_it_was(rnnshape):
    plain = rnnshape("params", "--json").out
    assert rnnshape("params", "--framework", "torch", "--json").out == plain
    assert "framework" not in json.loads(plain)


@pytest.mark.parametrize(
    "command", [["params", "--framework", "keras"], ["code", "--framework", "flax"]], ids=" ".join
)
def test_a_symbolic_command_loads_no_numpy(command):
    code = (
        "import sys; from rnnshape.cli import run_command; run_command(sys.argv[1:]); "
        "sys.exit('numpy' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, timeout=60)
    assert ended.returncode == 0, ended.stderr


def test_a_framework_that_is_not_known(rnnshape):
    ended = rnnshape("params", "--framework", "caffe")
    assert (ended.status, ended.out) == (2, "")
    assert "expected torch, onnx, keras, flax, flax-linen, equinox, got 'caffe'" in ended.err
