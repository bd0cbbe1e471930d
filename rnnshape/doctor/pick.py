"""`pick`: which piece of output, hn and cn somebody wants, as torch code for their network.

The code is checked: run on a small network of the same kind, it has to give what the walk's own
cells left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..errors import UsageError
from ..network.batch import Batch
from ..network.dims import json_shape
from .questions import BRIDGES, QUESTIONS, Answer, Wanted

MOST_CHECKED = 50  # layers, and samples, of a network that is run to check an answer


@dataclass(frozen=True)
class Picked:
    """An answer and its check; `verified` is None where the network is too deep to be run."""

    wanted: Wanted
    answer: Answer
    verified: dict[str, Any] | None

    @property
    def ok(self) -> bool:
        """Whether the code gives what the walk left, as far as it was run."""
        return self.verified is None or bool(self.verified["ok"])

    def to_dict(self) -> dict[str, Any]:
        """The document rnnshape/pick/1."""
        wanted, answer = self.wanted, self.answer
        return {
            "schema": "rnnshape/pick/1",
            "spec": wanted.spec.to_dict(),
            "of": wanted.of,
            "code": answer.code,
            "results": [{"name": n, "shape": json_shape(s)} for n, s in answer.shapes.items()],
            "why": answer.why,
            "alternatives": [{"code": code, "why": why} for code, why in answer.alternatives],
            "verified": self.verified,
        }


def pick(wanted: Wanted) -> Picked:
    """Answer a question, and check the answer in numbers.

    Raises UsageError where the network has no such layer, direction or sample.
    """
    _refuse(wanted)
    answer = QUESTIONS[wanted.of](wanted)
    return Picked(wanted, answer, _verified(wanted, answer))


def _refuse(wanted: Wanted) -> None:
    spec, size = wanted.spec, wanted.batch.size
    spec.check_layer("pick")
    if wanted.of not in QUESTIONS:
        raise UsageError(
            f"--of: expected {', '.join(QUESTIONS)}", got=repr(wanted.of[:40]), fix="--of last"
        )
    if not -spec.num_layers <= wanted.layer < spec.num_layers:
        raise UsageError(
            f"--layer: expected a layer from 0 to {spec.num_layers - 1}, or -1 for the last",
            got=str(wanted.layer)[:40],
            fix="--layer -1",
        )
    if wanted.direction not in (None, *spec.directions):
        raise UsageError(
            f"--direction: expected {' or '.join(spec.directions)}",
            got=repr(str(wanted.direction)[:40]),
            fix="add --bidirectional, or choose forward",
        )
    if wanted.bridge not in BRIDGES:
        raise UsageError(
            f"--bridge: expected {', '.join(BRIDGES)}",
            got=repr(wanted.bridge[:40]),
            fix="--bridge concat",
        )
    if wanted.sample < 0 or (isinstance(size, int) and wanted.sample >= size):
        most = f"to {size - 1}" if isinstance(size, int) else "upwards"
        raise UsageError(
            f"--sample: expected a sample from 0 {most}",
            got=str(wanted.sample)[:40],
            fix="samples count from 0; --batch-size says how many there are",
        )


def _verified(wanted: Wanted, answer: Answer) -> dict[str, Any] | None:
    """Run the code on a small network and compare; None where even that would be large."""
    layer = wanted.row_layer if wanted.of == "layer" else 0
    sample = wanted.sample if wanted.of == "sample" else 0
    if max(layer, sample) >= MOST_CHECKED:
        return None
    from .tiny import MOST_LAYERS, difference, ran, small

    tiny = small(wanted.spec, max(MOST_LAYERS, layer + 1))
    run = ran(tiny, _small_batch(wanted.batch, sample))
    found = run.evaluate(answer.code)
    expected = answer.reference(wanted, run)
    if run.batch.unbatched and wanted.of != "sample":
        expected = {name: _without_batch(value, name) for name, value in expected.items()}
    apart = max(difference(found[name], value) for name, value in expected.items())
    return {"network": str(tiny), "difference": apart, "ok": apart < 1e-12}


def _without_batch(value: Any, name: str) -> Any:
    import numpy as np

    return np.asarray(value)[:, 0] if name.endswith("0") else np.asarray(value)[0]


def _small_batch(batch: Batch, sample: int) -> Batch:
    """A batch of the same kind with at most 8 steps, and with `sample` in it."""
    if batch.lengths is not None:
        kept = batch.lengths[: max(8, sample + 1)]
        order = sorted(set(kept))
        return Batch(lengths=tuple(min(order.index(n) + 1, 8) for n in kept))
    steps = batch.seq_len if isinstance(batch.seq_len, int) else 4
    if batch.unbatched:
        return Batch(seq_len=min(steps, 8), unbatched=True)
    size = batch.size if isinstance(batch.size, int) else sample + 3
    return replace(batch, size=min(size, max(8, sample + 1)), seq_len=min(steps, 8))
