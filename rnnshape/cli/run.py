"""rnnshape run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from .forms import Decoder, FormName, arranged, check_form, decoder_options, form_numbers, run_form
from .numbers import (
    Flow,
    Gradients,
    Numbers,
    check_drawing,
    flow_options,
    gradient_options,
    number_options,
    numeric_trace,
)
from .options import Network, Pair, first_set, head_options
from .output import waiting, write_arrays, write_json, write_notes, write_text

if TYPE_CHECKING:
    from ..models.onnx.graph import Chain


ArraysFile = Annotated[
    str | None,
    typer.Option("-o", "--output-file", metavar="FILE.npz",
                 help="Write output, hn and cn, and the gradients."),
]  # fmt: skip


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
    output: ArraysFile = None,
) -> None:
    """Compute output, hn and cn with NumPy, without torch.

    What no file gives is drawn with the seed: parameters uniform in ±1/√H as torch initialises
    them, the input standard normal.

    --backward adds the gradients of sum(output·G), or of a loss of the head's o; with --flow it
    plots how they vanish or explode, beside the other cells where the weights are drawn.

    Example: rnnshape run --input-size 2 --hidden-size 4 --layers 3 --backward
    """
    check_form(
        form, {**numbers.sources, "--weights": None, **gradients.asked, **flow.asked}, decoder
    )
    if form is not None:
        a = arranged(network, form, decoder, numbers.weights)
        run_form(a, form_numbers(a, numbers), json, output)
        return
    if numbers.weights is not None and numbers.weights.lower().endswith(".onnx"):
        from ..models.onnx.file import read_chain

        chain = read_chain(numbers.weights, numbers.module)
        if chain is not None:
            check_forward({**gradients.asked, **flow.asked}, numbers)
            run_onnx(network, chain, numbers, json, output)
            return
    flow.check(gradients, numbers)

    from ..models.files import Elsewhere

    try:
        with waiting("computing"):
            subject = numeric_trace(network, numbers)
    except Elsewhere as error:
        if error.chain is None:
            raise
        from ..models.onnx.file import numbered

        check_forward({**gradients.asked, **flow.asked})
        run_onnx(network, numbered(error.file, error.chain), numbers, json, output)
        return
    with waiting("computing"):
        subject = flow.scaled(subject)
        subject = gradients.numbers(subject, numbers.seed)
        curves = flow.curves(subject, numbers)
    if curves and not json:
        from ..show.screen import columns_of, put
        from ..show.text.flow import flow_lines

        put(flow_lines(subject, curves, columns_of(sys.stdout)))
        if output is None:
            return
    with waiting("computing"):
        result, found = subject.computed()
    if output is not None:
        write_arrays(output, {**result.to_dict(), **found})
    if json:
        from ..show.document import run_document

        write_json(run_document(subject, result, found, curves))
    elif output is None:
        from ..show.text.trace import run_text

        write_text(run_text(subject, result, found))


def check_forward(asked: dict[str, Any], numbers: Numbers | None = None) -> None:
    """Refuse a backward of operators, which are computed forward alone.

    numbers: where the file may hold a network that torch has, which is converted to that end.
    """
    option = first_set(asked)
    if option is None:
        return
    from ..models.convert import conversion

    words = f"{option}: expected without operators of ONNX, which are computed forward alone"
    if numbers is None or numbers.weights is None:
        raise Pair(words, option)
    fix = conversion(numbers.weights, "torch", numbers.module) + "  # then run that"
    raise UsageError(words, got="both", fix=fix)


def run_onnx(
    network: Network, chain: Chain, numbers: Numbers, json: bool, output: str | None
) -> None:
    """Compute the RNN, LSTM or GRU operators of a file."""
    check_drawing(numbers.seed, numbers.dtype)
    from ..models.onnx.run import chain_spec, drawn_call, run_chain

    write_notes(chain.notes)
    spec = chain_spec(chain)
    _agree(network, spec)
    if numbers.c0 is not None and not spec.has_cell_state:
        raise Pair("--c0: expected for an LSTM alone", "--c0", got=spec.cell)
    x, states = drawn_call(
        spec, network.batch_for(spec), numbers.read_input(), numbers.read_states("h", "c"),
        numbers.seed, numbers.dtype,
    )  # fmt: skip
    arrays = run_chain(chain, x, states.get("h0"), states.get("c0"), network.lengths).arrays
    if output is not None:
        write_arrays(output, arrays)
    if json:
        from ..show.text.models import onnx_document

        write_json(onnx_document(chain, spec, x, arrays))
    elif output is None:
        from ..show.text.models import onnx_text

        write_text(onnx_text(chain, x, arrays))


def _agree(network: Network, spec: Any) -> None:
    """Refuse options that say of the network what the file does not."""
    network.refuse_others(spec, ["dropout"], "an .onnx file tells its network")
    if network.options["unbatched"] or network.options.get("output_size") is not None:
        option = "--unbatched" if network.options["unbatched"] else "--output-size"
        raise Pair(f"{option}: expected without an .onnx file", option)
