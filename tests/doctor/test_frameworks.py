"""What other frameworks say of recurrent layers, as recorded from them, is recognised."""

import json

import pytest
from conftest import ROOT, installed

from rnnshape.doctor.explain import explain

RECORDED = json.loads((ROOT / "fixtures/frameworks/messages.json").read_text("utf-8"))["cases"]
IDS = {
    "keras-rank": "keras-rank",
    "keras-stacked": "keras-rank",
    "keras-shape": "keras-shape",
    "keras-features": "feature-size",
    "keras-state-batch": "state-batch",
    "keras-state-open": "state-batch-open",
    "linen-features": "flax-parameter-shape",
    "linen-batch": "state-batch",
    "linen-carry-width": "flax-parameter-shape",
    "nnx-features": "feature-size",
    "equinox-features": "feature-size",
    "equinox-batch": "feature-size",
    "scan-carry-shape": "scan-carry",
    "scan-carry-dtype": "scan-carry",
    "scan-carry-structure": "scan-carry",
    "onnx-features": "onnx-shape",
    "onnx-state": "onnx-shape",
    "onnx-fixed": "onnx-fixed-size",
}


@pytest.mark.parametrize("case", RECORDED)
def test_a_message_is_recognised(case):
    found = explain(RECORDED[case])
    assert found.causes[0].id == IDS[case]
    assert not any(cause.edits or cause.proof for cause in found.causes)


@pytest.mark.live
@pytest.mark.skipif(
    not installed("keras") or not installed("flax"), reason="frameworks are missing"
)
def test_the_frameworks_say_so_still():
    import subprocess
    import sys

    ended = subprocess.run(
        [sys.executable, ROOT / "fixtures/record_messages.py"], capture_output=True, check=True
    )
    said = json.loads(ended.stdout)["cases"]
    recognised = {name: explain(text).causes for name, text in said.items()}
    assert [name for name, causes in recognised.items() if causes[:1] == ()] == []
