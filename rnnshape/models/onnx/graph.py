"""The recurrent operators of an .onnx file, and the chains that they make.

The onnx package (an extra) reads the file; nothing in it is executed but operators on constants,
with which exporters pack weights.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..formats.source import Damaged, Source
from ..formats.stored import DTYPES, Stored, array_of, numbers_at, package_missing, shape_of
from ..networks.names import RECURRENT
from .node import OPERATORS, Node

_TYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool",
    10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128",
    16: "bfloat16", 17: "float8_e4m3fn", 19: "float8_e5m2",
}  # fmt: skip

_INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
_INT, _FLOAT, _TEXT, _FLOATS, _TEXTS = 2, 1, 3, 6, 8  # AttributeProto.type
_ATTRIBUTES = {
    "hidden_size": _INT, "direction": _TEXT, "layout": _INT, "activations": _TEXTS,
    "activation_alpha": _FLOATS, "activation_beta": _FLOATS, "clip": _FLOAT,
    "linear_before_reset": _INT, "input_forget": _INT,
}  # fmt: skip
# com.microsoft's LSTM of 8 bits: what stands behind the eight inputs of ONNX's
_QUANTIZED, _SCALES = "DynamicQuantizeLSTM", ("W_scale", "W_zero", "R_scale", "R_zero")
_EIGHT_BITS = (
    "weights of 8 bits, read as the numbers that they stand for; onnxruntime rounds what they are "
    "multiplied with to 8 bits too"
)
_THRESHOLD = (
    "ThresholdedRelu without an alpha: 1 is taken, as the operator of that name has it; "
    "onnxruntime takes 0"
)
_OF_TORCH = re.compile(r"(weight|bias)_[ih]h_l\d")
_PASSING = ("Transpose", "Reshape", "Squeeze", "Identity", "Dropout", "Cast", "Unsqueeze")
_FOLDED = ("Constant", "Concat", "Slice", "Unsqueeze", "Squeeze", "Split", "Transpose", "Reshape",
           "Cast", "Identity", "Expand", "ConstantOfShape", "Gather", "Shape", "DequantizeLinear",
           "Mul", "Add", "Sub")  # fmt: skip
_SPARE = 1 << 20  # numbers that folding one value may make beyond those that the file has room for
_FAR = 100  # operators between two


@dataclass(frozen=True)
class Chain:
    """Operators of which each reads what the one before puts out: the layers of a network.

    batch_first: the file turns its input (N, T, I) before the first. given: the states and lengths
    that the graph computes or is fed, which the file has no numbers for. framework: whose layers
    they stand for. merge: how output has its directions (concat, sum, mul, ave). turned: output
    begins with the step that is read first, the last. notes: what is to be known beside it.
    """

    nodes: tuple[Node, ...]
    batch_first: bool = False
    given: tuple[str, ...] = ()
    framework: str = "ONNX"
    merge: str = "concat"
    turned: bool = False
    notes: tuple[str, ...] = ()


def onnx_package(file: str = ".onnx files") -> Any:
    """The onnx package. Raises UsageError where it is not installed."""
    try:
        import onnx
    except ImportError:
        raise package_missing("the onnx package", "onnx", f"reads and writes {file}") from None
    return onnx


class Graph:
    """A graph's constants, and who makes which value; those of the graphs inside it with them.

    tensors: what the file holds, by name; notes: of operators whose weights it does not hold.
    """

    def __init__(self, graph: Any, source: Source, places: Mapping[str, tuple[int, int]]) -> None:
        self.tensors: dict[str, Stored] = {}
        self.notes: list[str] = []
        self._nodes: list[Any] = []
        self._budget = source.budget
        for inner in _graphs(graph):
            self._budget.step(100 * len(inner.node))
            self._nodes += inner.node
            outputs = [out for node in inner.node for out in node.output if out]
            if len(outputs) > len(set(outputs)):
                raise Damaged("a graph that makes a value twice", "export the model anew")
            held = [(tensor.name, tensor, places.get(tensor.name)) for tensor in inner.initializer]
            held += [(node.output[0], attribute.t, None) for node in inner.node
                     if node.op_type == "Constant" and node.output
                     for attribute in node.attribute if attribute.name == "value"]  # fmt: skip
            for name, tensor, place in held:
                if name not in self.tensors:
                    self.tensors[name] = _stored(name, tensor, source, place)
        self._makers = {out: node for node in self._nodes for out in node.output if out}
        self._refuse_circles()
        self._folded: dict[str, Stored | None] = {}
        self._most = 4 * source.size + _SPARE

    def chains(self) -> list[Chain]:
        """Maximal chains, in the graph's order."""
        found, nodes = [], []
        recurrent = (node for node in self._nodes if _recurrent(node))
        for place, node in enumerate(recurrent):
            made = self._node(node, place)
            if made is not None:
                found.append(node)
                nodes.append(made)
        if not found:
            self._tell_unrolled()
        numbers = {id(node): place for place, node in enumerate(found)}
        before: dict[int, int] = {}
        after: dict[int, int] = {}
        for place, node in enumerate(found):
            other = numbers.get(id(self._source(node)))
            if other is not None and other not in after:
                before[place], after[other] = other, place
        chains = []
        for start in (place for place in range(len(found)) if place not in before):
            places = [start]
            while places[-1] in after:
                places.append(after[places[-1]])
            given = [name for place in places for name in self._open(found[place])]
            turned, own = self._turned(found[start]), tuple(nodes[place] for place in places)
            notes = (_EIGHT_BITS,) * any(found[p].op_type == _QUANTIZED for p in places)
            notes += (_THRESHOLD,) * any(_without_alpha(node) for node in own)
            chains.append(Chain(own, turned, tuple(dict.fromkeys(given)), notes=notes))
        return chains

    def _refuse_circles(self) -> None:
        """Refuse a graph in which a value is made of itself. Raises Damaged."""
        waits = {
            id(node): sum(value in self._makers for value in node.input) for node in self._nodes
        }
        readers: dict[str, list[Any]] = {}
        for node in self._nodes:
            for value in node.input:
                readers.setdefault(value, []).append(node)
        ready = [node for node in self._nodes if not waits[id(node)]]
        for node in ready:  # it grows
            for value in node.output:
                for reader in readers.get(value, ()) if value else ():
                    waits[id(reader)] -= 1
                    if not waits[id(reader)]:
                        ready.append(reader)
        if len(ready) < len(self._nodes):
            raise Damaged("a graph whose operators read each other in a circle",
                          "export the model anew")  # fmt: skip

    def _tell_unrolled(self) -> None:
        """Say so where names speak of a recurrent layer that is no operator of the graph."""
        spoken = [
            node for node in self._nodes
            if node.op_type in ("MatMul", "Gemm", "MatMulInteger")
            and any(RECURRENT.search(word) for word in (node.name, *node.input, *node.output))
        ]  # fmt: skip
        weights = [name for name in self.tensors if _OF_TORCH.search(name)]
        if spoken or weights:
            name = (spoken[0].name or spoken[0].output[0]) if spoken else weights[0]
            those = f"{len(spoken):,} of its matrix products are" if spoken else "its weights are"
            self.notes.append(
                f"no RNN, LSTM or GRU operator, but {those} named like a recurrent layer's "
                f"({name}): the exporter wrote the recurrence out"
            )

    def _node(self, node: Any, place: int) -> Node | None:
        """An operator, None where the graph is fed or computes its weights."""
        from onnx.helper import get_attribute_value

        name = node.name or next(filter(None, node.output), "") or f"{node.op_type}_{place}"
        if not isinstance(name, str):
            raise Damaged("a node whose name is no text")
        attributes = {}
        for attribute in (own for own in node.attribute if own.name in _ATTRIBUTES):
            if attribute.type != _ATTRIBUTES[attribute.name]:
                raise Damaged(f"{name}: {attribute.name} of another type than ONNX has there",
                              "export the model anew")  # fmt: skip
            value = get_attribute_value(attribute)
            if isinstance(value, bytes):
                value = value.decode(errors="replace")
            elif isinstance(value, list):
                value = [v.decode(errors="replace") if isinstance(v, bytes) else v for v in value]
            attributes[attribute.name] = value
        hidden = attributes.get("hidden_size")
        for kind, value in list(zip(_INPUTS, node.input))[5:7]:
            state = self.tensors.get(value)
            wide = state.shape[-1] if state is not None and len(state.shape) == 3 else hidden
            if state is not None and hidden and wide != hidden:
                self.notes.append(
                    f"{name}: {kind} of {'×'.join(map(str, state.shape))}, which hidden_size="
                    f"{hidden} contradicts; torch's exporter writes an LSTM with proj_size so, and "
                    "loses weights of it"
                )
                return None
        quantized = node.op_type == _QUANTIZED
        order = (*_INPUTS, *_SCALES) if quantized else _INPUTS
        named = {kind: value for kind, value in list(zip(order, node.input))[1:] if value}
        held = {kind: self._constant(value) for kind, value in named.items()}
        inputs = {kind: tensor for kind, tensor in held.items() if tensor is not None}
        if any(kind in held and kind not in inputs for kind in ("W", "R", "B", "P", *_SCALES)):
            self.notes.append(f"{name}: a {node.op_type} whose weights are computed in the graph")
            return None
        strange = next((kind for kind, held in inputs.items() if held.dtype not in DTYPES), None)
        if strange:
            raise Damaged(f"{name}: {strange} of {inputs[strange].dtype}, which are no numbers",
                          "export the model anew")  # fmt: skip
        if quantized:
            inputs = _dequantized(inputs, name)
        return Node("LSTM" if quantized else node.op_type, name, attributes, inputs)

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
        array = _evaluated(node, inputs, value)
        if array is None:
            return None
        self._budget.step(1000)
        self._budget.made(array.nbytes)
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
            if _recurrent(maker):
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
        hidden, first, last = (held.shape[0], 0, min(held.shape[-1], 3)), 3, 4
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
        try:
            if node.op_type == "Transpose":
                return value.transpose(_attribute(node, "perm", None))
            if node.op_type == "Reshape":
                shape = self._array(node.input[1])
                # sizes of a batch and a length that the exporter wrote down, or computes: read as
                # the only arrangement that keeps two axes and joins the rest
                return value.reshape(whole) if shape is None or len(shape) == 3 else None
            axes = _attribute(node, "axes", None)
            axes = self._array(node.input[1]).tolist() if axes is None else axes
            if node.op_type == "Squeeze":
                return value.squeeze(tuple(axes))
        except (IndexError, ValueError, AttributeError, TypeError):
            return None
        return None

    def _turned(self, node: Any) -> bool:
        """Whether the graph's input reaches an operator by a transposition of N and T alone."""
        value, turns = node.input[0], 0
        for _ in range(_FAR):
            maker = self._makers.get(value)
            if maker is None:
                return turns % 2 == 1
            if maker.op_type == "Transpose" and _attribute(maker, "perm", None) == [1, 0, 2]:
                turns += 1
            elif maker.op_type not in ("Identity", "Cast", "Dropout"):
                return False
            value = maker.input[0]
        return False  # a circle, or no graph that an exporter writes


