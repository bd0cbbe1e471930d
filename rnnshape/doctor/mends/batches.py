"""Mends of batches: sequences of several lengths, packing, losses, and the graph behind them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ...programs.tensor import Tensor
from ..edits import Source, dotted
from .maker import SILENT, Candidate, batch_first_turned, change, put, raised, wrap
from .place import (
    Scene,
    Spot,
    arguments_of,
    assigned_in,
    class_name,
    is_loss,
    is_recurrent,
    key_of,
    keywords_of,
    own_node,
    parameters,
)

# -------------------------------------------------------------------------------------- packing


def packing(scene: Scene) -> ast.Call | None:
    """The call of pack_padded_sequence that fails."""
    return scene.call if scene.call is not None and "pack" in class_name(scene.call) else None


@raised(r"`lengths` array must be sorted")
def unsorted(scene: Scene) -> Iterator[Candidate | None]:
    """Lengths in no order."""
    call = packing(scene)
    if call is not None:
        place = 3 if class_name(call) == "pack_padded_sequence" else 1
        fix = "let torch sort the batch, and restore its order: enforce_sorted=False"
        sorts = scene.source.with_argument(call, "enforce_sorted", "False", place)
        yield change("lengths", fix, scene.source, sorts)


@raised(
    r"Expected `len\(lengths\)`|exceeds dimension size|Length of all samples|"
    r"'lengths' argument should be|'list' object .*lengths|only integer tensors"
)
def lengths(scene: Scene) -> Iterator[Candidate | None]:
    """Lengths that do not go with the batch."""
    call, source = packing(scene), scene.source
    if call is None and scene.call is not None and scene.call.args:
        for made in scene.spots(scene.call.args[0]):  # the layer finds a length beyond the steps
            if isinstance(made.node, ast.Call) and class_name(made.node) == "pack_padded_sequence":
                call, source = made.node, made.source
    if call is None:
        return
    given = next(iter([*keywords_of(call, "lengths"), *call.args[1:]]), None)
    if "batch_size" in scene.message or "exceeds" in scene.message:
        fixes = ("the batch is (N, T, features): batch_first=True",
                 "the batch is (T, N, features): without batch_first")  # fmt: skip
        yield batch_first_turned("lengths", fixes, source, call, 2)
    if given is None:
        return
    forms = [
        ("keep the lengths on the CPU", "@.cpu()"),
        ("lengths are integers", "@.long()"),
        ("lengths have one axis", "@.squeeze(-1)"),
        ("lengths have one axis", "@.flatten()"),
        ("lengths are integers on the CPU", "@.cpu().long()"),
    ]
    if "Length of all" in scene.message:
        forms = [
            ("a sequence has at least one step", "@.clamp(min=1)"),
            ("a sequence has at least one step", "[max(1, n) for n in @]"),
        ]
    if "exceeds" in scene.message:
        x = source.segment(call.args[0]) if call.args else "x"
        axis = 1 if any(k.arg == "batch_first" for k in call.keywords) else 0
        fix = "no sequence is longer than the batch"
        forms = [(fix, f"@.clamp(max={x}.size({axis}))"),
                 (fix, f"[min(n, {x}.size({axis})) for n in @]")]  # fmt: skip
    for fix, form in forms:
        yield wrap("lengths", fix, Spot(source, given, -1), form)


# --------------------------------------------------------------------------------- ragged lists

_ROWS = ("tensor", "as_tensor", "LongTensor", "FloatTensor", "stack", "array", "asarray", "vstack")  # fmt: skip


@raised(
    r"expected sequence of length|stack expects each tensor to be equal size|inhomogeneous shape|"
    r"setting an array element with a sequence|received an empty list|"
    r"only one element tensors can be converted|must be a list of tensors"
)
def ragged(scene: Scene) -> Iterator[Candidate | None]:
    """Sequences of several lengths made one batch: padded to the longest."""
    call, source = scene.call, scene.source
    name, fix = "ragged-batch", "pad the sequences to the longest: pad_sequence"
    pad = scene.qualified(source, "torch.nn.utils.rnn.pad_sequence")
    tensor = scene.qualified(source, "torch.tensor")
    if call is not None and call.args and class_name(call) in _ROWS:
        made = class_name(call)
        kept = [source.segment(k) for k in call.keywords if k.arg in ("dtype", "device")]
        inner = source.segment(call.args[0])
        row = f"{tensor}({', '.join(['s', *kept])})"
        if made in ("LongTensor", "FloatTensor"):
            row = f"{source.segment(call.func)}(s)"
        rows = inner if made == "stack" else f"[{row} for s in {inner}]"
        for first in (", batch_first=True", ""):
            yield put(name, fix, source, call, f"{pad}({rows}{first})")
            if made == "stack":
                yield put(name, fix, source, call, f"{pad}(list({rows}){first})")
    for spot in scene.builds("DataLoader"):
        built, file = spot.node, spot.source
        if not isinstance(built, ast.Call):
            continue
        pad = scene.qualified(file, "torch.nn.utils.rnn.pad_sequence")
        stack = scene.qualified(file, "torch.stack")
        number = scene.qualified(file, "torch.tensor")
        for first in (", batch_first=True", ""):
            rows = f"{pad}([x for x, _ in batch]{first})"
            targets = f"{pad}([y for _, y in batch]{first})"
            forms = [f"lambda batch: {pad}(batch{first})"]
            for other in (
                f"{stack}([y for _, y in batch])",
                f"{number}([y for _, y in batch])",
                targets,
            ):
                forms.append(f"lambda batch: ({rows}, {other})")
            for form in forms:
                collated = file.with_argument(built, "collate_fn", form, None)
                yield change(name, f"{fix} in the collate_fn", file, collated)


# --------------------------------------------------------------------------------------- losses


def loss_parts(scene: Scene) -> tuple[ast.expr, ast.expr] | None:
    """The prediction and the target of the failing loss."""
    call = scene.call
    if call is None:
        return None
    given = {k.arg: k.value for k in call.keywords}
    args = [a for a in call.args if not isinstance(a, ast.Starred)]
    a = args[0] if args else given.get("input")
    b = args[1] if len(args) > 1 else given.get("target")
    return (a, b) if a is not None and b is not None else None


@raised(
    r"Expected target size|Expected floating point type for target with class probabilities|"
    r"multi-target not supported|Expected input batch_size|only batches of spatial targets|"
    r"nll_loss|0D or 1D target tensor expected"
)
def classes(scene: Scene) -> Iterator[Candidate | None]:
    """A cross-entropy wants (N, C, …) and (N, …)."""
    parts = loss_parts(scene)
    if parts is None:
        return
    logits, target = parts
    name, value, wanted = "loss-classes", scene.value(logits), scene.value(target)
    here, there = (scene.spot(node) for node in parts)
    if isinstance(value, Tensor) and value.rank >= 3:
        fix = "put the classes on axis 1"
        last = value.rank - 1
        yield wrap(name, fix, here, "@.transpose(1, 2)" if last == 2 else f"@.movedim({last}, 1)")
        yield wrap(name, fix, here, "@.permute(1, 2, 0)")
    yield from shorter(scene)
    if isinstance(value, Tensor) and isinstance(wanted, Tensor):
        if value.rank == 2 and not wanted.rank:
            yield wrap("loss-classes", "give the one target an axis", there, "@.reshape(1)")
        if value.rank > 1 and tuple(map(int, value.shape)) == tuple(map(int, wanted.shape)):
            yield wrap("dtype", "shares of the classes are floats: .float()", there, "@.float()")
            yield wrap(name, "give the numbers of the classes", there, "@.argmax(1)")
        if wanted.rank == value.rank and wanted.rank > 1 and int(wanted.shape[-1]) == 1:
            yield wrap(name, "give one number of a class a sample", there, "@.squeeze(-1)")
        if wanted.rank > 1 and value.rank == 2:
            fix = "flatten the targets as the outputs"
            yield wrap(name, fix, there, "@.reshape(-1)")
            yield wrap(name, fix, there, "@.t().reshape(-1)")
        if wanted.floating:
            yield wrap("dtype", "classes are integers", there, "@.long()")
    yield from one_target(scene, logits)


@raised(r"(input|target)_lengths must be of size batch_size")
def steps_first(scene: Scene) -> Iterator[Candidate | None]:
    """A CTC loss wants (T, N, C): the scores turned where they come from, or where it reads them."""
    parts = loss_parts(scene)
    spots = scene.spots(parts[0]) if parts is not None else []
    call = scene.call
    for one in call.args[2:4] if call is not None and spots else ():
        if call is not None and scene.shape(one) == (1,):
            form = f"@.repeat({scene.source.operand(call.args[0])}.size(1))"
            yield wrap("lengths", "give one length a sequence", scene.spot(one), form)
    for spot in [*spots[1:2], *spots[:1], *spots[2:]]:  # lengths may be read from what is assigned
        yield wrap("loss-classes", "give CTC (T, N, classes)", spot, "@.transpose(0, 1)")


@raised(r"The size of tensor a \(\d+\) must match the size of tensor b")
def repadded(scene: Scene) -> Iterator[Candidate | None]:
    """Outputs padded to the longest of this batch, what meets them to the longest of the data."""
    name, fix = "padded-shorter", "pad the outputs to the length of the inputs: total_length"
    for spot in scene.builds("pad_packed_sequence"):
        source, node = spot.source, spot.node
        assert isinstance(node, ast.Call)
        function = source.function(node)
        for one in source.within(function):
            if isinstance(one, ast.Call) and class_name(one) == "pack_padded_sequence" and one.args:
                first = any(k.arg == "batch_first" for k in one.keywords) or len(one.args) > 2
                for text in _whole_batch(source, function, one.args[0]):
                    length = f"{text}.size({int(first)})"
                    padded = source.with_argument(node, "total_length", length, 3)
                    yield change(name, fix, source, padded)


def shorter(scene: Scene) -> Iterator[Candidate | None]:
    """What is padded to other lengths than the targets: padded to theirs, or they cut."""
    yield from repadded(scene)
    parts = loss_parts(scene)
    if parts is None:
        return
    for given, other in (parts, parts[::-1]):
        inner, made = _innermost(other), _innermost(given)
        if inner is not None and made is not None:
            fix = "cut the targets to the steps of the outputs"
            cut = f"{inner.id}[:, :{made.id}.size(1)]"
            yield put("padded-shorter", fix, scene.source, inner, cut)


def _innermost(node: ast.expr) -> ast.Name | None:
    """`scores` of `scores.view(-1, 9)`."""
    while isinstance(node, (ast.Call, ast.Attribute, ast.Subscript)):
        if isinstance(node, ast.Call):
            if not isinstance(node.func, ast.Attribute):
                return None
            node = node.func.value
        else:
            node = node.value
    return node if isinstance(node, ast.Name) else None


def _whole_batch(source: Source, function: ast.AST, packed: ast.expr) -> list[str]:
    """Names that have the whole number of steps where a batch is packed."""
    names = [name for name in parameters(function) if name != "self"]
    inside = [n.id for n in ast.walk(packed) if isinstance(n, ast.Name) and n.id != "self"]
    found: list[str] = []
    for one in inside:
        assigned = [] if one in names else assigned_in(source, function, one, packed)
        read = [n.id for v, _ in assigned for n in ast.walk(v) if isinstance(n, ast.Name)]
        found += [one] if one in names else [name for name in read if name in names]
    return list(dict.fromkeys([*found, *inside]))


def one_target(scene: Scene, logits: ast.expr) -> Iterator[Candidate | None]:
    """One target a sequence: the last step's output alone is meant."""
    name, fix = "all-steps-for-one-target", "give the loss the last step's output alone"
    done: set[int] = set()
    for event in reversed(scene.events):
        if not is_recurrent(event) or not isinstance(event.result, tuple):
            continue
        step = "[:, -1]" if getattr(event.spec, "batch_first", False) else "[-1]"
        for user in scene.events:
            if any(one is event.result[0] for one in user.args) and id(user) not in done:
                done.add(id(user))
                found = scene.call_of(user)
                if found is not None and found[1].args:
                    yield wrap(name, fix, Spot(found[0], found[1].args[0], -1), f"@{step}")
    value = scene.value(logits)
    if isinstance(value, Tensor) and value.rank == 2 and len(steps_of(value)) == 1:
        yield wrap(name, fix, scene.spot(logits), "@[-1:]")
    if isinstance(value, Tensor) and value.rank == 3:
        for form in ("@[:, -1]", "@[-1]"):
            yield wrap(name, fix, scene.spot(logits), form)


