"""Mistakes that torch accepts: rules over what happened, by what the axes are.

A rule looks at calls with their tensors, never at names or text, and stays silent where the axes do
not prove it. What a finding is called for, and how it is mended, stands in doctor.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from .record import MOST_EVENTS, Event, Gradients, Place, calls_layer, tensors_in
from .sizes import product, written_shape
from .tensor import JOINED, Axis, Origin, Part, Tensor, broadcast
from .torch.data import DRAWN
from .torch.modules import submodules
from .values import Instance, Packed, Unknown

if TYPE_CHECKING:
    from .follow import Followed


@dataclass(frozen=True, eq=False)
class Finding:
    """A mistake that is silent: its id, the place (a part of a line), what is so, and the tensors
    that prove it (facts: "event", "input", "output", "layer" …)."""

    id: str
    place: Place
    why: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Story:
    """What happened, in the forms that rules ask for."""

    followed: Followed

    @cached_property
    def events(self) -> list[Event]:
        """The calls in order."""
        return self.followed.events

    @cached_property
    def recurrent(self) -> list[Event]:
        """The calls of recurrent layers that gave tensors."""
        return [e for e in self.followed.recurrent if not isinstance(e.result, Unknown)]

    @cached_property
    def roles(self) -> dict[tuple[int, Any], str]:
        """What an axis of no known kind turned out to be, by its origin and its piece of it: a
        layer has read it."""
        found: dict[tuple[int, Any], str] = {}
        batched = sorted(self.recurrent, key=lambda e: any(t.rank == 2 for t in e.inputs[:1]))
        for event in batched:  # of two axes the first may be either
            for part in (part for tensor in event.outputs for part in tensor.parts):
                if part.origin is not None and part.kind in ("samples", "steps"):
                    found.setdefault(part.key, part.kind)
        return {**dict.fromkeys(self.convolved, "samples"), **found, **self.joined}

    @cached_property
    def joined(self) -> dict[tuple[int, Any], str]:
        """The axes along which results were laid side by side that the same layers gave, each of
        them going on from the one before: steps."""
        found: dict[tuple[int, Any], str] = {}
        for event in self.events:
            parts = [p for t in event.outputs[:1] for p in t.parts]
            for part in parts if event.kind in JOINS else ():
                if part.origin is not None and part.origin.what == JOINED:
                    graphs = list(dict.fromkeys(t.graph for t in event.inputs))
                    new = [self.layers_in(b - a) for a, b in pairwise(graphs) if a < b]
                    if len(new) == len(graphs) - 1 > 0 and new[0] and new.count(new[0]) == len(new):
                        if new[0] <= self.layers_in(graphs[0]):
                            found[id(part.origin), None] = "steps"
        return found

    def layers_in(self, graph: Iterable[int]) -> set[Instance]:
        """The recurrent layers whose calls a graph holds."""
        return {self.makers[serial] for serial in graph if serial in self.makers}

    @cached_property
    def makers(self) -> dict[int, Any]:
        """The layer of each call of a recurrent layer, by the number that graphs hold of it."""
        return {
            fact.serial: event.function
            for event in self.recurrent for tensor in event.outputs
            for fact in tensor.facts.values() if hasattr(fact, "serial")
        }  # fmt: skip

    @cached_property
    def convolved(self) -> set[tuple[int, Any]]:
        """The axes that a convolution or its like has read as samples, by origin and piece."""
        found = set()
        for event in self.events:
            if re.fullmatch(r"torch\.nn\.(Conv|MaxPool|AvgPool|BatchNorm)\dd", event.kind):
                for first in (alone(tensor.axes[0]) for tensor in event.inputs[:1]):
                    if first is not None and first.kind == "unknown" and first.origin is not None:
                        found.add(first.key)
        return found

    @cached_property
    def batched(self) -> set[tuple[int, Any]]:
        """The axes that a layer has read as samples, of three axes, by origin and piece."""
        outputs = [e.result[0] for e in self.recurrent if e.inputs and e.inputs[0].rank == 3]
        parts = [alone(axis) for t in outputs if isinstance(t, Tensor) for axis in t.axes]
        return {part.key for part in parts if part is not None and part.kind == "samples"}

    @cached_property
    def backwards(self) -> list[tuple[int, Event, set[int]]]:
        """The calls of backward, each with its place among the events and the ids of the recurrent
        layers' parameters that it reaches."""
        found = []
        for at, event in enumerate(self.events):
            if event.kind in BACKWARD and event.inputs and "inputs" not in event.keywords:
                own = parameters(self.layers_in(event.inputs[0].graph))
                found.append((at, event, {id(p) for p in own if p.storage.requires_grad}))
        return found

    def between(self, one: Event, other: Event) -> bool:
        """Whether backward is called between two calls."""
        at, to = self.places[id(one)], self.places[id(other)]
        return any(min(at, to) < place < max(at, to) for place, *_ in self.backwards)

    def onward(
        self, event: Event, passes: Callable[[Event], bool], hops: int = MOST_EVENTS
    ) -> Iterator[Event]:
        """The calls that read what one gave, and those behind each that passes it on, once each."""
        reached, seen = [event], {event}
        while reached and hops:
            readers = [r for e in reached for t in e.outputs for r in self.readers.get(id(t), [])]
            reached = [one for one in dict.fromkeys(readers) if one not in seen]
            yield from reached
            seen.update(reached)
            reached, hops = [one for one in reached if passes(one)], hops - 1

    def history(self, tensor: Tensor) -> Iterator[Event]:
        """The call that made a tensor, the one that made its first input, and so on back."""
        while (event := self.made.get(id(tensor))) is not None:
            yield event
            if not event.inputs:
                return
            tensor = event.inputs[0]

    @cached_property
    def picks(self) -> list[Event]:
        """The calls that take a row, a step or a part: x[key] and select."""
        return [event for event in self.events if event.kind in PICKS and event.outputs]

    @cached_property
    def places(self) -> dict[int, int]:
        """The place of each call among them, by its id."""
        return {id(event): at for at, event in enumerate(self.events)}

    @cached_property
    def readers(self) -> dict[int, list[Event]]:
        """The calls that read a tensor, by its id."""
        found: dict[int, list[Event]] = {}
        for event in self.events:
            for tensor in event.inputs:
                found.setdefault(id(tensor), []).append(event)
        return found

    @cached_property
    def made(self) -> dict[int, Event]:
        """The call that made a tensor, by its id; one that gave back what it was given made none."""
        found: dict[int, Event] = {}
        for event in (e for e in self.events if e.kind):
            given = {*map(id, event.inputs)}
            for tensor in event.outputs:
                if id(tensor) not in given:
                    found.setdefault(id(tensor), event)  # a Sequential gives on what its last made
        return found

    def computed(self, tensor: Tensor) -> Event | None:
        """The call that computed a tensor's numbers, before views and swaps of axes."""
        found = (e for e in self.history(tensor) if e.basename not in SHAPING or not e.inputs)
        return next(found, None)

    @cached_property
    def returned(self) -> set[int]:
        """Tensors that one of the program's functions gave back, by id."""
        values = [self.followed.result, *(e.result for e in self.events if not e.kind)]
        return {id(t) for value in values for t in tensors_in(value)}

    def kind(self, part: Part) -> str:
        """What a part is."""
        if part.kind == "unknown" and part.origin is not None:
            return self.roles.get(part.key, "unknown")
        return part.kind

    def axis(self, axis: Axis) -> str:
        """What an axis of one part is; "" for others."""
        return self.kind(axis[0]) if len(axis) == 1 and axis[0].piece is None else ""

    def kinds(self, tensor: Tensor) -> list[str]:
        """What each axis of a tensor is."""
        return [self.axis(axis) for axis in tensor.axes]

    def used(self, tensor: Tensor) -> bool:
        """Whether anything reads it, or a function gives it back."""
        return bool(self.readers.get(id(tensor))) or id(tensor) in self.returned


