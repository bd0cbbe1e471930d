"""Recurrent layers under names that are not torch's: tried by shape, and said to be guessed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ...network.constructor import GATES
from ..formats.stored import Stored, concatenated
from ..layouts.layout import LETTERS
from .names import Group

_JOINT = "._/"
# what else the four tensors are called; the order of the words is that of the slots
_WORDS: dict[str, tuple[str, ...]] = {
    "weight_ih": (
        "weight_ih", "w_ih", "wih", "weights_ih", "i2h", "x2h", "in2h", "igates", "linear_ih",
        "fc_ih", "input_linearity", "input_to_hidden", "input_weights", "input_weight", "wx",
        "w_x", "w_xh", "wxh", "w_ix", "weight_x", "weight_xh", "weight_input", "ih", "w",
    ),
    "weight_hh": (
        "weight_hh", "w_hh", "whh", "weights_hh", "h2h", "hgates", "linear_hh", "fc_hh",
        "state_linearity", "hidden_to_hidden", "recurrent_weights", "recurrent_weight", "wh",
        "w_h", "u", "weight_h", "weight_hidden", "hh",
    ),
    "bias_ih": ("bias_ih", "b_ih", "bih", "bias_x", "bias_i", "b_x", "bias", "b"),
    "bias_hh": ("bias_hh", "b_hh", "bhh", "bias_h", "b_h", "recurrent_bias"),
}  # fmt: skip
_SLOT = {word: slot for slot, words in _WORDS.items() for word in words}
_HINT = re.compile(r"rnn|lstm|gru|cell|recurr|hidden|hh|h2h|hgates|state", re.I)
_KIND = re.compile(r"(?:[._/](weight|kernel|w|bias|b))?(?::0)?\Z", re.I)
_PLACE = re.compile(r"_l(\d{1,4})(_reverse)?\Z")
_MXNET = re.compile(r"(?:\A|(?<=[._/]))([lr])(\d{1,4})_\Z")
_GATE = re.compile(r"(?:\A|(?<=[._/]))(?:(w|weight|b|bias)_?)?([ihx])([ifgcorzn])\Z", re.I)
_SHORT_GATE = re.compile(r"(?:\A|(?<=[._/]))(w|u|b)_([ifgcorzn])\Z", re.I)
_ORDER = {cell: tuple(letters) for cell, letters in LETTERS.items() if letters}


def guessed_groups(tensors: Iterable[Stored]) -> list[Group]:
    """Groups whose shapes are those of a recurrent layer and whose names can be read as such.

    Each has torch's names and layout; `guessed` says what was taken for what. Where the shapes do
    not bear the names out, there is no group.
    """
    whole: dict[str, dict[str, Stored]] = {}
    gates: dict[str, dict[tuple[str, str, str], Stored]] = {}
    for tensor in tensors:
        if not 1 <= len(tensor.shape) <= 2:
            continue
        kind = _KIND.search(tensor.path)
        assert kind is not None
        stem = tensor.path[: kind.start()]
        named = (kind.group(1) or "").lower()
        gate = _gate(stem, named)
        if gate:
            gates.setdefault(gate[0], {})[gate[1]] = tensor
            continue
        place = _place(tensor.path, stem, named)
        if place:
            prefix, slot = place
            whole.setdefault(prefix, {})[slot] = tensor
    read = [_whole(prefix, slots) for prefix, slots in whole.items()]
    read += [_by_gates(prefix, parts) for prefix, parts in gates.items()]
    return [group for group in read if group is not None]


def _gate(stem: str, named: str) -> tuple[str, tuple[str, str, str]] | None:
    """(the module's prefix, (weight or bias, ih or hh, the gate's letter)) of one gate's tensor."""
    match = _GATE.search(stem)
    if match:
        word, side, letter = ((part or "").lower() for part in match.groups())
        what = "bias" if "b" in (word[:1], named[:1]) else "weight"
        return stem[: match.start()], (what, "hh" if side == "h" else "ih", letter)
    match = _SHORT_GATE.search(stem)
    if match:  # W_f · x + U_f · h + b_f
        word, letter = match.group(1).lower(), match.group(2).lower()
        key = ("bias" if word == "b" else "weight", "hh" if word == "u" else "ih", letter)
        return stem[: match.start()], key
    return None


