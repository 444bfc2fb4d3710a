"""Computes the key of a trainer's stage from its stage file. ``identityOf`` of store/key.ts computes the same key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from orrery_trainers.store.canonical import sha256_canonical

_PINNED = re.compile(r"@(sha256:[0-9a-f]{64})$")


def stage_key(stage: Mapping[str, Any]) -> str:
    """The key that the content of a stage file (pretrain, sft or rl) has; the ``key`` that it names is ignored."""
    return sha256_canonical(identity_of(stage))


def identity_of(stage: Mapping[str, Any]) -> dict[str, Any]:
    """Exactly the settings that decide the result of a trainer: ``Identity`` of spec/manifest.ts."""
    config = dict(stage["config"])
    run = config.pop("run")
    server = run["policyServer"]
    images = {"image": run.get("image"), "policyServerImage": server.get("image")}
    return {
        **{name: stage[name] for name in ("kind", "domain", "policy", "codeVersion", "seed")},
        "config": {
            **config,
            "run": {
                **{name: run[name] for name in ("shards", "ranks") if name in run},
                "gpu": run["resources"]["gpus"] > 0,
                **({} if server["engine"] == "embedded" else {"engine": server["engine"]}),
                **{name: pinned[1] for name, image in images.items() if (pinned := _PINNED.search(image or ""))},
            },
        },
        "inputs": {role: ref["digest"] for role, ref in stage["inputs"].items()},
    }
