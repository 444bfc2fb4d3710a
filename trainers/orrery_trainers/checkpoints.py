"""Checkpoint truth: a checkpoint counts only with its marker, and while every file is what the marker says. *Ours*.

``<stage>/checkpoints/step-00000050/`` holds what transformers' Trainer saved plus ``complete.json``
``{ step, attempt, savedAt, files: [{ path, sha256, bytes }] }``. The Trainer saves into a scratch folder.
That gets its marker and is renamed into place, so that a name under ``checkpoints/`` is never half written.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .contract import utc_now
from .files import entries_of, fault_of, fsync_tree, replace_folder, write_json

MARKER = "complete.json"
_NAME = re.compile(r"^step-(\d{8})$")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint whose every file has been verified."""

    path: Path
    step: int
    """Optimizer steps done."""


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A checkpoint that does not count."""

    step: int
    reason: str


def checkpoints_folder(stage: Path) -> Path:
    """Folder of a stage's checkpoints."""
    return stage / "checkpoints"


def scratch_folder(stage: Path, attempt: int) -> Path:
    """Where an attempt's Trainer saves before the rename; beside its goal, for a rename stays on one file system."""
    return checkpoints_folder(stage) / f".attempt-{attempt}"


def newest_complete(stage: Path) -> tuple[Checkpoint | None, list[PassedOver]]:
    """The newest checkpoint that verifies, and those newer ones that were passed over with the reason."""
    passed_over: list[PassedOver] = []
    for step, path in sorted(_steps(stage), reverse=True):
        fault = _fault(path, step)
        if fault is None:
            return Checkpoint(path, step), passed_over
        passed_over.append(PassedOver(step, fault))
    return None, passed_over


def publish_checkpoint(
    saved: Path, stage: Path, step: int, attempt: int, fence: Callable[[], None]
) -> tuple[Path, dict[str, Any]]:
    """Mark a folder that the Trainer has saved and move it into place; returns where, and the marker.

    fence: raises if this attempt may not write any more.
    One of the same step is replaced: it is damaged, or of a run that has been given up.
    """
    files = [path for path in saved.rglob("*") if path.is_file() and path.name != MARKER]
    marker = {"step": step, "attempt": attempt, "savedAt": utc_now(), "files": entries_of(files, saved)}
    fsync_tree(saved)
    write_json(saved / MARKER, marker)
    place = checkpoints_folder(stage) / f"step-{step:08d}"
    fence()
    replace_folder(saved, place)
    return place, marker


def discard_from(stage: Path, step: int) -> list[int]:
    """Remove the checkpoints of ``step`` and later, after a divergence; returns their steps.

    They are removed and not skipped, so that an attempt after this one does not take up the diverged run again.
    """
    doomed = sorted((at, path) for at, path in _steps(stage) if at >= step)
    for _, path in reversed(doomed):
        _remove(path)
    return [at for at, _ in doomed]


def retain(stage: Path, keep: int) -> list[int]:
    """Keep the last ``keep`` checkpoints that carry a marker, and what is newer; returns the removed steps."""
    steps = sorted(_steps(stage))
    marked = [step for step, path in steps if (path / MARKER).is_file()]
    oldest_kept = marked[-keep:][0] if marked else 0
    removed = [(step, path) for step, path in steps if step < oldest_kept]
    for _, path in removed:
        _remove(path)
    return [step for step, _ in removed]


def clear_scratch(stage: Path) -> None:
    """Remove what killed attempts left half written. Only after the fence: an earlier attempt may still be running."""
    for folder in checkpoints_folder(stage).glob(".*"):
        shutil.rmtree(folder, ignore_errors=True)


def _steps(stage: Path) -> list[tuple[int, Path]]:
    folder = checkpoints_folder(stage)
    names = ((_NAME.match(path.name), path) for path in folder.glob("step-*") if path.is_dir())
    return [(int(match[1]), path) for match, path in names if match]


def _fault(path: Path, step: int) -> str | None:
    try:
        marker = json.loads((path / MARKER).read_text(encoding="utf-8"))
        files = marker["files"]
        if marker["step"] != step:
            return f"{MARKER}: expected step {step}, got {marker['step']}"
        return next((fault for entry in files if (fault := fault_of(entry, path)) is not None), None)
    except FileNotFoundError:
        return f"no marker ({MARKER})"
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError):
        return f"{MARKER} is damaged"


def _remove(path: Path) -> None:
    """Marker first: a removal that is cut short leaves a checkpoint that does not count."""
    (path / MARKER).unlink(missing_ok=True)
    shutil.rmtree(path)
