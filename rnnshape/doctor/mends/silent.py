"""Mends of what torch accepts and nobody means: one maker or more for each finding."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any

from ...programs.findings import DOES_ITSELF, SHAPING
from ...programs.tensor import Tensor
from ...programs.values import Instance, Packed
from ..edits import Change, Source, dotted
from .batches import carried_states, detached, loss_parts, same_shape
from .inputs import orders
from .maker import Candidate, batch_first_turned, change, put, silent, wrap
from .place import (
    LAYERS,
    Scene,
    Spot,
    calls_in,
    class_name,
    is_recurrent,
    key_of,
    keywords_of,
    method_name,
    methods_in,
    own_node,
)
from .state import batch_first_toggled

VIEWS = ("view", "reshape", "flatten", "unflatten", "view_as")


def calls_at(scene: Scene) -> list[ast.Call]:
    """The calls at the place, else those of its statement."""
    return calls_in(scene.part) or calls_in(scene.statement)


def reshaping(scene: Scene) -> tuple[ast.Call, ast.expr] | None:
    """The view or reshape at the place, and the tensor that it is of."""
    node: ast.AST | None = scene.part
    calls = calls_in(scene.part)
    while node is not None and not isinstance(node, ast.stmt):
        if isinstance(node, ast.Call):
            calls.insert(0, node)
        node = scene.source.parents.get(node)
    for call in [scene.part, *calls, *calls_in(scene.statement)]:
        if isinstance(call, ast.Call) and method_name(call) in VIEWS:
            if isinstance(call.func, ast.Attribute) and not _of_torch(call):
                return call, call.func.value
            if call.args:
                return call, call.args[0]
    return None


def _of_torch(call: ast.Call) -> bool:
    """torch.reshape(x, …), torch.Tensor.reshape(x, …)."""
    owner = dotted(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    return owner in ("torch", "torch.Tensor", "Tensor")


def _moved_more(order: str) -> bool:
    """Whether more than one axis has left its place among the others."""
    axes = [int(i) for i in order.split(", ")]
    left = ([a for a in axes if a != one] for one in axes)
    return all(rest != sorted(rest) for rest in left)


def _turn(order: str) -> str:
    """`transpose(0, 1)` of the order "1, 0, 2", permute of what moves more."""
    moved = [i for i, place in enumerate(order.split(", ")) if int(place) != i]
    return f"transpose({moved[0]}, {moved[1]})" if len(moved) == 2 else f"permute({order})"


@silent("axes-mixed")
def mixed(scene: Scene) -> Iterator[Candidate | None]:
    """The axes brought beside each other before they are joined."""
    found = reshaping(scene)
    value, result = scene.facts.get("input"), scene.facts.get("output")
    if found is None or not isinstance(value, Tensor):
        return
    call, owner = found
    name, source, method = "axes-mixed", scene.source, method_name(call)
    while isinstance(owner, ast.Call) and isinstance(owner.func, ast.Attribute):
        if owner.func.attr != "contiguous":
            break
        owner = owner.func.value
    inner, function = source.operand(owner), _of_torch(call)
    given = call.args[function:]
    if len(given) == 1 and isinstance(given[0], (ast.Tuple, ast.List)):
        given = given[0].elts
    if method in ("view", "reshape") and len(given) > 1:
        rows = value.rank and [p.kind for p in value.axes[0]] == ["layers", "directions"]
        first, second, *rest = [source.segment(a) for a in given]
        text = f"{inner}.{method}({', '.join([second, first, *rest])}).transpose(0, 1)"
        if rows:
            fix = "rows of hn are layers × directions: read them so, then swap the two"
        else:
            fix = "read the elements in the order that they have, then swap the axes"
        yield put(name, fix, source, call, text if rows else f"{text}.contiguous()")
    sizes = [int(n) for n in value.shape]
    into = [int(n) for n in result.shape] if isinstance(result, Tensor) else []
    for order in orders(value.rank) if sorted(sizes) == sorted(into) else ():
        if [sizes[int(i)] for i in order.split(", ")] == into:
            fix = "swap the axes: view does not"
            yield put(name, fix, source, call, f"{inner}.{_turn(order)}.contiguous()")
            yield put(name, fix, source, call, f"{inner}.{_turn(order)}")
    kind = "reshape" if method == "view" else method
    begin = source.span(call.args[0] if function else call.func)
    for order in sorted(orders(value.rank), key=_moved_more):
        moved = f"{inner}.{_turn(order)}"
        tail = source.text[begin[1] : source.span(call)[1]]
        text = source.text[source.span(call)[0] : begin[0]] if function else ""
        text += moved + (tail if function else f".{kind}{tail}")
        fix = "bring the axes side by side first: transpose, then reshape"
        yield put(name, fix, source, call, text)


@silent("unbatched-rank")
def without_batch(scene: Scene) -> Iterator[Candidate | None]:
    """An axis of one step beside the samples."""
    spec = scene.facts.get("spec")
    call = next((one for one in calls_in(scene.part) if one.args), None)
    if call is not None and spec is not None:
        axis = 1 if spec.batch_first else 0
        fix = f"give the step its axis: .unsqueeze({axis})"
        given = wrap("unbatched-rank", fix, scene.spot(call.args[0]), f"@.unsqueeze({axis})")
        statement, source = scene.statement, scene.source
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        if isinstance(target, ast.Tuple) and isinstance(target.elts[0], ast.Name):
            name = target.elts[0].id  # what follows goes on with the samples as rows
            rows = source.after(statement, f"{name} = {name}.squeeze({axis})")
            yield given._replace(changes=(*given.changes, (source.file, rows)))
        yield given


@silent("batch-first-confusion")
def order_of_axes(scene: Scene) -> Iterator[Candidate | None]:
    """The layer built for the order that its input has, or the axes swapped before it; where the
    layer says its order itself, the step is taken along the axis that it has in it."""
    name, part = "batch-first-confusion", scene.part
    if isinstance(part, ast.Subscript) and not isinstance(part.slice, (ast.Tuple, ast.Slice)):
        built = [s.node for call in _layer_calls(scene) for s in scene.constructors(call.func)]
        said = [
            one for one in built if isinstance(one, ast.Call) and keywords_of(one, "batch_first")
        ]
        if said and scene.facts.get("axis") == 0:
            source = scene.source
            inner, index = source.segment(part.value), source.segment(part.slice)
            fix = "the batch comes first: the steps are the second axis"
            yield put(name, fix, source, part, f"{inner}[:, {index}]")
        elif not said and scene.facts.get("sure") is False:
            return  # the index may be meant for the order that the layer has, or the layer for it
    elif isinstance(part, ast.Subscript) and scene.facts.get("axis") == 1 and _turned(scene):
        source, slices = scene.source, getattr(part.slice, "elts", [])[1:]
        if slices and all(source.segment(one) == ":" for one in slices[1:]):
            text = f"{source.segment(part.value)}[{source.segment(slices[0])}]"
            fix = "the steps come first, as the input was turned: they are the first axis"
            yield put(name, fix, source, part, text)
    elif scene.facts.get("sure") is False:
        return
    for call in _layer_calls(scene):
        yield from batch_first_toggled(scene, call.func)
    for call in _layer_calls(scene):
        if call.args:
            fix = "give the layer its axes in the order that it reads"
            yield wrap(name, fix, scene.spot(call.args[0]), "@.transpose(0, 1)")
    for function, place in (
        ("pack_padded_sequence", 2),
        ("pad_packed_sequence", 1),
        ("pad_sequence", 1),
    ):
        for spot in scene.builds(function):
            assert isinstance(spot.node, ast.Call)
            fixes = f"{function} with batch_first=True", f"{function} without batch_first"
            yield batch_first_turned(name, fixes, spot.source, spot.node, place)


def _turned(scene: Scene) -> bool:
    """Whether the person swaps the first two axes of what a layer near the place is given."""
    given = [
        spot for call in _layer_calls(scene) if call.args for spot in scene.spots(call.args[0])
    ]
    for spot in given:
        for call, _ in methods_in(spot.node, "permute", "transpose", "swapaxes"):
            axes = [ast.unparse(a) for a in call.args[:2]]
            if axes == ["1", "0"] or (axes == ["0", "1"] and method_name(call) != "permute"):
                return True
    return False


def _layer_calls(scene: Scene) -> list[ast.Call]:
    """The calls of recurrent layers at the place, or whose output is read there."""
    found = calls_in(scene.statement)
    for e in reversed(scene.events):
        if is_recurrent(e) and e.place.file == scene.source.file:
            node = own_node(scene.source, e.place.node)
            if isinstance(node, ast.Call) and node not in found:
                found.append(node)
    return found


def subscripts(scene: Scene) -> list[ast.Subscript]:
    """The indexing at the place."""
    found = [n for n in ast.walk(scene.part) if isinstance(n, ast.Subscript)]
    found += [
        n for n in ast.walk(scene.statement) if isinstance(n, ast.Subscript) and n not in found
    ]
    return found


def owner_event(scene: Scene, node: ast.expr) -> Any:
    """The call of a recurrent layer whose result an expression reads, or one that it is near to."""
    event = scene.recurrent(scene.value(node))
    if event is not None:
        return event
    calls = [e for e in scene.events if is_recurrent(e) and isinstance(e.function, Instance)]
    return calls[-1] if calls else None


def state_names(scene: Scene, event: Any) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """A name for hn of a call: as it stands there, else with the changes that give it one."""
    found = scene.call_of(event)
    if found is None:
        return
    source, node = found
    statement = source.statement(node)
    if not isinstance(statement, ast.Assign) or statement.value is not node:
        return
    target = statement.targets[0]
    pair = isinstance(event.result, tuple) and isinstance(event.result[1], tuple)
    taken = {n.id for n in ast.walk(source.tree) if isinstance(n, ast.Name)} | {
        a.arg for a in ast.walk(source.tree) if isinstance(a, ast.arg)
    }
    hn = next(n for n in ("hn", "h_n", "hidden_n", "last_hidden", "final_state") if n not in taken)
    if not isinstance(target, ast.Tuple) or len(target.elts) != 2:
        return
    state = target.elts[1]
    if isinstance(state, ast.Tuple) and state.elts:
        first = state.elts[0]
        if isinstance(first, ast.Name) and first.id != "_":
            yield first.id, ()
        else:
            yield hn, ((source.file, source.replace(first, hn)),)
    elif isinstance(state, ast.Name) and state.id != "_":
        yield (f"{state.id}[0]" if pair else state.id), ()
    else:
        yield hn, ((source.file, source.replace(state, f"({hn}, _)" if pair else hn)),)


def _here(scene: Scene, event: Any, node: ast.AST) -> bool:
    """Whether a call stands in the function of a node."""
    source = scene.source
    return event.place.file == source.file and source.function(node) is source.function(
        own_node(source, event.place.node)
    )


@silent("last-step")
def last_step(scene: Scene) -> Iterator[Candidate | None]:
    """hn in the place of output[-1]: there each direction has read everything."""
    name, source, cat = "last-step", scene.source, scene.qualified(scene.source, "torch.cat")
    picks: list[tuple[ast.expr, ast.expr]] = [(n, n.value) for n in subscripts(scene)]
    picks += methods_in(scene.part if calls_in(scene.part) else scene.statement, "select")
    for node, owner in picks:
        event = owner_event(scene, owner)
        if event is None:
            continue
        fix = "take hn of both directions: there each has read the whole sequence"
        for hn, changes in state_names(scene, event) if _here(scene, event, node) else ():
            ends = source.replace(node, f"{cat}([{hn}[-2], {hn}[-1]], dim=1)")
            yield Candidate(name, fix, (*changes, (source.file, ends)))
        spec, inner = event.spec, source.operand(owner)
        width = int(spec.state_size)
        pieces = f"{inner}[-1, :, :{width}], {inner}[0, :, {width}:]"
        if spec.batch_first:
            pieces = f"{inner}[:, -1, :{width}], {inner}[:, 0, {width}:]"
        fix = "take the last step of the forward half and the first of the reverse half"
        yield put(name, fix, source, node, f"{cat}([{pieces}], dim=1)")


@silent("padded-step")
def padded_step(scene: Scene) -> Iterator[Candidate | None]:
    """Each sequence's own last step: hn of the packed layer, or gathered by the lengths."""
    name, source = "padded-step", scene.source
    for node in subscripts(scene):
        event, inner = owner_event(scene, node.value), source.operand(node.value)
        if event is not None and any(isinstance(a, Packed) for a in event.args):
            for hn, changes in state_names(scene, event) if _here(scene, event, node) else ():
                text = f"{hn}[-1]"
                if event.spec.bidirectional:
                    text = f"{scene.qualified(source, 'torch.cat')}([{hn}[-2], {hn}[-1]], dim=1)"
                fix = "take hn: each sequence's state behind its own last step"
                ends = source.replace(node, text)
                yield Candidate(name, fix, (*changes, (source.file, ends)))
        first = isinstance(node.slice, ast.Tuple)
        arange = scene.qualified(source, "torch.arange")
        for lengths in _length_names(scene, node):
            n = f"{arange}({inner}.size({0 if first else 1}))"
            for last in (f"{lengths} - 1", f"{arange[:-6]}tensor({lengths}) - 1"):
                text = f"{inner}[{n}, {last}]" if first else f"{inner}[{last}, {n}]"
                yield put(name, "take each sequence's own last step", source, node, text)


