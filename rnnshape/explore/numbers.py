"""The numbers that the walk goes over in numeric mode: given weights where they fit, else drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..analysis.trace import Trace
from ..numeric.feed import feed
from ..numeric.kept import Kept, check_numbers
from ..numeric.random import drawn_head, drawn_tensor, drawn_weights


def fits(trace: Trace, weights: Mapping[str, Any]) -> bool:
    """Whether `weights` are those of the network, by names and shapes."""
    needed = trace.spec.parameters()
    return all(name in weights and weights[name].shape == s for name, s in needed.items())


def numbers(trace: Trace, weights: Mapping[str, Any] | None, seed: int) -> Kept:
    """The network over an input drawn with `seed`, ready to be walked; float32.

    Parameters are `weights`, or drawn as torch initialises them. Raises UsageError where a size
    is left open, or where there are more numbers than memory should hold.
    """
    spec, batch, head = trace.spec, trace.batch, trace.head
    check_numbers(
        [*(p.shape for p in trace.parameters), *trace.tensors.values()],
        input_size=spec.input_size,
        hidden_size=spec.hidden_size,
        batch_size=batch.size,
        seq_len=batch.seq_len,
        output_size=head.size if head else 1,
    )
    generator = np.random.default_rng(seed)
    own: dict[str, Any] = {}
    if weights is not None and fits(trace, weights):
        own = {name: weights[name] for name in spec.parameters()}
    else:
        own = drawn_weights(spec, generator, "float32")
    if head is not None:
        given = weights if weights is not None and "head.weight" in weights else None
        own |= {n: given[n] for n in ("head.weight", "head.bias")} if given else drawn_head(
            head, spec, generator, "float32"
        )  # fmt: skip
    x = drawn_tensor("input", spec, batch, generator, "float32")
    return Kept(feed(spec, own, x, None, None, batch.lengths, head))
