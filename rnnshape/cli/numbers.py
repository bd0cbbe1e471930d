"""The numbers of a command: read from files where they are named, drawn where they are not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..analysis.trace import Trace
from ..engine.backward import Back
from ..errors import UsageError, check_choice
from ..network.head import LOSSES
from .options import Network, Pair, by_option, first_set, taking
from .output import write_notes

if TYPE_CHECKING:
    from ..analysis.flow import Curve

DTYPES = ("float32", "float64", "float16")


def _option(kind: Any, panel: str, *names: str, **more: Any) -> Any:
    default = {"show_default": False} | more
    return Annotated[kind | None, typer.Option(*names, rich_help_panel=panel, **default)]


_NUMBERS = "The numbers"
_BACKWARD = "The backward"
_NUMBER_OPTIONS: dict[str, Any] = {
    "weights": _option(str, _NUMBERS, metavar="FILE",
                       help="A checkpoint or weights file of any format that inspect reads."),
    "module": _option(str, _NUMBERS, metavar="NAME", help="The part of the file to take."),
    "input": _option(str, _NUMBERS, metavar="X.npy", help="Drawn unless given."),
    "h0": _option(str, _NUMBERS, metavar="H.npy|random", help="Zeros unless given."),
    "c0": _option(str, _NUMBERS, metavar="C.npy|random", help="Zeros unless given; lstm only."),
    "state0": _option(list[str], _NUMBERS, "--state0", metavar="NAME=S.npy|random",
                      help="A state of a written cell by its name; again and again."),
    "seed": _option(int, _NUMBERS, show_default="0", help="Of what is drawn."),
    "dtype": _option(str, _NUMBERS, show_default="float32", help="float32, float64 or float16."),
    "train": _option(bool, _NUMBERS, "--train",
                     help="With dropout between layers, as in training."),
}  # fmt: skip


@dataclass(frozen=True)
class Numbers:
    """What the command line says of weights and inputs; files by name, `random` to be drawn."""

    weights: str | None = None
    module: str | None = None
    input: str | None = None
    h0: str | None = None
    c0: str | None = None
    state0: tuple[str, ...] = ()
    seed: int = 0
    dtype: str = "float32"
    train: bool = False

    @property
    def sources(self) -> dict[str, Any]:
        """By option: what asks for numbers, all but the seed and the dtype of those drawn."""
        drawing = ("--seed", "--dtype")
        chosen = by_option(self) | {"--state0": self.state0 or None}
        return {name: value for name, value in chosen.items() if name not in drawing}

    @property
    def states(self) -> dict[str, str]:
        """By name: the file of each state that is given. Raises UsageError."""
        short = {"h": self.h0, "c": self.c0}
        found = {name: source for name, source in short.items() if source is not None}
        for text in self.state0:
            name, equals, source = text.partition("=")
            if not equals or not name or not source:
                raise UsageError("--state0: expected NAME=FILE.npy", got=repr(text[:60]),
                                 fix="--state0 h=h0.npy")  # fmt: skip
            if name in found:
                option = f"--{name}0" if short.get(name) else "--state0"
                raise Pair(f"--state0: expected {name[:40]} once", option, got="twice")
            found[name] = source
        return found

    def read_input(self) -> Any:
        """The input that is named, None where there is none. Raises UsageError."""
        from ..models.files import read_array

        return None if self.input is None else read_array(self.input, "input")

    def read_states(self, *names: str) -> dict[str, Any]:
        """By name: the states that are given, or those of `names`; "random" stays a word."""
        from ..models.files import read_array

        return {
            name: source if source == "random" else read_array(source, f"{name}0")
            for name, source in self.states.items()
            if name in (names or self.states)
        }

    @property
    def drawing(self) -> dict[str, Any]:
        """By option: how numbers are drawn, where it is not the default."""
        return {"--seed": self.seed or None,
                "--dtype": None if self.dtype == "float32" else self.dtype}  # fmt: skip

    @property
    def asked(self) -> bool:
        """Whether any option asks for numbers."""
        return first_set(self.sources) is not None


number_options = taking("numbers", _NUMBER_OPTIONS, Numbers)


def numeric_trace(network: Network, numbers: Numbers, walked: bool = False) -> Trace:
    """The network over true numbers: those of the files that are named, the others drawn.

    h0 and c0 are zeros, as in torch, unless they are named or drawn for the word `random`;
    dropout drops only with --train. Raises UsageError.
    """
    check_drawing(numbers.seed, numbers.dtype)
    if numbers.module is not None and numbers.weights is None:
        raise module_alone()
    from ..network.spec import Spec
    from ..numeric.random import drawn_feed

    spec, weights = network.spec if numbers.weights is None else None, None
    if numbers.weights is not None and "equations" in network.arguments:
        from ..models.files import read_parameters
        from ..numeric.feed import typed

        cell = network.arguments["equations"]
        stored = read_parameters(numbers.weights, cell.rules, cell.numbers, numbers.module)
        sizes = cell.told_by({name: array.shape for name, array in stored.items()})
        spec = Spec.from_dict(sizes | network.arguments)
        weights = typed(stored, numbers.dtype)
    elif numbers.weights is not None:
        from ..models.files import read_weights
        from ..models.networks.find import completed
        from ..numeric.feed import typed

        stored = read_weights(numbers.weights, numbers.module)
        write_notes(stored.notes)
        spec = completed(stored, network.arguments)
        weights = typed(stored, numbers.dtype)
    assert spec is not None
    option = network.first("batch_size", "seq_len", "unbatched")
    if numbers.input is not None and option is not None:
        raise Pair(f"{option}: expected without --input, whose shape says it", option, "--input")
    source = drawn_feed(
        spec,
        network.batch_for(spec),
        network.head,
        weights=weights,
        input=numbers.read_input(),
        states=numbers.read_states(),
        seed=numbers.seed,
        dtype=numbers.dtype,
        train=numbers.train,
        walked=walked,
    )
    return Trace(spec, source.batch, source, network.head)


def module_alone() -> UsageError:
    """The error for a part of a file where no file is named."""
    words, added = "--module: expected beside --weights", "--weights model.safetensors"
    return Pair(words, got="no weights", added=added)


def check_drawing(seed: int, dtype: str) -> None:
    """Refuse what no numbers can be drawn with."""
    check_choice("--dtype", dtype, DTYPES, "float32")
    if seed < 0:
        raise UsageError("--seed: expected 0 or more", got=str(seed), fix="--seed 0")


_GRADIENT_OPTIONS: dict[str, Any] = {
    "backward": _option(bool, _BACKWARD, "--backward",
                        help="Go on in reverse: backpropagation through time."),
    "grad_output": _option(str, _BACKWARD, metavar="G.npy",
                           help="The gradient of a loss by output; ones unless given."),
    "loss": _option(str, _BACKWARD, metavar="|".join(LOSSES),
                    help="A loss of the head's o."),
    "target": _option(str, _BACKWARD, metavar="Y.npy",
                      help="What o is compared with; drawn unless given."),
    "tbptt": _option(int, _BACKWARD, metavar="K", help="Truncate: cut the graph every K steps."),
}  # fmt: skip


@dataclass(frozen=True)
class Gradients:
    """What the command line says of the backward."""

    backward: bool = False
    grad_output: str | None = None
    loss: str | None = None
    target: str | None = None
    tbptt: int | None = None

    asked = property(by_option)

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
        from ..numeric.feed import with_grad_output, with_loss

        feed = subject.feed
        if subject.head is not None:
            target = None if self.target is None else read_array(self.target, "target")
            return replace(subject, feed=with_loss(feed, target, np.random.default_rng(seed)))
        gradient = None if self.grad_output is None else read_array(self.grad_output, "grad-output")
        return replace(subject, feed=with_grad_output(feed, gradient))

    def _check(self, subject: Trace) -> None:
        if self.loss is not None and subject.head is None:
            words = "--loss: expected beside --output-size, since a loss is taken of the head's o"
            raise Pair(words, got="no head", added="--output-size 3")
        if self.target is not None and self.loss is None:
            added = "--loss mse" if subject.head else "--output-size 3 --loss mse"
            raise Pair("--target: expected beside --loss", got="no loss", added=added)
        alone = first_set({"--grad-output": self.grad_output, "--tbptt": self.tbptt})
        if alone is not None and not self.backward:
            words = f"{alone}: expected beside --backward"
            raise Pair(words, got="the forward alone", added="--backward")
        if self.grad_output is not None and subject.head is not None:
            words = "--grad-output: expected without a head, whose loss says what comes to output"
            raise Pair(words, "--grad-output", "--output-size")


gradient_options = taking("gradients", _GRADIENT_OPTIONS, Gradients)

_FLOW_OPTIONS: dict[str, Any] = {
    "flow": _option(bool, _BACKWARD, "--flow",
                    help="Plot how the gradient vanishes or explodes over time: "
                    "the norm of ∂h_T/∂h_t."),
    "spectral_radius": _option(str, _BACKWARD, metavar="R",
                               help="Scale what is drawn for weight_hh to this radius."),
}  # fmt: skip


@dataclass(frozen=True)
class Flow:
    """What the command line says of the flow."""

    flow: bool = False
    spectral_radius: str | None = None

    asked = property(by_option)

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
            words = "--flow: expected beside --backward"
            raise Pair(words, got="the forward alone", added="--backward")
        if self.radius is None:
            return
        if not self.flow:
            added = "--flow" if gradients.backward else "--backward --flow"
            words = "--spectral-radius: expected beside --backward --flow"
            raise Pair(words, got="no --flow", added=added)
        if numbers.weights is not None:
            words = "--spectral-radius: expected without --weights, since it scales what is drawn"
            raise Pair(words, "--spectral-radius", "--weights")

    def scaled(self, subject: Trace) -> Trace:
        """The trace with weights of the spectral radius that is asked for."""
        if self.radius is None or subject.feed is None:
            return subject
        from ..analysis.flow import with_radius

        return replace(subject, feed=with_radius(subject.feed, self.radius))

    def curves(self, subject: Trace, numbers: Numbers) -> list[Curve]:
        """The network's curves, and where its weights are drawn those of the other cells."""
        if not self.flow or subject.feed is None:
            return []
        subject.spec.check_layer("--flow", "leave out --flow")
        from ..analysis.flow import curves

        assert subject.back is not None
        seed = numbers.seed if numbers.weights is None else None
        return curves(subject.feed, subject.back, seed, self.radius)


flow_options = taking("flow", _FLOW_OPTIONS, Flow)
