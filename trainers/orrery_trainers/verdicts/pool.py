"""A pool of judges that survives what it judges.

One single-threaded process reads requests, hands them to forked judges and forwards their answers. Because it has
loaded the domain and runs no threads, a judge is a `fork` away: replacing one costs milliseconds even where the
domain's imports take seconds.

A judge works through its requests in order, so the first one not answered is the one in its hands. When that takes
longer than the limit the judge is killed, that verdict is ``unjudged`` (``timeout``) and the others go back to the
queue; the same when it dies (``crash``). The limit is of processor time, which
a busy machine does not use up: the kernel ends a judge that is over it. What waits instead of working is ended by the
clock, a few times later.
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
from orrery_trainers.verdicts.judge_process import ENDINGS, JudgeProcess, Request, fork_judge

READ_BYTES = 1 << 18
LONGEST_QUEUE = 10_000
"""Requests held. Beyond it input is not read, so that a fast writer waits."""
LARGEST_QUEUE = 64 << 20
"""Bytes of requests held, likewise."""
CLOCK_FACTOR = 4
"""A judge gets this many times its processor time by the clock: others want the processor too."""
LOOK_AHEAD_SECONDS = 0.02
"""Work handed to one judge at a time. Much of it makes for few system calls, little of it for an even load."""
LONGEST_LOOK_AHEAD = 64


@dataclass(frozen=True)
class PoolLimits:
    """What a verdict may cost, how many judges there may be, and how many verdicts are remembered."""

    judges: int = 2
    time_limit_seconds: float = 5.0
    """Of processor time."""
    memory_mebibytes: int = 1024
    """Of address space: a judge of mathematics takes 100 MiB."""
    cache_size: int = 100_000


class VerdictPool:
    """Judges every line of `source` and writes an answer a line to `sink`, in any order.

    source, sink: file descriptors of the line protocol.
    """

    def __init__(self, domain: Domain, limits: PoolLimits, source: int, sink: int) -> None:
        self._domain, self._limits = domain, limits
        self._source, self._sink = source, sink
        self._queue: deque[Request] = deque()
        self._queued_bytes = 0
        self._cache = VerdictCache(domain, limits.cache_size)
        self._judges: list[JudgeProcess] = []
        self._selector = _selector_for(source)
        self._partial: list[bytes] = []
        """Pieces of a line that has not ended."""
        self._ended = self._listening = False
        self._seconds_a_verdict = LOOK_AHEAD_SECONDS  # running mean; begins with one request a judge

    def run(self) -> None:
        """Serve until the source ends and everything is answered. Raises BrokenPipeError when nobody reads answers."""
        if self._domain.warm_up:
            self._domain.warm_up()
        try:
            while not (self._ended and not self._queue and not any(judge.taken for judge in self._judges)):
                self._listen()
                self._hand_out()
                for key, _ in self._selector.select(self._seconds_to_deadline()):
                    if key.data is None:
                        self._read_requests()
                    else:
                        self._read_answers(key.data)
                self._end_overdue()
        finally:
            for judge in self._judges:
                self._end(judge)

    def _listen(self) -> None:
        wanted = not self._ended and len(self._queue) < LONGEST_QUEUE and self._queued_bytes < LARGEST_QUEUE
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
        known: list[bytes] = []
        for line in lines:
            if not line.strip():
                continue
            key, answer = self._cache.look_up(line)
            if answer is not None:
                known.append(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
            else:
                self._queue.append(Request(line + b"\n", key))
                self._queued_bytes += len(line) + 1
        if known:
            self._write(b"".join(known))

    def _hand_out(self) -> None:
        window = max(1, min(LONGEST_LOOK_AHEAD, int(LOOK_AHEAD_SECONDS / self._seconds_a_verdict)))
        while self._queue:
            judge = min(self._judges, key=lambda judge: len(judge.taken), default=None)
            # An idle judge is worth more than a new one, a new one more than a deeper pile.
            if (judge is None or len(judge.taken) >= window) and len(self._judges) < self._limits.judges:
                judge = self._fork()
            if judge is None or len(judge.taken) >= window:
                return
            portion = [self._queue.popleft() for _ in range(min(len(self._queue), window - len(judge.taken)))]
            self._queued_bytes -= sum(len(request.line) for request in portion)
            if not judge.taken:
                judge.since = time.monotonic()
            judge.taken.extend(portion)
            self._send(judge, b"".join(request.line for request in portion))

    def _send(self, judge: JudgeProcess, data: bytes) -> None:
        """Write to a judge, taking its answers meanwhile: with both buffers full each would wait for the other."""
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
                    return  # it died meanwhile; what it had taken is back in the queue
                if time.monotonic() >= self._deadline(judge):
                    self._replace(judge, "timeout")
                    return
            except (BrokenPipeError, ConnectionResetError):
                # What it answered before it died is still to be read: the first request without an answer killed it.
                while judge in self._judges:
                    self._read_answers(judge)
                return

    def _read_answers(self, judge: JudgeProcess) -> None:
        if judge not in self._judges:
            return  # replaced since the selector spoke of it
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
            request = judge.taken.popleft()
            if request.key is not None:
                self._cache.keep(request.key, answer)
        share = 1 - 0.8**answered
        self._seconds_a_verdict += share * (max((now - judge.since) / answered, 1e-6) - self._seconds_a_verdict)
        judge.since = now
        self._write(whole + newline)
        if any(b'"reason": "memory"' in answer for answer in answers):
            self._retire(judge)

    def _retire(self, judge: JudgeProcess) -> None:
        """End a judge that ran out of memory: what it still holds would be missing to the next verdict."""
        self._judges.remove(judge)
        self._end(judge)
        self._take_back(judge)

    def _take_back(self, judge: JudgeProcess) -> None:
        self._queue.extendleft(reversed(judge.taken))
        self._queued_bytes += sum(len(request.line) for request in judge.taken)

    def _deadline(self, judge: JudgeProcess) -> float:
        return judge.since + CLOCK_FACTOR * self._limits.time_limit_seconds

    def _seconds_to_deadline(self) -> float | None:
        deadlines = [self._deadline(judge) for judge in self._judges if judge.taken]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _end_overdue(self) -> None:
        for judge in [judge for judge in self._judges if judge.taken and time.monotonic() >= self._deadline(judge)]:
            # Its answer may have come while this process was busy; then it is not late.
            self._read_answers(judge)
            if judge in self._judges and judge.taken and time.monotonic() >= self._deadline(judge):
                self._replace(judge, "timeout")

    def _replace(self, judge: JudgeProcess, reason: str) -> None:
        self._judges.remove(judge)
        ended_by = self._end(judge)
        if not judge.taken:
            return
        blamed = judge.taken.popleft()
        self._take_back(judge)
        if reason == "crash":  # it had ended before it was killed, so its signal is not ours
            reason = ENDINGS.get(ended_by, reason)
        self._write(encode_verdict(number_of(blamed.line), Verdict("unjudged", None, reason)))

    def _end(self, judge: JudgeProcess) -> int:
        """End a judge. Returns the signal that it ended by, 0 for none."""
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


def _selector_for(source: int) -> selectors.BaseSelector:
    """The best selector that takes the source: epoll refuses plain files, which poll finds always ready."""
    selector = selectors.DefaultSelector()
    try:
        selector.register(source, selectors.EVENT_READ)
    except PermissionError:
        selector.close()
        return selectors.PollSelector()
    selector.unregister(source)
    return selector
