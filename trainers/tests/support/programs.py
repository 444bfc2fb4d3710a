"""Runs the program of a stage, in a separate process or in this one."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from orrery_trainers.paths import PROJECT
from orrery_trainers.pod.context import StageContext
from orrery_trainers.pod.program import exit_code_of
from stages import DOMAINS, claim


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
    """Start the program of a stage like the executor. For many programs, conftest's ``warm`` is faster."""
    claim(folder, attempt)
    return subprocess.Popen(
        [sys.executable, "-m", f"orrery_trainers.training.{kind}"],
        env={**os.environ, "PYTHONPATH": str(PROJECT / "trainers"), **environment(folder, attempt, **more)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_here(kind: str, folder: Path, attempt: int = 0, **more: str) -> int:
    """Run the program of a stage in this process, to spare the imports. Returns its exit code."""
    claim(folder, attempt)
    program = getattr(importlib.import_module(f"orrery_trainers.training.{kind}"), kind)
    handler, before = signal.getsignal(signal.SIGTERM), dict(os.environ)
    os.environ.update(environment(folder, attempt, **more))
    try:
        return exit_code_of(kind, program)
    finally:
        signal.signal(signal.SIGTERM, handler)
        os.environ.clear()
        os.environ.update(before)


def until(condition: Callable[[], bool], alive: Callable[[], bool], patience_seconds: float = 240) -> None:
    """Wait for a condition; fails if the process that must fulfil it has ended, or after a long time."""
    deadline = time.monotonic() + patience_seconds
    while not condition():
        assert alive(), "it ended before"
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.002)


def context_of(folder: Path, kind: str = "pretrain", **more: str) -> StageContext:
    """The context that a program of this stage gets."""
    return StageContext.from_environment(kind, environment(folder, **more))
