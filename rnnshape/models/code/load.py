"""What the code for Keras, Flax and Equinox has in common: weights by name, as NumPy arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...network.spec import Spec
from ..layouts.layout import Layout

if TYPE_CHECKING:
    from .write import Loaded


def load_imports(loaded: Loaded | None) -> Iterator[str]:
    """What opening the file needs beside numpy."""
    if loaded is not None and loaded.form == "safetensors":
        yield "from safetensors.numpy import load_file"


def tensor_lines(spec: Spec, layout: Layout, loaded: Loaded) -> Iterator[str]:
    """`tensors`: the framework's names to arrays, made from torch's where the file has those."""
    opened = "load_file" if loaded.form == "safetensors" else "np.load"
    if not loaded.torch:
        yield f"tensors = {opened}({loaded.path!a})"
        return
    placed = layout.tensors(spec)
    expressions = [tensor.expression() for tensor in placed]
    yield f"weights = {opened}({loaded.path!a})"
    yield ""
    yield ""
    yield "def w(name):"
    yield '    """A tensor of torch\'s."""'
    yield f"    return weights[{loaded.prefix!a} + name]" if loaded.prefix else (
        "    return weights[name]")  # fmt: skip
    yield ""
    yield ""
    if any("gates(" in expression for expression in expressions):
        yield "def gates(name, *order):"
        yield '    """Gates of a tensor of torch\'s, in another order."""'
        yield f"    blocks = np.split(w(name), {spec.gates})"
        yield "    return np.concatenate([blocks[gate] for gate in order])"
        yield ""
        yield ""
    yield "tensors = {"
    for tensor, expression in zip(placed, expressions):
        zeros = tensor.entry.is_bias and not spec.bias  # where the framework's bias has no source
        line = f"np.zeros({tensor.shape[0]})" if zeros else expression
        yield f'    "{tensor.name}": {line},'
    yield "}"
