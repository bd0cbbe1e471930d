"""One reading of a network for a page: its drawing, its steps and its numbers as plain JSON.

Equal steps share one record, and a run of them is one row, so that a reading is as small as the
network is regular. Names keep `{t}` and `{p}` for the page to fill in.
"""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import prod
from typing import Any

from ...analysis.trace import Selection, Trace
from ...engine.cells import GRADIENT
from ...engine.walk import HEAD, Record, Step, Tensor, passes
from ...errors import UsageError
from ...network.dims import symbol, write_shape
from ...network.spec import Spec
from ..language import said
from ..notation import Line, equation_pieces, kind_of, shape_pieces
from ..pictures.inside import found_states, of_record
from ..pictures.scene import Scene
from ..pictures.svg import inside_lines, part_lines
from ..pictures.unrolled import Unrolled
from ..text.backsteps import loss_words

MOST_STEPS = 64  # as many columns a page draws; its reader can scroll
MOST_NUMBERS = 2_000_000  # 11 MB on the page
MOST_CUT = 10_000  # steps of a backward with cuts, each of which is told


def reading(trace: Trace, name: str, insides: dict[str, int] | None = None) -> dict[str, Any]:
    """What a page shows of one trace; `name` sets its drawing apart from the others.

    insides: drawings of cells and their places, to which those of this trace are added.
    """
    insides = {} if insides is None else insides
    shapes = replace(trace, feed=None)
    letters = _letters(shapes)
    records: list[Record] = []
    runs = _runs(shapes, shapes.steps(Selection(folded=True)), records)
    words = {
        id(record): told for record, told in zip(records, _told(shapes, letters, len(records)))
    }
    spec = trace.spec
    return {
        "code": spec.code,
        "batchFirst": spec.batch_first,
        "bidirectional": spec.bidirectional,
        "svg": "".join(part_lines(Scene(Unrolled(shapes, MOST_STEPS)), name)),
        "tensors": _tensors(shapes, letters),
        "parameters": [
            [p.name, write_shape(p.shape), p.rule, str(p.count)] for p in trace.parameters
        ],
        "sizes": sizes(shapes),
        "notes": [f"{left} equals {right}" for left, right in trace.equalities()],
        "passes": _passes(shapes),
        "runs": runs,
        "records": [
            _record(record, words.get(id(record), [])) | _inside(record, spec, insides)
            for record in records
        ],
    }


def backward_reading(trace: Trace) -> dict[str, Any]:
    """The backward of the same network: its steps in reverse, on the drawing of the forward."""
    shapes = replace(trace, feed=None)
    records: list[Record] = []
    runs = _runs(shapes, shapes.backward_steps(_all_or_folded(trace)), records, -1)
    told = [_record(record, []) | _around(record) for record in records]
    return {"back": True, "loss": loss_words(trace), "runs": runs, "records": told}


def _all_or_folded(trace: Trace) -> Selection:
    """Equal steps of a backward once, where no cut comes again and again. Raises UsageError."""
    window, length = trace.back and trace.back.tbptt, trace.batch.seq_len
    if window is not None and isinstance(length, int) and length > MOST_CUT:
        raise UsageError(
            f"--html: expected at most {MOST_CUT:,} steps beside --tbptt", got=f"{length:,}",
            fix="give a smaller --seq-len",
        )  # fmt: skip
    return Selection(folded=window is None)


def _around(record: Record) -> dict[str, Any]:
    """By their places: what arrives at a step of the backward, and what it passes on."""
    names = [tensor.name for tensor in own_tensors(record)]
    return {"arrives": [names.index(one.name) for one in record.arrives],
            "passes": list(record.names)}  # fmt: skip


def _runs(
    trace: Trace, steps: Iterable[Step], records: list[Record], way: int = 1
) -> list[list[int | str]]:
    """Runs of equal steps: pass, first time, stride, count, record; fills `records`.

    Of steps that are folded the first, the second and the last are enough. way: the stride of the
    forward direction.
    """
    places = [(place.layer, place.direction) for place in passes(trace.spec)]
    places.append((trace.spec.num_layers, HEAD))
    runs: list[list[int | str]] = []
    begun: list[Step] = []
    last: Step | None = None
    for last in steps:
        if begun and last.record is begun[-1].record:
            continue
        number = places.index((last.layer, last.direction))
        stride = -way if last.direction == "reverse" else way
        runs.append([number, last.t, stride, 1, len(records)])
        begun.append(last)
        records.append(last.record)
    ends = [step.index for step in begun[1:]] + ([last.index + 1] if last else [])
    for run, step, end in zip(runs, begun, ends):
        run[3] = end - step.index
    return runs


