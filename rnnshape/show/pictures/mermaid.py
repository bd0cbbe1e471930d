"""A drawing as a Mermaid block diagram, which README files and notebooks render themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...engine.walk import HEAD
from ..colours import COLOURS
from .unrolled import Node, Unrolled, cell_id, end_id


def mermaid_lines(unrolled: Unrolled) -> Iterator[str]:
    """The rows of the grid from the top down, then the arrows, then the colours."""
    yield f"%% {unrolled.title}"
    yield "block-beta"
    wide = 2 * len(unrolled.times) + 4 + (1 if unrolled.trace.spec.bidirectional else 0)
    yield f"  columns {wide}"
    for number, row in enumerate(_rows(unrolled)):
        if number:
            yield f"  space:{wide}"  # room for the arrows
        yield "  " + " ".join(row)
    for edge in unrolled.edges:
        yield f"  {edge.source} {'-.->' if edge.folded else '-->'} {edge.target}"
    for kind, colour in COLOURS.items():
        yield f"  classDef {kind} fill:{colour.light}1a,stroke:{colour.light}"
        named = [node.id for node in unrolled.nodes.values() if node.kind == kind]
        named += [f"weights{i}" for i in range(len(unrolled.weights))] if kind == "weight" else []
        if named:
            yield f"  class {','.join(named)} {kind}"


def _rows(unrolled: Unrolled) -> Iterator[list[str]]:
    """Each: the weights, the left edge, a gap, two columns a step, and a gap or the right edge."""
    nodes, count = unrolled.nodes, len(unrolled.times)
    boxes = {place: f"weights{i}" for i, place in enumerate(unrolled.weights)}
    two = unrolled.trace.spec.bidirectional

    def row(names: Iterable[str], first: str, left: str, right: str) -> list[str]:
        """A row with one box a step."""
        pairs = [part for name in names for part in _pair(nodes[name], two)]
        return [first, left, "space", *pairs, *(["space"] if two else []), right]

    def whole(role: str, first: str = "space") -> list[str]:
        return row([f"{role}{column}" for column in range(count)], first, "space", "space")

    if unrolled.trace.head is not None:
        words = _weights(unrolled, (-1, HEAD), boxes[-1, HEAD])
        if "o" in nodes:
            yield [words, f"space:{2 * count + (3 if two else 2)}", _box(nodes["o"])]
        else:
            yield whole("o", words)
    if "output0" in nodes:
        yield whole("output")
    for layer in reversed(unrolled.layers):
        if layer is None:
            continue
        if two:
            yield whole(f"concat{layer}_")
        for direction in reversed(unrolled.trace.spec.directions):
            ends = [_box(nodes[end_id(role, layer, direction)]) for role in ("first", "last")]
            if direction == "reverse":
                ends.reverse()
            cells = [cell_id(layer, direction, column) for column in range(count)]
            words = _weights(unrolled, (layer, direction), boxes[layer, direction])
            yield row(cells, words, *ends)
    yield whole("input")


def _pair(node: Node, two: bool) -> tuple[str, ...]:
    """A box in the two columns of its step; the reverse cells stand to the right."""
    if two and node.role != "cell":
        return (_box(node, 2),)
    return ("space", _box(node)) if node.direction == "reverse" else (_box(node), "space")


def _box(node: Node, span: int = 1) -> str:
    words = "<br/>".join(node.lines)
    return f'{node.id}["{words}"]' + (f":{span}" if span > 1 else "")


def _weights(unrolled: Unrolled, place: tuple[int, str], name: str) -> str:
    return f'{name}["{"<br/>".join(unrolled.weight_lines(place))}"]'
