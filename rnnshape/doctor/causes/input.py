"""What a layer is given: its axes, its width, its dtype, its device; and the Linear behind it."""

from __future__ import annotations

from ...network.dims import Dim, Shape, symbol
from .base import Facts, Finding, I, N, Proof, T, rule, says

INPUT_SIZE = (
    r"input\.size\(-1\) must be equal to input_size\. Expected (?P<need>\d{1,400}),? "
    r"got (?P<have>\d{1,400})|"
    r"has inconsistent input_size: got (?P<got>\d{1,400}),? expected (?P<wanted>\d{1,400})"
)
_RANK = (
    r"(RNN|LSTM|GRU): Expected input to be 2-?D or 3-?D,? (?:got|but received|but got) "
    r"(\d{1,3})-?D|input must have 3 dimensions, got (\d{1,3})"
)
PRODUCT = (
    r"mat1 and mat2 shapes cannot be multiplied \((\d{1,100})x(\d{1,100}) and "
    r"(\d{1,100})x(\d{1,100})\)|"
    r"size mismatch, m1: \[(\d{1,100}) x (\d{1,100})\], m2: \[(\d{1,100}) x (\d{1,100})\]|"
    r"size mismatch, got \d{1,100}, (\d{1,100})x(\d{1,100}),\s?(\d{1,100})x?(\d{0,100})"
)
_WIDTH = "RuntimeError: input.size(-1) must be equal to input_size. Expected {}, got {}".format


# ------------------------------------------------------------------------------------------- rank


def _read(facts: Facts, before: Shape, after: Shape) -> Proof | None:
    width = facts.network().input_size
    shapes = [tuple(width if size == I else size for size in shape) for shape in (before, after)]
    proof = facts.checked(({}, shapes[:1]), ({}, shapes[1:]))
    if proof is not None and "torch" not in proof["before"]:
        proof["before"]["fits"] = False  # torch of today reads it as one sequence
    return proof


@rule(
    "unbatched-rank",
    _RANK,
    r"matrices expected, got (?:[12])D, 2D tensors",
    example="RuntimeError: input must have 3 dimensions, got 2",
)
def input_too_flat(facts: Facts) -> Finding | None:
    """An input of no, one or two axes (torch before 1.11 had no unbatched input)."""
    groups = facts.match.groups()
    rank = int(next((g for g in groups[1:] if g), 2)) if groups else 2
    if rank > 2:
        return None
    first, one = facts.stated.get("batch_first"), facts.stated.get("input_size") == 1
    before: Shape = ((), (T,) if one else (I,), (T, I))[rank]
    after: Shape = ((1, I), (T, I) if one else (1, I), (1, T, I) if first else (T, 1, I))[rank]
    return Finding(
        0.9 if rank else 0.8,
        f"The input has {('no axis', 'one axis', 'two axes')[rank]}; a layer reads (T, input_size), "
        "(T, N, input_size) or, with batch_first, (N, T, input_size).",
        _read(facts, before, after),
    )


@rule(
    "input-rank",
    _RANK,
    r"input must have 2 dimensions, got (\d{1,3})",
    example="ValueError: LSTM: Expected input to be 2D or 3D, got 4D instead",
)
def input_rank(facts: Facts) -> Finding | None:
    """An input of four axes or more; of a packed one, of another number than two."""
    rank = int(next((g for g in facts.match.groups()[-2:] if g), 0))
    if "2 dimensions" in facts.match.group(0):
        why = f"A packed sequence holds (steps, input_size); this one has {rank} axes."
        return Finding(0.8 if rank == 1 else 0.7, why)
    if rank < 4:
        return None
    extra = tuple(symbol(name) for name in "ABCDE"[: rank - 3])
    proof = _read(facts, (*extra, T, N, I), (T, N, I))
    return Finding(0.9, f"The input has {rank} axes.", proof)


