"""Any causal language model with transformers, on a CPU or a GPU.

The key-value cache is updated in place (row_cache.py), and a prompt reuses a cached prefix (prefix_cache.py). The last
bits of a row's logits may depend on the other rows in the batch.
"""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache
from transformers.cache_utils import DynamicLayer

from orrery_trainers.models.policy_model import Logits, ModelError
from orrery_trainers.models.prefix_cache import PrefixCache
from orrery_trainers.models.row_cache import RowCache

MAX_READ_TOKENS = {"cpu": 2048, "cuda": 16_384}
"""Device -> maximum number of prompt tokens in one forward pass, with padding. *Ours*."""


class TransformersModel:
    """The model and the key-value cache of its rows: a :class:`orrery_trainers.models.policy_model.PolicyModel`."""

    kind = "transformers"

    def __init__(self, folder: Path, dtype: str, prefix_bytes: int = 0) -> None:
        """Load the model.

        dtype: `auto` is bfloat16 if the weights are bfloat16 and the device computes fast with it, otherwise float32.
        prefix_bytes: size of the cache of prompt prefixes.
        Raises ModelError if the folder has no causal language model, or if the model does not keep all keys and values
        (a sliding window, a recurrence).
        """
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            if dtype == "auto":
                dtype = self._usual_dtype(folder)
            model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype))
        except (OSError, ValueError) as error:
            raise ModelError(
                f"{folder}: expected a causal language model that transformers can load: {error}"
            ) from error
        if "OMP_NUM_THREADS" in os.environ:  # torch reads the variable only when it is imported, which may be too early
            torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        self._model = model.eval().to(self.device)
        self.vocabulary_size: int = model.config.vocab_size
        self.context_tokens: int = model.config.max_position_embeddings
        self._prefixes = PrefixCache(0)
        _, [probe] = self._read([[0]])
        layers, _, heads, _, width = probe.shape
        self.cache_bytes_per_token = probe.numel() * probe.itemsize
        self._rows = RowCache(layers, heads, width, probe.dtype, self.device)
        self._prefixes = PrefixCache(prefix_bytes)

    @torch.inference_mode()
    def join(self, prompts: list[list[int]], copies: list[int]) -> Logits:
        """See PolicyModel."""
        read = [self._read(prompts[start:end]) for start, end in pairwise(self._batches(prompts))]
        self._rows.append([cache for _, caches in read for cache in caches], copies)
        return torch.cat([logits for logits, _ in read])

    @torch.inference_mode()
    def step(self, tokens: NDArray[np.int64]) -> Logits:
        """See PolicyModel."""
        mask, positions = self._rows.advance()
        output = self._model(
            input_ids=torch.from_numpy(tokens).to(self.device)[:, None],
            attention_mask=mask,
            position_ids=positions,
            past_key_values=self._rows.view,
            use_cache=True,
        )
        return output.logits[:, -1]

    @torch.inference_mode()
    def keep(self, order: list[int]) -> None:
        """See PolicyModel."""
        if order:
            self._rows.keep(order)
        else:
            self._rows.clear()

    def _usual_dtype(self, folder: Path) -> str:
        weights = AutoConfig.from_pretrained(folder).dtype
        fast = self.device.type == "cuda" or torch.cpu._is_avx512_bf16_supported()
        return "bfloat16" if fast and weights in (torch.bfloat16, "bfloat16") else "float32"

    def _batches(self, prompts: list[list[int]]) -> list[int]:
        """Start indices of the batches, and the end. A batch has as many prompts as MAX_READ_TOKENS allows."""
        starts, longest = [0], 0
        for number, prompt in enumerate(prompts):
            longest = max(longest, len(prompt))
            if number > starts[-1] and longest * (number - starts[-1] + 1) > MAX_READ_TOKENS[self.device.type]:
                starts.append(number)
                longest = len(prompt)
        return [*starts, len(prompts)]

    @torch.inference_mode()
    def _read(self, prompts: list[list[int]]) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Logits after each prompt `[prompts, vocabulary]`, and the keys and values of each `[L, 2, K, tokens, E]`.

        The cached prefixes are padded on the left, and so are the remaining tokens, which the model reads.
        """
        known = [self._prefixes.longest(prompt) for prompt in prompts]
        pasts = [0 if prefix is None else prefix.shape[3] for prefix in known]
        fresh = [prompt[past:] for prompt, past in zip(prompts, pasts, strict=True)]
        past_columns, fresh_columns = max(pasts), max(map(len, fresh))
        cache = DynamicCache(config=self._model.config)
        if past_columns:
            self._put(cache, known, past_columns)
        rows = len(prompts)
        tokens = torch.zeros(rows, fresh_columns, dtype=torch.long)
        mask = torch.zeros(rows, fresh_columns, past_columns + fresh_columns, dtype=torch.bool)
        positions = torch.zeros(rows, fresh_columns, dtype=torch.long)
        causal = torch.ones(fresh_columns, fresh_columns, dtype=torch.bool).tril()
        for row, (past, new) in enumerate(zip(pasts, fresh, strict=True)):
            pad = fresh_columns - len(new)
            tokens[row, pad:] = torch.tensor(new)
            positions[row, pad:] = torch.arange(past, past + len(new))
            mask[row, :, past_columns - past : past_columns] = True
            mask[row, :, past_columns:] = causal
            mask[row, :, past_columns : past_columns + pad] = False
            # A padding token attends to itself, because a softmax over no position gives NaN.
            mask[row, range(pad), range(past_columns, past_columns + pad)] = True
        output = self._model(
            input_ids=tokens.to(self.device),
            attention_mask=mask[:, None].to(self.device),
            position_ids=positions.to(self.device),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        layers = output.past_key_values.layers
        if not all(type(layer) is DynamicLayer for layer in layers):
            raise ModelError(f"expected a model whose layers keep all keys and values, but got a {type(self._model)}")
        caches = []
        for row, (prompt, prefix, new) in enumerate(zip(prompts, known, fresh, strict=True)):
            read = torch.stack(
                [torch.stack([layer.keys[row, :, -len(new) :], layer.values[row, :, -len(new) :]]) for layer in layers]
            )
            caches.append(read if prefix is None else torch.cat([prefix, read], dim=3))
            self._prefixes.add(prompt, caches[-1])
        return output.logits[:, -1], caches

    def _put(self, cache: DynamicCache, known: list[torch.Tensor | None], columns: int) -> None:
        some = next(prefix for prefix in known if prefix is not None)
        layers, _, heads, _, width = some.shape
        past = some.new_zeros(layers, 2, len(known), heads, columns, width)
        for row, prefix in enumerate(known):
            if prefix is not None:
                past[:, :, row, :, columns - prefix.shape[3] :] = prefix
        for number in range(layers):
            cache.update(past[number, 0], past[number, 1], number)
