"""How each framework lays out the same parameters."""
