"""The comparison with a torch that is installed: the one place that imports it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

from ..errors import UsageError
from ..network.constructor import takes
from ..network.dims import json_shape
from ..network.spec import Spec
from ..numeric.fast.forward import compute
from .trace import Trace

TOLERANCE = 1e-12  # absolute, in float64


@dataclass(frozen=True)
class Compared:
    """One thing that was compared: what torch has, what the walk has, and how far apart."""

    name: str
    torch: list[Any]
    walk: list[Any]
    difference: float | None = None

    @property
    def ok(self) -> bool:
        """Whether the two agree."""
        return self.torch == self.walk and not (self.difference or 0) > TOLERANCE


@dataclass(frozen=True)
class Comparison:
    """A network as torch has it beside the walk."""

    spec: Spec
    version: str
    rows: tuple[Compared, ...]

    @property
    def ok(self) -> bool:
        """Whether everything agrees."""
        return all(row.ok for row in self.rows)


def torch_module(spec: Spec) -> Any:
    """The module that `spec` describes, in float64. Raises UsageError where torch is missing."""
    try:
        import torch
    except ImportError:
        raise UsageError(
            "verify: expected torch to be installed", got="no module named torch",
            fix="pip install torch",
        ) from None  # fmt: skip
    arguments = {n: value for n, value in spec.to_dict().items() if takes(spec.cell, n)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a dropout between layers where there is one
        return getattr(torch.nn, spec.class_name)(**arguments).double().eval()


def compare(subject: Trace) -> Comparison:
    """Run torch on the numbers of `subject` and lay its results beside ours."""
    assert subject.feed is not None
    result = compute(subject.feed)
    spec, feed = subject.spec, subject.feed
    module = torch_module(spec)
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    ours = [[name, json_shape(shape)] for name, shape in spec.parameters().items()]
    theirs = [[name, list(value.shape)] for name, value in module.state_dict().items()]
    rows = [Compared("parameters", theirs, ours)]
    if theirs == ours:
        module.load_state_dict({n: torch.from_numpy(a) for n, a in feed.weights.items()})
        tensors = {name: torch.from_numpy(a.copy()) for name, a in feed.inputs.items()}
        states = tuple(tensors[name] for name in ("h0", "c0") if name in tensors)
        hx = states if len(states) > 1 else states[0]
        x: Any = tensors["input"]
        if subject.batch.packed:
            x = pack_padded_sequence(
                x, list(subject.batch.lengths or ()), spec.batch_first, enforce_sorted=False
            )
        with torch.no_grad():
            output, final = (None, module(x, hx)) if spec.single else module(x, hx)
        if subject.batch.packed:
            output, _ = pad_packed_sequence(output, spec.batch_first)
        named = {"output": output, **dict(zip(("hn", "cn"), final if len(states) > 1 else [final]))}
        for name, array in result.to_dict().items():
            value = named[name].numpy()
            same = value.shape == array.shape
            apart = float(abs(value - array).max(initial=0)) if same else None
            rows.append(Compared(name, list(value.shape), list(array.shape), apart))
    return Comparison(spec, torch.__version__, tuple(rows))
