"""Mistakes that torch accepts are found by what the axes are; correct programs get none."""

import pytest
from test_follow import followed

from rnnshape.programs.findings import findings

HEAD = """
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
N, T, I, H = 4, 9, 6, 16
x = torch.randn(N, T, I)
"""
BI = "rnn = nn.LSTM(I, H, num_layers=2, batch_first=True, bidirectional=True)\nout, (h, c) = rnn(x)\n"
GRU = "rnn = nn.GRU(I, H, num_layers=2, batch_first=True)\nout, h = rnn(x)\n"


def ids(text):
    one = followed(HEAD + text)
    assert one.problem is None, one.problem.refusal.message
    return [f.id for f in findings(one)]


@pytest.mark.parametrize(
    ("text", "id"),
    [
        (BI + "y = h.view(N, -1)", "axes-mixed"),
        (BI + "y = h.view(N, 64)", "axes-mixed"),
        (BI + "y = h.reshape(-1, 64)", "axes-mixed"),
        (BI + "y = h.contiguous().view(N, -1)", "axes-mixed"),
        (BI + "y = torch.reshape(h, (N, -1))", "axes-mixed"),
        (BI + "y = h.view(N, 4 * H)", "axes-mixed"),
        (BI + "y = out.reshape(T, N, 2, H)", "axes-mixed"),
        (BI + "y = out.contiguous().view(T, N, 2 * H)", "axes-mixed"),
        ("rnn = nn.GRU(I, H)\nout, h = rnn(x.view(T, N, I))", "axes-mixed"),
        ("rnn = nn.GRU(I, H)\nout, h = rnn(x.reshape(T, -1, I))", "axes-mixed"),
        ("rnn = nn.GRU(1, H)\nout, h = rnn(torch.randn(N, T).view(T, -1, 1))", "axes-mixed"),
        (
            "rnn = nn.GRU(8, H)\nf = nn.Conv2d(1, 8, (3, 3), padding=1)(torch.randn(N, 1, 1, T))\n"
            "out, h = rnn(f.view(T, N, 8))",
            "axes-mixed",
        ),
        (
            "rnn = nn.LSTM(I, H, 3, batch_first=True, bidirectional=True)\nout, (h, c) = rnn(x)\n"
            "y = h.view(2, 3, N, H)",
            "axes-mixed",
        ),
        (
            GRU + "s = nn.Linear(H, 5)(out)\ny = F.cross_entropy(s.view(N, 5, T), torch.zeros(N, T).long())",
            "loss-classes",
        ),
        (GRU + "y = F.softmax(nn.Linear(H, 1)(out), dim=0)", "last-axis"),
        (
            "rnn = nn.GRU(I, H)\nh = torch.zeros(1, T, H)\nfor _ in range(3):\n    out, h = rnn(x, h)\n"
            "    out.sum().backward(retain_graph=True)",
            "graph-kept",
        ),
        (
            "rnn = nn.GRU(I, H, batch_first=True)\ndef code(x, n):\n    n, order = n.sort(descending=True)\n"
            "    p = pack_padded_sequence(x[order], n, batch_first=True)\n    return rnn(p)[1][-1]\n"
            "y = code(x, torch.tensor([3, 9, 5, 7])) * code(x, torch.tensor([9, 2, 3, 8]))",
            "packed-order",
        ),
        (BI + "y = nn.Linear(32, 2)(out[:, -1])", "last-step"),
        (BI + "y = nn.Linear(32, 2)(out[:, -1, :])", "last-step"),
        (BI + "y = nn.Linear(32, 2)(out[:, T - 1])", "last-step"),
        ("rnn = nn.GRU(I, H, bidirectional=True)\nout, h = rnn(x.transpose(0, 1))\ny = out[-1]", "last-step"),
        (GRU + "y = nn.Linear(H, 2)(h[:, -1])", "state-rows"),
        ("rnn = nn.GRU(I, H, num_layers=3, batch_first=True)\n_, h = rnn(x)\ny = nn.Linear(H, 2)(h[0])", "state-rows"),
        ("rnn = nn.GRU(I, H, batch_first=True, bidirectional=True)\n_, h = rnn(x)\ny = nn.Linear(H, 2)(h[-1])", "state-rows"),
        (
            "enc = nn.GRU(I, H, num_layers=2, bidirectional=True, batch_first=True)\n"
            "dec = nn.GRU(I, H, num_layers=2, batch_first=True)\no, h = enc(x)\ny, _ = dec(x, h[:2])",
            "state-rows",
        ),
        ("rnn = nn.GRU(I, H)\nx = torch.randn(N, I, T).view(T, N, I)\ny = rnn(x)[0]", "axes-mixed"),
        ("rnn = nn.GRU(6, H, batch_first=True)\nc = nn.Conv1d(I, 6, 3, padding=1)(x.transpose(1, 2))\n"
         "y = rnn(c.view(N, T, 6))[0]", "axes-mixed"),
        (GRU + "y = torch.softmax(nn.Linear(H, 3)(out[:, -1]), dim=0)", "last-axis"),
        (GRU + "y = nn.Softmax(dim=0)(nn.Linear(H, 3)(out[:, -1]))", "last-axis"),
        (GRU + "y = F.softmax(nn.Linear(H, 3)(out), dim=0)", "last-axis"),
        ("rnn = nn.GRU(I, H)\nout, h = rnn(x)\ny = nn.Linear(H, 3)(out[:, -1])", "batch-first-confusion"),
        ("a = nn.GRU(I, H, batch_first=True)\nb = nn.GRU(H, H)\ny, _ = a(x)\nz, _ = b(y)", "batch-first-confusion"),
        ("rnn = nn.LSTM(I, H, batch_first=True, dropout=0.3)", "dropout-one-layer"),
        (
            "rnn = nn.GRU(I, H, batch_first=True)\np = pack_padded_sequence(x, [9, 4, 4, 2], batch_first=True)\n"
            "o, h = rnn(p)\nout, n = pad_packed_sequence(o, batch_first=True)\ny = out[:, -1]",
            "padded-step",
        ),
    ],
)  # fmt: skip
def test_a_silent_mistake_is_named(text, id):
    assert ids(text) == [id]


