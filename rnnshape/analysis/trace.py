"""What a walk leaves: plain data that every reader takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from ..engine.backward import WHOLE, Back, BackWorld, backward
from ..engine.walk import HEAD, Pass, Step, World, every_step, passes, walk
from ..errors import UsageError
from ..network.batch import Batch, batch_of
from ..network.dims import Dim, Shape, symbol, total
from ..network.head import Head
from ..network.spec import Parameter, Spec

if TYPE_CHECKING:
    from ..numeric.feed import Array, Feed, Result


class Source(NamedTuple):
    """A piece of a result and the cells that it comes from, in the order of their joining."""

    piece: str  # output[4], hn[0]
    cells: tuple[tuple[int, str, str], ...]  # layer, direction, time
    shape: Shape


@dataclass(frozen=True)
class Selection:
    """Which steps to tell: None tells all; `folded` the first, the second and the last of equals.

    Raises UsageError where a network has no such layer, direction or step.
    """

    layer: int | None = None
    direction: str | None = None
    step: int | None = None
    folded: bool = False

    def check(self, spec: Spec, batch: Batch, head: Head | None = None) -> None:
        """Refuse what the network does not have."""
        directions = (*spec.directions, HEAD) if head else spec.directions
        if self.layer is not None and not 0 <= self.layer < spec.num_layers:
            raise UsageError(
                f"--layer: expected a layer from 0 to {spec.num_layers - 1}",
                got=str(self.layer),
                fix="layers count from 0, as in weight_ih_l0",
            )
        if self.direction is not None and self.direction not in directions:
            raise UsageError(
                f"--direction: expected {' or '.join(directions)}",
                got=repr(self.direction),
                fix="add --bidirectional, or choose forward",
            )
        if self.step is None:
            return
        if not isinstance(batch.seq_len, int):
            raise UsageError(
                "--step: expected a number for --seq-len, since a symbolic T is told once",
                got=f"T = {batch.seq_len}",
                fix="--seq-len 5",
            )
        if not 0 <= self.step < batch.seq_len:
            raise UsageError(
                f"--step: expected a time from 0 to {batch.seq_len - 1}",
                got=str(self.step),
                fix="times count from 0, as in output[0]",
            )

    def chosen(self, place: Pass) -> bool:
        """Whether a pass is told."""
        return self.layer in (None, place.layer) and self.direction in (None, place.direction)

    def positions(self, times: range) -> Iterable[int]:
        """The positions that are told within a run of steps on equal rows."""
        if self.step is not None:
            return (times.index(self.step),) if self.step in times else ()
        if self.folded and len(times) > 3:
            return (0, 1, len(times) - 1)
        return every_step(times)

    def positions_back(self, run: range, back: Back) -> Iterable[int]:
        """The same within a run in the backward's order: with the first cut, where there is one."""
        positions = self.positions(run)
        if not isinstance(positions, tuple) or back.tbptt is None or self.step is not None:
            return positions
        around = next((i for i in range(len(run) - 1) if back.cut(run[i + 1], run[i])), None)
        cuts = () if around is None else (around, around + 1, around + 2)
        return sorted({i for i in (*positions, *cuts) if i < len(run)})


class BatchFirst(NamedTuple):
    """The same tensors without and with batch_first, and which of them differ."""

    false: dict[str, Shape]
    true: dict[str, Shape]
    changed: list[str]


