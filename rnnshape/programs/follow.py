"""A program is followed: what it does when started, or one class or function of it."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from types import NoneType
from typing import Any

from ..errors import UsageError
from ..network.constructor import ARGUMENTS
from .interpreter import Called, Frame, Interpreter, Restart, Seen, Stop, Told, bound
from .objects import (
    MISSING,
    OBJECT,
    Bound,
    Class,
    Function,
    Names,
    Native,
    Scope,
    Torch,
    make_class,
)
from .python import builtin, libraries
from .record import Event, Line, Place, calls_layer, tensors_in
from .refusal import Refusal
from .sizes import Names as SizeNames
from .sizes import Size, product
from .source import Source, read, source_of, split
from .tensor import Tensor, fresh_axes
from .torch.wiring import wire
from .values import Device, Instance, Outside, Unknown

MOST_TEXT = 1_000_000  # signs of a program and the files beside it
MOST_RUNS = 140
MOST_STEPS = 200_000  # over all runs
STEPS_OF_ENTRY = 60_000  # of one run of a class or function
STEPS_OF_DEFINITIONS = 3_000  # of the file's own lines before it
STEPS_OF_RUN = 150  # what a run costs before its first step
DEFINITIONS = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


@dataclass(frozen=True)
class Layer:
    """A recurrent layer or cell that was built: where, under which name, and who called it."""

    instance: Instance
    name: str
    place: Place
    open: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def spec(self) -> Any:
        """Its Spec; a size in it may be open."""
        return self.instance._attributes["_spec"]

    @property
    def kind(self) -> str:
        """LSTM, GRUCell …"""
        return str(self.spec.class_name)


@dataclass(frozen=True)
class Problem:
    """What the program would raise: torch's or Python's words, and where."""

    refusal: Refusal
    place: Place
    part: Place | None
    stack: Sequence[Called]
    sources: Mapping[str, Source]


@dataclass(frozen=True)
class Argument:
    """An argument of the entry: its value, whether it was given, how it was worked out."""

    value: Any
    given: bool
    why: str = ""


def told_at(place: Place, what: str) -> Told:
    """What is not known at a place, where it matters."""
    return Told(place.file, place.line, what, True)


@dataclass(frozen=True)
class Followed:
    """All that came of following one entry."""

    source: Source
    entry: str
    seen: Seen
    arguments: Mapping[str, Argument] = field(default_factory=dict)
    constructor: Mapping[str, Any] = field(default_factory=dict)
    built: str = ""
    result: Any = None
    problem: Problem | None = None
    stopped: Stop | None = None
    sources: Mapping[str, Source] = field(default_factory=dict)
    unsure: Sequence[Told] = ()
    notes: Sequence[str] = ()
    doubt: Problem | None = None  # what fails for what was guessed
    other_builds: bool = False  # whether the other way of a condition builds recurrent layers
    spent: int = 0  # steps, over all runs until here

    @property
    def interpreter(self) -> Interpreter:
        """The run that followed it; a program that was watched has none."""
        assert isinstance(self.seen, Interpreter)
        return self.seen

    @property
    def events(self) -> list[Event]:
        """The calls in order."""
        return self.seen.record.events

    @property
    def lines(self) -> list[Line]:
        """The lines that handle tensors, in the order in which they first ran."""
        return sorted(self.seen.record.lines.values(), key=lambda line: line.order)

    @property
    def layers(self) -> list[Layer]:
        """The recurrent layers that were built."""
        return self.seen.layers

    @property
    def recurrent(self) -> list[Event]:
        """The calls of recurrent layers."""
        return [event for event in self.events if calls_layer(event)]

    @property
    def calls(self) -> int:
        """How many there are, those of the turns of a loop that were gone over too: a size where a
        loop is as long as one."""
        return self.seen.names.recovered(self.seen.record.recurrent)

    @property
    def outputs(self) -> list[Tensor]:
        """What the entry returned, laid flat."""
        return list(tensors_in(self.result))

    @property
    def unknown(self) -> list[Told]:
        """What was not followed."""
        told = list(self.seen.told.values())
        if self.stopped is not None:
            place = self.stopped.place or Place(self.source.name, self.source.tree)
            told.append(told_at(place, self.stopped.why))
        return [*told, *self.unsure]

    @property
    def verdict(self) -> str:
        """fits, does not fit, unknown, or no recurrent layer."""
        if self.problem is not None:
            return "does not fit"
        calls = self.recurrent
        vague = any(isinstance(e.result, Unknown) for e in calls)
        if not self.layers and not calls:
            open_ = self.stopped or self.doubt or self.other_builds
            return "unknown" if open_ or self.seen.some_layer else "no recurrent layer"
        matters = any(t.matters for t in self.seen.told.values())
        if not calls or vague or matters or self.stopped is not None or self.unsure:
            return "unknown"
        return "unknown" if isinstance(self.result, Unknown) else "fits"


@dataclass(frozen=True)
class Request:
    """What is asked: the program's text, the entry, values of arguments and shapes."""

    source: Source
    entry: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    shapes: Mapping[str, Any] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)  # of files beside it, in place of theirs
    piece: bool = False  # a piece of a program: of torch, nn and F it need not say what they are
    strict: bool = True  # a setting that names nothing is refused
    parsed: dict[tuple[str, str], Source] = field(default_factory=dict)  # files beside it, by text

    def beside(self, text: str, name: str, path: str) -> Source:
        """The tree of a file beside it: read once for all runs."""
        key = (path, text)
        if key not in self.parsed:
            self.parsed[key] = source_of(text, name, path)
        return self.parsed[key]


def follow(request: Request) -> list[Followed]:
    """Follow a program: one result for an entry; for a file that only defines modules one each.

    Pure but for reading the files that it imports from beside it. Raises UsageError for an entry
    that does not exist, a setting of an unknown name, a shape that cannot be meant.
    """
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 12_000))
    try:
        return _follow(request)
    finally:
        sys.setrecursionlimit(limit)


