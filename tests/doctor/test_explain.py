"""`rnnshape explain`: which cause stands first, what it is reasoned from, and what is proved."""

import io
import json
import os
import re
import subprocess
import sys
import time

import jsonschema
import pytest
from conftest import ROOT, needs_torch, recorded
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnshape.doctor.causes.rules import RULES
from rnnshape.doctor.explain import explain, table
from rnnshape.doctor.read import decode
from rnnshape.show.document import explain_document
from rnnshape.show.schema import schema


def first(text: str, /, **stated) -> str | None:
    causes = explain(text, stated).causes
    return causes[0].id if causes else None


def traceback(*lines: str, error: str, frame: str = "self.check_hidden_size(", torch="rnn") -> str:
    """A plain traceback that ends in torch's code, the last of `lines` being the failing one."""
    shown = "".join(
        f'  File "train.py", line {n}, in <module>\n    {line}\n' for n, line in enumerate(lines, 1)
    )
    library = f'  File "/usr/lib/python3/site-packages/torch/nn/modules/{torch}.py", line 9, in f\n'
    return f"Traceback (most recent call last):\n{shown}{library}    {frame}\n{error}"


# ---------------------------------------------------------------------- the numbers of a message

STATE = "RuntimeError: Expected hidden size {}, got {}"
PAIR = "RuntimeError: Expected hidden[0] size {}, got {}"


@pytest.mark.parametrize(
    "message, cause",
    [
        # written as in public reports, tuples before torch 1.8 and lists since
        (PAIR.format("(2, 4, 256)", "(2, 64, 256)"), "last-batch-smaller"),
        (PAIR.format("(1, 8, 256)", "[1, 32, 256]"), "last-batch-smaller"),
        (PAIR.format("(4, 10, 100)", "[4, 4, 100]"), "batch-first-confusion"),
        (PAIR.format("(1, 70, 1150)", "(1, 10, 1150)"), "batch-first-confusion"),
        (PAIR.format("(2, 8, 256)", "[8, 2, 256]"), "batch-first-confusion"),
        (STATE.format("(6, 7, 20)", "[3, 7, 20]"), "missing-direction"),
        (STATE.format("(1, 3, 20)", "[2, 3, 20]"), "missing-direction"),
        (STATE.format("(3, 7, 20)", "[1, 7, 20]"), "wrong-num-layers"),
        (STATE.format("(6, 7, 20)", "[2, 7, 20]"), "wrong-num-layers"),
        (STATE.format("(1, 3, 20)", "[1, 3, 40]"), "encoder-decoder-bridge"),
        (PAIR.format("(1, 8, 1024)", "[1, 8, 2048]"), "encoder-decoder-bridge"),
        (STATE.format("(4, 3, 20)", "[2, 3, 40]"), "encoder-decoder-bridge"),
        (STATE.format("(1, 3, 20)", "[5, 3, 20]"), "outputs-as-state"),
        (STATE.format("(1, 3, 20)", "[3, 12, 20]"), "outputs-as-state"),
        (STATE.format("(1, 3, 20)", "[1, 3, 21]"), "hidden-size"),
        (STATE.format("(2, 8, 32)", "[1, 5, 48]"), "state-shape"),
        (PAIR.format("(1, 64, 256)", "(64, 256)"), "unbatched-rank"),
        (PAIR.format("(1, 1, 512)", "[1, 128, 512]"), "last-batch-smaller"),
    ],
)
def test_the_sizes_that_differ_tell_the_cause(message, cause):
    assert first(message) == cause


