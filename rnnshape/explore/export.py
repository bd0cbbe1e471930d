"""What the program writes of a trace, and the dialog that asks for the file."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from ..analysis.trace import Selection, Trace
from ..network.batch import Batch
from ..network.constructor import ARGUMENTS
from ..show.notation import Line
from .heading import Edit

Writer = Callable[[Trace], str]  # the whole text of a file
Writers = Mapping[str, Writer]  # by the name that the file has unless another is typed

_ABOUT = {
    ".json": "JSON: every step, as rnnshape trace --json writes it",
    ".svg": "SVG: the picture",
    ".html": "HTML: the page to walk in, for a browser",
    ".sh": "the command line that leads here",
    ".py": "torch code of this network",
}
_SHORT = (".sh", ".py")  # shown and copied before they are written


@dataclass(frozen=True)
class Export:
    """The dialog: a list of what can be written, then the name of the file."""

    writers: Writers
    chosen: int = 0
    name: Edit | None = None
    text: str | None = None  # of what is short enough to be shown

    @property
    def names(self) -> list[str]:
        """The default file names, in their order."""
        return list(self.writers)

    def moved(self, by: int) -> Export:
        """With another line chosen."""
        return replace(self, chosen=(self.chosen + by) % len(self.names))

    def opened(self, trace: Trace) -> Export:
        """With a file name to type; what is short is written out already."""
        default = self.names[self.chosen]
        base, suffix = os.path.splitext(default)
        name, number = default, 1
        while os.path.exists(name):
            number += 1
            name = f"{base}-{number}{suffix}"
        text = self.writers[default](trace) if suffix in _SHORT else None
        return replace(self, name=Edit("file", name, len(name)), text=text)

    def renamed(self, name: Edit) -> Export:
        """With the file name as it is being typed."""
        return replace(self, name=name)

    def content(self, trace: Trace) -> str:
        """The text of the file."""
        return self.text if self.text is not None else self.writers[self.names[self.chosen]](trace)

    def lines(self) -> list[Line]:
        """The dialog."""
        lines: list[Line] = [[("export", "title")], []]
        if self.name is None:
            for number, name in enumerate(self.names):
                about = _ABOUT.get(os.path.splitext(name)[1], name)
                mark = "▸" if number == self.chosen else " "
                kind = "|edit" if number == self.chosen else ""
                lines.append([(f" {mark} {number + 1} ", "|key"), (f" {about} ", kind)])
            lines += [[], [(" ↑↓ choose  Enter goes on  Esc leaves", "note")]]
            return lines
        lines += [[(" file: ", ""), *self.name.pieces()], []]
        lines.append([(" Enter writes it (a file of that name is replaced)  Esc leaves", "note")])
        if self.text is not None:
            lines += [[(" copied, where the terminal lets programs copy:", "note")], []]
            lines += [[(f"  {row}", "")] for row in self.text.rstrip("\n").split("\n")]
        return lines


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