def _recurrent(node: Any) -> bool:
    return (node.op_type in OPERATORS and not node.domain) or node.op_type == _QUANTIZED


def _without_alpha(node: Node) -> bool:
    names = [name.lower() for name in node.attributes.get("activations") or ()]
    return "thresholdedrelu" in names and not node.attributes.get("activation_alpha")


def _dequantized(inputs: dict[str, Stored], name: str) -> dict[str, Stored]:
    """The weights of a DynamicQuantizeLSTM as those of an LSTM: (q − zero)·scale, turned over.

    W is (D, I, 4H), R (D, H, 4H); scale and zero are (D) or (D, 4H). Source: onnxruntime,
    docs/ContribOperators.md.
    """
    made = {kind: tensor for kind, tensor in inputs.items() if kind not in _SCALES}
    for kind in ("W", "R"):
        whole = [inputs.get(kind + end) for end in ("", "_scale", "_zero")]
        if whole[0] is None or whole[1] is None or len(whole[0].shape) != 3:
            raise Damaged(f"{name}: {kind} without its scale, or of other than three axes")
        d, width, rows = whole[0].shape

        def read(parts: list[Stored | None] = whole, shape: tuple[int, ...] = (d, 1, -1)) -> Any:
            import numpy as np

            q, scale, *zero = (part.read() for part in parts if part is not None)
            centred = q.astype("float32")
            with np.errstate(all="ignore"):  # a scale that is no number gives none
                if zero:
                    centred -= zero[0].astype("float32").reshape(shape)
                return (centred * scale.reshape(shape)).transpose(0, 2, 1)

        sources = tuple(n for part in whole if part is not None for n in part.stored)
        made[kind] = Stored(kind, (d, rows, width), "float32", read, sources=sources)
    return made


