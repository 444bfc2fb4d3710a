"""What pretrain, sft and rl share: the process, the order of the data, the way from checkpoint to published policy."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .capabilities import refuse_idle_gpus, refuse_ranks
from .checkpoints import scratch_folder
from .contract import StageContext
from .effect import Unjudged, read_curve, refuse_no_effect
from .failures import InvalidInput, Terminated
from .files import replace_folder
from .metrics import METRICS_FILE, MetricsJournal
from .resume import discard_from, resume_point
from .soundness import refuse_unsound
from .stopping import Interrupted

if TYPE_CHECKING:
    from transformers import Trainer

    from .callbacks import StageCallback


@dataclass(frozen=True, slots=True)
class Batch:
    """How an optimizer step is divided: ``perRank x accumulation x ranks`` sequences."""

    per_rank: int
    """Sequences of one forward pass of a rank."""
    accumulation: int
    """Forward passes of a rank per optimizer step."""


def divide_batch(sequences: int, ranks: int, micro_batch: int, scale: float = 1.0) -> Batch:
    """Divide the ``sequences`` of an optimizer step over ranks and forward passes; the step stays the same.

    scale: share of ``micro_batch`` to use, below 1 after an out-of-memory. The largest divisor that fits is taken.
    Raises InvalidInput if the ranks cannot share the sequences.
    """
    if sequences % ranks != 0:
        raise InvalidInput(
            f"expected sequences per optimizer step to be a multiple of the ranks, but got {sequences} and {ranks}"
        )
    share = sequences // ranks
    limit = max(1, int(micro_batch * scale))
    per_rank = next(size for size in range(min(limit, share), 0, -1) if share % size == 0)
    return Batch(per_rank, share // per_rank)


def seed_for(*parts: str | int) -> int:
    """A seed in [0, 2^31) for what ``parts`` name: the first bits of their SHA-256."""
    digest = hashlib.sha256("\0".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def order_of(rows: int, length: int, seed: int) -> list[int]:
    """``length`` row numbers: shuffled passes over ``rows`` rows, one after the other, each row once a pass.

    The whole order of a training run is laid down before it begins, so a resumed run, another micro-batch and another
    number of ranks all see the same rows in the same optimizer step, and samplers hold no state that a checkpoint would
    have to keep.
    """
    shuffle = random.Random(seed)
    order: list[int] = []
    while len(order) < length:
        one_pass = list(range(rows))
        shuffle.shuffle(one_pass)
        order += one_pass
    return order[:length]


def prepare_environment(context: StageContext) -> None:
    """Set what libraries read from the environment when they are imported. Before torch is.

    Raises InvalidInput if the trainer cannot run on as many ranks.
    """
    refuse_ranks(context.stage["kind"], context.world_size)
    quiet = {
        "HF_HUB_OFFLINE": "1",  # weights come from the store; a look at the network only costs time
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        "TRANSFORMERS_VERBOSITY": "warning",
        "TOKENIZERS_PARALLELISM": "false",
        "TRL_EXPERIMENTAL_SILENCE": "1",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # deterministic matrix products on CUDA
    }
    for name, value in quiet.items():
        os.environ.setdefault(name, value)
    if context.world_size > 1:
        os.environ.setdefault("LOCAL_RANK", "0")  # a rank has its pod to itself


@contextlib.contextmanager
def quick_imports() -> Iterator[None]:
    """Import without the garbage collector, which would walk the hundreds of thousands of new objects over and over."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def make_deterministic(seed: int) -> None:
    """Same seed, same numbers: seeds every generator, prefers deterministic kernels (warns where there is none)."""
    import torch
    from transformers import set_seed
    from transformers.utils import logging as transformers_logging

    # transformers prints by a handler of its own; let its records reach ours.
    transformers_logging.disable_default_handler()
    transformers_logging.enable_propagation()
    transformers_logging.disable_progress_bar()
    set_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # costs time, and finds bugs that are not ours


def common_arguments(context: StageContext, batch: Batch, optimizer_steps: int) -> dict[str, Any]:
    """TrainingArguments that all trainers share.

    Data is taken in the order that we laid down (`order_of`), in one pass of exactly ``optimizer_steps``.
    """
    import torch

    cuda = torch.cuda.is_available()
    refuse_idle_gpus(context.stage["kind"], torch.cuda.device_count() if cuda else 0)
    return {
        "output_dir": str(scratch_folder(context.directory, context.attempt)),
        "use_cpu": not cuda,
        "bf16": cuda,
        "fp16": False,
        "per_device_train_batch_size": batch.per_rank,
        "gradient_accumulation_steps": batch.accumulation,
        "max_steps": optimizer_steps,
        "train_sampling_strategy": "sequential",
        "learning_rate": context.config["learningRate"],
        "max_grad_norm": 1.0,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # a loss that is no number must be seen
        "save_strategy": "steps",
        "save_steps": context.config["checkpoints"]["everySteps"],
        "seed": seed_for(context.stage["seed"], context.stage["kind"]),
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": cuda,
        "dataloader_num_workers": 0,
        "ddp_find_unused_parameters": False,
        **({"ddp_backend": "gloo"} if context.world_size > 1 and not cuda else {}),
    }


def train_and_publish(
    context: StageContext, build: Callable[[StageCallback], Trainer], counts: Callable[[Trainer], dict[str, float]]
) -> None:
    """Train from the newest checkpoint that verifies to the end, look at what came of it, publish policy and metrics.

    build: makes the Trainer around the callback. counts: the facts that the part manifest tells.
    Raises Terminated once SIGTERM has been obeyed; NoEffect, Diverged or Unsound where nothing is to be published.
    """
    from .callbacks import StageCallback, barrier, from_main

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


def _start(context: StageContext, metrics: MetricsJournal) -> str | None:
    """Folder of the checkpoint to go on from, with the curve that led to it begun; None to begin anew."""
    found = resume_point(context)
    metrics.begin(None if found is None else found.path)
    return None if found is None else str(found.path)


def _publish(context: StageContext, trainer: Trainer, metrics: MetricsJournal, counts: dict[str, float]) -> None:
    """Write the final policy in Hugging Face layout to data/policy, the curve, then the part.

    All ranks call it, rank 0 writes.
    """
    making = context.data / f".policy.{context.attempt}"
    if context.is_main:
        shutil.rmtree(making, ignore_errors=True)
    trainer.model.config.use_cache = True  # off while training; who samples from the policy wants it
    trainer.save_model(str(making))
    if not context.is_main:
        return
    (making / "training_args.bin").unlink(missing_ok=True)  # holds paths of this machine; nobody reads it
    refuse_unsound(trainer.accelerator.unwrap_model(trainer.model), making)
    curve = context.data / f".{METRICS_FILE}.{context.attempt}"
    metrics.copy_to(curve)
    context.fence()
    replace_folder(making, context.data / "policy")
    curve.replace(context.data / METRICS_FILE)
    policy = [path for path in (context.data / "policy").rglob("*") if path.is_file()]
    context.publish([*policy, context.data / METRICS_FILE], counts)
    _discard_scratch(context)


def _discard_scratch(context: StageContext) -> None:
    if context.is_main:
        shutil.rmtree(scratch_folder(context.directory, context.attempt), ignore_errors=True)


def _printer() -> type:
    """The callback that prints every log as a Python dictionary: metrics and progress tell it already."""
    from transformers import PrinterCallback

    return PrinterCallback
