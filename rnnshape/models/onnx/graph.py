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

from ...errors import UsageError
from ..formats.stored import Damaged, Stored, shape_of
from .node import OPERATORS, Node

_TYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool",
    10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128",
    16: "bfloat16", 17: "float8_e4m3fn", 19: "float8_e5m2",
}  # fmt: skip

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
    that the graph computes or is fed, which the file has no numbers for. framework: whose layers
    they stand for. merge: how output has its directions (concat, sum, mul, ave). turned: output
    begins with the step that is read first, the last.
    """

    nodes: tuple[Node, ...]
    batch_first: bool = False
    given: tuple[str, ...] = ()
    framework: str = "ONNX"
    merge: str = "concat"
    turned: bool = False


def onnx_package(file: str = ".onnx files") -> Any:
    """The onnx package. Raises UsageError where it is not installed."""
    try:
        import onnx
    except ImportError:
        raise UsageError(
            f"weights: expected the onnx package, which reads and writes {file}",
            got="no such package here",
            fix="pip install 'rnnshape[onnx]'",
        ) from None
    return onnx


class Graph:
    """A graph's constants, and who makes which value; those of the graphs inside it with them.

    tensors: what the file holds, by name; notes: of operators whose weights it does not hold.
    """

    def __init__(self, graph: Any, path: str) -> None:
        self.tensors: dict[str, Stored] = {}
        self.notes: list[str] = []
        self._nodes: list[Any] = []
        for inner in _graphs(graph):
            self._nodes += inner.node
            held = [(tensor.name, tensor) for tensor in inner.initializer]
            held += [(node.output[0], attribute.t) for node in inner.node
                     if node.op_type == "Constant" and node.output
                     for attribute in node.attribute if attribute.name == "value"]  # fmt: skip
            for name, tensor in held:
                if name not in self.tensors:
                    self.tensors[name] = _stored(name, tensor, path)
        self._makers = {out: node for node in self._nodes for out in node.output if out}
        self._folded: dict[str, Stored | None] = {}
        self._most = 4 * sum(tensor.count for tensor in self.tensors.values()) + _SPARE

    def chains(self) -> list[Chain]:
        """Maximal chains, in the graph's order."""
        found, nodes = [], []
        recurrent = (node for node in self._nodes if node.op_type in OPERATORS and not node.domain)
        for place, node in enumerate(recurrent):
            made = self._node(node, place)
            if made is not None:
                found.append(node)
                nodes.append(made)
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
            given = [name for place in places for name in self._open(found[place])]
            turned, own = self._turned(found[start]), tuple(nodes[place] for place in places)
            chains.append(Chain(own, turned, tuple(dict.fromkeys(given))))
        return chains

    def _node(self, node: Any, place: int) -> Node | None:
        """An operator, None where the graph is fed or computes its weights."""
        from onnx.helper import get_attribute_value

        name = node.name or next(filter(None, node.output), "") or f"{node.op_type}_{place}"
        if not isinstance(name, str):
            raise Damaged("a node whose name is no text")
        attributes = {}
        for attribute in (own for own in node.attribute if own.name in _ATTRIBUTES):
            value = get_attribute_value(attribute)
            if isinstance(value, bytes):
                value = value.decode(errors="replace")
            elif isinstance(value, list):
                value = [v.decode(errors="replace") if isinstance(v, bytes) else v for v in value]
            attributes[attribute.name] = value
        named = {kind: value for kind, value in list(zip(_INPUTS, node.input))[1:] if value}
        held = {kind: self._constant(value) for kind, value in named.items()}
        inputs = {kind: tensor for kind, tensor in held.items() if tensor is not None}
        if any(kind in held and kind not in inputs for kind in ("W", "R", "B", "P")):
            self.notes.append(f"{name}: a {node.op_type} whose weights are computed in the graph")
            return None
        return Node(node.op_type, name, attributes, inputs)

    def _open(self, node: Any) -> Iterator[str]:
        """The states and lengths of an operator that are no constants, and not surely zero."""
        for name, value in zip(_INPUTS, node.input):
            if name not in _INPUTS[4:7] or not value or self._constant(value) is not None:
                continue
            if not self._zero(value):
                yield name

    def _constant(self, value: str, depth: int = 0) -> Stored | None:
        """What the file holds under a name or makes of what it holds, else None."""
        if value in self.tensors:
            return self.tensors[value]
        if value not in self._folded:
            node = self._makers.get(value)
            made = None if node is None or depth > 50 else self._fold(node, value, depth)
            self._folded[value] = made
        return self._folded[value]

    def _array(self, value: str) -> Any:
        """The numbers of a constant, else None."""
        held = self._constant(value)
        return None if held is None else held.read()

    def _fold(self, node: Any, value: str, depth: int) -> Stored | None:
        """What an operator makes of constants; None where it is none of those that pack weights."""
        if node.op_type not in _FOLDED or node.domain:
            return None
        held = {name: self._constant(name, depth + 1) for name in node.input if name}
        known = {name: tensor for name, tensor in held.items() if tensor is not None}
        if len(known) < len(held) or sum(tensor.count for tensor in known.values()) > self._most:
            return None
        inputs = {name: tensor.read() for name, tensor in known.items()}
        if _grown(node, inputs) > self._most:
            return None
        from onnx.reference import ReferenceEvaluator

        results: Any = ReferenceEvaluator(node).run(None, inputs)
        array = results[list(node.output).index(value)]
        sources = tuple(name for tensor in known.values() for name in tensor.stored)
        return Stored(value, array.shape, str(array.dtype), lambda: array, sources=sources)

    def _zero(self, value: str, depth: int = 0) -> bool:
        """Whether a value of a size that is not known before the run holds zeros alone."""
        node = self._makers.get(value)
        if node is None or depth > 20:
            return False
        if node.op_type == "ConstantOfShape":
            filled = [a.t for a in node.attribute if a.name == "value"]
            from onnx.numpy_helper import to_array

            return not filled or not to_array(filled[0]).any()
        if node.op_type in ("Expand", "Slice", "Squeeze", "Unsqueeze", "Identity", "Cast",
                            "Reshape", "Transpose", "Gather"):  # fmt: skip
            known = self._array(node.input[0])
            return self._zero(node.input[0], depth + 1) if known is None else not known.any()
        return False

    def _source(self, node: Any) -> Any:
        """The operator whose output, rearranged to (T, N, D·H), an operator reads, else None."""
        passed: list[Any] = []
        value = node.input[0]
        while value in self._makers and len(passed) < 20:
            maker = self._makers[value]
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
        held = self._constant(maker.input[2])
        if held is None:
            return False
        hidden, first, last = held.shape, 3, 4
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
                shape = self._array(node.input[1])
                # sizes of a batch and a length that the exporter wrote down, or computes: read as
                # the only arrangement that keeps two axes and joins the rest
                return value.reshape(whole) if shape is None or len(shape) == 3 else None
            axes = _attribute(node, "axes", None)
            axes = self._array(node.input[1]).tolist() if axes is None else axes
            if node.op_type == "Squeeze":
                return value.squeeze(tuple(axes))
        except (IndexError, ValueError, AttributeError):
            return None
        return None

    def _turned(self, node: Any) -> bool:
        """Whether the graph's input reaches an operator by a transposition of N and T alone."""
        value, turns = node.input[0], 0
        while value in self._makers:
            maker = self._makers[value]
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


