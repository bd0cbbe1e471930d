"""The fast backward: the numbers of torch's autograd, and of central differences."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import needs_torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_backward import LOSSES, assert_gradients, of_loss
from test_numbers import CASES, arrays, call

import rnnshape.numeric.fast.backward
from rnnshape import Spec, run_backward, trace
from rnnshape.analysis.trace import Trace
from rnnshape.engine.backward import Back, backward
from rnnshape.numeric.fast.backward import Saved
from rnnshape.numeric.fast.forward import compute
from rnnshape.numeric.feed import feed, with_grad_output
from rnnshape.numeric.random import drawn_weights
from rnnshape.numeric.world import BackArrays


def outward(source, found: dict) -> dict:
    """Gradients in the caller's layout, under the names of the fixtures."""
    states = tuple(found[f"{name}0"] for name in source.spec.state_names)
    weights = {name: found[name] for name in source.weights if name in found}
    return source.gradients(found["input"], states, weights)


def case_of(case: dict):
    named = arrays(case)
    return with_grad_output(feed(*call(case)), named["grad_output"]), named


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["key"])
def test_the_gradients_are_those_of_torchs_autograd(case):
    source, named = case_of(case)
    found = outward(source, Saved(source).backward())
    assert_gradients(found, named)
    assert {f"grad.{name}" for name in ("input", "h0", *source.weights)} <= set(found)


def test_the_gradients_come_in_the_order_of_torchs_parameters():
    spec = Spec(cell="lstm", input_size=2, hidden_size=3, num_layers=2, bidirectional=True)
    assert list(Saved(drawn(spec, 2, 1, 0)).backward()) == ["input", "h0", "c0", *spec.parameters()]


@pytest.mark.parametrize("case", LOSSES, ids=lambda case: case["key"])
def test_losses_heads_and_truncation_give_torchs_gradients(case):
    subject, named = of_loss(case)
    saved = Saved(subject.feed)
    assert abs(saved.result.loss - named["loss"]) <= 1e-10
    assert_gradients(outward(subject.feed, saved.backward(tbptt=case["call"]["tbptt"])), named)


@pytest.mark.parametrize("at", ["every", "last"])
def test_the_gradient_of_o_may_come_from_outside(at):
    case = next(c for c in LOSSES if c["call"]["output_at"] == at and c["call"]["loss"] == "sum")
    source = of_loss(case)[0].feed
    saved = Saved(source)
    given = Saved(replace(source, head=replace(source.head, loss=None))).backward(
        o=np.ones(saved.o.shape)
    )
    assert_same(given, saved.backward())


def drawn(spec: Spec, t: int, n: int, seed: int, dtype="float64", lengths=None):
    """A call with random numbers, with dropout masks where the network has dropout."""
    generator = np.random.default_rng(seed)
    rows = spec.num_layers * spec.num_directions
    states = [
        generator.standard_normal((rows, n, spec.state_width(name))) for name in spec.state_names
    ]
    x = generator.standard_normal((t, n, spec.input_size))
    source = feed(spec, drawn_weights(spec, generator, dtype), x, *states, lengths=lengths)
    shape = (*source.input.shape[:2], spec.output_size)
    masks = [generator.integers(0, 2, shape).astype(dtype) * 2 for _ in range(spec.num_layers - 1)]
    return replace(source, masks=tuple(masks) if spec.dropout else ())


def sum_of_products(source, coefficients) -> float:
    """A loss whose gradients by output, hn and cn are `coefficients`, in the walk's layout."""
    saved = Saved(source)
    arrays = (saved.output, *saved.final_states)
    return sum(float((array * c).sum()) for array, c in zip(arrays, coefficients, strict=True))


