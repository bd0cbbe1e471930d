"""TensorFlow.js: model.json tells the layers as Keras does, and what lies in its files of numbers.

Source: tfjs-core/src/io/types.ts (WeightsManifestConfig) and tfjs-core/src/io/io_utils.ts.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from .keras import cells_of, configs_of, layers_of
from .source import Damaged, Source
from .stored import DTYPES, Stored, TensorFile, array_of, shape_of


def open_tfjs(source: Source, model: dict[str, Any]) -> TensorFile:
    """The weights of a model and its recurrent layers; no number is read. Raises Damaged."""
    tensors: dict[str, Stored] = {}
    for group in _listed(model["weightsManifest"]):
        paths = _listed(group.get("paths"))
        files = [source.beside(path, len(paths)) for path in paths]
        place, held = 0, sum(file.size for file in files)
        for entry in _listed(group.get("weights")):
            source.budget.entry()
            name, dtype = str(entry["name"]), str(entry["dtype"])
            shape, packed = shape_of(entry["shape"], name), entry.get("quantization") or {}
            lies_as = str(packed.get("dtype", dtype))
            if lies_as not in DTYPES:
                raise Damaged(f"{name}: {lies_as[:20]}, whose length is not told")
            count = math.prod(shape) * DTYPES[lies_as][1]
            if place + count > held:
                raise Damaged(f"{name}: past the end of {', '.join(map(str, paths))[:80]}")
            read = partial(_read, files, place, count, lies_as, shape, packed)
            tensors[name] = Stored(name, shape, dtype, read)
            place += count
    topology = model.get("modelTopology")
    told = topology if isinstance(topology, dict) else {}
    layers = layers_of(cells_of(tensors.values()), configs_of(told),
                       str(told.get("keras_version", "")), {})  # fmt: skip
    return TensorFile(source, "tensorflow.js", tensors, layers=tuple(layers))


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Damaged("a weightsManifest that is none")
    return value


def _read(
    files: list[Source], begin: int, count: int, dtype: str, shape: tuple[int, ...],
    packed: dict[str, Any],
) -> Any:  # fmt: skip
    """Numbers out of files that are one behind the other; of 8 and 16 bits, q·scale + min."""
    pieces, at = [], 0
    for file in files:
        first, last = max(begin - at, 0), min(begin + count - at, file.size)
        if first < last:
            pieces.append(file.part(first, last - first))
        at += file.size
    array = array_of(b"".join(pieces), dtype, shape)
    if "scale" not in packed:
        return array.astype("float32") if dtype == "float16" else array
    return array.astype("float32") * float(packed["scale"]) + float(packed["min"])
