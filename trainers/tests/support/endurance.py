"""Runs of a trainer under faults, and the comparison with an undisturbed one."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

from orrery_trainers.checkpoints.checkpoint import checkpoints_in, scratch_folder
from orrery_trainers.checkpoints.integrity import fault_of
from orrery_trainers.checkpoints.resume import record_file
from programs import until
from results import metric_lines, part, steps_told, weights_hash
from warm import Warm

OF_AN_ATTEMPT = {"attempt", "time"}


def endure(warm: Warm, kind: str, folder: Path, faults: list[Callable], **more: str) -> list[int]:
    """Run a stage to its end with one fault per attempt; returns the steps from which the attempts resumed."""
    for attempt, fault in enumerate(faults):
        trainer = warm.start(kind, folder, attempt, **more)
        fault(trainer, folder, attempt)
        assert not (folder / "parts").exists()
    last = warm.start(kind, folder, len(faults), **more)
    assert last.wait() == 0, last.log.read_text()
    return [json.loads(record_file(folder, attempt).read_text())["step"] for attempt in range(len(faults) + 1)]


def killed_at(step: int) -> Callable:
    """SIGKILL, a short time after the trainer has reported an optimizer step."""

    def fault(trainer, folder, attempt) -> None:
        until(lambda: steps_told(folder, attempt) >= step, lambda: trainer.alive)
        trainer.kill()

    return fault


def killed_in_save(trainer, folder, attempt) -> None:
    """SIGKILL, while the Trainer writes a checkpoint."""
    until(lambda: any(scratch_folder(folder, attempt).glob("checkpoint-*/*")), lambda: trainer.alive)
    trainer.kill()


def terminated_at(step: int) -> Callable:
    """SIGTERM soon after an optimizer step: it saves, and ends with 143."""

    def fault(trainer, folder, attempt) -> None:
        until(lambda: steps_told(folder, attempt) >= step, lambda: trainer.alive)
        trainer.send(signal.SIGTERM)
        assert trainer.wait() == 143, trainer.log.read_text()
        newest = checkpoints_in(folder)[-1]
        assert newest.step == steps_told(folder, attempt), "a step that was told is in no checkpoint"
        assert fault_of(newest) is None

    return fault


def assert_equal_runs(one: Path, other: Path) -> None:
    """Losses, rewards, gradient norms, lengths of every step; final weights; counts."""
    curves = [
        [{name: value for name, value in line.items() if name not in OF_AN_ATTEMPT} for line in metric_lines(folder)]
        for folder in (one, other)
    ]
    assert curves[0] == curves[1]
    assert weights_hash(one) == weights_hash(other)
    assert part(one)["counts"] == part(other)["counts"]
