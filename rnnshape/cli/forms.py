"""rnnshape forms, and the options that choose a form for other commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from ..network.dims import parse_dim
from ..network.head import Head
from ..network.spec import Spec
from .numbers import Numbers, check_drawing
from .options import Json, Network, Pair, by_option, first_set, head_options, refuse, taking
from .output import patient, waiting, write_arrays, write_json, write_lines, write_text

if TYPE_CHECKING:
    from ..analysis.forms import Arrangement, FormNumbers
    from ..analysis.trace import Selection

FormName = Annotated[
    str | None,
    typer.Option("--form", metavar="NAME", rich_help_panel="The form",
                 help="one-to-one, one-to-many, many-to-one, many-to-many, encoder-decoder."),
]  # fmt: skip


def _decoder_option(**more: Any) -> Any:
    return Annotated[str | None, typer.Option(rich_help_panel="The form", **more)]


_DECODER = {
    "target_len": _decoder_option(metavar="T", help="Steps of the decoder."),
    "decoder_layers": _decoder_option(metavar="L", help="Unlike the encoder's."),
    "decoder_hidden_size": _decoder_option(metavar="H", help="Unlike the bridge's."),
}


@dataclass(frozen=True)
class Decoder:
    """What the command line says of an encoder-decoder's decoder; None where it says nothing."""

    target_len: str | None = None
    decoder_layers: str | None = None
    decoder_hidden_size: str | None = None

    @property
    def sizes(self) -> dict[str, Any]:
        """The fields of its spec that were given. Raises UsageError."""
        texts = {"num_layers": (self.decoder_layers, "decoder-layers"),
                 "hidden_size": (self.decoder_hidden_size, "decoder-hidden-size")}  # fmt: skip
        return {field: parse_dim(text, option) for field, (text, option) in texts.items()
                if text is not None}  # fmt: skip


decoder_options = taking("decoder", _DECODER, Decoder)


@head_options
@decoder_options
def forms(
    network: Network,
    decoder: Decoder,
    code: Annotated[
        str | None, typer.Option("--code", metavar="NAME", help="The torch code of one form.")
    ] = None,
    json: Json = False,
) -> None:
    """List the forms, one-to-one to encoder-decoder: pictures, settings, shapes, torch code.

    Example: rnnshape forms --code encoder-decoder
    """
    from ..analysis.forms import FORMS
    from ..show.text.forms import form_code, forms_document, forms_text

    if code is not None:
        if json:
            words = "--code: expected without --json, since code is no document"
            raise Pair(words, "--json", "--code")
        write_lines([form_code(arranged(network, code, decoder))])
        return
    rows: dict[str, Arrangement | UsageError] = {}
    for name in FORMS:
        try:
            rows[name] = arranged(network, name, decoder, listing=True)
        except UsageError as error:
            rows[name] = error
    if all(isinstance(row, UsageError) for row in rows.values()):
        raise next(row for row in rows.values() if isinstance(row, UsageError))
    if json:
        write_json(forms_document(rows))
        return
    write_text(forms_text(rows))


def arranged(
    network: Network, name: str, decoder: Decoder, weights: str | None = None, listing: bool = False
) -> Arrangement:
    """The form that the options describe, and a file of weights where they do not.

    A listing takes of the head what fits each form; --output-at is one form's own. Raises
    UsageError.
    """
    from ..analysis.forms import arrange

    stored = {} if weights is None else _told(weights)
    first = stored.get("encoder" if name == "encoder-decoder" else "rnn")
    spec = network.spec if first is None else Spec.from_dict({**first, **network.arguments})
    head = network.head
    if head is None and "head" in stored:
        head = Head(**stored["head"])
    sizes = {**stored.get("decoder", {}), **decoder.sizes}
    if name != "encoder-decoder" and not listing:
        option = first_set(by_option(decoder))
        if option is not None:
            words = f"{option}: expected with --form encoder-decoder"
            raise Pair(words, got=f"--form {name}", added="--form encoder-decoder")
    fitted = [n for n in ("seq_len", "output_at") if listing or network.options[n] is None]
    fitted += ["output_size"] * listing
    length = parse_dim("3" if decoder.target_len is None else decoder.target_len, "target-len")
    return arrange(name, spec, network.batch, head, length, sizes, fitted)


def _told(path: str) -> dict[str, Mapping[str, Any]]:
    """By name in the model: what a file tells of its networks and of its head."""
    from ..models.files import open_file
    from ..models.networks.find import arguments_by_name

    return arguments_by_name(open_file(path))


def check_form(
    form: str | None, beside: Mapping[str, Any], decoder: Decoder,
    why: str = "since its inputs are drawn",
) -> None:  # fmt: skip
    """Refuse what a form does not take, and a form's own options without one."""
    option = first_set(by_option(decoder))
    if form is None and option is not None:
        words = f"{option}: expected with --form"
        raise Pair(words, got="no form", added="--form encoder-decoder")
    if form is not None:
        refuse("--form", beside, why)


def form_numbers(arrangement: Arrangement, numbers: Numbers) -> FormNumbers:
    """Seeded random inputs and first states for a form, and parameters where no file has them.

    Raises UsageError where the file lacks one, and as `drawn` does.
    """
    from ..analysis.forms import drawn

    check_drawing(numbers.seed, numbers.dtype)
    with waiting("drawing"):
        values = drawn(arrangement, numbers.seed, numbers.dtype)
    if numbers.weights is None:
        return values
    from ..models.files import read_named
    from ..numeric.feed import typed

    named = read_named(numbers.weights, [p.name for p in arrangement.parameters])
    return replace(values, weights=typed(named, numbers.dtype))


def trace_form(
    arrangement: Arrangement,
    selection: Selection,
    numbers: FormNumbers | None,
    json: bool,
    ndjson: bool,
    output: str | None,
) -> None:
    """The walk of a form, as text or JSON, on standard output or in a file."""
    from ..show.text.forms import form_lines, form_ndjson, form_text

    if json or ndjson:
        write_lines(
            (form_ndjson if ndjson else form_lines)(arrangement, selection, numbers), output
        )
    else:
        told = form_text(arrangement, selection, numbers)
        write_text(told if numbers is None else patient(told, "walking"), output)


def run_form(
    arrangement: Arrangement, numbers: FormNumbers, json: bool, output: str | None
) -> None:
    """The numbers of a form: o, hn and cn."""
    from ..analysis.forms import result
    from ..show.text.forms import result_document, result_text

    with waiting("computing"):
        computed = result(arrangement, numbers)
    if output is not None:
        write_arrays(output, computed)
    if json:
        write_json(result_document(arrangement, computed))
    elif output is None:
        write_text(result_text(computed))