@pytest.mark.parametrize(
    "text",
    [
        BI + "y = torch.cat([h[-2], h[-1]], 1)",
        BI + "y = h.transpose(0, 1).reshape(N, -1)",
        BI + "y = h.permute(1, 0, 2).contiguous().view(N, -1)",
        BI + "y = h.view(2, 2, N, H)[-1]\nz = torch.cat([y[0], y[1]], 1)",
        BI + "y = out.view(N, T, 2, H)\nz = y[:, :, 0] + y[:, :, 1]",
        BI + "y = out[:, -1, :H]\nz = out[:, 0, H:]",
        BI + "y = out[:, -1][:, :H]",
        BI + "y = torch.cat((out[:, -1, :H], out[:, 0, H:]), 1)",
        BI + "y = out.view(N, T, 2, H)\nz = torch.cat((y[:, -1, 0], y[:, 0, 1]), 1)",
        BI + "y = out.reshape(-1, 2 * H)\nz = nn.Linear(2 * H, 3)(y).view(N, T, 3)",
        BI + "y = out.mean(1)\nz = out.max(dim=1)[0]",
        BI + "y = nn.Linear(2 * H, 1)(out)\nw = torch.softmax(y, dim=1)\nz = (w * out).sum(1)",
        BI + "f, b = h.view(2, 2, N, H)[-1].unbind(0)",
        BI + "y = h.sum(0)",
        GRU + "y = nn.Linear(H, 2)(out[:, -1])",
        GRU + "y = nn.Linear(H, 2)(h[-1])",
        GRU + "y = torch.softmax(nn.Linear(H, 3)(out[:, -1]), dim=1)",
        GRU + "y = torch.softmax(nn.Linear(H, 3)(out), dim=2)\nz = y.argmax(-1)",
        GRU + "y = out.reshape(N * T, H)",
        GRU + "y = out[-1]\nprint(y.shape)",
        GRU + "y = h.view(2, N, H)[0] + h[1]",
        "rnn = nn.GRU(I, H)\nout, h = rnn(x.transpose(0, 1))\ny = out[-1]\nz = nn.Linear(H, 2)(y)",
        "rnn = nn.GRU(I, H)\nout, h = rnn(x.permute(1, 0, 2))\ny = nn.Linear(H, 2)(out.permute(1, 0, 2)[:, -1])",
        "rnn = nn.GRU(I, H, batch_first=True)\n_, h = rnn(x)\ny = nn.Linear(H, 2)(h.squeeze(0))",
        "rnn = nn.GRU(I, H, batch_first=True)\n_, h = rnn(x)\ny = nn.Linear(H, 2)(h[0])",
        "rnn = nn.GRU(I, H, batch_first=True)\n_, h = rnn(x)\ny = nn.Linear(H, 2)(h.view(N, -1))",
        "rnn = nn.GRU(I * 3, H, batch_first=True)\nout, h = rnn(x.view(N, T // 3, I * 3))",
        "rnn = nn.GRU(I, H, batch_first=True)\ns = torch.randn(N * T, I)\nout, h = rnn(s.view(N, T, I))",
        "rnn = nn.LSTM(I, H, num_layers=2, dropout=0.3)",
        "a = nn.GRU(I, H, batch_first=True)\nb = nn.GRU(H, H)\ny, _ = a(x)\nz, _ = b(y.transpose(0, 1))",
        (
            "enc = nn.GRU(I, H, num_layers=2, bidirectional=True, batch_first=True)\n"
            "dec = nn.GRU(I, H, num_layers=2, batch_first=True)\no, h = enc(x)\n"
            "y, _ = dec(x, h.view(2, 2, N, H).sum(1))"
        ),
        (
            "rnn = nn.GRU(I, H, batch_first=True)\np = pack_padded_sequence(x, [9, 9, 9, 9], batch_first=True)\n"
            "o, h = rnn(p)\nout, n = pad_packed_sequence(o, batch_first=True)\ny = out[:, -1]"
        ),
        (
            "rnn = nn.GRU(I, H, batch_first=True)\nn = torch.tensor([9, 4, 4, 2])\n"
            "p = pack_padded_sequence(x, n, batch_first=True)\no, h = rnn(p)\n"
            "out, m = pad_packed_sequence(o, batch_first=True)\ny = out[torch.arange(N), n - 1]"
        ),
        (
            "s = torch.randn(240).view(N, -1).t().contiguous()\nrnn = nn.GRU(1, H)\n"
            "out, h = rnn(s.unsqueeze(2))\ny = nn.Linear(H, 7)(out).view(-1, 7)"
        ),
        GRU + "out.sum().backward(retain_graph=True)\nh.sum().backward()",
        (
            "rnn = nn.GRU(I, H, batch_first=True)\nn, order = torch.tensor([3, 9, 5, 7]).sort(descending=True)\n"
            "p = pack_padded_sequence(x[order], n, batch_first=True)\nh = rnn(p)[1][-1]\ny = h * x[order].sum(1).sum(1, True)"
        ),
        BI + "fc = nn.Linear(2 * H, 3)\nys = [fc(out[:, t]) for t in range(T)]",
    ],
)  # fmt: skip
def test_a_correct_program_gets_no_warning(text):
    assert ids(text) == []
