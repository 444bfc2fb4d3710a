"""Keys and values of prompts that were read, so that what a prompt has in common with an earlier one is not read again.

In a tree search nearly every prompt is an earlier one with a step more.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import torch
from numpy.typing import NDArray


class PrefixCache:
    """The prompts used last, as many as fit into `bytes_kept`."""

    def __init__(self, bytes_kept: int) -> None:
        self._bytes_kept, self._bytes = bytes_kept, 0
        self._prompts: OrderedDict[int, tuple[NDArray[np.int64], torch.Tensor]] = OrderedDict()
        self._next = 0

    def longest(self, prompt: list[int]) -> torch.Tensor | None:
        """Keys and values `[L, 2, K, tokens, E]` of the longest known beginning of a prompt; None without one.

        The last token is never among them: what follows it has to be computed.
        """
        tokens = np.array(prompt[:-1])
        best, length = None, 0
        for number, (known, _) in self._prompts.items():
            common = min(len(known), len(tokens))
            differs = np.flatnonzero(known[:common] != tokens[:common])
            shared = int(differs[0]) if len(differs) else common
            if shared > length:
                best, length = number, shared
        if best is None:
            return None
        self._prompts.move_to_end(best)
        return self._prompts[best][1][..., :length, :]

    def add(self, prompt: list[int], keys_and_values: torch.Tensor) -> None:
        """Remember a prompt. One that it goes on from is forgotten: it is in there."""
        tokens = np.array(prompt)
        for number, (known, _) in list(self._prompts.items()):
            if len(known) <= len(tokens) and np.array_equal(known, tokens[: len(known)]):
                self._forget(number)
        size = keys_and_values.numel() * keys_and_values.itemsize
        if size > self._bytes_kept:
            return
        while self._bytes + size > self._bytes_kept:
            self._forget(next(iter(self._prompts)))
        self._prompts[self._next] = (tokens, keys_and_values)
        self._next += 1
        self._bytes += size

    def _forget(self, number: int) -> None:
        _, keys_and_values = self._prompts.pop(number)
        self._bytes -= keys_and_values.numel() * keys_and_values.itemsize
