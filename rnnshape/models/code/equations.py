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


def _equations(spec: Spec, indent: str) -> Iterator[str]:
    cell: Any = spec.equations
    for line in cell.text.removeprefix("\ufeff").splitlines():
        safe = "".join(sign if sign.isprintable() else "?" for sign in line)
        yield (indent + safe.replace("\\", "/").replace('"""', "'''")).rstrip()


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


def _torch_lines(spec: Spec, batch: Batch, weights: str | None) -> Iterator[str]:
    step, name = _Step(spec, "torch"), _class_name(spec)
    body = step.lines()
    states = [step.names[f"{n}'0"] for n in step.states]
    own = [step.names[f"{n}'p"] for n in step.kinds]
    new = ", ".join(step.read(t) for t in (step.left.output, *step.left.state))
    many = len(states) > 1
    yield from ("import math", "from typing import Tuple", "") if any(
        "math." in line for line in body) else ("from typing import Tuple", "")  # fmt: skip
    if weights is not None and weights.lower().endswith(".npz"):
        yield "import numpy as np"
    yield from ("import torch", "import torch.nn.functional as F")
    yield from ("from torch import Tensor, nn",
                "from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, "
                "pad_packed_sequence")  # fmt: skip
    if weights is not None and not weights.lower().endswith(".npz"):
        yield "from safetensors.numpy import load_file"
    yield from ("", "")
    signature = [f"{n}: Tensor" for n in ("x", *states, *own)]
    yield "def step("
    for start in range(0, len(signature), 4):
        yield f"    {', '.join(signature[start : start + 4])},"
    result = ", ".join(["Tensor"] * (len(states) + 1))
    yield f") -> Tuple[{result}]:"
    yield '    """What the cell puts out, and its new states; x is (N, I).'
    yield ""
    yield from _equations(spec, "    ")
    yield '    """'
    yield from (f"    {line}" for line in body)
    yield f"    return {new}"
    yield from ("", "")
    yield from _table(step)
    yield from ("", "")
    yield "def drawn(shape, value, H):"
    yield '    """A parameter: uniform in ±1/√H, or the value that the cell gives."""'
    yield "    bound = H**-0.5"
    yield "    empty = torch.empty(shape)"
    yield ("    return nn.Parameter(empty.uniform_(-bound, bound) if value is None else "
           "empty.fill_(value))")  # fmt: skip
    yield from ("", "")
    yield f"class {name}Cell(nn.Module):"
    yield '    """One step: the output and the new states, in their order."""'
    yield ""
    yield "    def __init__(self, input_size, hidden_size):"
    yield "        super().__init__()"
    yield "        for name, shape, value in parameters(input_size, hidden_size):"
    yield "            self.register_parameter(name, drawn(shape, value, hidden_size))"
    yield ""
    arguments = ", ".join(f"{n}: Tensor" for n in ("x", *states))
    yield f"    def forward(self, {arguments}):"
    held = [
        f"self.{k}" if _identifiers([k])[k] == k else f"getattr(self, {k!r})" for k in step.kinds
    ]
    yield "        return step("
    yield f"            {', '.join(['x', *states])},"
    for start in range(0, len(held), 4):
        yield f"            {', '.join(held[start : start + 4])},"
    yield "        )"
    yield from ("", "")
    shapes = ", ".join(_python(spec.rule(n)) for n in step.states)
    out = _python(spec.rule()).strip("(),")
    yield f"class {name}(nn.Module):"
    yield '    """The layer, called as torch\'s own: output, state = layer(input, state).'
    yield ""
    yield "    input (T, N, I), (N, T, I) with batch_first, (T, I) unbatched, or a PackedSequence;"
    what = f"the tuple ({', '.join(step.states)})" if many else f"one tensor, {step.states[0]}"
    yield f"    state: {what}, each (layers·directions, N, …), zeros unless given."
    yield '    """'
    yield ""
    yield "    def __init__("
    yield "        self, input_size, hidden_size, num_layers=1, batch_first=False, dropout=0.0,"
    yield "        bidirectional=False,"
    yield "    ):"
    yield "        super().__init__()"
    yield "        self.input_size, self.hidden_size = input_size, hidden_size"
    yield "        self.num_layers, self.dropout = num_layers, dropout"
    yield "        self.batch_first = batch_first"
    yield '        self.directions = ("", "_reverse") if bidirectional else ("",)'
    yield "        I, H = input_size, hidden_size"
    yield "        for layer in range(num_layers):"
    yield "            for direction in self.directions:"
    yield "                for name, shape, value in parameters(I, H):"
    yield '                    name = f"{name}_l{layer}{direction}"'
    yield "                    self.register_parameter(name, drawn(shape, value, H))"
    yield f"            I = len(self.directions) * ({out})"
    yield ""
    yield "    def forward(self, input, state=None):"
    yield "        packed = isinstance(input, PackedSequence)"
    yield "        if packed:  # longest first, as its steps lie"
    yield "            x, _ = pad_packed_sequence(PackedSequence(input.data, input.batch_sizes))"
    yield "            sizes = input.batch_sizes.tolist()"
    yield "        else:"
    yield "            x = input.unsqueeze(1) if input.dim() == 2 else input"
    yield "            x = x.transpose(0, 1) if self.batch_first and input.dim() == 3 else x"
    yield "            sizes = [x.shape[1]] * x.shape[0]"
    yield "        I, H = self.input_size, self.hidden_size"
    yield "        if state is None:"
    yield "            rows = self.num_layers * len(self.directions)"
    yield f"            shapes = [{shapes}]"
    yield "            states = [x.new_zeros(rows, x.shape[1], *shape) for shape in shapes]"
    yield "        else:"
    yield "            states = [state] if isinstance(state, Tensor) else list(state)"
    yield "            if not packed and input.dim() == 2:"
    yield "                states = [one.unsqueeze(1) for one in states]"
    yield "            if packed and input.sorted_indices is not None:"
    yield "                states = [one.index_select(1, input.sorted_indices) for one in states]"
    yield "        finals = []"
    yield "        for layer in range(self.num_layers):"
    yield "            outputs = []"
    yield "            for number, direction in enumerate(self.directions):"
    yield "                row = layer * len(self.directions) + number"
    yield '                suffix, begun = f"_l{layer}{direction}", [one[row] for one in states]'
    yield "                own = [getattr(self, name + suffix) for name, _, _ in parameters(I, H)]"
    yield "                output, final = self._run(x, sizes, begun, own, number == 1)"
    yield "                outputs.append(output)"
    yield "                finals.append(final)"
    yield "            x = torch.cat(outputs, -1)"
    yield "            if self.dropout and layer + 1 < self.num_layers:"
    yield "                x = F.dropout(x, self.dropout, self.training)"
    yield "        ended = [torch.stack(rows) for rows in zip(*finals)]"
    yield "        if packed:"
    yield "            lengths = [sum(size > n for size in sizes) for n in range(sizes[0])]"
    yield "            x = input._replace(data=pack_padded_sequence(x, lengths).data)"
    yield "            if input.unsorted_indices is not None:"
    yield "                ended = [one.index_select(1, input.unsorted_indices) for one in ended]"
    yield "        elif input.dim() == 2:"
    yield "            x, ended = x.squeeze(1), [one.squeeze(1) for one in ended]"
    yield "        elif self.batch_first:"
    yield "            x = x.transpose(0, 1)"
    yield f"        return x, {'tuple(ended)' if many else 'ended[0]'}"
    yield ""
    yield "    def _run(self, x, sizes, states, own, reverse):"
    yield '        """One layer in one direction; sizes[t] sequences are longer than t."""'
    yield "        outputs = [x[0]] * len(sizes)"
    yield "        for t in reversed(range(len(sizes))) if reverse else range(len(sizes)):"
    yield "            n = sizes[t]"
    yield "            output, *new = step(x[t, :n], *(one[:n] for one in states), *own)"
    yield "            states = [torch.cat([a, one[n:]]) for a, one in zip(new, states)]"
    yield "            outputs[t] = F.pad(output, (0, 0, 0, x.shape[1] - n))"
    yield "        return torch.stack(outputs), states"
    yield from ("", "")
    yield from _torch_call(spec, batch, name, weights)


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


