"""What torch offers, one row a function, method, property or module.

How a row is written
--------------------
A row is a Python function with torch's own signature, under all the names that reach it:

    @row("torch.cat", "torch.concat")
    def cat(tensors, dim=0, *, out=None): …
    @row("Tensor.view")
    def view(self, *shape): …
    @row("Tensor.T", attribute=True)                     # a property
    def transposed(self): …
    @row("torch.relu", "Tensor.relu", "torch.nn.functional.relu")   # one function, three doors
    def relu(input, inplace=False): return input.like()

Names are those under which torch documents them: `torch.…`, `Tensor.…`, `torch.nn.functional.…`,
`torch.nn.utils.rnn.…`, `torch.nn.init.…`. What ends in `_` and is a method is in place: it returns
`self` after `touch(self)`.

It is called with values of the followed program: `Tensor` (…/tensor.py), ints that may be `Size`s,
str, bool, None, lists, tuples, `DType`, `Device`, `Packed`, `TorchSize`. It returns such values, or
- raises a refusal: `raise runtime_error("…to the letter…", sizes=[(a, b)])`. Numbers go into the
  message through `{size}`, so that a name stays a name; `sizes` are the pairs that would have to
  be equal, and `wants={"dtype": "int64"}` or `{"rank": (2, 3)}` with `argument=the_tensor` say what
  would have been right, if the rule knows;
- raises `NotKnown("why")` where it cannot tell (a shape that depends on numbers: nonzero, unique,
  masks). Never guess: a wrong shape is worse than none.
A call with an unknown among its arguments is unknown by itself: rows need not look for one, unless
they say `unknowns=True`. A call that does not bind to the signature is unknown for `torch.…` and
`Tensor.…`, and Python's TypeError for `torch.nn.functional.…` and modules, whose signatures have
therefore to be torch's to the letter.

What torch has written in C++ is declared by `native` (native.py) with its signatures, and binds as
torch's parser does, with its words where an argument is of another type:

    @native("softmax(Tensor input, int dim, dtype? dtype=None)")     # torch.softmax, Tensor.softmax
    def softmax(input, dim, dtype=None): …

What a row warns of goes through `warn`. Every row is held against live torch: what it gives, and
refuses, by fixtures/torch/table.json (fixtures/record_table.py draws the calls; those written by
hand stand in table.txt), what becomes of its axes by tests/programs/test_axes.py.

A module is a class under torch's name with a constructor rule and a forward rule, both with
torch's signature; `self` takes attributes as torch's module does, parameters by `parameter(shape)`:

    @module("torch.nn.Linear")
    class Linear:
        def __init__(self, in_features, out_features, bias=True, device=None, dtype=None):
            self.in_features, self.out_features = in_features, out_features
            self.weight = parameter((out_features, in_features))
            self.bias = parameter((out_features,)) if bias else None
        def forward(self, input):
            return linear(input, self.weight, self.bias)

Buffers: `buffer(self, "running_mean", new((n,)))`. Registration as an nn.Module is done before. A
constructor that gives a dict, such as `locals()`, keeps its entries as attributes; of two functions
`plain_module` makes such a class:

    plain_module("GLU", lambda self, dim=-1: locals(), lambda self, input: glu(input, self.dim))

Axes, dtype, layout: use the helpers of tensor.py. `x.like(shape=, axes=, dtype=)` is a new
contiguous tensor (without `shape` it keeps x's layout, as an elementwise result does), `x.view_of`
a view, `elementwise(a, b, dtype=)` broadcasts, `reduced(x, dims, keepdim)`, `permuted`, `viewed`,
`reshaped`, `sliced`, `selected`, `expanded`, `axis_index(dim, rank)` (refuses as torch does),
`promoted`. An axis is a tuple of parts; one that is made anew is `features(n)`,
`(Part(n, "classes", Origin("")),)`, or comes of itself where `axes` is left out (kind unknown).
What an axis *is* must follow it through every row that keeps it.
`known` values (lengths, indices) are kept where a row can say them cheaply, else dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import FunctionType
from typing import Any, NamedTuple, TypeVar

from ..refusal import NotKnown, Refusal, index_error, runtime_error, type_error, value_error
from ..tensor import Tensor
from ..values import DType, Instance, Unknown
from .names import MODULE_NAMES, TENSOR_NAMES

__all__ = ["MODULES", "MODULE_NAMES", "ROWS", "TENSOR_NAMES", "NotKnown", "Refusal", "buffer",
           "index_error", "lacks", "load", "module", "plain_module", "row", "runtime_error",
           "tensor_argument", "tensor_with", "touch", "type_error", "type_name",
           "value_error"]  # fmt: skip


class Row(NamedTuple):
    """A function of torch: its rule; `attribute` for a property, `unknowns` where the rule deals
    with unknown arguments itself, `interpreter` where it calls back (it is then passed first)."""

    name: str
    rule: Callable[..., Any]
    attribute: bool = False
    unknowns: bool = False
    interpreter: bool = False


ROWS: dict[str, Row] = {}
MODULES: dict[str, type] = {}
CONSTANTS: dict[str, Any] = {}

FILES = ("modules", "attention", "convolution", "creation", "forms", "indexing", "initialisation",
         "joining",
         "layers", "losses", "meta", "pointwise", "products", "recurrent",
         "reductions", "distributions")  # fmt: skip

# methods that give the tensor itself another shape: names of it take what they return
RESHAPING = frozenset(
    f"Tensor.{name}_" for name in ("squeeze", "unsqueeze", "transpose", "t", "swapaxes")
)

Rule = TypeVar("Rule", bound=Callable[..., Any])
Rules = TypeVar("Rules", bound=type)


def row(
    *names: str, attribute: bool = False, unknowns: bool = False, interpreter: bool = False
) -> Callable[[Rule], Rule]:
    """Declares a rule under the names by which torch offers it."""

    def declare(rule: Rule) -> Rule:
        for name in names:
            ROWS[name] = Row(name, rule, attribute, unknowns, interpreter)
        return rule

    return declare


def module(*names: str) -> Callable[[Rules], Rules]:
    """Declares a module of torch: a class with the rules `__init__` and `forward`."""

    def declare(rules: Rules) -> Rules:
        for name in names:
            MODULES[name] = rules
        return rules

    return declare


def plain_module(
    name: str, init: Callable[..., Any], forward: Callable[..., Any], init_of: str = "",
    forward_of: str = "", **more: Any,
) -> None:  # fmt: skip
    """Declares torch.nn.`name` of functions. Python's messages about their arguments name that
    class, or the base from which torch's class has its constructor or forward."""
    rules = {"__init__": (init, init_of), "forward": (forward, forward_of)}
    named = {key: _called(rule, f"{of or name}.{key}") for key, (rule, of) in rules.items()}
    module(f"torch.nn.{name}")(type(name, (), named | more))


