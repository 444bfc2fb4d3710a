"""Folders of the project."""

from __future__ import annotations

from pathlib import Path

# @loads nothing
TRAINERS = Path(__file__).resolve().parents[1]
"""``trainers/``: on the PYTHONPATH of every program."""
PROJECT = TRAINERS.parent
"""Root of the project, with ``spec/`` and ``domains/``."""
