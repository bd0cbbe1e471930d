"""Python's own functions, types and commonest modules, as a followed program meets them."""

from __future__ import annotations

import ast
import builtins
import math
import string
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial, reduce
from itertools import accumulate, combinations, count, islice, permutations, product
from typing import Any

from . import arrays
from . import torch as table
from .interpreter import LARGEST_BUILT, Interpreter, Restart, missing_words
from .objects import (
    EXCEPTIONS,
    MISSING,
    OBJECT,
    Bound,
    Class,
    Function,
    Iter,
    Names,
    Native,
    Property,
    Raised,
    Static,
    Super,
    Torch,
    class_of,
    make_class,
    native,
    natives,
)
from .refusal import Refusal, type_error
from .sizes import Ratio, Size, largest, smallest
from .tensor import Tensor, one_number
from .torch import type_name
from .values import (
    Counter,
    DefaultDict,
    Deque,
    Device,
    DType,
    Instance,
    Packed,
    Result,
    TorchSize,
    Unknown,
    add_rest,
    drop,
    known,
    module_state,
)

REAL: dict[str, Any] = {
    "int": int, "float": float, "str": str, "bool": bool, "list": list, "tuple": tuple, "dict": dict,
    "set": set, "frozenset": frozenset, "complex": complex, "bytes": bytes, "range": range,
    "slice": slice, "NoneType": type(None),
}  # fmt: skip


@cache
def types() -> dict[str, Class]:
    """Python's own types as classes."""
    names = {"dict": {"fromkeys": Static(Native("fromkeys", _fromkeys, interpreter=True))}}
    return {
        name: make_class(name, [OBJECT], form="type", names=names.get(name, {})) for name in REAL
    }


def _fromkeys(interpreter: Interpreter, keys: Any, value: Any = None) -> Any:
    items = interpreter.listed(keys)
    return items if isinstance(items, Unknown) else interpreter.python(
        lambda: dict.fromkeys(items, value)
    )  # fmt: skip


# ------------------------------------------------------------------------------------- built-in


def _print(interpreter: Interpreter, *values: Any, **keywords: Any) -> None:
    for value in values:
        if isinstance(value, Instance):
            method = interpreter._special(value, "__str__")
            if method is not None:
                interpreter.call(method, [], {})


def _len(interpreter: Interpreter, value: Any) -> Any:
    if isinstance(value, Unknown):
        text = f"len({value.text})" if value.text else ""
        counted = Unknown(value.what, text, value.file, value.line, "int")
        return interpreter._outside(counted, text) if value.what and text else counted
    if isinstance(value, Tensor):
        return table.ROWS["Tensor.__len__"].rule(value)
    if isinstance(value, (dict, set)) and any(isinstance(one, Unknown) for one in value):
        return interpreter.unknown("a number of keys", None, "int")
    if isinstance(value, (list, tuple, dict, set, frozenset, str, bytes, range)):
        return len(value)
    if isinstance(value, Packed):
        return 4  # a tuple of four
    if interpreter._open(value):
        return interpreter.names.open(f"len({value})")
    method = interpreter._special(value, "__len__")
    if method is not None:
        return interpreter.call(method, [], {})
    if isinstance(value, Instance) and value._cls.foreign:
        return value._cls.foreign
    words = f"object of type '{type_name(value)}' has no len()"
    raise type_error(words, argument=value)


def _range(interpreter: Interpreter, *args: Any) -> Any:
    for one in map(known, args):
        if isinstance(one, Tensor) and (
            one.floating or (not isinstance(one.numel, Size) and one.numel != 1)
        ):
            words = "only integer tensors of a single element can be converted to an index"
            raise type_error(words, argument=one)
    values = [one_number(a) for a in args]
    for value in values:
        key = value.terms[0][0][0].key if interpreter._open(value) else ""
        if interpreter.names.kinds.get(key) == "width" and not interpreter.settled:
            raise Restart(kinds={key: "count"})
        if isinstance(value, Tensor):
            return interpreter.unknown("a number in a tensor", None, "int")
    return interpreter.python(lambda: range(*(_index(v) for v in values)))


def _index(value: Any) -> Any:
    return int(value) if isinstance(value, int) else value


def _enumerate(interpreter: Interpreter, value: Any, start: int = 0) -> Any:
    items = known(interpreter.iterate(value))
    if isinstance(items, (list, tuple)) and not isinstance(start, Unknown):
        return list(enumerate(items, start))
    return Iter(iter(enumerate(items, start)))


def _zip(interpreter: Interpreter, *values: Any, strict: bool = False) -> Any:
    items = [known(interpreter.iterate(v)) for v in values]
    plain = bool(items) and all(isinstance(i, (list, tuple, range)) for i in items)
    if plain and min(map(len, items)) < 100_000:
        return list(zip(*items))
    return Iter(iter(zip(*items)))


def _map(interpreter: Interpreter, function: Any, *values: Any) -> Any:
    columns = [interpreter.items(v) for v in values]
    return Iter(iter([interpreter.call(function, list(row), {}) for row in zip(*columns)]))


def _filter(interpreter: Interpreter, function: Any, values: Any) -> Any:
    kept = []
    for item in interpreter.items(values):
        kind = item if function is None else interpreter.call(function, [item], {})
        if known(interpreter.truth(kind)):
            kept.append(item)
    return Iter(iter(kept))


def _sorted(interpreter: Interpreter, values: Any, key: Any = None, reverse: Any = False) -> Any:
    items = interpreter.items(values)
    keys = [item if key is None else interpreter.call(key, [item], {}) for item in items]
    vague = next((k for k in keys if isinstance(k, (Unknown, Tensor))), None)
    if vague is not None:
        return vague if isinstance(vague, Unknown) and not _alike(items) else list(items)
    order = interpreter.python(
        lambda: sorted(range(len(items)), key=keys.__getitem__, reverse=bool(reverse))
    )
    return [items[i] for i in known(order)]


def _alike(items: Sequence[Any]) -> bool:
    shapes = {i.shape if isinstance(i, Tensor) else None for i in items}
    return len(shapes) == 1 and None not in shapes


def _reversed(interpreter: Interpreter, values: Any) -> Any:
    return Iter(iter(interpreter.items(values)[::-1]))


def _sum(interpreter: Interpreter, values: Any, start: Any = 0) -> Any:
    total = start
    for item in interpreter.items(values):
        total = interpreter.binary(interpreter.frame.node or ast.Pass(), total, ast.Add(), item)
    return total