def alone(axis: Axis) -> Part | None:
    """The part of an axis that has one."""
    return axis[0] if len(axis) == 1 else None


def parameters(modules: Iterable[Instance]) -> list[Tensor]:
    """The parameters that modules hold themselves."""
    return [p for one in modules for p in one.parameters_here.values() if p is not None]


def told(id: str, event: Event, why: str, **facts: Any) -> Finding:
    """A finding at a call."""
    return Finding(id, event.place, why, {"event": event, **facts})


PICKS = ("index", "Tensor.select", "torch.select")
JOINS = ("torch.cat", "torch.concat", "torch.concatenate", "torch.stack")
BACKWARD = ("Tensor.backward", "torch.autograd.backward")
Rule = Callable[[Story], Iterator[Finding]]
RULES: list[Rule] = []


def rule(function: Rule) -> Rule:
    """Declares a rule."""
    RULES.append(function)
    return function


def findings(followed: Followed) -> list[Finding]:
    """What the rules find, in the order of the lines; each id once a line."""
    found: dict[tuple[str, str, int], Finding] = {}
    story = Story(followed)
    for one in RULES:
        for finding in one(story):
            found.setdefault((finding.id, finding.place.file, finding.place.line), finding)
    padded = {(f.place.file, f.place.line) for f in found.values() if f.id == "padded-step"}
    kept = [
        f for f in found.values()
        if f.id != "last-step" or (f.place.file, f.place.line) not in padded
    ]  # fmt: skip
    return sorted(kept, key=lambda f: (f.place.file, f.place.line))


# ------------------------------------------------------------------------------------ constructors


_PIECES = ("index", "Tensor.chunk", "torch.chunk", "Tensor.split", "torch.split",
           "Tensor.narrow", "torch.narrow")  # fmt: skip
_BINARY = ("ctc_loss", "CTCLoss", "binary_cross_entropy", "binary_cross_entropy_with_logits",
           "BCELoss", "BCEWithLogitsLoss")  # fmt: skip
_POWERS = ("operator", "Tensor.pow", "torch.pow", "Tensor.abs", "torch.abs", "torch.square",
           "Tensor.square")  # fmt: skip


@rule
def dropout_one_layer(story: Story) -> Iterator[Finding]:
    """A dropout that has no layer to come after."""
    for layer in story.followed.layers:
        warning = layer.instance._attributes.get("_warning")
        if warning is not None and not {"dropout", "num_layers"} & layer.open.keys():
            yield Finding("dropout-one-layer", layer.place, warning.message)


@rule
def parameters_hidden(story: Story) -> Iterator[Finding]:
    """Layers in a plain list of a module: parameters() does not find them, no step changes them."""
    optimized = story.followed.seen.record.optimized
    losses = [t for e in story.events if e.kind.endswith(".backward") for t in e.inputs[:1]]
    reached = {serial for loss in losses for serial in loss.graph}
    if not optimized or not reached:
        return
    owners = {id(e.function): e.function for e in story.events if isinstance(e.function, Instance)}
    held = {  # and what they hold in turn, as a Block its layer
        id(module)
        for owner in owners.values() if "_modules" in owner._attributes
        for name, value in owner._attributes.items()
        if isinstance(value, (list, tuple, dict)) and name not in ("_modules", "_parameters", "_buffers")
        for one in (value.values() if isinstance(value, dict) else value)
        if isinstance(one, Instance) and "_modules" in one._attributes
        for _, module in submodules(one)
    }  # fmt: skip
    learning = story.layers_in(reached)  # a teacher, under no_grad or detached, may be kept apart
    for layer in story.followed.layers:
        own = parameters([layer.instance])
        frozen = not all(p.storage.requires_grad for p in own)
        inside = layer.place.where.endswith(".forward")
        apart = layer.instance in learning and not frozen
        if apart and not any(id(p) in optimized for p in own):
            where = "stands in a plain list of its module"
            if inside:
                where = "is built in forward, anew at each call"
            if inside or id(layer.instance) in held:
                yield Finding(
                    "parameters-hidden", layer.place,
                    f"this {layer.kind} {where}: parameters() does not find its weights, and the "
                    "optimizer leaves them as they were drawn", {"layer": layer},
                )  # fmt: skip


# ------------------------------------------------------------------------------- views that mix

VIEWS = ("Tensor.view", "Tensor.reshape", "torch.reshape", "Tensor.flatten", "torch.flatten",
         "Tensor.unflatten", "torch.unflatten", "Tensor.view_as", "Tensor.reshape_as", "torch.nn.Flatten",
         "torch.nn.Unflatten")  # fmt: skip


@rule
def axes_mixed(story: Story) -> Iterator[Finding]:
    """A view or reshape that deals the elements of one sample out to several."""
    for event in story.events:
        if event.kind not in VIEWS or not event.inputs or len(event.outputs) != 1:
            continue
        x, y = event.inputs[0], event.outputs[0]
        words = _mixed(story, x, y) or _state_mixed(story, x, y) or _channels_mixed(story, y)
        if words:
            yield Finding("axes-mixed", event.place, words, {"event": event})


def _mixed(story: Story, x: Tensor, y: Tensor) -> str:
    parts = [part for part in x.parts if part.size != 1]
    samples = [part for part in parts if story.kind(part) == "samples"]
    before = {part.key for part in parts}
    for axis in y.axes:
        joined = len([p for p in axis if p.size != 1]) > 1
        for part in axis:
            mixed = part.kind == "mixed"
            if mixed and [p.kind for p in part.of] == ["layers", "directions"]:
                layers, directions = part.of
                return (
                    f"the rows of hn go layer by layer, both directions of each: {_shape(x)} is ({layers.size}, "
                    f"{directions.size}, …), and read as {_shape(y)} its layers and directions are mixed"
                )
            if mixed and samples and any(story.kind(p) == "samples" for p in part.of):
                return _words(story, x, y, part.of)
            new = part.piece and part.key not in before
            if new and joined and story.kind(part) == "samples":
                return _words(story, x, y, parts)
    if {"hn", "cn"} & x.facts.keys() and y.rank > 1 and x.rank == 3:
        for axis in y.axes:
            kinds = [story.kind(p) for p in axis if p.size != 1]
            if kinds[:1] == ["samples"] and "features" in kinds:
                return (
                    f"{_shape(x)} read in its old order as {_shape(y)} joins samples with features: a row of "
                    "the result is one row of hn, with all samples in it"
                )
    rows = _swapped(x, y) and {"samples", "steps"} <= {story.kind(p) for p in parts}
    if rows or ((_swapped(x, y) or _turned(x, y)) and _meets_layer(story, y)):
        return (
            f"view and reshape do not swap axes: the elements of {_shape(x)} are read in their old order "
            f"as {_shape(y)}, so what belongs to one row ends up in several; transpose swaps them"
        )
    return ""


def _state_mixed(story: Story, x: Tensor, y: Tensor) -> str:
    """A view that makes a state, and takes apart what is one row for each sample."""
    if y.rank != 3 or x.rank < 2 or y.shape[0] == 1:
        return ""
    for event in story.recurrent:
        n = y.shape[1]
        own = x.shape[0] == n != y.shape[0] or (x.rank == 2 and x.shape[1] == n != y.shape[2])
        if n == 1 or not own or y.axes[1] in x.axes:
            continue
        batch = next(iter(event.inputs), None)
        if batch is None or batch.rank != 3:
            continue
        samples = batch.shape[0 if event.spec.batch_first else 1]
        if samples == n and any(_comes_of(state, y) for state in event.states):
            return (
                f"{_shape(x)} has a row for each of {n} samples; read in its old order as {_shape(y)}, a state "
                "of (D·L, N, H), each sample gets parts of several rows"
            )
    return ""


