"""Finds the checkpoint to resume from: the newest one that is valid and not abandoned. *Ours*.

Before it trains, every attempt records its start in ``checkpoints/attempt-00002.json``. This record abandons every
checkpoint of a later step that an earlier attempt saved. Such a checkpoint belongs to a run that diverged, or a zombie
published it after its attempt was given up. All later attempts pass over it, even if it is valid. No decision depends
on a clock.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orrery_trainers.checkpoints.checkpoint import (
    Checkpoint,
    checkpoints_folder,
    checkpoints_in,
    clear_scratch,
    remove_checkpoint,
)
from orrery_trainers.checkpoints.integrity import fault_of
from orrery_trainers.pod.clock import utc_now
from orrery_trainers.pod.context import StageContext
from orrery_trainers.pod.failures import Fenced
from orrery_trainers.store.files import write_json

if TYPE_CHECKING:
    from orrery_trainers.pod.stage_types import TrainerStage


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A checkpoint that is newer than the one to resume from, and the reason why it is not used."""

    checkpoint: Checkpoint
    reason: str
    damaged: bool


def resume_point(context: StageContext[TrainerStage]) -> Checkpoint | None:
    """The checkpoint to resume from; None to start from the beginning.

    Writes the checkpoints that were passed over, with the reasons, to the log and to the attempt's record. Removes the
    scratch folders of killed attempts.
    Raises Fenced if a later attempt has claimed the stage or has saved a checkpoint.
    """
    stage, attempt = context.directory, context.attempt
    context.fence()
    clear_scratch(stage, attempt)
    found, passed_over = choose_checkpoint(stage, attempt, context.checkpoint_before)
    for one in passed_over:
        context.log.warn("checkpoint passed over", checkpoint=one.checkpoint.path.name, reason=one.reason)
    context.fence()
    write_record(stage, attempt, found, passed_over)
    if context.checkpoint_before is not None:
        discarded = discard_from(stage, context.checkpoint_before, attempt)
        context.log.warn("checkpoints discarded after a divergence", before=context.checkpoint_before, steps=discarded)
    if found is None:
        context.log.info("training starts from the beginning")
    else:
        context.log.info("training resumes", optimizerStep=found.step, checkpoint=found.path.name)
    return found


def choose_checkpoint(
    stage: Path, attempt: int, before: int | None = None
) -> tuple[Checkpoint | None, list[PassedOver]]:
    """The newest checkpoint that ``attempt`` can resume from, and the newer ones that it passes over.

    before: after a divergence, only checkpoints of an optimizer step below this one are used.
    Raises Fenced if a later attempt has saved a checkpoint.
    """
    present = checkpoints_in(stage)
    if (latest := max((one.attempt for one in present), default=attempt)) > attempt:
        raise Fenced(f"attempt {latest} has saved checkpoints; attempt {attempt} writes nothing more")
    passed_over: list[PassedOver] = []
    for checkpoint in reversed(present):
        abandoned = why_abandoned(stage, checkpoint, attempt)
        if before is not None and checkpoint.attempt < attempt and checkpoint.step >= before:
            abandoned = f"abandoned after a divergence, like all checkpoints from optimizer step {before} on"
        reason = abandoned or fault_of(checkpoint)
        if reason is None:
            return checkpoint, passed_over
        passed_over.append(PassedOver(checkpoint, reason, damaged=abandoned is None))
    return None, passed_over


def why_abandoned(stage: Path, checkpoint: Checkpoint, attempt: int) -> str | None:
    """Why a checkpoint does not belong to the run that ``attempt`` continues; None if it belongs to it.

    It is abandoned if an attempt after the one that saved it, and before this one, resumed from an earlier step.
    """
    for record in _records(stage):
        if checkpoint.attempt < record["attempt"] < attempt and checkpoint.step > record["step"]:
            return (
                f"saved by attempt {checkpoint.attempt}, which was given up: "
                f"attempt {record['attempt']} resumed from optimizer step {record['step']}"
            )
    return None


def damaged_at_resume(stage: Path, attempt: int) -> dict[str, str]:
    """Checkpoints that ``attempt`` found damaged when it resumed: name -> fault.

    The attempt's record has them, so that no byte is read twice.
    """
    own = (record for record in _records(stage) if record["attempt"] == attempt)
    return {one["checkpoint"]: one["reason"] for record in own for one in record["passedOver"] if one["damaged"]}


def discard_from(stage: Path, step: int, attempt: int) -> list[int]:
    """Remove the checkpoints of ``step`` and later steps that attempts before ``attempt`` saved; returns the steps."""
    discarded = [one for one in checkpoints_in(stage) if one.step >= step and one.attempt < attempt]
    for one in reversed(discarded):
        remove_checkpoint(one)
    return [one.step for one in discarded]


def record_file(stage: Path, attempt: int) -> Path:
    """Path of an attempt's record of its start: ``{ attempt, step, checkpoint, passedOver, decidedAt }``."""
    return checkpoints_folder(stage) / f"attempt-{attempt:05d}.json"


def write_record(stage: Path, attempt: int, found: Checkpoint | None, passed_over: list[PassedOver]) -> None:
    """Record where an attempt starts. The record abandons later steps of earlier attempts."""
    step = 0 if found is None else found.step
    if found is not None and found.attempt == attempt:  # a second start of this attempt: the first start counts
        step = next((record["step"] for record in _records(stage) if record["attempt"] == attempt), step)
    record = {
        "attempt": attempt,
        "step": step,
        "checkpoint": None if found is None else found.path.name,
        "passedOver": [
            {"checkpoint": one.checkpoint.path.name, "reason": one.reason, "damaged": one.damaged}
            for one in passed_over
        ],
        "decidedAt": utc_now(),
    }
    write_json(record_file(stage, attempt), record)


def _records(stage: Path) -> list[dict[str, Any]]:
    """The records of all attempts. An unreadable record is ignored: it abandons no checkpoint."""
    records = []
    for file in sorted(checkpoints_folder(stage).glob("attempt-*.json")):
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
            records.append({**record, "attempt": int(record["attempt"]), "step": int(record["step"])})
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            continue
    return records