def steps_of(value: Tensor) -> list[int]:
    """Axes that hold steps alone."""
    return [i for i, a in enumerate(value.axes) if {p.kind for p in a if p.size != 1} == {"steps"}]


@raised(
    r"Target size|target size|different to the input size|Found dtype|all elements of input should be between"
)
def elementwise_loss(scene: Scene) -> Iterator[Candidate | None]:
    """A loss element by element: one shape on both sides."""
    yield from same_shape(scene, "loss-broadcast")


@raised(r"The size of tensor a \(.*\) must match the size of tensor b")
def broadcast_loss(scene: Scene) -> Iterator[Candidate | None]:
    """The same, where the shapes cannot even be broadcast."""
    if is_loss(scene):
        yield from same_shape(scene, "loss-broadcast")


def same_shape(scene: Scene, name: str) -> Iterator[Candidate | None]:
    """An axis of 1 taken off the prediction, or put to the target."""
    parts = loss_parts(scene)
    if parts is None:
        return
    a, b = (scene.value(node) for node in parts)
    here, there = (scene.spot(node) for node in parts)
    if not isinstance(a, Tensor) or not isinstance(b, Tensor):
        forms = [(here, "@.squeeze(-1)"), (there, "@.unsqueeze(-1)")]
    else:
        forms = []
        for spot, value, other in ((here, a, b), (there, b, a)):
            for axis in reversed(range(value.rank)):
                if int(value.shape[axis]) == 1 and value.rank > other.rank:
                    shown = -1 if axis == value.rank - 1 and value.rank > 2 else axis
                    forms.append((spot, f"@.squeeze({shown})"))
        for spot, value, other in ((there, b, a), (here, a, b)):
            if value.rank < other.rank:
                forms += [(spot, f"@.unsqueeze({axis})") for axis in range(value.rank, -1, -1)]
        if a.rank == b.rank:
            forms += [(there, "@.reshape_as(" + scene.source.segment(parts[0]) + ")")]
        if not b.floating:
            forms += [(there, "@.float()")]
    fix = "give prediction and target one shape"
    for spot, form in forms:
        yield wrap(name if "float" not in form else "dtype", fix, spot, form)
    if isinstance(a, Tensor) and isinstance(b, Tensor) and a.rank != b.rank:
        yield from one_target(scene, parts[0])


