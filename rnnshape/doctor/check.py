"""`check`: whether a network and the shapes that somebody has fit together, and what does not.

Problems come in torch's order: what torch raises first, then what it would raise with that
mended, and so on; last what it never notices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..checks.call import Call, Inputs, tupled
from ..checks.call import listed as bracketed
from ..checks.packed import onednn, reads_beyond
from ..checks.padded import forward_fault
from ..errors import Fault, TorchError
from ..network.batch import Batch, batch_of
from ..network.constructor import Construction, takes
from ..network.dims import Dim, Shape, symbol, write_shape
from ..network.spec import CELLS, Spec
from .arguments import LATE, accepted, constructor_problems, late_problems
from .case import Case, Problem, clash, counted, listed
from .silent import Mistake, mistakes
from .tensors import (
    call_problem,
    input_problem,
    lengths_problem,
    problem,
    result_problem,
    state_problem,
    zeros,
)

_MOST_LENGTHS = 1_000_000  # of a batch that is checked further once its lengths are mended
_MOST_FAULTS = 16  # each of five things is mended at most three times


@dataclass(frozen=True)
class Report:
    """The answer: what fits the network, the problems in torch's order, and the warnings.

    spec and expected are None where a faulty num_layers or proj_size leaves them open.
    """

    spec: Spec | None
    expected: Mapping[str, Shape] | None
    problems: tuple[Problem, ...]
    warnings: tuple[Mistake, ...]

    @property
    def ok(self) -> bool:
        """Whether there is no problem; warnings do not count."""
        return not self.problems


def check(
    cell: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    shapes: Mapping[str, Shape] | None = None,
    *,
    lengths: tuple[int, ...] | None = None,
    batch_size: Dim | None = None,
    seq_len: Dim | None = None,
    unbatched: bool | None = None,
    dtype: str = "float32",
    state_dtype: str | None = None,
    weight_dtype: str = "float32",
) -> Report:
    """Whether the arguments of a constructor and the shapes of a call fit, and all that does not.

    arguments: as they are passed to the class of `cell`, unchecked; input_size is 10 and
    hidden_size 20 unless given. shapes: of input, h0, c0 as given to the layer, of output, hn, cn
    as somebody takes them to be; what is missing is not checked. lengths: the input goes through
    pack_padded_sequence. batch_size, seq_len, unbatched: what is said besides. dtype, state_dtype,
    weight_dtype: of the input, of the state (the weights' unless given), of the parameters. Raises
    UsageError where the question has no answer.
    """
    if lengths is not None and not lengths:
        Batch(lengths=lengths)  # says what lengths are
    construction = _construction(cell, arguments or {})
    cell = construction.cell
    problems, mended = constructor_problems(construction)
    open_ended = {name for name in ("num_layers", "proj_size") if takes(cell, name)}
    if {found.tensor for found in problems} & open_ended:
        return Report(None, None, tuple(problems), ())
    spec = Spec.from_dict({"cell": cell, **accepted(mended).keywords})
    if spec.single:
        batch_of(spec, seq_len=seq_len, lengths=lengths)  # says that it has no sequence
    case = Case(
        spec=spec,
        construction=mended,
        shapes=dict(shapes or {}),
        lengths=lengths,
        batch_size=batch_size,
        seq_len=seq_len,
        unbatched=unbatched,
        dtype=dtype,
        state_dtype=state_dtype,
        weight_dtype=weight_dtype,
    ).resolved()
    problems += _torch_problems(case)
    problems += _silent_problems(case, {found.tensor for found in problems})
    warnings = tuple(mistakes(replace(case, construction=construction)))
    return Report(case.spec, case.expected, tuple(problems), warnings)


def _construction(cell: str | None, arguments: Mapping[str, Any]) -> Construction:
    """The call of the constructor, its two sizes as they are where nothing else is said."""
    if cell is not None and cell not in CELLS:
        Spec(cell=cell)  # says what a cell is
    return Construction(cell or "rnn", {"input_size": 10, "hidden_size": 20, **arguments})


# -------------------------------------------------------------------------------- what torch raises


def _torch_problems(case: Case) -> Iterator[Problem]:
    """Each fault of the call, the ones before it mended."""
    inputs = case.inputs
    late = {found.tensor: found for found in late_problems(case.construction)}
    for _ in range(_MOST_FAULTS):
        fault = forward_fault(case.spec, inputs)
        if fault is None:
            break
        about = _culprit(case, inputs, fault.about)
        if about in late:
            yield replace(late.pop(about), torch=fault.torch)
        else:
            yield call_problem(case, inputs, Fault(about, fault.torch))
        mended = _mended(case, inputs, about)
        if mended == inputs and about not in inputs.raw:
            break
        inputs = mended
    for found in late.values():
        yield replace(found, torch=_projected_state(case))


def _projected_state(case: Case) -> TorchError | None:
    """What an rnn or gru says whose proj_size stands where no name forbids it."""
    rows, size = case.spec.num_layers * case.spec.num_directions, case.sizes[0]
    expected = (rows, size, case.construction["proj_size"])
    state = case.shapes.get("h0", (rows, size, case.spec.hidden_size))
    if len(state) == 2:
        state = (state[0], 1, state[1])
    projected = not case.spec.single and case.construction["proj_size"]
    if case.spec.has_cell_state or not projected or state == expected:
        return None
    message = f"Expected hidden size {tupled(expected)}, got {bracketed(state)}"
    return TorchError("RuntimeError", message)


def _culprit(case: Case, inputs: Inputs, about: str) -> str:
    """What is at fault; where that fits, the lengths made torch expect another batch."""
    if about in ("h0", "c0") and inputs.lengths is not None:
        shape = getattr(inputs, about)
        fits = shape is not None and not clash(shape, case.expected.get(about, ()))
        if fits and clash((len(inputs.lengths),), case.sizes[:1]):
            return "lengths"
    return about


def _mended(case: Case, inputs: Inputs, about: str) -> Inputs:
    """The call with one fault less."""
    if about == "dtype":
        return inputs._replace(dtype=inputs.weight_dtype)
    if about == "state_dtype":
        return inputs._replace(state_dtype=inputs.weight_dtype)
    if about == "lengths":
        return inputs._replace(lengths=_fitting(case, inputs.lengths or ()))
    if about == "input":
        return inputs._replace(input=case.expected["input"])
    if about == "h0":
        return inputs._replace(h0=case.expected["h0"])
    if about == "c0":
        return inputs._replace(c0=case.expected.get("c0"), tuple_length=None)
    return inputs._replace(raw={**inputs.raw, about: LATE[about]})


def _fitting(case: Case, lengths: tuple[int, ...]) -> tuple[int, ...] | None:
    """Lengths with the first of their faults mended: their number, their signs, their size."""
    size, steps = case.sizes
    if isinstance(size, int) and size != len(lengths):
        if size > _MOST_LENGTHS:
            return None
        longest = steps if isinstance(steps, int) else max(lengths, default=1)
        return (*lengths, *[longest] * size)[: max(size, 1)]
    if min(lengths, default=1) < 1:
        return tuple(max(1, n) for n in lengths)
    return tuple(min(n, steps) if isinstance(steps, int) else n for n in lengths)


# -------------------------------------------------------------------------- what torch is silent on


def _silent_problems(case: Case, mentioned: set[str]) -> Iterator[Problem]:
    """What does not fit and torch does not notice, or cannot know."""
    for name in ("input", "h0", "c0"):
        got = case.shapes.get(name)
        if name in mentioned or got is None or not _wrong(case, name, got):
            continue
        found = input_problem(case) if name == "input" else state_problem(case, name, got)
        yield replace(found, why=f"{found.why} {_silence(case)}")
    if "c0" in case.shapes and "h0" not in case.shapes and case.spec.has_cell_state:
        yield problem("lstm-needs-pair", "h0", case.expected["h0"], None, "", zeros(case, "h0"))
    if "lengths" not in mentioned and case.lengths is not None and _too_few(case):
        found = lengths_problem(case, case.lengths)
        yield replace(found, why=f"{found.why} torch packs only as many as there are lengths.")
    yield from _said(case)
    for name in ("output", "hn", "cn"):
        got = case.shapes.get(name)
        if got is not None and _wrong(case, name, got):
            yield result_problem(case, name, got)


def _silence(case: Case) -> str:
    """What torch does with a packed batch's tensor that it does not check."""
    lengths = case.lengths or ()
    call = Call(case.spec, case.inputs)
    if reads_beyond(call):
        return (
            "torch says nothing, or ends with a crash: where all lengths are equal oneDNN reads "
            "the states unchecked, here beyond their end."
        )
    if case.spec.has_cell_state and onednn(call):
        return "torch says nothing: where all lengths are equal oneDNN reads it unchecked."
    if list(lengths) != sorted(lengths, reverse=True):
        return f"torch says nothing: to sort the batch it takes the first {len(lengths)} of it."
    return "torch says nothing: what it needs is there, and the rest is not looked at."


def _wrong(case: Case, name: str, got: Shape) -> bool:
    expected = case.expected.get(name)
    if name == "output" and case.lengths is not None and expected is not None:
        data = (sum(case.lengths), expected[-1])  # PackedSequence.data
        return clash(got, expected) and clash(got, data)
    return expected is None or clash(got, expected)


def _too_few(case: Case) -> bool:
    return clash((len(case.lengths or ()),), case.sizes[:1])


def _said(case: Case) -> Iterator[Problem]:
    """An input that is not what is said of it; N and T swapped are a warning's business."""
    got, size, lengths, single = (
        case.shapes.get("input"),
        case.batch_size,
        case.lengths,
        case.spec.single,
    )
    if lengths is not None and size is not None and clash((len(lengths),), (size,)):
        why = f"A batch of {size} has {counted(size, 'length')}."
        fix = "lengths = lengths[:N]"
        yield problem("lengths", "lengths", f"{size} lengths", lengths[:50], why, fix)
    rank = case.spec.rank
    if got is None or len(got) not in (rank - 1, rank):
        return
    rest: Shape = (case.spec.input_size,) if single else (case.sizes[1], case.spec.input_size)
    batched = len(got) == rank
    if case.unbatched is not None and case.unbatched == batched and not (lengths and not batched):
        if not case.unbatched:
            rest = (*got[: case.batch_axis], symbol("N"), *got[case.batch_axis :])
        why = f"It is said to have {'no' if case.unbatched else 'a'} batch axis."
        mend = "squeeze" if case.unbatched else "unsqueeze"
        fix = f"input = input.{mend}({case.batch_axis})"
        yield problem("unbatched-rank", "input", rest, got, why, fix)
    elif batched and not case.said_swapped:
        sizes = size, 1 if single else case.seq_len
        said = tuple(read if one is None else one for one, read in zip(sizes, case.sizes))
        if clash(case.sizes, said):
            first, second = said if case.spec.batch_first else said[::-1]
            meant = (said[0], got[-1]) if single else (first, second, got[-1])
            sizes_said = f"batch size {said[0]}" + (
                "" if single else f" and sequence length {said[1]}"
            )
            why, fix = (
                f"{sizes_said} make {write_shape(meant)}.",
                f"input.shape  # ({listed(meant)})",
            )
            yield problem("other-sizes", "input", meant, got, why, fix)
