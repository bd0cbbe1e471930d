"""What a framework's layout is: each tensor made from torch's by gates, transposition and sums.

A layout is a table. An entry says of one tensor which of torch's it is made from, in which order
its gates stand, and whether it is transposed; the shape, the rule, the numbers and the way back
all follow from that one row. torch's gates are counted as they stand: LSTM i, f, g, o; GRU r, z, n.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple

from ...errors import UsageError
from ...network.batch import Batch
from ...network.constructor import GATES
from ...network.dims import Dim, Shape, product, total
from ...network.spec import Spec, parameter_name
from ..formats.stored import Stored

LETTERS = {"rnn": "", "lstm": "ifgo", "gru": "rzn"}
BIASES = ("bias_ih", "bias_hh")


class Piece(NamedTuple):
    """Gates of one of torch's tensors, or of the sum of several."""

    kinds: tuple[str, ...]
    gates: tuple[int, ...]


@dataclass(frozen=True)
class Entry:
    """One tensor of a layer and direction: its pieces one behind the other.

    transposed: (width, G·H) instead of torch's (G·H, width); stacked: each piece is a row of its
    own; joined: the directions lie along a first axis D, in one tensor.
    """

    leaf: str
    pieces: tuple[Piece, ...]
    transposed: bool = False
    stacked: bool = False
    joined: bool = False

    @property
    def is_bias(self) -> bool:
        """Whether it is made from biases."""
        return self.pieces[0].kinds[0] in BIASES


def entry(leaf: str, kinds: str, gates: str | tuple[int, ...], **more: bool) -> Entry:
    """An entry of one piece: kinds as `bias_ih + bias_hh`, gates counted as torch's stand."""
    return Entry(leaf, (Piece(tuple(kinds.split(" + ")), tuple(map(int, gates))),), **more)


@dataclass(frozen=True)
class Layout:
    """A framework's layout.

    cells: the entries by cell; a cell that the framework lacks is missing. prefix: (spec, layer,
    direction) to what stands before an entry's leaf; separator joins the parts of a name.
    always_biased: its layers cannot be built without a bias. lacks: by cell, what torch has and
    it has not. order: the axes in front of the features; words: its own names of input, h0, output
    and hn.
    """

    name: str
    title: str
    cells: Mapping[str, tuple[Entry, ...]]
    prefix: Callable[[Spec, int, str], str]
    separator: str = "."
    always_biased: bool = False
    lacks: Mapping[str, str] | None = None
    order: str = "NT"
    words: Mapping[str, str] | None = None

    def tensors(self, spec: Spec) -> list[Placed]:
        """Every tensor of a network, layer by layer. Raises UsageError where it has no such."""
        entries = self.entries(spec)
        placed = []
        for layer in range(spec.num_layers):
            for direction in spec.directions:
                for row in entries:
                    both = spec.directions if row.joined else (direction,)
                    if direction == both[0]:
                        prefix = self.prefix(spec, layer, direction)
                        name = prefix + self.separator + row.leaf
                        placed.append(Placed(name, spec, row, layer, both))
        return placed

    def calls(self, spec: Spec, batch: Batch) -> list[tuple[str, Shape, str]]:
        """What a layer reads and gives: torch's word, the shape, and what the framework has there.

        States are those of one layer and direction, or of one operator where directions are joined.
        """
        joined = self.entries(spec)[0].joined
        sizes = {"T": batch.seq_len, "N": batch.size, "D": spec.num_directions}
        own, hidden = self.words or {}, spec.hidden_size
        between = [self.order[0], "D", *self.order[1:]] if joined else list(self.order)
        letters = [axis for axis in ("DN" if joined else "N") if axis in between]
        wide = "H" if joined or not spec.bidirectional else "2H"

        def row(name: str, axes: list[str], width: Dim, letter: str) -> tuple[str, Shape, str]:
            shape = (*(sizes[axis] for axis in axes), width)
            rule = f"({', '.join([*axes, letter])})"
            return name, shape, f"{rule}: {own[name]}" if name in own else rule

        def states(which: str) -> list[tuple[str, Shape, str]]:
            return [row(name + which, letters, hidden, "H") for name in spec.state_names]

        return [
            row("input", list(self.order), spec.input_size, "I"),
            *states("0"),
            row("output", between, hidden if joined else spec.output_size, wide),
            *states("n"),
        ]

    def entries(self, spec: Spec) -> tuple[Entry, ...]:
        """The tensors of each layer and direction. Raises UsageError where it has no such."""
        if spec.proj_size:
            raise UsageError(
                f"{self.name}: expected a network without a projection, which {self.title} lacks",
                got=f"proj_size={spec.proj_size}",
                fix="keep a projected LSTM in torch, or describe one without",
            )
        spec.check_layer(self.name)
        if spec.cell not in self.cells:
            raise UsageError(
                f"{self.name}: expected {' or '.join(self.cells)}, the cells of {self.title}",
                got=spec.cell,
                fix=f"keep it in torch, take {' or '.join(self.cells)}, or another framework",
            )
        biased = spec.bias or self.always_biased
        return tuple(row for row in self.cells[spec.cell] if biased or not row.is_bias)

    def notes(self, spec: Spec) -> list[str]:
        """What is to be known beside the table."""
        told = []
        if self.missing(spec):
            told.append((self.lacks or {})[spec.cell])
        if self.always_biased and not spec.bias:
            told.append(f"{self.title} has these biases without exception: zeros stand for none")
        if spec.bias and any(len(p.kinds) > 1 for e in self.entries(spec) for p in e.pieces):
            told.append("a sum of two biases is one bias: on the way back bias_hh is 0 there")
        return told

    def missing(self, spec: Spec) -> list[tuple[str, int]]:
        """The gates of torch's biases that have no place here."""
        if not spec.bias:
            return []
        pieces = [piece for row in self.entries(spec) for piece in row.pieces]
        kept = {(kind, gate) for piece in pieces for kind in piece.kinds for gate in piece.gates}
        return [(k, g) for k in BIASES for g in range(spec.gates) if (k, g) not in kept]


