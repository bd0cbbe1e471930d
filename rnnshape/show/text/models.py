"""rnnshape/inspect/1 as a person reads it: what a file of weights holds, and how it compares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...analysis.trace import Trace
from ...errors import one_line
from ...network.dims import Dim, Shape, json_dim, json_shape, product, total, write_dim, write_shape
from ...network.spec import Spec
from ..document import ITEM_BYTES, array_json
from ..notation import result_kind
from ..screen import Line, Piece, Prose, array_lines, columns, counted, length, prose, text, visible

if TYPE_CHECKING:
    from ...models.layouts.layout import Placed
    from ...models.onnx.graph import Chain

Document = Mapping[str, Any]

_MANY_MODULES = 12  # more are shown by their constructor alone
_MOST_MODULES = 200
_MANY_ROWS = 24
_MANY_LINES = 12
_LONG = 300  # characters of one line of torch's


def inspect_text(document: Document) -> Iterator[Line]:
    """The file, each network with its constructor call and parameters, and the rest."""
    modules, other = document["modules"], document["other"]
    held = counted(document["tensors"], "tensor")
    yield [(one_line(document["file"]), "title"), (f"  {document['format']}, {held}", "note")]
    many = len(modules) > _MANY_MODULES
    for module in modules[:_MOST_MODULES]:
        if not many or module is modules[0]:
            yield []
        name = one_line(module["name"])
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
        count = counted(other["tensors"], "other tensor")
        yield text(f"{count}, {other['parameter_count']:,} numbers", "note")
    for note in document["notes"]:
        yield text(one_line(note), "note")


def _parameter_lines(module: Document) -> Iterator[Line]:
    rows: list[list[Piece]] = [
        [
            (row["name"], "weight"),
            (_shape(row["shape"]), ""),
            (one_line(row["dtype"]), "note"),
            (f"{row['count']:>9,}", "note"),
            (_origin(module, row), "note"),
        ]
        for row in module["parameters"]
    ]
    lines = columns(rows, ends=True)
    if len(lines) > _MANY_ROWS:
        middle = prose(f"… {len(lines) - _MANY_ROWS + 1} more")
        lines = [*lines[: _MANY_ROWS - 5], middle, *lines[-4:]]
    yield from lines
    count = counted(len(rows), "tensor")
    yield prose(f"{count}, {module['parameter_count']:,} numbers")


def _origin(module: Document, row: Document) -> str:
    """Where a parameter lies in the file, if not under its own name."""
    names, path = row["stored"], module["path"]
    plain = f"{path}.{row['name']}" if path else row["name"]
    if names == [plain] or names == [plain.removesuffix("_l0")]:
        return ""
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return f"from {one_line(', '.join(names[:2]))}{more}" if names else "zeros"


def _said_lines(module: Document) -> Iterator[Line]:
    """What the file leaves open, what was guessed, and what does not fit."""
    silent = module["undetermined"]
    if silent:
        *before, last = silent
        listed = f"{', '.join(before)} or {last}" if before else last
        yield prose(f"the file does not say {listed}")
    if module["framework"] != "torch":
        yield prose(f"in the layout of {module['framework']}")
    if module["guessed"]:
        yield text(f"  guessed: {one_line(module['guessed'])}", "negative")
    for reading in module["readings"]:
        yield prose(f"{one_line(reading)}")
    if module["cannot"]:
        yield text(f"  torch has no such layer: {one_line(module['cannot'])}", "bad")
        if module["runs"]:
            yield prose("rnnshape run computes it as it is")
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
        (one_line(comparison["checkpoint"]), "title"),
        (" into ", "note"),
        (one_line(comparison["model"]), "title"),
    ]
    yield []
    for difference in differences[:_MANY_LINES]:
        yield from _difference_lines(difference)
    if len(differences) > _MANY_LINES:
        yield text(f"… {len(differences) - _MANY_LINES:,} more differences", "note")
    for note in notes:
        yield text(one_line(note), "note")
    if comparison["torch"]:
        yield from _torch_lines(comparison["torch"])
    for cause in comparison["causes"][:1]:
        yield [("fix", "good"), (f": {one_line(cause['fix'])}", "")]
        for line in filter(None, visible(cause["code"]).split("\n")):
            yield text(f"  {line}")
    if differences or notes:
        yield []
    equal = comparison["equal"]
    yield text("equal" if equal else "not equal", "good" if equal else "bad")


def _difference_lines(difference: Document) -> Iterator[Line]:
    where = f"{one_line(difference['module'])}: " if difference["module"] else ""
    checkpoint, model = _value(difference["checkpoint"]), _value(difference["model"])
    yield [
        (where, "state"),
        (one_line(difference["about"]), "title"),
        (f": {checkpoint} in the checkpoint, {model} in the model", ""),
    ]
    yield prose(f"{one_line(difference['why'])}")


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, list):
        sizes = all(isinstance(item, int) for item in value)
        return _shape(value) if sizes else one_line(", ".join(map(str, value)))
    return one_line(str(value)) or "''"


def _torch_lines(error: Document) -> Iterator[Line]:
    first, *rest = visible(error["message"].replace("\t", "")).split("\n")
    yield [("torch", "bad"), (f": {error['type']}: {first}", "")]
    for line in rest[:_MANY_LINES]:
        yield text("  " + (line if len(line) <= _LONG else line[: _LONG - 1] + "…"))
    if len(rest) > _MANY_LINES:
        yield prose(f"… {len(rest) - _MANY_LINES:,} more lines")


_NARROW = 80  # columns of the narrowest terminal that tables are made for
Calls = Sequence[tuple[str, Shape, str]]


def layout_text(
    trace: Trace,
    title: str,
    tensors: Sequence[Placed],
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
    for (*line, _), row in zip(columns(rows), rows):
        made = row[-1]
        if length(line) + len(made[0]) <= _NARROW:
            yield [*line, made]
        else:
            yield from (line, Prose([("    = ", "note"), made]))
    count = total(product(t.shape) for t in tensors)
    weight = f"{write_dim(ITEM_BYTES[dtype] * count)} bytes as {dtype}"
    yield prose(f"{counted(len(tensors), 'tensor')}, {write_dim(count)} numbers, {weight}")
    yield []
    yield text("tensors", "title")
    yield from columns(
        [[(name, ""), (write_shape(shape), ""), (rule, "note")] for name, shape, rule in calls]
    )
    yield from _notes(notes)


def _notes(notes: Iterable[str]) -> Iterator[Line]:
    for note in notes:
        yield prose(one_line(note, 1000))


def layout_document(
    trace: Trace,
    name: str,
    tensors: Sequence[Placed],
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
        named = ", ".join(one_line(own, 80) for own in left[:6]) + (", …" if len(left) > 6 else "")
        yield prose(f"left out, not part of it: {named} ({len(left)} in all)")
    count: Dim = total(product(row["shape"]) for row in document["tensors"])
    words = f"{counted(len(rows), 'tensor')}, {write_dim(count)} numbers"
    yield text(f"  {words} in {visible(target['file'])}")


_OWN = {"Y": "output, its directions apart", "Y_h": "the last rows of hn",
        "Y_c": "the last rows of cn"}  # fmt: skip
_AXES = {"Y": ("(T, D, N, H)", "(N, T, D, H)"), "Y_h": ("(D, N, H)", "(N, D, H)"),
         "Y_c": ("(D, N, H)", "(N, D, H)")}  # fmt: skip


def onnx_text(chain: Chain, x: Any, arrays: Mapping[str, Any]) -> Iterator[Line]:
    """The operators, then every tensor with its shape and values."""
    for node in chain.nodes:
        title = f"{chain.framework} {node.operator}"
        yield [(title, "title"), (f"  {one_line(node.name)}", "")]
        attributes = ", ".join(
            f"{name}={value}" for name, value in node.attributes.items() if value != []
        )
        yield prose(f"{one_line(attributes) or 'no attributes'}")
    if chain.merge != "concat":
        yield prose(f"merge_mode={chain.merge}: output is that of the two directions")
    if chain.turned:
        yield prose("go_backwards: output begins with the last step, which is read first")
    if chain.framework != "ONNX":
        arrays = {name: array for name, array in arrays.items() if name not in _OWN}
    turned = chain.batch_first and chain.framework == "ONNX"
    if turned:
        yield prose("the file turns its input (N, T, I) into (T, N, I), and output back")
    layout = chain.nodes[-1].layout
    for name, array in {"input": x, **arrays}.items():
        yield []
        about = f"  {_AXES[name][layout]}: {_OWN[name]}" if name in _OWN else ""
        yield [(name, result_kind(name)), (f"  {write_shape(array.shape)}", ""), (about, "note")]
        if name not in _OWN:
            yield from array_lines(array)


def onnx_document(chain: Chain, spec: Spec, x: Any, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """`rnnshape/run/1`, with the operators and Y, Y_h and Y_c beside what torch would give."""
    shapes = {"input": list(x.shape)}
    for name in ("hn", "cn"):
        if name in arrays:
            shapes[name[0] + "0"] = list(arrays[name].shape)
    for name in ("output", "hn", "cn"):
        if name in arrays:
            shapes[name] = list(arrays[name].shape)
    return {
        "schema": "rnnshape/run/1",
        "spec": spec.to_dict(),
        "dtype": str(arrays["output"].dtype),
        "tensors": shapes,
        "onnx": [
            {"name": node.name, "operator": node.operator, "attributes": dict(node.attributes)}
            for node in chain.nodes
        ],
        **{name: array_json(array) for name, array in arrays.items()},
    }
