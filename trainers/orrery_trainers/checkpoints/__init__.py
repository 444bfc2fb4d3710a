"""Checkpoints: publication, checks, retention and resumption."""
