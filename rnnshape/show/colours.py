"""The one table of colours: each kind means one thing in the terminal, in a picture, on a page."""

from __future__ import annotations

from typing import NamedTuple


class Colour(NamedTuple):
    """A kind's colour by its name in a terminal, on light paper and on dark paper."""

    terminal: str
    light: str
    dark: str


COLOURS = {
    "input": Colour("cyan", "#0e7490", "#22d3ee"),
    "state": Colour("green", "#15803d", "#4ade80"),
    "weight": Colour("yellow", "#a16207", "#facc15"),
    "output": Colour("magenta", "#a21caf", "#e879f9"),
}
SIGNS = {  # of numbers: below and above zero
    "positive": Colour("blue", "#1d4ed8", "#60a5fa"),
    "negative": Colour("red", "#b91c1c", "#f87171"),
}
PAPER = {"light": "#ffffff", "dark": "#0f172a"}
INK = {"light": "#1e293b", "dark": "#e2e8f0"}
NOTE = {"light": "#57606f", "dark": "#94a3b8"}  # what is said beside the picture


def colour(kind: str, theme: str) -> str:
    """The colour of a kind on light or dark paper; ink for what has no colour of its own."""
    if kind == "note":
        return NOTE[theme]
    own = COLOURS.get(kind) or SIGNS.get(kind)
    if own is None:
        return INK[theme]
    return own.dark if theme == "dark" else own.light
