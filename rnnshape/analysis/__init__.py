"""What is asked of a walk."""
