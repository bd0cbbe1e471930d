"""rnnshape draw: the unrolled network as SVG, PNG, Mermaid and DOT."""

import re
import shutil
import subprocess
import sys
from itertools import combinations
from xml.etree import ElementTree

import pytest
from conftest import installed
from draw_golden import DRAWINGS, GOLDEN
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnshape.analysis.trace import Trace
from rnnshape.engine.written import shipped_cell
from rnnshape.network.batch import Batch
from rnnshape.network.head import Head
from rnnshape.network.spec import Spec
from rnnshape.show.notation import COLOURS, PAPER, STYLES
from rnnshape.show.pictures.scene import SIGN, SMALL_SIGN, Scene
from rnnshape.show.pictures.unrolled import Unrolled

SVG = "{http://www.w3.org/2000/svg}"


def drawn(rnnshape, *options):
    """The SVG as a tree; parsing it shows that it is well-formed."""
    ended = rnnshape("draw", *options)
    assert ended.status == 0, ended.err
    return ElementTree.fromstring(ended.out)


def words(tree):
    return ["".join(node.itertext()) for node in tree.iter(SVG + "text")]


def scene(spec, batch=None, head=None):
    return Scene(Unrolled(Trace(spec, batch or Batch(), head=head)))


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_looks_as_it_was_reviewed(rnnshape, name):
    ended = rnnshape("draw", *DRAWINGS[name])
    assert ended.status == 0
    assert ended.out == (GOLDEN / name).read_text(encoding="utf-8"), "python tests/draw_golden.py"


@pytest.mark.parametrize("name", [name for name in DRAWINGS if name.endswith("svg")])
def test_a_drawing_is_small(name):
    assert (GOLDEN / name).stat().st_size < 60_000


def test_every_cell_has_a_box_with_its_shape(rnnshape):
    assert words(drawn(rnnshape, "--layers", "3")).count("7×20") == 3 * 5 + 5 + 2 * 3


def test_each_product_stands_beside_its_layer(rnnshape):
    said = words(drawn(rnnshape, "--layers", "2"))
    assert said.count("(7×10)·(10×20)+20→7×20") == 1
    assert "weight_ih_l0 20×10" in said
    assert said.count("(7×20)·(20×20)+20→7×20") == 3


def test_layers_go_upwards_and_time_to_the_right():
    boxes = scene(Spec(num_layers=2)).boxes
    assert boxes["cell1_forward_0"].y < boxes["cell0_forward_0"].y
    assert boxes["cell0_forward_0"].x < boxes["cell0_forward_1"].x
    assert boxes["output0"].y < boxes["cell1_forward_0"].y
    assert boxes["input0"].y > boxes["cell0_forward_0"].y


def test_h0_stands_at_the_left_and_hn_at_the_right():
    boxes = scene(Spec()).boxes
    assert boxes["first0_forward"].x < boxes["cell0_forward_0"].x
    assert boxes["last0_forward"].x > boxes["cell0_forward_4"].x


def test_a_reverse_lane_is_mirrored():
    drawing = scene(Spec(bidirectional=True))
    boxes = drawing.boxes
    assert boxes["first0_reverse"].x > boxes["cell0_reverse_4"].x
    assert boxes["last0_reverse"].x < boxes["cell0_reverse_0"].x
    (wire,) = (
        w for w in drawing.wires if w.edge.target == "cell0_reverse_3" and w.edge.kind == "state"
    )
    assert wire.edge.source == "cell0_reverse_4"
    assert wire.points[0][0] > wire.points[-1][0]


def test_both_directions_meet_in_a_concatenation(rnnshape):
    assert words(drawn(rnnshape, "--bidirectional")).count("concat 7×40") == 5


def test_an_lstm_passes_two_states(rnnshape):
    said = words(drawn(rnnshape, "--cell", "lstm", "--seq-len", "1"))
    assert said.count("c 7×20") == said.count("h 7×20") == 1
    assert "c0[0] 7×20" in said
    wires = [w for w in scene(Spec(cell="lstm")).wires if w.edge.target == "cell0_forward_1"]
    assert [w.edge.kind for w in wires] == ["state", "state", "input"]


