"""The user's own lines of code: parsed, never run, and mended in their own names and spacing."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

RECURRENT = ("RNN", "LSTM", "GRU")
CELLS = ("RNNCell", "LSTMCell", "GRUCell")
LONGEST_STATEMENT = 4000

_NOT_A_LAYER = re.compile(
    r"(?:torch|nn|F|np|math|os|functional)\.|(?:print|len|range|int|float|str|list|tuple|dict|"
    r"zip|enumerate|super|isinstance|max|min|sum)\Z"
)
_LIKELY_LAYER = re.compile(r"rnn|lstm|gru|cod|cell|model|net", re.IGNORECASE)


class Mend(NamedTuple):
    """Code that mends: the new lines and, where it is known, what they stand for.

    replaces: {"file", "line", "text"} of the user's own lines, which the code takes the place of
    with their indentation; None where the traceback does not show them.
    """

    code: str
    replaces: dict[str, Any] | None = None


@dataclass(frozen=True)
class Statement:
    """One statement as it stands in somebody's file, without its indentation."""

    text: str
    tree: ast.Module
    file: str = ""
    line: int | None = None

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        for line in self.text.encode().split(b"\n"):
            starts.append(starts[-1] + len(line) + 1)
        return starts

    def _span(self, node: ast.expr) -> tuple[int, int]:
        end_line, end = node.end_lineno or node.lineno, node.end_col_offset or 0
        return (
            self._starts[node.lineno - 1] + node.col_offset,
            self._starts[end_line - 1] + end,
        )

    def source(self, node: ast.expr) -> str:
        """The text of an expression."""
        start, end = self._span(node)
        return self.text.encode()[start:end].decode()

    def edited(self, *changes: tuple[ast.expr, str]) -> str:
        """The text with some expressions replaced."""
        data = self.text.encode()
        spans = sorted(((*self._span(node), new) for node, new in changes), reverse=True)
        for start, end, new in spans:
            data = data[:start] + new.encode() + data[end:]
        return data.decode()

    def mend(self, code: str) -> Mend:
        """Other code in this statement's place."""
        if not self.file:
            return Mend(code)
        return Mend(code, {"file": self.file, "line": self.line, "text": self.text})

    @property
    def only(self) -> ast.stmt | None:
        """The statement itself where it is alone on its lines."""
        return self.tree.body[0] if len(self.tree.body) == 1 else None

    def calls(self) -> Iterator[ast.Call]:
        """Every call in it, outer ones first."""
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))


def parse(text: str, file: str = "", line: int | None = None) -> Statement | None:
    """`text` as a statement, the head of a loop or a condition included; None if it is none."""
    text = textwrap.dedent(text).strip("\n").rstrip()
    if not text or len(text) > LONGEST_STATEMENT:
        return None
    for body in (text, text + " pass"):
        tree = syntax(body)
        if tree is not None and tree.body:
            return Statement(text, tree, file, line)
    return None


