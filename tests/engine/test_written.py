"""Cells written as equations: the built-in ones hold torch's, and every one is differentiated."""

import re

import numpy as np
import pytest

from rnnshape.analysis.trace import Selection, Trace
from rnnshape.engine.backward import Back
from rnnshape.engine.ops import OPERATIONS
from rnnshape.engine.written import Cell, shipped, shipped_cell, written_cell
from rnnshape.errors import ShapeError, UsageError
from rnnshape.network.batch import Batch
from rnnshape.network.dims import symbol
from rnnshape.network.spec import CELLS, Spec
from rnnshape.numeric.fast.backward import run_backward
from rnnshape.numeric.fast.forward import run
from rnnshape.numeric.random import drawn_feed

WRITTEN = [name for name in shipped() if name not in CELLS]
EVERYWHERE = {  # a cell that uses every function and operator
    "values": "h' = silu(W·x) + gelu(W·x) + elu(h) + softplus(h) + abs(W·x) + exp(−h ^ 2) + sin(h) "
    "⊙ cos(h) + relu(W·x) ⊙ sigmoid(h) / 3",
    "width": "s = softmax(W·x)\nh' = layer_norm(h + W·x) ⊙ s + sum(s ⊙ h) − layer_norm(h, g, b)",
    "extremes": "h' = max(W·x, h) + min(W·x, 0.1) + max(1, 2) ⊙ sqrt(h ^ 2 + 1) + log(2 + h ^ 2)",
    "powers": "h' = (2 + σ(W·x)) ^ σ(h) + 2 ^ tanh(h) + (W·x) ^ 3 + (1 / sqrt(H)) ⊙ tanh(h)",
    "numbers": "param k: 1 = 0.3\nparam l: 1 = 2\nh' = k ⊙ h + σ(l) ⊙ (W·x) − k ⊙ l ⊙ tanh(W·x)",
    "pieces": "state h: 4\nparam p: 3\nparam W: 4, I\na, b = split(W·x, 2)\n"
    "h' = concat(b, q) + tanh(h) − U·concat(p, b, h)",
    "matrices": "state S: H, 3\nparam v: 3\nw = σ(u·x)\nS' = w ⊙ S + outer(W·x, v) + outer(h, v)"
    " ⊙ B\nh' = S'·v + (S'·transpose(D))·(W·x) + (W·transpose(E))·h",
    "shared": "h' = (A − transpose(A))·h + A·(W·x) + b ⊙ b",
    "passed": "h' = tanh(U·h)\nc' = h + c\noutput = c",
    "alike": "S' = outer(b, b)\nstate S: H, H\nh' = U·concat(h, concat(q, b)) + S·h\nparam q: 2\n"
    "param U: H, 2H + 2\nc' = tanh(b)\noutput = c ⊙ h + b",
    "copies": "a, b = split(W·x, 2)\nc' = h\nh' = concat(a, a) + c\nm' = p",
}  # fmt: skip


def numeric_gradient(loss, array, step=1e-6):
    """By central differences, for all numbers of an array."""
    found = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        kept = array[index]
        array[index] = kept + step
        above = loss()
        array[index] = kept - step
        found[index] = (above - loss()) / (2 * step)
        array[index] = kept
    return found


@pytest.mark.parametrize("text", EVERYWHERE.values(), ids=EVERYWHERE)
def test_gradients_are_those_of_small_differences(text):
    spec = Spec(cell=Cell(text), input_size=2, hidden_size=4)
    names = spec.state_names
    source = drawn_feed(
        spec, Batch(size=2, seq_len=3), states=dict.fromkeys(names, "random"), dtype="float64"
    )
    G = np.random.default_rng(1).standard_normal((3, 2, int(spec.output_size)))
    states = dict(zip(names, source.states))
    _, gradients = run_backward(spec, source.weights, source.input, states=states, grad_output=G)

    def loss():
        output = run(spec, source.weights, source.input, states=states).output
        return (output * G).sum()

    given = {"input": source.input, **source.weights, **{f"{n}0": s for n, s in states.items()}}
    for name, array in given.items():
        expected = numeric_gradient(loss, array)
        assert np.allclose(gradients[f"grad.{name}"], expected, atol=1e-6), name


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
def test_the_printed_equations_are_the_built_in_cell(name):
    torchs = Spec(cell=name, num_layers=2, bidirectional=True, input_size=3, hidden_size=4)
    own = Spec(cell=shipped_cell(name), num_layers=2, bidirectional=True, input_size=3,
               hidden_size=4)  # fmt: skip
    assert {**own.parameters()} == {**torchs.parameters()}
    source = drawn_feed(torchs, Batch(lengths=(3, 1, 4)), dtype="float64",
                        states=dict.fromkeys(torchs.state_names, "random"))  # fmt: skip
    states = dict(zip(torchs.state_names, source.states))
    given = (source.weights, source.input)
    one, gradients = run_backward(torchs, *given, lengths=(4, 3, 1), states=states)
    other, found = run_backward(own, *given, lengths=(4, 3, 1), states=states)
    for key, array in one.to_dict().items():
        assert np.abs(array - other.to_dict()[key]).max() < 1e-12
    assert found.keys() == gradients.keys()
    for key, array in gradients.items():
        assert np.abs(array - found[key]).max() < 1e-11


