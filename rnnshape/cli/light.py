"""Commands that read plain options without loading the parser's validation.

Typer validates each option with pydantic, which takes longer to load than most commands take to
answer. A value that already has its option's type needs none of it; the others are validated as
ever. Where a version of typer works otherwise, this does nothing.
"""

from __future__ import annotations

from types import UnionType
from typing import Any, get_args

from typer.core import TyperCommand, TyperGroup


class LightCommand(TyperCommand):
    """A command whose options are validated only where their values need it."""

    def get_params(self, ctx: Any) -> Any:
        """The options, --help among them."""
        return _lightened(super().get_params(ctx))


class LightGroup(TyperGroup):
    """The same for the program's own options."""

    def get_params(self, ctx: Any) -> Any:
        """The options, --help among them."""
        return _lightened(super().get_params(ctx))


def _lightened(parameters: list[Any]) -> list[Any]:
    for parameter in parameters:
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""  # newer versions of typer say that a flag takes a <bool>
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
        if one and (value is None or type(value) in self._types):
            return value
        self._parameter._runtime_param = None
        return self._parameter.get_runtime_param().coerce(value, **more)
