"""Mends of what torch accepts and nobody means: one maker or more for each finding."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from ...programs.findings import DOES_ITSELF
from ...programs.tensor import Tensor
from ...programs.values import Instance
from ..edits import Source, dotted
from .batches import detached, loss_parts, same_shape
from .inputs import orders
from .maker import Candidate, batch_first_turned, change, silent, wrap
from .place import Scene, Spot, class_name, is_recurrent, key_of, own_node
from .state import toggled

VIEWS = ("view", "reshape", "flatten", "contiguous", "unflatten")


def reshaping(scene: Scene) -> tuple[ast.Call, ast.expr] | None:
    """The view or reshape at the place, and the tensor that it is of."""
    node: ast.AST | None = scene.part
    calls = [n for n in ast.walk(scene.part) if isinstance(n, ast.Call)]
    while node is not None and not isinstance(node, ast.stmt):
        if isinstance(node, ast.Call):
            calls.insert(0, node)
        node = scene.source.parents.get(node)
    for call in [*calls, *(n for n in ast.walk(scene.statement) if isinstance(n, ast.Call))]:
        name = class_name(call) or (call.func.attr if isinstance(call.func, ast.Attribute) else "")
        if name not in ("view", "reshape", "flatten", "unflatten", "view_as"):
            continue
        if isinstance(call.func, ast.Attribute) and not _of_torch(call):
            return call, call.func.value
        if call.args:
            return call, call.args[0]
    return None


def _moved_more(order: str) -> bool:
    """Whether more than one axis has left its place among the others."""
    axes = [int(i) for i in order.split(", ")]
    left = ([a for a in axes if a != one] for one in axes)
    return all(rest != sorted(rest) for rest in left)


def _of_torch(call: ast.Call) -> bool:
    """torch.reshape(x, …), torch.Tensor.reshape(x, …)."""
    owner = dotted(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    return owner in ("torch", "torch.Tensor", "Tensor")


@silent("axes-mixed")
def mixed(scene: Scene) -> Iterator[Candidate | None]:
    """The axes brought beside each other before they are joined."""
    found = reshaping(scene)
    if found is None:
        return
    call, owner = found
    source = scene.source
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    while (
        isinstance(owner, ast.Call)
        and isinstance(owner.func, ast.Attribute)
        and owner.func.attr == "contiguous"
    ):
        owner = owner.func.value
    inner = source.operand(owner)
    function = _of_torch(call)
    value = scene.facts.get("input")
    rank = value.rank if isinstance(value, Tensor) else 3
    result = scene.facts.get("output")
    fix = "bring the axes side by side first: transpose, then reshape"

    def shaped(moved: str) -> str:
        if function:
            text = source.segment(call)
            start = source.span(call.args[0])[0] - source.span(call)[0]
            end = source.span(call.args[0])[1] - source.span(call)[0]
            return text[:start] + moved + text[end:]
        assert isinstance(call.func, ast.Attribute)
        tail = source.text[source.span(call.func)[1] : source.span(call)[1]]
        kind = "reshape" if name == "view" else name
        return f"{moved}.{kind}{tail}"

    given = call.args[function:]
    if len(given) == 1 and isinstance(given[0], (ast.Tuple, ast.List)):
        given = given[0].elts
    if name in ("view", "reshape") and len(given) > 1 and isinstance(value, Tensor):
        rows = (
            [part.kind for part in value.axes[0]] == ["layers", "directions"]
            if value.rank
            else False
        )
        first, second, *rest = [source.segment(a) for a in given]
        sized = ", ".join([second, first, *rest])
        yield change(
            "axes-mixed",
            "rows of hn are layers × directions: read them so, then swap the two"
            if rows
            else "read the elements in the order that they have, then swap the axes",
            source,
            source.replace(
                call, f"{inner}.{name}({sized}).transpose(0, 1)" + ("" if rows else ".contiguous()")
            ),
        )
    sizes = [int(n) for n in value.shape] if isinstance(value, Tensor) else []
    into = [int(n) for n in result.shape] if isinstance(result, Tensor) else []
    if sizes and len(sizes) == len(into) and sorted(sizes) == sorted(into):
        for order in orders(rank):
            moved = [sizes[int(i)] for i in order.split(", ")]
            if moved == into:
                turned = [i for i, p in enumerate(order.split(", ")) if int(p) != i]
                form = (
                    f"transpose({turned[0]}, {turned[1]})"
                    if len(turned) == 2
                    else f"permute({order})"
                )
                yield change(
                    "axes-mixed",
                    "swap the axes: view does not",
                    source,
                    source.replace(call, f"{inner}.{form}.contiguous()"),
                )
                yield change(
                    "axes-mixed",
                    "swap the axes: view does not",
                    source,
                    source.replace(call, f"{inner}.{form}"),
                )
    for order in sorted(orders(rank), key=_moved_more):
        turned = [i for i, p in enumerate(order.split(", ")) if int(p) != i]
        form = f"transpose({turned[0]}, {turned[1]})" if len(turned) == 2 else f"permute({order})"
        yield change("axes-mixed", fix, source, source.replace(call, shaped(f"{inner}.{form}")))
    # sizes given in the order of the axes
    args = [a for a in call.args if not isinstance(a, (ast.Tuple, ast.List))]
    if len(args) >= 2 and not function:
        for i in range(len(args)):
            for j in range(i + 1, len(args)):
                yield change(
                    "axes-mixed",
                    "name the sizes in the order of the axes",
                    source,
                    source.replace(args[i], source.segment(args[j])),
                    source.replace(args[j], source.segment(args[i])),
                )
    for index in ("[-1]", "[:, -1]"):
        yield change(
            "axes-mixed",
            "take the last layer's state",
            source,
            source.replace(call, f"{inner}{index}"),
        )


@silent("unbatched-rank")
def without_batch(scene: Scene) -> Iterator[Candidate | None]:
    """An axis of one step beside the samples."""
    spec = scene.facts.get("spec")
    call = next((n for n in ast.walk(scene.part) if isinstance(n, ast.Call) and n.args), None)
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
    part = scene.part
    if isinstance(part, ast.Subscript) and not isinstance(part.slice, (ast.Tuple, ast.Slice)):
        said = [
            keyword
            for call in _layer_calls(scene)
            for spot in scene.constructors(call.func)
            if isinstance(spot.node, ast.Call)
            for keyword in spot.node.keywords
            if keyword.arg == "batch_first"
        ]
        if said and scene.facts.get("axis") == 0:
            source = scene.source
            inner, index = source.segment(part.value), source.segment(part.slice)
            yield change(
                "batch-first-confusion",
                "the batch comes first: the steps are the second axis",
                source,
                source.replace(part, f"{inner}[:, {index}]"),
            )
        elif not said and scene.facts.get("sure") is False:
            return  # the index may be meant for the order that the layer has, or the layer for it
    elif isinstance(part, ast.Subscript) and scene.facts.get("axis") == 1 and _turned(scene):
        source, slices = scene.source, getattr(part.slice, "elts", [])[1:]
        if slices and all(source.segment(one) == ":" for one in slices[1:]):
            text = f"{source.segment(part.value)}[{source.segment(slices[0])}]"
            fix = "the steps come first, as the input was turned: they are the first axis"
            yield change("batch-first-confusion", fix, source, source.replace(part, text))
    elif scene.facts.get("sure") is False:
        return
    for call in _layer_calls(scene):
        for spot in scene.constructors(call.func):
            if class_name(spot.node) in ("RNN", "LSTM", "GRU"):
                yield from toggled(spot, class_name(spot.node))
    node = scene.part
    if isinstance(node, ast.Call) and class_name(node) in ("RNN", "LSTM", "GRU"):
        yield from toggled(Spot(scene.source, node, -1), class_name(node))
    for call in _layer_calls(scene):
        if call.args:
            yield wrap(
                "batch-first-confusion",
                "give the layer its axes in the order that it reads",
                Spot(scene.source, call.args[0], -1),
                "@.transpose(0, 1)",
            )
    for name in ("pack_padded_sequence", "pad_packed_sequence", "pad_sequence"):
        for spot in scene.builds(name):
            built = spot.node
            assert isinstance(built, ast.Call)
            given = next((k for k in built.keywords if k.arg == "batch_first"), None)
            if given is None:
                yield change(
                    "batch-first-confusion",
                    f"{name} with batch_first=True",
                    spot.source,
                    spot.source.with_argument(
                        built, "batch_first", "True", 1 if name != "pack_padded_sequence" else 2
                    ),
                )
            else:
                yield change(
                    "batch-first-confusion",
                    f"{name} without batch_first",
                    spot.source,
                    spot.source.without_keyword(built, "batch_first"),
                )


def _turned(scene: Scene) -> bool:
    """Whether the person swaps the first two axes of what a layer near the place is given."""
    given = [
        spot for call in _layer_calls(scene) if call.args for spot in scene.spots(call.args[0])
    ]
    names = ("permute", "transpose", "swapaxes")
    for call in (n for spot in given for n in ast.walk(spot.node) if isinstance(n, ast.Call)):
        if isinstance(call.func, ast.Attribute) and call.func.attr in names:
            axes = [ast.unparse(a) for a in call.args[:2]]
            if axes == ["1", "0"] or (axes == ["0", "1"] and call.func.attr != "permute"):
                return True
    return False


def _layer_calls(scene: Scene) -> list[ast.Call]:
    """The calls of recurrent layers at the place, or whose output is read there."""
    event = scene.facts.get("layer_call")
    found = []
    for one in ast.walk(scene.statement):
        if isinstance(one, ast.Call):
            found.append(one)
    if event is not None:
        source = scene.sources.get(event.place.file)
        node = own_node(source, event.place.node) if source else None
        if isinstance(node, ast.Call):
            found.append(node)
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
    return scene.facts.get("layer_call") or (calls[-1] if calls else None)


def state_names(scene: Scene, event: Any) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """A name for hn of a call: as it stands there, else with the changes that give it one."""
    source = scene.sources.get(event.place.file)
    node = own_node(source, event.place.node) if source else None
    if source is None or not isinstance(node, ast.Call):
        return
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


@silent("last-step")
def last_step(scene: Scene) -> Iterator[Candidate | None]:
    """hn in the place of output[-1]: there each direction has read everything."""
    for node in subscripts(scene):
        event = owner_event(scene, node.value)
        if event is None:
            continue
        spec = event.function._attributes["_spec"]
        source = scene.source
        inner = source.operand(node.value)
        here = (
            source.function(node) is source.function(own_node(source, event.place.node))
            and event.place.file == source.file
        )
        fix = "take hn of both directions: there each has read the whole sequence"
        if spec.bidirectional:
            cat = scene.qualified(source, "torch.cat")
            for name, changes in state_names(scene, event) if here else ():
                yield Candidate(
                    "last-step",
                    fix,
                    (
                        *changes,
                        (
                            source.file,
                            source.replace(node, f"{cat}([{name}[-2], {name}[-1]], dim=1)"),
                        ),
                    ),
                )
            width = int(spec.state_size)
            if spec.batch_first:
                pieces = f"{inner}[:, -1, :{width}], {inner}[:, 0, {width}:]"
            else:
                pieces = f"{inner}[-1, :, :{width}], {inner}[0, :, {width}:]"
            yield change(
                "last-step",
                "take the last step of the forward half and the first of the reverse half",
                source,
                source.replace(node, f"{cat}([{pieces}], dim=1)"),
            )
        else:
            for name, changes in state_names(scene, event) if here else ():
                yield Candidate(
                    "last-step",
                    "take hn[-1]",
                    (*changes, (source.file, source.replace(node, f"{name}[-1]"))),
                )


@silent("padded-step")
def padded_step(scene: Scene) -> Iterator[Candidate | None]:
    """Each sequence's own last step: hn of the packed layer, or gathered by the lengths."""
    for node in subscripts(scene):
        event = owner_event(scene, node.value)
        source = scene.source
        inner = source.operand(node.value)
        if event is not None:
            spec = event.function._attributes["_spec"]
            here = event.place.file == source.file and source.function(node) is source.function(
                own_node(source, event.place.node)
            )
            packed = any(type(a).__name__ == "Packed" for a in event.args)
            for name, changes in state_names(scene, event) if here and packed else ():
                fix = "take hn: each sequence's state behind its own last step"
                if spec.bidirectional:
                    text = (
                        f"{scene.qualified(source, 'torch.cat')}([{name}[-2], {name}[-1]], dim=1)"
                    )
                else:
                    text = f"{name}[-1]"
                yield Candidate(
                    "padded-step", fix, (*changes, (source.file, source.replace(node, text)))
                )
        first = _time_second(node)
        arange = scene.qualified(source, "torch.arange")
        for lengths in _length_names(scene, node):
            n = f"{arange}({inner}.size({0 if first else 1}))"
            last = f"{lengths} - 1"
            text = f"{inner}[{n}, {last}]" if first else f"{inner}[{last}, {n}]"
            yield change(
                "padded-step",
                "take each sequence's own last step",
                source,
                source.replace(node, text),
            )
            text = text.replace(last, f"{arange[:-6]}tensor({lengths}) - 1")
            yield change(
                "padded-step",
                "take each sequence's own last step",
                source,
                source.replace(node, text),
            )