@pytest.mark.parametrize(
    "message, cause",
    [
        ("input must have 3 dimensions, got 2", "unbatched-rank"),
        ("RuntimeError: input must have 3 dimensions, got 4", "input-rank"),
        ("AssertionError: LSTM: Expected input to be 2-D or 3-D but received 4-D tensor", "input-rank"),
        ("AssertionError: RNN: Expected input to be 2-D or 3-D but received 1-D tensor", "unbatched-rank"),
        ("input.size(-1) must be equal to input_size. Expected 10, got 9", "feature-size"),
        ("input.size(-1) must be equal to input_size. Expected 20, got 40", "feature-size"),
        ("input.size(-1) must be equal to input_size. Expected 1, got 50", "feature-axis"),
        ("input has inconsistent input_size: got 9, expected 10", "feature-size"),
        ("input has inconsistent input_size: got 9 expected 10", "feature-size"),
        ("dimension out of range (expected to be in range of [-2, 1], but got 2)", "unbatched-rank"),
        ("matrices expected, got 3D, 2D tensors at /pytorch/aten/src/TH/generic", "cell-takes-one-step"),
        ("matrices expected, got 1D, 2D tensors", "unbatched-rank"),
        ("size mismatch, m1: [32 x 21], m2: [40 x 5] at /pytorch/aten/src/THC", "feature-size"),
        ("size mismatch, m1: [32 x 40], m2: [20 x 5]", "missing-direction"),
        ("RuntimeError: size mismatch, got 15, 15x21,20", "feature-size"),
        ("mat1 dim 1 must match mat2 dim 0", "feature-size"),
        ("mat1 and mat2 shapes cannot be multiplied (64x512 and 256x10)", "missing-direction"),
        ("mat1 and mat2 shapes cannot be multiplied (3x21 and 20x80)", "hidden-size"),
        ("expected scalar type Double but found Float", "dtype"),
        ("Expected object of scalar type Float but got scalar type Double for argument #2 'mat1'", "dtype"),
        ("expected m1 and m2 to have the same dtype, but got: double != float", "dtype"),
        ("Input and hidden tensors are not at the same device, found input tensor at cuda:0 and "
         "hidden tensor at cpu", "device"),
        ("Expected all tensors to be on the same device, but found at least two devices, cuda:0 and "
         "cpu! (when checking argument for argument mat1 in method wrapper_addmm)", "device"),
        ("linear(): argument 'input' (position 1) must be Tensor, not tuple", "tuple-passed-on"),
        ("'tuple' object has no attribute 'size'", "tuple-passed-on"),
        ("linear(): argument 'input' (position 1) must be Tensor, not PackedSequence", "packed-passed-on"),
        ("lstm expects two hidden states", "lstm-needs-pair"),
        ("'lengths' array has to be sorted in decreasing order", "lengths"),
        ("rnn: hx is not contiguous", "not-contiguous"),
        ("Expected input batch_size (35) to match target batch_size (7).", "all-steps-for-one-target"),
        ("While copying the parameter named weight_ih_l0, whose dimensions in the model are "
         "torch.Size([80, 10]) and whose dimensions in the checkpoint are torch.Size([80, 9]).",
         "checkpoint-mismatch"),
    ],
)  # fmt: skip
def test_messages_of_torch_since_0_4(message, cause):
    assert first(message) == cause


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.id}: {rule.reason.__name__}")
def test_every_rule_explains_its_own_example(rule):
    answered = explain(rule.example)
    assert rule.id in [cause.id for cause in answered.causes]


def test_the_neighbours_of_a_layer_are_known_by_what_torch_was_recorded_to_say():
    told = []
    for case in json.loads((ROOT / "fixtures/torch/neighbours.json").read_text("utf-8"))["cases"]:
        error = case["error"]
        causes = explain(f"{error['type']}: {error['message']}").causes
        if not causes or causes[0].id != case["cause"]:
            told.append((case["code"], [cause.id for cause in causes]))
    assert told == []


# too general to be about a recurrent layer where no code is shown with them
GENERAL = re.compile(
    r"'float' object cannot be interpreted|could not convert string|float\(\) argument must be|"
    r"missing 1 required positional argument: 'lengths'|too many dimensions 'str'|is invalid for|"
    r"(?:got|received) 0-?D|Trying to create tensor|expected torch.Tensor or Tensor-like|unpack|"
    r"doesn't match the broadcast shape \[\d+, \d+, \d+\]|index_select\(\)|index out of range|"
    r"argument 'args'|must be tuple of Tensors|Dimension specified as|0-dim tensor"
)


def errors():
    """The messages recorded from torch, one of each wording."""
    messages = {}
    for case in recorded("errors"):
        if case["error"] and not GENERAL.search(case["error"]["message"]):
            text = f"{case['error']['type']}: {case['error']['message']}"
            messages.setdefault(re.sub(r"\d+", "#", text)[:150], (text, case["spec"]))
    return list(messages.values())


