"""A notebook: objects that show themselves, errors that are explained, cells with their shapes."""

import re

import pytest
from conftest import ROOT, installed

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not installed("nbclient") or not installed("ipykernel"), reason="no kernel"),
    pytest.mark.skipif(not installed("torch"), reason="torch is not installed"),
    pytest.mark.filterwarnings("ignore"),  # the client's own
]


@pytest.fixture
def kernel():
    """Runs the cells of a notebook in a real kernel; what each of them put out, as one text."""
    import nbformat
    from nbclient import NotebookClient

    def run(*cells):
        made = nbformat.v4.new_notebook()
        begin = f"import sys; sys.path.insert(0, {str(ROOT)!r})"
        made.cells = [nbformat.v4.new_code_cell(text) for text in (begin, *cells)]
        for cell in made.cells:
            cell.metadata["tags"] = ["raises-exception"]
        NotebookClient(made, timeout=120, kernel_name="python3").execute()
        return [list(map(_text, cell.outputs)) for cell in made.cells[1:]]

    return run


def _text(output):
    if output.output_type == "error":
        return output.ename
    data = output.get("data", {})
    words = data.get("text/html") or data.get("text/plain") or output.get("text", "")
    return re.sub(r"<[^>]+>", "", words)


@pytest.mark.parametrize(
    ("source", "shown", "holds"),
    [
        ("rnnshape", "Spec(num_layers=3)", "weight_ih_l0"),
        ("rnnshape.network.spec", "Spec()", "weight_ih_l0"),
        ("rnnshape", "trace(Spec(num_layers=3))", "(7×10)·(10×20)+20→7×20"),
    ],
)
def test_an_object_shows_itself_whatever_module_it_came_from(kernel, source, shown, holds):
    name = shown.partition("(")[0]
    names = name if name == "Spec" else "Spec, trace"
    ((out,),) = kernel(f"from {source} import {names}\n{shown}")
    assert holds in out


def test_an_error_of_torch_is_followed_by_its_explanation(kernel):
    _, told = kernel(
        "%load_ext rnnshape\nimport torch",
        "torch.nn.GRU(10, 20)(torch.zeros(5, 7, 10), torch.zeros(1, 3, 20))",
    )
    assert told[0] == "RuntimeError"
    assert "Expected hidden size (1, 7, 20), got [1, 3, 20]" in told[1]
    assert "why" in told[1]


def test_the_cells_that_ran_are_followed_to_the_error(kernel):
    *_, told = kernel(
        "%load_ext rnnshape\nimport torch\nfrom torch import nn",
        "net = nn.LSTM(10, 20, batch_first=True)\nhead = nn.Linear(40, 2)",
        "net(torch.zeros(4, 7, 11))",
        "x = torch.zeros(4, 7, 10)",
        "scores = head(net(x)[0])",
    )
    assert told[0] == "RuntimeError" and "In [3], line 2" in told[1]
    assert "head = nn.Linear(20, 2)" in told[1] and "✓" in told[1]


def test_an_error_that_is_not_of_torch_is_left_alone(kernel):
    (told,) = kernel("%load_ext rnnshape\nimport torch\n{}['missing']")
    assert told == ["KeyError"]


def test_shapes_shows_the_lines_of_a_cell(kernel):
    _, told = kernel(
        "%load_ext rnnshape\nimport torch\nrnn = torch.nn.GRU(10, 20)",
        "%%shapes\nout, h = rnn(torch.zeros(5, 7, 10))\nlast = h[-1]",
    )
    assert "5×7×10 → 5×7×20, 1×7×20" in "".join(told)
