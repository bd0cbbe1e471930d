"""Mistakes that torch accepts: rules over what happened, by what the axes are.

A rule looks at calls with their tensors, never at names or text, and stays silent where the axes do
not prove it. What a finding is called and how it is mended stands in doctor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .record import Event, Place

if TYPE_CHECKING:
    from .follow import Followed


@dataclass(frozen=True, eq=False)
class Finding:
    """A mistake that is silent: its id, the place (a part of a line), what is so, and the tensors
    that prove it (facts: "event", "input", "output", "layer" …)."""

    id: str
    place: Place
    why: str
    facts: Mapping[str, Any] = field(default_factory=dict)


Rule = Callable[["Followed"], Iterator[Finding]]
RULES: list[Rule] = []


def rule(function: Rule) -> Rule:
    """Declares a rule."""
    RULES.append(function)
    return function


def findings(followed: Followed) -> list[Finding]:
    """What the rules find, in the order of the lines; each id once a line."""
    found: dict[tuple[str, str, int], Finding] = {}
    for one in RULES:
        for finding in one(followed):
            found.setdefault((finding.id, finding.place.file, finding.place.line), finding)
    return sorted(found.values(), key=lambda f: (f.place.file, f.place.line))


def events_of(followed: Followed, *kinds: str) -> Iterator[Event]:
    """The calls of these kinds."""
    return (event for event in followed.events if event.kind in kinds)
