"""How the walk is written for a person: pieces of text, each with the kind of what it names.

A kind has one meaning and one colour wherever it is shown: input, state, weight, output; besides
them title, note, positive, negative. The table of colours stands here, for terminal, picture, page.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..engine.ops import OPERATIONS
from ..engine.walk import Performed, Tensor
from ..network.dims import Shape, write_shape

Piece = tuple[str, str]  # text and kind
Line = list[Piece]


class Colour(NamedTuple):
    """A kind's colour by its name in a terminal, on light paper and on dark paper."""

    terminal: str
    light: str
    dark: str


COLOURS = {
    "input": Colour("cyan", "#0e7490", "#22d3ee"),
    "state": Colour("green", "#15803d", "#4ade80"),
    "weight": Colour("yellow", "#a16207", "#facc15"),
    "output": Colour("magenta", "#a21caf", "#e879f9"),
}
SIGNS = {  # of numbers: below and above zero
    "positive": Colour("blue", "#1d4ed8", "#60a5fa"),
    "negative": Colour("red", "#b91c1c", "#f87171"),
}
PAPER = {"light": "#ffffff", "dark": "#0f172a"}
INK = {"light": "#1e293b", "dark": "#e2e8f0"}
NOTE = {"light": "#57606f", "dark": "#94a3b8"}  # what is said beside the picture

STYLES = {
    "": "",
    **{kind: colour.terminal for kind, colour in COLOURS.items()},
    "title": "bold",
    "note": "dim",
    **{kind: colour.terminal for kind, colour in SIGNS.items()},
    "large positive": "bold blue",
    "large negative": "bold red",
    "bad": "bold red",
    "good": "bold green",
}


# the gates of a cell by their letters in the equations, in torch's order
GATES_IN_WORDS = {
    "lstm": {"i": "input gate", "f": "forget gate", "g": "candidate", "o": "output gate"},
    "gru": {"r": "reset gate", "z": "update gate", "n": "candidate"},
}


_KINDS = {"input": "input", "parameter": "weight", "state": "state", "output": "output"}
_RESULTS = {"input": "input", "output": "output", "o": "output", "target": "", "loss": ""}


def kind_of(tensor: Tensor) -> str:
    """What a tensor of a step or its gradient is; "" for an intermediate."""
    # o_3 is a gate of an lstm as well as a head's output: as an intermediate it has no colour
    return _KINDS.get(tensor.role.kind, "")


def result_kind(name: str) -> str:
    """What a tensor of a call is, by its name there: input, h0, hn, output, o, a parameter's."""
    name = name.removeprefix("grad.").partition("[")[0]
    if name in _RESULTS:
        return _RESULTS[name]
    return "state" if name.endswith(("0", "n")) and "_l" not in name else "weight"


def short_name(kind: str) -> str:
    """A parameter in an equation: weight_ih is W_ih, head.weight W; a written cell's as it is."""
    for long, short in (("head.weight", "W"), ("head.bias", "b"), ("weight_", "W_"),
                        ("bias_", "b_")):  # fmt: skip
        if kind.startswith(long):
            return short + kind.removeprefix(long)
    return kind


def equation_pieces(performed: Performed) -> Line:
    """The right side over names, `x_0·W_ihᵀ + b_ih`, each name in the colour of what it names."""
    names = [equation_name(tensor) for tensor in performed.inputs]
    rest = OPERATIONS[performed.op].equation(names, performed.attributes)
    line: Line = []
    for name, tensor in zip(names, performed.inputs):
        before, found, rest = rest.partition(name)
        line += [(before, ""), (found, kind_of(tensor))]
    return [*line, (rest, "")]


def shape_pieces(performed: Performed) -> Line:
    """The same over shapes, `(7×10)·(10×20)+20→7×20`, each in the colour of its operand."""
    line: Line = []
    rest = performed.expression
    for tensor in (*performed.inputs, performed.output):
        shape: Shape = tensor.shape
        turned = {"linear": 1, "outer": 0}.get(performed.op)
        if turned is not None and tensor is performed.inputs[turned]:
            shape = shape[::-1]
        before, found, rest = rest.partition(write_shape(shape))
        line += [(before, ""), (found, kind_of(tensor))]
    return [*line, (rest, "")]


def number_piece(value: Any) -> Piece:
    """A number in nine signs, coloured by its sign; from 1 on bold, and close to 0 dim."""
    number = float(value)
    magnitude = abs(number)
    text = f"{number:.4f}" if magnitude < 1000 else f"{number:.3g}"
    if magnitude < 0.00005:
        return (f"{text:>9}", "note")
    kind = "negative" if number < 0 else "positive"
    return (f"{text:>9}", f"large {kind}" if magnitude >= 1 else kind)


def equation_name(tensor: Tensor) -> str:
    """A tensor in an equation: x_0, W_ih, dW_ih."""
    role = tensor.role
    if role.kind != "parameter" or not role.of:
        return tensor.name
    return ("d" if role.gradient else "") + short_name(role.of)


def colour(kind: str, theme: str) -> str:
    """The colour of a kind on light or dark paper; ink for what has no colour of its own."""
    if kind == "note":
        return NOTE[theme]
    colour_of = COLOURS.get(kind) or SIGNS.get(kind)
    if colour_of is None:
        return INK[theme]
    return colour_of.dark if theme == "dark" else colour_of.light
