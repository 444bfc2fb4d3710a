"""A pool of judges that survives hostile completions.

One single-threaded process reads requests, gives them to forked judges and forwards their answers. It has loaded the
domain, so a `fork` makes a new judge within milliseconds, even if the domain's imports take seconds.

A judge handles its requests in order, so the first unanswered request is the current one. If it exceeds the time limit,
the judge is killed, that verdict is ``unjudged`` (``timeout``), and the other requests go back to the queue. The same
happens if the judge dies (``crash``). The limit counts processor time, so a busy machine causes no time-out; the kernel
enforces it. A judge that waits without using the processor is killed after CLOCK_FACTOR times the limit, by the clock.
"""

from __future__ import annotations

import json
import os
import selectors
import time
from collections import deque
from dataclasses import dataclass

from orrery_trainers.domains import Domain, Verdict
from orrery_trainers.verdicts.cache import VerdictCache
from orrery_trainers.verdicts.judge import encode_verdict, number_of
from orrery_trainers.verdicts.judge_process import REASONS_BY_SIGNAL, JudgeProcess, Request, fork_judge
from orrery_trainers.verdicts.selector import selector_for

READY = b'{"ready": true}\n'
"""First line of the output. A reader can tell a slow start from a verdict that takes too long."""
READ_BYTES = 1 << 18
MAX_QUEUED_REQUESTS = 10_000
"""Maximum number of queued requests. When the queue is full, the pool reads no input, so a fast writer waits."""
MAX_QUEUED_BYTES = 64 << 20
"""Maximum size of all queued requests."""
CLOCK_FACTOR = 4
"""Clock time for a verdict = this factor x the limit of processor time. Other processes need the processor too."""
LOOK_AHEAD_SECONDS = 0.02
"""Work that a judge has in advance. More work means fewer system calls; less work means a more even load."""
MAX_LOOK_AHEAD = 64
"""Maximum number of requests that a judge has in advance."""


@dataclass(frozen=True)
class PoolLimits:
    """Limits of the pool. *Ours*."""

    judges: int = 2
    """Maximum number of judges."""
    time_limit_seconds: float = 5.0
    """Processor time for one verdict."""
    memory_mebibytes: int = 1024
    """Address space of a judge. A judge of the domain math uses about 100 MiB."""
    cache_size: int = 100_000
    """Number of cached verdicts; 0 for no cache."""


