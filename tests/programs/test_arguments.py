"""What forward is given, worked out from its use: the shapes are those that torch takes."""

import re
import textwrap

import pytest

from rnnshape.programs.follow import Request, follow, setting_value
from rnnshape.programs.sizes import formula
from rnnshape.programs.source import source_of
from rnnshape.programs.tensor import Tensor

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n\n"
MODULES = {
    "a step of a decoder that reads a context": """
        class Decoder(nn.Module):
            def __init__(self, vocab, emb, hidden):
                super().__init__()
                self.embedding = nn.Embedding(vocab, emb)
                self.rnn = nn.GRU(emb + hidden, hidden)
                self.fc = nn.Linear(emb + 2 * hidden, vocab)
            def forward(self, token, state, context):
                embedded = self.embedding(token.unsqueeze(0))
                output, state = self.rnn(torch.cat((embedded, context), dim=2), state)
                read = (embedded.squeeze(0), state.squeeze(0), context.squeeze(0))
                return self.fc(torch.cat(read, dim=1)), state
        """,
    "attention for one step of one sample": """
        class Attention(nn.Module):
            def __init__(self, hidden, vocab, longest=10):
                super().__init__()
                self.embedding = nn.Embedding(vocab, hidden)
                self.weights = nn.Linear(2 * hidden, longest)
                self.joined = nn.Linear(2 * hidden, hidden)
                self.lstm = nn.LSTM(hidden, hidden)
            def forward(self, token, state, encoded):
                embedded = self.embedding(token).view(1, 1, -1)
                weights = F.softmax(self.weights(torch.cat((embedded[0], state[0][0]), 1)), dim=1)
                read = torch.bmm(weights.unsqueeze(0), encoded.unsqueeze(0))
                output = F.relu(self.joined(torch.cat((embedded[0], read[0]), 1)).unsqueeze(0))
                output, state = self.lstm(output, state)
                return output, state
        """,
    "a picture whose height comes down to one": """
        class Reader(nn.Module):
            def __init__(self, classes=11):
                super().__init__()
                self.conv = nn.Sequential(
                    nn.Conv2d(1, 4, 3, 2, 1), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3, 2, 1), nn.MaxPool2d(2)
                )
                self.rnn = nn.GRU(8, 16, bidirectional=True)
                self.fc = nn.Linear(32, classes)
            def forward(self, image):
                seen = self.conv(image)
                samples, channels, height, width = seen.size()
                assert height == 1, "the height has to be 1"
                return self.fc(self.rnn(seen.squeeze(2).permute(2, 0, 1))[0])
        """,
    "a picture that is laid flat for a cell": """
        class Player(nn.Module):
            def __init__(self, actions=4):
                super().__init__()
                self.a = nn.Conv2d(3, 8, 3, stride=2, padding=1)
                self.b = nn.Conv2d(8, 16, 3, stride=2, padding=1)
                self.cell = nn.LSTMCell(16 * 5 * 5, 32)
                self.actor = nn.Linear(32, actions)
            def forward(self, image, state):
                seen = F.elu(self.b(F.elu(self.a(image)))).view(-1, 16 * 5 * 5)
                h, c = self.cell(seen, state)
                return self.actor(h), (h, c)
        """,
    "a type of layer by its name": """
        class Language(nn.Module):
            def __init__(self, kind, vocab, emb, hidden, layers):
                super().__init__()
                self.embedding = nn.Embedding(vocab, emb)
                if kind in ["LSTM", "GRU"]:
                    self.rnn = getattr(nn, kind)(emb, hidden, layers)
                else:
                    sign = {"tanh": "tanh", "relu": "relu"}[kind]
                    self.rnn = nn.RNN(emb, hidden, layers, nonlinearity=sign)
                self.fc = nn.Linear(hidden, vocab)
            def forward(self, tokens, state):
                output, state = self.rnn(self.embedding(tokens), state)
                return self.fc(output), state
        """,
    "a type of layer by a table": """
        class Read(nn.Module):
            TYPES = {"gru": nn.GRU, "rnn": nn.RNN}
            def __init__(self, kind, hidden):
                super().__init__()
                self.rnn = self.TYPES[kind](5, hidden, batch_first=True)
            def forward(self, x):
                return self.rnn(x)[1].squeeze(0)
        """,
}


def moduled(text):
    (one,) = follow(Request(source_of(HEAD + textwrap.dedent(text), "program.py")))
    return one


