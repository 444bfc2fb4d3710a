"""The callback of every trainer: metrics, progress, checkpoints, divergence, SIGTERM."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, cast

import torch
from transformers import PreTrainedModel, Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from orrery_trainers.checkpoints.checkpoint import Metric, publish_checkpoint
from orrery_trainers.checkpoints.retention import Keep, retain
from orrery_trainers.pod.clock import utc_now
from orrery_trainers.pod.context import StageContext
from orrery_trainers.pod.failures import Diverged
from orrery_trainers.pod.stopping import Interrupted
from orrery_trainers.training.gang import any_rank, barrier, is_gang
from orrery_trainers.training.metrics import METRICS_FILE, MetricsJournal, diverged_in, metric_of
from orrery_trainers.training.step_end import StepEnd

if TYPE_CHECKING:
    from orrery_trainers.pod.stage_types import TrainerStage

UNIT = "optimizer step"
CHECKPOINT_METRICS = {"rl": "reward"}
"""Kind of trainer -> the metric that ranks its checkpoints; ``loss`` for every other kind."""


class StageCallback(TrainerCallback):
    """Connects a Trainer to the pod contract.

    The Trainer calls ``on_step_begin``, ``on_pre_optimizer_step``, ``on_step_end``, then ``on_log``, then saves and
    calls ``on_save``. If the loss is not finite, ``on_log`` raises, so such a step never becomes a checkpoint.

    SIGTERM abandons the current optimizer step, so that a long rollout ends at once (``save_last_step``). In a gang,
    every rank finishes the step instead, because the other ranks would wait forever for one that left.
    """

    def __init__(self, context: StageContext[TrainerStage], metrics: MetricsJournal) -> None:
        self._context = context
        self._metrics = metrics
        self._values: list[float] = []  # of the metric that ranks checkpoints, since the last checkpoint
        self._save_began = 0.0  # monotonic time
        self._saved_step = 0
        self._step_end: StepEnd | None = None
        self.stopped = False
        """Whether training ended early because of SIGTERM."""
        # The marker has a hash of every file, so torch need not compute CRC-32s, which take longer than writing.
        torch.serialization.set_crc32_options(False)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        self._context.stop.defer_interrupt()
        if any_rank(self._context.stop.requested):
            raise Interrupted  # there is nothing new to save
        self._saved_step = state.global_step
        if self._context.is_main:
            self._context.progress.report(UNIT, state.global_step, state.max_steps)
        return control

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        if not is_gang():
            self._context.stop.allow_interrupt()
        return control

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        self._context.stop.defer_interrupt()
        return control

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """Save and stop if any rank got SIGTERM. All ranks must stop at the same step, or the others wait forever."""
        self._step_end = StepEnd.of(state)
        self._stop_if_requested(state, control)
        if self.stopped:
            control.should_save = True
        self._save_began = time.monotonic()
        return control

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> TrainerControl:
        if logs is None or "loss" not in logs:  # the summary at the end of training
            return control
        if (fault := diverged_in(logs)) is not None:
            raise Diverged(f"{fault} at optimizer step {state.global_step}")
        if self._context.is_main:
            metric = metric_of(logs, state.global_step, self._context.attempt, utc_now())
            self._metrics.append(metric)
            if (value := metric.get(self._metric_name)) is not None:
                self._values.append(value)
            shown = {name: value for name, value in metric.items() if name not in ("optimizerStep", "attempt", "time")}
            self._context.progress.report(UNIT, state.global_step, state.max_steps, shown)
        self._save_began = time.monotonic()
        return control

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """Publish what the Trainer saved as a checkpoint, after every rank has written its part."""
        barrier()
        if self._context.is_main:
            self._publish(Path(cast("str", args.output_dir)) / f"checkpoint-{state.global_step}", state.global_step)
        self._saved_step = state.global_step
        barrier()
        self._stop_if_requested(state, control)  # SIGTERM may have come during the save, which need not be repeated
        return control

    def save_last_step(self, trainer: Trainer) -> None:
        """After Interrupted: save the state at the end of the last finished optimizer step, unless it is saved already.

        This restores what the abandoned step has changed: the random states and the count of tokens. The step has not
        changed the weights and the optimizer yet, and a checkpoint does not contain gradients.
        """
        self.stopped = True
        if self._step_end is None or trainer.state.global_step == self._saved_step:
            return
        self._save_began = time.monotonic()
        self._step_end.restore(trainer)
        model = cast("PreTrainedModel", trainer.model)
        trainer._save_checkpoint(model, trial=None)  # the Trainer itself calls this before it calls on_save
        self.on_save(trainer.args, trainer.state, trainer.control)

    @property
    def _metric_name(self) -> str:
        return CHECKPOINT_METRICS.get(self._context.stage["kind"], "loss")

    def _stop_if_requested(self, state: TrainerState, control: TrainerControl) -> None:
        if state.global_step < state.max_steps and any_rank(self._context.stop.requested):
            self.stopped = True
            control.should_training_stop = True

    def _publish(self, saved: Path, step: int) -> None:
        context = self._context
        self._metrics.copy_to(saved / METRICS_FILE)
        metric = Metric(self._metric_name, fmean(self._values), len(self._values)) if self._values else None
        place, marker = publish_checkpoint(saved, context.directory, step, context.attempt, metric, context.fence)
        self._values = []
        context.fence()
        removed = retain(context.directory, context.attempt, Keep.from_config(context.stage["config"]["checkpoints"]))
        seconds = time.monotonic() - self._save_began
        context.log.info(
            "checkpoint saved",
            optimizerStep=step,
            checkpoint=place.name,
            bytes=sum(entry["bytes"] for entry in marker["files"]),
            seconds=round(seconds, 3),
            removed={one.checkpoint: one.reason for one in removed},
        )
        context.progress.add_saving_time(seconds)
