"""What torch accepts and nobody means: one entry a mistake, each with its evidence and its mend.

An entry speaks only where the shapes or the options show the mistake; it answers with what is meant
by it, and with a proof in numbers where there is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..checks.call import sizes
from ..errors import TorchError
from ..network.constructor import constructor_warning
from ..network.dims import Dim, Symbol, write_shape
from .case import Case, counted, layer_code
from .causes.table import sentences


@dataclass(frozen=True)
class Mistake:
    """A silent mistake: its cause, what happens, why, the mend as code, a proof that was computed.

    torch: a warning that torch prints of it, None where it says nothing.
    """

    id: str
    message: str
    why: str
    fix: str
    proof: dict[str, Any] | None = None
    torch: TorchError | None = None


def mistakes(case: Case) -> Iterator[Mistake]:
    """Every silent mistake that the case shows, each once; they are those of a sequence."""
    if not case.spec.single:
        found = (entry(case) for entry in (_batch_first, _unbatched, _padding, _unsorted, _dropout))
        yield from filter(None, found)


def _mistake(cause: str, message: str, why: str, fix: str, **more: Any) -> Mistake:
    return Mistake(cause, message, sentences(cause, why), fix, **more)


# ---------------------------------------------------------------------------- how the input is read


def _batch_first(case: Case) -> Mistake | None:
    """N and T in each other's place."""
    evidence = _evidence_of_swap(case)
    if evidence is None or case.one_sequence or case.lengths is not None:
        return None
    from .proofs import leak

    why = f"{case.flag} batch_first torch reads the input as {case.order}, and {evidence}."
    fix = "input = input.transpose(0, 1)"
    if not case.spec.batch_first:
        fix = layer_code(case.spec, batch_first=True)
    message = "samples are read as steps: changing sample 1 changes sample 2's output"
    proof = leak(case.spec, batch_axis=True)
    return _mistake("batch-first-confusion", message, why, fix, proof=proof)


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


def _unbatched(case: Case) -> Mistake | None:
    """A 2-D batch read as one sequence."""
    shape = case.shapes.get("input", ())
    said = case.unbatched is not None or case.lengths is not None
    if len(shape) != 2 or said or set(case.shapes) != {"input"}:
        return None
    from .proofs import leak

    rows = shape[0]
    message = f"one sequence of {counted(rows, 'step')}, not a batch of {rows}"
    fix = f"input = input.unsqueeze({1 - case.batch_axis})  # a batch of rows, one step each"
    proof = leak(case.spec, batch_axis=False)
    return _mistake(
        "unbatched-rank", message, "Its rows follow each other in time.", fix, proof=proof
    )


def _padding(case: Case) -> Mistake | None:
    """Lengths that are all shorter than the padded batch."""
    if not case.lengths or "input" not in case.shapes:
        return None
    longest, steps = max(case.lengths), case.sizes[1]
    if not isinstance(steps, int) or longest >= steps or min(case.lengths) < 1:
        return None
    message = f"the padded output comes back {counted(longest, 'step')} long, not {steps}"
    fix = f"output, lengths = pad_packed_sequence(output, {case.packing}total_length={steps})"
    return _mistake("padded-shorter", message, f"No length is T = {steps}.", fix)


def _unsorted(case: Case) -> Mistake | None:
    """Lengths that pack_padded_sequence refuses unless it may sort them."""
    lengths = case.lengths or ()
    if list(lengths) == sorted(lengths, reverse=True):
        return None
    fix = f"packed = pack_padded_sequence(input, lengths, {case.packing}enforce_sorted=False)"
    return _mistake("lengths", "the lengths are not sorted", "", fix)


# --------------------------------------------------------------------------- how the layer is built


def _dropout(case: Case) -> Mistake | None:
    """Dropout with no layer to come after."""
    torch = constructor_warning(case.construction)
    if torch is None:
        return None
    fix = f"output = nn.Dropout({case.spec.dropout:g})(output)"
    return _mistake("dropout-one-layer", "dropout does nothing", "", fix, torch=torch)
