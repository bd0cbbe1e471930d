"""Losses, as functions and as modules: what each refuses, warns of and gives.

Source: torch/nn/functional.py, then aten/src/ATen/native/Loss*.cpp.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..refusal import NotKnown, index_error, runtime_error, value_error
from ..tensor import Tensor, broadcast, category, elementwise, merged_facts
from ..values import TorchSize
from . import buffer, plain_module, row, tensor_argument, tensor_with, warn
from .native import alias, bound_arguments, listed, not_implemented, parsed, settled
from .pointwise import in_place_dtype, refuse_bool_subtraction
from .reductions import softmax_of


def chosen(reduction: Any, size_average: Any = None, reduce: Any = None) -> str:
    """none, mean or sum, of torch's old arguments too."""
    if size_average is not None or reduce is not None:
        average = True if size_average is None else size_average
        reduced = True if reduce is None else reduce
        word = "mean" if average and reduced else "sum" if reduced else "none"
        warn(
            "size_average and reduce args will be deprecated, please use "
            f"reduction='{word}' instead."
        )
        return word
    if reduction not in ("none", "mean", "sum", "elementwise_mean"):
        raise value_error(f"{reduction} is not a valid value for reduction")
    return "mean" if reduction == "elementwise_mean" else str(reduction)


def finished(each: Tensor, reduction: str) -> Tensor:
    """A loss of every element: itself, or one number."""
    return each if reduction == "none" else each.like(shape=(), axes=())


def _broadcast_pair(input: Any, target: Any) -> Tensor:
    a, b = tensor_with(input, "size"), tensor_with(target, "size")
    if a.shape != b.shape:
        warn(
            f"Using a target size ({TorchSize(b.shape)}) that is different to the input size "
            f"({TorchSize(a.shape)}). "
            "This will likely lead to incorrect results due to broadcasting. Please ensure they "
            "have the same size."
        )
    return elementwise(a, b)


def _of_difference(name: str, kernel: str, input: Any, target: Any, reduction: str) -> Tensor:
    """mse, l1, smooth l1 and huber: functions of a difference, broadcast with a warning."""
    both = _broadcast_pair(input, target)
    word = chosen(reduction)
    if name == "l1":
        refuse_bool_subtraction(input, target)
        if word == "mean" and category(both.dtype) < 2:
            raise runtime_error(
                "mean(): could not infer output dtype. Input dtype must be either a floating "
                f"point or complex dtype. Got: {alias(both.dtype)}"
            )
    elif category(both.dtype) < 2 and both.numel != 0:
        if both.dtype == "bool" or name == "huber":
            raise NotKnown("a loss of whole numbers")
        raise not_implemented(kernel, both.dtype)
    if name == "huber":
        in_place_dtype(input, both.dtype)
        both = both.like(dtype=input.dtype)
    return finished(both, word)


def _word(reduction: Any, size_average: Any, reduce: Any) -> Any:
    """What is done with the losses of the elements, where torch's old arguments may be given."""
    old = size_average is not None or reduce is not None
    return chosen("", size_average, reduce) if old else reduction


@row("torch.nn.functional.mse_loss")
def mse_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
    weight: Any = None,
) -> Tensor:  # fmt: skip
    """(x − y)²."""
    word = _word(reduction, size_average, reduce)
    return _of_difference("mse", "mse_cpu", input, target, word)


@row("torch.nn.functional.l1_loss")
def l1_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
    weight: Any = None,
) -> Tensor:  # fmt: skip
    """|x − y|."""
    return _of_difference("l1", "", input, target, _word(reduction, size_average, reduce))


@row("torch.nn.functional.smooth_l1_loss")
def smooth_l1_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:  # fmt: skip
    word = _word(reduction, size_average, reduce)
    return _of_difference("smooth_l1", "smooth_l1_cpu", input, target, word)


@row("torch.nn.functional.huber_loss")
def huber_loss(
    input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None
) -> Tensor:
    return _of_difference("huber", "huber_cpu", input, target, reduction)


