"""What load_state_dict says: all mismatches at once, in `run` as in `inspect`."""

import numpy as np
import pytest

from rnnshape import Spec, UsageError, run
from rnnshape.checks.loading import load_error

# torch 2.13.0: nn.LSTM(3, 4).load_state_dict(nn.LSTM(2, 5).state_dict())
SAID = """Error(s) in loading state_dict for LSTM:
\tsize mismatch for weight_ih_l0: copying a param with shape torch.Size([20, 2]) from checkpoint, the shape in current model is torch.Size([16, 3]).
\tsize mismatch for weight_hh_l0: copying a param with shape torch.Size([20, 5]) from checkpoint, the shape in current model is torch.Size([16, 4]).
\tsize mismatch for bias_ih_l0: copying a param with shape torch.Size([20]) from checkpoint, the shape in current model is torch.Size([16]).
\tsize mismatch for bias_hh_l0: copying a param with shape torch.Size([20]) from checkpoint, the shape in current model is torch.Size([16])."""

MODEL, SAVED = (Spec(cell="lstm", input_size=i, hidden_size=h) for i, h in ((3, 4), (2, 5)))


def test_every_mismatch_stands_in_torchs_message():
    assert load_error(SAVED.parameters(), MODEL.parameters(), "LSTM") == SAID


def test_run_says_what_inspect_says():
    weights = {name: np.zeros(shape, "float32") for name, shape in SAVED.parameters().items()}
    with pytest.raises(UsageError) as raised:
        run(MODEL, weights, np.zeros((5, 2, 3), "float32"))
    assert raised.value.torch == ("RuntimeError", SAID)


@pytest.mark.live
def test_torch_says_so():
    nn = pytest.importorskip("torch.nn")
    with pytest.raises(RuntimeError) as raised:
        nn.LSTM(3, 4).load_state_dict(nn.LSTM(2, 5).state_dict())
    assert str(raised.value) == SAID
