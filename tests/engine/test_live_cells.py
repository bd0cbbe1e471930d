"""Cells that come with the program beside those of the package torchrecurrent: one step each."""

import importlib.util

import numpy as np
import pytest

from rnnshape.engine.written import shipped_cell
from rnnshape.network.spec import Spec
from rnnshape.numeric.fast.forward import run

pytestmark = [
    pytest.mark.live,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(
        importlib.util.find_spec("torchrecurrent") is None, reason="torchrecurrent is missing"
    ),
]
# ours -> theirs, their nonlinearity, the gates of weight_ih in their order by our names' ends, and
# the names of W, U and b; where a gate is named otherwise, its own
CASES = {
    "mgu": ("MGUCell", {}, "fh", {}),
    "peephole": ("PeepholeLSTMCell", {}, "ifco", {}),
    "janet": ("JANETCell", {}, "fc", {"beta_l0": "beta"}),
    "indrnn": ("IndRNNCell", {"nonlinearity": "relu"}, "", {"u_l0": "vector_u"}),
    "ugrnn": ("UGRNNCell", {}, "ng", {}),
    "ligru": ("LiGRUCell", {"nonlinearity": "relu"}, "zh", {}),
    "cornn": ("coRNNCell", {}, "", {}),
}
STATES = {"peephole": "hc", "cornn": "yz", "janet": "hh"}  # ours, in their order


@pytest.mark.parametrize("name", CASES)
def test_a_step_is_the_packages(name):
    import torch
    import torchrecurrent

    kind, more, gates, named = CASES[name]
    torch.manual_seed(0)
    theirs = getattr(torchrecurrent, kind)(3, 4, **more).double()
    for parameter in theirs.parameters():
        if parameter.dim():
            torch.nn.init.normal_(parameter)
    held = {key: p.detach().numpy() for key, p in theirs.named_parameters()}
    bias = held["bias_ih"] + held["bias_hh"]
    weights = {key: np.reshape(held[their], (-1,)) for key, their in named.items()}
    if name == "cornn":
        bias = bias + held["bias_ch"]
        weights |= {"V_l0": held["weight_ih"], "W_l0": held["weight_hh"],
                    "W_z_l0": held["weight_ch"], "b_l0": bias}  # fmt: skip
        weights |= {f"{key}_l0": np.array([getattr(theirs, key)]) for key in
                    ("dt", "gamma", "epsilon")}  # fmt: skip
    elif name == "indrnn":
        weights |= {"W_l0": held["weight_ih"], "b_l0": bias}
    else:
        for letter, whole in (("W", held["weight_ih"]), ("U", held["weight_hh"]), ("b", bias)):
            parts = np.split(whole, len(gates))
            weights |= {f"{letter}_{gate}_l0": part for gate, part in zip(gates, parts)}
    if name == "peephole":
        for gate, part in zip("ifo", np.split(held["weight_ph"], 3)):
            weights[f"p_{gate}_l0"] = part
    spec = Spec(cell=shipped_cell(name), input_size=3, hidden_size=4)
    x, order = torch.randn(2, 3).double(), STATES.get(name, "h")
    begun = {key: torch.randn(2, 4).double() for key in order}
    given = tuple(begun[key] for key in order)
    ended = theirs(x, given if len(given) > 1 else given[0])
    ended = ended if isinstance(ended, tuple) else (ended,)
    result = run(spec, weights, x[None].numpy(),
                 states={key: state[None].numpy() for key, state in begun.items()})  # fmt: skip
    for key, state in zip(order, ended):
        difference = result.to_dict()[f"{key}n"][0] - state.detach().numpy()
        assert np.abs(difference).max() < 1e-10
