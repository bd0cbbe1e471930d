"""The JSON document of a program that was followed: rnnshape/program/1."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..analysis.trace import Trace
from ..doctor.followed import Complaint, Diagnosis, diagnose
from ..errors import UsageError, quoted
from ..network.batch import batch_of
from ..network.constructor import ARGUMENTS
from ..network.dims import Dim, parse_dim
from ..network.spec import Spec
from ..programs.follow import Argument, Followed, Layer, Request, follow, setting_value, shape_value
from ..programs.record import Event, Line, tensors_in
from ..programs.sizes import Size, json_shape, json_size
from ..programs.sources import Settings, heeded, without_problem
from ..programs.tensor import Tensor
from ..programs.values import Packed, Unknown

Followeds = Sequence[tuple[Followed, Diagnosis]]
VERDICTS = ("does not fit", "unknown", "fits", "no recurrent layer")  # what is said of several


def diagnosed(request: Request, project: Settings | None = None) -> Followeds:
    """What was followed, each with what is wrong with it.

    project: sets and shapes that its pyproject.toml has for arguments that are there, and ids that
    it leaves out; what the line of a problem or warning leaves out is left out too.
    """
    project = project or Settings()
    sets = {name: setting_value(value) for name, value in project.set}
    given = {name: shape_value(value) for name, value in project.shape}
    if sets or given:
        for one in follow(replace(request, strict=False)):
            known = {*one.constructor, *one.arguments}
            sets = {n: v for n, v in sets.items() if n in known or "." in n}
            given = {n: v for n, v in given.items() if n in one.arguments}
        request = replace(
            request, settings={**sets, **request.settings}, shapes={**given, **request.shapes},
            strict=False,
        )  # fmt: skip
    results = []
    for followed in follow(request):
        found = diagnose(followed, request)
        problems = heeded(followed, found.problems, project.ignore)
        warnings = heeded(followed, found.warnings, project.ignore)
        heeded_one = followed if problems or not found.problems else without_problem(followed)
        results.append((heeded_one, replace(found, problems=problems, warnings=warnings)))
    return results


def program_document(
    results: Followeds, file: str, entry: str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """One document of all that was followed: an entry, or each module of a file."""
    single = results[0][0] if len(results) == 1 else None
    unknown = [t for followed, _ in results for t in followed.unknown]
    return {
        "schema": "rnnshape/program/1",
        "file": file,
        "entry": entry or (single.entry if single and single.entry else None),
        "verdict": verdict_of(results),
        "set": {name: plain(value) for name, value in settings.items()},
        "input": {
            name: argument_object(argument)
            for followed, _ in results
            for name, argument in followed.arguments.items()
        },
        "layers": [layer_object(layer, f) for f, _ in results for layer in f.layers],
        "lines": [
            line_object(line, f) for f, _ in results for line in f.lines if worth_a_line(line)
        ],
        "output": [json_shape(t.shape) for t in single.outputs] if single else [],
        "problems": unique(complaint_object(c) for _, d in results for c in d.problems),
        "warnings": unique(complaint_object(c) for _, d in results for c in d.warnings),
        "unknown": unique({"file": t.file, "line": t.line, "what": t.what} for t in unknown),
    }


def verdict_of(results: Followeds) -> str:
    """The verdict on several entries: the worst; a layer anywhere is a layer."""
    verdicts = [followed.verdict for followed, _ in results]
    return next((v for v in VERDICTS if v in verdicts), "no recurrent layer")


def unique(objects: Any) -> list[dict[str, Any]]:
    """The objects, each once."""
    distinct: list[dict[str, Any]] = []
    for one in objects:
        if one not in distinct:
            distinct.append(one)
    return distinct


def plain(value: Any) -> Any:
    """A value of --set in JSON."""
    if isinstance(value, (bool, float, str, type(None))):
        return value
    if isinstance(value, int):
        return json_size(value)
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    return getattr(value, "name", str(value))


def shapes(value: Any) -> Any:
    """The shapes of nested tuples and lists of tensors; null for what is not known."""
    if isinstance(value, Tensor):
        return json_shape(value.shape)
    if isinstance(value, (tuple, list)):
        return [shapes(one) for one in value if isinstance(one, (Tensor, tuple, list))]
    found = [json_shape(t.shape) for t in tensors_in(value)]
    return found[0] if len(found) == 1 else found or None


def argument_object(argument: Argument) -> dict[str, Any]:
    """An argument of the entry."""
    value = argument.value
    found: dict[str, Any] = {"shape": shapes(value), "dtype": None, "given": argument.given}
    first = next(iter(tensors_in(value)), None)
    if first is not None:
        found["dtype"] = first.dtype
    elif isinstance(value, (int, float, str, bool)):
        found["value"] = plain(value)
    return found


def spec_object(spec: Spec, open_: Mapping[str, str | None]) -> dict[str, Any]:
    """The spec; what the program leaves open is a name, or null."""
    values = {name: getattr(spec, name) for name in ARGUMENTS}
    return {
        name: json_size(value) if isinstance(value, Size) else value
        for name, value in values.items()
    } | dict(open_)


def layer_object(layer: Layer, followed: Followed) -> dict[str, Any]:
    """A recurrent layer, and the lines that call it."""
    calls = [e.place.line for e in followed.recurrent if e.function is layer.instance]
    return {
        "name": layer.name or layer.kind, "kind": layer.kind, "file": layer.place.file,
        "line": layer.place.line, "spec": spec_object(layer.spec, layer.open),
        "calls": sorted(set(calls)),
    }  # fmt: skip


def layer_trace(layer: Layer, followed: Followed) -> Trace:
    """The walk of a layer over the batch of its first call, its open sizes by their names."""
    spec: Spec = layer.spec
    if isinstance(spec.num_layers, Size):
        raise UsageError(
            "--layer: expected a layer whose num_layers is a number", got=str(spec.num_layers),
            fix=f"--set {quoted(f'{spec.num_layers}=2')}",
        )  # fmt: skip
    sizes: dict[str, Any] = {
        n: _dim(v) for n in ARGUMENTS if isinstance(v := getattr(spec, n), Size)
    }
    spec = replace(spec, **sizes)
    event = next((e for e in followed.recurrent if e.function is layer.instance and e.inputs), None)
    batch: dict[str, Any] = {}
    if event is not None:
        shape = [*map(_dim, event.inputs[0].shape)]
        packed = next((a for a in event.args if isinstance(a, Packed)), None)
        if packed is not None and packed.lengths:
            batch["lengths"] = tuple(map(int, packed.lengths))
        elif spec.single:
            batch = {"size": shape[0]} if len(shape) == 2 else {}
        elif len(shape) == 2:
            batch = {"unbatched": True, "seq_len": shape[0]}
        else:
            first = packed.batch_first if packed else spec.batch_first
            batch = dict(zip(("size", "seq_len") if first else ("seq_len", "size"), shape))
    return Trace(spec, batch_of(spec, **batch))


def _dim(size: Any) -> Dim:
    """A size of a program as a walk has it: a number, a name, a product; else a name for it."""
    text = str(size)
    if any(sign in text for sign in "+-/(.%[ "):
        text = re.sub(r"\W+", "_", text).strip("_")[:30]
        text = text if text[:1].isalpha() else f"n_{text}"
    return parse_dim(text, "size")


def worth_a_line(line: Line) -> bool:
    """Whether a line handles tensors in a way worth a line of print."""
    return line.failed or bool(line.names) or any(shown(event) for event in line.calls)


def shown(event: Event) -> bool:
    """Whether a call is told: one that gives tensors, or goes back through them."""
    if event.kind in ("operator", "setitem"):
        return False
    return (
        bool(event.outputs)
        or event.kind == "Tensor.backward"
        or (isinstance(event.result, Unknown) and bool(event.inputs))
    )


def kind_of(event: Event) -> str:
    """LSTM, view, Encoder."""
    if event.kind == "index":
        return "index"
    return event.kind.rpartition(".")[2] or event.name


def line_object(line: Line, followed: Followed) -> dict[str, Any]:
    """A line with its calls and names."""
    return {
        "file": line.file, "line": line.line, "in": line.where, "code": code_of(line, followed),
        "count": line.count, "varied": line.varied,
        "calls": [
            {
                "call": event.text, "kind": kind_of(event),
                "inputs": [json_shape(t.shape) for t in event.inputs],
                "outputs": [json_shape(t.shape) for t in event.outputs],
            }
            for event in line.calls if shown(event)
        ],
        "names": {name: shapes(value) for name, value in line.names.items()},
    }  # fmt: skip


def code_of(line: Line, followed: Followed) -> str:
    """The source of a statement, without its indentation."""
    source = followed.sources.get(line.file)
    if source is None:
        return ""
    rows = source.lines[line.line - 1 : line.end]
    margin = len(rows[0]) - len(rows[0].lstrip()) if rows else 0
    return "\n".join(row[margin:] if not row[:margin].strip() else row for row in rows).strip()


def complaint_object(complaint: Complaint) -> dict[str, Any]:
    """A problem or a warning."""
    found: dict[str, Any] = {
        "id": complaint.id, "file": complaint.place.file, "line": complaint.place.line,
    }  # fmt: skip
    if complaint.torch is not None:
        found["torch"] = {"type": complaint.torch[0], "message": complaint.torch[1]}
    return found | {"why": complaint.why, "fix": complaint.fix, "edits": list(complaint.edits)}
