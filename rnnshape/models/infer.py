"""Which network a set of torch's parameters belongs to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..spec import GATES, Spec

_NAME = re.compile(r"weight_ih_l(\d{1,5})(_reverse)?\Z")


def inferred(weights: Mapping[str, Any]) -> dict[str, Any] | None:
    """The constructor's arguments that names and shapes determine, or None where they do not.

    The cell follows from weight_hh_l0 (G·H, R): biases and a projection tell H from R, and
    without them R is H. What no shape tells (nonlinearity, dropout, batch_first) is left out.
    """
    layers = [match for match in map(_NAME.match, weights) if match]
    if "weight_ih_l0" not in weights or "weight_hh_l0" not in weights:
        return None
    ih, hh = weights["weight_ih_l0"].shape, weights["weight_hh_l0"].shape
    if len(ih) != 2 or len(hh) != 2 or 0 in (*ih, *hh):
        return None
    hr = weights.get("weight_hr_l0")
    hidden = hh[1] if hr is None else hr.shape[-1]
    gates = hh[0] / hidden
    cell = next((name for name, count in GATES.items() if count == gates), None)
    if cell is None:
        return None
    return {
        "cell": cell,
        "input_size": ih[1],
        "hidden_size": hidden,
        "num_layers": max(int(match[1]) for match in layers) + 1,
        "bias": "bias_ih_l0" in weights,
        "bidirectional": any(match[2] for match in layers),
        **({"proj_size": hr.shape[0]} if hr is not None else {}),
    }


def completed(weights: Mapping[str, Any], stated: Mapping[str, Any]) -> Spec:
    """The network that `weights` tell, with what was stated beside it winning.

    Raises UsageError where the two make no network that torch would build.
    """
    told = inferred(weights) or {}
    if stated.get("cell", told.get("cell")) != told.get("cell"):
        told = {name: value for name, value in told.items() if name != "proj_size"}
    return Spec.from_dict({**told, **stated})
