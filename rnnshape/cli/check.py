"""rnnshape check."""

from __future__ import annotations

import sys
from os.path import isdir
from typing import Annotated

import typer

from ..errors import check_choice
from .options import (
    Json,
    Network,
    OutputFile,
    Pair,
    first_set,
    network_options,
    parse_shape,
    read_text,
)
from .output import waiting, write_json, write_lines, write_notes, write_text
from .program import Asked, Set, Shape, pairs, refuse_alone, refuse_beside

FORMATS = ("text", "concise", "json", "github", "sarif")  # of a report on programs


OfPair = Annotated[str | None, typer.Option(metavar="SHAPE", help="lstm only.")]
Expected = Annotated[
    str | None, typer.Option(metavar="SHAPE", help="What you expect to come back.")
]


@network_options
def check(
    network: Network,
    programs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PROGRAM",
            show_default=False,
            help="Programs to follow, or folders of them: FILE.py, FILE.py:Class, FILE.ipynb, "
            "src/, or -; read, not run.",
        ),
    ] = None,
    sets: Set = None,
    shapes: Shape = None,
    input: Annotated[
        str | None, typer.Option(metavar="SHAPE", help="Its shape; sizes may be names such as N.")
    ] = None,
    h0: Annotated[
        str | None, typer.Option(metavar="SHAPE", help="The state that is given.")
    ] = None,
    c0: OfPair = None,
    output: Expected = None,
    hn: Expected = None,
    cn: OfPair = None,
    dtype: Annotated[str, typer.Option(help="The input's type.")] = "float32",
    state_dtype: Annotated[
        str | None, typer.Option(help="The type of h0 and c0; the weights' unless given.")
    ] = None,
    weight_dtype: Annotated[
        str, typer.Option(help="The parameters' type, as of model.half().")
    ] = "float32",
    code: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT|FILE.py|-",
            help="A program, or a piece of one as text; it is read, not run.",
        ),
    ] = None,
    output_format: Annotated[
        str | None, typer.Option(metavar="|".join(FORMATS), help="How programs are reported.")
    ] = None,
    warn_as_error: Annotated[
        bool, typer.Option("--warn-as-error", help="A warning ends with 1 too.")
    ] = False,
    json: Json = False,
    file: OutputFile = None,
) -> None:
    """Say whether shapes fit a network: what torch would raise, why, and how to mend it.

    Ends with 1 where something does not fit. Mistakes that torch accepts are warnings.

    Example: rnnshape check --layers 3 --bidirectional --input 5,7,10 --h0 3,7,20
    """
    from ..doctor.check import check as answer

    texts = {"input": input, "h0": h0, "c0": c0, "output": output, "hn": hn, "cn": cn}
    given = {f"--{name}": text for name, text in texts.items()}
    if programs:
        refuse_beside(network, programs[0], {**given, "--code": code})
        if json and output_format not in (None, "json"):
            raise Pair("--json: expected without --output-format", "--json", "--output-format")
        check_choice("--output-format", output_format or "text", FORMATS, "github")
        if len(programs) == 1 and output_format is None and not isdir(programs[0]):
            Asked(programs[0], sets, shapes).put(json, file, short=True, strict=warn_as_error)
        else:
            _check_all(programs, sets, shapes, output_format, json, file, warn_as_error)
        return
    if code is not None:
        refuse_beside(network, "the code", given)
        _check_code(code, sets, shapes, json, file)
        return
    refuse_alone(sets, shapes)
    option = first_set({"--output-format": output_format, "--warn-as-error": warn_as_error})
    if option is not None:
        layer = network.first(*network.options) or first_set(given)
        mend = ("", ".") if layer is None else (option, "")
        raise Pair(f"{option}: expected beside programs", mend[0], got="none", added=mend[1])
    _check_dtypes(dtype, state_dtype, weight_dtype)
    tensors = {name: parse_shape(text, name) for name, text in texts.items() if text is not None}
    if "equations" in network.arguments:
        network.spec.check_torchs(
            "check",
            "since it tells what torch's layers raise, and torch has none of these equations",
            "rnnshape trace shows every shape of the cell, rnnshape run checks what it is given",
        )
    arguments = network.constructor
    report = answer(
        arguments.pop("cell", None),
        arguments,
        tensors,
        lengths=network.lengths,
        batch_size=network.size("batch_size"),
        seq_len=network.size("seq_len"),
        unbatched=network.options["unbatched"],
        dtype=dtype,
        state_dtype=state_dtype,
        weight_dtype=weight_dtype,
    )
    from ..show.document import check_document

    document = check_document(report)
    if json:
        write_json(document, file)
    else:
        from ..show.text.doctor import check_text

        write_text(check_text(document, tensors), file)
    if not report.ok:
        raise typer.Exit(1)


def _check_code(code: str, sets: Set, shapes: Shape, json: bool, file: str | None) -> None:
    """--code: a program, or a piece of one as text."""
    text = read_text(code, "--code") if code == "-" else code
    given = (
        (code, sets, shapes) if code.endswith((".py", ".ipynb")) else ("code", sets, shapes, text)
    )
    Asked(*given).put(json, file, short=True)


def _check_all(
    programs: list[str], sets: Set, shapes: Shape, output_format: str | None, json: bool,
    file: str | None, warn_as_error: bool,
) -> None:  # fmt: skip
    """Follow files and folders, and report on all together."""
    from pathlib import Path

    from ..programs.sources import settings, sources
    from ..show.report import report, reported
    from ..show.screen import columns_of

    project = settings(Path())
    options = project.with_options(pairs(sets, "--set"), pairs(shapes, "--shape"))
    with waiting("following"):
        documents, faults = reported(sources(programs, project.exclude), options)
    kind = output_format or ("json" if json else "text")
    write_lines(report(documents, kind, columns_of(None if file else sys.stdout)), file)
    for fault in faults:
        write_notes(str(fault).split("\n"))
    found = {
        level for document in documents for level in ("problems", "warnings") if document[level]
    }
    if "problems" in found or (warn_as_error and found):
        raise typer.Exit(1)
    if faults:
        raise typer.Exit(2)


def _check_dtypes(dtype: str, state_dtype: str | None, weight_dtype: str) -> None:
    """Refuse the names of no type, and weights of whole numbers."""
    from ..checks.call import TYPES

    check_choice("--dtype", dtype, TYPES, "float32")
    check_choice("--state-dtype", state_dtype or "float32", TYPES, "float32")
    check_choice("--weight-dtype", weight_dtype, [*TYPES][:4], "float32")
