"""Why a state, or a tensor that a layer gives back, has the shape that it has, and what is meant.

Each entry of a table looks at what was expected and what came, and answers with what is probably
meant and a line of code that mends it, or with None; the first answer counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..network.dims import Shape, write_shape
from ..network.spec import Spec
from .case import Case, clash, counted, layer_code, listed


class Compared(NamedTuple):
    """A tensor beside what it should be."""

    case: Case
    name: str
    expected: Shape
    got: Shape

    @property
    def spec(self) -> Spec:
        """The network."""
        return self.case.spec

    @property
    def only(self) -> int | None:
        """The axis that alone is wrong."""
        wrong = [i for i in range(len(self.expected)) if self.wrong(i)]
        return wrong[0] if len(self.got) == len(self.expected) and len(wrong) == 1 else None

    def wrong(self, axis: int) -> bool:
        """Whether an axis has another size."""
        return axis >= len(self.got) or clash(self.got[axis : axis + 1], self.expected[axis:][:1])

    @property
    def other_fits(self) -> bool:
        """Whether the other state of an lstm is given and right."""
        other = {"h0": "c0", "c0": "h0"}.get(self.name, "")
        shapes, expected = self.case.shapes, self.case.expected
        return other in shapes and other in expected and not clash(shapes[other], expected[other])

    @property
    def zeros(self) -> str:
        """A fresh state of the right shape, N read from the input."""
        sizes = [str(size) for size in self.expected]
        if not self.case.one_sequence:
            batch = f"input.size({self.case.batch_axis})"
            sizes[-2] = "len(lengths)" if self.case.lengths is not None else batch
        return f"{self.name} = torch.zeros({', '.join(sizes)})"


Answer = tuple[str, str]
Meaning = Callable[[Compared], Answer | None]


def state_answer(case: Case, name: str, expected: Shape, got: Shape) -> Answer:
    """Why h0 or c0 should be `expected`, and the mend."""
    compared = Compared(case, name, expected, got)
    return _answer(compared, STEP_STATES if case.spec.single else STATES, compared.zeros)


def result_answer(case: Case, name: str, expected: Shape, got: Shape) -> Answer:
    """Why output, hn or cn is `expected`, and how to get at what was claimed."""
    compared = Compared(case, name, expected, got)
    meanings = OUTPUTS if name == "output" else () if case.spec.single else RESULTS
    return _answer(compared, meanings, f"{name}.shape  # ({listed(expected)})")


def _answer(c: Compared, meanings: tuple[Meaning, ...], otherwise: str) -> Answer:
    derivation = _output_derivation(c) if c.name == "output" else _state_derivation(c)
    found = next(filter(None, (meaning(c) for meaning in meanings)), None)
    sentence, fix = found or ("", otherwise)
    return f"{derivation}; {sentence}" if sentence else derivation, fix


# ------------------------------------------------------------------------- how a number comes about


def rows_text(spec: Spec) -> str:
    """`6 = 2 directions × 3 layers`."""
    directions, layers = spec.num_directions, spec.num_layers
    parts = f"{counted(directions, 'direction')} × {counted(layers, 'layer')}"
    return f"{directions * layers} = {parts}"


def width_text(spec: Spec, state: str) -> str:
    """`20 = hidden_size`, `6 = proj_size`."""
    if state == "h" and spec.proj_size:
        return f"{spec.proj_size} = proj_size"
    also = ", which a projection leaves alone" if spec.proj_size else ""
    return f"{spec.hidden_size} = hidden_size{also}"


def batch_text(case: Case) -> str:
    """`7 = batch size, axis 1 of the input 5×7×10`."""
    size = case.sizes[0]
    if case.lengths is not None:
        return f"{size} = batch size, the number of lengths"
    if case.input is None:
        return f"{size} = batch size"
    return f"{size} = batch size, axis {case.batch_axis} of the input {write_shape(case.input)}"


def _state_derivation(c: Compared) -> str:
    texts = [width_text(c.spec, c.name[0])]
    if not c.case.one_sequence:
        texts.insert(0, batch_text(c.case))
    if not c.spec.single:
        texts.insert(0, rows_text(c.spec))
    if len(c.got) == len(c.expected):
        texts = [text for axis, text in enumerate(texts) if c.wrong(axis)]
    return ", ".join(texts)


def _output_derivation(c: Compared) -> str:
    spec, (size, steps) = c.spec, c.case.sizes
    state = width_text(spec, "h").split(" = ")[1].split(",")[0]
    directions = counted(spec.num_directions, "direction")
    texts = [f"{c.expected[-1]} = {directions} × {state} {spec.state_size}"]
    order = [f"N = {size}", f"T = {c.expected[-2 if spec.batch_first else 0]}"]
    if c.case.one_sequence:
        texts.insert(0, f"T = {steps}")
    elif len(c.got) != 3 or c.wrong(0) or c.wrong(1):
        ordered = order if spec.batch_first else order[::-1]
        texts.insert(0, f"{', '.join(ordered)} {c.case.flag} batch_first")
    return ", ".join(texts)


# ---------------------------------------------------------------------------- what is given: h0, c0


def _no_batch_axis(c: Compared) -> Answer | None:
    if len(c.expected) != 3 or len(c.got) != 2:
        return None
    rows, size, width = c.expected
    if not clash(c.got, (size, width)) and rows == 1:
        return "the axis of layers is missing", f"{c.name} = {c.name}.unsqueeze(0)"
    if not clash(c.got, (rows, width)):
        copy = f"{c.name}.unsqueeze(1).expand(-1, {size}, -1).contiguous()"
        return "the batch axis is missing: one state for each sequence", f"{c.name} = {copy}"
    return None


def _a_batch_axis(c: Compared) -> Answer | None:
    if len(c.expected) != 2 or len(c.got) != 3:
        return None
    rows, _, width = c.got
    if not clash((rows, width), c.expected) and c.got[1] == 1:
        return "a 2-D input is one sequence, and its state has no batch axis", (
            f"{c.name} = {c.name}.squeeze(1)"
        )
    meant = "a 2-D input is one sequence; a batch has three axes"
    if clash((rows, width), c.expected) or c.other_fits:
        return meant, c.zeros
    return meant, f"input = input.unsqueeze({c.case.batch_axis})"


def _outputs_as_state(c: Compared) -> Answer | None:
    output = c.case.shapes.get("output", c.case.expected["output"])
    if len(c.got) != 3 or clash(c.got, output) or not c.wrong(0):
        return None
    return "this is the shape of output, every step of the last layer; a state is hn", (
        f"{c.name} = {c.name[0]}n"
    )


def _batch_first_state(c: Compared) -> Answer | None:
    if len(c.got) != 3 or len(c.expected) != 3:
        return None
    rows, size, width = c.expected
    if clash(c.got, (size, rows, width)):
        return None
    return "this has the batch first; batch_first moves input and output, never a state", (
        f"{c.name} = {c.name}.transpose(0, 1).contiguous()"
    )


def _steps_for_batch(c: Compared) -> Answer | None:
    if c.only != 1 or len(c.expected) != 3 or c.got[1] != c.case.sizes[1] or c.other_fits:
        return None
    if c.case.lengths is not None:
        return f"{c.got[1]} is the sequence length", c.zeros
    if c.spec.batch_first:
        mend = "input = input.transpose(0, 1)"
        order = "with batch_first it takes the input for (N, T, features)"
    else:
        mend = layer_code(c.spec, batch_first=True)
        order = "without batch_first it takes the input for (T, N, features)"
    return f"{c.got[1]} stands where torch reads T: {order}", mend


def _other_batch(c: Compared) -> Answer | None:
    if c.only != 1 or len(c.expected) != 3:
        return None
    return f"{c.name} was made for a batch of {c.got[1]}: as for a last, smaller batch", c.zeros


def _directions(c: Compared) -> Answer | None:
    if c.only != 0:
        return None
    layers, got = c.spec.num_layers, c.got[0]
    if c.spec.bidirectional and got == layers:
        return "a bidirectional layer has two rows a layer, forward and reverse", c.zeros
    if not c.spec.bidirectional and got == 2 * layers:
        start = "this has two directions: as from a bidirectional encoder"
        return start, f"{c.name} = {c.name}[0::2] + {c.name}[1::2]"
    return None


def _layers(c: Compared) -> Answer | None:
    if c.only != 0 or not isinstance(c.got[0], int):
        return None
    layers, rest = divmod(c.got[0], c.spec.num_directions)
    if rest or not layers:
        return None
    return f"{c.got[0]} rows are those of {counted(layers, 'layer')}", c.zeros


def _both_directions_wide(c: Compared) -> Answer | None:
    if c.only != len(c.expected) - 1 or c.got[-1] != 2 * c.expected[-1]:
        return None
    half = c.expected[-1]
    return "this is twice as wide: two directions side by side", (
        f"{c.name} = {c.name}[..., :{half}] + {c.name}[..., {half}:]"
    )


def _projection(c: Compared) -> Answer | None:
    if c.only != len(c.expected) - 1 or not c.spec.proj_size:
        return None
    if c.name == "h0" and c.got[-1] == c.spec.hidden_size:
        return "h is projected to proj_size; only c keeps hidden_size", c.zeros
    if c.name == "c0" and c.got[-1] == c.spec.proj_size:
        return "only h is projected; c keeps hidden_size", c.zeros
    return None


def _state_of_a_layer(c: Compared) -> Answer | None:
    if len(c.got) != len(c.expected) + 1 or clash(c.got[1:], c.expected):
        return None
    why = "a cell's state has no axis of layers: this is one of a layer"
    return why, f"{c.name} = {c.name}[-1]"


def _step_without_batch(c: Compared) -> Answer | None:
    if c.case.one_sequence or clash(c.got, c.expected[1:]):
        return None
    copy = f"{c.name}.expand({c.expected[0]}, -1)"
    return "the batch axis is missing: one state for each row", f"{c.name} = {copy}"


def _step_with_batch(c: Compared) -> Answer | None:
    if not c.case.one_sequence or len(c.got) != 2 or clash(c.got[1:], c.expected):
        return None
    if c.got[0] == 1:
        return "a 1-D input is one row, and its state has no batch axis", (
            f"{c.name} = {c.name}.squeeze(0)"
        )
    return "a 1-D input is one row; a batch has two axes", "input = input.unsqueeze(0)"


def _other_step_batch(c: Compared) -> Answer | None:
    if c.only != 0 or c.case.one_sequence:
        return None
    return f"{c.name} was made for a batch of {c.got[0]}: as for a last, smaller batch", c.zeros


STEP_STATES: tuple[Meaning, ...] = (
    _step_with_batch, _state_of_a_layer, _step_without_batch, _other_step_batch,
    _both_directions_wide,
)  # fmt: skip

STATES: tuple[Meaning, ...] = (
    _no_batch_axis, _a_batch_axis, _batch_first_state, _steps_for_batch, _other_batch,
    _outputs_as_state, _directions, _layers, _both_directions_wide, _projection,
)  # fmt: skip


# ----------------------------------------------------------------------- what comes: output, hn, cn


def _one_layer(c: Compared) -> Answer | None:
    if len(c.expected) != 3 or len(c.got) != 2:
        return None
    rows, size, width = c.expected
    if c.spec.bidirectional and not clash(c.got, (size, 2 * width)):
        both = f"torch.cat([{c.name}[-2], {c.name}[-1]], dim=-1)"
        return "both directions of the last layer have to be joined", both
    if not clash(c.got, (size, width)):
        return "this is one row of it: the last layer's", f"{c.name}[-1]"
    if not clash(c.got, (size, rows * width)):
        flat = f"{c.name}.transpose(0, 1).reshape({size}, -1)"
        return "its rows are layers; view(N, -1) would mix the samples", flat
    return None


def _batch_first_result(c: Compared) -> Answer | None:
    if len(c.got) != 3 or len(c.expected) != 3:
        return None
    rows, size, width = c.expected
    if clash(c.got, (size, rows, width)):
        return None
    return "batch_first leaves it alone: layers first, then the batch", f"{c.name}.transpose(0, 1)"


def _result_of_one_direction(c: Compared) -> Answer | None:
    if c.only != 0 or not c.spec.bidirectional or c.got[0] != c.spec.num_layers:
        return None
    return "both directions have a row, forward first", f"{c.name}[0::2]  # the forward rows"


RESULTS: tuple[Meaning, ...] = (_one_layer, _batch_first_result, _result_of_one_direction)


def _last_step(c: Compared) -> Answer | None:
    if len(c.expected) != 3 or len(c.got) != 2:
        return None
    if clash(c.got, (c.case.sizes[0], c.expected[-1])):
        return None
    step = "output[:, -1]" if c.spec.batch_first else "output[-1]"
    return "output holds every step; this is one of them", step


def _swapped(c: Compared) -> Answer | None:
    if len(c.got) != 3 or len(c.expected) != 3:
        return None
    if clash(c.got, (c.expected[1], c.expected[0], c.expected[2])):
        return None
    return "its first two axes are those of the input", "output.transpose(0, 1)"


def _padded_back(c: Compared) -> Answer | None:
    axis = 1 - c.case.batch_axis
    if c.case.lengths is None or c.only != axis or c.got[axis] != c.case.sizes[1]:
        return None
    words = f"pad_packed_sequence pads to the longest of the lengths, {max(c.case.lengths)}"
    return (
        words,
        f"output, _ = pad_packed_sequence(output, {c.case.packing}total_length={c.got[axis]})",
    )


def _half(c: Compared) -> Answer | None:
    if not c.spec.bidirectional or c.only != len(c.expected) - 1:
        return None
    if c.got[-1] != c.spec.state_size:
        return None
    return "both directions stand side by side", f"output[..., :{c.got[-1]}]  # the forward half"


OUTPUTS: tuple[Meaning, ...] = (_last_step, _swapped, _padded_back, _half)
