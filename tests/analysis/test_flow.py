"""The norm of ∂h_T/∂h_t and of the gradient at each h: in numbers, as a plot, and what is refused."""

import io
import os
import re
from dataclasses import replace

import jsonschema
import numpy as np
import pytest
from conftest import needs_torch

from rnnshape import Spec, run, trace
from rnnshape.analysis.flow import Arriving, flow, with_radius, with_sum
from rnnshape.engine.backward import Back
from rnnshape.network.head import Head
from rnnshape.numeric.random import drawn_weights
from rnnshape.show.document import run_document
from rnnshape.show.schema import schema
from rnnshape.show.screen import plain_lines, shown
from rnnshape.show.text.flow import flow_lines

NETWORKS = {
    "tanh": {},
    "relu": {"nonlinearity": "relu"},
    "gru": {"cell": "gru"},
    "lstm": {"cell": "lstm"},
    "lstm, projected": {"cell": "lstm", "proj_size": 2},
    "gru, two layers both ways": {"cell": "gru", "num_layers": 2, "bidirectional": True},
    "lstm, two layers both ways": {"cell": "lstm", "num_layers": 2, "bidirectional": True},
}


def numbers(steps=6, batch=2, seed=0, head=None, **network):
    """A network over drawn numbers of float64: the trace."""
    spec = Spec(input_size=3, hidden_size=4, **network)
    generator = np.random.default_rng(seed)
    weights = drawn_weights(spec, generator, "float64")
    if head is not None:
        weights |= {"head.weight": generator.standard_normal((head.size, spec.output_size)),
                    "head.bias": generator.standard_normal(head.size)}  # fmt: skip
    x = generator.standard_normal((steps, batch, 3))
    return trace(spec, weights=weights, input=x, head=head)


def one_pass(walk, layer, direction):
    """The network of one layer and direction alone, its weights, and what it reads in its order."""
    spec, weights = walk.spec, walk.feed.weights
    x = walk.feed.input[:, :1]
    if layer:
        below = Spec(**{**spec.to_dict(), "num_layers": layer})
        x = run(below, {n: weights[n] for n in below.parameters()}, x).output
    alone = Spec(cell=spec.cell, nonlinearity=spec.nonlinearity, input_size=x.shape[2],
                 hidden_size=spec.hidden_size, proj_size=spec.proj_size)  # fmt: skip
    end = f"l{layer}" + ("_reverse" if direction == "reverse" else "")
    own = {name: weights[name.replace("l0", end)] for name in alone.parameters()}
    return alone, own, x[::-1] if direction == "reverse" else x


def by_differences(walk, layer, direction):
    """‖∂h_T/∂h_t‖₂ after each step in reading order, by central differences of the forward."""
    alone, weights, x = one_pass(walk, layer, direction)
    norms, step = [], 1e-6
    for read in range(1, len(x)):
        hn, *rest = (s[0] for s in run(alone, weights, x[:read]).states)
        columns = []
        for number in range(hn.shape[1]):
            ends = []
            for sign in (1, -1):
                moved = hn.copy()
                moved[0, number] += sign * step
                states = (moved[None], *(c[None] for c in rest))
                ends.append(run(alone, weights, x[read:], *states).hn[0, 0])
            columns.append((ends[0] - ends[1]) / (2 * step))
        norms.append(np.linalg.norm(np.array(columns), 2))
    return [*norms, 1.0]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_norms_are_those_of_central_differences(name):
    walk = numbers(**NETWORKS[name])
    curves = list(flow(walk.feed, "x"))
    assert len(curves) == walk.spec.num_layers * walk.spec.num_directions
    for curve in curves:
        read = curve.norm[::-1] if curve.direction == "reverse" else curve.norm
        wanted = by_differences(walk, curve.layer, curve.direction)
        np.testing.assert_allclose(read, wanted, rtol=1e-6, atol=1e-9)


