"""A problem: what was expected, what came, what torch says, why, and how to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import TorchError
from ..network.dims import Dim, Symbol, json_dim, json_shape
from ..network.spec import Spec


@dataclass(frozen=True)
class Problem:
    """Something that does not fit.

    tensor: input, h0, c0, output, hn, cn, lengths, or an argument of the constructor. expected and
    got: shapes as tuples; for an argument its value and what it should be; None where there should
    be nothing, or nothing came. torch: what torch raises at this point, None where it is silent.
    """

    tensor: str
    expected: Any
    got: Any
    why: str
    fix: str
    torch: TorchError | None = None

    def to_dict(self) -> dict[str, Any]:
        """One of the `problems` of rnnshape/check/1."""
        return {
            "tensor": self.tensor,
            "expected": plain(self.expected),
            "got": plain(self.got),
            "torch": None if self.torch is None else self.torch._asdict(),
            "why": self.why,
            "fix": self.fix,
        }


def plain(value: Any) -> Any:
    """A value as it stands in JSON."""
    if isinstance(value, tuple):
        return json_shape(value)
    if isinstance(value, Symbol):
        return json_dim(value)
    if isinstance(value, float) and not abs(value) < float("inf"):
        return repr(value)
    return value if isinstance(value, str | int | float | None) else repr(value)


def layer_code(spec: Spec, **changed: Any) -> str:
    """The line that builds a layer, perhaps with other arguments."""
    made = replace(spec, **changed)
    return f"{'cell' if made.single else 'rnn'} = {made.code}"


def counted(number: Dim, noun: str) -> str:
    """`1 layer`, `3 layers`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def joined(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def listed(shape: Sequence[Dim]) -> str:
    """A shape as the arguments of torch.zeros, or inside brackets."""
    return ", ".join(map(str, shape))
