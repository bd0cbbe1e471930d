"""The recorded errors of torch, as this package's own calls."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import TORCH

from rnnshape.checks.padded import Given
from rnnshape.network.constructor import Construction
from rnnshape.network.spec import Spec

CASES = json.loads((TORCH / "errors.json").read_text(encoding="utf-8"))["cases"]

NOT_ASKED_FOR = {
    # torch accepts it in the constructor, and then no forward call can succeed
    **{
        f"forward-odd-{call}-False-0-0-False-5": "an rnn or gru with a positional proj_size"
        for call in ("RNN-10-20-1-text-tanh-text-True", "GRU-10-20-1-True")
    },
}


def of_kind(*kinds: str) -> list[Any]:
    cases = [c for c in CASES if c["kind"] in kinds and c["id"] not in NOT_ASKED_FOR]
    return [pytest.param(case, id=case["id"]) for case in cases]


def recorded_error(case: dict[str, Any]) -> tuple[str, str] | None:
    error = case["error"]
    return None if error is None else (error["type"], error["message"])


def construction(case: dict[str, Any]) -> Construction:
    made = case["constructor"]
    keywords = {
        name: float(value) if value in ("nan", "inf") else value
        for name, value in made["kwargs"].items()
    }
    return Construction(made["class"].lower(), keywords, tuple(made["args"]))


def spec_of(case: dict[str, Any]) -> Spec:
    if case["spec"]:
        return Spec(**case["spec"])
    call = construction(case)
    fields = {**call.arguments, "bidirectional": bool(call["bidirectional"])}
    return Spec(**{**fields, "cell": call.cell, "num_layers": int(call["num_layers"])})


def given_of(case: dict[str, Any]) -> Given:
    call = case["call"]
    shape = {name: None if call[name] is None else tuple(call[name]) for name in ("h0", "c0")}
    raw = {} if case["spec"] else construction(case).keywords
    return Given(
        input=tuple(call["input"]),
        **shape,
        dtype=call["dtype"],
        lengths=None if call["lengths"] is None else tuple(call["lengths"]),
        enforce_sorted=call["enforce_sorted"],
        tuple_length=0 if call["lone_tensor"] else call["tuple_length"],
        raw=raw,
        state_dtype=call["state_dtype"],
    )
