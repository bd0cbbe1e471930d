"""Numbers of another kind, or in another place, than the weights."""

from __future__ import annotations

import re

from ...checks.padded import Given
from .base import UNTOUCHED, Facts, Finding, N, Proof, T, attempt, fitting, prove, rule

_KINDS = {
    "Double": "float64", "Float": "float32", "Half": "float16", "BFloat16": "bfloat16",
    "Long": "int64", "Int": "int32", "Byte": "uint8", "Bool": "bool", "c10::Half": "float16",
    "c10::BFloat16": "bfloat16", "float": "float32", "double": "float64", "long int": "int64",
    "long": "int64", "Short": "int16", "short int": "int16", "Char": "int8", "signed char": "int8",
    "unsigned char": "uint8", "int": "int32", "ComplexFloat": "complex64",
    "c10::complex<float>": "complex64", "ComplexDouble": "complex128",
    "c10::complex<double>": "complex128",
}  # fmt: skip
_WORD = (
    r"'?(?:torch\.)?(?:cuda\.)?((?:long |short |signed |unsigned )?[A-Za-z0-9:<>]{1,20}?)"
    r"(?:Tensor)?'?"
)
_WHOLE = ("int8", "int16", "int32", "int64", "uint8", "bool")


def _kind(word: str) -> str:
    return _KINDS.get(word, word)


def _dtype_proof(facts: Facts, came: str) -> Proof | None:
    def build() -> Proof:
        spec = facts.network()
        x = (T, N, spec.input_size)
        return prove((spec, Given(x, dtype=came)), (spec, Given(x)), dtype=came)

    return attempt(build)


@rule(
    "dtype",
    r"RNN input dtype \(torch\.(\w{1,20})\) does not match weight dtype \(torch\.(\w{1,20})\)",
    meaning="the input's dtype is not the weights' (NumPy makes float64, torch float32)",
    example="ValueError: RNN input dtype (torch.float64) does not match weight dtype "
    "(torch.float32). Convert input: input.to(torch.float32), or convert model: "
    "model.to(torch.float64)",
)
def input_dtype(facts: Facts) -> Finding | None:
    """torch since 2.1 compares the two before it begins."""
    came, weights = facts.match.group(1), facts.match.group(2)
    call = facts.call("output, hn = rnn(x)", lambda call: call.input is not None)
    why = {
        "float64": " An array from NumPy is float64 unless told otherwise.",
        "float16": " Outside of autocast, half the precision must be that of the model too.",
    }.get(came, "")
    if came in _WHOLE:
        why = " Whole numbers that stand for words go through an nn.Embedding first."
    return Finding(
        0.97,
        f"The input holds {came} and the layer's weights {weights}; a layer mixes no dtypes.{why}",
        f"Convert the input, x.to(torch.{weights}), or the model, model.to(torch.{came})."
        if came not in _WHOLE else
        f"x.to(torch.{weights}) for quantities, an nn.Embedding for numbers that stand for words.",
        call.with_input(f"{{0}}.to(torch.{weights})"),
        _dtype_proof(facts, came),
    )  # fmt: skip


