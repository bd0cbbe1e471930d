"""rnnshape explain."""

from __future__ import annotations

import sys
from collections import deque
from os.path import isfile
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from ..errors import UsageError
from .options import Json, Network, Pair, network_options, reason, standard_input
from .output import write_json, write_text

_CHUNK = 1 << 20
_MOST_CHUNKS = 64  # of the beginning, and as many of the end; an error stands at either
_LARGEST_SOURCE = 200_000  # bytes of a script that is looked into


@network_options
def explain(
    network: Network,
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="MESSAGE",
            help="The message; or a file, or - for standard input, with a traceback.",
        ),
    ] = None,
    json: Json = False,
    list: Annotated[bool, typer.Option("--list", help="Every message that has a rule.")] = False,
) -> None:
    """Name the causes of an error, most likely first: why, the mend as code, and a proof.

    Ends with 1 where no rule knows the error. Options tell what you know of the network. A script
    that the traceback names is looked into, if it is at hand, for how its layers are built.

    Example: python train.py 2>&1 | rnnshape explain
    """
    if list:
        option = network.first(*network.options)
        if option or text is not None:
            words = "--list: expected alone, since it lists every message that has a rule"
            raise Pair(words, option or text or "", "--list", got=option or "a message")
        from ..doctor.explain import table
        from ..show.document import rules_document
        from ..show.text.explain import table_text

        if json:
            write_json(rules_document(table()))
        else:
            write_text(table_text(table()))
        return
    from ..doctor.explain import explain as answer
    from ..show.document import explain_document

    document = explain_document(answer(_read(text), _stated(network), _source))
    if json:
        write_json(document)
    else:
        from ..show.text.explain import explain_text

        write_text(explain_text(document))
    if not document["recognised"]:
        raise typer.Exit(1)


def _stated(network: Network) -> dict[str, Any]:
    """What the command line says of network and batch. Raises UsageError where torch refuses it."""
    arguments = network.arguments
    if arguments:
        _ = network.spec
    sizes = {name: network.size(name) for name in ("batch_size", "seq_len")}
    if network.lengths:
        sizes = {"batch_size": len(network.lengths), "seq_len": max(network.lengths)}
    return arguments | {name: size for name, size in sizes.items() if size is not None}


def _read(text: str | None) -> str:
    """The text itself, that of a file, or standard input."""
    from ..doctor.read import decode

    if text is None and (sys.stdin is None or sys.stdin.isatty()):
        raise UsageError(
            "explain: expected a message, a file, or something on standard input",
            fix="python train.py 2>&1 | rnnshape explain",
        )
    if text is None or text == "-":
        source = standard_input("explain")
        stream = getattr(source, "buffer", None)
        return source.read() if stream is None else decode(_ends(stream))
    # a message has words; what has none is the name of a file
    if not text or "\n" in text or len(text) > 1000 or (" " in text and not isfile(text)):
        return text
    try:
        from ..programs.source import opened

        with opened(text) as file:
            return decode(_ends(file))
    except (OSError, ValueError) as error:
        raise UsageError(
            "explain: expected a message, or a text file that can be read",
            got=f"{text!r}: {reason(error)}",
            fix='rnnshape explain "RuntimeError: Expected hidden size (1, 3, 20), got [1, 7, 20]"',
        ) from None


def _ends(stream: IO[bytes]) -> bytes:
    """All of a stream, or its two ends where it is very long."""
    first: list[bytes] = []
    last: deque[bytes] = deque(maxlen=_MOST_CHUNKS)
    while chunk := stream.read(_CHUNK):
        (first if len(first) < _MOST_CHUNKS else last).append(chunk)
    return b"".join([*first, *last])


def _source(file: str) -> str | None:
    """The text of a script that a traceback names."""
    try:
        path = Path(file)
        if path.suffix != ".py" or not path.is_file() or path.stat().st_size > _LARGEST_SOURCE:
            return None
        return path.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return None
