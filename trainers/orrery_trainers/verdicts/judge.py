"""The judge: a forked process that reads requests line by line and answers each before it takes the next.

It is made to be killed: it holds nothing, and the pool (``pool.py``) replaces it and judges the rest elsewhere.
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
    """Answer requests from `channel` until it is closed, then end the process: it is a fork and must not return."""
    _end_with_parent()
    _limit_memory(memory_mebibytes)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the pool decides what it means
    code = 0
    try:
        with channel.makefile("rb") as requests:
            for line in requests:
                # The kernel ends the process at the limit, in C code too. No second call takes the timer off: waiting
                # for the next request uses no processor time, and it is set anew then.
                signal.setitimer(signal.ITIMER_PROF, time_limit_seconds)
                channel.sendall(answer(domain, line))
    except (BrokenPipeError, ConnectionResetError):
        pass
    except BaseException:  # the process is a copy of its parent: whatever happens, it must not run the parent's code
        code = 1
    os._exit(code)


PR_SET_PDEATHSIG = 1


def _end_with_parent() -> None:
    """Be killed when the pool is (Linux): a judge whose verdict never ends would else run on alone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def answer(domain: Domain, line: bytes) -> bytes:
    """The answer to one request, as a line. What the domain throws is a verdict too: unjudged."""
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
    """A line of the protocol's output."""
    fields = {"id": number, "verdict": verdict.verdict, "answer": verdict.answer}
    if verdict.reason is not None:
        fields["reason"] = verdict.reason
    return json.dumps(fields, ensure_ascii=False).encode() + b"\n"


def number_of(line: bytes) -> Any:
    """The ``id`` of a request; None where it has none."""
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
    """Bound the address space where the system can (Linux does, macOS does not)."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = mebibytes * MEBIBYTE
    try:
        resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
    except (ValueError, OSError):
        return