def _follow(request: Request) -> list[Followed]:
    shared = _Shared()
    if request.entry:
        one = _best(request, _Entry(request.entry), shared)
        if one.problem is None and one.stopped is None:
            _check_used(request, one)
        return [one]
    whole = _best(request, _Entry(""), shared)
    if whole.problem is not None or any(not isinstance(e.result, Unknown) for e in whole.recurrent):
        _check_used(request, whole)
        return [whole]
    found: list[Followed] = []
    most = shared.spent + MOST_STEPS
    classes = _module_classes(whole.interpreter, request.source.name)
    for i, (name, cls) in enumerate(classes.items()):
        if shared.spent > most:
            words = f"{len(classes) - i:,} more classes of this file; FILE.py:Class follows one"
            told = Told(cls.file, cls.line, words, False)
            (found[-1] if found else whole).interpreter.told[cls.file, cls.line, words] = told
            break
        values = _values(whole.interpreter, cls)
        one = _best(request, _Entry(name, values), shared)
        if (
            one.layers
            or one.recurrent
            or (one.verdict != "no recurrent layer" and _names_layer(cls))
        ):
            found.append(one)
    if found and not whole.recurrent:
        _check_used(request, *found)
        return found
    if found and all(isinstance(e.result, Unknown) for e in whole.recurrent):
        return found
    _check_used(request, whole)
    if whole.verdict == "no recurrent layer":
        _tell_other(whole)
    return [whole]


# frameworks that are not followed, by the name that is imported
OTHERS = {"keras": "Keras", "tensorflow": "TensorFlow", "flax": "Flax", "equinox": "Equinox",
          "haiku": "Haiku", "paddle": "PaddlePaddle", "mxnet": "MXNet", "chainer": "Chainer",
          "mlx": "MLX"}  # fmt: skip


def _tell_other(followed: Followed) -> None:
    """Say of a program that builds its recurrent layers with another framework which that is."""
    if not any(name in followed.source.text for name in ("RNN", "LSTM", "GRU")):
        return
    for node in ast.walk(followed.source.tree):
        imported = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        imported += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in [path.partition(".")[0] for path in imported]:
            if name in OTHERS:
                words = f"the layers of {OTHERS[name]}, which is not torch"
                at = followed.source.name, getattr(node, "lineno", 0), words
                followed.interpreter.told[at] = Told(*at, False)
                return


def _values(interpreter: Interpreter, cls: Class) -> Mapping[str, Any]:
    """The arguments with which the file itself builds a class, where they are plain values."""
    init = cls.find("__init__")
    for built, args, keywords in interpreter.built:
        if built is cls and isinstance(init, Function):
            try:
                values = bound(init, [None, *args], dict(keywords))
            except Refusal:
                continue
            return {
                name: value for name, value in values.items()
                if isinstance(value, (int, float, str, bool)) and not isinstance(value, Size)
            }  # fmt: skip
    return {}


_LAYERS = {"RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell", "RNNBase", "getattr"}


def _names_layer(cls: Class) -> bool:
    """Whether a class that could not be followed may build a recurrent layer."""
    nodes = ast.walk(cls.node) if cls.node is not None else []
    names = {getattr(n, "attr", getattr(n, "id", "")) for n in nodes}
    return bool(names & _LAYERS)


def _listed(names: Sequence[str], none: str = "") -> str:
    return f": {', '.join(names[:20])}" if names else none


def _check_used(request: Request, *followed: Followed) -> None:
    if not request.strict:
        return
    used: set[str] = set()
    for one in followed:
        used |= one.interpreter.used_settings
    for name in request.settings:
        if name not in used:
            known = sorted({n for one in followed for n in (*one.constructor, *one.arguments)})
            raise UsageError(
                f"--set: expected the name of an argument{_listed(known)}", got=name,
                fix="leave it out, or FILE.py:Class to set the arguments of a class",
            )  # fmt: skip
    for name in request.shapes:
        if not any(name in one.arguments for one in followed):
            known = sorted({n for one in followed for n in one.arguments})
            raise UsageError(
                "--shape: expected an argument of forward"
                f"{_listed(known, ', for an entry such as FILE.py:Class')}",
                got=name, fix=f"--shape {known[0]}=N,T,10" if known else "give FILE.py:Class",
            )  # fmt: skip


def _module_classes(interpreter: Interpreter, file: str) -> dict[str, Class]:
    """The modules that a file defines, by the names that lead to them, also inside classes."""
    found: dict[Class, str] = {}
    left = [("", interpreter.modules.get("", {}))]
    for prefix, names in left:
        for value in names.values():
            if isinstance(value, Class) and value.node is not None and value.file == file:
                if value not in found:
                    found[value] = prefix + value.name
                    left.append((f"{found[value]}.", value.names))
    return {n: c for c, n in found.items() if c.under(interpreter.module_class)}


@dataclass(frozen=True)
class _Entry:
    """A class or function by name, "" for the file; what the file builds the class with."""

    name: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Plan:
    """What a run assumes of the open: sizes that are bound, and a shape for each argument."""

    bound: Mapping[str, int | str] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)  # what texts may be
    forms: Mapping[str, Any] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[tuple[str, int, int], bool] = field(default_factory=dict)
    indices: frozenset[str] = frozenset()  # arguments of a given shape that are whole numbers


@dataclass(eq=False)
class _Shared:
    """What the runs over one program share: the names that its own lines bind, with their values
    as they were then, the numbers in the text, and the steps that all took."""

    names: dict[str, Any] | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    interpreter: Interpreter | None = None
    opened: set[str] = field(default_factory=set)
    spent: int = 0
    sources: dict[str, Source] = field(default_factory=dict)
    numbers: set[int] = field(default_factory=set)


def _best(request: Request, entry: _Entry, shared: _Shared) -> Followed:
    """Runs until the open arguments have shapes with which the program goes furthest."""
    followed = _Search(request, entry, shared).result()
    return replace(followed, spent=shared.spent)


