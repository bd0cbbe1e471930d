"""`python tests/benchmark.py`: every speed that the project promises, as ratios in one run.

Each figure is measured beside its rival, in turn, on the same machine; what it prints is the
median of the ratios. Rivals that are not installed are said and left out.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from rnnshape.network.spec import Spec

SIZES = [  # N, T, I, H, L
    (7, 5, 10, 20, 3), (1, 50, 32, 64, 2), (32, 100, 128, 256, 2), (1, 1000, 128, 256, 1),
    (64, 100, 512, 1024, 2),
]  # fmt: skip
LSTM = Spec(cell="lstm", input_size=64, hidden_size=128, num_layers=2)
LIMITS = {  # with and without the backward
    "forward": {"rnn": 1.0, "lstm": 2.0, "gru": 2.0},
    "forward and backward": {"rnn": 1.2, "lstm": 2.0, "gru": 2.0},
}

ARTICLE = """
import torch
from torch import nn
model = nn.RNN(10, 20, 3, bidirectional=True, batch_first=False)
input = torch.randn(5, 7, 10)
h0 = torch.randn(6, 7, 20)
output, hn = model(input, h0)
for name, tensor in (("input", input), ("h0", h0), ("output", output), ("hn", hn)):
    print(name, list(tensor.shape))
for k, v in model._parameters.items():
    print(k, list(v.shape))
"""
# what else tells shapes: each makes the same network and runs it on tensors without numbers
RIVALS = {
    "torchinfo": """
import torch, torchinfo
model = torch.nn.RNN(10, 20, 3, bidirectional=True)
print(torchinfo.summary(model, input_size=(5, 7, 10)))
""",
    "torch's meta device": """
import torch
model = torch.nn.RNN(10, 20, 3, bidirectional=True, device="meta")
output, hn = model(torch.empty(5, 7, 10, device="meta"))
print(list(output.shape), list(hn.shape))
""",
    "torch's FakeTensor": """
import torch
from torch._subclasses import FakeTensorMode
with FakeTensorMode():
    model = torch.nn.RNN(10, 20, 3, bidirectional=True)
    output, hn = model(torch.empty(5, 7, 10))
print(list(output.shape), list(hn.shape))
""",
}
WRITING = """
import sys
write, line = sys.stdout.write, sys.argv[2] + "\\n"
for _ in range(int(sys.argv[1])):
    write(line)
"""
EMPTY = """
import typer
app = typer.Typer()
@app.command()
def main():
    from rich.console import Console
    from rich.table import Table
    table = Table("name", "shape")
    table.add_row("weight_ih_l0", "20x10")
    Console().print(table)
app()
"""
_PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@dataclass(frozen=True)
class Figure:
    """One measured figure; `limit` is what the project promises, `better` in which direction."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    better: str = "less"

    @property
    def kept(self) -> bool:
        """Whether the promise is kept."""
        if self.limit is None:
            return True
        return self.value <= self.limit if self.better == "less" else self.value >= self.limit


