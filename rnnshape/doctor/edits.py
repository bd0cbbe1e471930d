"""Edits of a program's text: pieces of its syntax tree replaced, shown as whole lines."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from typing import NamedTuple

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class Edit(NamedTuple):
    """Whole lines of a file before and after; `before` is "" where lines are put in at `line`."""

    file: str
    line: int
    before: str
    after: str


class Change(NamedTuple):
    """The text from `start` to `end`, characters of the file, becomes `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, eq=False)
class Source:
    """A file of the program: its text and its tree. Raises SyntaxError where it is not Python."""

    file: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text)

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The node around each node."""
        return {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        for line in self.text.split("\n"):
            starts.append(starts[-1] + len(line) + 1)
        return starts

    def _place(self, line: int, column: int) -> int:
        """A place of the tree, whose columns count bytes, as a place of the text."""
        start = self._starts[line - 1]
        row = self.text[start : self._starts[line] - 1]
        if row.isascii():
            return start + column
        return start + len(row.encode()[:column].decode("utf-8", "ignore"))

    def span(self, node: ast.expr | ast.stmt | ast.keyword) -> tuple[int, int]:
        """Where a node begins and ends in the text."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        return (
            self._place(node.lineno, node.col_offset),
            self._place(node.end_lineno, node.end_col_offset),
        )

    def line_span(self, statement: ast.stmt) -> tuple[int, int]:
        """Where the lines of a statement begin, and where the next begins."""
        start, end = self.span(statement)
        return self.text.rfind("\n", 0, start) + 1, self.text.find("\n", end) + 1 or len(self.text)

    def segment(self, node: ast.expr | ast.stmt | ast.keyword) -> str:
        """A node as it is written."""
        start, end = self.span(node)
        return self.text[start:end]

    def replace(self, node: ast.expr | ast.stmt | ast.keyword, text: str) -> Change:
        """`text` in the place of a node."""
        return Change(*self.span(node), text)

    def wrapped(self, node: ast.expr, form: str) -> Change:
        """`form` in the place of an expression: what stands for it there, between { and }, is `@`.

        Brackets are put around what would bind otherwise.
        """
        return self.replace(node, form.replace("@", self.operand(node)))

    def operand(self, node: ast.expr) -> str:
        """An expression as it can stand before a dot."""
        text = self.segment(node)
        simple = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.List, ast.Tuple)
        if isinstance(node, simple) and (not isinstance(node, ast.Tuple) or text[:1] == "("):
            return text
        return f"({text})"

    def before(self, statement: ast.stmt, lines: str) -> Change:
        """A line of its own in front of a statement, indented as that is."""
        start, _ = self.span(statement)
        row = self._starts[statement.lineno - 1]
        margin = self.text[row:start]
        if margin.strip():  # something else stands in front of it: `if x: y = f(x)`
            return Change(start, start, f"{lines}; ")
        shown = "\n".join(margin + line if line else line for line in lines.split("\n"))
        return Change(row, row, shown + "\n")

    def after(self, statement: ast.stmt, lines: str) -> Change:
        """A line of its own behind a statement, indented as that is."""
        start, _ = self.span(statement)
        margin = self.text[self._starts[statement.lineno - 1] : start]
        assert statement.end_lineno is not None
        place = min(self._starts[statement.end_lineno], len(self.text))
        shown = "".join(f"{margin}{line}\n" for line in lines.split("\n"))
        if not self.text[:place].endswith("\n"):
            shown = "\n" + shown.rstrip("\n")
        return Change(place, place, shown)

    def without_keyword(self, call: ast.Call, name: str) -> Change | None:
        """The call without one of its keyword arguments."""
        parts: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
        parts.sort(key=lambda part: self.span(part))
        for i, part in enumerate(parts):
            if isinstance(part, ast.keyword) and part.arg == name:
                start, end = self.span(part)
                if i:
                    start = self.span(parts[i - 1])[1]
                elif len(parts) > 1:
                    end = self.span(parts[1])[0]
                return Change(start, end, "")
        return None

    def with_argument(self, call: ast.Call, name: str, text: str, place: int | None) -> Change:
        """The call with an argument set: `place` is where it stands if it is given by position."""
        for keyword in call.keywords:
            if keyword.arg == name:
                return self.replace(keyword.value, text)
        starred = any(isinstance(a, ast.Starred) for a in call.args)
        if place is not None and place < len(call.args) and not starred:
            return self.replace(call.args[place], text)
        _, end = self.span(call)
        inside = self.text[: end - 1].rstrip()
        comma = "" if inside[-1] in "(," else ", "
        if inside.endswith(","):
            comma = " "
        return Change(len(inside), len(inside), f"{comma}{name}={text}")

    def statement(self, node: ast.AST) -> ast.stmt:
        """The statement that a node stands in."""
        while not isinstance(node, ast.stmt):
            node = self.parents[node]
        return node

    def function(self, node: ast.AST) -> ast.AST:
        """The function that a node stands in, or the module."""
        while node in self.parents:
            node = self.parents[node]
            if isinstance(node, FUNCTIONS):
                return node
        return self.tree

    def within(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes of a function's body, or the module's, without those of inner functions."""
        todo = list(ast.iter_child_nodes(node))
        while todo:
            one = todo.pop()
            yield one
            if not isinstance(one, (*FUNCTIONS, ast.ClassDef)):
                todo.extend(ast.iter_child_nodes(one))

    def changed(self, changes: Iterable[Change]) -> str | None:
        """The text with the changes; None where they overlap."""
        text, behind = self.text, len(self.text) + 1
        for change in sorted(set(changes), reverse=True):
            if change.end > behind or (change.end == behind and change.start == change.end):
                return None
            text = text[: change.start] + change.text + text[change.end :]
            behind = change.start
        return text


def edits_between(file: str, before: str, after: str) -> list[Edit]:
    """The lines that differ, in pieces."""
    old, new = before.split("\n"), after.split("\n")
    top = 0  # the lines before the first that differs are passed over, and those behind the last
    while top < min(len(old), len(new)) and old[top] == new[top]:
        top += 1
    end = 0
    while end < min(len(old), len(new)) - top and old[-1 - end] == new[-1 - end]:
        end += 1
    old, new = old[top : len(old) - end], new[top : len(new) - end]
    found = []
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            found.append(Edit(file, top + a + 1, _joined(old[a:b]), _joined(new[c:d])))
    return found


def _joined(lines: Sequence[str]) -> str:
    # a piece of empty lines alone is told from no lines by its line end
    return "\n".join(lines) if any(lines) or not lines else "\n" * len(lines)


def dotted(node: ast.AST | None) -> str:
    """`self.rnn` of the expression that says so, '' of any other."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value)
        return f"{owner}.{node.attr}" if owner else ""
    return ""
