"""Modules that are no recurrent layer: Linear, Embedding, normalisation, activations, dropout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..refusal import NotKnown, Refusal, runtime_error, type_error, value_error
from ..sizes import product
from ..tensor import Tensor, axis_index, category, expanded, features, new, permuted, with_size
from ..values import Unknown, parameter
from . import buffer, module, plain_module, row, tensor_argument, tensor_with, type_name, warn
from .creation import plain_dtype
from .forms import flatten, unflatten
from .native import alias, is_whole, listed, native, not_implemented, settled, tensor_kind
from .pointwise import activation, check_p, dropped, in_place_shape, result_in_place
from .products import matmul, matrices, rows_of
from .reductions import cosine_similarity, functional_softmax, pairwise_distance


class _Unsized(tuple[int, ...]):
    """The sizes of a parameter where one is not known."""

    def __getitem__(self, key: Any) -> Any:
        return self


def weight_sizes(*sizes: Any) -> tuple[int, ...]:
    """The sizes of a parameter, as torch.empty takes them."""
    if any(isinstance(n, Unknown) for n in sizes):
        return _Unsized()
    if isinstance(sizes[0], bool) or not is_whole(sizes[0]):
        raise type_error(
            "empty(): argument 'size' (position 1) must be tuple of ints, but "
            f"found element of type {type_name(sizes[0])} at pos 0", argument=sizes[0],
        )  # fmt: skip
    for place, size in enumerate(sizes[1:], 2):
        if not isinstance(size, bool) and not is_whole(size):
            raise type_error(
                f"empty(): argument 'size' failed to unpack the object at pos {place} with error "
                "\"type "
                f'must be tuple of ints,but got {type_name(size)}"', argument=size,
            )  # fmt: skip
    whole = [s.known[0] if isinstance(s, Tensor) and s.known else s for s in sizes]
    if any(isinstance(s, Tensor) for s in whole):
        raise NotKnown("a size that depends on a tensor's values")
    for size in whole:
        if size < 0:
            words = f"Trying to create tensor with negative dimension {size}: {listed(whole)}"
            raise runtime_error(words, wants={"size": size})
    return tuple(whole)


def dtype_of(dtype: Any) -> str:
    """The dtype of parameters."""
    return plain_dtype(dtype)


def made(sizes: tuple[int, ...], dtype: Any = None) -> Tensor:
    """A parameter; unknown where its size is."""
    if isinstance(sizes, _Unsized):
        return Unknown("a parameter of an unknown size")  # type: ignore[return-value]
    return parameter(sizes, dtype_of(dtype))


# ------------------------------------------------------------------------------------------- Linear


@native("linear(Tensor input, Tensor weight, Tensor? bias=None)", at="F")
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x·Wᵀ + b over the last axis."""
    x = input
    if not x.rank or not weight.rank:
        raise runtime_error(
            f"both arguments to linear need to be at least 1D, but they are {x.rank}D and "
            f"{weight.rank}D"
        )
    if weight.rank > 2:
        raise runtime_error(
            f"t() expects a tensor with <= 2 dimensions, but self is {weight.rank}D"
        )
    rows, turned = rows_of(x), permuted(weight, tuple(range(weight.rank))[::-1])
    wide = () if bias is None else [n for n in bias.shape if n != 1] or bias.shape
    if bias is not None and (x.rank == 2 or (x.contiguous and len(wide) == 1)):  # one addmm
        if bias.dtype != weight.dtype == x.dtype:
            raise runtime_error(
                f"self and mat2 must have the same dtype, but got {alias(bias.dtype)} and "
                f"{alias(weight.dtype)}", argument=bias, wants={"dtype": weight.dtype},
            )  # fmt: skip
        if x.dtype != weight.dtype:
            raise runtime_error(
                f"mat1 and mat2 must have the same dtype, but got {alias(x.dtype)} and "
                f"{alias(weight.dtype)}", argument=x, wants={"dtype": weight.dtype},
            )  # fmt: skip
        if weight.rank == 1:
            raise runtime_error("mat2 must be a matrix, got 1-D tensor")
        matrices(rows.like(facts=x.facts), turned, x)
        expanded(bias, (rows.shape[0], weight.shape[0]))
    else:
        out = matmul(x, turned)
        in_place_shape(out, bias)
        if weight.rank == 1:
            return out
    graph = x.graph | weight.graph | (bias.graph if bias is not None else frozenset())
    width = weight.shape[0]
    return with_size(x, x.rank - 1, width, features(width, "Linear"), graph=graph)


