"""The lines above the grid: the network, its tensors, and the fields that can be edited."""

from __future__ import annotations

from typing import NamedTuple

from ..network.dims import write_shape
from ..show.notation import Line, result_kind
from ..show.screen import length
from ..show.text.trace import tensor_rules
from .view import View

# the key that goes to a field's next choice
TOGGLES = {
    "c": "cell", "a": "nonlinearity", "d": "bidirectional", "b": "batch_first", "i": "bias",
    "u": "unbatched",
}  # fmt: skip
_KEYS = {name: key for key, name in TOGGLES.items()}


class Place(NamedTuple):
    """Where a field stands on the widget."""

    field: str
    row: int
    columns: range


class Heading(NamedTuple):
    """The lines, and where their fields are."""

    lines: list[Line]
    places: list[Place]

    def field(self, x: int, y: int) -> str | None:
        """The field at a place."""
        for place in self.places:
            if y == place.row and x in place.columns:
                return place.field
        return None


def heading(
    view: View,
    width: int,
    note: str = "",
    chosen: str | None = None,
    veiled: bool = False,
    fields: bool = True,
) -> Heading:
    """The network and where one stands, the tensors' shapes, and where asked for the fields.

    note: what follows the number of the step. veiled: no shape is told.
    """
    title = str(view.trace.spec)
    where = "" if veiled else f"step {view.index + 1:,} of {view.total:,}{note}"
    if len(title) + len(where) + 2 > width:
        title = title[: max(0, width - len(where) - 3)] + "…"
    gap = " " * max(1, width - len(title) - len(where))
    lines: list[Line] = [[(title, "title"), (gap, ""), (where, "note")]]
    told = {name: f" {rule.replace(', ', ',')}" for name, rule in tensor_rules(view.trace).items()}
    tensors: list[list[Line]] = [
        _rows(
            [_tensor(view, name, veiled, axes.get(name, "")) for name in view.trace.tensors], width
        )
        for axes in (told, {})
    ]
    fewest = min(tensors, key=len)
    lines += fewest
    places: list[Place] = []
    shown = view.settings.shown() if fields else []
    items = [_field(view, name, name == chosen) for name in shown]
    row, x = len(lines), 0
    if fields:
        lines.append([])
    for name, item in zip(shown, items, strict=True):
        if x and x + length(item) > width:
            lines.append([])
            row, x = row + 1, 0
        places.append(Place(name, row, range(x, x + length(item))))
        lines[-1] += [*item, ("  ", "")]
        x += length(item) + 2
    lines.append([("─" * width, "note")])
    return Heading(lines, places)


def _tensor(view: View, name: str, veiled: bool, axes: str) -> Line:
    shape = "?" if veiled else write_shape(view.trace.tensors[name])
    return [(name, result_kind(name)), (f" {shape}", ""), ("" if veiled else axes, "note")]


def _field(view: View, name: str, chosen: bool) -> Line:
    key = _KEYS.get(name)
    label: Line = [(name, "note")]
    if key is not None:  # the letter that changes it, set off in its name
        at = name.index(key)
        label = [(name[:at], "note"), (key, "|key"), (name[at + 1 :], "note")]
    value = view.settings.text(name)
    return [*label, (" ", ""), (value, "|edit" if chosen else "|field")]


def _rows(items: list[Line], width: int) -> list[Line]:
    """Items side by side, in as many rows as they need."""
    rows: list[Line] = [[]]
    for item in items:
        if rows[-1] and length(rows[-1]) + length(item) > width:
            rows.append([])
        rows[-1] += [*item, ("   ", "")]
    return rows
