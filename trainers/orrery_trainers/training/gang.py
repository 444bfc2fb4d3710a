"""Synchronises the ranks of a gang."""

from __future__ import annotations

from typing import TypeVar

import torch

T = TypeVar("T")


def is_gang() -> bool:
    """Whether more than one rank trains."""
    return torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1


def barrier() -> None:
    """Wait for the other ranks, if there are any."""
    if is_gang():
        torch.distributed.barrier()


def any_rank(flag: bool) -> bool:
    """Whether ``flag`` is set on any rank; every rank gets the same answer."""
    if not is_gang():
        return flag
    device = "cuda" if torch.distributed.get_backend() == "nccl" else "cpu"
    votes = torch.tensor([int(flag)], device=device)
    torch.distributed.all_reduce(votes, op=torch.distributed.ReduceOp.MAX)
    return bool(votes.item())


def from_main(value: T) -> T:
    """Returns rank 0's value on every rank."""
    if not is_gang():
        return value
    values = [value]
    torch.distributed.broadcast_object_list(values, src=0)
    return values[0]
