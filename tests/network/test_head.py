"""The output head: o = g(W·h + b)."""

import jsonschema
import numpy as np
import pytest
from conftest import needs_torch

from rnnshape import Spec, trace
from rnnshape.network.head import Head
from rnnshape.numeric.fast.forward import compute
from rnnshape.numeric.random import drawn_head, drawn_weights
from rnnshape.show.schema import schema

ACTIVATIONS = ["none", "softmax", "sigmoid", "tanh"]


def numeric(spec: Spec, head: Head, lengths=None, seed=0):
    """A trace in numbers over T = 5, N = 3."""
    generator = np.random.default_rng(seed)
    weights = drawn_weights(spec, generator, "float64") | drawn_head(
        head, spec, generator, "float64"
    )
    shape = (3, 5, spec.input_size) if spec.batch_first else (5, 3, spec.input_size)
    x = generator.standard_normal(shape)
    return trace(spec, weights=weights, input=x, lengths=lengths, head=head)


def test_the_head_is_walked_after_the_last_layer(rnnshape):
    document = rnnshape("trace", "--output-size", 3, "--json").json
    assert document["tensors"]["o"] == [5, 7, 3]
    assert document["head"] == {
        "output_size": 3, "output_activation": "none", "output_at": "every",
    }  # fmt: skip
    step = document["steps"][5]
    assert (step["layer"], step["direction"], step["t"], step["state"]) == (
        1,
        "head",
        0,
        {"o": [7, 3]},
    )
    assert step["ops"][0]["expression"] == "(7×20)·(20×3)+3→7×3"
    assert step["ops"][0]["macs"] == 7 * 20 * 3


def test_its_input_is_both_directions_wide_and_the_trace_says_why(rnnshape):
    told = rnnshape("trace", "--output-size", 3, "--bidirectional").out
    assert "it reads 40: 2 directions of H=20" in told
    projected = rnnshape("trace", "--cell", "lstm", "--proj-size", 4, "--output-size", 3).out
    assert "it reads 4: P=4" in projected


def test_its_parameters_are_listed_with_their_rule(rnnshape):
    listed = rnnshape("params", "--output-size", 3, "--bidirectional", "--json").json["parameters"]
    assert [(p["name"], p["shape"], p["rule"]) for p in listed[-2:]] == [
        ("head.weight", [3, 40], "(K, 2H)"), ("head.bias", [3], "(K)"),
    ]  # fmt: skip


@pytest.mark.parametrize("at", ["every", "last"])
@pytest.mark.parametrize(
    "options", [[], ["--bidirectional"], ["--unbatched"], ["--lengths", "5,2"]]
)
def test_every_document_with_a_head_keeps_to_its_schema(rnnshape, at, options):
    options = [*options, "--output-size", 3, "--output-activation", "softmax", "--output-at", at]
    jsonschema.validate(rnnshape("trace", *options, "--json").json, schema("trace"))
    jsonschema.validate(rnnshape("trace", *options, "--values", "--json").json, schema("trace"))
    jsonschema.validate(rnnshape("run", *options, "--json").json, schema("run"))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("at", ["every", "last"])
@pytest.mark.parametrize("lengths", [None, (2, 5, 1)])
def test_the_fast_way_and_the_walk_agree(activation, at, lengths):
    subject = numeric(Spec(bidirectional=True, num_layers=2), Head(3, activation, at), lengths)
    assert abs(compute(subject.feed).o - subject.result.o).max() <= 1e-12


@pytest.mark.live
@needs_torch
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("at", ["every", "last"])
@pytest.mark.parametrize(
    "spec",
    [Spec(), Spec(bidirectional=True, batch_first=True), Spec(cell="lstm", proj_size=4)],
    ids=str,
)
def test_torch_gives_the_same(activation, at, spec):
    import torch

    from rnnshape.analysis.verify import torch_module

    subject = numeric(spec, Head(3, activation, at))
    rnn, linear = torch_module(spec), torch.nn.Linear(spec.output_size, 3).double()
    own = {n: torch.from_numpy(a) for n, a in subject.feed.weights.items()}
    linear.load_state_dict({n: own.pop(f"head.{n}") for n in ("weight", "bias")})
    rnn.load_state_dict(own)
    with torch.no_grad():
        output, hn = rnn(torch.from_numpy(subject.feed.inputs["input"].copy()))
        h = hn[0] if isinstance(hn, tuple) else hn
        read = output if at == "every" else torch.cat(list(h[-spec.num_directions :]), -1)
        g = {"none": lambda y: y, "softmax": lambda y: y.softmax(-1)}.get(
            activation, getattr(torch, activation, None)
        )
        o = g(linear(read))
    assert abs(o.numpy() - subject.result.o).max() <= 1e-12


@pytest.mark.parametrize(
    "options, message",
    [
        (["--output-size", "0"], "--output-size: expected an integer greater than zero"),
        (["--output-size", "-1"], "--output-size: expected an integer greater than zero"),
        (["--output-size", "3", "--output-activation", "gelu"], "none, softmax, sigmoid, tanh"),
        (["--output-activation", "tanh"], "expected beside --output-size"),
        (["--output-size", "3", "--output-at", "first"], "--output-at: expected every, last"),
    ],
)
def test_a_head_that_cannot_be_is_refused(rnnshape, options, message):
    ended = rnnshape("trace", *options)
    assert (ended.status, ended.out) == (2, "") and message in ended.err
