"""What ONNX's operators computed, as a person reads it and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...network.dims import write_shape
from ...network.spec import Spec
from ..document import array_json
from ..notation import kind_of
from ..screen import Line, text, visible
from ..values import array_lines

Nodes = Sequence[Mapping[str, Any]]

_OWN = {"Y": "output, its directions apart", "Y_h": "the last rows of hn",
        "Y_c": "the last rows of cn"}  # fmt: skip
_AXES = {"Y": ("(T, D, N, H)", "(N, T, D, H)"), "Y_h": ("(D, N, H)", "(N, D, H)"),
         "Y_c": ("(D, N, H)", "(N, D, H)")}  # fmt: skip


def onnx_text(nodes: Nodes, turned: bool, x: Any, arrays: Mapping[str, Any]) -> Iterator[Line]:
    """The operators, then every tensor with its shape and values; turned: the file puts N first."""
    for node in nodes:
        yield [(f"ONNX {node['operator']}", "title"), (f"  {visible(node['name'])}", "")]
        told = ", ".join(f"{name}={value}" for name, value in node["attributes"].items())
        yield text(f"  {visible(told) or 'no attributes'}", "note")
    if turned:
        yield text("  the file turns its input (N, T, I) into (T, N, I), and output back", "note")
    layout = nodes[-1]["attributes"].get("layout", 0)
    for name, array in {"input": x, **arrays}.items():
        yield []
        about = f"  {_AXES[name][layout]}: {_OWN[name]}" if name in _OWN else ""
        yield [(name, kind_of(name)), (f"  {write_shape(array.shape)}", ""), (about, "note")]
        if name not in _OWN:
            yield from array_lines(array)


def onnx_document(nodes: Nodes, spec: Spec, x: Any, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """`rnnshape/run/1`, with the operators and Y, Y_h and Y_c beside what torch would give."""
    shapes = {"input": list(x.shape)}
    for name in ("hn", "cn"):
        if name in arrays:
            shapes[name[0] + "0"] = list(arrays[name].shape)
    for name in ("output", "hn", "cn"):
        if name in arrays:
            shapes[name] = list(arrays[name].shape)
    return {
        "schema": "rnnshape/run/1",
        "spec": spec.to_dict(),
        "dtype": str(arrays["output"].dtype),
        "tensors": shapes,
        "onnx": list(nodes),
        **{name: array_json(array) for name, array in arrays.items()},
    }
