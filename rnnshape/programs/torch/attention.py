"""MultiheadAttention and the transformer's layers: what they refuse, and their shapes.

Source: torch/nn/functional.py (multi_head_attention_forward), torch/nn/modules/transformer.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..refusal import NotKnown, Refusal, runtime_error
from ..tensor import Tensor, features, viewed
from ..values import TorchSize, Unknown
from . import module, tensor_with, warn
from .layers import linear, made, weight_sizes
from .native import settled, tupled


def _assert(holds: bool, message: str, **more: Any) -> None:
    if not holds:
        raise Refusal("AssertionError", message, **more)


def _new(interpreter: Any, name: str, *arguments: Any, **keywords: Any) -> Any:
    """A module inside a module."""
    return interpreter.call(interpreter.torch(f"torch.nn.{name}", None), list(arguments), keywords)


@module("torch.nn.MultiheadAttention")
class MultiheadAttention:
    """softmax(q·kᵀ)·v in heads."""

    def __init__(
        interpreter: Any, self: Any, embed_dim: Any, num_heads: Any, dropout: float = 0.0,
        bias: bool = True, add_bias_kv: bool = False, add_zero_attn: bool = False, kdim: Any = None,
        vdim: Any = None, batch_first: bool = False, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        if embed_dim <= 0 or num_heads <= 0:
            raise NotKnown("an attention of no width")
        self.embed_dim, self.num_heads, self.batch_first = embed_dim, num_heads, batch_first
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.dropout, self.head_dim = dropout, embed_dim // num_heads
        same = self.kdim == embed_dim and self.vdim == embed_dim
        self._attributes["_qkv_same_embed_dim"] = same
        if settled(embed_dim, num_heads):
            _assert(
                self.head_dim * num_heads == embed_dim, "embed_dim must be divisible by num_heads"
            )
        if same:
            self.in_proj_weight = made(weight_sizes(3 * embed_dim, embed_dim), dtype)
        else:
            self.q_proj_weight = made(weight_sizes(embed_dim, embed_dim), dtype)
            self.k_proj_weight = made(weight_sizes(embed_dim, self.kdim), dtype)
            self.v_proj_weight = made(weight_sizes(embed_dim, self.vdim), dtype)
        self.in_proj_bias = made(weight_sizes(3 * embed_dim), dtype) if bias else None
        self.out_proj = _new(interpreter, "Linear", embed_dim, embed_dim, bias=bias)

    def forward(
        interpreter: Any, self: Any, query: Any, key: Any, value: Any, key_padding_mask: Any = None,
        need_weights: bool = True, attn_mask: Any = None, average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> Any:  # fmt: skip
        """(L, N, E), (S, N, E), (S, N, E) → (L, N, E) and weights (N, L, S); no N unbatched."""
        for x in (query, key, value):
            if isinstance(x, Unknown):
                raise NotKnown("an attention over something unknown")
            tensor_with(x)
        return _attention(
            self, query, key, value, key_padding_mask, need_weights, attn_mask, average_attn_weights
        )


def _swapped(x: Tensor, first: bool) -> Tensor:
    if not first or x.rank < 2:
        return x
    order = [1, 0, *range(2, x.rank)]
    return x.view_of(shape=tuple(x.shape[d] for d in order), axes=tuple(x.axes[d] for d in order))


def _ranks(q: Tensor, k: Tensor, v: Tensor) -> None:
    if q.rank not in (2, 3):
        raise Refusal(
            "AssertionError",
            f"query should be unbatched 2D or batched 3D tensor but received {q.rank}-D query "
            "tensor",
            argument=q, wants={"rank": (2, 3)},
        )  # fmt: skip
    word = "unbatched (2-D)" if q.rank == 2 else "batched (3-D)"
    _assert(
        k.rank == v.rank == q.rank,
        f"For {word} `query`, expected `key` and `value` to be {q.rank}-D but found {k.rank}-D and "
        f"{v.rank}-D tensors respectively",
    )


def _attention(
    self: Any, query: Tensor, key: Tensor, value: Tensor, padding: Any, need_weights: bool,
    mask: Any,
    average: bool,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    first = self.batch_first and query.rank == 3
    q, k, v = (_swapped(x, first) for x in (query, key, value))
    _ranks(q, k, v)
    batched = q.rank == 3
    if not batched:
        q, k, v = (
            x.view_of(
                shape=(x.shape[0], 1, x.shape[1]), axes=(), strides=(x.strides[0], 1, x.strides[1])
            )
            for x in (q, k, v)
        )
    width, heads = self.embed_dim, self.num_heads
    length, size, found = q.shape
    source = k.shape[0]
    _assert(
        found == width, f"was expecting embedding dimension of {width}, but got {found}",
        argument=query,
        sizes=[(found, width)],
    )  # fmt: skip
    if self._qkv_same_embed_dim:
        _assert(
            k.shape == v.shape,
            f"key shape {TorchSize(k.shape)} does not match value shape {TorchSize(v.shape)}",
        )
        weight = Tensor((width, width), self.in_proj_weight.dtype)
        weights = [weight] * 3
    else:
        _assert(
            k.shape[:2] == v.shape[:2],
            f"key's sequence and batch dims {TorchSize(k.shape[:2])} do not match value's "
            f"{TorchSize(v.shape[:2])}",
        )
        weights = [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]
    bias = None if self.in_proj_bias is None else Tensor((width,), self.in_proj_bias.dtype)
    _, k, v = (linear(x, w, bias) for x, w in zip((q, k, v), weights))
    if mask is not None and isinstance(mask, Tensor):
        _mask(mask, length, source, size * heads)
    if key.rank == 3:
        viewed(k.like(), (k.shape[0], size * heads, width // heads))
    if isinstance(padding, Tensor):
        wanted = (size, source) if batched else (source,)
        _assert(
            padding.shape == wanted,
            f"expecting key_padding_mask shape of {tupled(wanted)}, but got "
            f"{TorchSize(padding.shape)}",
        )
    out = query.like(
        axes=(*query.axes[:-1], features(width, "MultiheadAttention")),
        strides=(),
        graph=query.graph | key.graph | value.graph | self.out_proj.weight.graph,
    )
    if first:
        out = out.like(strides=(width, size * width, 1))
    if not need_weights:
        return out, None
    return out, _weights(query, key, first, batched, average, heads)


def _mask(mask: Tensor, length: int, source: int, rows: int) -> None:
    for rank, wanted in ((2, (length, source)), (3, (rows, length, source))):
        if mask.rank == rank and mask.shape != wanted:
            raise runtime_error(
                f"The shape of the {rank}D attn_mask is {TorchSize(mask.shape)}, but should be "
                f"{tupled(wanted)}."
            )
    if mask.rank not in (2, 3):
        raise runtime_error(f"attn_mask's dimension {mask.rank} is not supported")


def _weights(q: Tensor, k: Tensor, first: bool, batched: bool, average: bool, heads: int) -> Tensor:
    if not batched:
        shape, axes = (q.shape[0], k.shape[0]), (q.axes[0], k.axes[0])
        return q.like(
            shape=shape if average else (heads, *shape), axes=axes if average else (), strides=()
        )
    n, at = (0, 1) if first else (1, 0)
    middle = () if average else (heads,)
    places = (q.axes[n], q.axes[at], k.axes[at]) if average else ()
    return q.like(shape=(q.shape[n], *middle, q.shape[at], k.shape[at]), axes=places, strides=())


# -------------------------------------------------------------------------------------- transformer


def _layer(
    interpreter: Any, self: Any, attentions: tuple[str, ...], options: dict[str, Any]
) -> None:
    width, heads = options["d_model"], options["nhead"]
    kept = {k: options[k] for k in ("dropout", "batch_first", "bias")}
    for name in attentions:
        setattr(self, name, _new(interpreter, "MultiheadAttention", width, heads, **kept))
    inner, bias = options["dim_feedforward"], options["bias"]
    self.linear1 = _new(interpreter, "Linear", width, inner, bias=bias)
    self.dropout = _new(interpreter, "Dropout", options["dropout"])
    self.linear2 = _new(interpreter, "Linear", inner, width, bias=bias)
    self.norm_first = options["norm_first"]
    for i in range(1, len(attentions) + 2):
        setattr(self, f"norm{i}", _new(interpreter, "LayerNorm", width))
        setattr(self, f"dropout{i}", _new(interpreter, "Dropout", options["dropout"]))
    self._attributes["_options"] = options


def _built(*attentions: str) -> Callable[..., None]:
    """The constructor of a layer with these attentions."""

    def __init__(
        interpreter: Any, self: Any, d_model: Any, nhead: Any, dim_feedforward: Any = 2048,
        dropout: float = 0.1, activation: Any = "relu", layer_norm_eps: float = 1e-5,
        batch_first: bool = False, norm_first: bool = False, bias: bool = True, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        options = {"d_model": d_model, "nhead": nhead, "dim_feedforward": dim_feedforward,
                   "dropout": dropout, "batch_first": batch_first, "norm_first": norm_first,
                   "bias": bias}  # fmt: skip
        _layer(interpreter, self, attentions, options)

    return __init__


@module("torch.nn.TransformerEncoderLayer")
class TransformerEncoderLayer:
    __init__ = _built("self_attn")

    def forward(
        interpreter: Any, self: Any, src: Any, src_mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool = False,
    ) -> Any:  # fmt: skip
        """(S, N, E) → (S, N, E)."""
        return _itself(interpreter, self, src, src_mask, src_key_padding_mask)


def _itself(interpreter: Any, self: Any, x: Tensor, mask: Any, padding: Any) -> Tensor:
    out, _ = _attention(self.self_attn, x, x, x, padding, False, mask, True)
    return x.like(graph=out.graph, strides=())


@module("torch.nn.TransformerDecoderLayer")
class TransformerDecoderLayer:
    __init__ = _built("self_attn", "multihead_attn")

    def forward(
        interpreter: Any, self: Any, tgt: Any, memory: Any, tgt_mask: Any = None,
        memory_mask: Any = None, tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool = False, memory_is_causal: bool = False,
    ) -> Any:  # fmt: skip
        """(T, N, E) and (S, N, E) → (T, N, E)."""
        x = _itself(interpreter, self, tgt, tgt_mask, tgt_key_padding_mask)
        out, _ = _attention(
            self.multihead_attn,
            x,
            memory,
            memory,
            memory_key_padding_mask,
            False,
            memory_mask,
            True,
        )
        return x.like(graph=out.graph, strides=())


def _stack(interpreter: Any, self: Any, layer: Any, count: Any, norm: Any, kind: str) -> None:
    self.num_layers = count
    options = layer._attributes.get("_options")
    if options is None:
        raise NotKnown("a stack of other layers")
    layers = [_new(interpreter, f"Transformer{kind}Layer", **options) for _ in range(int(count))]
    self.layers = _new(interpreter, "ModuleList", layers)
    if norm is not None:
        self.norm = norm


def _through(interpreter: Any, self: Any, *arguments: Any, **keywords: Any) -> Any:
    x, *rest = arguments
    for layer in list(self.layers._attributes["_modules"].values()):
        x = interpreter.call(layer, [x, *rest], keywords)
    return x


@module("torch.nn.TransformerEncoder")
class TransformerEncoder:
    def __init__(
        interpreter: Any, self: Any, encoder_layer: Any, num_layers: Any, norm: Any = None,
        enable_nested_tensor: bool = True, mask_check: bool = True,
    ) -> None:  # fmt: skip
        _stack(interpreter, self, encoder_layer, num_layers, norm, "Encoder")
        options = encoder_layer._attributes["_options"]
        if enable_nested_tensor and not options["batch_first"]:
            warn(
                "enable_nested_tensor is True, but self.use_nested_tensor is False because "
                "encoder_layer.self_attn.batch_first was not True(use batch_first for better "
                "inference performance)"
            )

    def forward(
        interpreter: Any, self: Any, src: Any, mask: Any = None, src_key_padding_mask: Any = None,
        is_causal: Any = None,
    ) -> Any:  # fmt: skip
        """(S, N, E) → (S, N, E)."""
        return _through(interpreter, self, src, mask, src_key_padding_mask)


@module("torch.nn.TransformerDecoder")
class TransformerDecoder:
    def __init__(
        interpreter: Any, self: Any, decoder_layer: Any, num_layers: Any, norm: Any = None
    ) -> None:
        _stack(interpreter, self, decoder_layer, num_layers, norm, "Decoder")

    def forward(
        interpreter: Any, self: Any, tgt: Any, memory: Any, tgt_mask: Any = None,
        memory_mask: Any = None, tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: Any = None, memory_is_causal: bool = False,
    ) -> Any:  # fmt: skip
        """(T, N, E) and (S, N, E) → (T, N, E)."""
        return _through(
            interpreter, self, tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask,
            memory_key_padding_mask,
        )  # fmt: skip


@module("torch.nn.Transformer")
class Transformer:
    def __init__(
        interpreter: Any, self: Any, d_model: Any = 512, nhead: Any = 8,
        num_encoder_layers: Any = 6,
        num_decoder_layers: Any = 6, dim_feedforward: Any = 2048, dropout: float = 0.1,
        activation: Any = "relu", custom_encoder: Any = None, custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5, batch_first: bool = False, norm_first: bool = False,
        bias: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        if custom_encoder is not None or custom_decoder is not None:
            raise NotKnown("a transformer of other parts")
        options = {"d_model": d_model, "nhead": nhead, "dim_feedforward": dim_feedforward,
                   "dropout": dropout, "batch_first": batch_first, "norm_first": norm_first,
                   "bias": bias}  # fmt: skip
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first
        for name, count in (("Encoder", num_encoder_layers), ("Decoder", num_decoder_layers)):
            layer = _new(interpreter, f"Transformer{name}Layer", **options)
            stack = _new(
                interpreter,
                f"Transformer{name}",
                layer,
                count,
                _new(interpreter, "LayerNorm", d_model),
            )
            setattr(self, name.lower(), stack)

    def forward(
        interpreter: Any, self: Any, src: Any, tgt: Any, src_mask: Any = None, tgt_mask: Any = None,
        memory_mask: Any = None, src_key_padding_mask: Any = None, tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None, src_is_causal: Any = None, tgt_is_causal: Any = None,
        memory_is_causal: bool = False,
    ) -> Any:  # fmt: skip
        """(S, N, E) and (T, N, E) → (T, N, E)."""
        at = 0 if self.batch_first else 1
        if src.rank == 3 and tgt.rank > at and src.shape[at] != tgt.shape[at]:
            raise runtime_error(
                "the batch number of src and tgt must be equal",
                sizes=[(src.shape[at], tgt.shape[at])],
            )
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise runtime_error(
                "the feature number of src and tgt must be equal to d_model",
                sizes=[(src.shape[-1], self.d_model), (tgt.shape[-1], self.d_model)],
            )
        memory = interpreter.call(self.encoder, [src, src_mask, src_key_padding_mask], {})
        return interpreter.call(
            self.decoder,
            [tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask], {},
        )  # fmt: skip
