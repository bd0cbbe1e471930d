"""What was found in the programs of a project, as a terminal, a script or a CI reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from .. import __version__
from .screen import visible

FORMATS = ("text", "concise", "json", "github", "sarif")
Document = dict[str, Any]  # rnnshape/program/1
_LEVELS = {"problems": "error", "warnings": "warning"}


def report(documents: Sequence[Document], kind: str) -> Iterator[str]:
    """The lines of a report over several programs in one of FORMATS."""
    if kind == "json":
        yield json.dumps({"schema": "rnnshape/report/1", "programs": list(documents)})
    elif kind == "sarif":
        yield json.dumps(sarif(documents), indent=1, ensure_ascii=False)
    else:
        line = {"text": _text, "concise": _concise, "github": _github}[kind]
        for finding, level in findings(documents):
            yield from line(finding, level)
        if kind != "github":
            yield from _sums(documents)


def findings(documents: Sequence[Document]) -> Iterator[tuple[Document, str]]:
    """Every problem and warning with its level, in the order of files and lines."""
    for document in documents:
        held = [(f, level) for name, level in _LEVELS.items() for f in document[name]]
        yield from sorted(held, key=lambda each: (each[0]["file"], each[0]["line"]))


def _sentence(finding: Document) -> str:
    torch = finding.get("torch")
    said = f"{torch['type']}: {torch['message']}. " if torch else ""
    return f"{said}{finding['why']}"


def _concise(finding: Document, level: str) -> Iterator[str]:
    words = _sentence(finding).replace("\n", " ")
    yield visible(f"{finding['file']}:{finding['line']}: {finding['id']} {words}")


def _text(finding: Document, level: str) -> Iterator[str]:
    yield visible(f"{finding['file']}:{finding['line']}: {level}: {finding['id']}")
    torch = finding.get("torch")
    if torch:
        yield visible(f"    {torch['type']}: {torch['message']}".replace("\n", "\n    "))
    yield visible(f"    {finding['why']}".replace("\n", " "))
    if finding.get("fix"):
        yield visible(f"    fix: {finding['fix']}".replace("\n", " "))
    for edit in finding.get("edits", ()):
        yield from (visible(f"    - {row}") for row in edit["before"].splitlines())
        yield from (visible(f"    + {row}") for row in edit["after"].splitlines())


def _escaped(text: str, of_property: bool = False) -> str:
    """As GitHub's workflow commands want it: their own separators written as %XX."""
    for sign in "%\r\n" + (":," if of_property else ""):
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text


def _github(finding: Document, level: str) -> Iterator[str]:
    place = f"file={_escaped(finding['file'], True)},line={finding['line']}"
    title = _escaped(f"rnnshape {finding['id']}", True)
    fix = f"\n{finding['fix']}" if finding.get("fix") else ""
    yield f"::{level} {place},title={title}::{_escaped(_sentence(finding) + fix)}"


def _sums(documents: Sequence[Document]) -> Iterator[str]:
    count = {name: sum(len(d[name]) for d in documents) for name in _LEVELS}
    unknown = sum(d["verdict"] == "unknown" for d in documents)
    followed = [d for d in documents if d["verdict"] != "no recurrent layer"]
    if not followed:
        yield "no recurrent layer found"
        return
    words = [f"{len(followed)} program{'s' * (len(followed) != 1)} with a recurrent layer"]
    words += [f"{n} {name[: -1 if n == 1 else None]}" for name, n in count.items()]
    yield ", ".join(words) + (f", {unknown} not followed to the end" if unknown else "")


def sarif(documents: Sequence[Document]) -> Document:
    """SARIF 2.1.0 (OASIS): one run, a rule an id, a result a finding with its mends."""
    results = []
    ids: dict[str, str] = {}
    for finding, level in findings(documents):
        ids.setdefault(finding["id"], finding["why"])
        place = {
            "physicalLocation": {
                "artifactLocation": {"uri": _uri(finding["file"])},
                "region": {"startLine": finding["line"]},
            }
        }
        result = {
            "ruleId": finding["id"],
            "level": level,
            "message": {"text": _sentence(finding)},
            "locations": [place],
        }
        if finding.get("edits"):
            result["fixes"] = [_sarif_fix(finding)]
        results.append(result)
    rules = [{"id": id, "shortDescription": {"text": why}} for id, why in sorted(ids.items())]
    tool = {"driver": {"name": "rnnshape", "version": __version__, "rules": rules}}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": tool, "results": results, "columnKind": "unicodeCodePoints"}],
    }


def _sarif_fix(finding: Document) -> Document:
    changes: dict[str, list[Document]] = {}
    for edit in finding["edits"]:
        rows = edit["before"].splitlines()
        region = {"startLine": edit["line"], "endLine": edit["line"] + max(len(rows), 1) - 1}
        if rows:
            region |= {"startColumn": 1, "endColumn": len(rows[-1]) + 1}
        inserted = {"text": edit["after"].rstrip("\n")}
        change = {"deletedRegion": region, "insertedContent": inserted}
        changes.setdefault(edit["file"], []).append(change)
    return {
        "description": {"text": finding.get("fix") or finding["id"]},
        "artifactChanges": [
            {"artifactLocation": {"uri": _uri(file)}, "replacements": replacements}
            for file, replacements in changes.items()
        ],
    }


def _uri(file: str) -> str:
    from urllib.parse import quote

    return quote(file.replace("\\", "/"))
