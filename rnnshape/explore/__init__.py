"""The interactive program: a grid of cells to walk in, with the step's operations beside it."""
