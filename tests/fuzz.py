"""Every command with options, specs, files and texts of all kinds, good, broken and hostile.

    python tests/fuzz.py [--count 20000] [--seed 0] [--only NUMBER]

Each input is a command line, called inside a worker process. It must end with 0, 1 or 2 and no
traceback, take at most 2 s of processor time and 300 MB, show a terminal nothing that would move
it, leave no file where it ends with 2, and print JSON that its schema describes. What fails is
printed with its number, so that `--only` runs it again; at the end a table of the commands.
"""

import argparse
import gc
import io
import json
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.pop("COLUMNS", None)
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from commands import Command, Option, choices, commands, sample, write_files  # noqa: E402
from mutations import damaged, mutated, originals  # noqa: E402

MOST_SECONDS = 2.0  # of the processor: others may use the machine too
MOST_MEMORY = 300 << 20
MOST_SHOWN = 1 << 20  # bytes; then the pipe is closed, as `head` does
LARGEST_FILE = 2 << 20  # bytes; then the disk is full

SMALL = ("1", "2", "3", "5", "7", "10", "20")
HUGE = ("1000000000", str(2**31), str(2**40), "1000000000000", str(2**63 - 1), str(2**63),
        "1" + "0" * 30, "9" * 5000)  # fmt: skip
NAMES = ("N", "T", "H", "2*H", "H*H*N", "_", "a" * 32)
WORDS = ("", " ", "0", "-1", "+7", "2.5", "1e3", "nan", "-inf", "٣", "1_000", "0x10", "a" * 33,
         "H*", "*", "H**2", "-", "--", "---x", "=", ",", ",,,", "1,,2", "(7, 5, 10)", "[7,5,10]",
         "torch.Size([7, 5, 10])", "7×5", "None", "true", "é", "\u202egnp.x", "\udcff\udcfe",
         "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\r\nx", "\x9b2J", "a\tb", "../../../x", "~",
         "/", ".", "x" * 5000, "%s%n", "{0}", "$(id)", "日本語", "\x7f\x08", "[red]x[/red]",
         "[/]", "\\", "'", '"', "<script>", "&amp;", "]]>")  # fmt: skip
SERVING = {"lsp", "watch"}  # what they take is an editor's, a program's
SUFFIXES = (".npy", ".npz", ".safetensors", ".pt", ".pth", ".onnx", ".h5", ".keras", ".json",
            ".txt", ".py", ".NPZ", "", ".")  # fmt: skip
ENCODINGS = ("ascii", "cp1252", "latin-1")
COLOUR = re.compile("\x1b\\[[0-9;]*m")


@dataclass
class Case:
    """One input: the words of the command line, what stands ready, and how it is watched."""

    number: int
    command: str
    words: list[str] = field(default_factory=list)
    stdin: bytes = b""
    files: dict[str, bytes | None] = field(default_factory=dict)  # None for a folder
    encoding: str = "utf-8"
    terminal: bool = False


