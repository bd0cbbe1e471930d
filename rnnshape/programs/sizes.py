"""Sizes that remember their names: N is a whole number such as 11, and "N"; N·T is both too."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import count
from math import prod
from typing import Any


class Name(str):
    """A name in a size, or a rounding such as (T-1)//2, with the number behind it."""

    number: int
    key: str  # the name under which it was opened, where it is shown by another

    def __new__(cls, text: str, number: int, key: str = "") -> Name:
        """The name `text`, for `number`."""
        name = super().__new__(cls, text)
        name.number, name.key = number, key
        return name


Monomial = tuple[Name, ...]
Number = int | Fraction  # of a half a Fraction, else whole
Terms = tuple[tuple[Monomial, Number], ...]
Dim = int  # a Size where its name is open
Shape = tuple[int, ...]

_SIMPLE = re.compile(r"[\w.]+(\([^()]*(\([^()]*\))*[^()]*\)|\[[^\[\]]*\])?\Z")


class Size(int):
    """A whole number and the arithmetic over names that it came from; immutable.

    Arithmetic keeps both; comparisons are those of the number. `str` is the form of JSON
    ("2*H", "(T-1)//2+1"), `written` that of a person ("2H", "N·T"). A result in which no name is
    left is a plain int. Where the names have the numbers behind them is `Names`.
    """

    terms: Terms

    def __new__(cls, value: int, terms: Terms) -> Size:
        """`value` is what the terms come to."""
        size = super().__new__(cls, value)
        size.terms = terms
        return size

    def __add__(self, other: int) -> int:
        return _sum(self, other, 1) if isinstance(other, int) else NotImplemented

    __radd__ = __add__

    def __sub__(self, other: int) -> int:
        return _sum(self, other, -1) if isinstance(other, int) else NotImplemented

    def __rsub__(self, other: int) -> int:
        return _sum(other, self, -1) if isinstance(other, int) else NotImplemented

    def __neg__(self) -> int:
        return _sum(0, self, -1)

    def __pos__(self) -> int:
        return self

    def __mul__(self, other: int) -> int:
        if not isinstance(other, int):
            return NotImplemented
        value = int(self) * int(other)
        return _size(
            value,
            ((tuple(sorted(a + b)), m * n) for a, m in self.terms for b, n in terms_of(other)),
        )

    __rmul__ = __mul__

    def __floordiv__(self, other: int) -> int:
        return _divided(self, other) if isinstance(other, int) else NotImplemented

    def __rfloordiv__(self, other: int) -> int:
        return _divided(other, self) if isinstance(other, int) else NotImplemented

    def __mod__(self, other: int) -> int:
        return _rest(self, other) if isinstance(other, int) else NotImplemented

    def __rmod__(self, other: int) -> int:
        return _rest(other, self) if isinstance(other, int) else NotImplemented

    def __divmod__(self, other: int) -> tuple[int, int]:
        return self // other, self % other

    def __truediv__(self, other: float) -> float:
        value = int(self) / other
        return Ratio(value, self, other) if isinstance(other, int) else value

    def __pow__(self, other: int, modulo: int | None = None) -> int:  # type: ignore[override]
        if isinstance(other, int) and not isinstance(other, Size) and 0 <= other <= 4:
            result: int = 1
            for _ in range(other):
                result = self * result
            return result
        value = pow(int(self), other)
        return named(value, f"{_factor(self)}**{other}") if isinstance(value, int) else value

    def __str__(self) -> str:
        return _text(self.terms, "*", "*")

    __repr__ = __str__

    @property
    def name(self) -> str | None:
        """The name where the size is one name and nothing else."""
        if len(self.terms) == 1 and len(self.terms[0][0]) == 1 and self.terms[0][1] == 1:
            return self.terms[0][0][0]
        return None

    @property
    def names(self) -> set[str]:
        """The names, and the roundings such as (T-1)//2, that it is made of."""
        return {name for monomial, _ in self.terms for name in monomial}


class Ratio(float):
    """A size divided by a size: a float that can become a size again (`int(hidden / 2)`)."""

    over: tuple[int, int]

    def __new__(cls, value: float, above: int, below: int) -> Ratio:
        """above / below."""
        ratio = super().__new__(cls, value)
        ratio.over = (above, below)
        return ratio

    def whole(self) -> int:
        """The size rounded down."""
        return self.over[0] // self.over[1]


def terms_of(size: int) -> Terms:
    """A size as a polynomial: pairs of names and coefficient."""
    if isinstance(size, Size):
        return size.terms
    return (((), int(size)),) if size else ()


def _size(value: int, terms: Iterable[tuple[Monomial, Number]]) -> int:
    total: dict[Monomial, Number] = {}
    for names, n in terms:
        total[names] = total.get(names, 0) + n
    kept = [(names, _plain(n)) for names, n in total.items() if n]
    if len(kept) > 1:
        kept.sort(key=lambda term: (-len(term[0]), term[0]))
    return Size(value, tuple(kept)) if any(names for names, _ in kept) else value


