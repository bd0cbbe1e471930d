"""`explain`: the causes of an error message or a traceback, most likely first."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .causes import RULES, Finding
from .code import Mend
from .program import Program
from .read import Error, Reading, clean, read, windows

MOST_SHOWN = 2000  # characters of an error that are given back
_UNPROVEN = 0.3  # what a mend is worth after which the shapes still do not fit
_SHAPE = re.compile(r"(?:torch\.Size\()?[\[(](\d{1,40}(?:, ?\d{1,40}){0,9},?)[\])]")
_PRODUCT = re.compile(r"\b(\d{1,40})\s?x\s?(\d{1,40})\b")
_NUMBER = re.compile(r"(?<![\w.])-?\d{1,40}(?![\w.]|\.\d)")
_FUNCTION = re.compile(r"\b([a-z_]\w{1,60})\(\)(?::| received| missing| got)")

Sources = Callable[[str], str | None]


@dataclass(frozen=True)
class Cause:
    """One possible cause: why it is held for one, the mend in words and as code, and a proof.

    replaces: the user's own lines ({"file", "line", "text"}) that `code` stands in for, or None.
    """

    id: str
    confidence: float
    why: str
    fix: str
    code: str
    replaces: dict[str, Any] | None
    proof: dict[str, Any] | None


@dataclass(frozen=True)
class Explanation:
    """What an error means; `read` is what was read from the text, understood or not."""

    recognised: bool
    error: str
    causes: tuple[Cause, ...] = ()
    read: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The document rnnshape/explain/1."""
        return {
            "schema": "rnnshape/explain/1",
            "recognised": self.recognised,
            "error": self.error,
            "causes": [dict(vars(cause)) for cause in self.causes],
            "read": self.read,
        }


def explain(
    text: str, stated: Mapping[str, Any] | None = None, sources: Sources | None = None
) -> Explanation:
    """The causes of the last error in `text` that a rule knows, most likely first.

    text: a message, or anything that holds one: a traceback, a notebook's, a log.
    stated: what is known of the network, by the names of the constructor, batch_size, seq_len.
    sources: gives the text of a file that a traceback names, or None; it is believed only where
    its lines are those that the traceback shows.
    """
    first: Reading | None = None
    for window in windows(text):
        reading = read(window)
        first = first or reading
        for error in (*reading.errors, Error("", reading.text.strip())):
            rules = [rule for rule in RULES if rule.matches(error.message)]
            if rules:
                return _explained(error, reading, dict(stated or {}), sources)
    assert first is not None
    # of a text without an error its last line is most like one
    error = first.errors[0] if first.errors else Error("", first.text.strip().split("\n")[-1])
    return Explanation(False, _short(str(error)), (), _seen(error, first))


def _explained(
    error: Error, reading: Reading, stated: dict[str, Any], sources: Sources | None
) -> Explanation:
    reading = reading.about(error)
    program = Program(reading, _believed(reading, sources) if sources else {})
    found: dict[str, Finding] = {}
    for rule in RULES:
        finding = rule.apply(error, reading, program, stated)
        if finding and finding.proof and not finding.proof["after"]["fits"]:
            finding = finding._replace(confidence=finding.confidence * _UNPROVEN)
        if finding and finding.confidence > found.get(rule.id, _NOTHING).confidence:
            found[rule.id] = finding
    total = sum(finding.confidence for finding in found.values())
    ranked = sorted(found.items(), key=lambda item: -item[1].confidence)
    causes = tuple(
        Cause(
            name, max(0.01, round(f.confidence / max(1.0, total), 2)), f.why, f.fix,
            clean(f.mend.code), f.mend.replaces, f.proof,
        )
        for name, f in ranked
    )  # fmt: skip
    return Explanation(bool(causes), _short(_line(error)), causes, _seen(error, reading))


_NOTHING = Finding(0.0, "", "", Mend(""))


def _believed(reading: Reading, sources: Sources) -> dict[str, str]:
    """The user's files whose lines are the ones that the traceback shows."""
    believed: dict[str, str] = {}
    own = [frame for frame in reading.frames if frame.own and frame.line and frame.code]
    for file in list(dict.fromkeys(frame.file for frame in own))[:8]:
        text = sources(file)
        if text is None:
            continue
        lines = clean(text).split("\n")
        if all(
            frame.line <= len(lines) and lines[frame.line - 1].strip() == frame.code.split("\n")[0]
            for frame in own
            if frame.file == file and frame.line
        ):
            believed[file] = "\n".join(lines)
    return believed


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
