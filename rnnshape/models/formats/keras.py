"""Keras's files: .keras, .weights.h5 and the older .h5, read with h5py (the extra `keras`)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...errors import UsageError
from ...network.constructor import GATES
from ...network.spec import Spec
from ..layouts.layout import Placed, laid_back, laid_out
from ..layouts.tables import KERAS, ONNX, RESET_BEFORE
from ..networks.frameworks import RESET_FIRST
from ..networks.names import optimisers
from ..onnx.graph import Chain
from ..onnx.node import Node
from .hdf import arrays, installed, listing
from .source import Source
from .stored import Layer, Stored, TensorFile
from .zips import Archive

_MOST_CONFIG = 4 << 20
_PARTS = ("kernel", "recurrent_kernel", "bias")

Config = Mapping[str, Any]


def open_keras(archive: Archive) -> TensorFile:
    """A .keras archive: the layers' configuration, and the weights as HDF5."""
    config = archive.start("config.json", _MOST_CONFIG) if "config.json" in archive else b"{}"
    about = archive.start("metadata.json", 1 << 16) if "metadata.json" in archive else b"{}"
    told = _json(about)
    version = told.get("keras_version") if isinstance(told, dict) else None
    file = _open(archive.entry("model.weights.h5"), "keras", _configs(config),
                 version if isinstance(version, str) else "3.")  # fmt: skip
    return replace(file, source=archive.source)


def open_hdf(source: Source) -> TensorFile:
    """A .weights.h5, which has no configuration, or the .h5 of older Keras, which has one."""
    return _open(source, "keras (HDF5)", None)


def _open(
    source: Source, form: str, configs: dict[str, Config] | None, version: str = ""
) -> TensorFile:
    if not installed():
        raise UsageError(
            f"weights: expected h5py, which reads Keras's {os.path.basename(source.path)!r}",
            got="no such package here",
            fix="pip install 'rnnshape[keras]'",
        )
    held = listing(source)
    together: dict[str, list[str]] = {}  # a tensor's name to those that are read with it
    kept: dict[str, Any] = {}
    tensors = {
        name: Stored(name, shape, dtype, _reader(source, name, together, kept))
        for name, (shape, dtype) in held.datasets.items()
    }
    known = _configs(held.config.encode()) if configs is None else configs
    known = known or _beside(source.path)
    layers = _layers(tensors, held.titles, known, version or held.version)
    for layer in layers:
        names = list(dict.fromkeys(n for t in layer.parameters.values() for n in t.stored))
        together |= dict.fromkeys(names, names)
    return TensorFile(source, form, tensors, layers=tuple(layers))


def _reader(
    source: Source, name: str, together: dict[str, list[str]], kept: dict[str, Any]
) -> Any:  # fmt: skip
    """Reads a tensor, and keeps those of its layer, which are asked for next."""

    def read() -> Any:
        if name not in kept:
            names = together.get(name, [name])
            found = dict(zip(names, arrays(source, names)))
            kept.clear()
            kept.update(found)
        return kept[name]

    return read


# ------------------------------------------------------------------------ the configuration


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return {}


def _beside(path: str) -> dict[str, Config]:
    """The configuration that lies beside a file of weights alone, as model.to_json() writes it."""
    stem = os.path.splitext(path)[0].removesuffix(".weights").removesuffix("_weights")
    folder = os.path.dirname(path)
    near = [os.path.join(folder, name) for name in ("model.json", "config.json")]
    for name in (f"{stem}.json", f"{stem}_config.json", *near):
        if os.path.isfile(name) and os.path.getsize(name) <= _MOST_CONFIG:
            with open(name, "rb") as file:
                found = _configs(file.read())
            if found:
                return found
    return {}


def _configs(text: bytes) -> dict[str, Config]:
    """A layer's name to its configuration, wherever it stands in the model's."""
    found: dict[str, Config] = {}
    waiting = [_json(text)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, dict):
            config = node.get("config")
            if isinstance(config, dict) and isinstance(config.get("name"), str):
                found.setdefault(config["name"], {**config, "class_name": node.get("class_name")})
            waiting.extend(node.values())
    return found


# Keras's activation to ONNX's, with its alpha and beta
_ACTIVATIONS: dict[str, tuple[str, tuple[float, ...]]] = {
    "tanh": ("Tanh", ()), "sigmoid": ("Sigmoid", ()), "relu": ("Relu", ()),
    "linear": ("Affine", (1.0, 0.0)), "elu": ("Elu", (1.0,)), "softsign": ("Softsign", ()),
    "softplus": ("Softplus", ()),
}  # fmt: skip
# x/5 + 1/2 before Keras 3, x/6 + 1/2 since, cut to 0 and 1
_HARD = {False: ("HardSigmoid", (0.2, 0.5)), True: ("HardSigmoid", (1 / 6, 0.5))}


