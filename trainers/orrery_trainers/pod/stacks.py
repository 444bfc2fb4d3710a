"""Stacks on demand: what a program hangs in can be asked of it before it is killed. *Ours*."""

from __future__ import annotations

import contextlib
import faulthandler
import io
import signal
import sys


def stacks_on_demand() -> None:
    """From now on SIGUSR1 prints the stack of every thread on stderr, and the program goes on.

    The handler runs in C, so it answers in a loop that never ends and in a call that never returns alike. Forked
    processes inherit it; those that are executed call this as the first thing that they do.
    """
    # Where a test or an embedder has put a stream without a file in place of stderr, the true one serves.
    for stream in (sys.stderr, sys.__stderr__):
        if stream is None:
            continue
        with contextlib.suppress(AttributeError, io.UnsupportedOperation, ValueError):
            faulthandler.register(signal.SIGUSR1, file=stream, all_threads=True, chain=False)
            return
