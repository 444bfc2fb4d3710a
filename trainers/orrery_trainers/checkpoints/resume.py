"""Where training goes on: the newest checkpoint that verifies and lies on the line of the run. *Ours*.

Every attempt writes down what it goes on from, in ``checkpoints/attempt-00002.json``, before it trains. From then on
what earlier attempts have saved of later steps lies beside the line: a zombie's, published after it was given up, or of
a run that diverged. It is passed over, however whole it is, by every attempt to come. No clock is asked.
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
    """A newer checkpoint than the one that training goes on from, and why it was not taken."""

    checkpoint: Checkpoint
    reason: str
    damaged: bool


def resume_point(context: StageContext[TrainerStage]) -> Checkpoint | None:
    """The checkpoint to go on from, None to begin anew; tells in the log and in the attempt's record what was passed
    over, and why. Clears what killed attempts left behind.

    Raises Fenced when a later attempt has claimed the stage, or has saved already.
    """
    stage, attempt = context.directory, context.attempt
    context.fence()
    clear_scratch(stage, attempt)
    found, passed_over = choose(stage, attempt, context.checkpoint_before)
    for one in passed_over:
        context.log.warn("checkpoint passed over", checkpoint=one.checkpoint.path.name, reason=one.reason)
    context.fence()
    write_record(stage, attempt, found, passed_over)
    if context.checkpoint_before is not None:
        discarded = discard_from(stage, context.checkpoint_before, attempt)
        context.log.warn("checkpoints discarded after a divergence", before=context.checkpoint_before, steps=discarded)
    if found is None:
        context.log.info("training begins")
    else:
        context.log.info("training resumes", optimizerStep=found.step, checkpoint=found.path.name)
    return found


def choose(stage: Path, attempt: int, before: int | None = None) -> tuple[Checkpoint | None, list[PassedOver]]:
    """The newest checkpoint that ``attempt`` may go on from and that verifies, and those newer ones that it may not.

    before: after a divergence, the optimizer step from which on earlier attempts' checkpoints are given up.
    Raises Fenced if a later attempt has saved one.
    """
    present = checkpoints_in(stage)
    if (latest := max((one.attempt for one in present), default=attempt)) > attempt:
        raise Fenced(f"attempt {latest} has saved checkpoints; attempt {attempt} writes nothing more")
    passed_over: list[PassedOver] = []
    for checkpoint in reversed(present):
        aside = beside_the_line(stage, checkpoint, attempt)
        if before is not None and checkpoint.attempt < attempt and checkpoint.step >= before:
            aside = f"given up after a divergence, with everything from optimizer step {before} on"
        reason = aside or fault_of(checkpoint)
        if reason is None:
            return checkpoint, passed_over
        passed_over.append(PassedOver(checkpoint, reason, damaged=aside is None))
    return None, passed_over


def beside_the_line(stage: Path, checkpoint: Checkpoint, attempt: int) -> str | None:
    """Why a checkpoint is not of the run that ``attempt`` continues, in words; None if it is.

    It is not when an attempt between the one that saved it and this one went on from an earlier step.
    """
    for record in _records(stage):
        if checkpoint.attempt < record["attempt"] < attempt and checkpoint.step > record["step"]:
            return (
                f"saved by attempt {checkpoint.attempt}, which was given up: "
                f"attempt {record['attempt']} went on from optimizer step {record['step']}"
            )
    return None


def damaged_at_resume(stage: Path, attempt: int) -> dict[str, str]:
    """Names of the checkpoints that ``attempt`` has found damaged, with the fault: to read every byte again to find
    that out would take as long again."""
    mine = (record for record in _records(stage) if record["attempt"] == attempt)
    return {one["checkpoint"]: one["reason"] for record in mine for one in record["passedOver"] if one["damaged"]}


def discard_from(stage: Path, step: int, attempt: int) -> list[int]:
    """Remove what earlier attempts have saved of ``step`` and later, after a divergence; returns the steps."""
    doomed = [one for one in checkpoints_in(stage) if one.step >= step and one.attempt < attempt]
    for one in reversed(doomed):
        remove_checkpoint(one)
    return [one.step for one in doomed]


def record_file(stage: Path, attempt: int) -> Path:
    """Where an attempt writes what it goes on from: ``{ attempt, step, checkpoint, passedOver, decidedAt }``."""
    return checkpoints_folder(stage) / f"attempt-{attempt:05d}.json"


def write_record(stage: Path, attempt: int, found: Checkpoint | None, passed_over: list[PassedOver]) -> None:
    """Write down what an attempt goes on from; from then on it draws the line."""
    step = 0 if found is None else found.step
    if found is not None and found.attempt == attempt:  # this attempt was started twice; its line begins where it began
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
    """What attempts have written down. One that cannot be read says nothing: its attempt then draws no line."""
    records = []
    for file in sorted(checkpoints_folder(stage).glob("attempt-*.json")):
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
            records.append({**record, "attempt": int(record["attempt"]), "step": int(record["step"])})
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            continue
    return records