def scaled_identity(factor, steps=9):
    """A relu network whose every step multiplies the state with `factor`."""
    spec = Spec(nonlinearity="relu", input_size=2, hidden_size=2, bias=False)
    weights = {"weight_ih_l0": np.eye(2), "weight_hh_l0": factor * np.eye(2)}
    return trace(spec, weights=weights, input=np.ones((steps, 1, 2)))


@pytest.mark.parametrize(
    "factor, seen",
    [
        (0.5, "0.39 %, vanishing"),
        (1.0, "100 %, steady"),
        (1.2, "430 %, exploding"),
        (2.0, "×256, exploding"),
    ],
)
def test_a_step_that_only_scales_is_seen_as_its_factor(factor, seen):
    walk = scaled_identity(factor)
    (curve,) = flow(walk.feed, "relu rnn")
    assert curve.norm == pytest.approx(tuple(factor ** (8 - t) for t in range(9)))
    assert curve.factor == pytest.approx(factor)
    told = "\n".join(plain_lines(flow_lines(walk, [curve], 80)))
    assert f"a relu rnn: ×{factor:g} a step: after 8 steps" in told and seen in told


def test_what_explodes_beyond_all_numbers_and_what_vanishes_ends_the_walk():
    (up,) = flow(scaled_identity(1e200, steps=4).feed, "x")
    assert up.norm == (np.inf, np.inf, np.inf, 1)
    (down,) = flow(scaled_identity(1e-200, steps=5).feed, "x")
    assert down.norm == (0, 0, 0, pytest.approx(1e-200), 1)


def test_a_long_sequence_is_measured_at_some_times_with_both_ends():
    (curve,) = flow(numbers(steps=1000, batch=1).feed, "x")
    assert len(curve.t) == len(curve.norm) == 200
    assert (curve.t[0], curve.t[-1]) == (0, 999)


def test_truncation_cuts_the_curve():
    (curve,) = flow(numbers(steps=7).feed, "x", Back(3))
    assert [norm > 0 for norm in curve.norm] == [False] * 6 + [True]
    (curve,) = flow(numbers(steps=6).feed, "x", Back(3))
    assert [norm > 0 for norm in curve.norm] == [False] * 3 + [True] * 3


def test_of_a_packed_batch_the_longest_sequence_is_taken(rnnshape):
    told = rnnshape("run", "--backward", "--flow", "--lengths", "2,6,4")
    assert "T = 6 steps, sequence 1 of the batch, its longest" in told.out.replace("\n", " ")


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_each_gate_gets_the_spectral_radius(cell):
    walk = with_radius(numbers(cell=cell, bidirectional=True).feed, 1.5)
    for name, weight in walk.weights.items():
        if name.startswith("weight_hh"):
            for block in np.split(weight, walk.spec.gates):
                assert abs(np.linalg.eigvals(block)).max() == pytest.approx(1.5)


# the gradient of a loss at each h


def norms(walk, tbptt=None):
    arriving = Arriving(with_sum(walk.feed), Back(tbptt))
    arriving.run()
    return arriving.norms


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_gradient_at_h_is_that_of_central_differences(cell):
    walk = numbers(cell=cell, steps=4)
    spec, weights, x = walk.spec, walk.feed.weights, walk.feed.input
    step = 1e-6
    for read in range(1, 4):
        hn, *rest = run(spec, weights, x[:read]).states
        squares = 0.0
        for place in np.ndindex(*hn.shape):
            ends = []
            for sign in (1, -1):
                moved = hn.copy()
                moved[place] += sign * step
                ends.append(moved.sum() + run(spec, weights, x[read:], moved, *rest).output.sum())
            squares += ((ends[0] - ends[1]) / (2 * step)) ** 2
        assert norms(walk)[0][read - 1] == pytest.approx(np.sqrt(squares), rel=1e-6)


def test_at_the_last_step_the_gradient_is_what_comes_from_output_alone():
    assert norms(numbers())[0][-1] == pytest.approx(np.sqrt(2 * 4))  # ones for 2 sequences of 4


