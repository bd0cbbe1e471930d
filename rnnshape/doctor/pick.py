"""`pick`: which piece of output, hn and cn somebody wants, as torch code for their network.

The code is checked: run on a small network of the same kind, it has to give what the walk's own
cells left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import UsageError, check_choice
from ..network.batch import Batch
from ..network.dims import Dim, Shape
from ..network.spec import Spec

if TYPE_CHECKING:
    from .proofs import Ran

MOST_CHECKED = 50  # layers, and samples, of a network that is run to check an answer

BRIDGES = ("concat", "sum", "forward")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked for: of a network over a batch, one of QUESTIONS and what it needs.

    layer: counted from 0, or -1 for the last; direction: forward, reverse, or None for all;
    sample: of the batch; bridge: how a decoder's h0 is made of two directions.
    """

    spec: Spec
    batch: Batch
    of: str
    layer: int = -1
    direction: str | None = None
    sample: int = 0
    bridge: str = "concat"

    @property
    def rows(self) -> Dim | None:
        """N, or None where there is no batch axis."""
        return None if self.batch.unbatched else self.batch.size

    @property
    def row_layer(self) -> int:
        """The layer, counted from 0."""
        return self.layer % self.spec.num_layers

    def state(self, width: Dim) -> Shape:
        """(N, width), or (width) unbatched."""
        return (width,) if self.rows is None else (self.rows, width)


class Answer(NamedTuple):
    """Code, the names that it leaves with their shapes, why it is this, and what else there is.

    reference: what the walk left for each name, computed from its cells alone.
    """

    code: str
    shapes: dict[str, Shape]
    why: str
    reference: Callable[[Wanted, Ran], dict[str, Any]]
    alternatives: tuple[tuple[str, str], ...] = ()


def _last(wanted: Wanted) -> Answer:
    """Output at each sequence's own last step."""
    spec = wanted.spec
    batch_first = spec.batch_first and not wanted.batch.unbatched
    if wanted.batch.packed:
        places = "torch.arange(len(lengths)), lengths - 1"
        if not batch_first:
            places = "lengths - 1, torch.arange(len(lengths))"
        code = f"last = output[{places}]"
        why = "each sequence ends at its own step; output[-1] would be padding for the shorter ones"
    else:
        code = "last = output[:, -1]" if batch_first else "last = output[-1]"
        where = "the second axis" if batch_first else "the first axis"
        why = f"time is {where} of output"
    alternatives: tuple[tuple[str, str], ...] = (("last = hn[-1]", "the same numbers"),)
    if spec.bidirectional:
        why += "; the reverse half has read this one step alone (--of both-directions has it all)"
        alternatives = ()
    return Answer(
        code, {"last": wanted.state(spec.output_size)}, why, _last_reference, alternatives
    )


def _last_reference(wanted: Wanted, run: Ran) -> dict[str, Any]:
    top = run.spec.num_layers - 1
    return {
        "last": [
            _joined(run.cell(top, d, run.length(n) - 1, n) for d in run.spec.directions)
            for n in run.samples
        ]
    }


def _both(wanted: Wanted) -> Answer:
    """What each direction of the last layer ends with, side by side."""
    spec = wanted.spec
    shapes = {"last": wanted.state(spec.output_size)}
    if not spec.bidirectional:
        why = "there is one direction: the last row of hn is where the last layer ends"
        return Answer("last = hn[-1]", shapes, why, _both_reference)
    code = "last = torch.cat([hn[-2], hn[-1]], dim=-1)"
    why = (
        "hn[-2] is the last layer's forward direction after the last step, hn[-1] its reverse "
        "direction after the first; output[-1] has the reverse half after one step alone"
    )
    if wanted.batch.packed:
        why = why.replace("the last step", "each sequence's last step")
    return Answer(code, shapes, why, _both_reference)


def _both_reference(wanted: Wanted, run: Ran) -> dict[str, Any]:
    return {"last": [_ends(run, run.spec.num_layers - 1, n) for n in run.samples]}


def _layer(wanted: Wanted) -> Answer:
    """What one layer ends with, in one direction or in all."""
    spec, layer = wanted.spec, wanted.row_layer
    rows = [
        spec.num_directions * layer + side
        for side, name in enumerate(spec.directions)
        if wanted.direction in (None, name)
    ]
    why = f"hn has {spec.num_directions} rows a layer, forward first" if spec.bidirectional else (
        "hn has one row a layer"
    )  # fmt: skip
    lines, shapes = [], {}
    for state in spec.state_names:
        parts = [f"{state}n[{row}]" for row in rows]
        piece = parts[0] if len(parts) == 1 else f"torch.cat([{', '.join(parts)}], dim=-1)"
        lines.append(f"{state} = {piece}")
        shapes[state] = wanted.state(len(rows) * spec.state_width(state))
    return Answer("\n".join(lines), shapes, f"{why}, layer 0 first", _layer_reference)


def _layer_reference(wanted: Wanted, run: Ran) -> dict[str, Any]:
    return {
        name: [_ends(run, wanted.row_layer, n, state, wanted.direction) for n in run.samples]
        for state, name in enumerate(run.spec.state_names)
    }


