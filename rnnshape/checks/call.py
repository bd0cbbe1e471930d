"""A forward call by its shapes, and what torch says wherever it meets it.

That is what padded and packed input have in common, and what torch's C++ says of argument types,
products and sums that do not fit. Source: torch/nn/modules/rnn.py,
torch/csrc/utils/python_arg_parser.cpp, aten/src/ATen/ExpandUtils.cpp and the messages of addmm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, zip_longest
from typing import Any, NamedTuple

from ..errors import Fault, TorchError
from ..network.dims import Dim, Shape, Symbol, product
from ..network.spec import Spec


class Inputs(NamedTuple):
    """The shapes of a forward call; None where nothing was given.

    dtype, state_dtype, weight_dtype: of the input, of h0 and c0, and of the parameters.
    lengths: the input is packed by pack_padded_sequence; `input` is the padded batch still.
    enforce_sorted: its argument; None where it is True for sorted lengths and False for others.
    tuple_length: how many tensors the state's tuple holds, 0 for a tensor that stands alone; None
    where the state has the form that the cell wants, as far as its tensors are given.
    raw: constructor arguments of a type that torch refuses in forward alone.
    """

    input: Shape
    h0: Shape | None = None
    c0: Shape | None = None
    dtype: str = "float32"
    lengths: tuple[int, ...] | None = None
    enforce_sorted: bool | None = None
    tuple_length: int | None = None
    raw: Mapping[str, Any] = {}
    state_dtype: str = "float32"
    weight_dtype: str = "float32"


@dataclass(frozen=True)
class Call:
    """A module and what it is given."""

    spec: Spec
    inputs: Inputs

    @property
    def rank(self) -> int:
        """The number of the input's axes."""
        return len(self.inputs.input)

    @cached_property
    def sizes(self) -> tuple[Dim, Dim]:
        """N and T as torch reads them."""
        shape = self.inputs.input
        # pack_padded_sequence takes the first two axes of whatever it gets
        packed = self.inputs.lengths is not None
        return sizes(self.spec, (*shape, 1) if packed and len(shape) == 2 else shape)

    @property
    def batch_size(self) -> Dim:
        """N: of a packed batch the number of lengths."""
        return self.sizes[0] if self.inputs.lengths is None else len(self.inputs.lengths)

    def expected(self, state: str) -> Shape:
        """(D·L, N, R) for h, (D·L, N, H) for c, as torch compares it: with N where unbatched."""
        rows = self.spec.num_layers * self.spec.num_directions
        return (rows, self.batch_size, self.spec.state_width(state))

    @property
    def has_state(self) -> bool:
        """Whether hx was given."""
        return self.inputs.h0 is not None or self.inputs.c0 is not None

    @property
    def tuple_length(self) -> int:
        """The number of tensors in the tuple hx; 0 where hx is a tensor."""
        if self.inputs.tuple_length is not None:
            return self.inputs.tuple_length
        return 2 if self.spec.has_cell_state or self.inputs.c0 is not None else 0

    @property
    def sorted(self) -> bool:
        """What pack_padded_sequence was told of the order of the lengths."""
        if self.inputs.enforce_sorted is not None:
            return self.inputs.enforce_sorted
        lengths = self.inputs.lengths or ()
        return all(a >= b for a, b in pairwise(lengths))

    @property
    def lone(self) -> bool:
        """Whether an lstm's state reaches torch's own code as a tensor, in place of a tuple.

        Taking it apart for one sequence, or to sort a batch, has made a pair of it before.
        """
        apart = not self.sorted if self.inputs.lengths is not None else self.rank == 2
        lstm = self.spec.has_cell_state and self.has_state
        return lstm and self.tuple_length == 0 and not apart


Check = Callable[[Call], Fault | None]

# torch reads beyond the end of a list of tensors: its process ends, and nothing can be caught
CRASH = TorchError("SIGSEGV", "Segmentation fault")


def fault(about: str, type: str, message: str) -> Fault:
    """A fault in a tensor."""
    return Fault(about, TorchError(type, message))


def sizes(spec: Spec, shape: Shape) -> tuple[Dim, Dim]:
    """N and T of an input of rank 2 or 3; N is 1 where unbatched."""
    if len(shape) == 2:
        return 1, shape[0]
    first, second = shape[0], shape[1]
    return (first, second) if spec.batch_first else (second, first)


def differ(a: Dim, b: Dim) -> bool:
    """Whether two sizes cannot be equal; a symbol may stand for any number."""
    return a != b and not (isinstance(a, Symbol) or isinstance(b, Symbol))


def wrong_size(shape: Shape, expected: Shape) -> bool:
    """Whether two shapes cannot be equal."""
    return len(shape) != len(expected) or any(map(differ, shape, expected))


def listed(shape: Sequence[Dim]) -> str:
    """A shape as torch prints a list."""
    return f"[{', '.join(map(str, shape))}]"


def tupled(shape: Sequence[Dim]) -> str:
    """A shape as Python prints a tuple."""
    return f"({', '.join(map(str, shape))})"


