"""Toy programs with the names of the real ones."""
