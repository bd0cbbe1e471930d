"""The program on the terminal: what a session says, laid out and drawn by Textual."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.app import App, ComposeResult
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from ..show.notation import Line
from .lines import strip
from .screen import Page
from .session import RATES, Session

_FRAMES = 30  # a second, at most, while the walk plays


class Board(Widget):
    """All of the screen: lines, of which those that have changed are drawn anew."""

    def __init__(self, lines: Callable[[int, int], list[Line]]) -> None:
        super().__init__()
        self._lines_of = lines  # what is to be shown, by width and height
        self._drawn_for = Size(0, 0)
        self.styles.width = self.styles.height = "100%"
        self._lines: list[Line] = []

    def show(self) -> None:
        """Show what there is to be shown now."""
        before, lines = self._lines, self._lines_of(*self.size)
        self._lines, self._drawn_for = lines, self.size
        width = self.size.width
        changed = [
            Region(0, y, width, 1)
            for y in range(max(len(lines), len(before)))
            if lines[y : y + 1] != before[y : y + 1]
        ]
        if changed:
            self.refresh(*changed)

    def render_line(self, y: int) -> Strip:
        """One row; the first that is drawn in another size finds all of them."""
        if self._drawn_for != self.size:
            self._lines, self._drawn_for = self._lines_of(*self.size), self.size
        return strip(self._lines[y] if y < len(self._lines) else [], self.size.width)


class Explorer(App[None]):
    """The explorer of a session."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar = []

    def __init__(self, session: Session) -> None:
        super().__init__(ansi_color=True)  # the terminal's own colours, light or dark
        self.session = session
        self.page = Page(session)
        self._board = Board(self.page.lines)
        self._clock: Timer | None = None  # runs while the walk does
        self._owed = 0.0  # steps that the playing walk is behind

    def compose(self) -> ComposeResult:
        """One widget."""
        yield self._board

    def on_mount(self) -> None:
        """Walk on in numbers, where the program begins with them."""
        self._run_clock()

    def on_key(self, event: events.Key) -> None:
        """Every key goes to the session."""
        event.stop()
        event.prevent_default()
        self.session.key(event.key, event.character)
        self._redraw()

    def on_paste(self, event: events.Paste) -> None:
        """So does what is pasted."""
        self.session.paste(event.text)
        self._redraw()

    def on_click(self, event: events.Click) -> None:
        """Go to a cell, change a field, or close what covers them."""
        self.page.click(event.screen_x, event.screen_y)
        self._redraw()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Say the number below the mouse."""
        if self.page.hover(event.screen_x, event.screen_y):
            self._redraw()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Read on in the panel, or walk on along time."""
        self.page.wheel(event.screen_x, event.screen_y, 1)
        self._redraw()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The same, back."""
        self.page.wheel(event.screen_x, event.screen_y, -1)
        self._redraw()

    def _tick(self) -> None:
        """While the walk plays, or goes on in numbers."""
        session = self.session
        more = session.walk_on()
        if session.playing:
            self._owed += RATES[session.rate] / _FRAMES
            steps = int(self._owed)
            self._owed -= steps
            session.tick(steps)
        if self._clock is not None and not session.playing and not more:
            self._clock.pause()
        self._redraw()

    def _redraw(self) -> None:
        """Show what the session says."""
        session = self.session
        if session.ended:
            self.exit(return_code=130 if session.interrupted else 0)
            return
        if session.copied is not None:
            self.copy_to_clipboard(session.copied)
            session.copied = None
        self._board.show()
        self._run_clock()

    def _run_clock(self) -> None:
        """Let the clock run while the walk plays, or goes on in numbers."""
        if self.session.playing or self.session.walking:
            if self._clock is None:
                self._clock = self.set_interval(1 / _FRAMES, self._tick)
            self._clock.resume()
