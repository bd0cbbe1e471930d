"""Which recurrent networks a file's tensors are: read from their names and shapes alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from ...errors import UsageError, quoted
from ...network.constructor import GATES, MOST_LAYERS, SILENT, takes
from ...network.dims import Shape
from ...network.spec import CELLS, Spec
from ..formats.stored import Layer, Stored, TensorFile
from .foreign import guessed_groups
from .frameworks import equinox_layers, framework_layers
from .names import Group, adapters, beside, groups_of, listed, optimisers, strangers

_MOST_READINGS = 12
_ASIDE = {optimisers: "an optimiser's", adapters: "LoRA's adapters"}  # no layer's, by their names


@dataclass(frozen=True)
class Problem:
    """A tensor that does not fit its network: expected None where torch has no such tensor, got
    None where it is missing."""

    tensor: str
    expected: Shape | None
    got: tuple[int, ...] | None


@dataclass(frozen=True)
class Module:
    """A recurrent network in a file.

    parameters: torch's names to the file's tensors, in torch's layout; arguments: those of
    the constructor that are known; undetermined: those that nothing in the file tells; guessed:
    why names that are not torch's were read so; readings: how names and shapes were read where
    they could be read otherwise; cannot: why torch has no such network; framework: whose layout the
    file has it in; chain: the operators of an ONNX graph that it is; same: the network whose
    numbers it has.
    """

    name: str
    full_name: str
    spec: Spec
    arguments: Mapping[str, Any]
    parameters: Mapping[str, Stored]
    undetermined: tuple[str, ...]
    problems: tuple[Problem, ...] = ()
    guessed: str = ""
    readings: tuple[str, ...] = ()
    cannot: str = ""
    framework: str = "torch"
    chain: Any = None
    same: str = ""

    @property
    def whole(self) -> bool:
        """Whether every tensor is there, and in its shape."""
        return not self.problems

    @property
    def said(self) -> tuple[str, ...]:
        """What is to be known of how it was read."""
        guess = f"{self.name or 'the network'} is guessed: {self.guessed}"
        return (guess,) * bool(self.guessed) + self.readings

    @property
    def names(self) -> tuple[str, ...]:
        """The file's tensors that it is made from."""
        return tuple(dict.fromkeys(n for t in self.parameters.values() for n in t.stored))

    @property
    def count(self) -> int:
        """The number of elements of its tensors."""
        return sum(tensor.count for tensor in self.parameters.values())

    @property
    def constructor(self) -> str:
        """The call that builds it: `nn.LSTM(100, 256, num_layers=2)`."""
        return self.spec.code


@dataclass(frozen=True)
class Contents:
    """What a file holds: recurrent networks, the other tensors, and what is to be said of these."""

    file: TensorFile
    modules: tuple[Module, ...]
    other: tuple[Stored, ...]
    notes: tuple[str, ...] = ()

    @property
    def other_count(self) -> int:
        """The number of elements of the other tensors."""
        return sum(tensor.count for tensor in self.other)


def contents(file: TensorFile) -> Contents:
    """The networks of a file, as its format describes them, as torch names them, or as shapes
    bear out other names; nothing but names and shapes is read."""
    notes = list(file.notes)
    modules = [_described(layer) for layer in file.layers]
    parameters = [t for t in file.tensors.values() if not any(aside(t) for aside in _ASIDE)]
    modules += map(_described, equinox_layers(_without(parameters, modules)))
    rest = _without(parameters, modules)
    named = groups_of(rest)
    groups = [group for group in named if _readings(group)]
    taken = {id(tensor) for group in groups for tensor in group.slots.values()}
    others = [tensor for tensor in rest if id(tensor) not in taken]
    if file.format != "onnx":  # whose operators are told, not guessed
        modules += map(_described, framework_layers(others))
    groups += guessed_groups(_without(others, modules))
    short = Counter(group.own for group in groups)
    near = beside(rest)
    noted: set[str] = set()
    for group in groups:
        name = group.own if short[group.own] == 1 else group.full
        module = _solved(group, name, file.told.get(group.own, {}))
        if module is None:
            continue
        hidden = module.spec.hidden_size
        odd = strangers(near, group.used, group.prefix, hidden) if isinstance(hidden, int) else []
        if odd and (group.cell or group.guessed):
            names = [tensor.path for tensor in group.used]
            noted.update(names)
            notes.append(f"{', '.join(names[:3])} are shaped as a recurrent layer's, but torch has "
                         f"none with {listed(odd)} beside them")  # fmt: skip
            continue
        more = f"torch's layer has none of what lies in it besides: {listed(odd)}"
        modules.append(replace(module, readings=module.readings + (more,) * bool(odd)))
    order = {name: i for i, name in enumerate(file.tensors)}
    modules.sort(key=lambda m: min((order.get(name, 0) for name in m.names), default=0))
    other = tuple(_without(file.tensors.values(), modules))
    unread = {tensor.path for tensor in other} - noted
    notes += [f"{group.used[0].name} is named like a recurrent layer's, and no network fits it"
              for group in named if group.used[0].path in unread]  # fmt: skip
    for aside, whose in _ASIDE.items():
        count = sum(aside(tensor) for tensor in other)
        notes += [f"{count:,} tensors are {whose}, by their names"] * bool(count)
    return Contents(file, tuple(_copies(list(_distinct(modules)))), other, tuple(notes))


