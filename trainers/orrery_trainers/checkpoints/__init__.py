"""Checkpoints: published, judged, kept or removed, and resumed from."""
