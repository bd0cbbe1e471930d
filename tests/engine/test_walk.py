from itertools import islice

import pytest

from rnnshape import Spec, UsageError, trace


def expressions(step):
    return [op.expression for op in step.ops]


def places(steps):
    return [(step.layer, step.direction, step.t) for step in steps]


def test_the_first_step_of_the_article():
    first = next(trace(Spec(num_layers=3)).steps())
    assert expressions(first) == [
        "(7×10)·(10×20)+20→7×20",
        "(7×20)·(20×20)+20→7×20",
        "7×20+7×20→7×20",
        "tanh(7×20)→7×20",
    ]
    assert [tensor.name for tensor in first.ops[0].inputs] == ["x_0", "weight_ih_l0", "bias_ih_l0"]
    assert first.ops[1].inputs[0].name == "h0[0]"


def test_the_loops_run_layer_then_direction_then_time():
    walked = places(trace(Spec(num_layers=2, bidirectional=True), seq_len=2).steps())
    assert walked == [
        (0, "forward", 0), (0, "forward", 1), (0, "reverse", 1), (0, "reverse", 0),
        (1, "forward", 0), (1, "forward", 1), (1, "reverse", 1), (1, "reverse", 0),
    ]  # fmt: skip


def test_the_second_step_reads_the_first_ones_state():
    second = list(islice(trace(Spec(cell="lstm")).steps(), 2))[1]
    read = {tensor.name for op in second.ops for tensor in op.inputs}
    assert {"h_0", "c_0"} <= read


def test_the_reverse_direction_reads_the_state_of_the_step_after():
    steps = [s for s in trace(Spec(bidirectional=True)).steps() if s.direction == "reverse"]
    assert (steps[0].t, steps[0].ops[1].inputs[0].name) == (4, "h0[1]")
    assert (steps[1].t, steps[1].ops[1].inputs[0].name) == (3, "h_4")


def test_a_packed_batch_shrinks_forward_and_grows_backward():
    steps = list(trace(Spec(bidirectional=True), lengths=(5, 3, 2)).steps())
    assert [step.state["h"].shape[0] for step in steps] == [3, 3, 2, 1, 1, 1, 1, 2, 3, 3]
    grown = steps[7].ops
    assert [op.op for op in grown[:2]] == ["narrow", "concat"]
    assert grown[0].inputs[0].name == "h0[1]"


def test_a_symbolic_sequence_is_told_once_for_a_layer_and_direction():
    steps = list(trace(Spec(num_layers=2, bidirectional=True), "N", "T").steps())
    assert [step.t for step in steps] == ["t"] * 4
    assert all(str(step.repeat) == "T" for step in steps)
    assert steps[0].ops[1].inputs[0].name == "h_(t-1)"
    assert steps[1].ops[1].inputs[0].name == "h_(t+1)"


def test_macs_are_those_of_the_matrix_products():
    """12,600 for an RNN and 50,400 for an LSTM with I = 10, H = 20, T = 7, N = 3."""
    for cell, macs in (("rnn", 12_600), ("lstm", 50_400)):
        assert sum(step.record.macs for step in trace(Spec(cell=cell), 3, 7).steps()) == macs


def test_a_packed_lstm_costs_its_real_steps():
    """33,600 for lengths 7, 5, 2, not what the padding would cost."""
    steps = trace(Spec(cell="lstm"), lengths=(7, 5, 2)).steps()
    assert sum(step.record.macs for step in steps) == 33_600


def test_a_walk_of_10_to_the_15_steps_starts_at_once():
    steps = trace(Spec(), seq_len=10**15).steps()
    assert next(steps).t == 0


def test_steps_of_equal_shapes_share_one_record():
    steps = list(trace(Spec(), seq_len=6).steps())
    assert all(step.record is steps[1].record for step in steps[1:])


def test_a_batch_of_none_is_legal_as_in_torch():
    assert next(trace(Spec(), batch_size=0).steps()).state["h"].shape == (0, 20)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"seq_len": 0}, "Expected sequence length to be larger than 0 in RNN"),
        ({"lengths": (5, 0)}, "Length of all samples has to be greater than 0"),
        ({"lengths": ()}, "at least one length"),
        ({"lengths": (3,), "unbatched": True}, "a packed batch always has a batch axis"),
        ({"batch_size": -1}, "at least 0"),
    ],
)
def test_a_batch_that_cannot_be_is_refused(options, message):
    with pytest.raises(UsageError, match=message):
        trace(Spec(), **options)
