"""Loads a model, and chooses its implementation."""

from __future__ import annotations

import json
from pathlib import Path

from orrery_trainers.models.llama import Llama, is_small_plain_llama
from orrery_trainers.models.policy_model import ModelError, PolicyModel


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
    if dtype != "bfloat16" and is_small_plain_llama(config, folder):
        return Llama.load(folder, config, "float32" if dtype == "auto" else dtype)
    from orrery_trainers.models.transformers_model import TransformersModel

    return TransformersModel(folder, dtype, prefix_bytes)
