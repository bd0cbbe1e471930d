"""The layouts by their names, and which of them a file's tensors are in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...errors import UsageError
from ...network.constructor import GATES
from ...network.spec import Spec
from ..formats.stored import Stored
from ..layouts.equinox import EQUINOX
from ..layouts.flax import FLAX, LINEN
from ..layouts.keras import KERAS
from ..layouts.layout import Entry, Layout, Placed, laid, name
from ..layouts.onnx import ONNX

LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in (ONNX, KERAS, FLAX, LINEN, EQUINOX)}
FRAMEWORKS = ("torch", *LAYOUTS)
_SIDES = re.compile(r"forward|fwd|backward|bwd|reverse")
_BACKWARD = ("backward", "bwd", "reverse")


def layout_of(framework: str, option: str = "--framework") -> Layout | None:
    """The layout of a framework, None for torch's own. Raises UsageError."""
    if framework not in FRAMEWORKS:
        raise UsageError(
            f"{option}: expected {', '.join(FRAMEWORKS)}",
            got=repr(framework[:40]),
            fix=f"{option} keras",
        )
    return LAYOUTS.get(framework)


def converted(layout: Layout, spec: Spec, weights: Mapping[str, Any]) -> dict[str, Any]:
    """torch's parameters in another layout. Raises UsageError where they have no place there."""
    placed = layout.tensors(spec)
    for kind, gate in layout.missing(spec):
        _nothing_lost(layout, spec, weights, kind, gate)
    return {tensor.name: tensor.build(weights) for tensor in placed}


def _nothing_lost(
    layout: Layout, spec: Spec, weights: Mapping[str, Any], kind: str, gate: int
) -> None:
    hidden: Any = spec.hidden_size
    for layer in range(spec.num_layers):
        for direction in spec.directions:
            own = name(kind, layer, direction)
            block = weights[own][gate * hidden : (gate + 1) * hidden]
            if block.any():
                raise UsageError(
                    f"{layout.name}: expected zeros in {own}[{gate * hidden}:], since "
                    f"{(layout.lacks or {})[spec.cell]}",
                    got=f"up to {abs(block).max():.3g}",
                    fix="--to flax-linen",
                )


