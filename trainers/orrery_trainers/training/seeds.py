"""Seeds, and the order of the data that follows from them."""

from __future__ import annotations

import hashlib
import random


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
