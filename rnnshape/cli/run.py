"""rnnshape run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from .flow import Flow, flow_options
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

if TYPE_CHECKING:
    from ..analysis.trace import Trace
    from ..numeric.feed import Result


@head_options
@number_options
@gradient_options
@flow_options
@decoder_options
def run(
    network: Network,
    numbers: Numbers,
    gradients: Gradients,
    flow: Flow,
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

    --backward adds the gradients of sum(output·G), or of a loss of the head's o; with --flow it
    plots how they vanish or explode, beside the other cells where the weights are drawn.

    Example: rnnshape run --input-size 2 --hidden-size 4 --layers 3 --backward
    """
    check_form(form, {**numbers.sources, **gradients.asked, **flow.asked}, decoder)
    if form is not None:
        a = arranged(network, form, decoder, numbers.weights)
        run_form(a, form_numbers(a, numbers), json, output)
        return
    if numbers.weights is not None and numbers.weights.lower().endswith(".onnx"):
        from .onnx import run_onnx

        check_forward({**gradients.asked, **flow.asked})
        run_onnx(network, numbers.weights, numbers, json, output)
        return
    flow.check(gradients, numbers)
    from .progress import waiting

    with waiting("computing"):
        subject = flow.scaled(numeric_trace(network, numbers))
        subject = gradients.numbers(subject, numbers.seed)
        curves = flow.curves(subject, numbers)
    if curves and not json:
        from ..show.screen import columns_of, put
        from ..show.text.flow import flow_lines

        put(flow_lines(subject, curves, columns_of(sys.stdout)))
        if output is None:
            return
    with waiting("computing"):
        result, found = _computed(subject)
    if output is not None:
        write_arrays(output, {**result.to_dict(), **found})
    if json:
        from ..show.document import run_document

        write_json(run_document(subject, result, found, curves))
    elif output is None:
        from ..show.text.trace import run_text

        write_text(run_text(subject, result, found))


def _computed(subject: Trace) -> tuple[Result, dict[str, Any]]:
    """The result, and the gradients where the trace goes backwards."""
    assert subject.feed is not None
    if subject.back is None:
        from ..numeric.fast.forward import compute

        return compute(subject.feed), {}
    from ..numeric.fast.backward import compute_backward

    return compute_backward(subject.feed, subject.back.tbptt)


def check_forward(asked: dict[str, Any]) -> None:
    """Refuse a backward of an .onnx file, whose operators are computed forward alone."""
    option = first_set(asked)
    if option is not None:
        raise UsageError(
            f"{option}: expected without an .onnx file, whose operators are computed forward alone",
            got="both",
            fix="rnnshape convert model.onnx -o model.safetensors, then run that",
        )