def _length_names(scene: Scene, node: ast.AST) -> list[str]:
    """Names of lengths in the function: what pack_padded_sequence was given, what pad_packed gave."""
    source = scene.source
    function = source.function(node)
    found = []
    for one in source.within(function):
        if isinstance(one, ast.Call) and class_name(one) == "pack_padded_sequence":
            read = [n for a in one.args[1:2] for n in ast.walk(a) if isinstance(n, ast.Name)]
            found += [name.id for name in read if name.id != "torch"]
        if isinstance(one, ast.Assign) and class_name(one.value) == "pad_packed_sequence":
            target = one.targets[0]
            second = target.elts[1:] if isinstance(target, ast.Tuple) else []
            if len(second) == 1 and isinstance(second[0], ast.Name) and second[0].id != "_":
                found.append(second[0].id)
    args = getattr(function, "args", None)
    found += [a.arg for a in args.args if "len" in a.arg] if args is not None else []
    return list(dict.fromkeys(found))


@silent("state-rows")
def state_rows(scene: Scene) -> Iterator[Candidate | None]:
    """The rows of hn that are meant: the last layer's, of both directions where there are two."""
    if scene.facts.get("twice"):
        yield from _other_direction(scene)
        return
    for node in subscripts(scene):
        event = owner_event(scene, node.value)
        source = scene.source
        inner = source.operand(node.value)
        value = scene.value(node.value)
        if isinstance(value, (tuple, list)):
            inner = f"{inner}[0]"
        spec = event.spec if event is not None else None
        name, fix = "state-rows", "take the last layer's state"
        if spec is not None and spec.bidirectional and isinstance(value, Tensor):
            rows = [
                row for one in source.within(source.function(node))
                if isinstance(one, ast.Subscript) and scene.value(one.value) is value
                for row in (one.slice.elts[:1] if isinstance(one.slice, ast.Tuple) else [one.slice])
            ]  # fmt: skip
            if len(rows) > 1:  # each direction's own of the last layer
                known = [(row, scene.value(row)) for row in rows]
                own = [
                    source.replace(row, str(i % 2 - 2)) for row, i in known if isinstance(i, int)
                ]
                yield change(name, f"{fix} of both directions", source, *own)
                return
        if spec is not None and spec.bidirectional:
            cat = scene.qualified(source, "torch.cat")
            both = f"{fix} of both directions"
            yield put(name, both, source, node, f"{cat}([{inner}[-2], {inner}[-1]], dim=1)")
            yield put(name, both, source, node, f"({inner}[-2] + {inner}[-1])")
            text = f"{inner}.view({int(spec.num_layers)}, 2, *{inner}.shape[1:]).sum(1)"
            yield put(name, "add the two directions of each layer", source, node, text)
        yield put(name, fix, source, node, f"{inner}[-1]")
    yield from mixed(scene)


