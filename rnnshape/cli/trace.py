"""rnnshape trace."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError, quoted
from ..show.screen import columns_of, rows_of
from .forms import (
    Decoder,
    FormName,
    arranged,
    check_form,
    decoder_options,
    form_numbers,
    trace_form,
)
from .numbers import Gradients, Numbers, gradient_options, number_options, numeric_trace
from .options import Json, Network, OutputFile, Pair, first_set, head_options, refuse
from .output import counted, patient, waiting, write_file, write_lines, write_text
from .program import Asked, Program, Set, Shape, refuse_alone, refuse_beside

if TYPE_CHECKING:
    from ..analysis.trace import Selection, Trace


@head_options
@number_options
@gradient_options
@decoder_options
def trace(
    network: Network,
    numbers: Numbers,
    gradients: Gradients,
    decoder: Decoder,
    program: Program = None,
    sets: Set = None,
    shapes: Shape = None,
    json: Json = False,
    ndjson: Annotated[
        bool, typer.Option("--ndjson", help="One JSON object a line, while the walk goes on.")
    ] = False,
    all: Annotated[bool, typer.Option("--all", help="Unfold equal steps.")] = False,
    layer: Annotated[
        str | None, typer.Option(help="This layer alone; of a program its name or line.")
    ] = None,
    direction: Annotated[
        str | None, typer.Option(metavar="forward|reverse", help="This direction alone.")
    ] = None,
    step: Annotated[int | None, typer.Option(help="This time t alone.")] = None,
    values: Annotated[
        bool, typer.Option("--values", help="With the value of every intermediate.")
    ] = False,
    form: FormName = None,
    picture: Annotated[
        bool, typer.Option("--picture", help="Draw the cells, as wide as the terminal or COLUMNS.")
    ] = False,
    html: Annotated[
        str | None,
        typer.Option(metavar="PAGE.html", help="Write a page to walk through, in one file."),
    ] = None,
    open_page: Annotated[
        bool, typer.Option("--open", help="Open the page of --html in the browser.")
    ] = False,
    output: OutputFile = None,
) -> None:
    """Walk the loops of the layer and show every step with its shapes.

    A program is followed line by line instead, with the shapes of its tensors.

    Example: rnnshape trace --layers 3 --bidirectional
    """
    from ..analysis.trace import Selection

    if open_page and html is None:
        raise Pair("--open: expected beside --html", got="no page", added="--html page.html")
    part = {"--ndjson": ndjson, "--all": all, "--direction": direction, "--step": step}
    other = {**part, "--form": form, "--values": values, "--html": html,
             **numbers.drawing, **gradients.asked}  # fmt: skip
    if program is None:
        refuse_alone(sets, shapes)
    else:
        refuse_beside(network, program)
        asked = Asked(program, sets, shapes)
        if layer is None:
            trace_program(asked, {"--picture": picture, **other, **numbers.sources}, json, output)
            return
        network, layer = asked.network(layer), None
    number = _layer_number(layer)
    chosen = {"--json": json, "--layer": number, **part}
    if picture:
        from ..show.pictures.terminal import picture_lines

        refuse("--picture", chosen | other, "since it draws every layer and step, in shapes")
        subject = numeric_trace(network, numbers) if numbers.asked else network.trace()
        write_text(picture_lines(subject, columns_of(None if output else sys.stdout)), output)
        return
    if html is not None:
        loss = {} if gradients.backward else gradients.asked
        why = "since the page holds every layer and step, in a file of its own"
        refuse("--html", {**chosen, **loss, "-o": output}, why)
    check_form(form, {**numbers.sources, "--weights": None, **gradients.asked}, decoder)
    refuse("--json", {"--ndjson": json and ndjson}, "which is lines of JSON")
    with_numbers = asks_for_numbers(values, numbers, gradients)
    selection = Selection(number, direction, step, folded=not (all or json or ndjson))
    if form is not None:
        a = arranged(network, form, decoder, numbers.weights)
        if html is None:
            drawn = form_numbers(a, numbers) if with_numbers else None
            trace_form(a, selection, drawn, json, ndjson, output)
            return
        subject = a.whole
    elif with_numbers:
        subject = subject_of(network, numbers, gradients)
    else:
        subject = gradients.wanted(network.trace())
    if html is not None:
        trace_page(subject, html, open_page)
        return
    trace_steps(subject, selection, json, ndjson, output)


def trace_program(asked: Asked, beside: dict[str, Any], json: bool, output: str | None) -> None:
    """A program's lines with their shapes. Raises UsageError beside what shows one layer."""
    option = first_set(beside)
    if option is not None:
        words = f"{option}: expected beside --layer, since it shows one layer"
        added = f"--layer {quoted(asked.names[0])}" if asked.names else ""
        raise Pair(words, *(() if added else (option,)), got="a whole program", added=added)
    asked.put(json, output)


def _layer_number(layer: str | None) -> int | None:
    """--layer of a network that options describe."""
    if layer is None:
        return None
    try:
        return int(layer)
    except ValueError:
        raise UsageError(
            "--layer: expected a whole number; a name is of a program",
            got=repr(layer[:40]),
            fix="--layer 0, or rnnshape trace model.py --layer self.lstm",
        ) from None


def asks_for_numbers(values: bool, numbers: Numbers, gradients: Gradients) -> bool:
    """Whether the walk goes over numbers; refuses how they are drawn where there are none."""
    if values or numbers.asked or gradients.files:
        return True
    option = first_set(numbers.drawing)
    if option is not None:
        words = f"{option}: expected beside --values, since shapes need no numbers"
        raise Pair(words, got="no numbers", added="--values")
    return False


def subject_of(network: Network, numbers: Numbers, gradients: Gradients) -> Trace:
    """The network over numbers, with the backward that is asked for."""
    with waiting("numbers"):
        return gradients.numbers(numeric_trace(network, numbers, walked=True), numbers.seed)


def trace_steps(
    subject: Trace, selection: Selection, json: bool, ndjson: bool, output: str | None
) -> None:
    """The walk for a person, as one JSON document, or an object a line while it goes on."""
    from ..show.document import trace_lines, trace_ndjson

    selection.check(subject.spec, subject.batch, subject.head)
    if json or ndjson:
        lines = (trace_ndjson if ndjson else trace_lines)(subject, selection)
        write_lines(counted(lines, _steps(subject), "steps", output is not None), output)
        return
    from ..show.text.trace import trace_text

    stream = None if output else sys.stdout
    told = trace_text(subject, selection, columns_of(stream), rows_of(stream))
    write_text(told if subject.feed is None else patient(told, "walking"), output)


def _steps(subject: Trace) -> int | None:
    """The number of steps of the whole walk, without those of a head."""
    spec, length = subject.spec, subject.batch.seq_len
    return spec.num_layers * spec.num_directions * length if isinstance(length, int) else None


def trace_page(subject: Trace, path: str, open_page: bool = False) -> None:
    """Write the page, and open it. Raises UsageError where it cannot be written."""
    from ..show.page.webpage import webpage

    page = webpage(subject).encode()
    write_file(path, lambda file: file.write(page))
    if open_page:
        import webbrowser
        from pathlib import Path

        webbrowser.open(Path(path).resolve().as_uri())
