"""`rnnshape inspect`: which networks a file holds, under whatever names, and what differs."""

import json

import jsonschema
import numpy as np
import pytest
from conftest import ROOT

from rnnshape import Spec, run
from rnnshape.checks.loading import load_error
from rnnshape.models.files import open_file, read_weights
from rnnshape.models.networks.find import completed, contents
from rnnshape.show.schema import schema

FOLDER = ROOT / "fixtures" / "checkpoints"
LOADING = json.loads((FOLDER / "checkpoints.json").read_text(encoding="utf-8"))["loading"]


def arrays(seed=0, **arguments):
    """Parameters of a network under torch's names, drawn."""
    generator = np.random.default_rng(seed)
    shapes = Spec(**{"input_size": 3, "hidden_size": 4, **arguments}).parameters()
    return {
        name: generator.standard_normal(shape).astype("float32") for name, shape in shapes.items()
    }


@pytest.fixture
def held(tmp_path):
    """The contents of an .npz of arrays."""

    def write(tensors, name="a.npz"):
        np.savez(tmp_path / name, **tensors)
        return contents(open_file(str(tmp_path / name)))

    return write


def only(held):
    (module,) = held.modules
    return module


# ------------------------------------------------------------------------------ the command


def test_a_file_is_told_with_its_networks_and_the_rest(rnnshape):
    ended = rnnshape("inspect", FOLDER / "lightning.ckpt")
    assert ended.status == 0
    assert "encoder.rnn  nn.LSTM(3, 5, proj_size=2)" in ended.out
    assert "weight_hr_l0  2×5   float32         10" in ended.out
    assert "the file does not say dropout or batch_first" in ended.out
    assert "43 other tensors, 447 numbers" in ended.out


@pytest.mark.parametrize("file", ["cells.pt", "lightning.ckpt", "script.pt", "model.safetensors"])
def test_the_document_keeps_to_its_schema(rnnshape, file):
    document = rnnshape("inspect", FOLDER / file, "--json").json
    jsonschema.validate(document, schema("inspect"))
    count = sum(len(m["parameters"]) for m in document["modules"]) + document["other"]["tensors"]
    assert count == document["tensors"]


def test_the_document_of_one_network_is_a_spec_for_every_command(rnnshape):
    document = rnnshape("inspect", FOLDER / "zip.pt", "--module", "encoder.rnn", "--json")
    traced = rnnshape("trace", "--spec", "-", "--json", stdin=document.out)
    assert traced.status == 0
    told = {row["name"]: row["shape"] for row in document.json["modules"][0]["parameters"]}
    assert {row["name"]: row["shape"] for row in traced.json["parameters"]} == told


@pytest.mark.parametrize(
    "module", ["module.encoder.rnn", "encoder.rnn", "rnn", "model.module.encoder.rnn"]
)
def test_a_network_is_chosen_by_its_name_or_the_end_of_it(rnnshape, module):
    document = rnnshape("inspect", FOLDER / "parallel.pt", "--module", module, "--json").json
    assert [m["name"] for m in document["modules"]] == ["module.encoder.rnn"]


@pytest.mark.parametrize("command", [["inspect"], ["run", "--weights"]], ids=["inspect", "run"])
def test_a_name_that_the_file_does_not_have_lists_those_it_has(rnnshape, command):
    ended = rnnshape(*command, FOLDER / "tied.pt", "--module", "middle")
    assert ended.status == 2
    assert "'left', 'right', 'view'" in ended.err and "got 'middle'" in ended.err


def test_run_asks_which_network_where_a_file_has_several(rnnshape):
    ended = rnnshape("run", "--weights", FOLDER / "tied.pt")
    assert ended.status == 2 and "--module left" in ended.err


@pytest.mark.parametrize("file", ["zip.pt", "legacy.pt", "whole.pt", "bfloat16.safetensors"])
def test_run_needs_no_option_that_the_file_tells(rnnshape, file):
    document = rnnshape("run", "--weights", FOLDER / file, "--json").json
    told = rnnshape("inspect", FOLDER / file, "--json").json["modules"][0]["spec"]
    assert document["spec"] == told


def test_a_file_without_a_network_is_said(rnnshape, held):
    held({"fc.weight": np.zeros((2, 3))})
    ended = rnnshape("inspect", "a.npz")
    assert ended.status == 0 and "no recurrent network in it" in ended.out


