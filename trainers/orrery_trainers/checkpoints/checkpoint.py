"""Writes and lists checkpoints. A checkpoint is valid only if its marker exists and all its files match it. *Ours*.

``<stage>/checkpoints/step-00000050-attempt-2/`` contains what transformers' Trainer saved, the metrics up to this step
(``metrics.jsonl``) and the marker ``complete.json``. The Trainer saves into a scratch folder. That folder gets the
marker and is renamed, so a folder with the name of a checkpoint is always complete. The name contains the attempt, so
an attempt that wakes up late never overwrites the checkpoint of another one.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from orrery_trainers.pod.clock import utc_now
from orrery_trainers.store.files import XXH3, durable_entries, replace_folder, write_json

MARKER = "complete.json"
_NAME = re.compile(r"^step-(\d{8,})-attempt-(\d+)$")
_SCRATCH = re.compile(r"^\.attempt-(\d+)$")


@dataclass(frozen=True, slots=True, order=True)
class Checkpoint:
    """A folder with the name of a checkpoint. Sorts by step, then by attempt."""

    step: int
    """Finished optimizer steps."""
    attempt: int
    """The attempt that saved it."""
    path: Path


@dataclass(frozen=True, slots=True)
class Metric:
    """The quality of a checkpoint: the mean of a metric over the optimizer steps before it."""

    name: str
    """``loss`` or ``reward``."""
    mean: float
    steps: int
    """Number of optimizer steps in the mean: those since the previous checkpoint."""


def checkpoints_folder(stage: Path) -> Path:
    """Folder of a stage's checkpoints."""
    return stage / "checkpoints"


def scratch_folder(stage: Path, attempt: int) -> Path:
    """Where an attempt's Trainer saves before the rename. It is on the same file system, as a rename requires."""
    return checkpoints_folder(stage) / f".attempt-{attempt}"


def checkpoints_in(stage: Path) -> list[Checkpoint]:
    """Every folder with the name of a checkpoint, sorted, whether it is valid or not."""
    named = ((_NAME.match(path.name), path) for path in checkpoints_folder(stage).glob("step-*") if path.is_dir())
    return sorted(Checkpoint(int(match[1]), int(match[2]), path) for match, path in named if match)


def publish_checkpoint(
    saved: Path, stage: Path, step: int, attempt: int, metric: Metric | None, fence: Callable[[], None]
) -> tuple[Path, dict[str, Any]]:
    """Write the marker into the folder ``saved`` by the Trainer and move it into place.

    fence: raises if this attempt must not write any more; called immediately before the rename.
    Returns the new path and the marker.
    """
    files = [path for path in saved.rglob("*") if path.is_file() and path.name != MARKER]
    marker = {
        "step": step,
        "attempt": attempt,
        "savedAt": utc_now(),
        "metric": None if metric is None else {"name": metric.name, "mean": metric.mean, "steps": metric.steps},
        "files": durable_entries(files, saved, XXH3),
    }
    write_json(saved / MARKER, marker)
    place = checkpoints_folder(stage) / f"step-{step:08d}-attempt-{attempt}"
    fence()
    replace_folder(saved, place)
    return place, marker


def remove_checkpoint(checkpoint: Checkpoint) -> None:
    """Remove a checkpoint. The marker goes first, so an interrupted removal leaves an invalid checkpoint."""
    (checkpoint.path / MARKER).unlink(missing_ok=True)
    shutil.rmtree(checkpoint.path)


def remove_in_background(checkpoints: Collection[Checkpoint], stage: Path, attempt: int) -> None:
    """Move checkpoints into the scratch folder of ``attempt``, where nobody finds them, and remove them in a thread.

    Unlinking large files takes as long as writing them to memory, and training need not wait for it. What a killed
    attempt leaves is removed with its scratch folder.
    """
    if not checkpoints:
        return
    scratch = scratch_folder(stage, attempt)
    scratch.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix="removed-", dir=scratch))
    for checkpoint in checkpoints:
        checkpoint.path.rename(aside / checkpoint.path.name)
    # A daemon thread: a program that ends does not wait for it either.
    Thread(target=shutil.rmtree, args=(aside,), kwargs={"ignore_errors": True}, daemon=True).start()


def clear_scratch(stage: Path, attempt: int) -> None:
    """Remove the scratch folders of this attempt and of earlier ones. A later attempt may be writing its own."""
    for folder in checkpoints_folder(stage).glob(".*"):
        match = _SCRATCH.match(folder.name)
        if match is None or int(match[1]) <= attempt:
            shutil.rmtree(folder, ignore_errors=True)
