"""What happened while a program was followed: its calls, and its lines with their shapes."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .tensor import Storage, Tensor
from .values import Instance, Packed

MOST_EVENTS = 40_000
MOST_LINES = 4_000
MOST_WALKED = 200_000  # calls that are gone over for backward, in one run


@dataclass(frozen=True, eq=False)
class Place:
    """A part of a source file: the node, and the function in which it stands."""

    file: str
    node: ast.AST
    where: str = ""

    @property
    def line(self) -> int:
        """The line on which it begins."""
        return getattr(self.node, "lineno", 0)


@dataclass(frozen=True, eq=False)
class Event:
    """One call: of a row of torch (its name as `kind`, "Tensor.view"), of a module of torch
    ("torch.nn.LSTM"), of the program's own module (kind "", name its class) or one that stands
    without brackets ("index", "operator", "iterate", "setitem"). training: of a module, or of one
    in whose method the call stands."""

    kind: str
    name: str
    text: str
    place: Place
    args: Sequence[Any]
    keywords: Mapping[str, Any]
    result: Any
    path: tuple[int, ...]
    function: Any = None
    saved: Sequence[tuple[Tensor, int]] = ()
    training: bool | None = None

    @property
    def inputs(self) -> list[Tensor]:
        """The tensors that went in, in order."""
        return list(tensors_in([*self.args, *self.keywords.values()]))

    @property
    def outputs(self) -> list[Tensor]:
        """The tensors that came out, in order."""
        return list(tensors_in(self.result))

    @property
    def basename(self) -> str:
        """The last name of its kind: "softmax" of "torch.nn.functional.softmax"."""
        return self.kind.rpartition(".")[2]

    @property
    def attributes(self) -> dict[str, Any]:
        """Those of the module that it calls; none of others."""
        return self.function._attributes if isinstance(self.function, Instance) else {}

    @property
    def spec(self) -> Any:
        """What the recurrent layer that it calls is; None of others."""
        return self.attributes.get("_spec")

    @property
    def states(self) -> list[Tensor]:
        """The tensors beside the first argument: a layer's states."""
        return list(tensors_in([*self.args[1:], *self.keywords.values()]))

    def argument(self, name: str, place: int, default: Any = None) -> Any:
        """An argument, given by its name or at its place."""
        return self.keywords.get(name, self.args[place] if len(self.args) > place else default)


def calls_layer(event: Event) -> bool:
    """Whether a call is one of a recurrent layer, or of a cell."""
    return bool(event.kind) and event.spec is not None


_RESULTS = {
    "tanh", "Tanh", "sigmoid", "Sigmoid", "exp", "exp2", "expm1", "softmax", "Softmax", "relu",
    "ReLU", "log_softmax", "LogSoftmax", "sqrt", "rsqrt", "reciprocal", "logsumexp",
}  # fmt: skip
_PRODUCTS = ("mul", "multiply", "bmm", "mm")
_CLASSES = ("CrossEntropyLoss", "cross_entropy", "NLLLoss", "nll_loss")
CHANGED = (
    "one of the variables needed for gradient computation has been modified by an inplace operation"
)
_FIRST = {
    "pow", "square", "mse_loss", "MSELoss", "LayerNorm", "layer_norm", "log", "sin", "cos", "abs",
    "erf", "gelu", "GELU", "softplus", "Softplus",
}  # fmt: skip


def saved(event: Event) -> Iterator[Tensor]:
    """The tensors that torch keeps of a call for backward: those only of which it is sure, on
    any device. Found by changing each in place before backward, with torch 2.13."""
    inputs, name = event.inputs, event.basename
    if not inputs or not any(tensor.graph for tensor in event.outputs):
        return
    parameters = (event.attributes.get("_parameters") or {}).items()
    weights = {k: p for k, p in parameters if p is not None and p.storage.requires_grad}
    if calls_layer(event):
        spec, of = event.spec, event.function._cls.name
        single = spec.single
        yield from inputs if single and weights else inputs[1:] if weights else ()
        fused = of == "LSTM" and not (spec.bidirectional or spec.proj_size)  # oneDNN and cuDNN
        fused = fused and inputs[0].dtype == "float32" and isinstance(event.args[0], Tensor)
        yield from event.outputs[:1] if fused or of == "RNNCell" else ()
        again = any(state.graph for state in inputs[1:]) or (  # a step meets one before it
            not single and inputs[0].rank == 3 and inputs[0].shape[spec.batch_first] > 1
        )
        yield from (p for k, p in weights.items() if k.startswith("weight_hh") and again)
    elif name == "Linear":
        yield from inputs[:1] if "weight" in weights else ()
        yield from (p for k, p in weights.items() if k == "weight" and inputs[0].graph)
    elif name in _RESULTS:
        yield from event.outputs
    elif name in _PRODUCTS or (event.kind == "operator" and event.name == "*"):
        for one, other in (inputs, inputs[::-1]) if len(inputs) == 2 else ():
            learns = other.parameter and other.storage.requires_grad
            yield from (one,) if other.graph or learns else ()
    elif name in _FIRST or event.name == "**":
        yield from (x for x in inputs[:1] if x.graph and x is event.args[0])


