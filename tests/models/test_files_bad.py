"""Files that are broken, or made to do harm: one message, status 2, nothing run, little memory."""

import io
import json
import os
import pickle
import shutil
import struct
import subprocess
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest
from conftest import ROOT
from mutations import originals

from rnnshape.errors import UsageError
from rnnshape.models.files import open_file, read_weights
from rnnshape.models.networks.find import contents

CHECKPOINTS = ROOT / "fixtures" / "checkpoints"
MEMORY = 60 << 20


def safetensors(header, data=b"", length=None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(shape, begin, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def torch_zip(pickled: bytes, **more: bytes) -> bytes:
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", pickled)
        for name, content in more.items():
            archive.writestr(f"a/data/{name}", content)
    return result.getvalue()


class Evil:
    """What runs a program where pickle loads it."""

    def __init__(self, call, *args):
        self.made = call, args

    def __reduce__(self):
        return self.made


def refused(rnnshape, tmp_path, name, data, *command) -> str:
    """The message for a file of `data`; it is short, and written for a person."""
    path = tmp_path / name
    path.write_bytes(data)
    tracemalloc.start()
    ended = rnnshape(*(command or ("inspect",)), path.name)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (ended.status, ended.out) == (2, ""), ended
    assert ended.err.startswith("rnnshape: ") and "fix: " in ended.err
    assert len(ended.err.splitlines()) <= 3 and len(ended.err) < 600
    assert peak < MEMORY, f"{peak:,} bytes"
    return ended.err


CALLS = {
    "system": (os.system, "touch harmed"),
    "popen": (os.popen, "touch harmed"),
    "eval": (eval, "open('harmed', 'w')"),
    "exec": (exec, "open('harmed', 'w')"),
    "open": (open, "harmed", "w"),
    "import": (__import__, "antigravity"),
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("call", CALLS)
def test_a_pickle_that_would_run_something_is_refused_and_runs_nothing(
    rnnshape, tmp_path, call, protocol
):
    state = {"lstm.weight_ih_l0": Evil(*CALLS[call]), "epoch": 3}
    pickled = pickle.dumps(state, protocol)
    for name, data in (("a.pt", torch_zip(pickled)), ("b.pkl", pickled)):
        told = refused(rnnshape, tmp_path, name, data)
        assert "would call" in told and "nothing was run" in told
    assert not (tmp_path / "harmed").exists()


def test_any_other_class_is_a_placeholder_and_imports_nothing(tmp_path):
    state = b"cno_such_package.at_all\nThing\n(I1\ntR(dS'x'\nI2\nsb."
    path = tmp_path / "a.pkl"
    path.write_bytes(state)
    held = contents(open_file(str(path)))
    assert held.modules == () and "no_such_package.at_all.Thing" in held.notes[0]


HEADERS = {
    "claims 2^60 bytes": (safetensors(b"{", length=1 << 60), "1,152,921,504,606,846,976 bytes"),
    "claims 2^64 - 1 bytes": (safetensors(b"{", length=(1 << 64) - 1), "in a file of 9"),
    "no JSON": (safetensors(b"{]"), "expected a .safetensors file"),
    "nested without end": (safetensors(b'{"a":' + b"[" * 90_000), "can be read"),
    "a list": (safetensors(b'["weight_ih_l0"]  '), "does not begin with {"),
    "an entry that is a number": (safetensors({"a": 3}), "no dtype, shape and data_offsets"),
    "past the end": (safetensors({"a": entry([2], 0, 8)}, b"1234"), "8 bytes of tensors"),
    "far past the end": (safetensors({"a": entry([1 << 58], 0, 1 << 60)}), "where the file has 0"),
    "overlapping": (
        safetensors({"a": entry([1], 0, 4), "b": entry([1], 2, 6)}, b"123456"), "overlaps",
    ),
    "the same place twice": (
        safetensors({"a": entry([1], 0, 4), "b": entry([1], 0, 4)}, b"1234"), "overlaps",
    ),
    "a hole": (safetensors({"a": entry([1], 4, 8)}, b"12345678"), "leaves a hole"),
    "data that no tensor has": (safetensors({"a": entry([1], 0, 4)}, b"12345678"), "the file has 8"),
    "a shape of another size": (safetensors({"a": entry([3], 0, 4)}, b"1234"), "by its shape"),
    "a negative shape": (safetensors({"a": entry([-1], 0, 4)}, b"1234"), "0 to 2^63 - 1"),
    "a shape that is no list": (safetensors({"a": entry("1", 0, 4)}, b"1234"), "that is none"),
    "a shape past 2^63": (safetensors({"a": entry([1 << 40, 1 << 40], 0, 4)}, b"1234"), "2^63"),
    "offsets that turn back": (safetensors({"a": entry([1], 4, 0)}, b"1234"), "no place"),
    "offsets as text": (safetensors({"a": entry([1], "0", "4")}, b"1234"), "no place"),
    "a name twice": (
        safetensors(b'{"a":%s,"a":%s}' % ((json.dumps(entry([1], 0, 4)).encode(),) * 2), b"1234"),
        "a name twice",
    ),
    "half a character": (safetensors(b'{"\xff":1}'), "can't decode"),
}  # fmt: skip


@pytest.mark.parametrize("case", HEADERS)
def test_a_header_of_safetensors_that_does_not_hold(rnnshape, tmp_path, case):
    data, message = HEADERS[case]
    assert message in refused(rnnshape, tmp_path, "a.safetensors", data)


@pytest.mark.parametrize("path", originals(), ids=lambda path: path.name)
def test_a_file_cut_short_at_any_byte_of_its_head_is_refused(path, tmp_path):
    whole = path.read_bytes()
    ends = {*range(64), *range(64, min(len(whole), 4000), 37), len(whole) - 1}
    if whole[8:9] == b"{":  # every byte of the header, and the first of the numbers
        ends = set(range(9 + int.from_bytes(whole[:8], "little")))
    for end in sorted(ends):
        target = tmp_path / path.name
        target.write_bytes(whole[:end])
        with pytest.raises(UsageError):
            open_file(str(target))


@pytest.mark.parametrize("suffix", [".pt", ".npz", ".safetensors", ".keras", ".bin", ".xyz"])
def test_an_empty_file_is_refused(rnnshape, tmp_path, suffix):
    refused(rnnshape, tmp_path, f"a{suffix}", b"")


def bomb(header: bytes, times: int, name: str) -> bytes:
    """An archive whose one entry unpacks to `times` million bytes."""
    result = io.BytesIO()
    with (
        zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(name, "w", force_zip64=True) as file,
    ):
        file.write(header)
        for _ in range(times):
            file.write(bytes(1 << 20))
    return result.getvalue()


def npy_header(shape) -> bytes:
    text = (
        repr({"descr": "<f4", "fortran_order": False, "shape": shape}).encode().ljust(117) + b"\n"
    )
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def test_a_zip_bomb_in_place_of_a_pickle_is_not_unpacked(rnnshape, tmp_path):
    told = refused(rnnshape, tmp_path, "a.pt", bomb(b"\x80\x02", 200, "a/data.pkl"))
    assert "bytes that unpack to more than" in told


def test_a_pickle_of_too_many_instructions_is_given_up(rnnshape, tmp_path, monkeypatch):
    from rnnshape.models.formats import source

    monkeypatch.setattr(source, "_STEPS", 1000)
    told = refused(rnnshape, tmp_path, "a.pkl", b"\x80\x02" + b"]" * 9000 + b".")
    assert "more than 1,000 steps" in told


def test_a_zip_bomb_in_place_of_an_array_is_listed_and_not_unpacked(rnnshape, tmp_path):
    names = [f"{kind}.npy" for kind in ("weight_ih_l0", "weight_hh_l0")]
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, shape in zip(names, [(4096, 12288), (4096, 4096)]):
            with archive.open(name, "w", force_zip64=True) as file:
                file.write(npy_header(shape))
                for _ in range(shape[0] * shape[1] * 4 >> 20):
                    file.write(bytes(1 << 20))
    (tmp_path / "a.npz").write_bytes(result.getvalue())
    assert rnnshape("inspect", "a.npz").status == 0
    told = refused(rnnshape, tmp_path, "a.npz", result.getvalue(), "run", "--weights")
    assert "unpack to" in told or "numbers out of a file" in told


def test_a_tensor_that_repeats_one_number_is_not_laid_out(rnnshape, tmp_path):
    storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQ"

    def view(*sizes: int) -> bytes:
        shape = b"(" + b"".join(b"J" + struct.pack("<i", n) for n in sizes) + b"t"
        strides = b"(" + b"K\x00" * len(sizes) + b"t"
        tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\x00" + shape + strides
        return tensor + b"\x89}tR"

    def named(name: str) -> bytes:
        return b"X" + struct.pack("<I", len(name)) + name.encode()

    state = b"\x80\x02}(" + named("weight_ih_l0") + view(1 << 20, 1 << 19) + (
        named("weight_hh_l0") + view(1 << 20, 1 << 20)) + b"u."  # fmt: skip
    data = torch_zip(state, **{"0": b"\0\0\0\0"})
    (tmp_path / "a.pt").write_bytes(data)
    ended = rnnshape("inspect", "a.pt")
    assert ended.status == 0 and "nn.RNN(524288, 1048576, bias=False)" in ended.out
    told = refused(rnnshape, tmp_path, "a.pt", data, "run", "--weights")
    assert "expected tensors that the file holds in full" in told


def laughs(join: bytes) -> bytes:
    """Lists (or tuples) of which each holds the one before twice."""
    made = b"\x80\x02)q\x00" if join == b"\x86" else b"\x80\x02]q\x00"
    for i in range(1, 90):
        last = b"h" + bytes([i - 1])
        made += last * 2 + b"\x86" if join == b"\x86" else b"](" + last * 2 + b"e"
        made += b"q" + bytes([i])
    return made


PICKLES = {
    "parts that double": laughs(b"e") + b".",
    "a key that would take for ever to hash": laughs(b"\x86") + b"0}h\x59K\x01s}h\x59h\x01sh\x59.",
    "a list that is copied over and over": b"\x80\x02](" + b"NN\x86" * 30_000 + b"eq\x000]("
    + b"cbuiltins\nlist\nh\x00\x85R" * 30_000 + b"e.",
    "a string of 4 GB": b"\x80\x02X\xff\xff\xff\xffabc.",
    "bytes of 2^63": b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7fabc.",
    "a long of 2 GB": b"\x80\x02\x8b\xff\xff\xff\x7f\x01.",
    "a number of a million digits": b"I" + b"9" * 1_000_000 + b"\n.",
    "nothing on the stack": b"\x80\x02.",
    "no mark": b"\x80\x02NNt.",
    "a memo that was never kept": b"\x80\x02h\x07.",
    "items of no dict": b"\x80\x02NK\x01K\x02s.",
    "a tensor without a storage": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(NK\x00))\x89}tR.",
    "a tensor without arguments": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.",
    "no pickle": b"\x80\x02\xfe\xfe\xfe.",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", PICKLES)
def test_a_pickle_made_to_exhaust_or_confuse_its_reader(rnnshape, tmp_path, case):
    pickled = PICKLES[case]
    for name, data in (("a.pt", torch_zip(pickled)), ("b.pkl", pickled)):
        (tmp_path / name).write_bytes(data)
        tracemalloc.start()
        ended = rnnshape("inspect", name)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert (ended.status, ended.err == "") in ((0, True), (2, False))
        assert peak < MEMORY, f"{peak:,} bytes"


@pytest.mark.parametrize("pickled", [
    b"\x80\x02)" + b"\x85" * 300_000 + b".",
    b"\x80\x02}(X\x01\x00\x00\x00a)" + b"\x85" * 300_000 + b"u.",
    b"\x80\x02}" + b"X\x01\x00\x00\x00a}" * 50_000 + b"s" * 50_000 + b".",
    b"\x80\x02Nr\xff\xff\xff\xff.",
    b"\x80\x02]q\x00h\x00a.",
    b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.",
], ids=["deep", "deep in a dict", "dicts", "a high memo", "a list in itself", "a dict in itself"])  # fmt: skip
def test_a_pickle_that_is_only_odd_holds_no_network(rnnshape, tmp_path, pickled):
    (tmp_path / "a.pt").write_bytes(torch_zip(pickled))
    ended = rnnshape("inspect", "a.pt")
    assert (ended.status, ended.err) == (0, "") and "no recurrent network" in ended.out


def test_numbers_past_the_end_of_a_storage_are_refused(rnnshape, tmp_path):
    whole = (CHECKPOINTS / "zip.pt").read_bytes()
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(result, "w") as archive:
        for name in old.namelist():
            content = old.read(name)
            archive.writestr(name, content[:-4] if "/data/" in name else content)
    told = refused(rnnshape, tmp_path, "a.pt", result.getvalue())
    assert "past the end of its storage" in told


def test_a_storage_that_is_not_in_the_archive_is_said(rnnshape, tmp_path):
    with zipfile.ZipFile(CHECKPOINTS / "cells.pt") as archive:
        data = torch_zip(archive.read("cells/data.pkl"))
    assert "are not in the file" in refused(rnnshape, tmp_path, "a.pt", data)


@pytest.mark.parametrize("kind", ["folder", "pipe", "dangling", "loop", "missing", "device"])
def test_what_is_no_file_is_said_and_not_waited_for(rnnshape, tmp_path, kind):
    path = tmp_path / "model.pt"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "dangling":
        path.symlink_to("nowhere.pt")
    elif kind == "loop":
        path.symlink_to("model.pt")
    name = "/dev/zero" if kind == "device" else path.name
    for command in (["inspect", name], ["run", "--weights", name]):
        ended = rnnshape(*command)
        assert (ended.status, ended.out) == (2, "") and "fix: " in ended.err
        assert len(ended.err.splitlines()) <= 3


def test_a_symlink_to_a_file_is_that_file(rnnshape, tmp_path):
    (tmp_path / "model.pt").symlink_to(CHECKPOINTS / "zip.pt")
    assert "encoder.rnn  nn.LSTM(3, 4" in rnnshape("inspect", "model.pt").out


def test_the_bytes_say_the_format_whatever_the_name(rnnshape, tmp_path):
    (tmp_path / "model.bin").write_bytes((CHECKPOINTS / "model.safetensors").read_bytes())
    (tmp_path / "model.safetensors").write_bytes((CHECKPOINTS / "zip.pt").read_bytes())
    for name, form in (("model.bin", "safetensors"), ("model.safetensors", "torch")):
        assert rnnshape("inspect", name, "--json").json["format"] == form


HOSTILE = "\x1b]0;owned\x07\x1b[31m[bold red]x[/]\r\n\u202eevil\x9b2J"


def test_names_cannot_speak_to_the_terminal(rnnshape, tmp_path):
    names = [f"{HOSTILE}.{kind}_l0" for kind in ("weight_ih", "weight_hh")] + [HOSTILE]
    header, at = {}, 0
    for name, shape in zip(names, ([4, 2], [4, 1], [1])):
        size = 4 * int(np.prod(shape))
        header[name] = entry(shape, at, at + size)
        at += size
    (tmp_path / "a.safetensors").write_bytes(safetensors(header, bytes(at)))
    shown = [
        rnnshape("inspect", "a.safetensors"),
        rnnshape("inspect", "a.safetensors", "--layers", 2),
    ]
    shown.append(rnnshape("inspect", "a.safetensors", CHECKPOINTS / "zip.pt"))
    shown.append(rnnshape("run", "--weights", "a.safetensors", "--module", "\x1b[31m"))
    for ended in shown:
        text = ended.out + ended.err
        assert "x1b" in text and "[bold red]" in text
        assert not any(sign in text for sign in ("\x1b", "\x07", "\x9b", "\r", "\u202e"))


@pytest.mark.slow
def test_a_hundred_thousand_tensors_take_seconds_and_little_memory(rnnshape, tmp_path):
    kinds = {"weight_ih_l0": [4, 1], "weight_hh_l0": [4, 1], "bias_ih_l0": [4], "bias_hh_l0": [4]}
    header, at = {}, 0
    for module in range(25_000):
        for kind, shape in kinds.items():
            header[f"m{module}.{kind}"] = entry(shape, at, at + 16)
            at += 16
    (tmp_path / "many.safetensors").write_bytes(safetensors(header, bytes(at)))
    ended = rnnshape("inspect", "many.safetensors")
    assert ended.status == 0 and "24,800 more networks" in ended.out
    assert len(ended.out) < 40_000
    weights = read_weights(str(tmp_path / "many.safetensors"), "m24999")
    assert sorted(weights) == sorted(kinds)


def test_an_array_of_objects_in_an_npz_is_not_unpickled(rnnshape, tmp_path):
    np.savez(
        tmp_path / "a.npz", weight_ih_l0=np.array([Evil(os.system, "touch harmed")], dtype=object)
    )
    ended = rnnshape("inspect", "a.npz")
    assert ended.status == 2 and "an array of objects, which is a pickle" in ended.err
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize(
    "command",
    [
        ["inspect", "model.h5"],
        ["inspect", "model.h5", "model.keras"],
        ["trace", "--weights", "model.h5", "--module", "lstm", "--values"],
        ["run", "--weights", "model.keras", "--module", "lstm"],
        ["convert", "model.h5", "made.npz", "--to", "torch"],
        ["code", "--weights", "model.h5"],
    ],
    ids=" ".join,
)
def test_no_code_of_the_folder_that_one_stands_in_is_run(tmp_path, command):
    """A downloaded model may lie beside a downloaded h5py.py."""
    pytest.importorskip("h5py")
    hostile = "import pathlib, sys; pathlib.Path(__file__).with_name('ran').touch()\n"
    for module in ("h5py", "json", "numpy", "subprocess", "io", "sitecustomize", "usercustomize"):
        (tmp_path / f"{module}.py").write_text(hostile)
    (tmp_path / "rnnshape").mkdir()
    (tmp_path / "rnnshape" / "__init__.py").write_text(hostile)
    for name in ("model.h5", "model.keras"):
        shutil.copy(ROOT / "fixtures" / "frameworks" / name, tmp_path)
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from rnnshape.cli import main; main()"
    ended = subprocess.run(
        [sys.executable, "-P", "-c", start, *command], cwd=tmp_path, capture_output=True, timeout=60
    )
    assert b"HDF5 that cannot be read" not in ended.stderr
    assert not list(tmp_path.rglob("ran"))
