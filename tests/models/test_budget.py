"""Files made to exhaust their reader: each kind is met within the budget, by one message."""

import gzip
import io
import json
import os
import struct
import tarfile
import time
import tracemalloc
import zipfile

import numpy as np
import pytest
from conftest import ROOT

from rnnshape.errors import UsageError
from rnnshape.models.files import open_file, read_array, read_weights
from rnnshape.models.networks.find import contents

MEMORY = 70 << 20  # the budget's free part and what is read beside it
STREAM = (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19." b"\x80\x02M\xe9\x03."
          b"\x80\x02}q\x00X\x0d\x00\x00\x00little_endianq\x01\x88s." b"\x80\x02}.")  # fmt: skip


def looked(path) -> str:
    """The message for a file that is listed and read, '' where both go well."""
    tracemalloc.start()
    try:
        held = contents(open_file(str(path)))
        for module in held.modules:
            read_weights(str(path), module.name)
    except UsageError as error:
        return str(error)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < MEMORY + 20 * path.stat().st_size, f"{peak:,} bytes"
    return ""


def doubled(count: int, join: bytes = b"\x86") -> bytes:
    """A tuple that holds the one before twice, `count` times over."""
    made = (b"h" + bytes([i]) * 1 + b"h" + bytes([i]) + join + b"q" + bytes([i + 1])
            for i in range(count))  # fmt: skip
    return b")q\x00" + b"".join(made)


def text(words: bytes) -> bytes:
    return b"X" + struct.pack("<I", len(words)) + words


