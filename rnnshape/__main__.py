"""`python -m rnnshape` is the program `rnnshape`."""

from .cli import main

main()