def _comes_of(state: Tensor, y: Tensor) -> bool:
    """Whether a state is a tensor, or one laid out anew."""
    return state is y or (state.storage is y.storage and state.shape == y.shape)


def _channels_mixed(story: Story, y: Tensor) -> str:
    """A view that deals a convolution's channels out among the steps that a layer reads."""
    for event in story.recurrent:
        x = next(iter(event.inputs), None)
        if x is None or x.rank != 3 or event.args[0] is not y:
            continue
        t = 1 if event.spec.batch_first else 0
        for part in x.axes[t]:
            channels = [p for p in part.of or (part,) if str(p.origin).startswith("Conv")]
            if channels and (len(part.of) > 1 or part.piece):
                return (
                    f"the view takes the channels, which stand before the steps, apart: of its {_shape(y)} a step "
                    "holds parts of several channels and steps; permute the axes first"
                )
    return ""


def _words(story: Story, x: Tensor, y: Tensor, parts: Sequence[Part]) -> str:
    kinds = [k for k in dict.fromkeys(map(story.kind, parts)) if k not in ("one", "unknown")]
    listed = ", ".join(kinds[:-1]) + f" and {kinds[-1]}" if len(kinds) > 1 else "".join(kinds)
    return (
        f"{_shape(x)} read in its old order as {_shape(y)} mixes {listed}: a row of the result holds "
        "parts of several samples"
    )


def _shape(x: Tensor) -> str:
    return written_shape(x.shape)


def _swapped(x: Tensor, y: Tensor) -> bool:
    """Whether the result has the same rows in another order, no two sizes that moved equal."""
    a, b = _sizes(x), _sizes(y)
    return a != b and sorted(a) == sorted(b) and (len(a) == 2 or a[-1:] == b[-1:])


def _turned(x: Tensor, y: Tensor) -> bool:
    """Whether it has the same sizes in another order, all of them or the features moved; else the
    steps of a series may have been cut anew."""
    a, b = _sizes(x), _sizes(y)
    moved = [n for n, m in zip(a, b) if n != m]
    features = [int(p.size) for p in x.parts if p.kind == "features"]
    distinct = a != b and sorted(a) == sorted(b) and len(set(a)) == len(a)
    return distinct and (len(moved) == len(a) or any(n in moved for n in features))


def _sizes(x: Tensor) -> list[int]:
    return [int(n) for n in x.shape if n != 1]


def _meets_layer(story: Story, y: Tensor) -> bool:
    """Whether a recurrent layer reads the result, as its input or its state."""
    own = {p.key for p in y.parts if p.origin is not None and (p.piece or p.kind == "mixed")}
    read = (p for e in story.recurrent for t in e.inputs for p in t.parts if p.origin is not None)
    return any(part.key in own for part in read)


# --------------------------------------------------------------------------------- steps of outputs


def chosen(event: Event) -> Iterator[tuple[int, int]]:
    """(axis, position) of each whole number in x[key], and of select."""
    x = event.inputs[0] if event.inputs else None
    if x is None:
        return
    if event.kind in PICKS[1:]:
        values = [*event.args[1:], *event.keywords.values()]
        if len(values) == 2 and all(isinstance(v, int) for v in values):
            yield values[0] % max(x.rank, 1), values[1]
        return
    key = event.keywords.get("key")
    keys = list(key) if isinstance(key, tuple) else [key]
    taken = sum(1 for k in keys if k is not None and k is not Ellipsis)
    dim = 0
    for one in keys:
        if one is None:
            continue
        if one is Ellipsis:
            dim += x.rank - taken
            continue
        if isinstance(one, int) and not isinstance(one, bool):
            yield dim, one
        elif isinstance(one, slice) and (one.start, one.stop) == (-1, None):
            yield dim, -1
        dim += 1


def is_last(index: int, size: int) -> bool:
    """Whether a position is the last of an axis longer than one."""
    return size != 1 and (index == -1 or index == size - 1)


def _whole_width(story: Story, event: Event) -> bool:
    """Whether the result keeps the features of both directions, and goes on with them."""
    result = event.outputs[0] if event.outputs else None
    if result is None or not result.rank:
        return False
    if not any(p.kind == "directions" for p in result.axes[-1]):
        return False
    readers = story.readers.get(id(result), [])
    for event in (e for e in readers if e.outputs):
        made = event.outputs[0]
        if event.kind in _PIECES and made.rank and made.shape[-1] != result.shape[-1]:
            return False
        if event.kind in VIEWS and "directions" in [p.kind for p in map(alone, made.axes) if p]:
            return False
    return True


@rule
def steps(story: Story) -> Iterator[Finding]:
    """The last step of an output that is padded, or whose other direction has read one step."""
    positions: dict[int, set[str]] = {}
    for event in story.picks:
        positions.setdefault(id(event.place.node), set()).add(str(list(chosen(event))))
    for event in story.picks:
        if len(positions[id(event.place.node)]) > 1:
            continue  # a loop that takes every step in turn
        x = event.inputs[0]
        ran = x.facts.get("output")
        for dim, index in chosen(event):
            if ran is None or story.axis(x.axes[dim]) != "steps":
                continue
            if "padded" in x.facts and index == -1 and _uneven(x.facts["padded"]):
                why = (
                    "the batch is padded: of every sequence shorter than the longest the last step "
                    "is padding; hn holds each sequence's own last step"
                )
                yield told("padded-step", event, why)
            elif ran.spec.bidirectional and _whole_width(story, event):
                if is_last(index, x.shape[dim]):
                    half = "reverse"
                elif index == 0 and x.shape[dim] != 1:
                    half = "forward"
                else:
                    continue
                why = (
                    f"the {half} half has read one step only: of a bidirectional layer the last "
                    "step of the output ends the forward direction and begins the reverse; hn[-2] "
                    "and hn[-1] are the ends of both"
                )
                yield told("last-step", event, why)


def _uneven(padded: Any) -> bool:
    lengths = padded.lengths if isinstance(padded, Packed) else padded
    return lengths is None or len(set(map(int, lengths))) > 1


# -------------------------------------------------------------------------------- rows of the state


@rule
def rows(story: Story) -> Iterator[Finding]:
    """Rows of hn that are not what they are taken for."""
    for call in story.recurrent:
        if not call.spec.single:
            yield from _rows_of(story, call, call.spec)


def _rows_of(story: Story, call: Event, spec: Any) -> Iterator[Finding]:
    states = list(tensors_in(call.result[1]))
    for hn in states:
        readers = story.readers.get(id(hn), [])
        for event in readers:
            if event.kind == "index" and hn.rank == 3:
                for dim, index in chosen(event):
                    if dim == 1 and is_last(index, hn.shape[1]) and _goes_on(story, event):
                        why = (
                            "axis 1 of hn is the batch, also with batch_first: position "
                            f"{index} is the state of one sample; hn[-1] is the last layer's "
                            "state of all"
                        )
                        yield told("state-rows", event, why)
        if spec.bidirectional and spec.num_layers > 1 and hn.rank == 3:
            yield from _first_rows(story, hn, spec, readers)
    if states and states[0].rank >= 2:
        yield from _unread(story, call, spec, states[0])


def _goes_on(story: Story, event: Event) -> bool:
    """Whether a module or a product reads the result, or a function gives it back."""
    result = event.outputs[0]
    if id(result) in story.returned:
        return True
    return any(
        isinstance(e.function, Instance)
        or e.kind in ("torch.cat", "torch.matmul", "torch.nn.functional.linear")
        for e in story.readers.get(id(result), [])
    )


