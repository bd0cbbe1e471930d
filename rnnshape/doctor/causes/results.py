"""What layers return, pairs and tuples: passed on whole, given by halves, unpacked wrongly."""

from __future__ import annotations

import ast
import re

from ...checks.padded import Given
from ..code import RECURRENT, Call, Mend, Statement, dotted, parse
from .base import Facts, Finding, N, Proof, T, attempt, fitting, prove, rule

_TENSOR_NOT = r"argument '\w{1,60}' \(position \d{1,3}\) must be Tensor, not "
_RECURRENT_NAME = re.compile(r"rnn|lstm|gru|encoder|decoder", re.IGNORECASE)


def is_lone(facts: Facts, call: Call) -> bool:
    """Whether the state is known to be one tensor: written so, or made by torch.zeros."""
    return call.own and facts.program.shape(call.state) is not None


def _spoken_of(facts: Facts, *names: str) -> bool:
    """Whether torch's own line that raised reads one of `names`."""
    return any(name in facts.raised_by for name in names)


# ------------------------------------------------------------------------ lstm-needs-pair


@rule(
    "lstm-needs-pair",
    r"index ([01]) is out of bounds for dimension 0 with size \1",
    r"tuple index out of range",
    r"lstm(?:_cell)? expects two hidden states",
    r"lstm_cell\(\): argument 'hx' \(position \d\) must be tuple of Tensors, not Tensor",
    r"lstm(?:_cell)?\(\) received an invalid combination of arguments - got "
    r"\(Tensor, (?:Tensor, )?Tensor, (?:list|tuple)",
    r"For (?:un)?batched [23]-D input, hx and cx should also be [23]-D but got "
    r"\(([0-2])-D, \1-D\) tensors",
    meaning="an LSTM's state is a pair (h0, c0), and something else was given",
    example="IndexError: index 1 is out of bounds for dimension 0 with size 1",
)
def lstm_needs_pair(facts: Facts) -> Finding | None:
    """hx is one tensor, or a tuple of another length than two."""
    call = facts.call("output, (hn, cn) = lstm(x, h0)", lambda call: call.state is not None)
    sure = _sure_of_pair(facts, call)
    if sure == 0:
        return None

    def build() -> Proof:
        spec = facts.network(cell="lstm")
        rows = spec.num_layers * spec.num_directions
        x = (T, N, spec.input_size)
        h0, c0 = (rows, N, spec.state_size), (rows, N, spec.hidden_size)
        return prove((spec, Given(x, h0, tuple_length=0)), (spec, Given(x, h0, c0)))

    return Finding(
        sure,
        "An LSTM carries two states, h and c, and takes them as one argument: the pair (h0, c0). "
        "It was given something else, such as h0 alone.",
        "Pass (h0, c0); where there is no c0, zeros of c0's shape will do. A GRU or an RNN takes "
        "h0 alone.",
        _pair(facts, call),
        attempt(build),
    )


def _sure_of_pair(facts: Facts, call: Call) -> float:
    message = facts.error.message
    if "should also be" in message:
        known = facts.known.get("num_layers")
        rows = known * (2 if facts.known.get("bidirectional") else 1) if known else 2
        if is_lone(facts, call):
            return 0.95
        if "unbatched" in message or "0-D" in message:
            return 0.0 if len(call.states) == 2 and call.own else 0.6
        return 0.0 if len(call.states) == 2 and call.own else 0.45 if rows == 2 else 0.1
    if "out of" in message:
        raised = facts.reading.raised_in
        if raised is not None and (raised.own or "rnn" not in raised.file):
            return 0.3
        return 0.92 if _spoken_of(facts, "hx[1]", "hx") or facts.cell == "lstm" else 0.75
    return 0.95


def _pair(facts: Facts, call: Call) -> Mend:
    given = call.states
    if len(given) > 2:
        texts = [call.statement.source(node) for node in given[:2]]
        return call.mend((call.state, f"({', '.join(texts)})"))
    first = call.text(given[0] if given else None, "h0")
    shape = facts.program.shape(call.state)
    if shape is not None and len(shape) == 4:
        return call.mend((call.state, f"({first}[0], {first}[1])"))
    width = facts.known.get("hidden_size")
    if facts.known.get("proj_size") and width:
        return call.mend(
            (call.state, f"({first}, {first}.new_zeros(*{first}.shape[:-1], {width}))")
        )
    return call.mend((call.state, f"({first}, torch.zeros_like({first}))"))


# ------------------------------------------------------------------------ tuple-passed-on