@rule(
    "unbatched-rank",
    r"[Dd]imension out of range \(expected to be in range of \[-(\d{1,3}), \d{1,3}\], but got",
    example="IndexError: Dimension out of range (expected to be in range of [-2, 1], but got 2)",
)
def axis_out_of_range(facts: Facts) -> Finding | None:
    """Some tensor has fewer axes than are read."""
    rank = facts.number(1)
    return (
        None
        if rank > 2
        else Finding(
            0.5, f"A tensor has {rank} {'axis' if rank == 1 else 'axes'} and a further one is read."
        )
    )


out_of_range = says(
    "axis-out-of-range",
    r"[Dd]imension out of range",
    r"too many indices for tensor of dimension",
    example="IndexError: too many indices for tensor of dimension 2",
    confidence=0.4,
)


@rule(
    "cell-takes-one-step",
    r"(Cell): Expected input to be 1-?D or 2-?D,? (?:got|but received) (\d{1,3})-?D",
    r"matrices expected, got 3D, 2D tensors",
    example="ValueError: GRUCell: Expected input to be 1D or 2D, got 3D instead",
)
def whole_sequence(facts: Facts) -> Finding | None:
    """A sequence given to a cell."""
    if not facts.match.groups():
        return Finding(0.55)
    why = "" if facts.number(2) else "This is a single number without any axis."
    return Finding(0.93, why)


# ------------------------------------------------------------------------------------------ width


def _widths(facts: Facts) -> tuple[int, int]:
    """input_size and the size that came."""
    groups = facts.match.groupdict()
    return int(groups["need"] or groups["wanted"]), int(groups["have"] or groups["got"])


def _built_for(facts: Facts, need: int, size: int) -> Proof | None:
    """A layer of input_size `need`, then of `size`, given what is `size` wide."""
    if facts.match.groupdict().get("wanted"):
        return None
    first, n, t = (
        facts.stated.get("batch_first"),
        facts.size("batch_size") or N,
        facts.size("seq_len") or T,
    )
    x = (n, t, size) if first else (t, n, size)
    return facts.checked(({"input_size": need}, [x]), ({"input_size": size}, [x]))


@rule("feature-size", INPUT_SIZE, example=_WIDTH(10, 9))
def feature_size(facts: Facts) -> Finding | None:
    """The plain reading: input_size was set to another number."""
    need, have = _widths(facts)
    if have == 0:
        return Finding(
            0.6, "Each step of the input has no features at all: its last axis is empty."
        )
    return Finding(0.6, width_words(need, have), _built_for(facts, need, have))


def width_words(need: Dim, have: Dim) -> str:
    """The features of a step beside those that the layer reads."""
    return (
        f"Each step of the input has {have} features, the layer was built for {need} (input_size)."
    )


@rule("missing-direction", INPUT_SIZE, example=_WIDTH(20, 40))
def on_two_directions(facts: Facts) -> Finding | None:
    """Twice the features expected."""
    need, have = _widths(facts)
    if have != 2 * need:
        return None
    why = f"{have} = 2 × {need}: perhaps the output of a bidirectional layer, both directions side by side."
    return Finding(0.5, why, _built_for(facts, need, have))


@rule("feature-axis", INPUT_SIZE, example=_WIDTH(1, 50))
def feature_axis(facts: Facts) -> Finding | None:
    """One feature a step without an axis of its own, or features before time."""
    need, have = _widths(facts)
    if facts.match.groupdict().get("wanted"):
        return None
    if need == 1:
        first = facts.stated.get("batch_first")
        x: Shape = (N, have, 1) if first else (have, N, 1)
        certain = {"input_size": 1}
        return Finding(
            0.8,
            f"input_size is 1 and the last axis has {have}: a series of {have} numbers without an axis for "
            "the one feature of each step.",
            facts.checked((certain, [(N, have)]), (certain, [x])),
        )
    if facts.stated.get("seq_len") != have:
        return None
    return Finding(
        0.65, f"The time steps, {have}, stand on the last axis; the features are {need}."
    )


def factors(facts: Facts) -> tuple[int, int, int, int | None]:
    """Rows and columns of the two factors; the last is not printed by every torch."""
    rows, inner, needed, columns = [group for group in facts.match.groups() if group is not None]
    return int(rows), int(inner), int(needed), int(columns) if columns else None