def _first_rows(story: Story, hn: Tensor, spec: Any, readers: Sequence[Event]) -> Iterator[Finding]:
    """hn[:num_layers] of a bidirectional layer, handed to another layer as its state."""
    for event in readers:
        key = event.keywords.get("key")
        first = key[0] if isinstance(key, tuple) and key else key
        if event.kind != "index" or not isinstance(first, slice) or first.step not in (None, 1):
            continue
        result, count = event.outputs[0], spec.num_layers
        if result.shape[0] != count or first.start not in (None, 0, -count, count):
            continue
        if any(state is result for other in story.recurrent for state in other.states):
            begin = count if first.start else 0
            names = [
                f"layer {row // 2} {'reverse' if row % 2 else 'forward'}"
                for row in range(begin, begin + count)
            ]
            why = (
                "the rows of hn go layer by layer, both directions of each: these are "
                f"{', '.join(names)}, not one direction of every layer"
            )
            yield told("state-rows", event, why)


def _unread(story: Story, call: Event, spec: Any, hn: Tensor) -> Iterator[Finding]:
    """Rows of the last layer that nothing reads, though another row of hn is read."""
    output = call.result[0]
    read_output = isinstance(output, Packed) or (isinstance(output, Tensor) and story.used(output))
    if isinstance(output, Packed):
        read_output = any(
            isinstance(a, Packed) and a is output for e in story.events for a in e.args
        ) or any(e is not call and any(t is output.padded for t in e.inputs) for e in story.events)
    if read_output or id(hn) in story.returned:
        return
    count = int(hn.shape[0])
    if count == 1:
        return
    readers = story.readers.get(id(hn), [])
    taken: dict[int, Event] = {}
    for event in readers:
        if event.kind in ("Tensor.unbind", "torch.unbind") and len(event.outputs) == count:
            taken.update({r: event for r, t in enumerate(event.outputs) if story.used(t)})
            continue
        positions = [i for d, i in chosen(event) if d == 0] if event.kind in PICKS else []
        if not positions:
            return  # something reads more than a row
        taken[int(positions[0]) % count] = event
    if not taken:
        return
    directions = spec.num_directions
    last = set(range(count - directions, count))
    if not last & taken.keys():
        row, event = next(iter(taken.items()))
        why = (
            f"row {row} of hn is layer {row // directions}; the last layer's state is hn[-1], and "
            "nothing reads it"
        )
        yield told("state-rows", event, why)
    elif directions == 2 and last - taken.keys():
        row = next(iter(last & taken.keys()))
        half, other = ("reverse", "forward") if row == count - 1 else ("forward", "reverse")
        why = (
            f"row {row - count} of hn is the {half} direction of the last layer alone; nothing "
            f"reads the {other} one"
        )
        yield told("state-rows", taken[row], why)


# ------------------------------------------------------------------------------- samples and steps


@rule
def batch_first(story: Story) -> Iterator[Finding]:
    """A layer that reads samples as steps; the last sample where the last step was meant."""
    seen: dict[tuple[int, Any], tuple[str, Event]] = {}
    for event in story.recurrent:
        spec = event.spec
        x = next(iter(event.inputs), None)
        if spec.single or x is None or any(isinstance(a, Packed) for a in event.args):
            continue
        if x.rank == 2 and x.shape[0] != 1:
            origin = _origin(x, 0)
            drawn = origin is not None and origin.what == DRAWN
            if drawn or (id(origin), None) in story.batched:
                why = (
                    f"axis 0 of the input, {_shape(x)}, is the batch; of two axes a layer takes it "
                    "for the steps of one sequence, and goes from sample to sample"
                )
                yield told("unbatched-rank", event, why, spec=spec)
        if x.rank != 3:
            continue
        n, t = (0, 1) if spec.batch_first else (1, 0)
        first, other = x.axes[t][0].kind, x.axes[n][0].kind
        whole = len(x.axes[t]) == 1 and other != "samples" and x.shape[n] != 1
        if first == "samples" and (other == "steps" or whole):
            order = "(N, T, features)" if spec.batch_first else "(T, N, features)"
            why = (
                f"axis {t} of the input holds the samples, and the layer reads {order}: it goes "
                "through the samples as if they were steps"
            )
            yield told("batch-first-confusion", event, why)
            continue
        for d, kind in ((n, "samples"), (t, "steps")):
            if _origin(x, d) is not None and x.axes[d][0].kind == "unknown":
                role, before = seen.setdefault(x.axes[d][0].key, (kind, event))
                if role != kind and before.function is not event.function:
                    why = (
                        f"{before.text} reads axis {d} as {role}, this layer as {kind}: one of the "
                        "two has the wrong batch_first"
                    )
                    yield told("batch-first-confusion", event, why)
                    break
    for event in story.picks:
        x = event.inputs[0]
        ran = x.facts.get("output")
        if ran is None or x.rank != 3:
            continue
        kinds = story.kinds(x)
        for dim, index in chosen(event):
            if kinds[dim] != "samples" or "steps" not in kinds or not is_last(index, x.shape[dim]):
                continue
            if not _read_by_module(story, event):
                continue
            if (unpacked := _padded_otherwise(story, x)) is not None:
                yield unpacked
                continue
            sure = _samples_read_as_steps(story, ran)
            words = "and the steps are taken for the batch" if sure else (
                "not the last step: either the layer has the wrong batch_first for its input, or "
                f"{'[-1]' if dim else '[:, -1]'} was meant"
            )  # fmt: skip
            why = f"axis {dim} of this output is the batch: position {index} is the last sample, "
            yield told("batch-first-confusion", event, why + words, axis=dim, sure=sure)


def _origin(x: Tensor, axis: int) -> Origin | None:
    """Where an axis of one part comes from."""
    part = alone(x.axes[axis])
    return part.origin if part is not None else None


def _samples_read_as_steps(story: Story, ran: Any) -> bool:
    """Whether what a call reads as steps are the samples: a convolution read them so, or a loss has
    a target for each."""
    call = next(e for e in story.recurrent if any(t.facts.get("output") is ran for t in e.outputs))
    x = next(iter(call.inputs), None)
    if x is None or x.rank != 3:
        return False
    t = 1 if ran.spec.batch_first else 0
    part, rows = x.axes[t][0], x.shape[t]
    targets = [e.inputs[1] for e in story.events if e.basename in LOSSES and len(e.inputs) > 1]
    return part.key in story.convolved or (
        rows != x.shape[1 - t]
        and any(target.rank and target.shape[0] == rows for target in targets)
    )


@rule
def joined_steps(story: Story) -> Iterator[Finding]:
    """Outputs of a state carried on, call by call, that are joined along the batch."""
    for event in story.events:
        if event.kind not in ("torch.cat", "torch.concat") or len(event.inputs) < 2:
            continue
        calls = [t.facts.get("output") for t in event.inputs]
        dim = event.argument("dim", 1, 0)
        if any(c is None for c in calls) or not isinstance(dim, int) or event.inputs[0].rank != 3:
            continue
        ran = [e for e in story.recurrent if any(e.result[0] is t for t in event.inputs)]
        if len(ran) != len(calls) or len({id(e.function) for e in ran}) > 1:
            continue
        n = 0 if ran[0].spec.batch_first else 1
        carried = all({*tensors_in(list(b.args[1:]))} & {*a.outputs[1:]} for a, b in pairwise(ran))
        x = ran[0].inputs[0]
        if not _whole_axis(story, x, 1 - n):
            continue  # a chunk of a longer sequence
        if carried and dim % 3 == n and x.rank == 3 and x.shape[n] == 1 != x.shape[1 - n]:
            why = (
                f"each of {len(ran)} calls goes on from the state before it, so the calls are the "
                f"steps; axis {1 - n} of the input, {_shape(x)}, which the layer reads as steps "
                "too, is the batch"
            )
            yield told("batch-first-confusion", ran[0], why)


def _whole_axis(story: Story, x: Tensor, axis: int) -> bool:
    """Whether an axis has been as long all along, and is not a slice of a longer one."""
    origin = _origin(x, axis)
    tensors = (t for e in story.events for t in (*e.inputs, *e.outputs))
    sizes = {int(p.size) for t in tensors for p in t.parts if p.origin is origin}
    return origin is not None and len(sizes) == 1


