"""Weights and arithmetic of the small Llama: matrices of a layer, products in tiles, the rotary embedding.

Shapes as in llama.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

ROUND = 16
"""Rows and columns of matrix products are multiples of this; prompts are read so many tokens at a time."""
TILES = (16, 8, 4, 1)
"""Rows that a matrix product may take at a time, divisors of ROUND. One row alone is always computed alike."""

Array = NDArray[np.floating]


class Layer:
    """Matrices of a layer, `[in, out]`, with the norm before them and the scale of attention multiplied in."""

    def __init__(self, weights: dict[str, Array], number: int, head_width: int, dtype: np.dtype[Any]) -> None:
        def matrix(name: str) -> Array:
            return weights[f"model.layers.{number}.{name}.weight"].astype(dtype).T

        def norm(name: str) -> Array:
            return weights[f"model.layers.{number}.{name}.weight"].astype(dtype)[:, None]

        before, after = norm("input_layernorm"), norm("post_attention_layernorm")
        queries = matrix("self_attn.q_proj") * dtype.type(head_width**-0.5)
        mixed = np.concatenate([queries, matrix("self_attn.k_proj"), matrix("self_attn.v_proj")], axis=1)
        gate, up = matrix("mlp.gate_proj"), matrix("mlp.up_proj")
        self.attention_width, self.feed_width = mixed.shape[1], gate.shape[1]
        self.attention_in = padded_columns(mixed * before)
        self.attention_out = padded_columns(matrix("self_attn.o_proj"))
        self.feed_in = padded_columns(np.concatenate([gate, up], axis=1) * after)
        self.feed_out = padded_columns(matrix("mlp.down_proj"))

    def matrices(self) -> list[Array]:
        return [self.attention_in, self.attention_out, self.feed_in, self.feed_out]


def product(rows: Array, matrix: Array, tile: int) -> Array:
    """Rows times a matrix, `tile` of them at a time."""
    return np.matmul(rows.reshape(-1, tile, rows.shape[1]), matrix).reshape(len(rows), -1)


def tile_of(matrices: list[Array]) -> int:
    """The most rows at a time that BLAS computes alike, wherever among them a row stands."""
    shapes = {matrix.shape: matrix for matrix in matrices}
    draws = np.random.default_rng(0)
    for tile in TILES:
        if all(_takes_alike(tile, matrix, draws) for matrix in shapes.values()):
            return tile
    return 1


def _takes_alike(tile: int, matrix: Array, draws: np.random.Generator) -> bool:
    row = draws.standard_normal(len(matrix)).astype(matrix.dtype)
    products = product(np.tile(row, (ROUND, 1)), matrix, tile)
    return bool((products == products[0]).all())


def padded_columns(matrix: Array) -> Array:
    """The matrix with zero columns up to a multiple of ROUND."""
    missing = round_up(matrix.shape[1], ROUND) - matrix.shape[1]
    return np.ascontiguousarray(np.pad(matrix, ((0, 0), (0, missing))))


def rope_of(config: dict[str, Any]) -> dict[str, Any]:
    """Settings of the rotary embedding, which transformers 5 gathers in `rope_parameters`."""
    return config.get("rope_parameters") or {
        "rope_theta": config.get("rope_theta", 10_000.0),
        **(config.get("rope_scaling") or {}),
    }


def rotations(positions: int, width: int, rope: dict[str, Any], dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """Cosine and sine by position, `[positions, E]`."""
    frequencies = rope["rope_theta"] ** -(np.arange(0, width, 2) / width)
    angles = np.tile(np.outer(np.arange(positions), frequencies), 2)
    return np.cos(angles).astype(dtype), np.sin(angles).astype(dtype)


def rotate(heads: Array, cos: Array, sin: Array) -> Array:
    """Rotary embedding of `[R, T, heads, E]`, halves as in transformers."""
    half = heads.shape[-1] // 2
    return heads * cos + np.concatenate([-heads[..., half:], heads[..., :half]], axis=-1) * sin


def round_up(number: int, to: int) -> int:
    return -(-number // to) * to
