"""Recurrent layers in the layout of another framework, known by their names and shapes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice, takewhile
from typing import Any

from ...network.constructor import GATES, MOST_LAYERS
from ...network.spec import Spec
from ..formats.stored import Layer, Stored
from ..layouts.layout import Entry, Layout, Placed, laid_back
from ..layouts.tables import EQUINOX, KERAS, LAYOUTS, RESET_BEFORE
from .names import beside, natural, strangers

_SIDES = re.compile(r"forward|fwd|backward|bwd|reverse")
_BACKWARD = ("backward", "bwd", "reverse")
_OF_EQUINOX = re.compile(r"(?:\A|.*\.)layers\.(\d{1,5})(?:\.(?:forward|backward))?")
BACKWARDS = "it reads backwards: torch does so only beside a forward direction"
RESET_FIRST = (
    "reset_after=False: it applies the reset gate before the product with recurrent_kernel, "
    "torch's GRU after it"
)


@dataclass
class _Group:
    """The tensors of one layer and direction: those that stand behind one prefix, by the rest."""

    prefix: str
    tensors: dict[str, Stored] = field(default_factory=dict)

    @property
    def reverse(self) -> bool:
        """Whether the prefix speaks of the reverse direction."""
        return any(word in self.prefix for word in _BACKWARD)

    @property
    def place(self) -> str:
        """The prefix without its direction: equal for the two of a layer, whose cells TensorFlow
        numbers one behind the other."""
        place = _SIDES.sub("*", self.prefix)
        return place if place == self.prefix else re.sub(r"_cell_\d+\Z", "_cell", place)

    @property
    def stack(self) -> str:
        """The prefix without direction and numbers: equal for the layers of a stack."""
        return re.sub(r"_?\d+", "", self.place)


_Sides = list[_Group]  # the directions of one layer, forward first


def equinox_layers(tensors: Iterable[Stored]) -> list[Layer]:
    """The networks of Equinox, which calls its weights as torch calls those of a cell.

    It has one `bias`, which torch has not. Without a bias it is known by the names that its layout
    gives to layers and directions, and what else these may be is told.
    """
    return [layer for cell in EQUINOX.cells for layer in _layers(EQUINOX, cell, tensors)]


def framework_layers(tensors: Iterable[Stored]) -> list[Layer]:
    """The networks in the layouts whose names are not torch's. No number is read."""
    rest = list(tensors)
    found: list[Layer] = []
    for layout in LAYOUTS.values():
        for cell in layout.cells if layout is not EQUINOX else ():
            here = _layers(layout, cell, rest)
            used = {name for layer in here for t in layer.parameters.values() for name in t.stored}
            rest = [tensor for tensor in rest if tensor.name not in used]
            found += here
    return found


def _layers(layout: Layout, cell: str, tensors: Iterable[Stored]) -> list[Layer]:
    entries = layout.cells[cell]
    held = list(tensors)
    near = beside(held)
    groups = [g for g in _groups(entries, held) if _cell(entries, g) == cell]
    groups = [
        group for group in groups
        if not strangers(near, group.tensors.values(), "", _sizes(entries, [group])[1])
    ]  # fmt: skip
    if layout is EQUINOX:
        groups = [g for g in groups if _equinox(g, groups)]
    stacks: dict[str, dict[str, _Sides]] = {}
    for group in groups:
        stacks.setdefault(group.stack, {}).setdefault(group.place, []).append(group)
    networks = [run for sides in stacks.values() for run in _runs(layout, entries, sides)]
    made = [_layer(layout, cell, entries, run) for run in networks]
    return [layer for layer in made if layer is not None]


def _groups(entries: tuple[Entry, ...], tensors: Iterable[Stored]) -> list[_Group]:
    """The prefixes behind which all weights of `entries` stand, in the order of their numbers."""
    groups: dict[str, _Group] = {}
    leaves = sorted((row.leaf for row in entries), key=len, reverse=True)
    for tensor in tensors:
        own = "." + tensor.path.replace("/", ".").removesuffix(":0")
        own = re.sub(r"(?<=\.(?:if|in))_(?=\.)", "", own)
        leaf = next((leaf for leaf in leaves if own.endswith("." + leaf)), None)
        if leaf is not None:
            prefix = own[: -len(leaf)].strip(".")
            groups.setdefault(prefix, _Group(prefix)).tensors.setdefault(leaf, tensor)
    needed = {row.leaf for row in entries if not row.is_bias}
    whole = [group for group in groups.values() if needed <= group.tensors.keys()]
    return sorted(whole, key=lambda group: (natural(group.place), group.reverse))


def _cell(entries: tuple[Entry, ...], group: _Group) -> str | None:
    """The cell whose number of gates the recurrent weights have."""
    rows = width = 0
    for row in entries:
        shape = group.tensors[row.leaf].shape if not row.is_bias else ()
        if not row.is_bias and (len(shape) != 2 + row.joined or 0 in shape):
            return None
        if row.pieces[0].kinds == ("weight_hh",):
            sizes = shape[::-1][:2] if row.transposed else shape[-2:]
            rows, width = rows + sizes[0], sizes[1]
    return next((cell for cell, gates in GATES.items() if gates * width == rows), None)


