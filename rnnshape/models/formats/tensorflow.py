"""TensorFlow's variables, alone as a checkpoint or in a SavedModel, and the constants of a graph.

No graph is run. A checkpoint is NAME.index, a table of LevelDB whose values say where a variable
lies in the NAME.data-… files beside it. Sources: tensorflow/core/protobuf/tensor_bundle.proto,
trackable_object_graph.proto, saved_model.proto and saved_object_graph.proto; graph.proto and
tensor.proto of its framework; keras/protobuf/saved_metadata.proto; leveldb/doc/table_format.md;
https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ..networks.names import natural
from .keras import Cells, Config, cells_of, configs_of, layers_of, parsed
from .protobuf import Message, varint
from .source import Damaged, Source
from .stored import DTYPES, Layer, Stored, TensorFile, concatenated, numbers_at, shape_of

_MAGIC = bytes.fromhex("57fb808b247547db")  # at the end of a table
_TYPES = {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 7: "string",
    8: "complex64", 9: "int64", 10: "bool", 14: "bfloat16", 17: "uint16", 19: "float16",
    22: "uint32", 23: "uint64",
}  # fmt: skip
_OBJECTS, _VALUE = "_CHECKPOINTABLE_OBJECT_GRAPH", "/.ATTRIBUTES/VARIABLE_VALUE"
_SHARD = re.compile(r"\.data-\d{5}-of-\d{5}\Z")
_MOST_SHARDS, _MOST_INDEX = 500, 100_000_000


def open_variables(source: Source) -> TensorFile:
    """A checkpoint's variables and recurrent layers; their numbers are not read.

    source: the .index, a .data-… file beside it, or the saved_model.pb above. Raises Damaged.
    """
    folder, name = os.path.split(source.path)
    saved = name == "saved_model.pb"
    path = os.path.join(folder, "variables", "variables.index") if saved else (
        _SHARD.sub(".index", source.path))  # fmt: skip
    if source.inside or not os.path.isfile(path):
        raise Damaged("a SavedModel without its variables" if saved else "variables without their "
                      "index", f"keep {os.path.basename(path)} and its .data files in one folder, "
                      "and name it")  # fmt: skip
    index = Source(path)
    held = dict(sorted(_table(index), key=lambda entry: natural(entry[0])))
    shards = held.pop("").number(1) if "" in held else 1  # of the header
    if not 0 < shards <= _MOST_SHARDS:
        raise Damaged(f"a checkpoint of {shards:,} files")
    stem = os.path.basename(path).removesuffix(".index")
    ends = [f"{stem}.data-{place:05}-of-{shards:05}" for place in range(shards)]
    files = [index.beside(end, shards) for end in ends]
    described = _described(path)
    names = _names(held.pop(_OBJECTS, None), files, described)
    tensors = {
        key: _variable(key, names.get(key, key.removesuffix(_VALUE)), entry, files)
        for key, entry in held.items() if entry.number(1) in _TYPES
    }  # fmt: skip
    source = Source(source.path, 0, sum(file.size for file in files))
    form = "tensorflow, SavedModel" if saved else "tensorflow, variables"
    return TensorFile(source, form, tensors, layers=_layers(tensors, described))


def open_graph(source: Source) -> TensorFile:
    """The constants of a frozen graph (GraphDef) and the layers that they are named as."""
    tensors = {}
    for node in Message.of(source).all(1):
        if node.text(2) != "Const":
            continue
        name = node.text(1)
        for tensor in node.all(5, 2, 8):
            dtype, shape = _TYPES.get(tensor.number(1), ""), _shape(tensor, 2, name)
            for content in tensor.all(4):
                if len(content) == math.prod(shape) * DTYPES.get(dtype, ("", -1))[1]:
                    read = partial(numbers_at, source, content.begin, len(content), dtype, shape)
                    tensors[name] = Stored(name, shape, dtype, read)
    if not tensors:
        raise Damaged("no graph of TensorFlow that holds its weights",
                      "name the saved_model.pb, or the .index of its variables")  # fmt: skip
    return TensorFile(source, "tensorflow, graph", tensors, layers=_layers(tensors, {}))


def _shape(message: Message, field: int, name: str) -> tuple[int, ...]:
    return shape_of([dim.number(1) for dim in message.all(field, 2)], name)


# ------------------------------------------------------------------------ a checkpoint


def _table(source: Source) -> Iterator[tuple[str, Message]]:
    """The entries of a table: a variable's name, and where it lies."""
    if source.size < 48 or source.part(source.size - 8, 8) != _MAGIC:
        raise Damaged("no index of TensorFlow's variables, or one that is cut short")
    if source.size > _MOST_INDEX:
        raise Damaged(f"an index of more than {_MOST_INDEX:,} bytes")
    buffer = source.part(0, source.size)
    at = len(buffer) - 48
    for _ in range(2):  # the block of metadata, which is empty
        _, at = varint(buffer, at, len(buffer))
    for _, handle in _block(source, buffer, at):
        yield from _block(source, buffer, handle.begin)


