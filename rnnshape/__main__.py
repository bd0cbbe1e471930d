"""`python -m rnnshape` is the program `rnnshape`."""

import _signal  # type: ignore[import-not-found]  # is loaded; `signal` would load enum first

# an interrupt while the program is loaded ends it without a word, as later it is ended by `main`
if _signal.getsignal(_signal.SIGINT) == _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)


def main() -> None:
    """Load the program and run it."""
    from .cli import main as program

    program()


if __name__ == "__main__":
    main()
