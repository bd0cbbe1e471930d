"""Mends of states that do not fit: their rows, their batch, their width, their rank."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from ...network.constructor import KINDS, positional_names
from ...programs.record import Event
from ...programs.sizes import Size
from ...programs.tensor import Tensor
from ...programs.values import Packed
from ..edits import Change, Source, dotted
from .maker import Candidate, change, put, raised, wrap
from .place import LAYERS, Scene, Spot, calls_in, class_name, key_of, keywords_of, methods_in

FACTORIES = ("zeros", "randn", "ones", "rand", "empty", "new_zeros", "new_ones", "normal", "full")
_CELL_OF = {kind.class_name: cell for cell, kind in KINDS.items()}


def position(kind: str, name: str) -> int | None:
    """The place of a constructor's argument where it stands without a name."""
    cell = _CELL_OF.get(kind)
    if cell is None:
        return 0
    order = positional_names(cell)
    return order.index(name) if name in order else None


def state_argument(scene: Scene) -> ast.expr | None:
    """The state as the failing call of a layer is given it."""
    call = scene.call
    if call is None:
        return None
    return next(iter([*keywords_of(call, "hx", "h0", "hidden", "state"), *call.args[1:]]), None)


def state_value(scene: Scene) -> object:
    """What the state came to."""
    value = scene.value(state_argument(scene))
    return scene.argument if value is None else value


def batch_first_toggled(
    scene: Scene, callee: ast.expr, frame: int | None = None
) -> Iterator[Candidate | None]:
    """The layer built for the other order of axes."""
    name = "batch-first-confusion"
    with_it = "build the layer with batch_first=True: the input is (N, T, features)"
    without = "build the layer without batch_first: the input is (T, N, features)"
    event = scene.facts.get("event")  # of a layer that has none, no other one loses its own
    own = getattr(event.function, "_attributes", {}).get("_spec") if event else None
    for spot in scene.constructors(callee, frame):
        source, node, kind = spot.source, spot.node, class_name(spot.node)
        if kind not in LAYERS or not isinstance(node, ast.Call):
            continue
        given = next(iter(keywords_of(node, "batch_first")), None)
        if given is None or (isinstance(given, ast.Constant) and given.value is not True):
            place = position(kind, "batch_first")
            added = source.with_argument(node, "batch_first", "True", place)
            yield change(name, with_it, source, added)
        elif isinstance(given, ast.Constant) and getattr(own, "batch_first", True):
            yield change(name, without, source, source.without_keyword(node, "batch_first"))


def input_size_text(scene: Scene, axis: int) -> str | None:
    """`x.size(0)`: the batch of the failing call, as code."""
    call = scene.call
    if call is None or not call.args:
        return None
    node = call.args[0]
    if isinstance(node, (ast.Name, ast.Attribute)):
        return f"{scene.source.segment(node)}.size({axis})"
    value = scene.value(node)
    if isinstance(value, Tensor) and value.rank > axis and not isinstance(value.shape[axis], Size):
        return str(int(value.shape[axis]))
    return f"{scene.source.operand(node)}.size({axis})"


def on_states(
    scene: Scene, name: str, fix: str, form: str, which: Sequence[int] = (0, 1)
) -> Iterator[Candidate | None]:
    """`form` of the state, or of the parts of a pair, where the call is given it."""
    node = state_argument(scene)
    if node is None:
        return
    source = scene.source
    if isinstance(node, ast.Tuple):
        given = [one for i, one in enumerate(node.elts) if i in which]
        yield change(name, fix, source, *(source.wrapped(one, form) for one in given))
        yield from _where_made(scene, name, fix, form, given)
        return
    value = state_value(scene)
    if isinstance(value, (tuple, list)):
        if len(which) == 2:
            one = form.replace("@", "s")
            yield wrap(name, fix, scene.spot(node), f"tuple({one} for s in @)")
        else:
            parts = [form.replace("@", f"@[{i}]") if i in which else f"@[{i}]" for i in range(2)]
            yield wrap(name, fix, scene.spot(node), f"({', '.join(parts)})")
    else:
        yield wrap(name, fix, scene.spot(node), form)
        yield from _where_made(scene, name, fix, form, [node])


