"""SIGUSR1 prints where a program hangs, in Python or in C, and the program continues."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from campaign import PRETRAIN
from programs import start
from servers import program_environment
from stages import write_stage

HANGS = {
    "in a loop": "while True:\n        pass",
    "in C": "time.sleep(10_000)",
}
PHRASES = {
    "reflection": "Wait.", "negative": "No.", "positive": "Yes.",
    "goBack": "Back to {place}.", "restart": "Again.", "finalAnswer": "Answer:",
}  # fmt: skip


def write_domain(domains: Path, name: str, code: str) -> None:
    (domains / name).mkdir(parents=True)
    (domains / name / "domain.py").write_text(f"import time\n{code}\n")
    (domains / name / "phrases.json").write_text(json.dumps(PHRASES))


@pytest.mark.parametrize("how", HANGS)
def test_a_trainer_that_hangs_prints_its_stack_and_continues(tmp_path, how):
    write_domain(tmp_path / "domains", "parity", f"def stuck():\n    {HANGS[how]}\n\nstuck()")
    folder = write_stage(tmp_path, "pretrain", "pretrain", PRETRAIN)
    trainer = start("pretrain", folder, ORRERY_DOMAINS=str(tmp_path / "domains"))
    try:
        assert "stage program started" in trainer.stdout.readline()
        os.set_blocking(trainer.stderr.fileno(), False)
        text, deadline = "", time.monotonic() + 120
        while " in stuck" not in text:
            assert time.monotonic() < deadline, text
            trainer.send_signal(signal.SIGUSR1)
            time.sleep(0.2)
            text += trainer.stderr.read() or ""
        assert "most recent call first" in text
        assert "pretrain.py" in text
        assert trainer.poll() is None
    finally:
        trainer.kill()
        trainer.communicate()


@pytest.mark.parametrize("how", HANGS)
def test_a_verdict_that_hangs_prints_its_stack_and_the_verifier_continues(tmp_path, how):
    write_domain(tmp_path / "domains", "stuck", f"def verify(problem, reference, completion):\n    {HANGS[how]}")
    errors = tmp_path / "stderr.txt"
    with errors.open("w") as stream:
        verifier = subprocess.Popen(
            [sys.executable, "-m", "orrery_trainers.verdicts.verifier", "--domain", "stuck", "--time-limit", "10000"],
            env=program_environment(ORRERY_DOMAINS=str(tmp_path / "domains")),
            stdin=subprocess.PIPE,
            stderr=stream,
            text=True,
        )
    try:
        print('{"id": 1, "problem": "p", "reference": "r", "completion": "c"}', file=verifier.stdin, flush=True)
        text = asked_for_stacks_of_all(verifier, errors, " in verify")
        assert "verdicts/judge.py" in text
        assert "verdicts/pool.py" in text
        assert verifier.poll() is None
    finally:
        verifier.kill()
        verifier.communicate()


def asked_for_stacks_of_all(verifier: subprocess.Popen, errors: Path, until: str) -> str:
    """Ask the pool and, once there is one, its judge."""
    deadline = time.monotonic() + 120
    while until not in (text := errors.read_text()) or "verdicts/pool.py" not in text:
        assert time.monotonic() < deadline, text
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(verifier.pid)], capture_output=True, text=True, check=False
        ).stdout
        judges = [int(line) for line in listed.split()]
        for process in [*judges, *([verifier.pid] if judges else [])]:
            os.kill(process, signal.SIGUSR1)
        time.sleep(0.2)
    return text


def test_a_policy_server_prints_the_stacks_of_its_threads_and_continues(policy, start_server):
    server = start_server("--model", str(policy))
    server.process.send_signal(signal.SIGUSR1)
    lines: list[str] = []
    while not any("engine.py" in line for line in lines):
        lines.append(server.process.stderr.readline())
    assert server.get("/health")[0] == 200
