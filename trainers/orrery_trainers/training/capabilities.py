"""The limits of these programs, from `spec/engines/capabilities.json`.

The planner and the check of a new campaign read the same file, so they refuse exactly what these programs refuse.
"""

from __future__ import annotations

import json
from typing import Any

from orrery_trainers.paths import PROJECT
from orrery_trainers.pod.failures import InvalidInput

# @loads spec/engines/capabilities.json
CAPABILITIES: dict[str, Any] = json.loads(
    (PROJECT / "spec" / "engines" / "capabilities.json").read_text(encoding="utf-8")
)


def refuse_idle_gpus(kind: str, visible: int) -> None:
    """Refuse more GPUs than a rank uses: one process uses one GPU. Idle GPUs cost money, or the Trainer would use them
    and change the batch.

    visible: number of GPUs that this process sees.
    Raises InvalidInput.
    """
    limit = CAPABILITIES["trainers"]["gpusPerRank"]
    if visible > limit:
        raise InvalidInput(
            f"stages.{kind}.run.resources.gpus: expected {limit}, because a rank uses one GPU, but got {visible};"
            f" increase run.ranks, or set CUDA_VISIBLE_DEVICES to one GPU"
        )


def refuse_ranks(kind: str, ranks: int) -> None:
    """Raise InvalidInput if the trainer of ``kind`` does not support this number of ranks."""
    limit = CAPABILITIES["trainers"]["mostRanks"].get(kind, ranks)
    if ranks > limit:
        raise InvalidInput(f"stages.{kind}.run.ranks: expected at most {limit}, but got {ranks}")
