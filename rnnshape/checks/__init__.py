"""What torch refuses, to the letter."""
