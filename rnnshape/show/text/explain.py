"""What an error means (rnnshape/explain/1), as a person reads it; and the table of rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..screen import Line, labelled, prose, text, visible

Document = Mapping[str, Any]

_LABEL = 7


def explain_text(answered: Document) -> Iterator[Line]:
    """The error, then each cause; for an error that no rule knows, what was read of it."""
    lines = _clipped(answered["error"]) if answered["error"] else []
    yield from (text(line, "title") for line in lines)
    if not answered["recognised"]:
        yield from (
            [[], text("not recognised", "bad")] if lines else [text("nothing to read", "bad")]
        )
        yield from _read_lines(answered["read"])
        return
    for number, cause in enumerate(answered["causes"], 1):
        yield []
        yield [(f"{number}. {cause['id']}", "title"), (f"  {cause['confidence']:.0%}", "note")]
        yield from _cause_lines(cause)


def _cause_lines(cause: Document) -> Iterator[Line]:
    yield from _labelled("why", cause["why"])
    yield from _labelled("fix", cause["fix"])
    for edit in cause["edits"]:
        yield from edit_lines(edit, "   ")
    if cause["proof"] == "program":
        yield _row("proof", "✓ the edited program was followed again: it fits", "good")
    elif cause["code"]:
        for label, line in zip(["code", *[""] * 99], visible(cause["code"]).split("\n")):
            yield _row(label, line, "good")
    if cause["proof"] == "layer":
        yield from _proof_lines(cause["layer"])


def edit_lines(edit: Document, margin: str = "  ") -> Iterator[Line]:
    """An edit: its line, what stood there and what takes its place."""
    place = f"{edit['file']}, line {edit['line']}"
    yield [(f"{margin}{'edit':<{_LABEL}}", "note"), (visible(place), "note")]
    for sign, words, kind in (("-", edit["before"], "negative"), ("+", edit["after"], "good")):
        for line in visible(words).rstrip("\n").split("\n") if words else ():
            yield [(f"{margin}{'':<{_LABEL}}", "note"), (f"{sign} {line}", kind)]


def _proof_lines(proof: Document) -> Iterator[Line]:
    for label, when in (("proof", "before"), ("", "after")):
        call = proof[when]
        sign = "✓ the layer fits" if call["fits"] else "✗ does not fit"
        facts = "; ".join(
            f"{name} {_written(value)}"
            for name, value in call.items()
            if name not in ("fits", "torch", "network") and value not in (None, [], {})
        )
        words = [f"{when:6}", sign, call.get("network") or "", facts]
        line = visible("  ".join(word for word in words if word))
        yield labelled(f"   {label}", line, "good" if call["fits"] else "negative", 3 + _LABEL)


def _written(value: Any) -> str:
    if isinstance(value, list):
        if all(isinstance(item, int | str) for item in value):
            return f"({', '.join(map(str, value))})"
        return ", ".join(map(_written, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} {_written(item)}" for key, item in value.items())
    return str(value)


def _read_lines(read: Document) -> Iterator[Line]:
    """What could be made out."""
    line = read.get("line")
    facts = {
        "type": read.get("type"),
        "function": read.get("function"),
        "shapes": ", ".join(map(_written, read.get("shapes", []))),
        "numbers": ", ".join(str(number) for number in read.get("numbers", [])),
        "line": f"{line['file']}:{line['line']}: {line['code']}" if line else "",
    }
    for name, value in facts.items():
        if value:
            yield from _labelled(name, str(value), width=9)
    yield from _labelled("known", "rnnshape explain --list shows what has a rule", width=9)


def _labelled(label: str, words: str, width: int = _LABEL) -> Iterator[Line]:
    yield labelled(f"   {label}", " ".join(visible(words).split()), width=3 + width)


def _row(label: str, words: str, kind: str, width: int = _LABEL) -> Line:
    return [(f"   {label:{width}}", "note"), (words, kind)]


def _clipped(words: str) -> list[str]:
    lines = visible(words).split("\n")
    short = [line if len(line) <= 300 else line[:299] + "…" for line in lines[:12]]
    return [*short, "…"] if len(lines) > 12 else short


def table_text(rules: Iterable[Mapping[str, str]]) -> Iterator[Line]:
    """Every cause with its meaning, and an example of each message that has a rule."""
    causes: dict[tuple[str, str], list[str]] = {}
    for rule in rules:
        causes.setdefault((rule["id"], rule["meaning"]), []).append(rule["example"])
    for number, ((name, meaning), examples) in enumerate(causes.items()):
        if number:
            yield []
        yield text(name, "title")
        yield from _labelled("", meaning, width=0)
        for example in examples:
            yield prose(" ".join(visible(example.split("\n")[0]).split()), indent=5)
