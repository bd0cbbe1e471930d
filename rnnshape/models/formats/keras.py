"""Keras's files: .keras, .weights.h5 and the older .h5, read with h5py (the extra `keras`)."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ...network.constructor import GATES
from ...network.spec import Spec
from ..layouts.layout import Placed, laid_back, laid_out
from ..layouts.tables import KERAS, ONNX, RESET_BEFORE
from ..networks.frameworks import BACKWARDS, RESET_FIRST
from ..networks.names import optimisers
from ..onnx.graph import Chain
from ..onnx.node import Node
from .hdf import arrays, installed, listing
from .source import Source
from .stored import Layer, Stored, TensorFile, package_missing
from .zips import Archive

_MOST_CONFIG, _MOST_YAML = 4 << 20, 1 << 18  # bytes; YAML is parsed slowly
_SIDE = re.compile(r"(?:\A|/)(forward_|backward_|(?:fw|bw)(?=/))")  # of Keras, of TensorFlow
_OF_KERAS_3 = re.compile(r"/(cell|cells/[^/]+)/vars\Z")
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])")  # SimpleRNN is simple_rnn
_DEFAULT_CELL = re.compile(r"/(stacked_rnn_cells|(lstm|gru|simple_rnn)_cell)(_\d+)?\Z")
_PARTS = ("kernel", "recurrent_kernel", "bias")

_TOGETHER = "of StackedRNNCells, which step together, each reading the state of the one below"

Config = Mapping[str, Any]


def open_keras(archive: Archive) -> TensorFile:
    """A .keras archive: the layers' configuration, and the weights as HDF5."""
    config = archive.start("config.json", _MOST_CONFIG) if "config.json" in archive else b"{}"
    about = archive.start("metadata.json", 1 << 16) if "metadata.json" in archive else b"{}"
    told = parsed(about)
    version = told.get("keras_version") if isinstance(told, dict) else None
    file = _open(archive.entry("model.weights.h5"), "keras", parsed(config),
                 version if isinstance(version, str) else "3.")  # fmt: skip
    return replace(file, source=archive.source)


def open_hdf(source: Source) -> TensorFile:
    """A .weights.h5, which has no configuration, or the .h5 of older Keras, which has one."""
    return _open(source, "keras (HDF5)", None)


def _open(source: Source, form: str, model: Any, version: str = "") -> TensorFile:
    if not installed():
        name = os.path.basename(source.path)
        raise package_missing("h5py", "keras", f"reads Keras's {name!r}")
    held = listing(source)
    together: dict[str, list[str]] = {}  # a tensor's name to those that are read with it
    kept: dict[str, Any] = {}
    tensors = {
        name: Stored(name, shape, dtype, _reader(source, name, together, kept))
        for name, (shape, dtype) in held.datasets.items()
    }
    model = parsed(held.config.encode()) if model is None else model
    model = model if configs_of(model) else _beside(source.path)
    numbered = next(
        (name for name in tensors if "/vars/" in name), ""
    )  # else the names are Keras's
    known, titles = configs_of(model), held.titles or _titles(model, numbered)
    places = {name: place for place, name in enumerate(known)}

    def place(name: str) -> int:
        parts = _chain(name.rpartition("/")[0].removesuffix("/vars"), titles).split("/")
        return min((places[part] for part in parts if part in places), default=len(places))

    tensors = {name: tensors[name] for name in sorted(tensors, key=place)}
    layers = layers_of(cells_of(tensors.values()), known, version or held.version, titles)
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


def parsed(text: bytes, name: str = "config.json") -> Any:
    """What a configuration says, {} where it is none. Of YAML's tags none is made an object."""
    try:
        if name.endswith(".json"):
            return json.loads(text)
        import yaml

        # tuples as lists, objects as dicts; merges of merges grow without end before PyYAML 6.0.4
        left = {"flatten_mapping": lambda *_: None}
        Plain: Any = type("Plain", (yaml.SafeLoader,), left)

        def made(loader: Any, tag: str, node: Any) -> Any:
            if isinstance(node, yaml.ScalarNode):
                return loader.construct_scalar(node)
            pairs = isinstance(node, yaml.MappingNode)
            construct = loader.construct_mapping if pairs else loader.construct_sequence
            return construct(node, deep=True)

        Plain.add_multi_constructor("", made)
        return yaml.load(text, Plain)
    except (ImportError, ValueError, RecursionError, TypeError):
        return {}
    except Exception as error:  # yaml's own, which is no ValueError
        if type(error).__module__.startswith("yaml"):
            return {}
        raise


