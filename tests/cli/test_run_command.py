import json

import jsonschema
import numpy as np
import pytest
from conftest import TORCH, recorded
from safetensors.numpy import save_file

from rnnshape import Spec
from rnnshape.show.schema import schema

ARRAYS = np.load(TORCH / "numeric.npz")
CASE = next(
    c for c in recorded("numeric")
    if c["spec"]["cell"] == "lstm" and c["explicit_state"]
    and not c["call"]["lengths"] and not c["call"]["unbatched"]
)  # fmt: skip


def named(name: str) -> np.ndarray:
    return ARRAYS[f"{CASE['key']}/{name}"]


@pytest.fixture
def files(tmp_path):
    """torch's weights and inputs of one recorded case, as files."""
    weights = {name: named(name) for name in Spec.from_dict(CASE["spec"]).parameters()}
    np.savez(tmp_path / "w.npz", **weights)
    save_file({f"encoder.rnn.{n}": a for n, a in weights.items()}, tmp_path / "w.safetensors")
    for name in ("input", "h0", "c0"):
        np.save(tmp_path / f"{name}.npy", named(name))
    (tmp_path / "spec.json").write_text(json.dumps(CASE["spec"]))
    return weights


STATES = ["--input", "input.npy", "--h0", "h0.npy", "--c0", "c0.npy", "--dtype", "float64"]


@pytest.mark.parametrize(
    "source",
    [["--weights", "w.npz"], ["--weights", "w.safetensors", "--module", "encoder.rnn"]],
    ids=["npz", "safetensors"],
)
def test_torchs_weights_and_inputs_give_torchs_outputs(rnnshape, files, tmp_path, source):
    ended = rnnshape("run", *source, *STATES, "--spec", "spec.json", "-o", "result.npz")
    assert (ended.status, ended.err) == (0, "")
    result = np.load(tmp_path / "result.npz")
    assert sorted(result.files) == ["cn", "hn", "output"]
    for name in result.files:
        assert abs(result[name] - named(name)).max() <= 1e-12


def test_the_weights_file_tells_the_network(rnnshape, files):
    document = rnnshape("run", "--weights", "w.npz", "--json").json
    told = {**CASE["spec"], "batch_first": False, "dropout": 0.0}
    assert document["spec"] == told
    jsonschema.validate(document, schema("run"))


def test_what_is_drawn_follows_the_seed_and_torchs_bounds(rnnshape):
    once, again, other = (
        rnnshape("run", "--seed", seed, "--json").json["output"] for seed in (1, 1, 2)
    )
    assert once == again != other
    drawn = rnnshape("trace", "--values", "--hidden-size", 4, "--json").json["parameters"]
    values = np.concatenate([np.ravel(p["value"]) for p in drawn])
    assert abs(values).max() <= 0.5 and abs(values).max() > 0.4


def test_dropout_is_off_unless_training_is_asked_for(rnnshape):
    options = ["--layers", 2, "--json"]
    plain, still, trained = (
        rnnshape("run", *options, *more).json
        for more in ([], ["--dropout", 0.5], ["--dropout", 0.5, "--train"])
    )
    assert plain["output"] == still["output"] != trained["output"]
    assert plain["hn"][0] == trained["hn"][0], "the first layer reads what is not dropped"


def test_dropout_of_everything_leaves_the_layer_above_an_input_of_zeros(rnnshape):
    options = ["--layers", 2, "--dropout", 1, "--train", "--json", "--dtype", "float64"]
    document = rnnshape("trace", "--values", *options).json
    above = [step for step in document["steps"] if step["layer"] == 1]
    assert all(not np.any(step["ops"][0]["inputs"][0]["value"]) for step in above)
    ran = rnnshape("run", *options).json["output"]
    assert np.allclose(ran, document["values"]["output"], atol=1e-12)


def test_figure_8_of_the_article(rnnshape):
    ended = rnnshape("run", "--input-size", 2, "--hidden-size", 4, "--layers", 3, "--json")
    assert ended.json["output"][-1] == ended.json["hn"][-1]


