"""The JSON documents: one object, or one object a line while the walk goes on."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..analysis.trace import Selection, Trace
from ..engine.walk import Performed, Record, Step, Tensor
from ..errors import UsageError
from ..network.dims import Dim, json_dim, json_shape
from ..network.head import Head
from ..network.spec import Spec

if TYPE_CHECKING:
    from ..analysis.flow import Curve
    from ..doctor.case import Problem
    from ..doctor.check import Report
    from ..doctor.explain import Explanation
    from ..doctor.pick import Picked
    from ..doctor.silent import Mistake
    from ..models.compare import Comparison
    from ..models.convert import Conversion
    from ..models.networks.find import Contents, Module
    from ..numeric.feed import Array, Result

MOST_VALUES = 5_000_000
ITEM_BYTES = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}


def params_document(trace: Trace, dtype: str) -> dict[str, Any]:
    """`rnnshape/params/1`: the parameters of a network, and what they weigh as `dtype`."""
    return {
        "schema": "rnnshape/params/1",
        "spec": trace.spec.to_dict(),
        "tensors": _shapes(trace.tensors),
        **_parameters(trace),
        "saved": [parameter.name for parameter in trace.parameters],
        "not_saved": list(trace.tensors),
        "dtype": dtype,
        "bytes": json_dim(ITEM_BYTES[dtype] * trace.parameter_count),
    }


def trace_lines(trace: Trace, selection: Selection) -> Iterator[str]:
    """`rnnshape/trace/1` as one JSON object, in pieces: a line of head, then a line a step."""
    head = json.dumps(_trace_head(trace))
    yield f'{head[:-1]}, "steps": ['
    yield from _list_lines(_steps(trace.steps(selection), "{"))
    if trace.back is not None:
        yield '], "backward_steps": ['
        yield from _list_lines(_steps(trace.backward_steps(selection), "{"))
    yield "]}"


def _list_lines(texts: Iterator[str]) -> Iterator[str]:
    """The items of a list, a line each, commas between them."""
    waiting = next(texts, "")
    for text in texts:
        yield waiting + ","
        waiting = text
    yield waiting


def trace_ndjson(trace: Trace, selection: Selection) -> Iterator[str]:
    """The same as one object a line: a header, the steps, and an end that counts them."""
    yield json.dumps({"kind": "header", **_trace_head(trace)})
    count = 0
    for text in _steps(trace.steps(selection), '{"kind": "step", '):
        count += 1
        yield text
    end = {"kind": "end", "steps": count}
    if trace.back is not None:
        count = 0
        for text in _steps(trace.backward_steps(selection), '{"kind": "backward_step", '):
            count += 1
            yield text
        end["backward_steps"] = count
    yield json.dumps(end)


def _check_size(shapes: Iterable[Iterable[Dim]]) -> None:
    """Refuse more values than a document can hold: nested lists take many times the room."""
    total: Any = sum(math.prod(shape) for shape in shapes)
    if total > MOST_VALUES:
        raise UsageError(
            f"--json: expected at most {MOST_VALUES:,} values in a document",
            got=f"{total:,}",
            fix="rnnshape run -o result.npz writes them as arrays",
        )


def array_json(array: Any) -> Any:
    """An array as nested lists; what JSON has no number for is "NaN", "Infinity", "-Infinity"."""
    if isinstance(array, float):  # a number of the equations
        return array
    if array.dtype.kind == "f" and not abs(array).max(initial=0) < float("inf"):
        return _finite(array.tolist())
    return array.tolist()


def _finite(nested: Any) -> Any:
    if isinstance(nested, list):
        return [_finite(item) for item in nested]
    if abs(nested) < float("inf"):
        return nested
    return "NaN" if nested != nested else "Infinity" if nested > 0 else "-Infinity"


def run_document(
    trace: Trace, result: Result, gradients: dict[str, Array], curves: Iterable[Curve] = ()
) -> dict[str, Any]:
    """`rnnshape/run/1`: the shapes and values of output, hn and cn, gradients and their flow.

    Raises UsageError where there are too many values.
    """
    _check_size(array.shape for array in (*result.to_dict().values(), *gradients.values()))
    return {
        "schema": "rnnshape/run/1",
        "spec": trace.spec.to_dict(),
        "dtype": str(result.states[0].dtype),
        "tensors": _shapes(trace.tensors),
        **({"packed": _packed(trace)} if trace.batch.packed else {}),
        **{name: array_json(array) for name, array in result.to_dict().items()},
        **{name: array_json(array) for name, array in gradients.items()},
        **({"flow": found} if (found := [_curve(curve) for curve in curves]) else {}),
    }


def _curve(curve: Curve) -> dict[str, Any]:
    return {"name": curve.name, "layer": curve.layer, "direction": curve.direction,
            "t": list(curve.t), "norm": _finite(list(curve.norm))}  # fmt: skip


def _shapes(tensors: dict[str, Any]) -> dict[str, list[int | str]]:
    return {name: json_shape(shape) for name, shape in tensors.items()}


def _parameters(trace: Trace) -> dict[str, Any]:
    listed: list[dict[str, Any]] = []
    for parameter in trace.parameters:
        row: dict[str, Any] = {
            "name": parameter.name,
            "shape": json_shape(parameter.shape),
            "count": json_dim(parameter.count),
            "rule": parameter.rule,
        }
        if trace.feed is not None:
            row["value"] = array_json(trace.feed.weights[parameter.name])
        listed.append(row)
    return {"parameters": listed, "parameter_count": json_dim(trace.parameter_count)}


def _packed(trace: Trace) -> dict[str, Any]:
    batch, spec = trace.batch, trace.spec
    rows = sum(batch.lengths or ())
    return {
        "lengths": list(batch.lengths or ()),
        "batch_sizes": batch.batch_sizes,
        "sorted_indices": list(batch.order),
        "unsorted_indices": list(batch.restored),
        "data": json_shape((rows, spec.input_size)),
        "output_data": json_shape((rows, spec.output_size)),
    }


def head_object(head: Head) -> dict[str, Any]:
    """The `head` of the documents."""
    return {
        "output_size": json_dim(head.size),
        "output_activation": head.activation,
        "output_at": head.at,
        **({} if head.loss is None else {"loss": head.loss}),
    }


def _trace_head(trace: Trace) -> dict[str, Any]:
    if trace.feed is not None:
        backward = trace.gradient_shapes.values() if trace.back else ()
        parameters = (parameter.shape for parameter in trace.parameters)
        _check_size([*trace.tensors.values(), *parameters, *backward])
    effect = trace.batch_first
    head: dict[str, Any] = {
        "schema": "rnnshape/trace/1",
        "spec": trace.spec.to_dict(),
        "unbatched": trace.batch.unbatched,
        "tensors": _shapes(trace.tensors),
        **_parameters(trace),
        "batch_first": {
            "false": _shapes(effect.false),
            "true": _shapes(effect.true),
            "changed": effect.changed,
        },
    }
    if trace.batch.packed:
        head["packed"] = _packed(trace)
    if trace.head is not None:
        head["head"] = head_object(trace.head)
    if trace.back is not None:
        shapes = {name: json_shape(shape) for name, shape in trace.gradient_shapes.items()}
        head["backward"] = {"tbptt": trace.back.tbptt, "gradients": shapes}
    output = {
        "layer": trace.spec.num_layers - 1,
        "directions": list(trace.spec.directions),
        "equal": [list(pair) for pair in trace.equalities()],
    }
    head["sources"] = {
        **({} if trace.spec.single else {"output": output}),
        "states": [
            {"piece": source.piece, "layer": layer, "direction": direction, "t": time}
            for source in trace.state_sources()
            for layer, direction, time in source.cells
        ],
    }
    if trace.feed is not None and trace.result is not None:
        values = {**trace.feed.inputs, **trace.result.to_dict(), **trace.gradients}
        head["values"] = {name: array_json(array) for name, array in values.items()}
    return head


def _tensor(tensor: Tensor) -> dict[str, Any]:
    plain = {"name": tensor.name, "shape": json_shape(tensor.shape)}
    return plain if tensor.value is None else {**plain, "value": array_json(tensor.value)}


def operation(performed: Performed) -> dict[str, Any]:
    """One operation of a step as it stands in JSON."""
    return {
        "op": performed.op,
        "inputs": [_tensor(tensor) for tensor in performed.inputs],
        "output": _tensor(performed.output),
        "expression": performed.expression,
        "macs": json_dim(performed.macs),
    }


def _record(record: Record) -> str:
    """The part of a step that equal steps share, its names written for any time."""
    document: dict[str, Any] = {}
    if record.arrives:
        document["arrives"] = list(map(_tensor, record.arrives))
    document["ops"] = [operation(performed) for performed in record.performed]
    left = zip(record.names, record.state)
    document["state"] = {name: json_shape(tensor.shape) for name, tensor in left}
    return json.dumps(document)[1:]


def _steps(steps: Iterable[Step], opening: str) -> Iterator[str]:
    last: Record | None = None
    shared: list[list[str]] = []  # cut at the places of {p}, and those pieces at {t}: joining is
    # several times faster than replacing, and a walk may have millions of steps
    for step in steps:
        number, layer, direction, t, previous, record, repeat = step
        if record is not last:
            last = record
            shared = [piece.split("{t}") for piece in _record(record).split("{p}")]
        now = str(t)
        time = now if isinstance(t, int) else f'"{t}"'
        again = "" if repeat == 1 else f'"repeat": "{repeat}", '
        rest = str(previous).join([now.join(piece) for piece in shared])
        yield (
            f'{opening}"index": {number}, "layer": {layer}, "direction": "{direction}", '
            f'"t": {time}, {again}{rest}'
        )


def check_document(report: Report) -> dict[str, Any]:
    """`rnnshape/check/1`: what does not fit, in torch's order, and what is silently wrong."""
    from ..doctor.case import plain

    def torch(found: Problem | Mistake) -> dict[str, Any] | None:
        return None if found.torch is None else found.torch._asdict()

    return {
        "schema": "rnnshape/check/1",
        "ok": report.ok,
        "spec": None if report.spec is None else report.spec.to_dict(),
        "tensors": None if report.expected is None else _shapes(dict(report.expected)),
        "problems": [
            {**vars(p), "expected": plain(p.expected), "got": plain(p.got), "torch": torch(p)}
            for p in report.problems
        ],
        "warnings": [
            {name: value for name, value in vars(w).items() if (name, value) != ("proof", None)}
            | {"torch": torch(w)}
            for w in report.warnings
        ],
    }


