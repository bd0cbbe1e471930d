"""The lines of the whole screen, and what the mouse finds on them."""

from __future__ import annotations

from ..engine.walk import HEAD
from ..show.notation import Line
from ..show.screen import wrapped
from .grid import Drawn, draw
from .heading import Heading, heading
from .heat import MapRow
from .keys import foot_line, help_lines
from .lines import beside, cut, paragraph, scrolled
from .panel import step_lines
from .session import Session

_NARROW, _LOW = 66, 32  # columns below which the panel stands under the grid; rows that are few
_PANEL = (28, 76)  # columns of the panel, at least and at most
_SMALLEST = (40, 12)  # columns and rows that a picture with its text needs
_EDITING = "Enter takes it  Esc leaves it as it was"
_CHOOSING = "←→ choose  ↑↓ change  Enter type  Esc back"
_VEILED = "Shapes are hidden until you have answered."


class Page:
    """What a session looks like: the heading, the grid with the panel beside it, the foot."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._heading = Heading([], [])
        self._drawn = Drawn([], [], session.window)
        self._panel: list[Line] = []
        self._panel_at = (0, 0)  # where the panel begins
        self._panel_first = 0  # the first of its lines that is shown

    def lines(self, width: int, height: int) -> list[Line]:
        """Every line from the top."""
        session = self.session
        if width < _SMALLEST[0] or height < _SMALLEST[1]:
            small = f"too small: {width}×{height}, at least {_SMALLEST[0]}×{_SMALLEST[1]}"
            return [[(small[:width], "note")]]
        if session.helping or session.dialog is not None:
            told = session.dialog.lines() if session.dialog else help_lines()
            rows = [part for row in told for part in wrapped(row, width - 2, 4)]
            said = [part for row in session.message for part in wrapped(row, width - 2, 2)]
            return [[("  ", ""), *line] for line in ([], *rows, [], *said)][:height]
        if session.opened and session.view.here.direction != HEAD:
            return self._inside(width, height)
        roomy = height > _LOW or session.chosen is not None or session.tour is None
        self._heading = heading(
            session.view, width, session.note, session.chosen, session.edit, session.veiled, roomy
        )
        foot = self._foot(width)
        top = self._heading.lines
        return [*top, *self._body(width, max(1, height - len(top) - len(foot))), *foot]

    def _inside(self, width: int, height: int) -> list[Line]:
        """The inside of the cell that is looked at, as much of it as the screen shows."""
        from ..show.pictures.inside import of_step, text_lines

        session, spec = self.session, self.session.view.trace.spec
        step = session.step()
        title = f"Inside {spec}: layer {step.layer} {step.direction}, t={step.t}"
        drawn = [cut(line, width) for line in text_lines(of_step(step, title, spec.family))]
        foot = [("Enter", "|key"), (" back  ", "note"), ("←→↑↓", "|key"), (" walk  ", "note"),
                ("PgUp PgDn", "|key"), (" more  ", "note")]  # fmt: skip
        self._panel_at = (0, 0)
        return [*self._scrolled(drawn, height - 1), foot]

    def _foot(self, width: int) -> list[Line]:
        """What a tour or a quiz says, a message, and the keys."""
        session = self.session
        guide = session.tour or session.quiz
        lines = guide.lines(width) if guide else []
        for row in session.message:
            lines += wrapped(row, width, 2)
        if session.chosen is not None:
            words = _EDITING if session.edit else _CHOOSING
            return [*lines, [(words[:width], "note")]]
        if session.hint:
            return [*lines, [(session.hint[:width], "")]]
        return [*lines, foot_line(width, guide.foot if guide else "", session.veiled)]

    def _body(self, width: int, height: int) -> list[Line]:
        """The grid and the panel beside it, or under it where the terminal is narrow."""
        session, under = self.session, width < _NARROW
        panel = width if under else min(max(_PANEL[0], width * 7 // 20), _PANEL[1])
        at = width if under else width - panel + 1
        rows = height - height * 2 // 5 if under else height
        shade = session.gradient.shade if session.gradient and session.flowing else None
        self._drawn = draw(session.view, at - 1 if at < width else at, rows, session.window,
                           session.veiled, shade)  # fmt: skip
        session.window = self._drawn.window
        room = width - at if not under else width
        told = (
            paragraph(_VEILED, room, "note")
            if session.veiled
            else step_lines(session.view, session.step(), room)
        )
        if under:
            self._panel_at = (0, len(self._heading.lines) + rows)
            grid = [*self._drawn.lines, *([] for _ in range(rows))][:rows]
            self._panel = self._scrolled(told, height - rows)
            return grid + self._panel
        self._panel_at = (at, len(self._heading.lines))
        self._panel = self._scrolled(told, height)
        return beside(self._drawn.lines, self._panel, at, height)

    def _scrolled(self, lines: list[Line], height: int) -> list[Line]:
        wanted = self._panel_first + self.session.scroll * max(1, height - 2)
        self.session.scroll = 0
        self._panel_first = min(max(wanted, 0), max(0, len(lines) - height))
        return scrolled(lines, self._panel_first, height)

    def _on_panel(self, x: int, y: int) -> bool:
        return x >= self._panel_at[0] and y >= self._panel_at[1]

    def click(self, x: int, y: int) -> None:
        """Go to the cell at a place, change the field there, or close what covers all."""
        session = self.session
        if session.helping or session.dialog is not None:
            session.helping = False
            return
        cell = self._drawn.cell(x, y - len(self._heading.lines))
        name = self._heading.field(x, y)
        if cell is not None:
            session.click_cell(*cell)
        elif name is not None:
            session.click_field(name)

    def hover(self, x: int, y: int) -> bool:
        """Say the number that the mouse is over in a heat map; whether that is another one."""
        session, (left, top) = self.session, self._panel_at
        row = self._panel[y - top] if self._on_panel(x, y) and y - top < len(self._panel) else []
        covered = session.helping or session.dialog is not None
        before = session.hint
        session.hint = row.number(x - left) if isinstance(row, MapRow) and not covered else ""
        return session.hint != before

    def wheel(self, x: int, y: int, by: int) -> None:
        """Read on in the panel, or walk on along time."""
        if self._on_panel(x, y):
            self._panel_first += 3 * by
        else:
            self.session.move("right" if by > 0 else "left")