def _block(source: Source, buffer: bytes, at: int) -> Iterator[tuple[str, Message]]:
    """The entries of a block, whose offset and size stand at a place."""
    begin, at = varint(buffer, at, len(buffer))
    size, at = varint(buffer, at, len(buffer))
    if begin + size >= len(buffer) or size < 4 or buffer[begin + size]:
        raise Damaged("an index that is damaged, or packed by snappy")
    end = begin + size - 4 - 4 * int.from_bytes(buffer[begin + size - 4 : begin + size], "little")
    key = b""
    while begin < end:
        source.budget.entry()
        shared, begin = varint(buffer, begin, end)
        own, begin = varint(buffer, begin, end)
        length, begin = varint(buffer, begin, end)
        if shared > len(key) or begin + own + length > end:
            raise Damaged("an index whose entries are cut short")
        key = key[:shared] + buffer[begin : begin + own]
        source.budget.made(len(key))
        begin += own + length
        yield key.decode("utf-8", "replace"), Message(buffer, source.budget, begin - length, begin)


def _variable(key: str, name: str, entry: Message, files: list[Source]) -> Stored:
    dtype, shape = _TYPES[entry.number(1)], _shape(entry, 2, key)
    place, begin, count = (entry.number(field) for field in (3, 4, 5))
    fits = math.prod(shape) * DTYPES.get(dtype, ("", 0))[1] == count or dtype == "string"
    sliced = any(entry.all(7))
    if place >= len(files) or begin + count > files[place].size or not (fits or sliced):
        raise Damaged(f"{key}: of another size than its shape, or past the end of its file")
    read = partial(numbers_at, files[place], begin, count, "slices" if sliced else dtype, shape)
    return Stored(key, shape, dtype, read, name)


def _names(
    entry: Message | None, files: list[Source], described: Mapping[int, Config]
) -> dict[str, str]:
    """A variable's key to a name such as Keras's older .h5 has, as the graph of objects says.

    described: the objects that have a configuration, and with it a name.
    """
    if entry is None or entry.number(3) >= len(files):
        return {}
    file = files[entry.number(3)]
    file.budget.made(entry.number(5))
    text = file.part(entry.number(4), entry.number(5))
    _, at = varint(text, 0, len(text))  # its length, and then a checksum of this
    objects = list(Message(text, file.budget, at + 4).all(1))
    told = {place: (variable.text(3), variable.text(2)) for place, node in enumerate(objects)
            for variable in node.all(2)}  # fmt: skip
    chains, waiting, names = {0: ""}, [0], dict[str, str]()
    for place in waiting:  # it grows
        for child in objects[place].all(1):
            inner, local = child.number(1), child.text(2)
            if inner in told and chains[place] and not local.isdecimal():
                names.setdefault(told[inner][0], f"{chains[place]}/{local}")
            if inner not in chains and inner < len(objects):
                file.budget.made(len(chains[place]))
                own = str(described.get(inner, {}).get("name", ""))
                chains[inner] = "/".join(filter(None, (chains[place], own)))
                waiting.append(inner)
    often, seen = Counter(name for _, name in told.values()), set(names.values())
    for key, name in told.values():
        plain = key.removesuffix(_VALUE).rpartition("/")[2].isdecimal()
        if name and name not in seen and (plain or often[name] == 1):
            seen.add(names.setdefault(key, name))
    return names


