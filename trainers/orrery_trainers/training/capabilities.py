"""What these programs can do, as `spec/engines/capabilities.json` tells it to whoever plans or admits a campaign.

The programs refuse by the same file, so that what is refused at the door and what would be refused here are the same.
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
    """A rank is one process, and that uses one GPU. What is beyond would be paid for, or change the batch.

    visible: GPUs that this process sees.
    Raises InvalidInput if there are more than it uses.
    """
    most = CAPABILITIES["trainers"]["gpusPerRank"]
    if visible > most:
        raise InvalidInput(
            f"stages.{kind}.run.resources.gpus: expected {most}, for a rank uses one GPU, but it has {visible};"
            f" take more run.ranks, or name one GPU in CUDA_VISIBLE_DEVICES"
        )


def refuse_ranks(kind: str, ranks: int) -> None:
    """Raises InvalidInput if the trainer of ``kind`` cannot divide its batch among so many ranks."""
    most = CAPABILITIES["trainers"]["mostRanks"].get(kind, ranks)
    if ranks > most:
        raise InvalidInput(f"stages.{kind}.run.ranks: expected at most {most}, but got {ranks}")