SHAPING = ("cell", "input_size", "hidden_size", "num_layers", "batch_first", "bidirectional",
           "proj_size")  # fmt: skip


@pytest.mark.parametrize("text, spec", errors(), ids=lambda value: str(value)[:60])
def test_what_torch_was_recorded_to_say_is_recognised_and_the_mend_proved(text, spec):
    stated = {name: spec[name] for name in SHAPING} if spec else {}
    answered = explain(text, stated)
    assert answered.recognised
    assert answered.error.split()[:20] == text.split()[:20]
    cause = answered.causes[0]
    assert cause.edits == () and (cause.proof == "layer") == (cause.layer is not None)
    assert cause.layer is None or cause.layer["after"]["fits"]


# ------------------------------------------------------------------- what else is reasoned from

BATCH = STATE.format("(1, 10, 20)", "[1, 4, 20]")


def test_options_decide_between_causes():
    assert first(BATCH, seq_len=10) == "batch-first-confusion"
    assert first(BATCH, seq_len=30) == "last-batch-smaller"
    rows = STATE.format("(2, 7, 20)", "[1, 7, 20]")
    assert first(rows, bidirectional=True) == "missing-direction"
    assert first(rows, bidirectional=False) == "wrong-num-layers"
    assert first(PAIR.format("(1, 3, 6)", "[1, 3, 20]"), cell="lstm", proj_size=6) == "proj-size"


PROGRAM = """\
import torch
from torch import nn

rnn = nn.GRU(8, 20)
x = torch.randn(4, 10, 8)
h0 = torch.zeros(1, x.size(0), 20)
out, hn = rnn(x, h0)
"""
ENDED = traceback("out, hn = rnn(x, h0)", error=BATCH).replace("line 1,", "line 7,")


def test_a_program_at_hand_is_followed_and_its_mend_is_an_edit_that_was_tried():
    causes = explain(ENDED, sources={"train.py": PROGRAM}.get).causes
    assert (causes[0].id, causes[0].proof) == ("batch-first-confusion", "program")
    assert causes[0].edits == (
        {
            "file": "train.py",
            "line": 4,
            "before": "rnn = nn.GRU(8, 20)",
            "after": "rnn = nn.GRU(8, 20, batch_first=True)",
        },
    )


def test_a_program_is_believed_only_where_it_has_the_lines_of_the_traceback():
    other = PROGRAM.replace("out, hn = rnn(x, h0)", "out, hn = rnn(x, other)")
    assert all(
        cause.edits == () for cause in explain(ENDED, sources={"train.py": other}.get).causes
    )


def test_a_program_that_fails_in_other_words_shows_no_edit():
    moved = PROGRAM.replace("h0 = ", "h0, = ")
    assert all(
        cause.edits == () for cause in explain(ENDED, sources={"train.py": moved}.get).causes
    )


@pytest.mark.parametrize(
    "line", ['out, hn = rnn(batch[f"{split}_x"], h0)', "rnn({0:3000000000}, h0)"]
)
def test_braces_in_a_persons_line_are_text(line):
    assert explain(traceback(line, error=BATCH)).recognised


def test_nothing_that_was_read_is_run(tmp_path):
    mark = tmp_path / "mark"
    line = f"out, hn = rnn(x, open({str(mark)!r}, 'w'))"
    explain(traceback(f"rnn = nn.RNN(10, open({str(mark)!r}, 'w'))", line, error=BATCH))
    assert not mark.exists()


# --------------------------------------------------------------------------------------- the proof


def test_the_proof_meets_the_error_itself_and_then_none():
    message = "Expected hidden size (6, 7, 20), got [3, 7, 20]"
    cause = explain(f"RuntimeError: {message}").causes[0]
    proof = cause.layer
    assert cause.code == "h0 = torch.zeros(6, 7, 20)"
    assert proof["before"]["torch"] == {"type": "RuntimeError", "message": message}
    assert (proof["before"]["expected"], proof["before"]["got"]) == ([6, 7, 20], [3, 7, 20])
    assert proof["after"] == {
        "network": "RNN(I, 20, num_layers=3, bidirectional=True)",
        "input": ["T", 7, "I"], "h0": [6, 7, 20], "fits": True,
    }  # fmt: skip


