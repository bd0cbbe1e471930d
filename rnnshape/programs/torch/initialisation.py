"""torch.nn.init: values change, shapes do not; what each refuses of a rank."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..refusal import NotKnown, value_error
from ..tensor import Tensor
from . import row, touch, warn

_RANKS = {
    "xavier_uniform": ((2, None),
    "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"),
    "orthogonal": ((2, None), "Only tensors with 2 or more dimensions are supported"),
    "eye": ((2, 2), "Only tensors with 2 dimensions are supported"),
    "sparse": ((2, 2), "Only tensors with 2 dimensions are supported"),
    "dirac": ((3, 5), "Only tensors with 3, 4, or 5 dimensions are supported"),
}  # fmt: skip
for _name in ("xavier_normal", "kaiming_uniform", "kaiming_normal"):
    _RANKS[_name] = _RANKS["xavier_uniform"]


def _initialised(name: str) -> Callable[..., Tensor]:
    (least, most), message = _RANKS.get(name, ((0, None), ""))

    def rule(tensor: Any, *args: Any, **keywords: Any) -> Tensor:
        if not isinstance(tensor, Tensor):
            raise NotKnown(f"nn.init.{name} of no tensor")
        if 0 in tensor.shape and name.startswith("kaiming"):
            warn("Initializing zero-element tensors is a no-op")
            return tensor
        if tensor.rank < least or (most is not None and tensor.rank > most):
            raise value_error(message, argument=tensor)
        return touch(tensor)

    return rule


for _name in (*_RANKS, "uniform", "normal", "trunc_normal", "constant", "ones", "zeros"):
    row(f"torch.nn.init.{_name}_")(_initialised(_name))
    if _name not in ("trunc_normal", "ones", "zeros"):  # torch keeps the old names of the others
        row(f"torch.nn.init.{_name}")(_initialised(_name))


@row("torch.nn.init.calculate_gain")
def calculate_gain(nonlinearity: str, param: Any = None) -> float:
    slope = 0.01 if param is None else param
    gains = {"tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 3.0 / 4,
             "leaky_relu": math.sqrt(2.0 / (1 + slope**2))}  # fmt: skip
    return gains.get(nonlinearity, 1)
