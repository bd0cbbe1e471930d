"""The layout of the house: who may import whom, and what a light command must not load."""

import ast
import functools
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from conftest import ROOT, needs_torch

PACKAGE = ROOT / "rnnshape"
# from the ground up; a folder imports from those that stand before it
FOLDERS = [
    "errors", "network", "engine", "checks", "numeric", "analysis", "programs", "doctor", "models",
    "show", "explore", "cli",
]  # fmt: skip
FILES = [path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem in FOLDERS]


def folder_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@functools.cache
def nodes_of(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imported_folders(path: Path) -> set[str]:
    package = ["rnnshape", *path.relative_to(PACKAGE).parts[:-1]]
    folders = set()
    for node in nodes_of(path):
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


# Lines of Python in the package. To go beyond is a decision: the commit that does so changes this
# number and says what the lines are for; what was made unneeded goes first.
MOST_LINES = 62_338


def test_the_package_grows_by_decision_alone():
    lines = Counter()
    for path in PACKAGE.rglob("*.py"):
        lines[folder_of(path)] += len(path.read_text(encoding="utf-8").splitlines())
    told = [f"{count:7,}  {folder}" for folder, count in lines.most_common()]
    print("\n".join([*told, f"{lines.total():7,}  of {MOST_LINES:,}"]))  # shown by pytest -s
    assert lines.total() <= MOST_LINES


# text that is made and run, and an end without the interpreter's: each measured to pay, said there
ODD_CALLS = {
    "exec": {"numeric/fast/plan.py", "doctor/proofs.py"},
    "compile": {"numeric/fast/plan.py"},
    "os._exit": {"cli/__init__.py"},
    "eval": set(),
    "os.system": set(),
}


def test_what_is_generated_or_ends_the_process_stands_in_its_one_place():
    found = {name: set() for name in ODD_CALLS}
    for path in PACKAGE.rglob("*.py"):
        for node in nodes_of(path):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if called in found:
                found[called].add(path.relative_to(PACKAGE).as_posix())
    assert found == ODD_CALLS


# a library's own name that is not for others, where nothing public does the same
PRIVATE_NAMES = {
    "_runtime_param": {"cli/app.py"},  # typer: an option is not validated before a value needs it
    "_custom_shell_complete": {"cli/completion.py"},  # click: what a shell is offered for a value
    "_getframe": {"programs/watch.py"},  # sys: where the program that runs stands
    "_get_current_function_mode": {"programs/watch.py"},  # torch: whether another watches, too
    "_qkv_same_embed_dim": {"programs/torch/attention.py"},  # an attribute of the module followed
}


def test_private_names_of_libraries_stand_in_their_one_place():
    used, own = {}, {"_asdict", "_replace", "_fields"}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr[0] == "_" != node.attr[1]:
                used.setdefault(node.attr, set()).add(path.relative_to(PACKAGE).as_posix())
                if isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
                    own.add(node.attr)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                own.add(node.name)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                own.add(node.id)
            for alias in node.names if isinstance(node, ast.ImportFrom) and not node.level else ():
                if alias.name[0] == "_":
                    used.setdefault(alias.name, set()).add(path.relative_to(PACKAGE).as_posix())
    assert {name: where for name, where in used.items() if name not in own} == PRIVATE_NAMES


def test_the_libraries_still_have_what_is_used_of_them():
    import typer

    from rnnshape.cli.app import build

    option = typer.main.get_command(build(["params"])).commands["params"].params[0]
    assert hasattr(option, "_runtime_param") and callable(option.get_runtime_param)
    assert option.type_descriptor.annotation and hasattr(option, "_custom_shell_complete")
    usage = typer.BadParameter.__mro__[2]  # the class of every message of the option parser
    assert hasattr(usage, "format_message") and usage.__name__ == "ClickException"
    assert sys._getframe().f_code.co_name == "test_the_libraries_still_have_what_is_used_of_them"


@needs_torch
def test_torch_still_has_what_is_used_of_it():
    from torch import overrides

    assert callable(overrides._get_current_function_mode)


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
