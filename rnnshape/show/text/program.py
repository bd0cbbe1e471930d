"""A followed program as a person reads it: its lines in the order they run, shapes beside them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, dropwhile
from tokenize import COMMENT, TokenError, generate_tokens
from typing import Any

from ...doctor.followed import Complaint, Diagnosis
from ...errors import one_line
from ...programs.follow import Followed
from ...programs.record import Line as Ran
from ...programs.record import Place, tensors_in
from ...programs.sizes import Size, product, written, written_shape
from ...programs.tensor import Tensor
from ...programs.values import Instance, Unknown
from ..program import Followeds, code_of, shown, verdict_of, worth_a_line
from ..screen import Line, counted, labelled, prose, text, visible

MOST_LINES = 400


def program_text(results: Followeds, file: str, width: int) -> Iterator[Line]:
    """All entries with their lines, then layers, problems, warnings, what was not followed."""
    for i, (followed, diagnosis) in enumerate(results):
        if i:
            yield []
        yield from _entry(followed, diagnosis, file, width)
    yield from verdict_lines(results)


def short_text(results: Followeds, width: int) -> Iterator[Line]:
    """The verdicts alone: problems, warnings, what was not followed."""
    for followed, diagnosis in results:
        lines: Iterator[Line] = chain(_complaints(followed, diagnosis), _unknown(followed))
        if len(results) > 1:
            yield text(f"{followed.entry}: {followed.verdict}", "title")
        else:
            lines = dropwhile(lambda line: not line, lines)  # no gap above the first
        yield from lines
    yield from verdict_lines(results)


def verdict_lines(results: Followeds) -> Iterator[Line]:
    """The last line: fits, does not fit, unknown, or that there is no layer."""
    verdict = verdict_of(results)
    layers = sum(len(f.layers) for f, _ in results)
    calls = sum(f.calls for f, _ in results)
    warnings = sum(len(d.warnings) for _, d in results)
    words = "no recurrent layer found" if verdict == "no recurrent layer" else verdict
    if layers:
        words += f": {_counted(layers, 'recurrent layer')}, {_counted(calls, 'call')}"
    if warnings:
        words += f", {_counted(warnings, 'warning')}"
    kind = {"fits": "good", "does not fit": "bad"}.get(verdict, "title")
    yield [(words, kind)]


def _counted(n: int, noun: str) -> str:
    return f"{written(n)} {noun}s" if isinstance(n, Size) else counted(n, noun)


def _entry(followed: Followed, diagnosis: Diagnosis, file: str, width: int) -> Iterator[Line]:
    title = followed.built or followed.entry or file
    name = file if title != file else ""
    gap = max(width - len(title) - len(name), 2)
    yield [(one_line(title), "title"), (" " * gap + one_line(name) if name else "", "note")]
    lines = [line for line in followed.lines if worth_a_line(line)]
    rows: list[tuple[int, str, str, Ran | None]] = []
    built = {0, *(line.line for line in lines)}
    for place in (layer.place for layer in followed.layers):
        if place.file == followed.source.name and place.line not in built:
            built.add(place.line)
            rows.append((place.line, _source(followed, place), "", None))
    entered = False
    base = min((line.depth for line in lines), default=0)
    for line in lines[:MOST_LINES]:
        if not entered and followed.arguments and line.depth >= base:
            entered = True
            rows.append((0, _header(followed), "", None))
        indent = "  " * min(line.depth - base, 8)
        told_rows = code_of(line, followed).split("\n")
        first = _code(told_rows[0]) + (" …" if len(told_rows) > 1 else "")
        name = "" if line.file == followed.source.name else f"{line.file}:"
        rows.append(
            (line.line, indent + name + first, _shapes(line) + _times(line, followed), line)
        )
    marks = {(c.place.file, c.place.line): c for c in (*diagnosis.problems, *diagnosis.warnings)}
    digits = max((len(str(r[0])) for r in rows), default=1)
    left = digits + 4
    fitting = [
        len(code) for _, code, shape, _ in rows
        if shape and left + len(code) + 2 + len(shape) <= width
    ]  # fmt: skip
    room = max(fitting, default=24)
    for number, code, shape, ran in rows:
        if not number:
            yield text(one_line(code), "title")
            continue
        number_piece = (f"  {number:>{digits}}  ", "note")
        space = width - left - 2 - len(shape)
        if shape and len(code) <= space:
            yield [number_piece, (one_line(code).ljust(min(room, space)), ""),
                   (f"  {shape}", "output")]  # fmt: skip
        else:
            yield [number_piece, (one_line(code), "")]
            if shape:
                inset = left + len(code) - len(code.lstrip()) + 4
                yield [(" " * min(inset, max(space + 2, left)), ""), (shape, "output")]
        complaint = marks.get((ran.file, ran.line)) if ran is not None else None
        if complaint is not None and ran is not None:
            yield from _caret(complaint, followed, code, digits, ran, width)
    if len(lines) > MOST_LINES:
        yield prose(f"… {len(lines) - MOST_LINES:,} lines more: --json has them all")
    if followed.arguments or followed.recurrent:
        yield from _axes(followed)
    yield from _layers(followed)
    yield from _complaints(followed, diagnosis)
    yield from _unknown(followed)


def _source(followed: Followed, place: Place) -> str:
    row = "".join(followed.source.lines[place.line - 1 : place.line]).strip()
    return _code(row) + " …" * (getattr(place.node, "end_lineno", 0) > place.line)


def _code(row: str) -> str:
    """A line without its comment."""
    try:
        for token in generate_tokens(iter([row]).__next__):
            if token.type == COMMENT:
                return row[: token.start[1]].rstrip()
    except (TokenError, SyntaxError):  # the rest of its statement stands on other lines
        pass
    return row


def _header(followed: Followed) -> str:
    parts = []
    for name, argument in followed.arguments.items():
        parts.append(f"{name}: {_value(argument.value)}")
    function = "forward" if followed.built else followed.entry.rpartition(".")[2]
    return f"{function}({', '.join(parts)})"


def _value(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{written_shape(value.shape)}{_dtype(value)}"
    if isinstance(value, (tuple, list)):
        return f"({', '.join(map(_value, value))})"
    return written(value) if isinstance(value, Size) else str(value)[:30]


def _dtype(x: Tensor) -> str:
    names = {"int64": " long", "float32": "", "bool": " bool"}
    return names.get(x.dtype, f" {x.dtype}")


def _shapes(line: Ran) -> str:
    events = [e for e in line.calls if shown(e)]
    if not events:
        values = [t for v in line.names.values() for t in tensors_in(v)]
        if line.calls and not values:
            values = line.calls[-1].outputs
        return ", ".join(written_shape(t.shape) for t in values[:6])
    last = events[-1]
    calls = [e for e in events if e.kind != "index"] or events
    inside = {id(t) for e in calls for t in e.outputs}
    given = {id(t): t for e in calls for t in e.inputs if id(t) not in inside}
    sources = list(given.values()) or last.inputs
    ins = ", ".join(written_shape(t.shape) for t in sources[:4]) + (
        ", …" if len(sources) > 4 else ""
    )
    outputs = last.outputs
    if isinstance(last.result, Unknown):
        outs = "?"
    elif line.failed and not outputs:
        outs = "✗"
    else:
        outs = ", ".join(written_shape(t.shape) for t in outputs[:6])
    if line.failed and outputs:
        outs += " ✗"
    return f"{ins} → {outs}" if ins and outs else ins or outs


def _times(line: Ran, followed: Followed) -> str:
    if line.count < 2:
        return ""
    count = followed.seen.names.recovered(line.count)
    return f"  ({written(count)} times{', not all alike' if line.varied else ''})"


def _caret(
    complaint: Complaint, followed: Followed, code: str, digits: int, ran: Ran, width: int
) -> Iterator[Line]:
    part = complaint.part or complaint.place
    node: Any = part.node
    source = followed.sources.get(part.file)
    if (
        source is None
        or getattr(node, "lineno", 0) != ran.line
        or not hasattr(node, "end_col_offset")
    ):
        return
    row = source.lines[ran.line - 1]
    start = len(row.encode()[: node.col_offset].decode("utf-8", "ignore"))
    end = len(row)
    if node.end_lineno == node.lineno:
        end = len(row.encode()[: node.end_col_offset].decode("utf-8", "ignore"))
    margin = len(row) - len(row.lstrip())
    lead = len(code) - len(code.lstrip())
    indent = digits + 4 + lead + start - margin
    signs = "^" * max(min(end - start, width - indent), 1)
    words = complaint.torch[1].split("\n")[0] if complaint.torch else _begun(complaint.why)
    beside = f" {one_line(words)}"
    if indent + len(signs) + len(beside) > width:  # it is told below
        beside = ""
    yield [(" " * indent, ""), (signs + beside, "bad")]


def _begun(why: str) -> str:
    """The first part of a sentence, in the middle of a line."""
    first = why.split(": ")[0]
    return first[:1].lower() + first[1:] if first[1:2].islower() else first


def _axes(followed: Followed) -> Iterator[Line]:
    """What each axis of the recurrent layers' inputs is."""
    said: dict[str, str] = {}
    for event in followed.recurrent:
        if not event.inputs or isinstance(event.result, Unknown):
            continue
        spec = event.function._attributes["_spec"]
        x = event.inputs[0]
        if spec.single:
            kinds = ["samples", "features"][-x.rank :]
        elif x.rank == 2:
            kinds = ["steps", "features"]
        else:
            kinds = ["samples", "steps"] if spec.batch_first else ["steps", "samples"]
            kinds.append("features")
        words = " × ".join(f"{written(n)} {kind}" for n, kind in zip(x.shape, kinds))
        how = "" if spec.single else f" ({'' if spec.batch_first else 'not '}batch_first)"
        said.setdefault(event.text, f"{words}{how}")
    if said:
        yield []
    for name, words in list(said.items())[:12]:
        yield labelled(f"  {name}", f"reads {words}", "", max(len(n) for n in said) + 4)
    for note in followed.notes:
        yield prose(note)


