"""Proofs of silent mistakes: a small network of the same kind, computed both ways."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..network.batch import Batch
from ..network.spec import Spec
from .tiny import Ran, difference, ran, small


def leak(spec: Spec, batch_axis: bool) -> dict[str, Any]:
    """Whether one sample reaches another: as torch reads the input, and as it is meant.

    The input holds three samples. batch_axis: each has two steps, and the samples stand along the
    axis that is read as time; else the input has no axis beside that of the samples.
    """
    tiny = small(spec)
    if not batch_axis:
        read, meant = replace(tiny, batch_first=False), replace(tiny, batch_first=True)
        batches = Batch(seq_len=3, unbatched=True), Batch(size=3, seq_len=1)
    else:
        read, meant = tiny, replace(tiny, batch_first=not tiny.batch_first)
        batches = Batch(size=2, seq_len=3), Batch(size=3, seq_len=2)
    first, second = ((slice(None), n) if read.batch_first else n for n in (1, 2))
    apart = [
        difference(ran(network, batch).output[second], ran(network, batch, first).output[second])
        for network, batch in zip((read, meant), batches)
    ]
    return {
        "claim": "changing sample 1 changes sample 2's output",
        "network": str(read),
        "samples": 3,
        "difference": apart[0],
        "difference_mended": apart[1],
        "holds": apart[0] > 0 and apart[1] == 0,
    }


def mixed(spec: Spec) -> dict[str, Any]:
    """hn.view(N, -1) beside the rows of each sample."""
    tiny = replace(small(spec), num_layers=max(2 // spec.num_directions, min(spec.num_layers, 3)))
    run = ran(tiny, Batch(size=3, seq_len=2))
    return _beside(
        run,
        "row 0 of hn.view(N, -1) is not what hn holds of sample 0",
        "hn.view(hn.shape[1], -1)[0]",
        "hn.transpose(0, 1).reshape(hn.shape[1], -1)[0]",
    )


def last_step(spec: Spec, packed: bool, one_sequence: bool) -> dict[str, Any]:
    """The last step of output beside what hn holds of the last layer."""
    tiny = replace(small(spec), batch_first=False)
    batch = Batch(seq_len=3, unbatched=True) if one_sequence else Batch(size=3, seq_len=3)
    if packed:
        batch = Batch(lengths=(3, 2, 1))
    ends = "torch.cat([hn[-2], hn[-1]], dim=-1)" if spec.bidirectional else "hn[-1]"
    return _beside(run := ran(tiny, batch), f"output[-1] is not {ends}", "output[-1]", ends) | {
        "network": str(run.spec)
    }


def _beside(run: Ran, claim: str, wrong: str, right: str) -> dict[str, Any]:
    found = run.evaluate(f"wrong = {wrong}\nright = {right}")
    apart = difference(found["wrong"], found["right"])
    return {
        "claim": claim,
        "network": str(run.spec),
        "difference": apart,
        "holds": apart > 0,
    }
