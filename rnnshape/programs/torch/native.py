"""How torch reads the arguments of what is written in C++, and how it names types.

Source: torch/csrc/utils/python_arg_parser.cpp. A row has one or more signatures, as torch's own
messages print them; the first that the arguments fit is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar

from ...checks.call import TYPES
from ...checks.call import listed as listed
from ..refusal import NotKnown, Refusal, type_error
from ..sizes import Size
from ..tensor import Tensor
from ..values import DType, TorchSize, Unknown
from . import row, type_name

# the kinds of arguments as signatures here write them -> as messages do
_KINDS = {
    "Tensor": "Tensor", "int": "int", "float": "float", "bool": "bool", "Number": "Number",
    "ints": "tuple of ints", "ints1": "tuple of ints", "floats": "tuple of floats",
    "Tensors": "tuple of Tensors", "dtype": "torch.dtype", "str": "str", "any": "torch.device",
    "number_like": "Tensor", "names": "tuple of names",
}  # fmt: skip
_ALIASES = {"dim": "axis", "keepdim": "keepdims", "input": "x", "other": "x2"}
# keywords that change nothing of what is told here; a signature with a dtype need not list them
_SILENT = ("device", "layout", "pin_memory", "generator", "memory_format", "requires_grad")


_PYTHON_TYPES = ("float", "int", "bool")


class Argument(NamedTuple):
    """A parameter of a signature. `kind` is one of _KINDS; `optional` that it has a default."""

    name: str
    kind: str
    optional: bool
    none: bool
    keyword: bool
    default: str


@cache
def parsed(signature: str) -> tuple[Argument, ...]:
    """`softmax(Tensor input, int dim, *, dtype? dtype=None)`; `?` is what may be None."""
    inside = signature[signature.index("(") + 1 : -1]
    found, keyword = [], False
    for part in inside.split(", ") if inside else ():
        if part == "*":
            keyword = True
            continue
        kind, _, rest = part.partition(" ")
        name, has, default = rest.partition("=")
        none = kind.endswith("?") or (default == "None")
        found.append(Argument(name, kind.rstrip("?"), bool(has), none, keyword, default))
    return tuple(found)


def is_whole(value: Any) -> bool:
    """A Python int that is no bool, or a whole tensor of no axes."""
    if isinstance(value, Tensor):
        return value.rank == 0 and not value.floating and value.dtype != "bool"
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.rank == 0 and not value.storage.requires_grad
    return isinstance(value, int | float | complex)


def _fits(kind: str, value: Any) -> bool:
    if isinstance(value, Unknown):
        return True
    match kind:
        case "Tensor":
            return isinstance(value, Tensor)
        case "number_like":
            return isinstance(value, Tensor | int | float | complex)
        case "int":
            return is_whole(value)
        case "float" | "Number":
            return _is_number(value)
        case "bool":
            return isinstance(value, bool)
        case "ints1" if is_whole(value):
            return True
        case "ints" | "ints1":
            if not isinstance(value, tuple | list):
                return False
            return not value or is_whole(value[0]) or isinstance(value[0], Unknown)
        case "floats":
            return isinstance(value, tuple | list)
        case "Tensors":
            return isinstance(value, tuple | list) and not isinstance(value, TorchSize)
        case "str":
            return isinstance(value, str) and not isinstance(value, DType)
        case "dtype":
            return isinstance(value, DType) or getattr(value, "__name__", "") in _PYTHON_TYPES
    return True


class _Mismatch(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


def _matched(
    name: str, wanted: Sequence[Argument], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    places = [a for a in wanted if not a.keyword]
    varied = len(places) == 1 and places[0].kind in ("ints", "ints1")
    if len(args) > len(places) and not varied:
        raise _Mismatch(_too_many(name, wanted, places, len(args)))
    left = dict(kwargs)
    bound: dict[str, Any] = {}
    at = 0
    for number, a in enumerate(wanted):
        if at < len(args):
            if a.keyword:
                raise _Mismatch(_too_many(name, wanted, places, len(args)))
            given, by_name, value = True, False, args[at]
        else:
            key = a.name if a.name in left else _ALIASES.get(a.name, "")
            given, by_name = key in left, True
            value = left.pop(key, None)
        if (not given and a.optional) or (given and value is None and a.none):
            if given and not by_name:
                at += 1
            continue
        if not given:
            missing = [f'"{m.name}"' for m in wanted[number:] if not m.optional]
            plural = "s" if len(missing) == 1 else ""
            raise _Mismatch(type_error(
                f"{name}() missing {len(missing)} required positional argument{plural}: "
                f"{', '.join(missing)}"
            ))  # fmt: skip
        if not _fits(a.kind, value):
            if varied and at == 0 and not by_name and _fits(a.kind, list(args)):
                bound[a.name] = list(args)
                at = len(args)
                continue
            raise _Mismatch(_wrong_type(name, a, value, None if by_name else at))
        if a.kind == "Tensors":
            for i, part in enumerate(value):
                if not isinstance(part, Tensor | Unknown):
                    raise type_error(
                        f"expected Tensor as element {i} in argument {number}, but got "
                        f"{type_name(part)}", argument=part,
                    )  # fmt: skip
        bound[a.name] = value
        at += not by_name
    for key in left:
        if key in _SILENT and any(a.name == "dtype" for a in wanted):
            continue
        taken = any(a.name == key for a in wanted)
        words = "multiple values for" if taken else "an unexpected keyword"
        raise _Mismatch(type_error(f"{name}() got {words} argument '{key}'"))
    return bound


def _too_many(
    name: str, wanted: Sequence[Argument], places: Sequence[Argument], given: int
) -> Refusal:
    least = sum(not a.optional for a in wanted)
    if least != len(places):
        text = f"from {least} to {len(places)} positional arguments but {given} were given"
    else:
        plural, was = "" if len(places) == 1 else "s", "was" if given == 1 else "were"
        text = f"{len(places)} positional argument{plural} but {given} {was} given"
    return type_error(f"{name}() takes {text}")


def _wrong_type(name: str, a: Argument, value: Any, at: int | None) -> Refusal:
    where = f" (position {at + 1})" if at is not None else ""
    text = f"{name}(): argument '{a.name}'{where} must be {_KINDS[a.kind]}"
    if at is not None and a.kind in ("ints", "ints1"):
        inside = value if isinstance(value, tuple | list) else None
        if inside:
            text += f", but found element of type {type_name(inside[0])} at pos 0"
            return type_error(text, argument=value)
    return type_error(f"{text}, not {type_name(value)}", argument=value)


def bound_arguments(
    name: str,
    signatures: Sequence[Sequence[Argument]],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    exact: bool = False,
) -> dict[str, Any]:
    """The arguments by name, by the first signature they fit; raises torch's TypeError.

    exact: that these are all of torch's signatures, in full: a message lists them.
    """
    first: Refusal | None = None
    for wanted in signatures:
        try:
            return _matched(name, wanted, args, kwargs)
        except _Mismatch as mismatch:
            first = first or mismatch.refusal
    assert first is not None
    count = len(args) + len(kwargs)
    old = any(a.kind == "number_like" for a in signatures[0])  # add, sub and mul have older ones
    if len(signatures) == 1 and not (old and count > len(signatures[0])):
        raise first
    nearly = [s for s in signatures if sum(not a.optional for a in s) <= count <= len(s) + 1]
    if not exact and len(nearly) > 1:  # some take an `out`, which is not written here
        raise NotKnown(f"arguments that {name}() does not take")
    plausible = [s for s in signatures if sum(not a.optional for a in s) <= count <= len(s)]
    if len(plausible) == 1:
        try:
            _matched(name, plausible[0], args, kwargs)
        except _Mismatch as mismatch:
            raise mismatch.refusal from None
    if not exact:
        raise NotKnown(f"arguments that {name}() does not take")
    raise type_error(invalid_combination(name, signatures, args, kwargs))


def invalid_combination(
    name: str,
    signatures: Sequence[Sequence[Argument]],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> str:
    """torch/csrc/utils/invalid_arguments.cpp."""
    got = ", ".join(type_name(a) for a in args)
    got += ", " if args and kwargs else ""
    got += ", ".join(f"{k}={type_name(v)}" for k, v in kwargs.items())
    got += ", " if kwargs and not args else ""
    text = f"{name}() received an invalid combination of arguments - got ({got})"
    text += ", but expected one of:\n"
    for wanted in signatures:
        text += f" * ({_printed(wanted)})\n"
        if len(wanted) != len(args) + len(kwargs):
            continue
        names = [a.name for a in wanted]
        foreign = [k for k in kwargs if k not in names[len(args) :]]
        if foreign:
            text += "      didn't match because some of the keywords were incorrect: "
            text += f"{', '.join(foreign)}\n"
            continue
        marked = [_marked(a, value) for a, value in zip(wanted, args)]
        marked += [f"{k}={_marked(a, kwargs[k])}" for a in wanted if (k := a.name) in kwargs]
        text += "      didn't match because some of the arguments have invalid types: "
        text += f"({', '.join(marked)}{', ' if kwargs else ''})\n"
    return text


def _printed(wanted: Sequence[Argument]) -> str:
    parts = []
    for a in wanted:
        if a.keyword and "*" not in parts:
            parts.append("*")
        parts.append(f"{_KINDS[a.kind]} {a.name}" + (f" = {a.default}" if a.optional else ""))
    return ", ".join(parts)


def _marked(wanted: Argument, value: Any) -> str:
    """A value's type, between ! where it does not fit: of that text, no list and default does."""
    name = type_name(value)
    if isinstance(value, tuple | list):
        inside = ", ".join(type_name(v) for v in value)
        comma = "," if isinstance(value, tuple) and len(value) == 1 else ""
        name += f" of ({inside}{comma})" if isinstance(value, tuple) else f" of [{inside}]"
        return f"!{name}!"
    return name if name == _KINDS[wanted.kind] and not wanted.optional else f"!{name}!"


