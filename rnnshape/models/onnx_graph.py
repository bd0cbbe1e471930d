"""The recurrent operators of an .onnx file, and the chains that they make.

The onnx package (an extra) reads the file; nothing in it is executed but operators on constants,
with which exporters pack weights.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import UsageError
from .onnx_node import OPERATORS, Node

_INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
_ATTRIBUTES = ("hidden_size", "direction", "layout", "activations", "activation_alpha",
               "activation_beta", "clip", "linear_before_reset", "input_forget")  # fmt: skip
_PASSING = ("Transpose", "Reshape", "Squeeze", "Identity", "Dropout", "Cast", "Unsqueeze")
_FOLDED = ("Constant", "Concat", "Slice", "Unsqueeze", "Squeeze", "Split", "Transpose", "Reshape",
           "Cast", "Identity", "Expand", "ConstantOfShape", "Gather", "Shape")  # fmt: skip
_SPARE = 1 << 20  # numbers that folding may make beyond those that the file holds


@dataclass(frozen=True)
class Chain:
    """Operators of which each reads what the one before puts out: the layers of a network.

    batch_first: the file turns its input (N, T, I) before the first. given: the states and lengths
    that the graph computes or is fed, which the file has no numbers for.
    """

    nodes: tuple[Node, ...]
    batch_first: bool = False
    given: tuple[str, ...] = ()

    def to_list(self) -> list[dict[str, Any]]:
        """The operators as they stand in JSON."""
        return [
            {"name": node.name, "operator": node.operator, "attributes": dict(node.attributes)}
            for node in self.nodes
        ]


def onnx_package() -> Any:
    """The onnx package. Raises UsageError where it is not installed."""
    try:
        import onnx
    except ImportError:
        raise UsageError(
            "weights: expected the onnx package, which reads and writes .onnx files",
            got="no module named onnx",
            fix="pip install 'rnnshape[onnx]'",
        ) from None
    return onnx


def read_chain(path: str, module: str | None = None) -> Chain:
    """The one chain of a file, or the operator that `module` names. Raises UsageError."""
    graph = _Graph(_load(path))
    chains = graph.chains()
    names = [node.name for chain in chains for node in chain.nodes]
    if module is not None:
        for chain in chains:
            for place, node in enumerate(chain.nodes):
                if node.name == module:
                    first = chain.batch_first and not place
                    return Chain((node,), first, chain.given)
    if not names:
        raise UsageError(
            f"weights: expected an RNN, LSTM or GRU operator in {os.path.basename(path)!r}",
            got=", ".join(sorted(graph.operators)[:12]) or "an empty graph",
            fix="export the recurrent layer, or give another file",
        )
    if module is not None or len(chains) > 1:
        raise UsageError(
            f"--module: expected one operator of the file ({', '.join(names)[:300]})",
            got=repr(module) if module else f"none, and {len(chains)} networks",
            fix=f"--module {names[0]}",
        )
    return chains[0]


def _load(path: str) -> Any:
    onnx = onnx_package()
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            raise OSError("a folder, a pipe or a device")
        return onnx.load(path)
    except Exception as error:  # protobuf and onnx raise errors of many kinds
        detail = getattr(error, "strerror", None) or str(error).split("\n")[0][:100]
        raise UsageError(
            "weights: expected an .onnx file that can be read",
            got=f"{path!r}: {detail or type(error).__name__}",
            fix="check the file's name, and that it was written to its end",
        ) from None


class _Graph:
    """A graph's constants, and who makes which value."""

    def __init__(self, model: Any) -> None:
        self.graph = model.graph
        self.stored = {tensor.name: tensor for tensor in model.graph.initializer}
        self.makers = {out: node for node in model.graph.node for out in node.output if out}
        self.operators = {node.op_type for node in model.graph.node}
        self.values: dict[str, Any] = {}
        held = sum(math.prod(tensor.dims) for tensor in model.graph.initializer)
        self.most = 4 * held + _SPARE  # numbers of one constant

    def chains(self) -> list[Chain]:
        """Maximal chains, in the graph's order."""
        found = [node for node in self.graph.node if node.op_type in OPERATORS and not node.domain]
        before: dict[int, int] = {}
        for place, node in enumerate(found):
            source = self._source(node)
            for other, candidate in enumerate(found):
                if source is candidate and other not in before.values():
                    before[place] = other
        after = {other: place for place, other in before.items()}
        chains = []
        for start in (place for place in range(len(found)) if place not in before):
            places = [start]
            while places[-1] in after:
                places.append(after[places[-1]])
            nodes = tuple(self._node(found[place], place) for place in places)
            given = [name for place in places for name in self._open(found[place])]
            turned = self._turned(found[start])
            chains.append(Chain(nodes, turned, tuple(dict.fromkeys(given))))
        return chains

    def _node(self, node: Any, place: int) -> Node:
        from onnx.helper import get_attribute_value

        attributes = {}
        for attribute in (own for own in node.attribute if own.name in _ATTRIBUTES):
            value = get_attribute_value(attribute)
            if isinstance(value, bytes):
                value = value.decode(errors="replace")
            elif isinstance(value, list):
                value = [v.decode(errors="replace") if isinstance(v, bytes) else v for v in value]
            attributes[attribute.name] = value
        inputs = {
            name: array
            for name, value in list(zip(_INPUTS, node.input))[1:]
            if value and (array := self.constant(value)) is not None
        }
        for name, value in zip(("W", "R", "B", "P"), (node.input[1], node.input[2], *(
            node.input[i] if len(node.input) > i else "" for i in (3, 7)))):  # fmt: skip
            if value and name not in inputs:
                raise UsageError(
                    f"{node.op_type} {node.name!r}: expected {name} in the file",
                    got="a value that the graph is fed or computes",
                    fix="export the model with its weights",
                )
        return Node(node.op_type, node.name or f"{node.op_type}_{place}", attributes, inputs)

    def _open(self, node: Any) -> Iterator[str]:
        """The states and lengths of an operator that are no constants, and not surely zero."""
        for name, value in zip(_INPUTS, node.input):
            if name not in _INPUTS[4:7] or not value or self.constant(value) is not None:
                continue
            if not self._zero(value):
                yield name

    def constant(self, value: str, depth: int = 0) -> Any:
        """The array of a value that the file holds or makes of what it holds, else None."""
        if value in self.values:
            return self.values[value]
        array = None
        if value in self.stored:
            from onnx.numpy_helper import to_array

            array = to_array(self.stored[value])
        elif value in self.makers and depth < 50:
            array = self._folded(self.makers[value], value, depth)
        self.values[value] = array
        return array

    def _folded(self, node: Any, value: str, depth: int) -> Any:
        if node.op_type not in _FOLDED or node.domain:
            return None
        inputs = {name: self.constant(name, depth + 1) for name in node.input if name}
        sizes = [array.size for array in inputs.values() if array is not None]
        if len(sizes) < len(inputs) or sum(sizes) > self.most:
            return None
        if _grown(node, inputs) > self.most:
            return None
        from onnx.reference import ReferenceEvaluator

        results: Any = ReferenceEvaluator(node).run(None, inputs)
        return results[list(node.output).index(value)]

    def _zero(self, value: str, depth: int = 0) -> bool:
        """Whether a value of a size that is not known before the run holds zeros alone."""
        node = self.makers.get(value)
        if node is None or depth > 20:
            return False
        if node.op_type == "ConstantOfShape":
            filled = [a.t for a in node.attribute if a.name == "value"]
            from onnx.numpy_helper import to_array

            return not filled or not to_array(filled[0]).any()
        if node.op_type in ("Expand", "Slice", "Squeeze", "Unsqueeze", "Identity", "Cast",
                            "Reshape", "Transpose", "Gather"):  # fmt: skip
            known = self.constant(node.input[0])
            return self._zero(node.input[0], depth + 1) if known is None else not known.any()
        return False

    def _source(self, node: Any) -> Any:
        """The operator whose output, rearranged to (T, N, D·H), an operator reads, else None."""
        passed: list[Any] = []
        value = node.input[0]
        while value in self.makers and len(passed) < 20:
            maker = self.makers[value]
            if maker.op_type in OPERATORS:
                keeps = self._keeps_order(passed[::-1], maker, node)
                return maker if value == maker.output[0] and keeps else None
            if maker.op_type not in _PASSING:
                return None
            passed.append(maker)
            value = maker.input[0]
        return None

    def _keeps_order(self, passed: list[Any], maker: Any, reader: Any) -> bool:
        """Whether the passed operators only lay the directions of Y behind each other."""
        layouts = [_attribute(node, "layout", 0) for node in (maker, reader)]
        if layouts[0] != layouts[1]:
            return False
        hidden = self.constant(maker.input[2]).shape
        first, last = 3, 4
        import numpy as np

        # Y of a batch of 4 over 3 steps, each number telling where it stands
        axes = (first, hidden[0], last, hidden[2])
        if layouts[0]:
            axes = (last, first, hidden[0], hidden[2])
        value: Any = np.arange(np.prod(axes)).reshape(axes)
        wanted = value.transpose(0, 2, 1, 3) if not layouts[0] else value
        wanted = wanted.reshape(*wanted.shape[:2], -1)
        for node in passed:
            value = self._rearranged(node, value, wanted.shape)
            if value is None:
                return False
        return bool(value.shape == wanted.shape and (value == wanted).all())

    def _rearranged(self, node: Any, value: Any, whole: tuple[int, ...]) -> Any:
        """What a passing operator makes of `value`; None where that cannot be told."""
        if node.op_type in ("Identity", "Dropout", "Cast"):
            return value
        if node.op_type == "Transpose":
            return value.transpose(_attribute(node, "perm", None))
        try:
            if node.op_type == "Reshape":
                shape = self.constant(node.input[1])
                # sizes of a batch and a length that the exporter wrote down, or computes: read as
                # the only arrangement that keeps two axes and joins the rest
                return value.reshape(whole) if shape is None or len(shape) == 3 else None
            axes = _attribute(node, "axes", None)
            axes = self.constant(node.input[1]).tolist() if axes is None else axes
            if node.op_type == "Squeeze":
                return value.squeeze(tuple(axes))
        except (IndexError, ValueError, AttributeError):
            return None
        return None

    def _turned(self, node: Any) -> bool:
        """Whether the graph's input reaches an operator by a transposition of N and T alone."""
        value, turns = node.input[0], 0
        while value in self.makers:
            maker = self.makers[value]
            if maker.op_type == "Transpose" and _attribute(maker, "perm", None) == [1, 0, 2]:
                turns += 1
            elif maker.op_type not in ("Identity", "Cast", "Dropout"):
                return False
            value = maker.input[0]
        return turns % 2 == 1


def _grown(node: Any, inputs: dict[str, Any]) -> float:
    """The most numbers that an operator makes of its inputs."""
    if node.op_type in ("Expand", "ConstantOfShape"):
        sizes = [float(size) for size in inputs[node.input[-1]].reshape(-1)]
        return abs(math.prod(sizes))
    if node.op_type == "Gather":
        return float(inputs[node.input[0]].size * inputs[node.input[1]].size)
    return 0.0


def _attribute(node: Any, name: str, default: Any) -> Any:
    from onnx.helper import get_attribute_value

    return next((get_attribute_value(a) for a in node.attribute if a.name == name), default)
