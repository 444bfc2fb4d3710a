"""``progress/NNNNN.json`` of one pod (``Progress`` of spec/progress.ts)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orrery_trainers.pod.clock import utc_now
from orrery_trainers.store.files import write_json

MIN_WRITE_INTERVAL_SECONDS = 0.25
"""Minimum time between two writes. The last report is always written. *Ours*."""
MAX_TIME_SHARE = 0.05
"""Maximum share of the program's time for writing progress, so a slow store gets fewer writes. *Ours*."""


class ProgressFile:
    """Writes the progress of a pod. Only finished units count as ``done``, so during a hang it stops growing."""

    def __init__(self, file: Path, attempt: int, fence: Callable[[], None], warn: Callable[..., None]) -> None:
        """fence: raises Fenced if a later attempt has claimed the stage. An abandoned pod learns of it here.

        warn: logs a message with fields.
        """
        self._file, self._attempt, self._fence, self._warn = file, attempt, fence, warn
        self._began: tuple[float, float, str] | None = None  # monotonic time, units done at the start, UTC
        self._last: dict[str, Any] = {}
        self._saving_seconds = 0.0
        self._next_write = -math.inf

    def report(self, unit: str, done: float, total: float | None, metrics: dict[str, Any] | None = None) -> None:
        """Report that ``done`` of ``total`` units are finished.

        The first report has the units that earlier attempts finished. Metrics that are not finite are left out.
        Raises Fenced if a later attempt has claimed the stage.
        """
        if self._began is None:
            self._began = (time.monotonic(), done, utc_now())
        finite = {name: value for name, value in (metrics or {}).items() if _is_finite(value)}
        self._last = {"unit": unit, "done": done, "total": total, "metrics": finite}
        if time.monotonic() >= self._next_write or done == total:
            self._write()

    def add_saving_time(self, seconds: float) -> None:
        """Report that training has waited ``seconds`` for a save. Raises Fenced."""
        self._saving_seconds += seconds
        if self._last:
            self._write()

    def _write(self) -> None:
        assert self._began is not None
        began = time.monotonic()
        since, found, began_at = self._began
        done, seconds = self._last["done"], began - since
        progress = {
            "attempt": self._attempt,
            **self._last,
            "rate": (done - found) / seconds if done > found and seconds > 0 else None,
            "from": found,
            "beganAt": began_at,
            "savingSeconds": round(self._saving_seconds, 3),
            "updatedAt": utc_now(),
        }
        self._fence()
        try:
            write_json(self._file, progress, durable=False)
        except OSError as error:  # the next report repeats everything, so a failed write must not stop the program
            self._warn("progress could not be written", error=str(error))
        took = time.monotonic() - began
        self._next_write = time.monotonic() + max(MIN_WRITE_INTERVAL_SECONDS, took * (1 / MAX_TIME_SHARE - 1))


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
