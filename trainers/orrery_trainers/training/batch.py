"""Divides the sequences of an optimizer step into ranks and forward passes."""

from __future__ import annotations

from dataclasses import dataclass

from orrery_trainers.pod.failures import InvalidInput


@dataclass(frozen=True, slots=True)
class Batch:
    """The division of an optimizer step: it has ``per_rank x accumulation x ranks`` sequences."""

    per_rank: int
    """Number of sequences in one forward pass of a rank."""
    accumulation: int
    """Number of forward passes of a rank per optimizer step."""


def divide_batch(sequences: int, ranks: int, micro_batch: int, scale: float = 1.0) -> Batch:
    """Divide the ``sequences`` of an optimizer step into ranks and forward passes. The result of the step is the same.

    micro_batch: maximum number of sequences in a forward pass. scale: factor for it, below 1 after running out of
    memory. A forward pass has as many sequences as this limit and an even division allow.
    Raises InvalidInput if the number of sequences is not a multiple of the number of ranks.
    """
    if sequences % ranks != 0:
        raise InvalidInput(
            f"expected sequences per optimizer step to be a multiple of the ranks, but got {sequences} and {ranks}"
        )
    share = sequences // ranks
    limit = max(1, int(micro_batch * scale))
    per_rank = next(size for size in range(min(limit, share), 0, -1) if share % size == 0)
    return Batch(per_rank, share // per_rank)