def _plain(n: Number) -> Number:
    return n if type(n) is int or n.denominator != 1 else int(n)


def polynomial(terms: Iterable[tuple[Monomial, Number]]) -> int:
    """The size that terms come to."""
    held = list(terms)
    total = sum(n * prod(name.number for name in names) for names, n in held)
    return _size(int(total), held)


def named(value: int, text: str) -> Size:
    """The size called `text`, `value` standing for it."""
    return Size(value, (((Name(text, value),), 1),))


def _sum(a: int, b: int, sign: int) -> int:
    terms = [*terms_of(a), *((names, sign * n) for names, n in terms_of(b))]
    return _size(int(a) + sign * int(b), terms)


def _divided(a: int, b: int) -> int:
    value = int(a) // int(b)
    exact = _quotient(a, b)
    if exact is not None:
        return _size(value, exact)
    return named(value, f"{_factor(a)}//{_factor(b)}")


def _quotient(a: int, b: int) -> Terms | None:
    """a / b where it is a polynomial: by long division, each term of it a whole number."""
    divisor, rest = terms_of(b), dict(terms_of(a))
    found: list[tuple[Monomial, Number]] = []
    if not divisor:
        return None
    if len(divisor) == 1 and not divisor[0][0]:  # by a number
        by = divisor[0][1]
        parts = [(names, _plain(Fraction(n) / by)) for names, n in rest.items()]
        whole = all(n.denominator == 1 for _, n in parts)
        if whole or (isinstance(a, Size) and all(_even(names, n) for names, n in parts)):
            return tuple(parts)
        return None
    lead, weight = divisor[0]
    for _ in range(16):
        if not rest:
            return tuple(found)
        names = min(rest, key=lambda names: (-len(names), names))
        left = list(names)
        for name in lead:
            if name not in left:
                return None
            left.remove(name)
        term = (tuple(left), _plain(Fraction(rest[names]) / weight))
        if term[1].denominator != 1:
            return None
        found.append(term)
        for other, n in divisor:
            at = tuple(sorted((*other, *left)))
            rest[at] = rest.get(at, 0) - n * term[1]
            if not rest[at]:
                del rest[at]
    return None


WIDTH = 96  # the numbers behind names of widths are multiples, so that hidden // 2 is even


def _even(names: Monomial, n: Number) -> bool:
    """Whether a part such as hidden/2 is whole by what hidden stands for, wherever it is used."""
    if n.denominator == 1:
        return True
    return WIDTH % n.denominator == 0 and any(name.number % WIDTH == 0 for name in names)


def _rest(a: int, b: int) -> int:
    value = int(a) % int(b)
    return (
        0
        if value == 0 and _quotient(a, b) is not None
        else named(value, f"{_factor(a)}%{_factor(b)}")
    )


def smallest(a: int, b: int) -> int:
    """min(a, b), which keeps its names: "min(2,T)"."""
    if not isinstance(a, Size) and not isinstance(b, Size):
        return min(a, b)
    difference = a - b
    if not isinstance(difference, Size):
        return a if difference <= 0 else b
    if isinstance(b, Size) and not isinstance(a, Size):
        return a if a <= 1 else named(min(int(a), int(b)), f"min({a},{b})")
    if not isinstance(b, Size) and b <= 1:
        return b
    return named(
        min(int(a), int(b)),
        f"min({b if not isinstance(b, Size) else a},{a if not isinstance(b, Size) else b})",
    )


def largest(a: int, b: int) -> int:
    """max(a, b), which keeps its names."""
    if not isinstance(a, Size) and not isinstance(b, Size):
        return max(a, b)
    difference = a - b
    if not isinstance(difference, Size):
        return a if difference >= 0 else b
    plain = a if not isinstance(a, Size) else b if not isinstance(b, Size) else None
    if plain is not None and plain <= 1:
        return a if plain is b else b
    return named(max(int(a), int(b)), f"max({a},{b})")


def product(sizes: Iterable[int]) -> int:
    """The product; 1 for none."""
    result = 1
    for size in sizes:
        result = result * size
    return result


def formula(size: int) -> tuple[set[str], Callable[[Mapping[str, int]], int]]:
    """The names in a size such as (T-1)//2+1, and it as a function of numbers for them, which
    raises KeyError for what is no arithmetic."""

    def value(node: ast.expr, numbers: Mapping[str, int]) -> int:
        match node:
            case ast.Constant(value=int(number)):
                return number
            case ast.Name(id=name):
                return numbers[name]
            case ast.BinOp(left=left, op=op, right=right):
                return _OPERATORS[type(op)](value(left, numbers), value(right, numbers))
            case ast.UnaryOp(operand=operand):
                return -value(operand, numbers)
        raise KeyError

    tree = ast.parse(str(size), mode="eval").body
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return names, lambda numbers: value(tree, numbers)


