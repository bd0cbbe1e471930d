"""One reading of a network for a page: its drawing, its steps and its numbers as plain JSON.

Equal steps share one record, and a run of them is one row, so that a reading is as small as the
network is regular. Names keep `{t}` and `{p}` for the page to fill in.
"""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ...analysis.trace import Selection, Trace
from ...engine.walk import HEAD, Record, Step, Tensor, passes
from ...errors import UsageError
from ...network.dims import symbol, write_shape
from ...network.spec import Spec
from ..notation import Line, equation_pieces, kind_of, shape_pieces
from ..pictures.inside import found_states, of_record
from ..pictures.scene import Scene
from ..pictures.svg import inside_lines, part_lines
from ..pictures.unrolled import Unrolled
from ..text.backsteps import loss_words

MOST_STEPS = 64  # as many columns a page draws; its reader can scroll
MOST_NUMBERS = 2_000_000  # 11 MB on the page


def reading(trace: Trace, name: str, insides: dict[str, int] | None = None) -> dict[str, Any]:
    """What a page shows of one trace; `name` sets its drawing apart from the others.

    insides: drawings of cells and their places, to which those of this trace are added.
    """
    insides = {} if insides is None else insides
    shapes = replace(trace, feed=None)
    letters = _letters(shapes)
    records: list[Record] = []
    runs = [list(run) for run in _runs(shapes, records)]
    words = {
        id(record): told for record, told in zip(records, _told(shapes, letters, len(records)))
    }
    spec = trace.spec
    return {
        "code": spec.code,
        "title": f"{spec} over {trace.batch.seq_len} steps",
        "batchFirst": spec.batch_first,
        "bidirectional": spec.bidirectional,
        "svg": "".join(part_lines(Scene(Unrolled(shapes, MOST_STEPS)), name)),
        "tensors": _tensors(shapes, letters),
        "parameters": [
            [p.name, write_shape(p.shape), p.rule, str(p.count)] for p in trace.parameters
        ],
        "sizes": ", ".join(_sizes(shapes)),
        "notes": [f"{left} equals {right}" for left, right in trace.equalities()],
        "passes": _passes(shapes),
        "runs": runs,
        "records": [
            _record(record, words.get(id(record), [])) | _inside(record, spec, insides)
            for record in records
        ],
    }


def _runs(trace: Trace, records: list[Record]) -> Iterator[tuple[int, int | str, int, int, int]]:
    """Runs of equal steps: pass, first time, stride, count, record; fills `records`."""
    places = [(place.layer, place.direction) for place in passes(trace.spec)]
    places.append((trace.spec.num_layers, HEAD))
    start: Step | None = None
    stride, count = 1, 1

    def row() -> tuple[int, int | str, int, int, int]:
        assert start is not None
        number = places.index((start.layer, start.direction))
        return number, start.t, stride, count, len(records) - 1

    for step in trace.steps(Selection(folded=True)):
        if start is not None and step.record is start.record:
            assert isinstance(step.t, int) and isinstance(start.t, int)
            stride, count = 1 if step.t > start.t else -1, abs(step.t - start.t) + 1
            continue
        if start is not None:
            yield row()
        records.append(step.record)
        start, stride, count = step, -1 if step.direction == "reverse" else 1, 1
    if start is not None:
        yield row()


def _passes(trace: Trace) -> list[dict[str, Any]]:
    """Where each pass reads and where it leaves its states, in words."""
    spec = trace.spec
    cut = "[:, {t}]" if trace.cuts_batch_first else "[{t}]"
    both = ", both directions side by side" if spec.bidirectional else ""
    rows = []
    for place in passes(spec):
        top = place.layer == spec.num_layers - 1
        below = f"{spec.output_state or 'output'}_{{t}} of layer {place.layer - 1}{both}"
        rows.append(
            {
                "layer": place.layer,
                "direction": place.direction,
                "reads": below if place.layer else f"input{cut}",
                "first": " and ".join(f"{name}0[{place.row}]" for name in spec.state_names),
                "last": " and ".join(f"{name}n[{place.row}]" for name in spec.state_names),
                "up": f"output{cut}" if top else f"layer {place.layer + 1}",
            }
        )
    head = trace.head
    if head is not None:
        every = head.at == "every"
        rows.append(
            {
                "layer": spec.num_layers,
                "direction": HEAD,
                "reads": f"output{cut}" if every else "the last layer's hn",
                "up": f"o{cut}" if every else "o",
            }
        )
    return rows