@dataclass(frozen=True)
class Trace:
    """A network over a batch, ready to be walked; with `feed`, in numbers too."""

    spec: Spec
    batch: Batch
    feed: Feed | None = None
    head: Head | None = None
    back: Back | None = None

    def __post_init__(self) -> None:
        if self.head is not None:
            self.spec.check_layer("--output-size", "leave out --output-size")
        if self.batch.packed or self.batch.seq_len != 1:
            self.spec.check_layer("--seq-len", "--seq-len 1")

    @property
    def tensors(self) -> dict[str, Shape]:
        """The shapes of input, h0 (c0), output and hn (cn), and of the head's o."""
        tensors = self.batch.tensors(self.spec)
        if self.feed is not None and self.feed.padding is not None:
            tensors["input"] = self.feed.inputs["input"].shape  # it may be longer than what is read
        return tensors if self.head is None else {**tensors, "o": self.head.output(
            self.spec, self.batch)}  # fmt: skip

    @property
    def parameters(self) -> list[Parameter]:
        """Every parameter in torch's order, the head's last."""
        parameters = self.spec.parameter_list()
        return parameters if self.head is None else [*parameters, *self.head.parameters(self.spec)]

    @property
    def parameter_count(self) -> Dim:
        """The number of elements of all parameters."""
        return total(parameter.count for parameter in self.parameters)

    def steps(self, selection: Selection | None = None) -> Iterator[Step]:
        """The steps in the order in which torch computes them, lazily."""
        selection = selection or Selection()
        selection.check(self.spec, self.batch, self.head)
        world = World(self.spec, self.batch, self.head)
        if self.feed is not None:
            from ..numeric.world import ArrayWorld

            world = ArrayWorld(self.feed)
        return walk(world, selection.chosen, selection.positions)

    @cached_property
    def result(self) -> Result | None:
        """Output and final states as the walk leaves them, where there are numbers."""
        if self.feed is None:
            return None
        from ..numeric.world import ArrayWorld

        world = ArrayWorld(self.feed)
        for _ in walk(world):
            pass
        return world.result

    def backward_steps(self, selection: Selection | None = None) -> Iterator[Step]:
        """The steps of the backward in the order in which torch computes them, lazily."""
        selection = selection or Selection()
        selection.check(self.spec, self.batch, self.head)
        back = self.back or WHOLE
        world = BackWorld(self.spec, self.batch, self.head, back)
        if self.feed is not None:
            from ..numeric.world import BackArrays

            world = BackArrays(self.feed, back)
        return backward(world, selection.chosen, lambda run: selection.positions_back(run, back))

    @property
    def gradient_shapes(self) -> dict[str, Shape]:
        """The shapes of grad.input, grad.h0 (grad.c0) and grad.<parameter>."""
        tensors = self.tensors
        names = ["input", *(f"{name}0" for name in self.spec.state_names)]
        shapes = {name: tensors[name] for name in names}
        shapes |= {parameter.name: parameter.shape for parameter in self.parameters}
        return {f"grad.{name}": shape for name, shape in shapes.items()}

    @cached_property
    def gradients(self) -> dict[str, Array]:
        """The gradients as the backward walk leaves them; empty where there are no numbers."""
        if self.feed is None or self.back is None:
            return {}
        from ..numeric.world import BackArrays

        world = BackArrays(self.feed, self.back)
        for _ in backward(world):
            pass
        return world.gradients

    def computed(self) -> tuple[Result, dict[str, Array]]:
        """Result and gradients of a trace over numbers by compiled steps: the same, and sooner."""
        assert self.feed is not None
        if self.back is None:
            from ..numeric.fast.forward import compute

            return compute(self.feed), {}
        from ..numeric.fast.backward import compute_backward

        return compute_backward(self.feed, self.back.tbptt)

    @property
    def batch_first(self) -> BatchFirst:
        """What batch_first changes, and what it leaves alone."""
        false, true = (self.batch.tensors(self.spec, first) for first in (False, True))
        still = self.batch.unbatched or self.spec.single
        return BatchFirst(false, true, [] if still else ["input", "output"])

    @property
    def last_time(self) -> str:
        """The index of the last step."""
        length = self.batch.seq_len
        return str(length - 1) if isinstance(length, int) else f"{length}-1"

    def state_sources(self) -> list[Source]:
        """Where each row of hn (and cn) comes from."""
        sources = []
        for name in self.spec.state_names:
            axes = self.spec.state_shape(name)
            shape = axes if self.batch.unbatched else (self.batch.size, *axes)
            if self.spec.single:
                sources.append(Source(f"{name}n", ((0, "forward", "0"),), shape))
                continue
            for place in passes(self.spec):
                time = "0" if place.direction == "reverse" else self.last_time
                if self.batch.packed and place.direction == "forward":
                    time = "each sequence's own last step"
                cell = (place.layer, place.direction, time)
                sources.append(Source(f"{name}n[{place.row}]", (cell,), shape))
        return sources

    def output_source(self, t: int | str) -> Source:
        """Where output at time t comes from."""
        width = self.spec.output_size
        layer = self.spec.num_layers - 1
        piece = f"output[:, {t}]" if self.cuts_batch_first else f"output[{t}]"
        cells = tuple((layer, direction, str(t)) for direction in self.spec.directions)
        rows: Dim = self.batch.size
        if self.batch.packed and isinstance(t, int):
            rows = sum(length > t for length in self.batch.lengths or ())
        return Source(piece, cells, (width,) if self.batch.unbatched else (rows, width))

    @property
    def cuts_batch_first(self) -> bool:
        """Whether the time is output's second axis."""
        return self.spec.batch_first and not self.batch.unbatched

    def equalities(self) -> list[tuple[str, str]]:
        """Pieces of output and of hn that hold the same numbers, as torch code.

        One direction: output[-1] is hn[-1]. Two: the forward half of the last step is hn[-2], the
        reverse half of the first step is hn[-1]. Packed: at each sequence n's own last step. A
        cell module has no output.
        """
        if self.spec.single or not self.spec.output_state:
            return []
        state = f"{self.spec.output_state}n"
        last, first = "-1", "0"
        if self.batch.packed:
            last = "lengths[n]-1"

        def at(time: str, part: str = "") -> str:
            if self.batch.packed:
                return f"output[{f'n, {time}' if self.spec.batch_first else f'{time}, n'}{part}]"
            if self.batch.unbatched:
                return f"output[{time}{part}]"
            if self.spec.batch_first:
                return f"output[:, {time}{part}]"
            return f"output[{time}{', :' if part else ''}{part}]"

        row = ", n" if self.batch.packed else ""
        if not self.spec.bidirectional:
            return [(at(last), f"{state}[-1{row}]")]
        width = self.spec.state_size
        return [
            (at(last, f", :{width}"), f"{state}[-2{row}]"),
            (at(first, f", {width}:"), f"{state}[-1{row}]"),
        ]