Rule = TypeVar("Rule", bound=Callable[..., Any])
_DOORS = {
    "torch": "torch.",
    "Tensor": "Tensor.",
    "F": "torch.nn.functional.",
    "linalg": "torch.linalg.",
}


def native(
    *signatures: str, at: str = "torch Tensor", also: Sequence[str] = (), method: str = "input"
) -> Callable[[Rule], Rule]:
    """Declares a rule for what torch has written in C++: `at` names the doors, `also` other names.

    The rule is called with the arguments by name. Through the door Tensor the first argument is
    the tensor itself, and is not counted in messages.
    """
    name = signatures[0].partition("(")[0]
    whole = [parsed(s) for s in signatures]
    without = [s[1:] for s in whole]

    def declare(rule: Rule) -> Rule:
        for other in (name, *also):
            for door in at.split():
                _declare(rule, other, door, whole, without)
        return rule

    return declare


def in_place(*signatures: str) -> list[str]:
    """The signatures of the method that changes its tensor: `add_(…)`."""
    return [signature.replace("(", "_(", 1) for signature in signatures]


def _declare(
    rule: Callable[..., Any], name: str, door: str, whole: Sequence[Sequence[Argument]],
    without: Sequence[Sequence[Argument]],
) -> None:  # fmt: skip
    own = whole[0][0].name if whole[0] else ""

    def function(*args: Any, **kwargs: Any) -> Any:
        if kwargs.pop("out", None) is not None:
            raise NotKnown("out=")
        return rule(**bound_arguments(name, whole, args, kwargs))

    def as_method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        if kwargs and without == [()]:
            raise type_error(f"TensorBase.{name}() takes no keyword arguments")
        if args and without == [()]:
            raise type_error(f"TensorBase.{name}() takes no arguments ({len(args)} given)")
        return rule(**{own: self}, **bound_arguments(name, without, args, kwargs))

    row(_DOORS[door] + name)(as_method if door == "Tensor" else function)