def _extreme(pick: Callable[[int, int], int], real: Callable[..., Any]) -> Callable[..., Any]:
    def rule(
        interpreter: Interpreter, *values: Any, key: Any = None, default: Any = MISSING
    ) -> Any:
        items = interpreter.items(values[0]) if len(values) == 1 else list(values)
        vague = next((i for i in items if isinstance(i, (Unknown, Tensor))), None)
        if isinstance(vague, Tensor):
            if not any(isinstance(one_number(i), (Tensor, Unknown)) for i in items):
                return real(items, key=one_number)
            if not _alike(items):
                return interpreter.unknown("a number in a tensor", None, "int")
        if vague is not None:
            return vague
        if not items and default is not MISSING:
            return default
        sizes = any(isinstance(i, Size) for i in items) and all(isinstance(i, int) for i in items)
        if key is None and sizes:
            return reduce(pick, items)
        if key is not None:
            keys = [interpreter.call(key, [item], {}) for item in items]
            vague = next((k for k in keys if isinstance(k, (Unknown, Tensor))), None)
            if vague is not None:
                return vague
            return interpreter.python(lambda: items[real(range(len(items)), key=keys.__getitem__)])
        return interpreter.python(lambda: real(items))

    return rule


def _any_all(stop: bool) -> Callable[..., Any]:
    def rule(interpreter: Interpreter, values: Any) -> Any:
        vague = None
        for item in interpreter.items(values):
            truth = interpreter.truth(item)
            if isinstance(truth, Unknown):
                vague = truth
            elif truth == stop:
                return stop
        return vague if vague is not None else not stop

    return rule


# by the name of a class of a library: what of the values here is one
_ABSTRACT: dict[str, Any] = {
    "PackedSequence": Packed, "device": Device, "Number": (int, float), "Real": (int, float),
    "Integral": int, "Iterable": (list, tuple, dict, set, str, Tensor), "Sequence": (list, tuple, str),
    "Callable": (Function, Native, Bound, Class), "Mapping": dict,
}  # fmt: skip


def is_instance(interpreter: Interpreter, value: Any, cls: Any) -> Any:
    """isinstance(value, cls)."""
    if isinstance(cls, (tuple, list)):
        found = [is_instance(interpreter, value, one) for one in cls]
        return True if True in found else next((f for f in found if isinstance(f, Unknown)), False)
    if isinstance(value, Unknown):
        return value
    if isinstance(cls, Unknown):
        return False if not isinstance(value, Instance) or value._cls.foreign is None else cls
    if not isinstance(cls, Class):
        return interpreter.unknown("a check of a type", None, "bool")
    own = class_of(value)
    if own is not None:
        return own.under(cls)
    if cls is OBJECT:
        return True
    if cls.path in ("torch.Tensor", "torch.nn.Parameter"):
        return (
            isinstance(value, Tensor)
            and not value.facts.get("numpy")
            and (cls.path == "torch.Tensor" or value.parameter)
        )
    if cls.name == "ndarray":
        return isinstance(value, Tensor) and bool(value.facts.get("numpy"))
    real = REAL.get(cls.name)
    if cls.form == "type" and real is not None:
        if isinstance(value, (Tensor, DType)):
            return False
        if interpreter._open(value) and real is not int:
            return interpreter.unknown(f"the type of {value}, which was not given", None, "bool")
        return isinstance(value, real)
    return isinstance(value, _ABSTRACT.get(cls.name, ()))


def _is_subclass(interpreter: Interpreter, cls: Any, other: Any) -> Any:
    if isinstance(cls, Class):
        others = other if isinstance(other, tuple) else (other,)
        return any(cls.under(o) for o in others if isinstance(o, Class))
    return interpreter.unknown("a check of a class", None, "bool")


def _getattr(interpreter: Interpreter, owner: Any, name: Any, default: Any = MISSING) -> Any:
    vague = name
    interpreter.texted(name)
    if interpreter._open(name):
        vague = interpreter.unknown(f"an attribute called by {name}, which was not given")
    if isinstance(vague, Unknown):
        interpreter.tell(vague)
        interpreter.some_layer |= isinstance(owner, Torch)
        return vague
    if not isinstance(name, str):
        raise type_error(f"attribute name must be string, not '{type_name(name)}'")
    try:
        result = interpreter.attribute(owner, name, interpreter.frame.node)
    except Refusal as refusal:
        if refusal.type == "AttributeError" and default is not MISSING:
            return default
        raise
    if isinstance(owner, Names) and isinstance(result, Unknown) and default is not MISSING:
        return default
    return result


def _hasattr(interpreter: Interpreter, owner: Any, name: Any) -> Any:
    if isinstance(owner, Unknown) or isinstance(name, Unknown):
        return interpreter.unknown("whether it has an attribute", None, "bool")
    try:
        result = interpreter.attribute(owner, name, None)
    except Refusal as refusal:
        if refusal.type == "AttributeError":
            return False
        raise
    return result if isinstance(result, Unknown) else True


def _setattr(interpreter: Interpreter, owner: Any, name: Any, value: Any) -> None:
    if isinstance(name, str):
        interpreter.set_attribute(owner, name, value)


def _delattr(interpreter: Interpreter, owner: Any, name: Any) -> None:
    if isinstance(owner, Instance) and isinstance(name, str):
        drop(owner, name)


def _iter(interpreter: Interpreter, value: Any) -> Any:
    return Iter(iter(known(interpreter.iterate(value))))


def _next(interpreter: Interpreter, value: Any, default: Any = MISSING) -> Any:
    if isinstance(known(value), Iter):
        for item in value.items:
            return item
        if default is not MISSING:
            return default
        raise Refusal("StopIteration", "")
    method = interpreter._special(value, "__next__")
    if method is not None:
        return interpreter.call(method, [], {})
    raise type_error(f"'{type_name(value)}' object is not an iterator", argument=value)


def _round(interpreter: Interpreter, value: Any, digits: Any = None) -> Any:
    if isinstance(value, (Tensor, Unknown, Size)):
        return value
    return interpreter.python(lambda: round(value, digits) if digits is not None else round(value))


def _type(interpreter: Interpreter, value: Any, *rest: Any) -> Any:
    if rest:
        return interpreter.unknown("a class made by type()")
    cls = class_of(value)
    if cls is not None:
        return cls
    if isinstance(value, Tensor):
        return interpreter.classes["torch.Tensor"]
    if isinstance(value, Unknown):
        return value
    if isinstance(value, Class):
        return make_class("type", [OBJECT])
    name = type_name(value)
    found = interpreter.builtins.get(name)
    return found if isinstance(found, Class) else make_class(name, [OBJECT])


def _callable(interpreter: Interpreter, value: Any) -> Any:
    if isinstance(known(value), Instance):
        called = interpreter._special(value, "__call__") is not None
        return called or value._cls.under(interpreter.module_class)
    return isinstance(value, _ABSTRACT["Callable"])


