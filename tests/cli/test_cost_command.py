"""rnnshape cost: MACs and bytes of forward and backward."""

import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import jsonschema
import pytest
from benchmark import SIZES
from conftest import ROOT, needs_torch, recorded

from rnnshape.analysis.cost import cost
from rnnshape.analysis.trace import Trace
from rnnshape.engine.backward import Back
from rnnshape.engine.walk import Step
from rnnshape.network.batch import Batch
from rnnshape.network.head import Head
from rnnshape.network.spec import Spec
from rnnshape.show.schema import schema


def options(cell: str, call: dict) -> list:
    words = ["--cell", cell]
    for name, value in call.items():
        option = "--" + name.replace("_", "-")
        if value is True:
            words.append(option)
        elif value is False:
            words.append(option.replace("--", "--no-", 1))
        else:
            words += [option, ",".join(map(str, value)) if name == "lengths" else value]
    return words


@pytest.mark.parametrize("case", recorded("cost"), ids=lambda c: f"{c['cell']} {c['call']}")
def test_macs_are_those_of_torchs_counter(rnnshape, case):
    document = rnnshape("cost", *options(case["cell"], case["call"]), "--json").json
    jsonschema.validate(document, schema("cost"))
    assert document["forward_macs"] == case["forward_macs"]
    assert document["backward_macs"] == case["backward_macs"]


@pytest.mark.live
@pytest.mark.filterwarnings("ignore::UserWarning")  # of switching oneDNN off
@needs_torch
@pytest.mark.parametrize(
    ("size", "cell"), [*itertools.product(SIZES, ["rnn", "lstm", "gru"])], ids=str
)
def test_the_benchmarks_sizes_cost_what_torch_counts(rnnshape, size, cell):
    import sys

    sys.path.insert(0, str(ROOT / "fixtures"))
    from record_cost import counted

    names = ("batch_size", "seq_len", "input_size", "hidden_size", "num_layers")
    call = dict(zip(names, size, strict=True))
    document = rnnshape("cost", *options(cell, call), "--json").json
    for name, macs in counted(cell, **call).items():
        assert document[name] == macs


def test_the_facts_example(rnnshape):
    sizes = ["--input-size", 10, "--hidden-size", 20, "--seq-len", 7, "--batch-size", 3]
    told = rnnshape("cost", *sizes).out
    assert "12,600 MACs" in told and "25,200 FLOPs" in told
    assert "50,400 MACs" in rnnshape("cost", "--cell", "lstm", *sizes).out


def test_every_figure_has_its_formula(rnnshape):
    numbers = rnnshape("cost", "--cell", "lstm", "--layers", 2, "--output-size", 3, "--json").json
    sizes = {"N": 7, "I": 10, "H": 20, "K": 3}
    for one in numbers["passes"]:
        for figure in ("forward_macs", "backward_macs", "kept_bytes"):
            assert eval(one[figure]["formula"], {}, sizes) == one[figure]["step"]


def test_symbols_give_formulas(rnnshape):
    named = ["--seq-len", "T", "--batch-size", "N", "--hidden-size", "H", "--input-size", "I"]
    document = rnnshape("cost", *named, "--json").json
    jsonschema.validate(document, schema("cost"))
    assert document["forward_macs"] == "H*H*N*T + H*I*N*T"
    assert document["tbptt"] is None


def test_a_packed_batch_tells_which_step_its_figures_are_of(rnnshape):
    told = rnnshape("cost", "--cell", "lstm", "--lengths", "4,2").out
    assert "step t=0     all steps" in told and "kept of step t=0" in told
    assert max(map(len, told.splitlines())) <= 80


def test_a_projections_width_stands_in_the_formulas(rnnshape):
    told = rnnshape("cost", "--cell", "lstm", "--proj-size", 3).out
    assert "the formulas have P = 3 put in" in told and "4H·I·N + 15H·N" in told
    assert "put in" not in rnnshape("cost", "--cell", "lstm").out