def _jax_lines(spec: Spec, batch: Batch, weights: str | None) -> Iterator[str]:
    step, name = _Step(spec, "jax"), _class_name(spec)
    body = step.lines()
    states = [step.names[f"{n}'0"] for n in step.states]
    own = [step.names[f"{n}'p"] for n in step.kinds]
    new = ", ".join(step.read(t) for t in step.left.state)
    yield from ["import math", ""] if any("math." in line for line in body) else []
    yield from (
        "import equinox as eqx",
        "import jax",
        "import jax.numpy as jnp",
        "import numpy as np",
    )
    if weights is not None and weights.lower().endswith(".safetensors"):
        yield "from safetensors.numpy import load_file"
    yield from ("", "")
    if any("layer_norm(" in line for line in body):
        yield "def layer_norm(a):"
        yield "    centred = a - a.mean(-1, keepdims=True)"
        yield "    return centred / jnp.sqrt(a.var(-1, keepdims=True) + 1e-5)"
        yield from ("", "")
    yield from _table(step)
    yield from ("", "")
    yield f"class {name}Cell(eqx.Module):"
    yield '    """One step of one sample: state, output = cell(state, x); x is (I).'
    yield ""
    yield from _equations(spec, "    ")
    yield '    """'
    yield ""
    yield from (f"    {kind}: jax.Array" for kind in own)
    yield ""
    yield "    def __init__(self, input_size, hidden_size, *, key):"
    yield "        bound = hidden_size**-0.5"
    yield "        rows = parameters(input_size, hidden_size)"
    yield f"        names = {own!r}"
    yield "        keys = jax.random.split(key, len(rows))"
    yield "        for name, (_, shape, value), own in zip(names, rows, keys):"
    yield "            drawn = jax.random.uniform(own, shape, minval=-bound, maxval=bound)"
    yield "            setattr(self, name, drawn if value is None else jnp.full(shape, value))"
    yield ""
    yield "    def __call__(self, state, x):"
    pairs = [f"{n} = self.{n}" for n in own]
    yield f"        {', '.join(states)}{',' if len(states) == 1 else ''} = state"
    yield from (f"        {pair}" for pair in pairs)
    yield from (f"        {line}" for line in body)
    yield f"        return ({new},), {step.read(step.left.output)}"
    yield from ("", "")
    shapes = ", ".join(_python(spec.rule(n)) for n in step.states)
    out = _python(spec.rule()).strip("(),")
    yield f"class {name}(eqx.Module):"
    yield '    """The layer over one sequence (T, I): output, states = layer(xs, states).'
    yield ""
    yield f"    states: a tuple of {', '.join(step.states)}, each (layers·directions, …), zeros"
    yield "    unless given. jax.vmap makes a batch."
    yield '    """'
    yield ""
    yield f"    cells: list[list[{name}Cell]]"
    yield "    hidden_size: int = eqx.field(static=True)"
    yield "    input_size: int = eqx.field(static=True)"
    yield ""
    yield "    def __init__("
    yield "        self, input_size, hidden_size, num_layers=1, bidirectional=False, *, key"
    yield "    ):"
    yield "        self.input_size, self.hidden_size = input_size, hidden_size"
    yield "        I, H, directions, self.cells = input_size, hidden_size, 1 + bidirectional, []"
    yield "        for own in jax.random.split(key, num_layers):"
    yield "            keys = jax.random.split(own, directions)"
    yield f"            self.cells.append([{name}Cell(I, H, key=one) for one in keys])"
    yield f"            I = directions * ({out})"
    yield ""
    yield "    def __call__(self, xs, states=None):"
    yield "        I, H, directions = self.input_size, self.hidden_size, len(self.cells[0])"
    yield "        if states is None:"
    yield "            rows = len(self.cells) * directions"
    yield f"            shapes = [{shapes}]"
    yield "            states = tuple(jnp.zeros((rows, *shape), xs.dtype) for shape in shapes)"
    yield "        finals = []"
    yield "        for layer, cells in enumerate(self.cells):"
    yield "            outputs = []"
    yield "            for number, cell in enumerate(cells):"
    yield "                begun = tuple(one[layer * directions + number] for one in states)"
    yield "                def step(state, x, cell=cell):"
    yield "                    return cell(state, x)"
    yield ""
    yield "                final, output = jax.lax.scan(step, begun, xs, reverse=number == 1)"
    yield "                outputs.append(output)"
    yield "                finals.append(final)"
    yield "            xs = jnp.concatenate(outputs, -1)"
    yield "        return xs, tuple(map(jnp.stack, zip(*finals)))"
    yield from ("", "")
    yield "def loaded(layer, weights):"
    yield '    """The layer with the parameters of `weights`: name_l0, name_l0_reverse, …"""'
    yield f"    names = {list(zip(own, step.kinds))!r}"
    yield "    for number, cells in enumerate(layer.cells):"
    yield '        for cell, direction in zip(range(len(cells)), ("", "_reverse")):'
    yield "            for own, name in names:"
    yield '                key = f"{name}_l{number}{direction}"'
    yield "                if key in weights:"
    yield "                    def place(tree, i=number, j=cell, own=own):"
    yield "                        return getattr(tree.cells[i][j], own)"
    yield "                    layer = eqx.tree_at(place, layer, jnp.asarray(weights[key]))"
    yield "    return layer"
    yield from ("", "")
    given = [str(spec.input_size), str(spec.hidden_size)]
    given += [f"num_layers={spec.num_layers}"] * (spec.num_layers > 1)
    given += ["bidirectional=True"] * spec.bidirectional
    yield f"rnn = {name}({', '.join(given)}, key=jax.random.key(0))"
    if weights is not None:
        reader = "np.load" if weights.lower().endswith(".npz") else "load_file"
        yield f"rnn = loaded(rnn, dict({reader}({weights!r})))"
    shape: Any = batch.tensors(spec)["input"]
    axis = 0 if spec.batch_first else 1
    yield f"input = jax.random.normal(jax.random.key(1), {tuple(shape)!r})"
    yield f"output, state = jax.vmap(rnn, in_axes={axis}, out_axes=({axis}, 1))(input)"
