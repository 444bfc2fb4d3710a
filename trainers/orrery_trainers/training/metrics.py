"""``metrics.jsonl`` of a trainer: one line per optimizer step. All attempts together form one curve.

A line is a ``TrainingMetric`` of spec/records.ts.
"""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any, TextIO

METRICS_FILE = "metrics.jsonl"
"""Name of the file in a checkpoint and in the outputs."""

# Names in the logs of transformers and TRL -> our names (spec/records.ts and the report).
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
    """Convert a log of a Trainer to a line of metrics, without values that are not finite; ``loss`` becomes null."""
    named = {ours: logs[theirs] for theirs, ours in NAMES.items() if theirs in logs}
    finite = {name: float(value) for name, value in named.items() if value is not None and math.isfinite(value)}
    return {"optimizerStep": optimizer_step, "attempt": attempt, "time": time, "loss": None, **finite}


def diverged_in(logs: dict[str, Any]) -> str | None:
    """A message if the loss or the gradient norm is not finite; None if both are finite or missing."""
    for name, label in (("loss", "loss"), ("grad_norm", "gradient norm")):
        value = logs.get(name)
        if value is not None and not math.isfinite(value):
            return f"the {label} became {value}"
    return None


class MetricsJournal:
    """The curve of one attempt: the lines from its checkpoint, then its own lines.

    Every attempt has its own file, so an abandoned attempt that wakes up never writes into the file of another one. A
    checkpoint contains the curve up to its step, so the checksums of the checkpoint protect the curve too.
    """

    def __init__(self, stage: Path, attempt: int) -> None:
        self.file = stage / "metrics" / f"attempt-{attempt}.jsonl"
        self._stream: TextIO | None = None

    def begin(self, checkpoint: Path | None) -> None:
        """Start with the curve of the checkpoint that training resumes from; with an empty curve if it is None."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        if checkpoint is None:
            self.file.write_bytes(b"")
        else:
            shutil.copyfile(checkpoint / METRICS_FILE, self.file)
        self._stream = self.file.open("a", encoding="utf-8")

    def append(self, metric: dict[str, Any]) -> None:
        """Append one line and flush it to the operating system. Raises RuntimeError before :meth:`begin`."""
        if self._stream is None:
            raise RuntimeError("begin must be called before append")
        self._stream.write(json.dumps(metric, allow_nan=False) + "\n")
        self._stream.flush()

    def copy_to(self, place: Path) -> None:
        """Copy the current curve, into a checkpoint or for publication."""
        shutil.copyfile(self.file, place)

    def close(self) -> None:
        """Close the file. May be called twice."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None
