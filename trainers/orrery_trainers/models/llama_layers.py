"""Weights and arithmetic of the small Llama: the matrices of a layer, tiled products, the rotary embedding.

llama.py defines the letters of the shapes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

ROUND = 16
"""Rows and columns of matrix products are multiples of this number. Prompts are read in chunks of as many tokens."""
TILES = (16, 8, 4, 1)
"""Possible numbers of rows in one matrix product; divisors of ROUND. A single row always gives the same result."""

Array = NDArray[np.floating]


class Layer:
    """Matrices of a layer, `[in, out]`. They include the weights of the preceding norm and the attention scale."""

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
    """Multiply rows `[n, in]` by a matrix `[in, out]`, `tile` rows at a time; returns `[n, out]`."""
    return np.matmul(rows.reshape(-1, tile, rows.shape[1]), matrix).reshape(len(rows), -1)


def tile_of(matrices: list[Array]) -> int:
    """The largest tile for which BLAS gives the same result for a row, whatever its position in the tile."""
    shapes = {matrix.shape: matrix for matrix in matrices}
    draws = np.random.default_rng(0)
    for tile in TILES:
        if all(_is_uniform(tile, matrix, draws) for matrix in shapes.values()):
            return tile
    return 1


def _is_uniform(tile: int, matrix: Array, draws: np.random.Generator) -> bool:
    row = draws.standard_normal(len(matrix)).astype(matrix.dtype)
    products = product(np.tile(row, (ROUND, 1)), matrix, tile)
    return bool((products == products[0]).all())


def padded_columns(matrix: Array) -> Array:
    """The matrix, padded with zero columns to a multiple of ROUND."""
    missing = round_up(matrix.shape[1], ROUND) - matrix.shape[1]
    return np.ascontiguousarray(np.pad(matrix, ((0, 0), (0, missing))))


def rope_of(config: dict[str, Any]) -> dict[str, Any]:
    """Settings of the rotary embedding. transformers 5 has them all in `rope_parameters`; earlier versions do not."""
    return config.get("rope_parameters") or {
        "rope_theta": config.get("rope_theta", 10_000.0),
        **(config.get("rope_scaling") or {}),
    }


def rotations(positions: int, width: int, rope: dict[str, Any], dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """Cosine and sine of the rotary embedding, both `[positions, E]`."""
    frequencies = rope["rope_theta"] ** -(np.arange(0, width, 2) / width)
    angles = np.tile(np.outer(np.arange(positions), frequencies), 2)
    return np.cos(angles).astype(dtype), np.sin(angles).astype(dtype)


def rotate(heads: Array, cos: Array, sin: Array) -> Array:
    """Apply the rotary embedding to `[R, T, heads, E]`, with the two halves of a head paired as in transformers."""
    half = heads.shape[-1] // 2
    return heads * cos + np.concatenate([-heads[..., half:], heads[..., :half]], axis=-1) * sin


def round_up(number: int, to: int) -> int:
    return -(-number // to) * to
