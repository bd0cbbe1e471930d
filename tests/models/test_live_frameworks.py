"""The code that `rnnshape code` prints, run in its framework, beside what `run` computes."""

import itertools
import os

import numpy as np
import pytest
from conftest import ROOT

from rnnshape import Spec, run
from rnnshape.numeric.random import drawn_weights

pytestmark = [pytest.mark.live, pytest.mark.filterwarnings("ignore")]
NEEDED = {"torch": ["torch"], "keras": ["keras", "jax"], "flax": ["flax"], "flax-linen": ["flax"],
          "equinox": ["equinox"]}  # fmt: skip
NETWORKS = [
    {"cell": cell, "bias": bias, "bidirectional": both, "num_layers": layers, **more}
    for cell, bias, both, layers in itertools.product(
        ("rnn", "lstm", "gru"), (True, False), (True, False), (1, 2)
    )
    for more in ([{}, {"nonlinearity": "relu"}] if cell == "rnn" else [{}])
]


def importable(framework: str) -> None:
    os.environ.setdefault("KERAS_BACKEND", "jax")
    for package in NEEDED[framework]:
        pytest.importorskip(package)


def executed(text: str) -> dict:
    scope: dict = {}
    exec(compile(text, "code", "exec"), scope)
    return scope


@pytest.mark.parametrize("framework", NEEDED)
@pytest.mark.parametrize("network", NETWORKS, ids=lambda n: "-".join(map(str, n.values())))
def test_the_code_computes_what_run_does(rnnshape, tmp_path, framework, network):
    importable(framework)
    if (framework, network["cell"]) == ("equinox", "rnn"):
        pytest.skip("Equinox has no plain rnn")
    spec = Spec(input_size=3, hidden_size=4, **network)
    weights = drawn_weights(spec, np.random.default_rng(0), "float32")
    if framework == "flax" and spec.cell == "gru":
        for name in weights:
            weights[name][8:] *= not name.startswith("bias_hh")  # b_hn has no place
    np.savez(tmp_path / "w.npz", **{f"enc.{name}": array for name, array in weights.items()})
    relu = ["--nonlinearity", "relu"] if spec.nonlinearity == "relu" else []
    files = [("w.npz", ["--module", "enc"])]
    if framework != "torch":  # its own layout, written by `convert`, is read too
        assert rnnshape("convert", "w.npz", "own.safetensors", "--to", framework, *relu).err == ""
        files.append(("own.safetensors", []))
    for file, module in files:
        ended = rnnshape("code", "--framework", framework, "--weights", file, *module, *relu,
                         "--batch-size", 2)  # fmt: skip
        assert ended.err == ""
        scope = executed(ended.out)
        x = np.asarray(scope["x"])
        first = framework != "torch"  # the others have the batch first
        result = run(spec, weights, x.transpose(1, 0, 2) if first else x)
        output = np.asarray(scope["output"])
        wanted = {**result.to_dict(), "output": result.output}
        wanted["output"] = wanted["output"].transpose(1, 0, 2) if first else wanted["output"]
        for name, array in wanted.items():
            got = output if name == "output" else np.asarray(scope[name])
            assert got.shape == array.shape and abs(got - array).max() <= 1e-6, name


@pytest.mark.parametrize(
    "options",
    [
        ["--cell", "lstm", "--proj-size", 3, "--layers", 2, "--bidirectional"],
        ["--cell", "gru", "--lengths", "5,2,4"],
        [
            "--cell",
            "lstm",
            "--lengths",
            "5,2,4",
            "--batch-first",
            "--dropout",
            "0.5",
            "--layers",
            2,
        ],
        ["--unbatched", "--nonlinearity", "relu"],
        ["--cell", "gru", "--batch-first", "--no-bias"],
    ],
    ids=lambda options: " ".join(map(str, options)),
)
@pytest.mark.parametrize("suffix", ["npz", "safetensors", "pt"])
def test_torchs_code_in_every_form_of_call(rnnshape, tmp_path, options, suffix):
    torch = pytest.importorskip("torch")
    ended = rnnshape("code", *options)
    assert ended.err == ""
    module = next(v for v in executed(ended.out).values() if isinstance(v, torch.nn.RNNBase))
    state = {f"rnn.{name}": tensor for name, tensor in module.state_dict().items()}
    arrays = {name: tensor.numpy() for name, tensor in state.items()}
    if suffix == "npz":
        np.savez(tmp_path / "w.npz", **arrays)
    elif suffix == "safetensors":
        from safetensors.numpy import save_file

        save_file(arrays, tmp_path / "w.safetensors")
    else:
        torch.save(state, tmp_path / "w.pt")
    kept = [o for o in options if o not in ("--no-bias",)]
    ended = rnnshape("code", *kept, "--weights", f"w.{suffix}")
    assert ended.err == ""
    scope = executed(ended.out)
    own = next(v for v in scope.values() if isinstance(v, torch.nn.RNNBase))
    assert str(own) == str(module)
    assert all((own.state_dict()[n] == t).all() for n, t in module.state_dict().items())
    np.save(tmp_path / "x.npy", scope["x"].numpy())
    asked = [o for o in options if o not in ("--no-bias", "--unbatched")]
    ended = rnnshape("run", *asked, "--weights", f"w.{suffix}", "--input", "x.npy", "-o", "r.npz",
                     *(["--module", "rnn"] if suffix != "pt" else []))  # fmt: skip
    assert ended.err == ""
    for name, array in np.load(tmp_path / "r.npz").items():
        assert abs(scope[name].numpy() - array).max() <= 1e-6, name


@pytest.mark.parametrize(
    "file", ["zip.pt", "legacy.pt", "script.pt", "half.pt", "bfloat16.pt", "parallel.pt",
             "tied.pt", "cells.pt"],
)  # fmt: skip
def test_torchs_code_opens_the_checkpoints_that_torch_wrote(rnnshape, file):
    pytest.importorskip("torch")
    held = rnnshape("inspect", ROOT / "fixtures/checkpoints" / file, "--json").json["modules"]
    names = [found["name"] for found in held]
    assert names
    for name in names:
        chosen = ["--module", name] if name else []
        ended = rnnshape("code", "--weights", ROOT / "fixtures/checkpoints" / file, *chosen)
        assert ended.err == ""
        executed(ended.out)
