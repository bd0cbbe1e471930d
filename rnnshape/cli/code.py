"""rnnshape code."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer

from ..errors import UsageError
from ..network.spec import Spec
from .numbers import module_alone
from .options import Json, Module, Network, network_options
from .output import waiting, write_json, write_lines


@network_options
def code(
    network: Network,
    framework: Annotated[
        str, typer.Option(metavar="NAME", help="torch, keras, flax, flax-linen or equinox.")
    ] = "torch",
    weights: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A weights file that tells the network, to be loaded."),
    ] = None,
    module: Module = None,
    json: Json = False,
    output: Annotated[
        str | None, typer.Option("-o", "--output-file", metavar="FILE.py", help="Write to a file.")
    ] = None,
) -> None:
    """Print Python code that builds the network, loads its weights, and calls it.

    Weights in torch's layout are rearranged by the code itself, whatever the framework.

    Example: rnnshape code --cell lstm --layers 2 --framework keras
    """
    from ..models.code.write import code as written

    if module is not None and weights is None:
        raise module_alone()
    if "equations" in network.arguments:
        from ..models.code.write import written_code

        spec = network.spec
        text = written_code(spec, network.batch_for(spec), framework, weights)
        _put(spec, framework, text, json, output)
        return
    with waiting("reading"):
        spec, loaded = (network.spec, None) if weights is None else _read(
            network, weights, module, framework)  # fmt: skip
        text = written(spec, network.batch_for(spec), framework, loaded)
    _put(spec, framework, text, json, output)


def _put(spec: Spec, framework: str, text: str, json: bool, output: str | None) -> None:
    """Write the code, or a document that holds it."""
    if json:
        from ..show.document import code_document

        write_json(code_document(spec, framework, text), output)
        return
    write_lines(text.rstrip("\n").split("\n"), output)


def _read(network: Network, path: str, module: str | None, framework: str) -> tuple[Spec, Any]:
    """The network that a file tells, and the file as the code opens it."""
    from ..models.code.write import WRITERS, loaded_from
    from ..models.convert import conversion, convert, read_source

    arguments = network.arguments
    fix = conversion(path, framework if framework in (*WRITERS, "onnx") else "torch", module)
    source = read_source(path, module, arguments.get("nonlinearity"))
    free = {n: v for n, v in arguments.items() if n in ("batch_first", "dropout")}
    network.refuse_others(source.spec, free, "the weights tell the network")
    if source.framework not in ("torch", framework):
        either = " or ".join(sorted({"torch", framework}, reverse=True))
        raise UsageError(
            f"--weights: expected a file in the layout of {either}",
            got=f"that of {source.framework}",
            fix=fix,
        )
    result = convert(source, framework) if framework in WRITERS else None
    if not source.names:
        raise UsageError(
            "--weights: expected tensors with the names of torch or of the framework",
            got="other names",
            fix=conversion(path, "torch", module),
        )
    if result and source.framework != "torch" and set(result.tensors) != set(source.names):
        raise UsageError(
            f"--weights: expected the names that rnnshape convert writes, as {min(result.tensors)}",
            got=source.names[0],
            fix=fix,
        )
    return replace(source.spec, **free), loaded_from(path, source, fix)
