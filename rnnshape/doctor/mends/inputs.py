"""Mends of what a module is given: its width, its axes, its dtype; and of joins and views."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import permutations
from typing import Any

from ...network.constructor import KINDS
from ...network.spec import Spec
from ...programs.record import tensors_in
from ...programs.sizes import Size
from ...programs.tensor import Tensor
from ...programs.values import Instance
from ..causes.constructor import torch_name
from ..edits import Change, dotted
from .maker import Candidate, change, put, raised, wrap
from .place import (
    LAYERS,
    WIDTHS,
    Scene,
    Spot,
    argument_at,
    arguments_of,
    calls_in,
    class_name,
    is_loss,
    is_recurrent,
    keywords_of,
    method_name,
    methods_in,
)
from .state import from_recurrent, position, scaled_texts, state_argument

KINDS_BY_CLASS = {kind.class_name: kind for kind in KINDS.values()}
RANK = (
    r"Dimension out of range \(expected to be in range of \[(-?\d+), (-?\d+)\], but got (-?\d+)\)"
)


def input_argument(scene: Scene) -> ast.expr | None:
    """What the failing call is given first, or the argument that torch is about."""
    call = scene.call
    if call is None:
        return None
    if scene.argument is not None:
        for node in arguments_of(call):
            if scene.value(node) is scene.argument:
                return node
    if call.args:
        return call.args[0]
    return next(iter(keywords_of(call, "input", "x")), None)


def both_directions(scene: Scene, value: object, width: int) -> bool:
    """Whether a width of 2·H comes from a layer of two directions, or from joining them."""
    if isinstance(value, Tensor) and value.rank:
        if any(part.kind == "directions" for part in value.axes[-1]):
            return True
    specs = [event.spec for event in scene.events if is_recurrent(event) and event.spec is not None]
    return any(spec.bidirectional and int(2 * spec.state_size) == int(width) for spec in specs)


@raised(
    r"mat1 and mat2 shapes cannot be multiplied|input\.size\(-1\) must be equal|normalized_shape=|"
    r"running_mean should contain|has inconsistent input_size|size mismatch, m1",
    r"Given groups=\d+, weight of size|expected input.*to have \d+ channels",
)
def width(scene: Scene) -> Iterator[Candidate | None]:
    """A module sized for another width than the one that it is given."""
    call = scene.call
    if call is None:
        return
    node = input_argument(scene)
    sizes = _widths(scene)
    if sizes is None:
        return
    have, want = sizes  # of the input, of the module
    value = scene.value(node)
    if value is None and isinstance(scene.argument, Tensor):
        value = scene.argument
    shape = tuple(value.shape) if isinstance(value, Tensor) else ()
    axes = [i for i, n in enumerate(shape) if int(n) == int(want)]
    channels = "channels" in scene.message or "running_mean" in scene.message
    here = len(shape) - 1 if not channels else 1
    fix = "put the features on the last axis" if not channels else "put the channels on axis 1"
    elsewhere = [i for i in axes if i != here]
    if "running_mean" in scene.message and elsewhere and node is not None and len(call.args) == 1:
        there = elsewhere[-1]
        swap = f".transpose({min(there, here)}, {max(there, here)})"
        inner = f"({scene.source.segment(node)}{swap}){swap}"
        spot = scene.spot(call)
        yield wrap("feature-axis", fix, spot, scene.source.segment(call.func) + inner)
    for axis in reversed(elsewhere):
        form = f"@.transpose({min(axis, here)}, {max(axis, here)})"
        yield wrap("feature-axis", fix, scene.spot(node), form) if node is not None else None
    if int(want) == 1 and len(shape) == 2 and node is not None and not channels:
        fix = "give the single feature an axis of its own"
        yield wrap("feature-axis", fix, scene.spot(node), "@.unsqueeze(-1)")
    yield from _rejoined(scene, node, int(want))
    yield from _pooled(scene, int(want))
    if node is not None:
        yield from _earlier(scene, node, int(want))
    if _holds_samples(value):
        yield from _flattened(scene, node, want)
        return  # a batch that was merged into the features is no width to build for
    if isinstance(value, Tensor) and value.rank > here >= 0:
        joined = [part for part in value.axes[here] if part.size != 1]
        rows = len(joined) > 1 and joined[0].kind != "directions"
        if scene.spec is not None and rows and int(joined[-1].size) == int(want):
            return  # rows that a view took among the features are no width either
        if {part.kind for part in value.axes[here] if part.size != 1} == {"steps"}:
            return  # nor is the number of steps
    directions = both_directions(scene, value, int(have)) and int(have) == 2 * int(want)
    name = "missing-direction" if directions else "feature-size"
    fix = (
        "a bidirectional layer puts out 2 * hidden_size features: size what follows for them"
        if directions
        else f"build it for the {int(have)} features that it is given"
    )
    if class_name(call) in ("linear", "layer_norm"):
        return
    for spot in scene.constructors(call.func):
        argument = WIDTHS.get(class_name(spot.node))
        if argument and class_name(spot.node) in LAYERS:
            yield from _chained(spot)
        if argument:
            yield from resized_argument(scene, name, fix, spot, argument, int(want), have)
    if directions and isinstance(node, ast.expr):
        halves = f"(@[..., :{int(want)}] + @[..., {int(want)}:])"
        yield wrap(name, "add the two directions", scene.spot(node), halves)


def _rejoined(scene: Scene, node: ast.expr | None, want: int) -> Iterator[Candidate | None]:
    """A join along another axis than the one that gives the width."""
    for spot in scene.spots(node) if node is not None else ():
        call = spot.node
        if not isinstance(call, ast.Call) or class_name(call) not in JOINS[:2] or not call.args:
            continue
        parts = scene.value(call.args[0], spot.frame)
        if not isinstance(parts, tuple) or not all(isinstance(p, Tensor) for p in parts):
            continue
        if not parts or sum(int(p.shape[-1]) if p.rank else 0 for p in parts) != want:
            continue
        dims = keywords_of(call, "dim", "axis") + call.args[1:2]
        text = spot.source.segment(call)
        joined = spot.source.replace(dims[0], "-1") if dims else spot.source.replace(
            call, f"{text[:-1].rstrip().rstrip(',')}, dim=-1)")  # fmt: skip
        yield change("cat-axis", "join along the features", spot.source, joined)


def _pooled(scene: Scene, want: int) -> Iterator[Candidate | None]:
    """A pooling over the last axis, (N, C, L), that was given (N, L, C)."""
    for event in reversed(scene.events[-40:]):
        pooled = next(iter(event.inputs), None) if "pool1d" in event.kind.lower() else None
        found = scene.call_of(event) if pooled is not None else None
        if found and pooled and pooled.rank == 3 and int(pooled.shape[-1]) == want:
            fix = "pooling goes over the last axis: put the steps there"
            given = Spot(found[0], found[1].args[0], -1)
            yield wrap("feature-axis", fix, given, "@.transpose(1, 2)")


def _chained(spot: Spot) -> Iterator[Candidate | None]:
    """Layers of several widths built in a loop: each reads what the one before it puts out."""
    source, call = spot.source, spot.node
    if not isinstance(call, ast.Call) or len(call.args) < 2:
        return
    name, fix = "feature-size", "build each layer for the width of the one before it"
    first, hidden = call.args[:2]
    around: ast.AST | None = call
    while around is not None and not isinstance(around, (ast.FunctionDef, ast.ListComp, ast.For)):
        around = source.parents.get(around)
    if not isinstance(hidden, ast.Name):
        return
    for times in ("", "2 * "):  # of both directions
        if isinstance(around, ast.For) and isinstance(first, ast.Name):
            line = f"{first.id} = {times}{hidden.id}"
            yield change(name, fix, source, source.after(source.statement(call), line))
        loop = around.generators[0] if isinstance(around, ast.ListComp) else None
        if loop is not None and ast.unparse(loop.target) == hidden.id:
            sizes, begin = source.segment(loop.iter), source.segment(first)
            before = f"*({times}n for n in {sizes})" if times else f"*{sizes}"
            widths = source.replace(loop.iter, f"zip([{begin}, {before}], {sizes})")
            pair = source.replace(loop.target, f"width, {hidden.id}")
            yield change(name, fix, source, source.replace(first, "width"), pair, widths)


def _earlier(scene: Scene, node: ast.expr, want: int) -> Iterator[Candidate | None]:
    """Where the features stood last before a view to one step of one sample took rows among them:
    samples or steps, as the axis or the state beside them tells."""
    spec = scene.spec
    if spec is None:
        return
    for spot in scene.spots(node):
        for call in ast.walk(spot.node):
            source = spot.source
            ran = scene.event_at(source, call) if isinstance(call, ast.Call) else None
            if ran is None or not ran.inputs or not isinstance(call, ast.Call) or not call.args:
                continue
            before = ran.inputs[0]
            if ran.kind not in ("Tensor.view", "Tensor.reshape") or before.rank != 2:
                continue
            if int(before.shape[1]) != want or len(call.args) != 3:
                continue
            kinds = {part.kind for part in before.axes[0]}
            states = [t for t in tensors_in(scene.value(state_argument(scene))) if t.rank == 3]
            rows = {int(t.shape[1]) for t in states}
            steps = kinds == {"steps"} or rows == {1}
            if not steps and kinds != {"samples"} and rows != {int(before.shape[0])}:
                continue
            assert isinstance(call.func, ast.Attribute)
            axis = int(steps is not spec.batch_first)  # where the axis of one stands
            text = f"{source.segment(call.func.value)}.unsqueeze({axis})"
            fix = (
                "keep the steps apart: each row is a step of one sample" if steps
                else "keep the samples apart: the axis of one step beside them"
            )  # fmt: skip
            yield put("axes-mixed", fix, source, call, text)


def _holds_samples(value: object) -> bool:
    if not isinstance(value, Tensor) or not value.rank:
        return False
    return any(part.kind in ("samples", "mixed") for part in value.axes[-1])


def _flattened(scene: Scene, node: ast.expr | None, want: int) -> Iterator[Candidate | None]:
    """A view that took the batch into the features."""
    if node is None:
        return
    for spot in scene.spots(node):
        for one, owner in methods_in(spot.node, "view", "reshape", "flatten"):
            inner = spot.source.segment(owner)
            texts = [f"{inner}.flatten(1)"]
            if method_name(one) != "flatten":
                texts = [
                    f"{inner}.transpose(0, 1).reshape({inner}.size(1), -1)",
                    f"{inner}.reshape(-1, {int(want)})", *texts, f"{inner}[-1]", f"{inner}[:, -1]",
                ]  # fmt: skip
            for text in texts:
                yield put("axes-mixed", "keep the samples apart", spot.source, one, text)


def _widths(scene: Scene) -> tuple[int, int] | None:
    """(width of the input, width that the module was built for)."""
    text = scene.message
    if match := re.search(r"\((.+?)x(.+?) and (.+?)x(.+?)\)", text):
        pairs = list(scene.sizes)
        if pairs:
            return pairs[0]
        return _numbers(match.group(2), match.group(3))
    if match := re.search(r"Expected (\d+), got (\d+)", text):
        return int(match.group(2)), int(match.group(1))
    if match := re.search(r"normalized_shape=\[(\d+)\].*size\s?\[(.*?)\]", text):
        return _numbers(match.group(2).split(",")[-1], match.group(1))
    if match := re.search(r"running_mean should contain (\d+) elements not (\d+)", text):
        return int(match.group(1)), int(match.group(2))
    if match := re.search(r"got (\d+),? expected (\d+)", text):
        return int(match.group(1)), int(match.group(2))
    if match := re.search(r"to have (\d+) channels, but got (\d+) channels", text):
        return int(match.group(2)), int(match.group(1))
    return scene.sizes[0] if scene.sizes else None


def _numbers(a: str, b: str) -> tuple[int, int] | None:
    a, b = a.strip(), b.strip()
    return (int(a), int(b)) if a.isdigit() and b.isdigit() else None


def resized_argument(
    scene: Scene, name: str, fix: str, spot: Spot, argument: str, have: int, want: int
) -> Iterator[Candidate | None]:
    """A constructor's argument that was `have`, written so that it is `want`."""
    source, call = spot.source, spot.node
    assert isinstance(call, ast.Call)
    node = argument_at(call, argument, position(class_name(call), argument))
    if node is None:
        return
    texts = scaled_texts(source, node, have, want)
    outside = [
        s
        for s in scene._spots(Spot(source, node, -1), 4, set())
        if isinstance(s.node, ast.Constant) and s.node.value == have
    ]
    multiple = int(want) % max(int(have), 1) == 0
    if multiple:
        yield put(name, fix, source, node, texts[0])
    for other in outside:
        if other.node is not node and not isinstance(want, Size):
            yield put(name, fix, other.source, other.node, str(int(want)))
    for text in texts[1 if multiple else 0 :]:
        yield put(name, fix, source, node, text)


