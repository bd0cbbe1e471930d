"""`python -m rnnshape` is the program `rnnshape`."""

import signal

# an interrupt while the program is loaded ends it without a word, as later it is ended by `main`
if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def main() -> None:
    """Load the program and run it."""
    from .cli import main as program

    program()


if __name__ == "__main__":
    main()
