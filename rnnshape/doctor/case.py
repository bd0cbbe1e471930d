"""A question put to the doctor, and a problem that it finds in the answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ..checks.call import Inputs, differ, sizes
from ..errors import TorchError, UsageError
from ..network.batch import Batch
from ..network.constructor import Construction
from ..network.dims import Dim, Shape, Symbol, json_dim, json_shape, symbol
from ..network.spec import Spec

TENSORS = ("input", "h0", "c0", "output", "hn", "cn")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A network that can be built, and what is said of its tensors.

    shapes: of input, h0, c0, output, hn and cn, those that were given. batch_size, seq_len and
    unbatched are what somebody says that they have; None where nothing was said.
    """

    spec: Spec
    construction: Construction
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    lengths: tuple[int, ...] | None = None
    batch_size: Dim | None = None
    seq_len: Dim | None = None
    unbatched: bool | None = None
    dtype: str = "float32"
    state_dtype: str | None = None  # the weights', unless it is said
    weight_dtype: str = "float32"
    asked: Mapping[str, Shape] = field(default_factory=dict)  # the shapes under their own names

    @cached_property
    def input(self) -> Shape | None:
        """The input's shape as it is meant: no axis of length 1 too many, the features last."""
        shape = self.shapes.get("input")
        while shape is not None and len(shape) > self.spec.rank and 1 in shape[:-1]:
            at = shape.index(1)
            shape = shape[:at] + shape[at + 1 :]
        width = self.spec.input_size
        if shape is None or len(shape) != 3 or not differ(shape[-1], width):
            return shape
        if shape[:2].count(width) == 1:  # another axis has the length of the features
            return (shape[0], shape[2], width) if shape[1] == width else (shape[2], shape[1], width)
        return shape

    @cached_property
    def one_sequence(self) -> bool:
        """Whether the input has no batch axis."""
        if self.lengths is not None:
            return False
        rank = self.spec.rank
        if self.input is not None and len(self.input) in (rank - 1, rank):
            return len(self.input) == rank - 1
        if self.unbatched is not None:
            return self.unbatched
        states = [self.shapes[name] for name in ("h0", "c0", "hn", "cn") if name in self.shapes]
        return any(len(shape) == rank - 1 for shape in states)

    @cached_property
    def sizes(self) -> tuple[Dim, Dim]:
        """N and T as torch reads them from the input; symbols where nothing tells them."""
        if self.spec.single:
            return self._single_size, 1
        if self.input is not None and len(self.input) in (2, 3):
            packed_rows = self.lengths is not None and len(self.input) == 2
            return sizes(self.spec, (*self.input, 1) if packed_rows else self.input)
        lengths = self.lengths
        size = self.batch_size if lengths is None else len(lengths)
        steps = self.seq_len if lengths is None else max(1, *lengths)
        if self.one_sequence:
            size = 1
        return symbol("N") if size is None else size, symbol("T") if steps is None else steps

    @property
    def _single_size(self) -> Dim:
        """N of a cell module."""
        if self.one_sequence:
            return 1
        if self.input is not None and len(self.input) == 2:
            return self.input[0]
        return symbol("N") if self.batch_size is None else self.batch_size

    @cached_property
    def expected(self) -> dict[str, Shape]:
        """The shape that each tensor has in torch's call, where it succeeds."""
        size, steps = self.sizes
        batch = Batch(size=size, seq_len=steps or symbol("T"), unbatched=self.one_sequence)
        shapes = batch.tensors(self.spec)
        if self.lengths and not self.one_sequence:
            longest = max(self.lengths)
            out = Batch(size=size, seq_len=max(longest, 1)).tensors(self.spec)["output"]
            shapes["output"] = out
        return shapes

    @cached_property
    def said_swapped(self) -> bool:
        """Whether batch size and sequence length, as they are said, stand in each other's place."""
        size, steps = self.sizes
        said = [s for s in (self.batch_size, self.seq_len) if s is not None]
        if size == steps or not said:
            return False
        return self.batch_size in (None, steps) and self.seq_len in (None, size)

    @property
    def batch_axis(self) -> int:
        """The input's axis that torch reads as the batch."""
        return 0 if self.spec.batch_first or self.spec.single else 1

    @property
    def flag(self) -> str:
        """`with` or `without` batch_first."""
        return "with" if self.spec.batch_first else "without"

    @property
    def packing(self) -> str:
        """What pad_packed_sequence and its like are told beside the rest."""
        return "batch_first=True, " if self.spec.batch_first else ""

    @property
    def order(self) -> str:
        """The axes of a batch."""
        return "(N, T, features)" if self.spec.batch_first else "(T, N, features)"

    @property
    def inputs(self) -> Inputs:
        """The forward call; an input that is not told is taken to fit."""
        h0, c0 = self.shapes.get("h0"), self.shapes.get("c0")
        lone = self.spec.has_cell_state and h0 is not None and c0 is None
        call = self.construction
        late = ("nonlinearity",) if self.spec.single else ("num_layers", "bidirectional")
        raw = {name: call[name] for name in late}
        return Inputs(
            input=self.shapes.get("input", self.expected["input"]),
            h0=h0,
            c0=c0,
            dtype=self.dtype,
            state_dtype=self.state_dtype or self.weight_dtype,
            weight_dtype=self.weight_dtype,
            lengths=self.lengths,
            tuple_length=0 if lone else None,
            raw=raw,
        )

    def resolved(self) -> Case:
        """The case with every name that a number stands beside somewhere replaced by it.

        The first place that tells a name counts; what contradicts it is a mistake.
        """
        values: dict[str, int] = {}
        case = replace(self, asked=self.shapes)
        for name in (None, *TENSORS):
            for a, b in case._pairs(name):
                one, other = at(a, values), at(b, values)
                if isinstance(other, Symbol):
                    one, other = other, one
                if isinstance(one, Symbol) and isinstance(other, int):
                    found = one.solved(other)
                    if found and found[1] >= 0:
                        values[found[0]] = found[1]
            case = case._with(values)
        return case

    def _pairs(self, name: str | None) -> Iterable[tuple[Dim, Dim]]:
        """Sizes that should be equal: of a tensor, or for None of what was said beside them."""
        if name is not None:
            got, expected = self.shapes.get(name, ()), self.expected.get(name, ())
            return zip(got, expected) if len(got) == len(expected) else ()
        pairs = zip(self.sizes, (self.batch_size, self.seq_len))
        return ((a, b) for a, b in pairs if b is not None)

    def _with(self, values: Mapping[str, int]) -> Case:
        fields = ("input_size", "hidden_size")
        known: dict[str, Any] = {name: at(getattr(self.spec, name), values) for name in fields}
        try:
            spec = replace(self.spec, **known)
        except UsageError:
            spec = self.spec
        shapes = {name: tuple(at(d, values) for d in s) for name, s in self.shapes.items()}
        said: dict[str, Any] = {"batch_size": self.batch_size, "seq_len": self.seq_len}
        for key, size in zip(said, self.sizes):
            if said[key] is not None:
                said[key] = at(said[key], values)
            elif self.input is None and isinstance(size, Symbol):  # a state has told it
                value = at(size, values)
                said[key] = value if isinstance(value, int) else None
        return replace(self, spec=spec, shapes=shapes, **said)