_AVERAGED = re.compile(
    r"(?:\A|(?<=[._]))(?:model_|state_dict_)?(?:ema|swa|shadow|averaged)(?:_model|_params|_state_dict)?"
    r"(?:\.module)?[._]"
)


_OF_PADDLE = re.compile(r"(.+)\.\d{1,5}\.cell(?:_fw|_bw)?")


def _copies(modules: list[Module]) -> Iterator[Module]:
    """The modules; of one whose numbers are another's, or an average of them, that is told."""
    places: dict[tuple[str, ...], str] = {}
    names = {module.full_name for module in modules} | {module.name for module in modules}
    for module in modules:
        own = tuple(f"{tensor.place}{tensor.shape}" for tensor in module.parameters.values())
        known = all(tensor.place for tensor in module.parameters.values())
        twin = places.setdefault(own, module.name) if own and known else module.name
        original = _AVERAGED.sub("", module.full_name)
        paddles = _OF_PADDLE.fullmatch(module.full_name)
        if twin != module.name:
            said = f"the numbers are those of {twin}: one network under two names"
            yield replace(module, same=twin, readings=(*module.readings, said))
        elif original != module.full_name and original in names:
            said = f"by its name an average of {original}, which training keeps beside it"
            yield replace(module, readings=(*module.readings, said))
        elif paddles and paddles[1] in names:
            said = f"by its name a cell of {paddles[1]}, which Paddle names twice"
            yield replace(module, same=paddles[1], readings=(*module.readings, said))
        else:
            yield module


def _distinct(modules: list[Module]) -> Iterator[Module]:
    """The modules, each of a name of its own, so that `--module` reaches every one."""
    known: Counter[str] = Counter()
    names = {module.full_name for module in modules}
    for module in modules:
        name, place = module.full_name, known[module.full_name] + 1
        while known[module.full_name] and f"{name}#{place}" in names:
            place += 1
        own = f"{name}#{place}" if known[module.full_name] else name
        known[module.full_name] += 1
        yield module if own == name else replace(module, name=own, full_name=own)


def _without(tensors: Iterable[Stored], modules: Iterable[Module]) -> list[Stored]:
    used = {name for module in modules for name in module.names}
    return [tensor for tensor in tensors if not used.intersection(tensor.stored)]


def _described(layer: Layer) -> Module:
    """A layer that its format describes."""
    spec = Spec.from_dict(layer.arguments)
    silent = () if layer.cannot else _silent(spec, layer.arguments)
    return Module(
        layer.name, layer.name, spec, layer.arguments, layer.parameters, silent,
        _problems(spec, layer.parameters), readings=layer.notes, cannot=layer.cannot,
        framework=layer.framework, chain=layer.chain,
    )  # fmt: skip


def _silent(spec: Spec, known: Mapping[str, Any]) -> tuple[str, ...]:
    asked = (name for name in SILENT if takes(spec.cell, name))
    return tuple(name for name in asked if name not in known)


# ------------------------------------------------------------------------- names and shapes

_Sizes = tuple[str, int, int]  # cell, hidden_size, proj_size