def _beside(path: str) -> Any:
    """The configuration that lies beside a file of weights alone, as model.to_json() and the older
    model.to_yaml() write it."""
    stem = os.path.splitext(path)[0].removesuffix(".weights").removesuffix("_weights")
    folder = os.path.dirname(path)
    near = [os.path.join(folder, name) for name in ("model", "config")]
    for ending, most in ((".json", _MOST_CONFIG), (".yaml", _MOST_YAML), (".yml", _MOST_YAML)):
        for name in (stem + ending, f"{stem}_config{ending}", *(own + ending for own in near)):
            if os.path.isfile(name) and os.path.getsize(name) <= most:
                with open(name, "rb") as file:
                    model = parsed(file.read(), name)
                if configs_of(model):
                    return model
    return {}


def _titles(model: Any, path: str) -> dict[str, str]:
    """The names of the layers at places that are called by class and number alone, as Keras 2.12
    to 2.15 calls them: layers/lstm, layers/lstm_1. path: the beginning of such a place."""
    config = model.get("config") if isinstance(model, dict) else None
    layers = config.get("layers") if isinstance(config, dict) else None
    counts: Counter[str] = Counter()
    found = {}
    for layer in layers if isinstance(layers, list) else ():
        kind = _WORD.sub("_", str(layer.get("class_name"))).lower()
        place = f"{path.partition('/')[0]}/{kind}" + f"_{counts[kind]}" * bool(counts[kind])
        counts[kind] += 1
        found[place] = str(layer["config"]["name"])
        within = _titles(layer, f"{path.partition('/')[0]}/")
        found |= {f"{place}/{inner}": title for inner, title in within.items()}
    return found


def configs_of(model: Any) -> dict[str, Config]:
    """A layer's name to its configuration, wherever it stands in the model's, in its order."""
    found: dict[str, Config] = {}
    waiting, seen = [model], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen or not isinstance(node, list | dict):
            continue
        seen.add(id(node))  # YAML's anchors make a part stand in many places
        if isinstance(node, list):
            waiting.extend(reversed(node))
        else:
            config = node.get("config")
            if isinstance(config, dict) and isinstance(config.get("name"), str):
                found.setdefault(config["name"], {**config, "class_name": node.get("class_name")})
            waiting.extend(reversed(node.values()))
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
            (self.backwards, BACKWARDS),
            (self.merge != "concat", f"merge_mode={self.merge!r}: torch joins the directions"),
        )  # fmt: skip
        return "; ".join([*(words for fault, words in reasons if fault), *self.open])

    def chain(
        self, spec: Spec, parameters: Mapping[str, Stored], name: str, turned: bool
    ) -> Chain | None:
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
        return Chain((node,), True, (), "Keras", merge, turned)


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


Cells = dict[str, list[Stored]]  # a place to its kernel, recurrent_kernel and bias, if any


def cells_of(tensors: Iterable[Stored]) -> Cells:
    """The tensors of each place that has them in the shapes of a recurrent layer."""
    cells: Cells = {}
    for tensor in tensors:
        holder, _, last = tensor.path.rpartition("/")
        if optimisers(tensor):
            continue
        if _OF_KERAS_3.search(holder) and last in ("0", "1", "2"):
            cells.setdefault(holder.removesuffix("/vars"), []).append(tensor)
        elif last.removesuffix(":0") in _PARTS:
            cells.setdefault(holder, []).append(tensor)
    for held in cells.values():
        held.sort(key=_part)
    return {place: held for place, held in cells.items() if _recurrent(held)}


def layers_of(
    cells: Cells, configs: Mapping[str, Config], version: str, titles: Mapping[str, str]
) -> list[Layer]:
    """The recurrent layers, in the order of the file; two directions of one are one layer.

    titles: the names that Keras gave to places.
    """
    named: Cells = {}
    for place, held in cells.items():
        chain = _chain(place, titles)
        named[place if chain in named else chain] = held
    layers: list[Layer] = []
    for whole in _paired(named, configs):
        layer = _layer(whole, configs, version)
        above = _above(layers[-1], layer) if layers and _stack(whole.place, configs) else None
        layers[-1:] = [above] if above else [*layers[-1:], layer]
    return layers


def _above(below: Layer, cell: Layer) -> Layer | None:
    """A stack of cells with one more on top, None where torch has no such stack: cells that step
    together compute what layers one above the other do."""
    same = ("cell", "hidden_size", "bias", "batch_first", "nonlinearity")
    count, stack = below.arguments.get("num_layers", 1), cell.name.rpartition("/")[0]
    if (
        below.name not in (stack, f"{stack}/{below.name.rpartition('/')[2]}")
        or any(below.arguments.get(name) != cell.arguments.get(name) for name in same)
        or cell.arguments["input_size"] != cell.arguments["hidden_size"]
        or below.cannot or cell.cannot
    ):  # fmt: skip
        return None
    own = {name.replace("_l0", f"_l{count}"): t for name, t in cell.parameters.items()}
    return replace(
        below, name=stack, arguments={**below.arguments, "num_layers": count + 1},
        parameters={**below.parameters, **own}, notes=(_TOGETHER, *cell.notes[1:]),
    )  # fmt: skip


