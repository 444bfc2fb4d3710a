"""Decides which checkpoints to keep: the last ones, the best ones, and every N-th one permanently. *Ours*.

The decision reads only the markers. It follows the publication of a checkpoint, so the newest one has just been
written and hashed. A checkpoint that is known to be damaged or abandoned never replaces a good one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orrery_trainers.checkpoints.checkpoint import Checkpoint, Metric, checkpoints_in, remove_in_background
from orrery_trainers.checkpoints.integrity import checkpoint_metric, quick_fault_of
from orrery_trainers.checkpoints.resume import damaged_at_resume, why_abandoned

if TYPE_CHECKING:
    from orrery_trainers.pod.stage_types import Checkpoints

HIGHER_IS_BETTER = {"reward"}


@dataclass(frozen=True, slots=True)
class Keep:
    """``checkpoints.keep`` of spec/stages/."""

    last: int
    """Number of newest checkpoints, at least 1."""
    best: int
    """Number of checkpoints with the lowest loss or the highest reward; of equal ones, the newer is better."""
    every_steps: int | None
    """Keep every checkpoint whose optimizer step is a multiple of this number; None keeps no such checkpoint."""

    @classmethod
    def from_config(cls, checkpoints: Checkpoints) -> Keep:
        """Reads the settings from ``checkpoints`` of the stage's config."""
        keep = checkpoints["keep"]
        return cls(keep["last"], keep["best"], keep.get("everySteps"))


@dataclass(frozen=True, slots=True)
class Removed:
    """A checkpoint that was removed, and the reason."""

    checkpoint: str
    reason: str


def kept_of(valid: Sequence[tuple[Checkpoint, Metric | None]], keep: Keep) -> set[Checkpoint]:
    """The checkpoints to keep. valid: all valid checkpoints with their metrics, sorted."""
    last = [checkpoint for checkpoint, _ in valid[-keep.last :]]
    measured = [(checkpoint, metric) for checkpoint, metric in valid if metric is not None]
    ranked = sorted(measured, key=lambda one: (_score(one[1]), one[0]), reverse=True)
    best = [checkpoint for checkpoint, _ in ranked[: keep.best]]
    every = keep.every_steps
    permanent = [checkpoint for checkpoint, _ in valid if every is not None and checkpoint.step % every == 0]
    return {*last, *best, *permanent}


def retain(stage: Path, attempt: int, keep: Keep) -> list[Removed]:
    """Remove unneeded checkpoints after ``attempt`` has published one; returns the removed ones with the reasons.

    Checkpoints of later attempts stay: if there are any, this attempt has been given up.
    """
    present = [one for one in checkpoints_in(stage) if one.attempt <= attempt]
    damaged = damaged_at_resume(stage, attempt)
    reasons: dict[Checkpoint, str] = {}
    for checkpoint in present:
        reason = damaged.get(checkpoint.path.name) or why_abandoned(stage, checkpoint, attempt + 1)
        if reason := reason or quick_fault_of(checkpoint):
            reasons[checkpoint] = reason
    valid = [one for one in present if one not in reasons]
    kept = kept_of([(one, checkpoint_metric(one)) for one in valid], keep)
    reasons.update({one: "neither among the last nor the best" for one in valid if one not in kept})
    remove_in_background(reasons, stage, attempt)
    return [Removed(checkpoint.path.name, reason) for checkpoint, reason in reasons.items()]


def _score(metric: Metric) -> float:
    """Higher is better."""
    return metric.mean if metric.name in HIGHER_IS_BETTER else -metric.mean
