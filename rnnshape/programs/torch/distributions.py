"""Distributions, as policies and variational models draw from them: batches of numbers."""

from __future__ import annotations

from typing import Any

from ..refusal import NotKnown, value_error
from ..tensor import Tensor, elementwise, reduced
from . import module
from .native import listed


class _Distribution:
    """`self.batch` has the shape of one draw, `self.drawn` its dtype."""

    is_module = False

    def sample(self: Any, sample_shape: Any = ()) -> Tensor:
        batch: Tensor = self.batch
        made = batch.like(dtype=self.drawn, graph=frozenset())
        if not tuple(sample_shape):
            return made
        return made.like(shape=(*sample_shape, *batch.shape), axes=())

    def log_prob(self: Any, value: Any) -> Tensor:
        if not isinstance(value, Tensor):
            raise NotKnown("the probability of what is no tensor")
        for mine, its in zip(reversed(self.batch.shape), reversed(value.shape)):
            if mine != its and 1 not in (mine, its):
                have, want = (f"torch.Size({listed(x.shape)})" for x in (value, self.batch))
                raise value_error(
                    f"Value is not broadcastable with batch_shape+event_shape: {have} vs {want}."
                )
        return elementwise(value, self.batch, dtype=self.batch.dtype)

    def entropy(self: Any) -> Tensor:
        batch: Tensor = self.batch
        return batch.like()


def _of(*given: Any) -> Tensor:
    tensors = [x for x in given if isinstance(x, Tensor)]
    if not tensors:
        raise NotKnown("a distribution of no tensor")
    return elementwise(*tensors)


@module("torch.distributions.Categorical", "torch.distributions.categorical.Categorical")
class Categorical(_Distribution):
    def __init__(
        self: Any, probs: Any = None, logits: Any = None, validate_args: Any = None
    ) -> None:
        x = _of(probs, logits)
        self.probs = self.logits = x
        self.batch, self.drawn = reduced(x, [-1]), "int64"


@module("torch.distributions.Bernoulli", "torch.distributions.bernoulli.Bernoulli")
class Bernoulli(_Distribution):
    def __init__(
        self: Any, probs: Any = None, logits: Any = None, validate_args: Any = None
    ) -> None:
        self.probs = self.logits = self.batch = _of(probs, logits)
        self.drawn = self.batch.dtype


@module("torch.distributions.Normal", "torch.distributions.normal.Normal")
class Normal(_Distribution):
    def __init__(self: Any, loc: Any, scale: Any, validate_args: Any = None) -> None:
        self.loc, self.scale = loc, scale
        self.mean = self.batch = _of(loc, scale)
        self.drawn = self.batch.dtype

    def rsample(self: Any, sample_shape: Any = ()) -> Tensor:
        batch: Tensor = self.batch
        extra = tuple(sample_shape)
        return batch.like(shape=(*extra, *batch.shape), axes=()) if extra else batch.like()