def _where_made(
    scene: Scene, name: str, fix: str, form: str, nodes: Sequence[ast.expr]
) -> Iterator[Candidate | None]:
    """`form` of the state where other functions hand it on: a loop would meet its own result."""
    lists = [[s for s in scene.spots(node) if s.index is None and s.frame < 0] for node in nodes]
    for spots in list(zip(*lists))[:3]:
        changes = [(s.source.file, s.source.wrapped(s.node, form)) for s in spots]
        yield Candidate(name, fix, tuple(dict.fromkeys(changes)))


def state_spots(scene: Scene) -> list[Spot]:
    """Where the state, or the parts of a pair, come from."""
    node = state_argument(scene)
    if node is None:
        return []
    nodes = node.elts if isinstance(node, ast.Tuple) else [node]
    found: list[Spot] = []
    for one in nodes:
        for spot in scene.spots(one):
            found.append(spot)
            if isinstance(spot.node, ast.Tuple) and spot.index is None:
                for part in spot.node.elts:
                    found += scene._spots(Spot(spot.source, part, spot.frame), 4, set())
    unique: dict[int, Spot] = {id(s.node): s for s in found}
    return list(unique.values())


def factories(scene: Scene, rank: int = 3) -> list[tuple[Spot, list[ast.expr]]]:
    """The calls such as torch.zeros(rows, batch, width) that make the state, and their sizes."""
    found = {}
    for spot in state_spots(scene):
        for node in calls_in(spot.node, *FACTORIES):
            sizes = sizes_of(node)
            if len(sizes) == rank:
                found[node] = Spot(spot.source, node, spot.frame), sizes
    return list(found.values())


def sizes_of(call: ast.Call) -> list[ast.expr]:
    """The sizes that a factory is called with."""
    args = call.args
    if len(args) == 1 and isinstance(args[0], (ast.Tuple, ast.List)):
        return list(args[0].elts)
    size = next(iter(keywords_of(call, "size")), None)
    if size is not None and isinstance(size, (ast.Tuple, ast.List)):
        return list(size.elts)
    return [a for a in args if not isinstance(a, ast.Starred)]


def resized(
    scene: Scene, name: str, fix: str, axis: int, texts: Sequence[str], from_end: bool = False
) -> Iterator[Candidate | None]:
    """The factories of the state with another size on one axis: each of `texts` tried."""
    made = factories(scene)
    for text in texts:
        by_file = [(s.source.file, s.source.replace(sizes[axis], text)) for s, sizes in made]
        if by_file:
            yield Candidate(name, fix, tuple(dict.fromkeys(by_file)))
        if len(by_file) > 1:
            yield Candidate(name, fix, tuple(by_file[:1]))


def scaled_texts(source: Source, node: ast.expr, have: int, want: int) -> list[str]:
    """An expression that came to `have`, written so that it comes to `want`."""
    text = source.segment(node)
    literal = isinstance(node, ast.Constant)
    simple = isinstance(node, (ast.Name, ast.Attribute, ast.Call, ast.Subscript))
    found = []
    if not literal and have and int(want) % int(have) == 0:
        k = int(want) // int(have)
        found.append(f"{text} * {k}" if simple else f"({text}) * {k}")
    if not literal and want and int(have) % int(want) == 0:
        k = int(have) // int(want)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            for one, other in ((node.left, node.right), (node.right, node.left)):
                if isinstance(one, ast.Constant) and one.value == k:
                    found.append(source.segment(other))
        found.append(f"{text} // {k}" if simple else f"({text}) // {k}")
    if not isinstance(want, Size):
        found.append(str(int(want)))
    elif str(want).isidentifier():
        found.append(str(want))
    return found