class Maker:
    """Makes the inputs of one seed; each is told by its number alone."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        recorded = json.loads((HERE.parent / "fixtures/torch/errors.json").read_text("utf-8"))
        self._messages = [
            f"{case['error']['type']}: {case['error']['message']}"
            for case in recorded["cases"] if case["error"]
        ]  # fmt: skip
        broken = sorted((HERE.parent / "fixtures/broken").iterdir())
        self._tracebacks = [p.read_text("utf-8") for p in broken if p.suffix == ".txt"]
        self._scripts = [p.read_text("utf-8") for p in broken if p.suffix == ".py"]
        self._files = [(p.suffix, p.read_bytes()) for p in originals()]
        self._slow = [(p.suffix, p.read_bytes()) for p in originals(".h5", ".keras")]
        self._onnx = [(p.suffix, p.read_bytes()) for p in originals(".onnx")]
        with tempfile.TemporaryDirectory() as folder:
            write_files(Path(folder))
            self._ready = {p.name: p.read_bytes() for p in Path(folder).iterdir()}

    def case(self, number: int) -> Case:
        """Input `number`."""
        self.pick = random.Random(f"{self._seed}:{number}")
        pick = self.pick
        names = sorted(set(commands()) - SERVING)
        command = commands()[names[number % len(names)]]
        case = Case(number, command.name)
        if pick.random() < 0.1:
            case.encoding = pick.choice(ENCODINGS)
        case.terminal = pick.random() < 0.1
        tame = pick.random() < 0.5  # then every value is one that could be meant
        groups = [
            self._words(case, command, option, tame)
            for option in pick.sample(command.options, min(len(command.options), pick.choice(
                (0, 1, 2, 2, 3, 3, 4, 5, 8))))
        ]  # fmt: skip
        groups += [[word] for word in ("--help", "--no-such", "-x") if pick.random() < 0.005]
        for argument in command.arguments:
            if argument.required or argument.name == "text" or pick.random() < 0.4:
                groups.append([self._value(case, command, argument, tame)])
        for option in command.options:
            given = any(group[0] in option.words for group in groups)
            if option.required and not given and pick.random() < 0.9:
                groups.append(self._words(case, command, option, tame))
        if command.name in ("trace", "params", "check") and pick.random() < 0.3:
            groups.append(["--json"])
        case.words = [command.name, *(word for group in groups for word in group)]
        if not case.stdin and pick.random() < 0.2:
            case.stdin = pick.choice((b"", b"\xff\xfe", os.urandom(0), self._spec(tame)))
        case.words = [word.replace("\0", "") for word in case.words]
        return case

    def _words(self, case: Case, command: Command, option: Option, tame: bool) -> list[str]:
        word = self.pick.choice(option.words)
        if option.flag:
            return [word]
        value = self._value(case, command, option, tame)
        if word.startswith("--") and self.pick.random() < 0.3:
            return [f"{word}={value}"]
        return [word, value]

    def _value(self, case: Case, command: Command, option: Option, tame: bool) -> str:
        pick = self.pick
        chance = pick.random()
        if not tame and chance < 0.25:
            word = pick.choice(WORDS)
            return "/dev" if word == "/" and option.name == "programs" else word  # all of the disk
        metavar = option.metavar
        if "-o" in option.words or "html" in metavar or option.name == "target":
            return self._target(case, option, tame)
        if option.name == "text":
            return self._message(case, tame)
        if option.name == "code" and command.name == "check":
            return self._script(case, tame)
        if option.name == "spec":
            return self._document(case, tame)
        of_file = ("FILE" in metavar or metavar.endswith((".npy", ".npy|random"))
                   or option.name in ("file", "model", "source"))  # fmt: skip
        if of_file:
            if "random" in metavar and chance < 0.3:
                return "random"
            return self._file(case, command, option, tame)
        if choices(option):
            return pick.choice(choices(option))
        if metavar == "SHAPE":
            sizes = SMALL if tame else SMALL + HUGE + NAMES
            return ",".join(pick.choice(sizes) for _ in range(pick.choice((1, 2, 3, 3, 3, 4))))
        if metavar == "5,3,2":
            sizes = ("1", "2", "3", "5", "5", "7")
            if not tame:
                sizes += (*HUGE, "0", "-1", "999")
            return ",".join(pick.choice(sizes) for _ in range(pick.choice((1, 2, 3, 7))))
        if option.name == "dropout" and tame:
            return pick.choice(("0", "0.5", "1"))
        if option.kind is int or re.fullmatch("[A-Z]", metavar):
            if tame:
                named = metavar in ("I", "H", "N", "T") and pick.random() < 0.3
                return pick.choice(NAMES[:4] if named else SMALL)
            return pick.choice(SMALL + HUGE + NAMES + ("0", "-1"))
        if chance < 0.8:
            return sample(command.name, option)
        return pick.choice(("torch", "onnx", "last", "decoder-h0", "sample", "both-directions",
                            "layer", "one-to-one", "one-to-many", "many-to-one", "many-to-many",
                            "encoder-decoder", "float16", "bfloat16", "float64", "int8", "rnn",
                            "trace", "params", "encoder.rnn"))  # fmt: skip

    def _target(self, case: Case, option: Option, tame: bool) -> str:
        pick = self.pick
        endings = (".npz", ".safetensors", ".npz", ".onnx", ".txt")
        if option.name != "target":
            endings += (".json", ".svg", ".html", ".mmd", ".dot", ".py", ".png")
        name = "out" + pick.choice(endings)
        if pick.random() < 0.4:
            case.files[name] = b"what stood there before"
        if not tame and pick.random() < 0.3:
            case.files["folder"] = None
            return pick.choice(("folder", "no/such/x", "", "-", "/dev/full", "/dev/null", "x" * 300,
                                "out\x1b[31m.txt", "\udcff.json", "/proc/x"))  # fmt: skip
        return name

    def _message(self, case: Case, tame: bool) -> str:
        pick = self.pick
        text = pick.choice(self._messages + self._tracebacks * 4)
        if not tame:
            text = self._mangled(text)
        if pick.random() < 0.6 or "\0" in text or len(text) > 100_000:
            case.stdin = text.encode("utf-8", "surrogateescape")
            if not tame and pick.random() < 0.2:
                case.stdin = mutated(case.stdin, pick)
            if pick.random() < 0.3:
                case.files["log"] = case.stdin
                return "log"
            return "-"
        return text

    def _mangled(self, text: str) -> str:
        """A text with other numbers and words in it, cut, doubled, or made very long."""
        pick = self.pick
        for _ in range(pick.randint(1, 4)):
            found = list(re.finditer(r"\d+|\w+|\W", text[:5000])) or [re.match("", text)]
            match = pick.choice(found)
            kind = pick.randrange(8)
            if kind < 4:
                other = pick.choice(HUGE + SMALL + WORDS + NAMES)
                if kind < 2:
                    other = pick.choice(found).group()
                text = text[: match.start()] + other + text[match.end() :]
            elif kind == 4:
                text = text[: match.start()]
            elif kind == 5:
                text = text + text
            elif kind == 6 and len(text) < 100_000:
                text = text[: match.start()] + match.group() * pick.choice((2, 100, 20_000)) + (
                    text[match.end() :])  # fmt: skip
            elif kind == 7 and len(text) < 100_000:
                text = text * pick.choice((2, 3, 1000 if len(text) < 1000 else 2))
        return text

    def _script(self, case: Case, tame: bool) -> str:
        pick = self.pick
        text = pick.choice([*self._scripts, "out, hn = rnn(x)", "rnn = nn.LSTM(10, 20, 2, True)"])
        if not tame:
            text = self._mangled(text)
        if pick.random() < 0.5 or "\0" in text or len(text) > 100_000:
            case.stdin = text.encode("utf-8", "surrogateescape")
            if pick.random() < 0.3:
                case.files["script.py"] = case.stdin
                return "script.py"
            return "-"
        return text

    def _spec(self, tame: bool) -> bytes:
        pick = self.pick
        spec = {"cell": pick.choice(("rnn", "lstm", "gru")), "input_size": 3, "hidden_size": 4}
        if pick.random() < 0.5:
            spec |= {"num_layers": 2, "bidirectional": True, "batch_first": True}
        document = pick.choice((spec, {"spec": spec}, {"modules": [{"spec": spec}]}))
        text = json.dumps(document)
        if tame:
            return text.encode()
        odd = (*HUGE[:7], "1e400", "-1", "0", "2.5", "true", "null", "[]", "{}", '"H"', '"2*H"',
               "NaN", "-Infinity", '"\\u001b[31m"', '"\\ud800"', "[" * 50_000, "{}" * 3,
               '{"a":' * 5000, "9" * 5000, '"' + "x" * 100_000 + '"')  # fmt: skip
        for _ in range(pick.randint(1, 3)):
            found = list(re.finditer(r'\d+|true|"[^"]*"|[{}\[\]:,]', text[:1000]))
            if found:
                match = pick.choice(found)
                text = text[: match.start()] + pick.choice(odd) + text[match.end() :]
        data = text.encode()
        return mutated(data, pick) if pick.random() < 0.2 else data

    def _document(self, case: Case, tame: bool) -> str:
        if not tame and self.pick.random() < 0.2:
            case.files["folder"] = None
            return self.pick.choice(("folder", "missing.json", "/dev/null", "/dev/zero"))
        data = self._spec(tame)
        if self.pick.random() < 0.5:
            case.stdin = data
            return "-"
        case.files["s.json"] = data
        return "s.json"

    def _file(self, case: Case, command: Command, option: Option, tame: bool) -> str:
        pick = self.pick
        chance = pick.random()
        if tame and chance < 0.6:
            name = sample(command.name, option)
            if name in self._ready:
                case.files[name] = self._ready[name]
                return name
        if not tame and chance < 0.2:
            case.files |= {"folder": None, "folder.npz": None, "empty" + pick.choice(SUFFIXES): b""}
            return pick.choice(
                [*case.files, "missing.npz", "/dev/null", "/dev/zero", "/proc/self/mem"]
            )
        pool = self._files + self._onnx * 2 + [(Path(n).suffix, d) for n, d in self._ready.items()]
        if pick.random() < 0.02:  # each takes a process of its own
            pool = self._slow
        suffix, data = pick.choice(pool)
        if not tame:
            data = damaged(data, pick) if suffix not in (".npy", ".json") else mutated(data, pick)
            if pick.random() < 0.1:
                suffix = pick.choice(SUFFIXES)
            if pick.random() < 0.02:
                data = pick.randbytes(pick.choice((1, 100, 10_000)))
        name = pick.choice(("f", "f", "f", "a b", "é", "\x1b[31mf", "\udcff")) + suffix
        case.files[name] = data
        return name


class Shown(io.RawIOBase):
    """What a command writes: a pipe that is closed after MOST_SHOWN bytes."""

    def __init__(self, terminal: bool) -> None:
        self.data = bytearray()
        self.closed_early = False
        self._terminal = terminal

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._terminal

    def write(self, data) -> int:
        if len(self.data) > MOST_SHOWN:
            self.closed_early = True
            raise BrokenPipeError
        self.data += data
        return len(data)


@dataclass
class Outcome:
    """How one input ended."""

    case: Case
    status: int | None
    seconds: float
    memory: int
    faults: list[str]


def _status(name: str) -> int:
    """A size in bytes from /proc/self/status; 0 where there is none."""
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return int(re.search(rf"{name}:\s+(\d+)", text).group(1)) << 10


def _limited(what: int, least: int) -> None:
    resource.setrlimit(what, (least, resource.getrlimit(what)[1]))


def call(case: Case, folder: Path) -> Outcome:
    """Run one input in `folder` (empty before and after) and judge it."""
    from rnnshape.cli import run_command
    from rnnshape.show.screen import fall_back

    for name, data in case.files.items():
        path = folder / name
        if data is None:
            path.mkdir(exist_ok=True)
        else:
            path.write_bytes(data)
    before = _contents(folder)
    os.chdir(folder)
    if case.number % 50 == 0:
        gc.collect()
    streams = sys.stdin, sys.stdout, sys.stderr
    out, err = Shown(case.terminal), Shown(case.terminal)
    sys.stdin = io.TextIOWrapper(io.BytesIO(case.stdin), encoding="utf-8")
    sys.stdout = io.TextIOWrapper(out, encoding=case.encoding, write_through=True)
    sys.stderr = io.TextIOWrapper(err, encoding=case.encoding, errors="backslashreplace",
                                  write_through=True)  # fmt: skip
    for stream in (sys.stdout, sys.stderr):
        fall_back(stream)
    faults: list[str] = []
    status = None
    started = _status("VmRSS")
    if started:
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        _limited(resource.RLIMIT_AS, _status("VmSize") + MOST_MEMORY + (200 << 20))
    _limited(resource.RLIMIT_FSIZE, LARGEST_FILE)
    signal.alarm(60)
    begun = time.process_time()
    try:
        status = run_command(case.words)
        sys.stdout.flush()
    except BrokenPipeError:
        status = 0
    except SystemExit as stop:
        status = int(stop.code or 0)
    except BaseException:
        _limited(resource.RLIMIT_AS, resource.RLIM_INFINITY)
        faults.append("traceback\n" + traceback.format_exc())
    finally:
        seconds = time.process_time() - begun
        signal.alarm(0)
        _limited(resource.RLIMIT_AS, resource.RLIM_INFINITY)
        _limited(resource.RLIMIT_FSIZE, resource.RLIM_INFINITY)
        ours, (sys.stdin, sys.stdout, sys.stderr) = (sys.stdout, sys.stderr), streams
        for stream in ours:
            stream.detach()
    memory = max(0, _status("VmHWM") - started)
    if status is not None:
        faults += _judged(case, status, out, err, folder, before)
    if seconds > MOST_SECONDS:
        faults.append(f"{seconds:.1f} s")
    if memory > MOST_MEMORY:
        faults.append(f"{memory >> 20} MB")
    os.chdir("/")
    shutil.rmtree(folder)
    folder.mkdir()
    return Outcome(case, status, seconds, memory, faults)


def _contents(folder: Path) -> dict[str, bytes | None]:
    paths = folder.rglob("*")
    return {str(p): p.read_bytes() if p.is_file() else None for p in paths}


def _judged(case, status, out, err, folder, before) -> list[str]:
    faults = []
    if status not in (0, 1, 2):
        faults.append(f"status {status}")
    after = _contents(folder)
    if status == 2 and after != before:
        faults.append(f"written: {sorted(set(after.items()) ^ set(before.items()))[0][0]}")
    if any("/.rnnshape-" in name for name in after):
        faults.append("a temporary file is left")
    if status == 2 and not err.data:
        faults.append("no message")
    if status == 2 and (len(err.data) > 4000 or b"memory: expected enough" in err.data):
        faults.append(f"message: {bytes(err.data[:200])!r}")
    binary = out.data[:4] in (b"\x89PNG", b"PK\x03\x04")
    for stream in (out, err) if not binary else (err,):
        try:
            text = stream.data.decode()  # a document is UTF-8 on every console
        except UnicodeDecodeError:
            text = stream.data.decode(case.encoding, "replace")
        if case.terminal:
            text = COLOUR.sub("", text)
        odd = re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
        if odd and not stream.closed_early:
            faults.append(f"control character: {text[max(0, odd.start() - 40) : odd.end() + 20]!r}")
        if b"Traceback" in stream.data and case.command != "explain" and "--code" not in case.words:
            faults.append("a traceback is shown")
    wants = [w for w in ("--json", "--ndjson") if w in case.words]
    if status == 0 and wants and not out.closed_early and "--help" not in case.words:
        documents = [p.read_bytes() for p in map(Path, set(after) - set(before)) if p.is_file()
                     and p.suffix not in (".npz", ".onnx", ".safetensors")]  # fmt: skip
        documents += [after[n] for n in before if after.get(n) != before[n]]
        told = [bytes(out.data)] if out.data.strip() else documents
        for data in told:
            faults += _described(data, "--ndjson" in wants)
    return faults


_VALIDATORS: dict = {}


def _validator(name: str):
    import jsonschema

    if name not in _VALIDATORS:
        from rnnshape.show.schema import schema

        _VALIDATORS[name] = jsonschema.Draft202012Validator(schema(name))
    return _VALIDATORS[name]


def _described(data: bytes, by_line: bool) -> list[str]:
    if len(data) > 200_000:  # the schema's reader would take longer than all else
        return []
    if not data.strip() or not data.lstrip().startswith(b"{"):
        return [f"no JSON: {data[:60]!r}"]
    try:
        parts = data.decode().splitlines() if by_line else [data.decode()]
        documents = [json.loads(part, parse_constant=_refused) for part in parts]
    except ValueError as error:
        return [f"no JSON: {error}"]
    name = documents[0].get("schema", "").split("/")[1:2]
    if by_line and name == ["form"]:
        return []  # its lines have no schema of their own
    schema = _validator("trace-line" if by_line else name[0]) if name else None
    if schema is None:
        return ["a document without a schema"]
    for document in documents:
        for error in schema.iter_errors(document):
            return [f"schema {name[0]}: {error.json_path}: {error.message[:200]}"]
    return []


def _refused(word: str):
    raise ValueError(f"{word} is no JSON")


def _work(seed: int, numbers, queue, place) -> None:
    maker = Maker(seed)
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = home
        folder = Path(home) / "case"
        folder.mkdir()
        for command in sorted(
            set(commands()) - SERVING
        ):  # what a first call loads is no input's own
            call(Case(-1, command, [command, "--json"]), folder)
        warm = Case(-1, "run", ["run", "--weights", "w.npz", "--json"], files=maker._ready)
        call(warm, folder)
        gc.freeze()
        for number in numbers:
            place.value = number
            queue.put(call(maker.case(number), folder))
        os.chdir("/")
    queue.put(None)


def fuzz(numbers: list[int], seed: int, workers: int):
    """The outcomes of the inputs with these numbers, as they come."""
    context = get_context("fork")
    queue = context.Queue()
    running = []
    for start in range(workers):
        place = context.Value("q", -1)
        given = (seed, numbers[start::workers], queue, place)
        worker = context.Process(target=_work, args=given, daemon=True)
        worker.start()
        running.append((worker, place))
    left = workers
    while left:
        try:
            outcome = queue.get(timeout=5)
        except Exception:
            for worker, place in running:
                if not worker.is_alive() and worker.exitcode:
                    raise SystemExit(
                        f"input {place.value} of seed {seed} ended its process "
                        f"({worker.exitcode}): python tests/fuzz.py --only {place.value}"
                    ) from None
            continue
        if outcome is None:
            left -= 1
        else:
            yield outcome


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, action="append")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args()
    rows: dict[str, list[Outcome]] = {}
    faults: Counter = Counter()
    for outcome in fuzz(chosen.only or list(range(chosen.count)), chosen.seed, chosen.workers):
        case = outcome.case
        rows.setdefault(case.command, []).append(outcome)
        if outcome.faults or chosen.only:
            faults[case.command] += bool(outcome.faults)
            words = [word if len(word) < 200 else word[:80] + "…" for word in case.words]
            print(f"input {case.number}, status {outcome.status}: {words!r}".encode(
                "utf-8", "backslashreplace").decode())  # fmt: skip
            for fault in outcome.faults:
                print("  " + fault.strip()[-1500:].replace("\n", "\n  ").encode(
                    "utf-8", "backslashreplace").decode())  # fmt: skip
    print(f"{'command':10} {'inputs':>7} {'exit 0':>7} {'exit 1':>7} {'exit 2':>7} "
          f"{'slowest':>9} {'memory':>8} {'faults':>7}")  # fmt: skip
    for name, outcomes in sorted(rows.items()):
        ends = Counter(outcome.status for outcome in outcomes)
        print(f"{name:10} {len(outcomes):7} {ends[0]:7} {ends[1]:7} {ends[2]:7} "
              f"{max(o.seconds for o in outcomes):7.2f} s "
              f"{max(o.memory for o in outcomes) >> 20:5} MB {faults[name]:7}")  # fmt: skip
    print(f"{sum(map(len, rows.values())):,} inputs, {sum(faults.values())} faults")
    return 1 if sum(faults.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
