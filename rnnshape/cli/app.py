"""The table of commands, and the program made of those that a call needs.

Typer validates each option with pydantic, which takes longer to load than most commands take to
answer. A value that already has its option's type needs none of it; the others are validated as
ever. Where a version of typer works otherwise, `LightCommand` does nothing.
"""

from __future__ import annotations

from importlib import import_module
from inspect import cleandoc
from os.path import isfile
from types import UnionType
from typing import Any, get_args

import typer
from typer.core import TyperCommand, TyperGroup

from .. import __version__
from ..errors import UsageError, quoted

# each a function of a module of its name in this folder
COMMANDS = (
    "trace", "params", "cells", "cost", "draw", "run", "verify", "forms", "check", "pick",
    "explain", "state", "inspect", "convert", "code", "explore", "schema", "watch", "lsp",
)  # fmt: skip


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
        no_pager: bool = typer.Option(
            False, "--no-pager", help="Not through PAGER, where a text is longer than the screen."
        ),
        color: str = typer.Option("auto", metavar="auto|always|never", help="Colour the text."),
        lang: str = typer.Option(
            "en", metavar="en|zh", help="Of the tour, the quiz and the page; LANG unless told."
        ),
    ) -> None:
        if version:
            typer.echo(f"rnnshape {__version__}")
            raise typer.Exit

    called = arguments[0] if arguments and arguments[0] in COMMANDS else None
    for name in [called] if called else COMMANDS:
        module = import_module(f".{name}", __package__)
        command = getattr(module, name)
        context = getattr(module, "CONTEXT", None)
        words = _unbroken(command.__doc__)
        app.command(name, cls=LightCommand, help=words, context_settings=context)(command)
    return app


def _unbroken(text: str | None) -> str:
    """A docstring's paragraphs in one line each, so that the help breaks them by its own width.

    Under PYTHONOPTIMIZE=2 there are none.
    """
    paragraphs = cleandoc(text or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


class LightCommand(TyperCommand):
    """A command whose options are validated only where their values need it."""

    def get_params(self, ctx: Any) -> Any:
        """The options, --help among them."""
        parameters = _lightened(super().get_params(ctx))
        if ctx.resilient_parsing:  # a shell asks what may stand here
            from .completion import offered

            offered(self.name or "", parameters)
        return parameters

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The values of the options; of a word that nothing takes, which option takes it."""
        ctx.allow_extra_args = True
        rest = super().parse_args(ctx, args)
        if ctx.args and not ctx.resilient_parsing:
            raise _unexpected(self, ctx.args)
        return rest


def _unexpected(command: TyperCommand, words: list[str]) -> UsageError:
    """The error for words that are no option's."""
    from .options import Pair

    word, name = words[0], command.name
    most = sum(parameter.param_type_name == "argument" for parameter in command.params)
    expected = f"{name}: expected {f'{most} in all' if most else 'options alone'}"
    option = "--cell" if word.endswith(".cell") else "--weights"
    fix = f"rnnshape {name} --help says what there is"
    if isfile(word) and len(words) == 1:
        program = word.endswith((".py", ".ipynb", ".md"))
        if not program and any(option in parameter.opts for parameter in command.params):
            return Pair(expected, word, got=word, added=f"{option} {quoted(word)}")
        fix = f"rnnshape {'trace' if program else 'inspect'} {quoted(word)}"
    return UsageError(expected, got=" ".join(words)[:60], fix=fix)


class LightGroup(TyperGroup):
    """The same for the program's own options."""

    def get_params(self, ctx: Any) -> Any:
        """The options, --help among them."""
        return _lightened(super().get_params(ctx))


def _lightened(parameters: list[Any]) -> list[Any]:
    for parameter in parameters:
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""  # newer versions of typer say that a flag takes a <bool>
        if parameter.param_type_name == "argument":  # and print <str> behind its name
            parameter.display_type_rich = lambda ctx: None
        if getattr(parameter, "_runtime_param", 0) is None:
            parameter._runtime_param = _WhenNeeded(parameter)
    return parameters


class _WhenNeeded:
    """The coercion of one option, built when a value first needs it."""

    def __init__(self, parameter: Any) -> None:
        annotation = parameter.type_descriptor.annotation
        self._types = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
        self._parameter = parameter

    def coerce(self, value: Any, **more: Any) -> Any:
        """The value in its option's type."""
        one = not self._parameter.multiple and self._parameter.nargs == 1
        if value is None or (one and type(value) in self._types):
            return value
        if self._types == (list[str],) and all(type(word) is str for word in value):
            return list(value)
        self._parameter._runtime_param = None
        return self._parameter.get_runtime_param().coerce(value, **more)
