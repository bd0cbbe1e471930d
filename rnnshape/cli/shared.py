"""Options that several commands share: declared once, handed to a command as one object."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any

import typer

from ..errors import UsageError

Command = Callable[..., Any]
Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]
OutputFile = Annotated[
    str | None, typer.Option("-o", "--output-file", metavar="FILE", help="Write to a file.")
]
Module = Annotated[str | None, typer.Option(metavar="NAME", help="The part of the file to take.")]


def with_options(
    command: Command,
    argument: str,
    options: Mapping[str, Any],
    make: Callable[[dict[str, Any]], Any],
) -> Command:
    """Give `command` the `options` in place of its `argument`, which `make` makes of their values.

    An option is the annotation of a parameter; not given, its value is None.
    """
    own = inspect.signature(command, eval_str=True).parameters.values()
    kept = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own if p.name != argument]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=option)
        for name, option in options.items()
    ]

    @functools.wraps(command)
    def wrapped(**values: Any) -> Any:
        made = make({name: values.pop(name) for name in options})
        return command(**{argument: made}, **values)

    signature = inspect.Signature(kept + added)
    wrapped.__signature__ = signature  # type: ignore[attr-defined]
    wrapped.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    return wrapped


def first_set(options: Mapping[str, Any]) -> str | None:
    """The first of the options that is set: neither None nor an absent flag."""
    chosen = (name for name, value in options.items() if value is not None and value is not False)
    return next(chosen, None)


def check_choice(option: str, value: str, known: Iterable[str], usual: str) -> None:
    """Refuse a word that is none of those that an option takes."""
    words = list(known)
    if value not in words:
        expected = f"{option}: expected {', '.join(words)}"
        raise UsageError(expected, got=repr(value[:40]), fix=f"{option} {usual}")


def check_item_type(dtype: str) -> None:
    """Refuse a type that parameters are not stored as."""
    from ..show.document import ITEM_BYTES

    check_choice("--dtype", dtype, ITEM_BYTES, "float32")