@rule(
    "dtype",
    rf"must have the same dtype, but got {_WORD} and {_WORD}\b",
    rf"expected (?:m1 and m2|scalar type) to have the same dtype, but got: {_WORD} != {_WORD}",
    rf"[Ee]xpected scalar type {_WORD} but found {_WORD}\b",
    rf"[Ee]xpected object of (?:scalar )?type {_WORD} but (?:got|found) (?:scalar )?type {_WORD}"
    r"(?: for| but|\s|$)",
    r"Input and (?:hidden|parameter) tensors are not at the same dtype, found input "
    rf"tensor with {_WORD} and (?:hidden|parameter) tensor with {_WORD}\b",
    r"get_mkldnn_dtype: unsupported data type",
    r"itensor_view_from_dense expects float, bfloat16 or half tensor input",
    r"could not create a primitive descriptor for the LSTM",
    meaning="input, state or weights do not share one dtype",
    example="RuntimeError: mat1 and mat2 must have the same dtype, but got Double and Float",
)
def mixed_dtypes(facts: Facts) -> Finding | None:
    """Either the state or, in older torch, the input."""
    words = [_kind(word) for word in facts.match.groups() if word]
    weights = "float32"
    came = next((word for word in words if word != weights), "float64")
    modern = "must have the same dtype" in facts.error.message or not words
    pair = facts.cell == "lstm"
    call = facts.call("output, hn = rnn(x, h0)")
    with_state = call.state is not None
    if with_state:
        # the input's own dtype is compared first in a torch of today, so it is the state
        pair = pair or len(call.states) == 2
        changes = call.state_changes(f"{{0}}.to(torch.{weights})", pair)
        if not modern or facts.is_packed(call):
            changes.append((call.input, f"{call.text(call.input)}.to(torch.{weights})"))
        mend = call.mend(*changes)
    else:
        mend = call.with_input(f"{{0}}.to(torch.{weights})")
    return Finding(
        0.9,
        (f"{came} met {weights}. " if words else "A tensor is not of the dtype of the weights. ")
        + ("The state h0 (and c0) must have the dtype of the weights too." if with_state else
           "An array from NumPy is float64 unless told otherwise."),
        f"Convert the tensor to the dtype of the weights: .to(torch.{weights}) or .float().",
        mend,
        _dtype_proof(facts, came),
    )  # fmt: skip


@rule(
    "dtype",
    r"Expected tensor for argument #1 'indices' to have (?:one of the following )?scalar types?:? "
    rf"(?:Long|Long, Int);? but got (?:instead |type )?{_WORD}",
    meaning="an nn.Embedding wants whole numbers",
    example="RuntimeError: Expected tensor for argument #1 'indices' to have one of the following "
    "scalar types: Long, Int; but got torch.FloatTensor instead (while checking arguments for "
    "embedding)",
)
def embedding_indices(facts: Facts) -> Finding | None:
    """Floats given as indices."""
    call = facts.call("y = embedding(x)", lambda call: call.input is not None)
    return Finding(
        0.95,
        "An nn.Embedding looks up rows by number and was given floating-point numbers.",
        "Convert the indices: x.long(). Quantities need no embedding; give them to the layer.",
        call.with_input("{0}.long()"),
        fitting({"dtype": _kind(facts.match.group(1))}, {"dtype": "int64"}),
    )


_DEVICES = re.compile(
    r"Input and (hidden|parameter) tensors are not at the same device, found (?:input tensor at )?"
    r"(\S{1,20}) and (?:hidden tensor at |parameter tensor at )?(\S{1,20})|"
    r"Expected all tensors to be on the same device, but (?:found at least two devices, |got )"
    r"\w{0,20}(?: is on )?(\S{1,20}?),? (?:and|different from other tensors on) (\S{1,20})|"
    r"Input type \(torch\.(cuda\.)?FloatTensor\) and weight type \(torch\.(cuda\.)?FloatTensor\)"
)


@rule(
    "device", _DEVICES,
    meaning="input, state and weights are not on one device",
    example="RuntimeError: Input and hidden tensors are not at the same device, found input tensor "
    "at cuda:0 and hidden tensor at cpu",
)  # fmt: skip
def device(facts: Facts) -> Finding | None:
    """A state or an input that was left on the CPU."""
    about_state = facts.match.group(1) == "hidden"
    call = facts.call("output, hn = rnn(x, h0)", lambda call: call.input is not None)
    pair = facts.cell == "lstm" or len(call.states) == 2
    if call.state is not None and (about_state or facts.match.group(1) is None):
        mend = call.with_states(f"{{0}}.to({call.text(call.input)}.device)", pair)
    else:
        mend = call.with_input(f"{{0}}.to(next({call.callee or 'rnn'}.parameters()).device)")
    return Finding(
        0.95,
        ("The state" if about_state else "A tensor") + " is on another device than the rest. "
        "model.to(device) moves parameters; tensors made in forward, such as h0, it does not.",
        "Make the state where the input is: torch.zeros(..., device=x.device), and move the input "
        "to the model's device.",
        mend,
        UNTOUCHED,
    )
