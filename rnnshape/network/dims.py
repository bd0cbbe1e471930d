"""Dimensions and shapes: integers or symbols (N, T, 2*H), how they combine and are written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from ..errors import UsageError

LARGEST = 2**63 - 1  # torch stores a size in a signed 64-bit integer

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,31}\Z")


class Symbol:
    """A polynomial in named sizes with integer coefficients, such as N, 2*H or H*I + H.

    Immutable. Sums and products with integers and other symbols give a symbol, or an
    integer where every name cancels; division is exact and raises ValueError otherwise.
    """

    __slots__ = ("_terms",)

    def __init__(self, terms: Iterable[tuple[tuple[str, ...], int]]) -> None:
        """`terms` pairs a sorted tuple of names (the monomial) with its coefficient."""
        self._terms = tuple(sorted(terms, key=lambda term: (-len(term[0]), term[0])))

    def __add__(self, other: Dim) -> Dim:
        return _polynomial([*_terms(self), *_terms(other)])

    __radd__ = __add__

    def __mul__(self, other: Dim) -> Dim:
        return _polynomial(
            (tuple(sorted(a + b)), m * n) for a, m in _terms(self) for b, n in _terms(other)
        )

    __rmul__ = __mul__

    def __floordiv__(self, divisor: int) -> Dim:
        if any(n % divisor for _, n in self._terms):
            raise ValueError(f"{self} does not divide by {divisor}")
        return _polynomial((names, n // divisor) for names, n in self._terms)

    def at(self, values: Mapping[str, int]) -> Dim:
        """The size where some of its names have a value."""
        return total(
            product([n, *(values.get(name, symbol(name)) for name in names)])
            for names, n in self._terms
        )

    def solved(self, value: int) -> tuple[str, int] | None:
        """The name and what it stands for where a multiple of one name is `value`, else None."""
        (names, n), *rest = self._terms
        if rest or len(names) != 1 or value % n:
            return None
        return names[0], value // n

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Symbol) and self._terms == other._terms

    def __hash__(self) -> int:
        return hash(self._terms)

    def __str__(self) -> str:
        """The form used in JSON: `2*H`, `4*H*I + 8*H`."""
        return self._text("*")

    __repr__ = __str__

    def _text(self, between: str) -> str:
        """`4H·I` of letters; the number stands apart from a longer name, and always in JSON."""
        long = between != "·" or any(len(name) > 1 for names, _ in self._terms for name in names)
        after_number = between if long else ""
        return " + ".join(
            (f"{n}{after_number if names else ''}" if n != 1 or not names else "")
            + between.join(names)
            for names, n in self._terms
        )


Dim = int | Symbol
Shape = tuple[Dim, ...]


def symbol(name: str) -> Symbol:
    """The size called `name`."""
    return Symbol([((name,), 1)])


def _terms(dim: Dim) -> Iterable[tuple[tuple[str, ...], int]]:
    return [((), dim)] if isinstance(dim, int) else dim._terms


def _polynomial(terms: Iterable[tuple[tuple[str, ...], int]]) -> Dim:
    total: dict[tuple[str, ...], int] = {}
    for names, n in terms:
        total[names] = total.get(names, 0) + n
    rest = [(names, n) for names, n in total.items() if n]
    if not rest:
        return 0
    if len(rest) == 1 and not rest[0][0]:
        return rest[0][1]
    return Symbol(rest)


_MOST_FACTORS = 64


def parse_dim(text: str | int, what: str, fix: str = "") -> Dim:
    """Read a size: an integer, a name, or a product such as `2*H`.

    Raises UsageError, naming `what`, for anything else or beyond 2**63 - 1.
    """
    if isinstance(text, int):
        return _bounded(int(text), what)
    product: Dim = 1
    number = 1
    parts = [part.strip() for part in text.split("*", _MOST_FACTORS)]
    if len(parts) > _MOST_FACTORS:
        raise UsageError(
            f"{what}: expected a product of at most {_MOST_FACTORS} factors",
            got=f"{text.count('*') + 1}",
            fix="give one number for all that are numbers",
        )
    for part in parts:
        sign = "[+-]?" if len(parts) == 1 else ""  # no size is a negative multiple of another
        if re.fullmatch(sign + "[0-9]{1,400}", part):
            number = _bounded(number * _bounded(int(part), what), what)
        elif _NAME.match(part):
            product = product * symbol(part)
        else:
            raise UsageError(
                f"{what}: expected an integer or a name such as H",
                got=repr(text[:60]),
                fix=fix or f"give {what} a whole number, such as 20",
            )
    return product * number


def _bounded(value: int, what: str) -> int:
    if abs(value) > LARGEST:
        raise UsageError(
            f"{what}: expected at most 2^63 - 1, the largest size that torch can hold",
            got=f"a number of {int(value.bit_length() * 0.30103) + 1} digits or so",
            fix="give a smaller number, or a name for a size that is left open",
        )
    return value


def product(dims: Iterable[Dim]) -> Dim:
    """The product of `dims`; 1 for none."""
    result: Dim = 1
    for dim in dims:
        result = result * dim
    return result


def total(dims: Iterable[Dim]) -> Dim:
    """The sum of `dims`; 0 for none."""
    result: Dim = 0
    for dim in dims:
        result = result + dim
    return result


def write_dim(dim: Dim) -> str:
    """A size for a person: `20`, `1,160`, `2H`, `H·I + 2H`."""
    return f"{dim:,}" if isinstance(dim, int) else dim._text("·")


def write_shape(shape: Sequence[Dim]) -> str:
    """A shape for a person: `7×20`; `scalar` where it has no axis."""
    return "×".join(_factor(dim) for dim in shape) or "scalar"


def _factor(dim: Dim) -> str:
    if isinstance(dim, int):
        return str(dim)
    text = dim._text("·")
    return f"({text})" if " + " in text else text


def json_dim(dim: Dim) -> int | str:
    """A size as it stands in JSON: an integer, or a string such as `2*H`."""
    return dim if isinstance(dim, int) else str(dim)


def json_shape(shape: Sequence[Dim]) -> list[int | str]:
    """A shape as it stands in JSON: a list of sizes."""
    return [json_dim(dim) for dim in shape]


def needs_numbers(name: str, size: Dim) -> UsageError:
    """The error where a size is a symbol and numbers are to be computed."""
    option = {"size": "batch-size", "seq_len": "seq-len"}.get(name, name.replace("_", "-"))
    return UsageError(
        f"{option}: expected a number, since values are to be computed",
        got=f"the symbol {size}",
        fix=f"--{option} 20",
    )
