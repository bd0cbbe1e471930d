"""A walk of the syntax tree that computes shapes: nothing of the program is executed.

Numbers, strings and containers are Python's own; tensors have shapes alone; functions and classes
are modelled. What is not known is an `Unknown`, which goes on through everything that reads it.
The walk always ends: steps, depth and the size of what is built are bounded.
"""

from __future__ import annotations

import ast
import collections
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from itertools import islice
from typing import Any

from ..network.constructor import KINDS, positional_names
from . import arrays
from . import torch as table
from .objects import (
    MISSING,
    OBJECT,
    OBJECT_NEW,
    Bound,
    Class,
    Function,
    Iter,
    Names,
    Native,
    Property,
    Raised,
    Scope,
    Static,
    Super,
    Torch,
    class_of,
    exception_class,
    make_class,
    unfolded,
)
from .record import Event, Line, Place, Record, saved, shapes_of, tensors_in
from .refusal import NotKnown, Refusal, runtime_error, type_error, value_error
from .sizes import Names as SizeNames
from .sizes import Size, formula, polynomial, terms_of
from .tensor import Tensor, one_number, selected
from .torch import lacks, type_name
from .torch.data import optimizer_class
from .torch.modules import parameters_in
from .values import (
    GROUPS,
    PACKED,
    DefaultDict,
    Instance,
    Outside,
    Packed,
    TorchSize,
    Unknown,
    add_rest,
    drop,
    known,
    module_state,
    rest_of,
)

STEPS = 60_000  # statements, calls and turns of loops
DEPTH = 90  # calls of the program's own functions inside each other
LARGEST_BUILT = 200_000  # elements of a list, signs of a string


MOST_REACHED = (
    2_000  # scopes, objects and containers that are looked through for what a loop changes
)
_OF_MODULES = {"_modules", "_parameters", "_buffers", "_not_saved"}
# what a tensor has and a number of NumPy has not
_TENSORS_ALONE = {
    "backward",
    "detach",
    "cpu",
    "cuda",
    "to",
    "unsqueeze",
    "permute",
    "requires_grad",
}


class Stop(Exception):
    """The walk goes no further: why, and where."""

    def __init__(self, why: str, place: Place | None = None) -> None:
        super().__init__(why)
        self.why, self.place = why, place


