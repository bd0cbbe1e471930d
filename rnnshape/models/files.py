"""Files of weights, whatever their format: opened without running anything that they hold."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from tokenize import TokenError
from typing import Any

from ..errors import UsageError, quoted
from .formats.packed import named, unwrapped, weights_by_name
from .formats.parametrized import joined
from .formats.pickles import Harmful
from .formats.source import NO_FILE, Damaged, Source
from .formats.stored import Stored, TensorFile
from .formats.zips import Archive
from .networks.find import Certain, Module, Weights, chosen, contents

# what readers raise for bytes that are not what they should be
_FAULTS = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError, OSError,
    RuntimeError, SyntaxError, TokenError, TypeError, ValueError,
)  # fmt: skip
_MOST_INSIDE = 20  # files of weights in an archive
_STREAMS = (".pt", ".pth", ".bin", ".ckpt", ".th", ".pkl", ".pickle", ".t7", ".tar", ".model",
            ".pdparams")  # fmt: skip
_PROGRAMS = (".py", ".ipynb")
_FORMATS = ".safetensors, .npz, .pt, .onnx, .keras or .h5"


def open_file(path: str) -> TensorFile:
    """The tensors of a file, of the format that its bytes say. Raises UsageError.

    Formats: safetensors, npz, torch's zip and its older stream, TorchScript, Paddle, ONNX, Keras,
    TensorFlow's variables and graphs, TensorFlow Lite and TensorFlow.js; the index of several files
    (model.safetensors.index.json); any of them that is one file inside a .zip, .tar or .gz. No
    tensor's numbers are read, and nothing of a pickle is run.
    """
    with reading(path):
        return joined(_opened(Source(path)))


@contextmanager
def reading(path: str) -> Iterator[None]:
    """While the bytes of a file are read: whatever is wrong with them is a UsageError."""
    try:
        yield
    except UsageError as error:
        if error.expected == NO_FILE:
            error.expected = f"weights: expected a file ({_FORMATS})"
            error.fix = _inside(path) if os.path.isdir(path) else error.fix
        raise
    except Harmful as error:
        raise UsageError(
            f"weights: expected a file that only holds data, such as {path!r} seems to be",
            got=str(error),
            fix="nothing was run; do not load this file with torch, ask for it as .safetensors",
        ) from None
    except _FAULTS as error:
        raise unreadable(path, error) from None


def _inside(folder: str) -> str:
    """Which file of a folder to name: an index of several, or one by its ending."""
    endings = (".index.json", ".safetensors", ".npz", ".keras", ".h5", ".onnx", "saved_model.pb",
               "model.json", ".tflite", ".index", *_STREAMS)  # fmt: skip
    try:
        names = sorted(os.listdir(folder))[:10_000]
    except OSError:
        names = []
    found = next((name for ending in endings for name in names if name.endswith(ending)), "")
    return f"name the file itself: {quoted(os.path.join(folder, found))}" if found else (
        "name the file itself")  # fmt: skip


def _opened(source: Source, depth: int = 0) -> TensorFile:
    """Open by the first bytes, and where these say nothing, by the end of the name."""
    suffix = os.path.splitext(source.name)[1].lower()
    start = source.start(16)
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _open_archive(Archive(source), depth)
    _no_other(start)
    if suffix == ".json":
        from .formats.shards import open_index

        return open_index(source, open_file)
    if suffix in (".pb", ".index") or suffix.startswith(".data-"):
        from .formats.tensorflow import open_graph, open_variables

        frozen = suffix == ".pb" and os.path.basename(source.name) != "saved_model.pb"
        return open_graph(source) if frozen else open_variables(source)
    if start[4:8] == b"TFL3" or suffix == ".tflite":
        from .formats.tflite import open_tflite

        return open_tflite(source)
    if start[8:9] == b"{" or suffix == ".safetensors":
        from .formats.safetensors import open_safetensors

        return open_safetensors(source)
    if start.startswith(b"\x89HDF\r\n\x1a\n") or suffix in (".h5", ".hdf5"):
        from .formats.keras import open_hdf

        return open_hdf(source)
    if suffix == ".onnx":
        from .onnx.file import open_onnx

        return open_onnx(source)
    if start.startswith(b"\x93NUMPY"):
        raise Damaged("one array without a name", "np.savez('weights.npz', weight_ih_l0=array, …)")
    if suffix in (".npz", ".keras"):
        raise Damaged("no zip archive, or one that is cut short")
    inner = unwrapped(source)
    if inner is not None:
        return _inner(source, inner, depth)
    told = named(source)
    if told:
        raise Damaged(told, "export the recurrent layer's weights as .safetensors, .npz or .onnx")
    if start[:1] == b"\x80" or suffix in _STREAMS:
        from .formats.torch import open_torch_stream

        return open_torch_stream(source)
    if suffix in _PROGRAMS:
        raise Damaged("a program, and no weights", f"rnnshape trace {quoted(source.name)}")
    raise Damaged(f"none of the formats {_FORMATS}")


def _no_other(start: bytes) -> None:
    """Refuse what comes in a file's place when it is fetched, whatever the name says."""
    if not start:
        raise Damaged("an empty file")
    if start.startswith(b"version https://"):
        raise Damaged("a pointer of Git LFS that stands for the file", "git lfs pull")
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise Damaged("a web page", "fetch the file itself: its link says raw, resolve or download")


