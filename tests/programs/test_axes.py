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


COMPUTED = """
x.relu() | -x | x * 2 + 1 | x + x | x - x.mean(1, keepdim=True) | x / x.sum(-1, keepdim=True) | x + x[:, :1]
x.sum(1) | x.mean(-1) | x.max(1)[0] | x.max(2).values | x.std(1) | x.norm(dim=2) | x.logsumexp(1) | x.amax((1, 2))
x.sum(1, keepdim=True) | x.mean((1, 2)) | x.softmax(2) | F.log_softmax(x, dim=1) | F.normalize(x, dim=2) | x.cumsum(1)
x.sort(1)[0] | x.topk(2, dim=1)[0] | x.flip(1) | torch.cat([x, x], 1) | torch.cat([x, x], 2) | torch.stack([x, x], 1)
torch.stack([x, x]) | x @ w | torch.matmul(x, w) | x @ x.transpose(1, 2) | torch.bmm(x, x.transpose(1, 2)) | x.transpose(0, 1) @ w
torch.bmm(x.transpose(1, 2), x) | torch.einsum('ntf,fg->ntg', x, w) | torch.einsum('ntf,nsf->nts', x, x) | x[:, -1] @ w
torch.einsum('ntf->nf', x) | F.linear(x, v) | F.linear(x.transpose(0, 1), v) | nn.Linear(6, 5).double()(x) | x[:, 0].unsqueeze(1) * x
nn.Linear(24, 5).double()(x.flatten(1)) | nn.LayerNorm(6).double()(x) | nn.Conv1d(6, 5, 2).double()(x.transpose(1, 2))
nn.Conv1d(4, 5, 2).double()(x) | F.max_pool1d(x, 2) | F.avg_pool1d(x.transpose(1, 2), 2) | F.adaptive_avg_pool1d(x, 1).squeeze(2)
x.masked_fill(x > 0, 0.0) | torch.where(x > 0, x, x * 2) | x.clamp(min=0) | F.pad(x, (1, 1)) | F.pad(x, (0, 0, 1, 0)) | x.tril()
x.reshape(3, 24) | x.reshape(12, 6) | x.view(12, 6) @ w | (x.view(12, 6) @ w).view(3, 4, 5) | x.chunk(2, 2)[0] * x.chunk(2, 2)[1]
x.unsqueeze(1).expand(-1, 2, -1, -1) | x.repeat(1, 2, 1) | x[:, [0, 1]] | x[:, 1:] - x[:, :-1] | x.gather(1, torch.zeros(3, 1, 6).long())
x.index_select(1, torch.tensor([0, 2])) | F.dropout(x, 0.0) | F.gelu(x) | nn.PReLU().double()(x) | F.glu(x, 2) | x.unfold(1, 2, 1)
F.cosine_similarity(x, x, dim=2) | torch.outer(x[:, 0, 0], w[0]) | x.prod(1) | x.var(2)
F.mse_loss(x, x * 2, reduction='none') | nn.MSELoss(reduction='none')(x[:, 0], x[:, 1]) | x.sum(2, keepdim=True).squeeze(2) | x.permute(2, 0, 1) * 2
F.interpolate(x, size=5) | nn.Bilinear(6, 6, 5).double()(x, x) | x.T.T | x.mT | x.diff(dim=1) | torch.addmm(w[:1], x[:, 0], w) | x.median(1)[0]
F.scaled_dot_product_attention(x, x, x) | nn.MultiheadAttention(6, 2, batch_first=True).double()(x, x, x)[0] | torch.baddbmm(x @ w, x, w.expand(3, 6, 5))
nn.LSTM(6, 5, batch_first=True).double()(x)[0] | nn.GRU(6, 5, batch_first=True).double()(x)[1] | nn.LSTM(6, 5).double()(x.transpose(0, 1))[0]
nn.RNN(6, 5, batch_first=True, bidirectional=True).double()(x)[1] | nn.GRUCell(6, 5).double()(x[:, 0]) | nn.LSTM(6, 5, batch_first=True).double()(x)[0][:, -1]
"""


@pytest.mark.live
@pytest.mark.filterwarnings("ignore")
def test_a_sample_reaches_its_own_results_alone() -> None:
    torch = pytest.importorskip("torch")
    from torch import nn
    from torch.autograd.functional import jacobian

    torch.manual_seed(0)
    shape, run, wrong, lost = (3, 4, 6), interpreter(), [], []
    torchs = {"w": torch.randn(6, 5).double(), "v": torch.randn(5, 6).double()}
    for code in (c.strip() for line in COMPUTED.strip().splitlines() for c in line.split(" | ")):
        names: dict[str, Any] = {
            "torch": Torch("torch"),
            "nn": Torch("torch.nn"),
            "F": Torch("torch.nn.functional"),
        }
        names |= {"x": Tensor(shape, "float64", axes=fresh_axes(shape, "x", KINDS))}
        names |= {"w": Tensor((6, 5), "float64"), "v": Tensor((5, 6), "float64")}
        run.frames = [Frame("", "", Scope(names, names), (), 0)]
        ours = run.evaluate(ast.parse(code, mode="eval").body)
        scope = {"torch": torch, "nn": nn, "F": nn.functional, **torchs}
        state = torch.get_rng_state()

        def computed(x: Any, code: str = code, scope: Any = scope, state: Any = state) -> Any:
            torch.set_rng_state(state)
            return eval(code, {**scope, "x": x})

        whole = jacobian(computed, torch.randn(shape).double() + 0.1)
        if not isinstance(ours, Tensor):
            lost.append(code)
            continue
        assert tuple(ours.shape) == tuple(whole.shape[:-3]), code
        reached = whole.abs().sum((-1, -2)) > 0  # (…, sample of x)
        told = [a for a, axis in enumerate(ours.axes) if any(p.kind == "samples" for p in axis)]
        pure = all(len(ours.axes[a]) == 1 for a in told)
        for a in told:
            if not pure:
                continue
            for i in range(ours.shape[a]):
                others = [k for k in range(3) if k != i]
                if reached.select(a, i)[..., others].any():
                    wrong.append(f"{code}: axis {a} is no axis of samples, {ours.axes}")
                    break
        keeps = [
            a for a in range(reached.ndim - 1)
            if reached.shape[a] == 3
            and all(not reached.select(a, i)[..., [k for k in range(3) if k != i]].any() for i in range(3))
        ]  # fmt: skip
        if keeps and not told:
            lost.append(f"{code}: axis {keeps} is of samples, {ours.axes}")
    assert not wrong, "\n".join(wrong)
    assert not lost, "\n".join(lost)
