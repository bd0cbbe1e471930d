"""The package as a program uses it."""

import subprocess
import sys

import pytest

import rnnshape


def test_the_public_names():
    assert set(rnnshape.__all__) == {
        "Cell", "Head", "ShapeError", "Spec", "UsageError", "assert_shapes", "run", "run_backward", "trace",
        "watch",
    }  # fmt: skip
    assert all(getattr(rnnshape, name) for name in rnnshape.__all__)
    with pytest.raises(AttributeError, match="no attribute 'missing'"):
        _ = rnnshape.missing


def test_importing_the_package_loads_neither_numpy_nor_typer():
    code = "import sys, rnnshape; sys.exit(bool({'numpy', 'typer', 'rich'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