# ------------------------------------------------------------------------------------ the graph


@raised(r"Trying to backward through the graph a second time")
def second_backward(scene: Scene) -> Iterator[Candidate | None]:
    """A state carried on from call to call: cut from what came before."""
    yield from detached(scene, "state-keeps-graph")


@raised(r"'torch\.dtype' object is not callable")
def dtype_called(scene: Scene) -> Iterator[Candidate | None]:
    """torch.long([…]): a tensor of that dtype was meant."""
    call = scene.call
    if call is not None and len(call.args) == 1:
        made, of = map(scene.source.segment, (call.args[0], call.func))
        text = f"torch.tensor({made}, dtype={of})"
        yield put("dtype", "make a tensor of that dtype", scene.source, call, text)


@raised(r"size mismatch \(got input: \[\d+\], target: \[1\]\)")
def one_row(scene: Scene) -> Iterator[Candidate | None]:
    """A squeeze that takes the axis of a batch of one, too."""
    fix = "squeeze the axis that is meant alone: a batch of one keeps its own"
    for event in scene.events:
        lost = event.name == "squeeze" and len(event.args) == 1 and not event.keywords
        found = scene.call_of(event) if lost else None
        if found is None:
            continue
        source, node = found
        if event.outputs and event.outputs[0].rank == 1 and isinstance(node.func, ast.Attribute):
            owner = node.func.value if event.kind.startswith("Tensor.") else node.args[0]
            yield put("loss-classes", fix, source, node, source.segment(owner))
            yield put("loss-classes", fix, source, node, f"{source.operand(owner)}.squeeze(0)")


