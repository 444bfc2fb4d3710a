"""A training run, the same for every trainer: from the newest checkpoint to the published policy."""

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
from orrery_trainers.training.effect import Unjudged, read_curve, refuse_no_effect
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
    """Train from the newest checkpoint that verifies to the end, look at what came of it, publish policy and metrics.

    build: makes the Trainer around the callback. counts: the facts that the part manifest tells.
    Raises Terminated once SIGTERM has been obeyed; NoEffect, Diverged or Unsound where nothing is to be published.
    """
    from orrery_trainers.training.callback import StageCallback
    from orrery_trainers.training.gang import barrier, from_main

    metrics = MetricsJournal(context.directory, context.attempt)
    callback = StageCallback(context, metrics)
    trainer = build(callback)
    trainer.remove_callback(_printer())
    trainer.create_model_card = lambda *_, **__: None  # TRL writes one with every checkpoint, for a hub
    start = from_main(_start(context, metrics) if context.is_main else None)
    try:
        _train(trainer, callback, start)
    except Exception:
        _discard_scratch(context)  # where the store is full, what could not be saved must not keep it so
        raise
    metrics.close()
    if callback.stopped:
        raise Terminated(
            f"SIGTERM: stopped and saved at optimizer step {trainer.state.global_step} of {trainer.state.max_steps}"
        )
    try:
        refuse_no_effect(context.stage["kind"], from_main(read_curve(metrics.file) if context.is_main else []))
    except Unjudged:
        if (
            context.is_main
        ):  # they hold the weights that training began with; from the last one nothing would be done anew
            discard_from(context.directory, 0, context.attempt + 1)
        raise
    _publish(context, trainer, metrics, counts(trainer))
    barrier()


def _train(trainer: Trainer, callback: StageCallback, start: str | None) -> None:
    """To the end, or to SIGTERM; then ``callback.stopped`` is set, and what was reached is saved."""
    try:
        trainer.train(resume_from_checkpoint=start)
    except Interrupted:
        callback.save_last_step(trainer)


def _start(context: StageContext[TrainerStage], metrics: MetricsJournal) -> str | None:
    """Folder of the checkpoint to go on from, with the curve that led to it begun; None to begin anew."""
    found = resume_point(context)
    metrics.begin(None if found is None else found.path)
    return None if found is None else str(found.path)


def _publish(
    context: StageContext[TrainerStage], trainer: Trainer, metrics: MetricsJournal, counts: dict[str, float]
) -> None:
    """Write the final policy in Hugging Face layout to data/policy, the curve, then the part.

    All ranks call it, rank 0 writes.
    """
    making = context.data / f".policy.{context.attempt}"
    if context.is_main:
        shutil.rmtree(making, ignore_errors=True)
    model = cast("PreTrainedModel", trainer.model)
    model.config.use_cache = True  # off while training; who samples from the policy wants it
    trainer.save_model(str(making))
    if not context.is_main:
        return
    (making / "training_args.bin").unlink(missing_ok=True)  # holds paths of this machine; nobody reads it
    refuse_unsound(cast("PreTrainedModel", trainer.accelerator.unwrap_model(model)), making)
    curve = context.data / f".{METRICS_FILE}.{context.attempt}"
    metrics.copy_to(curve)
    context.fence()
    replace_folder(making, context.data / "policy")
    curve.replace(context.data / METRICS_FILE)
    policy = [path for path in (context.data / "policy").rglob("*") if path.is_file()]
    context.publish([*policy, context.data / METRICS_FILE], counts)
    _discard_scratch(context)


def _discard_scratch(context: StageContext[TrainerStage]) -> None:
    if context.is_main:
        shutil.rmtree(scratch_folder(context.directory, context.attempt), ignore_errors=True)


def _printer() -> type:
    """The callback that prints every log as a Python dictionary: metrics and progress tell it already."""
    from transformers import PrinterCallback

    return PrinterCallback
