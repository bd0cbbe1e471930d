"""The command behind `fix:` is run: paths whole and quoted, options that exist."""

import itertools
import shlex
import shutil

import numpy as np
import pytest
from conftest import ROOT

from rnnshape import Spec
from rnnshape.numeric.random import drawn_weights

HOSTILE = "k $(touch pwned); #'.npz"


def fixed(rnnshape, command, ended) -> list[str]:
    """The command line that a message's fix tells, for the command that ended so."""
    assert ended.status == 2, ended
    line = next(line.strip() for line in ended.err.splitlines() if line.strip().startswith("fix: "))
    words = shlex.split(line.removeprefix("fix: "), comments=True)
    if words[0] == "rnnshape":
        return words[1:]
    assert words[0].startswith("--"), line
    given = [*map(str, command)]
    if words[0] in given:  # in the place of what was refused
        del given[given.index(words[0]) : given.index(words[0]) + 2]
    return [*given, *words]


@pytest.fixture
def files(tmp_path):
    """Two networks under names that a shell would act on, in a file whose name it would too."""
    spec = Spec(cell="gru", input_size=3, hidden_size=4)
    drawn = drawn_weights(spec, np.random.default_rng(0), "float32")
    both = {f"{own}.{n}": a for own in ("x; touch pwned #", "y z") for n, a in drawn.items()}
    np.savez(tmp_path / "two.npz", **both)
    shutil.move(tmp_path / "two.npz", tmp_path / HOSTILE)
    np.savez(tmp_path / "one.npz", **drawn)
    np.savez(tmp_path / "torch's.npz", **drawn)
    (tmp_path / "both").mkdir()
    for ending in ("index", "data-00000-of-00001"):
        shutil.copy(ROOT / "fixtures/tf" / f"older.{ending}", tmp_path / f"both/own.{ending}")
    shutil.copy(ROOT / "fixtures" / "checkpoints" / "whole.pt", tmp_path / "whole one.pt")
    return tmp_path


COMMANDS = [
    ["code", "--weights", HOSTILE, "--framework", "onnx"],
    ["code", "--weights", "both/own.index", "--module", "both"],
    ["code", "--weights", "torch's.npz", "--framework", "nope"],
    ["inspect", "one.npz", "--module", "nope"],
    ["inspect", HOSTILE, "--layers", "3"],
    ["convert", "one.npz", "o.npz", "--to", "nope"],
    ["run", "--weights", "both/own.index"],
    ["run", "--weights", "one.npz", "--seq-len", "T"],
    ["params", "--framework", "nope"],
    ["run", "--weights", HOSTILE],
    ["trace", "--weights", HOSTILE],
    ["convert", HOSTILE, "o.npz", "--to", "keras"],
    ["code", "--weights", HOSTILE],
    ["code", "--weights", "whole one.pt", "--framework", "keras"],
    ["code", "--weights", "eq.npz", "--framework", "keras"],
    ["convert", "one.npz", "o.npz", "--to", "flax"],
    ["run", "--weights", "one.npz", "--seed", "-1"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: " ".join(words[:3]))
def test_what_a_message_tells_to_run_runs(rnnshape, files, command):
    if command[-1] == "onnx":
        pytest.importorskip("onnx")
    rnnshape("convert", "one.npz", "eq.npz", "--to", "equinox")
    told, ended = command, rnnshape(*command)
    for _ in range(2):  # of two things that are wrong, the one that is told first
        if ended.status == 2:
            told = fixed(rnnshape, told, ended)
            ended = rnnshape(*told)
    assert ended.status == (told[0] == "inspect" and "--layers" in told), (told, ended.err)
    assert not (files / "pwned").exists()


def test_a_layer_that_torch_lacks_is_run_by_the_command_that_is_told(rnnshape, tmp_path):
    pytest.importorskip("h5py")
    shutil.copy(ROOT / "fixtures" / "frameworks" / "variants.keras", tmp_path / "a b.keras")
    for command, name in itertools.product((["trace", "--weights", "a b.keras"],), ("sum", "back")):
        told = fixed(rnnshape, command, rnnshape(*command, "--module", name))
        assert told[0] == "run" and rnnshape(*told).status == 0


@pytest.mark.parametrize("name", ["weights", "model.dat", "model.safetensors.bak"])
def test_the_code_for_torch_opens_a_file_of_any_name(rnnshape, tmp_path, name):
    torch = pytest.importorskip("torch")
    source = "model.safetensors" if "safe" in name else "zip.pt"
    shutil.copy(ROOT / "fixtures" / "checkpoints" / source, tmp_path / name)
    (told, *_) = rnnshape("inspect", name, "--json").json["modules"]
    ended = rnnshape("code", "--weights", name, "--module", told["name"])
    assert ended.status == 0, ended.err
    scope: dict = {}
    exec(ended.out, scope)
    assert torch.is_tensor(scope["x"])


FORGED = "x\nFORGED line\r\x1b[31m\u202e'"
ASKED = [
    ["inspect", "{}", "--layers", "3"], ["inspect", "{}", "other.npz"], ["inspect", "other.npz", "{}"],
    ["run", "--weights", "{}"], ["trace", "--weights", "{}"], ["code", "--weights", "{}"],
    ["convert", "{}", "o.npz", "--to", "keras"],
    ["convert", "{}", "o.npz", "--to", "keras", "--module", FORGED],
    ["code", "--weights", "{}", "--module", FORGED, "--framework", "keras"],
    ["run", "--cell", "mgu", "--weights", "{}"],
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("command", ASKED, ids=lambda words: " ".join(words[:3]))
@pytest.mark.parametrize("name", ["own.safetensors", "own.h5", f"{FORGED}/own.safetensors"])
def test_a_files_names_forge_no_line(rnnshape, tmp_path, command, name):
    from safetensors.numpy import save_file

    spec = Spec(cell="lstm", input_size=3, hidden_size=4)
    drawn = drawn_weights(spec, np.random.default_rng(0), "float32")
    np.savez(tmp_path / "other.npz", **{f"b.{own}": array for own, array in drawn.items()})
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    if name.endswith(".h5"):
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            file.attrs["keras_version"] = FORGED
            for part, shape in (("kernel", (3, 16)), ("recurrent_kernel", (4, 16))):
                file[f"{FORGED}/{part}:0"] = np.ones(shape, "f4")
    else:
        save_file(
            {f"{FORGED}{own}": a for own in ("2.", ".") for a in [np.ones(2, "f4")]}
            | {f"{FORGED}{i}.{own}": array for i in ("", 3) for own, array in drawn.items()},
            path,
        )
    ended = rnnshape(*(name if word == "{}" else word for word in command))
    told = ended.out + ended.err
    assert not [line for line in told.split("\n") if line.lstrip().startswith("FORGED")]
    assert all(char.isprintable() or char == "\n" for char in told)


def test_a_fix_with_a_strange_name_is_what_a_shell_takes(rnnshape, tmp_path):
    import subprocess

    drawn = drawn_weights(Spec(), np.random.default_rng(0), "float32")
    np.savez(
        tmp_path / "own.npz", **{f"{p}.{n}": a for p in (FORGED, "y") for n, a in drawn.items()}
    )
    told = rnnshape("run", "--weights", "own.npz").err
    words = told[told.index("fix: ") + 5 :].rstrip()
    echo = ["bash", "-c", f"printf %s {words.removeprefix('--module ')}"]
    assert subprocess.run(echo, capture_output=True, check=True).stdout.decode() == FORGED
