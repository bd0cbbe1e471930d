"""The doctor's documents as a person reads them: what does not fit, which tensor is wanted."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ...network.spec import Spec
from ..notation import result_kind
from ..screen import Line, columns, counted, labelled, text, visible

Document = Mapping[str, Any]


def check_text(report: Document, given: Collection[str]) -> Iterator[Line]:
    """rnnshape/check/1: each problem and warning, and the verdict; where all fits, the shapes.

    given: the names of the tensors whose shapes were given.
    """
    if report["spec"] is not None:
        yield text(str(Spec.from_dict(report["spec"])), "title")
    for problem in report["problems"]:
        yield []
        yield from _problem_lines(problem)
    for warning in report["warnings"]:
        yield []
        yield from _warning_lines(warning)
    if report["problems"] or report["warnings"]:
        yield []
    if report["ok"]:
        yield from columns(
            [
                [(name, result_kind(name)), (_written(shape), ""), ("✓" * (name in given), "good")]
                for name, shape in report["tensors"].items()
            ]
        )
    yield text(_verdict(report), "good" if report["ok"] else "bad")


def _verdict(report: Document) -> str:
    counts = [(len(report["problems"]), "problem"), (len(report["warnings"]), "warning")]
    return ", ".join(["fits"] * report["ok"] + [counted(n, noun) for n, noun in counts if n])


def _problem_lines(problem: Document) -> Iterator[Line]:
    name, torch = visible(problem["tensor"]), problem["torch"]
    expected, got = _written(problem["expected"]), _written(problem["got"])
    if name == "lengths":
        got = ", ".join(map(str, problem["got"] or ["none"]))
    yield [(name, result_kind(name)), (f": expected {expected}, got {got}", "")]
    if torch is None:
        yield from _labelled("torch", "raises nothing", "note")
    elif torch["type"].startswith("SIG"):
        words = f"2.13 ends with a crash here ({torch['message']}), which nothing can catch"
        yield from _labelled("torch", words, "bad")
    else:
        yield from _labelled("torch", f"{torch['type']}: {torch['message']}", "bad")
    yield from _labelled("why", problem["why"])
    yield from _labelled("fix", problem["fix"], "good")


def _warning_lines(warning: Document) -> Iterator[Line]:
    yield [("warning ", "title"), (f"{warning['id']}: {visible(warning['message'])}", "")]
    torch = warning["torch"]
    if torch is not None:
        yield from _labelled("torch", f"{torch['type']}: {torch['message']}", "note")
    yield from _labelled("why", warning["why"])
    yield from _labelled("fix", warning["fix"], "good")
    if "proof" in warning:
        yield from _labelled("proof", _proof(warning["proof"]))


def _proof(proof: Document) -> str:
    words = f"{proof['claim']}: by {proof['difference']:.3g} in {proof['network']}"
    if "difference_mended" in proof:
        words += f", by {proof['difference_mended']:.3g} when mended"
    return words


def _labelled(label: str, words: str, kind: str = "") -> Iterator[Line]:
    for line in visible(words).rstrip().split("\n"):
        if kind == "good":  # code
            yield [(f"  {label:<6}", "note"), (line, kind)]
        else:
            yield labelled(f"  {label}", line, kind, 8)
        label = ""


def _written(value: Any) -> str:
    """A shape as `5×7×10`, nothing for null, and what else there is."""
    if value is None:
        return "nothing"
    if isinstance(value, list):
        return "×".join(map(str, value)) or "scalar"
    return visible(str(value))[:80]


def pick_text(picked: Document) -> Iterator[Line]:
    """rnnshape/pick/1: the code, the shapes that it gives, why, what else there is, the check."""
    yield text(f"{Spec.from_dict(picked['spec'])}: {picked['of']}", "title")
    for line in picked["code"].split("\n"):
        yield text(f"  {line}", "good")
    yield from columns(
        [[(r["name"], "output"), (_written(r["shape"]), "")] for r in picked["results"]]
    )
    yield from _labelled("why", picked["why"])
    for other in picked["alternatives"]:
        yield from _labelled("or", f"{other['code']}\n{other['why']}")
    verified = picked["verified"]
    if verified is None:
        words = "not run: the layer or sample is too far along for a small network"
        yield from _labelled("check", words)
        return
    verdict = "equals" if verified["ok"] else "is not"
    words = f"in {verified['network']} this {verdict} what the walk's cells left"
    yield from _labelled("check", words, "" if verified["ok"] else "bad")
