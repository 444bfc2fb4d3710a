"""Checks a checkpoint: its marker must exist, and every file must match the marker. *Ours*."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from orrery_trainers.checkpoints.checkpoint import MARKER, Checkpoint, Metric
from orrery_trainers.store.files import SHA256, XXH3, fault_in, size_fault


def fault_of(checkpoint: Checkpoint) -> str | None:
    """Why a checkpoint is invalid; None if it is valid. Reads every file.

    The markers of older versions have SHA-256.
    """
    return _fault(checkpoint, partial(fault_in, algorithms=(XXH3, SHA256)))


def quick_fault_of(checkpoint: Checkpoint) -> str | None:
    """Like :func:`fault_of`, but checks only the marker and the sizes. None does not prove that it is valid."""
    return _fault(checkpoint, size_fault)


def checkpoint_metric(checkpoint: Checkpoint) -> Metric | None:
    """The metric in the marker of a checkpoint; None if the marker has none or is damaged."""
    try:
        metric = json.loads((checkpoint.path / MARKER).read_text(encoding="utf-8"))["metric"]
        return Metric(str(metric["name"]), float(metric["mean"]), int(metric["steps"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _fault(checkpoint: Checkpoint, check: Callable[[list[dict[str, Any]], Path], str | None]) -> str | None:
    try:
        marker = json.loads((checkpoint.path / MARKER).read_text(encoding="utf-8"))
        for name in ("step", "attempt"):
            if marker[name] != (expected := getattr(checkpoint, name)):
                return f"{MARKER}: expected {name} {expected}, got {marker[name]}"
        return check(marker["files"], checkpoint.path) if marker["files"] else f"{MARKER} names no files"
    except FileNotFoundError:
        return f"no marker ({MARKER})"
    except (ValueError, KeyError, TypeError):
        return f"{MARKER} is damaged"