def _letters(trace: Trace) -> Trace | None:
    """The same network with letters for its sizes; None where it cannot be written so."""
    spec, batch = trace.spec, trace.batch
    try:
        spec = replace(spec, input_size=symbol("I"), hidden_size=symbol("H"))
        head = trace.head and replace(trace.head, size=symbol("K"))
        if not batch.unbatched and not batch.packed:
            batch = replace(batch, size=symbol("N"))
        return Trace(spec, batch, head=head)
    except UsageError:
        return None


def _sizes(trace: Trace) -> Iterator[str]:
    """What each letter stands for."""
    spec, batch = trace.spec, trace.batch
    yield f"T = {batch.seq_len} step{'' if batch.seq_len == 1 else 's'}"
    yield f"N = {batch.size} in the batch"
    yield f"I = {spec.input_size} features (input_size)"
    yield f"H = {spec.hidden_size} hidden (hidden_size)"
    if trace.head is not None:
        yield f"K = {trace.head.size} out of the head"


def _tensors(trace: Trace, letters: Trace | None) -> list[list[str]]:
    """input, h0, output, hn: name, shape, the same in letters, and the shape with batch_first."""
    rules: dict[str, str] = {}
    if letters is not None:
        lengths: dict[str, Any] = {"lengths": None}
        if not trace.spec.single:
            lengths["seq_len"] = symbol("T")
        if not letters.batch.unbatched:
            lengths["size"] = symbol("N")
        open_batch = replace(letters.batch, **lengths)
        rules = {n: write_shape(s) for n, s in replace(letters, batch=open_batch).tensors.items()}
    effect = trace.batch_first
    return [
        [name, write_shape(shape), rules.get(name, ""),
         write_shape(effect.false.get(name, shape)), write_shape(effect.true.get(name, shape))]
        for name, shape in trace.tensors.items()
    ]  # fmt: skip


def _told(trace: Trace, letters: Trace | None, count: int) -> Iterator[list[str]]:
    """Each record's operations in letters: `(N×I)·(I×H)+H→N×H`."""
    own: list[Record] = []
    if letters is not None and not trace.spec.symbolic:
        list(_runs(letters, own))
    for record in own if len(own) == count else []:
        yield [performed.expression for performed in record.performed]


def _record(record: Record, letters: list[str]) -> dict[str, Any]:
    """What equal steps do: the tensors by name, and the operations on them by place."""
    tensors = own_tensors(record)
    names = [tensor.name for tensor in tensors]
    operations = []
    for number, performed in enumerate(record.performed):
        operations.append(
            {
                "op": performed.op,
                "attributes": list(performed.attributes),
                "inputs": [_place(tensor, names) for tensor in performed.inputs],
                "output": names.index(performed.output.name),
                "equation": _compact(equation_pieces(performed)),
                "shapes": _compact(shape_pieces(performed)),
                **({"letters": letters[number]} if number < len(letters) else {}),
            }
        )
    return {
        "tensors": [[t.name, list(map(_size, t.shape)), kind_of(t)] for t in tensors],
        "operations": operations,
        "state": [names.index(tensor.name) for tensor in record.state],
    }


def _inside(record: Record, spec: Spec, insides: dict[str, int]) -> dict[str, Any]:
    """Which drawing shows a record's cell, and what the states in it are called."""
    if record.names == ("o",) or any(one.role.kind == "output" for one in record.state):
        return {}
    scene = of_record(record, f"Inside a cell of {spec.class_name}", spec.family)
    drawn = "".join(inside_lines(scene, ""))
    found = {one.role.of: one.name for one in found_states(record)}
    return {"inside": insides.setdefault(drawn, len(insides)), "found": found}


