"""TensorFlow Lite, read with tflite (the extra `tflite`): tensors and recurrent layers.

A layer is an operator of its own, or what its converter wrote out for an LSTM of Keras: the body of
a loop, or one step behind the other. Source: tensorflow/lite/schema/schema.fbs, and the inputs of
the operator in tensorflow/lite/kernels/unidirectional_sequence_lstm.cc.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from ...network.spec import Spec
from ..layouts.layout import Entry, Piece, Placed, entry, laid_back
from ..networks.names import written_out
from .source import Damaged, Source
from .stored import DTYPES, Layer, Stored, TensorFile, array_of, package_missing, shape_of

_MOST, _MOST_TERMS = 1 << 30, 32  # bytes, all of which its library wants in memory
_TYPES = {
    0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 6: "bool", 7: "int16",
    8: "complex64", 9: "int8", 10: "float64", 11: "complex128", 12: "uint64", 15: "uint32",
    16: "uint16", 18: "bfloat16",
}  # fmt: skip
_ADD, _CONCATENATION, _DEQUANTIZE, _DENSE, _LOGISTIC, _MUL, _RESHAPE, _TANH = (
    0, 2, 6, 9, 14, 18, 22, 28)  # fmt: skip
_LSTM, _SPLIT, _REVERSE = 44, 49, 105
_UNREAD = {
    16: "LSTM", 24: "RNN", 35: "UNIDIRECTIONAL_SEQUENCE_RNN", 46: "BIDIRECTIONAL_SEQUENCE_RNN",
    52: "BIDIRECTIONAL_SEQUENCE_LSTM",
}  # fmt: skip
_FUSED_TANH = 4  # of ActivationFunctionType
_EIGHT_BITS = (
    "weights of 8 bits, read as the numbers that they stand for; TensorFlow Lite rounds what they "
    "are multiplied with to 8 bits too"
)
_UNLIKE = {9: "peepholes", 10: "peepholes", 11: "peepholes", 17: "a bias of its projection",
           20: "layer normalisation"}  # fmt: skip


def _rows() -> dict[int, Entry]:
    """What an LSTM's inputs are: the gates i, f, g, o stand as torch's do."""
    rows = {16: entry("projection", "weight_hr", (0,))}
    for gate in range(4):
        rows[1 + gate] = entry(f"input_to_{gate}", "weight_ih", (gate,))
        rows[5 + gate] = entry(f"recurrent_to_{gate}", "weight_hh", (gate,))
        rows[12 + gate] = entry(f"bias_{gate}", "bias_ih", (gate,))
    return rows


def open_tflite(source: Source) -> TensorFile:
    """A model's constants and recurrent layers; no number is read. Raises Damaged."""
    if source.start(8)[4:] != b"TFL3" or source.size > _MOST:
        raise Damaged("no model of TensorFlow Lite, or one of more than 1 GB")
    try:
        import tflite
    except ImportError:
        raise package_missing("the tflite package", "tflite", "reads TensorFlow Lite") from None
    import struct

    try:
        model = tflite.Model.GetRootAs(source.part(0, source.size), 0)
        graphs = [_Graph.read(model, graph, source) for graph in _all(model, "Subgraphs", source)]
        layers = [layer for graph in graphs for layer in graph.layers()]
    except struct.error as error:
        raise Damaged(f"no model of TensorFlow Lite, or a damaged one: {error}") from None
    tensors: dict[str, Stored] = {}
    for graph in graphs:
        for tensor in graph.held.values():
            tensors.setdefault(tensor.name, tensor)
    codes = {own.code for graph in graphs for own in graph.operators}
    notes = [f"its {name} is not read" for code, name in _UNREAD.items() if code in codes]
    if not layers and not notes:
        notes = written_out(name for graph in graphs for name in graph.names.values())
    return TensorFile(source, "tensorflow lite", tensors, layers=tuple(layers), notes=tuple(notes))