def _padded_otherwise(story: Story, x: Tensor) -> Finding | None:
    """Where an output was padded in another order of axes than it was packed in."""
    packed: Any = x.facts.get("padded")
    if not isinstance(packed, Packed):
        return None
    kinds = story.kinds(x)
    first = bool(packed.batch_first)
    if (kinds[:2] == ["steps", "samples"]) != first:
        return None
    for event in story.events:
        if event.kind.endswith("pad_packed_sequence") and event.outputs:
            if event.outputs[0].facts.get("padded") is packed:
                order = "(T, N, …)" if first else "(N, T, …)"
                why = (
                    f"the batch was packed with batch_first={first} and is padded to {order} here, "
                    "where what follows takes its axes in the other order"
                )
                return told("packed-order", event, why)
    return None


def _read_by_module(story: Story, event: Event) -> bool:
    """Whether a Linear, a recurrent layer or a loss reads a result, as it is or after a few calls."""
    layers = ("torch.nn.Linear", "torch.nn.LSTM", "torch.nn.GRU", "torch.nn.RNN")

    def passes(one: Event) -> bool:
        return not isinstance(one.function, Instance) or bool(
            re.search("Dropout|Norm|ReLU", one.kind)
        )

    return any(
        one.kind.startswith(layers) or "loss" in one.kind or "entropy" in one.kind
        for one in story.onward(event, passes, hops=6)
    )


# ------------------------------------------------------------------------------------- reductions

SOFTMAX = ("torch.softmax", "Tensor.softmax", "torch.log_softmax", "Tensor.log_softmax",
           "torch.nn.functional.softmax", "torch.nn.functional.log_softmax", "torch.nn.Softmax",
           "torch.nn.LogSoftmax")  # fmt: skip
OVER = ("torch.mean", "Tensor.mean", "torch.sum", "Tensor.sum", "torch.max", "Tensor.max", "torch.argmax",
        "Tensor.argmax")  # fmt: skip


def _dim(event: Event) -> int | None:
    """The axis that softmax or a reduction goes over."""
    x = event.inputs[0]
    if event.kind in ("torch.nn.Softmax", "torch.nn.LogSoftmax"):
        dim = event.function._attributes.get("dim")
    else:
        dim = event.argument("dim", 1)
    if dim is None and event.kind in SOFTMAX:
        dim = 0 if x.rank in (0, 1, 3) else 1
    if isinstance(dim, (tuple, list)) and len(dim) == 1:
        dim = dim[0]
    if not isinstance(dim, int) or isinstance(dim, bool) or not x.rank:
        return None
    return dim % x.rank


def _one_score(story: Story, x: Tensor) -> bool:
    """Whether a tensor is what a Linear of one feature puts out."""
    linear = [e for e in story.events if e.kind == "torch.nn.Linear" and e.result is x]
    return any(e.function._attributes["out_features"] == 1 for e in linear)


@rule
def last_axis(story: Story) -> Iterator[Finding]:
    """A softmax over the batch; a mean over the batch that a module then reads."""
    for event in story.events:
        if (event.kind not in SOFTMAX and event.kind not in OVER) or not event.inputs:
            continue
        x = event.inputs[0]
        dim = _dim(event)
        if dim is not None and event.kind in SOFTMAX and x.shape[dim] == 1 and _one_score(story, x):
            kinds = story.kinds(x)
            wanted = kinds.index("steps") if "steps" in kinds and x.rank == 3 else None
            if "log" not in event.kind.lower():
                why = f"axis {dim} holds one score: its softmax is 1, whatever the score"
                yield told("last-axis", event, why, wanted=wanted)
            continue
        if dim == 0 and event.kind in SOFTMAX and x.rank == 2 and x.shape[0] == 1 != x.shape[1]:
            drawn = {e.basename for e in story.readers.get(id(event.result), [])}
            if {"multinomial", "argmax", "topk"} & drawn:
                why = (
                    "axis 0 is a single row: each score's softmax over it is 1, whatever the "
                    "score, and what is drawn from that is no choice"
                )
                yield told("last-axis", event, why, input=x, axis=0, wanted=1)
        if dim is None or x.rank < 2 or x.shape[dim] == 1:
            continue
        kinds = story.kinds(x)
        whole = [[story.kind(p) for p in axis if p.piece is None] for axis in x.axes]
        if event.kind in SOFTMAX and x.rank == 2 and "samples" in whole[0] and len(whole[0]) > 1:
            kinds[0] = "samples"  # a flattened batch
        names = [e.name for e in story.readers.get(id(event.result), [])]
        if kinds[dim] == "steps" and x.rank == 3 and "argmax" in event.kind and "==" in names:
            scored, classes = story.computed(x), x.axes[2][-1]
            for loss in story.events if scored is not None and classes.origin is not None else ():
                read = loss.inputs[0] if loss.inputs else None
                if loss.basename in CLASSES and read is not None and read.rank > 1:
                    if story.computed(read) is scored and read.axes[1][-1].origin is classes.origin:
                        why = (
                            f"axis {dim} are the steps: this is the step at which each class "
                            "scores best, compared with numbers of classes; "
                            f"the loss (line {loss.place.line}) has the classes along axis 2"
                        )
                        yield told("last-axis", event, why, input=x, axis=dim, wanted=2)
        if kinds[dim] != "samples" or kinds.count("samples") != 1:
            continue
        widths = [
            d for d, axis in enumerate(x.axes)
            if d != dim and axis[-1].kind in ("features", "classes") and x.shape[d] != 1
        ]  # fmt: skip
        if not widths and event.kind in SOFTMAX and "steps" in kinds:
            widths = [kinds.index("steps")]  # scores of the steps, one each: attention
        if not widths:
            continue
        wanted, why = widths[-1], ""
        if event.kind in SOFTMAX:
            why = "every sample's result depends on the others, and its own scores do not sum to 1"
        elif "argmax" in event.kind and x.rank == 2:
            why = "this is the best sample of each class, not the best class of each sample"
        elif "steps" in kinds and event.outputs and _read_by_module(story, event):
            if (unpacked := _padded_otherwise(story, x)) is not None:
                yield unpacked
                continue
            wanted, why = kinds.index("steps"), "the samples are merged into one"
        if why:
            lie = "steps" if why.startswith("the samples") else "scores"
            why = f"axis {dim} is the batch: {why}; the {lie} lie along axis {wanted}"
            yield told("last-axis", event, why, wanted=wanted)


# ------------------------------------------------------------------------------------------ losses

# a loss that does itself what made its input: by the loss's last name, what makes it too much
DOES_ITSELF = {
    "cross_entropy": "softmax", "CrossEntropyLoss": "softmax",
    "binary_cross_entropy_with_logits": "sigmoid", "BCEWithLogitsLoss": "sigmoid",
}  # fmt: skip


# a loss that wants what a softmax or sigmoid has made
WANTS = {"nll_loss": "log-probabilities", "NLLLoss": "log-probabilities",
         "binary_cross_entropy": "probabilities", "BCELoss": "probabilities"}  # fmt: skip
# what changes the shape of a tensor and none of its numbers
SHAPING = ("view", "reshape", "flatten", "squeeze", "unsqueeze", "transpose", "permute", "t",
           "contiguous", "index", "float", "to")  # fmt: skip


