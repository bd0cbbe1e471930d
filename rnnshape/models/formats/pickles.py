"""A reader of pickles that runs nothing: it interprets the opcodes and builds plain data alone.

A name in a pickle is a `Name`, a word and no more: no module is imported for it. A call is looked
up in a table of the few names that tensors need (`known.py`), whose functions are this package's
own; a call of any other name becomes an `Opaque`, which keeps what it was given. Steps and memory
are counted against the file's budget.

It is not `pickle.Unpickler` with a `find_class` of ours: that one lays every key into a dict as it
is, and a key that is a tuple nested in itself sixty times is hashed for ever, one that is nested
200,000 deep ends the process; nor can its memory be counted, 19 MB of `}` take 1.2 GB.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import IO, Any

from .source import Budget, Damaged

_KEYS = (str, int, float, bool, bytes, type(None))
_MOST_NAME = 2_000  # letters of a class's name
_OBJECT, _SLOT = 64, 16  # bytes of an empty object, and of what a container has for each it holds
_TURN = 4096  # steps that are counted at once
# what a pickle has no business to call: modules that act on the machine, and Python's own doors
_ACTING = {
    "os", "posix", "nt", "subprocess", "sys", "pty", "shutil", "socket", "ctypes", "runpy",
    "importlib", "webbrowser", "commands", "code", "pdb", "bdb", "timeit", "pickle", "requests",
    "urllib", "pip", "pydoc",
}  # fmt: skip
_DOORS = {
    f"{module}.{name}"
    for module in ("builtins", "__builtin__", "io", "_io")
    for name in ("eval", "exec", "execfile", "compile", "__import__", "open", "breakpoint", "input")
}


def acts(what: Any) -> bool:
    """Whether a name is one that acts on the machine when it is called."""
    return isinstance(what, Name) and (
        what.text in _DOORS or what.text.partition(".")[0] in _ACTING
    )


class Name:
    """The name of a class or function that a pickle mentions. Nothing is imported for it."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class Opaque:
    """What a pickle would make by calling `name`: its arguments, its state, what is put into it."""

    __slots__ = ("args", "items", "name", "state")

    def __init__(self, name: str, args: Any = ()) -> None:
        self.name, self.args = name, args
        self.state: Any = None
        self.items: dict[Any, Any] = {}


class Harmful(Damaged):
    """A pickle that would act on the machine where it is loaded by pickle itself."""


class Stream:
    """The bytes of a file up to `size`: no read can go beyond what is there."""

    def __init__(self, file: IO[bytes], size: int, budget: Budget) -> None:
        self.file, self.size, self.budget = file, size, budget

    def read(self, count: int) -> bytes:
        """Exactly `count` bytes."""
        if count > self.size:  # a claim, before memory is taken for it
            raise Damaged(f"a pickle that claims {count:,} bytes where the file has {self.size:,}")
        self.budget.made(count)
        data = self.file.read(count)
        if len(data) != count:
            raise Damaged("a pickle that is cut short")
        return data

    def line(self) -> bytes:
        """The rest of a line."""
        data = self.file.readline()
        self.budget.made(len(data))
        if not data.endswith(b"\n"):
            raise Damaged("a pickle that is cut short")
        return data[:-1]

    def number(self, form: str) -> Any:
        """A number packed as `form`."""
        data = self.file.read(struct.calcsize(form))
        if len(data) != struct.calcsize(form):
            raise Damaged("a pickle that is cut short")
        return struct.unpack(form, data)[0]


Calls = dict[str, Callable[..., Any]]


