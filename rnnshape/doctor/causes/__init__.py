"""The table of rules: every cause of every message that `explain` knows.

A new cause is one function with a `@rule` above it, in the file of its family.
"""

from __future__ import annotations

from . import checkpoint, constructor, frameworks, lengths, results, state, training
from . import input as inputs
from .base import Finding, Rule
from .table import CAUSES

_FAMILIES = (state, inputs, results, lengths, checkpoint, constructor, training, frameworks)

RULES: tuple[Rule, ...] = tuple(
    value for family in _FAMILIES for value in vars(family).values() if isinstance(value, Rule)
)

__all__ = ["CAUSES", "RULES", "Finding", "Rule"]