def _other_direction(scene: Scene) -> Iterator[Candidate | None]:
    """cat((h[0], h[0])): the second is that of the other direction, or the first."""
    source = scene.source
    for pair in (n.elts for n in ast.walk(scene.part) if isinstance(n, (ast.Tuple, ast.List))):
        for one, turned in zip(pair, ((1, -1), (0, -2)) if len(pair) == 2 else ()):
            index = one.slice if isinstance(one, ast.Subscript) else None
            last = index.elts[-1] if isinstance(index, ast.Tuple) else index
            given = scene.value(last)
            if last is not None and given in turned:
                other = str({1: 0, -1: -2, 0: 1, -2: -1}[given])
                fix = "take the state of both directions"
                yield change("state-rows", fix, source, source.replace(last, other))


@silent("loss-broadcast")
def broadcast_loss(scene: Scene) -> Iterator[Candidate | None]:
    """Prediction and target of one shape."""
    yield from same_shape(scene, "loss-broadcast")
    part = scene.part
    sides = [part.left, part.right] if isinstance(part, ast.BinOp) else []
    sides += [part.left, *part.comparators] if isinstance(part, ast.Compare) else []
    if isinstance(part, ast.Call) and method_name(part) == "eq":
        owner = part.func.value if isinstance(part.func, ast.Attribute) else None
        sides = [*part.args, *([owner] if owner is not None and len(part.args) == 1 else [])]
    if sides:
        for side in sides:
            for form in ("@.squeeze(-1)", "@.squeeze(1)", "@.unsqueeze(-1)"):
                fix = "give prediction and target one shape"
                yield wrap("loss-broadcast", fix, scene.spot(side), form)


