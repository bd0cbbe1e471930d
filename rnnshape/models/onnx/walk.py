"""The walk over one operator of ONNX, in its own layout and with its sequence_lens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ...engine.cells import Cell
from ...engine.walk import Pass, Tensor, walk
from ...errors import ShapeError
from ...network.batch import Batch
from ...network.dims import write_shape
from ...numeric.feed import Array, Feed
from ...numeric.world import ArrayWorld
from .node import Node


class Outputs(NamedTuple):
    """What an operator computes; Y_c of an LSTM alone."""

    Y: Array
    Y_h: Array
    Y_c: Array | None = None


class NodeWorld(ArrayWorld):
    """A walk's arrays, with the cell of each direction of an operator."""

    def __init__(self, node: Node, source: Feed) -> None:
        super().__init__(source)
        self._node = node

    def cell(self, place: Pass) -> Cell[Tensor]:
        """The operator's cell in that direction."""
        return self._node.at(place.direction)


def run_node(
    node: Node, x: Any, initial_h: Any = None, initial_c: Any = None, sequence_lens: Any = None
) -> Outputs:
    """Y, Y_h (and Y_c) of X in the operator's layout and X's type.

    States and lengths that are not given are those of the file, or zero and T.

    Behind the end of a sequence Y is 0, and Y_h and Y_c are the states at each sequence's own
    end; a sequence of length 0 leaves zeros. Raises ShapeError where shapes do not fit.
    """
    spec = node.spec
    x = np.asarray(x)
    if x.ndim != 3 or x.shape[2] != spec.input_size or 0 in x.shape:
        axes = "(N, T, I)" if node.layout else "(T, N, I)"
        raise ShapeError(
            f"{node.title}: expected X {axes} with I = {spec.input_size}, none empty",
            got=write_shape(x.shape),
            fix="give an input whose last size is W's last",
        )
    x = x.transpose(1, 0, 2) if node.layout else x
    steps, size, _ = x.shape
    states = [
        _state(node, name, given, size, x.dtype)
        for name, given in zip(("initial_h", "initial_c"), (initial_h, initial_c))
    ][: len(spec.state_names)]
    lengths = _lengths(node, sequence_lens, steps, size)
    hidden, directions = node.hidden_size, spec.num_directions
    y = np.zeros((steps, directions, size, hidden), x.dtype)
    finals = [np.zeros_like(state) for state in states]
    weights = {name: array.astype(x.dtype, copy=False) for name, array in node.weights.items()}
    kept = np.arange(size) if lengths is None else np.flatnonzero(lengths)
    if len(kept):
        inside, own = x[:, kept], tuple(state[:, kept] for state in states)
        if lengths is None:
            batch = Batch(size=size, seq_len=steps)
        else:
            batch = Batch(lengths=tuple(int(length) for length in lengths[kept]))
            order = list(batch.order)
            inside, own = inside[: batch.seq_len, order], tuple(s[:, order] for s in own)
        flat = replace(spec, batch_first=False)
        world = NodeWorld(node, Feed(flat, batch, weights, inside, own))
        for _ in walk(world):
            pass
        result = world.result
        assert result.output is not None
        part = result.output.reshape(len(result.output), len(kept), directions, hidden)
        y[: len(part), :, kept] = part.transpose(0, 2, 1, 3)
        for final, state in zip(finals, (result.hn, result.cn)):
            final[:, kept] = state
    if node.layout:
        y, finals = y.transpose(2, 0, 1, 3), [final.transpose(1, 0, 2) for final in finals]
    return Outputs(y, *finals)


def _state(node: Node, name: str, given: Any, size: int, dtype: Any) -> Array:
    """A state as (D, N, H)."""
    shape = (node.spec.num_directions, size, node.hidden_size)
    value = node.inputs.get(name) if given is None else given
    if value is None:
        return np.zeros(shape, dtype)
    expected = (shape[1], shape[0], shape[2]) if node.layout else shape
    array: Array = np.asarray(value, dtype)
    if array.shape != expected:
        raise ShapeError(
            f"{node.title}: expected {name} of {write_shape(expected)}",
            got=write_shape(array.shape),
            fix="a state has D directions and X's batch; layout 1 puts the batch first",
        )
    return array.transpose(1, 0, 2) if node.layout else array


def _lengths(node: Node, given: Any, steps: int, size: int) -> Array | None:
    value = node.inputs.get("sequence_lens") if given is None else given
    if value is None:
        return None
    lengths = np.asarray(value)
    if lengths.shape != (size,) or lengths.min() < 0 or lengths.max() > steps:
        raise ShapeError(
            f"{node.title}: expected sequence_lens of {size} lengths from 0 to {steps}",
            got=", ".join(map(str, lengths.reshape(-1)[:20].tolist())) or "none",
            fix="give one length for each sequence of X",
        )
    return None if (lengths == steps).all() else lengths
