"""The guided tour: fifteen stops from one cell to a checkpoint, as plain data.

The page and the interactive program tell the same stops: each has a network, a text, and a cell
to look at while reading it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ...analysis.trace import Trace
from ...network.batch import Batch
from ...network.head import Head
from ...network.spec import Spec

Place = tuple[int, str, int]  # layer, direction, t

_SPEC_FIELDS = {field.name for field in fields(Spec)}
_BATCH_FIELDS = {"batch_size": "size", "seq_len": "seq_len", "lengths": "lengths"}
_HEAD_FIELDS = {"output_size": "size", "output_activation": "activation", "output_at": "at"}


@dataclass(frozen=True)
class Stop:
    """One stop: its text, the options of the network it tells of, and the cell it looks at.

    options: named as on the command line with `_` for `-` (num_layers for --layers); what is left
    out has the command line's default. marks: the kinds of the arrows that the text names, all of
    which a page lights; figure: a small one beside the text, `memory` or `turn`.
    """

    title: str
    text: str
    options: Mapping[str, Any]
    focus: Place | None = None
    marks: tuple[str, ...] = ()
    figure: str = ""

    def trace(self) -> Trace:
        """The network over the batch, in shapes."""
        options = dict(self.options)
        spec = Spec(**{name: options.pop(name) for name in self.options if name in _SPEC_FIELDS})
        batch = {_BATCH_FIELDS[n]: options.pop(n) for n in self.options if n in _BATCH_FIELDS}
        head = {_HEAD_FIELDS[n]: value for n, value in options.items()}
        return Trace(spec, Batch(**batch), head=Head(**head) if head else None)


TOUR = (
    Stop(
        "One cell",
        "A recurrent cell reads two things: x, the input of this step, and h, the state that the "
        "step before has left. It multiplies each with a matrix of its own, adds them up, and "
        "bends the sum with tanh:\n"
        "h' = tanh(x·W_ihᵀ + b_ih + h·W_hhᵀ + b_hh)\n"
        "Seven sequences go through side by side (the batch, N=7), so x is 7×10, ten features "
        "each, and h is 7×20, twenty hidden numbers each. At the first step h is h0: zeros, "
        "unless you give your own.",
        {"seq_len": 1},
        (0, "forward", 0),
    ),
    Stop(
        "Time",
        "The same cell works again at every step, with the same weights. What it leaves, h_0 of "
        "7×20, goes to the right and is the state that step 1 finds; step 1 leaves h_1, and so "
        "on. Five steps, T=5, one after the other, since each needs the one before.\n"
        "Follow the state from h0 at the left edge to hn at the right.",
        {},
        (0, "forward", 1),
        marks=("state",),
    ),
    Stop(
        "Layers",
        "What a cell leaves goes two ways: to the right, as the state of the next step, and up, "
        "as the input of the next layer at the same step. So layer 1 reads 7×20 where layer 0 "
        "reads 7×10, and weight_ih_l1 is 20×20 where weight_ih_l0 is 20×10.\n"
        "torch finishes a whole layer, from left to right, before it begins the one above. "
        "h0 and hn have one row for each layer: 3×7×20.",
        {"num_layers": 3},
        (1, "forward", 0),
        marks=("input",),
    ),
    Stop(
        "Why the sequence comes first",
        "input is 5×7×10: steps, batch, features. The loop runs over time, and each turn takes "
        "one slice, input[t] of 7×10: the same step of all seven sequences. With time as the "
        "first axis that slice lies in one piece.\n"
        "That is why nn.RNN wants the sequence first unless it is told otherwise.",
        {"num_layers": 3},
        (0, "forward", 2),
        figure="memory",
    ),
    Stop(
        "F.linear turns the weight round",
        "torch stores W_ih as (hidden, input), 20×10, and F.linear(x, W, b) computes x·Wᵀ + b. "
        "So the weight appears turned round: (7×10)·(10×20)+20→7×20.\n"
        "The inner sizes, 10 and 10, have to be equal; the outer ones, 7 and 20, remain. The bias "
        "of 20 is added to each of the 7 rows. W_hh is 20×20: it is turned round too, only its "
        "shape does not show it.",
        {"num_layers": 3},
        (0, "forward", 0),
        figure="turn",
    ),
    Stop(
        "output and hn",
        "output collects along the top: the last layer's h at every step, 5×7×20. hn collects "
        "along the right edge: every layer's h at the last step, 3×7×20.\n"
        "They share one corner, the last layer at the last step: output[-1] equals hn[-1]. To "
        "judge a whole sequence read that corner; to label every step read output.",
        {"num_layers": 3},
        (2, "forward", 4),
        marks=("output",),
    ),
    Stop(
        "batch_first",
        "batch_first=True makes input (batch, steps, features), 7×5×10, and output likewise. "
        "h0 and hn stay 3×7×20: their first axis is layers, always.\n"
        "Inside, the loop is the same: it takes one step of all sequences, now input[:, t]. The "
        "last step is output[:, -1]; output[-1] would now be the last sequence of the batch.",
        {"num_layers": 3, "batch_first": True},
        (2, "forward", 4),
    ),
    Stop(
        "Two directions",
        "A second cell, with weights of its own (weight_ih_l0_reverse and so on), reads the same "
        "sequence from its end: it begins at t=4 and is done at t=0.\n"
        "h0 and hn have a row for each layer and direction, 2·2 = 4, in this order: layer 0 "
        "forward, layer 0 reverse, layer 1 forward, layer 1 reverse.",
        {"num_layers": 2, "bidirectional": True},
        (0, "reverse", 4),
        marks=("state",),
    ),
    Stop(
        "Side by side",
        "At every step the states of both directions are laid side by side: 7×20 and 7×20 make "
        "7×40. That is what the next layer reads, so weight_ih_l1 is 20×40; and that is what "
        "output holds, 5×7×40.\n"
        "Beware of output[-1]: its forward half has read everything and is hn[-2], its reverse "
        "half has read one step only. The reverse direction's last word, hn[-1], is in output[0].",
        {"num_layers": 2, "bidirectional": True},
        (1, "forward", 0),
        marks=("input", "output"),
    ),
    Stop(
        "A packed batch",
        "Three sequences of 5, 3 and 2 steps are packed: longest first, and no padding. At t=0 "
        "three rows are at work; at t=2 the shortest has ended and two are left; from t=3 on "
        "there is one. The state is cut to the rows that go on.\n"
        "hn holds each sequence's state at its own last step, not at t=4.",
        {"lengths": (5, 3, 2)},
        (0, "forward", 2),
    ),
    Stop(
        "The gates of an LSTM",
        "An LSTM keeps two states: h, which it shows, and c, which it keeps to itself. Four "
        "parts of one product, 7×80, decide what becomes of c, in torch's order: the input "
        "gate i, the forget gate f, the candidate g and the output gate o, each 7×20.\n"
        "c' = f ⊙ c + i ⊙ g\n"
        "h' = o ⊙ tanh(c')\n"
        "The forget gate says how much of the old c stays, the input gate how much of the "
        "candidate comes in, the output gate how much of c is shown. A gate is a sigmoid: 0 "
        "is shut, 1 is open. weight_ih_l0 is 80×10: the four gates' weights, one under the "
        "other.",
        {"cell": "lstm"},
        (0, "forward", 1),
        marks=("state",),
    ),
    Stop(
        "A GRU",
        "A GRU does with one state what an LSTM does with two. The update gate z mixes the "
        "old h with the candidate n, so h needs no c beside it:\n"
        "h' = (1 − z) ⊙ n + z ⊙ h\n"
        "The reset gate r says how much of h·W_hnᵀ + b_hn the candidate reads. torch applies "
        "it after the product, which is why a GRU that resets h before the product has other "
        "weights. Three parts, so weight_ih_l0 is 60×10: r, z, n.",
        {"cell": "gru"},
        (0, "forward", 1),
    ),
    Stop(
        "Why gradients vanish",
        "In training the gradient goes the way of the state back, from t=8 to t=0. At every "
        "step of a plain RNN it meets W_hh once more, and the slope of tanh, which is at most "
        "1: eight steps back it is a product of eight such factors.\n"
        "Along the c of an LSTM it meets the forget gate alone: dc = dc' ⊙ f. Where f is near "
        "1 it passes as it is. rnnshape run --backward --flow plots both.",
        {"seq_len": 9},
        (0, "forward", 8),
        marks=("state",),
    ),
    Stop(
        "The forms",
        "Many to one, a sentence to a class: a head reads the final state alone, 7×20 to 7×3. "
        "That is what stands here. Many to many, a tag for each word: the head reads output at "
        "every step. One to many: each output is fed back as the next input. Encoder and "
        "decoder: the hn of one network is the h0 of another.\n"
        "The recurrent part is the same in all of them; rnnshape forms shows each with its code.",
        {"output_size": 3, "output_at": "last"},
        (0, "forward", 4),
    ),
    Stop(
        "What is saved",
        "A checkpoint holds the parameters alone: weight_ih, weight_hh, bias_ih and bias_hh of "
        "every layer. Neither T nor N is in their shapes, so the same weights take a sequence of "
        "any length and a batch of any size.\n"
        "h0 and hn are not saved. The size of the batch is in their shape, and they begin anew, "
        "as zeros, at every call, unless you pass them on.",
        {"num_layers": 3},
    ),
)
