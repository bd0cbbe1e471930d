"""Which networks are in a file."""
