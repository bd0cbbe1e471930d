"""Convolutions, pools, padding and interpolation: (N, C, …) with one, two or three axes behind.

Source: torch/nn/modules/conv.py, aten/src/ATen/native/Convolution.cpp and Pool.h.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..refusal import NotKnown, Refusal, index_error, runtime_error, type_error, value_error
from ..tensor import Axis, Tensor, category, features, new, resized
from ..values import Unknown
from . import plain_module, row, tensor_argument, type_name, warn
from .layers import made, weight_sizes
from .native import alias, bound_arguments, c_name, listed, not_implemented, parsed, settled, times

_WORDS = {1: ("2D", "3D"), 2: ("3D", "4D"), 3: ("4D", "5D")}


def several(value: Any, count: int) -> tuple[Any, ...]:
    """A number for every axis, or the numbers given."""
    if isinstance(value, Unknown):
        raise NotKnown("an unknown size")
    if isinstance(value, tuple | list):
        return tuple(value) if len(value) != 1 else tuple(value) * count
    return (value,) * count


def spatial(
    x: Tensor, sizes: Sequence[int], channels: Axis | None = None, count: int | None = None
) -> Tensor:
    """x with its last axes of other sizes, and other channels in front of them."""
    d = len(sizes)
    lead = x.rank - d
    shape, axes = list(x.shape[:lead]), list(x.axes[:lead])
    if channels is not None and count is not None:
        shape[-1], axes[-1] = count, channels
    last = [resized(a, n) if n != m else a for a, n, m in zip(x.axes[lead:], sizes, x.shape[lead:])]
    return x.like(shape=(*shape, *sizes), axes=(*axes, *last))


def windows(size: int, kernel: int, stride: int, padding: int, dilation: int = 1) -> int:
    """How many windows fit: ⌊(size + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


# -------------------------------------------------------------------------------------- convolution


def _conv_signatures(d: int) -> tuple[Any, ...]:
    start = f"conv{d}d(Tensor input, Tensor weight, Tensor? bias=None, ints1 stride=1"
    rest = "ints1 dilation=1, int groups=1)"
    return (
        parsed(f"{start}, ints1 padding=0, {rest}"),
        parsed(f'{start}, str padding="valid", {rest}'),
    )


_CONV = {d: _conv_signatures(d) for d in (1, 2, 3)}


def convolved(
    d: int,
    input: Any,
    weight: Tensor,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
) -> Tensor:
    """conv1d, conv2d, conv3d."""
    if not isinstance(input, Tensor):
        given = (input, weight, bias, several(stride, d), padding, several(dilation, d), groups)
        bound_arguments(f"conv{d}d", _CONV[d], given, {}, exact=True)
    x: Tensor = input
    if bias is not None and not isinstance(padding, str):
        _conv_types(x, weight, bias)
    _input_rank(x, d, f"conv{d}d")
    strides, dilations, kernel = several(stride, d), several(dilation, d), weight.shape[2:]
    whole = x if x.rank == d + 2 else new((1, *x.shape), x.dtype)
    if isinstance(padding, str):
        if padding == "same":
            lost = [k * (n - 1) for k, n in zip(dilations, kernel)]
            if any(n % 2 for n in lost):
                warn(
                    "Using padding='same' with even kernel lengths and odd dilation may require a "
                    "zero-padded copy of the input be created"
                )
            even = [n + m % 2 for n, m in zip(whole.shape[2:], lost)]
            _channels(new((*whole.shape[:2], *even)), weight, groups)
            _conv_types(x, weight, None)
            return spatial(x, x.shape[-d:], features(weight.shape[0], "Conv"), weight.shape[0])
        paddings = (0,) * d
    else:
        paddings = several(padding, d)
    _channels(whole, weight, groups)
    if bias is not None and bias.shape != (weight.shape[0],):
        raise runtime_error(
            f"Given weight of size {listed(weight.shape)}, expected bias to be 1-dimensional with "
            f"{weight.shape[0]} elements, but got bias of size {listed(bias.shape)} instead"
        )
    padded = [n + 2 * p for n, p in zip(x.shape[-d:], paddings)]
    wide = [k * (n - 1) + 1 for k, n in zip(dilations, kernel)]
    if any(n < k and settled(n, k) for n, k in zip(padded, wide)):
        raise runtime_error(
            f"Calculated padded input size per channel: ({_times(padded)}). Kernel size: "
            f"({_times(wide)}). Kernel size can't be greater than actual input size",
            sizes=[(n, k) for n, k in zip(padded, wide) if n < k], argument=x,
        )  # fmt: skip
    _conv_types(x, weight, bias if not isinstance(padding, str) else None, max(dilations) > 1)
    sizes = [
        windows(n, k, s, p, e)
        for n, k, s, p, e in zip(x.shape[-d:], kernel, strides, paddings, dilations)
    ]
    return spatial(x, sizes, features(weight.shape[0], "Conv"), weight.shape[0])


def _input_rank(x: Tensor, d: int, name: str) -> None:
    if x.rank not in (d + 1, d + 2):
        one, more = _WORDS[d]
        raise runtime_error(
            f"Expected {one} (unbatched) or {more} (batched) input to {name}, but got input of "
            f"size: {listed(x.shape)}", argument=x, wants={"rank": (d + 1, d + 2)},
        )  # fmt: skip


def _times(sizes: Sequence[int]) -> str:
    return " x ".join(str(n) for n in sizes)


def _channels(x: Tensor, weight: Tensor, groups: int) -> None:
    wanted = weight.shape[1] * groups
    if x.shape[1] != wanted:
        raise runtime_error(
            f"Given groups={groups}, weight of size {listed(weight.shape)}, expected "
            f"input{listed(x.shape)} to have {wanted} channels, but got {x.shape[1]} channels "
            "instead",
            sizes=[(x.shape[1], wanted)], argument=x,
        )  # fmt: skip


def _conv_types(x: Tensor, weight: Tensor, bias: Any, dilated: bool = False) -> None:
    if x.dtype == weight.dtype:
        return
    if dilated and bias is None and category(x.dtype) < 2 and x.dtype != "int64":
        raise not_implemented("slow_conv_dilated<>", x.dtype, x)
    if bias is None and x.dtype == "bool":
        raise NotKnown("a convolution of bool")
    if bias is not None:
        raise runtime_error(
            f"Input type ({c_name(x.dtype)}) and bias type ({c_name(bias.dtype)}) should be the "
            "same",
            argument=x, wants={"dtype": weight.dtype},
        )  # fmt: skip
    raise runtime_error(
        f"expected scalar type {alias(x.dtype)} but found {alias(weight.dtype)}", argument=x,
        wants={"dtype": weight.dtype},
    )  # fmt: skip


def _function(d: int) -> Callable[..., Tensor]:
    def rule(
        input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: Any = 1,
    ) -> Tensor:  # fmt: skip
        if isinstance(input, Tensor) and isinstance(weight, Tensor) and weight.rank != d + 2:
            raise NotKnown("a kernel of another rank")
        return convolved(d, input, weight, bias, stride, padding, dilation, groups)

    return rule


def _conv_checks(in_channels: Any, out_channels: Any, groups: Any, padding_mode: Any) -> None:
    if not settled(in_channels, out_channels, groups):
        return
    if groups <= 0:
        raise value_error("groups must be a positive integer")
    if in_channels % groups:
        raise value_error("in_channels must be divisible by groups")
    if out_channels % groups:
        raise value_error("out_channels must be divisible by groups")
    if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
        raise NotKnown(f"the padding mode {padding_mode}")


def _conv_rules(d: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def init(
        self: Any, in_channels: Any, out_channels: Any, kernel_size: Any, stride: Any = 1,
        padding: Any = 0, dilation: Any = 1, groups: Any = 1, bias: Any = True,
        padding_mode: Any = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        _conv_checks(in_channels, out_channels, groups, padding_mode)
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise NotKnown(f"the padding {padding}")
            if padding == "same" and any(s != 1 for s in several(stride, d)):
                raise value_error("padding='same' is not supported for strided convolutions")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride = several(kernel_size, d), several(stride, d)
        self.padding = padding if isinstance(padding, str) else several(padding, d)
        self.dilation, self.padding_mode = several(dilation, d), padding_mode
        inner = in_channels // groups if not isinstance(in_channels, float) else in_channels
        self.weight = made(weight_sizes(out_channels, inner, *self.kernel_size), dtype)
        self.bias = made(weight_sizes(out_channels), dtype) if bias else None

    def forward(self: Any, input: Any) -> Tensor:
        x, padding = input, self.padding
        if self.padding_mode != "zeros" and isinstance(x, Tensor):
            if padding == "same":
                raise NotKnown("padding='same' that is not of zeros")
            amounts = [0] * (2 * d)
            if not isinstance(padding, str):
                amounts = [p for p in reversed(padding) for _ in range(2)]
            x, padding = padded(x, amounts, self.padding_mode), 0
        return convolved(
            d, x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )

    return init, forward


def _transposed_rules(d: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def init(
        self: Any, in_channels: Any, out_channels: Any, kernel_size: Any, stride: Any = 1,
        padding: Any = 0, output_padding: Any = 0, groups: Any = 1, bias: Any = True,
        dilation: Any = 1, padding_mode: Any = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        _conv_checks(in_channels, out_channels, groups, padding_mode)
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride = several(kernel_size, d), several(stride, d)
        self.padding, self.dilation = several(padding, d), several(dilation, d)
        self.output_padding = several(output_padding, d)
        self.weight = made(
            weight_sizes(in_channels, out_channels // groups, *self.kernel_size), dtype
        )
        self.bias = made(weight_sizes(out_channels), dtype) if bias else None

    def forward(self: Any, input: Any, output_size: Any = None) -> Tensor:
        if output_size is not None:
            raise NotKnown("an output size of a transposed convolution")
        x = tensor_argument(input, f"conv_transpose{d}d", "input", 1)
        return _transposed(self, x, d)

    return init, forward


def _transposed(layer: Any, x: Tensor, d: int) -> Tensor:
    _input_rank(x, d, f"conv_transpose{d}d")
    whole = x if x.rank == d + 2 else new((1, *x.shape), x.dtype)
    if whole.shape[1] != layer.weight.shape[0]:
        raise runtime_error(
            f"Given transposed=1, weight of size {listed(layer.weight.shape)}, expected "
            f"input{listed(whole.shape)} to have {layer.weight.shape[0]} channels, but got "
            f"{whole.shape[1]} channels instead", sizes=[(whole.shape[1], layer.weight.shape[0])],
        )  # fmt: skip
    if any(
        o >= s and o >= e for o, s, e in zip(layer.output_padding, layer.stride, layer.dilation)
    ):
        raise runtime_error(_output_padding(layer, d))
    _conv_types(x, layer.weight, layer.bias)
    sizes = [
        (n - 1) * s - 2 * p + e * (k - 1) + o + 1
        for n, s, p, e, k, o in zip(
            x.shape[-d:], layer.stride, layer.padding, layer.dilation, layer.kernel_size,
            layer.output_padding,
        )
    ]  # fmt: skip
    if any(n <= 0 and settled(n) for n in (*sizes, *x.shape[-d:])):
        raise NotKnown("a transposed convolution of nothing")  # by the kernel that is chosen
    return spatial(x, sizes, features(layer.out_channels, "ConvTranspose"), layer.out_channels)


def _output_padding(layer: Any, d: int) -> str:
    names = ("depth", "height", "width")[-max(d, 2) :]
    text = []
    for what in ("output_padding", "stride", "dilation"):
        values = getattr(layer, what)
        values = (0 if what == "output_padding" else 1, *values) if d == 1 else values
        text += [f"{what}_{name}: {v}" for name, v in zip(names, values)]
    return "output padding must be smaller than either stride or dilation, but got " + " ".join(
        text
    )


for _d in (1, 2, 3):
    row(f"torch.nn.functional.conv{_d}d", f"torch.conv{_d}d")(_function(_d))
    plain_module(f"Conv{_d}d", *_conv_rules(_d))
    plain_module(f"ConvTranspose{_d}d", *_transposed_rules(_d))


# -------------------------------------------------------------------------------------------- pools


def pooled(
    name: str, d: int, input: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any,
    ceil_mode: bool,
) -> Tensor:  # fmt: skip
    """max_pool1d … avg_pool3d."""
    x = tensor_argument(input, name, "input", 1)
    kernel, paddings, dilations = several(kernel_size, d), several(padding, d), several(dilation, d)
    strides = several(stride, d) if stride is not None and stride != [] else kernel
    if any(len(v) != d for v in (kernel, paddings, strides)):
        raise NotKnown("a pool of another number of axes")
    for k, p in zip(kernel, paddings):
        if name == "avg_pool2d" and p * 2 > k and x.rank > 2:
            raise runtime_error(
                f"pad should be at most half of effective kernel size, but got pad={p}, "
                f"kernel_size={k} and dilation=1"
            )
    _pool_rank(name, d, x)
    grad = bool(x.graph) or x.storage.requires_grad
    plain = name == "max_pool1d" and not grad
    for k, p, e in zip(kernel, paddings, dilations):
        if plain and p > k // 2:
            raise runtime_error(
                "max_pool1d() padding should be at most half of kernel size, but got "
                f"padding={p} and kernel_size={k}"
            )
        if p * 2 > (k - 1) * e + 1 and not plain:
            raise runtime_error(
                f"pad should be at most half of effective kernel size, but got pad={p}, "
                f"kernel_size={k} and dilation={e}"
            )
    sizes = [
        _pool_size(*values, ceil_mode)
        for values in zip(x.shape[-d:], kernel, strides, paddings, dilations)
    ]
    if any(n < 1 and settled(n) for n in sizes) or (
        settled(*x.shape)
        and name == "avg_pool3d"
        and any(n < k for n, k in zip(x.shape[-3:], kernel))
    ):
        if plain:
            raise runtime_error(f"max_pool1d() Invalid computed output size: {sizes[0]}")
        if name == "avg_pool3d":
            text = " ".join(f"{a}: {n}" for a, n in zip("THW", x.shape[-3:]))
            small = " ".join(f"k{a}: {n}" for a, n in zip("THW", kernel))
            raise runtime_error(f"input image ({text}) smaller than kernel size ({small})")
        one = (1,) if d == 1 else ()
        before = (x.shape[-d - 1], *one, *x.shape[-d:])
        after = (x.shape[-d - 1], *one, *sizes)
        raise runtime_error(
            f"Given input size: ({times(before)}). Calculated output size: "
            f"({times(after)}). Output size is too small", argument=x,
        )  # fmt: skip
    if plain and category(x.dtype) < 2:
        raise not_implemented("max_pool1d_impl", x.dtype, x)
    half = name == "avg_pool3d" and x.dtype == "float16"
    if x.dtype == "bool" or half or (name.startswith("avg") and category(x.dtype) < 2):
        kernel_name = {"max_pool2d": "max_pool2d", "max_pool3d": "max_pool3d"}.get(name)
        if kernel_name is None and x.dtype in ("int64", "uint8"):
            return spatial(x, sizes)
        if kernel_name is None:
            kernel_name = "avg_pool3d_out_frame" if d == 3 else "avg_pool2d"
        raise not_implemented(kernel_name, x.dtype, x)
    return spatial(x, sizes)


def _pool_size(n: int, k: int, s: int, p: int, e: int, ceil_mode: bool) -> int:
    if not ceil_mode:
        return windows(n, k, s, p, e)
    size = (n + 2 * p - e * (k - 1) - 1 + s - 1) // s + 1
    return size - 1 if (size - 1) * s >= n + p else size


def _pool_rank(name: str, d: int, x: Tensor) -> None:
    words = " or ".join(_WORDS[d])
    right = x.rank in (d + 1, d + 2)
    filled = all(n != 0 for n in x.shape[-d - 1 :])
    if right and filled:
        return
    if name == "max_pool1d" or (name == "avg_pool2d" and x.rank > d + 2):
        start = "max_pool1d: " if name == "max_pool1d" else ""
        raise runtime_error(
            f"{start}Expected {words} (batch mode) tensor with optional 0 dim batch size for "
            f"input, but got:{listed(x.shape)}", argument=x, wants={"rank": (d + 1, d + 2)},
        )  # fmt: skip
    if right:
        raise NotKnown("a pool of nothing")
    if name == "avg_pool1d":
        raise runtime_error(
            f"Expected 2 to 3 dimensions, but got {x.rank}-dimensional tensor for argument #1 "
            "'self' (while checking arguments for avg_pool1d)"
        )
    if name == "avg_pool2d":
        span = max(x.rank, 1)
        raise index_error(
            f"Dimension out of range (expected to be in range of [-{span}, {span - 1}], but got -3)"
        )
    raise runtime_error(
        f"non-empty {words} (batch mode) tensor expected for input", argument=x,
        wants={"rank": (d + 1, d + 2)},
    )  # fmt: skip


def _stride(options: dict[str, Any]) -> dict[str, Any]:
    """What a pool keeps: windows side by side where no stride is given."""
    if options["stride"] is None:
        options["stride"] = options["kernel_size"]
    return options


def _max_pool(d: int) -> None:
    name = f"max_pool{d}d"

    def rule(
        input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ) -> Any:  # fmt: skip
        if return_indices and d == 1:
            raise NotKnown("positions of a pool")
        out = pooled(name, d, input, kernel_size, stride, padding, dilation, ceil_mode)
        return (out, out.like(dtype="int64")) if return_indices else out

    row(f"torch.nn.functional.{name}", f"torch.{name}")(rule)
    plain_module(
        f"MaxPool{d}d",
        lambda self, kernel_size, stride=None, padding=0, dilation=1, return_indices=False,
        ceil_mode=False: _stride(locals()),
        lambda self, input: rule(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode,
            self.return_indices,
        ), "_MaxPoolNd",
    )  # fmt: skip


def _avg_pool(d: int) -> None:
    name = f"avg_pool{d}d"

    def rule(
        input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: Any = None,
    ) -> Tensor:  # fmt: skip
        return pooled(name, d, input, kernel_size, stride, padding, 1, ceil_mode)

    row(f"torch.nn.functional.{name}", *([f"torch.{name}"] if d == 1 else []))(rule)
    plain_module(
        f"AvgPool{d}d",
        lambda self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
        divisor_override=None: _stride(locals()),
        lambda self, input: rule(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode
        ),
    )  # fmt: skip


def _adaptive(kind: str, d: int) -> None:
    name = f"adaptive_{kind}_pool{d}d"

    def rule(input: Any, output_size: Any, return_indices: bool = False) -> Any:
        x = tensor_argument(input, name, "input", 1)
        out = adapted(name, kind, d, x, output_size)
        return (out, out.like(dtype="int64")) if return_indices else out

    row(f"torch.nn.functional.{name}", *([f"torch.{name}"] if d == 1 else []))(rule)
    title = f"Adaptive{kind.title()}Pool"
    plain_module(
        f"{title}{d}d", lambda self, output_size, return_indices=False: locals(),
        lambda self, input: rule(input, self.output_size, self.return_indices), f"_{title}Nd",
    )  # fmt: skip


def adapted(name: str, kind: str, d: int, x: Tensor, output_size: Any) -> Tensor:
    """A pool whose result has a given size."""
    target = output_size if isinstance(output_size, tuple | list) else (output_size,) * d
    if (d == 1 and target[:1] == (None,)) or target[:1] == [None]:
        raise type_error(
            f"{name}(): argument 'output_size' (position 2) must be tuple of ints, but found "
            "element of type NoneType at pos 0"
        )
    if d > 1 and isinstance(output_size, tuple | list) and x.rank <= len(target):
        raise value_error(f"Input dimension should be at least {len(target) + 1}")
    if d == 1 and x.rank not in (2, 3):
        raise runtime_error(
            f"Expected 2 to 3 dimensions, but got {x.rank}-dimensional tensor for argument #1 "
            f"'self' (while checking arguments for {name})"
        )
    if d == 1 and len(target) != 1:
        raise runtime_error(
            f"{name}() argument 'output_size' should contain one int (got {len(target)})"
        )
    if kind == "avg" and d > 1 and x.rank >= d and all(n == 1 for n in target) and len(target) == d:
        return spatial(x, [1] * d)  # a mean
    if kind == "avg" and len(target) != d:
        raise runtime_error(f"{name}: output_size must be {d}")
    if x.rank not in (d + 1, d + 2):
        colon = ":" if kind == "max" else ""
        raise runtime_error(
            f"{name}(): Expected {_WORDS[d][0]} or {_WORDS[d][1]} tensor, but got{colon} "
            f"{listed(x.shape)}",
            argument=x, wants={"rank": (d + 1, d + 2)},
        )  # fmt: skip
    if len(target) != d:
        raise runtime_error(f"{name}(): internal error: output_size.size() must be {d}")
    sizes = [m if n is None else n for n, m in zip(target, x.shape[-d:])]
    return spatial(x, sizes)


for _d in (1, 2, 3):
    _max_pool(_d)
    _avg_pool(_d)
    _adaptive("max", _d)
    _adaptive("avg", _d)


# ------------------------------------------------------------------------ padding and interpolation


def padded(x: Tensor, pad: Sequence[int], mode: str = "constant") -> Tensor:
    """F.pad: amounts from the last axis on, before and behind."""
    if len(pad) % 2:
        raise runtime_error("Padding length must be divisible by 2")
    if len(pad) > 2 * x.rank:
        raise runtime_error(
            "Padding length should be less than or equal to two times the input dimension but got "
            f"padding length {len(pad)} and input of dimension {x.rank}"
        )
    if mode == "constant":
        pass
    elif 0 in x.shape or x.dtype == "bool":
        raise NotKnown("such a padding of nothing, or of bool")
    elif mode not in ("reflect", "replicate", "circular"):
        raise Refusal("NotImplementedError", f"Unrecognised padding mode {mode}")
    elif (len(pad), x.rank) not in ((2, 2), (2, 3), (4, 3), (4, 4), (6, 4), (6, 5)):
        raise Refusal(
            "NotImplementedError",
            f"Padding size {len(pad)} is not supported for {x.rank}D input tensor.\nSupported "
            "combinations for non-constant padding:\n  - 2D or 3D input: padding size = 2 (pads "
            "last dimension)\n  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n  - "
            "4D or 5D input: padding size = 6 (pads last 3 dimensions)",
        )
    sizes = list(x.shape)
    for i in range(len(pad) // 2):
        d = x.rank - 1 - i
        before, behind = pad[2 * i], pad[2 * i + 1]
        if mode == "reflect" and (before >= sizes[d] or behind >= sizes[d]):
            raise runtime_error(
                f"Argument #{4 + 2 * i}: Padding size should be less than the corresponding input "
                f"dimension, but got: padding ({before}, {behind}) at dimension {d} of input "
                f"{listed(x.shape)}"
            )
        if mode == "circular" and (before > sizes[d] or behind > sizes[d]):
            raise runtime_error("Padding value causes wrapping around more than once.")
        if mode == "constant" and sizes[d] + min(before, 0) + min(behind, 0) < 0:
            raise runtime_error("narrow(): length must be non-negative.")
        sizes[d] = sizes[d] + before + behind
        if mode != "constant" and sizes[d] < 1:
            raise NotKnown("a padding that leaves nothing")
    axes = tuple(resized(a, n) if n != m else a for a, n, m in zip(x.axes, sizes, x.shape))
    return x.like(shape=tuple(sizes), axes=axes)


@row("torch.nn.functional.pad")
def pad(input: Any, pad: Any, mode: str = "constant", value: Any = None) -> Tensor:
    x = tensor_argument(input, "pad", "input", 1)
    if not isinstance(pad, tuple | list):
        raise type_error(
            f"pad(): argument 'pad' (position 2) must be tuple of ints, not {type_name(pad)}"
        )
    if any(not isinstance(n, int) for n in pad):
        raise NotKnown("amounts that are no numbers")
    return padded(x, list(pad), mode)


_PADS = {"ReflectionPad": "reflect", "ReplicationPad": "replicate", "CircularPad": "circular",
         "ZeroPad": "constant", "ConstantPad": "constant"}  # fmt: skip


def _pad_module(name: str, d: int, mode: str) -> None:
    def init(self: Any, padding: Any) -> None:
        self.padding = several(padding, 2 * d)

    def constant(self: Any, padding: Any, value: Any) -> None:
        self.padding, self.value = several(padding, 2 * d), value

    def forward(self: Any, input: Any) -> Tensor:
        return padded(tensor_argument(input, "pad", "input", 1), self.padding, mode)

    plain_module(name, constant if name.startswith("Constant") else init, forward)


for _kind, _mode in _PADS.items():
    for _d in (1, 2, 3):
        _pad_module(f"{_kind}{_d}d", _d, _mode)

_MODES = {"linear": 3, "bilinear": 4, "trilinear": 5, "bicubic": 4, "lanczos": 4}


@row("torch.nn.functional.interpolate", "torch.nn.functional.upsample")
def interpolate(
    input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: Any = None, recompute_scale_factor: Any = None, antialias: bool = False,
) -> Tensor:  # fmt: skip
    x = tensor_argument(input, "upsample_nearest1d", "input", 1)
    d = x.rank - 2
    if align_corners is not None and mode in ("nearest", "area", "nearest-exact"):
        raise value_error(
            "align_corners option can only be set with the interpolating modes: linear | bilinear "
            "| bicubic | trilinear"
        )
    if size is not None and scale_factor is not None:
        raise value_error("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise value_error("either size or scale_factor should be defined")
    if size is not None:
        if isinstance(size, tuple | list) and len(size) != d:
            raise value_error(
                "Input and output must have the same number of spatial dimensions, but got input "
                f"with spatial dimensions of {listed(x.shape[2:])} and output size of {size}. "
                "Please provide input tensor in (N, C, d1, d2, ...,dK) format and output size in "
                "(o1, o2, ...,oK) format."
            )
        sizes = several(size, d)
    else:
        factors = several(scale_factor, d)
        if len(factors) != d:
            raise NotKnown("factors of another number")
        sizes = tuple(
            n * f if isinstance(f, int) else int(n * f) for n, f in zip(x.shape[2:], factors)
        )
    wanted = _MODES.get(mode)
    if wanted is not None and x.rank in (3, 4, 5) and x.rank != wanted:
        if mode in ("bicubic", "lanczos"):
            raise Refusal(
                "NotImplementedError",
                f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {x.rank}D) for the "
                "modes: nearest | linear | bilinear | bicubic | trilinear | lanczos | area | "
                f"nearest-exact (got {mode})",
            )
        raise Refusal(
            "NotImplementedError", f"Got {x.rank}D input, but {mode} mode needs {wanted}D input"
        )
    if x.rank not in (3, 4, 5):
        raise NotKnown("an interpolation of other ranks")
    if any(n < 1 for n in sizes) or 0 in x.shape:
        raise NotKnown("an interpolation of nothing")
    return spatial(x, sizes)


def _upsampled(self: Any, input: Any) -> Tensor:
    scale = self.scale_factor
    if isinstance(scale, tuple | list):
        scale = tuple(float(f) for f in scale)
    elif scale is not None and not isinstance(scale, int):
        scale = float(scale)
    return interpolate(input, self.size, scale, self.mode, self.align_corners)


plain_module(
    "Upsample",
    lambda self, size=None, scale_factor=None, mode="nearest", align_corners=None,
    recompute_scale_factor=None: locals(),
    _upsampled,
)  # fmt: skip