def _place(name: str, stem: str, named: str) -> tuple[str, str] | None:
    """(the module's prefix, torch's name) of a tensor, or None."""
    layer, back = 0, ""
    if named:
        read = _word(stem)
        if read is None:  # `bias` or `kernel` is itself the word: lstm/kernel
            read, named = _word(name.removesuffix(":0")), ""
    else:
        match = _PLACE.search(stem)
        if match:
            stem, layer, back = stem[: match.start()], int(match.group(1)), match.group(2) or ""
        head, _, tail = stem.rpartition("_")
        if tail in ("weight", "bias") and _word(head):
            stem, named = head, tail
        read = _word(stem)
    if read is None:
        return None
    prefix, slot = read
    if named in ("bias", "b"):
        slot = slot.replace("weight", "bias")
    mxnet = _MXNET.search(prefix)
    if mxnet:
        prefix = prefix[: mxnet.start()]
        layer, back = int(mxnet.group(2)), "_reverse" if mxnet.group(1) == "r" else ""
    return prefix, f"{slot}_l{layer}{back}"


def _word(stem: str) -> tuple[str, str] | None:
    """(what stands before, weight_ih …) where a name ends in one of the words."""
    lower = stem.lower()
    for cut in (0, *(i + 1 for i, sign in enumerate(lower) if sign in _JOINT)):
        slot = _SLOT.get(lower[cut:]) if len(lower) - cut < 24 else None
        if slot:
            return stem[:cut], slot
    return None


def _whole(prefix: str, slots: Mapping[str, Stored]) -> Group | None:
    """A group of whole matrices, where every pair of them fits a recurrent layer."""
    made: dict[str, Stored] = {}
    turned = False
    for name, hidden in slots.items():
        if not name.startswith("weight_hh"):
            continue
        end = name.removeprefix("weight_hh")
        enters = slots.get("weight_ih" + end)
        if enters is None or len(hidden.shape) != 2 or len(enters.shape) != 2:
            return None
        wide = max(hidden.shape)
        if 0 in (*hidden.shape, *enters.shape) or wide // min(hidden.shape) not in GATES.values():
            return None
        if wide % min(hidden.shape):
            return None
        square = hidden.shape[0] == hidden.shape[1]
        turn = hidden.shape[1] > hidden.shape[0] or (
            square and (enters.shape[0] != wide or "kernel" in enters.name.lower())
        )
        if enters.shape[1 if turn else 0] != wide:
            return None
        turned = turned or turn
        for slot, tensor in ((name, hidden), ("weight_ih" + end, enters)):
            made[slot] = _transposed(tensor, slot) if turn else tensor
        if not _biases(slots, made, end, wide):
            return None
        names = prefix + " ".join(tensor.name for tensor in slots.values())
        alike = enters.shape == hidden.shape or (square and "bias_ih" + end not in made)
        if (alike and not _HINT.search(names)) or (square and "atten" in prefix.lower()):
            return None  # two matrices of one shape are an attention's or a feed-forward's as well
    if not made:
        return None
    words = ", ".join(t.name.removeprefix(prefix) for t in list(slots.values())[:4])
    said = f"{words} are taken for torch's by their names and shapes"
    if turned:
        said += ", turned over"
    return _group(prefix, made, slots.values(), said + _gate_order(made))


def _biases(slots: Mapping[str, Stored], made: dict[str, Stored], end: str, wide: int) -> bool:
    """Lay the biases of one layer into `made`; False where their shapes fit none."""
    first, second = slots.get("bias_ih" + end), slots.get("bias_hh" + end)
    if first is None and second is None:
        return True
    only = first or second
    assert only is not None
    if only.shape == (2, wide) and (first is None or second is None):
        made["bias_ih" + end], made["bias_hh" + end] = _row(only, 0), _row(only, 1)
        return True
    if any(bias is not None and bias.shape != (wide,) for bias in (first, second)):
        return False
    made["bias_ih" + end] = first or _zeros(wide, only)
    made["bias_hh" + end] = second or _zeros(wide, only)
    return True


