"""Weights that torch keeps in parts, and what it makes of them."""

import numpy as np
import pytest
from conftest import needs_torch

LAYERS = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}


@pytest.fixture
def parts(tmp_path):
    """Writes an LSTM(3, 4) below `rnn`, whose weight_hh_l0 lies in what is given."""

    def write(**named):
        held = {"weight_ih_l0": (16, 3), "bias_ih_l0": (16,), "bias_hh_l0": (16,)}
        arrays = {name: np.ones(shape) for name, shape in held.items()} | named
        np.savez(tmp_path / "w.npz", **{f"rnn.{name}": array for name, array in arrays.items()})

    return write


def test_a_weight_in_parts_tells_its_network(rnnshape, parts):
    parts(weight_hh_l0_g=np.ones((16, 1)), weight_hh_l0_v=np.ones((16, 4)))
    read = rnnshape("inspect", "w.npz", "--json").json
    (found,) = read["modules"]
    assert found["constructor"] == "nn.LSTM(3, 4)" and not found["problems"]
    assert "rnn.weight_hh_l0 is made from its 2 parts, as weight_norm makes it" in read["notes"]


def test_parts_that_make_a_weight_are_no_other_tensors(rnnshape, parts):
    parts(weight_hh_l0_g=np.ones((16, 1)), weight_hh_l0_v=np.ones((16, 4)))
    assert "other tensor" not in rnnshape("inspect", "w.npz").out


def test_parts_that_fit_no_method_stay_as_they_are(rnnshape, parts):
    parts(weight_hh_l0_g=np.ones((5, 1)), weight_hh_l0_v=np.ones((16, 4)))
    ended = rnnshape("inspect", "w.npz")
    assert ended.status == 1 and "weight_hh_l0 is missing" in ended.out


def test_code_does_not_load_what_lies_in_parts(rnnshape, parts):
    parts(weight_hh_l0_orig=np.ones((16, 4)), weight_hh_l0_mask=np.ones((16, 4)))
    ended = rnnshape("code", "--weights", "w.npz")
    assert (ended.status, ended.out) == (2, "")
    assert "rnnshape convert w.npz weights.npz --to torch" in ended.err


def test_a_norm_of_zero_gives_nan_without_numpys_warning(rnnshape, parts):
    parts(weight_hh_l0_g=np.ones((16, 1)), weight_hh_l0_v=np.zeros((16, 4)))
    ended = rnnshape("run", "--weights", "w.npz", "--seq-len", 1, "--batch-size", 1)
    assert ended.status == 2 and ended.err.startswith("rnnshape: ") and "NaN" in ended.err


@pytest.mark.live
@needs_torch
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("cell", LAYERS)
@pytest.mark.parametrize(
    "method, dim",
    [("weight_norm", 0), ("weight_norm", 1), ("weight_norm", None), ("spectral_norm", 0),
     ("old_weight_norm", 0), ("old_weight_norm", 1), ("old_weight_norm", None),
     ("old_spectral_norm", 0), ("prune", 0)],
)  # fmt: skip
def test_torch_makes_the_same_weight(rnnshape, tmp_path, cell, method, dim):
    import torch
    from torch import nn
    from torch.nn.utils import parametrizations, prune

    make = {
        "weight_norm": lambda m, n: parametrizations.weight_norm(m, n, dim=dim),
        "old_weight_norm": lambda m, n: nn.utils.weight_norm(m, n, dim=dim),
        "spectral_norm": parametrizations.spectral_norm,
        "old_spectral_norm": nn.utils.spectral_norm,
        "prune": lambda m, n: prune.random_unstructured(m, n, 0.5),
    }[method]
    torch.manual_seed(0)
    layer = getattr(nn, LAYERS[cell])(3, 4, num_layers=2, bidirectional=True, dtype=torch.float64)
    for name in [name for name, _ in layer.named_parameters() if "weight" in name]:
        make(layer, name)
    layer.eval()
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    expected = layer(x)[0].detach().numpy()
    torch.save({"model": layer.state_dict(prefix="rnn.")}, tmp_path / "w.pt")
    np.save(tmp_path / "x.npy", x.numpy())
    options = ["--weights", "w.pt", "--input", "x.npy", "--dtype", "float64"]
    assert rnnshape("run", *options, "-o", "r.npz").err == ""
    assert abs(np.load(tmp_path / "r.npz")["output"] - expected).max() <= 1e-9


@pytest.mark.live
@needs_torch
@pytest.mark.parametrize("method", ["orthogonal", "lora"])
def test_a_parametrization_of_any_kind_keeps_the_shape(rnnshape, tmp_path, method):
    import torch
    from torch import nn
    from torch.nn.utils import parametrizations, parametrize

    class Lora(nn.Module):
        def __init__(self, rows, columns):
            super().__init__()
            self.lora_A = nn.Parameter(torch.ones(2, columns))
            self.lora_B = nn.Parameter(torch.ones(rows, 2))

        def forward(self, weight):
            return weight + self.lora_B @ self.lora_A

    layer = nn.LSTM(3, 4, bidirectional=True)
    if method == "lora":
        parametrize.register_parametrization(layer, "weight_hh_l0", Lora(16, 4))
    else:
        parametrizations.orthogonal(layer, "weight_hh_l0")
    torch.save(layer.state_dict(prefix="rnn."), tmp_path / "w.pt")
    told = rnnshape("inspect", "w.pt", "--json").json
    (module,) = told["modules"]
    assert module["constructor"] == "nn.LSTM(3, 4, bidirectional=True)" and not module["problems"]
    assert "its shape is that of its original" in told["notes"][0]
    ended = rnnshape("run", "--weights", "w.pt")
    assert ended.status == 2 and "remove_parametrizations" in ended.err
