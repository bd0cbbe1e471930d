"""A place of a followed program, and where a value that stands there comes from."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

from ...network.spec import Spec
from ...programs.record import Event
from ...programs.tensor import Tensor
from ...programs.values import Instance
from ..edits import Source, dotted

LAYERS = ("RNN", "LSTM", "GRU")
CELLS = ("RNNCell", "LSTMCell", "GRUCell")
DEEPEST = 6
SAME = ("to", "cuda", "cpu", "float", "detach", "clone", "contiguous", "requires_grad_", "zero_")
WIDTHS = {  # the argument of a module that says how wide its input is
    "Linear": "in_features",
    "LayerNorm": "normalized_shape",
    "BatchNorm1d": "num_features",
    "Conv1d": "in_channels",
    "RNN": "input_size",
    "LSTM": "input_size",
    "GRU": "input_size",
    "RNNCell": "input_size",
    "LSTMCell": "input_size",
    "GRUCell": "input_size",
    "GroupNorm": "num_channels",
    "InstanceNorm1d": "num_features",
    "LazyLinear": "",
}


@dataclass(frozen=True)
class Spot:
    """An expression that gives a value: `index` of its elements, where it gives several.

    frame: the number of the frame whose names it reads, -1 where it is none of the stack.
    """

    source: Source
    node: ast.expr
    frame: int
    index: int | None = None

    @property
    def statement(self) -> ast.stmt:
        """The statement around it."""
        return self.source.statement(self.node)


class Frame(NamedTuple):
    """A function of the program that was running, the node that it had come to, its names."""

    source: Source
    node: ast.AST
    names: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Scene:
    """What the makers of mends look at: a place, the calls around it and all that happened.

    message: what torch says there ("" of a silent mistake); argument: the value at fault; sizes:
    pairs that would have to be equal.
    """

    sources: Mapping[str, Source]
    frames: Sequence[Frame]
    part: ast.AST
    events: Sequence[Event]
    type: str = ""
    message: str = ""
    argument: Any = None
    sizes: Sequence[tuple[int, int]] = ()
    wants: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def last(self) -> int:
        """The number of the innermost frame."""
        return len(self.frames) - 1

    @property
    def source(self) -> Source:
        """The file of the place."""
        return self.frames[-1].source

    @cached_property
    def call(self) -> ast.Call | None:
        """The call that fails: that of the innermost frame, or the one around the part at fault."""
        at = self.frames[-1].node
        if isinstance(at, ast.Call) and any(self.part is one for one in ast.walk(at)):
            return at
        node: ast.AST | None = self.part
        while node is not None and not isinstance(node, ast.stmt):
            if isinstance(node, ast.Call):
                return node
            node = self.source.parents.get(node)
        return at if isinstance(at, ast.Call) else None

    @cached_property
    def spec(self) -> Spec | None:
        """The recurrent layer that the call runs, as it was built; None where it runs another."""
        value = self.value(self.call.func) if self.call else None
        return value._attributes.get("_spec") if isinstance(value, Instance) else None

    @property
    def statement(self) -> ast.stmt:
        """The statement of the place."""
        return self.source.statement(self.part)

    # ------------------------------------------------------------------------------------- values

    @cached_property
    def _results(self) -> dict[tuple[str, int, int, int, int], Any]:
        return {key_of(e.place.file, e.place.node): e.result for e in self.events}

    def event_at(self, source: Source, node: ast.AST) -> Event | None:
        """What a call did when it last ran."""
        key = key_of(source.file, node)
        return next(
            (e for e in reversed(self.events) if key_of(e.place.file, e.place.node) == key), None
        )

    def call_of(self, event: Event) -> tuple[Source, ast.Call] | None:
        """The call of an event, and its file."""
        source = self.sources.get(event.place.file)
        node = own_node(source, event.place.node) if source is not None else None
        return (source, node) if source is not None and isinstance(node, ast.Call) else None

    def value(self, node: ast.AST | None, frame: int | None = None) -> Any:
        """What an expression came to, when it was last read; None where that is not known."""
        frame = self.last if frame is None else frame
        if frame < 0 or node is None:
            return None
        names = self.frames[frame].names
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return names.get(node.id)
        if isinstance(node, ast.Attribute):
            owner = self.value(node.value, frame)
            if isinstance(owner, Instance):
                try:
                    return getattr(owner, node.attr)
                except AttributeError:
                    return None
            return None
        if isinstance(node, (ast.Tuple, ast.List)):
            return tuple(self.value(one, frame) for one in node.elts)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            inner = self.value(node.operand, frame)
            return -inner if isinstance(inner, (int, float)) else None
        return self._results.get(key_of(self.frames[frame].source.file, node))

    def shape(self, node: ast.AST | None, frame: int | None = None) -> tuple[int, ...] | None:
        """The shape of a tensor that an expression gave."""
        value = self.value(node, frame)
        return tuple(value.shape) if isinstance(value, Tensor) else None

    def made_by(self, value: Any) -> Event | None:
        """The call whose result, or part of it, a value is."""
        for event in reversed(self.events):
            result = event.result
            if not event.kind:
                continue  # one of the program's own functions, which passes it on
            if result is value:
                return event
            if isinstance(result, tuple) and any(
                one is value or (isinstance(one, tuple) and any(o is value for o in one))
                for one in result
            ):
                return event
        return None

    def recurrent(self, value: Any) -> Event | None:
        """The call of a recurrent layer that a value is a result of, unchanged."""
        for event in reversed(self.events):
            if is_recurrent(event) and isinstance(event.result, tuple):
                out, state = event.result[0], event.result[1]
                parts = state if isinstance(state, tuple) else ()
                if any(value is one for one in (event.result, out, state, *parts)):
                    return event
        return None

    # -------------------------------------------------------------------- where values come from

    def spot(self, node: ast.expr) -> Spot:
        """An expression of the failing line."""
        return Spot(self.source, node, self.last)

    def spots(self, node: ast.expr, frame: int | None = None, deep: int = DEEPEST) -> list[Spot]:
        """The expression itself, then what its value was assigned or passed from, outwards."""
        frame = self.last if frame is None else frame
        source = self.frames[frame].source if frame >= 0 else self.source
        return list(self._spots(Spot(source, node, frame), deep, set()))

    def _spots(self, spot: Spot, deep: int, seen: set[ast.AST]) -> Iterator[Spot]:
        if spot.node in seen:
            return
        seen.add(spot.node)
        yield spot
        if deep <= 0:
            return
        for origin in self._origins(spot):
            yield from self._spots(origin, deep - 1, seen)

    def _origins(self, spot: Spot) -> Iterator[Spot]:
        source, node, frame, index = spot.source, spot.node, spot.frame, spot.index
        if isinstance(node, ast.Starred):
            yield replace(spot, node=node.value)
        elif isinstance(node, ast.Tuple) and index is not None and index < len(node.elts):
            yield Spot(source, node.elts[index], frame)
        elif isinstance(node, ast.Name):
            found = list(assigned(source, node))
            if not any(source.statement(v).lineno < node.lineno for v, _ in found):
                yield from self._passed(source, node, frame)
            for value, place in found:
                yield Spot(source, value, frame, place)
        elif isinstance(node, ast.Attribute):
            owner = self.value(node.value, frame) if frame >= 0 else None
            name = owner._cls.__name__ if isinstance(owner, Instance) else ""
            for other in self.sources.values():
                for value in appended(other, node.attr):
                    yield Spot(other, value, -1)
                for value, place in attribute_assigned(other, node, name):
                    yield Spot(other, value, -1, place)
        elif isinstance(node, ast.Call):
            name = dotted(node.func).rsplit(".", 1)[-1] or getattr(node.func, "attr", "")
            if name in ("Variable", "Parameter") and node.args:
                yield replace(spot, node=node.args[0])
            elif name in SAME and isinstance(node.func, ast.Attribute):
                yield replace(spot, node=node.func.value)
            module = self.value(node.func, frame) if frame >= 0 else None
            owner = module._cls.__name__ if isinstance(module, Instance) else ""
            for other in self.sources.values():
                for one in ast.walk(other.tree):
                    if not isinstance(one, ast.FunctionDef):
                        continue
                    if one.name == name or (
                        owner and one.name == "forward" and class_around(other, one) == owner
                    ):
                        for inner in other.within(one):
                            if isinstance(inner, ast.Return) and inner.value is not None:
                                yield Spot(other, inner.value, -1, index)

    def _passed(self, source: Source, node: ast.Name, frame: int) -> Iterator[Spot]:
        """What was passed for a parameter, by the frame outside, or wherever it is called."""
        function = source.function(node)
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return
        names = parameters(function)
        if node.id not in names:
            # a name of the module that a function reads
            for value, place in assigned_in(source, source.tree, node.id, None):
                yield Spot(source, value, 0 if self.frames[0].source is source else -1, place)
            return
        if frame > 0:
            outer = self.frames[frame - 1]
            if isinstance(outer.node, ast.Call):
                passed = argument(outer.node, names, node.id, method=names[:1] == ["self"])
                if passed is not None:
                    yield Spot(outer.source, passed, frame - 1)
                    return
                default = default_of(function, node.id)
                if default is not None:
                    yield Spot(source, default, -1)
                return
        yield from self.calls_of(function, source, node.id)

    def calls_of(
        self, function: ast.FunctionDef | ast.AsyncFunctionDef, source: Source, parameter: str
    ) -> Iterator[Spot]:
        """What the program passes for a parameter, wherever it calls the function or its class."""
        names = parameters(function)
        owner = source.parents.get(function)
        called = function.name
        if called == "__init__" and isinstance(owner, ast.ClassDef):
            called = owner.name
        method = isinstance(owner, ast.ClassDef)
        for other in self.sources.values():
            for one in calls_in(other.tree, called):
                passed = argument(one, names, parameter, method=method)
                frame = 0 if other.function(one) is other.tree else -1
                if passed is not None:
                    yield Spot(other, passed, frame)
        default = default_of(function, parameter)
        if default is not None:
            yield Spot(source, default, -1)

    # ------------------------------------------------------------------------------- constructors

    def constructors(self, callee: ast.expr, frame: int | None = None) -> list[Spot]:
        """The calls that built the module which `callee` names, those inside a Sequential too."""
        found = []
        for spot in self.spots(callee, frame):
            built = calls_in(spot.node, *WIDTHS, "Embedding", "Dropout", "Sequential")
            found += [Spot(spot.source, one, -1) for one in built if one is not callee]
        call = self.source.parents.get(callee) if isinstance(callee, ast.Subscript) else None
        event = self.event_at(self.source, call) if call is not None else None
        if event is not None and isinstance(event.function, Instance):  # of a list or dict of them
            found += self.builds(event.function._cls.__name__)
        return found

    def builds(self, name: str) -> list[Spot]:
        """Every call of the program that builds a module of torch's class `name`."""
        return [
            Spot(source, call, -1)
            for source in self.sources.values()
            for call in calls_in(source.tree, name)
        ]

    # -------------------------------------------------------------------------------------- names

    def qualified(self, source: Source, name: str) -> str:
        """`nn.utils.rnn.pad_sequence`, or as the file's imports reach it: a function of torch."""
        module, _, last = name.rpartition(".")
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                for alias in node.names:
                    if node.module == module and alias.name == last:
                        return alias.asname or last
                    path = f"{node.module}.{alias.name}"
                    if name.startswith(path + "."):
                        return (alias.asname or alias.name) + name[len(path) :]
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.asname and name.startswith(alias.name + "."):
                        return alias.asname + name[len(alias.name) :]
        return name