def _scaled(
    name: str,
    fix: str,
    made: Sequence[tuple[Spot, list[ast.expr]]],
    axis: int,
    have: int,
    want: int,
) -> Iterator[Candidate]:
    """All factories with another size on one axis, each way of writing it in turn."""
    options = [scaled_texts(s.source, z[axis], have, want) for s, z in made]
    for i in range(max(map(len, options), default=0)):
        changes = (
            (s.source.file, s.source.replace(z[axis], texts[min(i, len(texts) - 1)]))
            for (s, z), texts in zip(made, options)
        )
        yield Candidate(name, fix, tuple(changes))


@raised(
    r"RuntimeError: Expected hidden(\[\d\])? size|RuntimeError: .*hidden.* size|start \(0\) \+ length|"
    r"has inconsistent hidden_size"
)
def state_shape(scene: Scene) -> Iterator[Candidate | None]:
    """(rows, batch, width) where the layer wants another."""
    call, spec = scene.call, scene.spec
    expected = scene.wants.get("state")
    x = scene.shape(call.args[0]) if call is not None and call.args else None
    if not expected and spec is not None and spec.single and x and len(x) == 2:
        expected = [(x[0], spec.hidden_size)]
    if call is None or not expected:
        return
    got = _shapes(scene.argument)
    if not got:
        return
    want, have = expected[0], got[0]
    which: tuple[int, ...] = (0, 1)
    if tuple(want) == tuple(have) and len(got) > 1 and len(expected) > 1:
        want, have, which = expected[1], got[1], (1,)
    elif len(got) > 1 and len(expected) > 1 and tuple(got[1]) == tuple(expected[1]):
        which = (0,)
    if len(want) != 3:
        yield from _cell_state(scene, want, have)
        return
    first = bool(getattr(spec, "batch_first", False))
    rows, batch, width = (int(w) for w in want)
    if len(have) == 2:
        yield from _two_axes(scene, want, have, which)
        return
    if len(have) != 3:
        return
    differs = [int(a) != int(b) for a, b in zip(want, have)]
    yield from _outputs(scene, want, have, first, which)
    size = input_size_text(scene, 0 if first else 1)
    swapped = x is not None and len(x) == 3 and int(x[1 if first else 0]) == int(have[1])
    if [int(n) for n in have] == [batch, rows, width]:
        fix = "give the state as (D·L, N, H): batch_first does not concern it"
        yield from undone(scene, "batch-first-confusion", fix, ("transpose", "permute", "swapaxes"))
        swaps = [
            [(s.source.file, s.source.replace(z[i], s.source.segment(z[1 - i]))) for i in (0, 1)]
            for s, z in factories(scene)
        ]  # fmt: skip
        for each in (*swaps, [one for both in swaps for one in both]):
            if each:
                yield Candidate("batch-first-confusion", fix, tuple(each))
        form = "@.transpose(0, 1).contiguous()"
        yield from on_states(scene, "batch-first-confusion", fix, form, which)
    if differs == [False, True, False]:
        if swapped:
            yield from batch_first_toggled(scene, call.func)
            order = "(N, T, features)" if first else "(T, N, features)"
            fix = f"give the layer {order}"
            yield wrap("batch-first-confusion", fix, scene.spot(call.args[0]), "@.transpose(0, 1)")
        yield from _batch(scene, have, size, which)
        if not swapped:
            yield from batch_first_toggled(scene, call.func)
    if differs[0] and not differs[2]:
        yield from _rows(scene, want, have, spec, which, differs[1], size)
    if differs[2] and not differs[1]:
        yield from _width(scene, want, have, spec, which)
    if sum(differs) > 1 and size:
        made = factories(scene)
        if made:
            new = enumerate((str(rows), size, str(width)))
            changes = [
                (s.source.file, s.source.replace(z[i], text))
                for i, text in new for s, z in made
                if differs[i] and (i != 1 or s.frame == scene.last)
            ]  # fmt: skip
            fix = "make the state of the shape that the call needs"
            yield Candidate("state-shape", fix, tuple(changes))


def _shapes(value: object) -> list[tuple[int, ...]]:
    if isinstance(value, Tensor):
        return [tuple(value.shape)]
    if isinstance(value, (tuple, list)):
        return [tuple(one.shape) for one in value if isinstance(one, Tensor)]
    return []


