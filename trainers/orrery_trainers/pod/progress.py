"""``progress/NNNNN.json`` of one pod (``Progress`` of spec/progress.ts)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orrery_trainers.pod.clock import utc_now
from orrery_trainers.store.files import write_json

LEAST_PAUSE_SECONDS = 0.25
"""Between two writes; the end is always written."""
SHARE_OF_TIME = 0.05
"""Of the program's time that writing progress may take: where the store is slow, it is written less often. *Ours*."""


class ProgressFile:
    """Tells how far a pod is. ``done`` grows with finished units alone, so that a hang shows as a lack of growth."""

    def __init__(self, file: Path, attempt: int, fence: Callable[[], None], warn: Callable[..., None]) -> None:
        """fence: raises when a later attempt has claimed the stage; a pod given up for dead learns of it here."""
        self._file, self._attempt, self._fence, self._warn = file, attempt, fence, warn
        self._began: tuple[float, float, str] | None = None  # monotonic time, units found done, UTC
        self._last: dict[str, Any] = {}
        self._saving_seconds = 0.0
        self._next_write = -math.inf

    def report(self, unit: str, done: float, total: float | None, metrics: dict[str, Any] | None = None) -> None:
        """Tell how far this pod is. The first report says what it found done. Raises Fenced."""
        if self._began is None:
            self._began = (time.monotonic(), done, utc_now())
        finite = {name: value for name, value in (metrics or {}).items() if _is_finite(value)}
        self._last = {"unit": unit, "done": done, "total": total, "metrics": finite}
        if time.monotonic() >= self._next_write or done == total:
            self._write()

    def saved(self, seconds: float) -> None:
        """Tell that training has stood still for ``seconds`` to save. Raises Fenced."""
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
        except OSError as error:  # what cannot be told now is told with the next report: no reason to stop
            self._warn("progress could not be written", error=str(error))
        took = time.monotonic() - began
        self._next_write = time.monotonic() + max(LEAST_PAUSE_SECONDS, took * (1 / SHARE_OF_TIME - 1))


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
