"""A program is followed: its lines, its shapes, its refusals, and that it always ends."""

import textwrap
from pathlib import Path

import pytest

from rnnshape.errors import UsageError
from rnnshape.programs.findings import findings
from rnnshape.programs.follow import Request, Shape, follow, setting_value
from rnnshape.programs.source import source_of

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures/programs"
CLASSIFIER = "\n" + (FIXTURES / "classifier.py").read_text("utf-8").partition("\n\nif __name__")[0]


def followed(text, entry="", name="program.py", **given):
    source = source_of(textwrap.dedent(text), name)
    settings = {k: setting_value(v) for k, v in given.pop("set", {}).items()}
    (one,) = follow(Request(source, entry, settings, given))
    return one


def shapes(tensors):
    return [tuple(map(str, t.shape)) for t in tensors]


def names_of(one):
    found = {}
    for line in one.lines:
        found.update(
            {k: tuple(map(str, v.shape)) for k, v in line.names.items() if hasattr(v, "shape")}
        )
    return found


def message(one):
    """What is raised, sure (the program's problem) or not."""
    found = one.problem or one.doubt
    return f"{found.refusal.type}: {found.refusal.message}" if found else None


def test_a_class_is_built_at_its_defaults_and_its_argument_worked_out():
    one = followed(CLASSIFIER, "Classifier")
    assert (one.verdict, shapes(one.outputs)) == ("fits", [("N", "5")])
    assert one.arguments["x"].value.dtype == "int64"
    assert names_of(one)["out"] == ("N", "T", "160")


def test_an_object_of_the_program_says_what_its_operators_do_with_a_tensor():
    text = """
import torch
class Scale:
    def __mul__(self, x):
        return x.mean(0)
    def __radd__(self, x):
        return x[:, :1]
x = torch.ones(4, 3)
a, b = Scale() * x, x + Scale()
"""
    one = followed(text)
    assert one.problem is None and names_of(one)["a"] == ("3",) and names_of(one)["b"] == ("4", "1")


def test_open_sizes_keep_their_names():
    one = followed(CLASSIFIER, "Classifier", set={"hidden": "H"}, x=Shape(("B", "S"), "int64"))
    assert names_of(one)["out"] == ("B", "S", "2*H")


def test_arguments_without_value_are_open_sizes():
    one = followed(
        CLASSIFIER.replace("vocab=1000, emb=64, hidden=80", "vocab, emb, hidden"), "Classifier"
    )
    assert (one.verdict, names_of(one)["h"]) == ("fits", ("4", "N", "hidden"))


def test_a_file_that_only_defines_modules_has_them_built_and_called():
    one = followed(CLASSIFIER)
    assert (one.entry, one.verdict) == ("Classifier", "fits")


def test_a_module_that_is_defined_in_a_class_is_one_of_the_file():
    inside = textwrap.indent(CLASSIFIER.partition("nn\n")[2].strip(), "    ")
    text = f"import torch\nfrom torch import nn\nclass Forecast:\n{inside}\n"
    one = followed(text)
    assert (one.entry, one.verdict) == ("Forecast.Classifier", "fits")


def test_a_layer_that_an_argument_without_value_decides_on_is_not_denied():
    text = """
        from torch import nn
        class Base(nn.Module):
            def __init__(self, recurrent):
                super().__init__()
                if recurrent:
                    self.gru = nn.GRU(3, 4)
        class Head(nn.Module):
            def __init__(self, deep):
                super().__init__()
                self.fc = nn.Linear(3, 4) if deep else nn.Linear(3, 5)
            def forward(self, x):
                return self.fc(x)
    """
    one = followed(text)
    assert (one.entry, one.verdict) == ("Base", "unknown")
    assert [told.what for told in one.unknown] == ["the condition recurrent"]
    assert followed(text, "Head").verdict == "no recurrent layer"


