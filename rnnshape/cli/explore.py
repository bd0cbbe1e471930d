"""rnnshape explore."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from .forms import Decoder, FormName, arranged, check_form, decoder_options
from .options import Module, Network, head_options, refuse
from .output import write_file

if TYPE_CHECKING:
    from ..analysis.trace import Trace


@head_options
@decoder_options
def explore(
    network: Network,
    decoder: Decoder,
    form: FormName = None,
    weights: Annotated[
        str | None, typer.Option(metavar="FILE", help="A weights file, as of rnnshape run.")
    ] = None,
    module: Module = None,
    values: Annotated[bool, typer.Option("--values", help="Begin with numbers.")] = False,
    seed: Annotated[int, typer.Option(help="Of what is drawn, and of the quiz.")] = 0,
    tour: Annotated[bool, typer.Option("--tour", help="A guided tour in fifteen stops.")] = False,
    quiz: Annotated[bool, typer.Option("--quiz", help="Be asked for shapes.")] = False,
) -> None:
    """Walk in the network: a grid of cells, the arrow keys, and what each step computes.

    Example: rnnshape explore --layers 3 --bidirectional
    """
    check_terminal()
    refuse("--tour", {"--quiz": tour and quiz}, "which asks in place of telling")
    check_form(form, {"--weights": weights, "--module": module}, decoder)
    if form is not None:
        trace, parameters = arranged(network, form, decoder).whole, None
    else:
        trace, parameters = _subject(network, weights, module, seed)
    try:
        from ..explore.app import Explorer
    except ModuleNotFoundError as error:
        raise UsageError(
            "explore: expected the package textual", got=str(error), fix="pip install textual"
        ) from None
    from ..explore.session import Session

    session = Session(
        trace,
        values=values or weights is not None,
        weights=parameters,
        seed=seed,
        files=(weights, module),
        save=save,
        guide="tour" if tour else "quiz" if quiz else "",
    )
    program = Explorer(session)
    program.run()
    if program.return_code:
        raise typer.Exit(program.return_code)


def save(path: str, text: str) -> None:
    """Write a file whole or not at all. Raises UsageError."""
    write_file(path, lambda file: file.write(text.encode()))


def _subject(
    network: Network, weights: str | None, module: str | None, seed: int
) -> tuple[Trace, Any]:
    """The network to begin with, and its parameters where a file tells them."""
    if weights is None and module is None:
        return network.trace(), None
    from .numbers import Numbers, numeric_trace

    trace = numeric_trace(network, Numbers(weights=weights, module=module, seed=seed))
    assert trace.feed is not None
    return trace, trace.feed.weights


def check_terminal() -> None:
    """Refuse pipes: the program needs a terminal to draw on and to read keys from."""
    streams = {"input": sys.stdin, "output": sys.stdout, "error": sys.stderr}
    for name, stream in streams.items():
        if not (hasattr(stream, "isatty") and stream.isatty()):
            words = f"explore: expected a terminal as standard {name}"
            fix = "rnnshape trace tells the same walk as text"
            raise UsageError(words, "a pipe or a file", fix)
