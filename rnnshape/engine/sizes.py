"""The shapes of a cell worked out by unification over sizes that are sums of I, H and open names.

Every operation gives equations between sizes; solving them is elimination, one open size after
the other, each remembering the place where it was fixed. Where an operation works element by
element, a width of 1 meets any other: such an equation waits until it is known which widths are 1.
What is open at the end is H.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from ..errors import UsageError
from ..network.dims import Dim
from .notation import ALONE, Draft, Node, Place, Source, shown

_UNARY = {*ALONE.values(), "neg", "copy", "layer_norm"}
ELEMENTWISE = {"add", "sub", "mul", "div", "power", "max", "min"}
_RIGID = ("I", "H", "")
_WORDS = ("a number", "a vector", "a matrix")  # by the number of axes without the batch


class Size:
    """A sum of multiples of names, immutable; "" is the name of the number 1."""

    __slots__ = ("terms",)

    def __init__(self, terms: Mapping[str, Fraction]) -> None:
        self.terms = {name: factor for name, factor in terms.items() if factor}

    def __add__(self, other: Size) -> Size:
        terms = dict(self.terms)
        for name, factor in other.terms.items():
            terms[name] = terms.get(name, Fraction(0)) + factor
        return Size(terms)

    def __sub__(self, other: Size) -> Size:
        return self + other.times(-1)

    def times(self, factor: int | Fraction) -> Size:
        """A multiple."""
        return Size({name: own * factor for name, own in self.terms.items()})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Size) and self.terms == other.terms

    def __hash__(self) -> int:
        return hash(frozenset(self.terms.items()))

    @property
    def open(self) -> list[str]:
        """The names that are neither I nor H."""
        return [name for name in self.terms if name not in _RIGID]

    @property
    def one(self) -> bool:
        """Whether it is the number 1."""
        return self.terms == {"": 1}

    def __str__(self) -> str:
        """As it is declared: 2H, I + H, H/2."""
        text = ""
        for name in sorted(self.terms, key=lambda name: (name == "", name)):
            factor = self.terms[name]
            sign = " − " if factor < 0 and text else "−" if factor < 0 else " + " if text else ""
            above = abs(factor.numerator)
            part = (str(above) if above != 1 or not name else "") + shown(name.lstrip("?"))
            text += sign + part + (f"/{factor.denominator}" if factor.denominator != 1 else "")
        return text or "0"

    def with_input(self, size: Size) -> Size:
        """The same with `size` in the place of I."""
        return _substituted(self, {"I": size})

    def at(self, sizes: Mapping[str, Dim]) -> Dim | None:
        """The size for sizes of I and H; None where that is no whole size of at least 1."""
        denominator = 1
        for factor in self.terms.values():
            denominator *= factor.denominator
        whole: Dim = 0
        for name, factor in self.terms.items():
            term = int(factor * denominator)
            whole = whole + (term if not name else sizes[name] * term)
        try:
            divided = whole if denominator == 1 else _divided(whole, denominator)
        except ValueError:
            return None
        return None if isinstance(divided, int) and divided < 1 else divided


def _divided(whole: Dim, by: int) -> Dim:
    if isinstance(whole, int) and whole % by:
        raise ValueError
    return whole // by


ONE = Size({"": Fraction(1)})
HIDDEN = Size({"H": Fraction(1)})
INPUT = Size({"I": Fraction(1)})


class Condition(NamedTuple):
    """Two sizes that have to be equal for the cell to work, such as I and H, and where."""

    left: Size
    right: Size
    place: Place
    why: str
    also: tuple[tuple[Place, str], ...]


class Shaped(NamedTuple):
    """What is known of a node: its sizes without the batch, and whether it has a batch."""

    sizes: tuple[Size, ...]
    batched: bool


@dataclass
class Solution:
    """The shapes of all nodes, and what has to hold of I and H."""

    nodes: list[Shaped]
    conditions: list[Condition]
    states: dict[str, tuple[Size, ...]] = field(default_factory=dict)
    names: dict[str, Size] = field(default_factory=dict)  # the other sizes that a file names


class _Wait(NamedTuple):
    """An equation of element by element: parts of one width each, or 1, and the result's."""

    parts: tuple[Size, ...]
    result: Size
    node: int


def solve(source: Source, draft: Draft) -> Solution:
    """Work out every shape. Raises UsageError where two uses contradict, with both places."""
    return _Solver(source, draft).solve()