def alias(name: str) -> str:
    """A dtype as a message names it: Float, Long."""
    return TYPES.get(name, (name,))[0]


def c_name(name: str) -> str:
    """A dtype as C++ names it: float, long int."""
    return TYPES[name][1] if name in TYPES else name


def tensor_kind(x: Tensor) -> str:
    """torch.FloatTensor."""
    return f"torch.{alias(x.dtype)}Tensor"


def tupled(shape: Sequence[int]) -> str:
    """A shape as Python prints a tuple."""
    return f"({', '.join(str(n) for n in shape)}{',' if len(shape) == 1 else ''})"


def times(shape: Sequence[int]) -> str:
    """A matrix's shape as messages of products print it: 3x4."""
    return "x".join(str(n) for n in shape)


def number(value: Any) -> Any:
    """A whole number out of an int or a known tensor of no axes; raises NotKnown."""
    if isinstance(value, Tensor):
        if value.known is None:
            raise NotKnown("a size that depends on a tensor's values")
        return value.known[0]
    return value


def numbers(value: Any) -> list[Any]:
    """The whole numbers of a size given as ints, a tuple or a list."""
    if isinstance(value, tuple | list):
        return [number(v) for v in value]
    return [number(value)]


def sequence_of_ints(
    name: str, values: Sequence[Any], argument: str = "size", at: int = 1
) -> list[int]:
    """What unpacking a list of ints raises for an element of another type."""
    for i, value in enumerate(values):
        if isinstance(value, Unknown):
            raise NotKnown("an unknown size")
        if not is_whole(value) and not isinstance(value, bool):
            raise type_error(
                f"{name}(): argument '{argument}' failed to unpack the object at pos {i + 1} with "
                f'error "type must be tuple of ints,but got {type_name(value)}"', argument=value,
            )  # fmt: skip
    return [number(v) for v in values]


def settled(*values: Any) -> bool:
    """Whether sizes are numbers: what compares an open one by < or divides it decides nothing."""
    return not any(isinstance(v, Size) for v in values)


def not_implemented(kernel: str, dtype: str, argument: Any = None) -> Refusal:
    """A kernel that has no code for a dtype."""
    wants = {"dtype": "float32"} if argument is not None else {}
    return Refusal(
        "NotImplementedError", f"\"{kernel}\" not implemented for '{alias(dtype)}'",
        argument=argument, wants=wants,
    )  # fmt: skip