class _Search:
    """The runs over one entry: arguments get their shapes from what they are first used for."""

    def __init__(self, request: Request, entry: _Entry, shared: _Shared) -> None:
        self.request, self.entry, self.shared = request, entry, shared
        self.runs, self.most = 0, shared.spent + MOST_STEPS
        self.tried: set[Any] = set()

    def result(self) -> Followed:
        """The run that goes furthest, with its axes called by what they turned out to be."""
        return self._worded(*self._found())

    def _found(self) -> tuple[_Plan, Followed]:
        plan, followed = self._settled(_Plan())
        while followed.problem is not None and self._left():
            whole = self._whole(plan, followed)
            if whole is None and followed.recurrent and self._plain(followed):
                break
            better = whole or self._better(plan, followed)
            if better is None:
                break
            plan, followed = better
        shown = self._shown(followed)
        if shown:
            plan, followed = self._settled(replace(plan, shown=shown))
        return plan, self._doubted(self._alternatives(plan, followed))

    def _worded(self, plan: _Plan, followed: Followed) -> Followed:
        """Say what a size from outside has to be, as which text an argument was taken that is
        compared with some, and whether the program goes on with the others."""
        unsure, notes = list(followed.unsure), list(followed.notes)
        for name, (file, line) in followed.interpreter.outside.items():
            if name in plan.bound:
                size = followed.interpreter.names.open(name)
                unsure.append(Told(file, line, f"{name}, which has to be {size} here", True))
        taken = {name: words[0] for name, words in plan.texts.items()}
        for name, words in plan.texts.items():
            more = f"; --set {name}={words[1]} tells of another" if words[1:] else ""
            notes.append(f"{name} is taken as {words[0]!r}{more}")
            for word in words[1:4]:
                settings = {**self.request.settings, **taken, name: word}
                request = replace(self.request, settings=settings, strict=False)
                _, other = _Search(request, self.entry, self.shared)._found()
                if other.verdict in ("fits", followed.verdict):
                    continue
                if other.problem is not None:
                    message = other.problem.refusal.message.split("\n")[0]
                    why = other.problem.place.line, f"{other.problem.refusal.type}: {message}"
                else:
                    why = next(((u.line, u.what) for u in other.unknown), (0, other.verdict))
                words_ = f"{name} = {word!r}: {why[1][:120]}"
                unsure.append(Told(followed.source.name, why[0], words_, True))
        return replace(followed, unsure=unsure, notes=notes)

    def _whole(self, plan: _Plan, followed: Followed) -> tuple[_Plan, Followed] | None:
        """A run that goes further, an argument whose shape was given without a dtype being of
        whole numbers, as an Embedding wants them."""
        for name, shape in self.request.shapes.items():
            if not isinstance(shape, Shape) or shape.dtype or name in plan.indices:
                continue
            other, again = self._settled(replace(plan, indices=plan.indices | {name}))
            if again.problem is None or _progress(again) > _progress(followed):
                return other, again
        return None

    def _plain(self, followed: Followed) -> bool:
        """Whether sizes that the program itself gives contradict each other, past a recurrent
        layer: another shape of the input would only hide it."""
        assert followed.problem is not None
        names = set(followed.interpreter.names.values)
        return any(_certain(a, b, names) for a, b in followed.problem.refusal.sizes)

    def _better(self, plan: _Plan, followed: Followed) -> tuple[_Plan, Followed] | None:
        """A run that goes further, one argument having another form; or all that are alike."""
        assert followed.problem is not None
        here = followed.problem.refusal
        blamed = self._blamed(followed)
        ways: list[tuple[tuple[str, ...], Any]] = [
            ((name,), form) for name in blamed for form in self._forms(name, followed)
        ]
        if len(blamed) > 1:
            first = plan.forms.get(blamed[0], FORMS[0])
            alike = tuple(n for n in blamed if plan.forms.get(n, FORMS[0]) == first)
            ways += [(alike, form) for form in FORMS if form[1] == "float32" and len(alike) > 1]
        # one more form, or that form with the others as they were at first
        anew = [way for way in ways if plan.forms and way[0] == (blamed[0],)]
        for i, (names, form) in enumerate([*ways, *anew]):
            held = plan.forms if i < len(ways) else {}
            forms = {**held, **dict.fromkeys(names, form)}
            key = names, str(sorted((n, str(f)) for n, f in forms.items()))
            if key in self.tried or not self._left():
                continue
            self.tried.add(key)
            # what was solved for the forms before is nothing to these
            old = tuple(_axis(n, "") for n in {*names, *plan.forms} if n in names or n not in held)
            bound = {
                k: v for k, v in plan.bound.items()
                if not any(n.startswith(old) for n in {k, *_keys(v)})
            }  # fmt: skip
            other, again = self._settled(replace(plan, forms=forms, bound=bound))
            if again.problem is None:
                return other, again
            if form == "none":
                continue
            if _progress(again) > _progress(followed):
                return other, again
            if _progress(again) == _progress(followed):
                there = again.problem.refusal
                moved = [n for n in self._blamed(again)[:1] if n not in names]
                if there.message != here.message and moved:
                    return other, again
        return None

    def _doubted(self, followed: Followed) -> Followed:
        """What fails only for what was guessed is not known to fail."""
        problem = followed.problem
        if problem is None:
            return followed
        refusal = problem.refusal
        if not (
            refusal.of_torch
            or followed.layers
            or any(e.inputs for e in followed.events)
            or any(True for _ in tensors_in(refusal.argument))
        ):  # an error of Python alone, before anything of torch: that is not what is looked at
            what = f"{refusal.type}: {refusal.message[:120]}, before anything of torch"
            return _unsure(followed, problem, what)
        interpreter = followed.interpreter
        vague = interpreter.vague or interpreter.points or interpreter.outside
        of_tensors = any(True for _ in tensors_in(refusal.argument))
        if vague and refusal.type != "RuntimeError" and not of_tensors:
            what = f"{refusal.type}: {refusal.message[:120]}, after what is not known"
            return _unsure(followed, problem, what)
        named = {name for pair in refusal.sizes for size in pair for name in _keys(size)}
        numbers = not named & interpreter.flags  # 1 + bidirectional is no arithmetic of sizes
        if numbers and (not self.entry.name or (self._left() and self._sure(followed))):
            return followed
        guessed = [n for n, a in followed.arguments.items() if not a.given]
        open_ = guessed or [n for n, v in followed.constructor.items() if isinstance(v, Size)]
        what = f"{refusal.type}: {refusal.message.splitlines()[0] if refusal.message else ''}"
        words = (
            f"{what[:160]}, for what was taken for {', '.join(open_[:4])}; --shape or --set tells"
        )
        return _unsure(followed, problem, words)

    def _sure(self, followed: Followed) -> bool:
        """Whether the problem is one whatever the open arguments are."""
        assert followed.problem is not None
        refusal = followed.problem.refusal
        open_ = {str(v) for v in followed.constructor.values() if isinstance(v, Size)}
        guessed = [a.value for a in followed.arguments.values() if not a.given]
        if not open_ and not guessed:
            return True
        given = [v for v in followed.constructor.values() if not isinstance(v, Size)]
        given += [a.value for a in followed.arguments.values() if a.given]
        size = refusal.wants.get("size")
        if type(size) in (int, float) and any(v == size for v in given if type(v) in (int, float)):
            return True
        if "dtype" in refusal.wants and isinstance(refusal.argument, Tensor):
            if any(refusal.argument is v for v in given) or _floats(followed, refusal.argument):
                return True
        names = set(followed.interpreter.names.values)
        if refusal.sizes:
            return any(_certain(a, b, names) for a, b in refusal.sizes)
        if isinstance(refusal.argument, tuple) and not any(refusal.argument is v for v in guessed):
            return any(event.result is refusal.argument for event in followed.recurrent)
        if refusal.wants.get("argument") in ("nonlinearity", "proj_size"):
            return not any(str(name) in refusal.message for name in open_)
        return False

    def _left(self) -> bool:
        return self.runs < MOST_RUNS and self.shared.spent < self.most

    def _settled(self, plan: _Plan) -> tuple[_Plan, Followed]:
        """Runs until no open size has to be another."""
        for _ in range(30):
            run = _Run(self.request, self.entry, plan, self.shared)
            self.runs += 1
            try:
                followed = run.follow()
            except Restart as restart:
                if not self._left():
                    break
                bound, kinds = {**plan.bound, **restart.bound}, {**plan.kinds, **restart.kinds}
                plan = replace(
                    plan, bound=bound, kinds=kinds, texts={**plan.texts, **restart.texts}
                )
                continue
            finally:
                self.shared.spent += run.spent
            return plan, followed
        run = _Run(self.request, self.entry, plan, self.shared, rigid=True)
        return plan, run.follow()

    def _blamed(self, followed: Followed) -> list[str]:
        """The arguments whose shape the problem may come from, most likely first."""
        assert followed.problem is not None
        open_ = [n for n, a in followed.arguments.items() if not a.given]
        found: list[str] = []
        refusal = followed.problem.refusal
        place = followed.problem.part or followed.problem.place
        values: list[Any] = [refusal.argument]
        for event in reversed(followed.events[-6:]):
            if event.place.line == place.line:
                values += [*event.inputs, *event.outputs]
        names = {n.id for n in ast.walk(place.node) if isinstance(n, ast.Name)}
        late = [v for event in reversed(followed.events[-40:]) for v in event.inputs]
        for name in [
            *(self._of_argument(v, followed, open_) for v in values),
            *(n for n in open_ if n in names),
            *(self._of_argument(v, followed, open_) for v in late),
            *open_,
        ]:
            if name is not None and name not in found:
                found.append(name)
        return found

    def _of_argument(self, value: Any, followed: Followed, names: Sequence[str]) -> str | None:
        for name in names:
            if followed.arguments[name].value is value:
                return name
        for tensor in tensors_in(value):
            origins = [part.origin.what for axis in tensor.axes for part in axis if part.origin]
            labels = [what[9:] for what in origins if what.startswith("argument ")]
            for label in (*labels, tensor.facts.get("argument")):
                if label in names:
                    return str(label)
        return None

    def _forms(self, name: str, followed: Followed) -> list[Any]:
        assert followed.problem is not None
        wants = followed.problem.refusal.wants
        forms = list(FORMS)
        if "state" in wants:
            pair, shapes = wants.get("pair", False), tuple(tuple(s) for s in wants["state"])
            forms.insert(0, ("state", shapes if pair else shapes[0], pair))

        def first(right: Callable[[tuple[str, ...], str], bool]) -> None:
            forms.sort(key=lambda f: not isinstance(f, tuple) or f[0] == "state" or not right(*f))

        if "unpacked" in wants:
            first(lambda axes, dtype: len(axes) == wants["unpacked"])
        if wants.get("dtype") == "int64":
            first(lambda axes, dtype: dtype == "int64")
        elif wants.get("dtype", "").startswith("float"):
            first(lambda axes, dtype: dtype == "float32")
        if "rank" in wants:
            first(lambda axes, dtype: len(axes) == max(wants["rank"]))
        return forms

    def _shown(self, followed: Followed) -> dict[str, str]:
        """Axes of arguments by what they turned out to be: N where samples, T where steps."""
        roles: dict[str, str] = {}
        for event in followed.recurrent:
            for tensor in event.outputs:
                for part in (part for axis in tensor.axes for part in axis):
                    if isinstance(part.size, Size) and part.size.name and part.kind in LETTERS:
                        roles.setdefault(part.size.terms[0][0][0].key, part.kind)
        taken = {n for n in followed.interpreter.names.values if not n.startswith("_")}
        taken |= followed.interpreter.rigid
        shown: dict[str, str] = {}
        for argument in followed.arguments.values():
            if argument.given:
                continue
            for tensor in tensors_in(argument.value):
                for i, size in enumerate(tensor.shape):
                    wide = i == tensor.rank - 1 and tensor.floating and tensor.rank > 1
                    likely = "features" if wide else "samples" if i == 0 else "steps"
                    for key in _keys(size):
                        if key.startswith("_") and key not in shown:
                            letters = LETTERS[roles.get(key, likely)]
                            letters = (*letters, *(f"n{k}" for k in range(1, 60)))
                            free = (c for c in letters if c not in {*taken, *shown.values()})
                            shown[key] = next(free, key)
        return shown

    def _alternatives(self, plan: _Plan, followed: Followed) -> Followed:
        """Follow the other way of each condition that is not known, where that is cheap."""
        points = followed.interpreter.points
        if not points:
            return followed
        unsure: list[Told] = []
        builds = False
        spent = max(followed.interpreter.started - followed.interpreter.steps, 1)
        for key, (taken, place, text) in list(points.items())[:8]:
            other: Followed | None = None
            if spent < 60_000 and self._left():
                _, other = self._settled(replace(plan, choices={**plan.choices, key: not taken}))
            if other is not None and _outcome(other) == _outcome(followed):
                continue
            if other is not None and followed.problem is not None and other.problem is None:
                # the way that runs is as likely as the one that does not
                what = f"the condition {text}: the other way ends in an error"
                unsure = [told_at(place, what)]
                return replace(other, unsure=unsure, other_builds=bool(followed.layers))
            unsure.append(told_at(place, f"the condition {text}"))
            builds = builds or (other is not None and bool(other.layers))
        return replace(followed, unsure=unsure, other_builds=builds)


