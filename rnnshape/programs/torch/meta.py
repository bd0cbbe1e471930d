"""What is asked of a tensor and what turns it into something else: size, dtype, item, to, clone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..refusal import NotKnown, Refusal, index_error, runtime_error, type_error, value_error
from ..sizes import Size
from ..tensor import Storage, Tensor, axis_index, contiguous_strides, selected
from ..values import Device, DType, Packed, TorchSize, Unknown
from . import row, type_name
from .creation import LEGACY, plain_dtype
from .native import alias, number
from .pointwise import category

_BYTES = {"float64": 8, "int64": 8, "complex64": 8, "float32": 4, "int32": 4, "float16": 2,
          "bfloat16": 2, "int16": 2, "complex128": 16}  # fmt: skip


@row("Tensor.size")
def size(self: Tensor, *at: Any, dim: Any = None) -> Any:
    """x.size(), x.size(0)."""
    if not at and dim is None:
        return TorchSize(self.shape)
    axis = number(at[0] if at else dim)
    if len(at) > 1 or not isinstance(axis, int):
        if isinstance(axis, Unknown):
            raise NotKnown("an unknown axis")
        got = ", ".join(type_name(a) for a in at)
        if len(at) == 1:
            raise type_error(f"size(): argument 'dim' (position 1) must be int, not {got}")
        text = f"size() received an invalid combination of arguments - got ({got})"
        raise type_error(text + ", but expected one of:\n * ()\n * (int dim)\n * (name dim)\n")
    _need_axes(self, axis)
    return self.shape[axis_index(axis, self.rank)]


def _need_axes(x: Tensor, axis: int) -> None:
    if not x.rank:
        raise index_error(f"Dimension specified as {axis} but tensor has no dimensions")


@row("Tensor.shape", attribute=True)
def shape(self: Tensor) -> TorchSize:
    """x.shape."""
    return TorchSize(self.shape)


@row("Tensor.ndim", attribute=True)
def ndim(self: Tensor) -> int:
    """The number of axes."""
    return self.rank


@row("Tensor.dim", "Tensor.ndimension")
def dim(self: Tensor) -> int:
    """The number of axes."""
    return self.rank


@row("Tensor.numel", "Tensor.nelement", "torch.numel")
def numel(input: Tensor) -> int:
    """The number of elements."""
    return input.numel


@row("Tensor.__len__")
def length(self: Tensor) -> int:
    """len(x)."""
    if not self.rank:
        raise type_error("len() of a 0-d tensor")
    return self.shape[0]


@row("Tensor.__iter__")
def rows(self: Tensor) -> list[Tensor]:
    """What a loop over x goes through."""
    if not self.rank:
        raise type_error("iteration over a 0-d tensor")
    if self.shape[0] > 100_000:
        raise NotKnown("a loop over so many rows")
    return [selected(self, 0, i) for i in range(int(self.shape[0]))]


@row("Tensor.__contains__")
def contains(self: Tensor, element: Any) -> bool:
    """3 in x."""
    if self.known is None or not isinstance(element, int | float):
        raise NotKnown("what is in a tensor")
    return element in self.known


@row("Tensor.__bool__")
def truth(self: Tensor) -> bool:
    """`if x:`"""
    if self.numel > 1:
        raise runtime_error("Boolean value of Tensor with more than one value is ambiguous")
    if self.numel == 0:
        raise runtime_error("Boolean value of Tensor with no values is ambiguous")
    return bool(_only(self))


def _only(x: Tensor) -> Any:
    if x.known is None:
        raise NotKnown("a tensor's value")
    return x.known[0]


@row("Tensor.__int__", "Tensor.__float__", "Tensor.item")
def item(self: Tensor) -> Any:
    """The one number."""
    if self.numel != 1:
        raise runtime_error(
            f"a Tensor with {self.numel} elements cannot be converted to Scalar", argument=self
        )
    return _number(self) if self.known is None else _only(self)


def _number(x: Tensor) -> Unknown:
    """A number of a tensor's dtype that is not known."""
    return Unknown("", kind="float" if x.floating else "bool" if x.dtype == "bool" else "int")


@row("Tensor.__int__")
def as_int(self: Tensor) -> int:
    """int(x)."""
    if self.numel != 1:
        raise value_error("only one element tensors can be converted to Python scalars")
    return int(_only(self))


@row("Tensor.__float__")
def as_float(self: Tensor) -> float:
    """float(x)."""
    if self.numel != 1:
        raise value_error("only one element tensors can be converted to Python scalars")
    return float(_only(self))


@row("Tensor.__index__")
def as_index(self: Tensor) -> int:
    """range(x), a[x]."""
    if self.numel != 1 or self.floating or self.dtype == "bool":
        raise type_error("only integer tensors of a single element can be converted to an index")
    return int(_only(self))


