"""Starts trainers without the seconds that their imports take. See warm_trainers.py."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from programs import environment
from servers import program_environment
from stages import claim


@dataclass
class Running:
    """A trainer that was forked from a warm process (warm_trainers.py)."""

    process: int
    log: Path
    poll: Callable[[], int | None]

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self.poll() is None

    def send(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.process, number)

    def wait(self, patience_seconds: float = 240) -> int:
        """Its exit code, once it has ended; that of a signal is negative."""
        deadline = time.monotonic() + patience_seconds
        while (code := self.poll()) is None:
            assert time.monotonic() < deadline, f"it does not end: {self.log.read_text()}"
            time.sleep(0.01)
        return code

    def kill(self) -> None:
        """Kill it like a power cut, and wait until it has ended."""
        self.send(signal.SIGKILL)
        assert self.wait() == -signal.SIGKILL, self.log.read_text()

    @property
    def last_words(self) -> str:
        """The last line that it has printed."""
        return self.log.read_text().splitlines()[-1]


class Warm:
    """Starts trainers without the seconds that their imports take. See warm_trainers.py."""

    def __init__(self) -> None:
        command = [sys.executable, str(Path(__file__).with_name("warm_trainers.py"))]
        self._process = subprocess.Popen(
            command, env=program_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._exits: dict[int, int] = {}
        # Apart from the stages, as the log of a pod is: a full store must not cut it short.
        self._logs = tempfile.TemporaryDirectory(prefix="orrery-logs-")

    def start(self, kind: str, folder: Path, attempt: int = 0, **more: str) -> Running:
        """Claim the attempt and start the program of the stage."""
        claim(folder, attempt)
        log = self.log_of(folder, attempt, more.get("RANK", "0"))
        process = self._ask(kind=kind, environment=environment(folder, attempt, **more), log=str(log))
        return Running(process, log, lambda: self._poll(process))

    def log_of(self, folder: Path, attempt: int, rank: str = "0") -> Path:
        """The output of a trainer."""
        stage = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
        return Path(self._logs.name) / f"{stage}-{attempt}-{rank}.txt"

    def close(self) -> None:
        """End it, and with it every trainer that still runs."""
        self._process.kill()
        self._process.communicate()
        self._logs.cleanup()

    def _poll(self, process: int) -> int | None:
        if process not in self._exits and (code := self._ask(poll=process)) is not None:
            self._exits[process] = code
        return self._exits.get(process)

    def _ask(self, **request: Any) -> Any:
        assert self._process.stdin and self._process.stdout
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())
