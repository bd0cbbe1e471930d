"""The forms of input and output: their pictures, what they take and give, and their walks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ...analysis.forms import FORMS, Arrangement, Form, FormNumbers, Part
from ...analysis.trace import Selection
from ...errors import UsageError
from ...network.dims import Shape, json_dim, json_shape, write_dim, write_shape
from ..document import array_json, head_object, trace_lines, trace_ndjson
from ..notation import result_kind
from ..screen import Line, array_lines, columns, prose, text
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
                yield prose(f"{line}")
        else:
            yield from _networks(arrangement)
            yield from _tensors(arrangement)
        yield []
    words = "rnnshape forms --code NAME prints the torch code of a form, rnnshape trace --form NAME"
    yield prose(f"{words} walks it.", indent=0)


def _networks(arrangement: Arrangement) -> Iterator[Line]:
    for name, spec in arrangement.networks.items():
        yield [(f"  {name} = ", ""), (spec.code, "weight")]
    read, size = arrangement.last.output_size, arrangement.head.size
    head = f"nn.Linear({write_dim(read)}, {write_dim(size)})"
    yield [("  head = ", ""), (head, "weight")]


def _tensors(arrangement: Arrangement) -> Iterator[Line]:
    yield from columns(
        [
            [(name, "output" if name == "o" else result_kind(name)), (write_shape(shape), "")]
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
        yield prose(part.remark)
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
        "head": head_object(arrangement.head),
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
            if arrangement.spec.equations is None:
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


def form_code(arrangement: Arrangement) -> str:
    """Code that builds the networks, defines `forward` and calls it once on random numbers.

    `forward` returns o and the state; the networks are rnn, or encoder and decoder, and head.
    """
    a = arrangement
    if a.spec.equations is not None:
        raise UsageError(
            "--code: expected a cell that torch has", got=f"--cell {a.spec.cell}",
            fix=f"rnnshape code --cell {a.spec.cell} prints the module of that cell",
        )  # fmt: skip
    inputs = [shape for name, shape in a.tensors.items() if name in ("input", "target")]
    drawn = ", ".join(f"torch.randn{_tuple(shape)}" for shape in inputs)
    lines = ["import torch", "from torch import nn"]
    if a.batch.packed:
        lines.append("from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence")
    lines += ["", *(f"{name} = {spec.code}" for name, spec in a.networks.items())]
    lines += [f"head = nn.Linear({a.last.output_size}, {a.head.size})", "", ""]
    body = {"one-to-many": _fed_back, "encoder-decoder": _two}.get(a.form.name, _one)(a)
    lines += [body[0], *(f"    {line}" for line in body[1:])]
    lines += ["", "", f"o, state = forward({drawn})", "print(tuple(o.shape))"]
    return "\n".join(lines)


def _one(a: Arrangement) -> list[str]:
    read, written = (a.batch.tensors(a.spec)[name] for name in ("input", "output"))
    lines = ["def forward(input, state=None):"]
    if a.batch.packed:
        layout = ", batch_first=True" if a.spec.batch_first else ""
        lengths = list(a.batch.lengths or ())
        lines += [
            f"input = pack_padded_sequence(input, {lengths}{layout}, enforce_sorted=False)",
            "output, state = rnn(input, state)",
            f"output, _ = pad_packed_sequence(output{layout})  # {_tuple(written)}",
        ]
    else:
        lines.append(f"output, state = rnn(input, state)  # {_tuple(read)} -> {_tuple(written)}")
    final = "output"
    if a.head.at == "last":
        h = "state[0]" if a.spec.has_cell_state else "state"
        final = f"{h}[-1]"
        if a.spec.bidirectional:
            final = f"torch.cat([{h}[-2], {h}[-1]], dim=-1)"
    return [*lines, f"o = {_head_call(a, final)}  # {_tuple(a.tensors['o'])}", "return o, state"]


def _fed_back(a: Arrangement) -> list[str]:
    spec, batch = a.spec, a.batch
    time = 1 if spec.batch_first and not batch.unbatched else 0
    return [
        f"def forward(input, state=None, steps={batch.seq_len}):",
        "outputs = []",
        "for t in range(steps):",
        f"    output, state = rnn(input, state)  # one step: {_tuple(a.tensors['input'])}",
        f"    input = {_head_call(a, 'output')}  # the next input",
        "    outputs.append(input)",
        f"return torch.cat(outputs, dim={time}), state  # {_tuple(a.tensors['o'])}",
    ]


def _two(a: Arrangement) -> list[str]:
    bridge = []
    if a.bridge != "state":
        bridge = ["# both directions of a layer side by side", f"state = {a.bridge}"]
    h0 = a.batch.tensors(a.decoder_spec)["h0"]
    return [
        "def forward(input, target, state=None):",
        "_, state = encoder(input, state)  # the output is not used",
        *bridge,
        f"output, state = decoder(target, state)  # h0 {_tuple(h0)}",
        f"return {_head_call(a, 'output')}, state  # {_tuple(a.tensors['o'])}",
    ]


def _head_call(a: Arrangement, read: str) -> str:
    g = a.head.activation
    call = f"head({read})"
    if g == "none":
        return call
    return f"torch.softmax({call}, dim=-1)" if g == "softmax" else f"torch.{g}({call})"


def _tuple(shape: Shape) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
