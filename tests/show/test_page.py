"""rnnshape trace --html: what the page holds. How it behaves in a browser is in test_page_live."""

import gzip
import json
import re
from base64 import b64decode
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from conftest import ROOT

from rnnshape.analysis.flow import Arriving, with_sum
from rnnshape.analysis.trace import Trace, trace
from rnnshape.engine.backward import Back
from rnnshape.network.batch import Batch
from rnnshape.network.dims import symbol
from rnnshape.network.head import Head
from rnnshape.network.spec import Spec
from rnnshape.numeric.random import drawn_head, drawn_weights
from rnnshape.show.page.reading import reading
from rnnshape.show.page.tour import TOUR
from rnnshape.show.page.webpage import webpage

PARTS = ROOT / "rnnshape" / "show" / "page"


def data_of(page: str) -> dict:
    packed = re.search(r'id="data">([A-Za-z0-9+/=]*)</script>', page)[1]
    return json.loads(gzip.decompress(b64decode(packed)))


@pytest.fixture
def page(rnnshape, tmp_path):
    def made(*options):
        ended = rnnshape("trace", *options, "--html", "page.html")
        assert (ended.status, ended.out) == (0, ""), ended.err
        return (tmp_path / "page.html").read_text(encoding="utf-8")

    return made


def test_the_page_needs_no_network(page):
    text = page("--layers", "3")
    assert "default-src 'none'" in text
    addresses = set(re.findall(r"\w+://[^\s\"'<]*", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}  # a name, not a place
    assert not re.search(r"<(script|link|img|iframe)[^>]*\b(src|href)=", text)
    assert not re.search(r"\bfetch\(|XMLHttpRequest|import\(|@import|url\(", text)


@pytest.mark.parametrize(
    "options", [[], ["--values"], ["--values", "--backward"]], ids=["shapes", "values", "gradient"]
)
def test_the_page_of_three_layers_is_small_enough_to_mail(page, options):
    assert len(page("--layers", "3", *options).encode()) < 450_000


def test_the_picture_stands_in_the_page_without_any_script(page):
    body = page("--layers", "3").partition("<script")[0]
    assert body.count("7×20</text>") > 15
    assert "<noscript>" in page()


def test_every_picture_is_well_formed(page):
    text = page("--cell", "lstm", "--lengths", "5,3,2")
    data = data_of(text)
    pictures = [reading["svg"] for reading in (*data["readings"], *data["patterns"].values())
                if "svg" in reading]  # fmt: skip
    pictures += re.findall(r"<svg.*?</svg>", text, re.S)
    assert len(pictures) > 20
    for picture in pictures:
        ElementTree.fromstring(picture)


def test_ids_are_used_once(page):
    text = page("--layers", "2")
    ids = re.findall(r'\bid="([^"]*)"', text)
    assert len(ids) == len(set(ids))


def test_the_script_finds_every_element_that_it_names():
    named = set()
    for path in PARTS.glob("*.js"):
        named |= set(
            re.findall(r'(?:element|on|press)\("([\w-]+)"', path.read_text(encoding="utf-8"))
        )
    ids = set(re.findall(r'\bid="([^"]*)"', (PARTS / "page.html").read_text(encoding="utf-8")))
    assert named - ids == set()


@pytest.mark.parametrize("path", sorted(PARTS.glob("*.*")), ids=lambda path: path.name)
def test_a_part_of_the_page_holds_no_more_than_one_reading(path: Path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_both_readings_of_batch_first_and_directions_are_ready(page):
    data = data_of(page("--layers", "3"))
    for key, number in data["toggles"].items():
        shown = data["readings"][number]
        assert (shown["batchFirst"], shown["bidirectional"]) == (key[0] == "1", key[1] == "1")
    assert data["toggles"]["00"] == 0


def test_equal_steps_are_told_once(page):
    data = data_of(page("--layers", "3"))
    batch_first = data["readings"][data["toggles"]["10"]]
    assert batch_first["like"] == 0
    assert "records" not in batch_first


def test_the_tour_has_fifteen_stops_and_each_has_its_network(page):
    data = data_of(page("--cell", "gru"))
    assert len(data["tour"]) == len(TOUR) == 15
    for stop, told in zip(TOUR, data["tour"]):
        assert told["title"] == stop.title
        assert "\n".join(told["text"]) == stop.text
        assert data["readings"][told["reading"]]["code"] == stop.trace().spec.code


@pytest.mark.parametrize("stop", TOUR, ids=lambda stop: stop.title)
def test_a_stop_looks_at_a_cell_that_is_there(stop):
    if stop.focus is not None:
        cells = [(step.layer, step.direction, step.t) for step in stop.trace().steps()]
        assert stop.focus in cells


@pytest.mark.parametrize("stop", TOUR, ids=lambda stop: stop.title)
def test_a_stop_names_only_shapes_of_its_network(stop):
    walk = stop.trace()
    shown = {*walk.tensors.values(), *(p.shape for p in walk.parameters)}
    for step in walk.steps():
        for performed in step.ops:
            shown |= {t.shape for t in (*performed.inputs, performed.output)}
            shown |= {t.shape[::-1] for t in performed.inputs if t.name.startswith("weight")}
    below = {"3×7×20", "20×10", "7×10"}  # what a stop compares with
    for words in re.findall(r"\d+(?:×\d+)+", stop.text):
        shape = tuple(map(int, words.split("×")))
        assert shape in shown or words in below, words


NETWORKS = {
    "lstm, projected": Trace(Spec(cell="lstm", proj_size=5, num_layers=2), Batch()),
    "gru, both": Trace(Spec(cell="gru", bidirectional=True), Batch(seq_len=3)),
    "unbatched": Trace(Spec(), Batch(unbatched=True)),
    "packed, both": Trace(Spec(bidirectional=True, num_layers=2), Batch(lengths=(2, 5, 3, 3))),
    "head": Trace(Spec(), Batch(), head=Head(3, "softmax")),
    "last head, both": Trace(Spec(bidirectional=True), Batch(), head=Head(3, at="last")),
    "long": Trace(Spec(num_layers=2), Batch(seq_len=1000)),
    "open batch": Trace(Spec(hidden_size=symbol("H")), Batch(size=symbol("N"))),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_runs_give_back_every_step_of_the_walk(name):
    walk = NETWORKS[name]
    told = reading(walk, "picture")
    steps = list(walk.steps())
    unfolded = []
    for number, t, stride, count, record in told["runs"]:
        place = told["passes"][number]
        unfolded += [
            (place["layer"], place["direction"], t + stride * i, record) for i in range(count)
        ]
    assert [place[:3] for place in unfolded] == [(s.layer, s.direction, s.t) for s in steps]
    for step, (*_, record) in zip(steps, unfolded):
        written = told["records"][record]["operations"]
        assert ["".join(p[0] for p in op["shapes"]) for op in written] == [
            p.expression for p in step.ops
        ]


def test_a_symbolic_time_is_told_once():
    told = reading(Trace(Spec(), Batch(seq_len=symbol("T"))), "picture")
    assert told["runs"] == [[0, "t", 1, 1, 0]]


def test_an_operation_is_written_in_letters_too():
    told = reading(Trace(Spec(cell="gru"), Batch()), "picture")
    assert told["records"][0]["operations"][0]["letters"] == "(N×I)·(I×3H)+3H→N×3H"


def test_the_numbers_are_those_of_the_walk(rnnshape, page):
    options = ["--layers", "2", "--bidirectional", "--values", "--seed", "3"]
    data = data_of(page(*options))
    walked = rnnshape("trace", *options, "--json").json
    numbers, shown = data["numbers"], data["readings"][0]
    pool = np.frombuffer(b64decode(numbers["pool"]), "<f4")
    index = 0
    for _, _, _, count, record in shown["runs"]:
        tensors = shown["records"][record]["tensors"]
        for _ in range(count):
            step = walked["steps"][index]
            operands = [*step["ops"][0]["inputs"], *(op["output"] for op in step["ops"])]
            values = {tensor["name"]: tensor["value"] for tensor in operands}
            for (name, shape, _), start in zip(tensors, numbers["steps"][index]):
                name = name.replace("{t}", str(step["t"]))
                if name in values:
                    value = pool[start : start + np.prod(shape)].reshape(shape)
                    assert np.array_equal(value, np.float32(values[name])), name
            index += 1
    assert index == len(walked["steps"])


def test_the_toggle_of_batch_first_shows_the_same_numbers(page):
    data = data_of(page("--values"))
    assert data["numbered"] == [data["toggles"]["00"], data["toggles"]["10"]]


@pytest.mark.parametrize(
    "network, batch",
    [({"bidirectional": True, "num_layers": 2}, {}), ({"cell": "lstm"}, {"lengths": (3, 5)}),
     ({}, {"head": Head(3)}), ({}, {"head": Head(3, at="last")})],
    ids=str,
)  # fmt: skip
def test_with_a_backward_the_page_has_the_norm_of_the_gradient_at_each_h(network, batch):
    spec, generator = Spec(**network), np.random.default_rng(0)
    weights = drawn_weights(spec, generator, "float32")
    if "head" in batch:
        weights |= drawn_head(batch["head"], spec, generator, "float32")
    x = generator.standard_normal((5, 2, 10))
    walk = trace(spec, weights=weights, input=x, **batch)
    feed = with_sum(walk.feed)
    walk = replace(walk, feed=feed, head=feed.head, back=Back())
    norms = data_of(webpage(walk))["numbers"]["flow"]["norms"]
    arriving = Arriving(feed)
    arriving.run()
    steps = list(walk.steps())
    assert len(norms) == len(steps)
    for step, norm in zip(steps, norms):
        row = step.layer * spec.num_directions + (step.direction == "reverse")
        wanted = None if step.direction == "head" else arriving.norms[row][step.t]
        assert norm == (wanted and pytest.approx(wanted, rel=0.005))


@pytest.mark.parametrize(
    "options",
    [["--cell", "lstm", "--layers", "2"], ["--bidirectional", "--lengths", "5,3,2"],
     ["--cell", "gru", "--seq-len", "9", "--tbptt", "4"], ["--output-size", "3"]],
    ids=lambda options: options[0],
)  # fmt: skip
@pytest.mark.parametrize("values", [[], ["--values"]], ids=["shapes", "numbers"])
def test_the_backward_on_the_page_is_that_of_the_trace(rnnshape, page, options, values):
    options = [*options, *values, "--backward"]
    data = data_of(page(*options))
    walked = rnnshape("trace", *options, "--json").json["backward_steps"]
    shown = data["readings"][data["back"]]
    pool = np.frombuffer(b64decode(data["numbers"]["pool"]), "<f4") if values else None
    index = 0
    for number, t, stride, count, record in shown["runs"]:
        place, told = shown["passes"][number], shown["records"][record]
        for position in range(count):
            step = walked[index]
            assert (place["layer"], place["direction"], t + stride * position) == (
                step["layer"], step["direction"], step["t"])  # fmt: skip
            kept = {tensor[0]: place for place, tensor in enumerate(told["tensors"])}
            known = {op["output"]["name"]: op["output"] for op in step["ops"]}
            assert len(told["operations"]) <= len(step["ops"])
            for operation in told["operations"]:
                template, shape, _ = told["tensors"][operation["output"]]
                before = step["t"] + (1 if step["direction"] == "reverse" else -1)
                name = template.replace("{t}", str(step["t"])).replace("{p}", str(before))
                assert known[name]["shape"] == shape
                if pool is not None:
                    start = data["numbers"]["back"][index][kept[template]]
                    value = pool[start : start + int(np.prod(shape))].reshape(shape)
                    assert np.array_equal(value, np.float32(known[name]["value"]))
            index += 1
    assert index == len(walked)


def test_a_long_backward_with_cuts_is_refused(rnnshape):
    ended = rnnshape(
        "trace", "--seq-len", "20000", "--tbptt", "7", "--backward", "--html", "p.html"
    )
    assert ended.status == 2 and "at most 10,000 steps beside --tbptt" in ended.err


def test_weights_from_a_file_are_shown(page, tmp_path):
    spec = Spec(input_size=2, hidden_size=3)
    weights = drawn_weights(spec, np.random.default_rng(1), "float32")
    np.savez(tmp_path / "w.npz", **weights)
    data = data_of(page("--weights", "w.npz"))
    pool = np.frombuffer(b64decode(data["numbers"]["pool"]), "<f4")
    start = data["numbers"]["weights"]["weight_ih_l0"]
    assert np.array_equal(pool[start : start + 6].reshape(3, 2), weights["weight_ih_l0"])
    assert trace(spec).spec.code == data["readings"][0]["code"]


@pytest.mark.parametrize(
    "beside", [["--json"], ["--ndjson"], ["--layer", "0"], ["-o", "x"], ["--picture"]]
)
def test_a_page_stands_alone(rnnshape, beside):
    ended = rnnshape("trace", "--html", "page.html", *beside)
    assert ended.status == 2
    assert beside[0] in ended.err


def test_too_many_numbers_are_refused(rnnshape, tmp_path):
    ended = rnnshape("trace", "--seq-len", "10000", "--values", "--html", "page.html")
    assert ended.status == 2
    assert "expected at most 2,000,000 numbers on a page" in ended.err
    assert not (tmp_path / "page.html").exists()


def test_too_many_layers_are_refused(rnnshape):
    assert "at most 128 layers" in rnnshape("trace", "--layers", "200", "--html", "p.html").err


def test_a_page_of_a_million_steps_is_small(page):
    assert len(page("--seq-len", "1000000")) < 450_000


def test_a_page_is_opened_where_that_is_asked(rnnshape, tmp_path, monkeypatch):
    import webbrowser

    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    assert rnnshape("trace", "--html", "page.html", "--open").status == 0
    assert opened == [(tmp_path / "page.html").resolve().as_uri()]
    assert rnnshape("trace", "--html", "page.html").status == 0 and len(opened) == 1
    assert "--open: expected beside --html" in rnnshape("trace", "--open").err
