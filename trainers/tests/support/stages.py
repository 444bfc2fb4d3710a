"""Builders of stages in a store: a stage file under its key, claims, and finished stages with their manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orrery_trainers.pod.stage_key import identity_of, stage_key
from orrery_trainers.store.canonical import sha256_canonical
from orrery_trainers.store.manifests import VERSION, checksum_of, output_digest

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
"""Key of a stage of the tests -> its content."""


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
    """Write the claim of an attempt."""
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


def spoil(folder: Path, change) -> None:
    """Change the content of a stage file, but not its key."""
    stage = json.loads((folder / "stage.json").read_text())
    change(stage)
    (folder / "stage.json").write_text(json.dumps(stage))
