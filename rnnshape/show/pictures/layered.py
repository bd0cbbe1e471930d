"""The inside of any cell, laid out by its equations: what reads stands above what is read."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap

from ...engine.walk import Performed, Tensor
from ...network.dims import write_shape
from ..notation import equation_name, kind_of
from .inside import Frame, Inside, Point, Wire

_WIDE = 38  # signs of a line in a frame


def layered(ops: list[Performed], equations: Mapping[str, str], scene: Inside) -> Inside:
    """Frames of equations in rows, the first lowest, wires upwards between them.

    equations: how each is written, by the name of what it gives.
    """
    nodes, reads, kinds = _graph(ops, equations)
    rows = _rows(nodes, reads)
    widths = {name: max(map(len, lines)) + 4 if lines else 1 for name, lines in nodes.items()}
    height = {name: len(lines) + 2 if lines else 0 for name, lines in nodes.items()}
    places = _across(rows, widths, reads)
    y = 2
    tops: dict[str, int] = {}
    tracks = _tracks(rows, reads, places)
    for number, row in enumerate(rows):  # from the top down
        tall = max(height[name] for name in row)
        for name in row:
            tops[name] = y + (tall - height[name]) // 2 if nodes[name] else y
        y += tall + tracks[number][0] + 2
    for name, lines in nodes.items():
        if lines:
            x = places[name] - widths[name] // 2
            scene.frames.append(Frame(x, tops[name], widths[name], (tuple(lines),), kinds[name]))
    for number, row in enumerate(rows):
        base = max(tops[name] + height[name] for name in row)
        for above in row:
            for source in reads.get(above, ()):
                track = base + tracks[number][1][source, above]
                start = (places[source], tops[source])
                goal = (places[above], tops[above] + max(height[above] - 1, 0))
                kind = kinds[source.partition("→")[0]]
                scene.wires.append(Wire(_bent(start, track, goal), kind, bare=not nodes[above]))
                if not nodes[above]:
                    way = ((places[above], goal[1]), (places[above], tops[above]))
                    scene.wires.append(Wire(way, kind, bare=True))
    return scene


def _graph(
    ops: list[Performed], equations: Mapping[str, str]
) -> tuple[dict[str, list[str]], dict[str, list[str]], dict[str, str]]:
    """The lines of every equation and of what comes from outside, what each reads, its kind.

    A frame is called as the last result of its equation. What has no name in the cell belongs to
    each equation that reads it.
    """
    nodes: dict[str, list[str]] = {}
    reads: dict[str, list[str]] = {}
    kinds: dict[str, str] = {}
    read: dict[str, dict[str, Tensor]] = {}  # by name: what a result without one of its own reads
    frame: dict[str, str] = {}  # by the name of a result: its frame
    lines: dict[str, list[Performed]] = {}
    for performed in ops:
        out = performed.output
        read[out.name] = {
            one.name: one
            for tensor in performed.inputs if tensor.role.kind != "number"
            for one in ([tensor] if tensor.name in frame else
                        read.get(tensor.name, {tensor.name: tensor}).values())
        }  # fmt: skip
        words = equations.get(out.role.of) or (out.name if performed is ops[-1] else "")
        if words:
            lines.setdefault(words, []).append(performed)
            frame[out.name] = words
    for words, given in lines.items():
        found = {name: one for done in given for name, one in read[done.output.name].items()}
        held = {equation_name(t): t for t in found.values() if t.role.kind == "parameter"}
        found = {name: t for name, t in found.items() if t.role.kind != "parameter"}
        for name in [name for name in found if name not in frame]:
            nodes[name], kinds[name] = [name, write_shape(found[name].shape)], kind_of(found[name])
        own = given[-1].output
        left = {done.output.name: done.output for done in given}
        nodes[own.name] = [*_broken(words), *_lines(left), *_lines(held)]
        kinds[own.name] = kind_of(own)
        names = (lines[frame[n]][-1].output.name if n in frame else n for n in found)
        reads[own.name] = list(dict.fromkeys(names))
    return nodes, reads, kinds


def _broken(equation: str) -> list[str]:
    """An equation in lines, broken in as few brackets as can be."""
    whole = " ".join(equation.split()).replace(" = ", "\xa0=\xa0")
    for most in range(whole.count("(") + 1):
        depth, words = 0, ""
        for sign in whole:
            depth += (sign == "(") - (sign == ")")
            words += "\xa0" if sign == " " and depth > most else sign
        if max(map(len, words.split(" "))) <= _WIDE:
            break
    return wrap(words, _WIDE)


def _lines(tensors: Mapping[str, Tensor]) -> list[str]:
    """Names with their shapes."""
    told = (f"{name}\xa0{write_shape(one.shape)}" for name, one in tensors.items())
    return wrap(", ".join(told), _WIDE)


def _rows(nodes: dict[str, list[str]], reads: dict[str, list[str]]) -> list[list[str]]:
    """Names by row from the top down; a wire that passes a row has a place there, with no lines."""
    depth: dict[str, int] = {}
    for name in nodes:  # in the order of the walk: what is read comes before
        depth[name] = 1 + max((depth[one] for one in reads.get(name, ())), default=-1)
    used = {one: min(depth[n] for n in reads if one in reads[n]) for n in reads for one in reads[n]}
    for name in nodes:
        if name not in reads and name in used:
            depth[name] = used[name] - 1
    rows: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for name in nodes:
        rows[depth[name]].append(name)
    for name in list(reads):
        through = []
        for source in reads[name]:
            before = source
            for level in range(depth[source] + 1, depth[name]):
                passing = f"{source}→{level}"
                if passing not in nodes:
                    nodes[passing] = []
                    reads[passing] = [before]
                    rows[level].append(passing)
                before = passing
            through.append(before)
        reads[name] = through
    return rows[::-1]


def _across(
    rows: list[list[str]], widths: dict[str, int], reads: dict[str, list[str]]
) -> dict[str, int]:
    """The middle of every name: each as near to its neighbours as its row allows."""
    readers: dict[str, list[str]] = {}
    for name, sources in reads.items():
        for source in sources:
            readers.setdefault(source, []).append(name)
    places: dict[str, int] = {}
    for row in rows:
        _spread(row, {}, widths, places)
    for sweep in range(12):
        beside = readers if sweep % 2 else reads
        for row in rows if sweep % 2 else rows[::-1]:
            wish = {
                name: sum(places[one] for one in beside[name]) // len(beside[name])
                if beside.get(name) else places[name]
                for name in row
            }  # fmt: skip
            row.sort(key=wish.__getitem__)
            _spread(row, wish, widths, places)
    left = min(place - widths[name] // 2 for name, place in places.items())
    return {name: place - left for name, place in places.items()}


def _spread(
    row: list[str], wish: dict[str, int], widths: dict[str, int], places: dict[str, int]
) -> None:
    """Place a row's names where they wish to be, as far as they leave each other room.

    The middle between the ways from the left and from the right, each of which leaves it.
    """
    rightmost: list[int] = []
    for number, name in enumerate(row):
        least = rightmost[-1] + _apart(row[number - 1], name, widths) if number else 0
        rightmost.append(max(wish.get(name, least), least))
    leftmost: list[int] = []
    for number, name in reversed(list(enumerate(row))):
        wished = wish.get(name, rightmost[number])
        most = leftmost[-1] - _apart(name, row[number + 1], widths) if leftmost else wished
        leftmost.append(min(wished, most))
    for name, right, left in zip(row, rightmost, reversed(leftmost), strict=True):
        places[name] = (right + left) // 2


def _apart(left: str, right: str, widths: dict[str, int]) -> int:
    """How far the middles of two neighbours have to be from each other, an even number."""
    return (widths[left] + widths[right] + 6) // 2 // 2 * 2


def _tracks(
    rows: list[list[str]], reads: dict[str, list[str]], places: dict[str, int]
) -> list[tuple[int, dict[tuple[str, str], int]]]:
    """Between a row and the next below: how many lines wires need, and the line of each."""
    found = []
    for row in rows:
        taken: list[list[tuple[int, int, str]]] = []
        lines: dict[tuple[str, str], int] = {}
        for name in row:
            for source in reads.get(name, ()):
                low, high = sorted((places[source], places[name]))
                free = (
                    number
                    for number, line in enumerate(taken)
                    if all(high < a - 1 or low > b + 1 or who == source for a, b, who in line)
                )
                number = next(free, len(taken))
                if number == len(taken):
                    taken.append([])
                taken[number].append((low, high, source))
                lines[source, name] = number + 1
        found.append((len(taken), lines))
    return found


def _bent(start: Point, track: int, goal: Point) -> tuple[Point, ...]:
    """A way up that turns to the side on the line `track`."""
    if start[0] == goal[0]:
        return (start, goal)
    return (start, (start[0], track), (goal[0], track), goal)