def _time_second(node: ast.Subscript) -> bool:
    return isinstance(node.slice, ast.Tuple)


def _length_names(scene: Scene, node: ast.AST) -> list[str]:
    """Names of lengths in the function: what pack_padded_sequence was given, what pad_packed gave."""
    source = scene.source
    function = source.function(node)
    found = []
    for one in source.within(function):
        if (
            isinstance(one, ast.Call)
            and class_name(one) == "pack_padded_sequence"
            and len(one.args) > 1
        ):
            found += [
                n.id for n in ast.walk(one.args[1]) if isinstance(n, ast.Name) and n.id != "torch"
            ]
        if isinstance(one, ast.Assign) and class_name(one.value) == "pad_packed_sequence":
            target = one.targets[0]
            if (
                isinstance(target, ast.Tuple)
                and len(target.elts) == 2
                and isinstance(target.elts[1], ast.Name)
            ):
                if target.elts[1].id != "_":
                    found.append(target.elts[1].id)
    value = scene.facts.get("lengths_name")
    if isinstance(value, str):
        found.insert(0, value)
    args = getattr(function, "args", None)
    for a in args.args if args is not None else ():
        if "len" in a.arg:
            found.append(a.arg)
    return list(dict.fromkeys(found))


@silent("state-rows")
def rows(scene: Scene) -> Iterator[Candidate | None]:
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
        spec = event.function._attributes["_spec"] if event is not None else None
        fix = "take the last layer's state"
        if spec is not None and spec.bidirectional:
            cat = scene.qualified(source, "torch.cat")
            both = "take the last layer's state of both directions"
            yield change(
                "state-rows",
                both,
                source,
                source.replace(node, f"{cat}([{inner}[-2], {inner}[-1]], dim=1)"),
            )
            yield change(
                "state-rows", both, source, source.replace(node, f"({inner}[-2] + {inner}[-1])")
            )
            count = int(spec.num_layers)
            yield change(
                "state-rows",
                "add the two directions of each layer",
                source,
                source.replace(node, f"{inner}.view({count}, 2, *{inner}.shape[1:]).sum(1)"),
            )
        yield change("state-rows", fix, source, source.replace(node, f"{inner}[-1]"))
    found = reshaping(scene)
    if found is not None:
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
    if sides:
        for side in sides:
            for form in ("@.squeeze(-1)", "@.squeeze(1)", "@.unsqueeze(-1)"):
                yield wrap(
                    "loss-broadcast", "give prediction and target one shape", scene.spot(side), form
                )


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
            for call in ast.walk(spot.node):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                    if call.func.attr in ("view", "reshape", "flatten"):
                        owner, source = call.func.value, spot.source
                        text = source.segment(call)[len(source.segment(owner)) :]
                        text = f"{source.operand(owner)}.transpose(0, 1){text}"
                        text = text.replace(".view", ".reshape", 1)
                        yield change("loss-classes", fix, source, source.replace(call, text))
    yield wrap("loss-classes", fix, there, "@.transpose(0, 1)")