@silent("loss-classes")
def class_axis(scene: Scene) -> Iterator[Candidate | None]:
    """The classes on axis 1; a CTC loss wants (T, N, C)."""
    parts = loss_parts(scene)
    if parts is None:
        return
    here = scene.spot(parts[0])
    there = scene.spot(parts[1])
    fix = "put the classes on axis 1"
    for form in ("@.transpose(1, 2)", "@.permute(1, 2, 0)", "@.transpose(0, 1)"):
        yield wrap("loss-classes", fix, here, form)
    # N·T in two orders: bring them into one
    fix = "bring outputs and targets into one order"
    for node in parts:
        for spot in scene.spots(node)[:3]:
            for call, owner in methods_in(spot.node, "view", "reshape", "flatten"):
                source = spot.source
                text = source.segment(call)[len(source.segment(owner)) :]
                text = f"{source.operand(owner)}.transpose(0, 1){text}"
                text = text.replace(".view", ".reshape", 1)
                yield put("loss-classes", fix, source, call, text)
    yield wrap("loss-classes", fix, there, "@.transpose(0, 1)")


@silent("graph-kept")
def kept(scene: Scene) -> Iterator[Candidate | None]:
    """The carried state detached; retain_graph, which kept its graph, goes too where it can."""
    dropped = [
        (source.file, one)
        for source in scene.sources.values()
        for call, _ in methods_in(source.tree, "backward")
        if (one := source.without_keyword(call, "retain_graph")) is not None
    ]
    for candidate in detached(scene, "graph-kept"):
        if candidate is not None:
            yield candidate._replace(changes=(*candidate.changes, *dropped))
        yield candidate