@row("torch.nn.functional.binary_cross_entropy")
def binary_cross_entropy(
    input: Any, target: Any, weight: Any = None, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    word = chosen(reduction, size_average, reduce)
    a, b = tensor_with(input, "size"), tensor_with(target, "size")
    if a.shape != b.shape:
        raise value_error(
            f"Using a target size ({TorchSize(b.shape)}) that is different to the input size "
            f"({TorchSize(a.shape)}) is "
            "deprecated. Please ensure they have the same size.",
            sizes=zip(a.shape, b.shape), argument=b,
        )  # fmt: skip
    if weight is not None:
        broadcast(b, weight)
    if a.dtype != b.dtype:
        raise runtime_error(
            f"Found dtype {alias(b.dtype)} but expected {alias(a.dtype)}", argument=b,
            wants={"dtype": a.dtype},
        )  # fmt: skip
    if category(a.dtype) < 2:
        raise not_implemented("binary_cross_entropy", a.dtype, a)
    return finished(a, word)


@row("torch.nn.functional.binary_cross_entropy_with_logits")
def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean", pos_weight: Any = None,
) -> Tensor:  # fmt: skip
    word = chosen(reduction, size_average, reduce)
    b, a = tensor_with(target, "size"), tensor_with(input, "size")
    if a.shape != b.shape:
        raise value_error(
            f"Target size ({TorchSize(b.shape)}) must be the same as input size "
            f"({TorchSize(a.shape)})",
            sizes=zip(a.shape, b.shape), argument=b,
        )  # fmt: skip
    if category(a.dtype) < 2:
        raise not_implemented("log_sigmoid_cpu", a.dtype, a)
    refuse_bool_subtraction(b, b)
    if pos_weight is not None:
        elementwise(pos_weight, b)
    if category(b.dtype) < 2:
        raise runtime_error(
            "result type Float can't be cast to the desired output type "
            f"{alias(b.dtype)}", argument=b,
            wants={"dtype": a.dtype},
        )  # fmt: skip
    return finished(a.like(dtype=b.dtype, strides=elementwise(b, a).strides), word)