def undone(scene: Scene, name: str, fix: str, methods: Sequence[str]) -> Iterator[Candidate | None]:
    """A method of these names taken away where the state is made."""
    for spot in state_spots(scene):
        for node, owner in methods_in(spot.node, *methods):
            inner = spot.source.segment(owner)
            yield put(name, fix, spot.source, node, f"{inner}.contiguous()")
            yield put(name, fix, spot.source, node, inner)


def _batch(
    scene: Scene, have: Sequence[int], size: str | None, which: Sequence[int]
) -> Iterator[Candidate | None]:
    """A state of another batch."""
    name, fix = "last-batch-smaller", "give each call a state of its own batch size"
    node = state_argument(scene)
    if node is None or size is None:
        return
    source = scene.source
    value = state_value(scene)
    carried = _carried(scene, node)
    if carried is not None:
        text = source.segment(node)
        part = f"{text}[0]" if isinstance(value, (tuple, list)) else text
        none = any(getattr(s.node, "value", "") is None for s in scene.spots(node))
        guard = f"{text} is not None and " if none else ""
        form = f"{text} if {guard}{part}.size(1) == {size} else None"
        yield wrap(name, "begin anew where the batch has another size", scene.spot(node), form)
    here = factories(scene)
    if here and all(s.frame == scene.last for s, _ in here):
        changes = ((s.source.file, s.source.replace(z[1], size)) for s, z in here)
        yield Candidate(name, fix, tuple(changes))
    for spot in state_spots(scene):
        # a function that makes the state is passed the batch size
        made = spot.node
        if isinstance(made, ast.Call) and spot.frame == scene.last and len(made.args) == 1:
            if class_name(made) not in FACTORIES:
                yield put(name, fix, spot.source, made.args[0], size)
    if int(have[1]) == 1:
        yield from on_states(scene, name, fix, f"@.expand(-1, {size}, -1).contiguous()", which)
    yield from on_states(scene, name, fix, f"@[:, :{size}].contiguous()", which)
    yield from on_states(scene, name, fix, f"@.new_zeros(@.size(0), {size}, @.size(2))", which)


def _carried(scene: Scene, node: ast.expr) -> ast.stmt | None:
    """The statement in which the call's own result takes the state's place."""
    statement = scene.statement
    if not isinstance(statement, ast.Assign) or not isinstance(node, (ast.Name, ast.Attribute)):
        return None
    targets = {dotted(one) for target in statement.targets for one in ast.walk(target)}
    return statement if dotted(node) in targets else None


def _rows(
    scene: Scene,
    want: Sequence[int],
    have: Sequence[int],
    spec: object,
    which: Sequence[int],
    also_batch: bool,
    size: str | None,
) -> Iterator[Candidate | None]:
    """Another number of layers × directions."""
    need, rows = int(want[0]), int(have[0])
    both = bool(getattr(spec, "bidirectional", False))
    first = _first(state_value(scene))
    from_layer = from_recurrent(scene, first)
    if need == 2 * rows and both:
        name = "missing-direction"
        fix = "make a row of the state for each direction: num_layers * 2"
    elif rows == 2 * need and not both:
        name, fix = "missing-direction", "make one row of the state for each layer"
    else:
        name, fix = "wrong-num-layers", "make as many rows as the layer has layers and directions"
    if from_layer is not None:
        yield from _every_layer(scene, need)
        bridge = "encoder-decoder-bridge"
        if from_layer.spec.bidirectional and rows == 2 * need:
            fix = "add the two directions of each layer"
            form = f"@.view({need}, 2, *@.shape[1:]).sum(1)"
            yield from on_states(scene, bridge, fix, form, which)
        if rows > need:
            fix = "give the decoder the rows of the top layers"
            yield from on_states(scene, bridge, fix, f"@[-{need}:]", which)
        if rows and need % rows == 0:
            fix = "give each of the decoder's layers the encoder's state"
            yield from on_states(scene, bridge, fix, f"@.repeat({need // rows}, 1, 1)", which)
        return
    made = factories(scene)
    yield from _layers(scene, [z[0] for _, z in made], rows, both)
    if made and not also_batch:
        yield from _scaled(name, fix, made, 0, rows, need)
    elif made and size:
        changes = [
            (s.source.file, s.source.replace(z[i], text))
            for s, z in made for i, text in ((0, str(need)), (1, size))
            if i == 0 or s.frame == scene.last
        ]  # fmt: skip
        yield Candidate(name, fix, tuple(changes))
    if rows and need % rows == 0:
        yield from on_states(scene, name, fix, f"@.repeat({need // rows}, 1, 1)", which)
    if rows > need:
        fix = "keep the rows of the top layers"
        yield from on_states(scene, name, fix, f"@[-{need}:].contiguous()", which)


