import numpy as np
import pytest
from conftest import TORCH, recorded
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnshape import ShapeError, Spec, UsageError, run, trace
from rnnshape.analysis.trace import Trace
from rnnshape.engine.written import Cell, shipped_cell
from rnnshape.network.batch import Batch
from rnnshape.numeric.fast.forward import compute
from rnnshape.numeric.fast.plan import plan
from rnnshape.numeric.feed import feed
from rnnshape.numeric.random import drawn_feed, drawn_weights

CASES = recorded("numeric")
ARRAYS = np.load(TORCH / "numeric.npz")
TOLERANCE = 1e-12


def arrays(case: dict) -> dict:
    prefix = case["key"] + "/"
    return {name[len(prefix) :]: ARRAYS[name] for name in ARRAYS.files if name.startswith(prefix)}


def call(case: dict):
    spec, named = Spec.from_dict(case["spec"]), arrays(case)
    weights = {name: named[name] for name in spec.parameters()}
    states = [named.get(n) if case["explicit_state"] else None for n in ("h0", "c0")]
    lengths = case["call"]["lengths"]
    return spec, weights, named["input"], *states, tuple(lengths) if lengths else None


def assert_torchs(result, named: dict):
    for name, array in result.to_dict().items():
        assert array.shape == named[name].shape
        assert abs(array - named[name]).max(initial=0) <= TOLERANCE, name


def test_at_least_60_numeric_cases_are_recorded():
    assert len(CASES) >= 60


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["key"])
def test_run_gives_torchs_numbers(case):
    *arguments, lengths = call(case)
    assert_torchs(run(*arguments, lengths=lengths), arrays(case))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["key"])
def test_the_walk_with_values_gives_torchs_numbers(case):
    source = feed(*call(case))
    assert_torchs(Trace(source.spec, source.batch, source).result, arrays(case))


@settings(max_examples=60, deadline=None)
@given(
    cell=st.sampled_from(["rnn", "lstm", "gru"]),
    relu=st.booleans(),
    bias=st.booleans(),
    both=st.booleans(),
    layers=st.integers(1, 3),
    sizes=st.tuples(*[st.integers(1, 6)] * 4),
    packed=st.booleans(),
    seed=st.integers(0, 99),
)
def test_the_fast_way_and_the_walk_agree(cell, relu, bias, both, layers, sizes, packed, seed):
    n, t, i, h = sizes
    spec = Spec(
        cell=cell, input_size=i, hidden_size=h, num_layers=layers, bias=bias, bidirectional=both,
        nonlinearity="relu" if relu and cell == "rnn" else "tanh",
        proj_size=h - 1 if cell == "lstm" and relu else 0,
    )  # fmt: skip
    generator = np.random.default_rng(seed)
    weights = drawn_weights(spec, generator, "float64")
    lengths = tuple(int(k) for k in generator.integers(1, t + 1, n)) if packed else None
    subject = trace(
        spec, weights=weights, input=generator.standard_normal((t, n, i)), lengths=lengths
    )
    assert_torchs(compute(subject.feed), subject.result.to_dict())


WRITTEN = {
    "mgu": shipped_cell("mgu"),
    "indrnn": shipped_cell("indrnn"),
    "minlstm": shipped_cell("minlstm"),
    "h and c": Cell(
        "state h: H\nstate c: H\nf, i = split(σ(W·x + U·h + b), 2)\n"
        "c' = f ⊙ c + i ⊙ tanh(V·x + d)\nh' = tanh(c') − k ⊙ h\nparam W: 2H, I"
    ),
    "of the state alone": Cell("h' = σ(M·(h + b))"),
    "of a state": Cell("h' = σ(h) ⊙ (W·x)"),
    "a matrix twice": Cell("f = σ(U·h + W·x)\nh' = tanh(U·(f ⊙ h) + b)"),
    "a new state that a gate reads": Cell("h' = U·h\na = σ(h')\noutput = h'\n"),
}


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("lengths", [None, (3, 1, 4)])
def test_a_written_cell_is_compiled_to_the_numbers_of_its_walk(name, lengths):
    spec = Spec(cell=WRITTEN[name], input_size=4, hidden_size=6, num_layers=2)
    batch = Batch(size=3, seq_len=4) if lengths is None else Batch(lengths=lengths)
    source = drawn_feed(spec, batch, states={"h": "random"}, dtype="float64")
    assert plan(spec, 4, 3).source
    walked = Trace(spec, source.batch, source).result.to_dict()
    for key, array in compute(source).to_dict().items():
        np.testing.assert_allclose(array, walked[key], rtol=1e-12, atol=1e-13)


def test_a_long_sequence_is_computed_in_chunks_with_the_same_result(monkeypatch):
    import rnnshape.numeric.fast.forward

    spec = Spec(cell="lstm", num_layers=2, bidirectional=True)
    weights = drawn_weights(spec, np.random.default_rng(0), "float64")
    x = np.random.default_rng(1).standard_normal((23, 3, 10))
    whole = run(spec, weights, x)
    monkeypatch.setattr(rnnshape.numeric.fast.forward, "_NUMBERS_AHEAD", 3 * 80 * 4)
    assert_torchs(run(spec, weights, x), whole.to_dict())


def test_results_unpack_as_torchs_do():
    spec = Spec(cell="lstm", input_size=2, hidden_size=3)
    weights = drawn_weights(spec, np.random.default_rng(0), "float32")
    output, (hn, cn) = run(spec, weights, np.zeros((5, 7, 2)))
    assert (output.shape, hn.shape, cn.shape) == ((5, 7, 3), (1, 7, 3), (1, 7, 3))
    assert output.dtype == np.float32


def test_weights_and_input_are_left_as_they_were():
    spec = Spec(cell="lstm", input_size=2, hidden_size=3)
    weights = drawn_weights(spec, np.random.default_rng(0), "float64")
    x, h0 = np.ones((4, 2, 2)), np.ones((1, 2, 3))
    before = {name: array.copy() for name, array in weights.items()}
    run(spec, weights, x, h0, h0)
    assert all((weights[name] == before[name]).all() for name in weights)
    assert (x == 1).all() and (h0 == 1).all()


@pytest.mark.parametrize(
    "change, error, message",
    [
        ({"input": np.zeros((5, 7, 9))}, ShapeError, "input.size.-1. must be equal to input_size"),
        (
            {"h0": np.zeros((2, 7, 20))},
            ShapeError,
            r"Expected hidden size \(1, 7, 20\), got \[2, 7",
        ),
        ({"c0": np.zeros((1, 7, 20))}, UsageError, "for an lstm alone"),
        ({"input": np.array([["a"]])}, UsageError, "an array of numbers"),
        ({"weights": {}}, UsageError, "Missing key"),
        ({"lengths": (5, 3)}, ShapeError, "7 lengths of at most 5"),
        ({"lengths": (6,) * 7}, ShapeError, "7 lengths of at most 5"),
    ],
)
def test_what_does_not_fit_is_refused_in_torchs_words(change, error, message):
    spec = Spec()
    arguments = {"weights": drawn_weights(spec, np.random.default_rng(0), "float32"),
                 "input": np.zeros((5, 7, 10))}  # fmt: skip
    with pytest.raises(error, match=message):
        run(spec, **{**arguments, **change})
