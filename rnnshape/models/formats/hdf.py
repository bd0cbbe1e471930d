"""HDF5 files, read by a process of its own.

libhdf5 is C code that a damaged file can send into an endless loop or a crash, which no Python
program survives; so it works elsewhere, for a limited time. That process is given FILE BEGIN
LENGTH and lists the datasets as JSON; with names behind it writes these as an .npz. A FILE of `-`
is standard input. It imports nothing from the folder that the person stands in, since a downloaded
model may lie beside a downloaded h5py.py.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from ..networks.names import natural
from .source import Budget, Damaged, Source
from .stored import shape_of

_DEEPEST = 64
_SECONDS, _BYTES_A_SECOND = 20, 10 << 20
_CHUNK = 64 << 20
_KINDS_READ = "fiucb"
_KINDS = {"f": "float", "i": "int", "u": "uint", "c": "complex"}


class Listing(NamedTuple):
    """What a file holds: datasets as name → (shape, dtype), the names that Keras gave groups
    (path → name), the model's configuration as JSON, and the version of Keras that wrote it."""

    datasets: dict[str, tuple[tuple[int, ...], str]]
    titles: dict[str, str]
    config: str
    version: str


def installed() -> bool:
    """Whether h5py is there."""
    from importlib.util import find_spec

    return find_spec("h5py") is not None


def listing(source: Source) -> Listing:
    """The datasets of a file, without their numbers. Raises Damaged."""
    told = json.loads(_asked(source, ()))
    if "error" in told:
        raise Damaged(told["error"])
    held = {name: (shape_of(shape, name), dtype) for name, shape, dtype in told["datasets"]}
    return Listing(held, told["titles"], told["config"], told["version"])


def arrays(source: Source, names: list[str]) -> list[Any]:
    """The arrays of datasets. Raises Damaged."""
    import numpy as np

    with np.load(BytesIO(_asked(source, names)), allow_pickle=False) as archive:
        return [archive[f"a{i}"] for i in range(len(names))]


def _asked(source: Source, names: Any) -> bytes:
    """What the other process answers."""
    file = "-" if source.data is not None else source.path
    start = f"import sys; sys.path[:] = {_search_path()!r}; from {__name__} import main; main()"
    isolated = [sys.executable, "-I", "-c", start]
    command = [*isolated, file, str(source.begin), str(source.size), *names]
    limit = _SECONDS + source.size / _BYTES_A_SECOND
    try:
        ended = subprocess.run(
            command, input=source.data or b"", capture_output=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        raise Damaged(f"HDF5 that cannot be read in {limit:.0f} seconds") from None
    if ended.returncode:
        words = ended.stderr.decode("utf-8", "replace").strip().split("\n")[-1][:200]
        raise Damaged(f"HDF5 that cannot be read: {words or 'libhdf5 ended on it'}")
    return ended.stdout


def _search_path() -> list[str]:
    """Where the other process may import from: as here, but for the current folder, unless this
    package itself lies there."""
    here = os.getcwd()
    home = str(Path(__file__).resolve().parents[3])
    paths = [os.path.abspath(path) for path in sys.path if path]
    return [path for path in paths if path == home or os.path.realpath(path) != here]


# ----------------------------------------------------------------------- the other process


def main() -> None:
    """Answer what the command line of this process asks."""
    import h5py

    file, begin, length, *names = sys.argv[1:]

    data = sys.stdin.buffer.read() if file == "-" else None
    source = Source(file, int(begin), int(length), data)
    _bounded(source.budget)
    with source.file() as held, h5py.File(held, "r") as opened:
        if names:
            import numpy as np

            read = {f"a{i}": opened[name][()] for i, name in enumerate(names)}
            np.savez(sys.stdout.buffer, **read)
            return
        try:
            told = _listed(h5py, opened)
        except Damaged as error:
            told = {"error": str(error)}
        sys.stdout.write(json.dumps(told))


def _bounded(budget: Budget) -> None:
    """End this process rather than let libhdf5 fill the memory, where the system can."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (budget.most, budget.most))


def _listed(h5py: Any, file: Any) -> dict[str, Any]:
    """Every dataset that lies in this file itself; links to other files are left alone."""
    datasets: list[tuple[str, list[int], str]] = []
    titles: dict[str, str] = {}
    waiting: list[tuple[str, Any, int]] = [("", file, 0)]
    seen = set()
    while waiting:
        path, node, depth = waiting.pop()
        address = h5py.h5o.get_info(node.id).addr
        if address in seen or depth > _DEEPEST:
            continue
        seen.add(address)
        if isinstance(node, h5py.Dataset):
            if node.external or node.is_virtual:
                raise Damaged(f"{path}: numbers that lie in another file")
            chunk = math.prod(node.chunks or ()) * node.dtype.itemsize
            if chunk > _CHUNK + 100 * node.id.get_storage_size():
                raise Damaged(f"{path}: a chunk of {chunk:,} bytes that claims to unpack")
            if node.shape is not None and node.dtype.kind in _KINDS_READ:
                datasets.append((path, list(node.shape), _dtype(node.dtype)))
            continue
        if not isinstance(node, h5py.Group):
            continue  # a datatype of a name
        if path.endswith("/vars") and isinstance(node.attrs.get("name"), str):
            titles[path.removesuffix("/vars")] = node.attrs["name"]
        order = _order(node)
        for key in sorted(node, key=order, reverse=True):
            if isinstance(node.get(key, getlink=True), h5py.HardLink):
                told = key if isinstance(key, str) else key.decode("utf-8", "backslashreplace")
                waiting.append((f"{path}/{told}" if path else told, node[key], depth + 1))
    told = {
        "config": _attribute(file, "model_config"),
        "version": _attribute(file, "keras_version"),
    }
    if not told["version"] and isinstance(file.get("model_weights"), h5py.Group):
        told["version"] = _attribute(file["model_weights"], "keras_version")
    return {"datasets": datasets, "titles": titles, **told}


def _attribute(node: Any, name: str) -> str:
    held = node.attrs.get(name, "")
    return held.decode("utf-8", "replace") if isinstance(held, bytes) else str(held)


def _order(node: Any) -> Callable[[Any], Any]:
    """What the parts of a group are sorted by: their place in the model where Keras tells it."""
    names: list[Any] = []
    with suppress(TypeError, ValueError, OSError):
        names = list(node.attrs.get("layer_names", ()))
    places = {n.decode("utf-8", "replace") if isinstance(n, bytes) else str(n): place
              for place, n in enumerate(names)}  # fmt: skip
    return lambda key: (places.get(str(key), len(places)), natural(str(key)))


def _dtype(dtype: Any) -> str:
    if dtype.kind == "b":
        return "bool"
    return f"{_KINDS.get(dtype.kind, dtype.kind)}{dtype.itemsize * 8}"
