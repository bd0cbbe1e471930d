"""The unrolled network as nodes and edges: what a drawing shows, before anything says where.

`scene` places it for a picture; Mermaid and DOT place it themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from ...analysis.trace import Selection, Trace
from ...engine.walk import HEAD
from ...network.dims import write_shape
from ..notation import Line, shape_pieces
from .captions import Captions, Time

MOST_STEPS = 10  # longer sequences are folded in the middle
_MOST_LAYERS = {1: 8, 2: 5}  # deeper stacks too; in one direction, in two


class Node(NamedTuple):
    """A box: role is input, cell, concat, output, o, first (h0) or last (hn)."""

    id: str
    role: str
    kind: str
    lines: tuple[str, ...]
    layer: int = -1
    direction: str = ""
    column: int = -1  # of `times`; -1 for an edge of the picture
    t: Time = ""
    share: float = 1.0  # of the batch that is at work, in a packed one
    turned: int = 0  # sequences of a packed batch that end here, or begin here in reverse


class Edge(NamedTuple):
    """An arrow; `folded` where what lies between is left out, `lines` 2 where h and c go along."""

    source: str
    target: str
    kind: str
    folded: bool = False
    lines: int = 1


class Weighed(NamedTuple):
    """A parameter at the edge of its layer, and the product that it takes part in, in pieces."""

    name: str
    shape: str
    pieces: Line

    @property
    def product(self) -> str:
        """`(7×10)·(10×20)+20→7×20`."""
        return "".join(words for words, _ in self.pieces)


@dataclass(frozen=True)
class Unrolled:
    """What a drawing of a trace shows; `most_steps` is where it begins to fold time.

    stack: what a layer leaves at all steps stands between it and the next as one tensor.
    fed_back: what the head makes at one step is the input of the next. name: before the title;
    remark: below the drawing.
    """

    trace: Trace
    most_steps: int = MOST_STEPS
    stack: bool = False
    fed_back: bool = False
    name: str = ""
    remark: str = ""

    @cached_property
    def captions(self) -> Captions:
        """What the boxes say, as in the terminal's picture."""
        return Captions(self.trace)

    @cached_property
    def times(self) -> tuple[Time, ...]:
        """The steps that are drawn."""
        length = self.trace.batch.seq_len
        if not isinstance(length, int):
            return (0, 1, self.trace.last_time)
        if length <= self.most_steps:
            return tuple(range(length))
        if self.most_steps < 5:
            return (0, 1, length - 1)
        return (0, 1, 2, length - 2, length - 1)

    @property
    def fold(self) -> int | None:
        """The column after which steps are left out."""
        if not isinstance(self.trace.batch.seq_len, int):
            return 1
        if self.most_steps < 5 and self.trace.batch.seq_len > self.most_steps:
            return 1
        return 2 if self.trace.batch.seq_len > self.most_steps else None

    @cached_property
    def layers(self) -> tuple[int | None, ...]:
        """The layers from the bottom up; None stands for those that are left out."""
        spec = self.trace.spec
        count, most = spec.num_layers, _MOST_LAYERS[spec.num_directions]
        if count <= most:
            return tuple(range(count))
        return (*range(most - 2), None, count - 2, count - 1)

    @cached_property
    def nodes(self) -> dict[str, Node]:
        """Every box by its id."""
        return {node.id: node for node in self._nodes()}

    def _nodes(self) -> Iterator[Node]:
        captions, spec = self.captions, self.trace.spec
        for column, t in enumerate(self.times):
            share = self._share(t)
            for role, label in captions.ends(t).items():
                kind = "input" if role == "input" else "output"
                head = (spec.num_layers, HEAD) if role == "o" else (-1, "")
                lines = (label.real, label.shape)
                yield Node(f"{role}{column}", role, kind, lines, *head, column, t, share)
            for layer in self.layers:
                if layer is None:
                    continue
                for direction in spec.directions:
                    yield Node(
                        cell_id(layer, direction, column), "cell", "state", captions.cell(t),
                        layer, direction, column, t, share, self._turned(t),
                    )  # fmt: skip
                if spec.bidirectional:
                    kind = "output" if layer == spec.num_layers - 1 else "input"
                    joined = (f"concat {captions.passed(t)}",)
                    name = f"concat{layer}_{column}"
                    yield Node(name, "concat", kind, joined, layer, "", column, t, share)
        for layer in self.layers:
            if layer is not None:
                yield from self._ends(layer)
        yield from self._single_head()
        if self.stack:
            yield from self._stacks()

    def _stacks(self) -> Iterator[Node]:
        """What each layer but the last leaves, all steps in one tensor."""
        shape = write_shape(self.trace.tensors["output"])
        for layer in self.layers:
            if layer is not None and layer != self.trace.spec.num_layers - 1:
                words = f"all steps in one: {shape}, the input of layer {layer + 1}"
                yield Node(f"stack{layer}", "stack", "input", (words,), layer)

    def _ends(self, layer: int) -> Iterator[Node]:
        """h0 and hn of one layer."""
        spec, batch = self.trace.spec, self.trace.batch
        for number, direction in enumerate(spec.directions):
            for role, end in (("first", "0"), ("last", "n")):
                names = self.captions.state(layer, number, end)
                shapes = [
                    write_shape(
                        (*(() if batch.unbatched else (batch.size,)), *spec.state_shape(name))
                    )
                    for name in self.captions.states
                ]
                both = (f"{name} {shape}" for name, shape in zip(names, shapes))
                lines = (names[0], shapes[0]) if len(names) == 1 else tuple(both)
                yield Node(end_id(role, layer, direction), role, "state", lines, layer, direction)

    def _single_head(self) -> Iterator[Node]:
        """The head's one o, where it reads the final states."""
        head, batch = self.trace.head, self.trace.batch
        if head is not None and head.at == "last":
            shape = write_shape(head.output(self.trace.spec, batch))
            place = (self.trace.spec.num_layers, HEAD, -1, self.trace.last_time)
            yield Node("o", "o", "output", ("o", shape), *place)

    def _share(self, t: Time) -> float:
        batch = self.trace.batch
        if not batch.packed:
            return 1.0
        rows, size = self.captions.rows(t), batch.size
        assert isinstance(rows, int) and isinstance(size, int)
        return rows / size

    def _turned(self, t: Time) -> int:
        batch = self.trace.batch
        if not batch.packed or not isinstance(t, int) or t == self.times[-1]:
            return 0
        now, after = self.captions.rows(t), self.captions.rows(t + 1)
        assert isinstance(now, int) and isinstance(after, int)
        return now - after

    @cached_property
    def edges(self) -> list[Edge]:
        """Every arrow."""
        return [*self._right(), *self._up(), *self._back()]

    def _back(self) -> Iterator[Edge]:
        """From the head's o to the input of the next step, where it is fed back."""
        for column in range(len(self.times) - 1) if self.fed_back else ():
            yield Edge(f"o{column}", f"input{column + 1}", "output", column == self.fold)

    def _right(self) -> Iterator[Edge]:
        """The state, from cell to cell along each layer."""
        spec, count = self.trace.spec, len(self.trace.spec.state_names)
        for layer in self.layers:
            if layer is None:
                continue
            for direction in spec.directions:
                columns = list(range(len(self.times)))
                if direction == "reverse":
                    columns.reverse()
                stops = [
                    end_id("first", layer, direction),
                    *(cell_id(layer, direction, column) for column in columns),
                    end_id("last", layer, direction),
                ]
                for number, (source, target) in enumerate(pairwise(stops)):
                    between = columns[number - 1 : number + 1] if number else []
                    folded = len(between) == 2 and min(between) == self.fold
                    yield Edge(source, target, "state", folded, count)

    def _up(self) -> Iterator[Edge]:
        """The input of each layer, and what the last one puts out."""
        spec = self.trace.spec
        for column in range(len(self.times)):
            below, folded = f"input{column}", False
            for layer in self.layers:
                if layer is None:
                    folded = True
                    continue
                cells = [cell_id(layer, direction, column) for direction in spec.directions]
                for cell in cells:
                    yield Edge(below, cell, "input", folded)
                below, folded = cells[0], False
                if spec.bidirectional:
                    below = f"concat{layer}_{column}"
                    for cell in cells:
                        yield Edge(cell, below, self.nodes[below].kind)
            if f"output{column}" in self.nodes:
                yield Edge(below, f"output{column}", "output")
            if f"o{column}" in self.nodes:
                yield Edge(f"output{column}", f"o{column}", "output")
        if "o" in self.nodes:
            for direction in spec.directions:
                yield Edge(end_id("last", spec.num_layers - 1, direction), "o", "output")

    @cached_property
    def weights(self) -> dict[tuple[int, str], list[Weighed]]:
        """The parameters of each drawn layer and direction, and of the head (layer -1)."""
        spec = self.trace.spec
        found = {
            (layer, direction): self._weighed(layer, direction)
            for layer in self.layers
            if layer is not None
            for direction in spec.directions
        }
        if self.trace.head is not None:
            found[-1, HEAD] = self._weighed(None, HEAD)
        return found

    def weight_lines(self, place: tuple[int, str]) -> list[str]:
        """The parameters of a layer and direction, or of the head, as lines of a box."""
        lines = [self.lane(*place)]
        for weight in self.weights[place]:
            lines += [f"{weight.name} {weight.shape}", weight.product]
        return lines

    def _weighed(self, layer: int | None, direction: str) -> list[Weighed]:
        single = direction == HEAD and self.trace.head and self.trace.head.at == "last"
        whole = isinstance(self.trace.batch.seq_len, int) and not single
        selection = Selection(layer, direction, 0 if whole else None, folded=True)
        step = next(replace(self.trace, feed=None).steps(selection))
        return [
            Weighed(
                performed.inputs[1].name,
                write_shape(performed.inputs[1].shape),
                shape_pieces(performed),
            )
            for performed in step.ops
            if performed.op == "linear"
        ]

    def lane(self, layer: int, direction: str) -> str:
        """What the weights of a layer and direction are headed with."""
        if direction == HEAD:
            return "head"
        spec = self.trace.spec
        return spec.class_name if spec.single else f"layer {layer} {direction}"

    @cached_property
    def corners(self) -> dict[str, str]:
        """The boxes that hold the same numbers, by id: those of the first equality are marked ①."""
        spec = self.trace.spec
        found: dict[str, str] = {}
        if spec.single or self.trace.batch.packed:
            return {}
        top, last = spec.num_layers - 1, len(self.times) - 1
        pairs = [(f"output{last}", "forward"), ("output0", "reverse")]
        for sign, (output, direction) in zip("①②", pairs[: len(self.trace.equalities())]):
            for node in (output, end_id("last", top, direction)):
                found[node] = found.get(node, "") + sign
        return found

    @property
    def title(self) -> str:
        """The network and how far it is unrolled."""
        length = self.trace.batch.seq_len
        if self.trace.spec.single:
            return f"{self.trace.spec}: one step"
        name = f"{self.name}: " if self.name else ""
        steps = f"{length} step{'' if length == 1 else 's'}"
        return f"{name}{self.trace.spec} over {steps}{packed_words(self.trace)}"

    @property
    def description(self) -> str:
        """The whole in sentences, for who cannot see it."""
        trace, spec = self.trace, self.trace.spec
        shapes = ", ".join(f"{name} {write_shape(s)}" for name, s in trace.tensors.items())
        if spec.single:
            return f"A single step: the state from left to right, the input from below. {shapes}."
        layers = f"{spec.num_layers} layer{'' if spec.num_layers == 1 else 's'}"
        cell = " and ".join(self.captions.cell(self.times[0]))
        parts = [
            f"Unrolled network: {layers} upwards, time to the right. {shapes}.",
            f"Every cell leaves {cell}, to the right as the state of the next step and up "
            "as the input of the next layer.",
        ]
        if spec.bidirectional:
            parts.append("A second lane runs from right to left, and both are concatenated.")
        return " ".join(parts + [f"{note}." for note in self.notes])

    @property
    def notes(self) -> list[str]:
        """What the drawing leaves unsaid."""
        trace, spec = self.trace, self.trace.spec
        notes = [*self.captions.about(self.times, self.fold)]
        if None in self.layers:
            first = self.layers.index(None)
            notes.append(f"⋮ layers {first} … {spec.num_layers - 3}: as layer {first - 1}")
        if trace.batch.packed:
            notes.append(
                "a box is as high as the batch at t: the sequences that are longer; "
                "1 → hn: so many end here, and hn has their state"
                + ("; 1 ← h0: so many begin here" if spec.bidirectional else "")
            )
        if self.remark:
            notes.append(self.remark)
        if self.fed_back:
            notes.append("o[t] is fed back: it is the input of the next step")
        marks = iter("①②" if self.corners else "")
        return [*notes, *(f"{next(marks, '')} {note}".strip() if " equals " in note else note
                          for note in self.captions.notes())]  # fmt: skip


def packed_words(trace: Trace) -> str:
    """The lengths of a packed batch, for a title; nothing of any other."""
    lengths = trace.batch.lengths or ()
    shown = ", ".join(map(str, lengths[:12])) + (", …" if len(lengths) > 12 else "")
    return f", lengths {shown}" if lengths else ""


def cell_id(layer: int, direction: str, column: int) -> str:
    """The id of a cell: `cell0_forward_3`."""
    return f"cell{layer}_{direction}_{column}"


def end_id(role: str, layer: int, direction: str) -> str:
    """The id of h0 (role first) or hn (role last) of one layer and direction."""
    return f"{role}{layer}_{direction}"
