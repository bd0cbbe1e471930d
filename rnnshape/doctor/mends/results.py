"""Mends of what a layer puts out: the pair (output, hn), an LSTM's (h, c), a packed sequence."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ...programs.tensor import Tensor
from ...programs.values import Packed
from ..edits import Change
from .maker import Candidate, change, put, raised, wrap
from .place import LAYERS, Scene, class_name, keywords_of

OF_EACH = (
    "detach", "to", "cuda", "cpu", "float", "double", "half", "long", "clone", "requires_grad_",
    "contiguous", "data", "detach_", "zero_", "type", "bfloat16", "transpose", "permute",
    "repeat", "expand", "index_select", "unsqueeze", "squeeze", "mul_", "new_zeros",
)  # fmt: skip


@raised(
    r"'tuple' object has no attribute|must be Tensor, not tuple|tuple indices must be integers|"
    r"(unsupported operand|can only concatenate).*tuple|not supported between instances of 'tuple'|"
    r"argument 'input' must be Tensor, not tuple|expected Tensor .*tuple|must be Tensor, but got tuple|"
    r"'list' object has no attribute|not tuple|got tuple|bad operand type .*tuple"
)
def tuple_passed_on(scene: Scene) -> Iterator[Candidate | None]:
    """A pair where a tensor is wanted."""
    for node in tuples(scene):
        value = scene.value(node)
        event = scene.recurrent(value)
        if event is not None and value is event.result:
            yield from _unpacked(scene, node)
        elif isinstance(value, (tuple, list)):
            yield from _each(scene, node)
            yield from _unpacked(scene, node)
            if event is not None:
                yield from _state_unpacked(scene, node)
            for spot in scene.spots(node)[:1]:
                yield wrap("tuple-passed-on", "take h of the pair (h, c)", spot, "@[0]")
    yield from in_sequential(scene)


def tuples(scene: Scene) -> list[ast.expr]:
    """The expressions of the failing place that are tuples."""
    part = scene.part
    found: list[ast.expr] = []
    if isinstance(part, (ast.Attribute, ast.Subscript)):
        found.append(part.value)
    if isinstance(part, ast.BinOp):
        found += [part.left, part.right]
    if isinstance(part, ast.expr):
        found.append(part)
    call = scene.call
    if call is not None:
        found += [a.value if isinstance(a, ast.Starred) else a for a in call.args]
        found += [k.value for k in call.keywords]
        for one in call.args:
            if isinstance(one, (ast.Tuple, ast.List)):
                found += one.elts
        if isinstance(call.func, ast.Attribute):
            found.append(call.func.value)
    unique = {id(n): n for n in found}
    return [
        n
        for n in unique.values()
        if isinstance(scene.value(n), (tuple, list)) and not isinstance(n, (ast.Tuple, ast.List))
    ]


def _unpacked(scene: Scene, node: ast.expr) -> Iterator[Candidate | None]:
    """`out = lstm(x)` becomes `out, _ = lstm(x)`, or what it is given to takes [0]."""
    name, fix = "tuple-passed-on", "take the output apart from the state: output, _ = layer(x)"
    spots = scene.spots(node)
    for spot in spots:
        if spot.index is not None or not isinstance(spot.node, ast.Call):
            continue
        statement = spot.statement
        if isinstance(statement, ast.Assign) and statement.value is spot.node:
            target = statement.targets[0]
            if isinstance(target, (ast.Name, ast.Attribute)):
                yield put(name, fix, spot.source, target, f"{spot.source.segment(target)}, _")
    for spot in spots:
        if isinstance(spot.node, (ast.Call, ast.Name)) and spot.index is None:
            yield wrap(name, fix, spot, "@[0]")


def _each(scene: Scene, node: ast.expr) -> Iterator[Candidate | None]:
    """A method of every tensor of the pair: tuple(s.detach() for s in state)."""
    source = scene.source
    outer = source.parents.get(node)
    if isinstance(outer, ast.Attribute) and outer.value is node and outer.attr in OF_EACH:
        whole: ast.expr = outer
        above = source.parents.get(outer)
        if isinstance(above, ast.Call) and above.func is outer:
            whole = above
        tail = source.text[source.span(node)[1] : source.span(whole)[1]]
        text = source.segment(node)
        fix = f"the state is a pair: .{outer.attr} of each"
        yield put("tuple-passed-on", fix, source, whole, f"tuple(s{tail} for s in {text})")


def _state_unpacked(scene: Scene, node: ast.expr) -> Iterator[Candidate | None]:
    """`out, h = lstm(x)` becomes `out, (h, _) = lstm(x)`."""
    name, fix = "tuple-passed-on", "an LSTM's state is a pair: output, (h, c) = lstm(x)"
    for spot in scene.spots(node):
        statement = spot.statement
        if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Tuple):
            continue
        elements = statement.targets[0].elts
        if spot.index == 1 and len(elements) == 2 and isinstance(elements[1], ast.Name):
            yield put(name, fix, spot.source, elements[1], f"({elements[1].id}, _)")


def in_sequential(scene: Scene) -> Iterator[Candidate | None]:
    """A recurrent layer inside a Sequential: what follows gets the tuple; a module takes it apart."""
    call = scene.call
    if call is None:
        return
    for spot in [*scene.constructors(call.func), *scene.builds("Sequential")]:
        built = spot.node
        if class_name(built) != "Sequential" or not isinstance(built, ast.Call):
            continue
        source = spot.source
        for layer in built.args:
            if class_name(layer) not in LAYERS or not isinstance(layer, ast.Call):
                continue
            module = scene.qualified(source, "torch.nn.Module")
            if not any(isinstance(n, (ast.Import, ast.ImportFrom)) for n in ast.walk(source.tree)):
                return
            top: ast.AST = built
            while not (isinstance(top, ast.stmt) and source.parents.get(top) is source.tree):
                top = source.parents[top]
            end = source.span(layer)[1]
            first = next(iter(keywords_of(layer, "batch_first")), None)
            time_second = isinstance(first, ast.Constant) and first.value is True
            step = "[:, -1]" if time_second else "[-1]"
            for what, cls, index in (
                ("the output", "Output", ""),
                ("the last step", "LastStep", step),
            ):
                text = (
                    f"class {cls}({module}):\n    def forward(self, result):\n"
                    f"        return result[0]{index}\n\n"
                )
                fix = f"a module between them takes {what} of (output, hn)"
                made, put_in = source.before(top, text), Change(end, end, f", {cls}()")
                yield change("tuple-passed-on", fix, source, made, put_in)


@raised(r"PackedSequence|tuple indices must be integers")
def packed_passed_on(scene: Scene) -> Iterator[Candidate | None]:
    """A PackedSequence where a tensor is wanted."""
    found: list[ast.expr] = []
    if isinstance(scene.part, (ast.Attribute, ast.Subscript)):
        found.append(scene.part.value)
    if scene.call is not None:
        found += list(scene.call.args)
    for node in found:
        value = scene.value(node)
        if not isinstance(value, Packed):
            continue
        name, fix = "packed-passed-on", "unpack it first: pad_packed_sequence"
        path = scene.qualified(scene.source, "torch.nn.utils.rnn.pad_packed_sequence")
        first = ", batch_first=True" if value.batch_first else ""
        for spot in scene.spots(node):
            statement = spot.statement
            target = statement.targets[0] if isinstance(statement, ast.Assign) else None
            names = target.elts if isinstance(target, ast.Tuple) and spot.index == 0 else []
            for one in names[:1]:
                if isinstance(one, ast.Name):
                    p = scene.qualified(spot.source, "torch.nn.utils.rnn.pad_packed_sequence")
                    line = f"{one.id}, _ = {p}({one.id}{first})"
                    yield change(name, fix, spot.source, spot.source.after(statement, line))
        yield wrap(name, fix, scene.spot(node), f"{path}(@{first})[0]")


@raised(r"values to unpack")
def unpacking(scene: Scene) -> Iterator[Candidate | None]:
    """Another number of names than of results."""
    statement, source = scene.statement, scene.source
    if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Tuple):
        return
    target = statement.targets[0]
    elements = [source.segment(one) for one in target.elts]
    value = scene.value(statement.value)
    if isinstance(value, Packed):
        fix, data = "take the steps of a packed batch, without padding: .data", "@.data"
        first = source.replace(target, elements[0])
        yield change("packed-passed-on", fix, source, first, source.wrapped(statement.value, data))
    lstm = isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], tuple)
    fix = "a layer gives two results: output and its state"
    if len(elements) == 3:
        if lstm or value is None:
            three = f"{elements[0]}, ({elements[1]}, {elements[2]})"
            yield put("unpacking", fix, source, target, three)
        yield put("unpacking", fix, source, target, ", ".join(elements[:2]))
    for inner in target.elts:
        if isinstance(inner, ast.Tuple) and len(inner.elts) == 2:
            yield put("unpacking", fix, source, inner, source.segment(inner.elts[0]))
    if isinstance(value, Tensor) and len(elements) == 2:
        yield put("unpacking", "it gives one tensor", source, target, elements[0])


@raised(
    r"'(list|ndarray|numpy\.ndarray|int|float)' object has no attribute '(dim|size|batch_sizes)'|"
    r"expected Tensor as element \d+ in argument 0, but got list"
)
def not_a_tensor(scene: Scene) -> Iterator[Candidate | None]:
    """A list where a tensor is wanted."""
    call = scene.call
    if call is None or not call.args:
        return
    path = scene.qualified(scene.source, "torch.tensor")
    for form in (f"{path}(@)", "torch.from_numpy(@).float()", f"[{path}(one) for one in @]"):
        yield wrap("not-a-tensor", "make a tensor of it", scene.spot(call.args[0]), form)


@raised(r"must be tuple of Tensors, not Tensor")
def tensor_for_list(scene: Scene) -> Iterator[Candidate | None]:
    """A join of one tensor: what it holds already, without an axis of 1."""
    call, source = scene.call, scene.source
    if call is None or not call.args:
        return
    value = scene.value(call.args[0])
    shape = value.shape if isinstance(value, Tensor) else (0, 1)
    text, name = source.operand(call.args[0]), "tensor-for-list"
    for axis in (i for i in reversed(range(len(shape))) if int(shape[i]) == 1):
        fix = f"take the axis of 1 away: .squeeze({axis})"
        yield change(name, fix, source, source.replace(call, f"{text}.squeeze({axis})"))
    yield change(name, "it is joined already", source, source.replace(call, text))


@raised(r"iteration over a 0-d tensor")
def tensor_iterated(scene: Scene) -> Iterator[Candidate | None]:
    """type(h) == Variable, which no tensor is since torch 0.4."""
    source = scene.source
    for node in source.within(source.function(scene.part)):
        kind = node.left if isinstance(node, ast.Compare) else None
        if isinstance(node, ast.Compare) and isinstance(kind, ast.Call) and kind.args:
            whole = scene.qualified(source, "torch.Tensor")
            text = f"isinstance({source.segment(kind.args[0])}, {whole})"
            yield change("tensor-iterated", "ask isinstance", source, source.replace(node, text))


@raised(r"value of Tensor with .* ambiguous")
def truth_of_tensor(scene: Scene) -> Iterator[Candidate | None]:
    """`if not state:` and `state == None` where a tensor may stand."""
    name, fix = "truth-of-tensor", "ask whether it is None"
    asked = (
        (source, node.test)
        for source in scene.sources.values()
        for node in ast.walk(source.tree)
        if isinstance(node, (ast.If, ast.IfExp, ast.While))
    )
    for source, node in asked:
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            text = f"{source.operand(node.operand)} is None"
        elif isinstance(node, ast.Compare) and ast.unparse(node.comparators[0]) == "None":
            no = " not" if isinstance(node.ops[0], ast.NotEq) else ""
            text = f"{source.operand(node.left)} is{no} None"
        elif isinstance(node, (ast.Name, ast.Attribute)):
            text = f"{source.operand(node)} is not None"
        else:
            continue
        yield change(name, fix, source, source.replace(node, text))