def _evaluated(node: Any, inputs: dict[str, Any], value: str) -> Any:
    """What an operator on constants gives, None where it gives nothing."""
    from onnx.reference import ReferenceEvaluator

    try:
        results: Any = ReferenceEvaluator(node).run(None, inputs)
        return results[list(node.output).index(value)]
    except Exception:  # whatever onnx raises for a node that is none
        return None


def _grown(node: Any, inputs: dict[str, Any]) -> float:
    """The most numbers that an operator makes of its inputs."""
    arrays = [inputs[name] for name in node.input if name]  # a value may stand there many times
    whole = float(sum(array.size for array in arrays))
    if node.op_type in ("Expand", "ConstantOfShape") and arrays:
        sizes = math.prod(abs(float(size)) for size in arrays[-1].reshape(-1))
        return max(whole, sizes * (arrays[0].size if node.op_type == "Expand" else 1))
    if node.op_type == "Gather" and len(arrays) == 2:
        return max(whole, float(arrays[0].size * arrays[1].size))
    if node.op_type in ("Mul", "Add", "Sub", "DequantizeLinear"):
        return math.prod(float(array.size) for array in arrays)
    if node.op_type == "Split" and int(_attribute(node, "num_outputs", 0)) > len(node.output):
        return math.inf
    return whole


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


