"""Seeded random numbers: parameters as torch initialises them, inputs as torch.randn draws them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..network.batch import Batch
from ..network.head import Head
from ..network.spec import Parameter, Spec

Array = np.ndarray[Any, Any]


def drawn_weights(spec: Spec, generator: np.random.Generator, dtype: Any) -> dict[str, Array]:
    """Parameters uniform in ±1/√H, in torch's order (RNNBase.reset_parameters)."""
    return _uniform(spec.parameter_list(), spec.hidden_size, generator, dtype)


def drawn_head(
    head: Head, spec: Spec, generator: np.random.Generator, dtype: Any
) -> dict[str, Array]:
    """A head's parameters uniform in ±1/√(D·R), its inputs (Linear.reset_parameters)."""
    return _uniform(head.parameters(spec), spec.output_size, generator, dtype)


def _uniform(
    parameters: Iterable[Parameter], inputs: Any, generator: np.random.Generator, dtype: Any
) -> dict[str, Array]:
    bound = 1 / math.sqrt(inputs)
    drawn = {}
    for parameter in parameters:
        shape: Any = parameter.shape
        drawn[parameter.name] = generator.uniform(-bound, bound, shape).astype(dtype)
    return drawn


def drawn_masks(spec: Spec, batch: Batch, generator: np.random.Generator, dtype: Any) -> Any:
    """What dropout multiplies the output of each layer but the last with, in training.

    Each mask (T, N, D·R): 0 with probability p, else 1 / (1 − p), as torch.nn.Dropout.
    """
    kept = 1 - spec.dropout
    shape: Any = (batch.seq_len, batch.size, spec.output_size)
    scale = 1 / kept if kept else 0.0
    return tuple(
        ((generator.random(shape) < kept) * scale).astype(dtype) for _ in range(spec.num_layers - 1)
    )


def drawn_tensor(
    name: str, spec: Spec, batch: Batch, generator: np.random.Generator, dtype: Any
) -> Array:
    """input, h0 or c0 from the standard normal distribution, in its shape."""
    shape: Any = batch.tensors(spec)[name]
    drawn: Array = generator.standard_normal(shape).astype(dtype)
    return drawn
