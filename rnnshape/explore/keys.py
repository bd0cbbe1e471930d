"""The keys: each with what it does, in one table for the program, its foot line and its help."""

from __future__ import annotations

from typing import NamedTuple

from ..show.notation import Line
from .heading import TOGGLES


class Key(NamedTuple):
    """Keys that do one thing: `action` names the session's method, `argument` goes to it.

    shown: how the keys are written; text: what they do; foot: the short form for the foot line,
    or "" where it stands in the help alone.
    """

    keys: str
    action: str
    argument: str
    shown: str
    text: str
    foot: str = ""


KEYS = (
    Key("question_mark", "help", "", "?", "this list", "keys"),
    Key("q", "quit", "", "q", "quit", "quit"),
    Key("left", "move", "left", "← →", "walk along time"),
    Key("right", "move", "right", "", ""),
    Key("up", "move", "up", "↑ ↓", "walk up and down the layers"),
    Key("down", "move", "down", "", ""),
    Key("home", "move", "home", "Home End", "the first and the last time"),
    Key("end", "move", "end", "", ""),
    Key("full_stop", "move", "next", ". ,", "the next and the last step, in true order"),
    Key("comma", "move", "before", "", ""),
    Key("enter", "inside", "", "Enter", "the inside of the cell: gates, operations, weights",
        "inside"),
    Key("tab", "fields", "", "Tab", "to the fields: ← → choose, ↑ ↓ change, Enter types", "edit"),
    Key("v", "values", "", "v", "numbers: the value of everything, as a heat map", "values"),
    Key("f", "flow", "", "f", "gradient: how large it is at each h, on the grid", "gradient"),
    Key("space", "play", "", "space", "play the walk: layer, direction, time", "play"),
    Key("e", "export", "", "e", "export: JSON, SVG, HTML, command line, torch code", "export"),
    Key("plus,equals_sign", "speed", "up", "+ -", "faster and slower"),
    Key("minus", "speed", "down", "", ""),
    Key("pagedown", "scroll", "down", "PgUp PgDn", "more of the step's text"),
    Key("pageup", "scroll", "up", "", ""),
    *(
        Key(key, "toggle", name, key, f"{name}: the next choice") for key, name in TOGGLES.items()
    ),
    Key("n", "guide", "next", "n p", "the tour's next stop and the one before"),
    Key("p", "guide", "back", "", ""),
    Key("escape", "leave", "", "Esc", "leave the field, the inside, the tour or the quiz"),
    Key("ctrl+c", "interrupt", "", "", ""),
)  # fmt: skip


def help_lines() -> list[Line]:
    """Every key with what it does."""
    return [
        [("keys", "title"), ("   any other key closes this", "note")],
        *([(f"  {key.shown:<12}", "|key"), (key.text, "")] for key in KEYS if key.shown),
        [("  ctrl+p      ", "|key"), ("search the commands by name", "")],
        [("  mouse       ", "|key"),
         ("click a cell or a field; over a heat map it says the number", "")],
        [("signs", "title")],
        [("  ║7×20║ »7×20«", "|strong"), ("  the cell you look at", "")],
        [("  │7×20│ [7×20]", "state"), ("  computed before it", "")],
        [("  ┊7×20┊ ·7×20·", "state|far"), ("  computed after it", "")],
        [("  ░▒▓█", "positive"), (" above zero, ", ""), ("-=≡#", "negative"),
         (" below, small to large", "")],
        [("  input", "input"), ("  state", "state"), ("  weight", "weight"),
         ("  output", "output"), ("   one colour each, as everywhere", "")],
    ]  # fmt: skip