def _equinox(group: _Group, groups: list[_Group]) -> bool:
    """Whether it is Equinox's: it has `bias`, or has no bias and a name of Equinox's layout."""
    return "bias" in group.tensors or bool(
        _OF_EQUINOX.fullmatch(group.prefix)
        and not any("bias" in other.tensors for other in groups if other.stack == group.stack)
    )


def _runs(
    layout: Layout, entries: tuple[Entry, ...], places: Mapping[str, _Sides]
) -> list[list[_Sides]]:
    """Layers of one stack of names, cut where one cannot read what the one before puts out."""
    runs: list[list[_Sides]] = []
    for sides in places.values():
        before = runs[-1][-1] if runs else None
        if before is not None and len(runs[-1]) < MOST_LAYERS - 1 and _reads(
            entries, before, sides
        ):  # fmt: skip
            runs[-1].append(sides)
        else:
            runs.append([sides])
    return runs


def _reads(entries: tuple[Entry, ...], before: _Sides, sides: _Sides) -> bool:
    (_, hidden, directions, biased), above = (_sizes(entries, s) for s in (before, sides))
    return above == (hidden * directions, hidden, directions, biased)


def _sizes(entries: tuple[Entry, ...], sides: _Sides) -> tuple[int, int, int, bool]:
    """(I, H, directions, whether there is a bias) of a layer."""
    tensors = sides[0].tensors
    widths: dict[str, int] = {}
    for row in entries:
        if not row.is_bias:
            shape = tensors[row.leaf].shape
            width = shape[-2] if row.transposed else shape[-1]
            widths.setdefault(row.pieces[0].kinds[0], width)
    joined = entries[0].joined
    directions = tensors[entries[0].leaf].shape[0] if joined else len(sides)
    biased = any(row.leaf in tensors for row in entries if row.is_bias)
    return widths["weight_ih"], widths["weight_hh"], directions, biased


def _layer(
    layout: Layout, cell: str, entries: tuple[Entry, ...], run: list[_Sides]
) -> Layer | None:
    """The network that layers make, None where their shapes make none."""
    size, hidden, directions, biased = _sizes(entries, run[0])
    reverse = [side.reverse for side in run[0]]
    if directions > 2 or (directions == 2 and not entries[0].joined and reverse != [False, True]):
        return None
    arguments: dict[str, Any] = {
        "cell": cell, "input_size": size, "hidden_size": hidden, "num_layers": len(run),
        "bias": biased, "bidirectional": directions == 2,
    }  # fmt: skip
    spec = Spec.from_dict(arguments)
    bias = run[0][0].tensors.get("bias")
    reset_first = layout is KERAS and cell == "gru" and bias is not None and len(bias.shape) == 1
    rows = RESET_BEFORE if reset_first else tuple(r for r in entries if biased or not r.is_bias)
    placed: list[tuple[Placed, Stored]] = []
    for layer, sides in enumerate(run):
        for group, direction in zip(sides, spec.directions):
            both = spec.directions if rows[0].joined else (direction,)
            for row in rows:
                tensor = group.tensors.get(row.leaf)
                entry = Placed(f"{group.prefix}.{row.leaf}".strip("."), spec, row, layer, both)
                if tensor is None or tensor.shape != entry.shape:
                    return None
                placed.append((entry, tensor))
    cannot = RESET_FIRST if reset_first else ""
    if reverse == [True] and not entries[0].joined:
        cannot = cannot or BACKWARDS
    return Layer(_name(run), arguments, laid_back(spec, placed), cannot,
                 tuple(_notes(layout, spec, biased, run)), layout.name)  # fmt: skip


def _name(run: list[_Sides]) -> str:
    """What the names of all its layers begin with, or else the first layer's name."""
    parts = [group.prefix.split(".") for sides in run for group in sides]
    shared = takewhile(lambda column: len(set(column)) == 1, zip(*parts))
    return ".".join(column[0] for column in shared) or parts[0][0]


def _notes(layout: Layout, spec: Spec, biased: bool, run: list[_Sides]) -> Iterable[str]:
    """What else the names and shapes may mean."""
    first = run[0][0].prefix
    if layout is EQUINOX and not biased:
        count = sum(map(len, run))
        yield (
            f"the names are Equinox's of a layer without bias, and {first!r} is also what torch "
            f"calls nn.{spec.class_name}Cell(…, bias=False): the same weights, "
            + (f"here {count} cells that are laid into one network" if count > 1 else "one cell")
        )
    if layout is KERAS and GATES[spec.cell] > 1:
        yield "no shape tells the order of the gates: Keras's is taken, by the names"
    if layout is KERAS and spec.cell == "gru" and not biased:
        yield "no bias to tell reset_after by: taken as True, which torch's GRU is"
    if len(run) > 1:
        names = ", ".join(sides[0].prefix for sides in islice(run, 3))
        more = ", …" if len(run) > 3 else ""
        yield f"{names}{more} are taken for its layers: each fits what the one before puts out"