def at(dim: Dim, values: Mapping[str, int]) -> Dim:
    """A size where some names have a value."""
    return dim.at(values) if isinstance(dim, Symbol) else dim


def clash(got: Shape, expected: Shape) -> bool:
    """Whether two shapes cannot be the same, whatever their names stand for."""
    return len(got) != len(expected) or any(map(_clash, got, expected))


def _clash(a: Dim, b: Dim) -> bool:
    if isinstance(a, Symbol) and isinstance(b, Symbol):
        return False
    if isinstance(a, int) and isinstance(b, int):
        return a != b
    name, number = (a, b) if isinstance(a, Symbol) else (b, a)
    assert isinstance(name, Symbol) and isinstance(number, int)
    doubled = name.solved(number * 0)  # a multiple of one name
    return doubled is not None and name.solved(number) is None


@dataclass(frozen=True)
class Problem:
    """Something that does not fit.

    id: its cause. tensor: input, h0, c0, output, hn, cn, lengths, or an argument of the
    constructor. expected and got: shapes as tuples; for an argument its value and what it should
    be; None where there should be nothing, or nothing came. torch: what torch raises at this point,
    None where it is silent.
    """

    id: str
    tensor: str
    expected: Any
    got: Any
    why: str
    fix: str
    torch: TorchError | None = None


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
    built = replace(spec, **changed)
    return f"{'cell' if built.single else 'rnn'} = {built.code}"


def counted(number: Dim, noun: str) -> str:
    """`1 layer`, `3 layers`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def joined(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def listed(shape: Sequence[Dim]) -> str:
    """A shape as the arguments of torch.zeros, or inside brackets."""
    return ", ".join(map(str, shape))
