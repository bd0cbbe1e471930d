"""The options of the gradient's flow back through time, of `rnnshape run` alone."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from .shared import Command, with_options

if TYPE_CHECKING:
    from ..analysis.flow import Curve
    from ..analysis.trace import Trace
    from .gradients import Gradients
    from .numbers import Numbers


def _option(kind: Any, *names: str, **more: Any) -> Any:
    return Annotated[
        kind | None,
        typer.Option(*names, show_default=False, rich_help_panel="The backward", **more),
    ]


_OPTIONS: dict[str, Any] = {
    "flow": _option(bool, "--flow", help="Plot how the gradient vanishes or explodes over time: "
                    "the norm of ∂h_T/∂h_t."),
    "spectral_radius": _option(str, metavar="R",
                               help="Scale what is drawn for weight_hh to this radius."),
}  # fmt: skip


@dataclass(frozen=True)
class Flow:
    """What the command line says of the flow."""

    flow: bool = False
    spectral_radius: str | None = None

    @property
    def asked(self) -> dict[str, Any]:
        """By option."""
        return {"--flow": self.flow, "--spectral-radius": self.spectral_radius}

    @property
    def radius(self) -> float | None:
        """The spectral radius as a number. Raises UsageError."""
        if self.spectral_radius is None:
            return None
        try:
            radius = float(self.spectral_radius)
        except ValueError:
            radius = 0.0
        if not (isfinite(radius) and radius > 0):
            raise UsageError(
                "--spectral-radius: expected a number greater than 0",
                got=repr(self.spectral_radius[:40]),
                fix="--spectral-radius 1",
            )
        return radius

    def check(self, gradients: Gradients, numbers: Numbers) -> None:
        """Refuse what does not go together. Raises UsageError."""
        if self.flow and not gradients.backward:
            raise UsageError("--flow: expected beside --backward", got="the forward alone",
                             fix="--backward --flow")  # fmt: skip
        if self.radius is None:
            return
        if not self.flow:
            raise UsageError(
                "--spectral-radius: expected beside --backward --flow", got="no --flow",
                fix=f"--backward --flow --spectral-radius {self.spectral_radius}",
            )  # fmt: skip
        if numbers.weights is not None:
            raise UsageError(
                "--spectral-radius: expected without --weights, since it scales what is drawn",
                got="both",
                fix="leave out one of them",
            )

    def scaled(self, subject: Trace) -> Trace:
        """The trace with weights of the spectral radius that is asked for."""
        if self.radius is None or subject.feed is None:
            return subject
        from dataclasses import replace

        from ..analysis.flow import with_radius

        return replace(subject, feed=with_radius(subject.feed, self.radius))

    def curves(self, subject: Trace, numbers: Numbers) -> list[Curve]:
        """The network's curves, and where its weights are drawn those of the other cells."""
        if not self.flow or subject.feed is None:
            return []
        subject.spec.check_layer("--flow", "leave out --flow")
        import numpy as np

        from ..analysis.flow import check_work, flow, label, others, with_radius

        back = subject.back
        assert back is not None
        sources = [subject.feed]
        if numbers.weights is None:
            seed = numbers.seed
            drawn = others(subject.feed, lambda: np.random.default_rng(seed))
            sources += [with_radius(source, self.radius) for source in drawn]
        check_work(sources)
        return [curve for source in sources for curve in flow(source, label(source.spec), back)]


def flow_options(command: Command) -> Command:
    """Give `command` the options of the flow, in place of its argument `flow`."""

    def given(values: dict[str, Any]) -> Flow:
        return Flow(**{name: value for name, value in values.items() if value is not None})

    return with_options(command, "flow", _OPTIONS, given)
