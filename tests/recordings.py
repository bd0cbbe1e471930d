"""The recordings of torch: their cases by wording, and as this package's own calls."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from conftest import recorded

from rnnshape.checks.padded import Inputs
from rnnshape.network.constructor import KINDS, Construction
from rnnshape.network.spec import Spec

Case = dict[str, Any]
CASES: list[Case] = recorded("errors")
CELL_OF = {kind.class_name: cell for cell, kind in KINDS.items()}
NOT_ASKED_FOR = {
    # torch accepts it in the constructor, and then no forward call can succeed
    **{
        f"forward-odd-{call}-False-0-0-False-5": "an rnn or gru with a positional proj_size"
        for call in ("RNN-10-20-1-text-tanh-text-True", "GRU-10-20-1-True")
    }
}


def of_kind(*kinds: str, cases: Iterable[Case] = CASES) -> list[Case]:
    return [c for c in cases if c["kind"] in kinds and c["id"] not in NOT_ASKED_FOR]


def by_wording(cases: Iterable[Case]) -> list[Any]:
    """The cases in groups, one a wording of torch's message, its numbers left out."""
    groups: dict[str, list[Case]] = {}
    for case in cases:
        error = case["error"]
        said = f"{error['type']}: {error['message']}" if error else "nothing"
        wording = re.sub(r"[\[(]#[#, ]*[\])]", "#", re.sub(r"-?\d+(\.\d+)?", "#", said))
        groups.setdefault(" ".join(wording.split())[:90], []).append(case)
    return [pytest.param(group, id=wording) for wording, group in groups.items()]


def compare(cases: list[Case], ours: Callable[[Case], Any], torchs: Callable[[Case], Any]) -> None:
    """Walk a whole recording; fails with a line for every case in which we differ from torch."""
    lines = []
    for case in cases:
        try:
            got = ours(case)
        except Exception as error:
            got = error
        if got != torchs(case):
            name = case.get("id") or case.get("code") or case.get("repr")
            lines.append(f"{name}: expected {torchs(case)}, got {got!r}")
    assert cases and not lines, f"{len(lines)} of {len(cases)} differ:\n" + "\n".join(lines)


def recorded_error(case: Case) -> tuple[str, str] | None:
    error = case["error"]
    return None if error is None else (error["type"], error["message"])


def construction(case: Case) -> Construction:
    made = case["constructor"]
    keywords = {
        name: float(value) if value in ("nan", "inf") else value
        for name, value in made["kwargs"].items()
    }
    return Construction(CELL_OF[made["class"]], keywords, tuple(made["args"]))


def spec_of(case: Case) -> Spec:
    if case.get("spec"):
        return Spec(**case["spec"])
    call = construction(case)
    known = {n: v for n, v in call.arguments.items() if (n, v) != ("nonlinearity", "gelu")}
    if not call.kind.single:
        known["num_layers"] = int(call["num_layers"])
        known["bidirectional"] = bool(call["bidirectional"])
    return Spec(cell=call.cell, **known)


def given_of(case: Case) -> Inputs:
    call = case["call"]
    shape = {name: None if call[name] is None else tuple(call[name]) for name in ("h0", "c0")}
    return Inputs(
        input=tuple(call["input"]),
        **shape,
        dtype=call["dtype"],
        lengths=None if call["lengths"] is None else tuple(call["lengths"]),
        enforce_sorted=call["enforce_sorted"],
        tuple_length=0 if call["lone_tensor"] else call["tuple_length"],
        raw={} if case.get("spec") else construction(case).keywords,
        state_dtype=call["state_dtype"],
        weight_dtype=call.get("weight_dtype", "float32"),
    )


def raised(report: Any) -> tuple[str, str] | None:
    """What the first problem of `check` says that torch raises."""
    return report.problems[0].torch if report.problems else None
