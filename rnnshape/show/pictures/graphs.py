"""A drawing in DOT, the language of Graphviz, every box pinned where the drawing has it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ..colours import PAPER, colour
from .scene import Scene
from .unrolled import Unrolled

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
