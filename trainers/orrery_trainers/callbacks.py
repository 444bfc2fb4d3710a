"""What every trainer does beside training: metrics, progress, checkpoints, divergence, SIGTERM."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from .checkpoints import publish_checkpoint, retain
from .contract import StageContext, utc_now
from .failures import Diverged
from .metrics import MetricsJournal, diverged_in, metric_of

UNIT = "optimizer step"
T = TypeVar("T")


class StageCallback(TrainerCallback):
    """Ties a Trainer to the pod contract.

    The Trainer calls ``on_step_end``, then ``on_log``, then saves and calls ``on_save``: a step whose loss is no number
    ends in ``on_log`` and never becomes a checkpoint.
    """

    def __init__(self, context: StageContext, metrics: MetricsJournal) -> None:
        self._context = context
        self._metrics = metrics
        self.stopped = False
        """Whether training ended early because of SIGTERM."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        if self._context.is_main:
            self._context.report(UNIT, state.global_step, state.max_steps)
        return control

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """Save and stop if any rank was asked to: all ranks must leave at the same step, or the rest waits for ever."""
        if state.global_step < state.max_steps and any_rank(self._context.stop.is_set()):
            self.stopped = True
            control.should_save = True
            control.should_training_stop = True
        return control

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> TrainerControl:
        if logs is None or "loss" not in logs:  # the summary at the end
            return control
        if (fault := diverged_in(logs)) is not None:
            raise Diverged(f"{fault} at optimizer step {state.global_step}")
        if self._context.is_main:
            metric = metric_of(logs, state.global_step, self._context.attempt, utc_now())
            self._metrics.append(metric)
            shown = {name: value for name, value in metric.items() if name not in ("optimizerStep", "attempt", "time")}
            self._context.report(UNIT, state.global_step, state.max_steps, shown)
        return control

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """Turn what the Trainer saved into a checkpoint that counts, once every rank has written its share."""
        barrier()
        if self._context.is_main:
            self._metrics.sync()
            saved = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            stage, keep = self._context.directory, self._context.config["checkpoints"]["keep"]
            place, marker = publish_checkpoint(
                saved, stage, state.global_step, self._context.attempt, self._context.fence
            )
            removed = retain(stage, keep)
            size = sum(entry["bytes"] for entry in marker["files"])
            self._context.log.info(
                "checkpoint saved", optimizerStep=state.global_step, path=place.name, bytes=size, removed=removed
            )
        barrier()
        return control


def is_gang() -> bool:
    """Whether other ranks train with this one."""
    return torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1


def barrier() -> None:
    """Wait for the other ranks, if there are any."""
    if is_gang():
        torch.distributed.barrier()


def any_rank(flag: bool) -> bool:
    """Whether ``flag`` is set on any rank; every rank gets the same answer."""
    if not is_gang():
        return flag
    device = "cuda" if torch.distributed.get_backend() == "nccl" else "cpu"
    votes = torch.tensor([int(flag)], device=device)
    torch.distributed.all_reduce(votes, op=torch.distributed.ReduceOp.MAX)
    return bool(votes.item())


def from_main(value: T) -> T:
    """The value that rank 0 has, on every rank."""
    if not is_gang():
        return value
    values = [value]
    torch.distributed.broadcast_object_list(values, src=0)
    return values[0]
