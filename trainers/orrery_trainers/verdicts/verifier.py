"""The verifier: one line protocol, one pool and so one verdict for search, curriculum, evaluation and the GRPO reward.

As a program, ``python -m orrery_trainers.verdicts.verifier --domain countdown``: requests on stdin, answers on stdout,
one JSON a line, in any order; ends with 0 when stdin ends and everything is answered.

    {"id": 1, "problem": "Use 3 5 to make 8 :", "reference": "8", "completion": "Final answer: 3 + 5 = 8"}
    {"id": 1, "verdict": "right", "answer": "3 + 5 = 8"}
    {"id": 2, "verdict": "unjudged", "answer": null, "reason": "timeout"}

Reasons: ``timeout``, ``memory``, ``crash``, ``error: ...`` (the domain threw), ``malformed request: ...``, or the
domain's own words. A request with ``"fresh": true`` is judged anew, whatever is remembered: canaries are.

In Python, :class:`Verifier` starts the same program and speaks the same protocol.
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
STARTS_A_BATCH = 2
"""Times that :class:`Verifier` starts its program for one batch before it gives up."""


class VerifierDown(DependencyDown):
    """The verifier program ended although it was needed. The message says how."""


class Verifier:
    """Verdicts for Python programs. A context manager; or call :meth:`close`. For one thread at a time."""

    def __init__(self, domain: str, limits: PoolLimits | None = None) -> None:
        """domain: name of a folder of ``domains/``. Nothing is started before the first batch."""
        self._domain, self._limits = domain, limits or default_limits()
        self._process: subprocess.Popen[bytes] | None = None

    def verify_batch(self, items: Iterable[tuple[str, str, str]], *, fresh: bool = False) -> list[Verdict]:
        """Judge `(problem, reference, completion)`s; verdicts come in their order. fresh: without the cache.

        Raises VerifierDown when the program ends, and ends again after a new start.
        """
        extra: dict[str, object] = {"fresh": True} if fresh else {}
        requests = [dict(zip(("problem", "reference", "completion"), item, strict=True)) | extra for item in items]
        verdicts: dict[int, Verdict] = {}
        for _ in range(STARTS_A_BATCH):
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
        # Written beside the reading: with both pipes full, either side would wait for the other.
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
                [
                    sys.executable,
                    "-m",
                    PROGRAM,
                    "--domain",
                    self._domain,
                    *_flags(self._limits),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": path},
            )
        return self._process


def default_limits() -> PoolLimits:
    """As many judges as this process may use cores (at most 8), and a time that any honest answer meets."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return PoolLimits(judges=max(1, min(8, cores)))


def main(arguments: list[str] | None = None) -> int:
    """Run the program; returns its exit code."""
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
        return 0  # who asked has gone, and needs no answers
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    defaults = default_limits()
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Judges completions, a JSON a line.")
    parser.add_argument("--domain", required=True, help="folder of domains/")
    parser.add_argument("--judges", type=int, default=defaults.judges, help="processes at most (default: %(default)s)")
    parser.add_argument(
        "--time-limit", type=float, default=defaults.time_limit_seconds, help="seconds of processor time a verdict"
    )
    parser.add_argument(
        "--memory-mib", type=int, default=defaults.memory_mebibytes, help="address space of a judge, MiB"
    )
    parser.add_argument("--cache", type=int, default=defaults.cache_size, help="verdicts remembered; 0: none")
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
        return  # the program ended; the reader says so


if __name__ == "__main__":
    sys.exit(main())
