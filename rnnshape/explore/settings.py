"""What the program shows, as fields that can be edited one by one; checked as torch checks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from ..analysis.trace import Trace
from ..errors import UsageError
from ..network.batch import Batch
from ..network.constructor import ARGUMENTS, KINDS, NONLINEARITIES, takes
from ..network.dims import Dim, parse_dim
from ..network.head import ACTIVATIONS, PLACES, Head
from ..network.spec import Spec, WrittenCell


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The arguments of the constructor, the batch and the head, as they were last chosen.

    What a cell does not have keeps its value for when the cell that has it comes back.
    """

    cell: str = "rnn"
    nonlinearity: str = "tanh"
    input_size: Dim | float = 10
    hidden_size: Dim | float = 20
    num_layers: int | float = 1
    bias: bool = True
    batch_first: bool = False
    bidirectional: bool = False
    dropout: float = 0.0
    proj_size: int | float = 0
    batch_size: Dim = 7
    seq_len: Dim = 5
    unbatched: bool = False
    lengths: tuple[int, ...] | None = None
    output_size: Dim | None = None
    output_activation: str = "none"
    output_at: str = "every"
    equations: WrittenCell | None = None  # of the written cell that is, or was, shown

    @staticmethod
    def of(trace: Trace) -> Settings:
        """The settings that lead to `trace`."""
        head = trace.head
        top: dict[str, Any] = {}
        if head is not None:
            top = {"output_size": head.size, "output_activation": head.activation,
                   "output_at": head.at}  # fmt: skip
        names = (*ARGUMENTS, "equations")
        spec = {name: value for name, value in vars(trace.spec).items() if name in names}
        return Settings(
            **spec,
            batch_size=trace.batch.size,
            seq_len=trace.batch.seq_len,
            unbatched=trace.batch.unbatched,
            lengths=trace.batch.lengths,
            **top,
        )

    @cached_property
    def trace(self) -> Trace:
        """The network over the batch, in shapes. Raises UsageError with torch's own words."""
        spec: dict[str, Any] = {name: getattr(self, name) for name in ARGUMENTS if self._has(name)}
        if self._written:
            spec["equations"] = self.equations
        batch: dict[str, Any] = {"unbatched": self.unbatched, "lengths": self.lengths}
        if self.single:
            batch = {"unbatched": self.unbatched, "size": self.batch_size, "seq_len": 1}
        elif self.lengths is None:
            batch |= {"size": self.batch_size, "seq_len": self.seq_len}
        head = None
        if self.output_size is not None and not self.single:
            head = Head(self.output_size, self.output_activation, self.output_at)
        return Trace(Spec(**spec), Batch(**batch), head=head)

    @property
    def single(self) -> bool:
        """Whether the cell is a module of one step, such as nn.LSTMCell."""
        return self.cell in KINDS and KINDS[self.cell].single

    @property
    def _written(self) -> bool:
        """Whether the cell is the one of equations."""
        return self.equations is not None and self.cell == self.equations.name

    def _has(self, name: str) -> bool:
        """Whether the cell has an argument; equations say some themselves."""
        return name == "cell" or (
            name not in ("nonlinearity", "bias", "proj_size")
            if self._written
            else takes(self.cell, name)
        )

    def changed(self, **values: Any) -> Settings:
        """The same with other values, checked. Raises UsageError."""
        if self.lengths is not None and {"batch_size", "seq_len"} & set(values):
            raise UsageError(
                "batch_size and seq_len: expected to follow from the lengths",
                got=f"lengths {_listed(self.lengths)}",
                fix="empty the field lengths first",
            )
        new = replace(self, **values)
        if self.lengths is not None and new.lengths is None:
            new = replace(new, batch_size=len(self.lengths), seq_len=max(self.lengths))
        _ = new.trace
        return new

    def read(self, name: str, text: str) -> Settings:
        """The same with the field `name` as it was typed. Raises UsageError."""
        value = FIELDS[name].read(text.strip(), name)
        if name == "cell" and isinstance(value, str) and value not in KINDS:
            from ..engine.written import written_cell

            cell = written_cell(value)
            if cell is not None:
                return self.changed(cell=cell.name, equations=cell)
        return self.changed(**{name: value})

    def toggled(self, name: str) -> Settings:
        """The same with the next choice of the field `name`. Raises UsageError."""
        choices = FIELDS[name].choices
        if name == "cell":  # a layer, or a single step, stays one
            choices = tuple(kind for kind in KINDS if KINDS[kind].single is self.single)
            if self.equations is not None:
                choices = (*choices, self.equations.name)
        now = choices.index(getattr(self, name))
        return self.changed(**{name: choices[(now + 1) % len(choices)]})

    def shown(self) -> list[str]:
        """The names of the fields that this network has, in their order."""
        hidden = {name for name in ARGUMENTS if not self._has(name)}
        if self.single:
            hidden |= {"seq_len", "lengths", "output_size"}
        if self.output_size is None or self.single:
            hidden |= {"output_activation", "output_at"}
        return [name for name in FIELDS if name not in hidden]

    def text(self, name: str) -> str:
        """A field's value as it is shown and typed."""
        value = getattr(self, name)
        if self.lengths is not None and name in ("batch_size", "seq_len"):
            value = {"batch_size": len(self.lengths), "seq_len": max(self.lengths)}[name]
        if self.unbatched and name == "batch_size":
            return "–"
        if value is None:
            return "–"
        if isinstance(value, bool):
            return "yes" if value else "no"
        return _listed(value) if isinstance(value, tuple) else str(value)


class Field(NamedTuple):
    """How a field is typed, or the choices that it goes through."""

    read: Callable[[str, str], Any]
    choices: tuple[Any, ...] = ()


def _listed(lengths: tuple[int, ...]) -> str:
    return ",".join(map(str, lengths))


def _number(text: str, name: str) -> Any:
    try:
        return float(text) if "." in text or name == "dropout" else int(text[:400])
    except ValueError:
        raise UsageError(f"{name}: expected a number", got=repr(text[:40])) from None


def _size(text: str, name: str) -> Any:
    return _number(text, name) if "." in text else parse_dim(text, name)


def _lengths(text: str, name: str) -> Any:
    if text in ("", "–", "-"):
        return None
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise UsageError(
            f"{name}: expected whole numbers between commas, or nothing",
            got=repr(text[:40]),
            fix="5,3,2",
        ) from None


def _optional(text: str, name: str) -> Any:
    return None if text in ("", "–", "-") else parse_dim(text, name)


def _choice(*choices: Any) -> Field:
    words = {str(choice).lower(): choice for choice in choices}
    if choices == (False, True):
        words |= {"yes": True, "no": False}

    def read(text: str, name: str) -> Any:
        return words.get(text.lower(), text)

    return Field(read, choices)


_FLAG = _choice(False, True)
FIELDS: dict[str, Field] = {
    "cell": _choice(*KINDS),
    "nonlinearity": _choice(*NONLINEARITIES),
    "input_size": Field(_size),
    "hidden_size": Field(_size),
    "num_layers": Field(_number),
    "proj_size": Field(_number),
    "bidirectional": _FLAG,
    "batch_first": _FLAG,
    "bias": _FLAG,
    "dropout": Field(_number),
    "batch_size": Field(_size),
    "seq_len": Field(_size),
    "unbatched": _FLAG,
    "lengths": Field(_lengths),
    "output_size": Field(_optional),
    "output_activation": _choice(*ACTIVATIONS),
    "output_at": _choice(*PLACES),
}
