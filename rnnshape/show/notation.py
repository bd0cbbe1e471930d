"""How the walk is written for a person: pieces of text, each with the kind of what it names.

A kind has one meaning and one colour wherever it is shown: input, state, weight, output; besides
them title, note, positive, negative.
"""

from __future__ import annotations

from typing import Any

from ..engine.ops import OPERATIONS
from ..engine.walk import Performed, Tensor
from ..network.dims import Shape, write_shape
from .colours import COLOURS, SIGNS

Piece = tuple[str, str]  # text and kind
Line = list[Piece]

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


def kind_of(name: str) -> str:
    """What a tensor or its gradient is: input, state, weight, output, or an intermediate."""
    if name.startswith("d") and len(name) > 1:
        return kind_of(name[1:])
    if name.startswith(("weight", "bias", "W_", "b_", "head.")) or name in ("W", "b"):
        return "weight"
    if name.startswith(("h0", "c0", "hn", "cn", "h_", "c_")) or name in ("h", "c"):
        return "state"
    if name.startswith(("x_", "input")) or name == "x":
        return "input"
    # o_3 is a gate of an lstm as well as a head's output: as an intermediate it has no colour
    return "output" if name.startswith("output") or name == "o" else ""


def short_name(name: str) -> str:
    """A parameter's name in an equation: weight_ih_l0_reverse is W_ih."""
    kind, _, rest = name.partition("_")
    if name.startswith("head."):
        return {"head.weight": "W", "head.bias": "b"}[name]
    return {"weight": "W_", "bias": "b_"}.get(kind, kind + "_") + rest.split("_l")[0]


def equation_pieces(performed: Performed) -> Line:
    """The right side over names, `x_0·W_ihᵀ + b_ih`, each name in the colour of what it names."""
    names = [equation_name(tensor) for tensor in performed.inputs]
    rest = OPERATIONS[performed.op].equation(names, performed.attributes)
    line: Line = []
    for name in names:
        before, found, rest = rest.partition(name)
        line += [(before, ""), (found, kind_of(found))]
    return [*line, (rest, "")]


def shape_pieces(performed: Performed) -> Line:
    """The same over shapes, `(7×10)·(10×20)+20→7×20`, each in the colour of its operand."""
    line: Line = []
    rest = performed.expression
    for tensor in (*performed.inputs, performed.output):
        shape: Shape = tensor.shape
        if performed.op == "linear" and tensor is performed.inputs[1]:
            shape = shape[::-1]
        before, found, rest = rest.partition(write_shape(shape))
        line += [(before, ""), (found, kind_of(tensor.name))]
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
    name = tensor.name
    d = "d" if name.startswith(("dweight_", "dbias_", "dhead.")) else ""
    own = name.removeprefix(d)
    return d + short_name(own) if own.startswith(("weight_", "bias_", "head.")) else name
