"""Checkpoint truth: a checkpoint counts only with its marker, and while every file is what the marker says. *Ours*.

``<stage>/checkpoints/step-00000050-attempt-2/`` holds what transformers' Trainer saved, the curve up to there
(``metrics.jsonl``) and ``complete.json``. The Trainer saves into a scratch folder; that gets its marker and is renamed
into place, so that a name under ``checkpoints/`` is never half written. The attempt is in the name, so that no attempt
ever writes over what another has saved, however late it wakes up.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orrery_trainers.pod.clock import utc_now
from orrery_trainers.store.files import durable_entries, replace_folder, write_json

MARKER = "complete.json"
_NAME = re.compile(r"^step-(\d{8,})-attempt-(\d+)$")
_SCRATCH = re.compile(r"^\.attempt-(\d+)$")


@dataclass(frozen=True, slots=True, order=True)
class Checkpoint:
    """A folder with the name of a checkpoint. In order: by step, of one step by attempt."""

    step: int
    """Optimizer steps done."""
    attempt: int
    """Who saved it."""
    path: Path


@dataclass(frozen=True, slots=True)
class Metric:
    """What a checkpoint is worth, told by the steps that led to it."""

    name: str
    """``loss`` or ``reward``."""
    mean: float
    steps: int
    """Optimizer steps that the mean is over: those since the checkpoint before."""


def checkpoints_folder(stage: Path) -> Path:
    """Folder of a stage's checkpoints."""
    return stage / "checkpoints"


def scratch_folder(stage: Path, attempt: int) -> Path:
    """Where an attempt's Trainer saves before the rename; beside its goal, for a rename stays on one file system."""
    return checkpoints_folder(stage) / f".attempt-{attempt}"


def checkpoints_in(stage: Path) -> list[Checkpoint]:
    """Every checkpoint that is there by its name, whole or not, in order."""
    named = ((_NAME.match(path.name), path) for path in checkpoints_folder(stage).glob("step-*") if path.is_dir())
    return sorted(Checkpoint(int(match[1]), int(match[2]), path) for match, path in named if match)


def publish_checkpoint(
    saved: Path, stage: Path, step: int, attempt: int, metric: Metric | None, fence: Callable[[], None]
) -> tuple[Path, dict[str, Any]]:
    """Mark a folder that the Trainer has saved and move it into place; returns where, and the marker.

    fence: raises if this attempt may not write any more; asked right before the rename.
    """
    files = [path for path in saved.rglob("*") if path.is_file() and path.name != MARKER]
    marker = {
        "step": step,
        "attempt": attempt,
        "savedAt": utc_now(),
        "metric": None if metric is None else {"name": metric.name, "mean": metric.mean, "steps": metric.steps},
        "files": durable_entries(files, saved),
    }
    write_json(saved / MARKER, marker)
    place = checkpoints_folder(stage) / f"step-{step:08d}-attempt-{attempt}"
    fence()
    replace_folder(saved, place)
    return place, marker


def remove_checkpoint(checkpoint: Checkpoint) -> None:
    """Marker first: a removal that is cut short leaves a checkpoint that does not count."""
    (checkpoint.path / MARKER).unlink(missing_ok=True)
    shutil.rmtree(checkpoint.path)


def clear_scratch(stage: Path, attempt: int) -> None:
    """Remove what killed attempts up to this one left half written. Never what a later one is writing."""
    for folder in checkpoints_folder(stage).glob(".*"):
        match = _SCRATCH.match(folder.name)
        if match is None or int(match[1]) <= attempt:
            shutil.rmtree(folder, ignore_errors=True)
