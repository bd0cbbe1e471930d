"""The explorer: what stands on its screen, what its keys do, how fast and how safe it is."""

import asyncio
import io
import json
import os
import random
import re
import sys

import numpy as np
import pytest
from textual.geometry import Size

from rnnshape import Spec, trace
from rnnshape.analysis.flow import Arriving, with_sum
from rnnshape.cli.explore import save
from rnnshape.engine.walk import HEAD
from rnnshape.engine.written import shipped_cell
from rnnshape.explore.app import Explorer
from rnnshape.explore.board import Board
from rnnshape.explore.export import command_line, writers
from rnnshape.explore.gradient import written
from rnnshape.explore.heat import MapRow
from rnnshape.explore.keys import KEYS
from rnnshape.explore.session import Session
from rnnshape.explore.settings import FIELDS
from rnnshape.network.dims import symbol
from rnnshape.network.head import Head
from rnnshape.show.page.tour import TOUR

_BATCH = ("batch_size", "seq_len", "unbatched", "lengths", "head")


def session(guide="", values=False, weights=None, **network) -> Session:
    batch = {name: network.pop(name) for name in _BATCH if name in network}
    return Session(
        trace(Spec(**network), **batch), guide=guide, values=values, weights=weights, save=save
    )


ACTIONS_OF = {",": "comma"}
ACTIONS = {name: key for key in KEYS for name in key.keys.split(",")}


def press(state: Session, *keys: str) -> Session:
    """What keys do to a session, as the program tells it of them."""
    for key in keys:
        state.act(ACTIONS[key].action, ACTIONS[key].argument)
    return state


def field(state: Session, name: str, text: str) -> Session:
    """Type into a field."""
    state.chosen = name
    press(state, "enter")
    state.submit(text)
    return state


def in_program(state: Session, *keys: str, size=(80, 24), ask=lambda app: None):
    """The screen as text after keys were pressed in the program, and what `ask` says of it."""

    async def run():
        app = Explorer(state)
        async with app.run_test(size=size) as pilot:
            await pilot.press(*keys)
            while state.walking:
                await pilot.pause(0.01)
            await pilot.pause()
            rows = [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]
            return "\n".join(rows), ask(app)

    return asyncio.run(run())


def screen(state: Session, width=80, height=24, *keys: str) -> str:
    """What stands on the screen; without keys the parts one after the other, not laid out."""
    if keys:
        return in_program(state, *keys, size=(width, height))[0]
    app = Explorer(state)
    parts = (app._top(width, 0), app._grid(width, height), app._step(width, 0), app._said(width, 0))
    return "\n".join("".join(words for words, _ in line) for part in parts for line in part)


def said(state: Session) -> str:
    return "\n".join("".join(words for words, _ in line) for line in state.message)


# what stands on the screen; pytest --update-golden writes it anew

SCREENS = {
    "80": (80, 24, {"num_layers": 3}, ["up", "right", "right"]),
    "120-lstm": (120, 40, {"num_layers": 2, "bidirectional": True, "cell": "lstm"}, ["end", "up"]),
    "200-gru": (200, 50, {"num_layers": 3, "bidirectional": True, "cell": "gru"}, ["up", "up"]),
    "80-long-and-deep": (80, 24, {"num_layers": 8, "bidirectional": True, "seq_len": 1000},
                         ["up"] * 6 + ["end"]),
    "80-packed-head": (80, 24, {"lengths": (5, 3, 2), "head": Head(3)}, ["right", "right"]),
    "80-symbols": (80, 24, {"seq_len": symbol("T"), "batch_size": symbol("N"), "cell": "gru"}, []),
    "50-narrow": (50, 30, {"num_layers": 2}, ["right"]),
    "80-wrong-size": (80, 24, {"num_layers": 3}, ["tab", "right", "0", "enter"]),
    "80-tour": (80, 24, {"guide": "tour"}, ["n", "n"]),
    "80-quiz": (80, 24, {"guide": "quiz"}, ["3"]),
    "80-quiz-answered": (80, 24, {"guide": "quiz"}, ["3", "enter"]),
    "80-help": (80, 24, {}, ["question_mark"]),
    "80-gradient": (80, 24, {"num_layers": 2, "seq_len": 9, "head": Head(3, at="last")},
                    ["f", "up", "end"]),
    "80-export": (80, 24, {}, ["e"]),
    "80-code": (80, 24, {"cell": "lstm"}, ["e", "end", "enter"]),
    "80-inside": (80, 40, {"cell": "gru"}, ["right", "enter"]),
    "80-cell": (80, 24, {"cell": "lstm-cell"}, []),
}  # fmt: skip


