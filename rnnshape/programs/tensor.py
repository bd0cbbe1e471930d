"""A tensor without its numbers: sizes, dtype, strides, and what each of its axes is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from .refusal import index_error, runtime_error, value_error
from .sizes import Shape, Size, largest, product, smallest


@dataclass(frozen=True, eq=False)
class Origin:
    """Where an axis comes from: the axis of a tensor, such as the rows of hn of one call.

    `call` is set by the interpreter for what a recurrent layer puts out: the layer.
    """

    what: str
    axis: int = 0
    call: Any = None

    def __repr__(self) -> str:
        return f"{self.what}[{self.axis}]"


class Part(NamedTuple):
    """A factor of an axis: rows of hn are layers × directions, a flattened batch samples × steps.

    kind: samples, steps, layers, directions, features, classes; one, unknown, or mixed.
    piece: (whole, inner) where only a piece of the part stands here: the whole's size and how many
    elements of it one step of this piece passes. `of`: what a mixed part mixed.
    """

    size: int
    kind: str = "unknown"
    origin: Origin | None = None
    piece: tuple[int, int] | None = None
    of: tuple[Part, ...] = ()

    @property
    def key(self) -> tuple[int, tuple[int, int] | None]:
        """What it is a piece of, and which."""
        return id(self.origin), self.piece

    def __repr__(self) -> str:
        return f"{self.size} {self.kind}{f' of {self.origin}' if self.origin else ''}"


Axis = tuple[Part, ...]
JOINED = "joined"  # where an axis comes from along which tensors were laid side by side


@dataclass(eq=False)
class Storage:
    """What tensors that share their elements share; the one thing of them that changes.

    version: how often they were changed; written: how often where autograd sees it, not by .data.
    """

    version: int = 0
    written: int = 0
    requires_grad: bool = False
    device: str = "cpu"
    freed: bool = False


@dataclass(frozen=True, eq=False)
class Tensor:
    """shape: ints and Sizes; dtype as torch names it, "float32"; strides in elements.

    axes: for each dimension its parts, outer first. known: the values, flat and in order, of a
    small tensor whose numbers matter (lengths, indices), good while storage.version is `at`.
    graph: the calls (their ids) that backward would go through; leaf: made by the user.
    """

    shape: Shape
    dtype: str = "float32"
    axes: tuple[Axis, ...] = ()
    strides: tuple[int, ...] = ()
    storage: Storage = field(default_factory=Storage)
    values: tuple[Any, ...] | None = None
    at: int = 0
    parameter: bool = False
    graph: frozenset[int] = frozenset()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.strides and self.shape:
            object.__setattr__(self, "strides", contiguous_strides(self.shape))
        if len(self.axes) != len(self.shape):
            object.__setattr__(self, "axes", fresh_axes(self.shape))

    def __repr__(self) -> str:
        return f"Tensor({'×'.join(map(str, self.shape))} {self.dtype})"

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def parts(self) -> list[Part]:
        """The parts of all its axes, in order."""
        return [part for axis in self.axes for part in axis]

    @property
    def numel(self) -> int:
        """The number of elements."""
        return product(self.shape)

    @property
    def known(self) -> tuple[Any, ...] | None:
        """The values in order, where they are known still."""
        return self.values if self.at == self.storage.version else None

    @property
    def floating(self) -> bool:
        """Whether the dtype is a floating (or complex) one."""
        return self.dtype.startswith(("float", "bfloat", "complex"))

    @property
    def contiguous(self) -> bool:
        """Whether the elements lie in order, as torch's is_contiguous says."""
        expected = 1
        for size, stride in zip(reversed(self.shape), reversed(self.strides)):
            if size == 1:
                continue
            if stride != expected:
                return 0 in self.shape
            expected = stride * size
        return True

    def like(self, **changes: Any) -> Tensor:
        """A new tensor (of a storage of its own) with the shape, axes and layout of this one."""
        base: dict[str, Any] = {
            "shape": self.shape, "dtype": self.dtype, "axes": self.axes,
            "strides": dense_strides(self), "graph": self.graph, "facts": self.facts,
            "storage": Storage(requires_grad=False, device=self.storage.device),
        }  # fmt: skip
        if "shape" in changes and "strides" not in changes:
            base["strides"] = ()
        return Tensor(**base | changes)

    def view_of(self, **changes: Any) -> Tensor:
        """A view: the same elements under another shape."""
        keep = changes.pop("values", None)
        return replace(self, parameter=False, values=keep, at=self.storage.version, **changes)


