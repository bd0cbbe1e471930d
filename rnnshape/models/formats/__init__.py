"""What lies in a file: one module a format."""
