"""What a followed program holds beside tensors. Numbers, strings, lists, tuples and dicts are
Python's own; functions, classes and their instances are modelled here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .refusal import NotKnown
from .tensor import Tensor


class Unknown:
    """A value that is not known, and why: contagious, and never a default in its place.

    `text` is how the program wrote it, `line` where it came up. kind: "float", "int", "bool" or
    "str" where that much is known. Without `what` it is not worth telling.
    """

    __slots__ = ("file", "kind", "line", "text", "what")

    def __init__(
        self, what: str, text: str = "", file: str = "", line: int = 0, kind: str = ""
    ) -> None:
        self.what, self.text, self.file, self.line, self.kind = what, text, file, line, kind

    def __repr__(self) -> str:
        return f"unknown ({self.what})"

    def of_kind(self, kind: str) -> Unknown:
        """A number, say, made of it, which is not known either."""
        return Unknown(self.what, self.text, self.file, self.line, kind)

    def written(self, text: str) -> Unknown:
        """What comes of it, as the program writes that."""
        return Unknown(self.what, text[:80], self.file, self.line, self.kind)


class Outside(Unknown):
    """A value from outside the program, of a module or a configuration that is not at hand: called
    `name`, and `size` where it turns out to be an open size."""

    __slots__ = ("name", "size")

    def __init__(self, unknown: Unknown, name: str, size: str) -> None:
        super().__init__(unknown.what, unknown.text, unknown.file, unknown.line, unknown.kind)
        self.name, self.size = name, size


def known(value: Any) -> Any:
    """The value; raises NotKnown for an unknown, which is what a native function then gives."""
    if isinstance(value, Unknown):
        raise NotKnown(value=value)
    return value


class Rest(Unknown):
    """In a list, dict or set of the program: more elements than are known, of a number that is
    not known. What holds it is read as it."""

    __slots__ = ()


def add_rest(container: Any, unknown: Unknown) -> None:
    """Nothing is known any more of what a list, dict or set holds."""
    rest = Rest(unknown.what, unknown.text, unknown.file, unknown.line)
    if isinstance(container, dict):
        container[Rest] = rest
    else:
        container.append(rest) if isinstance(container, list) else container.add(Rest)


def rest_of(container: Any) -> Unknown | None:
    """What stands for the elements that are not known, if any."""
    if isinstance(container, list):
        return container[-1] if container and type(container[-1]) is Rest else None
    if isinstance(container, set):
        return Rest("what a set holds") if Rest in container else None
    found: Unknown | None = container.get(Rest)
    return found


class DType(str):
    """torch.float32 and the like: the string "float32"."""

    def __repr__(self) -> str:
        return f"torch.{str.__str__(self)}"

    __str__ = __repr__

    @property
    def plain(self) -> str:
        """The name without `torch.`"""
        return str.__str__(self)


class TorchSize(tuple[int, ...]):
    """torch.Size."""

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(str(n) for n in self)}])"

    def numel(self) -> int:
        """The product."""
        result = 1
        for n in self:
            result = result * n
        return result


@dataclass(frozen=True)
class Device:
    """torch.device."""

    type: str
    index: int | None = None

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        return f"device(type='{self.type}'{'' if self.index is None else f', index={self.index}'})"


PACKED = ("data", "batch_sizes", "sorted_indices", "unsorted_indices")  # its fields, in order


@dataclass(frozen=True, eq=False)
class Packed:
    """A PackedSequence. `padded` is the batch it was packed from, its axes (N, T, …) or
    (T, N, …) by `batch_first`; `lengths` a tuple of numbers where they are known."""

    data: Tensor
    padded: Tensor
    lengths: tuple[int, ...] | None
    lengths_tensor: Tensor
    batch_first: bool
    enforce_sorted: bool

    @property
    def batch_size(self) -> int:
        """N."""
        return self.padded.shape[0 if self.batch_first else 1]


class Result(tuple[Any, ...]):
    """A named tuple of torch, such as torch.return_types.max: fields by name."""

    names: Sequence[str]
    type: str

    @classmethod
    def of(cls, type: str, **fields: Any) -> Result:
        """`Result.of("max", values=…, indices=…)`."""
        result = cls(fields.values())
        result.names, result.type = tuple(fields), type
        return result


GROUPS = ("_parameters", "_buffers", "_modules")  # what a module keeps apart


@dataclass(eq=False)
class Instance:
    """An object of a class of the program or of torch. Rules write `self.weight = parameter(…)`
    and read `self.weight` as torch's own code does; of a module, parameters, buffers and
    submodules are kept apart as torch keeps them."""

    _cls: Any
    _attributes: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<{self._cls.__name__}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        own = self.__dict__["_attributes"]
        if name in own:
            return own[name]
        for group in GROUPS:
            if name in own.get(group, ()):
                return own[group][name]
        raise AttributeError(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("_cls", "_attributes"):
            object.__setattr__(self, name, value)
            return
        own = self.__dict__["_attributes"]
        groups = own.get("_parameters")
        if groups is None:
            own[name] = value
            return
        group = (
            "_parameters" if isinstance(value, Tensor) and value.parameter
            else "_modules" if isinstance(value, Instance) and "_modules" in value._attributes
            else None
        )  # fmt: skip
        for other in GROUPS:
            if name in own[other] and other != group:
                if other == "_buffers" or value is None:
                    own[other][name] = value
                    return
                del own[other][name]
        if group:
            own.pop(name, None)
            own[group][name] = value
        else:
            own[name] = value

    @property
    def parameters_here(self) -> dict[str, Tensor]:
        """The parameters of this module itself."""
        found: dict[str, Tensor] = self._attributes.get("_parameters", {})
        return found


def drop(instance: Instance, name: str) -> None:
    """del instance.name."""
    own = instance._attributes
    for group in (own, *(own.get(g, {}) for g in GROUPS)):
        group.pop(name, None)


def module_state(instance: Instance) -> None:
    """What nn.Module.__init__ does."""
    instance._attributes.update(
        _parameters={}, _buffers={}, _modules={}, _not_saved=set(), training=True
    )


def parameter(shape: Sequence[int], dtype: str = "float32") -> Tensor:
    """A fresh nn.Parameter."""
    from .tensor import Storage

    return Tensor(tuple(shape), dtype, parameter=True, storage=Storage(requires_grad=True))


class Deque(list[Any]):
    """collections.deque: a list of its newest `maxlen` elements."""

    maxlen: int | None = None

    def append(self, value: Any) -> None:
        """Add on the right; what is too much goes on the left."""
        super().append(value)
        if self.maxlen is not None:
            del self[: max(0, len(self) - self.maxlen)]

    def extend(self, values: Any) -> None:
        """Append each."""
        for value in values:
            self.append(value)

    def appendleft(self, value: Any) -> None:
        """Add on the left; what is too much goes on the right."""
        self.insert(0, value)
        del self[len(self) if self.maxlen is None else self.maxlen :]

    def popleft(self) -> Any:
        """Take the oldest."""
        return self.pop(0)


class DefaultDict(dict[Any, Any]):
    """collections.defaultdict; where `open`, a missing key is an open size called by it."""

    factory: Any = None
    open: bool = False


class Counter(DefaultDict):
    """collections.Counter."""

    def update(self, *others: Any, **counts: int) -> None:
        """Add to the counts."""
        for other in (*others, counts):
            for item in other:
                self[item] = self.get(item, 0) + (other[item] if isinstance(other, dict) else 1)

    def most_common(self, n: int | None = None) -> list[tuple[Any, int]]:
        """The n that are counted most, with their counts."""
        return sorted(self.items(), key=lambda pair: -pair[1])[:n]
