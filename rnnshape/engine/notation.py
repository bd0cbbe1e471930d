"""The notation of equations: a cell as its paper writes it, read into operations in their order.

A line is a declaration or an equation; `#` begins a comment.

    state NAME: SIZE[, SIZE]        param NAME: SIZE[, SIZE] [= NUMBER]
    NAME[, NAME …] = EXPRESSION     a name with a prime is a new state

An expression is names, numbers, functions and brackets between operators, which bind in this
order: ^ (from the right), unary −, · or @, ⊙ or * and /, + and −. There is no syntax tree: the
parser writes each operation down when its operands are there, so that the list is in the order
of computing, nothing recurses, and what is written twice is computed once.

What papers write is read as well, where it has one meaning: h_{t-1} is h, and then h_t is h'; x_t
is x; `W x` is W·x where W is one capital letter; 2h is 2 ⊙ h; [h, x] is concat(h, x); Wᵀ; the
same in LaTeX.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from fractions import Fraction
from functools import reduce
from itertools import pairwise, takewhile
from typing import Any, NamedTuple

from ..errors import UsageError, one_line
from .ops import OPERATIONS

LARGEST = 65_536  # characters of a file
MOST_OPERATIONS = 500
MOST_PARTS = 1_000  # of a split
LONGEST = 200  # letters of a name
_LATIN = str.maketrans("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧοϹϲϳ", "ABEZHIKMNOPTYXoCcj")  # Greek that looks like it

ALONE = {name: op for op, row in OPERATIONS.items() for name in row.functions}
FUNCTIONS = {  # as they are written -> the operation, fewest and most arguments
    **{name: (op, 1, 1) for name, op in ALONE.items()},
    "max": ("max", 2, 99), "min": ("min", 2, 99), "layer_norm": ("layer_norm", 1, 3),
    "concat": ("concat", 2, 99), "split": ("split", 2, 2), "sum": ("sum", 1, 1),
    "outer": ("outer", 2, 2), "transpose": ("transpose", 1, 1),
}  # fmt: skip
_BINARY = {  # sign -> the operation and how close it binds
    "+": ("add", 1), "-": ("sub", 1), "−": ("sub", 1), "⊙": ("mul", 2), "∘": ("mul", 2),
    "*": ("mul", 2), "∗": ("mul", 2), "/": ("div", 2), "·": ("product", 3), "⋅": ("product", 3),
    "@": ("product", 3), "^": ("power", 5),
}  # fmt: skip
_NUMBER = re.compile(r"[0-9]*(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")
_MINUS = 4  # how close a minus before its operand binds
_PRIMES = "'′’"
_COMMANDS = {  # of LaTeX, besides names of functions and of Greek letters -> what they say
    "odot": "⊙", "circ": "∘", "cdot": "·", "ast": "∗", "top": "⊤", "varepsilon": "ε",
    "tilde": "˜", "hat": "ˆ", "bar": "ˉ",
}  # fmt: skip
_MARKS = dict(zip("˜ˆˉ\u0303\u0302\u0304", ("tilde", "hat", "bar") * 2))
_WRITTEN: list[tuple[str, Any]] = [  # in this order: what papers write -> what is read
    (r"\\(?:begin|end)\{[^{}]*\}|\.\s*$|[,.]?\s*\\\\\s*$|[&$]|\\(?:quad|[,;!:])", " "),
    (r"\\(?:left|right|[bB]igg?|math[a-z]+|boldsymbol|bm|text|operatorname)(?![A-Za-z])", ""),
    (r"\\([A-Za-z]+)", lambda m: _COMMANDS.get(m[1]) or _command(m[1])),
    ("[ₐ-ₜᵢ-ᵪ₀-₋]+", lambda m: f"_{{{unicodedata.normalize('NFKC', m[0])}}}"),
    (r"(?<![_^])\{\s*(\w+)\s*\}", r" \1"),
    (r"([˜ˆˉ])(?:\s*(\w)|\{\s*(\w)\s*\})", lambda m: f"{m[2] or m[3]}_{_MARKS[m[1]]}"),
    (r"([^\W\d_])([\u0302-\u0304])", lambda m: f"{m[1]}_{_MARKS[m[2]]}"),
    (r"[_^]\{\s*[(<]?\s*t\s*[)>]?\s*\}", "_t"),
    (r"[_^]\{\s*[(<]?\s*t\s*[-−]\s*1\s*[)>]?\s*\}", "_{t-1}"),
    (rf"_\{{\s*(\w+)\s*\}}(?=([\w{_PRIMES}]?))", lambda m: f"_{m[1]}" + " " * m[2].isalnum()),
    (r"\^\s*(?:\{\s*[T⊤]\s*\}|⊤)", "ᵀ"), ("²", "^2"), ("³", "^3"),
]  # fmt: skip
_INSTEAD = {  # signs that papers use and the notation does not -> what is written here
    "×": "⊙ element by element, · for a product of matrices, a "
    "comma between sizes", "÷": "/", "⊗": "outer(a, b)",
    "⊕": "concat(a, b), or +", "•": "·", "∙": "·", "–": "−", "—": "−", "∑": "sum(a)",
    "√": "sqrt(a)", "{": "( )", "}": "( )", "←": "=", "≔": "=", "≡": "=",
    "µ": "μ, the Greek letter",
    **dict.fromkeys('"ʹ″`', "' behind a new state"), "\\": "\\odot, \\cdot, \\tanh, "
    "\\tilde and Greek letters are known of LaTeX; a / b for \\frac", "‖": "sqrt(sum(a ^ 2))",
    "|": "abs(a)", "!": "an equation with =", "%": "no remainder",
}  # fmt: skip
_END = "an operator or the end of the line, got "
_MISPLACED = {  # a sign where an operator should stand -> what is expected, and a fix
    "=": ("one = in an equation", "one equation a line"),
    ":": ("an operator, got a colon", "param and state alone declare sizes"),
    ",": (f"{_END}a comma", "[a, b] puts one behind the other"),
    ";": (f"{_END};", "a new line for each equation"),
    **dict.fromkeys(")]", (f"{_END}a closing bracket that nothing opened", "take it out")),
}


class Place(NamedTuple):
    """Where something stands in the file: its line from 1, its first column from 0 and the next."""

    line: int
    start: int
    end: int


class Node(NamedTuple):
    """One operation, or what it begins with: an input, a state, a parameter, a number."""

    op: str
    inputs: tuple[int, ...]
    attributes: tuple[Any, ...]
    place: Place


class Declared(NamedTuple):
    """A line `state S: H, K` or `param k: 1 = 0.5`: sizes as sums over names, "" for numbers."""

    name: str
    sizes: tuple[dict[str, Fraction], ...]
    number: float | None
    place: Place


@dataclass
class Draft:
    """A file as it was read, before any size is known."""

    nodes: list[Node] = field(default_factory=list)
    states: dict[str, int] = field(default_factory=dict)  # name -> the node of its new value
    names: dict[int, str] = field(default_factory=dict)  # node -> the name that it was given
    declared_states: dict[str, Declared] = field(default_factory=dict)
    declared: dict[str, Declared] = field(default_factory=dict)  # parameters
    parameters: dict[str, int] = field(default_factory=dict)  # name -> its node, in order of use
    output: int | None = None
    assigned: dict[str, Place] = field(default_factory=dict)  # name with its prime -> its place
    values: dict[str, int] = field(default_factory=dict)  # the same -> its node


class Source:
    """A file's text, for what is told of it; LaTeX stands there as it is read."""

    def __init__(self, text: str, name: str) -> None:
        self.name = one_line(name, 200)
        lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
        self.lines = list(map(_read, lines))

    def error(
        self, place: Place, expected: str, fix: str = "", also: tuple[tuple[Place, str], ...] = ()
    ) -> UsageError:
        """The error at a place: file, line and column, the line with a caret, and a fix.

        also: other places that have to do with it, each with what stands there.
        """
        lines = [f"{self.name}:{place.line}:{place.start + 1}: {expected}", *self._shown(place)]
        for other, words in also:
            lines += [f"{self.name}:{other.line}: {words}", *self._shown(other)]
        return UsageError(lines[0], fix=fix, source=tuple(lines[1:]))

    def _shown(self, place: Place) -> list[str]:
        """The line, cut to what stands around the place, and carets below it."""
        line, start = self.lines[place.line - 1], place.start
        first = max(0, start - 30) if len(line) > 72 else 0
        last = first + 72
        before = ("…" if first else "") + shown(line[first:start], 200)
        part = shown(line[start : max(start, min(place.end, last))], 200)
        behind = shown(line[max(start, min(place.end, last)) : last], 200)
        end = "…" if last < len(line) else ""
        number = f"{place.line} | "
        space = " " * (_columns(number) + _columns(before))
        return [
            f"{number}{before}{part}{behind}{end}".rstrip(),
            space + "^" * max(1, _columns(part)),
        ]


