"""`Expected hidden size (2, 4, 256), got [2, 64, 256]`: the numbers, and what speaks for what."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ...checks.padded import Given
from ...network.batch import Batch
from ...network.dims import Dim, Shape
from ...network.spec import Spec
from ..code import Call, Mend, dotted
from .base import SIZES, Facts, Finding, Proof, T, attempt, prove

STATE_SIZE = re.compile(rf"Expected hidden(?:\[([01])\])? size {SIZES},? got {SIZES}")

ONLY_BATCH, ONLY_WIDTH = (False, True, False), (False, False, True)  # what differs

_BRIDGE = re.compile(r"dec|enc", re.IGNORECASE)
_OUTPUTS = re.compile(r"out|enc\w*_(?:out|hs|states)|annotations|memory", re.IGNORECASE)


@dataclass(frozen=True)
class Mismatch:
    """A state of shape `got`, (rows, batch, width), where torch wants `expected`.

    which: 0 for an LSTM's h, 1 for its c, None for a layer with h alone.
    """

    facts: Facts
    which: int | None
    expected: tuple[int, ...]
    got: tuple[int, ...]

    @property
    def name(self) -> str:
        """How the docs call the tensor."""
        return "c0" if self.which == 1 else "h0"

    @property
    def pair(self) -> bool:
        """Whether the state is (h, c)."""
        return self.which is not None

    @property
    def only(self) -> int | None:
        """The part of a pair to mend: c alone where h passed, else both."""
        return 1 if self.which == 1 else None

    def differs(self) -> tuple[bool, ...]:
        """For rows, batch and width: whether they differ."""
        return tuple(a != b for a, b in zip(self.expected, self.got))

    @cached_property
    def call(self) -> Call:
        """The call that was given the state."""
        return self.facts.stateful_call(self.pair)

    @property
    def batch_axis(self) -> str:
        """The batch size of this call, as code."""
        x = self.call.text(self.call.input)
        if self.facts.is_packed(self.call):
            return f"{x}.batch_sizes[0]"
        first = self.facts.known.get("batch_first")
        if first is None and self.call.own and self.call.callee:
            return f"{x}.size(0 if {self.call.callee}.batch_first else 1)"
        return f"{x}.size({0 if first else 1})"

    @cached_property
    def swapped(self) -> float:
        """How likely T stands where N should, given that only N differs."""
        facts, (_, expected, _), (_, got, _) = self.facts, self.expected, self.got
        first = facts.known.get("batch_first")
        if facts.is_packed(self.call):
            return 0.03  # packing has put time first already
        length, batch = facts.stated.get("seq_len"), facts.stated.get("batch_size")
        if isinstance(length, int):
            return 0.93 if length == expected else 0.05
        shape = facts.program.shape(self.call.input)
        if shape is not None and len(shape) == 3 and None not in shape[:2]:
            read_as_time = shape[1 if first else 0]
            return 0.93 if read_as_time == got else 0.05
        axes = self.axes_of_state()
        if first is not None and len(axes) == 1:
            return 0.06 if (axes == {0}) == bool(first) else 0.93
        if isinstance(batch, int):
            return 0.05 if batch == expected else 0.7 if got < expected else 0.3
        if first:
            return 0.15
        if got == 1:
            return 0.2
        return (0.4 if _round(expected) and not _round(got) else 0.62) if got < expected else 0.35

    def axes_of_state(self) -> set[int]:
        """The axes of the input that the state was built from: {0} for `x.size(0)`."""
        program = self.facts.program
        inputs = {dotted(node) for node in program.origins(self.call.input)} - {""}
        axes: set[int] = set()
        for node in program.origins(self.call.state):
            place: ast.expr | None = None
            owner: ast.expr | None = None
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if node.func.attr == "size" and node.args:
                    owner, place = node.func.value, node.args[0]
            elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute):
                if node.value.attr == "shape":
                    owner, place = node.value.value, node.slice
            elif isinstance(node, ast.Call) and dotted(node.func) == "len" and node.args:
                owner, place = node.args[0], ast.Constant(0)
            value = program.value(place)
            if owner is not None and dotted(owner) in inputs and isinstance(value, int):
                axes.add(value)
        return axes & {0, 1}

    @cached_property
    def from_another(self) -> bool:
        """Whether the state comes from another layer, such as an encoder."""
        call, results = self.call, self.facts.program.results
        if not call.own or call.state is None:
            return False
        nodes = [node for node in ast.walk(call.state) if isinstance(node, ast.expr)]
        names = [name for name in map(dotted, nodes) if name]
        callees = {dotted(given.func) for name in names for given, _ in results.get(name, [])}
        return bool(callees - {call.callee}) or any(
            _BRIDGE.search(text) for text in (call.callee, *names)
        )

    @cached_property
    def from_outputs(self) -> bool | None:
        """Whether the state is the first result of a layer, its outputs; None where unknown."""
        state = self.call.state
        if state is None or not self.call.own:
            return None
        name = dotted(state)
        places = {index for _, index in self.facts.program.results.get(name, [])}
        if len(places) == 1:
            return places == {0}
        return True if name and _OUTPUTS.search(name.rsplit(".", 1)[-1]) else None

    def spec(self, directions: int = 1, **certain: Any) -> Spec:
        """The network that expects what torch expected; `directions` where nothing tells them."""
        known = self.facts.known
        rows, _, width = self.expected
        layers, both = known.get("num_layers"), known.get("bidirectional")
        if both is not None and rows % (1 + bool(both)) == 0:
            directions = 1 + bool(both)
        elif isinstance(layers, int) and rows in (layers, 2 * layers):
            directions = rows // layers
        elif rows % directions:
            directions = 1
        sure: dict[str, Any] = {"num_layers": rows // directions, "bidirectional": directions == 2}
        sure["cell"] = "lstm" if self.pair else self.facts.cell.replace("lstm", "") or "rnn"
        if not (self.which == 0 and known.get("proj_size") == width):
            sure["hidden_size"] = width
            if self.which != 1:
                sure["proj_size"] = 0
        return self.facts.network(**{**sure, **certain})

    def given(self, spec: Spec, state: Shape, sizes: tuple[Dim, Dim] | None = None) -> Given:
        """The call with one of its states of shape `state`; sizes are (N, T)."""
        size, length = sizes or (self.expected[1], self.facts.size("seq_len") or T)
        fitting = Batch(size=size, seq_len=length).tensors(spec)
        h0, c0 = fitting["h0"], fitting.get("c0")
        if self.which == 1:
            c0 = state
        else:
            h0, c0 = state, None if c0 is None else (*state[:-1], c0[-1])
        return Given(input=fitting["input"], h0=h0, c0=c0)

    def mended(
        self, sure: float, why: str, fix: str, mend: Mend | str, state: Shape, directions: int = 1
    ) -> Finding:
        """The finding with a proof: the same call with the state brought to the shape `state`.

        mend: code, or what is to be made of the state, {0}. directions: where nothing tells them.
        """

        def proof() -> Proof:
            spec = self.spec(directions)
            return prove(
                (spec, self.given(spec, self.got)), (spec, self.given(spec, state)),
                expected=list(self.expected), got=list(self.got),
            )  # fmt: skip

        if isinstance(mend, str):
            mend = self.call.with_states(mend, self.pair, self.only)
        return Finding(sure, why, fix, mend, attempt(proof))


def mismatch(facts: Facts) -> Mismatch | None:
    """The message's numbers, or None where a shape has no three axes."""
    which, expected, got = facts.match.group(1), facts.sizes(2), facts.sizes(3)
    if len(expected) != 3 or len(got) != 3 or expected == got:
        return None
    return Mismatch(facts, int(which) if which else None, expected, got)


def _round(size: int) -> bool:
    """Whether a size is one that people choose for a batch."""
    return size >= 16 and size & (size - 1) == 0
