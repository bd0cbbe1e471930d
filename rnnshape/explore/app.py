"""The program on the terminal: what a session says, in Textual's widgets."""

from __future__ import annotations

import gc
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding
from textual.containers import Container, VerticalScroll
from textual.screen import Screen
from textual.theme import BUILTIN_THEMES
from textual.timer import Timer
from textual.widgets import Footer

from ..show.notation import Line
from ..show.screen import wrapped
from .board import SMALLEST, Board
from .grid import Drawn, draw
from .heading import Heading, heading
from .keys import KEYS, help_lines
from .lines import paragraph
from .panel import step_lines
from .session import RATES, Session

if TYPE_CHECKING:
    from textual.widgets import Input

_FRAMES = 30  # a second, at most, while the walk plays
_NARROW = 66  # columns below which the panel stands under the grid
_LOW = 32  # rows up to which a tour has no room for the fields
_VEILED = "Shapes are hidden until you have answered."
_CHOOSING = "←→ choose  ↑↓ change  Enter type  Esc back"
_TYPING = "Enter takes it  Esc leaves it as it was"


_NEUTRAL = {
    "border": "ansi_default", "border-blurred": "ansi_bright_black",
    "scrollbar": "ansi_bright_black", "scrollbar-hover": "ansi_bright_black",
    **dict.fromkeys(("scrollbar-background", "scrollbar-background-hover",
                     "scrollbar-background-active", "block-hover-background",
                     "ansi-background"), "ansi_default"),
    "footer-key-foreground": "ansi_default", "ansi-foreground": "ansi_default",
}  # fmt: skip