def _vars(interpreter: Interpreter, value: Any = None) -> Any:
    if isinstance(value, Instance):
        return value._attributes
    return interpreter.frame.scope.names if value is None else interpreter.unknown("vars()")


def _super(interpreter: Interpreter, cls: Any = None, owner: Any = None) -> Any:
    return Super(cls, owner) if isinstance(cls, Class) else interpreter.unknown("super()")


def _exec(interpreter: Interpreter, *arguments: Any) -> Any:
    made = interpreter.frame.scope.module["exec()"] = interpreter.unknown("a call of exec")
    return made


def _property(interpreter: Interpreter, getter: Any = None, setter: Any = None, *rest: Any) -> Any:
    return Property(getter, setter)


def _exit(interpreter: Interpreter, *code: Any) -> None:
    raise Refusal("SystemExit", "")


def to_int(interpreter: Interpreter, value: Any = 0, base: Any = 10) -> Any:
    """int(value)."""
    if isinstance(value, Unknown):
        return value.of_kind("int")
    if isinstance(value, Tensor):
        if not isinstance(one_number(value), Tensor):
            return int(one_number(value))
        if value.numel != 1 and not isinstance(value.numel, Size):
            raise Refusal(
                "ValueError", "only one element tensors can be converted to Python scalars",
                argument=value,
            )  # fmt: skip
        return interpreter.unknown("a number in a tensor", None, "int")
    if isinstance(value, Ratio):
        return value.whole()
    if isinstance(value, Size):
        return value
    if isinstance(value, str) and len(value) > 4000:
        return interpreter.unknown("a long number")
    if isinstance(value, str):
        return interpreter.python(lambda: int(value, base))
    method = interpreter._special(value, "__int__")
    if method is not None:
        return interpreter.call(method, [], {})
    return interpreter.python(lambda: int(value), None, value)


def to_float(interpreter: Interpreter, value: Any = 0.0) -> Any:
    """float(value)."""
    if isinstance(value, (Unknown, Tensor)):
        return interpreter.unknown("" if isinstance(value, Tensor) else value.what, None, "float")
    return interpreter.python(lambda: float(value), None, value)


def to_bool(interpreter: Interpreter, value: Any = False) -> Any:
    """bool(value)."""
    return interpreter.truth(value)


def to_str(interpreter: Interpreter, value: Any = "", *rest: Any) -> Any:
    """str(value)."""
    return value if isinstance(value, Unknown) else interpreter.text(value)


def to_list(interpreter: Interpreter, value: Any = ()) -> Any:
    """list(value)."""
    return interpreter.items(value)


def to_tuple(interpreter: Interpreter, value: Any = ()) -> Any:
    """tuple(value)."""
    return tuple(interpreter.items(value))


def to_set(interpreter: Interpreter, value: Any = ()) -> Any:
    """set(value)."""
    items = interpreter.items(value)
    return interpreter.python(lambda: set(items))


def to_dict(interpreter: Interpreter, value: Any = (), **keywords: Any) -> Any:
    """dict(value, **keywords)."""
    if isinstance(value, dict):
        return {**value, **keywords}
    if isinstance(value, Instance) and value._cls.form == "namespace":
        return {**value._attributes, **keywords}
    items = interpreter.items(value)
    pairs = [item if isinstance(item, tuple) else tuple(interpreter.items(item)) for item in items]
    return {**known(interpreter.python(lambda: dict(pairs))), **keywords}


CONVERT: dict[str, Callable[..., Any]] = {
    "int": to_int, "float": to_float, "bool": to_bool, "str": to_str, "list": to_list, "tuple": to_tuple,
    "set": to_set, "frozenset": to_set, "dict": to_dict, "range": _range,
    "slice": lambda interpreter, *a: slice(*a),
    "complex": lambda interpreter, *a: interpreter.python(lambda: complex(*a)),
    "bytes": lambda interpreter, *a, **k: interpreter.unknown("bytes"),
}  # fmt: skip


def builtin(interpreter: Interpreter) -> dict[str, Any]:
    """The names of Python's builtins."""
    rules: dict[str, Callable[..., Any]] = {
        "print": _print, "len": _len, "enumerate": _enumerate, "zip": _zip,
        "map": _map, "filter": _filter, "sorted": _sorted, "reversed": _reversed, "sum": _sum,
        "min": _extreme(smallest, min), "max": _extreme(largest, max), "any": _any_all(True),
        "all": _any_all(False), "isinstance": is_instance, "issubclass": _is_subclass,
        "getattr": _getattr, "hasattr": _hasattr, "setattr": _setattr, "delattr": _delattr,
        "iter": _iter, "next": _next, "round": _round, "type": _type, "callable": _callable,
        "vars": _vars, "super": _super, "property": _property, "exit": _exit, "quit": _exit,
        "staticmethod": lambda interpreter, f: Static(f),
        "classmethod": lambda interpreter, f: Static(f, of_class=True),
        "abs": lambda interpreter, v: v.like() if isinstance(v, Tensor) else v if isinstance(v, (Unknown, Size)) else interpreter.python(lambda: abs(v)),
        "id": lambda interpreter, v: interpreter.unknown("", None, "int"),
        "hash": lambda interpreter, v: interpreter.unknown("", None, "int"),
        "repr": lambda interpreter, v: interpreter.text(v, True),
        "open": lambda interpreter, *a, **k: interpreter.unknown("a file that is opened"),
        "input": lambda interpreter, *a: interpreter.unknown("what is typed in"),
        "eval": lambda interpreter, *a: interpreter.unknown("a call of eval"),
        "exec": _exec,
        "__import__": lambda interpreter, name, *a: interpreter.import_module(name, 0, ast.Pass()) if isinstance(name, str) else name,
        "pow": lambda interpreter, a, b, *c: interpreter.binary(ast.Pass(), a, ast.Pow(), b),
        "format": lambda interpreter, v, s="": interpreter.unknown("", None, "str"),
        "dir": lambda interpreter, *a: interpreter.unknown("dir()"),
        "globals": lambda interpreter: interpreter.frame.scope.module,
        "locals": lambda interpreter: interpreter.frame.scope.names,
    }  # fmt: skip
    names = natives(rules)
    for rule in (ascii, bin, chr, divmod, hex, oct, ord):
        plain = partial(lambda rule, interpreter, *a: interpreter.python(lambda: rule(*a)), rule)
        names[rule.__name__] = Native(rule.__name__, plain, interpreter=True)
    names.update(types())
    names.update(EXCEPTIONS)
    names["object"] = OBJECT
    names["NotImplemented"] = interpreter.unknown("NotImplemented")
    names["__debug__"] = True
    return {name: interpreter.unknown(name) for name in dir(builtins)} | names


# ---------------------------------------------------------------------- attributes of plain values