def explain_document(explanation: Explanation) -> dict[str, Any]:
    """`rnnshape/explain/1`: the causes of an error, most likely first."""
    causes = [
        {**vars(cause), "edits": list(cause.edits), "replaces": None}
        for cause in explanation.causes
    ]
    return {"schema": "rnnshape/explain/1", **vars(explanation), "causes": causes}


def pick_document(picked: Picked) -> dict[str, Any]:
    """`rnnshape/pick/1`: the code that takes what is wanted, and whether it was checked."""
    wanted, answer = picked.wanted, picked.answer
    return {
        "schema": "rnnshape/pick/1",
        "spec": wanted.spec.to_dict(),
        "of": wanted.of,
        "code": answer.code,
        "results": [{"name": n, "shape": json_shape(s)} for n, s in answer.shapes.items()],
        "why": answer.why,
        "alternatives": [{"code": code, "why": why} for code, why in answer.alternatives],
        "verified": picked.verified,
    }


def convert_document(result: Conversion, path: str, target: str) -> dict[str, Any]:
    """`rnnshape/convert/1`: how each tensor of the file `target` was made of the file `path`."""
    return {
        "schema": "rnnshape/convert/1",
        "from": {"file": path, "framework": result.source.framework},
        "to": {"file": target, "framework": result.framework},
        "spec": result.spec.to_dict(),
        "tensors": [
            {"name": row.name, "shape": json_shape(row.shape), "rule": row.rule,
             **({"from": row.made} if row.made else {})}
            for row in result.rows
        ],
        "left_out": list(result.source.left_out),
        "notes": [*result.notes, *result.unsaid(target)],
    }  # fmt: skip


