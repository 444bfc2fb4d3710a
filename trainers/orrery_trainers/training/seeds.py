"""Seeds, and the order of the training data, which depends on a seed."""

from __future__ import annotations

import hashlib
import random


def seed_for(*parts: str | int) -> int:
    """A seed in [0, 2^31) for the purpose that ``parts`` name: the first 31 bits of their SHA-256."""
    digest = hashlib.sha256("\0".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def order_of(rows: int, length: int, seed: int) -> list[int]:
    """``length`` row indices: consecutive shuffled passes over ``rows`` rows, with each row once per pass.

    The order of a training run is fixed before it starts. So a resumed run, another micro-batch and another number of
    ranks see the same rows in the same optimizer step, and a sampler has no state that a checkpoint would have to save.
    """
    shuffle = random.Random(seed)
    order: list[int] = []
    while len(order) < length:
        one_pass = list(range(rows))
        shuffle.shuffle(one_pass)
        order += one_pass
    return order[:length]
