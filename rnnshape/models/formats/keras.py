"""Keras's files: .keras, .weights.h5 and the older .h5, read with h5py (the extra `keras`)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from ...errors import UsageError
from ...network.constructor import GATES
from ...network.spec import Spec
from ..layouts.layout import Placed, laid_back
from ..layouts.tables import KERAS, RESET_BEFORE
from ..networks.frameworks import RESET_FIRST
from .hdf import Place, arrays, installed, listing
from .stored import Layer, Stored, TensorFile
from .zips import Archive

_MOST_CONFIG = 4 << 20
_PARTS = ("kernel", "recurrent_kernel", "bias")

Config = Mapping[str, Any]


def open_keras(archive: Archive) -> TensorFile:
    """A .keras archive: the layers' configuration, and the weights as HDF5."""
    config = archive.start("config.json", _MOST_CONFIG) if "config.json" in archive else b"{}"
    name = "model.weights.h5"
    window = archive.window(name)
    place = Place(archive.path, *window) if window else Place("", 0, 0, archive.read(name))
    return _open(archive.path, place, "keras", archive.size, _configs(config))


def open_hdf(path: str) -> TensorFile:
    """A .weights.h5, which has no configuration, or the .h5 of older Keras, which has one."""
    size = os.path.getsize(path)
    return _open(path, Place(path, 0, size), "keras (HDF5)", size, None)


def _open(
    path: str, place: Place, form: str, size: int, configs: dict[str, Config] | None
) -> TensorFile:
    if not installed():
        raise UsageError(
            f"weights: expected h5py, which reads Keras's {os.path.basename(path)!r}",
            got="no such package here",
            fix="pip install 'rnnshape[keras]'",
        )
    held = listing(place)
    together: dict[str, list[str]] = {}  # a tensor's name to those that are read with it
    kept: dict[str, Any] = {}
    tensors = {
        name: Stored(name, shape, dtype, _reader(place, name, together, kept))
        for name, (shape, dtype) in held.datasets.items()
    }
    known = _configs(held.config.encode()) if configs is None else configs
    layers = _layers(tensors, held.titles, known)
    for layer in layers:
        names = list(dict.fromkeys(n for t in layer.parameters.values() for n in t.stored))
        together |= dict.fromkeys(names, names)
    return TensorFile(path, form, size, tensors, layers=tuple(layers))


def _reader(
    place: Place, name: str, together: dict[str, list[str]], kept: dict[str, Any]
) -> Any:  # fmt: skip
    """Reads a tensor, and keeps those of its layer, which are asked for next."""

    def read() -> Any:
        if name not in kept:
            names = together.get(name, [name])
            found = dict(zip(names, arrays(place, names)))
            kept.clear()
            kept.update(found)
        return kept[name]

    return read


# ------------------------------------------------------------------------ the configuration


def _configs(text: bytes) -> dict[str, Config]:
    """A layer's name to its configuration, wherever it stands in the model's."""
    try:
        root = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    found: dict[str, Config] = {}
    waiting = [root]
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


def _cannot(cell: str, config: Config, both: bool) -> str:
    """Why torch has no such layer, or ''."""
    allowed = ("tanh", "relu") if cell == "rnn" else ("tanh",)
    if config.get("activation", "tanh") not in allowed:
        return f"its activation is {config['activation']!r}, torch's {cell} has {allowed[0]}"
    gate = config.get("recurrent_activation", "sigmoid")
    if cell != "rnn" and gate != "sigmoid":
        return f"its recurrent_activation is {gate!r}, torch's {cell} has sigmoid"
    if config.get("reset_after") is False:
        return RESET_FIRST
    if config.get("go_backwards") is True and not both:
        return "go_backwards=True: torch reads backwards only beside a forward direction"
    return ""


# ---------------------------------------------------------------------------- the layers


def _layers(
    tensors: Mapping[str, Stored], titles: Mapping[str, str], configs: Mapping[str, Config]
) -> list[Layer]:
    """The recurrent layers, in the order of the file; two directions of one are one layer."""
    cells: dict[str, list[Stored]] = {}
    for name, tensor in tensors.items():
        holder, _, last = name.rpartition("/")
        if holder.endswith("cell/vars") and last in ("0", "1", "2"):
            cells.setdefault(holder.removesuffix("/cell/vars"), []).append(tensor)
        elif last.removesuffix(":0") in _PARTS:
            cells.setdefault(holder, []).append(tensor)
    for held in cells.values():
        held.sort(key=_part)
    cells = {place: held for place, held in cells.items() if _recurrent(held)}
    return [layer for whole in _paired(cells) if (layer := _layer(whole, titles, configs))]


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
    whole: list[tuple[str, list[Stored]]], titles: Mapping[str, str], configs: Mapping[str, Config]
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
    cannot = _cannot(cell, config, both)
    reset_before = cell == "gru" and len(held) == 3 and len(held[2].shape) == 1
    if reset_before:
        cannot = cannot or RESET_FIRST
    if both and outer.get("merge_mode", "concat") != "concat":
        cannot = cannot or f"merge_mode={outer['merge_mode']!r}: torch joins the directions"
    arguments: dict[str, Any] = {
        "cell": cell, "input_size": held[0].shape[0], "hidden_size": hidden,
        "bias": len(held) == 3, "bidirectional": both, "batch_first": True, "dropout": 0.0,
    }  # fmt: skip
    notes = []
    if cell == "rnn" and config.get("activation") in ("tanh", "relu"):
        arguments["nonlinearity"] = config["activation"]
    if not config:
        notes.append("the file has no configuration: Keras's default activations are taken")
    if config.get("dropout"):
        notes.append("Keras's dropout acts on a layer's input, not between layers as torch's")
    spec = Spec.from_dict(arguments)
    rows = RESET_BEFORE if reset_before else KERAS.entries(spec)
    placed = [
        (Placed(tensor.name, spec, row, 0, (direction,)), tensor)
        for direction, (_, tensors) in zip(spec.directions, whole)
        for row, tensor in zip(rows, tensors)
    ]
    return Layer(name, arguments, laid_back(spec, placed), cannot, tuple(notes), "keras")


def _title(place: str, configs: Mapping[str, Config]) -> str:
    """A layer's name where the file has it only as a part of the path (the older .h5)."""
    parts = place.split("/")
    known = [part for part in parts if part in configs]
    return known[-1] if known else place
