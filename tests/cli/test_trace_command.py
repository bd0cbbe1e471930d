import io
import itertools
import json
import re
import subprocess
import sys

import jsonschema
import pytest

from rnnshape.show.schema import schema
from rnnshape.show.screen import encodable

CONFIGURATIONS = [
    [],
    ["--layers", "3", "--bidirectional"],
    ["--cell", "lstm", "--proj-size", "3", "--no-bias"],
    ["--cell", "gru", "--batch-first", "--layers", "2", "--dropout", "0.5"],
    ["--unbatched"],
    ["--lengths", "5,3,2", "--bidirectional"],
    ["--seq-len", "T", "--batch-size", "N", "--input-size", "I", "--hidden-size", "H"],
    ["--values", "--input-size", "2", "--hidden-size", "4"],
]
IDS = [" ".join(options) or "defaults" for options in CONFIGURATIONS]


def test_the_contracts_document(rnnshape):
    document = rnnshape("trace", "--layers", 3, "--json").json
    assert document["schema"] == "rnnshape/trace/1"
    assert document["tensors"] == {
        "input": [5, 7, 10], "h0": [3, 7, 20], "output": [5, 7, 20], "hn": [3, 7, 20],
    }  # fmt: skip
    assert document["batch_first"]["changed"] == ["input", "output"]
    assert document["batch_first"]["true"]["input"] == [7, 5, 10]
    first = document["steps"][0]
    assert (first["index"], first["layer"], first["direction"], first["t"]) == (0, 0, "forward", 0)
    assert first["ops"][0] == {
        "op": "linear",
        "inputs": [
            {"name": "x_0", "shape": [7, 10]},
            {"name": "weight_ih_l0", "shape": [20, 10]},
            {"name": "bias_ih_l0", "shape": [20]},
        ],
        "output": {"name": "ih_0", "shape": [7, 20]},
        "expression": "(7×10)·(10×20)+20→7×20",
        "macs": 1400,
    }
    assert first["state"] == {"h": [7, 20]}


@pytest.mark.parametrize("options", CONFIGURATIONS, ids=IDS)
def test_json_keeps_to_its_schema(rnnshape, options):
    jsonschema.validate(rnnshape("trace", *options, "--json").json, schema("trace"))


@pytest.mark.parametrize("options", CONFIGURATIONS, ids=IDS)
def test_ndjson_is_the_same_document_a_line_at_a_time(rnnshape, options):
    document = rnnshape("trace", *options, "--json").json
    lines = [json.loads(line) for line in rnnshape("trace", *options, "--ndjson").out.splitlines()]
    head, *steps, end = lines
    assert head.pop("kind") == "header" and end == {"kind": "end", "steps": len(steps)}
    assert [step.pop("kind") for step in steps] == ["step"] * len(steps)
    assert {**head, "steps": steps} == document
    for line in rnnshape("trace", *options, "--ndjson").out.splitlines():
        jsonschema.validate(json.loads(line), schema("trace-line"))


def test_steps_fold_to_the_first_the_second_and_the_last(rnnshape):
    told = rnnshape("trace", "--layer", 0).out
    assert re.findall(r"^  t=(\d+)$", told, re.M) == ["0", "1", "4"]
    assert "t=2 … 3: 2 steps of the same shapes as t=1" in told
    assert re.findall(r"^  t=(\d+)$", rnnshape("trace", "--all").out, re.M) == list("01234")


def test_layer_direction_and_step_choose(rnnshape):
    options = ["--layers", 2, "--bidirectional", "--layer", 1, "--direction", "reverse"]
    steps = rnnshape("trace", *options, "--step", 3, "--json").json["steps"]
    assert [(s["index"], s["layer"], s["direction"], s["t"]) for s in steps] == [
        (16, 1, "reverse", 3)
    ]


def test_an_operation_is_one_line_where_there_is_room_else_its_shapes_stand_below(
    rnnshape, monkeypatch
):
    for columns, apart in ((90, "   "), (80, "   "), (50, "\n           ")):
        monkeypatch.setenv("COLUMNS", str(columns))
        row = f"    ih_0 = x_0·W_ihᵀ + b_ih{apart}"
        assert re.search(re.escape(row) + r" *\(7×10\)·\(10×20\)\+20→7×20\n", rnnshape("trace").out)


def test_the_answer_comes_first(rnnshape):
    told = rnnshape("trace", "--layers", 3, "--bidirectional").out
    lines = told.splitlines()
    assert len(lines) < 80
    assert lines[2].split() == [f"output[{t}]" for t in range(5)]
    heads = [line.split("  ")[0] for line in lines if line[:1].isalpha() and "←" not in line]
    assert [head for head in heads if head in ("tensors", "parameters", "one step of each kind",
            "where the results come from", "batch_first")] == [
        "tensors", "parameters", "one step of each kind", "where the results come from",
        "batch_first"]  # fmt: skip
    assert "layer 0 reverse: as layer 0 forward, with weight_ih_l0_reverse" in told
    assert "layer 1 reverse, layer 2 forward and reverse: as layer 1 forward" in told
    whole = rnnshape("trace", "--layers", 3, "--bidirectional", "--all").out
    assert len(re.findall(r"^  t=\d$", whole, re.M)) == 30


