"""Whether training changed anything, looked at before its policy is published. *Ours*."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from orrery_trainers.pod.failures import NoEffect

CHANGES = {
    "rl": (
        "take prompts of moderate difficulty (stages.curriculum.passRate), larger groups (stages.rl.groupSize) or a"
        " higher stages.rl.temperature"
    ),
    "sft": "look at the solutions (stages.rewrite) and at stages.sft",
    "pretrain": "look at the demonstrations of the domain and at stages.pretrain",
}
"""What a person may change, by kind of trainer."""
UNJUDGED = "mend the verifier (docs/verifier.md), then `orrery retry`: all of it is trained anew"


class Unjudged(NoEffect):
    """Nothing could be judged, for which the machine may be to blame: another attempt can help, if it begins anew."""


def refuse_no_effect(kind: str, curve: Sequence[dict[str, Any]]) -> None:
    """Refuse a training of which no optimizer step had a gradient: its policy is the one that it began with.

    curve: lines of metrics.jsonl, over all attempts. One that tells no gradient norm proves nothing.
    Raises NoEffect with the counts and the cause; Unjudged where the cause may lie outside.
    """
    norms = [line.get("gradNorm") for line in curve]
    if not norms or any(norm is None or norm > 0 for norm in norms):
        return
    if kind != "rl":
        raise NoEffect(f"none of {len(curve)} optimizer steps had a gradient; {_again(kind)}")
    unjudged, agreeing, reward = (_mean(curve, name) for name in ("unjudged", "agreeingGroups", "reward"))
    if unjudged is not None and unjudged >= 1:
        raise Unjudged(
            f"none of {len(curve)} optimizer steps had a gradient: not one rollout could be judged; {UNJUDGED}"
        )
    seen = [
        f"{name} {value:.3g}"
        for name, value in (("agreeing groups", agreeing), ("mean reward", reward), ("unjudged", unjudged))
        if value is not None
    ]
    raise NoEffect(
        f"none of {len(curve)} optimizer steps had a gradient: the rollouts of every group got the same reward"
        f" ({', '.join(seen) or 'no metrics'}); {_again(kind)}"
    )


def read_curve(file: Path) -> list[dict[str, Any]]:
    """Lines of a ``metrics.jsonl``."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def _again(kind: str) -> str:
    return (
        f"another attempt comes to the same: {CHANGES[kind]}, then cancel the campaign and submit it again: what is"
        " finished and unchanged is reused"
    )


def _mean(curve: Sequence[dict[str, Any]], name: str) -> float | None:
    values = [line[name] for line in curve if line.get(name) is not None]
    return fmean(values) if values else None