def test_where_a_cut_lies_before_the_loss_nothing_arrives():
    walk = numbers(steps=6, head=Head(2, at="last"))
    assert [bool(norm) for norm in norms(walk, 3)[0]] == [False] * 3 + [True] * 3


def test_the_norms_come_a_few_steps_at_a_time():
    arriving = Arriving(with_sum(numbers(num_layers=2).feed))
    assert not arriving.run(7)
    assert np.isnan(arriving.norms[0]).sum() == 5 and not np.isnan(arriving.norms[1]).any()
    while not arriving.run(1):
        pass
    assert not np.isnan(arriving.norms[0]).any()


@needs_torch
@pytest.mark.live
@pytest.mark.parametrize("name", ["tanh", "relu", "gru", "lstm"])
def test_torchs_autograd_has_the_same_norms(name):
    import torch

    walk = numbers(**NETWORKS[name], num_layers=2)
    spec, x = walk.spec, torch.tensor(walk.feed.input)
    make = {"rnn": torch.nn.RNNCell, "lstm": torch.nn.LSTMCell, "gru": torch.nn.GRUCell}[spec.cell]
    more = {"nonlinearity": spec.nonlinearity} if spec.cell == "rnn" else {}
    cells = [make(width, 4, dtype=torch.float64, **more) for width in (3, 4)]
    for layer, cell in enumerate(cells):
        cell.load_state_dict({n: torch.tensor(walk.feed.weights[f"{n}_l{layer}"])
                              for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")})  # fmt: skip
    kept, below = [], list(x)
    for cell in cells:
        state, rows = torch.zeros(2, 4, dtype=torch.float64), []
        c = torch.zeros_like(state)
        for x_t in below:
            out = cell(x_t, (state, c) if spec.cell == "lstm" else state)
            state, c = out if spec.cell == "lstm" else (out, c)
            state.retain_grad()
            rows.append((state, c))
        kept.append((rows, below))
        below = [h for h, _ in rows]
    for layer, curve in enumerate(flow(walk.feed, name)):
        rows, read = kept[layer]
        for t, norm in zip(curve.t, curve.norm):

            def last(h, t=t, rows=rows, read=read, cell=cells[layer]):
                c = rows[t][1][:1].detach()
                for x_t in read[t + 1 :]:
                    out = cell(x_t[:1].detach(), (h, c) if spec.cell == "lstm" else h)
                    h, c = out if spec.cell == "lstm" else (out, c)
                return h[0]

            whole = torch.autograd.functional.jacobian(last, rows[t][0][:1].detach())
            assert norm == pytest.approx(float(torch.linalg.matrix_norm(whole[:, 0], 2)), rel=1e-9)
    torch.stack(below).sum().backward()
    found = norms(walk)
    for layer, (rows, _) in enumerate(kept):
        wanted = [float(h.grad.norm()) for h, _ in rows]
        np.testing.assert_allclose(found[layer], wanted, rtol=1e-9)


# the plot and the documents


def plotted(walk, columns):
    curves = list(flow(walk.feed, "lstm"))
    told = shown(flow_lines(walk, curves, columns), io.StringIO(), columns)
    return [row.rstrip("\n") for row in told]


@pytest.mark.parametrize("columns", [200, 80, 20])
def test_the_plot_fits(columns):
    rows = plotted(numbers(cell="lstm", num_layers=6, bidirectional=True, steps=40), columns)
    assert max(map(len, rows)) <= columns
    assert "└" + "─" * (max(map(len, rows)) // 2) in "\n".join(rows)


def test_every_curve_has_its_letter_in_the_plot_and_its_words_below(rnnshape):
    out = rnnshape("run", "--backward", "--flow", "--seq-len", 40).out
    field, _, legend = out.partition("└")
    names = ("tanh rnn (this network)", "relu rnn", "lstm", "gru")
    for letter, name in zip("abcd", names):
        assert len(re.findall(rf"(?<![a-z]){letter}(?![a-z])", field.split("\n\n")[1])) == 1
        assert f"{letter} {name}: ×" in legend


@pytest.mark.parametrize("columns", range(30, 100))
def test_a_number_keeps_its_percent_beside_it(columns):
    walk = scaled_identity(1.0)
    told = plain_lines(flow_lines(walk, [*flow(walk.feed, "relu rnn")], columns))
    assert not any(line.strip().startswith("%") for line in told)


def test_with_weights_the_network_is_alone(rnnshape, tmp_path):
    np.savez(tmp_path / "w.npz", **drawn_weights(Spec(), np.random.default_rng(0), "float32"))
    found = rnnshape("run", "--weights", "w.npz", "--backward", "--flow", "--json").json["flow"]
    assert [curve["name"] for curve in found] == ["tanh rnn"]


def test_a_console_without_such_signs_gets_plain_ones(process):
    ended = process("run", "--backward", "--flow", env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert ended.returncode == 0
    assert "?" not in ended.stdout and "|dh_T/dh_t|2" in ended.stdout
    assert re.search(r"^ +1 \+ .*[.':]", ended.stdout, re.M)


def test_the_document_holds_every_curve(rnnshape):
    options = ["--layers", 2, "--bidirectional", "--spectral-radius", 2, "--nonlinearity", "relu"]
    document = rnnshape("run", "--backward", "--flow", "--json", *options).json
    jsonschema.validate(document, schema("run"))
    places = [(c["name"], c["layer"], c["direction"]) for c in document["flow"]]
    assert places == [
        ("relu rnn", 0, "forward"), ("relu rnn", 0, "reverse"), ("relu rnn", 1, "forward"),
        ("relu rnn", 1, "reverse"), ("tanh rnn", 0, "forward"), ("lstm", 0, "forward"),
        ("gru", 0, "forward"),
    ]  # fmt: skip
    assert all(c["t"] == [0, 1, 2, 3, 4] for c in document["flow"])
    assert "grad.weight_hh_l0" in document


def test_the_scaled_weights_are_those_that_are_run(rnnshape):
    plain, scaled = (
        rnnshape("run", "--backward", "--flow", "--json", *more).json["output"]
        for more in ([], ["--spectral-radius", "3"])
    )
    assert plain != scaled


def test_what_is_too_large_for_a_number_is_told_as_infinity():
    walk = scaled_identity(1e120, steps=4)
    tiny = replace(walk.feed, input=walk.feed.input * 1e-300)
    curves = list(flow(tiny, "relu rnn"))
    walk = trace(walk.spec, weights=walk.feed.weights, input=0 * walk.feed.input)
    (curve,) = run_document(walk, walk.result, {}, curves)["flow"]
    assert curve["norm"] == ["Infinity", pytest.approx(1e240), 1e120, 1]


@pytest.mark.parametrize(
    "options, words",
    [
        (["--flow"], "--flow: expected beside --backward"),
        (["--backward", "--spectral-radius", "1"], "expected beside --backward --flow"),
        (["--backward", "--flow", "--spectral-radius", "0"], "greater than 0, got '0'"),
        (["--backward", "--flow", "--spectral-radius", "nan"], "greater than 0, got 'nan'"),
        (["--backward", "--flow", "--spectral-radius", "wide"], "greater than 0, got 'wide'"),
        (["--backward", "--flow", "--spectral-radius", "1", "--weights", "w"], "without --weights"),
        (["--backward", "--flow", "--spectral-radius", "1", "--cell", "lstm", "--proj-size", "3"],
         "expected square blocks"),
        (["--backward", "--flow", "--batch-size", "0"], "expected a sequence in the batch"),
        (["--backward", "--flow", "--seq-len", "200000"], "expected at most 100,000 steps"),
        (["--backward", "--flow", "--hidden-size", "3000"], "multiply-accumulates over all"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_for(rnnshape, options, words):
    ended = rnnshape("run", *options)
    assert (ended.status, ended.out) == (2, "")
    assert words in ended.err and "fix:" in ended.err
