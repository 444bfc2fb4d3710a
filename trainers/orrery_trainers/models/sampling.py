"""Sampling, with a separate random stream for every sequence.

The random number of a token is a function of seed, index of the completion and position. It does not depend on the rest
of the batch or on earlier samples. The token is the one at which the cumulative distribution reaches this number.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def stream_key(seed: int, prompt: int, completion: int) -> int:
    """Key of a completion's random stream, in [0, 2^64). `prompt` and `completion` are its indices in the request."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{prompt}:{completion}".encode()).digest()[:8], "big")


def uniforms(keys: NDArray[np.uint64], positions: NDArray[np.uint64]) -> Floats:
    """Random numbers in [0, 1), `[rows]`, of the streams `keys` at `positions`, both `[rows]`.

    Source: SplitMix64 (Steele, Lea and Flood 2014), 53 bits.
    """
    state = keys + (positions + np.uint64(1)) * _GOLDEN
    state = (state ^ (state >> np.uint64(30))) * _MIX[0]
    state = (state ^ (state >> np.uint64(27))) * _MIX[1]
    return ((state ^ (state >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def sample(
    logits: NDArray[np.floating], temperature: Floats, top_p: Floats, uniform: Floats
) -> tuple[NDArray[np.int64], Floats]:
    """Choose a token for every row of `logits` `[rows, vocabulary]`.

    temperature: `[rows]`, 0 chooses the most likely token. top_p: `[rows]`, sample from the smallest set of most likely
    tokens with at least this probability. uniform: `[rows]`, random numbers in [0, 1).
    Returns tokens and their log-probabilities at temperature 1 without top_p, both `[rows]`.
    """
    scores = logits.astype(np.float64)
    scores -= scores.max(axis=1, keepdims=True)
    log_total = np.log(np.exp(scores).sum(axis=1))
    warm = np.where(temperature > 0, temperature, 1.0)
    weights = np.exp(scores / warm[:, None])
    narrow = np.flatnonzero(top_p < 1)
    if len(narrow):
        weights[narrow] = _nucleus(weights[narrow], top_p[narrow])
    cumulative = weights.cumsum(axis=1)
    drawn = (cumulative <= (uniform * cumulative[:, -1])[:, None]).sum(axis=1)
    # uniform < 1, but the product may round up to the total. Then take the last token with a weight above 0.
    drawn = np.minimum(drawn, weights.shape[1] - 1 - (weights[:, ::-1] > 0).argmax(axis=1))
    tokens = np.where(temperature > 0, drawn, scores.argmax(axis=1))
    return tokens, scores[np.arange(len(tokens)), tokens] - log_total


def _nucleus(weights: Floats, top_p: Floats) -> Floats:
    order = np.argsort(-weights, axis=1, kind="stable")
    ranked = np.take_along_axis(weights, order, axis=1)
    before = ranked.cumsum(axis=1) - ranked
    kept = np.where(before < (top_p * ranked.sum(axis=1))[:, None], ranked, 0.0)
    kept[:, 0] = ranked[:, 0]  # top_p 0 keeps the most likely token
    narrowed = np.zeros_like(weights)
    np.put_along_axis(narrowed, order, kept, axis=1)
    return narrowed
