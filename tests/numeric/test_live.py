"""The comparison with a torch that is installed, on fresh random configurations."""

import json

import numpy as np
import pytest
from conftest import ROOT, needs_torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rnnshape import Spec, UsageError, run, run_backward
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


@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning"
)
def test_quantised_and_scripted_modules_tell_their_spec():
    import torch
    from torch import nn

    made = [nn.LSTM(3, 4, 2, bidirectional=True), nn.GRU(3, 4), nn.LSTMCell(3, 4), nn.GRUCell(3, 4),
            nn.RNNCell(3, 4, nonlinearity="relu"), nn.RNN(3, 4, nonlinearity="relu")]  # fmt: skip
    for module in made:
        assert Spec.from_module(torch.jit.script(module)) == Spec.from_module(module)
        if not isinstance(module, nn.RNN):
            quantised = torch.ao.quantization.quantize_dynamic(
                nn.Sequential(module), {type(module)}
            )
            assert Spec.from_module(quantised[0]) == Spec.from_module(module)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_tensors_with_a_graph_and_of_any_floating_type_are_computed_with(dtype):
    import torch
    from torch import nn

    module = nn.GRU(3, 4).to(getattr(torch, dtype))
    x = torch.randn(5, 2, 3, requires_grad=True, dtype=getattr(torch, dtype))
    result, gradients = run_backward(Spec.from_module(module), dict(module.named_parameters()), x)
    expected = module(x)[0].float().detach().numpy()
    np.testing.assert_allclose(result.output, expected, atol=0.02 if dtype == "bfloat16" else 1e-6)
    assert gradients["grad.input"].shape == x.shape
    with pytest.raises(UsageError, match="expected an array of numbers"):
        run(Spec.from_module(module), module.to("meta").state_dict(), x)
