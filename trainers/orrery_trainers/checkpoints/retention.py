"""Which checkpoints are kept: the last, the best, and every N-th for good. *Ours*.

Decided from markers alone, right after a checkpoint has been published, so the newest is always one that was just read
and written whole. What is known to be damaged, or to lie beside the line of the run, never takes the place of a good
one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orrery_trainers.checkpoints.checkpoint import Checkpoint, Metric, checkpoints_in, remove_checkpoint
from orrery_trainers.checkpoints.integrity import plain_fault_of, worth_of
from orrery_trainers.checkpoints.resume import beside_the_line, damaged_at_resume

if TYPE_CHECKING:
    from orrery_trainers.pod.stage_types import Checkpoints

HIGHER_IS_BETTER = {"reward"}


@dataclass(frozen=True, slots=True)
class Keep:
    """``checkpoints.keep`` of spec/stages/."""

    last: int
    """Newest checkpoints, at least 1."""
    best: int
    """Those of the lowest loss, or of the highest reward; of equal ones the newer."""
    every_steps: int | None
    """Every checkpoint at a multiple of so many optimizer steps."""

    @classmethod
    def from_config(cls, checkpoints: Checkpoints) -> Keep:
        """From the stage's ``checkpoints``."""
        keep = checkpoints["keep"]
        return cls(keep["last"], keep["best"], keep.get("everySteps"))


@dataclass(frozen=True, slots=True)
class Removed:
    """A checkpoint that is gone, and why."""

    checkpoint: str
    reason: str


def kept_of(worth: Sequence[tuple[Checkpoint, Metric | None]], keep: Keep) -> set[Checkpoint]:
    """Which of the checkpoints that count to keep. ``worth``: each with its metric, in order."""
    last = [checkpoint for checkpoint, _ in worth[-keep.last :]]
    told = [(checkpoint, metric) for checkpoint, metric in worth if metric is not None]
    ranked = sorted(told, key=lambda one: (_goodness(one[1]), one[0]), reverse=True)
    best = [checkpoint for checkpoint, _ in ranked[: keep.best]]
    every = keep.every_steps
    for_good = [checkpoint for checkpoint, _ in worth if every is not None and checkpoint.step % every == 0]
    return {*last, *best, *for_good}


def retain(stage: Path, attempt: int, keep: Keep) -> list[Removed]:
    """Remove what need not be kept once ``attempt`` has published a checkpoint; returns what was removed, and why.

    A later attempt's checkpoints are left alone: who finds one has been given up.
    """
    present = [one for one in checkpoints_in(stage) if one.attempt <= attempt]
    reasons = damaged_at_resume(stage, attempt)
    doomed: dict[Checkpoint, str] = {}
    for checkpoint in present:
        fault = reasons.get(checkpoint.path.name) or beside_the_line(stage, checkpoint, attempt + 1)
        if fault := fault or plain_fault_of(checkpoint):
            doomed[checkpoint] = fault
    counting = [one for one in present if one not in doomed]
    kept = kept_of([(one, worth_of(one)) for one in counting], keep)
    doomed.update({one: "neither among the last nor the best" for one in counting if one not in kept})
    for checkpoint in doomed:
        remove_checkpoint(checkpoint)
    return [Removed(checkpoint.path.name, reason) for checkpoint, reason in doomed.items()]


def _goodness(metric: Metric) -> float:
    return metric.mean if metric.name in HIGHER_IS_BETTER else -metric.mean
