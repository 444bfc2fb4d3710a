"""A trained policy is looked at before it is published: finite, whole, loadable, able to answer. *Ours*.

What it costs: every tensor is read once where it lies (in memory, on its GPU), files are opened for their headers, and
one short completion is sampled. A policy of up to ``RELOADED_BYTES`` is loaded again from its files, and sampled from
as loaded; one of 70 B is sampled from as it was trained, for reading 140 GB again would cost more than it tells.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

from orrery_trainers.pod.failures import Diverged

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

RELOADED_BYTES = 4 << 30
"""Weights in files up to this size are loaded again."""
SAMPLED_TOKENS = 8
"""Length of the completion that is sampled."""


class Unsound(Exception):
    """What was saved is not the policy that was trained: a crash, for another attempt may save it whole."""


def refuse_unsound(model: PreTrainedModel, saved: Path) -> None:
    """Look at a trained model, and at the folder that it was saved to.

    Raises Diverged where a weight or a logit is no finite number, Unsound where the folder does not hold the policy.
    """
    refuse_not_finite(model)
    sizes = _shapes_in(saved)
    for name, tensor in model.state_dict().items():
        if name in sizes and sizes[name] != list(tensor.shape):
            raise Unsound(f"{saved.name}: expected {name} of shape {list(tensor.shape)}, but it has {sizes[name]}")
    missing = [name for name in model.state_dict() if name not in sizes and name not in _tied(model)]
    if missing:
        raise Unsound(f"{saved.name}: expected every weight of the policy, but {missing[0]} is missing")
    _sample(_loaded(model, saved), saved)


def refuse_not_finite(model: torch.nn.Module) -> None:
    """Raise Diverged if a weight is no finite number; tensor by tensor, where they lie."""
    import torch

    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise Diverged(f"the trained policy is no policy: {name} holds numbers that are not finite")


def _shapes_in(saved: Path) -> dict[str, list[int]]:
    """Shapes of the tensors in the safetensors files of a folder, by their headers."""
    from safetensors import safe_open

    shapes: dict[str, list[int]] = {}
    for file in sorted(saved.glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:  # refuses a file that is cut
            shapes |= {name: list(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118
    if not shapes:
        raise Unsound(f"{saved.name}: expected *.safetensors, but there is none")
    json.loads((saved / "config.json").read_text(encoding="utf-8"))
    return shapes


def _tied(model: PreTrainedModel) -> set[str]:
    """Weights that are others under a second name, and so may be in no file."""
    seen: set[tuple[int, tuple[int, ...]]] = set()
    twice = set()
    for name, tensor in model.state_dict().items():
        place = (tensor.data_ptr(), tuple(tensor.shape))
        if place in seen:
            twice.add(name)
        seen.add(place)
    return twice


def _loaded(model: PreTrainedModel, saved: Path) -> PreTrainedModel:
    if sum(file.stat().st_size for file in saved.glob("*.safetensors")) > RELOADED_BYTES:
        return model
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(saved, dtype=model.dtype).to(model.device)


def _sample(model: PreTrainedModel, saved: Path) -> None:
    """One short completion, greedily, by the tokenizer that was saved."""
    import torch
    from transformers import AutoTokenizer

    tokenizer = cast("PreTrainedTokenizerBase", AutoTokenizer.from_pretrained(saved))
    ids = tokenizer("1", return_tensors="pt")["input_ids"]
    if ids.shape[1] == 0:
        ids = torch.tensor([[tokenizer.eos_token_id]])
    ids = ids.to(model.device)
    was_training = model.training
    model.eval()
    with torch.no_grad():
        for _ in range(SAMPLED_TOKENS):
            logits = model(input_ids=ids, use_cache=False).logits[:, -1]
            if not bool(torch.isfinite(logits).all()):
                raise Diverged("the trained policy gives no probabilities: its logits are not finite")
            ids = torch.cat([ids, logits.argmax(-1, keepdim=True)], dim=1)
    model.train(was_training)
    tokenizer.decode(ids[0])