def _floats(followed: Followed, tensor: Tensor) -> bool:
    """Whether a tensor is of floats whatever went into it: it was cast, or weights made it."""
    casts = ("Tensor.float", "Tensor.double", "Tensor.half", "torch.rand", "torch.randn")
    return any(
        event.kind in casts
        or (isinstance(event.function, Instance) and event.function.parameters_here)
        for event in followed.events if event.kind and any(tensor is one for one in event.outputs)
    )  # fmt: skip


def _unsure(followed: Followed, problem: Problem, what: str) -> Followed:
    """The problem as one that is not known to be one."""
    unsure = [*followed.unsure, told_at(problem.place, what)]
    return replace(followed, problem=None, doubt=problem, unsure=unsure)


def _outcome(followed: Followed) -> Any:
    problem = followed.problem
    return (
        (problem.refusal.type, problem.refusal.message, problem.place.line) if problem else None,
        [tuple(map(str, t.shape)) for t in followed.outputs],
        followed.stopped is None,
        bool(followed.layers),
    )  # fmt: skip


LETTERS = {
    "samples": ("N", "M", "B"),
    "steps": ("T", "S", "U", "V"),
    "features": ("F", "C", "D", "E"),
}


def _keys(size: Any) -> list[str]:
    return [name.key for names, _ in size.terms for name in names] if isinstance(size, Size) else []


