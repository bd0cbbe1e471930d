"""The inside of a cell: one step's operations as a scene of frames, signs and wires.

The scene is measured in signs: x to the right, y downwards, both from 0. The equations of torch's
cells have the places that people know them by; any other cell is laid out by the order of its
operations. What stands in it, and every shape, is read from the walk.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from ...analysis.trace import Selection, Trace
from ...engine.walk import Performed, Record, Step, Tensor
from ...network.dims import Shape, write_shape
from ...network.spec import Spec
from ..canvas import Canvas
from ..notation import GATES_IN_WORDS, Line, equation_name, kind_of

Point = tuple[int, int]


class Frame(NamedTuple):
    """A box of lines with its corner at (x, y); `parts` are bands side by side, each of lines.

    open: how far a gate is open, 0 to 1, or None. gate: its letter, of a gate.
    """

    x: int
    y: int
    width: int
    parts: tuple[tuple[str, ...], ...]
    kind: str = ""
    open: float | None = None
    gate: str = ""

    @property
    def height(self) -> int:
        """Its lines and two borders."""
        return max(map(len, self.parts)) + 2


class Sign(NamedTuple):
    """An operation on the way of a wire: ⊙, ⊕ or a word."""

    x: int
    y: int
    sign: str


class Wire(NamedTuple):
    """A tensor's way; it ends in an arrow unless `bare`. label: beside it at (at)."""

    points: tuple[Point, ...]
    kind: str = ""
    label: str = ""
    at: Point | None = None
    bare: bool = False


class Words(NamedTuple):
    """Words that begin at (x, y)."""

    x: int
    y: int
    words: str
    kind: str = ""


