"""How the sequences of an optimizer step are divided over ranks and forward passes."""

from __future__ import annotations

from dataclasses import dataclass

from orrery_trainers.pod.failures import InvalidInput


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
