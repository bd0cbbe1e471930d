"""A program that really runs is watched: what is told of it is what torch did."""

import pytest
from conftest import installed

from rnnshape.programs.findings import findings

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not installed("torch"), reason="torch is not installed"),
]

PROGRAM = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(10, 4)
        self.lstm = nn.LSTM(4, 5, 2, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(10, 3)

    def forward(self, x):
        e = self.embedding(x)
        out, (h, c) = self.lstm(e)
        for i in range(out.size(1)):
            y = torch.tanh(out[:, i] + 1)
        return self.fc(out[:, -1])


net = Net()
optimizer = torch.optim.Adam(net.parameters())
for n in (4, 4, 2):
    scores = net(torch.randint(0, 10, (n, 7)))
    loss = nn.functional.cross_entropy(scores, torch.zeros(n, dtype=torch.long))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


@pytest.fixture
def watched(tmp_path):
    """The lines of a program by their numbers, and all that was seen."""
    import runpy

    from rnnshape.programs.watch import Watch

    def run(text):
        path = tmp_path / "train.py"
        path.write_text(text)
        seen = []
        with Watch(str(path), end=seen.append):
            runpy.run_path(str(path), run_name="__main__")
        return {line.line: line for line in seen[0].lines}, seen[0]

    return run


def passed(line):
    return [t.shape for t in line.calls[-1].inputs], [t.shape for t in line.calls[-1].outputs]


def test_lines_have_the_shapes_that_passed_first_and_how_often_they_ran(watched):
    lines, _ = watched(PROGRAM)
    assert passed(lines[13]) == ([(4, 7)], [(4, 7, 4)])
    assert passed(lines[14]) == ([(4, 7, 4)], [(4, 7, 10), (4, 4, 5), (4, 4, 5)])
    assert lines[14].count == 3 and lines[16].count == 21


def test_what_an_optimiser_and_a_constructor_do_is_not_told(watched):
    lines, _ = watched(PROGRAM)
    assert not {8, 9, 10, 25, 27} & lines.keys()


def test_silent_mistakes_are_found_by_what_the_axes_are(watched):
    _, seen = watched(PROGRAM)
    assert [(f.id, f.place.line) for f in findings(seen)] == [("last-step", 17)]


def test_layers_are_told_with_their_spec(watched):
    _, seen = watched(PROGRAM)
    (layer,) = seen.layers
    assert str(layer.spec) == "LSTM(4, 5, num_layers=2, batch_first=True, bidirectional=True)"
    assert seen.verdict == "fits"


def test_the_program_computes_what_it_computes_without(tmp_path, rnnshape):
    script = "import torch\ntorch.manual_seed(3)\n" + PROGRAM + "print(loss.item())\n"
    path = tmp_path / "train.py"
    path.write_text(script)
    import subprocess
    import sys

    alone = subprocess.run([sys.executable, path], capture_output=True, text=True, check=True)
    watched = subprocess.run(
        [sys.executable, "-m", "rnnshape", "watch", path],
        capture_output=True,
        text=True,
        check=True,
    )
    assert watched.stdout == alone.stdout
    assert "self.lstm" in watched.stderr


@pytest.mark.parametrize(
    ("ending", "status"),
    [("raise SystemExit(3)", 3), ("raise ValueError('no')", 1), ("import sys; sys.exit()", 0)],
)
def test_exit_status_and_exception_go_on_as_they_were(tmp_path, ending, status):
    import subprocess
    import sys

    path = tmp_path / "train.py"
    path.write_text(f"import torch\nx = torch.zeros(2, 3).tanh()\n{ending}\n")
    ended = subprocess.run(
        [sys.executable, "-m", "rnnshape", "watch", path, "--epochs", "1"],
        capture_output=True,
        text=True,
    )
    assert ended.returncode == status
    assert ("ValueError: no" in ended.stderr) == (status == 1)
    assert "rnnshape" not in ended.stderr.replace(str(path), "")


def test_a_file_that_is_missing_is_no_mistake_of_shapes(tmp_path):
    path = tmp_path / "train.py"
    path.write_text("import torch\nx = torch.nn.GRU(2, 3)(torch.zeros(1, 1, 2))\nopen('none')\n")
    import subprocess
    import sys

    words = [sys.executable, "-m", "rnnshape", "watch", path]
    ended = subprocess.run(words, capture_output=True, text=True)
    assert ended.returncode == 1 and "FileNotFoundError" in ended.stderr
    assert "fits: 1 recurrent layer, 1 call" in ended.stderr and "problem" not in ended.stderr


def test_a_packed_batch_keeps_what_its_axes_are(watched):
    lines, seen = watched(
        "import torch\n"
        "from torch import nn\n"
        "from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence\n"
        "rnn = nn.GRU(6, 16, batch_first=True)\n"
        "p = pack_padded_sequence(torch.zeros(3, 5, 6), torch.tensor([5, 3, 2]), batch_first=True)\n"
        "packed, h = rnn(p)\n"
        "out, n = pad_packed_sequence(packed, batch_first=True)\n"
        "last = nn.Linear(16, 2)(h[-1])\n"
    )
    assert passed(lines[8]) == ([(3, 16)], [(3, 2)])
    assert seen.verdict == "fits"


def test_an_old_torch_is_told(monkeypatch):
    import torch

    from rnnshape.errors import UsageError
    from rnnshape.programs.watch import Watch

    monkeypatch.delattr(torch, "compiler")
    with pytest.raises(UsageError, match=r"expected torch 2.1 or newer, got torch 2"):
        Watch()


BUILT = PROGRAM.split("net = Net()")[0]


def test_the_replicas_of_data_parallel_are_seen_inside(watched):
    lines, seen = watched(
        f"{BUILT}net = nn.DataParallel(Net())\ny = net(torch.zeros(2, 7).long())\n"
    )
    assert passed(lines[13]) == ([(2, 7)], [(2, 7, 4)]) and len(seen.layers) == 1


@pytest.mark.filterwarnings("ignore")
def test_of_what_torch_compiles_the_outside_is_seen_and_that_is_said(watched):
    text = (
        f"{BUILT}net = torch.compile(Net(), backend='eager')\ny = net(torch.zeros(2, 7).long())\n"
    )
    lines, seen = watched(text)
    assert passed(lines[21]) == ([(2, 7)], [(2, 3)])
    assert [(t.line, "torch.compile" in t.what) for t in seen.unknown] == [(21, True)]


def test_what_a_hook_changes_is_what_goes_on(watched):
    lines, _ = watched(
        f"{BUILT}net = Net()\nnet.lstm.register_forward_hook(lambda m, i, o: (o[0][:, :3], o[1]))\n"
        "net.fc.register_full_backward_hook(lambda m, i, o: None)\n"
        "net(torch.zeros(2, 7).long()).sum().backward()\n"
    )
    assert lines[16].count == 3 and passed(lines[17]) == ([(2, 10)], [(2, 3)])


def test_a_layer_in_a_container_is_seen_on_the_line_of_its_call(watched):
    lines, one = watched(
        "import torch\nfrom torch import nn\n"
        "net = nn.Sequential(nn.Embedding(10, 8), nn.GRU(8, 6, batch_first=True))\n"
        "attention = nn.Sequential(nn.TransformerEncoderLayer(8, 2))\n"
        "for n in (2, 2):\n"
        "    y, h = net(torch.zeros(n, 3).long())\n"
        "z = attention(torch.zeros(3, 2, 8))\n"
    )
    assert one.verdict == "fits"
    assert [(str(layer.spec), layer.place.line) for layer in one.layers] == [
        ("GRU(8, 6, batch_first=True)", 6)
    ]
    assert (lines[6].count, [e.name for e in lines[6].calls]) == (
        2, ["zeros", "long", "Embedding", "GRU", "Sequential"],
    )  # fmt: skip
    assert [e.name for e in lines[7].calls] == ["zeros", "TransformerEncoderLayer", "Sequential"]
