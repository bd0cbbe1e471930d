"""The code for Keras 3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...network.batch import Batch
from ...network.spec import Spec
from ..layouts.tables import KERAS, LAYERS
from .load import load_imports, tensor_lines

if TYPE_CHECKING:
    from .write import Loaded


def keras_lines(spec: Spec, batch: Batch, loaded: Loaded | None) -> Iterator[str]:
    """Imports, a functional model with every state, its weights, a call."""
    yield "import keras"
    yield "import numpy as np"
    yield from load_imports(loaded)
    yield ""
    yield f"inputs = keras.Input((None, {spec.input_size}))  # (N, T, I)"
    below, states = "inputs", []
    for layer in range(spec.num_layers):
        if layer and spec.dropout:
            yield f"output = keras.layers.Dropout({spec.dropout})(output)"
        yield f"output, *state_{layer} = {_layer(spec, layer)}({below})"
        below = "output"
        states.append(f"*state_{layer}")
    yield f"model = keras.Model(inputs, [output, {', '.join(states)}])"
    if loaded is not None:
        yield ""
        yield from tensor_lines(spec, KERAS, loaded)
        yield "for variable in model.weights:"
        yield "    variable.assign(tensors[variable.path])"
    yield ""
    sizes = f"({batch.size}, {batch.seq_len}, {spec.input_size})"
    yield f'x = np.random.default_rng(0).standard_normal({sizes}).astype("float32")'
    yield "output, *states = (keras.ops.convert_to_numpy(tensor) for tensor in model(x))"
    each = len(spec.state_names)
    for place, name in enumerate(spec.state_names):
        chosen = f"states[{place}::{each}]" if each > 1 else "states"
        yield f"{name}n = np.stack({chosen})  # (D·L, N, H), the rows as torch has them"
    yield f"assert output.shape == ({batch.size}, {batch.seq_len}, {spec.output_size})"


def _layer(spec: Spec, layer: int) -> str:
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
