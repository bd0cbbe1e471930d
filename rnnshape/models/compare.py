"""A checkpoint beside the model that it is to be loaded into: what differs, in torch's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..checks.loading import Shapes, load_error
from ..network.constructor import SHAPING, SILENT
from ..network.dims import Shape, json_dim
from ..network.spec import Spec
from .formats.stored import Stored
from .networks.find import Contents, Module, chosen, told_for
from .networks.names import optimisers

_WHERE = {
    "cell": "weight_hh has {gates} rows for each of its columns",
    "input_size": "the columns of weight_ih_l0",
    "hidden_size": "the rows of weight_hh_l0, by its gates",
    "num_layers": "the last layer's names end in _l{top}",
    "bidirectional": "half of the names end in _reverse",
    "bias": "there are bias_ih and bias_hh",
    "proj_size": "the rows of weight_hr_l0",
}


@dataclass(frozen=True)
class Difference:
    """One thing in which a checkpoint and a model differ, and how it shows.

    about: an argument of the constructor, `name`, `module`, `tensors` or a parameter; checkpoint
    and model: what each has, None where it has none.
    """

    module: str
    about: str
    checkpoint: Any
    model: Any
    why: str


@dataclass(frozen=True)
class Comparison:
    """What differs; `torch` is what load_state_dict says of it, '' where it says nothing."""

    checkpoint: str
    model: str
    differences: tuple[Difference, ...]
    torch: str
    notes: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


def beside_spec(module: Module, stated: Mapping[str, Any], path: str) -> Comparison:
    """A network of a file beside a configuration; what `stated` leaves out is the file's.

    Raises UsageError where the two make no network that torch would build.
    """
    spec = Spec.from_dict({**told_for(stated, module.arguments), **stated})
    differences = _between(module, spec, spec.to_dict(), set(stated))
    held: Shapes = {name: tensor.shape for name, tensor in module.parameters.items()}
    model: Shapes = spec.parameters()
    silent = [name for name in SILENT if name in stated and name not in module.arguments]
    notes = [f"the file does not say {', '.join(silent)}"] if silent else []
    return Comparison(path, str(spec), tuple(differences), load_error(held, model, spec.class_name),
                      tuple(notes))  # fmt: skip


def _between(
    module: Module, spec: Spec, model: Mapping[str, Any], stated: set[str]
) -> list[Difference]:
    """The arguments of the constructor that differ, and the tensors that are not the file's own
    network's."""
    own = module.spec.to_dict()
    found = []
    for name in SHAPING:
        if own[name] != model[name]:
            found.append(Difference(module.name, name, own[name], model[name],
                                    _told(name, module.spec, spec)))  # fmt: skip
    for name in SILENT:
        known = name in module.arguments and name in stated
        if known and own[name] != model[name]:
            found.append(Difference(
                module.name, name, own[name], model[name],
                "no shape shows it: load_state_dict loads without a word, and the outputs differ",
            ))  # fmt: skip
    return found + _broken(module)


def _broken(module: Module) -> list[Difference]:
    return [
        Difference(
            module.name, problem.tensor, plain(problem.got), plain(problem.expected),
            "the file's own network lacks it" if problem.got is None else
            "it does not fit the other tensors of its network",
        )
        for problem in module.problems
    ]  # fmt: skip


def plain(shape: Shape | None) -> Any:
    """A shape as JSON has it."""
    return None if shape is None else [json_dim(size) for size in shape]


def _told(name: str, file: Spec, model: Spec) -> str:
    """Where in the file an argument shows, and what follows for the model."""
    where = _WHERE[name].format(gates=file.gates, top=file.num_layers - 1)
    if file.single:
        where = where.replace("_l0", "")
    if name == "cell" and file.single != model.single:
        where = "no name ends in _l0" if file.single else "the names end in _l0"
    absent = {"bidirectional": "no name ends in _reverse", "bias": "there are no biases",
              "proj_size": "there is no weight_hr"}  # fmt: skip
    if name in absent and not getattr(file, name):
        where = absent[name]
    extra = set(file.parameters()) - set(model.parameters())
    lacks = set(model.parameters()) - set(file.parameters())
    if name in ("num_layers", "bidirectional", "bias", "proj_size"):
        more, less = (extra, "unexpected by the model") if extra else (lacks, "missing in the file")
        if more:
            return f"in the file {where}; {len(more)} of the names are {less}"
    return f"in the file: {where}"