def _state_weight(facts: Facts, needed: int, columns: int | None) -> bool:
    """Whether the second factor is weight_hh, (R, 4·H), rather than weight_ih, (I, 4·H)."""
    known = facts.stated
    if known.get("input_size") == needed:
        return False
    return columns == 4 * needed or needed in (known.get("proj_size"), known.get("hidden_size"))


@rule(
    "missing-direction",
    PRODUCT,
    example="RuntimeError: mat1 and mat2 shapes cannot be multiplied (15x40 and 20x4)",
)
def linear_and_directions(facts: Facts) -> Finding | None:
    """The inner sizes differ by the factor 2."""
    _, inner, needed, _ = factors(facts)
    if facts.inside or needed in (inner, 4 * inner):
        return None
    if inner == 2 * needed:
        return Finding(
            0.72,
            f"{inner} = 2 × {needed}: the output of a bidirectional layer holds both directions "
            f"side by side. The Linear was built for {needed}.",
        )
    if needed == 2 * inner:
        sure = 0.3 if facts.stated.get("bidirectional") is False else 0.72
        return Finding(
            sure,
            f"The Linear was built for {needed} = 2 × {inner}, both directions side by side. It was "
            f"given {inner}: one direction, as each row of hn is.",
        )
    return None


@rule(
    "feature-size",
    PRODUCT,
    r"mat1 dim 1 must match mat2 dim 0",
    example="RuntimeError: size mismatch, m1: [32 x 20], m2: [40 x 5]",
)
def linear_features(facts: Facts) -> Finding | None:
    """The inner sizes differ."""
    if not any(facts.match.groups()):
        return Finding(0.5, "The last size of what came is not the in_features of the layer.")
    _, inner, needed, columns = factors(facts)
    if inner == needed:
        return None
    if facts.inside:
        if _state_weight(facts, needed, columns):
            return None
        return Finding(
            0.85,
            f"With a packed input nothing is checked beforehand; the layer's weights want {needed} "
            f"features a step, the packed data has {inner}.",
        )
    merged = needed and inner % needed == 0 and inner > 2 * needed
    steps = (
        f" {inner} = {inner // needed} × {needed}: perhaps time steps and features were merged."
        if merged
        else ""
    )
    return Finding(
        0.3 if inner in (2 * needed, needed / 2) else 0.4 if columns == 4 * needed else 0.75,
        f"What came has {inner} features in its last axis, the Linear was built for {needed}."
        + steps,
    )


@rule(
    "hidden-size",
    PRODUCT,
    example="RuntimeError: mat1 and mat2 shapes cannot be multiplied (3x21 and 20x80)",
)
def packed_state_width(facts: Facts) -> Finding | None:
    """A packed LSTM's state: the second factor is weight_hh."""
    _, inner, needed, columns = factors(facts)
    if inner == needed or not _state_weight(facts, needed, columns) or facts.elsewhere:
        return None
    why = f"The second factor is {needed}×{columns}: an LSTM's weight_hh. h0 should be {needed} wide and is {inner} wide."
    return Finding(0.85 if facts.inside else 0.6, why)


@rule(
    "proj-size",
    PRODUCT,
    example="RuntimeError: mat1 and mat2 shapes cannot be multiplied (15x6 and 20x4)",
)
def linear_after_projection(facts: Facts) -> Finding | None:
    """The output of a layer with a projection."""
    _, inner, needed, _ = factors(facts)
    projected = facts.stated.get("proj_size")
    if inner == needed:
        return None
    if projected is None:
        return Finding(0.05)
    if inner not in (projected, 2 * projected) or not projected:
        return None
    return Finding(
        0.9, f"The LSTM has proj_size={projected}, so its output is {inner} wide, not hidden_size."
    )