@pytest.mark.parametrize("name", SCREENS)
def test_the_screen(name, golden, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    width, height, network, keys = SCREENS[name]
    shown, _ = in_program(session(**network), *keys, size=(width, height))
    assert max(map(len, shown.split("\n"))) <= width
    golden(f"explore-{name}", shown + "\n")


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids=str)
@pytest.mark.parametrize(
    "network",
    [{}, {"num_layers": 8, "bidirectional": True, "cell": "lstm", "seq_len": 1000},
     {"num_layers": 2, "hidden_size": 1024, "batch_size": 256, "values": True, "seq_len": 2}],
    ids=["small", "large", "wide"],
)  # fmt: skip
def test_every_line_has_its_place(network, size):
    shown = in_program(session(**network), size=size)[0].split("\n")
    assert len(shown) == size[1]
    assert max(map(len, shown)) <= size[0]


# walking


def test_arrows_walk_along_time_and_up_the_layers():
    view = press(session(num_layers=3), "right", "right", "up").view
    assert (view.here.layer, view.t) == (1, 2)
    assert (press(session(num_layers=3), "down", "left").view.index) == 0


def test_space_plays_the_true_order():
    state = press(session(num_layers=2, bidirectional=True, head=Head(3)), "space")
    seen = [(*state.view.here, state.view.t)]
    while state.playing:
        state.tick(1)
        seen.append((*state.view.here, state.view.t))
    wanted = trace(Spec(num_layers=2, bidirectional=True), head=Head(3)).steps()
    assert seen == [(step.layer, step.direction, step.t) for step in wanted]


@pytest.mark.parametrize("head", [None, Head(3), Head(3, at="last")], ids=str)
@pytest.mark.parametrize("network", [{"bidirectional": True}, {"lengths": (5, 3, 2)}], ids=str)
def test_the_panel_tells_the_step_of_the_walk(network, head):
    state = session(num_layers=2, head=head, **network)
    for step in state.view.trace.steps():
        view = state.view.at(step.index)
        assert (*view.here, view.t, view.index) == (*step[1:4], step.index)
        assert [done.expression for done in view.step().ops] == [d.expression for d in step.ops]


def with_mouse(state: Session, place) -> Session:
    """Click where `place` says of the program."""

    async def click():
        app = Explorer(state)
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            await pilot.click(*place(app))
            await pilot.pause()

    asyncio.run(click())
    return state


def test_a_click_goes_to_a_cell():
    def place(app):
        hit = next(h for h in app._drawn.hits if (h.lane, h.t) == (2, 3))
        return "#grid", (hit.columns[2], hit.rows[1])

    view = with_mouse(session(num_layers=3), place).view
    assert (view.lane, view.t) == (2, 3)


def test_the_mouse_alone_is_enough_for_a_field():
    def place(app):
        found = next(p for p in app._heading.places if p.field == "bidirectional")
        return "#heading", (found.columns[3], found.row)

    assert with_mouse(session(), place).view.trace.spec.bidirectional


def test_keys_reach_the_program_and_q_ends_it():
    async def run(last):
        app = Explorer(session(num_layers=2))
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("up", "right", "b", "question_mark", "escape", last)
        return app

    app = asyncio.run(run("q"))
    assert app.return_code == 0
    assert (app.session.view.lane, app.session.view.t) == (1, 1)
    assert app.session.view.trace.spec.batch_first
    assert asyncio.run(run("ctrl+c")).return_code == 130


def test_another_size_of_the_window_is_used_at_once():
    async def run():
        app = Explorer(session(num_layers=2))
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.resize_terminal(120, 40)
            await pilot.pause()
            return [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]

    shown, _ = in_program(session(num_layers=2), size=(120, 40))
    assert asyncio.run(run()) == shown.split("\n")


def test_space_plays_by_the_clock():
    async def run():
        app = Explorer(session(num_layers=2))
        app.session.rate = 8
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("space")
            while app.session.playing:
                await pilot.pause(0.02)
            return app.session.view.index

    assert asyncio.run(run()) == 9


def test_the_palette_finds_what_the_keys_do():
    state = session()
    screen(state, 80, 24, "ctrl+p", *"batch_fir", "enter", "enter")
    assert state.view.trace.spec.batch_first


