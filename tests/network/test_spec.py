from dataclasses import FrozenInstanceError
from types import SimpleNamespace

import pytest
from conftest import recorded
from recordings import compare

from rnnshape import Spec, UsageError
from rnnshape.network.batch import Batch

CASES = recorded("shapes")


def batch_of(call: dict) -> Batch:
    if call["lengths"]:
        return Batch(lengths=tuple(call["lengths"]))
    size = 7 if call["unbatched"] else call["batch_size"]
    return Batch(size=size, seq_len=call["seq_len"], unbatched=call["unbatched"])


def shapes(tensors: dict) -> dict:
    return {name: list(shape) for name, shape in tensors.items()}


def test_at_least_300_configurations_are_recorded():
    assert len(CASES) >= 300


def test_torch_agrees():
    def facts(case):
        spec = Spec.from_dict(case["spec"])
        parameters = [[name, list(shape)] for name, shape in spec.parameters().items()]
        return [str(spec), parameters, shapes(batch_of(case["call"]).tensors(spec))]

    fields = ("repr", "parameters", "tensors")
    compare(CASES, facts, lambda case: [case[field] for field in fields])


def test_torch_packs_the_same():
    def packing(case):
        batch = batch_of(case["call"])
        indices = [list(batch.order), list(batch.restored)]
        unsorted = case["packed"]["sorted_indices"] is not None
        return [batch.batch_sizes, *(indices if unsorted else [None, None])]

    fields = ("batch_sizes", "sorted_indices", "unsorted_indices")
    packed = [case for case in CASES if case["packed"]]
    compare(packed, packing, lambda case: [case["packed"][f] for f in fields])


def test_a_spec_is_immutable():
    with pytest.raises(FrozenInstanceError):
        Spec().hidden_size = 3


def test_a_spec_survives_its_json():
    spec = Spec(cell="lstm", hidden_size="H", num_layers=2, proj_size=3, dropout=0.5)
    assert Spec.from_dict(spec.to_dict()) == spec


def test_symbolic_sizes_run_through_the_parameters():
    parameters = Spec(cell="gru", input_size="I", hidden_size="H", num_layers=2, bidirectional=True)
    assert str(parameters.parameters()["weight_ih_l1_reverse"]) == "(3*H, 2*H)"


@pytest.mark.parametrize(
    "mode, spec",
    [
        ("RNN_RELU", Spec(nonlinearity="relu", num_layers=2)),
        ("LSTM", Spec(cell="lstm", proj_size=5, bias=False)),
        ("GRU", Spec(cell="gru", bidirectional=True, dropout=0.1, num_layers=2)),
    ],
)
def test_a_live_module_is_read_without_importing_torch(mode, spec):
    fields = {k: v for k, v in spec.to_dict().items() if k not in ("cell", "nonlinearity")}
    assert Spec.from_module(SimpleNamespace(mode=mode, **fields)) == spec


def test_what_is_no_recurrent_module_is_refused():
    with pytest.raises(UsageError, match="expected a torch.nn.RNN"):
        Spec.from_module(object())


def test_an_unknown_field_is_refused():
    with pytest.raises(UsageError, match="expected the fields"):
        Spec.from_dict({"layers": 2})
