"""The forms of input and output, one-to-one to encoder–decoder."""

import json

import jsonschema
import numpy as np
import pytest
from conftest import needs_torch

from rnnshape import ShapeError, Spec, UsageError
from rnnshape.analysis.forms import FORMS, arrange, drawn, result
from rnnshape.network.batch import Batch
from rnnshape.network.head import Head
from rnnshape.show.schema import schema
from rnnshape.show.text.forms import form_code

SPECS = [
    Spec(),
    Spec(cell="lstm", num_layers=2, bidirectional=True),
    Spec(cell="lstm", proj_size=6, bidirectional=True),
    Spec(cell="gru", num_layers=2, batch_first=True),
    Spec(nonlinearity="relu", bias=False, bidirectional=True, batch_first=True),
]


def arrangements():
    for name in FORMS:
        for spec in SPECS:
            if name == "one-to-many" and spec.bidirectional:
                continue
            for unbatched in (False, True):
                length = 1 if name == "one-to-one" else 5
                batch = Batch(size=4, seq_len=length, unbatched=unbatched)
                head = None
                if name != "one-to-many" and spec.cell == "rnn":
                    head = Head(3, "softmax", "last" if name == "many-to-one" else "every")
                yield arrange(name, spec, batch, head)
    yield arrange("many-to-one", SPECS[1], Batch(lengths=(2, 5, 3)))


ARRANGED = list(arrangements())
IDS = [f"{a.form.name} {a.spec} {'unbatched' if a.batch.unbatched else ''}" for a in ARRANGED]


@pytest.mark.parametrize("arrangement", ARRANGED, ids=IDS)
def test_what_is_computed_has_the_shapes_that_are_told(arrangement):
    computed = result(arrangement, drawn(arrangement, 0, "float64"))
    told = arrangement.tensors
    assert {n: a.shape for n, a in computed.items()} == {n: told[n] for n in computed}


@pytest.mark.live
@needs_torch
@pytest.mark.parametrize("arrangement", ARRANGED, ids=IDS)
def test_the_printed_code_runs_under_torch_and_gives_the_same_numbers(arrangement):
    import torch

    scope: dict = {}
    exec(form_code(arrangement), scope)
    numbers = drawn(arrangement, 1, "float64")
    for name in (*arrangement.networks, "head"):
        module = scope[name].double()
        module.load_state_dict({
            n.removeprefix(name + "."): torch.from_numpy(a)
            for n, a in numbers.weights.items() if n.startswith(name + ".")
        })  # fmt: skip
    inputs = [torch.from_numpy(x) for x in (numbers.input, numbers.target) if x is not None]
    states = tuple(torch.from_numpy(s) for s in numbers.states)
    with torch.no_grad():
        o, state = scope["forward"](*inputs, states if len(states) > 1 else states[0])
    ours = result(arrangement, numbers)
    theirs = {"o": o, **dict(zip(("hn", "cn"), state if len(states) > 1 else (state,)))}
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        assert array.shape == tuple(theirs[name].shape)
        assert abs(array - theirs[name].numpy()).max() <= 1e-12, name


def test_one_to_many_feeds_each_output_back():
    arrangement = arrange("one-to-many", Spec(input_size=3, hidden_size=4), Batch(seq_len=3))
    parts = list(arrangement.parts(drawn(arrangement, 0, "float64")))
    assert [part.name for part in parts] == ["call 0", "call 1", "call 2"]
    for before, after in zip(parts, parts[1:]):
        assert np.array_equal(before.trace.result.o, after.trace.feed.inputs["input"])
        assert np.array_equal(before.trace.result.hn, after.trace.feed.inputs["h0"])


def test_the_decoder_of_a_bidirectional_encoder_is_twice_as_wide():
    arrangement = arrange("encoder-decoder", Spec(num_layers=2, bidirectional=True), Batch())
    assert str(arrangement.decoder_spec) == "RNN(10, 40, num_layers=2)"
    assert arrangement.tensors["hn"] == (2, 7, 40)


def test_symbolic_sizes_run_through_a_form():
    from rnnshape.network.dims import symbol

    batch = Batch(size=symbol("N"), seq_len=symbol("T"))
    spec = Spec(hidden_size="H", bidirectional=True)
    arrangement = arrange("encoder-decoder", spec, batch, target_len=symbol("S"))
    assert str(arrangement.tensors["o"]) == "(S, N, 3)"
    assert len(list(arrangement.parts())) == 2


@pytest.mark.parametrize(
    "name, spec, batch, head, message",
    [
        ("one-to-many", Spec(), Batch(), Head(3), "expected --output-size 10"),
        ("one-to-many", Spec(bidirectional=True), Batch(), None, "expected one direction"),
        ("one-to-many", Spec(), Batch(lengths=(3, 2)), None, "expected --seq-len"),
        ("one-to-one", Spec(), Batch(seq_len=5), None, "--seq-len: expected 1"),
        ("many-to-one", Spec(), Batch(), Head(3, at="every"), "--output-at: expected last"),
        ("many-to-many", Spec(), Batch(), Head(3, at="last"), "--output-at: expected every"),
        ("encoder-decoder", Spec(), Batch(lengths=(3, 2)), None, "--seq-len and --target-len"),
        ("many-to-few", Spec(), Batch(), None, "--form: expected one-to-one"),
    ],
)
def test_a_form_that_cannot_be_is_refused(name, spec, batch, head, message):
    with pytest.raises(UsageError, match=message):
        arrange(name, spec, batch, head)


