"""What is asked of a tensor and what turns it into something else: size, dtype, item, to, clone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ..refusal import NotKnown, Refusal, index_error, runtime_error, type_error, value_error
from ..sizes import Size
from ..tensor import Storage, Tensor, axis_index, broadcast, category, contiguous_strides, selected
from ..values import Device, DType, TorchSize, Unknown
from . import row, type_name
from .creation import LEGACY, plain_dtype
from .native import alias, number

_BYTES = {"float64": 8, "int64": 8, "complex64": 8, "float32": 4, "int32": 4, "float16": 2,
          "bfloat16": 2, "int16": 2, "complex128": 16}  # fmt: skip
_METHODS = {"float": "float32", "double": "float64", "half": "float16", "long": "int64",
            "int": "int32", "short": "int16", "bool": "bool", "byte": "uint8", "char": "int8",
            "bfloat16": "bfloat16"}  # fmt: skip


@row("Tensor.size")
def size(self: Tensor, *at: Any, dim: Any = None) -> Any:
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


_ATTRIBUTES: dict[str, Callable[..., Any]] = {
    "shape": lambda self: TorchSize(self.shape), "ndim": lambda self: self.rank,
    "dtype": lambda self: DType(self.dtype), "device": lambda self: Device(self.storage.device),
    "is_cuda": lambda self: False, "is_sparse": lambda self: False,
    "is_quantized": lambda self: False, "is_leaf": lambda self: not self.graph,
    "grad": lambda self: Unknown(""), }  # fmt: skip
for _name, _rule in _ATTRIBUTES.items():
    row(f"Tensor.{_name}", attribute=True)(_rule)
_PLAIN_METHODS: dict[str, Callable[..., Any]] = {
    "dim": lambda self: self.rank, "ndimension": lambda self: self.rank,
    "get_device": lambda self: -1,
    "element_size": lambda self: _BYTES.get(self.dtype, 1),
    "is_contiguous": lambda self, memory_format=None: self.contiguous,
    "type_as": lambda self, other: converted(self, other.dtype),
    **{name: lambda self, memory_format=None, _dtype=dtype: converted(self, _dtype)
       for name, dtype in _METHODS.items()},
    # there is no GPU where a program is followed: what it would give is the same tensor
    **{name: lambda self, *_, **__: self
       for name in ("cpu", "pin_memory", "share_memory_", "cuda")},
}  # fmt: skip
for _name, _rule in _PLAIN_METHODS.items():
    row(f"Tensor.{_name}")(_rule)
_BOTH: dict[str, Callable[..., Any]] = {
    "numel": lambda input: input.numel,
    "is_floating_point": lambda input: category(input.dtype) == 2,
    "is_complex": lambda input: category(input.dtype) == 3,
}
for _name, _rule in _BOTH.items():
    row(f"Tensor.{_name}", f"torch.{_name}")(_rule)
row("Tensor.nelement")(lambda self: self.numel)
row("torch.is_tensor")(lambda obj: isinstance(obj, Tensor))


@row("Tensor.__len__")
def length(self: Tensor) -> int:
    if not self.rank:
        raise type_error("len() of a 0-d tensor")
    return self.shape[0]


@row("Tensor.__iter__")
def rows(self: Tensor) -> list[Tensor]:
    if not self.rank:
        raise type_error("iteration over a 0-d tensor")
    if self.shape[0] > 100_000:
        raise NotKnown("a loop over so many rows")
    return [selected(self, 0, i) for i in range(int(self.shape[0]))]


@row("Tensor.__contains__")
def contains(self: Tensor, element: Any) -> bool:
    if self.known is None or not isinstance(element, int | float):
        raise NotKnown("what is in a tensor")
    return element in self.known


@row("Tensor.__bool__")
def truth(self: Tensor) -> bool:
    if self.numel != 1:
        words = "no values" if self.numel == 0 else "more than one value"
        raise runtime_error(f"Boolean value of Tensor with {words} is ambiguous")
    return bool(_only(self))


def _only(x: Tensor) -> Any:
    if x.known is None:
        raise NotKnown("a tensor's value")
    return x.known[0]


@row("Tensor.item")
def item(self: Tensor) -> Any:
    if self.numel != 1:
        raise runtime_error(
            f"a Tensor with {self.numel} elements cannot be converted to Scalar", argument=self
        )
    return _number(self) if self.known is None else _only(self)


def _number(x: Tensor) -> Unknown:
    """A number of a tensor's dtype that is not known."""
    return Unknown("", kind="float" if x.floating else "bool" if x.dtype == "bool" else "int")


for _name, _kind in (("__int__", int), ("__float__", float)):

    @row(f"Tensor.{_name}")
    def as_number(self: Tensor, _kind: Any = _kind) -> Any:
        if self.numel != 1:
            raise value_error("only one element tensors can be converted to Python scalars")
        return _kind(_only(self))