@raised(
    r"Expected input to be 2D or 3D|Expected input to be 1-?D or 2-?D|input must have [23] dimensions|"
    r"(batch1|batch2|input|self) must be a 3D tensor|Expected 2D \(unbatched\) or 3D|"
    r"expected 2D or 3D input|Expected [34]-dimensional|expected \d+D? ?(or|input)"
)
def rank(scene: Scene) -> Iterator[Candidate | None]:
    """An axis too many, or too few."""
    node = input_argument(scene)
    if node is None:
        return
    value = scene.value(node)
    if not isinstance(value, Tensor):
        return
    kind = class_name(scene.call) if scene.call else ""
    if kind in JOINS:
        return
    spec = scene.spec
    cell = spec is not None and spec.single
    most = 2 if cell else 3
    name = "cell-takes-one-step" if cell else "input-rank"
    spots = scene.spots(node)
    if value.rank > most:
        yield from _embedded_twice(scene, spots)
        for spot in spots:
            for one, inner in methods_in(spot.node, "unsqueeze"):
                fix = "take the axis away that is one too many"
                yield put(name, fix, spot.source, one, spot.source.segment(inner))
        for axis, size in enumerate(value.shape):
            if int(size) == 1:
                yield wrap(name, "take the axis of 1 away", spots[0], f"@.squeeze({axis})")
        if cell and isinstance(scene.statement, ast.Assign):
            yield from _stepped(scene)
        if not cell and value.rank == 4:
            if spec is not None:
                yield from _columns(spots[0], value, spec)
            yield wrap(name, "join the axes of one step to features", spots[0], "@.flatten(2)")
    elif kind:
        for form in ("@.unsqueeze(0)", "@.unsqueeze(-1)", "@.unsqueeze(1)"):
            yield wrap(name, "give it the axis that it lacks", spots[0], form)