def _read(line: str) -> str:
    """A line in the signs of the notation: LaTeX, and small letters below and above the line."""
    line, sign, comment = line.partition("#")
    for pattern, read in _WRITTEN:
        line = re.sub(pattern, read, line)
    return line + sign + comment


def _command(name: str) -> str:
    """A function or a Greek letter by its name in LaTeX, itself where it is neither."""
    size = "CAPITAL" if name[0].isupper() else "SMALL"
    try:
        return unicodedata.lookup(f"GREEK {size} LETTER {name.upper().replace('MBDA', 'MDA')}")
    except KeyError:
        return name if name in FUNCTIONS else f"\\{name}"


def shown(words: str, most: int = 40) -> str:
    """Text of a file made harmless and short: `swishswish…`."""
    cut = words if len(words) <= most else words[: most - 1] + "…"
    return "".join(
        sign
        if sign.isprintable()
        else " "
        if sign == "\t"
        else sign.encode("unicode_escape", "backslashreplace").decode()
        for sign in cut
    )


def _columns(words: str) -> int:
    """The columns that text takes in a terminal."""
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1
        for sign in words
    )


class _Token(NamedTuple):
    kind: str  # name, number, sign, end
    text: str  # of a name without its prime
    place: Place
    prime: bool = False
    before: bool = False  # h_{t-1}, what the step found


