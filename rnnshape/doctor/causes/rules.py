"""Every rule of every message that `explain` knows.

A new one is a function with a `@rule` above it, in the file of its family.
"""

from __future__ import annotations

from . import checkpoint, constructor, frameworks, lengths, results, state, training
from . import input as inputs
from .base import Rule

_FAMILIES = (state, inputs, results, lengths, checkpoint, constructor, training, frameworks)

RULES: tuple[Rule, ...] = tuple(
    value for family in _FAMILIES for value in vars(family).values() if isinstance(value, Rule)
)
