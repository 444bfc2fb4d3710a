"""The judge: a forked process that reads requests line by line and answers each one before it reads the next.

It has no state, so it can be killed at any time: the pool (``pool.py``) gives its other requests to another judge.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import socket
import sys
from typing import Any

from orrery_trainers.domains import Domain, Verdict

MEBIBYTE = 2**20


def judge_forever(domain: Domain, channel: socket.socket, time_limit_seconds: float, memory_mebibytes: int) -> None:
    """Answer requests from `channel` until it is closed, then end the process. It is a fork, so it must not return.

    time_limit_seconds: processor time for one request. memory_mebibytes: limit of the address space.
    """
    _end_with_parent()
    _limit_memory(memory_mebibytes)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole process group; the pool handles it
    code = 0
    try:
        with channel.makefile("rb") as requests:
            for line in requests:
                # The kernel ends the process at the limit, even inside C code. The timer need not be stopped: waiting
                # for the next request uses no processor time, and that request sets the timer again.
                signal.setitimer(signal.ITIMER_PROF, time_limit_seconds)
                channel.sendall(answer(domain, line))
    except (BrokenPipeError, ConnectionResetError):
        pass
    except BaseException:  # the process is a copy of its parent, so it must never return to the parent's code
        code = 1
    os._exit(code)


PR_SET_PDEATHSIG = 1


def _end_with_parent() -> None:
    """On Linux, let the kernel kill this process when the pool ends. Otherwise an endless verdict would run on."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def answer(domain: Domain, line: bytes) -> bytes:
    """The answer to one request, as a line. If the request is malformed or the domain raises, it is unjudged."""
    request: Any = None
    try:
        request = json.loads(line)
        text = {field: request[field] for field in ("problem", "reference", "completion")}
        wrong = [field for field, value in text.items() if not isinstance(value, str)]
        if wrong:
            raise TypeError(f"expected text in {', '.join(wrong)}")
    except (ValueError, TypeError, KeyError) as error:
        verdict = Verdict("unjudged", None, f"malformed request: {type(error).__name__}: {error}")
    else:
        verdict = _judge(domain, text)
    number = request.get("id") if isinstance(request, dict) else None
    return encode_verdict(number, verdict)


def encode_verdict(number: Any, verdict: Verdict) -> bytes:
    """An answer as a line of the protocol. number: the ``id`` of the request."""
    fields = {"id": number, "verdict": verdict.verdict, "answer": verdict.answer}
    if verdict.reason is not None:
        fields["reason"] = verdict.reason
    return json.dumps(fields, ensure_ascii=False).encode() + b"\n"


def number_of(line: bytes) -> Any:
    """The ``id`` of a request; None if it has none."""
    try:
        request = json.loads(line)
    except ValueError:
        return None
    return request.get("id") if isinstance(request, dict) else None


def _judge(domain: Domain, text: dict[str, str]) -> Verdict:
    try:
        return domain.verify(text["problem"], text["reference"], text["completion"])
    except MemoryError:
        return Verdict("unjudged", None, "memory")
    except Exception as error:
        return Verdict("unjudged", None, f"error: {type(error).__name__}: {error}")


def _limit_memory(mebibytes: int) -> None:
    """Limit the address space if the system supports it (Linux does, macOS does not)."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = mebibytes * MEBIBYTE
    try:
        resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
    except (ValueError, OSError):
        return
