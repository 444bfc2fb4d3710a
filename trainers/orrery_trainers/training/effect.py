"""Checks that training has changed the policy, before the policy is published. *Ours*."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from orrery_trainers.pod.failures import NoEffect

ADVICE = {
    "rl": (
        "use prompts of moderate difficulty (stages.curriculum.passRate), larger groups (stages.rl.groupSize) or a"
        " higher stages.rl.temperature"
    ),
    "sft": "check the solutions (stages.rewrite) and stages.sft",
    "pretrain": "check the demonstrations of the domain and stages.pretrain",
}
"""Kind of trainer -> what a person can change."""
# activities/effect.ts says the same of the other stages; a test compares the texts.
SAME_RESULT = "another attempt gives the same result"
RESUBMIT = "cancel the campaign and submit it again: finished stages that did not change are reused"
FIX_VERIFIER = "fix the verifier (docs/verifier.md), then run `orrery retry`"
UNJUDGED_ADVICE = f"{FIX_VERIFIER}: training starts from the beginning"


class NothingJudged(NoEffect):
    """No rollout could be judged. The machine may be the cause, so a new attempt from the beginning can help."""


def refuse_no_effect(kind: str, curve: Sequence[dict[str, Any]]) -> None:
    """Refuse the result of a training in which no optimizer step had a gradient: the policy is unchanged.

    curve: lines of metrics.jsonl of all attempts. If a line has no gradient norm, nothing is refused.
    Raises NoEffect with the counts and the cause; NothingJudged if the cause may be outside of the stage.
    """
    norms = [line.get("gradNorm") for line in curve]
    if not norms or any(norm is None or norm > 0 for norm in norms):
        return
    if kind != "rl":
        raise NoEffect(f"none of {len(curve)} optimizer steps had a gradient; {_advice(kind)}")
    unjudged, agreeing, reward = (_mean(curve, name) for name in ("unjudged", "agreeingGroups", "reward"))
    if unjudged is not None and unjudged >= 1:
        raise NothingJudged(
            f"none of {len(curve)} optimizer steps had a gradient: the verifier could judge none of the rollouts;"
            f" {UNJUDGED_ADVICE}"
        )
    means = [
        f"{name} {value:.3g}"
        for name, value in (("agreeing groups", agreeing), ("mean reward", reward), ("unjudged", unjudged))
        if value is not None
    ]
    raise NoEffect(
        f"none of {len(curve)} optimizer steps had a gradient: the rollouts of every group got the same reward"
        f" ({', '.join(means) or 'no metrics'}); {_advice(kind)}"
    )


def read_curve(file: Path) -> list[dict[str, Any]]:
    """Lines of a ``metrics.jsonl``."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def _advice(kind: str) -> str:
    return f"{SAME_RESULT}: {ADVICE[kind]}, then {RESUBMIT}"


def _mean(curve: Sequence[dict[str, Any]], name: str) -> float | None:
    values = [line[name] for line in curve if line.get(name) is not None]
    return fmean(values) if values else None
