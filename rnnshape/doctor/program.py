"""What the code that a text shows says of its network: layers, constants, shapes, origins."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..network.constructor import KINDS, positional_names
from ..network.dims import LARGEST
from .code import RECURRENT, Statement, dotted, parse, syntax
from .read import Line, Reading

LARGEST_SOURCE = 200_000  # characters; a longer file is not parsed
_LAYER_LINE = re.compile(r"(?<![A-Za-z])(?:RNN|LSTM|GRU)\(")
_REPR_NAME = re.compile(r"\s*\((\w{1,60})\):\s*(.*)")
_FACTORIES = ("zeros", "ones", "randn", "rand", "empty")
_KEEPS_SHAPE = ("to", "cuda", "cpu", "float", "double", "long", "half", "clone", "detach",
                "requires_grad_", "contiguous", "type", "normal_", "zero_", "data")  # fmt: skip
_POSITIONS: dict[str, tuple[str, ...]] = {
    kind.class_name: positional_names(cell) for cell, kind in KINDS.items()
}
_POSITIONS["Linear"] = ("in_features", "out_features", "bias")


def cell_of(kind: str) -> str:
    """The cell of a class of torch: lstm-cell of LSTMCell."""
    return next(cell for cell, known in KINDS.items() if known.class_name == kind)


@dataclass(frozen=True)
class Layer:
    """A layer as its constructor stands in the code: `self.rnn = nn.LSTM(10, 20)`."""

    name: str
    kind: str
    call: ast.Call
    statement: Statement

    @property
    def open_ended(self) -> bool:
        """Whether some arguments come from a dict or a list."""
        return any(k.arg is None for k in self.call.keywords) or any(
            isinstance(a, ast.Starred) for a in self.call.args
        )

    def position(self, argument: str) -> int | None:
        """The place of a positional argument."""
        order = _POSITIONS.get(self.kind, ())
        return order.index(argument) if argument in order else None

    def argument(self, name: str) -> ast.expr | None:
        """The expression given for an argument, or None where it is left out."""
        for keyword in self.call.keywords:
            if keyword.arg == name:
                return keyword.value
        place = self.position(name)
        if place is None or place >= len(self.call.args):
            return None
        return self.call.args[place]


class Class(NamedTuple):
    """A class in the code: where it stands and what its __init__ takes (`rest`: any keyword)."""

    file: str
    lines: range
    parameters: list[str]
    rest: bool


Instance = tuple[Class, str, Statement, ast.Call]  # the class, the name it goes by, the call


class Program:
    """Every statement that could be read, and what follows from them; nothing is run.

    `sources` maps a file's name, as the traceback has it, to its text.
    """

    def __init__(self, reading: Reading, sources: Mapping[str, str]) -> None:
        self.trees: list[tuple[str, int, ast.Module]] = []  # file, number of its first line
        self.classes: dict[str, Class] = {}
        self.instances: list[Instance] = []
        self.statements = list(self._statements(reading, sources))
        self.layers: list[Layer] = []
        self.values: dict[str, list[ast.expr]] = {}
        # the calls that gave a name its value, and which of their results it took
        self.results: dict[str, list[tuple[ast.Call, int]]] = {}
        for statement in self.statements:
            self._learn(statement)
        self._learn_classes()

    def _statements(self, reading: Reading, sources: Mapping[str, str]) -> Iterator[Statement]:
        """Those of whole files, else of what a notebook or pytest showed, else single lines."""
        for file, text in sources.items():
            yield from self._of_file(file, text)
        rest = [line for line in reading.listing if line.file not in sources]
        for block in _blocks(rest):
            text = "\n".join(line.text for line in block)
            found = list(self._of_file(block[0].file, text, block[0].number))
            if not found:
                found = [s for line in block if (s := parse(line.text, line.file, line.number))]
            yield from found
        for frame in reading.frames:
            if frame.own and frame.file not in sources:
                statement = parse(frame.code, frame.file, frame.line)
                if statement:
                    yield statement
        if not sources:
            yield from _pasted(reading.text)

    def _of_file(self, file: str, text: str, first: int | None = 1) -> Iterator[Statement]:
        """The statements of a text, those inside a function or a loop one by one."""
        text = textwrap.dedent(text)
        tree = syntax(text) if len(text) <= LARGEST_SOURCE else None
        if tree is None:
            return
        self.trees.append((file, first or 1, tree))
        lines = text.split("\n")
        for node in ast.walk(tree):
            if not isinstance(node, ast.stmt):
                continue
            body = getattr(node, "body", None)
            end = node.end_lineno or node.lineno
            if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
                end = max(node.lineno, body[0].lineno - 1)
                while end > node.lineno and lines[end - 1].lstrip()[:1] in ("", "#", "@"):
                    end -= 1
            number = None if first is None else first + node.lineno - 1
            statement = parse("\n".join(lines[node.lineno - 1 : end]), file, number)
            if statement:
                yield statement

    def _learn(self, statement: Statement) -> None:
        named: dict[ast.expr, str] = {}
        for node in ast.walk(statement.tree):
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                named[node.value] = dotted(node.targets[0])
                self._assign(node.targets[0], node.value)
            elif isinstance(node, ast.AnnAssign) and node.value is not None:
                named[node.value] = dotted(node.target)
                self._assign(node.target, node.value)
        for call in statement.calls():
            kind = dotted(call.func).rsplit(".", 1)[-1]
            if kind in _POSITIONS or kind == "Sequential":
                self.layers.append(Layer(named.get(call, ""), kind, call, statement))

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
                for one, expression in zip(target.elts, value.elts):
                    self._assign(one, expression)
            elif isinstance(value, ast.Call):
                for index, one in enumerate(target.elts):
                    for name in map(dotted, one.elts if isinstance(one, ast.Tuple) else [one]):
                        self.results.setdefault(name, []).append((value, index))
            return
        name = dotted(target)
        if name:
            self.values.setdefault(name, []).append(value)

    def _learn_classes(self) -> None:
        """Classes that stand in the code, their constructors, and what these are called with."""
        for file, first, tree in self.trees:
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef):
                    plain, defaults = node.args.args, node.args.defaults
                    for arg, default in zip(plain[len(plain) - len(defaults) :], defaults):
                        self.values.setdefault(arg.arg, []).append(default)
                if isinstance(node, ast.ClassDef):
                    for inner in node.body:
                        if isinstance(inner, ast.FunctionDef) and inner.name == "__init__":
                            lines = range(node.lineno + first - 1, (node.end_lineno or 0) + first)
                            names = [arg.arg for arg in inner.args.args[1:]]
                            rest = inner.args.kwarg is not None
                            self.classes[node.name] = Class(file, lines, names, rest)
        for statement in self.statements:
            only = statement.only
            target = dotted(only.targets[0]) if isinstance(only, ast.Assign) else ""
            for call in statement.calls():
                made = self.classes.get(_last(dotted(call.func)))
                if made is None:
                    continue
                self.instances.append((made, target, statement, call))
                given = [*zip(made.parameters, call.args)]
                given += [(k.arg, k.value) for k in call.keywords if k.arg in made.parameters]
                for name, value in given:
                    if not (isinstance(value, ast.Name) and value.id == name):
                        self.values[name] = [value]

    def instance(self, layer: Layer, name: str) -> Instance | None:
        """The call of the class that a layer is part of: the one called `name`, else the last."""
        line = layer.statement.line
        around = [
            one for one in self.instances
            if one[0].file == layer.statement.file and line is not None and line in one[0].lines
        ]  # fmt: skip
        return next((one for one in around if one[1] == name), around[-1] if around else None)

    def shared(self, name: str, layer: Layer) -> bool:
        """Whether another layer in the code is built with the same name."""
        return any(
            isinstance(node, ast.Name) and node.id == name
            for other in self.layers
            if other.call is not layer.call
            for argument in (*other.call.args, *(k.value for k in other.call.keywords))
            for node in ast.walk(argument)
        )

    def value(self, node: ast.expr | None, depth: int = 0) -> Any:
        """An int, bool, float or text that an expression stands for, or None where unknown."""
        if node is None or depth > 12:
            return None
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str):
            return node.value
        if isinstance(node, ast.Name | ast.Attribute):
            found = {repr(v): v for v in (
                self.value(one, depth + 1) for one in self.values.get(dotted(node), [])
            )}  # fmt: skip
            return next(iter(found.values())) if len(found) == 1 else None
        if isinstance(node, ast.BinOp):
            return _combined(
                node.op, self.value(node.left, depth + 1), self.value(node.right, depth + 1)
            )
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            number = self.value(node.operand, depth + 1)
            return -number if isinstance(number, int | float) else None
        if isinstance(node, ast.IfExp):
            chosen = self.value(node.test, depth + 1)
            return None if chosen is None else self.value(
                node.body if chosen else node.orelse, depth + 1
            )  # fmt: skip
        return None

    def shape(self, node: ast.expr | None, depth: int = 0) -> tuple[int | None, ...] | None:
        """The shape of a tensor made by zeros, randn and the like; None where unknown."""
        if node is None or depth > 8:
            return None
        if isinstance(node, ast.Name | ast.Attribute):
            found = {self.shape(one, depth + 1) for one in self.values.get(dotted(node), [])}
            return found.pop() if len(found) == 1 else None
        if not isinstance(node, ast.Call):
            return None
        if isinstance(node.func, ast.Attribute) and node.func.attr in _KEEPS_SHAPE:
            return self.shape(node.func.value, depth + 1)
        name = dotted(node.func)
        if not name.startswith(("torch.", "th.")) or name.rsplit(".")[-1] not in _FACTORIES:
            return None
        sizes: list[ast.expr] = node.args
        if len(sizes) == 1 and isinstance(sizes[0], ast.Tuple | ast.List):
            sizes = sizes[0].elts
        values = [self.value(size) for size in sizes]
        return tuple(
            v if isinstance(v, int) and not isinstance(v, bool) and v >= 0 else None for v in values
        )

    def layer(self, name: str, kinds: Iterable[str] = RECURRENT) -> Layer | None:
        """The layer called `name`, else the only one of these kinds."""
        of_kind = [layer for layer in self.layers if layer.kind in kinds]
        for match in (
            [layer for layer in of_kind if layer.name and layer.name == name],
            [layer for layer in of_kind if _last(layer.name) and _last(layer.name) == _last(name)],
            of_kind,
        ):
            if match and len({(one.statement.text, one.call.col_offset) for one in match}) == 1:
                return next((one for one in match if one.statement.file), match[0])
            if match:
                return None
        return None

    def at(self, file: str, line: int | None) -> Statement | None:
        """The statement that stands at a line of a file."""
        for statement in self.statements:
            if statement.file != file or statement.line is None or line is None:
                continue
            if statement.line <= line <= statement.line + statement.text.count("\n"):
                return statement
        return None

    def in_loop(self, file: str, line: int | None) -> bool:
        """Whether a line stands inside a loop."""
        return line is not None and any(
            isinstance(node, ast.For | ast.While)
            and node.lineno < line - first + 1 <= (node.end_lineno or 0)
            for name, first, tree in self.trees
            if name == file
            for node in ast.walk(tree)
        )

    def carried(self) -> tuple[Statement, ast.Call] | None:
        """A call that is given the state that it returns: `output, hn = rnn(x, hn)`."""
        for statement in self.statements:
            only = statement.only
            if isinstance(only, ast.Assign) and isinstance(only.value, ast.Call):
                target = only.targets[0]
                names = [
                    statement.source(node)
                    for node in (target.elts if isinstance(target, ast.Tuple) else [])
                ]
                if len(only.value.args) > 1 and statement.source(only.value.args[1]) in names:
                    return statement, only.value
        return None

    def arguments(self, layer: Layer) -> dict[str, Any]:
        """What a layer is built with, as far as the code tells; defaults where left out."""
        known: dict[str, Any] = {"cell": layer.kind.removesuffix("Cell").lower()}
        for name in _POSITIONS.get(layer.kind, ()):
            given = layer.argument(name)
            value = self.value(given)
            if value is not None:
                known[name] = value
            elif given is None and not layer.open_ended and name in _LEFT_OUT:
                known[name] = _LEFT_OUT[name]
        return known

    def origins(self, node: ast.expr | None, depth: int = 0) -> Iterator[ast.expr]:
        """The expressions that an expression is made of, names followed to what they were given."""
        if node is None or depth > 4:
            return
        for inner in ast.walk(node):
            if isinstance(inner, ast.expr):
                yield inner
            if isinstance(inner, ast.Name | ast.Attribute):
                for value in self.values.get(dotted(inner), [])[:4]:
                    yield from self.origins(value, depth + 1)


_LEFT_OUT: dict[str, Any] = {
    "num_layers": 1, "batch_first": False, "bidirectional": False, "proj_size": 0
}  # fmt: skip


def _last(name: str) -> str:
    return name.rsplit(".", 1)[-1]


def _combined(operator: ast.operator, left: Any, right: Any) -> Any:
    if not isinstance(left, int) or not isinstance(right, int):
        return None
    if isinstance(operator, ast.Add):
        result = left + right
    elif isinstance(operator, ast.Sub):
        result = left - right
    elif isinstance(operator, ast.Mult):
        result = left * right
    elif isinstance(operator, ast.FloorDiv) and right:
        result = left // right
    elif isinstance(operator, ast.Pow) and 0 <= right < 64 and abs(left) < 64 * 64:
        result = left**right
    else:
        return None
    return result if abs(result) <= LARGEST else None


def _blocks(lines: list[Line]) -> Iterator[list[Line]]:
    """Lines of one file that follow each other."""
    block: list[Line] = []
    for line in lines:
        last = block[-1] if block else None
        if last and (
            last.file != line.file
            or (line.number is not None and line.number != (last.number or 0) + 1)
        ):
            yield block
            block = []
        block.append(line)
    if block:
        yield block


def _pasted(text: str) -> Iterator[Statement]:
    """Constructors in a text around a message, and the print-out of a model."""
    for line in text[:100_000].split("\n"):
        if len(line) <= 500 and _LAYER_LINE.search(line):
            match = _REPR_NAME.match(line)
            line = f"{match.group(1)} = {match.group(2)}" if match else line
            statement = parse(line.removeprefix(">>> "))
            if statement:
                yield statement
