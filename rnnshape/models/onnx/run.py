"""A chain of ONNX's recurrent operators, computed and told in torch's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import ShapeError, UsageError, quoted
from ...network.batch import Batch
from ...network.dims import write_shape
from ...network.spec import Spec
from ...numeric.random import check_numbers
from .graph import Chain
from .node import Node
from .walk import Outputs, run_node

Array = np.ndarray[Any, Any]
_MERGES: dict[str, Callable[[Array, Array], Array]] = {
    "sum": np.add, "mul": np.multiply, "ave": lambda one, two: (one + two) / 2,
}  # fmt: skip


@dataclass(frozen=True)
class ChainResult:
    """What a chain computes.

    output (T, N, D·H), or (N, T, D·H) where batch_first; hn and cn (D·L, N, H); last: Y, Y_h and
    Y_c of the last operator, in its own layout.
    """

    output: Array
    hn: Array
    cn: Array | None
    last: Outputs

    @property
    def arrays(self) -> dict[str, Array]:
        """Name to array: output, hn, cn as torch has them, and Y, Y_h, Y_c as ONNX."""
        named = {"output": self.output, "hn": self.hn, "cn": self.cn, **self.last._asdict()}
        return {name: array for name, array in named.items() if array is not None}


def chain_spec(chain: Chain) -> Spec:
    """The network of torch with the chain's cells, sizes and directions.

    Raises UsageError where the operators differ in these.
    """
    first = chain.nodes[0]
    for node in chain.nodes[1:]:
        for what, one, other in (
            ("operator", first.operator, node.operator),
            ("hidden_size", first.hidden_size, node.hidden_size),
            ("direction", first.direction, node.direction),
        ):
            if one != other:
                raise UsageError(
                    f"--module: expected one operator, since {first.title} and {node.title} "
                    f"differ in their {what}",
                    got=f"{one} and {other}",
                    fix=f"--module {quoted(first.name)}",
                )
    return Spec(
        cell=first.cell,
        nonlinearity=first.nonlinearity,
        input_size=first.spec.input_size,
        hidden_size=first.hidden_size,
        num_layers=len(chain.nodes),
        bias=any(node.spec.bias for node in chain.nodes),
        batch_first=_batch_first(chain),
        bidirectional=first.spec.bidirectional,
    )


def _batch_first(chain: Chain) -> bool:
    return chain.batch_first != (chain.nodes[0].layout == 1)


def run_chain(
    chain: Chain, x: Any, h0: Any = None, c0: Any = None, lengths: Any = None
) -> ChainResult:
    """Output and states of x (T, N, I), or (N, T, I) where the file has the batch first.

    h0 and c0 (D·L, N, H) and lengths (N) take the place of the file's. Raises ShapeError where
    shapes do not fit, UsageError where the graph would compute a state that is not given.
    """
    spec = chain_spec(chain)
    x = np.asarray(x)
    if x.ndim != 3:
        raise ShapeError(
            "--input: expected three axes, as ONNX's operators have them",
            got=write_shape(x.shape),
            fix="x[:, None] adds a batch axis",
        )
    for name, option, value in (
        ("initial_h", "--h0", h0),
        ("initial_c", "--c0", c0),
        ("sequence_lens", "--lengths", lengths),
    ):
        if name in chain.given and value is None:
            raise UsageError(
                f"{option}: expected, since the graph is fed or computes {name}",
                got="nothing",
                fix=f"give {option}",
            )
    below = x.transpose(1, 0, 2) if spec.batch_first else x
    rows, finals = spec.num_directions, []
    for layer, node in enumerate(chain.nodes):
        h, c = (
            _rows(node, option, value, layer * rows, spec, below.shape[1])
            for option, value in (("--h0", h0), ("--c0", c0))
        )
        fed = below.transpose(1, 0, 2) if node.layout else below
        outputs = run_node(node, fed, h, c, lengths)
        y = outputs.Y.transpose(1, 2, 0, 3) if node.layout else outputs.Y
        below = y.transpose(0, 2, 1, 3).reshape(len(y), y.shape[2], -1)
        finals.append(
            [s.transpose(1, 0, 2) if node.layout else s for s in outputs[1:] if s is not None]
        )
    joined = [np.concatenate(each) for each in zip(*finals)]
    if chain.merge != "concat" and spec.bidirectional:
        below = _MERGES[chain.merge](*np.split(below, 2, axis=2))
    below = below[::-1] if chain.turned else below
    output = below.transpose(1, 0, 2) if spec.batch_first else below
    return ChainResult(output, joined[0], joined[1] if len(joined) > 1 else None, outputs)


def drawn_call(
    spec: Spec,
    batch: Batch,
    input: Any = None,
    states: Mapping[str, Any] | None = None,
    seed: int = 0,
    dtype: str = "float32",
) -> tuple[Array, dict[str, Any]]:
    """The input and states of a chain: what is given, and drawn what is not, or is "random".

    Raises UsageError where a size to be drawn is open.
    """
    generator = np.random.default_rng(seed)
    shapes: Any = batch.tensors(spec)
    if input is None:
        check_numbers(list(shapes.values()), size=batch.size, seq_len=batch.seq_len)
        input = generator.standard_normal(shapes["input"])
    x = np.asarray(input, dtype)
    given = {}
    for name, state in (states or {}).items():
        if isinstance(state, str):
            size = x.shape[0 if spec.batch_first else 1]
            shape: Any = (spec.num_layers * spec.num_directions, size, spec.hidden_size)
            state = generator.standard_normal(shape).astype(dtype)
        given[f"{name}0"] = state
    return x, given


def _rows(node: Node, option: str, value: Any, first: int, spec: Spec, size: int) -> Any:
    """The rows of h0 or c0 that belong to an operator, in its layout."""
    if value is None:
        return None
    array = np.asarray(value)
    shape: Any = (spec.num_layers * spec.num_directions, size, spec.hidden_size)
    if array.shape != shape:
        raise ShapeError(
            f"{option}: expected {write_shape(shape)}, layers and directions first as in torch",
            got=write_shape(array.shape),
            fix=f"give {option} for every operator, one behind the other",
        )
    own = array[first : first + spec.num_directions]
    return own.transpose(1, 0, 2) if node.layout else own
