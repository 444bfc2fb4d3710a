"""Checks a trained policy before it is published: finite, complete, loadable, able to generate. *Ours*.

Cost: every tensor is read once on its device, the headers of the files are read, and one short completion is sampled.
A policy of up to ``MAX_RELOADED_BYTES`` is loaded again from its files before sampling. A larger one is sampled from
memory, because reading 140 GB again for a policy of 70 B parameters would cost more than the check is worth.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

from orrery_trainers.pod.failures import Diverged

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

MAX_RELOADED_BYTES = 4 << 30
"""Maximum size of the weight files that are loaded again."""
SAMPLED_TOKENS = 8
"""Length of the sampled completion, in tokens."""


class Unsound(Exception):
    """The saved files are not the trained policy. The program crashes, so that another attempt can save it again."""


def refuse_unsound(model: PreTrainedModel, saved: Path) -> None:
    """Check a trained model and the folder that it was saved to.

    Raises Diverged if a weight or a logit is not finite, Unsound if the folder does not contain the whole policy.
    """
    refuse_not_finite(model)
    shapes = _shapes_in(saved)
    for name, tensor in model.state_dict().items():
        if name in shapes and shapes[name] != list(tensor.shape):
            raise Unsound(f"{saved.name}: expected {name} of shape {list(tensor.shape)}, but got {shapes[name]}")
    missing = [name for name in model.state_dict() if name not in shapes and name not in _tied(model)]
    if missing:
        raise Unsound(f"{saved.name}: expected every weight of the policy, but {missing[0]} is missing")
    _sample(_loaded(model, saved), saved)


def refuse_not_finite(model: torch.nn.Module) -> None:
    """Raise Diverged if a weight is not finite. Checks each tensor on its device."""
    import torch

    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise Diverged(f"the trained policy is unusable: {name} contains values that are not finite")


def _shapes_in(saved: Path) -> dict[str, list[int]]:
    """Tensor name -> shape, from the headers of the safetensors files in a folder."""
    from safetensors import safe_open

    shapes: dict[str, list[int]] = {}
    for file in sorted(saved.glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:  # raises if the file is truncated
            shapes |= {name: list(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118
    if not shapes:
        raise Unsound(f"{saved.name}: expected *.safetensors, but there is none")
    json.loads((saved / "config.json").read_text(encoding="utf-8"))
    return shapes


def _tied(model: PreTrainedModel) -> set[str]:
    """Names of weights that share memory with an earlier weight. The files may leave them out."""
    seen: set[tuple[int, tuple[int, ...]]] = set()
    twice = set()
    for name, tensor in model.state_dict().items():
        place = (tensor.data_ptr(), tuple(tensor.shape))
        if place in seen:
            twice.add(name)
        seen.add(place)
    return twice


def _loaded(model: PreTrainedModel, saved: Path) -> PreTrainedModel:
    if sum(file.stat().st_size for file in saved.glob("*.safetensors")) > MAX_RELOADED_BYTES:
        return model
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(saved, dtype=model.dtype).to(model.device)


def _sample(model: PreTrainedModel, saved: Path) -> None:
    """Generate one short completion greedily, with the saved tokenizer. Raises Diverged if a logit is not finite."""
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
                raise Diverged("the trained policy is unusable: its logits are not finite")
            ids = torch.cat([ids, logits.argmax(-1, keepdim=True)], dim=1)
    model.train(was_training)
    tokenizer.decode(ids[0])