def _columns(spot: Spot, value: Tensor, spec: Spec) -> Iterator[Candidate]:
    """Maps of a convolution (N, C, …): one axis for the steps, the others as wide as the input."""
    for step, a, b in ((3, 1, 2), (2, 1, 3)):
        if value.shape[a] * value.shape[b] == spec.input_size:
            fix = f"axis {step} holds the steps; join axes {a} and {b} to features"
            first = f"0, {step}" if spec.batch_first else f"{step}, 0"
            yield wrap("input-rank", fix, spot, f"@.permute({first}, {a}, {b}).flatten(2)")


def _stepped(scene: Scene) -> Iterator[Candidate | None]:
    """A cell given a whole sequence: a loop over its steps."""
    statement, call, source = scene.statement, scene.call, scene.source
    if not isinstance(statement, ast.Assign) or call is None:
        return
    text = source.segment(statement)
    start, end = source.span(call.args[0])
    first = source.span(statement)[0]
    inner = text[: start - first] + "step" + text[end - first :]
    for over in ("@", "@.unbind(1)"):
        loop = over.replace("@", source.operand(call.args[0]))
        margin = " " * statement.col_offset
        text, fix = (
            f"for step in {loop}:\n{margin}    {inner}",
            "give the cell one step after the other",
        )
        yield put("cell-takes-one-step", fix, source, statement, text)