# changing the network


@pytest.mark.parametrize(
    "key, field", [("d", "bidirectional"), ("b", "batch_first"), ("i", "bias")], ids=str
)
def test_a_letter_toggles(key, field):
    state = session()
    before = getattr(state.view.trace.spec, field)
    assert getattr(press(state, key).view.trace.spec, field) is not before
    assert getattr(press(state, key).view.trace.spec, field) is before


def test_the_cell_goes_round_and_what_it_does_not_have_comes_back():
    state = session(nonlinearity="relu")
    cells = [press(state, "c").view.trace.spec.cell for _ in range(3)]
    assert cells == ["lstm", "gru", "rnn"]
    assert state.view.trace.spec.nonlinearity == "relu"
    press(state, "c", "a")
    assert "expected for the rnn alone" in said(state)


def test_the_place_is_kept_as_far_as_it_exists():
    state = press(session(num_layers=2, bidirectional=True), "up", "up", "up", "right", "d")
    assert (state.view.here.layer, state.view.here.direction, state.view.t) == (1, "forward", 1)


def test_a_size_is_typed():
    state = session()
    shown = screen(state, 80, 24, "tab", "right", "3", "2")
    assert "hidden_size: Enter takes it" in shown and shown.endswith("32")
    screen(state := session(), 80, 24, "tab", "right", "enter", "ctrl+u", "3", "2", "enter")
    assert state.view.trace.spec.hidden_size == 32 and not state.typing


def test_a_size_that_torch_refuses_keeps_what_was_typed_and_says_torchs_words():
    state = session()
    shown = screen(state, 80, 24, "tab", "right", "0", "enter")
    assert "torch: ValueError: hidden_size must be greater than zero" in said(state)
    assert state.typing and shown.endswith("\n0")
    assert state.view.trace.spec.hidden_size == 20
    state.submit("8")
    assert state.view.trace.spec.hidden_size == 8 and not state.typing


@pytest.mark.parametrize(
    "name, text, wanted",
    [("num_layers", "0", "num_layers must be greater than zero"),
     ("num_layers", "two", "expected a number"), ("dropout", "2", "dropout"),
     ("input_size", "3.5", "input_size"), ("seq_len", "0", "sequence length to be larger than 0"),
     ("lengths", "3,0", "greater than 0"), ("lengths", "x", "expected whole numbers"),
     ("output_size", "-1", "expected an integer"), ("batch_size", "?", "expected")],
)  # fmt: skip
def test_what_is_wrong_is_said(name, text, wanted):
    state = session()
    before = state.view
    assert wanted in said(field(state, name, text))
    assert state.view == before


def test_sizes_may_be_names_and_a_lane_is_told_for_every_t():
    state = press(field(session(), "seq_len", "T"), "escape")
    assert "layer 0 forward, every t" in screen(state)
    press(state, "v")
    assert "expected a number, since values are to be computed" in said(state)


def test_lengths_make_a_packed_batch_and_hold_its_sizes():
    state = field(session(), "lengths", "5,3,2")
    assert state.view.trace.batch.lengths == (5, 3, 2)
    state.chosen = "batch_size"
    press(state, "up")
    assert "empty the field lengths first" in said(state)


def test_arrows_count_in_a_field():
    state = press(session(), "tab", "up", "up")
    assert state.view.trace.spec.input_size == 12


# numbers


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("head", [None, Head(3, "sigmoid"), Head(3, at="last")], ids=str)
@pytest.mark.parametrize("lengths", [None, (3, 5, 2)], ids=str)
def test_every_step_has_the_values_of_the_walk(cell, head, lengths):
    state = session(cell=cell, num_layers=2, bidirectional=True, head=head, lengths=lengths,
                    values=True)  # fmt: skip
    while state.walk_on():
        pass
    for step in state.trace.steps():
        state.view = state.view.at(step.index)
        told = state.step()
        for mine, wanted in zip(told.ops, step.ops, strict=True):
            assert mine.output.name == wanted.output.name
            np.testing.assert_allclose(mine.output.value, wanted.output.value, rtol=1e-6)


def test_numbers_come_while_the_walk_goes_on():
    state = press(session(num_layers=8, seq_len=1000), "v")
    assert state.walking and "values" in state.note
    press(state, "up", "up", "up", "up", "up", "up", "up", "end")
    assert state.step().ops[0].output.value is None
    while state.walk_on():
        pass
    assert state.step().ops[0].output.value.shape == (7, 20)


