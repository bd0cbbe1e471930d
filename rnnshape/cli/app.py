"""The table of commands, and the program made of those that a call needs."""

from __future__ import annotations

from importlib import import_module
from inspect import cleandoc

import typer

from .. import __version__
from .light import LightCommand, LightGroup

# command -> its module in this folder; the function has the command's name
COMMANDS = {
    "trace": "trace",
    "params": "params",
    "cost": "cost",
    "draw": "draw",
    "run": "run",
    "verify": "verify",
    "forms": "forms",
    "check": "check",
    "pick": "pick",
    "explain": "explain",
    "state": "state",
    "inspect": "inspect",
    "convert": "convert",
    "code": "code",
    "explore": "explore",
    "schema": "schema",
}


def build(arguments: list[str]) -> typer.Typer:
    """The program; only the command that is called is loaded, where the first word names one."""
    app = typer.Typer(
        name="rnnshape",
        cls=LightGroup,
        help="Trace the shapes of recurrent networks: every step of nn.RNN, nn.LSTM and nn.GRU.\n\n"
        "Example: rnnshape trace --layers 3 --bidirectional",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback(invoke_without_command=True)
    def program(
        version: bool = typer.Option(False, "--version", help="Print the version and end."),
    ) -> None:
        if version:
            typer.echo(f"rnnshape {__version__}")
            raise typer.Exit

    called = arguments[0] if arguments and arguments[0] in COMMANDS else None
    for name in [called] if called else COMMANDS:
        module = import_module(f".{COMMANDS[name]}", __package__)
        command = getattr(module, name)
        app.command(name, cls=LightCommand, help=_unbroken(command.__doc__))(command)
    return app


def _unbroken(text: str) -> str:
    """A docstring's paragraphs in one line each, so that the help breaks them by its own width."""
    paragraphs = cleandoc(text).split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