@dataclass(eq=False)
class Line:
    """A statement that handles tensors: how often it ran, its calls and names (of its first run).

    depth: how many of the program's own functions it stands in, from the entry on.
    varied: whether a later run had other shapes.
    """

    file: str
    line: int
    end: int
    where: str
    depth: int
    path: tuple[int, ...]
    count: int = 0
    calls: Sequence[Event] = ()
    names: Mapping[str, Any] = field(default_factory=dict)
    failed: bool = False
    order: int = 0
    varied: bool = False


class Gradients(NamedTuple):
    """What becomes of the gradients of parameters (their ids; None where it may be any): an
    optimizer is "made" for them or makes a "step", they are "cleared", or "lost" to code that is
    not known. at: how many calls were before; turns: the loops of which one turn stands for all,
    each with the number of calls before it."""

    kind: str
    at: int
    parameters: frozenset[int] | None
    owner: Any = None
    place: Place | None = None
    turns: tuple[tuple[ast.AST, int], ...] = ()


def shapes_of(calls: Sequence[Event], names: Mapping[str, Any]) -> list[Any]:
    """The shapes that went into calls and came out, and those of what was named, in order."""
    passed = [tensor.shape for call in calls for tensor in (*call.inputs, *call.outputs)]
    return passed + [tensor.shape for value in names.values() for tensor in tensors_in(value)]


class Record:
    """Events in order, and lines by where they were reached."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.lines: dict[tuple[tuple[int, ...], str, int], Line] = {}
        self.recurrent = 0  # calls of recurrent layers, those of turns that were gone over too
        self.gradients: list[Gradients] = []
        self.turns: tuple[tuple[ast.AST, int], ...] = ()
        self.repeated: set[ast.AST] = set()  # of the turns those that did not leave their loop
        self.optimized: dict[int, Any] | None = {}  # by id; None where not all are known
        self.makers: dict[int, list[Event]] = {}  # what gave a tensor that backward goes through
        self.filled: dict[int, Storage] = {}  # of parameters that have a gradient, by their id
        self.walked = 0

    def event(self, event: Event) -> None:
        """Keep one; a flood is cut off."""
        self.recurrent += calls_layer(event)
        if len(self.events) < MOST_EVENTS:
            self.events.append(event)
            for tensor in event.outputs if event.kind else ():
                if tensor.graph:
                    self.makers.setdefault(id(tensor), []).append(event)

    def backward(self, loss: Tensor) -> tuple[str, Tensor] | None:
        """Goes through the graph of a loss: the parameters in it have gradients then. What torch
        refuses: a tensor that a call keeps for this and that was changed in place since, and one
        row of scores (C) with a target (1), which only the way there takes."""
        left, seen, refused = [loss], {id(loss)}, None
        while left and self.walked < MOST_WALKED:
            for event in self.makers.get(id(left.pop()), ()):
                self.walked += 1
                for tensor, written in event.saved:
                    if tensor.storage.written != written:
                        refused = refused or (CHANGED, tensor)
                scores, *target = event.inputs[:2] if event.kind.endswith(_CLASSES) else [loss]
                if target and target[0].rank == scores.rank == 1 and not target[0].floating:
                    words = f"size mismatch (got input: [{scores.shape[0]}], target: [1])"
                    refused = refused or (words, scores)
                own = event.attributes.get("_parameters", {}).values()
                self.filled |= {id(p): p.storage for p in own if isinstance(p, Tensor)}
                for tensor in event.inputs:
                    if tensor.graph and id(tensor) not in seen:
                        seen.add(id(tensor))
                        left.append(tensor)
        return refused

    def gradient(
        self, kind: str, parameters: Iterable[Any] | None, owner: Any = None, place: Any = None
    ) -> None:
        """Keep what becomes of gradients."""
        ids = None if parameters is None else frozenset(map(id, parameters))
        if kind == "step":
            for one in (ids or frozenset()) & self.filled.keys():
                self.filled[one].written += self.filled[one].requires_grad
        elif kind != "made":
            self.filled.clear()
        self.gradients.append(Gradients(kind, len(self.events), ids, owner, place, self.turns))

    def line(self, key: tuple[tuple[int, ...], str, int], make: Any) -> Line | None:
        """The line, made on its first run."""
        found = self.lines.get(key)
        if found is None:
            if len(self.lines) >= MOST_LINES:
                return None
            found = self.lines[key] = make()
        return found


def tensors_in(value: Any, depth: int = 6) -> Iterator[Tensor]:
    """The tensors of nested tuples, lists and dicts; the padded batch of a PackedSequence."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Packed):
        yield value.padded
    elif depth and isinstance(value, (tuple, list)):
        for one in value[:64] if len(value) > 64 else value:
            yield from tensors_in(one, depth - 1)
    elif depth and isinstance(value, dict):
        for one in list(value.values())[:64]:
            yield from tensors_in(one, depth - 1)
    elif depth == 6 and isinstance(value, Instance) and "_parameters" not in value._attributes:
        yield from tensors_in(dict(value._attributes), 1)
