"""rnnshape lsp."""

from __future__ import annotations

from ..errors import UsageError
from .options import standard_input


def lsp() -> None:
    """Serve an editor over stdin and stdout: shapes behind the lines, mistakes, their mends.

    The language server protocol; needs the package pygls. Files are followed, never run.

    Example: rnnshape lsp
    """
    try:
        import pygls  # noqa: F401
    except ImportError:
        raise UsageError(
            "lsp: expected pygls, which speaks with the editor", got="no pygls here",
            fix="pip install 'rnnshape[lsp]'",
        ) from None  # fmt: skip
    import logging

    from ..show.editor import server

    class Said(logging.Formatter):
        """One line of what an editor sent amiss, without pygls' own traceback."""

        def format(self, record: logging.LogRecord) -> str:
            words = record.getMessage().split("\n")[0]
            error = f": {record.exc_info[1]}" if record.exc_info else ""
            return f"rnnshape: lsp: {words}{error}".replace("\n", " ")[:200]

    handler = logging.StreamHandler()
    handler.setFormatter(Said())
    logger = logging.getLogger("pygls")
    logger.addHandler(handler)
    logger.setLevel(logging.ERROR)
    logger.propagate = False
    server().start_io(standard_input("lsp", "let an editor start rnnshape lsp").buffer)
