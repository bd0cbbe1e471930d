"""A program that is followed gets mends that were tried; a mend that makes no sense is none."""

import textwrap

import pytest

from rnnshape.doctor.followed import diagnose
from rnnshape.programs.follow import Request, follow
from rnnshape.programs.source import source_of


def mend(text):
    """(id, the lines that the first problem's edits put) of a program."""
    request = Request(source_of(textwrap.dedent(text), "program.py"))
    (one,) = follow(request)
    problem = diagnose(one, request).problems[0]
    return problem.id, [edit["after"].strip() for edit in problem.edits]


def warning(text):
    """(id, the lines that the first warning's edits put) of a program."""
    request = Request(source_of(textwrap.dedent(text), "program.py"))
    (one,) = follow(request)
    found = diagnose(one, request).warnings[0]
    return found.id, [edit["after"].strip() for edit in found.edits]


def test_the_last_step_is_taken_along_the_axis_that_the_layer_says():
    text = """
        import torch
        from torch import nn
        rnn, fc = nn.LSTM(5, 17{}), nn.Linear(17, 1)
        out, _ = rnn(torch.randn(8, 30, 5))
        y = fc(out[{}])
        """
    assert warning(text.format(", batch_first=True", "-1")) == (
        "batch-first-confusion", ["y = fc(out[:, -1])"],
    )  # fmt: skip
    assert warning(text.format("", ":, -1")) == ("batch-first-confusion", [])  # or [-1] is meant
    text += "loss = nn.functional.mse_loss(y, torch.randn(8, 1))"  # a target for each row
    assert warning(text.format("", ":, -1")) == (
        "batch-first-confusion",
        ["rnn, fc = nn.LSTM(5, 17, batch_first=True), nn.Linear(17, 1)"],
    )


def test_rows_that_a_view_joined_are_samples_or_steps_as_the_state_beside_them_tells():
    text = """
        import torch
        from torch import nn
        emb, gru = nn.Embedding(9, 8), nn.GRU(8, 5)
        out, h = gru(emb(torch.tensor([3, 1, 2])).view(1, 1, -1){})
        """
    line = "out, h = gru(emb(torch.tensor([3, 1, 2])).unsqueeze({}), torch.zeros(1, {}, 5))"
    for rows, axis in ((1, 1), (3, 0)):
        state = f", torch.zeros(1, {rows}, 5)"
        assert mend(text.format(state)) == ("axes-mixed", [line.format(axis, rows)])
    assert mend(text.format("")) == ("feature-size", [])  # nor is the layer built for all three


def problem_of_net(**settings):
    """The words of torch for a class whose other sizes are open."""
    text = """
        from torch import nn
        class Net(nn.Module):
            def __init__(self, words, width, hidden):
                super().__init__()
                self.emb = nn.Embedding(words, width)
                self.rnn = nn.GRU(width, hidden)
            def forward(self, x):
                return self.rnn(self.emb(x.float()))
        """
    source = source_of(textwrap.dedent(text), "program.py")
    (one,) = follow(Request(source, "Net", settings=settings))
    return one.problem and (one.problem.place.line, one.problem.refusal.message)


def test_what_fails_whatever_is_open_beside_it_does_not_fit():
    assert problem_of_net(hidden=-3) == (7, "hidden_size must be greater than zero")
    line, words = problem_of_net(words=-3)
    assert line == 6 and words.startswith("Trying to create tensor with negative dimension -3")
    line, words = problem_of_net()
    assert line == 9 and words.startswith("Expected tensor for argument #1 'indices' to have one")


def test_layers_and_directions_are_read_in_their_order():
    assert warning(
        """
        import torch
        from torch import nn
        rnn = nn.GRU(4, 5, 3, bidirectional=True)
        _, h = rnn(torch.randn(6, 2, 4))
        h = h.view(2, 3, 2, 5)
        """
    ) == ("axes-mixed", ["h = h.view(3, 2, 2, 5).transpose(0, 1)"])


def test_a_batch_norm_over_the_steps_gets_the_features_and_gives_them_back():
    assert mend(
        """
        import torch
        from torch import nn
        rnn, norm, fc = nn.LSTM(3, 18, batch_first=True), nn.BatchNorm1d(18), nn.Linear(18, 2)
        y, _ = rnn(torch.randn(6, 11, 3))
        y = norm(y)
        z = fc(y[:, -1])
        """
    ) == ("feature-axis", ["y = norm(y.transpose(1, 2)).transpose(1, 2)"])


def test_a_linear_is_not_built_for_the_number_of_steps():
    assert mend(
        """
        import torch
        from torch import nn
        rnn, fc = nn.GRU(6, 20, batch_first=True), nn.Linear(20, 3)
        y, _ = rnn(torch.randn(4, 9, 6))
        z = fc(y.max(dim=2)[0])
        """
    ) == ("feature-size", [])


def test_columns_of_a_convolution_are_steps_where_the_layer_is_as_wide_as_the_rest():
    text = """
        import torch
        from torch import nn
        conv, rnn = nn.Conv2d(1, 8, 3, padding=1), nn.LSTM(8 * 32, 64{})
        maps = conv(torch.randn(2, 1, 32, 100))
        out, _ = rnn(maps)
        """
    for given, order in ((", batch_first=True", "0, 3, 1, 2"), ("", "3, 0, 1, 2")):
        edits = [f"out, _ = rnn(maps.permute({order}).flatten(2))"]
        assert mend(text.format(given)) == ("input-rank", edits)


