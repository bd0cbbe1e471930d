"""What the program writes: the writers come from outside, the dialog is here."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ..analysis.trace import Trace
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
