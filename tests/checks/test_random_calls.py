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