def key_of(file: str, node: ast.AST) -> tuple[str, int, int, int, int]:
    """A node by where it stands: the trees of two readings have the same."""
    return (
        file,
        getattr(node, "lineno", 0),
        getattr(node, "col_offset", 0),
        getattr(node, "end_lineno", 0) or 0,
        getattr(node, "end_col_offset", 0) or 0,
    )


def own_node(source: Source, node: ast.AST) -> ast.AST:
    """The node of `source` that stands where a node of another reading does."""
    wanted, kind = key_of("", node), type(node)
    for one in ast.walk(source.tree):
        if type(one) is kind and key_of("", one) == wanted:
            return one
    return source.tree


def is_loss(scene: Scene) -> bool:
    """Whether the call that failed is one of torch's losses."""
    if scene.call is None:
        return False
    called, function = scene.value(scene.call.func), scene.call.func
    if isinstance(called, Instance):
        return bool(called._cls.path.startswith("torch.nn.") and called._cls.path.endswith("Loss"))
    name = dotted(function.func if isinstance(function, ast.Call) else function)
    return name.lower().endswith("loss")


def is_recurrent(event: Event) -> bool:
    """Whether a call is one of a recurrent layer."""
    return event.basename in LAYERS and event.kind.startswith("torch.nn.")


def class_name(node: ast.AST) -> str:
    """`LSTM` of `nn.LSTM(…)`."""
    return dotted(node.func).rsplit(".", 1)[-1] if isinstance(node, ast.Call) else ""