def _embedded_twice(scene: Scene, spots: list[Spot]) -> Iterator[Candidate | None]:
    """An embedding that was given one-hot rows: it wants the numbers of the words."""
    for spot in spots:
        for one in calls_in(spot.node):
            module = scene.value(one.func, spot.frame) if spot.frame >= 0 else None
            if isinstance(module, Instance) and module._cls.__name__ == "Embedding" and one.args:
                name = "one-hot-embedded"
                fix = "give the embedding the numbers of the words, not one-hot rows"
                for inner in scene.spots(one.args[0], spot.frame):
                    for made in calls_in(inner.node, "one_hot"):
                        for words in map(inner.source.segment, made.args[:1]):
                            yield put(name, fix, inner.source, made, words)
                given = Spot(spot.source, one.args[0], spot.frame)
                yield wrap(name, fix, given, "@.argmax(-1)")
                yield wrap("input-rank", "take the axis of 1 away", given, "@.squeeze(-1)")


@raised(r"inconsistent hidden_size: got 1|doesn't match hidden")
def indexed_cell(scene: Scene) -> Iterator[Candidate | None]:
    """A cell's input of one row: an index that took the batch away."""
    node = input_argument(scene)
    if node is None:
        return
    for spot in scene.spots(node):
        if isinstance(spot.node, ast.Subscript):
            fix, whole = "give the whole batch on, not one row of it", spot.node.value
            text = spot.source.segment(whole)
            yield put("batch-row-indexed", fix, spot.source, spot.node, text)


@raised(
    r"does not match weight dtype|must have the same dtype|expected scalar type|expected m1 and m2 to have the same|"
    r"Expected tensor for argument #1 'indices'|not implemented for|Input type .* and (bias|weight) type|"
    r"Found dtype|target dtype to be|can't be cast|only .*floating point|could not be cast"
)
def dtype(scene: Scene) -> Iterator[Candidate | None]:
    """A tensor of another dtype."""
    call = scene.call
    if call is None:
        return
    wanted = str(scene.wants.get("dtype", ""))
    casts = {
        "int64": ".long()",
        "float64": ".double()",
        "float16": ".half()",
        "float32": ".float()",
    }
    methods = [casts[wanted]] if wanted in casts else [".float()", ".long()"]
    if "indices" in scene.message:
        methods = [".long()"]
    nodes = arguments_of(call)
    nodes.sort(key=lambda n: scene.value(n) is not scene.argument)
    for one in methods:
        fix = f"convert it: {one}"
        for node in nodes:
            if isinstance(scene.value(node), Tensor):
                yield wrap("dtype", fix, scene.spot(node), f"@{one}")
            elif isinstance(value := scene.value(node), (tuple, list)) and scene.argument is value:
                yield wrap("dtype", fix, scene.spot(node), f"tuple(s{one} for s in @)")


@raised(RANK, r"too many indices for tensor of dimension")
def axis_out_of_range(scene: Scene) -> Iterator[Candidate | None]:
    """An axis that the tensor does not have: the one that was meant."""
    call = scene.call
    match = re.search(RANK, scene.message)
    if match is None:
        yield from _batched(scene)
    if call is None or not match:
        return
    low, high, got = map(int, match.groups())
    where = keywords_of(call, "dim", "axis", "dim0", "dim1")
    where += list(call.args)
    name, fix = "axis-out-of-range", "name an axis that the tensor has"
    last = class_name(call) in (
        "softmax", "log_softmax", "cat", "concat", "argmax", "max", "gather", "glu", "Softmax"
    )  # fmt: skip
    order = [high, got - 1, 0] if last else [got - 1, high, 0]
    choices = [d for d in dict.fromkeys(order) if low <= d <= high]
    found = False
    for node in where:
        if scene.value(node) == got and not isinstance(scene.value(node), Tensor):
            found = True
            for dim in choices:
                yield put(name, fix, scene.source, node, str(dim))
    if not found:  # nn.Softmax(dim=2)
        softmaxes = *scene.builds("Softmax"), *scene.builds("LogSoftmax")
        for spot in (*scene.constructors(call.func), *softmaxes):
            built = spot.node
            assert isinstance(built, ast.Call)
            for node in arguments_of(built):
                if isinstance(node, ast.Constant) and node.value == got:
                    for dim in choices:
                        yield put(name, fix, spot.source, node, str(dim))
    # or the tensor lacks an axis: one sequence without its batch
    yield from _batched(scene)


