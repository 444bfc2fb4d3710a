"""``metrics.jsonl`` of a trainer: one line an optimizer step, over all attempts one curve.

A line is a ``TrainingMetric`` of spec/records.ts.
"""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any, TextIO

METRICS_FILE = "metrics.jsonl"
"""Within a checkpoint, and among the outputs."""

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
    """The curve of one attempt: what its checkpoint holds of earlier ones, then its own lines.

    Every attempt has a file of its own, so that one that was given up and wakes up again writes into no other's. A
    checkpoint holds the curve that led to it, and so vouches for it with its checksums.
    """

    def __init__(self, stage: Path, attempt: int) -> None:
        self.file = stage / "metrics" / f"attempt-{attempt}.jsonl"
        self._stream: TextIO | None = None

    def begin(self, checkpoint: Path | None) -> None:
        """Begin with the curve of the checkpoint that training goes on from; with nothing, if there is none."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        if checkpoint is None:
            self.file.write_bytes(b"")
        else:
            shutil.copyfile(checkpoint / METRICS_FILE, self.file)
        self._stream = self.file.open("a", encoding="utf-8")

    def append(self, metric: dict[str, Any]) -> None:
        """Add one line and hand it to the operating system."""
        if self._stream is None:
            raise RuntimeError("begin must be called before append")
        self._stream.write(json.dumps(metric, allow_nan=False) + "\n")
        self._stream.flush()

    def copy_to(self, place: Path) -> None:
        """Copy the curve as far as it is, for a checkpoint or to be published."""
        shutil.copyfile(self.file, place)

    def close(self) -> None:
        """Let go of the file."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None
