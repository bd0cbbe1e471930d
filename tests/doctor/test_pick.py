"""`rnnshape pick`: the code that takes what is wanted from output, hn and cn."""

from __future__ import annotations

import itertools

import jsonschema
import numpy as np
import pytest
from conftest import needs_torch

from rnnshape.checks.padded import Inputs, forward_error
from rnnshape.doctor.pick import BRIDGES, QUESTIONS, Wanted, pick
from rnnshape.doctor.proofs import ran, small
from rnnshape.errors import UsageError
from rnnshape.network.batch import Batch
from rnnshape.network.dims import symbol
from rnnshape.network.spec import Spec
from rnnshape.show.schema import schema

BATCHES = {
    "padded": Batch(),
    "unbatched": Batch(unbatched=True),
    "packed": Batch(lengths=(2, 5, 1, 5)),
    "one step": Batch(size=1, seq_len=1),
    "symbolic": Batch(size=symbol("N"), seq_len=symbol("T")),
}
NETWORKS = [
    Spec(cell=cell, num_layers=layers, bidirectional=both, batch_first=first, proj_size=projection)
    for (cell, projection), layers, both, first in itertools.product(
        [("rnn", 0), ("lstm", 0), ("gru", 0), ("lstm", 6)], (1, 3), (False, True), (False, True)
    )
]


def asked(of: str) -> list[dict]:
    """The ways in which a question can be put."""
    if of == "layer":
        return [{"layer": 0}, {"layer": -1, "direction": "forward"}]
    return [{"bridge": bridge} for bridge in BRIDGES] if of == "decoder-h0" else [{}]


@pytest.mark.parametrize("batch", BATCHES.values(), ids=BATCHES)
@pytest.mark.parametrize("of", QUESTIONS)
def test_the_code_gives_what_the_walks_cells_left(of, batch):
    for spec, more in itertools.product(NETWORKS, asked(of)):
        picked = pick(Wanted(spec=spec, batch=batch, of=of, **more))
        assert picked.verified["difference"] == 0, (spec, picked.answer.code)


@pytest.mark.parametrize("batch", BATCHES.values(), ids=BATCHES)
@pytest.mark.parametrize("of", QUESTIONS)
def test_the_shape_is_that_of_the_result(of, batch):
    for spec, more in itertools.product(NETWORKS, asked(of)):
        tiny, concrete = small(spec), Batch(size=3, seq_len=4) if batch.symbolic else batch
        answer = pick(Wanted(spec=tiny, batch=concrete, of=of, **more)).answer
        found = ran(tiny, concrete).evaluate(answer.code)
        assert {n: found[n].shape for n in answer.shapes} == answer.shapes


@pytest.mark.parametrize(
    ("of", "network", "batch", "code"),
    [
        ("last", {}, {}, "last = output[-1]"),
        ("last", {"batch_first": True}, {}, "last = output[:, -1]"),
        ("last", {}, {"lengths": (5, 3, 2)},
         "last = output[lengths - 1, torch.arange(len(lengths))]"),
        ("both-directions", {"bidirectional": True}, {},
         "last = torch.cat([hn[-2], hn[-1]], dim=-1)"),
        ("sample", {}, {}, "steps = output[:, 0]"),
        ("sample", {"batch_first": True}, {}, "steps = output[0]"),
        ("sample", {}, {"lengths": (5, 3, 2)}, "steps = output[:lengths[0], 0]"),
        ("sample", {}, {"unbatched": True}, "steps = output"),
        ("decoder-h0", {}, {}, "h0 = hn"),
        ("decoder-h0", {"bidirectional": True}, {},
         "h0 = torch.cat([hn[0::2], hn[1::2]], dim=-1)"),
        ("layer", {"num_layers": 3, "bidirectional": True}, {},
         "h = torch.cat([hn[4], hn[5]], dim=-1)"),
        ("layer", {"cell": "lstm", "num_layers": 3}, {}, "h = hn[2]\nc = cn[2]"),
    ],
)  # fmt: skip
def test_the_code_for_a_configuration(of, network, batch, code):
    assert pick(Wanted(spec=Spec(**network), batch=Batch(**batch), of=of)).answer.code == code


