"""What a reader types for an answer: a shape, a number, or an index of output."""

from __future__ import annotations

import ast
import re
from typing import Any

from ..network.dims import Shape

Picked = tuple[int | range, ...]  # for each axis the one place, or those that are kept


def shape_of(text: str) -> tuple[int, ...] | None:
    """A shape in any usual writing: `3,7,20`, `3x7x20`, `(3, 7, 20)`, `3 7 20`."""
    inner = re.sub(r"\A(?:torch\.Size|[a-z_0-9]+\.shape\s*==?)", "", text.strip())
    parts = re.split(r"\s*[,x×*\s]\s*", inner.strip("()[] \t,"))
    if not parts or not all(re.fullmatch(r"[0-9]{1,18}", part) for part in parts):
        return None
    return tuple(map(int, parts))


def number_of(text: str) -> int | None:
    """A whole number: `2320`, `2,320`."""
    digits = text.strip().replace(",", "").replace("_", "")
    return int(digits) if re.fullmatch(r"[0-9]{1,30}", digits) else None


def index_of(text: str, tensor: str, shape: Shape) -> Picked | None:
    """What `output[-1, :, :20]` takes of `tensor`; None where it is no index of it.

    Two indices that take the same give the same: output[4] and output[-1, :, :] of five steps.
    """
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if not isinstance(node, ast.Subscript) or not isinstance(node.value, ast.Name):
        return None
    if node.value.id != tensor:
        return None
    parts = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
    rest = len(shape) - sum(not _ellipsis(part) for part in parts)
    axes: list[ast.expr] = []
    for part in parts:
        axes += [ast.Slice()] * rest if _ellipsis(part) else [part]
    axes += [ast.Slice()] * (len(shape) - len(axes))
    if len(axes) != len(shape):
        return None
    picked = [_axis(part, size) for part, size in zip(axes, shape, strict=True)]
    return None if None in picked else tuple(picked)


def _ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is Ellipsis


def _axis(node: ast.expr, size: Any) -> Any:
    if isinstance(node, ast.Slice):
        ends = [_number(part) if part else None for part in (node.lower, node.upper, node.step)]
        given = (node.lower, node.upper, node.step)
        if any(part and end is None for part, end in zip(given, ends)) or ends[2] == 0:
            return None
        return range(size)[slice(*ends)]
    place = _number(node)
    if place is None or not -size <= place < size:
        return None
    return place % size


def _number(node: ast.expr) -> int | None:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
    return value if type(value) is int else None
