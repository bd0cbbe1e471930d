"""Seeded random numbers: parameters as torch initialises them, inputs as torch.randn draws them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from ..errors import UsageError
from ..network.batch import Batch
from ..network.dims import Dim, Shape, needs_numbers
from ..network.head import Head
from ..network.spec import Parameter, Spec
from .feed import MOST_NUMBERS, MOST_STEPS, MOST_WALKED, Feed, check_steps, feed

Array = np.ndarray[Any, Any]


def check_numbers(shapes: Iterable[Shape], **sizes: Dim) -> None:
    """Refuse sizes that are symbols, and shapes too large to be drawn at random."""
    for name, size in sizes.items():
        if not isinstance(size, int):
            raise needs_numbers(name, size)
    known: Any = shapes
    total = sum(prod(shape) for shape in known)
    if total > MOST_NUMBERS:
        raise UsageError(
            f"sizes: expected at most {MOST_NUMBERS:,} numbers to draw at random",
            got=f"{total:,}",
            fix="give smaller sizes; shapes without values need no memory for them",
        )


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
    bound = 1 / math.sqrt(inputs) if inputs else 0.0  # as torch, of a cell of no width
    drawn = {}
    for parameter in parameters:
        shape: Any = parameter.shape
        drawn[parameter.name] = generator.uniform(-bound, bound, shape).astype(dtype)
        if parameter.number is not None:  # the cell's file gives it
            drawn[parameter.name] = np.full(shape, parameter.number, dtype)
    return drawn


def drawn_masks(spec: Spec, batch: Batch, generator: np.random.Generator, dtype: Any) -> Any:
    """What dropout multiplies the output of each layer but the last with, in training.

    Each mask (T, N, D·R): 0 with probability p, else 1 / (1 − p), as torch.nn.Dropout.
    """
    share = 1 - spec.dropout
    shape: Any = (batch.seq_len, batch.size, spec.output_size)
    scale = 1 / share if share else 0.0
    return tuple(
        ((generator.random(shape) < share) * scale).astype(dtype)
        for _ in range(spec.num_layers - 1)
    )


def drawn_tensor(
    name: str, spec: Spec, batch: Batch, generator: np.random.Generator, dtype: Any
) -> Array:
    """input, h0 or c0 from the standard normal distribution, in its shape."""
    shape: Any = batch.tensors(spec)[name]
    drawn: Array = generator.standard_normal(shape).astype(dtype)
    return drawn


def drawn_feed(
    spec: Spec,
    batch: Batch,
    head: Head | None = None,
    *,
    weights: Mapping[str, Any] | None = None,
    input: Any = None,
    states: Mapping[str, Any] | None = None,
    seed: int = 0,
    dtype: str = "float32",
    train: bool = False,
    walked: bool = False,
) -> Feed:
    """A forward call: what is given as it is, the parameters and the input else drawn.

    states: by name arrays, or the word "random" to draw one; zeros where they are left out.
    An `input` says N and T, whatever the batch does. train: dropout drops. walked: it will be
    walked, which takes longer than compiled steps. Raises UsageError where a size is left open, or
    where there are more numbers than memory should hold or more steps than somebody waits for.
    """
    generator = np.random.default_rng(seed)
    check_numbers(
        [] if weights is not None else spec.parameters().values(),
        input_size=spec.input_size,
        hidden_size=spec.hidden_size,
    )
    parameters = drawn_weights(spec, generator, dtype) if weights is None else dict(weights)
    if input is None:
        check_numbers(batch.tensors(spec).values(), batch_size=batch.size, seq_len=batch.seq_len)
        length: Any = batch.seq_len
        check_steps(spec, length, MOST_WALKED if walked else MOST_STEPS, "values")
        input = drawn_tensor("input", spec, batch, generator, dtype)
    else:
        batch = feed(spec, parameters, input, None, None, batch.lengths).batch
    given = {}
    for name, state in (states or {}).items():
        drawn = isinstance(state, str) and name in spec.state_names
        given[name] = drawn_tensor(f"{name}0", spec, batch, generator, dtype) if drawn else state
    if head is not None:
        shapes = [*(parameter.shape for parameter in head.parameters(spec)),
                  head.output(spec, batch)]  # fmt: skip
        check_numbers(shapes, output_size=head.size)
        if "head.weight" not in parameters:
            parameters |= drawn_head(head, spec, generator, dtype)
    source = feed(spec, parameters, input, None, None, batch.lengths, head, given)
    if train and spec.dropout:
        source = replace(source, masks=drawn_masks(spec, source.batch, generator, dtype))
    return source
