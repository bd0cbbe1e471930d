"""Random calls, right and wrong, beside what torch says of them: recorded, and asked afresh."""

import sys

import pytest
from conftest import ROOT, needs_torch, recorded
from recordings import by_wording, compare, given_of, recorded_error, spec_of

from rnnshape.checks.call import CRASH
from rnnshape.checks.padded import forward_error

CASES = recorded("calls")


def raised(case):
    return forward_error(spec_of(case), given_of(case))


@pytest.mark.parametrize("cases", by_wording(CASES))
def test_a_call_raises_what_torch_raises_first(cases):
    compare(cases, raised, recorded_error)


def test_calls_at_which_torchs_process_dies_are_recorded():
    assert sum(recorded_error(case) == CRASH for case in CASES) >= 20


@needs_torch
@pytest.mark.live
def test_an_installed_torch_says_the_same_of_fresh_calls():
    sys.path.insert(0, str(ROOT / "fixtures"))
    from random_calls import cases

    compare(cases(2026, 4000), raised, recorded_error)


# ------------------------------------------------------------------------------ constructors


@needs_torch
@pytest.mark.live
def test_an_installed_torch_says_the_same_of_devices_and_types():
    import torch
    from torch import nn

    from rnnshape.network.constructor import KINDS, Construction, constructor_fault

    devices = ["tanh", "", "cuda:x", "cpu:7", "0.5", "foo:1", -1, 0.5, True, [1], (1,), {}, "meta"]
    for cell, kind in KINDS.items():
        for keywords in [*({"device": d} for d in devices), {"dtype": 1}, {"dtype": "float32"}]:
            said = None
            try:
                getattr(nn, kind.class_name)(3, 4, **keywords)
            except Exception as error:
                said = (type(error).__name__, str(error))
            sizes = {"input_size": 3, "hidden_size": 4}
            fault = constructor_fault(Construction(cell, {**sizes, **keywords}))
            assert (fault.torch if fault else None) == said, (torch.__version__, cell, keywords)