def lstm_states(call: Call) -> list[Shape] | TorchError:
    """hx[0] and hx[1] of an lstm, or what taking hx apart raises.

    Of a pair that is given in part, the other tensor is taken to fit.
    """
    h0, c0 = call.inputs.h0, call.inputs.c0
    if call.tuple_length == 0 and h0 is not None:
        if not h0:
            message = (
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or "
                "`tensor.item<T>()` in C++ to convert a 0-dim tensor to a number"
            )
            return TorchError("IndexError", message)
        rows = h0[0]
        if isinstance(rows, int) and rows < 2:
            message = f"index {rows} is out of bounds for dimension 0 with size {rows}"
            return TorchError("IndexError", message)
        return [h0[1:], h0[1:]]
    if call.tuple_length < 2:
        return TorchError("IndexError", "tuple index out of range")
    fitting = [call.expected(state) for state in "hc"]
    if call.inputs.lengths is None and call.rank == 2:
        fitting = [(rows, width) for rows, _, width in fitting]
    return [fit if shape is None else shape for shape, fit in zip((h0, c0), fitting)]


def blamed(call: Call, state: str) -> str:
    """The tensor at fault where `state` does not fit: what is missing of a pair comes first."""
    return "c0" if call.spec.has_cell_state and call.tuple_length != 2 else f"{state}0"


def dtype(call: Call) -> Fault | None:
    """check_input: the input's type is the weights'."""
    input_type, weights = call.inputs.dtype, call.inputs.weight_dtype
    if input_type == weights:
        return None
    message = (
        f"RNN input dtype (torch.{input_type}) does not match weight dtype (torch.{weights}). "
        f"Convert input: input.to(torch.{weights}), or convert model: model.to(torch.{input_type})"
    )
    return fault("dtype", "ValueError", message)


def features(call: Call) -> Fault | None:
    """check_input: the last axis is input_size long."""
    expected, got = call.spec.input_size, call.inputs.input[-1]
    if not differ(got, expected):
        return None
    message = f"input.size(-1) must be equal to input_size. Expected {expected}, got {got}"
    return fault("input", "RuntimeError", message)


def state_sizes(call: Call, states: Mapping[str, Shape]) -> Fault | None:
    """check_hidden_size: (D·L, N, R) for h, then (D·L, N, H) for c."""
    for state, shape in states.items():
        expected = call.expected(state)
        if wrong_size(shape, expected):
            label = "hidden" if not call.spec.has_cell_state else f"hidden[{'hc'.index(state)}]"
            message = f"Expected {label} size {tupled(expected)}, got {listed(shape)}"
            return fault(blamed(call, state), "RuntimeError", message)
    return None


# ------------------------------------------------------------------------------------ torch's C++

# torch's name of a type in a message -> its name where the layer has no bias
TYPES = {
    "float32": ("Float", "float"), "float64": ("Double", "double"),
    "float16": ("Half", "c10::Half"), "bfloat16": ("BFloat16", "c10::BFloat16"),
    "int64": ("Long", "long int"), "int32": ("Int", "int"), "int16": ("Short", "short int"),
    "int8": ("Char", "signed char"), "uint8": ("Byte", "unsigned char"), "bool": ("Bool", "bool"),
    "complex64": ("ComplexFloat", "c10::complex<float>"),
    "complex128": ("ComplexDouble", "c10::complex<double>"),
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


def types_differ(call: Call, tensor_type: str) -> TorchError | None:
    """A product of a matrix of the type `tensor_type` and a weight."""
    if tensor_type == call.inputs.weight_dtype:
        return None
    (one, bare), (other, other_bare) = TYPES[tensor_type], TYPES[call.inputs.weight_dtype]
    if call.spec.bias:
        message = f"mat1 and mat2 must have the same dtype, but got {one} and {other}"
    else:
        message = f"expected m1 and m2 to have the same dtype, but got: {bare} != {other_bare}"
    return TorchError("RuntimeError", message)


def onednn_refuses(tensor_type: str) -> TorchError:
    """A tensor of the type `tensor_type` where oneDNN computes in another."""
    if tensor_type in ("int8", "uint8"):
        message = "itensor_view_from_dense expects float, bfloat16 or half tensor input"
    elif tensor_type in ONEDNN_READS:
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
        state_type = call.inputs.state_dtype
        error = types_differ(call, state_type) if call.has_state else None
        if error and onednn(call):
            error = onednn_refuses(state_type)
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


def product_fault(
    call: Call, tensor_type: str, typed: str, sizes: TorchError | None, sized: str
) -> Fault | None:
    """What a product raises: of its types first where it has a bias, else of its sizes.

    typed, sized: what is at fault where its type, or its sizes, are wrong.
    """
    types = types_differ(call, tensor_type)
    error = types or sizes if call.spec.bias else sizes or types
    return Fault(typed if error is types else sized, error) if error else None


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
        odd = [n for n, t in wanted.items() if type(call.inputs.raw.get(n, t())) is not t]
        if not call.lone and not odd:
            return None
        about = "c0" if call.lone else odd[0]
        return fault(about, "TypeError", _invalid_combination(call, packed))

    return check


def _invalid_combination(call: Call, packed: bool) -> str:
    spec, raw = call.spec, call.inputs.raw
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