def one_number(value: Any) -> Any:
    """The one number of a tensor, where it is known; else the value itself."""
    alone = isinstance(value, Tensor) and value.known is not None and len(value.known) == 1
    return value.known[0] if alone else value


def dense_strides(x: Tensor) -> tuple[int, ...]:
    """The strides of an elementwise result: the order of x's, without gaps."""
    if 0 in x.strides:
        return contiguous_strides(x.shape)
    order = sorted(range(x.rank), key=lambda d: (-x.strides[d], d))
    strides, step = [1] * x.rank, 1
    for d in reversed(order):
        strides[d] = step
        step *= int(x.shape[d])
    return tuple(strides)


def layout(shape: Shape, tensors: Sequence[Tensor]) -> tuple[int, ...]:
    """The strides of an elementwise result: TensorIterator's order of axes, without gaps."""
    rank = len(shape)
    if all(x.shape == shape and x.strides == tensors[0].strides for x in tensors) and tensors:
        return dense_strides(tensors[0])
    rows = []
    for x in tensors:
        lead = rank - x.rank
        rows.append(
            [0] * lead
            + [0 if n == 1 != shape[lead + d] else x.strides[d] for d, n in enumerate(x.shape)]
        )
    return ordered_strides(shape, rows)


def ordered_strides(shape: Shape, rows: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Strides without gaps in the order that operands of the strides `rows` ask for."""
    rank = len(shape)
    order = list(range(rank))[::-1]
    for i in range(1, rank):
        at = i
        for before in range(i - 1, -1, -1):
            compared = _in_order(order[before], order[at], rows, shape)
            if compared > 0:
                order[before], order[at] = order[at], order[before]
                at = before
            elif compared < 0:
                break
    strides, step = [1] * rank, 1
    for d in order:
        strides[d] = step
        step *= max(int(shape[d]), 1)
    return tuple(strides)


def _in_order(a: int, b: int, rows: Sequence[Sequence[int]], shape: Shape) -> int:
    for strides in rows:
        if strides[a] == 0 or strides[b] == 0:
            continue
        if strides[a] != strides[b]:
            return -1 if strides[a] < strides[b] else 1
        if shape[a] > shape[b]:
            return 1
    return 0


def contiguous_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Row-major strides."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(int(size), 1)
    return tuple(reversed(strides))


def fresh_axes(shape: Sequence[int], what: str = "", kinds: Sequence[str] = ()) -> tuple[Axis, ...]:
    """An axis for each size, each of an origin of its own."""
    return tuple(
        (Part(size, kinds[i] if i < len(kinds) else "unknown", Origin(what, i)),)
        if size != 1
        else (Part(1, "one"),)
        for i, size in enumerate(shape)
    )


def new(shape: Sequence[int], dtype: str = "float32", **keywords: Any) -> Tensor:
    """A fresh contiguous tensor; its axes unknown unless `axes` are given."""
    return Tensor(tuple(shape), dtype, **keywords)


# --------------------------------------------------------------------------- axes and their moves


def axis_index(dim: Any, rank: int, *, extra: int = 0) -> int:
    """dim as 0 … rank-1, or torch's refusal; extra 1 for unsqueeze and stack."""
    span = max(rank + extra, 1)
    if not -span <= dim < span:
        raise index_error(
            f"Dimension out of range (expected to be in range of [{-span}, {span - 1}], "
            f"but got {dim})",
            wants={"rank_of": dim},
        )
    return int(dim) % span


def permuted(x: Tensor, order: Sequence[int]) -> Tensor:
    """A view with the axes in another order."""
    values = None
    if x.known is not None:
        values = _permuted_values(x.known, x.shape, order)
    return x.view_of(
        shape=tuple(x.shape[d] for d in order), axes=tuple(x.axes[d] for d in order),
        strides=tuple(x.strides[d] for d in order), values=values,
    )  # fmt: skip


def _permuted_values(
    values: tuple[Any, ...], shape: Shape, order: Sequence[int]
) -> tuple[Any, ...]:
    strides = contiguous_strides(shape)
    sizes, steps = [int(shape[d]) for d in order], [strides[d] for d in order]
    places = [0]
    for size, step in zip(sizes, steps):
        places = [place + i * step for place in places for i in range(size)]
    return tuple(values[place] for place in places)


def inferred(shape: Sequence[int], numel: int) -> Shape:
    """The target of view and reshape, with its -1 worked out, or torch's refusal."""
    listed = "[" + ", ".join(str(n) for n in shape) + "]"
    if sum(1 for n in shape if n == -1) > 1:
        raise runtime_error("only one dimension can be inferred")
    for i, n in enumerate(shape):
        if n < -1:
            raise runtime_error(f"invalid shape dimension {n} at index {i} of shape {listed}")
    rest = product(n for n in shape if n != -1)
    if -1 in shape:
        if rest == 0:
            if numel == 0:
                raise runtime_error(
                    f"cannot reshape tensor of 0 elements into shape {listed} because the "
                    "unspecified dimension size -1 can be any value and is ambiguous"
                )
            raise runtime_error(f"shape '{listed}' is invalid for input of size {numel}")
        if int(numel) % int(rest):
            raise runtime_error(
                f"shape '{listed}' is invalid for input of size {numel}",
                wants={"divides": rest, "numel": numel},
            )
        return tuple(numel // rest if n == -1 else n for n in shape)
    if rest != numel:
        raise runtime_error(
            f"shape '{listed}' is invalid for input of size {numel}", sizes=[(rest, numel)]
        )
    return tuple(shape)


def viewed(x: Tensor, shape: Sequence[int]) -> Tensor:
    """x.view(shape): refuses what the strides do not allow."""
    target = inferred(shape, x.numel)
    strides = _view_strides(x, target)
    if strides is None:
        raise runtime_error(
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension spans across two contiguous subspaces). Use .reshape(...) instead."
        )
    return x.view_of(shape=target, axes=regrouped(x.axes, target), strides=strides, values=x.known)


def reshaped(x: Tensor, shape: Sequence[int]) -> Tensor:
    """x.reshape(shape): a view where it can be one, else a copy."""
    target = inferred(shape, x.numel)
    if _view_strides(x, target) is not None:
        return viewed(x, target)
    return x.like(shape=target, axes=regrouped(x.axes, target), values=x.known)


def _view_strides(x: Tensor, target: Shape) -> tuple[int, ...] | None:
    """torch's computeStride: None where a view is not possible."""
    if x.numel == 0:
        return contiguous_strides(target)
    strides: list[int] = [1] * len(target)
    d = len(target) - 1
    chunk = x.strides[-1] if x.rank else 1
    tensor_numel, view_numel = 1, 1
    for i in range(x.rank - 1, -1, -1):
        tensor_numel *= int(x.shape[i])
        if i == 0 or (x.shape[i - 1] != 1 and x.strides[i - 1] != tensor_numel * chunk):
            while d >= 0 and (view_numel < tensor_numel or target[d] == 1):
                strides[d] = view_numel * chunk
                view_numel *= int(target[d])
                d -= 1
            if view_numel != tensor_numel:
                return None
            if i > 0:
                chunk = x.strides[i - 1]
                tensor_numel = view_numel = 1
    if x.rank == 0:
        return tuple(strides)
    return tuple(strides) if d == -1 else None


def regrouped(axes: Sequence[Axis], target: Shape) -> tuple[Axis, ...]:
    """The parts, in their order, dealt out anew to axes of the sizes `target`.

    Neighbours may be joined and one part split. Where a boundary falls inside a part that does not
    divide there, the axes it falls between are mixed parts.
    """
    parts = joined(part for axis in axes for part in axis if part.size != 1)
    if 0 in target or any(part.size == 0 for part in parts):
        return fresh_axes(target)
    result: list[list[Part]] = [[] for _ in target]
    places = [i for i, size in enumerate(target) if size != 1]
    at = p = 0
    while at < len(places):
        block, columns = [], [places[at]]
        have, want = 1, target[places[at]]
        while have != want:
            if have < want:
                if p >= len(parts):
                    return fresh_axes(target)  # parts and sizes do not agree: nothing is claimed
                block.append(parts[p])
                have = have * parts[p].size
                p += 1
            else:
                at += 1
                if at >= len(places):
                    return fresh_axes(target)
                columns.append(places[at])
                want = want * target[places[at]]
        for column, axis in zip(columns, _dealt(block, [target[c] for c in columns])):
            result[column] = axis
        at += 1
    return tuple(tuple(axis) or (Part(1, "one"),) for axis in result)


def _dealt(block: list[Part], sizes: list[int]) -> list[list[Part]]:
    """The parts of one block, whose product is that of the sizes."""
    if len(sizes) == 1:
        return [joined(block)]
    axes: list[list[Part]] = [[] for _ in sizes]
    left = list(sizes)
    column = 0
    for part in block:
        rest = part
        while rest.size != 1:
            while left[column] == 1:
                column += 1
            if int(left[column]) % int(rest.size) == 0:
                axes[column].append(rest)
                left[column] = left[column] // rest.size
                break
            if int(rest.size) % int(left[column]):
                mixed = tuple(block)
                return [[Part(size, "mixed", Origin("mixed"), None, mixed)] for size in sizes]
            outer, rest = _cut(rest, left[column])
            axes[column].append(outer)
            left[column] = 1
    return [joined(axis) for axis in axes]


def _cut(part: Part, size: int) -> tuple[Part, Part]:
    """The outer piece of `size`, and the rest within it."""
    whole, step = part.piece or (part.size, 1)
    inner = part.size // size
    return (
        part._replace(size=size, piece=(whole, step * inner)),
        part._replace(size=inner, piece=(whole, step)),
    )


def joined(parts: Iterable[Part]) -> list[Part]:
    """Pieces that stand side by side again are what they were."""
    result: list[Part] = []
    for part in parts:
        last = result[-1] if result else None
        if (
            last and last.piece and part.piece and last.origin is part.origin
            and last.piece[0] == part.piece[0] and last.piece[1] == part.piece[1] * part.size
        ):  # fmt: skip
            whole, step = part.piece
            size = last.size * part.size
            result[-1] = part._replace(size=size, piece=None if size == whole else (whole, step))
        else:
            result.append(part)
    return result


def resized(axis: Axis, size: int) -> Axis:
    """The axis after a slice, a convolution or a concatenation along it: what it was, of another
    length; only an axis of one part stays what it was."""
    if size == 1:
        return (Part(1, "one", axis[0].origin if len(axis) == 1 else None),)
    if len(axis) == 1 and axis[0].kind != "one":
        return (axis[0]._replace(size=size, piece=None),)
    return (
        Part(size, axis[0].kind if len({p.kind for p in axis}) == 1 else "unknown", Origin("")),
    )


def with_size(x: Tensor, at: int, size: int, axis: Axis | None = None, **changes: Any) -> Tensor:
    """A new tensor like x, axis `at` of another size; without `axis` it is what it was."""
    axis = resized(x.axes[at], size) if axis is None else axis
    shape = (*x.shape[:at], size, *x.shape[at + 1 :])
    return x.like(shape=shape, axes=(*x.axes[:at], axis, *x.axes[at + 1 :]), **changes)


def features(size: int, what: str = "") -> Axis:
    """An axis of features, of an origin of its own."""
    return (Part(size, "features", Origin(what)),) if size != 1 else (Part(1, "one"),)


# ------------------------------------------------------------------------------------- broadcasting

PROMOTION = ("bool", "uint8", "int8", "int16", "int32", "int64", "bfloat16", "float16", "float32",
             "float64", "complex64", "complex128")  # fmt: skip


def broadcast(*tensors: Tensor) -> tuple[Shape, tuple[Axis, ...]]:
    """The shape and axes of an elementwise operation, or torch's refusal."""
    rank = max((x.rank for x in tensors), default=0)
    shape: list[int] = [1] * rank
    axes: list[Axis] = [(Part(1, "one"),)] * rank
    so_far = 0
    for x in tensors:
        so_far = max(so_far, x.rank)
        for i in reversed(range(x.rank)):  # torch begins at the last axis
            place = rank - x.rank + i
            size, axis = x.shape[i], x.axes[i]
            if size == 1:
                if shape[place] == 1 and axes[place][0].origin is None:
                    axes[place] = axis
                continue
            if shape[place] == 1:
                shape[place], axes[place] = size, axis
            elif shape[place] != size:
                raise runtime_error(
                    f"The size of tensor a ({shape[place]}) must match the size of tensor b "
                    f"({size}) at non-singleton dimension {place - rank + so_far}",
                    sizes=[(shape[place], size)],
                )  # fmt: skip
            elif _vague(axes[place]) and not _vague(axis):
                axes[place] = axis
            if (
                isinstance(size, int)
                and not isinstance(shape[place], Size)
                and isinstance(size, Size)
            ):
                shape[place] = size
    return tuple(shape), tuple(axes)


def _vague(axis: Axis) -> bool:
    return all(part.kind in ("unknown", "one") for part in axis)


def promoted(*operands: Any) -> str:
    """The dtype of an operation on tensors and Python numbers, as torch.result_type has it."""
    ranked = ["", "", ""]  # of tensors with axes, of scalars, of Python numbers
    for operand in operands:
        if isinstance(operand, Tensor):
            place, dtype = (0 if operand.rank else 1), operand.dtype
        else:
            place = 2
            dtype = (
                "bool"
                if isinstance(operand, bool)
                else "int64"
                if isinstance(operand, int)
                else "float32"
            )
        ranked[place] = _wider(ranked[place], dtype)
    result = ranked[0]
    for place in (1, 2):
        other = ranked[place]
        if other and (not result or category(other) > category(result)):
            result = other if place == 1 or not result else {"float32": "float32"}.get(other, other)
        elif other and not result:
            result = other
    return result or "float32"


def _wider(a: str, b: str) -> str:
    if not a or a == b:
        return b
    if {a, b} == {"float16", "bfloat16"}:
        return "float32"
    if {a, b} == {"uint8", "int8"}:
        return "int16"
    return max(a, b, key=PROMOTION.index)


def category(dtype: str) -> int:
    """0 bool, 1 whole, 2 floating, 3 complex: what promotion looks at first."""
    if dtype == "bool":
        return 0
    if dtype.startswith("complex"):
        return 3
    return 1 if "int" in dtype else 2


def elementwise(*operands: Any, dtype: str | None = None) -> Tensor:
    """The result of an operation element by element on tensors and numbers."""
    tensors = [x for x in operands if isinstance(x, Tensor)]
    shape, axes = broadcast(*tensors)
    return Tensor(
        shape, dtype or promoted(*operands), axes, layout(shape, tensors),
        graph=merged_graph(*tensors),
        storage=Storage(device=tensors[0].storage.device if tensors else "cpu"),
        facts=merged_facts(tensors),
    )  # fmt: skip


def merged_graph(*tensors: Tensor) -> frozenset[int]:
    """The calls that backward would go through from any of the tensors."""
    return frozenset().union(*(x.graph for x in tensors))


def merged_facts(tensors: Sequence[Tensor]) -> Mapping[str, Any]:
    """What is known of several operands' results: what is known of the first that has it."""
    facts: dict[str, Any] = {}
    for x in reversed(tensors):
        facts |= x.facts
    return facts


def reduced(
    x: Tensor, dims: Sequence[int] | None, keepdim: bool = False, dtype: str | None = None
) -> Tensor:
    """x without (keepdim: with 1 in the place of) some axes; all where dims is None."""
    gone = set(range(x.rank)) if dims is None else {axis_index(d, x.rank) for d in dims}
    if keepdim:
        shape = tuple(1 if d in gone else n for d, n in enumerate(x.shape))
        axes = tuple((Part(1, "one"),) if d in gone else a for d, a in enumerate(x.axes))
    else:
        shape = tuple(n for d, n in enumerate(x.shape) if d not in gone)
        axes = tuple(a for d, a in enumerate(x.axes) if d not in gone)
    return x.like(shape=shape, axes=axes, dtype=dtype or x.dtype)


# ----------------------------------------------------------------------------------------- indexing


def sliced(x: Tensor, dim: int, key: slice) -> Tensor:
    """x[…, start:stop:step, …] along one axis; sizes keep their names."""
    size = x.shape[dim]
    start, stop, step = slice_bounds(key, size)
    length = slice_length(start, stop, step, size)
    values = None
    if x.known is not None:
        span = range(*slice(int(start), int(stop), int(step)).indices(int(size)))
        values = _picked(x, dim, list(span))
    axis = x.axes[dim] if length == size else resized(x.axes[dim], length)
    starts = x.facts.get("starts", {})
    if len(axis) == 1 and axis[0].origin is not None and step == 1:
        starts = {**starts, axis[0].origin: starts.get(axis[0].origin, 0) + start}
    return x.view_of(
        facts={**x.facts, "starts": starts},
        shape=(*x.shape[:dim], length, *x.shape[dim + 1 :]),
        axes=(*x.axes[:dim], axis, *x.axes[dim + 1 :]),
        strides=(*x.strides[:dim], x.strides[dim] * int(step), *x.strides[dim + 1 :]),
        values=values,
    )


def slice_bounds(key: slice, size: int) -> tuple[int, int, int]:
    """start, stop and step as positions in an axis of `size`."""
    step = 1 if key.step is None else key.step
    if step <= 0:
        raise value_error("step must be greater than zero")
    start = 0 if key.start is None else key.start
    stop = size if key.stop is None else key.stop
    start = largest(size + start, 0) if start < 0 else start
    stop = largest(size + stop, 0) if stop < 0 else stop
    return start, stop, step


def slice_length(start: int, stop: int, step: int, size: int) -> int:
    """How many positions a slice takes."""
    if start == 0:
        length = smallest(stop, size)
    else:
        end = stop if stop <= size else size
        start = start if start <= size else size
        length = largest(end - start, 0) if end - start <= 0 else end - start
    return length if step == 1 else (length + step - 1) // step


def selected(x: Tensor, dim: int, index: int) -> Tensor:
    """x[…, index, …] along one axis, which is gone."""
    size = x.shape[dim]
    if not (isinstance(size, Size) or -size <= index < size):
        raise index_error(f"index {index} is out of bounds for dimension {dim} with size {size}")
    values = _picked(x, dim, [int(index) % int(size)]) if x.known is not None else None
    return x.view_of(
        shape=x.shape[:dim] + x.shape[dim + 1 :], axes=x.axes[:dim] + x.axes[dim + 1 :],
        strides=x.strides[:dim] + x.strides[dim + 1 :], values=values,
    )  # fmt: skip


def _picked(x: Tensor, dim: int, places: Sequence[int]) -> tuple[Any, ...]:
    assert x.known is not None
    inner = int(product(x.shape[dim + 1 :]))
    outer = int(product(x.shape[:dim]))
    size = int(x.shape[dim])
    return tuple(
        x.known[(o * size + place) * inner + i]
        for o in range(outer) for place in places for i in range(inner)
    )  # fmt: skip


def unsqueezed(x: Tensor, dim: int) -> Tensor:
    """x with a new axis of 1 in front of axis `dim`."""
    stride = x.strides[dim] * int(x.shape[dim]) if dim < x.rank else 1
    return x.view_of(
        shape=(*x.shape[:dim], 1, *x.shape[dim:]),
        axes=(*x.axes[:dim], (Part(1, "one"),), *x.axes[dim:]),
        strides=(*x.strides[:dim], stride, *x.strides[dim:]),
        values=x.known,
    )


def squeezed(x: Tensor, dims: Sequence[int]) -> Tensor:
    """x without those of the axes `dims` that are 1."""
    keep = [d for d in range(x.rank) if d not in dims or x.shape[d] != 1]
    return x.view_of(
        shape=tuple(x.shape[d] for d in keep), axes=tuple(x.axes[d] for d in keep),
        strides=tuple(x.strides[d] for d in keep), values=x.known,
    )  # fmt: skip


def expanded(x: Tensor, shape: Sequence[int]) -> Tensor:
    """x.expand(shape), or torch's refusal."""
    given = list(shape)
    listed = "[" + ", ".join(str(n) for n in given) + "]"
    own = "[" + ", ".join(str(n) for n in x.shape) + "]"
    if len(given) < x.rank:
        kind = {"float32": "torch.FloatTensor", "int64": "torch.LongTensor"}.get(
            x.dtype, f"torch.{x.dtype}"
        )
        raise runtime_error(
            f"expand({kind}{{{own}}}, size={listed}): the number of sizes provided ({len(given)}) "
            f"must be greater or equal to the number of dimensions in the tensor ({x.rank})"
        )
    lead = len(given) - x.rank
    sizes: list[int] = []
    axes: list[Axis] = []
    strides: list[int] = []
    for i, n in reversed(list(enumerate(given))):  # torch begins at the last axis
        size = x.shape[i - lead] if i >= lead else 1
        if n == -1:
            if i < lead:
                raise runtime_error(
                    "The expanded size of the tensor (-1) isn't allowed in a leading, non-existing "
                    f"dimension {i}"
                )
            n = size
        if i >= lead and size == n:
            sizes.insert(0, size)
            axes.insert(0, x.axes[i - lead])
            strides.insert(0, x.strides[i - lead])
        elif i >= lead and size != 1:
            raise runtime_error(
                f"The expanded size of the tensor ({n}) must match the existing size ({size}) at "
                f"non-singleton dimension {i}.  Target sizes: {listed}.  Tensor sizes: {own}",
                sizes=[(n, size)],
            )
        else:
            sizes.insert(0, n)
            axes.insert(0, (Part(n, "unknown", Origin("")),) if n != 1 else (Part(1, "one"),))
            strides.insert(0, 0)
    return x.view_of(shape=tuple(sizes), axes=tuple(axes), strides=tuple(strides))


def mapped(values: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """`change` of every tensor in nested tuples and lists."""
    if isinstance(values, Tensor):
        return change(values)
    if isinstance(values, (tuple, list)):
        return type(values)(mapped(value, change) for value in values)
    return values
