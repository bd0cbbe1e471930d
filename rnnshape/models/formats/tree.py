"""The tensors in what a pickle describes: dicts, lists, whole modules, objects with a state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ...network.constructor import ARGUMENTS, NONLINEARITIES
from .known import NumpyArray, Tensor
from .pickles import Opaque
from .source import DEEPEST, Budget, Damaged

# what programs call the dict around a state_dict; the modules' names begin inside it
WRAPPERS = {
    "state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "params",
    "parameters", "state", "state_dicts", "module_state_dict", "generator_state_dict",
}  # fmt: skip
_MODULE = ("_parameters", "_buffers", "_modules")
_TOLD = tuple(name for name in ARGUMENTS if name not in ("cell", "nonlinearity"))


@dataclass
class Found:
    """A tensor's full name, its name without wrappers, what it is, and the keys around its dict."""

    name: str
    own: str
    value: Tensor | NumpyArray
    within: tuple[str | int, ...] | None


@dataclass
class Tree:
    """What a walk over a pickle's object finds.

    told: the name of a recurrent module that was pickled whole to its constructor's arguments;
    scripted: the name of a TorchScript module to its class.
    """

    tensors: list[Found] = field(default_factory=list)
    told: dict[str, dict[str, Any]] = field(default_factory=dict)
    scripted: dict[str, str] = field(default_factory=dict)


# an object, the keys that lead to it, how many of them are wrappers, what is around it, whether
# that is dicts, lists and tuples alone, and whether the innermost of it is a dict
_Place = tuple[Any, tuple[str | int, ...], int, frozenset[int], bool, bool]


def tree_of(root: Any, steps: int, budget: Budget) -> Tree:
    """Every tensor below `root`, in order. steps: how many the pickle took, which bounds the walk.

    Raises Damaged for an object whose parts repeat so often that it was made to exhaust a reader.
    """
    tree = Tree()
    visits = 0
    waiting: list[_Place] = [(root, (), 0, frozenset(), True, False)]
    while waiting:
        value, path, wrapped, above, plain, keyed = waiting.pop()
        visits += 1
        budget.step(1 + len(path))
        if visits > 10_000 + 8 * steps:
            raise Damaged("a pickle whose parts hold each other over and over")
        if isinstance(value, Tensor | NumpyArray):
            within = path[:-1] if keyed else None
            budget.entry()
            budget.made(3 * sum(len(key) if isinstance(key, str) else 4 for key in path))
            tree.tensors.append(Found(_dotted(path), _dotted(path[wrapped:]), value, within))
            continue
        if id(value) in above or len(path) > DEEPEST:
            continue
        children = _children(value)
        if not children:
            continue
        if isinstance(value, Opaque):
            _describe(tree, value, _dotted(path[wrapped:]))
        inside = above | {id(value)}
        plain = plain and not isinstance(value, Opaque)
        keyed = plain and isinstance(value, dict)
        outside = isinstance(value, dict) and wrapped == len(path)
        budget.made((24 + 8 * len(path)) * len(children))
        for key, child in reversed(children):
            wraps = outside and key in WRAPPERS and isinstance(child, dict | Opaque)
            waiting.append((child, (*path, key), wrapped + wraps, inside, plain, keyed))
    return tree


def _children(value: Any) -> list[tuple[str | int, Any]]:
    """The named parts of an object that may hold tensors."""
    if isinstance(value, dict):
        return list(_named(value))
    if isinstance(value, list | tuple):
        return [(i, v) for i, v in enumerate(value) if _holds(v)]
    if not isinstance(value, Opaque):
        return []
    state = value.state
    if isinstance(state, tuple) and len(state) == 2:  # a class with slots
        state = {**(state[0] or {}), **(state[1] or {})} if all(
            isinstance(part, dict | None) for part in state) else None  # fmt: skip
    if not isinstance(state, dict):
        state = {}
    if all(isinstance(state.get(part), dict) for part in ("_parameters", "_modules")):
        held = [state.get(part) for part in _MODULE]
        return [pair for part in held if isinstance(part, dict) for pair in _named(part)]
    return [*_named(state), *_named(value.items)]


def _named(plain: dict[Any, Any]) -> Iterator[tuple[str | int, Any]]:
    for key, value in plain.items():
        if isinstance(key, str | int) and _holds(value):
            yield key, value


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(map(str, path))


def _holds(value: Any) -> bool:
    return isinstance(value, Tensor | NumpyArray | Opaque | dict | list | tuple)


def _describe(tree: Tree, module: Opaque, name: str) -> None:
    """Keep what a recurrent module that was pickled whole says of itself."""
    if module.name.startswith("__torch__."):
        tree.scripted[name] = module.name
        return
    state = module.state if isinstance(module.state, dict) else {}
    if module.name.startswith("torch.nn.modules.rnn.") and "hidden_size" in state:
        told = {key: state[key] for key in _TOLD if isinstance(state.get(key), int | float)}
        tree.told[name] = told | nonlinearity_of(state.get("nonlinearity"), state.get("mode"))


def nonlinearity_of(said: Any, mode: Any) -> dict[str, str]:
    """The nonlinearity that a module says, or that its mode is named for: RNN_RELU."""
    if said in NONLINEARITIES:
        return {"nonlinearity": said}
    known = isinstance(mode, str) and mode.startswith("RNN_")
    return {"nonlinearity": mode[4:].lower()} if known else {}
