"""What was found in the programs of a project, as a terminal, a script or a CI reads it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from textwrap import wrap
from typing import Any

from .. import __version__
from ..doctor.causes.table import CAUSES
from ..errors import UsageError
from ..programs.follow import Request
from ..programs.source import read, source_of
from ..programs.sources import Program, Settings, recurrent
from .program import diagnosed, program_document
from .screen import visible

Document = dict[str, Any]  # rnnshape/program/1
_LEVELS = {"problems": "error", "warnings": "warning"}


def reported(
    programs: Iterable[Program], project: Settings
) -> tuple[list[Document], list[UsageError]]:
    """The documents of the programs that hold a recurrent layer of torch, and of those that were
    named; and what could not be read."""
    documents, faults = [], []
    for path, entry, named in programs:
        try:
            text = read(str(path))
            if not named and not recurrent(text):
                continue
            source = source_of(text, path.as_posix(), str(path.resolve()))
            results = diagnosed(Request(source, entry, strict=False), project)
        except UsageError as fault:
            faults.append(fault)
            continue
        document = program_document(results, source.name, entry, {})
        if document["layers"] or document["problems"] or named:
            documents.append(document)
    return documents, faults


def report(documents: Sequence[Document], kind: str, width: int = 80) -> Iterator[str]:
    """The lines of a report over several programs in one of FORMATS; a text keeps to `width`."""
    if kind == "json":
        yield json.dumps({"schema": "rnnshape/report/1", "programs": list(documents)})
    elif kind == "sarif":
        yield json.dumps(sarif(documents), indent=1, ensure_ascii=False)
    else:
        lines: dict[str, Callable[[Document, str], Iterator[str]]]
        lines = {"text": partial(_text, width), "concise": _concise, "github": _github}
        for finding, level in findings(documents):
            yield from lines[kind](finding, level)
        if kind != "github":
            yield from _sums(documents)


def findings(documents: Sequence[Document]) -> Iterator[tuple[Document, str]]:
    """Every problem and warning with its level, in the order of files and lines."""
    for document in documents:
        held = [(f, level) for name, level in _LEVELS.items() for f in document[name]]
        yield from sorted(held, key=lambda each: (each[0]["file"], each[0]["line"]))


def _sentence(finding: Document) -> str:
    torch = finding.get("torch")
    said = f"{torch['type']}: {torch['message']}" if torch else ""
    return ". ".join(words for words in (said.rstrip("."), finding["why"]) if words)


def _concise(finding: Document, level: str) -> Iterator[str]:
    words = _sentence(finding).replace("\n", " ")
    yield visible(f"{finding['file']}:{finding['line']}: {finding['id']} {words}")


def _text(width: int, finding: Document, level: str) -> Iterator[str]:
    yield visible(f"{finding['file']}:{finding['line']}: {level}: {finding['id']}")
    torch = finding.get("torch")
    if torch:
        yield visible(f"    {torch['type']}: {torch['message']}".replace("\n", "\n    "))
    fix = f"fix: {finding['fix']}" if finding.get("fix") else ""
    for words in filter(None, (finding["why"], fix)):
        yield from wrap(visible(words), width, initial_indent="    ", subsequent_indent="    ")
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
    results, ids = [], set()
    for finding, level in findings(documents):
        ids.add(finding["id"])
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
    rules = [_sarif_rule(id) for id in sorted(ids)]
    tool = {"driver": {"name": "rnnshape", "version": __version__, "rules": rules}}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": tool, "results": results, "columnKind": "unicodeCodePoints"}],
    }


def _sarif_rule(id: str) -> Document:
    """What a rule says whatever was found, in the words of the table of causes."""
    cause = CAUSES.get(id)
    if cause is None:  # torch's refusal alone
        return {"id": id}
    first = cause.why.partition(". ")[0].rstrip(".")
    return {"id": id, "shortDescription": {"text": f"{first}."},
            "fullDescription": {"text": cause.why}, "help": {"text": cause.fix}}  # fmt: skip


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


def assert_shapes(
    program: str, *, out: str | Sequence[str] | None = None, set: Mapping[str, Any] | None = None,
    **inputs: str,
) -> None:  # fmt: skip
    """For a test: the program fits, and what it gives has these shapes; it is followed, not run.

    program: "model.py:Net". inputs: shapes of its arguments, "N T 10" or "N T:long". out: the
    shape of what it returns, or one for each tensor; "_" is any size. set: arguments of the
    constructor. Raises AssertionError with the lines and their shapes, UsageError for a program
    that cannot be read.
    """
    from ..programs.follow import program as read_program
    from ..programs.follow import setting_value, shape_value
    from .screen import plain_lines
    from .text.program import program_text

    source, entry = read_program(program)
    shapes = {name: shape_value(",".join(words.split())) for name, words in inputs.items()}
    settings = {
        name: setting_value(value) if isinstance(value, str) else value
        for name, value in (set or {}).items()
    }
    results = diagnosed(Request(source, entry, settings, shapes))
    document = program_document(results, source.name, entry, settings)
    expected: list[str] | None = [out] if isinstance(out, str) else None if out is None else [*out]
    wanted = None if expected is None else [w.replace(",", " ").split() for w in expected]
    fits = document["verdict"] == "fits" and (wanted is None or _same(document["output"], wanted))
    if not fits:
        lines = [f"{program}: expected a program that fits"]
        if expected is not None:
            lines[0] += f" and gives {', '.join(expected)}"
        raise AssertionError(
            "\n".join([*lines, *plain_lines(program_text(results, source.name, 80))])
        )


def _same(output: Sequence[Sequence[int | str]], wanted: Sequence[Sequence[str]]) -> bool:
    return len(output) == len(wanted) and all(
        len(shape) == len(words)
        and all(word in ("_", str(size)) for word, size in zip(words, shape))
        for shape, words in zip(output, wanted)
    )
