"""NumPy's arrays in .npz and in plain pickles, of every type and order."""

import pickle

import numpy as np
import pytest

from rnnshape import Spec
from rnnshape.models.files import open_file, read_named, read_weights
from rnnshape.models.formats.stored import DTYPES, array_of
from rnnshape.models.networks.find import contents

TYPES = [
    "f2",
    "f4",
    "f8",
    ">f4",
    ">f8",
    "i1",
    "i2",
    "i4",
    "i8",
    ">i4",
    "u1",
    "u2",
    "u4",
    "u8",
    "?",
    "c8",
    "c16",
]


def every_kind() -> dict[str, np.ndarray]:
    """Arrays of every type, in both orders, of no, one and three axes, and empty ones."""
    made = {code: np.arange(6).reshape(2, 3).astype(code) for code in TYPES}
    made["columns first"] = np.asfortranarray(np.arange(24.0).reshape(2, 3, 4))
    made |= {"scalar": np.array(3.5), "empty": np.zeros((0, 4)), "row": np.arange(3.0)}
    return made


def same(read, saved):
    assert sorted(read) == sorted(saved)
    for name, array in saved.items():
        assert read[name].dtype == array.dtype.newbyteorder("="), name
        assert read[name].shape == array.shape and (read[name] == array).all(), name


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_npz_gives_its_arrays(tmp_path, save):
    saved = every_kind()
    save(tmp_path / "a.npz", **saved)
    held = open_file(str(tmp_path / "a.npz"))
    assert {name: tensor.shape for name, tensor in held.tensors.items()} == {
        name: array.shape for name, array in saved.items()
    }
    read = read_named(str(tmp_path / "a.npz"), saved)
    same({name: array.astype(array.dtype.newbyteorder("=")) for name, array in read.items()}, saved)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_of_arrays_gives_its_arrays(tmp_path, protocol):
    saved = every_kind()
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"deep": [saved]}, protocol))
    read = read_named(str(tmp_path / "a.pkl"), [f"deep.0.{name}" for name in saved])
    same({name.removeprefix("deep.0."): array for name, array in read.items()}, saved)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickled_dict_of_arrays_is_a_network(tmp_path, protocol):
    shapes = Spec(cell="gru", input_size=3, hidden_size=4).parameters()
    state = {f"enc.rnn.{name}": np.ones(shape, "f4") for name, shape in shapes.items()}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"params": state, "step": 3}, protocol))
    (module,) = contents(open_file(str(tmp_path / "a.pkl"))).modules
    assert (module.name, module.constructor) == ("enc.rnn", "nn.GRU(3, 4)")
    assert (read_weights(str(tmp_path / "a.pkl"))["bias_ih_l0"] == 1).all()


@pytest.mark.parametrize(
    "dtype", [name for name in DTYPES if not name.startswith(("bfloat", "float8"))]
)
def test_a_buffer_of_each_type_is_read_as_numpy_reads_it(dtype):
    array = np.arange(6).astype(dtype)
    for little, order in ((True, "<"), (False, ">")):
        data = array.astype(array.dtype.newbyteorder(order)).tobytes()
        assert (array_of(data, dtype, (2, 3), little=little) == array.reshape(2, 3)).all()
    strided = array_of(array.tobytes(), dtype, (2, 2), (3, 1), 1)
    assert (strided == array.reshape(2, 3)[:, 1:]).all()


def test_bfloat16_is_the_upper_half_of_float32():
    numbers = np.array([1.0, -2.5, 0.0, np.inf, 2.0**-126], "f4")
    halves = (numbers.view("u4") >> 16).astype("u2")
    assert (array_of(halves.tobytes(), "bfloat16", (5,)) == numbers).all()


def test_float8_has_the_values_of_its_definition():
    e4m3 = array_of(bytes([0x00, 0x01, 0x08, 0x38, 0x7E, 0xB8, 0x7F]), "float8_e4m3fn", (7,))
    assert e4m3[:6].tolist() == [0.0, 2.0**-9, 2.0**-6, 1.0, 448.0, -1.0] and np.isnan(e4m3[6])
    e5m2 = array_of(bytes([0x00, 0x01, 0x3C, 0x7B, 0xBC, 0x7C]), "float8_e5m2", (6,))
    assert e5m2.tolist() == [0.0, 2.0**-16, 1.0, 57344.0, -1.0, np.inf]


def test_an_array_of_python_2_is_read(tmp_path):
    """Its bytes are a string there, which a pickle of protocol 2 holds as latin-1."""
    data = np.arange(12, dtype="<f4").tobytes()
    pickled = (
        b"\x80\x02}q\x00(U\x0cweight_ih_l0cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n"
        b"K\x00\x85U\x01btR(K\x01K\x04K\x03\x86cnumpy\ndtype\n(U\x02f4K\x00K\x01tR(K\x03U\x01<NNNJ"
        b"\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U" + bytes([len(data)]) + data + b"tbu."
    )
    (tmp_path / "a.pkl").write_bytes(pickled)
    read = read_named(str(tmp_path / "a.pkl"), ["weight_ih_l0"])
    assert (read["weight_ih_l0"] == np.arange(12).reshape(4, 3)).all()


def test_arrays_of_joblib_are_read_and_its_objects_passed_over(tmp_path):
    joblib = pytest.importorskip("joblib")
    arrays = {"rnn": {"weight_ih_l0": np.ones((4, 3), "f4"), "weight_hh_l0": np.eye(4)[::-1].T},
              "words": np.array([{"a": 1}, None], object)}  # fmt: skip
    for name, compress in (("a.joblib", 0), ("b.joblib", 3), ("c.joblib", ("bz2", 3))):
        joblib.dump(arrays, tmp_path / name, compress=compress)
        (module,) = contents(open_file(str(tmp_path / name))).modules
        read = read_weights(str(tmp_path / name), module.name)
        assert all((read[own] == array).all() for own, array in arrays["rnn"].items())
