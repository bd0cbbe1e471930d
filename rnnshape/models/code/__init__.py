"""A network as a program of somebody's framework."""
