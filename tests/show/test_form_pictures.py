"""The forms as drawings: rnnshape draw --form."""

import re
from xml.etree import ElementTree

import pytest

FORMS = ["one-to-one", "one-to-many", "many-to-one", "many-to-many", "encoder-decoder"]
SVG = "{http://www.w3.org/2000/svg}"


def words(told: str) -> list[str]:
    return ["".join(node.itertext()) for node in ElementTree.fromstring(told).iter(SVG + "text")]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_drawn_with_what_its_head_gives(rnnshape, form):
    told = rnnshape("draw", "--form", form).out
    document = rnnshape("trace", "--form", form, "--json").json
    shapes = words(told)
    width = document["tensors"]["o"][-1]
    assert shapes.count(f"7×{width}") >= (1 if form in ("one-to-one", "many-to-one") else 3)
    count = {"one-to-one": 1, "one-to-many": 5, "many-to-one": 0, "many-to-many": 5,
             "encoder-decoder": 3}[form]  # fmt: skip
    assert len([w for w in shapes if re.fullmatch(r"o\[\d\]", w)]) == count


def test_the_fed_back_output_has_its_arrow(rnnshape):
    fed, plain = (rnnshape("draw", "--form", form, "--output-size", 10).out
                  for form in ("one-to-many", "many-to-many"))  # fmt: skip
    arrows = [len(re.findall(r'class="output" d="M', told)) for told in (fed, plain)]
    assert arrows[0] == arrows[1] + 4
    assert "o[t] is fed back: it is the input of the next step" in words(fed)


@pytest.mark.parametrize(("options", "bridges"), [
    ([], 1), (["--layers", "2"], 2), (["--layers", "2", "--bidirectional"], 4),
])  # fmt: skip
def test_an_encoder_is_joined_to_its_decoder_state_by_state(rnnshape, options, bridges):
    told = rnnshape("draw", "--form", "encoder-decoder", *options).out
    assert told.count('style="fill:none"') == bridges
    said = words(told)
    assert any(w.startswith("encoder: ") for w in said) and any(
        w.startswith("decoder: ") for w in said)  # fmt: skip
    joined = ", both directions of a layer joined" if "--bidirectional" in options else ""
    assert f"h0 is the encoder's hn{joined}" in said


def test_what_a_form_is_not_drawn_beside_is_refused(rnnshape):
    for wrong in (["--inside"], ["--stack"], ["--format", "dot"]):
        assert rnnshape("draw", "--form", "many-to-one", *wrong).status == 2
    assert rnnshape("draw", "--target-len", 3).status == 2


@pytest.mark.parametrize("form", FORMS)
def test_a_form_of_one_network_is_a_page_too(rnnshape, tmp_path, form):
    ended = rnnshape("trace", "--form", form, "--html", "form.html")
    if form in ("one-to-many", "encoder-decoder"):
        assert ended.status == 2 and f"rnnshape draw --form {form} -o form.svg" in ended.err
        return
    page = (tmp_path / "form.html").read_text(encoding="utf-8")
    assert ended.status == 0 and ('<tspan class="output">o' in page)