def _solved(group: Group, name: str, told: Mapping[str, Any]) -> Module | None:
    """The network that a group is, with the fewest tensors missing or misshapen."""
    slots = group.slots
    layers = [int(slot.split("_l")[1].split("_")[0]) for slot in slots]
    if max(layers) >= min(MOST_LAYERS, 64 + 8 * len(slots)):  # nearly all of it would be missing
        return None
    readings = _readings(group)
    common: dict[str, Any] = {
        "input_size": _input_size(slots),
        "bias": any(slot.startswith("bias") for slot in slots),
    }
    if group.cell:
        slots = {slot.removesuffix("_l0"): tensor for slot, tensor in slots.items()}
        readings = [(f"{cell}-cell", hidden, 0) for cell, hidden, out in readings if not out]
    else:
        common["num_layers"] = max(layers) + 1
        common["bidirectional"] = any(slot.endswith("_reverse") for slot in slots)
    best: tuple[int, dict[str, Any], Spec, tuple[Problem, ...]] | None = None
    for cell, hidden, projected in readings:
        arguments = {"cell": cell, "hidden_size": hidden, **common}
        if projected:
            arguments["proj_size"] = projected
        spec = _spec(tuple(arguments.items()))
        if spec is None:
            continue
        problems = _problems(spec, slots)
        if best is None or len(problems) < best[0]:
            best = len(problems), arguments, spec, problems
    if best is None:
        return None
    _, arguments, spec, problems = best
    arguments, spec = with_told(arguments, spec, told)
    ordered = {slot: slots[slot] for slot in spec.parameters() if slot in slots}
    return Module(
        name, group.full, spec, arguments, {**ordered, **slots},
        _silent(spec, arguments), problems, group.guessed,
        tuple(_explained(spec, slots, readings)),
    )  # fmt: skip


@lru_cache(4096)
def _spec(arguments: tuple[tuple[str, Any], ...]) -> Spec | None:
    """The spec, None where torch would not build it; a file may hold thousands that are equal."""
    try:
        return Spec.from_dict(dict(arguments))
    except UsageError:
        return None


def _input_size(slots: Mapping[str, Stored]) -> int | str:
    """The columns of the first layer's weight_ih; the name I where there is none."""
    for slot in ("weight_ih_l0", "weight_ih_l0_reverse"):
        if slot in slots and len(slots[slot].shape) == 2 and slots[slot].shape[1]:
            return slots[slot].shape[1]
    return "I"