@settings(max_examples=60, deadline=None)
@given(
    cell=st.sampled_from(["rnn", "lstm", "gru"]),
    other=st.booleans(),
    bias=st.booleans(),
    both=st.booleans(),
    layers=st.integers(1, 3),
    sizes=st.tuples(*[st.integers(1, 5)] * 4),
    packed=st.booleans(),
    dropout=st.booleans(),
    seed=st.integers(0, 99),
)
def test_the_gradients_are_the_slopes_of_the_loss(
    cell, other, bias, both, layers, sizes, packed, dropout, seed
):
    n, t, i, h = sizes
    spec = Spec(
        cell=cell, input_size=i, hidden_size=h, num_layers=layers, bias=bias, bidirectional=both,
        proj_size=h - 1 if cell == "lstm" and other else 0, dropout=0.5 if dropout else 0.0,
    )  # fmt: skip
    generator = np.random.default_rng(seed)
    lengths = tuple(int(k) for k in generator.integers(1, t + 1, n)) if packed else None
    source = drawn(spec, t, n, seed, lengths=lengths)
    saved = Saved(source)
    coefficients = [generator.standard_normal(a.shape) for a in (saved.output, *saved.final_states)]
    if packed:  # what stands behind the end of a sequence is no output
        for row, index in enumerate(source.batch.order):
            coefficients[0][lengths[index] :, row] = 0
    found = saved.backward(*coefficients)

    def moved(step: float, direction: dict):
        weights = {name: a + step * direction[name] for name, a in source.weights.items()}
        states = tuple(
            a + step * direction[f"{name}0"] for a, name in zip(source.states, spec.state_names)
        )
        x = source.input + step * direction["input"]
        return replace(source, weights=weights, states=states, input=x)

    direction = {name: generator.standard_normal(array.shape) for name, array in found.items()}
    slope = sum(float((found[name] * direction[name]).sum()) for name in found)
    ends = [sum_of_products(moved(step, direction), coefficients) for step in (1e-5, -1e-5)]
    assert (ends[0] - ends[1]) / 2e-5 == pytest.approx(slope, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("at_once", [1, 300])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_steps_that_are_prepared_together_change_nothing(monkeypatch, cell, at_once):
    spec = Spec(cell=cell, input_size=3, hidden_size=4, num_layers=2, bidirectional=True)
    saved = Saved(drawn(spec, 23, 3, 0))
    whole = saved.backward(saved.output, tbptt=5)
    monkeypatch.setattr(rnnshape.numeric.fast.backward, "_NUMBERS_AT_ONCE", at_once)
    for name, array in saved.backward(saved.output, tbptt=5).items():
        np.testing.assert_allclose(array, whole[name], atol=1e-12)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float16", 2e-2)])
def test_gradients_have_the_type_of_the_weights(cell, dtype, tolerance):
    spec = Spec(cell=cell, input_size=3, hidden_size=4, num_layers=2)
    source = drawn(spec, 4, 3, 0, dtype)
    wide = {name: array.astype("float64") for name, array in source.weights.items()}
    x, *states = (array.astype("float64") for array in (source.input, *source.states))
    exact = Saved(replace(source, weights=wide, input=x, states=tuple(states))).backward(
        np.ones((4, 3, 4))
    )
    for name, array in Saved(source).backward(np.ones((4, 3, 4))).items():
        assert array.dtype == dtype
        assert abs(array - exact[name]).max() <= tolerance * max(1, abs(exact[name]).max()), name


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_a_backward_leaves_all_it_reads_as_it_was(cell):
    spec = Spec(cell=cell, input_size=3, hidden_size=4, num_layers=2, dropout=0.5)
    source = drawn(spec, 4, 3, 0)
    assert_same(compute(source).to_dict(), Saved(source).result.to_dict())
    saved, coefficients = Saved(source), np.ones((4, 3, 4))
    first = saved.backward(coefficients, source.states[0])
    assert_same(first, saved.backward(coefficients, source.states[0]))
    assert (coefficients == 1).all()


def assert_same(one: dict, other: dict):
    assert set(one) == set(other)
    for name, array in one.items():
        assert np.array_equal(array, other[name]), name


@pytest.mark.parametrize(
    ("cell", "options", "widths"),
    [
        ("rnn", {}, 0),  # h alone, which lies in the output
        ("lstm", {}, 6),  # i, f, g, o, c and tanh(c)
        ("lstm", {"proj_size": 5}, 7),  # and o ⊙ tanh(c), which is projected
        ("gru", {}, 4),  # r, z, n and the hidden part of n
    ],
)
def test_what_is_kept_of_a_step_is_what_its_backward_reads(cell, options, widths):
    source = drawn(Spec(cell=cell, **options), 5, 3, 0)
    (own,) = Saved(source).swept
    (stretch,) = own.stretches
    assert sum(array.size for array in stretch.stored.values()) == widths * 5 * 3 * 20


def test_a_batch_of_no_sequence_has_gradients_of_zero():
    spec = Spec(cell="gru", input_size=3, hidden_size=4)
    found = Saved(drawn(spec, 5, 0, 0)).backward(np.zeros((5, 0, 4)))
    assert found["input"].shape == (5, 0, 3)
    assert not found["weight_hh_l0"].any()


@pytest.mark.live
@pytest.mark.parametrize("window", [1, 3, 10])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_truncation_is_torchs_chunks_with_detached_states(cell, window):
    torch = pytest.importorskip("torch")
    spec = Spec(cell=cell, input_size=3, hidden_size=4, num_layers=2)
    source = drawn(spec, 10, 2, 0)
    module = getattr(torch.nn, cell.upper())(3, 4, 2).double()
    module.load_state_dict({n: torch.from_numpy(a) for n, a in source.weights.items()})
    x = torch.from_numpy(source.input).requires_grad_()
    states = tuple(torch.from_numpy(state) for state in source.states)
    total = 0.0
    for begin in range(0, 10, window):
        output, found = module(x[begin : begin + window], states if cell == "lstm" else states[0])
        states = tuple(s.detach() for s in (found if cell == "lstm" else (found,)))
        total = total + (output**2).sum()
    total.backward()
    saved = Saved(source)
    ours = saved.backward(2 * saved.output, tbptt=window)
    for name, tensor in {"input": x, **dict(module.named_parameters())}.items():
        assert abs(ours[name] - tensor.grad.numpy()).max() <= 1e-10, name


@pytest.mark.parametrize("case", CASES[::9], ids=lambda case: case["key"])
def test_the_python_call_gives_torchs_gradients(case):
    named = arrays(case)
    *arguments, lengths = call(case)
    result, found = run_backward(*arguments, grad_output=named["grad_output"], lengths=lengths)
    assert result.output.shape == named["output"].shape
    for name in found.keys() & named.keys():
        assert abs(found[name] - named[name]).max(initial=0) <= 1e-10, name


def test_without_a_gradient_by_output_it_is_ones_in_the_walk_too():
    source = feed(*call(CASES[0]))
    ones = Trace(source.spec, source.batch, source, back=Back())
    _, found = run_backward(*call(CASES[0])[:-1])
    for name, array in ones.gradients.items():
        assert array.any() and abs(array - found[name]).max() <= 1e-12


# --------------------------------------------------- an input longer than all, and what is no number


def longer(cell, first):
    spec = Spec(cell=cell, input_size=3, hidden_size=4, bidirectional=True, batch_first=first)
    generator = np.random.default_rng(0)
    weights = {n: generator.normal(size=s) for n, s in spec.parameters().items()}
    x = generator.normal(size=(2, 6, 3) if first else (6, 2, 3))
    return spec, weights, x


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_gradient_by_a_packed_input_has_its_shape_and_zeros_behind(cell, first):
    spec, weights, x = longer(cell, first)
    _, gradients = run_backward(spec, weights, x, lengths=[2, 4])
    found = gradients["grad.input"] if first else gradients["grad.input"].transpose(1, 0, 2)
    assert gradients["grad.input"].shape == x.shape
    assert not found[:, 4:].any() and not found[0, 2:].any() and found[1, 3].any()


@needs_torch
@pytest.mark.live
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_gradient_by_a_packed_input_is_torchs(cell, first):
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    from rnnshape.analysis.verify import torch_module

    spec, weights, x = longer(cell, first)
    module = torch_module(spec).double()
    module.load_state_dict({name: torch.tensor(array) for name, array in weights.items()})
    leaf = torch.tensor(x, requires_grad=True)
    packed = pack_padded_sequence(leaf, [2, 4], batch_first=first, enforce_sorted=False)
    output, _ = pad_packed_sequence(module(packed)[0], batch_first=first)
    output.sum().backward()
    _, gradients = run_backward(spec, weights, x, lengths=[2, 4])
    np.testing.assert_allclose(gradients["grad.input"], leaf.grad, atol=1e-12)


def test_relu_passes_the_gradient_through_what_is_no_number_as_torch_does():
    spec = Spec(input_size=1, hidden_size=1, nonlinearity="relu", bias=False)
    weights = {"weight_ih_l0": np.array([[2.0]]), "weight_hh_l0": np.array([[3.0]])}
    x = np.array([[[np.nan]], [[1.0]]])
    _, gradients = run_backward(spec, weights, x)
    # torch 2.13: x.grad of output.sum().backward()
    assert gradients["grad.input"].ravel().tolist() == [8.0, 2.0]
    feed = trace(spec, weights=weights, input=x).feed
    world = BackArrays(feed, Back())
    assert len([*backward(world)]) == 2
    assert world.gradients["grad.input"].ravel().tolist() == [8.0, 2.0]