@rule(
    "tuple-passed-on",
    _TENSOR_NOT + "tuple",
    r"'tuple' object has no attribute '(\w{1,60})'",
    r"tuple indices must be integers or slices, not tuple",
    r"can only concatenate tuple \(not \"Tensor\"\) to tuple",
    r"unsupported operand type\(s\) for [^:\n]{1,20}: '(?:tuple|Tensor)' and '(?:tuple|Tensor)'",
    r"expected Tensor as element \d{1,3} in argument 0, but got tuple",
    r"\(\) received an invalid combination of arguments - got \(tuple,",
    r"expected np\.ndarray \(got tuple\)",
    meaning="a recurrent layer returns (output, state); the whole tuple went on to the next layer",
    example="TypeError: linear(): argument 'input' (position 1) must be Tensor, not tuple",
)
def tuple_passed_on(facts: Facts) -> Finding | None:
    """The tuple is the layer's result, or an LSTM's (hn, cn)."""
    if _spoken_of(facts, "hx.dim", "hx.size"):
        call = facts.stateful_call(False)
        return Finding(
            0.92,
            "The state is a pair, (h, c), as an LSTM leaves it; an RNN or a GRU takes h alone.",
            "Pass the first of the pair.",
            call.mend((call.state, f"{call.text(call.state, 'hn')}[0]")),
            _tuple_proof(facts, state=True),
        )
    return Finding(
        0.93,
        "nn.RNN, nn.LSTM and nn.GRU return a tuple, (output, state). It was passed on whole to "
        "something that takes one tensor.",
        "Take it apart: output, hn = rnn(x), then pass output on (or hn). nn.Sequential cannot do "
        "that by itself.",
        _first_of_tuple(facts),
        _tuple_proof(facts),
    )


def _tuple_proof(facts: Facts, state: bool = False) -> Proof | None:
    def build() -> Proof:
        spec = facts.network()
        rows = spec.num_layers * spec.num_directions
        output, hn = (T, N, spec.output_size), (rows, N, spec.state_size)
        shown = [[str(d) if not isinstance(d, int) else d for d in s] for s in (output, hn)]
        taken = shown[1] if state else shown[0]
        network = str(spec)
        return fitting({"network": network, "result": shown},
                       {"network": network, "passed_on": taken})  # fmt: skip

    return attempt(build)


def _first_of_tuple(facts: Facts) -> Mend:
    statement = facts.statement
    if statement is not None:
        raised = facts.reading.raised_in
        if raised is not None and raised.own:
            node = _tuple_operand(facts, statement)
            if node is not None:
                call = Call(statement, ast.Call(node, [], []), True)
                return statement.mend(statement.edited((node, f"{call.text(node)}[0]")))
        if any("container" in frame.file for frame in facts.reading.frames if not frame.own):
            mend = _through_sequential(facts, statement)
            if mend:
                return mend
    call = facts.call("y = linear(output)", lambda call: call.input is not None)
    if statement is not None and call.own:
        calls = [Call(statement, node, True) for node in statement.calls()]
        calls = [one for one in calls if one.input is not None]
        calls.sort(key=lambda one: not _is_result(facts, one.input))
        inner = [one for one in calls if _is_result(facts, one.input)]
        if inner:
            call = inner[0]
    return call.with_input("{0}[0]")


def _tuple_operand(facts: Facts, statement: Statement) -> ast.expr | None:
    """The expression in the user's own line that is a tuple."""
    attribute = facts.match.group(1) if facts.match.groups() else None
    nodes: list[ast.expr] = []
    for node in ast.walk(statement.tree):
        if (isinstance(node, ast.Attribute) and node.attr == attribute) or (
            attribute is None and isinstance(node, ast.Subscript)
        ):
            nodes.append(node.value)
        elif attribute is None and isinstance(node, ast.BinOp):
            nodes += [node.left, node.right]
    nodes.sort(key=lambda node: not _is_result(facts, node))
    return nodes[0] if nodes else None


def _is_result(facts: Facts, node: ast.expr | None) -> bool:
    """Whether an expression is what a recurrent layer returned, whole, or an LSTM's state."""
    if isinstance(node, ast.Call):
        name = dotted(node.func)
        layer = next((one for one in facts.program.layers if name and one.name == name), None)
        if layer is not None:
            return layer.kind in RECURRENT
        if not name and isinstance(node.func, ast.Call):
            return dotted(node.func.func).rsplit(".", 1)[-1] in RECURRENT
        return bool(_RECURRENT_NAME.search(name))
    name = dotted(node) if node is not None else ""
    if not name:
        return False
    if name in facts.program.results:
        return any(i == 1 and _is_result(facts, call) for call, i in facts.program.results[name])
    return any(
        isinstance(value, ast.Call) and _is_result(facts, value)
        for value in facts.program.values.get(name, [])
    )


def from_recurrent(facts: Facts, node: ast.expr | None) -> bool:
    """Whether an expression is made of a recurrent layer's output."""
    for inner in facts.program.origins(node):
        for call, index in facts.program.results.get(dotted(inner), []):
            if index == 0 and _is_result(facts, call):
                return True
    return False


def _through_sequential(facts: Facts, statement: Statement) -> Mend | None:
    """The call of an nn.Sequential written out, the tuple taken apart on the way."""
    only = statement.only
    if not isinstance(only, ast.Assign | ast.Return) or not isinstance(only.value, ast.Call):
        return None
    call = Call(statement, only.value, True)
    if not call.callee or call.input is None:
        return None
    target = statement.source(only.targets[0]) if isinstance(only, ast.Assign) else "y"
    if not target.replace(".", "").isidentifier():
        return None
    lines = [
        f"{target} = {statement.source(call.input)}",
        f"for layer in {call.callee}:",
        f"    {target} = layer({target})",
        f"    {target} = {target}[0] if isinstance({target}, tuple) else {target}",
    ]
    if isinstance(only, ast.Return):
        lines.append(f"return {target}")
    return statement.mend("\n".join(lines))