class Explorer(App[None]):
    """The explorer of a session."""

    TITLE = "rnnshape explore"
    AUTO_FOCUS = ""  # the keys are the walk's until something is typed
    CSS = """
    Board { height: auto; }
    #body { height: 1fr; layout: horizontal; }
    #grid { width: 1fr; height: 1fr; }
    #panel { width: 35%; min-width: 28; max-width: 76; scrollbar-size-vertical: 1; }
    #typed { display: none; }
    .narrow #body { layout: vertical; }
    .narrow #grid { height: 3fr; width: 100%; }
    .narrow #panel, .opened #panel { height: 2fr; width: 100%; max-width: 100%; }
    .typing #typed { display: block; }
    FooterKey .footer-key--key { padding: 0; }
    FooterKey .footer-key--description { padding: 0 1; }
    .opened #heading, .opened #grid, .typing Footer { display: none; }
    ModalScreen > * { width: 90%; max-width: 100; height: auto; max-height: 90%; padding: 0 1;
                      border: round; margin: 1 2; }
    """
    BINDINGS: ClassVar = [
        Binding(key.keys, f"press({key.action!r}, {key.argument!r})", key.foot or key.text,
                show=bool(key.foot), key_display=key.shown or None, tooltip=key.text,
                priority=key.keys in ("tab", "ctrl+c"))
        for key in KEYS
    ]  # fmt: skip

    def __init__(self, session: Session) -> None:
        super().__init__(ansi_color=True)  # the terminal's own colours, light or dark
        own = BUILTIN_THEMES.get("ansi-light")
        if own is not None:  # Textual's own widgets too
            self.register_theme(replace(own, name=self.TITLE, variables=own.variables | _NEUTRAL))
            self.theme = self.TITLE
        self.session = session
        self._heading = Heading([], [])
        self._drawn = Drawn([], [], session.window)
        self._asked = ""  # what is being typed
        self._clock: Timer | None = None  # runs while the walk does
        self._owed = 0.0  # steps that the playing walk is behind

    def compose(self) -> ComposeResult:
        """The heading, the grid with the panel beside it, what is said, and the keys."""
        yield Board(self._top, "heading")
        with Container(id="body"):
            yield Board(self._grid, "grid")
            with VerticalScroll(id="panel", can_focus=False):
                yield Board(self._step, "step")
        yield Board(self._said, "said")
        yield Footer()

    async def on_mount(self) -> None:
        """Begin with what is to be typed, with the walk in numbers, or inside a cell."""
        if self.session.asks or self.session.walking or self.session.inner:
            await self.show()

    def on_resize(self, event: events.Resize) -> None:
        """The panel under the grid where the terminal is narrow; nothing where it is too small."""
        self.screen_stack[0].set_class(event.size.width < _NARROW, "narrow")
        small = event.size.width < SMALLEST[0] or event.size.height < SMALLEST[1]
        if small is not (self.screen.id == "too-small"):
            from .dialogs import Small

            if small:
                self.push_screen(Small(id="too-small"))
            else:
                self.pop_screen()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """What the palette offers: Textual's own, and what the keys do."""
        yield from super().get_system_commands(screen)
        for key in KEYS:
            if key.shown and key.action not in ("help", "quit"):
                act = partial(self.action_press, key.action, key.argument)
                yield SystemCommand(f"{key.foot or key.text} ({key.shown})", key.text, act)

    # what the widgets show

    def _top(self, width: int, _: int) -> list[Line]:
        session = self.session
        roomy = self.size.height > _LOW or session.chosen is not None or session.tour is None
        self._heading = heading(
            session.view, width, session.note, session.chosen, session.veiled, roomy
        )
        return self._heading.lines

    def _grid(self, width: int, height: int) -> list[Line]:
        session = self.session
        shade = session.gradient.shade if session.gradient and session.flowing else None
        self._drawn = draw(session.view, width, height, session.window, session.veiled, shade)
        session.window = self._drawn.window
        return self._drawn.lines

    def _step(self, width: int, _: int) -> list[Line]:
        session, spec = self.session, self.session.view.trace.spec
        if session.veiled:
            return paragraph(_VEILED, width, "note")
        step = session.step()
        if not session.inner:
            return step_lines(session.view, step, width)
        from ..show.pictures.inside import of_step, text_lines

        return list(text_lines(of_step(step, spec)))

    def _said(self, width: int, _: int) -> list[Line]:
        session = self.session
        guide = session.tour or session.quiz
        lines = guide.lines(width) if guide else []
        if session.chosen is not None:
            words = f"{session.asks}: {_TYPING}" if session.asks else _CHOOSING
            lines.append([(words[:width], "note")])
        if session.flowing and not session.message:
            from .gradient import about

            lines.append(about(session.view.trace))
        return [*lines, *(part for row in session.message for part in wrapped(row, width, 2))]

    async def show(self) -> None:
        """Show what the session says."""
        session = self.session
        if session.ended:
            self.exit(return_code=130 if session.interrupted else 0)
            return
        screen = self.screen_stack[0]
        screen.set_class(session.inner, "opened")
        if session.asks != self._asked:
            self._asked = session.asks
            await self._ask(screen)
        boards = [*screen.query(Board)]
        # where one grows, the others have another size soon, and are drawn then
        laid = [board.show() and board.parent is screen for board in boards if board.grows]
        for board in boards:
            if not board.grows:
                board.show(soon=any(laid))
        if session.playing or session.walking:
            if self._clock is None:
                self._clock = self.set_interval(1 / _FRAMES, self._tick)
            self._clock.resume()

    async def _ask(self, screen: Screen[object]) -> None:
        """The line for what is to be typed; it is there from the first time on."""
        from textual.widgets import Input

        if not screen.query(Input):
            await screen.mount(
                Input(id="typed", compact=True, select_on_focus=False), after="#said"
            )
        typed = screen.query_one(Input)
        typed.value = self.session.begun
        typed.cursor_position = len(typed.value)
        screen.set_class(bool(self._asked), "typing")
        screen.set_focus(typed if self._asked else None)

    async def _tick(self) -> None:
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
            gc.freeze()  # else a key would wait for a collection over all that was walked
        await self.show()

    # what happens

    async def action_press(self, action: str, argument: str) -> None:
        """A key of the table."""
        if action == "interrupt" or len(self.screen_stack) == 1:
            self._press(action, argument)
            await self.show()

    def _press(self, action: str, argument: str) -> None:
        if action == "help":
            from .dialogs import Covering

            self.push_screen(Covering(help_lines()))
        elif action == "export":
            from .dialogs import Exporting

            self.push_screen(Exporting(self.session), self._exported)
        elif action == "scroll":
            scrolled = self.query_one("#panel")
            by = scrolled.scroll_page_down if argument == "down" else scrolled.scroll_page_up
            by(animate=False)
        else:
            self.session.act(action, argument)

    async def _exported(self, _: None) -> None:
        await self.show()

    async def on_key(self, event: events.Key) -> None:
        """A digit begins to type the size that is chosen."""
        if event.character and event.character.isdigit() and len(self.screen_stack) == 1:
            self.session.begin(event.character)
            await self.show()

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        """What was typed is taken, or answers the question."""
        self.session.submit(event.value)
        await self.show()

    async def on_click(self, event: events.Click) -> None:
        """Go to a cell, or change a field."""
        session = self.session
        if event.widget is None or len(self.screen_stack) > 1:
            return
        if event.widget.id == "grid" and (cell := self._drawn.cell(event.x, event.y)):
            session.click_cell(*cell)
        elif event.widget.id == "heading" and (name := self._heading.field(event.x, event.y)):
            session.click_field(name)
        await self.show()

    async def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Walk on along time."""
        await self.action_press("move", "right")

    async def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The same, back."""
        await self.action_press("move", "left")
