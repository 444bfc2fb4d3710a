"""Checkpoints as an attempt publishes them, and damage to them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from orrery_trainers.checkpoints.checkpoint import (
    MARKER,
    Checkpoint,
    Metric,
    checkpoints_in,
    publish_checkpoint,
    scratch_folder,
)


def save(stage: Path, step: int, attempt: int = 0, metric: Metric | None = None, fence=lambda: None) -> Path:
    """A checkpoint as an attempt publishes it; returns its folder."""
    saved = scratch_folder(stage, attempt) / f"checkpoint-{step}"
    (saved / "nested").mkdir(parents=True)
    (saved / "model.safetensors").write_text(f"weights {step}")
    (saved / "nested" / "rng.pth").write_text("dice")
    return publish_checkpoint(saved, stage, step, attempt, metric, fence)[0]


def at(path: Path) -> Checkpoint:
    """The checkpoint in a folder, by its name."""
    return next(one for one in checkpoints_in(path.parents[1]) if one.path == path)


def mark_with_sha256(path: Path) -> None:
    """Replace the hashes in the marker of a checkpoint by SHA-256, which older versions wrote."""
    marker = json.loads((path / MARKER).read_text())
    marker["files"] = [
        {
            "path": entry["path"],
            "sha256": hashlib.sha256((path / entry["path"]).read_bytes()).hexdigest(),
            "bytes": entry["bytes"],
        }
        for entry in marker["files"]
    ]
    (path / MARKER).write_text(json.dumps(marker))


def flip_bit(file: Path) -> None:
    """Change one bit in the middle of a file, as a disk that rots does."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))


DAMAGE = {
    "no marker (complete.json)": lambda path: (path / MARKER).unlink(),
    "complete.json is damaged": lambda path: (path / MARKER).write_text("{"),
    "complete.json names no files": lambda path: (path / MARKER).write_text('{"step": 4, "attempt": 0, "files": []}'),
    "complete.json: expected step 4, got 2": lambda path: (path / MARKER).write_text('{"step": 2, "attempt": 0}'),
    "complete.json: expected attempt 0, got 1": lambda path: (path / MARKER).write_text('{"step": 4, "attempt": 1}'),
    "model.safetensors: file missing": lambda path: (path / "model.safetensors").unlink(),
    "model.safetensors: expected 9 bytes, got 3": lambda path: (path / "model.safetensors").write_text("wei"),
    "model.safetensors: xxh3_128 differs": lambda path: flip_bit(path / "model.safetensors"),
}