def calls_in(node: ast.AST, *names: str) -> list[ast.Call]:
    """The calls that a node holds; those of `names`, as class_name gives them, where some are."""
    found = [one for one in ast.walk(node) if isinstance(one, ast.Call)]
    return [call for call in found if class_name(call) in names] if names else found


def methods_in(node: ast.AST, *names: str) -> Iterator[tuple[ast.Call, ast.expr]]:
    """The calls `owner.name(…)` that a node holds, each with its owner."""
    for call in calls_in(node):
        if isinstance(call.func, ast.Attribute) and call.func.attr in names:
            yield call, call.func.value


def keywords_of(call: ast.Call, *names: str) -> list[ast.expr]:
    """What a call is given by one of these names."""
    return [keyword.value for keyword in call.keywords if keyword.arg in names]


def argument_at(call: ast.Call, name: str, place: int | None) -> ast.expr | None:
    """What a call is given by a name or else at a place."""
    placed = call.args[place : place + 1] if place is not None else []
    return next(iter([*keywords_of(call, name), *placed]), None)


def arguments_of(call: ast.Call) -> list[ast.expr]:
    """What a call is given, by place and by name."""
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def method_name(call: ast.Call) -> str:
    """`view` of `f(x).view(…)`, the last name of what is called."""
    return class_name(call) or (call.func.attr if isinstance(call.func, ast.Attribute) else "")


