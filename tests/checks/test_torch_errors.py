"""What torch raises, to the letter and in its order: every case is a recording of real torch."""

from __future__ import annotations

import re
from typing import Any

import pytest
from recordings import CASES, construction, given_of, of_kind, recorded_error, spec_of

from rnnshape.checks.padded import Given, forward_error, forward_fault
from rnnshape.network.constructor import (
    constructor_error,
    constructor_fault,
    constructor_warning,
)
from rnnshape.network.dims import symbol
from rnnshape.network.spec import Spec


@pytest.mark.parametrize("case", of_kind("constructor"))
def test_a_constructor_raises_what_torch_raises_first(case: dict[str, Any]) -> None:
    call = construction(case)
    assert constructor_error(call.cell, call.keywords, call.positional) == recorded_error(case)


@pytest.mark.parametrize("case", of_kind("forward", "packed"))
def test_a_forward_call_raises_what_torch_raises_first(case: dict[str, Any]) -> None:
    assert forward_error(spec_of(case), given_of(case)) == recorded_error(case)


PACK = re.compile(
    r"packed = pack_padded_sequence\(torch\.randn\(([\d, ]+)\), \[([-\d, ]*)\]"
    r"(, batch_first=True)?(, enforce_sorted=False)?\)(\noutput, hn = nn\.RNN.*)?"
)
PACKINGS = [
    pytest.param(match, case, id=case["id"])
    for case in CASES
    if case["kind"] == "packing" and (match := PACK.fullmatch(case["code"]))
]


@pytest.mark.parametrize(("code", "case"), PACKINGS)
def test_packing_raises_what_torch_raises_first(code: re.Match[str], case: dict[str, Any]) -> None:
    shape, lengths, batch_first, unsorted, run = code.groups()
    input = tuple(map(int, shape.split(",")))
    spec = Spec(batch_first=bool(batch_first), input_size=input[-1])
    given = Given(
        input, lengths=tuple(int(n) for n in lengths.split(",") if n), enforce_sorted=not unsorted
    )
    fault = forward_fault(spec, given)
    if not run and fault and fault.torch.message.startswith("start ("):
        fault = None  # it comes when the layer runs
    assert (fault and fault.torch) == recorded_error(case)


def test_at_least_two_hundred_bad_cases_are_recorded() -> None:
    bad = [case for case in of_kind("constructor", "forward", "packed") if case.values[0]["error"]]
    assert len(bad) >= 200
    assert len(PACKINGS) >= 15


def test_a_symbol_fits_any_size() -> None:
    n, t, h = symbol("N"), symbol("T"), symbol("H")
    spec = Spec(cell="lstm", hidden_size="H", input_size="I")
    assert forward_error(spec, Given((t, n, 3), (1, n, h), (1, 7, 20))) is None
    assert forward_error(spec, Given((t, n, 3), (2, n, h), (1, n, h))) is not None


@pytest.mark.parametrize("case", of_kind("constructor"))
def test_a_constructor_without_its_faults_is_accepted(case: dict[str, Any]) -> None:
    call, found = construction(case), []
    while fault := constructor_fault(call):
        found.append(fault.about)
        call = call.mended(fault.about)
        assert len(found) < 12, found
    assert bool(found) == bool(case["error"])


@pytest.mark.parametrize("case", of_kind("constructor"))
def test_dropout_without_a_layer_to_come_after_is_warned_of(case: dict[str, Any]) -> None:
    warned = [(w["type"], w["message"]) for w in case["warnings"]]
    call = construction(case)
    if "__init__" in (case["error"] or {}).get("message", "") or "supported" in str(case["error"]):
        return  # torch ends before it warns
    told = constructor_warning(call)
    assert ([told] if told else []) == warned