class Restart(Exception):
    """An open size turned out to be another, or a text: follow anew with these more."""

    def __init__(
        self,
        bound: Mapping[str, int | str] | None = None,
        kinds: Mapping[str, str] | None = None,
        texts: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        super().__init__("restart")
        self.bound, self.kinds, self.texts = dict(bound or {}), dict(kinds or {}), dict(texts or {})


@dataclass(eq=False)
class Frame:
    """A call of one of the program's functions, or a file's own lines."""

    file: str
    where: str
    scope: Scope
    path: tuple[int, ...]
    depth: int
    function: Function | None = None
    self: Any = None
    node: ast.AST | None = None
    statement: ast.stmt | None = None
    calls: list[Event] = field(default_factory=list)
    yielded: list[Any] | None = None
    handled: Any = None  # the exception of the `except` that runs


@dataclass(frozen=True, eq=False)
class Called:
    """A function of the program that was running when something was refused: the place that it had
    come to, and its names."""

    place: Place
    names: Mapping[str, Any]


@dataclass(frozen=True)
class Told:
    """Something that was not followed."""

    file: str
    line: int
    what: str
    matters: bool


BREAK, CONTINUE = object(), object()


class Return:
    """The signal of a `return`."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


BINARY: dict[type, tuple[str, Callable[[Any, Any], Any], str]] = {
    ast.Add: ("+", operator.add, "add"), ast.Sub: ("-", operator.sub, "sub"),
    ast.Mult: ("*", operator.mul, "mul"), ast.Div: ("/", operator.truediv, "truediv"),
    ast.FloorDiv: ("//", operator.floordiv, "floordiv"), ast.Mod: ("%", operator.mod, "mod"),
    ast.Pow: ("**", operator.pow, "pow"), ast.MatMult: ("@", operator.matmul, "matmul"),
    ast.BitAnd: ("&", operator.and_, "and"), ast.BitOr: ("|", operator.or_, "or"),
    ast.BitXor: ("^", operator.xor, "xor"), ast.LShift: ("<<", operator.lshift, "lshift"),
    ast.RShift: (">>", operator.rshift, "rshift"),
}  # fmt: skip
COMPARE: dict[type, tuple[str, Callable[[Any, Any], Any], str]] = {
    ast.Eq: ("==", operator.eq, "eq"), ast.NotEq: ("!=", operator.ne, "ne"),
    ast.Lt: ("<", operator.lt, "lt"), ast.LtE: ("<=", operator.le, "le"),
    ast.Gt: (">", operator.gt, "gt"), ast.GtE: (">=", operator.ge, "ge"),
}  # fmt: skip
UNARY: dict[type, tuple[str, Callable[[Any], Any]]] = {
    ast.USub: ("__neg__", operator.neg), ast.UAdd: ("__pos__", operator.pos),
    ast.Invert: ("__invert__", operator.invert),
}  # fmt: skip
PYTHON_ERRORS = (
    TypeError, ValueError, LookupError, ArithmeticError, AttributeError, StopIteration,
)  # fmt: skip
SIMPLE = (
    ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return, ast.Delete, ast.Assert,
    ast.Raise,
)  # fmt: skip


# the expressions that are pointed at where one of them is at fault; of a call see _blame
PARTS = (ast.Attribute, ast.Subscript, ast.BinOp, ast.Compare)


@dataclass(eq=False)
class Seen:
    """What is known of a program that ran, or was followed."""

    names: SizeNames = field(default_factory=SizeNames)
    record: Record = field(default_factory=Record)
    told: dict[tuple[str, int, str], Told] = field(default_factory=dict)
    modules: dict[str, Any] = field(default_factory=dict)
    layers: list[Any] = field(default_factory=list)  # recurrent, in the order of their making
    some_layer: bool = False  # whether something of torch.nn is called by a name from outside


class Interpreter(Seen):
    """One run over one program."""

    def __init__(
        self,
        names: SizeNames,
        *,
        loader: Callable[[Interpreter, str, int, str], Any],
        library: Callable[[Interpreter], tuple[dict[str, Any], dict[str, Any]]],
        choices: Mapping[tuple[str, int, int], bool] | None = None,
        rigid: Iterable[str] = (),
        settings: Mapping[str, Any] | None = None,
        steps: int = STEPS,
        like: Interpreter | None = None,
        settled: bool = False,
    ) -> None:
        """settled: no open size is made another. like: an interpreter of an earlier run over the
        same program, whose classes are taken."""
        super().__init__(names)
        self.loader = loader
        self.choices = dict(choices or {})
        self.points: dict[tuple[str, int, int], tuple[bool, Place, str]] = {}
        self.rigid = set(rigid)
        self.settings = dict(settings or {})
        self.used_settings: set[str] = set()
        self.steps = steps
        self.frames: list[Frame] = []
        self.classes: dict[str, Class] = {}
        self.saved: dict[str | int, Any] = {}  # by torch.save: under a path, or a file's identity
        self.started = 0
        self.settled = settled
        self.flags: set[str] = set()  # open arguments that a constructor took for yes or no
        self.unset: set[str] = set()  # numbers of the command line that are None unless given
        self.roots: dict[tuple[str, int, str], str] = {}  # what values from outside are called
        self.origins: dict[str, tuple[str, int, str]] = {}  # and which is called so
        self.unnamed: dict[int, list[Unknown]] = {}  # sizes without a name, by line
        self.outside: dict[str, tuple[str, int]] = {}  # open sizes from outside, with file and line
        self._objects: set[str] = set()
        self.ticks = 0  # statements, in the order in which they began
        self.matter = False  # a tensor went where it could not be followed
        table.load()
        self.functions: dict[str, Any] = {}
        self.module_class: Class
        self.builtins: dict[str, Any]
        self.libraries: dict[str, Any]
        self.absent: Callable[[str], Any] = lambda name: MISSING  # a name that nothing has bound
        self.freed: dict[int, Any] = {}
        self.grad_off = False
        self.vague = False  # a loop ran that is not known how often
        self.built: list[tuple[Class, list[Any], dict[str, Any]]] = []  # modules of the program
        self.open_keywords = ""  # the entry's **kwargs, whose missing keys are open
        if like is not None:
            self.module_class, self.classes, self.functions = (
                like.module_class, like.classes, like.functions
            )  # fmt: skip
            self.builtins, self.libraries = like.builtins, dict(like.libraries)
            self.modules = dict(like.modules)
            return
        self.module_class = make_class("Module", [OBJECT], path="torch.nn.Module")
        self.classes["torch.nn.Module"] = self.module_class
        self.builtins, self.libraries = library(self)

    # ------------------------------------------------------------------------------- bookkeeping

    @property
    def frame(self) -> Frame:
        """The call that runs."""
        return self.frames[-1]

    def step(self, cost: int = 1) -> None:
        """Pay for a step; the walk ends where there are too many."""
        self.steps -= cost
        if self.steps < 0:
            raise Stop("more steps than are followed", self.place())

    def place(self, node: ast.AST | None = None) -> Place | None:
        """Where the walk is."""
        if not self.frames:
            return None
        frame = self.frame
        at = node or frame.node
        return Place(frame.file, at, frame.where) if at is not None else None

    def unknown(self, what: str, node: ast.AST | None = None, kind: str = "") -> Unknown:
        """A value that is not known, at this place."""
        place = self.place(node)
        text = unparsed(node)[:80] if isinstance(node, ast.expr) else ""
        unknown = Unknown(what, text, place.file if place else "", place.line if place else 0)
        unknown.kind = kind
        return unknown

    def tell(self, unknown: Unknown, matters: bool = False) -> None:
        """An unknown was read where it counts."""
        if not unknown.what:
            return
        key = (unknown.file, unknown.line, unknown.what)
        before = self.told.get(key)
        if before is None or (matters and not before.matters):
            self.told[key] = Told(*key, matters)
        self.matter = self.matter or matters

    def size_made(self, sizes: Sequence[tuple[int, int]]) -> None:
        """Make an open size equal to what it has to be, and follow anew."""
        if self.settled:
            return
        solutions: dict[str, int] = {}
        for a, b in sizes:
            for one, other in sorted(((a, b), (b, a)), key=self._firm):
                solved = self._solved(one, other) if a != b else None
                if solved:
                    solutions.setdefault(*solved)
                    break
        if len({str(size) for size in solutions.values()} & solutions.keys()) == 0 and solutions:
            raise Restart(solutions)
        if solutions:
            raise Restart(dict([next(iter(solutions.items()))]))
        for a, b in sizes:
            for one, other in ((a, b), (b, a)):
                names = [names[0].key for names, n in terms_of(one) if len(names) == 1 and n == 1]
                guessed = all(key.startswith("_") and self._free(key) for key in names)
                if len(names) > 1 and len(names) == len(terms_of(one)) and guessed:
                    each = other // len(names)  # two widths side by side, of unknown shares
                    if each * len(names) == other:
                        raise Restart(dict.fromkeys(names, each))
        for a, b in sizes:
            for one, other in ((a, b), (b, a)):
                if not (isinstance(one, Size) and isinstance(other, Size)) or not other:
                    continue
                factor = one // other
                if isinstance(factor, Size) and factor * other == one and len(factor.terms) == 1:
                    names = [name.key for name in factor.terms[0][0]]
                    if all(self._free(key) for key in names):
                        raise Restart(dict.fromkeys(names, 1))
        for a, b in sizes:
            for one, other in ((a, b), (b, a)):
                if found := self._balanced(one, other) or self._tried(one, other):
                    raise Restart(found)

    def texted(self, value: Any, others: Iterable[Any] | None = None) -> None:
        """Make an open argument that is used as a text one, and follow anew: the word that --set
        gave, else the first of those that it is compared with."""
        if self.settled:
            return
        words = [other for other in others or () if isinstance(other, str)]
        if not isinstance(value, Size) or value.name is None or not (words or others is None):
            return
        key = value.terms[0][0][0].key
        if any(str(v) == key for v in self.settings.values() if isinstance(v, Size)):
            raise Restart({key: key})
        if words and self._open(value):
            raise Restart({key: words[0]}, texts={key: words})

    def _firm(self, sides: tuple[int, int]) -> bool:
        """Whether nothing in the first side was guessed: what was guessed gives way first."""
        terms = terms_of(sides[0])
        return not any(self._guessed(name.key) for names, _ in terms for name in names)

    def _guessed(self, key: str) -> bool:
        return (key.startswith("_") or " size in line " in key) and self._free(key)

    def _balanced(self, one: int, other: int) -> dict[str, int]:
        """What makes one sum another: a guessed width is what is left, where the lengths in
        products are 1 (N·T·H + F is 2·H for one step of one sample)."""
        ones = {
            name.key: 1
            for names, _ in terms_of(one) if len(names) > 1
            for name in names if self._guessed(name.key) and self.names.kinds[name.key] == "length"
        }  # fmt: skip
        terms = [(tuple(m for m in names if m.key not in ones), n) for names, n in terms_of(one)]
        left = terms_of(polynomial([*terms, *((names, -n) for names, n in terms_of(other))]))
        for names, n in left:
            if len(names) == 1 and abs(n) == 1 and self._guessed(names[0].key):
                rest = [(others, -n * m) for others, m in left if names[0] not in others]
                if len(rest) == len(left) - 1 and polynomial(rest) > 0:
                    return {**ones, names[0].key: polynomial(rest)}
        wants = [polynomial([term]) for term in terms_of(other)]
        guessed = [names[0].key for names, n in terms if len(names) == 1 and n == 1]
        if len(terms) == len(wants) == len(guessed) > 1 and all(map(self._guessed, guessed)):
            return {**ones, **dict(zip(guessed, wants))}  # widths side by side, each one of them
        return {} if left else ones

    def _tried(self, one: int, number: int) -> dict[str, int]:
        """The number for the guessed names of a rounded size that makes it `number`: of those that
        do the one that can be halved most often, since it is convolutions that round."""
        if not isinstance(one, Size) or isinstance(number, Size) or len(str(one)) > 400:
            return {}
        with suppress(KeyError, SyntaxError, ZeroDivisionError):
            names, value = formula(one)
            if not 0 < len(names) < 3 or not all(map(self._guessed, names)):
                return {}
            fit = [n for n in range(1, 1025) if value(dict.fromkeys(names, n)) == number]
            return dict.fromkeys(names, max(fit, key=lambda n: n & -n)) if fit else {}
        return {}

    def _free(self, key: str) -> bool:
        return key in self.names.values and key not in self.rigid

    def _solved(self, size: int, value: int) -> tuple[str, int] | None:
        if not isinstance(size, Size) or len(size.terms) != 1:
            return None
        ((names, n),) = size.terms
        key = names[0].key if len(names) == 1 else ""
        if not self._free(key):
            return None
        if isinstance(value, Size) and names[0] in value.names:
            return None
        if n == 1:
            return key, value
        if n.denominator != 1:
            return key, value * n.denominator // n.numerator
        if isinstance(value, Size) or value % n.numerator:
            return None
        return key, value // n.numerator

    def grown(self, refusal: Refusal) -> None:
        """Make an open axis long enough for the position or the window that reads it."""
        found = re.match(
            r"index (\d+) is out of bounds for dimension (\d+) with size ", refusal.message
        )
        if found and isinstance(refusal.argument, Tensor):
            dim = int(found.group(2))
            size = refusal.argument.shape[dim] if dim < refusal.argument.rank else 0
            self.size_made([(size, self.names.recovered(int(found.group(1))) + 1)])
        if "too small" in refusal.message or "Kernel size can't be greater" in refusal.message:
            values = [
                refusal.argument,
                *(self.record.events[-1].args if self.record.events else ()),
            ]
            kinds = {
                name.key: "width"
                for tensor in tensors_in(values) for size in tensor.shape if isinstance(size, Size)
                for names, _ in size.terms for name in names
                if self.names.kinds.get(name.key) == "length"
            }  # fmt: skip
            if kinds:
                raise Restart(kinds=kinds)

    def divided(self, numel: int, rest: int) -> None:
        """Make one open size of a product such that it divides, and follow anew."""
        if not isinstance(numel, Size) or isinstance(rest, Size):
            return
        if len(numel.terms) != 1:
            shared = [m for m in numel.terms[0][0] if all(m in names for names, _ in numel.terms)]
            if found := self._tried(numel // polynomial([(tuple(shared), 1)]), rest):
                raise Restart(found)
            return
        ((names, n),) = numel.terms
        for name in reversed(names):
            if name.key in self.names.values and name.key not in self.rigid and n == 1:
                raise Restart({name.key: rest})

    # -------------------------------------------------------------------------------- statements

    def run_file(self, tree: ast.Module, file: str, names: dict[str, Any], where: str = "") -> None:
        """A file's own lines."""
        scope = Scope(names, names)
        frame = Frame(file, where, scope, (), 0)
        self.frames.append(frame)
        try:
            self.block(tree.body)
        finally:
            self.frames.pop()

    def block(self, body: Sequence[ast.stmt]) -> Any:
        """Statements in order; a signal where one leaves."""
        for node in body:
            signal = self.statement(node)
            if signal is not None:
                return signal
        return None

    def statement(self, node: ast.stmt) -> Any:
        """One statement."""
        self.step()
        frame = self.frame
        frame.node = frame.statement = node
        if not isinstance(node, SIMPLE):
            return EXECUTE[type(node)](self, node)
        self.ticks += 1
        order = self.ticks

        def told(calls: list[Event], failed: bool) -> None:
            self._line(node, calls, failed, order)

        return self._traced(node, lambda: EXECUTE[type(node)](self, node), told)

    def _traced(
        self, node: ast.stmt, run: Callable[[], Any], told: Callable[[list[Event], bool], None]
    ) -> Any:
        """What `run` gives; its calls, and whether it failed, are `told`."""
        frame, failed = self.frame, True
        outer, frame.calls = frame.calls, []
        try:
            result = run()
            failed = False
        except Refusal as refusal:
            self._located(refusal, node)
            raise
        finally:
            calls, frame.calls = frame.calls, outer
            told(calls, failed)
        return result

    def _located(self, refusal: Refusal, node: ast.AST) -> None:
        if refusal.place is None:
            refusal.place = self.place(node)
            running = [(f, f.node) for f in self.frames if f.node is not None]
            refusal.stack = [Called(Place(f.file, n, f.where), f.scope.names) for f, n in running]

    def _line(self, node: ast.stmt, calls: list[Event], failed: bool, order: int = 0) -> None:
        names = {} if failed else self._assigned(node)
        if not calls and not names and not failed:
            return
        frame = self.frame
        key = (frame.path, frame.file, node.lineno)

        def make() -> Line:
            return Line(
                frame.file, node.lineno, node.end_lineno or node.lineno, frame.where,
                frame.depth, frame.path, calls=calls, names=names, failed=failed,
                order=order or self.ticks,
            )  # fmt: skip

        line = self.record.line(key, make)
        if line is not None:
            line.count += 1
            line.failed = line.failed or failed
            if line.count > 1 and not line.varied and not failed:
                line.varied = shapes_of(calls, names) != shapes_of(line.calls, line.names)

    def _assigned(self, node: ast.stmt) -> dict[str, Any]:
        """The names that a statement gave tensors to."""
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, (ast.AugAssign, ast.AnnAssign)) and node.value is not None:
            targets = [node.target]
        found: dict[str, Any] = {}
        for target in targets:
            self._named(target, found)
        return found

    def _named(self, target: ast.expr, found: dict[str, Any]) -> None:
        if isinstance(target, (ast.Tuple, ast.List)):
            for one in target.elts:
                self._named(one, found)
        elif isinstance(target, ast.Starred):
            self._named(target.value, found)
        elif isinstance(target, ast.Name):
            value = self.frame.scope.names.get(target.id)
            if not isinstance(value, Instance) and any(True for _ in tensors_in(value)):
                found[target.id] = value
        elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            owner = self.frame.scope.names.get(target.value.id)
            value = getattr(owner, target.attr, None) if isinstance(owner, Instance) else None
            if not isinstance(value, Instance) and any(True for _ in tensors_in(value)):
                found[f"{target.value.id}.{target.attr}"] = value

    def _assign(self, node: ast.Assign) -> None:
        value = self.evaluate(node.value)
        for target in node.targets:
            self.bind(target, value)

    def _ann_assign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.bind(node.target, self.evaluate(node.value))
        if isinstance(node.target, ast.Name):
            annotations = self.frame.scope.names.get("__annotations__")
            if isinstance(annotations, dict):
                annotations[node.target.id] = node.value is not None

    def _aug_assign(self, node: ast.AugAssign) -> None:
        target = node.target
        before = self.evaluate(_loaded(target))
        value = self.evaluate(node.value)
        sign, _, name = BINARY[type(node.op)]
        if isinstance(before, list) and sign == "+" and not isinstance(value, Unknown):
            before.extend(self.iterate(value, node.value))
            result: Any = before
        elif (
            isinstance(before, Tensor)
            and isinstance(value, (Tensor, int, float))
            and f"Tensor.__i{name}__" in table.ROWS
        ):
            result = self.array_result(
                lambda: self.row(f"Tensor.__i{name}__")(before, value), [before, value], node
            )
            self._joins_graph(before, value)
            self._event("operator", f"{sign}=", node, [before, value], {}, result)
        else:
            method = self._special(before, f"__i{name}__")
            result = (
                self.call(method, [value], {}) if method is not None
                else self.binary(node, before, node.op, value)
            )  # fmt: skip
        self.bind(target, result)

    def bind(self, target: ast.expr, value: Any) -> None:
        """Give `value` to a target of an assignment."""
        if isinstance(target, ast.Name):
            self.store(target.id, value)
        elif isinstance(target, (ast.Tuple, ast.List)):
            self._unpack(target, value)
        elif isinstance(target, ast.Attribute):
            self.set_attribute(self.evaluate(target.value), target.attr, value)
        elif isinstance(target, ast.Subscript):
            self._store_item(
                target, self.evaluate(target.value), self.evaluate(target.slice), value
            )
        elif isinstance(target, ast.Starred):
            self.bind(target.value, value)

    def store(self, name: str, value: Any) -> None:
        """Give a name of this scope a value."""
        scope = self.frame.scope
        where = scope.elsewhere.get(name)
        if where == "global":
            scope.module[name] = value
        elif where == "nonlocal":
            outer = scope.outer
            while outer is not None and name not in outer.names:
                outer = outer.outer
            (outer or scope).names[name] = value
        else:
            scope.names[name] = value

    def _unpack(self, target: ast.Tuple | ast.List, value: Any) -> None:
        count = len(target.elts)
        stars = [i for i, one in enumerate(target.elts) if isinstance(one, ast.Starred)]
        if self._open(value):
            for i, one in enumerate(target.elts):
                self.bind(one, self.names.open(f"{value}[{i}]"))
            return
        if isinstance(value, Tensor) and not stars and value.rank and value.shape[0] != count:
            self.size_made([(value.shape[0], count)])
        try:
            items = self.iterate(value, target)
        except Refusal as refusal:
            if refusal.message.endswith("object is not iterable"):
                refusal.message = f"cannot unpack non-iterable {type_name(value)} object"
            raise
        if isinstance(items, Unknown):
            for one in target.elts:
                self.bind(one, items.of_kind("").written(unparsed(one)))  # each one of its own
            return
        items = list(islice(items, LARGEST_BUILT if stars else count + 1))
        at, after = (stars[0], count - stars[0] - 1) if stars else (0, 0)
        rank = {"unpacked": count} if isinstance(value, TorchSize) and not stars else {}
        least = f"at least {count - 1}" if stars else str(count)
        if not stars and len(items) > count:
            words = f"too many values to unpack (expected {count})"
            raise value_error(words, argument=value, wants=rank)
        if len(items) < count - bool(stars):
            words = f"not enough values to unpack (expected {least}, got {len(items)})"
            raise value_error(words, argument=None if stars else value, wants=rank)
        if stars:
            end = len(items) - after
            items = [*items[:at], items[at:end], *items[end:]]
        for one, part in zip(target.elts, items):
            self.bind(one, part)

    def _store_item(self, node: ast.AST, owner: Any, key: Any, value: Any) -> None:
        if isinstance(key, Unknown) and not isinstance(owner, (dict, Tensor)):
            return
        if isinstance(owner, Tensor):
            if arrays.is_array(owner):
                table.touch(owner)
                return
            changed = self.guarded(lambda: self.row("Tensor.__setitem__")(owner, key, value), node)
            self._joins_graph(owner, value)
            self._event("setitem", "[…] =", node, [owner, value], {"key": key}, owner)
            if isinstance(changed, Unknown):
                self.tell(changed)
            return
        if isinstance(owner, (list, dict)):
            self.python(
                lambda: owner.__setitem__(key, value),
                node,
                owner,
                f"'{type_name(owner)}' object does not support item assignment",
            )
            return
        method = self._special(owner, "__setitem__")
        if method is not None:
            self.call(method, [key, value], {})
            return
        if isinstance(owner, (tuple, str, int, float, type(None))):
            raise type_error(f"'{type_name(owner)}' object does not support item assignment")

    def _joins_graph(self, tensor: Tensor, value: Any) -> None:
        """What is written into a tensor: backward goes from it to where that came from."""
        if isinstance(value, Tensor) and value.graph - tensor.graph and not self.grad_off:
            object.__setattr__(tensor, "graph", tensor.graph | value.graph)

    def _expr(self, node: ast.Expr) -> None:
        self.evaluate(node.value)

    def _delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.frame.scope.names.pop(target.id, None)
            elif isinstance(target, ast.Subscript):
                owner, key = self.evaluate(target.value), self.evaluate(target.slice)
                if isinstance(owner, (list, dict)) and not isinstance(key, Unknown):
                    self.python(partial(owner.__delitem__, key), target)
            elif isinstance(target, ast.Attribute):
                owner = self.evaluate(target.value)
                if isinstance(owner, Instance):
                    drop(owner, target.attr)

    def _assert(self, node: ast.Assert) -> None:
        test = self.evaluate(node.test)
        truth = self.truth(test, node.test)
        if isinstance(truth, Unknown):
            return
        if truth:  # sizes that are equal by chance are made so
            if not any(isinstance(part, ast.Call) for part in ast.walk(node.test)):
                self._compared(node.test)
            return
        if isinstance(node.test, ast.Compare) and not isinstance(node.test.ops[0], ast.Eq):
            sides = [node.test.left, *node.test.comparators]
            if any(isinstance(self.evaluate(side), Size) for side in sides):
                return  # the number behind a name was chosen here
        message = self.evaluate(node.msg) if node.msg else ""
        raise Refusal("AssertionError", "" if isinstance(message, Unknown) else str(message),
            sizes=self._compared(node.test),
        )  # fmt: skip

    def _compared(self, node: ast.expr) -> list[tuple[int, int]]:
        """The two sides of an equality that did not hold, for an open size among them."""
        if not (
            isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq)
        ):
            return []
        a, b = self.evaluate(node.left), self.evaluate(node.comparators[0])
        if isinstance(a, int) and isinstance(b, int):
            pairs = [(a, b)]
        elif isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)) and len(a) == len(b):
            pairs = [(x, y) for x, y in zip(a, b) if isinstance(x, int) and isinstance(y, int)]
        else:
            return []
        self.size_made([(x, y) for x, y in pairs if x != y or isinstance(x - y, Size)])
        return pairs

    def _raise(self, node: ast.Raise) -> None:
        if node.exc is None:
            if isinstance(self.frame.handled, Refusal):
                raise self.frame.handled
            raise runtime_error("No active exception to reraise")
        value = self.evaluate(node.exc)
        if isinstance(value, Class):
            value = self.call(value, [], {})
        if isinstance(value, Raised):
            text = value.args[0] if value.args else ""
            message = "" if isinstance(text, Unknown) else str(text)
            raise Refusal(value.cls.name, message, value=value)
        if isinstance(value, Unknown):
            raise Stop(f"an exception that is not known ({value.what}) is raised", self.place(node))
        raise type_error("exceptions must derive from BaseException")

    def _if(self, node: ast.If) -> Any:
        truth = self.header(node, node.test)
        if isinstance(truth, Unknown):
            truth = self.decide(node, truth, node.test, self._likely(node))
        return self.block(node.body if truth else node.orelse)

    def header(self, node: ast.stmt, test: ast.expr) -> Any:
        """The truth of the condition in the head of a statement, its calls as a line."""

        def told(calls: list[Event], failed: bool) -> None:
            kinds = {event.kind for event in calls} - {"operator", "index"}
            if failed or any("Tensor.s" not in kind for kind in kinds):
                self._line(ast.copy_location(ast.Pass(), test), calls, failed)

        return self._traced(node, lambda: self.truth(self.evaluate(test), test), told)

    def _likely(self, node: ast.If) -> bool:
        last = node.body[-1]
        if isinstance(last, (ast.Raise, ast.Continue, ast.Break)):
            return False
        return not isinstance(last, ast.Return) or bool(node.orelse)

    def decide(self, node: ast.AST, unknown: Unknown, test: ast.AST, likely: bool = True) -> bool:
        """Which way to go where a condition is not known; the other is followed in a run of its
        own, where that is cheap."""
        frame = self.frame
        key = (frame.file, getattr(node, "lineno", 0), getattr(node, "col_offset", 0))
        taken = self.choices.get(key, likely)
        if key not in self.points:
            place = Place(frame.file, node, frame.where)
            self.points[key] = (taken, place, unparsed(test)[:80])
        return taken

    def _for(self, node: ast.For) -> Any:

        def told(calls: list[Event], failed: bool) -> None:
            if calls:
                self._line(ast.copy_location(ast.Pass(), node.iter), calls, False)

        items = self._traced(
            node, lambda: self.iterate(self.evaluate(node.iter), node.iter), told
        )  # fmt: skip
        if isinstance(items, Unknown):
            self.tell(items)
            return self._unknown_turns(node, items)
        return self._turns(node, items)

    def _turns(self, node: ast.For, items: Iterable[Any]) -> Any:
        known = items if isinstance(items, (list, tuple, range)) else None
        forward = Skip(self, node) if known is not None and len(known) >= 8 else None
        at, total = 0, len(known) if known is not None else -1
        iterator = iter(items) if known is None else None
        while True:
            if known is not None:
                if at >= len(known):
                    break
                item = known[at]
            else:
                try:
                    item = next(iterator)  # type: ignore[arg-type]
                except StopIteration:
                    break
                except PYTHON_ERRORS as error:
                    raise Refusal(type(error).__name__, str(error)) from None
            self.step()
            self.frame.node = node
            self.bind(node.target, item)
            signal = self.block(node.body)
            if signal is BREAK:
                return None
            if isinstance(signal, Return):
                return signal
            at += 1
            if forward is not None and at < total - 1:
                at = forward.after(at, total)
        return self.block(node.orelse)

    def _unknown_turns(self, node: ast.For | ast.While, unknown: Unknown) -> Any:
        """The body once, where it is not known how often it runs; what grew is not known then."""
        self.vague = True
        before = self._reached()
        if isinstance(node, ast.For):
            text = unparsed(node.target)
            self.bind(node.target, Unknown("", text, unknown.file, unknown.line))
        self.step(8)
        outer = self.record.turns
        self.record.turns = (*outer, (node, len(self.record.events)))
        signal = self.block(node.body)
        self.record.turns = outer
        if signal is None or signal is CONTINUE:
            self.record.repeated.add(node)
        self._forget(before, unknown)
        return signal if isinstance(signal, Return) else None

    def holders(self) -> list[dict[str, Any]]:
        """The names of the scope that runs, and the fields of the objects among them."""
        names = self.frame.scope.names
        objects = [v for v in list(names.values())[:50] if isinstance(v, Instance)]
        return [names, *(v._attributes for v in objects)]

    def _reached(self) -> list[tuple[Any, Any]]:
        """What the frames reach, a few thousand at the most: scopes and fields with their numbers,
        containers with their lengths."""
        todo: list[Any] = [self.frame.scope.module, *(f.scope.names for f in self.frames)][::-1]
        scopes = {id(names) for names in todo}
        found: list[tuple[Any, Any]] = []
        seen: set[int] = set()
        for value in todo:  # it grows
            if id(value) in seen or len(found) > MOST_REACHED:
                continue
            seen.add(id(value))
            if isinstance(value, Instance):
                value = value._attributes
                scopes.add(id(value))
            names = value if isinstance(value, dict) else {}
            numbers = {n: v for n, v in names.items() if isinstance(v, (int, float))}
            numbers.pop("training", None)
            found.append((value, numbers if id(value) in scopes else len(value)))
            inside = [v for n, v in names.items() if n not in _OF_MODULES] or list(
                islice(value, 50)
            )
            todo += [v for v in inside if isinstance(v, (list, dict, set, Instance))]
        return found

    def _forget(self, before: list[tuple[Any, Any]], unknown: Unknown) -> None:
        for value, old in before:
            if isinstance(old, dict):
                for name, number in old.items():
                    if isinstance(value.get(name), (int, float)) and value[name] != number:
                        value[name] = unknown
            elif len(value) != old and rest_of(value) is None:
                add_rest(value, unknown)

    def _while(self, node: ast.While) -> Any:
        turns, forward = 0, Skip(self)
        while True:
            truth = self.header(node, node.test)
            if isinstance(truth, Unknown):
                return self._unknown_turns(node, truth)
            if not truth:
                return self.block(node.orelse)
            self.step()
            signal = self.block(node.body)
            if signal is BREAK:
                return None
            if isinstance(signal, Return):
                return signal
            turns += 1
            if turns < 64:
                forward.onward(node.test, turns)
            if turns >= 2_000:
                place = self.place(node)
                raise Stop(f"a loop that has not ended after {turns:,} turns", place)

    def _try(self, node: ast.Try) -> Any:
        signal: Any = None
        try:
            try:
                signal = self.block(node.body)
            except Refusal as refusal:
                handler = next((h for h in node.handlers if self._catches(h, refusal)), None)
                if handler is None:
                    raise
                outer, self.frame.handled = self.frame.handled, refusal
                if handler.name:
                    self.store(handler.name, self._exception(refusal))
                signal = self.block(handler.body)
                self.frame.handled = outer
            else:
                if signal is None:
                    signal = self.block(node.orelse)
        finally:
            final = self.block(node.finalbody) if node.finalbody else None
        return final if final is not None else signal

    def _exception(self, refusal: Refusal) -> Raised:
        if isinstance(refusal.value, Raised):
            return refusal.value
        return Raised(exception_class(refusal.type), (refusal.message,))

    def _catches(self, handler: ast.ExceptHandler, refusal: Refusal) -> bool:
        if handler.type is None:
            return True
        wanted = self.evaluate(handler.type)
        cls = self._exception(refusal).cls
        wanted = wanted if isinstance(wanted, (tuple, list)) else [wanted]
        return any(isinstance(one, Class) and cls.under(one) for one in wanted)

    def _with(self, node: ast.With) -> Any:
        entered = []
        for item in node.items:
            manager = self.evaluate(item.context_expr)
            method = self._special(manager, "__enter__")
            value = self.call(method, [], {}) if method is not None else manager
            if item.optional_vars is not None:
                self.bind(item.optional_vars, value)
            entered.append(manager)
        try:
            return self.block(node.body)
        finally:
            for manager in reversed(entered):
                method = self._special(manager, "__exit__")
                if method is not None:
                    self.call(method, [None, None, None], {})

    def _function(self, node: ast.FunctionDef) -> None:
        function: Any = self.function(node, node.name)
        for decorator in reversed(node.decorator_list):
            function = self._decorated(decorator, function)
        self.store(node.name, function)

    def _decorated(self, decorator: ast.expr, value: Any) -> Any:
        wrapper = self.evaluate(decorator)
        if isinstance(wrapper, Unknown):
            return value
        result = self.call(wrapper, [value], {}, decorator)
        return value if isinstance(result, Unknown) else result

    def function(self, node: Any, name: str) -> Function:
        """A function object, with its defaults evaluated."""
        frame = self.frame
        owner = frame.scope.names.get("__class_being_made__")
        inside, scope = f"{frame.where}.<locals>." if frame.function else "", frame.scope
        if owner is not None:
            inside, scope = f"{frame.where}.", Scope({}, scope.module, scope.outer)
        return Function(
            node, scope, frame.file, f"{inside}{name}",
            [self.evaluate(d) for d in node.args.defaults],
            {
                a.arg: self.evaluate(d)
                for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults) if d is not None
            },
            owner, _yields(node),
        )  # fmt: skip

    def _class(self, node: ast.ClassDef) -> None:
        frame = self.frame
        bases, foreign = [], None
        for base in node.bases:
            value = self.evaluate(base.value if isinstance(base, ast.Starred) else base)
            if isinstance(value, Class):
                bases.append(value)
            elif isinstance(value, Native) and value.name in self.classes:
                bases.append(self.classes[value.name])
            else:
                vague = isinstance(value, Unknown)
                foreign = value if vague else self.unknown("a base class", base)
        cls = make_class(
            node.name, bases or [OBJECT], file=frame.file, line=node.lineno, node=node,
            foreign=foreign,
        )  # fmt: skip
        for parent in bases:
            cls.foreign = cls.foreign or parent.foreign
            if parent.form in ("enum", "exception", "namedtuple"):
                cls.form = cls.form or parent.form
        keywords = {word.arg: self.evaluate(word.value) for word in node.keywords if word.arg}
        meta = keywords.pop("metaclass", None)
        if isinstance(meta, Class) and meta.node is not None:
            cls.foreign = cls.foreign or self.unknown(f"made by {meta.name}", node)
        if not cls.form:  # what an instance holds as a dict or a list is not modelled
            real = next((parent for parent in cls.bases if parent.form == "type"), None)
            what = self.unknown(f"Python's {real.name}", node) if real else None
            cls.foreign = cls.foreign or what
        names: dict[str, Any] = {"__class_being_made__": cls, "__annotations__": {}}
        outer = frame.scope if frame.function or frame.scope.outer else None
        scope = Scope(names, frame.scope.module, _real(frame.scope) if outer else None)
        where = f"{frame.where}.<locals>.{node.name}" if frame.function else node.name
        inner = Frame(frame.file, where, scope, frame.path, frame.depth)
        self.frames.append(inner)
        try:
            self.block(node.body)
        finally:
            self.frames.pop()
        names.pop("__class_being_made__")
        cls.names = names
        made: Any = cls
        self.libraries["class made"](self, cls)
        for name, value in list(names.items()):
            if (named := self._special(value, "__set_name__")) is not None:
                self.call(named, [cls, name], {})
        hooks = [one.names.get("__init_subclass__") for one in cls.mro[1:]]
        for hook in [hook for hook in hooks if isinstance(hook, (Function, Static))][:1]:
            self.call(hook.function if isinstance(hook, Static) else hook, [cls], keywords)
        for decorator in reversed(node.decorator_list):
            made = self._decorated(decorator, made)
        self.store(node.name, made)

    def _global(self, node: ast.Global) -> None:
        self.frame.scope.elsewhere.update(dict.fromkeys(node.names, "global"))

    def _nonlocal(self, node: ast.Nonlocal) -> None:
        self.frame.scope.elsewhere.update(dict.fromkeys(node.names, "nonlocal"))

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            module = self.import_module(alias.name, 0, node)
            if alias.asname:
                self.store(alias.asname, module)
            else:
                top = alias.name.partition(".")[0]
                self.store(top, self.import_module(top, 0, node) if "." in alias.name else module)

    def _import_from(self, node: ast.ImportFrom) -> None:
        module = self.import_module(node.module or "", node.level, node)
        for alias in node.names:
            if alias.name == "*":
                source = module.names if isinstance(module, Names) and not module.library else {}
                if isinstance(module, Names) and module.library:
                    self.frame.scope.module.setdefault("*", []).append(module)
                if isinstance(module, Torch):
                    source = self.torch_names(module.path)
                for name, value in list(source.items()):
                    if not name.startswith("_"):
                        self.store(name, value)
                continue
            value = self.member(module, alias.name, node)
            if isinstance(value, Unknown) and isinstance(module, Names) and not module.library:
                inner = self.import_module(
                    f"{node.module}.{alias.name}" if node.module else alias.name, node.level, node
                )
                value = inner if isinstance(inner, Names) and not inner.library else value
            self.store(alias.asname or alias.name, value)

    def import_module(self, name: str, level: int, node: ast.AST) -> Any:
        """A module: torch, a modelled library, a file beside this one, or one that is not known."""
        if level == 0:
            if name == "torch" or name.startswith("torch."):
                return Torch(_torch_path(name))
            library = self.libraries.get(name)
            if isinstance(library, Names):
                return library
        return self.loader(self, name, level, self.frame.file)

    def member(self, module: Any, name: str, node: ast.AST) -> Any:
        """A name of a module."""
        if isinstance(module, Torch):
            return self.torch(f"{module.path}.{name}", node)
        if isinstance(module, Names):
            if name in module.names:
                return module.names[name]
            what = module.library or module.name
            unknown = self.unknown(f"{name}, imported from {what}", node)
            if (what.partition(".")[0], name) in _MODULES_ELSEWHERE:
                return self._module_elsewhere(name, unknown)
            return self._outside(unknown, name, what)
        return self.attribute(module, name, node)

    def _outside(self, unknown: Unknown, name: str, module: str = "") -> Any:
        """A value from outside: what --set gives it, an open size where it was used as one, else
        unknown."""
        size = name if name.isupper() or not module else f"{module}.{name}"
        if name in self.settings:
            return self._field(name)
        if size in self.names.kinds:
            self._objects.add(size)
            self.outside[size] = unknown.file, unknown.line
            return self._field(size)
        return Outside(unknown, name, size)

    def _part_of(self, owner: Unknown, part: str, node: ast.AST | None) -> Any:
        """An attribute or an item of what is not known."""
        if not owner.what or not isinstance(node, (ast.Attribute, ast.Subscript)):
            return owner.written("")
        if isinstance(owner, Outside):
            root = owner.name
        else:
            origin = owner.file, owner.line, owner.what
            root = self.roots.setdefault(origin, unparsed(node.value))
            if self.origins.setdefault(root, origin) != origin:
                root = f"{root} (line {owner.line})"
        return self._outside(owner.written(unparsed(node)), root + part)

    def _module_elsewhere(self, name: str, unknown: Unknown) -> Class:
        """A class that is a torch.nn.Module, and beyond that not known."""
        start = Native(f"{name}.__init__", lambda module, *_, **__: module_state(module))
        return make_class(name, [self.module_class], foreign=unknown, names={"__init__": start})

    def torch_names(self, path: str) -> dict[str, Any]:
        """What `from torch.nn import *` brings."""
        start = f"{path}."
        keys = [*table.ROWS, *table.MODULES, *table.CONSTANTS]
        names = {k[len(start) :].partition(".")[0] for k in keys if k.startswith(start)}
        return {name: self.torch(start + name, None) for name in names}

    def torch(self, path: str, node: ast.AST | None) -> Any:
        """What stands under a name of torch."""
        path = _torch_path(path)
        if path in self.classes:
            return self.classes[path]
        if path in table.MODULES:
            return self.native_class(path)
        if path in table.CONSTANTS:
            return table.CONSTANTS[path]
        if path in table.ROWS:
            return _of_row(table.ROWS[path])
        if path in self.functions:
            return self.functions[path]
        if path.startswith("torch.nn.init."):
            return Native(path, lambda x=None, *a, **k: x, "", False, True)
        if re.match(r"torch\.optim\.(lr_scheduler\.)?[A-Z]", path):
            self.classes[path] = optimizer_class(path)
            return self.classes[path]
        keys = (*table.ROWS, *table.MODULES, *table.CONSTANTS, *self.classes, *self.functions)
        if path in ("torch.optim", "torch.optim.lr_scheduler") or any(
            key.startswith(f"{path}.") for key in keys
        ):
            return Torch(path)
        return self.unknown(f"{path}, which is not in the table", node)

    def native_class(self, path: str) -> Class:
        """The class of one of torch's modules."""
        if path not in self.classes:
            rules = table.MODULES[path]
            names: dict[str, Any] = {}
            for rule in reversed(rules.__mro__[:-1]):
                for name, value in vars(rule).items():
                    if callable(value) and (not name.startswith("__") or name in _DUNDERS):
                        names[name] = Native(f"{path}.{name}", value, "", _calls_back(value), True)
            base = self.module_class if getattr(rules, "is_module", True) else OBJECT
            self.classes[path] = make_class(path.rpartition(".")[2], [base], names=names, path=path)
        return self.classes[path]

    def _match(self, node: ast.Match) -> Any:
        subject = self.evaluate(node.subject)
        for case in node.cases:
            found = self._matches(case.pattern, subject)
            if isinstance(found, Unknown):
                found = self.decide(case.pattern, found, node.subject)
            if found and case.guard is not None:
                guard = self.truth(self.evaluate(case.guard), case.guard)
                vague = isinstance(guard, Unknown)
                found = self.decide(case.guard, guard, case.guard) if vague else guard
            if found:
                return self.block(case.body)
        return None

    def _matches(self, pattern: ast.pattern, value: Any) -> Any:
        if isinstance(pattern, ast.MatchAs):
            if pattern.pattern is not None:
                found = self._matches(pattern.pattern, value)
                if not found or isinstance(found, Unknown):
                    return found
            if pattern.name:
                self.store(pattern.name, value)
            return True
        if isinstance(value, Unknown):
            return value
        if isinstance(pattern, ast.MatchValue):
            return self.truth(self.compare(ast.Eq(), value, self.evaluate(pattern.value), pattern))
        if isinstance(pattern, ast.MatchSingleton):
            return value is pattern.value
        if isinstance(pattern, ast.MatchOr):
            return any(self._matches(one, value) is True for one in pattern.patterns)
        if isinstance(pattern, ast.MatchSequence):
            if not isinstance(value, (list, tuple)) or len(value) != len(pattern.patterns):
                return False
            return all(self._matches(p, v) is True for p, v in zip(pattern.patterns, value))
        if isinstance(pattern, ast.MatchClass):
            cls = self.evaluate(pattern.cls)
            return self.libraries["isinstance"](self, value, cls) is True and not pattern.patterns
        return self.unknown("a pattern of match", None)

    # ------------------------------------------------------------------------------- expressions

    def evaluate(self, node: ast.expr) -> Any:
        """The value of an expression; of a container that holds more than is known, unknown."""
        try:
            value = EVALUATE[type(node)](self, node)
        except Refusal as refusal:
            if refusal.part is None:  # the innermost expression is at fault
                refusal.part = isinstance(node, PARTS) and self.place(node)
            raise
        if isinstance(value, (list, dict, set)):
            return rest_of(value) or value
        return value

    def _name(self, node: ast.Name) -> Any:
        scope: Scope | None = self.frame.scope
        name = node.id
        while scope is not None:
            if name in scope.names and name not in scope.elsewhere:
                return scope.names[name]
            scope = scope.outer
        module = self.frame.scope.module
        if name in module:
            return module[name]
        if name in self.builtins:
            return self.builtins[name]
        if name in ("__file__", "__doc__", "__annotations__"):
            return self.frame.file if name == "__file__" else None
        if "*" in module:
            others = module["*"]
            return self.member(next((m for m in others if name in m.names), others[-1]), name, node)
        function = self.frame.function
        if function is not None and name in _locals(function.node):
            raise Refusal(
                "UnboundLocalError",
                f"cannot access local variable '{name}' where it is not associated with a value",
            )
        value = self.absent(name)
        if value is not MISSING:
            module[name] = value
            return value
        if "exec()" in module or _special_name(name):
            return self.unknown(f"the name {name}", node)
        raise Refusal("NameError", f"name '{name}' is not defined")

    def _attribute(self, node: ast.Attribute) -> Any:
        return self.attribute(self.evaluate(node.value), node.attr, node)

    def _subscript(self, node: ast.Subscript) -> Any:
        return self.item(self.evaluate(node.value), self.evaluate(node.slice), node)

    def item(self, owner: Any, key: Any, node: ast.AST) -> Any:
        """owner[key]."""
        if isinstance(owner, Unknown):
            constant = isinstance(key, (str, int)) and not isinstance(key, Size)
            return self._part_of(owner, f"[{key!r}]", node) if constant else owner.written("")
        if isinstance(owner, Tensor):
            if arrays.is_array(owner):
                return self.array_result(
                    lambda: arrays.marked(
                        self.row("Tensor.__getitem__")(owner, arrays.forward_key(owner, key))
                    ),
                    [owner], node,
                )  # fmt: skip
            if arrays.is_array(key):
                key = arrays.as_tensor(key, "")
            result = self.guarded(lambda: self.row("Tensor.__getitem__")(owner, key), node)
            result = ordered(result, owner, key)
            self._event("index", "[…]", node, [owner], {"key": key}, result)
            return result
        if isinstance(key, Unknown):
            alike = isinstance(owner, (list, tuple)) and {_likeness(v) for v in owner}
            if alike and len(alike) == 1 and not isinstance(owner[0], (int, float, str)):
                return owner[0]  # whichever: all are alike
            return self.unknown(key.what, node)
        if isinstance(owner, (list, tuple, str, bytes, range)):
            key = one_number(key)
            if isinstance(key, Tensor) and key.numel == 1 and not key.floating:
                return self.item(owner, self.unknown("", node, "int"), node)
            if isinstance(key, slice):
                if any(isinstance(p, Unknown) for p in (key.start, key.stop, key.step)):
                    return self.unknown("a slice of unknown bounds", node)
                if isinstance(owner, TorchSize):
                    return TorchSize(tuple(owner)[_plain_slice(key)])
                if isinstance(owner, range):
                    owner = self.listed(owner, node)
                    return owner if isinstance(owner, Unknown) else owner[key]
            return self.paid(lambda: owner[key], node, owner)
        if isinstance(owner, dict):
            if key in owner if _hashable(key) else False:
                return owner[key]
            if getattr(owner, "open", False) and isinstance(key, str):
                owner[key] = self.names.open(key)
                return owner[key]
            factory = getattr(owner, "factory", None)
            if factory is not None:
                owner[key] = self.call(factory, [], {})
                return owner[key]
            self.texted(key, owner)
            if isinstance(key, str) and any(isinstance(k, Unknown) for k in owner):
                return self.unknown("an entry of a dict with unknown keys", node)
            return self.python(lambda: dict(owner)[key], node)
        if isinstance(owner, Packed):
            return self.attribute(owner, self.python(lambda: PACKED[key], node), node)
        if self._open(owner):
            if isinstance(key, str) and f"{owner}.{key}" in self.settings:
                return self._field(f"{owner}.{key}")
            return self.names.open(f"{owner}[{key!r}]")
        if isinstance(owner, Class) and owner.form == "enum" and isinstance(key, str):
            return self._class_attribute(owner, key, node)
        if isinstance(owner, (Class, Torch, Native)):
            return owner  # List[int], Tuple[…]
        method = self._special(owner, "__getitem__")
        if method is not None:
            return self.call(method, [key], {}, node)
        if isinstance(owner, Instance) and owner._cls.foreign is not None:
            return owner._cls.foreign
        if (key is None or key in ((), ...)) and self._perhaps_numpys(owner, node):
            return self.unknown("an index of a number, perhaps NumPy's", node)
        raise type_error(f"'{type_name(owner)}' object is not subscriptable", argument=owner)

    def _open(self, value: Any) -> bool:
        """Whether a value is an open argument, which may be an object as well as a size."""
        if not isinstance(value, Size) or len(value.terms) != 1 or value.name is None:
            return False
        key = value.terms[0][0][0].key
        return key in self.objects or key.partition(".")[0].partition("[")[0] in self.objects

    def _field(self, name: str) -> Any:
        """A field of an open argument: what --set gives it, else a size of that name."""
        value = self.setting(name)
        return self.names.open(name) if value is MISSING else value

    def setting(self, *names: str) -> Any:
        """What --set gave under one of the names; MISSING where it gave nothing."""
        for name in names:
            if name in self.settings:
                self.used_settings.add(name)
                return self.settings[name]
        return MISSING

    @property
    def objects(self) -> set[str]:
        """Names of open arguments that may turn out to be objects: configs, vocabularies."""
        return self._objects

    def row(self, name: str) -> Callable[..., Any]:
        """The rule of a row."""
        return table.ROWS[name].rule

    def _slice(self, node: ast.Slice) -> slice:
        parts = [
            self.evaluate(part) if part is not None else None
            for part in (node.lower, node.upper, node.step)
        ]
        return slice(*map(one_number, parts))

    def _tuple(self, node: ast.Tuple) -> Any:
        made = tuple(self._elements(node.elts))
        if self.vast(made):
            return self.unknown("a tuple of very many elements", node)
        return made

    def _set(self, node: ast.Set) -> Any:
        items = self._elements(node.elts)
        return self.python(lambda: set(items), node)

    def _elements(self, nodes: Sequence[ast.expr]) -> list[Any]:
        result: list[Any] = []
        for one in nodes:
            if isinstance(one, ast.Starred):
                items = self.iterate(self.evaluate(one.value), one)
                if isinstance(items, Unknown):
                    result.append(items)
                else:
                    result.extend(list(islice(items, LARGEST_BUILT)))
            else:
                result.append(self.evaluate(one))
        return result

    def _dict(self, node: ast.Dict) -> Any:
        result: dict[Any, Any] = {}
        for key, value in zip(node.keys, node.values):
            if key is None:
                other = self.evaluate(value)
                if isinstance(other, dict):
                    result.update(other)
                elif isinstance(other, Unknown):
                    result[other] = other
                continue
            name, item = self.evaluate(key), self.evaluate(value)
            self.python(partial(result.__setitem__, name, item), node)
        return result

    def _joined(self, node: ast.JoinedStr) -> Any:
        parts = []
        for one in node.values:
            if isinstance(one, ast.Constant):
                parts.append(str(one.value))
                continue
            assert isinstance(one, ast.FormattedValue)
            value = self.evaluate(one.value)
            spec = self.evaluate(one.format_spec) if one.format_spec is not None else ""
            if isinstance(value, Unknown) or isinstance(spec, Unknown):
                return self.unknown("", node, "str")
            text = self.text(value, representation=one.conversion == 114)
            if spec and isinstance(value, (int, float, str)) and not re.search(r"\d{4}", spec):
                number = int(value) if isinstance(value, Size) else value
                text = self.python(partial(format, number, spec), node)
            if isinstance(text, Unknown):
                return text
            parts.append(text)
        if sum(map(len, parts)) > LARGEST_BUILT:
            return self.unknown("", node, "str")
        self.step(sum(map(len, parts)) >> 7)
        return "".join(parts)

    def text(self, value: Any, representation: bool = False) -> Any:
        """str() or repr() of a value."""
        if isinstance(value, (Tensor, Unknown, Function, Native, Bound, Iter, Names, Torch)):
            return self.unknown("", None, "str")
        if isinstance(value, Raised):
            return str(value.args[0]) if len(value.args) == 1 else str(value.args)
        if isinstance(value, Class):
            return f"<class '{value.name}'>"
        if isinstance(value, Instance):
            for name in ("__repr__",) if representation else ("__str__", "__repr__"):
                method = self._special(value, name)
                if method is not None:
                    return self.call(method, [], {})
            return self.unknown("", None, "str")
        if isinstance(value, (list, tuple, dict, set)):
            plain = (int, float, str, type(None))
            if unfolded(value, 1000) > 1000 or not all(isinstance(v, plain) for v in _deep(value)):
                return self.unknown("", None, "str")
        return repr(value) if representation else str(value)

    def _bool_op(self, node: ast.BoolOp) -> Any:
        stop = isinstance(node.op, ast.Or)
        value: Any = None
        for one in node.values:
            value = self.evaluate(one)
            truth = self.truth(value, one)
            if isinstance(truth, Unknown):
                rest = node.values[node.values.index(one) + 1 :]
                for other in [self.evaluate(other) for other in rest]:
                    decided = self.truth(other)
                    if not isinstance(decided, Unknown) and decided == stop:
                        return other if isinstance(other, bool) else truth
                return truth
            if truth == stop:
                return value
        return value

    def _unary(self, node: ast.UnaryOp) -> Any:
        value = self.evaluate(node.operand)
        if isinstance(node.op, ast.Not):
            truth = self.truth(value, node.operand)
            return truth if isinstance(truth, Unknown) else not truth
        if isinstance(value, Unknown):
            return value.written(unparsed(node))
        name, apply = UNARY[type(node.op)]
        if isinstance(value, Tensor):
            return self.guarded(lambda: self.row(f"Tensor.{name}")(value), node)
        method = self._special(value, name)
        if method is not None:
            return self.call(method, [], {})
        return _foreign(value) or self.python(lambda: apply(value), node, value)

    def _bin_op(self, node: ast.BinOp) -> Any:
        return self.binary(node, self.evaluate(node.left), node.op, self.evaluate(node.right))

    def binary(self, node: ast.AST, left: Any, op: ast.operator, right: Any) -> Any:
        """left op right."""
        sign, apply, name = BINARY[type(op)]
        tensors = isinstance(left, Tensor) or isinstance(right, Tensor)
        objects = isinstance(left, (Instance, Raised)) or isinstance(right, (Instance, Raised))
        if tensors and not objects:
            return self._tensor_binary(node, left, sign, name, right)
        if isinstance(left, Unknown) or isinstance(right, Unknown):
            found = left if isinstance(left, Unknown) else right
            operands = (left, right)
            kinds = {v.kind if isinstance(v, Unknown) else type(v).__name__ for v in operands}
            if kinds <= _NUMBERS and (sign == "/" or kinds & {"float", "Ratio"}):
                result = self.unknown(found.what, node, "float")
                result.line, result.file = found.line, found.file
                return result
            sized = all(isinstance(v, (int, Outside)) for v in (left, right))
            text = unparsed(node) if isinstance(node, ast.expr) else ""
            return found if sized else found.written(text)
        for one, other, called in (
            ((left, right, name), (right, left, f"r{name}")) if objects else ()
        ):
            method = self._special(one, f"__{called}__")
            if method is not None:
                return self.call(method, [other], {}, node)
        foreign = _foreign(left, right) if objects else None
        if foreign:
            return foreign
        if tensors:
            return self._tensor_binary(node, left, sign, name, right)
        if isinstance(left, TorchSize) and isinstance(right, (tuple, list)) and sign == "+":
            return TorchSize((*left, *right))
        if sign == "|" and (isinstance(left, Class) or isinstance(right, Class)):
            return self.unknown("", node)  # a union of types
        if any(isinstance(v, dict) and type(v) is not dict for v in (left, right)):
            return self.unknown(f"{sign} of a Counter or a dict of its kind", node)
        large = self._too_large(left, sign, right)
        if large:
            return self.unknown(f"{large}, which is not built", node)
        if sign == "%" and isinstance(left, str):
            return self._formatted(left, right, node)
        words = operand_words(left, sign, right, joins=False)
        return self.paid(lambda: apply(left, right), node, _tuple_of(left, right), words)

    def vast(self, *values: Any) -> bool:
        """Whether one of the values is a nest of containers that takes Python too long."""
        counts = [unfolded(value, LARGEST_BUILT) for value in values]
        self.step(min(sum(counts), LARGEST_BUILT) >> 7)
        return max(counts) > LARGEST_BUILT

    def paid(self, *arguments: Any) -> Any:
        """What python() gives; the length of what is built costs steps."""
        result = self.python(*arguments)
        if isinstance(result, (list, tuple, str, bytes)):
            self.step(len(result) >> 7)
        return result

    def _formatted(self, left: str, right: Any, node: ast.AST) -> Any:
        parts = right if isinstance(right, tuple) else (right,)
        if any(not isinstance(p, (int, float, str, bool, type(None))) for p in parts) or re.search(
            r"\d{4}", left
        ):
            return self.unknown("", node, "str")
        return self.python(lambda: left % right, node)

    def _too_large(self, left: Any, sign: str, right: Any) -> str:
        if sign == "*":
            for one, times in ((left, right), (right, left)):
                if isinstance(one, (list, tuple, str, bytes)) and isinstance(times, int):
                    if len(one) * max(times, 0) > LARGEST_BUILT:
                        return f"a {type_name(one)} of {len(one) * times:,} elements"
        if sign == "+" and isinstance(left, (list, tuple, str)) and isinstance(right, type(left)):
            if len(left) + len(right) > LARGEST_BUILT:
                return f"a {type_name(left)} of {len(left) + len(right):,} elements"
        if sign in ("**", "<<") and isinstance(left, int) and isinstance(right, int):
            bits = right if sign == "<<" else max(int(left).bit_length(), 1) * max(right, 0)
            return "a number of very many digits" if bits > 4096 else ""
        if sign == "*" and isinstance(left, int) and isinstance(right, int):
            if int(left).bit_length() + int(right).bit_length() > 8192:
                return "a number of very many digits"
        return ""

    def _tensor_binary(self, node: ast.AST, left: Any, sign: str, name: str, right: Any) -> Any:
        if isinstance(left, Unknown) or isinstance(right, Unknown):
            other = left if isinstance(left, Unknown) else right
            if other.kind not in ("float", "int", "bool"):
                self.tell(other, matters=True)
                return other
            left, right = (0.5 if isinstance(v, Unknown) else v for v in (left, right))
        flipped = not isinstance(left, Tensor)
        kinds = Tensor if sign == "@" else (Tensor, int, float, complex)
        for one in (left, right):
            if not isinstance(one, kinds):
                raise type_error(operand_words(left, sign, right), argument=one)
        if sign == "@":
            kind, rule, operands = "torch.matmul", self.row("torch.matmul"), (left, right)
        else:
            mirrored = _MIRROR.get(name) or f"r{name}"
            kind, rule = "operator", self.row(f"Tensor.__{mirrored if flipped else name}__")
            operands = (right, left) if flipped else (left, right)
        result = self.array_result(lambda: rule(*operands), operands, node)
        self._event(kind, sign, node, [left, right], {}, result)
        return result

    def _compare(self, node: ast.Compare) -> Any:
        left = self.evaluate(node.left)
        result: Any = True
        for op, comparator in zip(node.ops, node.comparators):
            right = self.evaluate(comparator)
            result = self.compare(op, left, right, node)
            if len(node.ops) > 1:
                truth = self.truth(result)
                if isinstance(truth, Unknown) or not truth:
                    return truth
            left = right
        return result

    def compare(self, op: ast.cmpop, left: Any, right: Any, node: ast.AST) -> Any:
        """One comparison."""
        if isinstance(op, (ast.Is, ast.IsNot)):
            if isinstance(left, Unknown) or isinstance(right, Unknown):
                return left if isinstance(left, Unknown) else right
            same = left is right or (
                isinstance(left, (int, str)) and type(left) is type(right) and left == right
            )
            return same if isinstance(op, ast.Is) else not same
        if isinstance(op, (ast.In, ast.NotIn)):
            found = self._contains(right, left, node)
            return found if isinstance(found, Unknown) or isinstance(op, ast.In) else not found
        if isinstance(left, Unknown) or isinstance(right, Unknown):
            return left if isinstance(left, Unknown) else right
        sign, apply, name = COMPARE[type(op)]
        for one, other in ((left, right), (right, left)):
            if isinstance(other, str):
                self.texted(one, [other])
            if self._open(one) and (other is None or isinstance(other, (str, bool, list, tuple))):
                return self.unknown(f"the value of {one}, which was not given", None, "bool")
        if isinstance(left, Tensor) or isinstance(right, Tensor):
            if sign in ("==", "!=") and not all(
                isinstance(v, (Tensor, int, float, bool)) for v in (left, right)
            ):
                return sign == "!="
            return self._tensor_binary(node, left, sign, name, right)
        for one, other, called in ((left, right, name), (right, left, _MIRROR[name])):
            if isinstance(one, Instance):
                method = self._special(one, f"__{called}__")
                if method is not None:
                    return self.call(method, [other], {})
        foreign = _foreign(left, right)
        if foreign and (foreign is not _MEMBER or sign not in ("==", "!=")):
            return foreign
        if self.vast(left, right):
            return self.unknown("a comparison of very many elements", node, "bool")
        if sign in ("==", "!="):
            result = self.python(lambda: left == right, node)
            return result if sign == "==" or not isinstance(result, bool) else not result
        if isinstance(left, complex) or isinstance(right, complex):
            return self.unknown("an order of complex numbers, which NumPy's have", node, "bool")
        words = operand_words(left, sign, right)
        written = any(isinstance(n, ast.Constant) for n in ast.iter_child_nodes(node))
        for one, other in ((left, right), (right, left)):
            if isinstance(other, (list, tuple)) and not written and self._perhaps_numpys(one, node):
                return self.unknown("an order of a number, perhaps NumPy's", node, "bool")
        return self.python(lambda: apply(left, right), node, _tuple_of(left, right), words)

    def _contains(self, container: Any, value: Any, node: ast.AST) -> Any:
        if isinstance(container, Unknown):
            return container
        method = self._special(container, "__contains__")
        if method is not None:
            return self.call(method, [value], {})
        if isinstance(container, (dict, set, frozenset)) and not isinstance(value, Unknown):
            self.texted(value, container)
            return self.python(lambda: value in container, node)
        if isinstance(container, str):
            if isinstance(value, Unknown):
                return value
            if self._open(value):
                return self.unknown(f"the value of {value}, which was not given", None, "bool")
            return self.python(lambda: value in container, node)
        if isinstance(container, Tensor):
            return self.guarded(lambda: self.row("Tensor.__contains__")(container, value), node)
        if self._open(container):
            return self.unknown("", node)
        items = self.iterate(container, node)
        if isinstance(items, Unknown):
            return items
        if isinstance(items, (list, tuple)):
            self.texted(value, items)
        vague = None
        for item in items if isinstance(items, (list, tuple, range)) else islice(items, 10_000):
            if isinstance(item, Unknown) or isinstance(value, Unknown):
                vague = item if isinstance(item, Unknown) else value
            elif self._open(value) and not isinstance(item, int):
                vague = self.unknown(f"the value of {value}, which was not given", None, "bool")
            elif item is value or (
                not isinstance(item, Tensor) and not isinstance(value, Tensor) and item == value
            ):
                return True
        return vague if vague is not None else False

    def truth(self, value: Any, node: ast.AST | None = None) -> Any:
        """Whether a value counts as true; Unknown where that is not known."""
        if isinstance(value, Unknown):
            return value
        if isinstance(value, Tensor):
            if value.numel != 1 and not isinstance(value.numel, Size):
                word = "no values" if value.numel == 0 else "more than one value"
                raise runtime_error(
                    f"Boolean value of Tensor with {word} is ambiguous", argument=value
                )
            if isinstance(one_number(value), Tensor):
                return self.unknown("a number in a tensor", node, "bool")
            return bool(one_number(value))
        if isinstance(value, Instance):
            method = self._special(value, "__bool__") or self._special(value, "__len__")
            return self.truth(self.call(method, [], {})) if method is not None else True
        if isinstance(value, Size):
            if self._open(value) and value.name:
                return self.decide_flag(value, node)
            return bool(value)
        return bool(value) if value is None or _kinds(value) else True

    def decide_flag(self, value: Size, node: ast.AST | None, likely: bool = False) -> bool:
        """An open argument used as a yes or no: the same wherever it is asked; the other answer is
        followed in a run of its own."""
        key = (f"flag {value.terms[0][0][0].key}", 0, 0)
        taken = self.choices.get(key, likely)
        place = self.place(node)
        if place is not None:
            self.points.setdefault(key, (taken, place, str(value)))
        return taken

    def _if_exp(self, node: ast.IfExp) -> Any:
        truth = self.truth(self.evaluate(node.test), node.test)
        if isinstance(truth, Unknown):
            truth = self.decide(node, truth, node.test)
        return self.evaluate(node.body if truth else node.orelse)

    def _named_expr(self, node: ast.NamedExpr) -> Any:
        value = self.evaluate(node.value)
        self.bind(node.target, value)
        return value

    def _yield(self, node: ast.Yield) -> Any:
        value = self.evaluate(node.value) if node.value is not None else None
        yielded = self.frame.yielded
        if yielded is not None:
            yielded.append(value)
            if len(yielded) >= 512:
                raise _Enough
        return None

    def _yield_from(self, node: ast.YieldFrom) -> Any:
        items = self.iterate(self.evaluate(node.value), node)
        yielded = self.frame.yielded
        if yielded is not None and not isinstance(items, Unknown):
            yielded.extend(list(islice(items, 512)))
        return None

    def _comprehension(self, node: Any) -> Any:
        frame = self.frame
        outer = frame.scope
        frame.scope = Scope({}, outer.module, outer)
        result: list[Any] = []
        try:
            vague = self._generate(node.generators, 0, node, result)
        finally:
            frame.scope = outer
        if vague is not None:
            self.tell(vague)
            return vague
        if isinstance(node, ast.GeneratorExp):
            return Iter(iter(result))
        if isinstance(node, ast.SetComp):
            return self.python(lambda: set(result), node)
        if isinstance(node, ast.DictComp):
            return self.python(lambda: dict(result), node)
        return result

    def _generate(
        self, generators: Sequence[ast.comprehension], at: int, node: Any, result: list[Any]
    ) -> Unknown | None:
        if at == len(generators):
            if isinstance(node, ast.DictComp):
                result.append((self.evaluate(node.key), self.evaluate(node.value)))
            else:
                result.append(self.evaluate(node.elt))
            if len(result) > LARGEST_BUILT:
                raise Stop("a comprehension of very many elements", self.place(node))
            return None
        generator = generators[at]
        items = self.iterate(self.evaluate(generator.iter), generator.iter)
        if isinstance(items, Unknown):
            return items
        for item in items:
            self.step()
            self.bind(generator.target, item)
            keep: Any = True
            for test in generator.ifs:
                keep = self.truth(self.evaluate(test), test)
                if isinstance(keep, Unknown) or not keep:
                    break
            if isinstance(keep, Unknown):
                return keep
            if keep:
                vague = self._generate(generators, at + 1, node, result)
                if vague is not None:
                    return vague
        return None

    # --------------------------------------------------------------------------------- iteration

    def iterate(self, value: Any, node: ast.AST | None = None) -> Any:
        """The elements of a value, as something Python can go through; or Unknown."""
        if isinstance(value, (list, tuple, range, Unknown)):
            return value
        if isinstance(value, (dict, set, frozenset, str, bytes)):
            return list(value)
        if isinstance(value, Iter):
            return value.items
        if isinstance(value, Tensor):
            if not value.rank:
                raise type_error("iteration over a 0-d tensor", argument=value)
            if value.shape[0] > 20_000:
                return self.unknown("the rows of a long tensor", node)
            rows = [selected(value, 0, i) for i in range(int(value.shape[0]))]
            return arrays.marked(rows) if arrays.is_array(value) else rows
        method = self._special(value, "__iter__")
        if method is not None:
            return self.iterate(self.call(method, [], {}), node)
        method = self._special(value, "__next__")
        if method is not None:
            return self._nexts(method)
        method = self._special(value, "__getitem__")
        if method is not None and isinstance(value, Instance):
            return self._items(value, method)
        if isinstance(value, Packed):
            return [self.attribute(value, name, node) for name in PACKED]
        if isinstance(value, Class) and value.form == "enum":
            return self.libraries["members"](value)
        if self._open(value):
            return self.unknown(f"the elements of {value}, which was not given", node)
        if isinstance(value, Instance) and value._cls.foreign is not None:
            return value._cls.foreign
        if isinstance(value, (Names, Torch)):
            return self.unknown("a module", node)
        raise type_error(f"'{type_name(value)}' object is not iterable", argument=value)

    def _nexts(self, method: Any) -> Iterator[Any]:
        while True:
            try:
                item = self.call(method, [], {})
            except Refusal as refusal:
                if refusal.type == "StopIteration":
                    return
                raise
            yield item

    def _items(self, value: Instance, method: Any) -> Any:
        length = self._special(value, "__len__")
        count = self.call(length, [], {}) if length is not None else None
        if isinstance(count, Unknown):
            return count
        return self._each(method, count)

    def _each(self, method: Any, count: int | None) -> Iterator[Any]:
        i = 0
        while count is None or i < count:
            try:
                item = self.call(method, [i], {})
            except Refusal as refusal:
                if refusal.type == "IndexError":
                    return
                raise
            yield item
            i += 1

    def listed(self, value: Any, node: ast.AST | None = None) -> Any:
        """list(value), or Unknown."""
        items = self.iterate(value, node)
        if isinstance(items, Unknown):
            return items
        if isinstance(items, range) and len(items) > LARGEST_BUILT:
            return self.unknown(f"a list of {len(items):,} elements, which is not built", node)
        result = []
        for item in items:
            self.step()
            result.append(item)
            if len(result) > LARGEST_BUILT:
                return self.unknown("a list of very many elements", node)
        return result

    def items(self, value: Any) -> Any:
        """list(value), for a native function. Raises NotKnown."""
        return known(self.listed(value))

    # -------------------------------------------------------------------------------- attributes

    def _special(self, value: Any, name: str) -> Any:
        """A method of the value's class, bound; None where there is none."""
        cls = class_of(value)
        if cls is None:
            return None
        found = cls.find(name)
        return None if found is MISSING else Bound(found, value)

    def attribute(self, owner: Any, name: str, node: ast.AST | None = None) -> Any:
        """owner.name."""
        if isinstance(owner, Size) and hasattr(str, name) and not hasattr(int, name):
            self.texted(owner)
        if isinstance(owner, Tensor):
            return self._tensor_attribute(owner, name, node)
        if isinstance(owner, Instance):
            return self._instance_attribute(owner, name, node)
        if isinstance(owner, Unknown):
            if not owner.what:
                return owner
            return self._part_of(owner, f".{name}", node)
        if isinstance(owner, (Torch, Names)):
            return self.member(owner, name, node or ast.Pass())
        if isinstance(owner, Class):
            return self._class_attribute(owner, name, node)
        if isinstance(owner, Super):
            return self._super_attribute(owner, name)
        if isinstance(owner, Raised):
            if name == "args":
                return owner.args
            if name in owner.attributes:
                return owner.attributes[name]
            method = self._special(owner, name)
            return method or self.unknown(f"the attribute {name}", node)
        result = self.libraries["attribute"](self, owner, name, node)
        if result is not MISSING:
            return result
        if self._open(owner):
            return self._field(f"{owner}.{name}")
        if isinstance(owner, Function) and getattr(owner.node, "decorator_list", None):
            return self.unknown(f"{name} of a decorated function", node)
        if _special_name(name) or any(hasattr(kind, name) for kind in _kinds(owner)):
            return self.unknown(f"{name} of a {type_name(owner)}", node)
        if name not in _TENSORS_ALONE and self._perhaps_numpys(owner, node):
            return self.unknown(f"{name} of a number, perhaps NumPy's", node)
        raise lacks(owner, name)

    def _perhaps_numpys(self, value: Any, node: ast.AST | None) -> bool:
        """Whether a value of `node` is a number that is not written there, and may be NumPy's."""
        if not isinstance(value, (int, float)) or isinstance(node, ast.Constant):
            return False
        module = self.frame.scope.module.values()
        return any(isinstance(v, Names) and v.library == "numpy" for v in module)

    def _tensor_attribute(self, owner: Tensor, name: str, node: ast.AST | None) -> Any:
        prefix = "numpy.ndarray" if owner.facts.get("numpy") else "Tensor"
        row = table.ROWS.get(f"{prefix}.{name}")
        if row is None:
            if name in owner.facts.get("attributes", {}):
                return owner.facts["attributes"][name]
            if name in table.TENSOR_NAMES or prefix != "Tensor" or name.startswith("_"):
                return self.unknown(f"{prefix}.{name}, which is not in the table", node)
            raise lacks(owner, name)
        if name == "grad":  # what is done with it is not followed
            self.record.gradient("cleared", [owner], None, self.place())
        if row.attribute:
            result = self.guarded(lambda: row.rule(owner), node)
            if isinstance(result, Tensor):
                self._event(row.name, name, node, [owner], {}, result)
            return result
        return Bound(_of_row(row), owner)

    def _instance_attribute(self, owner: Instance, name: str, node: ast.AST | None) -> Any:
        found = owner._cls.find(name)
        if isinstance(found, Property):
            return self.call(found.getter, [owner], {}, node)
        if name == "__class__":
            return owner._cls
        if name == "__dict__":
            return owner._attributes
        try:
            return getattr(owner, name) if not name.startswith("__") else owner._attributes[name]
        except (AttributeError, KeyError):
            pass
        if found is not MISSING:
            return self._bound(found, owner, owner._cls)
        method = self._special(owner, "__getattr__")
        if method is not None:
            return self.call(method, [name], {}, node)
        if owner._cls.foreign is not None:
            self.let_out(owner._attributes.values())
            return self.unknown(
                f"{name} of {owner._cls.name}, whose base is {owner._cls.foreign.what}", node
            )
        if owner._cls.kind not in ("", "torch.nn.Module") or (
            owner._cls.kind and name in table.MODULE_NAMES
        ):
            return self.unknown(f"{name} of {owner._cls.kind}, which is not in the table", node)
        if any(
            cls.node is None and not cls.form and "__init__" in cls.names
            for cls in owner._cls.mro if cls not in (OBJECT, self.module_class)
        ):  # fmt: skip
            return self.unknown(f"{name} of a {owner._cls.name}", node)
        if _special_name(name) or any(cls.form == "type" for cls in owner._cls.mro):
            return self.unknown(f"{name} of a {owner._cls.name}", node)
        if owner._cls.form == "open":
            owner._attributes[name] = self.libraries["open"](owner, name)
            return owner._attributes[name]
        raise lacks(owner, name)

    def _bound(self, found: Any, owner: Any, cls: Class) -> Any:
        if isinstance(found, Static):
            return Bound(found.function, cls) if found.of_class else found.function
        if isinstance(found, (Function, Native)):
            return Bound(found, owner)
        if self._special(found, "__get__") is not None:
            return self.unknown("what a descriptor gives")
        return found

    def _class_attribute(self, owner: Class, name: str, node: ast.AST | None) -> Any:
        if name in ("__name__", "__qualname__"):
            return owner.name
        if name == "__mro__":
            return tuple(owner.mro)
        if name == "__dict__":
            return owner.names
        found = owner.find(name)
        if found is not MISSING:
            return self._bound(found, None, owner) if isinstance(found, Static) else found
        if name == "__init__":
            return Native("object.__init__", lambda *a, **k: None)
        if owner.form == "enum" and name == "__members__":
            return {k: v for k, v in owner.names.items() if isinstance(v, Instance)}
        row = table.ROWS.get(f"Tensor.{name}") if owner.path == "torch.Tensor" else None
        if row is not None and not row.attribute:
            return _of_row(row)
        if name == "__new__" and not (owner.form or owner.foreign):
            return OBJECT_NEW
        if name == "__new__" and owner.form == "namedtuple":
            owner.fields, owner.foreign = None, self.unknown("a named tuple's own __new__", node)
        if name == "__setattr__" and owner is OBJECT:
            return Native("object.__setattr__", self.put, unknowns=True)
        unlike = owner.form in ("exception", "type", "namedtuple")
        if owner.foreign is not None or unlike or owner.path or _special_name(name):
            return self.unknown(f"{name} of {owner.name}", node)
        raise Refusal("AttributeError", f"type object '{owner.name}' has no attribute '{name}'")

    def _super_attribute(self, owner: Super, name: str) -> Any:
        cls = owner.self if isinstance(owner.self, Class) else class_of(owner.self)
        mro = list(cls.mro) if cls else []
        start = mro.index(owner.after) + 1 if owner.after in mro else 0
        for one in mro[start:]:
            if name in one.names:
                found = one.names[name]
                if isinstance(found, Property):
                    return self.call(found.getter, [owner.self], {})
                return self._bound(found, owner.self, one)
        if name == "__init__":
            return Bound(Native("object.__init__", lambda *a, **k: None, unknowns=True), owner.self)
        if name == "__setattr__":
            return Native(
                "object.__setattr__", lambda n, v: self.put(owner.self, n, v), unknowns=True
            )
        if name == "__getattr__" and isinstance(owner.self, Instance):
            return Native("Module.__getattr__", lambda n: self._plain_attribute(owner.self, n))
        if name == "__new__" and cls is not None and not cls.foreign:
            return OBJECT_NEW
        if cls is not None and (cls.foreign is not None or _special_name(name)):
            return self.unknown(f"{name} of a base of {cls.name}", None)
        raise Refusal("AttributeError", f"'super' object has no attribute '{name}'")

    def _plain_attribute(self, owner: Instance, name: str) -> Any:
        try:
            return getattr(owner, name)
        except AttributeError:
            raise lacks(owner, name) from None

    def set_attribute(self, owner: Any, name: str, value: Any) -> None:
        """owner.name = value."""
        if isinstance(owner, Instance):
            found = owner._cls.find(name)
            if isinstance(found, Property):
                if found.setter is None:
                    raise Refusal(
                        "AttributeError",
                        f"property '{name}' of '{owner._cls.name}' object has no setter",
                    )
                self.call(found.setter, [owner, value], {})
                return
            method = self._special(owner, "__setattr__")
            if method is not None:
                self.call(method, [name, value], {})
                return
            self.put(owner, name, value)
        elif isinstance(owner, Class):
            owner.names[name] = value
        elif isinstance(owner, Tensor):
            if name == "grad":
                self.record.gradient("cleared", [owner], None, self.place())
            elif name == "requires_grad":
                owner.storage.requires_grad = isinstance(value, Unknown) or bool(value)
            elif name == "data" and isinstance(value, Tensor):
                table.touch(owner)
        elif isinstance(owner, (Function, Raised)):
            owner.attributes[name] = value
        elif isinstance(owner, Names):
            owner.names[name] = value
        elif (owner is None or _kinds(owner)) and not self._open(owner):
            raise lacks(owner, name)

    def put(self, owner: Instance, name: str, value: Any) -> None:
        """Store an attribute as nn.Module.__setattr__ does."""
        own = owner._attributes
        if isinstance(value, Unknown) and name in own.get("_parameters", ()):
            return  # it stays a parameter; of what shape was told by the constructor
        module = isinstance(value, Instance) and "_modules" in value._attributes
        parameter = isinstance(value, Tensor) and value.parameter
        if "_parameters" not in own:
            if (module or parameter) and owner._cls.under(self.module_class):
                word = "module" if module else "parameters"
                raise Refusal(
                    "AttributeError", f"cannot assign {word} before Module.__init__() call"
                )
            own[name] = value
            return
        if name in GROUPS:
            if isinstance(value, dict):
                own[name] = value
            return
        for group, words in (
            ("_parameters", "as parameter '{}' (torch.nn.Parameter or None expected)"),
            ("_modules", "as child module '{}' (torch.nn.Module or None expected)"),
        ):
            plain = not (parameter or module or value is None or isinstance(value, Unknown))
            if name in own[group] and plain:
                raise type_error(
                    f"cannot assign '{_typename(value)}' {words.format(name)}", argument=value
                )
        setattr(owner, name, value)

    # ------------------------------------------------------------------------------------- calls

    def _call(self, node: ast.Call) -> Any:
        if isinstance(node.func, ast.Name) and node.func.id == "super" and not node.args:
            frame = self._method_frame()
            if frame is not None and frame.function and frame.function.owner:
                return Super(frame.function.owner, frame.self)
        function = self.evaluate(node.func)
        args = self._elements(node.args)
        keywords: dict[str, Any] = {}
        for keyword in node.keywords:
            value = self.evaluate(keyword.value)
            if keyword.arg is not None:
                keywords[keyword.arg] = value
            elif isinstance(value, dict):
                keywords.update({k: v for k, v in value.items() if isinstance(k, str)})
            elif isinstance(value, Instance) and value._cls.form == "namespace":
                keywords.update(value._attributes)
            elif isinstance(value, Unknown):
                self.tell(value)
        self.frame.node = node
        try:
            return self.call(function, args, keywords, node)
        except Refusal as refusal:
            if refusal.part is None:
                self._blame(refusal, node, args, keywords)
            raise

    def _method_frame(self) -> Frame | None:
        return next((f for f in reversed(self.frames) if f.function and f.function.owner), None)

    def _blame(
        self, refusal: Refusal, node: ast.Call, args: list[Any], keywords: dict[str, Any]
    ) -> None:
        """The part of the line at fault: the argument that the refusal is about, or the call."""
        part: ast.AST = node
        if refusal.argument is not None and len(args) == len(node.args):
            for value, one in zip(
                [*args, *keywords.values()], [*node.args, *(k.value for k in node.keywords)]
            ):
                if value is refusal.argument:
                    part = one
        refusal.part = self.place(part)

    def call(
        self, function: Any, args: list[Any], keywords: dict[str, Any], node: ast.AST | None = None
    ) -> Any:
        """function(*args, **keywords)."""
        self.step()
        if isinstance(function, Function):
            return self.call_function(function, args, keywords, node)
        if isinstance(function, Bound):
            call = self.call_native if isinstance(function.function, Native) else self.call
            return call(function.function, [function.self, *args], keywords, node)
        if isinstance(function, Native):
            return self.call_native(function, args, keywords, node)
        if isinstance(function, Class):
            return self.libraries["instantiate"](self, function, args, keywords, node)
        if isinstance(function, Instance):
            return self.call_instance(function, args, keywords, node)
        if isinstance(function, Unknown):
            return self._unknown_call(function, args, keywords, node)
        if isinstance(function, Static):
            return self.call(function.function, args, keywords, node)
        if self._open(function):
            unknown = self.unknown(f"a call of {function}, which was not given", node)
            return self._unknown_call(unknown, args, keywords, node)
        if isinstance(function, Torch):
            raise type_error("'module' object is not callable")
        raise type_error(f"'{type_name(function)}' object is not callable", argument=function)

    def let_out(self, values: Iterable[Any]) -> None:
        """Values handed to code that is not known: it may clear the gradients that they hold."""
        for value in values:
            if isinstance(value, Instance):
                held = parameters_in(value) if "_modules" in value._attributes else ()
                self.record.gradient("lost", held, value)
            elif isinstance(value, Tensor) and value.parameter:
                self.record.gradient("lost", [value])
            elif isinstance(value, (list, tuple)):
                self.let_out(value[:64])

    def _unknown_call(
        self,
        function: Unknown,
        args: Sequence[Any],
        keywords: Mapping[str, Any],
        node: ast.AST | None,
    ) -> Any:
        self.let_out([*args, *keywords.values()])
        whole = unparsed(node)[:80] if isinstance(node, ast.Call) else ""
        if isinstance(function, Outside) and function.name.endswith(".get"):
            if args and isinstance(args[0], str):  # an item of it
                item = f"{function.name[:-4]}[{args[0]!r}]"
                return self._outside(function.written(whole), item)
        if not function.what or function.what.startswith("a call of"):
            return function.of_kind("").written(whole)
        text = unparsed(node.func)[:60] if isinstance(node, ast.Call) else ""
        what = function.what
        if text and ("," in what or not what.startswith(text)):
            origin = re.search(
                r"(, imported from .*|, which is not in the table|, which was not given)$", what
            )
            what = f"a call of {text}{origin.group() if origin else ''}"
        result = self.unknown(what, node)
        result.text = whole
        statement = self.frame.statement
        dropped = isinstance(statement, ast.Expr) and statement.value is node
        if not dropped and any(True for _ in tensors_in([*args, *keywords.values()])):
            self.tell(result)
        return result

    def call_function(
        self,
        function: Function,
        args: list[Any],
        keywords: dict[str, Any],
        node: ast.AST | None = None,
    ) -> Any:
        """One of the program's own functions."""
        names = bound(function, args, keywords)
        if self.open_keywords in names and isinstance(names[self.open_keywords], dict):
            opened = DefaultDict(names[self.open_keywords])
            opened.open = True
            names[self.open_keywords], self.open_keywords = opened, ""
        if len(self.frames) > DEPTH:
            raise Stop(f"calls inside each other, more than {DEPTH} deep", self.place(node))
        caller = self.frame
        line = getattr(caller.node, "lineno", 0)
        first = next(iter(names.values()), None) if function.owner else None
        where = function.qualname.replace(".<locals>", "")
        frame = Frame(
            function.file, where, Scope(names, function.scope.module, function.scope),
            (*caller.path, line), caller.depth + 1, function, first,
        )  # fmt: skip
        body = function.node
        self.frames.append(frame)
        if function.generator:
            frame.yielded = []
        try:
            if isinstance(body, ast.Lambda):
                frame.node = body.body
                return self.evaluate(body.body)
            signal = self.block(body.body)
        except _Enough:
            return Iter(iter(frame.yielded or []))
        except Refusal as refusal:
            if function.generator and refusal.type == "StopIteration":
                return Iter(iter(frame.yielded or []))
            if frame.node is not None:
                self._located(refusal, frame.node)
            raise
        finally:
            self.frames.pop()
        if function.generator:
            return Iter(iter(frame.yielded or []))
        return signal.value if isinstance(signal, Return) else None

    def call_instance(
        self,
        owner: Instance,
        args: list[Any],
        keywords: dict[str, Any],
        node: ast.AST | None = None,
    ) -> Any:
        """An object that is called: a module's forward, or its class's __call__."""
        found = owner._cls.find("__call__")
        if found is not MISSING:
            return self.call(found, [owner, *args], keywords, node)
        forward = owner._attributes.get("forward", owner._cls.find("forward"))
        if owner._cls.under(self.module_class):
            if forward is MISSING:
                raise Refusal(
                    "NotImplementedError",
                    f'Module [{owner._cls.name}] is missing the required "forward" function',
                )
            if isinstance(forward, Native):
                return self.call_native(forward, [owner, *args], keywords, node, owner)
            if forward is owner._attributes.get("forward"):
                result = self.call(forward, args, keywords, node)
            else:
                result = self.call(forward, [owner, *args], keywords, node)
            self._event("", owner._cls.name, node, args, keywords, result, owner)
            for vague in _unknowns((result,)):
                self.tell(vague, matters=True)
            return result
        if owner._cls.foreign is not None:
            unknown = self.unknown(
                f"a call of {owner._cls.name}, whose base is {owner._cls.foreign.what}", node
            )
            if any(True for _ in tensors_in(args)):
                self.tell(unknown, matters=True)
            return unknown
        raise type_error(f"'{owner._cls.name}' object is not callable", argument=owner)

    def call_native(
        self,
        function: Native,
        args: list[Any],
        keywords: dict[str, Any],
        node: ast.AST | None = None,
        module: Instance | None = None,
    ) -> Any:
        """A modelled function: its rule, its refusal, an unknown in its arguments."""
        row = function.row
        if module is None and function.name.endswith(".forward") and args:
            module = args[0] if isinstance(args[0], Instance) else None  # super().forward(…)
        if row.startswith(("torch.", "Tensor.")) or module is not None:
            args, keywords = self._of_arrays(row, args, keywords)
        if row or module is not None or function.name.endswith(".__init__"):
            args = [_plain_unknown(a) for a in args]
            keywords = {k: _plain_unknown(v) for k, v in keywords.items()}
        values = [*args, *keywords.values()]
        vague = next((u for v in values for u in _unknowns(v)), None)
        if vague is not None and (not function.unknowns or module is not None):
            if isinstance(vague, Outside) and row in SIZED and not self.settled:
                raise Restart(kinds={vague.size: "width"})
            touches = any(True for _ in tensors_in(values)) or module is not None
            if row or module is not None:
                self.tell(vague, matters=touches)
            if module is not None:
                self._forward(module, node, args, keywords, vague)
            return vague
        rule = function.rule
        builds = function.name.endswith(".__init__") and function.name[:-9] in table.MODULES
        if builds:
            if args and "_modules" not in args[0]._attributes:
                module_state(args[0])
            args, keywords = self.closed(function, args, keywords, node)
        if function.interpreter:
            outer_rule = rule
            rule = lambda *a, **k: outer_rule(self, *a, **k)  # noqa: E731
        try:
            result = self.guarded(lambda: rule(*args, **keywords), node, function.name)
        except Refusal as refusal:
            refusal.of_torch = bool(row) or module is not None or ".nn." in function.name
            own = refusal.type == "TypeError" and not refusal.of_torch
            if own and any(map(arrays.is_array, values)):  # Python's words are not those of arrays
                return self.unknown("an operation of NumPy", node)
            raise
        if builds and isinstance(result, dict):
            for name, value in result.items():
                if name not in ("self", "device", "dtype"):
                    setattr(args[0], name, value)
            result = None
        if row in table.RESHAPING and isinstance(result, Tensor):
            self._replaced(args[0], result)
        place = self.place(node)
        if isinstance(result, Unknown) and not result.line and place:
            result.file, result.line = place.file, place.line
        if self.grad_off and (row or module is not None):
            result = without_graph(result)
        if module is not None:
            self._forward(module, node, args, keywords, result)
        elif row:
            self._event(row, function.__name__, node, args, keywords, result, function)
        return result

    def _forward(
        self, module: Instance, node: Any, args: list[Any], keywords: dict[str, Any], result: Any
    ) -> None:
        cls = module._cls
        self._event(cls.kind, cls.name, node, args[1:], keywords, result, module)

    def _replaced(self, before: Any, after: Tensor) -> None:
        """x.unsqueeze_(0): what was called `before` is `after` now."""
        for frame in self.frames:
            places = [frame.scope.names]
            if isinstance(frame.self, Instance):
                places.append(frame.self._attributes)
            for names in places:
                names.update({name: after for name, value in names.items() if value is before})

    def _of_arrays(
        self, row: str, args: list[Any], keywords: dict[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """The arguments of a call of torch, where some are arrays of NumPy."""
        if not any(arrays.is_array(v) for v in (*args, *keywords.values())):
            return args, keywords
        vague = self.unknown("an array of NumPy in the place of a tensor")
        taken = row in arrays.TAKES_ARRAYS

        def read(value: Any) -> Any:
            if not arrays.is_array(value):
                return value
            return self.guarded(lambda: arrays.as_tensor(value, row), None) if taken else vague

        return [read(v) for v in args], {k: read(v) for k, v in keywords.items()}

    def array_result(
        self, rule: Callable[[], Any], operands: Sequence[Any], node: ast.AST | None
    ) -> Any:
        """The result of an operation that may be one of NumPy: no words of torch are its."""
        if not any(arrays.is_array(v) for v in operands):
            return self.guarded(rule, node)
        if any(isinstance(v, Tensor) and not arrays.is_array(v) for v in operands):
            return self.unknown("a tensor and an array of NumPy together", node)
        try:
            return arrays.settled(self.guarded(rule, node), operands)
        except Refusal:
            return self.unknown("an operation of NumPy", node)

    def closed(
        self, function: Native, args: list[Any], keywords: dict[str, Any], node: ast.AST | None
    ) -> tuple[list[Any], dict[str, Any]]:
        """The arguments of a module's constructor, with something definite for what is open: a
        share for a dropout, yes or no for a flag, a small number for a number of layers. What the
        program leaves open is kept in `_open`."""
        path = function.name[:-9]
        names = parameter_names(path, function.rule)
        open_: dict[str, str | None] = {}

        def close(name: str, value: Any) -> Any:
            vague = isinstance(value, Unknown)
            if not name or name in ("modules", "module", "parameters", "init_dict"):
                return value
            key = value.terms[0][0][0].key if isinstance(value, Size) and value.name else ""
            if not vague and not key:
                return value
            if isinstance(value, Outside) and name in _FLAGS and not self.settled:
                raise Restart(kinds={value.size: "width"})
            if name in (*_SHARES, *_FLAGS):
                open_[name] = None if vague else str(value)
            if name in _SHARES:
                return 0.5
            if name in _FLAGS:
                likely = name in ("bias", "affine", "elementwise_affine")
                if isinstance(value, Size):
                    self.flags.add(key)
                    return self.decide_flag(value, node, likely)
                return self.decide(node or ast.Pass(), value, node or ast.Pass(), likely)
            if name in ("nonlinearity", "mode", "padding_mode") and vague:
                open_[name] = None
                return "tanh" if name == "nonlinearity" else "zeros"
            if isinstance(value, Outside) and not self.settled and name not in ("device", "dtype"):
                raise Restart(kinds={value.size: "count" if name == "num_layers" else "width"})
            if vague:
                if value.kind in ("float", "str", "bool") or name in ("device", "dtype", "_weight"):
                    return None if name in ("device", "dtype", "_weight") else value
                self.tell(value)
                called = value.text or self._unnamed(value)
                self.outside[called] = value.file, value.line
                value = self.names.open(called)
            if name == "num_layers" and isinstance(value, Size) and not self.settled:
                key = value.terms[0][0][0].key
                if self.names.kinds.get(key) != "count":
                    raise Restart(kinds={key: "count"})
            return value

        first, *rest = args
        rest = [close(names[i] if i < len(names) else "", v) for i, v in enumerate(rest)]
        keywords = {name: close(name, value) for name, value in keywords.items()}
        if open_:
            first._attributes["_open"] = open_
        return [first, *rest], keywords

    def _unnamed(self, value: Unknown) -> str:
        """What a size is called that nothing in the program calls: each by its line."""
        held = self.unnamed.setdefault(value.line, [])
        at = next((i for i, one in enumerate(held) if one is value), len(held))
        if at == len(held):
            held.append(value)
        return f"{'a' if at == 0 else f'the {at + 1}.'} size in line {value.line}"

    def guarded(self, rule: Callable[[], Any], node: ast.AST | None, name: str = "") -> Any:
        """The result of a rule: its refusal located, what it does not know unknown."""
        try:
            return rule()
        except Refusal as refusal:
            if refusal.sizes:
                self.size_made(refusal.sizes)
            if "divides" in refusal.wants:
                self.divided(refusal.wants["numel"], refusal.wants["divides"])
            self.grown(refusal)
            counted = [*refusal.wants.values(), *(n for pair in refusal.sizes for n in pair)]
            if any(_of_data(n) for n in counted):
                return self.unknown("a size that depends on the data", node)
            raise
        except NotKnown as error:
            return error.value or self.unknown(error.why or f"what {name or 'it'} gives", node)
        except (Stop, Restart, _Enough, RecursionError):
            raise
        except TypeError as error:
            step: Any = error.__traceback__
            outside = not (step and step.tb_next and step.tb_next.tb_next)
            of_module = name.startswith("torch.nn.") and "utils" not in name
            if outside and "argument" in str(error) and of_module:
                raise type_error(str(error)) from None
            return self.unknown(f"{name or 'an operation'} with these arguments", node)
        except Exception:
            return self.unknown(f"{name or 'an operation'} with these arguments", node)

    def python(
        self,
        rule: Callable[[], Any],
        node: ast.AST | None = None,
        argument: Any = None,
        message: str = "",
    ) -> Any:
        """An operation of Python itself on values of its own: what it raises, it raises."""
        try:
            return rule()
        except PYTHON_ERRORS as error:
            text = str(error)
            if not message and re.search(r"'(Unknown|Instance|Native|Function|Bound|Class)'", text):
                return self.unknown("an operation of Python", node)  # on what is a model of ours
            typed = isinstance(error, TypeError) and message
            if typed and re.match(
                r"unsupported operand|'.*' not supported|.*item assignment", text
            ):
                text = message
            text = re.sub(r"\bTorchSize\b", "torch.Size", re.sub(r"\bSize\b", "int", text))
            raise Refusal(type(error).__name__, text, argument=argument) from None
        except (MemoryError, RecursionError, OverflowError):
            return self.unknown("a value too large to build", node)

    def _event(
        self,
        kind: str,
        name: str,
        node: ast.AST | None,
        args: Sequence[Any],
        keywords: Mapping[str, Any],
        result: Any,
        function: Any = None,
    ) -> None:
        frame = self.frame
        at = node or frame.node
        if at is None:
            return
        text = name
        if isinstance(at, ast.Call):
            text = unparsed(at.func)
        owner = function if isinstance(function, Instance) else frame.self
        training = owner._attributes.get("training") if isinstance(owner, Instance) else None
        event = Event(
            kind, name, text, Place(frame.file, at, frame.where), tuple(args), dict(keywords),
            result, frame.path, function, training=training,
        )  # fmt: skip
        kept = tuple((tensor, tensor.storage.written) for tensor in saved(event))
        event = replace(event, saved=kept) if kept else event
        frame.calls.append(event)
        self.record.event(event)


def operand_words(left: Any, sign: str, right: Any, joins: bool = True) -> str:
    """What Python says of an operator that neither operand takes; `joins`: a sequence's own."""
    kind, other = type_name(left), type_name(right)
    if joins and isinstance(left, (list, tuple, str)):
        if sign == "+":
            return f'can only concatenate {kind} (not "{other}") to {kind}'
        if sign == "*":
            return f"can't multiply sequence by non-int of type '{other}'"
    if sign in ("<", "<=", ">", ">="):
        return f"'{sign}' not supported between instances of '{kind}' and '{other}'"
    sign = "** or pow()" if sign == "**" else sign
    return f"unsupported operand type(s) for {sign}: '{kind}' and '{other}'"


def _of_row(row: table.Row) -> Native:
    return Native(row.name, row.rule, row.name, row.interpreter, row.unknowns)


def ordered(result: Any, x: Tensor, key: Any) -> Any:
    """A choice of rows: what the result remembers of the tensor of positions that chose them."""
    first = key[0] if isinstance(key, tuple) and key else key
    for one in key if isinstance(key, tuple) else (key,):
        if isinstance(one, Tensor) and one.rank == 1 and one.dtype == "int64":
            first = one
    if not (isinstance(result, Tensor) and isinstance(first, Tensor) and first.dtype == "int64"):
        return result
    facts = {k: v for k, v in result.facts.items() if k != "order"}
    if "order" not in x.facts:
        facts["order"] = first
    return replace(result, facts=facts)


def unparsed(node: ast.AST) -> str:
    """A node as it is written; kept with it, since a loop asks for it at every turn."""
    text: str | None = getattr(node, "written", None)
    if text is None:
        text = node.written = ast.unparse(node)[:400]  # type: ignore[attr-defined]
    return text


def without_graph(value: Any) -> Any:
    """Results under no_grad."""
    if isinstance(value, Tensor):
        return replace(value, graph=frozenset()) if value.graph else value
    if isinstance(value, Packed):
        return replace(value, data=without_graph(value.data), padded=without_graph(value.padded))
    if type(value) is tuple:
        return tuple(without_graph(one) for one in value)
    return value


class _Enough(Exception):
    """A generator has given as many elements as are taken."""


class Skip:
    """Goes over the turns of a long loop that are all alike: the first few and the last are walked.

    Alike means: every name of the scope keeps its shape; a whole number grows by the same, a list
    by as many elements of the same shapes.
    """

    def __init__(self, interpreter: Interpreter, loop: ast.For | None = None) -> None:
        self.interpreter = interpreter
        nodes = ast.walk(loop.target) if loop is not None else ()
        self.targets = {n.id for n in nodes if isinstance(n, ast.Name)}
        self.moduli = [
            part.right
            for one in (ast.walk(loop) if loop is not None else ()) if isinstance(one, ast.If)
            for part in ast.walk(one.test)
            if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Mod)
            and isinstance(part.right, ast.Constant | ast.Name)
        ]  # fmt: skip
        self.seen: list[dict[tuple[int, str], Any]] = []
        self.counts: list[dict[Any, int]] = []
        self.calls: list[int] = []
        self.start = interpreter.steps

    def after(self, at: int, total: int) -> int:
        """The turn that comes next, after `at` turns of `total`."""
        each = (self.start - self.interpreter.steps) / at
        if total - at < 4 or (total <= 64 and each * total < 6_000):
            return at
        period = max(map(self._period, self.moduli), default=0)
        if at < 2 * period + 2 and each * period < 6_000:  # what only every so many turns do
            return at
        changes = self.alike(at)
        skipped = total - at - 1
        return total - 1 if changes is not None and self._leap(changes, skipped) else at

    def _period(self, modulus: ast.expr) -> int:
        value = modulus.value if isinstance(modulus, ast.Constant) else None
        if isinstance(modulus, ast.Name):
            value = self.interpreter.frame.scope.names.get(modulus.id)
        return value if isinstance(value, int) else 0

    def alike(self, turns: int) -> dict[tuple[int, str], int] | None:
        """What one turn more changes, where the last ones changed the same; None else."""
        record = self.interpreter.record
        self.seen = [*self.seen[-2:], self._state()]
        self.counts = [*self.counts[-1:], {k: v.count for k, v in record.lines.items()}]
        self.calls = [*self.calls[-1:], record.recurrent]
        return self._changes() if len(self.seen) == 3 and turns >= 4 else None

    def onward(self, test: ast.expr, turns: int) -> None:
        """Of a `while i < n` in which i grows alike: to the turn before the last."""
        changes = self.alike(turns)
        if changes is None or not (isinstance(test, ast.Compare) and len(test.ops) == 1):
            return
        sides = [test.left, test.comparators[0]]
        steps = [changes.get((0, one.id), 0) if isinstance(one, ast.Name) else 0 for one in sides]
        plain = [one for one in sides if isinstance(one, (ast.Name, ast.Constant))]
        ends = [self.interpreter.evaluate(one) for one in plain]
        step = steps[1] - steps[0]
        if len(ends) < 2 or not step or not all(isinstance(end, (int, float)) for end in ends):
            return
        left = (ends[1] - ends[0]) / -step  # turns until the two are equal
        if left > 4 and isinstance(test.ops[0], (ast.Lt, ast.LtE, ast.Gt, ast.GtE)):
            self._leap(changes, int(left) - 2)

    def _leap(self, changes: Mapping[tuple[int, str], int], skipped: int) -> bool:
        holders = self.interpreter.holders()
        grown = [(holders[h], name, change) for (h, name), change in changes.items()]
        lists = [
            (owner[name], change) for owner, name, change in grown if isinstance(owner[name], list)
        ]
        if any(change * skipped + len(value) > LARGEST_BUILT for value, change in lists):
            return False
        for owner, name, change in grown:
            value = owner[name]
            if isinstance(value, list):
                value.extend(value[-change:] * skipped)
            else:
                owner[name] = value + change * skipped
        record = self.interpreter.record
        record.recurrent += (record.recurrent - self.calls[0]) * skipped
        for key, line in record.lines.items():
            line.count += (line.count - self.counts[0].get(key, 0)) * skipped
        return True

    def _state(self) -> dict[tuple[int, str], Any]:
        state: dict[tuple[int, str], Any] = {}
        for i, holder in enumerate(self.interpreter.holders()):
            for name, value in holder.items():
                if i or name not in self.targets:
                    state[i, name] = _shape_of(value)
        return state

    def _changes(self) -> dict[tuple[int, str], int] | None:
        first, second, third = self.seen
        if first.keys() != second.keys() or second.keys() != third.keys():
            return None
        changes: dict[tuple[int, str], int] = {}
        for key, now in third.items():
            a, b = first[key], second[key]
            if a == b == now:
                continue
            if not a[0] == b[0] == now[0] or now[0] not in ("number", "list"):
                return None
            step = now[1] - b[1]
            if step != b[1] - a[1] or now[2:] != b[2:] or (now[0] == "list" and step <= 0):
                return None
            changes[key] = step
        return changes


def _shape_of(value: Any, depth: int = 3) -> Any:
    if isinstance(value, Tensor):
        return ("tensor", value.shape, value.dtype, value.storage.requires_grad)
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return ("plain", value)
    if isinstance(value, (int, float)):
        return ("number", value)
    if isinstance(value, list):
        return ("list", len(value), _shape_of(value[-1], depth - 1) if value and depth else None)
    if isinstance(value, tuple):
        return ("tuple", *(_shape_of(v, depth - 1) for v in value[:20])) if depth else ("tuple",)
    if isinstance(value, dict):
        inside = list(value.values())[:20] if depth else ()
        return ("dict", len(value), tuple(_shape_of(v, depth - 1) for v in inside))
    if isinstance(value, Packed):
        return ("packed", value.padded.shape)
    kept = isinstance(value, (Instance, Class, Function))
    return ("object", id(value) if kept else type(value).__name__)


def bound(function: Function, args: list[Any], keywords: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by their names, or Python's TypeError."""
    spec = function.node.args
    name = function.qualname
    positional = [a.arg for a in (*spec.posonlyargs, *spec.args)]
    values: dict[str, Any] = dict(zip(positional, args))
    if len(args) > len(positional) and spec.vararg is None:
        least, most = len(positional) - len(function.defaults), len(positional)
        plural, word = "s" if most != 1 else "", "was" if len(args) == 1 else "were"
        takes = f"{most} positional argument{plural}"
        if least != most:
            takes = f"from {least} to {most} positional arguments"
        raise type_error(f"{name}() takes {takes} but {len(args)} {word} given")
    extra: dict[str, Any] = {}
    known = {*positional[len(spec.posonlyargs) :], *(a.arg for a in spec.kwonlyargs)}
    for key, value in keywords.items():
        if key in known:
            if key in values:
                raise type_error(f"{name}() got multiple values for argument '{key}'")
            values[key] = value
        elif spec.kwarg is not None:
            extra[key] = value
        else:
            raise type_error(f"{name}() got an unexpected keyword argument '{key}'")
    optional = dict(zip(positional[len(positional) - len(function.defaults) :], function.defaults))
    missing = [n for n in positional if n not in values and n not in optional]
    if missing:
        raise type_error(f"{name}() missing {missing_words(missing, 'positional')}")
    for key, value in {**optional, **function.keyword_defaults}.items():
        values.setdefault(key, value)
    missing = [a.arg for a in spec.kwonlyargs if a.arg not in values]
    if missing:
        raise type_error(f"{name}() missing {missing_words(missing, 'keyword-only')}")
    ordered = {n: values[n] for n in (*positional, *(a.arg for a in spec.kwonlyargs))}
    if spec.vararg is not None:
        ordered[spec.vararg.arg] = tuple(args[len(positional) :])
    if spec.kwarg is not None:
        ordered[spec.kwarg.arg] = extra
    return ordered


def missing_words(names: list[str], kind: str) -> str:
    """What Python says of arguments that a call lacks."""
    *most, last = [f"'{n}'" for n in names]
    comma = "," if len(most) > 1 else ""
    listed = f"{', '.join(most)}{comma} and {last}" if most else last
    return f"{len(names)} required {kind} argument{'s' if len(names) > 1 else ''}: {listed}"


# by the package and the name: classes of others that are torch.nn.Modules
_MODULES_ELSEWHERE = {
    ("pytorch_lightning", "LightningModule"), ("lightning", "LightningModule"),
    ("transformers", "PreTrainedModel"),
}  # fmt: skip
_SHARES = {"p", "dropout", "eps", "momentum", "alpha", "negative_slope", "label_smoothing"}
_FLAGS = {"bias", "batch_first", "bidirectional", "affine", "inplace", "elementwise_affine",
          "track_running_stats", "add_bias_kv"}  # fmt: skip


def parameter_names(path: str, rule: Callable[..., Any]) -> list[str]:
    """The arguments of a module's constructor, in order."""
    cell = {kind.class_name: cell for cell, kind in KINDS.items()}.get(path.rpartition(".")[2])
    if cell is not None:
        return list(positional_names(cell))
    code = rule.__code__
    return list(code.co_varnames[1 + _calls_back(rule) : code.co_argcount])


# rows whose arguments beside a tensor are sizes, or a device
SIZED = {
    *(f"torch.{name}" for name in ("zeros", "ones", "empty", "randn", "rand")), "Tensor.view",
    "Tensor.reshape", "Tensor.expand", "Tensor.repeat", "Tensor.new_zeros", "Tensor.to",
}  # fmt: skip


def _plain_unknown(value: Any) -> Any:
    """A float that is not known is as good as any where shapes are asked for; what is no module of
    torch, and has a base that is not known, is not known."""
    if isinstance(value, Unknown) and getattr(value, "kind", "") == "float":
        return 0.5
    return _foreign(value) or value


def _unknowns(value: Any) -> Iterator[Unknown]:
    if isinstance(value, Unknown):
        yield value
    elif isinstance(value, (list, tuple)) and len(value) <= 1000:
        for one in value:
            if isinstance(one, Unknown):
                yield one
            elif isinstance(one, (list, tuple)) and len(one) <= 100:
                yield from (u for u in one if isinstance(u, Unknown))


def _deep(value: Any) -> Iterator[Any]:
    for one in value.values() if isinstance(value, dict) else value:
        if isinstance(one, (list, tuple, dict, set)):
            yield from _deep(one)
        else:
            yield one


def _kinds(value: Any) -> tuple[type, ...]:
    """The classes of Python that a value of ours may stand for."""
    plain = (int, float, complex, str, bytes, tuple, set, frozenset, range, slice)
    if isinstance(value, dict):
        return (dict, collections.OrderedDict, collections.Counter, collections.defaultdict)
    if isinstance(value, list):
        return (list, collections.deque)
    return tuple(kind for kind in plain if isinstance(value, kind))[:1]


def _of_data(size: Any) -> bool:
    """Whether a size counts what a mask or the like has chosen: K1."""
    names = {n for names, _ in size.terms for n in names} if isinstance(size, Size) else ()
    return any(re.fullmatch(r"K\d+", name) and not name.key for name in names)


def _likeness(value: Any) -> Any:
    return (value.shape, value.dtype) if isinstance(value, Tensor) else type(value)


def _hashable(key: Any) -> bool:
    try:
        hash(key)
    except TypeError:
        return False
    return True


_MEMBER = Unknown("")


def _special_name(name: str) -> bool:
    """Whether Python itself gives a name to objects of many kinds; not all are modelled."""
    return name[:2] == name[-2:] == "__"


def _foreign(*operands: Any) -> Unknown | None:
    """The base that is not known of an operand's class; of a module torch's own suffices. A member
    of an enum may be a number."""
    classes = [one._cls for one in operands if isinstance(one, Instance)]
    found = next((cls.foreign for cls in classes if cls.foreign and not cls.kind), None)
    return found or (_MEMBER if any(cls.form == "enum" for cls in classes) else None)


def _tuple_of(*operands: Any) -> Any:
    """The one among the operands of an operator that is at fault where none takes it."""
    return next((one for one in operands if isinstance(one, tuple)), None)


def _plain_slice(key: slice) -> slice:
    return slice(*(None if p is None else int(p) for p in (key.start, key.stop, key.step)))


def _typename(value: Any) -> str:
    from .torch.native import tensor_kind

    if isinstance(value, Tensor):
        return tensor_kind(value)
    return type_name(value)


def _loaded(target: ast.expr) -> ast.expr:
    loaded = type(target)(**{**dict(ast.iter_fields(target)), "ctx": ast.Load()})
    return ast.copy_location(loaded, target)


def _real(scope: Scope) -> Scope | None:
    """A class's own names are not seen from its methods."""
    return scope.outer if "__class_being_made__" in scope.names else scope


def _torch_path(path: str) -> str:
    path = re.sub(r"\.modules(\.[a-z]+)?(?=\.|$)", "", path)
    return {"torch.functional": "torch.nn.functional"}.get(path, path)


_NUMBERS = {"int", "float", "bool", "Size", "Ratio"}
_MIRROR = {
    "lt": "gt",
    "gt": "lt",
    "le": "ge",
    "ge": "le",
    "eq": "eq",
    "ne": "ne",
}  # seen from the right
_DUNDERS = {f"__{name}__" for name in (
    "init", "len", "getitem", "iter", "setitem", "contains", "add", "iadd", "enter", "exit", "next",
    "call")}  # fmt: skip


def _calls_back(rule: Any) -> bool:
    code = getattr(rule, "__code__", None)
    return code is not None and code.co_varnames[:1] == ("interpreter",)


@lru_cache(maxsize=8192)
def _yields(node: Any) -> bool:
    if isinstance(node, ast.Lambda):
        return False
    stack: list[ast.AST] = list(node.body)
    while stack:
        one = stack.pop()
        if isinstance(one, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            stack.extend(ast.iter_child_nodes(one))
    return False


def _locals(node: Any) -> set[str]:
    return {
        n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }


_I = Interpreter
EXECUTE: dict[type, Callable[[Interpreter, Any], Any]] = {
    ast.Assign: _I._assign, ast.AnnAssign: _I._ann_assign, ast.AugAssign: _I._aug_assign,
    ast.Expr: _I._expr, ast.Delete: _I._delete, ast.Assert: _I._assert,
    ast.Return: lambda i, n: Return(i.evaluate(n.value) if n.value is not None else None),
    ast.Raise: _I._raise, ast.If: _I._if, ast.For: _I._for, ast.AsyncFor: _I._for,
    ast.While: _I._while, ast.Try: _I._try, ast.TryStar: _I._try, ast.With: _I._with,
    ast.AsyncWith: _I._with,
    ast.FunctionDef: _I._function, ast.AsyncFunctionDef: _I._function, ast.ClassDef: _I._class,
    ast.Global: _I._global, ast.Nonlocal: _I._nonlocal, ast.Import: _I._import,
    ast.ImportFrom: _I._import_from, ast.Pass: lambda i, n: None, ast.Break: lambda i, n: BREAK,
    ast.Continue: lambda i, n: CONTINUE, ast.Match: _I._match,
}  # fmt: skip
EVALUATE: dict[type, Callable[[Interpreter, Any], Any]] = {
    ast.Constant: lambda i, n: n.value, ast.Name: _I._name, ast.Attribute: _I._attribute,
    ast.Subscript: _I._subscript, ast.Slice: _I._slice, ast.Tuple: _I._tuple,
    ast.List: lambda i, n: i._elements(n.elts), ast.Set: _I._set,
    ast.Dict: _I._dict, ast.JoinedStr: _I._joined, ast.BoolOp: _I._bool_op,
    ast.UnaryOp: _I._unary, ast.BinOp: _I._bin_op, ast.Compare: _I._compare, ast.IfExp: _I._if_exp,
    ast.Lambda: lambda i, n: i.function(n, "<lambda>"), ast.NamedExpr: _I._named_expr,
    ast.Starred: lambda i, n: i.evaluate(n.value), ast.Await: lambda i, n: i.evaluate(n.value),
    ast.Yield: _I._yield, ast.YieldFrom: _I._yield_from, ast.ListComp: _I._comprehension,
    ast.SetComp: _I._comprehension, ast.DictComp: _I._comprehension,
    ast.GeneratorExp: _I._comprehension, ast.Call: _I._call,
}  # fmt: skip
del _I