@rule
def done_twice(story: Story) -> Iterator[Finding]:
    """Probabilities where a loss reads scores: it takes their softmax, or sigmoid, again; scores
    where it reads probabilities."""
    for event in story.events:
        name = event.basename
        if not event.inputs or not (name in DOES_ITSELF or name in WANTS):
            continue
        what, before = DOES_ITSELF.get(name), story.computed(event.inputs[0])
        if name in WANTS and before is not None and before.kind == "torch.nn.Linear":
            why = (
                f"{name} is given what a Linear puts out (line {before.place.line}), and reads "
                f"{WANTS[name]}"
            )
            yield told("scores-for-probabilities", event, why, input=event.inputs[0])
        if what and before is not None and before.basename.lower() == what:
            why = (
                f"{name} (line {event.place.line}) takes the {what} itself: "
                "here it is taken twice, and the gradients are small however wrong the scores are"
            )
            yield told("probabilities-for-scores", before, why)


ELEMENTWISE = {"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "MSELoss", "L1Loss", "SmoothL1Loss",
               "HuberLoss"}  # fmt: skip
TOGETHER = ("operator", "torch.cat", "torch.cosine_similarity", "torch.nn.functional.cosine_similarity",
            "torch.nn.CosineSimilarity", "torch.nn.functional.pairwise_distance")  # fmt: skip
CLASSES = {"cross_entropy", "nll_loss", "CrossEntropyLoss", "NLLLoss"}
LOSSES = ELEMENTWISE | CLASSES | {*_BINARY}


def _pair(event: Event) -> tuple[Tensor, Tensor] | None:
    """The prediction and the target of a loss."""
    a, b = event.argument("input", 0), event.argument("target", 1)
    return (a, b) if isinstance(a, Tensor) and isinstance(b, Tensor) else None


@rule
def losses(story: Story) -> Iterator[Finding]:
    """Losses whose two tensors are laid beside each other wrongly, without an error."""
    sorted_ = _orders(story)
    for event in story.events:
        name = event.basename
        if name in LOSSES:
            pair = _pair(event)
            if pair is None:
                continue
            if name in ELEMENTWISE:
                yield from _broadcast(event, *pair)
            if name in CLASSES:
                yield from _class_axis(story, event, *pair)
            if name in ("ctc_loss", "CTCLoss"):
                if story.kinds(pair[0])[:2] == ["samples", "steps"]:
                    why = "CTC wants (T, N, classes): axis 0 of these scores is the batch"
                    yield told("loss-classes", event, why)
            order = pair[0].facts.get("order")
            if order is not None and id(order) in sorted_ and pair[1].facts.get("order") is None:
                why = (
                    "the batch was sorted by length, and its results are compared with targets in "
                    "the old order"
                )
                yield told("packed-order", event, why)
        elif (event.kind in TOGETHER or name == "eq") and len(event.inputs) == 2:
            orders = [tensor.facts.get("order") for tensor in event.inputs]
            if all(id(o) in sorted_ for o in orders) and orders[0] is not orders[1]:
                why = (
                    "each of the two batches was sorted by its own lengths: their rows no longer "
                    "belong together"
                )
                yield told("packed-order", event, why)
            elif event.name == "-":
                yield from _difference(story, event)
            elif event.name in ("==", "eq"):
                yield from _compared(story, event)


@rule
def sorted_alone(story: Story) -> Iterator[Finding]:
    """Lengths that were sorted for packing, and the batch was not: nothing reads the order."""
    for at, event in enumerate(story.events):
        if not event.kind.endswith("pack_padded_sequence") or len(event.inputs) < 2:
            continue
        lengths = story.made.get(id(event.inputs[1]))
        order = lengths.outputs[1:] if lengths and lengths.kind.endswith("sort") else []
        known = lengths.inputs[0].known if lengths and order else None
        if not known or list(known) == sorted(known, reverse=True):
            continue  # a batch that was sorted before has such lengths
        if not any(e in story.events[:at] for e in story.readers.get(id(order[0]), [])):
            why = (
                "the lengths were sorted and the batch was not: each sequence is cut to another's "
                "length"
            )
            yield told("packed-order", event, why, input=event.inputs[0], order=order[0])


def _orders(story: Story) -> set[int]:
    """The ids of the positions that a sort gave."""
    sorts = [e for e in story.events if e.basename in ("sort", "argsort", "topk")]
    return {id(t) for event in sorts for t in event.outputs if t.dtype == "int64"}


def _broadcast(event: Event, a: Tensor, b: Tensor) -> Iterator[Finding]:
    shape = broadcast(a, b)[0]
    if a.shape != b.shape and int(product(shape)) > max(int(a.numel), int(b.numel)):
        why = (
            f"{_shape(a)} beside {_shape(b)} is broadcast to {'×'.join(map(str, shape))}: every "
            "prediction is compared with every target"
        )
        yield told("loss-broadcast", event, why)


def _longer_by_one(one: Tensor, other: Tensor) -> bool:
    """Whether a tensor has the shape of another, and an axis of 1 besides."""
    shape, rest = tuple(one.shape), tuple(other.shape)
    return any(n == 1 and (*shape[:d], *shape[d + 1 :]) == rest for d, n in enumerate(shape))


def _difference(story: Story, event: Event) -> Iterator[Finding]:
    a, b = event.inputs
    if bool(a.graph) is bool(b.graph) or not event.outputs:
        return
    one, other = (a, b) if a.graph else (b, a)
    result = event.outputs[0]
    if int(result.numel) > max(int(a.numel), int(b.numel)) and _longer_by_one(one, other):
        powers = [e for e in story.readers.get(id(result), []) if e.kind in _POWERS]
        means = [m for e in powers for x in e.outputs for m in story.readers.get(id(x), [])]
        summed = any(
            m.name in ("mean", "sum") and not m.outputs[0].rank for m in means if m.outputs
        )
        if powers and (summed or other.rank == 1):  # else a distance of each to each may be meant
            why = (
                f"{_shape(a)} minus {_shape(b)} is broadcast to {_shape(result)}: "
                "every prediction is compared with every target"
            )
            yield told("loss-broadcast", event, why)


def _compared(story: Story, event: Event) -> Iterator[Finding]:
    """The best classes (N, 1) beside the targets (N): each is compared with all."""
    for one, other in (event.inputs, event.inputs[::-1]):
        made = story.computed(one)
        best = made is not None and _named(made, "argmax", "topk", "max")
        if best and int(other.numel) > 1 and _longer_by_one(one, other):
            why = (
                f"{_shape(one)} == {_shape(other)} is broadcast to "
                f"{'×'.join(map(str, event.outputs[0].shape))}: every prediction is compared with "
                "every target"
            )
            yield told("loss-broadcast", event, why, input=one, output=other)


def _class_axis(story: Story, event: Event, scores: Tensor, target: Tensor) -> Iterator[Finding]:
    kinds = story.kinds(scores)
    if scores.rank == 3 and target.rank == 2:
        beside = {story.kind(p) for part in scores.axes[1] for p in (part.of or (part,))}
        if "steps" in beside and len(beside) > 1:
            why = (
                "cross entropy takes axis 1 for the classes; a view has mixed the "
                f"{' and '.join(sorted(beside))} in it, where a transpose would have swapped them"
            )
            yield told("loss-classes", event, why)
        last = scores.axes[2][-1].kind in ("features", "classes")
        if last and {*kinds[:2]} <= {"samples", "steps"}:
            why = (
                f"cross entropy takes axis 1 for the classes; here it is the {kinds[1]}, and the "
                "classes are the last axis"
            )
            yield told("loss-classes", event, why)
    if scores.rank == 2 and target.rank == 1:
        rows, others = ([p for p in x.axes[0] if p.size != 1] for x in (scores, target))
        a, b = ([story.kind(p) for p in parts] for parts in (rows, others))
        if sorted(a) == ["samples", "steps"] and set(b) == {"unknown"}:
            sizes = [int(p.size) for p in rows], [int(p.size) for p in others]
            if sizes[0] == sizes[1][::-1] and sizes[0][0] != sizes[0][1]:
                b = a[::-1]  # their sizes tell which is which
        if sorted(a) == sorted(b) == ["samples", "steps"] and a != b:
            why = (
                f"the rows of the scores go {a[0]} by {a[0]} ({' × '.join(a)}), those of the "
                f"targets {' × '.join(b)}: they are compared crosswise"
            )
            yield told("packed-order" if "padded" in scores.facts else "loss-classes", event, why)