def _batched(scene: Scene) -> Iterator[Candidate | None]:
    """The calls of layers that were given one sequence, with a batch axis."""
    for event in scene.events:
        if is_recurrent(event) and event.inputs and event.inputs[0].rank == 2:
            found, axis = scene.call_of(event), 0 if event.spec.batch_first else 1
            if found is not None and found[1].args:
                fix = f"give the input its batch axis: .unsqueeze({axis})"
                spot = Spot(found[0], found[1].args[0], -1)
                yield wrap("unbatched-rank", fix, spot, f"@.unsqueeze({axis})")


JOINS = ("cat", "concat", "stack", "bmm", "matmul", "baddbmm", "einsum")


@raised(
    r"Sizes of tensors must match except in dimension",
    r"Tensors must have same number of dimensions",
    r"The size of tensor a \(.*\) must match the size of tensor b",
    r"Expected size for first two dimensions",
    r"batch1|batch2|bmm",
    r"must be a 3D tensor",
    r"The expanded size of the tensor",
    r"stack expects each tensor",
)
def joined(scene: Scene) -> Iterator[Candidate | None]:
    """Tensors that do not go together: a state beside outputs, an axis missing or in another place."""
    if scene.spec is not None or is_loss(scene):
        return
    parts = _parts(scene)
    values = [scene.value(node) for node in parts]
    tensors = [(n, v) for n, v in zip(parts, values) if isinstance(v, Tensor)]
    dims = keywords_of(scene.call, "dim", "axis") if scene.call else []
    if scene.call is not None and class_name(scene.call) in JOINS[:2] and len(scene.call.args) > 1:
        dims.append(scene.call.args[1])
    axis = scene.value(dims[0]) if dims else None
    for node, value in tensors if isinstance(axis, int) else ():  # one more step, a step's features
        if any(value.shape == (*w.shape[:axis], *w.shape[axis:][1:]) for _, w in tensors):
            fix = f"give it the axis along which they are joined: .unsqueeze({axis})"
            yield wrap("cat-axis", fix, scene.spot(node), f"@.unsqueeze({axis})")
    filled = [(n, v) for n, v in tensors if 0 not in v.shape]
    if len(filled) == 1 < len(tensors) and scene.call is not None:
        event = from_recurrent(scene, filled[0][1])
        if event and any(filled[0][1].shape == t.shape for t in tensors_in(event.result)):
            fix = "the layer has one direction: its state has no second half to join"
            node = filled[0][0]
            text = scene.source.segment(node.value if isinstance(node, ast.Subscript) else node)
            yield put("missing-direction", fix, scene.source, scene.call, text)
    name, fix = "attention-axes", "repeat the state for every step"
    for node, value in tensors:
        others = [(n, v) for n, v in tensors if v is not value]
        event, here = scene.recurrent(value), scene.spot(node)
        rows = value.rank == 3 and {p.kind for p in value.axes[0]} <= {"layers", "directions"}
        is_state = rows or (event is not None and event.result[0] is not value)
        for other, whole in others:
            if is_state and whole.rank == 3 and value.rank == 3:
                text = scene.source.operand(other)
                steps_second = {p.kind for p in whole.axes[1]} == {"steps"}
                forms = [
                    f"@[-1].unsqueeze(1).expand(-1, {text}.size(1), -1)",
                    f"@[-1].unsqueeze(0).expand({text}.size(0), -1, -1)",
                ]
                if scene.call is not None and class_name(scene.call) in ("bmm", "matmul"):
                    forms = ["@[-1].unsqueeze(1)", "@[-1].unsqueeze(2)"]
                elif _operator(scene):
                    forms = ["@[-1].unsqueeze(1)", "@[-1]"]
                for form in forms if steps_second else reversed(forms):
                    yield wrap(name, "repeat the last layer's state for every step", here, form)
        for other, whole in others:
            ones = [i for i in range(value.rank) if int(value.shape[i]) == 1]
            if whole.rank == value.rank == 3 and len(ones) == 1 and int(whole.shape[ones[0]]) != 1:
                sizes = ["-1"] * 3
                sizes[ones[0]] = f"{scene.source.operand(other)}.size({ones[0]})"
                yield wrap(name, fix, here, f"@.expand({', '.join(sizes)})")
        for other, whole in others:
            if whole.rank == 3 and value.rank == 2:
                text = scene.source.operand(other)
                yield wrap(name, fix, here, f"@.unsqueeze(1).expand(-1, {text}.size(1), -1)")
                yield wrap(name, fix, here, f"@.unsqueeze(0).expand({text}.size(0), -1, -1)")
    most = max((v.rank for _, v in tensors), default=0)
    for node, value in tensors:
        lower = all(v.rank < value.rank for _, v in tensors if v is not value)
        for form in RANKS.get(value.rank, ()) + (() if lower else ORDERS.get(value.rank, ())):
            yield wrap(name, "bring the axes into one order", scene.spot(node), form)
    for dim in dims:
        for d in range(most):
            yield put("cat-axis", "join along the axis that differs", scene.source, dim, str(d))


