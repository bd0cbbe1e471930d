"""The program in places that do not suit it: full disks, narrow terminals, closed pipes, hostile
input. Whatever the place, it ends with its status and a message, never with a traceback."""

import io
import json
import os
import re
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import time

import numpy as np
import pytest
from commands import commands, sample, write_files
from conftest import ROOT

from rnnshape.cli import _open_streams, run_command
from rnnshape.errors import UsageError
from rnnshape.show.screen import fall_back

PROGRAM = f"{shlex.quote(sys.executable)} -m rnnshape"
# a command line of each command that answers with text on standard output
ANSWERS = {
    "check": "--input 5,7,10", "convert": "w.npz k.npz --to keras", "inspect": "w.npz",
    "explain": "'Expected hidden size (1, 3, 20), got [1, 7, 20]'", "schema": "trace",
    "run": "--input-size 2", "trace": "--layers 3", "state": "--stateful",
}  # fmt: skip
ALONE = {"explore", "verify", "watch", "lsp"}  # need a terminal, torch, an editor
COMMANDS = sorted(commands())
ANSWERING = [name for name in COMMANDS if name not in ALONE]
WRITING = sorted(
    {(name, option.words[0]) for name, command in commands().items() for option in command.options
     if "-o" in option.words or option.words[0] == "--html"} - {(name, "--html") for name in ALONE}
)  # fmt: skip
posix = pytest.mark.skipif(os.name != "posix", reason="a shell's redirections")
full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")


def line(command: str) -> str:
    return f"{PROGRAM} {command} {ANSWERS.get(command, '')}"


@pytest.fixture
def shell(tmp_path):
    """Run a line of the shell in a folder with the sample files: no HOME, no LANG, and of other
    variables what is given."""
    write_files(tmp_path)

    def call(script: str, **environment: str) -> subprocess.CompletedProcess:
        variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment}
        return subprocess.run(["bash", "-c", script], capture_output=True, timeout=60,
                              cwd=tmp_path, env=variables)  # fmt: skip

    return call


def quiet(ended: subprocess.CompletedProcess, status: int) -> None:
    assert (ended.returncode, ended.stderr) == (status, b"")


def one_message(ended: subprocess.CompletedProcess, words: str) -> None:
    told = ended.stderr.decode()
    assert ended.returncode == 2
    assert told.startswith("rnnshape: ") and words in told and told.count("rnnshape: ") == 1


# where the words go


@posix
@pytest.mark.parametrize("command", ANSWERING)
def test_a_closed_pipe_ends_it_silently(shell, command):
    ended = shell(f"{line(command)} | head -c 1; exit ${{PIPESTATUS[0]}}")
    assert len(ended.stdout) == 1 and ended.stderr == b"" and ended.returncode in (0, 1)


@posix
@full
@pytest.mark.parametrize("command", ANSWERING)
def test_a_full_disk_behind_standard_output_is_said(shell, command):
    one_message(shell(f"{line(command)} > /dev/full"), "No space left on device")


@posix
@full
@pytest.mark.parametrize("command, option", WRITING)
def test_a_full_disk_behind_a_file_is_said(shell, command, option):
    one_message(shell(f"{line(command)} {option} /dev/full"), "No space left on device")


@posix
@full
def test_a_message_that_cannot_be_written_keeps_its_status(shell):
    assert shell(f"{PROGRAM} trace --layers 0 2> /dev/full").returncode == 2


@posix
@pytest.mark.parametrize("command", ANSWERING)
def test_a_closed_standard_output_takes_what_is_written(shell, command):
    ended = shell(f"{line(command)} >&-")
    assert ended.stderr == b"" and ended.returncode in (0, 1)


@posix
def test_arrays_go_to_a_closed_output_to_the_null_device_and_to_a_pipe(shell, tmp_path):
    quiet(shell(f"{PROGRAM} run -o - >&-"), 0)
    quiet(shell(f"{PROGRAM} run -o /dev/null"), 0)
    quiet(shell(f"{PROGRAM} run -o - | cat > piped.npz"), 0)
    assert np.load(tmp_path / "piped.npz")["output"].shape == (5, 7, 20)