def _passes(trace: Trace) -> list[dict[str, Any]]:
    """Where each pass reads and where it leaves its states; a layer by its number."""
    spec = trace.spec
    cut = "" if spec.single else "[:, {t}]" if trace.cuts_batch_first else "[{t}]"
    rows = []
    for place in passes(spec):
        top = place.layer == spec.num_layers - 1
        below = place.layer - 1 if place.layer else None
        row = "" if spec.single else f"[{place.row}]"
        rows.append(
            {
                "layer": place.layer,
                "direction": place.direction,
                "below": below,  # the layer that it reads, or none
                "reads": f"input{cut}"
                if below is None
                else f"{spec.output_state or 'output'}_{{t}}",
                "first": " and ".join(f"{name}0{row}" for name in spec.state_names),
                "last": " and ".join(f"{name}n{row}" for name in spec.state_names),
                "up": None if spec.single else f"output{cut}" if top else place.layer + 1,
            }
        )
    head = trace.head
    if head is not None:
        every = head.at == "every"
        rows.append(
            {
                "layer": spec.num_layers,
                "direction": HEAD,
                "reads": f"output{cut}" if every else said("the last layer's hn"),
                "below": None,
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


def sizes(trace: Trace) -> dict[str, str]:
    """What each letter stands for."""
    spec, batch = trace.spec, trace.batch
    found = {"T": batch.seq_len, "N": batch.size, "I": spec.input_size, "H": spec.hidden_size}
    if trace.head is not None:
        found["K"] = trace.head.size
    return {letter: str(size) for letter, size in found.items()}


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
        _runs(letters, letters.steps(Selection(folded=True)), own)
    for record in own if len(own) == count else []:
        yield [performed.expression for performed in record.performed]


def _record(record: Record, letters: list[str]) -> dict[str, Any]:
    """What equal steps do: the tensors by name, and the operations on them by place."""
    tensors = own_tensors(record)
    names = [tensor.name for tensor in tensors]
    operations = []
    for number, performed in enumerate(record.performed):
        if performed.output.role == GRADIENT:  # stands in the equation that uses it
            continue
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
    drawn = "".join(inside_lines(of_record(record, spec), ""))
    found = {one.role.of: one.name for one in found_states(record)}
    return {"inside": insides.setdefault(drawn, len(insides)), "found": found}


def _size(dim: Any) -> int | str:
    return dim if isinstance(dim, int) else write_shape((dim,))


def _compact(line: Line) -> list[list[str]]:
    """The pieces that say something, as JSON has them."""
    return [[words, kind] if kind else [words] for words, kind in line if words]


def _place(tensor: Tensor, names: list[str]) -> int | str:
    """An intermediate by its place in the record, a parameter by its name."""
    return tensor.name if _lasting(tensor) else names.index(tensor.name)


def _lasting(tensor: Tensor) -> bool:
    """Whether a tensor is a parameter, the same at every step; its gradient is not."""
    return kind_of(tensor) == "weight" and not tensor.role.gradient


def own_tensors(record: Record) -> list[Tensor]:
    """The tensors of a step, parameters left out, each once, in the order of their use.

    A parameter's gradient is what it is after the step.
    """
    found: dict[str, Tensor] = {one.name: one for one in record.arrives}
    for performed in record.performed:
        for tensor in performed.inputs:
            if not _lasting(tensor):
                found.setdefault(tensor.name, tensor)
        found[performed.output.name] = performed.output
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
    forward = without_loss(trace)
    _check_size(trace)
    pool = Pool()
    weights = {name: pool.place(array) for name, array in trace.feed.weights.items()}

    def placed(steps: Iterable[Step]) -> list[list[int]]:
        return [[pool.place(one.value) for one in own_tensors(step.record)] for step in steps]

    told: dict[str, Any] = {"weights": weights, "steps": placed(forward.steps())}
    if trace.back is not None:
        told |= {"back": placed(trace.backward_steps()), "flow": flow_numbers(trace)}
    return told | {"pool": pool.text}


def flow_numbers(trace: Trace) -> dict[str, Any]:
    """How large the gradient is at h of each step, in three digits; null at a head's."""
    from ...analysis.flow import Arriving, with_sum

    assert trace.feed is not None and trace.back is not None
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
    """Refuse what no page holds: the numbers of all steps, and of those of the backward."""
    shapes, count = replace(trace, feed=None), 0
    walks = [without_loss(shapes).steps(Selection(folded=True))]
    if trace.back is not None:
        walks.append(shapes.backward_steps(_all_or_folded(trace)))
    for steps in walks:
        records: list[Record] = []
        for *_, times, number in _runs(shapes, steps, records):
            own = own_tensors(records[int(number)])
            count += int(times) * sum(prod(map(int, map(str, one.shape))) for one in own)
    if count > MOST_NUMBERS:
        raise UsageError(
            f"--html: expected at most {MOST_NUMBERS:,} numbers on a page",
            got=f"{count:,}",
            fix="give smaller sizes, or leave out --values",
        )
