"""Backpropagation through time: the walk in reverse, in shapes and in numbers."""

import itertools
import json

import jsonschema
import numpy as np
import pytest
from conftest import TORCH, recorded
from test_numbers import CASES, arrays, call

from rnnshape import Spec, UsageError, trace
from rnnshape.analysis.trace import Trace
from rnnshape.engine.backward import Back
from rnnshape.network.head import Head
from rnnshape.numeric.feed import feed, with_grad_output, with_loss
from rnnshape.show.schema import schema

LOSSES = recorded("backward")
LOSS_ARRAYS = np.load(TORCH / "backward.npz")
TOLERANCE = 1e-10


def assert_gradients(found: dict, named: dict):
    assert set(found) <= set(named)
    for name, array in found.items():
        assert array.shape == named[name].shape, name
        assert abs(array - named[name]).max(initial=0) <= TOLERANCE, name


def of_loss(case: dict) -> tuple[Trace, dict]:
    """The trace of a recorded loss, and all that torch recorded of it."""
    prefix = case["key"] + "/"
    named = {n[len(prefix) :]: LOSS_ARRAYS[n] for n in LOSS_ARRAYS.files if n.startswith(prefix)}
    spec, told = Spec.from_dict(case["spec"]), case["call"]
    head = Head(3, told["output_activation"], told["output_at"], told["loss"])
    weights = {n: named[n] for n in [*spec.parameters(), "head.weight", "head.bias"]}
    lengths = tuple(told["lengths"]) if told["lengths"] else None
    source = feed(spec, weights, named["input"], named["h0"], named.get("c0"), lengths, head)
    source = with_loss(source, named.get("target"))
    return Trace(spec, source.batch, source, head, Back(told["tbptt"])), named


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["key"])
def test_the_gradients_of_the_walk_are_those_of_torchs_autograd(case):
    named = arrays(case)
    source = with_grad_output(feed(*call(case)), named["grad_output"])
    subject = Trace(source.spec, source.batch, source, back=Back())
    states = {} if case["explicit_state"] else {"grad.h0", "grad.c0"}
    assert_gradients(
        {name: array for name, array in subject.gradients.items() if name not in states}, named
    )


@pytest.mark.parametrize("case", LOSSES, ids=lambda case: case["key"])
def test_losses_heads_and_truncation_give_torchs_gradients(case):
    subject, named = of_loss(case)
    assert abs(subject.result.loss - named["loss"]) <= TOLERANCE
    assert_gradients(subject.gradients, named)


@pytest.mark.parametrize("case", LOSSES[::7], ids=lambda case: case["key"])
def test_each_told_value_follows_from_the_operation_that_is_told(case):
    from rnnshape.engine.ops import OPERATIONS

    subject, _ = of_loss(case)
    for step in subject.backward_steps():
        for one in step.ops:
            if one.op == "ones":
                continue
            values = [tensor.value for tensor in one.inputs]
            array = OPERATIONS[one.op].array(np, values, one.attributes)
            assert np.array_equal(array, one.output.value)
            assert array.shape == one.output.shape


SPECS = [
    ["--cell", cell, *more]
    for cell, more in itertools.product(
        ["rnn", "lstm", "gru"],
        [[], ["--bidirectional", "--layers", 2], ["--lengths", "4,2,3", "--bidirectional"]],
    )
] + [["--cell", "lstm", "--proj-size", 3], ["--output-size", 3, "--output-at", "last"]]


@pytest.mark.parametrize("options", SPECS, ids=lambda options: " ".join(map(str, options)))
@pytest.mark.parametrize("window", [[], ["--tbptt", 2]], ids=["whole", "truncated"])
def test_the_shapes_are_those_of_the_numbers_and_keep_to_the_schema(rnnshape, options, window):
    words = ["--backward", "--json", "--input-size", 2, "--hidden-size", 4, *options, *window]
    shapes = rnnshape("trace", *words).json
    jsonschema.validate(shapes, schema("trace"))
    numbers = rnnshape("trace", "--values", *words).json
    if not window:
        jsonschema.validate(numbers, schema("trace"))
    for left, right in zip(shapes["backward_steps"], numbers["backward_steps"], strict=True):
        assert json.dumps(left) == json.dumps(without_values(right))
    for name, shape in shapes["backward"]["gradients"].items():
        assert list(np.shape(numbers["values"][name])) == shape


