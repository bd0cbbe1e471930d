"""The layout of the house: who may import whom, and what a light command must not load."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

PACKAGE = ROOT / "rnnshape"
# from the ground up; a room imports rooms that stand before it
ROOMS = [
    "errors", "dims", "rows", "onnx_ops", "ops", "cells", "onnx_cells", "constructor", "spec", "call", "kernel", "packed", "single", "forward", "batch", "head", "walk", "tape", "backward", "colours", "notation", "canvas", "draw",
    "arrays", "plan", "backplan", "compute", "loss", "gradients", "kept", "backnumbers", "flow", "tracing", "cost", "tour", "forms", "training", "live", "doctor", "models", "show", "explore", "notebook", "cli",
]  # fmt: skip
WINGS = {"doctor", "models", "show", "explore"}
FILES = [path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem in ROOMS]


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    package = ["rnnshape", *path.relative_to(PACKAGE).parts[:-1]]
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            full = [*base, *(node.module or "").split(".")] if node.module else base
            names = [full[1]] if len(full) > 1 else [alias.name for alias in node.names]
            rooms.update(name for name in names if name in ROOMS)
    return rooms - {room_of(path)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_only_from_below(path):
    room = room_of(path)
    for other in imported_rooms(path):
        assert ROOMS.index(other) < ROOMS.index(room), f"{room} imports {other}"
        assert not (room in WINGS and other in WINGS), f"{room} imports the wing {other}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_holds_no_more_than_one_reading(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize(
    "command",
    [
        ["trace", "--layers", "3"],
        ["trace", "--json"],
        ["trace", "--ndjson"],
        ["params"],
        ["draw", "--layers", "3"],
        ["trace", "--html", "/dev/null"],
        ["trace", "--picture"],
        ["state"],
    ],
    ids=" ".join,
)
def test_a_symbolic_command_loads_no_numpy(command):
    code = (
        "import sys; from rnnshape.cli import run_command; run_command(sys.argv[1:]); "
        "sys.exit('numpy' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