class Pickle:
    """One pickle, read from a source by `load`.

    calls: name to what stands for a call of it; persistent: what a persistent id stands for.
    nested: it lies in another. `names` lists the names it would call that `calls` does not know.
    """

    def __init__(
        self, source: Stream, calls: Calls, persistent: Callable[[Any], Any], nested: bool = False
    ) -> None:
        self.nested = nested
        self.source, self.calls, self.persistent = source, calls, persistent
        self.made, self.budget = source.budget.made, source.budget
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.names: dict[str, None] = {}
        self.steps = 0

    def load(self) -> Any:
        """The object that the pickle describes. Raises Damaged."""
        read = self.source.file.read
        while True:
            code = read(1)
            if code == b".":
                return self.stack.pop()
            step = _STEPS.get(code)
            if step is None:
                raise Damaged("a pickle that is cut short" if not code else
                              f"no pickle: there is no instruction {code!r}")  # fmt: skip
            self.steps += 1
            if not self.steps % _TURN:
                self.budget.step(_TURN)
            try:
                step(self)
            except IndexError:
                raise Damaged("a pickle that takes what it never laid down") from None

    def popped(self) -> list[Any]:
        """What was laid down since the last mark."""
        items, self.stack = self.stack, self.marks.pop()
        return items

    def copied(self, count: int) -> None:
        """Count the items of a copy; many copies of one long list would fill the memory."""
        self.made(_OBJECT + _SLOT * count)

    def name(self, module: Any, name: Any) -> Name:
        """The name of a class or function."""
        if len(module) + len(name) > _MOST_NAME:
            raise Damaged(f"a pickle with a name of {len(module) + len(name):,} letters")
        self.made(_OBJECT + len(module) + len(name))
        return Name(f"{module}.{name}")

    def call(self, what: Any, args: Any) -> Any:
        """What stands for a call; an Opaque where nothing is known of it."""
        if not isinstance(what, Name):
            self.made(4 * _OBJECT)
            return Opaque("?", args)
        known = self.calls.get(what.text)
        if known is not None and isinstance(args, tuple):
            try:
                return known(self, *args)
            except (TypeError, LookupError):
                raise Damaged(f"{what.text} with arguments that it does not take") from None
        if acts(what):
            raise Harmful(f"a pickle that would call {what.text}{_told(args)}")
        handed = args if isinstance(args, tuple) else ()
        for name in handed[:8]:  # functools.partial(os.system, …), called later
            if acts(name):
                raise Harmful(f"a pickle that would hand {name.text} to {what.text}")
        self.names[what.text] = None
        self.made(4 * _OBJECT)
        return Opaque(what.text, args)

    def build(self) -> None:
        """Give the object below its state."""
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, Opaque):
            target.state = state
        elif hasattr(target, "build"):
            target.build(state, self)

    def put(self, target: Any, pairs: list[Any]) -> None:
        """Lay pairs of key and value into a dict."""
        into = target.items if isinstance(target, Opaque) else target
        if not isinstance(into, dict):
            raise Damaged("a pickle that lays items into what is no dict")
        self.made(2 * _SLOT * len(pairs))
        for key, value in zip(pairs[::2], pairs[1::2]):
            # a key of another kind could take for ever to hash; it names no tensor
            into[key if type(key) in _KEYS else Name("?")] = value

    def append(self, target: Any, items: list[Any]) -> None:
        """Lay items behind a list."""
        self.made(_SLOT * len(items))
        if isinstance(target, list):
            target.extend(items)
        elif isinstance(target, Opaque):
            target.items.update(zip(range(len(target.items), 1 << 62), items))
        else:
            raise Damaged("a pickle that appends to what is no list")


def _told(args: Any) -> str:
    """Arguments as far as they can be shown."""
    if not isinstance(args, tuple):
        return ""
    plain = [repr(arg[:60]) for arg in args[:3] if isinstance(arg, str | bytes)]
    return f"({', '.join(plain)})"


# ------------------------------------------------------------------------------- the opcodes


def _push(value: Callable[[Pickle], Any]) -> Callable[[Pickle], None]:
    def step(p: Pickle) -> None:
        made = value(p)  # first: it may lay down another stack
        p.stack.append(made)

    return step


def _constant(value: Any) -> Callable[[Pickle], None]:
    return lambda p: p.stack.append(value)


def _number(form: str) -> Callable[[Pickle], None]:
    return lambda p: p.stack.append(p.source.number(form))


def _bytes(form: str) -> Callable[[Pickle], None]:
    return lambda p: p.stack.append(p.source.read(p.source.number(form)))


def _words(form: str, encoding: str = "utf-8") -> Callable[[Pickle], None]:
    def step(p: Pickle) -> None:
        p.stack.append(p.source.read(p.source.number(form)).decode(encoding, "surrogatepass"))

    return step


def _long(form: str) -> Callable[[Pickle], None]:
    def step(p: Pickle) -> None:
        p.stack.append(int.from_bytes(p.source.read(p.source.number(form)), "little", signed=True))

    return step


def _integer(p: Pickle) -> Any:
    text = p.source.line()
    return {b"00": False, b"01": True}[text] if text in (b"00", b"01") else int(text)


def _string(p: Pickle) -> str:
    import codecs

    text = p.source.line().strip()
    if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in (b"'", b'"'):
        raise Damaged("a pickle with a string that has no quotes")
    return codecs.escape_decode(text[1:-1])[0].decode("latin-1")


def _tuple(count: int) -> Callable[[Pickle], None]:
    def step(p: Pickle) -> None:
        if len(p.stack) < count:
            raise IndexError
        p.made(_OBJECT)
        p.stack[-count:] = [tuple(p.stack[-count:])]

    return step


def _dict(p: Pickle) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    p.made(_OBJECT)
    p.put(made, p.popped())
    return made


def _empty(kind: Callable[[], Any]) -> Callable[[Pickle], None]:
    def step(p: Pickle) -> None:
        p.made(_OBJECT)
        p.stack.append(kind())

    return step


def _mark(p: Pickle) -> None:
    p.made(_OBJECT)
    p.marks.append(p.stack)
    p.stack = []


def _pop(p: Pickle) -> None:
    if p.stack:
        p.stack.pop()
    else:
        p.popped()