@row("Tensor.__index__")
def as_index(self: Tensor) -> int:
    if self.numel != 1 or self.floating or self.dtype == "bool":
        raise type_error("only integer tensors of a single element can be converted to an index")
    return int(_only(self))


@row("Tensor.tolist")
def tolist(self: Tensor) -> Any:
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


@row("Tensor.stride")
def stride(self: Tensor, dim: Any = None) -> Any:
    if dim is None:
        return tuple(self.strides)
    _need_axes(self, dim)
    return self.strides[axis_index(dim, self.rank)]


@row("Tensor.requires_grad", attribute=True)
def requires_grad(self: Tensor) -> bool:
    if self.storage.requires_grad or self.graph:
        return True
    raise NotKnown("whether a gradient is asked for")


@row("Tensor.requires_grad_")
def requires_grad_(self: Tensor, requires_grad: bool = True) -> Tensor:
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
    grad = x.storage.requires_grad and category(dtype) >= 2
    storage = Storage(requires_grad=grad, device=x.storage.device)
    return x.like(dtype=dtype, values=values, facts=x.facts, storage=storage)


@row("Tensor.to")
def to(self: Tensor, *args: Any, **keywords: Any) -> Tensor:
    result = self
    for value in (*args, keywords.get("dtype"), keywords.get("device")):
        if isinstance(value, DType) or value in (float, int):
            result = converted(result, plain_dtype(value))
        elif isinstance(value, Tensor):
            result = converted(result, value.dtype)
        elif isinstance(value, str):
            check_device(value)
        elif isinstance(value, float):
            raise type_error(_TO_REFUSED.format(got=type_name(value)))
    if keywords.get("copy") and result is self:
        result = self.like(values=self.known)
    return result


_TO_REFUSED = (
    "to() received an invalid combination of arguments - got ({got}), but expected one of:\n * "
    "(torch.device device = None, torch.dtype dtype = None, bool non_blocking = False, bool copy = "
    "False, *, torch.memory_format memory_format = None)\n * (torch.dtype dtype, bool non_blocking "
    "= False, bool copy = False, *, torch.memory_format memory_format = None)\n * (Tensor tensor, "
    "bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = None)\n"
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
    if kind == "cuda":
        raise Refusal("AssertionError", "Torch not compiled with CUDA enabled")
    if kind != "cpu":
        raise NotKnown(f"the device {name}")


@row("Tensor.type")
def type_(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    if dtype is None:
        return f"torch.{alias(self.dtype)}Tensor"
    if isinstance(dtype, DType):
        return converted(self, dtype.plain)
    path = str(getattr(dtype, "path", dtype))
    short = path.rpartition(".")[2]
    if short in LEGACY and "cuda" not in path:
        return converted(self, LEGACY[short])
    raise NotKnown("a type of tensors")


@row("Tensor.detach", "torch.detach")
def detach(input: Tensor) -> Tensor:
    return replace(
        input, graph=frozenset(), parameter=False,
        storage=_Detached(input.storage) if input.storage.requires_grad else input.storage,
    )  # fmt: skip


row("Tensor.data", attribute=True)(
    lambda self: replace(detach(self), facts={**self.facts, "data": True})
)


class _Detached(Storage):
    """The storage of another tensor, which asks for no gradient: a change of one is the other's."""

    def __init__(self, of: Storage) -> None:
        self._of = of
        super().__init__(of.version, of.written, device=of.device)

    def _set_version(self, version: int) -> None:
        self._of.version = version

    def _set_written(self, written: int) -> None:
        self._of.written = written

    version = property(lambda self: self._of.version, _set_version)
    written = property(lambda self: self._of.written, _set_written)


@row("Tensor.detach_")
def detach_(self: Tensor) -> Tensor:
    object.__setattr__(self, "graph", frozenset())
    return self


@row("Tensor.clone", "torch.clone")
def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    if 0 in input.strides and 0 not in input.shape:
        return input.like(strides=contiguous_strides(input.shape), values=input.known)
    return input.like(values=input.known)


@row("Tensor.numpy")
def numpy(self: Tensor, *, force: bool = False) -> Any:
    from ..arrays import marked

    if self.storage.requires_grad or self.graph:
        raise runtime_error(
            "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        )
    return marked(self)


@row("torch.equal", "Tensor.equal")
def equal(input: Tensor, other: Tensor) -> bool:
    if input.shape != other.shape:
        return False
    raise NotKnown("whether values are equal")


@row("torch.allclose", "Tensor.allclose")
def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    if input.dtype != other.dtype:
        raise runtime_error(f"{alias(input.dtype)} did not match {alias(other.dtype)}")
    broadcast(input, other)
    raise NotKnown("whether values are close")
