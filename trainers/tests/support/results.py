"""The results of a trainer."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def steps_told(folder: Path, attempt: int) -> int:
    """Optimizer steps on the curve of an attempt, those of its checkpoint included."""
    file = folder / "metrics" / f"attempt-{attempt}.jsonl"
    return len(file.read_text().splitlines()) if file.exists() else 0


def part(folder: Path) -> dict[str, Any]:
    """The published part of a stage."""
    return json.loads((folder / "parts" / "00000.json").read_text())


def weights_hash(folder: Path) -> str:
    """SHA-256 of the final weights."""
    return hashlib.sha256((folder / "data" / "policy" / "model.safetensors").read_bytes()).hexdigest()


def metric_lines(folder: Path) -> list[dict[str, Any]]:
    """The published curve of a trainer."""
    return [json.loads(line) for line in (folder / "data" / "metrics.jsonl").read_text().splitlines()]
