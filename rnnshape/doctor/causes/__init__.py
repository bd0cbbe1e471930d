"""The table of rules: every cause of every message that `explain` knows.

A new cause is one function with a `@rule` above it, in the file of its family.
"""

from __future__ import annotations

from . import (
    bridge,
    cell,
    checkpoint,
    constructor,
    dtype,
    frameworks,
    keywords,
    lengths,
    packed,
    products,
    rank,
    results,
    state,
    training,
)
from . import (
    input as features,
)
from .base import Finding, Rule

_FAMILIES = (
    state, bridge, rank, features, products, packed, results, dtype, lengths, checkpoint,
    constructor, keywords, cell, training, frameworks,
)  # fmt: skip

RULES: tuple[Rule, ...] = tuple(
    value for family in _FAMILIES for value in vars(family).values() if isinstance(value, Rule)
)

__all__ = ["RULES", "Finding", "Rule"]
