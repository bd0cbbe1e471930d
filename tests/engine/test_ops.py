"""The table of operations: a row is all that is known of one, and a name is only a name."""

import numpy as np
import pytest

from rnnshape.analysis.cost import cost
from rnnshape.analysis.trace import trace
from rnnshape.engine import cells, ops
from rnnshape.engine.cells import Equations, left
from rnnshape.network.batch import Batch
from rnnshape.network.spec import Spec
from rnnshape.numeric.fast.backward import run_backward
from rnnshape.numeric.fast.forward import run
from rnnshape.numeric.fast.plan import PLANNED, UnplannedError, plan
from rnnshape.numeric.random import drawn_feed


def test_a_row_used_in_a_built_in_cell_is_computed_though_no_plan_knows_it(monkeypatch):
    row = ops.pointwise(
        "cube",
        lambda np, x: x**3,
        lambda perform, dy, use: perform(
            "mul", dy, perform("times", perform("square", use.inputs[0]), attributes=(3, 1))
        ),
    )

    def cell(e, x, state, p):
        a = e.add("a", e.linear("ih", x, p.weight_ih, p.bias_ih),
                  e.linear("hh", state[0], p.weight_hh, p.bias_hh))  # fmt: skip
        return left(e.activate("cube", "h", a))

    monkeypatch.setitem(ops.OPERATIONS, "cube", row)
    monkeypatch.setitem(cells.EQUATIONS, "rnn_tanh", cell)
    plan.cache_clear()
    spec = Spec(input_size=2, hidden_size=3)
    source = drawn_feed(spec, Batch(size=2, seq_len=2), dtype="float64")
    w, x = source.weights, source.input
    with pytest.raises(UnplannedError):
        plan(spec, 2, 2)
    h = np.zeros((2, 3))
    for x_t in x:
        h = (x_t @ w["weight_ih_l0"].T + w["bias_ih_l0"] + h @ w["weight_hh_l0"].T
             + w["bias_hh_l0"]) ** 3  # fmt: skip
    assert np.allclose(run(spec, w, x).hn[0], h)
    _, gradients = run_backward(spec, w, x)
    step = 1e-6 * np.eye(3)[0]
    other = {**w, "bias_ih_l0": w["bias_ih_l0"] + step}
    slope = (run(spec, other, x).output - run(spec, w, x).output).sum() / 1e-6
    assert abs(gradients["grad.bias_ih_l0"][0] - slope) < 1e-4
    plan.cache_clear()


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_torchs_cells_are_made_of_what_is_planned(cell):
    for more in ({}, {"bias": False}, *([{"proj_size": 2}] if cell == "lstm" else [])):
        spec = Spec(cell=cell, hidden_size=5, **more)
        assert plan(spec, 10, 3).source
        performed = [one.op for step in trace(spec).steps() for one in step.ops]
        assert {*performed} <= PLANNED


def test_what_a_gate_is_called_changes_no_figure(monkeypatch):
    """A forget gate called `decay` is kept for the backward like any other."""
    spec = Spec(cell="lstm")
    before = cost(trace(spec, seq_len=1)).kept

    class Renamed(Equations):
        def apply(self, op, name, inputs, attributes=()):
            name = {"f": "decay", "i": "x_in", "g": "dh"}.get(name, name)
            return super().apply(op, name, inputs, attributes)

    monkeypatch.setattr("rnnshape.engine.walk.Equations", Renamed)
    after = cost(trace(spec, seq_len=1))
    assert after.kept == before
    assert {"decay_{t}", "x_in_{t}", "dh_{t}"} <= {t.name for p in after.passes for t in p.kept}


def test_a_function_of_a_number_is_what_its_row_computes_of_an_array():
    numbers = {"elu": (1.0,)}
    for name in (n for n in ops.OPERATIONS if n not in ("softmax", "cross_entropy")):
        row = ops.OPERATIONS[name]
        if row.functions or name in ("add", "sub", "mul", "div", "power", "max", "min", "neg"):
            operands = [0.5] if row.functions or name == "neg" else [0.5, 2.0]
            arrays = [np.array([number]) for number in operands]
            expected = row.array(np, arrays, numbers.get(name, ()))[0]
            assert abs(row.of_numbers(operands, numbers.get(name, ())) - expected) < 1e-15, name