def test_inspecting_loads_no_numpy_and_reads_no_tensor(process, tmp_path):
    import subprocess
    import sys

    code = (
        "import sys; from rnnshape.cli import run_command; run_command(sys.argv[1:]); "
        "sys.exit('numpy' in sys.modules)"
    )
    for file in ("zip.pt", "legacy.pt", "model.safetensors"):
        command = [sys.executable, "-c", code, "inspect", str(FOLDER / file)]
        ended = subprocess.run(command, capture_output=True, timeout=60)
        assert ended.returncode == 0, ended.stderr


# ---------------------------------------------------------------------- names and shapes


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("more", [
    {}, {"num_layers": 3}, {"bidirectional": True}, {"bias": False},
    {"num_layers": 2, "bidirectional": True, "bias": False}, {"input_size": 1, "hidden_size": 1},
], ids=str)  # fmt: skip
def test_rows_and_columns_tell_the_network(held, cell, more):
    spec = Spec(**{"cell": cell, "input_size": 3, "hidden_size": 4, **more})
    module = only(held({f"a.b.{n}": a for n, a in arrays(cell=cell, **more).items()}))
    assert (module.name, module.spec, module.problems) == ("a.b", spec, ())
    silent = (
        ("nonlinearity", "dropout", "batch_first") if cell == "rnn" else ("dropout", "batch_first")
    )
    assert module.undetermined == silent


def test_a_projection_is_told_and_how_it_was_read(held):
    module = only(held(arrays(cell="lstm", proj_size=3, num_layers=2, bidirectional=True)))
    assert (module.spec.hidden_size, module.spec.proj_size) == (4, 3)
    assert "an lstm that projects 4 to 3, as weight_hr says" in module.readings[0]


def test_a_projection_without_weight_hr_is_said_to_be_missing_it(held):
    tensors = arrays(cell="lstm", proj_size=2)
    del tensors["weight_hr_l0"]
    module = only(held(tensors))
    assert module.spec.proj_size == 2
    assert [(p.tensor, p.expected, p.got) for p in module.problems] == [
        ("weight_hr_l0", (2, 4), None)
    ]


def test_without_weight_hh_every_reading_is_said_and_the_name_decides(held):
    tensors = {f"gru.{n}": a for n, a in arrays(cell="gru").items() if "hh" not in n}
    module = only(held(tensors))
    assert module.spec.cell == "gru" and not module.whole
    assert "lstm of 3 and rnn of 12" in module.readings[0]


@pytest.mark.parametrize(
    "missing", ["weight_ih_l1", "weight_hh_l0_reverse", "bias_hh_l1", "weight_ih_l0"]
)
def test_a_missing_tensor_is_named_with_its_shape(rnnshape, held, missing):
    more = {"cell": "lstm", "num_layers": 2, "bidirectional": True}
    tensors = arrays(**more)
    shape = tensors.pop(missing).shape
    module = only(held({f"rnn.{n}": a for n, a in tensors.items()}))
    assert [(p.tensor, p.expected, p.got) for p in module.problems] == [(missing, shape, None)]
    ended = rnnshape("inspect", "a.npz")
    assert ended.status == 1 and f"{missing} is missing: expected" in ended.out


def test_a_missing_first_matrix_leaves_the_input_size_open(rnnshape, held):
    tensors = arrays(cell="gru")
    del tensors["weight_ih_l0"]
    held(tensors)
    document = rnnshape("inspect", "a.npz", "--json").json
    assert document["modules"][0]["spec"]["input_size"] == "I"
    assert document["modules"][0]["problems"] == [
        {"tensor": "weight_ih_l0", "expected": [12, "I"], "got": None}
    ]


def test_a_misshapen_tensor_is_named_and_the_others_decide(rnnshape, held):
    tensors = arrays(cell="lstm", num_layers=3)
    tensors["weight_hh_l1"] = np.zeros((12, 4), "float32")
    module = only(held(tensors))
    assert module.spec.cell == "lstm"
    assert [(p.tensor, p.expected, p.got) for p in module.problems] == [
        ("weight_hh_l1", (16, 4), (12, 4))
    ]
    assert "weight_hh_l1 is 12×4: expected 16×4" in rnnshape("inspect", "a.npz").out


