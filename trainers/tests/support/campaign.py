"""Settings and stages of every trainer, with their inputs. Sizes are as small as training allows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from stages import DOMAINS, finished_stage, key_of, seal, write_stage


def checkpoints(every_steps: int, last: int = 2, best: int = 0, **keep: int) -> dict[str, Any]:
    """``checkpoints`` of a trainer's settings."""
    return {"everySteps": every_steps, "keep": {"last": last, "best": best, **keep}}


PRETRAIN = {
    "model": {"hiddenSize": 16, "layers": 1, "heads": 2, "contextTokens": 128},
    "optimizerSteps": 6,
    "batchSize": 4,
    "learningRate": 3e-3,
    "checkpoints": checkpoints(2),
}
SFT = {
    "epochs": 1,
    "optimizerSteps": 6,
    "batchSize": 4,
    "microBatchSize": 2,
    "learningRate": 1e-3,
    "warmupSteps": 1,
    "maxTokens": 128,
    "checkpoints": checkpoints(2),
}
RL = {
    "optimizerSteps": 4,
    "groupSize": 4,
    "promptsPerStep": 2,
    "microBatchSize": 4,
    "learningRate": 1e-3,
    "temperature": 1,
    "topP": 0.95,
    "maxCompletionTokens": 12,
    "klCoefficient": 0,
    "scaleAdvantages": False,
    "checkpoints": checkpoints(1),
}


def sft_stage(store: Path, records: list[dict[str, Any]] | None = None, **changes: Any) -> Path:
    """An SFT stage with its inputs."""
    key = finished_stage(store, "rewrite", {"solutions-00000.jsonl": solutions() if records is None else records})
    return write_stage(store, "sft", "sft", {**SFT, **changes}, {"policy": finished_policy(store), "solutions": key})


def rl_stage(store: Path, records: list[dict[str, Any]] | None = None, **changes: Any) -> Path:
    """An RL stage with its inputs."""
    key = finished_stage(store, "curriculum", {"pass-rates-00000.jsonl": pass_rates() if records is None else records})
    return write_stage(store, "rl", "rl", {**RL, **changes}, {"policy": finished_policy(store), "prompts": key})


def solutions() -> list[dict[str, Any]]:
    """Solution records of the test domain, of different lengths."""
    letters = "abcd"
    return [
        {
            "id": str(n),
            "prompt": f"say {letters[n % 4]}",
            "text": " " + " ".join(letters[: 1 + n % 4]) + " Right.",
            "k": 0,
            "spans": [],
        }
        for n in range(8)
    ]


def pass_rates(kept: bool = True) -> list[dict[str, Any]]:
    """PassRate records of the test domain."""
    return [
        {
            "problem": {"id": letter, "problem": f"say {letter}", "reference": letter, "source": "test"},
            "prompt": f"say {letter}",
            "samples": 8,
            "right": 4 if kept else 0,
            "unjudged": 0,
            "passRate": 0.5 if kept else 0.0,
            "kept": kept,
            "reason": "kept" if kept else "too-hard",
        }
        for letter in "abcd"
    ]


def finished_policy(store: Path) -> str:
    """A finished pretrain stage whose policy has fresh weights. Returns its key."""
    import torch

    from orrery_trainers.models.tokenizer import build_tokenizer
    from orrery_trainers.training.pretrain import build_model

    sys.path.insert(0, str(DOMAINS / "parity"))
    import domain

    torch.manual_seed(0)
    tokenizer = build_tokenizer(domain.vocabulary({}), PRETRAIN["model"]["contextTokens"])
    key = key_of("pretrain", "pretrain")
    policy = store / "stages" / key / "data" / "policy"
    build_model(PRETRAIN["model"], tokenizer).save_pretrained(policy)
    tokenizer.save_pretrained(policy)
    return seal(store / "stages" / key)
