"""The same as sampling.py with torch. It runs on the device of the logits, so they are not copied."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from orrery_trainers.models.sampling import Floats


@torch.inference_mode()
def sample(
    logits: torch.Tensor, temperature: Floats, top_p: Floats, uniform: Floats
) -> tuple[NDArray[np.int64], Floats]:
    """Choose a token for every row of `logits` `[rows, vocabulary]`; see `sample` of sampling.py."""
    device = logits.device
    warm = torch.from_numpy(np.where(temperature > 0, temperature, 1.0)).to(device, torch.float32)[:, None]
    scores = logits.float()
    scores = scores - scores.amax(dim=1, keepdim=True)
    log_total = scores.exp().sum(dim=1, dtype=torch.float64).log()
    weights = scores if bool((temperature == 1).all()) else scores / warm
    weights = weights.exp()
    narrow = np.flatnonzero((top_p < 1) & (temperature > 0))
    if len(narrow):
        rows = torch.from_numpy(narrow).to(device)
        weights[rows] = _nucleus(weights[rows], torch.from_numpy(top_p[narrow]).to(device))
    cumulative = weights.cumsum(dim=1, dtype=torch.float64)
    drawn_at = torch.from_numpy(uniform).to(device)[:, None] * cumulative[:, -1:]
    drawn = torch.searchsorted(cumulative, drawn_at, right=True)[:, 0]
    # uniform < 1, but the product may round up to the total. Then take the last token with a weight above 0.
    last = weights.shape[1] - 1 - (weights.flip(1) > 0).int().argmax(dim=1)
    greedy = torch.from_numpy(temperature <= 0).to(device)
    tokens = torch.where(greedy, scores.argmax(dim=1), torch.minimum(drawn, last))
    logprobs = scores.gather(1, tokens[:, None])[:, 0].double() - log_total
    return tokens.cpu().numpy(), logprobs.cpu().numpy()


def _nucleus(weights: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    ranked, order = weights.sort(dim=1, descending=True, stable=True)
    total = ranked.double().cumsum(dim=1)
    kept = (total - ranked) < (top_p[:, None] * total[:, -1:])
    kept[:, 0] = True  # top_p 0 keeps the most likely token
    return torch.zeros_like(weights).scatter_(1, order, torch.where(kept, ranked, 0.0))
