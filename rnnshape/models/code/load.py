"""What the code of several frameworks has in common: templates, and weights by name as arrays."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from ...network.spec import Spec
from ..layouts.layout import Layout

if TYPE_CHECKING:
    from .write import Loaded


_TEMPLATES = Path(__file__).parent / "templates"
_PART = re.compile(r"( *)\$(\w+)")


def filled(template: str, **parts: str | Iterable[str]) -> Iterator[str]:
    """The lines of a template with words in the place of each $name, or lines, as far in as it."""
    for line in (_TEMPLATES / f"{template}.txt").read_text(encoding="utf-8").splitlines():
        part = _PART.fullmatch(line)
        lines = parts[part[2]] if part else ""
        if part is None or isinstance(lines, str):
            yield Template(line).substitute(parts)
        else:
            yield from ((part[1] + one).rstrip() for one in lines)


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
