"""A plain Llama in NumPy, for models of a few million parameters.

At this size a forward pass consists of hundreds of tiny operations, so their overhead decides the speed. NumPy has less
overhead than torch, and it saves the import of torch.

The logits of a sequence are the same, bit for bit, whatever other sequences are in the batch:

- Matrix products take a fixed number of rows at a time, so few that BLAS sums every row in the same order. The number
  depends on the BLAS kernel for this processor, so it is measured when the model is loaded. Example: OpenBLAS treats 16
  rows alike with AVX-512; with AVX2 it treats 6 rows alike, the next 6 in another order, and the last 4 in a third.
- Attention takes the cache in blocks of 32 positions from position 0, and adds them from the first to the last. Blocks
  that only another row needs add exact zeros.
- Prompts are read in chunks of 16 tokens from position 0.

Shapes: `R` rows, `T` tokens per row in one forward pass, `D` hidden size, `H` heads, `G` query heads per key-value
head, `K` key-value heads (`H = K G`), `E` size of a head, `N` blocks of the cache.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orrery_trainers.models.llama_layers import (
    ROUND,
    Array,
    Layer,
    padded_columns,
    product,
    rope_of,
    rotate,
    rotations,
    round_up,
    tile_of,
)
from orrery_trainers.models.policy_model import Logits, ModelError

BLOCK = 32
"""Number of cache positions in one step of attention."""
MAX_WEIGHTS_BYTES = 128 * 2**20
"""Maximum size of the weights. For larger models arithmetic dominates, and torch's kernels are faster. *Ours*."""


def is_small_plain_llama(config: dict[str, Any], folder: Path) -> bool:
    """Whether :class:`Llama` supports it: no biases, default rotary embedding, float32 in one small safetensors file.

    config: content of ``config.json`` in ``folder``.
    """
    weights = folder / "model.safetensors"
    return (
        config.get("architectures") == ["LlamaForCausalLM"]
        and config.get("hidden_act", "silu") == "silu"
        and not config.get("attention_bias")
        and not config.get("mlp_bias")
        and rope_of(config).get("rope_type", "default") == "default"
        and (config.get("dtype") or config.get("torch_dtype")) in (None, "float32")
        and weights.is_file()
        and weights.stat().st_size <= MAX_WEIGHTS_BYTES
    )


