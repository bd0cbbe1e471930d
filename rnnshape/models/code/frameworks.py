"""The code for Keras 3, and for the frameworks on JAX: flax.nnx, flax.linen and Equinox."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...network.batch import Batch
from ...network.spec import Spec
from ..layouts.layout import Layout
from ..layouts.tables import EQUINOX, FLAX, KERAS, LAYERS, LINEN
from .load import filled, load_imports, tensor_lines

if TYPE_CHECKING:
    from .write import Loaded

_CELLS = {"rnn": "SimpleCell", "lstm": "OptimizedLSTMCell", "gru": "GRUCell"}


def nnx_lines(spec: Spec, batch: Batch, loaded: Loaded | None) -> Iterator[str]:
    """Imports, a module of layers, its weights, a call."""
    one = "rnn(n, rngs)"
    placed = (
        "state = nnx.state(model, nnx.Param)",
        "for path, variable in nnx.to_flat_state(state):",
        '    variable[...] = jnp.asarray(tensors[".".join(map(str, path))], jnp.float32)',
        "nnx.update(model, state)",
    )
    return filled(
        "flax", **_flax(spec, batch, loaded, "nnx"), weights=_weights(spec, FLAX, loaded, placed),
        layer=f"nnx.Bidirectional({one}, {one})" if spec.bidirectional else one,
    )  # fmt: skip


def linen_lines(spec: Spec, batch: Batch, loaded: Loaded | None) -> Iterator[str]:
    """Imports, a module of layers, its parameters, a call."""
    placed = (
        "arrays = {name: jnp.asarray(array, jnp.float32) for name, array in tensors.items()}",
        'parameters = unflatten_dict(arrays, sep=".")',
    )
    size = f"1, 1, {spec.input_size}"
    drawn = [f"parameters = model.init(jax.random.key(0), jnp.zeros(({size})))"]
    return filled(
        "flax-linen", **_flax(spec, batch, loaded, "nn"), layers=str(spec.num_layers),
        layer="nn.Bidirectional(rnn(), rnn())" if spec.bidirectional else "rnn()",
        weights=_weights(spec, LINEN, loaded, placed) if loaded else drawn,
    )  # fmt: skip


def _flax(spec: Spec, batch: Batch, loaded: Loaded | None, module: str) -> dict[str, Any]:
    states = "cn, hn = (jnp.stack(states) for states in zip(*carries))  # a carry is (c, h)"
    if not spec.has_cell_state:
        states = "hn = jnp.stack(carries)  # (D·L, N, H), the rows as torch has them"
    return _common(spec, batch, loaded) | {
        "cell": _CELLS[spec.cell], "carry": "carry" if spec.bidirectional else "[carry]",
        "activation": f", activation_fn={module}.relu" if spec.nonlinearity == "relu" else "",
        "network": str(replace(spec, dropout=0.0, batch_first=False)), "states": states,
    }  # fmt: skip


def equinox_lines(spec: Spec, batch: Batch, loaded: Loaded | None) -> Iterator[str]:
    """Imports, the cells, their weights, the loops that Equinox leaves to its users, a call."""
    bias = "" if spec.bias else ", use_bias=False"
    cell = f"eqx.nn.{spec.class_name}Cell(n, {spec.hidden_size}{bias}, key=jax.random.key(0))"
    names = ('"forward"', '"backward"')[: spec.num_directions]
    fields = ", ".join(f'"{row.leaf}"' for row in EQUINOX.entries(spec)) if loaded else ""
    place = '"layers.{number}.{side}."' if spec.bidirectional else '"layers.{number}."'
    placed = (
        "for number, sides in enumerate(layers):",
        "    for side, cell in sides.items():",
        f"        for field in ({fields}):",
        f"            array = jnp.asarray(tensors[f{place} + field], jnp.float32)",
        "            cell = eqx.tree_at(lambda c: getattr(c, field), cell, array)",
        "        sides[side] = cell",
    )
    states = "hn, cn = (jnp.stack(each) for each in zip(*states))"
    if not spec.has_cell_state:
        states = "hn = jnp.stack(states)"
    return filled(
        "equinox", **_common(spec, batch, loaded), states=f"{states}  # (D·L, N, H), as torch",
        weights=_weights(spec, EQUINOX, loaded, placed),
        cells=", ".join(f"{name}: {cell}" for name in names),
        h="state[0]" if spec.cell == "lstm" else "state",
        start="(zeros, zeros)" if spec.has_cell_state else "zeros",
    )  # fmt: skip


def keras_lines(spec: Spec, batch: Batch, loaded: Loaded | None) -> Iterator[str]:
    """Imports, a functional model with every state, its weights, a call."""
    layers, below = [], "inputs"
    for layer in range(spec.num_layers):
        if layer and spec.dropout:
            layers.append(f"output = keras.layers.Dropout({spec.dropout})(output)")
        layers += f"output, *state_{layer} = {_keras_layer(spec, layer)}({below})".splitlines()
        below = "output"
    states = ", ".join(f"*state_{layer}" for layer in range(spec.num_layers))
    placed = ("for variable in model.weights:", "    variable.assign(tensors[variable.path])")
    each, ended = len(spec.state_names), []
    for place, name in enumerate(spec.state_names):
        chosen = f"states[{place}::{each}]" if each > 1 else "states"
        ended.append(f"{name}n = np.stack({chosen})  # (D·L, N, H), the rows as torch has them")
    return filled(
        "keras", **_common(spec, batch, loaded), states=ended,
        layers=[*layers, f"model = keras.Model(inputs, [output, {states}])"],
        weights=_weights(spec, KERAS, loaded, placed),
    )  # fmt: skip


def _keras_layer(spec: Spec, layer: int) -> str:
    kind, name = LAYERS[spec.cell]
    number = f"_{layer}" if layer else ""
    options = ["return_sequences=True", "return_state=True"]
    options += ['activation="relu"'] if spec.nonlinearity == "relu" else []
    options += [] if spec.bias else ["use_bias=False"]
    options += ["reset_after=True"] if spec.cell == "gru" else []
    own = name if spec.bidirectional else name + number
    text = f'keras.layers.{kind}({spec.hidden_size}, {", ".join(options)}, name="{own}")'
    if not spec.bidirectional:
        return text
    return f'keras.layers.Bidirectional(\n    {text}, name="bidirectional{number}"\n)'


def _common(spec: Spec, batch: Batch, loaded: Loaded | None) -> dict[str, Any]:
    """What every template is filled in with."""
    dropped = spec.dropout and spec.num_layers > 1
    why = f"# dropout={spec.dropout} before each layer but the first, in training: left out"
    return {
        "opening": load_imports(loaded), "left_out": [why] if dropped else [],
        "features": str(spec.input_size), "hidden": str(spec.hidden_size),
        "width": str(spec.output_size), "above": str(spec.num_layers - 1),
        "sizes": f"({batch.size}, {batch.seq_len}, {spec.input_size})",
        "shape": f"({batch.size}, {batch.seq_len}, {spec.output_size})",
    }  # fmt: skip


def _weights(
    spec: Spec, layout: Layout, loaded: Loaded | None, placed: tuple[str, ...]
) -> Iterator[str]:
    """The arrays of a file, and how they are put into the model."""
    if loaded is not None:
        yield ""
        yield from tensor_lines(spec, layout, loaded)
        yield from placed
