"""`rnnshape check`: what does not fit a network, what torch raises, why, and the mend."""

from __future__ import annotations

import itertools
import json

import jsonschema
import pytest
from conftest import recorded
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import (
    by_wording,
    compare,
    construction,
    given_of,
    of_kind,
    raised,
    recorded_error,
    spec_of,
)

from rnnshape.checks.call import Call
from rnnshape.doctor.check import check
from rnnshape.doctor.proofs import leak
from rnnshape.errors import TorchError, UsageError
from rnnshape.network.dims import symbol
from rnnshape.network.spec import Spec
from rnnshape.programs.follow import Request, follow
from rnnshape.programs.source import source_of
from rnnshape.show.document import check_document
from rnnshape.show.schema import schema

N, T, H = symbol("N"), symbol("T"), symbol("H")


def only(report):
    assert len(report.problems) == 1, report.problems
    return report.problems[0]


def ids(report):
    return [warning.id for warning in report.warnings]


# ------------------------------------------------------------------------------- torch's own words


def test_the_contracts_example(rnnshape):
    ended = rnnshape(
        "check", "--layers", 3, "--bidirectional", "--batch-first",
        "--input", "7,5,10", "--h0", "3,7,20", "--json",
    )  # fmt: skip
    assert ended.status == 1
    assert not ended.json["ok"]
    (problem,) = ended.json["problems"]
    assert problem["tensor"] == "h0"
    assert (problem["expected"], problem["got"]) == ([6, 7, 20], [3, 7, 20])
    assert problem["torch"] == {
        "type": "RuntimeError",
        "message": "Expected hidden size (6, 7, 20), got [3, 7, 20]",
    }
    assert "6 = 2 directions × 3 layers" in problem["why"]
    assert problem["fix"] == "h0 = torch.zeros(6, input.size(0), 20)"


CELL_MODULES = recorded("cells")


def askable(case):
    """Whether `check` can be asked: it takes a state in its form, and sorted lengths as sorted."""
    call = case["call"]
    if case["kind"] == "call":
        pair = case["constructor"]["class"] == "LSTMCell"
        return call["tuple_length"] is None and (pair or call["c0"] is None)
    if not case["spec"] or call["tuple_length"]:
        return False
    given = given_of(case)
    unsaid = Call(spec_of(case), given._replace(enforce_sorted=None))
    return given.enforce_sorted in (None, unsaid.sorted)


ASKABLE = [
    case
    for case in [*of_kind("forward", "packed"), *of_kind("call", cases=CELL_MODULES)]
    if askable(case)
]


def told_of_a_call(case):
    call = given_of(case)
    if case.get("spec"):
        arguments = {k: v for k, v in case["spec"].items() if k not in ("cell", "nonlinearity")}
        cell = case["spec"]["cell"]
        if cell != "lstm":
            del arguments["proj_size"]
    else:
        cell, arguments = construction(case).cell, construction(case).arguments
    shapes = {n: getattr(call, n) for n in ("input", "h0", "c0") if getattr(call, n) is not None}
    return raised(
        check(cell, arguments, shapes, lengths=call.lengths, dtype=call.dtype,
              state_dtype=call.state_dtype)
    )  # fmt: skip


@pytest.mark.parametrize("cases", by_wording(ASKABLE))
def test_the_first_problem_carries_what_torch_raises_first(cases):
    compare(cases, told_of_a_call, recorded_error)


def test_a_constructor_in_a_program_is_refused_as_torch_refuses_it():
    def told(case):
        text = f"import torch\nfrom torch import nn\n{case['code']}\n"
        problem = follow(Request(source_of(text, "model.py")))[0].problem
        if problem is None or ("__init__" not in problem.refusal.message and not case["error"]):
            return None  # what forward refuses comes later
        return TorchError(problem.refusal.type, problem.refusal.message)

    compare(of_kind("constructor"), told, recorded_error)


def test_check_says_what_the_constructor_of_a_cell_module_raises():
    def told(case):
        call = construction(case)
        return raised(check(call.cell, call.keywords))

    named = [
        case
        for case in of_kind("constructor", cases=CELL_MODULES)
        if not case["constructor"]["args"]
        and {"input_size", "hidden_size"} <= set(case["constructor"]["kwargs"])
    ]
    compare(named, told, recorded_error)


