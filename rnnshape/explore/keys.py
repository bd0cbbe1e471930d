"""The keys: each with what it does, in one table for the program, its foot line and its help."""

from __future__ import annotations

from typing import NamedTuple

from ..show.notation import Line
from .heading import TOGGLES
from .lines import cut


class Key(NamedTuple):
    """Keys that do one thing: `action` names the session's method, `argument` goes to it.

    shown: how the keys are written; text: what they do; foot: the short form for the foot line,
    or "" where it stands in the help alone.
    """

    keys: tuple[str, ...]
    action: str
    argument: str
    shown: str
    text: str
    foot: str = ""


KEYS = (
    Key(("left",), "move", "left", "← →", "walk along time"),
    Key(("right",), "move", "right", "", ""),
    Key(("up",), "move", "up", "↑ ↓", "walk up and down the layers"),
    Key(("down",), "move", "down", "", ""),
    Key(("home",), "move", "home", "Home End", "the first and the last time"),
    Key(("end",), "move", "end", "", ""),
    Key(("full_stop", "."), "move", "next", ". ,", "the next and the last step, in true order"),
    Key(("comma", ","), "move", "before", "", ""),
    Key(("space",), "play", "", "space", "play the walk: layer, direction, time"),
    Key(("plus", "+", "equals_sign"), "speed", "up", "+ -", "faster and slower"),
    Key(("minus", "-"), "speed", "down", "", ""),
    Key(("pagedown",), "scroll", "down", "PgUp PgDn", "more of the step's text"),
    Key(("pageup",), "scroll", "up", "", ""),
    *(
        Key((key,), "toggle", name, " ".join(TOGGLES) if not number else "",
            ", ".join(TOGGLES.values()))
        for number, (key, name) in enumerate(TOGGLES.items())
    ),
    Key(("v",), "values", "", "v", "numbers: the value of everything, as a heat map", "values"),
    Key(("f",), "flow", "", "f", "gradient: how large it is at each h, on the grid", "gradient"),
    Key(("enter",), "inside", "", "Enter", "the inside of the cell: gates, operations, weights",
        "inside"),
    Key(("tab",), "fields", "", "Tab", "to the fields: ← → choose, ↑ ↓ change, Enter types",
        "edit"),
    Key(("e",), "export", "", "e", "export: JSON, SVG, HTML, command line, torch code", "export"),
    Key(("question_mark", "?"), "help", "", "?", "this list", "keys"),
    Key(("q",), "quit", "", "q", "quit", "quit"),
)  # fmt: skip
ACTIONS = {name: key for key in KEYS for name in key.keys}


def foot_line(width: int, guided: str = "", alone: bool = False) -> Line:
    """The keys in short, as many as fit; `guided` says those of a tour or quiz first (or alone)."""
    items = [part.split(" ", 1) for part in guided.split("  ") if part]
    if not alone:
        items += [["←→↑↓", "walk"], ["space", "play"]]
        own = [[key.shown, key.foot] for key in KEYS if key.foot]
        items += [*own, ["cdbi", "toggle"]] if not guided else [*own[-2:], *own[:-2]]
    last = [] if alone else [item for item in items if item[0] in ("?", "q")]  # always there
    room = width - sum(len(shown) + len(text) + 3 for shown, text in last)
    kept: list[list[str]] = []
    for item in items:
        if item in last:
            continue
        if sum(map(len, item)) + 1 > room:
            break
        kept.append(item)
        room -= sum(map(len, item)) + 3
    line: Line = []
    for shown, text in [*kept, *last]:
        line += [(shown, "|key"), (f" {text}  ", "note")]
    return cut(line, width)


def help_lines() -> list[Line]:
    """Every key with what it does."""
    lines: list[Line] = [[("keys", "title"), ("   any key closes this", "note")]]
    for key in KEYS:
        if key.shown:
            lines.append([(f"  {key.shown:<12}", "|key"), (key.text, "")])
    lines += [
        [("  mouse       ", "|key"),
         ("click a cell or a field; over a heat map it says the number", "")],
        [("  n p         ", "|key"), ("the tour's next stop and the one before", "")],
        [("signs", "title")],
        [("  ║7×20║ »7×20«", "|strong"), ("  the cell you look at", "")],
        [("  │7×20│ [7×20]", "state"), ("  computed before it", "")],
        [("  ┊7×20┊ ·7×20·", "state|far"), ("  computed after it", "")],
        [("  ░▒▓█", "positive"), (" above zero, ", ""), ("-=≡#", "negative"),
         (" below, small to large", "")],
        [("  input", "input"), ("  state", "state"), ("  weight", "weight"),
         ("  output", "output"), ("   one colour each, as everywhere", "")],
    ]  # fmt: skip
    return lines
