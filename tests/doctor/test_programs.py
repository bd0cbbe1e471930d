"""Small programs of every kind: what torch refuses, what goes wrong in silence, what is right.

fixtures/programs/ holds them with the ids of causes that may be given and, for the live test, what
is true of a program that was mended rightly. The programs were written for this package.
"""

import contextlib
import importlib.util
import io
import os
import re
import warnings

import pytest
from conftest import ROOT

from rnnshape.doctor.followed import diagnose
from rnnshape.programs.follow import Request, follow
from rnnshape.programs.source import source_of

FOLDER = ROOT / "fixtures" / "programs"


def programs(kind):
    return list(_programs(kind))


def _programs(kind):
    """(name, allowed ids, judge, text, lines of the mistake) of every program of a kind."""
    whole = (FOLDER / f"{kind}.txt").read_text(encoding="utf-8")
    head, *parts = re.split(r"^### ", whole, flags=re.MULTILINE)
    begin = "\n".join(line for line in head.split("\n") if line and line[0] != "#")
    for part in parts:
        title, _, body = part.partition("\n")
        name, causes, judge = (words.strip() for words in title.split(" | ", 2))
        text = f"{begin}\n{body.rstrip()}\n"
        lines = [n for n, line in enumerate(text.split("\n"), 1) if "#<" in line]
        yield name, causes.split(), judge, re.sub(r" *#<", "", text), lines


def troubles(text):
    request = Request(source_of(text, "script.py"))
    followed = follow(request)[0]
    return followed, diagnose(followed, request)


def allowed(name, causes):
    return any(re.search(c[1:], name) if c[0] == "~" else c == name for c in causes)


def mended(text, edits):
    lines = text.split("\n")
    for edit in sorted(edits, key=lambda edit: -edit["line"]):
        at = edit["line"] - 1
        before = edit["before"].rstrip("\n").split("\n") if edit["before"] else []
        assert lines[at : at + len(before)] == before
        lines[at : at + len(before)] = edit["after"].rstrip("\n").split("\n")
    return "\n".join(lines)


def case(program):
    return program[0] if isinstance(program, tuple) else str(program)


@pytest.mark.parametrize("program", programs("raises"), ids=case)
def test_what_torch_refuses_has_its_cause_and_a_mend_that_was_tried(program):
    _, causes, _, text, _ = program
    followed, diagnosis = troubles(text)
    assert followed.verdict == "does not fit"
    (problem,) = diagnosis.problems
    assert allowed(problem.id, causes), problem.id
    again, after = troubles(mended(text, problem.edits))
    assert problem.edits and again.problem is None and not after.warnings


@pytest.mark.parametrize("program", programs("silent"), ids=case)
def test_a_silent_mistake_is_named_at_its_line(program):
    _, causes, _, text, lines = program
    _, diagnosis = troubles(text)
    found = [(c.id, c.place.line) for c in (*diagnosis.problems, *diagnosis.warnings)]
    assert any(allowed(name, causes) and line in lines for name, line in found), found


@pytest.mark.parametrize("program", programs("correct"), ids=case)
def test_nothing_is_said_against_a_right_program(program):
    followed, diagnosis = troubles(program[3])
    assert followed.verdict == "fits"
    assert not diagnosis.problems and not diagnosis.warnings


# ------------------------------------------------------------------------- torch itself is the judge


def close(a, b, tol=1e-5):
    """Same shape and same numbers."""
    import torch

    return a.shape == b.shape and torch.allclose(a, b, atol=tol, rtol=1e-4)


def independent(f, x, axis=0, out=0, tol=1e-5):
    """Changing the first sample of x (along axis) changes the first of f(x) and no other."""
    import torch

    with torch.no_grad():
        y = x.clone()
        first = y.select(axis, 0)
        first.copy_(first + 1 if x.is_floating_point() else (first + 1) % (x.max() + 1))
        change = (f(x) - f(y)).abs().movedim(out, 0).reshape(x.shape[axis], -1).amax(1)
    return bool(change[0] > 10 * tol and (change[1:] <= tol).all())


def judged(text, judge):
    """Runs a program of ours; whether the judge is true among its names."""
    import torch

    torch.set_num_threads(1)
    names = {"__name__": "__main__"}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        exec(compile(text, "script.py", "exec"), names)
    return bool(eval(judge, {**names, "torch": torch, "close": close, "independent": independent}))


needs_torch = pytest.mark.skipif(
    getattr(importlib.util.find_spec("torch"), "origin", None) is None or os.name == "nt",
    reason="torch is not installed",
)


@pytest.mark.live
@needs_torch
@pytest.mark.parametrize("program", [*programs("raises"), *programs("silent")], ids=case)
def test_the_shown_mend_is_right_in_torch(program):
    _, causes, judge, text, lines = program
    if not lines:
        with pytest.raises(Exception):  # noqa: B017
            judged(text, "True")
    else:
        assert not judged(text, judge)
    _, diagnosis = troubles(text)
    found = [c for c in (*diagnosis.problems, *diagnosis.warnings) if allowed(c.id, causes)]
    if found[0].edits:
        assert judged(mended(text, found[0].edits), judge)


@pytest.mark.live
@needs_torch
@pytest.mark.parametrize("program", programs("correct"), ids=case)
def test_the_right_programs_run(program):
    assert judged(program[3], "True")