def test_every_problem_is_listed_in_torchs_order():
    report = check(
        "lstm", {"num_layers": 2}, {"input": (7, 3, 9), "h0": (2, 4, 20), "c0": (1, 3, 20)}
    )
    assert [problem.tensor for problem in report.problems] == ["input", "h0", "c0"]
    assert [problem.torch.message for problem in report.problems] == [
        "input.size(-1) must be equal to input_size. Expected 10, got 9",
        "Expected hidden[0] size (2, 3, 20), got [2, 4, 20]",
        "Expected hidden[1] size (2, 3, 20), got [1, 3, 20]",
    ]


def test_every_fault_of_a_constructor_is_listed():
    report = check("lstm", {"hidden_size": 0, "dropout": 1.5, "bias": 1}, {"input": (5, 7, 10)})
    told = [(problem.tensor, problem.torch.type) for problem in report.problems]
    assert told == [("dropout", "ValueError"), ("bias", "TypeError"), ("hidden_size", "ValueError")]
    assert report.problems[-1].fix == "rnn = nn.LSTM(10, 20, dropout=0.5, bias=True)"


# --------------------------------------------------------- how a number comes about, and the mend

STATES = [
    # what is given, the network, the input; what is meant; the mend
    ((2, 7, 20), {"num_layers": 2, "bidirectional": True}, "4 = 2 directions × 2 layers",
     "h0 = torch.zeros(4, input.size(1), 20)"),
    ((1, 7, 20), {"num_layers": 3}, "3 = 1 direction × 3 layers",
     "h0 = torch.zeros(3, input.size(1), 20)"),
    ((2, 7, 20), {}, "bidirectional encoder", "h0 = h0[0::2] + h0[1::2]"),
    ((1, 5, 20), {}, "5 stands where torch reads T", "rnn = nn.RNN(10, 20, batch_first=True)"),
    ((1, 64, 20), {}, "a last, smaller batch", "h0 = torch.zeros(1, input.size(1), 20)"),
    ((7, 3, 20), {"num_layers": 3}, "never a state", "h0 = h0.transpose(0, 1).contiguous()"),
    ((7, 20), {}, "the axis of layers is missing", "h0 = h0.unsqueeze(0)"),
    ((2, 20), {"num_layers": 2}, "the batch axis is missing",
     "h0 = h0.unsqueeze(1).expand(-1, 7, -1).contiguous()"),
    ((1, 7, 40), {}, "two directions side by side", "h0 = h0[..., :20] + h0[..., 20:]"),
    ((5, 7, 20), {"num_layers": 2}, "the shape of output", "h0 = hn"),
    ((1, 7, 21), {}, "20 = hidden_size", "h0 = torch.zeros(1, input.size(1), 20)"),
]  # fmt: skip


@pytest.mark.parametrize(("h0", "network", "why", "fix"), STATES, ids=lambda v: str(v)[:40])
def test_a_state_is_mended_by_what_is_probably_meant(h0, network, why, fix):
    problem = only(check("rnn", network, {"input": (5, 7, 10), "h0": h0}))
    assert problem.tensor == "h0"
    assert why in problem.why
    assert problem.fix == fix


def test_an_lstm_wants_a_pair():
    problem = only(check("lstm", {}, {"input": (5, 7, 10), "h0": (1, 7, 20)}))
    assert (problem.tensor, problem.expected, problem.got) == ("c0", (1, 7, 20), None)
    assert problem.torch.type == "IndexError"
    assert problem.fix == "output, (hn, cn) = rnn(input, (h0, torch.zeros(1, 7, 20)))"


def test_a_gru_wants_no_pair():
    shapes = {"input": (5, 7, 10), "h0": (1, 7, 20), "c0": (1, 7, 20)}
    problem = only(check("gru", {}, shapes))
    assert (problem.tensor, problem.expected) == ("c0", None)
    assert problem.torch == ("AttributeError", "'tuple' object has no attribute 'dim'")


INPUTS = [
    ((1, 5, 7, 10), (5, 7, 10), "input = input.squeeze(0)"),
    ((5, 10, 7), (5, 7, 10), "input = input.transpose(1, 2)"),
    ((5, 7, 9), (5, 7, 10), "rnn = nn.RNN(9, 20)"),
    ((0, 7, 10), (T, 7, 10), "assert input.size(0) > 0"),
]


