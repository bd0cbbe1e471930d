"""The package as a program uses it."""

import re
import subprocess
import sys

import pytest

import rnnshape
from rnnshape import Spec, trace


def test_the_public_names():
    assert set(rnnshape.__all__) == {
        "Head", "ShapeError", "Spec", "UsageError", "run", "run_backward", "trace"
    }  # fmt: skip
    assert all(getattr(rnnshape, name) for name in rnnshape.__all__)
    with pytest.raises(AttributeError, match="no attribute 'missing'"):
        _ = rnnshape.missing


def test_a_trace_shows_itself_in_a_notebook():
    shown = trace(Spec(num_layers=3))._repr_html_()
    assert shown.startswith("<pre") and "</span>" in shown
    assert "(7×10)·(10×20)+20→7×20" in re.sub(r"<[^>]+>", "", shown)


def test_a_spec_shows_its_parameters_in_a_notebook():
    assert "weight_ih_l0" in Spec()._repr_html_()


def test_importing_the_package_loads_neither_numpy_nor_typer():
    code = "import sys, rnnshape; sys.exit(bool({'numpy', 'typer', 'rich'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
