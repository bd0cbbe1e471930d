"""The code for the frameworks on JAX: flax.nnx, flax.linen and Equinox."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ...network.batch import Batch
from ...network.spec import Spec
from ..layouts.tables import EQUINOX, FLAX, LINEN
from .load import load_imports, tensor_lines

if TYPE_CHECKING:
    from .write import Loaded

_CELLS = {"rnn": "SimpleCell", "lstm": "OptimizedLSTMCell", "gru": "GRUCell"}


def nnx_lines(spec: Spec, batch: Batch, loaded: Loaded | None) -> Iterator[str]:
    """Imports, a module of layers, its weights, a call."""
    yield "import jax.numpy as jnp"
    yield "import numpy as np"
    yield "from flax import nnx"
    yield from load_imports(loaded)
    yield ""
    yield ""
    activation = ", activation_fn=nnx.relu" if spec.nonlinearity == "relu" else ""
    yield "def rnn(features, rngs):"
    yield '    """One direction of a layer."""'
    cell = f"nnx.{_CELLS[spec.cell]}(features, {spec.hidden_size}{activation}, rngs=rngs)"
    yield f"    return nnx.RNN({cell})"
    yield ""
    yield ""
    yield "class Network(nnx.Module):"
    yield f'    """{_without_dropout(spec)}, the batch first."""'
    yield ""
    yield "    def __init__(self, rngs):"
    yield f"        features = [{spec.input_size}] + [{spec.output_size}] * {spec.num_layers - 1}"
    one = "rnn(n, rngs)"
    layer = f"nnx.Bidirectional({one}, {one})" if spec.bidirectional else one
    yield f"        self.layers = nnx.List([{layer} for n in features])"
    yield ""
    yield from _forward(spec)
    yield ""
    yield "model = Network(nnx.Rngs(0))"
    if loaded is not None:
        yield ""
        yield from tensor_lines(spec, FLAX, loaded)
        yield "state = nnx.state(model, nnx.Param)"
        yield "for path, variable in nnx.to_flat_state(state):"
        yield '    variable[...] = jnp.asarray(tensors[".".join(map(str, path))], jnp.float32)'
        yield "nnx.update(model, state)"
    yield from _call(spec, batch, "model(x)")


def linen_lines(spec: Spec, batch: Batch, loaded: Loaded | None) -> Iterator[str]:
    """Imports, a module of layers, its parameters, a call."""
    yield "import flax.linen as nn"
    yield "import jax"
    yield "import jax.numpy as jnp"
    yield "import numpy as np"
    yield "from flax.traverse_util import unflatten_dict"
    yield from load_imports(loaded)
    yield ""
    yield ""
    activation = ", activation_fn=nn.relu" if spec.nonlinearity == "relu" else ""
    yield "def rnn():"
    yield '    """One direction of a layer."""'
    yield f"    return nn.RNN(nn.{_CELLS[spec.cell]}({spec.hidden_size}{activation}))"
    yield ""
    yield ""
    yield "class Network(nn.Module):"
    yield f'    """{_without_dropout(spec)}, the batch first."""'
    yield ""
    yield "    def setup(self):"
    one = "rnn()"
    layer = f"nn.Bidirectional({one}, {one})" if spec.bidirectional else one
    yield f"        self.layers = [{layer} for _ in range({spec.num_layers})]"
    yield ""
    yield from _forward(spec)
    yield ""
    yield "model = Network()"
    if loaded is None:
        size = f"1, 1, {spec.input_size}"
        yield f"parameters = model.init(jax.random.key(0), jnp.zeros(({size})))"
    else:
        yield ""
        yield from tensor_lines(spec, LINEN, loaded)
        yield "arrays = {name: jnp.asarray(array, jnp.float32) for name, array in tensors.items()}"
        yield 'parameters = unflatten_dict(arrays, sep=".")'
    yield from _call(spec, batch, "model.apply(parameters, x)")


def _without_dropout(spec: Spec) -> str:
    """The network as torch prints it, less what acts in training alone."""
    return str(replace(spec, dropout=0.0, batch_first=False))


def _left_out(spec: Spec) -> Iterator[str]:
    """In the loop over the layers: what acts there in training alone, and is not written."""
    if spec.dropout and spec.num_layers > 1:
        when = "before each layer but the first, in training: left out"
        yield f"        # dropout={spec.dropout} {when}"


def _forward(spec: Spec) -> Iterator[str]:
    yield "    def __call__(self, x):"
    yield "        carries = []"
    yield "        for layer in self.layers:"
    yield from (f"    {line}" for line in _left_out(spec))
    yield "            carry, x = layer(x, return_carry=True)"
    yield f"            carries {'+= carry' if spec.bidirectional else '+= [carry]'}"
    yield "        return x, carries"
    yield ""


def _call(spec: Spec, batch: Batch, call: str) -> Iterator[str]:
    yield ""
    sizes = f"({batch.size}, {batch.seq_len}, {spec.input_size})"
    yield f"x = jnp.asarray(np.random.default_rng(0).standard_normal({sizes}), jnp.float32)"
    yield f"output, carries = {call}"
    if spec.has_cell_state:
        yield "cn, hn = (jnp.stack(states) for states in zip(*carries))  # a carry is (c, h)"
    else:
        yield "hn = jnp.stack(carries)  # (D·L, N, H), the rows as torch has them"
    yield f"assert output.shape == ({batch.size}, {batch.seq_len}, {spec.output_size})"


def equinox_lines(spec: Spec, batch: Batch, loaded: Loaded | None) -> Iterator[str]:
    """Imports, the cells, their weights, the loops that Equinox leaves to its users, a call."""
    kind = f"{spec.class_name}Cell"
    bias = "" if spec.bias else ", use_bias=False"
    yield "import equinox as eqx"
    yield "import jax"
    yield "import jax.numpy as jnp"
    yield "import numpy as np"
    yield from load_imports(loaded)
    yield ""
    yield f"features = [{spec.input_size}] + [{spec.output_size}] * {spec.num_layers - 1}"
    both = spec.bidirectional
    one = f"eqx.nn.{kind}(n, {spec.hidden_size}{bias}, key=jax.random.key(0))"
    names = ('"forward"', '"backward"') if both else ('"forward"',)
    cells = ", ".join(f"{name}: {one}" for name in names)
    yield f"layers = [{{{cells}}} for n in features]"
    if loaded is not None:
        yield ""
        yield from tensor_lines(spec, EQUINOX, loaded)
        fields = ", ".join(f'"{row.leaf}"' for row in EQUINOX.entries(spec))
        place = '"layers.{number}.{side}."' if both else '"layers.{number}."'
        yield "for number, sides in enumerate(layers):"
        yield "    for side, cell in sides.items():"
        yield f"        for field in ({fields}):"
        yield f"            array = jnp.asarray(tensors[f{place} + field], jnp.float32)"
        yield "            cell = eqx.tree_at(lambda c: getattr(c, field), cell, array)"
        yield "        sides[side] = cell"
    yield ""
    yield ""
    yield "def run(x):"
    yield '    """One sample (T, I): output (T, D·H), and the last state of each cell."""'
    yield "    states = []"
    yield "    for sides in layers:"
    yield from _left_out(spec)
    yield "        outputs = []"
    yield "        for side, cell in sides.items():"
    yield ""
    yield "            def step(state, x_t, cell=cell):"
    yield "                state = cell(x_t, state)"
    yield f"                return state, {'state[0]' if spec.cell == 'lstm' else 'state'}"
    yield ""
    yield f"            zeros = jnp.zeros({spec.hidden_size})"
    start = "(zeros, zeros)" if spec.has_cell_state else "zeros"
    back = 'reverse=side == "backward"'
    yield f"            state, output = jax.lax.scan(step, {start}, x, {back})"
    yield "            outputs.append(output)"
    yield "            states.append(state)"
    yield "        x = jnp.concatenate(outputs, axis=-1)"
    yield "    return x, states"
    yield ""
    yield ""
    sizes = f"({batch.size}, {batch.seq_len}, {spec.input_size})"
    yield f"x = jnp.asarray(np.random.default_rng(0).standard_normal({sizes}), jnp.float32)"
    yield "output, states = jax.vmap(run)(x)  # (N, T, D·H)"
    if spec.has_cell_state:
        yield "hn, cn = (jnp.stack(each) for each in zip(*states))  # (D·L, N, H), as torch"
    else:
        yield "hn = jnp.stack(states)  # (D·L, N, H), as torch"
    yield f"assert output.shape == ({batch.size}, {batch.seq_len}, {spec.output_size})"