def _graphs(graph: Any) -> Iterator[Any]:
    """A graph and those inside its nodes (the bodies of If, Loop and Scan)."""
    waiting = [graph]
    while waiting:
        inner = waiting.pop()
        yield inner
        for node in inner.node:
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    waiting.append(attribute.g)
                waiting.extend(attribute.graphs)


def _stored(name: str, tensor: Any, path: str) -> Stored:
    if not isinstance(name, str):
        raise Damaged("a tensor whose name is no text")
    dtype = _TYPES.get(tensor.data_type, f"type {tensor.data_type}")

    def read() -> Any:
        import numpy as np
        from onnx import external_data_helper, numpy_helper

        folder = os.path.dirname(os.path.abspath(path))
        if tensor.data_location == 1:
            _beside(tensor, folder)
            external_data_helper.load_external_data_for_tensor(tensor, folder)
        array = numpy_helper.to_array(tensor)
        return array.astype(np.float32) if dtype.startswith(("bfloat", "float8")) else array

    return Stored(name, shape_of(tuple(tensor.dims), name), dtype, read)


def _beside(tensor: Any, folder: str) -> None:
    """Refuse numbers that lie in a file which is not in the model's own folder."""
    told = {entry.key: entry.value for entry in tensor.external_data}
    place = os.path.join(folder, told.get("location", ""))
    inside = os.path.realpath(place).startswith(os.path.realpath(folder) + os.sep)
    if not inside or not os.path.isfile(place):
        raise Damaged(
            f"{tensor.name}: its numbers lie in {told.get('location', '')[:80]!r}, no file beside "
            "the model",
            "keep the model and its data file in one folder",
        )
