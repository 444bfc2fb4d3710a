"""A judge from the pool's side: fork it, track its requests, end it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from orrery_trainers.domains import Domain
from orrery_trainers.verdicts.judge import judge_forever

REASONS_BY_SIGNAL: dict[int, str] = {signal.SIGPROF: "timeout"}
"""Signal that ended a judge -> reason for the missing verdict."""


@dataclass(slots=True)
class Request:
    """A request: one line of the protocol."""

    line: bytes
    key: bytes | None
    """Key of its verdict in the cache; None if it must not be cached."""


@dataclass
class JudgeProcess:
    """A forked judge."""

    process: int
    """Process id."""
    channel: socket.socket
    since: float
    """When it started the first of `assigned`, by the monotonic clock, in seconds."""
    assigned: deque[Request] = field(default_factory=deque)
    """Requests that it has not answered yet; the current one is first."""
    unread: bytes = b""
    """Start of an answer whose line is not complete yet."""

    def kill(self) -> int:
        """Kill the process and wait for it. Returns the signal that ended it, 0 if it exited by itself."""
        self.channel.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGKILL)  # before waitpid, so the process id is still its own
        _, status = os.waitpid(self.process, 0)
        return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def fork_judge(
    domain: Domain, time_limit_seconds: float, memory_mebibytes: int, foreign: Iterable[int]
) -> JudgeProcess:
    """Fork a judge. foreign: file descriptors of the pool that the judge must close."""
    ours, theirs = socket.socketpair()
    process = os.fork()
    if process == 0:
        ours.close()
        for descriptor in foreign:
            os.close(descriptor)
        judge_forever(domain, theirs, time_limit_seconds, memory_mebibytes)
    theirs.close()
    ours.setblocking(False)
    return JudgeProcess(process, ours, time.monotonic())