@pytest.mark.parametrize("text", MODULES.values(), ids=MODULES)
def test_shapes_of_arguments_are_found(text):
    one = moduled(text)
    assert (one.verdict, one.problem, list(one.unknown)) == ("fits", None, [])


@pytest.mark.live
@pytest.mark.parametrize("text", MODULES.values(), ids=MODULES)
def test_torch_takes_the_shapes_that_were_found(text):
    torch = pytest.importorskip("torch")
    one = moduled(text)
    numbers = dict.fromkeys("NTMSBUFCDE", 64)
    numbers |= {"N": 3, "emb": 6, "hidden": 8, "vocab": 9, "layers": 2}

    def size(n):
        return n if isinstance(n, str) else formula(n)[1](numbers)

    def tensor(value):
        if isinstance(value, Tensor):
            return torch.zeros([size(n) for n in value.shape], dtype=getattr(torch, value.dtype))
        return tuple(map(tensor, value))

    def flat(value):
        return [value] if torch.is_tensor(value) else [t for part in value for t in flat(part)]

    scope = {}
    exec(HEAD + textwrap.dedent(text), scope)  # a program of this file
    module = scope[one.entry](**{name: size(value) for name, value in one.constructor.items()})
    given = {n: tensor(a.value) for n, a in one.arguments.items() if "[" not in n}
    raised = flat(module(**given))
    assert [tuple(t.shape) for t in raised] == [tuple(map(size, t.shape)) for t in one.outputs]


def test_a_text_that_set_gives_is_one_where_it_is_compared_with_texts():
    text = HEAD + textwrap.dedent(MODULES["a type of layer by its name"])
    source = source_of(text, "program.py")

    def kind(word):
        (one,) = follow(Request(source, settings={"kind": setting_value(word)}, strict=False))
        return one.verdict, [layer.kind for layer in one.layers]

    assert kind("GRU") == ("fits", ["GRU"])
    assert kind("relu") == ("fits", ["RNN"])
    assert kind("none") == ("unknown", [])


ELSEWHERE = """
import torch
from torch import nn
{imports}

class Tagger(nn.Module):
    def __init__(self, tags):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, 6)
        self.lstm = nn.LSTM(6, HIDDEN, num_layers=LAYERS, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(HIDDEN{times}, tags)

    def forward(self, x):
        h0 = torch.zeros(2 * LAYERS, x.size(0), HIDDEN).to(DEVICE)
        return self.fc(self.lstm(self.embedding(x), (h0, torch.zeros_like(h0)))[0])
"""


@pytest.mark.parametrize(
    ("imports", "prefix"),
    [("from config import VOCAB, HIDDEN, LAYERS, DEVICE", ""), ("from config import *", ""),
     ("import config", "config."), ("from config import cfg", "cfg.model.")],
)  # fmt: skip
def test_sizes_of_a_module_that_is_not_at_hand_are_open(imports, prefix):
    def verdict(times):
        text = ELSEWHERE.format(imports=imports, times=times)
        head, _, body = text.partition("class")
        text = f"{head}class" + re.sub(r"\b(VOCAB|HIDDEN|LAYERS|DEVICE)\b", rf"{prefix}\1", body)
        (one,) = follow(Request(source_of(text, "program.py")))
        return one.verdict

    assert (verdict(" * 2"), verdict("")) == ("fits", "does not fit")


def test_what_was_taken_for_a_size_and_is_none_proves_nothing():
    text = HEAD + "from config import A\nrnn = nn.GRU(3, A)\nprint([1] + A)\n"
    (one,) = follow(Request(source_of(text, "program.py")))
    assert (one.verdict, one.problem) == ("unknown", None)


def test_two_sizes_of_one_line_are_two():
    text = (
        HEAD + "from config import SIZES\na, b = SIZES\nfirst = nn.GRU(3, a)\nnext = nn.GRU(4, b)\n"
    )
    (one,) = follow(Request(source_of(text, "program.py")))
    widths = [str(layer.spec.hidden_size) for layer in one.layers]
    assert len(set(widths)) == 2


