"""The inside of any cell, laid out by its equations: what reads stands above what is read."""

from __future__ import annotations

from ...engine.walk import Performed
from ...network.dims import write_shape
from ..notation import equation_name, equation_pieces, kind_of
from .inside import Frame, Inside, Point, Wire


def layered(ops: list[Performed], scene: Inside) -> Inside:
    """Frames of equations in rows, the first operations lowest, wires upwards between them."""
    nodes, reads = _graph(ops)
    kinds = {one.name: kind_of(one) for done in ops for one in (*done.inputs, done.output)}
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
            kind = kinds[name]
            x = places[name] - widths[name] // 2
            scene.frames.append(Frame(x, tops[name], widths[name], (tuple(lines),), kind))
    for number, row in enumerate(rows):
        base = max(tops[name] + height[name] for name in row)
        for above in row:
            for source in reads.get(above, ()):
                track = base + tracks[number][1][source, above]
                start = (places[source], tops[source])
                goal = (places[above], tops[above] + max(height[above] - 1, 0))
                points = _bent(start, track, goal)
                kind = kinds[source.partition("→")[0]]
                scene.wires.append(Wire(points, kind, bare=not nodes[above]))
                if not nodes[above]:
                    way = ((places[above], goal[1]), (places[above], tops[above]))
                    scene.wires.append(Wire(way, kind, bare=True))
    return scene


def _graph(ops: list[Performed]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The lines of every operation and of what comes from outside, and what each reads."""
    nodes: dict[str, list[str]] = {}
    reads: dict[str, list[str]] = {}
    for performed in ops:
        parameters = [one for one in performed.inputs if one.role.kind == "parameter"]
        others = [one for one in performed.inputs if one.role.kind != "parameter"]
        for tensor in others:
            nodes.setdefault(tensor.name, [tensor.name, write_shape(tensor.shape)])
        words = "".join(piece for piece, _ in equation_pieces(performed))
        out = performed.output
        held = [f"{equation_name(one)} {write_shape(one.shape)}" for one in parameters]
        nodes[out.name] = [f"{out.name} = {words}", write_shape(out.shape), *held]
        reads[out.name] = list(dict.fromkeys(one.name for one in others))
    return nodes, reads


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
    return (widths[left] + widths[right] + 8) // 2 // 2 * 2


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
