"""What the package offers to a program, showing itself in a notebook.

The rooms below know no output format, so the roof lends them one: a Spec is displayed as its
parameters, a Trace as the whole trace.
"""

from __future__ import annotations

from ..analysis.trace import Selection, Trace, trace
from ..network.batch import batch_of
from ..network.spec import Spec
from .screen import html
from .text.trace import params_text, trace_text


def _spec_html(spec: Spec) -> str:
    return html(params_text(Trace(spec, batch_of(spec)), "float32"))


def _trace_html(subject: Trace) -> str:
    return html(trace_text(subject, Selection(folded=True)))


Spec._repr_html_ = _spec_html  # type: ignore[attr-defined]
Trace._repr_html_ = _trace_html  # type: ignore[attr-defined]

__all__ = ["Spec", "trace"]