RANKS = {
    2: ("@.unsqueeze(2)", "@.unsqueeze(1)", "@.unsqueeze(0)"),
    3: ("@.squeeze(0)", "@.squeeze(1)", "@.squeeze(2)"),
}
# what meets only tensors of fewer axes is not turned: which of its axes they mean is not said
ORDERS = {
    2: ("@.t()",),
    3: ("@.transpose(1, 2)", "@.transpose(0, 1)", "@.permute(1, 2, 0)", "@.permute(1, 0, 2)"),
}


def _operator(scene: Scene) -> bool:
    return isinstance(scene.part, (ast.BinOp, ast.AugAssign)) or (
        scene.call is not None and class_name(scene.call) not in JOINS
    )


def _parts(scene: Scene) -> list[ast.expr]:
    """The tensors of a join: arguments, elements of a list, the sides of an operator."""
    node: ast.AST | None = scene.part
    while node is not None and not isinstance(node, (ast.stmt, ast.Call)):
        if isinstance(node, ast.BinOp):
            return [node.left, node.right]
        node = scene.source.parents.get(node)
    call = scene.call
    if call is None:
        return []
    found: list[ast.expr] = []
    if isinstance(call.func, ast.Attribute) and isinstance(scene.value(call.func.value), Tensor):
        found.append(call.func.value)
    for one in call.args:
        if isinstance(one, (ast.Tuple, ast.List)):
            found += one.elts
        else:
            found.append(one)
    return found


@raised(
    r"prob_dist must be|1D tensors expected|length of the desired ordering|"
    r"Index tensor must have the same number|\(unbatched\) or \dD \(batched\) input to conv"
)
def axes_counted(scene: Scene) -> Iterator[Candidate | None]:
    """A function that takes fewer axes: one of 1 taken away, one step of all, or steps and batch
    as one axis."""
    call, name = scene.call, "wrong-rank"
    if call is None or not call.args:
        return
    owner = call.func.value if isinstance(call.func, ast.Attribute) else call.args[0]
    if not isinstance(scene.value(owner), Tensor):
        owner = call.args[0]
    value = scene.value(owner)
    if not isinstance(value, Tensor):
        return
    if "1D tensors" in scene.message:
        two = [owner, *call.args] if len(call.args) == 1 else call.args
        a, b = map(scene.source.operand, two[:2])
        text = f"({a} * {b}).sum()"
        fix = "the product of two vectors, whatever their axes of 1"
        yield change(name, fix, scene.source, scene.source.replace(call, text))
    spot = scene.spot(owner)
    for axis in (i for i, n in enumerate(value.shape) if int(n) == 1 and value.rank > 2):
        yield wrap(name, f"take the axis of 1 away: .squeeze({axis})", spot, f"@.squeeze({axis})")
    steps = [i for i, a in enumerate(value.axes) if {p.kind for p in a} == {"steps"}]
    if "Index" in scene.message and steps in ([0], [1]):
        form = "@[-1]" if steps == [0] else "@[:, -1]"
        yield wrap("all-steps-for-one-target", "take the last step alone", spot, form)
    if value.rank > 2:
        yield wrap(name, "join steps and batch: .flatten(0, 1)", spot, "@.flatten(0, 1)")


@raised(r"shape '\[.*\]' is invalid for input of size|cannot reshape|invalid shape dimension")
def viewed(scene: Scene) -> Iterator[Candidate | None]:
    """A view to sizes that do not hold the elements."""
    call = scene.call
    if call is None or not isinstance(call.func, ast.Attribute):
        return
    source, owner = scene.source, call.func.value
    sizes = list(call.args)
    if len(sizes) == 1 and isinstance(sizes[0], (ast.Tuple, ast.List)):
        sizes = list(sizes[0].elts)
    value = scene.value(owner)
    name, fix = "view-size", "view it to sizes that hold its elements"
    given = [scene.value(node) for node in sizes]
    if isinstance(value, Tensor):
        inner = source.operand(owner)
        if value.rank == 3 and len(sizes) == 2 and {"hn", "cn"} & value.facts.keys():
            text = f"{inner}.transpose(0, 1).reshape({inner}.size(1), -1)"
            words = "put the rows of each sample side by side"
            yield put(name, words, source, call, text)
        for i, node in enumerate(sizes):
            others = [g for j, g in enumerate(given) if j != i]
            if not all(isinstance(g, int) for g in others) or -1 in others:
                continue
            for axis, size in enumerate(value.shape):
                rest = int(size)
                for g in others:
                    rest *= int(g)
                if rest == int(value.numel):
                    yield put(name, fix, source, node, f"{inner}.size({axis})")
        for i, node in enumerate(sizes):
            if -1 not in given:
                yield put(name, fix, source, node, "-1")
            else:
                at = given.index(-1)
                if i != at:
                    for axis in range(value.rank):
                        yield put(name, fix, source, node, f"{inner}.size({axis})")
        for last in (f"{inner}[:, -1]", f"{inner}[-1]"):
            yield put("all-steps-for-one-target", "take the last step first", source, owner, last)


