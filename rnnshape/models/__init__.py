"""Files that hold networks: which tensors they have, and which network these are."""
