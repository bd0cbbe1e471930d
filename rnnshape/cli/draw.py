"""rnnshape draw."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from .options import Network, OutputFile, check_choice, head_options
from .output import write_file, write_lines
from .program import Asked, Program, Set, Shape, refuse_alone, refuse_beside

if TYPE_CHECKING:
    from ..show.pictures.unrolled import Unrolled

_FORMATS = ("svg", "png", "mermaid", "dot")
_THEMES = ("auto", "light", "dark")


@head_options
def draw(
    network: Network,
    program: Program = None,
    sets: Set = None,
    shapes: Shape = None,
    layer: Annotated[
        str | None, typer.Option(help="Of a program: the layer, by its name or line.")
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            metavar="svg|png|mermaid|dot",
            help="What to write; told by the ending of FILE, else svg.",
            autocompletion=lambda: list(_FORMATS),
        ),
    ] = None,
    theme: Annotated[
        str,
        typer.Option(
            metavar="auto|light|dark",
            help="The paper; auto follows the reader's system (png: light).",
            autocompletion=lambda: list(_THEMES),
        ),
    ] = "auto",
    output: OutputFile = None,
) -> None:
    """Draw the unrolled network: layers upwards, time to the right, every shape in its place.

    Example: rnnshape draw --layers 3 -o rnn.svg
    """
    from ..show.pictures.unrolled import Unrolled

    chosen = _chosen(format, output)
    check_choice("--theme", theme, _THEMES, "light")
    if chosen == "mermaid" and theme != "auto":
        raise UsageError(
            "--theme: expected without --format mermaid, whose colours are its reader's",
            got=f"--theme {theme}",
            fix="leave out --theme",
        )
    if program is not None:
        refuse_beside(network.given, program)
        network = Asked(program, sets, shapes).network(layer or "")
    else:
        refuse_alone(sets, shapes)
    unrolled = Unrolled(network.trace())
    if chosen == "mermaid":
        from ..show.pictures.graphs import mermaid_lines

        write_lines(mermaid_lines(unrolled), output)
    elif chosen == "dot":
        from ..show.pictures.graphs import dot_lines

        write_lines(dot_lines(unrolled, "dark" if theme == "dark" else "light"), output)
    elif chosen == "svg":
        from ..show.pictures.scene import Scene
        from ..show.pictures.svg import svg_lines

        write_lines(svg_lines(Scene(unrolled), theme), output)
    else:
        _put_png(unrolled, "dark" if theme == "dark" else "light", output)


def _chosen(format: str | None, output: str | None) -> str:
    """The format: the one that was named, or the one that the file's name says."""
    if format is None:
        endings = {"png": "png", "mmd": "mermaid", "mermaid": "mermaid", "dot": "dot", "gv": "dot"}
        return endings.get((output or "").rpartition(".")[2].lower(), "svg")
    check_choice("--format", format, _FORMATS, "svg")
    return format


def _put_png(unrolled: Unrolled, theme: str, output: str | None) -> None:
    from ..show.pictures.png import png
    from ..show.pictures.scene import Scene
    from ..show.pictures.svg import svg_lines

    if output is None and sys.stdout.isatty():
        raise UsageError(
            "--format png: expected a file, since a terminal shows no pixels",
            got="no -o",
            fix="-o rnn.png",
        )
    picture = png("\n".join(svg_lines(Scene(unrolled), theme)))
    write_file(output or "-", lambda file: file.write(picture))