@dataclass
class Inside:
    """The scene of one step."""

    title: str
    description: str
    frames: list[Frame] = field(default_factory=list)
    signs: list[Sign] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    words: list[Words] = field(default_factory=list)

    def wire(
        self, *points: Point, kind: str = "", label: str = "", at: Point | None = None
    ) -> None:
        """Add a wire; its label stands right of its middle unless told."""
        (x, begin), (_, end) = points[0], points[-1]
        beside = (x + 2, (begin + end + 1) // 2) if label else None
        self.wires.append(Wire(points, kind, label, at or beside))

    @property
    def width(self) -> int:
        """The number of columns."""
        ends = [frame.x + frame.width for frame in self.frames]
        ends += [word.x + len(word.words) for word in self.words]
        ends += [x + 1 for wire in self.wires for x, _ in wire.points]
        ends += [w.at[0] + len(w.label) for w in self.wires if w.at]
        return max(ends)

    @property
    def height(self) -> int:
        """The number of rows."""
        ends = [frame.y + frame.height for frame in self.frames]
        return max(ends + [word.y + 1 for word in self.words])


def inside(
    trace: Trace, layer: int = 0, direction: str = "forward", t: int | None = None
) -> Inside:
    """The scene of one step of a pass; with numbers in the trace it says how open gates are.

    t: the step, the first that the direction reads unless told. Raises UsageError where there is
    no such step.
    """
    single = trace.spec.single
    selection = Selection(None if single else layer, None if single else direction, t, True)
    selection.check(trace.spec, trace.batch, trace.head)
    return of_step(next(iter(trace.steps(selection))), trace.spec)


def of_step(step: Step, spec: Spec) -> Inside:
    """The scene of one step, with its numbers where it has some."""
    place = "one step" if spec.single else f"layer {step.layer} {step.direction}, t={step.t}"
    ops = dict(zip(_written(step.record), step.ops, strict=True))
    return _scene(ops, spec, f"Inside {spec}: {place}")


def of_record(record: Record, spec: Spec) -> Inside:
    """The scene of any step of a record: its names as the record has them, with `{t}`; the state
    that the step finds is `{h}`, `{c}`."""
    found = found_states(record)
    ops = {
        name: performed._replace(inputs=tuple(
            one._replace(name=f"{{{one.role.of}}}") if one in found else one
            for one in performed.inputs
        ))
        for name, performed in zip(_written(record), record.performed, strict=True)
    }  # fmt: skip
    return _scene(ops, spec, f"Inside a cell of {spec.class_name}")


def found_states(record: Record) -> list[Tensor]:
    """The states that a step finds."""
    left = {performed.output.name for performed in record.performed}
    read = [one for performed in record.performed for one in performed.inputs]
    return [one for one in read if one.role.kind == "state" and one.name not in left]


def _written(record: Record) -> list[str]:
    """What the equations call the results of a step."""
    return [performed.output.name.removesuffix("_{t}") for performed in record.performed]


def _scene(ops: dict[str, Performed], spec: Spec, title: str) -> Inside:
    operations = "; ".join(f"{one.output.name} {one.expression}" for one in ops.values())
    scene = Inside(title, f"The operations of the step: {operations}.")
    if spec.equations is None:
        build = {"lstm": _lstm, "gru": _gru, "rnn": _rnn}[spec.family]
        return build(_Cell(ops, spec.family, scene))
    from .layered import layered

    return layered(list(ops.values()), spec.equations.equations, scene)


class _Cell(NamedTuple):
    """The operations of a step by the names that its equations give them, and the scene."""

    ops: dict[str, Performed]
    family: str
    scene: Inside

    def shape(self, name: str) -> str:
        """The shape of an intermediate."""
        return write_shape(self.ops[name].output.shape)

    def read(self, op: str, number: int) -> str:
        """The shape of what an operation reads."""
        return write_shape(self.ops[op].inputs[number].shape)

    def name(self, op: str, number: int) -> str:
        """The name of what an operation reads."""
        return self.ops[op].inputs[number].name

    @property
    def tall(self) -> int:
        """How many lines more a gate needs for its numbers."""
        return 2 if next(iter(self.ops.values())).output.value is not None else 0

    def gate(self, letter: str, function: str, centre: int, y: int) -> None:
        """A gate from the row `y` on, with its mean and how open it is where there are numbers."""
        words = GATES_IN_WORDS[self.family][letter]
        lines = [f"{words} {letter},\xa0{function}", ""]
        value, share = self.ops[letter].output.value, None
        if value is not None:
            share = float(value.mean())
            lines += [f"mean {share:.2f}", ""]
            if function == "σ":
                lines[-1] = f"{float((value > 0.5).mean()):.0%} over ½"
        share = share if function == "σ" else None
        self.scene.frames.append(Frame(centre - 7, y, 15, (tuple(lines),), "state", share, letter))

    def product(
        self, op: str, x: int, y: int, width: int, gates: tuple[str, ...], more: str = ""
    ) -> None:
        """A matrix as it is used, turned round, cut into its gates, with what it reads and adds."""
        performed = self.ops[op]
        weight = performed.inputs[1]
        turned = write_shape(weight.shape[::-1])
        scene, short = self.scene, equation_name(weight)
        kind = kind_of(performed.inputs[0]) or "input"
        if gates:
            size = _part(weight.shape, len(gates))
            bands = tuple((f"{short[:2]}{short[2:3]}{gate}ᵀ", size) for gate in gates)
        else:
            bands = ((f"{short}ᵀ", turned),)
        scene.frames.append(Frame(x, y, width, bands, "weight"))
        name = performed.inputs[0].name
        scene.words += [Words(0, y + 1, name, kind), Words(0, y + 2, self.read(op, 0))]
        begin = max(len(name), len(self.read(op, 0))) + 1
        scene.wire((begin, y + 1), (x, y + 1), kind=kind)
        label = f"{short} {write_shape(weight.shape)}"
        scene.words.append(Words(x + 1, y + 4, f"{label}, turned round {turned}{more}", "weight"))
        if len(performed.inputs) > 2:
            bias = performed.inputs[2]
            words = f"+ {equation_name(bias)} {write_shape(bias.shape)}"
            scene.words.append(Words(x + width - len(words) - 1, y + 4, words, "weight"))


def _part(shape: Shape, parts: int) -> str:
    """A gate's part of a weight as it is used: its columns."""
    rows: Any = shape[0]
    return write_shape((shape[1], rows // parts))


def _lstm(cell: _Cell) -> Inside:
    """i, f, g, o in torch's order; the c line goes straight across the top."""
    scene, shape = cell.scene, cell.shape
    left, pitch = 12, 15
    i, f, g, o = (left + 7 + pitch * number for number in range(4))
    end = left + 4 * pitch
    old_c, state, hidden = cell.name("fc", 1), shape("c"), shape("h")
    scene.words += [Words(0, 2, old_c, "state"), Words(0, 3, cell.read("fc", 1)),
                    Words(end + 3, 2, cell.ops["c"].output.name, "state"),
                    Words(end + 3, 3, state)]  # fmt: skip
    scene.wire(
        (len(old_c) + 1, 2), (f, 2), kind="state", label=cell.read("fc", 1), at=(left + 8, 1)
    )
    scene.wire((f, 2), (g, 2), kind="state", label=shape("fc"), at=(f + 5, 1))
    scene.wire((g, 2), (end + 2, 2), kind="state", label=state, at=(g + 5, 1))
    scene.wire((o, 2), (o, 4), kind="state")
    scene.wire((o, 6), (o, 8), label=shape("tanh_c"), at=(o + 2, 7))
    scene.wire((g, 5), (g, 2), label=shape("ig"), at=(g + 2, 3))
    scene.wire((i, 10), (i, 5), (g, 5), label=shape("i"), at=(i + 2, 8))
    scene.signs += [Sign(f, 2, "⊙"), Sign(g, 2, "⊕"), Sign(g, 5, "⊙"), Sign(o, 8, "⊙")]
    scene.frames.append(Frame(o - 4, 4, 9, (("tanh",),), "state"))
    scene.wire((f, 10), (f, 2), label=shape("f"))
    scene.wire((g, 10), (g, 5), label=shape("g"))
    scene.wire((o, 10), (o, 8))
    scene.words.append(Words(o + 2, 9, shape("o")))
    y = 15 + cell.tall
    for centre, letter in ((i, "i"), (f, "f"), (g, "g"), (o, "o")):
        cell.gate(letter, "tanh" if letter == "g" else "σ", centre, 10)
        scene.wire((centre, y + 1), (centre, y - 2), label=shape(f"a_{letter}"))
    parts = tuple((f"a_{letter} {shape(f'a_{letter}')}",) for letter in "ifgo")
    y += 1
    scene.frames.append(Frame(left, y, 4 * pitch, parts, ""))
    scene.words += [Words(0, y + 1, f"a {shape('a')}")]
    _sum(cell, left, y + 3, 4 * pitch, tuple("ifgo"))
    out = "m" if "m" in cell.ops else "h"
    last = cell.ops["h"].output.name
    if out == "m":  # the projection
        weight = cell.ops["h"].inputs[1]
        scene.words.append(Words(o + 3, 8, f"·{equation_name(weight)}ᵀ", "weight"))
    scene.wire((o, 8), (end + 2, 8), kind="state")
    scene.words += [Words(end + 3, 8, last, "state"), Words(end + 3, 9, hidden)]
    return scene


def _sum(cell: _Cell, left: int, y: int, width: int, gates: tuple[str, ...]) -> None:
    """Below the bar of a: ⊕ of the two products, each a banded matrix."""
    scene = cell.scene
    middle = left + width // 2
    scene.signs.append(Sign(middle, y + 1, "⊕"))
    scene.wire((middle, y + 1), (middle, y - 1))
    cell.product("ih", left, y + 4, width, gates)
    scene.wire(
        (middle, y + 4),
        (middle, y + 1),
        label=f"x·W_ihᵀ {cell.shape('ih')}",
        at=(middle + 2, y + 3),
    )
    cell.product("hh", left, y + 10, width, gates)
    right = left + width + 2
    scene.wire(
        (left + width - 1, y + 11),
        (right, y + 11),
        (right, y + 1),
        (middle, y + 1),
        label=f"h·W_hhᵀ {cell.shape('hh')}",
        at=(right - 20, y),
    )


def _rnn(cell: _Cell) -> Inside:
    """h' = tanh(a), a the sum of two products."""
    scene, shape = cell.scene, cell.shape
    left, width = 14, 44
    middle, end = left + width // 2, left + width
    function = cell.ops["h"].op
    frame = Frame(middle - 5, 4, 11, ((function,),), "state")
    scene.frames += [frame, Frame(left, 9, width, ((f"a {shape('a')}",),), "")]
    scene.wire((middle, 9), (middle, 6), label=shape("a"))
    scene.wire(
        (middle, 4), (middle, 2), (end + 4, 2), kind="state", label=shape("h"), at=(middle + 6, 1)
    )
    name = cell.ops["h"].output.name
    scene.words += [Words(end + 5, 2, name, "state"), Words(end + 5, 3, shape("h")),
                    Words(middle + 2, 3, "to the next step, and up", "note")]  # fmt: skip
    _sum(cell, left, 12, width, ())
    return scene


def _gru(cell: _Cell) -> Inside:
    """r, z, n in torch's order; the reset acts after the product."""
    scene, shape = cell.scene, cell.shape
    left, pitch = 12, 20
    r, z, n = (left + 7 + pitch * number for number in range(3))
    beside, end = 9, left + 3 * pitch
    name = cell.name("old_part", 1)
    new = cell.ops["h"].output.name
    scene.words += [Words(0, 2, name, "state"), Words(0, 3, cell.read("old_part", 1)),
                    Words(end + 3, 2, new, "state"), Words(end + 3, 3, shape("h"))]  # fmt: skip
    scene.wire(
        (len(name) + 1, 2), (z, 2), kind="state", label=cell.read("old_part", 1), at=(left + 8, 1)
    )
    scene.wire((z, 2), (n, 2), kind="state", label=shape("old_part"), at=(z + 6, 1))
    scene.wire((n, 2), (end + 2, 2), kind="state", label=shape("h"), at=(n + 5, 1))
    scene.wire((z, 5), (z + 6, 5))
    scene.wire((z + 14, 5), (n, 5))
    scene.wire((n, 5), (n, 2), label=shape("new_part"), at=(n + 2, 4))
    scene.wire((n, 10), (n, 5), label=shape("n"), at=(n + 2, 8))
    scene.wire((z, 10), (z, 2), label=shape("z"), at=(z + 2, 8))
    scene.signs += [Sign(z, 2, "⊙"), Sign(n, 2, "⊕"), Sign(n, 5, "⊙")]
    scene.frames.append(Frame(z + 6, 4, 9, (("1 − z",),), ""))
    gates = ((r, "r"), (z, "z"), (n, "n"))
    for centre, letter in gates:
        cell.gate(letter, "tanh" if letter == "n" else "σ", centre, 10)
    y = 16 + cell.tall  # of the sums
    for centre, letter in gates:
        scene.signs.append(Sign(centre, y, "⊕"))
        scene.wire((centre, y), (centre, y - 3), label=shape(f"a_{letter}"), at=(centre + 2, y - 1))
        scene.wire(
            (centre, y + 4), (centre, y), label=shape(f"ih_{letter}"), at=(centre - 6, y + 2)
        )
    far = n + beside
    scene.signs.append(Sign(far, y, "⊙"))
    scene.wire((r, 10), (r, 7), (far, 7), (far, y), label=shape("r"), at=(r + 2, 6))
    scene.wire((far, y), (n, y), label=shape("r_hh_n"), at=(n + 3, y + 1))
    for centre, letter in ((r, "r"), (z, "z")):
        scene.wire(
            (centre + beside, y + 11),
            (centre + beside, y),
            (centre, y),
            label=shape(f"hh_{letter}"),
            at=(centre + beside - 6, y + 1),
        )
    scene.wire((far, y + 11), (far, y), label=shape("hh_n"), at=(far - 6, y + 2))
    x = cell.ops["ih"]
    for centre, letter in ((r, "r"), (z, "z"), (n, "n")):
        size = _part(x.inputs[1].shape, 3)
        scene.frames.append(Frame(centre - 7, y + 4, 15, ((f"W_i{letter}ᵀ", size),), "weight"))
    kind = "input"
    scene.words += [Words(0, y + 5, x.inputs[0].name, kind), Words(0, y + 6, cell.read("ih", 0))]
    scene.wire((len(cell.read("ih", 0)) + 1, y + 5), (r - 7, y + 5), kind=kind)
    below = [f"W_ih {write_shape(x.inputs[1].shape)}", f"x·W_ihᵀ {shape('ih')}"]
    if len(x.inputs) > 2:
        below.append(f"+ b_ih {write_shape(x.inputs[2].shape)}")
    for (centre, _), words in zip(gates, below):
        scene.words.append(Words(centre - 6, y + 8, words, "weight"))
    cell.product("hh", left, y + 11, 3 * pitch, ("r", "z", "n"), f", h·W_hhᵀ {shape('hh')}")
    return scene


# as text


def text_lines(scene: Inside) -> list[Line]:
    """The scene in signs."""
    canvas = Canvas()
    masks: dict[Point, tuple[int, str]] = {}
    for wire in scene.wires:
        for point, mask in _cells(wire):
            before = masks.get(point, (0, wire.kind))
            straight = {3, 12}
            crossing = {before[0], mask} == straight
            masks[point] = (3 if crossing else before[0] | mask, wire.kind or before[1])
    for (x, y), (mask, kind) in masks.items():
        canvas.put(x, y, _LINES[mask], kind)
    for frame in scene.frames:
        _put_frame(canvas, frame)
    closed = {(sign.x, sign.y) for sign in scene.signs}
    closed |= {point for frame in scene.frames for point in _border(frame)}
    for wire in scene.wires:
        if not wire.bare:
            (x0, y0), (x, y) = wire.points[-2:]
            dx, dy = (x > x0) - (x < x0), (y > y0) - (y < y0)
            if (x, y) in closed:
                x, y = x - dx, y - dy
            canvas.put(
                x, y, {(1, 0): "→", (-1, 0): "←", (0, 1): "↓", (0, -1): "↑"}[dx, dy], wire.kind
            )
    for sign in scene.signs:
        canvas.put(sign.x, sign.y, sign.sign, "title")
    for word in scene.words:
        canvas.put(word.x, word.y, word.words, word.kind)
    for wire in scene.wires:
        if wire.at:
            canvas.put(*wire.at, wire.label, "note")
    return [[(scene.title, "title")], *canvas.lines()[1:]]


_N, _S, _W, _E = 1, 2, 4, 8
_LINES = {1: "│", 2: "│", 3: "│", 4: "─", 8: "─", 12: "─", 5: "┘", 9: "└", 6: "┐", 10: "┌",
          7: "┤", 11: "├", 13: "┴", 14: "┬", 15: "┼"}  # fmt: skip


def _cells(wire: Wire) -> Iterator[tuple[Point, int]]:
    """The places of a wire with the directions in which it leaves them."""
    for (x0, y0), (x1, y1) in pairwise(wire.points):
        if (x0, y0) == (x1, y1):
            continue
        dx, dy = (x1 > x0) - (x1 < x0), (y1 > y0) - (y1 < y0)
        ahead, behind = {(1, 0): (_E, _W), (-1, 0): (_W, _E), (0, 1): (_S, _N), (0, -1): (_N, _S)}[
            dx, dy
        ]
        x, y = x0, y0
        while True:
            first, last = (x, y) == (x0, y0), (x, y) == (x1, y1)
            yield (x, y), (0 if last else ahead) | (0 if first else behind)
            if last:
                break
            x, y = x + dx, y + dy


def _border(frame: Frame) -> Iterator[Point]:
    right, bottom = frame.x + frame.width - 1, frame.y + frame.height - 1
    for x in range(frame.x, right + 1):
        yield from ((x, frame.y), (x, bottom))
    for y in range(frame.y, bottom + 1):
        yield from ((frame.x, y), (right, y))


def _put_frame(canvas: Canvas, frame: Frame) -> None:
    count = len(frame.parts)
    wide = frame.width // count
    top, bottom = "┬", "┴"
    for number, lines in enumerate(frame.parts):
        x = frame.x + number * wide
        inner = (wide if number < count - 1 else frame.width - number * wide - 1) - 1
        canvas.put(x, frame.y, ("┌" if number == 0 else top) + "─" * inner)
        canvas.put(x, frame.y + frame.height - 1, ("└" if number == 0 else bottom) + "─" * inner)
        rows = [part for line in lines for part in (textwrap.wrap(line, inner) or [""])]
        rows = rows if len(rows) <= len(lines) else [part for part in rows if part]
        for row in range(frame.height - 2):
            words = rows[row].replace("\xa0", " ") if row < len(rows) else ""
            canvas.put(x, frame.y + 1 + row, "│")
            canvas.put(
                x + 1, frame.y + 1 + row, words.center(inner), frame.kind if words.strip() else ""
            )
    x = frame.x + frame.width - 1
    canvas.put(x, frame.y, "┐")
    canvas.put(x, frame.y + frame.height - 1, "┘")
    for row in range(frame.height - 2):
        canvas.put(x, frame.y + 1 + row, "│")