class _Equation(NamedTuple):
    """A line of targets = expression: where the expression begins among the line's tokens."""

    targets: list[tuple[_Token, str]]
    at: int
    tokens: list[_Token]


def parse(source: Source) -> Draft:
    """Read a file. Raises UsageError at the first sign that is not understood."""
    return _Parser(source).read()


class _Parser:
    """Reads line by line; within a line by two stacks, of operands and of operators."""

    def __init__(self, source: Source) -> None:
        self._source, self._draft = source, Draft()
        self._seen: dict[tuple[Any, ...], int] = {}
        self._values = self._draft.values
        self._tokens: list[_Token] = []
        self._at = 0
        self._equations: list[_Equation] = []
        self._looks: dict[str, tuple[str, Place | None]] = {
            name: (name, None) for name in ("I", "H", "x", "output")
        }

    def read(self) -> Draft:
        """All lines: declarations first, then equations, so that either may stand first."""
        source, draft = self._source, self._draft
        if sum(map(len, source.lines)) > LARGEST:
            raise UsageError(
                f"{source.name}: expected a cell of at most {LARGEST:,} characters",
                got="a larger file",
                fix="give a file of equations, one a line; rnnshape cells lists some",
            )
        equations = self._equations
        lines = (line.partition("#")[0] for line in source.lines)
        rows = [list(_tokens(source, number, line)) for number, line in enumerate(lines, 1)]
        for tokens in _without_time(rows):
            if len(tokens) == 1:
                continue
            self._tokens, self._at = tokens, 0
            self._check_names(tokens)
            first, second = tokens[:2]
            kind = first.text in ("state", "param") and not first.prime
            if kind and (second.kind in ("name", "number") or second.text == ":"):
                self._declaration()
            else:
                equations.append(self._targets())
        if not equations:
            raise UsageError(
                f"{source.name}: expected an equation, such as h' = tanh(W·x + U·h + b)",
                got="nothing but comments" if any(map(str.strip, source.lines))
                else "an empty file", fix="rnnshape cells mgu prints one, ready to change"
            )  # fmt: skip
        if not draft.states:
            token, full = equations[-1][0][0]
            raise self._error(
                token, "expected a new state, a name with a prime, on one line at least",
                f"{'h' if full == 'output' else shown(full.removesuffix('_t'))}' = …"
            )  # fmt: skip
        for targets, at, tokens in equations:
            self._tokens, self._at = tokens, at
            self._equation(targets)
        for name, declared in {**draft.declared, **draft.declared_states}.items():
            what = f"{shown(name)} to be read by an equation; it is declared and not used"
            if name in draft.declared_states:
                what = f"a line {shown(name)}' = …; it is declared a state and is never given its "
                what += "new value"
            if name not in (draft.states if name in draft.declared_states else draft.parameters):
                fix = "take the declaration out, or use it"
                raise source.error(declared.place, f"expected {what}", fix)
        return draft

    def _check_names(self, tokens: list[_Token]) -> None:
        """Refuse names without end, and two names of a file that look the same."""
        for token, behind in pairwise(tokens):
            if token.kind != "name":
                continue
            name = token.text
            if len(name) > LONGEST and behind.text != "(":
                raise self._error(
                    token, f"expected a name of at most {LONGEST} letters, got {len(name):,}",
                    "a shorter name"
                )  # fmt: skip
            other, place = self._looks.setdefault(name.translate(_LATIN), (name, token.place))
            if other != name:
                at = next(i for i, (a, b) in enumerate(zip(name, other)) if a != b)
                sign = next(sign for sign in (name[at], other[at]) if not sign.isascii())
                raise self._source.error(
                    token.place, f"expected names that look different, got {shown(name)} beside "
                    f"{shown(other)}: one has {sign}, U+{ord(sign):04X} {unicodedata.name(sign)}",
                    f"{shown(name.translate(_LATIN))}, all of it in Latin letters",
                    () if place is None else ((place, "the other"),)
                )  # fmt: skip

    # declarations

    def _declaration(self) -> None:
        kind, name = self._next(), self._next()
        draft, parameter = self._draft, kind.text == "param"
        if name.kind != "name":
            raise self._error(name, f"expected a name behind {kind.text}", f"{kind.text} k: H")
        self._free(name, "declared")
        if name.prime:
            raise self._error(
                name, f"expected {name.text} without its prime: it is the {kind.text}'s name",
                f"{kind.text} {name.text}: H"
            )  # fmt: skip
        colon, whole = self._next(), f"{kind.text} {shown(name.text)}: H"
        if colon[:2] != ("sign", ":"):
            raise self._error(colon, f"expected : and the sizes of {shown(name.text)}", whole)
        sizes = [self._size()]
        while self._peek().text == "," and self._peek().kind == "sign":
            self._next()
            sizes.append(self._size())
        if len(sizes) > 2:
            raise self._error(name, f"expected one or two sizes, got {len(sizes)}", f"{whole}, K")
        number = None
        if parameter and self._peek().text == "=":
            self._next()
            token = self._next()
            sign = -1.0 if token.text in ("-", "−") and token.kind == "sign" else 1.0
            token = self._next() if sign < 0 else token
            if token.kind != "number":
                raise self._error(token, "expected a number behind =", "param k: 1 = 0.5")
            number = sign * self._number(token)
        end, fix = self._next(), "sizes are numbers, I, H, other names and multiples: 2H"
        if end.kind != "end":
            fix = fix if number is None else "one number, such as 0.5 or -1e-3, and no formula"
            what = f"expected the end of the line, got {shown(end.text)!r}"
            raise self._error(end, what, fix)
        other = draft.declared.get(name.text) or draft.declared_states.get(name.text)
        declared = Declared(name.text, tuple(sizes), number, name.place)
        if other is not None:
            raise self._source.error(
                name.place, f"expected one declaration of {shown(name.text)}, got a second",
                "take one of them out", ((other.place, "the first"),)
            )  # fmt: skip
        (draft.declared if parameter else draft.declared_states)[name.text] = declared

    def _size(self) -> dict[str, Fraction]:
        """A sum of multiples of names: 2H, H + I, 3, H/2."""
        whole: dict[str, Fraction] = {}
        sign = Fraction(1)
        while True:
            begin = token = self._peek()
            factor, name = sign, ""
            if token.kind == "number":
                self._next()
                if not token.text.isdigit() or len(token.text) > 15:
                    what = " of at most 15 digits" if token.text.isdigit() else ""
                    raise self._error(token, f"expected a whole number{what} in a size", "3H")
                factor *= int(token.text)
                token = self._peek()
                if token.kind == "sign" and token.text in ("*", "·", "⋅", "⊙"):
                    self._next()
                    token = self._peek()
                    if token.kind != "name":
                        raise self._error(token, "expected a name behind it in a size", "2H")
            elif token.kind != "name" or token.prime:
                raise self._error(
                    token,
                    "expected a size: a number, I, H, another name, or a multiple such as 2H",
                    "state c: 2H, or param W: 2H, I",
                )
            if token.kind == "name":
                self._next()
                name = token.text
                if name == "x" or name in FUNCTIONS:
                    raise self._error(
                        token, f"expected a size, got {name}, which is "
                        f"{'the input' if name == 'x' else 'a function'}",
                        "I is what x has, H what a state has"
                    )  # fmt: skip
            if self._peek().text == "/" and self._peek().kind == "sign":
                self._next()
                divisor = self._next()
                if not divisor.text.isdigit() or not 0 < int(divisor.text[:9]) <= 10**6:
                    raise self._error(divisor, "expected a whole number behind / in a size", "H/2")
                factor /= int(divisor.text)
            whole[name] = whole.get(name, Fraction(0)) + factor
            token = self._peek()
            if token.kind != "sign" or token.text not in "+-−":
                break
            self._next()
            sign = Fraction(1 if token.text == "+" else -1)
        factors = {name: factor for name, factor in whole.items() if factor}
        if not factors or (set(factors) == {""} and factors[""] < 1):
            raise self._error(begin, "expected a size of at least 1", "state c: H")
        return factors

    def _number(self, token: _Token) -> float:
        if float(token.text) == float("inf"):
            raise self._error(token, "expected a number below 1e308", "write a smaller one")
        return float(token.text)

    # equations

    def _targets(self) -> _Equation:
        """The names before =; all of a file are known before an expression is read."""
        targets = []
        while True:
            token = self._next()
            if token.kind != "name":
                raise self._no_equation(
                    token,
                    "expected a name, and = behind it, at the beginning of an equation",
                    "h' = tanh(W·x + U·h + b)",
                )
            full = token.text + ("'" if token.prime else "")
            sign = self._next()
            if sign[:2] not in (("sign", ","), ("sign", "=")):
                fix = f"h' = {full}(…)" if full in FUNCTIONS else f"{shown(full)} = …"
                raise self._no_equation(sign, f"expected = behind {shown(full)}", fix)
            self._assign(token, full)
            targets.append((token, full))
            if sign.text == "=":
                return _Equation(targets, self._at, self._tokens)

    def _no_equation(self, token: _Token, expected: str, fix: str) -> UsageError:
        """A line that is none: told as what the line above lacks, where that has no end."""
        above = self._equations[-1].tokens if self._equations else []
        signs = [one.text for one in above if one.kind == "sign"]
        if above and (
            signs.count("(") > signs.count(")")
            or (above[-2].kind == "sign" and above[-2].text != ")")
        ):
            return self._source.error(
                above[-1].place, "expected the rest of the equation, which ends with its line",
                "write it on one line", ((self._tokens[0].place, "it cannot go on here"),)
            )  # fmt: skip
        if self._tokens[0].text in _BINARY:
            fix = "write it on the line above: an equation ends with its line"
        return self._error(token, expected, fix)

    def _assign(self, token: _Token, full: str) -> None:
        self._free(token, "assigned")
        draft = self._draft
        if token.text == "output" and token.prime:
            raise self._error(
                token, "expected output without a prime: it is no state", "output = …"
            )
        for other in (full, token.text + ("" if token.prime else "'")):
            if other in draft.assigned:
                why = f"{shown(token.text)} is what the step found of the state; call the other "
                why = "the first" if other == full else why + "name otherwise"
                raise self._source.error(
                    token.place, f"expected {shown(full)} to be assigned once",
                    "give one of them another name", ((draft.assigned[other], why),)
                )  # fmt: skip
        draft.assigned[full] = token.place
        if token.prime:
            draft.states[token.text] = -1  # a place in the order; the node comes later

    def _free(self, token: _Token, what: str) -> None:
        """Refuse a name that is taken."""
        name = token.text
        taken = dict.fromkeys(FUNCTIONS, "a function")
        taken |= {"I": "a size", "H": "a size", "x": "the input"}
        if name in taken:
            seen = name + ("'" if token.prime else "")
            raise self._error(
                token,
                f"expected another name: {seen} cannot be {what}, since {name} is {taken[name]}",
                f"{name}_1",
            )

    def _equation(self, targets: list[tuple[_Token, str]]) -> None:
        draft = self._draft
        for token, _ in targets:
            if token.text in draft.declared:
                what = f"{shown(token.text)} not to be assigned, since it is declared a parameter"
                also = ((draft.declared[token.text].place, "the declaration"),)
                fix = "give one of them another name"
                raise self._source.error(token.place, f"expected {what}", fix, also)
        begin = self._peek()
        self._busy = {full for _, full in targets}
        result = self._expression()
        node, wanted = draft.nodes[result], len(targets)
        parts = node.attributes[0] if node.op == "split" else 0
        if not parts and wanted == 1:
            self._name(targets[0], result)
        elif parts != wanted:
            what = f"as many parts as there are names: {wanted}, got {parts}"
            if not parts:
                what = f"split(…, {wanted}) for {wanted} names"
            elif wanted == 1:
                what = f"{parts} names before =, one for each part of the split"
            names = ", ".join([shown(full) for _, full in targets[:3]])
            fix = f"{names}{', …' * (wanted == 1)} = split(…, {parts if wanted == 1 else wanted})"
            raise self._error(begin, f"expected {what}", fix)
        else:
            for at, target in enumerate(targets):
                self._name(target, self._node("part", (result,), (at, parts), node.place))

    def _name(self, target: tuple[_Token, str], node: int) -> None:
        token, full = target
        draft = self._draft
        leaf = draft.nodes[node].op in LEAVES
        if token.prime:
            if leaf or node in draft.names or node in draft.states.values():
                node = self._node("copy", (node,), (full,), token.place)
            draft.states[token.text] = node
        if full == "output":
            draft.output = node
        if not leaf or token.prime:
            draft.names.setdefault(node, full)
        self._values[full] = node

    def _expression(self) -> int:
        """The rest of the line, by two stacks."""
        operands: list[int] = []
        waiting: list[tuple[str, int, Place, int]] = []  # operation, how close, place, operands
        operand = True  # whether one is expected
        while True:
            token = self._next()
            sign = token.text if token.kind == "sign" else ""
            if operand:
                if sign in ("-", "−"):
                    waiting.append(("neg", _MINUS, token.place, 1))
                    continue
                if sign in ("(", "["):
                    waiting.append((sign, 0, token.place, len(operands)))
                    continue
                called = token.kind == "name" and not _matrix(token)
                if called and self._peek()[:2] == ("sign", "("):
                    self._function(token)
                    self._next()
                    waiting.append((token.text, 0, token.place, len(operands)))
                    continue
                operands.append(self._operand(token))
                operand = False
                continue
            if sign == "ᵀ" or (sign == "^" and self._turned()):
                operands.append(self._node("transpose", (operands.pop(),), (), token.place))
                continue
            if token.kind == "name" or sign in ("(", "["):
                sign = self._beside(operands[-1], waiting[-1][0] if waiting else "")
                self._at -= 1 if sign else 0
            if sign in _BINARY:
                op, close = _BINARY[sign]
                while waiting and (
                    waiting[-1][1] > close or (waiting[-1][1] == close and op != "power")
                ):
                    self._reduce(operands, waiting.pop())
                waiting.append((op, close, token.place, 2))
                operand = True
                continue
            while waiting and waiting[-1][1]:
                self._reduce(operands, waiting.pop())
            if token.kind == "end":
                break
            name, _, place, count = waiting[-1] if waiting else ("", 0, token.place, 0)
            if (sign == "," and name) or (sign == ";" and name == "["):
                if name == "(":
                    raise self._error(
                        token, "expected ) or an operator",
                        "a pair has no value here: [a, b] puts one behind the other"
                    )  # fmt: skip
                operand = True
            elif name and sign == ("]" if name == "[" else ")"):
                waiting.pop()
                if name == "[" and len(operands) > count + 1:
                    name = "concat"
                if name not in ("(", "["):
                    self._call(
                        name, operands, count, Place(place.line, place.start, token.place.end)
                    )
            else:
                self._unexpected(token)
        if waiting:
            wanted = "]" if waiting[-1][0] == "[" else ")"
            raise self._error(
                token, f"expected {wanted} for the bracket in column {waiting[-1][2].start + 1}"
                ", since an equation ends with its line", f"close it: {wanted}"
            )  # fmt: skip
        return operands[0]

    def _turned(self) -> bool:
        """Whether T behind ^ is no name of the file, and A^T the transpose of A."""
        turned = self._peek().text == "T" and "T" not in {
            *self._draft.declared, *self._draft.assigned, *self._draft.states}  # fmt: skip
        self._at += turned
        return turned

    def _beside(self, left: int, waiting: str) -> str:
        """The operator between a factor and what stands right behind it; "" where none is sure."""
        if waiting in ("div", "power"):
            return ""
        matrix = self._draft.nodes[left].op == "transpose" or _matrix(self._tokens[self._at - 2])
        return "·" if matrix else "⊙" if self._draft.nodes[left].op == "number" else ""

    def _unexpected(self, token: _Token) -> None:
        """What stands where an operator should."""
        before = self._tokens[self._at - 2] if self._at > 1 else token
        if token.kind == "sign" and token.text in _MISPLACED:
            expected, fix = _MISPLACED[token.text]
            raise self._error(token, f"expected {expected}", fix)
        left = "(…)" if before.text in (")", "]") else shown(before.text)
        right = "(…)" if token.text in ("(", "[") else shown(token.text)
        raise self._error(
            token, f"expected an operator between {left} and {shown(token.text)}",
            f"{left} ⊙ {right} element by element, {left}·{right} where {left} is a matrix"
        )  # fmt: skip

    def _function(self, token: _Token) -> None:
        """Refuse a name before ( that is no function."""
        name = shown(token.text) + ("'" if token.prime else "")
        if token.text in FUNCTIONS and not token.prime:
            return
        close = get_close_matches(token.text.lower()[:40], FUNCTIONS, 1, 0.75)
        known = token.text in self._draft.assigned or token.text in self._draft.declared
        fix = f"{close[0]}(…)" if close else "the functions are " + ", ".join(FUNCTIONS)
        if known or len(token.text) < 3:
            fix = f"a product is written {name}·(…), element by element {name} ⊙ (…)"
        raise self._error(
            token, f"expected a function before (, got {name}, which is no function", fix
        )

    def _operand(self, token: _Token) -> int:
        """A name or a number where an operand is expected."""
        if token.kind == "number":
            return self._node("number", (), (self._number(token),), token.place)
        if token.kind != "name":
            what = "the end of the line" if token.kind == "end" else repr(shown(token.text))
            raise self._error(
                token, f"expected a name, a number, a function or (, got {what}",
                "every operator has something on both sides, every bracket something in it"
            )  # fmt: skip
        name, draft = token.text, self._draft
        full = name + ("'" if token.prime else "")
        if name in FUNCTIONS:
            raise self._error(token, f"expected ( behind {name}, which is a function", f"{name}(a)")
        if name == "x":
            if token.prime:
                raise self._error(token, "expected x, got x': the input has no new value", "x")
            if token.before:
                raise self._error(token, "expected x_t: a step is not given the input before it",
                                  "keep it: state u: I, a line u' = x, and read u")  # fmt: skip
            return self._node("input", (), (), token.place)
        if token.before and name not in draft.states:
            raise self._error(
                token, f"expected a line {shown(name)}_t = …, since {shown(name)}_{{t-1}} is read",
                f"{shown(name)}_t = …"
            )  # fmt: skip
        if full in self._busy and (token.prime or name not in draft.states):
            raise self._error(
                token, f"expected {shown(full)} not to be read in its own line",
                f"{shown(name)} without the prime is what the step found" if token.prime
                else f"{shown(name)}' = … makes it a state, which is read as {shown(name)}"
            )  # fmt: skip
        if full in self._values:
            return self._values[full]
        if full in draft.assigned and full not in self._busy:
            if self._needs(full, self._busy):
                raise self._cycle(token, full)
            raise self._source.error(
                token.place, f"expected {shown(full)} to be assigned above the line that reads it",
                f"move its line up{', or read ' + shown(name) if token.prime else ''}",
                ((draft.assigned[full], "it is assigned below"),)
            )  # fmt: skip
        if token.prime:
            raise self._error(
                token, f"expected a line {shown(full)} = … above, since only an "
                "assigned state has a new value", shown(name)
            )  # fmt: skip
        if name in draft.states:
            return self._node("state", (), (name,), token.place)
        if name in ("I", "H") or (name not in draft.declared and self._is_size(name)):
            return self._node("size", (), (name,), token.place)
        if name in ("param", "state"):
            raise self._error(
                token, f"expected a name, got {name}, which begins a declaration", f"{name} k: 1"
            )
        if name == "output":
            raise self._error(
                token, "expected output to be assigned before it is read", "output = …"
            )
        node = self._node("parameter", (), (name,), token.place)
        draft.parameters.setdefault(name, node)
        return node

    def _needs(self, full: str, names: set[str]) -> bool:
        """Whether a name that is assigned needs one of the names, as far as its lines say."""
        read = {
            name: {one.text + ("'" if one.prime else "") for one in tokens[at:]}
            for targets, at, tokens in self._equations
            for _, name in targets
        }
        waiting, seen = [full], {full}
        while waiting:
            more = read.get(waiting.pop(), set()) - seen
            if more & names:
                return True
            seen |= more
            waiting += more
        return False

    def _cycle(self, token: _Token, full: str) -> UsageError:
        """Two lines, each of which needs what the other gives."""
        name, (own, *_) = shown(token.text), sorted(self._busy)
        fix = f"read {name}, what the step found"
        if not token.prime:
            fix = f"make one a state, {name}' = …, and read {name}, what the step found"
        return self._source.error(
            token.place,
            f"expected an order of computing, got a circle: {shown(own)} needs {shown(full)}, "
            f"which needs {shown(own)}", fix,
            ((self._draft.assigned[full], "it is assigned below"),)
        )  # fmt: skip

    def _is_size(self, name: str) -> bool:
        """Whether a declaration uses the name as a size."""
        declared = [*self._draft.declared.values(), *self._draft.declared_states.values()]
        return any(name in size for one in declared for size in one.sizes)

    def _call(self, name: str, operands: list[int], count: int, place: Place) -> None:
        """A function's arguments are there."""
        op, fewest, most = FUNCTIONS[name]
        arguments = operands[count:]
        del operands[count:]
        if not fewest <= len(arguments) <= most or (op == "layer_norm" and len(arguments) == 2):
            usages = {"layer_norm": "layer_norm(a), or layer_norm(a, gain, bias)",
                      "split": "split(a, 2)"}  # fmt: skip
            usage = usages.get(op, f"{name}({', '.join('ab'[:fewest])})")
            raise self._source.error(
                place, f"expected {usage}, got {len(arguments)} argument"
                f"{'s' if len(arguments) != 1 else ''}", usage
            )  # fmt: skip
        if op == "split":
            parts = self._draft.nodes[arguments[1]]
            count = int(parts.attributes[0]) if parts.op == "number" else 0
            if not 1 <= count <= MOST_PARTS or count != parts.attributes[0]:
                raise self._source.error(
                    parts.place, f"expected the number of parts, from 1 to {MOST_PARTS:,}",
                    "split(a, 4)"
                )  # fmt: skip
            operands.append(self._node("split", (arguments[0],), (count,), place))
            return
        if op in ("max", "min"):
            operands.append(reduce(lambda a, b: self._node(op, (a, b), (), place), arguments))
            return
        operands.append(self._node(op, tuple(arguments), (), place))

    def _reduce(self, operands: list[int], waiting: tuple[str, int, Place, int]) -> None:
        op, _, place, count = waiting
        arguments = operands[-count:]
        del operands[-count:]
        operands.append(self._node(op, tuple(arguments), (), place))

    def _node(
        self, op: str, inputs: tuple[int, ...], attributes: tuple[Any, ...], place: Place
    ) -> int:
        draft = self._draft
        for read in inputs:
            if draft.nodes[read].op == "split" and op != "part":
                raise self._source.error(
                    draft.nodes[read].place, "expected a split on its own, behind names and =",
                    f"a, b = split(c, {draft.nodes[read].attributes[0]}) on a line before"
                )  # fmt: skip
        key = (op, inputs, attributes)
        if key not in self._seen:
            if len(draft.nodes) >= MOST_OPERATIONS:
                raise self._source.error(
                    place, f"expected at most {MOST_OPERATIONS:,} operations in a cell",
                    "a shorter cell"
                )  # fmt: skip
            draft.nodes.append(Node(op, inputs, attributes, place))
            self._seen[key] = len(draft.nodes) - 1
        return self._seen[key]

    # signs

    def _peek(self) -> _Token:
        return self._tokens[self._at]

    def _next(self) -> _Token:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _error(self, token: _Token, expected: str, fix: str = "") -> UsageError:
        return self._source.error(token.place, expected, fix)