@silent("graph-kept")
def kept(scene: Scene) -> Iterator[Candidate | None]:
    """The carried state detached; retain_graph, which kept its graph, goes too where it can."""
    dropped = [
        (source.file, one)
        for source in scene.sources.values()
        for call in ast.walk(source.tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "backward"
        and (one := source.without_keyword(call, "retain_graph")) is not None
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
        for call in ast.walk(own_node(source, place.node)):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                if call.func.attr == "step":
                    line = f"{source.segment(call.func.value)}.zero_grad()"
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
    calls = [n for n in ast.walk(scene.part) if isinstance(n, ast.Call)] or [
        n for n in ast.walk(scene.statement) if isinstance(n, ast.Call)
    ]
    fix = "go over the last axis: dim=-1"
    for call in calls:
        source = scene.source
        for keyword in call.keywords:
            if keyword.arg in ("dim", "axis"):
                for dim in ("-1", "1", "2", "0"):
                    yield change(
                        "last-axis",
                        fix.replace("-1", dim),
                        source,
                        source.replace(keyword.value, dim),
                    )
        for arg in call.args:
            if isinstance(arg, (ast.Constant, ast.UnaryOp)):
                for dim in ("-1", "1", "2", "0"):
                    yield change(
                        "last-axis", fix.replace("-1", dim), source, source.replace(arg, dim)
                    )
        for spot in scene.constructors(call.func):
            yield from _built_dim(spot)
    for name in ("Softmax", "LogSoftmax", "Softmin"):
        for spot in scene.builds(name):
            yield from _built_dim(spot)
    for call in calls:
        name = class_name(call)
        if name in ("softmax", "log_softmax") and not any(k.arg == "dim" for k in call.keywords):
            yield change(
                "last-axis", fix, scene.source, scene.source.with_argument(call, "dim", "-1", 1)
            )


def _built_dim(spot: Spot) -> Iterator[Candidate | None]:
    built = spot.node
    if not isinstance(built, ast.Call) or class_name(built) not in (
        "Softmax",
        "LogSoftmax",
        "Softmin",
    ):
        return
    given = next(
        (k.value for k in built.keywords if k.arg == "dim"), built.args[0] if built.args else None
    )
    for dim in ("-1", "1", "2"):
        if given is not None:
            yield change(
                "last-axis",
                f"go over the last axis: dim={dim}",
                spot.source,
                spot.source.replace(given, dim),
            )
        else:
            yield change(
                "last-axis",
                f"go over the last axis: dim={dim}",
                spot.source,
                spot.source.with_argument(built, "dim", dim, 0),
            )


@silent("dropout-one-layer")
def dropout(scene: Scene) -> Iterator[Candidate | None]:
    """The dropout that does nothing left out."""
    calls = [n for n in ast.walk(scene.part) if isinstance(n, ast.Call)] or [
        n for n in ast.walk(scene.statement) if isinstance(n, ast.Call)
    ]
    for call in calls:
        if class_name(call) in ("RNN", "LSTM", "GRU"):
            source = scene.source
            yield change(
                "dropout-one-layer",
                "leave dropout out: with one layer it does nothing",
                source,
                source.without_keyword(call, "dropout"),
            )
            for i, arg in enumerate(call.args):
                if i > 2 and isinstance(scene.value(arg), float):
                    yield change(
                        "dropout-one-layer",
                        "without dropout: with one layer it does nothing",
                        source,
                        source.replace(arg, "0.0"),
                    )


@silent("packed-order")
def packed_order(scene: Scene) -> Iterator[Candidate | None]:
    """What was sorted by length meets what was not."""
    source = scene.source
    order = scene.facts.get("order_name")
    names = [order] if isinstance(order, str) else _orders(scene)
    parts = loss_parts(scene)
    fix = "bring both into one order"
    for name in names:
        if parts is not None:
            yield wrap(
                "packed-order",
                fix + f": [{name}]",
                Spot(source, parts[1], scene.last),
                f"@[{name}]",
            )
        for node in ast.walk(scene.statement):
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
                yield wrap(
                    "packed-order",
                    "undo the sorting",
                    Spot(source, node, scene.last),
                    f"@[{name}.argsort()]",
                )
        if (
            isinstance(scene.statement, (ast.Assign, ast.Return))
            and scene.statement.value is not None
        ):
            value = scene.statement.value
            yield wrap(
                "packed-order",
                "undo the sorting",
                Spot(source, value, scene.last),
                f"@[{name}.argsort()]",
            )
        for node in ast.walk(scene.statement):
            if isinstance(node, ast.Name) and isinstance(scene.value(node), Tensor):
                yield wrap("packed-order", fix, Spot(source, node, scene.last), f"@[{name}]")
                yield wrap(
                    "packed-order", fix, Spot(source, node, scene.last), f"@[{name}.argsort()]"
                )
    for call in ast.walk(scene.statement):
        if isinstance(call, ast.Call) and class_name(call) == "pad_packed_sequence":
            fixes = ("batch_first=True, as the layer beside it has",
                     "without batch_first, as the layer beside it is")  # fmt: skip
            yield batch_first_turned("packed-order", fixes, source, call, 1)
    for spot in scene.builds("pack_padded_sequence"):
        built = spot.node
        assert isinstance(built, ast.Call)
        for name in names:
            for node in ast.walk(built):
                if isinstance(node, ast.Subscript) and source.segment(node.slice) == name:
                    yield change(
                        "packed-order",
                        "leave the batch in its order",
                        spot.source,
                        spot.source.replace(node, spot.source.segment(node.value)),
                        spot.source.with_argument(built, "enforce_sorted", "False", 3),
                    )


def _orders(scene: Scene) -> list[str]:
    """Names of the order that a sort or argsort gave, nearest first."""
    found: list[str] = []
    source = scene.source
    for scope in (source.function(scene.statement), source.tree):
        for node in source.within(scope):
            if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
                continue
            kind = class_name(node.value) or (
                node.value.func.attr if isinstance(node.value.func, ast.Attribute) else ""
            )
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
            value = node.value
            if isinstance(value, (ast.List, ast.ListComp, ast.Tuple)):
                text = source.segment(value)
                inner = "" if text == "[]" else text
                yield change(
                    "parameters-hidden", "hold the layers in a ModuleList", source,
                    source.replace(value, f"{prefix}.ModuleList({inner})"),
                )  # fmt: skip


@silent("probabilities-for-scores")
def scores(scene: Scene) -> Iterator[Candidate | None]:
    """The softmax or sigmoid taken away, where the loss and a choice of the best alone read it."""
    event, call = scene.facts["event"], scene.part
    readers = {e.kind.rpartition(".")[2] for e in scene.events
               if any(one is event.result for one in e.inputs)}  # fmt: skip
    if not isinstance(call, ast.Call) or readers - {*DOES_ITSELF, "argmax", "max", "topk"}:
        return
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    method = isinstance(scene.value(owner), Tensor)  # scores.softmax(1), else softmax(scores, 1)
    operand = owner if method else next(iter(call.args), None)
    if operand is not None:
        yield change(
            "probabilities-for-scores", "give the loss the scores", scene.source,
            scene.source.replace(call, scene.source.segment(operand)),
        )  # fmt: skip


@silent("scores-for-probabilities")
def without_probabilities(scene: Scene) -> Iterator[Candidate | None]:
    """The sibling of the loss, which takes scores."""
    fix = "the loss that takes scores"
    siblings = {
        "BCELoss": "BCEWithLogitsLoss", "NLLLoss": "CrossEntropyLoss", "nll_loss": "cross_entropy",
        "binary_cross_entropy": "binary_cross_entropy_with_logits",
    }  # fmt: skip
    losses = [n for n in ast.walk(scene.part) if class_name(n) in siblings]
    for one in (*losses, *(s.node for n in siblings for s in scene.builds(n))):
        if isinstance(one, ast.Call):
            source, path = scene.source, scene.source.segment(one.func).rpartition(".")[0]
            text = f"{path}.{siblings[class_name(one)]}".removeprefix(".")
            yield change("scores-for-probabilities", fix, source, source.replace(one.func, text))
