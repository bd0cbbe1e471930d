"""torch.utils.data and torch.optim: batches of a data set, and steps that change no shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..objects import OBJECT, Class, make_class, native, natives
from ..refusal import Refusal
from ..sizes import Size
from ..tensor import Origin, Part, Tensor, mapped
from ..values import DefaultDict, Instance, Unknown
from . import type_name

DRAWN = "drawn batch"  # where an axis comes from whose samples are in no order
BATCH = "batch"
MOST_ITEMS = 256  # of a batch that are looked at one by one

MOST_APART = 64  # batches that are told apart


def _length(interpreter: Any, dataset: Any) -> Any:
    return interpreter.call(interpreter.builtins["len"], [dataset], {})


def _take(interpreter: Any, dataset: Any, index: int) -> Any:
    return interpreter.item(dataset, index, interpreter.frame.node)


def collate(interpreter: Any, batch: list[Any], drawn: bool = False) -> Any:
    """default_collate: tensors are stacked, numbers become a tensor, tuples are taken apart. drawn:
    whether they come in an order drawn at random."""
    first, origin = batch[0], Origin(DRAWN if drawn else BATCH)
    samples = (Part(len(batch), "samples", origin),)
    vague = next((b for b in batch if isinstance(b, Unknown)), None)
    if vague is not None:
        return vague.of_kind("")  # no number: a tensor of numbers, whose dtype is not known
    if isinstance(first, Tensor):
        for i, one in enumerate(batch):
            if isinstance(one, Tensor) and one.shape != first.shape:
                shapes = [", ".join(map(str, s)) for s in (first.shape, one.shape)]
                raise Refusal(
                    "RuntimeError",
                    f"stack expects each tensor to be equal size, but got [{shapes[0]}] at entry "
                    f"0 and [{shapes[1]}] at entry {i}",
                    wants={"collate": (first.shape, one.shape)},
                )
        part = samples if len(batch) != 1 else (Part(1, "one"),)
        known = None
        if all(b.known is not None for b in batch) and len(batch) * int(first.numel) <= 4096:
            known = tuple(v for b in batch for v in b.known)
        return first.like(shape=(len(batch), *first.shape), axes=(part, *first.axes), values=known,
                          facts={k: v for k, v in first.facts.items() if k != "numpy"})  # fmt: skip
    if isinstance(first, (bool, int)):
        return Tensor((len(batch),), "int64", (samples,), values=tuple(map(int, batch)))
    if isinstance(first, float):
        return Tensor((len(batch),), "float64", (samples,))
    if isinstance(first, str):
        return list(batch)
    if isinstance(first, dict):
        return {k: collate(interpreter, [b[k] for b in batch], drawn) for k in first}
    if isinstance(first, (tuple, list)):
        if any(len(b) != len(first) for b in batch):
            raise Refusal("RuntimeError", "each element in list of batch should be of equal size")
        return [collate(interpreter, [b[i] for b in batch], drawn) for i in range(len(first))]
    raise Refusal(
        "TypeError",
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found "
        f"<class '{type_name(first)}'>",
    )


def _alike(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.shape == b.shape and a.dtype == b.dtype
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(map(_alike, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_alike(a[k], b[k]) for k in a)
    return type(a) is type(b)


def _batch(interpreter: Any, loader: Instance, start: int, count: int) -> Any:
    dataset, function = loader._attributes["dataset"], loader._attributes.get("collate_fn")
    items = [_take(interpreter, dataset, start + i) for i in range(min(count, 2))]
    if count > 2:
        last = _take(interpreter, dataset, start + count - 1)
        uniform = isinstance(dataset, Instance) and dataset._cls is TENSORS
        if count > MOST_ITEMS or uniform:
            items += [items[0]] * (count - 3)
        else:
            items += [_take(interpreter, dataset, start + i) for i in range(2, count - 1)]
        items.append(last)
    if function is not None:
        return interpreter.call(function, [items], {})
    split = isinstance(dataset, Instance) and "drawn" in dataset._attributes
    return collate(interpreter, items, split or loader._attributes["shuffle"] is True)


def _anew(batch: Any) -> Any:
    """A batch like another, of other samples."""
    origins: dict[Origin, Origin] = {}

    def change(x: Tensor) -> Tensor:
        first = x.axes[0][0] if x.rank else Part(1)
        if first.origin is None or first.origin.what not in (BATCH, DRAWN):
            return replace(x)
        origin = origins.setdefault(first.origin, Origin(first.origin.what))
        return replace(x, axes=((first._replace(origin=origin),), *x.axes[1:]))

    if isinstance(batch, dict):
        return {key: mapped(value, change) for key, value in batch.items()}
    return mapped(batch, change)


def _batches(interpreter: Any, self: Instance) -> Any:
    own = self._attributes
    if isinstance(own.get("batch_sampler"), (list, Instance, Unknown)):
        return interpreter.unknown("batches of a sampler")
    total, size = _length(interpreter, own["dataset"]), own["batch_size"]
    if isinstance(total, Unknown) or isinstance(size, Unknown):
        return total if isinstance(total, Unknown) else size
    if size is None:
        return [_take(interpreter, own["dataset"], i) for i in range(min(total, 1000))]
    if isinstance(total, Size) or isinstance(size, Size):
        return interpreter.unknown("batches of an open number")
    whole, rest = divmod(total, size)
    batches: list[Any] = []
    if whole:
        batches.append(_batch(interpreter, self, 0, size))
        if whole > 1:
            ragged = whole <= 64 and size <= 64
            second = _batch(interpreter, self, size, size) if ragged else batches[0]
            if ragged and not _alike(batches[0], second):
                batches += [
                    second,
                    *(_batch(interpreter, self, i * size, size) for i in range(2, whole)),
                ]
            else:
                others = [_anew(batches[0]) for _ in range(1, min(whole, MOST_APART))]
                batches += others + others[-1:] * (whole - 1 - len(others))
    if rest and own.get("drop_last") is not True:
        batches.append(_batch(interpreter, self, whole * size, rest))
    return batches


def _loader(
    interpreter: Any, self: Instance, dataset: Any, batch_size: Any = 1, shuffle: Any = None,
    sampler: Any = None, batch_sampler: Any = None, num_workers: Any = 0, collate_fn: Any = None,
    pin_memory: Any = False, drop_last: Any = False, **keywords: Any,
) -> None:  # fmt: skip
    self._attributes.update(
        dataset=dataset, batch_size=batch_size, drop_last=drop_last, collate_fn=collate_fn,
        batch_sampler=batch_sampler, sampler=sampler, shuffle=shuffle,
    )  # fmt: skip


def _loader_length(interpreter: Any, self: Instance) -> Any:
    own = self._attributes
    total, size = _length(interpreter, own["dataset"]), own["batch_size"]
    if isinstance(total, Unknown) or isinstance(size, Unknown) or size is None:
        return total
    return total // size if own.get("drop_last") is True else -(-total // size)


def _tensor_dataset(interpreter: Any, self: Instance, *tensors: Any) -> None:
    known = [t for t in tensors if isinstance(t, Tensor)]
    if any(t.shape[0] != known[0].shape[0] for t in known):
        raise Refusal("AssertionError", "Size mismatch between tensors",
                      sizes=[(known[0].shape[0], t.shape[0]) for t in known])  # fmt: skip
    self._attributes["tensors"] = tensors


def _tensor_item(interpreter: Any, self: Instance, index: Any) -> Any:
    return tuple(
        interpreter.item(t, index, interpreter.frame.node) for t in self._attributes["tensors"]
    )


def _tensor_length(interpreter: Any, self: Instance) -> Any:
    first = self._attributes["tensors"][0]
    return first.shape[0] if isinstance(first, Tensor) else first


def _split(interpreter: Any, dataset: Any, lengths: Any, *args: Any, **keywords: Any) -> Any:
    sizes = interpreter.listed(lengths)
    if isinstance(sizes, Unknown) or any(isinstance(s, Unknown) for s in sizes):
        return interpreter.unknown("a random split of a data set")
    total = _length(interpreter, dataset)
    if all(isinstance(s, float) for s in sizes) and not isinstance(total, Unknown):
        sizes = [int(total * s) for s in sizes]
        sizes[0] += total - sum(sizes)
    made = []
    for size in sizes:
        one = Instance(SUBSET)
        one._attributes.update(dataset=dataset, indices=range(int(size)), size=size, drawn=True)
        made.append(one)
    return made


def _subset(interpreter: Any, self: Instance, dataset: Any, indices: Any) -> None:
    items = interpreter.listed(indices)
    self._attributes.update(
        dataset=dataset, indices=items, size=items if isinstance(items, Unknown) else len(items)
    )


def _subset_item(interpreter: Any, self: Instance, index: Any) -> Any:
    indices = self._attributes["indices"]
    at = indices[index] if not isinstance(indices, Unknown) else 0
    return _take(interpreter, self._attributes["dataset"], at if isinstance(at, int) else 0)


DATASET = make_class("Dataset", [OBJECT], path="torch.utils.data.Dataset")
SUBSET = make_class("Subset", [DATASET], path="torch.utils.data.Subset", names=natives({
    "__init__": _subset, "__getitem__": _subset_item,
    "__len__": lambda i, s: s._attributes["size"]}, "Subset."))  # fmt: skip
TENSORS = make_class("TensorDataset", [DATASET], path="torch.utils.data.TensorDataset",
    names=natives({"__init__": _tensor_dataset, "__getitem__": _tensor_item,
                   "__len__": _tensor_length}, "TensorDataset."))  # fmt: skip
LOADER = make_class("DataLoader", [OBJECT], path="torch.utils.data.DataLoader", names=natives({
    "__init__": _loader, "__iter__": _batches, "__len__": _loader_length},
    "DataLoader."))  # fmt: skip


def _optimizer(
    interpreter: Any, self: Instance, params: Any = None, *args: Any, **keywords: Any
) -> None:
    items = interpreter.listed(params) if params is not None else []
    if not isinstance(items, Unknown) and not items and params is not None:
        raise Refusal("ValueError", "optimizer got an empty parameter list")
    grouped = isinstance(items, list) and items and isinstance(items[0], dict)
    own = [dict(group) for group in (items if grouped else [{"params": items}])]
    for group in own:
        held = group.get("params", [])
        group["params"] = [held] if isinstance(held, Tensor) else interpreter.listed(held)
    record = interpreter.record
    lists = [group["params"] for group in own]
    given = [p for held in lists for p in (held if isinstance(held, list) else [None])]
    if record.optimized is not None and all(isinstance(p, Tensor) for p in given):
        record.optimized.update({id(p): p for p in given})
    else:
        record.optimized = None
    defaults = args[0] if args and isinstance(args[0], dict) else {"lr": 0.001, **keywords}
    groups = [DefaultDict({**defaults, **group}) for group in own]
    state = DefaultDict()
    state.factory = native("dict", lambda interpreter: {})
    for group in groups:
        group.factory = native("setting", lambda i: i.unknown("", None, "float"))
    self._attributes.update(param_groups=groups, state=state)
    record.gradient("made", _held(self), self)


def _held(optimizer: Instance) -> list[Any] | None:
    """The parameters of an optimizer; None where not all are known."""
    groups = optimizer._attributes.get("param_groups")
    groups = groups if isinstance(groups, list) else [{}]
    found = [g.get("params") if isinstance(g, dict) else None for g in groups]
    if not all(isinstance(held, list) for held in found):
        return None
    parameters = [p for held in found for p in held or ()]
    return parameters if all(isinstance(p, Tensor) for p in parameters) else None


def _step(interpreter: Any, self: Instance, closure: Any = None, *args: Any, **_: Any) -> Any:
    result = None
    if closure is not None and not isinstance(closure, Unknown):
        result = interpreter.call(closure, [], {})
    interpreter.record.gradient("step", _held(self), self, interpreter.place())
    return result


def _zero_grad(interpreter: Any, self: Instance, *args: Any, **_: Any) -> None:
    known = interpreter.record.optimized is not None
    held = _held(self) if known else None
    interpreter.record.gradient("cleared", held, None, interpreter.place())


def optimizer_class(path: str) -> Class:
    """Any class of torch.optim: its steps change no shape."""
    nothing = lambda i, *a, **k: None  # noqa: E731
    rate = lambda i: i.unknown("", None, "float")  # noqa: E731
    hook = lambda i, *a, **k: i.record.gradient("lost", None)  # noqa: E731
    scheduler = ".lr_scheduler." in path
    rules: dict[str, Callable[..., Any]] = {
        "__init__": nothing if scheduler else _optimizer, "zero_grad": _zero_grad,
        "step": nothing if scheduler else _step, "load_state_dict": nothing,
        "register_step_pre_hook": hook, "register_step_post_hook": hook,
        "state_dict": lambda i, s: {}, "get_lr": lambda i, s: [rate(i)],
        "get_last_lr": lambda i, s: [rate(i)],
        "add_param_group": lambda i, s, *a, **k: setattr(i.record, "optimized", None),
    }  # fmt: skip
    name = path.rpartition(".")[2]
    return make_class(name, [OBJECT], path="", names=natives(rules, f"{name}."))


def classes() -> dict[str, Any]:
    """The names of torch.utils.data that are modelled here."""
    names = {f"torch.utils.data.{c.name}": c for c in (DATASET, SUBSET, TENSORS, LOADER)}
    names["torch.utils.data.dataset.Dataset"] = DATASET
    names["torch.utils.data.IterableDataset"] = DATASET
    return names


FUNCTIONS = {
    "torch.utils.data.random_split": native("random_split", _split),
    **{f"torch.utils.data.{name}": native(name, lambda i, b: collate(i, list(b)))
       for name in ("default_collate", "dataloader.default_collate")},
}  # fmt: skip
