"""The numbers of a command: read from files where they are named, drawn where they are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

import typer

from ..analysis.trace import Trace
from ..errors import UsageError
from .options import Network
from .shared import Command, check_choice, first_set, with_options

_DTYPES = ("float32", "float64", "float16")


def _option(kind: Any, *names: str, **more: Any) -> Any:
    default = {"show_default": False} | more
    return Annotated[kind | None, typer.Option(*names, rich_help_panel="The numbers", **default)]


_OPTIONS: dict[str, Any] = {
    "weights": _option(str, metavar="FILE",
                       help="A checkpoint or weights file of any format that inspect reads."),
    "module": _option(str, metavar="NAME", help="The part of the file to take."),
    "input": _option(str, metavar="X.npy", help="Drawn unless given."),
    "h0": _option(str, metavar="H.npy|random", help="Zeros unless given."),
    "c0": _option(str, metavar="C.npy|random", help="Zeros unless given; lstm only."),
    "seed": _option(int, show_default="0", help="Of what is drawn."),
    "dtype": _option(str, show_default="float32", help="float32, float64 or float16."),
    "train": _option(bool, "--train", help="With dropout between layers, as in training."),
}  # fmt: skip


@dataclass(frozen=True)
class Numbers:
    """What the command line says of weights and inputs; files by name, `random` to be drawn."""

    weights: str | None = None
    module: str | None = None
    input: str | None = None
    h0: str | None = None
    c0: str | None = None
    seed: int = 0
    dtype: str = "float32"
    train: bool = False

    @property
    def sources(self) -> dict[str, Any]:
        """By option: what asks for numbers, all but the seed and the dtype of those drawn."""
        return {"--weights": self.weights, "--module": self.module, "--input": self.input,
                "--h0": self.h0, "--c0": self.c0, "--train": self.train}  # fmt: skip

    @property
    def drawing(self) -> dict[str, Any]:
        """By option: how numbers are drawn, where it is not the default."""
        defaults = Numbers()
        return {"--seed": None if self.seed == defaults.seed else self.seed,
                "--dtype": None if self.dtype == defaults.dtype else self.dtype}  # fmt: skip

    @property
    def asked(self) -> bool:
        """Whether any option asks for numbers."""
        return first_set(self.sources) is not None


def number_options(command: Command) -> Command:
    """Give `command` the options of weights and inputs, in place of its argument `numbers`."""

    def given(values: dict[str, Any]) -> Numbers:
        return Numbers(**{name: value for name, value in values.items() if value is not None})

    return with_options(command, "numbers", _OPTIONS, given)


def numeric_trace(network: Network, numbers: Numbers) -> Trace:
    """The network over true numbers.

    Parameters and input are drawn with the seed where no file is named; h0 and c0 are zeros, as
    in torch, or drawn for the word `random`; dropout drops only with --train. Raises UsageError.
    """
    weights, module, dtype = numbers.weights, numbers.module, numbers.dtype
    check_drawing(numbers.seed, dtype)
    if module is not None and weights is None:
        raise module_alone()
    import numpy as np

    from ..models.files import read_array
    from ..models.networks.find import completed
    from ..numeric.feed import feed
    from ..numeric.kept import check_numbers
    from ..numeric.random import drawn_head, drawn_masks, drawn_tensor, drawn_weights

    generator = np.random.default_rng(numbers.seed)
    if weights is None:
        spec = network.spec
        check_numbers(list(spec.parameters().values()), input_size=spec.input_size,
                      hidden_size=spec.hidden_size)  # fmt: skip
        parameters: Any = drawn_weights(spec, generator, dtype)
    else:
        parameters = _read_parameters(weights, module, dtype)
        spec = completed(parameters, network.arguments)
        check_numbers([], input_size=spec.input_size, hidden_size=spec.hidden_size)
    lengths = network.lengths
    batch = network.batch_for(spec)
    if numbers.input is not None:
        x = read_array(numbers.input, "input")
        contradicted = network.says("batch_size", "seq_len", "unbatched")
        if contradicted:
            option = "--" + contradicted[0].replace("_", "-")
            raise UsageError(
                f"{option}: expected without --input, whose shape says it",
                got="both",
                fix=f"leave out {option}",
            )
    else:
        shapes = list(batch.tensors(spec).values())
        check_numbers(shapes, size=batch.size, seq_len=batch.seq_len)
        x = drawn_tensor("input", spec, batch, generator, dtype)
    if numbers.c0 is not None and not spec.has_cell_state:
        raise UsageError(
            "--c0: expected for an lstm alone", got=f"--cell {spec.cell}", fix="leave out --c0"
        )
    states = {}
    for name, source in (("h0", numbers.h0), ("c0", numbers.c0)):
        if source == "random":
            if numbers.input is not None:
                batch = feed(spec, parameters, x, None, None, lengths).batch
            states[name] = drawn_tensor(name, spec, batch, generator, dtype)
        elif source is not None:
            states[name] = read_array(source, name)
    head = network.head
    if head is not None:
        shapes = [parameter.shape for parameter in head.parameters(spec)]
        shapes.append(head.output(spec, batch))
        check_numbers(shapes, output_size=head.size, size=batch.size, seq_len=batch.seq_len)
    if head is not None and "head.weight" not in parameters:
        parameters |= drawn_head(head, spec, generator, dtype)
    given = (x, states.get("h0"), states.get("c0"), lengths, head)
    source_feed = feed(spec, parameters, *given)
    if numbers.train and spec.dropout:
        masks = drawn_masks(spec, source_feed.batch, generator, dtype)
        source_feed = replace(source_feed, masks=masks)
    return Trace(spec, source_feed.batch, source_feed, head)


def module_alone() -> UsageError:
    """The error for a part of a file where no file is named."""
    return UsageError(
        "--module: expected beside --weights",
        got="no weights",
        fix="--weights model.safetensors --module encoder.rnn",
    )


def _read_parameters(path: str, module: str | None, dtype: str) -> dict[str, Any]:
    from ..models.files import read_weights
    from ..models.networks.find import Weights

    read = read_weights(path, module)
    return Weights(as_drawn(read, dtype), read.arguments)


def as_drawn(arrays: Mapping[str, Any], dtype: str) -> dict[str, Any]:
    """Arrays of a file in the type that numbers are drawn in. Raises UsageError for NaN."""
    import numpy as np

    for name, array in arrays.items():
        if array.dtype.kind == "f" and np.isnan(array).any():
            raise UsageError(
                f"weights: expected numbers in {name}",
                got=f"NaN ({int(np.isnan(array).sum())} of {array.size})",
                fix="save the weights from before the training diverged",
            )
    return {n: a.astype(dtype) if a.dtype.kind == "f" else a for n, a in arrays.items()}


def check_drawing(seed: int, dtype: str) -> None:
    """Refuse what no numbers can be drawn with."""
    check_choice("--dtype", dtype, _DTYPES, "float32")
    if seed < 0:
        raise UsageError("--seed: expected 0 or more", got=str(seed), fix="--seed 0")
