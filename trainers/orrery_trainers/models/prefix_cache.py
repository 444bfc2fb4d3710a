"""A cache of the keys and values of earlier prompts. A new prompt reuses those of a common prefix.

In a tree search, nearly every prompt is an earlier prompt with one more step.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import torch
from numpy.typing import NDArray


class PrefixCache:
    """The most recently used prompts, as many as fit into `max_bytes`."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes, self._bytes = max_bytes, 0
        self._prompts: OrderedDict[int, tuple[NDArray[np.int64], torch.Tensor]] = OrderedDict()
        self._next = 0

    def longest(self, prompt: list[int]) -> torch.Tensor | None:
        """Keys and values `[L, 2, K, tokens, E]` of the longest cached prefix of a prompt; None if there is none.

        The prefix never includes the last token of the prompt, because its logits must be computed.
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
        """Add a prompt and remove cached prompts that are a prefix of it.

        keys_and_values: `[L, 2, K, tokens, E]`.
        """
        tokens = np.array(prompt)
        for number, (known, _) in list(self._prompts.items()):
            if len(known) <= len(tokens) and np.array_equal(known, tokens[: len(known)]):
                self._forget(number)
        size = keys_and_values.numel() * keys_and_values.itemsize
        if size > self._max_bytes:
            return
        while self._bytes + size > self._max_bytes:
            self._forget(next(iter(self._prompts)))
        self._prompts[self._next] = (tokens, keys_and_values)
        self._next += 1
        self._bytes += size

    def _forget(self, number: int) -> None:
        _, keys_and_values = self._prompts.pop(number)
        self._bytes -= keys_and_values.numel() * keys_and_values.itemsize
