"""The numbers that the walk goes over in numeric mode: given weights where they fit, else drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..analysis.trace import Trace
from ..numeric.random import drawn_feed
from ..numeric.world import Recording


def fits(trace: Trace, weights: Mapping[str, Any]) -> bool:
    """Whether `weights` are those of the network, by names and shapes."""
    needed = trace.spec.parameters()
    return all(name in weights and weights[name].shape == s for name, s in needed.items())


def numbers(trace: Trace, weights: Mapping[str, Any] | None, seed: int) -> Recording:
    """The network over an input drawn with `seed`, ready to be walked; float32.

    Parameters are `weights`, or drawn as torch initialises them. Raises UsageError where a size
    is left open, or where there are more numbers than memory should hold.
    """
    if weights is not None and not fits(trace, weights):
        weights = None
    return Recording(drawn_feed(trace.spec, trace.batch, trace.head, weights=weights, seed=seed))