class _Solver:
    def __init__(self, source: Source, draft: Draft) -> None:
        self._source, self._draft = source, draft
        self._bound: dict[str, tuple[Size, Place, str, list[str]]] = {}
        self._waits: list[_Wait] = []
        self._conditions: list[Condition] = []
        self._count = 0
        self._sizes: list[tuple[Size, ...]] = []

    def solve(self) -> Solution:
        """Ranks first, since they say which equations there are; then the sizes."""
        draft = self._draft
        ranks = _Ranks(self._source, draft).solve()
        batched: list[bool] = []
        places: dict[int, list[str]] = {}
        for name, number in draft.states.items():
            places.setdefault(number, []).append(name)
        for number, node in enumerate(draft.nodes):
            below = any(batched[read] for read in node.inputs)
            batched.append(below or node.op in ("input", "state"))
            self._sizes.append(self._node(number, node, ranks))
            for name in places.get(number, ()):
                place = draft.assigned[name + "'"]
                for own, new in zip(self._state(name), self._sizes[number], strict=True):
                    why = f"the state {shown(name)} is {{}} wide"
                    words = f"{why}, and what {shown(name)}' is given is {{}}"
                    self._equal(own, new, place, words, why)
        self._settle()
        return self._solution(batched)

    def _solution(self, batched: list[bool]) -> Solution:
        draft = self._draft
        names: dict[str, Size] = {}
        default: dict[str, Size] = {}

        def closed(size: Size) -> Size:
            size = self._resolved(size)
            for name in size.open:
                default[name] = HIDDEN
            return _substituted(size, default)

        shaped = []
        for number, node in enumerate(draft.nodes):
            sizes = tuple(map(closed, self._sizes[number]))
            for size in sizes:
                if not _positive(size):
                    raise self._left_open(number, node, size)
            shaped.append(Shaped(sizes, batched[number]))
        for declared in [*draft.declared.values(), *draft.declared_states.values()]:
            for terms in declared.sizes:
                for name in terms:
                    if name not in _RIGID:
                        names[name] = closed(Size({name: Fraction(1)}))
        conditions = [
            c._replace(left=closed(c.left), right=closed(c.right)) for c in self._conditions
        ]
        states = {name: tuple(map(closed, self._state(name))) for name in draft.states}
        return Solution(shaped, [c for c in conditions if c.left != c.right], states, names)

    def _left_open(self, number: int, node: Node, size: Size) -> UsageError:
        name = shown(str(node.attributes[0])) if node.op == "parameter" else "what stands here"
        declared = name if node.op == "parameter" else "p"
        return self._source.error(
            node.place,
            f"expected a size for {name}: the equations leave it open, and H is no "
            f"answer (the width would be {size})",
            f"declare what is open: param {declared}: 1",
        )

    # what each node says

    def _fresh(self) -> Size:
        self._count += 1
        return Size({f"?{self._count}": Fraction(1)})

    def _state(self, name: str) -> tuple[Size, ...]:
        declared = self._draft.declared_states.get(name)
        return (HIDDEN,) if declared is None else tuple(map(Size, declared.sizes))

    def _parameter(self, name: str, rank: int) -> tuple[Size, ...]:
        own = tuple(self._fresh() for _ in range(rank))
        declared = self._draft.declared.get(name)
        if declared is not None:
            why = f"{shown(name)} is declared {', '.join(str(Size(s)) for s in declared.sizes)}"
            for size, terms in zip(own, declared.sizes, strict=True):
                self._equal(size, Size(terms), declared.place, why, why)
        return own

    def _node(self, number: int, node: Node, ranks: list[int]) -> tuple[Size, ...]:
        op, place = node.op, node.place
        read = [self._sizes[i] for i in node.inputs]
        if op == "input":
            return (INPUT,)
        if op == "state":
            return self._state(node.attributes[0])
        if op == "parameter":
            return self._parameter(node.attributes[0], ranks[number])
        if op in ("number", "size"):
            return ()
        if op == "layer_norm" and len(read) == 3:
            for what, other in zip(("gain", "bias"), read[1:]):
                words = f"layer_norm goes over {{}}, and its {what} is {{}} wide"
                self._equal(read[0][-1], other[-1], place, words)
        if op in _UNARY:
            return read[0]
        if op in ELEMENTWISE:
            return self._elementwise(number, node, read, ranks[number])
        if op == "product":
            matrix, other = read
            name = self._called(node.inputs[0])
            behind = self._called(node.inputs[1]) or "what it is multiplied with"
            words = f"{name or 'the matrix'} has {{}} columns, and {behind} is {{}} wide"
            why = f"{name or 'the matrix'} is multiplied with "
            why += f"{self._called(node.inputs[1]) or 'something'}, {{}} wide"
            self._equal(matrix[1], other[0], place, words, why)
            return (matrix[0], *other[1:])
        if op == "concat":
            for other in read[1:]:
                for one, two in zip(read[0][:-1], other[:-1]):
                    self._equal(one, two, place, "concat joins {} rows and {}")
            whole = read[0][-1]
            for other in read[1:]:
                whole = whole + other[-1]
            return (*read[0][:-1], whole)
        if op == "split":
            return read[0]
        if op == "part":
            return (*read[0][:-1], read[0][-1].times(Fraction(1, node.attributes[1])))
        if op == "sum":
            return (*read[0][:-1], ONE)
        if op == "outer":
            return (read[0][0], read[1][0])
        assert op == "transpose"
        return read[0][::-1]

    def _called(self, number: int) -> str:
        """A node as a message names it."""
        node, name = self._draft.nodes[number], self._draft.names.get(number)
        if name is not None or node.op in ("parameter", "state"):
            return shown(name or str(node.attributes[0]))
        return "x" if node.op == "input" else ""

    def _elementwise(
        self, number: int, node: Node, read: list[tuple[Size, ...]], rank: int
    ) -> tuple[Size, ...]:
        whole = [sizes for sizes in read if len(sizes) == rank]
        for sizes in read:
            if 0 < len(sizes) < rank:  # a vector beside a matrix: one number a sample
                words = "a vector {} wide meets a matrix, which only a width of {} does"
                self._equal(sizes[0], ONE, node.place, words)
        result = []
        for parts in zip(*whole):
            known = [self._resolved(part) for part in parts]
            if len(known) == 1 or known[0] == known[1]:
                result.append(parts[0])
                continue
            fresh = self._fresh()
            self._waits.append(_Wait(parts, fresh, number))
            result.append(fresh)
        return tuple(result)

    def _settle(self) -> None:
        """Solve what waits: first what follows, then, one by one, what is taken to be equal."""
        while True:
            while self._follow():
                pass
            if not self._waits:
                return
            wait = self._waits.pop(0)
            self._same(wait, [part for part in wait.parts if not self._resolved(part).one])

    def _follow(self) -> bool:
        """Solve what is sure; whether anything was."""
        waits, self._waits = self._waits, []
        for wait in waits:
            parts = [part for part in wait.parts if not self._resolved(part).one]
            place = self._draft.nodes[wait.node].place
            if self._resolved(wait.result).one:
                for part in parts:
                    self._equal(part, ONE, place, "it is {} wide, and here {} is wanted")
            elif len(parts) < 2:
                words = "what is made here is wanted {} wide, and is {} wide"
                self._equal(wait.result, parts[0] if parts else ONE, place, words)
            elif all(_never_one(self._resolved(part)) for part in parts):
                self._same(wait, parts)
            else:
                self._waits.append(wait)
        return len(self._waits) < len(waits)

    def _same(self, wait: _Wait, parts: list[Size]) -> None:
        node = self._draft.nodes[wait.node]
        left, right = (self._called(number) for number in node.inputs)
        words = (
            f"{left or 'the left side'}, {{}} wide, meets {right or 'the right side'}, {{}} wide"
        )
        if len(parts) == 2:
            self._equal(parts[0], parts[1], node.place, words)
        of = {
            self._called(number)
            for number in node.inputs
            if self._resolved(parts[0]) in map(self._resolved, self._sizes[number])
        } - {""}
        part = f"{min(of)} is" if of else "its parts are"
        words = f"what is made here is wanted {{}} wide, and {part} {{}} wide"
        self._equal(wait.result, parts[0], node.place, words)

    # equality

    def _resolved(self, size: Size) -> Size:
        while any(name in self._bound for name in size.terms):
            size = Size(
                _substituted(size, {n: b[0] for n in size.terms if (b := self._bound.get(n))}).terms
            )
        return size

    def _equal(self, left: Size, right: Size, place: Place, words: str, why: str = "") -> None:
        """Make two sizes one; `words` say what they are where they differ, a {} for each.

        why: what is told of this place where the size that it fixed contradicts another.
        """
        rest = self._resolved(left) - self._resolved(right)
        if not rest.terms:
            return
        if rest.open:
            name = max(rest.open, key=lambda name: (name.startswith("?"), len(name), name))
            others = Size({n: f for n, f in rest.terms.items() if n != name})
            value = others.times(-1 / rest.terms[name])
            from_names = [n for size in (left, right) for n in size.open if n != name]
            self._bound[name] = (value, place, why or "it is {} wide", from_names)
            return
        words = words.format(self._resolved(left), self._resolved(right))
        also = tuple(self._reasons((left, right), place))
        if not _may_vanish(rest):
            raise self._source.error(
                place,
                f"expected sizes that agree: {words}",
                "give one of the two another size, or another matrix",
                also,
            )
        self._conditions.append(
            Condition(self._resolved(left), self._resolved(right), place, words, also)
        )

    def _reasons(self, sizes: Iterable[Size], place: Place) -> list[tuple[Place, str]]:
        """The places that fixed what is open in sizes, two at most."""
        found: dict[Place, str] = {}
        waiting = [name for size in sizes for name in size.open]
        seen = set()
        while waiting:
            name = waiting.pop()
            if name in seen or name not in self._bound:
                continue
            seen.add(name)
            size, where, why, others = self._bound[name]
            before = [other for other in others if other in self._bound]
            if where != place and not before and not size.open:
                found.setdefault(where, why.format(size))
            waiting += before
        return list(found.items())[:2]