def _all(holder: Any, name: str, source: Source) -> Iterator[Any]:
    """The parts of a list of the file."""
    for place in range(getattr(holder, f"{name}Length")()):
        source.budget.step(10)
        yield getattr(holder, name)(place)


class _Operator(NamedTuple):
    """An operator: the numbers of its tensors, and its options."""

    code: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any


@dataclass(frozen=True)
class _Graph:
    """A graph: its operators, the names of its tensors, and those that the file holds."""

    operators: tuple[_Operator, ...]
    names: Mapping[int, str]
    held: Mapping[int, Stored]

    @classmethod
    def read(cls, model: Any, graph: Any, source: Source) -> _Graph:
        """A graph of a file."""
        names, held = {}, {}
        for place, tensor in enumerate(_all(graph, "Tensors", source)):
            name = (tensor.Name() or b"").decode("utf-8", "replace") or f"tensor_{place}"
            source.budget.made(len(name))
            names[place] = name
            stored = _stored(model, tensor, name, source)
            if stored is not None:
                held[place] = stored
        codes = [max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
                 for code in _all(model, "OperatorCodes", source)]  # fmt: skip
        made = tuple(
            _Operator(codes[own.OpcodeIndex()], tuple(_all(own, "Inputs", source)),
                      tuple(_all(own, "Outputs", source)), own.BuiltinOptions())
            for own in _all(graph, "Operators", source)
        )  # fmt: skip
        return cls(made, names, held)

    @cached_property
    def makers(self) -> dict[int, _Operator]:
        """Which operator makes a tensor."""
        return {out: own for own in self.operators for out in own.outputs}

    @cached_property
    def readers(self) -> dict[tuple[int, int], list[_Operator]]:
        """Which operators of a kind read a tensor."""
        found: dict[tuple[int, int], list[_Operator]] = {}
        for own in self.operators:
            for value in dict.fromkeys(own.inputs):
                found.setdefault((value, own.code), []).append(own)
        return found

    def only(self, value: int, code: int) -> _Operator | None:
        """The one operator of a kind that reads a tensor."""
        found = self.readers.get((value, code), ())
        return found[0] if len(found) == 1 else None

    def layers(self) -> Iterator[Layer]:
        """The recurrent layers, in the order of the graph."""
        own = [operator for operator in self.operators if operator.code == _LSTM]
        turned = {}
        for operator in own:
            maker = self.makers.get(operator.inputs[0])
            if maker is not None and maker.code == _REVERSE:
                turned[maker.inputs[0]] = operator
        backs = {id(one): back for one in own if (back := turned.get(one.inputs[0]))
                 and self._joined(one, back)}  # fmt: skip
        second = {id(back) for back in backs.values()}
        seen = set()
        for operator in self.operators:
            if operator.code == _LSTM and id(operator) not in second:
                yield self._layer(operator, backs.get(id(operator)))
            elif operator.code == _SPLIT and len(operator.outputs) == 4:
                layer = self._written_out(operator)
                if layer is not None and layer.parameters["weight_ih_l0"].stored not in seen:
                    seen.add(layer.parameters["weight_ih_l0"].stored)
                    yield layer

    def _joined(self, ahead: _Operator, back: _Operator) -> bool:
        """Whether two operators are the directions of a Bidirectional: the output of the one that
        reads what was turned round is turned back, and laid behind the other's."""
        turned = self.only(back.outputs[0], _REVERSE)
        laid = self.only(ahead.outputs[0], _CONCATENATION)
        return (turned is not None and laid is not None
                and laid.inputs == (ahead.outputs[0], *turned.outputs))  # fmt: skip

    def _layer(self, operator: _Operator, back: _Operator | None) -> Layer:
        """A layer that is an operator, or two."""
        import tflite

        options = tflite.UnidirectionalSequenceLSTMOptions()
        options.Init(operator.options.Bytes, operator.options.Pos)
        both = [operator, *([back] if back else [])]
        held = [{row: self._weight(own, place) for place, row in _rows().items()} for own in both]
        reasons = {words for own in both for place, words in _UNLIKE.items()
                   if self._weight(own, place) is not None}  # fmt: skip
        if options.FusedActivationFunction() != _FUSED_TANH:
            reasons.add("an activation that is not tanh")
        if options.ProjClip():
            reasons.add("a projection that is cut off")
        name, clip = self.names[operator.outputs[0]], options.CellClip()
        layer = _made(name, held, sorted(reasons), not options.TimeMajor())
        said = f"c is cut to ±{clip:g}, which torch does not do: the same where it stays within"
        return replace(layer, notes=(said, *layer.notes)) if clip else layer

    def _weight(self, operator: _Operator, place: int) -> Stored | None:
        value = operator.inputs[place] if place < len(operator.inputs) else -1
        maker = self.makers.get(value)
        if maker is not None and maker.code == _DEQUANTIZE:  # of 16 bits
            value = maker.inputs[0]
        return self.held.get(value)

    def _written_out(self, split: _Operator) -> Layer | None:
        """The LSTM of Keras whose gates i, f, c, o an operator cuts apart, None where it is none.

        c' = σ(f)·c + σ(i)·tanh(c), h' = σ(o)·tanh(c'), each step of which is looked for.
        """
        kinds = (_LOGISTIC, _LOGISTIC, _TANH, _LOGISTIC)
        gates = [self.only(value, kind) for value, kind in zip(split.outputs, kinds)]
        found = [gate.outputs[0] for gate in gates if gate is not None]
        if len(found) < 4:
            return None
        kept, new, out = (self.only(found[gate], _MUL) for gate in (1, 0, 3))
        total = None if kept is None else self.only(kept.outputs[0], _ADD)
        squashed = None if total is None else self.only(total.outputs[0], _TANH)
        if (
            kept is None or new is None or out is None or total is None or squashed is None
            or {*new.inputs} != {found[0], found[2]}
            or {*total.inputs} != {kept.outputs[0], new.outputs[0]}
            or {*out.inputs} != {found[3], squashed.outputs[0]}
        ):  # fmt: skip
            return None
        products: list[_Operator] = []
        biases: list[int] = []
        self._terms(split.inputs[-1], products, biases)
        (state,) = {*kept.inputs} - {found[1]} or {-1}
        like = self._made_by(state)
        back = [own for own in products if self._made_by(own.inputs[0]) == like]
        if len(products) != 2 or len(back) != 1:
            return None
        ahead = next(own for own in products if own is not back[0])
        weights = [self._weight(ahead, 1), self._weight(back[0], 1)]
        each: list[Stored | None] = [*weights, *(self.held.get(value) for value in biases)]
        if None in each or len(biases) > 2:
            return None
        kinds_of = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        held = {entry(kind, kind, (0, 1, 2, 3)): own for kind, own in zip(kinds_of, each)}
        name = _STEP.sub("", self.names[split.outputs[0]].rpartition(";")[2])
        layer = _made(name, [held], [], True)
        note = "no operator: its converter wrote the recurrence out, step by step or as a loop"
        return replace(layer, notes=(note, *layer.notes))

    def _terms(self, value: int, products: list[_Operator], biases: list[int]) -> None:
        """The products and the biases that a value is the sum of, as far as it is such a sum."""
        waiting = [value]
        for _ in range(_MOST_TERMS):  # a sum may stand in itself
            if not waiting:
                return
            value = waiting.pop()
            maker = self.makers.get(value)
            if maker is None:
                biases.append(value)
            elif maker.code == _DENSE:
                products.append(maker)
                biases += [place for place in maker.inputs[2:3] if place >= 0]
            elif maker.code in (_ADD, _RESHAPE):
                waiting += maker.inputs[: 1 + (maker.code == _ADD)]
            else:
                biases.append(-1)
        biases.append(-1)

    def _made_by(self, value: int) -> int | None:
        maker = self.makers.get(value)
        return None if maker is None else maker.code