def test_an_open_width_becomes_what_it_has_to_be():
    one = followed(
        """
        from torch import nn
        class Net(nn.Module):
            def __init__(self, emb, hidden, out):
                super().__init__()
                self.rnn = nn.GRU(emb, hidden, bidirectional=True)
                self.fc = nn.Linear(hidden, out)
            def forward(self, x):
                y, h = self.rnn(x)
                return self.fc(y[:, :, :10])
        """,
        "Net",
    )
    assert (one.verdict, shapes(one.outputs)) == ("fits", [("T", "N", "out")])


def test_a_file_without_a_recurrent_layer_says_so():
    assert followed("import torch\nx = torch.zeros(3)\n").verdict == "no recurrent layer"


def test_a_class_named_rnn_is_no_layer_and_one_of_keras_neither():
    one = followed("from torch import nn\nclass RNN(nn.Module):\n    pass\nr = RNN()\n")
    assert one.verdict == "no recurrent layer"
    assert followed("from keras.layers import LSTM\nm = LSTM(20)\n").verdict == "no recurrent layer"


@pytest.mark.parametrize(
    ("text", "raised"),
    [
        ("a, b = (1, 2, 3)", "ValueError: too many values to unpack (expected 2)"),
        ("a, b, c = (1, 2)", "ValueError: not enough values to unpack (expected 3, got 2)"),
        ("a, b = None", "TypeError: cannot unpack non-iterable NoneType object"),
        ("[1][3]", "IndexError: list index out of range"),
        ("a = (1, 2)\na[:, 0]", "TypeError: tuple indices must be integers or slices, not tuple"),
        ("(1, 2).view(3)", "AttributeError: 'tuple' object has no attribute 'view'"),
        ("{}['k']", "KeyError: 'k'"),
        (
            "f = lambda x: x\nf()",
            "TypeError: <lambda>() missing 1 required positional argument: 'x'",
        ),
        (
            "def f(a, b=1): pass\nf(1, 2, 3)",
            "TypeError: f() takes from 1 to 2 positional arguments but 3 were given",
        ),
        ("def f(a): pass\nf(1, b=2)", "TypeError: f() got an unexpected keyword argument 'b'"),
        ("print(nothing)", "NameError: name 'nothing' is not defined"),
        ("class A: pass\nA().x", "AttributeError: 'A' object has no attribute 'x'"),
        ("None + 1", "TypeError: unsupported operand type(s) for +: 'NoneType' and 'int'"),
        ("len(3)", "TypeError: object of type 'int' has no len()"),
        ("for i in 3: pass", "TypeError: 'int' object is not iterable"),
        ("a = 3\na(4)", "TypeError: 'int' object is not callable"),
        ("assert 1 == 2, 'no'", "AssertionError: no"),
        ("raise ValueError('bad')", "ValueError: bad"),
    ],
)
def test_what_python_raises(text, raised):
    assert message(followed(text)) == raised
    with pytest.raises(Exception) as caught:
        exec(text, {})
    assert f"{type(caught.value).__name__}: {caught.value}" == raised


@pytest.mark.parametrize(
    "text",
    [
        "while True:\n    pass",
        "def f(n):\n    return f(n + 1)\nf(0)",
        "x = [0] * 10**9",
        "for i in range(10**9):\n    x = i",
        "x = 10 ** 10 ** 10",
        "x = list(range(10**9))",
        "x = '" + "a" * 1_000_000 + "'",
        "x = " + "-" * 3000 + "1",
        "x = " + "+".join(["1"] * 4000),
        "def g():\n    while True:\n        yield 1\nfor i in g():\n    pass",
        "x = 'a'\nwhile True:\n    x = x + x",
        "class A:\n    def __getattr__(self, n):\n        return getattr(self, n)\nA().x",
        "f = lambda: f()\nf()",
        "import itertools\nfor a in itertools.count():\n    pass",
        "'{:>1000000000}'.format(1)",
        "f'{1:1000000000}'",
        "x = {}\nx[0] = x\nprint(x)",
    ],
)
def test_every_program_ends(text):
    try:
        one = followed(text)
    except UsageError:
        return
    assert one.verdict in ("no recurrent layer", "unknown", "does not fit")


