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


def drawn_tensor(
    name: str, spec: Spec, batch: Batch, generator: np.random.Generator, dtype: Any
) -> Array:
    """input, h0 or c0 from the standard normal distribution, in its shape."""
    shape: Any = batch.tensors(spec)[name]
    drawn: Array = generator.standard_normal(shape).astype(dtype)
    return drawn
