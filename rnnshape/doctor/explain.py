"""`explain`: the causes of an error message or a traceback, most likely first.

A traceback whose program is at hand is explained from the program: it is followed to the line that
fails, and its mends are edits that were tried. Of a message alone its numbers speak.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import UsageError
from .causes.base import Finding
from .causes.rules import RULES
from .causes.table import CAUSES, sentences
from .read import Error, Frame, Reading, clean, read, windows

MOST_SHOWN = 2000  # characters of an error that are given back
MOST_PROGRAM = 400_000  # characters of a program that is followed
_SHAPE = re.compile(r"(?:torch\.Size\()?[\[(](\d{1,40}(?:, ?\d{1,40}){0,9},?)[\])]")
_PRODUCT = re.compile(r"\b(\d{1,40})\s?x\s?(\d{1,40})\b")
_NUMBER = re.compile(r"(?<![\w.])-?\d{1,40}(?![\w.]|\.\d)")
_FUNCTION = re.compile(r"\b([a-z_]\w{1,60})\(\)(?::| received| missing| got)")

_DIGITS = re.compile(r"\d+")

Sources = Callable[[str], str | None]


@dataclass(frozen=True)
class Cause:
    """One possible cause: why it is held for one, the mend in words, and as edits that were tried.

    edits: whole lines of the program before and after. proof: what was read again with the mend,
    "program" (the edited program) or "layer" (the layer alone, `layer` before and after), or None.
    """

    id: str
    confidence: float
    why: str
    fix: str
    code: str
    edits: tuple[dict[str, Any], ...] = ()
    proof: str | None = None
    layer: dict[str, Any] | None = None


@dataclass(frozen=True)
class Explanation:
    """What an error means; `read` is what was read from the text, understood or not."""

    recognised: bool
    error: str
    causes: tuple[Cause, ...] = ()
    read: dict[str, Any] = field(default_factory=dict)


def explain(
    text: str, stated: Mapping[str, Any] | None = None, sources: Sources | None = None
) -> Explanation:
    """The causes of the last error in `text` that is known, most likely first.

    text: a message, or anything that holds one: a traceback, a notebook's, a log.
    stated: what is known of the network, by the names of the constructor, batch_size, seq_len.
    sources: gives the text of a file that a traceback names, or None; it is believed only where
    its lines are those that the traceback shows.
    """
    first: Reading | None = None
    for window in windows(text):
        reading = read(window)
        first = first or reading
        if sources is not None:
            for error in reading.errors:
                causes = _of_program(error, reading, sources)
                if causes:
                    return Explanation(True, _short(str(error)), causes, _seen(error, reading))
        for error in (*reading.errors, Error("", reading.text.strip())):
            if any(rule.matches(error.message) for rule in RULES):
                return _explained(error, reading, dict(stated or {}))
    assert first is not None
    # of a text without an error its last line is most like one
    error = first.errors[0] if first.errors else Error("", first.text.strip().split("\n")[-1])
    return Explanation(False, _short(str(error)), (), _seen(error, first))


def explain_cells(text: str, cells: Mapping[str, str], sources: Sources) -> Explanation:
    """The causes of the error in `text`, a traceback, which the last of a notebook's cells raised.

    cells: what ran without an error and then that one, in order, by the name that a mend says.
    """
    from ..programs.follow import Request, follow
    from ..programs.source import source_of
    from .followed import causes_of

    found = explain(text, sources=sources)
    notebook = {"cells": [{"cell_type": "code", "source": cell} for cell in cells.values()]}
    try:
        source = source_of(json.dumps(notebook), "notebook.ipynb")
        request = Request(source)
        every = follow(request)
    except UsageError:
        return found
    errors = read(text).errors
    for one in every:
        last = one.problem is not None and one.problem.place.line >= source.cells[-1]
        if one.problem is None or not last or not errors:
            continue
        if not _same_words(errors[-1], one.problem.refusal):
            continue
        causes = tuple(
            replace(
                cause, edits=tuple(_in_cell(edit, source.cells, [*cells]) for edit in cause.edits)
            )
            for cause in _ranked(causes_of(one, request))
        )
        if causes:
            return replace(found, recognised=True, causes=causes)
    return found


def _in_cell(edit: dict[str, Any], begins: Sequence[int], names: Sequence[str]) -> dict[str, Any]:
    """An edit of the cells put together, as one of the cell that it stands in."""
    at = bisect_right(begins, edit["line"]) - 1
    return {**edit, "file": names[at], "line": edit["line"] - begins[at] + 1}


# ------------------------------------------------------------------------------- from the program


def _of_program(error: Error, reading: Reading, sources: Sources) -> tuple[Cause, ...]:
    """The causes by the program that raised it; none where it is not at hand, or does not fail
    where the traceback says."""
    about = reading.about(error)
    users = [frame for frame in about.frames if frame.own and frame.line]
    # TorchScript names the line behind its message
    ends = [*users[-1:], *[frame for frame in reading.frames if frame.own and frame.line][-1:]]
    if not users or error.type.endswith("Warning"):
        return ()
    from ..programs.follow import Request, follow
    from ..programs.source import source_of
    from .followed import causes_of, diagnose

    first = users[0]
    text = sources(first.file)
    if text is None or len(text) > MOST_PROGRAM or not _shows(text, first):
        return ()
    entries = [""] if first.function in ("", "<module>") else [first.function, ""]
    for entry in entries:
        try:
            source = source_of(text, re.split(r"[\\/]", first.file)[-1], first.file)
            request = Request(source, entry)
            followed = follow(request)
        except UsageError:
            continue
        for one in followed:
            for words, name in _BY_VALUE.items():
                if words in error.message:
                    kept = [w for w in diagnose(one, request).warnings if w.id == name]
                    if kept:
                        return _ranked(kept)
            if one.problem is None or not _same_words(error, one.problem.refusal):
                continue
            if any(_same_place(one, frame) for frame in ends):
                return _ranked(causes_of(one, request))
    return ()


_BY_VALUE = {  # what numbers raise, or optimizer.step(): the silent mistake that makes them so
    "modified by an inplace operation": "graph-kept",
    "should be between 0 and 1": "scores-for-probabilities",
}


def _shows(text: str, frame: Frame) -> bool:
    """Whether the file has the line that the traceback shows."""
    lines = clean(text).split("\n")
    assert frame.line is not None
    if frame.line > len(lines):
        return False
    return not frame.code or lines[frame.line - 1].strip() == frame.code.split("\n")[0].strip()


def _same_words(error: Error, refusal: Any) -> bool:
    """Whether the program fails with the words of the traceback, its numbers aside; TorchScript
    has words of its own."""
    if "following variants are available" in error.message:
        return True
    one, other = (" ".join(_DIGITS.sub("#", m).split()) for m in (error.message, refusal.message))
    return one[:60] == other[:60] or one[:60] in other or other[:60] in one


def _same_place(followed: Any, frame: Frame) -> bool:
    """Whether the program fails, as it was followed, where the traceback ends."""
    problem = followed.problem
    file = problem.place.file.replace("\\", "/").rsplit("/", 1)[-1]
    if file != frame.file.replace("\\", "/").rsplit("/", 1)[-1]:
        return False
    nodes = [called.place.node for called in problem.stack[-1:]]
    nodes += [problem.place.node] + ([problem.part.node] if problem.part else [])
    first = min(getattr(node, "lineno", 0) for node in nodes)
    last = max(getattr(node, "end_lineno", 0) or 0 for node in nodes)
    assert frame.line is not None
    return bool(first <= frame.line <= last)


def _ranked(troubles: list[Any]) -> tuple[Cause, ...]:
    """The causes with a share of the confidence each; where a mend was proved, those alone."""
    if not troubles or not troubles[0].why:
        return ()
    proved = [trouble for trouble in troubles if trouble.edits]
    troubles = proved or troubles
    weights = [1.0 / 4**i for i in range(len(troubles))]
    total = sum(weights) / (0.97 if proved else 0.7)
    return tuple(
        Cause(
            t.id, max(0.01, round(weight / total, 2)), t.why, t.fix, _code(t.edits),
            tuple(t.edits), "program" if t.edits else None,
        )
        for t, weight in zip(troubles, weights)
    )  # fmt: skip


def _code(edits: Sequence[Mapping[str, Any]]) -> str:
    """The lines that a mend writes."""
    lines = (line for edit in edits for line in edit["after"].split("\n"))
    return "\n".join(line.strip() for line in lines if line)


# -------------------------------------------------------------------------------- from the message


def _explained(error: Error, reading: Reading, stated: dict[str, Any]) -> Explanation:
    reading = reading.about(error)
    found: dict[str, Finding] = {}
    for rule in RULES:
        finding = rule.apply(error, reading, stated)
        if finding and finding.confidence > found.get(rule.id, _NOTHING).confidence:
            found[rule.id] = finding
    total = sum(finding.confidence for finding in found.values())
    ranked = sorted(found.items(), key=lambda item: -item[1].confidence)
    causes = []
    for name, f in ranked:
        share = max(0.01, round(f.confidence / max(1.0, total), 2))
        fix = f.fix or CAUSES[name].fix
        code, proof, layer = _layer(f)
        causes.append(Cause(name, share, sentences(name, f.why), fix, code, (), proof, layer))
    return Explanation(bool(causes), _short(_line(error)), tuple(causes), _seen(error, reading))


def _layer(found: Finding) -> tuple[str, str | None, Any]:
    """What the layer alone proves: the mend as code, the shapes before and after it."""
    if found.proof is None:
        return "", None, None
    before, after = found.proof["before"], found.proof["after"]
    lines = []
    for name in ("h0", "c0"):
        if name in after and after[name] != before.get(name):
            zeros = f"torch.zeros({', '.join(map(str, after[name]))})"
            own = re.sub(r"\b[hc](?=[0n]\b)", name[0], found.code)
            lines.append(own or f"{name} = {zeros}")
    return "\n".join(lines), "layer", {"before": before, "after": after}


_NOTHING = Finding(0.0)


def _seen(error: Error, reading: Reading) -> dict[str, Any]:
    """What was read, whether or not a rule knows it."""
    text = str(error)[:MOST_SHOWN]
    shapes = [[int(n) for n in m.group(1).split(",") if n.strip()] for m in _SHAPE.finditer(text)]
    shapes += [[int(a), int(b)] for a, b in _PRODUCT.findall(text)]
    function = _FUNCTION.search(text)
    frame = reading.failing
    return {
        "type": error.type or None,
        "function": function.group(1) if function else None,
        "shapes": shapes[:20],
        "numbers": [int(number) for number in _NUMBER.findall(text)[:40]],
        "line": None if frame is None else {
            "file": frame.file, "line": frame.line, "code": frame.code[:MOST_SHOWN]
        },
    }  # fmt: skip


def _line(error: Error) -> str:
    """The error itself where it was found in a text of many lines."""
    if error.type:
        return str(error)
    for line in error.message.split("\n"):
        if any(rule.matches(line) for rule in RULES):
            return line.strip()
    return str(error)


def _short(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 1] + "…"


def table() -> list[dict[str, str]]:
    """The rules, for `explain --list`: cause id, meaning, and a message each explains."""
    return [{"id": rule.id, "meaning": rule.meaning, "example": rule.example} for rule in RULES]
