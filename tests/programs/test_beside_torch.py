"""Programs run in torch, line by line, beside the same programs followed: every shape is equal."""

import ast
import contextlib
import io
import runpy
import sys
import warnings
from pathlib import Path

import pytest
from conftest import ROOT

from rnnshape.programs.follow import Request, follow, program
from rnnshape.programs.sizes import Size
from rnnshape.programs.tensor import Tensor

pytestmark = pytest.mark.live
PROGRAMS = sorted((ROOT / "fixtures/programs").glob("*.py"))


def assigned(text):
    found = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assign):
            nodes = [n for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)]
            names = {n.id for n in nodes if isinstance(n.ctx, ast.Store)}
            found.setdefault(node.lineno, set()).update(names)
    return found


def nested(value, tensor):
    """The shapes of a tensor or of nested tuples and lists of them; None for anything else. A size
    that depends on numbers (of a mask) is "?"."""
    if isinstance(value, tensor):
        return tuple("?" if isinstance(n, Size) else int(n) for n in value.shape)
    if type(value) in (tuple, list) and len(value) < 40:
        return [s for s in (nested(v, tensor) for v in value) if s is not None] or None
    return None


def run_in_torch(path: Path):
    """The shapes that each line gave its names the first time it ran, and what the program raised."""
    torch = pytest.importorskip("torch")
    lines, seen, before = assigned(path.read_text(encoding="utf-8")), {}, {}

    def trace(frame, event, argument):
        if frame.f_code.co_filename != str(path):
            return None
        before[id(frame)] = None
        return local

    def local(frame, event, argument):
        last = before.get(id(frame))
        if last is not None and event in ("line", "return"):
            for name in lines.get(last, ()):
                shape = nested(frame.f_locals.get(name), torch.Tensor)
                if shape is not None:
                    seen.setdefault((last, name), shape)
        before[id(frame)] = frame.f_lineno if event == "line" else None
        return local

    raised, outer = None, sys.gettrace()
    torch.manual_seed(0)
    sys.settrace(trace)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            runpy.run_path(str(path), run_name="__main__")
    except Exception as error:
        raised = f"{type(error).__name__}: {error}"
    finally:
        sys.settrace(outer)
    return seen, raised


def run_over_shapes(path: Path):
    source, entry = program(str(path))
    (one,) = follow(Request(source, entry))
    told = {}
    for line in one.lines:
        for name, value in line.names.items():
            shape = nested(value, Tensor)
            if shape is not None:
                told.setdefault((line.line, name), shape)
    problem = one.problem
    return told, f"{problem.refusal.type}: {problem.refusal.message}" if problem else None, one


def same(seen, told):
    if isinstance(seen, (tuple, list)) and isinstance(told, (tuple, list)):
        return len(seen) == len(told) and all(map(same, seen, told))
    return seen == told or told == "?"


@pytest.mark.parametrize("path", PROGRAMS, ids=[p.stem for p in PROGRAMS])
def test_every_name_has_the_shape_that_torch_gives_it(path):
    seen, raised = run_in_torch(path)
    told, refused, one = run_over_shapes(path)
    wrong = {k: (seen[k], told.get(k)) for k in seen if not same(seen[k], told.get(k))}
    assert (wrong, refused) == ({}, raised)
    assert seen
    assert one.verdict == ("does not fit" if raised else "fits")
