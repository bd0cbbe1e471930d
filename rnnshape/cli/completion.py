"""What a shell offers for a value: read from where the command itself reads it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
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


def _table(module: str, name: str, _: Any, __: str) -> Iterable[str]:
    """The words of a table, or of the function that makes it."""
    found: Any = getattr(import_module(f"..{module}", __package__), name)
    words: Iterable[str] = found() if callable(found) else found
    return words


def _cells(_: Any, __: str) -> Iterable[str]:
    from ..engine.written import shipped
    from ..network.spec import CELLS

    return dict.fromkeys((*CELLS, *shipped()))


def _nonlinearities(_: Any, __: str) -> Iterable[str]:
    from ..network.constructor import ARGUMENTS

    return ARGUMENTS["nonlinearity"].choices


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


_ACTIVATIONS = partial(_table, "network.head", "ACTIVATIONS")
_FRAMEWORKS = partial(_table, "models.layouts.tables", "FRAMEWORKS")
_WRITERS = partial(_table, "models.code.write", "WRITERS")
_FORMS = partial(_table, "analysis.forms", "FORMS")
_QUESTIONS = partial(_table, "doctor.pick", "QUESTIONS")
_DOCUMENTS = partial(_table, "show.schema", "schema_names")
_DTYPES = partial(_table, "show.document", "ITEM_BYTES")
_DRAWN = partial(_table, "cli.numbers", "DTYPES")
_SHIPPED = partial(_table, "engine.written", "shipped")
_VALUES: dict[tuple[str, str], Values] = {
    ("", "cell"): _cells,
    ("", "nonlinearity"): _nonlinearities,
    ("", "output_activation"): _ACTIVATIONS,
    ("", "form"): _FORMS,
    ("forms", "code"): _FORMS,
    ("", "framework"): _FRAMEWORKS,
    ("", "to"): _FRAMEWORKS,
    ("code", "framework"): _WRITERS,
    ("", "of"): _QUESTIONS,
    ("", "module"): _modules,
    ("", "program"): _programs,
    ("", "programs"): _programs,
    ("schema", "name"): _DOCUMENTS,
    ("cells", "name"): _SHIPPED,
    ("", "dtype"): _DRAWN,
    ("check", "dtype"): _DTYPES,
    ("params", "dtype"): _DTYPES,
    ("", "state_dtype"): _DTYPES,
    ("", "weight_dtype"): _DTYPES,
}