@raised(r"has been modified by an inplace operation")
def changed_in_place(scene: Scene) -> Iterator[Candidate | None]:
    """What was changed gets a copy of its own before; a state that keeps its graph is detached."""
    fix, name = "change a copy: backward needs the tensor as it was", "changed-in-place"
    for event in scene.events:
        source = scene.sources.get(event.place.file)
        tensor = event.inputs[0] if event.inputs else None
        if source is None or tensor is None or tensor.storage is not scene.argument.storage:
            continue
        node = own_node(source, event.place.node)
        owner = getattr(node, "target", None) if isinstance(node, ast.AugAssign) else None
        if isinstance(node, ast.Subscript) and event.kind == "setitem":
            owner = node.value
        elif isinstance(node, ast.Call) and event.kind.endswith("_"):
            owner = getattr(node.func, "value", None)
        if isinstance(owner, ast.Name | ast.Attribute):
            text = source.segment(owner)
            line = f"{text} = {text}.clone()"
            yield change(name, fix, source, source.before(source.statement(node), line))
        for keyword in node.keywords if isinstance(node, ast.Call) else ():
            if keyword.arg == "inplace":
                own = "give the result a tensor of its own: backward needs this one as it was"
                yield put(name, own, source, keyword.value, "False")
    for maker in SILENT["graph-kept"]:
        for candidate in maker(scene):
            yield candidate and candidate._replace(id="state-keeps-graph")


