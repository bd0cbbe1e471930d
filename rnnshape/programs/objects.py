"""Functions, classes and the other things of the language, as a followed program has them."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .values import Instance, Unknown


@dataclass(eq=False)
class Scope:
    """Names and their values; `outer` is the function around, `module` the file's names."""

    names: dict[str, Any]
    module: dict[str, Any]
    outer: Scope | None = None
    elsewhere: dict[str, str] = field(default_factory=dict)  # global and nonlocal


@dataclass(eq=False)
class Function:
    """A `def` or a lambda with what it closes over."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: Scope
    file: str
    qualname: str
    defaults: Sequence[Any] = ()
    keyword_defaults: dict[str, Any] = field(default_factory=dict)
    owner: Class | None = None
    generator: bool = False
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def __name__(self) -> str:
        return self.qualname.rpartition(".")[2]


@dataclass(eq=False)
class Native:
    """A function of Python, torch or another library that is modelled by `rule`.

    `row` is the name under which it is recorded; takes `interpreter` first where it calls back.
    """

    name: str
    rule: Callable[..., Any]
    row: str = ""
    interpreter: bool = False
    unknowns: bool = False

    @property
    def __name__(self) -> str:
        return self.name.rpartition(".")[2]


def native(name: str, rule: Callable[..., Any]) -> Native:
    """A function of a library: the interpreter is passed first, and what is unknown too."""
    return Native(name, rule, interpreter=True, unknowns=True)


def natives(rules: Mapping[str, Callable[..., Any]], start: str = "") -> dict[str, Any]:
    """Such functions by their names, which messages have behind `start`."""
    return {name: native(start + name, rule) for name, rule in rules.items()}


@dataclass(eq=False)
class Bound:
    """A method and the object it was taken from."""

    function: Any
    self: Any

    @property
    def __name__(self) -> str:
        return str(self.function.__name__)


@dataclass(eq=False)
class Class:
    """A class of the program, of torch (`rules`) or of Python (`rules`, `python` its real one)."""

    name: str
    bases: Sequence[Class]
    names: dict[str, Any] = field(default_factory=dict)
    mro: Sequence[Class] = ()
    file: str = ""
    line: int = 0
    path: str = ""  # torch.nn.LSTM
    fields: dict[str, Any] | None = None  # of a dataclass or a NamedTuple: name -> default
    form: str = ""  # "dataclass", "namedtuple", "enum", "exception", "namespace"
    node: ast.ClassDef | None = None
    foreign: Unknown | None = None  # a base that is not known

    @property
    def __name__(self) -> str:
        return self.name

    def find(self, name: str) -> Any:
        """The attribute of the class or of one of its bases; MISSING where there is none."""
        for cls in self.mro:
            if name in cls.names:
                return cls.names[name]
        return MISSING

    def under(self, other: Class) -> bool:
        """Whether it is `other` or a subclass."""
        return other in self.mro

    @property
    def kind(self) -> str:
        """torch's class that it is, or is derived from."""
        return next((cls.path for cls in self.mro if cls.path), "")


MISSING: Any = type("Missing", (), {"__repr__": lambda self: "missing"})()


@dataclass(eq=False)
class Property:
    """property(getter, setter)."""

    getter: Any
    setter: Any = None


@dataclass(eq=False)
class Static:
    """staticmethod or classmethod."""

    function: Any
    of_class: bool = False


@dataclass(eq=False)
class Super:
    """super(): what follows `after` in the order of the object's class."""

    after: Class
    self: Any


@dataclass(eq=False)
class Names:
    """A module: names, by dots. `unknown` says of what is not there why it is not known."""

    name: str
    names: dict[str, Any]
    library: str = ""


@dataclass(eq=False)
class Torch:
    """A part of torch's own names, such as torch.nn.functional."""

    path: str


@dataclass(eq=False)
class Iter:
    """An iterator: what iter(), enumerate(), zip(), a generator give."""

    items: Iterator[Any]


@dataclass(eq=False)
class Raised:
    """An exception object."""

    cls: Class
    args: tuple[Any, ...]
    attributes: dict[str, Any] = field(default_factory=dict)


MOST_ORDERED = 500  # classes among the bases' own orders: more are taken depth first


def unfolded(value: Any, most: int) -> int:
    """How many elements a nest of containers has when each is counted as often as it stands there,
    or a number over `most`: what Python goes through to print, compare, hash or copy it."""
    sizes: dict[int, int] = {}
    open_: set[int] = set()

    def size(one: Any, depth: int) -> int:
        if not isinstance(one, (list, tuple, dict, set, frozenset)):
            return 1
        key = id(one)
        if key in sizes:
            return sizes[key]
        if key in open_ or depth > 100 or len(one) > most:
            return most + 1
        open_.add(key)
        total = 1
        for part in one.values() if isinstance(one, dict) else one:
            total += size(part, depth + 1)
            if total > most:
                break
        open_.discard(key)
        sizes[key] = total
        return total

    return size(value, 0)


def linear_order(cls: Class) -> list[Class]:
    """Python's order of a class and its bases (C3); depth first where there is none."""
    if len(cls.bases) < 2:
        return [cls, *(one for base in cls.bases for one in base.mro)]
    rows = [list(base.mro) for base in cls.bases] + [list(cls.bases)]
    order = [cls]
    if sum(map(len, rows)) > MOST_ORDERED:
        return [cls, *dict.fromkeys(one for base in cls.bases for one in base.mro)]
    while any(rows):
        head = next(
            (row[0] for row in rows if row and not any(row[0] in other[1:] for other in rows)), None
        )
        if head is None:
            rest = [base for base in cls.bases for base in base.mro]
            return [cls, *dict.fromkeys(rest)]
        order.append(head)
        rows = [[one for one in row if one is not head] for row in rows]
    return order


def make_class(name: str, bases: Sequence[Class] = (), **keywords: Any) -> Class:
    """A class with its order worked out."""
    cls = Class(name, bases, **keywords)
    cls.mro = linear_order(cls)
    return cls


OBJECT = make_class("object")
OBJECT_NEW = Native("object.__new__", lambda cls, *a, **k: Instance(cls), unknowns=True)


def _exceptions() -> dict[str, Class]:
    found: dict[str, Class] = {}

    def of(real: type) -> Class:
        if real.__name__ not in found:
            bases = [of(base) for base in real.__bases__ if issubclass(base, BaseException)]
            found[real.__name__] = make_class(real.__name__, bases or [OBJECT], form="exception")
        return found[real.__name__]

    for value in vars(builtins).values():
        if isinstance(value, type) and issubclass(value, BaseException):
            of(value)
    return found


EXCEPTIONS = _exceptions()


def exception_class(name: str) -> Class:
    """The class of an exception by its name; one of torch's that Python lacks is an Exception."""
    if name not in EXCEPTIONS:
        EXCEPTIONS[name] = make_class(name, [EXCEPTIONS["RuntimeError"]], form="exception")
    return EXCEPTIONS[name]


def class_of(value: Any) -> Class | None:
    """The modelled class of an object."""
    if isinstance(value, Instance):
        cls: Class = value._cls
        return cls
    if isinstance(value, Raised):
        return value.cls
    return None
