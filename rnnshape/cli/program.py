"""PROGRAM on the command line: a file, a class or function of it, a notebook, or standard input."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError, one_line, quoted
from .options import Network, Pair, first_set
from .output import waiting, write_json, write_text

if TYPE_CHECKING:
    from ..show.program import Followeds

Program = Annotated[
    str | None,
    typer.Argument(
        metavar="PROGRAM", show_default=False,
        help="A program to follow: FILE.py, FILE.py:Class, FILE.ipynb, FILE.md (its blocks of "
        "Python), or -; it is read, not run.",
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
        with waiting("following"):
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

    @property
    def names(self) -> list[str]:
        """What --layer takes: the names of the recurrent layers, or the lines of those without."""
        layers = [layer for followed, _ in self.results for layer in followed.layers]
        return [*dict.fromkeys(layer.name or str(layer.place.line) for layer in layers)]

    def network(self, name: str | None) -> Network:
        """A layer of the program by its name or line, over the batch that it is called with.

        None is the layer of a program that has one.
        """
        from ..show.program import layer_trace

        layers = [(layer, f) for f, _ in self.results for layer in f.layers]
        found = [
            p
            for p in layers
            if name in (p[0].name, p[0].name.removeprefix("self."), str(p[0].place.line))
            or (name is None and len(layers) == 1)
        ]
        if not found:
            names = self.names
            listed = f": {', '.join(names)}" if names else ", which has none"
            raise UsageError(
                f"--layer: expected a recurrent layer of the program{listed}",
                got="none" if name is None else repr(name[:40]),
                fix=f"--layer {quoted(names[0])}" if names else "",
            )
        return Network.of(layer_trace(*found[0]))


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


def refuse_beside(
    network: Network, program: str, shapes: Mapping[str, str | None] | None = None
) -> None:
    """The options of a network say nothing beside a program, nor do the shapes of its tensors."""
    option = network.first(*network.options)
    note = f"  # --set NAME=VALUE changes an argument of {one_line(program, 60)}"
    if option is None and (option := first_set(shapes or {})) is not None:
        note = "  # --shape NAME=N,T,10 gives the shape of an argument"
    if option is not None:
        words = f"{option}: expected without a program, which describes its own network"
        raise Pair(words, option, got=option, note=note)


def refuse_alone(sets: Sequence[str] | None, shapes: Sequence[str] | None) -> None:
    """--set and --shape belong to a program."""
    if sets or shapes:
        option = "--set" if sets else "--shape"
        raise Pair(f"{option}: expected beside a program", got="none", added="model.py")
