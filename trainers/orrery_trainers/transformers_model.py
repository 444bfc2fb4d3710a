"""Any causal language model, computed by transformers itself.

The cache is transformers' own: rows are padded on the left to one length, new rows are joined to it, and those that are
done are cut out. Here a row's numbers may differ in their last bits with what else is in the batch.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, DynamicCache
from transformers.cache_utils import DynamicLayer

from orrery_trainers.policy_model import Logits, ModelError


class TransformersModel:
    """The model with the cache of its rows; see :class:`orrery_trainers.policy_model.PolicyModel`."""

    kind = "transformers"

    def __init__(self, folder: Path, dtype: str) -> None:
        """Raises ModelError for a model that keeps other than all keys and values (a sliding window, a recurrence)."""
        try:
            self._model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
        except (OSError, ValueError) as error:
            raise ModelError(
                f"{folder}: expected a causal language model that transformers can load: {error}"
            ) from error
        self.vocabulary_size: int = self._model.config.vocab_size
        self.context_tokens: int = self._model.config.max_position_embeddings
        self._cache: DynamicCache | None = None
        self._mask = torch.zeros(0, 0, dtype=torch.long)  # [rows, positions], 1 where there is a token
        _, cache = self._read([[0]])
        if not all(type(layer) is DynamicLayer for layer in cache.layers):
            raise ModelError(
                f"{folder}: expected a model whose layers keep all keys and values, but got a {type(self._model)}"
            )
        self.cache_bytes_per_token = sum(2 * layer.keys[0].numel() * layer.keys.itemsize for layer in cache.layers)

    @torch.inference_mode()
    def join(self, prompts: list[list[int]], copies: list[int]) -> Logits:
        """See PolicyModel."""
        logits, cache = self._read(prompts)
        mask = _left_padded([[1] * len(prompt) for prompt in prompts])
        rows = torch.repeat_interleave(torch.arange(len(prompts)), torch.tensor(copies))
        mask = mask[rows]
        for layer in cache.layers:
            layer.keys, layer.values = layer.keys[rows], layer.values[rows]
        if self._cache is None:
            self._cache, self._mask = cache, mask
        else:
            length = max(self._mask.shape[1], mask.shape[1])
            self._mask = torch.cat([_grown(self._mask, 1, length), _grown(mask, 1, length)])
            for old, new in zip(self._cache.layers, cache.layers, strict=True):
                old.keys = torch.cat([_grown(old.keys, 2, length), _grown(new.keys, 2, length)])
                old.values = torch.cat([_grown(old.values, 2, length), _grown(new.values, 2, length)])
        return logits

    @torch.inference_mode()
    def step(self, tokens: NDArray[np.int64]) -> Logits:
        """See PolicyModel."""
        positions = self._mask.sum(dim=1, keepdim=True)
        self._mask = torch.cat([self._mask, torch.ones_like(positions)], dim=1)
        output = self._model(
            input_ids=torch.from_numpy(tokens)[:, None],
            attention_mask=self._mask,
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
        )
        return output.logits[:, -1].numpy()

    def keep(self, order: list[int]) -> None:
        """See PolicyModel. Columns that are padding in every row are cut off."""
        if not order or self._cache is None:
            self._cache = None
            return
        rows = torch.tensor(order)
        mask = self._mask[rows]
        first = int(mask.any(dim=0).int().argmax())
        self._mask = mask[:, first:]
        for layer in self._cache.layers:
            layer.keys, layer.values = layer.keys[rows, :, first:], layer.values[rows, :, first:]

    @torch.inference_mode()
    def _read(self, prompts: list[list[int]]) -> tuple[Logits, DynamicCache]:
        mask = _left_padded([[1] * len(prompt) for prompt in prompts])
        cache = DynamicCache(config=self._model.config)
        output = self._model(
            input_ids=_left_padded(prompts),
            attention_mask=mask,
            position_ids=(mask.cumsum(dim=1) - 1).clamp(min=0),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits[:, -1].numpy(), output.past_key_values


def _left_padded(rows: list[list[int]]) -> torch.Tensor:
    longest = max(map(len, rows))
    return torch.tensor([[0] * (longest - len(row)) + row for row in rows])


def _grown(tensor: torch.Tensor, dimension: int, length: int) -> torch.Tensor:
    """The tensor with zeros in front of `dimension` up to `length`."""
    missing = length - tensor.shape[dimension]
    if missing == 0:
        return tensor
    shape = list(tensor.shape)
    shape[dimension] = missing
    return torch.cat([tensor.new_zeros(shape), tensor], dim=dimension)