def test_what_shapes_alone_cannot_make_a_network_of_is_a_note(held):
    found = held(
        {
            "a.weight_ih_l0": np.zeros(3),
            "b.bias_ih_l0": np.zeros(8),
            "c.weight_hh_l99999": np.zeros((4, 4)),
        }
    )
    assert found.modules == () and len(found.notes) == 3


LOOK_ALIKES = [
    "attention.in_proj_weight", "exp_avg.lstm.weight_ih_l0", "optimizer.state.lstm.weight_ih_l0",
    "lstm.weight_ih_l0.exp_avg", "momentum_buffer.lstm.weight_hh_l0", "gradients.lstm.weight_hh_l0",
    "myweight_ih_l0", "weight_ih_l0_extra", "conv.kernel", "kernel", "dense.W", "i2h.weight",
]  # fmt: skip


def test_look_alikes_are_no_networks(held):
    tensors = {name: np.zeros((16, 4), "float32") for name in LOOK_ALIKES}
    found = held(tensors)
    assert [m.name for m in found.modules] == []
    assert {tensor.name for tensor in found.other} == set(tensors)


def test_an_optimisers_copy_beside_the_network_is_not_a_second_one(held):
    network = {f"lstm.{n}": a for n, a in arrays(cell="lstm").items()}
    moments = {f"optimizer.exp_avg.{n}": a for n, a in network.items()}
    found = held({**network, **moments})
    assert only(found).name == "lstm" and any("optimiser" in note for note in found.notes)


def test_two_state_dicts_with_the_same_names_keep_their_own():
    import io
    import pickle

    state = {f"rnn.{n}": a for n, a in arrays().items()}
    data = pickle.dumps({"state_dict": state, "ema": state}, 2)
    assert io.BytesIO(data)
    from rnnshape.models.formats.known import CALLS, storage_of
    from rnnshape.models.formats.pickles import Pickle, Stream
    from rnnshape.models.formats.source import Budget
    from rnnshape.models.formats.tree import tree_of

    reader = Pickle(Stream(io.BytesIO(data), len(data), Budget(len(data))), CALLS, storage_of)
    names = [found.name for found in tree_of(reader.load(), reader.steps, reader.budget).tensors]
    assert names[0] == "state_dict.rnn.weight_ih_l0" and names[4] == "ema.rnn.weight_ih_l0"


# ------------------------------------------------------------------- names unlike torch's


def renamed(tensors, **words):
    return {name: array for old, array in tensors.items() for name in [words.get(old, old)]}


LSTM = arrays(cell="lstm")
GRU = arrays(cell="gru")
RNN = arrays()


def by_gates(tensors, letters, form):
    """One tensor a gate, named by the equations."""
    made = {}
    for name, array in tensors.items():
        what, side = name.split("_")[:2]
        for letter, block in zip(letters, np.split(array, len(letters)), strict=True):
            made[form(what, side[0], letter)] = block
    return made


def equation(what, side, letter):
    return f"cell.{'W' if what == 'weight' else 'b'}_{side}{letter}"