@raised(r"view size is not compatible")
def strided(scene: Scene) -> Iterator[Candidate | None]:
    """view of a transposed tensor: reshape where it mixes nothing."""
    call = scene.call
    if call is None or not isinstance(call.func, ast.Attribute):
        return
    source = scene.source
    text = source.segment(call)
    inner = source.operand(call.func.value)
    tail = text[len(source.segment(call.func.value)) :]
    if not tail.lstrip().startswith(".view"):
        return
    shaped = tail.replace(".view", ".reshape", 1)
    fix = "use reshape(), which copies what does not lie in one piece"
    yield put("not-contiguous", fix, source, call, inner + shaped)
    yield put("not-contiguous", fix, source, call, f"{inner}.transpose(0, 1){shaped}")


@raised(
    r"should be of type int, got: float|must be int, not float|type must be tuple of ints|received an invalid combination|"
    r"'float' object cannot be interpreted"
)
def halved(scene: Scene) -> Iterator[Candidate | None]:
    """hidden / 2 is a float."""
    call = scene.call
    if call is None:
        return
    for node in arguments_of(call):
        for spot in scene.spots(node):
            for one in ast.walk(spot.node):
                if isinstance(one, ast.BinOp) and isinstance(one.op, ast.Div):
                    text = spot.source.segment(one)
                    left = spot.source.span(one.left)[1] - spot.source.span(one)[0]
                    fixed = text[:left] + text[left:].replace("/", "//", 1)
                    fix = "sizes are integers: divide with //"
                    yield put("constructor", fix, spot.source, one, fixed)


@raised(
    r"Unknown nonlinearity|should be of type bool, got|proj_size|dropout should be a number|must be greater than zero",
    r"__init__\(\) got an unexpected keyword argument",
)
def constructed(scene: Scene) -> Iterator[Candidate | None]:
    """Arguments that a constructor refuses."""
    call = scene.call
    if call is None:
        return
    source = scene.source
    kind = class_name(call)
    name = "constructor"
    for i, node in enumerate(call.args):
        value = node.value if isinstance(node, ast.Constant) else None
        start = source.span(node)[0]
        named = ["bidirectional", "batch_first"] if isinstance(value, bool) else []
        for argument in ["dropout"] if isinstance(value, float) and i == 3 else named:
            put_in = Change(start, start, f"{argument}=")
            yield change(name, f"name the argument: {argument}=…", source, put_in)
        if isinstance(value, int) and i == 3 and kind != "RNN":
            yield put(name, "the fourth argument is bias", source, node, "True")
    unknown = re.search(r"unexpected keyword argument '(\w+)'", scene.message)
    for keyword in call.keywords:
        if unknown and keyword.arg and keyword.arg == unknown[1] and kind in KINDS_BY_CLASS:
            known = torch_name(keyword.arg)
            if known and all(k.arg != known for k in call.keywords):
                start = source.span(keyword)[0]
                text = Change(start, start + len(keyword.arg), known)
                yield change(name, f"torch calls it {known}", source, text)
            without = source.without_keyword(call, keyword.arg)
            yield change(name, f"it has no argument {keyword.arg}", source, without)
        if keyword.arg == "proj_size":
            without = source.without_keyword(call, "proj_size")
            yield change("proj-size", "leave proj_size out", source, without)
        if keyword.arg in ("bias", "batch_first", "bidirectional"):
            if isinstance(keyword.value, ast.Constant):
                flag = str(bool(keyword.value.value))
                yield put(name, f"{keyword.arg} is True or False", source, keyword.value, flag)


@raised(r"Padding_idx must be within num_embeddings")
def padding_row(scene: Scene) -> Iterator[Candidate | None]:
    """The number of the padding is that of the words: one row more."""
    if scene.call is not None and scene.call.args:
        fix = "give the embedding a row for the padding too"
        yield wrap("embedding-index", fix, scene.spot(scene.call.args[0]), "@ + 1")


