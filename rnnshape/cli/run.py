"""rnnshape run."""

from __future__ import annotations

from typing import Annotated

import typer

from ..errors import UsageError
from .forms import (
    Decoder,
    FormName,
    arranged,
    check_form,
    decoder_options,
    form_numbers,
    run_form,
)
from .gradients import Gradients, gradient_options
from .numbers import Numbers, number_options, numeric_trace
from .options import Network, head_options
from .output import write_arrays, write_json, write_text
from .shared import first_set


@head_options
@number_options
@gradient_options
@decoder_options
def run(
    network: Network,
    numbers: Numbers,
    gradients: Gradients,
    decoder: Decoder,
    form: FormName = None,
    json: Annotated[bool, typer.Option("--json", help="Shapes and values as JSON.")] = False,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output-file",
            metavar="FILE.npz",
            help="Write output, hn and cn, and the gradients.",
        ),
    ] = None,
) -> None:
    """Compute output, hn and cn with NumPy, without torch.

    What no file gives is drawn with the seed: parameters uniform in ±1/√H as torch initialises
    them, the input standard normal.

    --backward adds the gradients of sum(output·G), or of a loss of the head's o.

    Example: rnnshape run --input-size 2 --hidden-size 4 --layers 3 --backward
    """
    check_form(form, {**numbers.sources, **gradients.asked}, decoder)
    if form is not None:
        a = arranged(network, form, decoder, numbers.weights)
        run_form(a, form_numbers(a, numbers), json, output)
        return
    if numbers.weights is not None and numbers.weights.lower().endswith(".onnx"):
        from .onnx import run_onnx

        check_forward(gradients)
        run_onnx(network, numbers.weights, numbers, json, output)
        return
    from ..compute import compute
    from .progress import waiting

    with waiting("computing"):
        subject = gradients.numbers(numeric_trace(network, numbers), numbers.seed)
        assert subject.feed is not None
        result = compute(subject.feed)
    if output is not None:
        write_arrays(output, {**result.to_dict(), **subject.gradients})
    if json:
        from ..show.document import run_document

        write_json(run_document(subject, result))
    elif output is None:
        from ..show.told import run_text

        write_text(run_text(subject, result))


def check_forward(gradients: Gradients) -> None:
    """Refuse a backward of an .onnx file, whose operators are computed forward alone."""
    option = first_set(gradients.asked)
    if option is not None:
        raise UsageError(
            f"{option}: expected without an .onnx file, whose operators are computed forward alone",
            got="both",
            fix="rnnshape convert model.onnx -o model.safetensors, then run that",
        )