def test_a_packed_output_that_is_indexed_is_no_pair_to_take_apart():
    assert mend(
        """
        import torch
        from torch import nn
        rnn, fc = nn.LSTM(16, 32, batch_first=True), nn.Linear(32, 2)
        x, lengths = torch.randn(4, 9, 16), torch.tensor([9, 7, 5, 2])
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
        out, (h, c) = rnn(packed)
        y = fc(out[:, -1])
        """
    ) == (
        "packed-passed-on",
        ["out, _ = nn.utils.rnn.pad_packed_sequence(out, batch_first=True)\ny = fc(h[-1])"],
    )


def test_the_step_is_taken_along_the_axis_that_the_person_has_turned_to_the_front():
    text = """
        import torch
        from torch import nn
        rnn, fc = nn.GRU(6, 32), nn.Linear(32, 1)
        x, y = torch.randn(64, 20, 6), torch.randn(64, 1)
        out, _ = rnn(x.permute(1, 0, 2){})
        loss = nn.functional.mse_loss(fc(out[:, -1, :]), y)
        """
    expected = "loss = nn.functional.mse_loss(fc(out[-1]), y)"
    for state in ("", ", torch.zeros(1, x.size(0), 32)"):
        assert mend(text.format(state)) == ("batch-first-confusion", [expected])


def test_a_difference_that_is_broadcast_over_the_batch_is_named_and_a_distance_is_not():
    text = """
        import torch
        from torch import nn
        rnn, out = nn.GRU(8, 16, batch_first=True), nn.Linear(16, 8)
        y, target = out(rnn(torch.randn(4, 1, 8))[0]), torch.randn(4, 8)
        loss = ((y - target) ** 2){}
        """
    mended = ["loss = ((y.squeeze(1) - target) ** 2).mean()"]
    assert warning(text.format(".mean()")) == ("loss-broadcast", mended)
    request = Request(source_of(textwrap.dedent(text.format(".sum(-1).argmin(1)")), "program.py"))
    assert diagnose(follow(request)[0], request).warnings == []


def test_an_operator_is_given_a_tuple_only_where_one_of_its_sides_is_a_tuple():
    text = """
        import torch
        from torch import nn
        out = nn.LSTM(3, 4)(torch.zeros(2, 3, 3))
        {} > 1
        """
    assert mend(text.format("out"))[0] == "tuple-passed-on"
    assert mend(text.format("out[0].size(0) > 'a'"))[0] == "type"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("assert x.size(1) == 4", "assertion"),
        ("raise ValueError('three')", "value"),
        ("raise RuntimeError('three')", "runtime"),
        ("torch.zeros(2, 3) @ torch.zeros(2)", "shape-mismatch"),
        ("int('three')", "value"),
    ],
)
def test_what_the_program_itself_raises_is_no_mistake_of_shapes(line, name):
    text = f"import torch\nx = torch.nn.GRU(3, 3)(torch.zeros(2, 3, 3))[0]\n{line}\n"
    assert mend(text)[0] == name


@pytest.mark.parametrize(
    "line", ["np.bool_() > complex()", "np.int64(3) > (0, 1)", "np.ones(2)[0][None]"]
)
def test_what_numpys_numbers_can_and_pythons_cannot_is_no_problem(line):
    text = f"import numpy as np\nimport torch\nx = torch.zeros(2).tanh()\n{line}\n"
    (one,) = follow(Request(source_of(text, "program.py")))
    assert one.problem is None


def test_what_an_instance_holds_as_a_dict_a_list_or_a_number_is_not_known():
    text = """
        import torch
        from torch import nn
        class Settings(dict):
            __getattr__ = dict.get
        class Stack(list):
            def push(self, one):
                self.append(one)
        class Size(int):
            pass
        settings, stack, size = Settings(hidden=5), Stack(), Size(3)
        stack.push(settings["hidden"])
        rnn = nn.LSTM(size, settings.hidden + stack[0] * len(stack))
        out, _ = rnn(torch.zeros(2, 4, size))
        for one in stack:
            out = out + size - one
        """
    (one,) = follow(Request(source_of(textwrap.dedent(text), "program.py")))
    assert one.problem is None and one.verdict == "unknown"


def test_a_state_without_rows_is_told():
    text = """
        import torch
        from torch import nn
        rnn = nn.LSTM(6, 16)
        rnn(torch.randn(4, 9, 6), (torch.zeros(1, 9, 16), torch.zeros(0, 9, 16)))
        """
    assert mend(text)[0] == "wrong-num-layers"


def test_a_mend_of_a_layer_that_was_not_built_leaves_nothing_to_read():
    text = """
    from torch import nn
    import torch
    lstm = nn.LSTM(9, 16, bidirNational=[], batch_first=True)
    out, (h, c) = lstm(torch.randn(4, 9, 8))
    y = nn.Linear(32, 2)(torch.cat((h[0], h[1])))
    """
    ((followed, diagnosis),) = [
        (one, diagnose(one, Request(one.source)))
        for one in follow(Request(source_of(textwrap.dedent(text), "program.py")))
    ]
    assert followed.verdict == "does not fit" and diagnosis


def test_a_place_says_that_a_function_writes_into_its_input():
    text = "import torch\nfrom torch.nn import functional as F\nx = torch.nn.GRU(3, 3)(torch.zeros({}))"
    text = text.format("2, 3, 3") + "[0].tanh()\nF.relu(x, {}).sum().backward()\n"
    assert mend(text.format("True"))[0] == "changed-in-place"
    (one,) = follow(Request(source_of(text.format("False"), "program.py")))
    assert one.problem is None