def test_loops_are_walked_and_their_lines_counted():
    one = followed(
        """
        import torch
        from torch import nn
        cell = nn.GRUCell(4, 8)
        h = torch.zeros(3, 8)
        outputs = []
        for t in range(500):
            h = cell(torch.zeros(3, 4), h)
            outputs.append(h)
        y = torch.stack(outputs)
        """
    )
    assert names_of(one)["y"] == ("500", "3", "8")
    assert next(line.count for line in one.lines if line.line == 8) == 500


def test_what_is_not_known_is_told_and_never_a_default():
    one = followed(
        """
        import torch
        from torch import nn
        from somewhere import load
        rnn = nn.LSTM(10, 20)
        out, h = rnn(load("x"))
        """
    )
    assert one.verdict == "unknown"
    assert [(t.line, t.what) for t in one.unknown] == [
        (6, "a call of load, imported from somewhere")
    ]


def test_a_method_of_a_tensor_without_a_row_is_unknown_and_no_other_name_is():
    for name, told in (
        ("resize_", None),
        ("resizes", "'Tensor' object has no attribute 'resizes'"),
    ):
        one = followed(f"import torch\ntorch.zeros(3).{name}(2)")
        assert message(one) == (told and f"AttributeError: {told}")


def test_an_attribute_of_a_module_of_torch_without_a_row_is_unknown_and_of_ones_own_an_error():
    one = followed("import torch\nx = torch.nn.Embedding(3, 4).max_norm")
    assert message(one) is None
    one = followed("import torch\nclass A(torch.nn.Module): pass\nA().max_norm")
    assert message(one) == "AttributeError: 'A' object has no attribute 'max_norm'"


def test_super_forward_of_a_layer_is_its_call():
    text = """
    from torch import nn, randn
    class Layer(nn.LSTM):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs, batch_first=True)
        def forward(self, x):
            return super().forward(x)
    y, state = Layer(6, 8)(randn(4, 5, 6))
    """
    one = followed(text)
    assert (one.verdict, names_of(one)["y"]) == ("fits", ("4", "5", "8"))
    one = followed(text, "Layer")
    assert (one.verdict, shapes(one.outputs)[0]) == ("fits", ("N", "T", "hidden_size"))


def test_what_a_constructor_gets_beside_its_named_arguments_is_not_guessed():
    text = """
    from torch import nn
    class Net(nn.Module):
        def __init__(self, **config):
            super().__init__()
            self.rnn = nn.GRU(config["width"], 3)
        def forward(self, x):
            return self.rnn(x)
    """
    assert followed(text, "Net").problem is None
    assert shapes(followed(text, "Net", set={"width": "4"}).outputs)[0] == ("T", "N", "3")


def test_a_name_that_only_the_main_part_binds_is_the_number_there_or_open():
    one = followed(
        """
        from torch import nn
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.rnn = nn.RNN(width, units)
            def forward(self, x):
                return self.rnn(x)[0]
        if __name__ == "__main__":
            units = 5
            width = len(open("words").read())
        """,
        "Net",
    )
    assert (one.verdict, shapes(one.outputs)) == ("fits", [("T", "N", "5")])
    assert str(one.arguments["x"].value.shape[2]) == "width"


def test_a_packed_batch_is_built_anew_with_other_data():
    one = followed(
        """
        import torch
        from torch import nn
        rnn = nn.utils.rnn
        p = rnn.pack_padded_sequence(torch.zeros(3, 5, 4), [2, 5, 1], True, enforce_sorted=False)
        q = rnn.PackedSequence(nn.Linear(4, 7)(p.data), p.batch_sizes, p.sorted_indices)
        y, _ = nn.GRU(7, 6, batch_first=True)(q)
        y, lengths = rnn.pad_packed_sequence(y, batch_first=True)
        """
    )
    assert names_of(one)["y"] == ("3", "5", "6")


