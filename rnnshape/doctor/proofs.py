"""Proofs of silent mistakes: a small network of the same kind, computed both ways by the walk."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..engine.walk import walk
from ..network.batch import Batch
from ..network.spec import Spec
from ..numeric.feed import Array, feed
from ..numeric.random import drawn_tensor, drawn_weights
from ..numeric.world import ArrayWorld

MOST_LAYERS = 4


def small(spec: Spec, layers: int = MOST_LAYERS) -> Spec:
    """The same kind of network with 2 features, 8 hidden units and at most `layers` layers."""
    return replace(
        spec,
        input_size=2,
        hidden_size=8,
        proj_size=min(spec.proj_size, 5),
        num_layers=min(spec.num_layers, layers),
        dropout=0.0,
    )


@dataclass(frozen=True)
class Ran:
    """What the walk computed, with the state that every cell left.

    cells: (layer, direction, t) to h, and c of an lstm, one row for each sequence that is still
    running, longest first.
    """

    spec: Spec
    batch: Batch
    output: Array
    states: tuple[Array, ...]
    cells: Mapping[tuple[int, str, int], tuple[Array, ...]]

    def cell(self, layer: int, direction: str, t: int, sample: int, state: int = 0) -> Array:
        """h (or c, state 1) of one sequence after one step."""
        row = self.batch.restored[sample] if self.batch.packed else sample
        left: Array = self.cells[layer, direction, t][state][row]
        return left

    def length(self, sample: int) -> int:
        """The number of steps of one sequence."""
        whole: Any = self.batch.seq_len
        return self.batch.lengths[sample] if self.batch.lengths else whole

    @property
    def samples(self) -> range:
        """The sequences of the batch."""
        size: Any = self.batch.size
        return range(size)

    def evaluate(self, code: str, **more: Any) -> dict[str, Any]:
        """Run a piece of our own torch code on these numbers; the names that it leaves."""
        arrays = dict(zip(("hn", "cn"), self.states), output=self.output)
        if self.batch.lengths:
            arrays["lengths"] = np.array(self.batch.lengths)
        names: dict[str, Any] = {name: value.view(_Tensor) for name, value in arrays.items()}
        names |= more
        exec(code, {"__builtins__": {"len": len}, "torch": _Torch}, names)
        return names


def ran(spec: Spec, batch: Batch, changed: Any = None) -> Ran:
    """Walk a network over a batch, both drawn with a fixed seed; 1 is added to input[changed]."""
    generator = np.random.default_rng(0)
    weights = drawn_weights(spec, generator, np.float64)
    x = drawn_tensor("input", spec, batch, generator, np.float64)
    if changed is not None:
        x[changed] += 1
    world = ArrayWorld(feed(spec, weights, x, lengths=batch.lengths))
    cells = {}
    for step in walk(world):
        assert isinstance(step.t, int)
        cells[step.layer, step.direction, step.t] = tuple(t.value for t in step.record.state)
    result = world.result
    states = (result.hn,) if result.cn is None else (result.hn, result.cn)
    assert result.output is not None
    return Ran(spec, batch, result.output, states, cells)


def difference(a: Any, b: Any) -> float:
    """The largest difference between two arrays; beyond all numbers where their shapes differ."""
    if np.shape(a) != np.shape(b):
        return sys.float_info.max
    return float(np.max(np.abs(np.asarray(a) - np.asarray(b)), initial=0.0))


class _Tensor(np.ndarray[Any, Any]):
    """An array with the methods that a tensor has under another meaning."""

    def transpose(self, *axes: Any) -> Any:
        """Two axes change places."""
        return self.swapaxes(*axes)

    def contiguous(self) -> Any:
        """The same numbers, one after the other."""
        return self.copy()

    def view(self, *shape: Any) -> Any:  # type: ignore[override]
        """The same numbers in another shape."""
        return self.reshape(*shape)


class _Torch:
    """The functions of torch that our code uses."""

    arange = staticmethod(np.arange)
    tensor = staticmethod(np.array)

    @staticmethod
    def cat(tensors: Any, dim: int = 0) -> Any:
        """torch.cat."""
        return np.concatenate(tensors, axis=dim)

    @staticmethod
    def stack(tensors: Any, dim: int = 0) -> Any:
        """torch.stack."""
        return np.stack(tensors, axis=dim)


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