def _layers(followed: Followed) -> Iterator[Line]:
    if not followed.layers:
        return
    names = [layer.name or layer.kind for layer in followed.layers[:24]]
    for layer, name in zip(followed.layers, names):
        words = [one_line(layer.spec.written(layer.open)), f"line {layer.place.line}"]
        if not ({"num_layers", "bidirectional", "bias", "proj_size"} & layer.open.keys()) and not (
            isinstance(layer.spec.num_layers, Size)
        ):  # of layers that are open nobody knows how many parameters there are
            words.insert(1, _parameter_count(layer.instance))
        width = max(map(len, names)) + 4
        yield labelled(f"  {one_line(name)}", ", ".join(words), "", width)


def _parameter_count(instance: Instance) -> str:
    parameters = instance._attributes.get("_parameters", {}).values()
    count: int = sum((product(v.shape) for v in parameters if isinstance(v, Tensor)), 0)
    return f"{written(count) if isinstance(count, Size) else f'{count:,}'} parameters"


def _complaints(followed: Followed, diagnosis: Diagnosis) -> Iterator[Line]:
    for complaint in diagnosis.problems:
        yield []
        place = _place(followed, complaint.place)
        yield [("problem ", "bad"), (f"{complaint.id}, {one_line(place)}", "title")]
        if complaint.torch is not None:
            for i, row in enumerate(f"{complaint.torch[0]}: {complaint.torch[1]}".split("\n")):
                yield labelled("  torch" if not i else "", visible(row), "bad", 8)
        yield from _mend(complaint)
    for complaint in diagnosis.warnings:
        yield []
        place = _place(followed, complaint.place)
        yield [("warning ", "title"), (f"{complaint.id}, {one_line(place)}", "")]
        yield from _mend(complaint)


def _place(followed: Followed, place: Place) -> str:
    source = followed.sources.get(place.file)
    return source.place(place.line) if source else f"{place.file}:{place.line}"


def _mend(complaint: Complaint) -> Iterator[Line]:
    if complaint.why:
        yield labelled("  why", one_line(complaint.why), "", 8)
    if complaint.fix:
        yield labelled("  fix", one_line(complaint.fix), "", 8)
    for edit in complaint.edits:
        for sign, side in (("-", "before"), ("+", "after")):
            for row in edit[side].split("\n") if edit[side] else []:
                kind = "bad" if sign == "-" else "good"
                yield [(f"  {edit['line']:>5} ", "note"), (f"{sign} {one_line(row)}", kind)]


def _unknown(followed: Followed) -> Iterator[Line]:
    unknown = followed.unknown
    if not unknown:
        return
    yield []
    yield text("not followed", "note")
    for one in unknown[:12]:
        yield prose(f"line {one.line}: {one_line(one.what)}")
    if len(unknown) > 12:
        yield prose(f"and {len(unknown) - 12} more: --json has them all")