def without_values(told):
    if isinstance(told, dict):
        return {name: without_values(item) for name, item in told.items() if name != "value"}
    return [without_values(item) for item in told] if isinstance(told, list) else told


def test_a_step_can_be_followed_on_paper(rnnshape):
    told = rnnshape("trace", "--backward", "--step", 3).out
    assert (
        told[told.index("\nbackward") :].splitlines()[8:]
        == """
layer 0 forward   t = 4 → 0
  t=3
    arrives: doutput[3] 7×20 from output
             dh_3(after) 7×20 from t=4
    dh_3 = doutput[3] + dh_3(after)
           7×20+7×20→7×20
    da_3 = dh_3 ⊙ (1 − h_3²)
           7×20⊙7×20→7×20
    dh_2(after) = da_3·W_hh
                  (7×20)·(20×20)→7×20
    dW_hh += da_3ᵀ·h_2
             (20×7)·(7×20)→20×20
    db_hh += Σₙ da_3
             Σ(7×20)→20
    dx_3 = da_3·W_ih
           (7×20)·(20×10)→7×10
    dW_ih += da_3ᵀ·x_3
             (20×7)·(7×10)→20×10
    db_ih += Σₙ da_3
             Σ(7×20)→20
    passes on: dx_3 7×10 to input[3]
               dh_2(after) 7×20 to t=2""".splitlines()[1:]
    )


def test_equal_steps_are_folded_and_the_first_cut_is_shown(rnnshape):
    told = rnnshape("trace", "--backward", "--seq-len", 1000, "--tbptt", 100).out
    backward = told[told.index("\nbackward") :]
    for line in (
        "cut between t=99 and 100, t=199 and 200, t=299 and 300, …",
        "cut: h_899 gets nothing from here",
        "  t=899",
        "  t=0",
    ):
        assert line in backward
    assert backward.count("    passes on: ") == 6


def test_symbols_go_through_the_backward(rnnshape):
    document = rnnshape(
        "trace", "--backward", "--json", "--seq-len", "T", "--batch-size", "N", "--input-size", "I",
        "--hidden-size", "H", "--cell", "gru", "--output-size", 3, "--loss", "mse",
    ).json  # fmt: skip
    head, step = document["backward_steps"]
    assert head["ops"][1]["expression"] == "2/(3N·T)·N×3→N×3"
    assert step["repeat"] == "T"
    outer = next(one for one in step["ops"] if one["op"] == "outer")
    assert (outer["expression"], outer["macs"]) == ("(3H×N)·(N×H)→3H×H", "3*H*H*N")
    assert document["backward"]["gradients"]["grad.weight_ih_l0"] == ["3*H", "I"]


def test_a_cut_is_one_of_every_state(rnnshape):
    told = rnnshape("trace", "--backward", "--cell", "lstm", "--tbptt", 2, "--seq-len", 3).out
    assert "    cut: h_1 and c_1 get nothing from here" in told


def test_symbolic_time_is_told_without_t_equals_t(rnnshape):
    told = rnnshape(
        "trace", "--backward", "--seq-len", "T", "--output-size", 3, "--loss", "mse"
    ).out
    assert "t=t" not in told
    assert "  every t\n" in told and "to the step before" in told
    assert "2/(21T)·" in told  # not 2/21 times T


def test_the_text_of_a_backward_fits_into_80_columns(rnnshape):
    told = rnnshape(
        "trace", "--backward", "--cell", "lstm", "--bidirectional", "--layers", 2, "--output-size",
        3, "--loss", "cross-entropy", "--lengths", "5,3", "--tbptt", 2,
    ).out  # fmt: skip
    assert max(map(len, told.splitlines())) <= 80
    assert "the mean over the 8 rows of o" in told


