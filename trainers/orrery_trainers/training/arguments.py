"""Arguments of transformers' Trainer that all trainers share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orrery_trainers.checkpoints.checkpoint import scratch_folder
from orrery_trainers.pod.context import StageContext
from orrery_trainers.training.batch import Batch
from orrery_trainers.training.capabilities import refuse_idle_gpus
from orrery_trainers.training.seeds import seed_for

if TYPE_CHECKING:
    from orrery_trainers.pod.stage_types import TrainerStage


def common_arguments(context: StageContext[TrainerStage], batch: Batch, optimizer_steps: int) -> dict[str, Any]:
    """Keyword arguments for TrainingArguments that all trainers share.

    The Trainer takes the data in its given order (`order_of`), in one pass of exactly ``optimizer_steps`` steps.
    Raises InvalidInput if this process sees more GPUs than a rank uses.
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
        "learning_rate": context.stage["config"]["learningRate"],
        "max_grad_norm": 1.0,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # a loss that is not finite must reach our check
        "save_strategy": "steps",
        "save_steps": context.stage["config"]["checkpoints"]["everySteps"],
        "seed": seed_for(context.stage["seed"], context.stage["kind"]),
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": cuda,
        "dataloader_num_workers": 0,
        "ddp_find_unused_parameters": False,
        **({"ddp_backend": "gloo"} if context.world_size > 1 and not cuda else {}),
    }