def test_arrays_of_numpy_go_into_tensors_with_their_shapes_and_dtypes():
    one = followed(
        """
        import numpy as np
        import torch
        x = np.random.randn(9, 5, 3).astype(np.float32)
        z = (x - x.reshape(-1, 3).mean(axis=0)) / x.std(axis=0)
        waves = np.stack([np.sin(np.linspace(0, 1, 20))[i : i + 8] for i in range(12)])
        a, b, c = torch.from_numpy(z), torch.from_numpy(waves), torch.Tensor(waves[::-1])
        order = torch.from_numpy(np.argsort(-np.array([3, 9, 5])))
        d = a[order]
        e = torch.nn.Embedding.from_pretrained(torch.tensor(np.zeros((7, 4)), dtype=torch.float))
        f = e(torch.tensor(np.array([[1, 2], [3, 4]])))
        """
    )
    found = {
        k: (tuple(v.shape), v.dtype)
        for line in one.lines
        for k, v in line.names.items()
        if k in "abcdf"
    }
    assert message(one) is None and not one.unknown
    assert found == {
        "a": ((9, 5, 3), "float32"), "b": ((12, 8), "float64"), "c": ((12, 8), "float32"),
        "d": ((3, 5, 3), "float32"), "f": ((2, 2, 4), "float32"),
    }  # fmt: skip


def test_what_numpy_refuses_is_not_told_in_words_of_torch():
    one = followed("import numpy as np\nx = np.zeros((3, 4)) + np.zeros(5)\ny = np.zeros(3).foo()")
    assert one.problem is None


@pytest.mark.parametrize(
    ("loop", "turns"),
    [
        ("for t in range(5000):", 5000),
        ("t = 0\nwhile t < 700:\n    t += 1", 700),
        ("t = 700\nwhile t > 0:\n    t -= 1", 700),
        ("t = 0\nwhile t <= 700:\n    t += 3", 234),
        ("t = 0\nwhile t != 30:\n    t += 1", 30),
    ],
)
def test_a_long_loop_runs_as_often_as_it_says(loop, turns):
    one = followed(
        f"import torch\nys = []\nn = 0\n{loop}\n    ys.append(torch.zeros(3))\n    n += 2\ny = torch.stack(ys)\nz = torch.zeros(n)\n"
    )
    assert names_of(one) | {} == {"y": (str(turns), "3"), "z": (str(2 * turns),)}


@pytest.mark.parametrize(
    "text",
    [
        "a = (1,)\nfor i in range(200):\n    a = (a, a)\nb = {a: str(a)}",
        "a = [1]\nfor i in range(200):\n    a = [a, a]\nprint(a, a == [a])\nb = [a].count([a])",
        "import torch\na = [1]\nfor i in range(200):\n    a = [a, a]\ntorch.tensor(a)",
        "import copy\na = (1,)\nfor i in range(15):\n    a = (a, a)\ncopy.deepcopy(a)",
        "d = {}\nfor i in range(10**7):\n    d[i] = [i] * 1000",
        "x = []\nfor i in range(10**7):\n    x.append(x[:])",
        "class A: pass\n" + "".join(
            f"class B{i}({', '.join(f'B{j}' for j in range(i - 1, -1, -1)) or 'A'}): pass\n"
            for i in range(60)
        ),
    ],
)  # fmt: skip
def test_nests_that_share_their_parts_are_not_unfolded(text):
    assert followed(text).problem is None


def test_an_error_of_python_before_anything_of_torch_is_not_told_as_one_of_the_program():
    one = followed("from torch import nn\n{}['a']\nrnn = nn.GRU(3, 4)")
    assert (one.problem, one.verdict) == (None, "unknown")
    one = followed("from torch import nn\nrnn = nn.GRU(3, 4)\n{}['a']")
    assert message(one) == "KeyError: 'a'"
    one = followed("from torch import nn\nrnn = nn.GRU(3, 4, 1, 0.5)")
    assert message(one) == "TypeError: bias should be of type bool, got: float"


