"""A recorded step, compiled."""