@rule(
    "packed-passed-on",
    _TENSOR_NOT + "PackedSequence",
    r"'PackedSequence' object has no attribute '(\w{1,60})'",
    meaning="a layer given a PackedSequence returns one; the next layer wants a padded tensor",
    example="TypeError: linear(): argument 'input' (position 1) must be Tensor, not PackedSequence",
)
def packed_passed_on(facts: Facts) -> Finding | None:
    """The output was not padded again."""
    statement = facts.statement
    form = "torch.nn.utils.rnn.pad_packed_sequence({0})[0]"
    raised = facts.reading.raised_in
    if statement is not None and raised is not None and raised.own:
        attribute = facts.match.group(1) if facts.match.groups() else None
        for node in ast.walk(statement.tree):
            if isinstance(node, ast.Attribute) and node.attr == attribute:
                text = form.format(statement.source(node.value))
                mend = statement.mend(statement.edited((node.value, text)))
                break
        else:
            mend = facts.call("y = linear(output)").with_input(form)
    else:
        mend = facts.call("y = linear(output)", lambda call: bool(call.input)).with_input(form)

    def build() -> Proof:
        spec = facts.network()
        width = str(spec.output_size)
        return fitting({"output.data": ["S", width]}, {"output": ["T", "N", width]})

    return Finding(
        0.93,
        "Given a packed input, a layer returns a packed output. Layers other than recurrent ones, "
        "and .shape, want a tensor.",
        "output, lengths = pad_packed_sequence(output, batch_first=…) makes a padded tensor of it.",
        mend,
        attempt(build),
    )


@rule(
    "unpacking",
    r"(?:not enough|too many) values to unpack \(expected (\d{1,3})(?:, got (\d{1,3}))?\)",
    r"need more than \d{1,3} values? to unpack",
    meaning="nn.LSTM returns output, (hn, cn); nn.RNN and nn.GRU return output, hn",
    example="ValueError: not enough values to unpack (expected 3, got 2)",
)
def unpacking(facts: Facts) -> Finding | None:
    """The left side does not have the form of the result."""
    statement = facts.statement
    only = statement.only if statement else None
    if statement is None or not isinstance(only, ast.Assign):
        if facts.match.group(0).endswith("(expected 3, got 2)"):
            line = parse("output, (hn, cn) = lstm(x)")
            assert line is not None
            return _unpacked(facts, 0.4, Mend(line.text))
        return None
    target = only.targets[0]
    if not isinstance(target, ast.Tuple):
        return None
    layer = facts.layer
    names = [statement.source(node) for node in target.elts]
    if len(names) == 3:
        new = f"{names[0]}, ({names[1]}, {names[2]})"
    elif len(names) == 2 and isinstance(target.elts[1], ast.Tuple):
        new = f"{names[0]}, {statement.source(target.elts[1].elts[0])}"
    else:
        return None
    sure = 0.9 if layer is not None else 0.55
    return _unpacked(facts, sure, statement.mend(statement.edited((target, new))))


def _unpacked(facts: Facts, sure: float, mend: Mend) -> Finding:
    return Finding(
        sure,
        "A recurrent layer returns two things, output and state. Only an LSTM's state is itself a "
        "pair: output, (hn, cn). For an RNN or a GRU it is hn.",
        "Write the left side in the form of the result.",
        mend,
        _tuple_proof(facts),
    )


@rule(
    "not-a-tensor",
    r"'(list|ndarray|numpy\.ndarray)' object has no attribute '(?:dim|size)'",
    r"argument 'input' \(position 1\) must be Tensor, not (list|numpy\.ndarray|ndarray)",
    meaning="a list or a NumPy array was given where a tensor is wanted",
    example="AttributeError: 'numpy.ndarray' object has no attribute 'dim'",
)
def not_a_tensor(facts: Facts) -> Finding | None:
    """Sequences of their own lengths in a list, or data that is no tensor yet."""
    kind = facts.match.group(1)
    call = facts.call("output, hn = rnn(x)", lambda call: call.input is not None)
    packing = call.callee.endswith("pack_padded_sequence")
    first = " batch_first=True" if facts.known.get("batch_first") else ""
    form = "torch.as_tensor({0}, dtype=torch.float32)"
    if kind == "list":
        comma = "," if first else ""
        form = f"torch.nn.utils.rnn.pad_sequence({{0}}{comma}{first})"
    return Finding(
        0.9,
        f"A {kind} came where a tensor is wanted."
        + (" Sequences of different lengths are first made one tensor." if kind == "list" else ""),
        "pad_sequence makes one padded tensor of a list of sequences"
        + (" (then pack it)." if packing else ".")
        if kind == "list"
        else "torch.as_tensor(x, dtype=torch.float32) makes a tensor of an array.",
        call.with_input(form),
        fitting({"type": kind}, {"type": "Tensor"}),
    )
