"""The interface of a model for the decoding engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Logits: TypeAlias = "NDArray[np.floating] | torch.Tensor"
"""``[rows, vocabulary]``, before temperature. A tensor is on the device of its model."""


class ModelError(Exception):
    """A model cannot be served. The message names the file, the expected value and the actual one."""


class PolicyModel(Protocol):
    """A causal language model with a key-value cache. Its rows, numbered from 0, are the sequences in progress."""

    kind: str
    """Name of the implementation, for logs."""
    vocabulary_size: int
    context_tokens: int
    """Maximum length of a sequence, prompt and completion together."""
    cache_bytes_per_token: int
    """Size of the keys and values of one token, in all layers."""

    def join(self, prompts: list[list[int]], copies: list[int]) -> Logits:
        """Read prompts and append ``copies[i]`` rows for ``prompts[i]``.

        Returns the logits after each prompt, `[prompts, vocabulary]`.
        """

    def step(self, tokens: NDArray[np.int64]) -> Logits:
        """Append one token to every row. tokens: `[rows]`. Returns the logits after it, `[rows, vocabulary]`."""

    def keep(self, order: list[int]) -> None:
        """Keep the rows with these numbers, in this order, and remove the others."""


def order_without(rows: int, gone: set[int]) -> list[int]:
    """The order for :meth:`PolicyModel.keep` that removes the rows `gone` and moves as few rows as possible.

    The last rows fill the gaps: `order_without(5, {1, 2})` is `[0, 4, 3]`.
    """
    stay = rows - len(gone)
    movers = [row for row in range(rows - 1, stay - 1, -1) if row not in gone]
    return [movers.pop(0) if row in gone else row for row in range(stay)]