def _readings(group: Group) -> list[_Sizes]:
    """What cell, H and P the shapes may mean, the likeliest first.

    weight_hh is (G·H, R) with 1, 3 or 4 gates: rows by columns tell the cell where R is H. More
    than 4 rows a column leave an lstm that projects H to R. Where no weight_hh is left, every
    number of gates that divides the rows of weight_ih is possible; the name may speak for one.
    """
    found: Counter[_Sizes] = Counter()
    for slot, tensor in group.slots.items():
        if len(tensor.shape) != 2 or 0 in tensor.shape:
            continue
        rows, columns = tensor.shape
        if slot.startswith("weight_hr"):
            found["lstm", columns, rows] += 1
        elif slot.startswith("weight_hh"):
            for cell, gates in GATES.items():
                if rows == gates * columns:
                    found[cell, columns, 0] += 1
            if rows % 4 == 0 and columns < rows // 4:
                found["lstm", rows // 4, columns] += 1
    if not found and any(
        "weight_hh" in slot and len(t.shape) == 2 for slot, t in group.slots.items()
    ):
        return []
    if not found:
        hint = group.hint()
        for cell in sorted(("lstm", "gru", "rnn"), key=lambda cell: cell != hint):
            for slot, tensor in group.slots.items():
                enters = slot.startswith("weight_ih") and len(tensor.shape) == 2
                if enters and tensor.shape[0] and tensor.shape[0] % GATES[cell] == 0:
                    found[cell, tensor.shape[0] // GATES[cell], 0] += 1
                    break
        return list(found)
    return [sizes for sizes, _ in found.most_common(_MOST_READINGS)]


def _problems(spec: Spec, slots: Mapping[str, Stored]) -> tuple[Problem, ...]:
    expected = spec.parameters()
    missing = [Problem(name, shape, None) for name, shape in expected.items() if name not in slots]
    wrong = [
        Problem(name, expected.get(name), tensor.shape)
        for name, tensor in slots.items()
        if name not in expected or tensor.shape != expected[name]
    ]
    return (*missing, *wrong)


def with_told(
    arguments: dict[str, Any], spec: Spec, told: Mapping[str, Any]
) -> tuple[dict[str, Any], Spec]:
    """What the file records of the module besides, where it does not contradict the tensors."""
    more = {name: told[name] for name in SILENT if name in told and takes(spec.cell, name)}
    known = {**arguments, **more}
    full = _spec(tuple(known.items()))
    return (arguments, spec) if full is None else (known, full)


class Certain(str):
    """A reading that leaves no doubt: inspect tells it, who computes need not."""


def _explained(spec: Spec, slots: Mapping[str, Stored], readings: list[_Sizes]) -> list[str]:
    """How shapes were read that could be read otherwise."""
    said = []
    hidden = [t for slot, t in slots.items() if slot.startswith("weight_hh") and len(t.shape) == 2]
    if not hidden:
        others = [f"{cell} of {size}" for cell, size, _ in readings if cell != spec.cell]
        if others:
            said.append(
                f"without weight_hh, the rows of weight_ih fit {spec.cell} of {spec.hidden_size} "
                f"and {' and '.join(others)}; the first is preferred by its name or as the "
                "commonest"
            )
    elif spec.proj_size:
        rows, columns = hidden[0].shape
        held = any(slot.startswith("weight_hr") for slot in slots)
        words = (
            f"weight_hh {rows}×{columns} is no 1, 3 or 4 rows a column: an lstm that projects "
            f"{spec.hidden_size} to {spec.proj_size}"
        )
        said.append(
            Certain(f"{words}, as weight_hr says")
            if held
            else f"{words}, though weight_hr is missing"
        )
    if len(readings) > 1 and hidden:
        others = [f"{c} of {h}" + (f" projected to {p}" if p else "") for c, h, p in readings
                  if (c, h, p) != (spec.cell, spec.hidden_size, spec.proj_size)]  # fmt: skip
        said.append(f"other tensors of it would fit {' or '.join(others[:3])}; most fit this")
    return said


# ------------------------------------------------------------------------------ for `run`


class Weights(dict[str, Any]):
    """Arrays under torch's names, the constructor's arguments that their file tells, and what is to
    be known of how they were read."""

    def __init__(
        self, arrays: Mapping[str, Any], arguments: Mapping[str, Any], notes: Iterable[str] = ()
    ) -> None:
        super().__init__(arrays)
        self.arguments, self.notes = dict(arguments), tuple(notes)


def inferred(weights: Mapping[str, Any]) -> dict[str, Any] | None:
    """The constructor's arguments that names and shapes determine, or None where they do not.

    What no shape tells (nonlinearity, dropout, batch_first) is left out.
    """
    tensors = [Stored(name, tuple(a.shape), str(a.dtype), lambda: None) for name, a in
               weights.items()]  # fmt: skip
    groups = [group for group in groups_of(tensors) if not group.full]
    module = _solved(groups[0], "", {}) if groups else None
    if module is None or "I" in (module.arguments["input_size"],):
        return None
    return dict(module.arguments)


def completed(weights: Mapping[str, Any], stated: Mapping[str, Any]) -> Spec:
    """The network that `weights` tell, with what was stated beside it winning.

    Raises UsageError where the two make no network that torch would build.
    """
    told = weights.arguments if isinstance(weights, Weights) else inferred(weights) or {}
    return Spec.from_dict({**told_for(stated, told), **stated})


def told_for(stated: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """What a file tells, without what the class that is stated beside it does not have."""
    cell = stated.get("cell", told.get("cell"))
    if cell == told.get("cell") or cell not in CELLS:
        return dict(told)
    return {name: v for name, v in told.items() if name != "nonlinearity" and takes(cell, name)}


def arguments_by_name(file: TensorFile) -> dict[str, Mapping[str, Any]]:
    """By name in the model: what a file tells of its networks, and the size of a `head` on top."""
    held = contents(file)
    told: dict[str, Mapping[str, Any]] = {one.name: one.arguments for one in held.modules}
    for tensor in held.other:
        if tensor.path == "head.weight" and len(tensor.shape) == 2:
            told["head"] = {"size": tensor.shape[0]}
    return told


def chosen(held: Contents, name: str | None) -> Module:
    """The module that a name chooses, or the only one. Raises UsageError.

    A name chooses the module that has it in full, or else the only one that ends in it, or else
    the only one in whose name it stands.
    """
    modules = held.modules
    different = [module for module in modules if not module.same]
    if name is None and len(different) == 1:
        return different[0]
    named = [m for m in modules if name is not None and name.rstrip("./") in (m.name, m.full_name)]
    if not named and name:
        part = "." + name.strip("./").replace("/", ".")
        paths = [(m, "." + m.full_name.replace("/", ".")) for m in modules]
        named = [m for m, path in paths if path.endswith(part)]
        named = named or [m for m, path in paths if part + "." in path]
    if len(named) == 1:
        return named[0]
    told = [repr(m.name) if m.name else "'' (no name)" for m in modules[:12]]
    if len(modules) > 12:
        told.append(f"{len(modules) - 12:,} more")
    path = held.file.path
    if not modules:
        raise UsageError(
            f"weights: expected a recurrent network in {path!r}",
            got="; ".join(
                (
                    f"{len(held.file.tensors):,} tensors, none of which is named like one's",
                    *held.notes[:1],
                )
            ),
            fix=f"rnnshape inspect {quoted(path)}  # shows what the file holds",
        )
    raise UsageError(
        f"--module: expected one of the networks of {path!r}: {', '.join(told)}",
        got="none named" if name is None else repr(name[:80]),
        fix=f"--module {quoted(next((m for m in modules if not m.cannot), modules[0]).name)}",
    )
