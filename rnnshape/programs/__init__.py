"""Somebody's Python program, followed over shapes and never run."""
