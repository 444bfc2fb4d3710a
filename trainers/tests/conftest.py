"""Shared fixtures, and an environment without the settings of the person who runs the tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orrery_trainers.paths import PROJECT
from servers import START_SECONDS, Server, free_port, program_environment, save_policy
from warm import Warm


def forget_the_person(home: str) -> None:
    """Remove the person's settings from the environment, like the tests in TypeScript do."""
    rules = json.loads((PROJECT / "tests/support/environment.json").read_text())
    prefixes = tuple(rules["keptPrefixes"])
    kept = {name: value for name, value in os.environ.items() if name in rules["kept"] or name.startswith(prefixes)}
    os.environ.clear()
    os.environ.update(kept | rules["set"] | {"HOME": home})
    time.tzset()
    os.umask(0o022)


HOME = tempfile.TemporaryDirectory(prefix="orrery-home-")
forget_the_person(HOME.name)


@pytest.fixture(scope="session")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random tiny Llama."""
    return save_policy(tmp_path_factory.mktemp("policy"))


@pytest.fixture(scope="session")
def start_server() -> Iterator[Callable[..., Server]]:
    """Starts a policy server with arguments and environment, waits until it is healthy, and ends it after the tests."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **environment: str) -> Server:
        port = free_port()
        command = [sys.executable, "-m", "orrery_trainers.serving.policy_server", *arguments]
        env = program_environment(ORRERY_POLICY_PORT=str(port), **environment)
        process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        started.append(process)
        server, deadline = Server(f"http://127.0.0.1:{port}", process), time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if server.get("/health")[0] == 200:
                    return server
            except OSError:
                time.sleep(0.05)
        process.kill()
        raise AssertionError(f"the policy server did not start: {process.communicate()[1]}")

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """Starts trainers quickly, and ends those that still run after the tests."""
    process = Warm()
    yield process
    process.close()
