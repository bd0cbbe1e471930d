"""What a notebook shows: the package's own objects, an error's explanation, a cell's shapes.

IPython is told by name how an object looks, so an object shows itself whatever module it was
imported from, no class below knows of HTML, and nothing is loaded before something is shown.
`%load_ext rnnshape` adds the explanation behind an error and the magic `%%shapes`.
"""

from __future__ import annotations

import linecache
import traceback
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .screen import Line

EXPLAINED = (RuntimeError, ValueError, IndexError, TypeError, AttributeError)


def _spec_lines(spec: Any) -> Iterable[Line]:
    from ..analysis.trace import Trace
    from ..network.batch import batch_of
    from .text.trace import params_text

    return params_text(Trace(spec, batch_of(spec)), "float32")


def _trace_lines(subject: Any) -> Iterable[Line]:
    from ..analysis.trace import Selection
    from .text.trace import trace_text

    return trace_text(subject, Selection(folded=True))


def _cell_lines(cell: Any) -> Iterable[Line]:
    from .text.cells import cell_lines

    return cell_lines(cell)


def _program_lines(followed: Any) -> Iterable[Line]:
    from ..doctor.followed import diagnose
    from .text.program import program_text

    return program_text([(followed, diagnose(followed))], followed.source.name, 100)


SHOWN: dict[tuple[str, str], Callable[[Any], Iterable[Line]]] = {
    ("rnnshape.network.spec", "Spec"): _spec_lines,
    ("rnnshape.engine.written", "Cell"): _cell_lines,
    ("rnnshape.analysis.trace", "Trace"): _trace_lines,
    ("rnnshape.programs.follow", "Followed"): _program_lines,
}


def register(shell: Any) -> None:
    """Tell IPython how the package's objects look."""
    from .screen import html

    formatter = shell.display_formatter.formatters["text/html"]
    for (module, name), lines in SHOWN.items():
        formatter.for_type_by_name(module, name, lambda shown, lines=lines: html(lines(shown)))


def extend(shell: Any) -> None:
    """What `%load_ext rnnshape` does."""
    register(shell)
    withdraw(shell)
    shell.events.register("post_run_cell", _Explained(shell.user_ns.get("In", [""])[1:-1]))
    shell.register_magic_function(_shapes_magic(shell), "cell", "shapes")


def withdraw(shell: Any) -> None:
    """What `%unload_ext rnnshape` does."""
    for called in [*shell.events.callbacks["post_run_cell"]]:
        if isinstance(called, _Explained):
            shell.events.unregister("post_run_cell", called)
    shell.magics_manager.magics["cell"].pop("shapes", None)


class _Explained:
    """Behind a traceback: its explanation, where it is one of torch that the doctor knows."""

    def __init__(self, before: Iterable[str]) -> None:
        # those that ran to their end, by the prompt, in order
        self._cells = {f"In [{number}]": cell for number, cell in enumerate(before, 1)}

    def __call__(self, result: Any) -> None:
        import sys

        name, error = f"In [{result.execution_count}]", result.error_in_exec
        cell = result.info.raw_cell
        if result.success:
            self._cells[name] = cell
        if not isinstance(error, EXPLAINED) or "torch" not in sys.modules:
            return
        from ..doctor.explain import explain_cells
        from .document import explain_document
        from .text.explain import explain_text

        text = "".join(traceback.format_exception(error))
        cells = {**self._cells, name: cell}
        found = explain_cells(text, cells, lambda file: "".join(linecache.getlines(file)) or None)
        document = explain_document(found)
        if document["recognised"]:
            _display(explain_text(document))


def _shapes_magic(shell: Any) -> Callable[[str, str], None]:
    def shapes(line: str, cell: str) -> None:
        """Run the cell and show its lines with the shapes that pass: %%shapes"""
        from ..programs.watch import Watch

        with Watch(end=lambda followed: _display(_program_lines(followed))):
            shell.run_cell(cell)

    return shapes


def _display(lines: Iterable[Line]) -> None:
    from IPython.display import display

    from .screen import html, plain_lines

    shown = list(lines)
    plain = "\n".join(plain_lines(shown))
    display({"text/plain": plain, "text/html": html(shown)}, raw=True)
