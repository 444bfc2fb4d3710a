"""``data/metrics.jsonl`` of a trainer: one line an optimizer step, over all attempts one curve.

A line is a ``TrainingMetric`` of spec/records.ts.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any, TextIO

# Names in the logs of transformers and TRL -> names in ours (spec/records.ts and the report).
NAMES = {
    "loss": "loss",
    "learning_rate": "learningRate",
    "grad_norm": "gradNorm",
    "entropy": "entropy",
    "mean_token_accuracy": "tokenAccuracy",
    "reward": "reward",
    "completions/mean_length": "completionTokens",
    "completions/clipped_ratio": "clippedShare",
    "backtracks": "backtracks",
    "unjudged": "unjudged",
    "frac_reward_zero_std": "agreeingGroups",
    "kl": "kl",
}


def metric_of(logs: dict[str, Any], optimizer_step: int, attempt: int, time: str) -> dict[str, Any]:
    """A line of metrics from what a Trainer logs. What is no finite number is left out; ``loss`` is null then."""
    named = {ours: logs[theirs] for theirs, ours in NAMES.items() if theirs in logs}
    finite = {name: float(value) for name, value in named.items() if value is not None and math.isfinite(value)}
    return {"optimizerStep": optimizer_step, "attempt": attempt, "time": time, "loss": None, **finite}


def diverged_in(logs: dict[str, Any]) -> str | None:
    """Which of loss and gradient norm is no finite number, in words; None while all is well."""
    for name, words in (("loss", "loss"), ("grad_norm", "gradient norm")):
        value = logs.get(name)
        if value is not None and not math.isfinite(value):
            return f"the {words} became {value}"
    return None


class MetricsJournal:
    """Appends lines; after a resume it goes on where the checkpoint stands, so that no step is told twice."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stream: TextIO | None = None

    def resume_after(self, optimizer_step: int) -> None:
        """Drop lines beyond ``optimizer_step``, and a torn last line. 0 begins anew."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []
        kept = [line for line in lines if _step_of(line) <= optimizer_step]
        temporary = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        temporary.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        temporary.replace(self._file)
        self._stream = self._file.open("a", encoding="utf-8")

    def append(self, metric: dict[str, Any]) -> None:
        """Add one line and hand it to the operating system."""
        if self._stream is None:
            raise RuntimeError("resume_after must be called before append")
        self._stream.write(json.dumps(metric, allow_nan=False) + "\n")
        self._stream.flush()

    def sync(self) -> None:
        """Make the lines durable: before the checkpoint that stands for them is."""
        if self._stream is not None:
            os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Make the lines durable and let go of the file."""
        if self._stream is not None:
            self.sync()
            self._stream.close()
            self._stream = None


def _step_of(line: str) -> float:
    try:
        return json.loads(line)["optimizerStep"]
    except (json.JSONDecodeError, KeyError, TypeError):
        return math.inf
