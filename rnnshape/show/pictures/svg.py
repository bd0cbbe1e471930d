"""A drawing as SVG: one element a box, a wire or a label, classes for the colours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from itertools import pairwise

from ..notation import COLOURS, INK, NOTE, PAPER, Line, colour
from .inside import Frame, Inside
from .inside import Wire as Way
from .scene import Box, Label, Scene, Wire

_FIXED = (
    ".rnn text{font-family:monospace;font-size:13px}.rnn .small{font-size:11.5px}.rnn "
    ".strong{font-size:13px;font-weight:bold}.rnn .note{font-family:sans-serif;font-size:12px}.rnn "
    "path{stroke-width:1.5;stroke-linejoin:round}.rnn .halo{fill:none;stroke-width:6}.rnn "
    ".fold{stroke-dasharray:2 4}.rnn rect{stroke-width:1.5;fill-opacity:.1}.rnn "
    ".paper{fill-opacity:1}.rnn .concat{stroke-dasharray:3 2}"
)
_RADIUS = {"cell": 6, "concat": 11}


def svg_lines(scene: Scene, theme: str) -> Iterator[str]:
    """The drawing as a file of its own; theme is light, dark, or auto for what a reader prefers."""
    yield from _lines(scene, f"<style>{style(theme)}</style>", "rnnshape", places=False)


def part_lines(scene: Scene, name: str) -> Iterator[str]:
    """The drawing as a part of a page that has the `style`, with its cells and wires marked."""
    yield from _lines(scene, "", name, places=True)


def _lines(scene: Scene, head: str, name: str, places: bool) -> Iterator[str]:
    yield from document(
        (scene.width, scene.height), scene.title, scene.description, inner_lines(scene, places),
        head, name,
    )  # fmt: skip


def document(
    size: tuple[float, float], title: str, description: str, inner: Iterable[str],
    head: str, name: str = "rnnshape", look: str = "rnn",
) -> Iterator[str]:  # fmt: skip
    """The paper with what stands on it; without a `head` of styles it is a part of a page.

    name: what the ids of title and description begin with, which a page must not have twice.
    """
    w, h = map(_number, size)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" '
        f'viewBox="0 0 {w} {h}" class="{look}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc">'
    )
    yield f'<title id="{name}-title">{escape(title)}</title>'
    yield f'<desc id="{name}-desc">{escape(description)}</desc>'
    if head:
        yield head
    yield f'<rect class="paper" width="{w}" height="{h}"/>'
    yield from inner
    yield "</svg>"


def inner_lines(scene: Scene, places: bool = False) -> Iterator[str]:
    """What stands on the paper; places: cells and wires are marked, for a page."""
    flat = [wire for wire in scene.wires if wire.edge.kind == "state"]
    upward = [wire for wire in scene.wires if wire.edge.kind != "state"]
    yield from (_wire(wire, places) for wire in flat)
    yield from (f'<path class="halo" d="{_line(wire)}"/>' for wire in upward)
    yield from (_wire(wire, places) for wire in upward)
    yield from (_box(box, places) for box in scene.boxes.values())
    yield from (_corner(scene.boxes[node], sign) for node, sign in scene.corners.items())
    yield from (_label(label) for label in scene.labels)


_WIDE, _HIGH = 10.0, 18.0  # of a sign of a cell's inside
_EDGE = 16.0


def inside_lines(scene: Inside, theme: str, name: str = "rnnshape-inside") -> Iterator[str]:
    """The inside of a cell as a file of its own, or as a part of a page where `theme` is empty."""
    size = scene.width * _WIDE + 2 * _EDGE, scene.height * _HIGH + 2 * _EDGE
    head = f"<style>{style(theme)}{inside_style(theme)}</style>" if theme else ""
    inner = _inside(scene, page=not theme)
    yield from document(size, scene.title, scene.description, inner, head, name, "rnn inside")


def _inside(scene: Inside, page: bool) -> Iterator[str]:
    yield _words(0, 0, scene.title, "strong")
    signs = {(sign.x, sign.y) for sign in scene.signs}
    across = [wire for wire in scene.wires if not _rises(wire)]
    upward = [wire for wire in scene.wires if _rises(wire)]
    yield from (_way(wire, signs) for wire in across)
    yield from (f'<path class="halo" d="{_path(wire)}"/>' for wire in upward)
    yield from (_way(wire, signs) for wire in upward)
    for frame in scene.frames:
        yield from _frame(frame, page)
    for sign in scene.signs:
        x, y = _at((sign.x, sign.y))
        yield f'<circle class="sign" cx="{_number(x)}" cy="{_number(y)}" r="9"/>'
        yield _MARKS[sign.sign].format(x=_number(x), y=_number(y))
    for word in scene.words:
        yield _words(word.x, word.y, word.words, "", word.kind)
    for wire in scene.wires:
        if wire.at:
            yield _words(*wire.at, wire.label, "small", "note")


_MARKS = {
    "⊙": '<circle class="mark" cx="{x}" cy="{y}" r="2"/>',
    "⊕": '<path class="plain" d="M{x} {y}m-5 0h10m-5-5v10"/>',
}


def _at(point: tuple[int, int]) -> tuple[float, float]:
    return _EDGE + (point[0] + 0.5) * _WIDE, _EDGE + (point[1] + 0.5) * _HIGH


def _words(x: int, y: int, words: str, look: str, kind: str = "") -> str:
    left, middle = _at((x, y))
    said = f'<tspan class="{kind}">{escape(words)}</tspan>' if kind else escape(words)
    at = f'x="{_number(left - _WIDE / 2)}" y="{_number(middle + 4.5)}"'
    return f'<text class="{look}" {at}>{said}</text>'


def _rises(wire: Way) -> bool:
    """Whether a wire goes upwards at last; such a one passes over those along its way."""
    return wire.points[-1][0] == wire.points[-2][0]


def _path(wire: Way) -> str:
    places = [_at(point) for point in wire.points]
    return "".join(
        f"M{_number(x1)} {_number(y1)}L{_number(x2)} {_number(y2)}"
        for (x1, y1), (x2, y2) in pairwise(places)
    )


def _way(wire: Way, signs: set[tuple[int, int]]) -> str:
    kind = wire.kind or "plain"
    drawn = f'<path class="{kind}" d="{_path(wire)}"/>'
    if wire.bare:
        return drawn
    (x1, y1), (x2, y2) = _at(wire.points[-2]), _at(wire.points[-1])
    back = 9.0 if wire.points[-1] in signs else 0.0
    if y1 == y2:
        along = 6 if x2 > x1 else -6
        tip = f"M{_number(x2 - (back if along > 0 else -back))} {_number(y2)}l{-along}-3.5v7z"
    else:
        along = 6 if y2 > y1 else -6
        tip = f"M{_number(x2)} {_number(y2 - (back if along > 0 else -back))}l-3.5 {-along}h7z"
    return drawn + f'<path class="{kind} tip" d="{tip}"/>'


def _frame(frame: Frame, page: bool) -> Iterator[str]:
    x, y = _at((frame.x, frame.y))
    w, h = (frame.width - 1) * _WIDE, (frame.height - 1) * _HIGH
    kind = frame.kind or "plain"
    box = f'x="{_number(x)}" y="{_number(y)}" width="{_number(w)}" height="{_number(h)}"'
    yield f'<rect class="paper" {box} rx="5"/><rect class="{kind}" {box} rx="5"/>'
    wide = frame.width // len(frame.parts) * _WIDE
    for number, lines in enumerate(frame.parts):
        left = x + number * wide
        width = min(wide, x + w - left)
        if number % 2:
            band = f'x="{_number(left)}" y="{_number(y)}" width="{_number(width)}"'
            yield f'<rect class="{kind} band" {band} height="{_number(h)}"/>'
        rows = [line.replace("\xa0", " ") for line in lines if line]
        for row, line in enumerate(rows):
            base = y + h / 2 + (row - (len(rows) - 1) / 2) * 16 + 4.5
            at = f'x="{_number(left + width / 2)}" y="{_number(base)}"'
            yield f'<text {at} text-anchor="middle">{escape(line)}</text>'
        if page and frame.gate:  # its script writes the mean below the name
            at = f'x="{_number(left + width / 2)}" y="{_number(y + h / 2 + 21)}"'
            yield f'<text class="small" data-gate="{frame.gate}" {at} text-anchor="middle"></text>'
    if frame.open is not None:
        bar = f'x="{_number(x)}" y="{_number(y + h - 4)}" height="4"'
        share = w * min(max(frame.open, 0.0), 1.0)
        yield f'<rect class="{kind} open" {bar} width="{_number(share)}"/>'


_SIGNS = (
    ".rnn .sign{stroke-width:1.5}.rnn rect.paper,.rnn rect.band,.rnn rect.open{stroke:none}"
    ".rnn rect.band{fill-opacity:.12}.rnn rect.open{fill-opacity:.8}"
)


def inside_style(theme: str) -> str:
    """The rules that the inside of a cell adds to those of `style`."""
    if theme == "auto":
        dark = _ink("dark")
        return f"{_SIGNS}{_ink('light')}@media screen and (prefers-color-scheme:dark){{{dark}}}"
    return _SIGNS + _ink(theme)


def _ink(theme: str) -> str:
    return (
        f".rnn .sign{{fill:{PAPER[theme]};stroke:{INK[theme]}}}.rnn .mark{{fill:{INK[theme]}}}"
        f".rnn path.plain,.rnn rect.plain{{stroke:{INK[theme]};fill:{INK[theme]}}}"
    )


def style(theme: str) -> str:
    """The rules of the classes: `light`, `dark`, or `auto` for what the reader prefers."""
    if theme != "auto":
        return _FIXED + _colours(theme)
    return f"{_FIXED}{_colours('light')}@media (prefers-color-scheme:dark){{{_colours('dark')}}}"


def page_style() -> str:
    """The same for a page, which prints on light paper; its own rules use the colours by name."""
    light, dark = (_colours(theme) + _names(theme) for theme in ("light", "dark"))
    dark = f"@media screen and (prefers-color-scheme:dark){{{dark}}}"
    return f"{_FIXED}{light}{dark}{inside_style('auto')}"


def _names(theme: str) -> str:
    """The colours as custom properties: --input, --paper, …."""
    named = {kind: colour(kind, theme) for kind in (*COLOURS, "positive", "negative")}
    named |= {"ink": INK[theme], "note": NOTE[theme], "paper": PAPER[theme]}
    return f":root{{{';'.join(f'--{name}:{value}' for name, value in named.items())}}}"


def _colours(theme: str) -> str:
    rules = [
        f".rnn text,.rnn tspan{{fill:{INK[theme]}}}.rnn .paper{{fill:{PAPER[theme]}}}"
        f".rnn .halo{{stroke:{PAPER[theme]}}}.rnn tspan.note,.rnn text.note{{fill:{NOTE[theme]}}}"
    ]
    for kind in COLOURS:
        ink = colour(kind, theme)
        rules.append(
            f".rnn tspan.{kind}{{fill:{ink}}}.rnn path.{kind},.rnn rect.{kind}"
            f"{{stroke:{ink};fill:{ink}}}"
        )
    return "".join(rules)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _line(wire: Wire) -> str:
    """The wire as a path of straight parts, each of which alone: a corner would be filled."""
    parts = []
    for (x1, y1), (x2, y2) in zip(wire.points, wire.points[1:]):
        step = f"H{_number(x2)}" if y1 == y2 else f"V{_number(y2)}"
        parts.append(f"M{_number(x1)} {_number(y1)}{step}")
    return "".join(parts)


def _wire(wire: Wire, places: bool) -> str:
    (x1, y1), (x2, y2) = wire.points[-2:]
    along, across = ((6 if x2 > x1 else -6), 0) if y1 == y2 else (0, (6 if y2 > y1 else -6))
    side = f"l{-along}-3.5v7z" if along else f"l-3.5 {-across}h7z"
    tip = f"M{_number(x2)} {_number(y2)}{side}"
    marked = places and wire.edge.target.startswith(("cell", "o"))
    mark = f' data-to="{wire.edge.target}"' if marked else ""
    if wire.edge.folded:
        return (
            f'<path class="{wire.edge.kind} fold" d="{_line(wire)}"{mark}/>'
            f'<path class="{wire.edge.kind}" d="{tip}"{mark}/>'
        )
    return f'<path class="{wire.edge.kind}" d="{_line(wire)}{tip}"{mark}/>'


def _box(box: Box, places: bool) -> str:
    node = box.node
    radius = _RADIUS.get(node.role, 3)
    kind = f"{node.kind} concat" if node.role in ("concat", "stack") else node.kind
    x, y, w, h = map(_number, box[:4])
    rows = [f'<rect class="{kind}" x="{x}" y="{y}" width="{w}" height="{h}" rx="{radius}"/>']
    if node.role == "stack":  # the wires pass behind it
        rows.insert(0, rows[0].replace(f'class="{kind}"', 'class="paper"'))
    look = ' class="small"' if node.role in ("concat", "stack") else ""
    middle = box.y + (box.height - (14 if node.turned else 0)) / 2
    for number, line in enumerate(node.lines):
        base = middle + (number - (len(node.lines) - 1) / 2) * 16 + 4.5
        words = escape(line)
        if node.role not in ("cell", "concat", "stack"):  # a name, or a name and a shape
            name, space, shape = words.partition(" ") if "] " in words else (words, "", "")
            if space or number == 0:
                words = f'<tspan class="{node.kind}">{name}</tspan>{space}{shape}'
        at = f'x="{_number(box.middle)}" y="{_number(base)}"'
        rows.append(f'<text{look} {at} text-anchor="middle">{words}</text>')
    inside = "".join(rows)
    if node.role == "first" and places:
        return f'<g class="begin" data-at="{node.layer} {node.direction} 0">{inside}</g>'
    if node.role not in ("cell", "o") or not places:
        return inside
    at = f"{node.layer} {node.direction} {node.t}"
    return f'<g class="cell" id="{node.id}" data-at="{at}">{inside}</g>'


def _corner(box: Box, sign: str) -> str:
    """The mark of a box whose numbers stand in another box too."""
    at = f'x="{_number(box.x + box.width - 2)}" y="{_number(box.y - 3)}"'
    return f'<text class="small corner" {at} text-anchor="end">{sign}</text>'


def _label(label: Label) -> str:
    anchor = f' text-anchor="{label.anchor}"' if label.anchor != "start" else ""
    words = _pieces(label.pieces)
    at = f'x="{_number(label.x)}" y="{_number(label.y)}"'
    return f'<text class="{label.look}" {at}{anchor}>{words}</text>'


def _pieces(line: Line) -> str:
    return "".join(
        f'<tspan class="{kind}">{escape(words)}</tspan>' if kind else escape(words)
        for words, kind in line
        if words
    )