@silent("gradients-kept")
def cleared(scene: Scene) -> Iterator[Candidate | None]:
    """zero_grad before the one backward of each step, else behind the step."""
    places = {key_of(one.place.file, one.place.node): one.place for one in scene.facts["steps"]}
    found: dict[ast.stmt, tuple[Source, str]] = {}
    for place in places.values():
        source = scene.sources[place.file]
        for call, owner in methods_in(own_node(source, place.node), "step"):
            line = f"{source.segment(owner)}.zero_grad()"
            found[source.statement(call)] = source, line
    name, fix = "gradients-kept", "clear the gradients of the batch before"
    here = scene.source.function(scene.statement)
    if scene.facts["backwards"] == 1 and all(
        s.function(one) is here for one, (s, _) in found.items()
    ):
        lines = "\n".join(line for _, line in found.values())
        yield change(name, fix, scene.source, scene.source.before(scene.statement, lines))
    behind = ((s.file, s.after(one, line)) for one, (s, line) in found.items())
    yield Candidate(name, fix, tuple(behind))


@silent("last-axis")
def last_axis(scene: Scene) -> Iterator[Candidate | None]:
    """The softmax or reduction over the axis that is meant."""
    if scene.facts.get("wanted") is None:
        return
    for call in calls_at(scene):
        given = keywords_of(call, "dim", "axis")
        given += [a for a in call.args if isinstance(a, (ast.Constant, ast.UnaryOp))]
        yield from _over(scene.spot(call), given)
        for spot in scene.constructors(call.func):
            yield from _built_dim(spot)
    for name in SOFTMAXES:
        for spot in scene.builds(name):
            yield from _built_dim(spot)
    for call in calls_at(scene):
        if class_name(call) in ("softmax", "log_softmax"):
            yield from _over(scene.spot(call), ())


