"""A written cell as code that stands alone: a torch module, or one of Equinox over lax.scan.

The cell's step is recorded as operations of the table, as the walk records it, and each is written
in the framework's words; what is used once and has no name of its own stands in its place.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ...engine.cells import NUMBER, Equations, cell_of
from ...engine.ops import OPERATIONS
from ...engine.walk import Performed, Shapes, Tensor
from ...errors import UsageError
from ...network.batch import Batch
from ...network.spec import Spec
from .load import filled

_INFIX = {"add": ("+", 1), "sub": ("-", 1), "mul": ("*", 2), "div": ("/", 2)}
_TAKEN = {"torch", "nn", "math", "jax", "jnp", "eqx", "self", "H", "I", "F", "Tensor", "Tuple"}
_CALLED = re.compile(r"(sqrt|exp|log|sin|cos|tanh)\(")
_ATOM, _FACTOR, _SUM = 3, 2, 1  # how close the outermost operator of an expression binds


def _identifiers(names: list[str]) -> dict[str, str]:
    """A name of Python for each name of the equations, no two alike."""
    found: dict[str, str] = {}
    for name in names:
        own = unicodedata.normalize("NFKC", name)
        if keyword.iskeyword(own) or keyword.issoftkeyword(own) or not own.isidentifier():
            own += "_"
        while own in _TAKEN or own in found.values() or not own.isidentifier():
            own = re.sub(r"\W", "_", own) + "_"
        found[name] = own
    return found


class _Step:
    """One step of a cell, in the words of a framework: `torch` with samples as the first axis, or
    `jax` for one sample."""

    def __init__(self, spec: Spec, framework: str) -> None:
        self.spec, self.framework = spec, framework
        cell: Any = spec.equations
        self.rules: dict[str, str] = cell.rules
        self.states = list(spec.state_names)
        self.kinds = [p.kind for p in spec.layer_parameters(0, "forward")]
        rows = (3,) if framework == "torch" else ()
        recorder = Shapes()
        x = Tensor("x", (3, spec.input_size))
        states = tuple(Tensor(f"{n}'0", (3, *spec.state_shape(n))) for n in self.states)
        parameters = {p.kind: Tensor(f"{p.kind}'p", p.shape)
                      for p in spec.layer_parameters(0, "forward")}  # fmt: skip
        left = cell_of(spec)(Equations(recorder, "'v"), x, states, parameters)
        self.performed, self.left, self.rows = recorder.performed, left, rows
        self._uses = Counter(i.name for p in recorder.performed for i in p.inputs)
        self._uses.update(t.name for t in (*left.state, left.output))
        values = [p.output.name for p in recorder.performed]
        self.names = _identifiers(
            ["x", *(t.name for t in states), *(t.name for t in parameters.values()), *values]
        )
        for tensor, name in zip(states, self.states):
            self.names[tensor.name] = self._own(name)
        for tensor, name in zip(parameters.values(), self.kinds):
            self.names[tensor.name] = self._own(name)
        self.names["x"] = "x"
        for one in recorder.performed:
            name = one.output.name.removesuffix("'v")
            plain = re.sub(r"\W", "_", name) if "·" in name or "." in name else name
            new = one.output.name in [t.name for t in left.state]
            self.names[one.output.name] = self._own(f"{plain}_new" if new else plain)
        self._text: dict[str, tuple[str, int]] = {}
        self.sizes: set[str] = set()

    def _own(self, name: str) -> str:
        """A name of Python that nothing else has."""
        own = next(iter(_identifiers([name]).values()))
        while own in self.names.values():
            own += "_"
        return own

    def read(self, tensor: Tensor, close: int = 0) -> str:
        """A tensor in an expression that binds as close as `close`."""
        if tensor.role == NUMBER:
            return self._number(tensor)
        text, own = self._text.get(tensor.name, (self.names[tensor.name], _ATOM))
        return f"({text})" if own < close else text

    def _number(self, tensor: Tensor) -> str:
        """A number; one of H or I is worked out where the code runs."""
        text = tensor.name
        if not re.search(r"\b[HI]\b", text):
            return repr(tensor.value)
        plain = text.replace("⊙", "*").replace("−", "-").replace("^", "**")
        if not re.fullmatch(r"[-+*/ ().0-9HI]*", _CALLED.sub("(", plain)):
            return repr(tensor.value)
        self.sizes |= set(re.findall(r"\b[HI]\b", text))
        return f"({_CALLED.sub(lambda m: f'math.{m[0]}', plain)})"

    def lines(self) -> list[str]:
        """The statements of the step, without its return."""
        body: list[str] = []
        done: set[str] = set()
        for number, one in enumerate(self.performed):
            if one.output.name in done:
                continue
            if one.op == "split":
                parts = self.performed[number : number + one.attributes[1]]
                done |= {part.output.name for part in parts}
                names = ", ".join(self.names[part.output.name] for part in parts)
                if len(parts) == 1:
                    names += ","
                body.append(f"{names} = {self._split(one)}")
                continue
            text = self._expression(one)
            name = one.output.name.removesuffix("'v")
            inline = ("." in name or "·" in name) and self._uses[one.output.name] == 1
            if inline and len(text[0]) < 60:
                self._text[one.output.name] = text
                continue
            body.append(f"{self.names[one.output.name]} = {text[0]}")
        sizes = []
        for size in sorted(self.sizes):
            sizes.append(f"{size} = {self._size_of(size)}")
        return [*sizes, *body]

    def _size_of(self, size: str) -> str:
        """Where the step sees a size."""
        if size == "I":
            return "x.shape[-1]"
        named = [*((n, str(self.spec.rule(n)), self.names[f"{n}'0"]) for n in self.states),
                 *((n, self.rules[n], self.names[f"{n}'p"]) for n in self.kinds)]  # fmt: skip
        for _, rule, name in named:
            axes = rule.split(", ")
            if "H" in axes:
                return f"{name}.shape[{axes.index('H') - len(axes)}]"
        return str(self.spec.hidden_size)

    def _split(self, one: Performed) -> str:
        whole = self.read(one.inputs[0])
        if self.framework == "torch":
            return f"torch.chunk({whole}, {one.attributes[1]}, -1)"
        return f"jnp.split({whole}, {one.attributes[1]}, -1)"

    def _expression(self, one: Performed) -> tuple[str, int]:
        """An operation, and how close it binds."""
        op, inputs, torch = one.op, one.inputs, self.framework == "torch"
        row = OPERATIONS[op]
        if row.functions:
            return (row.torch if torch else row.jax).format(self.read(inputs[0])), _ATOM
        if op in _INFIX:
            sign, close = _INFIX[op]
            right = close + (sign in "-/")
            return f"{self.read(inputs[0], close)} {sign} {self.read(inputs[1], right)}", close
        a = self.read(inputs[0], _ATOM)
        b = self.read(inputs[1], _ATOM) if len(inputs) > 1 else ""
        plain = [self.read(tensor) for tensor in inputs]
        if op == "one_minus":
            return f"1 - {self.read(inputs[0], _FACTOR)}", _SUM
        if op == "neg":
            return f"-{a}", _SUM
        if op == "power":
            exponent = b or repr(one.attributes[0])
            if torch and inputs[0].role == NUMBER:
                return f"torch.pow({a}, {plain[1]})", _ATOM
            return f"{a} ** {exponent}" if not exponent.startswith("-") else (
                f"{a} ** ({exponent})"), _FACTOR  # fmt: skip
        if op in ("max", "min"):
            return self._extreme(one), _ATOM
        if op == "copy":
            return a, _ATOM
        if torch and op == "outer_product":
            return f"{a}.unsqueeze(-1) * {b}.unsqueeze(-2)", _FACTOR
        words = self._torch(one, a, b, plain) if torch else self._jax(one, a, b, plain)
        return words, _ATOM

    def _extreme(self, one: Performed) -> str:
        name = "maximum" if one.op == "max" else "minimum"
        if self.framework != "torch":
            return f"jnp.{name}({', '.join(self.read(tensor) for tensor in one.inputs)})"
        other = next(tensor for tensor in one.inputs if tensor.role != NUMBER)
        read = [
            f"torch.full_like({self.read(other)}, {self.read(tensor)})"
            if tensor.role == NUMBER else self.read(tensor) for tensor in one.inputs
        ]  # fmt: skip
        return f"torch.{name}({', '.join(read)})"

    def _torch(self, one: Performed, a: str, b: str, plain: list[str]) -> str:
        op, rank = one.op, len(one.output.shape)
        if op == "linear":
            return f"F.linear({plain[0]}, {plain[1]})"
        if op == "product":
            if one.attributes[0] == 2:
                return f"torch.matmul({plain[0]}, {plain[1]})"
            return f"torch.matmul({plain[0]}, {b}.unsqueeze(-1)).squeeze(-1)"
        if op == "expand":
            return f"{a}.expand(x.shape[0], {', '.join(['-1'] * (rank - 1))})"
        if op == "concat":
            return f"torch.cat([{', '.join(plain)}], -1)"
        return {
            "transpose": f"{a}.transpose(-1, -2)",
            "as_matrix": f"{a}.unsqueeze(-1)",
            "sum_columns": f"{a}.sum(-1, keepdim=True)",
            "layer_norm": f"F.layer_norm({plain[0]}, [{a}.shape[-1]])",
        }[op]

    def _jax(self, one: Performed, a: str, b: str, plain: list[str]) -> str:
        return {
            "linear": f"({b} @ {a})",
            "product": f"({a} @ {b})",
            "expand": a,
            "concat": f"jnp.concatenate([{', '.join(plain)}], -1)",
            "outer_product": f"jnp.outer({', '.join(plain)})",
            "transpose": f"{a}.T",
            "as_matrix": f"{a}[..., None]",
            "sum_columns": f"{a}.sum(-1, keepdims=True)",
            "layer_norm": f"layer_norm({plain[0]})",
        }[one.op]


def _python(rule: str) -> str:
    """The rule of a shape as a tuple of Python: `2*H, I`."""
    text = re.sub(r"(\d)([IH])", r"\1*\2", rule).replace("/", "//").replace("−", "-")
    return f"({text})" if "," in text else f"({text},)"


def _class_name(spec: Spec) -> str:
    """A class's name of the cell's: MinGru."""
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", spec.class_name))
    name = "".join(word[:1].upper() + word[1:] for word in words)
    taken = keyword.iskeyword(name) or name in {*_TAKEN, "PackedSequence"}
    return f"Cell{name}" if taken or not name.isidentifier() else name


def _equations(spec: Spec) -> Iterator[str]:
    cell: Any = spec.equations
    for line, _ in cell.lines():
        yield line.replace("\\", "/").replace('"""', "'''")


