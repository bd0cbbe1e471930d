"""The options of the backward, declared once for every command that goes on in reverse."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..engine.backward import Back
from ..errors import UsageError
from .shared import Command, first_set, with_options

if TYPE_CHECKING:
    from ..analysis.trace import Trace


def _option(kind: Any, *names: str, **more: Any) -> Any:
    return Annotated[
        kind | None,
        typer.Option(*names, show_default=False, rich_help_panel="The backward", **more),
    ]


_OPTIONS: dict[str, Any] = {
    "backward": _option(bool, "--backward", help="Go on in reverse: backpropagation through time."),
    "grad_output": _option(str, metavar="G.npy",
                           help="The gradient of a loss by output; ones unless given."),
    "loss": _option(str, metavar="sum|mse|cross-entropy", help="A loss of the head's o.",
                    autocompletion=lambda: ["sum", "mse", "cross-entropy"]),
    "target": _option(str, metavar="Y.npy", help="What o is compared with; drawn unless given."),
    "tbptt": _option(int, metavar="K", help="Truncate: cut the graph every K steps."),
}  # fmt: skip


@dataclass(frozen=True)
class Gradients:
    """What the command line says of the backward."""

    backward: bool = False
    grad_output: str | None = None
    loss: str | None = None
    target: str | None = None
    tbptt: int | None = None

    @property
    def asked(self) -> dict[str, Any]:
        """By option."""
        return {"--backward": self.backward, "--grad-output": self.grad_output,
                "--loss": self.loss, "--target": self.target, "--tbptt": self.tbptt}  # fmt: skip

    @property
    def files(self) -> bool:
        """Whether a file is named, which asks for numbers."""
        return self.grad_output is not None or self.target is not None

    def wanted(self, subject: Trace) -> Trace:
        """The trace with its backward, where one is asked for. Raises UsageError."""
        self._check(subject)
        if subject.head is not None and (self.backward or self.loss):
            head = replace(subject.head, loss=self.loss or "sum")
            feed = subject.feed and replace(subject.feed, head=head)
            subject = replace(subject, head=head, feed=feed)
        if not self.backward:
            return subject
        return replace(subject, back=Back(self.tbptt))

    def numbers(self, subject: Trace, seed: int) -> Trace:
        """The same with what the backward begins with, read from files or drawn."""
        subject = self.wanted(subject)
        if subject.feed is None or (subject.back is None and self.loss is None):
            return subject
        import numpy as np

        from ..models.files import read_array
        from ..numeric.loss import with_grad_output, with_loss

        feed = subject.feed
        if subject.head is not None:
            target = None if self.target is None else read_array(self.target, "target")
            return replace(subject, feed=with_loss(feed, target, np.random.default_rng(seed)))
        given = None if self.grad_output is None else read_array(self.grad_output, "grad-output")
        return replace(subject, feed=with_grad_output(feed, given))

    def _check(self, subject: Trace) -> None:
        if self.loss is not None and subject.head is None:
            raise UsageError(
                "--loss: expected beside --output-size, since a loss is taken of the head's o",
                got="no head",
                fix=f"--output-size 3 --loss {self.loss}",
            )
        if self.target is not None and self.loss is None:
            raise UsageError("--target: expected beside --loss", got="no loss",
                             fix=f"--output-size 3 --loss mse --target {self.target}")  # fmt: skip
        alone = first_set({"--grad-output": self.grad_output, "--tbptt": self.tbptt})
        if alone is not None and not self.backward:
            raise UsageError(f"{alone}: expected beside --backward", got="the forward alone",
                             fix=f"--backward {alone} {self.asked[alone]}")  # fmt: skip
        if self.grad_output is not None and subject.head is not None:
            raise UsageError(
                "--grad-output: expected without a head, whose loss says what comes to output",
                got="both",
                fix="leave out --grad-output, or --output-size",
            )


def gradient_options(command: Command) -> Command:
    """Give `command` the options of the backward, in place of its argument `gradients`."""

    def given(values: dict[str, Any]) -> Gradients:
        return Gradients(**{name: value for name, value in values.items() if value is not None})

    return with_options(command, "gradients", _OPTIONS, given)
