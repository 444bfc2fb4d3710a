"""Fixtures of several test files: small policies in Hugging Face layout, and servers of them."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import campaign

PACKAGE = Path(__file__).parents[1]


def forget_the_person(home: str) -> None:
    """Take what is the person's own from the tests and their programs, by the rules of the tests in TypeScript."""
    rules = json.loads((PACKAGE.parent / "tests/support/environment.json").read_text())
    prefixes = tuple(rules["keptPrefixes"])
    kept = {name: value for name, value in os.environ.items() if name in rules["kept"] or name.startswith(prefixes)}
    os.environ.clear()
    os.environ.update(kept | rules["set"] | {"HOME": home})
    time.tzset()
    os.umask(0o022)


HOME = tempfile.TemporaryDirectory(prefix="orrery-home-")
forget_the_person(HOME.name)
CONTEXT_TOKENS = 96
START_SECONDS = 240.0
"""Importing torch and transformers takes this long on a machine that is busy enough."""


def save_policy(folder: Path, **changes: Any) -> Path:
    """Save a random Llama over countdown's vocabulary in `folder`. `changes` go to its LlamaConfig."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from orrery_trainers.domains import load_domain
    from orrery_trainers.tokenizer import build_tokenizer

    torch.manual_seed(0)
    tokenizer = build_tokenizer(load_domain("countdown").vocabulary({}), CONTEXT_TOKENS)
    settings = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "tie_word_embeddings": True,
        "initializer_range": 0.2,  # far from uniform, so that a mistake moves the logits
    }
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=CONTEXT_TOKENS,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        **(settings | changes),
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random tiny Llama."""
    return save_policy(tmp_path_factory.mktemp("policy"))


@dataclass
class Server:
    """A policy server that runs."""

    url: str
    process: subprocess.Popen[str]

    def get(self, path: str) -> tuple[int, str]:
        """Status and body."""
        return self._send(urllib.request.Request(self.url + path))

    def complete(self, **body: Any) -> dict[str, Any]:
        """The answer of /v1/completions, whatever its status."""
        return json.loads(self.post(json.dumps(body))[1])

    def post(self, body: str | bytes, path: str = "/v1/completions") -> tuple[int, str]:
        """Status and body of the answer to a POST."""
        headers = {"content-type": "application/json"}
        data = body.encode() if isinstance(body, str) else body
        return self._send(urllib.request.Request(self.url + path, data, headers))

    def _send(self, request: urllib.request.Request) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


def program_environment(**more: str) -> dict[str, str]:
    """Environment of a Python program of the package."""
    return {**os.environ, "PYTHONPATH": str(PACKAGE), "OMP_NUM_THREADS": "1", **more}


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def start_server() -> Iterator[Callable[..., Server]]:
    """Starts a policy server with arguments and environment, waits until it is healthy, and ends it after the tests."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **environment: str) -> Server:
        port = free_port()
        command = [sys.executable, "-m", "orrery_trainers.policy_server", *arguments]
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
        """End it as a power cut would, and wait until it is gone."""
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

    def start(self, kind: str, folder: Path, attempt: int = 0, **more: str) -> Running:
        """Claim the attempt and start the program of the stage."""
        campaign.claim(folder, attempt)
        log = folder / f"log-{attempt}{'-' + more['RANK'] if 'RANK' in more else ''}.txt"
        process = self._ask(kind=kind, environment=campaign.environment(folder, attempt, **more), log=str(log))
        return Running(process, log, lambda: self._poll(process))

    def close(self) -> None:
        """End it, and with it every trainer that still runs."""
        self._process.kill()
        self._process.communicate()

    def _poll(self, process: int) -> int | None:
        if process not in self._exits and (code := self._ask(poll=process)) is not None:
            self._exits[process] = code
        return self._exits.get(process)

    def _ask(self, **request: Any) -> Any:
        assert self._process.stdin and self._process.stdout
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """Starts trainers quickly, and ends those that still run after the tests."""
    process = Warm()
    yield process
    process.close()
