"""The state of the program and what each key does to it; knows no terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ..analysis.trace import Trace
from ..engine.walk import HEAD, Step
from ..errors import UsageError
from ..show.notation import Line
from .grid import Window
from .settings import FIELDS, Settings
from .view import View

if TYPE_CHECKING:  # each is loaded where it is first used
    from ..numeric.world import Recording
    from .gradient import Gradient
    from .guide import Quiz, Tour

RATES = (1, 2, 4, 8, 16, 32, 64, 128, 256)  # steps a second
_AT_ONCE = 0.008  # seconds of the walk in numbers between two looks at the keys


class Session:
    """What is on the screen, and the actions of the keys.

    files: of the weights and of a module in it, where they are read; save: writes a text to a file
    and raises UsageError.
    """

    def __init__(
        self,
        trace: Trace,
        *,
        values: bool = False,
        weights: Mapping[str, Any] | None = None,
        seed: int = 0,
        files: tuple[str | None, str | None] = (None, None),
        save: Callable[[str, str], None] | None = None,
        guide: str = "",
    ) -> None:
        self.view = View(Settings.of(trace))
        self.weights, self.seed = weights, seed
        self.files, self.save = files, save
        self.window = Window()
        self.message: list[Line] = []
        self.chosen: str | None = None  # the field that the keys go to
        self.typing = False  # whether it is being typed
        self.begun = ""  # what stands there when that begins
        self.playing = self.ended = self.interrupted = False
        self.rate = RATES.index(4)
        self.kept: Recording | None = None
        self.flowing = False  # whether the grid shows the gradient
        self.gradient: Gradient | None = None  # walked back after kept, once it is to be shown
        self.opened = False  # whether the inside of the cell is shown
        self.rounds = 0
        self.tour: Tour | None = None
        self.quiz: Quiz | None = None
        if guide == "tour":
            from .guide import Tour

            self._take(Tour())
        elif guide == "quiz":
            self._ask()
        if values:
            self._do(lambda: self._numbers(True))

    @property
    def veiled(self) -> bool:
        """Whether shapes are hidden, since one of them is asked for."""
        return self.quiz is not None and self.quiz.waiting

    @property
    def trace(self) -> Trace:
        """The network, with its numbers in numeric mode."""
        if self.kept is None:
            return self.view.trace
        source = self.kept.source
        return Trace(source.spec, source.batch, source, source.head)

    def step(self) -> Step:
        """The step that is looked at, with its values as soon as the walk has come so far."""
        if self.kept is None or self.kept.done <= self.view.index:
            return self.view.step()
        layer, direction = self.view.here
        return self.kept.step(layer if direction != HEAD else -1, direction, self.view.t)

    @property
    def note(self) -> str:
        """What the heading says beside the number of the step."""
        note = f", {RATES[self.rate]} a second" if self.playing else ""
        if self.kept is None:
            return note
        done, total = self.kept.done, self.view.total
        note += ", values" if done == total else f", values {100 * done // total} %"
        back = self.gradient.done if self.gradient else 0
        part = f" {100 * back // total} %" if self.walking else ""
        return note + (f", gradient{part}" if self.flowing else "")

    @property
    def walking(self) -> bool:
        """Whether the walk in numbers, or its backward, has not yet come to its end."""
        if self.kept is None or self.kept.done < self.view.total:
            return self.kept is not None
        return self.flowing and self.gradient is not None and not self.gradient.ended

    @property
    def asks(self) -> str:
        """What is to be typed: a field by its name, the answer to a question, or nothing."""
        if self.typing and self.chosen is not None:
            return self.chosen
        return f"answer {self.quiz.at}" if self.quiz is not None and self.quiz.waiting else ""

    @property
    def inner(self) -> bool:
        """Whether the inside of the cell is shown; a head has none."""
        return self.opened and self.view.here.direction != HEAD

    # what happens

    def act(self, action: str, argument: str) -> None:
        """A key's action; an error becomes a message and changes nothing."""
        self.message = []
        self._do(lambda: getattr(self, action)(argument))

    def begin(self, text: str) -> None:
        """Type the size that is chosen, from `text` on."""
        if self.chosen is not None and not self.typing and not FIELDS[self.chosen].choices:
            self.begun, self.typing = text, True

    def submit(self, text: str) -> None:
        """What was typed: a field as it is checked, or an answer."""
        self.message = []
        if self.typing and self.chosen is not None:
            self._do(lambda: self._take_field(self.chosen or "", text))
        elif self.quiz is not None and self.quiz.waiting:
            self.quiz = self.quiz.answered(text)
            if self.quiz.verdict is not None:
                self._show(self.quiz.asked.view)

    def _take_field(self, name: str, text: str) -> None:
        self._settle(self.view.settings.read(name, text))
        self.typing = False

    def click_cell(self, lane: int, t: int) -> None:
        """A cell was clicked."""
        self._leave_field()
        self.view = self.view.to(lane, t)

    def click_field(self, name: str) -> None:
        """A field was clicked: a choice changes, a size is typed."""
        if not self.veiled:
            self._leave_field()
            self.chosen = name
            self._do(self._open)

    def tick(self, steps: int) -> None:
        """So many steps further in the walk, while it plays."""
        if self.playing:
            self.view = self.view.at(self.view.index + steps)
            self.playing = self.view.index < self.view.total - 1

    def walk_on(self, seconds: float = _AT_ONCE) -> bool:
        """Walk on in numbers for a short while, then back; whether there is more to walk."""
        end = perf_counter() + seconds
        while self.kept and self.gradient and self.walking and perf_counter() < end:
            if self.kept.run(1):
                self.gradient.run(1)
        return self.walking

    # the keys' actions, by the names in the table

    def move(self, where: str) -> None:
        """Go to another cell; among the fields to another one, or to its next value."""
        if self.chosen is not None:
            self._among_fields(self.chosen, where)
            return
        view = self.view
        self.view = {
            "left": lambda: view.moved(times=-1),
            "right": lambda: view.moved(times=1),
            "up": lambda: view.moved(lanes=1),
            "down": lambda: view.moved(lanes=-1),
            "home": lambda: view.to(view.lane, 0),
            "end": lambda: view.to(view.lane, view.length - 1),
            "next": lambda: view.at(view.index + 1),
            "before": lambda: view.at(view.index - 1),
        }[where]()

    def play(self, _: str) -> None:
        """Start or stop; from the end it starts anew."""
        self.playing = not self.playing
        if self.playing and self.view.index == self.view.total - 1:
            self.view = self.view.at(0)

    def speed(self, where: str) -> None:
        """Play faster or slower."""
        self.rate = min(max(self.rate + (1 if where == "up" else -1), 0), len(RATES) - 1)
        self.message = [[(f"plays {RATES[self.rate]} steps a second", "note")]]

    def toggle(self, name: str) -> None:
        """The next choice of a field."""
        if name not in self.view.settings.shown():
            raise UsageError(
                f"{name}: expected for the rnn alone",
                got=f"the {self.view.settings.cell}",
                fix="press c until the cell is rnn",
            )
        before = self.view.trace
        self._settle(self.view.settings.toggled(name))
        if name == "batch_first" and not before.batch.unbatched:
            words = "input and output change, h0 and hn stay: their first axis is layers"
            self.message = [[(f"batch_first: {words}", "note")]]

    def values(self, _: str) -> None:
        """Numbers or shapes alone."""
        self._numbers(self.kept is None)

    def flow(self, _: str) -> None:
        """The gradient on the grid, or the shapes."""
        if self.kept is None:
            self._numbers(True)
        self.flowing = not self.flowing

    def inside(self, _: str) -> None:
        """Show the inside of the cell, or go on where something is being chosen or read."""
        if self.chosen is not None:
            self._open()
        elif self.quiz is not None:
            self._go_on(self.quiz)
        else:
            self.opened = not self.inner

    def fields(self, _: str) -> None:
        """To the fields and back; in a quiz a hint."""
        if self.quiz is not None and self.quiz.waiting:
            self.quiz = replace(self.quiz, hinted=True)
        elif self.chosen is not None:
            self._leave_field()
        else:
            self.chosen = "input_size"

    def guide(self, where: str) -> None:
        """The next stop of the tour or question of the quiz, or the stop before."""
        if self.tour is not None:
            self._take(self.tour.moved(1 if where == "next" else -1))
        elif self.quiz is not None and where == "next":
            self._go_on(self.quiz)

    def leave(self, _: str) -> None:
        """Leave what covers or holds the keys, the innermost first."""
        if self.typing:
            self.typing = False
        elif self.chosen is not None:
            self._leave_field()
        elif self.opened:
            self.opened = False
        else:
            self.tour = self.quiz = None

    def quit(self, _: str) -> None:
        """End the program."""
        self.ended = True

    def interrupt(self, _: str) -> None:
        """End it as ctrl+c does."""
        self.ended = self.interrupted = True

    def _do(self, action: Callable[[], None]) -> None:
        try:
            action()
        except UsageError as error:
            first, *rest = str(error).split("\n")
            lines: list[Line] = [[(f"  {row}", "")] for row in rest]
            self.message = [[("✗ ", "bad"), (first, "bad")], *lines]

    def _among_fields(self, name: str, where: str) -> None:
        shown = self.view.settings.shown()
        at = shown.index(name) if name in shown else 0
        if where in ("left", "right"):
            self.chosen = shown[(at + (1 if where == "right" else -1)) % len(shown)]
        elif where in ("up", "down"):
            self._count(name, 1 if where == "up" else -1)

    def _open(self) -> None:
        """Change a choice, or begin to type."""
        assert self.chosen is not None
        if FIELDS[self.chosen].choices:
            self._settle(self.view.settings.toggled(self.chosen))
            return
        self.begin(self.view.settings.text(self.chosen).replace("–", ""))

    def _count(self, name: str, by: int) -> None:
        settings = self.view.settings
        if FIELDS[name].choices:
            self._settle(settings.toggled(name))
            return
        now = getattr(settings, name)
        if isinstance(now, int):
            self._settle(settings.changed(**{name: now + by}))

    def _leave_field(self) -> None:
        self.chosen, self.typing, self.message = None, False, []

    def _go_on(self, quiz: Quiz) -> None:
        if quiz.over:
            self._ask()
        elif not quiz.waiting:
            self.quiz = now = quiz.read_on()
            if not now.over:
                self._show(now.asked.view.at(now.asked.begin))

    # how the network changes

    def _ask(self) -> None:
        from .guide import Quiz
        from .questions import questions

        quiz = Quiz(tuple(questions(self.seed + self.rounds)))
        self.rounds += 1
        self.quiz = quiz
        self._show(quiz.asked.view.at(quiz.asked.begin))

    def _take(self, tour: Tour) -> None:
        self.tour = tour
        self._show(tour.view)

    def _show(self, view: View) -> None:
        self.view, self.window, self.playing = view, Window(), False
        if self.kept is not None:
            self._numbers(True)

    def _settle(self, settings: Settings) -> None:
        """Take settings that were checked, in numbers too where there are numbers."""
        self.view = self.view.of(settings)
        if self.kept is not None:
            self._numbers(True)

    def _numbers(self, wanted: bool) -> None:
        self.kept = self.gradient = None
        if not wanted:
            self.flowing = False
            return
        from ..numeric.random import drawn_feed
        from ..numeric.world import Recording
        from .gradient import Gradient

        trace, weights = self.view.trace, self.weights
        if weights is not None:
            needed = trace.spec.parameters()
            if any(n not in weights or weights[n].shape != s for n, s in needed.items()):
                weights = None
                words = f"the weights are not those of {trace.spec}: its own are drawn at random"
                self.message = [[(words, "note")]]
        feed = drawn_feed(trace.spec, trace.batch, trace.head, weights=weights, seed=self.seed)
        self.kept = Recording(feed)
        self.gradient = Gradient(self.kept)
        self.walk_on(0.03)