@pytest.mark.parametrize("name", WRITTEN)
def test_a_shipped_cell_runs_in_layers_both_directions_and_packed(name):
    spec = Spec(cell=shipped_cell(name), input_size=8, hidden_size=8 if "H = I" in
                shipped_cell(name).conditions else 4, bidirectional="H = I" not in
                shipped_cell(name).conditions, num_layers=2)  # fmt: skip
    source = drawn_feed(spec, Batch(lengths=(3, 1, 4)), dtype="float64")
    result, gradients = run_backward(
        spec, source.weights, source.input[:, [1, 2, 0]], lengths=(3, 1, 4)
    )
    assert np.isfinite(result.output).all()
    assert not result.output[1:, 1].any()  # padding
    for name, array in source.weights.items():
        assert gradients[f"grad.{name}"].shape == array.shape
    assert all(np.isfinite(array).all() for array in gradients.values())


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_cell_names_its_source(name):
    about = shipped_cell(name).about
    assert re.search(r"\(.*[12][0-9]{3}.*\)|torch\.nn", about)


def test_the_walk_over_shapes_is_the_walk_over_numbers():
    spec = Spec(cell=shipped_cell("mlstm"), input_size=3, hidden_size=4, num_layers=2)
    source = drawn_feed(spec, Batch(size=2, seq_len=4))
    for back in (False, True):
        subjects = (Trace(spec, source.batch, back=Back()),
                    Trace(spec, source.batch, source, back=Back()))  # fmt: skip
        walks = [t.backward_steps(Selection()) if back else t.steps(Selection()) for t in subjects]
        for one, other in zip(*walks, strict=True):
            assert [(p.op, p.output.name, p.output.shape) for p in one.ops] == [
                (p.op, p.output.name, np.shape(p.output.value)) for p in other.ops
            ]


def test_a_walk_over_letters_goes_back_through_parts_of_unequal_width():
    spec = Spec(cell=Cell("h' = tanh(W·concat(x, h))"), input_size=symbol("I"),
                hidden_size=symbol("H"))  # fmt: skip
    walk = Trace(spec, Batch(size=symbol("N"), seq_len=2), back=Back())
    step = next(iter(walk.backward_steps(Selection())))
    found = [str(one.output.shape[-1]) for one in step.ops if one.op == "columns"]
    assert found[-1] == "H"


@pytest.mark.parametrize("number", ["(-8) ^ (1/3)", "1 / (H − H)", "9 ^ 9 ^ 9", "log(-1)"])
def test_numbers_that_have_no_value_are_told(number):
    spec = Spec(cell=Cell(f"h' = {number} ⊙ (W·x)", "it.cell"))
    with pytest.raises(UsageError, match=r"it\.cell:1:.*expected a number, got none"):
        list(Trace(spec, Batch()).steps(Selection()))


def test_states_are_given_by_name():
    spec = Spec(cell=shipped_cell("deltanet"), input_size=2, hidden_size=3)
    source = drawn_feed(spec, Batch(size=2, seq_len=1))
    S = np.ones((1, 2, 3, 3), "float32")
    assert (run(spec, source.weights, source.input, states={"S": S}).output !=
            run(spec, source.weights, source.input).output).any()  # fmt: skip
    with pytest.raises(ShapeError, match="S0: expected 1×2×3×3"):
        run(spec, source.weights, source.input, states={"S": S[:, :1]})
    with pytest.raises(UsageError, match="q0: expected one of the states"):
        run(spec, source.weights, source.input, states={"q": S})


def test_a_number_of_the_file_may_be_left_out_of_the_weights():
    spec = Spec(cell=shipped_cell("janet"), input_size=2, hidden_size=3)
    source = drawn_feed(spec, Batch(size=2, seq_len=2))
    assert source.weights["beta_l0"] == 1
    less = {name: array for name, array in source.weights.items() if name != "beta_l0"}
    assert (run(spec, less, source.input).output == run(spec, source.weights, source.input).output
            ).all()  # fmt: skip
    other = {**less, "beta_l0": np.array([2.0], "float32")}
    assert (run(spec, other, source.input).output != run(spec, less, source.input).output).any()


def test_a_name_of_torch_is_torchs_own():
    assert written_cell("lstm") is None
    assert written_cell("no such cell") is None
    assert written_cell("mgu").name == "mgu"


def test_every_row_that_equations_may_call_has_a_gradient_and_code():
    rows = {name: row for name, row in OPERATIONS.items() if row.functions}
    assert len(rows) > 12
    assert all(row.gradient and row.torch and row.jax for row in rows.values())


def test_a_state_as_wide_as_x_is_stacked_where_the_widths_are_one():
    cell = Cell("state last: I\nlast' = x\nh' = tanh(W·last + U·h)", "shift.cell")
    assert Spec(cell=cell, input_size=4, hidden_size=4, num_layers=2).state_shape("last") == (4,)
    with pytest.raises(UsageError, match="last depends on I, got 3 below and 4 above"):
        Spec(cell=cell, input_size=3, hidden_size=4, num_layers=2)


def test_results_that_double_and_double_are_refused_before_memory_is_asked_for():
    lines = ["a0 = W·x", *(f"a{i} = concat(a{i - 1}, a{i - 1})" for i in range(1, 60))]
    cell = Cell("\n".join([*lines, "h' = W·x + sum(a59)"]))
    spec = Spec(cell=cell, input_size=2, hidden_size=2)
    weights = {name: np.zeros(shape) for name, shape in spec.parameters().items()}
    with pytest.raises(UsageError, match="in all results of a step"):
        run(spec, weights, np.zeros((1, 1, 2)))
