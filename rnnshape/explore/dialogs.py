"""What covers the screen: the keys, the dialog of the exports, and that it is too small."""

from __future__ import annotations

import os
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, Label, OptionList, Static

from ..errors import UsageError
from ..show.notation import Line
from ..show.screen import wrapped
from .board import SMALLEST, Board
from .export import writers
from .session import Session

_ABOUT = {
    ".json": "JSON: every step, as rnnshape trace --json writes it",
    ".svg": "SVG: the picture",
    ".html": "HTML: the page to walk in, for a browser",
    ".sh": "the command line that leads here",
    ".py": "torch code of this network",
}
_SHORT = (".sh", ".py")  # shown and copied before they are written


class Covering(ModalScreen[None]):
    """Lines over all; any key that does not scroll them closes it."""

    def __init__(self, lines: list[Line]) -> None:
        super().__init__()
        self._lines = lines

    def compose(self) -> ComposeResult:
        """The lines, as wide as there is room."""
        with VerticalScroll():
            yield Board(self._wrapped, "covering")

    def _wrapped(self, width: int, _: int) -> list[Line]:
        return [part for row in self._lines for part in wrapped(row, width, 14)]

    def on_key(self, event: events.Key) -> None:
        """Close."""
        if event.key not in ("up", "down", "pageup", "pagedown", "home", "end"):
            event.stop()
            self.dismiss()


class Small(Screen[None]):
    """What stands there while the terminal is too small."""

    BINDINGS: ClassVar = [("q", "app.quit", "quit")]

    def compose(self) -> ComposeResult:
        """One line."""
        yield Board(self._words, "small")

    def _words(self, width: int, _: int) -> list[Line]:
        now, least = ("×".join(map(str, size)) for size in (self.app.size, SMALLEST))
        return [[(f"too small: {now}, at least {least}"[:width], "note")]]


class Exporting(ModalScreen[None]):
    """The dialog: a list of what can be written, then the name of the file."""

    AUTO_FOCUS = "*"
    BINDINGS: ClassVar = [("escape", "dismiss", "leave")]
    CSS = """
    #name, #text { display: none; }
    #text { height: auto; max-height: 12; }
    OptionList, OptionList:focus { border: none; padding: 0; height: auto; }
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._writers = writers(*session.files)
        self._names = list(self._writers)
        self._chosen = 0

    def compose(self) -> ComposeResult:
        """What can be written; the name, and the text of what is short."""
        with Vertical():
            yield Label("export", id="about")
            yield OptionList(*(_ABOUT.get(os.path.splitext(n)[1], n) for n in self._names),
                             markup=False)  # fmt: skip
            yield Input(id="name", compact=True)
            with VerticalScroll(id="text"):
                yield Static(id="content", markup=False)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Ask for the name; what is short is shown, and copied where the terminal allows it."""
        default = self._names[event.option_index]
        self._chosen = event.option_index
        self.query_one(OptionList).display = False
        self.query_one("#about", Label).update("Enter writes it, in place of a file of that name")
        name = self.query_one("#name", Input)
        name.value, name.display = free_name(default), True
        name.focus()
        if os.path.splitext(default)[1] in _SHORT:
            text = self._writers[default](self._session.trace)
            self.query_one("#text").display = True
            self.query_one("#content", Static).update(text)
            self.app.copy_to_clipboard(text)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Write the file; where that fails it is said, and asked again."""
        event.stop()
        session, path = self._session, os.path.expanduser(event.value.strip())
        content = self._writers[self._names[self._chosen]](session.trace)
        assert session.save is not None
        try:
            session.save(path, content)
        except UsageError as error:
            self.query_one("#about", Label).update(Content(str(error)))
            return
        size = len(content.encode())
        session.message = [[("✓ ", "good"), (f"wrote {path}, {size:,} bytes", "")]]
        self.dismiss()


def free_name(default: str) -> str:
    """The default name of a file, with a number where there is one of that name."""
    base, suffix = os.path.splitext(default)
    name, number = default, 1
    while os.path.exists(name):
        number += 1
        name = f"{base}-{number}{suffix}"
    return name