def plain_attribute(interpreter: Interpreter, owner: Any, name: str, node: Any) -> Any:
    """A method or field of a value that is Python's own; MISSING where there is none."""
    if isinstance(owner, Result) and name in owner.names:
        return owner[list(owner.names).index(name)]
    if isinstance(owner, Result) and name.startswith("_"):  # _replace, _asdict, _fields
        return interpreter.unknown(f"{name} of a named tuple", node)
    if isinstance(owner, TorchSize) and name == "numel":
        return Native("Size.numel", owner.numel)
    if isinstance(owner, Iter):
        if name in ("__next__", "next"):
            return Native("next", lambda: _next(interpreter, owner))
        return interpreter.unknown("a method of a generator", node)
    if isinstance(owner, Packed):
        return _packed_attribute(interpreter, owner, name, node)
    if isinstance(owner, DType):
        if name == "is_floating_point":
            return owner.plain.startswith(("float", "bfloat"))
        return interpreter.unknown(f"{name} of a dtype", node)
    if isinstance(owner, Device):
        return getattr(owner, name, MISSING)
    if isinstance(owner, Property):
        if name == "setter":
            return Native("setter", lambda f: Property(owner.getter, f), unknowns=True)
        if name == "deleter":
            return Native("deleter", lambda f: owner, unknowns=True)
        return MISSING
    if isinstance(owner, (Function, Native, Bound)):
        return _function_attribute(interpreter, owner, name, node)
    if isinstance(owner, str):
        return _str_method(interpreter, owner, name)
    if isinstance(owner, (list, dict, set, frozenset, tuple, range)) and not name.startswith("_"):
        method = getattr(owner, name, MISSING)
        if method is MISSING or name in ("numel", "names", "of", "factory", "open"):
            return MISSING
        return _container_method(interpreter, owner, name, method)
    if isinstance(owner, (int, float)) and not interpreter._open(owner):
        if name in ("real", "imag", "numerator"):
            return getattr(int(owner) if isinstance(owner, Size) else owner, name)
        if name in ("item", "is_integer", "bit_length", "conjugate") and hasattr(owner, name):
            return Native(name, getattr(owner, name))
        return MISSING
    if isinstance(owner, slice) and name in ("start", "stop", "step"):
        return getattr(owner, name)
    if name == "__class__":
        return _type(interpreter, owner)
    if name in ("__len__", "__iter__") and isinstance(owner, (list, dict, tuple, set, str)):
        rule = _len if name == "__len__" else _iter
        return Bound(Native(name, rule, interpreter=True), owner)
    return MISSING


def _packed_attribute(interpreter: Interpreter, owner: Packed, name: str, node: Any) -> Any:
    if name == "data":
        return owner.data
    if name == "batch_sizes":
        steps: Any = owner.padded.shape[1 if owner.batch_first else 0]
        values = None
        if owner.lengths:
            steps = max(owner.lengths)
            if steps <= 4096:
                values = tuple(sum(n > t for n in owner.lengths) for t in range(steps))
        return Tensor((steps,), "int64", values=values, facts={"packed": owner})
    if name in ("sorted_indices", "unsorted_indices"):
        if owner.enforce_sorted:
            return None
        values = None
        if owner.lengths:
            order = sorted(range(len(owner.lengths)), key=lambda i: -owner.lengths[i])  # type: ignore[index]
            back = sorted(range(len(order)), key=order.__getitem__)
            values = tuple(order if name == "sorted_indices" else back)
        return Tensor((owner.batch_size,), "int64", values=values)
    if name in ("to", "cuda", "cpu", "float", "double", "pin_memory", "detach"):
        return Native(f"PackedSequence.{name}", lambda *a, **k: owner, unknowns=True)
    if name == "is_cuda":
        return False
    hidden = name in ("is_pinned", "_replace", "_fields")
    return interpreter.unknown(f"{name} of a packed batch", node) if hidden else MISSING


def _function_attribute(interpreter: Interpreter, owner: Any, name: str, node: Any) -> Any:
    if name in ("__name__", "__qualname__"):
        return owner.__name__
    if name == "__self__" and isinstance(owner, Bound):
        return owner.self
    if name == "__func__" and isinstance(owner, Bound):
        return owner.function
    if name == "__doc__":
        return None
    if isinstance(owner, Function):
        own = owner.attributes
        return own if name == "__dict__" else own.get(name, MISSING)
    if name.startswith("__"):
        return MISSING
    bound = isinstance(owner, Bound)
    return MISSING if bound else interpreter.unknown(f"{name} of {owner.name}", node)


def _str_method(interpreter: Interpreter, owner: str, name: str) -> Any:
    method = getattr(owner, name, MISSING) if not name.startswith("_") else MISSING
    if method is MISSING:
        return MISSING

    def rule(*args: Any, **keywords: Any) -> Any:
        values = [*args, *keywords.values()]
        if name == "join":
            items = interpreter.listed(args[0])
            if isinstance(items, Unknown) or any(isinstance(i, Unknown) for i in items):
                return interpreter.unknown("", None, "str")
            size = sum(len(i) for i in items if isinstance(i, str)) + len(owner) * len(items)
            if size > LARGEST_BUILT:
                return interpreter.unknown("a long string", None, "str")
            return interpreter.python(lambda: owner.join(items))
        if any(isinstance(v, Unknown) for v in values):
            return interpreter.unknown("", None, "str")
        if name == "format":
            small = "{:" not in owner and all(isinstance(v, (int, str)) for v in values)
        else:
            counts = [v for v in values if isinstance(v, int)]
            texts = [v for v in values if isinstance(v, str)]
            small = max(counts, default=0) <= 10_000 and max(map(len, texts), default=0) <= 1000
        if not small or len(owner) > 10_000:
            return interpreter.unknown("", None, "str")
        return interpreter.python(lambda: method(*args, **keywords))

    return Native(f"str.{name}", rule, unknowns=True)