@pytest.mark.parametrize(("input", "expected", "fix"), INPUTS, ids=str)
def test_an_input_is_mended(input, expected, fix):
    problem = only(check("rnn", {}, {"input": input}))
    assert (problem.tensor, problem.expected, problem.fix) == ("input", expected, fix)
    assert problem.torch is not None


def test_token_numbers_are_embedded_first():
    problem = only(check("rnn", {}, {"input": (5, 7, 10)}, dtype="int64"))
    assert (problem.expected, problem.got) == ("float32", "int64")
    assert "nn.Embedding" in problem.fix


RESULTS = [
    ({"bidirectional": True}, "output", (5, 7, 20), "output[..., :20]  # the forward half"),
    ({}, "output", (7, 5, 20), "output.transpose(0, 1)"),
    ({}, "output", (7, 20), "output[-1]"),
    ({"batch_first": True}, "output", (5, 20), "output[:, -1]"),
    ({"num_layers": 2}, "hn", (7, 20), "hn[-1]"),
    ({"bidirectional": True}, "hn", (7, 40), "torch.cat([hn[-2], hn[-1]], dim=-1)"),
    ({"num_layers": 3}, "hn", (7, 60), "hn.transpose(0, 1).reshape(7, -1)"),
    ({"num_layers": 3}, "hn", (7, 3, 20), "hn.transpose(0, 1)"),
    ({"num_layers": 3, "bidirectional": True}, "hn", (3, 7, 20), "hn[0::2]  # the forward rows"),
]


@pytest.mark.parametrize(("network", "name", "shape", "fix"), RESULTS, ids=str)
def test_a_result_of_another_shape_is_got_at_by_code(network, name, shape, fix):
    problem = only(check("rnn", network, {"input": (5, 7, 10), name: shape}))
    assert problem.tensor == name
    assert problem.torch is None
    assert problem.fix == fix


# -------------------------------------------------------------------------------- packed batches


def test_lengths_have_to_go_with_the_input():
    shapes = {"input": (7, 3, 10)}
    problems = check("rnn", {}, shapes, lengths=(8, 0, 2)).problems
    assert [problem.torch.message[:17] for problem in problems] == [
        "Length of all sam",
        "start (10) + leng",
    ]
    assert "batch_size=3" in only(check("rnn", {}, shapes, lengths=(5, 2))).torch.message
    silent = only(check("rnn", {}, shapes, lengths=(2, 5)))
    assert (silent.tensor, silent.torch) == ("lengths", None)


def test_a_packed_output_comes_back_padded_or_as_data():
    shapes = {"input": (7, 3, 10)}
    for output in ((6, 3, 20), (13, 20)):
        assert check("rnn", {}, {**shapes, "output": output}, lengths=(6, 5, 2)).ok
    problem = only(check("rnn", {}, {**shapes, "output": (7, 3, 20)}, lengths=(6, 5, 2)))
    assert problem.fix == "output, _ = pad_packed_sequence(output, total_length=7)"


def test_where_all_lengths_are_equal_an_lstm_is_not_checked_by_torch():
    shapes = {"input": (7, 3, 9), "h0": (1, 3, 21), "c0": (1, 3, 21)}
    report = check("lstm", {}, shapes, lengths=(7, 7, 7))
    assert [problem.torch for problem in report.problems] == [None] * 3
    assert all("oneDNN" in problem.why for problem in report.problems)


def test_a_state_that_is_cut_in_sorting_is_a_problem_torch_does_not_see():
    shapes = {"input": (7, 3, 10), "h0": (1, 4, 20)}
    problem = only(check("gru", {}, shapes, lengths=(2, 7, 5)))
    assert (problem.tensor, problem.torch) == ("h0", None)


# ------------------------------------------------------------------------------------- names


def test_a_name_fits_anything_that_does_not_contradict_it():
    network = {"hidden_size": H, "bidirectional": True}
    assert check("rnn", network, {"input": (T, N, 10), "h0": (2, N, H), "output": (T, N, 2 * H)}).ok
    assert check("rnn", network, {"input": (T, N, 10), "h0": (2, 7, 20), "output": (5, 7, 40)}).ok
    assert not check("rnn", network, {"input": (T, N, 10), "h0": (2, 7, 20), "hn": (2, 8, 20)}).ok
    assert not check("rnn", network, {"input": (T, N, 10), "output": (T, N, 41)}).ok


