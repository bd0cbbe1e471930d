"""The comparison with a torch that is installed, on fresh random configurations."""

import json

import pytest
from conftest import ROOT, needs_torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rnnshape import Spec
from rnnshape.cli import run_command

pytestmark = [pytest.mark.live, needs_torch]


@st.composite
def configurations(draw) -> list[str]:
    cell = draw(st.sampled_from(["rnn", "lstm", "gru"]))
    hidden = draw(st.integers(1, 9))
    options = ["--cell", cell, "--hidden-size", hidden, "--input-size", draw(st.integers(1, 9)),
               "--layers", draw(st.integers(1, 4)), "--seed", draw(st.integers(0, 9999))]  # fmt: skip
    if cell == "rnn":
        options += ["--nonlinearity", draw(st.sampled_from(["tanh", "relu"]))]
    if cell == "lstm" and hidden > 1:
        options += ["--proj-size", draw(st.integers(0, hidden - 1))]
    flags = ["--bidirectional", "--batch-first", "--no-bias"]
    options += [flag for flag in flags if draw(st.booleans())]
    shape = draw(st.sampled_from(["batch", "unbatched", "packed"]))
    if shape == "packed":
        lengths = draw(st.lists(st.integers(1, 9), min_size=1, max_size=6))
        options += ["--lengths", ",".join(map(str, lengths))]
    else:
        options += ["--seq-len", draw(st.integers(1, 12))]
        options += ["--unbatched"] if shape == "unbatched" else [
            "--batch-size", draw(st.integers(1, 6))]  # fmt: skip
    return [str(option) for option in options]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(options=configurations())
def test_torch_gives_the_same_numbers(options, capsys):
    assert run_command(["verify", *options, "--json"]) == 0, capsys.readouterr()
    assert json.loads(capsys.readouterr().out)["ok"]


@settings(max_examples=60, deadline=None)
@given(options=configurations())
def test_a_live_module_tells_its_spec(options):
    from rnnshape.analysis.verify import torch_module

    given = dict(zip(options[::1], options[1::1]))
    spec = Spec(
        cell=given["--cell"], hidden_size=int(given["--hidden-size"]),
        input_size=int(given["--input-size"]), num_layers=int(given["--layers"]),
        bidirectional="--bidirectional" in options,
    )  # fmt: skip
    module = torch_module(spec)
    assert Spec.from_module(module) == spec
    assert str(spec) == str(module)


def test_the_recordings_are_those_of_torch_2_13(tmp_path):
    versions = {
        json.loads(path.read_text())["torch"] for path in (ROOT / "fixtures/torch").glob("*.json")
    }
    assert versions == {"2.13.0"}
