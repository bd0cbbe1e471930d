"""An .onnx file of a network: one operator a layer, its output laid out for the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import UsageError
from ...network.spec import Spec
from .graph import onnx_package

MOST_BYTES = 2_000_000_000  # a message of protobuf has less than 2 GiB
_OPSET, _IR = 14, 8  # the first opset with `layout`; read by every onnxruntime of today


def onnx_bytes(spec: Spec, tensors: Mapping[str, Any]) -> bytes:
    """The model that computes output, hn (and cn) from input, with zero initial states.

    tensors: in ONNX's layout; input (T, N, I), output (T, N, D·H), hn and cn (D·L, N, H), T and N
    left open. Raises UsageError where the onnx package is missing, and where they are too many
    bytes for one message of protobuf.
    """
    onnx_package()
    from onnx import TensorProto, helper

    size = sum(array.nbytes for array in tensors.values())
    if size > MOST_BYTES:
        raise UsageError(
            f"OUT: expected at most {MOST_BYTES:,} bytes of weights in an .onnx file",
            got=f"{size:,}", fix="name it weights.safetensors",
        )  # fmt: skip
    kind = helper.np_dtype_to_tensor_dtype(next(iter(tensors.values())).dtype)
    joined = helper.make_tensor("joined", TensorProto.INT64, [3], [0, 0, -1])
    nodes, below = [], "input"
    finals: dict[str, list[str]] = {"hn": [], **({"cn": []} if spec.has_cell_state else {})}
    for layer in range(spec.num_layers):
        own = f"{spec.cell}_{layer}"
        last = layer == spec.num_layers - 1
        states = [f"{own}.Y_{name[0]}" for name in finals]
        for name, state in zip(finals, states):
            finals[name].append(state)
        bias = [f"{own}.B"] if f"{own}.B" in tensors else []
        nodes += [
            helper.make_node(
                spec.class_name, [below, f"{own}.W", f"{own}.R", *bias], [f"{own}.Y", *states],
                name=own, **_attributes(spec),
            ),
            helper.make_node("Transpose", [f"{own}.Y"], [f"{own}.turned"], perm=[0, 2, 1, 3]),
            helper.make_node(
                "Reshape", [f"{own}.turned", "joined"], ["output" if last else f"{own}.output"]
            ),
        ]  # fmt: skip
        below = f"{own}.output"
    nodes += [helper.make_node("Concat", names, [name], axis=0) for name, names in finals.items()]
    value: Any = helper.make_tensor_value_info
    rows = spec.num_layers * spec.num_directions
    outputs = [value("output", kind, ["T", "N", spec.output_size])]
    outputs += [value(name, kind, [rows, "N", spec.hidden_size]) for name in finals]
    graph = helper.make_graph(
        nodes, str(spec), [value("input", kind, ["T", "N", spec.input_size])], outputs, [joined]
    )
    model = helper.make_model(
        graph,
        producer_name="rnnshape",
        ir_version=_IR,
        opset_imports=[helper.make_opsetid("", _OPSET)],
    )
    for name, array in tensors.items():  # in their place at once: a graph is copied into its model
        model.graph.initializer.add(
            name=name, dims=array.shape, data_type=kind, raw_data=array.tobytes()
        )
    return bytes(model.SerializeToString())


def _attributes(spec: Spec) -> dict[str, Any]:
    attributes: dict[str, Any] = {"hidden_size": spec.hidden_size}
    if spec.bidirectional:
        attributes["direction"] = "bidirectional"
    if spec.cell == "gru":
        attributes["linear_before_reset"] = 1
    if spec.nonlinearity == "relu":
        attributes["activations"] = ["Relu"] * spec.num_directions
    return attributes