def test_a_state_with_rows_of_h0_has_a_name_that_is_no_sum(rnnshape):
    told = rnnshape("trace", "--backward", "--lengths", "2,1", "--direction", "reverse",
                    "--bidirectional").out  # fmt: skip
    assert "h_1[+1] = concat(h_1, h0[1][1:2])" in told
    assert "dW_hh += da_0ᵀ·h_1[+1]" in told


def test_lines_come_while_the_walk_goes_on(rnnshape):
    lines = rnnshape("trace", "--backward", "--ndjson", "--bidirectional").out.splitlines()
    told = [json.loads(line) for line in lines]
    for line in told:
        jsonschema.validate(line, schema("trace-line"))
    assert [line["kind"] for line in told[1:]] == ["step"] * 10 + ["backward_step"] * 10 + ["end"]
    assert told[-1] == {"kind": "end", "steps": 10, "backward_steps": 10}
    order = [(line["direction"], line["t"]) for line in told[11:21]]
    assert order == [("reverse", t) for t in range(5)] + [("forward", t) for t in range(5)[::-1]]


def test_a_long_backward_shares_its_records():
    first = itertools.islice(trace(Spec(), 7, 10**9).backward_steps(), 3)
    assert len({id(step.record) for step in first}) == 2


def test_run_writes_the_gradients_beside_the_results(rnnshape, tmp_path):
    case = next(c for c in CASES if c["explicit_state"] and c["call"]["lengths"])
    named = arrays(case)
    for name in ("input", "h0", "c0", "grad_output"):
        if name in named:
            np.save(f"{name}.npy", named[name])
    spec = Spec.from_dict(case["spec"])
    np.savez("w.npz", **{name: named[name] for name in spec.parameters()})
    (tmp_path / "spec.json").write_text(json.dumps(case["spec"]))
    states = [word for n in ("h0", "c0") if n in named for word in (f"--{n}", f"{n}.npy")]
    lengths = ",".join(map(str, case["call"]["lengths"]))
    ended = rnnshape(
        "run", "--weights", "w.npz", "--spec", "spec.json", "--input", "input.npy", *states,
        "--lengths", lengths, "--dtype", "float64", "--backward", "--grad-output",
        "grad_output.npy", "-o", "out.npz",
    )  # fmt: skip
    assert (ended.status, ended.err) == (0, "")
    result = np.load("out.npz")
    assert_gradients({name: result[name] for name in result.files}, named)
    assert {f"grad.{n}" for n in ["input", "h0", *spec.parameters()]} <= set(result.files)


def test_runs_document_has_the_gradients_and_the_loss(rnnshape):
    document = rnnshape("run", "--backward", "--output-size", 3, "--loss", "mse", "--json").json
    jsonschema.validate(document, schema("run"))
    assert document["loss"] > 0
    assert np.shape(document["grad.head.weight"]) == (3, 20)


