"""What `rnnshape run` does with an .onnx file: its own operators in the walk."""

from __future__ import annotations

from typing import Any

from ..errors import UsageError
from .numbers import Numbers, check_drawing
from .options import Network
from .output import write_arrays, write_json, write_text


def run_onnx(network: Network, path: str, numbers: Numbers, json: bool, output: str | None) -> None:
    """Compute the RNN, LSTM or GRU operators of a file."""
    dtype = numbers.dtype
    check_drawing(numbers.seed, dtype)
    import numpy as np

    from ..models.files import read_array
    from ..models.onnx.file import read_chain
    from ..models.onnx.run import chain_spec, run_chain
    from ..numeric.kept import check_numbers

    chain = read_chain(path, numbers.module)
    spec = chain_spec(chain)
    _agree(network, spec)
    if numbers.c0 is not None and not spec.has_cell_state:
        raise UsageError("--c0: expected for an LSTM alone", got=spec.cell, fix="leave out --c0")
    generator = np.random.default_rng(numbers.seed)
    batch = network.batch_for(spec)
    shapes: dict[str, Any] = batch.tensors(spec)
    if numbers.input is None:
        check_numbers(list(shapes.values()), size=batch.size, seq_len=batch.seq_len)
        x = generator.standard_normal(shapes["input"]).astype(dtype)
    else:
        x = np.asarray(read_array(numbers.input, "input"), dtype)
    states: dict[str, Any] = {}
    for name, source in (("h0", numbers.h0), ("c0", numbers.c0)):
        if source == "random":
            size = x.shape[0 if spec.batch_first else 1]
            shape = (spec.num_layers * spec.num_directions, size, chain.nodes[0].hidden_size)
            states[name] = generator.standard_normal(shape).astype(dtype)
        elif source is not None:
            states[name] = read_array(source, name)
    result = run_chain(chain, x, states.get("h0"), states.get("c0"), network.lengths)
    arrays = result.to_dict()
    if output is not None:
        write_arrays(output, arrays)
    if json:
        from ..show.text.onnx import onnx_document

        write_json(onnx_document(chain.to_list(), spec, x, arrays))
    elif output is None:
        from ..show.text.onnx import onnx_text

        write_text(onnx_text(chain.to_list(), chain.batch_first, x, arrays))


def _agree(network: Network, spec: Any) -> None:
    """Refuse options that say of the network what the file does not."""
    for name, value in network.arguments.items():
        if value != getattr(spec, name) and name != "dropout":
            option = "--" + name.replace("_", "-")
            raise UsageError(
                f"{option}: expected {getattr(spec, name)}, as the file says",
                got=str(value),
                fix=f"leave out {option}: an .onnx file tells its network",
            )
    if network.given["unbatched"] or network.given.get("output_size") is not None:
        option = "--unbatched" if network.given["unbatched"] else "--output-size"
        raise UsageError(
            f"{option}: expected without an .onnx file",
            got=option,
            fix="give an input of three axes, and no head",
        )