def _substituted(size: Size, values: Mapping[str, Size]) -> Size:
    whole = Size({name: factor for name, factor in size.terms.items() if name not in values})
    for name in size.terms:
        if name in values:
            whole = whole + values[name].times(size.terms[name])
    return whole


def _positive(size: Size) -> bool:
    return bool(size.terms) and all(factor > 0 for factor in size.terms.values())


def _never_one(size: Size) -> bool:
    """Whether a size is known, and not as 1."""
    return not size.open and not size.one


def _may_vanish(rest: Size) -> bool:
    """Whether a difference of sizes can be 0: I − H can, H or 2H − H cannot."""
    signs = {factor > 0 for factor in rest.terms.values()}
    return len(signs) == 2


class _Ranks:
    """How many axes each node has without the batch: 0 for a number, 1, or 2 for a matrix."""

    def __init__(self, source: Source, draft: Draft) -> None:
        self._source, self._draft = source, draft
        self._ranks: list[int | None] = [self._known(node) for node in draft.nodes]

    def _known(self, node: Node) -> int | None:
        if node.op == "state":
            return self._of_state(node.attributes[0])
        if node.op == "parameter":
            declared = self._draft.declared.get(node.attributes[0])
            return None if declared is None else len(declared.sizes)
        known = {"input": 1, "number": 0, "size": 0, "outer": 2, "transpose": 2}
        return known.get(node.op)

    def _of_state(self, name: str) -> int:
        declared = self._draft.declared_states.get(name)
        return 1 if declared is None else len(declared.sizes)

    def solve(self) -> list[int]:
        """Go over all nodes until nothing changes; what is open then is a vector.

        What is sure goes first, then that what stands before · is a matrix, then that what
        works element by element has one rank.
        """
        for name, number in self._draft.states.items():
            self._set(number, self._of_state(name))
        for guess in range(3):
            changed = True
            while changed:
                before = list(self._ranks)
                for number, node in enumerate(self._draft.nodes):
                    self._relate(number, node, guess)
                for number in range(len(self._draft.nodes) - 1, -1, -1):
                    self._relate(number, self._draft.nodes[number], guess)
                changed = before != self._ranks
        ranks = [1 if rank is None else rank for rank in self._ranks]
        for number, node in enumerate(self._draft.nodes):
            self._check(node, [ranks[i] for i in node.inputs], ranks[number])
        for name, number in self._draft.states.items():
            self._check_state(name, number, ranks)
        return ranks

    def _set(self, number: int, rank: int | None) -> None:
        if self._ranks[number] is None:
            self._ranks[number] = rank

    def _relate(self, number: int, node: Node, guess: int) -> None:
        """What a node says of the ranks around it."""
        op, read, ranks = node.op, node.inputs, self._ranks
        if op in _UNARY or op in ("split", "part", "sum", "concat"):
            same = read[:1] if op != "concat" else read
            for i in same:
                self._set(i, ranks[number])
                self._set(number, ranks[i])
            for i in read[1:]:
                self._set(i, 1)
        elif op == "product":
            if guess or self._draft.nodes[read[0]].op == "parameter":
                self._set(read[0], 2)
            self._set(number, ranks[read[1]])
            self._set(read[1], ranks[number])
        elif op == "outer":
            for i in read:
                self._set(i, 1)
        elif op == "transpose":
            self._set(read[0], 2)
        elif op in ELEMENTWISE:
            if 0 in (ranks[i] for i in read):  # a number beside it says nothing
                for i in read:
                    self._set(i, ranks[number])
            known = [rank for i in read if (rank := ranks[i]) is not None]
            if len(known) == len(read) or 2 in known:
                self._set(number, max(known))
            if ranks[number] == 1:
                for i in read:
                    self._set(i, 1)
            elif guess > 1 and ranks[number] is not None:
                for i in read:
                    self._set(i, ranks[number])
            elif guess > 1 and known:
                for i in read:
                    self._set(i, max(1, *known))

    def _check(self, node: Node, read: list[int], rank: int) -> None:
        op = node.op
        if op == "product" and not (read[0] == 2 and read[1]):
            left, right = read
            got = f"{_WORDS[left]} · {_WORDS[right]}"
            fix = "a ⊙ b element by element"
            also = self._declared(node.inputs[0], left)
            if also:
                fix = f"declare it with two sizes, or {fix}"
            elif (left, right) == (1, 1):
                fix = "sum(a ⊙ b) for the product of two vectors, a ⊙ b element by element"
            elif (left, right) == (1, 2):
                fix = "transpose(W)·a, the matrix before the vector"
            raise self._source.error(
                node.place,
                f"expected a matrix before · and a vector or a matrix behind it, got {got}",
                fix,
                also,
            )
        wanted = {"outer": (1, 1), "transpose": (2,)}.get(op)
        if wanted is not None and tuple(read) != wanted:
            got = " and ".join(_WORDS[i] for i in read)
            raise self._source.error(
                node.place,
                f"expected {' and '.join(_WORDS[i] for i in wanted)} in {op}, got {got}",
                f"{op}({'a, b' if op == 'outer' else 'A'})",
            )
        if op in ("softmax", "layer_norm", "concat", "split", "sum") and 0 in read:
            raise self._source.error(
                node.place, f"expected a vector in {op}, got a number", f"{op} goes over the width"
            )
        if op == "layer_norm" and len(read) == 3 and read[1:] != [1, 1]:
            raise self._source.error(
                node.place, "expected vectors as gain and bias of layer_norm", "layer_norm(a, g, b)"
            )
        if op == "concat" and len(set(read)) > 1:
            raise self._source.error(
                node.place, "expected vectors alone or matrices alone in concat", "concat(a, b)"
            )
        made = read[0] if read else rank
        if op in ELEMENTWISE:
            made = max(read)
        elif op in ("product", "outer", "transpose"):
            made = read[1] if op == "product" else 2
        if rank != made:
            raise self._source.error(
                node.place,
                f"expected {_WORDS[rank]}, got {_WORDS[made]}",
                "a state is a vector, H wide, unless it is declared",
                tuple(dict.fromkeys(w for i in node.inputs for w in self._declared(i, made)))[:2],
            )

    def _declared(self, number: int, rank: int | None) -> tuple[tuple[Place, str], ...]:
        """What makes a node what it is, a vector or a matrix: a declaration, or a use."""
        draft = self._draft
        node = draft.nodes[number]
        while node.op not in ("parameter", "state"):
            below = [i for i in node.inputs if self._ranks[i] == rank]
            if not below:
                return ()
            number = below[0]
            node = draft.nodes[number]
        every = draft.declared if node.op == "parameter" else draft.declared_states
        declared = every.get(node.attributes[0])
        if declared is None:
            products = (one for one in draft.nodes if one.op == "product")
            use = next((one for one in products if one.inputs[0] == number), None)
            if use is None or rank != 2:
                return ()
            return ((use.place, f"{shown(str(node.attributes[0]))} is a matrix, as it is used"),)
        sizes = ", ".join(str(Size(terms)) for terms in declared.sizes)
        return ((declared.place, f"{shown(declared.name)} is declared {sizes}"),)

    def _check_state(self, name: str, number: int, ranks: list[int]) -> None:
        declared, wanted = self._draft.declared_states.get(name), self._of_state(name)
        if ranks[number] == wanted:
            return
        also = () if declared is None else ((declared.place, "the declaration"),)
        fix = f"state {shown(name)}: H, H" if ranks[number] == 2 else f"state {shown(name)}: H"
        if not ranks[number]:
            fix = "multiply it with a vector"
        raise self._source.error(
            self._draft.assigned[name + "'"],
            f"expected {_WORDS[wanted]} for the state {shown(name)}, got {_WORDS[ranks[number]]}",
            fix,
            also,
        )
