"""Mutated files: whatever the bytes, a network or one message, in bounded time and memory."""

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import damaged, fuzz, look, originals

FILES = {path.name: path.read_bytes() for path in originals()}


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(name=st.sampled_from(sorted(FILES)), seed=st.integers(0, 1 << 32))
def test_a_changed_file_is_read_or_refused(name, seed):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{Path(name).suffix}"
        path.write_bytes(damaged(FILES[name], random.Random(seed)))
        assert look(path) in ("read", "refused")


@settings(max_examples=200, deadline=None)
@given(
    data=st.binary(max_size=200), suffix=st.sampled_from([".pt", ".npz", ".safetensors", ".pkl"])
)
def test_any_bytes_are_read_or_refused(data, suffix):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{suffix}"
        path.write_bytes(data)
        assert look(path) in ("read", "refused")


@settings(max_examples=200, deadline=None)
@given(opcodes=st.lists(st.sampled_from([
    b"(", b")", b"]", b"}", b"N", b"K\x01", b"X\x01\x00\x00\x00a", b"t", b"\x85", b"\x86", b"l", b"d",
    b"a", b"e", b"s", b"u", b"0", b"1", b"2", b"q\x00", b"h\x00", b"R", b"\x81", b"b", b"o", b"Q",
    b"ctorch._utils\n_rebuild_tensor_v2\n", b"ccollections\nOrderedDict\n", b"\x8f", b"\x90", b"\x91",
    b"ctorch\nFloatStorage\n", b"cno.such\nThing\n", b"cnumpy\ndtype\n", b"X\x07\x00\x00\x00storage",
]), max_size=60))  # fmt: skip
def test_any_row_of_opcodes_is_read_or_refused(opcodes):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.pkl"
        path.write_bytes(b"\x80\x02" + b"".join(opcodes) + b".")
        assert look(path) in ("read", "refused")


@pytest.mark.live
@pytest.mark.parametrize("package, suffixes", [("onnx", (".onnx",)), ("h5py", (".keras", ".h5"))])
def test_changed_files_of_other_frameworks(tmp_path, package, suffixes):
    pytest.importorskip(package)
    count = 1000 if package == "onnx" else 40  # an HDF5 file takes a process of its own
    told = fuzz(count, tmp_path, random.SystemRandom().randrange(1 << 32), originals(*suffixes))
    assert told["read"] and told["refused"]


@pytest.mark.live
def test_ten_thousand_changed_files(tmp_path):
    told = fuzz(10_000, tmp_path, seed=random.SystemRandom().randrange(1 << 32))
    assert told["read"] > 500 and told["refused"] > 500