@row("Tensor.tolist")
def tolist(self: Tensor) -> Any:
    """Nested lists."""
    known: Sequence[Any] | None = self.known
    if known is None:
        if self.numel > 4096 or any(isinstance(n, Size) for n in self.shape):
            raise NotKnown("a tensor's values")
        known = [_number(self) for _ in range(int(self.numel))]
    return nested(known, self.shape)


def nested(values: Sequence[Any], shape: Sequence[int]) -> Any:
    """Flat values as nested lists."""
    if not shape:
        return values[0]
    if len(shape) == 1:
        return list(values)
    each = len(values) // int(shape[0]) if shape[0] else 0
    return [nested(values[i * each : (i + 1) * each], shape[1:]) for i in range(int(shape[0]))]


@row("Tensor.is_contiguous")
def is_contiguous(self: Tensor, memory_format: Any = None) -> bool:
    """Whether the elements lie in order."""
    return self.contiguous


@row("Tensor.stride")
def stride(self: Tensor, dim: Any = None) -> Any:
    """Steps between elements."""
    if dim is None:
        return tuple(self.strides)
    _need_axes(self, dim)
    return self.strides[axis_index(dim, self.rank)]


@row("Tensor.dtype", attribute=True)
def dtype(self: Tensor) -> DType:
    """torch.float32."""
    return DType(self.dtype)


@row("Tensor.device", attribute=True)
def device(self: Tensor) -> Device:
    """Where it lies."""
    return Device(self.storage.device)


@row("Tensor.is_cuda", "Tensor.is_sparse", "Tensor.is_quantized", attribute=True)
def is_cuda(self: Tensor) -> bool:
    """Whether it lies on a GPU."""
    return False


@row("Tensor.get_device")
def get_device(self: Tensor) -> int:
    """-1 on the CPU."""
    return -1


@row("Tensor.element_size")
def element_size(self: Tensor) -> int:
    """Bytes of an element."""
    return _BYTES.get(self.dtype, 1)


@row("Tensor.is_floating_point", "torch.is_floating_point")
def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is floating."""
    return category(input.dtype) == 2


@row("Tensor.is_complex", "torch.is_complex")
def is_complex(input: Tensor) -> bool:
    """Whether the dtype is complex."""
    return category(input.dtype) == 3


@row("torch.is_tensor")
def is_tensor(obj: Any) -> bool:
    """isinstance(obj, torch.Tensor)."""
    return isinstance(obj, Tensor)


@row("Tensor.requires_grad", attribute=True)
def requires_grad(self: Tensor) -> bool:
    """Whether a gradient is asked for."""
    if self.storage.requires_grad or self.graph:
        return True
    raise NotKnown("whether a gradient is asked for")


@row("Tensor.is_leaf", attribute=True)
def is_leaf(self: Tensor) -> bool:
    """Whether it was made by the user."""
    return not self.graph


@row("Tensor.requires_grad_")
def requires_grad_(self: Tensor, requires_grad: bool = True) -> Tensor:
    """Asks for a gradient."""
    if requires_grad and category(self.dtype) < 2:
        raise runtime_error("only Tensors of floating point dtype can require gradients")
    self.storage.requires_grad = requires_grad
    return self


# --------------------------------------------------------------------------------------- conversion


def converted(x: Tensor, dtype: str) -> Tensor:
    """x in another dtype: itself where it is of it."""
    if x.dtype == dtype:
        return x
    values: Any = None
    if x.known is not None:
        change = bool if dtype == "bool" else float if category(dtype) == 2 else int
        values = tuple(change(v) for v in x.known) if category(dtype) < 3 else None
    return x.like(dtype=dtype, values=values, facts=x.facts, storage=replace_storage(x, dtype))


def replace_storage(x: Tensor, dtype: str) -> Storage:
    """A storage of its own, on the same device."""
    grad = x.storage.requires_grad and category(dtype) >= 2
    return Storage(requires_grad=grad, device=x.storage.device)


_METHODS = {"float": "float32", "double": "float64", "half": "float16", "long": "int64",
            "int": "int32",
            "short": "int16", "bool": "bool", "byte": "uint8", "char": "int8",
            "bfloat16": "bfloat16"}  # fmt: skip


def _conversions() -> None:
    for name, target in _METHODS.items():
        row(f"Tensor.{name}")(
            lambda self, memory_format=None, _target=target: converted(self, _target)
        )


_conversions()


@row("Tensor.to")
def to(self: Tensor, *args: Any, **keywords: Any) -> Tensor:
    """x.to(dtype), x.to(device), x.to(other)."""
    result = self
    for value in (*args, keywords.get("dtype"), keywords.get("device")):
        if isinstance(value, DType) or value in (float, int):
            result = converted(result, plain_dtype(value))
        elif isinstance(value, Tensor):
            result = converted(result, value.dtype)
        elif isinstance(value, str):
            check_device(value)
        elif isinstance(value, float):
            got = type_name(value)
            raise type_error(_TO_REFUSED.format(got=got))
    if keywords.get("copy") and result is self:
        result = self.like(values=self.known)
    return result


_TO_REFUSED = (
    "to() received an invalid combination of arguments - got ({got}), but expected one of:\n"
    " * (torch.device device = None, torch.dtype dtype = None, bool non_blocking = False, bool "
    "copy = "
    "False, *, torch.memory_format memory_format = None)\n"
    " * (torch.dtype dtype, bool non_blocking = False, bool copy = False, *, torch.memory_format "
    "memory_format = None)\n"
    " * (Tensor tensor, bool non_blocking = False, bool copy = False, *, torch.memory_format "
    "memory_format = None)\n"
)
_DEVICES = (
    "cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, vulkan, "
    "mps, meta, hpu, mtia, privateuseone"
)


def check_device(name: str) -> None:
    """A device by its name; a GPU is taken to be absent, and its calls not followed."""
    kind = name.partition(":")[0]
    if kind not in _DEVICES.split(", "):
        raise runtime_error(
            f"Expected one of {_DEVICES} device type at start of device string: {name}"
        )
    if kind != "cpu":
        raise NotKnown(f"the device {name}") if kind != "cuda" else _no_gpu()


def _no_gpu() -> Refusal:
    return Refusal("AssertionError", "Torch not compiled with CUDA enabled")


@row("Tensor.type")
def type_(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """x.type(torch.long), x.type()."""
    if dtype is None:
        return f"torch.{alias(self.dtype)}Tensor"
    if isinstance(dtype, DType):
        return converted(self, dtype.plain)
    path = str(getattr(dtype, "path", dtype))
    short = path.rpartition(".")[2]
    if short in LEGACY and "cuda" not in path:
        return converted(self, LEGACY[short])
    raise NotKnown("a type of tensors")


@row("Tensor.type_as")
def type_as(self: Tensor, other: Tensor) -> Tensor:
    """x in other's dtype."""
    return converted(self, other.dtype)


