"""The program `rnnshape`: thin commands over the package."""

from __future__ import annotations

import gc
import os
import signal
import sys
import warnings
from contextlib import suppress
from typing import Any

from .. import __version__
from ..errors import UsageError


def main() -> None:
    """Run the command line and end the process with its exit status.

    0 fine, 1 the answer is no, 2 wrong use or a file that cannot be read, 130 interrupted.
    """
    gc.set_threshold(100_000)  # a start makes many objects and no garbage to look for
    # what is too large for a number is inf among the values, as in torch, and no warning of NumPy
    warnings.simplefilter("ignore", RuntimeWarning)
    try:
        if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:  # as __main__ left it
            signal.signal(signal.SIGINT, signal.default_int_handler)
        _open_streams()
        _bounded_columns()
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


def _open_streams() -> None:
    """Standard output and error that take whatever is written.

    One that was closed (`>&-`) is the null device; one whose encoding lacks a sign of the help
    shows it in plain letters.
    """
    for name, handle in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), handle)
            setattr(sys, name, os.fdopen(handle, "w", closefd=False))
        elif (stream.encoding or "utf-8").lower() != "utf-8":  # a text that is kept has none
            from ..show.screen import fall_back

            fall_back(stream)


def _bounded_columns() -> None:
    """Forget a width of the terminal that none has."""
    text = os.environ.get("COLUMNS", "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 6 and int(text)):
        del os.environ["COLUMNS"]


def run_command(arguments: list[str]) -> int:
    """Run one command line and return its exit status."""
    if arguments == ["--version"]:
        print(f"rnnshape {__version__}")
        return 0
    import typer

    from .app import build

    if not arguments and "_RNNSHAPE_COMPLETE" not in os.environ:
        arguments = ["--help"]
    # the class of every message that the option parser has for a user
    usage: Any = typer.BadParameter.__mro__[2]
    try:
        arguments = _of_the_terminal(arguments)
        program = build(arguments)
        return program(args=arguments, prog_name="rnnshape", standalone_mode=False) or 0
    except UsageError as error:
        from .options import Pair, mended

        if isinstance(error, Pair):
            error.fix = mended(error, program, arguments)
        return _say(str(error))
    except usage as error:
        path = error.ctx.command_path if error.ctx else "rnnshape"
        return _say(f"{error.format_message()}\nfix: {path} --help says what there is")
    except MemoryError:
        return _say(
            "memory: expected enough for what was asked, got none left\n"
            "fix: give smaller sizes, or a smaller file"
        )
    except typer.Abort:
        return 130
    except typer.Exit as stop:
        return stop.exit_code


def _of_the_terminal(arguments: list[str]) -> list[str]:
    """The arguments without --no-pager, --color and --lang, which are told through the environment.

    As with git they may stand before the command or behind it.
    """
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        option, equals, when = word.partition("=")
        if word == "--no-pager":
            os.environ["PAGER"] = ""
        elif option == "--lang":
            tongue = when if equals else next(words, "")
            if tongue not in ("en", "zh"):
                raise UsageError("--lang: expected en, zh", got=repr(tongue[:40]), fix="--lang zh")
            os.environ["LC_ALL"] = {"en": "en_US.UTF-8", "zh": "zh_CN.UTF-8"}[tongue]
        elif option == "--color":
            when = when if equals else next(words, "")
            if when not in ("auto", "always", "never"):
                raise UsageError("--color: expected auto, always, never", got=repr(when[:40]),
                                 fix="--color auto")  # fmt: skip
            if when != "auto":
                os.environ["NO_COLOR"] = "" if when == "always" else "1"
                os.environ["FORCE_COLOR"] = "1" if when == "always" else ""
        else:
            rest.append(word)
        if word == "--":
            return [*rest, *words]
    return rest


_LONGEST_LINE = 1000  # characters; what a person typed may be any length


def _say(message: str) -> int:
    from ..show.screen import encodable, visible

    words = visible(f"rnnshape: {message}".replace("\n\t", "\n  ")).replace("\n", "\n  ")
    lines = [
        line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE // 2]}…{line[-100:]}"
        for line in words.split("\n")
    ]
    with suppress(OSError):  # nobody is left to tell
        sys.stderr.write(encodable("\n".join(lines), sys.stderr) + "\n")
        sys.stderr.flush()
    return 2


def _leave(status: int) -> None:
    """End at once: what is left to the interpreter could only complain of a closed pipe."""
    try:
        with suppress(OSError):
            sys.stderr.flush()
    finally:
        os._exit(status)
