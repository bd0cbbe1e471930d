"""What torch accepts and nobody means: one entry a mistake, each with its evidence and its mend.

An entry speaks only where the shapes, the options or the code show the mistake; it answers with
what is meant by it, and with a proof in numbers where there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..checks.call import sizes
from ..errors import TorchError
from ..network.constructor import constructor_warning, positional_names
from ..network.dims import Dim, Symbol, write_shape
from .case import Case, counted, layer_code
from .snippet import Use


@dataclass(frozen=True)
class Mistake:
    """A silent mistake: what happens, why, the mend as code, and a proof that was computed.

    torch: a warning that torch prints of it, None where it says nothing.
    """

    id: str
    message: str
    why: str
    fix: str
    proof: dict[str, Any] | None = None
    torch: TorchError | None = None

    def to_dict(self) -> dict[str, Any]:
        """One of the `warnings` of rnnshape/check/1."""
        plain = {"id": self.id, "message": self.message, "why": self.why, "fix": self.fix}
        more: dict[str, Any] = {} if self.proof is None else {"proof": self.proof}
        return {**plain, "torch": None if self.torch is None else self.torch._asdict(), **more}


class Found(NamedTuple):
    """What an entry found in a case."""

    message: str
    why: str
    fix: str
    proof: dict[str, Any] | None = None
    torch: TorchError | None = None


def mistakes(case: Case) -> Iterator[Mistake]:
    """Every silent mistake that the case shows, each once; they are those of a sequence."""
    if case.spec.single:
        return
    for name, entry in SILENT.items():
        found = entry(case)
        if found is not None:
            yield Mistake(name, *found)


# ---------------------------------------------------------------------------- how the input is read


def _batch_first(case: Case) -> Found | None:
    """N and T in each other's place."""
    evidence = _evidence_of_swap(case)
    if evidence is None or case.one_sequence or case.lengths is not None:
        return None
    from .proofs import leak

    why = f"{case.flag} batch_first torch reads the input as {case.order}, and {evidence}"
    fix = "input = input.transpose(0, 1)"
    if not case.spec.batch_first:
        fix = layer_code(case.spec, batch_first=True)
    message = "samples are read as steps: changing sample 1 changes sample 2's output"
    return Found(message, why, fix, leak(case.spec, batch_axis=True))


def _evidence_of_swap(case: Case) -> str | None:
    """What shows that the batch stands where torch reads the steps."""
    size, steps = case.sizes
    if size == steps or case.input is None:
        return None
    if case.said_swapped:
        return f"so finds N = {size} and T = {steps}, the reverse of what is said"
    asked = case.asked.get("input", ())
    if len(asked) == 3:
        n, t = sizes(case.spec, asked)
        if _names(t, "n", "b") and _names(n, "t", "s", "l"):
            return f"the axis called {t} stands where it reads T"
    for name in ("h0", "c0", "hn", "cn"):
        shape = case.shapes.get(name, ())
        if len(shape) == 3 and isinstance(steps, int) and shape[1] == steps:
            return f"{name} {write_shape(shape)} has a batch of {steps}, which it reads as T"
    return None


def _names(dim: Dim, *letters: str) -> bool:
    return isinstance(dim, Symbol) and str(dim).lower().startswith(letters)


def _unbatched(case: Case) -> Found | None:
    """A 2-D batch read as one sequence."""
    shape = case.shapes.get("input", ())
    told = case.unbatched is not None or case.lengths is not None
    if len(shape) != 2 or told or set(case.shapes) != {"input"}:
        return None
    from .proofs import leak

    rows = shape[0]
    message = f"one sequence of {counted(rows, 'step')}, not a batch of {rows}"
    why = "torch reads a 2-D input as (T, features): its rows follow each other in time"
    fix = f"input = input.unsqueeze({1 - case.batch_axis})  # a batch of rows, one step each"
    return Found(message, why, fix, leak(case.spec, batch_axis=False))


def _padding(case: Case) -> Found | None:
    """Lengths that are all shorter than the padded batch."""
    if not case.lengths or "input" not in case.shapes:
        return None
    longest, steps = max(case.lengths), case.sizes[1]
    if not isinstance(steps, int) or longest >= steps or min(case.lengths) < 1:
        return None
    message = f"the padded output comes back {counted(longest, 'step')} long, not {steps}"
    why = "pad_packed_sequence pads to the longest of the lengths, and no length is T"
    fix = f"output, lengths = pad_packed_sequence(output, {case.packing}total_length={steps})"
    return Found(message, why, fix)


def _unsorted(case: Case) -> Found | None:
    """Lengths that pack_padded_sequence refuses unless it may sort them."""
    lengths = case.lengths or ()
    if list(lengths) == sorted(lengths, reverse=True):
        return None
    why = "pack_padded_sequence wants the longest first unless enforce_sorted=False"
    fix = f"packed = pack_padded_sequence(input, lengths, {case.packing}enforce_sorted=False)"
    return Found("the lengths are not sorted", why, fix)


# --------------------------------------------------------------------------- how the layer is built


def _positional(case: Case) -> Found | None:
    """A last positional True that falls on bias, whose default is True."""
    values = case.construction.positional
    names = positional_names(case.spec.cell)[: len(values)]
    if not values or values[-1] is not True or names[-1] != "bias":
        return None
    order = ", ".join(positional_names(case.spec.cell)[:8])
    kept = ", ".join(map(str, values[:-1]))
    fix = f"rnn = nn.{case.spec.class_name}({kept}, bidirectional=True)  # or batch_first=True"
    message = "the positional True falls on bias, which is True already"
    return Found(message, f"the order is {order}", fix)


