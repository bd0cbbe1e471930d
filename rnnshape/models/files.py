"""Weights files: the tensors of a .npz or .safetensors file, by name."""

from __future__ import annotations

import json
import os
import struct
import zipfile
from typing import Any

from ..errors import UsageError


def read_weights(path: str, module: str | None = None) -> dict[str, Any]:
    """Name to array of the tensors in a file; with `module`, of those below that name alone.

    The names are torch's, without the module's prefix. Nothing in the file is executed: arrays
    of objects, which are pickles, are refused. Raises UsageError.
    """
    suffix = os.path.splitext(path)[1].lower()
    readers = {".npz": _read_npz, ".safetensors": _read_safetensors}
    if suffix not in readers:
        raise UsageError(
            "weights: expected a .npz or .safetensors file",
            got=repr(path),
            fix="np.savez('weights.npz', **{k: v.numpy() for k, v in model.state_dict().items()})",
        )
    try:
        tensors = readers[suffix](path)
    except (OSError, ValueError, KeyError, EOFError, struct.error, zipfile.BadZipFile) as error:
        raise unreadable(path, suffix, error) from None
    prefix = module.rstrip(".") + "." if module else ""
    chosen = {name[len(prefix) :]: a for name, a in tensors.items() if name.startswith(prefix)}
    if not chosen:
        raise UsageError(
            f"--module: expected a module of {path!r} ({', '.join(modules_of(tensors)) or 'none'})",
            got=repr(module or "an empty file"),
            fix="give the part of the names that stands before .weight_ih_l0",
        )
    return chosen


def unreadable(path: str, suffix: str, error: Exception) -> UsageError:
    """The error where a file is missing, cut short, or not what its name says."""
    detail = getattr(error, "strerror", None) or str(error).split("\n")[0][:100]
    return UsageError(
        f"weights: expected a {suffix} file that can be read",
        got=f"{path!r}: {detail or type(error).__name__}",
        fix="check the file's name, and that it was written to its end",
    )


def modules_of(names: Any) -> list[str]:
    """The module names in front of weight_ih_l0 among tensor names, in their order."""
    end = "weight_ih_l0"
    return [name[: -len(end)].rstrip(".") for name in names if name.endswith("." + end)][:20]


def read_array(path: str, what: str) -> Any:
    """The array of a .npy file. Raises UsageError."""
    import numpy as np

    try:
        with open(path, "rb") as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError) as error:
        detail = getattr(error, "strerror", None) or str(error).split("\n")[0][:100]
        raise UsageError(
            f"--{what}: expected a .npy file of numbers",
            got=f"{path!r}: {detail}",
            fix=f"np.save('{what}.npy', array)",
        ) from None


def _read_npz(path: str) -> dict[str, Any]:
    import zlib

    import numpy as np

    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            if not hasattr(archive, "files"):
                raise ValueError("it holds one array without a name")
            return {name: archive[name] for name in archive.files}
    except zlib.error as error:
        raise ValueError(str(error)) from None


def _read_safetensors(path: str) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if os.path.isdir(path):
        raise IsADirectoryError(21, "Is a directory")
    try:
        return load_file(path)
    except (SafetensorError, json.JSONDecodeError, TypeError, AttributeError) as error:
        raise ValueError(str(error)) from None
