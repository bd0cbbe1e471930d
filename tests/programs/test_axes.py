"""What an axis is follows its elements: checked with torch, by where the coordinates of a tensor go."""

from __future__ import annotations

import ast
import random
from typing import Any

import pytest
from test_table import interpreter

from rnnshape.programs.interpreter import Frame
from rnnshape.programs.objects import Scope, Torch
from rnnshape.programs.tensor import Tensor, fresh_axes

KINDS = ("samples", "steps", "features", "classes")


def moved(r: random.Random, shape: tuple[int, ...]) -> str:
    """A call that moves elements and computes none."""
    rank = len(shape)
    a, b = (r.randrange(rank) for _ in "ab")
    n = 1
    for size in shape:
        n *= size
    divisors = [d for d in range(1, n + 1) if n % d == 0]
    d = r.choice(divisors)
    e = r.choice([k for k in range(1, n // d + 1) if (n // d) % k == 0])
    order = r.sample(range(rank), rank)
    middle = ", ".join(":" for _ in range(a))
    return r.choice((
        f".reshape({d}, {n // d})", f".reshape({d}, {e}, -1)", f".contiguous().view({d}, -1)",
        f".transpose({a}, {b})", f".permute({', '.join(map(str, order))})", ".flatten()",
        f".flatten({min(a, b)}, {max(a, b)})", f".unsqueeze({a})", ".squeeze()",
        f"[{middle}{', ' if a else ''}0]", f"[{middle}{', ' if a else ''}:1]",
        f"[{middle}{', ' if a else ''}None]", f".chunk({shape[a]}, {a})[0]", f".unbind({a})[-1]",
        f".split(1, {a})[0]", f".flip({a})", f".expand(2, {', '.join(['-1'] * rank)})",
        f".repeat(2, {', '.join('1' for _ in range(rank))})", f".narrow({a}, 0, 1)", ".T", ".clone()",
        f".movedim({a}, {b})", f".select({a}, 0)", f".index_select({a}, torch.tensor([0]))",
        f".repeat_interleave(2, {a})", ".view(-1)", f".unflatten({a}, (-1, 1))", ".detach()",
    ))  # fmt: skip


def separable(coordinate: Any) -> bool:
    """Whether a coordinate is a sum of what each axis of the result adds."""
    corner = coordinate[(0,) * coordinate.ndim] if coordinate.ndim else coordinate
    total = corner
    for axis in range(coordinate.ndim):
        index = tuple(slice(None) if d == axis else slice(0, 1) for d in range(coordinate.ndim))
        total = total + coordinate[index] - corner
    return bool((total == coordinate).all())


@pytest.mark.live
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(4))
def test_an_axis_is_where_its_elements_went(seed: int) -> None:
    torch = pytest.importorskip("torch")
    r, run, wrong, mixed = random.Random(seed), interpreter(), [], 0
    for _ in range(400):
        shape = tuple(r.choice((2, 3, 4, 6)) for _ in range(r.randint(1, 4)))
        code, at, steps = "x", shape, ["x"]
        for _ in range(r.randint(1, 4)):
            step = moved(r, at)
            try:
                at = tuple(eval(f"{code}{step}", {"torch": torch, "x": torch.zeros(shape)}).shape)
            except (RuntimeError, IndexError, ValueError):
                break
            if not at or 0 in at:
                break
            code += step
            steps.append(code)
        x = Tensor(shape, axes=fresh_axes(shape, "x", KINDS))
        names = {"torch": Torch("torch"), "x": x}
        run.frames = [Frame("", "", Scope(names, names), (), 0)]
        ours = run.evaluate(ast.parse(code, mode="eval").body)
        if not isinstance(ours, Tensor):
            continue
        starts = torch.meshgrid(*(torch.arange(n) for n in shape), indexing="ij")
        whole = [eval(code, {"torch": torch, "x": start.contiguous()}) for start in starts]
        assert tuple(ours.shape) == tuple(whole[0].shape), code
        parts = [p for axis in ours.axes for p in axis]
        if any(p.kind == "mixed" for p in parts):
            mixed += 1
            if all(
                separable(eval(s, {"torch": torch, "x": x.contiguous()}))
                for s in steps
                for x in starts
            ):
                wrong.append(f"{code} of {shape}: nothing is mixed, {ours.axes}")
            continue
        vague = {
            a for a, axis in enumerate(ours.axes)
            if any(p.origin is None or p.origin.what != "x" for p in axis if p.kind != "one")
        }  # fmt: skip
        for d, coordinate in enumerate(whole):
            here = {
                a for a, axis in enumerate(ours.axes)
                for p in axis if p.origin is not None and p.origin.what == "x" and p.origin.axis == d
            }  # fmt: skip
            for a in range(coordinate.ndim):
                still = bool((coordinate == coordinate.narrow(a, 0, 1)).all())
                if not still and a not in here and a not in vague:
                    wrong.append(f"{code} of {shape}: axis {d} goes along {a}, {ours.axes}")
            if not vague and not separable(coordinate):
                wrong.append(f"{code} of {shape}: axis {d} is mixed, {ours.axes}")
    assert not wrong, f"{len(wrong)} differ:\n" + "\n".join(wrong[:40])
    assert mixed > 10
