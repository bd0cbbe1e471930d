"""What the program writes of a trace."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from dataclasses import replace

from ..analysis.trace import Selection, Trace
from ..network.batch import Batch
from ..network.constructor import ARGUMENTS


def writers(weights: str | None, module: str | None) -> dict[str, Callable[[Trace], str]]:
    """By default file name: JSON, SVG, HTML, the command line and torch code of a trace."""
    return {
        "rnnshape.json": _json,
        "rnnshape.svg": _svg,
        "rnnshape.html": _html,
        "rnnshape.sh": lambda trace: command_line(trace, weights, module) + "\n",
        "rnnshape.py": _code,
    }


def command_line(trace: Trace, weights: str | None = None, module: str | None = None) -> str:
    """The command that traces this network: what differs from the defaults is named."""
    words = ["rnnshape", "trace"]
    spec, batch = trace.spec, trace.batch
    for name, argument in ARGUMENTS.items():
        value = getattr(spec, name)
        if value == argument.default:
            continue
        if isinstance(value, bool):
            words.append(argument.option if value else argument.negated)
        else:
            words += [argument.option, str(value)]
    if batch.lengths is not None:
        words += ["--lengths", ",".join(map(str, batch.lengths))]
    elif batch.unbatched:
        words.append("--unbatched")
    plain = Batch()
    sizes = {"--batch-size": (batch.size, plain.size), "--seq-len": (batch.seq_len, plain.seq_len)}
    for option, (size, default) in sizes.items():
        told = batch.packed or (batch.unbatched and option == "--batch-size")
        if size != default and not told:
            words += [option, str(size)]
    if trace.head is not None:
        words += ["--output-size", str(trace.head.size)]
        if trace.head.activation != "none":
            words += ["--output-activation", trace.head.activation]
        if trace.head.at != "every":
            words += ["--output-at", trace.head.at]
    if trace.feed is not None:
        words.append("--values")
        if weights is not None:
            words += ["--weights", weights, *(["--module", module] if module else [])]
    return shlex.join(words)


def _joined(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"


def _json(trace: Trace) -> str:
    from ..show.document import trace_lines

    return _joined(trace_lines(trace, Selection()))


def _svg(trace: Trace) -> str:
    from ..show.pictures.scene import Scene
    from ..show.pictures.svg import svg_lines
    from ..show.pictures.unrolled import Unrolled

    return _joined(svg_lines(Scene(Unrolled(replace(trace, feed=None))), "auto"))


def _html(trace: Trace) -> str:
    from ..show.page.webpage import webpage

    return webpage(trace)


def _code(trace: Trace) -> str:
    from ..models.code.write import code

    return code(trace.spec, trace.batch).rstrip("\n") + "\n"
