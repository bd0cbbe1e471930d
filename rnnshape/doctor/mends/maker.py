"""What a maker of mends is, and the table of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..edits import Change, Source
from .place import Scene, Spot


class Candidate(NamedTuple):
    """A mend to be tried: the cause that it would prove, and the changes, of a file each."""

    id: str
    fix: str
    changes: tuple[tuple[str, Change], ...]


Maker = Callable[[Scene], Iterator[Candidate | None]]
RAISED: list[tuple[re.Pattern[str], Maker]] = []
SILENT: dict[str, list[Maker]] = {}


def raised(*patterns: str) -> Callable[[Maker], Maker]:
    """Declares a maker for refusals, `Type: message`, that match one of the patterns."""

    def declare(maker: Maker) -> Maker:
        RAISED.extend((re.compile(pattern, re.DOTALL), maker) for pattern in patterns)
        return maker

    return declare


def silent(*ids: str) -> Callable[[Maker], Maker]:
    """Declares a maker for findings with these ids."""

    def declare(maker: Maker) -> Maker:
        for name in ids:
            SILENT.setdefault(name, []).append(maker)
        return maker

    return declare


def wrap(name: str, fix: str, spot: Spot, form: str) -> Candidate:
    """An expression wrapped: `@` in `form` stands for it."""
    return Candidate(name, fix, ((spot.source.file, spot.source.wrapped(spot.node, form)),))


def put(name: str, fix: str, source: Source, node: ast.expr | ast.stmt, text: str) -> Candidate:
    """`text` in the place of a node."""
    return Candidate(name, fix, ((source.file, source.replace(node, text)),))


def change(name: str, fix: str, source: Source, *changes: Change | None) -> Candidate | None:
    """Changes of one file; None where one of them could not be made."""
    if any(one is None for one in changes):
        return None
    return Candidate(name, fix, tuple((source.file, one) for one in changes if one is not None))


def batch_first_turned(
    name: str, fixes: tuple[str, str], source: Source, call: ast.Call, place: int
) -> Candidate | None:
    """batch_first=True given to a call that has none (its argument `place`), or taken from it."""
    if any(keyword.arg == "batch_first" for keyword in call.keywords):
        return change(name, fixes[1], source, source.without_keyword(call, "batch_first"))
    return change(name, fixes[0], source, source.with_argument(call, "batch_first", "True", place))