def _open_archive(archive: Archive, depth: int) -> TensorFile:
    names = archive.names
    if any(name.endswith("data.pkl") for name in names):
        from .formats.torch import open_torch_zip

        return open_torch_zip(archive)
    if "model.weights.h5" in archive:
        from .formats.keras import open_keras

        return open_keras(archive)
    if any(name.endswith(".npy") for name in names):
        from .formats.npz import open_npz

        return open_npz(archive)
    held = [partial(archive.entry, name) for name in names if weights_by_name(name)]
    return _inner(archive.source, held, depth)


def _inner(outer: Source, found: Sequence[Callable[[], Source]], depth: int) -> TensorFile:
    """The one file of weights in an archive."""
    if not found:
        raise Damaged("an archive without tensors: no data.pkl, .npy or file of weights in it",
                      "name the file that holds the weights")  # fmt: skip
    if depth > 2:
        raise Damaged("archives in archives in archives", "unpack it, and name the file of weights")
    if len(found) > _MOST_INSIDE:
        raise Damaged(f"an archive with {len(found)} files of weights",
                      "unpack it, and name one of them")  # fmt: skip
    opened, faults = [], []
    for source in found:
        try:
            opened.append(_opened(source(), depth + 1))
        except Harmful:
            raise
        except (UsageError, *_FAULTS) as error:  # such as a pickle of no tensors beside them
            faults.append(error)
    files = [file for file in opened if file.tensors] or opened
    if not files:
        raise faults[0]
    if len(files) > 1:
        names = ", ".join(file.source.inside for file in files[:4])
        raise Damaged(f"an archive with {len(files)} files of weights, {names}",
                      "unpack it, and name one of them")  # fmt: skip
    (file,) = files
    return replace(file, source=outer, format=f"{file.format.removesuffix(', packed')}, packed")


def unreadable(path: str, error: BaseException) -> UsageError:
    """The error where a file is missing, cut short, or not what its name says."""
    suffix = os.path.splitext(path)[1].lower()
    detail = getattr(error, "strerror", None) or str(error).split("\n")[0][:200]
    kind = suffix if 1 < len(suffix) < 14 and suffix not in _PROGRAMS else "weights"
    return UsageError(
        f"weights: expected a {kind} file that can be read",
        got=f"{path!r}: {detail or type(error).__name__}",
        fix=getattr(error, "fix", "")
        or "check the file's name, and that it was written to its end",
    )


def read_weights(path: str, module: str | None = None) -> Weights:
    """The parameters of one recurrent network in a file, as arrays under torch's names.

    module: the network's name, which may be left out where the file holds one alone. bfloat16
    comes as float32. A Linear named `head` beside the network comes with it. Raises UsageError.
    """
    file = open_file(path)
    network = torchs(file, chosen(contents(file), module))
    prefix = network.full_name + "." if network.full_name else ""
    tensors = dict(network.parameters)
    for name in ("head.weight", "head.bias"):
        if prefix + name in file.tensors:
            tensors[name] = file.tensors[prefix + name]
    doubts = [said for said in network.said if not isinstance(said, Certain)]
    return Weights(arrays_of(file, tensors), network.arguments, doubts)