def test_a_forgotten_batch_first_is_proved_with_the_users_own_numbers():
    proof = explain(BATCH, {"input_size": 8, "seq_len": 10}).causes[0].layer
    assert proof["before"]["input"] == proof["after"]["input"] == [4, 10, 8]
    assert proof["before"]["torch"]["message"] == BATCH.removeprefix("RuntimeError: ")
    assert proof["after"]["network"] == "RNN(8, 20, batch_first=True)"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.id}: {rule.reason.__name__}")
def test_before_the_mend_the_shapes_do_not_fit_and_after_it_they_do(rule):
    cause = next(cause for cause in explain(rule.example).causes if cause.id == rule.id)
    assert cause.layer is None or cause.layer["after"]["fits"]


@needs_torch
@pytest.mark.parametrize("which", ["", "[0]", "[1]"])
@pytest.mark.parametrize(
    "sizes",
    ["(2, 8, 256), got [8, 2, 256]", "(1, 3, 20), got [1, 3, 40]", "(1, 3, 20), got [2, 3, 20]",
     "(6, 7, 20), got [3, 7, 20]", "(1, 64, 256), got [1, 32, 256]", "(3, 7, 20), got [1, 7, 20]"],
)  # fmt: skip
def test_the_code_makes_of_the_state_that_came_the_one_that_fits(which, sizes):
    import torch

    for cause in explain(f"RuntimeError: Expected hidden{which} size {sizes}").causes:
        if not cause.code or "n" in cause.code.split(" = ")[1][1:2]:
            continue  # hn is another tensor
        names = {n: torch.zeros(cause.layer["before"][n]) for n in ("h0", "c0")
                 if n in cause.layer["before"]}  # fmt: skip
        exec(cause.code, {"torch": torch}, names)
        assert {n: list(t.shape) for n, t in names.items()} == {
            n: cause.layer["after"][n] for n in names
        }


def test_a_checkpoint_tells_the_network_it_holds():
    cause = explain(
        "RuntimeError: Error(s) in loading state_dict for Net:\n"
        '\tMissing key(s) in state_dict: "rnn.weight_ih_l1", "rnn.weight_hh_l1", "rnn.bias_ih_l1", '
        '"rnn.bias_hh_l1". \n'
        "\tsize mismatch for rnn.weight_ih_l0: copying a param with shape torch.Size([192, 50]) "
        "from checkpoint, the shape in current model is torch.Size([256, 100]).\n"
        "\tsize mismatch for rnn.weight_hh_l0: copying a param with shape torch.Size([192, 64]) "
        "from checkpoint, the shape in current model is torch.Size([256, 64])."
    ).causes[0]
    assert cause.id == "checkpoint-mismatch"
    assert cause.layer["after"]["network"] == "GRU(50, 64)"


def test_names_that_all_begin_with_module_are_dataparallels_even_where_none_is_missing():
    cause = explain(
        "RuntimeError: Error(s) in loading state_dict for Net:\n\tUnexpected key(s) in state_dict: "
        '"module.rnn.weight_ih_l0", "module.rnn.bias_ih_l0", "module.fc.weight". '
    ).causes[0]
    assert cause.id == "missing-keys" and "DataParallel" in cause.why
    assert cause.fix.startswith("Rename the keys")


# ------------------------------------------------------------------------- how errors are handed in

