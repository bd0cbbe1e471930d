"""rnnshape: trace the shapes of recurrent networks.

`Spec` describes a network, `trace` walks it over shapes, `run` computes it with NumPy, and
`run_backward` its gradients; `Head` is a Linear on top.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .analysis.trace import trace
    from .errors import ShapeError, UsageError
    from .network.head import Head
    from .network.spec import Spec
    from .numeric.fast.backward import run_backward
    from .numeric.fast.forward import run

__version__ = "0.1.0"

_HOMES = {
    "Spec": "show.notebook",
    "trace": "show.notebook",
    "run": "numeric.fast.forward",
    "Head": "network.head",
    "run_backward": "numeric.fast.backward",
    "UsageError": "errors",
    "ShapeError": "errors",
}

__all__ = ["Head", "ShapeError", "Spec", "UsageError", "run", "run_backward", "trace"]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used: a symbolic call never loads NumPy."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value
