"""What several test files use: the recordings, and the program run as a user runs it."""

import importlib.util
import io
import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TORCH = ROOT / "fixtures" / "torch"
if (
    signal.getsignal(signal.SIGINT) == signal.SIG_IGN
):  # in the background: what is started inherits it
    signal.signal(signal.SIGINT, signal.default_int_handler)


def installed(module: str) -> bool:
    """Whether a module can be imported; a folder that happens to have its name is none."""
    found = importlib.util.find_spec(module)
    return found is not None and found.origin is not None


needs_torch = pytest.mark.skipif(not installed("torch"), reason="torch is not installed")


def recorded(name: str) -> list[dict]:
    """The cases of a recording made by fixtures/record.py."""
    return json.loads((TORCH / f"{name}.json").read_text(encoding="utf-8"))["cases"]


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write what is shown now to tests/golden, to be looked at and committed",
    )


@pytest.fixture
def golden(request):
    """Compare what a person sees with tests/golden/NAME.txt, or with --update-golden write it."""

    def compare(name: str, shown: str) -> None:
        path = ROOT / "tests" / "golden" / f"{name}.txt"
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(shown, encoding="utf-8")
        assert shown == path.read_text(encoding="utf-8")

    return compare


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def rnnshape(monkeypatch, tmp_path):
    """Run a command line inside this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object, stdin: str = "") -> Ended:
        from rnnshape.cli import run_command

        out, err = io.StringIO(), io.StringIO()
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        try:
            status = run_command([str(argument) for argument in arguments])
        finally:
            monkeypatch.undo()
            monkeypatch.chdir(tmp_path)
        return Ended(status, out.getvalue(), err.getvalue())

    return call


@pytest.fixture
def process():
    """Run a command line as a process of its own."""

    def call(*arguments: str, **more) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "rnnshape", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, **more)

    return call