@row("torch.nn.functional.kl_div")
def kl_div(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:  # fmt: skip
    if size_average is not None or reduce is not None:
        word = chosen("", size_average, reduce)
    else:
        if reduction == "mean":
            warn(
                "reduction: 'mean' divides the total loss by both the batch size and the support "
                "size.'batchmean' divides only by the batch size, and aligns with the KL div math "
                "definition.'mean' will be changed to behave the same as 'batchmean' in the next "
                "major release."
            )
        word = chosen("sum" if reduction == "batchmean" else reduction)
    a = tensor_argument(input, "kl_div", "input", 1)
    b = tensor_argument(target, "kl_div", "target", 2)
    if category(a.dtype) < 2 or category(b.dtype) < 2:
        raise runtime_error("kl_div: Integral inputs not supported.")
    return finished(elementwise(b, a), word)


@row("torch.nn.functional.multilabel_soft_margin_loss")
def multilabel_soft_margin_loss(
    input: Any, target: Any, weight: Any = None, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    word = chosen(reduction, size_average, reduce)
    if category(input.dtype) < 2:
        raise not_implemented("log_sigmoid_cpu", input.dtype, input)
    both = elementwise(target, input)
    refuse_bool_subtraction(target, 1)
    if not input.rank:
        raise index_error("Dimension specified as -1 but tensor has no dimensions")
    if both.rank != input.rank:
        raise NotKnown("a target of more axes")
    return finished(both.like(shape=both.shape[:-1], axes=both.axes[:-1]), word)


# --------------------------------------------------------------------------------- classes by index


@row("torch.nn.functional.cross_entropy")
def cross_entropy(
    input: Any, target: Any, weight: Any = None, size_average: Any = None, ignore_index: int = -100,
    reduce: Any = None, reduction: str = "mean", label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    """−log softmax at the class; classes are axis 1. Where shapes are equal, of probabilities."""
    word = chosen(reduction, size_average, reduce)
    x = tensor_argument(input, "cross_entropy_loss", "input", 1)
    y = tensor_argument(target, "cross_entropy_loss", "target", 2)
    axis = 0 if x.rank == 1 else 1
    if x.shape == y.shape:
        if category(y.dtype) != 2:
            raise runtime_error(
                "Expected floating point type for target with class probabilities, got "
                f"{alias(y.dtype)}", argument=y, wants={"dtype": x.dtype, "classes": x},
            )  # fmt: skip
        if ignore_index >= 0:
            raise runtime_error("ignore_index is not supported for floating point target")
        if not x.rank:
            raise NotKnown("a cross-entropy of a scalar")
        classes = x.shape[axis]
        if weight is not None and weight.shape != (classes,):
            raise runtime_error(
                f"cross_entropy: weight tensor should be defined either for all {classes} classes "
                f"or no classes but got weight tensor of shape: {listed(weight.shape)}"
            )
        logs = softmax_of("log_softmax", x, axis)
        each = elementwise(logs, y)
        keep = [d for d in range(x.rank) if d != axis]
        return finished(
            each.like(shape=tuple(x.shape[d] for d in keep), axes=tuple(x.axes[d] for d in keep)),
            word,
        )
    if not x.rank:
        raise NotKnown("a cross-entropy of a scalar")
    logs = softmax_of("log_softmax", x, axis)
    return _nll_nd(logs, y, weight, ignore_index, word)


@row("torch.nn.functional.nll_loss")
def nll_loss(
    input: Any, target: Any, weight: Any = None, size_average: Any = None, ignore_index: int = -100,
    reduce: Any = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """−x at the class; classes are axis 1."""
    word = chosen(reduction, size_average, reduce)
    x = tensor_argument(input, "nll_loss_nd", "input", 1)
    y = tensor_argument(target, "nll_loss_nd", "target", 2)
    return _nll_nd(x, y, weight, ignore_index, word)


def _nll_nd(x: Tensor, y: Tensor, weight: Tensor | None, ignore: int, reduction: str) -> Tensor:
    if not x.rank:
        raise value_error(f"Expected 1 or more dimensions (got {x.rank})")
    if x.rank != 1:
        rows = y.shape[0] if y.rank else 0
        if not y.rank or x.shape[0] != rows:
            raise value_error(
                f"Expected input batch_size ({x.shape[0]}) to match target batch_size ({rows}).",
                sizes=[(x.shape[0], rows)], argument=y, wants={"classes": x},
            )  # fmt: skip
    if x.rank <= 2:
        return _nll(x, y, weight, ignore, reduction)
    size = [x.shape[0], *x.shape[2:]]
    if x.rank != 4 and y.shape[1:] != x.shape[2:]:
        raise runtime_error(
            f"Expected target size {listed(size)}, got {listed(y.shape)}",
            sizes=zip(size, y.shape), argument=y,
            wants={"classes": x},
        )  # fmt: skip
    if x.rank == 4:
        if y.rank != 3:
            raise runtime_error(
                "only batches of spatial targets supported (3D tensors) but got targets of "
                f"dimension: {y.rank}", argument=y, wants={"rank": (3,)},
            )  # fmt: skip
    _index_dtype(y)
    if weight is not None and weight.numel != x.shape[1]:
        raise runtime_error("weight tensor should be defined either for all or no classes")
    if x.rank == 4:
        if y.shape != (x.shape[0], *x.shape[2:]):
            raise runtime_error(
                f"size mismatch (got input: {listed(x.shape)} , target: "
                f"{listed(y.shape)}", argument=y,
                wants={"classes": x},
            )  # fmt: skip
    _classes(x, y, weight, ignore, x.shape[1], "nll_loss2d_forward_out_frame")
    return finished(
        Tensor(
            tuple(size),
            x.dtype,
            (x.axes[0], *x.axes[2:]),
            graph=x.graph,
            facts=merged_facts([x, y]),
        ),
        reduction,
    )


def _nll(x: Tensor, y: Tensor, weight: Tensor | None, ignore: int, reduction: str) -> Tensor:
    if y.rank > 1:
        raise runtime_error(
            "0D or 1D target tensor expected, multi-target not supported", argument=y,
            wants={"rank": (1,), "classes": x},
        )  # fmt: skip
    _index_dtype(y)
    if x.rank == 1 and y.rank == 1 and y.shape[0] != 1:
        raise value_error(
            f"For 1D input, 1D target must have size 1, but got target size: {y.shape[0]}",
            argument=y,
        )
    classes = x.shape[-1]
    if weight is not None and (weight.rank != 1 or weight.numel != classes):
        raise runtime_error(
            f"weight tensor should be defined either for all {classes} classes or no classes but "
            f"got weight tensor of shape: {listed(weight.shape)}", sizes=[(classes, weight.numel)],
        )  # fmt: skip
    _classes(x, y, weight, ignore, classes, "nll_loss_out_frame")
    each = x.like(shape=x.shape[:-1], axes=x.axes[:-1])
    return finished(each, reduction)


def _index_dtype(y: Tensor) -> None:
    if y.dtype not in ("int64", "uint8"):
        raise runtime_error(
            f"expected target dtype to be Long or Byte, but got {alias(y.dtype)}", argument=y,
            wants={"dtype": "int64"},
        )  # fmt: skip


def _classes(
    x: Tensor, y: Tensor, weight: Tensor | None, ignore: int, classes: int, kernel: str
) -> None:
    if category(x.dtype) < 2:
        raise not_implemented(kernel, x.dtype, x)
    if weight is not None and weight.dtype != x.dtype:
        raise runtime_error(
            f"expected scalar type {alias(x.dtype)} but found {alias(weight.dtype)}"
        )
    for value in y.known or ():
        if value != ignore and settled(classes) and not 0 <= value < classes:
            raise index_error(f"Target {value} is out of bounds.", argument=y)


# --------------------------------------------------------------------------------------------- CTC

_CTC = tuple(
    parsed(
        f"ctc_loss(Tensor log_probs, Tensor targets, {kind} input_lengths, {kind} target_lengths, "
        "int blank=0, int reduction=at::Reduction::Mean, bool zero_infinity=False)"
    )
    for kind in ("ints", "Tensor")
)


@row("torch.nn.functional.ctc_loss")
def ctc_loss(
    log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int = 0,
    reduction: str = "mean", zero_infinity: bool = False,
) -> Tensor:  # fmt: skip
    """log_probs (T, N, classes), targets (N, S) or all behind each other, lengths (N)."""
    word = chosen(reduction)
    number = {"none": 0, "mean": 1, "sum": 2}[word]
    given = (log_probs, targets, input_lengths, target_lengths, blank, number, zero_infinity)
    bound_arguments("ctc_loss", _CTC, given, {}, exact=True)
    x = log_probs
    if x.numel == 0:
        raise runtime_error("log_probs tensor must not be empty")
    if x.rank == 2:
        x = x.view_of(shape=(x.shape[0], 1, x.shape[1]), axes=(), strides=())
    if x.rank != 3:
        raise NotKnown("a CTC loss of other ranks")
    where = "(while checking arguments for ctc_loss_allocate_outputs)"
    size, classes = x.shape[1], x.shape[2]
    lengths = [
        _lengths(v, name)
        for v, name in ((input_lengths, "input_lengths"), (target_lengths, "target_lengths"))
    ]
    if settled(blank, classes) and not 0 <= blank < classes:
        raise runtime_error("blank must be in label range")
    for name, count in (("input_lengths", lengths[0][0]), ("target_lengths", lengths[1][0])):
        if count != size:
            raise runtime_error(
                f"{name} must be of size batch_size", sizes=[(count, size)], wants={"batch": size}
            )
    labels = lengths[1][1]
    if targets.rank == 1 and labels is not None and sum(labels) != targets.shape[0]:
        raise runtime_error(
            f"Expected tensor to have size {sum(labels)} at dimension 0, but got size "
            f"{targets.shape[0]} for argument #2 'targets' {where}"
        )
    if targets.rank > 1:
        if targets.shape[0] != size:
            raise runtime_error(
                f"Expected tensor to have size {size} at dimension 0, but got size "
                f"{targets.shape[0]} for "
                f"argument #2 'targets' {where}", sizes=[(size, targets.shape[0])],
            )  # fmt: skip
        if labels is not None and max(labels, default=0) > targets.shape[1]:
            raise runtime_error(
                f"Expected tensor to have size at least {max(labels)} at dimension 1, but got size "
                f"{targets.shape[1]} for argument #2 'targets' {where}"
            )
    for value in lengths[0][1] or ():
        if value > x.shape[0]:
            raise runtime_error(
                f"Expected input_lengths to have value at most {x.shape[0]}, but got value "
                f"{value} {where}"
            )
    return finished(Tensor((size,), x.dtype, x.axes[1:2], graph=x.graph), word)


def _lengths(value: Any, name: str) -> tuple[int, Any]:
    """How many there are, and the values where they are known."""
    if isinstance(value, Tensor):
        if category(value.dtype) != 1:
            raise runtime_error(f"{name} must be integral")
        return (value.shape[0] if value.rank else 1), value.known
    return len(value), value


# ------------------------------------------------------------------------------ margins, in triples


@row("torch.nn.functional.cosine_embedding_loss")
def cosine_embedding_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0, size_average: Any = None,
    reduce: Any = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """1 − cos, or max(0, cos − margin)."""
    word = chosen(reduction, size_average, reduce)
    if target.rank not in (0, 1):
        raise runtime_error("0D or 1D target tensor expected, multi-target not supported")
    wanted = target.rank + 1
    if input1.rank != wanted or input2.rank != wanted:
        raise runtime_error(
            f"{target.rank}D target tensor expects {wanted}D input tensors, but found inputs with "
            f"sizes {listed(input1.shape)} and {listed(input2.shape)}."
        )
    both = elementwise(input1, input2)
    each = elementwise(target, both.like(shape=both.shape[:-1], axes=both.axes[:-1]))
    return finished(each, word)


@row("torch.nn.functional.margin_ranking_loss")
def margin_ranking_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0, size_average: Any = None,
    reduce: Any = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """max(0, −y·(x₁ − x₂) + margin)."""
    word = chosen(reduction, size_average, reduce)
    if not input1.rank == input2.rank == target.rank:
        raise runtime_error(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {TorchSize(input1.shape)}, input2: {TorchSize(input2.shape)}, target: "
            f"{TorchSize(target.shape)} "
        )
    return finished(elementwise(target, elementwise(input1, input2)), word)


@row("torch.nn.functional.triplet_margin_loss")
def triplet_margin_loss(
    anchor: Any, positive: Any, negative: Any, margin: float = 1.0, p: float = 2, eps: float = 1e-6,
    swap: bool = False, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """max(0, d(a, p) − d(a, n) + margin)."""
    word = chosen(reduction, size_average, reduce)
    if not anchor.rank == positive.rank == negative.rank:
        raise runtime_error(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {anchor.rank}D, positive {positive.rank}D, and negative "
            f"{negative.rank}D inputs"
        )
    near, far = elementwise(anchor, positive), elementwise(anchor, negative)
    each = elementwise(*(x.like(shape=x.shape[:-1], axes=x.axes[:-1]) for x in (near, far)))
    return finished(each, word)


@row("torch.nn.functional.multi_margin_loss")
def multi_margin_loss(
    input: Any, target: Any, p: int = 1, margin: float = 1.0, weight: Any = None,
    size_average: Any = None, reduce: Any = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Margins against the class, (N, C) and (N)."""
    word = chosen(reduction, size_average, reduce)
    if input.rank != 2:
        raise NotKnown("margins of other ranks")
    if target.shape != input.shape[:1]:
        raise runtime_error(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of "
            f"input samples (batch size). Expected target size [{input.shape[0]}], but got "
            f"{listed(target.shape)}. Input has shape {listed(input.shape)}.", argument=target,
        )  # fmt: skip
    return finished(input.like(shape=input.shape[:1], axes=input.axes[:1]), word)


# ------------------------------------------------------------------------------------------ modules


def _kept(options: dict[str, Any]) -> None:
    """What a loss keeps of its arguments, torch's old ones as a reduction; weights as buffers."""
    self = options.pop("self")
    old = options.pop("size_average", None), options.pop("reduce", None)
    if old != (None, None):
        options["reduction"] = chosen("", *old)
    self._attributes["_options"] = options
    for key, value in options.items():
        if isinstance(value, Tensor):
            buffer(self, key, value)
        else:
            setattr(self, key, value)


# each class of a loss -> its function, and its constructor
_LOSSES: dict[str, tuple[Callable[..., Tensor], Callable[..., None]]] = {
    "MSELoss": (mse_loss, lambda self, size_average=None, reduce=None, reduction="mean":
        _kept(locals())),
    "L1Loss": (l1_loss, lambda self, size_average=None, reduce=None, reduction="mean":
        _kept(locals())),
    "BCELoss": (binary_cross_entropy, lambda self, weight=None, size_average=None, reduce=None,
        reduction="mean": _kept(locals())),
    "MultiLabelSoftMarginLoss": (multilabel_soft_margin_loss, lambda self, weight=None,
        size_average=None, reduce=None, reduction="mean": _kept(locals())),
    "CosineEmbeddingLoss": (cosine_embedding_loss, lambda self, margin=0.0, size_average=None,
        reduce=None, reduction="mean": _kept(locals())),
    "MarginRankingLoss": (margin_ranking_loss, lambda self, margin=0.0, size_average=None,
        reduce=None, reduction="mean": _kept(locals())),
    "SmoothL1Loss": (smooth_l1_loss, lambda self, size_average=None, reduce=None, reduction="mean",
        beta=1.0: _kept(locals())),
    "HuberLoss": (huber_loss, lambda self, reduction="mean", delta=1.0: _kept(locals())),
    "KLDivLoss": (kl_div, lambda self, size_average=None, reduce=None, reduction="mean",
        log_target=False: _kept(locals())),
    "BCEWithLogitsLoss": (binary_cross_entropy_with_logits, lambda self, weight=None,
        size_average=None, reduce=None, reduction="mean", pos_weight=None: _kept(locals())),
    "CrossEntropyLoss": (cross_entropy, lambda self, weight=None, size_average=None,
        ignore_index=-100, reduce=None, reduction="mean", label_smoothing=0.0: _kept(locals())),
    "NLLLoss": (nll_loss, lambda self, weight=None, size_average=None, ignore_index=-100,
        reduce=None, reduction="mean": _kept(locals())),
    "MultiMarginLoss": (multi_margin_loss, lambda self, p=1, margin=1.0, weight=None,
        size_average=None, reduce=None, reduction="mean": _kept(locals())),
    "TripletMarginLoss": (triplet_margin_loss, lambda self, margin=1.0, p=2.0, eps=1e-6, swap=False,
        size_average=None, reduce=None, reduction="mean": _kept(locals())),
    "CTCLoss": (ctc_loss, lambda self, blank=0, reduction="mean", zero_infinity=False:
        _kept(locals())),
}  # fmt: skip


def _forward(name: str, of: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """What the module's call gives its function: as many tensors as the loss compares."""
    if name in ("CosineEmbeddingLoss", "MarginRankingLoss"):
        return lambda self, input1, input2, target: of(input1, input2, target, **self._options)
    if name == "TripletMarginLoss":
        return lambda self, anchor, positive, negative: of(
            anchor, positive, negative, **self._options
        )
    if name == "CTCLoss":
        return lambda self, log_probs, targets, input_lengths, target_lengths: of(
            log_probs, targets, input_lengths, target_lengths, **self._options
        )
    return lambda self, input, target: of(input, target, **self._options)


for _name, (_of, _init) in _LOSSES.items():
    _base = "_Loss" if _name in ("MSELoss", "L1Loss") else ""
    plain_module(_name, _init, _forward(_name, _of), init_of=_base)