LEAVES = ("input", "state", "parameter", "number", "size")


def _tokens(source: Source, number: int, line: str) -> Iterator[_Token]:
    """The signs of a line, an end last."""
    at = 0
    while at < len(line):
        sign, begin = line[at], at
        if sign in " \t":
            at += 1
        elif _letter(sign):
            while at < len(line) and (_letter(line[at]) or line[at] in "0123456789"):
                at += 1
            name, end = line[begin:at], at
            before = len(name) > 1 and name[-1] == "_" and line.startswith("{t-1}", at)
            if before:
                name, at = name[:-1], at + 5
            prime = at < len(line) and line[at] in _PRIMES
            at += prime
            if prime and at < len(line) and line[at] in _PRIMES:
                raise source.error(
                    Place(number, at, at + 1), "expected one prime, got two",
                    f"{shown(name)}' is the new state"
                )  # fmt: skip
            yield _Token("name", name, Place(number, begin, max(at, end + prime)), prime, before)
        elif sign in "0123456789" or (sign == "." and line[at + 1 : at + 2].isdecimal()):
            at = _NUMBER.match(line, at).end()  # type: ignore[union-attr]
            yield _Token("number", line[begin:at], Place(number, begin, at))
        elif sign in _BINARY or sign in "()[],;=:ᵀ":
            at += 2 if line.startswith("**", at) else 1
            yield _Token("sign", "^" if at > begin + 1 else sign, Place(number, begin, at))
        else:
            raise _refused(source, Place(number, at, at + 1), sign)
    yield _Token("end", "", Place(number, len(line.rstrip()), len(line.rstrip()) + 1))