def _pop_mark(p: Pickle) -> None:
    p.popped()


def _setitem(p: Pickle) -> None:
    value, key = p.stack.pop(), p.stack.pop()
    p.put(p.stack[-1], [key, value])


def _setitems(p: Pickle) -> None:
    pairs = p.popped()
    p.put(p.stack[-1], pairs)


def _append(p: Pickle) -> None:
    item = p.stack.pop()
    p.append(p.stack[-1], [item])


def _appends(p: Pickle) -> None:
    items = p.popped()
    p.append(p.stack[-1], items)


def _memoize(place: Callable[[Pickle], int]) -> Callable[[Pickle], None]:
    def step(p: Pickle) -> None:
        p.made(_OBJECT)
        p.memo[place(p)] = p.stack[-1]

    return step


def _recall(place: Callable[[Pickle], int]) -> Callable[[Pickle], None]:
    def step(p: Pickle) -> None:
        at = place(p)
        if at not in p.memo:
            raise Damaged("a pickle that recalls what it never kept")
        p.stack.append(p.memo[at])

    return step


def _reduce(p: Pickle) -> None:
    args = p.stack.pop()
    p.stack[-1] = p.call(p.stack[-1], args)


def _new_with_keywords(p: Pickle) -> None:
    p.stack.pop()
    _reduce(p)


def _obj(p: Pickle) -> Any:
    what, *args = p.popped() or [None]
    return p.call(what, tuple(args))


def _inst(p: Pickle) -> Any:
    what = _global(p)
    return p.call(what, tuple(p.popped()))


def _global(p: Pickle) -> Name:
    module, name = p.source.line().decode("utf-8"), p.source.line().decode("utf-8")
    return p.name(module, name)


def _stack_global(p: Pickle) -> Name:
    name, module = p.stack.pop(), p.stack.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise Damaged("a pickle whose names are no text")
    return p.name(module, name)


def _extension(form: str) -> Callable[[Pickle], None]:
    return lambda p: p.stack.append(p.name("copyreg", f"extension{p.source.number(form)}"))


_STEPS: dict[bytes, Callable[[Pickle], None]] = {
    b"\x80": lambda p: p.source.number("B"), b"\x95": lambda p: p.source.number("<Q"),
    b"(": _mark, b"0": _pop, b"1": _pop_mark, b"2": _push(lambda p: p.stack[-1]),
    b"N": _constant(None), b"\x88": _constant(True), b"\x89": _constant(False),
    b"I": _push(_integer), b"L": _push(lambda p: int(p.source.line().rstrip(b"L"))),
    b"F": _push(lambda p: float(p.source.line())), b"G": _number(">d"),
    b"J": _number("<i"), b"K": _number("B"), b"M": _number("<H"),
    b"\x8a": _long("B"), b"\x8b": _long("<I"),
    b"S": _push(_string), b"T": _words("<I", "latin-1"), b"U": _words("B", "latin-1"),
    b"V": _push(lambda p: p.source.line().decode("raw-unicode-escape")),
    b"X": _words("<I"), b"\x8c": _words("B"), b"\x8d": _words("<Q"),
    b"B": _bytes("<I"), b"C": _bytes("B"), b"\x8e": _bytes("<Q"), b"\x96": _bytes("<Q"),
    b"\x97": _constant(None), b"\x98": lambda p: None,
    b")": _constant(()), b"t": _push(lambda p: tuple(p.popped())),
    b"\x85": _tuple(1), b"\x86": _tuple(2), b"\x87": _tuple(3),
    b"]": _empty(list), b"l": _push(lambda p: p.popped()), b"a": _append, b"e": _appends,
    b"}": _empty(dict), b"d": _push(_dict), b"s": _setitem, b"u": _setitems,
    b"\x8f": _empty(list), b"\x90": _appends, b"\x91": _push(lambda p: p.popped()),
    b"p": _memoize(lambda p: int(p.source.line())), b"q": _memoize(lambda p: p.source.number("B")),
    b"r": _memoize(lambda p: p.source.number("<I")), b"\x94": _memoize(lambda p: len(p.memo)),
    b"g": _recall(lambda p: int(p.source.line())), b"h": _recall(lambda p: p.source.number("B")),
    b"j": _recall(lambda p: p.source.number("<I")),
    b"c": _push(_global), b"\x93": _push(_stack_global),
    b"\x82": _extension("B"), b"\x83": _extension("<H"), b"\x84": _extension("<i"),
    b"R": _reduce, b"\x81": _reduce, b"\x92": _new_with_keywords,
    b"o": _push(_obj), b"i": _push(_inst), b"b": lambda p: p.build(),
    b"P": _push(lambda p: p.persistent(p.source.line().decode("utf-8"))),
    b"Q": _push(lambda p: p.persistent(p.stack.pop())),
}  # fmt: skip