@dataclass(frozen=True)
class Placed:
    """One tensor of a network: an entry at its layer and direction (or both, where joined)."""

    name: str
    spec: Spec
    entry: Entry
    layer: int
    directions: tuple[str, ...]

    @property
    def shape(self) -> Shape:
        """The shape; sizes may be symbols."""
        return self._arranged(self._rows, self._width, len(self.directions))[0]

    @property
    def rule(self) -> str:
        """The rule behind the shape: (I, 4H)."""
        kind = self.entry.pieces[0].kinds[0]
        parameters = self.spec.layer_parameters(self.layer, self.directions[0])
        rules = {p.kind: p.rule.strip("()").split(", ") for p in parameters}
        width = rules[kind][1] if kind in rules and len(rules[kind]) > 1 else None
        gates = self._gates // (len(self.entry.pieces) if self.entry.stacked else 1)
        rows = f"{gates}H" if gates > 1 else "H"
        return f"({', '.join(self._arranged(rows, width, 'D')[1])})"

    @property
    def count(self) -> Dim:
        """The number of elements."""
        return product(self.shape)

    @property
    def made(self) -> str:
        """How it is made from torch's tensors: `weight_ih_l0 [i f g o]ᵀ`."""
        each = [self._made(direction) for direction in self.directions]
        return each[0] if len(each) == 1 else f"stack({', '.join(each)})"

    @property
    def sources(self) -> list[str]:
        """torch's names of the tensors that it is made from."""
        return [
            parameter_name(kind, self.layer, direction)
            for direction in self.directions
            for kind in dict.fromkeys(k for piece in self.entry.pieces for k in piece.kinds)
        ]

    @property
    def targets(self) -> set[str]:
        """torch's names of the tensors that `restore` lays its numbers into."""
        kinds = {piece.kinds[0] for piece in self.entry.pieces}
        return {
            parameter_name(kind, self.layer, side) for kind in kinds for side in self.directions
        }

    @property
    def _gates(self) -> int:
        return sum(len(piece.gates) for piece in self.entry.pieces)

    @property
    def _rows(self) -> Dim:
        hidden = self.spec.hidden_size
        pieces = [len(piece.gates) * hidden for piece in self.entry.pieces]
        return pieces[0] if self.entry.stacked else total(pieces)

    @property
    def _width(self) -> Dim | None:
        if self.entry.is_bias:
            return None
        if self.entry.pieces[0].kinds[0] == "weight_hh":
            return self.spec.hidden_size
        return self.spec.input_size if self.layer == 0 else self.spec.output_size

    def _arranged(self, rows: Any, width: Any, joined: Any) -> tuple[Shape, list[str]]:
        sizes = (
            [rows] if width is None else [width, rows] if self.entry.transposed else [rows, width]
        )
        if self.entry.stacked:
            sizes.insert(0, len(self.entry.pieces))
        if self.entry.joined:
            sizes.insert(0, joined)
        return tuple(sizes), [str(size) for size in sizes]

    def _made(self, direction: str) -> str:
        letters = LETTERS[self.spec.cell]
        told = []
        for kinds, gates in self.entry.pieces:
            words = " + ".join(parameter_name(kind, self.layer, direction) for kind in kinds)
            if gates != tuple(range(self.spec.gates)):
                words = f"({words})" if len(kinds) > 1 else words
                words += f" [{' '.join(letters[gate] for gate in gates)}]"
            told.append(words)
        if len(told) == 1:
            return f"({told[0]})ᵀ" if self.entry.transposed and " " in told[0] else (
                told[0] + "ᵀ" * self.entry.transposed)  # fmt: skip
        return f"{'rows' if self.entry.stacked else 'concat'}({', '.join(told)})"

    def expression(self) -> str:
        """The same in Python: numpy as np, w(name) a tensor of torch's, gates(name, 1, 0, 2) its
        gates in another order. Directions are not joined."""
        parts = []
        for kinds, gates in self.entry.pieces:
            whole = gates == tuple(range(self.spec.gates))
            chosen = "" if whole else "".join(f", {gate}" for gate in gates)
            call = "w" if whole else "gates"
            named = [parameter_name(kind, self.layer, self.directions[0]) for kind in kinds]
            terms = [f'{call}("{own}"{chosen})' for own in named]
            parts.append(" + ".join(terms))
        if len(parts) > 1:
            return f"np.{'stack' if self.entry.stacked else 'concatenate'}([{', '.join(parts)}])"
        return f"{parts[0]}.T" if self.entry.transposed else parts[0]

    def build(self, weights: Mapping[str, Any]) -> Any:
        """The array, from torch's names to arrays; a bias that torch lacks is zero."""
        import numpy as np

        each = []
        for direction in self.directions:
            parts = []
            for kinds, gates in self.entry.pieces:
                arrays = [
                    weights.get(parameter_name(kind, self.layer, direction)) for kind in kinds
                ]
                known = [array for array in arrays if array is not None]
                whole = sum(known[1:], known[0]) if known else self._zeros(weights)
                blocks = np.split(whole, self.spec.gates)
                parts.append(np.concatenate([blocks[gate] for gate in gates]))
            array = np.stack(parts) if self.entry.stacked else np.concatenate(parts)
            each.append(array.T if self.entry.transposed else array)
        return np.ascontiguousarray(np.stack(each) if self.entry.joined else each[0])

    def _zeros(self, weights: Mapping[str, Any]) -> Any:
        import numpy as np

        hidden: Any = self.spec.hidden_size
        return np.zeros(self.spec.gates * hidden, next(iter(weights.values())).dtype)

    def restore(self, array: Any, weights: dict[str, Any]) -> None:
        """Lay the numbers back into torch's tensors; of a sum, all into the first."""
        import numpy as np

        for number, direction in enumerate(self.directions):
            own = array[number] if self.entry.joined else array
            own = own.T if self.entry.transposed else own
            rows = list(own) if self.entry.stacked else np.split(
                own, np.cumsum([len(p.gates) for p in self.entry.pieces])[:-1] * (
                    len(own) // self._gates))  # fmt: skip
            for (kinds, gates), part in zip(self.entry.pieces, rows):
                target = weights[parameter_name(kinds[0], self.layer, direction)]
                size = len(part) // len(gates)
                for gate, block in zip(gates, np.split(part, len(gates))):
                    target[gate * size : (gate + 1) * size] = block


def laid(spec: Spec, placed: Sequence[tuple[Placed, Any]]) -> dict[str, Any]:
    """torch's parameters out of a layout's tensors, as arrays; zeros where these have no place."""
    import numpy as np

    shapes: Any = spec.parameters()
    dtype = placed[0][1].dtype
    weights = {own: np.zeros(shape, dtype) for own, shape in shapes.items()}
    for tensor, array in placed:
        tensor.restore(array, weights)
    return weights


def laid_back(spec: Spec, placed: Sequence[tuple[Placed, Stored]]) -> dict[str, Stored]:
    """torch's parameters out of a layout's tensors in a file, read when they are asked for."""

    @cache
    def read() -> dict[str, Any]:
        return laid(spec, [(tensor, held.read()) for tensor, held in placed])

    sources: dict[str, list[str]] = {}
    for tensor, held in placed:
        for own in tensor.targets:
            sources.setdefault(own, []).extend(held.stored)
    dtype = placed[0][1].dtype
    made = {}
    for own, shape in spec.parameters().items():
        made_of = tuple(dict.fromkeys(sources.get(own, ())))
        sizes: Any = shape
        made[own] = Stored(own if made_of else "", sizes, dtype, partial(_one, read, own),
                           sources=made_of)  # fmt: skip
    return made


def laid_out(layout: Layout, spec: Spec, parameters: Mapping[str, Stored]) -> dict[str, Stored]:
    """The first layer's tensors in a layout, by leaf, made from torch's when they are read."""

    def read(tensor: Placed) -> Any:
        return tensor.build({name: held.read() for name, held in parameters.items()})

    dtype = next(iter(parameters.values())).dtype
    sizes: Any = {tensor.entry.leaf: tensor for tensor in layout.tensors(spec) if not tensor.layer}
    return {
        leaf: Stored(leaf, tensor.shape, dtype, partial(read, tensor))
        for leaf, tensor in sizes.items()
    }


def _one(read: Callable[[], dict[str, Any]], own: str) -> Any:
    return read()[own]


def every(cell: str) -> tuple[int, ...]:
    """All gates in torch's order."""
    return tuple(range(GATES[cell]))
