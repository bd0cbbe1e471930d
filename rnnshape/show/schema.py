"""The JSON Schemas of the documents; what several of them hold is written once, in shared.json."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

_SHARED = "shared"


def schema_names() -> list[str]:
    """The documents that have a schema."""
    folder = files("rnnshape") / "schemas"
    names = (entry.name.removesuffix(".json") for entry in folder.iterdir())
    return sorted(name for name in names if name != _SHARED)


def schema(name: str) -> dict[str, Any]:
    """The whole schema of a document, with the shared definitions that it needs."""
    found: dict[str, Any] = _read(name)
    defs = dict(found.get("$defs", {}))
    missing = _named(found) - defs.keys()
    while missing:
        added = {name: _read(_SHARED)["$defs"][name] for name in sorted(missing)}
        defs |= added
        missing = _named(added) - defs.keys()
    return {**found, "$defs": defs} if defs else found


@cache
def _read(name: str) -> Any:
    path = files("rnnshape") / "schemas" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def _named(schema: Any) -> set[str]:
    return set(re.findall(r'"#/\$defs/(\w+)"', json.dumps(schema)))