def test_small_tensors_stand_as_numbers_and_large_ones_as_a_map():
    small = screen(session(input_size=2, hidden_size=2, values=True))
    assert re.search(r"-?0\.\d{4} +-?0\.\d{4}$", small, re.M)
    large = screen(session(values=True))
    assert re.search(r"[░▒▓█].*[-=≡#]", large)


def test_weights_are_used_where_they_fit():
    spec = Spec(num_layers=2)
    ones = {n: np.full(s, 0.5, "float32") for n, s in spec.parameters().items()}
    state = session(num_layers=2, weights=ones, values=True)
    assert state.step().ops[0].inputs[1].value.flat[0] == 0.5
    press(state, "d")
    assert "drawn at random" in said(state)
    press(state, "d")
    assert said(state) == "" and state.step().ops[0].inputs[1].value.flat[0] == 0.5


def test_too_many_numbers_are_refused():
    state = press(session(seq_len=10**9), "v")
    assert "expected at most" in said(state) and state.kept is None


# the tour and the quiz


def test_the_tour_has_fifteen_stops_and_each_fits_on_a_small_screen():
    async def run():
        state = session("tour")
        app = Explorer(state)
        async with app.run_test(size=(80, 24)) as pilot:
            for number, stop in enumerate(TOUR):
                await pilot.pause()
                rows = [strip.text for strip in app.screen._compositor.render_strips()]
                shown = "\n".join(rows)
                assert f"tour {number + 1}/{len(TOUR)}" in shown and stop.title in shown
                assert stop.text.split()[-1] in shown and ("»" in shown or "║" in shown)
                if stop.focus is not None:
                    assert (*state.view.here, state.view.t) == stop.focus
                await pilot.press("n")
            await pilot.press("p")
            at = state.tour.at
            await pilot.press("escape")
        return at, state.tour

    assert asyncio.run(run()) == (len(TOUR) - 2, None)


def test_the_quiz_counts_what_is_right():
    state = session("quiz")
    while not state.quiz.over:
        state.submit(state.quiz.asked.answer)
        assert state.quiz.verdict
        press(state, "enter")
    assert "all of them" in screen(state)
    answer = "3,7"
    state = session("quiz")
    shown = screen(state, 80, 24, *(ACTIONS_OF.get(sign, sign) for sign in answer), "enter")
    assert state.quiz.typed == answer and "✗ 3,7" in shown


@pytest.mark.parametrize("seed", range(20))
def test_every_answer_is_right_and_every_explanation_ends_with_it(seed):
    from rnnshape.explore.questions import questions

    asked = questions(seed)
    assert [q.text for q in asked] == [q.text for q in questions(seed)]
    for question in asked:
        assert question.right(question.answer) is True
        assert question.right("no idea") is None
        assert question.why


def test_a_wrong_answer_is_explained_from_the_walk():
    state = session("quiz")
    state.submit("1,2,3")
    shown = screen(state)
    assert "✗ 1,2,3" in shown and f"the answer is {state.quiz.round[0].answer}" in shown


def test_shapes_are_hidden_while_one_is_asked_for():
    assert "×" not in screen(session("quiz")).replace("2 directions × ", "")


def test_what_is_no_answer_costs_nothing():
    state = session("quiz")
    state.submit("what?")
    assert state.quiz.waiting and state.quiz.unread


@pytest.mark.parametrize(
    "typed", ["3,7,20", "3x7x20", "(3, 7, 20)", "3×7×20", "3 7 20", "torch.Size([3, 7, 20])",
              "[3,7,20]"],
)  # fmt: skip
def test_a_shape_may_be_written_in_any_usual_way(typed):
    from rnnshape.explore.questions import shape_of

    assert shape_of(typed) == (3, 7, 20)


@pytest.mark.parametrize(
    "typed, equal",
    [("output[-1]", True), ("output[4]", True), ("output[4, :, :]", True), ("output[-1, ...]", True),
     ("output[4:5]", False), ("output[:, -1]", False), ("output[0]", False)],
)  # fmt: skip
def test_indices_that_take_the_same_are_the_same(typed, equal):
    from rnnshape.explore.questions import index_of

    shape = (5, 7, 20)
    assert (index_of(typed, "output", shape) == index_of("output[-1]", "output", shape)) is equal