norm = says(
    "feature-size",
    r"Given normalized_shape=\[[\d, ]{1,80}\], expected input with shape",
    example="RuntimeError: Given normalized_shape=[16], expected input with shape [*, 16], but got input of size[4, 9, 32]",
    confidence=0.8,
)
channels = says(
    "feature-axis",
    r"running_mean should contain \d{1,100} elements not \d{1,100}",
    r"expected input\[[\d, ]{1,80}\] to have \d{1,100} channels, but got \d{1,100} channels",
    example="RuntimeError: running_mean should contain 9 elements not 32",
    confidence=0.8,
)
embedding = says(
    "embedding-index",
    r"index out of range in self",
    r"Tried to access index \d{1,20} out of table with \d{1,20} rows",
    r"srcIndex < srcSelectDimSize",
    r"Padding_idx must be within num_embeddings",
    example="IndexError: index out of range in self",
)


# --------------------------------------------------------------------------------- dtype and device

_WORD = (
    r"'?(?:torch\.)?(?:cuda\.)?((?:long |short |signed |unsigned )?[A-Za-z0-9:<>]{1,20}?)"
    r"(?:Tensor)?'?"
)


@rule(
    "dtype",
    r"RNN input dtype \(torch\.(\w{1,20})\) does not match weight dtype \(torch\.(\w{1,20})\)",
    example="ValueError: RNN input dtype (torch.float64) does not match weight dtype (torch.float32). Convert input: "
    "input.to(torch.float32), or convert model: model.to(torch.float64)",
)
def input_dtype(facts: Facts) -> Finding | None:
    """torch since 2.1 compares the two before it begins."""
    return Finding(0.97, dtype_words(*facts.match.groups()))


def dtype_words(came: str, weights: str) -> str:
    """Why an input of another dtype than the weights may have come about."""
    why = {
        "float64": " An array from NumPy is float64 unless told otherwise.",
        "float16": " Outside of autocast, half the precision must be that of the model too.",
    }.get(came, "")
    if came.startswith(("int", "uint", "bool")):
        why = " Whole numbers that stand for words go through an nn.Embedding first."
    return f"The input holds {came} and the layer's weights {weights}.{why}"


mixed_dtypes = says(
    "dtype",
    rf"must have the same dtype, but got {_WORD} and {_WORD}\b",
    rf"expected (?:m1 and m2|scalar type) to have the same dtype, but got: {_WORD} != {_WORD}",
    rf"[Ee]xpected scalar type {_WORD} but found {_WORD}\b",
    rf"[Ee]xpected object of (?:scalar )?type {_WORD} but (?:got|found) (?:scalar )?type {_WORD}(?: for| but|\s|$)",
    r"Input and (?:hidden|parameter) tensors are not (?:at )?the same dtype",
    rf"Input type \({_WORD}\) and (?:weight|bias) type \({_WORD}\) should be the same",
    r"get_mkldnn_dtype: unsupported data type",
    r"itensor_view_from_dense expects float, bfloat16 or half tensor input",
    r"could not create a primitive descriptor for the LSTM",
    r"Expected tensor for argument #1 'indices' to have (?:one of the following )?scalar types?",
    r"Found dtype \w{1,20} but expected \w{1,20}",
    r"expected target dtype to be",
    r"not implemented for '\w{1,20}'",
    r"Expected floating point type for target",
    r"result type \w{1,20} can't be cast",
    r"quantized::linear|_dynamic: expected|Could not run 'quantized::|'aten::quantize_per_tensor",
    example="RuntimeError: mat1 and mat2 must have the same dtype, but got Double and Float",
)
device = says(
    "device",
    r"Input and (?:hidden|parameter) tensors are not (?:at )?the same device",
    r"Expected all tensors to be on the same device",
    r"Expected object of device type \w{1,20} but got device type",
    r"is on CPU, but expected (?:it|them) to be on GPU",
    r"Input type \(torch\.(?:cuda\.)?FloatTensor\) and weight type \(torch\.(?:cuda\.)?FloatTensor\)",
    example="RuntimeError: Input and hidden tensors are not at the same device, found input tensor at cuda:0 and "
    "hidden tensor at cpu",
    confidence=0.95,
)
