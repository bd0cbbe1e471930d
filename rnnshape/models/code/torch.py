"""The code for torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...network.batch import Batch
from ...network.spec import Spec

if TYPE_CHECKING:
    from .write import Loaded


def torch_lines(spec: Spec, batch: Batch, loaded: Loaded | None) -> Iterator[str]:
    """Imports, the module, its weights, a call."""
    form = loaded.form if loaded else ""
    if form == "npz":
        yield "import numpy as np"
    yield "import torch"
    if form == "safetensors":
        yield "from safetensors.torch import load_file"
    yield "from torch import nn"
    if batch.packed:
        yield "from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence"
    name = "cell" if spec.single else spec.cell
    yield ""
    yield f"{name} = {spec.code}"
    if spec.dropout:
        yield f"{name}.eval()  # without dropout"
    if loaded is not None:
        yield from _loading(name, loaded)
    yield ""
    yield from _call(spec, batch, name)


def _loading(name: str, loaded: Loaded) -> Iterator[str]:
    path = ascii(loaded.path)
    yield ""
    if loaded.form == "npz":
        yield f"weights = {{name: torch.from_numpy(a) for name, a in np.load({path}).items()}}"
    elif loaded.form == "safetensors":
        yield f"weights = load_file({path})"
    elif loaded.form == "torchscript":
        yield f'weights = torch.jit.load({path}, map_location="cpu").state_dict()'
    else:
        inside = "".join(f"[{key!a}]" for key in loaded.keys or ())
        yield f'weights = torch.load({path}, map_location="cpu", weights_only=True){inside}'
    own = f"weights[{loaded.prefix!a} + name]" if loaded.prefix else "weights[name]"
    yield f"{name}.load_state_dict({{name: {own} for name in {name}.state_dict()}})"


def _call(spec: Spec, batch: Batch, name: str) -> Iterator[str]:
    tensors = batch.tensors(spec)
    sizes = ", ".join(map(str, tensors["input"]))
    axes = "T, I" if batch.unbatched else "N, T, I" if spec.batch_first else "T, N, I"
    if spec.single:
        axes = "I" if batch.unbatched else "N, I"
    final = "hn, cn" if spec.has_cell_state else "hn"
    returned = f"output, ({final})" if spec.has_cell_state else f"output, {final}"
    if spec.single:
        returned = final
    first = ", batch_first=True" if spec.batch_first else ""
    yield f"x = torch.randn({sizes})  # ({axes})"
    yield "with torch.no_grad():"
    if not batch.packed:
        yield f"    {returned} = {name}(x)"
    else:
        yield f"    lengths = {list(batch.lengths or ())}"
        yield f"    packed = pack_padded_sequence(x, lengths{first}, enforce_sorted=False)"
        yield f"    packed, {returned.removeprefix('output, ')} = {name}(packed)"
        yield f"    output, lengths = pad_packed_sequence(packed{first})"
    for one in (*([] if spec.single else ["output"]), *final.split(", ")):
        yield f"assert {one}.shape == {tuple(tensors[one])}"
