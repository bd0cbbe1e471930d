"""Weights from one framework's layout to another's, by way of torch's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ..errors import UsageError, quoted
from ..network.dims import Shape
from ..network.spec import Spec
from ..numeric.feed import checked_weights
from .files import arrays_of, open_file, torchs
from .formats.stored import Stored
from .layouts.tables import converted, layout_of
from .networks.find import chosen, contents


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
    the file that are not part of it; tensors: its parameters as they lie there; format: the file's.
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

    def unsaid(self, target: str) -> list[str]:
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


def conversion(path: str, framework: str, module: str | None = None) -> str:
    """The command that converts a file, ready for a shell."""
    chosen_module = f" --module {quoted(module)}" if module is not None else ""
    target = "model.onnx" if framework == "onnx" else "weights.npz"
    return f"rnnshape convert {quoted(path)} {target} --to {framework}{chosen_module}"


def read_source(path: str, module: str | None = None, nonlinearity: str | None = None) -> Source:
    """The network of a file, in whatever layout. `nonlinearity` is that of an rnn.

    Raises UsageError where no network is found, several are, or torch has no such network.
    """
    file = open_file(path)
    network = torchs(file, chosen(contents(file), module))
    arguments = dict(network.arguments)
    if nonlinearity not in (None, arguments.get("nonlinearity", nonlinearity)):
        raise UsageError(
            f"--nonlinearity: expected {arguments['nonlinearity']}, as the file says",
            got=str(nonlinearity), fix="leave out --nonlinearity",
        )  # fmt: skip
    if nonlinearity is not None:
        arguments["nonlinearity"] = nonlinearity
    spec = Spec.from_dict(arguments)
    weights = checked_weights(spec, arrays_of(file, network.parameters))
    used = set(network.names)
    left = (held for held in file.tensors.values() if not used.intersection(held.stored))
    return Source(
        network.framework, spec, weights, () if network.guessed else network.names,
        tuple(sorted(tensor.path for tensor in left)), network.said,
        tuple(network.parameters.values()), file.format,
    )  # fmt: skip
