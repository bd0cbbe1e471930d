"""What torch raises, to the letter and in its order: every case is a recording of real torch."""

from __future__ import annotations

import re
from typing import Any

import pytest
from conftest import recorded
from recordings import (
    CASES,
    by_wording,
    compare,
    construction,
    given_of,
    of_kind,
    recorded_error,
    spec_of,
)

from rnnshape.checks.padded import Inputs, forward_error, forward_fault
from rnnshape.errors import TorchError
from rnnshape.network.constructor import constructor_fault, constructor_warning
from rnnshape.network.dims import symbol
from rnnshape.network.spec import Spec

CELL_MODULES = recorded("cells")
CONSTRUCTORS = [*of_kind("constructor"), *of_kind("constructor", cases=CELL_MODULES)]
CALLS = [*of_kind("forward", "packed"), *of_kind("call", cases=CELL_MODULES)]


def constructor_raises(case: dict[str, Any]) -> TorchError | None:
    fault = constructor_fault(construction(case))
    return fault.torch if fault else None


def call_raises(case: dict[str, Any]) -> TorchError | None:
    return forward_error(spec_of(case), given_of(case))


@pytest.mark.parametrize("cases", by_wording(CONSTRUCTORS))
def test_a_constructor_raises_what_torch_raises_first(cases: list[dict[str, Any]]) -> None:
    compare(cases, constructor_raises, recorded_error)


@pytest.mark.parametrize("cases", by_wording(CALLS))
def test_a_forward_call_raises_what_torch_raises_first(cases: list[dict[str, Any]]) -> None:
    compare(cases, call_raises, recorded_error)


@pytest.mark.parametrize("cases", by_wording(recorded("dtypes")))
def test_mixed_dtypes_raise_what_torch_raises_first(cases: list[dict[str, Any]]) -> None:
    compare(cases, call_raises, recorded_error)


# ---------------------------------------------------------------------------------- packing

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
    given = Inputs(
        input, lengths=tuple(int(n) for n in lengths.split(",") if n), enforce_sorted=not unsorted
    )
    fault = forward_fault(spec, given)
    if not run and fault and fault.torch.message.startswith("start ("):
        fault = None  # it comes when the layer runs
    assert (fault and fault.torch) == recorded_error(case)


def test_at_least_two_hundred_bad_cases_are_recorded() -> None:
    assert sum(bool(case["error"]) for case in of_kind("constructor", "forward", "packed")) >= 200
    assert sum(bool(case.get("error")) for case in CELL_MODULES) >= 100
    assert len(PACKINGS) >= 15


def test_a_symbol_fits_any_size() -> None:
    n, t, h = symbol("N"), symbol("T"), symbol("H")
    spec = Spec(cell="lstm", hidden_size="H", input_size="I")
    assert forward_error(spec, Inputs((t, n, 3), (1, n, h), (1, 7, 20))) is None
    assert forward_error(spec, Inputs((t, n, 3), (2, n, h), (1, n, h))) is not None


def is_mended(case: dict[str, Any]) -> bool:
    """Whether there was something to mend; ends where leaving out one argument after another does."""
    call, found = construction(case), []
    while fault := constructor_fault(call):
        found.append(fault.about)
        call = call.mended(fault.about)
        assert len(found) < 12, found
    return bool(found)


def test_a_constructor_without_its_faults_is_accepted() -> None:
    compare(CONSTRUCTORS, is_mended, lambda case: bool(case["error"]))


def test_dropout_without_a_layer_to_come_after_is_warned_of() -> None:
    def ended_before(case: dict[str, Any]) -> bool:
        said = str(case["error"])
        return "__init__" in said or "supported" in said

    def warned(case: dict[str, Any]) -> list[tuple[str, str]]:
        return [(w["type"], w["message"]) for w in case["warnings"]]

    def told(case: dict[str, Any]) -> list[TorchError]:
        return [w for w in [constructor_warning(construction(case))] if w]

    layers = of_kind("constructor")
    compare([c for c in layers if not ended_before(c)], told, warned)