def _container_method(interpreter: Interpreter, owner: Any, name: str, method: Any) -> Any:
    def rule(*args: Any, **keywords: Any) -> Any:
        if isinstance(owner, list) and name == "sort":
            ordered = _sorted(interpreter, owner, **keywords)
            if not isinstance(ordered, Unknown):
                owner[:] = ordered
            return None
        if name in ("extend", "update", "union", "intersection", "difference") and args:
            namespaces = [isinstance(a, Instance) and a._cls.form == "namespace" for a in args]
            args = tuple(a._attributes if space else a for a, space in zip(args, namespaces))
            args = tuple(a if isinstance(a, dict) else interpreter.listed(a) for a in args)
            vague = next((a for a in args if isinstance(a, Unknown)), None)
            if vague is not None:
                return add_rest(owner, vague) if name in ("extend", "update") else vague
        if isinstance(owner, list) and len(owner) > LARGEST_BUILT:
            return interpreter.unknown("a long list")
        if name in ("keys", "values", "items"):
            return [tuple(p) for p in owner.items()] if name == "items" else list(method())
        if name in ("get", "pop", "setdefault", "index", "count", "remove"):
            for key in args[:1]:
                known(key)
        if name in ("index", "remove", "count") and args:
            if isinstance(args[0], Tensor) or any(isinstance(v, Unknown) for v in owner):
                return interpreter.unknown("a search among what is not known", None, "int")
        opened = name in ("get", "pop") and getattr(owner, "open", False)
        if opened and args and args[0] not in owner:
            return args[1] if len(args) > 1 else interpreter.item(owner, args[0], ast.Pass())
        if name == "get" and isinstance(owner, dict) and any(isinstance(k, Unknown) for k in owner):
            return interpreter.unknown("an entry of a dict with unknown keys")
        if name in ("index", "count", "remove") and interpreter.vast(*args):
            return interpreter.unknown("a search for very many elements", None, "int")
        return interpreter.paid(lambda: method(*args, **keywords))

    return Native(f"{type_name(owner)}.{name}", rule, unknowns=True)


# -------------------------------------------------------------------------------------- instances


def instantiate(
    interpreter: Interpreter, cls: Class, args: list[Any], keywords: dict[str, Any], node: Any
) -> Any:
    """cls(*args, **keywords)."""
    if cls.form == "type" and cls.name in CONVERT:
        return interpreter.guarded(
            lambda: CONVERT[cls.name](interpreter, *args, **keywords), node, cls.name
        )
    if cls.form == "type" and "__convert__" in cls.names:
        rule, unknowns = cls.names["__convert__"], cls.path == "torch.device"
        convert = Native(cls.path or cls.name, rule, cls.path, unknowns=unknowns)
        return interpreter.call_native(convert, args, keywords, node)
    if cls.form == "exception":
        raised = Raised(cls, tuple(args))
        init = cls.find("__init__")
        if init is not MISSING:
            interpreter.call(init, [raised, *args], keywords, node)
        return raised
    if cls.form == "enum":
        for member in members(cls):
            if member._attributes.get("value") == (args or [None])[0]:
                return member
        return interpreter.unknown(f"a member of {cls.name}", node)
    if cls.form == "namedtuple" and cls.fields is not None:
        return _named_tuple(cls.name, cls.fields, args, keywords)
    if cls is OBJECT:
        return Instance(OBJECT)
    instance = Instance(cls)
    if cls.node is not None and cls.under(interpreter.module_class):
        interpreter.built.append((cls, args, keywords))
    new = cls.find("__new__")
    if new is not MISSING and isinstance(new, (Function, Static)):
        function = new.function if isinstance(new, Static) else new
        made = interpreter.call(function, [cls, *args], keywords, node)
        if not isinstance(made, Instance):
            return made
        instance = made
    init = cls.find("__init__")
    if init is not MISSING:
        interpreter.call(init, [instance, *args], keywords, node)
    elif cls.fields is not None:
        _fill(interpreter, instance, cls, args, keywords)
    elif cls.foreign is not None:
        if cls.foreign.what:
            what = f"{cls.name}, whose base is {cls.foreign.what}"
            interpreter.tell(interpreter.unknown(what, node))
    elif cls.under(interpreter.module_class):
        module_state(instance)
    elif (args or keywords) and new is MISSING:
        raise type_error(f"{cls.name}() takes no arguments")
    if "_spec" in instance._attributes:
        interpreter.layers.append(layer_of(interpreter, instance, node))
    return instance


def members(cls: Class) -> list[Instance]:
    """The members of an enum."""
    return [v for v in cls.names.values() if isinstance(v, Instance) and v._cls is cls]


def layer_of(interpreter: Interpreter, instance: Instance, node: Any, name: str = "") -> Any:
    """The record of a recurrent layer that was built: where, and the name it was given."""
    from .follow import Layer
    from .record import Place

    frame = interpreter.frame
    statement = frame.statement
    if not name and isinstance(statement, (ast.Assign, ast.AnnAssign)):
        target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
        name = ast.unparse(target)
    place = Place(frame.file, node or frame.node or ast.Pass(), frame.where)
    return Layer(instance, name, place, instance._attributes.get("_open", {}))


def _fill(
    interpreter: Interpreter,
    instance: Instance,
    cls: Class,
    args: list[Any],
    keywords: dict[str, Any],
) -> None:
    """The __init__ of a dataclass."""
    fields = cls.fields or {}
    names = list(fields)
    if len(args) > len(names):
        takes = f"takes {len(names) + 1} positional arguments but {len(args) + 1} were given"
        raise type_error(f"{cls.name}.__init__() {takes}")
    foreign = next((key for key in keywords if key not in fields), None)
    if foreign is not None:
        raise type_error(f"{cls.name}.__init__() got an unexpected keyword argument '{foreign}'")
    values = {**dict(zip(names, args)), **keywords}
    missing = []
    for name, default in fields.items():
        if name in values:
            continue
        if default is MISSING:
            missing.append(name)
        elif isinstance(default, Instance) and default._cls.name == "Field":
            factory = default._attributes.get("default_factory", MISSING)
            made = factory is not MISSING and interpreter.call(factory, [], {})
            values[name] = default._attributes.get("default") if factory is MISSING else made
        else:
            values[name] = default
    if missing:
        raise type_error(f"{cls.name}.__init__() missing {missing_words(missing, 'positional')}")
    module = cls.under(interpreter.module_class)
    for name in names:
        given = interpreter.setting(*(f"{n}.{name}" for n in ("args", "config", "cfg", cls.name)))
        if module:
            interpreter.set_attribute(instance, name, values[name])
        else:
            instance._attributes[name] = values[name] if given is MISSING else given
    post = cls.find("__post_init__")
    if post is not MISSING:
        interpreter.call(post, [instance], {})


def _named_tuple(
    name: str, fields: Mapping[str, Any], args: Sequence[Any], keywords: Mapping[str, Any]
) -> Any:
    defaults = {k: v for k, v in fields.items() if v is not MISSING}
    values = {**defaults, **dict(zip(fields, args)), **keywords}
    missing = [k for k in fields if k not in values]
    if missing:
        raise type_error(f"{name}.__new__() missing {missing_words(missing, 'positional')}")
    if len(args) > len(fields):
        takes = f"takes {len(fields) + 1} positional arguments but {len(args) + 1} were given"
        raise type_error(f"{name}.__new__() {takes}")
    return Result.of(name, **{k: values[k] for k in fields})


