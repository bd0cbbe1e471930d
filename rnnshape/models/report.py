"""What a file of weights holds, and how it compares, as the document rnnshape/inspect/1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .compare import Comparison, plain
from .networks.find import Contents, Module


def document(
    held: Contents,
    modules: Sequence[Module],
    comparison: Comparison | None = None,
    causes: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """`rnnshape/inspect/1`: the networks of a file, and what compares with them."""
    return {
        "schema": "rnnshape/inspect/1",
        "file": held.file.path,
        "format": held.file.format,
        "tensors": len(held.file.tensors),
        "modules": [_module(module) for module in modules],
        "other": {"tensors": len(held.other), "parameter_count": held.other_count},
        "notes": list(held.notes),
        **({} if comparison is None else {"comparison": _comparison(comparison, causes)}),
    }


def _module(module: Module) -> dict[str, Any]:
    return {
        "name": module.name,
        "path": module.full_name,
        "spec": module.spec.to_dict(),
        "constructor": module.constructor,
        "parameters": [
            {"name": name, "shape": list(tensor.shape), "count": tensor.count,
             "dtype": tensor.dtype, "stored": list(tensor.stored)}
            for name, tensor in module.parameters.items()
        ],
        "parameter_count": module.count,
        "undetermined": list(module.undetermined),
        "whole": module.whole,
        "problems": [
            {"tensor": problem.tensor, "expected": plain(problem.expected),
             "got": plain(problem.got)}
            for problem in module.problems
        ],
        "guessed": module.guessed or None,
        "readings": list(module.readings),
        "cannot": module.cannot or None,
        "framework": module.framework,
        "runs": not module.cannot or module.chain is not None,
    }  # fmt: skip


def _comparison(comparison: Comparison, causes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    error = {"type": "RuntimeError", "message": comparison.torch} if comparison.torch else None
    return {
        "checkpoint": comparison.checkpoint,
        "model": comparison.model,
        "equal": comparison.equal,
        "differences": [dict(vars(difference)) for difference in comparison.differences],
        "torch": error,
        "causes": list(causes),
        "notes": list(comparison.notes),
    }