def _described(path: str) -> dict[int, Config]:
    """The configurations that a SavedModel keeps of its objects, beside its variables."""
    above = os.path.dirname(os.path.dirname(path))
    for name, way, field in (
        ("keras_metadata.pb", (1,), (5,)),
        ("saved_model.pb", (2, 7, 1), (4, 3)),
    ):
        place = os.path.join(above, name)
        if os.path.isfile(place):
            source, found = Source(place), dict[int, Config]()
            objects = Message.of(source).all(*way)
            for number, node in enumerate(objects):
                told = [parsed(bytes(text)) for text in node.all(*field) if len(text)]
                if told and isinstance(told[0], dict):
                    found[node.number(2) if field == (5,) else number] = told[0]
            return found
    return {}


# --------------------------------------------------------------------------- the layers

_CELL = re.compile(r"(.*\b(?:\w+_)?(lstm|gru|rnn)_cell(?:_\d+)?)/(.+)")
_ACTIVATION = "no file of variables holds the activation of tf.nn.rnn_cell: tanh is taken"
_FORGET = "nor the forget_bias that its LSTM adds when it runs: 1, its default, is taken"


def _layers(tensors: Mapping[str, Stored], described: Mapping[int, Config]) -> tuple[Layer, ...]:
    """Keras's layers, and the cells of TensorFlow before 2."""
    older = _older(tensors.values())
    own = {name for held in older.values() for tensor in held for name in tensor.stored}
    configs, made = configs_of(list(described.values())), []
    version = next(
        (str(c["keras_version"]) for c in described.values() if "keras_version" in c), ""
    )
    for layer in layers_of(cells_of(tensors.values()) | older, configs, version, {}):
        if own.intersection(next(iter(layer.parameters.values())).stored):
            forget = _FORGET if layer.arguments["cell"] == "lstm" else ""
            layer = replace(layer, notes=tuple(filter(None, (_ACTIVATION, forget))))
        made.append(layer)
    return tuple(made)


def _older(tensors: Iterable[Stored]) -> Cells:
    """Cells of tf.nn.rnn_cell, whose kernel stands on input and state at once, as Keras's.

    Gates: LSTM i, c, f, o; GRU r, z apart from the candidate. Source:
    tensorflow/python/keras/layers/legacy_rnn/rnn_cell_impl.py.
    """
    places: dict[str, tuple[str, dict[str, Stored]]] = {}
    for tensor in tensors:
        match = _CELL.fullmatch(tensor.path)
        if match:
            place, cell, leaf = match.groups()
            leaf = leaf.replace("weights", "kernel").replace("biases", "bias")
            places.setdefault(place, (cell, {}))[1][leaf] = tensor
    found = {}
    for place, (cell, held) in places.items():
        parts = ("gates/", "candidate/") if cell == "gru" else ("",)
        kernels, biases = (
            [held[part + leaf] for part in parts
             if part + leaf in held and len(held[part + leaf].shape) == axes]
            for leaf, axes in (("kernel", 2), ("bias", 1))
        )  # fmt: skip
        known = {"kernel", "bias", "gates", "candidate"}  # and of a slot kernel/Adam
        extra = {leaf.partition("/")[0] for leaf in held} - known
        order = {"lstm": (0, 2, 1, 3), "gru": (1, 0, 2), "rnn": (0,)}[cell]
        if extra or len(kernels) < len(parts) or len({own.shape[0] for own in kernels}) > 1:
            continue
        kernel = concatenated(kernels, 1)
        hidden, turned = kernel.shape[1] // len(order), partial(_turned, order=order)
        size = kernel.shape[0] - hidden
        if kernel.shape[1] % len(order) or size < 1:
            continue
        found[place] = [turned(kernel, 0, size), turned(kernel, size, kernel.shape[0])]
        if len(biases) == len(parts):
            bias = concatenated(biases)
            found[place].append(turned(bias, 0, bias.shape[0], forget=cell == "lstm"))
    return found


def _turned(
    tensor: Stored, first: int, last: int, order: tuple[int, ...], forget: bool = False
) -> Stored:
    """Rows of a kernel, or a bias, with its gates in another order; forget: 1 is added to f."""

    def read() -> Any:
        import numpy as np

        array = tensor.read()
        blocks = np.split(array[first:last] if array.ndim > 1 else array, len(order), -1)
        gates = [blocks[gate] + (forget and place == 1) for place, gate in enumerate(order)]
        return np.concatenate(gates, axis=-1).astype(array.dtype)

    shape = (last - first, *tensor.shape[1:])
    return Stored("", shape, tensor.dtype, read, sources=tensor.sources)
