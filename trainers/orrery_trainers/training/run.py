"""Runs any trainer from the newest checkpoint to the published policy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from orrery_trainers.checkpoints.checkpoint import scratch_folder
from orrery_trainers.checkpoints.resume import discard_from, resume_point
from orrery_trainers.pod.context import StageContext
from orrery_trainers.pod.failures import Terminated
from orrery_trainers.pod.stopping import Interrupted
from orrery_trainers.store.files import replace_folder
from orrery_trainers.training.effect import NothingJudged, read_curve, refuse_no_effect
from orrery_trainers.training.metrics import METRICS_FILE, MetricsJournal
from orrery_trainers.training.soundness import refuse_unsound

if TYPE_CHECKING:
    from transformers import PreTrainedModel, Trainer

    from orrery_trainers.pod.stage_types import TrainerStage
    from orrery_trainers.training.callback import StageCallback


def train_and_publish(
    context: StageContext[TrainerStage],
    build: Callable[[StageCallback], Trainer],
    counts: Callable[[Trainer], dict[str, float]],
) -> None:
    """Train from the newest valid checkpoint to the end, check the result, publish policy and metrics.

    build: makes the Trainer with the callback. counts: the counts for the part manifest.
    Raises Terminated after SIGTERM, when progress is saved; NoEffect, Diverged or Unsound if the result is unusable.
    """
    from orrery_trainers.training.callback import StageCallback
    from orrery_trainers.training.gang import barrier, from_main

    metrics = MetricsJournal(context.directory, context.attempt)
    callback = StageCallback(context, metrics)
    trainer = build(callback)
    trainer.remove_callback(_printer())
    trainer.create_model_card = lambda *_, **__: None  # TRL would write a card for a hub into every checkpoint
    start = from_main(_start(context, metrics) if context.is_main else None)
    try:
        _train(trainer, callback, start)
    except Exception:
        _discard_scratch(context)  # removing an incomplete save frees space in a full store
        raise
    metrics.close()
    if callback.stopped:
        raise Terminated(
            f"SIGTERM: stopped and saved at optimizer step {trainer.state.global_step} of {trainer.state.max_steps}"
        )
    try:
        refuse_no_effect(context.stage["kind"], from_main(read_curve(metrics.file) if context.is_main else []))
    except NothingJudged:
        # All checkpoints have the initial weights. The next attempt must train again, so it must not resume from them.
        if context.is_main:
            discard_from(context.directory, 0, context.attempt + 1)
        raise
    _publish(context, trainer, metrics, counts(trainer))
    barrier()


def _train(trainer: Trainer, callback: StageCallback, start: str | None) -> None:
    """Train to the end or until SIGTERM. After SIGTERM, ``callback.stopped`` is set and progress is saved."""
    try:
        trainer.train(resume_from_checkpoint=start)
    except Interrupted:
        callback.save_last_step(trainer)


def _start(context: StageContext[TrainerStage], metrics: MetricsJournal) -> str | None:
    """Start the curve; return the folder of the checkpoint to resume from, None to start from the beginning."""
    found = resume_point(context)
    metrics.begin(None if found is None else found.path)
    return None if found is None else str(found.path)


def _publish(
    context: StageContext[TrainerStage], trainer: Trainer, metrics: MetricsJournal, counts: dict[str, float]
) -> None:
    """Write the final policy in Hugging Face layout to data/policy, then the curve, then the part.

    Every rank must call it; rank 0 writes.
    """
    unfinished = context.data / f".policy.{context.attempt}"
    if context.is_main:
        shutil.rmtree(unfinished, ignore_errors=True)
    model = cast("PreTrainedModel", trainer.model)
    model.config.use_cache = True  # training switches it off, but sampling needs it
    trainer.save_model(str(unfinished))
    if not context.is_main:
        return
    (unfinished / "training_args.bin").unlink(missing_ok=True)  # it contains paths of this machine; nobody reads it
    refuse_unsound(cast("PreTrainedModel", trainer.accelerator.unwrap_model(model)), unfinished)
    curve = context.data / f".{METRICS_FILE}.{context.attempt}"
    metrics.copy_to(curve)
    context.fence()
    replace_folder(unfinished, context.data / "policy")
    curve.replace(context.data / METRICS_FILE)
    policy = [path for path in (context.data / "policy").rglob("*") if path.is_file()]
    context.publish([*policy, context.data / METRICS_FILE], counts)
    _discard_scratch(context)


def _discard_scratch(context: StageContext[TrainerStage]) -> None:
    if context.is_main:
        shutil.rmtree(scratch_folder(context.directory, context.attempt), ignore_errors=True)


def _printer() -> type:
    """The callback that prints every log as a Python dictionary. Metrics and progress have the same facts."""
    from transformers import PrinterCallback

    return PrinterCallback
