"""`state`: the h0 of every step of a training run, where carrying hn on breaks, and the mends.

What a person sees stands in tests/golden; tests/show/test_picture.py says how it is written.
"""

import jsonschema
import pytest
from conftest import needs_torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnshape import Spec
from rnnshape.analysis.training import training_code, training_run
from rnnshape.show.schema import schema

SCREENS = {
    "fresh": [],
    "stateful": ["--stateful"],
    "stateful-lstm": ["--stateful", "--cell", "lstm", "--proj-size", 5, "--batch-first",
                      "--bidirectional", "--samples", 100],
    "stateful-test-alone": ["--stateful", "--samples", 28, "--test-batch-size", 16],
    "stateful-fits": ["--stateful", "--samples", 28, "--test-batch-size", 7],
    "unbatched": ["--unbatched", "--samples", 3],
}  # fmt: skip


@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_is_as_it_was_looked_at(name, rnnshape, golden):
    told = rnnshape("state", *SCREENS[name]).out
    assert max(map(len, told.splitlines())) <= 100
    golden(f"state-{name}", told)


@pytest.mark.parametrize("options", SCREENS.values(), ids=SCREENS)
def test_json_keeps_to_its_schema(rnnshape, options):
    jsonschema.validate(rnnshape("state", *options, "--json").json, schema("state"))


def test_a_fresh_h0_takes_its_size_from_the_batch(rnnshape):
    ended = rnnshape("state", "--json")
    steps = ended.json["steps"]
    assert ended.status == 0 and ended.json["ok"]
    assert [step["h0"][1] for step in steps] == [7, 7, 7, 7, 2, 1]
    assert {step["origin"] for step in steps} == {"zeros"}


def test_carrying_hn_on_breaks_at_the_smaller_last_batch(rnnshape):
    ended = rnnshape("state", "--stateful", "--json")
    assert ended.status == 1 and not ended.json["ok"]
    assert ended.json["carrying_on"]["breaks_at"] == 4
    broken = ended.json["steps"][4]
    assert (broken["input"], broken["h0"]) == ([5, 2, 10], [1, 7, 20])
    assert broken["torch"] == {
        "type": "RuntimeError",
        "message": "Expected hidden size (1, 2, 20), got [1, 7, 20]",
    }


def test_and_at_another_batch_size_of_the_test(rnnshape):
    document = rnnshape("state", "--stateful", "--samples", 28, "--json").json
    assert document["carrying_on"]["breaks_at"] == 4
    assert document["steps"][4]["phase"] == "test"


def test_a_fresh_run_says_where_carrying_on_would_break(rnnshape):
    assert rnnshape("state", "--json").json["carrying_on"]["breaks_at"] == 4


def test_equal_batches_can_carry_hn_on(rnnshape):
    ended = rnnshape("state", "--stateful", "--samples", 28, "--test-batch-size", 7, "--json")
    assert (ended.status, ended.json["carrying_on"]["breaks"], ended.json["mends"]) == (0, [], [])


def test_every_mend_is_proved_by_running_again(rnnshape):
    mends = rnnshape("state", "--stateful", "--json").json["mends"]
    assert [mend["id"] for mend in mends] == ["drop-last", "cut", "renew"]
    assert all(mend["proof"]["fit"] == mend["proof"]["steps"] for mend in mends)
    assert "drop_last=True" in mends[0]["code"] and "h[:, :x.size(1)]" in mends[1]["code"]


def test_rows_cannot_be_cut_from_a_state_that_has_too_few():
    report = training_run(Spec(), 28, 7, stateful=True, test_batch_size=16)
    assert [mend.id for mend in report.mends] == ["fresh-test", "renew"]


def test_an_lstm_carries_both_tensors(rnnshape):
    document = rnnshape("state", "--stateful", "--cell", "lstm", "--proj-size", 5, "--json").json
    broken = document["steps"][4]
    assert (broken["h0"], broken["c0"]) == ([1, 7, 5], [1, 7, 20])
    assert broken["torch"]["message"] == "Expected hidden[0] size (1, 2, 5), got [1, 7, 5]"
    assert "tuple(s.detach() for s in h)" in document["code"]


def test_batch_first_moves_the_input_alone(rnnshape):
    document = rnnshape("state", "--stateful", "--batch-first", "--json").json
    assert document["steps"][4]["input"] == [2, 5, 10]
    assert document["steps"][4]["h0"] == [1, 7, 20]
    assert "h[:, :x.size(0)]" in document["mends"][1]["code"]


