"""rnnshape run."""

from __future__ import annotations

from typing import Annotated

import typer

from .forms import (
    Decoder,
    FormName,
    arranged,
    check_form,
    decoder_options,
    form_numbers,
    run_form,
)
from .numbers import Numbers, number_options, numeric_trace
from .options import Network, head_options
from .output import write_arrays, write_lines


@head_options
@number_options
@decoder_options
def run(
    network: Network,
    numbers: Numbers,
    decoder: Decoder,
    form: FormName = None,
    json: Annotated[bool, typer.Option("--json", help="Shapes and values as JSON.")] = False,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output-file", metavar="FILE.npz", help="Write output, hn and cn."),
    ] = None,
) -> None:
    """Compute output, hn and cn with NumPy, without torch.

    What no file gives is drawn with the seed: parameters uniform in ±1/√H as torch initialises
    them, the input standard normal.

    Example: rnnshape run --input-size 2 --hidden-size 4 --layers 3
    """
    check_form(form, numbers, decoder)
    if form is not None:
        a = arranged(network, form, decoder)
        run_form(a, form_numbers(a, numbers), json, output)
        return
    if numbers.weights is not None and numbers.weights.lower().endswith(".onnx"):
        from .onnx import run_onnx

        run_onnx(network, numbers.weights, numbers, json, output)
        return
    from ..compute import compute
    from .progress import waiting

    with waiting("computing"):
        subject = numeric_trace(network, numbers)
        assert subject.feed is not None
        result = compute(subject.feed)
    if output is not None:
        write_arrays(output, result.to_dict())
    if json:
        from json import dumps

        from ..show.document import run_document

        write_lines([dumps(run_document(subject, result))])
    elif output is None:
        from ..show.screen import put
        from ..show.told import run_text

        put(run_text(subject, result))
