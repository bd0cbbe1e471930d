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
from ..network.constructor import constructor_warning
from ..network.dims import Dim, Symbol, write_shape
from .case import Case, counted, layer_code


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


def _dropout(case: Case) -> Found | None:
    """Dropout with no layer to come after."""
    torch = constructor_warning(case.construction)
    if torch is None:
        return None
    why = "dropout comes between layers, and there is one layer"
    fix = f"output = nn.Dropout({case.spec.dropout:g})(output)"
    return Found("dropout does nothing", why, fix, torch=torch)


SILENT: dict[str, Callable[[Case], Found | None]] = {
    "batch-first": _batch_first,
    "unbatched-2d": _unbatched,
    "lengths-shorter-than-input": _padding,
    "lengths-unsorted": _unsorted,
    "dropout-one-layer": _dropout,
}