@pytest.mark.parametrize("bridge", BRIDGES)
def test_a_decoder_takes_the_bridged_state(bridge):
    encoder = Spec(cell="lstm", num_layers=2, bidirectional=True, proj_size=6)
    shapes = pick(Wanted(spec=encoder, batch=Batch(), of="decoder-h0", bridge=bridge)).answer.shapes
    twice = 2 if bridge == "concat" else 1
    decoder = Spec(cell="lstm", num_layers=2, hidden_size=20 * twice, proj_size=6 * twice)
    assert forward_error(decoder, Inputs((4, 7, 10), shapes["h0"], shapes["c0"])) is None


def test_an_answer_that_is_wrong_would_be_found():
    run = ran(small(Spec(bidirectional=True)), Batch(size=3, seq_len=3))
    found = run.evaluate("a = output[-1]\nb = torch.cat([hn[-2], hn[-1]], dim=-1)")
    assert not np.array_equal(found["a"], found["b"])


def test_a_deep_layer_is_answered_and_not_run():
    picked = pick(Wanted(spec=Spec(num_layers=9000), batch=Batch(), of="layer", layer=8000))
    assert picked.answer.code == "h = hn[8000]"
    assert picked.verified is None
    assert picked.ok


@pytest.mark.parametrize(
    "more",
    [
        {"of": "first"},
        {"of": "layer", "layer": 1},
        {"of": "layer", "layer": -2},
        {"of": "layer", "direction": "reverse"},
        {"of": "sample", "sample": 7},
        {"of": "sample", "sample": -1},
        {"of": "decoder-h0", "bridge": "mean"},
    ],
    ids=str,
)
def test_what_the_network_does_not_have_is_refused(more):
    with pytest.raises(UsageError):
        pick(Wanted(spec=Spec(), batch=Batch(), **more))


@pytest.mark.parametrize("of", QUESTIONS)
def test_the_command_prints_code_and_shape(rnnshape, of):
    options = ["--of", of, "--cell", "lstm", "--layers", 2, "--bidirectional", "--lengths", "5,3,2"]
    document = rnnshape("pick", *options, "--json").json
    jsonschema.validate(document, schema("pick"))
    assert document["schema"] == "rnnshape/pick/1"
    assert document["verified"]["ok"]
    told = rnnshape("pick", *options)
    assert told.status == 0
    assert document["code"].splitlines()[0] in told.out


def test_names_of_sizes_stay_names(rnnshape):
    options = ["--batch-size", "N", "--hidden-size", "H", "--bidirectional"]
    document = rnnshape("pick", "--of", "both-directions", *options, "--json").json
    assert document["results"] == [{"name": "last", "shape": ["N", "2*H"]}]


def test_wrong_use_ends_with_2(rnnshape):
    ended = rnnshape("pick", "--of", "everything")
    assert ended.status == 2
    assert "expected last, both-directions, layer, decoder-h0, sample" in ended.err


@pytest.mark.live
@needs_torch
@pytest.mark.parametrize("kind", ["padded", "unbatched", "packed"])
def test_the_code_runs_in_torch(kind):
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    batch = BATCHES[kind]
    for spec, of in itertools.product(NETWORKS, QUESTIONS):
        options = {k: v for k, v in spec.to_dict().items() if k not in ("cell", "nonlinearity")}
        if spec.cell != "lstm":
            del options["proj_size"]
        rnn = getattr(torch.nn, spec.cell.upper())(**options)
        input = torch.randn(batch.tensors(spec)["input"])
        names = {"torch": torch}
        if batch.packed:
            lengths = list(batch.lengths)
            input = pack_padded_sequence(input, lengths, spec.batch_first, enforce_sorted=False)
        output, state = rnn(input)
        if batch.packed:
            output, names["lengths"] = pad_packed_sequence(output, spec.batch_first)
        names["output"] = output
        names |= dict(zip(("hn", "cn"), state if spec.cell == "lstm" else (state,)))
        for more in asked(of):
            answer = pick(Wanted(spec=spec, batch=batch, of=of, **more)).answer
            left = dict(names)
            exec(answer.code, left)
            assert {n: tuple(left[n].shape) for n in answer.shapes} == answer.shapes
