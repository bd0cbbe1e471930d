"""What torch's C++ says: argument types, products and sums that do not fit.

Source: torch/csrc/utils/python_arg_parser.cpp, aten/src/ATen/ExpandUtils.cpp and the messages of
addmm, each met through nn.RNN, nn.LSTM and nn.GRU.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest

from ..errors import Fault, TorchError
from ..network.dims import Dim, Shape, product
from .call import Call, Check, differ, fault, listed

# torch's name of a type in a message -> its name where the layer has no bias
_TYPES = {
    "float16": ("Half", "c10::Half"), "bfloat16": ("BFloat16", "c10::BFloat16"),
    "float64": ("Double", "double"), "bool": ("Bool", "bool"), "uint8": ("Byte", "unsigned char"),
    "int8": ("Char", "signed char"), "int16": ("Short", "short int"), "int32": ("Int", "int"),
    "int64": ("Long", "long int"), "complex64": ("ComplexFloat", "c10::complex<float>"),
    "complex128": ("ComplexDouble", "c10::complex<double>"), "float32": ("Float", "float"),
}  # fmt: skip
# what oneDNN computes in; it has no half on a processor without instructions for it, and it is
# then that torch computes as it does elsewhere
ONEDNN_TYPES = ("float32", "bfloat16")
ONEDNN_READS = (*ONEDNN_TYPES, "float16")
_OPTIONS = (
    ("bool", "has_biases"), ("int", "num_layers"), ("float", "dropout"), ("bool", "train"),
    ("bool", "bidirectional"),
)  # fmt: skip


def parameters_each(call: Call) -> int:
    """The number of parameters of one layer and direction."""
    return (4 if call.spec.bias else 2) + bool(call.spec.proj_size)


def types_differ(call: Call, given: str) -> TorchError | None:
    """A product of a matrix of the type `given` and a weight."""
    if given == call.given.weight_dtype:
        return None
    (one, bare), (other, other_bare) = _TYPES[given], _TYPES[call.given.weight_dtype]
    if call.spec.bias:
        message = f"mat1 and mat2 must have the same dtype, but got {one} and {other}"
    else:
        message = f"expected m1 and m2 to have the same dtype, but got: {bare} != {other_bare}"
    return TorchError("RuntimeError", message)


def onednn_refuses(given: str) -> TorchError:
    """A tensor of the type `given` where oneDNN computes in another."""
    if given in ("int8", "uint8"):
        message = "itensor_view_from_dense expects float, bfloat16 or half tensor input"
    elif given in ONEDNN_READS:
        message = (
            "could not create a primitive descriptor for the LSTM forward propagation primitive. "
            "Run workload with environment variable ONEDNN_VERBOSE=all to get additional "
            "diagnostic information."
        )
    else:
        message = "get_mkldnn_dtype: unsupported data type"
    return TorchError("RuntimeError", message)


def state_types(onednn: Callable[[Call], bool]) -> Check:
    """The type of h0 and c0: told by h·W_hhᵀ, or by oneDNN where that computes an lstm."""

    def check(call: Call) -> Fault | None:
        given = call.given.state_dtype
        error = types_differ(call, given) if call.has_state else None
        if error and onednn(call):
            error = onednn_refuses(given)
        return Fault("state_dtype", error) if error else None

    return check


def no_axis(rank: int, axis: int, size: bool = False) -> str:
    """What torch says of an axis that is not there; `size` where its length is asked for."""
    if size and not rank:
        return f"Dimension specified as {axis} but tensor has no dimensions"
    last = max(rank, 1) - 1
    return (
        f"Dimension out of range (expected to be in range of [{-last - 1}, {last}], but got {axis})"
    )


def product_differs(x: Shape, inner: Dim, outer: Dim) -> TorchError | None:
    """x·Wᵀ of an x (…, width) and a weight (outer, inner)."""
    if not differ(x[-1], inner):
        return None
    message = f"({product(x[:-1])}x{x[-1]} and {inner}x{outer})"
    return TorchError("RuntimeError", f"mat1 and mat2 shapes cannot be multiplied {message}")


def broadcast_differs(a: Shape, b: Shape, in_place: bool) -> TorchError | None:
    """a and b element by element; in place the result must have a's shape."""
    rank = max(len(a), len(b))
    whole: list[Dim] = []
    for axis, (m, n) in enumerate(zip_longest(a[::-1], b[::-1], fillvalue=1), 1):
        if differ(m, n) and m != 1 and n != 1:
            message = (
                f"The size of tensor a ({m}) must match the size of tensor b ({n}) "
                f"at non-singleton dimension {rank - axis}"
            )
            return TorchError("RuntimeError", message)
        whole.insert(0, n if m == 1 else m)
    if not in_place or (len(whole) == len(a) and not any(map(differ, whole, a))):
        return None
    message = f"output with shape {listed(a)} doesn't match the broadcast shape {listed(whole)}"
    return TorchError("RuntimeError", message)


def argument_types(packed: bool) -> Check:
    """The arguments of torch's own rnn_tanh, rnn_relu, lstm or gru."""

    def check(call: Call) -> Fault | None:
        wanted = {"num_layers": int, "bidirectional": bool}
        odd = [n for n, t in wanted.items() if type(call.given.raw.get(n, t())) is not t]
        if not call.lone and not odd:
            return None
        about = "c0" if call.lone else odd[0]
        return fault(about, "TypeError", _invalid_combination(call, packed))

    return check


def _invalid_combination(call: Call, packed: bool) -> str:
    spec, raw = call.spec, call.given.raw
    lstm = spec.has_cell_state
    function = f"rnn_{spec.nonlinearity}" if spec.family == "rnn" else spec.family
    state = "tuple" if lstm and not call.lone else "Tensor"
    values = {"num_layers": spec.num_layers, "bidirectional": spec.bidirectional, **raw}
    options = [type(values[name]).__name__ if name in values else kind for kind, name in _OPTIONS]
    got = ["Tensor", *(["Tensor"] if packed else []), state, "list", *options]
    got += [] if packed else ["bool"]  # batch_first
    count = parameters_each(call) * spec.num_layers * spec.num_directions
    spelled = {
        "list": f"list of [{', '.join(['Parameter'] * count)}]",
        "tuple": "tuple of (Tensor, Tensor)",
    }
    hx = ("tuple of Tensors" if lstm else "Tensor", "hx")
    params = ("tuple of Tensors", "params")
    text = f"{function}() received an invalid combination of arguments - got ({', '.join(got)})"
    text += ", but expected one of:\n"
    for signature in (
        (("Tensor", "data"), ("Tensor", "batch_sizes"), hx, params, *_OPTIONS),
        (("Tensor", "input"), hx, params, *_OPTIONS, ("bool", "batch_first")),
    ):
        marked = []
        for kind, (wanted, _) in zip(got, signature):
            fits = kind == wanted or (kind, wanted) == ("int", "float")
            marked.append(spelled.get(kind, kind) if fits else f"!{spelled.get(kind, kind)}!")
        text += f" * ({', '.join(f'{kind} {name}' for kind, name in signature)})\n"
        text += "      didn't match because some of the arguments have invalid types: "
        text += f"({', '.join(marked)})\n"
    return text