def _decoder(wanted: Wanted) -> Answer:
    """The initial state of a decoder that has one direction and as many layers."""
    spec = wanted.spec
    names = [f"{state}0" for state in spec.state_names]
    if not spec.bidirectional:
        lines = [f"{state}0 = {state}n" for state in spec.state_names]
        why = "both have one direction: a decoder of as many layers and the same sizes takes it"
        shapes = {n: _decoder_shape(wanted, n[0], 1) for n in names}
        return Answer("\n".join(lines), shapes, why, _decoder_reference)
    lines = [_bridged(wanted.bridge, state) for state in spec.state_names]
    factor = 2 if wanted.bridge == "concat" else 1
    alternatives = tuple(
        ("\n".join(_bridged(bridge, state) for state in spec.state_names), _BRIDGED[bridge])
        for bridge in BRIDGES
        if bridge != wanted.bridge
    )
    shapes = {name: _decoder_shape(wanted, name[0], factor) for name in names}
    why = f"rows 0, 2, 4 … of hn are forward, rows 1, 3, 5 … reverse; {_BRIDGED[wanted.bridge]}"
    return Answer("\n".join(lines), shapes, why, _decoder_reference, alternatives)


_BRIDGED = {
    "concat": "side by side they are the state of a decoder with twice the hidden_size",
    "sum": "added they are the state of a decoder with the same hidden_size",
    "forward": "alone the forward rows are the state of a decoder with the same hidden_size",
}


def _bridged(bridge: str, state: str) -> str:
    name = f"{state}n"
    return (
        f"{state}0 = "
        + {
            "concat": f"torch.cat([{name}[0::2], {name}[1::2]], dim=-1)",
            "sum": f"{name}[0::2] + {name}[1::2]",
            "forward": f"{name}[0::2].contiguous()",
        }[bridge]
    )


def _decoder_shape(wanted: Wanted, state: str, factor: int) -> Shape:
    return (wanted.spec.num_layers, *wanted.state(factor * wanted.spec.state_width(state)))


def _decoder_reference(wanted: Wanted, run: Ran) -> dict[str, Any]:
    def bridge(layer: int, sample: int, state: int) -> Any:
        if wanted.bridge == "concat" or not run.spec.bidirectional:
            return _ends(run, layer, sample, state)
        forward = _ends(run, layer, sample, state, "forward")
        both = wanted.bridge == "sum"
        return forward + _ends(run, layer, sample, state, "reverse") if both else forward

    return {
        f"{name}0": [
            [bridge(layer, n, state) for n in run.samples] for layer in range(run.spec.num_layers)
        ]
        for state, name in enumerate(run.spec.state_names)
    }


def _sample(wanted: Wanted) -> Answer:
    """Every step of one sample."""
    spec, batch, n = wanted.spec, wanted.batch, wanted.sample
    steps: Dim = batch.lengths[n] if batch.lengths else batch.seq_len
    why = "every step of output, in both directions" if spec.bidirectional else "every step"
    if batch.unbatched:
        code = "steps = output"
        why += "; there is one sequence and no batch axis"
    elif batch.packed:
        first, second = f"{n}", f":lengths[{n}]"
        places = f"{first}, {second}" if spec.batch_first else f"{second}, {first}"
        code = f"steps = output[{places}]"
        why += "; what comes after its length is padding"
    else:
        code = f"steps = output[{n}]" if spec.batch_first else f"steps = output[:, {n}]"
        why += f"; the batch is the {'first' if spec.batch_first else 'second'} axis"
    return Answer(code, {"steps": (steps, spec.output_size)}, why, _sample_reference)


def _sample_reference(wanted: Wanted, run: Ran) -> dict[str, Any]:
    top, n = run.spec.num_layers - 1, wanted.sample
    return {
        "steps": [
            _joined(run.cell(top, direction, t, n) for direction in run.spec.directions)
            for t in range(run.length(n))
        ]
    }


def _joined(parts: Any) -> Any:
    import numpy as np

    return np.concatenate(list(parts))


def _ends(run: Ran, layer: int, sample: int, state: int = 0, direction: str | None = None) -> Any:
    """What a layer's cells left at the end of one sequence, in one direction or side by side."""
    last = run.length(sample) - 1
    return _joined(
        run.cell(layer, one, 0 if one == "reverse" else last, sample, state)
        for one in run.spec.directions
        if direction in (None, one)
    )


QUESTIONS: dict[str, Callable[[Wanted], Answer]] = {
    "last": _last,
    "both-directions": _both,
    "layer": _layer,
    "decoder-h0": _decoder,
    "sample": _sample,
}


# -------------------------------------------------------------------------------------- the answer


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
    own = "since which of its states the output repeats is the cell's own"
    spec.check_torchs("pick", own, "rnnshape trace says where its results come from")
    check_choice("--of", wanted.of, QUESTIONS, "last")
    if not -spec.num_layers <= wanted.layer < spec.num_layers:
        words = f"--layer: expected a layer from 0 to {spec.num_layers - 1}, or -1 for the last"
        raise UsageError(words, str(wanted.layer)[:40], "--layer -1")
    if wanted.direction not in (None, *spec.directions):
        raise UsageError(
            f"--direction: expected {' or '.join(spec.directions)}",
            got=repr(str(wanted.direction)[:40]),
            fix="add --bidirectional, or choose forward",
        )
    check_choice("--bridge", wanted.bridge, BRIDGES, "concat")
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
    from .proofs import MOST_LAYERS, difference, ran, small

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
        lengths = batch.lengths[: max(8, sample + 1)]
        order = sorted(set(lengths))
        return Batch(lengths=tuple(min(order.index(n) + 1, 8) for n in lengths))
    steps = batch.seq_len if isinstance(batch.seq_len, int) else 4
    if batch.unbatched:
        return Batch(seq_len=min(steps, 8), unbatched=True)
    size = batch.size if isinstance(batch.size, int) else sample + 3
    return replace(batch, size=min(size, max(8, sample + 1)), seq_len=min(steps, 8))