class VerdictPool:
    """Writes READY to `sink`, then judges every line of `source` and writes one answer per line, in any order.

    source, sink: file descriptors; verifier.py describes the protocol.
    """

    def __init__(self, domain: Domain, limits: PoolLimits, source: int, sink: int) -> None:
        self._domain, self._limits = domain, limits
        self._source, self._sink = source, sink
        self._queue: deque[Request] = deque()
        self._queued_bytes = 0
        self._cache = VerdictCache(domain, limits.cache_size)
        self._judges: list[JudgeProcess] = []
        self._selector = selector_for(source)
        self._partial: list[bytes] = []
        """Pieces of a line that is not complete yet."""
        self._ended = self._listening = False
        self._seconds_per_verdict = LOOK_AHEAD_SECONDS  # running mean; at first a judge gets one request at a time

    def run(self) -> None:
        """Serve until the source ends and every request is answered. Raises BrokenPipeError if the reader has gone."""
        if self._domain.warm_up:
            self._domain.warm_up()
        self._write(READY)
        try:
            while not (self._ended and not self._queue and not any(judge.assigned for judge in self._judges)):
                self._listen()
                self._assign_requests()
                for key, _ in self._selector.select(self._seconds_to_deadline()):
                    if key.data is None:
                        self._read_requests()
                    else:
                        self._read_answers(key.data)
                self._replace_overdue()
        finally:
            for judge in self._judges:
                self._end(judge)

    def _listen(self) -> None:
        wanted = not self._ended and len(self._queue) < MAX_QUEUED_REQUESTS and self._queued_bytes < MAX_QUEUED_BYTES
        if wanted and not self._listening:
            self._selector.register(self._source, selectors.EVENT_READ, None)
        elif not wanted and self._listening:
            self._selector.unregister(self._source)
        self._listening = wanted

    def _read_requests(self) -> None:
        data = os.read(self._source, READ_BYTES)
        self._ended = not data
        *lines, rest = data.split(b"\n")
        if lines:
            lines[0] = b"".join([*self._partial, lines[0]])
            self._partial = []
        self._partial.append(rest)
        if self._ended and any(self._partial):
            lines, self._partial = [*lines, b"".join(self._partial)], []
        cached: list[bytes] = []
        for line in lines:
            if not line.strip():
                continue
            key, answer = self._cache.look_up(line)
            if answer is not None:
                cached.append(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
            else:
                self._queue.append(Request(line + b"\n", key))
                self._queued_bytes += len(line) + 1
        if cached:
            self._write(b"".join(cached))

    def _assign_requests(self) -> None:
        window = max(1, min(MAX_LOOK_AHEAD, int(LOOK_AHEAD_SECONDS / self._seconds_per_verdict)))
        while self._queue:
            judge = min(self._judges, key=lambda judge: len(judge.assigned), default=None)
            # Use a judge with space in its window first, then fork a new judge, then wait.
            if (judge is None or len(judge.assigned) >= window) and len(self._judges) < self._limits.judges:
                judge = self._fork()
            if judge is None or len(judge.assigned) >= window:
                return
            portion = [self._queue.popleft() for _ in range(min(len(self._queue), window - len(judge.assigned)))]
            self._queued_bytes -= sum(len(request.line) for request in portion)
            if not judge.assigned:
                judge.since = time.monotonic()
            judge.assigned.extend(portion)
            self._send(judge, b"".join(request.line for request in portion))

    def _send(self, judge: JudgeProcess, data: bytes) -> None:
        """Write to a judge, and read its answers in the meantime. Otherwise full buffers would cause a deadlock."""
        view = memoryview(data)
        while view:
            try:
                view = view[judge.channel.send(view) :]
            except BlockingIOError:
                with selectors.DefaultSelector() as both:
                    both.register(judge.channel, selectors.EVENT_READ | selectors.EVENT_WRITE)
                    ready = both.select(max(0.0, self._deadline(judge) - time.monotonic()))
                if any(events & selectors.EVENT_READ for _, events in ready):
                    self._read_answers(judge)
                if judge not in self._judges:
                    return  # it has died; its requests are back in the queue
                if time.monotonic() >= self._deadline(judge):
                    self._replace(judge, "timeout")
                    return
            except (BrokenPipeError, ConnectionResetError):
                # Read the answers from before its death: the first request without an answer killed it.
                while judge in self._judges:
                    self._read_answers(judge)
                return

    def _read_answers(self, judge: JudgeProcess) -> None:
        if judge not in self._judges:
            return  # it was replaced after the selector reported it
        try:
            data = judge.channel.recv(READ_BYTES)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            self._replace(judge, "crash")
            return
        whole, newline, judge.unread = (judge.unread + data).rpartition(b"\n")
        if not newline:
            return
        answers, now = whole.split(b"\n"), time.monotonic()
        answered = len(answers)
        for answer in answers:
            request = judge.assigned.popleft()
            if request.key is not None:
                self._cache.keep(request.key, answer)
        share = 1 - 0.8**answered
        self._seconds_per_verdict += share * (max((now - judge.since) / answered, 1e-6) - self._seconds_per_verdict)
        judge.since = now
        self._write(whole + newline)
        if any(b'"reason": "memory"' in answer for answer in answers):
            self._retire(judge)

    def _retire(self, judge: JudgeProcess) -> None:
        """End a judge that ran out of memory. The memory that it still uses would be missing for the next verdict."""
        self._judges.remove(judge)
        self._end(judge)
        self._requeue(judge)

    def _requeue(self, judge: JudgeProcess) -> None:
        self._queue.extendleft(reversed(judge.assigned))
        self._queued_bytes += sum(len(request.line) for request in judge.assigned)

    def _deadline(self, judge: JudgeProcess) -> float:
        return judge.since + CLOCK_FACTOR * self._limits.time_limit_seconds

    def _seconds_to_deadline(self) -> float | None:
        deadlines = [self._deadline(judge) for judge in self._judges if judge.assigned]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _replace_overdue(self) -> None:
        for judge in [judge for judge in self._judges if judge.assigned and time.monotonic() >= self._deadline(judge)]:
            # The answer may have come in time while this process was busy.
            self._read_answers(judge)
            if judge in self._judges and judge.assigned and time.monotonic() >= self._deadline(judge):
                self._replace(judge, "timeout")

    def _replace(self, judge: JudgeProcess, reason: str) -> None:
        self._judges.remove(judge)
        signal_number = self._end(judge)
        if not judge.assigned:
            return
        current = judge.assigned.popleft()
        self._requeue(judge)
        if reason == "crash":  # it ended before our kill, so the signal is the cause
            reason = REASONS_BY_SIGNAL.get(signal_number, reason)
        self._write(encode_verdict(number_of(current.line), Verdict("unjudged", None, reason)))

    def _end(self, judge: JudgeProcess) -> int:
        """End a judge. Returns the signal that ended it, 0 if it exited by itself."""
        self._selector.unregister(judge.channel)
        return judge.kill()

    def _fork(self) -> JudgeProcess:
        others = [self._source, *(judge.channel.fileno() for judge in self._judges)]
        judge = fork_judge(self._domain, self._limits.time_limit_seconds, self._limits.memory_mebibytes, others)
        self._selector.register(judge.channel, selectors.EVENT_READ, judge)
        self._judges.append(judge)
        return judge

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._sink, view) :]