def trace(
    spec: Spec,
    batch_size: Dim | str = 7,
    seq_len: Dim | str | None = None,
    *,
    unbatched: bool = False,
    lengths: Iterable[int] | None = None,
    weights: Mapping[str, Any] | None = None,
    input: Any = None,
    h0: Any = None,
    c0: Any = None,
    head: Head | None = None,
    states: Mapping[str, Any] | None = None,
) -> Trace:
    """Walk `spec` over a batch: over shapes, or with `weights` and `input` in numbers too.

    batch_size N and seq_len T are integers or names of symbolic sizes; T is 5 unless given, and
    a cell module (`Spec(cell="lstm-cell")`) has none. `lengths` makes a packed batch and gives
    N and T. With `weights` (torch's names to arrays) and `input` (T, N, I), N and T follow from
    the input; `states` are those of a written cell by name. A `head` is walked after the last
    layer. Raises UsageError.
    """
    packed = None if lengths is None else tuple(lengths)
    if weights is not None:
        from ..numeric.feed import feed

        source = feed(spec, weights, input, h0, c0, packed, head, states)
        return Trace(spec, source.batch, source, head)
    size, length = (symbol(d) if isinstance(d, str) else d for d in (batch_size, seq_len))
    batch = batch_of(spec, size=size, seq_len=length, unbatched=unbatched, lengths=packed)
    return Trace(spec, batch, head=head)
