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


@dataclass
class Group:
    """Tensors whose names say that they are one recurrent layer or stack.

    slots: torch's names (weight_ih_l0, …) to the tensors; full, own: the module's name with and
    without wrappers; cell: names without `_l0`; guessed: what in the names is not torch's, or ''.
    """

    full: str
    own: str
    cell: bool = False
    guessed: str = ""
    slots: dict[str, Stored] = field(default_factory=dict)

    def hint(self) -> str:
        """The cell that the name speaks of, or ''."""
        return next((cell for cell in ("lstm", "gru", "rnn") if cell in self.full.lower()), "")


def optimisers(tensor: Stored) -> bool:
    """Whether a tensor is what an optimiser keeps beside a parameter, or a gradient."""
    return _OPTIMISER.search(tensor.name.lower()) is not None


def groups_of(tensors: Iterable[Stored]) -> list[Group]:
    """The groups with torch's names: `encoder.rnn.weight_ih_l0`, a cell's `weight_ih`, and the
    same behind another joint than a dot (`lstm_weight_ih_l0`)."""
    groups: dict[tuple[str, bool], Group] = {}
    tensors = list(tensors)
    dropped = {t.name.partition("weight_hh_l")[0] for t in tensors if t.name.endswith("_raw")}
    for tensor in tensors:
        match = _TORCH.search(tensor.name)
        if match is None or optimisers(tensor):
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
            group = groups[key] = Group(_bare(prefix), _bare(own), layer is None)
            if prefix and not prefix.endswith("."):
                group.guessed = f"the names are joined to the module's by {prefix[-1]!r}"
        if raw:
            group.guessed = "the names end in _raw, as where a program drops weights"
        slot = f"{what}_{side}_l{int(layer or 0)}{back or ''}"
        if raw or slot not in group.slots:  # what was dropped of it may stand beside it
            group.slots[slot] = tensor
    return list(groups.values())


def siblings(
    tensors: Iterable[Stored], used: Iterable[Stored], prefix: str, hidden: int
) -> list[str]:
    """The names of what lies beside a layer's tensors, sized as if it acted in the recurrence.

    A layer that has such a tensor beyond torch's (a second recurrent matrix, a peephole, a gain) is
    none of torch's. prefix: what the names of the layer begin with.
    """
    own = list(used)
    names = {tensor.name for tensor in own}
    holders = {_holder(tensor.path) for tensor in own}
    inputs = {size for tensor in own for size in tensor.shape}
    return [
        tensor.path
        for tensor in tensors
        if tensor.name not in names
        and _holder(tensor.path) in holders
        and tensor.path.startswith(prefix)
        and any(size % hidden == 0 for size in tensor.shape if size)
        and all(size % hidden == 0 or size in (1, *inputs) for size in tensor.shape)
    ]


def natural(text: str) -> list[tuple[int, str]]:
    """What names are sorted by, so that g_2 stands before g_10."""
    return [(int(p), "") if p.isdecimal() else (-1, p) for p in re.split(r"(\d{1,18})", text)]


def _holder(path: str) -> str:
    return path.replace("/", ".").rpartition(".")[0]


def _bare(prefix: str) -> str:
    return prefix.rstrip("._/:-")