def _every_layer(scene: Scene, need: int) -> Iterator[Candidate | None]:
    """hn[0:1] and hn[1:2], the two directions of layer 0, as those of every layer."""
    changes = []
    for spot in state_spots(scene):
        for node in ast.walk(spot.node):
            text = ast.unparse(node.slice) if isinstance(node, ast.Subscript) else ""
            if text not in ("0:1", ":1", "1:2") or not isinstance(node, ast.Subscript):
                continue
            hn = scene.value(node.value, spot.frame) if spot.frame >= 0 else None
            made = scene._results.get(key_of(spot.source.file, node))
            event = from_recurrent(scene, made if hn is None else hn)
            spec = event.spec if event else None
            if spec is not None and spec.bidirectional and int(spec.num_layers) == need > 1:
                every = "1::2" if text == "1:2" else "0::2"
                changes.append((spot.source.file, spot.source.replace(node.slice, every)))
    if changes:
        fix = "join the two directions of every layer, not of the first alone"
        yield Candidate("encoder-decoder-bridge", fix, tuple(dict.fromkeys(changes)))


def _layers(
    scene: Scene, sizes: Sequence[ast.expr], rows: int, both: bool
) -> Iterator[Candidate | None]:
    """The layers that the state is named for, where the layer was not told of them."""
    call = scene.call
    names = {ast.unparse(n) for n in sizes if isinstance(n, (ast.Name, ast.Attribute))}
    if call is None or len(names) != 1 or both:
        return
    for spot in scene.constructors(call.func):
        kind, node = class_name(spot.node), spot.node
        place = position(kind, "num_layers")
        if kind not in _CELL_OF or not isinstance(node, ast.Call) or not place:
            continue
        if len(node.args) <= place and all(k.arg != "num_layers" for k in node.keywords):
            fix = "build the layer with as many layers as the state has rows"
            for text in (*names, str(rows)):
                more = spot.source.with_argument(node, "num_layers", text, place)
                yield change("wrong-num-layers", fix, spot.source, more)


def from_recurrent(scene: Scene, value: object) -> Event | None:
    """The call of a layer that the state was made by, at most some moves away."""
    event = scene.recurrent(value)
    if event is not None:
        return event
    for _ in range(6):
        made = scene.made_by(value)
        if made is None or not made.inputs:
            return None
        value = made.inputs[0]
        if (found := scene.recurrent(value)) is not None:
            return found
    return None


def _width(
    scene: Scene, want: Sequence[int], have: Sequence[int], spec: object, which: Sequence[int]
) -> Iterator[Candidate | None]:
    """Another width; twice the width is both directions side by side."""
    need, width, rows = int(want[2]), int(have[2]), int(have[0])
    projected = bool(getattr(spec, "proj_size", 0))
    if projected:
        fix = "h is proj_size wide, c is hidden_size wide"
        for index in which:
            for spot, sizes in _factories_of(scene, index):
                yield put("proj-size", fix, spot.source, sizes[2], str(want[2]))
        yield from on_states(scene, "proj-size", fix, f"@.new_zeros(*@.shape[:2], {need})", which)
        return
    if width == 2 * need:
        event = from_recurrent(scene, _first(state_value(scene)))
        if event is not None:
            name = "encoder-decoder-bridge"
            if int(want[0]) == rows:
                yield from _narrowed(scene, name)
                form = f"(@[..., :{need}] + @[..., {need}:])"
                yield from on_states(scene, name, "add the two directions", form, which)
    if int(want[0]) == rows:
        made = factories(scene)
        fix = "make the state as wide as the layer's hidden_size"
        yield from _scaled("hidden-size", fix, made, 2, width, want[2])
    elif rows == 2 * int(want[0]) and need == 2 * width:
        fix = "put the two directions of each layer side by side"
        form = "torch.cat([@[0::2], @[1::2]], dim=2)"
        yield from on_states(scene, "encoder-decoder-bridge", fix, form, which)


