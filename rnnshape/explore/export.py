"""What the program writes of a trace."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from ..analysis.trace import Selection, Trace
from ..network.batch import Batch
from ..network.constructor import ARGUMENTS, option_of


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
    for name, value in options(trace).items():
        if isinstance(value, bool):
            words.append(option_of(name, value))
        else:
            words += [option_of(name), str(value)]
    if trace.feed is not None:
        words.append("--values")
        if weights is not None:
            words += ["--weights", weights, *(["--module", module] if module else [])]
    return shlex.join(words)


def options(trace: Trace) -> dict[str, Any]:
    """By name, the options that lead to this network and batch; none that has its default."""
    spec, batch, head, plain = trace.spec, trace.batch, trace.head, Batch()
    found = {
        name: getattr(spec, name)
        for name, argument in ARGUMENTS.items()
        if getattr(spec, name) != argument.default
    }
    if batch.lengths is not None:
        found["lengths"] = ",".join(map(str, batch.lengths))
    elif batch.unbatched:
        found["unbatched"] = True
    elif batch.size != plain.size:
        found["batch_size"] = batch.size
    if batch.seq_len != plain.seq_len and not batch.packed and not spec.single:
        found["seq_len"] = batch.seq_len
    if head is not None:
        found["output_size"] = head.size
        if head.activation != "none":
            found["output_activation"] = head.activation
        if head.at != "every":
            found["output_at"] = head.at
    return found


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