_STEP = re.compile(r"/(while|\w*lstm_cell\w*|\w*PartitionedCall)(/.*)?\Z")


def _made(
    name: str, sides: list[dict[Entry, Stored | None]], reasons: list[str], batch_first: bool
) -> Layer:
    """A layer of weights at their places. Raises Damaged where they are missing."""
    given = [{row: own for row, own in side.items() if own is not None} for side in sides]
    first = {row.pieces[0]: own for row, own in given[0].items()}
    gates = next(row.pieces[0].gates for row in sides[0] if row.leaf != "projection")
    last = gates if len(gates) > 1 else (3,)
    wide, hidden = (first.get(Piece((kind,), last)) for kind in ("weight_ih", "weight_hh"))
    if wide is None or hidden is None or len(wide.shape) != 2:
        raise Damaged(f"{name}: a recurrent operator without its weights")
    project = first.get(Piece(("weight_hr",), (0,)))
    arguments: dict[str, Any] = {
        "cell": "lstm", "input_size": wide.shape[1], "hidden_size": wide.shape[0] // len(gates),
        "bias": Piece(("bias_ih",), last) in first, "bidirectional": len(sides) == 2,
        "dropout": 0.0, "batch_first": batch_first,
        "proj_size": project.shape[0] if project else 0,
    }  # fmt: skip
    if Piece(("weight_ih",), gates if len(gates) > 1 else (0,)) not in first:
        reasons = [*reasons, "an input gate coupled to the forget gate"]
    spec = Spec.from_dict(arguments)
    placed = [
        (Placed(own.name, spec, row, 0, (direction,)), own)
        for direction, side in zip(spec.directions, given)
        for row, own in side.items()
    ]
    shapes: Any = spec.parameters()
    for tensor, own in placed:
        (rows, *width), piece = shapes[tensor.sources[0]], tensor.entry.pieces[0]
        rows = rows // spec.gates * len(piece.gates) if piece.kinds[0] != "weight_hr" else rows
        if own.shape != (rows, *width):
            raise Damaged(f"{own.name}: of another shape than its operator needs")
    eight = any("int" in own.dtype for _, own in placed)
    notes = (_EIGHT_BITS,) * eight
    return Layer(name, arguments, laid_back(spec, placed), ", ".join(reasons), notes, "tflite")