def _certain(a: int, b: int, names: set[str]) -> bool:
    """Whether two sizes differ whatever the open names stand for, and no guess is among them."""
    held = {*_keys(a), *_keys(b)}
    if "" in held:  # a rounding, of which the sign says nothing
        return False
    found = held & names
    return not any(name.startswith("_") for name in found) and (not found or _one_sign(a - b))


def _one_sign(size: int) -> bool:
    """Whether a size is never 0, whatever positive numbers its names stand for."""
    if not isinstance(size, Size):
        return size != 0
    return len({n > 0 for _, n in size.terms}) == 1 and all(_keys(size))


def _progress(followed: Followed) -> int:
    """How far a run went: calls of layers and rows."""
    return len(followed.events)


# what an argument of forward may be: names of its axes and its dtype, most likely first
FORMS: list[Any] = [
    (("a", "b", "c"), "float32"), (("a", "b"), "int64"), (("a", "b"), "float32"), (("a",), "int64"),
    (("a", "b", "c", "d"), "float32"), (("a", "b", "c"), "int64"), (("a",), "float32"), "size",
    (("a", "b"), "bool"), ((), "int64"), "none", (("a", "b", "c", "d", "e"), "float32"), "pair",
    "list", "object",
]  # fmt: skip


def _axis(argument: str, letter: str) -> str:
    """What an axis of an argument without a shape is called inside, where it is a size."""
    return "_".join(("", *re.findall(r"\w+", argument), letter))


LASTING = (Class, Function, Native, Names, Torch, Device, Unknown, int, float, str, NoneType)


def _copied(value: Any, memo: dict[int, Any]) -> Any:
    """A value that nothing done to the other changes. Raises TypeError for one of unknown type."""
    if isinstance(value, LASTING):
        return value
    if id(value) in memo:
        return memo[id(value)]
    made: Any
    if type(value) is list:
        made = memo[id(value)] = []
        made.extend(_copied(one, memo) for one in value)
    elif type(value) is dict:
        made = memo[id(value)] = {}
        made.update((_copied(k, memo), _copied(v, memo)) for k, v in value.items())
    elif type(value) in (tuple, set):
        made = type(value)(_copied(one, memo) for one in value)
    elif isinstance(value, Instance):
        made = memo[id(value)] = Instance(value._cls)
        made._attributes.update(_copied(value._attributes, memo))
    elif isinstance(value, Tensor):
        if id(value.storage) not in memo:
            memo[id(value.storage)] = replace(value.storage)
        made = replace(value, storage=memo[id(value.storage)])
    elif isinstance(value, Bound):
        made = Bound(value.function, _copied(value.self, memo))
    else:
        raise TypeError(type(value))
    memo[id(value)] = made
    return made


OPEN = make_class("object", [OBJECT], form="open")  # an argument that is used by its attributes


def _parameters(function: Function, skip: int) -> tuple[ast.arguments, list[str], dict[str, Any]]:
    """Its parameters, the names of those by position after the first `skip`, and the defaults."""
    spec = function.node.args
    positional = [a.arg for a in (*spec.posonlyargs, *spec.args)][skip:]
    defaults = dict(zip(positional[::-1], list(function.defaults)[::-1]))
    return spec, positional, {**defaults, **function.keyword_defaults}


