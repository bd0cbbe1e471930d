"""What is wrong with a program that was followed: what it raises, and what it does silently, each
with its cause and, where one was proved, a mend that was tried."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..programs.findings import findings
from ..programs.follow import Followed, Request
from ..programs.record import Place
from .causes.table import CAUSES, sentences
from .edits import Edit
from .mends import Trial


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


def diagnose(followed: Followed, request: Request | None = None) -> Diagnosis:
    """The problem, where it does not fit, and the silent mistakes; mends are tried where there is
    a request, by which the changed program is followed again."""
    warnings = []
    for finding in findings(followed):
        tried = Trial(request, followed, findings).warning(finding) if request else []
        mend = next(iter(tried), None)
        warnings.append(
            Complaint(
                finding.id,
                finding.place,
                finding.place,
                sentences(finding.id, finding.why[:1].upper() + finding.why[1:]),
                mend.fix if mend else CAUSES[finding.id].fix if finding.id in CAUSES else "",
                None,
                documents(mend.edits) if mend else (),
            )
        )
    return Diagnosis(causes_of(followed, request)[:1], warnings)


def causes_of(followed: Followed, request: Request | None = None) -> list[Complaint]:
    """The causes of what the program would raise, those with a proved mend first."""
    problem = followed.problem
    if problem is None:
        return []
    from .explain import explain

    refusal = problem.refusal
    torch = (refusal.type, refusal.message)
    packs = any(event.kind.endswith("pad_packed_sequence") for event in followed.events)
    told = explain(f"{refusal.type}: {refusal.message}", {"packs": packs})
    causes = {cause.id: cause for cause in told.causes}
    found: dict[str, Complaint] = {}

    def add(name: str, why: str, fix: str, edits: Sequence[Edit]) -> None:
        if name not in found:
            at = problem.place, problem.part
            found[name] = Complaint(name, *at, why, fix, torch, documents(edits))

    for mend in Trial(request, followed, findings).problem() if request else ():
        add(
            mend.id,
            causes[mend.id].why if mend.id in causes else CAUSES[mend.id].why,
            mend.fix,
            mend.edits,
        )
    for cause in causes.values():
        add(cause.id, cause.why, cause.fix, ())
    if not found:
        own = isinstance(problem.place.node, (ast.Raise, ast.Assert))
        add(_by_rule(refusal, own), "", "", ())
    return list(found.values())


def _by_rule(refusal: Any, own: bool) -> str:
    """The id of a cause that no table knows, by what the rule that refused says of it. own: whether
    the program itself raised it."""
    wants = refusal.wants
    if isinstance(refusal.argument, tuple):
        return "tuple-passed-on"
    for key, name in (
        ("load", "checkpoint-mismatch"),
        ("rank", "unbatched-rank"),
        ("argument", "constructor"),
        ("dtype", "dtype"),
        ("graph", "state-keeps-graph"),
        ("collate", "ragged-batch"),
    ):
        if key in wants:
            return name
    if not own and (refusal.sizes or refusal.type == "RuntimeError"):
        return "shape-mismatch"
    return str(refusal.type).removesuffix("Error").lower()  # value, index, key, assertion …


def documents(edits: Sequence[Edit]) -> list[dict[str, Any]]:
    """Edits as they stand in JSON."""
    return [edit._asdict() for edit in edits]