PLAIN = traceback("rnn = nn.GRU(8, 20)", "out, hn = rnn(x, h0)", error=BATCH)
FORMS = {
    "plain": PLAIN,
    "windows line ends": PLAIN.replace("\n", "\r\n"),
    "colours": re.sub(r"(\w+)", "\x1b[0;31m\\1\x1b[0m", PLAIN),
    "a rank before each line": "\n".join(f"[rank0]: {line}" for line in PLAIN.split("\n")),
    "a log after it": PLAIN + "\nepoch 1: stopped\nbye (3, 4)\n",
    "two errors": PLAIN.replace("(1, 10, 20)", "(3, 9, 9)")
    + "\n\nDuring handling of the above exception, another exception occurred:\n\n"
    + PLAIN,
    "a finer error after it": PLAIN + "\n\nTraceback (most recent call last):\n"
    '  File "train.py", line 9, in <module>\n    raise SystemExit\nMyError: training stopped',
    "notebook": """
---------------------------------------------------------------------------
RuntimeError                              Traceback (most recent call last)
<ipython-input-5-1f2d3c> in <module>()
      1 rnn = nn.GRU(8, 20)
----> 2 out, hn = rnn(x, h0)

~/anaconda3/lib/python3.7/site-packages/torch/nn/modules/module.py in __call__(self, *input)
    487             result = self._slow_forward(*input, **kwargs)
--> 489             result = self.forward(*input, **kwargs)

"""
    + BATCH.replace("[1, 4, 20]", "(1, 4, 20)"),
    "a newer notebook": """
RuntimeError                              Traceback (most recent call last)
Cell In[5], line 2
      1 rnn = nn.GRU(8, 20)
----> 2 out, hn = rnn(x, h0)

File ~/venv/lib/python3.11/site-packages/torch/nn/modules/module.py:1501, in Module._call_impl(self)
   1500 def f():
-> 1501     return forward_call(*args, **kwargs)

"""
    + BATCH,
    "pytest": """
_________________________________ test_model __________________________________

    def test_model():
        rnn = nn.GRU(8, 20)
>       out, hn = rnn(x, h0)
                  ^^^^^^^^^^

test_model.py:3:
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _
/usr/lib/python3/site-packages/torch/nn/modules/module.py:1511: in _wrapped_call_impl
    return self._call_impl(*args, **kwargs)
E   """
    + BATCH
    + "\n\nsite-packages/torch/nn/modules/rnn.py:260: RuntimeError\n"
    + "FAILED test_model.py::test_model - RuntimeError: Expected hidden size (1, 10, 20), go...",
    "rich": """
╭─────────────────────── Traceback (most recent call last) ───────────────────────╮
│ train.py:2 in <module>                                                          │
│                                                                                 │
│   1 rnn = nn.GRU(8, 20)                                                         │
│ ❱ 2 out, hn = rnn(x, h0)                                                        │
╰─────────────────────────────────────────────────────────────────────────────────╯
"""
    + BATCH,
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_every_form_of_traceback_shows_the_error_and_the_users_line(text):
    answered = explain(text, {"seq_len": 10})
    assert answered.causes[0].id == "batch-first-confusion"
    assert answered.read["line"]["code"] == "out, hn = rnn(x, h0)"


def test_a_text_that_powershell_wrote_is_utf_16():
    assert first(decode(b"\xff\xfe" + PLAIN.encode("utf-16-le")), seq_len=10)


def test_a_message_within_a_sentence_is_found():
    text = f"Hi all, when I call the model I get this error: {BATCH} and I do not know why."
    assert first(text, seq_len=10) == "batch-first-confusion"


def test_of_several_errors_the_last_that_is_known_is_explained():
    answered = explain(FORMS["a finer error after it"])
    assert answered.error == BATCH


# ------------------------------------------------------------------------------------- bad input


def test_what_is_not_recognised_is_said_with_what_was_read():
    text = "ValueError: conv9d() got tensors of (3, 4) and [5, 6, 7], and 12"
    answered = explain(traceback("y = conv(x)", error=text, torch="conv"))
    assert not answered.recognised and answered.causes == ()
    assert answered.read == {
        "type": "ValueError", "function": "conv9d", "shapes": [[3, 4], [5, 6, 7]],
        "numbers": [3, 4, 5, 6, 7, 12],
        "line": {"file": "train.py", "line": 1, "code": "y = conv(x)"},
    }  # fmt: skip


SIZE = 50_000_000
LONG = {
    "empty": "",
    "letters": "a" * SIZE,
    "underscores": "_" * SIZE,
    "brackets": "[(" * (SIZE // 2),
    "digits": "1" * SIZE,
    "commas": "1, " * (SIZE // 3),
    "escapes": "\x1b[" * (SIZE // 2),
    "lines": "\n" * SIZE,
    "half a message": "Expected hidden size (1, " * (SIZE // 25),
    "arrows": "----> 1 x = (((\n" * (SIZE // 16),
    "one message of many": "Error: " * (SIZE // 7),
    "surrogates": "\ud800" * 1000,
    "unbalanced": "x = " + "(" * 200_000,
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_any_text_is_answered_in_under_a_second(text):
    begun = time.process_time()
    assert not explain(text).recognised
    assert time.process_time() - begun < 1


def test_noise_is_answered_in_under_a_second():
    data = os.urandom(SIZE)
    begun = time.process_time()
    assert not explain(decode(data)).recognised
    assert time.process_time() - begun < 1


@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_an_error_is_found_wherever_it_stands_in_a_long_log(place):
    log = "epoch 1  loss 0.25  step (3, 4, 5)\n" * 500_000
    text = {"first": PLAIN + "\n" + log, "middle": log + PLAIN + "\n" + log, "last": log + PLAIN}
    assert first(text[place], seq_len=10) == "batch-first-confusion"


def test_numbers_beyond_64_bits_stay_numbers():
    huge = 10**30
    answered = explain(STATE.format(f"(1, {huge}, 20)", f"[1, 3, {huge}]"))
    assert answered.recognised
    assert huge in answered.read["numbers"]
    answered = explain(STATE.format(f"({huge}, 3, 20)", "[1, 3, 20]"))
    assert answered.causes[0].id == "wrong-num-layers" and str(huge) in answered.causes[0].why


WORDS = st.sampled_from(
    ["Expected hidden size ", "(1, 2, 3)", "[", "]", ", got ", "RuntimeError: ", "\n", " ", "    ",
     '  File "a.py", line 1, in f\n', "rnn(x, h)", "'tuple' object has no attribute 'dim'", "0",
     "nn.LSTM(1, 2)", "= ", "-----> 1 ", "10" * 20, "(", ")", "\x1b[31m", "\u202e", "E   ", "\x00"]
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS | st.text(max_size=8) | st.sampled_from([r.example for r in RULES])))
def test_no_text_breaks_it_and_nothing_unprintable_comes_out(words):
    answered = explain("".join(words), sources=lambda file: "rnn(x, h)\n")
    jsonschema.validate(explain_document(answered), schema("explain"))
    confidences = [cause.confidence for cause in answered.causes]
    assert confidences == sorted(confidences, reverse=True)
    told = json.dumps(explain_document(answered), ensure_ascii=False)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e]", told)


# ------------------------------------------------------------------------------------ the command


def test_the_command_answers_with_the_document(rnnshape):
    ended = rnnshape("explain", STATE.format("(6, 7, 20)", "[3, 7, 20]"), "--json")
    assert (ended.status, ended.err) == (0, "")
    jsonschema.validate(ended.json, schema("explain"))
    assert ended.json["schema"] == "rnnshape/explain/1"
    assert ended.json["causes"][0]["id"] == "missing-direction"


def test_a_text_a_file_and_standard_input_are_read_alike(rnnshape, tmp_path):
    (tmp_path / "error.txt").write_text(PLAIN, encoding="utf-8")
    answers = {
        rnnshape("explain", PLAIN).out,
        rnnshape("explain", "error.txt").out,
        rnnshape("explain", "-", stdin=PLAIN).out,
        rnnshape("explain", stdin=PLAIN).out,
    }
    assert len(answers) == 1


def test_options_describe_the_network(rnnshape):
    for options, cause in (
        (["--seq-len", 10, "--batch-size", 4], "batch-first-confusion"),
        (["--lengths", "9,9,2,1"], "last-batch-smaller"),
    ):
        assert rnnshape("explain", BATCH, *options, "--json").json["causes"][0]["id"] == cause


def test_a_script_beside_the_reader_is_followed(rnnshape, tmp_path):
    (tmp_path / "train.py").write_text(PROGRAM, encoding="utf-8")
    cause = rnnshape("explain", "--json", stdin=ENDED).json["causes"][0]
    assert (cause["id"], cause["proof"]) == ("batch-first-confusion", "program")
    assert [edit["line"] for edit in cause["edits"]] == [4]
    told = rnnshape("explain", stdin=ENDED).out
    assert told.startswith(BATCH + "\n\n1. batch-first-confusion")
    assert "- rnn = nn.GRU(8, 20)\n" in told
    assert "+ rnn = nn.GRU(8, 20, batch_first=True)\n" in told
    assert "✓ the edited program was followed again" in told


def test_the_text_for_a_person_shows_cause_mend_and_proof(rnnshape):
    told = rnnshape("explain", PLAIN, "--seq-len", 10).out
    assert told.startswith(BATCH + "\n\n1. batch-first-confusion")
    assert "✗ does not fit" in told and "✓ the layer fits" in told


def test_not_recognised_is_status_1(rnnshape):
    ended = rnnshape("explain", "KeyError: 'h0 (3, 4)'")
    assert (ended.status, ended.err) == (1, "")
    assert "not recognised" in ended.out and "(3, 4)" in ended.out
    assert rnnshape("explain", "").status == 1
    assert rnnshape("explain", "KeyError: 'h0'", "--json").json["recognised"] is False


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["explain", "missing.txt"], "No such file"),
        (["explain", "."], "expected a message, or a text file"),
        (["explain", BATCH, "--hidden-size", "0"], "hidden_size must be greater than zero"),
        (["explain", BATCH, "--seq-len", "many words"], "expected an integer or a name"),
    ],
)
def test_wrong_use_is_status_2(rnnshape, arguments, message):
    ended = rnnshape(*arguments)
    assert (ended.status, ended.out) == (2, "") and message in ended.err


def test_a_terminal_without_a_text_is_wrong_use(monkeypatch, rnnshape):
    from rnnshape.cli import explain as command
    from rnnshape.errors import UsageError

    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stdin", terminal)
    with pytest.raises(UsageError, match="something on standard input"):
        command._read(None)


def test_what_was_read_reaches_the_terminal_without_its_escape_sequences(rnnshape):
    text = traceback("y, h = rnn(x, h)  # \x1b]0;title\x07\x1b[2J\u202e", error=BATCH)
    told = rnnshape("explain", text).out
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", told) is None


def test_the_list_has_every_rule(rnnshape):
    document = rnnshape("explain", "--list", "--json").json
    jsonschema.validate(document, schema("rules"))
    assert document["rules"] == table() and len(table()) == len(RULES)
    told = rnnshape("explain", "--list").out
    contract = (
        "batch-first-confusion", "last-batch-smaller", "missing-direction", "wrong-num-layers",
        "lstm-needs-pair", "tuple-passed-on", "feature-size", "encoder-decoder-bridge",
        "outputs-as-state", "unbatched-rank", "proj-size", "dtype", "empty-sequence", "lengths",
        "checkpoint-mismatch", "constructor",
    )  # fmt: skip
    for cause in contract:
        assert f"\n{cause}\n" in f"\n{told}"


def test_explaining_loads_no_numpy():
    code = (
        "import sys; from rnnshape.cli import run_command; "
        f"run_command(['explain', {BATCH!r}]); sys.exit('numpy' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert ended.returncode == 0, ended.stderr


MISMATCH = (
    "size mismatch for rnn.weight_ih_l0: copying a param with shape torch.Size([{}]) from "
    "checkpoint, the shape in current model is torch.Size([{}])."
)


def test_the_argument_that_differs_is_named_on_both_sides():
    why = explain(MISMATCH.format("80, 10", "80, 12"), {}).causes[0].why
    assert "holds input_size=10; the model was built with input_size=12." in why


def test_rows_that_nothing_but_a_name_explains_are_read_for_every_cell():
    why = explain(MISMATCH.format("120, 10", "80, 10"), {}).causes[0].why
    assert "The hidden_size is that of an nn.RNN; it is 30 of an nn.LSTM and 40 of an nn.GRU" in why
    assert (
        "of an nn.RNN"
        not in explain(MISMATCH.format("120, 10", "80, 10"), {"cell": "lstm"}).causes[0].why
    )


@pytest.mark.parametrize("sizes", ["3x21 and 21x80", "0x0 and 0x80"])
def test_a_product_that_torch_computes_has_no_cause(sizes):
    assert first(f"mat1 and mat2 shapes cannot be multiplied ({sizes})") is None


@pytest.mark.parametrize("shapes", [("", "120, 9"), ("9, 9", "")])
def test_a_weight_without_axes_in_a_message_ends_it_in_no_traceback(rnnshape, shapes):
    message = (
        "RuntimeError: Error(s) in loading state_dict for Net:\n\tsize mismatch for "
        "rnn.weight_ih_l0: copying a param with shape torch.Size([{}]) from checkpoint, the shape "
        "in current model is torch.Size([{}])."
    )
    ended = rnnshape("explain", message.format(*shapes))
    assert "torch.Size([])" in ended.out and ended.err == ""
