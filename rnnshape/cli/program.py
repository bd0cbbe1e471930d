"""PROGRAM on the command line: a file, a class or function of it, a notebook, or standard input."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from .options import Network
from .output import write_json, write_text

if TYPE_CHECKING:
    from ..show.program import Followeds

Program = Annotated[
    str | None,
    typer.Argument(
        metavar="[PROGRAM]", show_default=False,
        help="A program to follow: FILE.py, FILE.py:Class, FILE.ipynb, or -; it is read, not run.",
    ),
]  # fmt: skip
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="An argument of the program; again and again."
    ),
]
Shape = Annotated[
    list[str] | None,
    typer.Option("--shape", metavar="NAME=N,T,10", help="The shape of an argument of forward."),
]


class Asked:
    """A program with what was followed of it."""

    def __init__(
        self, program: str, sets: Sequence[str] | None, shapes: Sequence[str] | None, code: str = ""
    ) -> None:
        """The program of a path, or a text under the name `program`."""
        from pathlib import Path

        from ..programs.follow import Request, setting_value, shape_value
        from ..programs.follow import program as read_program
        from ..programs.source import source_of
        from ..programs.sources import settings
        from ..show.program import diagnosed

        if code:  # a text in place of a file
            source, self.entry = source_of(code, program), ""
        else:
            source, self.entry = read_program(program)
        project = settings(Path(source.path).parent if source.path else Path())
        self.file = source.name
        self.settings = {
            name: setting_value(value) for name, value in pairs(sets, "--set", "hidden=80")
        }
        tensors = {name: shape_value(value) for name, value in pairs(shapes, "--shape", "x=N,T,10")}
        request = Request(source, self.entry, self.settings, tensors, piece=bool(code))
        self.results: Followeds = diagnosed(request, project)

    def put(
        self, json: bool, output: str | None, short: bool = False, strict: bool = False
    ) -> None:
        """Write the document, the lines with their shapes, or the verdicts alone. Exit status 1
        where it does not fit, and for a strict one where there is a warning."""
        from ..show.program import program_document, verdict_of
        from ..show.screen import columns_of
        from ..show.text.program import program_text, short_text

        if json:
            write_json(program_document(self.results, self.file, self.entry, self.settings), output)
        elif short:
            write_text(short_text(self.results, columns_of(None if output else sys.stdout)), output)
        else:
            width = columns_of(None if output else sys.stdout)
            write_text(program_text(self.results, self.file, width), output)
        warned = strict and any(diagnosis.warnings for _, diagnosis in self.results)
        if warned or verdict_of(self.results) == "does not fit":
            raise typer.Exit(1)

    def network(self, name: str) -> Network:
        """A layer of the program by its name or line, over the batch that it is called with."""
        layers = [(layer, f) for f, _ in self.results for layer in f.layers]
        found = [
            p
            for p in layers
            if name in (p[0].name, p[0].name.removeprefix("self."), str(p[0].place.line))
        ]
        if not found:
            names = ", ".join(
                dict.fromkeys(layer.name or str(layer.place.line) for layer, _ in layers)
            )
            raise UsageError(
                "--layer: expected a recurrent layer of the program" + (f": {names}" if names else ", which has none"),
                got=repr(name[:40]), fix=f"--layer {quote(layers[0][0].name)}" if layers else "leave out --layer",
            )  # fmt: skip
        layer, followed = found[0]
        event = next(
            (e for e in followed.recurrent if e.function is layer.instance and e.inputs), None
        )
        return Network(_options(layer.spec, event))


def _options(spec: Any, event: Any) -> dict[str, Any]:
    """The options of the command line that describe a layer and the batch of its first call."""
    from ..network.constructor import ARGUMENTS, takes
    from ..programs.values import Packed

    options: dict[str, Any] = dict.fromkeys(
        [*ARGUMENTS, "batch_size", "seq_len", "unbatched", "lengths", "spec", "cell"]
    )
    options["cell"] = spec.cell
    for name in ARGUMENTS:
        if name == "cell" or not takes(spec.cell, name):
            continue
        value = getattr(spec, name)
        options[name] = value if isinstance(value, bool) else _word(value)
    if event is None or spec.single:
        if event is not None and len(event.inputs[0].shape) == 2:
            options["batch_size"] = _word(event.inputs[0].shape[0])
        return options
    x = event.inputs[0]
    packed = next((a for a in event.args if isinstance(a, Packed)), None)
    if packed is not None and packed.lengths:
        options["lengths"] = ",".join(map(str, packed.lengths))
    elif x.rank == 2:
        options["unbatched"], options["seq_len"] = True, _word(x.shape[0])
    else:
        n, t = (0, 1) if (packed.batch_first if packed else spec.batch_first) else (1, 0)
        options["batch_size"], options["seq_len"] = _word(x.shape[n]), _word(x.shape[t])
    return options


def _word(value: Any) -> str:
    """A size as the options take it: a number, a name, or a product; else a name in its place."""
    text = str(value)
    if any(sign in text for sign in "+-/(.%[") and not text.replace(".", "").isdigit():
        return "".join(c if c.isalnum() else "_" for c in text).strip("_")[:30] or "n"
    return text


def pairs(
    texts: Sequence[str] | None, option: str, example: str = "NAME=VALUE"
) -> list[tuple[str, str]]:
    """The names and values of --set or --shape."""
    found = []
    for text in texts or []:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise UsageError(
                f"{option}: expected NAME=VALUE", got=repr(text[:40]), fix=f"{option} {example}"
            )
        found.append((name.strip(), value.strip()))
    return found


def refuse_beside(options: Mapping[str, Any], program: str) -> None:
    """The options of a network say nothing beside a program."""
    from .options import first_set

    option = first_set({f"--{name.replace('_', '-')}": value for name, value in options.items()})
    if option is not None:
        raise UsageError(
            f"{option}: expected without a program, which describes its own network", got=option,
            fix=f"leave out {option}; --set NAME=VALUE changes an argument of {program[:60]}",
        )  # fmt: skip


def refuse_alone(sets: Sequence[str] | None, shapes: Sequence[str] | None) -> None:
    """--set and --shape belong to a program."""
    if sets or shapes:
        option = "--set" if sets else "--shape"
        raise UsageError(
            f"{option}: expected beside a program",
            got="none",
            fix=f"rnnshape trace model.py {option} …",
        )
