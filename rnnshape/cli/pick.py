"""rnnshape pick."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .options import Json, Network, OutputFile, Pair, network_options
from .output import write_json, write_text


@network_options
def pick(
    network: Network,
    of: Annotated[
        str,
        typer.Option(
            metavar="QUESTION", help="last, both-directions, layer, decoder-h0 or sample."
        ),
    ] = "last",
    layer: Annotated[
        int | None, typer.Option(help="With --of layer: from 0; -1 is the last.", show_default="-1")
    ] = None,
    direction: Annotated[
        str | None, typer.Option(metavar="forward|reverse", help="With --of layer: one alone.")
    ] = None,
    sample: Annotated[
        int | None, typer.Option(help="With --of sample: from 0.", show_default="0")
    ] = None,
    bridge: Annotated[
        str | None,
        typer.Option(
            metavar="concat|sum|forward", help="With --of decoder-h0.", show_default="concat"
        ),
    ] = None,
    json: Json = False,
    file: OutputFile = None,
) -> None:
    """Print the code that takes what you want from output, hn and cn, and its shape.

    last: output at each sequence's last step. both-directions: what the last layer ends with.
    layer: what one layer ends with. decoder-h0: a decoder's initial state. sample: every step of
    one sample. The code is checked in numbers on a small network of the same kind.

    Example: rnnshape pick --of decoder-h0 --cell lstm --layers 2 --bidirectional
    """
    from ..doctor.pick import Wanted
    from ..doctor.pick import pick as answer

    _check_alone(of, {"layer": layer, "direction": direction, "sample": sample, "bridge": bridge})
    picked = answer(
        Wanted(
            spec=network.spec,
            batch=network.batch,
            of=of,
            layer=-1 if layer is None else layer,
            direction=direction,
            sample=sample or 0,
            bridge="concat" if bridge is None else bridge,
        )
    )
    from ..show.document import pick_document

    document = pick_document(picked)
    if json:
        write_json(document, file)
    else:
        from ..show.text.doctor import pick_text

        write_text(pick_text(document), file)
    if not picked.ok:
        raise typer.Exit(1)


_OWNERS = {"layer": "layer", "direction": "layer", "sample": "sample", "bridge": "decoder-h0"}


def _check_alone(of: str, options: dict[str, Any]) -> None:
    """Refuse an option of another question."""
    for name, value in options.items():
        owner = _OWNERS[name]
        if value is not None and of != owner:
            words = f"--{name}: expected with --of {owner}"
            raise Pair(words, got=f"--of {of[:40]}", added=f"--of {owner}")