NET = """
import torch
from torch import nn
from data import loader
{head}

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding({V}, 6)
        self.lstm = nn.LSTM(6, {H}, batch_first=True, bidirectional=True)
        self.fc = nn.Linear({H}{times}, {V})

    def forward(self, x):
        return self.fc(self.lstm(self.embedding(x))[0]).view(-1, {V})

net = Net()
for x, y in loader:
    loss = nn.functional.cross_entropy(net(x), y.view(-1))
"""
OUTSIDE = {
    "an object": ("from config import Config\ncfg = Config()", "cfg.vocab", "cfg.hidden"),
    "its parts": ("from omegaconf import OmegaConf\ncfg = OmegaConf.load('c')", "cfg.vocab", "cfg.net.h"),
    "a dict": ("import json\ncfg = json.load(open('c'))", "cfg['vocab']", "cfg['net']['hidden']"),
    "get": ("import yaml\ncfg = yaml.safe_load(open('c'))", "cfg.get('vocab')", "cfg.get('h', 8)"),
    "an environment": ("import os\nH, V = (int(os.environ[n]) for n in 'HV')", "V", "H"),
    "a vocabulary": ("from tok import load\nvocab = load()\nH = 2 * len(vocab)", "len(vocab)", "H"),
    "a command line": (
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--h', type=int)\n"
        "p.add_argument('--v', type=int)\nargs = p.parse_args()", "args.v", "args.h",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("head", "V", "H"), OUTSIDE.values(), ids=OUTSIDE)
def test_sizes_from_outside_keep_apart_and_their_arithmetic(head, V, H):
    def verdicts(times):
        source = source_of(NET.format(head=head, V=V, H=H, times=times), "program.py")
        return {one.verdict for one in follow(Request(source))}

    assert (verdicts(" * 2"), verdicts("")) == ({"fits"}, {"does not fit"})


FLAG = """
import torch
from torch import nn
{head}

class Net(nn.Module):
    def __init__(self{argument}):
        super().__init__()
        self.lstm = nn.LSTM(6, 8, batch_first=True, bidirectional={flag})
        self.fc = nn.Linear(8 * ({times}), 3)

    def forward(self, x):
        return self.fc(self.lstm(x)[0])
"""


@pytest.mark.parametrize(
    ("head", "argument", "flag"),
    [("from config import cfg", "", "cfg.both"), ("import json\ncfg = json.load(open('c'))", "",
      "cfg['both']"), ("", ", both", "both")],
    ids=["a module", "a dict", "an argument"],
)  # fmt: skip
def test_yes_or_no_is_the_same_wherever_it_is_asked(head, argument, flag):
    def verdict(times):
        text = FLAG.format(head=head, argument=argument, flag=flag, times=times)
        (one,) = follow(Request(source_of(text, "program.py")))
        return one.verdict

    assert verdict(f"2 if {flag} else 1") == "fits"
    assert verdict(f"1 + {flag}") == "unknown"  # no arithmetic of sizes: it proves nothing


def test_a_layer_by_a_name_from_outside_is_not_denied():
    text = HEAD + "from config import kind\nrnn = getattr(nn, kind)(3, 4)\n"
    (one,) = follow(Request(source_of(text, "program.py")))
    assert one.verdict == "unknown"


@pytest.mark.parametrize(
    ("width", "verdict"), [("cfg.width", "unknown"), ("9", "fits")], ids=["from outside", "known"]
)
def test_a_size_from_outside_that_has_to_be_one_is_told_and_proves_nothing(width, verdict):
    text = f"from config import cfg\nrnn = nn.GRU({width}, cfg.hidden)\nrnn(torch.zeros(5, 7, 9))\n"
    (one,) = follow(Request(source_of(HEAD + text, "program.py")))
    told = [told.what for told in one.unknown if told.matters]
    assert (one.verdict, told) == (
        verdict, ["cfg.width, which has to be 9 here"] if verdict == "unknown" else [],
    )  # fmt: skip


def test_many_arguments_that_are_texts_are_tried_one_at_a_time():
    names = [f"a{i}" for i in range(12)]
    lines = "\n".join(f"        assert {n} in ('p', 'q', 'r', 's')" for n in names)
    text = (
        f"{HEAD}class Net(nn.Module):\n    def __init__(self, {', '.join(names)}):\n"
        f"        super().__init__()\n{lines}\n        self.rnn = nn.GRU(3, 4)\n"
        "    def forward(self, x):\n        return self.rnn(x)[0]\n"
    )
    (one,) = follow(Request(source_of(text, "program.py")))
    assert one.verdict == "fits" and one.spent < 40_000