def _narrowed(scene: Scene, name: str) -> Iterator[Candidate | None]:
    """torch.cat of two directions becomes their sum, where the state is made."""
    changes = []
    for spot in state_spots(scene):
        for node in calls_in(spot.node, "cat", "concat"):
            parts = node.args[0] if node.args else None
            if isinstance(parts, (ast.Tuple, ast.List)) and len(parts.elts) == 2:
                text = " + ".join(spot.source.segment(p) for p in parts.elts)
                changes.append((spot.source.file, spot.source.replace(node, f"({text})")))
    if changes:
        yield Candidate(name, "add the two directions", tuple(dict.fromkeys(changes)))


def _first(value: object) -> object:
    return value[0] if isinstance(value, (tuple, list)) and value else value


def _factories_of(scene: Scene, index: int) -> list[tuple[Spot, list[ast.expr]]]:
    """The factories of h (0) or of c (1) alone."""
    node = state_argument(scene)
    if isinstance(node, ast.Tuple):
        spots = scene.spots(node.elts[index])
    else:
        spots = [
            Spot(spot.source, spot.node.elts[index], spot.frame)
            for spot in (scene.spots(node) if node is not None else ())
            if isinstance(spot.node, ast.Tuple) and len(spot.node.elts) == 2
        ]
    return [
        (spot, sizes_of(spot.node)) for spot in spots
        if isinstance(spot.node, ast.Call) and class_name(spot.node) in FACTORIES
        and len(sizes_of(spot.node)) == 3
    ]  # fmt: skip


def _two_axes(
    scene: Scene, want: Sequence[int], have: Sequence[int], which: Sequence[int]
) -> Iterator[Candidate | None]:
    fix = "give the state the axis that it lacks: (D·L, N, H)"
    for form in ("@.unsqueeze(0)", "@.unsqueeze(1)"):
        yield from on_states(scene, "unbatched-rank", fix, form, which)
    rows = int(want[0])
    if rows > 1:
        form = f"@.unsqueeze(0).repeat({rows}, 1, 1)"
        yield from on_states(scene, "unbatched-rank", fix, form, which)


def _cell_state(
    scene: Scene, want: Sequence[int], have: Sequence[int]
) -> Iterator[Candidate | None]:
    fix = "give the cell a state of (N, H)"
    own_batch = "give each call a state of its own batch size"
    if len(have) == 3:
        for form in ("@[-1]", "@[0]", "@.squeeze(0)"):
            yield from on_states(scene, "unbatched-rank", fix, form)
    else:
        made = factories(scene, 2)
        size = input_size_text(scene, 0)
        if made and len(have) == len(want) == 2:
            if int(have[1]) != int(want[1]):
                name, fix = "hidden-size", "make the state as wide as the cell's hidden_size"
                yield from _scaled(name, fix, made, 1, int(have[1]), want[1])
            elif size and all(s.frame == scene.last for s, _ in made):
                changes = ((s.source.file, s.source.replace(z[0], size)) for s, z in made)
                yield Candidate("last-batch-smaller", own_batch, tuple(changes))
        if size and len(have) == len(want) == 2 and int(have[0]) != int(want[0]):
            yield from on_states(scene, "last-batch-smaller", own_batch, f"@[:{size}]")