def test_without_an_input_the_other_shapes_have_to_agree():
    assert check("rnn", {}, {"h0": (1, 7, 20), "output": (5, 7, 20), "hn": (1, 7, 20)}).ok
    assert only(check("rnn", {}, {"h0": (1, 7, 20), "hn": (1, 8, 20)})).expected == (1, 7, 20)


# ---------------------------------------------------------------------------- silent mistakes


def test_n_and_t_swapped_is_proved_in_numbers():
    report = check("rnn", {}, {"input": (7, 5, 10)}, batch_size=7, seq_len=5)
    assert report.ok
    (warning,) = report.warnings
    assert warning.id == "batch-first-confusion"
    assert warning.fix == "rnn = nn.RNN(10, 20, batch_first=True)"
    assert warning.proof["claim"] == "changing sample 1 changes sample 2's output"
    assert warning.proof["difference"] > 1e-3
    assert warning.proof["difference_mended"] == 0


@pytest.mark.parametrize(
    ("network", "shapes", "said"),
    [
        ({}, {"input": (7, 5, 10)}, {"batch_size": 7}),
        ({}, {"input": (7, 5, 10)}, {"seq_len": 5}),
        ({}, {"input": (N, T, 10)}, {}),
        ({"batch_first": True}, {"input": (T, N, 10)}, {}),
        ({}, {"input": (7, 5, 10), "hn": (1, 7, 20)}, {}),
        ({}, {"input": (7, 5, 10), "h0": (1, 7, 20)}, {}),
    ],
    ids=str,
)
def test_n_and_t_swapped_is_seen_by(network, shapes, said):
    assert "batch-first-confusion" in ids(check("rnn", network, shapes, **said))


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ({"input": (7, 5, 10)}, {}),
        ({"input": (7, 5, 10)}, {"batch_size": 5, "seq_len": 7}),
        ({"input": (5, 5, 10)}, {"batch_size": 5}),
        ({"input": (T, N, 10)}, {}),
        ({"input": (7, 5, 10), "h0": (1, 5, 20)}, {}),
    ],
    ids=str,
)
def test_nothing_is_said_without_evidence(shapes, said):
    report = check("rnn", {}, shapes, **said)
    assert report.ok
    assert not report.warnings


def test_a_batch_of_another_size_than_is_said_does_not_fit():
    problem = only(check("rnn", {}, {"input": (5, 6, 10)}, batch_size=7))
    assert (problem.expected, problem.torch) == ((5, 7, 10), None)


def test_a_2d_input_is_one_sequence():
    assert ids(check("rnn", {}, {"input": (7, 10)})) == ["unbatched-rank"]
    assert not check("rnn", {}, {"input": (7, 10)}, unbatched=True).warnings
    assert not check("rnn", {}, {"input": (7, 10), "h0": (1, 20)}).warnings
    assert not check("rnn", {}, {"input": (7, 10)}, unbatched=False).ok


def test_lengths_are_warned_of():
    shapes = {"input": (7, 3, 10)}
    assert ids(check("rnn", {}, shapes, lengths=(6, 5, 2))) == ["padded-shorter"]
    assert ids(check("rnn", {}, shapes, lengths=(2, 7, 5))) == ["lengths"]
    assert ids(check("rnn", {}, shapes, lengths=(7, 5, 2))) == []


def test_dropout_with_one_layer_carries_torchs_own_warning():
    warned = next(case for case in recorded("errors") if case["warnings"])
    (warning,) = check("rnn", {"dropout": 0.5}).warnings
    assert warning.id == "dropout-one-layer"
    assert [warning.torch._asdict()] == warned["warnings"]


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_proofs_hold_for_every_network(cell):
    for layers, both, first in itertools.product((1, 2, 3), (False, True), (False, True)):
        spec = Spec(cell=cell, num_layers=layers, bidirectional=both, batch_first=first)
        assert leak(spec, True)["holds"] and leak(spec, False)["holds"]


# ------------------------------------------------------------------------------- the command


def test_a_fitting_call_ends_with_0(rnnshape):
    ended = rnnshape("check", "--input", "(5, 7, 10)", "--h0", "torch.Size([1, 7, 20])")
    assert ended.status == 0
    assert ended.out.splitlines()[-1] == "fits"