def equation_lines(spec: Spec, batch: Batch, framework: str, weights: str | None) -> Iterator[str]:
    """The code of a written cell. Raises UsageError for a framework that it is not written for."""
    writers = {"torch": _torch_lines, "equinox": _jax_lines, "jax": _jax_lines}
    if framework not in writers:
        raise UsageError(
            "--framework: expected torch or equinox for a written cell",
            got=framework[:40],
            fix="--framework torch",
        )
    if framework != "torch" and (batch.packed or batch.unbatched):
        raise UsageError(
            f"--{'lengths' if batch.packed else 'unbatched'}: expected for torch alone",
            got=f"--framework {framework}",
            fix="leave it out",
        )
    if weights is not None and not weights.lower().endswith((".npz", ".safetensors")):
        raise UsageError("--weights: expected a file of .npz or .safetensors",
                         got=repr(weights[-60:]), fix="--weights weights.npz")  # fmt: skip
    yield from writers[framework](spec, batch, weights)


def _table(step: _Step) -> Iterator[str]:
    """The parameters: name, shape as a function of the sizes, and number."""
    cell: Any = step.spec.equations
    yield "def parameters(I, H):"
    yield '    """Name, shape and initial value of each; None is drawn."""'
    yield "    return ["
    for kind in step.kinds:
        yield f"        ({kind!r}, {_python(step.rules[kind])}, {cell.numbers.get(kind)!r}),"
    yield "    ]"


