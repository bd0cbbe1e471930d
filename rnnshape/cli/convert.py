"""rnnshape convert."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from ..errors import UsageError
from .options import Json, Module
from .output import waiting, write_arrays, write_file, write_json, write_text

_WRITTEN = (".npz", ".safetensors", ".onnx")


def convert(
    source: Annotated[str, typer.Argument(metavar="IN", help="A weights file or an .onnx file.")],
    target: Annotated[
        str, typer.Argument(metavar="OUT", help="A .npz, .safetensors or .onnx file to write.")
    ],
    to: Annotated[
        str, typer.Option(metavar="NAME", help="torch, onnx, keras, flax, flax-linen or equinox.")
    ],
    module: Module = None,
    nonlinearity: Annotated[
        str | None, typer.Option(metavar="tanh|relu", help="Of an rnn, for an .onnx file.")
    ] = None,
    json: Json = False,
) -> None:
    """Convert weights from one framework's layout to another's.

    The layout of IN is seen from its names and shapes. What the other cannot hold is refused.

    Example: rnnshape convert model.safetensors keras.npz --to keras --module encoder.rnn
    """
    from ..models.layouts.tables import layout_of

    layout_of(to, "--to")
    suffix = os.path.splitext(target)[1].lower()
    if suffix not in _WRITTEN or (suffix == ".onnx" and to != "onnx"):
        names = ", ".join(_WRITTEN if to == "onnx" else _WRITTEN[:2])
        raise UsageError(
            f"OUT: expected a file of {names}",
            got=repr(target[-60:]),
            fix=f"name it weights.npz{', or give --to onnx' if suffix == '.onnx' else ''}",
        )
    from ..models.convert import convert as converted
    from ..models.convert import read_source

    with waiting("converting"):
        result = converted(read_source(source, module, nonlinearity), to)
        _write(target, suffix, result)
    from ..show.document import convert_document

    document = convert_document(result, source, target)
    if json:
        write_json(document)
        return
    from ..show.text.models import convert_text

    write_text(convert_text(document, str(result.spec)))


def _write(target: str, suffix: str, result: Any) -> None:
    if suffix == ".npz":
        write_arrays(target, result.tensors)
        return
    if suffix == ".safetensors":
        from safetensors.numpy import save

        data = save(result.tensors)
    else:
        from ..models.onnx.write import onnx_bytes

        data = onnx_bytes(result.spec, result.tensors)
    write_file(target, lambda file: file.write(data))
