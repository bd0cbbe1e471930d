"""ONNX graphs: the operators RNN, LSTM and GRU, read with onnx (the extra `onnx`)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import UsageError
from .blocks import part, reordered
from .stored import Damaged, Layer, Stored, TensorFile, shape_of

# torch's gates, from where they stand in ONNX's: i o f c, and z r h
_ORDER = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}
_DEFAULT = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}
_BETWEEN = {"Transpose", "Reshape", "Squeeze", "Identity", "Dropout"}  # from Y to the next X
_TYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool",
    10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128",
    16: "bfloat16", 17: "float8_e4m3fn", 19: "float8_e5m2",
}  # fmt: skip


def open_onnx(path: str) -> TensorFile:
    """The initializers of a graph, and its recurrent nodes in torch's layout."""
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError:
        raise UsageError(
            f"weights: expected the onnx package, which reads {os.path.basename(path)!r}",
            got="no such package here",
            fix="pip install 'rnnshape[onnx]'",
        ) from None
    try:
        model = onnx.load_model(path, format="protobuf", load_external_data=False)
    except DecodeError as error:
        raise Damaged(f"no ONNX model: {error}") from None
    tensors: dict[str, Stored] = {}
    nodes: list[Any] = []
    for graph in _graphs(model.graph):
        nodes += graph.node
        for tensor in graph.initializer:
            tensors.setdefault(tensor.name, _stored(tensor.name, tensor, path))
        for node in graph.node:
            if node.op_type == "Constant" and node.output:
                for attribute in node.attribute:
                    if attribute.name == "value":
                        name = node.output[0]
                        tensors.setdefault(name, _stored(name, attribute.t, path))
    layers, notes = _layers(nodes, tensors)
    size = os.path.getsize(path)
    return TensorFile(path, "onnx", size, tensors, layers=tuple(layers), notes=tuple(notes))


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


# -------------------------------------------------------------------------------- the nodes


def _layers(nodes: list[Any], tensors: Mapping[str, Stored]) -> tuple[list[Layer], list[str]]:
    """Each recurrent node as a layer; those that read one another, as one stack."""
    maker = {output: node for node in nodes for output in node.output if output}
    stacks: list[tuple[list[Any], Layer]] = []
    notes = []
    for index, node in enumerate(n for n in nodes if n.op_type in _ORDER and not n.domain):
        name = node.name or next(filter(None, node.output), "") or f"{node.op_type}_{index}"
        if not isinstance(name, str):
            raise Damaged("a node whose name is no text")
        weights = [tensors.get(place) for place in list(node.input)[1:3]]
        if None in weights or any(len(t.shape) != 3 for t in weights if t):
            notes.append(f"{name}: a {node.op_type} whose weights are computed in the graph")
            continue
        layer = _layer(name, node, tensors)
        below = _source(node, maker)
        for held, stack in stacks:
            if below is not None and held[-1] is below and _continues(stack, layer):
                stacks.remove((held, stack))
                stacks.append(([*held, node], _above(stack, layer, len(held))))
                break
        else:
            stacks.append(([node], layer))
    return [layer for _, layer in stacks], notes