@pytest.mark.parametrize(
    "typed", ["output", "hn[-1]", "output[9]", "output[", "output[a]", "output[::0]",
              "__import__('os')", "output[1,1,1,1]", "((((", "output[1.5]"],
)  # fmt: skip
def test_what_is_no_index_is_none(typed):
    from rnnshape.explore.questions import index_of

    assert index_of(typed, "output", (5, 7, 20)) is None


# exports


@pytest.mark.parametrize("number", range(5))
def test_every_export_writes_its_file(number, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    state = session(num_layers=2)
    screen(state, 80, 24, "e", *["down"] * number, "enter", "enter")
    (path,) = tmp_path.iterdir()
    assert f"wrote {path.name}" in said(state)
    text = path.read_text(encoding="utf-8")
    begin = {".json": '{"schema"', ".svg": "<svg", ".html": "<!doctype", ".sh": "rnnshape trace"}
    assert text.lower().startswith(begin.get(path.suffix, "")) and len(text) > 10


def test_the_exported_json_is_that_of_trace(rnnshape):
    state = session(num_layers=2, cell="gru")
    text = writers(None, None)["rnnshape.json"](state.trace)
    assert json.loads(text) == rnnshape("trace", "--cell", "gru", "--layers", 2, "--json").json


@pytest.mark.parametrize(
    "network",
    [{}, {"cell": "lstm", "proj_size": 5, "bias": False, "batch_first": True},
     {"lengths": (5, 3, 2), "nonlinearity": "relu", "dropout": 0.5, "num_layers": 2},
     {"unbatched": True, "seq_len": 9}, {"seq_len": symbol("T"), "input_size": "I"},
     {"head": Head(3, "softmax", "last"), "bidirectional": True, "batch_size": 4}],
    ids=str,
)  # fmt: skip
def test_the_exported_command_line_leads_to_the_same_trace(network, rnnshape):
    state = session(**network)
    command = command_line(state.trace).split()
    assert command[:2] == ["rnnshape", "trace"]
    document = rnnshape(*command[1:], "--json").json
    assert document["spec"] == state.trace.spec.to_dict()
    assert document["tensors"] == json.loads(json.dumps(
        {n: [d if isinstance(d, int) else str(d) for d in s] for n, s in state.trace.tensors.items()}
    ))  # fmt: skip


def test_an_export_that_cannot_be_written_says_so_and_asks_again(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    keys = ["e", "enter", "ctrl+u", *"nowhere", "slash", "x", "enter"]
    shown = screen(session(), 80, 24, *keys)
    assert "expected a file that can be written" in shown and "nowhere/x" in shown


def test_a_long_command_line_is_shown_whole(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    network = {"cell": "lstm", "num_layers": 2, "input_size": 3, "hidden_size": 64, "bias": False}
    state = session(**network, batch_first=True, seq_len=9)
    keys = ("e", *["down"] * 3, "enter")
    _, shown = in_program(
        state, *keys, ask=lambda app: str(app.screen.query_one("#content").visual)
    )
    assert shown == command_line(trace(Spec(**network, batch_first=True), seq_len=9)) + "\n"


def test_a_new_export_takes_a_free_name(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rnnshape.json").touch()
    assert "rnnshape-2.json" in screen(session(), 80, 24, "e", "enter")


# safety and speed


@pytest.mark.slow
@pytest.mark.parametrize(
    "seed", [0, pytest.param(1, marks=pytest.mark.live), pytest.param(2, marks=pytest.mark.live)]
)
def test_no_key_brings_it_down(seed, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    drawn = random.Random(seed)
    keys = [key for key in ACTIONS if key not in ("q", "ctrl+c")]
    keys += ["backspace", "ctrl+p", "0", "5", "3", "T", "enter", "escape"]
    sizes = [(30, 5), (44, 14), (80, 24), (200, 50)]

    async def run():
        app = Explorer(session(["", "tour", "quiz"][seed], num_layers=2))
        async with app.run_test(size=(80, 24)) as pilot:
            for _ in range(40):
                await pilot.press(drawn.choice(keys))
                if drawn.random() < 0.1:
                    await pilot.resize_terminal(*drawn.choice(sizes))
        return app.return_code

    assert asyncio.run(run()) in (None, 0)


def test_a_key_touches_only_what_the_window_shows():
    state = session(num_layers=8, bidirectional=True, seq_len=1_000_000_000)
    keys = ("end", "up", "up", "left", "full_stop", "home", "d")
    assert in_program(state, *keys, size=(200, 50), ask=lambda app: len(app._drawn.hits))[1] < 500


def test_every_field_can_be_reached_and_has_a_text():
    state = session(cell="lstm", head=Head(3))
    assert set(state.view.settings.shown()) == set(FIELDS) - {"nonlinearity"}
    assert all(state.view.settings.text(name) for name in FIELDS)


def test_no_colour_leaves_the_signs(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")

    async def run():
        app = Explorer(session(num_layers=2))
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("right")
            strips = app.screen._compositor.render_strips()
            return [segment for strip in strips for segment in strip]

    segments = asyncio.run(run())
    text = "".join(segment.text for segment in segments)
    assert "╔════╗" in text and "┌┄┄┄┄┐" in text and "┌────┐" in text
    colours = {s.style.color.name for s in segments if s.style and s.style.color}
    assert colours <= {"default"}


def test_a_pipe_is_refused_with_what_to_use_instead(rnnshape):
    ended = rnnshape("explore")
    assert ended.status == 2
    assert ended.err.startswith("rnnshape: explore: expected a terminal as standard input")
    assert "fix: rnnshape trace" in ended.err


def test_without_textual_the_way_to_it_is_said(rnnshape, monkeypatch):
    import rnnshape.cli.explore as command

    monkeypatch.setattr(command, "check_terminal", lambda: None)
    monkeypatch.setitem(sys.modules, "rnnshape.explore.app", None)
    ended = rnnshape("explore")
    assert ended.status == 2 and "fix: pip install textual" in ended.err


def test_progress_is_for_terminals_alone(monkeypatch):
    from rnnshape.cli import output as progress

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not progress.watched(to_file=True)
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    reading, writing = os.pipe()
    with os.fdopen(reading), os.fdopen(writing, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert not progress.watched(to_file=True)
        assert list(progress.counted(range(3), 3, "steps", to_file=True)) == [0, 1, 2]
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        monkeypatch.setattr(sys, "stdout", nowhere)
        assert progress.watched(to_file=True) and not progress.watched(to_file=False)


def test_the_head_is_a_lane_of_its_own():
    state = press(session(head=Head(3, at="last")), "up")
    assert (state.view.here.direction, state.view.t) == (HEAD, 4)
    assert "what the head puts out" in screen(state, 120, 40)


# the gradient


def flowing(*keys, **network) -> Session:
    state = press(session(**network), "f", *keys)
    while state.walk_on():
        pass
    return state


@pytest.mark.parametrize("network", [{"num_layers": 2, "bidirectional": True}, {"lengths": (3, 5)},
                                     {"head": Head(3), "cell": "lstm"}], ids=str)  # fmt: skip
def test_the_grid_shows_how_large_the_gradient_is_at_each_h(network):
    state = flowing(**network)
    arriving = Arriving(with_sum(state.kept.source))
    arriving.run()
    for row, norms in arriving.norms.items():
        for t, norm in enumerate(norms):
            shown = float(state.gradient.shade(row, t).words.strip("░▒▓█ "))
            assert shown == pytest.approx(norm, rel=0.06)
            assert state.gradient.shade(row, t).words in screen(state, 400, 60)


def test_the_gradient_comes_while_one_walks_on():
    state = press(session(num_layers=8, seq_len=1000), "f")
    assert state.walking and "gradient 0 %" in state.note
    assert state.gradient.done == 0 and "…" in screen(state)
    press(state, "up", "right")
    assert (state.view.lane, state.view.t) == (1, 1)


def test_the_gradient_begins_anew_with_another_network_and_goes_with_the_numbers():
    state = flowing("c")
    assert state.view.trace.spec.cell == "lstm" and state.gradient.ended
    press(state, "f")
    assert not state.flowing and "7×20" in screen(state)
    press(state, "f", "v")
    assert not state.flowing and state.kept is None


def test_a_time_left_open_has_no_gradient():
    state = press(session(seq_len=symbol("T")), "f")
    assert "expected a number" in said(state) and not state.flowing


@pytest.mark.parametrize(
    "norm, words",
    [(0.0123, "0.012"), (3.0, "3.0"), (10.7, "11"), (0.00012, "1.2e-4"), (1.6e-12, "2e-12"),
     (1.7e120, "2e120"), (123456, "1.2e5"), (2e-300, "2e-300")],
)  # fmt: skip
def test_a_norm_is_written_in_six_signs(norm, words):
    assert written(norm) == words and len(words) <= 6


def test_a_heat_map_says_the_number_below_the_mouse():
    async def run():
        app = Explorer(session(values=True))
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            step = app.query_one("#step")
            y = next(n for n, row in enumerate(step._shown) if isinstance(row, MapRow))
            told = []
            for x in (6, 0):
                await pilot.hover("#step", offset=(x, y))
                told.append(step.tooltip)
            return told

    state = session(values=True)
    value = state.step().ops[0].output.value[0, 2]
    assert asyncio.run(run()) == [f"ih_0[0, 2] = {value:.4f}", None]


def test_a_written_cell_is_walked_with_all_its_states():
    state = session(cell=shipped_cell("mlstm"), bidirectional=True, input_size=4, hidden_size=3)
    shown = screen(state, 110, 34)
    assert "m0 2×7×1   C0 2×7×3×3   n0 2×7×3" in shown
    assert "C 7×3×3" in shown
    assert "bias" not in shown and "proj_size" not in shown
    press(state, "c")
    assert state.view.trace.spec.cell == "rnn"
    press(state, "c", "c", "c")
    assert state.view.trace.spec.cell == "mlstm"
    press(state, "v")
    assert "W_q·x_0" in screen(state, 110, 34)


def test_enter_opens_the_inside_of_the_cell_and_it_follows_the_walk():
    state = press(session(cell="lstm", num_layers=2), "right", "enter")
    shown = screen(state, 100, 45)
    assert "forget gate" in shown and "c_1" in shown and "layer 0 forward, t=1" in shown
    assert "layer 0 forward, t=2" in screen(state, 100, 45, "right")
    assert "forget gate" not in screen(state, 100, 45, "enter")


def test_an_lstm_has_a_lane_for_c_between_c0_and_cn():
    shown = screen(session(cell="lstm"), 120, 30)
    assert re.search(r"c0\[0\]→║c 7×20║─+→.*→cn\[0\]", shown)
    assert re.search(r"h0\[0\]→║h 7×20║─+→.*→hn\[0\]", shown)


def test_five_steps_of_three_layers_in_two_directions_fit_on_a_small_screen():
    shown, _ = in_program(session(num_layers=3, bidirectional=True))
    assert "→hn[4]" in shown and "←h0[5]" in shown and "t=4" in shown
    assert "? keys q quit" in shown.split("\n")[-1]


def test_a_screen_too_small_says_so():
    assert in_program(session(), size=(39, 24))[0].strip() == "too small: 39×24, at least 40×12"
    assert "too small" not in in_program(session(), size=(40, 12))[0]
    assert in_program(session(), "q", size=(39, 24), ask=lambda app: app.return_code)[1] == 0
    assert in_program(session(), "x", size=(39, 24), ask=lambda app: app.return_code)[1] is None


def test_a_wrong_shape_is_told_apart_and_an_empty_answer_skips():
    state = press(session(guide="quiz"), "tab")
    answer = state.quiz.asked.answer.split("×")
    assert "hint: " in screen(state)
    state.submit(",".join(answer[1:] + answer[:1]))
    if len(set(answer)) > 1:
        assert "the sizes are right, in another order" in screen(state)
    press(state, "enter")
    state.submit("")
    assert "skipped" in screen(state) and state.quiz.score == 0


@pytest.mark.parametrize("cell", ["rnn-cell", "lstm-cell", "gru-cell"])
def test_a_cell_module_is_a_single_step_with_its_states(cell):
    state = session(cell=cell, batch_size=4)
    shown = screen(state, 100, 40, "v")
    assert "h0→" in shown and "→hn" in shown and "step 1 of 1" in shown and "seq_len" not in shown
    assert ("c0→" in shown) == (cell == "lstm-cell")
    assert "h0 4×20 (N,H)" in shown and "output" not in shown
    step = state.step()
    assert [op.expression for op in step.ops] == [
        op.expression for step in state.view.trace.steps() for op in step.ops
    ]
    press(state, "c")
    assert state.view.trace.spec.single and state.view.trace.spec.cell != cell
    press(state, "f")
    assert "✗" not in said(state)


def test_a_scrollbar_in_the_last_column_does_not_change_the_height_of_what_it_scrolls():
    lines = [[(str(y), "")] for y in range(9)]
    board = Board(lambda width, height: lines, "step")
    assert [board.get_content_height(Size(), Size(), width) for width in (0, 1)] == [9, 9]
