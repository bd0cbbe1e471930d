"""Seeded random numbers: parameters as torch initialises them, inputs as torch.randn draws them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .batch import Batch
from .spec import Spec

Array = np.ndarray[Any, Any]


def drawn_weights(spec: Spec, generator: np.random.Generator, dtype: Any) -> dict[str, Array]:
    """Parameters uniform in ±1/√H, in torch's order (RNNBase.reset_parameters)."""
    hidden: Any = spec.hidden_size
    bound = 1 / math.sqrt(hidden)
    shapes: dict[str, Any] = spec.parameters()
    return {
        name: generator.uniform(-bound, bound, shape).astype(dtype)
        for name, shape in shapes.items()
    }


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
