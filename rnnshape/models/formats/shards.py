"""Weights in several files: the index beside them says which file holds which tensor."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from .source import Damaged, Source
from .stored import Stored, TensorFile

_MOST_INDEX = 100_000_000  # bytes, as many as a header of safetensors may have
_MOST_FILES = 500  # each of them stays open


def open_index(source: Source, opened: Callable[[str], TensorFile]) -> TensorFile:
    """The tensors of all files that an index names: model.safetensors.index.json, a TF.js model.

    opened: opens one of them. They lie beside the index; names that lead elsewhere are refused.
    Raises Damaged, and what `opened` raises.
    """
    if source.size > _MOST_INDEX:
        raise Damaged(f"an index of more than {_MOST_INDEX:,} bytes")
    read: Any = json.loads(source.part(0, source.size).decode("utf-8"))
    if isinstance(read, dict) and "weightsManifest" in read:
        from .tfjs import open_tfjs

        return open_tfjs(source, read)
    places = read.get("weight_map") if isinstance(read, dict) else None
    if not isinstance(places, dict) or not places:
        raise Damaged("JSON without a weight_map, which the index of several files of weights has",
                      "name the file that holds the weights")  # fmt: skip
    path = source.path
    names = list(dict.fromkeys(places.values()))
    if len(names) > _MOST_FILES:
        raise Damaged(f"an index of {len(names):,} files", f"join them to at most {_MOST_FILES}")
    files = {name: opened(source.beside(name, len(names)).path) for name in names}
    tensors: dict[str, Stored] = {}
    for tensor, name in places.items():
        if tensor not in files[name].tensors:
            raise Damaged(f"an index that says {tensor!r} is in {name!r}, which lacks it",
                          "get the files and the index from one place")  # fmt: skip
        tensors[tensor] = files[name].tensors[tensor]
    formats = " and ".join(dict.fromkeys(file.format for file in files.values()))
    size = sum(file.source.size for file in files.values())
    notes = tuple(dict.fromkeys(note for file in files.values() for note in file.notes))
    return TensorFile(
        Source(path, 0, size), f"{formats}, in {len(files)} files", tensors, notes=notes
    )  # fmt: skip