def test_a_packed_batch_shrinks():
    boxes = scene(Spec(), Batch(lengths=(5, 3, 2))).boxes
    heights = [boxes[f"cell0_forward_{t}"].height for t in range(5)]
    assert heights == sorted(heights, reverse=True)
    assert heights[0] > heights[2] > heights[4]


def test_where_a_packed_sequence_ends_its_state_goes_to_hn(rnnshape):
    assert words(drawn(rnnshape, "--lengths", "5,3,2")).count("1 → hn") == 2


def test_a_long_sequence_is_folded_in_the_middle(rnnshape):
    said = words(drawn(rnnshape, "--seq-len", "100"))
    assert "t = 3 … 97" in said
    assert "output[98]" in said
    assert "output[50]" not in said


def test_a_million_steps_are_drawn_at_once(rnnshape):
    assert "output[999999]" in words(drawn(rnnshape, "--seq-len", "1000000"))


def test_a_deep_stack_is_folded_in_the_middle(rnnshape):
    said = words(drawn(rnnshape, "--layers", "30"))
    assert "⋮ layers 6 … 27" in said
    assert "layer 29" in said


def test_sizes_may_be_names(rnnshape):
    said = words(drawn(rnnshape, "--batch-size", "N", "--hidden-size", "H", "--seq-len", "T"))
    assert "(N×10)·(10×H)+H→N×H" in said
    assert "output[T-1]" in said


def test_a_head_stands_on_top(rnnshape):
    said = words(drawn(rnnshape, "--output-size", "3"))
    assert "(7×20)·(20×3)+3→7×3" in said
    assert said.count("7×3") == 5


def test_batch_first_cuts_the_second_axis(rnnshape):
    assert "input[:, 0]" in words(drawn(rnnshape, "--batch-first"))


def test_a_screen_reader_is_told_what_it_shows(rnnshape):
    tree = drawn(rnnshape, "--layers", "3")
    assert tree.get("role") == "img"
    title, description = tree.find(SVG + "title"), tree.find(SVG + "desc")
    assert tree.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert title.text == "RNN(10, 20, num_layers=3) over 5 steps"
    assert "input 5×7×10, h0 3×7×20" in description.text


def test_the_fonts_are_those_that_every_browser_has(rnnshape):
    fonts = re.findall(r"font-family:([^;}]*)", rnnshape("draw").out)
    assert set(fonts) == {"monospace", "sans-serif"}


def test_auto_follows_the_reader(rnnshape):
    style = drawn(rnnshape).find(SVG + "style").text
    light, dark = style.split("@media (prefers-color-scheme:dark)")
    assert PAPER["light"] in light
    assert PAPER["dark"] in dark


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_fixed_theme_does_not_change(rnnshape, theme):
    style = drawn(rnnshape, "--theme", theme).find(SVG + "style").text
    assert "@media" not in style
    assert PAPER[theme] in style