def test_a_decoder_whose_state_does_not_fit_is_refused_in_torchs_words():
    with pytest.raises(ShapeError, match=r"Expected hidden size \(1, 7, 20\), got \[1, 7, 40\]"):
        arrange("encoder-decoder", Spec(bidirectional=True), Batch(), decoder=Spec())


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("more", [[], ["--values"]], ids=["shapes", "values"])
def test_the_documents_of_a_form_keep_to_their_schemas(rnnshape, name, more):
    document = rnnshape("trace", "--form", name, "--json", *more).json
    jsonschema.validate(document, schema("form"))
    for part in document["parts"]:
        jsonschema.validate(part["trace"], schema("trace"))
    lines = rnnshape("trace", "--form", name, "--ndjson", *more).out.splitlines()
    kinds = [json.loads(line)["kind"] for line in lines]
    assert kinds[:3] == ["form", "part", "header"] and kinds[-1] == "end"
    ran = rnnshape("run", "--form", name, "--json").json
    jsonschema.validate(ran, schema("form-run"))


def test_the_listing_says_why_a_form_cannot_be(rnnshape):
    document = rnnshape("forms", "--bidirectional", "--json").json
    jsonschema.validate(document, schema("forms"))
    rows = {row["name"]: row for row in document["forms"]}
    assert list(rows) == list(FORMS)
    assert "expected one direction" in rows["one-to-many"]["refused"]
    assert "torch.cat" in rows["encoder-decoder"]["code"]


def test_the_calls_of_a_long_form_fold(rnnshape):
    told = rnnshape("trace", "--form", "one-to-many", "--seq-len", 1_000_000).out
    assert "call 2 … 999998: the same shapes (--all unfolds)" in told


@pytest.mark.parametrize(
    "options, message",
    [
        (["--form", "one-to-one", "--seq-len", "5"], "--seq-len: expected 1"),
        (["--form", "many-to-one", "--target-len", "3"], "--target-len: expected with"),
        (["--form", "encoder-decoder", "--target-len", "0"], "--target-len: expected an integer"),
        (["--form", "many-to-one", "--decoder-layers", "2"], "--decoder-layers"),
        (["--form", "encoder-decoder", "--decoder-layers", "2"], "Expected hidden size (2, 7, 20)"),
        (["--form", "encoder-decoder", "--target-len", "T", "--values"], "got the symbol T"),
        (["--form", "circle"], "--form: expected one-to-one"),
        (["--form", "many-to-one", "--input", "x.npy"], "--form: expected without --input"),
        (["--form", "many-to-one", "--train"], "--form: expected without --train"),
        (["--target-len", "3"], "--target-len: expected with --form"),
    ],
)
def test_wrong_options_of_a_form(rnnshape, options, message):
    ended = rnnshape("trace", *options)
    assert (ended.status, ended.out) == (2, "") and message in ended.err


FORMS_READ = [a for a in ARRANGED if not a.batch.unbatched and a.spec.cell != "rnn"]


@pytest.mark.parametrize("arrangement", FORMS_READ, ids=lambda a: f"{a.form.name} {a.spec}")
def test_a_form_takes_its_parameters_and_sizes_from_a_file(rnnshape, tmp_path, arrangement):
    numbers = drawn(arrangement, 0, "float32")
    np.savez(tmp_path / "model.npz", **numbers.weights)
    batch = arrangement.batch
    options = ["--lengths", "2,5,3"] if batch.packed else ["--batch-size", batch.size]
    if arrangement.spec.batch_first:
        options.append("--batch-first")
    ended = rnnshape("run", "--form", arrangement.form.name, *options, "--json",
                     "--weights", tmp_path / "model.npz")  # fmt: skip
    assert ended.status == 0, ended.err
    told = json.loads(ended.out)
    for name, array in result(arrangement, numbers).items():
        np.testing.assert_allclose(told[name], array, atol=1e-6)


def test_a_file_without_a_parameter_of_the_form_is_refused(rnnshape, tmp_path):
    weights = drawn(ARRANGED[0], 0, "float32").weights
    del weights["head.bias"]
    np.savez(tmp_path / "model.npz", **weights)
    ended = rnnshape("run", "--form", "many-to-one", "--weights", tmp_path / "model.npz")
    assert (ended.status, ended.out) == (2, "") and "weights: expected head.bias" in ended.err


def test_a_form_of_too_many_steps_is_refused_before_a_number_is_drawn(monkeypatch):
    monkeypatch.setattr(np.random, "default_rng", None)
    for name in set(FORMS) - {"one-to-one"}:
        with pytest.raises(UsageError, match="at most 100,000 calls|at most 1,000,000 steps"):
            drawn(arrange(name, Spec(), Batch(size=1, seq_len=1_000_001)), 0, "float32")
    with pytest.raises(UsageError, match="at most 1,000,000 steps"):
        drawn(arrange("encoder-decoder", Spec(), Batch(), None, 1_000_001), 0, "float32")