class _Run:
    """One run: the file's lines, then the entry with its arguments."""

    def __init__(
        self, request: Request, entry: _Entry, plan: _Plan, shared: _Shared, rigid: bool = False
    ) -> None:
        self.request, self.entry, self.plan, self.shared = request, entry, plan, shared
        like = shared.interpreter if entry.name else None
        if shared.opened & {*plan.bound, *plan.kinds}:
            like = None  # what the file's own lines opened is something else now
        self.sources: dict[str, Source] = {request.source.name: request.source}
        if like is not None:
            self.sources |= shared.sources
        if not shared.numbers:
            shared.numbers = _numbers(request.source.tree)
        names = SizeNames(shared.numbers, plan.bound, plan.kinds, plan.shown)
        given = {v.name for v in request.settings.values() if isinstance(v, _Open)}
        given |= {n for s in request.shapes.values() if isinstance(s, Shape) for n in s.names}
        self.interpreter = Interpreter(
            names, loader=self._load, library=lambda i: (builtin(i), libraries(i)),
            choices=plan.choices, rigid=given, like=like, settled=rigid,
        )  # fmt: skip
        if like is not None:
            self.interpreter.unset = like.unset
        self.interpreter.started = self.interpreter.steps
        self.interpreter.settings = {
            name: self._setting(value) for name, value in request.settings.items()
        }
        if like is None:
            wire(self.interpreter)
        self.interpreter.libraries["open"] = lambda owner, name: self._argument(
            f"{owner._attributes['_name']}.{name}"
        )
        if entry.name:
            self.interpreter.steps = self.interpreter.started = STEPS_OF_ENTRY
        self.arguments: dict[str, Argument] = {}
        self.constructor: dict[str, Any] = {}
        self.built = ""
        self.notes: list[str] = []
        self.like, self.defined = like, STEPS_OF_RUN

    @property
    def spent(self) -> int:
        """The steps it took."""
        return self.interpreter.started - self.interpreter.steps + self.defined

    def _setting(self, value: Any) -> Any:
        return self.interpreter.names.open(value.name) if isinstance(value, _Open) else value

    def follow(self) -> Followed:
        """The run's result; Restart goes through."""
        result: Any = None
        problem: Problem | None = None
        stopped: Stop | None = None
        try:
            result = self._entry()
        except Refusal as refusal:
            unset = self.interpreter.unset
            if "NoneType" in refusal.message and unset and not self.interpreter.settled:
                raise Restart(kinds=dict.fromkeys(unset, "width")) from None
            problem = self._problem(refusal)
        except Stop as stop:
            stopped = stop
        except RecursionError:
            stopped = Stop("expressions inside each other, very deep", None)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            place = self.interpreter.place() if self.interpreter.frames else None
            stopped = Stop("what stands here, which is not foreseen", place)
        if problem is not None and problem.refusal.type in ("SystemExit", "KeyboardInterrupt"):
            problem = None
        interpreter = self.interpreter
        interpreter.frames.clear()
        return Followed(
            self.request.source, self.entry.name, interpreter, self.arguments, self.constructor,
            self.built, result, problem, stopped, self.sources, notes=self.notes,
        )  # fmt: skip

    def _problem(self, refusal: Refusal) -> Problem | None:
        source = self.request.source
        place = refusal.place or Place(source.name, source.tree.body[0], "")
        return Problem(refusal, place, refusal.part or None, refusal.stack, self.sources)

    def _entry(self) -> Any:
        interpreter, source = self.interpreter, self.request.source
        main = "__main__" if not self.entry.name else Path(source.name).stem
        names: dict[str, Any] = {"__name__": main}
        if self.like is not None and self.shared.names is not None:
            names = self.shared.names
            names.clear()
            names.update(_copied(self.shared.values, {}))
        interpreter.modules[""] = names
        if self.request.piece:
            interpreter.absent = self._not_said
        if not self.entry.name:
            interpreter.run_file(source.tree, source.name, names)
            return None
        self._definitions(source, names)
        interpreter.absent = self._absent
        target = self._target(names)
        interpreter.frames.append(Frame(source.name, "", Scope(names, names), (), -1))
        own = getattr(target, "file", "") == source.name and getattr(target, "node", None)
        line = own.lineno if own else 0  # what the call of the entry makes stands at its name
        interpreter.frame.node = ast.Pass(lineno=line, col_offset=0, end_lineno=line)
        if isinstance(target, Class):
            return self._class(target)
        return self._function(target)

    def _definitions(self, source: Source, names: dict[str, Any]) -> None:
        """The file's own lines, for what they define: one that fails is gone past."""
        interpreter, shared = self.interpreter, self.shared
        if self.like is not None:
            return
        budget, left = interpreter.steps, STEPS_OF_DEFINITIONS
        interpreter.frames.append(Frame(source.name, "", Scope(names, names), (), 0))
        try:
            for node in source.tree.body:
                if left <= 0 and not isinstance(node, DEFINITIONS):
                    continue
                interpreter.steps = most = max(left // 2, 200)
                with suppress(Refusal, Stop):
                    interpreter.statement(node)
                left -= most - interpreter.steps
        finally:
            interpreter.frames.clear()
            interpreter.steps = budget
            self.defined += STEPS_OF_DEFINITIONS - left
        interpreter.record.__init__()  # type: ignore[misc]
        interpreter.told.clear()
        interpreter.points.clear()
        interpreter.layers.clear()
        interpreter.matter = False
        interpreter.built.clear()
        if shared.names is None and not self.request.settings:
            with suppress(TypeError, RecursionError):
                shared.values = _copied(names, {})
                shared.names, shared.interpreter = names, interpreter
                imported = (v.size for v in names.values() if isinstance(v, Outside))
                shared.opened |= {*interpreter.names.values, *interpreter.unset, *imported}
                shared.sources = self.sources

    def _target(self, names: dict[str, Any]) -> Any:
        found: Any = names.get(self.entry.name.partition(".")[0])
        for part in self.entry.name.split(".")[1:]:
            found = found.names.get(part) if isinstance(found, Class) else None
        if isinstance(found, (Class, Function, Instance, Bound)):
            return found
        mine = [(n, v) for n, v in names.items() if isinstance(v, (Class, Function))]
        file = self.request.source.name
        known = [n for n, v in mine if v.file == file]
        raise UsageError(
            f"{file}: expected a class or function of this file"
            f"{_listed(known, ', which defines none')}",
            got=self.entry.name[:60], fix=f"{file}:{known[0]}" if known else "leave out the name",
        )  # fmt: skip

    def _class(self, cls: Class) -> Any:
        interpreter = self.interpreter
        init = cls.find("__init__")
        keywords: dict[str, Any] = {}
        args: list[Any] = []
        if isinstance(init, Function):
            args, keywords = self._constructor_arguments(init, cls)
        elif cls.fields:
            for name, default in cls.fields.items():
                given = self.interpreter.setting(name)
                if given is not MISSING:
                    keywords[name] = given
                elif default is MISSING:
                    keywords[name] = self._open(name)
        elif isinstance(init, Native):
            self._handed_on(cls, keywords, set(self.request.settings) & ARGUMENTS.keys())
        self.built = (
            f"{cls.name}({', '.join(f'{k}={_literal(v)}' for k, v in self.constructor.items())})"
        )
        try:
            instance = interpreter.call(cls, args, keywords)
        except Refusal:
            spec = init.node.args if isinstance(init, Function) else None
            if spec and ((spec.vararg and not args) or spec.kwarg):
                star = spec.vararg or spec.kwarg
                what = f"what {cls.name} is given in {star.arg if star else ''}"
                raise Stop(what, Place(init.file, init.node, init.qualname)) from None
            if isinstance(init, Native) and not self.constructor:
                raise Stop(f"what {cls.name} is given", self.interpreter.place()) from None
            raise
        self._check_settings(init)
        module = cls.under(interpreter.module_class)
        forward = cls.find("forward" if module else "__call__")
        if isinstance(forward, Native) and cls.kind:
            return self._native_forward(instance)
        if not isinstance(forward, Function) and (module or forward is MISSING):
            return self._methods(cls, instance)
        values, named = self._forward_arguments(forward, skip=1)
        return interpreter.call(instance, values, named)

    def _methods(self, cls: Class, instance: Instance) -> Any:
        """A module without forward: each of its methods that reads one of its layers."""
        names = {layer.name.removeprefix("self.") for layer in self.interpreter.layers}
        called = []
        for name, value in cls.names.items():
            if not isinstance(value, Function) or name.startswith("__"):
                continue
            if names & {n.attr for n in ast.walk(value.node) if isinstance(n, ast.Attribute)}:
                values, named = self._forward_arguments(value, skip=1, prefix=f"{name}.")
                self.interpreter.call(Bound(value, instance), values, named)
                called.append(name)
        also = f": {', '.join(called)} called in its place" if called else ""
        self.notes.append(f"{cls.name} has no forward{also}")
        return None

    def _native_forward(self, instance: Instance) -> Any:
        if "_spec" not in instance._attributes:
            return None
        return self.interpreter.call(instance, [self._argument("input")], {})

    def _function(self, target: Any) -> Any:
        interpreter = self.interpreter
        if isinstance(target, Instance):
            forward = target._cls.find("forward")
            if not isinstance(forward, Function):
                return self._native_forward(target)
            values, named = self._forward_arguments(forward, skip=1)
            return interpreter.call(target, values, named)
        function = target.function if isinstance(target, Bound) else target
        values, named = self._forward_arguments(
            function, skip=1 if isinstance(target, Bound) else 0
        )
        self._check_settings(function)
        return interpreter.call(target, values, named)

    def _check_settings(self, function: Any) -> None:
        taken = {*self.interpreter.used_settings, *self._main_names}
        unused = [n for n in self.request.settings if n not in taken and "." not in n]
        if unused and isinstance(function, Function):
            spec = function.node.args
            if spec.kwarg is not None:
                return
            known = [a.arg for a in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)][1:]
            raise UsageError(
                f"--set: expected an argument of {self.entry.name}"
                f"{_listed(known, ', which has none')}", got=unused[0],
                fix=f"--set {known[0]}=…" if known else f"leave out --set {unused[0]}",
            )  # fmt: skip

    @cached_property
    def _main_names(self) -> dict[str, Any]:
        """What the file's own lines bind, its main part too: a number written there, or None."""
        found: dict[str, Any] = {}
        todo: list[ast.AST] = list(self.request.source.tree.body)
        while todo:
            node = todo.pop()
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                continue
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.setdefault(node.id, None)
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        found[target.id] = node.value.value
            todo.extend(ast.iter_child_nodes(node))
        return found

    def _not_said(self, name: str) -> Any:
        """A name that a piece of a program reads and does not bind."""
        paths = {"torch": "torch", "nn": "torch.nn", "F": "torch.nn.functional"}
        if name in paths:
            return Torch(paths[name])
        return self.interpreter.unknown(f"{name}, which the code does not define")

    def _absent(self, name: str) -> Any:
        """A name that a class reads and only the file's main part binds."""
        given = self.interpreter.setting(name)
        if given is not MISSING or name not in self._main_names:
            return given
        value = self._main_names[name]
        if value is None:
            self.notes.append(f"{name} is bound by the file's main part alone: an open size here")
            return self._open(name)
        return value

    def _open(self, name: str) -> Any:
        self.interpreter._objects.add(name)
        kind = self.plan.kinds.get(name, "width")
        return self.interpreter.names.open(name, kind)

    def _constructor_arguments(
        self, init: Function, cls: Class
    ) -> tuple[list[Any], dict[str, Any]]:
        spec, positional, optional = _parameters(init, 1)
        keywords: dict[str, Any] = {}
        for name in (*positional, *(a.arg for a in spec.kwonlyargs)):
            default = optional.get(name, MISSING)
            given = self.interpreter.setting(name)
            if given is MISSING:
                given = self.entry.values.get(name, MISSING)
            if given is not MISSING:
                keywords[name] = given
                self.constructor[name] = given
            elif default is MISSING:
                keywords[name] = self._open(name)
                self.constructor[name] = keywords[name]
            else:
                self.constructor[name] = default
        if spec.kwarg is not None and not optional and len(positional) < 3:
            self.interpreter.open_keywords = spec.kwarg.arg
        if spec.kwarg is not None:
            sizes = spec.vararg is not None and not positional
            self._handed_on(cls, keywords, self.request.settings, sizes)
        return [], keywords

    def _handed_on(
        self, cls: Class, keywords: dict[str, Any], settings: Iterable[str], sizes: bool = True
    ) -> None:
        """What goes on to the constructor of a base: what was set, and a layer's sizes."""
        for name in sorted(settings):
            if "." not in name and name not in keywords:
                self.constructor[name] = keywords[name] = self.interpreter.setting(name)
        if sizes and re.fullmatch(r"torch\.nn\.(RNN|LSTM|GRU)(Cell)?", cls.kind):
            for name in ("input_size", "hidden_size"):
                self.constructor[name] = keywords.setdefault(name, self._open(name))

    def _forward_arguments(
        self, function: Function, skip: int, prefix: str = ""
    ) -> tuple[list[Any], dict[str, Any]]:
        spec, positional, optional = _parameters(function, skip)
        values: dict[str, Any] = {}
        for name in (*positional, *(a.arg for a in spec.kwonlyargs)):
            default = optional.get(name, MISSING)
            given = self.interpreter.setting(name)
            if name in self.request.shapes:
                values[name] = self._shaped(name, self.request.shapes[name])
                self.arguments[prefix + name] = Argument(values[name], True)
            elif given is not MISSING:
                values[name] = given
                self.arguments[name] = Argument(given, True)
            elif default is not MISSING:
                continue
            else:
                values[name] = self._argument(prefix + name)
        if spec.vararg is not None and not positional:
            name = spec.vararg.arg
            if name not in self.request.shapes:
                return [self._argument(name)], values
            value = self._shaped(name, self.request.shapes[name])
            self.arguments[name] = Argument(value, True)
            return [value], values
        for name in self.request.shapes:
            if name not in values:
                raise UsageError(
                    f"--shape: expected an argument of forward{_listed(positional)}" if positional
                    else "--shape: expected no name, since there are no arguments", got=name,
                    fix=f"--shape {positional[0]}=N,T,10" if positional else "leave it out",
                )  # fmt: skip
        return [], values

    def _shaped(self, name: str, shape: Any) -> Any:
        if not isinstance(shape, Shape):
            return shape
        sizes = tuple(self._size(s) for s in shape.sizes)
        dtype = shape.dtype or ("int64" if name in self.plan.indices else "float32")
        return self._tensor(name, sizes, dtype)

    def _size(self, text: int | str) -> int:
        if isinstance(text, int):
            return text
        names = self.interpreter.names
        parts = [part.strip() for part in text.split("*")]
        return product(int(p) if p.isdigit() else names.open(p, "length") for p in parts)

    def _tensor(self, name: str, sizes: tuple[int, ...], dtype: str) -> Tensor:
        return Tensor(sizes, dtype, fresh_axes(sizes, f"argument {name}"), facts={"argument": name})

    def _argument(self, name: str) -> Any:
        form = self.plan.forms.get(name, FORMS[0])
        value = self._formed(name, form)
        self.arguments[name] = Argument(value, False)
        return value

    def _formed(self, name: str, form: Any) -> Any:
        if form == "size":
            return self.interpreter.names.open(name, "length")
        if form == "none":
            return None
        if form == "pair":
            return tuple(self._argument(f"{name}[{i}]") for i in range(2))
        if form == "object":
            return Instance(OPEN, {"_name": name})
        if form == "list":
            return [self._argument(f"{name}[{i}]") for i in range(2)]
        if form[0] == "state":
            shapes = form[1] if form[2] else (form[1],)
            again = self.interpreter.names.rebuilt  # the sizes are those of the run that failed
            sizes = [tuple(map(again, shape)) for shape in shapes]
            made = tuple(self._tensor(name, each, "float32") for each in sizes)
            return made if form[2] else made[0]
        letters, dtype = form
        kinds = ["length"] * len(letters)
        if dtype == "float32" and len(letters) > 1:
            kinds[-1] = "width"
        named = [(_axis(name, letter), kind) for letter, kind in zip(letters, kinds)]
        opened = tuple(self.interpreter.names.open(key, kind) for key, kind in named)
        return self._tensor(name, opened, dtype)

    # ------------------------------------------------------------------------ files beside it

    def _load(self, interpreter: Interpreter, name: str, level: int, file: str) -> Any:
        here = self.sources.get(file)
        key = f"{'.' * level}{name}@{here.path if here else ''}" if level else name
        if key in interpreter.modules:
            return interpreter.modules[key]
        found = self._beside(name, level, here) if name or level else None
        if found is None:
            module = Names(name, {}, name or "a package")
            interpreter.modules[key] = module
            return module
        path, text = found
        names: dict[str, Any] = {"__name__": name}
        module = Names(name, names)
        interpreter.modules[key] = module
        if text is None:  # a folder without __init__
            return Names(name, names, "")
        read = sum(len(one.text) for one in self.sources.values())
        if len(interpreter.modules) > 60 or read + len(text) > MOST_TEXT:
            return Names(name, {}, name)
        try:
            source = self.request.beside(text, _relative(path, self.request.source.path), str(path))
        except UsageError:
            module = interpreter.modules[key] = Names(name, {}, name)
            return module
        self.sources[source.name] = source
        interpreter.run_file(source.tree, source.name, names)
        return module

    def _beside(self, name: str, level: int, here: Source | None) -> tuple[Path, str | None] | None:
        if here is None or not here.path:
            return None
        folder = Path(here.path).parent
        roots = [folder]
        if level:
            for _ in range(level - 1):
                folder = folder.parent
            roots = [folder]
        else:
            roots.append(Path(self.request.source.path).parent)
        relative = Path(*name.split(".")) if name else Path()
        for root in roots:
            for path in (
                root / relative / "__init__.py",
                (root / relative).with_suffix(".py") if name else root / "__init__.py",
            ):
                text = self.request.texts.get(str(path))
                if text is not None:
                    return path, text
                try:
                    if path.is_file() and path.stat().st_size < 4_000_000:
                        return path, path.read_text("utf-8", errors="replace")
                except (OSError, ValueError):
                    continue
            try:
                if name and (root / relative).is_dir() and any((root / relative).glob("*.py")):
                    return root / relative / "__init__.py", ""
            except (OSError, ValueError):
                continue
        return None