def test_a_union_of_types_is_no_error():
    one = followed("import torch\nA = int | None\nB = torch.Tensor | A\ntorch.zeros(3)")
    assert (one.problem, one.unknown) == (None, [])


def test_what_a_program_drops_need_not_be_followed():
    text = "import torch\nfrom torch import nn\nimport writer\nout, h = nn.GRU(3, 4)(torch.zeros(5, 2, 3))\nwriter.add(out)\n"
    one = followed(text)
    assert (one.verdict, one.unknown) == ("fits", [])
    assert [t.line for t in followed(text + "y = writer.make(out)\n").unknown] == [6]


def test_many_modules_in_one_file_are_followed_in_one_breath():
    block = CLASSIFIER.partition("class")[2]
    head = "import torch\nfrom torch import nn\n"
    text = head + "".join(f"class{block}".replace("Classifier", f"C{i}") for i in range(150))
    found = follow(Request(source_of(text, "many.py")))
    assert len(found) == 150
    assert {one.verdict for one in found} == {"fits"}
    assert sum(one.interpreter.started - one.interpreter.steps for one in found) < 20_000


def test_of_very_many_modules_the_first_are_followed_and_the_others_told(monkeypatch):
    monkeypatch.setattr("rnnshape.programs.follow.MOST_STEPS", 700)
    text = "from torch import nn\n" + "".join(
        f"class N{i}(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        f"        self.rnn = nn.GRU(3, 4)\n    def forward(self, x):\n        return self.rnn(x)\n"
        for i in range(20)
    )
    found = follow(Request(source_of(text, "program.py")))
    told = found[-1].unknown[0].what
    assert 0 < len(found) < 20 and told.startswith(f"{20 - len(found)} more classes")


def test_a_flag_without_a_value_is_asked_once_and_followed_both_ways():
    one = followed(
        """
        from torch import nn
        class Net(nn.Module):
            def __init__(self, emb, hidden, layers, dropout, both):
                super().__init__()
                self.rnn = nn.LSTM(emb, hidden, layers, dropout=dropout, bidirectional=both)
                self.fc = nn.Linear(hidden * (2 if both else 1), 3)
            def forward(self, x):
                return self.fc(self.rnn(x)[0])
        """,
        "Net",
    )
    assert (one.verdict, shapes(one.outputs)) == ("fits", [("T", "N", "3")])
    (layer,) = one.layers
    assert layer.open == {"dropout": "dropout", "bidirectional": "both"}
    assert str(layer.spec.num_layers) == "layers"


def test_a_distribution_draws_a_batch():
    one = followed(
        """
        import torch
        from torch.distributions import Categorical, Normal
        d = Categorical(logits=torch.nn.Linear(3, 5)(torch.zeros(4, 7, 3)))
        a = d.sample()
        p = d.log_prob(a)
        z = Normal(torch.zeros(4, 2), torch.ones(4, 2)).rsample((6,))
        """
    )
    assert names_of(one) == {"a": ("4", "7"), "p": ("4", "7"), "z": ("6", "4", "2")}


@pytest.mark.parametrize("hidden", ["8", "H"])
def test_another_shape_of_the_input_does_not_hide_sizes_that_differ(rnnshape, tmp_path, hidden):
    """A batch of H steps without samples would fit; nobody has one."""
    path = tmp_path / "model.py"
    path.write_text(
        "from torch import nn\nclass Net(nn.Module):\n    def __init__(self, hidden):\n"
        "        super().__init__()\n"
        "        self.rnn = nn.GRU(10, hidden, batch_first=True, bidirectional=True)\n"
        "        self.fc = nn.Linear(hidden, 5)\n"
        "    def forward(self, x):\n        return self.fc(self.rnn(x)[0].mean(1))\n"
    )
    ended = rnnshape("check", f"{path}:Net", "--set", f"hidden={hidden}")
    assert ended.status == 1 and "mat1 and mat2 shapes cannot be multiplied" in ended.out


