"""A framework's layout of a network, and what a conversion did, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from ...analysis.trace import Trace
from ...network.dims import (
    Dim,
    Shape,
    json_dim,
    json_shape,
    product,
    total,
    write_dim,
    write_shape,
)
from ..document import ITEM_BYTES
from ..screen import Line, Piece, columns, note_lines, text, visible

Calls = Sequence[tuple[str, Shape, str]]


class Shown(Protocol):
    """A tensor of a layout: its name, shape, the rule behind it, and how torch's make it."""

    @property
    def name(self) -> str:
        """The framework's name."""

    @property
    def shape(self) -> Shape:
        """The shape; sizes may be symbols."""

    @property
    def rule(self) -> str:
        """The rule: (I, 4H)."""

    @property
    def made(self) -> str:
        """How it is made: weight_ih_l0 [i f g o]ᵀ."""


def layout_text(
    trace: Trace,
    title: str,
    tensors: Sequence[Shown],
    calls: Calls,
    notes: Iterable[str],
    dtype: str,
) -> Iterator[Line]:
    """Every tensor with its shape, its rule and how it is made; what a layer reads and gives."""
    yield text(f"{trace.spec} in {title}", "title")
    yield []
    yield text("parameters", "title")
    rows: list[list[Piece]] = [
        [(t.name, "weight"), (write_shape(t.shape), ""), (t.rule, "note"),
         (write_dim(product(t.shape)).rjust(9), "note"), (t.made, "")]
        for t in tensors
    ]  # fmt: skip
    yield from columns(rows)
    count = total(product(t.shape) for t in tensors)
    weight = f"{write_dim(ITEM_BYTES[dtype] * count)} bytes as {dtype}"
    yield text(f"  {len(tensors)} tensors, {write_dim(count)} numbers, {weight}", "note")
    yield []
    yield text("tensors", "title")
    yield from columns(
        [[(name, ""), (write_shape(shape), ""), (rule, "note")] for name, shape, rule in calls]
    )
    yield from _notes(notes)


def _notes(notes: Iterable[str]) -> Iterator[Line]:
    for note in notes:
        yield from note_lines(note)


def layout_document(
    trace: Trace,
    name: str,
    tensors: Sequence[Shown],
    calls: Calls,
    notes: Iterable[str],
    dtype: str,
) -> dict[str, Any]:
    """`rnnshape/params/1` in another layout: its own names, and `from` in torch's."""
    count = total(product(t.shape) for t in tensors)
    return {
        "schema": "rnnshape/params/1",
        "framework": name,
        "spec": trace.spec.to_dict(),
        "tensors": {called: json_shape(shape) for called, shape, _ in calls},
        "parameters": [
            {"name": t.name, "shape": json_shape(t.shape), "count": json_dim(product(t.shape)),
             "rule": t.rule, "from": t.made}
            for t in tensors
        ],
        "parameter_count": json_dim(count),
        "dtype": dtype,
        "bytes": json_dim(ITEM_BYTES[dtype] * count),
        "notes": list(notes),
    }  # fmt: skip


def convert_text(document: Mapping[str, Any], spec: str) -> Iterator[Line]:
    """rnnshape/convert/1: what was written, a line a tensor."""
    source, target = document["from"], document["to"]
    yield text(f"{spec}: {source['framework']} → {target['framework']}", "title")
    rows: list[list[Piece]] = [
        [(row["name"], "weight"), (write_shape(row["shape"]), ""), (row["rule"], "note"),
         (row.get("from", ""), "")]
        for row in document["tensors"]
    ]  # fmt: skip
    yield from columns(rows)
    yield from _notes(document["notes"])
    left = document["left_out"]
    if left:
        named = visible(", ".join(left[:6])) + (", …" if len(left) > 6 else "")
        yield text(f"  left out, not part of it: {named} ({len(left)} in all)", "note")
    count: Dim = total(product(row["shape"]) for row in document["tensors"])
    words = f"{len(rows)} tensors, {write_dim(count)} numbers"
    yield text(f"  {words} in {visible(target['file'])}")