def _stored(name: str, tensor: Any, source: Source, place: tuple[int, int] | None) -> Stored:
    if not isinstance(name, str):
        raise Damaged("a tensor whose name is no text")
    dtype = _TYPES.get(tensor.data_type, f"type {tensor.data_type}")
    shape = shape_of(tuple(tensor.dims), name)

    def read() -> Any:
        import numpy as np
        from onnx import numpy_helper

        if place is not None:
            return numbers_at(source, *place, dtype, shape)
        if tensor.data_location == 1:
            return array_of(_beside(tensor, source), dtype, shape)
        array = numpy_helper.to_array(tensor)
        return array.astype(np.float32) if dtype.startswith(("bfloat", "float8")) else array

    return Stored(name, shape, dtype, read)


def _beside(tensor: Any, source: Source) -> bytes:
    """The bytes that lie in a file beside the model, and in none elsewhere."""
    told = {entry.key: entry.value for entry in tensor.external_data}
    folder, location = os.path.dirname(os.path.abspath(source.path)), told.get("location", "")
    place = os.path.join(folder, location)
    inside = os.path.realpath(place).startswith(os.path.realpath(folder) + os.sep)
    numbers = [told.get("offset") or "0", told.get("length") or "-1"]
    if source.inside or not inside or not os.path.isfile(place) or any(
        not re.fullmatch(r"-?\d{1,18}", number) for number in numbers
    ):  # fmt: skip
        raise Damaged(
            f"{tensor.name}: its numbers lie in {location[:80]!r}, no file beside the model",
            "keep the model and its data file in one folder",
        )
    begin, count = map(int, numbers)
    data = Source(place)
    return data.part(begin, data.size - begin if count < 0 else count)