def _outputs(
    scene: Scene, want: Sequence[int], have: Sequence[int], first: bool, which: Sequence[int]
) -> Iterator[Candidate | None]:
    """A layer's outputs given as a state: hn, its second result, is what was meant."""
    node, value = state_argument(scene), state_value(scene)
    event = scene.recurrent(value)
    if event is None or not isinstance(event.result, tuple) or value is not event.result[0]:
        return
    if not isinstance(node, ast.Name):
        return
    fix = "pass hn, the second result of the layer, not its outputs"
    for spot in scene.spots(node):
        statement = spot.statement
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Tuple):
            second = statement.targets[0].elts[1]
            if isinstance(second, ast.Name) and second.id != "_":
                yield put("outputs-as-state", fix, scene.source, node, second.id)


@raised(
    r"should also be [23]-D but got",
    r"RuntimeError: .*(hx|cx|hidden).* (also be|to be) \dD?",
    r"(ValueError|RuntimeError): .*Expected (hidden|hx).* to be 1-?D or 2-?D",
)
def state_rank(scene: Scene) -> Iterator[Candidate | None]:
    """The state has a batch axis and the input has none, or the other way round."""
    call = scene.call
    if call is None or not call.args:
        return
    spec = scene.spec
    if getattr(spec, "has_cell_state", False) and isinstance(state_value(scene), Tensor):
        yield from one_tensor(scene)
    x = scene.value(call.args[0])
    state = _first(state_value(scene))
    first = bool(getattr(spec, "batch_first", False))
    ranks = [v.rank if isinstance(v, Tensor) else None for v in (x, state)]
    if ranks == [2, 3] and spec and spec.input_size == 1 != int(x.shape[-1]):
        fix = "give the single feature an axis of its own: .unsqueeze(-1)"
        yield wrap("unbatched-rank", fix, scene.spot(call.args[0]), "@.unsqueeze(-1)")
    elif ranks == [2, 3]:
        axes = [0, 1] if first else [1, 0]
        for axis in axes:
            spots = scene.spots(call.args[0])
            names = [s for s in spots if isinstance(s.node, (ast.Name, ast.Attribute))]
            what = "batch axis" if axis == axes[0] else "axis of one step"
            fix = f"give the input its {what}: .unsqueeze({axis})"
            for spot in [*reversed(names), *(s for s in spots if s not in names)]:
                yield wrap("unbatched-rank", fix, spot, f"@.unsqueeze({axis})")
        fix = "the state of one sequence is (D·L, H)"
        yield from on_states(scene, "unbatched-rank", fix, "@.squeeze(1)")
    elif ranks == [3, 2]:
        fix = "give the state its axis of layers: (D·L, N, H)"
        rows = int(spec.num_layers * spec.num_directions) if spec else 1
        grown = "@.unsqueeze(0)" if rows == 1 else f"@.unsqueeze(0).repeat({rows}, 1, 1)"
        every = []
        for spot, sizes in factories(scene, 2):
            start = spot.source.span(sizes[0])[0]
            every.append((spot.source.file, Change(start, start, f"{rows}, ")))
        for changes in (*([one] for one in every), every):
            yield Candidate("unbatched-rank", fix, tuple(changes)) if changes else None
        yield from on_states(scene, "unbatched-rank", fix, grown)
    elif ranks == [3, 4]:
        fix = "the state has three axes, (D·L, N, H)"
        for spot in state_spots(scene):
            statement = spot.statement
            if isinstance(spot.node, ast.Call) and class_name(spot.node) == "unsqueeze":
                inner = spot.node.func.value if isinstance(spot.node.func, ast.Attribute) else None
                if isinstance(statement, ast.Assign) and statement.value is spot.node and inner:
                    yield put("unbatched-rank", fix, spot.source, spot.node, spot.source.segment(inner))  # fmt: skip
        yield from on_states(scene, "unbatched-rank", fix, "@.squeeze(0)")
    elif getattr(spec, "single", False):
        for form in ("@[-1]", "@.squeeze(0)", "@[0]"):
            yield from on_states(scene, "unbatched-rank", "give the cell a state of (N, H)", form)