def detached(scene: Scene, name: str) -> Iterator[Candidate | None]:
    """The carried state detached at the end of the loop's body, or where the call reads it."""
    fix = "detach the state before it is carried on"
    for source in scene.sources.values():
        for loop in ast.walk(source.tree):
            if not isinstance(loop, (ast.For, ast.While)):
                continue
            for statement, state, pair in carried_states(scene, source, loop):
                last = loop.body[-1]
                line = _detaching(source, state, pair)
                if not isinstance(last, (ast.Return, ast.Break, ast.Continue)):
                    yield change(name, fix, source, source.after(last, line))
                yield change(name, fix, source, source.before(loop.body[0], line))
                for call in source.within(loop):  # where not each turn goes back
                    if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "backward":
                        behind = source.after(source.statement(call), line)
                        yield change(name, fix, source, behind)
                yield change(name, fix, source, source.after(statement, line))
    for event in scene.events:  # a state kept on self
        found = scene.call_of(event) if is_recurrent(event) else None
        if found is None or len(found[1].args) < 2:
            continue
        source, node = found
        state = node.args[1]
        if isinstance(state, ast.Attribute):
            pair = isinstance(event.result, tuple) and isinstance(event.result[1], tuple)
            line = _detaching(source, state, pair)
            text, _, whole = line.partition(" = ")
            yield change(name, fix, source, source.after(source.statement(node), line))
            yield put(name, fix, source, state, f"None if {text} is None else {whole}")


def _detaching(source: Source, state: ast.expr, pair: bool) -> str:
    """`h = h.detach()`, of a pair each of its parts."""
    if isinstance(state, ast.Tuple):
        names = [source.segment(one) for one in state.elts]
        return f"{', '.join(names)} = {', '.join(n + '.detach()' for n in names)}"
    text = source.segment(state)
    each = f"tuple(s.detach() for s in {text})" if pair else f"{text}.detach()"
    return f"{text} = {each}"


def carried_states(
    scene: Scene, source: Source, loop: ast.For | ast.While
) -> Iterator[tuple[ast.stmt, ast.expr, bool]]:
    """The calls in a loop that take their own last result: statement, the state's target, a pair."""
    for node in source.within(loop):
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
            continue
        read = {dotted(n) for a in arguments_of(node.value) for n in ast.walk(a)}
        for target in node.targets:
            parts = target.elts if isinstance(target, ast.Tuple) else [target]
            for one in parts:
                names = [dotted(e) for e in (one.elts if isinstance(one, ast.Tuple) else [one])]
                if all(n and n in read for n in names):
                    named_so = isinstance(one, (ast.Name, ast.Attribute))
                    value = scene.value(one, 0) if named_so else None
                    known = scene._results.get(key_of(source.file, node.value))
                    if isinstance(known, tuple) and len(known) == 2 and value is None:
                        value = known[1]
                    yield node, one, isinstance(value, (tuple, list))
