"""Weights in several files, with the index that says what is where."""

import json
import os

import numpy as np
import pytest
from safetensors.numpy import save_file

from rnnshape import Spec
from rnnshape.numeric.random import drawn_weights

INDEX = "model.safetensors.index.json"
ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


@pytest.fixture
def shards(tmp_path):
    """A GRU below `encoder`, its tensors in two files by turns, and whole in w.npz."""
    spec = Spec(cell="gru", input_size=3, hidden_size=4, num_layers=2)
    drawn = drawn_weights(spec, np.random.default_rng(0), "float32")
    named = {f"encoder.{name}": array for name, array in drawn.items()}
    places = {name: (ONE, TWO)[place % 2] for place, name in enumerate(named)}
    for file in (ONE, TWO):
        save_file({n: a for n, a in named.items() if places[n] == file}, tmp_path / file)
    (tmp_path / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": places}))
    np.savez(tmp_path / "w.npz", **named)


def test_an_index_holds_what_its_files_hold(rnnshape, shards):
    read = rnnshape("inspect", INDEX, "--json").json
    whole = rnnshape("inspect", "w.npz", "--json").json
    assert read["format"] == "safetensors, in 2 files"
    assert read["modules"] == whole["modules"] and read["tensors"] == whole["tensors"]


def test_the_numbers_come_from_every_file(rnnshape, shards):
    options = ["--seq-len", 2, "--batch-size", 1, "--json"]
    read = rnnshape("run", "--weights", INDEX, *options).json
    assert read == rnnshape("run", "--weights", "w.npz", *options).json


def test_a_file_that_is_not_there_is_named(rnnshape, shards, tmp_path):
    (tmp_path / TWO).unlink()
    ended = rnnshape("inspect", INDEX)
    assert (ended.status, ended.out) == (2, "")
    assert f"an index of 2 files, and {TWO!r} is not beside it" in ended.err


@pytest.mark.parametrize(
    "text, message",
    [
        ({"hidden_size": 4}, "JSON without a weight_map"),
        ({"weight_map": {}}, "JSON without a weight_map"),
        (
            {"weight_map": {"a": ONE}},
            "says 'a' is in 'model-00001-of-00002.safetensors', which lac",
        ),
        ({"weight_map": {"a": f"../{ONE}"}}, "no file of weights beside it"),
        ({"weight_map": {"a": "/etc/passwd"}}, "no file of weights beside it"),
        ({"weight_map": {"a": INDEX}}, "no file of weights beside it"),
        ({"weight_map": {"a": 1}}, "no file of weights beside it"),
        ({"weight_map": {"a": "."}}, "no file of weights beside it"),
        ({"weight_map": {str(n): f"{n}.bin" for n in range(600)}}, "an index of 600 files"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_index_that_is_none(rnnshape, shards, tmp_path, text, message):
    (tmp_path / INDEX).write_text(json.dumps(text))
    ended = rnnshape("inspect", INDEX)
    assert (ended.status, ended.out) == (2, "")
    assert message in ended.err and "fix:" in ended.err


@pytest.mark.parametrize("suffix", ["safetensors", "pt", "npz", "h5", "bin"])
@pytest.mark.parametrize(
    "data, message, fix",
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS", "git lfs pull"),
        (b"\n<!DOCTYPE html><html></html>", "a web page", "fetch the file itself"),
        (b"", "an empty file", "written to its end"),
    ],
    ids=["lfs", "html", "empty"],
)
def test_what_comes_in_a_files_place(rnnshape, tmp_path, suffix, data, message, fix):
    (tmp_path / f"model.{suffix}").write_bytes(data)
    ended = rnnshape("inspect", f"model.{suffix}")
    assert (ended.status, ended.out) == (2, "")
    assert message in ended.err and fix in ended.err


def test_of_a_folder_the_file_to_name_is_told(rnnshape, shards, tmp_path):
    (tmp_path / "none").mkdir()
    ended = rnnshape("inspect", ".")
    assert (ended.status, ended.out) == (2, "")
    assert f"a folder\n  fix: name the file itself: {os.path.join('.', INDEX)}" in ended.err
    assert rnnshape("inspect", "none").err.endswith("fix: name the file itself\n")


def test_a_name_with_a_line_break_stays_on_its_line(rnnshape, tmp_path):
    held = {"weight_ih_l0": (4, 3), "weight_hh_l0": (4, 4)}
    arrays = {f"a\nno problems.{name}": np.ones(shape, "f4") for name, shape in held.items()}
    save_file(arrays, tmp_path / "w.safetensors")
    lines = rnnshape("inspect", "w.safetensors").out.split("\n")
    assert "a\\nno problems  nn.RNN(3, 4, bias=False)" in lines
