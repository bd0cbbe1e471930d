"""The program `rnnshape`: thin commands over the package."""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

from ..errors import UsageError


def main() -> None:
    """Run the command line and end the process with its exit status.

    0 fine, 1 the answer is no, 2 wrong use or a file that cannot be read, 130 interrupted.
    """
    gc.set_threshold(100_000)  # a start makes many objects and no garbage to look for
    try:
        status = run_command(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        status = 0
    except SystemExit as stop:  # how the option parser ends on a closed pipe
        if not isinstance(stop.__context__, BrokenPipeError):
            raise
        status = 0
    except KeyboardInterrupt:
        status = 130
    except OSError as error:
        status = _say(f"standard output: expected to be written, got {error.strerror}")
    _leave(status)


def run_command(arguments: list[str]) -> int:
    """Run one command line and return its exit status."""
    import typer

    from .app import build

    if not arguments and "_RNNSHAPE_COMPLETE" not in os.environ:
        arguments = ["--help"]
    usage: Any = typer.BadParameter.__mro__[
        2
    ]  # every message that the option parser has for a user
    try:
        return build(arguments)(args=arguments, prog_name="rnnshape", standalone_mode=False) or 0
    except UsageError as error:
        return _say(str(error))
    except usage as error:
        return _say(error.format_message())
    except typer.Abort:
        return 130
    except typer.Exit as stop:
        return stop.exit_code


def _say(message: str) -> int:
    from ..show.screen import encodable, visible

    first, *rest = visible(message).split("\n")
    lines = [f"rnnshape: {first}", *(f"  {line}" for line in rest)]
    sys.stderr.write(encodable("\n".join(lines), sys.stderr) + "\n")
    return 2


def _leave(status: int) -> None:
    """End at once: what is left to the interpreter could only complain of a closed pipe."""
    try:
        sys.stderr.flush()
    finally:
        os._exit(status)