def inspect_document(
    held: Contents,
    modules: Sequence[Module],
    comparison: Comparison | None = None,
    known: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """`rnnshape/inspect/1`: the networks of a file, and what compares with them.

    known: what is said of the network that the file is compared with, of which the causes are told.
    """
    return {
        "schema": "rnnshape/inspect/1",
        "file": held.file.path,
        "format": held.file.format,
        "tensors": len(held.file.tensors),
        "modules": [_module(module) for module in modules],
        "other": {"tensors": len(held.other), "parameter_count": held.other_count},
        "notes": list(held.notes),
        **({} if comparison is None else {"comparison": _comparison(comparison, modules, known)}),
    }


def _module(module: Module) -> dict[str, Any]:
    from ..models.compare import plain

    return {
        "name": module.name,
        "path": module.full_name,
        "spec": module.spec.to_dict(),
        "constructor": module.constructor,
        "parameters": [
            {"name": name, "shape": list(tensor.shape), "count": tensor.count,
             "dtype": tensor.dtype, "stored": list(tensor.stored)}
            for name, tensor in module.parameters.items()
        ],
        "parameter_count": module.count,
        "undetermined": list(module.undetermined),
        "whole": module.whole,
        "problems": [
            {"tensor": problem.tensor, "expected": plain(problem.expected),
             "got": plain(problem.got)}
            for problem in module.problems
        ],
        "guessed": module.guessed or None,
        "readings": list(module.readings),
        "cannot": module.cannot or None,
        "framework": module.framework,
        "runs": not module.cannot or module.chain is not None,
    }  # fmt: skip


_MOST_EXPLAINED = 60_000  # characters of a message


def _comparison(
    comparison: Comparison, modules: Sequence[Module], known: Mapping[str, Any] | None
) -> dict[str, Any]:
    causes: list[dict[str, Any]] = []
    if 0 < len(comparison.torch) <= _MOST_EXPLAINED:
        from ..doctor.explain import explain

        stated = {name: value for name, value in (known or {}).items() if value is not None}
        found = explain(f"RuntimeError: {comparison.torch}", stated)
        causes = explain_document(found)["causes"]
    for cause in causes[:1]:
        if known and cause["id"] == "checkpoint-mismatch":
            cause["code"] = f"rnn = {modules[0].constructor}"  # the whole call: the file tells it
    error = {"type": "RuntimeError", "message": comparison.torch} if comparison.torch else None
    return {
        "checkpoint": comparison.checkpoint,
        "model": comparison.model,
        "equal": comparison.equal,
        "differences": [dict(vars(difference)) for difference in comparison.differences],
        "torch": error,
        "causes": causes,
        "notes": list(comparison.notes),
    }


def code_document(spec: Spec, framework: str, text: str) -> dict[str, Any]:
    """`rnnshape/code/1`: a program that builds the network."""
    plain = spec.to_dict()
    return {"schema": "rnnshape/code/1", "framework": framework, "spec": plain, "code": text}


def rules_document(rules: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    """`rnnshape/rules/1`: the messages that `explain` knows."""
    return {"schema": "rnnshape/rules/1", "rules": list(rules)}


def spec_of(document: Any) -> Spec | None:
    """The spec in a JSON document: the object itself, or any that carries one as `spec`."""
    if isinstance(document, dict):
        if isinstance(document.get("spec"), dict):
            return _with_equations(document["spec"])
        modules = document.get("modules")
        if isinstance(modules, list) and len(modules) == 1:
            return spec_of(modules[0])
        if document and "schema" not in document:
            return _with_equations(document)
    return None


def _with_equations(plain: dict[str, Any]) -> Spec:
    """A spec, its equations read where it has some."""
    text = plain.get("equations")
    if not isinstance(text, str):
        return Spec.from_dict(plain)
    from ..engine.written import Cell

    return Spec.from_dict({**plain, "equations": Cell(text, str(plain.get("cell"))[:200])})