def test_a_shape_without_a_dtype_is_of_what_its_first_use_wants(rnnshape, tmp_path):
    path = tmp_path / "model.py"
    path.write_text(
        "from torch import nn\nclass Net(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.e = nn.Embedding(50, 8)\n"
        "        self.rnn = nn.GRU(8, 16, batch_first=True)\n"
        "    def forward(self, x):\n        return self.rnn(self.e(x))[0]\n"
    )
    told = rnnshape("trace", f"{path}:Net", "--shape", "x=N,T", "--json").json
    assert told["verdict"] == "fits"
    assert told["input"]["x"] == {"shape": ["N", "T"], "dtype": "int64", "given": True}
    assert rnnshape("check", f"{path}:Net", "--shape", "x=N,T:float").status == 1


@pytest.mark.parametrize("field", ["cfg.layers", "cfg['layers']"])
def test_a_field_of_an_open_config_is_what_set_gives(rnnshape, tmp_path, field):
    path = tmp_path / "model.py"
    path.write_text(
        "from torch import nn\nclass Net(nn.Module):\n    def __init__(self, cfg):\n"
        f"        super().__init__()\n        self.rnn = nn.GRU(8, 16, {field})\n"
        "    def forward(self, x):\n        return self.rnn(x)[0]\n"
    )
    told = rnnshape("trace", f"{path}:Net", "--set", "cfg.layers=3", "--json").json
    assert told["layers"][0]["spec"]["num_layers"] == 3
    assert rnnshape("check", f"{path}:Net", "--set", "cfg.nothing=3").status == 2


MIXED = """
import glob
import torch
from torch import nn

letters = []
for name in glob.glob("*.txt"):
    letters.append(name)
count = len(letters)

class RNN(nn.Module):
    def __init__(self, width, hidden, out):
        super(RNN, self).__init__()
        self.i2h = nn.Linear(count + width + hidden, hidden)
        self.i2o = nn.Linear(count + width + hidden, out)

    def forward(self, category, x, state):
        both = torch.cat((category, x, state), 1)
        state = self.i2h(both)
        return torch.cat((state, self.i2o(both)), 1)

rnn = RNN(59, 128, 59)
"""


def test_arguments_that_are_alike_may_all_have_another_rank():
    one = followed(MIXED, "RNN", set={"hidden": "128", "out": "59"})
    assert (message(one), shapes(one.outputs)) == (None, [("N", "187")])


def test_a_file_s_own_lines_are_followed_once_whatever_they_bind():
    text = MIXED.replace("rnn = ", "for _ in range(900):\n    held = [RNN(1, 2, 3)]\nrnn = ")
    text = text.replace("count + ", "")  # a size from outside is asked for anew by each run
    assert followed(text, "RNN").spent < 12_000


def test_a_run_leaves_what_the_file_binds_as_it_was():
    text = """
    import torch
    from torch import nn

    class Box:
        width = 4
    box, held, sizes = Box(), [], {"h": 3}

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            held.append(1)
            box.width += 1
            sizes["h"] += len(held)
            self.rnn = nn.GRU(box.width, sizes["h"])

        def forward(self, x):
            return self.rnn(x)[0]
    """
    assert [str(n) for n in followed(text, "Net").outputs[0].shape] == ["T", "N", "4"]


@pytest.mark.parametrize("part", ["1,", "[],", "'',", "f(),"])
def test_a_text_whose_tree_would_fill_the_memory_is_refused(part):
    with pytest.raises(UsageError, match="at most 200,000 names, numbers and brackets"):
        source_of(f"x = [{part * 250_000}]", "long.py")


