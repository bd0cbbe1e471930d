"""rnnshape lsp."""

from __future__ import annotations

from ..errors import UsageError


def lsp() -> None:
    """Serve an editor over stdin and stdout: shapes behind the lines, mistakes, their mends.

    The language server protocol; needs the extra [lsp]. Files are followed, never run.

    Example: rnnshape lsp
    """
    try:
        import pygls  # noqa: F401
    except ImportError:
        raise UsageError(
            "lsp: expected pygls, which speaks with the editor", got="no pygls here",
            fix="pip install 'rnnshape[lsp]'",
        ) from None  # fmt: skip
    from ..show.editor import server

    server().start_io()