class Elsewhere(UsageError):
    """A network that torch does not have; its operators where ONNX has them (`chain`)."""

    def __init__(self, file: TensorFile, network: Module) -> None:
        name = f" --module {quoted(network.name)}" if network.name else ""
        super().__init__(
            f"weights: expected a network that torch has, in {file.path!r}",
            got=network.cannot,
            fix=f"rnnshape inspect {quoted(file.path)}  # lists what the file holds"
            if network.chain is None
            else f"rnnshape run --weights {quoted(file.path)}{name}  # computes it as it is",
        )
        self.file, self.chain = file, network.chain


def torchs(file: TensorFile, network: Module) -> Module:
    """The network, where torch has it. Raises Elsewhere with the reasons where it has not."""
    if network.cannot:
        raise Elsewhere(file, network)
    return network


def read_parameters(
    path: str, parameters: Iterable[str], numbers: Iterable[str], module: str | None = None
) -> dict[str, Any]:
    """The parameters of a written cell in a file, as arrays, with a `head` beside them.

    parameters: their names in the cell; numbers: of those that it gives a value, which may be
    missing. module: what stands before the names, which may be left out where it is one thing
    alone. Raises UsageError.
    """
    file = open_file(path)
    wanted = [name for name in parameters if name not in {*numbers}] or [*parameters]
    if module is not None:
        prefix = module.rstrip(".") + "."
    else:
        ending = f"{wanted[0]}_l0" if wanted else ""
        found = {name.removesuffix(ending) for name in file.tensors if name.endswith(ending)}
        prefixes = sorted(p for p in found if not p or p.endswith("."))
        prefix = "" if "" in prefixes or not prefixes else prefixes[0]
        if len(prefixes) > 1 and prefix:
            raise UsageError(
                f"weights: expected --module, since {ending} is there more than once",
                got=", ".join(prefixes[:4]),
                fix=f"--module {quoted(prefixes[0].rstrip('.'))}",
            )
    names = {n.removeprefix(prefix): n for n in file.tensors if n.startswith(prefix)}
    own = re.compile(r".+_l[0-9]+(_reverse)?|head\.(weight|bias)")
    tensors = {short: file.tensors[n] for short, n in names.items() if own.fullmatch(short)}
    return arrays_of(file, tensors)


def read_named(path: str, names: Iterable[str]) -> dict[str, Any]:
    """The tensors of a file with these names, as arrays. Raises UsageError where one is missing."""
    file = open_file(path)
    held = {tensor.path: tensor for tensor in file.tensors.values()}
    wanted = list(names)
    missing = [name for name in wanted if name not in held]
    if missing:
        more = f", and {len(missing) - 1:,} more that it lacks" if missing[1:] else ""
        raise UsageError(
            f"weights: expected {missing[0]} in {path!r}{more}",
            got=", ".join([*held][:4]) + (", …" if len(held) > 4 else "") or "no tensors",
            fix=f"rnnshape inspect {quoted(path)}  # shows what the file holds",
        )
    return arrays_of(file, {name: held[name] for name in wanted})


def arrays_of(file: TensorFile, tensors: Mapping[str, Stored]) -> dict[str, Any]:
    """The numbers of some of a file's tensors. Raises UsageError where they cannot be read."""
    file.affordable(tensors.values())
    with reading(file.path):
        return {name: tensor.read() for name, tensor in tensors.items()}


def read_array(path: str, what: str) -> Any:
    """The array of a .npy file. Raises UsageError."""
    from .formats.npz import read_npy

    try:
        return read_npy(Source(path))
    except (UsageError, *_FAULTS) as error:
        detail = getattr(error, "strerror", None) or str(error).split("\n")[0][:100]
        raise UsageError(
            f"--{what}: expected a .npy file of numbers",
            got=error.got if isinstance(error, UsageError) else f"{path!r}: {detail}",
            fix=f"np.save('{what}.npy', array)",
        ) from None