def test_the_text_tells_the_same(rnnshape):
    told = rnnshape(
        "check", "--input", "5,7,10", "--h0", "3,7,20", "--layers", 3, "--dropout", 2
    ).out
    assert "torch ValueError: dropout should be a number in range [0, 1]" in told
    ended = rnnshape("check", "--input", "7,5,10", "--batch-size", 7)
    assert ended.status == 0
    assert "changing sample 1 changes sample 2's output: by 0." in ended.out
    assert ended.out.splitlines()[-1] == "fits, 1 warning"


def test_the_answer_can_be_a_file(rnnshape, tmp_path):
    assert rnnshape("check", "--input", "5,7,9", "-o", "answer.txt").status == 1
    assert "input.size(-1) must be equal to input_size" in (tmp_path / "answer.txt").read_text()


def test_code_is_read_from_a_file_and_from_standard_input(rnnshape, tmp_path):
    (tmp_path / "model.py").write_text("from torch import nn\nrnn = nn.RNN(10, 20, 2, True)")
    for source, stdin in (("model.py", ""), ("-", "rnn = nn.RNN(10, 20, 2, True)")):
        ended = rnnshape("check", "--code", source, "--json", stdin=stdin)
        assert ended.status == 1
        assert ended.json["problems"][0]["torch"]["message"].startswith(
            "Unknown nonlinearity 'True'"
        )


def test_a_spec_of_another_cell_does_not_bring_its_defaults(rnnshape):
    spec = rnnshape("params", "--cell", "lstm", "--json").out
    assert rnnshape("check", "--spec", "-", "--input", "5,7,10", stdin=spec).status == 0
    assert rnnshape("check", "--spec", "-", "--cell", "gru", stdin=spec).status == 0


def test_torch_refuses_a_proj_size_even_of_zero(rnnshape):
    problem = rnnshape("check", "--proj-size", 0, "--json").json["problems"][0]
    assert problem["torch"]["message"].startswith("proj_size argument is only supported for LSTM")


@pytest.mark.parametrize(
    "options",
    [
        ["--input", ""],
        ["--input", "5,-7,10"],
        ["--input", "5,,10"],
        ["--input", "a b"],
        ["--h0", "10" * 30],
        ["--lengths", ""],
        ["--dtype", "float"],
        ["--cell", "rnnn"],
        ["--code", "rnn = nn.RNN(10,"],
        ["--code", "missing.py"],
    ],
    ids=str,
)
def test_what_is_no_question_ends_with_2(rnnshape, options):
    ended = rnnshape("check", *options)
    assert ended.status == 2
    assert ended.err.startswith("rnnshape: ")
    assert not ended.out


@pytest.mark.parametrize(
    "options",
    [
        ["--input", "5,7,10"],
        ["--input", "7,10"],
        ["--input", "T,N,I", "--input-size", "I", "--hidden-size", "H", "--h0", "1,N,H"],
        ["--hidden-size", 0, "--dropout", "nan"],
        ["--layers", 0, "--input", "5,7,10"],
        ["--cell", "lstm", "--input", "7,3,9", "--lengths", "7,5,2", "--h0", "1,3,20"],
    ],
    ids=str,
)
def test_the_document_keeps_its_schema(rnnshape, options):
    document = rnnshape("check", *options, "--json").json
    jsonschema.validate(document, schema("check"))


SIZES = st.one_of(st.integers(0, 30), st.just(2**62), st.sampled_from([N, T, H]))
SHAPES = st.lists(SIZES, max_size=5).map(tuple)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["rnn", "lstm", "gru"]),
    st.dictionaries(st.sampled_from(["input", "h0", "c0", "output", "hn", "cn"]), SHAPES),
    st.none() | st.lists(st.integers(-1, 9), min_size=1, max_size=4).map(tuple),
)
def test_any_shapes_have_an_answer(cell, shapes, lengths):
    try:
        report = check(cell, {}, shapes, lengths=lengths)
    except UsageError as error:
        assert error.expected
        return
    document = check_document(report)
    json.dumps(document, allow_nan=False)
    assert document["ok"] == (document["problems"] == [])
    torch = [problem["torch"] is not None for problem in document["problems"]]
    assert torch == sorted(torch, reverse=True), "what torch raises comes first"


def test_a_cell_that_torch_lacks_is_refused_beside_any_argument(rnnshape):
    ended = rnnshape("check", "--cell", "transformer", "--layers", 2, "--input", "5,7,10")
    assert ended.status == 2 and "expected" in ended.err and "transformer" in ended.err