def seconds(call: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def ratio(ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> float:
    """The median over rounds of our time by theirs, the two measured in turn."""
    ours(), theirs()
    return statistics.median(seconds(ours) / seconds(theirs) for _ in range(rounds))


def process(*arguments: str) -> Callable[[], object]:
    """A whole Python process, its output thrown away."""
    command = [sys.executable, *arguments]
    return lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def available(module: str) -> bool:
    """Whether a rival is installed."""
    from importlib.util import find_spec

    return find_spec(module) is not None


def startup(rounds: int) -> list[Figure]:
    """A symbolic command as a whole process."""
    trace = process("-m", "rnnshape", "trace", "--layers", "3", "--bidirectional")
    figures = [
        Figure("trace: by an empty typer program with a rich table",
               ratio(trace, process("-c", EMPTY), rounds), "ratio", 1.3),
    ]  # fmt: skip
    drawing = process("-m", "rnnshape", "draw", "--layers", "3")
    listing = process("-m", "rnnshape", "params", "--layers", "3")
    figures.append(Figure("draw: by params", ratio(drawing, listing, rounds), "ratio", 1.3))
    if available("torch"):
        article = ratio(trace, process("-c", ARTICLE), max(3, rounds // 3))
        figures.append(Figure("trace: by the article's script with torch", article, "ratio", 0.15))
        for name, script in RIVALS.items():
            if name != "torchinfo" or available(name):
                value = ratio(trace, process("-c", script), max(3, rounds // 3))
                figures.append(Figure(f"trace: by {name}", value, "ratio"))
    return figures


def sparse(path: str, size: int) -> None:
    """A safetensors file of `size` bytes: an LSTM, and one large tensor in a hole of the disk."""
    shapes: dict[str, list[Any]] = {
        f"encoder.rnn.{name}": list(shape) for name, shape in LSTM.parameters().items()
    }
    shapes["embedding.weight"] = [size // 1024, 256]
    header, end = {}, 0
    for name, shape in shapes.items():
        begin, end = end, end + 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}
    head = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(len(head).to_bytes(8, "little") + head)
        file.truncate(8 + len(head) + end)


def inspecting(rounds: int) -> list[Figure]:
    """Inspecting a large file, as a whole process, by a small one and by `rnnshape params`."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {size: os.path.join(folder, f"{size}.safetensors") for size in (1, 500)}
        for size, path in paths.items():
            sparse(path, size << 20)
        small, large = (process("-m", "rnnshape", "inspect", path) for path in paths.values())
        params = process("-m", "rnnshape", "params")
        return [
            Figure("inspect 500 MB of safetensors: by 1 MB",
                   ratio(large, small, rounds), "ratio", 1.1),
            Figure("inspect 500 MB of safetensors: by rnnshape params",
                   ratio(large, params, rounds), "ratio", 1.5),
        ]  # fmt: skip


CLASSIFIER = """

class Classifier{number}(nn.Module):
    def __init__(self, vocab=1000, emb=64, hidden=80):
        super().__init__()
        self.embedding = nn.Embedding(vocab, emb)
        self.lstm = nn.LSTM(emb, hidden, 2, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * hidden, 5)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        e = self.drop(self.embedding(x))
        out, (h, c) = self.lstm(e)
        both = torch.cat([h[-2], h[-1]], dim=1)
        return self.fc(self.drop(both))


model = Classifier{number}()
optimizer = torch.optim.Adam(model.parameters())
scores = model(torch.randint(0, 1000, (4, 9)))
loss = nn.functional.cross_entropy(scores, torch.randint(0, 5, (4,)))
optimizer.zero_grad()
loss.backward()
optimizer.step()
"""


def program(lines: int) -> str:
    """A program of about so many lines: classifiers, each built, called and trained a step."""
    count = max(1, round(lines / CLASSIFIER.count("\n")))
    return "import torch\nfrom torch import nn\n" + "".join(
        CLASSIFIER.format(number=number) for number in range(count)
    )


def following(rounds: int) -> list[Figure]:
    """A program that is followed, and a cell's file that is read, as whole processes."""
    trace, figures = process("-m", "rnnshape", "trace"), []
    with tempfile.TemporaryDirectory() as folder:
        for lines, limit in ((50, None), (500, None), (3000, None)):
            path = os.path.join(folder, f"program{lines}.py")
            with open(path, "w", encoding="utf-8") as file:
                file.write(program(lines))
            checking = process("-m", "rnnshape", "check", path)
            figures.append(Figure(f"check of a program of {lines:,} lines: by trace",
                                  ratio(checking, trace, rounds), "ratio", limit))  # fmt: skip
    written = process("-m", "rnnshape", "trace", "--cell", "mgu")
    gru = process("-m", "rnnshape", "trace", "--cell", "gru")
    figures.append(Figure("trace of a cell's file (mgu): by the built-in gru",
                          ratio(written, gru, rounds), "ratio", 1.3))  # fmt: skip
    return figures


def hinting(rounds: int) -> list[Figure]:
    """What an editor waits for after each key: diagnostics and hints of a file of 500 lines."""
    from rnnshape.show.editor import document_of

    text = program(500)
    taken = []
    for number in range(rounds):
        edited = text.replace("emb=64", f"emb={64 + number}", 1)
        taken.append(1000 * seconds(lambda edited=edited: document_of(edited, "model.py")))
    return [Figure("an editor's hints in 500 lines, ms", statistics.median(taken), "ms", 100)]


def ndjson() -> list[Figure]:
    """A symbolic walk as NDJSON: steps a second, and how memory grows with T."""

    def command(steps: int) -> list[str]:
        return ["-m", "rnnshape", "trace", "--ndjson", "--seq-len", str(steps)]

    def peak(steps: int) -> int:
        measured = [sys.executable, "-c", _PEAK, sys.executable, *command(steps)]
        return int(subprocess.run(measured, capture_output=True, check=True).stdout)

    process(*command(10))()
    start = min(seconds(process(*command(10))) for _ in range(3))
    rate = max(500_000 / (seconds(process(*command(500_000))) - start) for _ in range(3))
    told = subprocess.run([sys.executable, *command(2)], capture_output=True, check=True, text=True)
    line = told.stdout.splitlines()[2]
    writing = ratio(process(*command(500_000)), process("-c", WRITING, "500000", line), 3)
    return [
        Figure("trace --ndjson: steps", rate, "1/s", 100_000, "more"),
        Figure("trace --ndjson: by writing as many bytes line by line", writing, "ratio"),
        Figure("trace --ndjson: memory at T = 1,000,000 by T = 10,000",
               peak(1_000_000) / peak(10_000), "ratio", 1.05),
    ]  # fmt: skip


def recurrence(budget: float) -> list[Figure]:
    """The forward pass, and forward and backward, in NumPy by torch.nn's; float32."""
    import numpy as np
    import torch

    from rnnshape import Spec, run
    from rnnshape.network.batch import batch_of
    from rnnshape.numeric.fast.backward import Saved
    from rnnshape.numeric.feed import feed

    def block(call: Callable[[], object]) -> float:
        """Seconds a call, the median over a share of the budget, after one call to warm up."""
        call()
        taken: list[float] = []
        while sum(taken) < budget / 6 or len(taken) < 3:
            taken.append(seconds(call))
        return statistics.median(taken)

    def calls(cell: str, size: tuple[int, ...]) -> dict[str, tuple[Callable[[], object], ...]]:
        """Ours and torch's, by what is measured."""
        n, t, i, h, layers = size
        torch.manual_seed(0)
        module = getattr(torch.nn, cell.upper())(i, h, layers)
        spec = Spec.from_module(module)
        weights = {k: p.detach().numpy() for k, p in module.named_parameters()}
        x, above = torch.randn(t, n, i), torch.randn(t, n, h)
        array, gradient = np.ascontiguousarray(x.numpy()), above.numpy()
        wanted = x.clone().requires_grad_()

        def their_forward() -> object:
            with torch.no_grad():
                return module(x)

        def their_backward() -> None:
            module.zero_grad(set_to_none=True)
            wanted.grad = None
            module(wanted)[0].backward(above)

        def backward() -> object:
            return Saved(feed(spec, weights, array)).backward(gradient)

        return {
            "forward": (lambda: run(spec, weights, array), their_forward),
            "forward and backward": (backward, their_backward),
        }

    def written(size: tuple[int, ...]) -> tuple[Callable[[], object], Callable[[], object]]:
        """The forward of a written cell: ours, and that of the torch code printed for it."""
        from rnnshape.engine.written import shipped_cell
        from rnnshape.models.code.write import written_code

        n, t, i, h, layers = size
        cell = shipped_cell("mgu")
        spec = Spec(cell=cell, input_size=i, hidden_size=h, num_layers=layers)
        names: dict[str, Any] = {"__name__": "mgu"}
        exec(written_code(spec, batch_of(spec), "torch", None), names)
        module = names["Mgu"](i, h, layers)
        weights = {k: p.detach().numpy() for k, p in module.named_parameters()}
        x = torch.randn(t, n, i)
        array = np.ascontiguousarray(x.numpy())

        def theirs() -> object:
            with torch.no_grad():
                return module(x)

        return lambda: run(spec, weights, array), theirs

    figures = []
    for size in SIZES[:3]:
        ours, theirs = written(size)
        value = statistics.median(block(ours) / block(theirs) for _ in range(3))
        figures.append(Figure(f"forward mgu.cell {size}: by its own torch code", value, "ratio", 1))
    for cell in LIMITS["forward"]:
        for size in SIZES:
            for name, (ours, theirs) in calls(cell, size).items():
                value = statistics.median(block(ours) / block(theirs) for _ in range(3))
                limit = LIMITS[name][cell]
                figures.append(Figure(f"{name} {cell} {size}: by torch", value, "ratio", limit))
    return figures


def kernels() -> str | None:
    """The processor that OpenBLAS is told to take this machine for, where it is told."""
    return os.environ.get("OPENBLAS_CORETYPE")


def measure(quick: bool) -> list[Figure]:
    """Every figure; `quick` takes fewer rounds."""
    rounds = 5 if quick else 21
    figures = startup(rounds) + following(rounds) + inspecting(rounds) + ndjson()
    if available("pygls"):
        figures += hinting(rounds)
    if os.name == "posix" and available("textual"):
        from benchmark_explore import exploring

        figures += exploring(rounds)
    if available("torch"):
        figures += recurrence(0.3 if quick else 3.0)
    else:
        print("torch is not installed: what is measured against it is left out", file=sys.stderr)
    return figures


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(prog="python tests/benchmark.py", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--markdown", action="store_true", help="print the table of the docs")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    options = parser.parse_args()
    figures = measure(options.quick)
    if options.json:
        rows = [{**asdict(figure), "kept": figure.kept} for figure in figures]
        document = {"schema": "rnnshape/benchmark/1", "kernels": kernels(), "figures": rows}
        print(json.dumps(document))
        return
    if kernels():
        print(f"OPENBLAS_CORETYPE={kernels()} chooses the kernels of NumPy's matrix products")
    head, line = ("", "{:<64} {:>9}  {:<10} {}") if not options.markdown else (
        "| what | measured | limit |\n|---|---|---|\n", "| {} | {} | {} |")  # fmt: skip
    print(head, end="")
    for figure in figures:
        sign = "≤" if figure.better == "less" else "≥"
        limit = "" if figure.limit is None else f"{sign} {told(figure, figure.limit)}"
        value = told(figure, figure.value)
        if options.markdown and not figure.kept:
            value = f"**{value}**"
        print(line.format(figure.name, value, limit, "" if figure.kept else "missed").rstrip())


def told(figure: Figure, value: float) -> str:
    """A number with as many digits as it is worth."""
    return f"{value:,.2f}" if figure.unit == "ratio" else f"{value:,.0f}"


if __name__ == "__main__":
    main()