def _layer(name: str, node: Any, tensors: Mapping[str, Stored]) -> Layer:
    kind = node.op_type
    inputs = [*node.input, *[""] * 8]
    w, r = tensors[inputs[1]], tensors[inputs[2]]
    bias = tensors.get(inputs[3])
    attributes = {a.name: a for a in node.attribute}
    direction = attributes["direction"].s.decode() if "direction" in attributes else "forward"
    directions, rows, wide = w.shape
    gates = len(_ORDER[kind])
    hidden = r.shape[2]
    if r.shape != (directions, rows, hidden) or rows != gates * hidden or directions not in (1, 2):
        raise Damaged(f"{name}: W {list(w.shape)} and R {list(r.shape)} that fit no {kind}")
    if bias is not None and bias.shape != (directions, 2 * rows):
        raise Damaged(f"{name}: B {list(bias.shape)}, not {[directions, 2 * rows]}")
    named = attributes.get("activations")
    activations = [text.decode() for text in named.strings] if named is not None else []
    arguments: dict[str, Any] = {
        "cell": kind.lower(), "input_size": wide, "hidden_size": hidden, "bias": bias is not None,
        "bidirectional": direction == "bidirectional", "dropout": 0.0,
        "batch_first": "layout" in attributes and attributes["layout"].i == 1,
    }  # fmt: skip
    if kind == "RNN":
        relu = [word.lower() for word in activations] == ["relu"] * directions
        arguments["nonlinearity"] = "relu" if relu else "tanh"
    parameters: dict[str, Stored] = {}
    for index, end in enumerate(("", "_reverse")[:directions]):
        parts = [("weight_ih", w, 0, rows), ("weight_hh", r, 0, rows)]
        if bias is not None:
            parts += [("bias_ih", bias, 0, rows), ("bias_hh", bias, rows, 2 * rows)]
        for what, tensor, first, last in parts:
            slot = f"{what}_l0{end}"
            cut = part(tensor, index, first, last, slot)
            parameters[slot] = reordered(cut, _ORDER[kind], slot)
    cannot = _cannot(kind, attributes, activations, direction, bool(inputs[7]), directions)
    return Layer(name, arguments, parameters, cannot)


def _cannot(
    kind: str, attributes: Mapping[str, Any], activations: list[str], direction: str,
    peepholes: bool, directions: int,
) -> str:  # fmt: skip
    """Why torch has no such layer, or ''."""
    usual = _DEFAULT[kind] * directions
    lower = [word.lower() for word in activations]
    relu = kind == "RNN" and lower == ["relu"] * directions
    if activations and lower != [word.lower() for word in usual] and not relu:
        return f"its activations are {', '.join(activations)}"
    if direction == "reverse":
        return "direction=reverse: torch reads backwards only beside a forward direction"
    if kind == "GRU" and ("linear_before_reset" not in attributes
                          or not attributes["linear_before_reset"].i):  # fmt: skip
        return "linear_before_reset=0: it applies the reset gate before the product with R"
    if peepholes:
        return "it has peepholes (P)"
    if "clip" in attributes:
        return "it clips what enters the activations"
    if "input_forget" in attributes and attributes["input_forget"].i:
        return "input_forget=1: it couples the input and the forget gate"
    return ""


def _source(node: Any, maker: Mapping[str, Any]) -> Any:
    """The recurrent node whose Y a node reads, through what only moves axes; else None."""
    place = node.input[0] if node.input else ""
    for _ in range(8):
        below = maker.get(place)
        if below is None:
            return None
        if below.op_type in _ORDER:
            return below if below.output and below.output[0] == place else None
        if below.op_type not in _BETWEEN or not below.input:
            return None
        moved = [list(a.ints) for a in below.attribute if a.name == "perm"]
        if below.op_type == "Transpose" and moved not in ([[0, 2, 1, 3]],):
            return None
        place = below.input[0]
    return None


def _continues(stack: Layer, layer: Layer) -> bool:
    """Whether a layer is what torch would build above a stack."""
    below, above = stack.arguments, layer.arguments
    same = ("cell", "hidden_size", "bias", "bidirectional", "batch_first")
    wide = below["hidden_size"] * (2 if below["bidirectional"] else 1)
    return (
        not stack.cannot and not layer.cannot
        and not below["batch_first"]
        and all(below[name] == above[name] for name in same)
        and below.get("nonlinearity") == above.get("nonlinearity")
        and above["input_size"] == wide
    )  # fmt: skip


def _above(stack: Layer, layer: Layer, level: int) -> Layer:
    """A stack with one layer more."""
    renamed = {name.replace("_l0", f"_l{level}"): t for name, t in layer.parameters.items()}
    return Layer(
        stack.name,
        {**stack.arguments, "num_layers": level + 1},
        {**stack.parameters, **renamed},
        notes=(f"{level + 1} nodes, each of which reads the one before, are its layers",),
    )