PICKLES = {
    "a storage key that would be hashed for ever": STREAM + b"\x80\x02" + doubled(60) + b"0" * 61
    + b"]h\x3ca.",
    "a storage key 200,000 deep": STREAM + b"\x80\x02)" + b"\x85" * 200_000 + b"q\x00]h\x00a.",
    "a name of 900 kB, again and again": b"\x80\x04" + text(b"a" * 900_000) + b"\x94"
    + b"h\x00h\x00\x930" * 3000 + b"N.",
    "bytes encoded again and again": b"\x80\x02" + text(b"a" * 600_000) + b"q\x000]("
    + b"c_codecs\nencode\nh\x00\x85R" * 2000 + b"e.",
    "two million dicts": b"\x80\x02(" + b"}" * 2_000_000 + b"l.",
    "long keys around many arrays": b"\x80\x02cnumpy\nndarray\n)Rq\x00}(" + text(b"k" * 20_000)
    + b"}(" + b"".join(text(b"%07d" % i) + b"h\x00" for i in range(50_000)) + b"uu.",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", PICKLES)
def test_a_pickle(tmp_path, case):
    (tmp_path / "a.pt").write_bytes(PICKLES[case])
    begin = time.monotonic()
    assert "expected a .pt file that can be read" in looked(tmp_path / "a.pt")
    assert time.monotonic() - begin < 60  # no test of speed: what it meets would never end


@pytest.mark.slow
@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("name, entry", [("a.npz", "x.npy"), ("a.pt", "a/data.pkl"),
                                         ("a.keras", "model.weights.h5")])  # fmt: skip
def test_an_entry_that_lies_about_its_size(tmp_path, method, name, entry):
    packed, size = io.BytesIO(), 100 << 20
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr(entry, b"\x80\x02" + bytes(size - 2))
    lying = packed.getvalue().replace(struct.pack("<I", size), struct.pack("<I", 200))
    (tmp_path / name).write_bytes(lying)
    assert "that can be read" in looked(tmp_path / name)


def test_a_compressed_file_is_not_unpacked_without_end(tmp_path):
    (tmp_path / "a.pt.gz").write_bytes(gzip.compress(bytes(200 << 20)))
    assert "bytes that unpack to more than" in looked(tmp_path / "a.pt.gz")


def test_names_that_claim_ten_thousand_layers(tmp_path):
    header = {f"m{k}.weight_ih_l9999": {"dtype": "F32", "shape": [4, 4],
                                        "data_offsets": [64 * k, 64 * k + 64]}
              for k in range(200)}  # fmt: skip
    words = json.dumps(header).encode()
    whole = struct.pack("<Q", len(words)) + words + bytes(200 * 64)
    (tmp_path / "a.safetensors").write_bytes(whole)
    assert looked(tmp_path / "a.safetensors") == ""
    assert contents(open_file(str(tmp_path / "a.safetensors"))).modules == ()


def test_a_file_that_is_cut_while_it_is_open_is_told(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes((ROOT / "fixtures" / "checkpoints" / "model.safetensors").read_bytes())
    file = open_file(str(path))
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(ValueError, match="cut short"):
        list(file.tensors.values())[-1].read()


@pytest.mark.parametrize("shape", ["x.npy", "x.onnx", "x.pt"])
def test_a_pipe_is_not_waited_for(tmp_path, shape):
    os.mkfifo(tmp_path / shape)
    with pytest.raises(UsageError, match="a pipe"):
        (read_array(str(tmp_path / shape), "input") if shape == "x.npy"
         else open_file(str(tmp_path / shape)))  # fmt: skip


def test_a_device_is_no_file():
    with pytest.raises(UsageError, match="a device"):
        read_array("/dev/zero", "input")


def test_a_header_of_python_2_is_read_without_a_warning(tmp_path, recwarn):
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }".ljust(117) + b"\n"
    whole = b"\x93NUMPY\x01\x00v\x00" + header + np.arange(6, dtype="f4").tobytes()
    (tmp_path / "x.npy").write_bytes(whole)
    array = read_array(str(tmp_path / "x.npy"), "input")
    assert (array == np.arange(6).reshape(2, 3)).all() and not recwarn.list


class TestHdf5:
    """HDF5 that h5py writes and libhdf5 should not be asked for."""

    def layer(self, file):
        for name, shape in (("kernel", (3, 16)), ("recurrent_kernel", (4, 16))):
            file[f"lstm/lstm/{name}:0"] = np.ones(shape, "f4")

    def test_a_chunk_of_a_gigabyte(self, tmp_path):
        h5py = pytest.importorskip("h5py")
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file.create_dataset("kernel", (3, 16), "f4", chunks=(20_000, 20_000),
                                maxshape=(None, None), compression="gzip")  # fmt: skip
        assert "a chunk of 1,600,000,000 bytes" in looked(tmp_path / "a.h5")

    def test_strings_and_types_of_a_name_are_passed_over(self, tmp_path):
        h5py = pytest.importorskip("h5py")
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["kind"] = np.dtype("f4")
            file.create_dataset("words", (4,), dtype=h5py.string_dtype())
            self.layer(file)
        assert looked(tmp_path / "a.h5") == ""


class TestOnnx:
    """Graphs that would be folded, walked or laid out without end."""

    def model(self, tmp_path, *nodes, **arrays):
        onnx = pytest.importorskip("onnx")
        value = onnx.helper.make_tensor_value_info
        held = [a if not isinstance(a, np.ndarray) else onnx.numpy_helper.from_array(a, n)
                for n, a in arrays.items()]  # fmt: skip
        graph = onnx.helper.make_graph(list(nodes), "g", [value("X", 1, None)],
                                       [value("Y", 1, None)], held)  # fmt: skip
        opset = [onnx.helper.make_opsetid("", 18)]
        model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)
        (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
        return looked(tmp_path / "a.onnx")

    def node(self, kind, inputs, outputs, **attributes):
        return pytest.importorskip("onnx").helper.make_node(kind, inputs, outputs, **attributes)

    W, R = np.ones((1, 12, 3), "f4"), np.ones((1, 12, 3), "f4")

    def lstm(self, *inputs, **attributes):
        return self.node("LSTM", list(inputs), ["Y"], name="l", hidden_size=3, **attributes)

    @pytest.mark.parametrize("circle", [["Identity"], ["Transpose", "Identity"], []])
    def test_a_circle(self, tmp_path, circle):
        names = [*["a", "b"][: len(circle)], "a"]
        turns = [self.node(kind, [names[i + 1]], [names[i]]) for i, kind in enumerate(circle)]
        made = self.model(tmp_path, *turns, self.lstm("a" if circle else "Y", "W", "R"),
                          W=self.W, R=self.R)  # fmt: skip
        assert "read each other in a circle" in made

    @pytest.mark.parametrize("kind, inputs, more", [
        ("Concat", ["c"] * 400, {"axis": 0}), ("Expand", ["c", "s"], {}),
        ("Split", ["c"], {"num_outputs": 300_000_000})])  # fmt: skip
    def test_constants_that_grow_are_not_folded(self, tmp_path, kind, inputs, more):
        grown = self.node(kind, inputs, ["e"], **more)
        again = self.node("Concat", ["e"] * 400, ["f"], axis=0)
        arrays = {"c": np.ones((500, 1, 500), "f4"), "s": np.array([1, 10_000, 500])}
        assert (
            self.model(tmp_path, grown, again, self.lstm("X", "f", "R"), R=self.R, **arrays) == ""
        )

    def test_a_size_that_the_file_only_claims(self, tmp_path):
        onnx = pytest.importorskip("onnx")
        claims = {}
        for name, last in (("W", 1), ("R", 30_000_000)):
            claims[name] = onnx.TensorProto(name=name, data_type=1, dims=[1, 120_000_000, last])
        lstm = self.node("LSTM", ["X", "W", "R"], ["Y"], name="l", hidden_size=30_000_000)
        assert "expected tensors that the file holds" in self.model(tmp_path, lstm, **claims)

    def test_an_attribute_and_a_state_of_text(self, tmp_path):
        onnx = pytest.importorskip("onnx")
        lstm = self.lstm("X", "W", "R")
        lstm.attribute.append(onnx.helper.make_attribute("clip", "x"))
        assert "clip of another type" in self.model(tmp_path, lstm, W=self.W, R=self.R)
        state = onnx.helper.make_tensor("h", onnx.TensorProto.STRING, [1], [b"text"])
        lstm = self.lstm("X", "W", "R", "", "", "h")
        assert "which are no numbers" in self.model(tmp_path, lstm, W=self.W, R=self.R, h=state)

    def outside(self, location):
        onnx = pytest.importorskip("onnx")
        tensor = onnx.TensorProto(name="W", data_type=1, dims=[1, 12, 3], data_location=1)
        tensor.external_data.add(key="location", value=location)
        return tensor

    def test_numbers_beside_the_model_may_lie_behind_a_link_and_not_elsewhere(self, tmp_path):
        (tmp_path / "real").write_bytes(self.W.tobytes())
        (tmp_path / "link").symlink_to("real")
        (tmp_path / "away").symlink_to("/etc/passwd")
        lstm = self.lstm("X", "W", "R")
        assert self.model(tmp_path, lstm, W=self.outside("link"), R=self.R) == ""
        assert "no file beside" in self.model(tmp_path, lstm, W=self.outside("away"), R=self.R)

    def test_a_sparse_file_of_three_gigabytes_is_not_loaded(self, tmp_path):
        pytest.importorskip("onnx")
        with open(tmp_path / "a.onnx", "wb") as file:
            file.truncate(3 << 30)
        with pytest.raises(UsageError, match="no ONNX model"):
            open_file(str(tmp_path / "a.onnx"))


@pytest.mark.parametrize("packing", ["zip", "deflated", "tar", "tar.gz", "gz", "nemo", "twice"])
def test_weights_that_are_packed_are_read_where_they_lie(rnnshape, tmp_path, packing):
    source = ROOT / "fixtures" / "checkpoints" / "zip.pt"
    data, name = source.read_bytes(), f"a.{packing}"
    if packing in ("zip", "deflated", "twice"):
        method = zipfile.ZIP_STORED if packing == "zip" else zipfile.ZIP_DEFLATED
        name = "a.zip"
        with zipfile.ZipFile(tmp_path / name, "w", method) as archive:
            archive.writestr("folder/zip.pt", data)
    elif packing == "gz":
        name = "zip.pt.gz"
        (tmp_path / name).write_bytes(gzip.compress(data))
    if packing in ("tar", "tar.gz", "nemo", "twice"):
        inner = tmp_path / "a.zip" if packing == "twice" else source
        name = "a.tar" if packing == "twice" else name
        with tarfile.open(tmp_path / name, "w" if name == "a.tar" else "w:gz") as archive:
            archive.add(inner, "folder/b.bin" if packing == "twice" else "folder/zip.pt")
            archive.add(ROOT / "pyproject.toml", "folder/other.yaml")
            archive.add(ROOT / "pyproject.toml", "folder/no_weights.pkl")
    plain = rnnshape("inspect", source, "--json").json["modules"]
    told = rnnshape("inspect", name, "--json").json
    assert told["modules"] == plain and told["format"] == "torch, packed"
    module = ["--module", plain[0]["name"]]
    for path in (source, name):
        rnnshape("run", "--weights", path, *module, "-o", f"{len(str(path))}.npz")
    read = [dict(np.load(tmp_path / f"{len(str(path))}.npz")) for path in (source, name)]
    assert (read[0]["output"] == read[1]["output"]).all()


@pytest.mark.parametrize("data, name, what", [
    (b"\x7fELF" + bytes(99), "libx.so", "a shared library"), (b"GGUF" + bytes(99), "a.bin", "GGUF"),
    (b"\n\x0b\x12" + bytes(99), "model.ckpt.meta", "the graph of a checkpoint of TensorFlow"),
    (b"\n\x05lstm" + bytes(99), "a.mlmodel", "Core ML"),
    (b"\x08\x01" + bytes(99), "eng.traineddata", "Tesseract"),
    (b"\x28\xb5\x2f\xfd" + bytes(9), "a.zst", "a zstd archive"),
])  # fmt: skip
def test_a_format_that_is_not_read_is_named(rnnshape, tmp_path, data, name, what):
    (tmp_path / name).write_bytes(data)
    ended = rnnshape("inspect", name)
    assert ended.status == 2 and what in ended.err and "export" in ended.err


def test_merges_of_merges_in_a_configuration_are_left_as_they_are():
    pytest.importorskip("yaml")
    from rnnshape.models.formats.keras import parsed

    levels = (f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}" for i in range(1, 60))
    held = parsed("\n".join(["a0: &a0 {x: 1}", *levels]).encode(), "config.yaml")
    assert held["a1"] == {"<<": [{"x": 1}, {"x": 1}]} and len(held) == 60