@pytest.mark.parametrize(("lines", "framed"), [("24", False), ("50", True)])
def test_the_drawing_is_framed_where_the_screen_is_high_enough(
    rnnshape, monkeypatch, lines, framed
):
    monkeypatch.setenv("LINES", lines)
    told = rnnshape("trace", "--layers", 3, "--bidirectional").out
    assert ("┌──────┐" in told or "┌┴─────┐" in told) is framed and "hn[5]" in told
    monkeypatch.setenv("COLUMNS", "20")
    assert "→ hn" not in rnnshape("trace", "--layers", 3).out


def test_a_key_explains_the_signs_that_are_used(rnnshape):
    lstm, plain = (rnnshape("trace", "--cell", cell).out for cell in ("lstm", "rnn"))
    assert "⊙ element by element" in lstm and "⊙" not in plain
    assert "i input gate, f forget gate, g candidate, o output gate" in lstm


def test_the_articles_remarks_are_visible(rnnshape):
    told = rnnshape("trace", "--layers", 3).out
    assert "layer first, time inside" in told
    assert "F.linear(x, W, b) computes x·Wᵀ + b: W_ih of 20×10 appears as (10×20)" in told
    assert "output[-1] equals hn[-1]" in told
    assert re.search(r"last step +output\[-1\] +output\[:, -1\]", told)


def test_both_directions_say_where_output_and_hn_come_from(rnnshape):
    told = rnnshape("trace", "--layers", 3, "--bidirectional").out
    assert "output[t] = concat(layer 2 forward at t, layer 2 reverse at t): 7×40" in told
    assert "hn[5] = layer 2 reverse t=0: 7×20" in told
    assert "output[-1, :, :20] equals hn[-2]" in told
    assert "output[0, :, 20:] equals hn[-1]" in told


def test_dropout_is_named_between_layers(rnnshape):
    told = rnnshape("trace", "--layers", 2, "--dropout", 0.5).out
    assert "x_t = layer 0 forward h_t, through dropout(p=0.5) in training" in told


def test_no_line_of_a_plain_network_is_wider_than_80(rnnshape):
    for options in CONFIGURATIONS:
        assert max(map(len, rnnshape("trace", *options).out.splitlines())) <= 80, options


def test_values_stand_in_every_named_tensor(rnnshape):
    document = rnnshape("trace", "--values", "--json", "--input-size", 2, "--hidden-size", 4).json
    step = document["steps"][-1]
    tensors = [t for op in step["ops"] for t in (*op["inputs"], op["output"])]
    assert all("value" in tensor for tensor in tensors)
    assert document["values"]["hn"][0] == step["ops"][-1]["output"]["value"]
    assert document["values"]["output"][-1] == document["values"]["hn"][0]


def test_a_spec_is_read_back_and_options_beside_it_win(rnnshape):
    written = rnnshape("params", "--cell", "lstm", "--layers", 2, "--proj-size", 5, "--json").out
    spec = rnnshape("trace", "--spec", "-", "--layers", 3, "--json", stdin=written).json["spec"]
    assert (spec["cell"], spec["num_layers"], spec["proj_size"]) == ("lstm", 3, 5)


def test_a_file_is_written_whole(rnnshape, tmp_path):
    ended = rnnshape("trace", "--json", "-o", "trace.json")
    assert (ended.status, ended.out) == (0, "")
    assert json.loads((tmp_path / "trace.json").read_text())["steps"]
    assert [path.name for path in tmp_path.iterdir()] == ["trace.json"]


def test_a_million_steps_piped_to_head_end_at_once_and_silently():
    command = [sys.executable, "-m", "rnnshape", "trace", "--seq-len", "1000000", "--ndjson"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        lines = list(itertools.islice(process.stdout, 3))
        process.stdout.close()
        assert process.wait(timeout=30) == 0
        assert process.stderr.read() == b""
    assert json.loads(lines[2])["index"] == 1


def test_a_pipe_gets_no_colour(process):
    assert "\x1b" not in process("trace").stdout


def test_a_console_without_the_signs_gets_plain_letters():
    console = io.TextIOWrapper(io.BytesIO(), encoding="cp437", errors="strict")
    assert encodable("(7×10)·(10×20)+20→7×20", console) == "(7x10)*(10x20)+20->7x20"


@pytest.mark.parametrize(
    "command",
    [
        "trace --cell lstm --layers 12 --bidirectional --proj-size 3", "cells", "forms",
        "params --cell lstm --framework onnx --bidirectional", "explain --list",
        "cost --cell lstm --layers 2 --hidden-size H --batch-size N --seq-len T",
        "draw --format text --cell lstm --bidirectional --layers 3 --batch-size 128",
    ],
)  # fmt: skip
def test_a_pipe_has_80_columns_or_what_is_asked_for(rnnshape, monkeypatch, command):
    assert max(map(len, rnnshape(*command.split()).out.split("\n"))) <= 80
    monkeypatch.setenv("COLUMNS", "60")
    if command == "cells":
        assert max(map(len, rnnshape("cells").out.split("\n"))) <= 60