def _without_time(rows: list[list[_Token]]) -> list[list[_Token]]:
    """The lines without their steps: h_t is h' where h_{t-1} is read, and x_t is the input."""
    every = [token for row in rows for token in row]
    before = {token.text + "_t" for token in every if token.before} - {"x_t"}
    left = (takewhile(lambda token: token.text != "=", row) for row in rows)
    free = all(token.text != "x_t" for row in left for token in row)
    return [
        [
            token._replace(text=token.text[:-2], prime=True)
            if token.text in before
            else token._replace(text="x")
            if token.text == "x_t" and free
            else token
            for token in row
        ]
        for row in rows
    ]


def _matrix(token: _Token) -> bool:
    """Whether a name is one that papers give to matrices: one capital letter, W, U_f, W2."""
    name = token.text
    one = token.kind == "name" and (len(name) == 1 or name[1] in "_0123456789")
    return one and name[0].isupper() and name not in ("I", "H")


def _letter(sign: str) -> bool:
    """Whether a sign may stand in a name: a Latin or Greek letter, or _."""
    if sign.isascii():
        return sign.isalpha() or sign == "_"
    return sign.isalpha() and unicodedata.name(sign, "").startswith(("LATIN ", "GREEK "))


def _refused(source: Source, place: Place, sign: str) -> UsageError:
    """A sign that the notation does not have, by its name."""
    called = f"U+{ord(sign):04X} {unicodedata.name(sign, '')}".rstrip()
    wanted, fix = "letters, numbers and operators", _INSTEAD.get(sign, "")
    if sign in _PRIMES:
        wanted, called, fix = "a prime right behind the name of a state", "it alone", "h' = …"
    elif not sign.isprintable():
        kind = "a control character" if unicodedata.category(sign) == "Cc" else "an invisible sign"
        called, fix = f"{kind}, {called}", "take it out: a cell is plain text"
    else:
        called = f"{shown(sign)}, {called}"
    if sign.isalpha() or unicodedata.combining(sign):
        wanted, plain = "Latin or Greek letters in a name", unicodedata.normalize("NFKC", sign)
        letter = plain if len(plain) == 1 and plain != sign and _letter(plain) else ""
        fix = fix or letter or "write the name with Latin or Greek letters"
    elif sign.isnumeric():
        wanted, fix = "plain digits", fix or "h_1 for a name, a ^ 2 for a power"
    fix = fix or "operators are + − · ⊙ / ^ (or + - @ * / ^)"
    return source.error(place, f"expected {wanted}, got {called}", fix)