@rule
def direction_twice(story: Story) -> Iterator[Finding]:
    """One direction's state beside itself along the features, where the other is meant."""
    for event in story.events:
        pair = event.inputs
        if event.kind not in ("torch.cat", "torch.concat") or len(pair) != 2 or not pair[0].rank:
            continue
        dim = event.argument("dim", 1, 0)
        rows = [story.made.get(id(tensor)) for tensor in pair]
        if dim not in (-1, pair[0].rank - 1) or not all(r and r.kind == "index" for r in rows):
            continue
        (a, b), whole = rows, rows[0].inputs[0] if rows[0] else None
        if a is None or b is None or whole is None or whole is not b.inputs[0]:
            continue
        both, left = (any(p.kind == "directions" for p in t.parts) for t in (whole, pair[0]))
        keys = [ast.dump(getattr(e.place.node, "slice", e.place.node)) for e in (a, b)]
        same = a is b or (keys[0] == keys[1] and "Name" not in keys[0])
        if both and not left and same:
            why = "both halves are the state of one direction: that of the other is left out"
            yield told("state-rows", event, why, input=whole, twice=True)


@rule
def graph_kept(story: Story) -> Iterator[Finding]:
    """A state carried on with its graph, which retain_graph lets grow from one backward to the next."""
    kept: dict[int, Event] = {}
    for event in story.events:
        if event.kind in BACKWARD and event.inputs:
            if event.keywords.get("retain_graph") is True:
                kept.update(dict.fromkeys(event.inputs[0].graph, event))
        elif event.spec is not None:
            for state in event.states:
                before = next((kept[g] for g in state.graph if g in kept), None)
                if before is not None and {"hn", "cn"} & state.facts.keys():
                    why = (
                        "the state is carried on with its graph: each backward goes through all "
                        "that came before it, and takes longer and more memory each time"
                    )
                    yield Finding("graph-kept", before.place, why, {"event": event})
                    return


@rule
def gradients_kept(story: Story) -> Iterator[Finding]:
    """Steps of an optimizer, each after a backward, between which nothing clears the gradients."""
    kept: dict[tuple[str, int], tuple[list[Event], list[Gradients]]] = {}
    for made in story.followed.seen.record.gradients:
        if made.kind == "made" and made.parameters and (found := _added(story, made)):
            backwards, steps = found
            place = backwards[-1].place
            kept.setdefault((place.file, place.line), (backwards, []))[1].extend(steps)
    if kept and not _clears_elsewhere(story):
        for backwards, steps in kept.values():
            why = "nothing clears the gradients between one step of the optimizer and the next"
            facts = {"steps": steps, "backwards": len(backwards)}
            yield told("gradients-kept", backwards[-1], why, **facts)


def _added(story: Story, made: Gradients) -> tuple[list[Event], list[Gradients]] | None:
    """The backwards of an optimizer's first step, and all its steps, where a later step has the
    gradients of the first; None where they may have been cleared."""
    record = story.followed.seen.record
    own = made.parameters or frozenset()
    filled = [(at, e) for at, e, reached in story.backwards if reached & own]
    for one in record.gradients if filled else ():
        of_these = one.owner is made.owner or one.parameters is None or one.parameters & own
        if of_these and (one.kind == "lost" or (one.kind == "cleared" and one.at > filled[0][0])):
            return None
    steps = [g for g in record.gradients if g.kind == "step" and g.owner is made.owner]
    ends = [0, *(step.at for step in steps)]
    runs = [[e for at, e in filled if a <= at < b] for a, b in pairwise(ends)]
    turned = any(
        node in record.repeated and (node, begin) not in made.turns
        and any(begin <= at < step.at for at, _ in filled)
        for step in steps for node, begin in step.turns
    )  # fmt: skip
    first = next((run for run in runs if run), None)
    return (first, steps) if first and (turned or len([r for r in runs if r]) > 1) else None


def _clears_elsewhere(story: Story) -> bool:
    """Whether the program speaks of gradients in lines that were not followed."""
    ran = {
        (one.place.file, line)
        for one in story.followed.seen.record.gradients if one.place is not None
        for line in range(one.place.line, getattr(one.place.node, "end_lineno", 0) + 1)
    }  # fmt: skip
    return any(
        isinstance(node, ast.Attribute) and node.attr in ("zero_grad", "grad")
        and (name, node.lineno) not in ran
        for name, source in story.followed.sources.items() for node in ast.walk(source.tree)
    )  # fmt: skip


@rule
def states_given(story: Story) -> Iterator[Finding]:
    """A state whose rows are samples, where the sizes happen to be equal."""
    for event in story.recurrent:
        for state in event.states if not event.spec.single else ():
            if state.rank != 3 or state.shape[0] == 1:
                continue
            rows, others = ({story.kind(p) for p in axis} for axis in state.axes[:2])
            if "samples" in rows and others & {"layers", "directions"}:
                why = (
                    "axis 0 of the state is the batch and axis 1 its layers: the layer reads them "
                    "the other way round, and says nothing since both are equally long"
                )
                yield told("state-rows", event, why)


# ------------------------------------------------------------------- programs that run and learn not

KEPT = ("detach", "detach_", "data", "clone", "to", "contiguous", "Variable")
# what gives of each position one of its own
EACH = (*SHAPING, "Linear", "linear", "Dropout", "dropout", "ReLU", "relu", "Tanh", "tanh", "GELU",
        "gelu", "LayerNorm", "layer_norm", "log_softmax", "LogSoftmax", "softmax", "Softmax",
        "sigmoid", "Sigmoid", "pad_packed_sequence")  # fmt: skip


def _named(event: Event, *names: str) -> bool:
    """Whether a call has one of these last names."""
    return event.basename in names


def _cuts(event: Event) -> bool:
    return _named(event, "detach", "detach_", "data")


def _learns(story: Story, call: Event) -> bool:
    """Whether a layer's parameters ask for gradients, and are an optimizer's where there is one."""
    optimized = story.followed.seen.record.optimized
    own = parameters([call.function])
    told = optimized is not None and (not optimized or any(id(p) in optimized for p in own))
    return told and all(p.storage.requires_grad for p in own)


def _carried(story: Story, state: Tensor) -> tuple[Event | None, Event | None]:
    """The call of a layer that gave a state, and what detached it on the way, if anything did."""
    cut = next((e for e in story.readers.get(id(state), []) if _named(e, "detach_")), None)
    for event in story.history(state):
        if calls_layer(event):
            return event, cut
        if not _named(event, *KEPT):
            break
        if _cuts(event):
            cut = event
    return None, cut


def _drawn(tensor: Tensor) -> set[int]:
    origins = [p.origin for p in tensor.parts if p.origin is not None]
    return {id(origin) for origin in origins if origin.what == DRAWN}


@rule
def other_samples(story: Story) -> Iterator[Finding]:
    """A state carried on from one batch to the next of a loader that draws them at random."""
    for event in story.recurrent:
        own = _drawn(event.inputs[0]) if event.inputs else set()
        for state in event.states if own else ():
            before, _ = _carried(story, state)
            if before is not None and (theirs := _drawn(state)) and not theirs & own:
                models = [e for e in story.readers[id(state)] if not e.kind]  # that pass it on
                why = (
                    "the loader draws each batch at random, and the state is that of the batch "
                    "before: each sample goes on from another one's state"
                )
                place = (models or [event])[-1].place
                yield Finding("state-of-others", place, why, {"event": event})
                break


