"""rnnshape watch."""

from __future__ import annotations

import gc
import warnings
from typing import Annotated

import typer

# what stands behind the program is its own
CONTEXT = {"ignore_unknown_options": True, "allow_interspersed_args": False}


def watch(
    program: Annotated[str, typer.Argument(metavar="FILE.py", help="The program; it is run.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="ARGS", help="Its own arguments.")
    ] = None,
) -> None:
    """Run a program and show its lines with the shapes that really pass.

    Needs the program's own torch. What the program prints stays on stdout, the lines come on
    stderr at its end; where it raises, its traceback is followed by the explanation. Exit status
    and exceptions are the program's own.

    Example: rnnshape watch train.py --epochs 1
    """
    from ..show.live import run_script

    gc.set_threshold(700)  # as Python has it: this is the program's process now
    warnings.simplefilter("default", RuntimeWarning)
    raise SystemExit(run_script(program, arguments or []))
