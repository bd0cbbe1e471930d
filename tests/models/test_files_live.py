"""Files that an installed torch, Keras and ONNX's exporter write, of random networks."""

import importlib.util
import os
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rnnshape import Spec, run
from rnnshape.checks.loading import load_error
from rnnshape.models.files import open_file, read_weights
from rnnshape.models.networks.find import completed, contents


def missing(*packages):
    absent = [p for p in packages if importlib.util.find_spec(p) is None]
    return pytest.mark.skipif(bool(absent), reason=f"{', '.join(absent)} not installed")


pytestmark = [pytest.mark.live, missing("torch")]
QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@st.composite
def specs(draw):
    cell = draw(st.sampled_from(["rnn", "lstm", "gru"]))
    hidden = draw(st.integers(1, 6))
    projected = draw(st.integers(0, hidden - 1)) if cell == "lstm" else 0
    return Spec(
        cell=cell, input_size=draw(st.integers(1, 6)), hidden_size=hidden, proj_size=projected,
        num_layers=draw(st.integers(1, 3)), bidirectional=draw(st.booleans()),
        bias=draw(st.booleans()), batch_first=draw(st.booleans()),
        nonlinearity=draw(st.sampled_from(["tanh", "relu"])) if cell == "rnn" else "tanh",
    )  # fmt: skip


def whole(module):
    import torch

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = torch.nn.Sequential(torch.nn.Identity(), module)
            self.fc = torch.nn.Linear(3, 2)
            self.attention = torch.nn.MultiheadAttention(4, 2)

        def forward(self, x: torch.Tensor):
            return self.encoder(x)

    return Model()


def written(form, model, path):
    """Save a model in one of torch's forms."""
    import torch
    from safetensors.torch import save_file

    old = {"_use_new_zipfile_serialization": False}
    if form == "zip":
        torch.save(model.state_dict(), path)
    elif form == "stream":
        torch.save(model.state_dict(), path, **old)
    elif form == "protocol 1":
        torch.save({"state_dict": model.state_dict()}, path, pickle_protocol=1)
    elif form == "protocol 5":
        torch.save({"model": model.state_dict()}, path, pickle_protocol=5)
    elif form == "trainer":
        optimiser = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)
        optimiser.step()
        torch.save({"model": model.state_dict(), "optimizer": optimiser.state_dict()}, path, **old)
    elif form == "whole":
        torch.save(model.encoder, path)
    elif form == "whole, stream":
        torch.save(model.encoder, path, **old)
    elif form == "script":
        torch.jit.script(model).save(str(path))
    else:
        save_file(model.state_dict(), path)


FORMS = [
    "zip",
    "stream",
    "protocol 1",
    "protocol 5",
    "trainer",
    "whole",
    "whole, stream",
    "script",
    "safetensors",
]


@settings(max_examples=120, **QUIET)
@given(spec=specs(), form=st.sampled_from(FORMS), seed=st.integers(0, 999))
def test_what_torch_saves_is_found_and_computes_the_same(tmp_path, spec, form, seed):
    import torch

    from rnnshape.analysis.verify import torch_module

    torch.manual_seed(seed)
    module = torch_module(spec).float().eval()
    path = tmp_path / "model.bin"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        written(form, whole(module), path)
    (found,) = contents(open_file(str(path))).modules
    assert found.name in ("encoder.1", "1") and found.whole
    if form.startswith(("whole", "script")):
        assert not found.undetermined and found.spec == spec
    stated = {name: getattr(spec, name) for name in found.undetermined}
    weights = read_weights(str(path), found.name)
    x = torch.randn(4, 3, int(spec.input_size))
    result = run(completed(weights, stated), weights, x.numpy())
    with torch.no_grad():
        output = module(x)[0].numpy()
    assert np.abs(result.output - output).max() <= 1e-6


@settings(max_examples=80, **QUIET)
@given(checkpoint=specs(), model=specs())
def test_the_error_of_load_state_dict_is_torchs_to_the_letter(checkpoint, model):
    from rnnshape.analysis.verify import torch_module

    try:
        torch_module(model).load_state_dict(torch_module(checkpoint).state_dict())
        said = ""
    except RuntimeError as error:
        said = str(error)
    assert load_error(checkpoint.parameters(), model.parameters(), model.cell.upper()) == said


@missing("onnx")
@settings(max_examples=25, **QUIET)
@given(spec=specs().filter(lambda spec: not spec.proj_size), seed=st.integers(0, 999))
def test_what_torch_exports_to_onnx_is_found_and_computes_the_same(tmp_path, spec, seed):
    import torch

    from rnnshape.analysis.verify import torch_module

    torch.manual_seed(seed)
    module = torch_module(spec).float().eval()
    x = torch.randn(4, 3, int(spec.input_size))
    path = str(tmp_path / "model.onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (x,), path, dynamo=False, opset_version=14)
    (found,) = contents(open_file(path)).modules
    weights = read_weights(path)
    told = found.spec
    assert (told.cell, told.num_layers, told.bidirectional, told.nonlinearity) == (
        spec.cell, spec.num_layers, spec.bidirectional, spec.nonlinearity)  # fmt: skip
    result = run(completed(weights, {"batch_first": spec.batch_first}), weights, x.numpy())
    with torch.no_grad():
        output = module(x)[0].numpy()
    assert np.abs(result.output - output).max() <= 1e-6


@missing("keras", "h5py")
@pytest.mark.parametrize("name", ["model.keras", "model.weights.h5", "model.h5"])
@pytest.mark.parametrize("bias", [True, False])
def test_what_keras_saves_is_found_and_computes_the_same(tmp_path, monkeypatch, name, bias):
    monkeypatch.setitem(os.environ, "KERAS_BACKEND", "torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import keras

        layers = keras.layers
        made = [
            layers.LSTM(4, return_sequences=True, use_bias=bias, name="one"),
            layers.Bidirectional(layers.LSTM(3, return_sequences=True, use_bias=bias), name="two"),
            layers.GRU(5, return_sequences=True, use_bias=bias, name="three"),
            layers.SimpleRNN(3, return_sequences=True, use_bias=bias, name="four"),
        ]
        model = keras.Sequential([keras.Input((4, 3)), *made, layers.Dense(2)])
        drawn = np.random.default_rng(0)
        model.set_weights([drawn.standard_normal(w.shape) / 2 for w in model.get_weights()])
        path = str(tmp_path / name)
        (model.save_weights if ".weights." in name else model.save)(path)
    assert {m.name for m in contents(open_file(path)).modules} == {"one", "two", "three", "four"}
    for layer in made:
        x = drawn.standard_normal((2, 4, layer.input.shape[-1])).astype("float32")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            output = keras.ops.convert_to_numpy(layer(x))
        weights = read_weights(path, layer.name)
        assert np.abs(run(completed(weights, {}), weights, x).output - output).max() <= 1e-6


def test_a_plain_pickle_of_a_module_is_read(tmp_path):
    """pickle.dump lays each storage into the pickle, as bytes that torch.save wrote."""
    import pickle

    torch = pytest.importorskip("torch")
    module = torch.nn.LSTM(3, 4, 2, bidirectional=True)
    x = torch.randn(5, 2, 3)
    for name, held in (("m.pkl", module), ("s.pkl", module.state_dict())):
        (tmp_path / name).write_bytes(pickle.dumps(held))
        weights = read_weights(str(tmp_path / name))
        output = run(completed(weights, {}), weights, x.numpy()).output
        assert np.abs(output - module(x)[0].detach().numpy()).max() <= 1e-6
