"""rnnshape/inspect/1 as a person reads it: what a file of weights holds, and how it compares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...network.dims import write_shape
from ..screen import Line, Piece, columns, text, visible, visible_line

Document = Mapping[str, Any]

_MANY_MODULES = 12  # more are shown by their constructor alone
_MOST_MODULES = 200
_MANY_ROWS = 24
_MANY_LINES = 12
_LONG = 300  # characters of one line of torch's


def inspect_text(document: Document) -> Iterator[Line]:
    """The file, each network with its constructor call and parameters, and the rest."""
    modules, other = document["modules"], document["other"]
    held = _counted(document["tensors"], "tensor")
    yield [
        (visible_line(document["file"]), "title"),
        (f"  {document['format']}, {held}", "note"),
    ]
    many = len(modules) > _MANY_MODULES
    for module in modules[:_MOST_MODULES]:
        if not many or module is modules[0]:
            yield []
        name = visible_line(module["name"])
        yield [(name, "state"), ("  " if name else "", ""), (module["constructor"], "title")]
        if not many:
            yield from _parameter_lines(module)
        yield from _said_lines(module)
    if len(modules) > _MOST_MODULES:
        left = len(modules) - _MOST_MODULES
        yield text(f"… {left:,} more networks; --json lists them all", "note")
    yield []
    if not modules:
        yield text("no recurrent network in it")
    if other["tensors"]:
        count = _counted(other["tensors"], "other tensor")
        yield text(f"{count}, {other['parameter_count']:,} numbers", "note")
    for note in document["notes"]:
        yield text(visible_line(note), "note")


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _parameter_lines(module: Document) -> Iterator[Line]:
    rows: list[list[Piece]] = [
        [
            (row["name"], "weight"),
            (_shape(row["shape"]), ""),
            (visible_line(row["dtype"]), "note"),
            (f"{row['count']:>9,}", "note"),
            (_origin(module, row), "note"),
        ]
        for row in module["parameters"]
    ]
    lines = columns(rows)
    if len(lines) > _MANY_ROWS:
        middle = text(f"  … {len(lines) - _MANY_ROWS + 1} more", "note")
        lines = [*lines[: _MANY_ROWS - 5], middle, *lines[-4:]]
    yield from lines
    count = _counted(len(rows), "tensor")
    yield text(f"  {count}, {module['parameter_count']:,} numbers", "note")


def _origin(module: Document, row: Document) -> str:
    """Where a parameter lies in the file, if not under its own name."""
    names, path = row["stored"], module["path"]
    plain = f"{path}.{row['name']}" if path else row["name"]
    if names == [plain] or names == [plain.removesuffix("_l0")]:
        return ""
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return f"from {visible_line(', '.join(names[:2]))}{more}" if names else "zeros"


def _said_lines(module: Document) -> Iterator[Line]:
    """What the file leaves open, what was guessed, and what does not fit."""
    silent = module["undetermined"]
    if silent:
        *before, last = silent
        listed = f"{', '.join(before)} or {last}" if before else last
        yield text(f"  the file does not say {listed}", "note")
    if module["guessed"]:
        yield text(f"  guessed: {visible_line(module['guessed'])}", "negative")
    for reading in module["readings"]:
        yield text(f"  {visible_line(reading)}", "note")
    if module["cannot"]:
        yield text(f"  torch has no such layer: {visible_line(module['cannot'])}", "bad")
    problems = module["problems"]
    for problem in problems[:_MANY_LINES]:
        yield text(f"  {_problem(problem)}", "bad")
    if len(problems) > _MANY_LINES:
        yield text(f"  … {len(problems) - _MANY_LINES:,} more that do not fit", "bad")


def _problem(problem: Document) -> str:
    name, expected, got = problem["tensor"], problem["expected"], problem["got"]
    if expected is None:
        return f"{name} is {_shape(got)}, where the network has no such tensor"
    if got is None:
        return f"{name} is missing: expected {_shape(expected)}"
    return f"{name} is {_shape(got)}: expected {_shape(expected)}"


def _shape(sizes: Sequence[int | str]) -> str:
    return "×".join(map(str, sizes)) if any(isinstance(s, str) for s in sizes) else write_shape(
        tuple(size for size in sizes if isinstance(size, int)))  # fmt: skip


def comparison_text(document: Document) -> Iterator[Line]:
    """Each difference, what torch says of all of them, how to mend it, and the verdict."""
    comparison = document["comparison"]
    differences, notes = comparison["differences"], comparison["notes"]
    yield [
        (visible_line(comparison["checkpoint"]), "title"),
        (" into ", "note"),
        (visible_line(comparison["model"]), "title"),
    ]
    yield []
    for difference in differences[:_MANY_LINES]:
        yield from _difference_lines(difference)
    if len(differences) > _MANY_LINES:
        yield text(f"… {len(differences) - _MANY_LINES:,} more differences", "note")
    for note in notes:
        yield text(visible_line(note), "note")
    if comparison["torch"]:
        yield from _torch_lines(comparison["torch"])
    for cause in comparison["causes"][:1]:
        yield [("fix", "good"), (f": {visible_line(cause['fix'])}", "")]
        for line in visible(cause["code"]).split("\n"):
            yield text(f"  {line}")
    if differences or notes:
        yield []
    equal = comparison["equal"]
    yield text("equal" if equal else "not equal", "good" if equal else "bad")


def _difference_lines(difference: Document) -> Iterator[Line]:
    where = f"{visible_line(difference['module'])}: " if difference["module"] else ""
    checkpoint, model = _value(difference["checkpoint"]), _value(difference["model"])
    yield [
        (where, "state"),
        (visible_line(difference["about"]), "title"),
        (f": {checkpoint} in the checkpoint, {model} in the model", ""),
    ]
    yield text(f"  {visible_line(difference['why'])}", "note")


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, list):
        sizes = all(isinstance(item, int) for item in value)
        return _shape(value) if sizes else visible_line(", ".join(map(str, value)))
    return visible_line(str(value)) or "''"


def _torch_lines(error: Document) -> Iterator[Line]:
    first, *rest = visible(error["message"].replace("\t", "")).split("\n")
    yield [("torch", "bad"), (f": {error['type']}: {first}", "")]
    for line in rest[:_MANY_LINES]:
        yield text("  " + (line if len(line) <= _LONG else line[: _LONG - 1] + "…"))
    if len(rest) > _MANY_LINES:
        yield text(f"  … {len(rest) - _MANY_LINES:,} more lines", "note")