@pytest.mark.parametrize("kind", ["input", "state", "weight", "output"])
def test_a_colour_means_the_same_in_a_picture_and_in_the_terminal(rnnshape, kind):
    assert STYLES[kind] == COLOURS[kind].terminal
    assert f"tspan.{kind}{{fill:{COLOURS[kind].light}}}" in rnnshape("draw").out


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", COLOURS)
def test_words_stand_out_from_the_paper(kind, theme):
    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (
            c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    own = luminance(getattr(COLOURS[kind], theme))
    low, high = sorted((own, luminance(PAPER[theme])))
    assert (high + 0.05) / (low + 0.05) >= 4.5  # WCAG AA


cells = st.sampled_from(["rnn", "lstm", "gru"])
stateful = st.one_of(cells, st.sampled_from(["slstm", "mgu"]).map(shipped_cell))
batches = st.one_of(
    st.builds(lambda t, n: Batch(seq_len=t, size=n), st.integers(1, 40), st.integers(1, 9000)),
    st.builds(
        lambda lengths: Batch(lengths=tuple(lengths)),
        st.lists(st.integers(1, 14), min_size=1, max_size=9),
    ),
)
heads = st.one_of(
    st.none(), st.builds(lambda at: Head(3, at=at), st.sampled_from(["every", "last"]))
)


@given(stateful, st.integers(1, 12), st.booleans(), st.booleans(), batches, heads)
@settings(max_examples=60, deadline=None)
def test_no_box_covers_another_and_every_word_fits_its_box(cell, layers, both, first, batch, head):
    spec = Spec(cell=cell, num_layers=layers, bidirectional=both, batch_first=first)
    drawing = scene(spec, batch, head)
    boxes = list(drawing.boxes.values())
    for box in boxes:
        assert box.x >= 0 and box.x + box.width <= drawing.width
        assert box.y >= 0 and box.y + box.height <= drawing.height
        sign = SMALL_SIGN if box.node.role == "concat" else SIGN
        assert max(len(line) * sign for line in box.node.lines) <= box.width
        assert 15 * len(box.node.lines) <= box.height or box.node.role == "cell"
    for a, b in combinations(boxes, 2):
        apart = a.x + a.width <= b.x or b.x + b.width <= a.x
        assert apart or a.y + a.height <= b.y or b.y + b.height <= a.y, (a.node.id, b.node.id)


@given(cells, st.integers(1, 12), st.booleans(), batches, heads)
@settings(max_examples=40, deadline=None)
def test_no_way_up_runs_through_a_box(cell, layers, both, batch, head):
    drawing = scene(Spec(cell=cell, num_layers=layers, bidirectional=both), batch, head)
    for wire in drawing.wires:
        for (x1, y1), (x2, y2) in zip(wire.points, wire.points[1:]):
            for box in drawing.boxes.values():
                inside = (
                    max(x1, x2) > box.x + 1 and min(x1, x2) < box.x + box.width - 1
                    and max(y1, y2) > box.y + 1 and min(y1, y2) < box.y + box.height - 1
                )  # fmt: skip
                assert not inside, (wire.edge, box.node.id)


@given(cells, st.integers(1, 12), st.booleans(), batches, heads)
@settings(max_examples=40, deadline=None)
def test_every_row_of_mermaid_fills_the_grid(cell, layers, both, batch, head):
    from rnnshape.show.pictures.graphs import mermaid_lines

    trace = Trace(Spec(cell=cell, num_layers=layers, bidirectional=both), batch, head=head)
    _, block, columns, *lines = mermaid_lines(Unrolled(trace))
    assert block == "block-beta"
    rows = [
        line
        for line in lines
        if "-->" not in line and "-.->" not in line and not line.startswith("  class")
    ]
    for row in rows:
        spans = re.sub(r'\["[^"]*"\]', "", row).split()
        wide = sum(int(part.partition(":")[2] or 1) for part in spans)
        assert wide == int(columns.split()[1]), row


@pytest.mark.parametrize("format", ["mermaid", "dot"])
def test_every_arrow_of_text_joins_boxes_that_are_there(rnnshape, format):
    ended = rnnshape(
        "draw", "--layers", "2", "--bidirectional", "--output-size", "3", "--format", format
    )
    arrows = re.findall(r"^  (\w+) --?> (\w+)|^  (\w+) -> (\w+)", ended.out, re.M)
    named = set(re.findall(r"(\w+) ?\[", ended.out))
    ends = {name for arrow in arrows for name in arrow if name}
    assert len(arrows) > 40
    assert ends <= named


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("a.svg", "<svg"),
        ("a.mmd", "%%"),
        ("a.dot", "digraph"),
        ("a.txt", "RNN("),
        ("picture", "<svg"),
    ],
)
def test_the_name_of_the_file_tells_the_format(rnnshape, tmp_path, name, start):
    assert rnnshape("draw", "-o", name).out == ""
    assert (tmp_path / name).read_text(encoding="utf-8").startswith(start)


@pytest.mark.parametrize("name", ["a.gif", "a.pdf", "folder.d/a.jpg"])
def test_a_name_that_asks_for_what_is_not_written_is_refused(rnnshape, tmp_path, name):
    ended = rnnshape("draw", "-o", name)
    assert ended.status == 2 and "expected a name that ends in .svg, .png" in ended.err
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not installed("resvg_py"), reason="resvg-py is not installed")
def test_png_is_a_picture_of_twice_the_size(rnnshape, tmp_path):
    assert rnnshape("draw", "-o", "rnn.png").status == 0
    data = (tmp_path / "rnn.png").read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert abs(int.from_bytes(data[16:20], "big") - 2 * scene(Spec()).width) <= 2


