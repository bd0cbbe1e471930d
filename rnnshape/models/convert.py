"""Weights from one framework's layout to another's, by way of torch's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ..errors import UsageError
from ..network.dims import Shape, json_shape
from ..network.spec import Spec
from ..numeric.feed import checked_weights
from .files import modules_of, open_file, read_weights, reading
from .formats.stored import Stored
from .layouts.layout import laid
from .networks.find import inferred, with_told
from .networks.frameworks import converted, layout_of, restored
from .onnx.file import placed, read_chain
from .onnx.run import chain_spec


class Row(NamedTuple):
    """A tensor of the result: what it is made from."""

    name: str
    shape: Shape
    rule: str
    made: str


@dataclass(frozen=True)
class Source:
    """A network as a file holds it: its layout's name, its parameters under torch's names.

    names: of its tensors in the file, none where they had to be guessed; left_out: the tensors of
    the file that are not part of it; tensors: those that `names` names; format: the file's.
    """

    framework: str
    spec: Spec
    weights: dict[str, Any]
    names: tuple[str, ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...] = ()
    tensors: tuple[Stored, ...] = ()
    format: str = ""


@dataclass(frozen=True)
class Conversion:
    """What a conversion gave: the tensors by name, and how each was made."""

    source: Source
    framework: str
    tensors: dict[str, Any]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    @property
    def spec(self) -> Spec:
        """The network."""
        return self.source.spec

    def to_dict(self, path: str, target: str) -> dict[str, Any]:
        """`rnnshape/convert/1`: from the file `path` to the file `target`."""
        return {
            "schema": "rnnshape/convert/1",
            "from": {"file": path, "framework": self.source.framework},
            "to": {"file": target, "framework": self.framework},
            "spec": self.spec.to_dict(),
            "tensors": [
                {"name": row.name, "shape": json_shape(row.shape), "rule": row.rule,
                 **({"from": row.made} if row.made else {})}
                for row in self.rows
            ],
            "left_out": list(self.source.left_out),
            "notes": [*self.notes, *self._unsaid(target)],
        }  # fmt: skip

    def _unsaid(self, target: str) -> list[str]:
        """What a file of arrays has no place for; an ONNX model holds its activations."""
        default, held = Spec(), target.lower().endswith(".onnx")
        names = [name for name in (*["nonlinearity"][held:], "batch_first", "dropout")
                 if getattr(self.spec, name) != getattr(default, name)]  # fmt: skip
        told = ", ".join(f"{name}={getattr(self.spec, name)!r}" for name in names)
        return [f"{target} does not say {told}: say so where it is read"] if told else []


def convert(source: Source, framework: str) -> Conversion:
    """The network's weights in `framework`'s layout. Raises UsageError where it has no such."""
    layout = layout_of(framework, "--to")
    if layout is not None and source.spec.single:
        source = _as_layer(source)
    spec = source.spec
    if layout is None:
        rows = [Row(p.name, p.shape, p.rule, "") for p in spec.parameter_list()]
        return Conversion(source, framework, dict(source.weights), tuple(rows), source.notes)
    tensors = converted(layout, spec, source.weights)
    rows = [Row(t.name, t.shape, t.rule, t.made) for t in layout.tensors(spec)]
    notes = [*source.notes, *layout.notes(spec)]
    return Conversion(source, framework, tensors, tuple(rows), tuple(notes))


def _as_layer(source: Source) -> Source:
    """A cell module as the layer that it is one step of, which the frameworks have."""
    spec = source.spec
    weights = {f"{name}_l0": array for name, array in source.weights.items()}
    note = f"nn.{spec.class_name} as a layer: the same step, taken at every t"
    return replace(source, spec=spec.layer, weights=weights, notes=(*source.notes, note))


def read_source(path: str, module: str | None = None, nonlinearity: str | None = None) -> Source:
    """The network in a file of any of the layouts. `nonlinearity` is that of an rnn.

    The layout is seen from names and shapes; of a file in none of them, what `read_weights` makes
    of it. Raises UsageError where no network is found, several are, or torch has no such network.
    """
    if os.path.splitext(path)[1].lower() == ".onnx":
        source = _onnx_source(path, module)
        if nonlinearity not in (None, source.spec.nonlinearity):
            raise UsageError(
                f"--nonlinearity: expected {source.spec.nonlinearity}, as the model says",
                got=str(nonlinearity), fix="leave out --nonlinearity",
            )  # fmt: skip
        return source
    file = open_file(path)
    tensors = {tensor.path: tensor for tensor in file.tensors.values()}
    notes: list[str] = []
    framework, names = "torch", _torch_names(tensors, module)
    if names:
        file.affordable(tensors[name] for name in names.values())
        with reading(path):
            weights = {own: tensors[name].read() for own, name in names.items()}
        arguments, used = dict(inferred(weights) or {}), list(names.values())
        if arguments:
            own, name = next(iter(names.items()))
            told = file.told.get(name.removesuffix(own).rstrip("."), {})
            arguments, _ = with_told(arguments, Spec.from_dict(arguments), told)
    else:
        with reading(path):
            read = restored(_below(tensors, module), module)
        if read is None:
            known = read_weights(path, module)
            arguments, used = known.arguments, []
            own_names = Spec.from_dict(arguments).parameters()
            weights = {name: known[name] for name in own_names if name in known}
        else:
            arguments, weights, used = read.arguments, read.weights, read.used
            framework = read.layout.name
            if framework == "keras" and arguments["cell"] == "gru" and not arguments["bias"]:
                notes.append("no bias to tell reset_after by: taken as True, which torch's GRU is")
    if nonlinearity is not None:
        arguments["nonlinearity"] = nonlinearity
    spec = Spec.from_dict(arguments)
    left = tuple(sorted(set(tensors) - set(used))) if used else ()
    return Source(
        framework, spec, checked_weights(spec, weights), tuple(used), left, tuple(notes),
        tuple(tensors[name] for name in used if name in tensors), file.format,
    )  # fmt: skip


def _torch_names(tensors: Mapping[str, Any], module: str | None) -> dict[str, str]:
    """torch's names of a network's parameters to those in the file; none where it has none."""
    modules = modules_of(tensors)
    if module is not None:
        modules = [name for name in modules if name == module.rstrip(".")]
    if len(modules) > 1:
        raise UsageError(
            f"--module: expected one of {', '.join(map(repr, modules))}",
            got="none, and several networks",
            fix=f"--module {modules[-1]}",
        )
    if not modules:
        return {}
    prefix = modules[0] + "." if modules[0] else ""
    own = {name[len(prefix) :]: name for name in tensors if name.startswith(prefix)}
    return {
        short: name
        for short, name in own.items()
        if "." not in short and short.startswith(("weight_", "bias_"))
    }


def _below(tensors: Mapping[str, Any], module: str | None) -> dict[str, Any]:
    """The tensors that have `module` in front of their names, or as a part of them."""
    if not module:
        return dict(tensors)
    part = f".{module.strip('./').replace('/', '.')}."
    return {n: t for n, t in tensors.items() if part in "." + n.replace("/", ".")}


def _onnx_source(path: str, module: str | None) -> Source:
    """A chain of operators. Raises UsageError for what torch does not compute."""
    chain = read_chain(path, module)
    spec = chain_spec(chain)
    for node in chain.nodes:
        if node.unlike_torch:
            raise UsageError(
                f"{node.title}: expected what torch.nn.{node.operator} computes",
                got=node.unlike_torch,
                fix="rnnshape run computes it as it is",
            )
    notes = [
        f"{node.title}: {name} is not a weight, and is left out"
        for node in chain.nodes
        for name in ("initial_h", "initial_c", "sequence_lens")
        if name in node.inputs and (name == "sequence_lens" or node.inputs[name].any())
    ]
    found = placed(chain)
    weights = checked_weights(spec, laid(spec, found))
    return Source("onnx", spec, weights, tuple(tensor.name for tensor, _ in found), (),
                  tuple(notes))  # fmt: skip