class Llama:
    """The model and the key-value cache of its rows: a :class:`orrery_trainers.models.policy_model.PolicyModel`."""

    kind = "numpy"

    @staticmethod
    def load(folder: Path, config: dict[str, Any], dtype: str) -> Llama:
        """Read `model.safetensors`. Raises ModelError if a tensor is missing."""
        from safetensors.numpy import load_file

        weights = load_file(folder / "model.safetensors")
        try:
            return Llama(config, weights, np.dtype(dtype))
        except KeyError as error:
            raise ModelError(
                f"{folder / 'model.safetensors'}: expected the tensors of a Llama, but {error} is missing"
            ) from None

    def __init__(self, config: dict[str, Any], weights: dict[str, Array], dtype: np.dtype[Any]) -> None:
        """config: content of `config.json`. weights: name of the tensor in transformers -> tensor."""
        self._heads: int = config["num_attention_heads"]
        self._key_heads: int = config.get("num_key_value_heads") or self._heads
        self._head_width: int = config.get("head_dim") or config["hidden_size"] // self._heads
        self._epsilon: float = config.get("rms_norm_eps", 1e-6)
        self._dtype = dtype
        self.context_tokens: int = config["max_position_embeddings"]
        layers: int = config["num_hidden_layers"]
        self.cache_bytes_per_token = 2 * layers * self._key_heads * self._head_width * dtype.itemsize
        self._embedding = weights["model.embed_tokens.weight"].astype(dtype)
        self.vocabulary_size = len(self._embedding)
        self._layers = [Layer(weights, number, self._head_width, dtype) for number in range(layers)]
        head = self._embedding if config.get("tie_word_embeddings") else weights["lm_head.weight"]
        self._head = padded_columns(head.astype(dtype).T * weights["model.norm.weight"].astype(dtype)[:, None])
        self._tile = tile_of([self._head, *(matrix for layer in self._layers for matrix in layer.matrices())])
        self._cos, self._sin = rotations(self.context_tokens + ROUND, self._head_width, rope_of(config), dtype)
        self._rows = 0
        self._lengths = np.zeros(0, np.int64)  # [rows], number of tokens in the cache; 0 for a free row
        self._keys = [self._empty(0, 0) for _ in self._layers]  # per layer [rows, K, positions, E]
        self._values = [self._empty(0, 0) for _ in self._layers]

    def join(self, prompts: list[list[int]], copies: list[int]) -> Logits:
        """See PolicyModel. A prompt is read once, however many copies it has."""
        first, longest = self._rows, max(map(len, prompts))
        self._reserve(first + sum(copies), round_up(longest, ROUND))
        logits = self._read(prompts, np.arange(first, first + len(prompts)))
        source = np.repeat(np.arange(first, first + len(prompts)), copies)
        target = np.arange(first, first + len(source))
        for cache in (*self._keys, *self._values):
            cache[target, :, :longest] = cache[source, :, :longest]
        self._lengths[target] = np.repeat([len(prompt) for prompt in prompts], copies)
        self._rows += len(source)
        self._lengths[self._rows :] = 0
        return logits

    def step(self, tokens: NDArray[np.int64]) -> Logits:
        """See PolicyModel."""
        rows = round_up(self._rows, ROUND)
        self._reserve(rows, int(self._lengths.max()) + 1)
        # Free rows write to their first position, which the next prompt overwrites.
        padded = np.zeros((rows, 1), np.int64)
        padded[: self._rows, 0] = tokens
        lengths = self._lengths[:rows]
        hidden = self._forward(padded, lengths[:, None], np.arange(rows))
        self._lengths[: self._rows] += 1
        return self._logits(hidden[:, 0])[: self._rows]

    def keep(self, order: list[int]) -> None:
        """See PolicyModel. Copies only the rows that move."""
        moved = [(new, old) for new, old in enumerate(order) if new != old]
        if moved:
            new, old = (np.array(side) for side in zip(*moved, strict=True))
            filled = int(self._lengths[old].max())
            for cache in (*self._keys, *self._values):
                cache[new, :, :filled] = cache[old, :, :filled]
            self._lengths[new] = self._lengths[old]
        self._rows = len(order)
        self._lengths[self._rows :] = 0

    def _read(self, prompts: list[list[int]], places: NDArray[np.int64]) -> Logits:
        """Read prompts into the cache rows `places`, `[prompts]`; returns the logits after each."""
        lengths = np.array([len(prompt) for prompt in prompts])
        tokens = np.zeros((len(prompts), round_up(int(lengths.max()), ROUND)), np.int64)
        for row, prompt in enumerate(prompts):
            tokens[row, : len(prompt)] = prompt
        last = np.zeros((round_up(len(prompts), ROUND), self._embedding.shape[1]), self._dtype)
        for start in range(0, tokens.shape[1], ROUND):
            reading = np.flatnonzero(lengths > start)
            positions = np.broadcast_to(np.arange(start, start + ROUND), (len(reading), ROUND))
            hidden = self._forward(tokens[reading, start : start + ROUND], positions, places[reading])
            ending = np.flatnonzero(lengths[reading] <= start + ROUND)
            last[reading[ending]] = hidden[ending, lengths[reading[ending]] - 1 - start]
        return self._logits(last)[: len(prompts)]

    def _forward(self, tokens: NDArray[np.int64], positions: NDArray[np.int64], places: NDArray[np.int64]) -> Array:
        """Hidden states `[R, T, D]` of tokens at positions, both `[R, T]`.

        Writes their keys and values into the cache rows `places`, `[R]`.
        """
        rows, count = tokens.shape
        blocks = int(positions.max()) // BLOCK + 1
        visible = np.arange(blocks * BLOCK) <= positions[:, :, None]
        # [R, 1, N, 1, T, BLOCK]: a token attends to itself and to earlier positions
        hidden_from = ~visible.reshape(rows, count, blocks, BLOCK).transpose(0, 2, 1, 3)[:, None, :, None]
        cos, sin = self._cos[positions][:, :, None], self._sin[positions][:, :, None]
        state = self._embedding[tokens].reshape(rows * count, -1)
        for layer, keys, values in zip(self._layers, self._keys, self._values, strict=True):
            mixed = self._product(self._normed(state), layer.attention_in)[:, : layer.attention_width]
            heads = mixed.reshape(rows, count, -1, self._head_width)
            turned = rotate(heads[:, :, : -self._key_heads], cos, sin)
            queries, new_keys = turned[:, :, : self._heads], turned[:, :, self._heads :]
            keys[places[:, None], :, positions] = new_keys
            values[places[:, None], :, positions] = heads[:, :, -self._key_heads :]
            attended = self._attend(queries, keys, values, places, blocks, hidden_from)
            state = state + self._product(attended, layer.attention_out)[:, : state.shape[1]]
            inner = self._product(self._normed(state), layer.feed_in)
            gate, up = inner[:, : layer.feed_width], inner[:, layer.feed_width : 2 * layer.feed_width]
            fed = self._product((gate / (1 + np.exp(-gate))) * up, layer.feed_out)
            state = state + fed[:, : state.shape[1]]
        return state.reshape(rows, count, -1)

    def _attend(
        self,
        queries: Array,
        keys: Array,
        values: Array,
        places: NDArray[np.int64],
        blocks: int,
        hidden_from: NDArray[np.bool_],
    ) -> Array:
        """Attention of queries `[R, T, H, E]` over the first `blocks` blocks of the cache; returns `[R T, H E]`.

        keys, values: one layer of the cache. hidden_from: the mask, True where a token must not attend.
        """
        rows, count = queries.shape[:2]
        group, width = self._heads // self._key_heads, self._head_width
        # [R, K, 1, G T, E] against [R, K, N, BLOCK, E]
        asked = queries.reshape(rows, count, self._key_heads, group, width).transpose(0, 2, 3, 1, 4)
        asked = np.ascontiguousarray(asked).reshape(rows, self._key_heads, 1, group * count, width)
        shape = (rows, self._key_heads, blocks, BLOCK, width)
        near = slice(0, blocks * BLOCK)
        every = np.array_equal(places, np.arange(rows))
        of_keys = (keys[:rows, :, near] if every else keys[places, :, near]).reshape(shape)
        of_values = (values[:rows, :, near] if every else values[places, :, near]).reshape(shape)
        scores = np.matmul(asked, of_keys.swapaxes(-1, -2))
        view = scores.reshape(rows, self._key_heads, blocks, group, count, BLOCK)
        np.copyto(view, -np.inf, where=hidden_from)
        scores -= scores.max(axis=(2, 4), keepdims=True)
        np.exp(scores, out=scores)
        totals, sums = scores.sum(axis=-1, keepdims=True), np.matmul(scores, of_values)
        total, attended = totals[:, :, 0], sums[:, :, 0]
        for block in range(1, blocks):  # in this order, so that trailing zeros do not change the sum
            total, attended = total + totals[:, :, block], attended + sums[:, :, block]
        attended = (attended / total).reshape(rows, self._key_heads, group, count, width)
        return attended.transpose(0, 3, 1, 2, 4).reshape(rows * count, self._heads * width)

    def _normed(self, state: Array) -> Array:
        return state / np.sqrt((state * state).mean(axis=-1, keepdims=True) + self._dtype.type(self._epsilon))

    def _logits(self, hidden: Array) -> Logits:
        return self._product(self._normed(hidden), self._head)[:, : self.vocabulary_size]

    def _product(self, rows: Array, matrix: Array) -> Array:
        return product(rows, matrix, self._tile)

    def _reserve(self, rows: int, positions: int) -> None:
        """Enlarge the cache if necessary. It at least doubles, so that copies are rare."""
        have_rows, have_positions = len(self._lengths), self._keys[0].shape[2]
        rows, positions = round_up(rows, ROUND), round_up(positions, BLOCK)
        if rows <= have_rows and positions <= have_positions:
            return
        rows = have_rows if rows <= have_rows else max(rows, 2 * have_rows)
        positions = have_positions if positions <= have_positions else max(positions, 2 * have_positions)
        for caches in (self._keys, self._values):
            for number, cache in enumerate(caches):
                caches[number] = self._empty(rows, positions)
                caches[number][:have_rows, :, :have_positions] = cache
        self._lengths = np.concatenate([self._lengths, np.zeros(rows - have_rows, np.int64)])

    def _empty(self, rows: int, positions: int) -> Array:
        return np.zeros((rows, self._key_heads, positions, self._head_width), self._dtype)