@module("torch.nn.Linear")
class Linear:
    """y = x·Wᵀ + b."""

    def __init__(
        self, in_features: Any, out_features: Any, bias: Any = True, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        self.in_features, self.out_features = in_features, out_features
        sizes = weight_sizes(out_features, in_features)
        self.weight = made(sizes, dtype)
        self.bias = made(sizes[:1], dtype) if bias else None
        if 0 in sizes:
            warn("Initializing zero-element tensors is a no-op")

    def forward(self, input: Any) -> Tensor:
        """(…, in) → (…, out)."""
        return linear_call(input, self.weight, self.bias)


def linear_call(input: Any, weight: Tensor, bias: Tensor | None) -> Tensor:
    """linear, of what may be no tensor."""
    return linear(tensor_argument(input, "linear", "input", 1), weight, bias)


@module("torch.nn.LazyLinear")
class LazyLinear:
    """A Linear whose width is that of its first input."""

    def __init__(
        self, out_features: Any, bias: Any = True, device: Any = None, dtype: Any = None
    ) -> None:
        self.in_features, self.out_features = 0, out_features
        self._with_bias, self._dtype = bias, dtype

    def forward(self, input: Any) -> Tensor:
        """(…, in) → (…, out)."""
        x = tensor_argument(input, "linear", "input", 1)
        self.in_features = x.shape[-1]
        self.weight = made((self.out_features, x.shape[-1]), self._dtype)
        self.bias = made((self.out_features,), self._dtype) if self._with_bias else None
        return linear(x, self.weight, self.bias)


@native("bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None)", at="F torch")
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    if input1.rank != input2.rank:
        raise runtime_error(
            f"bilinear(): input dimensions do not match: got {input1.rank} and {input2.rank}"
        )
    for d in range(input1.rank - 1):
        if input1.shape[d] != input2.shape[d]:
            raise runtime_error(
                f"bilinear(): input batch dimensions do not match at dim {d}: got "
                f"{input1.shape[d]} and "
                f"{input2.shape[d]}", sizes=[(input1.shape[d], input2.shape[d])],
            )  # fmt: skip
    for i, x in enumerate((input1, input2), 1):
        if x.shape[-1] != weight.shape[i]:
            raise runtime_error(
                f"bilinear(): input{i} size does not match weight size: got {x.shape[-1]} but "
                f"expected {weight.shape[i]}", sizes=[(x.shape[-1], weight.shape[i])],
            )  # fmt: skip
    out = weight.shape[0]
    return with_size(input1, input1.rank - 1, out, features(out, "Bilinear"))


@module("torch.nn.Bilinear")
class Bilinear:
    def __init__(
        self, in1_features: Any, in2_features: Any, out_features: Any, bias: Any = True,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        if in1_features <= 0:
            raise value_error(f"in1_features must be > 0, but got {in1_features}")
        self.in1_features, self.in2_features = in1_features, in2_features
        self.out_features = out_features
        self.weight = made(weight_sizes(out_features, in1_features, in2_features), dtype)
        self.bias = made(weight_sizes(out_features), dtype) if bias else None

    def forward(self, input1: Any, input2: Any) -> Tensor:
        """(…, in1), (…, in2) → (…, out)."""
        return bilinear(
            tensor_argument(input1, "bilinear", "input1", 1),
            tensor_argument(input2, "bilinear", "input2", 2), self.weight, self.bias,
        )  # fmt: skip


# ---------------------------------------------------------------------------------------- Embedding


@row("torch.nn.functional.embedding")
def embedding(
    input: Any, weight: Any, padding_idx: Any = None, max_norm: Any = None, norm_type: float = 2.0,
    scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Tensor:  # fmt: skip
    x = tensor_argument(input, "embedding", "indices", 2)
    table = tensor_argument(weight, "embedding", "weight", 1)
    if table.rank != 2:
        raise runtime_error("'weight' must be 2-D")
    if x.dtype not in ("int64", "int32"):
        kind = "CPUBoolType" if x.dtype == "bool" else tensor_kind(x)
        raise runtime_error(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
            f"Long, Int; but got {kind} instead (while checking arguments for embedding)",
            argument=x, wants={"dtype": "int64"},
        )  # fmt: skip
    if any(i < 0 or (settled(i, table.shape[0]) and i >= table.shape[0]) for i in x.known or ()):
        raise Refusal(
            "IndexError", "index out of range in self", argument=x, wants={"below": table.shape[0]}
        )
    width = table.shape[1]
    return Tensor(
        (*x.shape, width), table.dtype, (*x.axes, features(width, "Embedding")),
        graph=table.graph | x.graph, facts=x.facts,
    )  # fmt: skip


@module("torch.nn.Embedding")
class Embedding:
    def __init__(
        self, num_embeddings: Any, embedding_dim: Any, padding_idx: Any = None,
        max_norm: Any = None,
        norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
        _weight: Any = None, _freeze: bool = False, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        if isinstance(padding_idx, int) and settled(padding_idx, num_embeddings):
            if padding_idx > 0 and not padding_idx < num_embeddings:
                raise Refusal("AssertionError", "Padding_idx must be within num_embeddings")
            if padding_idx < 0:
                if padding_idx < -num_embeddings:
                    raise Refusal("AssertionError", "Padding_idx must be within num_embeddings")
                padding_idx = num_embeddings + padding_idx
        self.padding_idx = padding_idx
        if _weight is None:
            self.weight = made(weight_sizes(num_embeddings, embedding_dim), dtype)
        else:
            if tuple(_weight.shape) != (num_embeddings, embedding_dim):
                raise Refusal(
                    "AssertionError",
                    "Shape of weight does not match num_embeddings and embedding_dim",
                )
            self.weight = parameter(_weight.shape, _weight.dtype)
        self.weight.storage.requires_grad = not _freeze

    def forward(self, input: Any) -> Tensor:
        """(…) of whole numbers → (…, width)."""
        return embedding(input, self.weight)


@module("torch.nn.EmbeddingBag")
class EmbeddingBag:
    def __init__(
        self, num_embeddings: Any, embedding_dim: Any, max_norm: Any = None, norm_type: float = 2.0,
        scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False,
        _weight: Any = None, include_last_offset: bool = False, padding_idx: Any = None,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        self.num_embeddings, self.embedding_dim, self.mode = num_embeddings, embedding_dim, mode
        self.include_last_offset = include_last_offset
        self.weight = made(weight_sizes(num_embeddings, embedding_dim), dtype)

    def forward(self, input: Any, offsets: Any = None, per_sample_weights: Any = None) -> Tensor:
        """(B, N) → (B, width); (N) and offsets (B) → (B, width)."""
        tensor_with(input)
        if input.rank == 2:
            if offsets is not None:
                raise value_error(
                    "if input is 2D, then offsets has to be None, as input is treated is a "
                    "mini-batch of "
                    "fixed length sequences. However, found offsets of type <class 'torch.Tensor'>"
                )
            count, axis = input.shape[0], input.axes[:1]
        elif input.rank == 1:
            if offsets is None:
                raise value_error("offsets has to be a 1D Tensor but got None")
            if offsets.rank != 1:
                raise value_error("offsets has to be a 1D Tensor")
            count, axis = offsets.shape[0] - bool(self.include_last_offset), offsets.axes
        else:
            raise value_error(
                f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.rank}"
            )
        if input.dtype not in ("int64", "int32"):
            raise runtime_error(
                "Expected tensor for argument #1 'indices' to have one of the following scalar "
                f"types: Long, Int; but got {tensor_kind(input)} instead (while checking arguments "
                "for embedding_bag)", argument=input, wants={"dtype": "int64"},
            )  # fmt: skip
        width = self.embedding_dim
        return Tensor((count, width), self.weight.dtype, (*axis, features(width, "EmbeddingBag")))


# ------------------------------------------------------------------------------------ normalisation


def _normalized_shape(value: Any) -> tuple[int, ...]:
    if isinstance(value, int):
        return (value,)
    if isinstance(value, Unknown):
        raise NotKnown("an unknown shape")
    if isinstance(value, str):
        value = list(value)
    if not isinstance(value, tuple | list):
        raise type_error(f"'{type_name(value)}' object is not iterable", argument=value)
    return tuple(value)


@native(
    "layer_norm(Tensor input, ints normalized_shape, Tensor? weight=None, Tensor? bias=None, float "
    "eps=1e-05, bool cudnn_enable=True)", at="F torch",
)  # fmt: skip
def layer_norm(
    input: Tensor, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: Any = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:  # fmt: skip
    shape = tuple(normalized_shape)
    if not shape:
        raise runtime_error(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
            "element, but got normalized_shape = []"
        )
    for name, w in (("weight", weight), ("bias", bias)):
        if w is not None and w.shape != shape:
            raise runtime_error(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{listed(w.shape)} and normalized_shape = {listed(shape)}"
            )
    _one_dtype(input, weight)
    last_axes(input, shape, "[*, ")
    if category(input.dtype) < 2 and input.numel != 0:
        raise not_implemented("LayerNormKernelImpl", input.dtype, input)
    return input.like(strides=new(input.shape).strides)


def _one_dtype(x: Tensor, weight: Tensor | None) -> None:
    """A weight is of the input's dtype; of half precision it may be float32."""
    half = x.dtype in ("float16", "bfloat16")
    if weight is not None and weight.dtype not in (x.dtype, "float32" if half else ""):
        raise runtime_error("mixed dtype (CPU): all inputs must share same datatype.")


def last_axes(x: Tensor, shape: tuple[int, ...], star: str) -> None:
    """The last axes are `shape`."""
    if x.rank >= len(shape) and x.shape[x.rank - len(shape) :] == shape:
        return
    sizes = [(a, b) for a, b in zip(x.shape[::-1], shape[::-1]) if a != b]
    raise runtime_error(
        f"Given normalized_shape={listed(shape)}, expected input with shape {star}"
        f"{', '.join(str(n) for n in shape)}], but got input of size{listed(x.shape)}",
        sizes=sizes, argument=x,
    )  # fmt: skip


@module("torch.nn.LayerNorm")
class LayerNorm:
    def __init__(
        self, normalized_shape: Any, eps: float = 1e-5, elementwise_affine: bool = True,
        bias: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        shape = _normalized_shape(normalized_shape)
        self.normalized_shape, self.eps = shape, eps
        self.elementwise_affine = elementwise_affine
        self.weight = made(weight_sizes(*shape), dtype) if elementwise_affine else None
        self.bias = made(weight_sizes(*shape), dtype) if elementwise_affine and bias else None

    def forward(self, input: Any) -> Tensor:
        x = tensor_argument(input, "layer_norm", "input", 1)
        return layer_norm(x, self.normalized_shape, self.weight, self.bias)


@native(
    "rms_norm(Tensor input, ints normalized_shape, Tensor? weight=None, float? eps=None)",
    at="F torch",
)
def rms_norm(input: Tensor, normalized_shape: Any, weight: Any = None, eps: Any = None) -> Tensor:
    if input.rank < len(normalized_shape):
        raise value_error(
            f"Input tensor must have at least {len(normalized_shape)} dimensions, but got "
            f"{input.rank}"
        )
    last_axes(input, tuple(normalized_shape), "[*")
    return input.like()


@module("torch.nn.RMSNorm")
class RMSNorm:
    def __init__(
        self, normalized_shape: Any, eps: Any = None, elementwise_affine: bool = True,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        self.normalized_shape = _normalized_shape(normalized_shape)
        self.weight = (
            made(weight_sizes(*self.normalized_shape), dtype) if elementwise_affine else None
        )

    def forward(self, x: Any) -> Tensor:
        return rms_norm(
            tensor_argument(x, "rms_norm", "input", 1), self.normalized_shape, self.weight
        )


def _more_than_one(x: Tensor, word: str = "value per channel") -> None:
    rest = product(n for d, n in enumerate(x.shape) if d != 1)
    if rest == 1:
        raise value_error(
            f"Expected more than 1 {word} when training, got input size "
            f"torch.Size({listed(x.shape)})"
        )


def _running(x: Tensor, mean: Any, weight: Any) -> None:
    if x.rank < 2:
        raise runtime_error("Expected at least 2 dimensions")
    for name, w in (("running_mean", mean), ("weight", weight)):
        if w is not None and w.shape[0] != x.shape[1]:
            raise runtime_error(
                f"{name} should contain {x.shape[1]} elements not {w.shape[0]}",
                sizes=[(x.shape[1], w.shape[0])], argument=x,
            )  # fmt: skip
    if category(x.dtype) < 2 and x.numel != 0:
        raise not_implemented("batch_norm", x.dtype, x)
    if x.numel != 0:
        _one_dtype(x, mean if weight is None else weight)


@row("torch.nn.functional.batch_norm")
def batch_norm(
    input: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None,
    training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    x = tensor_argument(input, "batch_norm", "input", 1)
    if training:
        if x.rank < 2:
            raise Refusal("IndexError", "tuple index out of range")
        _more_than_one(x)
    if 0 in x.shape:
        raise NotKnown("a normalisation of nothing")
    _running(x, running_mean, weight)
    return x.like(strides=new(x.shape).strides)


def _need_rank(x: Tensor, ranks: tuple[int, ...]) -> None:
    if x.rank not in ranks:
        words = " or ".join(f"{n}D" for n in ranks)
        raise value_error(
            f"expected {words} input (got {x.rank}D input)", argument=x, wants={"rank": ranks}
        )


def _batch_norm(
    self: Any, num_features: Any, eps: float = 1e-5, momentum: Any = 0.1, affine: bool = True,
    track_running_stats: bool = True, device: Any = None, dtype: Any = None,
) -> Any:  # fmt: skip
    """What BatchNorm1d, 2d and 3d keep."""
    sizes = weight_sizes(num_features)
    self.weight = made(sizes, dtype) if affine else None
    self.bias = made(sizes, dtype) if affine else None
    if track_running_stats:
        buffer(self, "running_mean", new(sizes, dtype_of(dtype)))
        buffer(self, "running_var", new(sizes, dtype_of(dtype)))
        buffer(self, "num_batches_tracked", new((), "int64"))
    return {"num_features": num_features, "eps": eps, "momentum": momentum, "affine": affine,
            "track_running_stats": track_running_stats}  # fmt: skip


def _instance_norm(
    self: Any, num_features: Any, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
    track_running_stats: bool = False, device: Any = None, dtype: Any = None,
) -> Any:  # fmt: skip
    """What InstanceNorm1d, 2d and 3d keep."""
    return _batch_norm(
        self, num_features, eps, momentum, affine, track_running_stats, device, dtype
    )


for _name, _ranks in (("BatchNorm1d", (2, 3)), ("BatchNorm2d", (4,)), ("BatchNorm3d", (5,))):

    def over_batch(self: Any, input: Any, _ranks: tuple[int, ...] = _ranks) -> Tensor:
        _need_rank(tensor_with(input), _ranks)
        training = self.training or not self.track_running_stats
        mean = self.running_mean if self.track_running_stats else None
        return batch_norm(input, mean, mean, self.weight, self.bias, training)

    plain_module(_name, _batch_norm, over_batch, "_BatchNorm", "_BatchNorm")

for _name, _ranks in {"InstanceNorm1d": (2, 3), "InstanceNorm2d": (3, 4),
                      "InstanceNorm3d": (4, 5)}.items():  # fmt: skip

    def over_instance(self: Any, input: Any, _ranks: tuple[int, ...] = _ranks) -> Tensor:
        _need_rank(tensor_with(input), _ranks)
        return _normalised_alone(self, input, input.rank - _ranks[0])

    plain_module(_name, _instance_norm, over_instance, "_InstanceNorm", "_InstanceNorm")


def _normalised_alone(layer: Any, x: Tensor, at: int) -> Tensor:
    if x.shape[at] != layer.num_features:
        if layer.affine:
            raise value_error(
                f"expected input's size at dim={at} to match num_features ({layer.num_features}), "
                f"but got: {x.shape[at]}.", sizes=[(x.shape[at], layer.num_features)],
            )  # fmt: skip
        warn(
            f"input's size at dim={at} does not match num_features. You can silence this warning "
            "by not passing in num_features, which is not used because affine=False"
        )
    whole = x if at else new((1, *x.shape), x.dtype)
    if (layer.training or not layer.track_running_stats) and product(whole.shape[2:]) == 1:
        raise value_error(
            "Expected more than 1 spatial element when training, got input size "
            f"torch.Size({listed(whole.shape)})"
        )
    if category(x.dtype) < 2 and x.numel != 0:
        raise not_implemented("batch_norm", x.dtype, x)
    _one_dtype(x, layer.weight)
    return x.like(strides=new(x.shape).strides)


@row("torch.nn.functional.instance_norm")
def instance_norm(input: Tensor, *_: Any, **__: Any) -> Tensor:
    return input.like()


@row("torch.nn.functional.group_norm")
def group_norm(
    input: Any, num_groups: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Tensor:
    x = tensor_argument(input, "group_norm", "input", 1)
    if x.rank < 2:
        raise runtime_error(
            f"Expected at least 2 dimensions for input tensor but received {x.rank}"
        )
    rest = (
        x.shape[0] * x.shape[1] // num_groups * product(x.shape[2:])
        if x.rank > 2
        else x.shape[0] * x.shape[1] // num_groups
    )
    if rest == 1:
        sizes = [x.shape[0] * x.shape[1] // num_groups, num_groups, *x.shape[2:]]
        raise value_error(
            f"Expected more than 1 value per channel when training, got input size {sizes}"
        )
    if x.shape[1] % num_groups:
        raise runtime_error(
            "Expected number of channels in input to be divisible by num_groups, but got input of "
            f"shape {listed(x.shape)} and num_groups={num_groups}"
        )
    if weight is not None and weight.shape[0] != x.shape[1]:
        raise runtime_error(
            "Expected weight to be a vector of size equal to the number of channels in input, "
            f"but got weight of shape {listed(weight.shape)} and input of shape {listed(x.shape)}",
            sizes=[(x.shape[1], weight.shape[0])],
        )  # fmt: skip
    _one_dtype(x, weight)
    return x.like()


@module("torch.nn.GroupNorm")
class GroupNorm:
    def __init__(
        self, num_groups: Any, num_channels: Any, eps: float = 1e-5, affine: bool = True,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        if settled(num_channels, num_groups) and num_channels % num_groups:
            raise value_error(
                f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})"
            )
        self.num_groups, self.num_channels = num_groups, num_channels
        self.weight = made(weight_sizes(num_channels), dtype) if affine else None
        self.bias = made(weight_sizes(num_channels), dtype) if affine else None

    def forward(self, input: Any) -> Tensor:
        return group_norm(input, self.num_groups, self.weight, self.bias)


# -------------------------------------------------------------------------- activations and dropout


_ACTIVATIONS: dict[str, Callable[..., Any]] = {
    **{name: lambda self: locals()
       for name in ("Tanh", "Sigmoid", "LogSigmoid", "Softsign", "Tanhshrink")},
    **{name: lambda self, inplace=False: locals()
       for name in ("ReLU", "SELU", "SiLU", "Mish", "ReLU6", "Hardswish", "Hardsigmoid")},
    **{name: lambda self, alpha=1.0, inplace=False: locals() for name in ("ELU", "CELU")},
    **{name: lambda self, lambd=0.5: locals() for name in ("Softshrink", "Hardshrink")},
    "GELU": lambda self, approximate="none": locals(),
    "LeakyReLU": lambda self, negative_slope=0.01, inplace=False: locals(),
    "Softplus": lambda self, beta=1.0, threshold=20.0: locals(),
    "Hardtanh": lambda self, min_val=-1.0, max_val=1.0, inplace=False, min_value=None,
    max_value=None: locals(),
    "RReLU": lambda self, lower=1 / 8, upper=1 / 3, inplace=False: locals(),
    "Threshold": lambda self, threshold, value, inplace=False: locals(),
}  # fmt: skip


def _activation(name: str) -> Callable[..., Any]:
    known = {"LeakyReLU": "leaky_relu", "RReLU": "rrelu_training", "ReLU6": "relu6_module"}
    function = known.get(name, name.lower())

    def forward(self: Any, input: Any) -> Any:
        if name in ("Tanh", "Sigmoid"):
            tensor_argument(input, function, "input", 1)
        return result_in_place(input, activation(function, input), self._attributes.get("inplace"))

    return forward


for _name, _init in _ACTIVATIONS.items():  # torch's ReLU6 has the forward of its base
    _of = {"ReLU6": "Hardtanh"}.get(_name, "")
    plain_module(_name, _init, _activation(_name), forward_of=_of)


def _dropout(function: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def init(self: Any, p: Any = 0.5, inplace: bool = False) -> Any:
        check_p(p)
        return {"p": p, "inplace": inplace}

    return init, lambda self, input: result_in_place(
        input, dropped(function, input, self.p, self.training), self.inplace
    )


for _name, _function in {
    "Dropout": "dropout", "Dropout1d": "dropout1d", "Dropout2d": "dropout2d",
    "Dropout3d": "dropout3d", "AlphaDropout": "alpha_dropout",
    "FeatureAlphaDropout": "feature_alpha_dropout",
}.items():  # fmt: skip
    plain_module(_name, *_dropout(_function))


def _softmax(function: str) -> Callable[..., Any]:
    return lambda self, input: functional_softmax(function, input, self.dim)


for _name in ("softmax", "log_softmax", "softmin"):
    _title = _name.title().replace("_S", "S")
    plain_module(_title, lambda self, dim=None: locals(), _softmax(_name))


def _softmax_of_channels(self: Any, input: Any) -> Tensor:
    if tensor_with(input).rank not in (3, 4):
        raise value_error(f"Softmax2d: expected input to be 3D or 4D, got {input.rank}D instead")
    return functional_softmax("softmax", input, -3)


plain_module("Softmax2d", lambda self: None, _softmax_of_channels)


@module("torch.nn.PReLU")
class PReLU:
    """relu with a slope that is learnt."""

    def __init__(
        self, num_parameters: Any = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        self.num_parameters = num_parameters
        self.weight = made(weight_sizes(num_parameters), dtype)

    def forward(self, input: Any) -> Tensor:
        return prelu(tensor_argument(input, "prelu", "input", 1), self.weight)


@native("prelu(Tensor input, Tensor weight)", at="F torch")
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    count = weight.numel
    if count != 1:
        if not input.rank:
            raise runtime_error("Not allow zero-dim input tensor.")
        channels = input.shape[1] if input.rank > 1 else 1
        if channels != count:
            raise runtime_error(
                "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                f"{count} and channel size = {channels}.", sizes=[(channels, count)],
            )  # fmt: skip
    return input.like()


@native("glu(Tensor input, int dim=-1)", at="F")
def glu(input: Tensor, dim: Any = -1) -> Tensor:
    if not input.rank:
        raise runtime_error("glu does not support 0-dimensional tensors")
    at = axis_index(dim, input.rank)
    if settled(input.shape[at]) and input.shape[at] % 2:
        raise runtime_error(
            f"Halving dimension must be even, but dimension {at} is size {input.shape[at]}"
        )
    half = input.shape[at] // 2
    return with_size(input, at, half)


plain_module(
    "GLU", lambda self, dim=-1: locals(),
    lambda self, input: glu(tensor_argument(input, "glu", "input", 1), self.dim),
)  # fmt: skip
plain_module("Identity", lambda self, *args, **kwargs: None, lambda self, input: input)
plain_module(
    "Flatten", lambda self, start_dim=1, end_dim=-1: locals(),
    lambda self, input: flatten(tensor_with(input, "flatten"), self.start_dim, self.end_dim),
)  # fmt: skip
plain_module(
    "Unflatten", lambda self, dim, unflattened_size: locals(),
    lambda self, input: unflatten(tensor_with(input, "unflatten"), self.dim, self.unflattened_size),
)  # fmt: skip
plain_module(
    "CosineSimilarity", lambda self, dim=1, eps=1e-8: locals(),
    lambda self, x1, x2: cosine_similarity(x1, x2, self.dim),
)  # fmt: skip
plain_module(
    "PairwiseDistance", lambda self, p=2.0, eps=1e-6, keepdim=False: locals(),
    lambda self, x1, x2: pairwise_distance(x1, x2, keepdim=self.keepdim),
)  # fmt: skip