@rule
def detached_steps(story: Story) -> Iterator[Finding]:
    """A state that is detached at each step of a sequence whose steps one backward goes through."""
    for event in story.events:
        if event.kind not in BACKWARD or not event.inputs:
            continue
        reached = event.inputs[0].graph
        ran = [e for e in story.recurrent if story.places[id(e)] < story.places[id(event)]]
        last = {id(e.function): e for e in ran}
        last.update({id(e.function): e for e in ran if _serial(e) in reached})
        for one in last.values():
            cuts: list[Event] = []
            if _serial(one) not in reached:  # the last was detached too
                cuts = [e for t in one.outputs for e in story.readers.get(id(t), []) if _cuts(e)]
                if not cuts or not _learns(story, one):
                    continue
                if not any(e is event for e in story.onward(cuts[0], lambda _: True)):
                    continue
            while _one_step(one):
                found = [_carried(story, state) for state in one.states]
                before, cut = found[0] if found else (None, None)
                together = all(by is before and at is not None for by, at in found)
                if before is None or cut is None or not together:
                    break
                if before.function is not one.function:
                    break
                cuts.append(cut)
                one = before
            else:
                continue
            between = story.between(one, event) if len(cuts) > 1 else True
            if before is None and not between:
                why = (
                    "the state is detached at each step: no gradient goes back from a step to the "
                    f"one before, and backward (line {event.place.line}) learns nothing of them"
                )
                yield told("state-detached", cuts[0], why)


def _serial(call: Event) -> int | None:
    facts = [f for t in call.outputs for f in t.facts.values()]
    return next((f.serial for f in facts if hasattr(f, "serial")), None)


def _one_step(call: Event) -> bool:
    """Whether a call is of a cell, or of a layer for a single step."""
    spec = call.spec
    x = call.inputs[0]
    return spec.single or (x.rank == 3 and x.shape[1 if spec.batch_first else 0] == 1)


@rule
def next_step_read(story: Story) -> Iterator[Finding]:
    """A reverse direction that has read the step which is to be told."""
    for event in story.events:
        pair = _pair(event) if _named(event, *CLASSES) else None
        layer = _reverse_behind(story, pair[0]) if pair is not None else None
        if pair is None or layer is None:
            continue
        x, target = layer.inputs[0], pair[1]
        for part in x.parts:
            others = [p for p in target.parts if p.origin is part.origin]
            if part.origin is None or len(others) != 1:
                continue
            at, begin, gone = (
                t.facts.get("starts", {}).get(part.origin) for t in (target, x, pair[0])
            )
            known = begin is not None or int(part.size) == int(others[0].size) + 1
            if at is not None and known and int(at) - int(begin or 0) - int(gone or 0) == 1:
                why = (
                    f"the target (line {event.place.line}) is the input one step later: the "
                    "reverse direction has read at each step the one that is to be told"
                )
                yield told("future-read", layer, why)


def _reverse_behind(story: Story, x: Tensor) -> Event | None:
    """The bidirectional layer whose output, both halves, scores were computed from step by step."""
    for event in story.history(x):
        before = next(iter(event.inputs), x)
        if calls_layer(event):
            if event.spec.bidirectional:
                return event if x is event.result[0] else None
        elif not _named(event, *EACH) or (
            event.kind == "index" and before.shape[-1:] != x.shape[-1:]
        ):
            return None
        x = before
    return None


@rule
def padding_in_loss(story: Story) -> Iterator[Finding]:
    """Targets that were filled up with a class, compared with scores at steps that hold no data."""
    for event in story.events:
        pair = _pair(event) if _named(event, *CLASSES) else None
        if pair is None or "padded" not in pair[0].facts or pair[1].floating:
            continue
        made = story.computed(pair[1])
        own = event.function._attributes if isinstance(event.function, Instance) else {}
        options = {"ignore_index": -100, "reduction": "mean", **own, **event.keywords}
        if made is None or not _named(made, "pad_sequence") or event.args[2:]:
            continue
        filled = made.argument("padding_value", 2, 0)
        if (
            isinstance(filled, (int, float)) and filled != options["ignore_index"]
            and options["reduction"] in ("mean", "sum") and options.get("weight") is None
            and "padded" in made.outputs[0].facts and _uneven(pair[0].facts["padded"])
        ):  # fmt: skip
            why = (
                f"the shorter targets were filled up with {filled} (line {made.place.line}), which "
                "the loss takes for a class: it learns from steps that are no data"
            )
            yield told("padding-in-loss", event, why, filled=made)


@rule
def still_training(story: Story) -> Iterator[Finding]:
    """A network that is measured, after it learned, while its dropout or batch norm still trains."""
    for at, event in enumerate(story.events):
        if _named(event, "dropout") and "functional" in event.kind and event.training is False:
            if "training" not in event.keywords and len(event.args) < 3:
                why = (
                    "F.dropout draws unless it is told training=False: it does so here, where the "
                    "module is in eval()"
                )
                yield told("still-training", event, why)
        graphless = event.outputs and not any(t.graph for t in event.outputs)
        if event.kind or event.training is not True or not graphless:
            continue
        inside = [one for _, one in submodules(event.function)]
        own = {*map(id, parameters(inside))}
        last = max((b for b, _, reached in story.backwards if b < at and reached & own), default=-1)
        noise = next(filter(None, map(_noise, inside)), "")
        later = story.events[at + 1 :]
        if last < 0 or not noise or _on_purpose(story, event, last):
            continue
        learns = any(e.kind in BACKWARD for e in later)
        used = not learns or _measured(story, event)  # what nothing learns from later is a result
        if used and not any(_named(e, "std", "var") for e in later):
            why = f"the network is used without eval(): its {noise} still works as in training"
            yield told("still-training", event, why, learns=learns)


def _noise(module: Instance) -> str:
    own, name = module._attributes, module._cls.__name__
    spec = own.get("_spec")
    if spec is not None and not spec.single and spec.num_layers > 1 and spec.dropout:
        return f"dropout between the layers of nn.{name}"
    if name in ("Dropout", "Dropout1d", "Dropout2d", "AlphaDropout") and own.get("p"):
        return f"nn.{name}"
    return f"nn.{name}" if name.startswith("BatchNorm") and module._cls.kind else ""


def _on_purpose(story: Story, event: Event, last: int) -> bool:
    """Whether the program asks for a network that trains: by train(), or by several runs of it."""
    source = story.followed.sources.get(event.place.file)
    if source is None or any(
        e.kind == "" and e.function is event.function and e is not event
        and any(a is b for a in e.inputs for b in event.inputs)
        and not story.between(e, event)
        for e in story.events
    ):  # fmt: skip
        return True
    line, learned = event.place.line, story.events[last].place
    begin = learned.line if learned.file == event.place.file else 0
    return any(
        isinstance(node, ast.Attribute) and node.attr == "train" and (
            begin < node.lineno <= line or (learned.where != event.place.where
            and event.place.where and _around(source.tree, node, event.place.node))
        )
        for node in ast.walk(source.tree)
    )  # fmt: skip


def _around(tree: ast.AST, *nodes: ast.AST) -> bool:
    """Whether nodes stand in one function."""
    return any(
        isinstance(f, ast.FunctionDef) and {*nodes} <= {*ast.walk(f)} for f in ast.walk(tree)
    )


def _measured(story: Story, event: Event) -> bool:
    """Whether a loss or a comparison, of which nothing is learned, reads a result as it is."""

    def learning(reader: Event) -> bool:
        tensors = [*reader.outputs, *(reader.inputs if len(reader.inputs) > 1 else ())]
        return any(t.graph for t in tensors)

    def passes(reader: Event) -> bool:
        return _named(reader, *EACH, "argmax", "max", "round") and not learning(reader)

    return any(
        (_named(one, *LOSSES) or one.name in ("==", "eq")) and not learning(one)
        for one in story.onward(event, passes, hops=6)
    )
