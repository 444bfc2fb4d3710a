"""Builders of stages in a store: enough of a campaign for the trainers' tests. Sizes are the least that trains."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orrery_trainers.contract import exit_code_of
from orrery_trainers.manifests import VERSION, checksum_of, output_digest, sha256_canonical
from orrery_trainers.stage_key import identity_of, stage_key

PROJECT = Path(__file__).resolve().parents[2]
DOMAINS = Path(__file__).resolve().parent / "domains"
RUN = {
    "shards": 1,
    "ranks": 1,
    "resources": {"cpus": 1, "gpus": 0},
    "stallTimeoutSeconds": 60,
    "graceSeconds": 10,
    "policyServer": {"engine": "embedded", "args": []},
    "kubernetes": {},
    "failures": {},
}


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


def write_stage(
    store: Path, kind: str, name: str, config: dict[str, Any], inputs: dict[str, str] | None = None
) -> Path:
    """A claimed stage with its stage.json; ``inputs`` is role -> key of a finished stage. Returns its folder."""
    stage = {
        "schemaVersion": 1,
        "name": name,
        "seed": 7,
        "kind": kind,
        "domain": {"name": "parity", "settings": {}},
        "policy": {"type": "pretrain", "name": "tiny"},
        "codeVersion": "test",
        "inputs": {role: ref_to(store / "stages" / at) for role, at in (inputs or {}).items()},
        "config": {**config, "run": config.get("run", RUN)},
    }
    folder = store / "stages" / stage_key(stage)
    (folder / "claims").mkdir(parents=True)
    _write_stage_file(folder, stage)
    claim(folder, 0)
    return folder


def change_stage(folder: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """Plan a stage otherwise. Its key, and so its folder, is another then. Returns that."""
    stage = json.loads((folder / "stage.json").read_text())
    change(stage)
    folder = folder.rename(folder.with_name(stage_key(stage)))
    _write_stage_file(folder, stage)
    return folder


def _write_stage_file(folder: Path, stage: dict[str, Any]) -> None:
    IDENTITIES[folder.name] = identity_of(stage)
    (folder / "stage.json").write_text(json.dumps({**stage, "key": folder.name}))


IDENTITIES: dict[str, dict[str, Any]] = {}
"""What the stages of the tests are made of, by key."""


def key_of(kind: str, name: str) -> str:
    """Key of a finished stage of the tests, made of little: a key is all that is asked of it."""
    identity = {"kind": kind, "config": {}, "inputs": {}, "codeVersion": name, "seed": 7}
    key = sha256_canonical(identity)
    IDENTITIES[key] = identity
    return key


def ref_to(folder: Path) -> dict[str, Any]:
    """How a stage file refers to a finished stage."""
    manifest = json.loads((folder / "manifest.json").read_text())
    return {name: manifest[name] for name in ("kind", "key", "digest", "checksum")}


def claim(folder: Path, attempt: int) -> None:
    """Let an attempt take the stage over."""
    (folder / "claims" / f"{attempt:05d}.json").write_text(json.dumps({"attempt": attempt}))


def finished_stage(store: Path, name: str, files: dict[str, list[dict[str, Any]]]) -> str:
    """A finished stage of kind ``name`` with JSONL files (path -> records) and its sealed manifest. Returns its key."""
    key = key_of(name, name)
    folder = store / "stages" / key
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for path, records in files.items():
        (folder / "data" / path).write_text("".join(json.dumps(record) + "\n" for record in records))
    seal(folder)
    return key


def seal(folder: Path) -> str:
    """Write the manifest over everything in data/, as the worker does once all parts are there. Returns the key."""
    entries = [
        {
            "path": file.relative_to(folder).as_posix(),
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            "bytes": file.stat().st_size,
        }
        for file in sorted((folder / "data").rglob("*"))
        if file.is_file()
    ]
    identity = IDENTITIES[folder.name]
    kind, when = identity["kind"], "2026-01-01T00:00:00.000Z"
    planned = folder / "stage.json"
    inputs = json.loads(planned.read_text())["inputs"] if planned.exists() else {}
    manifest = {
        "schemaVersion": VERSION,
        "kind": kind,
        "key": folder.name,
        "name": f"test/{kind}",
        "digest": output_digest(kind, entries, {}),
        "identity": identity,
        "inputs": inputs,
        "attempt": 0,
        "parts": 1,
        "files": entries,
        "counts": {},
        "startedAt": when,
        "finishedAt": when,
    }
    (folder / "manifest.json").write_text(json.dumps({**manifest, "checksum": checksum_of(manifest)}))
    return folder.name


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

    from orrery_trainers.pretrain import build_model
    from orrery_trainers.tokenizer import build_tokenizer

    sys.path.insert(0, str(DOMAINS / "parity"))
    import domain

    torch.manual_seed(0)
    tokenizer = build_tokenizer(domain.vocabulary({}), PRETRAIN["model"]["contextTokens"])
    key = key_of("pretrain", "pretrain")
    policy = store / "stages" / key / "data" / "policy"
    build_model(PRETRAIN["model"], tokenizer).save_pretrained(policy)
    tokenizer.save_pretrained(policy)
    return seal(store / "stages" / key)


def environment(folder: Path, attempt: int = 0, **more: str) -> dict[str, str]:
    """Environment of a pod of the stage."""
    return {
        "ORRERY_STAGE_FILE": str(folder / "stage.json"),
        "ORRERY_STORE": str(folder.parent.parent),
        "ORRERY_ATTEMPT": str(attempt),
        "ORRERY_DOMAINS": str(DOMAINS),
        "OMP_NUM_THREADS": "1",
        **more,
    }


def start(kind: str, folder: Path, attempt: int = 0, **more: str) -> subprocess.Popen[str]:
    """Start the program of a stage as the executor does. Where many are needed, conftest's ``warm`` is quicker."""
    claim(folder, attempt)
    return subprocess.Popen(
        [sys.executable, "-m", f"orrery_trainers.{kind}"],
        env={**os.environ, "PYTHONPATH": str(PROJECT / "trainers"), **environment(folder, attempt, **more)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_here(kind: str, folder: Path, attempt: int = 0, **more: str) -> int:
    """Run the program of a stage in this process, to spare the imports. Returns its exit code."""
    claim(folder, attempt)
    program = getattr(importlib.import_module(f"orrery_trainers.{kind}"), kind)
    handler, before = signal.getsignal(signal.SIGTERM), dict(os.environ)
    os.environ.update(environment(folder, attempt, **more))
    try:
        return exit_code_of(kind, program)
    finally:
        signal.signal(signal.SIGTERM, handler)
        os.environ.clear()
        os.environ.update(before)


def steps_told(folder: Path, attempt: int) -> int:
    """Optimizer steps on the curve of an attempt, those of its checkpoint included."""
    file = folder / "metrics" / f"attempt-{attempt}.jsonl"
    return len(file.read_text().splitlines()) if file.exists() else 0


def until(condition: Callable[[], bool], alive: Callable[[], bool], patience_seconds: float = 240) -> None:
    """Wait for a condition; fails when what is to fulfil it has ended, or after a long time."""
    deadline = time.monotonic() + patience_seconds
    while not condition():
        assert alive(), "it ended before"
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.002)


def part(folder: Path) -> dict[str, Any]:
    """The published part of a stage."""
    return json.loads((folder / "parts" / "00000.json").read_text())


def weights_hash(folder: Path) -> str:
    """SHA-256 of the final weights."""
    return hashlib.sha256((folder / "data" / "policy" / "model.safetensors").read_bytes()).hexdigest()


def metric_lines(folder: Path) -> list[dict[str, Any]]:
    """The published curve of a trainer."""
    return [json.loads(line) for line in (folder / "data" / "metrics.jsonl").read_text().splitlines()]
