"""What a piece of somebody's code says: the layer it builds, the shapes it feeds, its use of them.

The code is parsed, never run.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..errors import UsageError
from ..network.constructor import DEFAULTS, Construction, positional_names
from ..network.dims import Shape, symbol
from .code import CELLS, RECURRENT, dotted, syntax
from .program import LARGEST_SOURCE, Program, cell_of
from .read import read

_OUTPUTS = ("output", "outputs", "out")
_STATES = ("hn", "h_n", "hidden", "cn", "c_n")
_RESHAPES = ("view", "reshape")


class Use(NamedTuple):
    """A piece of the code that takes something of the result.

    of: output, state, or pair (an lstm's state that was not taken apart). form: index, view or
    unpack. axes: each part of an index, or each argument of a view, as a number, ":" or None where
    it is neither.
    """

    of: str
    form: str
    source: str
    name: str
    axes: tuple[int | str | None, ...] = ()


@dataclass(frozen=True)
class Snippet:
    """A piece of code, read: None and empty where it does not say."""

    construction: Construction | None = None
    shapes: dict[str, Shape] = field(default_factory=dict)
    uses: tuple[Use, ...] = ()


def read_snippet(text: str) -> Snippet:
    """Read a constructor, a call and uses of its results. Raises UsageError for no Python code."""
    text = textwrap.dedent(text).strip()
    if not text:
        return Snippet()
    tree = syntax(text) if len(text) <= LARGEST_SOURCE else None
    if tree is None:
        raise UsageError(
            "--code: expected Python code",
            got=repr(text[:60]),
            fix="--code 'rnn = nn.RNN(10, 20, 2, True)'",
        )
    program = Program(read(""), {"code": text})
    layers = [layer for layer in program.layers if layer.kind in RECURRENT]
    layers = layers or [layer for layer in program.layers if layer.kind in CELLS]
    construction, shapes, name = None, {}, ""
    if layers:
        name = layers[0].name
        construction = _construction(program, cell_of(layers[0].kind), layers[0].call)
        shapes = _shapes(program, tree, name)
    names = _names(tree, name)
    return Snippet(construction, shapes, tuple(_uses(tree, text, names)))


def _construction(program: Program, cell: str, call: ast.Call) -> Construction:
    order = positional_names(cell)
    values: list[Any] = []
    for index, node in enumerate(call.args):
        if isinstance(node, ast.Starred):
            break
        name = order[index] if index < len(order) else ""
        values.append(_value(program, name, node))
    keywords = {k.arg: _value(program, k.arg, k.value) for k in call.keywords if k.arg}
    return Construction(cell, keywords, tuple(values))


def _value(program: Program, name: str, node: ast.expr) -> Any:
    """What the code gives for an argument; a size that it does not tell becomes a symbol."""
    try:
        if isinstance(node, ast.Call) and dotted(node.func) == "float" and len(node.args) == 1:
            return float(ast.literal_eval(node.args[0]))  # nan and inf have no other spelling
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        value = program.value(node)
    if value is not None:
        return value
    if name in ("input_size", "hidden_size"):
        return symbol(dotted(node).rsplit(".", 1)[-1][:32] or name[0].upper())
    return DEFAULTS.get(name)


def _shapes(program: Program, tree: ast.Module, name: str) -> dict[str, Shape]:
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not name or dotted(call.func) != name or not call.args:
            continue
        state = call.args[1] if len(call.args) > 1 else None
        if isinstance(state, ast.Name):
            given = program.values.get(state.id, [])
            state = given[0] if len(given) == 1 else state
        parts = state.elts if isinstance(state, ast.Tuple | ast.List) else [state]
        found = zip(("input", "h0", "c0"), [call.args[0], *parts])
        return {
            key: tuple(size for size in shape if size is not None)
            for key, node in found
            if (shape := program.shape(node)) is not None and None not in shape
        }
    return {}


def _names(tree: ast.Module, layer: str) -> dict[str, str]:
    """Names of the results, and which they are; the usual names where the code does not say."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign) or not _calls(node.value, layer):
            continue
        target = node.targets[0]
        if isinstance(target, ast.Tuple) and len(target.elts) == 2:
            output, state = target.elts
            names[dotted(output)] = "output"
            if isinstance(state, ast.Tuple):
                names.update({dotted(one): "state" for one in state.elts})
            else:
                names[dotted(state)] = "pair"
    usual = {**dict.fromkeys(_OUTPUTS, "output"), **dict.fromkeys(_STATES, "state")}
    return {**usual, **{name: of for name, of in names.items() if name}}


def _calls(node: ast.expr, layer: str) -> bool:
    """Whether an expression calls the layer; any name that is no function of torch may be it."""
    if not isinstance(node, ast.Call):
        return False
    callee = dotted(node.func)
    if layer and layer == callee:
        return True
    return not layer and bool(callee) and not callee.startswith(("torch.", "nn.", "F.", "pad_"))


def _uses(tree: ast.Module, text: str, names: dict[str, str]) -> Iterator[Use]:
    for node in ast.walk(tree):
        source = ""
        if isinstance(node, ast.expr):
            source = ast.get_source_segment(text, node) or ""
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            name = dotted(node.value)
            if name in names:
                parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
                yield Use(names[name], "index", source, name, tuple(map(_axis, parts)))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = dotted(node.func.value)
            if name in names and node.func.attr in _RESHAPES and len(node.args) == 2:
                yield Use(names[name], "view", source, name, tuple(map(_axis, node.args)))
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
            elements = node.targets[0].elts
            if len(elements) == 2 and isinstance(elements[1], ast.Tuple):
                target = ast.get_source_segment(text, node.targets[0]) or ""
                yield Use("pair", "unpack", target, dotted(elements[0]))


def _axis(node: ast.expr) -> int | str | None:
    if isinstance(node, ast.Slice):
        return ":" if node.lower is None and node.upper is None else None
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    return value if isinstance(value, int) else None
