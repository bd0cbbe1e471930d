"""The code of written cells computes what the walk computes, in torch and in Equinox."""

import importlib.util
import linecache

import numpy as np
import pytest

from rnnshape.engine.written import Cell, shipped, shipped_cell
from rnnshape.models.code.write import written_code
from rnnshape.network.batch import Batch
from rnnshape.network.spec import Spec
from rnnshape.numeric.fast.backward import run_backward
from rnnshape.numeric.random import drawn_feed


def missing(package):
    absent = importlib.util.find_spec(package) is None
    return pytest.mark.skipif(absent, reason=f"{package} is not installed")


CELLS = {name: shipped_cell(name) for name in shipped()} | {
    "values": Cell(
        "h' = silu(W·x) + gelu(W·x) + elu(h) + softplus(h) + abs(W·x) + exp(−h ^ 2) + sin(h) ⊙ "
        "cos(h) + relu(W·x) ⊙ sigmoid(h) / 3"
    ),
    "powers": Cell(
        "h' = (2 + σ(W·x)) ^ σ(h) + 2 ^ tanh(h) + (W·x) ^ 3 + (1 / sqrt(H)) ⊙ tanh(h) + max(h, 0.1)"
    ),
    "pieces": Cell(
        "state h: 4\nparam p: 3\nparam W: 4, I\na, b = split(W·x, 2)\nlambda = concat(b, q)\n"
        "h' = lambda + tanh(h) − U·concat(p, b, h)"
    ),
    "matrices": Cell(
        "state S: H, 3\nparam v: 3\nw = σ(u·x)\nS' = w ⊙ S + outer(W·x, v) / (1 + outer(h, v) ^ 2)"
        "\nh' = S'·v + (S'·transpose(D))·(W·x) + (W·transpose(E))·h ⊙ softmax(h)"
    ),
}


def network(name: str, **more) -> tuple[Spec, dict, np.ndarray, dict, np.ndarray, Batch]:
    cell = CELLS[name]
    same = "H = I" in cell.conditions
    spec = Spec(cell=cell, input_size=4 if same else 3, hidden_size=4, num_layers=2,
                bidirectional=not same, **more)  # fmt: skip
    batch = Batch(lengths=(2, 4, 1))
    source = drawn_feed(spec, batch, dtype="float64", seed=3,
                        states=dict.fromkeys(spec.state_names, "random"))  # fmt: skip
    x = source.input[:, list(batch.restored)]
    states = {n: s[:, list(batch.restored)] for n, s in zip(spec.state_names, source.states)}
    x = x.transpose(1, 0, 2) if spec.batch_first else x
    shape = batch.tensors(spec)["output"]
    G = np.random.default_rng(1).standard_normal(shape)
    return spec, source.weights, x, states, G, batch


@pytest.mark.live
@missing("torch")
@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
@pytest.mark.parametrize("name", CELLS)
def test_the_module_computes_the_same_in_torch(name, packed):
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    spec, weights, x, states, G, batch = network(name, batch_first=True)
    lengths = batch.lengths if packed else None
    own = batch if packed else Batch(size=3, seq_len=4)
    result, gradients = run_backward(spec, weights, x, states=states, grad_output=G,
                                     lengths=lengths)  # fmt: skip
    scope: dict = {}
    exec(compile(written_code(spec, own, "torch"), name, "exec"), scope)
    rnn = scope["rnn"].double()
    assert [n for n, _ in rnn.named_parameters()] == [*weights]
    rnn.load_state_dict({n: torch.from_numpy(array) for n, array in weights.items()})
    read = torch.from_numpy(x).requires_grad_()
    begun = [torch.from_numpy(state).requires_grad_() for state in states.values()]
    given = read
    if packed:
        given = pack_padded_sequence(read, lengths, batch_first=True, enforce_sorted=False)
    output, ended = rnn(given, tuple(begun) if len(begun) > 1 else begun[0])
    if packed:
        output, _ = pad_packed_sequence(output, batch_first=True)
    (output * torch.from_numpy(G)).sum().backward()
    ended = ended if isinstance(ended, tuple) else (ended,)
    found = {"output": output, **{f"{n}n": s for n, s in zip(spec.state_names, ended)}}
    for key, array in result.to_dict().items():
        assert np.abs(found[key].detach().numpy() - array).max() < 1e-10, key
    found = {"grad.input": read.grad, **{f"grad.{n}": p.grad for n, p in rnn.named_parameters()},
             **{f"grad.{n}0": s.grad for n, s in zip(spec.state_names, begun)}}  # fmt: skip
    for key, array in gradients.items():
        got = 0 if found[key] is None else found[key].numpy()
        assert np.abs(got - array).max() < 1e-8, key


@pytest.mark.live
@missing("torch")
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
@pytest.mark.parametrize("name", CELLS)
def test_torchscript_takes_the_step(name):
    import torch

    spec = network(name)[0]
    text = written_code(spec, Batch(size=2, seq_len=2), "torch")
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    scope: dict = {"__name__": "written"}
    exec(compile(text, name, "exec"), scope)
    kind = next(v for k, v in scope.items() if k.endswith("Cell") and isinstance(v, type))
    cell = kind(spec.input_size, spec.hidden_size)
    x = torch.randn(2, spec.input_size)
    states = [torch.rand(2, *spec.state_shape(n)) for n in spec.state_names]
    for one, other in zip(torch.jit.script(cell)(x, *states), cell(x, *states), strict=True):
        assert torch.allclose(one, other)


@pytest.mark.live
@missing("equinox")
@pytest.mark.parametrize(
    "name", ["lstm", "mlstm", "deltanet", "ln_gru", "values", "powers", "pieces", "matrices"]
)
def test_the_module_computes_the_same_in_equinox(name):
    import jax

    jax.config.update("jax_enable_x64", True)
    try:
        spec, weights, x, states, G, _ = network(name)
        result, gradients = run_backward(spec, weights, x, states=states, grad_output=G)
        scope: dict = {}
        exec(compile(written_code(spec, Batch(size=3, seq_len=4), "equinox"), name, "exec"), scope)
        rnn = scope["loaded"](scope["rnn"], weights)
        begun = tuple(np.ascontiguousarray(state) for state in states.values())

        def loss(x, begun):
            output, ended = jax.vmap(rnn, in_axes=1, out_axes=1)(x, begun)
            return (output * G).sum(), (output, ended)

        (_, (output, ended)), grad = jax.value_and_grad(loss, (0, 1), has_aux=True)(x, begun)
        assert np.abs(output - result.output).max() < 1e-10
        for one, other in zip(ended, result.states, strict=True):
            assert np.abs(one - other).max() < 1e-10
        assert np.abs(grad[0] - gradients["grad.input"]).max() < 1e-8
        for state, found in zip(spec.state_names, grad[1], strict=True):
            assert np.abs(found - gradients[f"grad.{state}0"]).max() < 1e-8
    finally:
        jax.config.update("jax_enable_x64", False)


@pytest.mark.live
@missing("torch")
@pytest.mark.parametrize("name", ["tensor.cell", "f.cell", "none.cell", "packed_sequence.cell"])
def test_a_class_takes_no_name_that_the_code_needs(name):
    spec = Spec(cell=Cell("h' = tanh(W·x + h)", name), num_layers=2, input_size=2, hidden_size=3)
    exec(compile(written_code(spec, Batch(size=3, seq_len=4), "torch"), name, "exec"), {})
