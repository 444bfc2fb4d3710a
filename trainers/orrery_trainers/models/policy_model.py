"""What the decoding engine needs of a model, and the choice between the two that can do it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Logits: TypeAlias = "NDArray[np.floating] | torch.Tensor"
"""``[rows, vocabulary]``, before temperature; a tensor stays on the device of its model."""


class ModelError(Exception):
    """A model folder that cannot be served. The message names the file, what was expected and what came."""


class PolicyModel(Protocol):
    """A causal language model with a cache of the sequences that are being written: the rows, numbered from 0."""

    kind: str
    """Which implementation it is, for logs and metrics."""
    vocabulary_size: int
    context_tokens: int
    """Longest sequence, prompt and completion."""
    cache_bytes_per_token: int

    def join(self, prompts: list[list[int]], copies: list[int]) -> Logits:
        """Read prompts and append ``copies[i]`` rows for ``prompts[i]``.

        Returns the logits behind each prompt, `[prompts, vocabulary]`.
        """

    def step(self, tokens: NDArray[np.int64]) -> Logits:
        """Append a token to every row, `[rows]`; returns the logits behind it, `[rows, vocabulary]`."""

    def keep(self, order: list[int]) -> None:
        """Keep the rows of these old numbers, in this order, and forget the others."""


def order_without(rows: int, gone: set[int]) -> list[int]:
    """Rows that stay, moving as few as possible: the last fill the gaps. `order_without(5, {1, 2})` is `[0, 4, 3]`."""
    stay = rows - len(gone)
    movers = [row for row in range(rows - 1, stay - 1, -1) if row not in gone]
    return [movers.pop(0) if row in gone else row for row in range(stay)]


def load_model(folder: Path, dtype: str, prefix_bytes: int = 0) -> PolicyModel:
    """Load the weights of a folder in Hugging Face layout.

    A plain Llama of few parameters is computed in NumPy, which starts in a fraction of a second where importing torch
    and transformers takes many; everything else by transformers itself. Both give the same logits (test_llama.py).
    dtype: `float32`, `float64`, `bfloat16`, or `auto`: see the two. prefix_bytes: of prompts that are kept, so that
    what others have in common with them is not read again; transformers alone does that.
    """
    file = folder / "config.json"
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{file}: expected a model in Hugging Face layout, but there is no such file") from None
    except json.JSONDecodeError as error:
        raise ModelError(f"{file}: expected JSON: {error}") from None
    from orrery_trainers.models.llama import Llama, is_small_plain_llama

    if dtype != "bfloat16" and is_small_plain_llama(config, folder):
        return Llama.load(folder, config, "float32" if dtype == "auto" else dtype)
    from orrery_trainers.models.transformers_model import TransformersModel

    return TransformersModel(folder, dtype, prefix_bytes)