@raised(
    r"IndexError: index 1 is out of bounds for dimension 0 with size 1",
    r"hidden.*(Tuple|tuple)",
    r"not enough values to unpack|too many values to unpack",
    r"hx and cx should|LSTMCell: Expected hx|'hx' .* must be tuple of Tensors, not Tensor",
)
def one_tensor(scene: Scene) -> Iterator[Candidate | None]:
    """An LSTM that was given h0 alone."""
    spec = scene.spec
    if not getattr(spec, "has_cell_state", False):
        return
    node = state_argument(scene)
    if node is None or isinstance(node, ast.Tuple):
        return
    name, fix = "lstm-needs-pair", "give the LSTM its state as a pair, (h0, c0)"
    spots = scene.spots(node)
    made = [s for s in spots if isinstance(s.node, ast.Call) and class_name(s.node) in FACTORIES]
    for spot in made:
        text = spot.source.segment(spot.node)
        form = f"{text}, {text}" if isinstance(spot.statement, ast.Return) else f"({text}, {text})"
        yield put(name, fix, spot.source, spot.node, form)
    yield wrap(name, fix, spots[0], "(@, torch.zeros_like(@))")
    for spot in spots[1:]:
        if spot.frame >= 0:
            yield wrap(name, fix, spot, "(@, torch.zeros_like(@))")


@raised(r"'tuple' object has no attribute|must be Tensor, not tuple")
def state_made_a_pair(scene: Scene) -> Iterator[Candidate | None]:
    """tuple(part.data for part in h) of a layer whose state is one tensor."""
    spec = scene.spec
    if spec is None or spec.has_cell_state:
        return
    for spot in state_spots(scene):
        node = spot.node
        made = isinstance(node, ast.Call) and class_name(node) == "tuple"
        parts = node.args[0] if isinstance(node, ast.Call) and made and node.args else None
        if not isinstance(parts, (ast.ListComp, ast.GeneratorExp)) or len(parts.generators) != 1:
            continue
        each, whole = parts.generators[0].target, spot.source.segment(parts.generators[0].iter)
        text = spot.source.segment(parts.elt)
        if isinstance(each, ast.Name) and text.startswith(f"{each.id}."):
            yield put("tuple-passed-on", "the state of this layer is one tensor", spot.source, node, whole + text[len(each.id) :])  # fmt: skip


@raised(r"forward\(\) takes .* positional arguments? but 4 were given")
def state_in_parts(scene: Scene) -> Iterator[Candidate | None]:
    """lstm(x, h0, c0): the pair is one argument; a GRU has no c0."""
    call, spec = scene.call, scene.spec
    if call is None or spec is None or len(call.args) != 3:
        return
    source, (_, h, c) = scene.source, call.args
    start, end = source.span(h)[0], source.span(c)[1]
    if spec.has_cell_state:
        text = f"({source.text[start:end]})"
        name, fix = "lstm-needs-pair", "give the LSTM its state as a pair, (h0, c0)"
    else:
        text = source.segment(h)
        name, fix = "tuple-passed-on", "this layer has h alone"
    yield change(name, fix, source, Change(start, end, text))


@raised(r"The size of tensor a|INDICES element is out of|index_select|Expected more hidden states")
def packed_state(scene: Scene) -> Iterator[Candidate | None]:
    """A packed batch and a state of another batch: torch finds it in the first product."""
    spec, value = scene.spec, _first(state_value(scene))
    if spec is None or not isinstance(value, Tensor):
        return
    call = scene.call
    packed = scene.value(call.args[0]) if call is not None and call.args else None
    if isinstance(packed, Packed):
        assert call is not None
        size = f"{scene.source.operand(call.args[0])}.batch_sizes[0]"
        need, rows = int(spec.num_layers * spec.num_directions), int(value.shape[0])
        if value.rank == 3 and rows != need:
            want = (need, packed.batch_size, value.shape[2])
            yield from _rows(scene, want, value.shape, spec, (0, 1), False, size)
        yield from _batch(scene, value.shape, size, (0, 1))


@raised(r"is not contiguous")
def not_contiguous(scene: Scene) -> Iterator[Candidate | None]:
    """cuDNN wants the state in one piece."""
    fix = "call .contiguous() on the state"
    yield from on_states(scene, "not-contiguous", fix, "@.contiguous()")