def _chain(place: str, titles: Mapping[str, str]) -> str:
    """The names of a layer and what is around it, as the older .h5 has them: `both/forward_gru`."""
    parts = place.split("/")
    ends = range(1, len(parts) + (parts[-1] != "cell"))
    return "/".join(filter(None, (titles.get("/".join(parts[:end])) for end in ends))) or (
        place.removesuffix("/cell")
    )


def _part(tensor: Stored) -> int:
    last = tensor.path.rpartition("/")[2].removesuffix(":0")
    return _PARTS.index(last) if last in _PARTS else int(last)


def _recurrent(held: list[Stored]) -> bool:
    """Whether two or three tensors have the shapes of kernel, recurrent_kernel and bias."""
    if len(held) not in (2, 3) or any(len(t.shape) != 2 or 0 in t.shape for t in held[:2]):
        return False
    (_, wide), (hidden, wide_again) = held[0].shape, held[1].shape
    gates = wide // hidden
    fits = wide == wide_again and wide % hidden == 0 and gates in GATES.values()
    return fits and (len(held) == 2 or held[2].shape in ((wide,), (2, wide)))


class _Whole(NamedTuple):
    """The tensors of a layer, a list a direction; backward: whether it has that one alone."""

    place: str
    sides: tuple[list[Stored], ...]
    backward: bool = False


def _paired(cells: Cells, configs: Mapping[str, Config]) -> Iterator[_Whole]:
    """Forward and backward of a Bidirectional together, each other layer alone."""
    near: dict[str, list[tuple[bool, str]]] = {}
    for place in cells:
        side = _SIDE.search(place)
        above = place[: side.start()] if side and not _stack(place, configs) else place
        near.setdefault(above, []).append((bool(side and side[1][0] == "b"), place))
    for above, sides in near.items():
        sides.sort()  # forward first
        both = [cells[place] for _, place in sides]
        shapes = {tuple(tensor.shape for tensor in held) for held in both}
        if [backward for backward, _ in sides] == [False, True] and len(shapes) == 1:
            yield _Whole(above, tuple(both))
        else:
            yield from (_Whole(place, (cells[place],), backward) for backward, place in sides)


def _stack(place: str, configs: Mapping[str, Config]) -> bool:
    """Whether a cell is one of StackedRNNCells."""
    return any(part.startswith("stacked_rnn_cells") or
               configs.get(part, {}).get("class_name") == "StackedRNNCells"
               for part in place.split("/"))  # fmt: skip


def _layer(whole: _Whole, configs: Mapping[str, Config], version: str) -> Layer:
    place, held, both = whole.place, whole.sides[0], len(whole.sides) == 2
    hidden, gates = held[1].shape[0], held[1].shape[1] // held[1].shape[0]
    cell = next(name for name, count in GATES.items() if count == gates)
    stacked = _stack(place, configs)
    around, _, own = place.rpartition("/")
    name = _title(around if stacked else place, configs)
    outer = configs.get(name, {})
    inner: Any = outer.get("layer") if both else outer.get("cell")
    held_in = inner.get("config", {}) if isinstance(inner, dict) else {}
    config = configs.get(own, {}) if stacked else held_in if both else {**held_in, **outer}
    equations = _equations(cell, outer, config, both, version)
    turned = equations.backwards
    if whole.backward and (stacked or "units" not in config):
        equations = replace(equations, backwards=True)
    if cell == "gru" and len(held) == 3:
        equations = replace(equations, reset_first=len(held[2].shape) == 1)
    arguments: dict[str, Any] = {
        "cell": cell, "input_size": held[0].shape[0], "hidden_size": hidden,
        "bias": len(held) == 3, "bidirectional": both, "dropout": 0.0,
        "batch_first": config.get("time_major") is not True,
    }  # fmt: skip
    notes = []
    if stacked:
        notes.append(_TOGETHER)
        name = f"{name}/{own}"
    if cell == "rnn" and config.get("activation") in ("tanh", "relu"):
        arguments["nonlinearity"] = config["activation"]
    if not config:
        words, known = ", ".join(equations.activations), version or "since 2.3"
        notes.append(f"the file has no configuration: Keras {known} has by default {words}")
    elif not stacked and config.get("return_sequences") is False:
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
        for direction, tensors in zip(spec.directions, whole.sides)
        for row, tensor in zip(rows, tensors)
    ]
    parameters, cannot = laid_back(spec, placed), equations.unlike_torch
    chain = equations.chain(spec, parameters, name, turned) if cannot else None
    return Layer(name, arguments, parameters, cannot, tuple(notes), "keras", chain)


def _title(place: str, configs: Mapping[str, Config]) -> str:
    """The name of the layer that a cell is in, as its configuration has it."""
    parts = place.split("/")
    known = [part for part in parts if part in configs and not str(
        configs[part].get("class_name")).endswith(("Cell", "Cells"))]  # fmt: skip
    return known[-1] if known else _DEFAULT_CELL.sub("", place)
