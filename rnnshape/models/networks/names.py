"""Which tensors belong together as a recurrent layer, by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..formats.stored import Stored

_TORCH = re.compile(r"(weight|bias)_(ih|hh|hr)(?:_l(\d{1,5}))?((?<=\d)_reverse)?(_raw)?\Z")
# parts of names that optimisers give to what they keep for each parameter
_OPTIMISER = re.compile(
    r"(?:^|[./_])(?:exp_avg(?:_sq|_res)?|max_exp_avg_sq|exp_inf|momentum(?:_buffer)?|square_avg|"
    r"grad_avg|acc_delta|sum_sq|optim(?:i[sz]er)?(?:_?(?:states?|weights|variables))?|optimizers|grads?|gradients?)"
    r"(?:$|[./_\d])"
)
RECURRENT = re.compile(r"lstm|gru(?![a-z])|rnn", re.I)
_ADAPTER = re.compile(
    r"(?:^|[./_])lora_(?:[ab]|down|up|magnitude_vector|embedding_[ab])(?:$|[./_])"
)
# what a program lays beside a layer's own tensors: the state that it begins with
_FIRST = re.compile(r"(?:^|[._])(?:\w*_)?(?:[hc][xn]?_?0|\w*(?:hidden|states?|init\w*))$", re.I)


@dataclass
class Group:
    """Tensors whose names say that they are one recurrent layer or stack.

    slots: torch's names (weight_ih_l0, …) to the tensors; full, own: the module's name with and
    without wrappers; cell: names without `_l0`; guessed: what in the names is not torch's, or '';
    prefix, used: what the names of the file's tensors begin with, and these tensors.
    """

    full: str
    own: str
    cell: bool = False
    guessed: str = ""
    slots: dict[str, Stored] = field(default_factory=dict)
    prefix: str = ""
    used: list[Stored] = field(default_factory=list)

    def hint(self) -> str:
        """The cell that the name speaks of, or ''."""
        return next((cell for cell in ("lstm", "gru", "rnn") if cell in self.full.lower()), "")


def optimisers(tensor: Stored) -> bool:
    """Whether a tensor is what an optimiser keeps beside a parameter, or a gradient."""
    return _OPTIMISER.search(tensor.name.lower()) is not None


def adapters(tensor: Stored) -> bool:
    """Whether a tensor is half of what LoRA adds to a parameter: no layer's, whatever its shape."""
    return _ADAPTER.search(tensor.name.lower()) is not None


def groups_of(tensors: Iterable[Stored]) -> list[Group]:
    """The groups with torch's names: `encoder.rnn.weight_ih_l0`, a cell's `weight_ih`, and the
    same behind another joint than a dot (`lstm_weight_ih_l0`)."""
    groups: dict[tuple[str, bool], Group] = {}
    tensors = list(tensors)
    dropped = {t.name.partition("weight_hh_l")[0] for t in tensors if t.name.endswith("_raw")}
    for tensor in tensors:
        match = _TORCH.search(tensor.name)
        if match is None:
            continue
        what, side, layer, back, raw = match.groups()
        start, prefix = match.start(), tensor.name[: match.start()]
        if prefix.endswith("module.") and prefix[:-7] in dropped:  # where weights are dropped
            start, prefix = start - 7, prefix[:-7]
        if (prefix and prefix[-1].isalnum()) or (what == "bias" and side == "hr"):
            continue
        key = (prefix, layer is None)
        group = groups.get(key)
        if group is None:
            own = tensor.path[: len(tensor.path) - len(tensor.name) + start]
            group = groups[key] = Group(_bare(prefix), _bare(own), layer is None, prefix=prefix)
            if prefix and not prefix.endswith("."):
                group.guessed = f"the names are joined to the module's by {prefix[-1]!r}"
        if raw:
            group.guessed = "the names end in _raw, as where a program drops weights"
        group.used.append(tensor)
        slot = f"{what}_{side}_l{int(layer or 0)}{back or ''}"
        if raw or slot not in group.slots:  # what was dropped of it may stand beside it
            group.slots[slot] = tensor
    return list(groups.values())


Beside = dict[str, list[Stored]]


def beside(tensors: Iterable[Stored]) -> Beside:
    """What lies in each module and in the modules of that, by the beginning of the names."""
    found: Beside = {}
    for tensor in tensors:
        holder = _holder(tensor.name)
        found.setdefault(holder, []).append(tensor)
        if holder:
            found.setdefault(_holder(holder[:-1]), []).append(tensor)
    return found


def strangers(near: Beside, used: Iterable[Stored], prefix: str, hidden: int) -> list[str]:
    """The names of what lies with a layer's tensors, sized as if it acted in the recurrence.

    A layer that has such a tensor beyond torch's (a second recurrent matrix, a peephole, a gain) is
    none of torch's. prefix: what the names of the layer begin with. Where one module holds all of
    the layer's own tensors, the modules in it are looked at too, such as a normalisation of the
    gates; a state to begin with is none such.
    """
    own = list(used)
    taken = {tensor.name for tensor in own}
    inputs = {size for tensor in own for size in tensor.shape}
    holders = dict.fromkeys(_holder(tensor.name) for tensor in own)
    found = []
    for holder in holders:
        for tensor in near.get(holder, ()):
            rest, shape = tensor.name[len(holder) :], tensor.shape
            within, match = _holder(rest), _TORCH.search(rest)
            if tensor.name in taken or not tensor.name.startswith(prefix) or _FIRST.search(rest):
                continue
            if match and (within or match[3]):  # a layer of its own, or what was dropped of this
                continue
            if within:
                acts = len(holders) == 1 and holder != "" and any(
                    size > hidden and size % hidden == 0 for size in shape
                )  # fmt: skip
            else:
                acts = any(size % hidden == 0 for size in shape if size) and all(
                    size % hidden == 0 or size in (1, *inputs) for size in shape
                )
            if acts:
                found.append(tensor.path)
    return found


def listed(names: list[str]) -> str:
    """The first of some names."""
    return ", ".join(names[:4]) + ", …" * (len(names) > 4)


def written_out(names: Iterable[str]) -> list[str]:
    """What is to be said where names speak of a recurrent layer and no operator is one."""
    spoken = [name for name in names if RECURRENT.search(name)]
    if not spoken:
        return []
    return [
        f"no recurrent operator, but {len(spoken):,} of its names speak of one ({spoken[0]}): the "
        "converter wrote the recurrence out, and it is not read"
    ]


def natural(text: str) -> list[tuple[int, str]]:
    """What names are sorted by, so that g_2 stands before g_10."""
    return [(int(p), "") if p.isdecimal() else (-1, p) for p in re.split(r"(\d{1,18})", text)]


def _holder(name: str) -> str:
    """What stands before the last part of a name, its joint included."""
    return name[: max(name.rfind("."), name.rfind("/")) + 1]


def _bare(prefix: str) -> str:
    return prefix.rstrip("._/:-")