_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip


def _text(terms: Terms, between: str, after_number: str) -> str:
    below = 1
    for _, n in terms:
        below = below * n.denominator // _gcd(below, n.denominator)
    words: list[str] = []
    for names, n in terms:
        whole = int(n * below)
        powers = between.join(name if _SIMPLE.match(name) else f"({name})" for name in names)
        alone = len(terms) == 1 and len(names) == 1 and whole == 1 and below == 1
        if alone:
            powers = names[0]
        number = "" if abs(whole) == 1 and names else f"{abs(whole)}{after_number if names else ''}"
        words.append(("-" if whole < 0 else "+" if words else "") + number + powers)
    if len(words) > 1 and words[0].startswith("-"):  # T-1 rather than -1+T
        first = next((word for word in words if not word.startswith("-")), None)
        if first:
            words.remove(first)
            words.insert(0, first.lstrip("+"))
    text = "".join(_roundings(words))
    if below == 1:
        return text
    return f"{f'({text})' if len(words) > 1 or '*' in text or '·' in text else text}//{below}"


def _roundings(words: Sequence[str]) -> Sequence[str]:
    """(T-1)//2+1: one rounding beside numbers needs no bracket of its own."""
    if len(words) == 2 and words[0].startswith("(") and words[0].endswith(")"):
        inner = words[0][1:-1]
        if "//" in inner and inner.count("(") == inner.count(")") and words[1][0] in "+-":
            return [inner, words[1]]
    return words


def _gcd(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return a


def _factor(size: int) -> str:
    text = str(size)
    return text if _SIMPLE.match(text) else f"({text})"


def json_size(size: int) -> int | str:
    """A size as it stands in JSON."""
    return str(size) if isinstance(size, Size) else int(size)


def json_shape(shape: Sequence[int]) -> list[int | str]:
    """A shape as it stands in JSON."""
    return [json_size(size) for size in shape]


def written(size: int) -> str:
    """A size for a person: `20`, `2hidden`, `N·T`."""
    if not isinstance(size, Size):
        return str(int(size))
    longest = max((len(name) for name in size.names), default=1)
    return _text(size.terms, "·", "" if longest == 1 else "·")


def written_shape(shape: Sequence[int]) -> str:
    """A shape for a person: `N×T×160`; `scalar` where it has no axis."""
    parts = [written(size) for size in shape]
    return "×".join(f"({p})" if re.search(r"[+\-/]", p) else p for p in parts) or "scalar"


class Names:
    """The open sizes of one program, and the number behind each.

    kinds: "width" for what is a width or unknown (a multiple of 96, so that halves and heads are
    whole), "length" for axes that are looped over (small primes), "count" for numbers of layers.
    No two are equal, none is in `taken` (the numbers that stand in the program). `bound` gives
    names a size of their own: a number, or a size over other names.
    """

    def __init__(
        self,
        taken: Iterable[int] = (),
        bound: Mapping[str, Any] | None = None,
        kinds: Mapping[str, str] | None = None,
        shown: Mapping[str, str] | None = None,
    ) -> None:
        self._taken = set(taken)
        self._bound = dict(bound or {})
        self._shown = dict(shown or {})
        self.kinds = dict(kinds or {})
        self.values: dict[str, int] = {}
        self._streams = {
            "width": (WIDTH * p for p in _primes(101)),
            "length": _primes(11),
            "count": _primes(3),
        }

    def open(self, name: str, kind: str = "width") -> Any:
        """The size called `name`: what it is bound to, or a number of its own with that name."""
        if name in self._bound:
            size = self._bound.pop(name)  # what refers to itself ends here
            if isinstance(size, str):  # no size, but a text
                self._bound[name] = size
                return size
            rebuilt = self.rebuilt(size)
            self._bound[name] = size
            return rebuilt
        if name not in self.values:
            kind = self.kinds.get(name, kind)
            self.kinds[name] = kind
            value = next(v for v in self._streams[kind] if v not in self._taken)
            self._taken.add(value)
            self.values[name] = value
        number = self.values[name]
        return Size(number, (((Name(self._shown.get(name, name), number, name),), 1),))

    def rebuilt(self, size: int) -> int:
        """A size of an earlier run, with the numbers that the names stand for in this one."""
        total: int = 0
        for names, n in terms_of(size):
            term: int = n.numerator
            for name in names:
                term = term * (self.open(name.key) if name.key else named(name.number, name))
            total = total + term // n.denominator
        return total

    def recovered(self, value: int) -> int:
        """The size that a bare count came from: a loop over T ran 13 times, and T is 13."""
        if isinstance(value, Size):
            return value
        for name, number in self.values.items():
            if self.kinds[name] == "length" and abs(value - number) <= 1:
                size: int = self.open(name)
                return size + (value - number)
        return value


def _primes(first: int) -> Iterable[int]:
    return (n for n in count(first) if all(n % k for k in range(2, int(n**0.5) + 1)))
