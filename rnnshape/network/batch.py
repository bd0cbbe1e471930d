"""What is fed to a network: batch size, sequence length, and the lengths of a packed batch."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..errors import UsageError
from .dims import Dim, Shape, Symbol
from .spec import Spec

LONGEST_PACKED = 10_000_000  # batch_sizes has one entry a step


class Segment(NamedTuple):
    """A run of steps in walking order that work on the same number of rows."""

    times: range
    rows: Dim


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A batch of `size` sequences of `seq_len` steps; N and T.

    unbatched: one sequence without a batch axis (torch adds an axis of 1 and removes it again).
    lengths: a packed batch; size and seq_len follow from it (give neither). Raises UsageError.
    """

    size: Dim = 7
    seq_len: Dim = 5
    unbatched: bool = False
    lengths: tuple[int, ...] | None = None
    order: tuple[int, ...] = field(init=False, default=())  # torch's sorted_indices

    def __post_init__(self) -> None:
        if self.lengths is not None:
            self._take_lengths(self.lengths)
        if self.unbatched:
            object.__setattr__(self, "size", 1)
        _at_least(self.size, 0, "batch size", "--batch-size 7", None)
        _at_least(
            self.seq_len, 1, "sequence length", "--seq-len 5",
            ("RuntimeError", "Expected sequence length to be larger than 0 in RNN"),
        )  # fmt: skip

    def _take_lengths(self, lengths: tuple[int, ...]) -> None:
        if self.unbatched:
            raise UsageError(
                "lengths: expected a batch, since a packed batch always has a batch axis",
                got="an unbatched input",
                fix="leave out either --lengths or --unbatched",
            )
        if not lengths or min(lengths) <= 0:
            raise UsageError(
                "lengths: expected at least one length, each greater than zero",
                got=", ".join(map(str, lengths[:20])) or "none",
                fix="--lengths 5,3,2, leaving out the empty sequences",
                torch=(
                    "RuntimeError",
                    "Length of all samples has to be greater than 0, but found an element in "
                    "'lengths' that is <= 0",
                ),
            )
        if max(lengths) > LONGEST_PACKED:
            raise UsageError(
                f"lengths: expected at most {LONGEST_PACKED:,} steps",
                got=str(max(lengths))[:40],
                fix="give shorter lengths, or --seq-len for a batch of equal lengths",
            )
        order = tuple(sorted(range(len(lengths)), key=lambda i: -lengths[i]))
        for name, value in (("size", len(lengths)), ("seq_len", max(lengths)), ("order", order)):
            object.__setattr__(self, name, value)

    @property
    def packed(self) -> bool:
        """Whether the sequences have lengths of their own."""
        return self.lengths is not None

    @property
    def real_steps(self) -> Dim:
        """The steps of all sequences together, padding left out: T·N, or the sum of lengths."""
        return self.seq_len * self.size if self.lengths is None else sum(self.lengths)

    @property
    def symbolic(self) -> bool:
        """Whether N or T is left open."""
        return isinstance(self.size, Symbol) or isinstance(self.seq_len, Symbol)

    @property
    def restored(self) -> tuple[int, ...]:
        """Where each sequence stands in the sorted batch; torch's unsorted_indices."""
        positions = [0] * len(self.order)
        for position, index in enumerate(self.order):
            positions[index] = position
        return tuple(positions)

    @property
    def batch_sizes(self) -> list[int]:
        """For each step of a packed batch, the number of sequences longer than it."""
        sizes: list[int] = []
        for segment in self.segments("forward"):
            assert isinstance(segment.rows, int)
            sizes += [segment.rows] * len(segment.times)
        return sizes

    def segments(self, direction: str) -> Iterator[Segment]:
        """The steps of one pass as that direction reads them, T an integer.

        A packed batch shrinks over time; the reverse direction meets it growing, so that each
        sequence begins at its own last step.
        """
        assert isinstance(self.seq_len, int)
        if self.lengths is None:
            runs = [Segment(range(self.seq_len), self.size)]
        else:
            ascending = sorted(self.lengths)
            ends = sorted(set(ascending))
            starts = [0, *ends[:-1]]
            runs = [
                Segment(range(start, end), len(ascending) - bisect_right(ascending, start))
                for start, end in zip(starts, ends, strict=True)
            ]
        if direction == "reverse":
            runs = [Segment(run.times[::-1], run.rows) for run in reversed(runs)]
        yield from runs

    def tensors(self, spec: Spec, batch_first: bool | None = None) -> dict[str, Shape]:
        """The shapes of input, h0 (c0), output and hn (cn), as torch's forward has them.

        input (T, N, I), (N, T, I) with batch_first, (T, I) unbatched; output likewise, D·R wide;
        h0 and hn (D·L, N, R), c0 and cn (D·L, N, H), without N where unbatched. A cell module has
        no output: input (N, I) and states (N, H), or (I) and (H).
        """
        if spec.single:
            return self._single_tensors(spec)
        first = spec.batch_first if batch_first is None else batch_first
        rows = spec.num_directions * spec.num_layers

        def sequence(width: Dim) -> Shape:
            if self.unbatched:
                return (self.seq_len, width)
            return (self.size, self.seq_len, width) if first else (self.seq_len, self.size, width)

        def state(shape: Shape) -> Shape:
            return (rows, *shape) if self.unbatched else (rows, self.size, *shape)

        states = {name: state(spec.state_shape(name)) for name in spec.state_names}
        return {
            "input": sequence(spec.input_size),
            **{f"{name}0": shape for name, shape in states.items()},
            "output": sequence(spec.output_size),
            **{f"{name}n": shape for name, shape in states.items()},
        }

    def _single_tensors(self, spec: Spec) -> dict[str, Shape]:
        rows = () if self.unbatched else (self.size,)
        states = {name: (*rows, spec.state_width(name)) for name in spec.state_names}
        return {
            "input": (*rows, spec.input_size),
            **{f"{name}0": shape for name, shape in states.items()},
            **{f"{name}n": shape for name, shape in states.items()},
        }


def batch_of(
    spec: Spec,
    *,
    size: Dim | None = None,
    seq_len: Dim | None = None,
    unbatched: bool = False,
    lengths: tuple[int, ...] | None = None,
) -> Batch:
    """The batch that is fed to `spec`; what is not given has its default, one step for a cell.

    Raises UsageError, also for a sequence where there is a single step.
    """
    sizes: dict[str, Any] = {} if size is None else {"size": size}
    for option, value in (("--seq-len", seq_len), ("--lengths", lengths)):
        if value is not None:
            spec.check_layer(option, f"leave out {option}")
    if spec.single:
        seq_len = 1
    if seq_len is not None:
        sizes["seq_len"] = seq_len
    return Batch(**sizes, unbatched=unbatched, lengths=lengths)


def _at_least(value: Dim, least: int, what: str, fix: str, torch: tuple[str, str] | None) -> None:
    if isinstance(value, Symbol) or (isinstance(value, int) and value >= least):
        return
    raise UsageError(
        f"{what}: expected an integer of at least {least}, or a name",
        got=repr(value)[:40],
        fix=fix,
        torch=torch if isinstance(value, int) else None,
    )
