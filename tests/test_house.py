"""The layout of the house: who may import whom, and what a light command must not load."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

PACKAGE = ROOT / "rnnshape"
# from the ground up; a folder imports from those that stand before it
FOLDERS = [
    "errors", "network", "engine", "checks", "numeric", "analysis", "programs", "doctor", "models",
    "show", "explore", "cli",
]  # fmt: skip
FILES = [path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem in FOLDERS]


def folder_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_folders(path: Path) -> set[str]:
    package = ["rnnshape", *path.relative_to(PACKAGE).parts[:-1]]
    folders = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            full = [*base, *(node.module or "").split(".")] if node.module else base
            names = [full[1]] if len(full) > 1 else [alias.name for alias in node.names]
            folders.update(name for name in names if name in FOLDERS)
    return folders - {folder_of(path)}


def test_a_folder_imports_only_from_those_below_it():
    assert not [
        f"{path.relative_to(PACKAGE)} imports {other}"
        for path in FILES
        for other in sorted(imported_folders(path))
        if FOLDERS.index(other) > FOLDERS.index(folder_of(path))
    ]


def test_the_root_holds_folders_and_what_has_none():
    held = {path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"}
    assert held - set(FOLDERS) == {"__init__.py", "__main__.py", "errors.py", "py.typed", "schemas"}


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
