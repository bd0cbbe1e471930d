"""The pictures of `trace --picture`.

What a person sees stands in tests/golden; after a change that is meant,

    python -m pytest tests/show/test_picture.py tests/cli/test_state_command.py --update-golden

writes it anew. Look at the files before they are committed.
"""

import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rnnshape import Spec, trace
from rnnshape.errors import UsageError
from rnnshape.network.head import Head
from rnnshape.show.pictures.terminal import picture_lines
from rnnshape.show.screen import columns_of, encodable, plain_lines

PICTURES = {
    "one-layer-80": (80, []),
    "one-layer-40": (40, []),
    "one-layer-120-lstm-projected": (120, ["--cell", "lstm", "--proj-size", 5]),
    "stack-40": (40, ["--layers", 3]),
    "stack-80": (80, ["--layers", 3]),
    "stack-200": (200, ["--layers", 3]),
    "stack-80-lstm": (80, ["--layers", 2, "--cell", "lstm"]),
    "stack-80-dropout": (80, ["--layers", 2, "--dropout", 0.5, "--seq-len", 2]),
    "stack-80-long-and-deep": (80, ["--layers", 100, "--seq-len", 1000, "--batch-first"]),
    "stack-80-packed": (80, ["--layers", 2, "--lengths", "5,3,2"]),
    "stack-80-head": (80, ["--layers", 2, "--output-size", 3, "--output-activation", "softmax"]),
    "both-40": (40, ["--layers", 2, "--bidirectional"]),
    "both-80": (80, ["--layers", 2, "--bidirectional"]),
    "both-200-lstm-projected": (
        200, ["--layers", 2, "--bidirectional", "--cell", "lstm", "--proj-size", 5],
    ),
    "both-80-deep": (80, ["--layers", 9, "--bidirectional", "--seq-len", 100]),
    "both-80-packed": (80, ["--bidirectional", "--lengths", "5,3,2"]),
    "both-80-unbatched": (80, ["--bidirectional", "--unbatched", "--seq-len", 3]),
    "both-80-symbols": (
        80, ["--layers", 2, "--bidirectional", "--seq-len", "T", "--batch-size", "N",
             "--input-size", "I", "--hidden-size", "H"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_as_it_was_looked_at(name, rnnshape, golden):
    width, options = PICTURES[name]
    told = drawn(rnnshape, *options, columns=width)
    assert max(map(len, told.splitlines())) <= width
    golden(f"picture-{name}", told)


def drawn(rnnshape, *options, columns=80) -> str:
    """What `trace --picture` prints."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(columns))
        ended = rnnshape("trace", *options, "--picture")
    assert (ended.status, ended.err) == (0, "")
    return ended.out


def test_the_cell_of_figure_1_feeds_back_into_itself(rnnshape):
    told = drawn(rnnshape)
    assert "folded" in told and "unrolled" in told
    assert "│ 7×20 │←─┘" in told and "W_hh 20×20" in told
    assert "│ C 7×20×20 │←─┤" in drawn(rnnshape, "--cell", "mlstm", columns=150)


def test_figure_6_has_a_cell_for_each_layer_and_time(rnnshape):
    told = drawn(rnnshape, "--layers", 3)
    assert told.count("│ 7×20 │") == 3 * 5
    rows = [line for line in told.splitlines() if line.startswith("h0[")]
    assert [row[:5] for row in rows] == ["h0[2]", "h0[1]", "h0[0]"]  # layer 0 at the bottom
    assert [row[-5:] for row in rows] == ["hn[2]", "hn[1]", "hn[0]"]


def test_the_products_of_figure_6_are_named(rnnshape):
    for width in (80, 200):
        told = drawn(rnnshape, "--layers", 3, columns=width)
        assert "W_ih (7×10)·(10×20)+20→7×20" in told
        assert "W_ih (7×20)·(20×20)+20→7×20" in told


def test_the_reverse_state_begins_at_the_right(rnnshape):
    told = drawn(rnnshape, "--bidirectional")
    reverse = next(line for line in told.splitlines() if "hn[1]" in line)
    forward = next(line for line in told.splitlines() if "h0[0]" in line)
    assert reverse.startswith("hn[1] ←") and reverse.endswith("←─ h0[1]")
    assert forward.startswith("h0[0] ─→") and forward.endswith("→ hn[0]")


def test_two_directions_are_joined_between_layers(rnnshape):
    told = drawn(rnnshape, "--layers", 2, "--bidirectional")
    assert "20+20=40" in told and "20 + 20 = 40" in told
    assert told.count("7×40  ") >= 2 * 4


def test_a_packed_batch_shrinks(rnnshape):
    told = drawn(rnnshape, "--layers", 2, "--lengths", "5,3,2")
    cells = next(line for line in told.splitlines() if line.startswith("h0[1]"))
    rows = [cells[at - 1] for at in range(len(cells)) if cells.startswith("×20", at)]
    assert rows == ["3", "3", "2", "1", "1"]


def test_what_is_left_out_is_counted(rnnshape):
    assert "┄ t = 4 … 998: the same shapes" in drawn(rnnshape, "--layers", 2, "--seq-len", 1000)
    assert "layers 3–97" in drawn(rnnshape, "--layers", 100)


def test_it_is_as_wide_as_asked_and_80_in_a_pipe(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert columns_of(io.StringIO()) == columns_of(None) == 80
    monkeypatch.setenv("COLUMNS", "100")
    assert columns_of(io.StringIO()) == 100
    monkeypatch.setenv("COLUMNS", "wide")
    assert columns_of(None) == 80


def test_a_console_without_box_drawing_keeps_the_columns(rnnshape):
    console = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    told = drawn(rnnshape, "--layers", 2, "--bidirectional", "--seq-len", 9)
    picture = told.split("\n\n")[1].splitlines()
    assert [len(encodable(line, console)) for line in picture] == [len(line) for line in picture]
    assert not any("?" in encodable(line, console) for line in told.splitlines())


def test_it_is_written_to_a_file(rnnshape, tmp_path):
    assert rnnshape("trace", "--picture", "-o", "picture.txt").out == ""
    assert "folded" in (tmp_path / "picture.txt").read_text("utf-8")


def test_a_narrow_window_is_told_what_is_needed():
    with pytest.raises(UsageError, match="at least 25 columns") as raised:
        picture_lines(trace(Spec()), 20)
    assert raised.value.fix.endswith("COLUMNS=25")
    assert picture_lines(trace(Spec()), 25)


@pytest.mark.parametrize(
    "more", [["--json"], ["--values"], ["--step", 0], ["--layer", 0], ["--all"]], ids=str
)
def test_a_picture_shows_shapes_of_everything(rnnshape, more):
    ended = rnnshape("trace", "--picture", *more)
    assert (ended.status, ended.out) == (2, "")
    assert f"expected without {more[0]}" in ended.err
    assert f"fix: rnnshape trace --picture, or rnnshape trace {more[0]}" in ended.err


SIZES = st.sampled_from([1, 2, 20, 1024, "H"])


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    cell=st.sampled_from(["rnn", "lstm", "gru"]),
    hidden=SIZES,
    layers=st.sampled_from([1, 2, 3, 7, 100]),
    two=st.booleans(),
    first=st.booleans(),
    shape=st.sampled_from([(7, 5), (128, 1), (1, 2), (3, 10**9), ("N", "T")]),
    lengths=st.none() | st.lists(st.integers(1, 60), min_size=1, max_size=5),
    head=st.none() | st.builds(Head, st.sampled_from([1, 50257]), at=st.sampled_from(["every", "last"])),
    width=st.integers(20, 210),
)  # fmt: skip
def test_no_line_is_wider_than_asked(cell, hidden, layers, two, first, shape, lengths, head, width):
    spec = Spec(
        cell=cell, hidden_size=hidden, num_layers=layers, bidirectional=two, batch_first=first
    )
    subject = trace(spec, *shape, lengths=lengths, head=head)
    try:
        told = list(plain_lines(picture_lines(subject, width)))
    except UsageError as error:
        assert width < 60
        width = int(error.fix.rpartition("=")[2])  # what it says is enough
        told = list(plain_lines(picture_lines(subject, width)))
    assert max(map(len, told)) <= width
