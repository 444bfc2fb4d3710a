"""Prepares the process of a trainer: environment, imports, determinism."""

from __future__ import annotations

import atexit
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
    """Set environment variables for the libraries. They read them at import, so call this before importing torch.

    Raises InvalidInput if the trainer does not support this number of ranks.
    """
    refuse_ranks(context.stage["kind"], context.world_size)
    quiet = {
        "HF_HUB_OFFLINE": "1",  # weights come from the store, so a request to the hub only costs time
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        "TRANSFORMERS_VERBOSITY": "warning",
        "TOKENIZERS_PARALLELISM": "false",
        "TRL_EXPERIMENTAL_SILENCE": "1",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # deterministic matrix products on CUDA
    }
    if "OMP_WAIT_POLICY" not in os.environ:
        # Threads that wait for each other spin for some 30 us, and sleep then. By default they spin 100 times longer,
        # and two trainers on the same cores keep each other from work: 0.14 optimizer steps per second each instead of
        # 8. Threads that sleep at once halve the speed of a trainer alone (bench/trainers-beside.ts). The number of
        # threads stays the same, and so do all sums.
        quiet["GOMP_SPINCOUNT"] = "3000"
    for name, value in quiet.items():
        os.environ.setdefault(name, value)
    if context.world_size > 1:
        os.environ.setdefault("LOCAL_RANK", "0")  # a pod has only one rank


@contextlib.contextmanager
def quick_imports() -> Generator[None]:
    """Keep the garbage collector away from imported modules, during the imports and after them.

    Modules are hundreds of thousands of objects that stay until the end. The collector would scan them repeatedly,
    which took 0.8 s of the 6 s of processor time that a short training took.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        # Libraries in C++ print objects that are still there at the end, after the reason of a failure.
        atexit.register(gc.unfreeze)


def make_deterministic(seed: int) -> None:
    """Seed every random generator and use deterministic kernels, so that the same seed gives the same numbers.

    torch warns if an operation has no deterministic kernel.
    """
    import torch
    from transformers import set_seed
    from transformers.utils import logging as transformers_logging

    # transformers has its own handler; this sends its records to ours.
    transformers_logging.disable_default_handler()
    transformers_logging.enable_propagation()
    transformers_logging.disable_progress_bar()
    set_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # pyrefly: ignore[missing-attribute]  # torch replaces the module by an object that has the attribute
    torch.utils.deterministic.fill_uninitialized_memory = False  # it costs time, and would reveal only bugs of torch