@posix
def test_a_closed_pipe_behind_a_named_device_ends_it_silently(shell):
    ended = shell(
        f"{PROGRAM} run --seq-len 5000 -o /dev/stdout | head -c 1; exit ${{PIPESTATUS[0]}}"
    )
    quiet(ended, 0)


@posix
@pytest.mark.parametrize("words", ["trace --spec -", "explain", "explain -", "check --code -", "trace -",
                                   "check -", "lsp"])  # fmt: skip
def test_a_closed_standard_input_is_said(shell, words):
    if words == "lsp":
        pytest.importorskip("pygls")
    one_message(shell(f"{PROGRAM} {words} <&-"), "standard input")


@posix
def test_nothing_open_at_all(shell):
    assert shell(f"{PROGRAM} trace <&- >&- 2>&-").returncode == 0
    assert shell(f"{PROGRAM} trace --layers 0 <&- >&- 2>&-").returncode == 2


@pytest.mark.skipif(not os.path.isdir("/sys/kernel"), reason="no /sys")
@pytest.mark.parametrize("command, option", WRITING)
def test_a_folder_that_cannot_be_written_in_is_said(rnnshape, command, option):
    given = shlex.split(ANSWERS.get(command, ""))
    ended = rnnshape(command, *given, option, "/sys/kernel/out.txt")
    assert ended.status == 2 and ended.out == ""
    assert "a file that can be written, got '/sys/kernel/out.txt'" in ended.err


# a file is written whole or not at all


@pytest.mark.parametrize("command, option", WRITING)
def test_a_refusal_leaves_the_old_file_as_it_was(rnnshape, tmp_path, command, option):
    (tmp_path / "out.txt").write_text("old")
    for wrong in (["--spec", "missing.json"], ["--no-such-option"]):
        assert rnnshape(command, option, "out.txt", *wrong).status == 2
        assert [p.read_text() for p in tmp_path.iterdir()] == ["old"]


@posix
@pytest.mark.parametrize("words", [
    "trace --seq-len 1000000000000 --json -o out.txt", "trace --layers 9000 --all -o out.txt",
    "run --seq-len 5000 -o out.txt", "trace --layers 128 --html out.txt",
])  # fmt: skip
def test_a_disk_that_fills_leaves_the_old_file_as_it_was(shell, tmp_path, words):
    (tmp_path / "out.txt").write_text("old")
    before = sorted(os.listdir(tmp_path))
    one_message(shell(f"ulimit -f 64; {PROGRAM} {words}"), "File too large")
    assert (tmp_path / "out.txt").read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == before