def class_made(interpreter: Interpreter, cls: Class) -> None:
    """What a base makes of a class: the members of an enum, the fields of a NamedTuple."""
    annotations = cls.names.pop("__annotations__", {})
    if cls.form == "enum":
        number = 0
        for name, value in list(cls.names.items()):
            if name.startswith("_") or isinstance(value, (Function, Static, Property)):
                continue
            if isinstance(value, Instance) and value._cls.name == "auto":
                value = number + 1
            if isinstance(value, int):
                number = value
            cls.names[name] = Instance(cls, {"name": name, "value": value})
    if annotations:
        own = {n: cls.names.get(n, MISSING) if v else MISSING for n, v in annotations.items()}
        fields = {**_inherited(cls), **own}
        if cls.form == "namedtuple" or any(base.form == "namedtuple" for base in cls.bases):
            cls.form, cls.fields = "namedtuple", fields
        else:
            cls.names["__fields__"] = fields
    if any(base.name == "Field" for base in cls.bases):
        cls.fields = {}


def _inherited(cls: Class) -> dict[str, Any]:
    return {n: v for base in reversed(cls.mro[1:]) for n, v in (base.fields or {}).items()}


def dataclass(interpreter: Interpreter, cls: Any = None, **keywords: Any) -> Any:
    """@dataclass."""
    if cls is None:
        return Native("dataclass", lambda c: dataclass(interpreter, c))
    if isinstance(cls, Class):
        cls.fields = {**_inherited(cls), **cls.names.pop("__fields__", {})}
    return cls


# ---------------------------------------------------------------------------------------- modules


def plain(name: str, rule: Callable[..., Any], kind: str = "") -> Native:
    """A function of numbers and strings: unknown where an argument is."""

    def wrapped(interpreter: Interpreter, *args: Any, **keywords: Any) -> Any:
        values = [*args, *keywords.values()]
        vague = next((v for v in values if isinstance(v, (Unknown, Tensor))), None)
        if vague is not None:
            return interpreter.unknown(getattr(vague, "what", ""), None, kind or "float")
        return interpreter.python(lambda: rule(*args, **keywords))

    return native(name, wrapped)


def some(kind: str, what: str = "") -> Native:
    """A function whose number is not known, and need not be."""
    return native(what or kind, lambda i, *a, **k: i.unknown(what, None, kind))


