"""The verifier. Search, curriculum, evaluation and the GRPO reward all use it, so their verdicts agree.

The program ``python -m orrery_trainers.verdicts.verifier --domain countdown`` reads requests from stdin and writes
answers to stdout, one JSON per line, in any order. Its first line says that it has loaded everything. It exits with 0
when stdin has ended and every request is answered.

    {"ready": true}
    {"id": 1, "problem": "Use 3 5 to make 8 :", "reference": "8", "completion": "Final answer: 3 + 5 = 8"}
    {"id": 1, "verdict": "right", "answer": "3 + 5 = 8"}
    {"id": 2, "verdict": "unjudged", "answer": null, "reason": "timeout"}

Reasons: ``timeout``, ``memory``, ``crash``, ``error: ...`` (the domain raised), ``malformed request: ...``, or a
message of the domain. A request with ``"fresh": true`` bypasses the cache of verdicts; canaries do.

In Python, :class:`Verifier` starts this program and uses the protocol.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable

from orrery_trainers.domains import DomainError, Verdict, load_domain
from orrery_trainers.paths import TRAINERS
from orrery_trainers.pod.failures import DependencyDown
from orrery_trainers.pod.stacks import print_stacks_on_sigusr1
from orrery_trainers.verdicts.pool import PoolLimits, VerdictPool

PROGRAM = "orrery_trainers.verdicts.verifier"
EXIT_INVALID_INPUT = 65
EXIT_TERMINATED = 143
MAX_STARTS_PER_BATCH = 2
"""How often :class:`Verifier` starts its program for one batch before it gives up. *Ours*."""


class VerifierDown(DependencyDown):
    """The verifier program ended while it was needed. The message has its exit code."""


class Verifier:
    """Runs the verifier program. Use it as a context manager, or call :meth:`close`. It is not thread-safe."""

    def __init__(self, domain: str, limits: PoolLimits | None = None) -> None:
        """domain: name of a folder of ``domains/``. The program starts with the first batch."""
        self._domain, self._limits = domain, limits or default_limits()
        self._process: subprocess.Popen[bytes] | None = None

    def verify_batch(self, items: Iterable[tuple[str, str, str]], *, fresh: bool = False) -> list[Verdict]:
        """Judge `(problem, reference, completion)` items. Returns the verdicts in the same order.

        fresh: bypass the cache of verdicts.
        Raises VerifierDown if the program ends, and ends again after a restart.
        """
        extra: dict[str, object] = {"fresh": True} if fresh else {}
        requests = [dict(zip(("problem", "reference", "completion"), item, strict=True)) | extra for item in items]
        verdicts: dict[int, Verdict] = {}
        for _ in range(MAX_STARTS_PER_BATCH):
            missing = [number for number in range(len(requests)) if number not in verdicts]
            if not missing:
                break
            self._ask([{"id": number, **requests[number]} for number in missing], verdicts)
        if len(verdicts) < len(requests):
            code = self._process.poll() if self._process else None
            raise VerifierDown(
                f"the verifier of domain {self._domain} ended with {code} before it had judged "
                f"{len(requests) - len(verdicts)} of {len(requests)} completions; its message is on stderr"
            )
        return [verdicts[number] for number in range(len(requests))]

    def close(self) -> None:
        """End the program. May be called twice."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        process.communicate()

    def __enter__(self) -> Verifier:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, requests: list[dict[str, object]], verdicts: dict[int, Verdict]) -> None:
        process = self._running()
        assert process.stdin and process.stdout  # both are pipes
        lines = b"".join(json.dumps(request).encode() + b"\n" for request in requests)
        # Another thread writes the requests: with both pipes full, each side would wait for the other.
        writer = threading.Thread(target=_write, args=(process.stdin, lines), daemon=True)
        writer.start()
        for _ in requests:
            line = process.stdout.readline()
            if not line.endswith(b"\n"):
                process.wait()
                break
            answer = json.loads(line)
            verdicts[answer["id"]] = Verdict(answer["verdict"], answer["answer"], answer.get("reason"))
        writer.join()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            path = os.pathsep.join(filter(None, [str(TRAINERS), os.environ.get("PYTHONPATH")]))
            self._process = subprocess.Popen(
                [sys.executable, "-m", PROGRAM, "--domain", self._domain, *_flags(self._limits)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": path},
            )
            assert self._process.stdout  # a pipe
            self._process.stdout.readline()  # READY; empty if the program has ended, and the next read is empty too
        return self._process


def default_limits() -> PoolLimits:
    """One judge per core that this process may use, at most 8. Ordinary answers take far less than the time limit."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return PoolLimits(judges=max(1, min(8, cores)))


def main(arguments: list[str] | None = None) -> int:
    """Run the program and return its exit code."""
    print_stacks_on_sigusr1()
    options = _parse(arguments)
    try:
        domain = load_domain(options.domain)
    except DomainError as error:
        print(error, file=sys.stderr)
        return EXIT_INVALID_INPUT
    limits = PoolLimits(options.judges, options.time_limit, options.memory_mib, options.cache)
    signal.signal(signal.SIGTERM, _terminated)
    try:
        VerdictPool(domain, limits, sys.stdin.fileno(), sys.stdout.fileno()).run()
    except BrokenPipeError:
        return 0  # the reader has gone and needs no answers
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    defaults = default_limits()
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Judges completions, one JSON per line.")
    parser.add_argument("--domain", required=True, help="folder of domains/")
    parser.add_argument(
        "--judges", type=int, default=defaults.judges, help="maximum number of processes (default: %(default)s)"
    )
    parser.add_argument(
        "--time-limit", type=float, default=defaults.time_limit_seconds, help="processor time per verdict, in seconds"
    )
    parser.add_argument(
        "--memory-mib", type=int, default=defaults.memory_mebibytes, help="address space of a judge, in MiB"
    )
    parser.add_argument("--cache", type=int, default=defaults.cache_size, help="number of cached verdicts; 0: none")
    options = parser.parse_args(arguments)
    for name in ("judges", "time_limit", "memory_mib"):
        if getattr(options, name) <= 0:
            parser.error(f"--{name.replace('_', '-')}: expected a number above 0, but got {getattr(options, name)}")
    return options


def _flags(limits: PoolLimits) -> list[str]:
    return [
        f"--judges={limits.judges}",
        f"--time-limit={limits.time_limit_seconds}",
        f"--memory-mib={limits.memory_mebibytes}",
        f"--cache={limits.cache_size}",
    ]


def _terminated(*_: object) -> None:
    raise SystemExit(EXIT_TERMINATED)


def _write(stream: object, data: bytes) -> None:
    try:
        stream.write(data)  # type: ignore[attr-defined]
        stream.flush()  # type: ignore[attr-defined]
    except (BrokenPipeError, ValueError):
        return  # the program has ended; the thread that reads reports it


if __name__ == "__main__":
    sys.exit(main())
