"""The pool's side of a judge: fork it, know what it has in its hands, end it."""

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

ENDINGS: dict[int, str] = {signal.SIGPROF: "timeout"}
"""Why a judge has no verdict, by the signal that ended it."""


@dataclass(slots=True)
class Request:
    """One line of the protocol that is to be judged."""

    line: bytes
    key: bytes | None
    """Under which its verdict is remembered."""


@dataclass
class JudgeProcess:
    """A judge that was forked."""

    process: int
    channel: socket.socket
    since: float
    """When it began with the first of `taken`, by the monotonic clock."""
    taken: deque[Request] = field(default_factory=deque)
    """Requests in its hands, the present one first."""
    unread: bytes = b""

    def kill(self) -> int:
        """End the process and wait for it. Returns the signal that it ended by, 0 for none."""
        self.channel.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGKILL)  # not yet waited for, so the number is still its own
        _, status = os.waitpid(self.process, 0)
        return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def fork_judge(
    domain: Domain, time_limit_seconds: float, memory_mebibytes: int, foreign: Iterable[int]
) -> JudgeProcess:
    """Fork a judge. foreign: file descriptors of the pool that the judge must not hold open."""
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