def beside_file(checkpoint: Contents, model: Contents, module: str | None) -> Comparison:
    """Two files: the first as the checkpoint that is loaded into what the second was saved from.

    module: compare only the networks of that name.
    """
    pairs, alone = _paired(checkpoint, model, module)
    differences: list[Difference] = []
    for left, right in pairs:
        if left.name != right.name:
            differences.append(Difference(
                left.name, "name", left.name, right.name, _renamed(left.name, right.name)
            ))  # fmt: skip
        known = {n for n in SILENT if n in left.arguments and n in right.arguments}
        differences += _between(left, right.spec, right.spec.to_dict(), known)
    for held, here in alone:
        spec = held.spec
        differences.append(Difference(
            held.name, "module", str(spec) if here else None, None if here else str(spec),
            f"only the {'checkpoint' if here else 'model'} has this network",
        ))  # fmt: skip
    if module is None:
        differences += _others(checkpoint, model)
    message = load_error(_all_shapes(checkpoint, module), _all_shapes(model, module), "Model")
    return Comparison(checkpoint.file.path, model.file.path, tuple(differences), message,
                      tuple(_types(pairs)))  # fmt: skip


def _all_shapes(held: Contents, module: str | None) -> dict[str, Shape]:
    """The state_dict's names and shapes, without dicts around it; an optimiser's left out."""
    if module is None:
        return {tensor.path: tensor.shape for tensor in _state(held, held.file.tensors.values())}
    for network in held.modules:
        if module.rstrip(".") in (network.name, network.full_name):
            prefix = f"{network.name}." if network.name else ""
            return {prefix + name: t.shape for name, t in network.parameters.items()}
    return {}


def _state(held: Contents, tensors: Iterable[Stored]) -> list[Stored]:
    """Those tensors that are the state_dict's: inside the dict around it where there is one."""
    wrapped = any(tensor.path != tensor.name for tensor in held.file.tensors.values())
    return [t for t in tensors if (t.path != t.name or not wrapped) and not optimisers(t)]


def _paired(
    checkpoint: Contents, model: Contents, module: str | None
) -> tuple[list[tuple[Module, Module]], list[tuple[Module, bool]]]:
    """(the networks that belong together, (a network that one side alone has, whether that is
    the checkpoint)): by name, then by the end of the name, then the only one by the only one."""

    def asked(held: Contents) -> list[Module]:
        return list(held.modules) if module is None else [chosen(held, module)]

    left, right = asked(checkpoint), asked(model)
    pairs: list[tuple[Module, Module]] = []
    fits = (
        lambda a, b: a.name == b.name,
        lambda a, b: a.name.endswith("." + b.name) or b.name.endswith("." + a.name),
        lambda a, b: len(left) == len(right) == 1,
    )
    for fit in fits:
        for one in list(left):
            other = next((two for two in right if fit(one, two)), None)
            if other is not None:
                pairs.append((one, other))
                left.remove(one)
                right.remove(other)
    return pairs, [*((m, True) for m in left), *((m, False) for m in right)]


def _renamed(left: str, right: str) -> str:
    for longer, shorter, who in ((left, right, "checkpoint"), (right, left, "model")):
        if longer.endswith(shorter) and longer != shorter:
            prefix = longer[: len(longer) - len(shorter)].rstrip(".") + "."
            by = " (nn.DataParallel adds it)" if prefix == "module." else ""
            words = f"the {who}'s names carry the prefix {prefix!r}{by}: "
            if who == "model":
                return (
                    f"{words}{{{prefix!r} + name: tensor for name, tensor in state.items()}} loads"
                )
            names = f"name.removeprefix({prefix!r})"
            return f"{words}{{{names}: tensor for name, tensor in state.items()}} loads"
    return "the same place in another model: rename the keys to load"


def _others(checkpoint: Contents, model: Contents) -> list[Difference]:
    """The tensors outside recurrent networks that one side lacks or has in another shape."""
    left, right = (
        {t.path: t.shape for t in _state(held, held.other)} for held in (checkpoint, model)
    )
    found = [
        Difference("", name, list(left[name]), list(right[name]), "its sizes differ")
        for name in left
        if name in right and left[name] != right[name]
    ]
    for here, there, who in ((left, right, "checkpoint"), (right, left, "model")):
        names = [name for name in here if name not in there]
        if names:
            shown = names[:12]
            found.append(Difference(
                "", "tensors", shown if who == "checkpoint" else None,
                shown if who == "model" else None,
                f"{len(names):,} other tensor{'s' if len(names) > 1 else ''} that only the {who} "
                "has",
            ))  # fmt: skip
    return found


def _types(pairs: list[tuple[Module, Module]]) -> list[str]:
    """Types that differ, which torch converts without a word."""
    said = []
    for left, right in pairs:
        one, two = ({t.dtype for t in m.parameters.values()} for m in (left, right))
        if one != two:
            said.append(
                f"{left.name or 'the network'} is {'/'.join(sorted(one))} in the checkpoint and "
                f"{'/'.join(sorted(two))} in the model: load_state_dict converts it"
            )
    return said