def _relative(path: Path, base: str) -> str:
    try:
        return str(path.relative_to(Path(base).parent))
    except ValueError:
        return path.name


@dataclass(frozen=True)
class _Open:
    """A name for an open size, given by --set."""

    name: str


@dataclass(frozen=True)
class Shape:
    """A shape given by --shape: numbers, names or products, and the dtype; "" where it was not
    given, and is worked out."""

    sizes: tuple[int | str, ...]
    dtype: str = ""

    @property
    def names(self) -> set[str]:
        """The names in it."""
        parts = [p.strip() for s in self.sizes if isinstance(s, str) for p in s.split("*")]
        return {p for p in parts if not p.isdigit()}


def _literal(value: Any) -> str:
    if isinstance(value, (int, float, str, bool, type(None), list, tuple, dict)):
        return (str(value) if isinstance(value, Size) else repr(value))[:40]
    return getattr(value, "name", None) or "…"


@lru_cache(maxsize=4)
def _numbers(tree: ast.AST) -> set[int]:
    """The whole numbers that stand in the program, and their neighbours."""
    found: set[int] = set()
    for node in ast.walk(tree):
        value = node.value if isinstance(node, ast.Constant) else None
        if type(value) is int and 0 <= value < 10_000_000:
            found |= {value, value + 1, value - 1}
    return found


