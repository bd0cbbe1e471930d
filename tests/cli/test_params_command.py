import jsonschema
import pytest
from conftest import ROOT, recorded

from rnnshape.show.schema import schema

# the listings of the article's section 2 are the first two recordings
ARTICLE = recorded("shapes")[:2]


@pytest.mark.parametrize("case", ARTICLE, ids=["one direction", "both"])
def test_the_articles_listing(rnnshape, case):
    options = ["--bidirectional"] if case["spec"]["bidirectional"] else []
    document = rnnshape("params", "--layers", 3, *options, "--json").json
    assert [[p["name"], p["shape"]] for p in document["parameters"]] == case["parameters"]
    assert document["tensors"] == case["tensors"]


def test_the_rule_stands_beside_each_shape(rnnshape):
    told = rnnshape("params", "--layers", 2, "--bidirectional").out
    row = next(line for line in told.splitlines() if "weight_ih_l1 " in line)
    assert row.split() == ["weight_ih_l1", "20×40", "(H,", "2H)", "800"]
    assert "2 directions of H=20" in told


def test_counts_and_bytes(rnnshape):
    document = rnnshape("params", "--layers", 3, "--dtype", "float64", "--json").json
    assert document["parameter_count"] == 2320
    assert document["bytes"] == 2320 * 8
    jsonschema.validate(document, schema("params"))


def test_symbolic_counts_are_formulas(rnnshape):
    options = ["--input-size", "I", "--hidden-size", "H", "--cell", "lstm"]
    assert rnnshape("params", *options, "--json").json["parameter_count"] == "4*H*H + 4*H*I + 8*H"


def test_all_parameters_of_a_deep_network_are_listed(rnnshape):
    assert len(rnnshape("params", "--layers", 100).out.splitlines()) > 400


def test_the_root_holds_what_the_design_names():
    allowed = {
        "pyproject.toml",
        "README.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "CHANGELOG.md",
        "docs",
        "rnnshape",
        "tests",
        "fixtures",
        "PKG-INFO",  # of an sdist
    }
    assert {p.name for p in ROOT.iterdir() if p.name[0] != "."} - {"build", "dist"} - {
        p.name for p in ROOT.glob("*.egg-info")
    } <= allowed
