"""The interface of a model for the decoding engine, and the choice of its implementation."""

from __future__ import annotations

import json
from pathlib import Path
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


def load_model(folder: Path, dtype: str, prefix_bytes: int = 0) -> PolicyModel:
    """Load a model from a folder in Hugging Face layout.

    A small, plain Llama runs in NumPy. That starts within a fraction of a second, while the imports of torch and
    transformers take many seconds. Every other model runs with transformers. Both give the same logits (test_llama.py).
    dtype: `float32`, `float64`, `bfloat16`, or `auto`, which the two implementations define. prefix_bytes: size of the
    cache of prompt prefixes; only transformers uses it.
    Raises ModelError if the folder has no model that can be loaded.
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
