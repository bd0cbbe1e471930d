"""What `-o` leaves behind, and what is read or written that is no ordinary file."""

import os
import signal
import stat
import subprocess
import sys
import time

import pytest

posix = pytest.mark.skipif(os.name != "posix", reason="modes, links and signals are POSIX's")


@posix
@pytest.mark.parametrize("mode", [0o600, 0o755, 0o640])
def test_a_file_keeps_its_mode(rnnshape, tmp_path, mode):
    path = tmp_path / "out.txt"
    path.write_text("before")
    path.chmod(mode)
    assert rnnshape("params", "-o", path).status == 0
    assert stat.S_IMODE(path.stat().st_mode) == mode and "weight_ih_l0" in path.read_text()


@posix
def test_a_file_that_may_only_be_read_is_refused(rnnshape, tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("before")
    path.chmod(0o444)
    ended = rnnshape("params", "-o", path)
    assert ended.status == 2 and "it may only be read" in ended.err
    assert path.read_text() == "before" and os.listdir(tmp_path) == ["out.txt"]


@posix
def test_the_other_names_of_a_file_stay_names_of_it(rnnshape, tmp_path):
    path, other = tmp_path / "out.txt", tmp_path / "other.txt"
    path.write_text("before " * 10_000)
    os.link(path, other)
    assert rnnshape("params", "-o", path).status == 0
    assert os.path.samefile(path, other) and other.read_text() == rnnshape("params").out


@posix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_signal_ends_it_and_leaves_no_file(tmp_path, name):
    command = [sys.executable, "-m", "rnnshape", "trace", "--json", "--seq-len", "100000000"]
    number = getattr(signal, name)
    with subprocess.Popen(
        [*command, "-o", "out.txt"], cwd=tmp_path, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # nohup has it ignored
    ) as ended:  # fmt: skip
        for _ in range(1000):
            if os.listdir(tmp_path):
                break
            time.sleep(0.02)
        ended.send_signal(number)
        try:
            said = ended.communicate(timeout=60)[1]
        finally:
            ended.kill()
    assert ended.returncode in (-number, 130) and said == b""
    assert os.listdir(tmp_path) == []


@posix
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trace", "--spec", "pipe"], "a pipe that nobody writes to"),
        (["check", "pipe"], "a pipe that nobody writes to"),
        (["explain", "pipe"], "a pipe that nobody writes to"),
        (["params", "-o", "pipe"], "a pipe that nobody reads"),
        (["run", "--input", "pipe"], "a pipe"),
        (["inspect", "pipe"], "a pipe"),
        (["explain", "/dev/zero"], "a device"),
        (["trace", "--spec", "/dev/zero"], "a device"),
        (["check", "/dev/zero"], "a device"),
    ],
    ids=" ".join,
)
def test_what_never_ends_is_refused(rnnshape, monkeypatch, words, message):
    monkeypatch.setattr("rnnshape.programs.source._PATIENCE", 0.05)
    os.mkfifo("pipe")
    os.mkfifo("pipe.py")
    ended = rnnshape(*["pipe.py" if words[0] == "check" and w == "pipe" else w for w in words])
    assert ended.status == 2 and message in ended.err


@posix
def test_a_pipe_that_somebody_writes_to_is_read(rnnshape):
    os.mkfifo("pipe")
    with subprocess.Popen(["sh", "-c", 'echo \'{"cell": "gru"}\' > pipe']):
        assert rnnshape("params", "--spec", "pipe").out.startswith("GRU(10, 20)")


# ------------------------------------------------------------------------ where the program stands


@pytest.mark.parametrize("words", [["--version"], ["trace"], ["trace", "--help"]], ids=" ".join)
def test_without_docstrings_it_runs(process, words):
    ended = process(*words, env={**os.environ, "PYTHONOPTIMIZE": "2"})
    assert ended.returncode == 0 and ended.stderr == ""


@pytest.mark.parametrize("columns", ["9" * 30, "-5", "0", "wide"])
def test_a_width_that_no_terminal_has_is_forgotten(process, columns):
    ended = process("trace", "--picture", env={**os.environ, "COLUMNS": columns})
    assert ended.returncode == 0 and ended.stderr == ""


@posix
def test_an_interrupt_while_the_program_is_loaded_ends_it_without_a_word():
    code = (
        "import os, signal, sys, rnnshape.__main__ as program; "
        "os.kill(os.getpid(), signal.SIGINT); program.main()"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (-signal.SIGINT, b"")


def test_a_product_of_many_factors_is_refused(rnnshape):
    for size in ("2*" * 15_000 + "H", "9" * 390 + "*" + "9" * 390):
        ended = rnnshape("trace", "--hidden-size", size)
        assert ended.status == 2 and ended.err.startswith("rnnshape: hidden_size: expected")


@pytest.mark.parametrize(
    "spec", ['{"cell": "lstm-cell", "bidirectional": 0}', '{"proj_size": 0E9}']
)
def test_a_default_of_another_type_says_nothing(rnnshape, spec):
    document = rnnshape("params", "--spec", "-", "--json", stdin=spec).json
    assert document["spec"]["proj_size"] == 0 and document["spec"]["bidirectional"] is False