@row("Tensor.cpu", "Tensor.pin_memory", "Tensor.share_memory_")
def cpu(self: Tensor, *_: Any, **__: Any) -> Tensor:
    """On the CPU it is already."""
    return self


@row("Tensor.cuda")
def cuda(self: Tensor, *_: Any, **__: Any) -> Tensor:
    """There is no GPU where a program is followed: what it would give is the same tensor."""
    return self


@row("Tensor.detach", "torch.detach")
def detach(input: Tensor) -> Tensor:
    """The same elements, without the graph."""
    return replace(
        input, graph=frozenset(), parameter=False,
        storage=_Detached(input.storage) if input.storage.requires_grad else input.storage,
    )  # fmt: skip


class _Detached(Storage):
    """The storage of another tensor, which asks for no gradient."""

    def __init__(self, of: Storage) -> None:
        super().__init__(version=of.version, device=of.device)


@row("Tensor.data", attribute=True)
def data(self: Tensor) -> Tensor:
    """x.detach(), in the old way."""
    return detach(self)


@row("Tensor.detach_")
def detach_(self: Tensor) -> Tensor:
    """Detached in place."""
    object.__setattr__(self, "graph", frozenset())
    return self


@row("Tensor.clone", "torch.clone")
def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy."""
    if 0 in input.strides and 0 not in input.shape:
        return input.like(strides=contiguous_strides(input.shape), values=input.known)
    return input.like(values=input.known)


@row("Tensor.numpy")
def numpy(self: Tensor, *, force: bool = False) -> Any:
    """An array of the same elements."""
    from ..arrays import marked

    if self.storage.requires_grad or self.graph:
        raise runtime_error(
            "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        )
    return marked(self)


@row("Tensor.grad", attribute=True)
def grad(self: Tensor) -> Any:
    """None before a backward."""
    return Unknown("")


@row("torch.equal", "Tensor.equal")
def equal(input: Tensor, other: Tensor) -> bool:
    """Whether all is equal."""
    if input.shape != other.shape:
        return False
    raise NotKnown("whether values are equal")


@row("torch.allclose", "Tensor.allclose")
def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether all is nearly equal."""
    from ..tensor import broadcast

    broadcast(input, other)
    raise NotKnown("whether values are close")


__all__ = ["Packed"]
