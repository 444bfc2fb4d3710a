"""Whether a checkpoint counts: it has its marker, and every file is what the marker says. *Ours*."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orrery_trainers.checkpoints.checkpoint import MARKER, Checkpoint, Metric
from orrery_trainers.store.files import fault_in, size_fault


def fault_of(checkpoint: Checkpoint) -> str | None:
    """Why a checkpoint does not count; None if every file has been read and is what the marker says."""
    return _fault(checkpoint, fault_in)


def plain_fault_of(checkpoint: Checkpoint) -> str | None:
    """The same without reading the files: marker and sizes. None means that nothing is known against it."""
    return _fault(checkpoint, size_fault)


def worth_of(checkpoint: Checkpoint) -> Metric | None:
    """What the marker says that a checkpoint is worth; None where it says nothing."""
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
