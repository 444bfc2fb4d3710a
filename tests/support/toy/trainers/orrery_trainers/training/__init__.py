"""Toy programs, under the names of the real ones."""