@dataclass(frozen=True)
class _Equations:
    """What a layer computes, as its configuration tells, and where torch's layer differs."""

    cell: str
    activations: tuple[str, ...]  # the gates', and the state's or candidate's
    reset_first: bool
    backwards: bool
    merge: str
    three: bool  # Keras 3
    open: tuple[str, ...] = ()  # what no operator says

    @property
    def unlike_torch(self) -> str:
        """Everything that stands in the way of torch, or ''."""
        gate, state = self.activations[0], self.activations[-1]
        allowed = ("tanh", "relu") if self.cell == "rnn" else ("tanh",)
        reasons = (
            (state not in allowed,
             f"its activation is {state!r}, torch's {self.cell} has {allowed[0]}"),
            (self.cell != "rnn" and gate != "sigmoid",
             f"its recurrent_activation is {gate!r}, torch's {self.cell} has sigmoid"),
            (self.reset_first, RESET_FIRST),
            (self.backwards, "go_backwards=True: torch reads backwards only beside a forward "
             "direction"),
            (self.merge != "concat", f"merge_mode={self.merge!r}: torch joins the directions"),
        )  # fmt: skip
        return "; ".join([*(words for fault, words in reasons if fault), *self.open])

    def chain(self, spec: Spec, parameters: Mapping[str, Stored], name: str) -> Chain | None:
        """The operator of ONNX that computes the same, None where there is none."""
        known = {**_ACTIVATIONS, "hard_sigmoid": _HARD[self.three]}
        merge = "concat" if self.merge == "None" else self.merge
        if self.open or not known.keys() >= {*self.activations} or merge not in _MERGED:
            return None
        functions = [known[own] for own in self.activations]
        functions += functions[1:] if self.cell == "lstm" else []  # of the candidate and of c
        functions *= spec.num_directions
        attributes: dict[str, Any] = {
            "hidden_size": spec.hidden_size, "activations": [own for own, _ in functions],
            "activation_alpha": [numbers[0] for _, numbers in functions if numbers],
            "activation_beta": [numbers[1] for _, numbers in functions if numbers[1:]],
            "direction": "bidirectional" if spec.bidirectional else
            "reverse" if self.backwards else "forward",
        }  # fmt: skip
        if self.cell == "gru":
            attributes["linear_before_reset"] = int(not self.reset_first)
        inputs = laid_out(ONNX, spec, parameters)
        node = Node(spec.cell.upper(), name, attributes, inputs)
        return Chain((node,), True, (), "Keras", merge, self.backwards)


_MERGED = ("concat", "sum", "mul", "ave")


def _equations(cell: str, outer: Config, config: Config, both: bool, version: str) -> _Equations:
    """What a layer's configuration says, Keras's defaults where it says nothing."""
    old = version.startswith(("1.", "2.0", "2.1.", "2.2."))  # before 2.3
    gate = config.get("recurrent_activation", config.get("inner_activation"))
    gate = gate or ("hard_sigmoid" if old else "sigmoid")
    state = config.get("activation") or "tanh"
    words = [own if isinstance(own, str) else "one of its own" for own in (gate, state)]
    backwards = config.get("go_backwards") is True
    open_ = ["a backward_layer of its own"] if outer.get("backward_layer") and not _twins(
        config, outer["backward_layer"]) else []  # fmt: skip
    if both and backwards:
        open_.append("go_backwards=True of both directions")
    return _Equations(
        cell, tuple(words[cell == "rnn" :]), cell == "gru" and config.get("reset_after") is False,
        backwards and not both, str(outer.get("merge_mode", "concat")) if both else "concat",
        version.startswith("3."), tuple(open_),
    )  # fmt: skip


def _twins(config: Config, backward: Any) -> bool:
    """Whether the two directions of a layer compute the same."""
    other = backward.get("config") if isinstance(backward, dict) else None
    names = ("activation", "recurrent_activation", "reset_after", "use_bias")
    return isinstance(other, dict) and all(config.get(n) == other.get(n) for n in names)


# ---------------------------------------------------------------------------- the layers


def _layers(
    tensors: Mapping[str, Stored],
    titles: Mapping[str, str],
    configs: Mapping[str, Config],
    version: str,
) -> list[Layer]:
    """The recurrent layers, in the order of the file; two directions of one are one layer."""
    cells: dict[str, list[Stored]] = {}
    for name, tensor in tensors.items():
        holder, _, last = name.rpartition("/")
        if optimisers(tensor):
            continue
        if holder.endswith("cell/vars") and last in ("0", "1", "2"):
            cells.setdefault(holder.removesuffix("/cell/vars"), []).append(tensor)
        elif last.removesuffix(":0") in _PARTS:
            cells.setdefault(holder, []).append(tensor)
    for held in cells.values():
        held.sort(key=_part)
    cells = {place: held for place, held in cells.items() if _recurrent(held)}
    made = (_layer(whole, titles, configs, version) for whole in _paired(cells))
    return [layer for layer in made if layer is not None]