SOFTMAXES = ("Softmax", "LogSoftmax", "Softmin")


def _built_dim(spot: Spot) -> Iterator[Candidate | None]:
    built = spot.node
    if isinstance(built, ast.Call) and class_name(built) in SOFTMAXES:
        yield from _over(spot, [*keywords_of(built, "dim"), *built.args][:1], 0)


def _over(spot: Spot, given: Sequence[ast.expr], place: int = 1) -> Iterator[Candidate | None]:
    """A call with its axis, `given` or its argument `place`, as each that may be meant."""
    source, call = spot.source, spot.node
    for dim in ("-1", "1", "2", "0"):
        name, fix = "last-axis", f"go over the last axis: dim={dim}"
        for one in given:
            yield put(name, fix, source, one, dim)
        if not given and isinstance(call, ast.Call):
            yield change(name, fix, source, source.with_argument(call, "dim", dim, place))


@silent("dropout-one-layer")
def dropout(scene: Scene) -> Iterator[Candidate | None]:
    """The dropout that does nothing left out."""
    name, fix = "dropout-one-layer", "leave dropout out: with one layer it does nothing"
    source = scene.source
    for call in calls_at(scene):
        if class_name(call) in LAYERS:
            yield change(name, fix, source, source.without_keyword(call, "dropout"))
            for arg in call.args[3:]:
                if isinstance(scene.value(arg), float):
                    yield put(name, fix, source, arg, "0.0")


@silent("packed-order")
def packed_order(scene: Scene) -> Iterator[Candidate | None]:
    """What was sorted by length meets what was not."""
    name, source, statement = "packed-order", scene.source, scene.statement
    orders = _orders(scene)
    parts = loss_parts(scene)
    nodes = [*ast.walk(statement)]
    fix, undo = "bring both into one order", "undo the sorting"
    for order in orders:
        if parts is not None:
            yield wrap(name, f"{fix}: [{order}]", scene.spot(parts[1]), f"@[{order}]")
        for node in nodes:
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
                yield wrap(name, undo, scene.spot(node), f"@[{order}.argsort()]")
        if isinstance(statement, (ast.Assign, ast.Return)) and statement.value is not None:
            yield wrap(name, undo, scene.spot(statement.value), f"@[{order}.argsort()]")
        for node in nodes:
            if isinstance(node, ast.Name) and isinstance(scene.value(node), Tensor):
                yield wrap(name, fix, scene.spot(node), f"@[{order}]")
                yield wrap(name, fix, scene.spot(node), f"@[{order}.argsort()]")
    for call in calls_in(statement, "pad_packed_sequence"):
        fixes = ("batch_first=True, as the layer beside it has",
                 "without batch_first, as the layer beside it is")  # fmt: skip
        yield batch_first_turned(name, fixes, source, call, 1)
    for spot in scene.builds("pack_padded_sequence"):
        packed, file = spot.node, spot.source
        assert isinstance(packed, ast.Call)
        for node in ast.walk(packed):
            if isinstance(node, ast.Subscript) and file.segment(node.slice) in orders:
                whole = file.replace(node, file.segment(node.value))
                kept = file.with_argument(packed, "enforce_sorted", "False", 3)
                yield change(name, "leave the batch in its order", file, whole, kept)