@posix
@pytest.mark.parametrize("to_file", [False, True], ids=["stdout", "file"])
def test_an_interrupt_ends_it_quietly_and_leaves_nothing(tmp_path, to_file):
    words = ["trace", "--seq-len", "1000000000000", "--ndjson", *(["-o", "out"] * to_file)]
    with subprocess.Popen(
        [sys.executable, "-m", "rnnshape", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as running:  # fmt: skip
        if to_file:
            while not list(tmp_path.glob(".rnnshape-*")):
                assert running.poll() is None
                time.sleep(0.01)
        else:
            running.stdout.readline()
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=30)
    assert (running.returncode, told) == (130, b"")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_loaded_before_an_interrupt_ends_a_start_without_a_word():
    code = """if True:
        import sys
        before = set(sys.modules)
        import rnnshape.__main__
        print(sorted(set(sys.modules) - before))
        import signal
        print(signal.getsignal(signal.SIGINT) == signal.SIG_DFL)"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                           env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    assert ended.stdout == "['rnnshape', 'rnnshape.__main__']\nTrue\n", ended.stderr


# terminals and consoles


@posix
@pytest.mark.parametrize("command", COMMANDS)
def test_a_terminal_of_twenty_columns(tmp_path, command):
    write_files(tmp_path)
    wanted = {
        "explore": f"{PROGRAM} explore --layers 0",
        "watch": f"{PROGRAM} watch missing.py",
        "lsp": f"{PROGRAM} lsp missing",
    }.get(command) or line(command)
    status, shown = in_terminal(wanted, tmp_path)
    assert status in (0, 1, 2) and shown.strip()
    assert "Traceback" not in shown


@posix
def test_the_help_in_twenty_columns(tmp_path):
    status, shown = in_terminal(f"{PROGRAM} trace --help", tmp_path)
    assert status == 0 and "Usage:" in shown and "…" in shown


def in_terminal(script: str, folder) -> tuple[int, str]:
    """The exit status of a shell line in a terminal of 20 columns, and all that it showed."""
    import fcntl
    import pty
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 20, 0, 0))
    variables = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
    variables |= {"PYTHONPATH": str(ROOT), "TERM": "xterm"}
    running = subprocess.Popen(["bash", "-c", script], stdin=theirs, stdout=theirs, stderr=theirs,
                               cwd=folder, env=variables)  # fmt: skip
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    return running.wait(60), shown.decode()


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize("command", ANSWERING)
def test_a_console_without_the_signs_shows_plain_letters(monkeypatch, tmp_path, command, encoding):
    write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    for words in (shlex.split(ANSWERS.get(command, "")), ["--help"]):
        shown = io.BytesIO()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding, write_through=True))
            fall_back(sys.stdout)
            assert run_command([command, *words]) in (0, 1)
            sys.stdout.detach()
        # a document is UTF-8 wherever it goes
        document = command in ("draw", "code", "schema") and words != ["--help"]
        told = shown.getvalue().decode("utf-8" if document else encoding)
        assert told
        if not document and words != ["--help"]:
            assert not set(told) & set("→×·")


@posix
@pytest.mark.parametrize("environment", [
    {"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
], ids=["ascii", "LANG=C"])  # fmt: skip
def test_arrows_and_crosses_have_a_plain_form(shell, environment):
    told = shell(f"{PROGRAM} trace", **environment).stdout.decode("ascii")
    assert "(7x10)*(10x20)+20->7x20" in told
    help = shell(f"{PROGRAM} trace --help", **environment).stdout.decode("ascii")
    assert "o = g(W*h + b)" in help


@pytest.mark.parametrize("command", COMMANDS)
def test_a_hostile_value_reaches_no_terminal_as_it_is(rnnshape, tmp_path, command):
    write_files(tmp_path)
    hostile = "\x1b]0;title\x07\x1b[31m\r\u202ex"
    for option in commands()[command].options:
        if option.flag:
            continue
        given = [sample(command, argument) for argument in commands()[command].arguments]
        ended = rnnshape(command, *given, option.words[0], hostile, stdin="{}")
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", ended.out + ended.err)


# what is too large is refused, what is lazy is not


@pytest.mark.parametrize("words", [
    "trace", "trace --picture", "trace --html page.html", "draw", "params", "forms", "pick",
    "code", "check --input 1000000000000,1099511627776,10",
])  # fmt: skip
def test_shapes_of_any_size_are_told(rnnshape, words):
    ended = rnnshape(*words.split(), "--seq-len", 10**12, "--batch-size", 2**40)
    assert (ended.status, ended.err) == (0, "")


@pytest.mark.parametrize("sizes", [
    "--seq-len 1000000000000", "--batch-size 1099511627776", "--hidden-size 1099511627776",
    "--input-size 1099511627776", "--output-size 1099511627776", "--layers 1000000000",
    "--lengths 9223372036854775807",
])  # fmt: skip
@pytest.mark.parametrize("words", ["run", "trace --values", "trace --values --html page.html"])
def test_numbers_that_do_not_fit_are_refused(rnnshape, tmp_path, words, sizes):
    ended = rnnshape(*words.split(), *sizes.split())
    assert (ended.status, ended.out) == (2, "")
    assert "expected" in ended.err and "got" in ended.err and "fix: " in ended.err
    assert list(tmp_path.iterdir()) == []


@posix
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a limit of memory")
def test_a_machine_without_the_memory_is_told_so(shell):
    words = "run --seq-len 2000 --batch-size 2000 --input-size 100"
    ended = shell(f"ulimit -v 900000; {PROGRAM} {words}", OPENBLAS_NUM_THREADS="1")
    one_message(ended, "memory: expected enough for what was asked")


def test_a_device_that_never_ends_is_no_spec(rnnshape):
    if not os.path.exists("/dev/zero"):
        pytest.skip("no /dev/zero")
    ended = rnnshape("trace", "--spec", "/dev/zero")
    assert ended.status == 2 and "a device, which may never end" in ended.err


# what the fuzz found


@pytest.mark.parametrize("words", ["check m.py {}", "check {} --output-format json", "watch {}",
                                   "trace --cell {}", "check --code {}.py", "trace {}.cell"])  # fmt: skip
def test_a_name_longer_than_the_system_takes_is_no_file(rnnshape, tmp_path, words):
    (tmp_path / "m.py").write_text("import torch\n")
    ended = rnnshape(*words.format("x" * 300).split())
    assert ended.status == 2 and "xxxx" in ended.err and "standard output" not in ended.err


@posix
def test_a_folder_that_may_not_be_looked_into_is_left_out(tmp_path):
    from rnnshape.programs.sources import sources

    (tmp_path / "shut").mkdir()
    (tmp_path / "m.py").write_text("import torch\n")

    stat = os.stat

    def denied(path, **_):
        raise PermissionError(13, "Permission denied", path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "stat", lambda path, **more: (
            denied(path) if "shut" in str(path) else stat(path, **more)))  # fmt: skip
        assert [p.path.name for p in sources([str(tmp_path)])] == ["m.py"]
        patch.setattr(os, "access", lambda path, mode: False)
        with pytest.raises(UsageError, match="got one that may not be read"):
            list(sources([str(tmp_path)]))


def test_a_long_message_in_one_argument_is_explained(rnnshape):
    message = "RuntimeError: Expected hidden size (1, 3, 20), got [1, 7, 20]" + " and so on" * 60
    assert 300 < len(message) < 1000
    assert rnnshape("explain", message).status == 0


def test_a_cell_that_is_an_object_is_refused(rnnshape):
    ended = rnnshape("trace", "--spec", "-", stdin='{"spec": {"cell": {"a": 1}}}')
    assert ended.status == 2 and "cell: expected one of rnn, lstm, gru" in ended.err


def test_a_file_beside_a_symbolic_size_is_compared_in_json(rnnshape, tmp_path):
    write_files(tmp_path)
    ended = rnnshape("inspect", "w.npz", "--input-size", "2*I", "--json")
    assert ended.status == 1
    (difference,) = ended.json["comparison"]["differences"]
    assert (difference["checkpoint"], difference["model"]) == (10, "2*I")


def test_code_of_a_form_is_no_json(rnnshape):
    ended = rnnshape("forms", "--code", "many-to-one", "--json")
    assert ended.status == 2 and "--code: expected without --json" in ended.err


def test_what_was_typed_is_cut_in_a_message(rnnshape):
    ended = rnnshape("inspect", "x" * 9000)
    assert ended.status == 2 and len(ended.err) < 1200


@pytest.mark.parametrize("command", ["convert", "code"])
def test_damage_behind_a_good_header_is_said(rnnshape, tmp_path, command):
    write_files(tmp_path)
    damaged = (tmp_path / "w.npz").read_bytes().replace(b" \n", b"\xa0\n")
    (tmp_path / "w.npz").write_bytes(damaged)
    given = ["w.npz", "o.npz", "--to", "keras"] if command == "convert" else ["--weights", "w.npz"]
    ended = rnnshape(command, *given)
    assert ended.status == 2 and "expected a .npz file that can be read" in ended.err


def test_an_array_whose_header_is_cut_is_said(rnnshape, tmp_path):
    write_files(tmp_path)
    damaged = (tmp_path / "input.npy").read_bytes().replace(b"10), }", b"10  , ")
    (tmp_path / "input.npy").write_bytes(damaged)
    ended = rnnshape("run", "--input", "input.npy")
    assert ended.status == 2 and "--input: expected a .npy file of numbers" in ended.err


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="its workers are forked")
def test_a_few_hundred_inputs_of_the_fuzz(tmp_path):
    ended = subprocess.run(
        [sys.executable, ROOT / "tests" / "fuzz.py", "--count", "450", "--seed", "7"],
        capture_output=True, text=True, timeout=120, cwd=tmp_path,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "450 inputs, 0 faults" in ended.stdout


# help, version, completion


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_has_an_example_that_works(rnnshape, tmp_path, command):
    write_files(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(
        (ROOT / "fixtures" / "checkpoints" / "model.safetensors").read_bytes())  # fmt: skip
    example = re.search(r"Example: (.+)", commands()[command].help).group(1)
    shown = re.sub(r"\s*│?\n│?\s*", " ", rnnshape(command, "--help").out)
    assert f"Example: {example}" in shown
    if command not in ALONE:
        words = shlex.split(example.rpartition("| ")[2])
        assert words[:2] == ["rnnshape", command]
        ended = rnnshape(
            *words[1:], stdin="RuntimeError: Expected hidden size (1, 3, 20), got [1, 7, 20]"
        )
        assert ended.status in (0, 1), ended.err


def test_the_version_is_the_packages(rnnshape):
    from rnnshape import __version__

    assert rnnshape("--version").out == f"rnnshape {__version__}\n"


CELLS_FILE = str(ROOT / "fixtures" / "checkpoints" / "cells.pt")
CLASSIFIER = ROOT / "fixtures" / "programs" / "classifier.py"


def completed(shell, *words: str) -> list[str]:
    """What bash offers for the last of `words`."""
    bash = shlex.join(words)
    script = f"COMP_WORDS={shlex.quote(bash)} COMP_CWORD={len(words) - 1} {PROGRAM}"
    ended = shell(script, _RNNSHAPE_COMPLETE="complete_bash")
    assert ended.stderr == b""
    return ended.stdout.decode().split()


@posix
@pytest.mark.parametrize("words, offered", [
    (["rnnshape", "tr"], ["trace"]),
    (["rnnshape", "trace", "--cell", "gru"], ["gru", "gru-cell"]),
    (["rnnshape", "trace", "--cell", "ml"], ["mlstm"]),
    (["rnnshape", "trace", "--direction", ""], ["forward", "reverse"]),
    (["rnnshape", "pick", "--of", "l"], ["last", "layer"]),
    (["rnnshape", "params", "--framework", "o"], ["onnx"]),
    (["rnnshape", "convert", "a.npz", "b.npz", "--to", "k"], ["keras"]),
    (["rnnshape", "check", "--output-format", "g"], ["github"]),
    (["rnnshape", "schema", "pr"], ["program"]),
    (["rnnshape", "run", "--weights", CELLS_FILE, "--module", ""], ["a", "b", "c"]),
    (["rnnshape", "inspect", CELLS_FILE, "--module", ""], ["a", "b", "c"]),
    (["rnnshape", "inspect", "no.such", "--module", ""], []),
    (["rnnshape", "trace", f"{CLASSIFIER}:C"], [f"{CLASSIFIER}:Classifier"]),
    (["rnnshape", "trace", "--bid"], ["--bidirectional"]),
    (["rnnshape", "draw", "--format", "m"], ["mermaid"]),
])  # fmt: skip
def test_bash_completes_commands_options_and_values(shell, words, offered):
    assert completed(shell, *words) == offered


@posix
def test_every_command_is_offered(shell):
    assert sorted(completed(shell, "rnnshape", "")) == COMMANDS


@posix
@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_completion_is_shown_and_installed_for_a_shell(tmp_path, name):
    if name != "bash" and not shutil.which(name):
        pytest.skip(f"no {name}")
    variables = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT),
                 "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}  # fmt: skip
    for words in (["--show-completion", name], ["--install-completion", name]):
        ended = subprocess.run([sys.executable, "-m", "rnnshape", *words], capture_output=True,
                               text=True, timeout=60, env=variables, cwd=tmp_path)  # fmt: skip
        assert ended.returncode == 0 and "ompletion" in ended.stdout, ended.stderr


def test_a_documents_json_says_nothing_but_json(rnnshape):
    assert json.loads(rnnshape("trace", "--json").out)["schema"] == "rnnshape/trace/1"


# a terminal's manners


def test_colour_is_forced_or_forbidden_before_the_command_and_behind_it(shell):
    for words in ("--color always trace", "trace --color=always"):
        assert b"\x1b[" in shell(f"{PROGRAM} {words}").stdout
    assert b"\x1b[" in shell(f"{PROGRAM} trace", FORCE_COLOR="1").stdout
    for variables in ({}, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, {"FORCE_COLOR": "0"}):
        assert b"\x1b" not in shell(f"{PROGRAM} trace", **variables).stdout
    assert b"\x1b" not in shell(f"{PROGRAM} trace --color never", FORCE_COLOR="1").stdout
    one_message(shell(f"{PROGRAM} trace --color green"), "--color: expected auto, always, never")


def test_the_version_needs_no_parser(shell):
    told = shell(f"{PROGRAM} --version; {PROGRAM} --no-pager --version").stdout.split(b"\n")
    assert told[0] == told[1] and told[0].startswith(b"rnnshape ")


@posix
def test_a_long_text_goes_through_the_pager_of_a_terminal(tmp_path):
    import pty

    def seen(*words: str, lines: str = "24") -> bytes:
        """What a terminal shows; the pager marks what went through it."""
        environment = {**os.environ, "TERM": "xterm", "LINES": lines, "COLUMNS": "80",
                       "PAGER": "sed s/^/paged:/", "PYTHONPATH": str(ROOT)}  # fmt: skip
        outer, inner = pty.openpty()
        with subprocess.Popen([sys.executable, "-m", "rnnshape", *words], env=environment,
                              stdin=subprocess.DEVNULL, stdout=inner, cwd=tmp_path):  # fmt: skip
            os.close(inner)
            read = b""
            try:
                while part := os.read(outer, 65536):
                    read += part
            except OSError:  # how Linux says that the other end is closed
                pass
        os.close(outer)
        return read

    assert seen("trace").count(b"paged:") > 40
    assert b"paged:" not in seen("trace", "--no-pager")
    assert b"paged:" not in seen("trace", lines="200")
    assert b"paged:" not in seen("trace", "--json")


def test_a_stream_without_an_encoding_is_written_to(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    _open_streams()
    assert run_command(["params"]) == 0 and "parameters" in sys.stdout.getvalue()
    assert run_command(["draw", "-o", "-"]) == 2


def test_a_file_where_no_word_stands_is_told_with_what_takes_it(rnnshape, tmp_path):
    write_files(tmp_path)
    for words, fix in (
        ("code w.npz --framework keras", "rnnshape code --framework keras --weights w.npz"),
        ("run my.cell --json", "rnnshape run --json --cell my.cell"),
        ("params w.npz", "rnnshape inspect w.npz"),
        ("cost my.py", "rnnshape trace my.py"),
    ):
        (tmp_path / "my.cell").write_text("h' = tanh(W·x + U·h)\n", encoding="utf-8")
        (tmp_path / "my.py").write_text("import torch\nn = torch.nn.GRU(2, 3)\n")
        ended = rnnshape(*words.split())
        assert "expected options alone" in ended.err and ended.err.endswith(f"fix: {fix}\n")
        assert rnnshape(*fix.split()[1:]).status == 0