def test_a_padded_batch_keeps_zeros_behind_each_sequence(rnnshape):
    document = rnnshape("run", "--lengths", "2,5,3", "--json").json
    output = np.array(document["output"])
    assert output.shape == (5, 3, 20)
    assert (output[2:, 0] == 0).all() and (output[3:, 2] == 0).all() and output[4, 1].all()


def bad(tmp_path, kind: str) -> str:
    """A weights file that cannot be used."""
    weights = {n: a.astype("float32") for n, a in weights_of_two().items()}
    path = tmp_path / f"{kind}.npz"
    if kind == "nan":
        weights["weight_hh_l0"][0, 0] = np.nan
    elif kind == "names":
        weights["W"] = weights.pop("weight_hh_l0")
    elif kind == "dtype":
        weights = {n: a.astype("int64") for n, a in weights.items()}
    elif kind == "shapes":
        weights["bias_ih_l0"] = np.zeros(4, "float32")
    elif kind == "objects":
        weights["bias_ih_l0"] = np.array([{}], dtype=object)
    np.savez(path, **weights)
    if kind == "truncated":
        path.write_bytes(path.read_bytes()[:300])
    elif kind == "text":
        path.write_text("not weights")
    elif kind == "missing":
        path.unlink()
    return path.name


def weights_of_two() -> dict[str, np.ndarray]:
    return {name: np.zeros(shape) for name, shape in Spec(input_size=2, hidden_size=3)
            .parameters().items()}  # fmt: skip


@pytest.mark.parametrize(
    "kind, message",
    [
        ("missing", "No such file"),
        ("truncated", "expected a .npz file that can be read"),
        ("text", "expected a .npz file that can be read"),
        ("objects", "expected a .npz file that can be read"),
        ("names", 'Missing key(s) in state_dict: "weight_hh_l0"'),
        ("shapes", "size mismatch for bias_ih_l0"),
        ("dtype", "of a floating type"),
        ("nan", "got NaN (1 of 9)"),
    ],
)
def test_a_weights_file_that_cannot_be_used(rnnshape, tmp_path, kind, message):
    ended = rnnshape("run", "--weights", bad(tmp_path, kind), "-o", "out.npz")
    assert (ended.status, ended.out) == (2, "")
    assert message in ended.err and "fix:" in ended.err
    assert not (tmp_path / "out.npz").exists()


def test_truncated_safetensors_are_refused(rnnshape, files, tmp_path):
    whole = (tmp_path / "w.safetensors").read_bytes()
    for length in (0, 7, 50, len(whole) - 1):
        (tmp_path / "cut.safetensors").write_bytes(whole[:length])
        ended = rnnshape("run", "--weights", "cut.safetensors")
        assert (ended.status, "Traceback" in ended.err) == (2, False)


def test_options_that_contradict_the_weights_are_refused_in_torchs_words(rnnshape, files):
    ended = rnnshape("run", "--weights", "w.npz", "--hidden-size", 9)
    assert ended.status == 2
    assert "size mismatch for weight_ih_l0: copying a param with shape torch.Size(" in ended.err


def test_what_is_no_number_of_json_is_told_apart(rnnshape):
    np.save("x.npy", np.array([[[np.inf]], [[1.0]], [[np.nan]]], np.float32))
    sizes = ["--input-size", 1, "--hidden-size", 2, "--nonlinearity", "relu", "--seed", 1]
    document = rnnshape("run", *sizes, "--input", "x.npy", "--json").json
    jsonschema.validate(document, schema("run"))
    spelled = {n for step in document["output"] for n in step[0] if isinstance(n, str)}
    assert spelled <= {"NaN", "Infinity", "-Infinity"} and {"NaN", "Infinity"} <= spelled
    assert rnnshape("run", *sizes, "--json", "--input", "x.npy").out.count("null") == 0