GUESSED = {
    "joined by an underscore": ({f"lstm_{n}": a for n, a in LSTM.items()}, LSTM),
    "joined by a slash": ({f"enc/lstm/{n}": a for n, a in LSTM.items()}, LSTM),
    "fastai's _raw": ({f"{n}_raw" if n == "weight_hh_l0" else n: a for n, a in LSTM.items()}, LSTM),
    "fastai's _raw beside its module": (
        {"rnns.0.weight_hh_l0_raw": LSTM["weight_hh_l0"],
         **{f"rnns.0.module.{n}": a * (n != "weight_hh_l0") for n, a in LSTM.items()}}, LSTM,
    ),
    "W_ih and b_ih": ({n.replace("weight", "W").replace("bias", "b").removesuffix("_l0"): a
                       for n, a in GRU.items()}, GRU),
    "i2h and h2h": ({f"rnn.{n.replace('weight_ih_l0', 'i2h.weight').replace('weight_hh_l0', 'h2h.weight').replace('bias_ih_l0', 'i2h.bias').replace('bias_hh_l0', 'h2h.bias')}": a
                     for n, a in GRU.items()}, GRU),
    "MXNet": ({f"lstm0_l0_{n.replace('weight_ih_l0', 'i2h_weight').replace('weight_hh_l0', 'h2h_weight').replace('bias_ih_l0', 'i2h_bias').replace('bias_hh_l0', 'h2h_bias')}": a
               for n, a in LSTM.items()}, LSTM),
    "kernels, turned over": (
        {"lstm/kernel": LSTM["weight_ih_l0"].T, "lstm/recurrent_kernel": LSTM["weight_hh_l0"].T,
         "lstm/bias": LSTM["bias_ih_l0"]},
        {**LSTM, "bias_hh_l0": 0 * LSTM["bias_hh_l0"]},
    ),
    "a gate each, of an lstm": (by_gates(LSTM, "ifgo", equation), LSTM),
    "a gate each, of a gru": (by_gates(GRU, "rzn", equation), GRU),
    "a gate each, as Flax names them": (
        {name: array.T if array.ndim == 2 else array for name, array in by_gates(
            LSTM, "ifgo", lambda what, side, letter:
            f"lstm/{side}{letter}/{'kernel' if what == 'weight' else 'bias'}").items()}, LSTM,
    ),
    "W and U": (
        {"rnn.W": RNN["weight_ih_l0"], "rnn.U": RNN["weight_hh_l0"], "rnn.b": RNN["bias_ih_l0"]},
        {**RNN, "bias_hh_l0": 0 * RNN["bias_hh_l0"]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", GUESSED)
def test_other_names_are_tried_by_shape_and_said_to_be_guessed(held, rnnshape, tmp_path, case):
    tensors, torch = GUESSED[case]
    module = only(held(tensors))
    assert module.whole
    said = "guessed: " if module.guessed else f"in the layout of {module.framework}"
    assert said in rnnshape("inspect", "a.npz").out
    (told,) = rnnshape("inspect", "a.npz", "--json").json["modules"]
    assert (told["guessed"], told["framework"]) == (module.guessed or None, module.framework)
    read = read_weights(str(tmp_path / "a.npz"))
    assert all((read[name] == array).all() for name, array in torch.items())
    spec = completed(read, {})
    x = np.ones((5, 2, 3), "float32")
    assert np.array_equal(run(spec, read, x).output, run(spec, torch, x).output)


def test_the_gates_of_a_guessed_layer_are_said_to_be_in_torchs_order(held):
    assert "torch's i, f, g, o is taken" in only(held(GUESSED["MXNet"][0])).guessed


def test_names_that_only_sound_recurrent_are_no_network(held):
    shapes = {"a.i2h.weight": (12, 5), "a.h2h.weight": (12, 7), "b.W": (8, 8), "b.U": (3, 8),
              "c.kernel": (3, 3), "d.W_f": (4, 7), "d.W_i": (4, 7), "d.W_g": (4, 7), "d.W_o": (4, 7)}  # fmt: skip
    assert held({n: np.zeros(s, "float32") for n, s in shapes.items()}).modules == ()


# ------------------------------------------------------------------------------ comparing


def options(spec):
    told = ["--cell", spec["cell"], "--input-size", spec["input_size"], "--hidden-size",
            spec["hidden_size"], "--layers", spec["num_layers"]]  # fmt: skip
    if spec["proj_size"] or spec["cell"] == "lstm":
        told += ["--proj-size", spec["proj_size"]]
    told += ["--bias" if spec["bias"] else "--no-bias"]
    return [*told, "--bidirectional" if spec["bidirectional"] else "--no-bidirectional"]


IDS = [f"{Spec.from_dict(c['checkpoint'])} into {Spec.from_dict(c['model'])}" for c in LOADING]


@pytest.mark.parametrize("case", LOADING, ids=IDS)
def test_a_file_beside_a_configuration_says_what_torch_says(rnnshape, held, case):
    held(arrays(**case["checkpoint"]))
    ended = rnnshape("inspect", "a.npz", *options(case["model"]), "--json")
    comparison = ended.json["comparison"]
    assert (comparison["torch"] or {}).get("message") == case["torch"]
    assert ended.status == (0 if comparison["equal"] else 1) == (1 if case["torch"] else 0)
    jsonschema.validate(ended.json, schema("inspect"))
    shaping = {
        "cell",
        "input_size",
        "hidden_size",
        "num_layers",
        "bias",
        "bidirectional",
        "proj_size",
    }
    differ = {n for n in shaping if case["checkpoint"][n] != case["model"][n]}
    assert {d["about"] for d in comparison["differences"]} == differ


@pytest.mark.parametrize(
    "case", [c for c in LOADING if c["torch"]], ids=[i for i, c in zip(IDS, LOADING) if c["torch"]]
)
def test_two_files_say_what_torch_says(rnnshape, held, case):
    held(arrays(**case["checkpoint"]), "a.npz")
    held(arrays(**case["model"]), "b.npz")
    ended = rnnshape("inspect", "a.npz", "b.npz", "--json")
    assert ended.status == 1
    said = ended.json["comparison"]["torch"]["message"].split("\n")
    assert said[1:] == case["torch"].split("\n")[1:]


def test_the_comparison_explains_each_difference(rnnshape):
    ended = rnnshape("inspect", FOLDER / "zip.pt", "--layers", 1, "--input-size", 8)
    assert ended.status == 1
    for words in (
        "encoder.rnn: input_size: 3 in the checkpoint, 8 in the model",
        "encoder.rnn: num_layers: 2 in the checkpoint, 1 in the model",
        "8 of the names are unexpected by the model",
        "torch: RuntimeError: Error(s) in loading state_dict for LSTM:",
        "size mismatch for weight_ih_l0: copying a param with shape torch.Size([16, 3])",
        "rnn = nn.LSTM(3, 4, num_layers=2, bidirectional=True)",
        "not equal",
    ):
        assert words in " ".join(ended.out.split())


def test_what_options_leave_out_is_the_files(rnnshape):
    ended = rnnshape("inspect", FOLDER / "zip.pt", "--layers", 2)
    assert (ended.status, ended.out.splitlines()[-1]) == (0, "equal")


def test_what_the_file_does_not_say_is_not_compared(rnnshape):
    ended = rnnshape("inspect", FOLDER / "zip.pt", "--batch-first")
    assert ended.status == 0 and "the file does not say batch_first" in ended.out


def test_a_difference_that_torch_loads_without_a_word_is_said(rnnshape):
    ended = rnnshape("inspect", FOLDER / "whole.pt", "--nonlinearity", "tanh")
    assert ended.status == 1 and "load_state_dict loads without a word" in ended.out
    assert "torch:" not in ended.out


def test_the_same_file_twice_is_equal(rnnshape):
    for file in ("zip.pt", "lightning.ckpt", "tied.pt"):
        ended = rnnshape("inspect", FOLDER / file, FOLDER / file)
        assert (ended.status, ended.out.splitlines()[-1]) == (0, "equal")


def test_the_same_weights_in_two_formats_are_equal(rnnshape):
    ended = rnnshape("inspect", FOLDER / "zip.pt", FOLDER / "model.safetensors")
    assert ended.status == 0
    ended = rnnshape("inspect", FOLDER / "half.pt", FOLDER / "bfloat16.safetensors")
    assert ended.status == 0 and "load_state_dict converts it" in ended.out


def test_dataparallels_prefix_is_explained(rnnshape, held):
    state = {f"rnn.{n}": a for n, a in arrays().items()}
    held({f"module.{n}": a for n, a in state.items()}, "a.npz")
    held(state, "b.npz")
    ended = rnnshape("inspect", "a.npz", "b.npz")
    assert ended.status == 1
    assert "carry the prefix 'module.' (nn.DataParallel adds it)" in ended.out
    assert "removeprefix('module.')" in ended.out


def test_a_network_that_one_file_alone_has_is_said(rnnshape):
    ended = rnnshape("inspect", FOLDER / "tied.pt", FOLDER / "cells.pt", "--json")
    found = [(d["module"], d["about"]) for d in ended.json["comparison"]["differences"]]
    assert ("view", "module") in found and ("a", "module") in found


def test_two_files_and_options_are_one_too_many(rnnshape):
    ended = rnnshape("inspect", FOLDER / "zip.pt", FOLDER / "half.pt", "--layers", 2)
    assert ended.status == 2 and "got both" in ended.err


def test_load_error_is_silent_where_all_fits():
    assert load_error({"a": (1, 2)}, {"a": (1, 2)}, "LSTM") == ""
