"""Wrong use ends with one message (expected, got, fix), status 2, and nothing written."""

import numpy as np
import pytest
from safetensors.numpy import save_file

CASES = [
    (["trace", "--hidden-size", "0"], "hidden_size must be greater than zero"),
    (["trace", "--input-size", "-1"], "input_size must be greater than zero"),
    (["trace", "--hidden-size", "2.5"], "hidden_size should be of type int, got: float"),
    (["trace", "--hidden-size", "1" + "0" * 30], "at most 2^63 - 1"),
    (["trace", "--layers", "0"], "num_layers must be greater than zero"),
    (["trace", "--layers", "2.5"], "'float' object cannot be interpreted as an integer"),
    (["trace", "--layers", "1" + "0" * 30], "an integer from 1 to 10,000"),
    (["trace", "--layers", "two"], "expected a number"),
    (["trace", "--cell", "GRU"], "fix: --cell gru"),
    (["params", "--framework", "pytorch"], "fix: --framework torch"),
    (["inspect", __file__], f"fix: rnnshape trace {__file__}"),
    (["trace", "--nonlinearity", "gelu"], "Unknown nonlinearity 'gelu'"),
    (["trace", "--cell", "lstm", "--nonlinearity", "relu"], "nonlinearity"),
    (["trace", "--cell", "lstm", "--proj-size", "20"], "proj_size has to be smaller than hidden"),
    (["trace", "--cell", "gru", "--proj-size", "5"], "only supported for LSTM, not RNN or GRU"),
    (["trace", "--dropout", "1.5"], "dropout should be a number in range [0, 1]"),
    (["trace", "--dropout", "nan"], "dropout should be a number in range [0, 1]"),
    (["trace", "--seq-len", "0"], "Expected sequence length to be larger than 0 in RNN"),
    (["trace", "--batch-size", "-3"], "batch size: expected an integer of at least 0"),
    (["trace", "--lengths", "5,0"], "Length of all samples has to be greater than 0"),
    (["pick", "--cell", "mgu"], "pick: expected a cell of torch"),
    (["pick", "--cell", "mlstm"], "pick: expected a cell of torch"),
    (["trace", "--lengths", "5,x"], "whole numbers between commas"),
    (["check", "--input", "5 7 10"], "fix: --input 7,5,10"),
    (["check", "--input", "5,7,9", "--output-format", "sarif"], "fix: rnnshape check --input 5,7,9\n"),
    (["trace", "--lengths", ""], "at least one length"),
    (["trace", "--lengths", "5,3", "--seq-len", "4"], "--seq-len: expected 5, as --lengths says"),
    (["trace", "--lengths", "5,3", "--batch-size", "3"], "--batch-size: expected 2"),
    (["trace", "--lengths", "5,3", "--unbatched"], "a packed batch always has a batch axis"),
    (["trace", "--unbatched", "--batch-size", "7"], "--batch-size: expected 1"),
    (["trace", "--layer", "1"], "--layer: expected a layer from 0 to 0"),
    (["trace", "--direction", "reverse"], "--direction: expected forward"),
    (["trace", "--step", "5"], "--step: expected a time from 0 to 4"),
    (["trace", "--step", "0", "--seq-len", "T"], "expected a number for --seq-len"),
    (["trace", "--values", "--hidden-size", "H"], "got the symbol H"),
    (["run", "--seq-len", "T"], "got the symbol T"),
    (["run", "--module", "rnn"], "--module: expected beside --weights"),
    (["run", "--dtype", "int8"], "--dtype: expected float32, float64"),
    (["run", "--hidden-size", "1000000000"], "numbers to draw at random"),
    ([*["trace", "--values", "--hidden-size", "1", "--seq-len", "2000000"]], "1,000,000 steps in"),
    (["verify", "--layers", "10000", "--seq-len", "101", "--hidden-size", "1"], "1,000,000 steps in"),
    (["run", "--form", "one-to-many", "--seq-len", "100001"], "at most 100,000 calls"),
    ([*["trace", "--values", "--step", "3", "--batch-size", "1", "--seq-len", "1000001"]], "1,000,000 steps in"),
    ([*["trace", "--values", "--cell", "mgu", "--layers", "10000", "--seq-len", "101"]], "1,000,000 steps in"),
    ([*["run", "--layers", "10000", "--batch-size", "1", "--seq-len", "2001"]], "at most 20,000,000 steps in"),
    ([*["trace", "--html", "x.html", "--lengths"], ",".join(map(str, range(1, 1002)))], "2,000 diff"),
    (["run", "--input", "missing.npy"], "No such file"),
    (["run", "--c0", "random"], "for an lstm alone"),
    (["params", "--dtype", "complex"], "--dtype: expected"),
    (["schema", "nothing"], "schema: expected one of"),
    (["trace", "--no-such-option"], "fix: rnnshape trace --help"),
    (["tarce"], "No such command"),
    (["forms", "one-to-one"], "fix: rnnshape forms --help"),
    (["trace", "--spec", "missing.json"], "No such file"),
]  # fmt: skip


@pytest.mark.parametrize("arguments, message", CASES, ids=[" ".join(a)[:60] for a, _ in CASES])
def test_wrong_use_is_one_message(rnnshape, tmp_path, arguments, message):
    ended = rnnshape(*arguments)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("rnnshape: ") and message in ended.err
    assert len(ended.err.splitlines()) <= 6
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", "expected JSON"),
        ("", "expected JSON"),
        ("[1]", "expected an object with a `spec`"),
        ('{"spec": {"layers": 3}}', "expected the fields"),
        ('{"spec": {"hidden_size": 0}}', "hidden_size must be greater than zero"),
        ('{"spec": {"hidden_size": null}}', "hidden_size should be of type int, got: NoneType"),
        ('{"spec": {"cell": 7}}', "one of rnn, lstm, gru"),
        ('{"spec": {"bidirectional": "yes"}}', "bidirectional: expected true or false"),
        ("[" * 100_000, "expected JSON"),
        ('{"spec": {"cell": "\\u001b[31m"}}', "one of rnn, lstm, gru"),
    ],
)
def test_a_broken_spec_on_standard_input(rnnshape, text, message):
    ended = rnnshape("trace", "--spec", "-", stdin=text)
    assert (ended.status, ended.out) == (2, "")
    assert message in ended.err and "\x1b" not in ended.err


def test_a_file_that_cannot_be_written_is_said(rnnshape):
    ended = rnnshape("trace", "--json", "-o", "no/such/folder.json")
    assert ended.status == 2 and "No such file or directory" in ended.err


def test_a_full_disk_is_said(process):
    ended = process("trace", "--json", "-o", "/dev/full")
    assert ended.returncode == 2 and "No space left" in ended.stderr


def test_no_arguments_show_the_help(rnnshape):
    ended = rnnshape()
    assert ended.status == 0 and "Usage: rnnshape" in ended.out


def test_what_is_to_be_copied_into_a_shell_is_quoted(rnnshape):
    names = ["x; touch pwned #", "y"]
    shapes = {"weight_ih_l0": (4, 3), "weight_hh_l0": (4, 4)}
    save_file(
        {f"{n}.{k}": np.zeros(s, "f4") for n in names for k, s in shapes.items()}, "w.safetensors"
    )
    ended = rnnshape("run", "--weights", "w.safetensors", "--module", "z")
    assert "fix: --module 'x; touch pwned #'" in ended.err or "fix: --module y" in ended.err
    for option, value in (("--output-activation", "a; b"), ("--target", "$(touch x).npy")):
        assert f"{option} '{value}'" in rnnshape("run", option, value).err