def setting_value(text: str) -> Any:
    """The value of --set NAME=VALUE: a Python literal, or a name for an open size."""
    if re.fullmatch(r"[A-Za-z_]\w{0,31}", text) and text not in ("None", "True", "False"):
        return _Open(text)
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise UsageError(
            "--set: expected a Python literal or a name for an open size", got=text[:40],
            fix="--set hidden=80, --set hidden=H, or --set kind=\"'gru'\"",
        ) from None  # fmt: skip


DTYPES = {"long": "int64", "int": "int32", "float": "float32", "double": "float64",
          "half": "float16", "bool": "bool"}  # fmt: skip
KNOWN_DTYPES = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8",
                "uint8", "bool", "complex64")  # fmt: skip


def shape_value(text: str) -> Any:
    """The value of --shape NAME=…: `N,T,10`, `N,T:long`, `None`."""
    if text.strip() == "None":
        return None
    sizes, _, dtype = text.partition(":")
    kind = DTYPES.get(dtype.strip(), dtype.strip()).removeprefix("torch.")
    parts = [p.strip() for p in sizes.split(",")] if sizes.strip() else []
    for part in parts:
        factors = [p.strip() for p in part.split("*")]
        if not all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,31}|\d{1,9}", p) for p in factors):
            raise UsageError(
                "--shape: expected sizes such as N,T,10", got=text[:40],
                fix="--shape x=N,T,10, or x=N,T:long",
            )  # fmt: skip
    if kind and kind not in KNOWN_DTYPES:
        raise UsageError(
            "--shape: expected a dtype such as long or float32 behind the colon", got=dtype[:20],
            fix=f"--shape x={sizes}:long",
        )  # fmt: skip
    return Shape(tuple(int(p) if p.isdigit() else p for p in parts), kind)


def program(path: str) -> tuple[Source, str]:
    """The source and the entry of PROGRAM: FILE.py, FILE.py:Class, FILE.ipynb, FILE.md, or -."""
    file, entry = split(path)
    text = read(file)
    full = "" if file == "-" else str(Path(file).resolve())
    return source_of(text, Path(file).name, full), entry
