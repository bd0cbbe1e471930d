"""Files of weights with damage in them, for the fuzz tests: `python tests/mutations.py 10000`."""

import io
import random
import re
import struct
import sys
import tempfile
import time
import tracemalloc
import zipfile
from pathlib import Path

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 60, (1 << 64) - 1)


def originals(*suffixes: str) -> list[Path]:
    """The recorded files whose names end so; without an end, those that torch wrote."""
    folder = FIXTURES / ("frameworks" if suffixes else "checkpoints")
    files = sorted(path for path in folder.iterdir() if path.suffix != ".json")
    return [path for path in files if not suffixes or path.name.endswith(suffixes)]


def mutated(data: bytes, choice: random.Random) -> bytes:
    """The bytes with one to four accidents: a byte, a number, a piece cut, doubled or moved."""
    result = bytearray(data)
    for _ in range(choice.randint(1, 4)):
        if not result:
            break
        near = min(len(result), choice.choice([16, 256, 4096, 1 << 30]))
        at = choice.randrange(near)
        if choice.random() < 0.3:  # the end of a zip is its table of contents
            at = len(result) - 1 - at
        kind = choice.randrange(6)
        if kind == 0:
            result[at] ^= 1 << choice.randrange(8)
        elif kind == 1:
            result[at] = choice.randrange(256)
        elif kind == 2:
            form = choice.choice(["<B", "<H", "<I", "<Q"])
            number = choice.choice(NUMBERS) % (1 << 8 * struct.calcsize(form))
            result[at : at + struct.calcsize(form)] = struct.pack(form, number)
        elif kind == 3:
            del result[at : at + choice.choice([1, 8, 100, len(result)])]
        elif kind == 4:
            piece = result[at : at + choice.choice([1, 8, 64])]
            result[at:at] = piece * choice.choice([1, 2, 50])
        else:
            other = choice.randrange(len(result))
            result[at : at + 8] = result[other : other + 8]
    return bytes(result)


def damaged(data: bytes, choice: random.Random) -> bytes:
    """A file that an accident, or somebody, has changed: anywhere, or inside where its checksums
    and lengths still fit, so that what it says is read in earnest."""
    if choice.random() < 0.3:
        return mutated(data, choice)
    if data.startswith(b"PK"):
        return _inside_a_zip(data, choice)
    if data[8:9] == b"{":
        return _inside_a_header(data, choice)
    return mutated(data, choice)


def _inside_a_zip(data: bytes, choice: random.Random) -> bytes:
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as whole, zipfile.ZipFile(result, "w") as archive:
        names = whole.namelist()
        main = [name for name in names if name.endswith(("data.pkl", ".h5"))]
        chosen = choice.choice(main * 9 + names)
        for name in names:
            content = whole.read(name)
            archive.writestr(name, mutated(content, choice) if name == chosen else content)
    return result.getvalue()


def _inside_a_header(data: bytes, choice: random.Random) -> bytes:
    length = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + length].decode()
    for _ in range(choice.randint(1, 3)):
        found = list(re.finditer(r"\d+|[A-Z]\w+|\[[\d,]*\]|\w+_\w+", header))
        match = choice.choice(found)
        other = choice.choice([str(choice.choice(NUMBERS)), choice.choice(found).group(), "", "-1"])
        header = header[: match.start()] + other + header[match.end() :]
    changed = header.encode()
    return len(changed).to_bytes(8, "little") + changed + data[8 + length :]


def look(path: Path) -> str:
    """Open a file, list its networks, read the first: what came of it. Only UsageError may."""
    from rnnshape.errors import UsageError
    from rnnshape.models.files import open_file, read_weights
    from rnnshape.models.networks.find import contents
    from rnnshape.show.document import inspect_document

    try:
        held = contents(open_file(str(path)))
        inspect_document(held, held.modules)
        read_weights(str(path), held.modules[0].full_name if held.modules else None)
    except UsageError as error:
        str(error)
        return "refused"
    return "read"


def fuzz(
    count: int, folder: Path, seed: int = 0, paths: list[Path] | None = None
) -> dict[str, int]:
    """Look at `count` mutated files; raises what should not have been raised."""
    choice = random.Random(seed)
    files = [(path, path.read_bytes()) for path in paths or originals()]
    told = {"read": 0, "refused": 0}
    for number in range(count):
        path, data = choice.choice(files)
        target = folder / f"fuzzed{path.suffix}"
        target.write_bytes(damaged(data, choice))
        tracemalloc.start()
        begin = time.monotonic()
        try:
            told[look(target)] += 1
        except BaseException:
            print(f"file {number} of seed {seed}, made from {path.name}", file=sys.stderr)
            raise
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert time.monotonic() - begin < 30, f"file {number} of seed {seed} takes too long"
        assert peak < 100 << 20, f"file {number} of seed {seed} takes {peak:,} bytes"
    return told


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print(fuzz(int(sys.argv[1]), Path(folder), int((sys.argv[2:] or ["0"])[0])))
