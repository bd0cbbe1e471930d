"""The forms of input and output: their pictures, what they take and give, and their walks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ...analysis.forms import FORMS, Arrangement, Form, FormNumbers, Part
from ...analysis.trace import Selection
from ...errors import UsageError
from ...network.dims import json_dim, json_shape, write_dim, write_shape
from ..document import array_json, trace_lines, trace_ndjson
from ..notation import kind_of
from ..screen import Line, columns, note_lines, text
from ..values import array_lines
from .form_code import form_code
from .steps import step_lines

# what stands above, in and below each cell; a blank where nothing goes in or comes out
_PICTURES: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "one-to-one": (("o",), ("h",), ("x",)),
    "one-to-many": (("o0", "o1", "o2"), ("h", "h", "h"), ("x", "o0", "o1")),
    "many-to-one": (("", "", "o"), ("h", "h", "h"), ("x0", "x1", "x2")),
    "many-to-many": (("o0", "o1", "o2"), ("h", "h", "h"), ("x0", "x1", "x2")),
    "encoder-decoder": (("", "", "", "o0", "o1"), ("e", "e", "e", "d", "d"),
                        ("x0", "x1", "x2", "y0", "y1")),
}  # fmt: skip


def form_picture(form: Form) -> Iterator[Line]:
    """The cells of a form in a row, what goes in below them and what comes out above."""
    above, cells, below = _PICTURES[form.name]

    def row(words: tuple[str, ...], kind: str) -> Line:
        return [("    ", ""), *((word.center(3) + "   ", kind) for word in words)]

    yield row(above, "output")
    yield row(tuple("↑" if word else "" for word in above), "note")
    yield [("    ", ""), (" → ".join(f"[{cell}]" for cell in cells), "state")]
    yield row(tuple("↑" if word else "" for word in below), "note")
    yield row(below, "input")


def forms_text(arranged: dict[str, Arrangement | UsageError]) -> Iterator[Line]:
    """Every form with its picture, its setting in torch and its shapes, or why it cannot be."""
    for number, (name, arrangement) in enumerate(arranged.items(), 1):
        form = FORMS[name]
        yield [(f"{number}. {name}", "title"), (f"   {form.use}", "note")]
        yield from form_picture(form)
        yield text(f"  {form.setting}")
        if isinstance(arrangement, UsageError):
            for line in str(arrangement).split("\n"):
                yield text(f"  {line}", "note")
        else:
            yield from _networks(arrangement)
            yield from _tensors(arrangement)
        yield []
    yield text("rnnshape forms --code NAME prints the torch code of a form,", "note")
    yield text("rnnshape trace --form NAME walks it.", "note")


def _networks(arrangement: Arrangement) -> Iterator[Line]:
    for name, spec in arrangement.networks.items():
        yield [(f"  {name} = ", ""), (spec.code, "weight")]
    read, size = arrangement.last.output_size, arrangement.head.size
    head = f"nn.Linear({write_dim(read)}, {write_dim(size)})"
    yield [("  head = ", ""), (head, "weight")]


def _tensors(arrangement: Arrangement) -> Iterator[Line]:
    yield from columns(
        [
            [(name, "output" if name == "o" else kind_of(name)), (write_shape(shape), "")]
            for name, shape in arrangement.tensors.items()
        ]
    )


def form_text(
    arrangement: Arrangement, selection: Selection, numbers: FormNumbers | None
) -> Iterator[Line]:
    """The walk of a form: its picture, what goes in and out, and each call with its steps."""
    form = arrangement.form
    yield [(form.name, "title"), (f"   {form.use}", "note")]
    yield []
    yield from form_picture(form)
    yield []
    yield text(f"  {form.setting}")
    yield from _networks(arrangement)
    yield from _tensors(arrangement)
    before = -1
    for part in arrangement.parts(numbers, _folded if selection.folded else range_of):
        number = int(part.name.split()[1]) if part.name[5:].isdigit() else -1
        if number > before + 1 and before >= 0:
            yield []
            calls = (
                f"call {before + 1} … {number - 1}" if number > before + 2 else f"call {number - 1}"
            )
            yield text(f"{calls}: the same shapes (--all unfolds)", "note")
        before = number
        yield []
        yield [(part.name, "title"), (f"   {part.trace.spec.code}", "weight")]
        yield from note_lines(part.remark)
        yield from step_lines(part.trace, selection)


def range_of(times: range) -> range:
    """Every call."""
    return range(len(times))


def _folded(times: range) -> tuple[int, ...] | range:
    return (0, 1, len(times) - 1) if len(times) > 3 else range(len(times))


def _head(arrangement: Arrangement) -> dict[str, Any]:
    return {
        "schema": "rnnshape/form/1",
        "form": arrangement.form.name,
        "head": arrangement.head.to_dict(),
        "tensors": {name: json_shape(shape) for name, shape in arrangement.tensors.items()},
        "parameters": [
            {"name": p.name, "shape": json_shape(p.shape), "count": json_dim(p.count)}
            for p in arrangement.parameters
        ],
    }


def form_lines(
    arrangement: Arrangement, selection: Selection, numbers: FormNumbers | None
) -> Iterator[str]:
    """`rnnshape/form/1`: what goes in and out, and a trace document for each call."""
    yield f'{json.dumps(_head(arrangement))[:-1]}, "parts": ['
    comma = ""
    for part in arrangement.parts(numbers):
        yield f'{comma}{json.dumps(_named(part))[:-1]}, "trace":'
        yield from trace_lines(part.trace, selection)
        yield "}"
        comma = ","
    yield "]}"


def form_ndjson(
    arrangement: Arrangement, selection: Selection, numbers: FormNumbers | None
) -> Iterator[str]:
    """The same as one object a line: a form, then for each call a part and its lines."""
    yield json.dumps({"kind": "form", **_head(arrangement)})
    for part in arrangement.parts(numbers):
        yield json.dumps({"kind": "part", **_named(part)})
        yield from trace_ndjson(part.trace, selection)


def _named(part: Part) -> dict[str, str]:
    return {"name": part.name, "remark": part.remark}


def forms_document(arranged: dict[str, Arrangement | UsageError]) -> dict[str, Any]:
    """`rnnshape/forms/1`: every form with its shapes and code, or why it cannot be."""
    rows = []
    for name, arrangement in arranged.items():
        form = FORMS[name]
        row: dict[str, Any] = {"name": name, "use": form.use, "setting": form.setting}
        if isinstance(arrangement, UsageError):
            row["refused"] = str(arrangement)
        else:
            row |= {k: v for k, v in _head(arrangement).items() if k not in ("schema", "form")}
            row["code"] = form_code(arrangement)
        rows.append(row)
    return {"schema": "rnnshape/forms/1", "forms": rows}


def result_text(computed: dict[str, Any]) -> Iterator[Line]:
    """What a form computes."""
    for name, array in computed.items():
        yield [(name, "output" if name == "o" else "state"), (f"  {write_shape(array.shape)}", "")]
        yield from array_lines(array)


def result_document(arrangement: Arrangement, computed: dict[str, Any]) -> dict[str, Any]:
    """`rnnshape/form-run/1`: o, hn and cn of a form."""
    return {
        "schema": "rnnshape/form-run/1",
        "form": arrangement.form.name,
        "tensors": {name: json_shape(shape) for name, shape in arrangement.tensors.items()},
        **{name: array_json(array) for name, array in computed.items()},
    }