@pytest.mark.parametrize(
    ("options", "expected", "got"),
    [
        (["--backward", "--loss", "mse"], "--loss: expected beside --output-size", "no head"),
        (["--backward", "--tbptt", 0], "--tbptt: expected the steps of a window", "0"),
        (["--backward", "--tbptt", -3], "--tbptt: expected the steps of a window", "-3"),
        (["--tbptt", 2], "--tbptt: expected beside --backward", "the forward alone"),
        (["--grad-output", "g.npy"], "--grad-output: expected beside --backward", "forward"),
        (["--backward", "--grad-output", "g.npy"], "the shape of output, 5×7×20", "5×7×10"),
        (["--backward", "--grad-output", "none.npy"], "grad-output: expected", "none.npy"),
        (["--backward", "--output-size", 3, "--grad-output", "g.npy"], "without a head", "both"),
        (["--output-size", 3, "--loss", "hinge"], "--loss: expected sum, mse", "hinge"),
        (["--target", "y.npy"], "--target: expected beside --loss", "no loss"),
        (["--output-size", 3, "--loss", "mse", "--target", "g.npy"], "shape of o", "5×7×10"),
        (
            ["--output-size", 3, "--loss", "cross-entropy", "--target", "c.npy"],
            "whole numbers from 0 to 2",
            "int64 of 0 … 3",
        ),
        (
            ["--output-size", 3, "--loss", "cross-entropy", "--target", "s.npy"],
            "--target: expected a .npy file of numbers",
            "<U1",
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("command", ["run", "trace"])
def test_what_does_not_fit_is_refused(rnnshape, tmp_path, command, options, expected, got):
    np.save("g.npy", np.ones((5, 7, 10)))
    np.save("c.npy", np.arange(35).reshape(5, 7) % 4)
    np.save("s.npy", np.full((5, 7), "a"))
    ended = rnnshape(command, *options, "-o", "out.npz")
    assert ended.status == 2
    assert expected in ended.err and got in ended.err and "fix:" in ended.err
    assert not (tmp_path / "out.npz").exists()


def test_torchs_words_are_told_for_a_gradient_of_another_shape(rnnshape):
    np.save("g.npy", np.ones((5, 7, 10)))
    err = rnnshape("run", "--backward", "--grad-output", "g.npy").err
    assert (
        "RuntimeError: Mismatch in shape: grad_output[0] has a shape of torch.Size([5, 7, 10]) "
        "and output[0] has a shape of torch.Size([5, 7, 20])." in err
    )


@pytest.mark.parametrize("cell", ["rnn-cell", "lstm-cell", "gru-cell"])
@pytest.mark.parametrize("unbatched", [False, True])
def test_a_cell_modules_gradients_are_those_of_its_layers_one_step(rnnshape, cell, unbatched):
    batch = ["--unbatched"] if unbatched else []
    drawn = [*batch, "--dtype", "float64", "--h0", "random", "--backward"]
    assert rnnshape("run", "--cell", cell, *drawn, "-o", "cell.npz").status == 0
    alone = np.load("cell.npz")
    layer = ["--cell", cell.removesuffix("-cell"), "--seq-len", 1]
    assert rnnshape("run", *layer, *drawn, "-o", "layer.npz").status == 0
    layers = np.load("layer.npz")
    for name in alone.files:
        of_layer = name + "_l0" if name.startswith(("grad.weight", "grad.bias")) else name
        assert np.allclose(alone[name], layers[of_layer].reshape(alone[name].shape), atol=1e-12)
    walk = rnnshape("trace", "--cell", cell, *drawn, "--values", "--json").json
    jsonschema.validate(walk, schema("trace"))
    for name in alone.files:
        assert np.allclose(walk["values"][name], alone[name], atol=1e-12)


def test_an_operation_without_a_gradient_is_refused():
    from rnnshape.engine.backward import differentiate
    from rnnshape.engine.walk import Performed, Shapes, Tensor

    clip = Performed("clip", (Tensor("a", (2, 3)),), Tensor("b", (2, 3)), (1.0,))
    with pytest.raises(UsageError, match="clip"):
        differentiate((clip,), Shapes(), {"b": [Tensor("db", (2, 3))]}, {})


@pytest.mark.parametrize("command", [["run"], ["trace", "--values"]], ids=" ".join)
def test_what_is_too_large_for_a_number_is_no_warning(process, tmp_path, command):
    np.save(tmp_path / "x.npy", np.full((5, 7, 10), 1e38, "float32"))
    given = ["--backward", "--input", "x.npy", "--nonlinearity", "relu"]
    ended = process(*command, *given, cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "inf" in ended.stdout or "nan" in ended.stdout


@pytest.mark.parametrize("loss", ["mse", "cross-entropy"])
@pytest.mark.parametrize("command", [["run"], ["trace", "--values"]], ids=" ".join)
def test_the_mean_loss_of_an_empty_batch_is_no_number(rnnshape, command, loss):
    ended = rnnshape(*command, "--backward", "--batch-size", 0, "--output-size", 2, "--loss", loss)
    assert (ended.status, ended.err) == (0, "")
    assert "nan" in ended.out


@pytest.mark.parametrize("command", [["run"], ["trace", "--values"]], ids=" ".join)
def test_more_values_than_a_document_can_hold_are_refused(rnnshape, command):
    ended = rnnshape(*command, "--json", "--seq-len", 100_000)
    assert (ended.status, ended.out) == (2, "")
    assert "expected at most 5,000,000 values" in ended.err and "-o result.npz" in ended.err
