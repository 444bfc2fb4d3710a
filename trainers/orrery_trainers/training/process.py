"""The process of a trainer: its environment, its imports, its determinism."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Generator
from typing import TYPE_CHECKING

from orrery_trainers.pod.context import StageContext
from orrery_trainers.training.capabilities import refuse_ranks

if TYPE_CHECKING:
    from orrery_trainers.pod.stage_types import TrainerStage


def prepare_environment(context: StageContext[TrainerStage]) -> None:
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
def quick_imports() -> Generator[None]:
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
    # pyrefly: ignore[missing-attribute]  # the module is of a class of its own, which has it
    torch.utils.deterministic.fill_uninitialized_memory = False  # costs time, and finds bugs that are not ours