def test_a_lightning_module_is_a_module_though_lightning_is_not_known():
    text = (
        "import pytorch_lightning as pl\nfrom torch import nn\n\n\n"
        "class Net(pl.LightningModule):\n"
        "    def __init__(self, width, dropout):\n"
        "        super().__init__()\n"
        "        self.save_hyperparameters()\n"
        "        self.lstm = nn.LSTM(width, 8, dropout=dropout, batch_first=True)\n\n"
        "    def forward(self, x):\n"
        "        return self.lstm(x)[0]\n\n"
        "    def training_step(self, batch, index):\n"
        "        self.log('loss', self(batch[0]).mean())\n"
    )
    one = followed(text, "Net")
    assert (one.verdict, shapes(one.outputs)) == ("fits", [("N", "T", "8")])
    assert not one.notes and not findings(one)  # a dropout that is open may be 0


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("from tensorflow.keras import layers", "TensorFlow"),
        ("import keras", "Keras"),
        ("from flax import linen as layers", "Flax"),
        ("import equinox.nn as layers", "Equinox"),
    ],
)
def test_a_program_of_another_framework_is_told_by_its_import(line, name):
    one = followed(f"{line}\nmodel = layers.LSTM(5)\n" if "layers" in line else
                   f"{line}\nmodel = keras.layers.LSTM(5)\n")  # fmt: skip
    assert one.verdict == "no recurrent layer"
    assert [(t.line, t.what) for t in one.unknown] == [
        (1, f"the layers of {name}, which is not torch")
    ]


@pytest.mark.parametrize(
    "line",
    [
        "divmod(a, 1)",
        "complex(a.sum())",
        "hex(a[0])",
        "memoryview(a)",
        "np.int64(3).cumprod()",
        "np.ndarray((3, 4))",
        "a[0].item()",
    ],
)
def test_what_numpy_has_is_no_error_of_python(line):
    one = followed(f"import numpy as np\na = np.array([1, 2])\nx = {line}\n")
    assert (one.problem, one.doubt) == (None, None)


@pytest.mark.parametrize("ways", ["ctx, x", "x"])
def test_a_function_with_a_backward_of_its_own_is_followed(ways):
    setup = "def setup_context(ctx, inputs, output):\n        ctx.save_for_backward(*inputs)"
    one = followed(
        "import torch\nfrom torch import nn\nclass Halves(torch.autograd.Function):\n"
        f"    @staticmethod\n    def forward({ways}):\n        return x[..., :2] * 2\n"
        + (f"    @staticmethod\n    {setup}\n" if ways == "x" else "")
        + "out, _ = nn.GRU(3, 4)(torch.zeros(5, 2, 3))\nhalf = Halves.apply\nz = half(out)\n"
    )
    assert (one.verdict, names_of(one)["z"]) == ("fits", ("5", "2", "2"))


@pytest.mark.parametrize("lines", [
    "held = []\nheld.extend(open('f').read().split())",
    "held = set()\nheld.update(open('f'))",
    "held = {}\nheld.update(open('f').read())",
    "held = collections.Counter()\nheld.update(open('f').read().split())",
    "held = collections.defaultdict(int)\nfor w in open('f'):\n    held[w] += 1",
    "held = {}\nfor w in open('f'):\n    if w not in held:\n        held[w] = len(held)",
    "held = set()\nfor w in open('f'):\n    held.add(w)",
    "class Words:\n    def __init__(self):\n        self.all = []\n    def add(self, w):\n"
    "        self.all.append(w)\nclass Corpus:\n    def __init__(self):\n"
    "        self.words = Words()\n        for w in open('f'):\n            self.words.add(w)\n"
    "held = Corpus().words.all",
    "other = held = []\nfor w in open('f'):\n    other.append(w)",
])  # fmt: skip
def test_how_many_were_read_is_not_known(lines):
    one = followed(
        f"import collections\nfrom torch import nn\n{lines}\ne = nn.Embedding(len(held), 3)"
    )
    (embedding,) = [v for v in one.interpreter.modules[""].values() if hasattr(v, "_attributes")
                    and "num_embeddings" in v._attributes]  # fmt: skip
    assert not str(embedding.weight.shape[0]).isdigit()


def test_a_deque_keeps_its_newest():
    one = followed(
        "import collections, torch\nwindow = collections.deque(maxlen=3)\nfor i in range(10):\n"
        "    window.append(torch.zeros(2))\nx = torch.stack(list(window))\n"
        "window.popleft()\ny = torch.stack(list(window))\n"
    )
    assert (names_of(one)["x"], names_of(one)["y"]) == (("3", "2"), ("2", "2"))