def _common(step: _Step, body: list[str]) -> dict[str, Any]:
    """What the layers of both frameworks are filled in with."""
    spec = step.spec
    return {
        "equations": _equations(spec), "body": body, "table": _table(step),
        "name": _class_name(spec), "out": _python(spec.rule()).strip("(),"),
        "shapes": ", ".join(_python(spec.rule(n)) for n in step.states),
    }  # fmt: skip


def _fours(words: list[str]) -> list[str]:
    return [f"{', '.join(words[start : start + 4])}," for start in range(0, len(words), 4)]


def _torch_lines(spec: Spec, batch: Batch, weights: str | None) -> Iterator[str]:
    step = _Step(spec, "torch")
    body = step.lines()
    states = [step.names[f"{n}'0"] for n in step.states]
    own = [step.names[f"{n}'p"] for n in step.kinds]
    many, npz = len(states) > 1, (weights or "").lower().endswith(".npz")
    imports = ["import math"] * any("math." in line for line in body)
    imports += ["from typing import Tuple", "", *["import numpy as np"] * npz]
    imports += ["import torch", "import torch.nn.functional as F", "from torch import Tensor, nn"]
    imports.append("from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, "
                   "pad_packed_sequence")  # fmt: skip
    imports += ["from safetensors.numpy import load_file"] * (weights is not None and not npz)
    yield from filled(
        "cell_torch", **_common(step, body), imports=imports,
        signature=_fours([f"{n}: Tensor" for n in ("x", *states, *own)]),
        result=", ".join(["Tensor"] * (len(states) + 1)),
        new=", ".join(step.read(t) for t in (step.left.output, *step.left.state)),
        arguments=", ".join(f"{n}: Tensor" for n in ("x", *states)),
        states=", ".join(["x", *states]),
        held=_fours([f"self.{k}" if _safe(k) == k else f"getattr(self, {k!r})"
                     for k in step.kinds]),
        state=f"the tuple ({', '.join(step.states)})" if many else f"one tensor, {step.states[0]}",
        ended="tuple(ended)" if many else "ended[0]",
        call=_torch_call(spec, batch, _class_name(spec), weights),
    )  # fmt: skip