def libraries(interpreter: Interpreter) -> dict[str, Any]:
    """The modules that are modelled, by name, and the hooks of the interpreter."""
    typing: dict[str, Any] = {n: make_class(n, [OBJECT]) for n in (
        "Any", "List", "Tuple", "Dict", "Optional", "Union", "Callable", "Sequence", "Iterable",
        "Iterator", "Mapping", "Set", "Type", "Generic", "Protocol", "Literal", "Final", "ClassVar",
        "Text", "Generator", "Hashable", "Collection", "AnyStr")}  # fmt: skip
    named = make_class("NamedTuple", [OBJECT], form="namedtuple")
    typing |= {"NamedTuple": named, "TypedDict": OBJECT, "TYPE_CHECKING": False} | natives({
        "TypeVar": lambda i, *a, **k: OBJECT, "cast": lambda i, t, v: v, "overload": lambda i, f: f,
    })  # fmt: skip
    namespace = make_class("SimpleNamespace", [OBJECT], form="namespace", names=natives({
        "__init__": lambda i, self, *a, **k: self._attributes.update(
            *(d for d in a if isinstance(d, dict)), **k
        ),
    }, "SimpleNamespace."))  # fmt: skip
    abc = {"ABC": make_class("ABC", [OBJECT]), "ABCMeta": OBJECT} | natives({
        "abstractmethod": lambda i, f: f, "abstractproperty": _property})  # fmt: skip
    numbers = {n: make_class(n, [OBJECT]) for n in ("Number", "Real", "Integral")}
    enum = make_class("Enum", [OBJECT], form="enum")
    functools = natives({
        "partial": _partial, "wraps": lambda i, *a, **k: native("wrapper", lambda j, f: f),
        "lru_cache": _cached, "cache": _cached, "reduce": _reduce, "total_ordering": lambda i, c: c,
        "cached_property": _property,
    })  # fmt: skip
    field_class = make_class("Field", [OBJECT])
    mathematics: dict[str, Any] = {
        name: plain(f"math.{name}", getattr(math, name)) for name in dir(math)
        if callable(getattr(math, name)) and not name.startswith("_") and name not in ("factorial", "perm", "comb", "pow", "ldexp")
    }  # fmt: skip
    mathematics |= {"pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan}
    mathematics["pow"] = plain("math.pow", lambda a, b: float(a) ** min(float(b), 500.0))
    mathematics |= natives({"ceil": _ceil, "floor": _floor, "prod": _prod}, "math.")
    randoms: dict[str, Any] = {
        n: some("float") for n in ("random", "uniform", "gauss", "normalvariate", "betavariate")
    }
    randoms |= {n: some("int") for n in ("randint", "randrange", "getrandbits")}
    randoms |= natives({
        "seed": lambda i, *a: None, "shuffle": lambda i, *a: None, "choice": _choice,
        "sample": _sample, "choices": lambda i, v, *a, k=1, **o: _sample(i, v, k),
    })  # fmt: skip
    itertools = natives({
        "chain": _chain, "cycle": _cycle, "islice": _islice,
        "product": lambda i, *v, repeat=1: Iter(islice(product(*(i.items(x) for x in v), repeat=repeat), LARGEST_BUILT)),
        "count": lambda i, *a: Iter(islice(count(*a), LARGEST_BUILT)),
        "repeat": lambda i, v, n=10_000: Iter(iter([v] * min(n, 10_000))),
        "combinations": lambda i, v, r: Iter(islice(combinations(i.items(v), r), 10_000)),
        "permutations": lambda i, v, r=None: Iter(islice(permutations(i.items(v), r), 10_000)),
        "accumulate": lambda i, v: Iter(accumulate(i.items(v))),
        "zip_longest": lambda i, *v, **k: i.unknown("zip_longest"),
    })  # fmt: skip
    collections = natives({
        "OrderedDict": to_dict, "namedtuple": _namedtuple, "defaultdict": _defaultdict,
        "Counter": _counter, "deque": _deque,
    })  # fmt: skip
    path = {
        "join": native("join", lambda i, *a: i.unknown("", None, "str") if any(isinstance(x, Unknown) for x in a) else i.python(lambda: "/".join(a))),
        "exists": some("bool", "whether a file exists"), "isfile": some("bool", "whether a file exists"),
        "isdir": some("bool", "whether a folder exists"), "dirname": plain("dirname", lambda p: p.rpartition("/")[0], "str"),
        "basename": plain("basename", lambda p: p.rpartition("/")[2], "str"), "splitext": plain("splitext", lambda p: tuple(p.rsplit(".", 1)), "str"),
        **{n: plain(n, lambda p: p, "str") for n in ("abspath", "expanduser", "realpath")},
    }  # fmt: skip
    nothing = native("nothing", lambda i, *a, **k: None)
    identity = native("identity", lambda i, v=None, *a, **k: v)
    environ = DefaultDict()
    environ.open = True
    os = {"path": Names("os.path", path, "os"), "environ": environ, "makedirs": nothing, "mkdir": nothing, "sep": "/"} | natives({
        "getenv": lambda i, n, d=None: d, "getcwd": lambda i: ".", "cpu_count": lambda i: 4})  # fmt: skip
    modules: dict[str, dict[str, Any]] = {
        "typing": typing, "typing_extensions": dict(typing), "abc": abc, "numbers": numbers,
        "types": {"SimpleNamespace": namespace, "FunctionType": OBJECT}, "argparse": arguments(interpreter, namespace),
        "enum": {"Enum": enum, "auto": make_class("auto", [OBJECT])} | {n: make_class(n, [enum], form="enum") for n in ("IntEnum", "StrEnum", "Flag", "IntFlag")},
        "functools": functools, "math": mathematics, "random": randoms, "itertools": itertools,
        "dataclasses": natives({
            "dataclass": dataclass, "field": lambda i, **k: Instance(field_class, dict(k)),
            "asdict": lambda i, v: dict(v._attributes), "replace": lambda i, v, **k: Instance(v._cls, {**v._attributes, **k})}),
        "collections": collections, "copy": natives({"copy": _copy, "deepcopy": _deepcopy}),
        "os": os, "os.path": path, "time": {n: some("float") for n in ("time", "perf_counter", "clock", "process_time", "monotonic")} | {"sleep": nothing, "strftime": some("str")},
        "sys": {"exit": native("exit", _exit), "argv": ["program.py"], "path": [""], "maxsize": 2**63 - 1, "platform": "linux",
                "version_info": Result.of("sys.version_info", major=3, minor=11, micro=0), "stdout": interpreter.unknown(""), "stderr": interpreter.unknown(""),
                "setrecursionlimit": nothing, "modules": interpreter.unknown("sys.modules"), "version": "3.11"},
        "warnings": {"filterwarnings": nothing, "warn": nothing, "simplefilter": nothing},
        "__future__": dict.fromkeys(("print_function", "division", "absolute_import", "unicode_literals", "annotations")),
        "string": {n: getattr(string, n) for n in ("ascii_letters", "ascii_lowercase", "ascii_uppercase", "digits", "punctuation", "printable", "whitespace")},
        "tqdm": {"tqdm": identity, "trange": native("trange", lambda i, *a, **k: _range(i, *a))},
        "contextlib": {"contextmanager": native("contextmanager", lambda i, f: f), "nullcontext": identity, "suppress": nothing},
        "operator": natives({"itemgetter": lambda i, k: native("item", lambda j, v: j.item(v, k, ast.Pass())),
                             "attrgetter": lambda i, k: native("attr", lambda j, v: j.attribute(v, k))}),
        "logging": {"getLogger": native("getLogger", lambda i, *a: i.unknown("")), "INFO": 20, "DEBUG": 10, "WARNING": 30}
        | dict.fromkeys(("basicConfig", "info", "warning", "debug", "error"), nothing),
        "gc": {"collect": nothing}, "easydict": {"EasyDict": namespace}, "munch": {"Munch": namespace},
        "pdb": {"set_trace": nothing}, "builtins": dict(types()), "six.moves": {"range": types()["range"]},
    }  # fmt: skip
    made: dict[str, Any] = {name: Names(name, names, name) for name, names in modules.items()}
    made |= arrays.modules()
    for name in ("auto", "notebook", "autonotebook"):
        made[f"tqdm.{name}"] = made["tqdm"].names[name] = made["tqdm"]
    made["collections.abc"] = Names("collections.abc", typing, "collections.abc")
    return made | {"class made": class_made, "members": members, "instantiate": instantiate,
                   "attribute": plain_attribute, "isinstance": is_instance}  # fmt: skip


def _copied(interpreter: Interpreter, old: Instance, new: Instance) -> Any:
    from .follow import Layer

    before = next((one for one in interpreter.layers if one.instance is old), None)
    if before is None:
        return layer_of(interpreter, new, None)
    return Layer(new, before.name, before.place, before.open)


def _partial(interpreter: Interpreter, function: Any, *args: Any, **keywords: Any) -> Any:
    return Native(
        getattr(function, "__name__", "partial"),
        lambda i, *a, **k: i.call(function, [*args, *a], {**keywords, **k}, i.frame.node),
        interpreter=True, unknowns=True,
    )  # fmt: skip


def _cached(interpreter: Interpreter, function: Any = None, **keywords: Any) -> Any:
    if isinstance(function, (Function, Native)):
        return function
    return native("cached", lambda i, f: f)


def _reduce(interpreter: Interpreter, function: Any, values: Any, *start: Any) -> Any:
    items = [*start, *interpreter.items(values)]
    return reduce(lambda total, item: interpreter.call(function, [total, item], {}), items)


def _ceil(interpreter: Interpreter, value: Any) -> Any:
    if isinstance(known(value), Ratio):
        above, below = value.over
        return -(-above // below) if not isinstance(above, Size) else (above + below - 1) // below
    return value if isinstance(value, Size) else interpreter.python(lambda: math.ceil(value))


def _floor(interpreter: Interpreter, value: Any) -> Any:
    if isinstance(known(value), (Ratio, Size)):
        return to_int(interpreter, value)
    return interpreter.python(lambda: math.floor(value))


def _prod(interpreter: Interpreter, values: Any) -> Any:
    total: Any = 1
    for item in interpreter.items(values):
        total = interpreter.binary(ast.Pass(), total, ast.Mult(), item)
    return total


def _choice(interpreter: Interpreter, value: Any) -> Any:
    items = interpreter.listed(value)
    if isinstance(items, Unknown) or not items:
        return interpreter.unknown("a choice at random")
    first = items[0]
    of_a_kind = len(set(map(type_name, items))) == 1 and isinstance(first, (tuple, list))
    if of_a_kind or _alike(items):
        return first
    return interpreter.unknown("", None, "float" if isinstance(first, float) else "")


def _sample(interpreter: Interpreter, value: Any, k: Any) -> Any:
    items = interpreter.listed(value)
    if isinstance(items, Unknown) or isinstance(k, Unknown) or not items:
        return interpreter.unknown("a choice at random")
    return [items[i % len(items)] for i in range(min(k, LARGEST_BUILT))]


def _chain(interpreter: Interpreter, *values: Any) -> Any:
    return Iter(iter([item for value in values for item in interpreter.items(value)]))


def _cycle(interpreter: Interpreter, value: Any) -> Any:
    items = interpreter.items(value)
    return Iter(items[i % len(items)] for i in range(LARGEST_BUILT if items else 0))


def _islice(interpreter: Interpreter, value: Any, *args: Any) -> Any:
    items = interpreter.iterate(value)
    if isinstance(items, Unknown) or any(isinstance(a, Unknown) for a in args):
        return interpreter.unknown("islice")
    return Iter(islice(items, *args))


def _counter(interpreter: Interpreter, value: Any = ()) -> Any:
    items = value if isinstance(value, dict) else interpreter.items(value)
    counts = Counter()
    counts.factory = Native("zero", lambda: 0)
    counts.update(items)
    return counts


def _deque(interpreter: Interpreter, items: Any = (), maxlen: Any = None) -> Any:
    made = Deque()
    made.maxlen = known(maxlen)
    made.extend(interpreter.items(items))
    return made


def _defaultdict(interpreter: Interpreter, factory: Any = None, *args: Any, **keywords: Any) -> Any:
    made = DefaultDict(to_dict(interpreter, *args, **keywords))
    made.factory = factory
    return made


def _namedtuple(
    interpreter: Interpreter, name: Any, fields: Any, defaults: Any = (), **keywords: Any
) -> Any:
    names = known(fields).replace(",", " ").split() if isinstance(fields, str) else list(fields)
    values = dict.fromkeys(names, MISSING)
    for key, value in zip(reversed(names), reversed(list(defaults or ()))):
        values[key] = value
    cls = make_class(str(name), [OBJECT], form="namedtuple")
    cls.fields = values
    return cls


def _copy(interpreter: Interpreter, value: Any) -> Any:
    if isinstance(value, (list, dict, set)):
        return value.copy()
    if isinstance(value, Instance):
        return Instance(value._cls, dict(value._attributes))
    return value


def _deepcopy(interpreter: Interpreter, value: Any, *rest: Any) -> Any:
    return _deep(interpreter, value, {})


def _deep(interpreter: Interpreter, value: Any, seen: dict[int, Any]) -> Any:
    if id(value) in seen:
        return seen[id(value)]
    interpreter.step()
    if isinstance(value, list):
        made: Any = []
        seen[id(value)] = made
        made.extend(_deep(interpreter, v, seen) for v in value)
        return made
    if isinstance(value, tuple) and type(value) is tuple:
        seen[id(value)] = items = tuple(_deep(interpreter, v, seen) for v in value)
        return items
    if type(value) is dict:
        made = {}
        seen[id(value)] = made
        made.update({k: _deep(interpreter, v, seen) for k, v in value.items()})
        return made
    if isinstance(value, Instance):
        made = Instance(value._cls)
        seen[id(value)] = made
        made._attributes.update(
            {k: _deep(interpreter, v, seen) for k, v in value._attributes.items()}
        )
        spec = value._attributes.get("_spec")
        if spec is not None:
            interpreter.layers.append(_copied(interpreter, value, made))
        return made
    if isinstance(value, Tensor):
        copied = value.like(values=value.known)
        object.__setattr__(copied, "parameter", value.parameter)
        copied.storage.requires_grad = value.storage.requires_grad
        seen[id(value)] = copied
        return copied
    return value


# --------------------------------------------------------------------------------------- argparse


def arguments(interpreter: Interpreter, namespace: Class) -> dict[str, Any]:
    """argparse, at its defaults."""
    space = make_class("Namespace", [OBJECT], form="namespace", names=dict(namespace.names))

    def init(i: Interpreter, self: Instance, *args: Any, **keywords: Any) -> None:
        self._attributes["entries"] = {}

    def add(i: Interpreter, self: Instance, *flags: Any, **keywords: Any) -> Any:
        texts = [f for f in flags if isinstance(f, str)]
        if len(texts) != len(flags) or (not texts and "dest" not in keywords):
            return None
        long = next((f for f in texts if f.startswith("--")), texts[0] if texts else "")
        name = keywords.get("dest") or long.lstrip("-").replace("-", "_")
        self._attributes["entries"][name] = (not long.startswith("-"), keywords)
        return Instance(OBJECT)

    def parse(i: Interpreter, self: Instance, *args: Any, **keywords: Any) -> Any:
        made = Instance(space)
        for name, (positional, options) in self._attributes["entries"].items():
            made._attributes[name] = _default(i, name, positional, options)
        made._attributes.update(self._attributes.get("defaults", {}))
        return made

    def defaults(i: Interpreter, self: Instance, **keywords: Any) -> None:
        self._attributes.setdefault("defaults", {}).update(keywords)

    group = lambda i, self, *a, **k: self  # noqa: E731
    parser = make_class("ArgumentParser", [OBJECT], names=natives({
        "__init__": init, "add_argument": add, "parse_args": parse,
        "parse_known_args": lambda i, self, *a, **k: (parse(i, self), []),
        "add_argument_group": group, "add_mutually_exclusive_group": group, "set_defaults": defaults,
        "print_help": lambda i, *a: None, "error": _exit,
        "add_subparsers": lambda i, *a, **k: i.unknown("subcommands of argparse"),
    }, "ArgumentParser."))  # fmt: skip
    return {"ArgumentParser": parser, "Namespace": space, "ArgumentDefaultsHelpFormatter": None,
            "BooleanOptionalAction": "store_true", "FileType": some("", "a file"), "SUPPRESS": None,
            "RawTextHelpFormatter": None, "ArgumentTypeError": EXCEPTIONS["ValueError"]}  # fmt: skip


def _default(
    interpreter: Interpreter, name: str, positional: bool, options: Mapping[str, Any]
) -> Any:
    owners = ("args.", "opt.", "opts.", "config.", "FLAGS.", "")
    given = interpreter.setting(*(owner + name for owner in owners))
    if given is not MISSING:
        return given
    action = options.get("action")
    if action in ("store_true", "store_false"):
        return options.get("default", action == "store_false")
    convert = options.get("type")
    if "default" in options:
        value = options["default"]
        if isinstance(value, str) and convert is not None:
            return interpreter.call(convert, [value], {})
        return value
    needed = positional or options.get("required")
    kind = convert.name if isinstance(convert, Class) else ""
    if kind in ("int", "float") and not needed:
        needed = f"args.{name}" in interpreter.names.kinds
        interpreter.unset.add(f"args.{name}")
    if needed:
        if kind == "int":
            place = interpreter.place()
            interpreter.outside[f"args.{name}"] = (place.file, place.line) if place else ("", 0)
            return interpreter.names.open(f"args.{name}")
        words = f"the argument {name} of the command line"
        return interpreter.unknown(words, None, "float" if kind == "float" else "")
    return None
