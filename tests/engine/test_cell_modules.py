"""nn.RNNCell, nn.LSTMCell and nn.GRUCell: one step of the same equations, as torch has it."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import numpy as np
import pytest
from conftest import ROOT, needs_torch, recorded
from recordings import compare, of_kind

from rnnshape import Spec, run, trace
from rnnshape.doctor.explain import explain
from rnnshape.models.files import read_weights
from rnnshape.network.constructor import KINDS
from rnnshape.show.schema import schema

CASES = recorded("cells")
MODULES = of_kind("module", cases=CASES)
# too general to be about a recurrent layer where no code is shown with them
GENERAL = re.compile(r"Trying to create tensor|'NoneType'|argument '(?:device|dtype)'|0-d tensor|"
                     r"The size of tensor a")  # fmt: skip


def errors() -> list[str]:
    """The messages recorded, one of each wording."""
    said = {}
    for case in [*CASES, *recorded("dtypes")]:
        error = case.get("error")
        if error and not GENERAL.search(error["message"]):
            text = f"{error['type']}: {error['message']}"
            said.setdefault(re.sub(r"\d\d+", "#", text)[:150], text)
    return list(said.values())


def weights_of(case: dict[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.array(values) for name, values in case["weights"].items()}


def test_a_module_has_the_names_and_shapes_that_torch_gives_it() -> None:
    def facts(case: dict[str, Any]) -> list[Any]:
        spec = Spec(cell=case["cell"], **case["options"])
        size = case["shapes"]["input"]
        walked = trace(spec, unbatched=len(size) == 1, batch_size=size[0] if len(size) == 2 else 1)
        parameters = [[n, list(s)] for n, s in spec.parameters().items()]
        return [str(spec), parameters, {n: list(walked.tensors[n]) for n in case["shapes"]}]

    fields = ("repr", "parameters", "shapes")
    compare(MODULES, facts, lambda case: [case[field] for field in fields])


@pytest.mark.parametrize("case", [c for c in MODULES if c["values"]], ids=lambda case: case["id"])
def test_a_step_computes_what_torch_computes(case: dict[str, Any]) -> None:
    spec = Spec(cell=case["cell"], **case["options"])
    values = {name: np.array(value) for name, value in case["values"].items()}
    given = (values["input"], values.get("h0"), values.get("c0"))
    wanted = [values[name] for name in ("hn", "cn") if name in values]
    fast = run(spec, weights_of(case), *given)
    walked = trace(spec, weights=weights_of(case), input=given[0], h0=given[1], c0=given[2])
    for result in (fast, walked.result):
        assert result.output is None
        for got, expected in zip(result, wanted, strict=True):
            np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)
            assert got.shape == expected.shape


# ------------------------------------------------------------------------------- what is asked


def test_explain_knows_the_messages_and_proves_its_mend() -> None:
    unsaid = []
    for text in errors():
        answered = explain(text)
        proof = answered.causes[0].layer if answered.recognised else {"after": {"fits": False}}
        if proof and not proof["after"]["fits"]:
            unsaid.append(text)
    assert errors() and not unsaid


def test_explain_names_the_cause_of_a_cells_state_of_three_axes() -> None:
    cause = explain("ValueError: GRUCell: Expected hidden to be 1D or 2D, got 3D instead").causes[0]
    assert cause.id == "unbatched-rank" and "A cell's state is (N, hidden_size)" in cause.why


# -------------------------------------------------------------------------------- the commands

CHECKPOINT = ROOT / "fixtures" / "checkpoints" / "cells.pt"
CELLS = ["rnn-cell", "lstm-cell", "gru-cell"]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    "command",
    [["trace"], ["trace", "--unbatched"], ["trace", "--values"], ["params"], ["run"],
     ["check", "--input", "3,10"], ["code"]],
    ids=" ".join,
)  # fmt: skip
def test_a_document_keeps_to_its_schema(rnnshape, cell, command):
    ended = rnnshape(*command, "--cell", cell, "--json")
    assert ended.err == ""
    jsonschema.validate(ended.json, schema(command[0]))
    assert ended.json["spec"]["cell"] == cell
    assert "output" not in ended.json.get("tensors", {})


@pytest.mark.parametrize("cell", CELLS)
def test_a_state_of_no_width_is_one_as_in_torch(rnnshape, cell):
    options = ["--cell", cell, "--hidden-size", 0]
    states = ["--h0", "3,0", *(["--c0", "3,0"] if cell == "lstm-cell" else [])]
    assert rnnshape("check", *options, "--input", "3,10", *states).status == 0
    for command in (["trace", "--values"], ["run", "--backward"], ["params"], ["draw"], ["code"]):
        assert rnnshape(*command, *options, "--batch-size", 3).status == 0
    assert rnnshape("run", *options, "--batch-size", 3, "--json").json["tensors"]["hn"] == [3, 0]


def test_a_trace_is_one_step_and_its_names_have_no_time(rnnshape):
    document = rnnshape("trace", "--cell", "lstm-cell", "--json").json
    (step,) = document["steps"]
    names = [op["output"]["name"] for op in step["ops"]]
    assert names[:3] == ["ih", "hh", "a"] and names[-1] == "h"
    assert step["ops"][0]["inputs"][0]["name"] == "x"
    assert step["ops"][1]["inputs"][0] == {"name": "h0", "shape": [7, 20]}
    assert document["tensors"] == {
        "input": [7, 10], "h0": [7, 20], "c0": [7, 20], "hn": [7, 20], "cn": [7, 20]
    }  # fmt: skip


def test_lines_of_json_are_a_header_a_step_and_an_end(rnnshape):
    lines = rnnshape("trace", "--cell", "gru-cell", "--ndjson").out.splitlines()
    assert [json.loads(line)["kind"] for line in lines] == ["header", "step", "end"]
    for line in lines:
        jsonschema.validate(json.loads(line), schema("trace-line"))


@pytest.mark.parametrize("cell", CELLS)
def test_what_a_person_sees(rnnshape, golden, cell):
    shown = rnnshape("trace", "--cell", cell, "--batch-size", 3).out
    shown += rnnshape("trace", "--cell", cell, "--picture").out
    golden(f"cell-module-{cell}", shown)


@pytest.mark.parametrize("format", ["svg", "mermaid", "dot"])
def test_a_drawing_has_the_state_and_the_input_and_no_output(rnnshape, format):
    drawn = rnnshape("draw", "--cell", "lstm-cell", "--format", format).out
    assert "LSTMCell(10, 20): one step" in drawn and "h0 7×20" in drawn
    assert "output0" not in drawn and "layer" not in drawn


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--layers", "2"], "'num_layers'"),
        (["--bidirectional"], "'bidirectional'"),
        (["--batch-first"], "'batch_first'"),
        (["--dropout", "0.5"], "'dropout'"),
        (["--proj-size", "3"], "'proj_size'"),
        (["--nonlinearity", "relu"], "'nonlinearity'"),
    ],
    ids=lambda value: str(value),
)
def test_the_arguments_of_a_layer_are_refused_in_torchs_words(rnnshape, option, message):
    ended = rnnshape("trace", "--cell", "gru-cell", *option)
    assert ended.status == 2
    words = f"TypeError: GRUCell.__init__() got an unexpected keyword argument {message}"
    assert words in ended.err
    assert words in {f"{e['type']}: {e['message']}" for e in (c.get("error") for c in CASES) if e}


@pytest.mark.parametrize(
    "command",
    [
        ["trace", "--seq-len", "1"], ["trace", "--lengths", "3,2"], ["trace", "--output-size", "3"], ["run", "--output-size", "3"],
        ["trace", "--form", "many-to-one"], ["state"], ["forms"],
        ["run", "--backward", "--flow"], ["cost"],
        ["pick", "--of", "last"], ["params", "--framework", "keras"],
        ["code", "--framework", "equinox"], ["check", "--lengths", "3,2"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_where_there_has_to_be_a_sequence_a_cell_is_refused(rnnshape, command):
    ended = rnnshape(*command, "--cell", "lstm-cell")
    assert ended.status == 2
    assert "expected a layer, since nn.LSTMCell is a single step" in ended.err
    assert "--cell lstm" in ended.err


def test_a_spec_of_a_cell_is_read_again(rnnshape):
    document = rnnshape("trace", "--cell", "rnn-cell", "--nonlinearity", "relu", "--json").out
    again = rnnshape("params", "--spec", "-", "--json", stdin=document)
    assert again.json["spec"] == json.loads(document)["spec"]
    checked = rnnshape("check", "--spec", "-", "--input", "3,10", "--json", stdin=document)
    assert checked.status == 0


def test_a_checkpoint_names_its_cells(rnnshape):
    document = rnnshape("inspect", CHECKPOINT, "--json").json
    found = {m["name"]: (m["spec"]["cell"], m["constructor"]) for m in document["modules"]}
    assert found == {
        "a": ("lstm-cell", "nn.LSTMCell(3, 4)"),
        "b": ("gru-cell", "nn.GRUCell(3, 4)"),
        "c": ("rnn-cell", "nn.RNNCell(3, 4, bias=False)"),
    }
    assert [p["name"] for p in document["modules"][0]["parameters"]] == [
        "weight_ih", "weight_hh", "bias_ih", "bias_hh"
    ]  # fmt: skip


def test_an_empty_batch_given_as_an_array_is_run():
    spec = Spec(cell="gru-cell", input_size=2, hidden_size=3)
    weights = {name: np.zeros(shape) for name, shape in spec.parameters().items()}
    hn = run(spec, weights, np.zeros((0, 2))).hn
    assert hn.shape == (0, 3)


def test_the_weights_of_a_cell_are_run_and_written_as_code(rnnshape):
    ran = rnnshape(
        "run", "--weights", CHECKPOINT, "--module", "a", "--batch-size", 2, "--json"
    ).json
    assert ran["tensors"]["cn"] == [2, 4] and len(ran["cn"]) == 2
    code = rnnshape("code", "--weights", CHECKPOINT, "--module", "c").out
    assert "cell = nn.RNNCell(3, 4, bias=False)" in code and "weights['c.' + name]" in code


@pytest.mark.parametrize("module", ["a", "b", "c"])
def test_a_cell_becomes_a_layer_in_another_framework_with_all_its_numbers(rnnshape, module):
    weights = read_weights(str(CHECKPOINT), module)
    ended = rnnshape("convert", CHECKPOINT, "w.npz", "--module", module, "--to", "onnx", "--json")
    assert ended.err == ""
    written = np.load("w.npz")
    assert sum(array.size for array in written.values()) == sum(a.size for a in weights.values())
    assert any("as a layer" in note for note in ended.json["notes"])


def test_a_cell_beside_a_layer_differs_by_its_names(rnnshape):
    ended = rnnshape("inspect", CHECKPOINT, "--module", "b", "--cell", "gru", "--hidden-size", 4)
    assert ended.status == 1
    assert "no name ends in _l0" in ended.out and 'Missing key(s) in state_dict: "w' in ended.out


@needs_torch
@pytest.mark.live
@pytest.mark.parametrize("options", [[], ["--unbatched"], ["--no-bias"]], ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_verify_finds_a_cell_equal_to_torchs(rnnshape, cell, options):
    ended = rnnshape("verify", "--cell", cell, *options, "--json")
    assert ended.json["ok"], ended.out
    exec(rnnshape("code", "--cell", cell, *options).out, {})


@needs_torch
@pytest.mark.live
def test_a_live_module_gives_its_spec():
    from torch import nn

    for cell, kind in KINDS.items():
        made = getattr(nn, kind.class_name)(3, 4, bias=False)
        assert Spec.from_module(made) == Spec(cell=cell, input_size=3, hidden_size=4, bias=False)
    assert Spec.from_module(nn.RNNCell(3, 4, nonlinearity="relu")).nonlinearity == "relu"


# --------------------------------------------------------------------------------------- dtypes


@pytest.mark.parametrize(
    ("options", "torch"),
    [
        (["--cell", "gru", "--input", "5,3,10", "--h0", "1,3,20", "--state-dtype", "float64"],
         "mat1 and mat2 must have the same dtype, but got Double and Float"),
        (["--cell", "gru", "--input", "5,3,10", "--dtype", "float16", "--weight-dtype", "float16"],
         None),
        (["--cell", "lstm-cell", "--input", "3,10", "--weight-dtype", "bfloat16"],
         "mat1 and mat2 must have the same dtype, but got Float and BFloat16"),
    ],
    ids=str,
)  # fmt: skip
def test_check_takes_the_dtypes_of_state_and_weights(rnnshape, options, torch):
    problems = rnnshape("check", *options, "--json").json["problems"]
    assert [problem["torch"]["message"] for problem in problems] == ([torch] if torch else [])


@pytest.mark.parametrize("option", ["--dtype", "--state-dtype", "--weight-dtype"])
def test_a_dtype_that_torch_has_not_is_refused(rnnshape, option):
    ended = rnnshape("check", "--input", "5,3,10", option, "float7")
    assert ended.status == 2 and f"{option}: expected float32" in ended.err
