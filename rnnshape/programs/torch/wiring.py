"""What the interpreter needs of torch beside the rows: classes to derive from, types, modes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..objects import MISSING, OBJECT, Native, Static, make_class
from ..refusal import NotKnown, Refusal
from ..tensor import Storage, Tensor
from ..values import Device, Instance, Packed, TorchSize, Unknown
from . import ROWS, data, modules
from .creation import LEGACY, check_grad


def wire(interpreter: Any) -> None:
    """Give an interpreter torch's classes."""
    interpreter.freed = {}
    interpreter.grad_off = False
    interpreter.module_class.names.update(modules.module_methods())
    classes = interpreter.classes
    classes.update(data.classes())
    classes["torch.nn.modules.Module"] = interpreter.module_class
    types: dict[str, Any] = {
        "torch.nn.Parameter": _parameter, "torch.device": _device, "torch.dtype": None,
        "torch.Size": lambda v=(): TorchSize(v),
        "torch.nn.utils.rnn.PackedSequence": _packed_sequence,
        "torch.Generator": lambda *a, **k: None,
        **{path: ROWS[path].rule for name in LEGACY  # torch.FloatTensor(2, 3) and its kind
           for path in (f"torch.{name}", f"torch.cuda.{name}") if path in ROWS},
    }  # fmt: skip
    for path, convert in types.items():
        names = {"__convert__": convert} if convert is not None else {}
        name = path.rpartition(".")[2]
        classes[path] = make_class(name, [OBJECT], form="type", path=path, names=names)
    classes["torch.nn.parameter.Parameter"] = classes["torch.nn.Parameter"]
    apply = Static(Native("apply", _apply, interpreter=True, unknowns=True), of_class=True)
    function = make_class("Function", [OBJECT], names={"apply": apply})
    classes["torch.autograd.Function"] = classes["torch.autograd.function.Function"] = function
    interpreter.functions = dict(data.FUNCTIONS)
    name = "torch.nn.Embedding.from_pretrained"
    loaded = Static(Native(name, _from_pretrained, interpreter=True), of_class=True)
    interpreter.native_class("torch.nn.Embedding").names["from_pretrained"] = loaded


def _apply(interpreter: Any, cls: Any, *args: Any) -> Any:
    """The forward of a function with a backward of its own."""

    def save(self: Instance, *tensors: Any) -> None:
        self._attributes["saved_tensors"] = tensors

    names = {"save_for_backward": Native("save_for_backward", save, unknowns=True)}
    for name in ("mark_dirty", "mark_non_differentiable", "set_materialize_grads"):
        names[name] = Native(name, lambda *_: None, unknowns=True)
    context = Instance(make_class("FunctionCtx", [OBJECT], names=names))
    context._attributes["needs_input_grad"] = (True,) * len(args)
    forward, setup = interpreter.attribute(cls, "forward"), cls.find("setup_context")
    if setup is MISSING:
        return interpreter.call(forward, [context, *args], {})
    result = interpreter.call(forward, list(args), {})
    interpreter.call(interpreter.attribute(cls, "setup_context"), [context, args, result], {})
    return result


def _from_pretrained(
    interpreter: Any,
    cls: Any,
    embeddings: Any,
    freeze: Any = True,
    padding_idx: Any = None,
    **_: Any,
) -> Any:
    """An Embedding over the rows of a tensor."""
    if not isinstance(embeddings, Tensor):
        raise NotKnown("an Embedding of no tensor")
    if embeddings.rank != 2:
        raise Refusal("AssertionError", "Embeddings parameter is expected to be 2-dimensional")
    made = interpreter.call(cls, list(embeddings.shape), {"padding_idx": padding_idx})
    made.weight = replace(
        embeddings, parameter=True, values=None, storage=Storage(requires_grad=not freeze)
    )
    return made


def _parameter(data: Any = None, requires_grad: Any = True) -> Any:
    data = Tensor((0,)) if data is None else data
    if not isinstance(data, Tensor):
        raise NotKnown("a Parameter of no tensor")
    if requires_grad:
        check_grad(data.dtype)
    return Tensor(
        data.shape, data.dtype, data.axes, data.strides, parameter=True,
        storage=Storage(requires_grad=bool(requires_grad), device=data.storage.device),
        facts=data.facts,
    )  # fmt: skip


def _packed_sequence(
    data: Any, batch_sizes: Any = None, sorted_indices: Any = None, unsorted_indices: Any = None
) -> Any:
    """A packed batch with other data: of one whose `batch_sizes` are given."""
    of = batch_sizes.facts.get("packed") if isinstance(batch_sizes, Tensor) else None
    if not isinstance(of, Packed) or not isinstance(data, Tensor) or data.rank != of.data.rank:
        raise NotKnown("a PackedSequence of other batch_sizes than those of a packed batch")
    padded = of.padded.like(
        shape=(*of.padded.shape[:2], *data.shape[1:]),
        axes=(*of.padded.axes[:2], *data.axes[1:]), dtype=data.dtype,
    )  # fmt: skip
    if of.enforce_sorted or sorted_indices is not None:
        return replace(of, data=data, padded=padded)
    lengths = tuple(sorted(of.lengths, reverse=True)) if of.lengths else None
    return replace(of, data=data, padded=padded, lengths=lengths, enforce_sorted=True)


def _device(type: Any = "cpu", index: Any = None) -> Any:
    if isinstance(type, Device):
        return type
    if isinstance(type, Unknown):
        return Device("cpu")
    if isinstance(type, int):
        return Device("cuda", type)
    name, _, number = str(type).partition(":")
    return Device(name, int(number) if number.isdigit() else index)