def _dropout(case: Case) -> Found | None:
    """Dropout with no layer to come after."""
    torch = constructor_warning(case.construction)
    if torch is None:
        return None
    why = "dropout comes between layers, and there is one layer"
    fix = f"output = nn.Dropout({case.spec.dropout:g})(output)"
    return Found("dropout does nothing", why, fix, torch=torch)


# --------------------------------------------------------------------------- how the result is used


def _uses(case: Case, of: str, form: str) -> list[Use]:
    """Those uses; what an rnn or gru gives back beside output is no pair."""
    single = not case.spec.has_cell_state and form != "unpack"
    return [
        use
        for use in case.snippet.uses
        if use.form == form and ("state" if single and use.of == "pair" else use.of) == of
    ]


def _view(case: Case) -> Found | None:
    """h_n.view(N, -1)."""
    rows = case.spec.num_directions * case.spec.num_layers
    for use in _uses(case, "state", "view"):
        if rows == 1 or case.one_sequence or use.axes[1] != -1 or use.axes[0] == rows:
            continue
        from .proofs import mixed

        fix = f"{use.name}.transpose(0, 1).reshape({use.name}.size(1), -1)"
        why = f"the first axis of {use.name} is {rows} layers and directions, the second the batch"
        message = f"{use.source} has the right shape and mixes the samples"
        return Found(message, why, fix, mixed(case.spec))
    return None


def _last_of_output(case: Case) -> Iterator[tuple[Use, int]]:
    """Uses that take the last of an axis of output, and that axis."""
    for use in _uses(case, "output", "index"):
        for axis, index in enumerate(use.axes[:2]):
            halved = len(use.axes) > axis + 1 and use.axes[-1] is None
            if index == -1 and all(part == ":" for part in use.axes[:axis]) and not halved:
                yield use, axis


def _last_sample(case: Case) -> Found | None:
    """output[:, -1] where the batch is the second axis, or output[-1] where it is the first."""
    for use, axis in _last_of_output(case):
        if case.one_sequence or axis != case.batch_axis:
            continue
        right = f"{use.name}[:, -1]" if case.spec.batch_first else f"{use.name}[-1]"
        why = f"{case.flag} batch_first axis {axis} of output is the batch"
        return Found(f"{use.source} is the last sample, not the last step", why, right)
    return None


def _last_step(case: Case) -> Found | None:
    """The last step of output, where that is not the end of every sequence and direction."""
    for use, axis in _last_of_output(case):
        if axis == case.batch_axis and not case.one_sequence:
            continue
        packed = case.lengths is not None and len(set(case.lengths)) > 1
        if not packed and not case.spec.bidirectional:
            continue
        from .proofs import last_step

        why = "hn has what each direction leaves at the end of each sequence"
        if packed:
            message = f"{use.source} is padding for every sequence but the longest"
        else:
            message = f"in {use.source} the reverse half has read one step only"
            why = "the reverse direction begins at the last step and ends at the first; " + why
        fix = "hn[-1]" if not case.spec.bidirectional else "torch.cat([hn[-2], hn[-1]], dim=-1)"
        return Found(message, why, fix, last_step(case.spec, packed, case.one_sequence))
    return None


def _last_row(case: Case) -> Found | None:
    """hn[-1] where that is the reverse direction alone."""
    indexed = [use for use in _uses(case, "state", "index") if use.axes]
    others = {use.axes[0] for use in indexed} - {-1}
    last = [use for use in indexed if use.axes[0] == -1]
    if not last or others or not case.spec.bidirectional:
        return None
    name = last[0].name
    why = "the rows are layer 0 forward, layer 0 reverse, layer 1 forward, and so on"
    fix = f"torch.cat([{name}[-2], {name}[-1]], dim=-1)"
    return Found(f"{last[0].source} is the last layer's reverse direction alone", why, fix)


def _pair(case: Case) -> Found | None:
    """An index into an lstm's (h_n, c_n)."""
    for use in _uses(case, "pair", "index"):
        if case.spec.has_cell_state and use.axes[:1] in ((-1,), (1,)):
            why = f"nn.LSTM gives back output, (hn, cn), and {use.name} is the pair"
            return Found(f"{use.source} is c_n, not the last layer", why, f"{use.name}[0][-1]")
    return None


def _taken_apart(case: Case) -> Found | None:
    """output, (hn, cn) = gru(x), where hn has two rows."""
    rows = case.spec.num_directions * case.spec.num_layers
    for use in _uses(case, "pair", "unpack"):
        if not case.spec.has_cell_state and rows == 2:
            why = f"nn.{case.spec.class_name} has no cell state: this takes hn apart by its rows"
            message = f"{use.source} takes hn's two rows for h and c"
            return Found(message, why, "output, hn = rnn(input)")
    return None


SILENT: dict[str, Callable[[Case], Found | None]] = {
    "batch-first": _batch_first,
    "unbatched-2d": _unbatched,
    "lengths-shorter-than-input": _padding,
    "lengths-unsorted": _unsorted,
    "positional-true": _positional,
    "dropout-one-layer": _dropout,
    "view-mixes-samples": _view,
    "last-sample": _last_sample,
    "last-step": _last_step,
    "last-row": _last_row,
    "pair-indexed": _pair,
    "state-taken-apart": _taken_apart,
}