class Group:
    """The tensors that stand behind one prefix, by what follows it."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.tensors: dict[str, Any] = {}
        self.names: list[str] = []

    @property
    def reverse(self) -> bool:
        """Whether the prefix speaks of the reverse direction."""
        return any(word in self.prefix for word in _BACKWARD)

    @property
    def place(self) -> str:
        """The prefix without its direction: equal for the two of a layer."""
        return _SIDES.sub("*", self.prefix)

    @property
    def stack(self) -> str:
        """The prefix without direction and numbers: equal for the layers of a stack."""
        return re.sub(r"_?\d+", "", self.place)


class Read:
    """A network found in another layout: its arguments, and its parameters under torch's names.

    used: the names of the tensors that it was made from.
    """

    def __init__(
        self, layout: Layout, arguments: dict[str, Any], weights: dict[str, Any], used: list[str]
    ) -> None:
        self.layout, self.arguments, self.weights, self.used = layout, arguments, weights, used


def restored(tensors: Mapping[str, Any], module: str | None = None) -> Read | None:
    """The network whose tensors stand in another layout, or None.

    tensors: arrays, or as they lie in a file, where only those of the network are read.
    `module` is a part of their names. Raises UsageError where several networks are found, or one
    that torch does not have.
    """
    for layout in LAYOUTS.values():
        for cell, entries in layout.cells.items():
            groups = _groups(entries, tensors)
            if not groups:
                continue
            stacks: dict[str, list[Group]] = {}
            for group in groups:
                stacks.setdefault(group.stack, []).append(group)
            fitting = {s: g for s, g in stacks.items() if _cell(entries, g[0]) == cell}
            _refuse_reset_before(layout, cell, stacks)
            if fitting:
                if len(fitting) > 1:
                    raise UsageError(
                        f"--module: expected the part of the names that one network has "
                        f"({', '.join(g[0].prefix for g in fitting.values())[:300]})",
                        got=repr(module) if module else "none",
                        fix=f"--module {next(iter(fitting.values()))[0].prefix}",
                    )
                return _read(layout, cell, entries, next(iter(fitting.values())))
    return None


def _groups(entries: tuple[Entry, ...], tensors: Mapping[str, Any]) -> list[Group]:
    """The prefixes behind which all weights of `entries` stand, in the order of their numbers."""
    groups: dict[str, Group] = {}
    for original, array in tensors.items():
        own = re.sub(r"(?<=\.(?:if|in))_(?=\.)", "", "." + original.replace("/", ".").split(":")[0])
        for row in entries:
            if own.endswith("." + row.leaf):
                prefix = own[: -len(row.leaf)].strip(".")
                group = groups.setdefault(prefix, Group(prefix))
                group.tensors[row.leaf] = array
                group.names.append(original)
    needed = {row.leaf for row in entries if not row.is_bias}
    whole = [group for group in groups.values() if needed <= group.tensors.keys()]
    return sorted(whole, key=lambda group: _natural(group.place))


def _natural(text: str) -> list[tuple[int, str]]:
    return [(int(p), "") if p.isdigit() else (-1, p) for p in re.split(r"(\d+)", text)]


def _cell(entries: tuple[Entry, ...], group: Group) -> str | None:
    """The cell whose number of gates the recurrent weights have."""
    rows = width = 0
    for row in entries:
        if row.pieces[0].kinds == ("weight_hh",):
            shape = group.tensors[row.leaf].shape
            if len(shape) != 2 + row.joined or 0 in shape:
                return None
            sizes = shape[::-1][:2] if row.transposed else shape[-2:]
            rows, width = rows + sizes[0], sizes[1]
    return next((cell for cell, gates in GATES.items() if gates * width == rows), None)


def _refuse_reset_before(layout: Layout, cell: str, stacks: Mapping[str, list[Group]]) -> None:
    for groups in stacks.values():
        bias = groups[0].tensors.get("bias")
        if layout is not KERAS or cell != "gru" or bias is None or len(bias.shape) != 1:
            continue
        if _cell(layout.cells[cell], groups[0]) == cell:
            raise UsageError(
                "torch: expected a GRU of Keras with reset_after=True, whose bias has two "
                "rows: torch applies the reset gate after the matrix product",
                got=f"a bias of {bias.shape[0]}, which is reset_after=False",
                fix="train it with reset_after=True; no torch.nn.GRU computes the other",
            )


def _read(layout: Layout, cell: str, entries: tuple[Entry, ...], groups: list[Group]) -> Read:
    """The network that a stack of groups makes. Raises UsageError where it makes none."""
    biased = any(row.leaf in groups[0].tensors for row in entries if row.is_bias)
    joined = entries[0].joined
    first = groups[0].tensors
    both = first[entries[0].leaf].shape[0] == 2 if joined else any(g.reverse for g in groups)
    groups = groups if joined else sorted(
        groups, key=lambda group: (_natural(group.place), group.reverse))  # fmt: skip
    sizes = {}
    for row in entries:
        kind = row.pieces[0].kinds[0]
        if not row.is_bias and kind not in sizes:
            shape = first[row.leaf].shape
            sizes[kind] = shape[-2] if row.transposed else shape[-1]
    arguments = {
        "cell": cell, "input_size": sizes["weight_ih"], "hidden_size": sizes["weight_hh"],
        "num_layers": len(groups) // (1 if joined or not both else 2), "bias": biased,
        "bidirectional": both,
    }  # fmt: skip
    spec = Spec.from_dict(arguments)
    found: list[tuple[Placed, Any]] = []
    each = iter(groups)
    for layer in range(spec.num_layers):
        for direction in spec.directions[: 1 if joined else 2]:
            group = next(each)
            for row in entries:
                if row.is_bias and not biased:
                    continue
                sides = spec.directions if joined else (direction,)
                placed = Placed(f"{group.prefix}.{row.leaf}".strip("."), spec, row, layer, sides)
                array = group.tensors.get(row.leaf)
                _expect(layout, placed, array)
                found.append((placed, _array(array)))
    return Read(
        layout, arguments, laid(spec, found), [own for group in groups for own in group.names]
    )


def _array(tensor: Any) -> Any:
    return tensor.read() if isinstance(tensor, Stored) else tensor


def _expect(layout: Layout, placed: Placed, array: Any) -> None:
    if array is None or tuple(array.shape) != placed.shape:
        raise UsageError(
            f"{layout.name}: expected {placed.name} of {placed.rule} = {placed.shape}",
            got="nothing" if array is None else str(tuple(array.shape)),
            fix="give --module where the file holds several networks",
        )
