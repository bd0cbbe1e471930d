"""The walk with NumPy."""
