"""What stands below the grid on a tour or in a quiz."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..show.language import said
from ..show.notation import Line
from ..show.screen import wrapped
from .lines import paragraph
from .settings import Settings
from .view import View

if TYPE_CHECKING:
    from ..show.page.tour import Stop
    from .questions import Question


@dataclass(frozen=True)
class Tour:
    """The stop that one is at."""

    at: int = 0

    @property
    def foot(self) -> str:
        """The keys."""
        return said("n next  p back  Esc leave")

    @property
    def stops(self) -> tuple[Stop, ...]:
        """All of them."""
        from ..show.page.tour import TOUR

        return TOUR

    def moved(self, by: int) -> Tour:
        """At another stop."""
        return Tour(min(max(self.at + by, 0), len(self.stops) - 1))

    @property
    def view(self) -> View:
        """The network of the stop, and the cell it looks at."""
        stop = self.stops[self.at]
        view = View(Settings.of(stop.trace()))
        return view if stop.focus is None else view.find(*stop.focus)

    def lines(self, width: int) -> list[Line]:
        """The stop's text."""
        stop = self.stops[self.at]
        place = f"{said('tour')} {self.at + 1}/{len(self.stops)}"
        return [
            [("─" * width, "note")],
            [(f"{place}  ", "note"), (said(stop.title), "title"), (f"   {self.foot}", "note")],
            *paragraph(said(stop.text), width),
        ]


@dataclass(frozen=True)
class Quiz:
    """A round of questions: the one that is asked, what was typed, and what was right so far.

    verdict: None until the answer is given, then whether it was right.
    """

    round: tuple[Question, ...]
    at: int = 0
    typed: str = ""
    verdict: bool | None = None
    unread: bool = False  # what was typed is no answer at all
    hinted: bool = False
    score: int = 0

    @property
    def foot(self) -> str:
        """The keys."""
        if self.waiting:
            return said("Enter answer (empty skips)  Tab hint  Esc leave")
        return said("Enter next  Esc leave")

    @property
    def asked(self) -> Question:
        """The question."""
        return self.round[self.at]

    @property
    def over(self) -> bool:
        """Whether the last one has been answered."""
        return self.at == len(self.round)

    @property
    def waiting(self) -> bool:
        """Whether an answer is being typed."""
        return not self.over and self.verdict is None

    def answered(self, typed: str) -> Quiz:
        """What follows when an answer is given; an empty one skips."""
        typed = typed.strip()
        right = self.asked.right(typed) if typed else False
        if right is None:
            return replace(self, unread=True)
        return replace(self, typed=typed, verdict=right, unread=False, score=self.score + right)

    def read_on(self) -> Quiz:
        """The next question, when the explanation was read."""
        return Quiz(self.round, self.at + 1, score=self.score)

    def lines(self, width: int) -> list[Line]:
        """The question and its answer, or the score."""
        rule: Line = [("─" * width, "note")]
        if self.over:
            total = len(self.round)
            praise = said("{score} of {total}", score=self.score, total=total)
            if self.score == total:
                praise = said("all of them")
            return [rule, [(said("the quiz is over"), "title"),
                           (f"  {said('right: {praise}', praise=praise)}", "good")],
                    [(said("Enter asks another round  Esc explores on"), "note")]]  # fmt: skip
        right = said("{count} right", count=self.score)
        place = f"{said('quiz')} {self.at + 1}/{len(self.round)}, {right}  "
        head: Line = [(place, "note"), (self.asked.text, "title")]
        lines: list[Line] = [rule, *wrapped(head, width)]
        if self.verdict is None:
            form = self.asked.form
            words = said("expected {form}", form=form) if self.unread else form
            lines.append([(words, "bad" if self.unread else "note")])
            if self.hinted:
                hint = said("hint: {hint}", hint=self.asked.hint or form)
                lines += wrapped([(hint, "note")], width)
            return [*lines, [(self.foot, "note")]]
        if self.verdict:
            lines.append([(f"✓ {said('right: ')}", "good"), (self.asked.answer, "good")])
        else:
            typed = self.typed or said("skipped")
            lines += wrapped([("✗ ", "bad"), (typed, "bad"), (said("  the answer is "), ""),
                              (self.asked.answer, "good")], width, 2)  # fmt: skip
            if self.typed and (apart := self.asked.apart(self.typed)):
                lines += wrapped([(apart, "note")], width)
        return [*lines, *paragraph(self.asked.why, width), [(self.foot, "note")]]