def _gate_order(made: Mapping[str, Stored]) -> str:
    hidden = next(t.shape for name, t in made.items() if name.startswith("weight_hh"))
    cell = next(cell for cell, gates in GATES.items() if gates == hidden[0] // hidden[1])
    order = ", ".join(LETTERS[cell])
    return f"; no shape tells the order of the gates: torch's {order} is taken" if order else ""


def _by_gates(prefix: str, parts: Mapping[tuple[str, str, str], Stored]) -> Group | None:
    """A group of one matrix a gate: W_ii, W_if, W_ig, W_io, W_hi, … as torch's equations name."""
    letters = {"g" if letter == "c" else letter for _, _, letter in parts}
    cell = next((cell for cell, order in _ORDER.items() if set(order) == letters), None)
    if cell is None:
        return None
    byname = {(what, side, "g" if g == "c" else g): t for (what, side, g), t in parts.items()}
    hidden = byname.get(("weight", "hh", _ORDER[cell][0]))
    if hidden is None or len(hidden.shape) != 2 or hidden.shape[0] != hidden.shape[1]:
        return None
    size = hidden.shape[0]
    made: dict[str, Stored] = {}
    for what in ("weight", "bias"):
        for side in ("ih", "hh"):
            row_of = [byname.get((what, side, letter)) for letter in _ORDER[cell]]
            here = [tensor for tensor in row_of if tensor is not None]
            if not here and what == "bias":
                continue
            slot = f"{what}_{side}_l0"
            laid = _one_gate_each(row_of, slot, size)
            if laid is None:
                return None
            made[slot] = laid
    biases = [name for name in made if name.startswith("bias")]
    if len(biases) == 1:
        other = {"bias_ih_l0": "bias_hh_l0", "bias_hh_l0": "bias_ih_l0"}[biases[0]]
        made[other] = _zeros(len(_ORDER[cell]) * size, made[biases[0]])
    said = f"one tensor a gate, laid together as {', '.join(_ORDER[cell])}"
    return _group(prefix, made, parts.values(), said)


def _one_gate_each(row_of: list[Stored | None], slot: str, size: int) -> Stored | None:
    """The tensors of a slot's gates, one behind the other; a missing bias is zeros."""
    known = next(tensor for tensor in row_of if tensor is not None)
    if slot.startswith("bias"):
        each = [tensor or _zeros(size, known) for tensor in row_of]
        return concatenated(each) if all(t.shape == (size,) for t in each) else None
    each = [tensor for tensor in row_of if tensor is not None]
    if len(each) != len(row_of) or any(t.shape != known.shape for t in each):
        return None
    turn = known.shape[0] != size or "kernel" in known.name.lower()
    if len(known.shape) != 2 or known.shape[1 if turn else 0] != size:
        return None
    return concatenated([_transposed(t, slot) for t in each] if turn else each)


def _group(prefix: str, made: dict[str, Stored], used: Iterable[Stored], guessed: str) -> Group:
    """A group that uses up every tensor of `used`."""
    own = prefix.rstrip(_JOINT)
    tensors = list(used)
    wrapper = tensors[0].name[: len(tensors[0].name) - len(tensors[0].path)]
    full = (wrapper + own).rstrip(_JOINT)
    return Group(full, own, False, guessed, made, wrapper + prefix, tensors)


# ------------------------------------------------------ tensors made of tensors, read when asked


def _made(
    name: str, shape: tuple[int, ...], parts: list[Stored], read: Callable[[], Any]
) -> Stored:
    sources = tuple(source for part in parts for source in part.stored)
    return Stored(name, shape, parts[0].dtype, read, sources=sources)


def _transposed(tensor: Stored, name: str) -> Stored:
    """The tensor turned over."""
    return _made(name, tensor.shape[::-1], [tensor], lambda: tensor.read().T)


def _row(tensor: Stored, index: int) -> Stored:
    """One row of a matrix."""
    return _made(tensor.name, tensor.shape[1:], [tensor], lambda: tensor.read()[index])


def _zeros(size: int, like: Stored) -> Stored:
    """A bias of zeros, of the type of another."""

    def read() -> Any:
        import numpy as np

        return np.zeros(size, like.read().dtype)

    return Stored("", (size,), like.dtype, read)
