"""What a shell offers for a value: read from where the command itself reads it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from os.path import isfile
from typing import Any

from ..errors import UsageError

_LISTED = re.compile(r"[a-z0-9-]+(\|[a-z0-9-]+)+")
_LARGEST_PROGRAM = 1_000_000  # characters of a file whose classes are offered

Values = Callable[[Any, str], Iterable[str]]  # of a context and of what stands there so far


def offered(command: str, parameters: Iterable[Any]) -> None:
    """Let the parameters of a command offer their values; those that say none keep typer's own."""
    for parameter in parameters:
        if parameter._custom_shell_complete is not None:
            continue
        words = parameter.metavar or ""
        if _LISTED.fullmatch(words):  # as the help lists them: sum|mse|cross-entropy
            parameter._custom_shell_complete = _answer(partial(_split, words))
            continue
        values = _VALUES.get((command, parameter.name)) or _VALUES.get(("", parameter.name))
        if values is not None:
            parameter._custom_shell_complete = _answer(values)


def _answer(values: Values) -> Callable[[Any, Any, str], list[str]]:
    def answer(context: Any, _parameter: Any, incomplete: str) -> list[str]:
        try:
            return [word for word in values(context, incomplete) if word.startswith(incomplete)]
        except (UsageError, OSError, SyntaxError, ValueError, RecursionError):
            return []  # a file that cannot be read offers nothing

    return answer


def _split(words: str, _: Any, __: str) -> Iterable[str]:
    return words.split("|")


def _shipped(_: Any, __: str) -> Iterable[str]:
    from ..engine.written import shipped

    return shipped()


def _cells(_: Any, __: str) -> Iterable[str]:
    from ..engine.written import shipped
    from ..network.spec import CELLS

    return dict.fromkeys((*CELLS, *shipped()))


def _nonlinearities(_: Any, __: str) -> Iterable[str]:
    from ..network.constructor import ARGUMENTS

    return ARGUMENTS["nonlinearity"].choices


def _activations(_: Any, __: str) -> Iterable[str]:
    from ..network.head import ACTIVATIONS

    return ACTIVATIONS


def _frameworks(_: Any, __: str) -> Iterable[str]:
    from ..models.layouts.tables import FRAMEWORKS

    return FRAMEWORKS


def _writers(_: Any, __: str) -> Iterable[str]:
    from ..models.code.write import WRITERS

    return WRITERS


def _forms(_: Any, __: str) -> Iterable[str]:
    from ..analysis.forms import FORMS

    return FORMS


def _questions(_: Any, __: str) -> Iterable[str]:
    from ..doctor.pick import QUESTIONS

    return QUESTIONS


def _documents(_: Any, __: str) -> Iterable[str]:
    from ..show.schema import schema_names

    return schema_names()


def _dtypes(_: Any, __: str) -> Iterable[str]:
    from ..show.document import ITEM_BYTES

    return ITEM_BYTES


def _drawn(_: Any, __: str) -> Iterable[str]:
    from .numbers import DTYPES

    return DTYPES


def _modules(context: Any, _: str) -> Iterable[str]:
    """The networks of the file that stands on the line."""
    from ..models.files import open_file
    from ..models.networks.find import contents

    values = context.params
    path = values["weights"] if "weights" in values else next(iter(context.args), None)
    return [found.name for found in contents(open_file(path)).modules] if path else []


def _programs(_: Any, incomplete: str) -> Iterable[str]:
    """Behind the colon of FILE.py: its classes and functions; without one the shell's own files."""
    import ast

    path, colon, _name = incomplete.partition(":")
    if not colon or not path.endswith(".py") or not isfile(path):
        return []
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read(_LARGEST_PROGRAM + 1)
    if len(text) > _LARGEST_PROGRAM:
        return []
    kinds = ast.ClassDef, ast.FunctionDef
    return [f"{path}:{one.name}" for one in ast.parse(text).body if isinstance(one, kinds)]


_VALUES: dict[tuple[str, str], Values] = {
    ("", "cell"): _cells,
    ("", "nonlinearity"): _nonlinearities,
    ("", "output_activation"): _activations,
    ("", "form"): _forms,
    ("forms", "code"): _forms,
    ("", "framework"): _frameworks,
    ("", "to"): _frameworks,
    ("code", "framework"): _writers,
    ("", "of"): _questions,
    ("", "module"): _modules,
    ("", "program"): _programs,
    ("", "programs"): _programs,
    ("schema", "name"): _documents,
    ("cells", "name"): _shipped,
    ("", "dtype"): _drawn,
    ("check", "dtype"): _dtypes,
    ("params", "dtype"): _dtypes,
    ("", "state_dtype"): _dtypes,
    ("", "weight_dtype"): _dtypes,
}