def test_png_without_its_package_says_how_to_install_it(rnnshape, monkeypatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    from rnnshape.errors import UsageError
    from rnnshape.show.pictures.png import png

    with pytest.raises(UsageError, match=r"pip install 'rnnshape\[png\]'"):
        png("<svg/>")


@pytest.mark.parametrize(("option", "value"), [("--format", "gif"), ("--theme", "blue")])
def test_what_is_unknown_is_refused(rnnshape, option, value):
    ended = rnnshape("draw", option, value)
    assert ended.status == 2
    assert ended.err.startswith(f"rnnshape: {option}: expected")


@pytest.mark.skipif(not installed("resvg_py"), reason="resvg-py is not installed")
def test_png_without_a_font_is_refused(monkeypatch):
    import resvg_py

    from rnnshape.errors import UsageError
    from rnnshape.show.pictures.png import png

    render = resvg_py.svg_to_bytes
    monkeypatch.setattr(
        resvg_py, "svg_to_bytes", lambda **given: render(skip_system_fonts=True, **given)
    )
    with pytest.raises(UsageError, match="expected a monospace font"):
        png("<svg/>")


@pytest.mark.parametrize("options", [
    ["--layers", "2", "--bidirectional", "--stack"], ["--cell", "lstm", "--seq-len", "T"],
    ["--lengths", "5,3,2", "--output-size", "3"], ["--cell", "gru-cell", "--hidden-size", "H_1"],
], ids=" ".join)  # fmt: skip
def test_tikz_is_a_document_whose_commands_are_closed(rnnshape, options):
    told = rnnshape("draw", *options, "--format", "tikz").out
    assert told.count("\\begin{") == told.count("\\end{") == 2
    plain = re.sub(r"\\[\\{}_%#&$]", "", told)
    assert plain.count("{") == plain.count("}") and plain.count("$") % 2 == 0
    commands = [line for line in told.splitlines() if line.startswith(("\\node", "\\draw"))]
    assert all(line.endswith(";") for line in commands) and len(commands) > 8
    assert told.isascii()
    drawn_kinds = set(re.findall(r"rnn(\w+)", told))
    assert drawn_kinds <= set(re.findall(r"definecolor\{rnn(\w+)\}", told))


@pytest.mark.live
@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_latex_takes_the_tikz_picture(rnnshape, tmp_path):
    assert rnnshape("draw", "--layers", "2", "-o", "rnn.tex").status == 0
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "rnn.tex"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120)
    assert ended.returncode == 0 and (tmp_path / "rnn.pdf").stat().st_size > 1000


def test_a_stack_stands_between_two_layers(rnnshape):
    said = words(drawn(rnnshape, "--layers", "3", "--stack"))
    assert sorted(w for w in said if w.startswith("all steps")) == [
        "all steps in one: 5×7×20, the input of layer 1",
        "all steps in one: 5×7×20, the input of layer 2",
    ]
    assert not [w for w in words(drawn(rnnshape, "--stack")) if w.startswith("all steps")]


def test_the_shared_corners_are_marked(rnnshape):
    def marks(*options):
        drawing = scene(Spec(**dict(options)))
        return drawing.corners

    assert marks(("num_layers", 2)) == {"output4": "①", "last1_forward": "①"}
    assert marks(("bidirectional", True)) == {
        "output4": "①", "last0_forward": "①", "output0": "②", "last0_reverse": "②"}  # fmt: skip
    assert marks(("cell", shipped_cell("mlstm"))) == {}  # its output is none of its states
    said = words(drawn(rnnshape, "--bidirectional"))
    assert said.count("①") == 2 and said.count("②") == 2
    assert "① output[-1, :, :20] equals hn[-2]" in said


def test_a_packed_batch_tells_its_lengths_and_which_rows_are_real(rnnshape):
    said = words(drawn(rnnshape, "--lengths", "5,3,2"))
    assert "RNN(10, 20) over 5 steps, lengths 5, 3, 2" in said
    assert "output[2][:2]" in said and "output[0]" in said
    assert "output[:2, 2]" in words(drawn(rnnshape, "--lengths", "5,3,2", "--batch-first"))
    assert "output[2]" in words(drawn(rnnshape, "--lengths", "2,3,5")), "the rows lie apart"


def test_without_a_batch_the_final_state_has_one_axis_less(rnnshape):
    said = words(drawn(rnnshape, "--unbatched"))
    assert said[said.index("hn[0]") + 1] == "20"
