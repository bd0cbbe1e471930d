"""What a network is: sizes, the constructor's arguments, spec, batch and head."""
