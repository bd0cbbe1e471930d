"""A drawing in languages of graphs: DOT, of Graphviz, and Mermaid's block diagrams."""

from __future__ import annotations

import json
from collections.abc import Iterator

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


MERMAID_STEPS = 3  # as many as a README's column shows in letters that can be read


def mermaid_lines(unrolled: Unrolled) -> Iterator[str]:
    """The rows of the grid from the top down, then the weights, the arrows and the colours."""
    wide = len(unrolled.times) + 2
    if unrolled.trace.spec.bidirectional:
        wide += len(unrolled.times) + 1
    yield f"%% {unrolled.title}"
    yield "block-beta"
    yield f"  columns {wide}"
    for number, row in enumerate(_rows(unrolled)):
        if number:
            yield f"  space:{wide}"  # room for the arrows
        yield "  " + " ".join(row)
    for number, place in enumerate(unrolled.weights):
        title, *lines = unrolled.weight_lines(place)
        pairs = [" ".join(lines[at : at + 2]) for at in range(0, len(lines), 2)]
        yield f'  weights{number}["{"<br/>".join([title, *pairs])}"]:{wide}'
    for edge in unrolled.edges:
        yield f"  {edge.source} {'-.->' if edge.folded else '-->'} {edge.target}"
    for kind, shades in COLOURS.items():
        yield f"  classDef {kind} fill:{shades.light}1a,stroke:{shades.light}"
        named = [n.id for n in unrolled.nodes.values() if n.kind == kind and n.role != "stack"]
        named += [f"weights{i}" for i in range(len(unrolled.weights))] if kind == "weight" else []
        if named:
            yield f"  class {','.join(named)} {kind}"


def _rows(unrolled: Unrolled) -> Iterator[list[str]]:
    """Each: what stands at the left edge, a box a step, what stands at the right edge.

    In two directions a step is two places wide, so that no arrow, which Mermaid draws straight,
    passes behind a box: the forward cell stands left, the reverse one right of the middle, and
    a place is free beside the last, since an arrow to the left needs room for its head.
    """
    nodes, count = unrolled.nodes, len(unrolled.times)
    spec = unrolled.trace.spec
    across = ":2" if spec.bidirectional else ""
    room = ["space"] if across else []

    def whole(role: str) -> list[str]:
        boxes = (_box(nodes[f"{role}{column}"]) + across for column in range(count))
        return ["space", *boxes, *room, "space"]

    if "o" in nodes:
        yield [f"space:{count * spec.num_directions + 1 + len(room)}", _box(nodes["o"])]
    elif unrolled.trace.head is not None:
        yield whole("o")
    if "output0" in nodes:
        yield whole("output")
    for layer in reversed(unrolled.layers):
        if layer is None:
            continue
        if spec.bidirectional:
            yield whole(f"concat{layer}_")
        for direction in reversed(spec.directions):
            ends = [_box(nodes[end_id(role, layer, direction)]) for role in ("first", "last")]
            cells = [[_box(nodes[cell_id(layer, direction, column)])] for column in range(count)]
            if direction == "reverse":
                ends.reverse()
            if across:
                at = 0 if direction == "reverse" else 1
                for cell in cells:
                    cell.insert(at, "space")
            yield [ends[0], *(place for cell in cells for place in cell), *room, ends[1]]
    yield whole("input")


def _box(node: Node) -> str:
    return f'{node.id}["{"<br/>".join(node.lines)}"]'