@pytest.mark.parametrize("line", [
    "optim.Adam(rnn.parameters()).defaults", "collections.OrderedDict(a=1).move_to_end('a')",
    "'a'.encode().decode()", "(1).to_bytes(1, 'big')", "torch.zeros(3)._version",
    "torch.float32.itemsize", "slice(1, 2).indices(5)", "sys.version_info.major", "sys.path[0]",
    "collections.Counter('aab').most_common(1)[0]",
])  # fmt: skip
def test_what_a_value_has_is_no_attribute_error(line):
    one = followed(
        f"import collections, sys, torch\nfrom torch import nn, optim\nrnn = nn.GRU(3, 4)\n{line}\n"
    )
    assert message(one) is None


def test_how_many_a_mask_chose_divides_whatever_it_has_to():
    one = followed(
        "import torch\nx = torch.randn(4, 10)\ny = x.masked_select(x > 0).view(-1, 10)\n"
    )
    assert message(one) is None


def test_an_assertion_about_a_number_that_was_chosen_here_proves_nothing():
    one = followed("""
    import argparse
    from torch import nn
    parser = argparse.ArgumentParser()
    parser.add_argument("--version", type=int, required=True)
    args = parser.parse_args()
    assert args.version in [1, 2]
    assert 0 < args.version < 3
    rnn = nn.GRU(3, 4)
    """)
    assert message(one) is None


def test_a_number_is_no_tensor_in_a_program_with_numpy_either():
    assert message(followed("import numpy as np\nloss = 0\nloss.backward()\n")) == (
        "AttributeError: 'int' object has no attribute 'backward'"
    )


def test_a_line_that_runs_with_other_shapes_is_not_told_as_alike():
    text = """
        import torch
        from torch import nn

        rnn = nn.RNN(3, 4)
        for steps in (5, 6, 5):
            x = torch.zeros(steps, 2, 3)
            _, h = rnn(x)
        """
    by_line = {line.line: line for line in followed(text).lines}
    assert {n: (line.count, line.varied) for n, line in by_line.items()} == {
        7: (3, True), 8: (3, True)
    }  # fmt: skip


def test_a_state_that_is_given_has_the_batch_of_its_input():
    text = """
        from torch import nn

        class Net(nn.Module):
            def __init__(self, tokens, hidden=6):
                super().__init__()
                self.lstm = nn.LSTM(tokens, hidden, 2, batch_first=True)

            def forward(self, x, state):
                return self.lstm(x, state)
        """
    one = followed(text, "Net")
    assert shapes([one.arguments["x"].value]) == [("N", "T", "tokens")]
    assert shapes(one.arguments["state"].value) == [("2", "N", "6")] * 2


def test_an_optimizer_of_one_s_own_has_state_and_settings_as_torch_s():
    one = followed("""
    import torch
    from torch import nn

    class Own(torch.optim.Adam):
        def __init__(self, params):
            super().__init__(params, lr=0.1)
            for group in self.param_groups:
                for p in group["params"]:
                    self.state[p]["step"] = torch.zeros(1)
                    decay = group["weight_decay"]

    rnn = nn.GRU(3, 4)
    own = Own(rnn.parameters())
    two = torch.optim.SGD([{"params": rnn.parameters(), "lr": 1.0}], lr=0.1)
    size = two.param_groups[0]["params"][0].numel()
    out, _ = rnn(torch.zeros(5, 2, 3))
    """)
    assert (one.verdict, message(one)) == ("fits", None)


def test_the_parameters_of_recurrent_layers_cost_steps():
    """Else some lines that build many layers take all memory."""
    one = followed("from torch import nn\nrnn = nn.LSTM(10, 10, 4000)")  # 16,000 of them
    assert 8_000 < one.interpreter.started - one.interpreter.steps < 9_000