def syntax(text: str) -> ast.Module | None:
    """The syntax tree of `text`, or None where it has none."""
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a text may hold "\\d" and the like
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def dotted(node: ast.expr) -> str:
    """`self.rnn` for that attribute, '' for what is no name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


@dataclass(frozen=True)
class Call:
    """A call of a layer in a statement: `output, hn = rnn(x, h0)`.

    own: whether it is the user's line; else it is a line of ours that stands for it.
    """

    statement: Statement
    node: ast.Call
    own: bool

    @property
    def callee(self) -> str:
        """The layer's name; '' where the layer is built in place."""
        return dotted(self.node.func)

    @property
    def input(self) -> ast.expr | None:
        """The first argument."""
        if self.node.args and not isinstance(self.node.args[0], ast.Starred):
            return self.node.args[0]
        return next((k.value for k in self.node.keywords if k.arg == "input"), None)

    @property
    def state(self) -> ast.expr | None:
        """The second argument, or hx."""
        if len(self.node.args) > 1 and not isinstance(self.node.args[1], ast.Starred):
            return self.node.args[1]
        return next((k.value for k in self.node.keywords if k.arg in ("hx", "lengths")), None)

    @property
    def states(self) -> list[ast.expr]:
        """The two parts of a state written as a pair, else the one expression."""
        if isinstance(self.state, ast.Tuple | ast.List):
            return list(self.state.elts)
        return [self.state] if self.state else []

    def text(self, node: ast.expr | None, otherwise: str = "x") -> str:
        """An expression's text, in brackets where something is to follow it."""
        if node is None:
            return otherwise
        text = self.statement.source(node)
        plain = isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript)
        return text if plain else f"({text})"

    def mend(self, *changes: tuple[ast.expr | None, str], after: str = "") -> Mend:
        """The statement with some of its expressions replaced, and perhaps a line below it."""
        code = self.statement.edited(*((node, new) for node, new in changes if node))
        return self.instead(code + (f"\n{after}" if after else ""))

    def instead(self, code: str) -> Mend:
        """Other code in the statement's place."""
        return self.statement.mend(code) if self.own else Mend(code)

    def with_input(self, form: str, after: str = "") -> Mend:
        """The call with its input put into `form`, such as `{}.float()`."""
        return self.mend(
            (
                self.input,
                form.replace("{0}", self.text(self.input)).replace("{}", self.text(self.input)),
            ),
            after=after,
        )

    def with_states(self, form: str, pair: bool, only: int | None = None) -> Mend:
        """The call with `form` around every tensor of its state, or around one of a pair."""
        return self.mend(*self.state_changes(form, pair, only))

    def state_changes(
        self, form: str, pair: bool, only: int | None = None
    ) -> list[tuple[ast.expr | None, str]]:
        """The changes that put `form` around the tensors of the state."""
        if isinstance(self.state, ast.Tuple | ast.List):
            return [
                (node, form.replace("{0}", self.text(node)).replace("{}", self.text(node)))
                for index, node in enumerate(self.states)
                if only is None or index == only
            ]
        name = self.text(self.state, "h0")
        if not pair:
            return [(self.state, form.replace("{0}", name).replace("{}", name))]
        if only is not None:
            parts = [f"{name}[0]", f"{name}[1]"]
            parts[only] = form.replace("{0}", parts[only]).replace("{}", parts[only])
            return [(self.state, f"({', '.join(parts)})")]
        return [(self.state, f"tuple({form.replace('{0}', 's')} for s in {name})")]

    @property
    def outputs(self) -> list[ast.expr]:
        """The names that take the results, where the call is all of an assignment."""
        only = self.statement.only
        if not isinstance(only, ast.Assign) or only.value is not self.node:
            return []
        target = only.targets[0]
        return list(target.elts) if isinstance(target, ast.Tuple | ast.List) else [target]


def find_call(
    statement: Statement | None,
    wanted: Callable[[Call], bool],
    known: Callable[[str], bool],
    otherwise: str,
) -> Call:
    """The call of a layer in `statement`, or in a line of ours where there is none.

    `known` says whether a name is known to be a layer; likely names come next.
    """
    if statement is not None:
        calls = [Call(statement, node, True) for node in statement.calls()]
        calls = [call for call in calls if not _NOT_A_LAYER.match(call.callee) and wanted(call)]
        calls.sort(key=lambda call: _doubt(call.callee, known))
        if calls:
            return calls[0]
    template = parse(otherwise)
    assert template is not None
    node = next(node for node in template.calls() if wanted(Call(template, node, False)))
    return Call(template, node, False)


def _doubt(callee: str, known: Callable[[str], bool]) -> int:
    if not callee or known(callee):
        return 0
    return 1 if _LIKELY_LAYER.search(callee) else 2


def with_argument(
    statement: Statement, call: ast.Call, position: int | None, name: str, value: str
) -> str:
    """The statement with one argument of `call` set, wherever it now stands."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return statement.edited((keyword.value, value))
    if position is not None and position < len(call.args):
        return statement.edited((call.args[position], value))
    inside = statement.source(call)[:-1].rstrip().removesuffix(",")
    comma = ", " if call.args or call.keywords else ""
    return statement.edited((call, f"{inside}{comma}{name}={value})"))


def with_arguments(
    statement: Statement, call: ast.Call, arguments: dict[str, tuple[int | None, str]]
) -> str:
    """The statement with several arguments of `call` set: name to (position, value)."""
    place = list(statement.calls()).index(call)
    current = statement
    for name, (position, value) in arguments.items():
        text = with_argument(current, list(current.calls())[place], position, name, value)
        current = parse(text) or current
    return current.text


def without_argument(statement: Statement, call: ast.Call, names: tuple[str, ...]) -> str:
    """The statement with keywords of `call` left out."""
    kept = [statement.source(arg) for arg in call.args]
    for keyword in call.keywords:
        if keyword.arg not in names:
            name = f"{keyword.arg}=" if keyword.arg else "**"
            kept.append(name + statement.source(keyword.value))
    return statement.edited((call, f"{statement.source(call.func)}({', '.join(kept)})"))