def test_what_is_kept_is_freed_until_nothing_is_left(rnnshape):
    document = rnnshape("cost", "--cell", "gru", "--layers", 3, "--json").json
    left = [one["bytes_left"] for one in document["passes"]]
    kept = [one["kept_bytes"]["all"] for one in document["passes"]]
    assert left == [sum(kept[:i]) for i in range(3)]
    assert document["kept_bytes"] == sum(kept)


def test_windows_keep_less(rnnshape):
    call = ["cost", "--cell", "lstm", "--seq-len", 100, "--tbptt", 10, "--checkpoint", 20]
    document = rnnshape(*call, "--json").json
    step, state = 4 * 7 * 7 * 20, 4 * 2 * 7 * 20
    assert document["kept_bytes"] == 100 * step
    assert document["tbptt"]["kept_bytes"] == 10 * step
    assert document["checkpoint"]["kept_bytes"] == 20 * step + 4 * state
    assert document["checkpoint"]["forward_macs"] == 2 * document["forward_macs"]
    product = 7 * 80 * 20  # of a cut: what would go back through W_hh
    assert document["tbptt"]["backward_macs"] == document["backward_macs"] - 9 * product


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (["--tbptt", 0], "--tbptt: expected the steps of a window"),
        (["--checkpoint", -1], "--checkpoint: expected the steps of a window"),
        (["--checkpoint", 2, "--bidirectional"], "the reverse direction begins at the end"),
        (["--tbptt", 2, "--seq-len", "T"], "expected a number for --seq-len"),
        (["--lengths", ",".join(map(str, range(1, 1002)))], "at most 1,000 different lengths"),
        (
            ["--output-size", 3, "--output-at", "last", "--seq-len", 10**13],
            "expected at most 1,000,000 steps",
        ),
        (["--dtype", "int8"], "--dtype: expected float16"),
    ],
    ids=str,
)
def test_what_cannot_be_counted_is_refused(rnnshape, more, expected):
    ended = rnnshape("cost", *more)
    assert ended.status == 2 and expected in ended.err and "fix:" in ended.err


def walked(steps: Iterable[Step]) -> dict[tuple[int, str], int]:
    """MACs of each pass by every one of its steps."""
    macs = Counter()
    for step in steps:
        macs[step.layer, step.direction] += step.record.macs
    return macs


@pytest.mark.parametrize(
    "form", [{}, {"head": Head(3, loss="sum")}, {"head": Head(3, at="last", loss="sum")}], ids=str
)
@pytest.mark.parametrize(
    "batch", [Batch(seq_len=n) for n in (1, 2, 3, 4, 11)] + [Batch(lengths=(9, 9, 4, 3))], ids=str
)
def test_steps_and_layers_that_are_multiplied_cost_what_all_of_them_do(form, batch):
    for cell, layers, both in ("lstm", 5, False), ("gru", 4, True), ("rnn", 1, False):
        spec = Spec(cell=cell, num_layers=layers, bidirectional=both)
        trace = Trace(spec, batch, **form)
        found = cost(trace, None if both else 3)
        ahead, back = walked(trace.steps()), walked(trace.backward_steps())
        assert {(one.layer, one.direction): one.forward for one in found.passes} == ahead
        assert {(one.layer, one.direction): one.backward for one in found.passes} == back
        if not both:
            cut = replace(trace, back=Back(3))
            assert found.truncated.backward == sum(walked(cut.backward_steps()).values())


def test_a_long_and_deep_network_costs_no_long_walk(rnnshape):
    short, long = ["--layers", 9, "--seq-len", 100], ["--layers", 10_000, "--seq-len", 10**12]
    each = rnnshape("cost", *short, "--json").json["passes"][1]["backward_macs"]["step"]
    document = rnnshape("cost", *long, "--json").json
    assert len(document["passes"]) == 10_000
    assert document["passes"][5_000]["backward_macs"] == {
        "step": each,
        "all": each * 10**12,
        "formula": document["passes"][1]["backward_macs"]["formula"],
    }
    told = rnnshape("cost", *long).out
    assert "each of the layers 1 to 9,998 forward" in told and len(told.splitlines()) < 50
