"""rnnshape forms, and the options that choose a form for other commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from .options import Network, head_options
from .output import write_arrays, write_lines

if TYPE_CHECKING:
    from ..forms import Arrangement, Numbers
    from ..tracing import Selection

FormName = Annotated[
    str | None,
    typer.Option("--form", metavar="NAME", rich_help_panel="The form",
                 help="one-to-one, one-to-many, many-to-one, many-to-many, encoder-decoder.",
                 autocompletion=lambda: ["one-to-one", "one-to-many", "many-to-one",
                                         "many-to-many", "encoder-decoder"]),
]  # fmt: skip
TargetLength = Annotated[
    str | None,
    typer.Option(
        "--target-len", metavar="T", help="Steps of the decoder.", rich_help_panel="The form"
    ),
]
DecoderLayers = Annotated[
    str | None,
    typer.Option(metavar="L", help="Unlike the encoder's.", rich_help_panel="The form"),
]
DecoderHidden = Annotated[
    str | None,
    typer.Option(metavar="H", help="Unlike the bridge's.", rich_help_panel="The form"),
]


@head_options
def forms(
    network: Network,
    code: Annotated[
        str | None, typer.Option("--code", metavar="NAME", help="The torch code of one form.")
    ] = None,
    target_len: TargetLength = None,
    decoder_layers: DecoderLayers = None,
    decoder_hidden_size: DecoderHidden = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """List the forms, one-to-one to encoder-decoder: pictures, settings, shapes, torch code.

    Example: rnnshape forms --code encoder-decoder
    """
    from ..forms import FORMS
    from ..show.form_code import form_code
    from ..show.forms import forms_document, forms_text

    beside = (target_len, decoder_layers, decoder_hidden_size)
    if code is not None:
        write_lines([form_code(arranged(network, code, *beside))])
        return
    rows: dict[str, Arrangement | UsageError] = {}
    for name in FORMS:
        try:
            rows[name] = arranged(network, name, *beside, listing=True)
        except UsageError as error:
            rows[name] = error
    if all(isinstance(row, UsageError) for row in rows.values()):
        raise next(row for row in rows.values() if isinstance(row, UsageError))
    if json:
        from json import dumps

        write_lines([dumps(forms_document(rows))])
        return
    from ..show.screen import put

    put(forms_text(rows))


def arranged(
    network: Network,
    name: str,
    target_len: str | None = None,
    decoder_layers: str | None = None,
    decoder_hidden_size: str | None = None,
    listing: bool = False,
) -> Arrangement:
    """The form that the options describe. Raises UsageError.

    A listing takes of the head what fits each form; --output-at is one form's own.
    """
    from dataclasses import replace

    from ..dims import parse_dim
    from ..forms import arrange

    batch, head, spec = network.batch, network.head, network.spec
    if name == "one-to-one" and (listing or not network.says("seq_len")):
        batch = replace(batch, seq_len=1, lengths=None)
    if head is not None and (listing or network.given["output_at"] is None):
        head = replace(head, at="last" if name == "many-to-one" else "every")
    if listing and head is not None and name == "one-to-many" and head.size != spec.input_size:
        head = replace(head, size=spec.input_size)
    decoder = None
    if decoder_layers is not None or decoder_hidden_size is not None:
        changed: dict[str, Any] = {}
        if decoder_layers is not None:
            changed["num_layers"] = parse_dim(decoder_layers, "decoder-layers")
        if decoder_hidden_size is not None:
            changed["hidden_size"] = parse_dim(decoder_hidden_size, "decoder-hidden-size")
        if name == "encoder-decoder":
            fitting = arrange(name, spec, batch, head).fitting_decoder
            decoder = replace(fitting, **changed)
        elif not listing:
            raise _only_with_decoder("--decoder-layers, --decoder-hidden-size", name)
    if target_len is not None and name != "encoder-decoder" and not listing:
        raise _only_with_decoder("--target-len", name)
    length = parse_dim("3" if target_len is None else target_len, "target-len")
    return arrange(name, spec, batch, head, length, decoder)


def _only_with_decoder(options: str, name: str) -> UsageError:
    return UsageError(
        f"{options}: expected with --form encoder-decoder",
        got=f"--form {name}",
        fix="--form encoder-decoder",
    )


def check_form(form: str | None, beside: dict[str, Any], own: dict[str, Any]) -> None:
    """Refuse what a form does not take (`beside`), and a form's own options without one."""
    if form is not None:
        given, expected, fix = beside, "expected without --form, whose numbers are drawn", ""
    else:
        given, expected, fix = own, "expected with --form", "--form encoder-decoder"
    for option, value in given.items():
        if value is not None and value is not False:
            raise UsageError(
                f"{option}: {expected}",
                got=f"--form {form}" if form is not None else "no form",
                fix=fix or f"leave out {option} or --form",
            )


def form_numbers(arrangement: Arrangement, seed: int, dtype: str) -> Numbers:
    """Seeded random parameters, inputs and first states for a form. Raises UsageError."""
    from ..forms import drawn
    from .numbers import check_drawing, check_numbers

    check_drawing(seed, dtype)
    a, spec = arrangement, arrangement.spec
    shapes = [*(p.shape for p in a.parameters), *a.tensors.values()]
    check_numbers(
        shapes,
        input_size=spec.input_size,
        hidden_size=spec.hidden_size,
        size=a.batch.size,
        seq_len=a.batch.seq_len,
        target_len=a.target_len,
        output_size=a.head.size,
    )
    return drawn(arrangement, seed, dtype)


def put_form(
    arrangement: Arrangement,
    selection: Selection,
    numbers: Numbers | None,
    json: bool,
    ndjson: bool,
    output: str | None,
) -> None:
    """The walk of a form, as text or JSON, on standard output or in a file."""
    from ..show.forms import form_lines, form_ndjson, form_text
    from ..show.screen import plain_lines, put

    if json or ndjson:
        write_lines(
            (form_ndjson if ndjson else form_lines)(arrangement, selection, numbers), output
        )
    elif output is not None:
        write_lines(plain_lines(form_text(arrangement, selection, numbers)), output)
    else:
        put(form_text(arrangement, selection, numbers))


def run_form(arrangement: Arrangement, numbers: Numbers, json: bool, output: str | None) -> None:
    """The numbers of a form: o, hn and cn."""
    from ..forms import result
    from ..show.forms import result_document, result_text
    from ..show.screen import put

    computed = result(arrangement, numbers)
    if output is not None:
        write_arrays(output, computed)
    if json:
        from json import dumps

        write_lines([dumps(result_document(arrangement, computed))])
    elif output is None:
        put(result_text(computed))
