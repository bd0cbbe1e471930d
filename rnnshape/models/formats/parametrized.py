"""Weights that torch keeps in parts: weight_norm, spectral_norm, pruning, parametrizations."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ...errors import UsageError
from .stored import Stored, TensorFile

_WEIGHT = r"(?:weight|bias)_(?:ih|hh|hr)(?:_l\d{1,5}(?:_reverse)?)?"
_NEW = re.compile(rf"parametrizations\.({_WEIGHT})\.(original[01]?|\d{{1,3}}\.\w{{1,40}})\Z")
_OLD = re.compile(rf"({_WEIGHT})_(g|v|u|orig|mask)\Z")
_PARTS = {"original0": "g", "original1": "v", "original": "orig", "0._u": "u", "0._v": "v"}


def _scaled(g: Any, v: Any) -> Any:
    """g·v/‖v‖, the norm along the axes that g does not have (torch.nn.utils.weight_norm)."""
    import numpy as np

    axes = tuple(axis for axis in range(v.ndim) if g.ndim != v.ndim or g.shape[axis] == 1)
    norm = np.sqrt(np.square(v.astype(np.float64)).sum(axes, keepdims=True))
    return (g * (v / norm)).astype(v.dtype)


def _divided(orig: Any, u: Any, v: Any) -> Any:
    """W/(uᵀ·W·v), by the vectors that were kept, as in evaluation (spectral_norm)."""
    return (orig / (u @ (orig @ v))).astype(orig.dtype)


def _masked(orig: Any, mask: Any) -> Any:
    """W ⊙ mask (torch.nn.utils.prune)."""
    return (orig * mask).astype(orig.dtype)


def _unknown(**parts: Any) -> Any:
    """A method of somebody's own."""
    raise UsageError(
        "weights: expected numbers that the file holds",
        got="a weight that is made by a parametrization, which no file tells",
        fix="torch.nn.utils.parametrize.remove_parametrizations(layer, name), then save again",
    )


_Parts = dict[str, Stored]
# what the parts of a weight are called to the method, the part with its shape, the formula, and
# whether the shapes of the other parts fit
_METHODS: dict[frozenset[str], tuple[str, str, Callable[..., Any], Callable[[_Parts], bool]]] = {
    frozenset("gv"): (
        "weight_norm", "v", _scaled,
        lambda parts: parts["g"].count == 1 or (
            len(parts["g"].shape) == len(parts["v"].shape)
            and all(a in (1, b) for a, b in zip(parts["g"].shape, parts["v"].shape))),
    ),
    frozenset(("orig", "u", "v")): (
        "spectral_norm", "orig", _divided,
        lambda parts: (*parts["u"].shape, *parts["v"].shape) == parts["orig"].shape,
    ),
    frozenset(("orig", "mask")): (
        "prune", "orig", _masked, lambda parts: parts["mask"].shape == parts["orig"].shape,
    ),
}  # fmt: skip


def joined(file: TensorFile) -> TensorFile:
    """The same file with each weight of a recurrent layer that lies in parts made whole.

    Its numbers are computed when they are read. Parts that fit no method stay as they are.
    """
    groups: dict[str, _Parts] = {}
    for tensor in file.tensors.values():
        match = _NEW.search(tensor.name) or _OLD.search(tensor.name)
        if match:
            part = match[2] if match.re is _OLD else _PARTS.get(match[2], match[2])
            groups.setdefault(tensor.name[: match.start()] + match[1], {})[part] = tensor
    whole, methods = {}, []
    for name, parts in groups.items():
        method, first, formula, fits = _METHODS.get(frozenset(parts), ("", "orig", _unknown, bool))
        if name in file.tensors or not fits(parts):
            continue
        if method:
            methods.append(f"{name} is made from its {len(parts)} parts, as {method} makes it")
        elif "orig" in parts and "parametrizations." in parts["orig"].name:
            methods.append(f"{name} is made by a parametrization that the file does not tell: its "
                           "shape is that of its original, as torch demands")  # fmt: skip
        else:
            continue
        tensor = _whole(name, parts, first, formula)
        whole.update(dict.fromkeys(tensor.sources, tensor))
    if not whole:
        return file
    placed = (whole.get(name, tensor) for name, tensor in file.tensors.items())
    tensors = {tensor.name: tensor for tensor in placed}
    more = [f"and {len(methods) - 3:,} weights more"] if methods[3:] else []
    return replace(file, tensors=tensors, notes=(*file.notes, *methods[:3], *more))


def _whole(name: str, parts: _Parts, first: str, formula: Callable[..., Any]) -> Stored:
    """The weight, with the shape and the type of its part `first`."""
    part = parts[first]
    prefix = len(part.name) - len(part.path)  # of wrappers, which the own name lacks

    def read() -> Any:
        import numpy as np

        arrays = {key: tensor.read() for key, tensor in parts.items()}
        with np.errstate(all="ignore"):  # a norm of 0 gives NaN, as torch has it
            return formula(**arrays)

    sources = tuple(tensor.name for tensor in parts.values())
    return Stored(name, part.shape, part.dtype, read, name[prefix:], sources)
