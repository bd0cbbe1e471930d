"""A drawing for LaTeX: a document of its own with one TikZ picture, which a paper can take over."""

from __future__ import annotations

from collections.abc import Iterator

from ..notation import COLOURS, NOTE, Line
from .scene import Box, Label, Scene, Wire
from .unrolled import Unrolled

_SCALE = 0.75  # points of TeX for a pixel of the scene
_SIGNS = {
    "\\": r"\textbackslash{}", "_": r"\_", "&": r"\&", "%": r"\%", "#": r"\#", "{": r"\{",
    "}": r"\}", "$": r"\$", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "×": r"$\times$", "·": r"$\cdot$", "→": r"$\to$", "←": r"$\leftarrow$", "↑": r"$\uparrow$",
    "⋯": r"$\cdots$", "⋮": r"$\vdots$", "…": r"\ldots{}", "−": "$-$", "⊙": r"$\odot$",
    "①": r"(1)", "②": r"(2)", "\xa0": "~",
}  # fmt: skip


def tikz_lines(unrolled: Unrolled) -> Iterator[str]:
    """The document; `pdflatex` makes a picture as large as the drawing of it."""
    scene = Scene(unrolled)
    yield f"% {unrolled.title}"
    yield r"\documentclass[tikz,border=4pt]{standalone}"
    yield r"\usetikzlibrary{arrows.meta}"
    for kind, colour in {**{k: c.light for k, c in COLOURS.items()}, "note": NOTE["light"]}.items():
        yield rf"\definecolor{{rnn{kind}}}{{HTML}}{{{colour[1:].upper()}}}"
    yield r"\begin{document}"
    yield r"\begin{tikzpicture}[x=1pt,y=-1pt,>={Latex[length=4pt]},line width=.6pt,"
    yield r"  every node/.style={inner sep=1pt,font=\ttfamily\scriptsize},"
    yield r"  box/.style={draw,rounded corners=2pt,align=center,fill opacity=.1,text opacity=1}]"
    for wire in scene.wires:
        yield _wire(wire)
    for box in scene.boxes.values():
        yield _box(box)
    for label in scene.labels:
        yield _label(label)
    yield r"\end{tikzpicture}"
    yield r"\end{document}"


def escaped(words: str) -> str:
    """Words as LaTeX typesets them."""
    return "".join(_SIGNS.get(sign, sign) for sign in words)


def _at(x: float, y: float) -> str:
    return f"({x * _SCALE:.1f},{y * _SCALE:.1f})"


def _wire(wire: Wire) -> str:
    way = " -- ".join(_at(x, y) for x, y in wire.points)
    dotted = ",dotted" if wire.edge.folded else ""
    return rf"\draw[->,rnn{wire.edge.kind}{dotted}] {way};"


def _box(box: Box) -> str:
    node = box.node
    look = f"box,draw=rnn{node.kind},fill=rnn{node.kind}"
    if node.role in ("concat", "stack"):
        look += ",dashed"
    size = f"minimum width={box.width * _SCALE:.1f}pt,minimum height={box.height * _SCALE:.1f}pt"
    words = r" \\ ".join(map(escaped, node.lines))
    return rf"\node[{look},{size}] at {_at(box.middle, box.y + box.height / 2)} {{{words}}};"


def _label(label: Label) -> str:
    anchor = {"start": "base west", "middle": "base", "end": "base east"}[label.anchor]
    font = r",font=\ttfamily\scriptsize\bfseries" if label.look == "strong" else ""
    words = _pieces(label.pieces)
    return rf"\node[anchor={anchor}{font}] at {_at(label.x, label.y)} {{{words}}};"


def _pieces(line: Line) -> str:
    known = {*COLOURS, "note"}
    return "".join(
        rf"\textcolor{{rnn{kind}}}{{{escaped(words)}}}" if kind in known else escaped(words)
        for words, kind in line
        if words
    )
