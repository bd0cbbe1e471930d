"""A cell as a person sees it."""

import jsonschema
import pytest

from rnnshape import Cell
from rnnshape.engine.written import shipped
from rnnshape.show.schema import schema
from rnnshape.show.screen import plain_lines
from rnnshape.show.text.cells import cell_lines


def test_a_notebook_shows_equations_with_their_shapes():
    cell = Cell("# a cell\nstate S: H, K\nv = V·x  # its value\nS' = S + outer(v, x)\nh' = S'·x")
    assert list(plain_lines(cell_lines(cell))) == [
        "equations",
        "  # a cell",
        "  state S: H, K",
        "  v = V·x  # its value  (H)",
        "  S' = S + outer(v, x)  (H, I)",
        "  h' = S'·x             (H)",
        "",
        "  S  (H, I)",
        "  h  (H)",
        "  V  (H, I)",
    ]


def test_the_list_of_cells_is_the_schemas(rnnshape):
    document = rnnshape("cells", "--json").json
    jsonschema.validate(document, schema("cells"))
    assert [one["name"] for one in document["cells"]] == shipped()


@pytest.mark.parametrize("name", shipped())
def test_a_printed_cell_is_read_again(rnnshape, name, tmp_path):
    (tmp_path / "own.cell").write_text(rnnshape("cells", name).out, encoding="utf-8")
    assert Cell.read(str(tmp_path / "own.cell")).states
