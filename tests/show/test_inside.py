"""The inside of a cell: the scene of one step, as text and as SVG."""

import re
from itertools import combinations

import pytest

from rnnshape.analysis.trace import trace
from rnnshape.engine.written import shipped, shipped_cell
from rnnshape.network.dims import write_shape
from rnnshape.network.spec import Spec
from rnnshape.show.notation import equation_name
from rnnshape.show.pictures.inside import Inside, inside, text_lines
from rnnshape.show.screen import plain_lines

TORCHS_ORDER = {
    "lstm": ["input gate i, σ", "forget gate f, σ", "candidate g, tanh", "output gate o, σ"],
    "gru": ["reset gate r, σ", "update gate z, σ", "candidate n, tanh"],
}


def scene(**options) -> Inside:
    return inside(trace(Spec(**options)))


def shown(one: Inside) -> str:
    return "\n".join(plain_lines(text_lines(one)))


def words(one: Inside) -> str:
    return " ".join([*(word.words for word in one.words), *(wire.label for wire in one.wires),
                     *(line for frame in one.frames for part in frame.parts for line in part)]
                    ).replace("\xa0", " ")  # fmt: skip


@pytest.mark.parametrize("cell", TORCHS_ORDER)
def test_the_gates_are_named_in_torchs_order(cell):
    one = scene(cell=cell)
    gates = sorted((f.x, f.parts[0][0].replace("\xa0", " ")) for f in one.frames if "gate" in
                   f.parts[0][0] or "candidate" in f.parts[0][0])  # fmt: skip
    assert [name for _, name in gates] == TORCHS_ORDER[cell]


@pytest.mark.parametrize("options", [
    {"cell": "lstm"}, {"cell": "lstm", "proj_size": 5}, {"cell": "gru"}, {"cell": "rnn"},
    {"cell": "lstm", "bias": False}, {"cell": "gru", "bias": False, "hidden_size": 3},
    {"cell": "lstm-cell"}, {"cell": "gru-cell"}, {"nonlinearity": "relu"},
], ids=str)  # fmt: skip
def test_every_shape_of_the_step_stands_in_it(options):
    walked = trace(Spec(**options))
    step = next(iter(walked.steps()))
    told = words(inside(walked))
    for performed in step.ops:
        assert write_shape(performed.output.shape) in told
    for parameter in walked.spec.layer_parameters(0, "forward"):
        assert write_shape(parameter.shape) in told


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_as_text_it_fits_into_eighty_columns(cell):
    for one in (scene(cell=cell), scene(cell=cell, input_size="I", hidden_size="H")):
        assert max(map(len, shown(one).splitlines())) <= 80


def test_the_weights_of_an_lstm_are_cut_as_its_gates_are():
    bars = [f for f in scene(cell="lstm").frames if len(f.parts) == 4]
    assert len({(bar.x, bar.width) for bar in bars}) == 1
    assert [part[0] for part in bars[0].parts] == ["a_i 7×20", "a_f 7×20", "a_g 7×20", "a_o 7×20"]
    assert {"W_ifᵀ", "W_hfᵀ"} == {bar.parts[1][0] for bar in bars[1:]}


def test_with_numbers_a_gate_says_its_mean_and_how_much_is_open(rnnshape):
    step = rnnshape("trace", "--cell", "gru", "--values", "--json").json["steps"][3]
    value = next(op["output"]["value"] for op in step["ops"] if op["output"]["name"] == "r_3")
    numbers = [number for row in value for number in row]
    drawn = rnnshape("draw", "--inside", "--cell", "gru", "--values", "--step", 3).out
    assert f">mean {sum(numbers) / len(numbers):.2f}<" in drawn
    assert f">{sum(n > 0.5 for n in numbers) / len(numbers):.0%} over ½<" in drawn


def test_an_arrow_ends_at_a_sign_a_frame_or_the_words_of_what_leaves():
    for cell in ("lstm", "gru", "rnn"):
        one = scene(cell=cell)
        ends = {wire.points[-1] for wire in one.wires if not wire.bare}
        closed = {(sign.x, sign.y) for sign in one.signs}
        for x, y in ends - closed:
            framed = any(f.x <= x < f.x + f.width and f.y <= y < f.y + f.height for f in one.frames)
            assert framed or any(word.y == y and word.x == x + 1 for word in one.words), (x, y)


@pytest.mark.parametrize("name", shipped())
def test_a_written_cell_has_a_frame_an_equation_above_what_it_reads(name):
    cell = shipped_cell(name)
    spec = Spec(cell=cell, input_size=20, hidden_size=20)
    step = next(iter(trace(spec).steps()))
    one = inside(trace(spec))
    assert len(one.frames) <= len(set(cell.equations.values())) + len(cell.states) + 1
    for a, b in combinations(one.frames, 2):
        apart = a.x + a.width <= b.x or b.x + b.width <= a.x
        assert apart or a.y + a.height <= b.y or b.y + b.height <= a.y, (a, b)
    told = {" ".join(f.parts[0]).replace("\xa0", " "): f.y for f in one.frames}
    at = {}
    for equation in cell.equations.values():
        if not re.search(r"= *\w+'$", equation):  # output = y' computes nothing
            begin = " ".join(equation.split())
            at[equation] = next(y for words, y in told.items() if words.startswith(begin))
    for equation in at:
        for left in equation.partition("=")[0].split(","):
            word = rf"(?<![\w']){re.escape(left.strip())}(?![\w'])"
            readers = [other for other in at if re.search(word, other.partition("=")[2])]
            assert all(at[reader] < at[equation] for reader in readers), (left, readers)
    for read in {i for done in step.ops for i in done.inputs if i.role.kind == "parameter"}:
        shape = f"{equation_name(read)} {write_shape(read.shape)}"
        assert any(shape in words for words in told), shape


def test_a_drawing_of_the_inside_is_xml_with_a_title(rnnshape):
    drawn = rnnshape("draw", "--inside", "--cell", "lstm").out
    assert re.search(r"<title[^>]*>Inside LSTM\(10, 20\): layer 0 forward, t=0</title>", drawn)
    for gate in TORCHS_ORDER["lstm"]:
        assert f">{gate}<" in drawn
    assert rnnshape("draw", "--inside", "--format", "dot").status == 2
    assert rnnshape("draw", "--inside", "--layer", 3).status == 2
    assert rnnshape("draw", "--layer", 0).status == 2


def test_a_written_cell_is_laid_out_too(rnnshape, tmp_path):
    (tmp_path / "mgu.cell").write_text(
        "f = σ(W_if·x + W_hf·h)\nn = tanh(W_in·x + f ⊙ (W_hn·h))\nh' = (1 − f) ⊙ h + f ⊙ n\n",
        encoding="utf-8",
    )
    told = rnnshape("draw", "--inside", "--cell", "mgu.cell", "--format", "text").out
    assert "│ f = σ(" in told and "│ n = tanh(" in told and "W_hn 20×20" in told
    assert told.index("│ h' = ") < told.index("│ n = ") < told.index("│ x_0  │")
