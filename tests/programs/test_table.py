"""The table of torch gives what live torch gave: every call of the recording, and fresh ones."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import recorded

from rnnshape.programs import torch as table
from rnnshape.programs.interpreter import Frame, Interpreter
from rnnshape.programs.objects import Scope, Torch
from rnnshape.programs.python import builtin, libraries
from rnnshape.programs.record import Record
from rnnshape.programs.refusal import Refusal
from rnnshape.programs.sizes import Names
from rnnshape.programs.tensor import Tensor
from rnnshape.programs.torch.wiring import wire
from rnnshape.programs.values import Device, DType, Instance, Packed, TorchSize, Unknown

FIXTURES = Path(__file__).parents[2] / "fixtures"
UNTOLD = "not told"


def interpreter() -> Interpreter:
    made = Interpreter(
        Names(), loader=lambda i, name, level, file: Unknown(name),
        library=lambda i: (builtin(i), libraries(i)),
    )  # fmt: skip
    wire(made)
    return made


def outcome(run: Interpreter, code: str) -> str:
    """What the last expression of `code` is followed to, written as the recording writes it."""
    paths = {"torch": "", "nn": ".nn", "F": ".nn.functional", "rnn": ".nn.utils.rnn"}
    names: dict[str, Any] = {name: Torch("torch" + path) for name, path in paths.items()}
    run.record, run.steps = Record(), 100_000
    run.frames = [Frame("", "", Scope(names, names), (), 0)]
    table.WARNED.clear()
    *before, last = ast.parse("\n".join(code.split("; "))).body
    try:
        run.block(before)
        if not isinstance(last, ast.Expr):
            run.block([last])
            return "None"
        return written(run, run.evaluate(last.value), known="rand" not in code)
    except Refusal as refusal:
        return f"{refusal.type}: {refusal.message}"


def written(run: Interpreter, value: Any, known: bool) -> str:
    """A followed value in the words of fixtures/record_table.py."""
    if isinstance(value, Unknown):
        return UNTOLD
    if isinstance(value, Instance) and "_parameters" not in value._attributes:
        return str(value._cls.__name__)
    if isinstance(value, Instance):
        inside = ", ".join(f"{n}={tuple(p.shape)}" for n, p in parameters(value))
        return f"{value._cls.__name__}({inside})"
    if isinstance(value, Tensor):
        text = f"{value.dtype} {tuple(value.shape)}" + ("" if value.contiguous else "~")
        if known and not value.floating and value.known is not None and value.numel <= 16:
            text += f" = {nested(list(value.known), value.shape)}"
        return text
    if isinstance(value, Packed):
        names = ("data", "batch_sizes", "sorted_indices", "unsorted_indices")
        return "Packed" + written(run, tuple(run.attribute(value, n) for n in names), known)
    if isinstance(value, TorchSize):
        return str(tuple(value))
    if isinstance(value, tuple | list):
        left, right = "()" if isinstance(value, tuple) else "[]"
        return f"{left}{', '.join(written(run, v, known) for v in value)}{right}"
    if isinstance(value, float) and not known:
        return "float"
    if value is None or isinstance(value, bool | int | float | str | DType | Device):
        return repr(value)
    return type(value).__name__


def parameters(module: Instance, prefix: str = "") -> list[tuple[str, Tensor]]:
    own = module._attributes
    found = [(prefix + n, p) for n, p in own.get("_parameters", {}).items() if p is not None]
    for name, child in own.get("_modules", {}).items():
        found += parameters(child, f"{prefix}{name}.") if isinstance(child, Instance) else []
    return found


def nested(values: list[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return values[0]
    each = len(values) // shape[0] if shape[0] else 0
    return [nested(values[i * each : (i + 1) * each], shape[1:]) for i in range(shape[0])]


TENSOR = re.compile(r"(\w+ \([\d, K]*\)~?)(?: = ((?:[\[\]\d., -]|True|False)*[\]\de]))?")


def agrees(ours: str, torchs: str) -> bool:
    """What we claim is what torch gave: the same words; values may be unknown, and a size K open."""
    if TENSOR.sub("#", ours) != TENSOR.sub("#", torchs):
        return False
    for (form, values), (wanted, known) in zip(TENSOR.findall(ours), TENSOR.findall(torchs)):
        if not re.fullmatch(re.sub(r"K\d+", r"\\d+", re.escape(form)), wanted):
            return False
        if values and known and values != known:
            return False
    return True


def differences(cases: Any) -> tuple[list[str], int, int]:
    run, lines, told, total = interpreter(), [], 0, 0
    for code, torchs, *warned in cases:
        try:
            ours = outcome(run, code)
        except Exception as error:  # a fault of ours, told with its case
            ours = f"{type(error).__name__} of our own: {error}"
        total += 1
        told += UNTOLD not in ours
        if UNTOLD in ours:
            continue
        warnings = [f"{kind}: {message}" for kind, message in table.WARNED]
        if not agrees(ours, torchs):
            lines.append(f"{code}\n    torch: {torchs}\n    ours:  {ours}")
        elif warnings != (warned[0] if warned else []):
            lines.append(f"{code}\n    torch warns: {warned}\n    ours:        {warnings}")
    return lines, told, total


def test_the_table_gives_what_torch_gave() -> None:
    families = recorded("table")
    lines, told, total = differences(case for cases in families.values() for case in cases)
    assert not lines, f"{len(lines)} of {total} differ:\n" + "\n".join(lines)
    assert told > 0.97 * total


@pytest.mark.live
def test_every_name_of_a_tensor_has_a_row_or_is_said_to_lack_one():
    torch = pytest.importorskip("torch")
    table.load()
    names = {name for name in dir(torch.Tensor) if not name.startswith("_")}
    rows = {name.removeprefix("Tensor.") for name in table.ROWS if name.startswith("Tensor.")}
    assert names <= rows | table.TENSOR_NAMES


@pytest.mark.live
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", [1, 2])
def test_fresh_calls_give_what_torch_gives(seed: int) -> None:
    pytest.importorskip("torch")
    sys.path.insert(0, str(FIXTURES))
    import record_table as record

    lines, told, total = differences(record.recorded(seed))
    assert len(lines) <= 0.003 * total, f"{len(lines)} of {total} differ:\n" + "\n".join(lines)
    assert told > 0.95 * total


@pytest.mark.live
def test_every_row_has_a_name_of_torch() -> None:
    torch = pytest.importorskip("torch")
    table.load()
    foreign = []
    for name in (n for n in (*table.ROWS, *table.MODULES) if not n.startswith("numpy.")):
        first, *rest = name.split(".")
        found: Any = torch if first == "torch" else torch.Tensor
        for part in rest:
            found = getattr(found, part, None)
        if found is None:
            foreign.append(name)
    assert not foreign