def _called(rule: Any, name: str) -> Any:
    """The same function under a name of its own."""
    made = FunctionType(rule.__code__, rule.__globals__, name, rule.__defaults__, rule.__closure__)
    made.__kwdefaults__, made.__qualname__ = rule.__kwdefaults__, name
    return made


def load() -> None:
    """Read all files of rows."""
    for file in FILES:
        import_module(f".{file}", __name__)


def buffer(instance: Instance, name: str, value: Tensor | None) -> None:
    """register_buffer."""
    instance._attributes["_buffers"][name] = value


def touch(x: Tensor) -> Tensor:
    """What a change in place does: the values are no longer known; all views of x see it."""
    x.storage.version += 1
    x.storage.written += "data" not in x.facts
    return x


WARNED: list[tuple[str, str]] = []  # what torch warns of in the call that runs: class, message


def warn(message: str, kind: str = "UserWarning") -> None:
    """torch's own warning; who called the rule takes it from WARNED."""
    WARNED.append((kind, message))
    del WARNED[:-100]


def type_name(value: Any) -> str:
    """The type of a value as torch's and Python's messages name it."""
    if isinstance(value, Tensor):
        return "Parameter" if value.parameter else "Tensor"
    if isinstance(value, Instance):
        return str(value._cls.__name__)
    if isinstance(value, DType):
        return "torch.dtype"
    names = {"Size": "int", "Ratio": "float", "TorchSize": "torch.Size", "Packed": "PackedSequence",
             "Device": "torch.device", "Function": "function", "Native": "function",
             "Bound": "method", "Iter": "generator", "Class": "type", "Names": "module",
             "Torch": "module"}  # fmt: skip
    name = type(value).__name__
    return names.get(name, name)


def lacks(value: Any, attribute: str) -> Refusal:
    """Python's AttributeError."""
    words = f"'{type_name(value)}' object has no attribute '{attribute}'"
    return Refusal("AttributeError", words, argument=value)


def tensor_with(value: Any, attribute: str = "dim") -> Tensor:
    """The value; raises Python's AttributeError where it is no tensor."""
    if isinstance(value, Tensor):
        return value
    raise lacks(value, attribute)


def tensor_argument(value: Any, function: str, name: str, position: int) -> Tensor:
    """The value, or torch's `linear(): argument 'input' (position 1) must be Tensor, not tuple`."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, Unknown):
        raise NotKnown(value.what)
    raise type_error(
        f"{function}(): argument '{name}' (position {position}) must be Tensor, "
        f"not {type_name(value)}", argument=value
    )  # fmt: skip


CONSTANTS.update(
    {f"torch.{name}": DType(name) for name in (
        "float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8",
        "bool", "complex64", "complex128")},
    **{f"torch.{alias}": DType(name) for alias, name in {
        "float": "float32", "double": "float64", "half": "float16", "long": "int64",
        "int": "int32", "short": "int16"}.items()},
)  # fmt: skip