def _arguments(spec: Spec) -> str:
    given = [str(spec.input_size), str(spec.hidden_size)]
    for name, default in (("num_layers", 1), ("batch_first", False), ("dropout", 0.0),
                          ("bidirectional", False)):  # fmt: skip
        if getattr(spec, name) != default:
            given.append(f"{name}={getattr(spec, name)!r}")
    return ", ".join(given)


def _torch_call(spec: Spec, batch: Batch, name: str, weights: str | None) -> Iterator[str]:
    yield f"rnn = {name}({_arguments(spec)})"
    if weights is not None:
        reader = "np.load" if weights.lower().endswith(".npz") else "load_file"
        yield f"weights = {reader}({weights!r})"
        yield "names = [name for name in rnn.state_dict() if name in weights]"
        yield "held = {name: torch.tensor(weights[name]) for name in names}"
        yield "missing = rnn.load_state_dict(held, strict=False).missing_keys"
        cell: Any = spec.equations
        numbers = sorted(cell.numbers)
        yield f"assert {{name.rsplit('_l', 1)[0] for name in missing}} <= set({numbers!r}), missing"
    tensors = batch.tensors(spec)
    shape: Any = tensors["input"]
    yield f"input = torch.randn{tuple(shape)!r}"
    if batch.packed:
        first = ", batch_first=True" if spec.batch_first else ""
        yield (f"input = pack_padded_sequence(input, {list(batch.lengths or ())!r}{first}, "
               "enforce_sorted=False)")  # fmt: skip
    begun = [f"{n}0" for n in spec.state_names]
    for state in begun:
        yield f"{_safe(state)} = torch.zeros{tuple(tensors[state])!r}"
    ended = ", ".join(_safe(f"{n}n") for n in spec.state_names)
    given = ", ".join(map(_safe, begun))
    if len(begun) > 1:
        ended, given = f"({ended})", f"({given})"
    yield f"output, {ended} = rnn(input, {given})"


def _safe(name: str) -> str:
    return next(iter(_identifiers([name]).values()))


_LAYER_NORM = """
def layer_norm(a):
    centred = a - a.mean(-1, keepdims=True)
    return centred / jnp.sqrt(a.var(-1, keepdims=True) + 1e-5)
"""


def _jax_lines(spec: Spec, batch: Batch, weights: str | None) -> Iterator[str]:
    step = _Step(spec, "jax")
    body = step.lines()
    states = [step.names[f"{n}'0"] for n in step.states]
    own = [step.names[f"{n}'p"] for n in step.kinds]
    imports = ["import math", ""] * any("math." in line for line in body)
    imports += ["import equinox as eqx", "import jax", "import jax.numpy as jnp"]
    imports.append("import numpy as np")
    loading = []
    if weights is not None:
        npz = weights.lower().endswith(".npz")
        imports += ["from safetensors.numpy import load_file"] * (not npz)
        reader = "np.load" if npz else "load_file"
        loading = [f"rnn = loaded(rnn, dict({reader}({weights!r})))"]
    given = [str(spec.input_size), str(spec.hidden_size)]
    given += [f"num_layers={spec.num_layers}"] * (spec.num_layers > 1)
    given += ["bidirectional=True"] * spec.bidirectional
    shape: Any = batch.tensors(spec)["input"]
    normed = any("layer_norm(" in line for line in body)
    yield from filled(
        "cell_equinox", **_common(step, [*(f"{n} = self.{n}" for n in own), *body]),
        imports=imports, layer_norm=_LAYER_NORM.splitlines() * normed,
        fields=[f"{kind}: jax.Array" for kind in own], names=repr(own),
        states=f"{', '.join(states)}{',' * (len(states) == 1)}", told=", ".join(step.states),
        new=", ".join(step.read(t) for t in step.left.state), output=step.read(step.left.output),
        pairs=repr(list(zip(own, step.kinds))), given=", ".join(given), loading=loading,
        shape=repr(tuple(shape)), axis="0" if spec.batch_first else "1",
    )  # fmt: skip
