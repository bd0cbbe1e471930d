"""rnnshape draw."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError, check_choice
from ..show.pictures import FORMATS, Drawn, in_pixels
from .forms import Decoder, FormName, arranged, check_form, decoder_options
from .numbers import Numbers, number_options, numeric_trace
from .options import Network, OutputFile, Pair, first_set, head_options, refuse
from .output import write_file, write_lines
from .program import Asked, Program, Set, Shape, refuse_alone, refuse_beside

if TYPE_CHECKING:
    from ..analysis.forms import Arrangement

_THEMES = ("auto", "light", "dark")


@head_options
@number_options
@decoder_options
def draw(
    network: Network,
    numbers: Numbers,
    decoder: Decoder,
    program: Program = None,
    sets: Set = None,
    shapes: Shape = None,
    layer: Annotated[
        str | None, typer.Option(help="Of --inside: the layer; of a program: its name or line.")
    ] = None,
    inside: Annotated[
        bool, typer.Option("--inside", help="The inside of one cell: gates, operations, weights.")
    ] = False,
    direction: Annotated[
        str | None, typer.Option(metavar="forward|reverse", help="Of the cell that --inside shows.")
    ] = None,
    step: Annotated[int | None, typer.Option(help="Of the cell that --inside shows.")] = None,
    values: Annotated[
        bool, typer.Option("--values", help="With --inside: how open each gate is.")
    ] = False,
    form: FormName = None,
    stack: Annotated[
        bool, typer.Option("--stack", help="Between layers, all steps as one tensor.")
    ] = False,
    format: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(FORMATS), help="What to write; told by the ending of FILE, else svg."
        ),
    ] = None,
    theme: Annotated[
        str,
        typer.Option(
            metavar="auto|light|dark",
            help="The paper; auto follows the reader's system (png: light).",
        ),
    ] = "auto",
    output: OutputFile = None,
) -> None:
    """Draw the unrolled network, or --inside one cell, every shape in its place.

    Example: rnnshape draw --layers 3 -o rnn.svg
    """
    chosen = _chosen(format, output)
    others = {**numbers.sources, "--weights": None, **numbers.drawing}
    cell = {"--direction": direction, "--step": step, "--values": values}
    others |= {"--inside": inside, "--stack": stack, program or "": program, **cell}
    check_form(form, others, decoder, "since it is drawn whole")
    check_choice("--theme", theme, _THEMES, "light")
    picture = FORMATS[chosen]
    if not picture.themes and theme != "auto":
        words = f"--theme: expected without --format {chosen}, whose colours are its reader's"
        raise Pair(words, "--theme", got=f"--theme {theme}")
    if program is not None:
        refuse_beside(network, program)
        network = Asked(program, sets, shapes).network(layer)
    else:
        refuse_alone(sets, shapes)
    if output is None and chosen in ("svg", "png") and sys.stdout.isatty():
        words = f"--format {chosen}: expected a file, since a terminal shows no pictures"
        raise Pair(words, got="no -o", added=f"-o rnn.{chosen}", note=", or --format text")
    if form is not None:
        drawn = _form(arranged(network, form, decoder, numbers.weights), chosen, theme)
    elif inside:
        refuse("--inside", {"--stack": stack}, "since it is one cell")
        place = None if program is not None else layer
        drawn = _inside(network, numbers, values, chosen, (place, direction, step), theme)
    else:
        option = first_set({**cell, "--layer": None if program else layer, **numbers.drawing})
        if option is not None:
            words = f"{option}: expected beside --inside"
            raise Pair(words, got="the unrolled network", added="--inside")
        from ..show.pictures.unrolled import Unrolled

        subject = numeric_trace(network, numbers) if numbers.asked else network.trace()
        drawn = picture.unrolled(Unrolled(subject, stack=stack), theme)
    if isinstance(drawn, bytes):
        write_file(output or "-", lambda file: file.write(drawn))
    else:
        write_lines(drawn, output)


def _form(arrangement: Arrangement, chosen: str, theme: str) -> Drawn:
    """A form as SVG or PNG."""
    from ..show.pictures.forms import form_lines

    check_choice("--format", chosen, ("svg", "png"), "svg")
    return (form_lines if chosen == "svg" else in_pixels(form_lines))(arrangement, theme)


def _inside(
    network: Network,
    numbers: Numbers,
    values: bool,
    chosen: str,
    place: tuple[str | None, str | None, int | None],
    theme: str,
) -> Drawn:
    """The inside of one cell, over numbers where they are asked for."""
    from ..show.pictures.inside import inside

    draw_it = FORMATS[chosen].inside
    if draw_it is None:
        raise Pair(f"--format {chosen}: expected without --inside", "--inside")
    layer, direction, step = place
    if layer is not None and not layer.isdecimal():
        raise UsageError("--layer: expected the number of a layer", got=repr(layer[:40]),
                         fix="--layer 0")  # fmt: skip
    trace = numeric_trace(network, numbers) if values or numbers.asked else network.trace()
    return draw_it(inside(trace, int(layer or 0), direction or "forward", step), theme)


def _chosen(format: str | None, output: str | None) -> str:
    """The format: the one that was named, or the one that the file's name says."""
    if format is not None:
        check_choice("--format", format, FORMATS, "svg")
        return format
    name, _, ending = (output or "").rpartition(".")
    for known, picture in FORMATS.items():
        if ending.lower() in picture.endings:
            return known
    if name and "/" not in ending:
        known = ", ".join(f".{end}" for picture in FORMATS.values() for end in picture.endings)
        raise UsageError(
            f"-o: expected a name that ends in {known}",
            got=f".{ending[:20]}",
            fix=f"-o {name}.svg, or --format svg for any name",
        )
    return "svg"