def parameters(function: ast.AST) -> list[str]:
    """The names of a function's parameters, in order."""
    if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return []
    given = function.args
    return [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]


def default_of(function: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> ast.expr | None:
    """The default of a parameter."""
    given = function.args
    plain = [*given.posonlyargs, *given.args]
    for arg, value in zip(reversed(plain), reversed(given.defaults)):
        if arg.arg == name:
            return value
    for arg, other in zip(given.kwonlyargs, given.kw_defaults):
        if arg.arg == name:
            return other
    return None


def argument(call: ast.Call, names: Sequence[str], name: str, method: bool) -> ast.expr | None:
    """What a call passes for the parameter `name`; a method's self is not passed."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    place = list(names).index(name) - (1 if method else 0)
    if any(isinstance(a, ast.Starred) for a in call.args):
        return None
    return call.args[place] if 0 <= place < len(call.args) else None


def assigned(source: Source, name: ast.Name) -> Iterator[tuple[ast.expr, int | None]]:
    """What a name was given before it is read here, the nearest first; in a loop, also after."""
    scope = source.function(name)
    yield from assigned_in(source, scope, name.id, name)


def assigned_in(
    source: Source, scope: ast.AST, name: str, before: ast.AST | None
) -> Iterator[tuple[ast.expr, int | None]]:
    """The assignments to a name in a function's body."""
    found: list[tuple[int, ast.expr, int | None]] = []
    for node in source.within(scope):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                found += [(node.lineno, v, i) for v, i in _matched(target, node.value, name)]
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
            found += [(node.lineno, v, i) for v, i in _matched(node.target, node.value, name)]
        elif isinstance(node, ast.For):
            found += [
                (node.lineno, v, i)
                for v, i in _matched(node.target, node.iter, name)
                if i is not None or isinstance(node.target, ast.Name)
            ]
    line = getattr(before, "lineno", 1 << 30)
    statement = source.statement(before) if before is not None else None
    earlier = [f for f in found if f[0] < line or (f[0] == line and statement is None)]
    later = [f for f in found if f not in earlier]
    for _, value, index in [
        *sorted(earlier, key=lambda f: -f[0]),
        *sorted(later, key=lambda f: -f[0]),
    ]:
        yield value, index


def _matched(target: ast.expr, value: ast.expr, name: str) -> Iterator[tuple[ast.expr, int | None]]:
    if isinstance(target, ast.Name):
        if target.id == name:
            yield value, None
    elif isinstance(target, (ast.Tuple, ast.List)):
        for i, one in enumerate(target.elts):
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
                yield from _matched(one, value.elts[i], name)
            else:
                for inner, _ in _matched(one, value, name):
                    yield inner, i


def attribute_assigned(
    source: Source, node: ast.Attribute, owner: str = ""
) -> Iterator[tuple[ast.expr, int | None]]:
    """What `self.x = …` gave an attribute, in the class called `owner` or in any."""
    for one in ast.walk(source.tree):
        if isinstance(one, ast.Assign):
            for target in one.targets:
                parts = target.elts if isinstance(target, ast.Tuple) else [target]
                for i, part in enumerate(parts):
                    if isinstance(part, ast.Attribute) and part.attr == node.attr:
                        if owner and class_around(source, one) not in (owner, ""):
                            continue
                        value: ast.expr = one.value
                        place = i if len(parts) > 1 else None
                        if isinstance(value, ast.Tuple) and place is not None:
                            value, place = value.elts[place], None
                        yield value, place


def appended(source: Source, name: str) -> Iterator[ast.expr]:
    """What `self.NAME.append(…)` and its kind put into a list of modules."""
    for one, to in methods_in(source.tree, "append", "add_module", "insert", "extend"):
        if one.args and isinstance(to, ast.Attribute) and to.attr == name:
            yield one.args[-1]


def class_around(source: Source, node: ast.AST) -> str:
    """The class in which a node stands."""
    while node in source.parents:
        node = source.parents[node]
        if isinstance(node, ast.ClassDef):
            return node.name
    return ""


NUMBER = re.compile(r"-?\d+")