def _stored(model: Any, tensor: Any, name: str, source: Source) -> Stored | None:
    """A tensor that the file holds, quantized numbers as those that they stand for; else None."""
    buffer, quantization = model.Buffers(tensor.Buffer()), tensor.Quantization()
    dtype, behind = _TYPES.get(tensor.Type(), ""), buffer.Offset() > 1  # behind the model
    shape = shape_of([int(size) for size in _all(tensor, "Shape", source)], name)
    size = math.prod(shape) * DTYPES.get(dtype, ("", 0))[1]
    if not size or size != (buffer.Size() if behind else buffer.DataLength()):
        return None
    scales, zeros, axis = (), (), 0
    if quantization is not None and quantization.ScaleLength():
        scales = tuple(_all(quantization, "Scale", source))
        zeros = tuple(_all(quantization, "ZeroPoint", source)) or (0,)
        axis = quantization.QuantizedDimension()

    def read() -> Any:
        import numpy as np

        data = source.part(buffer.Offset(), size) if behind else buffer.DataAsNumpy()
        array = array_of(data, dtype, shape)
        if not scales:
            return array
        along = [1] * len(shape)
        along[axis] = -1 if len(scales) > 1 else 1
        centred = array.astype("float32") - np.array(zeros, "float32").reshape(along)
        return centred * np.array(scales, "float32").reshape(along)

    return Stored(name, shape, dtype, read)
