"""The Chinese of the teaching parts: nothing is left out, and nothing says other shapes."""

import ast
import json
import re

import pytest
from conftest import ROOT
from test_page import data_of

from rnnshape.explore.lines import paragraph
from rnnshape.show.language import language, said
from rnnshape.show.page.tour import TOUR

PACKAGE = ROOT / "rnnshape"
PARTS = json.loads((PACKAGE / "show" / "chinese.json").read_text(encoding="utf-8"))
CHINESE = {english: chinese for part in PARTS.values() for english, chinese in part.items()}


def templates() -> set[str]:
    """Every sentence that is said in the reader's language."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "said"
            if called and isinstance(node.args[0], ast.Constant):
                found.add(node.args[0].value)
    for path in (PACKAGE / "show" / "page").glob("*.js"):
        text = path.read_text(encoding="utf-8")
        found |= {json.loads(words) for words in re.findall(r'told\(("[^"]+")', text)}
        why = re.search(r"const WHY = \{(.*?)\n\};", text, re.S)
        found |= set(re.findall(r': "([^"]+)"', why[1])) if why else set()
    page = (PACKAGE / "show" / "page" / "page.html").read_text(encoding="utf-8")
    found |= set(re.findall(r"\{\{=(.*?)\}\}", page))
    return found | {words for stop in TOUR for words in (stop.title, stop.text)}


def test_every_sentence_is_in_the_catalogue_and_the_catalogue_has_no_other():
    said_here = templates()
    assert sorted(said_here - set(CHINESE)) == [], "untranslated"
    assert sorted(set(CHINESE) - said_here) == [], "said nowhere"


@pytest.mark.parametrize("english", CHINESE, ids=lambda words: words[:30])
def test_a_translation_fills_in_the_same_fields_and_says_the_same_shapes(english):
    for pattern in (r"\{\w+\}", r"\d+(?:×\d+)+", r"(?:weight|bias)_\w+", r"[hc]\' = .*"):
        wanted, got = (sorted(re.findall(pattern, words)) for words in (english, CHINESE[english]))
        assert set(wanted) == set(got), pattern


@pytest.mark.parametrize(("variables", "expected"), [
    ({"LANG": "zh_CN.UTF-8"}, "zh"), ({"LANG": "zh_TW.UTF-8", "LC_ALL": "C"}, "en"), ({}, "en"),
    ({"LANG": "de_DE.UTF-8"}, "en"), ({"LC_MESSAGES": "zh_CN.UTF-8", "LANG": "en_US.UTF-8"}, "zh"),
])  # fmt: skip
def test_the_language_is_the_readers(monkeypatch, variables, expected):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert language() == expected
    assert (said("Layers") == "Layers") is (expected == "en")


def test_the_page_is_chinese_where_that_is_asked_and_its_shapes_are_the_same(
    rnnshape, tmp_path, monkeypatch
):
    monkeypatch.setenv("LC_ALL", "C")
    for tongue in ("zh", "en"):
        assert rnnshape("trace", "--html", f"{tongue}.html", "--lang", tongue).status == 0
    pages = [(tmp_path / f"{n}.html").read_text(encoding="utf-8") for n in ("zh", "en")]
    chinese, english = (page + json.dumps(data_of(page), ensure_ascii=False) for page in pages)
    assert '<html lang="zh">' in chinese and "下一站" in chinese and "遗忘门" in chinese
    assert '<html lang="en">' in english and not re.search(r"[一-鿿]", english)
    assert chinese.count("7×20") == english.count("7×20") > 15
    ended = rnnshape("trace", "--lang", "xx")
    assert ended.status == 2 and "--lang: expected en, zh" in ended.err


def test_wide_signs_fit_into_the_terminal():
    from rich.cells import cell_len

    for chinese in PARTS["tour"].values():
        for line in paragraph(chinese, 60):
            assert sum(cell_len(words) for words, _ in line) <= 60
