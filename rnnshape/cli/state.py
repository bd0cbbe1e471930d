"""rnnshape state."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import Json, Network, Pair, network_options
from .output import write_json, write_text


@network_options
def state(
    network: Network,
    samples: Annotated[int, typer.Option(help="Of the training set.")] = 30,
    test_batch_size: Annotated[int, typer.Option(metavar="N", help="Of the test.")] = 1,
    stateful: Annotated[
        bool, typer.Option("--stateful", help="Carry hn on as the next h0, detached.")
    ] = False,
    json: Json = False,
) -> None:
    """Show a training run over several batches: the state of each step, and what is saved of it.

    Ends with 1 where a step's state does not fit its batch, as where hn is carried on to a
    smaller last batch, and prints the ways to mend that.

    Example: rnnshape state --stateful --samples 30 --batch-size 7
    """
    from ..analysis.training import training_run

    if network.options["lengths"] is not None:
        words = "--lengths: expected none, since each batch of a run has its own"
        raise Pair(words, "--lengths", got="--lengths")
    batch = network.batch
    report = training_run(
        network.spec,
        samples,
        batch.size,
        batch.seq_len,
        test_batch_size=test_batch_size,
        stateful=stateful,
        unbatched=batch.unbatched,
    )
    from ..show.text.training import state_document, state_text

    if json:
        write_json(state_document(report))
    else:
        write_text(state_text(report))
    if not report.ok:
        raise typer.Exit(1)
