"""What is wrong with a program that was followed: what it raises, and what it does silently."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..programs.findings import findings
from ..programs.follow import Followed, Problem
from ..programs.record import Place


@dataclass(frozen=True)
class Complaint:
    """A problem or a warning: its id, where, why, the mend in words, and the edits that were tried
    (file, line, before, after). torch: (type, message) of what is raised, None where nothing is."""

    id: str
    place: Place
    part: Place | None
    why: str
    fix: str = ""
    torch: tuple[str, str] | None = None
    edits: Sequence[dict[str, Any]] = ()


@dataclass(frozen=True)
class Diagnosis:
    """All complaints about one followed program."""

    problems: Sequence[Complaint]
    warnings: Sequence[Complaint]


def diagnose(followed: Followed) -> Diagnosis:
    """The problem, where it does not fit, and the silent mistakes."""
    problems = [complaint_of(followed.problem)] if followed.problem is not None else []
    warnings = [Complaint(f.id, f.place, f.place, f.why) for f in findings(followed)]
    return Diagnosis(problems, warnings)


def complaint_of(problem: Problem) -> Complaint:
    """What is raised, under the id of its cause."""
    refusal = problem.refusal
    return Complaint(
        cause_id(problem), problem.place, problem.part, "", torch=(refusal.type, refusal.message)
    )


_ABOUT = {"input": "feature-size", "h0": "state-shape", "c0": "state-shape", "dtype": "dtype",
          "state_dtype": "dtype", "lengths": "lengths"}  # fmt: skip


def cause_id(problem: Problem) -> str:
    """The id of the cause, by what the rule that refused says of it."""
    refusal = problem.refusal
    wants = refusal.wants
    if "load" in wants:
        return "checkpoint-mismatch"
    if "about" in wants:
        if "rank" in wants:
            return "unbatched-rank"
        return _ABOUT.get(wants["about"], "constructor")
    if "argument" in wants:
        return "constructor"
    if "graph" in wants:
        return "graph-kept"
    if "collate" in wants:
        return "ragged-batch"
    if isinstance(refusal.argument, tuple):
        return "tuple-passed-on"
    return {"AttributeError": "attribute", "IndexError": "index", "KeyError": "key"}.get(
        refusal.type, "shape-mismatch"
    )