def _size(dim: Any) -> int | str:
    return dim if isinstance(dim, int) else write_shape((dim,))


def _compact(line: Line) -> list[list[str]]:
    """The pieces that say something, as JSON has them."""
    return [[words, kind] if kind else [words] for words, kind in line if words]


def _place(tensor: Tensor, names: list[str]) -> int | str:
    """An intermediate by its place in the record, a parameter by its name."""
    return tensor.name if kind_of(tensor) == "weight" else names.index(tensor.name)


def own_tensors(record: Record) -> list[Tensor]:
    """The tensors of a step, parameters left out, each once, in the order of their use."""
    found: dict[str, Tensor] = {}
    for performed in record.performed:
        for tensor in (*performed.inputs, performed.output):
            if kind_of(tensor) != "weight":
                found.setdefault(tensor.name, tensor)
    return list(found.values())


class Pool:
    """Arrays one after the other as float32, equal ones once."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._places: dict[bytes, int] = {}
        self._length = 0

    def place(self, array: Any) -> int:
        """Where an array begins, counted in numbers."""
        number = isinstance(array, float)  # of the equations of a written cell
        data = struct.pack("<f", array) if number else array.astype("<f4").tobytes()
        if data not in self._places:
            self._places[data] = self._length
            self._parts.append(data)
            self._length += len(data) // 4
        return self._places[data]

    @property
    def text(self) -> str:
        """All numbers in base 64."""
        return b64encode(b"".join(self._parts)).decode("ascii")


def numbers(trace: Trace) -> dict[str, Any]:
    """The values of a walk: of every step's tensors, and of the parameters. Raises UsageError."""
    assert trace.feed is not None
    _check_size(trace)
    pool = Pool()
    weights = {name: pool.place(array) for name, array in trace.feed.weights.items()}
    steps = [
        [pool.place(tensor.value) for tensor in own_tensors(step.record)] for step in trace.steps()
    ]
    shapes = {name: list(array.shape) for name, array in trace.feed.weights.items()}
    return {"weights": weights, "shapes": shapes, "steps": steps, "pool": pool.text}


def flow_numbers(trace: Trace) -> dict[str, Any]:
    """How large the gradient is at h of each step, in three digits; null at a head's."""
    from ...analysis.flow import Arriving, with_sum

    assert trace.feed is not None and trace.back is not None
    _check_size(without_loss(trace))
    walk = Arriving(with_sum(trace.feed), trace.back)
    walk.run()
    rows = {(place.layer, place.direction): place.row for place in passes(trace.spec)}
    norms = []
    for step in replace(trace, feed=None).steps():
        row = rows.get((step.layer, step.direction))
        norm = None if row is None else float(walk.norms[row][step.t])
        finite = norm is not None and abs(norm) < float("inf")
        norms.append(float(f"{norm:.3g}") if finite else None)
    return {"norms": norms, "loss": loss_words(trace)}


def without_loss(trace: Trace) -> Trace:
    """The forward alone, up to the head's o."""
    head = trace.head and replace(trace.head, loss=None)
    feed = trace.feed and replace(trace.feed, head=head)
    return replace(trace, head=head, feed=feed, back=None)


def _check_size(trace: Trace) -> None:
    records: list[Record] = []
    count = 0
    for *_, steps, number in _runs(replace(trace, feed=None), records):
        for tensor in own_tensors(records[number]):
            size: Any = 1
            for dim in tensor.shape:
                size = size * dim
            count += steps * size
    if count > MOST_NUMBERS:
        raise UsageError(
            f"--html: expected at most {MOST_NUMBERS:,} numbers on a page",
            got=f"{count:,}",
            fix="give smaller sizes, or leave out --values",
        )
