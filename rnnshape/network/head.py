"""The output head: o = g(W·h + b) on top of a recurrent network, a torch.nn.Linear."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import UsageError
from .batch import Batch
from .dims import Dim, Shape, Symbol
from .spec import Parameter, Spec

ACTIVATIONS = ("none", "softmax", "sigmoid", "tanh")
PLACES = ("every", "last")
LOSSES = ("sum", "mse", "cross-entropy")


@dataclass(frozen=True)
class Head:
    """o_t = g₂(W_ya·h_t + b_y) at every step, or one o from the final states of the last layer.

    size: K, the width of o; activation g₂: none, softmax (over K), sigmoid or tanh; at: every or
    last; loss: sum, or torch's mse_loss or cross_entropy of o, means over what is no padding.
    Raises UsageError.
    """

    size: Dim
    activation: str = "none"
    at: str = "every"
    loss: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.size, Symbol) and (not isinstance(self.size, int) or self.size < 1):
            raise UsageError(
                "--output-size: expected an integer greater than zero, or a name",
                got=repr(self.size)[:40],
                fix="--output-size 3",
            )
        for option, value, known in (
            ("--output-activation", self.activation, ACTIVATIONS),
            ("--output-at", self.at, PLACES),
            ("--loss", self.loss, LOSSES),
        ):
            if value is not None and value not in known:
                raise UsageError(
                    f"{option}: expected {', '.join(known)}",
                    got=repr(value[:40]),
                    fix=f"{option} {known[0]}",
                )

    def parameters(self, spec: Spec) -> tuple[Parameter, ...]:
        """head.weight (K, D·R) and head.bias (K), named as in a model whose Linear is `head`.

        The head reads what the last layer puts out: both directions joined, projected where
        there is a projection.
        """
        width = f"{'2' if spec.bidirectional else ''}{'P' if spec.proj_size else 'H'}"
        return (
            Parameter("head.weight", (self.size, spec.output_size), f"(K, {width})", "head.weight"),
            Parameter("head.bias", (self.size,), "(K)", "head.bias"),
        )

    def output(self, spec: Spec, batch: Batch) -> Shape:
        """The shape of o: that of output with K features, or without time where at is last.

        Raises UsageError for a cell module, which has no output.
        """
        spec.check_layer("--output-size", "leave out --output-size")
        shape = batch.tensors(spec)["output"]
        if self.at == "every":
            return (*shape[:-1], self.size)
        return (self.size,) if batch.unbatched else (batch.size, self.size)

    def compared(self, batch: Batch) -> Dim:
        """How many numbers the mean of the loss is taken over: those of o, or of its classes."""
        steps: Dim = batch.size if self.at == "last" else batch.real_steps
        return steps * self.size if self.loss == "mse" else steps
