"""rnnshape: trace the shapes of recurrent networks.

`Spec` describes a network, `trace` walks it over shapes, `run` computes it with NumPy, and
`run_backward` its gradients; `Head` is a Linear on top. `watch` shows the shapes of a program that
runs, `assert_shapes` holds those of one that is read.
"""

import sys

# until `__main__` is read an interrupt is told by Python's own traceback: nothing loads before it
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .analysis.trace import trace
    from .engine.written import Cell
    from .errors import ShapeError, UsageError
    from .network.head import Head
    from .network.spec import Spec
    from .numeric.fast.backward import run_backward
    from .numeric.fast.forward import run
    from .show.live import watch
    from .show.report import assert_shapes

__version__ = "0.2.0"

_HOMES = {
    "Spec": "network.spec",
    "Cell": "engine.written",
    "trace": "analysis.trace",
    "run": "numeric.fast.forward",
    "Head": "network.head",
    "run_backward": "numeric.fast.backward",
    "UsageError": "errors",
    "ShapeError": "errors",
    "watch": "show.live",
    "assert_shapes": "show.report",
}

__all__ = [
    "Cell",
    "Head",
    "ShapeError",
    "Spec",
    "UsageError",
    "assert_shapes",
    "run",
    "run_backward",
    "trace",
    "watch",
]


def __getattr__(name: str) -> "Any":
    """Load a public name when it is first used: a symbolic call never loads NumPy."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def load_ipython_extension(shell: "Any") -> None:
    """`%load_ext rnnshape`: an error of torch is followed by its explanation; `%%shapes`."""
    from .show.notebook import extend

    extend(shell)


def unload_ipython_extension(shell: "Any") -> None:
    """`%unload_ext rnnshape`."""
    from .show.notebook import withdraw

    withdraw(shell)


if "IPython" in sys.modules:
    _shell = sys.modules["IPython"].get_ipython()
    if _shell is not None:
        from .show.notebook import register

        register(_shell)