def _orders(scene: Scene) -> list[str]:
    """Names of the order that a sort or argsort gave, nearest first."""
    found: list[str] = []
    source = scene.source
    for scope in (source.function(scene.statement), source.tree):
        for node in source.within(scope):
            if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
                continue
            kind = method_name(node.value)
            target = node.targets[0]
            if kind == "sort" and isinstance(target, ast.Tuple) and len(target.elts) == 2:
                found.append(source.segment(target.elts[1]))
            elif kind == "argsort" and isinstance(target, ast.Name):
                found.append(target.id)
    return list(dict.fromkeys(found))


@silent("parameters-hidden")
def hidden(scene: Scene) -> Iterator[Candidate | None]:
    """The list made a ModuleList."""
    source = scene.source
    call = scene.part if isinstance(scene.part, ast.Call) else None
    prefix = dotted(call.func).rpartition(".")[0] if call else ""
    if not prefix:
        return
    function = source.function(scene.part)
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
            value, held = node.value, source.segment(node.value)
            kind = "ModuleDict" if isinstance(value, (ast.Dict, ast.DictComp)) else "ModuleList"
            if kind == "ModuleDict" or isinstance(value, (ast.List, ast.ListComp, ast.Tuple)):
                text = f"{prefix}.{kind}({'' if held == '[]' else held})"
                fix = f"hold the layers in a {kind}"
                yield put("parameters-hidden", fix, source, value, text)


@silent("probabilities-for-scores")
def scores(scene: Scene) -> Iterator[Candidate | None]:
    """The softmax or sigmoid taken away, where the loss and a choice of the best alone read it."""
    event, call = scene.facts["event"], scene.part
    todo, readers = [event.result], set()
    for tensor in todo:  # it grows
        for one in (e for e in scene.events if e.kind and any(tensor is t for t in e.inputs)):
            name = one.basename
            if name in SHAPING:
                todo += [t for t in one.outputs if all(t is not old for old in todo)]
            elif not any(t is tensor for t in one.outputs):  # as a Sequential gives it on
                readers.add(name)
    if not isinstance(call, ast.Call) or readers - {*DOES_ITSELF, "argmax", "max", "topk"}:
        return
    made = isinstance(event.function, Instance)
    if made and scene.value(call.func) is not event.function:
        for spot in scene.builds(event.name):  # the last of a Sequential
            around = spot.source.parents[spot.node]
            if class_name(around) == "Sequential" and isinstance(around, ast.Call):
                ends = [spot.source.span(a)[1] for a in around.args]
                if around.args[1:] and around.args[-1] is spot.node:
                    less = Change(ends[-2], ends[-1], "")
                    yield change("probabilities-for-scores", "give the loss the scores", spot.source, less)  # fmt: skip
        return
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    method = isinstance(scene.value(owner), Tensor)  # scores.softmax(1), else softmax(scores, 1)
    operand = owner if method else next(iter(call.args), None)
    if operand is not None:
        yield put("probabilities-for-scores", "give the loss the scores", scene.source, call, scene.source.segment(operand))  # fmt: skip


@silent("scores-for-probabilities")
def without_probabilities(scene: Scene) -> Iterator[Candidate | None]:
    """The sibling of the loss, which takes scores."""
    fix = "the loss that takes scores"
    siblings = {
        "BCELoss": "BCEWithLogitsLoss", "NLLLoss": "CrossEntropyLoss", "nll_loss": "cross_entropy",
        "binary_cross_entropy": "binary_cross_entropy_with_logits",
    }  # fmt: skip
    losses = calls_in(scene.part, *siblings)
    for one in (*losses, *(s.node for n in siblings for s in scene.builds(n))):
        if isinstance(one, ast.Call):
            source, path = scene.source, scene.source.segment(one.func).rpartition(".")[0]
            text = f"{path}.{siblings[class_name(one)]}".removeprefix(".")
            yield change("scores-for-probabilities", fix, source, source.replace(one.func, text))


