"""What the interpreter needs of torch beside the rows: classes to derive from, types, modes."""

from __future__ import annotations

from typing import Any

from ..objects import OBJECT, make_class
from ..refusal import NotKnown
from ..tensor import Storage, Tensor
from ..values import Device, TorchSize, Unknown
from . import ROWS, data, modules


def wire(interpreter: Any) -> None:
    """Give an interpreter torch's classes."""
    interpreter.freed = {}
    interpreter.grad_off = False
    interpreter.module_class.names.update(modules.module_methods())
    classes = interpreter.classes
    classes.update(data.classes())
    classes["torch.nn.modules.Module"] = interpreter.module_class
    types: dict[str, Any] = {
        "torch.Tensor": _tensor, "torch.nn.Parameter": _parameter, "torch.nn.parameter.Parameter": _parameter,
        "torch.device": _device, "torch.dtype": None, "torch.Size": lambda v=(): TorchSize(v),
        "torch.nn.utils.rnn.PackedSequence": None, "torch.FloatTensor": _typed("float32"),
        "torch.LongTensor": _typed("int64"), "torch.IntTensor": _typed("int32"),
        "torch.DoubleTensor": _typed("float64"), "torch.BoolTensor": _typed("bool"),
        "torch.ByteTensor": _typed("uint8"), "torch.cuda.FloatTensor": _typed("float32"),
        "torch.cuda.LongTensor": _typed("int64"), "torch.Generator": lambda *a, **k: None,
        "torch.autograd.Function": None,
    }  # fmt: skip
    for path, convert in types.items():
        names = {"__convert__": convert} if convert is not None else {}
        name = path.rpartition(".")[2]
        classes[path] = make_class(name, [OBJECT], form="type", path=path, names=names)
    classes["torch.nn.parameter.Parameter"] = classes["torch.nn.Parameter"]
    interpreter.functions = dict(data.FUNCTIONS)


def _tensor(*args: Any, **keywords: Any) -> Any:
    if args and isinstance(args[0], Tensor):
        return args[0]
    if args and all(isinstance(a, int) for a in args):
        return Tensor(tuple(args))
    if len(args) == 1 and isinstance(args[0], TorchSize):
        return Tensor(tuple(args[0]))
    made = ROWS["torch.tensor"].rule(args[0] if args else [])
    return made.like(dtype="float32", values=made.known) if isinstance(made, Tensor) else made


def _typed(dtype: str) -> Any:
    def rule(*args: Any, **keywords: Any) -> Any:
        made = _tensor(*args, **keywords)
        return made.like(dtype=dtype, values=made.known) if isinstance(made, Tensor) else made

    return rule


def _parameter(data: Any = None, requires_grad: Any = True) -> Any:
    if not isinstance(data, Tensor):
        if data is None:
            data = Tensor((0,))
        else:
            raise NotKnown("a Parameter of no tensor")
    made = Tensor(
        data.shape, data.dtype, data.axes, data.strides, parameter=True,
        storage=Storage(requires_grad=bool(requires_grad), device=data.storage.device), facts=data.facts,
    )  # fmt: skip
    return made


def _device(type: Any = "cpu", index: Any = None) -> Any:
    if isinstance(type, Device):
        return type
    if isinstance(type, Unknown):
        return Device("cpu")
    if isinstance(type, int):
        return Device("cuda", type)
    name, _, number = str(type).partition(":")
    return Device(name, int(number) if number.isdigit() else index)
