"""A drawing in languages of graphs: DOT, of Graphviz, and Mermaid's block diagrams."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from ...engine.walk import HEAD
from ..notation import COLOURS, PAPER, colour
from .scene import Scene
from .unrolled import Node, Unrolled, cell_id, end_id

_POINTS = 72  # an inch, in which Graphviz measures boxes


def dot_lines(unrolled: Unrolled, theme: str = "light") -> Iterator[str]:
    """Boxes, weights and arrows; `dot -Tsvg` and every other reader keeps their places."""
    scene, ink = Scene(unrolled), colour("", theme)
    yield "digraph rnn {"
    yield f"  label={_quoted(scene.title)} labelloc=t tooltip={_quoted(scene.description)}"
    yield '  layout=neato inputscale=72 splines=true esep="+1"'
    yield f'  bgcolor="{PAPER[theme]}" fontname=monospace fontcolor="{ink}"'
    yield (
        "  node [shape=box style=rounded fixedsize=true fontname=monospace fontsize=13 "
        f'fontcolor="{ink}"]'
    )
    yield "  edge [arrowsize=0.6]"
    for box in scene.boxes.values():
        dashed = ' style="rounded,dashed"' if box.node.role == "concat" else ""
        height = scene.height - box.y - box.height / 2
        yield (
            f"  {box.node.id} [label={_quoted(chr(10).join(box.node.lines))} "
            f'pos="{box.middle:.1f},{height:.1f}!" width={box.width / _POINTS:.3f} '
            f'height={box.height / _POINTS:.3f} color="{colour(box.node.kind, theme)}"{dashed}]'
        )
    for number, place in enumerate(unrolled.weights):
        x, y = scene.beside(*place)
        words = "".join(f"{line}\\l" for line in unrolled.weight_lines(place))
        yield (
            f'  weights{number} [shape=plaintext fixedsize=false margin=0 label="{words}" '
            f'fontsize=11 pos="{x:.1f},{scene.height - y:.1f}!" '
            f'fontcolor="{colour("weight", theme)}"]'
        )
    for edge in unrolled.edges:
        look = " style=dotted" if edge.folded else ""
        yield f'  {edge.source} -> {edge.target} [color="{colour(edge.kind, theme)}"{look}]'
    yield "}"


def _quoted(words: str) -> str:
    return json.dumps(words, ensure_ascii=False)


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
    for kind, shades in COLOURS.items():
        yield f"  classDef {kind} fill:{shades.light}1a,stroke:{shades.light}"
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