@raised(r"index out of range in self")
def out_of_vocabulary(scene: Scene) -> Iterator[Candidate | None]:
    """A word's number beyond the embedding's rows: as many rows as the vocabulary has numbers."""
    call, index = scene.call, scene.argument
    known = index.known if isinstance(index, Tensor) else None
    if call is None or not known or min(known) < 0:
        return
    name, fix = "embedding-index", "give the embedding a row for every number"
    for spot in scene.constructors(call.func):
        if class_name(spot.node) != "Embedding" or not isinstance(spot.node, ast.Call):
            continue
        named = keywords_of(spot.node, "num_embeddings")
        for rows in [*spot.node.args[:1], *named]:
            written = scene._spots(Spot(spot.source, rows, -1), 4, set())
            spots = [s for s in written if not isinstance(s.node, (ast.Name, ast.Attribute))]
            for text in _vocabularies(scene, known):
                for one in spots or [Spot(spot.source, rows, -1)]:
                    yield put(name, fix, one.source, one.node, text)
            more = max(known) + 1 - int(scene.wants["below"])
            for one in spots:
                if not isinstance(one.node, ast.Constant):
                    yield wrap(name, fix, one, f"@ + {more}")
            for one in [*spots, Spot(spot.source, rows, -1)]:
                number = str(max(known) + 1)
                yield put(name, fix, one.source, one.node, number)


def _vocabularies(scene: Scene, known: Iterable[int]) -> Iterator[str]:
    """The number of rows for a dictionary of the program that has all these numbers, 0 for padding
    aside, as code."""
    for name, value in scene.frames[0].names.items():
        numbers = {*value.values()} if isinstance(value, dict) and _whole(value) else set()
        more = max(numbers, default=0) + 1 - len(numbers)
        if numbers and len(numbers) == len(value) and more in (0, 1, 2):
            if set(known) <= {0, *numbers}:
                yield f"len({name})" + (f" + {more}" if more else "")


def _whole(value: Mapping[Any, Any]) -> bool:
    """Whether a dictionary holds whole numbers alone."""
    return all(type(number) is int for number in value.values())


@raised(r"larger than 0 in RNN|sequence length")
def empty(scene: Scene) -> Iterator[Candidate | None]:
    """A window that holds no step: the loop goes on to the next."""
    call, statement, source = scene.call, scene.statement, scene.source
    if call is None or not call.args or not isinstance(call.args[0], ast.Name):
        return
    name = call.args[0].id
    node: ast.AST = statement
    while node in source.parents and not isinstance(node, (ast.For, ast.While, ast.FunctionDef)):
        node = source.parents[node]
    if isinstance(node, (ast.For, ast.While)):
        axis = 1 if scene.spec is not None and scene.spec.batch_first else 0
        skip = source.before(statement, f"if {name}.size({axis}) == 0:\n    continue")
        yield change("empty-sequence", "pass over a window without a step", source, skip)


@raised(r"cannot assign '.*' as parameter|cannot assign .*Parameter")
def assigned_parameter(scene: Scene) -> Iterator[Candidate | None]:
    """A parameter's name given a plain tensor: the parameter has to go first."""
    statement, source = scene.statement, scene.source
    cause = "parameter-assigned"
    fix = "take the parameter out of the module before its name is given another tensor"
    call = scene.call
    if call is not None and dotted(call.func) == "setattr" and len(call.args) == 3:
        owner, name = source.operand(call.args[0]), source.segment(call.args[1])
        popped = source.before(statement, f"{owner}._parameters.pop({name}, None)")
        yield change(cause, fix, source, popped)
    for target in statement.targets if isinstance(statement, ast.Assign) else ():
        if isinstance(target, ast.Attribute) and isinstance(statement, ast.Assign):
            line = f'{source.operand(target.value)}._parameters.pop("{target.attr}", None)'
            value = source.segment(statement.value)
            if source.segment(target) in value:  # it is read once more before it goes
                first = source.before(statement, f"changed = {value}\n{line}")
                yield change(cause, fix, source, first, source.replace(statement.value, "changed"))
            else:
                yield change(cause, fix, source, source.before(statement, line))


@raised(r"before Module\.__init__\(\) call|has no attribute '_(modules|parameters)'")
def before_super(scene: Scene) -> Iterator[Candidate | None]:
    """A module that does not begin with its base's __init__."""
    source = scene.source
    function = source.function(scene.frames[-1].node)
    if not isinstance(function, ast.FunctionDef) or function.name != "__init__":
        return
    start = function.body
    if ast.get_docstring(function) is not None:
        start = start[1:]
    late = [n for n in start if re.match(r"super\(.*__init__", ast.unparse(n), re.DOTALL)]
    first = source.before(start[0], "super().__init__()")
    rest = [Change(*source.line_span(n), "") for n in late]
    yield change("super-not-called", "begin __init__ with super().__init__()", source, first, *rest)


def orders(rank: int) -> list[str]:
    """Every other order of `rank` axes, as arguments of permute; two that change places first."""
    identity = tuple(range(rank))
    every = [p for p in permutations(identity) if p != identity]
    every.sort(key=lambda p: (sum(a != b for a, b in zip(p, identity)), p[0] == 0))
    return [", ".join(map(str, p)) for p in every]