def test_a_state_dict_holds_parameters_alone(rnnshape):
    document = rnnshape("state", "--json").json
    assert document["saved"] == ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
    assert document["not_saved"] == ["input", "h0", "output", "hn"]
    parameters = rnnshape("params", "--json").json
    assert parameters["saved"] == document["saved"]
    assert parameters["not_saved"] == document["not_saved"]


@pytest.mark.parametrize(
    "options, message",
    [
        (["--samples", 0], "--samples: expected an integer of at least 1"),
        (["--samples", "ten"], "Invalid value for '--samples'"),
        (["--batch-size", 0], "--batch-size: expected an integer of at least 1"),
        (["--batch-size", "N"], "--batch-size: expected an integer of at least 1"),
        (["--test-batch-size", -1], "--test-batch-size: expected an integer of at least 1"),
        (["--samples", 10**9, "--batch-size", 1], "--samples: expected at most 100,000 steps"),
        (["--unbatched", "--test-batch-size", 2], "--test-batch-size: expected 1"),
        (["--lengths", "5,3"], "--lengths: expected none"),
        (["--seq-len", 0], "Expected sequence length to be larger than 0"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_wrong_use_is_one_message(rnnshape, options, message):
    ended = rnnshape("state", *options)
    assert (ended.status, ended.out) == (2, "")
    assert message in ended.err


# ----------------------------------------------------------------------------- beside a live torch


@st.composite
def runs(draw):
    cell = draw(st.sampled_from(["rnn", "lstm", "gru"]))
    spec = Spec(
        cell=cell, input_size=3, hidden_size=4, num_layers=draw(st.integers(1, 2)),
        bidirectional=draw(st.booleans()), batch_first=draw(st.booleans()),
        proj_size=draw(st.integers(0, 3)) if cell == "lstm" else 0,
    )  # fmt: skip
    return training_run(
        spec,
        draw(st.integers(1, 20)),
        draw(st.integers(1, 8)),
        draw(st.integers(1, 3)),
        test_batch_size=draw(st.integers(1, 8)),
        stateful=draw(st.booleans()),
    )


def ended(plan) -> tuple[int, Exception | None]:
    """Run a plan's code in torch: how many calls of the model it made, and what ended it."""
    import torch
    from torch.utils.data import DataLoader

    module = getattr(torch.nn, plan.spec.cell.upper())
    given = {name: getattr(plan.spec, name) for name in
             ("input_size", "hidden_size", "num_layers", "batch_first", "bidirectional")}  # fmt: skip
    if plan.spec.proj_size:
        given["proj_size"] = plan.spec.proj_size
    layer, calls = module(**given), 0

    def model(x, h=None):
        nonlocal calls
        assert list(x.shape) == list(plan.steps[calls].input)
        result = layer(x, h)
        calls += 1
        return result

    data = {
        "data": torch.randn(plan.samples, plan.seq_len, 3),
        "test_data": torch.randn(plan.test_batch_size, plan.seq_len, 3),
    }
    try:
        exec(training_code(plan), {"model": model, "DataLoader": DataLoader, **data})
    except RuntimeError as error:
        return calls, error
    return calls, None


@pytest.mark.live
@needs_torch
@settings(max_examples=100, deadline=None)
@given(report=runs())
def test_torch_breaks_where_it_is_said_to_and_every_mend_holds(report):
    calls, error = ended(report.plan)
    broken = report.plan.broken
    if broken:
        assert calls == broken[0].number
        assert (type(error).__name__, str(error)) == tuple(broken[0].error)
    else:
        assert (calls, error) == (len(report.plan.steps), None)
    for mend in report.mends:
        assert ended(mend.plan) == (len(mend.plan.steps), None)


@pytest.mark.live
@needs_torch
def test_torch_saves_what_is_said_to_be_saved():
    import torch

    report = training_run(Spec(cell="lstm", num_layers=2, bidirectional=True))
    module = torch.nn.LSTM(10, 20, 2, bidirectional=True)
    assert list(module.state_dict()) == report.saved


@pytest.mark.live
@needs_torch
def test_without_detach_the_second_backward_fails_in_torch():
    plan = training_run(Spec(input_size=3), 14, 7, stateful=True, test_batch_size=7).plan
    assert ended(plan)[1] is None
    code = training_code(plan).replace(".detach()", "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ended.__globals__, "training_code", lambda plan: code)
        calls, error = ended(plan)
    assert calls == 2 and "backward through the graph a second time" in str(error)