def _part(tensor: Stored) -> int:
    last = tensor.name.rpartition("/")[2].removesuffix(":0")
    return _PARTS.index(last) if last in _PARTS else int(last)


def _recurrent(held: list[Stored]) -> bool:
    """Whether two or three tensors have the shapes of kernel, recurrent_kernel and bias."""
    if len(held) not in (2, 3) or any(len(t.shape) != 2 or 0 in t.shape for t in held[:2]):
        return False
    (_, wide), (hidden, wide_again) = held[0].shape, held[1].shape
    gates = wide // hidden
    fits = wide == wide_again and wide % hidden == 0 and gates in GATES.values()
    return fits and (len(held) == 2 or held[2].shape in ((wide,), (2, wide)))


def _paired(cells: dict[str, list[Stored]]) -> list[list[tuple[str, list[Stored]]]]:
    """Forward and backward of a Bidirectional together, each other layer alone."""
    pairs: dict[str, list[tuple[str, list[Stored]]]] = {}
    for place, held in cells.items():
        above, key = place, ""
        for part in place.split("/"):
            side = next((s for s in ("forward", "backward") if part.startswith(s + "_")), "")
            if side:
                above, key = place.partition(f"/{part}")[0], side
        pairs.setdefault(above if key else place, []).append((key, held))
    for whole in pairs.values():
        whole.sort(key=lambda pair: pair[0] != "forward")
    return [[(place, held) for _, held in whole] for place, whole in pairs.items()]


def _layer(
    whole: list[tuple[str, list[Stored]]],
    titles: Mapping[str, str],
    configs: Mapping[str, Config],
    version: str,
) -> Layer | None:
    place, held = whole[0]
    both = len(whole) == 2
    if len({tuple(t.shape for t in held) for _, held in whole}) > 1:
        return None
    hidden, gates = held[1].shape[0], held[1].shape[1] // held[1].shape[0]
    cell = next(name for name, count in GATES.items() if count == gates)
    name = titles.get(place) or _title(place, configs)
    outer = configs.get(name, {})
    inner: Any = outer.get("layer") if both else None
    config = inner.get("config", {}) if isinstance(inner, dict) else outer
    equations = _equations(cell, outer, config, both, version)
    if cell == "gru" and len(held) == 3:
        equations = replace(equations, reset_first=len(held[2].shape) == 1)
    arguments: dict[str, Any] = {
        "cell": cell, "input_size": held[0].shape[0], "hidden_size": hidden,
        "bias": len(held) == 3, "bidirectional": both, "dropout": 0.0,
        "batch_first": config.get("time_major") is not True,
    }  # fmt: skip
    notes = []
    if cell == "rnn" and config.get("activation") in ("tanh", "relu"):
        arguments["nonlinearity"] = config["activation"]
    if not config:
        words, known = ", ".join(equations.activations), version or "since 2.3"
        notes.append(f"the file has no configuration: Keras {known} has by default {words}")
    elif config.get("return_sequences") is False:
        notes.append("return_sequences=False: Keras gives the last step of output alone")
    if equations.merge == "None":
        notes.append("merge_mode=None: Keras gives the two halves of output as two")
    if config.get("stateful") is True:
        notes.append("stateful=True: Keras begins where the batch before ended")
    if config.get("dropout"):
        notes.append("Keras's dropout acts on a layer's input, not between layers as torch's")
    spec = Spec.from_dict(arguments)
    reset_first = equations.reset_first and len(held) == 3
    rows = RESET_BEFORE if reset_first else KERAS.entries(spec)
    placed = [
        (Placed(tensor.name, spec, row, 0, (direction,)), tensor)
        for direction, (_, tensors) in zip(spec.directions, whole)
        for row, tensor in zip(rows, tensors)
    ]
    parameters, cannot = laid_back(spec, placed), equations.unlike_torch
    chain = equations.chain(spec, parameters, name) if cannot else None
    return Layer(name, arguments, parameters, cannot, tuple(notes), "keras", chain)


def _title(place: str, configs: Mapping[str, Config]) -> str:
    """A layer's name where the file has it only as a part of the path (the older .h5)."""
    parts = place.split("/")
    known = [part for part in parts if part in configs]
    return known[-1] if known else place
