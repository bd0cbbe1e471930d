"""The state of the program and what each key does to it; knows no terminal."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ..analysis.trace import Trace
from ..engine.walk import HEAD, Step
from ..errors import UsageError
from ..show.notation import Line
from .grid import Window
from .heading import Edit
from .keys import ACTIONS
from .settings import FIELDS, Settings
from .view import View

if TYPE_CHECKING:  # each is loaded where it is first used
    from ..numeric.world import Recording
    from .export import Export, Writers
    from .gradient import Gradient
    from .guide import Quiz, Tour

RATES = (1, 2, 4, 8, 16, 32, 64, 128, 256)  # steps a second
_AT_ONCE = 0.008  # seconds of the walk in numbers between two looks at the keys


class Session:
    """What is on the screen, and the actions of the keys.

    writers: the exports, by file name; save: writes a text to a file and raises UsageError.
    """

    def __init__(
        self,
        trace: Trace,
        *,
        values: bool = False,
        weights: Mapping[str, Any] | None = None,
        seed: int = 0,
        writers: Writers | None = None,
        save: Callable[[str, str], None] | None = None,
        guide: str = "",
    ) -> None:
        self.view = View(Settings.of(trace))
        self.weights, self.seed = weights, seed
        self.writers, self.save = writers or {}, save
        self.window = Window()
        self.message: list[Line] = []
        self.chosen: str | None = None  # the field that the keys go to
        self.edit: Edit | None = None
        self.dialog: Export | None = None
        self.helping = self.playing = self.ended = False
        self.interrupted = False
        self.rate = RATES.index(4)
        self.kept: Recording | None = None
        self.flowing = False  # whether the grid shows the gradient
        self.gradient: Gradient | None = None  # walked back after kept, once it is to be shown
        self.hint = ""  # of what the mouse is over
        self.opened = False  # whether the inside of the cell is shown
        self.copied: str | None = None  # what is to go to the clipboard
        self.scroll = 0  # lines that the panel is to be moved by
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

    # what happens

    def key(self, key: str, character: str | None = None) -> None:
        """A key was pressed; an error becomes a message and changes nothing."""
        self._do(lambda: self._key(key, character))

    def paste(self, text: str) -> None:
        """A text was pasted: into what is being typed."""
        if self.dialog is not None and self.dialog.name is not None:
            self.dialog = self.dialog.renamed(self.dialog.name.typed(text))
        elif self.edit is not None:
            self.edit = self.edit.typed(text)
        elif self.quiz is not None and self.quiz.waiting:
            self.quiz = self.quiz.retyped(self.quiz.typed.typed(text))

    def click_cell(self, lane: int, t: int) -> None:
        """A cell was clicked."""
        self._leave_field()
        self.view = self.view.to(lane, t)

    def click_field(self, name: str) -> None:
        """A field was clicked: a choice changes, a size is typed."""
        if self.veiled:
            return
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
        """Go to another cell."""
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

    def scroll_panel(self, where: str) -> None:
        """Show more of the step."""
        self.scroll += 1 if where == "down" else -1

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
        if self.flowing:
            from .gradient import about

            self.message = [about(self.view.trace)]

    def inside(self, _: str) -> None:
        """Show the inside of the cell; a head has none."""
        if not self.veiled and self.view.here.direction != HEAD:
            self.opened = not self.opened

    def fields(self, _: str) -> None:
        """To the fields."""
        if not self.veiled:
            self.chosen = self.chosen or "input_size"

    def export(self, _: str) -> None:
        """Open the dialog."""
        self.playing = False
        from .export import Export

        self.dialog = Export(self.writers)

    def help(self, _: str) -> None:
        """Show the keys."""
        self.helping = True

    def quit(self, _: str) -> None:
        """End the program."""
        self.ended = True

    # how a key finds its action

    def _do(self, action: Callable[[], None]) -> None:
        try:
            action()
        except UsageError as error:
            first, *rest = str(error).split("\n")
            self.message = [[("✗ ", "bad"), (first, "bad")], *([(f"  {row}", "")] for row in rest)]

    def _key(self, key: str, character: str | None) -> None:
        if key == "ctrl+c":
            self.ended = self.interrupted = True
            return
        self.message, self.hint = [], ""
        if self.helping:
            self.helping = False
        elif self.opened and key in ("enter", "escape"):
            self.opened = False
        elif self.dialog is not None:
            self._dialog_key(self.dialog, key, character)
        elif self.chosen is not None:
            self._field_key(self.chosen, key, character)
        elif self.quiz is not None and self._quiz_key(self.quiz, key, character):
            pass
        elif self.tour is not None and key in ("n", "p", "escape"):
            if key == "escape":
                self.tour = None
            else:
                self._take(self.tour.moved(1 if key == "n" else -1))
        else:
            found = ACTIONS.get(key) or ACTIONS.get(character or "")
            if found is not None:
                name = "scroll_panel" if found.action == "scroll" else found.action
                getattr(self, name)(found.argument)

    def _dialog_key(self, dialog: Export, key: str, character: str | None) -> None:
        names = dialog.names
        if key == "escape":
            self.dialog = None
        elif dialog.name is not None:
            if key == "enter":
                self._write(dialog)
            else:
                self.dialog = dialog.renamed(dialog.name.key(key, character))
        elif key in ("up", "down"):
            self.dialog = dialog.moved(1 if key == "down" else -1)
        elif key == "enter" or (character or "x") in "123456789"[: len(names)]:
            if key != "enter":
                dialog = dialog.moved(int(character or 0) - 1 - dialog.chosen)
            self.dialog = dialog.opened(self.trace)
            self.copied = self.dialog.text

    def _write(self, dialog: Export) -> None:
        assert dialog.name is not None and self.save is not None
        path = os.path.expanduser(dialog.name.text.strip())
        content = dialog.content(self.trace)
        self.save(path, content)
        self.dialog = None
        size = len(content.encode())
        self.message = [[("✓ ", "good"), (f"wrote {path}, {size:,} bytes", "")]]

    def _field_key(self, name: str, key: str, character: str | None) -> None:
        if self.edit is not None:
            if key == "escape":
                self.edit = None
            elif key in ("enter", "tab"):
                self._settle(self.view.settings.read(name, self.edit.text))
                self.edit = None
            else:
                self.edit = self.edit.key(key, character)
            return
        shown = self.view.settings.shown()
        at = shown.index(name) if name in shown else 0
        if key in ("escape", "tab"):
            self.chosen = None
        elif key in ("left", "right", "shift+tab"):
            self.chosen = shown[(at + (1 if key == "right" else -1)) % len(shown)]
        elif key in ("up", "down"):
            self._count(name, 1 if key == "up" else -1)
        elif key == "enter":
            self._open()
        elif character and character.isdigit() and not FIELDS[name].choices:
            self.edit = Edit(name, character, 1)
        elif key in ACTIONS and ACTIONS[key].action in ("help", "quit"):
            getattr(self, ACTIONS[key].action)("")

    def _open(self) -> None:
        """Change a choice, or begin to type."""
        assert self.chosen is not None
        if FIELDS[self.chosen].choices:
            self._settle(self.view.settings.toggled(self.chosen))
            return
        text = self.view.settings.text(self.chosen).replace("–", "")
        self.edit = Edit(self.chosen, text, len(text))

    def _count(self, name: str, by: int) -> None:
        settings = self.view.settings
        if FIELDS[name].choices:
            self._settle(settings.toggled(name))
            return
        now = getattr(settings, name)
        if isinstance(now, int):
            self._settle(settings.changed(**{name: now + by}))

    def _leave_field(self) -> None:
        self.chosen = self.edit = None
        self.message = []

    def _quiz_key(self, quiz: Quiz, key: str, character: str | None) -> bool:
        if key == "escape":
            self.quiz = None
        elif key == "enter" and quiz.over:
            self._ask()
        elif key == "enter" or (key == "n" and not quiz.waiting and not quiz.over):
            self.quiz = now = quiz.answered()
            if now.at != quiz.at and not now.over:
                self._show(now.asked.view.at(now.asked.begin))
            elif not now.over and not now.waiting:
                self._show(now.asked.view)
        elif quiz.waiting and key == "tab":
            self.quiz = replace(quiz, hinted=True)
        elif quiz.waiting:
            self.quiz = quiz.retyped(quiz.typed.key(key, character))
        else:
            return False
        return True

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
        from .gradient import Gradient
        from .numbers import fits, numbers

        trace = self.view.trace
        self.kept = numbers(trace, self.weights, self.seed)
        self.gradient = Gradient(self.kept)
        self.walk_on(0.03)
        if self.weights is not None and not fits(trace, self.weights):
            words = f"the weights are not those of {trace.spec}: its own are drawn at random"
            self.message = [[(words, "note")]]
