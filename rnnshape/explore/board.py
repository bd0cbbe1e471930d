"""A widget of lines."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from ..show.notation import Line
from .heat import MapRow
from .lines import strip

SMALLEST = (40, 12)  # columns and rows that a picture with its text needs

Source = Callable[[int, int], list[Line]]  # lines by width and height


class Board(Widget):
    """Lines, of which those that have changed are drawn anew."""

    def __init__(self, source: Source, name: str) -> None:
        super().__init__(id=name)
        self._source = source
        self._found: dict[tuple[int, int], list[Line]] = {}
        self._shown: list[Line] = []

    def lines(self, width: int, height: int = 0) -> list[Line]:
        """The lines for a size; a height that follows from them is told as 0."""
        key = (width, 0 if self.grows else height)
        if key not in self._found:
            self._found[key] = self._source(*key) if width else []
        return self._found[key]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many rows as lines; without a column as in one, or a scrollbar that takes the last
        would go with what it scrolls, and come again."""
        return len(self.lines(max(1, width)))

    @property
    def grows(self) -> bool:
        """Whether it is as high as its lines."""
        return self.styles.is_auto_height

    def show(self, soon: bool = False) -> bool:
        """Show what there is to be shown now, or `soon`, when its size is another; whether its own
        height changes."""
        before = self._shown
        self._found.clear()
        if soon:
            self.refresh()
            return False
        lines = self.lines(*self.size)
        laid = self.grows and len(lines) != len(before)
        if laid:
            self.refresh(layout=True)
        regions = [Region(0, y, self.size.width, 1) for y in range(max(len(lines), len(before)))
                   if lines[y : y + 1] != before[y : y + 1]]  # fmt: skip
        if regions:
            self.refresh(*regions)
        return laid

    def render_line(self, y: int) -> Strip:
        """One row."""
        lines = self._shown = self.lines(*self.size)
        return strip(lines[y] if y < len(lines) else [], self.size.width)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Say the number below the mouse."""
        row = self._shown[event.y] if event.y < len(self._shown) else []
        self.tooltip = (row.number(event.x) if isinstance(row, MapRow) else "") or None