@silent("state-of-others")
def begun_anew(scene: Scene) -> Iterator[Candidate | None]:
    """The state made anew in each turn, as it was made before the loop."""
    for source in scene.sources.values():
        for loop in (n for n in ast.walk(source.tree) if isinstance(n, (ast.For, ast.While))):
            for _, state, _ in carried_states(scene, source, loop):
                parts = state.elts if isinstance(state, ast.Tuple) else [state]
                names = {dotted(one) for one in parts}
                begins = [
                    one for one in source.within(source.function(loop))
                    if isinstance(one, ast.Assign) and one.lineno < loop.lineno
                    and {dotted(n) for t in one.targets for n in ast.walk(t)} & names
                ]  # fmt: skip
                lines = "\n".join(source.segment(one) for one in sorted(begins, key=source.span))
                if lines:
                    fix = "begin each batch with a state of its own"
                    at = source.before(loop.body[0], lines)
                    yield change("state-of-others", fix, source, at)


@silent("future-read")
def one_direction(scene: Scene) -> Iterator[Candidate | None]:
    """The layer built of the forward direction alone."""
    fix = "build it without the reverse direction"
    for call in calls_at(scene):
        for spot in (*scene.constructors(call.func), *(s for n in LAYERS for s in scene.builds(n))):
            if isinstance(spot.node, ast.Call) and class_name(spot.node) in LAYERS:
                less = spot.source.without_keyword(spot.node, "bidirectional")
                yield change("future-read", fix, spot.source, less)


@silent("state-detached")
def attached(scene: Scene) -> Iterator[Candidate | None]:
    """The detach taken away: of the state, or each of its parts."""
    name, fix, source = "state-detached", "carry the state on with its graph", scene.source
    statement = scene.statement
    if isinstance(statement, (ast.Assign, ast.Expr)):
        yield change(name, fix, source, Change(*source.line_span(statement), ""))
    changes = []
    for node in (n for n in ast.walk(statement) if isinstance(n, ast.Attribute)):
        call = source.parents[node] if node.attr == "detach" else node
        if node.attr in ("detach", "data") and isinstance(call, (ast.Call, ast.Attribute)):
            changes.append(source.replace(call, source.segment(node.value)))
    yield change(name, fix, source, *changes)


@silent("still-training")
def measured(scene: Scene) -> Iterator[Candidate | None]:
    """eval() before it is measured, and train() behind it where nothing else says so."""
    name, source, event = "still-training", scene.source, scene.facts["event"]
    call = next(iter(calls_at(scene)), None)
    if event.kind:
        for call in calls_at(scene):
            if "dropout" in class_name(call):
                fix = "tell it whether the module trains: training=self.training"
                yield change(name, fix, source, source.with_argument(call, "training", "self.training", 2))  # fmt: skip
        return
    if call is None:
        return
    own = call if scene.value(call.func) is event.function else None
    own = own or next((c for c in calls_at(scene) if scene.value(c.func) is event.function), call)
    owner, fix = source.segment(own.func), "eval() while it is measured"
    trains = any(isinstance(n, ast.Attribute) and n.attr == "train" for n in ast.walk(source.tree))
    node: ast.AST = scene.statement
    while isinstance(node, ast.stmt) and not isinstance(node, ast.FunctionDef):
        if isinstance(node, ast.With):
            changes = [source.before(node, f"{owner}.eval()")]
            if scene.facts["learns"] and not trains:
                changes.append(source.after(node, f"{owner}.train()"))
            yield change(name, fix, source, *changes)
        node = source.parents[node]
    if isinstance(node, ast.FunctionDef) and trains:
        yield change(name, fix, source, source.before(node.body[0], f"{owner}.eval()"))


@silent("padding-in-loss")
def passed_over(scene: Scene) -> Iterator[Candidate | None]:
    """Targets filled up with what the loss passes over."""
    place = scene.facts["filled"].place
    source = scene.sources[place.file]
    fix = "fill the targets up with -100, which the loss passes over"
    call = own_node(source, place.node)
    if isinstance(call, ast.Call):
        made = source.with_argument(call, "padding_value", "-100", 2)
        yield change("padding-in-loss", fix, source, made)
